"""Where each layer of a drawn network goes: rows from the top down, as data flows.

Rows are counted from the ends of the network, so that a constant is next to the layer that uses it.
An edge that passes rows has a bend in each of them. fast-sugiyama sorts the vertices of each row so
that few edges cross. Its time and memory grow with the square of the size and more. It therefore
gets blocks of rows: a row of one vertex ends a block, and so does a size that takes it less than a
second. A row that is larger is left in the order of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise
from math import inf, isqrt

from pytest_amct.reports.columns import columns
from pytest_amct.reports.web import missing

BOX = (168, 44)
"""The width and height of the box of a layer, in pixels."""

COLUMN, ROW = 192, 84
"""The distance of neighbouring boxes in a row, and of rows, in pixels."""

_BOX_HALF, _BEND_HALF = 0.5, 0.13
"""Half of the room that a box and the line of an edge have in a row, in columns."""

LONGEST = 20
"""The most rows from the start to the end of an edge that is drawn as a line."""

_SPANS = (LONGEST, 8, 3, 1)
"""What `LONGEST` may be for a network: the first that needs few bends is taken."""

_LARGEST_BLOCK, _MOST_EDGES = 1000, 5000
"""The most vertices and edges that the library gets at once."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the boxes and the edges of a network are."""

    #: the middle of each node's box, in pixels
    x: tuple[int, ...]
    row: tuple[int, ...]
    edges: tuple[tuple[int, int], ...]
    #: for each edge, its x in each row that it passes; `None` if it is long or leads upwards
    bends: tuple[tuple[int, ...] | None, ...]
    #: how many nodes are left in the order of the file
    in_file_order: int


def network_layout(count: int, edges: Iterable[tuple[int, int]]) -> Layout:
    """Return the layout of a network of `count` nodes. Every edge with bends leads downwards.

    Raise `UsageError` if fast-sugiyama is not installed.
    """
    listed = sorted(set(edges))
    component = _components(count, listed)
    downwards = _downwards(count, listed)
    row = _rows(count, component, downwards)
    most = 2 * count + 10_000
    spans = ((s, sum(d - 1 for a, b in downwards if (d := row[b] - row[a]) <= s)) for s in _SPANS)
    longest = next((span for span, bends in spans if bends <= most), 1)

    # Vertices: first the nodes, then the bends.
    vertices = [*range(count)]  # the node that a vertex belongs to
    below: list[list[int]] = [[] for _ in range(count)]
    bends: dict[tuple[int, int], range] = {}
    for a, b in downwards:
        span = row[b] - row[a]
        if span > longest:
            continue
        first = len(vertices)
        bends[a, b] = range(first, first + span - 1)
        for at in range(1, span):
            vertices.append(a)
            row.append(row[a] + at)
            below.append([])
        for upper, lower in pairwise((a, *bends[a, b], b)):
            below[upper].append(lower)

    rows: dict[int, list[list[int]]] = {}
    for vertex, node in enumerate(vertices):
        of_component = rows.setdefault(component[node], [])
        while len(of_component) <= row[vertex]:
            of_component.append([])
        of_component[row[vertex]].append(vertex)

    above: list[list[int]] = [[] for _ in vertices]
    for upper, lowers in enumerate(below):
        for lower in lowers:
            above[lower].append(upper)
    half = [_BOX_HALF if vertex < count else _BEND_HALF for vertex in range(len(vertices))]
    x = [0.0] * len(vertices)
    in_file_order = 0
    for part in rows.values():
        in_file_order += _order(part, vertices, below, count)
        for vertex, place in columns(part, above, below, half).items():
            x[vertex] = place
    _pack([*rows.values()], x, row)
    pixels = [round(value * COLUMN) for value in x]
    return Layout(
        x=tuple(pixels[:count]),
        row=tuple(row[:count]),
        edges=tuple(listed),
        bends=tuple(
            tuple(pixels[v] for v in bends[edge]) if edge in bends else None for edge in listed
        ),
        in_file_order=in_file_order,
    )


