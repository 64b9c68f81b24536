"""What a case's model may hold besides: branches of their own that touch no other."""

from __future__ import annotations

from collections.abc import Callable

from pytest_amct.cases.onnx.builder import NUMBERS, GraphBuilder
from pytest_amct.cases.onnx.sources import build_source


def add_extra(name: str, graph: GraphBuilder) -> None:
    """Add the branch of that name; names that concern the focal layer itself are no branches."""
    if name in _EXTRAS:
        _EXTRAS[name](graph)


def _to(g: GraphBuilder, data: str, dtype: str) -> str:
    return g.node("Cast", [data], {"to": NUMBERS[dtype]})


def _typed_input(dtype: str) -> Callable[[GraphBuilder], None]:
    def add(g: GraphBuilder) -> None:
        g.output(g.node("Identity", [_to(g, g.input(dtype, (4, 32)), "float32")]), "float32")

    return add


def _float16_weight(source: str) -> Callable[[GraphBuilder], None]:
    def add(g: GraphBuilder) -> None:
        data = _to(g, g.input("float32", (4, 32)), "float16")
        weight = build_source(source, g, (32, 32), "float16")
        g.output(_to(g, g.node("MatMul", [data, weight]), "float32"), "float32")

    return add


def _conv_weight(g: GraphBuilder) -> None:
    data = _to(g, g.input("float32", (1, 32, 4, 4)), "float16")
    kernel = {"kernel_shape": [1, 1], "dilations": [1, 1], "group": 1}
    conv = g.node("Conv", [data, g.initializer((32, 32, 1, 1), "float16")], kernel)
    g.output(_to(g, conv, "float32"), "float32")


def _unread(g: GraphBuilder) -> None:
    g.input("float16", (4, 32))


def _bias(g: GraphBuilder) -> None:
    data = g.node("Sin", [g.input("float32", (1, 32, 4, 4))])
    weight = g.initializer((32, 32, 1, 1), "float32")
    bias = _to(g, g.initializer((32,), "float16"), "float32")
    kernel = {"kernel_shape": [1, 1], "dilations": [1, 1], "group": 1}
    g.output(g.node("Conv", [data, weight, bias], kernel), "float32")


def _scalar(g: GraphBuilder) -> None:
    data = _to(g, g.input("float32", (4, 32)), "float16")
    scaled = g.node("Mul", [data, g.initializer((), "float16")])
    g.output(_to(g, scaled, "float32"), "float32")


def _between(g: GraphBuilder) -> None:
    data = _to(g, g.input("float32", (4, 32)), "float16")
    g.output(_to(g, g.node("Sin", [data]), "float32"), "float32")


def _output(g: GraphBuilder) -> None:
    data = g.node("Sin", [g.input("float32", (4, 32))])
    g.output(_to(g, data, "float16"), "float16")


def _stored(g: GraphBuilder) -> None:
    weight = _to(g, g.initializer((32, 32), "float16"), "float32")
    g.output(g.node("MatMul", [g.input("float32", (4, 32)), weight]), "float32")


def _clutter(g: GraphBuilder) -> None:
    data = g.input("float32", (4, 32))
    g.output(g.node("Cos", [g.node("Sin", [data])]), "float32")


def _tail(g: GraphBuilder) -> None:
    data = g.node("Sin", [g.input("float32", (4, 32))])
    data = g.node("MatMul", [data, g.initializer((32, 32), "float32")])
    g.output(g.node("Cos", [g.node("Relu", [data])]), "float32")


_EXTRAS: dict[str, Callable[[GraphBuilder], None]] = {
    "float16-input": _typed_input("float16"),
    "bfloat16-input": _typed_input("bfloat16"),
    "float64-input": _typed_input("float64"),
    "int64-input": _typed_input("int64"),
    "float16-weight": _float16_weight("initializer"),
    "float16-conv-weight": _conv_weight,
    "float16-weight-constant": _float16_weight("constant"),
    "float16-weight-transposed": _float16_weight("transpose"),
    "float16-unread": _unread,
    "float16-bias": _bias,
    "float16-scalar": _scalar,
    "float16-between": _between,
    "float16-output": _output,
    "float16-stored": _stored,
    "clutter": _clutter,
    "tail": _tail,
}
