"""A drawn network as one SVG picture that a page shows without a script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from pytest_amct.reports.drawing import STATES, Drawing, Node
from pytest_amct.reports.layout import BOX, ROW, network_layout
from pytest_amct.reports.widths import shortened
from pytest_amct.wording import printable

_WIDE, _HIGH = BOX
_EDGE = 24
"""The width of the strip with the symbol."""

_MARGIN = 6
_ROOM = _WIDE - _EDGE - 12
"""The width of a box that is left for text."""

_TYPE, _NAME = 14.8, 12
"""The sizes of the fonts, see the style sheet. Bold text is wider, as if it were larger."""


def network_svg(drawing: Drawing, symbols: Mapping[str, str] = STATES) -> str:
    """Return a drawing as an ``svg`` element; the style sheet of the page colours it.

    `symbols` stand for the states of layers.
    Raise `UsageError` if fast-sugiyama is not installed.
    """
    layout = network_layout(len(drawing.nodes), drawing.edges)
    left = min(layout.x, default=0) - _WIDE // 2 - _MARGIN
    right = max(layout.x, default=0) + _WIDE // 2 + _MARGIN
    width, height = right - left, max(layout.row, default=0) * ROW + _HIGH + 2 * _MARGIN
    top = -_HIGH // 2 - _MARGIN
    lines = [
        f'<svg class="network" width="{width}" height="{height}"'
        f' viewBox="{left} {top} {width} {height}" role="img"'
        f' aria-label="{escape(printable(drawing.sentence))}">'
    ]
    for (start, end), bends in zip(layout.edges, layout.bends, strict=True):
        points = [(layout.x[start], layout.row[start] * ROW + _HIGH // 2)]
        for at, x in enumerate(bends or (), start=1):
            middle = (layout.row[start] + at) * ROW
            points += [(x, middle - _HIGH // 2), (x, middle + _HIGH // 2)]
        points.append((layout.x[end], layout.row[end] * ROW - _HIGH // 2))
        if bends is not None:  # an edge that leads upwards has no line
            lines.append(f'<path class="edge" d="{" ".join(_line(points))}"/>')
    for node, x, row in zip(drawing.nodes, layout.x, layout.row, strict=True):
        lines += _box(node, symbols[node.state], x - _WIDE // 2, row * ROW - _HIGH // 2)
    return "\n".join([*lines, "</svg>"])


def _line(points: list[tuple[int, int]]) -> Iterator[str]:
    """Yield the parts of a path through points, with an arrow at its end."""
    (x, y), *others = points
    yield f"M{x} {y}"
    for to, down in others:
        middle = (y + down) // 2
        yield f"L{to} {down}" if to == x else f"C{x} {middle} {to} {middle} {to} {down}"
        x, y = to, down
    yield f"M{x - 4} {y - 7}L{x} {y}L{x + 4} {y - 7}"


def _box(node: Node, symbol: str, x: int, y: int) -> Iterator[str]:
    kind, name = (
        escape(shortened(printable(text), _ROOM, size))
        for text, size in ((node.type, _TYPE), (node.name, _NAME))
    )
    full = escape(printable(f"{node.type} {node.name}: {node.label}"))
    left = x + _EDGE + 8
    strip = f"M{x + _EDGE} {y}v{_HIGH}h-{_EDGE - 6}a6 6 0 0 1-6-6v-{_HIGH - 12}a6 6 0 0 1 6-6z"
    yield f'<g class="node {node.state}"><title>{full}</title>'
    yield f'<rect class="box" x="{x}" y="{y}" width="{_WIDE}" height="{_HIGH}" rx="6"/>'
    yield f'<path class="strip" d="{strip}"/>'
    yield f'<text class="symbol" x="{x + _EDGE // 2}" y="{y + 28}">{symbol}</text>'
    yield f'<text class="type" x="{left}" y="{y + 18}">{kind}</text>'
    yield f'<text class="name" x="{left}" y="{y + 35}">{name}</text></g>'
