"""What the tables of one release need to know about a whole network, computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_amct.graphs import sources, walk
from pytest_amct.graphs.collecting import uncollected
from pytest_amct.graphs.ends import Sharing
from pytest_amct.graphs.network import Layer, Network, Tensor
from pytest_amct.once import once
from pytest_amct.tables.float16 import float16_rule
from pytest_amct.tables.kinds import Seen
from pytest_amct.tables.model import Ports, Spec
from pytest_amct.tables.rows import find_row


@dataclass(slots=True, eq=False, repr=False)
class Facts:
    """What follows from a network under one spec: its rows decide which layers have a weight."""

    spec: Spec
    #: which layers share their weights
    sharing: Sharing
    #: whether the network is free of everything that fires the Float16 rule
    float16: Seen


def facts_of(network: Network, spec: Spec) -> Facts:
    """Return the facts of a network under a spec, the same object each time."""
    known = once(network, _known)
    # A spec is not hashable. The facts keep it alive, so no other spec can get the same `id`.
    facts = known.get(id(spec))
    if facts is None:
        weights = [*_weights(network, spec)]
        # Most releases say the same about the weights of a network.
        alike = once(network, _of_weights)
        key = tuple((layer, ports) for layer, _, ports in weights)
        if key not in alike:
            alike[key] = _work_out(network, weights)
        facts = known[id(spec)] = Facts(spec, *alike[key])
    return facts


def _known(network: Network) -> dict[int, Facts]:
    return {}


def _of_weights(network: Network) -> dict[tuple[tuple[Layer, Ports], ...], tuple[Sharing, Seen]]:
    return {}


def _work_out(
    network: Network, weights: Sequence[tuple[Layer, Tensor, Ports]]
) -> tuple[Sharing, Seen]:
    with uncollected():  # the facts stay alive, so there is no garbage to collect
        constant = ((x, w) for x, w, _ in weights if sources.source(w).kind == "constant")
        sharing = Sharing(constant)  # nothing else can be shared
        once(network, walk.note_dtypes)
        return sharing, float16_rule(network, weights)


def _weights(network: Network, spec: Spec) -> Iterator[tuple[Layer, Tensor, Ports]]:
    """Yield the layers with a weight, their weights and the ports of their rows."""
    for layer in network.layers:
        row = find_row(layer, spec)
        if row is not None and row.ports.weight is not None:
            weight = layer.input(row.ports.weight)
            if weight is not None:
                yield layer, weight, row.ports
