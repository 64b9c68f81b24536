"""The writer of ONNX models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from math import prod

from onnx import FunctionProto, ModelProto, helper, shape_inference

from pytest_amct.cases.naming import converted, style_of
from pytest_amct.cases.onnx.builder import NUMBERS, GraphBuilder, make_model
from pytest_amct.cases.onnx.extras import add_branch
from pytest_amct.cases.onnx.own import OWN
from pytest_amct.cases.onnx.places import BLOCKS, block_functions, inside_graph
from pytest_amct.cases.onnx.seldom import ML
from pytest_amct.cases.onnx.sources import build_source
from pytest_amct.cases.onnx.special import named_constant, named_parameter, namesake
from pytest_amct.cases.onnx.twins import TWINS, twin_inputs
from pytest_amct.cases.plan import Branch, Built, ModelPlan, Placed, Plan
from pytest_amct.cases.writing import Made, operands
from pytest_amct.graphs import walk
from pytest_amct.graphs.network import Shape
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.request_options import PLAIN, RequestOptions

_PRODUCTS = ("MatMul", "Gemm", "Einsum")


class Writer:
    """A writer of one ONNX model, see `ModelWriter`."""

    def __init__(self, model: ModelPlan) -> None:
        self.model = model
        self.g = GraphBuilder(named=model.form != "unnamed")
        self.dtype = "float16" if "all-float16" in model.switches else "float32"
        self.weights: dict[tuple[object, ...], str] = {}
        self.g.opset = model.opset
        self.g.style = converted if model.form == "scoped" else style_of(model.switches)
        self.g.typed = "typed" in model.switches
        self.functions: dict[tuple[str, str], list[FunctionProto]] = {}
        self.domains: dict[str, None] = {}
        #: number of dimensions by output name
        self.ranks: dict[str, int] = {}

    def fed(self, plan: Plan) -> str:
        shape: tuple[int | str, ...] = plan.data
        if plan.symbolic_batch and not _summed_up(plan):
            shape = ("n", *shape[1:])
        fed = self.g.input(plan.fed_as or plan.dtype, shape)
        return self._cast(fed, plan.dtype) if plan.fed_as else fed

    def input(self, plan: Plan) -> str:
        return self.g.input(plan.dtype, plan.data)

    def neutral(self, plan: Plan, data: str, first: bool) -> str:
        return neutral(self.g, plan.dtype, data, first)

    def quantizable(self, plan: Plan, data: str, first: bool) -> str:
        width = plan.data[-1] if first else 32
        if len(plan.data) > 2 and plan.type not in _PRODUCTS:
            width = plan.data[1] if first else 32
        if not first and plan.type == "MatMul" and len(plan.weight or ()) == 1:
            width = plan.data[-2]
        return quantizable(self.g, plan, data, width)

    def layer(self, plan: Plan, data: str, second: Callable[[], str], name: str = "") -> Made:
        g, key = self.g, (plan.weight, plan.source, plan.dtype)
        shared = self.weights.get(key, "") if self.model.shared else ""
        data = _moved_before(g, plan.form, data, len(plan.data))
        if plan.form in ("unranked", "weight-given"):
            data = _unranked(g, data)
        if plan.form in TWINS:
            inputs, others = twin_inputs(g, plan, (data, second()))
            self.give(plan, target_layer(g, plan, others))
        else:
            inputs = layer_inputs(g, plan, data, second, shared)
        if plan.form == "beside-undilated":
            self.give(plan, target_layer(g, _undilated(plan), [second(), *inputs[1:]]))
        if plan.weight is not None:
            self.weights[key] = inputs[1]
        if not plan.inside:
            result = target = target_layer(g, plan, inputs)
        elif plan.inside.startswith("function"):
            result, target = self._call(plan, inputs, name)
        else:
            result, target = inside_graph(
                g,
                plan,
                inputs,
                lambda inner, weight: target_layer(
                    inner, plan, [inputs[0], weight, *inputs[2:]] if weight else inputs
                ),
                lambda inner: neutral(inner, plan.dtype, data, True),
            )
        if plan.form == "weight-given":
            g.output(inputs[1], plan.dtype)
            self.ranks[inputs[1]] = len(plan.weight or ())
        if plan.form == "named-in-function":
            self._read_by_function(plan, inputs[1])
        if plan.form == "beside-namesake":
            self._call_beside(plan, namesake(g, plan.type, len(inputs)), len(inputs))
        if plan.form in ("weight-read", "weight-captured"):
            self._read(plan, inputs[1], plan.form == "weight-captured")
        if plan.form == "custom":
            self.functions[plan.domain, plan.type] = [custom_function(plan, len(inputs))]
        self.domains |= dict.fromkeys(domains_of(plan))

        def again(data: str) -> str:
            return target_layer(g, plan, [data, *inputs[1:]])

        called = str(g.graph.node[-1].name)
        return Made(result, target, called, again)

    def _read(self, plan: Plan, weight: str, captured: bool) -> None:
        """Add another reader of a weight, which needs its floats."""
        g, dtype = self.g, plan.dtype
        data = g.input(dtype, (1,))
        if not captured:
            result = g.node("Div", [data, weight])
        else:
            then, otherwise = g.nested(), g.nested()
            then.output(then.node("Div", [data, weight]), dtype)
            otherwise.output(neutral(otherwise, dtype, data, True), dtype)
            branches = {"then_branch": then.graph, "else_branch": otherwise.graph}
            result = g.node("If", [g.input("bool", ())], branches)
        g.output(result, dtype)
        self.ranks[result] = len(plan.weight or ())

    def _call_beside(self, plan: Plan, function: str, arity: int) -> None:
        """Call a function on data of its own."""
        g, given = self.g, self.g.input(plan.dtype, (1,))
        called = g.node(function, [given] * arity, domain=BLOCKS)
        g.output(called, plan.dtype)
        self.ranks[called] = 1

    def _read_by_function(self, plan: Plan, weight: str) -> None:
        """Call a function in which another tensor has the name of the weight."""
        g = self.g
        if plan.source == "initializer":
            name = named_parameter(g, weight)
        else:
            name = named_constant(g, weight, g.constant((1,), plan.dtype))
        self._call_beside(plan, name, 1)

    def _call(self, plan: Plan, inputs: list[str], name: str) -> tuple[str, str]:
        """Call a function that contains the layer; identical layers share one function.

        Return the result of the call, and the layer's output in the function.
        """
        key = (BLOCKS, name)
        if key not in self.functions:
            number = str(len(self.functions)) if name else ""
            self.functions[key] = block_functions(plan, len(inputs), number)
        block, called = self.functions[key][0], self.functions[key][-1]
        given = plan.attributes if called.attribute else {}
        return self.g.node(called.name, inputs, given, BLOCKS), block.output[0]

    def behind(self, plan: Plan, result: str) -> str:
        g = self.g
        if "bias-add" in plan.around:
            result = g.node("Add", [result, g.initializer((32,), plan.dtype)])
        if "normalized" in plan.around:
            scales = [g.values(plan.dtype, [value] * 32) for value in (0.5, 0.1, 0.2, 0.5)]
            result = g.node("BatchNormalization", [result, *scales])
        if "read-twice" in plan.around:
            result = g.node("Mul", [result, g.node("Sigmoid", [result])])
        return g.node("Relu", [result]) if "relu" in plan.around else result

    def give(self, plan: Plan, result: str) -> None:
        last = result if "at-output" in plan.around else self.neutral(plan, result, False)
        self.g.output(last, plan.dtype)
        self.ranks[last] = len(plan.data)

    def control(self) -> str:
        g, dtype = self.g, self.dtype
        data = neutral(g, dtype, g.input(dtype, (1, 32, 4, 4)), True)
        kernel = {"kernel_shape": [1, 1], "dilations": [1, 1], "group": 1}
        conv = g.node("Conv", [data, g.initializer((32, 32, 1, 1), dtype)], kernel)
        name = str(g.graph.node[-1].name)
        g.output(neutral(g, dtype, conv, False), dtype)
        return name

    def branch(self, branch: Branch) -> None:
        before = len(self.g.graph.node)
        add_branch(branch, self.g)
        if "reversed" in self.model.switches:
            moved = [*self.g.graph.node[before:], *self.g.graph.node[:before]]
            del self.g.graph.node[:]
            self.g.graph.node.extend(moved)

    def fitted(self, data: str, maker: Placed, made: Plan, plan: Plan) -> str:
        if made.dtype not in ("float32", plan.dtype):
            data = self._cast(data, plan.dtype)
        shape = _result_shape(replace(maker, back=0, second=0))
        if made.symbolic_batch and shape is not None:
            shape = ("n", *shape[1:])
        data = self._moved(data, shape, plan.data)
        if made.dtype == "float32" != plan.dtype:  # every operator above takes float32
            data = self._cast(data, plan.dtype)
        return data

    def _cast(self, data: str, dtype: str) -> str:
        return self.g.node("Cast", [data], {"to": NUMBERS[dtype]})

    def _moved(self, data: str, shape: Shape | None, wanted: tuple[int, ...]) -> str:
        """Return the values of a result in the wanted shape, repeated or cut off as needed."""
        g = self.g
        if shape == wanted:
            return data
        static = shape is not None and all(isinstance(n, int) for n in shape)
        least = prod(n for n in shape or () if isinstance(n, int))
        needed = prod(wanted)
        if not static or least != needed:
            data = g.node("Reshape", [data, g.values("int64", [-1])])
            if least < needed:
                data = g.node("Tile", [data, g.values("int64", [-(-needed // least)])])
            data = g.node("Slice", [data, g.values("int64", [0]), g.values("int64", [needed])])
        return g.node("Reshape", [data, g.values("int64", wanted)])

    def built(self, target: tuple[str, ...], options: RequestOptions) -> Built:
        if self.model.ir_version < 4:
            list_initializers(self.g)
        versions = self.model.opset, self.model.ir_version
        called = (*self.functions, *self.g.functions)
        self.domains |= {domain: None for domain, _ in called if domain}
        model = make_model(self.g.graph, *versions, [*self.domains])
        if self.model.form == "initializers-reversed":
            model.graph.initializer.reverse()
        if self.model.form == "imports":  # ai.onnx is not the first
            model.opset_import.insert(0, helper.make_opsetid("ai.onnx.ml", 3))
        for functions in self.functions.values():
            model.functions.extend(functions)
        for function in self.g.functions.values():
            if not function.opset_import:
                function.opset_import.extend(model.opset_import)
            model.functions.append(function)
        declare_outputs(model, self.ranks)
        return Built(model.SerializeToString(deterministic=True), target, options)


@lru_cache(maxsize=4096)
def _result_shape(layer: Placed) -> Shape | None:
    """Return the shape of a layer's result, as onnx infers it in a model of that layer alone."""
    plan = layer.plan
    writer = Writer(ModelPlan(plan.opset))
    made = writer.layer(plan, writer.fed(plan), lambda: writer.input(plan))
    result = writer.behind(plan, made.result)
    writer.give(plan, result)
    return walk.shape(read_onnx(writer.built((), PLAIN).data).scopes[0][result])


