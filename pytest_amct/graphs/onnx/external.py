"""The files that hold the external data of an ONNX model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from onnx import GraphProto, ModelProto, NodeProto, TensorProto

from pytest_amct.errors import ModelError

_MOST_BYTES = 4 << 30
"""The most external data that is read, in bytes."""


def external_files(path: Path, model: ModelProto) -> dict[str, bytes]:
    """Read the external data of the model at `path`; the keys are the locations in the model.

    Never open a location outside the model's folder. Raise `ModelError` if there is too much data,
    `OSError` if a file cannot be read.
    """
    home, found, total = path.parent.resolve(), dict[str, bytes](), 0
    for location in dict.fromkeys(_locations(model)):
        beside = _beside(home, location)
        if beside is None:
            continue  # the tool that needs the file reports it
        total += beside.stat().st_size
        if total > _MOST_BYTES:
            raise ModelError(f"{path}: its external data takes more than {_MOST_BYTES} bytes")
        found[location] = beside.read_bytes()
    return found


def outside(home: Path | None, model: ModelProto) -> Iterator[str]:
    """Yield the locations of external data that are not files in a folder; ``None`` has none."""
    folder = None if home is None else home.resolve()
    for location in dict.fromkeys(_locations(model)):
        if folder is None or _beside(folder, location) is None:
            yield location


def _beside(home: Path, location: str | bytes) -> Path | None:
    """Return the file at a location, ``None`` if the folder has no such file."""
    if not isinstance(location, str) or ".." in PurePosixPath(location).parts:
        return None
    try:
        beside = (home / location).resolve()
        return beside if beside.is_relative_to(home) and beside.is_file() else None
    except (OSError, ValueError):  # too long, a null byte
        return None


def _locations(model: ModelProto) -> Iterator[str]:
    for tensor in _tensors(model):
        if tensor.data_location == TensorProto.EXTERNAL:
            yield from (e.value for e in tensor.external_data if e.key == "location" and e.value)


def _tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Yield the stored tensors of a model, including those in nodes, nested graphs, functions."""
    waiting: list[GraphProto | NodeProto] = [model.graph]
    waiting += [node for function in model.functions for node in function.node]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, GraphProto):
            yield from holder.initializer
            waiting += holder.node
            continue
        for found in holder.attribute:
            yield from (found.t, *found.tensors)
            waiting += (found.g, *found.graphs)
