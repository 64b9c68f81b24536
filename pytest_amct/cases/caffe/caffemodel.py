"""The stored blobs of Caffe nets, in each way that files have them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from pytest_amct.cases.caffe.builder import Blob, CaffeLayer, NetBuilder
from pytest_amct.cases.values import weight_bytes
from pytest_amct.graphs.caffe.schema import message

_FLOAT, _FLOAT16, _INT = 1, 2, 3
"""Numbers in the enum of NVIDIA's fork of Caffe."""

_TRAINED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "InnerProduct": ("inner_product_param", {"transpose": False, "axis": 1}),
    "Convolution": ("convolution_param", {"dilation": [1]}),
    "Deconvolution": ("convolution_param", {"dilation": [1]}),
    "Pooling": ("pooling_param", {"pool": 1, "global_pooling": False}),
    "Eltwise": ("eltwise_param", {"operation": 1}),
}
"""Parameters of the net that was trained. Those of the prototxt count."""


def caffemodel(net: NetBuilder, form: str) -> bytes:
    """Return the serialized blobs of a net, by the names of their layers.

    `form` is ``""`` for blobs alone, ``whole`` for all layers with parameters that may differ from
    those of the prototxt, ``old`` for layers of an older generation in another order, ``oldest``
    for layers of the first generation.
    """
    holders = [layer for layer in net.layers if _stored(layer)]
    if form == "old":
        return b"".join(_one(layer.name, _stored(layer), "layers") for layer in reversed(holders))
    if form == "oldest":
        return b"".join(_one(layer.name, _stored(layer), "layers", True) for layer in holders)
    if form == "whole":
        return _whole(net)
    # Concatenated messages are one message, so each layer is serialized once for all nets.
    return b"".join(_one(layer.name, _stored(layer), "layer") for layer in holders)


def _stored(layer: CaffeLayer) -> tuple[Blob, ...]:
    return tuple(blob for blob in layer.blobs if blob.form != "text")


@lru_cache(maxsize=4096)
def _one(name: str, blobs: tuple[Blob, ...], field: str, inner: bool = False) -> bytes:
    """Return a layer with its blobs. The first generation has both in an inner layer."""
    net = message("StoredNet")
    added = getattr(net, field).add()
    layer = added.layer if inner else added
    layer.name = name
    for blob in blobs:
        _write(blob, layer.blobs.add())
    return bytes(net.SerializeToString(deterministic=True))


def _whole(net: NetBuilder) -> bytes:
    made = message("NetParameter")
    named = {layer.name for layer in net.layers if _stored(layer)}
    for layer in net.layers:
        if layer.name in named and not _stored(layer):
            continue  # a layer of another phase with the name of one that stores blobs
        one = made.layer.add(name=layer.name, type=layer.type, bottom=layer.bottoms, top=layer.tops)
        holder, parameters = _TRAINED.get(layer.type, ("", {}))
        for name, value in parameters.items():
            if isinstance(value, list):
                getattr(getattr(one, holder), name).extend(value)
            else:
                setattr(getattr(one, holder), name, value)
        for blob in _stored(layer):
            _write(blob, one.blobs.add())
    return bytes(made.SerializeToString(deterministic=True))


def _write(blob: Blob, made: Any) -> None:
    raw = weight_bytes(blob.shape, blob.dtype, blob.number)
    if blob.form == "legacy":
        sizes = (*[1] * (4 - len(blob.shape)), *blob.shape)
        made.num, made.channels, made.height, made.width = sizes
    else:
        made.shape.dim.extend(blob.shape)
    if blob.dtype == "float16":
        made.raw_data_type, made.raw_data = _FLOAT16, raw
    elif blob.dtype == "int32":  # its gradients are Float16, which are not weights
        made.raw_data_type, made.raw_diff_type, made.raw_data = _INT, _FLOAT16, raw
    elif blob.form == "raw":
        made.raw_data_type, made.raw_data = _FLOAT, raw
    else:
        assert prod(blob.shape) * 4 == len(raw)
        values = np.frombuffer(raw, "<f4").tolist()
        (made.double_data if blob.form == "double" else made.data).extend(values)
