"""Recorded results of a tool as a quantizer: ``results: FOLDER FILE``.

``pytest-amct export`` wrote the folder. The file holds the tool's results for its models
(``results.schema.json``). Every model must have a result, so that a tool that stopped halfway does
not look like one that succeeded.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pytest_amct import __version__
from pytest_amct.decisions.messages import read_layers_message
from pytest_amct.errors import OutputError, UsageError
from pytest_amct.quantizers.folders import FORMAT, MANIFEST, export_id, model_id
from pytest_amct.quantizers.protocol import Crashed, Refused, Request, TimedOut, Unsupported
from pytest_amct.quantizers.tool import Tool
from pytest_amct.typed import describe, is_of
from pytest_amct.wording import printable

PREFIX = "results:"
RESULTS = "pytest-amct-results/2"
_RAISED: Mapping[str, Callable[[str], Exception]] = {
    "refused": Refused,
    "unsupported": Unsupported,
    "errored": RuntimeError,
    "crashed": Crashed,
    "timed-out": TimedOut,
}


MANIFEST_MEMBERS: Mapping[str, Any] = {
    "export": str,
    "version": str,
    "frameworks": list[Literal["onnx", "tensorflow", "caffe"]],
    "schemes": list[Literal["uniform", "nonuniform", "weight_only"]],
    "settings": list[
        Literal["channel_wise", "asymmetric", "tensor_quantize", "skip_layers", "skip_layer_types"]
    ],
    "models": list,
}
"""The members that are read from a manifest, with their types."""

RESULTS_MEMBERS: Mapping[str, Any] = {"export": str, "models": dict}
"""What is read of a file of results, with the types."""

TOOL_MEMBERS: Mapping[str, Any] = {"name": str, "version": str}
"""What a file of results may say of the tool, with the types."""

RESULT_MEMBERS: Mapping[str, Any] = {"layers": dict, "file": str, **dict.fromkeys(_RAISED, str)}
"""What the result of a model may be, with the types: one of these."""

_ID = re.compile("[0-9a-f]{16}")


class Recorded:
    """A quantizer that returns recorded results, see `Quantizer`."""

    #: how messages about a result begin
    returned = "the results hold"

    def __init__(self, manifest: Mapping[str, Any], results: Mapping[str, Any], home: Path) -> None:
        tool = results.get("tool", {})
        self.name = printable(results.get("quantizer", tool.get("name", "results")))
        #: what the file says of the tool
        self.tool = Tool(printable(tool["name"]), printable(tool["version"])) if tool else None
        self.frameworks = tuple(manifest["frameworks"])
        self.schemes = tuple(manifest["schemes"])
        self.settings = tuple(manifest["settings"])
        self.models, self.home = results["models"], home

    def quantize(self, model: Any, request: Request) -> Any:
        """Return the tool's result for the model."""
        id_ = model_id(request)
        if id_ not in self.models:
            raise OutputError(f"the folder holds no model {id_}: export again")
        result = self.models[id_]
        for key, make in _RAISED.items():
            if key in result:
                raise make(result[key])
        if "file" in result:
            return self._file(result["file"])
        return read_layers_message(result["layers"], id_)

    def _file(self, name: str) -> Path:
        try:
            path = (self.home / name).resolve()
            if path.is_relative_to(self.home.resolve()) and path.is_file():
                return path
        except (OSError, ValueError):  # not a valid path
            pass
        raise OutputError(f"{name!r} is not a file in the folder of the results")


def load_recorded(name: str, rootdir: Path | None) -> Recorded:
    """Load ``results: FOLDER FILE``. Relative paths are relative to `rootdir`.

    Raises `UsageError` if folder and file do not belong together or results are missing.
    """
    try:
        words = shlex.split(name.removeprefix(PREFIX))
    except ValueError as error:
        raise UsageError(f"quantizer {name!r}: {error}: write {PREFIX} FOLDER FILE") from None
    if len(words) != 2:
        raise UsageError(f"quantizer {name!r}: write {PREFIX} FOLDER FILE")
    folder, file = (Path(rootdir or Path.cwd(), word) for word in words)
    manifest = _read(folder / MANIFEST, FORMAT, "a folder that pytest-amct export wrote")
    results = _read(file, RESULTS, "results of a tool, as docs/elsewhere.md shows")
    ids = _ids_of(manifest, folder)
    _check_results(results, file)
    if results["export"] != manifest["export"]:
        raise UsageError(
            f"{file}: belongs to the export {results['export']!r}, but {folder} is"
            f" {manifest['export']!r}: run the tool on this folder"
        )
    given = set(results["models"])
    for id_ in sorted(given.difference(ids)):
        raise UsageError(
            f"{file}: models.{printable(id_)}: {folder} has no such model: use its ids"
        )
    missing = sorted(set(ids) - given)
    if missing:
        raise UsageError(
            f"{file}: {len(missing)} of {len(ids)} models have no result, the first is"
            f" {missing[0]}: give each a result, at least 'unsupported' or 'errored' with a reason"
        )
    return Recorded(manifest, results, file.parent)


def _ids_of(manifest: Mapping[str, Any], folder: Path) -> list[str]:
    """Return the ids of a manifest's models. Raises `UsageError` if the manifest was changed."""
    path = folder / MANIFEST
    _check_members(manifest, MANIFEST_MEMBERS, path, "export again")
    if manifest["version"] != __version__:
        raise UsageError(
            f"{folder}: was written by pytest-amct {printable(manifest['version'])}, this is"
            f" {__version__}: export again"
        )
    ids = []
    for i, entry in enumerate(manifest["models"]):
        id_ = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(id_, str) or not _ID.fullmatch(id_):
            raise UsageError(f"{path}: models[{i}] has no id of 16 hex digits: export again")
        ids.append(id_)
    if manifest["export"] != export_id(ids):
        raise UsageError(f"{path}: its list of models was changed: export again")
    return ids


def _check_results(results: Mapping[str, Any], file: Path) -> None:
    """Raises `UsageError` for members of a wrong type."""
    _check_members(results, RESULTS_MEMBERS, file, "see docs/elsewhere.md")
    if not isinstance(results.get("quantizer", ""), str):
        raise UsageError(f"{file}: 'quantizer' must be a string: name the tool")
    tool = results.get("tool", dict.fromkeys(TOOL_MEMBERS, ""))
    if not isinstance(tool, dict) or set(tool) != set(TOOL_MEMBERS):
        raise UsageError(f"{file}: 'tool' must be an object with a name and a version: give both")
    for key, kind in TOOL_MEMBERS.items():
        if not is_of(tool[key], kind):
            raise UsageError(f"{file}: tool.{key} must be {describe(kind)}: give the tool's")
    for id_, result in results["models"].items():
        place = f"{file}: models.{printable(id_)}"
        if (
            not isinstance(result, dict)
            or len(result) != 1
            or not set(result) <= set(RESULT_MEMBERS)
        ):
            raise UsageError(
                f"{place}: give one of {', '.join(sorted(RESULT_MEMBERS))}, and no more"
            )
        ((key, value),) = result.items()
        kind = RESULT_MEMBERS[key]
        if not is_of(value, kind):
            raise UsageError(f"{place}: {key!r} must be {describe(kind, 'an object')}")


def _check_members(
    found: Mapping[str, Any], kinds: Mapping[str, Any], path: Path, cure: str
) -> None:
    for key, kind in kinds.items():
        if key not in found:
            raise UsageError(f"{path}: lacks {key!r}: {cure}")
        if not is_of(found[key], kind):
            raise UsageError(f"{path}: {key!r} must be {describe(kind, 'an object')}: {cure}")


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
