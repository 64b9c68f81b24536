"""Quantized models whose weights are not those of the given model, and models that are right."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checked_weights import Checked, check_weights
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper
from quantized_models import array, constant, model, node

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.writers.forms import write_form
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.tables.loader import load_spec

INPUT = [("x", [32, 32])]


def net(*nodes: Any, constants: tuple[TensorProto, ...] = ()) -> ModelProto:
    """MatMul 'first' and 'second' between layers that no quantizer touches."""
    return model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node("MatMul", ["s", "w"], ["a"], name="first"),
            node("Cos", ["a"], ["b"], name="cos"),
            node("MatMul", ["b", "v"], ["y"], name="second"),
            *nodes,
        ],
        [constant("w", 32, 32), constant("v", 32, 32), *constants],
        INPUT,
    )


def stored(proto: ModelProto, name: str) -> NDArray[Any]:
    found = next(t for t in proto.graph.initializer if t.name == name)
    return np.array(numpy_helper.to_array(found))


def put(proto: ModelProto, name: str, values: Any) -> None:
    found = next(t for t in proto.graph.initializer if t.name == name)
    found.CopyFrom(numpy_helper.from_array(values, name))


def quantized(
    original: ModelProto, channel_wise: bool = True, names: tuple[str, ...] = ("first", "second")
) -> ModelProto:
    """The model in QDQ form: correct weights, and float data."""
    how = Decision(inputs=(), weights=True, weight_channel_wise=channel_wise)
    written = write_form("qdq", read_onnx(original), dict.fromkeys(names, how), load_spec())
    assert isinstance(written, ModelProto)
    return written


def check(original: ModelProto, result: ModelProto) -> Checked:
    return check_weights(read_onnx(original), result)


def told(original: ModelProto, result: ModelProto) -> list[tuple[str, str]]:
    """The basis of each finding, and the name of its layer."""
    found = check(original, result).findings
    assert {f.kind for f in found} <= {"corrupted"}
    for finding in found:
        assert finding.status == {"stated": "failed", "inferred": "warned"}[finding.basis]
    return [(f.basis, f.layer) for f in found]


def message(original: ModelProto, result: ModelProto) -> str:
    (finding,) = check(original, result).findings
    return finding.message


FIRST, SECOND = "MatMul 'first'", "MatMul 'second'"


# --- weights that are right -------------------------------------------------------------------


@pytest.mark.parametrize("channel_wise", [False, True])
@pytest.mark.parametrize("form", ["qdq", "qoperator", "deploy"])
@pytest.mark.parametrize("type_", ["MatMul", "Gemm", "GemmB", "Conv", "ConvTranspose"])
def test_rounding_to_nearest_is_right(form: str, type_: str, channel_wise: bool) -> None:
    conv = "Conv" in type_
    shape = [1, 32, 4, 4] if conv else [2, 32]
    dims = (32, 32, 1, 1) if conv else (32, 32)
    given: dict[str, Any] = {"kernel_shape": [1, 1]} if conv else {}
    given |= {"transB": 1} if type_ == "GemmB" else {}
    nodes = [
        node("Sin", ["x"], ["s"], name="sin"),
        node(type_.removesuffix("B"), ["s", "w"], ["a"], name="it", **given),
        node("Cos", ["a"], ["y"], name="cos"),
    ]
    original = model(nodes, [constant("w", *dims)], [("x", shape)])
    if form == "qoperator" and type_ == "ConvTranspose":
        return
    how = Decision(inputs=(0,), weights=True, weight_channel_wise=channel_wise)
    result = write_form(form, read_onnx(original), {"it": how}, load_spec())
    assert check(original, result) == ([], {})  # type: ignore[arg-type]
    # and the check did compare it
    wrong = copy.deepcopy(result)
    for tensor in wrong.graph.initializer:  # type: ignore[union-attr]
        if tensor.data_type == TensorProto.INT8 and len(tensor.dims) > 1:
            values = np.array(numpy_helper.to_array(tensor))
            tensor.CopyFrom(numpy_helper.from_array(values // 2, tensor.name))
    assert check(original, wrong).unchecked  # type: ignore[arg-type]


def test_entries_beyond_the_range_are_clipped() -> None:
    original = net()
    values = stored(original, "w")
    values[3, 4] = 50.0
    put(original, "w", values)
    result = quantized(original, channel_wise=False)
    scale = np.float32(2 / 127)
    put(result, "w_scale", scale)
    put(result, "w_quantized", np.clip(np.rint(values / scale), -127, 127).astype(np.int8))
    assert told(original, result) == []
    values[3, 4] = 1.0  # clipping does not explain 127
    put(original, "w", values)
    assert told(original, result) == [("inferred", FIRST)]
    assert "entry [3, 4] of its weight is 1 in the given model and 2 " in message(original, result)


def test_half_a_step_is_the_bound() -> None:
    original = net()
    result = quantized(original, channel_wise=False)
    numbers = stored(result, "w_quantized")
    scale = float(stored(result, "w_scale"))
    values = stored(original, "w")
    values[5, 6] = (int(numbers[5, 6]) + 0.49) * scale
    put(original, "w", values)
    assert told(original, result) == []
    values[5, 6] = (int(numbers[5, 6]) + 0.6) * scale
    put(original, "w", values)
    assert told(original, result) == [("inferred", FIRST)]
    assert "the difference is 0.6 steps" in message(original, result)


def test_weights_may_be_stored_in_float16_before() -> None:
    original = net()
    half = copy.deepcopy(original)
    for name in "wv":
        put(half, name, stored(original, name).astype(np.float16).astype(np.float32))
    assert told(original, quantized(half)) == []


def of_parts(
    numbers: NDArray[Any], scale: Any, zero: Any, dtype: int = TensorProto.INT8, **how: Any
) -> ModelProto:
    """`net` with hand-made parts of the weight of 'first', and 'second' quantized correctly."""
    result = quantized(net(), names=("second",))
    tensor = helper.make_tensor("wq", dtype, numbers.shape, numbers.reshape(-1).tolist())
    zeros = np.asarray(zero)
    held = helper.make_tensor("wz", dtype, zeros.shape, zeros.reshape(-1).tolist())
    result.graph.initializer.extend([tensor, held, array("ws", scale, np.float32)])
    dequantize = node("DequantizeLinear", ["wq", "ws", "wz"], ["wd"], **how)
    result.graph.node.insert(0, dequantize)
    for found in result.graph.node:
        if found.name == "first":
            found.input[1] = "wd"
    return result


@pytest.mark.parametrize("dtype, low, high", [
    (TensorProto.UINT8, 0, 255), (TensorProto.INT4, -8, 7), (TensorProto.UINT4, 0, 15),
    (TensorProto.INT16, -32768, 32767),
])  # fmt: skip
@pytest.mark.parametrize("blocked", [False, True])
def test_narrow_and_wide_types_and_blocks(dtype: int, low: int, high: int, blocked: bool) -> None:
    values = stored(net(), "w")
    parts = values.reshape(4, 8, 32) if blocked else values.reshape(1, 32, 32)
    lowest, highest = np.minimum(parts.min(axis=1), 0), np.maximum(parts.max(axis=1), 0)
    scale = (highest - lowest) / (high - low)
    zero = np.rint(low - lowest / scale)
    spread = (np.repeat(part, parts.shape[1], 0) for part in (scale, zero))
    steps, middle = spread
    numbers = np.clip(np.rint(values / steps) + middle, low, high).astype(int)
    how = {"axis": 0, "block_size": 8} if blocked else {"axis": 1}
    shape = scale.shape if blocked else (32,)
    zero = np.clip(zero, low, high).astype(int)
    parts_of = (scale.reshape(shape), zero.reshape(shape))
    assert check(net(), of_parts(numbers, *parts_of, dtype, **how)) == ([], {})
    flat = numbers.copy()
    flat[7] = np.roll(flat[7], 3)
    assert told(net(), of_parts(flat, *parts_of, dtype, **how)) != []


def test_moved_weights_are_found() -> None:
    original = net()
    result = quantized(original)
    numbers, scale = stored(result, "w_quantized"), stored(result, "w_scale")
    put(result, "w_quantized", np.ascontiguousarray(numbers.T))
    for i, found in enumerate(result.graph.node):
        if found.output[0].startswith("w_quantized_Deq"):
            found.attribute[0].i = 0
            moved = node("Transpose", [found.output[0]], ["turned"], perm=[1, 0])
            result.graph.node.insert(i + 1, moved)
            break
    next(n for n in result.graph.node if n.name == "first").input[1] = "turned"
    assert check(original, result) == ([], {})
    put(result, "w_scale", scale[::-1].copy())
    assert told(original, result) != []


def test_a_reshaped_weight_is_found() -> None:
    original = net()
    result = quantized(original, channel_wise=False)
    put(result, "w_quantized", stored(result, "w_quantized").reshape(64, 16))
    result.graph.initializer.append(array("shape", [32, 32], np.int64))
    first = next(n for n in result.graph.node if n.name == "first")
    at = list(result.graph.node).index(first)
    result.graph.node.insert(at, node("Reshape", [first.input[1], "shape"], ["flat"]))
    next(n for n in result.graph.node if n.name == "first").input[1] = "flat"
    assert check(original, result) == ([], {})


def test_the_axis_of_several_scales() -> None:
    original = net()
    result = quantized(original)
    for found in result.graph.node:  # 1 is the default
        if found.op_type == "DequantizeLinear":
            del found.attribute[:]
    assert check(original, result) == ([], {})
    unknown = "its scale has several entries, but no axis says where they belong"
    for found in result.graph.node:
        if found.op_type == "DequantizeLinear":
            found.domain = "com.microsoft"
    assert check(original, result) == ([], {FIRST: unknown, SECOND: unknown})


def test_weights_that_cannot_be_compared_have_a_reason() -> None:
    original = net()
    result = quantized(original)
    put(original, "w", np.full((32, 32), np.nan, np.float32))
    info = helper.make_tensor_value_info("v_quantized", TensorProto.INT8, [32, 32])
    result.graph.input.append(info)
    assert check(original, result).unchecked == {
        FIRST: "the given weight has values that are not finite",
        SECOND: "callers may replace its initializer",
    }


@pytest.mark.parametrize("how", [{"shift": 3}, {"weight_asymmetric": True}])
def test_factors_of_a_deploy_model_that_do_not_show_the_weight(how: dict[str, Any]) -> None:
    decision = Decision(inputs=(0,), weights=True, **how)
    result = write_form("deploy", read_onnx(net()), {"first": decision}, load_spec())
    found = check(net(), result)  # type: ignore[arg-type]
    unknown = {FIRST: "no AscendDequant shows the scale of its weight"}
    assert found == ([], unknown)
    # an AscendWeightQuant on the weight may subtract an offset
    result = write_form(
        "deploy", read_onnx(net()), {"first": Decision(inputs=(0,), weights=True)}, load_spec()
    )
    assert isinstance(result, ModelProto)
    first = next(n for n in result.graph.node if n.name == "first")
    result.graph.node.insert(0, node("AscendWeightQuant", [first.input[1]], ["wq"]))
    next(n for n in result.graph.node if n.name == "first").input[1] = "wq"
    assert check(net(), result) == ([], unknown)


# --- weights that tools change on purpose -----------------------------------------------------


def test_a_folded_factor_is_not_an_error() -> None:
    """A tool folds a Mul behind the MatMul into its weight."""
    original = net(
        node("Mul", ["y", "factor"], ["z"], name="mul"), constants=(constant("factor", 32),)
    )
    original.graph.output[0].name = "z"
    folded = net()
    folded.graph.output[0].name = "z"
    folded.graph.node[-1].output[0] = "z"
    put(folded, "v", stored(folded, "v") * stored(original, "factor"))
    result = quantized(folded)
    found = check(original, result)
    assert found.findings == []
    assert found.unchecked == {SECOND: "its values changed, which tools may do on purpose"}


def test_equalized_layers_are_not_an_error() -> None:
    original = net()
    factors = np.linspace(0.2, 5, 32, dtype=np.float32)
    equal = copy.deepcopy(original)
    put(equal, "w", stored(original, "w") / factors)
    put(equal, "v", stored(original, "v") * factors[:, None])
    found = check(original, quantized(equal))
    assert found.findings == []
    assert set(found.unchecked) == {FIRST, SECOND}


def test_tuned_rounding_of_all_weights_is_not_an_error() -> None:
    original = net()
    result = quantized(original)
    rng = np.random.default_rng(1)
    for name in "wv":
        numbers = stored(result, f"{name}_quantized").astype(int)
        other = numbers + rng.integers(-1, 2, numbers.shape)
        put(result, f"{name}_quantized", np.clip(other, -128, 127).astype(np.int8))
    assert check(original, result).findings == []


def test_a_single_weight_is_never_accused_without_a_sign() -> None:
    original = net()
    result = quantized(original, names=("first",))
    put(result, "w_quantized", stored(result, "w_quantized")[::-1].copy())
    found = check(original, result)
    assert found.findings == []
    assert set(found.unchecked) == {FIRST}


def test_new_factors_may_make_up_for_a_change() -> None:
    original = net()
    smooth = copy.deepcopy(original)
    factors = np.linspace(0.2, 5, 32, dtype=np.float32)
    put(smooth, "w", stored(original, "w") * factors[:, None])
    result = quantized(smooth)
    result.graph.initializer.append(array("f", 1 / factors, np.float32))
    first = next(n for n in result.graph.node if n.name == "first")
    at = list(result.graph.node).index(first)
    result.graph.node.insert(at, node("Mul", [first.input[0], "f"], ["smooth"], name="new"))
    next(n for n in result.graph.node if n.name == "first").input[0] = "smooth"
    assert check(original, result).findings == []


def test_constant_weights_may_have_the_same_integers() -> None:
    """A factor does not mean that the integers are another layer's: both weights are all 127."""
    original = net()
    put(original, "w", np.full((32, 32), 0.5, np.float32))
    put(original, "v", np.full((32, 32), 0.25, np.float32))
    result = quantized(original)
    put(result, "v_scale", stored(result, "v_scale") * 2)
    assert told(original, result) == []
    assert set(check(original, result).unchecked) == {SECOND}


