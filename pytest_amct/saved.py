"""Failing models on disk: the model in its native format, and a note beside it."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_amct.cases.metamorphic import MetamorphicCase, Trial
from pytest_amct.cases.networks import AnyCase
from pytest_amct.cases.plan import Built
from pytest_amct.errors import ModelError, UsageError
from pytest_amct.frameworks import MAIN_FILE
from pytest_amct.request_options import PLAIN, RequestOptions

_LOG = logging.getLogger(__name__)

_LONGEST_NAME = 120
"""Characters of an id that the name of a file takes."""


@dataclass(frozen=True, slots=True)
class Note:
    """What stands beside a saved model: the case that it is, and the layers that are judged."""

    case: str
    condition: str
    #: output tensors of the judged layers; none = all layers
    targets: tuple[str, ...] = ()
    #: what the quantizer is asked for besides plain uniform quantization
    options: RequestOptions = PLAIN
    #: of a pair: the models beside it that are given to the quantizer one after the other
    calls: tuple[str, ...] = ()
    #: of a pair: outputs of the layers that the first and the last have in common
    same: tuple[tuple[str, str], ...] = ()


def save_model(case: AnyCase, built: Built, folder: Path) -> str | None:
    """Save a case's model with its note below `folder`; returns its path relative to that.

    ``None`` if it cannot be written, which is logged: what was found counts all the same.
    """
    name = f"models/{file_name(case.id)}"
    main = f"{name}{Path(MAIN_FILE[built.framework]).suffix}"
    note = {
        "case": case.id,
        "condition": case.group,
        "targets": list(built.targets),
        "framework": case.framework,
        "request": built.options.given,
    }
    files = {main: built.data, f"{name}.json": _text(note)}
    files |= {f"{name}{Path(beside).suffix}": data for beside, data in built.files.items()}
    return main if _write(folder, files) else None


def save_pair(case: MetamorphicCase, trial: Trial, folder: Path) -> str | None:
    """Save the models of a trial in a folder of their own; returns the first one's path.

    ``None`` if they cannot be written, see `save_model`.
    """
    name = f"models/{file_name(case.id)}"
    calls = [f"{number}.onnx" for number in range(1, len(trial.calls) + 1)]
    files: dict[str, bytes] = {}
    for call, file in zip(trial.calls, calls, strict=True):
        files |= {file: call.data, **call.files}
    note = {
        "case": case.id,
        "condition": case.group,
        "targets": [],
        "framework": "onnx",
        "request": {},
        "calls": calls,
        "same": trial.same,
    }
    files["1.json"] = _text(note)
    written = _write(folder, {f"{name}/{file}": data for file, data in files.items()})
    return f"{name}/1.onnx" if written else None


def _text(note: Mapping[str, Any]) -> bytes:
    return (json.dumps(note, indent=2) + "\n").encode()


def _write(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Write files below a folder; tells whether that was possible."""
    for name, data in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            _LOG.warning(
                "the failing model is not saved: %s cannot be written (%s): make room there, or"
                " name another folder by --amct-report",
                path,
                error.strerror,
            )
            return False
    return True


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
        options = RequestOptions.of(noted["request"])
        calls = tuple(map(str, noted.get("calls", ())))
        if any(Path(call).name != call for call in calls):
            raise ValueError("'calls' must name files beside it")
        same = tuple((str(first), str(last)) for first, last in noted.get("same", ()))
        targets = tuple(noted["targets"])
        return Note(str(noted["case"]), str(noted["condition"]), targets, options, calls, same)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        raise ModelError(
            f"{beside}: not a note of this suite ({type(error).__name__}: {error}): remove it to"
            f" judge all layers of {model.name}"
        ) from None
