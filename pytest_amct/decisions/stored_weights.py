"""Reads the quantized weights that a result stores, next to the weights of the given model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_amct.decisions.amct.ascend import is_deploy
from pytest_amct.decisions.amct.deploy import stored_weight
from pytest_amct.decisions.onnx.integers import is_constant
from pytest_amct.decisions.onnx.moved import (
    FLOATS,
    NotReadable,
    array_of,
    behind,
    float_constant,
    moved,
)
from pytest_amct.decisions.onnx.pairs import dequantizes
from pytest_amct.decisions.onnx.qoperator import is_qoperator, weight_ports
from pytest_amct.decisions.onnx.quantized_constants import (
    MICROSOFT,
    is_operator,
)
from pytest_amct.graphs.network import Layer, Network, Tensor
from pytest_amct.once import once

_PRODUCTS = ("MatMul", "Gemm")
_WEIGHT = 1
"""The port of the weight."""

_WEIGHTED = ("Conv", "ConvTranspose", *_PRODUCTS)
"""The types of the given model whose weights are checked."""

_BUDGET = 1 << 27
"""The largest total number of elements that is read, so that the cost stays bounded."""

_PRECISION = {
    "float64": 2.0**-24,  # it is read as Float32
    "float32": 2.0**-24,
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
}
"""The relative rounding error of each float type."""

_RANGES = {
    name: (low, low + (1 << bits) - 1)
    for bits in (2, 4, 8, 16)
    for name, low in ((f"int{bits}", -(1 << (bits - 1))), (f"uint{bits}", 0))
}
"""The lowest and highest integer of each type that is checked. Float32 holds them exactly."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredWeight:
    """A quantized weight of a result, in the axes of the given weight.

    `scale` and `zero` have the rank of the weight; their sizes are 1 or those of the weight.
    """

    #: index of the layer in the given model
    index: int
    layer: Layer
    #: the tensor of the given model that stores the weight
    home: Tensor
    #: the tensor of the result that stores the integers
    stored: Tensor
    given: NDArray[np.float32]
    numbers: NDArray[np.float32]
    scale: NDArray[np.float32]
    zero: NDArray[np.float32]
    #: the relative rounding error of the type of the scale, or of the given weight if it is larger
    precision: float
    #: where it was found
    seen: str

    @property
    def values(self) -> NDArray[np.float32]:
        """The weight with which the quantized model computes."""
        with np.errstate(all="ignore"):
            found: NDArray[np.float32] = (self.numbers - self.zero) * self.scale
        return found

    @property
    def at_ends(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Where the integer is the lowest, and the highest, of those that the weight uses."""
        return self.numbers == self.numbers.min(), self.numbers == self.numbers.max()


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A quantized weight that cannot be compared, and why."""

    index: int
    why: str


@dataclass(frozen=True, slots=True)
class Impossible:
    """A quantized weight that no reader of the result can dequantize, and why."""

    index: int
    why: str


def stored_weights(
    original: Network, result: Network, counterparts: Mapping[int, Layer]
) -> Iterator[StoredWeight | NotChecked | Impossible]:
    """Yield the weights of convolutions and matrix products that only the result quantizes.

    `counterparts` are the layers of `result` by the index of a layer of `original`.
    """
    left = _BUDGET
    deploy = once(result, is_deploy)
    for index, after in counterparts.items():
        before = original.layers[index]
        if before.domain or before.type not in _WEIGHTED:
            continue
        given = before.input(_WEIGHT)
        if given is None or not is_constant(given):
            continue
        try:
            found = _found(after, deploy)
            if found is None:
                continue
            if left < 0:
                raise NotReadable("the weights before it are too large to check more")
            with np.errstate(all="ignore"):
                weight = _stored_weight(index, before, given, after, found)
            left -= weight.given.size
            yield weight
        except _ImpossibleError as error:
            yield Impossible(index, str(error))
        except NotReadable as error:
            yield NotChecked(index, str(error))


class _ImpossibleError(Exception):
    """Raised if integers and scales of a weight do not fit, with the reason in words."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The parts of a quantized weight, and the operators between them and the layer."""

    numbers: Tensor
    scale: Tensor | NDArray[np.float32] | None
    zero: Tensor | None
    #: the axis of several scales, ``None`` if the format does not say
    axis: int | None
    block: int
    moves: tuple[Layer, ...]
    seen: str
    #: whether the format states how scales and axes belong together
    exact: bool = True


def _found(after: Layer, deploy: bool) -> _Found | None:
    """Return the parts of a layer's quantized weight, ``None`` if its weight is float.

    Raises `NotReadable` for forms that are not read here.
    """
    if is_qoperator(after):
        return _of_qoperator(after)
    tensor = after.input(_WEIGHT)
    if tensor is None:
        return None
    if deploy:
        parts = stored_weight(after, _WEIGHT)
        if parts is not None:
            axis = channel_axis(after, len(tensor.shape or ()))
            return _Found(parts.numbers, parts.scales, None, axis, 0, (), parts.seen, False)
    try:
        end, moves = behind(tensor, dequantizes)
    except NotReadable:
        return None  # what computes it may be float
    layer = end.producer
    if layer is None or not dequantizes(layer):
        return None
    numbers = layer.input(0)
    if layer.type != "DequantizeLinear" or layer.domain not in ("", MICROSOFT) or numbers is None:
        raise NotReadable(f"it comes through {layer}")
    axis, block = layer.attribute("axis"), layer.attribute("block_size")
    if not isinstance(axis, int) and not layer.domain and layer.version >= 13:
        axis = 1  # older versions have no axis, and onnxruntime's operator has no default
    return _Found(
        numbers,
        layer.input(1),
        layer.input(2),
        axis if isinstance(axis, int) else None,
        block if isinstance(block, int) else 0,
        tuple(moves),
        f"its weight comes through {layer}",
    )


def _of_qoperator(after: Layer) -> _Found:
    ports = weight_ports(after)
    numbers = after.input(ports[0]) if ports is not None else None
    if ports is None or numbers is None:
        raise NotReadable(f"{after} packs its weight")
    _, scale, zero = ports
    if scale is None:
        raise NotReadable(f"the scale of {after} was not found")
    axis = channel_axis(after, len(numbers.shape or ()))
    return _Found(numbers, scale, zero, axis, 0, (), f"it is the weight of {after}", False)


def channel_axis(layer: Layer, rank: int) -> int:
    """Return the axis of the output channels in the weight of a layer or an integer operator."""
    if "ConvTranspose" in layer.type:
        return 1
    if "Conv" in layer.type:
        return 0
    return rank - 2 if layer.attribute("transB") and rank > 1 else rank - 1


# --- arrays ----------------------------------------------------------------------------------


def _stored_weight(
    index: int, before: Layer, given: Tensor, after: Layer, found: _Found
) -> StoredWeight:
    home, floats = float_constant(given)
    if before.type == "Gemm" and _alpha(before) != _alpha(after):
        raise NotReadable("its alpha may be part of the weight")
    if after.type == "Conv" and before.type == "ConvTranspose":
        raise NotReadable("another type of convolution replaces it")
    numbers = _numbers(found)
    scale = found.scale if isinstance(found.scale, np.ndarray) else _scale(found.scale)
    precision = max(_PRECISION[_name(scale.dtype)], _PRECISION.get(home.dtype or "", 0.0))
    scales = _spread(scale.astype(np.float32), numbers, found, "scale")
    zeros = _spread(_zero(found.zero), numbers, found, "zero point")
    turned = before.type in _PRODUCTS and _turned(before) != _turned(after)
    whole = any(layer.type != "Transpose" for layer in found.moves) or numbers.ndim != floats.ndim

    def placed(part: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an array in the axes of the given weight."""
        if part.size == 1 < floats.size:
            return part.reshape(())
        part = np.broadcast_to(part, numbers.shape) if whole else part
        part = moved(part, found.moves)
        return _fitted(part.swapaxes(-1, -2) if turned and part.ndim > 1 else part, floats)

    integers = placed(numbers)
    if integers.shape != floats.shape:
        shapes = f"{list(integers.shape)} in place of {list(floats.shape)}"
        raise NotReadable(f"its shape became {shapes}")
    parts = (floats, integers, placed(scales), placed(zeros))
    return StoredWeight(index, before, home, found.numbers, *parts, precision, found.seen)


def _alpha(layer: Layer) -> float:
    found = layer.attribute("alpha")
    return float(found) if isinstance(found, int | float) else 1.0


def _turned(layer: Layer) -> bool:
    return bool(layer.attribute("transB"))


def _fitted(part: NDArray[Any], floats: NDArray[Any]) -> NDArray[Any]:
    """Return an array without or with axes of size 1, if only these differ from the weight's."""
    if part.shape == floats.shape or part.size != floats.size:
        return part
    same = [n for n in part.shape if n != 1] == [n for n in floats.shape if n != 1]
    return part.reshape(floats.shape) if same else part


def _numbers(found: _Found) -> NDArray[np.float32]:
    """Return the integers of a weight, also if a QuantizeLinear makes them of a constant."""
    maker = found.numbers.producer
    if maker is not None and is_operator(maker, "QuantizeLinear"):
        return _made(maker, found)
    numbers = array_of(found.numbers)
    _range(numbers.dtype)
    if not numbers.size:
        raise NotReadable("it has no elements")
    return numbers.astype(np.float32)


def _made(maker: Layer, found: _Found) -> NDArray[np.float32]:
    """Return what a QuantizeLinear makes of a stored weight."""
    source = maker.input(0)
    if source is None or maker.input(2) is None:
        raise NotReadable(f"{maker} has no zero point, which would show its type")
    _, floats = float_constant(source)
    low, high = _range(array_of(maker.input(2)).dtype)
    steps = _spread(_scale(maker.input(1)).astype(np.float32), floats, found, "scale")
    middle = _spread(_zero(maker.input(2)), floats, found, "zero point")
    with np.errstate(all="ignore"):
        made: NDArray[np.float32] = np.clip(np.rint(floats / steps) + middle, low, high)
    if not np.isfinite(made).all():
        raise NotReadable(f"{maker} divides by a scale of 0")
    return made


def _scale(tensor: Tensor | None) -> NDArray[Any]:
    scale = array_of(tensor)
    if _name(scale.dtype) not in FLOATS:
        raise NotReadable(f"its scale is stored as {_name(scale.dtype)}")
    return scale


def _zero(tensor: Tensor | None) -> NDArray[np.float32]:
    if tensor is None:
        return np.zeros((), np.float32)
    zero = array_of(tensor)
    _range(zero.dtype)
    return zero.astype(np.float32)


def _range(dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return the lowest and highest integer of a type. Raises `NotReadable` for other types."""
    name = _name(dtype)
    if name not in _RANGES:
        raise NotReadable(f"its integers are stored as {name}")
    return _RANGES[name]


@lru_cache(64)
def _name(dtype: np.dtype[Any]) -> str:
    """Return the name of a type. numpy makes it anew each time."""
    return dtype.name


def _spread(
    part: NDArray[np.float32], numbers: NDArray[np.float32], found: _Found, name: str
) -> NDArray[np.float32]:
    """Return scales or zero points with the rank of the weight."""
    if not np.isfinite(part).all():
        raise _ImpossibleError(f"its {name} has values that are not finite")
    if part.size == 1:
        return part.reshape(())
    rank, axis = numbers.ndim, found.axis
    if not found.exact:
        part = part.reshape(-1)
    if axis is None or not -rank <= axis < rank:
        raise NotReadable(f"its {name} has several entries, but no axis says where they belong")
    axis %= rank
    if found.block and part.ndim == rank:
        return _blocks(part, numbers, axis, found.block, name)
    size = numbers.shape[axis]
    if part.ndim != 1 or part.size != size:
        words = f"its {name} has the shape {list(part.shape)}, but axis {axis} has {size} entries"
        raise (_ImpossibleError if found.exact and part.ndim == 1 else NotReadable)(words)
    return part.reshape([-1 if i == axis else 1 for i in range(rank)])


def _blocks(
    part: NDArray[np.float32], numbers: NDArray[np.float32], axis: int, block: int, name: str
) -> NDArray[np.float32]:
    expected = [-(-n // block) if i == axis else n for i, n in enumerate(numbers.shape)]
    if block < 1 or list(part.shape) != expected:
        raise NotReadable(f"its {name} has the shape {list(part.shape)}, not {expected}")
    repeated = np.repeat(part, min(block, numbers.shape[axis]), axis)
    return repeated.take(np.arange(numbers.shape[axis]), axis)
