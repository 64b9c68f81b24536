"""The cases of AveragePool, MaxPool and Add in table 1."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.cases.deviations import OPERANDS, attributes
from pytest_amct.cases.onnx.forms import (
    BEHIND,
    FORMS,
    MAIN,
    NAMESAKE,
    OLD_OPSETS,
    OTHER_DTYPES,
    within,
)
from pytest_amct.cases.plan import Changes, Deviations, Plan

_POOL = {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0] * 4}
_POOL3 = {"kernel_shape": [2] * 3, "strides": [2] * 3, "pads": [0] * 6}
_POOL1 = {"kernel_shape": [2], "strides": [2], "pads": [0] * 2}

_GLOBAL: Changes = {"type": "GlobalAveragePool", "attributes": dict.fromkeys(_POOL)}
_2D, _3D, _1D = (1, 32, 4, 4), (1, 32, 4, 4, 4), (1, 32, 4)

AVERAGE_POOL = Plan("AveragePool", _2D, attributes=_POOL)
MAX_POOL = Plan("MaxPool", _2D, attributes=_POOL)
ADD = Plan("Add", _2D, second="branch")

OF_AVERAGE_POOL: Mapping[str, Deviations] = {
    "": {
        **MAIN,
        **NAMESAKE,
        **BEHIND,
        "whole-map": attributes(kernel_shape=[4, 4]),
        "ceil_mode": attributes(ceil_mode=1),
        "count_include_pad": attributes(pads=[1] * 4, count_include_pad=1),
        "no-strides": attributes(strides=None),
        "auto_pad": attributes(pads=None, auto_pad="SAME_UPPER"),
        "kernel-1": attributes(kernel_shape=[1, 1]),
        "rank-3": {"data": _1D, "attributes": _POOL1},
        "rank-5": {"data": _3D, "attributes": _POOL3},
        **OTHER_DTYPES,
        **FORMS,
        **OLD_OPSETS,
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
        "true-rank-3": {**_GLOBAL, "data": _1D},
        "true-rank-5": {**_GLOBAL, "data": _3D},
        "true-map-1": {**_GLOBAL, "data": (1, 32, 1, 1)},
        "true-scoped": {**_GLOBAL, "form": "scoped"},
        "true-opset-11": {**_GLOBAL, "opset": 11},
        **within("true", _GLOBAL, "if", "loop", "function"),
    },
}

OF_MAX_POOL: Mapping[str, Deviations] = {
    "": {
        **MAIN,
        **NAMESAKE,
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
        **OTHER_DTYPES,
        **FORMS,
    },
}

MORE_POOLS: Deviations = {
    "dilations": attributes(dilations=[2, 2]),
    "no-strides": attributes(strides=None),
    "kernel-1": attributes(kernel_shape=[1, 1]),
}
"""Further MaxPools, for requests that name them."""

OF_ADD: Mapping[str, Deviations] = {
    "": {
        **MAIN,
        **OPERANDS,
        "int64": {"dtype": "int64"},
        **OTHER_DTYPES,
        **FORMS,
    },
}

POOLS_PLAIN = frozenset(f"true-{end}" for end in ("rank-5", "map-1", "scoped", "opset-11"))
"""Those that the gate tests only in the ``plain`` context."""
