"""What a quantizer returns, read as decisions on the layers of the model that it was given."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from pytest_amct.errors import OutputError, UsageError
from pytest_amct.graphs.onnx_reader import read_onnx
from pytest_amct.quantizers import builtin_onnxruntime
from pytest_amct.quantizers.onnx_decisions import SHOWS_NOTHING
from pytest_amct.quantizers.protocol import Decision, InputSpec, Outcome, Request
from pytest_amct.quantizers.reading import read_outcome

node = helper.make_node
IMAGE = ("x", [1, 3, 8, 8])


def constant(name: str, *shape: int, dtype: Any = np.float32, seed: int = 0) -> TensorProto:
    rng = np.random.default_rng(hash_of(name) + seed)
    return numpy_helper.from_array(np.asarray(rng.normal(0.1, 1, shape), dtype), name)


def hash_of(name: str) -> int:
    return sum(ord(letter) * 31**i for i, letter in enumerate(name)) % 2**32


def model(
    nodes: list[NodeProto],
    constants: list[TensorProto],
    inputs: list[tuple[str, list[int]]] | None = None,
    outputs: list[str] | None = None,
    dtype: int = TensorProto.FLOAT,
) -> ModelProto:
    inputs = inputs if inputs is not None else [IMAGE]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, dtype, shape) for name, shape in inputs],
        [helper.make_tensor_value_info(name, dtype, None) for name in outputs or ["y"]],
        constants,
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def decisions(original: ModelProto, result: object) -> dict[str, Decision | str | None]:
    """Decisions by layer name; `"untraceable"` and ``None`` (unknown) are spelled out."""
    network = read_onnx(original)
    outcome = read_outcome(network, result)
    assert outcome.status == "decided"
    return {
        layer.name or layer.outputs[0].name: (  # type: ignore[union-attr]
            "untraceable" if i in outcome.untraceable else outcome.decision(i)
        )
        for i, layer in enumerate(network.layers)
    }


def quantized(decision: Decision | str | None) -> bool:
    assert isinstance(decision, Decision), decision
    return decision.quantized


def conv_net() -> ModelProto:
    """Sin, Conv and Erf: a Conv between layers that no quantizer touches."""
    return model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node("Conv", ["s", "w"], ["c"], name="conv", kernel_shape=[3, 3]),
            node("Erf", ["c"], ["y"], name="erf"),
        ],
        [constant("w", 4, 3, 3, 3)],
    )


def pair(tensor: str, scale: str = "scale") -> list[NodeProto]:
    """A Q/DQ pair on a tensor; what comes out is called ``<tensor>_dq``."""
    return [
        node("QuantizeLinear", [tensor, scale, "zero"], [f"{tensor}_q"]),
        node("DequantizeLinear", [f"{tensor}_q", scale, "zero"], [f"{tensor}_dq"]),
    ]


def scalars(dtype: Any = np.int8, zero: int = 0) -> list[TensorProto]:
    return [
        numpy_helper.from_array(np.asarray(0.02, np.float32), "scale"),
        numpy_helper.from_array(np.asarray(zero, dtype), "zero"),
    ]


def integers(name: str, *shape: int, dtype: Any = np.int8) -> TensorProto:
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    rng = np.random.default_rng(hash_of(name))
    return numpy_helper.from_array(rng.integers(low, high, shape).astype(dtype), name)


def array(name: str, values: Any, dtype: Any) -> TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def qdq_conv(
    scale: TensorProto,
    zero: TensorProto | None,
    dtype: Any = np.int8,
    data: bool = True,
    hops: tuple[str, ...] = (),
    domain: str = "",
) -> ModelProto:
    """`conv_net` with its Conv's weight in QDQ form."""
    weight = ["wq", scale.name] + ([zero.name] if zero is not None else [])
    nodes = [
        node("Sin", ["x"], ["s"], name="sin"),
        *(pair("s") if data else []),
        node("DequantizeLinear", weight, ["w0"], axis=0, domain=domain),
    ]
    last = "w0"
    for i, type_ in enumerate(hops):
        nodes.append(node(type_, [last], [f"w{i + 1}"]))
        last = f"w{i + 1}"
    nodes += [
        node("Conv", ["s_dq" if data else "s", last], ["c"], name="conv", kernel_shape=[3, 3]),
        node("Erf", ["c"], ["y"], name="erf"),
    ]
    kept = [scale, *([zero] if zero is not None else [])]
    return model(nodes, [integers("wq", 4, 3, 3, 3, dtype=dtype), *scalars(), *kept])


ONE = array("ws", 0.01, np.float32)
SEVERAL = array("ws", [0.01, 0.02, 0.03, 0.04], np.float32)


# --- QDQ, layers with a weight -----------------------------------------------------------------


def test_a_layer_is_quantized_if_its_weight_comes_through_dequantize_linear() -> None:
    found = decisions(conv_net(), qdq_conv(ONE, array("wz", 0, np.int8)))
    conv = found["conv"]
    assert isinstance(conv, Decision)
    assert (conv.inputs, conv.weights, conv.evidence) == ((0,), True, "stated")
    assert (conv.weight_channel_wise, conv.weight_asymmetric, conv.weight_bits) == (False, False, 8)
    assert found["sin"] == Decision.float()
    assert found["erf"] == Decision.float()


def test_pairs_of_onnxruntimes_domain_count_as_well() -> None:
    found = decisions(conv_net(), qdq_conv(ONE, array("wz", 0, np.int8), domain="com.microsoft"))
    assert quantized(found["conv"])


def test_a_weight_alone_is_read_as_weights_only() -> None:
    conv = decisions(conv_net(), qdq_conv(ONE, array("wz", 0, np.int8), data=False))["conv"]
    assert isinstance(conv, Decision)
    assert (conv.inputs, conv.weights) == ((), True)
    assert conv.treatment.scheme == "weight_only"


def test_dequantized_data_alone_decides_nothing() -> None:
    result = conv_net()
    for at, extra in enumerate(pair("s"), 1):
        result.graph.node.insert(at, extra)
    result.graph.node[3].input[0] = "s_dq"
    result.graph.initializer.extend(scalars())
    assert decisions(conv_net(), result)["conv"] == Decision.float()


@pytest.mark.parametrize(
    ("scales", "channel_wise"),
    [([0.01, 0.02, 0.03, 0.04], True), ([0.01] * 4, False), (0.01, False), ([0.01], False)],
)
def test_only_scales_that_differ_are_channel_wise(scales: Any, channel_wise: bool) -> None:
    zeros = array("wz", np.zeros_like(scales), np.int8)
    conv = decisions(conv_net(), qdq_conv(array("ws", scales, np.float32), zeros))["conv"]
    assert isinstance(conv, Decision)
    assert conv.weight_channel_wise is channel_wise


