"""Ways back through calls of functions.

Each call of a function has its own arguments. A walk that comes into a function through one of its
calls must not go on at the arguments of another call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

from pytest_amct.graphs.folding import fold, is_call, port_of, present
from pytest_amct.graphs.network import Layer, Network, Tensor

_MOST = 1 << 12
"""The most parameters of a function that are told apart; the arguments of further ones are unknown.

Each tensor of a function holds a bit for each parameter.
"""

Place = Tensor | tuple[Tensor]
"""A tensor on a way back. In a tuple, the way came into a function through one of its calls.

Such a way ends at the function's parameters. It goes on from the call, at the `arguments`. Nearly
all places are in no function, so they are tensors alone.
"""


def taken_apart(place: Place) -> tuple[Tensor, bool]:
    """Return the tensor of a place, and whether the way came through a call."""
    return (place[0], True) if isinstance(place, tuple) else (place, False)


def places(tensors: Iterable[Tensor], inside: bool) -> Sequence[Place]:
    """Return tensors as places on the same way."""
    return [(t,) for t in tensors] if inside else [*tensors]


def returned_by(tensor: Tensor) -> Tensor | None:
    """Return the tensor of a function's body that becomes this output of a call."""
    layer = tensor.producer
    port = port_of(layer, tensor) if layer is not None else 0
    return layer.body[port] if layer is not None and port < len(layer.body) else None


def arguments(call: Layer, parameters: int) -> list[Tensor | None]:
    """Return the arguments of a call for these parameters; bit i stands for parameter i.

    ``None`` at the end stands for all that the call leaves out, and for those beyond `_MOST`.
    """
    given = min(len(call.inputs), _MOST)
    bits = f"{parameters & ~(-1 << given):b}"[::-1]
    found = [call.inputs[i] for i, bit in enumerate(bits) if bit == "1"]
    return [*found, None] if parameters >> given else found


@dataclass(frozen=True, slots=True)
class Reach:
    """Knows on which parameters of a function the tensors in its body depend."""

    #: the tensors of which another one is computed, unless a call makes it
    needs: Callable[[Tensor], Sequence[Tensor]]
    positions: Mapping[Tensor, int]
    memo: dict[Tensor, int] = field(default_factory=dict)

    def of(self, tensor: Tensor) -> int:
        """Return the parameters of its function on which a tensor depends, one bit for each."""
        return fold(tensor, self.memo, self._needs, self._combine, 0)

    def _needs(self, tensor: Tensor) -> Sequence[Tensor]:
        if tensor.origin == "parameter":
            return ()
        layer, body = tensor.producer, returned_by(tensor) if is_call(tensor) else None
        if layer is None or body is None:
            return self.needs(tensor)
        return [body, *present(layer, range(len(layer.inputs)))]

    def _combine(self, tensor: Tensor, found: Sequence[int]) -> int:
        if tensor.origin == "parameter":
            return 1 << min(self.positions[tensor], _MOST)
        layer = tensor.producer
        if layer is not None and found and is_call(tensor):
            given = dict(zip(present(layer, range(len(layer.inputs))), found[1:], strict=True))
            found = [given[a] for a in arguments(layer, found[0]) if a is not None]
        return reduce(or_, found, 0)


def positions(network: Network) -> dict[Tensor, int]:
    """Return the position of each parameter among those of its function."""
    lists = {id(layer.parameters): layer.parameters for layer in network.layers}
    return {p: i for parameters in lists.values() for i, p in enumerate(parameters)}
