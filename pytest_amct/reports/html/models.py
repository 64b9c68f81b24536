"""The model of a case, built again from its id: as text and as a drawing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from pytest_amct.cases.metamorphic import parse_metamorphic
from pytest_amct.cases.networks import parse_case
from pytest_amct.cases.plan import target_layers
from pytest_amct.graphs.network import Layer, Network, Tensor
from pytest_amct.graphs.text import network_text, typed
from pytest_amct.ids import ConditionId, condition_of, is_case
from pytest_amct.reports.drawing import STATES, Drawing, Node
from pytest_amct.reports.overview import MARKS
from pytest_amct.wording import number

_LONGEST_ID = 2000
"""The most characters of an id from which a model is built."""

_STATES = {"violation": "violation", "warning": "forbidden", "waived": "float"}
"""How a drawing shows the layer of a finding, by verdict."""

SYMBOLS = {**STATES, **{state: MARKS[verdict] for verdict, state in _STATES.items()}}
"""The symbols of states in these drawings: the marks of the tables."""


@dataclass(frozen=True, slots=True)
class Model:
    """The model of a finding, and the layers that the finding is about."""

    case: str
    network: Network
    marked: frozenset[Layer]

    @property
    def text(self) -> str:
        """The model as text, with an arrow at the marked layers."""
        return network_text(self.network, self.marked)


def model_of(case: str, layer: str) -> Model | None:
    """Return the model of a case; ``None`` if the id is that of a file, or of another version.

    `layer` is the layer that a finding names.
    """
    if not is_case(case) or len(case) > _LONGEST_ID:
        return None
    try:
        if ConditionId.parse(condition_of(case)).is_metamorphic:
            built = parse_metamorphic(case).network.build()
        else:
            built = parse_case(case).build()
        network = built.native.network()
        targets = target_layers(network, built.targets)
    except Exception:  # an id of another version, or of no version, may fail anywhere
        return None
    marked = frozenset(t for t in targets if str(t) == layer) or frozenset(targets)
    return Model(case, network, marked)


def model_drawing(model: Model, verdict: str) -> Drawing:
    """Return the model as a drawing: its inputs and layers, the marked ones by their verdict."""
    network = model.network
    named = " and ".join(str(layer) for layer in network.layers if layer in model.marked)
    inputs = [_input(tensor) for tensor in network.inputs]
    layers = [_node(layer, model.marked, verdict) for layer in network.layers]
    sentence = f"Network of {number(len(layers), 'layer')}, {verdict} at {named or 'none of them'}"
    return Drawing(model.case, sentence, (), (), (*inputs, *layers), (*_edges(network),))


def _input(tensor: Tensor) -> Node:
    name, _, about = typed(tensor).rpartition("<")
    dtype, _, shape = about.rstrip(">").partition(" ")
    return Node(f"{name} {shape}", f"input {dtype}", "aside", "an input of the network", ())


def _node(layer: Layer, marked: Collection[Layer], verdict: str) -> Node:
    state, label = ("aside", "another layer")
    if layer in marked:
        state, label = _STATES[verdict], verdict
    first = next((t.name for t in layer.outputs if t is not None), "")
    return Node(layer.name or first, layer.qualified_type, state, label, ())


def _edges(network: Network) -> Iterator[tuple[int, int]]:
    """Yield the pairs of nodes of which one reads what the other is or makes."""
    inputs: Sequence[object] = network.inputs
    at = {node: index for index, node in enumerate([*inputs, *network.layers])}
    for layer in network.layers:
        for tensor in layer.inputs:
            for source in () if tensor is None else (tensor, tensor.producer):
                if source in at:
                    yield at[source], at[layer]
