"""The cases of Conv and ConvTranspose in table 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_amct.cases.deviations import SHARED, attributes, some
from pytest_amct.cases.onnx.forms import (
    ALL_DTYPES,
    BEHIND,
    BIAS,
    BY_NAME,
    FORMS,
    MAIN,
    NAMED,
    NAMESAKE,
    OLD_OPSETS,
    ORDERED,
    PLACES,
    READ_TWICE,
    TWINS,
    UNRANKED,
    WEIGHT_TWINS,
    merged,
    within,
)
from pytest_amct.cases.onnx.weights import (
    AT,
    CALLED,
    CHANGING,
    CONSTANT_CHAINS,
    INPUT_CHAINS,
    LISTED,
    MORE_SOURCES,
    NEWER,
    NODE_SOURCES,
    PASSED,
    SOME_CHANGING,
    STORED,
    WEIGHT_SOURCES,
)
from pytest_amct.cases.plan import Changes, Deviations, Plan

_CONV = {
    "kernel_shape": [2, 2],
    "dilations": [1, 1],
    "strides": [1, 1],
    "pads": [0] * 4,
    "group": 1,
}
_CONV3 = {"kernel_shape": [2] * 3, "dilations": [1] * 3, "strides": [1] * 3, "pads": [0] * 6}
_CONV1 = {"kernel_shape": [2], "dilations": [1], "strides": [1], "pads": [0, 0]}

_2D, _3D, _1D = (1, 32, 4, 4), (1, 32, 4, 4, 4), (1, 32, 4)
_RANK5: Changes = {"data": _3D, "weight": (32, 32, 2, 2, 2), "attributes": _CONV3}
_RANK3: Changes = {"data": _1D, "weight": (32, 32, 2), "attributes": _CONV1}
_INPUT5: Changes = {**_RANK5, "source": "input"}
_WIDE: Changes = {"data": (1, 48, 4, 4), "weight": (32, 48, 2, 2)}
_THIN: Changes = {"weight": (32, 32, 1, 1), "attributes": {"kernel_shape": [1, 1]}}


def _rank5(kernel: int = 2, **given: Any) -> Changes:
    kernels = [kernel] * 3
    changed = {**_CONV3, "kernel_shape": kernels, **given}
    return {**_RANK5, "weight": (32, 32, *kernels), "attributes": changed}


_RANKS: Mapping[int, Changes] = {3: _RANK3, 4: {}, 5: _RANK5}


def _unranked(rank: int, source: str, **given: Any) -> Changes:
    """Return a layer of which the weight alone tells the rank."""
    attributes = dict.fromkeys(_CONV) | given
    return {**_RANKS[rank], **UNRANKED, "source": source, "attributes": attributes}


_CONSTANT_DATA: Changes = {"form": "constant-first", "data": (32, 32, 2, 2)}
_DEEP = _rank5(dilations=[2, 1, 1])

CONV = Plan("Conv", _2D, attributes=_CONV, weight=(32, 32, 2, 2))
CONV_TRANSPOSE = Plan("ConvTranspose", _2D, attributes=_CONV, weight=(32, 32, 2, 2))

OF_CONV: Mapping[str, Deviations] = {
    "": {
        **MAIN,
        **BEHIND,
        **NAMED,
        **NAMESAKE,
        **ORDERED,
        "group": {"weight": (32, 8, 2, 2), "attributes": {"group": 4}},
        "strides": attributes(strides=[2, 2]),
        "pads": attributes(pads=[1, 1, 1, 1]),
        "auto_pad": attributes(pads=None, auto_pad="SAME_UPPER"),
        "dilation-2d": attributes(dilations=[2, 2]),
        "dilation-2d-first": attributes(dilations=[2, 1]),
        "dilation-2d-last": attributes(dilations=[1, 3]),
        "kernel-1": _THIN,
        "rank-3": _RANK3,
        "unranked": _unranked(4, "initializer"),
        **BIAS,
        **SHARED,
        **TWINS,
        **READ_TWICE,
        "wide-kernel": _WIDE,
        **ALL_DTYPES,
        **FORMS,
        **OLD_OPSETS,
        "no-kernel-shape": attributes(kernel_shape=None),
        "no-group": attributes(group=None),
        "no-attributes": {"attributes": dict.fromkeys(_CONV)},
    },
    "dilation_d": {
        "d1-h1-w1": _RANK5,
        "d1-h2-w2": _rank5(dilations=[1, 2, 2]),
        "absent": _rank5(dilations=None),
        "d2-h1-w1": _rank5(dilations=[2, 1, 1]),
        "d2-h2-w2": _rank5(dilations=[2, 2, 2]),
        "d3-h1-w1": _rank5(dilations=[3, 1, 1]),
        "d2-h1-w1-transposed": {**_rank5(dilations=[2, 1, 1]), "source": "transpose"},
        "d2-h1-w1-input": {**_rank5(dilations=[2, 1, 1]), "source": "input"},
        "d2-h1-w1-no-kernel-shape": _rank5(dilations=[2, 1, 1], kernel_shape=None),
        "d1-h2-w2-bias": {**_rank5(dilations=[1, 2, 2]), "bias": "initializer"},
        "d1-h2-w2-group": {**_rank5(dilations=[1, 2, 2], group=4), "weight": (32, 8, 2, 2, 2)},
        "d2-h1-w1-unranked": _unranked(5, "initializer", dilations=[2, 1, 1]),
        "d2-h1-w1-kernel-1": _rank5(1, dilations=[2, 1, 1]),
        "d1000-h1-w1-kernel-1": _rank5(1, dilations=[1000, 1, 1]),
        "d2-h1-w2": _rank5(dilations=[2, 1, 2]),
        "d2-h1-w1-moved": {**_DEEP, "source": "moved"},
        "d2-h1-w1-call": {**_DEEP, "source": "call"},
        "d2-h1-w1-overridable": {**_DEEP, "source": "overridable"},
        "d2-h1-w1-no-kernel-shape-reshape": {
            **_rank5(dilations=[2, 1, 1], kernel_shape=None),
            "source": "reshape",
        },
        "d2-h1-w1-scoped": {**_DEEP, "form": "scoped"},
        **within("d2-h1-w1", _DEEP, *PLACES, *BY_NAME),
        "d2-h1-w1-depthwise": {
            **_rank5(dilations=[2, 1, 1], group=32),
            "weight": (32, 1, 2, 2, 2),
        },
        "d2-h1-w1-beside-undilated": {**_DEEP, "form": "beside-undilated"},
        **merged("d2-h1-w1", _DEEP, "behind-pad", "normalized", "read-twice"),
    },
    "weight_source": {
        **WEIGHT_SOURCES,
        **MORE_SOURCES,
        "listed-ir3": LISTED,
        "input-ir3": {**LISTED, "source": "input"},
        "input-in-if": {"inside": "if", "source": "input"},
        "input-rank-5": _INPUT5,
        "input-unnamed": {"source": "input", "form": "unnamed"},
        "input-scoped": {"source": "input-mul-second", "form": "scoped"},
        "input-named-in-function": {"source": "input", "form": "named-in-function"},
        "own-data": {"form": "own-data", "data": (32, 32, 2, 2)},
        "twin-scale-constant": {"form": "twin-scale", "source": "constant"},
        "unranked-transpose": _unranked(4, "transpose"),
        **STORED,
        **CONSTANT_CHAINS,
        **NEWER,
        **PASSED,
        **CALLED,
        **WEIGHT_TWINS,
        **INPUT_CHAINS,
        **CHANGING,
        "input-upsample": {"source": "input-upsample", "opset": 9},
        **within("input", {"source": "input"}, "else", "loop-carried", "scan"),
        **within("input", {"source": "input"}, "function-in-function"),
        **within("input", {"source": "input"}, "scan-carried", "if-in-if"),
        "constant-data": _CONSTANT_DATA,
        **merged("input", {"source": "input"}, "behind-pad", "normalized", "read-twice"),
    },
    "data_rank": {
        "4": {},
        "5": _RANK5,
        "5-dilated": _rank5(dilations=[2, 1, 1]),
        "3": _RANK3,
        "3-transposed": {**_RANK3, "source": "transpose"},
        "3-no-kernel-shape": {**_RANK3, "attributes": {**_CONV1, "kernel_shape": None}},
    },
    "weight_node": {**NODE_SOURCES, "listed-ir3": LISTED, "input-rank-5": _INPUT5},
}

OF_CONV_TRANSPOSE: Mapping[str, Deviations] = {
    "": {
        **MAIN,
        **BEHIND,
        **NAMESAKE,
        "group": {"weight": (32, 8, 2, 2), "attributes": {"group": 4}},
        "strides": attributes(strides=[2, 2]),
        "output_padding": attributes(strides=[2, 2], output_padding=[1, 1]),
        "kernel-1": _THIN,
        **BIAS,
        **SHARED,
        **TWINS,
        **ALL_DTYPES,
        **FORMS,
        **OLD_OPSETS,
        "no-kernel-shape": attributes(kernel_shape=None),
        "no-group": attributes(group=None),
        "no-attributes": {"attributes": dict.fromkeys(_CONV)},
    },
    "dilation": {
        "h1-w1": {},
        "absent": attributes(dilations=None),
        "h2-w2": attributes(dilations=[2, 2]),
        "h1-w2": attributes(dilations=[1, 2]),
        "h2-w1": attributes(dilations=[2, 1]),
        "h1-w3": attributes(dilations=[1, 3]),
        "h2-w2-output_padding": attributes(dilations=[2, 2], strides=[2, 2], output_padding=[1, 1]),
        "h3-w1": attributes(dilations=[3, 1]),
        "h1-w2-kernel-1": {
            **_THIN,
            "attributes": {"kernel_shape": [1, 1], "dilations": [1, 2]},
        },
        "h2-w1-no-kernel-shape": attributes(dilations=[2, 1], kernel_shape=None),
        "h1-w2-alone": {"attributes": {**dict.fromkeys(_CONV), "dilations": [1, 2]}},
        "h1-w2-bias": {"bias": "initializer", "attributes": {"dilations": [1, 2]}},
        "h1-w2-mul": {"source": "mul", "attributes": {"dilations": [1, 2]}},
        "h1-w2-overridable": {"source": "overridable", "attributes": {"dilations": [1, 2]}},
        "h1-w2-scoped": {"form": "scoped", "attributes": {"dilations": [1, 2]}},
        **within("h1-w2", attributes(dilations=[1, 2]), "if", "scan", "function-by-name"),
        "h1-w2-depthwise": {
            "weight": (32, 1, 2, 2),
            "attributes": {"dilations": [1, 2], "group": 32},
        },
        "h1-w2-beside-undilated": {
            "form": "beside-undilated",
            "attributes": {"dilations": [1, 2]},
        },
        **merged("h1-w2", attributes(dilations=[1, 2]), "behind-pad", "normalized", "read-twice"),
    },
    "weight_rank": {
        "4": {},
        "4-constant": {"source": "constant"},
        "3": _RANK3,
        "5": _RANK5,
        "5-transposed": {**_RANK5, "source": "transpose"},
        "5-no-kernel-shape": _rank5(kernel_shape=None),
        "4-moved": {"source": "moved"},
        "3-constant": {**_RANK3, "source": "constant"},
        "3-moved": {**_RANK3, "source": "moved"},
        "3-call": {**_RANK3, "source": "call"},
        "3-overridable": {**_RANK3, "source": "overridable"},
        "3-bias": {**_RANK3, "bias": "initializer"},
        "5-dilated": _rank5(dilations=[1, 1, 2]),
        "5-kernel-1": _rank5(1),
        "5-no-attributes": {**_RANK5, "attributes": dict.fromkeys(_CONV)},
        "5-no-kernel-shape-reshape": {**_rank5(kernel_shape=None), "source": "reshape"},
        "3-no-kernel-shape-constant": {
            **_RANK3,
            "source": "constant",
            "attributes": {**_CONV1, "kernel_shape": None},
        },
        "5-scoped": {**_RANK5, "form": "scoped"},
        **within("5", _RANK5, "if", "loop", "function"),
        "4-unranked": _unranked(4, "initializer"),
        "4-unranked-constant": _unranked(4, "constant"),
        "4-unranked-moved": _unranked(4, "moved"),
        "4-unranked-reshape": _unranked(4, "reshape"),
        "4-unranked-given": {**_unranked(4, "reshape"), "form": "weight-given"},
        "4-unranked-kernel": _unranked(4, "initializer", kernel_shape=[2, 2]),
        "3-unranked": _unranked(3, "initializer"),
        "3-unranked-constant": _unranked(3, "constant"),
        "5-unranked": _unranked(5, "initializer"),
        "5-unranked-moved": _unranked(5, "moved"),
    },
    "weight_source": {
        **WEIGHT_SOURCES,
        **MORE_SOURCES,
        "listed-ir3": LISTED,
        "own-data": {"form": "own-data", "data": (32, 32, 2, 2)},
        **some(CONSTANT_CHAINS, "moved", "combined", "at-shapes"),
        **WEIGHT_TWINS,
        **INPUT_CHAINS,
        **some(CHANGING, *SOME_CHANGING),
        **AT,
        **within("input", {"source": "input"}, "if", "loop", "function"),
        "constant-data": _CONSTANT_DATA,
        **merged("input", {"source": "input"}, "normalized", "read-twice"),
    },
    "data_rank_4": {
        "4": {},
        "4-dilated": attributes(dilations=[2, 2]),
        "3": _RANK3,
        "5": _RANK5,
    },
    "weight_node": NODE_SOURCES,
}

CONVOLUTIONS_AMONG = frozenset(
    (
        *("d2-h1-w1-depthwise", "h1-w2-depthwise", "constant-data"),
        *("d2-h1-w1-beside-undilated", "h1-w2-beside-undilated"),
        *("input-in-scan-carried", "input-in-if-in-if"),
        *(
            f"{name}-{place}"
            for name in ("d2-h1-w1", "h1-w2", "input")
            for place in ("behind-pad", "normalized", "read-twice")
        ),
    )
)
"""Those that the gate tests only among other layers."""
CONVOLUTIONS_PLAIN = frozenset(("input-upsample",)).union(
    f"{start}-{end}"
    for start in ("d2-h1-w1", "h1-w2", "3", "5")
    for end in (
        *("kernel-1", "moved", "mul", "call", "overridable", "scoped", "bias", "no-attributes"),
        *("no-kernel-shape-reshape", "no-kernel-shape-constant"),
    )
)
"""Those that the gate tests only in the ``plain`` context."""
