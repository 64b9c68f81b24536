"""Words of weight trees in ONNX models: other element types, shapes, integers and flags."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.cases.onnx.builder import NUMBERS, GraphBuilder
from pytest_amct.cases.onnx.steps import exact, node
from pytest_amct.cases.trees import Maker, Spec, Step, is_float


def _cast(dtype: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        fits = s.values is None and s.dtype != dtype
        return (
            Step((Spec(s.shape, dtype),), node("Cast", {"to": NUMBERS[s.dtype]})) if fits else None
        )

    return maker


def _cast_exact(s: Spec) -> Step | None:
    fits = s.values is not None and s.dtype == "int64"
    return (
        Step((s._replace(dtype="int32"),), node("Cast", {"to": NUMBERS["int64"]})) if fits else None
    )


def _cast_like(s: Spec) -> Step | None:
    narrow = "float32" if s.dtype == "float64" else "float64"
    return Step((Spec(s.shape, narrow), s.of()), node("CastLike")) if is_float(s) else None


def _dequantize(s: Spec) -> Step | None:
    fits = is_float(s) and s.dtype in ("float32", "float16")
    zero = exact([0], (), "int8")
    return Step((Spec(s.shape, "int8"), s.of(), zero), node("DequantizeLinear")) if fits else None


def _quantize(s: Spec) -> Step | None:
    fits = s.values is None and s.dtype == "int8"
    given = (Spec(s.shape, "float32"), exact([0.01], (), "float32"), exact([0], (), "int8"))
    return Step(given, node("QuantizeLinear")) if fits else None


def _filled(s: Spec) -> Step | None:
    def make(g: GraphBuilder, x: list[str]) -> str:
        number = g.node("ConstantOfShape", x)
        return (
            number if s.dtype == "float32" else g.node("Cast", [number], {"to": NUMBERS[s.dtype]})
        )

    return Step((exact(s.shape),), make) if is_float(s) and s.shape else None


def _eye(s: Spec) -> Step | None:
    fits = is_float(s) and len(s.shape) == 2
    return (
        Step((Spec(s.shape, "int64"),), node("EyeLike", {"dtype": NUMBERS[s.dtype]}))
        if fits
        else None
    )


def _one_hot(s: Spec) -> Step | None:
    if not is_float(s) or len(s.shape) < 2:
        return None
    return Step((Spec(s.shape[:-1], "int64"), exact([s.shape[-1]], ()), s.of(2)), node("OneHot"))


def _range(s: Spec) -> Step | None:
    def make(g: GraphBuilder, x: list[str]) -> str:
        return g.node("Cast", [g.node("Range", x)], {"to": NUMBERS[s.dtype]})

    fits = is_float(s) and len(s.shape) == 1
    return Step(tuple(exact([n], ()) for n in (1, s.shape[0] + 1, 1)), make) if fits else None


def _like(type_: str, **seed: float) -> Maker:
    def make(g: GraphBuilder, x: list[str]) -> str:
        data = [g.node("Sigmoid", x)] if type_ == "Bernoulli" else x
        return g.node(type_, data, seed)

    def maker(s: Spec) -> Step | None:
        return Step((s,), make) if is_float(s) else None

    return maker


def _size(*of: int | str | None) -> Maker:
    """Return the size of a fed tensor."""

    def maker(s: Spec) -> Step | None:
        fits = s.values is None and s.dtype == "int64" and not s.shape
        return Step((), lambda g, _: g.node("Size", [g.input("float32", of)])) if fits else None

    return maker


def _size_of(s: Spec) -> Step | None:
    fits = s.values is None and s.dtype == "int64" and not s.shape
    return Step((Spec((2, 3), "float32"),), node("Size")) if fits else None


def _shape_of(s: Spec) -> Step | None:
    fits = s.values is None and s.dtype == "int64" and len(s.shape) == 1 and s.shape[0] < 6
    return Step((Spec((2,) * s.shape[0], "float32"),), node("Shape")) if fits else None


def _entry(*of: int | str | None, start: int) -> Maker:
    """Return one entry of a fed tensor's shape."""

    def make(g: GraphBuilder, x: list[str]) -> str:
        data = g.input("float32", of)
        found = g.node("Shape", [data], {"start": start, "end": start + 1})
        return g.node("Squeeze", [found])

    def maker(s: Spec) -> Step | None:
        fits = s.values is None and s.dtype == "int64" and not s.shape
        return Step((), make) if fits else None

    return maker


