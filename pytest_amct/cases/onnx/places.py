"""Layers in nested graphs and functions of ONNX models, by the values of `Plan.inside`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from onnx import AttributeProto, FunctionProto, NodeProto, helper

from pytest_amct.cases.onnx.builder import GraphBuilder
from pytest_amct.cases.plan import Plan

BLOCKS = "local.block"
"""The domain of functions."""

Add = Callable[[GraphBuilder], str]
"""Adds a tensor to a graph, and returns its name."""

AddLayer = Callable[[GraphBuilder, str], str]
"""Adds the layer to a graph with that weight (``""``: its own), and returns its result."""


def inside_graph(
    g: GraphBuilder, plan: Plan, inputs: Sequence[str], layer: AddLayer, other: Add
) -> tuple[str, str]:
    """Add a layer to a nested graph. Return the result of the outer operator, and of the layer.

    `inputs` are what the layer reads, and `other` adds the result of a branch without the layer.
    """
    if plan.inside in ("loop", "loop-carried"):
        return _in_loop(g, plan, layer, inputs[1] if plan.inside == "loop-carried" else "")
    if plan.inside in ("scan", "scan-carried"):
        carried = inputs[1] if plan.inside == "scan-carried" else ""
        return _in_scan(g, plan, inputs[0], layer, carried)

    def own(branch: GraphBuilder) -> str:
        return layer(branch, "")

    if plan.inside != "if-in-if":
        return _in_if(g, g, plan, own, other, first=plan.inside == "if")
    targets: list[str] = []

    def inner(branch: GraphBuilder) -> str:
        result, target = _in_if(g, branch, plan, own, other, first=False)
        targets.append(target)
        return result

    return _in_if(g, g, plan, inner, other, first=True)[0], targets[0]


def _in_if(
    main: GraphBuilder, g: GraphBuilder, plan: Plan, layer: Add, other: Add, *, first: bool
) -> tuple[str, str]:
    """Add an If with the layer in its first or second branch.

    Its condition is a new input of `main`. If that is set, the branch with the layer runs.
    """
    inside, outside = g.nested(), g.nested()
    target = layer(inside)
    inside.output(target, plan.dtype)
    outside.output(other(outside), plan.dtype)
    names = ("then_branch", "else_branch") if first else ("else_branch", "then_branch")
    branches = dict(zip(names, (inside.graph, outside.graph), strict=True))
    condition = main.input("bool", ())
    return g.node("If", [condition if first else g.node("Not", [condition])], branches), target


def _in_loop(g: GraphBuilder, plan: Plan, layer: AddLayer, weight: str) -> tuple[str, str]:
    """Add a Loop that runs once; the layer reads tensors of the main graph.

    `weight` is passed from one round to the next.
    """
    body, carried = g.nested(), ""
    body.input("int64", ())
    again = body.input("bool", ())
    if weight:
        carried = body.input(plan.dtype, plan.weight or ())
    target = layer(body, carried)
    body.output(body.node("Identity", [again]), "bool")
    if weight:
        body.output(body.node("Identity", [carried]), plan.dtype)
    body.output(target, plan.dtype)
    given = [g.values("int64", [1], ()), g.values("bool", [1], ()), *([weight] if weight else [])]
    g.node("Loop", given, {"body": body.graph}, outputs=2 if weight else 1)
    return _first(g, str(g.graph.node[-1].output[-1])), target


def _in_scan(
    g: GraphBuilder, plan: Plan, data: str, layer: AddLayer, weight: str
) -> tuple[str, str]:
    """Add a Scan over one slice, which the layer's result does not depend on.

    `weight` is the state of the scan.
    """
    body = g.nested()
    carried = body.input(plan.dtype, plan.weight or ()) if weight else ""
    if weight:
        body.output(body.node("Identity", [carried]), plan.dtype)
    dims: tuple[int | str, ...] = plan.data
    if plan.symbolic_batch:
        dims = ("n", *dims[1:])
    body.output(body.node("Identity", [body.input(plan.dtype, dims)]), plan.dtype)
    target = layer(body, carried)
    body.output(target, plan.dtype)
    slices = g.node("Unsqueeze", [data, g.values("int64", [0])])
    given = [weight, slices] if weight else [slices]
    g.node("Scan", given, {"body": body.graph, "num_scan_inputs": 1}, outputs=len(given) + 1)
    last = g.graph.node[-1].output[-1]
    return _first(g, str(last)), target


def _first(g: GraphBuilder, stacked: str) -> str:
    return g.node("Squeeze", [stacked, g.values("int64", [0])])


def block_functions(plan: Plan, arity: int, number: str) -> list[FunctionProto]:
    """Return a function that contains a layer with `arity` inputs, after those that it calls.

    `number` makes their names unique.
    """
    parameters, result = [f"x{i}" for i in range(arity)], f"y{number}"
    layer = helper.make_node(plan.type, parameters, [result], name="f0", **plan.attributes)
    if plan.inside in ("function-by-name", "function-by-default"):
        _name_attributes(layer)
    block = _function(plan, f"Block{number}", parameters, result, [layer])
    if plan.inside == "function-by-name":
        block.attribute.extend(plan.attributes)
    if plan.inside == "function-by-default":
        block.attribute_proto.extend(
            helper.make_attribute(k, v) for k, v in plan.attributes.items()
        )
    if plan.inside != "function-in-function":
        return [block]
    call = helper.make_node(block.name, parameters, ["v0"], name="f1", domain=BLOCKS)
    outer = _function(plan, f"Outer{number}", parameters, "v0", [call])
    outer.opset_import.append(helper.make_opsetid(BLOCKS, 1))
    return [block, outer]


def _function(
    plan: Plan, name: str, parameters: Sequence[str], result: str, nodes: Sequence[NodeProto]
) -> FunctionProto:
    imports = [helper.make_opsetid("", plan.opset)]
    return helper.make_function(BLOCKS, name, parameters, [result], nodes, imports)


def _name_attributes(layer: NodeProto) -> None:
    """Let a layer in a function take each attribute from one of the function."""
    named = [
        AttributeProto(name=given.name, type=given.type, ref_attr_name=given.name)
        for given in layer.attribute
    ]
    del layer.attribute[:]
    layer.attribute.extend(named)
