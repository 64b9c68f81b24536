"""The Float16 rule: one Float16 input or weight closes some types for the whole network.

See docs/reading.md, "Float16". `facts` keeps the result for a network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_amct.graphs import walk
from pytest_amct.graphs.ends import stored_types
from pytest_amct.graphs.network import UNKNOWN, Layer, Network, Tensor
from pytest_amct.tables.kinds import Seen, element_types
from pytest_amct.tables.model import Ports
from pytest_amct.wording import cut

FLOAT16_REQUIRED = "the network must have no Float16 input or weight"
"""What the rule requires, in words."""

_F16 = "float16"


def float16_rule(network: Network, weights: Iterable[tuple[Layer, Tensor, Ports]]) -> Seen:
    """Return whether a network is free of everything that fires the rule.

    `weights` are those of the layers that have a row, with the ports of the row. ``None`` in the
    result: the document does not decide.
    """
    doubt: str | None = None
    for tensor in network.inputs:
        if tensor.dtype == _F16:
            if _is_read(tensor):
                return Seen(False, f"network input {tensor} is Float16")
            doubt = f"network input {tensor} is Float16, but nothing reads it"
        elif tensor.dtype in (None, "sequence", "map", "optional", "opaque"):
            doubt = doubt or f"the type of network input {tensor} is unknown"
    for layer, weight, ports in weights:
        port = {walk.dtype(weight)} - {None} or element_types(layer, ports)
        if port == {_F16} == stored_types(weight):
            if not layer.where:
                return Seen(False, f"weight {weight} of {layer} is Float16")
            doubt = doubt or f"weight {weight} of {layer} is Float16, in a nested graph"
        if not port:
            doubt = doubt or f"the type of weight {weight} is unknown"
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


def _elsewhere(network: Network) -> Iterator[str]:
    """Yield Float16 that is neither an input nor a weight: stored, produced or unclear."""
    for tensors in network.scopes:
        for tensor in tensors.values():
            if tensor.dtype == _F16:
                yield f"{tensor} is Float16"
    known = walk.known_dtypes(network)
    for layer in network.layers:
        unclear = False
        for made in layer.outputs:
            dtype = (made.dtype or known.get(made) or walk.dtype(made)) if made else ""
            if made is not None and dtype == _F16:
                yield f"{made} is Float16"
            if made is not None and dtype is None:
                unclear = True
                if UNKNOWN in layer.given.values():
                    yield f"the type of {made} depends on the calls of {cut(layer.where)}"
        for given in layer.inputs:
            if given is not None and given.dtype is None and known.get(given) is None:
                unclear = unclear or walk.dtype(given) is None
        if unclear and _F16 in network.ops.types(layer):
            yield f"{layer} names Float16 in an attribute"
