"""TensorFlow's converter to TensorFlow Lite, int8, with the usual settings."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_amct.decisions.decision import UNMATCHED, Decision
from pytest_amct.decisions.value_types import SHOWS_NOTHING_ELSEWHERE
from pytest_amct.errors import UsageError
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.graphs.sources import source
from pytest_amct.quantizers.builtin.onnxruntime import quiet
from pytest_amct.quantizers.protocol import Request, Unsupported
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.loader import load_spec
from pytest_amct.tables.model import DataFormat

_NO_LAYERS = ("Placeholder", "Const")

_INTEGERS = ("INT8", "INT16", "UINT8")

_PRODUCTS = ("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")

_OPERATORS: Mapping[str, tuple[str, ...]] = {
    "Conv2D": ("CONV_2D",),
    "DepthwiseConv2dNative": ("DEPTHWISE_CONV_2D", "CONV_2D"),
    "Conv2DBackpropInput": ("TRANSPOSE_CONV",),
    "Conv3D": ("CONV_3D",),
    "MatMul": ("FULLY_CONNECTED", "BATCH_MATMUL"),
    "BatchMatMul": ("BATCH_MATMUL", "FULLY_CONNECTED"),
    "BatchMatMulV2": ("BATCH_MATMUL", "FULLY_CONNECTED"),
    "BatchMatMulV3": ("BATCH_MATMUL", "FULLY_CONNECTED"),
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

_WEIGHT = frozenset(
    "CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV CONV_3D FULLY_CONNECTED BATCH_MATMUL".split()
)
"""Operators of TensorFlow Lite whose input 1 is a weight."""


class _TfLite:
    """``tf.lite.TFLiteConverter``; loading adds the rest of `Quantizer`."""

    name = "tflite"
    frameworks = ("tensorflow",)

    def quantize(self, model: Any, request: Request) -> dict[str, Decision | str]:
        """Convert a graph. Return decisions by layer name, read from the converted operators.

        ``unmatched`` marks a layer that the converter has fused, folded or renamed. Raises
        `Unsupported` for graphs with types or operators that TensorFlow Lite does not have.
        """
        network = request.network
        tf = _import()
        with quiet():
            converted = _convert(tf, network, request)
            operators = [*_operators(tf, converted)]
        became = matched(network, operators)
        return {
            layer.name: _decision(layer, became.get(layer.name)) or UNMATCHED
            for layer in network.layers
            if not layer.where and layer.type not in (*_NO_LAYERS, *SHOWS_NOTHING_ELSEWHERE)
        }


def tflite() -> _TfLite:
    """Make ``tflite``: `tf.lite.TFLiteConverter`, int8 with a representative dataset."""
    if importlib.util.find_spec("tensorflow") is None:
        raise UsageError("quantizer 'tflite' needs tensorflow: pip install pytest-amct[tensorflow]")
    return _TfLite()


def _import() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet():
        return importlib.import_module("tensorflow")


# --- conversion -----------------------------------------------------------------------------------


def _convert(tf: Any, network: Network, request: Request) -> bytes:
    """Return the converted model: int8 where the converter supports it, float elsewhere."""
    graph = tf.compat.v1.GraphDef.FromString(request.model_bytes)
    fed = [f"{spec.name}:0" for spec in request.inputs]
    read = {name for node in graph.node for name in _data_inputs(node)}
    made = [
        n.name for n in graph.node if n.name not in read and n.op not in ("Placeholder", "NoOp")
    ]
    try:
        wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
        pruned = wrapped.prune(fed, [f"{name}:0" for name in made])
        converter = tf.lite.TFLiteConverter.from_concrete_functions([pruned], pruned)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        names = [tensor.name.split(":")[0] for tensor in pruned.inputs]
        converter.representative_dataset = lambda: _feeds(request, names)
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
            tf.lite.OpsSet.TFLITE_BUILTINS,
        ]
        converted: bytes = converter.convert()
    except Exception as error:
        words = (str(error).strip().splitlines() or [""])[0]
        raise Unsupported(f"TensorFlow Lite: {type(error).__name__}: {words[:200]}") from None
    return converted


def _data_inputs(node: Any) -> Iterator[str]:
    for name in node.input:
        if not name.startswith("^"):
            yield name.split(":")[0]


def _feeds(request: Request, names: list[str]) -> Iterator[list[Any]]:
    for feed in request.calibration():
        yield [feed[name] for name in names]


# --- the converted model --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the converted model. Its name joins the names of several layers by semicolons."""

    name: str
    type: str
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]

    @property
    def quantized(self) -> bool:
        """Whether it holds integers that represent real numbers."""
        return self.type in _INTEGERS and bool(self.scales)


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator of the converted model."""

    type: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]


def _operators(tf: Any, converted: bytes) -> Iterator[Operator]:
    """Yield the operators of a converted model, in the order of its flatbuffer."""
    tool = importlib.import_module("tensorflow.lite.tools.flatbuffer_utils")
    schema = importlib.import_module("tensorflow.lite.python.schema_py_generated")
    model = tool.convert_bytearray_to_object(bytearray(converted))
    kinds = {v: k for k, v in vars(schema.TensorType).items() if not k.startswith("_")}
    codes = {v: k for k, v in vars(schema.BuiltinOperator).items() if not k.startswith("_")}
    (graph, *_) = model.subgraphs
    tensors = [_tensor(found, kinds) for found in graph.tensors]
    for found in graph.operators or []:
        code = model.operatorCodes[found.opcodeIndex]
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        yield Operator(
            codes[number],
            tuple(tensors[i] if i >= 0 else None for i in found.inputs),
            tuple(tensors[i] for i in found.outputs),
        )


def _tensor(found: Any, kinds: Mapping[int, str]) -> Tensor:
    held = found.quantization
    scales = () if held is None or held.scale is None else tuple(map(float, held.scale))
    points = () if held is None or held.zeroPoint is None else tuple(map(int, held.zeroPoint))
    return Tensor(found.name.decode(), kinds[found.type], scales, points)


# --- decisions ------------------------------------------------------------------------------------


def matched(network: Network, operators: Iterable[Operator]) -> dict[str, Operator]:
    """Return the operators that layers became, by layer name.

    An operator's output is named after its layer and all layers that were folded into it. The
    operator belongs to the only one of them whose type fits. If several fit, none is matched. If
    the output has no such name, the weight may have one.
    """
    layers = {layer.name: layer for layer in network.layers if not layer.where}
    found: defaultdict[str, list[Operator]] = defaultdict(list)
    by_weight: defaultdict[str, list[Operator]] = defaultdict(list)
    for operator in operators:
        owners = _candidates(layers, operator, operator.outputs)
        if len(owners) == 1:
            found[owners[0].name].append(operator)
        if owners or operator.type not in _WEIGHT:
            continue
        owners = _candidates(layers, operator, operator.inputs[1:2])
        if len(owners) == 1 and _has_weight(owners[0]):
            by_weight[owners[0].name].append(operator)
    for name, several in by_weight.items():
        if name not in found:
            found[name] = several
    return {name: several[0] for name, several in found.items() if len(several) == 1}


def _candidates(
    layers: Mapping[str, Layer], operator: Operator, tensors: Iterable[Tensor | None]
) -> list[Layer]:
    """Return the layers that tensors are named after and that the operator may be.

    Layers with a constant output are left out, as the converter computes them beforehand.
    """
    parts = {part.split(":")[0] for t in tensors if t is not None for part in t.name.split(";")}
    owners = {owner.name: owner for p in parts if (owner := _owner(layers, p)) is not None}
    return [owner for owner in owners.values() if _can_be(owner, operator)]


def _owner(layers: Mapping[str, Layer], name: str) -> Layer | None:
    """Return the layer after which a tensor is named. The converter appends digits to the name."""
    while name not in layers and name[-1:].isdigit():
        name = name[:-1]
    return layers.get(name)


def _can_be(layer: Layer, operator: Operator) -> bool:
    same = operator.type.replace("_", "") == layer.type.upper()
    types = _OPERATORS.get(layer.type)
    if not (same if types is None else operator.type in types):
        return False
    return any(t is not None and source(t).kind != "constant" for t in layer.outputs[:1])


def _has_weight(layer: Layer) -> bool:
    row = find_row(layer, load_spec())
    return row is not None and row.ports.weight is not None


def _decision(layer: Layer, operator: Operator | None) -> Decision | None:
    """Return the decision on a layer that became an operator."""
    if operator is None:
        return None
    if layer.type in _PRODUCTS and _is_variable(layer, 1):
        return _product(operator)
    row = find_row(layer, load_spec())
    if row is None or row.ports.weight is None:
        return _plain(operator)
    return _weighted(operator, row.ports.data)


def _plain(operator: Operator) -> Decision:
    """Decide on a layer without a weight: it is quantized if all data and outputs are."""
    data = [t for t in operator.inputs if t is not None and t.type not in ("INT32", "INT64")]
    if not data or not all(t.quantized for t in (*data, *operator.outputs)):
        return Decision.float()
    ports = tuple(range(len(data)))
    seen = f"{operator.type} on {data[0].type}"
    return Decision(inputs=ports, weights=False, shift=0, nonuniform=False, seen=seen)


def _is_variable(layer: Layer, port: int) -> bool:
    tensor = layer.input(port)
    return tensor is not None and source(tensor).kind == "dynamic"


def _product(operator: Operator) -> Decision:
    """Decide on a product whose second input can change: both are data, whatever the release."""
    data = {p: t for p, t in enumerate(operator.inputs[:2]) if t is not None and t.quantized}
    if not data:
        return Decision.float()
    return Decision(
        inputs=tuple(data),
        weights=False,
        shift=0,
        nonuniform=False,
        formats=tuple(_format(port, tensor) for port, tensor in data.items()),
        seen=f"{operator.type} on {' and '.join(t.type for t in data.values())}",
    )


def _format(port: int, tensor: Tensor) -> DataFormat:
    middle = 128 if tensor.type == "UINT8" else 0
    bits = 16 if tensor.type == "INT16" else 8
    return DataFormat(port, bits, any(point != middle for point in tensor.zero_points))


def _weighted(operator: Operator, ports: tuple[int, ...]) -> Decision | None:
    weight = operator.inputs[1]
    others = [t for t in (operator.inputs[0], *operator.inputs[2:3]) if t is not None]
    data = [t for t in others if t.type in ("FLOAT32", "FLOAT16", *_INTEGERS)]
    if weight is None or not data:
        return None
    on_data = data[0].quantized
    if not weight.quantized and not on_data:
        return Decision.float()
    return Decision(
        inputs=ports if on_data else (),
        weights=weight.quantized,
        weight_channel_wise=len(set(weight.scales)) > 1,
        weight_asymmetric=any(weight.zero_points),
        weight_bits=8 if weight.quantized else None,
        shift=0,
        nonuniform=False,
        seen=f"{operator.type} with a weight of {weight.type} on data of {data[0].type}",
    )
