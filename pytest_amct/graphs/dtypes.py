"""Element types as numpy knows them, by the names that networks use."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np


def np_dtype(name: str) -> np.dtype[Any]:
    """The numpy dtype of that name, ``bfloat16`` and the like included (ml_dtypes)."""
    return np.dtype(getattr(ml_dtypes, name) if hasattr(ml_dtypes, name) else name)
