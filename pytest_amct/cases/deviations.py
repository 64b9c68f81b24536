"""Deviations and variations that several frameworks share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_amct.cases.plan import Around, Branch, Changes, Deviations, LayerVariation, Plan

# --- changes --------------------------------------------------------------------------------------


def attributes(**given: Any) -> Changes:
    """Return a change of attributes; ``None`` removes an attribute."""
    return {"attributes": given}


def sources(*names: str) -> Deviations:
    """Return a deviation for each of these weight sources."""
    return {name: {"source": name} for name in names}


def elsewhere(dtype: str, *holds: str) -> Changes:
    """Return a change that adds branches with tensors of an element type."""
    return {"branches": tuple(Branch(what, dtype) for what in holds)}


def some(deviations: Deviations, *names: str) -> Deviations:
    """Return the deviations with these names."""
    return {name: deviations[name] for name in names}


# --- deviations -----------------------------------------------------------------------------------

_TYPES_ELSEWHERE: Deviations = {
    "bfloat16-elsewhere": elsewhere("bfloat16", "input"),
    "float64-elsewhere": elsewhere("float64", "input"),
    "int64-elsewhere": elsewhere("int64", "input"),
}
DTYPES: Deviations = {
    "float16": {"dtype": "float16"},
    "float16-cast-at-once": {"fed_as": "float16"},
    "float16-input-elsewhere": elsewhere("float16", "input"),
    "float16-weight-elsewhere": elsewhere("float16", "weight"),
    **_TYPES_ELSEWHERE,
}
"""Float16 and other element types in rows that the Float16 rule does not close."""

FLOAT16_INPUT: Deviations = {
    "none": {},
    "input": {"dtype": "float16"},
    "input-cast-at-once": {"fed_as": "float16"},
    "input-elsewhere": elsewhere("float16", "input"),
}
"""Float16 as an input of the model or of a layer."""

FLOAT16_BOTH: Deviations = {
    "input-and-weight-elsewhere": elsewhere("float16", "input", "weight"),
    "input-here-weight-elsewhere": {"dtype": "float16", **elsewhere("float16", "weight")},
    "everything": {"dtype": "float16", "switches": ("all-float16",)},
}
"""Float16 both as an input and as a weight."""

FLOAT16_NEITHER: Deviations = {
    "bias-elsewhere": elsewhere("float16", "bias"),
    "scalar-elsewhere": elsewhere("float16", "scalar"),
    "between-elsewhere": elsewhere("float16", "between"),
    "output-elsewhere": elsewhere("float16", "output"),
    "stored-elsewhere": elsewhere("float16", "stored"),
    **_TYPES_ELSEWHERE,
}
"""Float16 in a model that has neither a Float16 input nor a Float16 weight."""

SYMBOLIC: Deviations = {"symbolic-batch": {"symbolic_batch": True}}
"""The first dimension of the data is symbolic."""

SHARED: Deviations = {"shared-weight": {"form": "shared-weight"}}
"""Two layers share the weight."""

OPERANDS: Deviations = {
    "same": {"second": "same"},
    "constant": {"second": "constant"},
    "constant-first": {"second": "constant-first"},
    "scalar": {"second": "scalar"},
    "constant-float16": {"second": "constant", "dtype": "float16"},
}
"""Kinds of second operand of an addition."""

FACTORS: Deviations = {
    "constant-first": {"form": "constant-first", "data": (32, 32), "source": "input"},
    "identity-transpose": {"source": "identity-transpose"},
    "rank-3": {"weight": (1, 32, 32)},
    "rank-3-identity": {"weight": (1, 32, 32), "source": "identity"},
    "rank-3-reshaped": {"weight": (1, 32, 32), "source": "reshape"},
    "rank-3-transposed": {"weight": (1, 32, 32), "source": "transpose"},
    "rank-3-input": {"weight": (1, 32, 32), "source": "input"},
    "rank-3-data-rank-2": {"data": (4, 32), "weight": (1, 32, 32)},
    "rank-4": {"data": (1, 2, 4, 32), "weight": (1, 2, 32, 32)},
}
"""Kinds of second factor of a matrix product."""

FLOAT16_FACTORS: Deviations = {
    "none": {"source": "input"},
    "none-rank-3": {"weight": (1, 32, 32), "source": "input"},
    "input": {"source": "input", "dtype": "float16"},
    "input-rank-3": {"weight": (1, 32, 32), "source": "input", "dtype": "float16"},
    "input-identity": {"source": "input-identity", "dtype": "float16"},
    "input-cast-at-once": {"source": "input", "fed_as": "float16"},
    "input-elsewhere": {"source": "input", **elsewhere("float16", "input")},
    "weight-elsewhere": {"source": "input", **elsewhere("float16", "weight")},
    "bias-elsewhere": {"source": "input", **elsewhere("float16", "bias")},
    "constant": {"dtype": "float16"},
    "constant-input-elsewhere": elsewhere("float16", "input"),
}
"""Float16 and matrix products: the rule of some releases closes those of two variables alone."""

# --- variations of a layer ------------------------------------------------------------------------

_OTHER_FLOATS = ("float16", "bfloat16", "float64")


_OF_FLOAT32 = ("fake-quant", "input-fake-quant", "input-dequantize-range")
"""Sources with operators of TensorFlow that take only Float32."""


def half(*types: str) -> LayerVariation:
    """Return a variation that makes these types Float16, if the deviation is not about dtypes."""

    def change(plan: Plan) -> Changes | None:
        fits = plan.type in types and not plan.domain
        fits &= plan.dtype == "float32" and not plan.fed_as and plan.opset >= 21
        fits &= not any(branch.dtype in _OTHER_FLOATS for branch in plan.branches)
        # TensorFlow's Dequantize never returns Float16, and ONNX's does not in older opsets.
        fits &= plan.source not in ("dequantize", "input-dequantize", *_OF_FLOAT32)
        return {"dtype": "float16"} if fits else None

    return change


def standing(name: Around, unless: Callable[[Plan], bool]) -> LayerVariation:
    """Return a variation of a layer's surroundings, `unless` its plan does not allow it."""
    return lambda plan: None if unless(plan) else {"around": (name,)}


def _is_apart(plan: Plan) -> bool:
    return bool(plan.inside or plan.form == "shared-weight" or plan.dtype == "int64")


STANDING: dict[str, LayerVariation] = {
    "at-input": standing("at-input", unless=_is_apart),
    "at-output": standing("at-output", unless=_is_apart),
    "relu": standing("relu", unless=_is_apart),
}
"""Variations of the surroundings of a layer in the main graph."""
