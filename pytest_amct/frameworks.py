"""The frameworks whose models are judged, and what their models are called as files."""

from __future__ import annotations

from collections.abc import Mapping

FRAMEWORKS = ("onnx", "tensorflow", "caffe")
"""Frameworks whose models are judged, in the order of reports."""

MAIN_FILE: Mapping[str, str] = {
    "onnx": "model.onnx",
    "tensorflow": "model.pb",
    "caffe": "model.prototxt",
}
"""What the file of a model is called, by framework."""

BLOBS_FILE = "model.caffemodel"
"""What the file beside a prototxt is called that holds its blobs."""

FRAMEWORK_OF: Mapping[str, str] = {
    ".onnx": "onnx",
    ".pb": "tensorflow",
    ".pbtxt": "tensorflow",
    ".prototxt": "caffe",
}
"""The framework of a model, by the suffix of its file."""
