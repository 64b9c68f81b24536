"""Parse TensorFlow models of any form: objects, bytes, ``.pb``, ``.pbtxt``, SavedModels."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from pytest_amct.errors import ModelError
from pytest_amct.graphs.files import read_bytes
from pytest_amct.graphs.tensorflow.schema import schema
from pytest_amct.graphs.tensorflow.text import parse_text

SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")
"""The files of a SavedModel, one of which its folder has."""

#: what the first field of a text says; a GraphDef has none of these
_KINDS = {
    "saved_model_schema_version": "SavedModel",
    "meta_graphs": "SavedModel",
    "meta_info_def": "MetaGraphDef",
    "graph_def": "MetaGraphDef",
}
_FIRST_FIELD = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s++|#[^\n]*+)*+(\w*)")


def parse_tensorflow(model: Any, name: str = "") -> Any:
    """Return the GraphDef (of this package's schema) of a model in any form.

    `model` is an object with ``SerializeToString`` (a GraphDef, a SavedModel), bytes, or the path
    of a ``.pb`` file, a ``.pbtxt`` file, a checkpoint's ``.meta`` file or a SavedModel's folder.
    Bytes may be text. Use the first MetaGraph of a SavedModel. Raise `ModelError` if the model
    cannot be read or contains no nodes.
    """
    suffix = ""
    if hasattr(model, "SerializeToString"):
        data, name = model.SerializeToString(), name or "the model"
    elif isinstance(model, bytes | bytearray | memoryview):
        data, name = bytes(model), name or "the model"
    else:
        if not isinstance(model, str | os.PathLike):
            raise ModelError(
                f"a {type(model).__name__} is not a model: give a GraphDef (graph.as_graph_def()),"
                " its bytes or a path"
            )
        path = _file(Path(model), name)
        name, suffix = name or str(path), path.suffix.lower()
        data = read_bytes(path, name)
    graph = _graph(data, suffix, name)
    if not graph.node:
        raise ModelError(f"{name}: holds no node: is it a GraphDef at all?")
    return graph


def saved_model_in(folder: Path) -> Path | None:
    """Return the file of a SavedModel in a folder, ``None`` if there is none."""
    files = (folder / name for name in SAVED_MODEL)
    # Unlike `Path.is_file`, this is false for a folder that cannot be read.
    return next((file for file in files if os.path.isfile(file)), None)


def _file(path: Path, name: str) -> Path:
    if not os.path.isdir(path):
        return path
    file = saved_model_in(path)
    if file is None:
        raise ModelError(
            f"{name or path}: a folder without {SAVED_MODEL[0]}: name a SavedModel's folder"
        )
    return file


def _graph(data: bytes, suffix: str, name: str) -> Any:
    if not data.strip():
        raise ModelError(f"{name}: is empty: export the model again")
    is_text = _is_text(data)
    kind = _kind_of_text(data) if is_text else _kind_of_binary(data, suffix)
    message = getattr(schema(), kind)()
    if is_text:
        # The schema has only the parts of a SavedModel that are read.
        parse_text(data, message, name, partly=kind != "GraphDef")
    else:
        _parse_binary(data, message, name)
    if kind == "SavedModel":
        return _first_graph(message, name)
    return message.graph_def if kind == "MetaGraphDef" else message


def _kind_of_text(data: bytes) -> str:
    first = _FIRST_FIELD.match(data)
    return _KINDS.get(first[1].decode("ascii", "replace"), "GraphDef") if first else "GraphDef"


def _kind_of_binary(data: bytes, suffix: str) -> str:
    if data[0] == 0x08:  # the first field of a SavedModel is a number, that of the others a message
        return "SavedModel"
    return "MetaGraphDef" if suffix == ".meta" else "GraphDef"


def _parse_binary(data: bytes, message: Any, name: str) -> None:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        message.ParseFromString(data)
    except DecodeError:
        raise ModelError(
            f"{name}: not a GraphDef, or cut off ({len(data)} bytes): export it again"
        ) from None


def _first_graph(saved: Any, name: str) -> Any:
    if not saved.meta_graphs:
        # Messages of other kinds begin alike, for example a tensor that was saved alone.
        raise ModelError(f"{name}: neither a GraphDef nor a SavedModel with a graph: name a model")
    return saved.meta_graphs[0].graph_def


def _is_text(data: bytes) -> bool:
    """Return whether these bytes are text; a binary graph has control characters at its start."""
    return not any(byte < 32 and byte not in b"\t\n\r" for byte in data[:4096])
