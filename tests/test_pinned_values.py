"""Sentences of docs/reading.md, "Weight source" and "Float16"."""

from __future__ import annotations

from typing import Any

import pytest
from onnx import NodeProto, TensorProto, helper
from tiny_models import (
    FLOAT,
    FLOAT16,
    INT64,
    answer_of,
    broken,
    graph,
    model,
    node,
    numbers,
    stored,
    verdict,
)

CONV = node("Conv", ["x", "w"], ["y"])
MATMUL = node("MatMul", ["x", "w"], ["y"])
GEMM = node("Gemm", ["x", "w"], ["y"])
ADD = node("Add", ["x", "x"], ["y"])
MAX = node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2])
SMALL: dict[str, Any] = {"x": (4, 4), "w": (4, 4)}
IMAGES: dict[str, Any] = {"w": (4, 4, 3, 3)}


# --- weight source --------------------------------------------------------------------------------

FLAT = numbers("shape", [4, 4, 3, 3])
CONSTANTS: dict[str, list[NodeProto]] = {
    "identity": [node("Identity", ["w"], ["v"])],
    "transpose": [node("Transpose", ["w"], ["v"])],
    "reshape": [node("Reshape", ["w", "shape"], ["v"])],
    "cast": [
        node("Cast", ["w"], ["d"], to=TensorProto.DOUBLE),
        node("Cast", ["d"], ["v"], to=FLOAT),
    ],
    "dequantized": [node("DequantizeLinear", ["i8", "one"], ["v"])],
    "scaled": [node("Mul", ["w", "one"], ["v"])],
    "split": [node("Split", ["w"], ["v", "rest"], num_outputs=2)],
    "of a shape": [node("ConstantOfShape", ["shape"], ["v"])],
    "dropout": [node("Dropout", ["w"], ["v"])],
    "shape of a constant": [
        node("Shape", ["w"], ["s"]),
        node("ConstantOfShape", ["s"], ["v"]),
    ],
    "Constant": [node("Constant", [], ["v"], value=stored("", (4, 4, 3, 3)))],
}
DYNAMIC: dict[str, list[NodeProto]] = {
    "an input": [node("Identity", ["x"], ["v"])],
    "scaled by an input": [node("Mul", ["w", "x"], ["v"])],
    "random": [node("RandomUniform", [], ["v"], shape=[4, 4, 3, 3])],
    "computed from random": [node("RandomNormalLike", ["w"], ["r"]), node("Sin", ["r"], ["v"])],
    "training": [node("Dropout", ["w", "", "true"], ["v"])],
}
UNKNOWN: dict[str, list[NodeProto]] = {
    "seeded": [node("RandomUniform", [], ["v"], shape=[4, 4, 3, 3], seed=1.0)],
    "custom": [node("Relu", ["w"], ["v"], domain="com.acme")],
    "branch": [
        node(
            "If",
            ["true"],
            ["v"],
            then_branch=graph(node("Identity", ["w"], ["a"]), result="a"),
            else_branch=graph(node("Identity", ["w"], ["b"]), result="b"),
        )
    ],
}


def _source(nodes: list[NodeProto]) -> str:
    true = helper.make_tensor("true", TensorProto.BOOL, [], [True])
    constants = [FLAT, stored("i8", (4, 4, 3, 3), TensorProto.INT8), stored("one", ()), true]
    layer = node("Conv", ["x", "v"], ["y"])
    return verdict(*nodes, layer, x=(4, 4, 3, 3), w=(4, 4, 3, 3), constants=constants)


@pytest.mark.parametrize("nodes", CONSTANTS.values(), ids=CONSTANTS)
def test_constant_weights(nodes: list[NodeProto]) -> None:
    assert _source(nodes) == "quantizable"


@pytest.mark.parametrize("nodes", DYNAMIC.values(), ids=DYNAMIC)
def test_weights_that_can_change(nodes: list[NodeProto]) -> None:
    assert _source(nodes) == "forbidden"


@pytest.mark.parametrize("nodes", UNKNOWN.values(), ids=UNKNOWN)
def test_weights_that_the_document_does_not_settle(nodes: list[NodeProto]) -> None:
    assert _source(nodes) == "unspecified"


def test_an_input_changes_a_weight_through_a_custom_operator_too() -> None:
    assert _source([node("Relu", ["x"], ["v"], domain="com.acme")]) == "forbidden"


@pytest.mark.parametrize(
    "hops", [["Identity"], ["Transpose"], ["Transpose", "Identity", "Transpose"]]
)
def test_a_second_input_behind_identity_and_transpose_holds(hops: list[str]) -> None:
    names = ["w", *(f"v{i}" for i in range(len(hops)))]
    chain = [node(t, [a], [b]) for t, a, b in zip(hops, names, names[1:], strict=False)]
    given = answer_of(model(*chain, node("MatMul", ["x", names[-1]], ["y"]), **SMALL))
    assert (given.verdict, given.basis) == ("quantizable", "inferred")


