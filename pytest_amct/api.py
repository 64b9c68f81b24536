"""Judging without a pytest run, for other programs and property tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from onnx import ModelProto

from pytest_amct.asking import check_names
from pytest_amct.audit import Audit, audit
from pytest_amct.decisions.amct.layers import AmctDecisions, decisions_by_name
from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.names import unique_names
from pytest_amct.decisions.onnx.undone import undo_quantization
from pytest_amct.decisions.read import is_tflite, read_outcome, read_text_form
from pytest_amct.errors import UsageError
from pytest_amct.graphs.network import Network
from pytest_amct.graphs.onnx.protos import parse_onnx
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.graphs.reading import is_model_file, read_model
from pytest_amct.request_options import RequestOptions
from pytest_amct.tables.loader import spec_or_default
from pytest_amct.tables.model import Spec
from pytest_amct.verdicts import Finding, Policy

Model = ModelProto | bytes | str | os.PathLike[str] | Network
"""A model: ONNX as a proto or bytes, a file of any framework, or what a reader returned."""


def _network(model: Model) -> Network:
    if isinstance(model, Network):
        return model
    if isinstance(model, str | os.PathLike) and is_model_file(Path(model)):
        return read_model(model)
    return read_onnx(model)


def decisions_of(quantized: Any, original: Model | None = None) -> dict[str, Decision]:
    """Return what was quantized, by layer name.

    If a layer has no name, or shares its name with another layer, the key is its first output.

    `quantized` is an ONNX model in QDQ, QOperator or AMCT's deploy form, or AMCT's configuration or
    record: a proto, bytes, the path of a file, or what `read_config` and `read_record` return. It
    may also be a TensorFlow Lite model (bytes or a path), which needs the `original` model.
    With the `original` model, names are those of the original, and quantization that it already
    held is not a decision. Layers whose treatment the form does not show are left out.
    Raises `OutputError` or `ModelError`, and `UsageError` if the original model is needed.
    """
    text = quantized
    if isinstance(quantized, str | os.PathLike):
        text = read_text_form(os.fspath(quantized))
    if isinstance(text, AmctDecisions) and original is None:
        return decisions_by_name(text)
    if original is not None:
        network = _network(original)
    elif is_tflite(quantized):
        raise UsageError(
            "decisions_of: a TensorFlow Lite model does not hold the layers of the float model:"
            " give the float model as second argument"
        )
    else:
        network = read_onnx(undo_quantization(parse_onnx(quantized)))
    outcome = read_outcome(network, quantized)
    keys = unique_names(network)
    return {keys[i]: decision for i, decision in sorted(outcome.decisions.items())}


def judge(
    model: Model,
    decisions: Any,
    *,
    spec: Spec | None = None,
    strict: bool = False,
    **options: Any,
) -> list[Finding]:
    """Return what is wrong with decisions on a float model, in the order of its layers.

    `model` is ONNX as a proto or bytes, the path of an ``.onnx``, ``.pb``, ``.pbtxt``, ``.meta`` or
    ``.prototxt`` (with its caffemodel in the same folder), a SavedModel's folder, or a network.

    `decisions` is anything that a quantizer may return, including a quantized model or file.
    `options` are those of the request: ``scheme``, ``settings``, ``tensor_quantize``,
    ``skip_layers``, ``skip_layer_types``. An expected layer that is left in float is
    `not-quantized`, a warning. Raises `ModelError` or `OutputError` for what cannot be read, and
    `UsageError` for options that do not exist.
    """
    request = RequestOptions.of(options, others=("spec", "strict"))
    return audited(model, decisions, request, spec_or_default(spec), Policy(strict)).findings


def audited(
    model: Model, decisions: Any, request: RequestOptions, spec: Spec, policy: Policy
) -> Audit:
    """Return the audit of a result for a float model, see `judge`."""
    network = _network(model)
    check_names(request, network, spec)
    outcome = read_outcome(network, decisions, spec)
    return audit(network, outcome, spec, policy, lambda layer: request)