def _components(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Return for each node a node that all nodes connected to it share."""
    parent = [*range(count)]

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    for a, b in edges:
        one, other = root(a), root(b)
        parent[max(one, other)] = min(one, other)
    return [root(node) for node in range(count)]


def _downwards(count: int, edges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the edges without those that close circles, in an order of their first nodes.

    Where only circles are left, the first node of the file starts.
    """
    after: list[list[int]] = [[] for _ in range(count)]
    waits = [0] * count
    for a, b in edges:
        if a != b:
            after[a].append(b)
            waits[b] += 1
    ready = [node for node in range(count) if not waits[node]]
    done = [False] * count
    found = []
    next_node = 0
    for _ in range(count):
        if not ready:
            while done[next_node]:
                next_node += 1
            ready.append(next_node)
        node = heappop(ready)
        done[node] = True
        for b in after[node]:
            if not done[b]:
                found.append((node, b))
                waits[b] -= 1
                if not waits[b]:
                    heappush(ready, b)
    return found


def _rows(count: int, component: Sequence[int], downwards: Sequence[tuple[int, int]]) -> list[int]:
    """Return the row of each node: as far down as the nodes after it allow."""
    height = [0] * count
    for a, b in reversed(downwards):
        height[a] = max(height[a], height[b] + 1)
    top = [0] * count
    for node in range(count):
        top[component[node]] = max(top[component[node]], height[node])
    return [top[component[node]] - height[node] for node in range(count)]


def _order(
    rows: list[list[int]], vertices: Sequence[int], below: Sequence[Sequence[int]], count: int
) -> int:
    """Sort the rows of a component; return how many nodes are left in the file's order."""
    in_file_order = 0
    for start, end in pairwise(_block_ends(rows)):
        # A row of one vertex ends one block and starts the next.
        start -= start > 0 and len(rows[start - 1]) == 1
        block = rows[start:end]
        edges = sum(len(below[vertex]) for row in block[:-1] for vertex in row)
        if sum(map(len, block)) > _LARGEST_BLOCK or edges > _MOST_EDGES:
            place: Callable[[int], float] = vertices.__getitem__
            in_file_order += sum(vertex < count for row in block for vertex in row)
        elif all(len(row) == 1 for row in block):
            continue
        else:
            place = _places(block, below).__getitem__
        rows[start:end] = [sorted(row, key=place) for row in block]
    return in_file_order


def _block_ends(rows: Sequence[Sequence[int]]) -> list[int]:
    """Return the rows where blocks end, from 0 on."""
    ends = [0]
    size = 0
    for number, row in enumerate(rows):
        if size + len(row) > _LARGEST_BLOCK and number > ends[-1]:
            ends.append(number)
            size = 0
        size += len(row)
        if len(row) == 1 and number:
            ends.append(number + 1)
            size = 1
    if ends[-1] < len(rows):
        ends.append(len(rows))
    return ends


def _places(rows: Sequence[Sequence[int]], below: Sequence[Sequence[int]]) -> dict[int, float]:
    """Return for each vertex of a block how far right the library puts it."""
    try:
        from fast_sugiyama import from_edges
    except ModuleNotFoundError:
        raise missing("fast-sugiyama") from None
    # The library counts rows from vertices without predecessors; ours are counted from the end.
    edges = [(b, a) for row in rows[:-1] for a in row for b in below[a]]
    # A vertex that has no edge in this block is to the right of the others.
    found = {vertex: inf for row in rows for vertex in row}
    if edges:
        pieces = from_edges(
            edges,
            vertex_spacing=1,
            dummy_vertices=True,
            ranking_type="up",
            crossing_minimization="median",
            # Fewer edges cross, but it takes ten times as long.
            transpose=len(edges) <= 300,
            check_layout=False,
        )
        right = 0.0
        for positions, *_ in pieces:
            places = {int(vertex): at for vertex, (at, _) in positions}
            left = right - min(places.values())
            found.update((vertex, at + left) for vertex, at in places.items())
            right = 1 + left + max(places.values())
    return found


def _pack(components: Sequence[list[list[int]]], x: list[float], row: list[int]) -> None:
    """Move components next to each other, and below those before them when a line is full."""
    lefts = [min(x[v] for line in rows for v in line) for rows in components]
    rights = [max(x[v] for line in rows for v in line) for rows in components]
    widths = [right - left + 1 for left, right in zip(lefts, rights, strict=True)]
    area = sum(w * (len(rows) + 1) for w, rows in zip(widths, components, strict=True))
    line_width = max([isqrt(round(area)), *widths])
    at, top, height = 0.0, 0, 0
    for rows, left, width in zip(components, lefts, widths, strict=True):
        if at and at + width > line_width:
            at, top, height = 0.0, top + height, 0
        for line in rows:
            for vertex in line:
                x[vertex] += at - left
                row[vertex] += top
        at += width
        height = max(height, len(rows) + (len(rows) > 1))
