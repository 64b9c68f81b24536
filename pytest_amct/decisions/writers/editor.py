"""Edits a private copy of an ONNX model: adds constants and operators before and after a layer.

A tensor keeps its name for its readers. Its former producer gets a new output instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.names import layers_by_name, unknown_name
from pytest_amct.decisions.onnx.qdq import data_ports
from pytest_amct.decisions.onnx.quantized_constants import MICROSOFT, stored, values
from pytest_amct.decisions.value_types import SHOWS_NOTHING
from pytest_amct.errors import UsageError
from pytest_amct.graphs import walk
from pytest_amct.graphs.network import Layer, Tensor
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.model import Row, Spec

DATA_SCALE = 1 / 64
"""The scale of all data. The written models are only read, so nothing is calibrated."""

OFFSET = 3
"""The zero point of asymmetric weights."""

_LIMIT = 127


class Editor:
    """A model that is being written. `finish` returns it."""

    def __init__(self, model: ModelProto, spec: Spec) -> None:
        self.model = ModelProto()
        self.model.CopyFrom(model)
        self.spec = spec
        self.network = read_onnx(self.model)
        self.opset = next(
            (o.version for o in self.model.opset_import if o.domain in ("", "ai.onnx")), 1
        )
        tensors = [t for scope in self.network.scopes for t in scope.values()]
        for tensor in tensors:  # shape inference reads the model, which is about to change
            walk.dtype(tensor)
        self._names = {tensor.name for tensor in tensors}
        self._names |= {layer.name for layer in self.network.layers}
        self._before: dict[int, list[NodeProto]] = {}
        self._behind: dict[int, list[NodeProto]] = {}

    def quantized(self, decisions: Mapping[str, Decision]) -> Iterator[tuple[Layer, Decision]]:
        """Return the quantized layers of the main graph, in document order.

        Raises `OutputError` for a name that the model does not have.
        """
        known = layers_by_name(self.network)
        found: dict[int, Decision] = {}
        for name, decision in decisions.items():
            if name not in known:
                raise unknown_name(name, self.network)
            if len(known[name]) == 1 and decision.quantized:
                found[known[name][0]] = decision
        for index in sorted(found):
            layer = self.network.layers[index]
            if not layer.where and (layer.domain or layer.type not in SHOWS_NOTHING):
                if found[index].weight_bits not in (None, 8):
                    raise UsageError(
                        f"{layer}: models are written with weights of 8 bits, "
                        f"not {found[index].weight_bits}"
                    )
                yield layer, found[index]

    def row(self, layer: Layer) -> Row | None:
        """Return the row of a layer's type."""
        return find_row(layer, self.spec)

    def ports(self, layer: Layer, decision: Decision) -> tuple[int, ...]:
        """Return the ports of the quantized data, all data ports if the decision does not say."""
        if decision.inputs is None:
            return data_ports(layer, self.row(layer))
        return tuple(p for p in decision.inputs if layer.input(p) is not None)

    def weight_port(self, layer: Layer, decision: Decision) -> int | None:
        """Return the port of a quantized weight. `Decision()` quantizes the weight as well."""
        row = self.row(layer)
        if row is None or row.ports.weight is None or decision.weights is False:
            return None
        return row.ports.weight if layer.input(row.ports.weight) is not None else None

    # --- pieces ------------------------------------------------------------------------------

    def name(self, stem: str) -> str:
        """Return an unused name."""
        name, count = stem, 1
        while name in self._names:
            name, count = f"{stem}_{count}", count + 1
        self._names.add(name)
        return name

    def constant(self, stem: str, array: NDArray[Any]) -> str:
        """Store a constant and return its name."""
        name = self.name(stem)
        self.model.graph.initializer.append(numpy_helper.from_array(array, name))
        return name

    def before(
        self, layer: Layer, type_: str, inputs: Sequence[str], domain: str = "", **given: Any
    ) -> str:
        """Insert an operator before a layer and return its output."""
        return self._add(self._before.setdefault(id(layer), []), type_, inputs, domain, given)

    def behind(
        self, layer: Layer, type_: str, inputs: Sequence[str], domain: str = "", **given: Any
    ) -> str:
        """Insert an operator after a layer and return its output. ``_output`` names it."""
        return self._add(self._behind.setdefault(id(layer), []), type_, inputs, domain, given)

    def _add(
        self,
        to: list[NodeProto],
        type_: str,
        inputs: Sequence[str],
        domain: str,
        given: dict[str, Any],
    ) -> str:
        label = self.name(f"{inputs[0]}_{type_}")
        output = str(given.pop("_output", None) or self.name(f"{label}_Output"))
        to.append(helper.make_node(type_, inputs, [output], label, domain=domain, **given))
        self.use(domain)
        return output

    def use(self, domain: str) -> None:
        """Import the domain of a new operator."""
        if domain and all(o.domain != domain for o in self.model.opset_import):
            self.model.opset_import.append(helper.make_opsetid(domain, 1))

    def detach_output(self, layer: Layer, suffix: str) -> tuple[str, str]:
        """Rename a layer's first output. Return the new name and the old one, now unproduced."""
        old = str(layer.raw.output[0])
        layer.raw.output[0] = self.name(old + suffix)
        return str(layer.raw.output[0]), old

    def linear(self) -> str:
        """Return the domain of QuantizeLinear: onnxruntime's if ONNX's version has no axis."""
        return "" if self.opset >= 13 else MICROSOFT

    def finish(self) -> ModelProto:
        """Return the model without unused constants."""
        graph = self.model.graph
        nodes: list[NodeProto] = []
        for layer in self.network.layers:
            if not layer.where:
                around = (self._before, self._behind)
                first, last = (place.get(id(layer), []) for place in around)
                nodes += [*first, layer.raw, *last]
        copies = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(copies)
        read = set(_read_names(graph)) | {o.name for o in graph.output}
        once = {t.name for scope in self.network.scopes for t in scope.values() if t.consumers}
        idle = {t.name for t in graph.initializer if t.name in once and t.name not in read}
        for held in (graph.initializer, graph.input):
            for i in reversed(range(len(held))):
                if held[i].name in idle:
                    del held[i]
        return self.model


