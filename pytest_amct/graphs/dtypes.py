"""Element types as numpy dtypes, by the names that networks use."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np


def np_dtype(name: str) -> np.dtype[Any]:
    """Return the numpy dtype of this name, including those of ml_dtypes such as ``bfloat16``."""
    return np.dtype(getattr(ml_dtypes, name) if hasattr(ml_dtypes, name) else name)
