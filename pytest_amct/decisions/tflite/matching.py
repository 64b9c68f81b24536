"""Finds the layers of a graph again in a TensorFlow Lite model, by the names of its tensors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pytest_amct.decisions.tflite.reader import Operator, Tensor
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.graphs.sources import source

PRODUCTS = frozenset(("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"))
"""The types of products of which both inputs may be data."""

_OPERATORS: Mapping[str, tuple[str, ...]] = {
    "Conv2D": ("CONV_2D",),
    "DepthwiseConv2dNative": ("DEPTHWISE_CONV_2D", "CONV_2D"),
    "Conv2DBackpropInput": ("TRANSPOSE_CONV",),
    "Conv3D": ("CONV_3D",),
    "MatMul": ("FULLY_CONNECTED", "BATCH_MATMUL"),
    **dict.fromkeys(PRODUCTS, ("BATCH_MATMUL", "FULLY_CONNECTED")),
    "AvgPool": ("AVERAGE_POOL_2D",),
    "MaxPool": ("MAX_POOL_2D",),
    "Add": ("ADD",),
    "AddV2": ("ADD",),
    "AddN": ("ADD_N", "ADD"),
    "BiasAdd": ("ADD",),
    "RealDiv": ("DIV", "MUL"),
    "Sigmoid": ("LOGISTIC",),
    "SparseMatMul": ("FULLY_CONNECTED", "BATCH_MATMUL"),
    "Einsum": ("FULLY_CONNECTED", "BATCH_MATMUL"),
    "Conv3DBackpropInputV2": ("CONV_3D_TRANSPOSE",),
    # If it is not folded, it becomes two operators, and neither is the whole layer.
    **dict.fromkeys(("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"), ()),
}
"""The operators that a type may become. A type that is not listed keeps its name: Mul is MUL."""

_WEIGHTED = PRODUCTS | frozenset(
    ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "Conv3D", "MatMul")
)
"""The types of layers whose weight may have their name."""

_WEIGHT = frozenset(kind for type_ in _WEIGHTED for kind in _OPERATORS[type_])
"""Operators of TensorFlow Lite whose input 1 is a weight."""

_DIGITS = "0123456789"


class _Layers(NamedTuple):
    """The layers of the main graph by name, and the length of the longest name."""

    by_name: Mapping[str, Layer]
    longest: int


def matched(network: Network, operators: Iterable[Operator]) -> dict[Layer, Operator]:
    """Return the operators that layers of the main graph became.

    An operator's output is named after its layer and all layers that were folded into it. The
    operator belongs to the only one of them whose type fits. If several fit, none is matched. If
    the output has no such name, the weight may have one.
    """
    layers = _by_name(network)
    found: defaultdict[Layer, list[Operator]] = defaultdict(list)
    by_weight: defaultdict[Layer, list[Operator]] = defaultdict(list)
    for operator in operators:
        owners = _candidates(layers, operator, operator.outputs)
        if len(owners) == 1:
            found[owners[0]].append(operator)
        if owners or operator.type not in _WEIGHT:
            continue
        owners = _candidates(layers, operator, operator.inputs[1:2])
        if len(owners) == 1 and owners[0].type in _WEIGHTED:
            by_weight[owners[0]].append(operator)
    for layer, several in by_weight.items():
        if layer not in found:
            found[layer] = several
    return {layer: several[0] for layer, several in found.items() if len(several) == 1}


def _by_name(network: Network) -> _Layers:
    by_name = {layer.name: layer for layer in network.layers if not layer.where}
    return _Layers(by_name, max(map(len, by_name), default=0))


def _candidates(
    layers: _Layers, operator: Operator, tensors: Iterable[Tensor | None]
) -> list[Layer]:
    """Return the layers that tensors are named after and that the operator may be.

    Layers with a constant output are left out, as the converter computes them beforehand.
    """
    parts = {part.split(":")[0] for t in tensors if t is not None for part in t.name.split(";")}
    owners = {owner.name: owner for p in parts if (owner := _owner(layers, p)) is not None}
    return [owner for owner in owners.values() if _can_be(owner, operator)]


def _owner(layers: _Layers, name: str) -> Layer | None:
    """Return the layer after which a tensor is named. The converter appends digits to the name."""
    shortest = len(name.rstrip(_DIGITS))
    for length in range(min(len(name), layers.longest), shortest - 1, -1):
        if name[:length] in layers.by_name:
            return layers.by_name[name[:length]]
    return None


def _can_be(layer: Layer, operator: Operator) -> bool:
    same = operator.type.replace("_", "") == layer.type.upper()
    types = _OPERATORS.get(layer.type)
    if not (same if types is None else operator.type in types):
        return False
    return any(t is not None and source(t).kind != "constant" for t in layer.outputs[:1])
