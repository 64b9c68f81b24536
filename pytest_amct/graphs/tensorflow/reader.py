"""Read TensorFlow graphs as networks, without TensorFlow: GraphDefs, text forms, SavedModels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
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

#: operators whose n-th output depends only on the n-th input
_PARALLEL = frozenset({"IdentityN", "ShapeN"})
#: a bound above the outputs of any operator
_MOST_OUTPUTS = 1 << 14
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
                raise self.error(f"two functions are named {body.signature.name!r}: rename one")
            self.bodies[body.signature.name] = body

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
        place = f" in {scope.where}" if scope.where else ""
        for node in nodes:
            if node.name in scope.layers or node.name in scope.parameters:
                raise self.error(f"two nodes{place} are named {node.name!r}: rename one")
            layer = Layer(self.network, node.name, node.op, "", version, scope.where, node)
            scope.layers[node.name] = layer
        taken = {name: self.references(layer, scope) for name, layer in scope.layers.items()}
        self.outputs(scope, (ref for refs in taken.values() for ref in refs))
        for name, layer in scope.layers.items():
            given = [self.tensor(ref, scope) for ref in taken[name]]
            layer.inputs = tuple(given)
            for tensor in given:
                tensor.consumers.append(layer)
            if layer.type in _PARALLEL:
                _split(layer)
            self.network.layers.append(layer)
        return self.sorted(scope)

    def references(self, layer: Layer, scope: _Scope) -> list[tuple[str, int]]:
        """Return the data inputs of a layer as node (or parameter) and port."""
        found = []
        for text in layer.raw.input:
            plain = text.removeprefix("^")
            name, *rest = plain.split(":")
            if name in scope.parameters and not text.startswith("^"):
                found.append((name, -1))
                continue
            producer = scope.layers.get(name)
            known = producer is not None and (not text.startswith("^") or not rest)
            port = self.port(producer, rest, scope) if producer and known else None
            if port is None and not (text.startswith("^") and name in scope.parameters):
                place = scope.where or "the graph"
                raise self.error(
                    f"node {layer.name!r} reads {text!r}, which nothing in {place} produces: "
                    "export the whole graph again"
                )
            if not text.startswith("^") and port is not None:
                found.append((name, port))
        return found

    def port(self, producer: Layer, rest: Sequence[str], scope: _Scope) -> int | None:
        """Return the output port of ``node``, ``node:1`` or, in functions, ``node:output:1``.

        Return ``None`` if the producer has no such output.
        """
        if not rest:
            return 0
        if not re.fullmatch("[0-9]{1,9}", rest[-1]) or len(rest) > 2:
            return None
        index = int(rest[-1])
        known = ops.signature(producer.type)
        if len(rest) == 1:
            plain = known is not None and producer.type not in self.bodies
            if known and plain and not any(a.count or a.listed for a in known[1]):
                return index if index < len(known[1]) else None
            return index if index < _MOST_OUTPUTS else None
        if producer.type in self.bodies:
            names = [a.name for a in self.bodies[producer.type].signature.output_arg]
            return names.index(rest[0]) + index if rest[0] in names else None
        if known:
            for port, (argument, i) in enumerate(ops.expanded(known[1], producer)):
                if i == index and (argument.name == rest[0] or len(known[1]) == 1):
                    return port
            return None
        ports = scope.named.setdefault(producer.name, {})
        return ports.setdefault((rest[0], index), len(ports))

    def outputs(self, scope: _Scope, references: Iterable[tuple[str, int]]) -> None:
        used: dict[str, int] = {}
        for name, port in references:
            used[name] = max(used.get(name, 0), port + 1)
        for name, layer in scope.layers.items():
            own = len(self.bodies[layer.type].signature.output_arg) if self.is_call(layer) else None
            count = max(ops.output_count(layer) if own is None else own, used.get(name, 0))
            layer.outputs = tuple(self.produce(layer, port, scope) for port in range(count))

    def is_call(self, layer: Layer) -> bool:
        return layer.type in self.bodies and ops.signature(layer.type) is None

    def produce(self, layer: Layer, port: int, scope: _Scope) -> Tensor:
        name = f"{layer.name}:{port}" if port else layer.name
        tensor = scope.tensors[name] = Tensor(name, "layer", producer=layer)
        if layer.type in self.bodies:
            return tensor
        stated = layer.raw.attr
        declared = layer.attribute("_output_shapes") if "_output_shapes" in stated else None
        if isinstance(declared, tuple) and port < len(declared):
            tensor.shape = _shape(declared[port])
        dynamic = ops.is_dynamic(layer.type)
        dtype = self.network.ops.dtype(layer, port) if dynamic else None
        # A resource handle stands for a variable: its values are not fed by the caller.
        if dynamic and not (dtype == "resource" and layer.type in ops.NETWORK_INPUTS):
            tensor.origin, tensor.producer = "input", None
            tensor.dtype = dtype if isinstance(dtype, str) else None
            tensor.shape = self.fed_shape(layer, port, declared)
            if ops.is_network_input(layer.type) and not scope.where:
                self.network.inputs.append(tensor)
        elif layer.type in ("Const", "HostConst") and "value" in stated:
            value = stated["value"].tensor
            tensor.value, tensor.dtype = value, DTYPES.get(value.dtype)
            dims = value.tensor_shape
            tensor.shape = _shape(None if dims.unknown_rank else tuple(d.size for d in dims.dim))
        return tensor

    def fed_shape(self, layer: Layer, port: int, declared: Any) -> Shape | None:
        """Return the shape of a fed tensor; dimensions that the file leaves open are symbolic."""
        found, listed = layer.attribute("shape"), layer.attribute("output_shapes")
        if found == () and layer.type == "Placeholder" and layer.version < 24:
            found = None  # in old graphs an empty shape means an unknown one
        for entries in (found, *(x[port] for x in (listed, declared) if _reaches(x, port))):
            if _is_shape(entries):
                return tuple(n if n >= 0 else f"{layer.name}.{i}" for i, n in enumerate(entries))
        return None

    def tensor(self, reference: tuple[str, int], scope: _Scope) -> Tensor:
        name, port = reference
        if port < 0:
            return scope.parameters[name]
        found = scope.layers[name].outputs[port]
        assert found is not None
        return found

    def sorted(self, scope: _Scope) -> list[Layer]:
        needs = {
            name: {
                source
                for text in layer.raw.input
                if (source := text.removeprefix("^").partition(":")[0]) in scope.layers
                if not (layer.type in _MERGES and scope.layers[source].type in _BACK)
            }
            for name, layer in scope.layers.items()
        }
        seen: set[str] = set()
        for name, needed in needs.items():  # nearly all files list producers first
            if not needed <= seen:
                break
            seen.add(name)
        else:
            return list(scope.layers.values())
        try:
            return [scope.layers[name] for name in TopologicalSorter(needs).static_order()]
        except CycleError as error:
            names = " -> ".join(repr(name) for name in error.args[1][:6])
            place = scope.where or "the graph"
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