@pytest.mark.parametrize(
    ("dtype", "zero", "asymmetric"),
    [
        (np.int8, 0, False),
        (np.int8, 3, True),
        (np.uint8, 128, False),
        (np.uint8, 0, True),
        (np.uint8, None, True),
        (np.int8, None, False),
        (np.int16, 0, False),
        (np.uint16, 32768, False),
        (np.uint16, 32767, True),
    ],
)
def test_a_zero_point_off_the_middle_is_asymmetric(
    dtype: Any, zero: int | None, asymmetric: bool
) -> None:
    zeros = None if zero is None else array("wz", zero, dtype)
    conv = decisions(conv_net(), qdq_conv(ONE, zeros, dtype))["conv"]
    assert isinstance(conv, Decision)
    assert conv.weight_asymmetric is asymmetric
    assert conv.weight_bits == np.iinfo(dtype).bits


@pytest.mark.parametrize(
    ("type_", "zero", "asymmetric", "bits"),
    [
        (TensorProto.INT4, 0, False, 4),
        (TensorProto.INT4, 1, True, 4),
        (TensorProto.UINT4, 8, False, 4),
        (TensorProto.UINT4, 0, True, 4),
        (TensorProto.FLOAT8E4M3FN, 0, False, 8),
    ],
)
def test_narrow_types_have_their_own_middle(
    type_: int, zero: int, asymmetric: bool, bits: int
) -> None:
    result = qdq_conv(ONE, helper.make_tensor("wz", type_, [], [zero]))
    weight = helper.make_tensor("wq", type_, [4, 3, 3, 3], [1] * 108)
    result.graph.initializer[0].CopyFrom(weight)
    conv = decisions(conv_net(), result)["conv"]
    assert isinstance(conv, Decision)
    assert (conv.weight_asymmetric, conv.weight_bits) == (asymmetric, bits)


def test_constants_outside_of_the_file_leave_the_setting_unknown() -> None:
    scale = TensorProto(name="ws", data_type=TensorProto.FLOAT, dims=[4])
    scale.data_location = TensorProto.EXTERNAL
    conv = decisions(conv_net(), qdq_conv(scale, array("wz", [0] * 4, np.int8)))["conv"]
    assert isinstance(conv, Decision)
    assert (conv.weights, conv.weight_channel_wise, conv.weight_asymmetric) == (True, None, False)


@pytest.mark.parametrize("hops", [("Identity",), ("Transpose", "Transpose"), ("Dropout",)])
def test_the_weight_may_be_moved_behind_its_dequantize_linear(hops: tuple[str, ...]) -> None:
    found = decisions(conv_net(), qdq_conv(ONE, array("wz", 0, np.int8), hops=hops))
    assert quantized(found["conv"])


def test_computing_behind_its_dequantize_linear_is_no_quantized_weight() -> None:
    found = decisions(conv_net(), qdq_conv(ONE, array("wz", 0, np.int8), hops=("Neg",)))
    assert not quantized(found["conv"])


def test_data_behind_a_clip_is_unknown_not_float() -> None:
    original = model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node("Relu", ["s"], ["r"], name="relu"),
            node("Conv", ["r", "w"], ["y"], name="conv"),
        ],
        [constant("w", 4, 3, 3, 3)],
    )
    result = model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            *pair("s"),
            node("Relu", ["s_dq"], ["r"], name="relu"),
            node("DequantizeLinear", ["wq", "scale", "zero"], ["w"]),
            node("Conv", ["r", "w"], ["y"], name="conv"),
        ],
        [integers("wq", 4, 3, 3, 3), *scalars()],
    )
    conv = decisions(original, result)["conv"]
    assert isinstance(conv, Decision)
    assert (conv.inputs, conv.weights, conv.treatment.scheme) == (None, True, "uniform")


def shared_weight(dedicated: bool) -> tuple[ModelProto, ModelProto]:
    constants = [constant("w", 4, 3, 3, 3)]
    ends = [node("Add", ["a", "b"], ["y"], name="add")]
    convs = [node("Conv", ["x", "w"], [out], name=f"conv_{out}") for out in "ab"]
    original = model(convs + ends, constants)
    result = copy.deepcopy(original)
    dequantize = [node("DequantizeLinear", ["wq", "scale", "zero"], [f"w{i}"]) for i in "ab"]
    for conv, weight in zip(result.graph.node, ("wa", "wb" if dedicated else "wa"), strict=False):
        conv.input[1] = weight
    for extra in dequantize if dedicated else dequantize[:1]:
        result.graph.node.insert(0, extra)
    result.graph.initializer.pop()
    result.graph.initializer.extend([integers("wq", 4, 3, 3, 3), *scalars()])
    return original, result


@pytest.mark.parametrize(("dedicated", "evidence"), [(True, "stated"), (False, "inferred")])
def test_a_dequantize_linear_that_two_layers_read_may_be_the_others(
    dedicated: bool, evidence: str
) -> None:
    found = decisions(*shared_weight(dedicated))
    for name in ("conv_a", "conv_b"):
        conv = found[name]
        assert isinstance(conv, Decision)
        assert (conv.weights, conv.evidence) == (True, evidence)


def product(left: str, right: str, first: str, last: str) -> ModelProto:
    """MatMul of two tensors that the network computes, between two layers of given types."""
    nodes = [
        node(first, ["p"], ["a"], name="first"),
        node(first, ["q"], ["b"], name="second"),
        *(pair("a") if left == "a_dq" else []),
        *(pair("b") if right == "b_dq" else []),
        node("MatMul", [left, right], ["m"], name="matmul"),
        node(last, ["m"], ["y"], name="last"),
    ]
    return model(nodes, scalars(), [("p", [4, 8]), ("q", [8, 5])])


def test_two_dequantized_operands_between_float_layers_are_the_tools_choice() -> None:
    original = product("a", "b", "Sin", "Erf")
    matmul = decisions(original, product("a_dq", "b_dq", "Sin", "Erf"))["matmul"]
    assert isinstance(matmul, Decision)
    assert (matmul.inputs, matmul.weights, matmul.evidence) == ((0,), True, "stated")
    assert matmul.weight_asymmetric is None  # an activation's zero point is no weight offset


