"""Trials of a quantizer: models that it gets one after the other, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from pytest_amct.cases.plan import Built


@dataclass(frozen=True, slots=True)
class Call:
    """A model for the quantizer: its bytes, and the other files in its folder."""

    data: bytes
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trial:
    """Calls in order, and the pairs of layers that the first and the last call share.

    Layers are named as in `Built.targets`.
    """

    calls: tuple[Call, ...]
    same: tuple[tuple[str, str], ...]


Change = Callable[[Built, Random], Trial | None]
"""Returns the models before and after a change, ``None`` if the change does not apply."""
