"""Decisions on weights of 2, 4, 6 and 8 bits, with block-wise scales, and on what BitCast moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, defs, helper
from quantized_models import (
    POOL,
    array,
    between,
    constant,
    conv_net,
    decisions,
    integers,
    model,
    node,
    quantized,
)

import pytest_amct
from pytest_amct.decisions.decision import Decision

FLOAT, INT8, UINT8, FLOAT8 = (
    TensorProto.FLOAT,
    TensorProto.INT8,
    TensorProto.UINT8,
    TensorProto.FLOAT8E4M3FN,
)
SHAPE = (4, 3, 3, 3)
SCALE = array("ws", 0.1, np.float32)


def conv(before: list[NodeProto], kept: list[TensorProto]) -> ModelProto:
    """`conv_net` with a Conv whose weight ``k`` comes out of these nodes."""
    nodes = [
        node("Sin", ["x"], ["s"], name="sin"),
        *before,
        node("Conv", ["s", "k"], ["c"], name="conv", kernel_shape=[3, 3]),
        node("Erf", ["c"], ["y"], name="erf"),
    ]
    return model(nodes, kept)


def number(name: str) -> int:
    """The number of an element type, which the oldest supported onnx may lack."""
    if not hasattr(TensorProto, name):
        pytest.skip(f"onnx has no {name}")
    return TensorProto.DataType.Value(name)


def narrow(name: str) -> TensorProto:
    return helper.make_tensor("wq", number(name), SHAPE, [1] * 108)


def read(result: ModelProto) -> Decision:
    found = decisions(conv_net(), result)["conv"]
    assert isinstance(found, Decision) and quantized(found)
    return found


BITS = {
    "INT2": 2,
    "INT4": 4,
    "FLOAT4E2M1": 4,
    "FLOAT6E2M3": 6,
    "FLOAT6E3M2": 6,
    "FLOAT8E4M3FN": 8,
    "FLOAT8E4M3FNUZ": 8,
    "FLOAT8E5M2": 8,
    "FLOAT8E5M2FNUZ": 8,
}
UNSIGNED = {"UINT2": 2, "UINT4": 4}
MIDDLE = {**dict.fromkeys(BITS, 0), "UINT2": 2, "UINT4": 8}


@pytest.mark.parametrize("name", MIDDLE)
@pytest.mark.parametrize("off", [0, 1])
def test_narrow_types_have_their_own_middle(name: str, off: int) -> None:
    zero = helper.make_tensor("wz", number(name), [], [MIDDLE[name] + off])
    pair = node("DequantizeLinear", ["wq", "ws", "wz"], ["k"])
    found = read(conv([pair], [narrow(name), SCALE, zero]))
    assert found.weight_bits == (BITS | UNSIGNED)[name]
    assert (found.weights, found.weight_asymmetric) == (True, bool(off))


@pytest.mark.parametrize("name", BITS)
@pytest.mark.parametrize("form", ["pair", "Cast"])
def test_narrow_weights_without_a_zero_point_are_symmetric(name: str, form: str) -> None:
    steps = {
        "pair": [node("DequantizeLinear", ["wq", "ws"], ["k"])],
        "Cast": [node("Cast", ["wq"], ["f"], to=FLOAT), node("Mul", ["f", "ws"], ["k"])],
    }
    found = read(conv(steps[form], [narrow(name), SCALE]))
    assert (found.weight_bits, found.weight_asymmetric) == (BITS[name], False)


@pytest.mark.parametrize("name", BITS)
def test_the_given_model_is_reconstructed_from_narrow_weights(name: str) -> None:
    result = conv([node("Cast", ["wq"], ["k"], to=FLOAT)], [narrow(name)])
    assert pytest_amct.decisions_of(result)["conv"].weight_bits == BITS[name]


BLOCKS = {"axis": 1, "block_size": 3}


@pytest.mark.parametrize(
    ("scales", "channel_wise"), [([0.1, 0.2, 0.3, 0.4], True), ([0.1] * 4, False)]
)
def test_block_wise_scales_that_differ_are_several_factors(
    scales: list[float], channel_wise: bool
) -> None:
    blocks = np.broadcast_to(np.reshape(scales, (4, 1, 1, 1)), (4, 1, 3, 3))
    pair = node("DequantizeLinear", ["wq", "ws"], ["k"], **BLOCKS)
    found = read(conv([pair], [narrow("INT4"), array("ws", blocks, np.float32)]))
    assert (found.weight_channel_wise, found.weight_bits) == (channel_wise, 4)


def test_scales_may_be_powers_of_two_of_their_own_type() -> None:
    pair = node("DequantizeLinear", ["wq", "ws"], ["k"], output_dtype=FLOAT, axis=0)
    for scales, channel_wise in (([1.0, 2.0, 4.0, 8.0], True), ([2.0] * 4, False)):
        scale = helper.make_tensor("ws", number("FLOAT8E8M0"), [4], scales)
        found = read(conv([pair], [narrow("FLOAT4E2M1"), scale]))
        assert (found.weight_channel_wise, found.weight_bits) == (channel_wise, 4)


# --- BitCast ------------------------------------------------------------------------------------

needs_bit_cast = pytest.mark.skipif(not defs.has("BitCast"), reason="onnx has no BitCast")


@needs_bit_cast
def test_integers_whose_bits_are_read_as_another_type_are_quantized() -> None:
    kept = [integers("wq", *SHAPE), SCALE]
    pair = node("DequantizeLinear", ["wb", "ws"], ["k"])
    found = read(conv([node("BitCast", ["wq"], ["wb"], to=UINT8), pair], kept))
    assert (found.weights, found.weight_bits, found.weight_asymmetric) == (True, 8, True)
    steps = [
        node("BitCast", ["wq"], ["wb"], to=FLOAT8),
        node("Cast", ["wb"], ["f"], to=FLOAT),
        node("Mul", ["f", "ws"], ["k"]),
    ]
    assert read(conv(steps, kept)).weight_bits == 8


@needs_bit_cast
def test_floats_that_are_stored_as_integers_stay_floats() -> None:
    bits = np.frombuffer(constant("w", *SHAPE).raw_data, np.int32).reshape(SHAPE)
    result = conv([node("BitCast", ["wq"], ["k"], to=FLOAT)], [array("wq", bits, np.int32)])
    assert decisions(conv_net(), result)["conv"] == Decision.float()


@needs_bit_cast
def test_a_pair_may_have_a_bit_cast_between() -> None:
    result = between("Sin", POOL, "Erf", True)
    at = [n.output[0] for n in result.graph.node].index("a_q")
    casts = [node("BitCast", ["a_q"], ["u"], to=UINT8), node("BitCast", ["u"], ["i"], to=INT8)]
    for one in reversed(casts):
        result.graph.node.insert(at + 1, one)
    result.graph.node[at + 3].input[0] = "i"
    assert quantized(decisions(between("Sin", POOL, "Erf", False), result)["target"])


@pytest.mark.parametrize(
    ("type_", "shows"), [("Swish", True), ("CumProd", True), ("TensorScatter", False)]
)
def test_a_pair_around_a_newer_operator_shows_a_decision_if_it_computes(
    type_: str, shows: bool
) -> None:
    if not defs.has(type_):
        pytest.skip(f"onnx has no {type_}")
    index: list[Any] = {"CumProd": [array("axis", 1, np.int64)]}.get(type_, [])
    operands = ["a", *(["a"] if type_ == "TensorScatter" else []), *(i.name for i in index)]
    target = [node(type_, operands, ["b"], name="target")]
    given, result = between("Sin", target, "Erf", False), between("Sin", target, "Erf", True)
    for made in (given, result):
        made.graph.initializer.extend(index)
    found = decisions(given, result)["target"]
    assert (found is not None and quantized(found)) is shows
