"""The TensorFlow cases of table 1: for each row a conforming layer, and deviations from it.

This is pure data, in the order in which the tests run. A deviation lists changes and never an
answer. Attributes are spelled as in graphs; the writer adds the element types. `CaseSource`
explains each name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_amct.cases.deviations import (
    DTYPES,
    FACTORS,
    FLOAT16_BOTH,
    FLOAT16_FACTORS,
    FLOAT16_INPUT,
    FLOAT16_NEITHER,
    OPERANDS,
    SHARED,
    SYMBOLIC,
    attributes,
    elsewhere,
    some,
    sources,
)
from pytest_amct.cases.plan import Branch, Changes, Deviations, Plan

_CONV = {"strides": [1] * 4, "padding": "VALID", "dilations": [1] * 4, "data_format": "NHWC"}
_CONV3 = {"strides": [1] * 5, "padding": "VALID", "dilations": [1] * 5, "data_format": "NDHWC"}
_POOL = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "VALID", "data_format": "NHWC"}
_2D, _3D = (1, 4, 4, 32), (1, 4, 4, 4, 16)
_FIRST = (1, 32, 4, 4)


def _nchw(**given: Any) -> Changes:
    """Return changes to a layer whose data has the channels right after the batch."""
    return {"data": _FIRST, "attributes": {"data_format": "NCHW", **given}}


def _depthwise_nchw(**given: Any) -> Changes:
    return {**_nchw(**given), "data": (1, 64, 4, 4)}


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

_WEIGHT_SOURCES = sources(
    # constant, in every form
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
    # dynamic
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
    # not decided by the document
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
_MORE_SOURCES = sources(
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

VARIABLE = ("input", "input-identity", "input-transpose", "input-mul", "iterator", "random")
"""Sources of a second factor in products of two variables."""

PLAIN_ONLY = frozenset(_MORE_SOURCES)

_IN_CALL: Deviations = {"input-in-call": {"inside": "call", "source": "input"}}

_OTHER_DTYPES: Deviations = {"float64": {"dtype": "float64"}, "bfloat16": {"dtype": "bfloat16"}}
_DTYPES: Deviations = {**DTYPES, **_OTHER_DTYPES}

FLOAT16: Deviations = {
    **FLOAT16_INPUT,
    "input-with-default-elsewhere": elsewhere("float16", "default"),
    "iterator-elsewhere": elsewhere("float16", "iterator"),
    "weight-elsewhere": elsewhere("float16", "weight"),
    "weight-identity-elsewhere": elsewhere("float16", "weight-identity"),
    "weight-cast-elsewhere": elsewhere("float16", "weight-cast"),
    "weight-transposed-elsewhere": elsewhere("float16", "weight-transposed"),
    "conv-weight-elsewhere": elsewhere("float16", "conv-weight"),
    **FLOAT16_BOTH,
    "first-weight-of-several": {"branches": (Branch("weight", "float16"), Branch("weight"))},
    "transposed-weight-elsewhere": elsewhere("float16", "backprop-weight"),
    "second-of-iterator-elsewhere": elsewhere("float16", "iterator-second"),
    "input-unread": elsewhere("float16", "unread-input"),
    "input-that-only-controls": elsewhere("float16", "controls"),
    "weight-in-call": elsewhere("float16", "weight-in-call"),
    **FLOAT16_NEITHER,
}
FLOAT16_ROWS: Mapping[str, Deviations] = {
    **dict.fromkeys(("AvgPool", "MaxPool", "Add"), FLOAT16),
    "BatchMatMulV2": FLOAT16_FACTORS,
}

_PLACES: Deviations = {
    "default": {},
    "in-call": {"inside": "call"},
    "in-function": {"inside": "function"},
    "in-if": {"inside": "if"},
}
_INT64: Deviations = {"int64": {"dtype": "int64"}}
_BIAS: Deviations = {"bias": {"around": ("bias-add",)}}
_WEIGHTED: Deviations = {**_PLACES, **_BIAS, **SHARED, **_DTYPES, **SYMBOLIC}

_CONVOLUTION: Deviations = {
    "padding": attributes(padding="SAME"),
    "padding-explicit": attributes(padding="EXPLICIT", explicit_paddings=[0, 0, 1, 0, 0, 1, 0, 0]),
    "dilation": attributes(dilations=[1, 2, 2, 1]),
    "dilation-first": attributes(dilations=[1, 2, 1, 1]),
    "no-dilations": attributes(dilations=None),
    "no-data_format": attributes(data_format=None),
}
_POOLING: Deviations = {
    **_PLACES,
    "whole-map": attributes(ksize=[1, 4, 4, 1]),
    "padding": attributes(padding="SAME", ksize=[1, 3, 3, 1]),
    "nchw": _nchw(ksize=[1, 1, 2, 2], strides=[1, 1, 2, 2]),
    "no-data_format": attributes(data_format=None),
    **_OTHER_DTYPES,
    **SYMBOLIC,
}
_V2: Changes = {"type": "BatchMatMul", "data": (4, 32)}
_V3: Changes = {"type": "BatchMatMulV3"}

DEVIATIONS: Mapping[str, Mapping[str, Deviations]] = {
    "MatMul": {
        "": {**_WEIGHTED, "bias-plus": {"around": ("bias-plus",)}, **_INT64},
        "transpose_a": {
            "false": {},
            "absent": attributes(transpose_a=None),
            "absent-both": attributes(transpose_a=None, transpose_b=None),
            "true": {"data": (32, 4), "attributes": {"transpose_a": True}},
            "true-square": {"data": (32, 32), "attributes": {"transpose_a": True}},
            "true-transpose_b": {
                "data": (32, 4),
                "attributes": {"transpose_a": True, "transpose_b": True},
            },
        },
        "transpose_b": {
            "false": {},
            "absent": attributes(transpose_b=None),
            "true": {"weight": (64, 32), "attributes": {"transpose_b": True}},
            "true-square": attributes(transpose_b=True),
            "true-identity": {**attributes(transpose_b=True), "source": "identity"},
        },
        "weight_source": {
            **_WEIGHT_SOURCES,
            **_MORE_SOURCES,
            **_IN_CALL,
            **some(FACTORS, "constant-first"),
        },
    },
    "Conv2D": {
        "": {
            **_WEIGHTED,
            **_CONVOLUTION,
            "strides": attributes(strides=[1, 2, 2, 1]),
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
        "weight_node": {**_WEIGHT_SOURCES, **_IN_CALL},
    },
    "DepthwiseConv2dNative": {
        "": {
            **_WEIGHTED,
            **_CONVOLUTION,
            "strides": attributes(strides=[1, 2, 2, 1]),
            "multiplier": {"data": _2D, "weight": (2, 2, 32, 8)},
            "nchw": _depthwise_nchw(),
        },
        "weight_source": {
            **_WEIGHT_SOURCES,
            **_IN_CALL,
            "input-nchw": {**_depthwise_nchw(), "source": "input"},
        },
        "weight_node": {**_WEIGHT_SOURCES, **_IN_CALL},
        "dilation": {
            "h1-w1": {},
            "absent": attributes(dilations=None),
            "absent-layout": attributes(dilations=None, data_format=None),
            "nchw-h1-w1": _depthwise_nchw(),
            "h2-w2": attributes(dilations=[1, 2, 2, 1]),
            "h1-w2": attributes(dilations=[1, 1, 2, 1]),
            "h2-w1": attributes(dilations=[1, 2, 1, 1]),
            "h2-w2-identity": {**attributes(dilations=[1, 2, 2, 1]), "source": "identity"},
            "nchw-h2-w2": _depthwise_nchw(dilations=[1, 1, 2, 2]),
            "nchw-h1-w2": _depthwise_nchw(dilations=[1, 1, 1, 2]),
        },
    },
    "Conv2DBackpropInput": {
        "": {
            **_WEIGHTED,
            "strides": attributes(strides=[1, 2, 2, 1]),
            "padding": attributes(padding="SAME", strides=[1, 2, 2, 1]),
            "no-data_format": attributes(data_format=None),
            "nchw": _nchw(),
            "sizes-shape": {"form": "sizes-shape"},
            "sizes-shape-symbolic": {"form": "sizes-shape", "symbolic_batch": True},
            "sizes-pack": {"form": "sizes-pack", "symbolic_batch": True},
            "sizes-input": {"form": "sizes-input"},
        },
        "dilation": {
            "h1-w1": {},
            "absent": attributes(dilations=None),
            "absent-layout": attributes(dilations=None, data_format=None),
            "nchw-h1-w1": _nchw(),
            "nchw-absent": _nchw(dilations=None),
            "h2-w2": attributes(dilations=[1, 2, 2, 1]),
            "h1-w2": attributes(dilations=[1, 1, 2, 1]),
            "h2-w1": attributes(dilations=[1, 2, 1, 1]),
            "h1-w3": attributes(dilations=[1, 1, 3, 1]),
            "h2-w1-absent-layout": attributes(dilations=[1, 2, 1, 1], data_format=None),
            "h2-w2-identity": {**attributes(dilations=[1, 2, 2, 1]), "source": "identity"},
            "nchw-h2-w2": _nchw(dilations=[1, 1, 2, 2]),
            "nchw-h2-w1": _nchw(dilations=[1, 1, 2, 1]),
            "nchw-h1-w2": _nchw(dilations=[1, 1, 1, 2]),
            "h2-w1-sizes-shape": {**attributes(dilations=[1, 2, 1, 1]), "form": "sizes-shape"},
        },
        "weight_source": {
            **_WEIGHT_SOURCES,
            **_IN_CALL,
            "input-sizes-shape": {"source": "input", "form": "sizes-shape"},
            "input-nchw": {**_nchw(), "source": "input"},
        },
        "weight_node": {**_WEIGHT_SOURCES, **_IN_CALL},
    },
    "BatchMatMulV2": {
        "": {
            **_WEIGHTED,
            "rank-2": {"data": (4, 32)},
            "rank-4": {"data": (1, 2, 4, 32)},
            "adj_y": {"weight": (64, 32), "attributes": {"adj_y": True}},
            "adj_y-square": attributes(adj_y=True),
            "no-adj": attributes(adj_x=None, adj_y=None),
            "bias-plus": {"around": ("bias-plus",)},
            "v1": _V2,
            "v3": _V3,
            **_INT64,
        },
        "adj_x": {
            "false": {},
            "absent": attributes(adj_x=None),
            "false-adj_y": attributes(adj_x=False, adj_y=True),
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
            **some(FACTORS, "identity-transpose"),
            "adj_y-identity": {**attributes(adj_y=True), "source": "identity"},
            **some(FACTORS, "rank-3", "rank-3-identity", "rank-3-reshaped", "rank-3-transposed"),
            **some(FACTORS, "rank-4", "rank-3-data-rank-2", "rank-3-input", "constant-first"),
            "input-v1": {**_V2, "source": "input"},
            "input-v3": {**_V3, "source": "input"},
            "rank-3-v3": {**_V3, "weight": (1, 32, 32)},
        },
        "constant_rank": {
            **some(_WEIGHT_SOURCES, "const", "const-values", "identity", "transpose", "mul"),
            **some(_WEIGHT_SOURCES, "variable", "switch", "random-seeded"),
            **some(FACTORS, "identity-transpose"),
            "adj_y-identity": {**attributes(adj_y=True), "source": "identity"},
            **some(FACTORS, "rank-3", "rank-3-identity", "rank-3-reshaped", "rank-3-transposed"),
            **some(FACTORS, "rank-4", "rank-3-data-rank-2", "constant-first"),
            "rank-3-v1": {**_V2, "data": (1, 4, 32), "weight": (1, 32, 32)},
            "rank-3-v3": {**_V3, "weight": (1, 32, 32)},
        },
        "two_variables": {
            **some(_WEIGHT_SOURCES, *VARIABLE),
            **some(FACTORS, "rank-3-input"),
            "adj_y": {"weight": (64, 32), "attributes": {"adj_y": True}, "source": "input"},
            "rank-4-input": {"data": (1, 2, 4, 32), "weight": (1, 2, 32, 32), "source": "input"},
            "input-v1": {**_V2, "source": "input"},
            "input-v3": {**_V3, "source": "input"},
        },
    },
    "AvgPool": {"": _POOLING},
    "Conv3D": {
        "": {
            **_WEIGHTED,
            "strides": attributes(strides=[1, 2, 2, 2, 1]),
            "padding": attributes(padding="SAME"),
            "no-data_format": attributes(data_format=None),
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
            "absent": attributes(dilations=None),
            "absent-layout": attributes(dilations=None, data_format=None),
            "d1-h2-w2": attributes(dilations=[1, 1, 2, 2, 1]),
            "d1-h2-w1": attributes(dilations=[1, 1, 2, 1, 1]),
            "d1-h1-w2": attributes(dilations=[1, 1, 1, 2, 1]),
            "ncdhw-d1-h1-w1": _ncdhw(),
            "ncdhw-absent": _ncdhw(dilations=None),
            "ncdhw-d1-h2-w2": _ncdhw(dilations=[1, 1, 1, 2, 2]),
            "ncdhw-d1-h2-w1": _ncdhw(dilations=[1, 1, 1, 2, 1]),
            "d2-h1-w1": attributes(dilations=[1, 2, 1, 1, 1]),
            "d2-h2-w2": attributes(dilations=[1, 2, 2, 2, 1]),
            "d3-h1-w1": attributes(dilations=[1, 3, 1, 1, 1]),
            "d2-h1-w1-absent-layout": attributes(dilations=[1, 2, 1, 1, 1], data_format=None),
            "d2-h1-w1-identity": {**attributes(dilations=[1, 2, 1, 1, 1]), "source": "identity"},
            "d2-h1-w1-input": {**attributes(dilations=[1, 2, 1, 1, 1]), "source": "input"},
            "ncdhw-d2-h1-w1": _ncdhw(dilations=[1, 1, 2, 1, 1]),
            "ncdhw-d2-h2-w2": _ncdhw(dilations=[1, 1, 2, 2, 2]),
        },
        "weight_node": {**_WEIGHT_SOURCES, **_IN_CALL},
    },
    "MaxPool": {"": {**_POOLING, "no-type": {"form": "no-type"}}},
    "Add": {
        "": {
            **_PLACES,
            **some(OPERANDS, "same", "constant", "constant-first"),
            "vector": {"second": "vector"},
            **some(OPERANDS, "scalar"),
            "v2": {"type": "AddV2"},
            "v2-constant": {"type": "AddV2", "second": "constant"},
            "v2-float16": {"type": "AddV2", "dtype": "float16"},
            **some(OPERANDS, "constant-float16"),
            **_INT64,
            **_OTHER_DTYPES,
            **SYMBOLIC,
        },
    },
}
