"""Reads the constants of a quantized ONNX model: scales, zero points, stored weights."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from pytest_amct.decisions.onnx.foreign import (
    bits_by_name,
    has_block_scales,
    is_fake,
    is_foreign_dequantize,
    is_foreign_quantize,
    shown_by_fake,
)
from pytest_amct.decisions.value_types import HANDS_ON
from pytest_amct.graphs import walk
from pytest_amct.graphs.network import Layer, Tensor

MICROSOFT = "com.microsoft"
"""The domain of onnxruntime's operators."""

_LIMIT = 1 << 22
"""The largest number of elements of a constant that is read."""

_MOST_DIMS = 32
"""The largest rank of a constant that is read: numpy's limit is 64, and sizes must stay small."""

_BITS = re.compile(r"(?:u?int|b?float)(\d+)")


class WeightSeen(NamedTuple):
    """What scale, zero point and type of a quantized weight show. ``None`` means unknown."""

    channel_wise: bool | None = None
    asymmetric: bool | None = None
    bits: int | None = None


def is_operator(layer: Layer, type_: str) -> bool:
    """Return whether the layer is this ONNX operator, or onnxruntime's operator of that name."""
    return layer.type == type_ and layer.domain in ("", MICROSOFT)


def is_dequantize(layer: Layer | None) -> bool:
    """Return whether the layer is a DequantizeLinear of any domain."""
    if layer is None:
        return False
    return layer.type == "DequantizeLinear" or is_foreign_dequantize(layer.type, layer.domain)


def is_quantize(layer: Layer | None) -> bool:
    """Return whether the layer is a QuantizeLinear of any domain."""
    if layer is None:
        return False
    return layer.type == "QuantizeLinear" or is_foreign_quantize(layer.type, layer.domain)


def stored(tensor: Tensor | None) -> TensorProto | None:
    """Return the dense constant of a tensor, seen through Identity, ``None`` if it has none."""
    for _ in range(8):
        if tensor is None:
            return None
        if isinstance(tensor.value, TensorProto):
            return tensor.value
        layer = tensor.producer
        tensor = layer.input(0) if layer and is_operator(layer, "Identity") else None
    return None


def elements(proto: TensorProto) -> int | None:
    """Return the number of elements by a constant's dims, ``None`` if no array can have them."""
    if len(proto.dims) > _MOST_DIMS or any(n < 0 for n in proto.dims):
        return None
    return int(math.prod(proto.dims))


def values(proto: TensorProto | None) -> NDArray[Any] | None:
    """Return the elements of a constant, ``None`` if they are not in the file or too many."""
    if proto is None or proto.data_location == TensorProto.EXTERNAL:
        return None
    count = elements(proto)
    if count is None or count > _LIMIT:
        return None
    try:
        return numpy_helper.to_array(proto)
    except (ValueError, TypeError, KeyError, onnx.checker.ValidationError):
        return None  # broken constants show nothing


def weight_seen(weight: Tensor | None, scale: Tensor | None, zero: Tensor | None) -> WeightSeen:
    """Return what a quantized weight shows (docs/reading.md, "What forms show")."""
    dtype = _narrowest(weight, (zero.dtype if zero is not None else None) or walk.dtype(weight))
    bits = bits_of(dtype)
    factors = several(scale)
    if not factors and zero is not None and several(zero):
        factors = True  # zero points per channel imply scales per channel
    return WeightSeen(factors, _offset(zero, dtype, bits), bits)


def pair_seen(layer: Layer) -> WeightSeen:
    """Return what a dequantizing operator shows about its weight."""
    if is_fake(layer):
        return WeightSeen(*shown_by_fake(layer, lambda port: values(stored(layer.input(port)))))
    seen = weight_seen(layer.input(0), layer.input(1), layer.input(2))
    bits = bits_by_name(layer.type)
    if bits is None:
        return seen
    factors = None if has_block_scales(layer.type) else seen.channel_wise
    return WeightSeen(factors, False, bits)


def _narrowest(tensor: Tensor | None, dtype: str | None) -> str | None:
    """Return the type in which a weight was stored, if it was cast to a wider type."""
    for _ in range(16):
        stored_as = None if tensor is None else walk.dtype(tensor)
        bits, known = bits_of(stored_as), bits_of(dtype)
        if bits is not None and known is not None and bits < known:
            dtype = stored_as
        layer = tensor.producer if tensor is not None else None
        if layer is None or layer.domain or layer.type not in HANDS_ON:
            break
        tensor = layer.input(0)
    return dtype


def several(scale: Tensor | None) -> bool | None:
    """Return whether a scale has different entries, ``None`` if unknown."""
    if scale is None:
        return None
    proto = stored(scale)
    count = None if proto is None else elements(proto)
    if count is not None and count <= 1:
        return False
    found = values(proto)
    return None if found is None or not found.size else bool((found != found.flat[0]).any())


def bits_of(dtype: str | None) -> int | None:
    """Return the bits of a quantized type: 8 for ``uint8`` and ``float8e4m3fn``."""
    found = _BITS.match(dtype or "")
    return int(found[1]) if found else None


def _offset(zero: Tensor | None, dtype: str | None, bits: int | None) -> bool | None:
    if dtype is None or bits is None:
        return None
    middle = 1 << (bits - 1) if dtype.startswith("uint") else 0
    if zero is None:  # absent means zero
        return middle != 0
    found = values(stored(zero))
    return None if found is None else bool((found.astype("float32") != middle).any())
