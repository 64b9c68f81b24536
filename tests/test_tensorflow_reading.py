"""TensorFlow graphs against the tables: READING.md's sentences, one by one, and two readings."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from second_opinion_tensorflow import opinions
from tensorflow_graphs import (
    Func,
    Param,
    Text,
    const,
    fed,
    function,
    graph,
    ints,
    node,
    random_graph,
)

import pytest_amct
from pytest_amct import Answer, ModelError, Treatment
from pytest_amct.graphs import walk
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.graphs.tensorflow.schema import schema

FUZZ = int(os.environ.get("AMCT_FUZZ", "300"))
ROWS = [r.id for r in pytest_amct.load_spec().rows if r.id.startswith("uniform/tensorflow/")]
CONV = {"T": "float32", "strides": [1, 1, 1, 1], "padding": Text("SAME")}
WITH_TENSORFLOW = pytest.mark.skipif(find_spec("tensorflow") is None, reason="needs tensorflow")


def answer(made: Any, name: str = "y", scheme: Any = "uniform", **treatment: Any) -> Answer:
    layer = read_tensorflow(made).layer(name)
    return pytest_amct.answer(layer, Treatment(scheme=scheme, **treatment))


def one(op: str, *inputs: str, before: tuple[Any, ...] = (), **attrs: Any) -> Any:
    """A graph of input ``x``, the nodes given and the operator as ``y``."""
    return graph(fed(), *before, node(op, "y", *inputs, **{"T": "float32", **attrs}))


def verdict(op: str, *inputs: str, before: tuple[Any, ...] = (), **attrs: Any) -> str:
    return answer(one(op, *inputs, before=before, **attrs)).verdict


def broken(found: Answer) -> set[str]:
    return {reason.condition.rpartition("/")[2] for reason in found.broken}


# --- the rows of table 1 ------------------------------------------------------------------------

W2, W4, W5 = const("w", 4, 4), const("w", 3, 3, 4, 4), const("w", 3, 3, 3, 4, 4)


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


def test_what_the_treatment_breaks() -> None:
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


# --- tables 2 and 3 -----------------------------------------------------------------------------


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


# --- weight sources -----------------------------------------------------------------------------

KIND = {"T": "int32", "dtype": "float32"}
COND = (const("c", dtype="int32"),)
CONSTANTS: dict[str, tuple[Any, ...]] = {
    "Const": (const("w", 3, 3, 4, 4),),
    "Identity of Const": (const("k", 3, 3, 4, 4), node("Identity", "w", "k", T="float32")),
    "control input": (const("k", 3, 3, 4, 4), node("Identity", "w", "k", "^x", T="float32")),
    "Mul of two": (const("k", 3, 3, 4, 4), const("l"), node("Mul", "w", "k", "l", T="float32")),
    "Fill": (ints("s", 3, 3, 4, 4), const("k"), node("Fill", "w", "s", "k", T="float32")),
    "Shape of a Const": (
        const("k", 3, 3, 4, 4),
        node("Shape", "s", "k", T="float32"),
        node("Cast", "w", "s", SrcT="int32", DstT="float32"),
    ),
    "second output of Split": (
        *COND,
        const("k", 3, 3, 4, 8),
        node("Split", "s", "c", "k", T="float32", num_split=2),
        node("Identity", "w", "s:1", T="float32"),
    ),
    "IdentityN beside what is fed": (
        const("k", 3, 3, 4, 4),
        node("IdentityN", "n", "x", "k", T=["float32", "float32"]),
        node("Identity", "w", "n:1", T="float32"),
    ),
}
TYPES = {"component_types": ["float32"], "output_types": ["float32"]}
VARIABLE = node("VarHandleOp", "v", dtype="float32", shape=(3, 3, 4, 4))
DYNAMIC: dict[str, tuple[Any, ...]] = {
    "Placeholder": (fed("w", 3, 3, 4, 4),),
    "PlaceholderWithDefault": (
        const("k", 3, 3, 4, 4),
        node("PlaceholderWithDefault", "w", "k", dtype="float32", shape=(3, 3, 4, 4)),
    ),
    "_Arg": (node("_Arg", "w", T="float32", index=0),),
    "iterator": (
        node("IteratorV2", "i", **TYPES),
        node("IteratorGetNext", "w", "i", **TYPES),
    ),
    "queue": (node("FIFOQueueV2", "q", **TYPES), node("QueueDequeueV2", "w", "q", **TYPES)),
    "computed from what is fed": (node("Neg", "w", "x", T="float32"),),
    "custom operator of what is fed": (node("AcmeOp", "w", "x"),),
    "random without a seed": (ints("s", 3), node("RandomUniform", "w", "s", **KIND)),
    "random with both seeds 0": (
        ints("s", 3),
        node("TruncatedNormal", "w", "s", seed=0, seed2=0, **KIND),
    ),
    "Shape of a symbolic tensor": (
        fed("k", -1, 8),
        node("Shape", "s", "k", T="float32"),
        node("Cast", "w", "s", SrcT="int32", DstT="float32"),
    ),
    **{
        f"{like} of a symbolic tensor": (
            fed("k", -1, 3, 4, 4),
            node(like, "w", "k", T="float32"),
        )
        for like in ("ZerosLike", "OnesLike")
    },
    "a tensor of constants in the shape of a symbolic one": (
        fed("k", -1, 8, 8, 4),
        const("c", 3, 3, 4, 4),
        node("Conv3DBackpropInput", "w", "k", "c", "c", T="float32"),
    ),
    "Size behind operators": (
        fed("k", -1, 8),
        node("Relu", "r", "k", T="float32"),
        node("Size", "s", "r", T="float32"),
        node("Cast", "w", "s", SrcT="int32", DstT="float32"),
    ),
}
UNDECIDED: dict[str, tuple[Any, ...]] = {
    "VariableV2": (
        node("VariableV2", "v", dtype="float32", shape=(3, 3, 4, 4)),
        node("Identity", "w", "v", T="float32"),
    ),
    "VarHandleOp": (
        node("VarHandleOp", "v", dtype="float32", shape=(3, 3, 4, 4)),
        node("ReadVariableOp", "w", "v", dtype="float32"),
    ),
    "a variable behind Identity": (
        VARIABLE,
        node("Identity", "i", "v", T="resource"),
        node("ReadVariableOp", "w", "i", dtype="float32"),
    ),
    "a variable behind Switch": (
        *COND,
        VARIABLE,
        node("Switch", "i", "v", "c", T="resource"),
        node("ReadVariableOp", "w", "i:1", dtype="float32"),
    ),
    "a variable behind Enter": (
        VARIABLE,
        node("Enter", "i", "v", T="resource", frame_name=Text("f")),
        node("ReadVariableOp", "w", "i", dtype="float32"),
    ),
    "a reference behind RefIdentity": (
        node("VariableV2", "v", dtype="float32", shape=(3, 3, 4, 4)),
        node("RefIdentity", "w", "v", T="float32"),
    ),
    "AutoReloadVariable": (node("AutoReloadVariable", "w", dtype="float32"),),
    "several variables": (
        node("_VarHandlesOp", "v", N=1),
        node("_ReadVariablesOp", "w", "v", N=1, dtypes=["float32"]),
    ),
    "VarIsInitializedOp": (
        VARIABLE,
        node("VarIsInitializedOp", "i", "v"),
        node("Cast", "w", "i", SrcT="bool", DstT="float32"),
    ),
    "VariableShape": (
        VARIABLE,
        node("VariableShape", "i", "v", out_type="int32"),
        node("Cast", "w", "i", SrcT="int32", DstT="float32"),
    ),
    "ResourceGather": (
        VARIABLE,
        ints("i", 0, 1),
        node("ResourceGather", "w", "v", "i", dtype="float32", Tindices="int32"),
    ),
    "a hash table": (
        node("HashTableV2", "t", key_dtype="int32", value_dtype="float32"),
        ints("i", 0, 1),
        const("k"),
        node("LookupTableFindV2", "w", "t", "i", "k", Tin="int32", Tout="float32"),
    ),
    **{
        f"{op} of a resource": (
            node(op, "v", *rest, **{name: "resource"}),
            node("ReadVariableOp", "w", "v", dtype="float32"),
        )
        for op, name, rest in (
            ("Placeholder", "dtype", ()),
            ("PlaceholderV2", "dtype", ()),
            ("_Arg", "T", ()),
        )
    },
    "ResourceGather of a resource that is fed": (
        node("Placeholder", "v", dtype="resource"),
        ints("i", 0, 1),
        node("ResourceGather", "w", "v", "i", dtype="float32", Tindices="int32"),
    ),
    **{
        f"{like} of a static tensor": (
            fed("k", 3, 3, 4, 4),
            node(like, "w", "k", T="float32"),
        )
        for like in ("ZerosLike", "OnesLike")
    },
    "ZerosLike of a variable": (
        VARIABLE,
        node("ReadVariableOp", "k", "v", dtype="float32"),
        node("ZerosLike", "w", "k", T="float32"),
    ),
    "a tensor of constants in the shape of a static one": (
        fed("k", 1, 8, 8, 4),
        const("c", 3, 3, 4, 4),
        node("Conv3DBackpropInput", "w", "k", "c", "c", T="float32"),
    ),
    "a filter of constants in the shape of a static one": (
        fed("k", 1, 8, 8, 4),
        const("c", 3, 3, 4, 4),
        node("Conv2DBackpropFilterV2", "w", "c", "k", "c", T="float32"),
    ),
    "the length of a list": (
        fed("k", 1, 8, 8, 4),
        node("TensorListFromTensor", "l", "k", "k", element_dtype="float32"),
        node("TensorListLength", "n", "l"),
        node("Cast", "w", "n", SrcT="int32", DstT="float32"),
    ),
    "Shape of a static tensor": (
        fed("k", 4, 8),
        node("Shape", "s", "k", T="float32"),
        node("Cast", "w", "s", SrcT="int32", DstT="float32"),
    ),
    "Rank": (
        fed("k", -1, 8),
        node("Rank", "s", "k", T="float32"),
        node("Cast", "w", "s", SrcT="int32", DstT="float32"),
    ),
    "ShapeN of a static tensor beside a symbolic one": (
        fed("k", -1, 8),
        node("ShapeN", "s", "k", "x", T="float32", N=2),
        node("Cast", "w", "s:1", SrcT="int32", DstT="float32"),
    ),
    "random with a seed": (ints("s", 3), node("RandomUniform", "w", "s", seed=1, **KIND)),
    "random with a second seed": (ints("s", 3), node("RandomUniform", "w", "s", seed2=1, **KIND)),
    "stateless random": (
        ints("s", 3),
        ints("t", 1, 2),
        node("StatelessRandomUniform", "w", "s", "t", dtype="float32"),
    ),
    "custom operator of constants": (const("k", 3), node("AcmeOp", "w", "k")),
    "Switch": (*COND, const("k", 3), node("Switch", "w", "k", "c", T="float32")),
    "Merge": (const("k", 3), node("Merge", "w", "k", T="float32", N=1)),
    "Enter": (const("k", 3), node("Enter", "w", "k", T="float32")),
    "If": (
        *COND,
        const("k", 3),
        node("If", "w", "c", "k", Tin=["float32"], Tout=["float32"], then_branch=Func("f")),
    ),
    "While": (const("k", 3), node("While", "w", "k", T=["float32"])),
}


@pytest.mark.parametrize("before", CONSTANTS.values(), ids=CONSTANTS)
def test_constant_weights(before: tuple[Any, ...]) -> None:
    assert verdict("Conv2D", "x", "w", before=before) == "quantizable"


@pytest.mark.parametrize("before", DYNAMIC.values(), ids=DYNAMIC)
def test_dynamic_weights(before: tuple[Any, ...]) -> None:
    found = answer(one("Conv2D", "x", "w", before=before))
    assert (found.verdict, found.basis) == ("forbidden", "stated")
    assert broken(found) == {"weight_source"}


@pytest.mark.parametrize("before", UNDECIDED.values(), ids=UNDECIDED)
def test_undecided_weights(before: tuple[Any, ...]) -> None:
    found = answer(one("Conv2D", "x", "w", before=before))
    assert found.verdict == "unspecified"
    assert "weight_source" in {r.condition.rpartition("/")[2] for r in found.unknown}


def test_loops_of_the_first_kind_are_read() -> None:
    frame = {"T": "float32", "frame_name": Text("loop")}
    made = graph(
        fed(),
        const("w", 3, 3, 4, 4),
        const("stop", dtype="int32"),
        node("Enter", "enter", "w", **frame),
        node("Merge", "merge", "enter", "next", T="float32", N=2),
        node("Switch", "switch", "merge", "stop", T="float32"),
        node("NextIteration", "next", "switch:1", T="float32"),
        node("Exit", "exit", "switch", T="float32"),
        node("Conv2D", "y", "x", "exit", T="float32"),
    )
    assert answer(made).verdict == "unspecified"


def test_a_weight_that_two_layers_share_is_unspecified() -> None:
    made = graph(
        fed(),
        W4,
        node("Identity", "i", "w", T="float32"),
        node("Conv2D", "y", "x", "i", T="float32"),
        node("Conv2D", "z", "x", "w", T="float32"),
    )
    assert answer(made).verdict == answer(made, "z").verdict == "unspecified"


def test_data_that_is_no_float_is_unspecified() -> None:
    for dtype in ("int64", "string", "float64", "bfloat16"):
        made = graph(fed("x", 4, dtype=dtype), node("Add", "y", "x", "x", T=dtype))
        assert answer(made).verdict == "unspecified"


# --- the Float16 rule ---------------------------------------------------------------------------


def half(*before: Any, source: Any = None) -> Any:
    """A Float32 branch with the seven types' layers, and whatever else is given."""
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
def test_a_float16_input_of_a_function_that_does_not_look_at_it(body: Any, expected: str) -> None:
    inner = function("g", body, {"a": "float32", "u": "float16"}, {"r": f"{body[-1].name}:y:0"})
    call = node("g", "c", "a", "u")
    outer = function("f", [call], {"a": "float32", "u": "float16"}, {"r": "c:r:0"})
    made = half(fed("h", 4, dtype="float16"), node("f", "d", "x", "h"))
    made.library.function.extend([inner, outer])
    assert answer(made).verdict == expected


