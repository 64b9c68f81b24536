"""TensorFlow Lite models as a form: what a converter made of a TensorFlow graph."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import PurePath

from pytest_amct.decisions.decision import Decision, Outcome, layer_index
from pytest_amct.decisions.tflite.decisions import decide
from pytest_amct.decisions.tflite.matching import matched
from pytest_amct.decisions.tflite.reader import IDENTIFIER, read_operators
from pytest_amct.decisions.value_types import SHOWS_NOTHING_ELSEWHERE
from pytest_amct.errors import OutputError
from pytest_amct.graphs.files import regular_bytes
from pytest_amct.graphs.network import Network
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.model import Spec

SUFFIX = ".tflite"

_NOTHING = SHOWS_NOTHING_ELSEWHERE | {"Placeholder", "Const"}
"""The types of layers that show nothing."""


def is_tflite(result: object) -> bool:
    """Return whether a result is a TensorFlow Lite model: its bytes, or the path of such a file."""
    if isinstance(result, bytes | bytearray | memoryview):
        return bytes(result[4:8]) == IDENTIFIER
    return isinstance(result, str | os.PathLike) and _suffix(result) == SUFFIX


def read_tflite(original: Network, result: object) -> Callable[[Spec], Outcome]:
    """Read a TensorFlow Lite model. Return what it shows on the layers of a graph under a release.

    Layers that the converter fused, folded or renamed are unmatched. Raises `OutputError` if the
    model cannot be read, or if `original` is not a TensorFlow graph.
    """
    if original.framework != "tensorflow":
        raise OutputError(
            "the quantizer returned a model of TensorFlow Lite, in which only layers of TensorFlow"
            f" graphs are found again: for a model of {original.framework} return names of layers"
            " or a mapping"
        )
    became = matched(original, read_operators(_content(result)))
    asked = [n for n in original.layers if not n.where and n.type not in _NOTHING]

    def under(spec: Spec) -> Outcome:
        told = {
            layer: decide(layer, became[layer], find_row(layer, spec))
            for layer in asked
            if layer in became
        }
        return Outcome(
            "decided",
            decisions={layer_index(n): d for n, d in told.items() if isinstance(d, Decision)},
            unmatched=frozenset(layer_index(layer) for layer in asked if layer not in became),
            untold={layer_index(n): why for n, why in told.items() if isinstance(why, str)},
        )

    return under


def _suffix(path: str | os.PathLike[str]) -> str:
    return PurePath(os.fsdecode(path)).suffix.lower()


def _content(result: object) -> bytes:
    """Return the bytes of a model. Raise `OutputError` for a file that is not one."""
    if isinstance(result, bytes | bytearray | memoryview):
        return bytes(result)
    assert isinstance(result, str | os.PathLike)
    path = os.fsdecode(result)
    try:
        content = regular_bytes(path)
    except (OSError, ValueError) as error:  # ValueError: not a valid path
        why = getattr(error, "strerror", None) or error
        raise OutputError(
            f"the quantizer returned the path {path[:200]!r}, which cannot be read ({why})"
        ) from None
    if not is_tflite(content):
        raise OutputError(
            f"the quantizer returned the path {path[:200]!r}, which is not a model of TensorFlow"
            " Lite: return the file as the converter wrote it"
        )
    return content
