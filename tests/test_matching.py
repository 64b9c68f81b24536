"""Layers are found again in a result even if they were renamed."""

from __future__ import annotations

import copy

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper
from quantized_models import (
    ONE,
    POOL,
    array,
    between,
    constant,
    conv_net,
    decisions,
    integers,
    model,
    node,
    qdq_conv,
    quantized,
    renamed,
    scalars,
    two_convs,
)

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.read import read_outcome
from pytest_amct.graphs.onnx.reader import read_onnx


def test_a_layer_that_is_gone_is_unmatched_and_not_float() -> None:
    result = conv_net()
    erf = result.graph.node.pop()
    result.graph.node[-1].output[0] = erf.output[0]
    found = decisions(conv_net(), result)
    assert found["erf"] == "unmatched"
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
    assert found["conv_first"] == found["conv_second"] == "unmatched"


def test_a_weight_that_two_renamed_layers_have_names_neither() -> None:
    original = two_convs()
    result = two_convs(quantize=("second",))
    second = result.graph.node[-2]
    assert second.name == "conv_second"
    second.input[1] = "first"
    assert decisions(original, renamed(result))["conv_first"] == "unmatched"


def test_a_renamed_layer_between_matched_neighbours_is_found_by_position() -> None:
    original = between("Sin", POOL, "Erf", pairs=False)
    result = between("Sin", POOL, "Erf", pairs=True)
    for layer in result.graph.node:
        if layer.name == "target":
            layer.name = "other"
            layer.output[0] = "o"
        layer.input[:] = ["o" if name == "b" else name for name in layer.input]
    assert quantized(decisions(original, result)["target"])


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
    assert found["bias"] == "unmatched"


def deconv_net(quantize: bool, name: str = "deconv", output: str = "c") -> ModelProto:
    """A ConvTranspose, or the equivalent Conv with swapped axes and a rotated kernel."""
    nodes = [node("Sin", ["x"], ["s"], name="sin")]
    if quantize:
        nodes += [
            node("InsertZeros", ["s"], ["i"]),
            node("QuantizeLinear", ["i", "scale", "zero"], ["i_q"]),
            node("DequantizeLinear", ["i_q", "scale", "zero"], ["i_dq"]),
            node("DequantizeLinear", ["wq", "ws", "wz"], ["w"], axis=0),
            node("Conv", ["i_dq", "w"], [output], name=name, kernel_shape=[3, 3]),
        ]
    else:
        nodes.append(node("ConvTranspose", ["s", "w"], ["c"], name="deconv", strides=[2, 2]))
    nodes.append(node("Erf", [output if quantize else "c"], ["y"], name="erf"))
    scales = [array("ws", [0.1, 0.2, 0.3, 0.4], np.float32), array("wz", [0] * 4, np.int8)]
    weight = integers("wq", 4, 3, 3, 3) if quantize else constant("w", 3, 4, 3, 3)
    return model(nodes, [weight, *scales, *scalars()])


def test_a_conv_transpose_may_come_back_as_a_conv_of_its_name() -> None:
    found = decisions(deconv_net(False), deconv_net(True))["deconv"]
    assert isinstance(found, Decision)
    assert (found.inputs, found.weights, found.weight_channel_wise) == ((0,), True, True)
    assert (found.weight_asymmetric, found.weight_bits) == (False, 8)


def test_a_conv_of_another_name_is_not_a_conv_transpose() -> None:
    original = deconv_net(False)
    result = deconv_net(True, name="other", output="d")
    assert decisions(original, result)["deconv"] == "unmatched"


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
