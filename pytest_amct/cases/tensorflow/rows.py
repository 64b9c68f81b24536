"""The TensorFlow cases of table 1: for each row a conforming layer, and deviations from it.

Pure data, in the order in which the tests run. A deviation says what changes, never what the
answer is. Attributes are spelled as graphs spell them; the element types are the writer's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_amct.cases.plan import Changes, Deviations, LayerVariation, Plan, standing
from pytest_amct.cases.tensorflow.unlisted import UNLISTED

__all__ = [
    "AROUND",
    "DEFAULTS",
    "DEVIATIONS",
    "FLOAT16",
    "FLOAT16_ROWS",
    "LAYER_VARIATIONS",
    "PLAIN_ONLY",
    "UNLISTED",
    "VARIATIONS",
    "VARIED",
    "VARIED_BY",
]


def _attributes(**given: Any) -> Changes:
    return {"attributes": given}


def _sources(*names: str) -> Deviations:
    return {name: {"source": name} for name in names}


_CONV = {"strides": [1] * 4, "padding": "VALID", "dilations": [1] * 4, "data_format": "NHWC"}
_CONV3 = {"strides": [1] * 5, "padding": "VALID", "dilations": [1] * 5, "data_format": "NDHWC"}
_POOL = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "VALID", "data_format": "NHWC"}
_2D, _3D = (1, 4, 4, 32), (1, 4, 4, 4, 16)
_FIRST = (1, 32, 4, 4)


def _nchw(**given: Any) -> Changes:
    """The same layer on data whose channels stand behind the batch."""
    return {"data": _FIRST, "attributes": {"data_format": "NCHW", **given}}


def _ncdhw(**given: Any) -> Changes:
    return {"data": (1, 16, 4, 4, 4), "attributes": {"data_format": "NCDHW", **given}}


DEFAULTS: Mapping[str, Plan] = {
    "MatMul": Plan(
        "MatMul",
        (4, 32),
        attributes={"transpose_a": False, "transpose_b": False},
        weight=(32, 32),
        source="const",
    ),
    "Conv2D": Plan("Conv2D", _2D, attributes=_CONV, weight=(2, 2, 32, 32), source="const"),
    "DepthwiseConv2dNative": Plan(
        "DepthwiseConv2dNative",
        (1, 4, 4, 64),
        attributes={**_CONV, "padding": "SAME"},
        weight=(4, 4, 64, 1),
        source="const",
    ),
    "Conv2DBackpropInput": Plan(
        "Conv2DBackpropInput", _2D, attributes=_CONV, weight=(2, 2, 32, 32), source="const"
    ),
    "BatchMatMulV2": Plan(
        "BatchMatMulV2",
        (1, 4, 32),
        attributes={"adj_x": False, "adj_y": False},
        weight=(32, 32),
        source="const",
    ),
    "AvgPool": Plan("AvgPool", _2D, attributes=_POOL),
    "Conv3D": Plan("Conv3D", _3D, attributes=_CONV3, weight=(2, 2, 2, 16, 16), source="const"),
    "MaxPool": Plan("MaxPool", _2D, attributes=_POOL),
    "Add": Plan("Add", _2D, second="branch"),
}

_WEIGHT_SOURCES = _sources(
    # constants, in every form
    "const",
    "const-values",
    "identity",
    "identity-twice",
    "identity-control",
    "transpose",
    "reshape",
    "cast",
    "mul",
    "concat",
    "split",
    "pack",
    "fill",
    "dequantize",
    "strided-slice",
    "call",
    "five-hops",
    # what can change
    "input",
    "input-default",
    "input-identity",
    "input-transpose",
    "input-cast",
    "input-split",
    "input-mul",
    "input-mul-second",
    "input-call",
    "input-five-hops",
    "shape-symbolic",
    "size-symbolic",
    "random",
    "iterator",
    "queue",
    # what the document does not settle
    "variable",
    "resource",
    "switch",
    "merge",
    "frames",
    "while",
    "if",
    "shape-static",
    "size-static",
    "random-seeded",
    "random-seeded-second",
    "random-stateless",
)
_MORE_SOURCES = _sources(
    "input-ten-hops",
    "input-concat",
    "input-pack",
    "input-fill",
    "input-dequantize",
    "input-strided-slice",
    "input-stop-gradient",
    "input-identity-n",
    "filled-symbolic",
    "random-uniform",
    "random-truncated",
)
"""Further ways in which a weight can change."""

PLAIN_ONLY = frozenset(_MORE_SOURCES)
"""Deviations that the gate shows in one context alone."""

_IN_CALL: Deviations = {"input-in-call": {"inside": "call", "source": "input"}}

_OTHER_DTYPES: Deviations = {"float64": {"dtype": "float64"}, "bfloat16": {"dtype": "bfloat16"}}
_DTYPES: Deviations = {
    "float16": {"dtype": "float16"},
    "float16-cast-at-once": {"fed_as": "float16"},
    "float16-input-elsewhere": {"beside": ("float16-input",)},
    "float16-weight-elsewhere": {"beside": ("float16-weight",)},
    "bfloat16-elsewhere": {"beside": ("bfloat16-input",)},
    "float64-elsewhere": {"beside": ("float64-input",)},
    "int64-elsewhere": {"beside": ("int64-input",)},
    **_OTHER_DTYPES,
}

FLOAT16_ROWS = ("AvgPool", "MaxPool", "Add")
"""Rows whose types the Float16 rule closes; `FLOAT16` are the deviations of each."""

FLOAT16: Deviations = {
    "none": {},
    "input": {"dtype": "float16"},
    "input-cast-at-once": {"fed_as": "float16"},
    "input-elsewhere": {"beside": ("float16-input",)},
    "input-with-default-elsewhere": {"beside": ("float16-default",)},
    "iterator-elsewhere": {"beside": ("float16-iterator",)},
    "weight-elsewhere": {"beside": ("float16-weight",)},
    "weight-identity-elsewhere": {"beside": ("float16-weight-identity",)},
    "weight-cast-elsewhere": {"beside": ("float16-weight-cast",)},
    "weight-transposed-elsewhere": {"beside": ("float16-weight-transposed",)},
    "conv-weight-elsewhere": {"beside": ("float16-conv-weight",)},
    "input-and-weight-elsewhere": {"beside": ("float16-input", "float16-weight")},
    "input-here-weight-elsewhere": {"dtype": "float16", "beside": ("float16-weight",)},
    "everything": {"dtype": "float16", "beside": ("all-float16",)},
    "first-weight-of-several": {"beside": ("float16-weight", "float32-weight")},
    "transposed-weight-elsewhere": {"beside": ("float16-backprop-weight",)},
    "second-of-iterator-elsewhere": {"beside": ("float16-iterator-second",)},
    "input-unread": {"beside": ("float16-unread",)},
    "input-that-only-controls": {"beside": ("float16-controls",)},
    "weight-in-call": {"beside": ("float16-weight-in-call",)},
    "bias-elsewhere": {"beside": ("float16-bias",)},
    "scalar-elsewhere": {"beside": ("float16-scalar",)},
    "between-elsewhere": {"beside": ("float16-between",)},
    "output-elsewhere": {"beside": ("float16-output",)},
    "stored-elsewhere": {"beside": ("float16-stored",)},
    "bfloat16-elsewhere": {"beside": ("bfloat16-input",)},
    "float64-elsewhere": {"beside": ("float64-input",)},
    "int64-elsewhere": {"beside": ("int64-input",)},
}

_PLACES: Deviations = {
    "default": {},
    "in-call": {"inside": "call"},
    "in-function": {"inside": "function"},
    "in-if": {"inside": "if"},
}
_FORMS: Deviations = {"symbolic-batch": {"symbolic_batch": True}}
_INT64: Deviations = {"int64": {"dtype": "int64"}}
_BIAS: Deviations = {"bias": {"beside": ("bias-add",)}}
_SHARED: Deviations = {"shared-weight": {"form": "shared-weight"}}
_WEIGHTED: Deviations = {**_PLACES, **_BIAS, **_SHARED, **_DTYPES, **_FORMS}

_CONVOLUTION: Deviations = {
    "padding": _attributes(padding="SAME"),
    "padding-explicit": _attributes(padding="EXPLICIT", explicit_paddings=[0, 0, 1, 0, 0, 1, 0, 0]),
    "dilation": _attributes(dilations=[1, 2, 2, 1]),
    "dilation-first": _attributes(dilations=[1, 2, 1, 1]),
    "no-dilations": _attributes(dilations=None),
    "no-data_format": _attributes(data_format=None),
}
_POOLING: Deviations = {
    **_PLACES,
    "whole-map": _attributes(ksize=[1, 4, 4, 1]),
    "padding": _attributes(padding="SAME", ksize=[1, 3, 3, 1]),
    "nchw": _nchw(ksize=[1, 1, 2, 2], strides=[1, 1, 2, 2]),
    "no-data_format": _attributes(data_format=None),
    **_OTHER_DTYPES,
    **_FORMS,
}
_V2, _V3 = {"type": "BatchMatMul", "data": (4, 32)}, {"type": "BatchMatMulV3"}

DEVIATIONS: Mapping[str, Mapping[str, Deviations]] = {
    "MatMul": {
        "": {**_WEIGHTED, "bias-plus": {"beside": ("bias-plus",)}, **_INT64},
        "transpose_a": {
            "false": {},
            "absent": _attributes(transpose_a=None),
            "absent-both": _attributes(transpose_a=None, transpose_b=None),
            "true": {"data": (32, 4), "attributes": {"transpose_a": True}},
            "true-square": {"data": (32, 32), "attributes": {"transpose_a": True}},
            "true-transpose_b": {
                "data": (32, 4),
                "attributes": {"transpose_a": True, "transpose_b": True},
            },
        },
        "transpose_b": {
            "false": {},
            "absent": _attributes(transpose_b=None),
            "true": {"weight": (64, 32), "attributes": {"transpose_b": True}},
            "true-square": _attributes(transpose_b=True),
            "true-identity": {**_attributes(transpose_b=True), "source": "identity"},
        },
        "weight_source": {
            **_WEIGHT_SOURCES,
            **_MORE_SOURCES,
            **_IN_CALL,
            "constant-first": {"form": "constant-first", "data": (32, 32), "source": "input"},
        },
    },
    "Conv2D": {
        "": {
            **_WEIGHTED,
            **_CONVOLUTION,
            "strides": _attributes(strides=[1, 2, 2, 1]),
            "group": {"weight": (2, 2, 8, 32)},
            "nchw": _nchw(),
            "nchw-dilation": _nchw(dilations=[1, 1, 2, 2]),
        },
        "weight_source": {
            **_WEIGHT_SOURCES,
            **_MORE_SOURCES,
            **_IN_CALL,
            "input-nchw": {**_nchw(), "source": "input"},
            "input-group": {"weight": (2, 2, 8, 32), "source": "input"},
        },
    },
    "DepthwiseConv2dNative": {
        "": {
            **_WEIGHTED,
            **_CONVOLUTION,
            "strides": _attributes(strides=[1, 2, 2, 1]),
            "multiplier": {"data": _2D, "weight": (2, 2, 32, 8)},
            "nchw": {**_nchw(), "data": (1, 64, 4, 4)},
        },
        "weight_source": {
            **_WEIGHT_SOURCES,
            **_IN_CALL,
            "input-nchw": {**_nchw(), "data": (1, 64, 4, 4), "source": "input"},
        },
    },
    "Conv2DBackpropInput": {
        "": {
            **_WEIGHTED,
            "strides": _attributes(strides=[1, 2, 2, 1]),
            "padding": _attributes(padding="SAME", strides=[1, 2, 2, 1]),
            "no-data_format": _attributes(data_format=None),
            "nchw": _nchw(),
            "sizes-shape": {"form": "sizes-shape"},
            "sizes-shape-symbolic": {"form": "sizes-shape", "symbolic_batch": True},
            "sizes-pack": {"form": "sizes-pack", "symbolic_batch": True},
            "sizes-input": {"form": "sizes-input"},
        },
        "dilation": {
            "h1-w1": {},
            "absent": _attributes(dilations=None),
            "absent-layout": _attributes(dilations=None, data_format=None),
            "nchw-h1-w1": _nchw(),
            "nchw-absent": _nchw(dilations=None),
            "h2-w2": _attributes(dilations=[1, 2, 2, 1]),
            "h1-w2": _attributes(dilations=[1, 1, 2, 1]),
            "h2-w1": _attributes(dilations=[1, 2, 1, 1]),
            "h1-w3": _attributes(dilations=[1, 1, 3, 1]),
            "h2-w1-absent-layout": _attributes(dilations=[1, 2, 1, 1], data_format=None),
            "h2-w2-identity": {**_attributes(dilations=[1, 2, 2, 1]), "source": "identity"},
            "nchw-h2-w2": _nchw(dilations=[1, 1, 2, 2]),
            "nchw-h2-w1": _nchw(dilations=[1, 1, 2, 1]),
            "nchw-h1-w2": _nchw(dilations=[1, 1, 1, 2]),
            "h2-w1-sizes-shape": {**_attributes(dilations=[1, 2, 1, 1]), "form": "sizes-shape"},
        },
        "weight_source": {
            **_WEIGHT_SOURCES,
            **_IN_CALL,
            "input-sizes-shape": {"source": "input", "form": "sizes-shape"},
            "input-nchw": {**_nchw(), "source": "input"},
        },
    },
    "BatchMatMulV2": {
        "": {
            **_WEIGHTED,
            "rank-2": {"data": (4, 32)},
            "rank-4": {"data": (1, 2, 4, 32)},
            "adj_y": {"weight": (64, 32), "attributes": {"adj_y": True}},
            "adj_y-square": _attributes(adj_y=True),
            "no-adj": _attributes(adj_x=None, adj_y=None),
            "bias-plus": {"beside": ("bias-plus",)},
            "v1": _V2,
            "v3": _V3,
            **_INT64,
        },
        "adj_x": {
            "false": {},
            "absent": _attributes(adj_x=None),
            "false-adj_y": _attributes(adj_x=False, adj_y=True),
            "true": {"data": (1, 32, 4), "attributes": {"adj_x": True}},
            "true-square": {"data": (1, 32, 32), "attributes": {"adj_x": True}},
            "true-identity": {
                "data": (1, 32, 4),
                "attributes": {"adj_x": True},
                "source": "identity",
            },
            "true-adj_y": {"data": (1, 32, 4), "attributes": {"adj_x": True, "adj_y": True}},
            "true-v1": {**_V2, "data": (32, 4), "attributes": {"adj_x": True}},
            "true-v3": {**_V3, "data": (1, 32, 4), "attributes": {"adj_x": True}},
            "true-rank-2": {"data": (32, 4), "attributes": {"adj_x": True}},
        },
        "second_input": {
            **_WEIGHT_SOURCES,
            **_IN_CALL,
            "identity-transpose": {"source": "identity-transpose"},
            "adj_y-identity": {**_attributes(adj_y=True), "source": "identity"},
            "rank-3": {"weight": (1, 32, 32)},
            "rank-3-identity": {"weight": (1, 32, 32), "source": "identity"},
            "rank-3-reshaped": {"weight": (1, 32, 32), "source": "reshape"},
            "rank-3-transposed": {"weight": (1, 32, 32), "source": "transpose"},
            "rank-4": {"data": (1, 2, 4, 32), "weight": (1, 2, 32, 32)},
            "rank-3-data-rank-2": {"data": (4, 32), "weight": (1, 32, 32)},
            "rank-3-input": {"weight": (1, 32, 32), "source": "input"},
            "constant-first": {"form": "constant-first", "data": (32, 32), "source": "input"},
            "input-v1": {**_V2, "source": "input"},
            "input-v3": {**_V3, "source": "input"},
            "rank-3-v3": {**_V3, "weight": (1, 32, 32)},
        },
    },
    "AvgPool": {"": _POOLING},
    "Conv3D": {
        "": {
            **_WEIGHTED,
            "strides": _attributes(strides=[1, 2, 2, 2, 1]),
            "padding": _attributes(padding="SAME"),
            "no-data_format": _attributes(data_format=None),
            "ncdhw": _ncdhw(),
            **{
                f"weight-{name}": {"source": name}
                for name in (
                    *("const-values", "identity", "transpose", "five-hops"),
                    *("input", "input-identity", "input-mul-second", "random"),
                    *("variable", "resource", "switch", "while", "random-seeded"),
                )
            },
        },
        "dilation_d": {
            "d1-h1-w1": {},
            "absent": _attributes(dilations=None),
            "absent-layout": _attributes(dilations=None, data_format=None),
            "d1-h2-w2": _attributes(dilations=[1, 1, 2, 2, 1]),
            "d1-h2-w1": _attributes(dilations=[1, 1, 2, 1, 1]),
            "d1-h1-w2": _attributes(dilations=[1, 1, 1, 2, 1]),
            "ncdhw-d1-h1-w1": _ncdhw(),
            "ncdhw-absent": _ncdhw(dilations=None),
            "ncdhw-d1-h2-w2": _ncdhw(dilations=[1, 1, 1, 2, 2]),
            "ncdhw-d1-h2-w1": _ncdhw(dilations=[1, 1, 1, 2, 1]),
            "d2-h1-w1": _attributes(dilations=[1, 2, 1, 1, 1]),
            "d2-h2-w2": _attributes(dilations=[1, 2, 2, 2, 1]),
            "d3-h1-w1": _attributes(dilations=[1, 3, 1, 1, 1]),
            "d2-h1-w1-absent-layout": _attributes(dilations=[1, 2, 1, 1, 1], data_format=None),
            "d2-h1-w1-identity": {**_attributes(dilations=[1, 2, 1, 1, 1]), "source": "identity"},
            "d2-h1-w1-input": {**_attributes(dilations=[1, 2, 1, 1, 1]), "source": "input"},
            "ncdhw-d2-h1-w1": _ncdhw(dilations=[1, 1, 2, 1, 1]),
            "ncdhw-d2-h2-w2": _ncdhw(dilations=[1, 1, 2, 2, 2]),
        },
    },
    "MaxPool": {"": {**_POOLING, "no-type": {"form": "no-type"}}},
    "Add": {
        "": {
            **_PLACES,
            "same": {"second": "same"},
            "constant": {"second": "constant"},
            "constant-first": {"second": "constant-first"},
            "vector": {"second": "vector"},
            "scalar": {"second": "scalar"},
            "v2": {"type": "AddV2"},
            "v2-constant": {"type": "AddV2", "second": "constant"},
            "v2-float16": {"type": "AddV2", "dtype": "float16"},
            "constant-float16": {"second": "constant", "dtype": "float16"},
            **_INT64,
            **_OTHER_DTYPES,
            **_FORMS,
        },
    },
}

VARIATIONS: Mapping[str, Changes] = {
    "batch": {"symbolic_batch": True},
    "clutter": {"beside": ("clutter",)},
    "control": {"beside": ("control",)},
    "device": {"beside": ("device",)},
    "identity": {"beside": ("identity",)},
    "reversed": {"beside": ("reversed",)},
}
"""Changes that concern no condition; examples combine them with any deviation."""

AROUND = ("Sigmoid", "Mul", "Softmax", "BiasAdd", "FusedBatchNormV3", "Mean")
"""Types without a row that stand around a focal layer in networks."""

VARIED: Mapping[str, tuple[str, ...]] = {
    "uniform/tensorflow/MatMul/transpose_a": ("true",),
    "uniform/tensorflow/MatMul/transpose_b": ("true-square",),
    "uniform/tensorflow/MatMul/weight_source": ("input", "input-mul-second"),
    "uniform/tensorflow/Conv2D/weight_source": ("input", "input-mul-second"),
    "uniform/tensorflow/DepthwiseConv2dNative/weight_source": ("input",),
    "uniform/tensorflow/Conv2DBackpropInput/dilation": ("h2-w1", "nchw-h1-w2"),
    "uniform/tensorflow/Conv2DBackpropInput/weight_source": ("input",),
    "uniform/tensorflow/BatchMatMulV2/adj_x": ("true",),
    "uniform/tensorflow/BatchMatMulV2/second_input": ("rank-3", "input"),
    "uniform/tensorflow/Conv3D/dilation_d": ("d2-h1-w1", "ncdhw-d2-h1-w1"),
    "float16/tensorflow/AvgPool": ("input",),
    "float16/tensorflow/MaxPool": ("input",),
    "float16/tensorflow/Add": ("input",),
}
"""Deviations that the gate shows under each variation of their layer as well."""

VARIED_BY: tuple[str, ...] = ()
"""Variations of whole models under which it shows them, too."""

_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "Conv3D")
_WITH_WEIGHT = (*_CONVOLUTIONS, "MatMul", "BatchMatMulV2")


def _same(plan: Plan) -> Changes | None:
    valid = plan.type in _CONVOLUTIONS and plan.attributes.get("padding") == "VALID"
    return {"attributes": {"padding": "SAME"}} if valid else None


def _strided(plan: Plan) -> Changes | None:
    if plan.type not in _CONVOLUTIONS or set(plan.attributes["strides"]) != {1}:
        return None
    twos = [2] * (len(plan.data) - 2)
    first = str(plan.attributes.get("data_format", "")).startswith("NC")
    return {"attributes": {"strides": [1, 1, *twos] if first else [1, *twos, 1]}}


def _thin(plan: Plan) -> Changes | None:
    """A kernel of ones, if the weight stays large enough to be looked at."""
    if plan.type not in ("Conv2D", "Conv2DBackpropInput") or plan.weight is None:
        return None
    wide = plan.weight[2] * plan.weight[3] >= 1024
    wide &= not plan.source.endswith(("pack", "concat"))  # which are made of two halves
    return {"weight": (1, 1, *plan.weight[2:])} if wide else None


def _half(plan: Plan) -> Changes | None:
    plain = plan.dtype == "float32" and not plan.fed_as
    plain &= not any("float" in name for name in plan.beside)  # which is about other types
    plain &= not plan.source.endswith("dequantize")  # which gives no Float16
    return {"dtype": "float16"} if plan.type in _WITH_WEIGHT and plain else None


def _turned(plan: Plan) -> Changes | None:
    square = plan.weight == (32, 32) and plan.attributes.get("adj_y") is False
    return {"attributes": {"adj_y": True}} if square else None


def _biased(plan: Plan) -> Changes | None:
    fits = plan.type in _WITH_WEIGHT and "bias-add" not in plan.beside and plan.dtype == "float32"
    # TensorFlow 2.21 fuses the two with oneDNN, and aborts.
    padded = plan.attributes.get("padding") == "EXPLICIT"
    fits &= not (padded and plan.type == "DepthwiseConv2dNative")
    return {"beside": ("bias-add",)} if fits and not plan.inside else None


def _is_apart(plan: Plan) -> bool:
    return bool(plan.inside or plan.form == "shared-weight" or plan.dtype == "int64")


LAYER_VARIATIONS: Mapping[str, LayerVariation] = {
    "bias-add": _biased,
    "same": _same,
    "strides": _strided,
    "thin": _thin,
    "float16": _half,
    "adj_y": _turned,
    "at-input": standing("at-input", unless=_is_apart),
    "at-output": standing("at-output", unless=_is_apart),
    "relu": standing("relu", unless=_is_apart),
}
"""Changes to a layer that concern no condition, where they go with it."""