def list_initializers(g: GraphBuilder) -> None:
    """List every initializer as an input, as models below ir_version 4 do."""
    listed = {info.name for info in g.graph.input}
    for tensor in g.graph.initializer:
        if tensor.name not in listed:
            info = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            g.graph.input.append(info)


def declare_outputs(model: ModelProto, ranks: Mapping[str, int]) -> None:
    """Declare the shapes of the outputs (the checker requires them), but of no other tensor.

    Where no shape can be inferred, `ranks` has the number of dimensions by output name.
    """
    inferred = shape_inference.infer_shapes(model)
    for output, found in zip(model.graph.output, inferred.graph.output, strict=True):
        output.CopyFrom(found)
        if not output.type.tensor_type.HasField("shape"):  # after loops and foreign operators
            for _ in range(ranks[output.name]):
                output.type.tensor_type.shape.dim.add()


def _summed_up(plan: Plan) -> bool:
    """Return whether the matrix product sums over the data's first dimension, not a batch."""
    return bool(plan.attributes.get("transA")) or plan.form in ("constant-first", "own-data")


def neutral(g: GraphBuilder, dtype: str, data: str, first: bool) -> str:
    """Add an operator that no quantizer touches, and return its result."""
    if dtype == "int64":
        return g.node("Abs" if first else "Neg", [data])
    if dtype == "bfloat16":
        return g.node("Erf", [data])
    return g.node("Sin" if first else "Cos", [data])


