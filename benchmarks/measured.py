"""Figures with bounds, and the table of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """A ratio and its bound."""

    what: str
    value: float
    bound: float
    at_least: bool = False

    @property
    def kept(self) -> bool:
        """Whether the bound holds."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def show(measured: Sequence[Measured]) -> int:
    """Print figures; return 1 if one does not keep its bound, else 0."""
    width = max(len(m.what) for m in measured)
    for m in measured:
        sign = ">=" if m.at_least else "<="
        kept = "" if m.kept else "   <-- not met"
        print(f"{m.what:<{width}}  {m.value:8.3f} (bound {sign} {m.bound}){kept}", flush=True)
    return 0 if all(m.kept for m in measured) else 1
