"""Caffe's layer types: their parameters by name, and the element type of every blob."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pytest_amct.graphs.caffe.extensions import FOUND
from pytest_amct.graphs.caffe.schema import Message, is_repeated
from pytest_amct.graphs.network import Layer, Role, Takes, Unknown

WEIGHTED = ("Convolution", "Deconvolution", "InnerProduct")
"""The layer types with a row and blobs: the first blob is the weight, the second the bias."""

_DATA = "Data ImageData HDF5Data MemoryData WindowData DummyData AnnotatedData VideoData"
SOURCES = frozenset({"Input", *_DATA.split()})
"""The layer types that feed the net. Their tops are network inputs; they are not layers here."""

_PARAMETERS = {
    "Deconvolution": "convolution_param",
    "Im2col": "convolution_param",
    "InnerProduct": "inner_product_param",
    "BatchNorm": "batch_norm_param",
    "ImageData": "image_data_param",
    "DummyData": "dummy_data_param",
    "MemoryData": "memory_data_param",
    "WindowData": "window_data_param",
    "SoftmaxWithLoss": "softmax_param",
    "Normalize": "norm_param",
    "PriorBox": "prior_box_param",
    "DetectionOutput": "detection_output_param",
    "ROIPooling": "roi_pooling_param",
    "PSROIPooling": "psroi_pooling_param",
}


_DILATIONS = frozenset(("hole", "hole_h", "hole_w"))
"""The dilation in DeepLab's fork."""

_HARMLESS = frozenset(
    "ceil_mode conv_algorithm conv_algorithms_override cudnn_convolution_algo_seeker"
    " cudnn_math_override".split()
)
"""Fields of other forks: how sizes are rounded, and which code computes the layer."""


def parameters(raw: Message) -> Message:
    """Return the message of a layer's parameters (``pooling_param`` of a Pooling), or ``None``."""
    name = _PARAMETERS.get(raw.type, f"{raw.type.lower()}_param")
    return getattr(raw, name, None)


class CaffeOps:
    """Caffe's layer types (see `graphs.network.Ops`)."""

    def attribute(self, layer: Layer, name: str) -> Any:
        """Return a field of the layer's parameters, ``None`` if the prototxt does not set it.

        Return enums by name (``pool`` = ``AVE``) and repeated fields as tuples. Return an `Unknown`
        if a field that the schema lacks could change the attribute. ``kernel_shape`` is the kernel
        of a convolution if the prototxt gives an entry for each axis (kernel_h and kernel_w, or
        several kernel_size), else ``None``.
        """
        held = parameters(layer.raw)
        if held is None:
            return None
        if name != FOUND and (why := _doubt(held, name)) is not None:
            return Unknown(why)
        if name == "kernel_shape":
            return _kernel_shape(held)
        field = held.DESCRIPTOR.fields_by_name.get(name)
        if field is None:
            return None
        value = getattr(held, name)
        if is_repeated(field):
            return tuple(value) or None
        if not held.HasField(name):
            return None
        return value if field.enum_type is None else field.enum_type.values_by_number[value].name

    def role(self, layer: Layer) -> Role:
        """Return the role: Identity for Split and (at inference) Dropout, else an operator."""
        return Role.IDENTITY if layer.type in ("Split", "Dropout") else Role.OPERATOR

    def takes(self, layer: Layer) -> Mapping[int, Takes]:
        """Return an empty mapping: every layer uses the values of its bottoms."""
        return {}

    def keeps_rank(self, layer: Layer) -> bool:
        """Return false: see `ranks`."""
        return False

    def dtype(self, layer: Layer, port: int) -> str | int | None:
        """Return float32, the type of every blob between layers."""
        return "float32"

    def types(self, layer: Layer) -> Collection[str]:
        """Return no types: parameters of Caffe layers name none."""
        return ()

    def operands(self, layer: Layer, port: int) -> Sequence[int]:
        """Return the first input. No walk needs more: Caffe's weights are stored constants."""
        return (0,)


def _doubt(held: Message, name: str) -> str | None:
    """Return why an attribute cannot be told, ``None`` if it can."""
    fields = held.DESCRIPTOR.fields_by_name
    for found in held.unknown_fields if FOUND in fields else ():
        if found == name:
            return "has a value that Caffe does not have"
        if (found not in fields or found == FOUND) and _may_change(found, name):
            return f"may depend on {found!r}, a field that Caffe does not have"
    return None


def _may_change(field: str, name: str) -> bool:
    """Return whether a field that the schema lacks may change an attribute. In doubt it may."""
    if field in _DILATIONS:
        return name == "dilation"
    return field not in _HARMLESS and not field.startswith(("pad", "stride"))


def _kernel_shape(held: Message) -> tuple[int, ...] | None:
    fields = held.DESCRIPTOR.fields_by_name
    if "kernel_h" not in fields or not is_repeated(fields["kernel_size"]):
        return None
    if held.HasField("kernel_h") or held.HasField("kernel_w"):
        return (held.kernel_h, held.kernel_w)
    return tuple(held.kernel_size) if len(held.kernel_size) > 1 else None
