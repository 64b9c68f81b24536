"""The Float16 rule: one Float16 input or weight closes some types for the whole network.

See docs/reading.md, "Float16". `facts` keeps the result for a network.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_amct.graphs import walk
from pytest_amct.graphs.network import UNKNOWN, Layer, Network, Tensor
from pytest_amct.tables.kinds import Seen, element_types
from pytest_amct.tables.model import Ports, Spec
from pytest_amct.tables.rows import find_row

FLOAT16_REQUIRED = "the network must have no Float16 input or weight"
"""What the rule requires, in words."""

_F16 = "float16"


def float16_rule(network: Network, spec: Spec) -> Seen:
    """Return whether a network is free of everything that fires the rule.

    ``None`` in the result: the document does not decide.
    """
    doubt: str | None = None
    for tensor in network.inputs:
        if tensor.dtype == _F16:
            if _is_read(tensor):
                return Seen(False, f"network input {tensor.name!r} is Float16")
            doubt = f"network input {tensor.name!r} is Float16, but nothing reads it"
        elif tensor.dtype in (None, "sequence", "map", "optional", "opaque"):
            doubt = doubt or f"the type of network input {tensor.name!r} is unknown"
    for layer, weight, ports in _weights(network, spec):
        port = {walk.dtype(weight)} - {None} or element_types(layer, ports)
        if port == {_F16} == walk.stored_types(weight):
            if not layer.where:
                return Seen(False, f"weight {weight.name!r} of {layer} is Float16")
            doubt = doubt or f"weight {weight.name!r} of {layer} is Float16, in a nested graph"
        if not port:
            doubt = doubt or f"the type of weight {weight.name!r} is unknown"
    doubt = doubt or next(_elsewhere(network), None)
    return Seen(None, doubt) if doubt else Seen(True, "no Float16 input or weight")


def _is_read(tensor: Tensor) -> bool:
    """Return whether a layer reads a tensor, or a function that gets it uses or returns it."""
    passed, waiting = {tensor}, [tensor]
    while waiting:
        value = waiting.pop()
        for layer in value.consumers:
            if not layer.parameters:
                return True
            for port, parameter in enumerate(layer.parameters):
                if layer.input(port) is value and parameter not in passed:
                    if parameter.is_output:
                        return True
                    passed.add(parameter)
                    waiting.append(parameter)
    return False


def _weights(network: Network, spec: Spec) -> Iterator[tuple[Layer, Tensor, Ports]]:
    for layer in network.layers:
        row = find_row(layer, spec)
        if row is not None and row.ports.weight is not None:
            weight = layer.input(row.ports.weight)
            if weight is not None:
                yield layer, weight, row.ports


def _elsewhere(network: Network) -> Iterator[str]:
    """Yield Float16 that is neither an input nor a weight: stored, produced or unclear."""
    for tensors in network.scopes:
        for tensor in tensors.values():
            if tensor.dtype == _F16:
                yield f"{tensor.name!r} is Float16"
    for layer in network.layers:
        types = [walk.dtype(made) if made else "" for made in layer.outputs]
        for made, dtype in zip(layer.outputs, types, strict=True):
            if made is not None and dtype == _F16:
                yield f"{made.name!r} is Float16"
            if made is not None and dtype is None and UNKNOWN in layer.given.values():
                yield f"the type of {made.name!r} depends on the calls of {layer.where}"
        taken = (walk.dtype(given) for given in layer.inputs if given is not None)
        if (None in types or None in taken) and _F16 in network.ops.types(layer):
            yield f"{layer} names Float16 in an attribute"
