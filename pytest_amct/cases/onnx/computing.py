"""Words of weight trees in ONNX models: operators that compute, reductions to products."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_amct.cases.onnx.builder import GraphBuilder
from pytest_amct.cases.onnx.steps import exact, moves, node
from pytest_amct.cases.trees import Maker, Spec, Step, is_float


def _reduce(type_: str, before: str = "") -> Maker:
    def make(g: GraphBuilder, x: list[str]) -> str:
        data = g.node(before, x[:1]) if before else x[0]
        return g.node(type_, [data, x[1]], {"keepdims": 0})

    def maker(s: Spec) -> Step | None:
        fits = is_float(s)
        return Step((s.of(2, *s.shape), exact([0])), make) if fits else None

    return maker


def _bounded(type_: str, attributes: Mapping[str, Any] | None = None) -> Any:
    return lambda g, x: g.node("Tanh", [g.node(type_, x, attributes)])


def _matmul(s: Spec) -> Step | None:
    if not is_float(s) or len(s.shape) < 2:
        return None
    return Step((s.of(*s.shape[:-1], 3), s.of(3, s.shape[-1])), _bounded("MatMul"))


def _gemm(s: Spec) -> Step | None:
    if not is_float(s) or len(s.shape) != 2:
        return None
    m, n = s.shape
    return Step((s.of(m, 3), s.of(n, 3), s.of(n)), _bounded("Gemm", {"transB": 1}))


def _convolution(type_: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        if not is_float(s) or not 3 <= len(s.shape) <= 5:
            return None
        ones = [1] * (len(s.shape) - 2)
        channels = (s.shape[1], 3) if type_ == "Conv" else (3, s.shape[1])
        data = s.of(s.shape[0], 3, *s.shape[2:])
        operands = (data, s.of(*channels, *ones), s.of(s.shape[1]))
        return Step(operands, _bounded(type_, {"kernel_shape": ones}))

    return maker


def _pool(type_: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        fits = is_float(s) and 3 <= len(s.shape) <= 5
        return Step((s,), node(type_, {"kernel_shape": [1] * (len(s.shape) - 2)})) if fits else None

    return maker


def _global(type_: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        fits = is_float(s) and 3 <= len(s.shape) <= 5 and set(s.shape[2:]) == {1}
        twos = [2] * (len(s.shape) - 2)
        return Step((s.of(*s.shape[:2], *twos),), node(type_)) if fits else None

    return maker


def _einsum(s: Spec) -> Step | None:
    fits = is_float(s)
    return Step((s, s), _bounded("Einsum", {"equation": "...,...->..."})) if fits else None


def _cumulated(type_: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        fits = is_float(s) and s.shape
        return Step((s, exact([0], ())), _bounded(type_)) if fits else None

    return maker


def _where(s: Spec) -> Step | None:
    return Step((Spec(s.shape, "bool"), s, s), node("Where")) if moves(s) else None


def _where_scalar(s: Spec) -> Step | None:
    fits = moves(s)
    return Step((Spec((), "bool"), s, s), node("Where")) if fits else None


def _clip(s: Spec) -> Step | None:
    fits = is_float(s)
    return Step((s, s.of(), s.of()), node("Clip")) if fits else None


def _normalized(type_: str, count: int) -> Maker:
    """Return a normalization with that many operands for each channel besides its data."""

    def make(g: GraphBuilder, x: list[str]) -> str:
        attributes = {"num_groups": 1} if type_ == "GroupNormalization" else {}
        if type_ == "BatchNormalization":  # the variance must be positive
            x = [*x[:4], g.node("Exp", [g.node("Sigmoid", [x[4]])])]
        return g.node("Tanh", [g.node(type_, x, attributes)])

    def maker(s: Spec) -> Step | None:
        least = 2 if type_ == "BatchNormalization" else 3
        fits = is_float(s) and len(s.shape) >= least
        return Step((s, *[s.of(s.shape[1])] * count), make) if fits else None

    return maker


def _layer_normalized(type_: str, count: int) -> Maker:
    def maker(s: Spec) -> Step | None:
        fits = is_float(s) and s.shape
        return Step((s, *[s.of(s.shape[-1])] * count), _bounded(type_)) if fits else None

    return maker


def _lrn(s: Spec) -> Step | None:
    fits = is_float(s) and len(s.shape) == 4
    return Step((s,), node("LRN", {"size": 1})) if fits else None


COMPUTING: Mapping[str, Maker] = {
    **{f"Reduce{name}": _reduce(f"Reduce{name}") for name in "L1 L2 Max Mean Min Prod".split()},
    **{f"Reduce{name}": _reduce(f"Reduce{name}") for name in ("SumSquare", "LogSumExp")},
    "ReduceSum": _reduce("ReduceSum"),
    "ReduceLogSum": _reduce("ReduceLogSum", "Sigmoid"),
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Conv": _convolution("Conv"),
    "ConvTranspose": _convolution("ConvTranspose"),
    **{name: _pool(name) for name in ("AveragePool", "MaxPool", "LpPool")},
    **{f"Global{name}": _global(f"Global{name}") for name in ("AveragePool", "MaxPool", "LpPool")},
    "Einsum": _einsum,
    "CumSum": _cumulated("CumSum"),
    "CumProd": _cumulated("CumProd"),
    "Where": _where,
    "Where-scalar": _where_scalar,
    "Clip": _clip,
    "BatchNormalization": _normalized("BatchNormalization", 4),
    "InstanceNormalization": _normalized("InstanceNormalization", 2),
    "GroupNormalization": _normalized("GroupNormalization", 2),
    "LayerNormalization": _layer_normalized("LayerNormalization", 2),
    "RMSNormalization": _layer_normalized("RMSNormalization", 1),
    "LpNormalization": _layer_normalized("LpNormalization", 0),
    "LRN": _lrn,
}


SINCE: Mapping[str, int] = {"CumProd": 26, "RMSNormalization": 23}
