"""What to change in a model so that a layer can be quantized, where there is something to change.

A cure is one clause in the imperative. It is for those who have a model; what a quantizer should
do instead is on the page of the condition (``pytest-amct rule ID``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pytest_amct.graphs import sources, walk
from pytest_amct.graphs.network import Layer
from pytest_amct.ids import ConditionId
from pytest_amct.tables.model import Reason

_INLINE = "inline the functions"
_FREEZE = "freeze the variables"
_FIX_SHAPES = "fix the shapes of the network inputs, and fold what is computed from them"
_STORE_WEIGHT = "store the weight in the model instead of computing it from a network input"

_OF_SOURCES: Sequence[tuple[str, str]] = (
    (r"Variable|VarHandle|ReadVariable|network variable", _FREEZE),
    # Fed values are network inputs; any other placeholder holds the handle of a variable.
    (r"result of Placeholder", _FREEZE),
    (r"initializer .* also a graph input", "take the initializer out of the graph's inputs"),
    (r"parameter|function argument", _INLINE),
    (r"from network input", _STORE_WEIGHT),
    (r"has a symbolic dimension", _FIX_SHAPES),
)
"""Cures for a weight or a bias, by what was found behind it."""

_BY_CONDITION: Mapping[str, str] = {
    "trans_a": "transpose the data in a layer before it, and set transA to 0",
    "transpose_a": "transpose the data in a layer before it, and clear transpose_a",
    "transpose_b": "store the weight transposed, and clear transpose_b",
    "transpose": "store the weight transposed, and clear transpose",
    "adj_x": "transpose the data in a layer before it, and clear adj_x",
    "axis": "flatten the data before it so that axis is 1",
    "shared_weight": "give each layer its own copy of the weight",
    "alpha": "multiply the weight by alpha, and set alpha to 1",
    "beta": "multiply the bias by beta, and set beta to 1",
    "coeff": "scale the inputs in layers before it, and remove coeff",
    "function": _INLINE,
    "weight_node": "fold the operators behind the weight into a stored constant",
}
"""Cures that depend on nothing but the name of the condition."""

_GLOBAL: Mapping[str, str] = {
    "onnx": "write it as an AveragePool whose kernel covers the map",
    "caffe": "write the size of the map as kernel_size instead of global_pooling",
}

_MAX = "write it as a MaxPool whose kernel covers the map"

_FOLDED = frozenset(
    "BatchNormalization FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 BatchNorm".split()
)
_FOLDED_INTO = frozenset(
    "Conv ConvTranspose Gemm MatMul"
    " Conv2D Conv3D DepthwiseConv2dNative Conv2DBackpropInput"
    " Convolution Deconvolution InnerProduct BiasAdd".split()
)
"""The layers that a normalization behind them can be folded into."""


def cure_of(reason: Reason, layer: Layer) -> str:
    """Return what to change in the model about a reason, ``""`` if there is nothing to change."""
    parts = ConditionId.parse(reason.condition)
    if parts.is_unlisted:
        return _of_unlisted(layer)
    if parts.table == "float16":
        return _of_float16(reason.observed)
    if parts.name in _BY_CONDITION:
        return _BY_CONDITION[parts.name]
    if parts.name == "spelling":
        return _MAX if layer.type == "GlobalMaxPool" else f"write it as {parts.row}"
    if parts.name == "global_pooling":
        return _GLOBAL.get(layer.framework, "")
    if parts.name == "nested":
        return _INLINE if layer.where.startswith("function:") else ""
    if parts.name == "second_input":
        return _of_second_input(reason, layer)
    if parts.name in ("weight_source", "bias_source"):
        found = _of_source(reason.observed)
        return found.replace("weight", "bias") if parts.name == "bias_source" else found
    return ""


def _of_unlisted(layer: Layer) -> str:
    """Return the cure for a type without a row: few have one."""
    if layer.type == "Sum" and layer.framework == "onnx" and len(layer.inputs) == 2:
        return "write it as Add"
    data = layer.input(0)
    if layer.type not in _FOLDED or data is None or data.producer is None:
        return ""
    # What else reads the same data needs it without the normalization.
    alone = len(data.consumers) == 1 and data.producer.type in _FOLDED_INTO
    return "fold it into the layer before it" if alone else ""


def _of_source(observed: str) -> str:
    """Return the cure for what was found behind a weight, ``""`` if there is none."""
    nameless = re.sub(r"'[^']*'", "", observed)
    return next((cure for pattern, cure in _OF_SOURCES if re.search(pattern, nameless)), "")


def _of_float16(observed: str) -> str:
    if observed.startswith("network input"):
        return "make all network inputs and weights Float32"
    return "store all weights as Float32" if observed.startswith("weight") else ""


def _of_second_input(reason: Reason, layer: Layer) -> str:
    """Return the cure for a second input that is dynamic, or a constant of another rank than 2."""
    if " has rank " in reason.observed:
        return "drop the leading dimensions of the second input, if all of them are 1"
    first, second = layer.input(0), layer.input(1)
    if second is not None and sources.source(second).kind == "constant":
        return "fold the operators behind the second input into a stored constant"
    if first is not None and sources.source(first).kind == "constant":
        return "swap the inputs, both transposed, so that the constant is the second"
    found = _of_source(reason.observed)
    if found == _STORE_WEIGHT and second is not None and walk.origin(second).producer is not None:
        return ""  # a product of two values that are computed, as in attention
    return found
