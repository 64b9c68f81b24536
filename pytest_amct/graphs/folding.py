"""What all walks over a network share: their cached answers, and one step back from a tensor."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

from pytest_amct.graphs.network import Layer, Network, Role, Tensor
from pytest_amct.once import once

V = TypeVar("V")


def fold(
    root: Tensor,
    memo: dict[Tensor, V],
    needs: Callable[[Tensor], Sequence[Tensor]],
    combine: Callable[[Tensor, Sequence[V]], V],
    cyclic: V,
) -> V:
    """Combine values in post-order over the tensors behind `root`, and return that of `root`.

    A tensor that needs itself has the value `cyclic`.
    """
    if root in memo:
        return memo[root]
    needed = needs(root)
    if all(t in memo for t in needed):  # usual if the layers are visited in document order
        found = memo[root] = combine(root, [memo[t] for t in needed])
        return found
    stack: list[tuple[Tensor, Sequence[Tensor] | None]] = [(root, None)]
    open_: set[Tensor] = set()
    while stack:
        tensor, asked = stack.pop()
        if asked is not None:
            memo[tensor] = combine(tensor, [memo.get(t, cyclic) for t in asked])
            open_.discard(tensor)
        elif tensor not in memo and tensor not in open_:
            open_.add(tensor)
            asked = needs(tensor)
            stack.append((tensor, asked))
            stack.extend((t, None) for t in asked if t not in memo)
    return memo[root]


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


def present(layer: Layer, ports: Iterable[int]) -> list[Tensor]:
    """Return the tensors at these input ports of a layer, without those that are left out."""
    return [t for p in ports if (t := layer.input(p)) is not None]


def value_ports(layer: Layer) -> Collection[int]:
    """Return the input ports whose values the operator uses."""
    ports = range(len(layer.inputs))
    takes = layer.network.ops.takes(layer)
    return [p for p in ports if p not in takes] if takes else ports


def is_call(tensor: Tensor) -> bool:
    """Return whether a call of a function makes the tensor."""
    layer = tensor.producer
    return layer is not None and layer.network.ops.role(layer) is Role.CALL


def network_of(tensor: Tensor) -> Network | None:
    """Return the network of a tensor, ``None`` if no layer makes or takes it."""
    layer = tensor.producer or next(iter(tensor.consumers), None)
    return layer.network if layer else None
