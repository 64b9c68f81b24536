"""Writes decisions in every form that shows them (docs/reading.md, "What forms show")."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from onnx import ModelProto

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.names import layers_by_name
from pytest_amct.decisions.onnx.qdq import data_ports
from pytest_amct.decisions.writers.deploy import write_deploy
from pytest_amct.decisions.writers.editor import DATA_SCALE, OFFSET
from pytest_amct.decisions.writers.qdq import write_qdq
from pytest_amct.decisions.writers.qoperator import write_qoperator
from pytest_amct.errors import UsageError
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.loader import load_spec
from pytest_amct.tables.model import DataFormat, Spec

FORMS = ("names", "decisions", "config", "record", "deploy", "qdq", "qoperator")
"""The forms that `write_form` can write."""

_TENSORS_ONE_BY_ONE = ("MaxPool", "Add", "Eltwise")
"""Types that AMCT quantizes only through ``tensor_quantize``."""


def write_form(
    form: str, network: Network, decisions: Mapping[str, Decision], spec: Spec | None = None
) -> Any:
    """Write decisions on a network, given by layer name, in a form.

    ``names`` is a list, ``decisions`` a dictionary, ``config`` and ``record`` are text. The other
    forms are ONNX models, changed copies of the given one. What a form cannot show is left out.
    Raises `UsageError` for an unknown form or one that does not fit the framework, and
    `OutputError` for an unknown layer.
    """
    spec = spec or load_spec()
    if form == "names":
        return [name for name, decision in decisions.items() if decision.quantized]
    if form == "decisions":
        return dict(decisions)
    if form in MODELS:
        if network.framework != "onnx":
            raise UsageError(f"{form!r} is a form of ONNX models, not of {network.framework}")
        return MODELS[form](network.raw, decisions, spec)
    if form in ("config", "record"):
        write = _config if form == "config" else _record
        return write(decisions, _layers(network, decisions), spec)
    raise UsageError(f"{form!r} is not a form: use one of {', '.join(FORMS)}")


MODELS: Mapping[str, Callable[[ModelProto, Mapping[str, Decision], Spec], ModelProto]] = {
    "deploy": write_deploy,
    "qdq": write_qdq,
    "qoperator": write_qoperator,
}


def _layers(network: Network, decisions: Mapping[str, Decision]) -> dict[str, Layer]:
    known = layers_by_name(network)
    return {n: network.layers[known[n][0]] for n in decisions if len(known.get(n, ())) == 1}


def _ports(layer: Layer | None, decision: Decision, spec: Spec) -> tuple[int, ...]:
    if decision.inputs is not None or layer is None:
        return decision.inputs or ()
    return data_ports(layer, find_row(layer, spec))


# --- configuration ---------------------------------------------------------------------------


def _config(decisions: Mapping[str, Decision], layers: Mapping[str, Layer], spec: Spec) -> str:
    found: dict[str, Any] = {"version": 1, "batch_num": 1, "activation_offset": True}
    found |= {"do_fusion": True, "skip_fusion_layers": []}
    tensors: list[dict[str, Any]] = []
    for name, decision in decisions.items():
        layer = layers.get(name)
        if layer is not None and layer.type in _TENSORS_ONE_BY_ONE and decision.weights is False:
            ports = _ports(layer, decision, spec)
            tensors += [{"layer_name": name, "input_index": port} for port in ports]
            continue
        found[name] = {"quant_enable": decision.quantized}
        if decision.weights is not None and decision.inputs != ():
            found[name]["activation_quant_params"] = _data_params(decision)
        if decision.weights:
            algorithm = "nuq_quantize" if decision.nonuniform else "arq_quantize"
            params = {
                "num_bits": decision.weight_bits,
                "wts_algo": algorithm if decision.nonuniform is not None else None,
                "channel_wise": decision.weight_channel_wise,
                "asymmetric": decision.weight_asymmetric,
            }
            found[name]["weight_quant_params"] = {k: v for k, v in params.items() if v is not None}
    if tensors:
        found["tensor_quantize"] = tensors
    return json.dumps(found, indent=4) + "\n"


def _data_params(decision: Decision) -> Any:
    """Return the parameters of the data: one entry, or one for each input if they differ."""
    each: list[dict[str, Any]] = []
    for found in decision.formats or (DataFormat(0),):
        params: dict[str, Any] = {"num_bits": found.bits or 8, "act_algo": "ifmr"}
        if found.asymmetric is not None:
            params["asymmetric"] = found.asymmetric
        each.append(params)
    return each if any(params != each[0] for params in each) else each[0]


# --- record ----------------------------------------------------------------------------------


def _record(decisions: Mapping[str, Decision], layers: Mapping[str, Layer], spec: Spec) -> str:
    lines: list[str] = []
    for name, decision in decisions.items():
        if not decision.quantized:
            continue
        layer = layers.get(name)
        row = find_row(layer, spec) if layer is not None else None
        lines += ["record {", f"  key: {json.dumps(name, ensure_ascii=False)}", "  value {"]
        has_weight = row is not None and row.ports.weight is not None
        lines += [f"    {field}" for field in _factors(decision, has_weight)]
        if row is not None and 0 < len(decision.inputs or ()) < len(row.ports.data):
            lines.append("    is_tensor_quantize: true")
        lines += ["  }", "}"]
    return "\n".join(lines) + "\n" if lines else ""


def _factors(decision: Decision, has_weight: bool) -> list[str]:
    fields = []
    if decision.inputs != ():
        asymmetric = any(found.asymmetric for found in decision.formats)
        fields += [f"scale_d: {DATA_SCALE}", f"offset_d: {OFFSET if asymmetric else 0}"]
        bits = [found.bits for found in decision.formats if found.bits]
        fields += [f'dst_type: "INT{max(bits)}"'] if bits else []
    if decision.weights or (decision.weights is None and has_weight):
        scales = (0.01, 0.02) if decision.weight_channel_wise else (0.01,)
        fields += [f"scale_w: {scale}" for scale in scales]
        fields += [f"offset_w: {OFFSET if decision.weight_asymmetric else 0}" for _ in scales]
        if decision.weight_bits is not None:
            fields.append(f'wts_type: "INT{decision.weight_bits}"')
    if decision.shift is not None:
        fields.append(f"shift_bit: {decision.shift}")
    if decision.nonuniform:
        fields += [f"cluster: {entry}" for entry in (-64, 0, 64)]
    return fields
