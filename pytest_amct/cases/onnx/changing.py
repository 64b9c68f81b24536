"""Changes to ONNX models that no table distinguishes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper
from onnx.numpy_helper import to_array

from pytest_amct.cases.onnx.builder import NUMBERS, value_info, write_typed
from pytest_amct.cases.plan import Built
from pytest_amct.cases.trials import Call, Change, Trial
from pytest_amct.graphs.onnx.ops import DTYPES

DATA_FILE = "weights.bin"
"""The file name of external data, in the model's folder."""


def _outputs(model: ModelProto) -> list[str]:
    return [name for node in model.graph.node for name in node.output if name]


def _pair(built: Built, changed: ModelProto, files: Mapping[str, bytes] | None = None) -> Trial:
    """Return the calls before and after a change that keeps the names of tensors."""
    kept = set(_outputs(changed))
    same = tuple((name, name) for name in _outputs(built.model) if name in kept)
    changed_bytes = changed.SerializeToString(deterministic=True)
    return Trial((Call(built.data), Call(changed_bytes, files or {})), same)


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    """Yield the nodes of a graph and of its nested graphs."""
    for node in graph.node:
        yield node
        for nested in _nested(node):
            yield from _nodes(nested)


def _nested(node: NodeProto) -> Iterator[GraphProto]:
    for found in node.attribute:
        if found.type == AttributeProto.GRAPH:
            yield found.g
        yield from found.graphs


def _rename(built: Built, rng: Random) -> Trial:
    model = built.model
    tensors: dict[str, str] = {"": ""}
    taken: set[str] = set()

    def fresh(prefix: str) -> str:
        while True:
            name = f"{prefix}{rng.choice('/._')}{rng.randrange(10**6)}"
            if name not in taken:
                taken.add(name)
                return name

    def renamed(name: str) -> str:
        if name not in tensors:
            tensors[name] = fresh(rng.choice(("x", "Layer", "conv", "weight", "model/block")))
        return tensors[name]

    def graph(found: GraphProto) -> None:
        found.name = fresh("graph")
        for info in (*found.input, *found.output, *found.value_info):
            info.name = renamed(info.name)
        for tensor in found.initializer:
            tensor.name = renamed(tensor.name)
        for node in found.node:
            node.input[:] = [renamed(name) for name in node.input]
            node.output[:] = [renamed(name) for name in node.output]
            node.name = fresh("node") if node.name else ""
            for nested in _nested(node):
                graph(nested)

    graph(model.graph)
    same = tuple((name, tensors[name]) for name in _outputs(built.model))
    return Trial((Call(built.data), Call(model.SerializeToString(deterministic=True))), same)


def _reorder(built: Built, rng: Random) -> Trial:
    model = built.model
    nodes = list(model.graph.node)
    made = {name for node in nodes for name in node.output}
    needs = [_reads(node) & made for node in nodes]
    ready: set[str] = set()
    order: list[NodeProto] = []
    waiting = list(range(len(nodes)))
    while waiting:
        at = rng.choice([i for i in waiting if needs[i] <= ready])
        waiting.remove(at)
        order.append(nodes[at])
        ready.update(nodes[at].output)
    copies = [NodeProto.FromString(node.SerializeToString()) for node in order]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    return _pair(built, model)


def _reads(node: NodeProto) -> set[str]:
    """Return the names that a node and the graphs inside it read."""
    inner = [n for graph in _nested(node) for n in _nodes(graph)]
    names = {name for n in (node, *inner) for name in n.input}
    return names | {info.name for graph in _nested(node) for info in graph.output}


def _constants(built: Built, rng: Random) -> Trial | None:
    """Turn initializers into Constant nodes and the reverse, each at random."""
    model = built.model
    graph, listed = model.graph, {info.name for info in model.graph.input}
    nodes: list[NodeProto] = []
    initializers: list[TensorProto] = []
    moved = 0
    for tensor in graph.initializer:
        if tensor.name in listed or rng.random() < 0.5:
            initializers.append(tensor)
        else:
            moved += 1
            nodes.append(helper.make_node("Constant", [], [tensor.name], f"c{moved}", value=tensor))
    for node in graph.node:
        value = next((a.t for a in node.attribute if a.name == "value"), None)
        if node.op_type == "Constant" and value is not None and rng.random() < 0.5:
            moved += 1
            stored = TensorProto.FromString(value.SerializeToString())
            stored.name = node.output[0]
            initializers.append(stored)
        else:
            nodes.append(node)
    changed = ModelProto.FromString(model.SerializeToString())
    del changed.graph.initializer[:]
    del changed.graph.node[:]
    changed.graph.initializer.extend(initializers)
    changed.graph.node.extend(nodes)
    return _pair(built, changed) if moved else None


