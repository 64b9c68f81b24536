"""Writes the ONNX model of a case: producer, focal layer, consumer, and one plain layer beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from onnx import FunctionProto, ModelProto, helper, shape_inference

from pytest_amct.cases.onnx.builder import NUMBERS, GraphBuilder, make_model
from pytest_amct.cases.onnx.extras import add_extra
from pytest_amct.cases.onnx.sources import build_source
from pytest_amct.cases.plan import ALL_FLOAT16, Built, Case, Plan
from pytest_amct.cases.requests import asked_of


def build(case: Case) -> Built:
    """The model of a case. Deterministic: the same bytes on every run and machine."""
    plan = case.plan
    g = GraphBuilder(named=plan.form != "unnamed")
    data = _producer(g, plan, fed_input(g, plan))
    inputs = layer_inputs(g, plan, data, lambda: _second_data(g, plan))
    if plan.inside == "if":
        result, focal = inside_if(g, plan, data, inputs)
    elif plan.inside == "function":
        result = g.node("Block", inputs, domain="local.block")
        focal = "y"
    else:
        result = focal = focal_layer(g, plan, inputs)
    named = {"this": g.graph.node[-1].name}
    if plan.form == "shared-weight":
        _consumer(g, plan, focal_layer(g, plan, [_second_data(g, plan), *inputs[1:]]))
    result = behind(g, plan, result)
    _consumer(g, plan, result)
    named["other"] = companion(g, plan.beside)
    for name in plan.beside if ALL_FLOAT16 not in plan.beside else ():
        add_extra(name, g)
    if plan.ir_version < 4:
        list_initializers(g)
    model = make_model(g.graph, plan.opset, plan.ir_version, domains_of(plan))
    model.functions.extend(functions_of(plan, len(inputs)))
    declare_outputs(model, {}, len(plan.data))
    asked = asked_of(plan, named)
    return Built(model.SerializeToString(deterministic=True), (focal,), asked)


def list_initializers(g: GraphBuilder) -> None:
    """Below ir_version 4 every initializer stands among the inputs, too."""
    listed = {info.name for info in g.graph.input}
    for tensor in g.graph.initializer:
        if tensor.name not in listed:
            info = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            g.graph.input.append(info)


def declare_outputs(model: ModelProto, ranks: Mapping[str, int], rank: int) -> None:
    """Give the outputs their shapes (the checker wants them), and nothing in between.

    Where no shape can be inferred, `ranks` says by name how many dimensions there are, else `rank`.
    """
    inferred = shape_inference.infer_shapes(model)
    for output, found in zip(model.graph.output, inferred.graph.output, strict=True):
        output.CopyFrom(found)
        if not output.type.tensor_type.HasField("shape"):  # behind loops and foreign operators
            for _ in range(ranks.get(output.name, rank)):
                output.type.tensor_type.shape.dim.add()


def fed_input(g: GraphBuilder, plan: Plan) -> str:
    """The graph input of a plan's data, cast to what the focal layer takes."""
    shape = list(plan.data)
    if plan.symbolic_batch and not _summed_up(plan):
        shape[0] = "n"
    fed = g.input(plan.fed_as or plan.dtype, shape)
    return g.node("Cast", [fed], {"to": NUMBERS[plan.dtype]}) if plan.fed_as else fed


def _summed_up(plan: Plan) -> bool:
    """Whether the first dimension of the data is no batch, but that which a product sums up."""
    return bool(plan.attributes.get("transA")) or plan.form == "constant-first"


def neutral(g: GraphBuilder, dtype: str, data: str, first: bool) -> str:
    """An operator that no quantizer touches."""
    if dtype == "int64":
        return g.node("Abs" if first else "Neg", [data])
    if dtype == "bfloat16":
        return g.node("Erf", [data])
    return g.node("Sin" if first else "Cos", [data])


def _quantizable(g: GraphBuilder, plan: Plan, data: str, width: int) -> str:
    """A layer that the tables plainly allow, on data with `width` features, keeping the shape."""
    if plan.type in ("MatMul", "Gemm", "Einsum"):
        weight = g.initializer((width, width), plan.dtype)
        if plan.type == "MatMul":
            return g.node("MatMul", [data, weight])
        operands = [data, weight]
        if plan.opset < 11:  # its third input was not yet optional
            operands.append(g.initializer((width,), plan.dtype))
        return g.node("Gemm", operands, {"transA": 0, "transB": 0})
    rank = len(plan.data) - 2
    weight = g.initializer((32, 32, *[1] * rank), plan.dtype)
    kernel = {"kernel_shape": [1] * rank, "dilations": [1] * rank, "group": 1}
    return g.node("Conv", [data, weight], kernel)


def _producer(g: GraphBuilder, plan: Plan, data: str) -> str:
    if "at-input" in plan.beside:
        return data
    if plan.context == "plain":
        return neutral(g, plan.dtype, data, True)
    width = plan.data[-1]
    assert isinstance(width, int)
    return _quantizable(g, plan, data, width)


