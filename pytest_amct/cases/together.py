"""The networks of the gate: its layers side by side, many in one model.

A quantizer that decides about each layer by itself decides as it does about the single cases. One
that carries something over from layer to layer does not. Large models also have room for what
would be too many single cases: each operator on the way to a weight, with an input at each operand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import cycle

from pytest_amct.cases import catalog
from pytest_amct.cases.drawing import Tree
from pytest_amct.cases.networks import NetworkCase, everything, plan_of
from pytest_amct.cases.plan import USUAL_OPSET
from pytest_amct.ids import ConditionId, Item

LAYERS = 25
"""The number of layers in a network."""
_SOURCE = "weight_source"


@lru_cache(maxsize=8)
def gate_networks(framework: str, newest: int = USUAL_OPSET) -> tuple[NetworkCase, ...]:
    """Return the networks that a gate judges as a whole, in opsets up to `newest`.

    Each layer of the gate that can be part of a network is in one of them, next to others of its
    condition. So is a layer behind each operator that the trees of weights know.
    """
    listed = [Item(group, deviation) for group, deviation in everything(framework)]
    known = [item for item in _behind_operators(framework) if _opset(item) <= newest]
    usual = [item for item in known if _opset(item) <= USUAL_OPSET]
    newer = [item for item in known if _opset(item) > USUAL_OPSET]
    return tuple(NetworkCase(part) for items in (listed, usual, newer) for part in _parts(items))


def _parts(items: Sequence[Item]) -> Iterator[tuple[Item, ...]]:
    for start in range(0, len(items), LAYERS):
        yield tuple(items[start : start + LAYERS])


def _opset(item: Item) -> int:
    return plan_of(item.group, item.deviation).opset


def _behind_operators(framework: str) -> Iterator[Item]:
    """Yield layers whose weights are behind one operator each.

    The rows that say where a weight comes from take turns.
    """
    source = catalog.source_of(framework)
    tree = source.features.get("source")
    if not isinstance(tree, Tree):
        return
    says = [row for row, conditions in source.deviations.items() if _SOURCE in conditions]
    specs = {row: tree.spec(source.defaults[row]) for row in says}
    ways = {row: [*tree.language().ways(spec)] for row, spec in specs.items() if spec is not None}
    rows = cycle(ways)
    for way in dict.fromkeys(way for found in ways.values() for way in found):
        row = next(row for row in rows if way in ways[row])
        yield Item(str(ConditionId("uniform", framework, row)), f"default~source={way}")
