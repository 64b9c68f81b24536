"""Operators on the way to a weight that take a matrix of 4 columns at an input of their own.

Their data is a stored matrix; what they take may be a shape, indices, a condition or a factor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_amct.cases.onnx.builder import GraphBuilder
from pytest_amct.cases.onnx.ways import Hop, cast, doubled, matrix, number


def _whole(
    g: GraphBuilder, data: str, values: Sequence[int], dims: Sequence[int] | None = None
) -> str:
    """Return integers that are always these, but computed from all values of a matrix."""
    most = cast(g, g.node("ReduceMax", [data], {"keepdims": 0}), "int64")
    none = g.node("Mul", [most, g.values("int64", [0], ())])
    shape = None if dims is None else tuple(dims)
    return g.node("Add", [g.values("int64", values, shape), none])


def _true(g: GraphBuilder, data: str, number: int) -> str:
    """Return that many flags, which are always set, but computed from a matrix."""
    return cast(g, _whole(g, data, [1] * number), "bool")


def _one(g: GraphBuilder, data: str, dtype: str) -> str:
    """Return a number near 1 that is computed from a matrix."""
    most = g.node("ReduceMax", [data], {"keepdims": 0})
    return g.node("Sigmoid", [g.node("Sin", [most])])


def _stored(g: GraphBuilder, rows: int, dtype: str) -> str:
    return g.initializer((rows, 4), dtype)


def _image(g: GraphBuilder, rows: int, dtype: str) -> str:
    """Return a stored image of 4 channels."""
    dims = g.values("int64", [1, 4, rows // 2, 2])
    return g.node("Reshape", [_stored(g, rows, dtype), dims])


def _at_shape(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    return matrix(g, g.node("Reshape", [_stored(g, rows, dtype), _whole(g, data, [4, rows])]), rows)


def _at(
    type_: str, values: Callable[[int], Sequence[int]], dims: Any = None, **attributes: Any
) -> Hop:
    """Return an operator on a stored matrix, and on integers that are computed."""

    def add(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
        given = _whole(g, data, values(rows), dims and dims(rows))
        outputs = 2 if type_ == "TopK" else 1
        made = g.node(type_, [_stored(g, rows, dtype), given], attributes, outputs=outputs)
        return matrix(g, made, rows)

    return add


def _slice_at(place: int) -> Hop:
    """Return a Slice of a stored matrix, of which input `place` is computed."""

    def add(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
        bounds = [0, rows, 0, 1]
        inputs = [
            _whole(g, data, [n]) if at == place else g.values("int64", [n])
            for at, n in enumerate(bounds, 1)
        ]
        return matrix(g, g.node("Slice", [_stored(g, rows, dtype), *inputs]), rows)

    return add


def _scatter_at(place: int, type_: str) -> Hop:
    """Return a scatter into a stored matrix, of which the indices or the updates are computed."""

    def add(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
        if place == 2:
            places, dims = [*range(rows)], (rows, 1)
            if type_ == "ScatterElements":
                places, dims = [*range(4)] * rows, (rows, 4)
            indices = g.values("int64", places, dims)
            return g.node(type_, [_stored(g, rows, dtype), indices, data], _axis(type_))
        indices = _whole(g, data, [0], [1, 1])
        width = 1 if type_ == "ScatterElements" else 4
        updates = g.initializer((1, width), dtype)
        return g.node(type_, [_stored(g, rows, dtype), indices, updates], _axis(type_))

    return add


def _axis(type_: str) -> dict[str, int]:
    return {"axis": 1} if type_ == "ScatterElements" else {}


def _number_at(type_: str, place: int, *values: float) -> Hop:
    """Return an operator on a stored matrix and numbers, of which input `place` is computed."""

    def add(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
        inputs = [
            _one(g, data, dtype) if at == place else number(g, dtype, value)
            for at, value in enumerate(values, 1)
        ]
        return g.node(type_, [_stored(g, rows, dtype), *inputs])

    return add


def _condition(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    flag = g.node("Greater", [data, number(g, dtype, 0.0)])
    return g.node("Where", [flag, _stored(g, rows, dtype), number(g, dtype, 0.5)])


def _compress_at(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    kept = g.node("Compress", [_stored(g, rows, dtype), _true(g, data, rows)], {"axis": 0})
    return matrix(g, kept, rows)


def _pad_value(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    pads = g.values("int64", [0, 0, 1, 0])
    padded = g.node("Pad", [_stored(g, rows - 1, dtype), pads, _one(g, data, dtype)])
    return matrix(g, padded, rows)


def _scale_at(place: int) -> Hop:
    """Return a DequantizeLinear of stored integers, of which input `place` is computed."""

    def add(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
        if place == 1:
            scale, zero = cast(g, _one(g, data, dtype), "float32"), g.values("int8", [0], ())
        else:
            scale, zero = g.values("float32", [0.01], ()), cast(g, _whole(g, data, [0], []), "int8")
        stored = g.initializer((rows, 4), "int8")
        return cast(g, g.node("DequantizeLinear", [stored, scale, zero]), dtype)

    return add


def _range(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    bounds = [
        g.values("int64", [1], ()),
        _whole(g, data, [4 * rows + 1], []),
        g.values("int64", [1], ()),
    ]
    numbers = cast(g, g.node("Range", bounds), dtype)
    return matrix(g, g.node("Mul", [numbers, number(g, dtype, 0.001)]), rows)


def _filled(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    ones = g.node("ConstantOfShape", [_whole(g, data, [rows, 4])])
    return g.node("Sub", [matrix(g, cast(g, ones, dtype), rows), _stored(g, rows, dtype)])


def _one_hot(place: int) -> Hop:
    """Return a OneHot of 4 classes, of which input `place` is computed."""

    def add(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
        classes = [n % 4 for n in range(rows)]
        indices = _whole(g, data, classes) if place == 0 else g.values("int64", classes)
        depth = _whole(g, data, [4], []) if place == 1 else g.values("int64", [4], ())
        values = g.values(dtype, [0.1, 0.9])
        if place == 2:
            values = g.node("Mul", [values, _one(g, data, dtype)])
        hot = g.node("OneHot", [indices, depth, values])
        return g.node("Sub", [matrix(g, hot, rows), _stored(g, rows, dtype)])

    return add


def _indices_of_top(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    g.node("TopK", [data, g.values("int64", [4])], outputs=2)
    places = cast(g, str(g.graph.node[-1].output[1]), dtype)
    return g.node("Sub", [places, _stored(g, rows, dtype)])


def _split_sizes(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    whole = doubled(g, _stored(g, rows, dtype))
    made = g.node("Split", [whole, _whole(g, data, [rows, rows])], {"axis": 0}, outputs=2)
    return matrix(g, made, rows)


def _position(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    pair = g.node("SequenceConstruct", [_stored(g, rows, dtype), _stored(g, rows, dtype)])
    return g.node("SequenceAt", [pair, _whole(g, data, [1], [])])


def _product(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    square = g.node("Slice", [data, *(g.values("int64", [n]) for n in (0, 4, 0))])
    return g.node("Einsum", [_stored(g, rows, dtype), square], {"equation": "ij,jk->ik"})


def _slope(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    return g.node("PRelu", [_stored(g, rows, dtype), data])


def _scaled(type_: str, place: int, places: int) -> Hop:
    """Return a normalization of a stored image, of which a value for each channel is computed."""

    def add(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
        given = [g.values(dtype, [0.5, 0.6, 0.7, 0.8]) for _ in range(places)]
        given[place - 1] = g.node("Mul", [given[place - 1], _one(g, data, dtype)])
        return matrix(g, g.node(type_, [_image(g, rows, dtype), *given]), rows)

    return add


def _sizes(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    image = _image(g, rows, dtype)
    sizes = _whole(g, data, [1, 4, rows // 2, 2])
    return matrix(g, g.node("Resize", [image, "", "", sizes], {"mode": "nearest"}), rows)


OPERANDS: Mapping[str, Hop] = {
    "reshape-shape": _at_shape,
    "expand-shape": _at("Expand", lambda rows: [rows, 4]),
    "tile-repeats": _at("Tile", lambda rows: [1, 1]),
    "filled-shape": _filled,
    "resize-sizes": _sizes,
    "split-sizes": _split_sizes,
    "top-count": _at("TopK", lambda rows: [4]),
    "pad-pads": _at("Pad", lambda rows: [0] * 4),
    "range-limit": _range,
    "one-hot-depth": _one_hot(1),
    "unsqueeze-axes": _at("Unsqueeze", lambda rows: [2]),
    "slice-starts": _slice_at(1),
    "slice-ends": _slice_at(2),
    "slice-axes": _slice_at(3),
    "slice-steps": _slice_at(4),
    "gather-indices": _at("Gather", range),
    "gather-nd-indices": _at("GatherND", range, lambda rows: [rows, 1]),
    "gather-elements-indices": _at(
        "GatherElements", lambda rows: [*range(4)] * rows, lambda rows: [rows, 4], axis=1
    ),
    "scatter-nd-indices": _scatter_at(1, "ScatterND"),
    "scatter-elements-indices": _scatter_at(1, "ScatterElements"),
    "one-hot-indices": _one_hot(0),
    "top-indices": _indices_of_top,
    "cumsum-axis": _at("CumSum", lambda rows: [1], lambda rows: []),
    "position": _position,
    "reversed-lengths": _at("ReverseSequence", lambda rows: [4] * rows, batch_axis=0, time_axis=1),
    "scatter-nd-updates": _scatter_at(2, "ScatterND"),
    "scatter-elements-updates": _scatter_at(2, "ScatterElements"),
    "one-hot-values": _one_hot(2),
    "condition": _condition,
    "compress-condition": _compress_at,
    "clip-least": _number_at("Clip", 1, 0.0, 9.0),
    "clip-most": _number_at("Clip", 2, 0.0, 9.0),
    "pad-value": _pad_value,
    "exponent": _number_at("Pow", 1, 1.0),
    "dequantize-scale": _scale_at(1),
    "dequantize-zero": _scale_at(2),
    "einsum-second": _product,
    "prelu-slope": _slope,
    "batch-normalized-scale": _scaled("BatchNormalization", 1, 4),
    "batch-normalized-variance": _scaled("BatchNormalization", 4, 4),
    "instance-normalized-bias": _scaled("InstanceNormalization", 2, 2),
    "sum-third": _number_at("Sum", 2, 1.0, 1.0),
}
"""Operators by name and input."""
