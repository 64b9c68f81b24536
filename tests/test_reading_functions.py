"""Functions that a quantizer adds to the model that it returns."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from onnx import FunctionProto, ModelProto, NodeProto, TensorProto, helper
from quantized_models import array, constant, conv_net, decisions, integers, model, node

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.onnx import inlining
from pytest_amct.decisions.read import read_outcome
from pytest_amct.graphs.onnx.reader import read_onnx

FLOAT, INT8 = TensorProto.FLOAT, TensorProto.INT8


def function(
    name: str, inputs: list[str], outputs: list[str], nodes: list[NodeProto], version: int = 21
) -> FunctionProto:
    imports = [helper.make_opsetid("", version), helper.make_opsetid("quant", 1)]
    return helper.make_function("quant", name, inputs, outputs, nodes, imports)


def product(left: list[NodeProto], kept: list[TensorProto]) -> ModelProto:
    """Two products with an addition behind the second."""
    return model(left, kept, [("x", [2, 8])])


ORIGINAL = product(
    [
        node("MatMul", ["x", "w1"], ["a"], name="first"),
        node("Sin", ["a"], ["b"], name="sin"),
        node("Gemm", ["b", "w2", "bias"], ["y"], name="second"),
    ],
    [constant("w1", 8, 8), constant("w2", 8, 8), constant("bias", 8)],
)

DYNAMIC = [
    node("DynamicQuantizeLinear", ["X"], ["q", "s", "z"]),
    node("MatMulInteger", ["q", "W", "z", "wz"], ["i"]),
]
BODIES = [
    function(
        "QMatMulDynamic8bits",
        ["X", "W", "ws", "wz"],
        ["Y"],
        [*DYNAMIC, node("Mul", ["s", "ws"], ["p"]), node("DequantizeLinear", ["i", "p"], ["Y"])],
        version=20,
    ),
    function("_bias", ["B"], ["C"], [node("Cast", ["B"], ["C"], to=TensorProto.INT32)]),
    function(
        "QGemmDynamic8bits",
        ["X", "W", "B", "ws", "wz"],
        ["Y"],
        [
            *DYNAMIC,
            node("_bias", ["B"], ["b"], domain="quant"),
            node("Add", ["i", "b"], ["j"]),
            node("Mul", ["s", "ws"], ["p"]),
            node("DequantizeLinear", ["j", "p"], ["Y"]),
        ],
    ),
]


def replaced(functions: list[FunctionProto] = BODIES) -> ModelProto:
    """`ORIGINAL` with its products replaced by calls."""
    one, two = ["x", "w1", "s1", "z1"], ["b", "w2", "bias", "s2", "z2"]
    result = product(
        [
            node("QMatMulDynamic8bits", one, ["a"], name="node_1", domain="quant"),
            node("Sin", ["a"], ["b"], name="sin"),
            node("QGemmDynamic8bits", two, ["y"], name="node_2", domain="quant"),
        ],
        [
            integers("w1", 8, 8),
            array("s1", 0.1, np.float32),
            array("z1", 3, np.int8),
            integers("w2", 8, 8),
            array("s2", np.arange(1, 9) / 10, np.float32),
            array("z2", np.zeros(8), np.int8),
            constant("bias", 8),
        ],
    )
    result.opset_import.append(helper.make_opsetid("quant", 1))
    result.functions.extend(functions)
    return result


def test_layers_replaced_by_calls_of_new_functions_are_read_in_their_bodies() -> None:
    found = decisions(ORIGINAL, replaced())
    first, second = found["first"], found["second"]
    assert isinstance(first, Decision) and isinstance(second, Decision)
    assert (first.inputs, first.weights, first.weight_channel_wise) == ((0,), True, False)
    assert first.weight_asymmetric is True
    assert (second.inputs, second.weights, second.weight_channel_wise) == ((0,), True, True)
    assert second.weight_asymmetric is False
    assert found["sin"] == Decision.float()


def test_the_model_that_was_returned_stays_as_it_is() -> None:
    result = replaced()
    kept = copy.deepcopy(result)
    decisions(ORIGINAL, result)
    assert result == kept


def test_a_call_that_has_a_layers_name_is_that_layer() -> None:
    body = function(
        "QuantizedConv2D",
        ["X", "W", "Scale"],
        ["Y"],
        [
            node("Cast", ["W"], ["w"], to=FLOAT),
            node("Conv", ["X", "w"], ["i"]),
            node("Div", ["i", "Scale"], ["Y"]),
        ],
    )
    call = node("QuantizedConv2D", ["s", "wq", "scale"], ["other"], name="conv", domain="quant")
    result = model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            call,
            node("Erf", ["other"], ["y"], name="erf"),
        ],
        [integers("wq", 4, 3, 3, 3), array("scale", 8, np.float32)],
    )
    result.functions.append(body)
    found = decisions(conv_net(), result)["conv"]
    assert isinstance(found, Decision)
    assert (found.inputs, found.weights, found.weight_bits) == ((), True, 8)


def test_a_call_may_replace_a_product_and_the_addition_behind_it() -> None:
    original = product(
        [
            node("MatMul", ["x", "w1"], ["a"], name="first"),
            node("Add", ["a", "bias"], ["y"], name="add"),
        ],
        [constant("w1", 8, 8), constant("bias", 8)],
    )
    body = [
        node("Reshape", ["W", "shape"], ["w"]),
        node("DequantizeLinear", ["w", "s"], ["k"]),
        node("Gemm", ["X", "k", "B"], ["Y"]),
    ]
    result = product(
        [node("QGemm4", ["x", "wq", "bias", "s", "shape"], ["y"], name="n", domain="quant")],
        [
            integers("wq", 64),
            array("s", 0.1, np.float32),
            array("shape", [8, 8], np.int64),
            constant("bias", 8),
        ],
    )
    result.functions.append(function("QGemm4", ["X", "W", "B", "s", "shape"], ["Y"], body))
    found = decisions(original, result)
    assert isinstance(found["first"], Decision) and found["first"].weights
    assert found["add"] == "unmatched"


def test_functions_of_the_given_model_are_not_inlined() -> None:
    original = replaced()
    outcome = read_outcome(read_onnx(original), original)
    assert not outcome.unmatched  # each call is found again
    assert {original.graph.node[i].name for i in outcome.decisions if i < 3} <= {"sin"}


def doubling(depth: int) -> list[FunctionProto]:
    """Functions of which each calls the previous one twice."""
    found = [function("F0", ["X"], ["Y"], [node("Relu", ["X"], ["Y"])])]
    for i in range(1, depth):
        calls = [
            node(f"F{i - 1}", ["X"], ["m"], domain="quant"),
            node(f"F{i - 1}", ["m"], ["Y"], domain="quant"),
        ]
        found.append(function(f"F{i}", ["X"], ["Y"], calls))
    return found


def calling(functions: list[FunctionProto], type_: str) -> ModelProto:
    result = conv_net()
    result.graph.node[1].CopyFrom(node(type_, ["s"], ["c"], name="conv", domain="quant"))
    result.opset_import.append(helper.make_opsetid("quant", 1))
    result.functions.extend(functions)
    return result


@pytest.mark.parametrize(
    ("functions", "type_"),
    [
        (doubling(40), "F39"),
        ([function("F", ["X"], ["Y"], [node("F", ["X"], ["Y"], domain="quant")])], "F"),
    ],
    ids=["doubling", "recursive"],
)
def test_functions_that_grow_too_large_stay_calls_and_cannot_be_told(
    functions: list[FunctionProto], type_: str
) -> None:
    outcome = read_outcome(read_onnx(conv_net()), calling(functions, type_))
    assert outcome.untold[1] == (
        f"quant::{type_} 'conv', a function that is too large to inline, replaces it"
    )
    assert outcome.decisions.keys() == {0}  # the data of the Erf is unknown, too
    assert "makes its data" in outcome.untold[2]


def test_constants_in_functions_count_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inlining, "_MOST_BYTES", 4000)
    value = constant("", 1000)
    body = [node("Constant", [], ["k"], value=value), node("Conv", ["X", "k"], ["Y"])]
    result = calling([function("F", ["X"], ["Y"], body)], "F")
    assert 1 in read_outcome(read_onnx(conv_net()), result).untold


def test_two_functions_of_one_name_are_not_inlined() -> None:
    bodies = [function("F", ["X"], ["Y"], [node(t, ["X"], ["Y"])]) for t in ("Relu", "Sin")]
    bodies[1].overload = "other"
    outcome = read_outcome(read_onnx(conv_net()), calling(bodies, "F"))
    assert 1 in outcome.untold


def test_what_onnx_does_not_inline_stays_a_call() -> None:
    body = function("F", ["X"], ["Y"], [node("Relu", ["X"], ["Y"])])
    result = calling([body], "F")
    result.graph.node[1].input.extend(["s", "s"])  # more inputs than the function has
    outcome = read_outcome(read_onnx(conv_net()), result)
    assert outcome.decisions.get(1) is None
