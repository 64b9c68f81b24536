"""The files beside an ONNX model that hold its external data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from onnx import GraphProto, ModelProto, NodeProto, TensorProto

from pytest_amct.errors import ModelError

_MOST_BYTES = 4 << 30
"""What is brought along of external data: more would not be given to a quantizer either."""


def external_files(path: Path, model: ModelProto) -> dict[str, bytes]:
    """The files of external data of the model in `path`, by their location in it.

    A location that leaves the model's folder is never opened. Raises `ModelError` if there is too
    much of it, `OSError` if it cannot be read.
    """
    home, found, total = path.parent.resolve(), dict[str, bytes](), 0
    for location in dict.fromkeys(_locations(model)):
        beside = _beside(home, location)
        if beside is None:
            continue  # whoever needs it will say so
        total += beside.stat().st_size
        if total > _MOST_BYTES:
            raise ModelError(f"{path}: its external data takes more than {_MOST_BYTES} bytes")
        found[location] = beside.read_bytes()
    return found


def _beside(home: Path, location: str | bytes) -> Path | None:
    """The file of that location, ``None`` if there is none in the folder."""
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
    """The stored tensors of a model, those in nodes, nested graphs and functions too."""
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
