"""The Caffe cases of tables 2 and 3: the layers of table 1, with other requests."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.cases.caffe.rows import DEVIATIONS, FLOAT16
from pytest_amct.cases.deviations import attributes, some
from pytest_amct.cases.plan import Deviations
from pytest_amct.cases.requests import (
    PLAIN,
    Requested,
    of_schemes,
    settings_of,
)

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
        ("nonuniform/caffe/Convolution", "weight_rank"): DEVIATIONS[convolution]["weight_rank"],
        ("nonuniform/caffe/InnerProduct", ""): some(DEVIATIONS[product][""], *_NOTES),
        ("nonuniform/caffe/InnerProduct", "transpose"): DEVIATIONS[product]["transpose"],
        ("nonuniform/caffe/InnerProduct", "axis"): DEVIATIONS[product]["axis"],
        ("nonuniform/caffe/unlisted/Deconvolution", ""): PLAIN,
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
    "global": attributes(pool="MAX", global_pooling=True, kernel_size=None, stride=None),
    "stochastic": attributes(pool="STOCHASTIC"),
}
_SUMS: Deviations = {
    "default": {},
    "absent": attributes(operation=None),
    "float16": FLOAT16["weight-elsewhere"],
    "prod": attributes(operation="PROD"),
}

REQUESTED: Mapping[tuple[str, str], Deviations] = {
    **_schemes(),
    **settings_of(
        "caffe",
        tuple(DEVIATIONS),
        ("Pooling",),
        {"Pooling": _POOLS, "Eltwise": _SUMS},
        ("Deconvolution", "InnerProduct"),
    ),
}
"""Deviations by row id and condition (``""`` for the row as a whole)."""
