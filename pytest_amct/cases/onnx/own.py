"""Layers of ONNX types without a row that have inputs of their own, besides one image."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pytest_amct.cases.onnx.builder import GraphBuilder
from pytest_amct.cases.onnx.ways import cast, number
from pytest_amct.cases.values import count

IMAGE = (1, 32, 4, 4)
"""The shape of the image."""
_INTEGERS = ("ConvInteger", "MatMulInteger", "QLinearMatMul")
"""Types whose results are integers."""


def _integers(*weight: int) -> Callable[[GraphBuilder, str], list[str]]:
    return lambda g, data: [cast(g, data, "int8"), g.initializer(weight, "int8")]


def _quantized(g: GraphBuilder, data: str) -> list[str]:
    pair = [number(g, "float32", 0.01), g.values("int8", [0], ())]
    return [cast(g, data, "int8"), *pair, g.initializer((4, 4), "int8"), *pair, *pair]


def _deform(g: GraphBuilder, data: str) -> list[str]:
    return [data, g.initializer((32, 32, 1, 1), "float32"), g.initializer((1, 2, 4, 4), "float32")]


def _unpool(g: GraphBuilder, data: str) -> list[str]:
    return [data, g.values("int64", range(count(IMAGE)), IMAGE)]


def _regions(g: GraphBuilder, data: str) -> list[str]:
    return [data, cast(g, g.values("int64", [0, 0, 0, 3, 3], (1, 5)), "float32")]


OWN: Mapping[str, Callable[[GraphBuilder, str], list[str]]] = {
    "ConvInteger": _integers(32, 32, 1, 1),
    "MatMulInteger": _integers(4, 4),
    "QLinearMatMul": _quantized,
    "DeformConv": _deform,
    "MaxRoiPool": _regions,
    "MaxUnpool": _unpool,
}
"""The inputs of a layer with an image as its data, by type."""


def as_floats(g: GraphBuilder, type_: str, result: str) -> str:
    """Return the result of a layer as floats."""
    return cast(g, result, "float32") if type_ in _INTEGERS else result
