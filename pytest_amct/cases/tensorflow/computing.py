"""Words of weight trees in TensorFlow graphs: operators that compute, reductions to products."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.cases.tensorflow.builder import Dtype, GraphBuilder
from pytest_amct.cases.tensorflow.steps import Make, exact, moves, node, through
from pytest_amct.cases.trees import Maker, Spec, Step, is_float

_INT = Dtype("int32")


def _bounded(make: Make, dtype: str) -> Make:
    return lambda g, x: through(g, ("Tanh",), make(g, x), dtype)


def _reduce(op: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        made = node(op, s.dtype, Tidx=_INT, keep_dims=False)
        return Step((s.of(2, *s.shape), exact([0])), made) if is_float(s) else None

    return maker


def _cumulated(op: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        fits = is_float(s) and s.shape
        made = _bounded(node(op, s.dtype, Tidx=_INT), s.dtype)
        return Step((s, exact([0], ())), made) if fits else None

    return maker


def _added(op: str, count: int) -> Maker:
    def maker(s: Spec) -> Step | None:
        shape = {"shape": s.shape} if op == "AccumulateNV2" else {}
        made = _bounded(node(op, s.dtype, N=count, **shape), s.dtype)
        return Step((s,) * count, made) if is_float(s) else None

    return maker


def _matmul(op: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        fits = is_float(s) and (len(s.shape) == 2 if op == "MatMul" else len(s.shape) > 1)
        operands = (s.of(*s.shape[:-1], 3), s.of(3, s.shape[-1])) if fits else ()
        return Step(operands, _bounded(node(op, s.dtype), s.dtype)) if fits else None

    return maker


def _einsum(s: Spec) -> Step | None:
    made = _bounded(node("Einsum", s.dtype, N=2, equation="...,...->..."), s.dtype)
    return Step((s, s), made) if is_float(s) else None


def _softmax(op: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        return Step((s,), node(op, s.dtype)) if is_float(s) and s.shape else None

    return maker


def _biased(s: Spec) -> Step | None:
    fits = is_float(s) and len(s.shape) > 1
    made = _bounded(node("BiasAdd", s.dtype), s.dtype)
    return Step((s, s.of(*s.shape[-1:])), made) if fits else None


def _conv(s: Spec) -> Step | None:
    fits = is_float(s) and len(s.shape) == 4
    made = node("Conv2D", s.dtype, strides=[1] * 4, padding="SAME")
    return (
        Step((s.of(*s.shape[:3], 2), s.of(1, 1, 2, s.shape[3])), _bounded(made, s.dtype))
        if fits
        else None
    )


def _pool(op: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        made = node(op, s.dtype, ksize=[1] * 4, strides=[1] * 4, padding="VALID")
        return Step((s,), made) if is_float(s) and len(s.shape) == 4 else None

    return maker


def _normalized(s: Spec) -> Step | None:
    def make(g: GraphBuilder, x: list[str]) -> str:
        variance = through(g, ("Sigmoid", "Exp"), x[4], "float32")
        given = {"T": Dtype(s.dtype), "U": Dtype("float32"), "is_training": False}
        return through(g, ("Tanh",), g.node("FusedBatchNormV3", [*x[:4], variance], given), s.dtype)

    fits = s.dtype in ("float32", "float16") and s.values is None and len(s.shape) == 4
    return Step((s, *[Spec(s.shape[-1:], "float32")] * 4), make) if fits else None


def _lrn(s: Spec) -> Step | None:
    fits = s.dtype == "float32" and s.values is None and len(s.shape) == 4
    return Step((s,), node("LRN", s.dtype)) if fits else None


def _blocks(op: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        fits = is_float(s) and len(s.shape) == 4 and s.dtype != "float64"
        if not fits:
            return None
        n, h, w, c = s.shape
        fits = op == "DepthToSpace" or c % 4 == 0
        if op == "SpaceToDepth":
            return (
                Step((s.of(n, 2 * h, 2 * w, c // 4),), node(op, s.dtype, block_size=2))
                if fits
                else None
            )
        return (
            Step((s.of(n, h // 2, w // 2, 4 * c),), node(op, s.dtype, block_size=2))
            if h % 2 == w % 2 == 0
            else None
        )

    return maker


def _where(op: str, scalar: bool = False) -> Maker:
    def maker(s: Spec) -> Step | None:
        condition = Spec(() if scalar else s.shape, "bool")
        return Step((condition, s, s), node(op, s.dtype)) if moves(s) else None

    return maker


def _clip(s: Spec) -> Step | None:
    return Step((s, s.of(), s.of()), node("ClipByValue", s.dtype)) if is_float(s) else None


COMPUTING: Mapping[str, Maker] = {
    **{op: _reduce(op) for op in ("EuclideanNorm", "Max", "Mean", "Min", "Prod", "Sum")},
    **{op: _cumulated(op) for op in ("Cumprod", "Cumsum")},
    "AddN": _added("AddN", 2),
    "AddN-3": _added("AddN", 3),
    "AccumulateNV2": _added("AccumulateNV2", 2),
    **{op: _matmul(op) for op in ("MatMul", "BatchMatMulV2")},
    "Einsum": _einsum,
    **{op: _softmax(op) for op in ("Softmax", "LogSoftmax")},
    "BiasAdd": _biased,
    "Conv2D": _conv,
    **{op: _pool(op) for op in ("AvgPool", "MaxPool")},
    "FusedBatchNormV3": _normalized,
    "LRN": _lrn,
    **{op: _blocks(op) for op in ("DepthToSpace", "SpaceToDepth")},
    "Select": _where("Select"),
    "SelectV2": _where("SelectV2"),
    "SelectV2-scalar": _where("SelectV2", scalar=True),
    "ClipByValue": _clip,
}