def test_alpha_may_be_folded_into_the_weight() -> None:
    original = net()
    original.graph.node[1].op_type = "Gemm"
    original.graph.node[1].attribute.append(helper.make_attribute("alpha", 0.5))
    folded = net()
    put(folded, "w", stored(original, "w") / 2)
    found = check(original, quantized(folded))
    assert found == ([], {"Gemm 'first'": "its alpha may be part of the weight"})


def test_pairs_on_a_constant() -> None:
    """QuantizeLinear and DequantizeLinear on a float weight."""
    original = net()
    result = quantized(original, names=("second",))
    result.graph.initializer.extend([array("ws", 0.02, np.float32), array("wz", 0, np.int8)])
    pair = [
        node("QuantizeLinear", ["w", "ws", "wz"], ["wq"]),
        node("DequantizeLinear", ["wq", "ws", "wz"], ["wd"]),
    ]
    for found in reversed(pair):
        result.graph.node.insert(0, found)
    next(n for n in result.graph.node if n.name == "first").input[1] = "wd"
    assert check(original, result) == ([], {})
    result.graph.initializer.append(array("other", 0.04, np.float32))
    result.graph.node[1].input[1] = "other"
    assert told(original, result) == [("inferred", FIRST)]


# --- models that are broken on purpose ---------------------------------------------------------


