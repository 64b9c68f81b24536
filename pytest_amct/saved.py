"""Failing models on disk: the model in its native format, and a JSON note with it."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_amct.cases.metamorphic import MetamorphicCase
from pytest_amct.cases.networks import AnyCase
from pytest_amct.cases.plan import Built
from pytest_amct.cases.trials import Trial
from pytest_amct.errors import ModelError, UsageError
from pytest_amct.frameworks import BLOBS_FILE, MAIN_FILE
from pytest_amct.ids import file_name
from pytest_amct.request_options import PLAIN, RequestOptions

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Note:
    """The JSON note of a saved model: its case and the layers to judge."""

    case: str
    condition: str
    #: output tensors of the layers to judge; empty = all layers
    targets: tuple[str, ...] = ()
    #: options of the request, beyond plain uniform quantization
    options: RequestOptions = PLAIN
    #: for a pair: files of the models, in the order of the calls
    calls: tuple[str, ...] = ()
    #: for a pair: outputs of the layers that the first and the last model share
    same: tuple[tuple[str, str], ...] = ()


def save_model(case: AnyCase, built: Built, folder: Path) -> str | None:
    """Save a case's model and its note below `folder`, and return the path relative to it.

    Returns ``None`` and logs a warning if it cannot be written. The finding counts all the same.
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


def remove_saved(folder: Path) -> None:
    """Remove what earlier runs saved below `folder`. Files that this suite did not write stay."""
    models = folder / "models"
    for beside in (*models.glob("*.json"), *models.glob("*/1.json")):
        home = beside.parent
        with contextlib.suppress(OSError, ModelError):
            name = file_name(read_note(beside).case)
            if home.is_symlink() or name != (beside.stem if home == models else home.name):
                continue
            if home != models:
                shutil.rmtree(home)
                continue
            for file in models.iterdir():
                if file.stem == name:
                    file.unlink()


def save_pair(case: MetamorphicCase, trial: Trial, folder: Path) -> str | None:
    """Save the models of a trial in a new folder, and return the path of the first one.

    Returns ``None`` if they cannot be written, see `save_model`.
    """
    name = f"models/{file_name(case.id)}"
    suffix = Path(MAIN_FILE[case.framework]).suffix
    calls = [f"{number}{suffix}" for number in range(1, len(trial.calls) + 1)]
    files: dict[str, bytes] = {}
    for call, file in zip(trial.calls, calls, strict=True):
        files[file] = call.data
        for beside, data in call.files.items():
            own = beside == BLOBS_FILE  # each net has blobs of its own
            files[str(Path(file).with_suffix(Path(beside).suffix)) if own else beside] = data
    note = {
        "case": case.id,
        "condition": case.group,
        "targets": [],
        "framework": case.framework,
        "request": {},
        "calls": calls,
        "same": trial.same,
    }
    files["1.json"] = _text(note)
    written = _write(folder, {f"{name}/{file}": data for file, data in files.items()})
    return f"{name}/{calls[0]}" if written else None


def _text(note: Mapping[str, Any]) -> bytes:
    return (json.dumps(note, indent=2) + "\n").encode()


def _write(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Write files below a folder, all or none of them, and return whether that worked."""
    for name, data in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            _LOG.warning(
                "the failing model is not saved: %s cannot be written (%s): make room there, or"
                " name another folder with --amct-report",
                path,
                error.strerror,
            )
            for other in files:
                with contextlib.suppress(OSError):
                    (folder / other).unlink(missing_ok=True)
            return False
    return True


def read_note(model: Path) -> Note:
    """Return the note of a model; if there is none, one that judges all layers.

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
            raise ValueError("'calls' must name files in the same folder")
        same = tuple((str(first), str(last)) for first, last in noted.get("same", ()))
        targets = tuple(noted["targets"])
        return Note(str(noted["case"]), str(noted["condition"]), targets, options, calls, same)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
        raise ModelError(
            f"{beside}: not a note of this suite ({type(error).__name__}: {error}): remove it to"
            f" judge all layers of {model.name}"
        ) from None
