"""Layers of ONNX types without a row that have inputs of their own, besides one image."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pytest_amct.cases.onnx.builder import GraphBuilder
from pytest_amct.cases.onnx.ways import cast
from pytest_amct.cases.values import count

IMAGE = (1, 32, 4, 4)
"""The shape of the image."""


def _deform(g: GraphBuilder, data: str) -> list[str]:
    return [data, g.initializer((32, 32, 1, 1), "float32"), g.initializer((1, 2, 4, 4), "float32")]


def _unpool(g: GraphBuilder, data: str) -> list[str]:
    return [data, g.values("int64", range(count(IMAGE)), IMAGE)]


def _regions(g: GraphBuilder, data: str) -> list[str]:
    return [data, cast(g, g.values("int64", [0, 0, 0, 3, 3], (1, 5)), "float32")]


OWN: Mapping[str, Callable[[GraphBuilder, str], list[str]]] = {
    "DeformConv": _deform,
    "MaxRoiPool": _regions,
    "MaxUnpool": _unpool,
}
"""The inputs of a layer with an image as its data, by type."""