def test_a_float16_input_that_a_function_hands_back_is_read() -> None:
    body = function("f", [], {"u": "float16"}, {"r": "u"})
    made = half(fed("h", 4, dtype="float16"), node("f", "d", "h"))
    made.library.function.append(body)
    assert answer(made).verdict == "forbidden"


# --- functions ----------------------------------------------------------------------------------


def called(op: str, weight: Any, **attrs: Any) -> Any:
    """A Conv2D in a function ``f``, run by an operator of that type."""
    inside = node("Conv2D", "conv", "data", "filter", T="float32")
    passes = node("Identity", "out", "conv:output:0", T="float32")
    takes = {"data": "float32", "filter": "float32"}
    body = function("f", [inside, passes], takes, {"result": "out:output:0"})
    given = ["x", "w"] if op not in ("If", "StatelessIf") else ["c", "x", "w"]
    types = {"Tin": ["float32"] * 2, "Tout": ["float32"]}
    caller = node(op, "y", *given, **types, **attrs)
    last = node("Relu", "z", "y", T="float32")
    return graph(fed(), const("c"), weight, caller, last, functions=[body])


CALLERS: list[tuple[str, dict[str, Any]]] = [
    ("PartitionedCall", {"f": Func("f")}),
    ("StatefulPartitionedCall", {"f": Func("f")}),
    ("f", {}),
    ("If", {"then_branch": Func("f"), "else_branch": Func("f")}),
    ("StatelessIf", {"then_branch": Func("f"), "else_branch": Func("f")}),
    ("While", {"cond": Func("g"), "body": Func("f")}),
    ("StatelessWhile", {"cond": Func("g"), "body": Func("f")}),
]


