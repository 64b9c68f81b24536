"""Words of weight trees in TensorFlow graphs: other element types, shapes, integers and flags."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.cases.tensorflow.builder import Dtype, GraphBuilder
from pytest_amct.cases.tensorflow.steps import exact, moves, node
from pytest_amct.cases.trees import FLOATS, Maker, Spec, Step, is_float

_INT = Dtype("int32")


def _cast(dtype: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        fits = moves(s) and s.dtype != dtype
        made = node("Cast", "", SrcT=Dtype(dtype), DstT=Dtype(s.dtype))
        return Step((Spec(s.shape, dtype),), made) if fits else None

    return maker


def _cast_exact(s: Spec) -> Step | None:
    fits = s.values is not None and s.dtype == "int32"
    made = node("Cast", "", SrcT=Dtype("float32"), DstT=_INT)
    return Step((s._replace(dtype="float32"),), made) if fits else None


def _plus_nothing(s: Spec) -> Step | None:
    """Add 0 times a number to exact values."""
    kind = {"T": Dtype(s.dtype)}

    def make(g: GraphBuilder, x: list[str]) -> str:
        nothing = g.node("Mul", [x[1], g.values(s.dtype, [0], ())], kind)
        return g.node("AddV2", [x[0], nothing], kind)

    fits = s.values is not None and s.dtype in ("int32", *FLOATS)
    return Step((s, Spec((), s.dtype)), make) if fits else None


def _ranged(s: Spec) -> Step | None:
    """Return a copy that is stored in 8 bits in between; the ends of their range are operands."""

    def make(g: GraphBuilder, x: list[str]) -> str:
        made = g.node("QuantizeV2", x, {"T": Dtype("qint8")})
        given = {"T": Dtype("qint8"), "mode": "SCALED", "dtype": Dtype(s.dtype)}
        return g.node("Dequantize", [made, f"{made}:1", f"{made}:2"], given)

    ends = (exact([-1.0], (), "float32"), exact([1.0], (), "float32"))
    return Step((s, *ends), make) if s.dtype == "float32" and s.values is None else None


def _faked_by_channel(s: Spec) -> Step | None:
    fits = s.dtype == "float32" and s.values is None and len(s.shape) in (1, 2, 4)
    if not fits:
        return None
    ends = [exact([n] * s.shape[-1], None, "float32") for n in (-1.0, 1.0)]
    return Step((s, *ends), node("FakeQuantWithMinMaxVarsPerChannel", ""))


def _quantized(s: Spec) -> Step | None:
    def make(g: GraphBuilder, x: list[str]) -> str:
        ends = [g.values("float32", [n], ()) for n in (-1.0, 1.0)]
        made = g.node("QuantizeV2", [x[0], *ends], {"T": Dtype("qint8")})
        given = {"T": Dtype("qint8"), "mode": "SCALED", "dtype": Dtype(s.dtype)}
        return g.node("Dequantize", [made, f"{made}:1", f"{made}:2"], given)

    return Step((s,), make) if s.dtype == "float32" and s.values is None else None


def _faked(op: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        ends = [exact([n], (), "float32") for n in (-1.0, 1.0)]
        more = ends if op == "FakeQuantWithMinMaxVars" else []
        fits = s.dtype == "float32" and s.values is None
        return Step((s, *more), node(op, "")) if fits else None

    return maker


def _requantized(s: Spec) -> Step | None:
    ends = (exact([-1.0], (), s.dtype), exact([1.0], (), s.dtype))
    fits = is_float(s) and s.dtype != "float16"
    return Step((s, *ends), node("QuantizeAndDequantizeV2", s.dtype)) if fits else None


def _one_hot(s: Spec) -> Step | None:
    if not is_float(s) or len(s.shape) < 2:
        return None
    operands = (Spec(s.shape[:-1], "int32"), exact(s.shape[-1:], ()), s.of(), s.of())
    return Step(operands, node("OneHot", s.dtype, TI=_INT))


def _lines(s: Spec) -> Step | None:
    fits = is_float(s) and len(s.shape) == 1 and s.dtype != "float16"
    made = node("LinSpace", s.dtype, Tidx=_INT)
    return Step((s.of(), s.of(), exact(s.shape, ())), made) if fits else None


def _range(s: Spec) -> Step | None:
    fits = s.dtype in ("float32", "float64") and s.values is None and len(s.shape) == 1
    if not fits:
        return None
    operands = [exact([n], (), s.dtype) for n in (0.0, float(s.shape[0]), 1.0)]
    return Step((*operands,), node("Range", "", Tidx=Dtype(s.dtype)))


def _filled(s: Spec) -> Step | None:
    """Return a filled tensor whose shape is that of another one."""

    def make(g: GraphBuilder, x: list[str]) -> str:
        sizes = g.node("Shape", x[:1], {"T": Dtype(s.dtype), "out_type": _INT})
        return g.node("Fill", [sizes, x[1]], {"T": Dtype(s.dtype), "index_type": _INT})

    return Step((s, s.of()), make) if is_float(s) and s.shape else None


def _shuffled(**seeds: int) -> Maker:
    def maker(s: Spec) -> Step | None:
        fits = is_float(s) and s.shape
        return Step((s,), node("RandomShuffle", s.dtype, **seeds)) if fits else None

    return maker


def _random(op: str, **seeds: int) -> Maker:
    def maker(s: Spec) -> Step | None:
        made = node(op, "", T=_INT, dtype=Dtype(s.dtype), **seeds)
        return Step((exact(s.shape),), made) if is_float(s) and s.shape else None

    return maker


def _number(s: Spec) -> bool:
    return s.values is None and s.dtype == "int32" and not s.shape


def _sized(op: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        made = node(op, "float32", **({} if op == "Rank" else {"out_type": _INT}))
        return Step((Spec((2, 3), "float32"),), made) if _number(s) else None

    return maker


def _size_of_input(first: int, op: str, entry: int = 0) -> Maker:
    """Return the size of a fed tensor, or one entry of its shape."""

    def make(g: GraphBuilder, x: list[str]) -> str:
        given = {"T": Dtype("float32"), "out_type": _INT}
        found = g.node(op, [g.input("float32", (first, 4))], given)
        if op == "Size":
            return found
        bounds = [g.values("int32", [n]) for n in (entry, entry + 1, 1)]
        strided = {"T": _INT, "Index": _INT, "shrink_axis_mask": 1}
        return g.node("StridedSlice", [found, *bounds], strided)

    return lambda s: Step((), make) if _number(s) else None


def _shape_of(s: Spec) -> Step | None:
    fits = s.values is None and s.dtype == "int32" and len(s.shape) == 1 and s.shape[0] < 6
    made = node("Shape", "float32", out_type=_INT)
    return Step((Spec((2,) * s.shape[0], "float32"),), made) if fits else None


def _arg(op: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        fits = s.values is None and s.dtype == "int32" and len(s.shape) < 5
        made = node(op, "float32", Tidx=_INT, output_type=_INT)
        return Step((Spec((2, *s.shape), "float32"), exact([0], ())), made) if fits else None

    return maker


def _flag(op: str, *dtypes: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        if s.dtype != "bool" or s.values is not None:
            return None
        operands = tuple(Spec(s.shape, dtype) for dtype in dtypes)
        return Step(operands, node(op, "float32" if dtypes[0] == "float32" else ""))

    return maker


TYPED: Mapping[str, Maker] = {
    **{
        f"Cast-{dtype}": _cast(dtype)
        for dtype in ("float64", "float32", "float16", "int32", "bool")
    },
    "Cast-exact": _cast_exact,
    "plus-nothing": _plus_nothing,
    "Dequantize": _quantized,
    **{op: _faked(op) for op in ("FakeQuantWithMinMaxArgs", "FakeQuantWithMinMaxVars")},
    "FakeQuantWithMinMaxVarsPerChannel": _faked_by_channel,
    "QuantizeV2": _ranged,
    "QuantizeAndDequantizeV2": _requantized,
    "OneHot": _one_hot,
    "LinSpace": _lines,
    "Range": _range,
    "Fill-shape": _filled,
    "RandomShuffle": _shuffled(),
    "RandomShuffle-seed": _shuffled(seed=7),
    "RandomUniform-of": _random("RandomUniform"),
    "RandomUniform-of-seed": _random("RandomUniform", seed2=7),
    **{op: _sized(op) for op in ("Size", "Rank")},
    "Size-symbolic": _size_of_input(-1, "Size"),
    "Size-static": _size_of_input(2, "Size"),
    "Shape-symbolic": _size_of_input(-1, "Shape"),
    "Shape-fixed": _size_of_input(-1, "Shape", 1),
    "Shape-static": _size_of_input(2, "Shape"),
    "Shape": _shape_of,
    **{op: _arg(op) for op in ("ArgMax", "ArgMin")},
    **{
        op: _flag(op, "float32", "float32")
        for op in "Equal Greater GreaterEqual Less LessEqual NotEqual".split()
    },
    **{op: _flag(op, "float32") for op in ("IsFinite", "IsInf", "IsNan")},
    **{op: _flag(op, "bool", "bool") for op in ("LogicalAnd", "LogicalOr")},
    "LogicalNot": _flag("LogicalNot", "bool"),
}
