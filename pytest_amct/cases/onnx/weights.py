"""Weight sources of the ONNX rows, by what they show. `sources.py` builds them."""

from __future__ import annotations

from pytest_amct.cases.deviations import some, sources
from pytest_amct.cases.onnx.chains import MOVED
from pytest_amct.cases.onnx.operands import OPERANDS
from pytest_amct.cases.plan import Changes, Deviations

WEIGHT_SOURCES = sources(
    # constant, in every form
    "initializer",
    "constant",
    "constant-of-shape",
    "identity",
    "transpose",
    "reshape",
    "cast",
    "dropout",
    "dequantize",
    "mul",
    "concat",
    "split",
    "five-hops",
    # dynamic
    "input",
    "input-identity",
    "input-transpose",
    "input-cast",
    "input-split",
    "input-mul",
    "input-mul-second",
    "input-five-hops",
    "size-symbolic",
    "random",
    "random-like",
    # not decided by the document
    "size-static",
    "random-seeded",
    "random-like-seeded",
    "if",
    "loop",
    "foreign",
    "overridable",
)
MORE_SOURCES = sources(
    "input-ten-hops",
    "input-dequantize",
    "input-dropout",
    "input-concat",
    "input-gather",
    "input-slice",
    "input-expand",
    "input-add",
    "shape-symbolic",
    "filled-symbolic",
    "random-uniform",
)
"""Further ways in which a weight can change."""


LISTED: Changes = {"source": "overridable", "opset": 8, "ir_version": 3}
"""A weight that is an input of the model as well, as all initializers were before ir_version 4."""

_LATER = 22
"""An opset that networks never lower: opset 13 does not have these operators."""

NEWER: Deviations = {
    "newer": {"source": "newer", "opset": _LATER},
    "cast-like": {"source": "cast-like", "opset": _LATER},
}
"""Constants behind operators that opset 13 does not have."""
_INPUT_NEWER: Deviations = {
    "input-newer": {"source": "input-newer", "opset": _LATER},
    "input-cast-like": {"source": "input-cast-like", "opset": _LATER},
    "bernoulli": {"source": "bernoulli", "opset": _LATER},
    "input-bernoulli": {"source": "input-bernoulli", "opset": _LATER},
}

STORED: Deviations = sources(
    "typed",
    "constant-typed",
    "constant-sparse",
    "constant-floats",
    "constant-strings",
    "constant-numbers",
)
"""Constants, by how the model stores them."""

CONSTANT_CHAINS: Deviations = sources(
    "elementwise", "moved", "combined", "derived", "at-shapes", "at-indices", "at-factors"
)
"""Constants behind many operators."""

PASSED: Deviations = sources("dropout-inference", "dropout-ratio", "turned-forty-times")
"""Constants behind operators that return them as they are."""

CALLED: Deviations = sources("call", "call-without-inputs", "call-of-call")
"""Constants that local functions return."""

INPUT_CHAINS: Deviations = {
    **sources("input-elementwise", "input-moved", "input-combined", "input-derived"),
    **sources("input-at-shapes", "input-at-indices", "input-at-factors"),
}
"""Inputs of the model behind many operators."""

CHANGING: Deviations = {
    **sources("random-uniform-like", "random-second", "random-symbolic", "eye-symbolic"),
    **sources("shape-symbolic-moved", "shape-symbolic-at-shapes"),
    **sources("multinomial", "dropout-training", "dropout-fed", "dropout-fed-seeded"),
    **sources("input-call", "input-call-of-call", "input-call-second"),
    **sources("input-product", "input-foreign", "input-turned-forty-times"),
    **_INPUT_NEWER,
}
"""Further weights that change."""

SOME_CHANGING = (
    "random-second",
    "random-symbolic",
    "bernoulli",
    "dropout-training",
    "dropout-fed",
    "input-call",
    "input-product",
    "input-newer",
)
"""The kinds of those."""

THROUGH: Deviations = sources(
    *(f"input-through-{name}" for name in MOVED[6:19]),
    *(
        f"input-through-{name}"
        for name in ("split", "sequence", "where-last", "einsum", "quantize")
    ),
)
"""Inputs of the model behind one operator."""

AT: Deviations = sources(*(f"input-at-{name}" for name in OPERANDS))
"""Inputs of the model at another input of one operator."""

NODE_SOURCES: Deviations = {
    **WEIGHT_SOURCES,
    **some(STORED, "typed", "constant-typed", "constant-sparse"),
    **sources("moved", "call", "turned-forty-times"),
    **sources("input-moved", "input-at-factors", "input-call"),
}
"""Sources for releases that want the stored constant itself as the weight."""

SOURCES_PLAIN = frozenset((*MORE_SOURCES, *INPUT_CHAINS, *CHANGING, *THROUGH, *AT))
"""Those that the gate tests only in the ``plain`` context."""
