"""Layers by the names that quantizers use: the node's name, or else an output tensor's name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pytest_amct.decisions.near_names import near_names
from pytest_amct.errors import OutputError
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.once import once

_LONGEST = 200
"""The largest number of characters of a name that messages quote."""

_MOST_LISTED = 5
"""The most names that messages list."""


def name_of(layer: Layer) -> str:
    """Return a layer's name, else the name of its first output, else ``""``."""
    return layer.name or next((t.name for t in layer.outputs if t is not None), "")


def unique_names(network: Network) -> list[str]:
    """Return a unique name for each layer.

    It is the layer's own name if no other layer has it, else the name of its first output. If that
    is taken as well, as in nested graphs, it is the layer's description.
    """
    names = Counter(layer.name for layer in network.layers)
    taken = {name for name, times in names.items() if name and times == 1}
    found = []
    for index, layer in enumerate(network.layers):
        name = layer.name
        if not name or names[name] > 1:
            output = next((t.name for t in layer.outputs if t is not None), "")
            choices = (output, str(layer), f"{layer} (layer {index})")
            name = next((c for c in choices if c and c not in taken), choices[-1])
            taken.add(name)
        found.append(name)
    return found


def unique_name(layer: Layer) -> str:
    """Return the name of a layer among `unique_names`."""
    return once(layer.network, _by_layer)[layer]


def _by_layer(network: Network) -> dict[Layer, str]:
    return dict(zip(network.layers, unique_names(network), strict=True))


def layers_by_name(network: Network) -> dict[str, list[int]]:
    """Return the indices of layers by node name, and by output name if no node has that name.

    Tools may also name layers of a Caffe net that are not part of the network (inputs and layers
    of the TRAIN phase). Their names have no index.
    """
    nodes: dict[str, list[int]] = {}
    tensors: dict[str, list[int]] = {}
    for index, layer in enumerate(network.layers):
        if layer.name:
            nodes.setdefault(layer.name, []).append(index)
        for tensor in layer.outputs:
            if tensor is not None:
                tensors.setdefault(tensor.name, []).append(index)
    others: dict[str, list[int]] = {}
    if network.framework == "caffe":
        others = {layer.name: [] for layer in network.raw.layer}
    return others | tensors | nodes


def unknown_name(name: str, network: Network) -> OutputError:
    """Return the error for a name that no layer of the model has."""
    if not name:
        return OutputError(
            "the quantizer returned the name '': name an unnamed node by one of its outputs"
        )
    known = [*layers_by_name(network)]
    near = near_names(name, network, known, _LONGEST) if len(name) <= _LONGEST else []
    suggested = " or ".join(map(repr, near))
    hint = f", did you mean {suggested}?" if near else ": return the names of its nodes"
    return OutputError(
        f"the quantizer named {shown(name)}, which is not a layer of the model{hint}"
    )


def listed(names: Sequence[str]) -> str:
    """Return some names as messages list them."""
    rest = len(names) - _MOST_LISTED
    some = ", ".join(map(shown, names[:_MOST_LISTED]))
    return f"{some} and {rest} more" if rest > 0 else some


def shown(name: str) -> str:
    """Return a name as messages quote it. Long names are cut."""
    return repr(name) if len(name) <= _LONGEST else f"{name[:_LONGEST]!r}..."