def test_two_operands_that_quantized_neighbours_dequantize_show_nothing() -> None:
    def network(quantize: bool) -> ModelProto:
        weights = [("p", "u", "a"), ("q", "v", "b")]
        dequantized = [f"{w}_dq" if quantize else w for _, w, _ in weights]
        nodes: list[NodeProto] = []
        for (data, weight, out), port in zip(weights, dequantized, strict=True):
            if quantize:
                source = [f"{weight}q", "scale", "zero"]
                nodes += [node("DequantizeLinear", source, [port]), *pair(data)]
            given = f"{data}_dq" if quantize else data
            nodes.append(node("MatMul", [given, port], [out], name=f"matmul_{out}"))
            nodes += pair(out) if quantize else []
        operands = ["a_dq", "b_dq"] if quantize else ["a", "b"]
        nodes += [node("MatMul", operands, ["m"], name="both"), node("Erf", ["m"], ["y"])]
        stored = [integers("uq", 8, 8), integers("vq", 5, 8)]
        plain = [constant("u", 8, 8), constant("v", 5, 8)]
        kept = [*stored, *scalars()] if quantize else plain
        return model(nodes, kept, [("p", [8, 8]), ("q", [8, 5])])

    found = decisions(network(False), network(True))
    assert quantized(found["matmul_a"])
    assert found["both"] is None


def quantized_matmul(data: str, weight: str, out: str) -> list[NodeProto]:
    """A MatMul whose weight, ``<weight>q``, is quantized."""
    source = [f"{weight}q", "scale", "zero"]
    return [
        node("DequantizeLinear", source, [weight]),
        node("MatMul", [data, weight], [out], name=f"matmul_{out}"),
    ]


def test_two_operands_whose_neighbours_are_all_quantized_are_inferred() -> None:
    inputs = [("p", [8, 8]), ("q", [8, 5])]
    plain = [constant("u", 8, 8), constant("v", 5, 8)]
    original = model(
        [
            node("MatMul", ["p", "u"], ["a"], name="matmul_a"),
            node("MatMul", ["q", "v"], ["b"], name="matmul_b"),
            node("MatMul", ["a", "b"], ["m"], name="both"),
            node("MatMul", ["m", "v"], ["y"], name="matmul_y"),
        ],
        plain,
        inputs,
    )
    result = model(
        [
            *quantized_matmul("p", "u", "a"),
            *quantized_matmul("q", "v", "b"),
            *pair("a"),
            *pair("b"),
            node("MatMul", ["a_dq", "b_dq"], ["m"], name="both"),
            *pair("m"),
            node("MatMul", ["m_dq", "v"], ["y"], name="matmul_y"),
        ],
        [integers("uq", 8, 8), integers("vq", 5, 8), *scalars()],
        inputs,
    )
    both = decisions(original, result)["both"]
    assert isinstance(both, Decision)
    assert (both.inputs, both.weights, both.evidence) == ((0,), True, "inferred")


# --- QDQ, layers without a weight --------------------------------------------------------------


def between(
    before: str, focal: list[NodeProto], after: str, pairs: bool, port: str = "a"
) -> ModelProto:
    """A layer that reads ``a`` and writes ``b``, between two layers, with or without Q/DQ.

    A Conv as neighbour is quantized where `pairs` is set.
    """
    nodes: list[NodeProto] = []
    kept = scalars()
    for i, (type_, source, out) in enumerate([(before, "x", "a"), ("", "", ""), (after, "b", "y")]):
        if not type_:
            focal = copy.deepcopy(focal)
            if pairs:
                for layer in focal:
                    layer.input[:] = ["a_dq" if name == "a" else name for name in layer.input]
            nodes += (pair("a") if pairs else []) + focal + (pair("b") if pairs else [])
            continue
        source = "b_dq" if pairs and source == "b" else source
        if type_ != "Conv":
            nodes.append(node(type_, [source], [out], name=f"n{i}"))
            continue
        if pairs and source == "x":
            nodes += pair("x")
            source = "x_dq"
        weight = constant(f"w{i}", 3, 3, 1, 1)
        kept += [integers(f"w{i}q", 3, 3, 1, 1)] if pairs else [weight]
        if pairs:
            nodes.append(node("DequantizeLinear", [f"w{i}q", "scale", "zero"], [f"w{i}"]))
        nodes.append(node("Conv", [source, f"w{i}"], [out], name=f"n{i}"))
    return model(nodes, kept)


POOL = [node("AveragePool", ["a"], ["b"], name="focal", kernel_shape=[2, 2])]
EXP = [node("Exp", ["a"], ["b"], name="focal")]


@pytest.mark.parametrize(
    ("before", "after", "evidence"),
    [
        ("Sin", "Erf", "stated"),
        ("Conv", "Erf", "stated"),
        ("Sin", "Conv", "stated"),
        ("Conv", "Conv", "inferred"),
    ],
)
@pytest.mark.parametrize("focal", [POOL, EXP], ids=["listed", "unlisted"])
def test_a_pair_that_no_neighbour_explains_is_stated(
    focal: list[NodeProto], before: str, after: str, evidence: str
) -> None:
    original = between(before, focal, after, pairs=False)
    decision = decisions(original, between(before, focal, after, pairs=True))["focal"]
    assert isinstance(decision, Decision)
    assert (decision.inputs, decision.weights, decision.evidence) == ((0,), False, evidence)


def test_another_reader_explains_a_pair_before_a_layer() -> None:
    def network(pairs: bool) -> ModelProto:
        result = between("Sin", EXP, "Conv", pairs)
        weight = "w2"
        source = "a_dq" if pairs else "a"
        result.graph.node.append(node("Conv", [source, weight], ["z"], name="companion"))
        result.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, None))
        return result

    decision = decisions(network(False), network(True))["focal"]
    assert isinstance(decision, Decision)
    assert decision.evidence == "inferred"


def test_another_reader_that_is_float_explains_nothing() -> None:
    def network(pairs: bool) -> ModelProto:
        result = between("Sin", EXP, "Conv", pairs)
        if pairs:
            rest = ["a_q", "scale", "zero"]
            result.graph.node.append(node("DequantizeLinear", rest, ["a_other"]))
        result.graph.node.append(node("Cos", ["a_other" if pairs else "a"], ["z"], name="cos"))
        result.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, None))
        return result

    decision = decisions(network(False), network(True))["focal"]
    assert isinstance(decision, Decision)
    assert decision.evidence == "stated"


