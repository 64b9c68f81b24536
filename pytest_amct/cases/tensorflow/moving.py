"""Words of weight trees in TensorFlow graphs: operators that move values."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from pytest_amct.cases.tensorflow.builder import Dtype, GraphBuilder
from pytest_amct.cases.tensorflow.steps import exact, moves, node
from pytest_amct.cases.trees import Maker, Spec, Step, is_float

_INT = Dtype("int32")


def _wide(s: Spec, by: int = 1) -> Spec:
    return s.of(s.shape[0] + by, *s.shape[1:])


def _identity(s: Spec) -> Step:
    return Step((s,), node("Identity", s.dtype))


def _identity_n(port: int) -> Maker:
    def maker(s: Spec) -> Step | None:
        if not moves(s):  # TensorFlow's shape inference does not read sizes behind it correctly
            return None
        types = [Dtype(s.dtype), Dtype("float32")]
        other = Spec((4,), "float32")
        if port:
            return Step((other, s), node("IdentityN", "", port, T=types[::-1]))
        return Step((s, other), node("IdentityN", "", T=types))

    return maker


def _controlled(s: Spec) -> Step:
    """Return a copy that also waits for another value."""
    return Step((s, Spec((4,), "float32")), lambda g, x: _copy(g, x, s.dtype))


def _copy(g: GraphBuilder, x: list[str], dtype: str) -> str:
    waited = g.node("Abs", x[1:], {"T": Dtype("float32")})
    return g.node("Identity", [x[0], f"^{waited}"], {"T": Dtype(dtype)})


def _transpose(op: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        order = [*range(len(s.shape))][::-1]
        operands = (s.of(*s.shape[::-1]), exact(order))
        return Step(operands, node(op, s.dtype, Tperm=_INT)) if moves(s) and s.shape else None

    return maker


def _reshape(*before: int) -> Maker:
    def maker(s: Spec) -> Step | None:
        old = s.of(*before, *s.shape) if before else s.of(prod(s.shape))
        fits = moves(s) and s.shape
        return Step((old, exact(s.shape)), node("Reshape", s.dtype, Tshape=_INT)) if fits else None

    return maker


def _expand(s: Spec) -> Step | None:
    fits = moves(s) and s.shape[:1] == (1,)
    made = node("ExpandDims", s.dtype, Tdim=_INT)
    return Step((s.of(*s.shape[1:]), exact([0], ())), made) if fits else None


def _squeeze(s: Spec) -> Step | None:
    made = node("Squeeze", s.dtype, squeeze_dims=[0])
    return Step((s.of(1, *s.shape),), made) if moves(s) else None


def _parts(s: Spec, parts: int) -> list[Spec] | None:
    if not moves(s) or not s.shape or s.shape[0] < parts:
        return None
    each = [s.shape[0] // parts] * (parts - 1)
    return [s.of(n, *s.shape[1:]) for n in (*each, s.shape[0] - sum(each))]


def _concat(parts: int) -> Maker:
    def maker(s: Spec) -> Step | None:
        found = _parts(s, parts)
        made = node("ConcatV2", s.dtype, N=parts, Tidx=_INT)
        return None if found is None else Step((*found, exact([0], ())), made)

    return maker


def _concat_old(s: Spec) -> Step | None:
    found = _parts(s, 2)
    return None if found is None else Step((exact([0], ()), *found), node("Concat", s.dtype, N=2))


def _pack(s: Spec) -> Step | None:
    fits = moves(s) and s.shape[:1] == (2,)
    return Step((s.of(*s.shape[1:]),) * 2, node("Pack", s.dtype, N=2, axis=0)) if fits else None


def _pack_one(s: Spec) -> Step | None:
    def make(g: GraphBuilder, x: list[str]) -> str:
        packed = g.node("Pack", x, {"T": Dtype(s.dtype), "N": 2, "axis": 0})
        given = {"T": Dtype(s.dtype), "num": 2, "axis": 0}
        return g.node("Unpack", [packed], given) + ":1"

    return Step((s, s), make) if moves(s) else None


def _split(port: int) -> Maker:
    def maker(s: Spec) -> Step | None:
        fits = moves(s) and s.shape
        made = node("Split", s.dtype, port, num_split=2)
        return Step((exact([0], ()), _wide(s, s.shape[0])), made) if fits else None

    return maker


def _split_v(s: Spec) -> Step | None:
    fits = moves(s) and s.shape
    made = node("SplitV", s.dtype, 1, Tlen=_INT, num_split=2)
    return Step((_wide(s), exact([1, s.shape[0]]), exact([0], ())), made) if fits else None


def _slice(s: Spec) -> Step | None:
    begin = [1] + [0] * (len(s.shape) - 1)
    operands = (_wide(s, 2), exact(begin), exact(s.shape)) if s.shape else ()
    return Step(operands, node("Slice", s.dtype, Index=_INT)) if moves(s) and s.shape else None


def _strided(s: Spec) -> Step | None:
    if not moves(s) or not s.shape:
        return None
    bounds = (exact([1]), exact([s.shape[0] + 1]), exact([1]))
    return Step((_wide(s, 2), *bounds), node("StridedSlice", s.dtype, Index=_INT))


def _gather(op: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        if not moves(s) or not s.shape:
            return None
        given = {"Tparams": Dtype(s.dtype), "Tindices": _INT}
        rows = exact(range(s.shape[0]))
        if op == "GatherV2":
            return Step((_wide(s), rows, exact([0], ())), node(op, "", **given, Taxis=_INT))
        return Step((_wide(s), rows), node(op, "", **given))

    return maker


def _gather_nd(s: Spec) -> Step | None:
    given = {"Tparams": Dtype(s.dtype), "Tindices": _INT}
    return (
        Step((s.of(2, *s.shape), exact([1])), node("GatherNd", "", **given)) if moves(s) else None
    )


def _scatter(op: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        if not is_float(s) or not s.shape:
            return None
        made = node(op, s.dtype, Tindices=_INT)
        return Step((s, exact([0], (1, 1)), s.of(1, *s.shape[1:])), made)

    return maker


def _scatter_nd(s: Spec) -> Step | None:
    if not is_float(s) or not s.shape:
        return None
    rows = exact(range(s.shape[0]), (s.shape[0], 1))
    return Step((rows, s, exact(s.shape)), node("ScatterNd", s.dtype, Tindices=_INT))


def _pad(op: str, *more: int) -> Maker:
    def maker(s: Spec) -> Step | None:
        if not is_float(s) or not s.shape or s.shape[0] < 3:
            return None
        pads = exact([1, 0] + [0] * (2 * len(s.shape) - 2), (len(s.shape), 2))
        mode = {"mode": "SYMMETRIC"} if op == "MirrorPad" else {}
        value = [s.of()] if op == "PadV2" else []
        return Step((_wide(s, -1), pads, *value), node(op, s.dtype, Tpaddings=_INT, **mode))

    return maker


def _tile(s: Spec) -> Step | None:
    fits = moves(s) and s.shape
    times = exact([*s.shape[:1], *[1] * (len(s.shape) - 1)])
    made = node("Tile", s.dtype, Tmultiples=_INT)
    return Step((s.of(1, *s.shape[1:]), times), made) if fits else None


def _broadcast(s: Spec) -> Step | None:
    fits = moves(s) and s.shape
    made = node("BroadcastTo", s.dtype, Tidx=_INT)
    return Step((s.of(1, *s.shape[1:]), exact(s.shape)), made) if fits else None


def _fill(s: Spec) -> Step | None:
    made = node("Fill", s.dtype, index_type=_INT)
    return Step((exact(s.shape), s.of()), made) if moves(s) and s.shape else None


def _reverse(s: Spec) -> Step | None:
    fits = moves(s) and s.shape
    return Step((s, exact([0])), node("ReverseV2", s.dtype, Tidx=_INT)) if fits else None


def _roll(s: Spec) -> Step | None:
    fits = moves(s) and s.shape
    made = node("Roll", s.dtype, Tshift=_INT, Taxis=_INT)
    return Step((s, Spec((1,), "int32"), exact([0])), made) if fits else None


def _segments(s: Spec) -> Step | None:
    if not is_float(s) or not s.shape:
        return None
    rows, count = exact(range(s.shape[0])), exact(s.shape[:1], ())
    made = node("UnsortedSegmentSum", s.dtype, Tindices=_INT, Tnumsegments=_INT)
    return Step((s, rows, count), made)


def _looked_up(s: Spec) -> Step | None:
    """Look up rows of a variable."""

    def make(g: GraphBuilder, x: list[str]) -> str:
        held = {"dtype": Dtype(s.dtype), "shape": s.shape, "shared_name": g.name("v")}
        given = {"dtype": Dtype(s.dtype), "Tindices": _INT}
        return g.node("ResourceGather", [g.node("VarHandleOp", [], held), *x], given)

    return Step((exact(range(s.shape[0])),), make) if is_float(s) and s.shape else None


def _spread(op: str) -> Maker:
    """Return the word for an operator that moves parts of images into the batch, or back."""

    def maker(s: Spec) -> Step | None:
        if not is_float(s) or len(s.shape) != 4:
            return None
        n, h, w, c = s.shape
        blocks = n % 4 == 0 if op == "SpaceToBatchND" else h % 2 == w % 2 == 0
        old = (n // 4, 2 * h, 2 * w, c) if op == "SpaceToBatchND" else (4 * n, h // 2, w // 2, c)
        label = "Tpaddings" if op == "SpaceToBatchND" else "Tcrops"
        made = node(op, s.dtype, **{"Tblock_shape": _INT, label: _INT})
        return Step((s.of(*old), exact([2, 2]), exact([0] * 4, (2, 2))), made) if blocks else None

    return maker


def _resized(s: Spec) -> Step | None:
    fits = s.dtype == "float32" and s.values is None and len(s.shape) == 4
    return Step((s, exact(s.shape[1:3])), node("ResizeBilinear", s.dtype)) if fits else None


def _band(s: Spec) -> Step | None:
    fits = is_float(s) and len(s.shape) > 1
    made = node("MatrixBandPart", s.dtype, Tindex=_INT)
    return Step((s, exact([-1], ()), exact([-1], ())), made) if fits else None


def _top(s: Spec) -> Step | None:
    fits = is_float(s) and s.shape
    made = node("TopKV2", s.dtype)
    return Step((s, exact([s.shape[-1]], ())), made) if fits else None


def _stitch(s: Spec) -> Step | None:
    if not moves(s) or not s.shape:
        return None
    rows = exact(range(s.shape[0]))
    return Step((rows, s), node("DynamicStitch", s.dtype, N=1))


def _ensure(s: Spec) -> Step | None:
    return Step((s,), node("EnsureShape", s.dtype, shape=s.shape)) if moves(s) else None


MOVING: Mapping[str, Maker] = {
    "Identity": _identity,
    "IdentityN": _identity_n(0),
    "IdentityN-1": _identity_n(1),
    "Identity-control": _controlled,
    "Transpose": _transpose("Transpose"),
    "ConjugateTranspose": _transpose("ConjugateTranspose"),
    "Reshape": _reshape(),
    "Reshape-down": _reshape(1),
    "ExpandDims": _expand,
    "Squeeze": _squeeze,
    "ConcatV2": _concat(2),
    "ConcatV2-3": _concat(3),
    "Concat": _concat_old,
    "Pack": _pack,
    "Unpack": _pack_one,
    "Split": _split(0),
    "Split-1": _split(1),
    "SplitV": _split_v,
    "Slice": _slice,
    "StridedSlice": _strided,
    "Gather": _gather("Gather"),
    "GatherV2": _gather("GatherV2"),
    "GatherNd": _gather_nd,
    "TensorScatterUpdate": _scatter("TensorScatterUpdate"),
    "TensorScatterAdd": _scatter("TensorScatterAdd"),
    "ScatterNd": _scatter_nd,
    **{op: _pad(op) for op in ("Pad", "PadV2", "MirrorPad")},
    "Tile": _tile,
    "BroadcastTo": _broadcast,
    "Fill": _fill,
    "ReverseV2": _reverse,
    "Roll": _roll,
    "UnsortedSegmentSum": _segments,
    "ResourceGather": _looked_up,
    **{op: _spread(op) for op in ("BatchToSpaceND", "SpaceToBatchND")},
    "ResizeBilinear": _resized,
    "MatrixBandPart": _band,
    "TopKV2": _top,
    "DynamicStitch": _stitch,
    "EnsureShape": _ensure,
}
