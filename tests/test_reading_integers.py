"""Integers without Q/DQ pairs: behind Cast, stored as floats, or scaled later."""

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
    quantized,
)

from pytest_amct import decisions_of
from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.read import read_outcome
from pytest_amct.graphs.onnx.reader import read_onnx

FLOAT, INT8 = TensorProto.FLOAT, TensorProto.INT8


def untold(original: ModelProto, result: ModelProto, name: str) -> str:
    network = read_onnx(original)
    (index,) = (i for i, layer in enumerate(network.layers) if layer.name == name)
    return read_outcome(network, result).untold[index]


def conv(
    weight: list[NodeProto],
    kept: list[TensorProto],
    data: list[NodeProto] | None = None,
    behind: list[NodeProto] | None = None,
) -> ModelProto:
    """`conv_net` whose Conv reads ``d`` and ``k`` and writes ``c`` or ``c0``."""
    return model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            *(data or [node("Identity", ["s"], ["d"])]),
            *weight,
            node("Conv", ["d", "k"], ["c0" if behind else "c"], name="conv", kernel_shape=[3, 3]),
            *(behind or []),
            node("Erf", ["c"], ["y"], name="erf"),
        ],
        kept,
    )


CAST = node("Cast", ["wq"], ["k"], to=FLOAT)
DATA = [
    node("Div", ["s", "step"], ["s0"]),
    node("Round", ["s0"], ["s1"]),
    node("Clip", ["s1", "low", "high"], ["d"]),
]
RANGE = [array(n, v, np.float32) for n, v in (("low", -128), ("high", 127), ("step", 0.02))]


# --- Cast ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factors", "channel_wise"), [([0.1], False), ([0.1, 0.2, 0.1, 0.1], None)]
)
def test_a_weight_that_is_cast_from_integers_is_quantized(
    factors: list[float], channel_wise: bool | None
) -> None:
    behind = [node("Mul", ["c0", "factor"], ["c"])]
    factor = array("factor", np.reshape(factors, (1, -1, 1, 1)), np.float32)
    found = decisions(conv_net(), conv([CAST], [integers("wq", 4, 3, 3, 3), factor], None, behind))
    assert isinstance(found["conv"], Decision)
    assert (found["conv"].inputs, found["conv"].weights) == ((), True)
    # The factors that differ may be those of the data.
    assert found["conv"].weight_channel_wise is channel_wise
    assert (found["conv"].weight_asymmetric, found["conv"].weight_bits) == (False, 8)


@pytest.mark.parametrize(
    ("dtype", "offset", "scales", "expected"),
    [
        (np.int8, None, 0.1, (False, False)),
        (np.uint8, 128, 0.1, (False, False)),
        (np.uint8, 7, 0.1, (False, True)),
        (np.int8, None, np.reshape([0.1, 0.2, 0.3, 0.4], (4, 1, 1, 1)), (True, False)),
    ],
)
def test_a_cast_weight_may_be_shifted_and_scaled_before_its_layer(
    dtype: Any, offset: int | None, scales: Any, expected: tuple[bool, bool]
) -> None:
    weight = [
        node("Cast", ["wq"], ["k0"], to=FLOAT),
        *([node("Sub", ["k0", "offset"], ["k1"])] if offset is not None else []),
        node("Mul", ["k1" if offset is not None else "k0", "factor"], ["k"]),
    ]
    kept = [array("offset", offset or 0, np.float32), array("factor", scales, np.float32)]
    result = conv(weight, [integers("wq", 4, 3, 3, 3, dtype=dtype), *kept])
    found = decisions(conv_net(), result)["conv"]
    assert isinstance(found, Decision)
    assert (found.inputs, found.weights, found.weight_bits) == ((), True, 8)
    assert (found.weight_channel_wise, found.weight_asymmetric) == expected


def test_data_that_was_cast_to_integers_and_back_is_quantized() -> None:
    data = [node("Cast", ["s"], ["sq"], to=INT8), node("Cast", ["sq"], ["d"], to=FLOAT)]
    found = decisions(conv_net(), conv([CAST], [integers("wq", 4, 3, 3, 3)], data))["conv"]
    assert isinstance(found, Decision)
    assert (found.inputs, found.weights) == ((0,), True)


