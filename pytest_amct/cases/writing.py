"""Writes models of cases and of networks: the order of things, the same for every framework.

What differs stands behind `ModelWriter`; each framework has one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pytest_amct.cases.plan import Branch, Built, NetworkPlan, Placed, Plan
from pytest_amct.cases.requests import asked_of


@dataclass(frozen=True, slots=True)
class Made:
    """A layer in a model."""

    #: the tensor that it gives
    result: str
    #: how `Built.focal` names it
    focal: str
    #: how a request names it
    name: str
    #: adds the same layer on other data, with the same weight, and returns what it gives
    again: Callable[[str], str]


class ModelWriter(Protocol):
    """Writes one model, tensor by tensor. Each method adds to it; tensors are known by name."""

    def fed(self, plan: Plan) -> str:
        """An input for the data of a layer, cast to the type that it takes."""

    def input(self, plan: Plan) -> str:
        """An input of the shape and type of a layer's data."""

    def neutral(self, plan: Plan, data: str, first: bool) -> str:
        """An operator that no quantizer touches: `first` tells those before layers from others."""

    def quantizable(self, plan: Plan, data: str, first: bool) -> str:
        """A layer that the tables plainly allow, before a layer (`first`) or on its result."""

    def layer(self, plan: Plan, data: str, second: Callable[[], str], name: str = "") -> Made:
        """The layer itself; `second` makes the data of its other operand.

        Layers of the same `name` are alike; ``""`` is the only one of its model.
        """

    def behind(self, plan: Plan, result: str) -> str:
        """What stands right behind the layer."""

    def give(self, plan: Plan, result: str) -> None:
        """Make a result one that the model gives."""

    def companion(self) -> str:
        """A plainly quantizable layer on an input of its own, for tools that need one; its name."""

    def branch(self, branch: Branch) -> None:
        """A branch of its own that touches no other."""

    def fitted(self, data: str, maker: Placed, made: Plan, plan: Plan) -> str:
        """The result of another layer as data of a layer, by operators that only move values.

        `maker` is the other layer, `made` its plan in this network.
        """

    def built(self, focal: tuple[str, ...], asked: Mapping[str, Any]) -> Built:
        """The model."""


def operands(
    plan: Plan, data: str, second: Callable[[], str], constant: Callable[[tuple[int, ...]], str]
) -> list[str]:
    """The inputs of a layer with two operands; `constant` adds one of that shape."""
    if plan.second == "same":
        return [data, data]
    if plan.second == "branch":
        return [data, second()]
    shapes = {"scalar": (), "vector": plan.data[-1:]}
    made = constant(shapes.get(plan.second, plan.data))
    return [made, data] if plan.second == "constant-first" else [data, made]


def write_case(plan: Plan, writer: ModelWriter) -> Built:
    """The model of a case: producer, focal layer, consumer, and one plain layer beside."""

    def second() -> str:
        return _produced(plan, writer, writer.input(plan))

    made = writer.layer(plan, _produced(plan, writer, writer.fed(plan)), second)
    if plan.form == "shared-weight":
        _consume(plan, writer, made.again(second()))
    _consume(plan, writer, writer.behind(plan, made.result))
    other = writer.companion()
    for branch in plan.branches if "all-float16" not in plan.switches else ():
        writer.branch(branch)
    return writer.built((made.focal,), asked_of(plan, {"this": made.name, "other": other}))


def _produced(plan: Plan, writer: ModelWriter, data: str) -> str:
    """The data of a layer, behind what stands before it."""
    if "at-input" in plan.around:
        return data
    if plan.context == "plain":
        return writer.neutral(plan, data, True)
    return writer.quantizable(plan, data, True)


def _consume(plan: Plan, writer: ModelWriter, result: str) -> None:
    if plan.context == "chain":
        result = writer.quantizable(plan, result, False)
    writer.give(plan, result)


def write_network(network: NetworkPlan, writer: ModelWriter) -> Built:
    """The model of a network: its layers, what connects them, and one plain layer beside."""
    return _Network(network, writer).built()


class _Network:
    def __init__(self, network: NetworkPlan, writer: ModelWriter) -> None:
        self.network = network
        self.writer = writer
        self.plans = [self._in_network(i, layer) for i, layer in enumerate(network.layers)]
        self.made: list[Made] = []
        #: the tensor that each layer gives, with what stands behind it
        self.results: list[str] = []
        self.read: set[int] = set()

    def _in_network(self, i: int, layer: Placed) -> Plan:
        own = not 0 < layer.back <= i or bool(layer.plan.fed_as)
        symbolic = own and (self.network.symbolic_batch or layer.plan.symbolic_batch)
        return replace(layer.plan, opset=self.network.model.opset, symbolic_batch=symbolic)

    def built(self) -> Built:
        writer, focal = self.writer, self.network.focal
        for i, plan in enumerate(self.plans):
            self._add(i, plan)
        for i, plan in enumerate(self.plans):
            if i not in self.read:
                writer.give(plan, self.results[i])
        other = writer.companion()
        for branch in dict.fromkeys(self._branches()):
            writer.branch(branch)
        if focal is None:
            return writer.built(tuple(made.focal for made in self.made), {})
        named = {"this": self.made[focal].name, "other": other}
        return writer.built((self.made[focal].focal,), asked_of(self.plans[focal], named))

    def _branches(self) -> Iterator[Branch]:
        for plan in self.plans:
            yield from plan.branches
        yield from self.network.branches

    def _add(self, i: int, plan: Plan) -> None:
        layer = self.network.layers[i]
        data = self._data(i, layer.back, plan)
        made = self.writer.layer(
            plan, data, lambda: self._data(i, layer.second, plan, True), layer.name
        )
        if plan.form == "shared-weight":
            self.writer.give(plan, made.again(self._data(i, 0, plan, True)))
        self.results.append(self.writer.behind(plan, made.result))
        self.made.append(made)

    def _data(self, i: int, back: int, plan: Plan, second: bool = False) -> str:
        """Data for the `i`-th layer: the result of another one, made to fit, or a new input."""
        writer, maker = self.writer, i - back
        if not 0 < back <= i or (plan.fed_as and not second):
            return _produced(plan, writer, writer.input(plan) if second else writer.fed(plan))
        self.read.add(maker)
        layer, made = self.network.layers[maker], self.plans[maker]
        data = writer.fitted(self.results[maker], layer, made, plan)
        return writer.neutral(plan, data, True) if self.network.apart else data
