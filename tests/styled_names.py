"""What layers are called in the styles that requests to skip others use: nothing with a meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping

OF_STYLE: Mapping[str, re.Pattern[str]] = {
    "capitals": re.compile(r"[a-z]\d/[xyXY]+|"),
    "shorter": re.compile(r"[a-z]\d(/[a-z]\d){0,7}|"),
    "longer": re.compile(r"[a-z]\d(/[a-z]\d){0,7}|"),
    "dots": re.compile(r"[a-z]\d/[x.]+|"),
}
"""Patterns by the name of the switch."""
