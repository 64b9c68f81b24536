"""Read models of any framework: pick the reader for a model or a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pytest_amct.errors import ModelError
from pytest_amct.frameworks import BLOBS_FILE, FRAMEWORK_OF
from pytest_amct.graphs.caffe.reader import read_caffe
from pytest_amct.graphs.files import read_bytes
from pytest_amct.graphs.network import Network
from pytest_amct.graphs.onnx.external import external_files
from pytest_amct.graphs.onnx.protos import parse_onnx
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.graphs.tensorflow.files import parse_tensorflow, saved_model_in
from pytest_amct.graphs.tensorflow.reader import read_tensorflow


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model in its native format: its main file, and the other files that belong to it."""

    framework: str
    #: an ONNX model, a binary GraphDef, or the text of a prototxt
    data: bytes
    files: Mapping[str, bytes] = field(default_factory=dict)

    def network(self, name: str = "") -> Network:
        """Read the network; `name` is what errors call the model. Raise `ModelError`."""
        return read_network(self.framework, self.data, self.files, name)


def read_network(
    framework: str,
    data: bytes,
    files: Mapping[str, bytes] = MappingProxyType({}),
    name: str = "",
) -> Network:
    """Read the network of an ONNX model, a GraphDef, or a prototxt with its caffemodel in `files`.

    `name` is what errors call the model. Raise `ModelError` if it cannot be read.
    """
    if framework == "tensorflow":
        return read_tensorflow(data, name)
    if framework == "caffe":
        return read_caffe(data, files.get(BLOBS_FILE), name)
    return read_onnx(data, name)


def read_model(path: str | os.PathLike[str]) -> Network:
    """Read the network of a model's file, or of a SavedModel's folder, see `read_files`.

    External data is not opened: the network does not need it. Raise `ModelError`.
    """
    path, name = Path(path), os.fspath(path)
    framework = framework_of(path)
    if framework == "tensorflow":
        return read_tensorflow(path, name)
    if framework == "caffe":
        blobs = path.with_suffix(".caffemodel")
        return read_caffe(read_bytes(path, name), blobs if blobs.is_file() else None, name)
    return read_onnx(path, name)


def framework_of(path: Path) -> str:
    """Return the framework of a model by its suffix. Raise `ModelError` if it is not a model."""
    if not is_model_file(path):
        raise ModelError(
            f"{path}: not a model: name a SavedModel's folder, or a file with a suffix of"
            f" {', '.join(FRAMEWORK_OF)}"
        )
    return FRAMEWORK_OF.get(path.suffix.lower(), "tensorflow")


def is_model_file(path: Path) -> bool:
    """Return whether a file name has the suffix of a model, or a folder holds a SavedModel."""
    return path.suffix.lower() in FRAMEWORK_OF or saved_model_in(path) is not None


def read_files(path: str | os.PathLike[str]) -> ModelFiles:
    """Read a model with all files that belong to it; the suffix tells the framework.

    Include the caffemodel of the same name for a prototxt, and external data for an ONNX model.
    Text files and SavedModels give a binary GraphDef. Raise `ModelError` if a file cannot be read.
    """
    path = Path(path)
    framework = framework_of(path)
    if framework == "tensorflow":
        return ModelFiles(framework, parse_tensorflow(path).SerializeToString(deterministic=True))
    try:
        data = read_bytes(path, str(path))
        blobs = path.with_suffix(".caffemodel")
        files = {BLOBS_FILE: blobs.read_bytes()} if framework == "caffe" and blobs.is_file() else {}
        if framework == "onnx":
            files = external_files(path, parse_onnx(data, str(path)))
        return ModelFiles(framework, data, files)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from None