@pytest.mark.parametrize(("op", "attrs"), CALLERS, ids=[op for op, _ in CALLERS])
def test_layers_in_functions(op: str, attrs: dict[str, Any]) -> None:
    network = read_tensorflow(called(op, W4, **attrs))
    assert network.layer("conv").where == "function:f"
    assert pytest_amct.answer(network.layer("conv")).verdict == "unspecified"
    dynamic = called(op, fed("w", 3, 3, 4, 4), **attrs)
    assert broken(answer(dynamic, "conv")) == {"weight_source"}


READS = node("ReadVariableOp", "r", "a", dtype="float32")


@pytest.mark.parametrize("handle", [VARIABLE, node("Placeholder", "v", dtype="resource")])
@pytest.mark.parametrize(("op", "attrs"), CALLERS, ids=[op for op, _ in CALLERS])
def test_a_variable_that_is_passed_to_a_function_is_undecided(
    op: str, attrs: dict[str, Any], handle: Any
) -> None:
    inside = node("Conv2D", "conv", "b", "r:value:0", T="float32")
    takes = {"a": "resource", "b": "float32"}
    body = function("f", [READS, inside], takes, {"y": "conv:output:0", "w": "r:value:0"})
    given = ["c", "v", "x"] if op in ("If", "StatelessIf") else ["v", "x"]
    types = {"Tin": ["resource", "float32"], "Tout": ["float32"] * 2}
    if op.endswith("While"):
        types = {"T": ["resource", "float32"]}
    caller = node(op, "k", *given, **types, **attrs)
    behind = node("Conv2D", "y", "x", "k:1", T="float32")
    made = graph(fed(), const("c"), handle, caller, behind, functions=[body])
    for name in ("conv", "y"):
        found = answer(made, name)
        assert (found.verdict, broken(found)) == ("unspecified", set())