def _of_computed(type_: str) -> Maker:
    """Return the shape of a tensor that is computed from a fed one, in one number."""

    def make(g: GraphBuilder, x: list[str]) -> str:
        found = g.node(type_, [g.node("Sin", [g.input("float32", (1, "h", 4))])])
        return found if type_ == "Size" else g.node("ReduceMax", [found], {"keepdims": 0})

    def maker(s: Spec) -> Step | None:
        fits = s.values is None and s.dtype == "int64" and not s.shape
        return Step((), make) if fits else None

    return maker


def _arg(type_: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        fits = s.values is None and s.dtype == "int64"
        given = node(type_, {"keepdims": 0})
        return Step((Spec((2, *s.shape), "float32"),), given) if fits else None

    return maker


def _plus_nothing(s: Spec) -> Step | None:
    """Add 0 times a number to exact values."""

    def make(g: GraphBuilder, x: list[str]) -> str:
        return g.node("Add", [x[0], g.node("Mul", [x[1], g.values("int64", [0], ())])])

    fits = s.values is not None and s.dtype == "int64"
    return Step((s, Spec((), "int64")), make) if fits else None


def _compared(type_: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        fits = s.dtype == "bool" and s.values is None
        return Step((Spec(s.shape, "float32"), Spec((), "float32")), node(type_)) if fits else None

    return maker


def _logical(type_: str, count: int) -> Maker:
    def maker(s: Spec) -> Step | None:
        return Step((s,) * count, node(type_)) if s.dtype == "bool" and s.values is None else None

    return maker


def _tested(type_: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        fits = s.dtype == "bool" and s.values is None
        return Step((Spec(s.shape, "float32"),), node(type_)) if fits else None

    return maker


TYPED: Mapping[str, Maker] = {
    "Cast": _cast("float64"),
    "Cast-single": _cast("float32"),
    "Cast-half": _cast("float16"),
    "Cast-int": _cast("int64"),
    "Cast-bool": _cast("bool"),
    "Cast-exact": _cast_exact,
    "CastLike": _cast_like,
    "DequantizeLinear": _dequantize,
    "QuantizeLinear": _quantize,
    "ConstantOfShape": _filled,
    "EyeLike": _eye,
    "OneHot": _one_hot,
    "Range": _range,
    "RandomNormalLike": _like("RandomNormalLike"),
    "RandomNormalLike-seed": _like("RandomNormalLike", seed=7.0),
    "RandomUniformLike": _like("RandomUniformLike"),
    "RandomUniformLike-seed": _like("RandomUniformLike", seed=0.0),
    "Bernoulli": _like("Bernoulli"),
    "Bernoulli-seed": _like("Bernoulli", seed=7.0),
    "Size": _size_of,
    "Size-symbolic": _size("n", 4),
    "Size-static": _size(2, 4),
    "Size-middle": _size(1, "h", 4),
    "Size-open": _size(None, 4),
    "Size-computed": _of_computed("Size"),
    "Shape": _shape_of,
    "Shape-symbolic": _entry("n", 4, start=0),
    "Shape-fixed": _entry("n", 4, start=1),
    "Shape-static": _entry(2, 4, start=0),
    "Shape-middle": _entry(1, "h", 4, start=1),
    "Shape-open": _entry(None, 4, start=0),
    "Shape-computed": _of_computed("Shape"),
    "ArgMax": _arg("ArgMax"),
    "ArgMin": _arg("ArgMin"),
    "plus-nothing": _plus_nothing,
    **{name: _compared(name) for name in "Equal Greater GreaterOrEqual Less LessOrEqual".split()},
    **{name: _logical(name, 2) for name in ("And", "Or", "Xor")},
    "Not": _logical("Not", 1),
    "IsNaN": _tested("IsNaN"),
    "IsInf": _tested("IsInf"),
}
