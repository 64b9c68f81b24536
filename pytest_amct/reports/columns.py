"""Where the vertices of ordered rows go from left to right: close to those that they join."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

_SWEEPS = 5
"""How often rows follow those above them or, in between, those below. Odd: edges start straight."""

_PULL = 0.08
"""How far a vertex where lines meet may move to the middle: deep networks do not drift away."""

_FIXED = 1e9

_LOOSE = 2.5
"""The most steps from a start of the network, such as a constant, at which a vertex gives way."""


def columns(
    rows: Sequence[Sequence[int]],
    above: Sequence[Sequence[int]],
    below: Sequence[Sequence[int]],
    half: Sequence[float],
) -> dict[int, float]:
    """Return the x of each vertex, in the order of its row.

    `above` and `below` are the neighbours of a vertex. `half` is half of the room that it needs.
    """
    start, end = _steps(rows, above), _steps(rows[::-1], below)
    # The main line of a network weighs more than the constants that join it, and does not move.
    weight = {vertex: min(start[vertex], end[vertex]) ** 2 for row in rows for vertex in row}
    x: dict[int, float] = {}
    for row in rows:
        right = -sum(half[v] for v in row)
        for vertex in row:
            x[vertex] = right + half[vertex]
            right += 2 * half[vertex]
    for sweep in range(_SWEEPS):
        upwards = sweep % 2
        neighbours = below if upwards else above
        for row in reversed(rows) if upwards else rows:
            wanted = {v: _middle(neighbours[v], x, weight) for v in row if neighbours[v]}
            if len(row) > 1 and wanted:
                middle = sum(wanted.values()) / len(wanted)
                wanted = {v: wanted.get(v, middle) for v in row}
                _set(row, wanted, [weight[v] for v in row], half, x)
            else:
                x.update(wanted)
    # Constants and what is made of them move to the layer that uses them.
    for row in reversed(rows):
        loose = [v for v in row if start[v] <= _LOOSE and below[v]]
        if loose and len(row) > 1:
            wanted = {v: x[v] for v in row}
            wanted.update((v, _middle(below[v], x, weight)) for v in loose)
            given = {*loose}
            _set(row, wanted, [1.0 if v in given else _FIXED for v in row], half, x)
    return x


def _steps(rows: Iterable[Sequence[int]], before: Sequence[Sequence[int]]) -> dict[int, float]:
    """Return how many steps lead to each vertex, at most; 0.1 if there is nothing before it."""
    steps: dict[int, float] = {}
    for row in rows:
        for vertex in row:
            steps[vertex] = max((steps[other] + 1 for other in before[vertex]), default=0.1)
    return steps


def _middle(
    neighbours: Sequence[int], x: Mapping[int, float], weight: Mapping[int, float]
) -> float:
    if len(neighbours) == 1:
        return x[neighbours[0]]
    middle = sum(x[n] * weight[n] for n in neighbours) / sum(weight[n] for n in neighbours)
    return middle - max(-_PULL, min(_PULL, middle / 10))


def _set(
    row: Sequence[int],
    wanted: Mapping[int, float],
    weights: Sequence[float],
    half: Sequence[float],
    x: dict[int, float],
) -> None:
    places = _apart([wanted[v] for v in row], weights, [half[v] for v in row])
    x.update(zip(row, places, strict=True))


def _apart(wanted: Sequence[float], weights: Sequence[float], half: Sequence[float]) -> list[float]:
    """Return the values nearest to `wanted`, by least squares, that leave each its room.

    Neighbours that are too close become one group around the mean of what they want.
    """
    starts: list[float] = []  # where each vertex would be if all before it stood close together
    right = 0.0
    for room in half:
        starts.append(right + room)
        right += 2 * room
    groups: list[tuple[float, float, int]] = []  # the mean that members want, their weight, number
    for want, weight, start in zip(wanted, weights, starts, strict=True):
        mean, members = want - start, 1
        while groups and groups[-1][0] > mean:
            before, weight_before, number = groups.pop()
            mean = (before * weight_before + mean * weight) / (weight_before + weight)
            weight, members = weight_before + weight, members + number
        groups.append((mean, weight, members))
    origins = [mean for mean, _, members in groups for _ in range(members)]
    return [origin + start for origin, start in zip(origins, starts, strict=True)]
