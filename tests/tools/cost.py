"""Measure what reading a model costs, relative to parsing it.

Reading a model and answering for every layer may cost four times the processor time, and `MEMORY`
times the memory (plus `SLACK`), of its protobuf parse and one pass (see `parse`). The models are
those of ``cost_onnx``, ``cost_tensorflow`` and ``cost_caffe``: each has many of one thing. A kind
may have a higher bound on time (see ``cost_kinds``). Each figure comes from a child process.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cost_caffe
import cost_onnx
import cost_tensorflow
from google.protobuf import text_format
from onnx import ModelProto, helper
from onnx.shape_inference import infer_shapes

from pytest_amct.errors import ModelError
from pytest_amct.graphs.caffe.schema import message
from pytest_amct.graphs.network import Network
from pytest_amct.graphs.reading import read_files
from pytest_amct.graphs.tensorflow.schema import schema
from pytest_amct.tables.answers import answer
from pytest_amct.tables.loader import load_spec

MEMORY = 3.0
SLACK = 50 << 20

_CORPORA = {"onnx": cost_onnx, "tensorflow": cost_tensorflow, "caffe": cost_caffe}
_SECONDS = 60
"""Processor time after which a child is ended."""

_RUNS = 3
"""How often a call is measured, unless it takes longer than `_LONG` seconds."""

_ATTEMPTS = 2
"""How often a kind that seems to be over the bound is measured before the last time."""

_SHORTEST = 0.02
"""Less than this many seconds cannot be compared."""

_LONG = 3.0

_BYTES = 3 << 30
"""Memory that a child may use on top of the imported libraries."""


class Kind(NamedTuple):
    """Models that have many of one thing."""

    framework: str
    name: str
    make: Callable[[int], Any]
    size: int
    times: float


class Spent(NamedTuple):
    """Processor time in seconds, and the peak of memory in bytes."""

    seconds: float
    bytes: int


def kinds() -> Iterator[Kind]:
    """Yield every kind of model of the corpus."""
    for framework, corpus in _CORPORA.items():
        for name, made in corpus.KINDS.items():
            yield Kind(framework, name, *made)


def write(made: Any, folder: Path) -> Path:
    """Write what a maker returned to a folder; return the path of its main file."""
    if isinstance(made, tuple):
        text, blobs = made
        if blobs:
            (folder / "m.caffemodel").write_bytes(blobs)
        made, suffix = text.encode(), ".prototxt"
    elif isinstance(made, str):
        made, suffix = made.encode(), ".pbtxt"
    else:
        suffix = ".onnx" if isinstance(made, ModelProto) else ".pb"
        made = made.SerializeToString()
    path = folder / f"m{suffix}"
    path.write_bytes(made)
    return path


def length(path: Path) -> int:
    """Return how many bytes a model has, in all its files."""
    return sum(file.stat().st_size for file in path.parent.iterdir())


# --- what is compared -----------------------------------------------------------------------------


class Node(NamedTuple):
    """What any reader makes of a node."""

    name: str
    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass
class Graph:
    """The nodes of one scope, who makes and who reads each tensor, and what is declared of it."""

    nodes: list[Node] = field(default_factory=list)
    makers: dict[str, Node] = field(default_factory=dict)
    readers: dict[str, list[Node]] = field(default_factory=dict)
    declared: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def add(self, node: Node) -> None:
        """Add a node."""
        self.nodes.append(node)
        for name in node.outputs:
            self.makers[name] = node
        for name in node.inputs:
            self.readers.setdefault(name, []).append(node)


def parse(path: Path) -> list[Graph]:
    """Parse a model, and make one pass over it: what any analysis of a graph does at least.

    The pass makes nodes of the file's messages, connects them, and works out one fact for each
    tensor in the order of the data. For ONNX, its own inference of shapes is a part of it.
    """
    graphs = [*_graphs(path)]
    for graph in graphs:
        _depths(graph)
    return graphs


def _graphs(path: Path) -> Iterator[Graph]:
    data = path.read_bytes()
    if path.suffix == ".onnx":
        model = ModelProto.FromString(data)
        yield from _onnx_graph(model.graph)
        for body in model.functions:
            declared = {entry.domain: (entry.version,) for entry in body.opset_import}
            declared |= dict.fromkeys((body.domain, body.name, *body.input, *body.output), ())
            yield from _onnx_body(body, declared)
        del model.functions[:]  # each call would be inferred again
        with contextlib.suppress(Exception):  # whatever onnx raises on an invalid model
            infer_shapes(model, data_prop=True)
    elif path.suffix == ".prototxt":
        yield _caffe_graph(path)
    else:
        made = schema().GraphDef()
        if path.suffix == ".pbtxt":
            text_format.Parse(data.decode(), made)
        else:
            made.ParseFromString(data)
        yield _tensorflow_graph(made.node)
        for function in made.library.function:
            graph = _tensorflow_graph(function.node_def)
            signature = function.signature
            for arg in (*signature.input_arg, *signature.output_arg, *signature.attr):
                graph.declared[arg.name] = (arg.type,)
            graph.declared |= {name: (value,) for name, value in function.ret.items()}
            yield graph


def _depths(graph: Graph) -> dict[str, int]:
    """Return how many nodes lie at most before each tensor; leave out what is in a cycle."""
    depths: dict[str, int] = {}
    missing = {id(n): sum(name in graph.makers for name in n.inputs) for n in graph.nodes}
    ready = [node for node in graph.nodes if not missing[id(node)]]
    for node in ready:
        depth = 1 + max((depths.get(name, 0) for name in node.inputs), default=0)
        for made in node.outputs:
            depths[made] = depth
            for reader in graph.readers.get(made, ()):
                missing[id(reader)] -= 1
                if not missing[id(reader)]:
                    ready.append(reader)
    return depths


def _onnx_graph(raw: Any) -> Iterator[Graph]:
    declared = {tensor.name: (tensor.data_type, *tensor.dims) for tensor in raw.initializer}
    for info in (*raw.input, *raw.output, *raw.value_info):
        kind = info.type.tensor_type
        dims = [dim.dim_param or dim.dim_value for dim in kind.shape.dim]
        declared[info.name] = (kind.elem_type, *dims)
    yield from _onnx_body(raw, declared)


def _onnx_body(raw: Any, declared: dict[str, tuple[Any, ...]]) -> Iterator[Graph]:
    graph = Graph(declared=declared)
    for node in raw.node:
        values = {}
        for found in node.attribute:
            whole = found.type and not found.ref_attr_name
            values[found.name] = helper.get_attribute_value(found) if whole else None
            for nested in (*((found.g,) if found.HasField("g") else ()), *found.graphs):
                yield from _onnx_graph(nested)
        graph.add(Node(node.name, node.op_type, tuple(node.input), tuple(node.output), values))
    yield graph


def _caffe_graph(path: Path) -> Graph:
    net = text_format.Parse(path.read_text(), message("NetParameter"))
    stored = path.with_suffix(".caffemodel")
    blobs = message("StoredNet")
    blobs.ParseFromString(stored.read_bytes() if stored.is_file() else b"")
    graph = Graph()
    for layer in (*net.layer, *net.layers):
        values = {field.name: _plain(value) for field, value in layer.ListFields()}
        type_ = str(values.get("type", ""))
        graph.add(Node(layer.name, type_, tuple(layer.bottom), tuple(layer.top), values))
    return graph


def _tensorflow_graph(nodes: Iterable[Any]) -> Graph:
    graph = Graph()
    for node in nodes:
        values = {name: _tensorflow_value(value) for name, value in node.attr.items()}
        graph.add(Node(node.name, node.op, tuple(node.input), (node.name,), values))
    return graph


def _tensorflow_value(raw: Any) -> Any:
    kind = raw.WhichOneof("value")
    if kind == "list":
        return [list(entries) for _, entries in raw.list.ListFields()]
    return getattr(raw, kind) if kind else None


def _plain(value: Any) -> Any:
    """Return the fields of a message as Python values, but not the numbers of a stored blob."""
    if hasattr(value, "ListFields"):
        return {f.name: _plain(v) for f, v in value.ListFields() if f.name != "data"}
    if hasattr(value, "add"):
        return [_plain(inner) for inner in value]
    return list(value) if hasattr(value, "append") else value


def read(path: Path) -> Network:
    """Read a model, and answer for every layer."""
    spec = load_spec()
    network = read_files(path).network(str(path))
    for layer in network.layers:
        answer(layer, spec=spec)
    return network


# --- one measurement ------------------------------------------------------------------------------


def measured(call: Callable[[Path], object], path: Path) -> Spent | str:
    """Run a call in a child process; return what it spent, or how it ended."""
    back, forth = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(back)
        status = 1
        with contextlib.suppress(BaseException):
            result = _spend(call, path)
            os.write(forth, pickle.dumps(result))
            status = 0
        os._exit(status)
    os.close(forth)
    with open(back, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if not told:
        return f"ended with {status}"
    found: Spent | str = pickle.loads(told)
    return found


def _spend(call: Callable[[Path], object], path: Path) -> Spent | str:
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    most = _memory("VmSize") + _BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    before, begun = _memory("VmRSS"), time.process_time()
    try:
        held = call(path)  # noqa: F841  its memory counts
    except ModelError:
        pass  # to refuse a model costs no more
    except MemoryError:
        return "out of memory"
    return Spent(time.process_time() - begun, _memory("VmHWM") - before)


def _memory(which: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{which}:"))


def _least(call: Callable[[Path], object], path: Path) -> Spent | str:
    """Return the least of several runs, since other programs disturb them."""
    least = measured(call, path)
    for _ in range(_RUNS - 1):
        if isinstance(least, str) or least.seconds > _LONG:
            break
        again = measured(call, path)
        if isinstance(again, Spent):
            least = Spent(*map(min, least, again))
    return least


def rows(scale: float = 1.0, word: str = "") -> Iterator[tuple[str, bool]]:
    """Measure the kinds with a word in the name; yield lines, and whether one is over the bound.

    A kind that seems to be over it is measured again: other programs disturb.
    """
    for module in _CORPORA.values():
        _warm(module)
    yield _HEAD, False
    for kind in kinds():
        label = f"{kind.framework}: {kind.name}"
        if word not in label:
            continue
        folder = Path(tempfile.mkdtemp(prefix="amct-cost-"))
        size = int(kind.size * scale)
        try:
            measured(partial(_make, kind, size), folder)
            (path,) = (p for p in folder.iterdir() if p.suffix != ".caffemodel")
            attempts = (_compared(path, kind.times) for _ in range(_ATTEMPTS))
            found = next((good for good in attempts if not good[1]), None)
            line, over = found or _compared(path, kind.times)
            yield f"{label:<52} {size:>9,} {line} {kind.times:6.1f}{'  <--' * over}", over
        finally:
            shutil.rmtree(folder)


_HEAD = (
    f"{'kind':<52} {'size':>9} {'bytes':>11} {'parse s':>8} {'read s':>8} {'times':>6}"
    f" {'parse MB':>9} {'read MB':>8} {'times':>6} {'bound':>6}"
)


def _warm(module: Any) -> None:
    """Read a small model of the corpus, so that no child imports anything or builds a schema."""
    made = next(iter(module.KINDS.values()))
    with tempfile.TemporaryDirectory() as folder:
        path = write(made.make(8), Path(folder))
        parse(path), read(path)


def _make(kind: Kind, size: int, folder: Path) -> int:
    write(kind.make(size), folder)
    return size


def _compared(path: Path, times: float) -> tuple[str, bool]:
    parsed, ours = _least(parse, path), _least(read, path)
    if isinstance(parsed, str) or isinstance(ours, str):
        return f"{length(path):>11,} parse: {parsed}, read: {ours}", isinstance(ours, str)
    slower = ours.seconds / max(parsed.seconds, _SHORTEST)
    larger = max(0, ours.bytes - SLACK) / max(parsed.bytes, 1)
    line = (
        f"{length(path):>11,} {parsed.seconds:8.3f} {ours.seconds:8.3f} {slower:6.1f}"
        f" {parsed.bytes / 2**20:9.1f} {ours.bytes / 2**20:8.1f} {larger:6.1f}"
    )
    return line, slower > times or larger > MEMORY