def test_a_quantized_neighbour_explains_a_pair_behind_a_layer_that_moves_values() -> None:
    focal = [node("Transpose", ["t"], ["a"], name="t"), *EXP]

    def network(pairs: bool) -> ModelProto:
        result = between("Conv", EXP, "Conv", pairs)
        conv = next(n for n in result.graph.node if n.name == "n0")
        conv.output[0] = "t"
        at = list(result.graph.node).index(conv) + 1
        result.graph.node.insert(at, focal[0])
        return result

    decision = decisions(network(False), network(True))["focal"]
    assert isinstance(decision, Decision)
    assert decision.evidence == "inferred"


@pytest.mark.parametrize("type_", ["Relu", "Flatten", "Transpose", "Identity", "Dropout"])
def test_types_that_move_or_clip_values_show_nothing(type_: str) -> None:
    focal = [node(type_, ["a"], ["b"], name="focal")]
    original = between("Sin", focal, "Erf", pairs=False)
    assert type_ in SHOWS_NOTHING
    assert decisions(original, between("Sin", focal, "Erf", pairs=True))["focal"] is None
    assert decisions(original, original)["focal"] is None


def test_a_layer_that_also_goes_out_in_float_is_float() -> None:
    original = between("Sin", EXP, "Erf", pairs=False)
    result = between("Sin", EXP, "Erf", pairs=True)
    result.graph.node.append(node("Cos", ["b"], ["z"], name="cos"))
    result.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, None))
    assert decisions(original, result)["focal"] == Decision.float()
    original.graph.output.append(helper.make_tensor_value_info("b", TensorProto.FLOAT, None))
    result = between("Sin", EXP, "Erf", pairs=True)
    result.graph.output.append(helper.make_tensor_value_info("b", TensorProto.FLOAT, None))
    assert decisions(original, result)["focal"] == Decision.float()


@pytest.mark.parametrize(("operand", "expected"), [("k_dq", True), ("k", False)])
def test_an_add_needs_all_its_inputs_constants_included(operand: str, expected: bool) -> None:
    def network(pairs: bool) -> ModelProto:
        add = [node("Add", ["a", operand if pairs else "k"], ["b"], name="focal")]
        result = between("Sin", add, "Erf", pairs)
        if pairs and operand == "k_dq":
            dequantize = node("DequantizeLinear", ["k_int", "scale", "zero"], ["k_dq"])
            result.graph.node.insert(0, dequantize)
            result.graph.initializer.append(integers("k_int", 1, 3, 1, 1))
        else:
            result.graph.initializer.append(constant("k", 1, 3, 1, 1))
        return result

    decision = decisions(network(False), network(True))["focal"]
    assert quantized(decision) is expected
    if expected:
        assert isinstance(decision, Decision)
        assert (decision.inputs, decision.weights) == ((0, 1), False)


def test_an_unlisted_type_needs_its_changing_inputs_only() -> None:
    focal = [node("Mul", ["a", "k"], ["b"], name="focal")]
    original, result = (between("Sin", focal, "Erf", pairs) for pairs in (False, True))
    for proto in (original, result):
        proto.graph.initializer.append(constant("k", 1, 3, 1, 1))
    decision = decisions(original, result)["focal"]
    assert isinstance(decision, Decision)
    assert (decision.inputs, decision.evidence) == ((0,), "stated")


# --- models that were quantized before ---------------------------------------------------------


def test_pairs_of_the_original_are_no_evidence() -> None:
    weighted = qdq_conv(SEVERAL, array("wz", [0] * 4, np.int8))
    assert decisions(weighted, weighted)["conv"] is None
    pooled = between("Sin", POOL, "Erf", pairs=True)
    assert decisions(pooled, pooled)["focal"] is None


def test_a_pair_on_top_of_the_originals_is_evidence() -> None:
    original = qdq_conv(ONE, None)
    result = copy.deepcopy(original)
    at = next(i for i, n in enumerate(result.graph.node) if n.name == "conv")
    for extra in reversed(pair("w0")):
        result.graph.node.insert(at, extra)
    next(n for n in result.graph.node if n.name == "conv").input[1] = "w0_dq"
    conv = decisions(original, result)["conv"]
    assert isinstance(conv, Decision)
    assert conv.weights is True
    assert conv.inputs is None  # the data was dequantized before


def test_integer_operators_of_the_original_are_nobodys_decision() -> None:
    original = qlinear_net()
    found = decisions(original, original)
    assert found["conv_quant"] is None
    assert found["pool"] is None


# --- QOperator ---------------------------------------------------------------------------------


def qlinear_net(weight_scale: TensorProto = ONE, weight_zero: int = 0) -> ModelProto:
    """Sin, QLinearConv, MaxPool on int8, Erf."""
    zeros = array("wz", np.full(weight_scale.dims, weight_zero), np.int8)
    conv = ["s_q", "scale", "zero", "wq", "ws", "wz", "scale", "zero"]
    return model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node("QuantizeLinear", ["s", "scale", "zero"], ["s_q"]),
            node("QLinearConv", conv, ["c_q"], name="conv_quant", kernel_shape=[3, 3]),
            node("MaxPool", ["c_q"], ["p_q"], name="pool", kernel_shape=[2, 2]),
            node("DequantizeLinear", ["p_q", "scale", "zero"], ["p"]),
            node("Erf", ["p"], ["y"], name="erf"),
        ],
        [integers("wq", 4, 3, 3, 3), weight_scale, zeros, *scalars()],
    )


def pooled_net() -> ModelProto:
    return model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node("Conv", ["s", "w"], ["c"], name="conv", kernel_shape=[3, 3]),
            node("MaxPool", ["c"], ["p"], name="pool", kernel_shape=[2, 2]),
            node("Erf", ["p"], ["y"], name="erf"),
        ],
        [constant("w", 4, 3, 3, 3)],
    )


@pytest.mark.parametrize(
    ("scale", "zero", "channel_wise", "asymmetric"),
    [(ONE, 0, False, False), (SEVERAL, 0, True, False), (ONE, 7, False, True)],
)
def test_qlinear_conv_shows_data_weights_and_settings(
    scale: TensorProto, zero: int, channel_wise: bool, asymmetric: bool
) -> None:
    found = decisions(pooled_net(), qlinear_net(scale, zero))
    conv = found["conv"]
    assert isinstance(conv, Decision)
    assert (conv.inputs, conv.weights, conv.weight_bits) == ((0,), True, 8)
    assert (conv.weight_channel_wise, conv.weight_asymmetric) == (channel_wise, asymmetric)
    assert found["erf"] == Decision.float()


def test_a_pool_that_now_works_on_integers_is_quantized() -> None:
    pool = decisions(pooled_net(), qlinear_net())["pool"]
    assert isinstance(pool, Decision)
    assert (pool.inputs, pool.weights, pool.evidence) == ((0,), False, "stated")


