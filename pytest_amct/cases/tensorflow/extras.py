"""Disconnected extra branches that the graph of a case may contain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pytest_amct.cases.plan import Branch
from pytest_amct.cases.tensorflow.builder import Dtype, GraphBuilder
from pytest_amct.cases.tensorflow.operators import call, cast, identity, iterator
from pytest_amct.cases.tensorflow.sources import build_source

F32, F16 = "float32", "float16"
_F32, _F16 = {"T": Dtype(F32)}, {"T": Dtype(F16)}
_SHAPE = (4, 32)

_CONV = {"strides": [1] * 4, "padding": "VALID", "dilations": [1] * 4, "data_format": "NHWC"}


def add_branch(branch: Branch, graph: GraphBuilder) -> None:
    """Add a branch to the model."""
    _BRANCHES[branch](graph)


def _typed_input(dtype: str) -> Callable[[GraphBuilder], None]:
    return lambda g: _used(g, g.input(dtype, _SHAPE), dtype)


def _used(g: GraphBuilder, data: str, dtype: str) -> None:
    identity(g, F32, cast(g, data, dtype, F32))


def _data(g: GraphBuilder, dtype: str, *shape: int) -> str:
    return cast(g, g.input(F32, shape or _SHAPE), F32, dtype)


def _half_data(g: GraphBuilder, *shape: int) -> str:
    return _data(g, F16, *shape)


def _default(g: GraphBuilder) -> None:
    _used(g, build_source("input-default", g, _SHAPE, F16), F16)


def _iterator(g: GraphBuilder) -> None:
    _used(g, iterator(g, F16, _SHAPE), F16)


def _controls(g: GraphBuilder) -> None:
    identity(g, F32, g.input(F32, _SHAPE), "^" + g.input(F16, _SHAPE))


def _weight(source: str, dtype: str = F16) -> Callable[[GraphBuilder], None]:
    def add(g: GraphBuilder) -> None:
        weight = build_source(source, g, (32, 32), dtype)
        data = _data(g, dtype)
        made = g.node("MatMul", [data, weight], {"T": Dtype(dtype)})
        identity(g, F32, cast(g, made, dtype, F32))

    return add


def _turned_weight(g: GraphBuilder) -> None:
    given = {**_F16, "transpose_a": True}
    made = g.node("MatMul", [_half_data(g, 32, 4), g.constant((32, 32), F16)], given)
    identity(g, F32, cast(g, made, F16, F32))


def _deep_weight(g: GraphBuilder) -> None:
    inputs = [_half_data(g, 1, 4, 32), g.constant((1, 32, 32), F16)]
    identity(g, F32, cast(g, g.node("BatchMatMulV2", inputs, _F16), F16, F32))


def _dilated_weight(g: GraphBuilder) -> None:
    inputs = [_half_data(g, 1, 4, 4, 4, 32), g.constant((1, 1, 1, 32, 32), F16)]
    given = {"strides": [1] * 5, "padding": "VALID", "dilations": [1, 2, 1, 1, 1]}
    made = g.node("Conv3D", inputs, {**_F16, **given})
    identity(g, F32, cast(g, made, F16, F32))


def _weight_at_port(g: GraphBuilder) -> None:
    """Add a layer that reads its weight by the node's name and the port."""
    weight = g.constant((32, 32), F16)
    made = g.node("MatMul", [_half_data(g), f"{weight}:0"], _F16)
    identity(g, F32, cast(g, made, F16, F32))


def _argument(g: GraphBuilder) -> None:
    given = {"T": Dtype(F16), "index": 0, "_output_shapes": [_SHAPE]}
    _used(g, g.node("_Arg", [], given), F16)


def _weight_in_call(g: GraphBuilder) -> None:
    body = g.nested()
    made = body.node("MatMul", ["x0", "x1"], _F16, g.name("f"))
    function = g.function([F16, F16], {made: F16}, body)
    inputs = [_half_data(g), g.constant((32, 32), F16)]
    identity(g, F32, cast(g, call(g, function, inputs, [F16, F16], F16), F16, F32))


def _conv_weight(g: GraphBuilder) -> None:
    inputs = [_half_data(g, 1, 4, 4, 32), g.constant((1, 1, 32, 32), F16)]
    identity(g, F32, cast(g, g.node("Conv2D", inputs, {**_F16, **_CONV}), F16, F32))


def _depthwise_weight(g: GraphBuilder) -> None:
    inputs = [_half_data(g, 1, 4, 4, 32), g.constant((1, 1, 32, 1), F16)]
    made = g.node("DepthwiseConv2dNative", inputs, {**_F16, **_CONV})
    identity(g, F32, cast(g, made, F16, F32))


