"""The Caffe cases of table 1: for each row a conforming layer, and named deviations from it.

This is pure data, in the order in which the tests run. A deviation lists changes and never an
answer. Layers have 32 channels, so that every weight has at least 1,024 elements. `CaseSource`
explains each name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_amct.cases.caffe.ranks import AMONG_OTHERS as RANKS_AMONG_OTHERS
from pytest_amct.cases.caffe.ranks import FEW, MORE, OF_FILES, RANK_5, RANKS
from pytest_amct.cases.deviations import SHARED, attributes, elsewhere, some
from pytest_amct.cases.plan import Branch, Changes, Deviations, Plan, Switch

_2D, _FLAT = (1, 32, 4, 4), (1, 32, 1, 1)

AS_TRAINED: tuple[Switch, ...] = ("scopes", "lines", "whole-layers")
"""Names, text and blobs as in the files of real networks."""

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
_PHASES: Changes = {"around": ("alone", "phases")}
FILES: Deviations = {
    "phases": _PHASES,
    "lookalikes": {"around": ("lookalikes",)},
    "as-trained": {"switches": AS_TRAINED, "around": ("in-place-before",)},
    "dense": {"switches": ("dense",)},
}
_BLOBS: Deviations = {
    "bias": {"bias": "initializer"},
    "bias-float16": {"bias": "float16"},
    **SHARED,
    "float16": {"dtype": "float16"},
    "float16-weight-elsewhere": elsewhere("float16", "weight"),
    "named-weight": {"form": "named-weight"},
}
_STORED: Deviations = {
    "shared-bias": {"form": "shared-bias", "bias": "initializer"},
    "double": {"source": "double", "around": ("alone",)},
    "raw": {"source": "raw"},
    "text": {"source": "text", "around": ("alone",)},
    "old-blobs": {"switches": ("old-blobs",)},
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
    "deconvolution-elsewhere": elsewhere("float16", "deconvolution"),
    "first-weight-first": {"around": ("alone", "at-input", "half-weight")},
    "last-weight-of-several": {"branches": (Branch("tail"), Branch("weight", "float16"))},
    "weight-and-float32-bias-elsewhere": elsewhere("float16", "weight-alone"),
    "legacy-weight-elsewhere": elsewhere("float16", "legacy-weight"),
    "weight-elsewhere-phases": {**elsewhere("float16", "weight"), **_PHASES},
    "old-weight-elsewhere": {**elsewhere("float16", "weight"), "switches": ("old-blobs",)},
    "everything": {"switches": ("all-float16",)},
}
_POOLED: Deviations = {
    "raw-float32": {"switches": ("raw-blobs",)},
    "double": {"switches": ("double-blobs",)},
    "volume-elsewhere": elsewhere("float16", "volume"),
    "transposed-elsewhere": elsewhere("float16", "transposed"),
    "dilated-elsewhere": elsewhere("float16", "dilated"),
    "depthwise-elsewhere": elsewhere("float16", "depthwise"),
    "namesakes-elsewhere": elsewhere("float16", "namesakes"),
    "gradients-elsewhere": elsewhere("float16", "gradients"),
    "train-elsewhere-v1": {**elsewhere("float16", "train-weight"), "form": "v1"},
    "weight-elsewhere-max": {
        **FLOAT16["weight-elsewhere"],
        **attributes(pool="MAX"),
    },
    "weight-elsewhere-absent": {
        **FLOAT16["weight-elsewhere"],
        **attributes(pool=None),
    },
}
FLOAT16_ROWS: Mapping[str, Deviations] = {"Pooling": {**FLOAT16, **_POOLED}, "Eltwise": FLOAT16}

_DEPTHWISE: Changes = {
    "data": (1, 32, 8, 8),
    "weight": (32, 1, 6, 6),
    "attributes": {"kernel_size": 6, "group": 32},
}
_LAST: Changes = {"data": (1, 2, 4, 32), "attributes": {"axis": -1}}
_ONE_PIXEL: Changes = {"weight": (32, 32, 1, 1)}
_DILATIONS: Deviations = {
    "absent": {},
    "1": attributes(dilation=1),
    "1-1": attributes(dilation=[1, 1]),
    "1-pads": attributes(dilation=1, pad_l=0, ceil_mode=False),
    "2": attributes(dilation=2),
    "2-phases": {**attributes(dilation=2), **_PHASES},
    "2-2": attributes(dilation=[2, 2]),
    "1-2": attributes(dilation=[1, 2]),
    "2-1": attributes(dilation=[2, 1]),
    "3-3": attributes(dilation=[3, 3]),
    "2-kernel-1": {"weight": (32, 32, 1, 1), "attributes": {"kernel_size": 1, "dilation": 2}},
    "2-pads": attributes(dilation=2, pad_l=0),
    "2-1-dense": {**attributes(dilation=[2, 1]), "switches": ("dense",)},
    "zero": {**_ONE_PIXEL, "attributes": {"kernel_size": 1, "dilation": 0}},
    "2-zero": {**_ONE_PIXEL, "attributes": {"kernel_size": 1, "dilation": [2, 0]}},
}
_GLOBAL: Mapping[str, Any] = {"global_pooling": True, "kernel_size": None, "stride": None}
_GLOBAL_1: Mapping[str, Any] = {**_GLOBAL, "global_pooling": 1}
_V1_DENSE: Changes = {"form": "v1", "switches": ("dense",)}
_MODES: Deviations = {
    "average": {},
    "max": attributes(pool="MAX"),
    "absent": attributes(pool=None),
    "stochastic": attributes(pool="STOCHASTIC"),
    "stochastic-by-number": attributes(pool=2),
    "stochastic-global": attributes(pool="STOCHASTIC", **_GLOBAL),
    "stochastic-whole-map": attributes(pool="STOCHASTIC", kernel_size=4, stride=1),
    "stochastic-phases": {**attributes(pool="STOCHASTIC"), **_PHASES},
    "stochastic-v1-dense": {**_V1_DENSE, **attributes(pool="STOCHASTIC")},
    "average-by-number": attributes(pool=1),
}

_RANKS: Deviations = {**RANKS, "5-phases": {**RANK_5, **_PHASES}}

DEVIATIONS: Mapping[str, Mapping[str, Deviations]] = {
    "InnerProduct": {
        "": {
            "default": {},
            "data-4d": {"data": (1, 2, 4, 4)},
            "transpose-0": attributes(transpose=0),
            "data-2d": {"data": (1, 32)},
            "legacy-blobs": {"source": "legacy"},
            **_BLOBS,
            **_FORMS,
            **FILES,
            "v0": {"form": "v0"},
            "quoted": {"switches": ("quoted",)},
            "among-parameters": {"around": ("parameters",)},
        },
        "transpose": {
            "absent": {},
            "false": attributes(transpose=False),
            "true": attributes(transpose=True),
            "true-phases": {**_PHASES, **attributes(transpose=True)},
            "true-among-parameters": {**attributes(transpose=True), "around": ("parameters",)},
            "true-crossed-names": {**attributes(transpose=True), "around": ("crossed",)},
            "true-axis-1": attributes(transpose=True, axis=1),
            "true-by-number": attributes(transpose=1),
            "true-legacy": {"source": "legacy", "attributes": {"transpose": True}},
            "true-data-2d": {"data": (1, 32), "attributes": {"transpose": True}},
        },
        "axis": {
            "absent": {},
            "1": attributes(axis=1),
            "2": {"data": (1, 4, 8, 4), "attributes": {"axis": 2}},
            "2-phases": {"data": (1, 4, 8, 4), "attributes": {"axis": 2}, **_PHASES},
            "3": {"data": (1, 2, 4, 32), "attributes": {"axis": 3}},
            "0": {"data": (1, 32), "attributes": {"axis": 0}},
            "last-of-5": {"data": (1, 2, 2, 2, 32), "attributes": {"axis": 4}},
            "second-last-of-4": {"data": (1, 2, 4, 8), "attributes": {"axis": -2}},
            "first-of-4": {"data": (1, 2, 4, 4), "attributes": {"axis": -4}},
            "third-last-of-5": {"data": (1, 2, 4, 2, 4), "attributes": {"axis": -3}},
            "last-of-4-layers": {**_LAST, "around": ("alone", "tiled", "pool-beside", "layers")},
            "last-of-4": _LAST,
            "last-of-2": {"data": (1, 32), "attributes": {"axis": -1}},
        },
    },
    "Convolution": {
        "": {
            "default": {},
            "group": {"weight": (32, 8, 2, 2), "attributes": {"group": 4}},
            "depthwise": _DEPTHWISE,
            "stride": attributes(stride=2),
            "stride-h-w": attributes(stride_h=2, stride_w=1),
            "pad": attributes(pad=1),
            "dilation": attributes(dilation=2),
            "dilation-twice": attributes(dilation=[1, 2]),
            **_BLOBS,
            **_STORED,
            **_FORMS,
            **FILES,
            "v0": {"form": "v0"},
        },
        "dilation": _DILATIONS,
        "weight_rank": {**_RANKS, **MORE, **OF_FILES, **RANKS_AMONG_OTHERS},
    },
    "Deconvolution": {
        "": {
            "default": {},
            "group": {"weight": (32, 8, 2, 2), "attributes": {"group": 4}},
            "depthwise": _DEPTHWISE,
            "stride": attributes(stride=2),
            "pad": attributes(pad=1),
            **_BLOBS,
            **_FORMS,
            **some(FILES, "as-trained", "dense"),
        },
        "dilation": _DILATIONS,
        "weight_rank": {**_RANKS, **FEW},
    },
    "Pooling": {
        "": {
            "default": {},
            "plain-max": attributes(pool="MAX"),
            "v0-absent": {"form": "v0", **attributes(pool=None)},
            "v1-dense": _V1_DENSE,
            "plain-absent": attributes(pool=None),
            "plain-max-global": attributes(pool="MAX", **_GLOBAL),
            "whole-map": attributes(kernel_size=4, stride=1),
            "kernel-h-w": attributes(kernel_size=None, kernel_h=2, kernel_w=2),
            "pad": attributes(kernel_size=3, pad=1),
            **_FORMS,
            **FILES,
            "v0": {"form": "v0"},
        },
        "mode": _MODES,
        "average": {**_MODES, "max-global": attributes(pool="MAX", **_GLOBAL)},
        "global_pooling": {
            "absent": {},
            "false": attributes(global_pooling=False),
            "true": attributes(**_GLOBAL),
            "true-by-number": attributes(**_GLOBAL_1, pool=1),
            "true-phases": {**attributes(**_GLOBAL), **_PHASES},
            "true-1x1-map": {"data": (1, 32, 1, 1), "attributes": _GLOBAL},
            "true-stride-1": {"attributes": {**_GLOBAL, "pad": 0, "stride": 1}},
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
            "prod-phases": {**attributes(operation="PROD"), **_PHASES},
            "prod-same": {
                "second": "same",
                "attributes": {"operation": "PROD"},
            },
            "max-three": {"second": "three", "attributes": {"operation": "MAX"}},
            "prod-data-2d": {
                "data": (1, 32),
                "attributes": {"operation": "PROD"},
            },
        },
    },
}

AMONG_OTHERS: frozenset[str] = frozenset(
    (
        *RANKS_AMONG_OTHERS,
        *("zero", "2-zero", "among-parameters", "true-among-parameters", "true-crossed-names"),
    )
)
"""What is seldom wrong: the gate has it among the layers of its networks, and not alone."""

PLAIN_ONLY: frozenset[str] = frozenset(
    """
    0 2-1-dense 2-kernel-1 2-no-blobs-flat 2-no-blobs-pool-and-flat 2-no-blobs-product
    2-no-blobs-product-v0 2-no-blobs-reshaped 2-pads 2-phases 3-3 3-no-blobs-dummy-data
    3-no-blobs-ranks 5-axis-0 5-kernel-1 5-no-blobs-kernels 5-no-blobs-second-dummy
    5-no-blobs-second-field 5-no-blobs-second-top 5-no-blobs-state-of-training 5-phases
    depthwise-elsewhere dilated-elsewhere everything first-of-4 global-average global-max-float16
    last-of-4-layers last-of-5 last-weight-of-several legacy-weight-elsewhere max-asked max-three
    maximum namesakes-elsewhere old-weight-elsewhere other-float16 plain-absent plain-max-global
    prod-data-2d prod-phases prod-same prod-three second-last-of-4 stochastic-phases
    stochastic-v1-dense stochastic-whole-map third-last-of-5 this-max transposed-elsewhere
    true-1x1-map true-asked true-by-number true-data-2d true-legacy true-phases
    true-stride-1 v0-absent volume-elsewhere weight-and-float32-bias-elsewhere
    weight-elsewhere-absent weight-elsewhere-max weight-elsewhere-phases
    """.split()
)
