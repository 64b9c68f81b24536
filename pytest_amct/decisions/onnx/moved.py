"""Follows stored arrays through operators that only move values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_amct.decisions.onnx.quantized_constants import elements, is_operator, stored, values
from pytest_amct.graphs import walk
from pytest_amct.graphs.network import Layer, Tensor
from pytest_amct.graphs.onnx.ops import DTYPES

FLOATS = ("float32", "float16", "bfloat16", "float64")
"""The element types of float weights."""

_RESHAPES = ("Reshape", "Squeeze", "Unsqueeze", "Flatten")
_MOST_MOVES = 16


class NotReadable(Exception):
    """Raised if the values of a weight are not known, with the reason in words."""


def behind(tensor: Tensor, ends: Callable[[Layer], bool]) -> tuple[Tensor, list[Layer]]:
    """Return the tensor at which a walk back ends, and the operators passed, the first one first.

    The walk passes operators that only move values. It ends at a stored constant, or at the output
    of an operator that `ends` names. Raises `NotReadable` for any other operator.
    """
    moves: list[Layer] = []
    for _ in range(_MOST_MOVES):
        layer = tensor.producer
        if layer is None or is_operator(layer, "Constant") or ends(layer):
            return tensor, moves[::-1]
        source = layer.input(0)
        if layer.domain or source is None or not _moves(layer):
            raise NotReadable(f"it is computed by {layer}")
        moves.append(layer)
        tensor = source
    raise NotReadable("too many operators move it")


def _moves(layer: Layer) -> bool:
    if layer.type == "Cast":  # between float types
        return all(walk.dtype(t) in FLOATS for t in (*layer.inputs[:1], *layer.outputs[:1]))
    return layer.type in ("Identity", "Transpose", *_RESHAPES)


def moved(array: NDArray[Any], moves: Sequence[Layer]) -> NDArray[Any]:
    """Return an array after operators that move its values. Raises `NotReadable`."""
    for layer in moves:
        if layer.type == "Transpose":
            array = array.transpose(_order(layer, array.ndim))
        elif layer.type in _RESHAPES:
            shape = walk.shape(layer.output(0))
            sizes = [n for n in shape or () if isinstance(n, int)]
            if shape is None or len(sizes) != len(shape) or prod(sizes) != array.size:
                raise NotReadable(f"the shape that {layer} returns is not known")
            array = array.reshape(sizes)
    return array


def _order(layer: Layer, rank: int) -> tuple[int, ...]:
    order = layer.attribute("perm")
    if order is None:
        return tuple(range(rank))[::-1]
    if not isinstance(order, tuple | list) or sorted(order) != list(range(rank)):
        raise NotReadable(f"the order of axes of {layer} is not known")
    return tuple(order)


def array_of(tensor: Tensor | None) -> NDArray[Any]:
    """Return the values of a stored constant. Raises `NotReadable` if they are not in the file."""
    if tensor is not None and tensor.origin == "overridable":
        raise NotReadable("callers may replace its initializer")
    proto = stored(tensor)
    if tensor is None or proto is None:
        raise NotReadable("its values are not stored in the model")
    found = values(proto)
    if found is None:
        count = elements(proto)
        external = proto.data_location == proto.EXTERNAL
        why = "are in another file" if external else f"cannot be read ({count} elements)"
        raise NotReadable(f"its values {why}")
    return found


def float_constant(tensor: Tensor) -> tuple[Tensor, NDArray[np.float32]]:
    """Return a constant float value as an array, and the tensor that stores it.

    Raises `NotReadable` if it is not a float constant, or cannot be read.
    """
    home, moves = behind(tensor, lambda layer: False)
    proto = stored(home)
    if proto is not None and DTYPES.get(proto.data_type) not in FLOATS:
        raise NotReadable("the given weight does not hold floats")
    array = array_of(home)
    with np.errstate(all="ignore"):
        floats = moved(array.astype(np.float32), moves)
    if not np.isfinite(floats).all():
        raise NotReadable("the given weight has values that are not finite")
    return home, floats