def _volume_weight(g: GraphBuilder) -> None:
    inputs = [_half_data(g, 1, 4, 4, 4, 32), g.constant((1, 1, 1, 32, 32), F16)]
    given = {"strides": [1] * 5, "padding": "VALID", "dilations": [1] * 5}
    made = g.node("Conv3D", inputs, {**_F16, **given, "data_format": "NDHWC"})
    identity(g, F32, cast(g, made, F16, F32))


def _batch_weight(g: GraphBuilder) -> None:
    inputs = [_half_data(g, 1, 4, 32), g.constant((32, 32), F16)]
    made = g.node("BatchMatMulV2", inputs, {**_F16, "adj_x": False, "adj_y": False})
    identity(g, F32, cast(g, made, F16, F32))


def _weight_before_bias(g: GraphBuilder) -> None:
    made = g.node("MatMul", [_half_data(g), g.constant((32, 32), F16)], _F16)
    inputs = [cast(g, made, F16, F32), g.constant((32,), F32)]
    g.node("BiasAdd", inputs, {**_F32, "data_format": "NHWC"})


def _input_of_call(g: GraphBuilder) -> None:
    body = g.nested()
    given = body.node("Cast", ["x0"], {"SrcT": Dtype(F16), "DstT": Dtype(F32)}, g.name("f"))
    function = g.function([F16], {given: F32}, body)
    identity(g, F32, call(g, function, [g.input(F16, _SHAPE)], [F16], F32))


def _input_of_shape(g: GraphBuilder) -> None:
    sizes = g.node("Shape", [g.input(F16, _SHAPE)], {**_F16, "out_type": Dtype("int32")})
    identity(g, F32, cast(g, sizes, "int32", F32))


def _scalar_input(g: GraphBuilder) -> None:
    _used(g, g.input(F16, ()), F16)


def _iterator_sync(g: GraphBuilder) -> None:
    _used(g, iterator(g, F16, _SHAPE, "IteratorGetNextSync"), F16)


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


_BRANCHES: Mapping[Branch, Callable[[GraphBuilder], None]] = {
    Branch("input", "float16"): _typed_input(F16),
    Branch("input", "bfloat16"): _typed_input("bfloat16"),
    Branch("input", "float64"): _typed_input("float64"),
    Branch("input", "int64"): _typed_input("int64"),
    Branch("input", "uint8"): _typed_input("uint8"),
    Branch("input-of-call", "float16"): _input_of_call,
    Branch("input-of-shape", "float16"): _input_of_shape,
    Branch("scalar-input", "float16"): _scalar_input,
    Branch("default", "float16"): _default,
    Branch("iterator-sync", "float16"): _iterator_sync,
    Branch("iterator", "float16"): _iterator,
    Branch("controls", "float16"): _controls,
    Branch("weight", "float16"): _weight("const"),
    Branch("weight-of-loop"): _weight("while", F32),
    Branch("weight", "bfloat16"): _weight("const", "bfloat16"),
    Branch("weight-values", "float16"): _weight("const-values"),
    Branch("weight-before-bias", "float16"): _weight_before_bias,
    Branch("depthwise-weight", "float16"): _depthwise_weight,
    Branch("volume-weight", "float16"): _volume_weight,
    Branch("batch-weight", "float16"): _batch_weight,
    Branch("weight-identity", "float16"): _weight("identity"),
    Branch("weight-cast", "float16"): _weight("cast"),
    Branch("weight-transposed", "float16"): _weight("transpose"),
    Branch("weight-in-call", "float16"): _weight_in_call,
    Branch("weight-split", "float16"): _weight("split"),
    Branch("weight-of-call", "float16"): _weight("call"),
    Branch("weight-at-port", "float16"): _weight_at_port,
    Branch("turned-weight", "float16"): _turned_weight,
    Branch("deep-weight", "float16"): _deep_weight,
    Branch("dilated-weight", "float16"): _dilated_weight,
    Branch("argument", "float16"): _argument,
    Branch("conv-weight", "float16"): _conv_weight,
    Branch("backprop-weight", "float16"): _backprop_weight,
    Branch("iterator-second", "float16"): _second_of_iterator,
    Branch("weight"): _plain_weight,
    Branch("unread-input", "float16"): _unread,
    Branch("bias", "float16"): _bias,
    Branch("scalar", "float16"): _scalar,
    Branch("between", "float16"): _between,
    Branch("output", "float16"): _output,
    Branch("stored", "float16"): _stored,
    Branch("clutter"): _clutter,
}

HOLDS: Sequence[Branch] = tuple(_BRANCHES)
"""All branches that there are."""
