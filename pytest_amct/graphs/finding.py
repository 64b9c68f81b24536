"""Find the models that a user names: files, folders and patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from itertools import dropwhile
from pathlib import Path

from pytest_amct.errors import UsageError
from pytest_amct.frameworks import FRAMEWORK_OF
from pytest_amct.graphs.reading import is_model_file
from pytest_amct.graphs.tensorflow.files import saved_model_in


def models_in(named: Sequence[str]) -> list[Path]:
    """Return the models that paths and patterns name, each once, in the order of the names.

    A folder stands for the models in it and below, a SavedModel's folder for that one model. Raise
    `UsageError` for a name that gives no model.
    """
    found: dict[Path, None] = {}
    for name in named:
        if not name:
            raise UsageError("an empty name is not a model: name a file, a folder or a pattern")
        is_pattern = glob.has_magic(name) and not os.path.exists(name)
        paths = _matches(name) if is_pattern else [Path(name)]
        models = [model for path in paths for model in _models(path)]
        if is_pattern:  # it may match files of other kinds, too
            models = [model for model in models if is_model_file(model)]
        if not models:
            raise UsageError(f"{name}: {_nothing(is_pattern, paths)}")
        found |= dict.fromkeys(models)
    return [*found]


def _matches(pattern: str) -> list[Path]:
    """Return what matches a pattern, sorted.

    `**` stands for a folder and those below it, but not behind links: these may lead in circles.
    """
    head, deep, rest = _parts(pattern)
    if not deep:
        return sorted(map(Path, glob.glob(pattern)))
    found: dict[Path, None] = {}
    for start in filter(os.path.isdir, glob.glob(head)):
        if not rest:
            found[Path(start)] = None
            continue
        for folder, _, _ in os.walk(start):
            found |= dict.fromkeys(_matches(os.path.join(glob.escape(folder), rest)))
    return sorted(found)


def _parts(pattern: str) -> tuple[str, bool, str]:
    """Return what is before and behind the first `**` of a pattern, and whether there is one."""
    parts = Path(pattern).parts
    if "**" not in parts:
        return pattern, False, ""
    at = parts.index("**")
    behind = [*dropwhile(lambda part: part == "**", parts[at:])]
    return str(Path(*parts[:at])), True, str(Path(*behind)) if behind else ""


def _nothing(is_pattern: bool, paths: Sequence[Path]) -> str:
    suffixes = ", ".join(FRAMEWORK_OF)
    if not is_pattern:
        return f"the folder holds no model: name one with files of a suffix of {suffixes}"
    what = "no match of this pattern is a model" if paths else "nothing matches this pattern"
    return f"{what}: name files with a suffix of {suffixes}"


def _models(path: Path) -> list[Path]:
    """Return the models that a path stands for; a file stands for itself, whatever it is.

    Folders below that cannot be read are left out.
    """
    if not os.path.isdir(path) or saved_model_in(path) is not None:
        return [path]
    try:
        os.scandir(path).close()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}): name another") from None
    found = []
    for folder, below, files in os.walk(path):
        here = Path(folder)
        if here != path and saved_model_in(here) is not None:
            below.clear()
            found.append(here)
            continue
        found += [here / name for name in files if Path(name).suffix.lower() in FRAMEWORK_OF]
    return sorted(found)
