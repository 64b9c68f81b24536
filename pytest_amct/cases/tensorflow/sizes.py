"""The result shapes of the catalogue's layers, for the batch size in the plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_amct.cases.plan import Plan

Shape = tuple[int, ...]

SIZED = ("Conv2DBackpropInput", "DepthwiseConv2dNativeBackpropInput", "Conv3DBackpropInputV2")
"""Types whose first input is the shape of their result; their data is the third input."""

PADDED = ("FusedPadConv2D", "FusedResizeAndPadConv2D")
"""Convolutions that change the size of their data first; their weight is the last input."""

_POOLS = ("AvgPool", "MaxPool", "MaxPoolV2", "MaxPoolWithArgmax", "AvgPool3D", "MaxPool3D")
_DEPTHWISE = ("DepthwiseConv2dNative", "_FusedDepthwiseConv2dNative")
_CONVOLUTIONS = ("Conv", "Conv2D", "Conv3D", "_FusedConv2D", *_DEPTHWISE, *PADDED)
_MATRICES = (
    "MatMul",
    "BatchMatMul",
    "BatchMatMulV2",
    "BatchMatMulV3",
    "Einsum",
    "SparseMatMul",
    "_FusedMatMul",
)


def channels_first(plan: Plan) -> bool:
    """Return whether the channels of a plan's data come right after the batch, not last."""
    return plan.attributes.get("data_format") in ("NCHW", "NCDHW")


def result_shape(plan: Plan) -> Shape:
    """Return the shape of the layer's first output."""
    data, weight = plan.data, plan.weight or ()
    if plan.type in _MATRICES:
        return _product(plan, data, weight)
    if plan.type in SIZED:
        sizes = [_grown(*axis) for axis in _axes(plan, data, weight)]
        return _with_channels(plan, data, sizes, weight[-2])
    if plan.type in _CONVOLUTIONS:
        sizes = [_window(*axis) for axis in _axes(plan, data, weight)]
        deep = plan.type in _DEPTHWISE
        return _with_channels(plan, data, sizes, weight[-2] * weight[-1] if deep else weight[-1])
    if plan.type in _POOLS:
        kernel = plan.attributes.get("ksize") or plan.extra[0][1]
        sizes = [_window(*axis) for axis in _axes(plan, data, _spatial(plan, kernel))]
        return _with_channels(plan, data, sizes, data[1 if channels_first(plan) else -1])
    if plan.type == "ConcatV2":
        return (*data[:-1], 2 * data[-1])
    if plan.type in ("Mean", "Sum", "Max"):
        gone = {int(axis) for axis in plan.extra[0][1]}
        return tuple(n for i, n in enumerate(data) if i not in gone)
    return data


def _product(plan: Plan, data: Shape, weight: Shape) -> Shape:
    given = plan.attributes
    across = given.get("transpose_a") or given.get("adj_x")
    down = given.get("transpose_b") or given.get("adj_y")
    batch = data[:-2] if len(data) >= len(weight) else weight[:-2]
    return (*batch, data[-1 if across else -2], weight[-2 if down else -1])


def _spatial(plan: Plan, entries: Sequence[Any]) -> Shape:
    chosen = entries[2:] if channels_first(plan) else entries[1:-1]
    return tuple(int(n) for n in chosen)


def _axes(plan: Plan, data: Shape, kernel: Shape) -> list[tuple[int, int, int, int]]:
    """Return for each spatial axis: size, extent of the window, stride, padding (-1: SAME)."""
    given, count = plan.attributes, len(data) - 2
    strides = given.get("strides") or (plan.extra[1][1] if len(plan.extra) > 1 else ())
    steps = _spatial(plan, strides)
    wide = _spatial(plan, given.get("dilations") or [1] * (count + 2))
    pads = [-1] * count if given["padding"] == "SAME" else [0] * count
    if given["padding"] == "EXPLICIT":
        listed = given["explicit_paddings"]
        pads = [*_spatial(plan, [sum(listed[i : i + 2]) for i in range(0, len(listed), 2)])]
    covered = [(k - 1) * d + 1 for k, d in zip(kernel, wide, strict=False)]
    return list(zip(_spatial(plan, data), covered, steps, pads, strict=True))


def _window(size: int, covered: int, step: int, pad: int) -> int:
    return -(-size // step) if pad < 0 else (size + pad - covered) // step + 1


def _grown(size: int, covered: int, step: int, pad: int) -> int:
    return size * step if pad < 0 else (size - 1) * step + covered - pad


def _with_channels(plan: Plan, data: Shape, sizes: Sequence[int], channels: int) -> Shape:
    if channels_first(plan):
        return (data[0], channels, *sizes)
    return (data[0], *sizes, channels)
