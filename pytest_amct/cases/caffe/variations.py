"""Variations of Caffe nets that no table speaks of, and the deviations that the gate varies.

`CaseSource` explains each name.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from pytest_amct.cases.caffe.rows import AS_TRAINED, DEFAULTS
from pytest_amct.cases.caffe.surroundings import FLATTENS, READERS, RESHAPES
from pytest_amct.cases.deviations import standing
from pytest_amct.cases.plan import Around, Branch, Changes, LayerVariation, Plan

VARIATIONS: Mapping[str, Changes] = {
    "input-fields": {"switches": ("input-fields",)},
    "input-dims": {"switches": ("input-dims",)},
    "legacy-blobs": {"switches": ("legacy-blobs",)},
    "raw-blobs": {"switches": ("raw-blobs",)},
    "old-blobs": {"switches": ("old-blobs",)},
    "scopes": {"switches": ("scopes",)},
    "as-trained": {"switches": AS_TRAINED},
    "dense": {"switches": ("dense",)},
    "in-place": {"around": ("in-place",)},
    "train-layers": {"branches": (Branch("train-layers"),)},
    "clutter": {"branches": (Branch("clutter"),)},
    "tail": {"branches": (Branch("tail"),)},
    "scoped": {"switches": ("scoped",)},
    "dotted": {"switches": ("dotted",)},
    "digits": {"switches": ("digits",)},
    "typed": {"switches": ("typed",)},
}

_CONVOLUTIONS = ("Convolution", "Deconvolution")


def _biased(plan: Plan) -> Changes | None:
    fits = plan.type in DEFAULTS and plan.weight is not None and not plan.bias
    return {"bias": "initializer"} if fits else None


def _grouped(plan: Plan) -> Changes | None:
    if plan.type not in _CONVOLUTIONS or plan.weight is None or "group" in plan.attributes:
        return None
    return {"weight": (32, 8, *plan.weight[2:]), "attributes": {"group": 4}}


def _of_convolution(name: str, value: int) -> LayerVariation:
    def change(plan: Plan) -> Changes | None:
        has_one = any(f"{name}{axis}" in plan.attributes for axis in ("", "_h", "_w"))
        fits = plan.type in _CONVOLUTIONS and not has_one
        axes = len(plan.data) - 2  # one value would be legal, but OpenCV rejects it
        return {"attributes": {name: value if axes == 2 else [value] * axes}} if fits else None

    return change


def _first_generation(plan: Plan) -> Changes | None:
    """Return a change to the oldest format, which has one kernel_size and few parameters."""
    known = {"kernel_size", "stride", "pad", "group", "pool"}
    simple = all(k in known and not isinstance(v, list) for k, v in plan.attributes.items())
    simple &= plan.context == "plain" or len(plan.data) in (2, 4)  # else a neighbour is an Eltwise
    simple &= _SEVERAL.isdisjoint(plan.around)
    simple &= not any(branch.holds in _NEWER_BRANCHES for branch in plan.branches)
    fits = plan.type in ("InnerProduct", "Convolution", "Pooling") and simple
    return {"form": "v0"} if fits and is_old(plan) else None


def _second_generation(plan: Plan) -> Changes | None:
    return {"form": "v1"} if plan.type in DEFAULTS and is_old(plan) else None


def is_old(plan: Plan) -> bool:
    """Return whether older formats can express the net."""
    newer = not _NEWER.isdisjoint(plan.around)
    newer |= plan.source == "text"
    return not plan.form and not newer and Branch("scale", "float16") not in plan.branches


_NEWER_BRANCHES = frozenset(("train-weight", "volume", "transposed", "dilated"))
"""Branches with phases or parameters that the oldest format lacks."""
_NEWER: Set[Around] = {
    *("layers", "positions", "ranks", "regions", "tiled", *FLATTENS),
    *("functions", "scaled", "rules", "parameters", "crossed", *READERS, *RESHAPES),
}
"""Surroundings with types that older formats lack."""
_SEVERAL: Set[Around] = {"phases", "lookalikes"}
"""Surroundings with other layers of the target's type."""


def _three(plan: Plan) -> Changes | None:
    # An Eltwise with coefficients has exactly two, one for each operand.
    fits = plan.type == "Eltwise" and plan.second == "branch" and "coeff" not in plan.attributes
    return {"second": "three"} if fits else None


def _with_lookalikes(plan: Plan) -> Changes | None:
    fits = plan.type in DEFAULTS and plan.form not in ("twin", "shared-weight", "v0")
    return {"around": ("lookalikes",)} if fits and _SEVERAL.isdisjoint(plan.around) else None


def _is_apart(plan: Plan) -> bool:
    return plan.form == "shared-weight" or plan.outputs > 1


LAYER_VARIATIONS: Mapping[str, LayerVariation] = {
    "bias": _biased,
    "group": _grouped,
    "stride": _of_convolution("stride", 2),
    "pad": _of_convolution("pad", 1),
    "three": _three,
    "v0": _first_generation,
    "v1": _second_generation,
    "lookalikes": _with_lookalikes,
    "at-input": standing("at-input", unless=_is_apart),
    "at-output": standing("at-output", unless=_is_apart),
}

VARIED: Mapping[str, tuple[str, ...]] = {
    "uniform/caffe/InnerProduct/transpose": ("true",),
    "uniform/caffe/InnerProduct/axis": ("2",),
    "uniform/caffe/Convolution/weight_rank": ("5", "5-kernel-once"),
    "uniform/caffe/Convolution/dilation": ("2",),
    "uniform/caffe/Deconvolution/dilation": ("2", "1-2"),
    "uniform/caffe/Deconvolution/weight_rank": ("5", "5-kernel-once"),
    "uniform/caffe/Pooling/mode": ("stochastic",),
    "uniform/caffe/Pooling/average": ("max",),
    "uniform/caffe/Pooling/global_pooling": ("true",),
    "uniform/caffe/Eltwise/operation": ("prod",),
    "float16/caffe/Pooling": ("weight-elsewhere",),
    "float16/caffe/Eltwise": ("weight-elsewhere",),
}

VARIED_BY: tuple[str, ...] = ("as-trained", "dense")
