"""Operators of other or unknown domains in the models that quantizers return."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper
from quantized_models import (
    array,
    constant,
    conv_net,
    decisions,
    integers,
    model,
    node,
    pooled_net,
)

from pytest_amct import decisions_of
from pytest_amct.decisions.decision import Decision, Outcome
from pytest_amct.decisions.read import read_outcome
from pytest_amct.graphs.onnx.reader import read_onnx

Nodes = list[NodeProto]


def outcome_of(original: ModelProto, result: ModelProto) -> Outcome:
    for domain in {n.domain for n in result.graph.node} - {"", "com.microsoft"}:
        result.opset_import.append(helper.make_opsetid(domain, 1))
    return read_outcome(read_onnx(original), result)


def decided(original: ModelProto, result: ModelProto, name: str = "conv") -> Decision | str | None:
    """The decision on a layer, or the reason why there is none."""
    outcome = outcome_of(original, result)
    layers = read_onnx(original).layers
    (index,) = (i for i, layer in enumerate(layers) if layer.name == name)
    assert index not in outcome.untold or index not in outcome.decisions
    assert index not in outcome.unmatched
    return outcome.untold.get(index, outcome.decision(index))


def conv(data: Nodes, weight: Nodes, kept: list[TensorProto], at: str = "s_dq") -> ModelProto:
    """`conv_net` whose Conv reads ``s_dq`` and ``w_dq``, the outputs of these nodes."""
    return model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            *data,
            *weight,
            node("Conv", [at, "w_dq"], ["c"], name="conv", kernel_shape=[3, 3]),
            node("Erf", ["c"], ["y"], name="erf"),
        ],
        [constant("w", 4, 3, 3, 3), *kept],
    )


def fake(type_: str, domain: str, parameters: list[str], **attributes: Any) -> tuple[Nodes, Nodes]:
    """Data and weight, each behind a quantizer that is a single node."""
    data, weight = (
        [node(type_, [name, *parameters], [f"{name}_dq"], domain=domain, **attributes)]
        for name in ("s", "w")
    )
    return data, weight


def pairs(kind: str, domain: str, zero: bool = True) -> tuple[Nodes, Nodes]:
    """A quantizer and a dequantizer on data and weight; ``kind`` has a gap for their names."""
    parameters = ["scale", "zero"] if zero else ["scale"]
    data, weight = (
        [
            node(kind.format("Quantize"), [name, *parameters], [f"{name}_q"], domain=domain),
            node(
                kind.format("Dequantize"), [f"{name}_q", *parameters], [f"{name}_dq"], domain=domain
            ),
        ]
        for name in ("s", "w")
    )
    return data, weight


SCALE = array("scale", 0.02, np.float32)
BF16_ZERO = helper.make_tensor("zero", TensorProto.BFLOAT16, [], [0.0])


@pytest.mark.parametrize(
    ("kind", "domain", "zero", "bits"),
    [
        ("Extended{}Linear", "com.amd.quark", BF16_ZERO, 16),
        ("Vitis{}Linear", "com.vai.quantize", array("zero", 0, np.int16), 16),
        ("TRT_FP8{}Linear", "trt", None, 8),
        ("TRT_INT4{}Linear", "trt", None, 4),
        ("TRT_MXFP8{}Linear", "trt", None, 8),
        ("{}Linear", "trt", array("zero", 0, np.int8), 8),
        ("{}Linear", "com.acme", array("zero", 0, np.int8), 8),
    ],
    ids=str,
)
def test_pairs_of_other_domains_are_read(
    kind: str, domain: str, zero: TensorProto | None, bits: int
) -> None:
    data, weight = pairs(kind, domain, zero is not None)
    result = conv(data, weight, [SCALE, *([zero] if zero is not None else [])])
    found = decided(conv_net(), result)
    assert isinstance(found, Decision)
    assert (found.inputs, found.weights, found.evidence) == ((0,), True, "stated")
    assert (found.weight_asymmetric, found.weight_bits) == (False, bits)
    assert decided(conv_net(), result, "erf") == Decision.float()


BLOCKS = {"axis": 1, "bit_width": 16, "block_size": 8, "rounding_mode": 2}


@pytest.mark.parametrize(
    ("type_", "domain", "attributes"),
    [
        ("BFPQuantizeDequantize", "com.amd.quark", {"bfp_method": "to_bfp", **BLOCKS}),
        ("MXQuantizeDequantize", "com.amd.quark", {"element_dtype": "int8"}),
        ("BFPFixNeuron", "com.vai.quantize", BLOCKS),
        ("TRT_FP4QDQ", "trt", {"block_size": 16}),
    ],
)
def test_quantizers_of_one_node_are_read(type_: str, domain: str, attributes: Any) -> None:
    found = decided(conv_net(), conv(*fake(type_, domain, [], **attributes), []))
    assert isinstance(found, Decision)
    assert (found.inputs, found.weights, found.weight_channel_wise) == ((0,), True, None)


CHANNELS = np.arange(1, 5).reshape(4, 1, 1, 1)


def range_of(low: Any, high: Any) -> list[TensorProto]:
    return [array(n, v, np.float32) for n, v in (("low", low), ("high", high))]


@pytest.mark.parametrize(
    ("levels", "low", "high", "expected"),
    [
        (255, -1.27, 1.27, (False, False, 8)),
        (256, -1.28, 1.27, (False, False, 8)),
        (256, -1.0, 1.0, (False, False, 8)),
        (256, 0.0, 2.55, (False, True, 8)),
        (16, -0.8, 0.7, (False, False, 4)),
        (
            255,
            [[[[-1]]], [[[-2]]], [[[-3]]], [[[-1]]]],
            [[[[1]]], [[[2]]], [[[3]]], [[[1]]]],
            (True, False, 8),
        ),
        (255, 1.0, 1.0, (False, None, 8)),
    ],
)
def test_fake_quantize_of_openvino_shows_its_settings(
    levels: int, low: Any, high: Any, expected: Any
) -> None:
    parameters = ["low", "high", "low", "high"]
    nodes = fake("FakeQuantize", "org.openvinotoolkit", parameters, levels=levels)
    found = decided(conv_net(), conv(*nodes, range_of(low, high)))
    assert isinstance(found, Decision)
    assert (found.inputs, found.weights) == ((0,), True)
    seen = (found.weight_channel_wise, found.weight_asymmetric, found.weight_bits)
    assert seen == expected


@pytest.mark.parametrize(
    "domain", ["qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general"]
)
@pytest.mark.parametrize(
    ("scale", "zero", "signed", "expected"),
    [
        (0.1, 0, 1, (False, False, 4)),
        (0.1, 3, 1, (False, True, 4)),
        (0.1, 8, 0, (False, False, 4)),
        (CHANNELS, 0, 1, (True, False, 4)),
    ],
)
def test_quant_of_qonnx_shows_its_settings(
    domain: str, scale: Any, zero: int, signed: int, expected: Any
) -> None:
    kept = [array(n, v, np.float32) for n, v in (("qs", scale), ("qz", zero), ("qb", 4))]
    nodes = fake("Quant", domain, ["qs", "qz", "qb"], signed=signed, narrow=0)
    found = decided(conv_net(), conv(*nodes, kept))
    assert isinstance(found, Decision)
    seen = (found.weight_channel_wise, found.weight_asymmetric, found.weight_bits)
    assert (found.inputs, seen) == ((0,), expected)


def test_a_pool_between_quantizers_of_one_node_is_the_tools_choice() -> None:
    original = model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node("AveragePool", ["s"], ["p"], name="pool", kernel_shape=[2, 2]),
            node("Erf", ["p"], ["y"], name="erf"),
        ],
        [],
    )
    result = model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node("BFPQuantizeDequantize", ["s"], ["s_q"], domain="com.amd.quark"),
            node("AveragePool", ["s_q"], ["p"], name="pool", kernel_shape=[2, 2]),
            node("BFPQuantizeDequantize", ["p"], ["p_q"], domain="com.amd.quark"),
            node("Erf", ["p_q"], ["y"], name="erf"),
        ],
        [],
    )
    found = decided(original, result, "pool")
    assert isinstance(found, Decision)
    assert (found.inputs, found.weights, found.evidence) == ((0,), False, "stated")
    assert "BFPQuantizeDequantize" in found.seen


# --- foreign operators -------------------------------------------------------------------------


@pytest.mark.parametrize("domain", ["com.acme", ""])
@pytest.mark.parametrize("at", ["weight", "data", "both"])
def test_a_layer_behind_a_foreign_operator_cannot_be_told(domain: str, at: str) -> None:
    quiet = {"s": node("Identity", ["s"], ["s_dq"]), "w": node("Identity", ["w"], ["w_dq"])}
    data, weight = fake("MyQuantize", domain, [])
    data = data if at != "weight" else [quiet["s"]]
    weight = weight if at != "data" else [quiet["w"]]
    told = decided(conv_net(), conv(data, weight, []))
    assert isinstance(told, str)
    assert "MyQuantize" in told
    assert f"does not know, makes its {'data' if at == 'data' else 'weight'}" in told


def test_a_quantized_weight_shows_although_its_data_cannot_be_told() -> None:
    data, _ = fake("MyQuantize", "com.acme", [])
    _, weight = pairs("{}Linear", "")
    found = decided(conv_net(), conv(data, weight, [SCALE, array("zero", 0, np.int8)]))
    assert isinstance(found, Decision)
    assert (found.inputs, found.weights) == (None, True)


def test_a_foreign_operator_of_the_given_model_is_not_a_quantizer() -> None:
    original = conv(*fake("Bend", "com.acme", []), [])
    assert decided(original, conv(*fake("Bend", "com.acme", []), [])) == Decision.float()


@pytest.mark.parametrize("type_", ["Transpose", "Identity", "Cast"])
def test_float_operators_of_onnx_are_walked_through(type_: str) -> None:
    to = {"to": 1} if type_ == "Cast" else {}
    data, weight = fake(type_, "", [], **to)
    assert decided(conv_net(), conv(data, weight, [])) == Decision.float()


@pytest.mark.parametrize("type_", ["FusedConv", "Gelu"])
def test_float_operators_of_onnxruntime_are_not_foreign(type_: str) -> None:
    result = conv_net()
    result.graph.node[0].CopyFrom(node(type_, ["x"], ["s"], domain="com.microsoft"))
    assert decided(conv_net(), result) == Decision.float()


@pytest.mark.parametrize("type_", ["AveragePool", "MaxPool", "Exp"])
@pytest.mark.parametrize("before", [True, False])
def test_a_layer_without_a_weight_at_a_foreign_operator_cannot_be_told(
    type_: str, before: bool
) -> None:
    kernel = {"kernel_shape": [2, 2]} if "Pool" in type_ else {}
    original = model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node(type_, ["s"], ["p"], name="target", **kernel),
            node("Erf", ["p"], ["y"], name="erf"),
        ],
        [],
    )
    ahead = [node("MyQuantize", ["p"], ["p_q"], domain="com.acme")]
    behind = (
        [node("MyQuantize", ["s"], ["s_q"], domain="com.acme")]
        if before
        else [
            node("QuantizeLinear", ["s", "scale", "zero"], ["s_i"]),
            node("DequantizeLinear", ["s_i", "scale", "zero"], ["s_q"]),
        ]
    )
    result = model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            *behind,
            node(type_, ["s_q"], ["p"], name="target", **kernel),
            *ahead,
            node("Erf", ["p_q"], ["y"], name="erf"),
        ],
        [SCALE, array("zero", 0, np.int8)],
    )
    told = decided(original, result, "target")
    assert isinstance(told, str)
    assert "com.acme::MyQuantize" in told


def test_a_foreign_operator_in_the_place_of_a_layer_is_named() -> None:
    result = conv_net()
    result.graph.node[1].domain, result.graph.node[1].op_type = "com.acme", "QuantizedConv"
    told = decided(conv_net(), result)
    assert told == "com.acme::QuantizedConv 'conv', which this suite does not know, replaces it"


def test_a_layer_behind_a_foreign_operator_in_a_deploy_model_cannot_be_told() -> None:
    result = model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node("AscendQuant", ["s"], ["s_i"], scale=1.0, offset=0.0),
            node("Conv", ["s_i", "w"], ["c"], name="conv", kernel_shape=[3, 3]),
            node("MyQuantize", ["c"], ["c_q"], domain="com.acme"),
            node("MaxPool", ["c_q"], ["p"], name="pool", kernel_shape=[2, 2]),
            node("Erf", ["p"], ["y"], name="erf"),
        ],
        [integers("w", 4, 3, 3, 3)],
    )
    # The Conv's sum goes into the foreign operator: only without it would the pool be float.
    result.graph.node[2].input[0] = "s"
    told = decided(pooled_net(), result, "pool")
    assert isinstance(told, str) and "MyQuantize" in told


def test_what_is_float_without_the_given_model_goes_by_what_foreign_pairs_leave() -> None:
    data, weight = pairs("Extended{}Linear", "com.amd.quark")
    result = conv(data, weight, [SCALE, BF16_ZERO])
    result.opset_import.append(helper.make_opsetid("com.amd.quark", 1))
    assert decisions_of(result)["conv"].weights
    assert not decisions(conv_net(), conv_net())["conv"].quantized  # type: ignore[union-attr]