def test_a_variable_in_a_function_without_calls_is_undecided() -> None:
    inside = node("Conv2D", "conv", "b", "r:value:0", T="float32")
    takes = {"a": "resource", "b": "float32"}
    body = function("f", [READS, inside], takes, {"y": "conv:output:0"})
    made = graph(fed(), node("Relu", "y", "x", T="float32"), functions=[body])
    assert answer(made, "conv").verdict == "unspecified"


def test_a_handle_that_is_fed_is_no_data() -> None:
    nodes = (fed(), node("Placeholder", "v", dtype="resource"))
    read = node("ReadVariableOp", "r", "v", dtype="float32")
    last = node("Add", "y", "x", "r", T="float32")
    network = read_tensorflow(graph(*nodes, read, last))
    assert [t.name for t in network.inputs] == ["x"]
    assert [walk.is_fed(t) for t in network.layer("y").inputs] == [True, False]


def test_values_go_through_calls() -> None:
    body = function(
        "f",
        [node("IdentityN", "n", "a", "b", T=["float32", "float32"])],
        {"a": "float32", "b": "float32"},
        {"first": "n:output:0", "second": "n:output:1"},
    )
    call = node("PartitionedCall", "c", "x", "w", f=Func("f"), Tout=["float32", "float32"])
    for port, expected in (("c", "forbidden"), ("c:1", "quantizable")):
        made = graph(fed(), W4, call, node("Conv2D", "y", "x", port, T="float32"), functions=[body])
        assert answer(made).verdict == expected
        network = read_tensorflow(made)
        second = network.layer("c").outputs[1]
        assert walk.shape(second) == (3, 3, 4, 4)
        assert walk.dtype(second) == "float32"


def test_attributes_of_functions_are_what_calls_pass() -> None:
    inside = node("MatMul", "inner", "a", "b", transpose_a=Param("flip"), T=Param("T"))
    takes = {"a": "float32", "b": "float32"}
    body = function("f", [inside], takes, {"r": "inner:product:0"})
    for name in ("flip", "T"):
        body.signature.attr.add(name=name)
    calls = [node("f", n, "x", "w", flip=flip, T="float32") for n, flip in (("a", True), ("b", 0))]
    first, second = calls
    second.attr["flip"].b = False
    network = read_tensorflow(graph(fed(), W2, first, functions=[body]))
    assert network.layer("inner").attribute("transpose_a") is True
    assert broken(pytest_amct.answer(network.layer("inner"))) == {"transpose_a"}
    network = read_tensorflow(graph(fed(), W2, first, second, functions=[body]))
    assert pytest_amct.answer(network.layer("inner")).verdict == "unspecified"


