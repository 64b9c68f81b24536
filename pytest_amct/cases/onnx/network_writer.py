"""Writes the ONNX model of a network: its items, what connects them, one plain layer beside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from math import prod

from onnx import FunctionProto

from pytest_amct.cases.networks import Item, NetworkCase
from pytest_amct.cases.onnx.builder import NUMBERS, GraphBuilder, make_model
from pytest_amct.cases.onnx.extras import add_branch
from pytest_amct.cases.onnx.rows import VARIATIONS
from pytest_amct.cases.onnx.writer import (
    behind,
    companion,
    declare_outputs,
    domains_of,
    fed_input,
    focal_layer,
    functions_of,
    give,
    inside_if,
    layer_inputs,
    neutral,
)
from pytest_amct.cases.plan import Branch, Built, Plan
from pytest_amct.cases.requests import asked_of
from pytest_amct.graphs import walk
from pytest_amct.graphs.network import Shape
from pytest_amct.graphs.onnx.reader import read_onnx


def build_network(case: NetworkCase) -> Built:
    """The model of a network. Deterministic: the same bytes on every run and machine."""
    return _Writer(case).built()


@lru_cache(maxsize=4096)
def _result_shape(group: str, deviation: str, variations: tuple[str, ...]) -> Shape | None:
    """The shape of a layer's result, as onnx infers it on a model of that layer alone."""
    writer = _Writer(NetworkCase((Item(group, deviation),), None, variations))
    network = read_onnx(writer.built().data)
    return walk.shape(network.scopes[0][writer.results[0]])


class _Writer:
    def __init__(self, case: NetworkCase) -> None:
        self.case = case
        self.g = GraphBuilder()
        #: the tensor that each item gives, and the output of the layer itself
        self.results: list[str] = []
        self.focal: list[str] = []
        self.names: list[str] = []
        self.read: set[int] = set()
        self.weights: dict[tuple[object, ...], str] = {}
        self.functions: dict[tuple[str, str], FunctionProto] = {}
        opset, batch = case.opset, "batch" in case.variations
        self.plans = []
        for i, item in enumerate(case.items):
            plan = case.plan(item)
            own = not 0 < item.back <= i or bool(plan.fed_as)
            symbolic = own and (batch or plan.symbolic_batch)
            self.plans.append(replace(plan, opset=opset, symbolic_batch=symbolic))

    def built(self) -> Built:
        for i, plan in enumerate(self.plans):
            self._item(i, plan)
        g, ranks = self.g, dict[str, int]()
        for i, plan in enumerate(self.plans):
            if i not in self.read:
                give(g, plan, self.results[i])
                ranks[g.graph.output[-1].name] = len(plan.data)
        beside = companion(g)
        for branch in dict.fromkeys(self._branches()):
            add_branch(branch, g)
        domains = dict.fromkeys(d for plan in self.plans for d in domains_of(plan))
        model = make_model(g.graph, self.case.opset, 10, [*domains])
        model.functions.extend(self.functions.values())
        declare_outputs(model, ranks, 2)
        focal = self.case.focal
        if focal is None:
            return Built(model.SerializeToString(deterministic=True), tuple(self.focal))
        asked = asked_of(self.plans[focal], {"this": self.names[focal], "other": beside})
        return Built(model.SerializeToString(deterministic=True), (self.focal[focal],), asked)

    def _branches(self) -> Iterator[Branch]:
        for plan in self.plans:
            yield from plan.branches
        for name in self.case.variations:
            yield from VARIATIONS.get(name, {}).get("branches", ())

    def _item(self, i: int, plan: Plan) -> None:
        g, item = self.g, self.case.items[i]
        data = self._data(i, item.back, plan)
        key = (plan.weight, plan.source, plan.dtype)
        shared = self.weights.get(key, "") if "shared" in self.case.variations else ""
        inputs = layer_inputs(g, plan, data, lambda: self._data(i, item.second, plan, True), shared)
        if plan.weight is not None:
            self.weights[key] = inputs[1]
        result = focal = ""
        if plan.inside == "if":
            result, focal = inside_if(g, plan, data, inputs)
        elif plan.inside == "function":
            result, focal = self._call(item, plan, inputs)
        else:
            result = focal = focal_layer(g, plan, inputs)
        self.names.append(g.graph.node[-1].name)
        if plan.form == "custom":
            for function in functions_of(plan, len(inputs)):
                self.functions[function.domain, function.name] = function
        if plan.form == "shared-weight":
            again = [self._data(i, 0, plan, True), *inputs[1:]]
            g.output(neutral(g, plan.dtype, focal_layer(g, plan, again), False), plan.dtype)
        self.results.append(behind(g, plan, result))
        self.focal.append(focal)

    def _call(self, item: Item, plan: Plan, inputs: list[str]) -> tuple[str, str]:
        """A call of a function that holds the layer; the same layer stands in one function."""
        key = (item.group, item.deviation)
        if key not in self.functions:
            (self.functions[key],) = functions_of(plan, len(inputs), str(len(self.functions)))
        function = self.functions[key]
        return self.g.node(function.name, inputs, domain="local.block"), function.output[0]

    def _data(self, i: int, back: int, plan: Plan, second: bool = False) -> str:
        """Data for the `i`-th item: the result of another one, made to fit, or a new input."""
        g, maker = self.g, i - back
        if not 0 < back <= i or (plan.fed_as and not second):
            data = g.input(plan.dtype, plan.data) if second else fed_input(g, plan)
            return data if "at-input" in plan.around else neutral(g, plan.dtype, data, True)
        self.read.add(maker)
        data = self._fitted(maker, plan)
        return neutral(g, plan.dtype, data, True) if "apart" in self.case.variations else data

    def _fitted(self, maker: int, plan: Plan) -> str:
        """A result as data of a plan, by operators that only move values."""
        g, made = self.g, self.plans[maker]
        data = self.results[maker]
        if made.dtype not in ("float32", plan.dtype):
            data = g.node("Cast", [data], {"to": NUMBERS[plan.dtype]})
        data = self._moved(maker, data, tuple(int(n) for n in plan.data))
        if made.dtype == "float32" != plan.dtype:  # moved as float32, which every operator takes
            data = g.node("Cast", [data], {"to": NUMBERS[plan.dtype]})
        return data

    def _moved(self, maker: int, data: str, wanted: tuple[int, ...]) -> str:
        """The values of a result in the wanted shape: repeated or cut off if need be."""
        g, item = self.g, self.case.items[maker]
        shape = _result_shape(item.group, item.deviation, self.case.of_layers)
        if self.plans[maker].symbolic_batch and shape is not None:
            shape = ("n", *shape[1:])
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
