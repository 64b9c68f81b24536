"""The ONNX cases of table 1: for each row a conforming layer, and named deviations from it.

This is pure data, in the order in which the tests run. A deviation lists changes and never an
answer. Layers have 32 channels, so that every weight has at least 1,024 elements. `CaseSource`
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

_CONV = {
    "kernel_shape": [2, 2],
    "dilations": [1, 1],
    "strides": [1, 1],
    "pads": [0] * 4,
    "group": 1,
}
_CONV3 = {"kernel_shape": [2] * 3, "dilations": [1] * 3, "strides": [1] * 3, "pads": [0] * 6}
_CONV1 = {"kernel_shape": [2], "dilations": [1], "strides": [1], "pads": [0, 0]}
_POOL = {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0] * 4}
_POOL3 = {"kernel_shape": [2] * 3, "strides": [2] * 3, "pads": [0] * 6}
_POOL1 = {"kernel_shape": [2], "strides": [2], "pads": [0] * 2}

_2D, _3D, _1D = (1, 32, 4, 4), (1, 32, 4, 4, 4), (1, 32, 4)
_RANK5: Changes = {"data": _3D, "weight": (32, 32, 2, 2, 2), "attributes": _CONV3}
_RANK3: Changes = {"data": _1D, "weight": (32, 32, 2), "attributes": _CONV1}


_INPUT5: Changes = {**_RANK5, "source": "input"}


def _rank5(**given: Any) -> Changes:
    return {**_RANK5, "attributes": {**_CONV3, **given}}


DEFAULTS: Mapping[str, Plan] = {
    "Conv": Plan("Conv", _2D, attributes=_CONV, weight=(32, 32, 2, 2)),
    "Gemm": Plan("Gemm", (4, 32), attributes={"transA": 0, "transB": 0}, weight=(32, 32)),
    "ConvTranspose": Plan("ConvTranspose", _2D, attributes=_CONV, weight=(32, 32, 2, 2)),
    "MatMul": Plan("MatMul", (1, 4, 32), weight=(32, 32)),
    "AveragePool": Plan("AveragePool", _2D, attributes=_POOL),
    "MaxPool": Plan("MaxPool", _2D, attributes=_POOL),
    "Add": Plan("Add", _2D, second="branch"),
}

_WEIGHT_SOURCES = sources(
    # constant, in every form
    "initializer",
    "constant",
    "constant-of-shape",
    "identity",
    "transpose",
    "reshape",
    "cast",
    "dropout",
    "dequantize",
    "mul",
    "concat",
    "split",
    "five-hops",
    # dynamic
    "input",
    "input-identity",
    "input-transpose",
    "input-cast",
    "input-split",
    "input-mul",
    "input-mul-second",
    "input-five-hops",
    "size-symbolic",
    "random",
    "random-like",
    # not decided by the document
    "size-static",
    "random-seeded",
    "random-like-seeded",
    "if",
    "loop",
    "foreign",
    "overridable",
)
_MORE_SOURCES = sources(
    "input-ten-hops",
    "input-dequantize",
    "input-dropout",
    "input-concat",
    "input-gather",
    "input-slice",
    "input-expand",
    "input-add",
    "shape-symbolic",
    "filled-symbolic",
    "random-uniform",
)
"""Further ways in which a weight can change."""

_WIDE: Changes = {"data": (1, 48, 4, 4), "weight": (32, 48, 2, 2)}
PLAIN_ONLY = frozenset((*_MORE_SOURCES, "wide-kernel"))

VARIABLE = ("input", "input-identity", "input-transpose", "input-mul", "size-symbolic", "random")
"""Sources of a second factor in products of two variables."""

_CONSTANT_FACTORS: Deviations = {
    **some(_WEIGHT_SOURCES, "initializer", "constant", "identity", "transpose", "cast", "mul"),
    **some(_WEIGHT_SOURCES, "if", "foreign", "overridable"),
    **some(FACTORS, "identity-transpose"),
    "rank-1": {"weight": (32,)},
    **some(FACTORS, "rank-3", "rank-3-identity", "rank-3-transposed", "rank-3-reshaped"),
    **some(FACTORS, "rank-3-data-rank-2", "rank-4", "constant-first"),
    "rank-4-identity": {**FACTORS["rank-4"], "source": "identity"},
}
"""Kinds of constant second factor, and of those whose source is not certain."""

_OLD: Changes = {"source": "overridable", "opset": 8, "ir_version": 3}

_OTHER_DTYPES: Deviations = {
    "float64": {"dtype": "float64"},
    "bfloat16": {"dtype": "bfloat16", "opset": 22},
}
_DTYPES: Deviations = {**DTYPES, **_OTHER_DTYPES}

FLOAT16: Deviations = {
    **FLOAT16_INPUT,
    "weight-elsewhere": elsewhere("float16", "weight"),
    "conv-weight-elsewhere": elsewhere("float16", "conv-weight"),
    "weight-constant-elsewhere": elsewhere("float16", "weight-constant"),
    "weight-transposed-elsewhere": elsewhere("float16", "weight-transposed"),
    **FLOAT16_BOTH,
    "first-weight-of-several": {"branches": (Branch("weight", "float16"), Branch("tail"))},
    "input-unread": elsewhere("float16", "unread-input"),
    **FLOAT16_NEITHER,
}
FLOAT16_ROWS: Mapping[str, Deviations] = {
    **dict.fromkeys(("AveragePool", "MaxPool", "Add"), FLOAT16),
    "MatMul": FLOAT16_FACTORS,
}

_PLACES: Deviations = {
    "default": {},
    "in-if": {"inside": "if"},
    "in-function": {"inside": "function"},
}
_FORMS: Deviations = {
    "unnamed": {"form": "unnamed"},
    "opset-13": {"opset": 13},
    "opset-17": {"opset": 17},
    **SYMBOLIC,
}
_BIAS: Deviations = {
    "bias": {"bias": "initializer"},
    "bias-constant": {"bias": "constant"},
    "bias-input": {"bias": "input"},
    "bias-input-identity": {"bias": "input-identity"},
}

_READ_TWICE: Deviations = {
    "weight-read": {"form": "weight-read"},
    "weight-captured": {"form": "weight-captured"},
}
"""Another operator needs the weight as floats, in the main graph or in a branch of an If."""

DEVIATIONS: Mapping[str, Mapping[str, Deviations]] = {
    "Conv": {
        "": {
            **_PLACES,
            "group": {"weight": (32, 8, 2, 2), "attributes": {"group": 4}},
            "strides": attributes(strides=[2, 2]),
            "pads": attributes(pads=[1, 1, 1, 1]),
            "auto_pad": attributes(pads=None, auto_pad="SAME_UPPER"),
            "dilation-2d": attributes(dilations=[2, 2]),
            "dilation-2d-first": attributes(dilations=[2, 1]),
            "rank-3": _RANK3,
            **_BIAS,
            **SHARED,
            **_READ_TWICE,
            "wide-kernel": _WIDE,
            **_DTYPES,
            **_FORMS,
            "no-kernel-shape": attributes(kernel_shape=None),
            "no-group": attributes(group=None),
        },
        "dilation_d": {
            "d1-h1-w1": _RANK5,
            "d1-h2-w2": _rank5(dilations=[1, 2, 2]),
            "d1-h1-w2": _rank5(dilations=[1, 1, 2]),
            "absent": _rank5(dilations=None),
            "d2-h1-w1": _rank5(dilations=[2, 1, 1]),
            "d2-h2-w2": _rank5(dilations=[2, 2, 2]),
            "d3-h1-w1": _rank5(dilations=[3, 1, 1]),
            "d2-h1-w1-transposed": {**_rank5(dilations=[2, 1, 1]), "source": "transpose"},
            "d2-h1-w1-input": {**_rank5(dilations=[2, 1, 1]), "source": "input"},
            "d2-h1-w1-no-kernel-shape": _rank5(dilations=[2, 1, 1], kernel_shape=None),
        },
        "weight_source": {
            **_WEIGHT_SOURCES,
            **_MORE_SOURCES,
            "listed-ir3": _OLD,
            "input-ir3": {**_OLD, "source": "input"},
            "input-in-if": {"inside": "if", "source": "input"},
            "input-rank-5": _INPUT5,
            "input-unnamed": {"source": "input", "form": "unnamed"},
        },
        "data_rank": {
            "4": {},
            "5": _RANK5,
            "5-dilated": _rank5(dilations=[2, 1, 1]),
            "3": _RANK3,
            "3-transposed": {**_RANK3, "source": "transpose"},
            "3-no-kernel-shape": {**_RANK3, "attributes": {**_CONV1, "kernel_shape": None}},
        },
        "weight_node": {**_WEIGHT_SOURCES, "listed-ir3": _OLD, "input-rank-5": _INPUT5},
    },
    "Gemm": {
        "": {
            **_PLACES,
            "trans_b": attributes(transB=1),
            "alpha": attributes(alpha=0.5),
            "beta": {"bias": "initializer", "attributes": {"beta": 0.5}},
            **_BIAS,
            **SHARED,
            **_READ_TWICE,
            "wide": {"data": (4, 48), "weight": (48, 32)},
            **_DTYPES,
            **_FORMS,
        },
        "trans_a": {
            "0": {},
            "absent": attributes(transA=None),
            "absent-trans_b": attributes(transA=None, transB=1),
            "1": {"data": (32, 4), "attributes": {"transA": 1}},
            "1-trans_b": {"data": (32, 4), "attributes": {"transA": 1, "transB": 1}},
            "1-square": {"data": (32, 32), "attributes": {"transA": 1}},
            "2": {"data": (32, 4), "attributes": {"transA": 2}},
            "1-alpha": {"data": (32, 4), "attributes": {"transA": 1, "alpha": 0.5}},
            "minus-1": {"data": (32, 4), "attributes": {"transA": -1}},
        },
        "weight_source": {
            **_WEIGHT_SOURCES,
            **_MORE_SOURCES,
            "listed-ir3": {**_OLD, "bias": "initializer"},
        },
        "alpha_1": {
            "absent": {},
            "1": attributes(alpha=1.0),
            "half": attributes(alpha=0.5),
            "2": attributes(alpha=2.0),
            "2-trans_b": attributes(alpha=2.0, transB=1),
            "minus-1": attributes(alpha=-1.0),
        },
        "beta_1": {
            "absent": {"bias": "initializer"},
            "1": {"bias": "initializer", "attributes": {"beta": 1.0}},
            "half": {"bias": "initializer", "attributes": {"beta": 0.5}},
            "2": {"bias": "initializer", "attributes": {"beta": 2.0}},
            "0": {"bias": "initializer", "attributes": {"beta": 0.0}},
        },
        "weight_node": _WEIGHT_SOURCES,
    },
    "ConvTranspose": {
        "": {
            **_PLACES,
            "group": {"weight": (32, 8, 2, 2), "attributes": {"group": 4}},
            "strides": attributes(strides=[2, 2]),
            "output_padding": attributes(strides=[2, 2], output_padding=[1, 1]),
            **_BIAS,
            **SHARED,
            **_DTYPES,
            **_FORMS,
            "no-kernel-shape": attributes(kernel_shape=None),
            "no-group": attributes(group=None),
        },
        "dilation": {
            "h1-w1": {},
            "absent": attributes(dilations=None),
            "h2-w2": attributes(dilations=[2, 2]),
            "h1-w2": attributes(dilations=[1, 2]),
            "h2-w1": attributes(dilations=[2, 1]),
            "h1-w3": attributes(dilations=[1, 3]),
            "h2-w2-output_padding": attributes(
                dilations=[2, 2], strides=[2, 2], output_padding=[1, 1]
            ),
        },
        "weight_rank": {
            "4": {},
            "4-constant": {"source": "constant"},
            "3": _RANK3,
            "5": _RANK5,
            "5-transposed": {**_RANK5, "source": "transpose"},
            "5-no-kernel-shape": _rank5(kernel_shape=None),
        },
        "weight_source": {**_WEIGHT_SOURCES, **_MORE_SOURCES, "listed-ir3": _OLD},
        "data_rank_4": {
            "4": {},
            "4-dilated": attributes(dilations=[2, 2]),
            "3": _RANK3,
            "5": _RANK5,
        },
        "weight_node": _WEIGHT_SOURCES,
    },
    "MatMul": {
        "": {
            **_PLACES,
            "rank-2": {"data": (4, 32)},
            "rank-4": {"data": (1, 2, 4, 32)},
            "bias-add": {"around": ("bias-add",)},
            **SHARED,
            **_READ_TWICE,
            "wide": {"data": (1, 4, 48), "weight": (48, 32)},
            **_DTYPES,
            **_FORMS,
        },
        "second_input": {
            **_WEIGHT_SOURCES,
            **_MORE_SOURCES,
            "listed-ir3": _OLD,
            **some(FACTORS, "identity-transpose"),
            "rank-1": {"weight": (32,)},
            **some(FACTORS, "rank-3"),
            "rank-3-constant": {"weight": (1, 32, 32), "source": "constant"},
            **some(FACTORS, "rank-3-reshaped", "rank-3-identity", "rank-3-transposed"),
            **some(FACTORS, "rank-3-data-rank-2", "rank-4", "rank-3-input", "constant-first"),
        },
        "constant_rank": _CONSTANT_FACTORS,
        "constant_rank_2_or_3": _CONSTANT_FACTORS,
        "weight_node": {**_WEIGHT_SOURCES, **some(FACTORS, "rank-3", "rank-3-reshaped")},
        "two_variables": {
            **some(_WEIGHT_SOURCES, *VARIABLE),
            **some(FACTORS, "rank-3-input"),
            "rank-4-input": {"data": (1, 2, 4, 32), "weight": (1, 2, 32, 32), "source": "input"},
        },
    },
    "AveragePool": {
        "": {
            **_PLACES,
            "whole-map": attributes(kernel_shape=[4, 4]),
            "ceil_mode": attributes(ceil_mode=1),
            "count_include_pad": attributes(pads=[1] * 4, count_include_pad=1),
            "rank-3": {"data": _1D, "attributes": _POOL1},
            "rank-5": {"data": _3D, "attributes": _POOL3},
            **_OTHER_DTYPES,
            **_FORMS,
        },
        "data_rank_4": {
            "4": {},
            "3": {"data": _1D, "attributes": _POOL1},
            "5": {"data": _3D, "attributes": _POOL3},
        },
        "global_pooling": {
            "false": {},
            "true": {"type": "GlobalAveragePool", "attributes": dict.fromkeys(_POOL)},
            "true-float16": {
                "type": "GlobalAveragePool",
                "attributes": dict.fromkeys(_POOL),
                "dtype": "float16",
            },
        },
    },
    "MaxPool": {
        "": {
            **_PLACES,
            "whole-map": attributes(kernel_shape=[4, 4]),
            "ceil_mode": attributes(ceil_mode=1),
            "indices": {"outputs": 2},
            "rank-3": {"data": _1D, "attributes": _POOL1},
            "rank-5": {"data": _3D, "attributes": _POOL3},
            "global": {"type": "GlobalMaxPool", "attributes": dict.fromkeys(_POOL)},
            "global-float16": {
                "type": "GlobalMaxPool",
                "attributes": dict.fromkeys(_POOL),
                "dtype": "float16",
            },
            **_OTHER_DTYPES,
            **_FORMS,
        },
    },
    "Add": {
        "": {
            **_PLACES,
            **OPERANDS,
            "int64": {"dtype": "int64"},
            **_OTHER_DTYPES,
            **_FORMS,
        },
    },
}