def parts_of(numbers: Any, scale: Any, zero: Any = 0, **how: Any) -> ModelProto:
    """`quantized(net())` with other parts of the weight of 'first'."""
    result = quantized(net())
    put(result, "w_quantized", np.asarray(numbers, np.int8))
    put(result, "w_scale", np.asarray(scale))
    put(result, "w_zero_point", np.asarray(zero, np.int8))
    found = next(n for n in result.graph.node if n.op_type == "DequantizeLinear")
    del found.attribute[:]
    found.attribute.extend(helper.make_attribute(name, value) for name, value in how.items())
    return result


SQUARE = np.ones((32, 32))


@pytest.mark.parametrize("result", [
    parts_of(SQUARE, np.ones((1, 32), np.float32), axis=0, block_size=2**62),
    parts_of(SQUARE, np.float64(1e300)),
    parts_of(SQUARE, np.zeros(32, np.float32), np.zeros(32)),
    parts_of(SQUARE, np.zeros(0, np.float32)),
    parts_of(SQUARE, np.complex64(1)),
    parts_of(SQUARE, np.asarray("one", object)),
    parts_of(np.zeros((0, 32)), np.float32(1)),
    parts_of(np.int8(1), np.ones(2, np.float32)),
    parts_of(SQUARE, np.ones(32, np.float32), axis=2**40),
])  # fmt: skip
def test_broken_parts_do_no_harm(result: ModelProto) -> None:
    check(net(), result)


