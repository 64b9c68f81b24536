"""The stored constants behind a weight: their element types, and which weights share them.

The walk goes backwards along values only. Shapes, indices and scales are not part of a weight.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pytest_amct.graphs.calls import (
    Place,
    Reach,
    arguments,
    places,
    positions,
    returned_by,
    taken_apart,
)
from pytest_amct.graphs.folding import (
    fold,
    network_of,
    port_of,
    present,
    role_of,
    sibling,
    value_ports,
)
from pytest_amct.graphs.network import Layer, Network, Role, Tensor
from pytest_amct.graphs.walk import dtype, is_constant, is_stored
from pytest_amct.once import once

K = TypeVar("K", bound=Hashable)
_Types = frozenset[str | None]


@dataclass(slots=True)
class _Known:
    """The answers that are known in one network."""

    reach: Reach
    types: dict[Place, _Types] = field(default_factory=dict)


def _nothing_known(network: Network) -> _Known:
    return _Known(Reach(_values_behind, positions(network)))


def _values_behind(tensor: Tensor) -> Sequence[Tensor]:
    """Return the tensors whose values become that of a tensor, unless a call makes it."""
    layer = tensor.producer
    role = role_of(layer) if layer is not None else None
    if layer is not None and role is Role.IDENTITY:
        return present(layer, (0,))
    if layer is None or role is not Role.OPERATOR:
        return ()
    other, ops = sibling(layer, tensor), layer.network.ops
    operands = ops.operands(layer, port_of(layer, tensor))
    several = other is not None and len(operands) > 1
    if other is not None and several and operands == ops.operands(layer, port_of(layer, other)):
        return [other]
    values = value_ports(layer)
    return present(layer, (port for port in operands if port in values))


def _behind(place: Place) -> Sequence[Place]:
    tensor, inside = taken_apart(place)
    layer = tensor.producer
    if layer is None:
        passed = tensor.bound if tensor.origin == "parameter" and not inside else ()
        return [t for t in passed if t is not None]
    body = returned_by(tensor) if role_of(layer) is Role.CALL else None
    if body is None:
        return places(_values_behind(tensor), inside)
    given = arguments(layer, once(layer.network, _nothing_known).reach.of(body))
    return [(body,), *places((t for t in given if t is not None), inside)]


def stored_types(tensor: Tensor) -> _Types:
    """Return the types of the constants behind a tensor, with ``None`` for what is not stored."""
    network = network_of(tensor)
    if tensor.origin == "constant" or network is None:
        return frozenset((tensor.dtype,))
    known = once(network, _nothing_known).types
    return fold(tensor, known, _behind, _types_of, frozenset())


def _types_of(place: Place, found: Sequence[_Types]) -> _Types:
    tensor, _ = taken_apart(place)
    if len(found) == 1:
        return found[0]
    if found or tensor.origin == "parameter":
        return frozenset[str | None]().union(*found)
    return frozenset((dtype(tensor) if is_stored(tensor) else None,))


class Sharing:
    """Which layers have the same tensor, or the same stored constant, in their weights.

    It keeps two layers for each tensor, of which one may be the layer in question.
    """

    def __init__(self, weights: Iterable[tuple[Layer, Tensor]]) -> None:
        #: the first layers that have a tensor at their weight port
        self._owners: dict[Tensor, tuple[Layer, ...]] = {}
        #: the first layers to whose weights a way leads from a place
        self._users: dict[Place, tuple[Layer, ...]] = {}
        self._ends: dict[Place, Tensor | None] = {}
        for layer, weight in weights:
            if _added(self._owners, weight, layer) and not is_constant(weight):
                self._mark(layer, weight)

    def _mark(self, layer: Layer, weight: Tensor) -> None:
        waiting: list[Place] = [weight]
        while waiting:
            place = waiting.pop()
            if _added(self._users, place, layer):
                waiting += _behind(place)

    def is_own(self, weight: Tensor) -> bool:
        """Return whether a stored constant is the weight of one layer, and part of no other."""
        return len(self._owners.get(weight, ())) == 1 and weight not in self._users

    def other(self, layer: Layer, weight: Tensor) -> tuple[Tensor, Layer] | None:
        """Return what a layer's weight shares with another layer, and that layer."""
        constant: Tensor | None = weight
        if not is_constant(weight) and len(self._owners[weight]) < 2:
            constant = fold(weight, self._ends, _behind, self._shared_end, None)
        for other in self._layers(constant) if constant is not None else ():
            if constant is not None and other is not layer:
                return constant, other
        return None

    def _shared_end(self, place: Place, found: Sequence[Tensor | None]) -> Tensor | None:
        """Return the shared constant behind a place that comes first by name."""
        tensor, _ = taken_apart(place)
        if found or tensor.origin == "parameter":
            return min((end for end in found if end), key=lambda end: end.name, default=None)
        # A single number is not a weight: many layers may share a scale.
        number = is_constant(tensor) and not set(tensor.shape or ()) - {1}
        return None if number or len({*self._layers(tensor)}) < 2 else tensor

    def _layers(self, end: Tensor) -> Sequence[Layer]:
        """Return layers that have a stored constant in their weights, two if there are several."""
        found = self._owners.get(end, ())
        if self._users:
            found += (*self._users.get(end, ()), *self._users.get((end,), ()))
        return found


def _added(known: dict[K, tuple[Layer, ...]], key: K, layer: Layer) -> bool:
    """Add a layer unless it is known already, or two others are; return whether it was added."""
    layers = known.get(key, ())
    if len(layers) > 1 or layer in layers:
        return False
    known[key] = (*layers, layer)
    return True
