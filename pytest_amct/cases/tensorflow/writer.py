"""Writes the graph of a case: producer, focal layer, consumer, and one plain layer beside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pytest_amct.cases.plan import ALL_FLOAT16, Built, Case, Plan
from pytest_amct.cases.requests import asked_of
from pytest_amct.cases.tensorflow.builder import Dtype, Function, GraphBuilder
from pytest_amct.cases.tensorflow.extras import add_extra
from pytest_amct.cases.tensorflow.sizes import (
    SIZED,
    Shape,
    channels_first,
    data_shape,
    result_shape,
)
from pytest_amct.cases.tensorflow.sources import build_source, call, cast, identity, strided_slice

_INT = Dtype("int32")


def build(case: Case) -> Built:
    """The graph of a case. Deterministic: the same bytes on every run and machine."""
    plan = case.plan
    g = builder(plan.beside)
    data = _producer(g, plan, fed_input(g, plan))
    inputs = layer_inputs(g, plan, data, lambda: _second_data(g, plan))
    result, focal = place(g, plan, inputs)
    if plan.form == "shared-weight":
        again = with_data(plan, inputs, _second_data(g, plan))
        _consumer(g, plan, focal_layer(g, plan, again))
    _consumer(g, plan, behind(g, plan, result))
    beside = companion(g, plan.beside)
    for name in plan.beside if ALL_FLOAT16 not in plan.beside else ():
        add_extra(name, g)
    asked = asked_of(plan, {"this": focal, "other": beside})
    return Built(g.serialize(), (focal,), asked, framework="tensorflow")


def builder(beside: tuple[str, ...]) -> GraphBuilder:
    """A builder, as the variations among `beside` want it."""
    g = GraphBuilder()
    g.device = "/device:CPU:0" if "device" in beside else ""
    g.reversed = "reversed" in beside
    return g


def fed_input(g: GraphBuilder, plan: Plan) -> str:
    """The Placeholder of a plan's data, cast to what the focal layer takes."""
    shape = data_shape(plan)
    if plan.symbolic_batch and not _summed_up(plan):
        shape = (-1, *shape[1:])
    fed = g.input(plan.fed_as or plan.dtype, shape)
    return cast(g, fed, plan.fed_as, plan.dtype) if plan.fed_as else fed


def _summed_up(plan: Plan) -> bool:
    """Whether the first dimension of the data is no batch, but that which a product sums up."""
    turned = plan.attributes.get("transpose_a") or plan.attributes.get("adj_x")
    return (bool(turned) and len(plan.data) == 2) or plan.form == "constant-first"


def neutral(g: GraphBuilder, dtype: str, data: str, first: bool, name: str = "") -> str:
    """An operator that no quantizer touches."""
    ops = ("Abs", "Neg") if dtype == "int64" else ("Sin", "Cos")
    return g.node(ops[not first], [data], {"T": Dtype(dtype)}, name)


def quantizable(
    g: GraphBuilder, dtype: str, data: str, shape: Shape, first: bool = False, give: int = 0
) -> str:
    """A layer that the tables plainly allow, on data of that shape; it gives `give` channels (as
    many as it takes). `first`: the channels stand behind the batch."""
    rank = len(shape)
    width = shape[1 if first else -1]
    weight = g.constant((*[1] * (rank - 2) * (rank > 3), width, give or width), dtype)
    given: dict[str, Any] = {"T": Dtype(dtype)}
    if rank == 2:
        given |= {"transpose_a": False, "transpose_b": False}
        return g.node("MatMul", [data, weight], given)
    if rank == 3:
        return g.node("BatchMatMulV2", [data, weight], {**given, "adj_x": False, "adj_y": False})
    given |= {"strides": [1] * rank, "dilations": [1] * rank, "padding": "VALID"}
    layouts = ("NCHW", "NHWC") if rank == 4 else ("NCDHW", "NDHWC")
    given["data_format"] = layouts[not first]
    return g.node("Conv2D" if rank == 4 else "Conv3D", [data, weight], given)


def _producer(g: GraphBuilder, plan: Plan, data: str) -> str:
    if "at-input" in plan.beside:
        return data
    if plan.context == "plain" or plan.dtype == "int64":  # which no convolution takes
        return neutral(g, plan.dtype, data, True)
    return quantizable(g, plan.dtype, data, data_shape(plan), channels_first(plan))


def _consumer(g: GraphBuilder, plan: Plan, result: str) -> None:
    if plan.context == "chain" and plan.dtype != "int64":
        first = channels_first(plan)
        result = quantizable(g, plan.dtype, result, result_shape(plan), first, 32)
    give(g, plan, result)


def give(g: GraphBuilder, plan: Plan, result: str) -> None:
    """Let nothing but an operator that no quantizer touches stand behind a result."""
    if "at-output" not in plan.beside:
        neutral(g, plan.dtype, result, False)


def companion(g: GraphBuilder, beside: tuple[str, ...] = ()) -> str:
    """A plainly quantizable layer on an input of its own, for tools that need one; its name."""
    shape, dtype = (1, 4, 4, 32), "float16" if ALL_FLOAT16 in beside else "float32"
    made = quantizable(g, dtype, neutral(g, dtype, g.input(dtype, shape), True), shape)
    neutral(g, dtype, made, False)
    return made


def _second_data(g: GraphBuilder, plan: Plan) -> str:
    return _producer(g, plan, g.input(plan.dtype, data_shape(plan)))


# --- the focal layer ------------------------------------------------------------------------------


