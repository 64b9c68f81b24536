"""Pinned examples, and sentences of docs/reading.md on ONNX, table 1 and the Float16 rule."""

from __future__ import annotations

from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper
from test_second_opinion import differences
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

import pytest_amct
from pytest_amct import Treatment
from pytest_amct.graphs import walk

CONV = node("Conv", ["x", "w"], ["y"])
MATMUL = node("MatMul", ["x", "w"], ["y"])
GEMM = node("Gemm", ["x", "w"], ["y"])
ADD = node("Add", ["x", "x"], ["y"])
AVERAGE = node("AveragePool", ["x"], ["y"], kernel_shape=[2, 2])
MAX = node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2])
SMALL: dict[str, Any] = {"x": (4, 4), "w": (4, 4)}
IMAGES: dict[str, Any] = {"w": (4, 4, 3, 3)}


# --- pinned examples ------------------------------------------------------------------------------


def test_1_a_convolution_may_have_weights_per_channel() -> None:
    treatment = Treatment(weights=True, weight_channel_wise=True)
    assert verdict(CONV, **IMAGES, treatment=treatment) == "quantizable"


def test_2_quantizing_the_constant_operand_of_an_add_is_data() -> None:
    add = node("Add", ["x", "w"], ["y"])
    assert verdict(add, w=(8,)) == "quantizable"
    assert verdict(add, w=(8,), treatment=Treatment(weights=False)) == "quantizable"


def test_3_an_average_pool_may_have_data_only_or_a_factor() -> None:
    assert verdict(AVERAGE, treatment=Treatment(weights=False)) == "quantizable"
    assert verdict(AVERAGE, treatment=Treatment(weights=True)) == "quantizable"


def test_3_a_shift_violates_only_average_pools() -> None:
    shifted = Treatment(shift=True)
    assert broken(AVERAGE, treatment=shifted) == {"uniform/onnx/AveragePool/shift"}
    assert verdict(AVERAGE, treatment=Treatment(shift=False)) == "quantizable"
    assert verdict(CONV, **IMAGES, treatment=shifted) == "quantizable"


def test_5_dilations() -> None:
    cube: dict[str, Any] = {"x": (1, 4, 8, 8, 8), "w": (4, 4, 2, 2, 2)}
    dilated = [node("Conv", ["x", "w"], ["y"], dilations=d) for d in ([2, 2], [1, 2, 2], [2, 1, 1])]
    assert verdict(dilated[0], **IMAGES) == "quantizable"
    assert verdict(dilated[1], **cube) == "quantizable"
    assert broken(dilated[2], **cube) == {"uniform/onnx/Conv/dilation_d"}


def test_7_a_float16_input_closes_pools_and_additions_everywhere() -> None:
    half: dict[str, Any] = {"inputs": {"h": (FLOAT16, (1,))}}
    used = node("Cast", ["h"], ["h1"], to=FLOAT)
    assert verdict(used, CONV, **IMAGES, **half) == "quantizable"
    assert verdict(used, GEMM, **SMALL, **half) == "quantizable"
    assert broken(used, MAX, **half) == {"float16/onnx/MaxPool"}
    assert broken(used, AVERAGE, **half) == {"float16/onnx/AveragePool"}
    assert broken(used, ADD, **half) == {"float16/onnx/Add"}
    assert broken(ADD, dtype=FLOAT16) == {"float16/onnx/Add"}


def test_7_a_float16_scalar_of_a_mul_leaves_it_open() -> None:
    scaled = [
        node("Cast", ["x"], ["h"], to=FLOAT16),
        node("Mul", ["h", "s"], ["h1"]),
        node("Cast", ["h1"], ["h2"], to=FLOAT),
    ]
    for layer in (ADD, MAX, AVERAGE):
        assert verdict(*scaled, layer, constants=[stored("s", (), FLOAT16)]) == "unspecified"


def test_8_the_second_input_of_a_matmul() -> None:
    first = node("MatMul", ["w", "x"], ["y"])
    assert broken(first, **SMALL) >= {"uniform/onnx/MatMul/second_input"}
    behind = [node("Identity", ["w"], ["v"]), node("MatMul", ["x", "v"], ["y"])]
    assert verdict(*behind, **SMALL) == "quantizable"
    shaped = [node("Reshape", ["w", "s"], ["v"]), node("MatMul", ["x", "v"], ["y"])]
    to_rank_3 = verdict(*shaped, **SMALL, constants=[numbers("s", [1, 4, 4])])
    assert to_rank_3 == "forbidden"


