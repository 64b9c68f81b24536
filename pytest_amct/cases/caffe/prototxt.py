"""The text of Caffe nets: layers in the three generations of the format, and inputs in each way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pytest_amct.cases.caffe.builder import Blob, CaffeLayer, NetBuilder, Shape
from pytest_amct.cases.values import weight_bytes

_PARAMETERS = {
    "Deconvolution": "convolution_param",
    "ConvolutionDepthwise": "convolution_param",
    "DepthwiseConvolution": "convolution_param",
    "InnerProduct": "inner_product_param",
    "LSTM": "recurrent_param",
    "BatchNorm": "batch_norm_param",
    "Normalize": "norm_param",
    "PSROIPooling": "psroi_pooling_param",
    "ROIPooling": "roi_pooling_param",
}
_V0_TYPES = {"Convolution": "conv", "InnerProduct": "innerproduct", "Pooling": "pool"}
_V0_FIELDS = {"kernel_size": "kernelsize", "bias_term": "biasterm"}
_ENUMS = {"AVE", "MAX", "STOCHASTIC", "SUM", "PROD", "ACROSS_CHANNELS"}
_IMAGE = ("num", "channels", "height", "width")


def prototxt(net: NetBuilder, feeds: str) -> str:
    """Return a net without its blobs, one layer in each line.

    `feeds` says how its inputs are written: ``""`` = Input layers, ``fields`` = fields of the net,
    ``dims`` = such fields as older nets have them, ``dummy`` = DummyData layers, ``dummy-dims`` =
    such layers with a field for each dimension. ``joined`` = one Input layer for all of them,
    ``dummy-joined`` = one such DummyData layer.
    """
    lines = ['name: "g"', *([f"state {{ {net.state} }}"] if net.state else [])]
    write = (_v0, _v1, _current)[net.generation]
    return "\n".join([*lines, *_inputs(net, feeds), *map(write, net.layers)]) + "\n"


def _inputs(net: NetBuilder, feeds: str) -> Iterator[str]:
    images = all(len(shape) == 4 for _, shape in net.inputs)
    old = net.generation < 2 or feeds == "dims"
    if feeds.endswith("joined") and net.generation == 2:
        yield _joined(net, "DummyData" if feeds == "dummy-joined" else "Input")
        return
    for top, shape in net.inputs:
        if top in net.files:
            yield _read(top, net.files[top])
        elif old and images:
            yield f'input: "{top}" ' + " ".join(f"input_dim: {n}" for n in shape)
        elif old or feeds == "fields":
            yield f'input: "{top}" {_shape(shape, "input_shape")}'
        else:
            type_ = "DummyData" if feeds else "Input"
            given = f"dummy_data_param {{ {_dummy(shape, feeds)} }}"
            held = given if feeds else f"input_param {{ {_shape(shape)} }}"
            yield f'layer {{ name: "{top}" type: "{type_}" top: "{top}" {held} }}'


def _joined(net: NetBuilder, type_: str) -> str:
    tops = " ".join(f'top: "{top}"' for top, _ in net.inputs)
    shapes = " ".join(_shape(shape) for _, shape in net.inputs)
    held = f"{'input' if type_ == 'Input' else 'dummy_data'}_param {{ {shapes} }}"
    return f'layer {{ name: "{net.name("n")}" type: "{type_}" {tops} {held} }}'


def _read(top: str, type_: str) -> str:
    held = f'{"data" if type_ == "Data" else "hdf5_data"}_param {{ source: "f" batch_size: 1 }}'
    return f'layer {{ name: "{top}" type: "{type_}" top: "{top}" {held} }}'


def _dummy(shape: Shape, feeds: str) -> str:
    if feeds == "dummy" or len(shape) != 4:
        return _shape(shape)
    return " ".join(f"{name}: {n}" for name, n in zip(_IMAGE, shape, strict=True))


def _shape(dims: Sequence[int], name: str = "shape") -> str:
    return f"{name} {{ {' '.join(f'dim: {n}' for n in dims)} }}"


def _wires(layer: CaffeLayer) -> str:
    bottoms = [f'bottom: "{name}"' for name in layer.bottoms]
    return " ".join([*bottoms, *(f'top: "{name}"' for name in layer.tops)])


def _fields(parameters: Mapping[str, Any], names: Mapping[str, str] | None = None) -> str:
    found = []
    for name, value in parameters.items():
        label = (names or {}).get(name, name)
        if label == "shape":
            found.append(_shape(value))
            continue
        for entry in value if isinstance(value, list | tuple) else [value]:
            found.append(f"{label}: {_value(entry)}")
    return " ".join(found)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if value in _ENUMS else str(value)


def _parameters(layer: CaffeLayer) -> str:
    if not layer.parameters:
        return ""
    name = _PARAMETERS.get(layer.type, f"{layer.type.lower()}_param")
    return f" {name} {{ {_fields(layer.parameters)} }}"


def _rest(layer: CaffeLayer, shares: Sequence[str]) -> str:
    rules = f" {layer.rules}" if layer.rules else ""
    return "".join([rules, *shares, _parameters(layer)])


def _current(layer: CaffeLayer) -> str:
    shares = [f' param {{ name: "{name}" }}' if name else " param { }" for name in layer.shares]
    stored = [_text(blob) for blob in layer.blobs if blob.form == "text"]
    rest = f"{_rest(layer, shares)}{''.join(stored)}"
    return f'layer {{ name: "{layer.name}" type: "{layer.type}" {_wires(layer)}{rest} }}'


def _text(blob: Blob) -> str:
    values = np.frombuffer(weight_bytes(blob.shape, blob.dtype, blob.number), "<f4")
    return f" blobs {{ {_shape(blob.shape)} data: [{', '.join(map(str, values))}] }}"


def _v1(layer: CaffeLayer) -> str:
    words = {"InnerProduct": "INNER_PRODUCT"}
    type_ = words.get(layer.type, layer.type.upper())
    rest = _rest(layer, [f' param: "{name}"' for name in layer.shares])
    return f'layers {{ name: "{layer.name}" type: {type_} {_wires(layer)}{rest} }}'


def _v0(layer: CaffeLayer) -> str:
    type_ = _V0_TYPES.get(layer.type, layer.type.lower())
    held = _fields(layer.parameters, _V0_FIELDS)
    return f'layers {{ layer {{ name: "{layer.name}" type: "{type_}" {held} }} {_wires(layer)} }}'
