"""Judges the quantized weights of a result: which are certainly not those of the given model.

Rounding to nearest changes a weight by half a step at most. A larger difference proves nothing by
itself: tools fold scales into weights, equalize layers, tune the rounding or retrain. So a weight
is *stated* to be corrupted only if something shows what went wrong, or if nothing that tools do on
purpose leaves such a weight. docs/reading.md, "Corrupted weights", lists the rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_amct.decisions.captured import broken_readers
from pytest_amct.decisions.decision import Corruption
from pytest_amct.decisions.onnx.quantized_constants import stored, values
from pytest_amct.decisions.purposes import is_otherwise_unchanged, shows_rounding
from pytest_amct.decisions.stored_weights import (
    Impossible,
    NotChecked,
    StoredWeight,
    channel_axis,
    stored_weights,
)
from pytest_amct.graphs.network import Layer, Network, Tensor

_STORED = 2.0**-11
"""The relative rounding error of Float16: tools may store a weight in it before they quantize."""

_SUBNORMAL = 2.0**-25
"""The largest rounding error of Float16 near 0."""

_OPERATIONS = 4
"""The number of rounded operations in a scale, a division by it and the product with it."""

_FEWEST_STEPS = 2
"""The smallest range of integers whose ends are those of the range."""

_FEWEST = 16
"""The smallest number of entries of a channel whose relation to the given ones can be told."""

_RELATED = 0.1
"""The squared correlation below which two channels have nothing to do with each other.

