"""Which names of a model a wrong name may mean, names of PyTorch modules included.

AMCT for PyTorch names modules, ``layer1.0.conv1``. The module's path is in the name of the ONNX
node, ``/layer1/layer1.0/conv1/Conv``, or in its metadata, or in the name of its weight,
``layer1.0.conv1.weight``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import islice

from pytest_amct.decisions.value_types import SHOWS_NOTHING
from pytest_amct.graphs.network import Layer, Network

_MOST = 3
"""The most names that are suggested."""

_MOST_COMPARED = 5000
"""The largest number of names to search for a suggestion."""

_PARTS = re.compile(r"[./]")

_SCOPES = "pkg.torch.onnx.name_scopes"
"""The metadata in which PyTorch's exporter lists the modules around a node, and then the node."""


def near_names(name: str, network: Network, known: Sequence[str], longest: int) -> list[str]:
    """Return names of the model that are near to one that it does not have.

    They are those of nodes that compute the module of this name, else the most similar one of
    `known`. Names that are longer than `longest` are left out.
    """
    modules = (layer.name for layer in network.layers if _computes(layer, name))
    found = list(islice(dict.fromkeys(n for n in modules if 0 < len(n) <= longest), _MOST))
    if found:
        return found
    short = [k for k in islice(known, _MOST_COMPARED) if len(k) <= longest]
    return get_close_matches(name, short, 1)


def _computes(layer: Layer, module: str) -> bool:
    """Return whether a layer's weight, metadata or name says that it computes a module."""
    if layer.type in SHOWS_NOTHING:
        return False
    if any(t.name == f"{module}.weight" for t in layer.inputs if t is not None):
        return True
    for entry in getattr(layer.raw, "metadata_props", ()):
        if entry.key == _SCOPES and entry.value.split(", ")[-2:-1] == [repr(module)]:
            return True
    wanted = _PARTS.split(module)
    return any(path == wanted or _ends_alike(path, wanted) for path in _paths(layer.name))


def _ends_alike(path: Sequence[str], wanted: Sequence[str]) -> bool:
    """Return whether one of two paths of at least two parts is the end of the other."""
    shared = min(len(path), len(wanted))
    return shared > 1 and path[-shared:] == wanted[-shared:]


def _paths(name: str) -> Iterator[list[str]]:
    """Yield the module paths that a node's name may hold: all of it, and without the operator.

    A scope repeats the one that contains it: ``/layer1/layer1.0`` is ``layer1.0``.
    """
    scopes: list[str] = []
    for scope in name.strip("/").split("/"):
        if scopes and scope.startswith(f"{scopes[-1]}."):
            scopes[-1] = scope
        else:
            scopes.append(scope)
    for count in (len(scopes), len(scopes) - 1):
        yield [part for scope in scopes[:count] for part in scope.split(".")]
