"""The ONNX cases of table 1: for each row a conforming layer, and named deviations from it.

Pure data, in the order in which the tests run. A deviation says what changes, never what the
answer is. Sizes: 32 channels, so that every weight has at least 1,024 elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_amct.cases.plan import Changes, Deviations, LayerVariation, Plan, standing


def _attributes(**given: Any) -> Changes:
    return {"attributes": given}


def _sources(*names: str) -> Deviations:
    return {name: {"source": name} for name in names}


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
_RANK5 = {"data": _3D, "weight": (32, 32, 2, 2, 2), "attributes": _CONV3}
_RANK3 = {"data": _1D, "weight": (32, 32, 2), "attributes": _CONV1}


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

_WEIGHT_SOURCES = _sources(
    # constants, in every form
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
    # what can change
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
    # what the document does not settle
    "size-static",
    "random-seeded",
    "random-like-seeded",
    "if",
    "loop",
    "foreign",
    "overridable",
)
_MORE_SOURCES = _sources(
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

PLAIN_ONLY = frozenset(_MORE_SOURCES)
"""Deviations that the gate shows in one context alone."""

_OLD = {"source": "overridable", "opset": 8, "ir_version": 3}

_OTHER_DTYPES: Deviations = {
    "float64": {"dtype": "float64"},
    "bfloat16": {"dtype": "bfloat16", "opset": 22},
}
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

FLOAT16_ROWS = ("AveragePool", "MaxPool", "Add")
"""Rows whose types the Float16 rule closes; `FLOAT16` are the deviations of each."""

FLOAT16: Deviations = {
    "none": {},
    "input": {"dtype": "float16"},
    "input-cast-at-once": {"fed_as": "float16"},
    "input-elsewhere": {"beside": ("float16-input",)},
    "weight-elsewhere": {"beside": ("float16-weight",)},
    "conv-weight-elsewhere": {"beside": ("float16-conv-weight",)},
    "weight-constant-elsewhere": {"beside": ("float16-weight-constant",)},
    "weight-transposed-elsewhere": {"beside": ("float16-weight-transposed",)},
    "input-and-weight-elsewhere": {"beside": ("float16-input", "float16-weight")},
    "input-here-weight-elsewhere": {"dtype": "float16", "beside": ("float16-weight",)},
    "everything": {"dtype": "float16", "beside": ("all-float16",)},
    "first-weight-of-several": {"beside": ("float16-weight", "tail")},
    "input-unread": {"beside": ("float16-unread",)},
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
    "in-if": {"inside": "if"},
    "in-function": {"inside": "function"},
}
_FORMS: Deviations = {
    "unnamed": {"form": "unnamed"},
    "opset-13": {"opset": 13},
    "opset-17": {"opset": 17},
    "symbolic-batch": {"symbolic_batch": True},
}
_BIAS: Deviations = {
    "bias": {"bias": "initializer"},
    "bias-constant": {"bias": "constant"},
    "bias-input": {"bias": "input"},
    "bias-input-identity": {"bias": "input-identity"},
}
_SHARED: Deviations = {"shared-weight": {"form": "shared-weight"}}

DEVIATIONS: Mapping[str, Mapping[str, Deviations]] = {
    "Conv": {
        "": {
            **_PLACES,
            "group": {"weight": (32, 8, 2, 2), "attributes": {"group": 4}},
            "strides": _attributes(strides=[2, 2]),
            "pads": _attributes(pads=[1, 1, 1, 1]),
            "auto_pad": _attributes(pads=None, auto_pad="SAME_UPPER"),
            "dilation-2d": _attributes(dilations=[2, 2]),
            "dilation-2d-first": _attributes(dilations=[2, 1]),
            "rank-3": _RANK3,
            **_BIAS,
            **_SHARED,
            **_DTYPES,
            **_FORMS,
            "no-kernel-shape": _attributes(kernel_shape=None),
            "no-group": _attributes(group=None),
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
            "input-rank-5": {**_RANK5, "source": "input"},
            "input-unnamed": {"source": "input", "form": "unnamed"},
        },
    },
    "Gemm": {
        "": {
            **_PLACES,
            "trans_b": _attributes(transB=1),
            "alpha": _attributes(alpha=0.5),
            "beta": {"bias": "initializer", "attributes": {"beta": 0.5}},
            **_BIAS,
            **_SHARED,
            **_DTYPES,
            **_FORMS,
        },
        "trans_a": {
            "0": {},
            "absent": _attributes(transA=None),
            "absent-trans_b": _attributes(transA=None, transB=1),
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
    },
    "ConvTranspose": {
        "": {
            **_PLACES,
            "group": {"weight": (32, 8, 2, 2), "attributes": {"group": 4}},
            "strides": _attributes(strides=[2, 2]),
            "output_padding": _attributes(strides=[2, 2], output_padding=[1, 1]),
            **_BIAS,
            **_SHARED,
            **_DTYPES,
            **_FORMS,
            "no-kernel-shape": _attributes(kernel_shape=None),
            "no-group": _attributes(group=None),
        },
        "dilation": {
            "h1-w1": {},
            "absent": _attributes(dilations=None),
            "h2-w2": _attributes(dilations=[2, 2]),
            "h1-w2": _attributes(dilations=[1, 2]),
            "h2-w1": _attributes(dilations=[2, 1]),
            "h1-w3": _attributes(dilations=[1, 3]),
            "h2-w2-output_padding": _attributes(
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
    },
    "MatMul": {
        "": {
            **_PLACES,
            "rank-2": {"data": (4, 32)},
            "rank-4": {"data": (1, 2, 4, 32)},
            "bias-add": {"beside": ("bias-add",)},
            **_SHARED,
            **_DTYPES,
            **_FORMS,
        },
        "second_input": {
            **_WEIGHT_SOURCES,
            **_MORE_SOURCES,
            "listed-ir3": _OLD,
            "identity-transpose": {"source": "identity-transpose"},
            "rank-1": {"weight": (32,)},
            "rank-3": {"weight": (1, 32, 32)},
            "rank-3-constant": {"weight": (1, 32, 32), "source": "constant"},
            "rank-3-reshaped": {"weight": (1, 32, 32), "source": "reshape"},
            "rank-3-identity": {"weight": (1, 32, 32), "source": "identity"},
            "rank-3-transposed": {"weight": (1, 32, 32), "source": "transpose"},
            "rank-3-data-rank-2": {"data": (4, 32), "weight": (1, 32, 32)},
            "rank-4": {"data": (1, 2, 4, 32), "weight": (1, 2, 32, 32)},
            "rank-3-input": {"weight": (1, 32, 32), "source": "input"},
            "constant-first": {"form": "constant-first", "data": (32, 32), "source": "input"},
        },
    },
    "AveragePool": {
        "": {
            **_PLACES,
            "whole-map": _attributes(kernel_shape=[4, 4]),
            "ceil_mode": _attributes(ceil_mode=1),
            "count_include_pad": _attributes(pads=[1] * 4, count_include_pad=1),
            "rank-3": {"data": _1D, "attributes": _POOL1},
            "rank-5": {"data": _3D, "attributes": _POOL3},
            **_OTHER_DTYPES,
            **_FORMS,
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
            "whole-map": _attributes(kernel_shape=[4, 4]),
            "ceil_mode": _attributes(ceil_mode=1),
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
            "same": {"second": "same"},
            "constant": {"second": "constant"},
            "constant-first": {"second": "constant-first"},
            "scalar": {"second": "scalar"},
            "constant-float16": {"second": "constant", "dtype": "float16"},
            "int64": {"dtype": "int64"},
            **_OTHER_DTYPES,
            **_FORMS,
        },
    },
}

VARIED: Mapping[str, tuple[str, ...]] = {
    "uniform/onnx/Conv/dilation_d": ("d2-h1-w1",),
    "uniform/onnx/Conv/weight_source": ("input", "input-mul-second"),
    "uniform/onnx/Gemm/trans_a": ("1",),
    "uniform/onnx/Gemm/weight_source": ("input", "input-mul-second"),
    "uniform/onnx/ConvTranspose/dilation": ("h2-w1",),
    "uniform/onnx/ConvTranspose/weight_rank": ("5",),
    "uniform/onnx/ConvTranspose/weight_source": ("input", "input-mul-second"),
    "uniform/onnx/MatMul/second_input": ("rank-3", "input"),
    "uniform/onnx/AveragePool/global_pooling": ("true",),
    "float16/onnx/AveragePool": ("input",),
    "float16/onnx/MaxPool": ("input",),
    "float16/onnx/Add": ("input",),
}
"""Deviations that the gate shows under each variation of their layer as well."""

VARIED_BY: tuple[str, ...] = ("opset13",)
"""Variations of whole models under which it shows them, too."""

UNLISTED: Mapping[str, Plan] = {
    **{t: Plan(t, _2D, second="branch") for t in ("Mul", "Sub", "Div", "Sum", "Max", "PRelu")},
    "Concat": Plan("Concat", _2D, attributes={"axis": 2}, second="branch"),
    **{
        t: Plan(t, _2D)
        for t in ("Relu", "Sigmoid", "Tanh", "HardSwish", "Softmax", "LeakyRelu", "Softplus")
    },
    "Pow": Plan("Pow", _2D, extra=(("float32", (2.0,)),)),
    "ReduceMean": Plan("ReduceMean", _2D, extra=(("int64", (2.0, 3.0)),)),
    "LpPool": Plan("LpPool", _2D, attributes=_POOL),
    "GlobalLpPool": Plan("GlobalLpPool", _2D),
    "BatchNormalization": Plan("BatchNormalization", _2D, extra=(("float32", (0.5,) * 32),) * 4),
    "InstanceNormalization": Plan(
        "InstanceNormalization", _2D, extra=(("float32", (0.5,) * 32), ("float32", (0.1,) * 32))
    ),
    "LayerNormalization": Plan(
        "LayerNormalization", _2D, extra=(("float32", (0.5, 0.6, 0.7, 0.8)),)
    ),
    "Einsum": Plan("Einsum", (4, 32), attributes={"equation": "ij,jk->ik"}, weight=(32, 32)),
    "com.acme::Conv": Plan(
        "Conv", _2D, domain="com.acme", attributes=_CONV, weight=(32, 32, 2, 2), form="custom"
    ),
    "com.acme::MaxPool": Plan("MaxPool", _2D, domain="com.acme", attributes=_POOL, form="custom"),
}

VARIATIONS: Mapping[str, Changes] = {
    "opset13": {"opset": 13},
    "opset17": {"opset": 17},
    "opset19": {"opset": 19},
    "batch": {"symbolic_batch": True},
    "clutter": {"beside": ("clutter",)},
    "tail": {"beside": ("tail",)},
}
"""Changes that concern no condition; examples combine them with any deviation."""

_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_CONVOLUTIONS = ("Conv", "ConvTranspose")


def _spatial(plan: Plan) -> int:
    return len(plan.data) - 2


def _bias(plan: Plan) -> Changes | None:
    fits = plan.type in (*_CONVOLUTIONS, "Gemm") and not plan.bias and plan.form != "custom"
    return {"bias": "initializer"} if fits else None


def _grouped(plan: Plan) -> Changes | None:
    if plan.type not in _CONVOLUTIONS or plan.domain or plan.weight is None:
        return None
    if plan.attributes.get("group", 1) != 1 or plan.weight[1] != 32:
        return None
    return {"weight": (32, 8, *plan.weight[2:]), "attributes": {"group": 4}}


def _of_convolution(**given: int) -> LayerVariation:
    """Lists of that many entries for each spatial axis: ``strides=1`` of twos, ``pads=2`` ..."""

    def change(plan: Plan) -> Changes | None:
        if plan.type not in _CONVOLUTIONS or plan.domain or "auto_pad" in plan.attributes:
            return None
        value = {"strides": 2, "pads": 1}
        lists = {name: [value[name]] * (n * _spatial(plan)) for name, n in given.items()}
        return {"attributes": lists}

    return change


def _thin(plan: Plan) -> Changes | None:
    """A kernel of ones, if the weight stays large enough to be looked at."""
    if plan.type not in _CONVOLUTIONS or plan.domain or plan.weight is None:
        return None
    if plan.weight[0] * plan.weight[1] < 1024:
        return None
    ones = [1] * _spatial(plan)
    kernel = {"kernel_shape": ones} if "kernel_shape" in plan.attributes else {}
    return {"weight": (*plan.weight[:2], *ones), "attributes": kernel}


def _valid(plan: Plan) -> Changes | None:
    if plan.type not in _CONVOLUTIONS or plan.domain or set(plan.attributes.get("pads", [1])) > {0}:
        return None
    return {"attributes": {"pads": None, "auto_pad": "VALID"}}


def _half(plan: Plan) -> Changes | None:
    plain = plan.dtype == "float32" and not plan.fed_as and plan.opset >= 21
    plain &= not any("float" in name for name in plan.beside)  # which is about other types
    plain &= not plan.source.endswith("dequantize")  # which older opsets do not have for it
    return {"dtype": "float16"} if plan.type in _WEIGHTED and plain and not plan.domain else None


def _in_constant(plan: Plan) -> Changes | None:
    stored = plan.weight is not None and plan.source == "initializer" and plan.ir_version > 3
    return {"source": "constant"} if stored else None


def _turned(plan: Plan) -> Changes | None:
    square = plan.weight == (32, 32) and plan.attributes.get("transB") == 0
    return {"attributes": {"transB": 1}} if plan.type == "Gemm" and square else None


def _is_apart(plan: Plan) -> bool:
    return bool(plan.inside or plan.form == "shared-weight" or plan.dtype == "int64")


LAYER_VARIATIONS: Mapping[str, LayerVariation] = {
    "bias": _bias,
    "group": _grouped,
    "strides": _of_convolution(strides=1),
    "pads": _of_convolution(pads=2),
    "valid": _valid,
    "thin": _thin,
    "float16": _half,
    "constant": _in_constant,
    "trans_b": _turned,
    "at-input": standing("at-input", unless=_is_apart),
    "at-output": standing("at-output", unless=_is_apart),
    "relu": standing("relu", unless=_is_apart),
}
"""Changes to a layer that concern no condition, where they go with it."""

AROUND = ("Sigmoid", "Mul", "Softmax", "ReduceMean", "LayerNormalization", "Einsum")
"""Types without a row that stand around a focal layer in networks."""