One bit per entry leaves 0.6, and 16 unrelated entries have 0.07 on average.
"""

_PRUNED = 0.05
"""The spread of a channel, relative to the given one, below which it counts as pruned."""

_INTEGERS = (32.0, 192.0)
"""The range of the largest entry of a weight that holds the integers of an 8-bit quantization."""


class Corruptions(NamedTuple):
    """The corrupted weights of a result and those that were not checked, by layer index."""

    found: Mapping[int, tuple[Corruption, ...]]
    unchecked: Mapping[int, str]


class Misfit(NamedTuple):
    """A weight that rounding to nearest does not explain, with its worst entry."""

    weight: StoredWeight
    at: tuple[int, ...]
    #: the difference at the worst entry, in steps
    steps: float

    @property
    def sentence(self) -> str:
        """The worst entry in words."""
        weight, at = self.weight, self.at
        scale = np.broadcast_to(weight.scale, weight.given.shape)[at]
        return (
            f"entry {list(at)} of its weight is {weight.given[at]:.6g} in the given model and"
            f" {weight.values[at]:.6g} in the result, with scale {scale:.6g}: the difference is"
            f" {self.steps:.3g} steps, and rounding explains 0.5; {weight.seen}"
        )


def find_corruptions(
    original: Network, result: Network, counterparts: Mapping[int, Layer]
) -> Corruptions:
    """Return what is wrong with the weights that `result` stores for the layers of `original`."""
    found: dict[int, list[Corruption]] = {}
    for index, words in broken_readers(original, result, counterparts):
        found.setdefault(index, []).append(Corruption("stated", words))
    unchecked: dict[int, str] = {}
    compared: list[_Compared] = []
    for read in stored_weights(original, result, counterparts):
        if isinstance(read, StoredWeight):
            with np.errstate(all="ignore"):
                compared.append(_compared(read))
        elif isinstance(read, NotChecked):
            unchecked[read.index] = read.why
        elif isinstance(read, Impossible):
            found.setdefault(read.index, []).append(Corruption("stated", read.why))
    misfits = [weight for weight in compared if weight.misfit is not None]
    if misfits:
        good = [weight for weight in compared if weight.misfit is None]
        known = _by_integers(good)
        alone = _is_alone(misfits, good) and is_otherwise_unchanged(original, result, counterparts)
        for weight in misfits:
            told = _judged(weight, known, alone)
            if told is None:
                unchecked[weight.place] = "its values changed, which tools may do on purpose"
            else:
                found.setdefault(weight.place, []).append(told)
    return Corruptions({index: tuple(told) for index, told in found.items()}, unchecked)


class _Compared(NamedTuple):
    """A weight that was compared, without its values: a model may have many."""

    place: int
    layer: Layer
    home: Tensor
    stored: Tensor
    #: the worst entry in words, ``None`` if the weight is right
    misfit: str | None = None
    #: what went wrong, if the weight itself shows it
    shown: str | None = None
    #: what went wrong, if tools change no weight of the model on purpose
    likely: str | None = None
    #: whether its values have nothing to do with the given ones
    unlike: bool = False


def _compared(weight: StoredWeight) -> _Compared:
    place = (weight.index, weight.layer, weight.home, weight.stored)
    misfit = find_misfit(weight)
    if misfit is None:
        return _Compared(*place)
    shown = _along_another_axis(weight)
    likely = None if shown else _quantized_twice(weight) or _unrelated(weight)
    flat = (a.reshape(1, -1) for a in (weight.given, weight.values))
    unlike = bool((_relations(*flat) < _RELATED).any())
    return _Compared(*place, misfit.sentence, shown, likely, unlike)


def find_misfit(weight: StoredWeight) -> Misfit | None:
    """Return the entry that differs most, ``None`` if rounding or clipping explains all entries.

    The bound is half a step, and what Float16 and the type of the scale round. At the lowest and
    the highest integer in use, a weight beyond the end is clipped.
    """
    values = weight.values
    return _misfit(weight, values, weight.scale)


def _misfit(
    weight: StoredWeight, values: NDArray[np.float32], scale: NDArray[np.float32]
) -> Misfit | None:
    difference = weight.given - values
    step = np.abs(scale)
    slack = np.abs(weight.given) * max(_STORED, weight.precision) + _SUBNORMAL
    slack += np.abs(values) * (_OPERATIONS * weight.precision)
    off = np.abs(difference) > step * 0.5 + slack
    if not off.any():
        return None
    low, high = weight.at_ends
    if weight.numbers.max() - weight.numbers.min() >= _FEWEST_STEPS:
        upwards = difference * np.sign(scale) > 0
        off &= ~((high & upwards) | (low & ~upwards))
    else:  # which end it is cannot be told, but clipping makes values smaller
        off &= (values == 0) | (np.abs(values) > np.abs(weight.given))
    if not off.any():
        return None
    steps = np.where(off, np.abs(difference) / step, -1.0)
    steps = np.where(np.isnan(steps), np.inf, steps)
    at = np.unravel_index(int(steps.argmax()), steps.shape)
    return Misfit(weight, tuple(int(i) for i in at), float(steps[at]))


# --- what explains a misfit --------------------------------------------------------------------


def _is_alone(misfits: Sequence[_Compared], good: Sequence[_Compared]) -> bool:
    """Return whether one initializer does not fit while another shows how the tool rounds.

    A tool that tunes or scales weights on purpose does so with several.
    """
    homes = {weight.home for weight in misfits}
    return len(homes) == 1 and any(shows_rounding(weight.stored) for weight in good)


def _by_integers(good: Iterable[_Compared]) -> dict[bytes, _Compared]:
    """Return right weights by a digest of their integers."""
    return {_digest(weight.stored): weight for weight in good}


def _digest(tensor: Tensor) -> bytes:
    """Return a digest of the integers of a tensor. Equal ones have the same, others do not."""
    found = values(stored(tensor))
    if found is None:  # made at run time
        return tensor.name.encode()
    return sha256(str(found.shape).encode() + found.tobytes()).digest()


def _judged(weight: _Compared, known: Mapping[bytes, _Compared], alone: bool) -> Corruption | None:
    """Return what is wrong with a weight, ``None`` if a tool may have changed it on purpose."""
    words = weight.shown
    if words is None:
        other = known.get(_digest(weight.stored))
        if weight.unlike and other is not None and other.home is not weight.home:
            words = f"it holds the integers of the weight of {other.layer}"
        elif not alone:
            return None
    words = words or weight.likely
    if words is None:
        return Corruption("inferred", str(weight.misfit))
    return Corruption("stated", f"{words}: {weight.misfit}")


def _along_another_axis(weight: StoredWeight) -> str | None:
    """Return words if the same scales fit along another axis of the same size."""
    long = [axis for axis, n in enumerate(weight.scale.shape) if n > 1]
    if len(long) != 1:
        return None
    (axis,) = long
    for other, size in enumerate(weight.given.shape):
        if other != axis and size == weight.scale.shape[axis]:
            scale, zero = (
                part.swapaxes(axis, other) if part.ndim else part
                for part in (weight.scale, weight.zero)
            )
            values = (weight.numbers - zero) * scale
            if _misfit(weight, values, scale) is None:
                return f"its scales are along axis {axis}, but the weight fits along axis {other}"
    return None


def _quantized_twice(weight: StoredWeight) -> str | None:
    """Return words if a weight that several layers share holds integers of an earlier pass."""
    values = weight.values
    largest = float(np.abs(values).max())
    if len(weight.home.consumers) < 2 or not _INTEGERS[0] <= largest <= _INTEGERS[1]:
        return None
    low, high = weight.at_ends
    inner = ~(low | high)
    for axis in (None, *sorted({0, min(1, values.ndim - 1), values.ndim - 1})):
        others = None if axis is None else tuple(i for i in range(values.ndim) if i != axis)
        squares = (weight.given**2).sum(axis=others, keepdims=True)
        factor = (values * weight.given).sum(axis=others, keepdims=True) / squares
        near = np.abs(values - factor * weight.given) <= 1.0 + np.abs(weight.scale)
        if (near | ~inner).all() and (factor > 1).all():
            return "its weight, which several layers share, was quantized twice"
    return None


def _unrelated(weight: StoredWeight) -> str | None:
    """Return words if a channel has nothing to do with that of the given weight.

    Small channels keep little after rounding, so the difference must exceed a step on average.
    """
    axis = channel_axis(weight.layer, weight.given.ndim)
    if not 0 <= axis < weight.given.ndim:
        return None
    steps = np.abs((weight.given - weight.values) / weight.scale)
    given, values, off = (
        np.moveaxis(a, axis, 0).reshape(a.shape[axis], -1)
        for a in (weight.given, weight.values, steps)
    )
    found = (_relations(given, values) < _RELATED) & (off.mean(axis=1) > 1)
    if not found.any():
        return None
    channel = int(found.argmax())
    return f"channel {channel} of its weight has nothing to do with that of the given model"


def _relations(given: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how each channel is related to the given one: 0 not at all, 1 if it cannot be told.

    It is the larger of two squared correlations: of the values, and of whether they are above the
    median. A few large values decide the former, and pruned ones weaken the latter. A channel that
    was pruned as a whole counts as related.
    """
    if given.shape[1] < _FEWEST:
        return np.ones(given.shape[0], np.float32)
    pruned = values.std(axis=1) < given.std(axis=1) * _PRUNED
    above = (a > np.median(a, axis=1, keepdims=True) for a in (given, values))
    one, other = (a.astype(np.float32) for a in above)
    related = np.maximum(_correlations(given, values), _correlations(one, other))
    return np.where(pruned, np.float32(1), related)


def _correlations(given: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.float32]:
    one, other = (a - a.mean(axis=1, keepdims=True) for a in (given, values))
    before, after = (one**2).sum(axis=1), (other**2).sum(axis=1)
    found = (one * other).sum(axis=1) ** 2 / (before * after)
    return np.where(np.isfinite(found), found, np.float32(1))