def _read_names(graph: Any) -> Iterator[str]:
    for node in graph.node:
        yield from node.input
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _read_names(inner)
                yield from (o.name for o in inner.output)


# --- numbers ---------------------------------------------------------------------------------


def own_constant(tensor: Tensor | None) -> NDArray[Any] | None:
    """Return the values of a weight, ``None`` unless the tensor itself is a float constant."""
    if tensor is None or tensor.origin == "overridable" or not walk.is_constant(tensor):
        return None
    found = values(stored(tensor))
    return found if found is not None and found.dtype in (np.float32, np.float16) else None


def channel_axis(layer: Layer, rank: int) -> int:
    """Return the axis of the output channels in a layer's weight."""
    if layer.type == "Conv":
        return 0
    if layer.type == "Gemm":
        return 0 if layer.attribute("transB") else 1
    return 1 if layer.type == "ConvTranspose" else rank - 1


def quantize(
    array: NDArray[Any], axis: int | None, offset: int
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Quantize a weight to INT8. Return it and its scales: one, or one for each index of `axis`."""
    others = tuple(i for i in range(array.ndim) if i != axis)
    largest = np.abs(array.astype(np.float32)).max(axis=None if axis is None else others)
    scales = np.where(largest > 0, largest, 1) / (_LIMIT - abs(offset))
    steps = (
        scales
        if axis is None
        else scales.reshape([-1 if i == axis else 1 for i in range(array.ndim)])
    )
    numbers = np.clip(np.rint(array / steps) + offset, -_LIMIT - 1, _LIMIT).astype(np.int8)
    return numbers, np.asarray(scales, np.float32)


def made_up_scales(tensor: Tensor | None, axis: int | None) -> NDArray[np.float32] | None:
    """Return scales for a weight that is computed at run time, ``None`` if its shape is unknown."""
    if axis is None:
        return np.asarray(DATA_SCALE, np.float32)
    shape = walk.shape(tensor)
    count = shape[axis] if shape is not None and axis < len(shape) else None
    return np.linspace(0.01, 0.02, count, dtype=np.float32) if isinstance(count, int) else None
