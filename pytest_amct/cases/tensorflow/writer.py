"""The writer of TensorFlow graphs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from pytest_amct.cases.naming import style_of
from pytest_amct.cases.plan import Branch, Built, ModelPlan, Placed, Plan
from pytest_amct.cases.tensorflow.builder import Dtype, Function, GraphBuilder
from pytest_amct.cases.tensorflow.extras import add_branch
from pytest_amct.cases.tensorflow.language import build_weight
from pytest_amct.cases.tensorflow.operators import call, cast, identity, reshape, strided_slice
from pytest_amct.cases.tensorflow.sizes import (
    PADDED,
    SIZED,
    Shape,
    channels_first,
    result_shape,
)
from pytest_amct.cases.tensorflow.sources import FED_BY, build_source
from pytest_amct.cases.writing import Made, operands
from pytest_amct.request_options import RequestOptions

_INT = Dtype("int32")


class Writer:
    """A writer of one graph, see `ModelWriter`."""

    def __init__(self, model: ModelPlan) -> None:
        self.model = model
        self.g = GraphBuilder()
        self.g.device = "/device:CPU:0" if "device" in model.switches else ""
        self.g.reversed = "reversed" in model.switches
        self.g.style, self.g.typed = style_of(model.switches), "typed" in model.switches
        self.g.ports = "ports" in model.switches
        self.dtype = "float16" if "all-float16" in model.switches else "float32"
        self.weights: dict[tuple[object, ...], str] = {}
        #: functions that contain a layer, by the layer's name
        self.functions: dict[str, Held] = {}

    def fed(self, plan: Plan) -> str:
        shape = plan.data
        if plan.form in FED_BY:
            return build_source(FED_BY[plan.form], self.g, shape, plan.dtype)
        if plan.form == "unranked":
            return self.g.input(plan.dtype, None)
        if plan.symbolic_batch and not _summed_up(plan):
            shape = (-1, *shape[1:])
        fed = self.g.input(plan.fed_as or plan.dtype, shape)
        return cast(self.g, fed, plan.fed_as, plan.dtype) if plan.fed_as else fed

    def input(self, plan: Plan) -> str:
        return self.g.input(plan.dtype, plan.data)

    def neutral(self, plan: Plan, data: str, first: bool) -> str:
        return neutral(self.g, plan.dtype, data, first)

    def quantizable(self, plan: Plan, data: str, first: bool) -> str:
        if plan.dtype == "int64":  # no convolution accepts int64
            return self.neutral(plan, data, True) if first else data
        shape, give = (plan.data, 0) if first else (result_shape(plan), 32)
        return quantizable(self.g, plan.dtype, data, shape, channels_first(plan), give)

    def layer(self, plan: Plan, data: str, second: Callable[[], str], name: str = "") -> Made:
        g, key = self.g, (plan.weight, plan.source, plan.dtype)
        shared = self.weights.get(key, "") if self.model.shared else ""
        if plan.form == "resized":  # its type is that of its data; its result is always Float32
            sizes = g.values("int32", plan.data[1:3])
            data = g.node("ResizeBilinear", [data, sizes], {"T": Dtype(plan.dtype)})
            data = data if plan.dtype == "float32" else cast(g, data, "float32", plan.dtype)
        if plan.form == "no-type-convolved":
            data = quantizable(g, plan.dtype, data, plan.data, channels_first(plan))
        inputs = layer_inputs(g, plan, data, second, shared)
        if plan.weight is not None:
            self.weights[key] = inputs[-1 if plan.type in PADDED else 1]
        control = ["^" + g.input(self.dtype, (4,))] if "control" in plan.around else []
        result, target = self._placed(plan, [*inputs, *control], len(inputs), name)

        def again(data: str) -> str:
            return target_layer(g, plan, with_data(plan, inputs, data))

        return Made(result, target, target, again)

    def _placed(self, plan: Plan, inputs: list[str], arity: int, name: str) -> tuple[str, str]:
        """Add the layer where its plan puts it. Return the result there, and the layer's name."""
        g = self.g
        if not plan.inside:
            result = target_layer(g, plan, inputs)
            return result, result
        if plan.inside == "if-many":
            inputs, arity = _among_constants(g, plan, inputs, arity)
        new = _hold_in_loop if plan.inside == "while" else hold
        held = self.functions.get(name) or new(g, plan, arity)
        self.functions[name] = held  # identical layers share one function
        if plan.inside == "call":
            return call(g, held.function, inputs, held.takes, plan.dtype), held.target
        if plan.inside == "function":
            return g.node(held.function, inputs), held.target
        if plan.inside == "nested":
            return call(g, _calling(g, plan, held), inputs, held.takes, plan.dtype), held.target
        if plan.inside == "while":
            return _while(g, plan, held, inputs), held.target
        return _if(g, plan, held, inputs), held.target

    def behind(self, plan: Plan, result: str) -> str:
        g, dtype = self.g, plan.dtype
        channels = result_shape(plan)[1 if channels_first(plan) else -1]
        if "bias-add" in plan.around:
            layout = "NCHW" if channels_first(plan) else "NHWC"
            inputs = [result, g.constant((channels,), dtype)]
            result = g.node("BiasAdd", inputs, {"T": Dtype(dtype), "data_format": layout})
        if "bias-plus" in plan.around:
            result = g.node("Add", [result, g.constant((channels,), dtype)], {"T": Dtype(dtype)})
        if "relu" in plan.around:
            result = g.node("Relu", [result], {"T": Dtype(dtype)})
        return identity(g, dtype, result) if "identity" in plan.around else result

    def give(self, plan: Plan, result: str) -> None:
        if "at-output" not in plan.around:
            self.neutral(plan, result, False)

    def control(self) -> str:
        g, shape, dtype = self.g, (1, 4, 4, 32), self.dtype
        made = quantizable(g, dtype, neutral(g, dtype, g.input(dtype, shape), True), shape)
        neutral(g, dtype, made, False)
        return made

    def branch(self, branch: Branch) -> None:
        add_branch(branch, self.g)

    def fitted(self, data: str, maker: Placed, made: Plan, plan: Plan) -> str:
        g, dtype = self.g, plan.dtype
        if made.dtype != dtype:
            data = cast(g, data, made.dtype, dtype)
        shape, wanted = result_shape(made), plan.data
        if shape == wanted and not made.symbolic_batch:
            return data
        least, needed = prod(shape[1:] if made.symbolic_batch else shape), prod(wanted)
        if made.symbolic_batch or least != needed:
            data = reshape(g, data, dtype, (-1,))
            if least < needed:
                times = g.values("int32", [-(-needed // least)])
                given = {"T": Dtype(dtype), "Tmultiples": Dtype("int32")}
                data = g.node("Tile", [data, times], given)
            data = strided_slice(g, data, dtype, needed)
        return reshape(g, data, dtype, wanted)

    def built(self, target: tuple[str, ...], options: RequestOptions) -> Built:
        return Built(self.g.serialize(), target, options, framework="tensorflow")


def _summed_up(plan: Plan) -> bool:
    """Return whether the matrix product sums over the data's first dimension, not a batch."""
    turned = plan.attributes.get("transpose_a") or plan.attributes.get("adj_x")
    return (bool(turned) and len(plan.data) == 2) or plan.form == "constant-first"


def neutral(g: GraphBuilder, dtype: str, data: str, first: bool, name: str = "") -> str:
    """Add an operator that no quantizer touches, and return its result."""
    ops = ("Abs", "Neg") if dtype == "int64" else ("Sin", "Cos")
    return g.node(ops[not first], [data], {"T": Dtype(dtype)}, name)


def quantizable(
    g: GraphBuilder, dtype: str, data: str, shape: Shape, first: bool = False, give: int = 0
) -> str:
    """Add a layer that is quantizable without doubt, and return its result.

    Its data has that `shape`, with the channels right after the batch (`first`) or last. Its
    result has `give` channels, by default as many as its data.
    """
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


# --- the target ------------------------------------------------------------------------------


def layer_inputs(
    g: GraphBuilder, plan: Plan, data: str, second: Callable[[], str], weight: str = ""
) -> list[str]:
    """Return the target's inputs; `second` adds the data for its second operand.

    `weight` is the name of an existing weight; ``""`` adds the plan's own weight.
    """
    if plan.second:
        found = operands(plan, data, second, lambda shape: g.constant(shape, plan.dtype))
        return [*found, *(g.values(dtype, values, ()) for dtype, values in plan.extra)]
    extra = [g.values(dtype, values) for dtype, values in plan.extra]
    if plan.weight is None:
        return [data, *extra]
    if plan.form == "constant-first":
        return [g.constant(plan.data, plan.dtype), data]
    weight = weight or build_weight(plan.source, g, plan.weight, plan.dtype)
    if plan.type in SIZED:
        return [_input_sizes(g, plan, data), weight, data]
    if plan.type in PADDED:
        sizes = [g.values("int32", plan.data[1:3])] if "Resize" in plan.type else []
        return [data, *sizes, g.values("int32", [0] * 8, (4, 2)), weight]
    return [data, weight, *extra]


def with_data(plan: Plan, inputs: list[str], data: str) -> list[str]:
    """Return the inputs with other data."""
    at = 2 if plan.type in SIZED else 0
    return [*inputs[:at], data, *inputs[at + 1 :]]


def _input_sizes(g: GraphBuilder, plan: Plan, data: str) -> str:
    """Return the first input of a transposed convolution: the shape of its result."""
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


def target_layer(g: GraphBuilder, plan: Plan, inputs: list[str], name: str = "") -> str:
    """Add the target layer, and return its name."""
    return g.node(plan.type, inputs, {**_types(plan), **plan.attributes}, name)


def _types(plan: Plan) -> dict[str, Dtype]:
    names = {"BatchMatMulV3": ("Ta", "Tb", "Tout"), "SparseMatMul": ("Ta", "Tb")}
    found = () if plan.form.startswith("no-type") else names.get(plan.type, ("T",))
    return dict.fromkeys(found, Dtype(plan.dtype))


@dataclass(frozen=True, slots=True)
class Held:
    """A function that contains a layer, the types of its inputs, and the layer's name in it."""

    function: Function
    takes: tuple[str, ...]
    target: str


def hold(g: GraphBuilder, plan: Plan, arity: int) -> Held:
    """Put the target, which has `arity` inputs, into a new function."""
    own = range(1, arity, 2) if plan.inside == "if-many" else range(arity)
    sizes = own[0] if plan.type in SIZED else None
    takes = tuple("int32" if i == sizes else plan.dtype for i in range(arity))
    body = g.nested()
    target = target_layer(body, plan, [f"x{i}" for i in own], g.name("f"))
    return Held(g.function(takes, {target: plan.dtype}, body), takes, target)


def _among_constants(
    g: GraphBuilder, plan: Plan, inputs: list[str], arity: int
) -> tuple[list[str], int]:
    """Put a constant before and after each input of a layer. Return them, and their number."""
    one = g.values(plan.dtype, [1.0], ())
    found = [one, *(name for given in inputs[:arity] for name in (given, one))]
    return [*found, *inputs[arity:]], len(found)


def _calling(g: GraphBuilder, plan: Plan, held: Held) -> Function:
    """Return a new function that calls the one with the layer."""
    body = g.nested()
    types = {"Tin": [Dtype(t) for t in held.takes], "Tout": [Dtype(plan.dtype)]}
    inputs = [f"x{i}" for i in range(len(held.takes))]
    given = body.node("PartitionedCall", inputs, {**types, "f": held.function}, g.name("f"))
    return g.function(held.takes, {given: plan.dtype}, body)


def _hold_in_loop(g: GraphBuilder, plan: Plan, arity: int) -> Held:
    """Put the target into a new body of a loop.

    The loop carries a number that is counted down, what the layer takes, and its result.
    """
    sized = plan.type in SIZED
    given = ("int32" if i == 0 and sized else plan.dtype for i in range(arity))
    takes = ("int32", *given, plan.dtype)
    body = g.nested()
    one = body.values("int32", [1], ())
    less = body.node("Sub", ["x0", f"{one}:output:0"], {"T": _INT}, g.name("f"))
    inputs = [f"x{i}" for i in range(1, arity + 1)]
    target = target_layer(body, plan, inputs, g.name("f"))
    kept = dict(zip(inputs, takes[1:], strict=False))
    gives = {less: "int32", **kept, target: plan.dtype}
    return Held(g.function(takes, gives, body), takes, target)


def _while(g: GraphBuilder, plan: Plan, held: Held, inputs: list[str]) -> str:
    """Run the body of a loop as long as a number is greater than 0."""
    goes_on = g.nested()
    zero = goes_on.values("int32", [0], ())
    more = goes_on.node("Greater", ["x0", f"{zero}:output:0"], {"T": _INT}, g.name("f"))
    given = {
        "T": [Dtype(t) for t in held.takes],
        "cond": g.function(held.takes, {more: "bool"}, goes_on),
        "body": held.function,
    }
    filled = [g.values("int32", result_shape(plan)), g.values(plan.dtype, [0.0], ())]
    start = g.node("Fill", filled, {"T": Dtype(plan.dtype), "index_type": _INT})
    last = len(held.takes) - 1
    carried = [g.values("int32", [1], ()), *inputs[: last - 1], start, *inputs[last - 1 :]]
    return g.node("StatelessWhile", carried, given) + f":{last}"


def _if(g: GraphBuilder, plan: Plan, held: Held, inputs: list[str]) -> str:
    at = 2 if plan.type in SIZED else 0
    other, data = g.nested(), f"x{2 * at + 1 if plan.inside == 'if-many' else at}"
    otherwise = neutral(other, plan.dtype, data, True, g.name("f"))
    branches = {
        "then_branch": held.function,
        "else_branch": g.function(held.takes, {otherwise: plan.dtype}, other),
    }
    types = {"Tin": [Dtype(t) for t in held.takes], "Tout": [Dtype(plan.dtype)]}
    given = {"Tcond": Dtype("bool"), **types, **branches}
    return g.node("StatelessIf", [g.input("bool", ()), *inputs], given)
