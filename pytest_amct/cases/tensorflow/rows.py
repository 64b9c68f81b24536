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
    OPERANDS,
    SHARED,
    SYMBOLIC,
    attributes,
    some,
    sources,
)
from pytest_amct.cases.plan import Changes, Deviations, Plan
from pytest_amct.cases.tensorflow import factors, float16, weights
from pytest_amct.cases.tensorflow.factors import FACTORS_BY_CONDITION, V1, V3
from pytest_amct.cases.tensorflow.single import EVERY, SINGLE
from pytest_amct.cases.tensorflow.sources import FED_BY
from pytest_amct.cases.tensorflow.weights import (
    FEW_PLACED,
    FEW_SOURCES,
    IN_CALL,
    MORE_SOURCES,
    PLACED,
    WEIGHT_SOURCES,
)

_CONV = {"strides": [1] * 4, "padding": "VALID", "dilations": [1] * 4, "data_format": "NHWC"}
_CONV3 = {"strides": [1] * 5, "padding": "VALID", "dilations": [1] * 5, "data_format": "NDHWC"}
_POOL = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "VALID", "data_format": "NHWC"}
_2D, _3D = (1, 4, 4, 32), (1, 4, 4, 4, 16)
_FIRST = (1, 32, 4, 4)
_THIN = (1, 1, 32, 32)
_THIN_3D: Changes = {"data": (1, 4, 4, 4, 32), "weight": (1, 1, 1, 32, 32)}


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

_OTHER_DTYPES: Deviations = {"float64": {"dtype": "float64"}, "bfloat16": {"dtype": "bfloat16"}}
_DTYPES: Deviations = {**DTYPES, **_OTHER_DTYPES}

_NODES: Deviations = {
    **FEW_SOURCES,
    **some(WEIGHT_SOURCES, "many-moves", "call-nested", "input-many-moves"),
    **IN_CALL,
}
"""Sources for the condition that the node at the port is a Const."""

_WRITTEN: Deviations = {
    "reversed": {"switches": ("reversed", "scopes")},
    "ports": {"switches": ("ports",), "around": ("control",)},
    "image": {"fed_as": "uint8"},
}
"""Files that are written in other ways, with the same layer."""

_FED: Deviations = {
    **{name: {"form": name} for name in FED_BY},
    "resized": {"form": "resized"},
}
"""Layers whose data comes from elsewhere."""

_RARE: Deviations = {
    "last": {"around": ("at-output", "last")},
    "strides-3": attributes(strides=[1, 3, 3, 1], padding="SAME"),
    "three-channels": {"data": (1, 8, 8, 3), "weight": (5, 5, 3, 32)},
    "many-groups": {"weight": (3, 3, 4, 32)},
    "wide-kernel": {"data": (1, 9, 9, 4), "weight": (9, 9, 4, 32)},
}
"""Convolutions as they stand first, last or seldom in networks."""

_UNRANKED: Deviations = {"unranked": {"form": "unranked", "around": ("at-input",)}}

AMONG_OTHERS = frozenset({*_RARE, *_UNRANKED, *weights.AMONG_OTHERS, *factors.AMONG_OTHERS})
"""What is seldom wrong: the gate has it among the layers of its networks, and not alone."""

PLAIN_ONLY = frozenset(
    {
        *weights.PLAIN_ONLY,
        *float16.PLAIN_ONLY,
        *SINGLE,
    }
)

