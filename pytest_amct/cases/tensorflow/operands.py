"""Weights that change by one operand of an operator, or at random, one builder for each name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pytest_amct.cases.tensorflow.builder import Dtype, GraphBuilder
from pytest_amct.cases.tensorflow.operators import (
    INT,
    Shape,
    cast,
    concat,
    identity,
    mul,
    reshape,
)
from pytest_amct.cases.values import count

# --- one operand that is fed ----------------------------------------------------------------------


def _fed(g: GraphBuilder, values: Sequence[int], shape: Shape | None = None) -> str:
    """Add numbers that depend on a network input: these `values` if it is 1 everywhere."""
    numbers = g.values("int32", values, shape)
    fed = g.input("int32", (len(values),) if shape is None else shape)
    return mul(g, "int32", fed, numbers)


def _shape(g: GraphBuilder, s: Shape, d: str) -> str:
    inputs = [g.constant((count(s),), d), _fed(g, s)]
    return g.node("Reshape", inputs, {"T": Dtype(d), "Tshape": INT})


def _order(g: GraphBuilder, s: Shape, d: str) -> str:
    inputs = [g.constant(s[::-1], d), _fed(g, range(len(s))[::-1])]
    return g.node("Transpose", inputs, {"T": Dtype(d), "Tperm": INT})


def _halves(g: GraphBuilder, s: Shape, d: str) -> list[str]:
    return [g.constant((s[0] // 2, *s[1:]), d) for _ in range(2)]


def _wide(g: GraphBuilder, s: Shape, d: str) -> str:
    return g.constant((2 * s[0], *s[1:]), d)


def _third(g: GraphBuilder, s: Shape, d: str) -> str:
    """Concatenate two constants and a network input along the longest axis."""
    axis = max(range(len(s)), key=s.__getitem__)
    cut = [(*s[:axis], s[axis] // n, *s[axis + 1 :]) for n in (4, 4, 2)]
    parts = [g.constant(cut[0], d), g.constant(cut[1], d), g.input(d, cut[2])]
    return concat(g, d, parts, axis)


def _split_axis(g: GraphBuilder, s: Shape, d: str) -> str:
    given = {"T": Dtype(d), "num_split": 2}
    return g.node("Split", [_fed(g, [0], ()), _wide(g, s, d)], given)


def _gathered(g: GraphBuilder, s: Shape, d: str, fed: str) -> str:
    data = _wide(g, s, d)
    rows = _fed(g, range(s[0])) if fed == "indices" else g.values("int32", range(s[0]))
    axis = _fed(g, [0], ()) if fed == "axis" else g.values("int32", [0], ())
    given = {"Tparams": Dtype(d), "Tindices": INT, "Taxis": INT}
    return g.node("GatherV2", [data, rows, axis], given)


def _selected(g: GraphBuilder, s: Shape, d: str, fed: str) -> str:
    condition = g.input("bool", ()) if fed == "condition" else g.values("bool", [1], ())
    other = g.input(d, s) if fed == "else" else g.constant(s, d)
    return g.node("SelectV2", [condition, g.constant(s, d), other], {"T": Dtype(d)})


def _sliced(g: GraphBuilder, s: Shape, d: str, fed: str) -> str:
    data, zeros = _wide(g, s, d), [0] * len(s)
    begin = _fed(g, zeros) if fed == "begin" else g.values("int32", zeros)
    size = _fed(g, s) if fed == "size" else g.values("int32", s)
    return g.node("Slice", [data, begin, size], {"T": Dtype(d), "Index": INT})


def _steps(g: GraphBuilder, s: Shape, d: str) -> str:
    """Cut a tensor with a step that is fed; the bounds are constant."""
    inputs = [_wide(g, s, d), *(g.values("int32", [n]) for n in (0, s[0])), _fed(g, [1])]
    return g.node("StridedSlice", inputs, {"T": Dtype(d), "Index": INT})


def _tiled(g: GraphBuilder, s: Shape, d: str) -> str:
    inputs = [g.constant(s, d), _fed(g, [1] * len(s))]
    return g.node("Tile", inputs, {"T": Dtype(d), "Tmultiples": INT})


def _padded(g: GraphBuilder, s: Shape, d: str) -> str:
    inputs = [g.constant(s, d), _fed(g, [0] * 2 * len(s), (len(s), 2))]
    return g.node("Pad", inputs, {"T": Dtype(d), "Tpaddings": INT})


def _filled(g: GraphBuilder, s: Shape, d: str) -> str:
    inputs = [_fed(g, s), g.values(d, [0.05], ())]
    return g.node("Fill", inputs, {"T": Dtype(d), "index_type": INT})


def _broadcast(g: GraphBuilder, s: Shape, d: str) -> str:
    return g.node("BroadcastTo", [g.constant(s, d), _fed(g, s)], {"T": Dtype(d), "Tidx": INT})


def _clipped(g: GraphBuilder, s: Shape, d: str) -> str:
    inputs = [g.constant(s, d), g.values(d, [-1.0], ()), g.input(d, ())]
    return g.node("ClipByValue", inputs, {"T": Dtype(d)})


def _dequantized(g: GraphBuilder, s: Shape, d: str) -> str:
    """Dequantize a constant by a range whose upper end is fed."""
    inputs = [g.constant(s, "int8", "qint8"), g.values("float32", [-1.0], ())]
    given = {"T": Dtype("qint8"), "mode": "SCALED", "dtype": Dtype(d)}
    return g.node("Dequantize", [*inputs, g.input("float32", ())], given)


def _added(g: GraphBuilder, s: Shape, d: str) -> str:
    inputs = [g.constant(s, d), g.constant(s, d), g.input(d, s)]
    return g.node("AddN", inputs, {"T": Dtype(d), "N": 3})


def _times_variable(g: GraphBuilder, s: Shape, d: str) -> str:
    held = g.node("VariableV2", [], {"dtype": Dtype(d), "shape": s})
    return mul(g, d, identity(g, d, held), g.input(d, s))


# --- random ---------------------------------------------------------------------------------------


def _drawn(
    g: GraphBuilder, s: Shape, d: str, op: str, numbers: Sequence[float] = (), **given: Any
) -> str:
    """Draw a tensor of a shape; `numbers` are the parameters of the distribution."""
    inputs = [g.values("int32", s), *(g.values(d, [n], ()) for n in numbers)]
    return g.node(op, inputs, given)


def _integers(g: GraphBuilder, s: Shape, d: str) -> str:
    inputs = [g.values("int32", s), *(g.values("int32", [n], ()) for n in (1, 9))]
    return cast(g, g.node("RandomUniformInt", inputs, {"T": INT, "Tout": INT}), "int32", d)


def _multinomial(g: GraphBuilder, s: Shape, d: str) -> str:
    inputs = [g.values("float32", [0.5] * 4, (1, 4)), g.values("int32", [count(s)], ())]
    given = {"T": Dtype("float32"), "output_dtype": Dtype("int64")}
    drawn = g.node("Multinomial", inputs, given)
    return reshape(g, cast(g, drawn, "int64", d), d, s)


def _stateless(g: GraphBuilder, s: Shape, d: str) -> str:
    inputs = [g.values("int32", s), _fed(g, [3, 7])]
    given = {"T": INT, "Tseed": INT, "dtype": Dtype(d)}
    return g.node("StatelessRandomNormal", inputs, given)


def _seeded(g: GraphBuilder, s: Shape, d: str) -> str:
    given = {"T": INT, "dtype": Dtype(d), "seed": 7}
    return g.node("RandomStandardNormal", [_fed(g, s)], given)


OPERANDS: dict[str, Callable[[GraphBuilder, Shape, str], str]] = {
    "input-shape": _shape,
    "input-order": _order,
    "input-concat-third": _third,
    "input-concat-axis": lambda g, s, d: concat(g, d, _halves(g, s, d), _fed(g, [0], ())),
    "input-split-axis": _split_axis,
    "input-indices": lambda g, s, d: _gathered(g, s, d, "indices"),
    "input-gather-axis": lambda g, s, d: _gathered(g, s, d, "axis"),
    "input-condition": lambda g, s, d: _selected(g, s, d, "condition"),
    "input-else": lambda g, s, d: _selected(g, s, d, "else"),
    "input-begin": lambda g, s, d: _sliced(g, s, d, "begin"),
    "input-size": lambda g, s, d: _sliced(g, s, d, "size"),
    "input-steps": _steps,
    "input-multiples": _tiled,
    "input-paddings": _padded,
    "input-fill-shape": _filled,
    "input-broadcast-shape": _broadcast,
    "input-bound": _clipped,
    "input-last-of-three": _added,
    "input-times-variable": _times_variable,
    "input-dequantize-range": _dequantized,
    "input-random-shape": _seeded,
    "input-random-seed": _stateless,
    "random-zero-seeds": lambda g, s, d: _drawn(
        g, s, d, "RandomStandardNormal", T=INT, dtype=Dtype(d), seed=0, seed2=0
    ),
    "random-integers": _integers,
    "random-gamma": lambda g, s, d: _drawn(g, s, d, "RandomGamma", [2.0], S=INT, T=Dtype(d)),
    "random-poisson": lambda g, s, d: _drawn(
        g, s, d, "RandomPoissonV2", [2.0], S=INT, R=Dtype(d), dtype=Dtype(d)
    ),
    "random-parameterized": lambda g, s, d: _drawn(
        g,
        s,
        d,
        "ParameterizedTruncatedNormal",
        [0.0, 1.0, -2.0, 2.0],
        T=INT,
        dtype=Dtype(d),
    ),
    "random-multinomial": _multinomial,
    "random-shuffle": lambda g, s, d: g.node("RandomShuffle", [g.constant(s, d)], {"T": Dtype(d)}),
}
"""Sources by name: a function that adds a weight of a shape and element type to a graph."""
