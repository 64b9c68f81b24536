"""Failing models on disk: the model in its native format, and a note beside it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_amct.cases.networks import AnyCase
from pytest_amct.cases.neutral import NeutralCase, Trial
from pytest_amct.cases.plan import Built
from pytest_amct.errors import ModelError, UsageError
from pytest_amct.graphs.reading import MAIN_FILE
from pytest_amct.request_options import RequestOptions

_LONGEST_NAME = 120
"""Characters of an id that the name of a file takes."""


@dataclass(frozen=True, slots=True)
class Note:
    """What stands beside a saved model: the case that it is, and the layers that are judged."""

    case: str
    condition: str
    #: output tensors of the judged layers; none = all layers
    focal: tuple[str, ...] = ()
    #: what the quantizer is asked for besides plain uniform quantization
    asked: Mapping[str, Any] = field(default_factory=dict)
    #: of a pair: the models beside it that are given to the quantizer one after the other
    calls: tuple[str, ...] = ()
    #: of a pair: outputs of the layers that the first and the last have in common
    same: tuple[tuple[str, str], ...] = ()


def save_model(case: AnyCase, built: Built, folder: Path) -> str:
    """Save a case's model with its note below `folder`; returns its path relative to that."""
    name = f"models/{file_name(case.id)}"
    suffix = Path(MAIN_FILE[built.framework]).suffix
    path = folder / f"{name}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(built.data)
    for beside, content in built.files.items():
        path.with_suffix(Path(beside).suffix).write_bytes(content)
    note = {
        "case": case.id,
        "condition": case.group,
        "focal": list(built.focal),
        "framework": case.framework,
        "request": dict(built.asked),
    }
    path.with_suffix(".json").write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    return f"{name}{suffix}"


def save_pair(case: NeutralCase, trial: Trial, folder: Path) -> str:
    """Save the models of a trial in a folder of their own; returns the first one's path."""
    name = f"models/{file_name(case.id)}"
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    calls = [f"{number}.onnx" for number in range(1, len(trial.calls) + 1)]
    for call, file in zip(trial.calls, calls, strict=True):
        (place / file).write_bytes(call.data)
        for beside, data in call.files.items():
            (place / beside).write_bytes(data)
    note = {
        "case": case.id,
        "condition": case.group,
        "focal": [],
        "framework": "onnx",
        "request": {},
        "calls": calls,
        "same": trial.same,
    }
    (place / "1.json").write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    return f"{name}/1.onnx"


def file_name(id_: str) -> str:
    """An id as the name of a file: long ones are cut, and told apart by a digest."""
    name = re.sub(r"[^\w.@+-]+", "-", id_)
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}-{hashlib.sha256(id_.encode()).hexdigest()[:12]}"


def read_note(model: Path) -> Note:
    """The note beside a model, one that judges all of it if there is none.

    Raises `ModelError` if the note cannot be read.
    """
    beside = model.with_suffix(".json")
    if not beside.is_file():
        return Note(model.name, "model")
    try:
        noted = json.loads(beside.read_text(encoding="utf-8"))
        asked = RequestOptions.of(noted["request"]).asked
        calls = tuple(map(str, noted.get("calls", ())))
        if any(Path(call).name != call for call in calls):
            raise ValueError("'calls' must name files beside it")
        same = tuple((str(first), str(last)) for first, last in noted.get("same", ()))
        focal = tuple(noted["focal"])
        return Note(str(noted["case"]), str(noted["condition"]), focal, asked, calls, same)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        raise ModelError(
            f"{beside}: not a note of this suite ({type(error).__name__}: {error}): remove it to"
            f" judge all layers of {model.name}"
        ) from None
