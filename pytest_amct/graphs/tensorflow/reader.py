"""Read TensorFlow graphs as networks, without TensorFlow: GraphDefs, text forms, SavedModels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pytest_amct.errors import ModelError
from pytest_amct.graphs.network import Function, Layer, Network, Shape, Tensor
from pytest_amct.graphs.tensorflow import ops
from pytest_amct.graphs.tensorflow.files import parse_tensorflow
from pytest_amct.graphs.tensorflow.functions import tie
from pytest_amct.graphs.tensorflow.schema import DTYPES
from pytest_amct.graphs.tensorflow.shapes import infer
from pytest_amct.wording import cut, written

#: operators whose n-th output depends only on the n-th input
_PARALLEL = frozenset({"IdentityN", "ShapeN"})
#: a bound above the outputs of any operator
_MOST_OUTPUTS = 1 << 14
#: the most outputs of a whole graph, besides first ones, that nothing needs to read
_MOST_SPARE = 1 << 16
#: the most ports of a whole graph that nothing reads, below others that are read
_MOST_UNREAD = 1 << 16
_BACK = frozenset({"NextIteration", "RefNextIteration"})
_MERGES = frozenset({"Merge", "RefMerge"})


def read_tensorflow(model: Any, name: str = "") -> Network:
    """Read the network of a TensorFlow graph in any form of `parse_tensorflow`; change nothing.

    Every node is a layer, including those of functions (`Layer.where` is ``function:NAME``).
    Outputs have TensorFlow's names: ``node`` for the first and ``node:1`` for the second. Raise
    `ModelError` if it is not a model, or has duplicate names, dangling inputs or cycles.
    """
    reader = _Reader(parse_tensorflow(model, name), name or _shown(model))
    reader.read()
    return reader.network


def _shown(model: Any) -> str:
    plain = isinstance(model, bytes | bytearray | memoryview) or hasattr(model, "SerializeToString")
    return "the model" if plain else str(model)


@dataclass(slots=True)
class _Scope:
    """The nodes of one graph or function body while it is read."""

    where: str
    parameters: dict[str, Tensor] = field(default_factory=dict)
    layers: dict[str, Layer] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    #: the names of the layers whose inputs are known
    read: set[str] = field(default_factory=set)
    #: whether all layers so far come after those that they need
    in_order: bool = True
    #: what references with a port stand for
    known: dict[str, Tensor | None] = field(default_factory=dict)
    #: outputs that exist because a node reads them, by node and port
    further: dict[str, dict[int, Tensor]] = field(default_factory=dict)
    #: ports assigned to the named outputs of unknown operators
    named: dict[str, dict[tuple[str, int], int]] = field(default_factory=dict)


class _Reader:
    """Builds one network; it is discarded afterwards."""

    def __init__(self, proto: Any, name: str) -> None:
        self.proto, self.name = proto, name
        #: all layers, producers before consumers, callers before the functions that they call
        self.order: list[Layer] = []
        inferred = partial(infer, self.order)
        self.network = Network("tensorflow", ops.TensorflowOps(), proto, inferred)
        self.bodies: dict[str, Any] = {}
        for body in proto.library.function:
            if body.signature.name in self.bodies:
                name = written(body.signature.name)
                raise self.error(f"two functions are named {name}: rename one")
            self.bodies[body.signature.name] = body
        #: the ports of the functions' outputs, by name
        self.ports: dict[str, Mapping[str, int]] = {}
        #: how many outputs without a reader there may still be, and ports between those with one
        self.spare, self.unread = _MOST_SPARE, _MOST_UNREAD

    def error(self, what: str) -> ModelError:
        return ModelError(f"{self.name}: {what}")

    def read(self) -> None:
        main = _Scope("")
        order = self.nodes(self.proto.node, main)
        self.network.scopes.append(main.tensors)
        for layer in main.layers.values():
            made = [t for t in layer.outputs if t is not None]
            if layer.type in ("_Retval", "_DeviceRetval"):
                made = [t for t in layer.inputs if t is not None]
            elif any(t.consumers for t in made) or layer.type == "Const":
                made = []
            for tensor in made:
                tensor.is_output = True
                self.network.outputs.append(tensor)
        scopes = {name: self.parameters(body) for name, body in self.bodies.items()}
        read, orders = dict[str, Function](), dict[str, list[Layer]]()
        for name, body in self.bodies.items():
            orders[name] = self.nodes(body.node_def, scopes[name])
            read[name] = self.function(body, scopes[name])
        self.network.functions = tie(self.network, read)
        sequence = [f.raw.signature.name for f in self.network.functions] or list(read)
        self.order += [*order, *(layer for name in sequence for layer in orders[name])]

    # --- one graph or body ------------------------------------------------------------------

    def nodes(self, nodes: Sequence[Any], scope: _Scope) -> list[Layer]:
        """Read the nodes of a scope. Return the layers, producers before consumers."""
        version = self.proto.versions.producer
        for node in nodes:
            name = node.name
            if name in scope.layers or name in scope.parameters:
                place = f" in {cut(scope.where)}" if scope.where else ""
                raise self.error(f"two nodes{place} are named {written(name)}: rename one")
            layer = Layer(self.network, name, node.op, "", version, scope.where, node)
            scope.layers[name] = layer
        for layer in scope.layers.values():
            count = min(self.count(layer), 1 + self.spare)
            self.spare -= max(0, count - 1)
            layer.outputs = tuple([self.produce(layer, port, scope) for port in range(count)])
        for name, layer in scope.layers.items():
            layer.inputs = tuple(self.inputs(layer, scope))
            for tensor in layer.inputs:
                if tensor is not None:
                    tensor.read_by(layer)
            scope.read.add(name)
        for name, further in scope.further.items():
            layer = scope.layers[name]
            ports = range(len(layer.outputs), max(further) + 1)
            self.unread -= len(ports) - len(further)
            if self.unread < 0:
                raise self.error(f"node {written(name)} has too many outputs that nothing reads")
            layer.outputs += tuple(further.get(port) for port in ports)
        for layer in scope.layers.values():
            if layer.type in _PARALLEL:
                _split(layer)
            self.network.layers.append(layer)
        return list(scope.layers.values()) if scope.in_order else self.sorted(scope)

    def count(self, layer: Layer) -> int:
        """Return the number of a layer's outputs; there are more if other layers read them."""
        if layer.type in self.bodies and ops.signature(layer.type) is None:
            return len(self.bodies[layer.type].signature.output_arg)
        return ops.output_count(layer)

    def inputs(self, layer: Layer, scope: _Scope) -> Iterator[Tensor]:
        """Yield the data inputs of a layer; note whether a later layer produces one of them."""
        for text in layer.raw.input:
            name = text
            if text.startswith("^"):
                name, tensor = text[1:], None
                known = name in scope.layers or name.partition(":")[0] in scope.parameters
            else:
                tensor = scope.tensors.get(text) if ":" not in text else scope.known.get(text)
                if tensor is None:
                    tensor = scope.known[text] = self.tensor(text, scope)
                name = text.partition(":")[0]
                known = tensor is not None
            if not known:
                place = cut(scope.where) or "the graph"
                raise self.error(
                    f"node {written(layer.name)} reads {written(text)}, which nothing in {place}"
                    " produces: export the whole graph again"
                )
            if name not in scope.read and name in scope.layers:
                leads_back = layer.type in _MERGES and scope.layers[name].type in _BACK
                scope.in_order = scope.in_order and leads_back
            if tensor is not None:
                yield tensor

    def tensor(self, text: str, scope: _Scope) -> Tensor | None:
        """Return a parameter, or the tensor at a port; ``None`` if nothing produces it."""
        name, *rest = text.split(":")
        if name in scope.parameters:
            return scope.parameters[name]
        producer = scope.layers.get(name)
        port = self.port(producer, rest, scope) if producer is not None else None
        if producer is None or port is None:
            return None
        if port < len(producer.outputs):
            return producer.outputs[port]
        further = scope.further.setdefault(name, {})
        if port not in further:
            further[port] = self.produce(producer, port, scope)
        return further[port]

    def port(self, producer: Layer, rest: Sequence[str], scope: _Scope) -> int | None:
        """Return the output port of ``node``, ``node:1`` or, in functions, ``node:output:1``.

        Return ``None`` if the producer has no such output.
        """
        if not rest:
            return 0
        if not re.fullmatch("[0-9]{1,9}", rest[-1]) or len(rest) > 2:
            return None
        index = int(rest[-1])
        if index >= _MOST_OUTPUTS:
            return None
        known = ops.signature(producer.type)
        if len(rest) == 1:
            plain = known is not None and producer.type not in self.bodies
            if known and plain and not any(a.count or a.listed for a in known[1]):
                return index if index < len(known[1]) else None
            return index
        if producer.type in self.bodies:
            first = self.returned(producer.type).get(rest[0])
            return first + index if first is not None else None
        if known:
            return ops.port_named(producer, rest[0], index)
        ports = scope.named.setdefault(producer.name, {})
        return ports.setdefault((rest[0], index), len(ports))

    def returned(self, function: str) -> Mapping[str, int]:
        """Return the ports of a function's outputs by their names."""
        if function not in self.ports:
            outputs = self.bodies[function].signature.output_arg
            self.ports[function] = {a.name: i for i, a in reversed([*enumerate(outputs)])}
        return self.ports[function]

    def produce(self, layer: Layer, port: int, scope: _Scope) -> Tensor:
        name = f"{layer.name}:{port}" if port else layer.name
        tensor = scope.tensors[name] = Tensor(name, "layer", None, None, layer)
        if layer.type in self.bodies:
            return tensor
        attributes = layer.raw.attr
        if "_output_shapes" in attributes:
            tensor.shape = _shape(ops.entry(layer, "_output_shapes", port))
        if layer.type in ("Const", "HostConst"):
            if "value" in attributes:
                value = attributes["value"].tensor
                tensor.value, tensor.dtype = value, DTYPES.get(value.dtype)
                dims = value.tensor_shape
                entries = None if dims.unknown_rank else tuple([d.size for d in dims.dim])
                tensor.shape = _shape(entries)
            return tensor
        dynamic = ops.is_dynamic(layer.type)
        dtype = self.network.ops.dtype(layer, port) if dynamic else None
        # A resource handle stands for a variable: its values are not fed by the caller.
        if dynamic and not (dtype == "resource" and layer.type in ops.NETWORK_INPUTS):
            tensor.origin, tensor.producer = "input", None
            tensor.dtype = dtype if isinstance(dtype, str) else None
            tensor.shape = self.fed_shape(layer, port)
            if ops.is_network_input(layer.type) and not scope.where:
                self.network.inputs.append(tensor)
        return tensor

    def fed_shape(self, layer: Layer, port: int) -> Shape | None:
        """Return the shape of a fed tensor; dimensions that the file leaves open are symbolic."""
        found = layer.attribute("shape")
        if found == () and layer.type == "Placeholder" and layer.version < 24:
            found = None  # in old graphs an empty shape means an unknown one
        listed = (ops.entry(layer, name, port) for name in ("output_shapes", "_output_shapes"))
        for entries in (found, *listed):
            if _is_shape(entries):
                return tuple(n if n >= 0 else f"{layer.name}.{i}" for i, n in enumerate(entries))
        return None

    def sorted(self, scope: _Scope) -> list[Layer]:
        """Return the layers of a file that lists some before their producers, as few files do."""
        needs = {
            name: {
                source
                for text in layer.raw.input
                if (source := text.removeprefix("^").partition(":")[0]) in scope.layers
                if not (layer.type in _MERGES and scope.layers[source].type in _BACK)
            }
            for name, layer in scope.layers.items()
        }
        try:
            return [scope.layers[name] for name in TopologicalSorter(needs).static_order()]
        except CycleError as error:
            names = " -> ".join(map(written, error.args[1][:6]))
            place = cut(scope.where) or "the graph"
            raise self.error(
                f"the nodes {names} of {place} form a cycle: only NextIteration may lead back"
            ) from None

    # --- functions --------------------------------------------------------------------------

    def parameters(self, body: Any) -> _Scope:
        scope = _Scope(f"function:{body.signature.name}")
        for index, arg in enumerate(body.signature.input_arg):
            tensor = Tensor(arg.name, "parameter", DTYPES.get(arg.type))
            if index in body.arg_attr and "_output_shapes" in body.arg_attr[index].attr:
                shapes = ops.attribute(body.arg_attr[index], "_output_shapes")
                tensor.shape = _shape(shapes[0]) if _reaches(shapes, 0) else None
            scope.parameters[arg.name] = scope.tensors[arg.name] = tensor
        return scope

    def function(self, body: Any, scope: _Scope) -> Function:
        """Return a body that has been read as a function."""
        returned: list[Tensor | None] = []
        for arg in body.signature.output_arg:
            text = body.ret.get(arg.name, "")
            name, *rest = text.split(":")
            found = scope.parameters.get(name)
            layer = scope.layers.get(name)
            if found is None and layer is not None:
                port = self.port(layer, rest, scope)
                found = layer.output(port) if port is not None else None
            if found is not None:
                found.is_output = True
            returned.append(found)
        return Function(
            raw=body,
            parameters=tuple(scope.parameters.values()),
            body=tuple(returned),
            layers=list(scope.layers.values()),
            scopes=[scope.tensors],
            calls=[],
        )


def _split(layer: Layer) -> None:
    """Give each output its own producer, with the single input on which the output depends."""
    types = layer.attribute("T")
    for i, made in enumerate(layer.outputs):
        if made is None or i >= len(layer.inputs):
            continue
        one = Layer(
            layer.network, layer.name, layer.type, "", layer.version, layer.where, layer.raw
        )
        one.inputs, one.outputs, made.producer = (layer.inputs[i],), (made,), one
        if layer.type == "IdentityN" and _reaches(types, i):
            made.dtype = types[i]


def _reaches(values: Any, index: int) -> bool:
    return isinstance(values, tuple) and index < len(values)


def _shape(entries: Any) -> Shape | None:
    return tuple(n if n >= 0 else None for n in entries) if _is_shape(entries) else None


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(n, int) for n in value)
