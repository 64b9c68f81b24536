"""The words of weight trees in TensorFlow graphs that keep the shape, and their leaves.

Values stay finite: operators that grow values are followed by a Tanh, and those that accept only
some values follow a Sigmoid. An index, an axis or a shape has exact values, see `Spec`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from pytest_amct.cases.tensorflow.builder import Dtype, GraphBuilder
from pytest_amct.cases.tensorflow.sources import SOURCES
from pytest_amct.cases.trees import FLOATS, STORED, Maker, Spec, Step, is_float

Make = Callable[[GraphBuilder, list[str]], str]


def exact(
    values: Sequence[float], shape: tuple[int, ...] | None = None, dtype: str = "int32"
) -> Spec:
    """Return the spec of a tensor with these values."""
    return Spec((len(values),) if shape is None else shape, dtype, tuple(values))


def moves(spec: Spec) -> bool:
    """Return whether a tensor has any values, of a type that operators move."""
    return spec.values is None and spec.dtype in (*FLOATS, "int32", "bool")


def node(op: str, dtype: str, port: int = 0, /, **attributes: Any) -> Make:
    """Return a function that adds one operator on the operands of a step."""
    given = {**({"T": Dtype(dtype)} if dtype else {}), **attributes}

    def make(g: GraphBuilder, inputs: list[str]) -> str:
        made = g.node(op, inputs, given)
        return f"{made}:{port}" if port else made

    return make


# --- leaves ---------------------------------------------------------------------------------------


def _w(spec: Spec) -> Step:
    def make(g: GraphBuilder, inputs: list[str]) -> str:
        if spec.dtype in FLOATS and spec.values is None:
            return g.constant(spec.shape, spec.dtype)
        values = spec.values or (1,)
        whole = values * prod(spec.shape) if len(values) == 1 else values
        return g.values(spec.dtype, whole, spec.shape)

    return Step((), make)


def _x(spec: Spec) -> Step | None:
    return Step((), lambda g, _: g.input(spec.dtype, spec.shape)) if spec.values is None else None


def _source(name: str) -> Maker:
    """Return a leaf that is one of the named sources."""

    def maker(spec: Spec) -> Step | None:
        fits = is_float(spec) and bool(spec.shape)
        return Step((), lambda g, _: SOURCES[name](g, spec.shape, spec.dtype)) if fits else None

    return maker


def _random(op: str, **seeds: int) -> Maker:
    def maker(spec: Spec) -> Step | None:
        def make(g: GraphBuilder, inputs: list[str]) -> str:
            given = {"T": Dtype("int32"), "dtype": Dtype(spec.dtype), **seeds}
            return g.node(op, [g.values("int32", spec.shape)], given)

        return Step((), make) if is_float(spec) and spec.shape else None

    return maker


_NAMED = "input-default iterator queue variable resource switch merge frames while if".split()
_RANDOM = ("RandomStandardNormal", "RandomUniform", "TruncatedNormal")

LEAVES: Mapping[str, Maker] = {
    STORED: _w,
    "x": _x,
    **{name: _source(name) for name in ("const-values", *_NAMED, "random-stateless")},
    **{op: _random(op) for op in _RANDOM},
    **{f"{op}-seed": _random(op, seed=7) for op in _RANDOM},
    "RandomUniform-seed2": _random("RandomUniform", seed=0, seed2=7),
    "RandomUniform-zero": _random("RandomUniform", seed=0, seed2=0),
}
"""Stored, fed, random, and the sources without operands."""

# --- operators that keep the shape ----------------------------------------------------------------

_UNARY = """
    Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh DeepCopy Elu Erf Erfc Exp Expm1 Floor
    GuaranteeConst Inv LeakyRelu Log Log1p Neg OnesLike PreventGradient Reciprocal Relu Relu6
    Round Rsqrt Selu Sigmoid Sign Sin Sinh Snapshot Softplus Softsign Sqrt Square StopGradient Tan
    Tanh ZerosLike
"""
_UNARY_OF_SINGLE = "BesselI0e BesselI1e Digamma Lgamma Rint"
_BINARY = """
    Add AddV2 Atan2 Div DivNoNan FloorDiv FloorMod Maximum Minimum Mul MulNoNan Pow RealDiv
    SquaredDifference Sub Xdivy Xlogy
"""
_NARROW = "Acos Asin Atanh Cosh Digamma Exp Expm1 Inv Lgamma Log Log1p Pow Reciprocal Rsqrt Sinh"
_NARROW += " Sqrt Tan Xlogy"
_POSITIVE = "Div FloorDiv FloorMod Pow RealDiv Xdivy Xlogy"
_BEFORE: Mapping[tuple[str, int], tuple[str, ...]] = {
    **{(op, 0): ("Sigmoid",) for op in _NARROW.split()},
    **{(op, 1): ("Sigmoid", "Exp") for op in (*_POSITIVE.split(), "DivNoNan")},
    **dict.fromkeys([("Acosh", 0), ("Rsqrt", 0), ("Digamma", 0)], ("Sigmoid", "Exp")),
    **dict.fromkeys([("Inv", 0), ("Reciprocal", 0)], ("Sigmoid", "Exp")),
}
"""Operators on the way to an operand that must be between 0 and 1, or greater than 1."""
_GROWS = frozenset("Add AddV2 LeakyRelu Mul MulNoNan Square SquaredDifference Sub".split())


def through(g: GraphBuilder, ops: Sequence[str], data: str, dtype: str) -> str:
    """Add operators one behind the other."""
    for op in ops:
        data = g.node(op, [data], {"T": Dtype(dtype)})
    return data


def _same(op: str, shapes: Callable[[Spec], list[Spec]], dtypes: Sequence[str] = FLOATS) -> Maker:
    def maker(spec: Spec) -> Step | None:
        def make(g: GraphBuilder, inputs: list[str]) -> str:
            dtype = spec.dtype
            given = [through(g, _BEFORE.get((op, i), ()), x, dtype) for i, x in enumerate(inputs)]
            made = g.node(op, given, {"T": Dtype(dtype)})
            return through(g, ("Tanh",), made, dtype) if op in _GROWS else made

        return Step(tuple(shapes(spec)), make) if is_float(spec) and spec.dtype in dtypes else None

    return maker


KEEPING: Mapping[str, Maker] = {
    **{op: _same(op, lambda s: [s]) for op in _UNARY.split()},
    **{op: _same(op, lambda s: [s], ("float32",)) for op in _UNARY_OF_SINGLE.split()},
    **{op: _same(op, lambda s: [s, s]) for op in _BINARY.split()},
    **{f"{op}-s": _same(op, lambda s: [s, s.of()]) for op in _BINARY.split()},
    **{f"{op}-r": _same(op, lambda s: [s.of(), s]) for op in _BINARY.split()},
}
"""Words for operators of one operand, or of two: ``Mul-s`` has a scalar second operand, and
``Mul-r`` a scalar first one."""
