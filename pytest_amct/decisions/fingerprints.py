"""Recognizes layers of a quantized model by their weights, independent of their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from pytest_amct.decisions.onnx.foreign import is_fake
from pytest_amct.decisions.onnx.qoperator import weight_ports
from pytest_amct.decisions.onnx.quantized_constants import elements, is_dequantize, stored, values
from pytest_amct.decisions.value_types import HANDS_ON
from pytest_amct.graphs.network import Layer, Tensor
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.model import Spec

_LARGEST = 1 << 20
"""The largest number of elements of a weight that is compared."""

_BUDGET = 1 << 25
"""The total number of elements to compare. If it is not enough, nothing is matched by weight."""

_GLANCES = 16
"""How many corners are compared at the cost of an element."""

_CALL = 2048
"""The cost of comparing two weights besides that of their elements, in elements."""

_SLACK = 1.01
"""A factor that allows for rounded steps."""

_ROUNDING = 2e-3
"""The largest rounding error of float16 and bfloat16, relative to the largest weight."""

_MOST_DIMS = 5
"""The largest rank of a weight that is compared. Each permutation of its axes is tried."""

_SMALLEST = 8
"""The smallest number of elements that tells layers apart."""


class _Weight(NamedTuple):
    values: NDArray[Any]
    #: the largest quantization step of all channels
    step: float
    #: first and last element: transposing does not move them
    first: float
    last: float
    mean: float
    layer: Layer


class _Group(NamedTuple):
    """Weights of the same dimensions, sorted by their first elements."""

    weights: Sequence[_Weight]
    firsts: NDArray[np.float64]
    lasts: NDArray[np.float64]
    #: the largest difference to a float weight that rounding explains
    reach: float


def same_weights(
    originals: Sequence[Layer],
    candidates: Sequence[Layer],
    alike: Callable[[Layer, Layer], bool],
    spec: Spec,
) -> Iterator[tuple[Layer, Layer]]:
    """Yield pairs of layers whose weights agree within one step and with no other layer's weight.

    Transposed weights agree. Large weights and external data are ignored. The search stops after
    a fixed number of elements, so its cost is linear in the size of the models.
    """
    budget = _BUDGET
    found = _by_dims(candidates, spec)
    claims: dict[Layer, list[Layer]] = {}
    for layer in originals:
        row = find_row(layer, spec)
        port = row.ports.weight if row is not None else None
        wanted = None if port is None else _plain(layer, port)
        if wanted is None:
            continue
        group = found.get(_dims(wanted.values))
        matches = []
        for weight in _near(wanted, group) if group is not None else ():
            if alike(layer, weight.layer):
                budget -= wanted.values.size + _CALL
                if budget >= 0 and _agree(wanted.values, weight):
                    matches.append(weight.layer)
        budget -= len(group.weights) // _GLANCES if group is not None else 0
        if budget < 0:
            return
        for match in matches:
            claims.setdefault(match, []).append(layer)
        if len(matches) > 1:  # ambiguous: a second claim excludes each of them
            for match in matches:
                claims[match].append(layer)
    yield from ((owners[0], match) for match, owners in claims.items() if len(owners) == 1)


def _by_dims(candidates: Sequence[Layer], spec: Spec) -> Mapping[tuple[int, ...], _Group]:
    groups: dict[tuple[int, ...], list[_Weight]] = {}
    for layer in candidates:
        weight = _weight(layer, spec)
        if weight is not None:
            groups.setdefault(_dims(weight.values), []).append(weight)
    for group in groups.values():
        group.sort(key=lambda weight: weight.first)
    return {dims: _grouped(group) for dims, group in groups.items()}


def _grouped(weights: Sequence[_Weight]) -> _Group:
    firsts, lasts = np.array([w.first for w in weights]), np.array([w.last for w in weights])
    return _Group(weights, firsts, lasts, max(w.step for w in weights) * _SLACK)


def _near(wanted: _Weight, group: _Group) -> Iterator[_Weight]:
    """Yield the weights of a group whose corners and mean rounding explains."""
    start = np.searchsorted(group.firsts, wanted.first - group.reach, "left")
    end = np.searchsorted(group.firsts, wanted.first + group.reach, "right")
    near = np.abs(group.lasts[start:end] - wanted.last) <= group.reach
    for index in np.flatnonzero(near):
        weight = group.weights[int(start + index)]
        if abs(weight.mean - wanted.mean) <= group.reach:
            yield weight


def _dims(array: NDArray[Any]) -> tuple[int, ...]:
    return tuple(sorted(array.shape))


def _weight(layer: Layer, spec: Spec) -> _Weight | None:
    ports = weight_ports(layer)
    if ports is not None:
        weight, scale, zero = ports
        return _dequantized(
            layer, layer.input(weight), scale, zero, 1 if "MatMul" in layer.type else 0
        )
    row = find_row(layer, spec)
    if row is None or row.ports.weight is None:
        return None
    tensor = layer.input(row.ports.weight)
    for _ in range(16):
        producer = tensor.producer if tensor is not None else None
        if producer is None:
            break
        if is_dequantize(producer):
            axis = producer.attribute("axis")
            return _dequantized(
                layer,
                producer.input(0),
                producer.input(1),
                producer.input(2),
                axis if isinstance(axis, int) else 1,
            )
        if is_fake(producer):
            return _stored(layer, producer.input(0))
        if producer.domain or producer.type not in HANDS_ON:
            break
        tensor = producer.input(0)
    return _plain(layer, row.ports.weight)


def _plain(layer: Layer, port: int) -> _Weight | None:
    return _stored(layer, layer.input(port))


def _stored(layer: Layer, tensor: Tensor | None) -> _Weight | None:
    array = _floats(stored(tensor))
    if array is None or array.size < _SMALLEST:
        return None
    return _measured(array, float(np.abs(array).max()) * _ROUNDING, layer)


def _measured(array: NDArray[Any], step: float, layer: Layer) -> _Weight | None:
    if not np.isfinite(array).all():
        return None
    first, last = float(array.flat[0]), float(array.flat[-1])
    return _Weight(array, step, first, last, float(array.mean(dtype=np.float64)), layer)


def _dequantized(
    layer: Layer, weight: Tensor | None, scale: Tensor | None, zero: Tensor | None, axis: int
) -> _Weight | None:
    numbers, scales = _floats(stored(weight)), _floats(stored(scale))
    if numbers is None or scales is None or numbers.size < _SMALLEST or scales.size == 0:
        return None
    zeros = _floats(stored(zero)) if zero is not None else np.zeros(1, np.float32)
    if zeros is None or not -numbers.ndim <= axis < numbers.ndim:
        return None
    along = [1] * numbers.ndim
    along[axis] = -1
    if {zeros.size, scales.size} - {1, numbers.shape[axis]}:  # block quantization has other shapes
        return None
    with np.errstate(all="ignore"):
        array = (numbers - _spread(zeros, along)) * _spread(scales, along)
    return _measured(array, float(scales.max()), layer)


def _spread(values: NDArray[Any], along: list[int]) -> NDArray[Any]:
    return values.reshape(along) if values.size > 1 else values.reshape(-1)[:1]


def _floats(proto: TensorProto | None) -> NDArray[Any] | None:
    count = None if proto is None else elements(proto)
    if proto is None or count is None or count > _LARGEST or len(proto.dims) > _MOST_DIMS:
        return None
    found = values(proto)
    try:
        with np.errstate(all="ignore"):
            return None if found is None else found.astype(np.float32)
    except (TypeError, ValueError):
        return None


def _agree(wanted: NDArray[Any], weight: _Weight) -> bool:
    with np.errstate(all="ignore"):
        for order in permutations(range(weight.values.ndim)):
            turned = weight.values.transpose(order)
            if turned.shape == wanted.shape and _within(turned - wanted, weight.step * _SLACK):
                return True
    return False


def _within(difference: NDArray[Any], step: float) -> bool:
    return bool((np.abs(difference) <= step).all())
