"""The Caffe cases of table 1: for each row a conforming layer, and named deviations from it.

Pure data, in the order in which the tests run. A deviation says what changes, never what the
answer is. Sizes: 32 channels, so that every weight has at least 1,024 elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_amct.cases.plan import Changes, Deviations, Plan


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
    "in-place-behind": {"beside": ("in-place",)},
    "input-fields": {"beside": ("input-fields",)},
}
_BLOBS: Deviations = {
    "bias": {"bias": "initializer"},
    "bias-float16": {"bias": "float16"},
    "shared-weight": {"form": "shared-weight"},
    "float16": {"dtype": "float16"},
    "float16-weight-elsewhere": {"beside": ("float16-weight",)},
}

FLOAT16_ROWS = ("Pooling", "Eltwise")
"""Rows whose types the Float16 rule closes; `FLOAT16` are the deviations of each."""

FLOAT16: Deviations = {
    "none": {},
    "weight-elsewhere": {"beside": ("float16-weight",)},
    "inner-product-elsewhere": {"beside": ("float16-inner-product",)},
    "both-elsewhere": {"beside": ("float16-weight", "float16-inner-product")},
    "bias-elsewhere": {"beside": ("float16-bias",)},
    "scale-elsewhere": {"beside": ("float16-scale",)},
    "train-elsewhere": {"beside": ("float16-train",)},
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
    "input-fields": {"beside": ("input-fields",)},
    "legacy-blobs": {"beside": ("legacy-blobs",)},
    "in-place": {"beside": ("in-place",)},
    "train-layers": {"beside": ("train-layers",)},
    "clutter": {"beside": ("clutter",)},
    "tail": {"beside": ("tail",)},
}
"""Changes that concern no condition; examples combine them with any deviation."""

AROUND = ("Sigmoid", "PReLU", "Scale", "LRN", "Concat")
"""Types without a row that stand around a focal layer in networks."""
