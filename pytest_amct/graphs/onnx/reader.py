"""Read ONNX models as networks: bytes, files or protos, any opset, without loading weights."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter
from sys import intern
from typing import Any

import onnx
from onnx import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    SparseTensorProto,
    TensorProto,
    ValueInfoProto,
)

from pytest_amct.errors import ModelError
from pytest_amct.graphs.collecting import uncollected
from pytest_amct.graphs.network import UNKNOWN, Function, Layer, Network, Tensor, Unknown
from pytest_amct.graphs.onnx.ops import DTYPES, OnnxOps
from pytest_amct.graphs.onnx.protos import (
    input_shape,
    normal_domain,
    parse_onnx,
    value_dtype,
    value_shape,
)
from pytest_amct.graphs.onnx.shapes import infer

_MAX_DEPTH = 64
"""The deepest nesting of graphs; protobuf itself reads 100 messages, three for each graph."""

_MOST_ENTRIES = 256
"""The most entries of a list, or bytes of a text, that the calls of a function pass."""

_LONGEST_PLACE = 1000
"""The most characters of the path of a nested graph; of a longer one, only the end is kept."""

_NESTING = (AttributeProto.GRAPH, AttributeProto.GRAPHS, AttributeProto.UNDEFINED)
"""The attribute types that may hold graphs. Some files omit the type."""

_FunctionKey = tuple[str, str, str]
_Passed = AttributeProto | Unknown | None


def read_onnx(model: bytes | str | os.PathLike[str] | ModelProto, name: str = "") -> Network:
    """Read the network of an ONNX model (bytes, path, or a ModelProto, which is not modified).

    Accept any valid model and most invalid ones: what is missing is unknown, never a guess. Raise
    `ModelError` if it is not a model.
    """
    proto = parse_onnx(model, name)
    name = name or ("the model" if isinstance(model, ModelProto | bytes) else os.fspath(model))
    reader = _Reader(proto, name)
    with uncollected():
        reader.graph(proto.graph, [], "", _versions(proto.opset_import))
        reader.functions()
    return reader.network


def _versions(imports: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    return {normal_domain(entry.domain): entry.version for entry in imports}


class _Reader:
    """Builds one network; it is discarded afterwards."""

    def __init__(self, proto: ModelProto, label: str) -> None:
        self.proto, self.label = proto, label
        self.check_text(*(entry.domain for entry in proto.opset_import))
        for function in proto.functions:
            self.check_function(function)
        self.network = Network("onnx", OnnxOps(), proto, infer)
        self.bodies: dict[_FunctionKey, FunctionProto] = {
            (normal_domain(f.domain), f.name, f.overload): f for f in proto.functions
        }
        self.calls: dict[_FunctionKey, list[Layer]] = {key: [] for key in self.bodies}
        self.callers: dict[_FunctionKey, set[_FunctionKey]] = {key: set() for key in self.bodies}
        self.inside: _FunctionKey | None = None
        self.newest = onnx.defs.onnx_opset_version()

    def graph(
        self,
        graph: GraphProto,
        scopes: list[dict[str, Tensor]],
        where: str,
        versions: dict[str, int],
    ) -> dict[str, Tensor]:
        """Read one graph inside its enclosing scopes, and return its tensors by name."""
        if len(scopes) > _MAX_DEPTH:
            raise ModelError(
                f"{self.label}: graphs are nested more than {_MAX_DEPTH} levels deep:"
                " no tool reads that"
            )
        self.check_text(*(tensor.name for tensor in graph.initializer))
        self.check_text(*(sparse.values.name for sparse in graph.sparse_initializer))
        tensors: dict[str, Tensor] = {}
        self.network.scopes.append(tensors)
        top = not scopes
        for dense in graph.initializer:
            tensors[dense.name] = _constant(dense.name, dense)
        for sparse in graph.sparse_initializer:
            tensors[sparse.values.name] = _constant(sparse.values.name, sparse)
        for info in graph.input:
            self.graph_input(info, tensors, top)
        for info in [*graph.value_info, *graph.output]:
            self.declare(info, tensors)
        self.nodes(graph.node, [*scopes, tensors], where, versions)
        for info in graph.output:
            output = self.find(info.name, [*scopes, tensors])
            output.is_output = True
            if top:
                self.network.outputs.append(output)
        return tensors

    def check_text(self, *names: str) -> None:
        """Raise `ModelError` for names that are not UTF-8; protobuf returns them as bytes."""
        for name in names:
            if not isinstance(name, str):
                raise ModelError(
                    f"{self.label}: the name {name[:60]!r} is not UTF-8, which ONNX requires"
                )

    def check_function(self, function: FunctionProto) -> None:
        self.check_text(function.domain, function.name, function.overload)
        self.check_text(*function.input, *function.output, *function.attribute)
        self.check_text(*(entry.domain for entry in function.opset_import))
        self.check_text(*(default.name for default in function.attribute_proto))

    def check_info(self, info: ValueInfoProto) -> None:
        self.check_text(info.name, *(dim.dim_param for dim in info.type.tensor_type.shape.dim))

    def graph_input(self, info: ValueInfoProto, tensors: dict[str, Tensor], top: bool) -> None:
        self.check_info(info)
        known = tensors.get(info.name)
        if known is not None:  # an initializer that is also an input
            known.basis = "inferred"
            if not top or self.proto.ir_version >= 4:
                known.origin = "overridable"
            return
        shape = input_shape(info) if top else value_shape(info)
        tensor = Tensor(info.name, "input" if top else "carried", value_dtype(info), shape)
        tensors[info.name] = tensor
        if top:
            self.network.inputs.append(tensor)

    def declare(self, info: ValueInfoProto, tensors: dict[str, Tensor]) -> None:
        """Note what the file declares about a tensor; `produce` sets its producer later."""
        self.check_info(info)
        tensor = tensors.setdefault(info.name, Tensor(info.name, "absent"))
        if tensor.dtype is None:
            tensor.dtype = value_dtype(info)
        if tensor.shape is None:
            tensor.shape = value_shape(info)

    def nodes(
        self,
        nodes: Sequence[NodeProto],
        scopes: list[dict[str, Tensor]],
        where: str,
        versions: dict[str, int],
    ) -> None:
        made = [self.layer(node, scopes[-1], where, versions) for node in nodes]
        known = scopes[-1].get
        for layer in made:  # a node may read what a later one produces
            node = layer.raw
            found = [known(name) for name in node.input]
            if None in found or len(scopes) > 1:
                found = [self.find(name, scopes) if name else None for name in node.input]
            layer.inputs = tuple(found)
            for tensor in found:
                if tensor is not None and tensor.consumers:
                    tensor.read_by(layer)
                elif tensor is not None:  # most tensors have one reader: a call for each costs
                    tensor.consumers = (layer,)
            self.network.layers.append(layer)
            for held in node.attribute:
                name, passed = held.name, held.ref_attr_name
                if not type(name) is type(passed) is str:
                    self.check_text(name, passed)
                if held.type in _NESTING:
                    self.graphs(held, layer, scopes, versions)

    def layer(
        self, node: NodeProto, tensors: dict[str, Tensor], where: str, versions: dict[str, int]
    ) -> Layer:
        """Return the layer of a node with its outputs; the inputs are set later."""
        name, type_, domain = node.name, node.op_type, node.domain
        if not type(name) is type(type_) is type(domain) is str:
            self.check_text(name, type_, domain)
        domain = normal_domain(domain)
        version = versions.get(domain) or self.newest
        # There are few types, and many nodes of each.
        layer = Layer(self.network, name, intern(type_), domain, version, where, node)
        if self.bodies and (key := (domain, type_, node.overload)) in self.bodies:
            self.calls[key].append(layer)
            if self.inside is not None:
                self.callers[key].add(self.inside)
        layer.outputs = tuple([self.produce(layer, output, tensors) for output in node.output])
        return layer

    def graphs(
        self,
        held: AttributeProto,
        owner: Layer,
        scopes: list[dict[str, Tensor]],
        versions: dict[str, int],
    ) -> None:
        """Read the graphs in an attribute."""
        if held.HasField("g"):
            self.nested(held.g, owner, held.name, scopes, versions)
        for i, graph in enumerate(held.graphs):
            self.nested(graph, owner, f"{held.name}[{i}]", scopes, versions)

    def nested(
        self,
        graph: GraphProto,
        owner: Layer,
        attribute_name: str,
        scopes: list[dict[str, Tensor]],
        versions: dict[str, int],
    ) -> None:
        label = owner.name or next((t.name for t in owner.outputs if t), owner.type)
        parts = (owner.where, label[-_LONGEST_PLACE:], attribute_name[-_LONGEST_PLACE:])
        where = ".".join(part for part in parts if part)[-_LONGEST_PLACE:]
        tensors = self.graph(graph, scopes, where, versions)
        if owner.domain or owner.type not in ("Loop", "Scan", "SequenceMap"):
            return  # ONNX does not define what other operators pass to a body
        # These operators pass their inputs to the body in order, after the first two of a Loop. In
        # opset 8 the first input of Scan is not passed.
        given = owner.inputs[1:] if owner.type == "Scan" and owner.version < 9 else owner.inputs
        skipped = 2 if owner.type == "Loop" else 0
        for i, info in enumerate(graph.input):
            if skipped <= i < len(given):
                tensors[info.name].bind(given[i])

    def produce(self, layer: Layer, name: str, tensors: dict[str, Tensor]) -> Tensor | None:
        if not name:
            return None
        tensor = tensors.get(name)
        if tensor is None or tensor.origin != "absent":
            if type(name) is not str:
                self.check_text(name)
            tensor = tensors[name] = Tensor(name, "layer", None, None, layer)
        else:
            tensor.origin, tensor.producer = "layer", layer
        if layer.type == "Constant" and not layer.domain:
            _describe_constant(tensor, layer)
        return tensor

    def find(self, name: str, scopes: Sequence[dict[str, Tensor]]) -> Tensor:
        # A nested graph may declare a tensor that an outer graph produces: skip the declaration.
        self.check_text(name)
        for tensors in reversed(scopes):
            if name in tensors and tensors[name].origin != "absent":
                return tensors[name]
        return scopes[-1].setdefault(name, Tensor(name, "absent"))

    def functions(self) -> None:
        """Read the bodies of local functions, and connect each call to its body."""
        read = {key: self.function(key, body) for key, body in self.bodies.items()}
        for function in read.values():
            fewest = len(function.parameters)
            for layer in function.calls:
                layer.parameters, layer.body = function.parameters, function.body
                fewest = min(fewest, len(layer.inputs))
                for parameter, argument in zip(layer.parameters, layer.inputs, strict=False):
                    parameter.bind(argument)
            for parameter in function.parameters[fewest:]:  # that some call leaves out
                parameter.bind(None)
        try:
            order = list(TopologicalSorter(self.callers).static_order())
        except CycleError:  # recursion, which is invalid: pass nothing on
            return
        for function in (read[key] for key in order):
            self.network.functions.append(function)
            function.given = _given(function)
            for layer in function.layers:
                layer.given = function.given
                made = layer.output(0)
                if layer.type == "Constant" and not layer.domain and made is not None:
                    _describe_constant(made, layer)

    def function(self, key: _FunctionKey, body: FunctionProto) -> Function:
        first_scope, first_layer, self.inside = (
            len(self.network.scopes),
            len(self.network.layers),
            key,
        )
        tensors = {name: Tensor(name, "parameter") for name in body.input}
        for info in body.value_info:
            self.declare(info, tensors)
        where = "function:" + ":".join(part for part in key if part)
        self.nodes(body.node, [tensors], where, _versions(body.opset_import))
        for name in body.output:
            if name in tensors:
                tensors[name].is_output = True
        return Function(
            raw=body,
            parameters=tuple(tensors[name] for name in body.input),
            body=tuple(tensors.get(name) for name in body.output),
            layers=self.network.layers[first_layer:],
            scopes=[tensors, *self.network.scopes[first_scope:]],
            calls=self.calls[key],
        )


def _given(function: Function) -> dict[str, _Passed]:
    """Return the attributes that the calls of a function pass; `UNKNOWN` if the calls differ."""
    defaults = {found.name: found for found in function.raw.attribute_proto}
    names = dict.fromkeys([*function.raw.attribute, *defaults])
    values: dict[str, list[_Passed]] = {name: [] for name in names}
    for call in function.calls:
        passed = {found.name: found for found in reversed(call.raw.attribute)}
        for name in values.keys() & passed.keys():
            values[name].append(_resolved(passed[name], call))
    for name, found in values.items():
        if len(found) < len(function.calls):
            found.append(defaults.get(name))
    return {name: _agreed(found) for name, found in values.items()}


def _resolved(passed: AttributeProto, call: Layer) -> _Passed:
    found: _Passed = passed
    if passed.ref_attr_name:
        found = call.given.get(passed.ref_attr_name, UNKNOWN)
    return found


def _agreed(values: Sequence[_Passed]) -> _Passed:
    """Return what all calls pass, `UNKNOWN` if they differ.

    A long list is `UNKNOWN`, too: every layer of the function would read it again.
    """
    first = values[0] if values else UNKNOWN
    if isinstance(first, AttributeProto):
        entries = len(first.ints) + len(first.floats) + len(first.strings) + len(first.s)
        if entries > _MOST_ENTRIES:
            return UNKNOWN
    return first if all(v is first or v == first for v in values) else UNKNOWN


def _constant(name: str, value: TensorProto | SparseTensorProto) -> Tensor:
    dense = value.values if isinstance(value, SparseTensorProto) else value
    return Tensor(name, "constant", DTYPES.get(dense.data_type), tuple(value.dims), value=value)


def _describe_constant(tensor: Tensor, layer: Layer) -> None:
    """Set dtype, shape and value from a Constant node, in any of its forms."""
    value, sparse = layer.attribute("value"), layer.attribute("sparse_value")
    if isinstance(value, TensorProto):
        tensor.dtype, tensor.shape, tensor.value = (
            DTYPES.get(value.data_type),
            tuple(value.dims),
            value,
        )
    elif isinstance(sparse, SparseTensorProto):
        tensor.dtype, tensor.shape = DTYPES.get(sparse.values.data_type), tuple(sparse.dims)
        tensor.value = sparse
    for form, dtype in (("float", "float32"), ("int", "int64"), ("string", "string")):
        # If the calls of a function pass different values, each still has this type and rank.
        one, many = layer.attribute(f"value_{form}"), layer.attribute(f"value_{form}s")
        if one is not None:
            tensor.dtype, tensor.shape = dtype, ()
            tensor.value = None if one is UNKNOWN else _numbers(form, (), (one,))
        elif many is not None:
            tensor.dtype, tensor.shape = dtype, (None,)
            if isinstance(many, tuple):
                tensor.shape = (len(many),)
                tensor.value = _numbers(form, tensor.shape, many)


def _numbers(form: str, dims: tuple[int, ...], found: tuple[Any, ...]) -> TensorProto | None:
    """Return the constant that an attribute of this form describes, ``None`` for strings."""
    if form == "float":
        return TensorProto(data_type=TensorProto.FLOAT, dims=dims, float_data=found)
    if form == "int":
        return TensorProto(data_type=TensorProto.INT64, dims=dims, int64_data=found)
    return None