def test_a_float_layer_between_integer_operators_is_float() -> None:
    """Dequantized only to get back to float: that is how QOperator form leaves a layer alone."""
    original = model(
        [
            node("Conv", ["x", "w"], ["a"], name="one"),
            node("Exp", ["a"], ["b"], name="exp"),
            node("Conv", ["b", "w2"], ["y"], name="two"),
        ],
        [constant("w", 3, 3, 1, 1), constant("w2", 3, 3, 1, 1)],
    )
    rest = ["scale", "zero"]
    conv = [*rest, "wq", *rest, *rest]
    result = model(
        [
            node("QuantizeLinear", ["x", *rest], ["x_q"]),
            node("QLinearConv", ["x_q", *conv], ["a_q"], name="one"),
            node("DequantizeLinear", ["a_q", *rest], ["a"]),
            node("Exp", ["a"], ["b"], name="exp"),
            node("QuantizeLinear", ["b", *rest], ["b_q"]),
            node("QLinearConv", ["b_q", *conv], ["y_q"], name="two"),
            node("DequantizeLinear", ["y_q", *rest], ["y"]),
        ],
        [integers("wq", 3, 3, 1, 1), *scalars()],
    )
    found = decisions(original, result)
    assert found["exp"] == Decision.float()
    assert quantized(found["one"]) and quantized(found["two"])


@pytest.mark.parametrize("side", ["before", "behind"])
def test_a_float_layer_next_to_one_integer_operator_is_float(side: str) -> None:
    rest = ["scale", "zero"]
    linear = [*rest, "wq", *rest, *rest]
    conv = ["x", "w"] if side == "before" else ["e", "w"]
    exp = ["c"] if side == "before" else ["x"]
    if side == "before":
        original = [node("Conv", conv, ["c"], name="conv"), node("Exp", exp, ["e"], name="exp")]
        nodes = [
            node("QuantizeLinear", ["x", *rest], ["x_q"]),
            node("QLinearConv", ["x_q", *linear], ["c_q"], name="conv_quant"),
            node("DequantizeLinear", ["c_q", *rest], ["c"]),
            node("Exp", ["c"], ["e"], name="exp"),
            *pair("e"),
            node("Erf", ["e_dq"], ["y"], name="erf"),
        ]
        last = "e"
    else:
        original = [node("Exp", exp, ["e"], name="exp"), node("Conv", conv, ["c"], name="conv")]
        nodes = [
            *pair("x"),
            node("Exp", ["x_dq"], ["e"], name="exp"),
            node("QuantizeLinear", ["e", *rest], ["e_q"]),
            node("QLinearConv", ["e_q", *linear], ["c_q"], name="conv_quant"),
            node("DequantizeLinear", ["c_q", *rest], ["c"]),
            node("Erf", ["c"], ["y"], name="erf"),
        ]
        last = "c"
    plain = model([*original, node("Erf", [last], ["y"], name="erf")], [constant("w", 3, 3, 1, 1)])
    found = decisions(plain, model(nodes, [integers("wq", 3, 3, 1, 1), *scalars()]))
    assert found["exp"] == Decision.float()
    assert quantized(found["conv"])


def test_an_activations_zero_point_is_no_weight_offset() -> None:
    inputs = [("p", [4, 8]), ("q", [8, 5])]
    original = model([node("MatMul", ["p", "q"], ["y"], name="matmul")], [], inputs)
    rest = ["scale", "zero"]
    result = model(
        [
            node("QuantizeLinear", ["p", *rest], ["p_q"]),
            node("QuantizeLinear", ["q", *rest], ["q_q"]),
            node(
                "QLinearMatMul", ["p_q", *rest, "q_q", *rest, *rest], ["y_q"], name="matmul_quant"
            ),
            node("DequantizeLinear", ["y_q", *rest], ["y"]),
        ],
        scalars(zero=9),
        inputs,
    )
    matmul = decisions(original, result)["matmul"]
    assert isinstance(matmul, Decision)
    assert (matmul.inputs, matmul.weights, matmul.weight_asymmetric) == ((0,), True, None)


