"""Weight sources in ONNX models: one builder for each name in ``weights.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from onnx import helper

from pytest_amct.cases.onnx.builder import NUMBERS, GraphBuilder, value_info
from pytest_amct.cases.onnx.chains import AT_SHAPES, CHAIN_SOURCES, MOVED, through
from pytest_amct.cases.onnx.language import language
from pytest_amct.cases.onnx.special import SPECIAL
from pytest_amct.cases.onnx.storage import STORED
from pytest_amct.cases.trees import Spec
from pytest_amct.cases.values import count

Shape = tuple[int, ...]
_Source = Callable[[GraphBuilder, Shape, str], str]


def build_source(name: str, graph: GraphBuilder, shape: Shape, dtype: str) -> str:
    """Add a weight of that shape and dtype, and return its tensor name."""
    if name in _SOURCES:
        return _SOURCES[name](graph, shape, dtype)
    return language().build(name, graph, Spec(shape, dtype))


def _permutation(shape: Shape) -> list[int]:
    return list(range(len(shape)))[::-1]


def _transposed(g: GraphBuilder, shape: Shape, dtype: str, stored: str) -> str:
    return g.node("Transpose", [stored], {"perm": _permutation(shape)})


def _constant(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    return g.node("Constant", [], {"value": g.constant(shape, dtype)})


def _constant_of_shape(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    value = helper.make_tensor("v", NUMBERS[dtype], [1], [0.05])
    return g.node("ConstantOfShape", [g.values("int64", shape)], {"value": value})


def _reshape(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    flat = g.initializer((count(shape),), dtype)
    return g.node("Reshape", [flat, g.values("int64", shape)])


def _cast(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    wide = g.initializer(shape, "float32" if dtype == "float64" else "float64")
    return g.node("Cast", [wide], {"to": NUMBERS[dtype]})


def _dequantize(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    stored = g.initializer(shape, "int8")
    return g.node(
        "DequantizeLinear", [stored, g.values(dtype, [0.01], ()), g.values("int8", [0], ())]
    )


def _mul(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    return g.node("Mul", [g.initializer(shape, dtype), g.values(dtype, [1.5], ())])


def _concat(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    half = (shape[0] // 2, *shape[1:])
    return g.node("Concat", [g.initializer(half, dtype), g.initializer(half, dtype)], {"axis": 0})


def _halves(g: GraphBuilder, shape: Shape, whole: str) -> str:
    sizes = g.values("int64", [shape[0], shape[0]])
    return g.node("Split", [whole, sizes], {"axis": 0}, outputs=2)


def _five_hops(g: GraphBuilder, shape: Shape, dtype: str, stored: str) -> str:
    found = g.node("Identity", [stored])
    found = g.node("Reshape", [found, g.values("int64", shape[::-1])])
    found = _transposed(g, shape, dtype, found)
    found = g.node("Mul", [found, g.values(dtype, [1.5], ())])
    return g.node("Identity", [found])


def _sized(g: GraphBuilder, shape: Shape, dtype: str, first: int | str) -> str:
    """Add a constant scaled by the size of another input; it is dynamic if the size is symbolic."""
    size = g.node("Size", [g.input(dtype, [first, 4])])
    return g.node(
        "Mul", [g.initializer(shape, dtype), g.node("Cast", [size], {"to": NUMBERS[dtype]})]
    )


def _scaled(g: GraphBuilder, shape: Shape, dtype: str, number: str) -> str:
    return g.node("Mul", [g.initializer(shape, dtype), number])


def _first_size(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    """Add a constant scaled by one entry of another input's shape."""
    sizes = g.node("Shape", [g.input(dtype, ["n", 4])])
    first = g.node("Gather", [sizes, g.values("int64", [0], ())])
    return _scaled(g, shape, dtype, g.node("Cast", [first], {"to": NUMBERS[dtype]}))


