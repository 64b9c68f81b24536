"""The frameworks whose models are judged, and the file names of their models."""

from __future__ import annotations

from collections.abc import Mapping

FRAMEWORKS = ("onnx", "tensorflow", "caffe")
"""Frameworks whose models are judged, in the order of reports."""

TITLES: Mapping[str, str] = {"onnx": "ONNX", "tensorflow": "TensorFlow", "caffe": "Caffe"}
"""What people call the frameworks."""

MAIN_FILE: Mapping[str, str] = {
    "onnx": "model.onnx",
    "tensorflow": "model.pb",
    "caffe": "model.prototxt",
}
"""The name of a model's main file, by framework."""

BLOBS_FILE = "model.caffemodel"
"""The name of the file that holds the blobs of a prototxt."""

FRAMEWORK_OF: Mapping[str, str] = {
    ".onnx": "onnx",
    ".pb": "tensorflow",
    ".pbtxt": "tensorflow",
    ".meta": "tensorflow",
    ".prototxt": "caffe",
}
"""The framework of a model, by the suffix of its file."""