@pytest.mark.parametrize(
    ("given", "type_", "inputs", "expected"),
    [
        ("AveragePool", "QLinearAveragePool", (0,), (0,)),
        ("GlobalAveragePool", "QLinearGlobalAveragePool", (0,), (0,)),
        ("Sigmoid", "QLinearSigmoid", (0,), (0,)),
        ("LeakyRelu", "QLinearLeakyRelu", (0,), (0,)),
        ("Softmax", "QLinearSoftmax", (0,), (0,)),
        ("Add", "QLinearAdd", (0, 1), (0, 1)),
        ("Mul", "QLinearMul", (0, 1), (0, 1)),
    ],
)
def test_onnxruntimes_integer_operators_stand_for_layers_without_weights(
    given: str, type_: str, inputs: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    operands = ["a", "k"][: len(inputs)]
    plain = [node("Sin", ["x"], ["a"], name="sin"), node("Cos", ["x"], ["k"], name="cos")]
    original = model([*plain, node(given, operands, ["y"], name="focal")], [])
    rest = ["scale", "zero"]
    linear = [part for name in operands for part in (f"{name}_q", *rest)] + rest
    result = model(
        [
            *plain,
            node("QuantizeLinear", ["a", *rest], ["a_q"]),
            node("QuantizeLinear", ["k", *rest], ["k_q"]),
            node(type_, linear, ["y_q"], name="focal_quant", domain="com.microsoft"),
            node("DequantizeLinear", ["y_q", *rest], ["y"]),
        ],
        scalars(),
    )
    decision = decisions(original, result)["focal"]
    assert isinstance(decision, Decision)
    assert (decision.inputs, decision.weights, decision.evidence) == (expected, False, "stated")


def test_packed_weights_are_weights_only() -> None:
    original = model(
        [node("MatMul", ["x", "w"], ["y"], name="matmul")], [constant("w", 32, 4)], [("x", [2, 32])]
    )
    packed = node(
        "MatMulNBits",
        ["x", "b", "bs"],
        ["y"],
        name="matmul_Q4",
        domain="com.microsoft",
        K=32,
        N=4,
        bits=4,
        block_size=32,
    )
    scales = array("bs", [0.1, 0.2, 0.3, 0.4], np.float32)
    result = model([packed], [integers("b", 4, 1, 16, dtype=np.uint8), scales], [("x", [2, 32])])
    matmul = decisions(original, result)["matmul"]
    assert isinstance(matmul, Decision)
    assert (matmul.inputs, matmul.weights, matmul.weight_bits) == ((), True, 4)
    assert (matmul.weight_channel_wise, matmul.weight_asymmetric) == (True, False)


# --- matching ----------------------------------------------------------------------------------


def test_a_layer_that_is_gone_is_untraceable_and_not_float() -> None:
    result = conv_net()
    erf = result.graph.node.pop()
    result.graph.node[-1].output[0] = erf.output[0]
    found = decisions(conv_net(), result)
    assert found["erf"] == "untraceable"
    assert found["conv"] == Decision.float()


def test_layers_without_names_are_found_by_their_output() -> None:
    original, result = conv_net(), qdq_conv(ONE, array("wz", 0, np.int8))
    for layer in [*original.graph.node, *result.graph.node]:
        layer.name = ""
    assert quantized(decisions(original, result)["c"])


def test_names_that_two_layers_have_do_not_match_but_their_outputs_do() -> None:
    original, result = conv_net(), qdq_conv(ONE, array("wz", 0, np.int8))
    for layer in [*original.graph.node, *result.graph.node]:
        layer.name = "same"
    network = read_onnx(original)
    outcome = read_outcome(network, result)
    assert [d.quantized for _, d in sorted(outcome.decisions.items())] == [False, True, False]


def test_layers_of_one_name_are_told_apart_in_another_order() -> None:
    original, result = two_convs(), two_convs(quantize=("first",))
    for proto in (original, result):
        for layer in proto.graph.node:
            layer.name = "same" if layer.op_type == "Conv" else layer.name
    backwards = [*result.graph.node[:1], *reversed(result.graph.node[1:3]), result.graph.node[3]]
    result = model([copy.deepcopy(layer) for layer in backwards], list(result.graph.initializer))
    outcome = read_outcome(read_onnx(original), result)
    assert [outcome.decisions[i].quantized for i in range(3)] == [True, False, False]


def renamed(proto: ModelProto) -> ModelProto:
    """The same with all names of nodes and inner tensors replaced, weights included."""
    proto = copy.deepcopy(proto)
    kept = {info.name for info in [*proto.graph.input, *proto.graph.output]}
    names: dict[str, str] = {}

    def new(name: str) -> str:
        if not name or name in kept:
            return name
        return names.setdefault(name, f"t{len(names)}")

    for stored in proto.graph.initializer:
        stored.name = new(stored.name)
    for i, layer in enumerate(proto.graph.node):
        layer.name = f"n{i}"
        layer.input[:] = [new(name) for name in layer.input]
        layer.output[:] = [new(name) for name in layer.output]
    del proto.graph.value_info[:]
    return proto


def two_convs(quantize: tuple[str, ...] = ()) -> ModelProto:
    """Two Convs of the same shapes side by side; those named get quantized weights."""
    nodes, kept = [], [*scalars()]
    for name in ("first", "second"):
        plain = constant(name, 4, 3, 3, 3)
        if name in quantize:
            values = numpy_helper.to_array(plain)
            whole = np.clip(np.round(values / 0.04), -127, 127).astype(np.int8)
            step = [f"{name}_int", f"{name}_scale", "zero"]
            nodes.append(node("DequantizeLinear", step, [name]))
            kept += [
                array(f"{name}_int", whole, np.int8),
                array(f"{name}_scale", 0.04, np.float32),
            ]
        else:
            kept.append(plain)
        nodes.append(node("Conv", ["x", name], [f"{name}_out"], name=f"conv_{name}"))
    nodes.append(node("Sub", ["first_out", "second_out"], ["y"], name="sub"))
    return model(nodes, kept)


def test_renamed_layers_are_recognised_by_their_weights() -> None:
    found = decisions(two_convs(), renamed(two_convs(quantize=("second",))))
    assert not quantized(found["conv_first"])
    assert quantized(found["conv_second"])


def test_transposed_weights_are_recognised() -> None:
    weight = numpy_helper.to_array(constant("w", 8, 5))
    gemm = [node("Gemm", ["x", "w"], ["h"], name="gemm"), node("Erf", ["h"], ["y"], name="erf")]
    original = model(gemm, [array("w", weight, np.float32)], [("x", [4, 8])])
    whole = np.clip(np.round(weight.T / 0.04), -127, 127)
    result = model(
        [
            node("DequantizeLinear", ["wq", "ws", "zero"], ["wt"]),
            node("Gemm", ["x", "wt"], ["other"], name="renamed", transB=1),
            node("Neg", ["other"], ["minus"], name="neg"),
            node("Erf", ["minus"], ["y"], name="erf"),
        ],
        [array("wq", whole, np.int8), array("ws", 0.04, np.float32), *scalars()],
        [("x", [4, 8])],
    )
    assert quantized(decisions(original, result)["gemm"])


def test_equal_weights_do_not_tell_layers_apart() -> None:
    def network(quantize: bool) -> ModelProto:
        proto = two_convs()
        for stored in proto.graph.initializer[-2:]:
            stored.CopyFrom(array(stored.name, np.ones((4, 3, 3, 3)), np.float32))
        return renamed(proto) if quantize else proto

    found = decisions(network(False), network(True))
    assert found["conv_first"] == found["conv_second"] == "untraceable"


def test_a_weight_that_two_renamed_layers_have_names_neither() -> None:
    original = two_convs()
    result = two_convs(quantize=("second",))
    second = result.graph.node[-2]
    assert second.name == "conv_second"
    second.input[1] = "first"
    assert decisions(original, renamed(result))["conv_first"] == "untraceable"


def test_a_renamed_layer_between_matched_neighbours_is_found_by_position() -> None:
    original = between("Sin", POOL, "Erf", pairs=False)
    result = between("Sin", POOL, "Erf", pairs=True)
    for layer in result.graph.node:
        if layer.name == "focal":
            layer.name = "other"
            layer.output[0] = "o"
        layer.input[:] = ["o" if name == "b" else name for name in layer.input]
    assert quantized(decisions(original, result)["focal"])


def test_a_matmul_may_come_back_as_a_gemm() -> None:
    original = model(
        [
            node("MatMul", ["x", "w"], ["m"], name="mm"),
            node("Add", ["m", "b"], ["a"], name="bias"),
            node("Erf", ["a"], ["y"], name="erf"),
        ],
        [constant("w", 8, 5), constant("b", 5)],
        [("x", [4, 8])],
    )
    result = model(
        [
            node("DequantizeLinear", ["wq", "scale", "zero"], ["wd"]),
            node("Gemm", ["x", "wd", "b"], ["a"], name="mm/MatMulAddFusion"),
            node("Erf", ["a"], ["y"], name="erf"),
        ],
        [integers("wq", 8, 5), constant("b", 5), *scalars()],
        [("x", [4, 8])],
    )
    found = decisions(original, result)
    assert quantized(found["mm"])
    assert found["bias"] == "untraceable"


def test_layers_in_nested_graphs_are_read_too() -> None:
    def network(quantize: bool) -> ModelProto:
        def branch(out: str) -> onnx.GraphProto:
            nodes = [node("Conv", ["x", "w"], [f"{out}_c"], name=f"conv_{out}")]
            nodes.append(node("Erf", [f"{out}_c"], [out], name=f"erf_{out}"))
            info = helper.make_tensor_value_info(out, TensorProto.FLOAT, None)
            return helper.make_graph(nodes, out, [], [info])

        branches = {"then_branch": branch("then"), "else_branch": branch("else")}
        nodes = [node("If", ["flag"], ["y"], name="if", **branches)]  # type: ignore[arg-type]
        if quantize:
            nodes.insert(0, node("DequantizeLinear", ["wq", "scale", "zero"], ["wd"]))
            branches["then_branch"].node[0].input[1] = "wd"
            nodes[1] = node("If", ["flag"], ["y"], name="if", **branches)  # type: ignore[arg-type]
        kept = [constant("w", 3, 3, 1, 1), integers("wq", 3, 3, 1, 1), *scalars()]
        kept.append(array("flag", True, np.bool_))
        return model(nodes, kept)

    found = decisions(network(False), network(True))
    assert quantized(found["conv_then"])
    assert not quantized(found["conv_else"])


# --- names and mappings ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "result",
    [["conv"], ("conv",), {"conv"}, frozenset({"conv"}), {"conv": 1}.keys()],
    ids=lambda result: type(result).__name__,
)
def test_names_are_quantized_and_the_rest_is_unknown(result: object) -> None:
    found = decisions(conv_net(), result)
    assert found["conv"] == Decision()
    assert found["sin"] is None


