"""What a case's graph may hold besides: branches of their own that touch no other."""

from __future__ import annotations

from collections.abc import Callable

from pytest_amct.cases.tensorflow.builder import Dtype, GraphBuilder
from pytest_amct.cases.tensorflow.sources import build_source, call, cast, identity, iterator

F32, F16 = "float32", "float16"
_F32, _F16 = {"T": Dtype(F32)}, {"T": Dtype(F16)}
_SHAPE = (4, 32)

_CONV = {"strides": [1] * 4, "padding": "VALID", "dilations": [1] * 4, "data_format": "NHWC"}


def add_extra(name: str, graph: GraphBuilder) -> None:
    """Add the branch of that name; names that concern the focal layer itself are no branches."""
    if name in _EXTRAS:
        _EXTRAS[name](graph)


def _typed_input(dtype: str) -> Callable[[GraphBuilder], None]:
    return lambda g: _used(g, g.input(dtype, _SHAPE), dtype)


def _used(g: GraphBuilder, data: str, dtype: str) -> None:
    identity(g, F32, cast(g, data, dtype, F32))


def _half_data(g: GraphBuilder, *shape: int) -> str:
    return cast(g, g.input(F32, shape or _SHAPE), F32, F16)


def _default(g: GraphBuilder) -> None:
    _used(g, build_source("input-default", g, _SHAPE, F16), F16)


def _iterator(g: GraphBuilder) -> None:
    _used(g, iterator(g, F16, _SHAPE), F16)


def _controls(g: GraphBuilder) -> None:
    identity(g, F32, g.input(F32, _SHAPE), "^" + g.input(F16, _SHAPE))


def _weight(source: str) -> Callable[[GraphBuilder], None]:
    def add(g: GraphBuilder) -> None:
        weight = build_source(source, g, (32, 32), F16)
        made = g.node("MatMul", [_half_data(g), weight], _F16)
        identity(g, F32, cast(g, made, F16, F32))

    return add


def _weight_in_call(g: GraphBuilder) -> None:
    body = g.nested()
    made = body.node("MatMul", ["x0", "x1"], _F16, g.name("f"))
    function = g.function([F16, F16], {made: F16}, body)
    inputs = [_half_data(g), g.constant((32, 32), F16)]
    identity(g, F32, cast(g, call(g, function, inputs, [F16, F16], F16), F16, F32))


def _conv_weight(g: GraphBuilder) -> None:
    inputs = [_half_data(g, 1, 4, 4, 32), g.constant((1, 1, 32, 32), F16)]
    identity(g, F32, cast(g, g.node("Conv2D", inputs, {**_F16, **_CONV}), F16, F32))


def _backprop_weight(g: GraphBuilder) -> None:
    sizes = g.values("int32", (1, 4, 4, 32))
    inputs = [sizes, g.constant((1, 1, 32, 32), F16), _half_data(g, 1, 4, 4, 32)]
    made = g.node("Conv2DBackpropInput", inputs, {**_F16, **_CONV})
    identity(g, F32, cast(g, made, F16, F32))


def _plain_weight(g: GraphBuilder) -> None:
    weight = g.constant((32, 32), F32)
    g.node("Cos", [g.node("MatMul", [g.input(F32, _SHAPE), weight], _F32)], _F32)


def _second_of_iterator(g: GraphBuilder) -> None:
    given = {"output_types": [Dtype(F32), Dtype(F16)], "output_shapes": [_SHAPE, _SHAPE]}
    handle = g.node("IteratorV2", [], {**given, "shared_name": "", "container": ""})
    found = g.node("IteratorGetNext", [handle], given)
    identity(g, F32, found)
    _used(g, f"{found}:1", F16)


def _unread(g: GraphBuilder) -> None:
    g.input(F16, _SHAPE)


def _bias(g: GraphBuilder) -> None:
    inputs = [g.input(F32, (1, 4, 4, 32)), g.constant((1, 1, 32, 32), F32)]
    made = g.node("Conv2D", inputs, {**_F32, **_CONV})
    bias = cast(g, g.constant((32,), F16), F16, F32)
    g.node("BiasAdd", [made, bias], {**_F32, "data_format": "NHWC"})


def _scalar(g: GraphBuilder) -> None:
    scaled = g.node("Mul", [_half_data(g), g.constant((), F16)], _F16)
    identity(g, F32, cast(g, scaled, F16, F32))


def _between(g: GraphBuilder) -> None:
    identity(g, F32, cast(g, g.node("Sin", [_half_data(g)], _F16), F16, F32))


def _output(g: GraphBuilder) -> None:
    cast(g, g.node("Sin", [g.input(F32, _SHAPE)], _F32), F32, F16)


def _stored(g: GraphBuilder) -> None:
    weight = cast(g, g.constant((32, 32), F16), F16, F32)
    g.node("Cos", [g.node("MatMul", [g.input(F32, _SHAPE), weight], _F32)], _F32)


def _clutter(g: GraphBuilder) -> None:
    g.node("Cos", [g.node("Sin", [g.input(F32, _SHAPE)], _F32)], _F32)


_EXTRAS: dict[str, Callable[[GraphBuilder], None]] = {
    "float16-input": _typed_input(F16),
    "bfloat16-input": _typed_input("bfloat16"),
    "float64-input": _typed_input("float64"),
    "int64-input": _typed_input("int64"),
    "float16-default": _default,
    "float16-iterator": _iterator,
    "float16-controls": _controls,
    "float16-weight": _weight("const"),
    "float16-weight-identity": _weight("identity"),
    "float16-weight-cast": _weight("cast"),
    "float16-weight-transposed": _weight("transpose"),
    "float16-weight-in-call": _weight_in_call,
    "float16-conv-weight": _conv_weight,
    "float16-backprop-weight": _backprop_weight,
    "float16-iterator-second": _second_of_iterator,
    "float32-weight": _plain_weight,
    "float16-unread": _unread,
    "float16-bias": _bias,
    "float16-scalar": _scalar,
    "float16-between": _between,
    "float16-output": _output,
    "float16-stored": _stored,
    "clutter": _clutter,
}
