"""The Caffe cases about the rank of a weight, which its blob or the rest of the net shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_amct.cases.caffe.phases import RULES
from pytest_amct.cases.deviations import attributes, some
from pytest_amct.cases.plan import Around, Changes, Deviations

_2D, _3D, _1D = (1, 32, 4, 4), (1, 32, 4, 4, 4), (1, 32, 4)
_RANK5: Changes = {"data": _3D, "weight": (32, 32, 2, 2, 2)}
_RANK3: Changes = {"data": _1D, "weight": (32, 32, 2)}
_PIXEL: Changes = {"data": (1, 32, 1, 1), "attributes": {"kernel_size": 1}}
_TWICE: Mapping[str, Any] = {"kernel_size": [2, 2]}
_THRICE: Mapping[str, Any] = {"kernel_size": [2, 2, 2]}
_H_W: Mapping[str, Any] = {"kernel_size": None, "kernel_h": 2, "kernel_w": 2}
_ALONE: Changes = {"around": ("alone",)}
_CONTROL_FIRST: Changes = {"switches": ("control-first",)}

RANK_5: Changes = {**_RANK5, "attributes": _THRICE}
"""A layer of rank 5."""


def _told(changes: Changes, *around: Around) -> Changes:
    """Return a change to a layer without blobs: the net tells the rank."""
    return {**changes, "source": "none", "around": ("alone", *around)}


_BLOBS: Deviations = {
    "4": {},
    "4-kernel-twice": attributes(**_TWICE),
    "4-kernel-h-w": attributes(**_H_W),
    "4-legacy": {"source": "legacy"},
    "5": RANK_5,
    "5-kernel-once": _RANK5,
    "5-kernel-once-no-blobs": {**_RANK5, "source": "none"},
    "3-no-blobs": {**_RANK3, "source": "none"},
    "3": _RANK3,
    "5-kernel-1": {
        "data": _3D,
        "weight": (32, 32, 1, 1, 1),
        "attributes": {"kernel_size": [1, 1, 1]},
    },
    "5-axis-0": {
        **_ALONE,
        "data": (32, 4, 4, 4),
        "weight": (32, 32, 2, 2, 2),
        "attributes": {"axis": 0, **_THRICE},
    },
}
_OF_NET: Deviations = {
    "5-no-blobs-kernels": _told(RANK_5, "tiled"),
    "5-no-blobs-layers": _told(_RANK5, "layers"),
    "3-no-blobs-ranks": _told(_RANK3, "ranks"),
    "2-no-blobs-flat": _told(_PIXEL, "flat"),
    "2-no-blobs-product": _told(_PIXEL, "product"),
    "2-no-blobs-reshaped": _told(_PIXEL, "reshaped"),
    "2-no-blobs-pool-and-flat": _told(_PIXEL, "tiled", "pool-beside", "flat"),
    "3-no-blobs-dummy-data": _told({**_RANK3, "switches": ("dummy-data",)}),
}
RANKS: Deviations = {**_BLOBS, **_OF_NET}
"""Weights of rank 4 and of other ranks."""

MORE: Deviations = {
    "2-no-blobs-product-v0": _told({**_PIXEL, "form": "v0"}, "product"),
    "4-kernel-1": {"weight": (32, 32, 1, 1), "attributes": {"kernel_size": 1}},
    "4-legacy-bias": {"source": "legacy", "bias": "initializer", "around": ("alone", "tiled")},
    "4-axis-2": {**_ALONE, "data": (1, 2, 32, 4, 4), "attributes": {"axis": 2}},
    "4-legacy-tiled": {"source": "legacy", "around": ("alone", "tiled")},
    "4-no-blobs": _told({}),
    "4-no-blobs-input-fields": _told({"switches": ("input-fields",)}),
    "4-no-blobs-one-input": _told({"switches": ("input-fields", "one-input")}),
    "4-no-blobs-input-dims": _told({"switches": ("input-dims",)}),
    "4-no-blobs-dummy-data": _told({"switches": ("dummy-data",)}),
    "4-no-blobs-dummy-dims": _told({"switches": ("dummy-dims",)}),
    "4-no-blobs-layers": _told({}, "layers"),
    "4-no-blobs-layers-v0": _told({"form": "v0"}, "layers"),
    "4-no-blobs-layers-v1": _told({"form": "v1"}, "layers"),
    "4-no-blobs-ranks": _told({}, "ranks"),
    "4-no-blobs-pool-and-ranks": _told({}, "tiled", "pool-beside", "ranks"),
    "4-no-blobs-sum-beside": _told({}, "tiled", "sum-beside"),
    "4-no-blobs-regions": _told({}, "tiled", "regions"),
    "4-no-blobs-positions": _told({}, "tiled", "positions"),
    "4-no-blobs-pool-before": _told({}, "pool-before"),
    "4-no-blobs-pool-behind": _told({}, "tiled", "pool-behind"),
    "4-no-blobs-last": _told(_CONTROL_FIRST, "last"),
    "4-no-blobs-pool-last": _told(_CONTROL_FIRST, "tiled", "pool-behind", "last"),
    "4-no-blobs-pool-and-layers": _told({}, "tiled", "pool-beside", "layers"),
    "4-no-blobs-kernel-twice": _told(attributes(**_TWICE), "tiled"),
    "4-no-blobs-kernel-h-w": _told(attributes(**_H_W), "tiled"),
    "4-no-blobs-fields": _told(attributes(pad_l=1, hole=2, ceil_mode=False)),
}
"""More weights, most of rank 4, and most of which only the net tells."""

_CUBE: Changes = {"data": (1, 32, 2, 2, 4), "weight": (32, 32, 1, 1, 1)}
_POINT: Changes = {"data": _2D, "weight": (32, 32, 1, 1)}
_PER_RANK: Mapping[str, Changes] = {
    rank: {**changes, "attributes": {"kernel_size": 1}}
    for rank, changes in {"4": _POINT, "5": _CUBE}.items()
}
"""Layers whose kernel has one size for every axis."""


def _seen(changes: Changes, *around: Around) -> Changes:
    """Return a change to a layer without blobs in a net of many layers."""
    return {**changes, "source": "none", "around": around}


def _axis_2(data: tuple[int, ...]) -> Changes:
    return {
        "data": data,
        "weight": (32, 32, *[1] * (len(data) - 3)),
        "attributes": {"kernel_size": 1, "axis": 2},
    }


_CHANNELS_LATER: Deviations = {
    "3-no-blobs-axis-2": _seen(_axis_2((1, 2, 32, 4))),
    "4-no-blobs-axis-2": _seen(_axis_2((1, 2, 32, 4, 4))),
}
_WAYS: Mapping[str, tuple[Around, ...]] = {
    "4": ("images", "functions", "deep"),
    "5": ("functions", "scaled", "reshape-axis", "reshape-num-axes", "reshape-copies"),
}
_ON_THE_WAY: Deviations = {
    f"{rank}-no-blobs-{name}": _seen(_PER_RANK[rank], name)
    for rank, names in _WAYS.items()
    for name in names
}
_AT_THE_END: Deviations = {
    "5-no-blobs-reshape-end": _seen({**_PER_RANK["5"], "data": (1, 32, 4, 4, 1)}, "reshape-end")
}
_BY_RULES: Deviations = {
    f"{rank}-no-blobs-{name}": {**_seen(changes, "rules"), "form": name}
    for name in RULES
    for rank, changes in _PER_RANK.items()
}
_UNKNOWN: Changes = {"around": ("hdf5",)}
_OF_BLOBS: Deviations = {
    "4-hdf5": {**_UNKNOWN, "weight": (32, 32, 3, 3), "attributes": {"kernel_size": 3}},
    "4-hdf5-kernel-5": {
        **_UNKNOWN,
        "data": (1, 32, 8, 8),
        "weight": (32, 32, 5, 5),
        "attributes": {"kernel_size": 5},
    },
    "4-hdf5-legacy": {**_UNKNOWN, **_PER_RANK["4"], "source": "legacy"},
    "4-hdf5-legacy-one-output": {
        **_UNKNOWN,
        "data": (1, 32, 8, 8),
        "weight": (1, 32, 6, 6),
        "attributes": {"kernel_size": 6, "num_output": 1},
        "source": "legacy",
    },
    "4-hdf5-text": {**_UNKNOWN, **_PER_RANK["4"], "source": "text"},
    "4-hdf5-raw": {**_UNKNOWN, **_PER_RANK["4"], "source": "raw"},
    "4-hdf5-float16": {**_UNKNOWN, **_PER_RANK["4"], "dtype": "float16"},
    "5-hdf5": {**_UNKNOWN, **_PER_RANK["5"]},
    "5-hdf5-raw": {**_UNKNOWN, **_PER_RANK["5"], "source": "raw"},
    "5-hdf5-float16": {**_UNKNOWN, **_PER_RANK["5"], "dtype": "float16"},
}
AMONG_OTHERS: Deviations = {
    **_CHANNELS_LATER,
    **_ON_THE_WAY,
    **_AT_THE_END,
    **_BY_RULES,
    **_OF_BLOBS,
}
"""Weights in places where ranks are seldom told wrong."""

_CUBE_ALONE = _told(_PER_RANK["5"])
OF_FILES: Deviations = {
    "5-no-blobs-second-field": {**_CUBE_ALONE, "switches": ("input-fields", "reversed")},
    "5-no-blobs-second-top": {**_CUBE_ALONE, "switches": ("joined", "reversed")},
    "5-no-blobs-second-dummy": {**_CUBE_ALONE, "switches": ("dummy-joined", "reversed")},
    "5-no-blobs-state-of-training": {
        **_told(_PER_RANK["5"], "rules"),
        "form": "phase-of-net",
    },
    "4-hdf5-old-blobs": {**_OF_BLOBS["4-hdf5"], "switches": ("old-blobs",)},
    "4-hdf5-oldest-blobs": {**_OF_BLOBS["4-hdf5"], "switches": ("oldest-blobs",)},
}
"""Weights in nets that feed their data or store their blobs in another way."""

_FEW = ("4-no-blobs-layers", "4-no-blobs-pool-and-layers")
FEW: Deviations = some(MORE, *_FEW)
"""Some of them."""
