"""Tables 1 to 3 and the Float16 rule on TensorFlow graphs, one sentence of the document a test."""

from __future__ import annotations

from typing import Any

import pytest
from tensorflow_graphs import Text, const, fed, function, graph, ints, node
from tiny_graphs import W2, W4, W5, answer, broken, one, verdict

import pytest_amct

ROWS = [r.id for r in pytest_amct.load_spec().rows if r.id.startswith("uniform/tensorflow/")]

# --- the rows of table 1 --------------------------------------------------------------------------


def test_all_nine_rows_are_listed() -> None:
    names = "MatMul Conv2D DepthwiseConv2dNative Conv2DBackpropInput BatchMatMulV2 AvgPool Conv3D"
    listed = {row.removeprefix("uniform/tensorflow/") for row in ROWS}
    assert listed == {*names.split(), "MaxPool", "Add"}


@pytest.mark.parametrize(
    "made",
    [
        one("MatMul", "x", "w", before=(W2,)),
        one("Conv2D", "x", "w", before=(W4,), dilations=[1, 2, 2, 1]),
        one("DepthwiseConv2dNative", "x", "w", before=(W4,), dilations=[1, 2, 2, 1]),
        one("Conv2DBackpropInput", "s", "w", "x", before=(W4, ints("s", 1, 8, 8, 4))),
        one("BatchMatMulV2", "x", "w", before=(W2,)),
        one("BatchMatMulV2", "x", "w", before=(W2,), adj_y=True),
        one("AvgPool", "x", ksize=[1, 2, 2, 1]),
        one("MaxPool", "x", ksize=[1, 2, 2, 1]),
        one("Conv3D", "x", "w", before=(W5,)),
        one("Conv3D", "x", "w", before=(W5,), dilations=[1, 1, 2, 2, 1]),
        one("Add", "x", "w", before=(const("w", 4),)),
    ],
    ids=lambda made: made.node[-1].op,
)
def test_a_conforming_layer_is_quantizable_as_stated(made: Any) -> None:
    found = answer(made)
    assert (found.verdict, found.basis) == ("quantizable", "stated"), found.reasons


def test_matmul_must_not_transpose() -> None:
    for side in ("transpose_a", "transpose_b"):
        made = one("MatMul", "x", "w", before=(W2,), **{side: True})
        assert broken(answer(made)) == {side}
        assert answer(made).basis == "stated"
    made = one("MatMul", "x", "w", before=(W2,), transpose_a=False, transpose_b=False)
    assert answer(made).verdict == "quantizable"
    row = pytest_amct.load_spec().row("uniform/tensorflow/MatMul")
    unobservable = {c.id for c in row.conditions if c.unobservable}
    assert unobservable == {"adjoint_a", "adjoint_b"}


def test_batch_matmul_needs_a_constant_of_rank_2_and_no_adj_x() -> None:
    made = one("BatchMatMulV2", "x", "w", before=(W2,), adj_x=True)
    assert broken(answer(made)) == {"adj_x"}
    assert broken(answer(one("BatchMatMulV2", "x", "w", before=(const("w", 2, 4, 4),)))) == {
        "second_input"
    }
    swapped = one("BatchMatMulV2", "w", "x", before=(W2,))
    assert broken(answer(swapped)) == {"second_input", "weight_source"}


def test_a_chain_of_identity_and_transpose_is_inferred() -> None:
    chain = (
        W2,
        node("Identity", "i", "w", T="float32"),
        ints("p", 1, 0),
        node("Transpose", "t", "i", "p", T="float32"),
        node("Identity", "j", "t", T="float32"),
    )
    for last in ("i", "t", "j"):
        found = answer(one("BatchMatMulV2", "x", last, before=chain))
        assert (found.verdict, found.basis) == ("quantizable", "inferred")


