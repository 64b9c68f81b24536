"""Weights as ONNX models can store them: typed fields, and the forms of Constant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import SparseTensorProto, TensorProto, helper, numpy_helper

from pytest_amct.cases.onnx.builder import NUMBERS, GraphBuilder
from pytest_amct.cases.onnx.ways import cast
from pytest_amct.cases.values import count

Shape = tuple[int, ...]


def _typed(g: GraphBuilder, shape: Shape, dtype: str) -> TensorProto:
    """Return a constant whose values are in the field for its type, not in ``raw_data``."""
    tensor = g.constant(shape, dtype)
    values = numpy_helper.to_array(tensor).astype(np.float64).flatten()
    return helper.make_tensor(tensor.name, NUMBERS[dtype], shape, values)


def _typed_initializer(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    g.graph.initializer.append(_typed(g, shape, dtype))
    return str(g.graph.initializer[-1].name)


def _typed_constant(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    return g.node("Constant", [], {"value": _typed(g, shape, dtype)})


def _sparse(g: GraphBuilder, shape: Shape, dtype: str) -> SparseTensorProto:
    """Return a constant as a sparse tensor that stores every value."""
    tensor = g.constant(shape, dtype)
    tensor.dims[:] = [count(shape)]
    places = helper.make_tensor("v", TensorProto.INT64, [count(shape)], range(count(shape)))
    return SparseTensorProto(values=tensor, indices=places, dims=shape)


def _sparse_constant(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    return g.node("Constant", [], {"sparse_value": _sparse(g, shape, dtype)})


def _listed(g: GraphBuilder, shape: Shape, dtype: str, form: str) -> str:
    """Return a weight from a Constant that lists its values in an attribute."""
    values = numpy_helper.to_array(g.constant(shape, "float32")).flatten().tolist()
    given: dict[str, list[Any]] = {
        "value_floats": values,
        "value_strings": [f"{value:.4f}" for value in values],
    }
    made = g.node("Constant", [], {form: given[form]})
    made = made if form == "value_floats" else cast(g, made, "float32")
    made = made if dtype == "float32" else cast(g, made, dtype)
    return made if len(shape) == 1 else g.node("Reshape", [made, g.values("int64", shape)])


def _numbers(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    """Return a constant scaled by a Constant of each form that holds one number, or integers."""
    made, forms = g.initializer(shape, dtype), dict[str, Any](value_float=0.5, value_int=3)
    for name, value in {**forms, "value_ints": [2], "value_string": "0.75"}.items():
        scale = cast(g, g.node("Constant", [], {name: value}), "float32")
        made = g.node("Mul", [made, scale if dtype == "float32" else cast(g, scale, dtype)])
    return made


STORED: Mapping[str, Any] = {
    "typed": _typed_initializer,
    "constant-typed": _typed_constant,
    "constant-sparse": _sparse_constant,
    "constant-floats": lambda g, s, d: _listed(g, s, d, "value_floats"),
    "constant-strings": lambda g, s, d: _listed(g, s, d, "value_strings"),
    "constant-numbers": _numbers,
}
"""Builders of sources by name."""
