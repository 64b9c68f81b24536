"""Write the models of cases and networks: the steps that all frameworks share.

Each framework has its own `ModelWriter` for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from pytest_amct.cases.plan import Branch, Built, NetworkPlan, Placed, Plan
from pytest_amct.cases.requests import options_of
from pytest_amct.request_options import PLAIN, RequestOptions


@dataclass(frozen=True, slots=True)
class Made:
    """A layer after it was added to a model."""

    #: the tensor with its result
    result: str
    #: its name in `Built.targets`
    target: str
    #: its name in a request
    name: str
    #: adds the same layer with the same weight on other data, and returns its result
    again: Callable[[str], str]


class ModelWriter(Protocol):
    """A writer of one model. Each method adds to the model; tensors are passed by name."""

    def fed(self, plan: Plan) -> str:
        """Add an input for the data of a layer, cast to the type that the layer takes."""

    def input(self, plan: Plan) -> str:
        """Add an input of the shape and type of a layer's data."""

    def neutral(self, plan: Plan, data: str, first: bool) -> str:
        """Add an operator that no quantizer touches, of another type before a layer than after."""

    def quantizable(self, plan: Plan, data: str, first: bool) -> str:
        """Add a layer that is quantizable without doubt, before a layer (`first`) or after it."""

    def layer(self, plan: Plan, data: str, second: Callable[[], str], name: str = "") -> Made:
        """Add the layer itself; `second` adds the data for its second operand.

        Layers with the same `name` are identical; ``""`` is the only layer of its model.
        """

    def behind(self, plan: Plan, result: str) -> str:
        """Add what comes right after the layer; return the last result."""

    def give(self, plan: Plan, result: str) -> None:
        """Make a result an output of the model."""

    def control(self) -> str:
        """Add the control layer on a separate input, and return its name."""

    def branch(self, branch: Branch) -> None:
        """Add a disconnected extra branch."""

    def fitted(self, data: str, maker: Placed, made: Plan, plan: Plan) -> str:
        """Turn the result of another layer into data for a layer, by operators that move values.

        `maker` is the other layer, and `made` is its plan in this network.
        """

    def built(self, target: tuple[str, ...], options: RequestOptions) -> Built:
        """Return the model."""


def operands(
    plan: Plan, data: str, second: Callable[[], str], constant: Callable[[tuple[int, ...]], str]
) -> list[str]:
    """Return the inputs of a layer with two operands; `constant` adds a constant of a shape."""
    if plan.second == "same":
        return [data, data]
    if plan.second == "branch":
        return [data, second()]
    shapes = {"scalar": (), "vector": plan.data[-1:]}
    made = constant(shapes.get(plan.second, plan.data))
    return [made, data] if plan.second == "constant-first" else [data, made]


def write_case(plan: Plan, writer: ModelWriter) -> Built:
    """Write the model of a case: producer, target layer, consumer, and the control layer."""

    def second() -> str:
        return _produced(plan, writer, writer.input(plan))

    made = writer.layer(plan, _produced(plan, writer, writer.fed(plan)), second)
    if plan.form == "shared-weight":
        _consume(plan, writer, made.again(second()))
    _consume(plan, writer, writer.behind(plan, made.result))
    other = writer.control()
    for branch in plan.branches if "all-float16" not in plan.switches else ():
        writer.branch(branch)
    return writer.built((made.target,), options_of(plan, {"this": made.name, "other": other}))


def _produced(plan: Plan, writer: ModelWriter, data: str) -> str:
    """Add what comes before a layer; return the data of the layer."""
    if "at-input" in plan.around:
        return data
    if plan.context == "plain":
        return writer.neutral(plan, data, True)
    return writer.quantizable(plan, data, True)


def _consume(plan: Plan, writer: ModelWriter, result: str) -> None:
    if "last" in plan.around:
        return
    if plan.context == "chain":
        result = writer.quantizable(plan, result, False)
    writer.give(plan, result)


def write_network(network: NetworkPlan, writer: ModelWriter) -> Built:
    """Write the model of a network: its layers, what connects them, and the control layer."""
    return _Network(network, writer).built()


class _Network:
    def __init__(self, network: NetworkPlan, writer: ModelWriter) -> None:
        self.network = network
        self.writer = writer
        self.plans = [self._in_network(i, layer) for i, layer in enumerate(network.layers)]
        self.made: list[Made] = []
        #: the result of each layer, with what comes right after it
        self.results: list[str] = []
        self.read: set[int] = set()

    def _in_network(self, i: int, layer: Placed) -> Plan:
        own = not 0 < layer.back <= i or bool(layer.plan.fed_as)
        symbolic = own and (self.network.symbolic_batch or layer.plan.symbolic_batch)
        opset = self.network.model.opset
        if (layer.plan.opset, layer.plan.symbolic_batch) == (opset, symbolic):
            return layer.plan
        return replace(layer.plan, opset=opset, symbolic_batch=symbolic)

    def built(self) -> Built:
        writer, target = self.writer, self.network.target
        for i, plan in enumerate(self.plans):
            self._add(i, plan)
        for i, plan in enumerate(self.plans):
            if i not in self.read:
                writer.give(plan, self.results[i])
        other = writer.control()
        for branch in dict.fromkeys(self._branches()):
            writer.branch(branch)
        if target is None:
            return writer.built(tuple(made.target for made in self.made), PLAIN)
        named = {"this": self.made[target].name, "other": other}
        return writer.built((self.made[target].target,), options_of(self.plans[target], named))

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
        """Return data for the `i`-th layer: another layer's result made to fit, or a new input."""
        writer, maker = self.writer, i - back
        if not 0 < back <= i or (plan.fed_as and not second):
            return _produced(plan, writer, writer.input(plan) if second else writer.fed(plan))
        self.read.add(maker)
        layer, made = self.network.layers[maker], self.plans[maker]
        data = writer.fitted(self.results[maker], layer, made, plan)
        return writer.neutral(plan, data, True) if self.network.apart else data
