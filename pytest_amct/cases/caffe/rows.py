"""The Caffe cases of table 1: for each row a conforming layer, and named deviations from it.

Pure data, in the order in which the tests run. A deviation says what changes, never what the
answer is. Sizes: 32 channels, so that every weight has at least 1,024 elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_amct.cases.plan import Branch, Changes, Deviations, LayerVariation, Plan, standing


def _attributes(**given: Any) -> Changes:
    return {"attributes": given}


_2D, _3D, _1D = (1, 32, 4, 4), (1, 32, 4, 4, 4), (1, 32, 4)
_FLAT = (1, 32, 1, 1)
_RANK5: Changes = {"data": _3D, "weight": (32, 32, 2, 2, 2)}

DEFAULTS: Mapping[str, Plan] = {
    "InnerProduct": Plan("InnerProduct", _FLAT, weight=(32, 32)),
    "Convolution": Plan("Convolution", _2D, attributes={"kernel_size": 2}, weight=(32, 32, 2, 2)),
    "Deconvolution": Plan(
        "Deconvolution", _2D, attributes={"kernel_size": 2}, weight=(32, 32, 2, 2)
    ),
    "Pooling": Plan("Pooling", _2D, attributes={"pool": "AVE", "kernel_size": 2, "stride": 2}),
    "Eltwise": Plan("Eltwise", _2D, attributes={"operation": "SUM"}, second="branch"),
}

_FORMS: Deviations = {
    "v1": {"form": "v1"},
    "twin": {"form": "twin"},
    "in-place-behind": {"around": ("in-place",)},
    "input-fields": {"switches": ("input-fields",)},
}
_BLOBS: Deviations = {
    "bias": {"bias": "initializer"},
    "bias-float16": {"bias": "float16"},
    "shared-weight": {"form": "shared-weight"},
    "float16": {"dtype": "float16"},
    "float16-weight-elsewhere": {"branches": (Branch("weight", "float16"),)},
}

FLOAT16_ROWS: tuple[str, ...] = ("Pooling", "Eltwise")
"""Rows whose types the Float16 rule closes; `FLOAT16` are the deviations of each."""

FLOAT16: Deviations = {
    "none": {},
    "weight-elsewhere": {"branches": (Branch("weight", "float16"),)},
    "inner-product-elsewhere": {"branches": (Branch("inner-product", "float16"),)},
    "both-elsewhere": {
        "branches": (Branch("weight", "float16"), Branch("inner-product", "float16"))
    },
    "first-weight-of-several": {"branches": (Branch("weight", "float16"), Branch("tail"))},
    "bias-elsewhere": {"branches": (Branch("bias", "float16"),)},
    "scale-elsewhere": {"branches": (Branch("scale", "float16"),)},
    "train-elsewhere": {"branches": (Branch("train-weight", "float16"),)},
}

_ONE, _TWICE = {"kernel_size": 2}, {"kernel_size": [2, 2]}
_H_W: Mapping[str, Any] = {"kernel_size": None, "kernel_h": 2, "kernel_w": 2}
_THRICE = {"kernel_size": [2, 2, 2]}

_RANKS: Deviations = {
    "4": {},
    "4-kernel-twice": _attributes(**_TWICE),
    "4-kernel-h-w": _attributes(**_H_W),
    "4-legacy": {"source": "legacy"},
    "5": {**_RANK5, "attributes": _THRICE},
    "5-kernel-once": _RANK5,
    "5-kernel-once-no-blobs": {**_RANK5, "source": "none"},
    "3-no-blobs": {"data": _1D, "weight": (32, 32, 2), "source": "none"},
    "3": {"data": _1D, "weight": (32, 32, 2)},
}

DEVIATIONS: Mapping[str, Mapping[str, Deviations]] = {
    "InnerProduct": {
        "": {
            "default": {},
            "data-4d": {"data": (1, 2, 4, 4)},
            "data-2d": {"data": (1, 32)},
            "legacy-blobs": {"source": "legacy"},
            **_BLOBS,
            **_FORMS,
            "v0": {"form": "v0"},
        },
        "transpose": {
            "absent": {},
            "false": _attributes(transpose=False),
            "true": _attributes(transpose=True),
            "true-axis-1": _attributes(transpose=True, axis=1),
        },
        "axis": {
            "absent": {},
            "1": _attributes(axis=1),
            "2": {"data": (1, 4, 8, 4), "attributes": {"axis": 2}},
            "3": {"data": (1, 2, 4, 32), "attributes": {"axis": 3}},
            "last-of-4": {"data": (1, 2, 4, 32), "attributes": {"axis": -1}},
            "last-of-2": {"data": (1, 32), "attributes": {"axis": -1}},
        },
    },
    "Convolution": {
        "": {
            "default": {},
            "group": {"weight": (32, 8, 2, 2), "attributes": {"group": 4}},
            "stride": _attributes(stride=2),
            "stride-h-w": _attributes(stride_h=2, stride_w=1),
            "pad": _attributes(pad=1),
            "dilation": _attributes(dilation=2),
            "dilation-twice": _attributes(dilation=[1, 2]),
            **_BLOBS,
            **_FORMS,
            "v0": {"form": "v0"},
        },
        "weight_rank": _RANKS,
    },
    "Deconvolution": {
        "": {
            "default": {},
            "group": {"weight": (32, 8, 2, 2), "attributes": {"group": 4}},
            "stride": _attributes(stride=2),
            "pad": _attributes(pad=1),
            **_BLOBS,
            **_FORMS,
        },
        "dilation": {
            "absent": {},
            "1": _attributes(dilation=1),
            "1-1": _attributes(dilation=[1, 1]),
            "2": _attributes(dilation=2),
            "2-2": _attributes(dilation=[2, 2]),
            "1-2": _attributes(dilation=[1, 2]),
            "2-1": _attributes(dilation=[2, 1]),
        },
        "weight_rank": _RANKS,
    },
    "Pooling": {
        "": {
            "default": {},
            "plain-max": _attributes(pool="MAX"),
            "whole-map": _attributes(kernel_size=4, stride=1),
            "kernel-h-w": _attributes(kernel_size=None, kernel_h=2, kernel_w=2),
            "pad": _attributes(kernel_size=3, pad=1),
            **_FORMS,
            "v0": {"form": "v0"},
        },
        "mode": {
            "average": {},
            "max": _attributes(pool="MAX"),
            "absent": _attributes(pool=None),
            "stochastic": _attributes(pool="STOCHASTIC"),
            "stochastic-by-number": _attributes(pool=2),
            "stochastic-global": _attributes(
                pool="STOCHASTIC", global_pooling=True, kernel_size=None, stride=None
            ),
        },
        "global_pooling": {
            "absent": {},
            "false": _attributes(global_pooling=False),
            "true": _attributes(global_pooling=True, kernel_size=None, stride=None),
            "true-max": _attributes(pool="MAX", global_pooling=True, kernel_size=None, stride=None),
            "true-absent": _attributes(
                pool=None, global_pooling=True, kernel_size=None, stride=None
            ),
            "false-max": _attributes(pool="MAX", global_pooling=False),
        },
    },
    "Eltwise": {
        "": {
            "default": {},
            "same": {"second": "same"},
            "three": {"second": "three"},
            "coeff-1": _attributes(coeff=[1.0, 1.0]),
            "coeff": _attributes(coeff=[1.0, -1.0]),
            "coeff-half": _attributes(coeff=[0.5, 0.5]),
            **_FORMS,
        },
        "operation": {
            "sum": {},
            "absent": _attributes(operation=None),
            "prod": _attributes(operation="PROD"),
            "max": _attributes(operation="MAX"),
            "prod-by-number": _attributes(operation=0),
            "max-by-number": _attributes(operation=2),
        },
    },
}

_CHANNELS = ("float32", (0.5,) * 32)

UNLISTED: Mapping[str, Plan] = {
    **{t: Plan(t, _2D) for t in ("ReLU", "Sigmoid", "TanH", "AbsVal", "BNLL", "ELU", "Softmax")},
    "Dropout": Plan("Dropout", _2D),
    "Power": Plan("Power", _2D, attributes={"power": 2.0, "scale": 0.5}),
    "PReLU": Plan("PReLU", _2D, extra=(_CHANNELS,)),
    "Scale": Plan("Scale", _2D, attributes={"axis": 1}, extra=(_CHANNELS,)),
    "BatchNorm": Plan(
        "BatchNorm",
        _2D,
        attributes={"use_global_stats": True},
        extra=(_CHANNELS, _CHANNELS, ("float32", (1.0,))),
    ),
    "LRN": Plan("LRN", _2D, attributes={"local_size": 3}),
    "MVN": Plan("MVN", _2D),
    "Concat": Plan("Concat", _2D, attributes={"axis": 1}, second="branch"),
    "Slice": Plan("Slice", _2D, attributes={"axis": 1}, outputs=2),
    "Split": Plan("Split", _2D, outputs=2),
    "Flatten": Plan("Flatten", _2D),
    "Reshape": Plan("Reshape", _2D, attributes={"shape": [1, 8, 8, 8]}),
}

VARIATIONS: Mapping[str, Changes] = {
    "input-fields": {"switches": ("input-fields",)},
    "legacy-blobs": {"switches": ("legacy-blobs",)},
    "in-place": {"around": ("in-place",)},
    "train-layers": {"branches": (Branch("train-layers"),)},
    "clutter": {"branches": (Branch("clutter"),)},
    "tail": {"branches": (Branch("tail"),)},
}
"""Changes that concern no condition; examples combine them with any deviation."""

AROUND: tuple[str, ...] = ("Sigmoid", "PReLU", "Scale", "LRN", "Concat")
"""Types without a row that stand around a focal layer in networks."""

PLAIN_ONLY: frozenset[str] = frozenset()
"""Deviations that the gate shows in one context alone."""

VARIED: Mapping[str, tuple[str, ...]] = {
    "uniform/caffe/InnerProduct/transpose": ("true",),
    "uniform/caffe/InnerProduct/axis": ("2",),
    "uniform/caffe/Convolution/weight_rank": ("5", "5-kernel-once"),
    "uniform/caffe/Deconvolution/dilation": ("2", "1-2"),
    "uniform/caffe/Deconvolution/weight_rank": ("5", "5-kernel-once"),
    "uniform/caffe/Pooling/mode": ("stochastic",),
    "uniform/caffe/Pooling/global_pooling": ("true",),
    "uniform/caffe/Eltwise/operation": ("prod",),
    "float16/caffe/Pooling": ("weight-elsewhere",),
    "float16/caffe/Eltwise": ("weight-elsewhere",),
}
"""Deviations that the gate shows under each variation of their layer as well."""

VARIED_BY: tuple[str, ...] = ()
"""Variations of whole models under which it shows them, too."""

_CONVOLUTIONS = ("Convolution", "Deconvolution")


def _biased(plan: Plan) -> Changes | None:
    fits = plan.type in DEFAULTS and plan.weight is not None and not plan.bias
    return {"bias": "initializer"} if fits else None


def _grouped(plan: Plan) -> Changes | None:
    if plan.type not in _CONVOLUTIONS or plan.weight is None or "group" in plan.attributes:
        return None
    return {"weight": (32, 8, *plan.weight[2:]), "attributes": {"group": 4}}


def _of_convolution(name: str, value: int) -> LayerVariation:
    def change(plan: Plan) -> Changes | None:
        has_one = any(f"{name}{axis}" in plan.attributes for axis in ("", "_h", "_w"))
        fits = plan.type in _CONVOLUTIONS and not has_one
        axes = len(plan.data) - 2  # given once it would do, but not for OpenCV
        return {"attributes": {name: value if axes == 2 else [value] * axes}} if fits else None

    return change


def _first_generation(plan: Plan) -> Changes | None:
    """As the oldest nets are written, which have one kernel_size and few parameters."""
    known = {"kernel_size", "stride", "pad", "group", "pool"}
    simple = all(k in known and not isinstance(v, list) for k, v in plan.attributes.items())
    simple &= plan.context == "plain" or len(plan.data) in (2, 4)  # else an Eltwise stands around
    simple &= Branch("train-weight", "float16") not in plan.branches  # they have no phases
    fits = plan.type in ("InnerProduct", "Convolution", "Pooling") and simple
    return {"form": "v0"} if fits and _is_old(plan) else None


def _second_generation(plan: Plan) -> Changes | None:
    return {"form": "v1"} if plan.type in DEFAULTS and _is_old(plan) else None


def _is_old(plan: Plan) -> bool:
    """Whether a net of its kind has nothing but what older nets had."""
    return not plan.form and Branch("scale", "float16") not in plan.branches


def _three(plan: Plan) -> Changes | None:
    # One that has coefficients has two of them.
    fits = plan.type == "Eltwise" and plan.second == "branch" and "coeff" not in plan.attributes
    return {"second": "three"} if fits else None


def _is_apart(plan: Plan) -> bool:
    return plan.form == "shared-weight" or plan.outputs > 1


LAYER_VARIATIONS: Mapping[str, LayerVariation] = {
    "bias": _biased,
    "group": _grouped,
    "stride": _of_convolution("stride", 2),
    "pad": _of_convolution("pad", 1),
    "three": _three,
    "v0": _first_generation,
    "v1": _second_generation,
    "at-input": standing("at-input", unless=_is_apart),
    "at-output": standing("at-output", unless=_is_apart),
}
"""Changes to a layer that concern no condition, where they go with it."""
