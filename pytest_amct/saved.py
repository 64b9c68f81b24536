"""Failing models on disk: the model in its native format, and a note beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_amct.cases.plan import Built, Case
from pytest_amct.errors import ModelError

_TUPLES = ("skip_layers", "skip_layer_types", "tensor_quantize")


@dataclass(frozen=True, slots=True)
class Note:
    """What stands beside a saved model: the case that it is, and the layers that are judged."""

    case: str
    condition: str
    #: output tensors of the judged layers; none = all layers
    focal: tuple[str, ...] = ()
    #: what the quantizer is asked for besides plain uniform quantization
    asked: Mapping[str, Any] = field(default_factory=dict)


def save_model(case: Case, built: Built, folder: Path) -> str:
    """Save a case's model with its note below `folder`; returns its path relative to that."""
    name = "models/" + re.sub(r"[^\w.@+-]+", "-", case.id)
    path = folder / f"{name}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(built.data)
    note = {
        "case": case.id,
        "condition": case.group,
        "focal": list(built.focal),
        "framework": case.framework,
        "request": dict(built.asked),
    }
    path.with_suffix(".json").write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    return f"{name}.onnx"


def read_note(model: Path) -> Note:
    """The note beside a model, one that judges all of it if there is none.

    Raises `ModelError` if the note cannot be read.
    """
    beside = model.with_suffix(".json")
    if not beside.is_file():
        return Note(model.name, "model")
    try:
        noted = json.loads(beside.read_text(encoding="utf-8"))
        asked = {k: tuple(v) if k in _TUPLES else v for k, v in noted["request"].items()}
        return Note(str(noted["case"]), str(noted["condition"]), tuple(noted["focal"]), asked)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{beside}: not a note of this suite ({type(error).__name__}: {error}): remove it to"
            f" judge all layers of {model.name}"
        ) from None
