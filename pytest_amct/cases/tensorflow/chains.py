"""Weights behind many operators, one builder for each name.

A chain shows whether each of its operators is followed. Each operator keeps the shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_amct.cases.tensorflow.builder import Dtype, GraphBuilder
from pytest_amct.cases.tensorflow.operators import (
    INT,
    Shape,
    concat,
    five_hops,
    identity,
    strided_slice,
    transposed,
)

_Step = Callable[[GraphBuilder, Shape, str, str], str]


def _plain(op: str, **given: Any) -> _Step:
    """Return a step through an operator with one input."""
    return lambda g, s, d, x: g.node(op, [x], {"T": Dtype(d), **given})


def _with(op: str, *numbers: float, swapped: bool = False) -> _Step:
    """Return a step through an operator whose further inputs are constant numbers."""

    def step(g: GraphBuilder, s: Shape, d: str, x: str) -> str:
        others = [g.values(d, [n], ()) for n in numbers]
        return g.node(op, [*others, x] if swapped else [x, *others], {"T": Dtype(d)})

    return step


def _with_ints(op: str, type_: str, *given: Callable[[Shape], list[int]]) -> _Step:
    """Return a step through an operator whose further inputs are vectors that depend on a shape.

    `type_` is the attribute with the element type of the vectors.
    """

    def step(g: GraphBuilder, s: Shape, d: str, x: str) -> str:
        vectors = [g.values("int32", vector(s)) for vector in given]
        return g.node(op, [x, *vectors], {"T": Dtype(d), type_: INT})

    return step


def _zeros(s: Shape) -> list[int]:
    return [0] * len(s)


def _pad(g: GraphBuilder, s: Shape, d: str, x: str) -> str:
    widths = g.values("int32", [0] * 2 * len(s), (len(s), 2))
    return g.node("Pad", [x, widths], {"T": Dtype(d), "Tpaddings": INT})


def _expanded(g: GraphBuilder, s: Shape, d: str, x: str) -> str:
    at = g.values("int32", [0], ())
    longer = g.node("ExpandDims", [x, at], {"T": Dtype(d), "Tdim": INT})
    return g.node("Squeeze", [longer], {"T": Dtype(d), "squeeze_dims": [0]})


def _gathered(g: GraphBuilder, s: Shape, d: str, x: str) -> str:
    kinds = {"Tparams": Dtype(d), "Tindices": INT}
    rows, axis = g.values("int32", range(s[0])), g.values("int32", [0], ())
    x = g.node("Gather", [x, rows], kinds)
    return g.node("GatherV2", [x, rows, axis], {**kinds, "Taxis": INT})


def _turned_twice(g: GraphBuilder, s: Shape, d: str, x: str) -> str:
    return transposed(g, s, d, transposed(g, s[::-1], d, x))


def _unpacked(g: GraphBuilder, s: Shape, d: str, x: str) -> str:
    given = {"T": Dtype(d), "axis": 0}
    rows = g.node("Unpack", [x], {**given, "num": s[0]})
    each = [rows, *(f"{rows}:{i}" for i in range(1, s[0]))]
    return g.node("Pack", each, {**given, "N": s[0]})


def _split_in_two(g: GraphBuilder, s: Shape, d: str, x: str) -> str:
    sizes, axis = g.values("int32", [s[0] - s[0] // 2, s[0] // 2]), g.values("int32", [0], ())
    given = {"T": Dtype(d), "Tlen": INT, "num_split": 2}
    made = g.node("SplitV", [x, sizes, axis], given)
    return concat(g, d, [made, f"{made}:1"])


def _selected(g: GraphBuilder, s: Shape, d: str, x: str) -> str:
    yes, no = g.values("bool", [1], ()), g.values(d, [0.5], ())
    return g.node("SelectV2", [yes, x, no], {"T": Dtype(d)})


def _biased(g: GraphBuilder, s: Shape, d: str, x: str) -> str:
    return g.node("BiasAdd", [x, g.constant(s[-1:], d)], {"T": Dtype(d)})


def _added(g: GraphBuilder, s: Shape, d: str, x: str) -> str:
    return g.node("AddN", [x, x], {"T": Dtype(d), "N": 2})


def _identity_n(g: GraphBuilder, s: Shape, d: str, x: str) -> str:
    return g.node("IdentityN", [x], {"T": [Dtype(d)]})


MOVES: tuple[_Step, ...] = (
    *(_plain(op) for op in ("StopGradient", "Snapshot", "PreventGradient")),
    _plain("CheckNumerics", message=""),
    lambda g, s, d, x: g.node("EnsureShape", [x], {"T": Dtype(d), "shape": s}),
    _identity_n,
    _expanded,
    _turned_twice,
    _with_ints("ReverseV2", "Tidx", lambda s: [0]),
    _with_ints("Tile", "Tmultiples", lambda s: [1] * len(s)),
    _with_ints("BroadcastTo", "Tidx", list),
    _with_ints("Slice", "Index", _zeros, list),
    lambda g, s, d, x: strided_slice(g, x, d, s[0]),
    _pad,
    _gathered,
    _unpacked,
    _split_in_two,
    _selected,
)
"""Operators that move values, or choose some of them."""

SUMS: tuple[_Step, ...] = (
    *(_plain(op) for op in ("Neg", "Abs", "Square", "Sqrt", "Sigmoid", "Tanh", "Elu", "Relu")),
    *(_plain(op) for op in ("Relu6", "Softplus", "Exp", "Rsqrt", "Reciprocal", "Log1p", "Sin")),
    *(_plain(op) for op in ("Cos", "Erf", "Softmax", "LogSoftmax", "LeakyRelu")),
    *(_with(op, 1.5) for op in ("Add", "AddV2", "Sub", "Maximum", "Minimum", "RealDiv")),
    *(_with(op, 1.5, swapped=True) for op in ("Mul", "Sub", "SquaredDifference", "AddV2")),
    *(_with(op, 1.0) for op in ("Pow", "Div")),
    _with("ClipByValue", -4.0, 4.0),
    _biased,
    _added,
)
"""Operators that compute values."""


def _through(steps: tuple[_Step, ...], g: GraphBuilder, s: Shape, d: str, x: str) -> str:
    for step in steps:
        x = step(g, s, d, x)
    return x


def _hops(count: int, g: GraphBuilder, s: Shape, d: str, x: str) -> str:
    for _ in range(count // 5):
        x = five_hops(g, s, d, x)
    return x


def _identities(g: GraphBuilder, s: Shape, d: str, x: str) -> str:
    for _ in range(12):
        x = identity(g, d, x)
    return x


def _fake_quantized(g: GraphBuilder, s: Shape, d: str, x: str) -> str:
    """Round a tensor as networks do that were trained to be quantized; they are Float32."""
    low, high = (g.values(d, [n], ()) for n in (-1.0, 1.0))
    lows, highs = (g.values(d, [n] * s[-1]) for n in (-1.0, 1.0))
    x = g.node("FakeQuantWithMinMaxVars", [x, low, high], {"num_bits": 8})
    x = g.node("FakeQuantWithMinMaxVarsPerChannel", [x, lows, highs], {"num_bits": 8})
    return g.node("QuantizeAndDequantizeV2", [x, low, high], {"T": Dtype(d), "range_given": True})


CHAINS: dict[str, Callable[[GraphBuilder, Shape, str], str]] = {
    "identity-twelve": lambda g, s, d: _identities(g, s, d, g.constant(s, d)),
    "five-hops": lambda g, s, d: five_hops(g, s, d, g.constant(s, d)),
    "forty-hops": lambda g, s, d: _hops(40, g, s, d, g.constant(s, d)),
    "many-moves": lambda g, s, d: _through(MOVES, g, s, d, g.constant(s, d)),
    "many-sums": lambda g, s, d: _through(SUMS, g, s, d, g.constant(s, d)),
    "fake-quant": lambda g, s, d: _fake_quantized(g, s, d, g.constant(s, d)),
    "input-identity-twelve": lambda g, s, d: _identities(g, s, d, g.input(d, s)),
    "input-five-hops": lambda g, s, d: five_hops(g, s, d, g.input(d, s)),
    "input-ten-hops": lambda g, s, d: _hops(10, g, s, d, g.input(d, s)),
    "input-forty-hops": lambda g, s, d: _hops(40, g, s, d, g.input(d, s)),
    "input-many-hops": lambda g, s, d: _hops(125, g, s, d, g.input(d, s)),
    "input-many-moves": lambda g, s, d: _through(MOVES, g, s, d, g.input(d, s)),
    "input-many-sums": lambda g, s, d: _through(SUMS, g, s, d, g.input(d, s)),
    "input-fake-quant": lambda g, s, d: _fake_quantized(g, s, d, g.input(d, s)),
}
"""Sources by name: a function that adds a weight of a shape and element type to a graph."""