def test_a_generator_of_names_is_read_once() -> None:
    found = decisions(conv_net(), (name for name in ["conv", "erf"]))
    assert quantized(found["conv"]) and quantized(found["erf"])


def test_nothing_named_is_nothing_known() -> None:
    assert set(decisions(conv_net(), []).values()) == {None}


def test_a_mapping_says_what_was_done() -> None:
    done = Decision(inputs=(), weights=True, weight_bits=4)
    found = decisions(conv_net(), {"conv": done, "sin": False, "erf": True})
    assert found == {"conv": done, "sin": Decision.float(), "erf": Decision()}


def test_layers_are_called_by_their_output_where_no_node_has_that_name() -> None:
    original = conv_net()
    original.graph.node[1].name = ""
    assert decisions(original, ["c"])["c"] == Decision()
    original.graph.node[0].name = "c"  # now a node has the name that is also the Conv's output
    outcome = read_outcome(read_onnx(original), ["c"])
    assert outcome.decisions == {0: Decision()}


def test_a_name_that_two_layers_have_makes_both_untraceable() -> None:
    original = conv_net()
    original.graph.node[2].name = "conv"
    outcome = read_outcome(read_onnx(original), ["conv", "sin"])
    assert outcome.untraceable == {1, 2}
    assert outcome.decisions == {0: Decision()}


def test_an_unknown_name_is_told_with_the_nearest_one() -> None:
    with pytest.raises(OutputError, match=r"'conf'.*did you mean 'conv'\?"):
        decisions(conv_net(), ["conf"])


# --- nonsense ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (None, "None"),
        (7, "7 of type int"),
        (True, "True of type bool"),
        (object, "of type type"),
        ([1, 2], "1 of type int"),
        (["conv", None], "None"),
        ({"conv": 3}, "'conv' is 3 of type int"),
        ({"conv": None}, "'conv' is None"),
        ({3: True}, "3 of type int"),
        ("conv", "'conv'"),
        ("", "''"),
    ],
)
def test_nonsense_is_refused_in_one_sentence(result: object, shown: str) -> None:
    with pytest.raises(OutputError) as error:
        decisions(conv_net(), result)
    assert shown in str(error.value)
    assert "\n" not in str(error.value)


