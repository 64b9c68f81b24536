"""Parse TensorFlow models of any form: objects, bytes, ``.pb``, ``.pbtxt``, SavedModels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pytest_amct.errors import ModelError
from pytest_amct.graphs.files import read_bytes
from pytest_amct.graphs.tensorflow.schema import schema

_TEXT = (".pbtxt", ".prototxt", ".txt")
_NAMES = ("saved_model.pb", "saved_model.pbtxt")


def parse_tensorflow(model: Any, name: str = "") -> Any:
    """Return the GraphDef (of this package's schema) of a model in any form.

    `model` is an object with ``SerializeToString`` (a GraphDef, a SavedModel), bytes, or the path
    of a ``.pb`` file, a ``.pbtxt`` file or a SavedModel's folder. Use the first MetaGraph of a
    SavedModel. Raise `ModelError` if the model cannot be read or contains no nodes.
    """
    if hasattr(model, "SerializeToString"):
        graph = _binary(model.SerializeToString(), name or "the model")
    elif isinstance(model, bytes | bytearray | memoryview):
        graph = _binary(bytes(model), name or "the model")
    else:
        if not isinstance(model, str | os.PathLike):
            raise ModelError(
                f"a {type(model).__name__} is not a model: give a GraphDef (graph.as_graph_def()),"
                " its bytes or a path"
            )
        path = _file(Path(model), name)
        name = name or str(path)
        data = read_bytes(path, name)
        is_text = path.suffix.lower() in _TEXT
        graph = _text(data, path.stem, name) if is_text else _binary(data, name)
    if not graph.node:
        raise ModelError(f"{name or 'the model'}: holds no node: is it a GraphDef at all?")
    return graph


def _file(path: Path, name: str) -> Path:
    if not path.is_dir():
        return path
    for entry in _NAMES:
        if (path / entry).is_file():
            return path / entry
    raise ModelError(f"{name or path}: a folder without {_NAMES[0]}: name a SavedModel's folder")


def _binary(data: bytes, name: str) -> Any:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    if not data:
        raise ModelError(f"{name}: is empty: export the model again")
    if _is_text(data):
        raise ModelError(f"{name}: is text, not a binary GraphDef: name it .pbtxt")
    # The first field of a SavedModel is a number, that of a GraphDef a message.
    saved = data[0] == 0x08
    message = schema().SavedModel() if saved else schema().GraphDef()
    try:
        message.ParseFromString(data)
    except DecodeError:
        raise ModelError(
            f"{name}: not a GraphDef, or cut off ({len(data)} bytes): export it again"
        ) from None
    return _first_graph(message, name) if saved else message


def _text(data: bytes, stem: str, name: str) -> Any:
    from google.protobuf import text_format  # type: ignore[import-untyped]

    if not data.strip():
        raise ModelError(f"{name}: is empty: export the model again")
    saved = stem == "saved_model" or data.lstrip().startswith((b"saved_model", b"meta_graphs"))
    message = schema().SavedModel() if saved else schema().GraphDef()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ModelError(f"{name}: is binary, not text: name it .pb") from None
    try:
        # The schema has only the parts of a SavedModel that are read.
        text_format.Parse(text, message, allow_unknown_field=saved)
    except text_format.ParseError as error:
        where = f"line {error.GetLine()}: " if error.GetLine() else ""
        what = str(error).removeprefix(f"{error.GetLine()}:{error.GetColumn()} : ")
        what = " ".join(what.split())
        raise ModelError(f"{name}: {where}not the text of a GraphDef: {what}") from None
    except RecursionError:
        raise ModelError(f"{name}: nested too deeply: is it the text of a GraphDef?") from None
    return _first_graph(message, name) if saved else message


def _first_graph(saved: Any, name: str) -> Any:
    if not saved.meta_graphs:
        raise ModelError(f"{name}: a SavedModel without a MetaGraph: save the model again")
    return saved.meta_graphs[0].graph_def


def _is_text(data: bytes) -> bool:
    """Return whether these bytes are text; a binary graph has control characters at its start."""
    head = data[:4096]
    return not any(byte < 32 and byte not in b"\t\n\r" for byte in head) and b"{" in head