def _undilated(plan: Plan) -> Plan:
    return plan.with_({"attributes": {"dilations": None}})


def _moved_before(g: GraphBuilder, form: str, data: str, rank: int) -> str:
    """Add what a form has before the layer: operators that keep the shape of the data."""
    if form == "behind-sin":
        return g.node("Sin", [data])
    if form == "behind-transpose":
        return g.node("Transpose", [g.node("Transpose", [data])])
    if form == "behind-flatten":
        return g.node("Flatten", [data])
    if form == "behind-pad":
        return g.node("Pad", [data, g.values("int64", [0] * (2 * rank))])
    return data


def _unranked(g: GraphBuilder, data: str) -> str:
    """Add operators that return the data itself, and of which no rank can be inferred."""
    several = g.node("SequenceConstruct", [data, g.node("Flatten", [data])])
    return g.node("SequenceAt", [several, g.values("int64", [0], ())])


def quantizable(g: GraphBuilder, plan: Plan, data: str, width: int) -> str:
    """Add a layer that is quantizable without doubt, and return its result.

    Its data has `width` features or channels; the result has the same shape.
    """
    if plan.type in _PRODUCTS:
        weight = g.initializer((width, width), plan.dtype)
        if plan.type == "MatMul":
            return g.node("MatMul", [data, weight])
        operands = [data, weight]
        if plan.opset < 11:  # the third input was not optional yet
            operands.append(g.initializer((width,), plan.dtype))
        return g.node("Gemm", operands, {"transA": 0, "transB": 0})
    rank = len(plan.data) - 2
    weight = g.initializer((width, width, *[1] * rank), plan.dtype)
    kernel = {"kernel_shape": [1] * rank, "dilations": [1] * rank, "group": 1}
    return g.node("Conv", [data, weight], kernel)


