"""Integers without Q/DQ: converted by a Cast, or stored as floats."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_amct.decisions.onnx.quantized_constants import (
    WeightSeen,
    bits_of,
    is_operator,
    several,
    stored,
    values,
)
from pytest_amct.decisions.value_types import HANDS_ON
from pytest_amct.graphs import sources, walk
from pytest_amct.graphs.network import Layer, Tensor

_FEWEST = 8
"""The smallest weight, in elements, that cannot consist of whole numbers by chance."""

_LARGEST = 1 << 15
"""The largest magnitude of the integers of a weight."""

_FACTORS = ("Mul", "Div")
_ARITHMETIC = ("Add", "Sub", *_FACTORS)
_PASSES = HANDS_ON | {"Relu", "Clip", "Add", "MaxPool", "Min", "Max"}
_VISITS = 16

ROUNDS = ("Round", "Floor", "Ceil")
"""Operators that round floats to whole numbers."""


def is_narrow(dtype: str | None) -> bool:
    """Return whether quantized values may have this type: integers or floats of few bits."""
    bits = bits_of(dtype)
    return dtype is not None and bits is not None and bits <= 16 and not _is_half(dtype)


def _is_half(dtype: str) -> bool:
    return dtype in ("float16", "bfloat16")


def _is_float(dtype: str | None) -> bool:
    return dtype in ("float32", "float16", "bfloat16", "float64")


def casts_to_integers(layer: Layer) -> bool:
    """Return whether the layer is a Cast from floats to a narrow type."""
    if not is_operator(layer, "Cast") or not is_narrow(walk.dtype(layer.output(0))):
        return False
    return _is_float(walk.dtype(layer.input(0)))


def casts_from_integers(layer: Layer) -> bool:
    """Return whether the layer is a Cast from integers or narrow floats to floats."""
    if not is_operator(layer, "Cast") or not _is_float(walk.dtype(layer.output(0))):
        return False
    dtype = walk.dtype(layer.input(0))
    return is_narrow(dtype) or dtype in ("int32", "uint32", "int64", "uint64")


def is_constant(tensor: Tensor | None) -> bool:
    """Return whether a value cannot change from run to run."""
    if tensor is None or tensor.origin == "input":
        return False
    return tensor.origin == "constant" or sources.source(tensor).kind == "constant"


def scaled_operand(layer: Layer) -> Tensor | None:
    """Return what an operator scales or shifts by a constant, ``None`` for other operators."""
    operands = arithmetic(layer)
    return operands[0] if operands else None


def arithmetic(layer: Layer) -> tuple[Tensor, Tensor] | None:
    """Return the value and the constant of an operator that scales or shifts the value.

    Returns ``None`` for other operators.
    """
    if layer.domain or layer.type not in _ARITHMETIC or len(layer.inputs) != 2:
        return None
    first, second = layer.inputs
    if first is None or second is None:
        return None
    for one, other in ((first, second), (second, first)):
        if is_constant(other) and not is_constant(one):
            return one, other
    for one, other in ((first, second), (second, first)):  # on a weight, both are constant
        if stored(other) is not None and stored(one) is None:
            return one, other
    return None


def cast_weight_seen(tensor: Tensor | None, cast: Layer) -> WeightSeen:
    """Return what a constant weight shows that is cast from integers, then scaled and shifted."""
    dtype = walk.dtype(cast.input(0))
    bits = bits_of(dtype)
    steps: list[tuple[Layer, Tensor]] = []
    for _ in range(_VISITS):
        layer = tensor.producer if tensor is not None else None
        if layer is None or layer is cast:
            break
        operands = arithmetic(layer)
        if operands is not None:
            steps.append((layer, operands[1]))
        tensor = operands[0] if operands is not None else layer.input(0)
    factors = [several(c) for layer, c in steps if layer.type in _FACTORS]
    channel_wise = True if True in factors else False if factors and None not in factors else None
    middle = 1 << (bits - 1) if bits and dtype and dtype.startswith("uint") else 0
    kinds = [layer.type for layer, _ in steps]
    asymmetric: bool | None = None
    if kinds and kinds[-1] == "Sub" and not {"Add", "Sub"} & {*kinds[:-1]}:
        offset = values(stored(steps[-1][1]))
        asymmetric = None if offset is None else bool((offset != middle).any())
    elif not {"Add", "Sub"} & {*kinds}:
        asymmetric = middle != 0
    return WeightSeen(channel_wise, asymmetric, bits)


def holds_whole_numbers(tensor: Tensor | None) -> bool | None:
    """Return whether all elements of a stored weight are small integers, ``None`` if unknown."""
    found = values(stored(tensor))
    if found is None or found.size < _FEWEST:
        return None
    try:
        flat = found.reshape(-1)
        if not _whole(flat[:64]):  # enough for nearly every weight
            return False
        return _whole(flat) and bool(flat.any())
    except (TypeError, ValueError):
        return None


def _whole(flat: NDArray[Any]) -> bool:
    with np.errstate(all="ignore"):
        numbers = flat.astype(np.float32)
        return bool(((np.rint(numbers) == numbers) & (np.abs(numbers) <= _LARGEST)).all())


def became_whole_numbers(before: Tensor | None, after: Tensor | None) -> bool:
    """Return whether a weight holds integers, stored as floats, in the result only."""
    return bool(holds_whole_numbers(after)) and holds_whole_numbers(before) is False


def factors_differ(layer: Layer) -> bool | None:
    """Return whether the factors applied to a layer's sums differ, ``None`` if unknown.

    Factors of the data may be among them, so only equal factors are conclusive.
    """
    tensor, found = layer.output(0), False
    for _ in range(_VISITS):
        if tensor is None or len(tensor.consumers) != 1:
            break
        reader = tensor.consumers[0]
        operands = arithmetic(reader)
        if operands is not None and reader.type in _FACTORS:
            if several(operands[1]) is not False:
                return None
            found = True
        elif reader.domain or reader.type not in _PASSES:
            break
        tensor = reader.output(0)
    return False if found else None
