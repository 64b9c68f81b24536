"""A layer is float only if all operators at it are float; otherwise it cannot be told."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper
from quantized_models import (
    IMAGE,
    array,
    constant,
    conv_net,
    decisions,
    integers,
    model,
    node,
    pair,
    pooled_net,
    scalars,
)

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.read import read_outcome
from pytest_amct.graphs.onnx.reader import read_onnx


def untold(original: ModelProto, result: ModelProto, name: str) -> str:
    network = read_onnx(original)
    (index,) = (i for i, layer in enumerate(network.layers) if layer.name == name)
    return read_outcome(network, result).untold[index]


def pool_net(*before: NodeProto, reads: str = "s", behind: bool = False) -> ModelProto:
    pool = node("AveragePool", [reads], ["p"], name="pool", kernel_shape=[2, 2])
    return model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            *before,
            pool,
            *(pair("p") if behind else []),
            node("Erf", ["p_dq" if behind else "p"], ["y"], name="erf"),
        ],
        scalars(),
    )


def test_integers_of_an_unknown_operator_are_not_float_data() -> None:
    made = node("MyConv", ["s"], ["i"], domain="com.acme")
    back = node("DequantizeLinear", ["i", "scale", "zero"], ["d"])
    result = pool_net(made, back, reads="d", behind=True)
    result.opset_import.append(helper.make_opsetid("com.acme", 1))
    assert "integers that come from elsewhere" in untold(pool_net(), result, "pool")


def test_integers_that_only_passed_a_pool_are_not_float_data() -> None:
    quantize = node("QuantizeLinear", ["s", "scale", "zero"], ["q"])
    first = node("MaxPool", ["q"], ["m"], name="first", kernel_shape=[1, 1])
    back = node("DequantizeLinear", ["m", "scale", "zero"], ["d"])
    result = pool_net(quantize, first, back, reads="d", behind=True)
    assert "integers that come from elsewhere" in untold(pool_net(), result, "pool")


def test_a_network_input_that_holds_integers_now_is_not_float_data() -> None:
    original = model([node("MaxPool", ["x"], ["y"], name="pool", kernel_shape=[2, 2])], [])
    result = copy.deepcopy(original)
    result.graph.input[0].type.tensor_type.elem_type = TensorProto.INT8
    assert "works on int8" in untold(original, result, "pool")


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_a_weight_that_holds_integers_is_quantized(dtype: Any) -> None:
    result = conv_net()
    result.graph.initializer[0].CopyFrom(integers("w", 4, 3, 3, 3, dtype=dtype))
    conv = decisions(conv_net(), result)["conv"]
    assert isinstance(conv, Decision)
    assert (conv.inputs, conv.weights, conv.weight_bits) == ((), True, 8)


def with_weight(nodes: list[NodeProto], *kept: TensorProto) -> ModelProto:
    """`conv_net` whose weight ``k`` is computed by these nodes."""
    result = conv_net()
    result.graph.node[1].input[1] = "k"
    for at, extra in enumerate(nodes, 1):
        result.graph.node.insert(at, extra)
    result.graph.initializer.extend(kept)
    return result


def test_a_weight_that_is_looked_up_in_a_table_is_not_float() -> None:
    indices = array("i", np.random.default_rng(0).integers(0, 16, (4, 3, 3, 3)), np.int64)
    lookup = node("Gather", ["table", "i"], ["k"], name="lookup")
    result = with_weight([lookup], constant("table", 16), indices)
    assert untold(conv_net(), result, "conv") == "Gather 'lookup' looks its weight up in a table"
    assert decisions(result, result)["conv"] == Decision.float()


def test_a_weight_that_is_picked_out_of_a_larger_one_is_float() -> None:
    pick = node("Gather", ["large", "i"], ["k"])
    result = with_weight([pick], constant("large", 8, 3, 3, 3), array("i", range(4), np.int64))
    assert decisions(conv_net(), result)["conv"] == Decision.float()


def test_a_weight_computed_from_the_output_of_a_foreign_operator_is_not_float() -> None:
    unpack = node("Unpack", ["wq"], ["u"], domain="com.acme")
    result = with_weight([unpack, node("Mul", ["u", "f"], ["k"])], integers("wq", 4, 3, 3, 3))
    result.graph.initializer.append(array("f", 0.1, np.float32))
    result.opset_import.append(helper.make_opsetid("com.acme", 1))
    assert "its weight is computed from" in untold(conv_net(), result, "conv")


def test_a_layer_between_types_other_than_float32_is_not_float_on_integers() -> None:
    def network(*before: NodeProto, reads: str) -> ModelProto:
        pool = node("MaxPool", [reads], ["p"], name="pool", kernel_shape=[2, 2])
        ends = [node("Neg", ["x"], ["s"]), *before, pool, node("Identity", ["p"], ["y"])]
        return model(ends, scalars(), dtype=TensorProto.DOUBLE)

    quantize = node("QuantizeLinear", ["s", "scale", "zero"], ["q"])
    words = untold(network(reads="s"), network(quantize, reads="q"), "pool")
    assert "works on integers" in words


def test_a_weight_that_a_nested_graph_dequantizes_is_not_float() -> None:
    def network(quantize: bool) -> ModelProto:
        def branch(out: str) -> onnx.GraphProto:
            made = (
                node("DequantizeLinear", ["wq", "scale", "zero"], [out])
                if quantize
                else node("Identity", ["w"], [out])
            )
            info = helper.make_tensor_value_info(out, TensorProto.FLOAT, [4, 3, 3, 3])
            return helper.make_graph([made], out, [], [info])

        choose = node("If", ["flag"], ["k"], then_branch=branch("t"), else_branch=branch("e"))
        conv = node("Conv", ["x", "k"], ["c"], name="conv", kernel_shape=[3, 3])
        kept = [constant("w", 4, 3, 3, 3), integers("wq", 4, 3, 3, 3), *scalars()]
        kept.append(array("flag", True, np.bool_))
        return model([choose, conv, node("Erf", ["c"], ["y"])], kept)

    assert "may reach its weight" in untold(network(False), network(True), "conv")


def calling(body: list[NodeProto], weight: list[NodeProto]) -> ModelProto:
    """A Conv whose data and weight are outputs of calls, and a Conv inside a function."""
    imports = [helper.make_opsetid("", 21)]
    result = model(
        [
            node("Make", ["x"], ["m"], domain="local", name="make"),
            *weight,
            node("Conv", ["m", "w0"], ["c"], name="conv", kernel_shape=[3, 3]),
            node("Inside", ["c", "k"], ["y"], domain="local", name="inside"),
        ],
        [
            constant("w", 4, 3, 3, 3),
            constant("v", 4, 4, 1, 1),
            integers("vq", 4, 4, 1, 1),
            *scalars(),
        ],
    )
    inside = [node("Conv", ["X", "K"], ["Y"], name="inner", kernel_shape=[1, 1])]
    result.opset_import.append(helper.make_opsetid("local", 1))
    result.functions.extend(
        [
            helper.make_function("local", "Make", ["X"], ["Y"], body, imports),
            helper.make_function("local", "Inside", ["X", "K"], ["Y"], inside, imports),
        ]
    )
    return result


PLAIN_BODY = [node("Sin", ["X"], ["Y"])]
PLAIN = [node("Identity", ["w"], ["w0"]), node("Identity", ["v"], ["k"])]


def test_a_function_with_another_body_is_not_a_float_operator() -> None:
    body = [node("Sin", ["X"], ["Z"]), node("Round", ["Z"], ["Y"])]
    original = calling(PLAIN_BODY, PLAIN)
    assert "functions of the model have changed" in untold(original, calling(body, PLAIN), "conv")
    assert decisions(original, original)["conv"] == Decision.float()


def test_a_weight_that_the_call_dequantizes_is_not_float_in_the_body() -> None:
    weight = [PLAIN[0], node("DequantizeLinear", ["vq", "scale", "zero"], ["k"])]
    words = untold(calling(PLAIN_BODY, PLAIN), calling(PLAIN_BODY, weight), "inner")
    assert "may reach its weight" in words


@pytest.mark.parametrize("where", ["weight", "pool"])
def test_pairs_in_a_deploy_model_are_not_read_as_float(where: str) -> None:
    weight = node("DequantizeLinear", ["wq", "scale", "zero"], ["w"])
    pooled = pair("c") if where == "pool" else []
    result = model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node("AscendQuant", ["s"], ["unused"], scale=1.0, offset=0.0),
            *([weight] if where == "weight" else []),
            node("Conv", ["s", "w"], ["c"], name="conv", kernel_shape=[3, 3]),
            *pooled,
            node("MaxPool", ["c_dq" if pooled else "c"], ["p"], name="pool", kernel_shape=[2, 2]),
            node("Erf", ["p"], ["y"], name="erf"),
        ],
        [
            *([] if where == "weight" else [constant("w", 4, 3, 3, 3)]),
            integers("wq", 4, 3, 3, 3),
            *scalars(),
        ],
        [IMAGE],
    )
    words = untold(pooled_net(), result, "conv" if where == "weight" else "pool")
    assert "which AMCT does not write" in words
