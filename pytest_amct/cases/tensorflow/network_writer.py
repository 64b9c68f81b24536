"""Writes the graph of a network: its items, what connects them, one plain layer beside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod

from pytest_amct.cases.networks import NetworkCase
from pytest_amct.cases.plan import Branch, Built, Plan
from pytest_amct.cases.requests import asked_of
from pytest_amct.cases.tensorflow.builder import Dtype
from pytest_amct.cases.tensorflow.extras import add_branch
from pytest_amct.cases.tensorflow.rows import VARIATIONS
from pytest_amct.cases.tensorflow.sizes import data_shape, result_shape
from pytest_amct.cases.tensorflow.sources import cast, reshape, strided_slice
from pytest_amct.cases.tensorflow.writer import (
    Held,
    behind,
    builder,
    companion,
    fed_input,
    focal_layer,
    give,
    hold,
    layer_inputs,
    neutral,
    place,
    with_data,
)


def build_network(case: NetworkCase) -> Built:
    """The graph of a network. Deterministic: the same bytes on every run and machine."""
    return _Writer(case).built()


class _Writer:
    def __init__(self, case: NetworkCase) -> None:
        self.case = case
        self.g = builder(case.variations)
        #: the tensor that each item gives, and the name of the layer itself
        self.results: list[str] = []
        self.focal: list[str] = []
        self.read: set[int] = set()
        self.weights: dict[tuple[object, ...], str] = {}
        self.functions: dict[tuple[str, str], Held] = {}
        each = tuple(a for v in case.variations for a in VARIATIONS.get(v, {}).get("around", ()))
        self.plans = []
        for i, item in enumerate(case.items):
            plan = case.plan(item)
            own = not 0 < item.back <= i or bool(plan.fed_as)
            symbolic = own and ("batch" in case.variations or plan.symbolic_batch)
            self.plans.append(replace(plan, symbolic_batch=symbolic, around=(*plan.around, *each)))

    def built(self) -> Built:
        for i, plan in enumerate(self.plans):
            self._item(i, plan)
        g = self.g
        for i, plan in enumerate(self.plans):
            if i not in self.read:
                give(g, plan, self.results[i])
        beside = companion(g)
        for branch in dict.fromkeys(self._branches()):
            add_branch(branch, g)
        data, focal = g.serialize(), self.case.focal
        if focal is None:
            return Built(data, tuple(self.focal), framework="tensorflow")
        named = {"this": self.focal[focal], "other": beside}
        asked = asked_of(self.plans[focal], named)
        return Built(data, (self.focal[focal],), asked, framework="tensorflow")

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
        held = None
        if plan.inside:  # the same layer stands in one function
            name = (item.group, item.deviation)
            held = self.functions[name] = self.functions.get(name) or hold(g, plan, len(inputs))
        result, focal = place(g, plan, inputs, held)
        if plan.form == "shared-weight":
            again = with_data(plan, inputs, self._data(i, 0, plan, True))
            neutral(g, plan.dtype, focal_layer(g, plan, again), False)
        self.results.append(behind(g, plan, result))
        self.focal.append(focal)

    def _data(self, i: int, back: int, plan: Plan, second: bool = False) -> str:
        """Data for the `i`-th item: the result of another one, made to fit, or a new input."""
        g, maker = self.g, i - back
        if not 0 < back <= i or (plan.fed_as and not second):
            data = g.input(plan.dtype, data_shape(plan)) if second else fed_input(g, plan)
            return data if "at-input" in plan.around else neutral(g, plan.dtype, data, True)
        self.read.add(maker)
        made, data = self.plans[maker], self.results[maker]
        if made.dtype != plan.dtype:
            data = cast(g, data, made.dtype, plan.dtype)
        data = self._moved(made, data, plan)
        return neutral(g, plan.dtype, data, True) if "apart" in self.case.variations else data

    def _moved(self, made: Plan, data: str, plan: Plan) -> str:
        """The values of a result in the shape that is wanted: repeated or cut off if need be."""
        g, dtype = self.g, plan.dtype
        shape, wanted = result_shape(made), data_shape(plan)
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