def test_functions_that_call_themselves_are_read() -> None:
    body = function(
        "f", [node("PartitionedCall", "c", "a", f=Func("f"))], {"a": "float32"}, {"r": "c:output:0"}
    )
    made = graph(fed(), node("f", "c", "x"), node("Conv2D", "y", "x", "c"), functions=[body])
    assert answer(made).verdict in ("unspecified", "forbidden")


def test_a_function_that_bears_an_operator_s_name_is_unspecified() -> None:
    body = function(
        "Conv2D", [node("Relu", "r", "a")], {"a": "float32", "b": "float32"}, {"r": "r:x:0"}
    )
    made = one("Conv2D", "x", "w", before=(W4,))
    made.library.function.append(body)
    assert answer(made).verdict == "unspecified"


# --- what the reader gives ----------------------------------------------------------------------


def test_names_attributes_and_outputs() -> None:
    network = read_tensorflow(
        graph(
            fed("x", -1, 8),
            node("TopKV2", "top", "x:0", "k", "^k", T="float32"),
            const("k", dtype="int32"),
            node("Relu", "y", "top", T="float32"),
            node("Neg", "z", "top:1", T="int32"),
        )
    )
    assert [layer.name for layer in network.layers] == ["x", "top", "k", "y", "z"]
    assert [t.name for t in network.layer("top").outputs if t] == ["top", "top:1"]
    assert [t.name for t in network.layer("top").inputs if t] == ["x", "k"]
    assert [t.name for t in network.inputs] == ["x"]
    assert [t.name for t in network.outputs] == ["y", "z"]
    assert network.inputs[0].shape == ("x.0", 8)
    assert walk.dtype(network.layer("top").outputs[1]) == "int32"
    made = one("Conv2D", "x", "w", before=(W4,), dilations=[1, 2, 2, 1], **CONV)
    layer = read_tensorflow(made).layer("y")
    assert layer.attribute("dilations") == (1, 2, 2, 1)
    assert layer.attribute("T") == "float32"
    assert layer.attribute("padding") == "SAME"
    assert layer.attribute("data_format") is None
    assert layer.framework == "tensorflow"


X = fed("x", -1, 4)
SHAPES: list[tuple[Any, tuple[Any, ...], Any]] = [
    (node("Transpose", "y", "w", "p", T="float32"), (ints("p", 3, 2, 0, 1),), (5, 4, 2, 3)),
    (node("Reshape", "y", "w", "p", T="float32"), (ints("p", -1, 5),), (24, 5)),
    (node("ExpandDims", "y", "w", "p", T="float32"), (ints("p", -1),), (2, 3, 4, 5, 1)),
    (node("Squeeze", "y", "q", T="float32"), (const("q", 1, 3, 1),), (3,)),
    (node("Mean", "y", "w", "p", T="float32"), (ints("p", 1, 2),), (2, 5)),
    (node("Pack", "y", "w", "w", T="float32", N=2), (), (2, 2, 3, 4, 5)),
    (node("Unpack", "y", "w", T="float32", num=2), (), (3, 4, 5)),
    (node("Mul", "y", "w", "q", T="float32"), (const("q", 5),), (2, 3, 4, 5)),
    (node("MatMul", "y", "q", "q", T="float32"), (const("q", 4, 4),), (4, 4)),
    (node("Fill", "y", "p", "q", T="float32"), (ints("p", 6, 7), const("q")), (6, 7)),
    (
        node("StridedSlice", "y", "w", "p", "p", "p", T="float32", shrink_axis_mask=1),
        (ints("p", 1, 1),),
        (None,) * 3,
    ),
    (node("Gather", "y", "w", "p", Tparams="float32"), (ints("p", 1, 1),), (None,) * 4),
    (node("AcmeOp", "y", "w", _output_shapes=[(2, -1)]), (), (2, None)),
    (node("ConcatV2", "y", "w", "w", "p", N=2), (ints("p", -1),), (2, 3, 4, 10)),
    (node("ConcatV2", "y", "w", "w", "x", N=2), (fed("x", dtype="int32"),), (None,) * 4),
    (
        node("ConcatV2", "y", "x", "u", "p", N=2),
        (X, fed("p", dtype="int32"), node("Placeholder", "u", dtype="float32", shape=None)),
        (None, None),
    ),
    (node("Concat", "y", "p", "x", "q", N=2), (X, const("q", 3, 4), ints("p", 1)), (3, 8)),
    (node("Concat", "y", "p", "x", "q", N=2), (X, const("q", 3, 4), ints("p", 0)), ("x.0", 4)),
    (node("Pack", "y", "x", "q", N=2), (X, const("q", 3, 4)), (2, 3, 4)),
    (node("Max", "y", "x", "p", keep_dims=True), (X, ints("p", 0)), (1, 4)),
    (node("EnsureShape", "y", "x", shape=(2, -1)), (X,), (2, 4)),
    (node("BiasAdd", "y", "v", "q"), (fed("v", 2, -1), const("q", 8)), (2, 8)),
    (
        node("FusedBatchNormV3", "y", "v", "q", data_format=Text("NCHW")),
        (fed("v", -1, -1, 4, 4), const("q", 8)),
        ("v.0", 8, 4, 4),
    ),
    (
        node("Conv2D", "y", "v", "q"),
        (fed("v", 1, 8, -1, -1), const("q", 3, 3, 4, 6)),
        (1, None, "v.2", 6),
    ),
    (
        node("DepthwiseConv2dNative", "y", "v", "q"),
        (fed("v", 1, 8, 8, -1), const("q", 3, 3, 4, 6)),
        (1, None, None, None),
    ),
    (node("MaxPool", "y", "v"), (fed("v", 1, 8, 8, -1),), (1, None, None, "v.3")),
    (
        node("BatchMatMulV2", "y", "v", "q"),
        (fed("v", -1, 2, 4), const("q", 3, 4, 5)),
        (3, 2, 5),
    ),
]


