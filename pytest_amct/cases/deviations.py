"""What the rows of several frameworks have in common."""

from __future__ import annotations

OTHER_FLOATS = ("float16", "bfloat16", "float64")
"""Element types of floats other than the plain one."""