@pytest.mark.parametrize("type_", ["Conv", "ConvTranspose", "Gemm", "MatMul"])
@pytest.mark.parametrize("shape", [(), (1,), (32,)])
def test_weights_of_any_rank_do_no_harm(type_: str, shape: tuple[int, ...]) -> None:
    original, result = net(), quantized(net())
    put(original, "w", np.ones(shape, np.float32))
    put(result, "w_quantized", np.arange(np.ones(shape).size, dtype=np.int8).reshape(shape))
    put(result, "w_scale", np.float32(3))
    put(result, "w_zero_point", np.int8(0))
    for proto in (original, result):
        next(n for n in proto.graph.node if n.name == "first").op_type = type_
        proto.opset_import[0].version = 2**62
    check(original, result)


# --- weights that are wrong -------------------------------------------------------------------


def test_scales_along_another_axis() -> None:
    original = net()
    result = quantized(original)
    for found in result.graph.node:
        if found.op_type == "DequantizeLinear":
            found.attribute[0].i = 0
    assert told(original, result) == [("stated", FIRST), ("stated", SECOND)]
    first = check(original, result).findings[0]
    assert "its scales are along axis 0, but the weight fits along axis 1" in first.message


def test_scales_of_another_length() -> None:
    original = net()
    result = quantized(original)
    put(result, "w_scale", stored(result, "w_scale")[:31])
    put(result, "w_zero_point", stored(result, "w_zero_point")[:31])
    assert told(original, result) == [("stated", FIRST)]
    assert "its scale has the shape [31], but axis 1 has 32 entries" in message(original, result)


