"""Operators on the way to a weight whose results look otherwise: flags, indices, sums, integers.

Each takes a matrix of 4 columns. What it computes is subtracted from a stored matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_amct.cases.onnx.builder import GraphBuilder
from pytest_amct.cases.onnx.ways import Hop, cast, number

Compute = Callable[[GraphBuilder, str, int], str]
"""Returns what is computed from a Float32 matrix with a number of rows."""


def _added(compute: Compute, as_one: bool = False) -> Hop:
    """Return a stored matrix less what is computed, or less the largest value of that."""

    def add(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
        made = cast(g, compute(g, cast(g, data, "float32"), rows), "float32")
        if as_one:
            made = g.node("ReduceMax", [made], {"keepdims": 0})
        small = g.node("Mul", [cast(g, made, dtype), number(g, dtype, 0.001)])
        return g.node("Sub", [g.initializer((rows, 4), dtype), small])

    return add


def _plain(type_: str, **attributes: Any) -> Compute:
    return lambda g, data, rows: g.node(type_, [data], attributes)


def _compared(type_: str) -> Compute:
    return lambda g, data, rows: g.node(type_, [data, number(g, "float32", 0.0)])


def _logical(type_: str) -> Compute:
    """Return a logical operator on flags, of which one is computed."""

    def compute(g: GraphBuilder, data: str, rows: int) -> str:
        flags = g.node("Greater", [data, number(g, "float32", 0.0)])
        others = [] if type_ == "Not" else [g.values("bool", [1], ())]
        return g.node(type_, [*others, flags])

    return compute


def _shifted(g: GraphBuilder, data: str, rows: int) -> str:
    numbers = cast(g, g.node("Abs", [data]), "uint32")
    return g.node("BitShift", [numbers, g.values("uint32", [1], ())], {"direction": "RIGHT"})


def _of_image(type_: str) -> Compute:
    """Return an operator on an image of 4 channels."""

    def compute(g: GraphBuilder, data: str, rows: int) -> str:
        image = g.node("Reshape", [data, g.values("int64", [1, 4, rows // 2, 2])])
        return g.node(type_, [image])

    return compute


def _recurrent(type_: str, gates: int) -> Compute:
    """Return a recurrent operator with 2 hidden values, on a sequence of one step."""

    def compute(g: GraphBuilder, data: str, rows: int) -> str:
        steps = g.node("Unsqueeze", [data, g.values("int64", [0])])
        weights = [g.initializer((1, gates * 2, n), "float32") for n in (4, 2)]
        return g.node(type_, [steps, *weights], {"hidden_size": 2})

    return compute


def _determinants(g: GraphBuilder, data: str, rows: int) -> str:
    return g.node("Det", [g.node("Reshape", [data, g.values("int64", [rows // 4, 4, 4])])])


def _overlaps(g: GraphBuilder, data: str, rows: int) -> str:
    boxes = g.node("Unsqueeze", [data, g.values("int64", [0])])
    scores = g.values("float32", [1.0 + n for n in range(rows)], (1, 1, rows))
    most = g.values("int64", [2], ())
    return g.node("NonMaxSuppression", [boxes, scores, most])


_LOGICAL = ("Not", "And", "Or", "Xor")
_COMPARED = ("Equal", "Less", "LessOrEqual", "GreaterOrEqual")
_REDUCED = ("ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum")

DERIVED: Mapping[str, Hop] = {
    **{type_.lower(): _added(_plain(type_)) for type_ in ("IsNaN", "IsInf", "Sign", "Hardmax")},
    **{type_.lower(): _added(_logical(type_)) for type_ in _LOGICAL},
    **{type_.lower(): _added(_compared(type_)) for type_ in _COMPARED},
    **{type_.lower(): _added(_plain(type_)) for type_ in _REDUCED},
    **{type_.lower(): _added(_plain(type_, axis=1)) for type_ in ("ArgMax", "ArgMin")},
    "nonzero": _added(_plain("NonZero"), as_one=True),
    "unique": _added(_plain("Unique"), as_one=True),
    "bitshift": _added(_shifted),
    **{
        f"global-{name}": _added(_of_image(f"Global{name.title()}Pool"), as_one=True)
        for name in ("average", "max", "lp")
    },
    "lstm": _added(_recurrent("LSTM", 4), as_one=True),
    "gru": _added(_recurrent("GRU", 3), as_one=True),
    "rnn": _added(_recurrent("RNN", 1), as_one=True),
    "determinants": _added(_determinants, as_one=True),
    "overlaps": _added(_overlaps, as_one=True),
}
"""Operators by name."""
