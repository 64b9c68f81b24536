"""One HTML page that draws networks and shows each layer's state, without any other file."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from pytest_amct.reports.drawing import STATES, Drawing
from pytest_amct.reports.layout import BOX, LONGEST, ROW, Layout, network_layout
from pytest_amct.reports.web import render, resource
from pytest_amct.wording import printable

_LONGEST = 4000
"""The most characters of a text on the page."""

_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


_T = TypeVar("_T", bound=Hashable)


class _Table(Generic[_T]):
    """Values that the page holds once; other places of the page have their index."""

    def __init__(self) -> None:
        self._index: dict[_T, int] = {}

    def index(self, value: _T) -> int:
        return self._index.setdefault(value, len(self._index))

    def values(self) -> list[_T]:
        return [*self._index]


def network_page(drawings: Sequence[Drawing]) -> str:
    """Return an HTML page that shows these drawings, the first one first.

    The page has no links to other files and makes no requests. Raise `UsageError` if jinja2 or
    fast-sugiyama is not installed.
    """
    return render(
        __package__,
        "network_page.html.j2",
        "network_page.css",
        resource("network_page.js", __package__) + resource("network_drawing.js", __package__),
        title=printable(drawings[0].title) if drawings else "no networks",
        titles=[printable(drawing.title) for drawing in drawings],
        data=_embedded(_page_data(drawings)),
    )


def _embedded(data: Mapping[str, Any]) -> str:
    """Return data as JSON that may be inside a script element: no text in it can end it."""
    # Escapes are the same characters to JSON, and never occur outside of its strings.
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES)


def _page_data(drawings: Iterable[Drawing]) -> dict[str, Any]:
    texts: _Table[str] = _Table()
    details: _Table[tuple[int, ...]] = _Table()
    layouts: _Table[tuple[int, tuple[tuple[int, int], ...]]] = _Table()

    def text(value: str) -> int:
        return texts.index(_shown(value))

    shown = []
    for drawing in drawings:
        kinds: _Table[tuple[str, str]] = _Table()
        for kind in sorted({(n.state, n.label) for n in drawing.nodes}, key=_place_in_legend):
            kinds.index(kind)
        nodes = drawing.nodes
        shown.append(
            {
                "title": text(drawing.title),
                "sentence": text(drawing.sentence),
                "about": [text(part) for pair in drawing.about for part in pair],
                "totals": [[text(what), number] for what, number in drawing.totals],
                "kinds": [[state, STATES[state], text(label)] for state, label in kinds.values()],
                "name": [text(node.name) for node in nodes],
                "type": [text(node.type) for node in nodes],
                "kind": [kinds.index((node.state, node.label)) for node in nodes],
                "details": [
                    details.index(tuple(text(part) for pair in node.details for part in pair))
                    for node in nodes
                ],
                "layout": layouts.index((len(nodes), drawing.edges)),
            }
        )
    return {
        "box": BOX,
        "row": ROW,
        "longest": LONGEST,
        "states": [*STATES],
        "layouts": [_layout_data(network_layout(*graph)) for graph in layouts.values()],
        "drawings": shown,
        "details": details.values(),
        "texts": texts.values(),
    }


def _shown(text: str) -> str:
    """Return a text as the page shows it: of printable lines, cut if it is too long."""
    return "\n".join(map(printable, text[:_LONGEST].split("\n")))


def _place_in_legend(kind: tuple[str, str]) -> tuple[int, str]:
    return [*STATES].index(kind[0]), kind[1]


def _layout_data(layout: Layout) -> dict[str, Any]:
    return {
        "x": layout.x,
        "row": layout.row,
        "edges": [node for edge in layout.edges for node in edge],
        # Most edges lead to the next row and have no bends: 0. Those without a line have `null`.
        "bends": [0 if bends == () else bends for bends in layout.bends],
        "inFileOrder": layout.in_file_order,
    }