def test_other_chains_to_rank_2_are_unspecified_and_to_rank_3_forbidden() -> None:
    flat = const("w", 64)
    to2, to3 = ints("s", 8, 8), ints("s", 4, 4, 4)
    reshape = node("Reshape", "r", "w", "s", T="float32", Tshape="int32")
    assert verdict("BatchMatMulV2", "x", "r", before=(flat, to2, reshape)) == "unspecified"
    assert verdict("BatchMatMulV2", "x", "r", before=(flat, to3, reshape)) == "forbidden"
    cast = node("Cast", "r", "w", SrcT="float32", DstT="float32")
    assert verdict("BatchMatMulV2", "x", "r", before=(W2, cast)) == "unspecified"


def test_dilation_means_spatial_entries() -> None:
    sizes = ints("s", 1, 8, 8, 4)
    for dilations, layout, expected in (
        ([1, 1, 1, 1], "NHWC", "quantizable"),
        ([1, 2, 1, 1], "NHWC", "forbidden"),
        ([1, 1, 2, 1], "NHWC", "forbidden"),
        ([1, 1, 2, 1], "NCHW", "forbidden"),
        ([1, 1, 1, 2], "NCHW", "forbidden"),
    ):
        attrs = {"dilations": dilations, "data_format": Text(layout)}
        made = one("Conv2DBackpropInput", "s", "w", "x", before=(W4, sizes), **attrs)
        assert answer(made).verdict == expected, (dilations, layout)


@pytest.mark.parametrize(
    ("dilations", "layout", "expected"),
    [
        ([1, 2, 1, 1, 1], "NDHWC", "forbidden"),
        ([1, 1, 2, 1, 1], "NDHWC", "quantizable"),
        ([1, 1, 2, 1, 1], "NCDHW", "forbidden"),
        ([1, 1, 1, 2, 2], "NCDHW", "quantizable"),
        ([1, 2, 1, 1, 1], None, "forbidden"),
        ([], "NCDHW", "quantizable"),
    ],
)
def test_the_depth_dilation_of_conv3d(dilations: list[int], layout: Any, expected: str) -> None:
    attrs: dict[str, Any] = {"dilations": dilations}
    if layout:
        attrs["data_format"] = Text(layout)
    assert verdict("Conv3D", "x", "w", before=(W5,), **attrs) == expected


def test_conv3d_with_a_dynamic_weight_is_unspecified() -> None:
    made = one("Conv3D", "x", "w", before=(fed("w", 3, 3, 3, 4, 4),))
    assert answer(made).verdict == "unspecified"
    made = one("Conv3D", "x", "w", before=(fed("w", 3, 3, 3, 4, 4),), dilations=[1, 2, 1, 1, 1])
    assert answer(made).verdict == "forbidden"


def test_input_sizes_is_neither_weight_nor_weight_source() -> None:
    shape = node("Shape", "s", "x", T="float32")
    made = graph(
        fed("x", -1, 8, 8, 4),
        W4,
        shape,
        node("Conv2DBackpropInput", "y", "s", "w", "x", T="float32"),
    )
    assert answer(made).verdict == "quantizable"
    made.node[1].CopyFrom(fed("w", 3, 3, 4, 4))
    assert broken(answer(made)) == {"weight_source"}


def test_a_treatment_may_violate_conditions() -> None:
    pool = one("AvgPool", "x")
    assert answer(pool, data=True, shift=False).verdict == "quantizable"
    assert broken(answer(pool, data=True, shift=True)) == {"shift"}
    assert broken(answer(one("MaxPool", "x"), data=True, weights=True)) == {"weights"}
    conv = one("Conv2D", "x", "w", before=(W4,))
    assert answer(conv, data=True, weights=True, weight_channel_wise=True).verdict == "quantizable"
    for op in ("MatMul", "BatchMatMulV2"):
        made = one(op, "x", "w", before=(W2,))
        for setting in ("channel_wise", "asymmetric"):
            shown = {f"weight_{setting}": True, "data": True, "weights": True}
            (reason,) = answer(made, **shown).broken
            assert (reason.condition, reason.basis) == (
                f"settings/tensorflow/{op}/{setting}",
                "stated",
            )
    assert broken(answer(pool, data=True, weight_channel_wise=True)) == {"channel_wise"}


