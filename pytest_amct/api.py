"""Judging without a pytest run, for other programs and property tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from onnx import ModelProto

from pytest_amct.decisions.amct.layers import AmctDecisions, decisions_by_name
from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.names import layers_by_name, name_of, unique_names
from pytest_amct.decisions.onnx.undone import undo_quantization
from pytest_amct.decisions.read import read_outcome, read_text_form
from pytest_amct.errors import UsageError
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.graphs.onnx.protos import parse_onnx
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.graphs.reading import is_model_file, read_files
from pytest_amct.request_options import RequestOptions
from pytest_amct.tables.loader import spec_or_default
from pytest_amct.tables.model import Spec
from pytest_amct.verdicts import Finding, Policy, judge_layer
from pytest_amct.wording import instead, written

Model = ModelProto | bytes | str | os.PathLike[str] | Network
"""A model: ONNX as a proto or bytes, a file of any framework, or what a reader returned."""


def _network(model: Model) -> Network:
    if isinstance(model, Network):
        return model
    if isinstance(model, str | os.PathLike) and is_model_file(Path(model)):
        return read_files(model).network(os.fspath(model))
    return read_onnx(model)


def decisions_of(quantized: Any, original: Model | None = None) -> dict[str, Decision]:
    """Return what was quantized, by layer name.

    If a layer has no name, or shares its name with another layer, the key is its first output.

    `quantized` is an ONNX model in QDQ, QOperator or AMCT's deploy form, or AMCT's configuration or
    record: a proto, bytes, the path of a file, or what `read_config` and `read_record` return.
    With the `original` model, names are those of the original, and quantization that it already
    held is not a decision. Layers whose treatment the form does not show are left out.
    Raises `OutputError` or `ModelError`.
    """
    text = quantized
    if isinstance(quantized, str | os.PathLike):
        text = read_text_form(os.fspath(quantized))
    if isinstance(text, AmctDecisions) and original is None:
        return decisions_by_name(text)
    if original is not None:
        network = _network(original)
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
    spec = spec_or_default(spec)
    network = _network(model)
    _check_names(request, network, spec)
    outcome = read_outcome(network, decisions, spec)
    policy = Policy(strict=strict)
    found: list[Finding] = []
    for layer in network.layers:
        record = judge_layer("", "", layer, outcome, spec, policy, request)
        found += record.findings
        if record.expected and record.decided == "float":
            found.append(policy.apply(_not_quantized(layer, record.row)))
    return found


def _check_names(options: RequestOptions, network: Network, spec: Spec) -> None:
    """Raise `UsageError` for layers that the model lacks and types that the tables lack."""
    for argument in ("tensor_quantize", "skip_layers"):
        for name in getattr(options, argument):
            _check_layer(argument, name, network)
    types = sorted({ir for row in spec.rows for ir in row.ir})
    for type_ in options.skip_layer_types:
        if type_ not in types:
            raise UsageError(
                f"skip_layer_types: {written(type_)} is not an Ascend IR type of {spec.title}"
                f"{instead(type_, types)}"
            )


def _check_layer(argument: str, name: str, network: Network) -> None:
    known = layers_by_name(network)
    if known.get(name) == []:  # a layer of a Caffe net that does not run at inference
        return
    names = [called for layer in network.layers if (called := name_of(layer))]
    if name in names:
        return
    if name in known:
        layer = network.layers[known[name][0]]
        raise UsageError(
            f"{argument}: {written(name)} is an output of {layer}: name the layer,"
            f" {written(name_of(layer))}"
        )
    raise UsageError(
        f"{argument}: {written(name)} is not a layer of the model{instead(name, names)}"
    )


def _not_quantized(layer: Layer, row: str | None) -> Finding:
    message = f"{layer} was left in float, although {row} lists it and every condition holds"
    return Finding("not-quantized", row or "", "", str(layer), "warned", message, row=row)
