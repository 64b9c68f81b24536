"""The operators that AMCT writes into a deploy model, and the contents of their constants.

AMCT writes them into the default domain without registering them. Any domain is accepted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_amct.decisions.onnx.quantized_constants import stored, values
from pytest_amct.decisions.value_types import HANDS_ON
from pytest_amct.graphs.network import Layer, Network, Tensor

QUANT, DEQUANT = "AscendQuant", "AscendDequant"
ANTI_QUANT, WEIGHT_QUANT = "AscendAntiQuant", "AscendWeightQuant"

_INTO_INTEGERS = (QUANT, "AscendRequant")
_FACTORS = (DEQUANT, "AscendRequant")


def is_ascend(layer: Layer) -> bool:
    """Return whether the layer is one of AMCT's operators."""
    return layer.type.startswith("Ascend")


def is_deploy(network: Network) -> bool:
    """Return whether a model is in AMCT's deploy form."""
    return any(is_ascend(layer) for layer in network.layers)


def quantizes_data(layer: Layer) -> bool:
    """Return whether the layer quantizes data. Variants such as AscendQuantV2 are included."""
    return layer.type.startswith(_INTO_INTEGERS)


class Factors(NamedTuple):
    """The packed factors of an AscendDequant. ``None`` means that they do not show it."""

    scales: NDArray[np.float32]
    asymmetric: bool | None
    shift: int | None


def pack_factors(
    scales: NDArray[np.float32], offset: int = 0, shift: int = 0
) -> NDArray[np.uint64]:
    """Pack factors for AscendDequant: bits 0-31 scale, 32-39 shift N, 40-47 weight offset."""
    words = np.ascontiguousarray(scales, np.float32).view(np.uint32).astype(np.uint64)
    high = (offset & 0xFF) << 40 | (shift & 0xFF) << 32
    return np.asarray(words | np.uint64(high), np.uint64)


def unpack_factors(words: NDArray[Any]) -> Factors:
    """Unpack the factors of an AscendDequant.

    The published layout is that of `pack_factors`, but a published writer stores the weight offset
    in the bits of the shift. If only bits 32-39 are set, shift and offset are therefore unknown.
    """
    scales = (words & np.uint64(0xFFFFFFFF)).astype(np.uint32).view(np.float32)
    low = (words >> np.uint64(32)) & np.uint64(0xFF)
    high = (words >> np.uint64(40)) & np.uint64(0xFF)
    if high.any():
        return Factors(scales, True, int(low.max()))
    return Factors(scales, None, None) if low.any() else Factors(scales, False, 0)


def factors_of(layer: Layer) -> Factors | None:
    """Return the factors of an AscendDequant or AscendRequant, ``None`` if they are not stored."""
    if not layer.type.startswith(_FACTORS):
        return None
    found = values(stored(layer.input(1)))
    if found is None or found.dtype != np.uint64 or not found.size:
        return None
    return unpack_factors(found.reshape(-1))


def weight_home(tensor: Tensor | None) -> tuple[Tensor | None, tuple[Layer, ...]]:
    """Return the tensor that stores the weight at a port, and the Ascend operators on the way.

    Operators that quantize data or dequantize sums belong to another layer: they end the search.
    """
    passed = []
    for _ in range(16):
        layer = tensor.producer if tensor is not None else None
        if layer is None:
            break
        if layer.type.startswith((*_INTO_INTEGERS, *_FACTORS)):
            break
        if is_ascend(layer):
            passed.append(layer)
        elif layer.domain or layer.type not in HANDS_ON:
            break
        tensor = layer.input(0)
    return tensor, tuple(passed)
