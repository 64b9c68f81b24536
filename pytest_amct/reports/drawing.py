"""What a drawing of a network shows: layers, each with its state, and the edges between them."""

from __future__ import annotations

from dataclasses import dataclass

STATES = {
    "violation": "!",
    "forbidden": "✕",
    "quantizable": "✓",
    "quantized": "■",
    "float": "□",
    "unspecified": "?",
    "aside": "·",
}
"""The states of layers in the order of the legend, each with the symbol that stands for it.

Symbols tell states apart where colours do not.
"""


@dataclass(frozen=True, slots=True)
class Node:
    """A layer as it is drawn."""

    #: may be any text of any length
    name: str
    #: as ids spell it: ``Conv``, ``com.acme::Conv``
    type: str
    #: one of `STATES`: decides the colour and the symbol
    state: str
    #: the state in words, as the legend shows it
    label: str
    #: headings and texts for the side panel
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A network to draw. An edge is the indices of two nodes; it may repeat or close a circle."""

    title: str
    #: the headline
    sentence: str
    #: headings and texts about the whole network: its release, its framework
    about: tuple[tuple[str, str], ...]
    #: how many layers have the same reason or type
    totals: tuple[tuple[str, int], ...]
    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]