def _filled(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    """Add a constant scaled by the mean of a filled tensor of another input's shape."""
    value = helper.make_tensor("v", NUMBERS[dtype], [1], [0.05])
    sizes = g.node("Shape", [g.input(dtype, ["n", 4])])
    filled = g.node("ConstantOfShape", [sizes], {"value": value})
    return _scaled(g, shape, dtype, g.node("ReduceMean", [filled], {"keepdims": 0}))


def _input_dequantize(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    given = g.input("int8", shape)
    return g.node(
        "DequantizeLinear", [given, g.values(dtype, [0.01], ()), g.values("int8", [0], ())]
    )


def _input_concat(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    half = (shape[0] // 2, *shape[1:])
    return g.node("Concat", [g.initializer(half, dtype), g.input(dtype, half)], {"axis": 0})


def _input_gather(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    rows = g.values("int64", range(shape[0]))
    return g.node("Gather", [g.input(dtype, (2 * shape[0], *shape[1:])), rows], {"axis": 0})


def _input_slice(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    bounds = [g.values("int64", [n]) for n in (0, shape[0], 0)]
    return g.node("Slice", [g.input(dtype, (2 * shape[0], *shape[1:])), *bounds])


def _input_expand(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    return g.node("Expand", [g.input(dtype, (1, *shape[1:])), g.values("int64", shape)])


def _ten_hops(g: GraphBuilder, shape: Shape, dtype: str, stored: str) -> str:
    return _five_hops(g, shape, dtype, _five_hops(g, shape, dtype, stored))


def _random(g: GraphBuilder, shape: Shape, dtype: str, **seed: float) -> str:
    return g.node("RandomNormal", [], {"shape": list(shape), "dtype": NUMBERS[dtype], **seed})


def _branch(g: GraphBuilder, shape: Shape, dtype: str, stored: str) -> Any:
    inner = g.nested()
    inner.output(inner.node("Identity", [stored]), dtype)
    return inner.graph


def _if(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    branches = {
        name: _branch(g, shape, dtype, g.initializer(shape, dtype))
        for name in ("then_branch", "else_branch")
    }
    return g.node("If", [g.values("bool", [1], ())], branches)


def _loop(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    body = g.nested()
    for dtype_, dims in (("int64", []), ("bool", []), (dtype, list(shape))):
        body.input(dtype_, dims)
    _, condition, carried = (info.name for info in body.graph.input)
    body.output(body.node("Identity", [condition]), "bool")
    body.output(body.node("Identity", [carried]), dtype)
    once = [g.values("int64", [1], ()), g.values("bool", [1], ())]
    return g.node("Loop", [*once, g.initializer(shape, dtype)], {"body": body.graph})


def _overridable(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    name = g.initializer(shape, dtype)
    g.graph.input.append(value_info(name, dtype, shape))
    return name


def _input_cast(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    narrow = "float32" if dtype == "float64" else "float64"
    return g.node("Cast", [g.input(narrow, shape)], {"to": NUMBERS[dtype]})


_SOURCES: dict[str, _Source] = {
    "initializer": lambda g, s, d: g.initializer(s, d),
    "constant": _constant,
    "constant-of-shape": _constant_of_shape,
    "identity": lambda g, s, d: g.node("Identity", [g.initializer(s, d)]),
    "transpose": lambda g, s, d: _transposed(g, s, d, g.initializer(s[::-1], d)),
    "identity-transpose": lambda g, s, d: g.node(
        "Identity", [_transposed(g, s, d, g.initializer(s[::-1], d))]
    ),
    "reshape": _reshape,
    "cast": _cast,
    "dropout": lambda g, s, d: g.node("Dropout", [g.initializer(s, d)]),
    "dequantize": _dequantize,
    "mul": _mul,
    "concat": _concat,
    "split": lambda g, s, d: _halves(g, s, g.initializer((2 * s[0], *s[1:]), d)),
    "five-hops": lambda g, s, d: _five_hops(g, s, d, g.initializer(s, d)),
    "input": lambda g, s, d: g.input(d, s),
    "input-identity": lambda g, s, d: g.node("Identity", [g.input(d, s)]),
    "input-transpose": lambda g, s, d: _transposed(g, s, d, g.input(d, s[::-1])),
    "input-cast": _input_cast,
    "input-split": lambda g, s, d: _halves(g, s, g.input(d, (2 * s[0], *s[1:]))),
    "input-mul": lambda g, s, d: g.node("Mul", [g.input(d, s), g.values(d, [1.5], ())]),
    "input-mul-second": lambda g, s, d: g.node("Mul", [g.initializer(s, d), g.input(d, s)]),
    "input-five-hops": lambda g, s, d: _five_hops(g, s, d, g.input(d, s)),
    "input-ten-hops": lambda g, s, d: _ten_hops(g, s, d, g.input(d, s)),
    "input-dequantize": _input_dequantize,
    "input-dropout": lambda g, s, d: g.node("Dropout", [g.input(d, s)]),
    "input-concat": _input_concat,
    "input-gather": _input_gather,
    "input-slice": _input_slice,
    "input-expand": _input_expand,
    "input-add": lambda g, s, d: g.node("Add", [g.initializer(s, d), g.input(d, s)]),
    "shape-symbolic": _first_size,
    "filled-symbolic": _filled,
    "shape-symbolic-moved": lambda g, s, d: through(MOVED, g, _first_size(g, s, d), s, d),
    "shape-symbolic-at-shapes": lambda g, s, d: through(AT_SHAPES, g, _first_size(g, s, d), s, d),
    "size-symbolic": lambda g, s, d: _sized(g, s, d, "n"),
    "size-static": lambda g, s, d: _sized(g, s, d, 2),
    "random": lambda g, s, d: _random(g, s, d),
    "random-uniform": lambda g, s, d: g.node(
        "RandomUniform", [], {"shape": list(s), "dtype": NUMBERS[d]}
    ),
    "random-like": lambda g, s, d: g.node("RandomNormalLike", [g.initializer(s, d)]),
    "random-like-seeded": lambda g, s, d: g.node(
        "RandomNormalLike", [g.initializer(s, d)], {"seed": 7.0}
    ),
    "random-seeded": lambda g, s, d: _random(g, s, d, seed=7.0),
    "if": _if,
    "loop": _loop,
    "foreign": lambda g, s, d: g.node("Gelu", [g.initializer(s, d)], domain="com.microsoft"),
    "overridable": _overridable,
    "left-out": lambda g, s, d: "",
    **STORED,
    **SPECIAL,
    **CHAIN_SOURCES,
}