def test_9_max_pools_have_no_weight() -> None:
    assert verdict(MAX, treatment=Treatment(weights=False)) == "quantizable"
    assert broken(MAX, treatment=Treatment(weights=True)) == {"uniform/onnx/MaxPool/weights"}
    assert broken(ADD, treatment=Treatment(weights=True)) == {"uniform/onnx/Add/weights"}


def test_10_weights_out_of_shapes() -> None:
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("ConstantOfShape", ["s"], ["v"]),
        node("Conv", ["x", "v"], ["y"]),
    ]
    assert broken(*nodes, x=("n", 4, 8, 8)) == {"uniform/onnx/Conv/weight_source"}
    assert broken(*nodes, x=(None, 4, 8, 8)) == {"uniform/onnx/Conv/weight_source"}
    assert verdict(*nodes, x=(4, 4, 3, 3)) == "unspecified"


SCALED = [node("Mul", ["w", "v"], ["u"]), node("Conv", ["x", "u"], ["y"])]
TAKEN: dict[str, tuple[str, str, list[Any]]] = {
    # The factor of Mul: the answer if the shape of x can change, and if it cannot.
    "CastLike": ("quantizable", "quantizable", [node("CastLike", ["w", "x"], ["v"])]),
    "a bias as exporters write it": (
        "quantizable",
        "quantizable",
        [
            node("Constant", [], ["a"], value_floats=[0.5]),
            node("CastLike", ["a", "x"], ["b"]),
            node("Constant", [], ["n"], value_ints=[4, 1, 1, 1]),
            node("Expand", ["b", "n"], ["v"]),
        ],
    ),
    "CastLike of x": ("forbidden", "forbidden", [node("CastLike", ["x", "w"], ["v"])]),
    "EyeLike": (
        "forbidden",
        "unspecified",
        [node("Flatten", ["x"], ["a"]), node("EyeLike", ["a"], ["v"])],
    ),
    "Size": (
        "forbidden",
        "unspecified",
        [node("Size", ["x"], ["a"]), node("CastLike", ["a", "x"], ["v"])],
    ),
    "SequenceLength": (
        "unspecified",
        "unspecified",
        [
            node("SplitToSequence", ["x"], ["a"]),
            node("SequenceLength", ["a"], ["n"]),
            node("CastLike", ["n", "x"], ["v"]),
        ],
    ),
    "EyeLike of a constant": (
        "quantizable",
        "quantizable",
        [node("Flatten", ["w"], ["a"]), node("EyeLike", ["a"], ["v"])],
    ),
    **{
        f"{like} with a seed": (
            "forbidden",
            "unspecified",
            [node(like, ["x"], ["v"], seed=1.0)],
        )
        for like in ("RandomNormalLike", "RandomUniformLike")
    },
    "RandomNormalLike": ("forbidden", "forbidden", [node("RandomNormalLike", ["x"], ["v"])]),
    "RandomNormalLike of a constant": (
        "unspecified",
        "unspecified",
        [node("RandomNormalLike", ["w"], ["v"], seed=1.0)],
    ),
    "Bernoulli with a seed": (
        "forbidden",
        "forbidden",
        [node("Bernoulli", ["x"], ["v"], seed=1.0)],
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_10_what_an_operator_takes_from_a_tensor_decides(name: str) -> None:
    changes, static, nodes = TAKEN[name]
    assert verdict(*nodes, *SCALED, x=("n", 4, 8, 8), **IMAGES) == changes
    assert verdict(*nodes, *SCALED, x=(4, 4, 8, 8), **IMAGES) == static
    for sizes in (("n", 4, 8, 8), (4, 4, 8, 8)):
        assert differences(model(*nodes, *SCALED, x=sizes, **IMAGES)) == []


def test_10_the_shape_or_the_type_of_an_input_is_not_data() -> None:
    for like in ("CastLike", "EyeLike"):
        taken = ["w", "x"] if like == "CastLike" else ["x"]
        nodes = [node(like, taken, ["v"]), node("Add", ["v", "w"], ["y"])]
        network = pytest_amct.read_onnx(model(*nodes, x=(4, 4), w=(4, 4)))
        add = next(layer for layer in network.layers if layer.type == "Add")
        assert not walk.is_fed(add.inputs[0])


def test_10_an_initializer_that_is_an_input() -> None:
    given: dict[str, Any] = {**IMAGES, "listed": ["w"]}
    assert verdict(CONV, **given, ir_version=3, opset=8) == "quantizable"
    assert verdict(CONV, **given, ir_version=8, opset=15) == "unspecified"
    old = answer_of(model(CONV, **given, ir_version=3, opset=8))
    assert old.basis == "inferred"


def test_11_integers_custom_operators_and_branches() -> None:
    assert verdict(ADD, dtype=INT64) == "unspecified"
    custom = node("Conv", ["x", "w"], ["y"], domain="com.acme")
    assert broken(custom, **IMAGES) == {"uniform/onnx/unlisted/com.acme::Conv"}


@pytest.mark.parametrize(("weight", "expected"), [("x", "forbidden"), ("w", "unspecified")])
def test_11_a_convolution_inside_of_a_branch(weight: str, expected: str) -> None:
    inside = graph(node("Conv", ["x", weight], ["y"]), result="y")
    other = graph(node("Identity", ["x"], ["z"]), result="z")
    choice = node("If", ["c"], ["r"], then_branch=inside, else_branch=other)
    given: dict[str, Any] = {"outputs": ["r"], "inputs": {"c": (TensorProto.BOOL, ())}}
    assert verdict(choice, **IMAGES, **given) == expected


# --- layers and defaults --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "type_", ["Sum", "Relu", "LpPool", "ConvInteger", "Einsum", "GlobalLpPool"]
)
def test_a_type_without_a_row_is_forbidden(type_: str) -> None:
    assert broken(node(type_, ["x"], ["y"])) == {f"uniform/onnx/unlisted/{type_}"}


def test_global_max_pool_is_never_better_than_unspecified() -> None:
    layer = node("GlobalMaxPool", ["x"], ["y"])
    assert verdict(layer) == "unspecified"
    closed = answer_of(model(layer, dtype=FLOAT16))
    assert (closed.verdict, closed.basis) == ("forbidden", "inferred")
    assert verdict(layer, treatment=Treatment(weights=True)) == "forbidden"


def test_ai_onnx_is_the_empty_domain() -> None:
    assert verdict(node("Conv", ["x", "w"], ["y"], domain="ai.onnx"), **IMAGES) == "quantizable"


@pytest.mark.parametrize(
    ("trans_a", "expected"), [(0, "quantizable"), (1, "forbidden"), (2, "forbidden")]
)
def test_any_other_trans_a_than_zero_is_true(trans_a: int, expected: str) -> None:
    layer = node("Gemm", ["x", "w"], ["y"], transA=trans_a)
    assert verdict(layer, **SMALL) == expected


def test_attributes_that_no_condition_names_change_nothing() -> None:
    layer = node("Conv", ["x", "w"], ["y"], group=2, strides=[2, 2], auto_pad="SAME_UPPER")
    assert verdict(layer, w=(4, 2, 3, 3)) == "quantizable"
    assert verdict(node("Gemm", ["x", "w"], ["y"], transB=1), **SMALL) == "quantizable"


@pytest.mark.parametrize(
    ("attributes", "x"),
    [({"kernel_shape": [2, 2, 2]}, None), ({"dilations": [1, 1, 1]}, None), ({}, (1, 4, 8, 8, 8))],
    ids=["kernel_shape", "dilations", "data"],
)
def test_where_the_rank_of_a_weight_is_read_from(attributes: dict[str, Any], x: Any) -> None:
    foreign = node("Load", [], ["w"], domain="com.acme")
    layer = node("ConvTranspose", ["x", "w"], ["y"], **attributes)
    assert broken(foreign, layer, x=x) == {"uniform/onnx/ConvTranspose/weight_rank"}


def test_a_weight_of_unknown_rank_leaves_it_open() -> None:
    foreign = node("Load", [], ["w"], domain="com.acme")
    assert verdict(foreign, node("ConvTranspose", ["x", "w"], ["y"]), x=None) == "unspecified"


# --- table 1 --------------------------------------------------------------------------------------


def test_global_average_pool_is_an_average_pool_that_is_global() -> None:
    given = answer_of(model(node("GlobalAveragePool", ["x"], ["y"])))
    assert [reason.condition for reason in given.broken] == [
        "uniform/onnx/AveragePool/global_pooling"
    ]
    assert (given.verdict, given.basis) == ("forbidden", "inferred")
    assert verdict(node("AveragePool", ["x"], ["y"], kernel_shape=[8, 8])) == "quantizable"


@pytest.mark.parametrize("rank", [3, 6])
def test_a_convolution_of_another_rank_is_unspecified(rank: int) -> None:
    assert verdict(CONV, x=(1, 4, *[8] * (rank - 2)), w=(4, 4, *[1] * (rank - 2))) == "unspecified"


@pytest.mark.parametrize("type_", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("spatial", [1, 3])
def test_a_pool_of_another_rank_is_unspecified(type_: str, spatial: int) -> None:
    layer = node(type_, ["x"], ["y"], kernel_shape=[2] * spatial)
    assert verdict(layer, x=(1, 4, *[8] * spatial)) == "unspecified"


@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_a_scaled_gemm_is_unspecified(name: str) -> None:
    assert (
        verdict(node("Gemm", ["x", "w", "b"], ["y"], **{name: 0.5}), **SMALL, b=(4,))
        == "unspecified"
    )
    assert (
        verdict(node("Gemm", ["x", "w", "b"], ["y"], **{name: 1.0}), **SMALL, b=(4,))
        == "quantizable"
    )


def test_a_weight_of_two_layers_is_unspecified() -> None:
    assert verdict(node("MatMul", ["x", "w"], ["z"]), MATMUL, **SMALL) == "unspecified"
    turned = [node("Transpose", ["w"], ["v"]), node("MatMul", ["x", "v"], ["z"])]
    assert verdict(*turned, MATMUL, **SMALL) == "unspecified"
    filled = [node("Expand", ["one", "s"], ["w"]), node("MatMul", ["x", "w"], ["z"]), GEMM]
    constants = [stored("one", ()), numbers("s", [4, 4])]
    assert verdict(*filled, x=(4, 4), constants=constants) == "unspecified"


@pytest.mark.parametrize("scale", [(), (4,)], ids=["one number", "per channel"])
def test_a_scale_of_two_weights_is_not_a_shared_weight(scale: tuple[int, ...]) -> None:
    nodes = [
        node("DequantizeLinear", ["i", "s"], ["v"]),
        node("DequantizeLinear", ["j", "s"], ["w"]),
        node("Gemm", ["x", "v"], ["z"]),
        GEMM,
    ]
    constants = [stored(n, (4, 4), TensorProto.INT8) for n in "ij"] + [stored("s", scale)]
    assert verdict(*nodes, x=(4, 4), constants=constants) == "quantizable"


def test_a_number_that_scales_two_weights_is_not_a_shared_weight() -> None:
    nodes = [
        node("Mul", ["i", "s"], ["v"]),
        node("Mul", ["s", "j"], ["w"]),
        node("Gemm", ["x", "v"], ["z"]),
        GEMM,
    ]
    constants = [stored(n, (4, 4)) for n in "ij"] + [stored("s", ())]
    assert verdict(*nodes, x=(4, 4), constants=constants) == "quantizable"


def test_attention_shares_no_weight() -> None:
    """Keys are computed from a weight; they are not a stored weight of the product with queries."""
    nodes = [
        node("MatMul", ["x", "w"], ["y"]),
        node("MatMul", ["x", "q"], ["queries"]),
        node("MatMul", ["queries", "y"], ["scores"]),
    ]
    assert verdict(*nodes, **SMALL, q=(4, 4)) == "quantizable"


@pytest.mark.parametrize(("bias", "expected"), [("b", "quantizable"), ("x", "unspecified")])
def test_a_bias_that_can_change_is_unspecified(bias: str, expected: str) -> None:
    layer = node("Gemm", ["x", "w", bias], ["y"])
    assert verdict(layer, **SMALL, b=(4,)) == expected


def test_a_max_pool_whose_indices_are_used_is_unspecified() -> None:
    layer = node("MaxPool", ["x"], ["y", "i"], kernel_shape=[2, 2])
    assert verdict(layer) == "quantizable"
    assert verdict(layer, outputs=["y", "i"]) == "unspecified"
    assert verdict(layer, node("Cast", ["i"], ["f"], to=FLOAT)) == "unspecified"


def test_a_broken_condition_forbids_whatever_else_is_unknown() -> None:
    layer = node("Gemm", ["x", "w"], ["y"], transA=1, alpha=0.5)
    assert verdict(layer, **SMALL) == "forbidden"


def test_layers_in_function_bodies() -> None:
    def body(**attributes: Any) -> onnx.ModelProto:
        inside = node("Gemm", ["a", "b"], ["r"], **attributes)
        imports = [helper.make_opsetid("", 21)]
        block = helper.make_function("local", "Block", ["a", "b"], ["r"], [inside], imports)
        call = node("Block", ["x", "w"], ["y"], domain="local")
        return model(call, functions=[block], **SMALL)

    assert answer_of(body(), made="r").verdict == "unspecified"
    assert answer_of(body(transA=1), made="r").verdict == "forbidden"