def test_scales_that_are_not_finite() -> None:
    original = net()
    result = quantized(original, channel_wise=False)
    put(result, "v_scale", np.float32("nan"))
    assert told(original, result) == [("stated", SECOND)]


def test_integers_of_another_layer() -> None:
    original = net()
    result = quantized(original)
    put(result, "w_quantized", stored(result, "v_quantized"))
    assert told(original, result) == [("stated", FIRST)]
    assert f"it holds the integers of the weight of {SECOND}" in message(original, result)
    assert "its weight comes through DequantizeLinear" in message(original, result)


def shared_net() -> ModelProto:
    return net(
        node("Cos", ["y"], ["c"], name="again"),
        node("MatMul", ["c", "w"], ["d"], name="third"),
        node("Sin", ["d"], ["e"], name="end"),
    )


@pytest.mark.parametrize("channel_wise", [False, True])
def test_a_shared_initializer_that_was_quantized_twice(channel_wise: bool) -> None:
    original = shared_net()
    names = ("first", "second", "third")
    result = quantized(original, channel_wise, names)
    assert told(original, result) == []
    once = copy.deepcopy(original)
    put(once, "w", stored(result, "w_quantized").astype(np.float32))
    twice = quantized(once, channel_wise, names)
    assert told(original, twice) == [("stated", FIRST), ("stated", "MatMul 'third'")]
    assert "was quantized twice" in check(original, twice).findings[0].message


def test_a_channel_that_has_nothing_to_do_with_the_given_one() -> None:
    original = net()
    result = quantized(original)
    numbers = stored(result, "w_quantized")
    numbers[:, 9] = np.random.default_rng(3).permutation(numbers[:, 9])
    put(result, "w_quantized", numbers)
    assert told(original, result)[0][1] == FIRST
    numbers[:, 9] = np.tile([100, -100], 16)
    put(result, "w_quantized", numbers.astype(np.int8))
    assert told(original, result) == [("stated", FIRST)]
    assert "channel 9 of its weight has nothing to do with" in message(original, result)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_wrong_scale_of_one_layer_is_a_warning(factor: float) -> None:
    original = net()
    result = quantized(original)
    put(result, "w_scale", stored(result, "w_scale") * np.float32(factor))
    assert told(original, result) == [("inferred", FIRST)]


def three() -> ModelProto:
    """`net` with a third MatMul."""
    return net(
        node("Cos", ["y"], ["c"], name="again"),
        node("MatMul", ["c", "u"], ["d"], name="third"),
        node("Sin", ["d"], ["e"], name="end"),
        constants=(constant("u", 32, 32),),
    )