def layer_inputs(
    g: GraphBuilder, plan: Plan, data: str, second: Callable[[], str], weight: str = ""
) -> list[str]:
    """Return the target's inputs; `second` adds the data for its second operand.

    `weight` is the name of an existing weight; ``""`` adds the plan's own weight.
    """
    if plan.second:
        return operands(plan, data, second, lambda shape: g.initializer(shape, plan.dtype))
    if plan.form == "own-inputs":
        return OWN[plan.type](g, data)
    if plan.weight is None:
        return [data, *(g.values(dtype, values) for dtype, values in plan.extra)]
    if plan.form == "constant-first":
        return [g.initializer(plan.weight, plan.dtype), data]
    if plan.form == "own-data":
        return [data, data]
    weight = weight or build_source(plan.source, g, plan.weight, plan.dtype)
    bias = [build_source(plan.bias, g, (32,), plan.dtype)] if plan.bias else []
    return [data, weight, *bias]


def target_layer(g: GraphBuilder, plan: Plan, inputs: list[str]) -> str:
    """Add the target layer, and return the name of its first output."""
    attributes = plan.attributes
    if plan.form == "attributes-reversed":
        attributes = {name: attributes[name] for name in [*attributes][::-1]}
    first = g.node(plan.type, inputs, attributes, plan.domain, plan.outputs)
    if plan.outputs > 1:
        g.output(g.graph.node[-1].output[1], "int64")
    return first


def domains_of(plan: Plan) -> list[str]:
    """Return the domains besides ai.onnx that a plan needs."""
    found = [plan.domain] if plan.domain else []
    words = f"{plan.source}.{plan.bias}".split(".")
    found += ["com.microsoft"] if {"foreign", "input-foreign"} & {*words} else []
    found += ["ai.onnx.ml"] if ML in words else []
    return [*found, BLOCKS] if plan.inside.startswith("function") else found


def custom_function(plan: Plan, arity: int) -> FunctionProto:
    """Return a function for an operator of a custom domain, so that models are complete."""
    parameters = [f"x{i}" for i in range(arity)]
    node = helper.make_node("Identity", parameters[:1], ["y"], name="f0")
    imports = [helper.make_opsetid("", plan.opset)]
    return helper.make_function(
        plan.domain, plan.type, parameters, ["y"], [node], imports, list(plan.attributes)
    )