def test_a_cast_of_the_given_model_is_not_evidence() -> None:
    original = conv([CAST], [integers("wq", 4, 3, 3, 3)])
    assert decisions(original, original)["conv"] is None


def test_a_cast_between_floats_is_walked_through() -> None:
    half = constant("wq", 4, 3, 3, 3, dtype=np.float16)
    assert decisions(conv_net(), conv([CAST], [half]))["conv"] == Decision.float()


def test_layers_on_integers_of_unknown_origin_cannot_be_told() -> None:
    weight = [node("BitwiseNot", ["wq"], ["k0"]), node("Cast", ["k0"], ["k"], to=FLOAT)]
    result = conv(weight, [integers("wq", 4, 3, 3, 3)])
    assert "makes its weight from integers" in untold(conv_net(), result, "conv")


def test_without_the_given_model_a_cast_weight_is_seen() -> None:
    assert decisions_of(conv([CAST], [integers("wq", 4, 3, 3, 3)]))["conv"].weights


def test_layers_that_pass_sums_of_integers_on_cannot_be_told() -> None:
    result = model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            CAST,
            node("Conv", ["s", "k"], ["c"], name="conv", kernel_shape=[3, 3]),
            node("MaxPool", ["c"], ["p0"], name="pool", kernel_shape=[2, 2]),
            node("Mul", ["p0", "factor"], ["p"]),
            node("Erf", ["p"], ["y"], name="erf"),
        ],
        [integers("wq", 4, 3, 3, 3), array("factor", 0.1, np.float32)],
    )
    assert "sums of integers that Conv 'conv' makes" in untold(pooled_net(), result, "pool")


# --- integers stored as floats, as in the fake-quantized model of AMCT ---------------------------


def fake_quantized(weight: TensorProto, data: bool = True) -> ModelProto:
    weight.name = "k"
    behind = [node("Mul", ["c0", "factor"], ["c"])]
    kept = [*RANGE, array("factor", 0.1, np.float32), weight]
    return conv([], kept, DATA if data else None, behind)


WHOLE = array("k", np.random.default_rng(3).integers(-127, 127, (4, 3, 3, 3)), np.float32)


def test_integers_stored_as_floats_behind_rounded_data_are_quantized() -> None:
    found = decisions(conv_net(), fake_quantized(WHOLE))["conv"]
    assert isinstance(found, Decision)
    assert (found.inputs, found.weights, found.weight_channel_wise) == ((0,), True, False)


def test_integers_stored_as_floats_show_a_weight_alone() -> None:
    found = decisions(conv_net(), fake_quantized(WHOLE, data=False))["conv"]
    assert isinstance(found, Decision)
    assert (found.inputs, found.weights) == ((), True)


def test_whole_numbers_of_the_given_model_are_not_evidence() -> None:
    original = conv_net()
    original.graph.initializer[0].CopyFrom(array("w", np.ones((4, 3, 3, 3)), np.float32))
    ones = array("k", np.ones((4, 3, 3, 3)), np.float32)
    assert decisions(original, fake_quantized(ones, data=False))["conv"] == Decision.float()


def test_rounded_data_before_a_float_weight_asks_for_the_deploy_model() -> None:
    words = untold(conv_net(), fake_quantized(constant("w", 4, 3, 3, 3)), "conv")
    assert words == "Round (output 's1') rounds its data, which stays float: give the deploy model"


@pytest.mark.parametrize("type_", ["AveragePool", "MaxPool"])
def test_rounded_data_before_a_pool_asks_for_the_deploy_model(type_: str) -> None:
    pool = node(type_, ["s"], ["p"], name="pool", kernel_shape=[2, 2])
    ends = [node("Sin", ["x"], ["s"], name="sin"), node("Erf", ["p"], ["y"], name="erf")]
    original = model([ends[0], pool, ends[1]], [])
    rounded = node(type_, ["d"], ["p"], name="pool", kernel_shape=[2, 2])
    result = model([ends[0], *DATA, rounded, ends[1]], RANGE)
    assert "give the deploy model" in untold(original, result, "pool")