def test_spellings_are_never_better_than_unspecified() -> None:
    assert verdict("AddV2", "x", "x") == "unspecified"
    for op in ("BatchMatMul", "BatchMatMulV3"):
        kinds = {"Ta": "float32", "Tb": "float32", "Tout": "float32"}
        assert verdict(op, "x", "w", before=(W2,), **kinds) == "unspecified"
        found = answer(one(op, "x", "w", before=(W2,), adj_x=True, **kinds))
        assert (found.verdict, found.basis) == ("forbidden", "inferred")


@pytest.mark.parametrize("op", ["MaxPoolV2", "AvgPool3D", "BiasAdd", "_FusedConv2D", "com.acme>X"])
def test_other_types_have_no_row(op: str) -> None:
    found = answer(one(op, "x", "w", before=(W4,)))
    assert (found.verdict, found.basis) == ("forbidden", "stated")
    assert [r.condition for r in found.reasons] == [f"uniform/tensorflow/unlisted/{op}"]


# --- tables 2 and 3 -------------------------------------------------------------------------------


def test_table_2() -> None:
    conv = one("Conv2D", "x", "w", before=(W4,), dilations=[1, 2, 1, 1])
    assert answer(conv, scheme="nonuniform").verdict == "forbidden"
    assert answer(conv).verdict == "quantizable"
    matmul = one("MatMul", "x", "w", before=(W2,), transpose_b=True)
    assert answer(matmul, scheme="nonuniform").verdict == "quantizable"
    assert answer(matmul).verdict == "forbidden"
    matmul = one("MatMul", "x", "w", before=(W2,), transpose_a=True)
    assert answer(matmul, scheme="nonuniform").verdict == "forbidden"
    dynamic = one("MatMul", "x", "w", before=(fed("w", 4, 4),))
    assert answer(dynamic, scheme="nonuniform").verdict == "unspecified"
    assert answer(one("MaxPool", "x"), scheme="nonuniform").verdict == "forbidden"


def test_table_3() -> None:
    def found(made: Any) -> tuple[str, str]:
        result = answer(made, scheme="weight_only", data=False, weights=True)
        return result.verdict, result.basis

    for op in ("MatMul", "BatchMatMulV2"):
        assert found(one(op, "x", "w", before=(W2,)))[0] == "quantizable"
        assert found(one(op, "x", "w", before=(fed("w", 4, 4),))) == ("forbidden", "stated")
    made = one("MatMul", "x", "w", before=(W2,), transpose_b=True)
    assert found(made) == ("forbidden", "inferred")
    made = one("BatchMatMulV2", "x", "w", before=(W2,), adj_x=True)
    assert found(made) == ("forbidden", "inferred")
    assert found(one("AvgPool", "x")) == ("forbidden", "stated")
    assert found(one("Conv2D", "x", "w", before=(W4,))) == ("forbidden", "inferred")


# --- the Float16 rule -----------------------------------------------------------------------------


def half(*before: Any, source: Any = None) -> Any:
    """A Float32 branch with the layers that the rule closes, and further nodes."""
    more = (node("AvgPool", "avg", "x", T="float32"), node("Add", "add", "x", "x", T="float32"))
    return graph(source or fed(), *before, node("MaxPool", "y", "x", T="float32"), *more)