def _consumer(g: GraphBuilder, plan: Plan, result: str) -> None:
    if plan.context == "chain":
        width = 32
        if plan.type == "MatMul" and len(plan.weight or ()) == 1:
            width = int(plan.data[-2])
        result = _quantizable(g, plan, result, width)
    give(g, plan, result)


def give(g: GraphBuilder, plan: Plan, result: str) -> None:
    """Make a result an output of the graph, behind an operator that no quantizer touches."""
    last = result if "at-output" in plan.beside else neutral(g, plan.dtype, result, False)
    g.output(last, plan.dtype)


def behind(g: GraphBuilder, plan: Plan, result: str) -> str:
    """What stands right behind the focal layer."""
    if "bias-add" in plan.beside:
        result = g.node("Add", [result, g.initializer((32,), plan.dtype)])
    return g.node("Relu", [result]) if "relu" in plan.beside else result


def companion(g: GraphBuilder, beside: tuple[str, ...] = ()) -> str:
    """A plainly quantizable layer on an input of its own, for tools that need one; its name."""
    dtype = "float16" if ALL_FLOAT16 in beside else "float32"
    data = neutral(g, dtype, g.input(dtype, (1, 32, 4, 4)), True)
    kernel = {"kernel_shape": [1, 1], "dilations": [1, 1], "group": 1}
    conv = g.node("Conv", [data, g.initializer((32, 32, 1, 1), dtype)], kernel)
    name = str(g.graph.node[-1].name)
    g.output(neutral(g, dtype, conv, False), dtype)
    return name


def layer_inputs(
    g: GraphBuilder, plan: Plan, data: str, second: Callable[[], str], weight: str = ""
) -> list[str]:
    """What stands at the focal layer's inputs; `second` makes the data of the other operand.

    `weight` is one that exists already; without it the plan's own is made.
    """
    if plan.second:
        return _operands(g, plan, data, second)
    if plan.weight is None:
        return [data, *(g.values(dtype, values) for dtype, values in plan.extra)]
    if plan.form == "constant-first":
        return [g.initializer(plan.weight, plan.dtype), data]
    weight = weight or build_source(plan.source, g, plan.weight, plan.dtype)
    bias = [build_source(plan.bias, g, (32,), plan.dtype)] if plan.bias else []
    return [data, weight, *bias]


def _operands(g: GraphBuilder, plan: Plan, data: str, second: Callable[[], str]) -> list[str]:
    shape = tuple(int(n) for n in plan.data)
    if plan.second == "same":
        return [data, data]
    if plan.second == "branch":
        return [data, second()]
    constant = g.initializer(() if plan.second == "scalar" else shape, plan.dtype)
    return [constant, data] if plan.second == "constant-first" else [data, constant]


def _second_data(g: GraphBuilder, plan: Plan) -> str:
    return _producer(g, plan, g.input(plan.dtype, plan.data))


def focal_layer(g: GraphBuilder, plan: Plan, inputs: list[str]) -> str:
    """The layer that the plan is about; the name of its first output."""
    first = g.node(plan.type, inputs, plan.attributes, plan.domain, plan.outputs)
    if plan.outputs > 1:
        g.output(g.graph.node[-1].output[1], "int64")
    return first


def inside_if(g: GraphBuilder, plan: Plan, data: str, inputs: list[str]) -> tuple[str, str]:
    """The focal layer in a branch of an If: the output of the If, and that of the layer."""
    then, otherwise = g.nested(), g.nested()
    focal = focal_layer(then, plan, inputs)
    then.output(focal, plan.dtype)
    otherwise.output(neutral(otherwise, plan.dtype, data, True), plan.dtype)
    branches = {"then_branch": then.graph, "else_branch": otherwise.graph}
    return g.node("If", [g.input("bool", ())], branches), focal


def domains_of(plan: Plan) -> list[str]:
    """The domains besides ai.onnx that a plan needs."""
    found = [plan.domain] if plan.domain else []
    found += ["com.microsoft"] if plan.source == "foreign" else []
    return [*found, "local.block"] if plan.inside == "function" else found


def functions_of(plan: Plan, arity: int, number: str = "") -> list[FunctionProto]:
    """The functions that a focal layer with `arity` inputs needs; `number` tells its own apart."""
    parameters = [f"x{i}" for i in range(arity)]
    imports = [helper.make_opsetid("", plan.opset)]
    if plan.inside == "function":
        name, outputs = f"Block{number}", [f"y{number}"]
        node = helper.make_node(plan.type, parameters, outputs, name="f0", **plan.attributes)
        return [helper.make_function("local.block", name, parameters, outputs, [node], imports)]
    if plan.form == "custom":
        node = helper.make_node("Identity", parameters[:1], ["y"], name="f0")
        made = helper.make_function(
            plan.domain, plan.type, parameters, ["y"], [node], imports, list(plan.attributes)
        )
        return [made]
    return []
