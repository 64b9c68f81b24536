"""Nodes that make the weight ``w`` of a layer, by what the document says of such weights."""

from __future__ import annotations

from typing import Any

from tensorflow_graphs import Func, Text, const, fed, ints, node

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
    "barrier": (
        node("Barrier", "b", component_types=["float32"]),
        ints("n", 1),
        node("BarrierTakeMany", "t", "b", "n", component_types=["float32"]),
        node("Identity", "w", "t:2", T="float32"),
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
