"""Deviations of ONNX layers that concern several rows: places, forms, biases, element types."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.cases.deviations import DTYPES, SYMBOLIC
from pytest_amct.cases.plan import Changes, Deviations

PLACES = ("if", "else", "if-in-if", "loop", "scan", "function", "function-in-function")
BY_NAME = ("function-by-name", "function-by-default")
"""Functions that pass the attributes of the layer."""


def within(name: str, changes: Changes, *places: str) -> Deviations:
    """Return a deviation in each of these places, as `Plan.inside` names them."""
    return {f"{name}-in-{place}": {**changes, "inside": place} for place in places}


MAIN: Deviations = {
    "default": {},
    "in-if": {"inside": "if"},
    "in-function": {"inside": "function"},
}
FORMS: Deviations = {
    "unnamed": {"form": "unnamed"},
    "opset-13": {"opset": 13},
    "opset-17": {"opset": 17},
    "scoped": {"form": "scoped"},
    **SYMBOLIC,
}
BEHIND: Deviations = {"behind-sin": {"form": "behind-sin"}}
"""An operator that no quantizer touches comes before the layer, also behind a quantizable one."""

_MERGED: Mapping[str, Changes] = {
    "behind-transpose": {"form": "behind-transpose"},
    "behind-flatten": {"form": "behind-flatten"},
    "behind-pad": {"form": "behind-pad"},
    "normalized": {"around": ("normalized",)},
    "read-twice": {"around": ("read-twice",)},
}


def merged(name: str, changes: Changes, *places: str) -> Deviations:
    """Return a deviation next to each of these operators, which tools may merge with the layer."""
    return {f"{name}-{place}": {**changes, **_MERGED[place]} for place in places}


UNRANKED: Changes = {"form": "unranked", "around": ("alone",)}
"""Nothing tells the rank of the data: it is a tensor of a sequence of tensors of several ranks."""

ORDERED: Deviations = {
    "first-initializer": {"around": ("at-input",)},
    "last-initializer": {"form": "initializers-reversed", "around": ("at-input",)},
}
"""The weight of the layer is the first or the last initializer of the model."""

NAMED: Deviations = {
    "named-in-function": {"form": "named-in-function"},
    "imports": {"form": "imports"},
}
"""Another tensor has the name of the weight, in a function; another domain is imported first."""

NAMESAKE: Deviations = {"beside-namesake": {"form": "beside-namesake"}}
"""A function of another domain has the name of the layer's type."""

OLD_OPSETS: Deviations = {"opset-11": {"opset": 11}}
TWINS: Deviations = {
    "twin-bias": {"form": "twin-bias", "bias": "initializer"},
    "twin-data": {"form": "twin-data"},
}
"""Two layers have a bias, or a factor of their data, in common."""
WEIGHT_TWINS: Deviations = {
    "twin-scale": {"form": "twin-scale"},
    "twin-shape": {"form": "twin-shape"},
    "twin-part": {"form": "twin-part"},
}
"""Two layers have in common what their weights are computed with, but not what of; or the weight of
one is a factor of what the other computes its own with."""
BIAS: Deviations = {
    "bias": {"bias": "initializer"},
    "bias-constant": {"bias": "constant"},
    "bias-constant-floats": {"bias": "constant-floats"},
    "bias-input": {"bias": "input"},
    "bias-input-identity": {"bias": "input-identity"},
    "bias-left-out": {"bias": "left-out"},
}

READ_TWICE: Deviations = {
    "weight-read": {"form": "weight-read"},
    "weight-captured": {"form": "weight-captured"},
}
"""Another operator needs the weight as floats, in the main graph or in a branch of an If."""

OTHER_DTYPES: Deviations = {
    "float64": {"dtype": "float64"},
    "bfloat16": {"dtype": "bfloat16", "opset": 22},
}
ALL_DTYPES: Deviations = {**DTYPES, **OTHER_DTYPES}