@pytest.mark.parametrize(
    ("last", "before", "shape"), SHAPES, ids=[f"{i}-{n.op}" for i, (n, _, _) in enumerate(SHAPES)]
)
def test_shapes(last: Any, before: tuple[Any, ...], shape: Any) -> None:
    made = graph(const("w", 2, 3, 4, 5), *before, last)
    assert walk.shape(read_tensorflow(made).layer("y").outputs[0]) == shape


# --- forms and errors ---------------------------------------------------------------------------


def small() -> Any:
    return one("Conv2D", "x", "w", before=(W4,))


def test_every_form_is_read_alike(tmp_path: Path) -> None:
    from google.protobuf import text_format

    saved = schema().SavedModel(saved_model_schema_version=1)
    saved.meta_graphs.add().graph_def.CopyFrom(small())
    saved.meta_graphs.add().graph_def.CopyFrom(graph(fed("other")))
    (tmp_path / "model.pb").write_bytes(small().SerializeToString())
    (tmp_path / "model.pbtxt").write_text(text_format.MessageToString(small()))
    for folder, text in (("binary", False), ("text", True)):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / ("saved_model.pbtxt" if text else "saved_model.pb")
        data = text_format.MessageToString(saved).encode() if text else saved.SerializeToString()
        path.write_bytes(data)
    forms = [
        small(),
        small().SerializeToString(),
        *(tmp_path / name for name in ("model.pb", "model.pbtxt", "binary", "text")),
        str(tmp_path / "model.pb"),
        saved,
    ]
    for form in forms:
        assert [layer.name for layer in read_tensorflow(form).layers] == ["x", "w", "y"]