def test_a_generator_that_fails_is_an_output_error() -> None:
    with pytest.raises(OutputError, match="ZeroDivisionError"):
        decisions(conv_net(), (str(1 // n) for n in [0]))


# --- models that are broken --------------------------------------------------------------------


def test_models_come_as_proto_bytes_or_path(tmp_path: Path) -> None:
    result = qdq_conv(ONE, array("wz", 0, np.int8))
    file, other = tmp_path / "result.onnx", tmp_path / "result.bin"
    onnx.save(result, file)
    onnx.save(result, other)
    data = result.SerializeToString()
    for form in (result, data, bytearray(data), file, str(file), str(other)):
        assert quantized(decisions(conv_net(), form)["conv"])


@pytest.mark.parametrize("result", [b"", b"no model at all", Path("none.onnx"), "none.onnx"])
def test_what_is_no_model_is_an_output_error(result: object) -> None:
    with pytest.raises(OutputError):
        decisions(conv_net(), result)


def test_a_lost_input_or_output_is_an_output_error() -> None:
    result = conv_net()
    result.graph.input[0].name = result.graph.node[0].input[0] = "other"
    with pytest.raises(OutputError, match="lost the graph input 'x'"):
        decisions(conv_net(), result)
    result = conv_net()
    result.graph.output[0].name = result.graph.node[-1].output[0] = "other"
    with pytest.raises(OutputError, match="lost the graph output 'y'"):
        decisions(conv_net(), result)


def test_dangling_and_doubled_tensors_are_output_errors() -> None:
    result = conv_net()
    result.graph.node[1].input[1] = "nowhere"
    with pytest.raises(OutputError, match="'nowhere', which nothing"):
        decisions(conv_net(), result)
    result = conv_net()
    result.graph.node.append(node("Neg", ["x"], ["c"]))
    with pytest.raises(OutputError, match="'c' more than once"):
        decisions(conv_net(), result)
    result = conv_net()
    result.graph.initializer.append(constant("w", 1))
    with pytest.raises(OutputError, match="'w' more than once"):
        decisions(conv_net(), result)


# --- onnxruntime -------------------------------------------------------------------------------

onnxruntime = pytest.importorskip("onnxruntime")


def real_net() -> ModelProto:
    """Every row's type once, with float neighbours at both ends."""
    return model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node("Conv", ["s", "w1", "b1"], ["c"], name="conv", kernel_shape=[3, 3]),
            node("Relu", ["c"], ["r"], name="relu"),
            node("MaxPool", ["r"], ["p"], name="maxpool", kernel_shape=[2, 2]),
            node("AveragePool", ["p"], ["a"], name="avgpool", kernel_shape=[2, 2]),
            node("Add", ["a", "k"], ["d"], name="add"),
            node("GlobalAveragePool", ["d"], ["g"], name="global"),
            node("Flatten", ["g"], ["f"], name="flatten"),
            node("Gemm", ["f", "w2", "b2"], ["h"], name="gemm", transB=1),
            node("MatMul", ["h", "w3"], ["m"], name="matmul"),
            node("Erf", ["m"], ["y"], name="erf"),
        ],
        [
            constant("w1", 4, 3, 3, 3),
            constant("b1", 4),
            constant("k", 1, 4, 1, 1),
            constant("w2", 8, 4),
            constant("b2", 8),
            constant("w3", 8, 5),
        ],
    )


def ask(quantizer: Any, proto: ModelProto, folder: Path) -> tuple[Path, Outcome]:
    specs = tuple(
        InputSpec(i.name, "float32", tuple(d.dim_value for d in i.type.tensor_type.shape.dim))
        for i in proto.graph.input
    )
    request = Request("onnx", proto.SerializeToString(), folder, specs)
    path = quantizer.quantize(proto, request)
    return path, read_outcome(read_onnx(proto), path)


def by_name(proto: ModelProto, outcome: Outcome) -> dict[str, Decision | None]:
    return {layer.name: outcome.decision(i) for i, layer in enumerate(read_onnx(proto).layers)}


@pytest.mark.parametrize("form", ["static", "qoperator"])
def test_onnxruntimes_static_quantizers_are_read(form: str, tmp_path: Path) -> None:
    quantizer = getattr(builtin_onnxruntime, form)()
    path, outcome = ask(quantizer, real_net(), tmp_path)
    quantizer.validate(path)
    found = by_name(real_net(), outcome)
    for name in ("conv", "gemm", "matmul"):
        decision = found[name]
        assert decision is not None, name
        assert (decision.inputs, decision.weights, decision.evidence) == ((0,), True, "stated")
        assert (decision.weight_channel_wise, decision.weight_asymmetric) == (False, False)
    for name in ("maxpool", "avgpool", "add", "global"):
        decision = found[name]
        assert decision is not None and decision.inputs, name
        assert decision.weights is False
    assert found["sin"] == found["erf"] == Decision.float()
    assert outcome.untraceable == {2}  # the Relu has become part of the Conv
    assert found["flatten"] is None


def test_onnxruntimes_dynamic_quantizer_is_read(tmp_path: Path) -> None:
    quantizer = builtin_onnxruntime.dynamic()
    path, outcome = ask(quantizer, real_net(), tmp_path)
    quantizer.validate(path)
    found = by_name(real_net(), outcome)
    for name in ("conv", "gemm", "matmul"):
        decision = found[name]
        assert decision is not None, name
        assert (decision.inputs, decision.weights, decision.weight_bits) == ((0,), True, 8)
    for name in ("maxpool", "avgpool", "add", "global", "erf"):
        assert found[name] == Decision.float(), name
    assert not outcome.untraceable


@pytest.mark.parametrize("form", ["static", "qoperator", "dynamic"])
def test_onnxruntimes_results_are_read_without_any_names(form: str, tmp_path: Path) -> None:
    proto = real_net()
    for layer in proto.graph.node:
        layer.name = ""
    _, outcome = ask(getattr(builtin_onnxruntime, form)(), proto, tmp_path)
    for index in (1, 8, 9):  # Conv, Gemm, MatMul
        decision = outcome.decision(index)
        assert decision is not None and decision.weights, index


def test_excluding_a_pool_between_quantized_layers_leaves_inferred_evidence(
    tmp_path: Path,
) -> None:
    from onnxruntime.quantization import quantize_static

    class Feeds:
        left = 2

        def get_next(self) -> dict[str, Any] | None:
            self.left -= 1
            return {"x": np.ones(IMAGE[1], np.float32) * self.left} if self.left >= 0 else None

    onnx.save(real_net(), tmp_path / "in.onnx")
    out = tmp_path / "out.onnx"
    quantize_static(
        tmp_path / "in.onnx", out, Feeds(), per_channel=True, nodes_to_exclude=["avgpool", "gemm"]
    )
    found = decisions(real_net(), out)
    pool, conv = found["avgpool"], found["conv"]
    assert isinstance(pool, Decision) and isinstance(conv, Decision)
    assert pool.evidence == "inferred"
    assert conv.weight_channel_wise is True
    assert found["gemm"] == Decision.float()


def test_a_second_quantization_finds_nothing_new_in_what_was_quantized(tmp_path: Path) -> None:
    path, _ = ask(builtin_onnxruntime.static(), real_net(), tmp_path)
    once = onnx.load(path)
    found = decisions(once, once)
    assert not any(isinstance(d, Decision) and d.quantized for d in found.values())


def test_the_callers_model_stays_whole_and_the_log_quiet(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    proto = real_net()
    before = proto.SerializeToString()
    for quantizer in (builtin_onnxruntime.static(), builtin_onnxruntime.dynamic()):
        ask(quantizer, proto, tmp_path)
    assert proto.SerializeToString() == before
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_names_and_reach_of_the_built_in_quantizers() -> None:
    made = [getattr(builtin_onnxruntime, f)() for f in ("static", "qoperator", "dynamic")]
    names = ["onnxruntime", "onnxruntime-qoperator", "onnxruntime-dynamic"]
    assert [quantizer.name for quantizer in made] == names
    assert {(quantizer.frameworks, quantizer.schemes) for quantizer in made} == {
        (("onnx",), ("uniform",))
    }


def test_a_model_that_no_session_takes_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.onnx"
    onnx.save(model([node("Sin", ["nowhere"], ["y"])], []), path)
    with pytest.raises(OutputError) as error:
        builtin_onnxruntime.static().validate(path)
    assert "\n" not in str(error.value)
    assert "nowhere" in str(error.value)


def test_without_onnxruntime_the_cure_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime.quantization", None)
    with pytest.raises(UsageError, match=r"pip install pytest-amct\[onnxruntime\]"):
        ask(builtin_onnxruntime.static(), conv_net(), tmp_path)