_PLACES: Deviations = {
    "default": {},
    "in-call": {"inside": "call"},
    "in-function": {"inside": "function"},
    "in-if": {"inside": "if"},
}
_INT64: Deviations = {"int64": {"dtype": "int64"}}
_BIAS: Deviations = {"bias": {"around": ("bias-add",)}}
_WEIGHTED: Deviations = {**_PLACES, **_BIAS, **SHARED, **_DTYPES, **SYMBOLIC, **_WRITTEN}

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
_ACROSS: Changes = {"data": (32, 4), "attributes": {"transpose_a": True}}
DEVIATIONS: Mapping[str, Mapping[str, Deviations]] = {
    "MatMul": {
        "": {**_WEIGHTED, "bias-plus": {"around": ("bias-plus",)}, **_UNRANKED, **_INT64},
        "transpose_a": {
            "false": {},
            "absent": attributes(transpose_a=None),
            "absent-both": attributes(transpose_a=None, transpose_b=None),
            "true": _ACROSS,
            "true-square": {"data": (32, 32), "attributes": {"transpose_a": True}},
            "true-transpose_b": {
                "data": (32, 4),
                "attributes": {"transpose_a": True, "transpose_b": True},
            },
            "true-reversed": {**_ACROSS, "switches": ("reversed",)},
            "true-in-call": {**_ACROSS, "inside": "call"},
            "true-in-nested": {**_ACROSS, "inside": "nested"},
        },
        "transpose_b": {
            "false": {},
            "absent": attributes(transpose_b=None),
            "true": {"weight": (64, 32), "attributes": {"transpose_b": True}},
            "true-square": attributes(transpose_b=True),
            "true-identity": {**attributes(transpose_b=True), "source": "identity"},
            "true-reversed": {**attributes(transpose_b=True), "switches": ("reversed",)},
            "true-in-call": {**attributes(transpose_b=True), "inside": "call"},
        },
        "weight_source": {
            **WEIGHT_SOURCES,
            **MORE_SOURCES,
            **PLACED,
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
            "dilation-1x1": {"weight": _THIN, **attributes(dilations=[1, 4, 4, 1])},
            **_FED,
            **_RARE,
            "device": {"switches": ("device",)},
        },
        "weight_source": {
            **WEIGHT_SOURCES,
            **MORE_SOURCES,
            **PLACED,
            **sources(EVERY),
            **SINGLE,
            "input-nchw": {**_nchw(), "source": "input"},
            "input-group": {"weight": (2, 2, 8, 32), "source": "input"},
        },
        "weight_node": _NODES,
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
            **WEIGHT_SOURCES,
            **FEW_PLACED,
            "input-nchw": {**_depthwise_nchw(), "source": "input"},
        },
        "weight_node": _NODES,
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
            "h2-w2-reversed": {
                **attributes(dilations=[1, 2, 2, 1]),
                "switches": ("reversed",),
            },
            "h2-w2-in-call": {**attributes(dilations=[1, 2, 2, 1]), "inside": "call"},
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
            "h1-w1-1x1": {"weight": _THIN},
            "h2-w2-1x1": {"weight": _THIN, **attributes(dilations=[1, 2, 2, 1])},
            "h1-w16-1x1": {"weight": _THIN, **attributes(dilations=[1, 1, 16, 1])},
            "h2-w1-reversed": {
                **attributes(dilations=[1, 2, 1, 1]),
                "switches": ("reversed",),
            },
            "h2-w1-in-call": {**attributes(dilations=[1, 2, 1, 1]), "inside": "call"},
            "nchw-h1-w2-in-function": {**_nchw(dilations=[1, 1, 1, 2]), "inside": "function"},
        },
        "weight_source": {
            **WEIGHT_SOURCES,
            **FEW_PLACED,
            "input-sizes-shape": {"source": "input", "form": "sizes-shape"},
            "input-nchw": {**_nchw(), "source": "input"},
        },
        "weight_node": _NODES,
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
            "v1": V1,
            "v3": V3,
            **_INT64,
        },
        **FACTORS_BY_CONDITION,
    },
    "AvgPool": {
        "": {
            **_POOLING,
            **_WRITTEN,
            **_FED,
            "one": attributes(ksize=[1] * 4, strides=[1] * 4),
            "wide-pool": {"data": (1, 9, 9, 32), **attributes(ksize=[1, 8, 8, 1])},
        }
    },
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
            "d1-h4-w4-1x1x1": {**_THIN_3D, **attributes(dilations=[1, 1, 4, 4, 1])},
            "d2-h1-w1-1x1x1": {**_THIN_3D, **attributes(dilations=[1, 2, 1, 1, 1])},
            "d16-h1-w1-1x1x1": {**_THIN_3D, **attributes(dilations=[1, 16, 1, 1, 1])},
            "d2-h1-w1-reversed": {
                **attributes(dilations=[1, 2, 1, 1, 1]),
                "switches": ("reversed",),
            },
            "d2-h1-w1-in-call": {**attributes(dilations=[1, 2, 1, 1, 1]), "inside": "call"},
            "ncdhw-d2-h1-w1-in-function": {
                **_ncdhw(dilations=[1, 1, 2, 1, 1]),
                "inside": "function",
            },
        },
        "weight_node": _NODES,
    },
    "MaxPool": {
        "": {
            **_POOLING,
            "no-type": {"form": "no-type"},
            "no-type-convolved": {"form": "no-type-convolved"},
        }
    },
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
