"""Weights of a higher rank than the constants that they are made of, one builder for each name.

The first axis of the shape has length 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pytest_amct.cases.tensorflow.builder import Dtype, GraphBuilder
from pytest_amct.cases.tensorflow.operators import INT, Shape, mul, reshape


def _broadcast(g: GraphBuilder, s: Shape, d: str) -> str:
    inputs = [g.constant(s[1:], d), g.values("int32", s)]
    return g.node("BroadcastTo", inputs, {"T": Dtype(d), "Tidx": INT})


def _gathered(g: GraphBuilder, s: Shape, d: str) -> str:
    """Look up rows of a matrix, as an embedding does, by indices of a higher rank."""
    rows = g.values("int32", range(s[-2]), s[:-1])
    given = {"Tparams": Dtype(d), "Tindices": INT, "Taxis": INT}
    return g.node("GatherV2", [g.constant(s[-2:], d), rows, g.values("int32", [0], ())], given)


def _new_axis(g: GraphBuilder, s: Shape, d: str) -> str:
    bounds = [g.values("int32", [n]) for n in (0, 0, 1)]
    given = {"T": Dtype(d), "Index": INT, "new_axis_mask": 1}
    return g.node("StridedSlice", [g.constant(s[1:], d), *bounds], given)


RANKS: Mapping[str, Callable[[GraphBuilder, Shape, str], str]] = {
    "up-reshape": lambda g, s, d: reshape(g, g.constant(s[1:], d), d, s),
    "up-mul": lambda g, s, d: mul(g, d, g.constant(s[1:], d), g.values(d, [1.5], (1,) * len(s))),
    "up-broadcast": _broadcast,
    "up-gather": _gathered,
    "up-slice": _new_axis,
}
"""Sources by name: a function that adds a weight of a shape and element type to a graph."""
