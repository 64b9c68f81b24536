"""The Caffe cases of tables 2 and 3: the layers of table 1, with other requests."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.cases.caffe.ranks import RANKS
from pytest_amct.cases.caffe.rows import DEVIATIONS, FILES, FLOAT16
from pytest_amct.cases.deviations import attributes, some
from pytest_amct.cases.plan import Deviations
from pytest_amct.cases.requests import (
    OTHER,
    PLAIN,
    Requested,
    beside_skipped,
    of_schemes,
    settings_of,
)
from pytest_amct.tables.loader import load_spec

_NOTES = ("default", "bias", "shared-weight", "float16", "v1", "twin")


def _schemes() -> Requested:
    """Return the deviations by row (or unlisted type) and condition, for tables 2 and 3."""
    product, convolution = "InnerProduct", "Convolution"
    dilations = DEVIATIONS["Deconvolution"]["dilation"]
    nonuniform = {
        ("nonuniform/caffe/Convolution", ""): some(
            DEVIATIONS[convolution][""], *_NOTES, "group", "stride"
        ),
        ("nonuniform/caffe/Convolution", "dilation"): dilations,
        ("nonuniform/caffe/Convolution", "weight_rank"): RANKS,
        ("nonuniform/caffe/InnerProduct", ""): some(DEVIATIONS[product][""], *_NOTES),
        ("nonuniform/caffe/InnerProduct", "transpose"): DEVIATIONS[product]["transpose"],
        ("nonuniform/caffe/InnerProduct", "axis"): DEVIATIONS[product]["axis"],
        # What is not clustered may be quantized uniformly, and table 1 judges that.
        ("nonuniform/caffe/unlisted/Deconvolution", ""): {**PLAIN, **some(dilations, "2-kernel-1")},
        ("nonuniform/caffe/unlisted/Pooling", ""): {
            **PLAIN,
            **some(_POOLS, "global-average"),
            **some(FLOAT16, "everything"),
        },
        ("nonuniform/caffe/unlisted/Eltwise", ""): {**PLAIN, **some(_SUMS, "prod-three")},
    }
    weight_only = {
        ("weight_only/caffe/Pooling", "mode"): {**PLAIN, "max": attributes(pool="MAX")},
        ("weight_only/caffe/unlisted/InnerProduct", ""): PLAIN,
        ("weight_only/caffe/unlisted/Convolution", ""): PLAIN,
        ("weight_only/caffe/unlisted/Deconvolution", ""): PLAIN,
        ("weight_only/caffe/unlisted/Eltwise", ""): PLAIN,
    }
    return of_schemes(nonuniform, weight_only)


_POOLS: Deviations = {
    "max": attributes(pool="MAX"),
    "absent": attributes(pool=None),
    "max-float16": {**FLOAT16["weight-elsewhere"], **attributes(pool="MAX")},
    "by-number": attributes(pool=0),
    "global": attributes(pool="MAX", global_pooling=True, kernel_size=None, stride=None),
    "stochastic": attributes(pool="STOCHASTIC"),
    "global-average": attributes(global_pooling=True, kernel_size=None, stride=None),
    "global-max-float16": {
        **FLOAT16["weight-elsewhere"],
        **attributes(pool="MAX", global_pooling=True, kernel_size=None, stride=None),
    },
}
_SUMS: Deviations = {
    "default": {},
    "absent": attributes(operation=None),
    "by-number": attributes(operation=1),
    "coeff-1": attributes(coeff=[1.0, 1.0]),
    "same": {"second": "same"},
    "three": {"second": "three"},
    "float16": FLOAT16["weight-elsewhere"],
    "prod": attributes(operation="PROD"),
    "prod-three": {"second": "three", **attributes(operation="PROD")},
    "maximum": attributes(operation="MAX"),
    **FILES,
}

_SIMILAR_NAMES: Deviations = {"other-scopes": {"options": OTHER, "switches": ("scopes",)}}
_OTHER_FLOAT16: Deviations = {"other-float16": {"options": OTHER, "switches": ("all-float16",)}}
"""The layer that is skipped has the only Float16 weight."""


def _asked(setting: str) -> Deviations:
    """Return requests that name a pool and have a setting of the weight algorithm."""
    options = {"tensor_quantize": "this", "settings": {setting: True}}
    return {
        "true-asked": {"options": options},
        "max-asked": {"options": options, **attributes(pool="MAX")},
    }


_IR = {row.name: row.ir for row in load_spec().rows if row.id.startswith("uniform/caffe/")}


def _settings() -> Requested:
    """Return the deviations for the settings, with similar names and with all other types, too."""
    found = settings_of(
        "caffe",
        tuple(DEVIATIONS),
        ("Pooling",),
        {"Pooling": _POOLS, "Eltwise": _SUMS},
        ("Deconvolution", "InnerProduct"),
    )
    every = {type_ for types in _IR.values() for type_ in types}
    for row, types in _IR.items():
        others: Deviations = {
            "others": {"options": {"skip_layer_types": tuple(sorted(every - {*types}))}}
        }
        key = f"settings/caffe/{row}", "skip_layer_types"
        found[key] = {**found[key], **others}
        key = f"settings/caffe/{row}", "skip_layers"
        found[key] = {**found[key], **_SIMILAR_NAMES}
    pool = "settings/caffe/Pooling"
    skipped = beside_skipped(FLOAT16["weight-elsewhere"], _IR["Convolution"])
    options = {"skip_layer_types": _IR["Pooling"]}
    maximum: Deviations = {"this-max": {"options": options, **attributes(pool="MAX")}}
    more: Requested = {
        (pool, "skip_layer_types"): {**skipped, **maximum},
        (pool, "skip_layers"): _OTHER_FLOAT16,
        (pool, "channel_wise"): _asked("channel_wise"),
        (pool, "asymmetric"): _asked("asymmetric"),
    }
    for key, deviations in more.items():
        found[key] = {**found[key], **deviations}
    return found


REQUESTED: Mapping[tuple[str, str], Deviations] = {**_schemes(), **_settings()}
"""Deviations by row id and condition (``""`` for the row as a whole)."""
