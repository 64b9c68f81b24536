"""Results of a tool that ran elsewhere as a quantizer: ``results: FOLDER FILE``.

The folder is what ``pytest-amct export`` wrote, the file holds what the tool made of its models
(``results.schema.json``). Every model must have a result: a tool that broke off halfway shall not
look like one that did well.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pytest_amct.decisions.messages import read_layers_message
from pytest_amct.errors import OutputError, UsageError
from pytest_amct.quantizers.folders import FORMAT, MANIFEST, export_id, model_id
from pytest_amct.quantizers.protocol import Lost, Refused, Request, Unsupported

PREFIX = "results:"
RESULTS = "pytest-amct-results/1"
_RAISED: Mapping[str, Callable[[str], Exception]] = {
    "refused": Refused,
    "unsupported": Unsupported,
    "errored": RuntimeError,
    "lost": Lost,
}


class Recorded:
    """A quantizer that looks up what was decided, see `Quantizer`."""

    def __init__(self, manifest: Mapping[str, Any], results: Mapping[str, Any], home: Path) -> None:
        self.name = str(results.get("quantizer", "results"))
        self.frameworks = tuple(manifest["frameworks"])
        self.schemes = tuple(manifest["schemes"])
        self.settings = tuple(manifest["settings"])
        self.models, self.home = results["models"], home

    def quantize(self, model: Any, request: Request) -> Any:
        """What the tool made of the model."""
        id_ = model_id(request)
        if id_ not in self.models:
            raise Lost(f"the folder holds no model {id_}: export again")
        result = self.models[id_]
        for key, make in _RAISED.items():
            if key in result:
                raise make(str(result[key]))
        if "file" in result:
            path = (self.home / str(result["file"])).resolve()
            if not path.is_relative_to(self.home.resolve()) or not path.is_file():
                raise OutputError(f"{result['file']!r} is no file beside the results")
            return path
        return read_layers_message(result["layers"], id_)


def load_recorded(name: str, rootdir: Path | None) -> Recorded:
    """The results behind ``results: FOLDER FILE``; relative paths are of `rootdir`.

    Raises `UsageError` if they do not belong together, or some are missing.
    """
    words = shlex.split(name.removeprefix(PREFIX))
    if len(words) != 2:
        raise UsageError(f"quantizer {name!r}: write {PREFIX} FOLDER FILE")
    folder, file = (Path(rootdir or Path.cwd(), word) for word in words)
    manifest = _read(folder / MANIFEST, FORMAT, "a folder that pytest-amct export wrote")
    results = _read(file, RESULTS, "results of a tool, as docs/elsewhere.md shows")
    try:
        ids = [str(entry["id"]) for entry in manifest["models"]]
        whole = manifest["export"] == export_id(ids)
        written = manifest["version"]
        given = results["export"], set(results["models"])
    except (KeyError, TypeError) as error:
        raise UsageError(f"{file} or {folder / MANIFEST}: lacks {error}: write it again") from None
    if not isinstance(results["models"], dict):
        raise UsageError(f"{file}: models must be an object with a result for each id")
    models = results["models"].items()
    wrong = [i for i, r in models if not isinstance(r, dict) or len(set(r) & _KEYS) != 1]
    _check_version(folder, str(written))
    if not whole:
        raise UsageError(f"{folder / MANIFEST}: its list of models was changed: export again")
    if given[0] != manifest["export"]:
        raise UsageError(
            f"{file}: is of the export {given[0]!r}, {folder} is {manifest['export']!r}: run the"
            " tool on this folder"
        )
    for id_ in sorted(given[1] - set(ids)):
        raise UsageError(f"{file}: models.{id_}: {folder} has no such model: use its ids")
    for id_ in sorted(wrong):
        raise UsageError(f"{file}: models.{id_}: give one of {', '.join(sorted(_KEYS))}")
    missing = sorted(set(ids) - given[1])
    if missing:
        raise UsageError(
            f"{file}: {len(missing)} of {len(ids)} models have no result, the first is"
            f" {missing[0]}: give each one, if only 'unsupported' or 'errored' with the reason"
        )
    return Recorded(manifest, results, file.parent)


_KEYS = {"layers", "file", *_RAISED}


def _check_version(folder: Path, written: str) -> None:
    from pytest_amct import __version__

    if written != __version__:
        raise UsageError(
            f"{folder}: was written by pytest-amct {written}, this is {__version__}: export again"
        )


def _read(path: Path, format_: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}): name {what}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON ({error}): name {what}") from None
    if not isinstance(found, dict) or found.get("format") != format_:
        raise UsageError(f"{path}: its format is not {format_!r}: name {what}")
    return found