def layer_inputs(
    g: GraphBuilder, plan: Plan, data: str, second: Callable[[], str], weight: str = ""
) -> list[str]:
    """What stands at the focal layer's inputs; `second` makes the data of the other operand.

    `weight` is one that exists already; without it the plan's own is made.
    """
    if plan.second:
        return _operands(g, plan, data, second)
    extra = [g.values(dtype, values) for dtype, values in plan.extra]
    if plan.weight is None:
        return [data, *extra]
    if plan.form == "constant-first":
        return [g.constant(data_shape(plan), plan.dtype), data]
    weight = weight or build_source(plan.source, g, plan.weight, plan.dtype)
    if plan.type in SIZED:
        return [_input_sizes(g, plan, data), weight, data]
    return [data, weight, *extra]


def with_data(plan: Plan, inputs: list[str], data: str) -> list[str]:
    """The same inputs with other data."""
    at = 2 if plan.type in SIZED else 0
    return [*inputs[:at], data, *inputs[at + 1 :]]


def _operands(g: GraphBuilder, plan: Plan, data: str, second: Callable[[], str]) -> list[str]:
    shapes: dict[str, Shape] = {"scalar": (), "vector": data_shape(plan)[-1:]}
    if plan.second == "same":
        return [data, data]
    if plan.second == "branch":
        return [data, second()]
    constant = g.constant(shapes.get(plan.second, data_shape(plan)), plan.dtype)
    return [constant, data] if plan.second == "constant-first" else [data, constant]


def _input_sizes(g: GraphBuilder, plan: Plan, data: str) -> str:
    """The shape that a transposed convolution gives, as its first input."""
    wanted = result_shape(plan)
    shape_of = {"T": Dtype(plan.dtype), "out_type": _INT}
    if plan.form == "sizes-input":
        return g.input("int32", (len(wanted),))
    if plan.form == "sizes-shape":
        return g.node("Shape", [g.input(plan.dtype, (-1, *wanted[1:]))], shape_of)
    if plan.form == "sizes-pack":  # as Keras does
        size = strided_slice(g, g.node("Shape", [data], shape_of), "int32", 1)
        batch = g.node("Squeeze", [size], {"T": _INT, "squeeze_dims": [0]})
        rest = [g.values("int32", [n], ()) for n in wanted[1:]]
        given = {"T": _INT, "N": len(wanted), "axis": 0}
        return g.node("Pack", [batch, *rest], given)
    return g.values("int32", wanted)


def focal_layer(g: GraphBuilder, plan: Plan, inputs: list[str], name: str = "") -> str:
    """The layer that the plan is about; its name."""
    return g.node(plan.type, inputs, {**_types(plan), **plan.attributes}, name)


def _types(plan: Plan) -> dict[str, Dtype]:
    names = {"BatchMatMulV3": ("Ta", "Tb", "Tout"), "SparseMatMul": ("Ta", "Tb")}
    found = () if plan.form == "no-type" else names.get(plan.type, ("T",))
    return dict.fromkeys(found, Dtype(plan.dtype))


@dataclass(frozen=True, slots=True)
class Held:
    """A function that holds a layer: the types that it takes, and the layer's name in it."""

    function: Function
    takes: tuple[str, ...]
    focal: str


def hold(g: GraphBuilder, plan: Plan, arity: int) -> Held:
    """Put the focal layer, which takes `arity` inputs, into a function of its own."""
    takes = tuple("int32" if i == 0 and plan.type in SIZED else plan.dtype for i in range(arity))
    body = g.nested()
    focal = focal_layer(body, plan, [f"x{i}" for i in range(arity)], g.name("f"))
    return Held(g.function(takes, {focal: plan.dtype}, body), takes, focal)


def place(
    g: GraphBuilder, plan: Plan, inputs: list[str], held: Held | None = None
) -> tuple[str, str]:
    """The focal layer where the plan wants it: what comes out of that, and the layer's name.

    `held` is a function that holds such a layer already.
    """
    waits_for = "float16" if ALL_FLOAT16 in plan.beside else "float32"
    control = ["^" + g.input(waits_for, (4,))] if "control" in plan.beside else []
    if not plan.inside:
        name = focal_layer(g, plan, [*inputs, *control])
        return name, name
    held = held or hold(g, plan, len(inputs))
    given = [*inputs, *control]
    if plan.inside == "call":
        return call(g, held.function, given, held.takes, plan.dtype), held.focal
    if plan.inside == "function":
        return g.node(held.function, given), held.focal
    return _if(g, plan, held, given), held.focal


def _if(g: GraphBuilder, plan: Plan, held: Held, inputs: list[str]) -> str:
    other, data = g.nested(), "x2" if plan.type in SIZED else "x0"
    otherwise = neutral(other, plan.dtype, data, True, g.name("f"))
    branches = {
        "then_branch": held.function,
        "else_branch": g.function(held.takes, {otherwise: plan.dtype}, other),
    }
    types = {"Tin": [Dtype(t) for t in held.takes], "Tout": [Dtype(plan.dtype)]}
    given = {"Tcond": Dtype("bool"), **types, **branches}
    return g.node("StatelessIf", [g.input("bool", ()), *inputs], given)


def behind(g: GraphBuilder, plan: Plan, result: str) -> str:
    """What stands right behind the focal layer."""
    dtype = plan.dtype
    channels = result_shape(plan)[1 if channels_first(plan) else -1]
    if "bias-add" in plan.beside:
        layout = "NCHW" if channels_first(plan) else "NHWC"
        inputs = [result, g.constant((channels,), dtype)]
        result = g.node("BiasAdd", inputs, {"T": Dtype(dtype), "data_format": layout})
    if "bias-plus" in plan.beside:
        result = g.node("Add", [result, g.constant((channels,), dtype)], {"T": Dtype(dtype)})
    if "relu" in plan.beside:
        result = g.node("Relu", [result], {"T": Dtype(dtype)})
    return identity(g, dtype, result) if "identity" in plan.beside else result
