"""The Caffe cases of tables 2 and 3: layers as in table 1, with requests that go beyond it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_amct.cases.caffe.rows import DEVIATIONS, FLOAT16
from pytest_amct.cases.plan import Deviations
from pytest_amct.cases.requests import (
    NONUNIFORM,
    PLAIN,
    WEIGHT_ONLY,
    Requested,
    asking,
    settings_of,
    some,
)


def _with(**given: Any) -> Mapping[str, Any]:
    return {"attributes": given}


_NOTES = ("default", "bias", "shared-weight", "float16", "v1", "twin")


def _schemes() -> Requested:
    """Deviations by row (or unlisted type) and condition, for the schemes of tables 2 and 3."""
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
        ("weight_only/caffe/Pooling", "mode"): {**PLAIN, "max": _with(pool="MAX")},
        ("weight_only/caffe/unlisted/InnerProduct", ""): PLAIN,
        ("weight_only/caffe/unlisted/Convolution", ""): PLAIN,
        ("weight_only/caffe/unlisted/Deconvolution", ""): PLAIN,
        ("weight_only/caffe/unlisted/Eltwise", ""): PLAIN,
    }
    found = {key: asking(NONUNIFORM, deviations) for key, deviations in nonuniform.items()}
    return found | {key: asking(WEIGHT_ONLY, each) for key, each in weight_only.items()}


_POOLS: Deviations = {
    "max": _with(pool="MAX"),
    "absent": _with(pool=None),
    "max-float16": {**FLOAT16["weight-elsewhere"], **_with(pool="MAX")},
    "global": _with(pool="MAX", global_pooling=True, kernel_size=None, stride=None),
    "stochastic": _with(pool="STOCHASTIC"),
}
_SUMS: Deviations = {
    "default": {},
    "absent": _with(operation=None),
    "float16": FLOAT16["weight-elsewhere"],
    "prod": _with(operation="PROD"),
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
"""Deviations by row id and condition (``""`` for what concerns the row as a whole)."""