ALL_THREE = ("first", "second", "third")


def test_two_changed_weights_of_three_are_not_judged() -> None:
    result = quantized(three(), names=ALL_THREE)
    for name in "wv":
        put(result, f"{name}_scale", stored(result, f"{name}_scale") * 2)
    assert told(three(), result) == []
    put(result, "v_scale", stored(result, "v_scale") / 2)
    assert told(three(), result) == [("inferred", FIRST)]


def test_a_float_weight_that_changed_shows_that_the_tool_changes_weights() -> None:
    factors = np.linspace(0.2, 5, 32, dtype=np.float32)
    equal = three()
    put(equal, "w", stored(three(), "w") / factors)
    put(equal, "v", stored(three(), "v") * factors[:, None])
    assert told(three(), quantized(equal, names=("first", "third"))) == []


def test_a_small_weight_does_not_show_how_a_tool_rounds() -> None:
    original = net(
        node("MatMul", ["y", "small"], ["z"], name="third"), constants=(constant("small", 32, 4),)
    )
    result = quantized(original, names=("first", "third"))
    put(result, "w_scale", stored(result, "w_scale") * 2)
    assert told(original, result) == []


def with_channel(change: Callable[[NDArray[Any]], NDArray[Any]]) -> list[tuple[str, str]]:
    """What is told if the values of channel 9 of 'first' are changed before they are rounded."""
    result = quantized(net(), channel_wise=True)
    numbers, scale = stored(result, "w_quantized"), stored(result, "w_scale")
    values = change(stored(net(), "w")[:, 9])
    scale[9] = np.abs(values).max() / 127
    numbers[:, 9] = np.rint(values / scale[9])
    put(result, "w_quantized", numbers)
    put(result, "w_scale", scale)
    return told(net(), result)


def test_channels_that_tools_change_are_not_unrelated() -> None:
    rng = np.random.default_rng(4)
    assert with_channel(lambda v: rng.permutation(v)) == [("stated", FIRST)]
    # pruned, with something left
    assert with_channel(lambda v: rng.normal(0, 1e-3, 32)) == [("inferred", FIRST)]
    assert with_channel(lambda v: -3 * v) == [("inferred", FIRST)]


def test_a_single_large_value_does_not_make_a_channel_unrelated() -> None:
    original = net()
    values = stored(original, "w")
    result = quantized(original)
    values[3, 9] = -40.0  # no longer in the result
    put(original, "w", values)
    assert told(original, result) == [("inferred", FIRST)]


def test_rounding_up_or_down_does_not_make_a_channel_unrelated() -> None:
    original = net()
    values, rng = stored(original, "w"), np.random.default_rng(5)
    values[:, 9] = rng.uniform(0.05, 0.95, 32) * np.abs(values).max() / 127
    put(original, "w", values)
    result = quantized(original, channel_wise=False)
    numbers = stored(result, "w_quantized")
    numbers[:, 9] = rng.permutation([0, 1] * 16)
    put(result, "w_quantized", numbers)
    assert told(original, result) == [("inferred", FIRST)]


def test_equal_values_may_be_clipped() -> None:
    original = net()
    put(original, "w", np.full((32, 32), 0.5, np.float32))
    result = quantized(original, channel_wise=False)
    put(result, "w_scale", stored(result, "w_scale") * np.float32(0.7))
    assert told(original, result) == []
    put(result, "w_scale", stored(result, "w_scale") * 2)
    assert told(original, result) == [("inferred", FIRST)]


# --- readers that expect floats ---------------------------------------------------------------


def replaced(original: ModelProto) -> ModelProto:
    """The weight of 'first' replaced by integers under its own name, for all its readers."""
    result = quantized(original)
    numbers = stored(result, "w_quantized")
    kept = [t for t in result.graph.initializer if t.name not in ("w", "w_quantized")]
    del result.graph.initializer[:]
    result.graph.initializer.extend([*kept, numpy_helper.from_array(numbers, "w")])
    for found in result.graph.node:
        if found.input and found.input[0] == "w_quantized":
            found.input[0] = "w"
    return result


def test_integers_under_the_name_of_the_weight_are_right() -> None:
    assert check(net(), replaced(net())) == ([], {})