def test_a_rounding_of_the_given_model_is_not_a_doubt() -> None:
    original = fake_quantized(constant("w", 4, 3, 3, 3))
    assert decisions(original, original)["conv"] == Decision.float()


# --- ConvInteger, MatMulInteger ------------------------------------------------------------------


def conv_integer(
    behind: list[NodeProto], kept: list[TensorProto], zero: TensorProto | None = None
) -> ModelProto:
    zeros = [zero] if zero is not None else []
    inputs = ["sq", "wq", "sz", *(z.name for z in zeros)]
    return model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node("DynamicQuantizeLinear", ["s"], ["sq", "ss", "sz"]),
            node("ConvInteger", inputs, ["i"], name="conv_quant", kernel_shape=[3, 3]),
            *behind,
            node("Erf", ["c"], ["y"], name="erf"),
        ],
        [integers("wq", 4, 3, 3, 3), *zeros, *kept],
    )


TO_FLOAT = node("Cast", ["i"], ["f"], to=FLOAT)
BEHIND = {
    "product": [TO_FLOAT, node("Mul", ["ss", "ws"], ["p"]), node("Mul", ["f", "p"], ["c"])],
    "one by one": [TO_FLOAT, node("Mul", ["f", "ss"], ["g"]), node("Mul", ["g", "ws"], ["c"])],
    "weight first": [TO_FLOAT, node("Mul", ["ws", "f"], ["g"]), node("Mul", ["g", "ss"], ["c"])],
    "dequantized": [node("Mul", ["ss", "ws"], ["p"]), node("DequantizeLinear", ["i", "p"], ["c"])],
}


@pytest.mark.parametrize("behind", BEHIND.values(), ids=BEHIND)
@pytest.mark.parametrize(("scales", "channel_wise"), [([0.1], False), ([0.1, 0.2, 0.3, 0.4], True)])
def test_factors_that_are_multiplied_in_later_are_read(
    behind: list[NodeProto], scales: list[float], channel_wise: bool
) -> None:
    scale = array("ws", np.reshape(scales, (-1, 1, 1)), np.float32)
    found = decisions(conv_net(), conv_integer(behind, [scale]))["conv"]
    assert isinstance(found, Decision)
    assert (found.inputs, found.weights) == ((0,), True)
    assert (found.weight_channel_wise, found.weight_asymmetric) == (channel_wise, False)


def test_zero_points_that_differ_are_channel_wise() -> None:
    behind = [node("Cast", ["i"], ["f"], to=FLOAT), node("Mul", ["f", "ss"], ["c"])]
    zero = array("wz", [0, 1, 2, 3], np.int8)
    found = decisions(conv_net(), conv_integer(behind, [], zero))["conv"]
    assert isinstance(found, Decision)
    assert (found.weight_channel_wise, found.weight_asymmetric) == (True, True)


@pytest.mark.parametrize(
    ("stored", "zero", "asymmetric"),
    [(TensorProto.INT4, 0, False), (TensorProto.INT4, 2, True), (TensorProto.UINT4, 8, False)],
)
@pytest.mark.parametrize("form", ["pair", "integer"])
def test_weights_that_were_stored_in_four_bits_have_four(
    stored: int, zero: int, asymmetric: bool, form: str
) -> None:
    weight = helper.make_tensor("w4", stored, [4, 3, 3, 3], [1] * 108)
    wider = node("Cast", ["w4"], ["wq"], to=INT8)
    zeros = array("wz", zero, np.int8)
    if form == "pair":
        dequantize = node("DequantizeLinear", ["wq", "ws", "wz"], ["k"])
        result = conv([wider, dequantize], [weight, zeros, array("ws", 0.1, np.float32)])
    else:
        result = conv_integer(BEHIND["product"], [array("ws", 0.1, np.float32), weight], zeros)
        del result.graph.initializer[0]
        result.graph.node.insert(0, wider)
    found = decisions(conv_net(), result)["conv"]
    assert isinstance(found, Decision) and quantized(found)
    assert (found.weight_bits, found.weight_asymmetric) == (4, asymmetric)
