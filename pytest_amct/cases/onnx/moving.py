"""Words of weight trees in ONNX models: operators that move values."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from pytest_amct.cases.onnx.builder import GraphBuilder
from pytest_amct.cases.onnx.steps import exact, moves, node
from pytest_amct.cases.trees import Maker, Spec, Step, is_float


def _wide(s: Spec, by: int = 1) -> Spec:
    return s.of(s.shape[0] + by, *s.shape[1:])


def _identity(s: Spec) -> Step:
    return Step((s,), node("Identity"))


def _transpose(s: Spec) -> Step | None:
    order = [*range(len(s.shape))][::-1]
    return (
        Step((s.of(*s.shape[::-1]),), node("Transpose", {"perm": order}))
        if moves(s) and s.shape
        else None
    )


def _turned(s: Spec) -> Step | None:
    """Swap the last two axes."""
    if not moves(s) or len(s.shape) < 2:
        return None
    *rest, a, b = range(len(s.shape))
    *sizes, m, n = s.shape
    return Step((s.of(*sizes, n, m),), node("Transpose", {"perm": [*rest, b, a]}))


def _reshape(s: Spec) -> Step | None:
    return (
        Step((s.of(prod(s.shape)), exact(s.shape)), node("Reshape"))
        if moves(s) and s.shape
        else None
    )


def _reshape_down(s: Spec) -> Step | None:
    return (
        Step((s.of(1, *s.shape), exact(s.shape)), node("Reshape")) if moves(s) and s.shape else None
    )


def _squeeze(s: Spec) -> Step | None:
    return Step((s.of(1, *s.shape), exact([0])), node("Squeeze")) if moves(s) else None


def _unsqueeze(s: Spec) -> Step | None:
    fits = moves(s) and s.shape[-1:] == (1,)
    return Step((s.of(*s.shape[:-1]), exact([-1])), node("Unsqueeze")) if fits else None


def _flatten(s: Spec) -> Step | None:
    fits = moves(s) and len(s.shape) == 2
    return Step((s.of(*s.shape, 1),), node("Flatten", {"axis": 1})) if fits else None


def _concat(parts: int) -> Maker:
    def maker(s: Spec) -> Step | None:
        if not moves(s) or not s.shape or s.shape[0] < parts:
            return None
        each = [s.shape[0] // parts] * (parts - 1)
        sizes = [*each, s.shape[0] - sum(each)]
        return Step(tuple(s.of(n, *s.shape[1:]) for n in sizes), node("Concat", {"axis": 0}))

    return maker


def _split(port: int) -> Maker:
    def maker(s: Spec) -> Step | None:
        if not moves(s) or not s.shape:
            return None
        made = node("Split", {"axis": 0}, 2, port)
        return Step((_wide(s, s.shape[0]), exact([s.shape[0]] * 2)), made)

    return maker


def _slice(s: Spec) -> Step | None:
    if not moves(s) or not s.shape:
        return None
    bounds = (exact([1]), exact([s.shape[0] + 1]), exact([0]), exact([1]))
    return Step((_wide(s, 2), *bounds), node("Slice"))


def _gather(s: Spec) -> Step | None:
    fits = moves(s) and s.shape
    return Step((_wide(s), exact(range(s.shape[0]))), node("Gather", {"axis": 0})) if fits else None


def _gather_one(s: Spec) -> Step | None:
    return Step((s.of(2, *s.shape), exact([1], ())), node("Gather")) if moves(s) else None


def _gather_nd(s: Spec) -> Step | None:
    return Step((s.of(2, *s.shape), exact([1])), node("GatherND")) if moves(s) else None


def _gather_elements(s: Spec) -> Step | None:
    fits = moves(s) and s.shape
    return Step((s, exact([0], s.shape)), node("GatherElements", {"axis": 0})) if fits else None


def _scatter_elements(s: Spec) -> Step | None:
    if not is_float(s) or not s.shape:
        return None
    one = (1, *s.shape[1:])
    return Step((s, exact([0], one), s.of(*one)), node("ScatterElements", {"axis": 0}))


def _scatter_nd(s: Spec) -> Step | None:
    if not is_float(s) or not s.shape:
        return None
    return Step((s, exact([0], (1, 1)), s.of(1, *s.shape[1:])), node("ScatterND"))


def _pad(s: Spec) -> Step | None:
    if not is_float(s) or not s.shape or s.shape[0] < 2:
        return None
    pads = exact([0] * len(s.shape) + [1] + [0] * (len(s.shape) - 1))
    return Step((_wide(s, -1), pads, s.of()), node("Pad"))


def _tile(s: Spec) -> Step | None:
    fits = moves(s) and s.shape
    one = s.of(1, *s.shape[1:])
    return (
        Step((one, exact([*s.shape[:1], *[1] * (len(s.shape) - 1)])), node("Tile"))
        if fits
        else None
    )


def _expand(s: Spec) -> Step | None:
    return (
        Step((s.of(1, *s.shape[1:]), exact(s.shape)), node("Expand"))
        if moves(s) and s.shape
        else None
    )


def _expand_one(s: Spec) -> Step | None:
    return Step((s.of(), exact(s.shape)), node("Expand")) if moves(s) and s.shape else None


def _compress(s: Spec) -> Step | None:
    if not moves(s) or not s.shape:
        return None
    kept = exact([1] * s.shape[0] + [0], dtype="bool")
    return Step((_wide(s), kept), node("Compress", {"axis": 0}))


def _trilu(s: Spec) -> Step | None:
    fits = moves(s) and len(s.shape) > 1
    return Step((s, Spec((), "int64")), node("Trilu")) if fits else None


def _reverse(s: Spec) -> Step | None:
    fits = moves(s) and len(s.shape) > 1
    return Step((s, exact([1] * s.shape[1])), node("ReverseSequence")) if fits else None


def _center(s: Spec) -> Step | None:
    fits = is_float(s) and s.shape
    return (
        Step((_wide(s, 2), exact(s.shape[:1])), node("CenterCropPad", {"axes": [0]}))
        if fits
        else None
    )


def _resize(s: Spec) -> Step | None:
    def make(g: GraphBuilder, x: list[str]) -> str:
        return g.node("Resize", [x[0], "", "", x[1]], {"mode": "nearest"})

    fits = is_float(s) and s.shape
    return Step((s, exact(s.shape)), make) if fits else None


def _blocks(type_: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        fits = is_float(s) and len(s.shape) == 4
        return Step((s,), node(type_, {"blocksize": 1})) if fits else None

    return maker


def _top(s: Spec) -> Step | None:
    fits = is_float(s) and s.shape
    return Step((s, exact([s.shape[-1]])), node("TopK", outputs=2)) if fits else None


MOVING: Mapping[str, Maker] = {
    "Identity": _identity,
    "Transpose": _transpose,
    "Transpose-last": _turned,
    "Reshape": _reshape,
    "Reshape-down": _reshape_down,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Flatten": _flatten,
    "Concat": _concat(2),
    "Concat-3": _concat(3),
    "Concat-10": _concat(10),
    "Split": _split(0),
    "Split-1": _split(1),
    "Slice": _slice,
    "Gather": _gather,
    "Gather-one": _gather_one,
    "GatherND": _gather_nd,
    "GatherElements": _gather_elements,
    "ScatterElements": _scatter_elements,
    "ScatterND": _scatter_nd,
    "Pad": _pad,
    "Tile": _tile,
    "Expand": _expand,
    "Expand-one": _expand_one,
    "Compress": _compress,
    "Trilu": _trilu,
    "ReverseSequence": _reverse,
    "CenterCropPad": _center,
    "Resize": _resize,
    "DepthToSpace": _blocks("DepthToSpace"),
    "SpaceToDepth": _blocks("SpaceToDepth"),
    "TopK": _top,
}
