"""Models of any framework as networks: which reader a model or a file is for."""

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
from pytest_amct.graphs.tensorflow.files import parse_tensorflow
from pytest_amct.graphs.tensorflow.reader import read_tensorflow


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model in its native format: its main file, and what belongs to it in files beside it."""

    framework: str
    #: an ONNX model, a binary GraphDef, or the text of a prototxt
    data: bytes
    files: Mapping[str, bytes] = field(default_factory=dict)

    def network(self, name: str = "") -> Network:
        """Its network; `name` is what errors call it. Raises `ModelError`."""
        return read_network(self.framework, self.data, self.files, name)


def read_network(
    framework: str,
    data: bytes,
    files: Mapping[str, bytes] = MappingProxyType({}),
    name: str = "",
) -> Network:
    """The network of a model: an ONNX model, a GraphDef, or a prototxt with its caffemodel.

    Raises `ModelError`.
    """
    if framework == "tensorflow":
        return read_tensorflow(data, name)
    if framework == "caffe":
        return read_caffe(data, files.get(BLOBS_FILE), name)
    return read_onnx(data, name)


def is_model_file(path: Path) -> bool:
    """Whether a file (or the folder of a SavedModel) is a model by its name."""
    return path.suffix.lower() in FRAMEWORK_OF or (path / "saved_model.pb").is_file()


def read_files(path: str | os.PathLike[str]) -> ModelFiles:
    """A model from a file, its framework told by the suffix, with all that belongs to it.

    A prototxt brings the caffemodel of the same name along, an ONNX model its external data; a
    GraphDef comes out of text files and SavedModels, too. Raises `ModelError`.
    """
    path = Path(path)
    if not is_model_file(path):
        raise ModelError(f"{path}: not a model by its name: use {', '.join(FRAMEWORK_OF)}")
    framework = FRAMEWORK_OF.get(path.suffix.lower(), "tensorflow")
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
