"""Folders of models for tools that run outside pytest, and the file of results that they return.

A folder holds ``manifest.json`` (`FORMAT`, ``manifest.schema.json``), for each model a folder with
its files and ``request.json``, and calibration data that models with the same inputs share. The id
of a model is a digest of its bytes and its request. It does not reveal what is tested, and is the
same on every machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_amct.frameworks import BLOBS_FILE, MAIN_FILE
from pytest_amct.quantizers.messages import request_message, write_calibration
from pytest_amct.quantizers.protocol import Request

FORMAT = "pytest-amct-batch/1"
MANIFEST = "manifest.json"


def model_id(request: Request) -> str:
    """Return the id of a model and its request in a folder."""
    native = request.native
    digest = hashlib.sha256(_text(request_message(request)).encode())
    for content in (native.data, *native.files.values()):
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


def export_id(ids: Iterable[str]) -> str:
    """Return the id of a folder with these models."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:16]


def write_folder(
    folder: Path,
    requests: Iterable[Request],
    about: Mapping[str, Any] = {},
    *,
    calibration: bool = True,
) -> list[str]:
    """Write a folder of models and return their ids in the order of `requests`.

    `about` are additional members of the manifest.
    """
    entries: dict[str, dict[str, str]] = {}
    ids = []
    for request in requests:
        id_ = model_id(request)
        ids.append(id_)
        if id_ not in entries:
            entries[id_] = _write_model(folder, id_, request, calibration)
    manifest = {
        "format": FORMAT,
        "export": export_id(entries),
        **about,
        "models": [entries[id_] for id_ in sorted(entries)],
    }
    (folder / MANIFEST).write_text(_text(manifest), encoding="utf-8")
    return ids


def _write_model(folder: Path, id_: str, request: Request, calibration: bool) -> dict[str, str]:
    native, home = request.native, folder / id_
    main = MAIN_FILE[native.framework]
    home.mkdir(parents=True)
    for name, content in {main: native.data, **native.files}.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)
    message = request_message(request)
    (home / "request.json").write_text(_text(message), encoding="utf-8")
    entry = {"id": id_, "framework": native.framework, "model": f"{id_}/{main}"}
    if BLOBS_FILE in native.files:
        entry["weights"] = f"{id_}/{BLOBS_FILE}"
    entry["request"] = f"{id_}/request.json"
    if calibration:
        digest = hashlib.sha256(_text(message["inputs"]).encode()).hexdigest()[:16]
        entry["calibration"] = f"calibration/{digest}"
        if not (folder / entry["calibration"]).exists():
            write_calibration(request, folder / entry["calibration"])
    return entry


def _text(value: Mapping[str, Any] | Sequence[Any]) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
