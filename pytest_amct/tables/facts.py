"""What the tables of one release need to know about a whole network, computed once."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_amct.graphs import sources, walk
from pytest_amct.graphs.collecting import uncollected
from pytest_amct.graphs.network import Layer, Network, Tensor
from pytest_amct.once import once
from pytest_amct.tables.float16 import float16_rule
from pytest_amct.tables.kinds import Seen
from pytest_amct.tables.model import Answer, Spec
from pytest_amct.tables.rows import find_row


@dataclass(slots=True, eq=False, repr=False)
class Facts:
    """What follows from a network under one spec: its rows decide which layers have a weight."""

    spec: Spec
    #: the first layer that has a stored constant at its weight port, by that constant
    owners: dict[Tensor, Layer]
    #: all such layers, for the constants that several layers share
    sharers: dict[Tensor, list[Layer]]
    #: whether the network is free of everything that fires the Float16 rule
    float16: Seen
    #: the answers about types that no row lists, by table and type
    unlisted: dict[tuple[str, str], Answer] = field(default_factory=dict)


def facts_of(network: Network, spec: Spec) -> Facts:
    """Return the facts of a network under a spec, the same object each time."""
    known = once(network, _known)
    # A spec is not hashable. The facts keep it alive, so no other spec can get the same `id`.
    facts = known.get(id(spec))
    if facts is None:
        with uncollected():  # the facts stay alive, so there is no garbage to collect
            owners, sharers = _weights(network, spec)
            walk.note_dtypes(network)
            facts = known[id(spec)] = Facts(spec, owners, sharers, float16_rule(network, spec))
    return facts


def _known(network: Network) -> dict[int, Facts]:
    return {}


def _weights(network: Network, spec: Spec) -> tuple[dict[Tensor, Layer], dict[Tensor, list[Layer]]]:
    owners: dict[Tensor, Layer] = {}
    sharers: dict[Tensor, list[Layer]] = {}

    def own(constant: Tensor, layer: Layer) -> None:
        first = owners.setdefault(constant, layer)
        if first is not layer:
            sharers.setdefault(constant, [first]).append(layer)

    for layer in network.layers:
        row = find_row(layer, spec)
        weight = layer.input(row.ports.weight) if row and row.ports.weight is not None else None
        if weight is not None and weight.origin == "constant":  # nearly all weights
            own(weight, layer)
        # Only constants can be shared. The walk behind any other weight would be long.
        elif weight is not None and sources.source(weight).kind == "constant":
            for constant in {weight, *walk.stored(weight)}:
                own(constant, layer)
    return owners, sharers
