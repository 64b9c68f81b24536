"""A small builder of Caffe nets of any generation, with meaningless names and distinctive blobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from pytest_amct.cases.values import weight_bytes
from pytest_amct.graphs.caffe.schema import message

Shape = tuple[int, ...]

_PARAMETERS = {
    "Deconvolution": "convolution_param",
    "InnerProduct": "inner_product_param",
    "BatchNorm": "batch_norm_param",
}
_V0_TYPES = {"Convolution": "conv", "InnerProduct": "innerproduct", "Pooling": "pool"}
_V0_FIELDS = {"kernel_size": "kernelsize", "bias_term": "biasterm"}
_ENUMS = {"AVE", "MAX", "STOCHASTIC", "SUM", "PROD", "ACROSS_CHANNELS"}
_FLOAT16 = 2
"""The number of FLOAT16 in the enum of NVIDIA's fork of Caffe."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Values that a layer stores: the `number`-th constant of the net."""

    shape: Shape
    number: int
    dtype: str = "float32"
    #: whether its shape is written in the four fields of older files
    legacy: bool = False


@dataclass(frozen=True, slots=True)
class CaffeLayer:
    """One layer, before it is written."""

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    parameters: Mapping[str, Any]
    blobs: tuple[Blob, ...] = ()
    #: the phase that it belongs to, ``""`` = both
    phase: str = ""
    #: the name under which it shares its weight
    shares: str = ""


@dataclass(slots=True)
class NetBuilder:
    """A net in the making. Names are counted up and carry no meaning."""

    #: 2: ``layer``; 1: ``layers`` with types in capitals; 0: ``layers { layer { ... } }``
    generation: int = 2
    #: whether inputs are fields of the net, not layers
    input_fields: bool = False
    legacy: bool = False
    inputs: list[tuple[str, Shape]] = field(default_factory=list)
    layers: list[CaffeLayer] = field(default_factory=list)
    counter: dict[str, int] = field(default_factory=dict)

    def name(self, letter: str) -> str:
        """Return the next name with that letter."""
        number = self.counter.get(letter, 0)
        self.counter[letter] = number + 1
        return f"{letter}{number}"

    def input(self, shape: Shape) -> str:
        """Add an input to the net, and return its name."""
        name = self.name("t")
        self.inputs.append((name, shape))
        return name

    def blob(self, shape: Shape, dtype: str = "float32", legacy: bool = False) -> Blob:
        """Return a new distinctive constant."""
        number = self.counter.get("w", 0)
        self.counter["w"] = number + 1
        # Older files always have four sizes: shorter shapes are padded in front.
        return Blob(shape, number, dtype, legacy or (self.legacy and len(shape) in (1, 2, 4)))

    def layer(
        self,
        type_: str,
        bottoms: Sequence[str],
        parameters: Mapping[str, Any] | None = None,
        blobs: Sequence[Blob] = (),
        *,
        tops: Sequence[str] = (),
        phase: str = "",
        shares: str = "",
        name: str = "",
    ) -> str:
        """Add a layer, and return its first top, which is new unless `tops` are given."""
        tops = tuple(tops) or (self.name("t"),)
        name = name or self.name("n")
        given = parameters or {}
        self.layers.append(
            CaffeLayer(name, type_, tuple(bottoms), tops, given, tuple(blobs), phase, shares)
        )
        return tops[0]

    def prototxt(self) -> bytes:
        """Return the net without its blobs, as text."""
        lines, images = ['name: "g"'], all(len(shape) == 4 for _, shape in self.inputs)
        for top, shape in self.inputs:
            if self.generation < 2 and images:
                lines.append(f'input: "{top}" ' + " ".join(f"input_dim: {n}" for n in shape))
            elif self.generation < 2 or self.input_fields:
                lines.append(f'input: "{top}" input_shape {{ {_dims(shape)} }}')
            else:
                held = f"input_param {{ shape {{ {_dims(shape)} }} }}"
                lines.append(f'layer {{ name: "{top}" type: "Input" top: "{top}" {held} }}')
        write = (_v0, _v1, _current)[self.generation]
        lines += [write(layer) for layer in self.layers]
        return ("\n".join(lines) + "\n").encode()

    def caffemodel(self) -> bytes:
        """Return the serialized blobs, by the names of their layers."""
        # Concatenated messages are one message, so each layer is serialized once for all nets.
        return b"".join(_stored(layer.name, layer.blobs) for layer in self.layers if layer.blobs)


def _dims(shape: Shape) -> str:
    return " ".join(f"dim: {n}" for n in shape)


def _wires(layer: CaffeLayer) -> str:
    bottoms = [f'bottom: "{name}"' for name in layer.bottoms]
    return " ".join([*bottoms, *(f'top: "{name}"' for name in layer.tops)])


def _fields(parameters: Mapping[str, Any], names: Mapping[str, str] | None = None) -> str:
    found = []
    for name, value in parameters.items():
        label = (names or {}).get(name, name)
        for entry in value if isinstance(value, list | tuple) else [value]:
            found.append(f"{label}: {_value(entry)}" if label != "shape" else _shape(value))
            if label == "shape":
                break
    return " ".join(found)


def _shape(dims: Sequence[int]) -> str:
    return f"shape {{ {_dims(tuple(dims))} }}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if value in _ENUMS else str(value)


def _parameters(layer: CaffeLayer) -> str:
    if not layer.parameters:
        return ""
    name = _PARAMETERS.get(layer.type, f"{layer.type.lower()}_param")
    return f" {name} {{ {_fields(layer.parameters)} }}"


def _phase(layer: CaffeLayer) -> str:
    return f" include {{ phase: {layer.phase} }}" if layer.phase else ""


def _current(layer: CaffeLayer) -> str:
    shares = f' param {{ name: "{layer.shares}" }}' if layer.shares else ""
    rest = f"{_phase(layer)}{shares}{_parameters(layer)}"
    return f'layer {{ name: "{layer.name}" type: "{layer.type}" {_wires(layer)}{rest} }}'


def _v1(layer: CaffeLayer) -> str:
    words = {"InnerProduct": "INNER_PRODUCT"}
    type_ = words.get(layer.type, layer.type.upper())
    shares = f' param: "{layer.shares}"' if layer.shares else ""
    rest = f"{_phase(layer)}{shares}{_parameters(layer)}"
    return f'layers {{ name: "{layer.name}" type: {type_} {_wires(layer)}{rest} }}'


def _v0(layer: CaffeLayer) -> str:
    type_ = _V0_TYPES.get(layer.type, layer.type.lower())
    held = _fields(layer.parameters, _V0_FIELDS)
    return f'layers {{ layer {{ name: "{layer.name}" type: "{type_}" {held} }} {_wires(layer)} }}'


@lru_cache(maxsize=4096)
def _stored(name: str, blobs: tuple[Blob, ...]) -> bytes:
    net = message("StoredNet")
    layer = net.layer.add(name=name)
    for blob in blobs:
        made = layer.blobs.add()
        raw = weight_bytes(blob.shape, blob.dtype, blob.number)
        if blob.legacy:
            sizes = (*[1] * (4 - len(blob.shape)), *blob.shape)
            made.num, made.channels, made.height, made.width = sizes
        else:
            made.shape.dim.extend(blob.shape)
        if blob.dtype == "float16":
            made.raw_data_type, made.raw_data = _FLOAT16, raw
        else:
            assert prod(blob.shape) * 4 == len(raw)
            made.data.extend(np.frombuffer(raw, "<f4").tolist())
    return bytes(net.SerializeToString(deterministic=True))