def message(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_tensorflow(path)
    text = str(caught.value)
    assert str(path) in text and "\n" not in text
    return text


def test_files_that_are_no_graphs(tmp_path: Path) -> None:
    data, path = small().SerializeToString(), tmp_path / "model.pb"
    assert "cannot be read" in message(path)
    path.write_bytes(b"")
    assert "empty" in message(path)
    path.write_bytes(data[: len(data) - 20])
    assert "cut off" in message(path)
    path.write_text('node {\n  name: "x"\n  op: "Placeholder"\n}\n')
    assert ".pbtxt" in message(path)
    path.write_bytes(b"\x22\x03\x08\x9a\x0e")
    assert "no node" in message(path)
    (tmp_path / "folder").mkdir()
    assert "saved_model.pb" in message(tmp_path / "folder")


def test_broken_text_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "model.pbtxt"
    path.write_text('node {\n  name: "x"\n  opp: "Placeholder"\n}\n')
    assert "line 3" in message(path) and "opp" in message(path)
    path.write_text('node {\n  name: "x"\n')
    assert "line" in message(path)
    path.write_bytes(small().SerializeToString() + b"\xff")
    assert ".pb" in message(path)
    path.write_text("  \n")
    assert "empty" in message(path)
    path.write_text("node { " + 'attr { key: "a" value { func { ' * 3000)
    assert "nested too deep" in message(path)
    loud = tmp_path / "MODEL.PBTXT"
    loud.write_text('\ufeffnode { name: "x" op: "Placeholder" }')
    assert read_tensorflow(loud).layer("x").type == "Placeholder"


def test_what_is_no_model_at_all() -> None:
    with pytest.raises(ModelError, match=r"a\\x00b: not the path"):
        read_tensorflow("a\0b")
    with pytest.raises(ModelError, match="a dict is not a model: give a GraphDef"):
        read_tensorflow({})


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (graph(fed(), fed()), ["two nodes", "'x'"]),
        (graph(node("Relu", "y", "gone")), ["'y'", "'gone'"]),
        (graph(node("Relu", "y", "^gone")), ["'y'", "'^gone'"]),
        (graph(fed(), node("Relu", "y", "x:1")), ["'y'", "'x:1'"]),
        (graph(fed(), node("Relu", "y", "x:" + "9" * 5000)), ["'y'", "'x:99"]),
        (graph(fed(), node("Relu", "y", "x:\u0661")), ["'y'"]),
        (graph(node("Relu", "a", "b"), node("Relu", "b", "a")), ["cycle", "'a'", "'b'"]),
        (graph(node("Relu", "a", "^a")), ["cycle", "'a'"]),
        (graph(fed(), functions=[function("f", [], {}, {})] * 2), ["two functions", "'f'"]),
        (
            graph(fed(), functions=[function("f", [node("Relu", "y", "n:o:0")], {}, {})]),
            ["'y'", "'n:o:0'", "function:f"],
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_graphs_that_no_tensorflow_takes(made: Any, words: list[str]) -> None:
    with pytest.raises(ModelError) as caught:
        read_tensorflow(made)
    assert [word for word in words if word not in str(caught.value)] == []


def test_reading_is_linear_in_depth() -> None:
    nodes = [fed(), const("n0", 4)]
    nodes += [node("Identity", f"n{i}", f"n{i - 1}", T="float32") for i in range(1, 20_000)]
    made = graph(*nodes, node("Conv2D", "y", "x", "n19999", T="float32"))
    assert answer(made).verdict == "quantizable"


def test_damaged_graphs_are_read_or_refused() -> None:
    random = Random(7)
    for seed in range(400):
        data = bytearray(random_graph(Random(seed)).SerializeToString())
        for _ in range(random.randint(1, 3)):
            data[random.randrange(len(data))] = random.randrange(256)
        try:
            network = read_tensorflow(bytes(data))
        except ModelError:
            continue
        for layer in network.layers:
            pytest_amct.answer(layer)


def test_attributes_of_the_wrong_kind_are_not_known() -> None:
    strange: list[Any] = [Text("x"), ["float32"], [1, 2], 7, True, Func("f"), (1, 2), None, 1.5]
    names = "T N shape dtype _output_shapes output_shapes squeeze_dims axis keep_dims dilations"
    operators = "Squeeze Mean Pack Unpack Split IdentityN ShapeN Conv2D StridedSlice Placeholder"
    for op in operators.split():
        for name in names.split():
            for value in strange:
                made = graph(fed(), W4, node(op, "y", "x", "w", **{name: value}))
                walk.shape(read_tensorflow(made).layer("y").output(0))
                answer(made)


# --- two readings -------------------------------------------------------------------------------


def differences(made: Any, **treatment: Any) -> list[str]:
    network, others = read_tensorflow(made), opinions(made, **treatment)
    assert [layer.name for layer in network.layers] == [other.name for other in others]
    found = []
    for layer, other in zip(network.layers, others, strict=True):
        ours = pytest_amct.answer(layer, Treatment(**treatment))
        theirs = {reason.condition for reason in ours.broken}
        if (ours.verdict, theirs) != (other.answer, other.broken):
            why = [f"{r.condition}: {r.observed}" for r in ours.reasons if r.state != "holds"]
            found.append(f"{layer}: {ours.verdict} {why}, but {other.answer}: {other.why}")
    return found


@settings(
    max_examples=FUZZ,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.randoms(use_true_random=False), st.sampled_from([None, True]))
def test_two_readings_agree_on_drawn_graphs(random: Random, shift: bool | None) -> None:
    assert differences(random_graph(random), shift=shift) == []


def test_two_readings_agree_on_random_graphs_of_every_verdict() -> None:
    seen = set()
    for seed in range(400):
        made = random_graph(Random(seed))
        assert differences(made) == [], seed
        answers = map(pytest_amct.answer, read_tensorflow(made).layers)
        seen |= {(found.row, found.verdict) for found in answers}
    verdicts = ("quantizable", "forbidden", "unspecified")
    assert {(row, verdict) for row in ROWS for verdict in verdicts} - seen == set()


@pytest.mark.parametrize(
    "made",
    [
        one("Conv2D", "x", "w", before=before)
        for sources in (CONSTANTS, DYNAMIC)
        for name, before in sources.items()
        if name not in ("IdentityN beside what is fed",)
    ],
    ids=lambda made: made.node[-2].op,
)
def test_two_readings_agree_on_the_sources(made: Any) -> None:
    if {node.op for node in made.node} & {"Neg", "Size"}:
        made = schema().GraphDef.FromString(made.SerializeToString())
        for part in made.node:
            part.op = {"Neg": "Relu", "Size": "Shape"}.get(part.op, part.op)
    assert differences(made) == []


# --- TensorFlow itself, and none of it ----------------------------------------------------------


def test_reading_costs_little_and_imports_no_tensorflow() -> None:
    code = (
        "import sys; before = set(sys.modules);"
        "from pytest_amct.graphs.tensorflow.reader import read_tensorflow;"
        "from pytest_amct.graphs.tensorflow.schema import schema; schema();"
        "print(*[m for m in sys.modules if m.split('.')[0] in ('tensorflow', 'onnx', 'numpy')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


def quietly(code: str) -> None:
    """Run Python with TensorFlow in a process of its own: its import warns and is slow."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    environment["PYTHONPATH"] = str(Path(__file__).parent / "tools")
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert run.returncode == 0, run.stderr[-3000:]


@WITH_TENSORFLOW
def test_the_schema_is_tensorflow_s() -> None:
    quietly(
        """
from tensorflow.core.protobuf import saved_model_pb2
from pytest_amct.graphs.tensorflow.schema import schema

def compare(ours, theirs, seen):
    if ours.full_name in seen:
        return
    seen.add(ours.full_name)
    assert ours.name == theirs.name or ours.full_name.count(".") == 1, ours.full_name
    for field in ours.fields:
        other = theirs.fields_by_number[field.number]
        assert (field.name, field.type) == (other.name, other.type)
        if field.message_type:
            compare(field.message_type, other.message_type, seen)
        if field.enum_type:
            values = {v.name: v.number for v in other.enum_type.values}
            assert {v.name: v.number for v in field.enum_type.values}.items() <= values.items()

theirs = saved_model_pb2.SavedModel.DESCRIPTOR
compare(schema().SavedModel.DESCRIPTOR, theirs, set())
"""
    )


@WITH_TENSORFLOW
def test_tensorflow_imports_what_the_schema_writes() -> None:
    quietly(
        """
import tensorflow as tf
from tensorflow_graphs import *
S = {"strides": [1, 1, 1, 1], "padding": Text("SAME"), "T": "float32"}
pool = {**S, "ksize": [1, 2, 2, 1]}
inside = node("Conv2D", "conv", "a", "b", **S)
body = function("f", [inside], {"a": "float32", "b": "float32"}, {"r": "conv:output:0"})
types = {"Tin": ["float32"] * 2, "Tout": ["float32"]}
made = graph(
    fed("x", -1, 8, 8, 4), const("w", 3, 3, 4, 4), node("Identity", "i", "w", T="float32"),
    node("Conv2D", "c", "x", "i", "^w", dilations=[1, 2, 2, 1], **S),
    node("DepthwiseConv2dNative", "d", "c", "i", **S), ints("s", 1, 8, 8, 4),
    node("Conv2DBackpropInput", "e", "s", "i", "x", **S),
    node("AvgPool", "avg", "x", **pool), node("MaxPool", "max", "x", **pool),
    node("Add", "add", "avg", "max", T="float32"), const("m", 4, 4),
    node("BatchMatMulV2", "b", "x", "m", adj_y=True, T="float32"),
    fed("h", 2, 4, dtype="float16"), const("k", 4, 4, dtype="float16"),
    node("MatMul", "mm", "h", "k", transpose_b=True, T="float16"),
    node("PartitionedCall", "call", "x", "w", f=Func("f"), **types),
    functions=[body],
)
theirs = tf.compat.v1.GraphDef.FromString(made.SerializeToString())
with tf.Graph().as_default() as g:
    tf.import_graph_def(theirs, name="")
    assert g.get_tensor_by_name("b:0").shape.rank == 4
"""
    )


@WITH_TENSORFLOW
def test_a_frozen_keras_application_is_read() -> None:
    quietly(
        """
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
import pytest_amct
from pytest_amct.graphs import walk
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
model = tf.keras.applications.MobileNetV2(weights=None, input_shape=(96, 96, 3), alpha=0.35)
call = tf.function(lambda x: model(x, training=False))
concrete = call.get_concrete_function(tf.TensorSpec([None, 96, 96, 3]))
network = read_tensorflow(convert_variables_to_constants_v2(concrete).graph.as_graph_def())
weighted = {"Conv2D": 35, "DepthwiseConv2dNative": 17, "MatMul": 1}
for type_, count in weighted.items():
    layers = [layer for layer in network.layers if layer.type == type_]
    assert len(layers) == count
    for layer in layers:
        assert layer.inputs[1].producer.type == "Identity"
        assert walk.source(layer.inputs[1]).kind == "constant"
        assert pytest_amct.answer(layer).verdict == "quantizable", layer
adds = [layer for layer in network.layers if layer.type == "AddV2"]
assert adds and {pytest_amct.answer(layer).verdict for layer in adds} == {"unspecified"}
assert walk.shape(network.layer("x").outputs[0]) == ("x.0", 96, 96, 3)
"""
    )


@WITH_TENSORFLOW
def test_a_saved_model_of_tensorflow_is_read(tmp_path: Path) -> None:
    quietly(
        f"""
import tensorflow as tf
import pytest_amct
from pytest_amct.graphs.tensorflow.reader import read_tensorflow

class Net(tf.Module):
    def __init__(self):
        self.w = tf.Variable(tf.random.normal((3, 3, 4, 4)))

    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 4))])
    def __call__(self, x):
        return tf.nn.conv2d(x, self.w, 1, "SAME")

tf.saved_model.save(Net(), {str(tmp_path)!r})
network = read_tensorflow({str(tmp_path)!r})
layers = [layer for layer in network.layers if layer.type == "Conv2D"]
assert layers and all(layer.where.startswith("function:") for layer in layers)
assert {{pytest_amct.answer(layer).verdict for layer in layers}} == {{"unspecified"}}
"""
    )
