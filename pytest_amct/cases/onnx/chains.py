"""Weights behind many operators: a walk that stops at any of them misses what is behind.

Chains whose names begin with ``input-`` start at an input of the model, others at a constant. What
a chain shows, the sources of a single operator (``through-``, ``at-``) show again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from pytest_amct.cases.onnx.builder import GraphBuilder
from pytest_amct.cases.onnx.derived import DERIVED
from pytest_amct.cases.onnx.operands import OPERANDS
from pytest_amct.cases.onnx.ways import HOPS, matrix, newer
from pytest_amct.cases.values import count

Shape = tuple[int, ...]
Source = Callable[[GraphBuilder, Shape, str], str]
"""Adds a weight of a shape and dtype, and returns its tensor name."""

_EVERY = {**HOPS, **OPERANDS, **DERIVED}

ELEMENTWISE = (
    "identity dropout clip neg asin asinh atan atanh erf sin sinh softsign tan tanh leakyrelu selu"
    " elu prelu ceil floor round shrink mod sub-second hardsigmoid exp sigmoid softplus sqrt"
    " reciprocal cosh acosh log cos acos abs relu thresholded pow div mul max-last min-last cast"
    " mul-matrix"
).split()
MOVED = (
    "transpose squeeze flatten slice split gather gather-nd gather-elements compress scatter-nd"
    " scatter-elements expand tile pad concat-last reversed top depth resize sequence inserted"
    " in-parts"
).split()
COMBINED = (
    "mul-second sub div-second sum-last mean-last where where-last einsum reduce-sum"
    " cumsum quantize lp-pool lrn batch-normalized instance-normalized lpnormalization softmax"
    " logsoftmax mul-matrix"
).split()
AT_SHAPES = (
    "reshape-shape expand-shape tile-repeats filled-shape resize-sizes split-sizes top-count"
    " pad-pads range-limit one-hot-depth unsqueeze-axes"
).split()
AT_INDICES = (
    "slice-starts slice-ends slice-axes slice-steps gather-indices gather-nd-indices"
    " gather-elements-indices scatter-nd-indices scatter-elements-indices one-hot-indices"
    " top-indices cumsum-axis position reversed-lengths"
).split()
AT_FACTORS = (
    "scatter-nd-updates scatter-elements-updates one-hot-values condition compress-condition"
    " clip-least clip-most pad-value exponent dequantize-scale dequantize-zero einsum-second"
    " prelu-slope batch-normalized-scale batch-normalized-variance instance-normalized-bias"
    " sum-third"
).split()


def through(names: Sequence[str], g: GraphBuilder, data: str, shape: Shape, dtype: str) -> str:
    """Return a tensor after the operators of these names, one after the other."""
    rows = count(shape) // 4
    made = matrix(g, data, rows)
    for name in names:
        made = _EVERY[name](g, made, rows, dtype)
    return g.node("Reshape", [made, g.values("int64", shape)])


def _through(names: Sequence[str], fed: bool, g: GraphBuilder, shape: Shape, dtype: str) -> str:
    """Return a constant or an input after the operators of these names."""
    data = g.input(dtype, shape) if fed else g.initializer(shape, dtype)
    return through(names, g, data, shape, dtype)


def _turned(times: int, fed: bool, g: GraphBuilder, shape: Shape, dtype: str) -> str:
    """Return a constant or an input behind an even number of Identity and Transpose."""
    made = g.input(dtype, shape) if fed else g.initializer(shape, dtype)
    axes = list(range(len(shape)))[::-1]
    for _ in range(times // 4):
        made = g.node("Transpose", [made], {"perm": axes})
        made = g.node("Identity", [g.node("Identity", [made])])
        made = g.node("Transpose", [made])
    return made


def _newer(fed: bool, g: GraphBuilder, shape: Shape, dtype: str) -> str:
    rows = count(shape) // 4
    made = newer(
        g,
        matrix(g, g.input(dtype, shape) if fed else g.initializer(shape, dtype), rows),
        rows,
        dtype,
    )
    return g.node("Reshape", [made, g.values("int64", shape)])


_CHAINS: Mapping[str, Sequence[str]] = {
    "elementwise": ELEMENTWISE,
    "moved": MOVED,
    "combined": COMBINED,
    "derived": tuple(DERIVED),
    "at-shapes": AT_SHAPES,
    "at-indices": AT_INDICES,
    "at-factors": AT_FACTORS,
}

CHAIN_SOURCES: Mapping[str, Source] = {
    **{name: partial(_through, names, False) for name, names in _CHAINS.items()},
    **{f"input-{name}": partial(_through, names, True) for name, names in _CHAINS.items()},
    **{f"input-through-{name}": partial(_through, [name], True) for name in HOPS},
    **{f"input-at-{name}": partial(_through, [name], True) for name in OPERANDS},
    "turned-forty-times": partial(_turned, 40, False),
    "input-turned-forty-times": partial(_turned, 40, True),
    "newer": partial(_newer, False),
    "input-newer": partial(_newer, True),
}