def _storage(built: Built, rng: Random) -> Trial:
    """Store each constant as raw bytes, as typed values or in a separate file, at random."""
    model, stored = built.model, bytearray()
    for tensor in model.graph.initializer:
        raw = tensor.raw_data or _raw(tensor)
        # Keep small constants such as shapes: onnx's own tools store externally from 1,024 bytes.
        forms = ("raw", "typed", "external") if len(raw) >= _LARGE else ("raw", "typed")
        form = rng.choice(forms)
        for field_ in ("raw_data", *_TYPED):
            tensor.ClearField(field_)
        if form == "typed":
            write_typed(tensor, raw)
        elif form == "external":
            tensor.data_location = TensorProto.EXTERNAL
            place = {"location": DATA_FILE, "offset": len(stored), "length": len(raw)}
            for key, value in place.items():
                tensor.external_data.add(key=key, value=str(value))
            stored += raw
        else:
            tensor.raw_data = raw
    return _pair(built, model, {DATA_FILE: bytes(stored)} if stored else {})


_LARGE = 1024
_TYPED = ("float_data", "double_data", "int32_data", "int64_data", "uint64_data")


def _raw(tensor: TensorProto) -> bytes:
    return bytes(to_array(tensor).tobytes())


def _unrelated(built: Built, rng: Random) -> Trial:
    """Add a branch with a separate input, of an element type that another input already has."""
    model = built.model
    floats = ("float32", "float16", "float64")
    types = [DTYPES.get(i.type.tensor_type.elem_type, "") for i in model.graph.input]
    dtype = rng.choice([t for t in types if t in floats] or ["float32"])
    graph, branch = model.graph, f"branch{rng.randrange(1000)}"
    graph.input.append(value_info(f"{branch}.in", dtype, (4, 32)))
    last = f"{branch}.in"
    for i, type_ in enumerate(rng.choice((("Sin", "Cos"), ("Abs", "Sqrt"), ("Exp", "MatMul")))):
        inputs = [last]
        if type_ == "MatMul":
            weight = helper.make_tensor(
                f"{branch}.w", NUMBERS[dtype], (32, 32), [0.01 * (n % 89 + 1) for n in range(1024)]
            )
            graph.initializer.append(weight)
            inputs.append(weight.name)
        last = f"{branch}.{i}"
        graph.node.append(helper.make_node(type_, inputs, [last], f"{branch}.n{i}"))
    graph.output.append(value_info(last, dtype, (4, 32)))
    return _pair(built, model)


_OPSETS = (17, 19, 21)


def _newer_opset(built: Built, rng: Random) -> Trial | None:
    model = built.model
    current = next(o.version for o in model.opset_import if not o.domain)
    newer = [n for n in _OPSETS if n > current]
    foreign = any(o.domain not in ("", "ai.onnx") for o in model.opset_import)
    # The converter supports neither other domains, nor functions, nor old models that list
    # weights as inputs.
    if not newer or foreign or model.functions or model.ir_version < 4:
        return None
    try:
        changed = onnx.version_converter.convert_version(model, rng.choice(newer))
    except Exception:  # the converter raises any type of error
        return None
    if _signature(changed) != _signature(model):
        return None
    return _pair(built, changed)


def _signature(model: ModelProto) -> list[list[str]]:
    return [[info.name for info in infos] for infos in (model.graph.input, model.graph.output)]


CHANGES: Mapping[str, tuple[str, Change]] = {
    "rename": ("names changed", _rename),
    "reorder": ("its nodes are in another order", _reorder),
    "constants": ("Constant nodes and initializers were swapped", _constants),
    "storage": ("constants are stored in another way", _storage),
    "unrelated": ("an unrelated branch was added", _unrelated),
    "opset": ("it was converted to a newer opset", _newer_opset),
}