def test_another_chain_to_a_second_input_is_unknown() -> None:
    scaled = [node("Mul", ["w", "w"], ["v"]), node("MatMul", ["x", "v"], ["y"])]
    assert verdict(*scaled, **SMALL) == "unspecified"
    assert broken(MATMUL, x=(1, 4, 4), w=(1, 4, 4)) == {"uniform/onnx/MatMul/second_input"}
    assert broken(MATMUL, x=(4, 4), w=(4,)) == {"uniform/onnx/MatMul/second_input"}


# --- Float16 --------------------------------------------------------------------------------------


def _half(*nodes: NodeProto, **given: Any) -> str:
    """The verdict on an Add in a Float32 branch, with these nodes in another branch."""
    return verdict(*nodes, ADD, **{"x": (4, 4), **given})


TO_HALF = node("Cast", ["x"], ["h"], to=FLOAT16)


def test_a_float16_weight_fires() -> None:
    layer = node("MatMul", ["h", "hw"], ["z"])
    for given in (["hw"], []):
        assert (
            _half(TO_HALF, layer, constants=[stored("hw", (4, 4), FLOAT16)], listed=given)
            == "forbidden"
        )


def test_a_weight_that_is_float16_only_at_one_end_leaves_it_open() -> None:
    narrowed = [node("Cast", ["w"], ["hw"], to=FLOAT16), node("MatMul", ["h", "hw"], ["z"])]
    assert _half(TO_HALF, *narrowed, w=(4, 4)) == "unspecified"
    widened = [node("Cast", ["hw"], ["v"], to=FLOAT), node("MatMul", ["x", "v"], ["z"])]
    assert _half(*widened, constants=[stored("hw", (4, 4), FLOAT16)]) == "unspecified"


def test_a_condition_is_not_part_of_a_float16_weight() -> None:
    picked = [node("Where", ["c", "hw", "hw"], ["v"]), node("MatMul", ["h", "v"], ["z"])]
    constants = [stored("hw", (4, 4), FLOAT16), stored("c", (), TensorProto.BOOL)]
    assert _half(TO_HALF, *picked, constants=constants) == "forbidden"


def test_float16_that_does_not_fire_leaves_it_open() -> None:
    bias = [node("Cast", ["hb"], ["b"], to=FLOAT), node("Gemm", ["x", "w", "b"], ["z"])]
    assert _half(*bias, w=(4, 4), constants=[stored("hb", (4,), FLOAT16)]) == "unspecified"
    assert _half(TO_HALF) == "unspecified"
    assert _half(inputs={"unread": (FLOAT16, (1,))}) == "unspecified"
    inside = graph(node("MatMul", ["h", "hw"], ["a"]), result="a", dtype=FLOAT16)
    branches = node("If", ["c"], ["z"], then_branch=inside, else_branch=inside)
    constants = [stored("hw", (4, 4), FLOAT16), stored("c", (), TensorProto.BOOL)]
    assert _half(TO_HALF, branches, constants=constants) == "unspecified"


def test_bfloat16_and_integers_are_not_float16() -> None:
    for dtype in (TensorProto.BFLOAT16, INT64, TensorProto.DOUBLE):
        cast = node("Cast", ["i"], ["f"], to=FLOAT)
        assert _half(cast, inputs={"i": (dtype, (4,))}) == "quantizable"


def test_float16_types_that_are_not_closed_stay_as_their_rows_say() -> None:
    assert verdict(GEMM, **SMALL, dtype=FLOAT16) == "quantizable"
    assert (
        verdict(node("ConvTranspose", ["x", "w"], ["y"]), **IMAGES, dtype=FLOAT16) == "quantizable"
    )


@pytest.mark.parametrize("dtype", [TensorProto.DOUBLE, TensorProto.BFLOAT16])
@pytest.mark.parametrize("layer", [CONV, MAX, ADD], ids=lambda layer: layer.op_type)
def test_other_types_of_data_are_unspecified(layer: NodeProto, dtype: int) -> None:
    assert verdict(layer, **IMAGES, dtype=dtype) == "unspecified"


def test_data_of_an_unknown_type_is_unspecified() -> None:
    made = [node("Load", [], ["d"], domain="com.acme"), node("Add", ["d", "d"], ["r"])]
    unread = model(*made, node("Identity", ["x"], ["y"]))
    assert answer_of(unread, made="r").verdict == "unspecified"
