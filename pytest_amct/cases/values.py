"""Distinctive constants: seeded, never zero, with a different range for each channel.

Zeros and equal values would hide scales, zero points and channels, and leave layers unmatched.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np

from pytest_amct.graphs.dtypes import np_dtype


@lru_cache(maxsize=512)
def weight_bytes(shape: tuple[int, ...], dtype: str, number: int) -> bytes:
    """Return the little-endian bytes of a model's `number`-th constant, on every machine alike."""
    rng = np.random.default_rng([number, *shape])
    values = rng.uniform(0.1, 1.0, shape) * np.where(rng.random(shape) < 0.3, -1.0, 1.0)
    if shape:
        ranges = 0.05 * (1 + np.arange(shape[0]) % 7)
        values = values * ranges.reshape(-1, *([1] * (len(shape) - 1)))
    if dtype.startswith("int"):
        values = np.round(values * 100) + (values >= 0)
    return bytes(values.astype(np_dtype(dtype)).tobytes())


def count(shape: tuple[int, ...]) -> int:
    """Return the number of elements of a tensor of that shape."""
    return prod(shape)