@pytest.mark.parametrize(
    "input_",
    [
        fed("h", 4, 4, dtype="float16"),
        node("PlaceholderWithDefault", "h", "k", dtype="float16", shape=(4, 4)),
        node("_Arg", "h", T="float16", index=0),
        node("IteratorGetNext", "h", "i", output_types=["float16"], output_shapes=[(4, 4)]),
    ],
    ids=lambda made: made.op,
)
def test_a_float16_input_closes_the_pools_and_add(input_: Any) -> None:
    sources = (const("k", 4, 4), node("IteratorV2", "i"))
    cast = node("Cast", "c", "h", SrcT="float16", DstT="float32")
    read, unread = half(*sources, input_, cast), half(*sources, input_)
    for name, row in (("y", "MaxPool"), ("avg", "AvgPool"), ("add", "Add")):
        found = answer(read, name)
        assert (found.verdict, found.basis) == ("forbidden", "stated")
        assert [r.condition for r in found.broken] == [f"float16/tensorflow/{row}"]
        assert answer(unread, name).verdict == "unspecified"


def test_float16_leaves_other_types_as_they_are() -> None:
    made = graph(
        fed("x", 1, 8, 8, 4, dtype="float16"),
        const("w", 3, 3, 4, 4, dtype="float16"),
        node("Conv2D", "y", "x", "w", T="float16"),
        node("AddV2", "z", "y", "y", T="float16"),
    )
    assert answer(made).verdict == "quantizable"
    assert (answer(made, "z").verdict, answer(made, "z").basis) == ("forbidden", "inferred")


def test_a_float16_weight_fires_and_half_of_one_leaves_it_open() -> None:
    stored = const("w", 3, 3, 4, 4, dtype="float16")
    as_half = node("Identity", "i", "w", T="float16")
    conv = node("Conv2D", "c", "x", "i", T="float16")
    assert answer(half(stored, as_half, conv)).verdict == "forbidden"
    cast = node("Cast", "i", "w", SrcT="float16", DstT="float32")
    assert answer(half(stored, cast, conv)).verdict == "unspecified"
    plain = const("w", 3, 3, 4, 4)
    cast = node("Cast", "i", "w", SrcT="float32", DstT="float16")
    assert answer(half(plain, cast, conv)).verdict == "unspecified"


def test_other_float16_leaves_the_rule_open() -> None:
    scalar = const("w", dtype="float16")
    assert answer(half(scalar)).verdict == "unspecified"
    between = (
        node("Cast", "a", "x", SrcT="float32", DstT="float16"),
        node("Cast", "b", "a", SrcT="float16", DstT="float32"),
    )
    assert answer(half(*between)).verdict == "unspecified"
    queue = node("QueueDequeueV2", "q", "k", component_types=["float16"])
    assert answer(half(const("k"), queue)).verdict == "unspecified"
    assert answer(half(fed("h", 4, dtype="bfloat16"), node("Neg", "n", "h"))).verdict == (
        "quantizable"
    )
    for attrs in ({"out_type": "float16"}, {"types": ["int32", "float16"]}):
        assert answer(half(const("k"), node("Acme", "a", "k", **attrs))).verdict == "unspecified"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([node("Neg", "n", "a", T="float32")], "unspecified"),
        ([node("Neg", "n", "u", T="float16"), node("Neg", "m", "a", T="float32")], "forbidden"),
    ],
)
def test_a_float16_input_counts_only_if_a_function_uses_it(body: Any, expected: str) -> None:
    inner = function("g", body, {"a": "float32", "u": "float16"}, {"r": f"{body[-1].name}:y:0"})
    call = node("g", "c", "a", "u")
    outer = function("f", [call], {"a": "float32", "u": "float16"}, {"r": "c:r:0"})
    made = half(fed("h", 4, dtype="float16"), node("f", "d", "x", "h"))
    made.library.function.extend([inner, outer])
    assert answer(made).verdict == expected


def test_a_float16_input_that_a_function_returns_is_read() -> None:
    body = function("f", [], {"u": "float16"}, {"r": "u"})
    made = half(fed("h", 4, dtype="float16"), node("f", "d", "h"))
    made.library.function.append(body)
    assert answer(made).verdict == "forbidden"
