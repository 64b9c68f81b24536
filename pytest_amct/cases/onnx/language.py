"""The weight trees of ONNX models: all words together."""

from __future__ import annotations

from functools import lru_cache

from pytest_amct.cases.onnx import computing, seldom, steps
from pytest_amct.cases.onnx.moving import MOVING
from pytest_amct.cases.onnx.nested import NESTED
from pytest_amct.cases.onnx.typed import TYPED
from pytest_amct.cases.trees import Language


@lru_cache(1)
def language() -> Language:
    """Return the words that the installed onnx allows."""
    since = {**computing.SINCE, **seldom.SINCE, **steps.since()}
    words = {**MOVING, **computing.COMPUTING, **TYPED, **NESTED, **seldom.SELDOM}
    words |= steps.keeping()
    return Language(steps.LEAVES, words, since)
