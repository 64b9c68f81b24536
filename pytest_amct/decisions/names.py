"""Layers by the names that quantizers call them: of their node, or else of an output tensor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

from pytest_amct.errors import OutputError
from pytest_amct.graphs.network import Layer, Network

_LONGEST = 200
"""Characters of a name that messages quote."""

_MOST_COMPARED = 5000
"""Names among which one that was meant is looked for."""


def name_of(layer: Layer) -> str:
    """What a layer is called: by its own name, else by its first output; ``""`` if by neither."""
    return layer.name or next((t.name for t in layer.outputs if t is not None), "")


def unique_names(network: Network) -> list[str]:
    """What each layer is called, no two alike.

    By its own name if no other layer has that, else by its first output. Where that is taken, too,
    as in nested graphs, the layer is spelled out.
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


def layers_by_name(network: Network) -> dict[str, list[int]]:
    """Indices of layers by node name, or by output name where no node is called so.

    Layers of a Caffe net that are none of the network's (inputs, those of the TRAIN phase) have no
    index: a tool may well name them.
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


def unknown_name(name: str, known: Iterable[str]) -> OutputError:
    """What to raise for a name that no layer of the model has."""
    if not name:
        return OutputError(
            "the quantizer named '', as if by a node without a name: return an output of it instead"
        )
    short = [k for k in islice(known, _MOST_COMPARED) if len(k) <= _LONGEST]
    close = get_close_matches(name, short, 1) if len(name) <= _LONGEST else []
    hint = f", did you mean {close[0]!r}?" if close else ": return the names of its nodes"
    return OutputError(f"the quantizer named {shown(name)}, which is no layer of the model{hint}")


def shown(name: str) -> str:
    """A name as messages quote it, long ones cut."""
    return repr(name) if len(name) <= _LONGEST else f"{name[:_LONGEST]!r}..."
