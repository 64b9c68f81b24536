"""The folder into which AMCT writes: which of its files tells most about what was quantized.

The names of models are documented ("save_model" of each framework): the prefix that the user
gives, then ``_deploy_model.onnx``, ``_deploy_model.prototxt`` with ``_deploy_weights.caffemodel``,
or ``_quantized.pb``. Record and configuration have any names, so their contents decide.
``PREFIX_quant.json`` only maps nodes to nodes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pytest_amct.decisions.amct.other_files import first_field
from pytest_amct.errors import OutputError
from pytest_amct.wording import printable

_DEPLOY = {
    "onnx": "_deploy_model.onnx",
    "caffe": "_deploy_weights.caffemodel",
    "tensorflow": "_quantized.pb",
}
"""How the name of the model for the device ends."""

_RECORDS = (".txt", ".record")
_MAPPING = "_quant.json"
_SETTINGS = ("batch_num", "activation_offset", "do_fusion")
"""Settings of which every configuration has one, beside its version."""

_MOST_FILES = 1000
_DEPTH = 3
_LARGEST_CONFIGURATION = 1 << 26


class Found(NamedTuple):
    """The file of a folder that is judged, and the reason in one sentence."""

    path: str
    why: str


_WHY = {
    "deploy model": "it is the model that runs",
    "record": "it lists the factors that calibration found",
    "configuration": "it lists what AMCT meant to quantize, as nothing that it wrote later is here",
}
"""The forms, the most telling first, and why each is judged."""


def find_result(folder: str | os.PathLike[str], framework: str) -> Found:
    """Return the file that tells most about what AMCT quantized.

    Raises `OutputError` if there is none, or if there are several of its form.
    """
    place = os.fsdecode(folder)
    forms: dict[str, list[str]] = {form: [] for form in _WHY}
    unread = ""
    for path in _files(place):
        form = _form(path, framework)
        if form == "deploy model" and framework != "onnx":
            unread = path
        elif form is not None:
            forms[form].append(path)
    for form, why in _WHY.items():
        paths = forms[form]
        if len(paths) > 1:
            names = ", ".join(printable(os.path.relpath(path, place)) for path in paths[:3])
            raise OutputError(f"{place}: has {len(paths)} {form}s ({names}): name one of them")
        if paths:
            name = printable(os.path.relpath(paths[0], place))
            return Found(paths[0], f"Judged {name}, the {form}: {why}")
    raise OutputError(f"{place}: {_nothing(framework, unread)}")


def _nothing(framework: str, unread: str) -> str:
    looked = f"a record ({' or '.join(_RECORDS)}) or a configuration (.json) of AMCT"
    if unread:
        return (
            f"has {printable(Path(unread).name)}, which is not read, but not {looked}: name the"
            " record of the same run"
        )
    deploy = f"*{_DEPLOY['onnx']}, " if framework == "onnx" else ""
    return f"looked for {deploy}{looked}, and found none: name the file that AMCT wrote"


def _files(folder: str) -> list[str]:
    """Return the files of a folder and of its folders, sorted. Raise `OutputError` if too many."""
    found: list[str] = []
    for path in _walk(folder):
        found.append(path)
        if len(found) > _MOST_FILES:
            raise OutputError(
                f"{folder}: holds more than {_MOST_FILES} files: name the file that AMCT wrote"
            )
    return sorted(found)


def _walk(folder: str) -> Iterator[str]:
    top = folder.rstrip(os.sep).count(os.sep)

    def failed(error: OSError) -> None:
        raise OutputError(f"{error.filename}: cannot be read ({error.strerror})") from None

    for home, folders, names in os.walk(folder, onerror=failed):
        if home.rstrip(os.sep).count(os.sep) - top >= _DEPTH:
            folders.clear()
        folders[:] = [name for name in folders if not name.startswith(".")]
        # A pipe, for one, would never end.
        yield from filter(os.path.isfile, (os.path.join(home, name) for name in names))


def _form(path: str, framework: str) -> str | None:
    name = path.lower()
    if name.endswith(_DEPLOY[framework]):
        return "deploy model"
    if name.endswith(_RECORDS):
        return "record" if _begins_as_record(path) else None
    if name.endswith(".json") and not name.endswith(_MAPPING):
        return "configuration" if _is_configuration(path) else None
    return None


def _begins_as_record(path: str) -> bool:
    """Return whether a text begins with a record, or is an empty file with "record" in its name."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(1 << 16)
    except (OSError, ValueError):
        return False
    if not text.strip():
        return "record" in Path(path).name.lower()
    return first_field(text) == "record"


def _is_configuration(path: str) -> bool:
    try:
        if os.path.getsize(path) > _LARGEST_CONFIGURATION:
            return False
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return (
        isinstance(content, dict)
        and "version" in content
        and any(setting in content for setting in _SETTINGS)
    )
