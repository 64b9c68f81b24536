"""The Caffe cases about the rank of a weight, which its blob or the rest of the net shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_amct.cases.deviations import attributes, some
from pytest_amct.cases.plan import Around, Changes, Deviations

_3D, _1D = (1, 32, 4, 4, 4), (1, 32, 4)
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

_FEW = ("4-no-blobs-layers", "4-no-blobs-pool-and-layers")
FEW: Deviations = some(MORE, *_FEW)
"""Some of them."""
