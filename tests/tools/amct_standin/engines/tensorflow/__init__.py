"""A stand-in for the parts of TensorFlow that the adapter calls; it computes nothing."""

from __future__ import annotations

from tensorflow import compat
from tensorflow._graph import Graph, numpy_function

__all__ = ["Graph", "compat", "numpy_function"]
