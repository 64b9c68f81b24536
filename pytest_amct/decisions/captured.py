"""Finds readers of a constant that became integers, but that can only take floats.

A quantizer may replace an initializer by integers for one layer, and forget that another layer, or
a nested graph that captures it, reads it as well. Checkers do not always look into nested graphs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

import onnx
from onnx import TensorProto

from pytest_amct.decisions.amct.deploy import works_on_integers
from pytest_amct.decisions.onnx.moved import FLOATS
from pytest_amct.decisions.onnx.pairs import dequantizes
from pytest_amct.decisions.onnx.qoperator import is_qoperator
from pytest_amct.graphs import walk
from pytest_amct.graphs.network import Layer, Network, Tensor

_INTEGERS = ("int8", "uint8", "int16", "uint16", "int4", "uint4", "int2", "uint2")
_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_WEIGHT = 1


def broken_readers(
    original: Network, result: Network, counterparts: Mapping[int, Layer]
) -> Iterator[tuple[int, str]]:
    """Yield layers whose weight became integers although another reader needs floats.

    Each is the index of a layer with what is wrong: of the first layer with that weight that may
    read integers, else of the reader itself. `counterparts` are the layers of `result` by the index
    of a layer of `original`.
    """
    known = {after: index for index, after in counterparts.items()}
    places = {layer: index for index, layer in enumerate(original.layers)}
    for name, tensor in result.scopes[0].items():
        given = original.scopes[0].get(name)
        if given is None or tensor.dtype not in _INTEGERS or given.dtype not in FLOATS:
            continue
        if not (isinstance(tensor.value, TensorProto) and isinstance(given.value, TensorProto)):
            continue
        readers = dict.fromkeys(tensor.consumers)
        dequantized = any(dequantizes(r) or is_qoperator(r) for r in readers)
        refusals = {r: why for r in readers if (why := _refusal(r, tensor, dequantized))}
        if not refusals:
            continue
        broken = {known.get(reader) for reader in refusals}
        causes = [places[x] for x in given.consumers if x.input(_WEIGHT) is given]
        causes = [index for index in causes if index not in broken]
        reader, why = next(iter(refusals.items()))
        index = next(iter(causes), known.get(reader))
        if index is not None:
            also = f" (and {len(refusals) - 1} other layers)" if len(refusals) > 1 else ""
            yield index, f"{reader}{also} reads {tensor}, which became {tensor.dtype}: {why}"


def _refusal(reader: Layer, tensor: Tensor, dequantized: bool) -> str | None:
    """Return why a layer cannot read a tensor of integers, ``None`` if it may.

    If no layer dequantizes the tensor, a layer may take integers as its weight: some formats keep
    the scales elsewhere.
    """
    if reader.domain or is_qoperator(reader) or works_on_integers(reader):
        return None
    formals = _formals(reader.type, reader.version)
    if len(reader.inputs) > len(formals):
        return None  # any number of inputs of any type
    ports = [p for p, t in enumerate(reader.inputs) if t is tensor]
    if not dequantized and reader.type in _WEIGHTED and ports == [_WEIGHT]:
        return None
    for port in ports:
        variable, allowed = formals[port]
        if f"tensor({tensor.dtype})" not in allowed:
            return f"{reader.type} takes no {tensor.dtype} there"
        for other, (name, _) in enumerate(formals):
            dtype = walk.dtype(reader.input(other)) if other != port and name == variable else None
            if dtype in FLOATS:
                return f"its other input is {dtype}, and both must have one type"
    return None


@lru_cache(512)
def _formals(type_: str, version: int) -> tuple[tuple[str, frozenset[str]], ...]:
    """Return the type variable and the allowed types of each input, ``()`` if not known."""
    try:
        newest = onnx.defs.onnx_opset_version()
        schema = onnx.defs.get_schema(type_, max(0, min(version, newest)))
    except onnx.defs.SchemaError:
        return ()
    return tuple((formal.type_str, frozenset(formal.types)) for formal in schema.inputs)