def test_a_second_reader_that_expects_floats() -> None:
    original = net(node("Add", ["y", "w"], ["sum"], name="add"))
    result = replaced(original)
    assert told(original, result) == [("stated", FIRST)]
    words = "Add 'add' reads 'w', which became int8: its other input is float32"
    assert words in message(original, result)


def captured_net() -> ModelProto:
    """A branch of an If reads the weight of 'first' as well."""
    inside = helper.make_graph(
        [node("Div", ["b", "w"], ["t"], name="inner")],
        "then",
        [],
        [helper.make_tensor_value_info("t", TensorProto.FLOAT, None)],
    )
    other = helper.make_graph(
        [node("Cos", ["y"], ["o"], name="other")],
        "else",
        [],
        [helper.make_tensor_value_info("o", TensorProto.FLOAT, None)],
    )
    flag = numpy_helper.from_array(np.asarray(True), "flag")
    branch = node("If", ["flag"], ["end"], name="if", then_branch=inside, else_branch=other)
    return net(branch, constants=(flag,))


def test_a_captured_weight_that_became_integers() -> None:
    original = captured_net()
    result = replaced(original)
    for output in result.graph.output:  # the checker requires shapes
        output.type.tensor_type.shape.dim.add()
    checker.check_model(result)  # it does not notice
    found = check(original, result).findings
    assert [f.basis for f in found] == ["stated"]
    assert "Div 'inner' in if.then_branch reads 'w', which became int8" in found[0].message


def test_a_weighted_reader_is_accused_only_if_another_dequantizes() -> None:
    original = shared_net()
    result = replaced(original)
    assert told(original, result) == [("stated", FIRST)]
    assert "MatMul 'third' reads 'w'" in message(original, result)
    raw = copy.deepcopy(original)
    put(raw, "w", stored(result, "w"))
    assert told(original, raw) == []


@pytest.mark.parametrize("reader, accused", [
    (node("Sin", ["w"], ["r"], name="reader"), True),
    (node("Concat", ["y", "w"], ["r"], name="reader", axis=0), False),
    (node("Shape", ["w"], ["r"], name="reader"), False),
], ids=lambda x: getattr(x, "op_type", ""))  # fmt: skip
def test_readers_of_integers(reader: NodeProto, accused: bool) -> None:
    original = net(reader)
    assert told(original, replaced(original)) == [("stated", FIRST)] * accused


def test_the_layer_that_dequantizes_is_accused() -> None:
    original = shared_net()
    original.graph.node[1].name, original.graph.node[5].name = "third", "first"
    assert told(original, replaced(original)) == [("stated", FIRST)]


def test_layers_of_a_deploy_model_may_take_integers() -> None:
    original = net(node("Add", ["y", "c"], ["z"], name="add"), constants=(constant("c", 32, 32),))
    result = copy.deepcopy(original)
    put(result, "c", np.ones((32, 32), np.int8))
    result.graph.node[-1].input[0] = "q"
    result.graph.node.insert(4, node("AscendQuant", ["y"], ["q"], scale=1.0, offset=0.0))
    # as in the given model
    stale = helper.make_tensor_value_info("q", TensorProto.FLOAT, [32, 32])
    result.graph.value_info.append(stale)
    assert told(original, result) == []


# --- real tools -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["onnxruntime", "onnxruntime-qoperator", "onnxruntime-dynamic"])
def test_results_of_onnxruntime(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    from pytest_amct.quantizers.loading import load_quantizer
    from pytest_amct.quantizers.protocol import InputSpec, Request

    original = shared_net()
    request = Request(
        "onnx", original.SerializeToString(), tmp_path, (InputSpec("x", "float32", (32, 32)),)
    )
    quantizer = load_quantizer(name, tmp_path)
    result = ModelProto.FromString(Path(quantizer.quantize(original, request)).read_bytes())
    assert check(original, result) == ([], {})
    edit(result, lambda values: values[:, ::-1])
    assert check(original, result) != ([], {})


def edit(proto: ModelProto, change: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
    """Change the first stored matrix of 8-bit integers."""
    for tensor in proto.graph.initializer:
        if tensor.data_type in (TensorProto.INT8, TensorProto.UINT8) and len(tensor.dims) == 2:
            values = np.ascontiguousarray(change(numpy_helper.to_array(tensor)))
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
            return
    raise AssertionError("no stored matrix")
