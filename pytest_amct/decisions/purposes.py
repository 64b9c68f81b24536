"""Looks for traces of what tools do to weights on purpose: folding, equalizing, tuning, retraining.

All of these change several constants, or remove or add layers. `is_otherwise_unchanged` finds none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from pytest_amct.decisions.onnx.moved import FLOATS
from pytest_amct.decisions.onnx.quantized_constants import stored, values
from pytest_amct.decisions.value_types import SHOWS_NOTHING
from pytest_amct.graphs.network import Layer, Network, Tensor

_FACTORS = ("Mul", "Div")
_ROUNDING = 2.0**-7
"""The relative difference that is explained by storing a constant in BFloat16."""

_MOST_PORTS = 8
"""The most inputs of a layer that are compared."""

_BUDGET = 1 << 26
"""The most elements that are compared. If it is not enough, something may have changed."""

_FEWEST, _SPREAD = 256, 2.0
"""The fewest entries of a weight, and their smallest standard deviation in steps, that show how a
tool rounds: of others, nearly all entries keep to the bound by chance."""


def shows_rounding(integers: Tensor) -> bool:
    """Return whether a weight that keeps to the bound shows that it was rounded to nearest."""
    found = values(stored(integers))
    if found is None or found.size < _FEWEST:
        return False
    return float(found.astype(np.float32).std()) >= _SPREAD


def is_otherwise_unchanged(
    original: Network, result: Network, counterparts: Mapping[int, Layer]
) -> bool:
    """Return whether a result has the layers and the float constants of the given model.

    No layer is gone, no Mul or Div is new, and each stored float that a layer still reads is the
    same. `counterparts` are the layers of `result` by the index of a layer of `original`.
    """
    for index, layer in enumerate(original.layers):
        if index not in counterparts and (layer.domain or layer.type not in SHOWS_NOTHING):
            return False
    before, after = (Counter(layer.type for layer in n.layers) for n in (original, result))
    if any(after[type_] > before[type_] for type_ in _FACTORS):
        return False
    left = _BUDGET
    for index, layer in counterparts.items():
        pairs = zip(original.layers[index].inputs[:_MOST_PORTS], layer.inputs, strict=False)
        for one, other in pairs:
            given, now = _floats(one), _floats(other)
            if given is None or now is None or one is other:
                continue
            left -= given.size
            if left < 0 or not _are_alike(given, now):
                return False
    return True


def _floats(tensor: Tensor | None) -> NDArray[Any] | None:
    if tensor is None or not isinstance(tensor.value, TensorProto) or tensor.dtype not in FLOATS:
        return None
    return values(tensor.value)


def _are_alike(given: NDArray[Any], now: NDArray[Any]) -> bool:
    """Return whether constants are the same, but for the type that stores them.

    Constants of other shapes, which a tool has moved, are not compared.
    """
    if given.shape != now.shape:
        return True
    one, other = (a.astype(np.float32) for a in (given, now))
    with np.errstate(all="ignore"):
        near = np.abs(one - other) <= np.abs(one) * _ROUNDING + 2.0**-25
    return bool(near.all())
