"""ONNX protos: parse a model, and translate domains, types and shapes to those of a network."""

from __future__ import annotations

import os

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import ModelProto, TensorShapeProto, ValueInfoProto

from pytest_amct.errors import ModelError
from pytest_amct.graphs.files import path_of, read_bytes
from pytest_amct.graphs.network import Shape
from pytest_amct.graphs.onnx.ops import DTYPES


def parse_onnx(model: bytes | str | os.PathLike[str] | ModelProto, name: str = "") -> ModelProto:
    """Parse a model given in any form, without its external data.

    Raise `ModelError` if the file is missing, is not ONNX, or contains no graph.
    """
    if not isinstance(model, ModelProto):
        if isinstance(model, bytes):
            data, name = model, name or "the model"
        else:
            name = name or path_of(model, "a ModelProto, its bytes or a path")
            data = read_bytes(model, name)
        model = ModelProto()
        try:
            model.ParseFromString(data)
        except DecodeError:
            raise ModelError(
                f"{name}: not an ONNX model, or cut off ({len(data)} bytes): export it again"
            ) from None
    if not model.HasField("graph"):
        raise ModelError(f"{name or 'the model'}: holds no graph: is it an ONNX model at all?")
    return model


def normal_domain(domain: str) -> str:
    """Return the domain, with the empty name for ``ai.onnx``."""
    return "" if domain == "ai.onnx" else domain


def value_shape(info: ValueInfoProto) -> Shape | None:
    """Return the declared shape, ``None`` if there is none or the value is not a dense tensor."""
    kind = info.type.WhichOneof("value")
    if kind != "tensor_type" or not info.type.tensor_type.HasField("shape"):
        return None
    return tuple(map(_entry, info.type.tensor_type.shape.dim))


def _entry(dim: TensorShapeProto.Dimension) -> int | str | None:
    if dim.HasField("dim_value") and dim.dim_value >= 0:
        return dim.dim_value
    # onnx's shape inference gives names with this prefix to unknown dimensions.
    return dim.dim_param if dim.dim_param and not dim.dim_param.startswith("unk__") else None


def input_shape(info: ValueInfoProto) -> Shape | None:
    """Return the shape of a network input; dimensions that the file leaves open are symbolic."""
    shape = value_shape(info)
    if shape is None:
        return None
    return tuple(f"{info.name}.{i}" if n is None else n for i, n in enumerate(shape))


def value_dtype(info: ValueInfoProto) -> str | None:
    """Return the declared element type; for values other than tensors, the name of their kind."""
    kind = info.type.WhichOneof("value")
    if kind is None:
        return None
    if kind in ("tensor_type", "sparse_tensor_type"):
        return DTYPES.get(getattr(info.type, kind).elem_type)
    return str(kind).removesuffix("_type")
