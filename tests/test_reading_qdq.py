"""Decisions in QDQ form."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper
from own_tables import one_row
from quantized_models import (
    EXP,
    ONE,
    POOL,
    SEVERAL,
    array,
    between,
    constant,
    conv_net,
    decisions,
    integers,
    model,
    node,
    pair,
    product,
    qdq_conv,
    qlinear_net,
    quantized,
    quantized_matmul,
    scalars,
    shared_weight,
)

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.matching import match_layers
from pytest_amct.decisions.onnx.layers import SHOWS_NOTHING, read_decisions
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.tables.loader import load_spec


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


@pytest.mark.parametrize(("second", "channel_wise"), [(0.01, False), (0.02, True)])
def test_scales_may_be_listed_in_an_attribute(second: float, channel_wise: bool) -> None:
    scales = [0.01, second, 0.01, 0.01]
    result = qdq_conv(array("ws", scales, np.float32), array("wz", [0] * 4, np.int8))
    kept = [tensor for tensor in result.graph.initializer if tensor.name != "ws"]
    del result.graph.initializer[:]
    result.graph.initializer.extend(kept)
    result.graph.node.insert(0, node("Constant", [], ["ws"], value_floats=scales))
    conv = decisions(conv_net(), result)["conv"]
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


def test_computing_behind_its_dequantize_linear_leaves_open_what_the_weight_is() -> None:
    found = decisions(conv_net(), qdq_conv(ONE, array("wz", 0, np.int8), hops=("Neg",)))
    assert found["conv"] is None


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


@pytest.mark.parametrize(("dedicated", "evidence"), [(True, "stated"), (False, "inferred")])
def test_a_dequantize_linear_that_two_layers_read_may_be_the_others(
    dedicated: bool, evidence: str
) -> None:
    found = decisions(*shared_weight(dedicated))
    for name in ("conv_a", "conv_b"):
        conv = found[name]
        assert isinstance(conv, Decision)
        assert (conv.weights, conv.evidence) == (True, evidence)


def test_two_dequantized_operands_between_float_layers_are_the_tools_choice() -> None:
    original = product("a", "b", "Sin", "Erf")
    matmul = decisions(original, product("a_dq", "b_dq", "Sin", "Erf"))["matmul"]
    assert isinstance(matmul, Decision)
    assert (matmul.inputs, matmul.weights, matmul.evidence) == ((0,), True, "stated")
    assert matmul.weight_asymmetric is None  # an activation's zero point is not a weight offset


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


@pytest.mark.parametrize(
    ("before", "after", "evidence"),
    [
        ("Sin", "Erf", "stated"),
        ("Conv", "Erf", "stated"),
        ("Sin", "Conv", "stated"),
        ("Conv", "Conv", "inferred"),
    ],
)
@pytest.mark.parametrize("target", [POOL, EXP], ids=["listed", "unlisted"])
def test_a_pair_that_no_neighbour_explains_is_stated(
    target: list[NodeProto], before: str, after: str, evidence: str
) -> None:
    original = between(before, target, after, pairs=False)
    decision = decisions(original, between(before, target, after, pairs=True))["target"]
    assert isinstance(decision, Decision)
    assert (decision.inputs, decision.weights, decision.evidence) == ((0,), False, evidence)


def test_another_table_gets_its_own_answer_on_neighbours(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(one_row('{ attribute = "transA", equals = 0, default = 0 }'), encoding="utf-8")
    original = read_onnx(between("Conv", EXP, "Conv", pairs=False))
    result = read_onnx(between("Conv", EXP, "Conv", pairs=True))
    specs = [load_spec(), load_spec(str(path))]  # the second table does not list Conv
    evidence = []
    for spec in specs:
        found = read_decisions(original, match_layers(original, result, spec), spec).decisions
        evidence.append(found[1].evidence)
    assert evidence == ["inferred", "stated"]


def test_another_reader_explains_a_pair_before_a_layer() -> None:
    def network(pairs: bool) -> ModelProto:
        result = between("Sin", EXP, "Conv", pairs)
        weight = "w2"
        source = "a_dq" if pairs else "a"
        result.graph.node.append(node("Conv", [source, weight], ["z"], name="control"))
        result.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, None))
        return result

    decision = decisions(network(False), network(True))["target"]
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

    decision = decisions(network(False), network(True))["target"]
    assert isinstance(decision, Decision)
    assert decision.evidence == "stated"


def test_a_quantized_neighbour_explains_a_pair_behind_a_layer_that_moves_values() -> None:
    target = [node("Transpose", ["t"], ["a"], name="t"), *EXP]

    def network(pairs: bool) -> ModelProto:
        result = between("Conv", EXP, "Conv", pairs)
        conv = next(n for n in result.graph.node if n.name == "n0")
        conv.output[0] = "t"
        at = list(result.graph.node).index(conv) + 1
        result.graph.node.insert(at, target[0])
        return result

    decision = decisions(network(False), network(True))["target"]
    assert isinstance(decision, Decision)
    assert decision.evidence == "inferred"


@pytest.mark.parametrize("type_", ["Relu", "Flatten", "Transpose", "Identity", "Dropout"])
def test_types_that_move_or_clip_values_show_nothing(type_: str) -> None:
    target = [node(type_, ["a"], ["b"], name="target")]
    original = between("Sin", target, "Erf", pairs=False)
    assert type_ in SHOWS_NOTHING
    assert decisions(original, between("Sin", target, "Erf", pairs=True))["target"] is None
    assert decisions(original, original)["target"] is None


def test_a_layer_that_also_goes_out_in_float_is_float() -> None:
    original = between("Sin", EXP, "Erf", pairs=False)
    result = between("Sin", EXP, "Erf", pairs=True)
    result.graph.node.append(node("Cos", ["b"], ["z"], name="cos"))
    result.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, None))
    assert decisions(original, result)["target"] == Decision.float()
    original.graph.output.append(helper.make_tensor_value_info("b", TensorProto.FLOAT, None))
    result = between("Sin", EXP, "Erf", pairs=True)
    result.graph.output.append(helper.make_tensor_value_info("b", TensorProto.FLOAT, None))
    assert decisions(original, result)["target"] == Decision.float()


@pytest.mark.parametrize(("operand", "expected"), [("k_dq", True), ("k", False)])
def test_an_add_needs_all_its_inputs_constants_included(operand: str, expected: bool) -> None:
    def network(pairs: bool) -> ModelProto:
        add = [node("Add", ["a", operand if pairs else "k"], ["b"], name="target")]
        result = between("Sin", add, "Erf", pairs)
        if pairs and operand == "k_dq":
            dequantize = node("DequantizeLinear", ["k_int", "scale", "zero"], ["k_dq"])
            result.graph.node.insert(0, dequantize)
            result.graph.initializer.append(integers("k_int", 1, 3, 1, 1))
        else:
            result.graph.initializer.append(constant("k", 1, 3, 1, 1))
        return result

    decision = decisions(network(False), network(True))["target"]
    assert quantized(decision) is expected
    if expected:
        assert isinstance(decision, Decision)
        assert (decision.inputs, decision.weights) == ((0, 1), False)


def test_parameters_of_an_unlisted_type_are_not_data() -> None:
    target = [node("PRelu", ["a", "k"], ["b"], name="target")]
    original, result = (between("Sin", target, "Erf", pairs) for pairs in (False, True))
    for proto in (original, result):
        proto.graph.initializer.append(constant("k", 1, 3, 1, 1))
    decision = decisions(original, result)["target"]
    assert isinstance(decision, Decision)
    assert (decision.inputs, decision.evidence) == ((0,), "stated")


@pytest.mark.parametrize(("dequantized", "evidence"), [(True, "stated"), (False, "inferred")])
def test_a_constant_operand_of_an_unlisted_type_that_stays_float_leaves_a_doubt(
    dequantized: bool, evidence: str
) -> None:
    target = [node("Mul", ["a", "k"], ["b"], name="target")]
    original, result = (between("Sin", target, "Erf", pairs) for pairs in (False, True))
    original.graph.initializer.append(constant("k", 1, 3, 1, 1))
    result.graph.initializer.append(constant("k", 1, 3, 1, 1))
    if dequantized:
        result.graph.initializer[-1].CopyFrom(integers("kq", 1, 3, 1, 1))
        result.graph.node.insert(0, node("DequantizeLinear", ["kq", "scale", "zero"], ["k"]))
    decision = decisions(original, result)["target"]
    assert isinstance(decision, Decision)
    assert (decision.inputs, decision.evidence) == ((0,), evidence)


@pytest.mark.parametrize(
    ("names", "evidence"),
    [(["a", "s_dq", "k", "k", "k"], "stated"), (["a", "k", "k", "k", "k"], "inferred")],
)
def test_neighbours_do_not_explain_a_pair_on_a_constant_of_an_unlisted_type(
    names: list[str], evidence: str
) -> None:
    def network(pairs: bool) -> ModelProto:
        given = names if pairs else [name.removesuffix("_dq") for name in names]
        target = [node("BatchNormalization", given, ["b"], name="target")]
        made = between("Conv", target, "Conv", pairs)
        made.graph.initializer.extend([constant("k", 3), constant("s", 3)])
        for at, made_by in enumerate(pair("s")):
            made.graph.node.insert(at, made_by)
        return made

    decision = decisions(network(False), network(True))["target"]
    assert isinstance(decision, Decision)
    assert decision.evidence == evidence


def test_another_quantized_reader_explains_a_pair_on_a_constant() -> None:
    def network(pairs: bool) -> ModelProto:
        shared = "s_dq" if pairs else "s"
        target = [node("PRelu", ["a", shared], ["b"], name="target")]
        made = between("Conv", target, "Conv", pairs)
        made.graph.initializer.append(constant("s", 3, 3, 1, 1))
        for at, made_by in enumerate(pair("s")):
            made.graph.node.insert(at, made_by)
        source = "x_dq" if pairs else "x"
        made.graph.node.append(node("Conv", [source, shared], ["z"], name="control"))
        made.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, None))
        return made

    decision = decisions(network(False), network(True))["target"]
    assert isinstance(decision, Decision)
    assert decision.evidence == "inferred"


def before_a_sum(behind: list[str], pairs: bool, is_output: bool = False) -> ModelProto:
    """A quantized Conv, Exp, a Sum, some further types and a pair; without pairs if not `pairs`."""
    conv = between("Conv", EXP, "Erf", pairs=pairs)
    del conv.graph.node[-1]  # the Erf
    given = "b_dq" if pairs else "b"
    conv.graph.node.append(node("Sum", [given, given], ["c0"], name="sum"))
    for i, type_ in enumerate(behind):
        conv.graph.node.append(node(type_, [f"c{i}"], [f"c{i + 1}"], name=f"behind{i}"))
    last = f"c{len(behind)}"
    conv.graph.node.extend(pair(last) if pairs else [])
    conv.graph.node.append(node("Erf", [f"{last}_dq" if pairs else last], ["y"], name="erf"))
    if is_output:
        conv.graph.output.append(helper.make_tensor_value_info("c0", TensorProto.FLOAT, None))
    return conv


@pytest.mark.parametrize(
    ("behind", "is_output", "evidence"),
    [
        ([], False, "inferred"),
        # Tools that quantize a sum with the activation behind it put the pair behind both.
        (["Relu"], False, "inferred"),
        (["Relu", "Identity"], False, "inferred"),
        (["Identity"] * 200, False, "inferred"),  # nobody looks that far: in doubt it is
        (["Sin"], False, "stated"),
        (["Relu", "Sin"], False, "stated"),
        (["Relu"], True, "stated"),  # the sum goes out in float
    ],
)
def test_a_sum_that_is_quantized_with_its_activation_explains_a_pair(
    behind: list[str], is_output: bool, evidence: str
) -> None:
    original, result = (before_a_sum(behind, pairs, is_output) for pairs in (False, True))
    found = decisions(original, result)
    decision = found["target"]
    assert isinstance(decision, Decision)
    assert decision.evidence == evidence
    # The sum itself may be quantized or not. It is float if its output goes to a layer in float.
    if evidence == "stated":
        assert found["sum"] == Decision.float()
    elif behind:
        assert found["sum"] is None
    else:
        assert quantized(found["sum"])


@pytest.mark.parametrize(("behind", "decision"), [("Relu", None), ("Sin", Decision.float())])
def test_a_pool_behind_another_pool_may_be_quantized_with_the_activation_behind_it(
    behind: str, decision: Decision | None
) -> None:
    """Some tools let integers pass a MaxPool, without a pair behind it."""

    def network(pairs: bool) -> ModelProto:
        pool = node("MaxPool", ["a"], ["m"], name="pool", kernel_shape=[2, 2])
        average = node("AveragePool", ["m"], ["c"], name="target", kernel_shape=[2, 2])
        made = between("Conv", [pool, average, node(behind, ["c"], ["b"])], "Conv", pairs)
        return made

    assert decisions(network(False), network(True))["target"] == decision


def test_pairs_of_the_original_behind_an_activation_are_not_a_doubt() -> None:
    original = before_a_sum(["Relu"], True)
    assert decisions(original, original)["sum"] == Decision.float()


def test_a_layer_whose_result_nobody_reads_is_float() -> None:
    original, result = (before_a_sum(["Relu"], pairs) for pairs in (False, True))
    for proto in (original, result):
        proto.graph.node[-1].input[0] = "b_dq" if proto is result else "b"
    assert decisions(original, result)["sum"] is None  # its pair is there, read or not
    del result.graph.node[-3:-1]  # the pair
    assert decisions(original, result)["sum"] == Decision.float()


def test_pairs_of_the_original_are_not_evidence() -> None:
    weighted = qdq_conv(SEVERAL, array("wz", [0] * 4, np.int8))
    assert decisions(weighted, weighted)["conv"] is None
    pooled = between("Sin", POOL, "Erf", pairs=True)
    assert decisions(pooled, pooled)["target"] is None


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


def test_integer_operators_of_the_original_are_not_decisions() -> None:
    original = qlinear_net()
    found = decisions(original, original)
    assert found["conv_quant"] is None
    assert found["pool"] is None
