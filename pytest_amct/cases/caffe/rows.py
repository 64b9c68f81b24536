"""The Caffe cases of table 1: for each row a conforming layer, and named deviations from it.

This is pure data, in the order in which the tests run. A deviation lists changes and never an
answer. Layers have 32 channels, so that every weight has at least 1,024 elements. `CaseSource`
explains each name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_amct.cases.deviations import SHARED, attributes, elsewhere
from pytest_amct.cases.plan import Branch, Changes, Deviations, Plan

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
    **SHARED,
    "float16": {"dtype": "float16"},
    "float16-weight-elsewhere": elsewhere("float16", "weight"),
}

FLOAT16: Deviations = {
    "none": {},
    "weight-elsewhere": elsewhere("float16", "weight"),
    "inner-product-elsewhere": elsewhere("float16", "inner-product"),
    "both-elsewhere": elsewhere("float16", "weight", "inner-product"),
    "first-weight-of-several": {"branches": (Branch("weight", "float16"), Branch("tail"))},
    "bias-elsewhere": elsewhere("float16", "bias"),
    "scale-elsewhere": elsewhere("float16", "scale"),
    "train-elsewhere": elsewhere("float16", "train-weight"),
}
FLOAT16_ROWS: Mapping[str, Deviations] = dict.fromkeys(("Pooling", "Eltwise"), FLOAT16)

_ONE, _TWICE = {"kernel_size": 2}, {"kernel_size": [2, 2]}
_H_W: Mapping[str, Any] = {"kernel_size": None, "kernel_h": 2, "kernel_w": 2}
_THRICE = {"kernel_size": [2, 2, 2]}

_RANKS: Deviations = {
    "4": {},
    "4-kernel-twice": attributes(**_TWICE),
    "4-kernel-h-w": attributes(**_H_W),
    "4-legacy": {"source": "legacy"},
    "5": {**_RANK5, "attributes": _THRICE},
    "5-kernel-once": _RANK5,
    "5-kernel-once-no-blobs": {**_RANK5, "source": "none"},
    "3-no-blobs": {"data": _1D, "weight": (32, 32, 2), "source": "none"},
    "3": {"data": _1D, "weight": (32, 32, 2)},
}

_DILATIONS: Deviations = {
    "absent": {},
    "1": attributes(dilation=1),
    "1-1": attributes(dilation=[1, 1]),
    "2": attributes(dilation=2),
    "2-2": attributes(dilation=[2, 2]),
    "1-2": attributes(dilation=[1, 2]),
    "2-1": attributes(dilation=[2, 1]),
}
_GLOBAL: Mapping[str, Any] = {"global_pooling": True, "kernel_size": None, "stride": None}
_MODES: Deviations = {
    "average": {},
    "max": attributes(pool="MAX"),
    "absent": attributes(pool=None),
    "stochastic": attributes(pool="STOCHASTIC"),
    "stochastic-by-number": attributes(pool=2),
    "stochastic-global": attributes(pool="STOCHASTIC", **_GLOBAL),
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
            "false": attributes(transpose=False),
            "true": attributes(transpose=True),
            "true-axis-1": attributes(transpose=True, axis=1),
        },
        "axis": {
            "absent": {},
            "1": attributes(axis=1),
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
            "stride": attributes(stride=2),
            "stride-h-w": attributes(stride_h=2, stride_w=1),
            "pad": attributes(pad=1),
            "dilation": attributes(dilation=2),
            "dilation-twice": attributes(dilation=[1, 2]),
            **_BLOBS,
            **_FORMS,
            "v0": {"form": "v0"},
        },
        "dilation": _DILATIONS,
        "weight_rank": _RANKS,
    },
    "Deconvolution": {
        "": {
            "default": {},
            "group": {"weight": (32, 8, 2, 2), "attributes": {"group": 4}},
            "stride": attributes(stride=2),
            "pad": attributes(pad=1),
            **_BLOBS,
            **_FORMS,
        },
        "dilation": _DILATIONS,
        "weight_rank": _RANKS,
    },
    "Pooling": {
        "": {
            "default": {},
            "plain-max": attributes(pool="MAX"),
            "whole-map": attributes(kernel_size=4, stride=1),
            "kernel-h-w": attributes(kernel_size=None, kernel_h=2, kernel_w=2),
            "pad": attributes(kernel_size=3, pad=1),
            **_FORMS,
            "v0": {"form": "v0"},
        },
        "mode": _MODES,
        "average": {**_MODES, "max-global": attributes(pool="MAX", **_GLOBAL)},
        "global_pooling": {
            "absent": {},
            "false": attributes(global_pooling=False),
            "true": attributes(**_GLOBAL),
            "true-max": attributes(pool="MAX", **_GLOBAL),
            "true-absent": attributes(pool=None, **_GLOBAL),
            "false-max": attributes(pool="MAX", global_pooling=False),
        },
    },
    "Eltwise": {
        "": {
            "default": {},
            "same": {"second": "same"},
            "three": {"second": "three"},
            "coeff-1": attributes(coeff=[1.0, 1.0]),
            "coeff": attributes(coeff=[1.0, -1.0]),
            "coeff-half": attributes(coeff=[0.5, 0.5]),
            **_FORMS,
        },
        "operation": {
            "sum": {},
            "absent": attributes(operation=None),
            "prod": attributes(operation="PROD"),
            "max": attributes(operation="MAX"),
            "prod-by-number": attributes(operation=0),
            "max-by-number": attributes(operation=2),
        },
    },
}

PLAIN_ONLY: frozenset[str] = frozenset()
