"""What all walks over a network share: their cached answers, and one step back from a tensor."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from typing import TypeVar

from pytest_amct.graphs.network import Layer, Network, Role, Tensor
from pytest_amct.once import once

P = TypeVar("P", bound=Hashable)
V = TypeVar("V")


def fold(
    root: P,
    memo: dict[P, V],
    needs: Callable[[P], Sequence[P]],
    combine: Callable[[P, Sequence[V]], V],
    cyclic: V,
) -> V:
    """Combine values in post-order over the places behind `root`, and return that of `root`.

    A place is a tensor, or more than that (see `calls`). One that needs itself has the value
    `cyclic`.
    """
    if root in memo:
        return memo[root]
    needed = needs(root)
    if all(map(memo.__contains__, needed)):  # usual if layers are visited in document order
        found = memo[root] = combine(root, [memo[t] for t in needed])
        return found
    stack: list[tuple[P, Sequence[P] | None]] = [(root, None)]
    open_: set[P] = set()
    while stack:
        place, asked = stack.pop()
        if asked is not None:
            memo[place] = combine(place, [memo.get(t, cyclic) for t in asked])
            open_.discard(place)
        elif place not in memo and place not in open_:
            open_.add(place)
            asked = needs(place)
            stack.append((place, asked))
            stack.extend((t, None) for t in asked if t not in memo)
    return memo[root]


def role_of(layer: Layer) -> Role:
    """Return the role of a layer's operator."""
    if layer.role is None:
        layer.role = layer.network.ops.role(layer)
    return layer.role


def _ports(network: Network) -> dict[Tensor, int]:
    return {}


def port_of(layer: Layer, tensor: Tensor) -> int:
    """Return the output port of a layer that makes a tensor."""
    if layer.outputs[0] is tensor:
        return 0
    ports = once(layer.network, _ports)
    if tensor not in ports:
        ports.update((t, i) for i, t in enumerate(layer.outputs) if t is not None)
    return ports[tensor]


def _firsts(network: Network) -> dict[Layer, Tensor]:
    return {}


def sibling(layer: Layer, tensor: Tensor) -> Tensor | None:
    """Return the first output of a layer, ``None`` if that is the given one.

    What holds for all outputs alike is worked out for the first one: there may be thousands of
    outputs, and of inputs behind each of them. ``None`` for layers with few inputs, too.
    """
    first = layer.outputs[0]
    if first is tensor or len(layer.inputs) < 2:  # nearly all layers
        return None
    if first is None:
        firsts = once(layer.network, _firsts)
        if layer not in firsts:
            firsts[layer] = next(t for t in layer.outputs if t is not None)
        first = firsts[layer]
    return first if first is not tensor else None


def present(layer: Layer, ports: Iterable[int]) -> list[Tensor]:
    """Return the tensors at these input ports of a layer, without those that are left out."""
    inputs = layer.inputs
    return [t for p in ports if p < len(inputs) and (t := inputs[p]) is not None]


def value_ports(layer: Layer) -> Collection[int]:
    """Return the input ports whose values the operator uses."""
    ports = range(len(layer.inputs))
    takes = layer.network.ops.takes(layer)
    return [p for p in ports if p not in takes] if takes else ports


def is_call(tensor: Tensor) -> bool:
    """Return whether a call of a function makes the tensor."""
    layer = tensor.producer
    return layer is not None and role_of(layer) is Role.CALL


def network_of(tensor: Tensor) -> Network | None:
    """Return the network of a tensor, ``None`` if no layer makes or takes it."""
    layer = tensor.producer or next(iter(tensor.consumers), None)
    return layer.network if layer else None
