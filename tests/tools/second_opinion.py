"""A second, independent reading of the tables and the Float16 rule for ONNX models.

It is written from docs/reading.md alone, as plain if-statements. It shares no code with the
package, so that a disagreement between the two shows an error in one of them. Values are followed
forwards, in node order, which is equivalent to walking back from every weight without recursion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from math import prod
from typing import Any

import onnx
from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto
from releases import DEFAULT, Done, Release, Verdict, close_by_float16, settings, unlisted

CONSTANT, UNKNOWN, DYNAMIC = "constant", "unknown", "dynamic"  # docs/reading.md, "Weight source"
FLOAT, FLOAT16 = TensorProto.FLOAT, TensorProto.FLOAT16
NOT_STORED = -1  # pseudo element type of values that no stored constant contributed to
WEIGHTED = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
ROWS = WEIGHTED | {"AveragePool", "MaxPool", "Add"}
RANDOM = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
RANDOM |= {"Multinomial", "Bernoulli"}
# Operators whose first input is the value itself; their other inputs are parameters.
FIRST_ONLY = set(
    "Cast CastLike Clip DequantizeLinear Dropout Expand Flatten Gather GatherElements GatherND Pad "
    "Pow QuantizeLinear Reshape Slice Split Squeeze Tile Transpose Trilu Unsqueeze".split()
)
# Operators whose first output has the type of their data inputs.
SAME_TYPE = set(
    "Add AveragePool Clip Concat Conv ConvTranspose Div Expand Flatten Gather Gemm "
    "GlobalAveragePool GlobalMaxPool MatMul Max MaxPool Min Mul Pad Pow Reshape Slice Split "
    "Squeeze Sub Sum Unsqueeze Where".split()
)
Shape = tuple[int | str | None, ...]  # a number, a symbol's name, or None = not determined
Typed = tuple[int | None, Shape | None]  # element type and shape
Key = tuple[str, str, str]
Bindings = dict[str, AttributeProto | None]  # None = absent; a missing name is unknown


@dataclass(frozen=True)
class Opinion:
    where: str
    op_type: str
    domain: str
    output: str
    answer: str
    broken: frozenset[str]
    basis: str
    why: str


@dataclass(frozen=True)
class Value:
    """What is known of one tensor."""

    status: str = UNKNOWN
    dtype: int | None = None
    shape: Shape | None = None
    direct: bool = False  # a stored constant, or one behind only Identity and Transpose
    behind: str = "operator"  # a constant is "stored", behind an Identity or operator, or "passed"
    stored: frozenset[int] = frozenset({NOT_STORED})  # element types of the constants behind it
    roots: frozenset[str] = frozenset()  # which constants are behind it
    flag: bool | None = None  # the value of a constant boolean scalar
    absent: bool = False  # an optional input left out


ABSENT = Value(absent=True)


@dataclass
class Scope:
    """The names of one graph or function body."""

    where: str
    parent: Scope | None
    opset: int
    types: dict[str, Typed]
    values: dict[str, Value] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)  # names that a node or a nested graph reads
    outputs: set[str] = field(default_factory=set)

    def find(self, name: str, as_output: bool = False) -> Value:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                (self.outputs if as_output and scope is self else scope.read).add(name)
                return scope.values[name]
            scope = scope.parent
        return Value()


@dataclass
class Layer:
    node: NodeProto
    scope: Scope
    inputs: list[Value]
    outputs: list[Value] = field(default_factory=list)

    def input(self, index: int) -> Value:
        return self.inputs[index] if index < len(self.inputs) else ABSENT

    @property
    def has_two_variables(self) -> bool:
        return self.input(0).status == DYNAMIC == self.input(1).status

    def has_weight(self, release: Release) -> bool:
        node = self.node
        if not is_row(node, WEIGHTED) or release.letter("onnx", node.op_type) == "-":
            return False
        return not is_product(self, release)

    def weight_roots(self, release: Release) -> frozenset[str]:
        """Return the constants that are its weight, not those that it is only computed from."""
        if not self.has_weight(release) or self.input(1).status != CONSTANT:
            return frozenset()
        name, scope = self.node.input[1], self.scope
        while scope.parent is not None and name not in scope.values:
            scope = scope.parent
        numbers = {root for root in self.input(1).roots if root.startswith("one number ")}
        return self.input(1).roots - numbers | {f"{scope.where}:{name}"}

    def types(self) -> set[int]:
        """Return its element types: ONNX requires the same for all inputs and the first output."""
        values = [*self.inputs, *self.outputs[:1]]
        return {value.dtype for value in values if value.dtype is not None}


def is_product(layer: Layer, release: Release) -> bool:
    """Return whether a release takes this MatMul for a product of two variables."""
    if not is_row(layer.node, {"MatMul"}) or not layer.has_two_variables:
        return False
    letter = release.letter("onnx", "MatMul")
    return letter in ("D", "G") or (letter == "?" and release.float16 == "products")


def domain_of(name: str) -> str:
    return "" if name == "ai.onnx" else name


def is_row(node: NodeProto, types: set[str]) -> bool:
    return domain_of(node.domain) == "" and node.op_type in types


def key_of(item: NodeProto | FunctionProto) -> Key:
    name = item.op_type if isinstance(item, NodeProto) else item.name
    return domain_of(item.domain), name, item.overload


def first_output(node: NodeProto) -> str:
    return next((name for name in node.output if name), "")


def attribute(node: NodeProto, name: str) -> AttributeProto | None:
    return next((attr for attr in node.attribute if attr.name == name), None)


def setting(node: NodeProto, name: str, default: Any) -> Any:
    """Return a number or list of integers, None where call sites of a function do not agree."""
    attr = attribute(node, name)
    if attr is None or attr.ref_attr_name:
        return default if attr is None else None
    scalar = attr.f if attr.HasField("f") else attr.i
    return list(attr.ints) if isinstance(default, list) else scalar


def graphs_of(node: NodeProto) -> Iterator[tuple[str, GraphProto]]:
    for attr in node.attribute:
        if attr.HasField("g"):
            yield attr.name, attr.g
        for index, graph in enumerate(attr.graphs):
            yield f"{attr.name}[{index}]", graph


def all_nodes(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    for node in nodes:
        yield node
        for _, graph in graphs_of(node):
            yield from all_nodes(graph.node)


def types_of(infos: Iterable[onnx.ValueInfoProto]) -> dict[str, Typed]:
    found: dict[str, Typed] = {}
    for info in infos:
        tensor, shape = info.type.tensor_type, list[int | str | None]()
        for dim in tensor.shape.dim:
            if dim.HasField("dim_value") and dim.dim_value >= 0:
                shape.append(dim.dim_value)
            elif dim.dim_param and not dim.dim_param.startswith("unk__"):
                shape.append(dim.dim_param)
            else:  # absent, or a name that shape inference made up for an undetermined dimension
                shape.append(None)
        known = tuple(shape) if tensor.HasField("shape") else None
        before = found.get(info.name, (None, None))
        dtype = tensor.elem_type or info.type.sparse_tensor_type.elem_type or before[0]
        found[info.name] = dtype, before[1] if known is None else known
    return found


def graph_types(graph: GraphProto) -> dict[str, Typed]:
    return types_of([*graph.value_info, *graph.output, *graph.input])


def infer(model: ModelProto) -> ModelProto:
    try:
        return onnx.shape_inference.infer_shapes(model, strict_mode=False, data_prop=True)
    except Exception:  # too large or too complex for shape inference: continue without
        return model


def with_named_dims(model: ModelProto) -> ModelProto:
    """Return a copy in which open dimensions of network inputs are symbolic, as they can change."""
    copy = ModelProto()
    copy.CopyFrom(model)
    bodies = [copy.graph.node, *(function.node for function in copy.functions)]
    imports = [copy.opset_import, *(function.opset_import for function in copy.functions)]
    for item in (
        *(n for body in bodies for n in all_nodes(body)),
        *(i for o in imports for i in o),
    ):
        item.domain = domain_of(item.domain)  # shape inference knows only the empty name
    known = {info.name: info for info in copy.graph.input}
    for tensor in copy.graph.initializer:  # its own dims are the most precise
        dims, name = list(tensor.dims), tensor.name
        known[name] = onnx.helper.make_tensor_value_info(name, tensor.data_type, dims)
    for info in (*copy.graph.input, *copy.graph.output):
        if info.name in known:
            info.CopyFrom(known[info.name])
    for info in (*copy.graph.input, *copy.graph.output):
        if info.name in known:  # fed by the caller
            for axis, dim in enumerate(info.type.tensor_type.shape.dim):
                if dim.dim_value < 0 or not dim.HasField("dim_value"):
                    dim.dim_param = f"open_{dim.dim_param or f'{info.name}_{axis}'}"
    return copy


def stored(tensor: TensorProto, dims: Iterable[int], key: str) -> Value:
    shape, kind, flag = tuple(dims), tensor.data_type, None
    if kind == TensorProto.BOOL and prod(shape) == 1 and not tensor.external_data:
        flag = any(tensor.raw_data) or any(tensor.int32_data)
    key = f"one number {key}" if prod(shape) == 1 else key
    kinds, roots = frozenset({kind}), frozenset({key})
    return Value(CONSTANT, kind, shape, True, "stored", kinds, roots, flag)


def constant(node: NodeProto, key: str) -> Value:
    for attr in node.attribute:
        form, text = attr.name.removeprefix("value_"), TensorProto.STRING
        kinds = {"float": FLOAT, "int": TensorProto.INT64, "string": text}
        if attr.HasField("t"):
            return stored(attr.t, attr.t.dims, key)
        if attr.HasField("sparse_tensor"):
            return stored(attr.sparse_tensor.values, attr.sparse_tensor.dims, key)
        if form.removesuffix("s") in kinds and not attr.ref_attr_name:
            several = [len(attr.floats) + len(attr.ints) + len(attr.strings)]
            tensor = TensorProto(data_type=kinds[form.removesuffix("s")])
            return stored(tensor, several if form.endswith("s") else [], key)
    return Value(CONSTANT, direct=True, behind="stored", roots=frozenset({key}))


def worst(*values: Value) -> str:
    found = {value.status for value in values if not value.absent}
    return DYNAMIC if DYNAMIC in found else UNKNOWN if UNKNOWN in found else CONSTANT


def merge(values: Sequence[Value]) -> Value:
    """Return a formal input of a function: the properties that all call sites agree on."""
    if not values or len({value.absent for value in values}) > 1:
        return Value()
    fields = ("status", "dtype", "direct", "flag", "absent")
    kept = {f: getattr(values[0], f) for f in fields if len({getattr(v, f) for v in values}) == 1}
    shape, shapes = None, [value.shape for value in values if value.shape is not None]
    if len(shapes) == len(values) and len({len(s) for s in shapes}) == 1:
        columns = zip(*shapes, strict=True)
        shape = tuple(column[0] if len(set(column)) == 1 else None for column in columns)
    kinds = frozenset[int]().union(*(value.stored for value in values))
    roots = frozenset[str]().union(*(value.roots for value in values))
    return replace(Value(**kept), shape=shape, behind="passed", stored=kinds, roots=roots)


def bind(function: FunctionProto, bound: Bindings) -> Sequence[NodeProto]:
    """Return the nodes of a body with attribute references resolved where they are known."""
    copy = FunctionProto()
    copy.CopyFrom(function)
    for node in all_nodes(copy.node):
        for index in reversed(range(len(node.attribute))):
            attr = node.attribute[index]
            if attr.ref_attr_name in bound:
                name, given = attr.name, bound[attr.ref_attr_name]
                if given is None:
                    del node.attribute[index]
                else:
                    attr.CopyFrom(given)
                    attr.name = name
    return [*copy.node]


class Reader:
    """Follows every tensor of a model, and keeps one Layer for every node in document order."""

    def __init__(self, model: ModelProto) -> None:
        self.model = infer(with_named_dims(model))
        self.functions = {key_of(function): function for function in self.model.functions}
        self.calls: dict[Key, list[tuple[list[Value], Bindings]]] = {}
        self.memo: dict[tuple[object, ...], list[Value]] = {}
        main = self.model.graph
        self.main = Scope("", None, self.opset(self.model), graph_types(main))
        self.layers: list[Layer] = []
        self.graph(main, self.main, None)
        bodies: dict[Key, list[Layer]] = {}
        for key in self.callers_first():
            seen, self.layers = self.layers, []
            self.function_body(key)
            bodies[key], self.layers = self.layers, seen
        for function in self.model.functions:
            self.layers += bodies.pop(key_of(function), [])
        self.holds_float16 = any(map(holds_float16, [main, *self.model.functions]))

    def opset(self, owner: ModelProto | FunctionProto) -> int:
        imports = [*owner.opset_import, *self.model.opset_import]
        return next((entry.version for entry in imports if domain_of(entry.domain) == ""), 1)

    def callers_first(self) -> list[Key]:
        callees = {
            key: {key_of(node) for node in all_nodes(function.node)} & self.functions.keys()
            for key, function in self.functions.items()
        }
        return list(TopologicalSorter(callees).static_order())[::-1]

    def graph(self, graph: GraphProto, scope: Scope, feeds: Sequence[Value] | None) -> None:
        """Read a graph; `feeds` are the values of its inputs, None for the main graph."""
        for tensor in graph.initializer:
            key = f"{scope.where}#{tensor.name}"
            scope.values[tensor.name] = stored(tensor, tensor.dims, key)
        for sparse in graph.sparse_initializer:
            key = f"{scope.where}#{sparse.values.name}"
            scope.values[sparse.values.name] = stored(sparse.values, sparse.dims, key)
        for index, info in enumerate(graph.input):
            dtype, shape = scope.types[info.name]
            default = scope.values.get(info.name)
            if feeds is not None and index < len(feeds):  # one slice or one iteration of it
                feed = feeds[index]
                status = DYNAMIC if feed.status == DYNAMIC else UNKNOWN
                scope.values[info.name] = Value(status, dtype or feed.dtype, shape)
            elif default is None:
                status = DYNAMIC if feeds is None else UNKNOWN
                scope.values[info.name] = Value(status, dtype, shape)
            elif self.model.ir_version >= 4:
                scope.values[info.name] = replace(default, status=UNKNOWN, flag=None)
        self.nodes(graph.node, scope, 0, True)
        for info in graph.output:
            scope.find(info.name, as_output=True)

    def nodes(self, nodes: Iterable[NodeProto], scope: Scope, depth: int, keep: bool) -> None:
        for index, node in enumerate(nodes):
            layer = Layer(node, scope, [scope.find(n) if n else ABSENT for n in node.input])
            if keep:
                self.layers.append(layer)
                self.nested_graphs(layer, index)
                if key_of(node) in self.functions:
                    site = layer.inputs, self.bindings(node)
                    self.calls.setdefault(key_of(node), []).append(site)
            flowed = self.flow(layer, depth)
            for number, name in enumerate(node.output):
                value = flowed[number] if number < len(flowed) else Value()
                dtype, shape = scope.types.get(name, (None, None))
                dtype = dtype if value.dtype is None else value.dtype
                shape = known_entries(value.shape, shape)
                layer.outputs.append(replace(value, dtype=dtype, shape=shape))
                if name:
                    scope.values[name] = layer.outputs[-1]

    def nested_graphs(self, layer: Layer, index: int) -> None:
        scope, feeds = layer.scope, list[Value]()
        if is_row(layer.node, {"Loop", "Scan", "SequenceMap"}):
            feeds = list(layer.inputs)
            if layer.node.op_type == "Loop":
                feeds[:2] = [Value(), Value()]  # the iteration number and the condition
            elif layer.node.op_type == "Scan" and scope.opset < 9:
                feeds = feeds[1:]  # the sequence lengths
        for label, graph in graphs_of(layer.node):
            where = f"{scope.where}.n{index}.{label}".lstrip(".")
            self.graph(graph, Scope(where, scope, scope.opset, graph_types(graph)), feeds)

    def bindings(self, call: NodeProto) -> Bindings:
        function = self.functions[key_of(call)]
        bound: Bindings = dict.fromkeys(function.attribute)
        bound |= {attr.name: attr for attr in function.attribute_proto}
        bound |= {attr.name: attr for attr in call.attribute if attr.name in bound}
        return {n: attr for n, attr in bound.items() if attr is None or not attr.ref_attr_name}

    def function_scope(self, function: FunctionProto, inputs: Sequence[Value]) -> Scope:
        where = "function:" + ":".join(key_of(function)).rstrip(":")
        scope = Scope(where, None, self.opset(function), types_of(function.value_info))
        for index, formal in enumerate(function.input):
            scope.values[formal] = inputs[index] if index < len(inputs) else ABSENT
        return scope

    def function_body(self, key: Key) -> None:
        """Read a function body; its formal inputs are what all call sites agree on."""
        function, sites = self.functions[key], self.calls.get(key, [])
        inputs = []
        for index in range(len(function.input)):
            inputs.append(merge([s[index] if index < len(s) else ABSENT for s, _ in sites]))
        bound: Bindings = dict(sites[0][1]) if sites else {}
        for name in list(bound):
            if any(name not in other or other[name] != bound[name] for _, other in sites):
                del bound[name]
        scope = self.function_scope(function, inputs)
        body = self.inferred_body(function, bind(function, bound), inputs)
        scope.types |= graph_types(body)
        self.nodes(body.node, scope, 0, True)
        for name in function.output:
            scope.find(name, as_output=True)

    def inferred_body(
        self, function: FunctionProto, nodes: Sequence[NodeProto], inputs: Sequence[Value]
    ) -> GraphProto:
        """Infer the shapes in a function body: shape inference skips it, so pass it as a graph."""
        model = ModelProto(ir_version=self.model.ir_version, functions=self.model.functions)
        model.opset_import.extend(function.opset_import or self.model.opset_import)
        model.graph.node.extend(nodes)
        model.graph.value_info.extend(function.value_info)
        for formal, value in zip(function.input, inputs, strict=True):
            if value.dtype is not None:
                info = onnx.helper.make_tensor_value_info(formal, value.dtype, value.shape)
                model.graph.input.append(info)
        return infer(model).graph

    def flow(self, layer: Layer, depth: int) -> list[Value]:
        """Return the outputs of a node (docs/reading.md, "Weight source")."""
        node, op, scope, first = layer.node, layer.node.op_type, layer.scope, layer.input(0)
        status, count = worst(*layer.inputs), len(node.output)
        unsure = DYNAMIC if status == DYNAMIC else UNKNOWN
        key = f"{scope.where}#{first_output(node)}"
        function, standard = self.functions.get(key_of(node)), domain_of(node.domain) == ""
        if function is not None and not (standard and onnx.defs.has(op)):
            return self.call(function, node, layer.inputs, depth)
        known = onnx.defs.has(op, domain=domain_of(node.domain))  # ai.onnx.ml is a known domain
        if function is not None or not (standard or known):
            return [Value(unsure)] * count
        if op == "Constant":
            return [constant(node, key)]
        if op in ("If", "Loop", "Scan", "SequenceMap"):
            return [Value(unsure if op == "SequenceMap" else UNKNOWN)] * count
        if op in ("Shape", "Size", "EyeLike", "SequenceLength"):  # depends only on a shape
            of = CONSTANT if status == CONSTANT else shape_status(node, first)
            typed = (setting(node, "dtype", 0) or first.dtype) if op == "EyeLike" else None
            return [Value(of, typed, roots=frozenset({key}))]
        if op in RANDOM:
            like = op.endswith("Like")
            default = first.dtype if like else FLOAT if first.absent else None
            seeded = shape_status(node, first) if like else unsure
            drawn = DYNAMIC if attribute(node, "seed") is None else seeded
            return [Value(drawn, setting(node, "dtype", 0) or default)] * count
        if op == "Dropout":
            training = training_status(layer)
            if training:  # the result is not stored anywhere
                return [Value(training)] * count
        if op in ("Identity", "Dropout"):
            if first.behind == "stored":
                first = replace(first, behind="identity")
            mask = replace(first, dtype=None, direct=False, stored=Value.stored)
            return [first] + [mask] * (count - 1)
        if op == "Transpose":
            perm, turned = setting(node, "perm", []), first.shape
            if turned and perm is not None:
                order = perm or range(len(turned))[::-1]
                turned = tuple(turned[axis] for axis in order if axis < len(turned))
            return [replace(first, shape=turned, behind="operator", flag=None)]
        if op == "CastLike":  # the type of the second input never changes
            status = worst(first)
        data = layer.inputs[:1] if op in FIRST_ONLY else layer.inputs[op == "Where" :]
        data = [value for value in data if not value.absent]
        if op == "ConstantOfShape" or not data:
            return [Value(status, roots=frozenset({key}))] * count
        scalars = [value for value in data if value.shape is not None and set(value.shape) <= {1}]
        large = [value for value in data if len(data) == 1 or value not in scalars]
        roots = frozenset[str]().union(*(value.roots for value in large))
        if len(roots) > 64:  # a long chain of sums: keep it cheap
            roots = frozenset({key})
        kinds = frozenset[int]().union(*(value.stored for value in data))
        dtypes = {value.dtype for value in data} if op in SAME_TYPE else set()
        dtype = dtypes.pop() if len(dtypes) == 1 else None
        if op in ("Cast", "BitCast"):
            dtype = setting(node, "to", 0)
        if op == "DequantizeLinear" and attribute(node, "output_dtype") is None:
            dtype = layer.input(1).dtype if scope.opset >= 19 else FLOAT
        made = Value(status, dtype, stored=kinds, roots=roots)
        return (
            [made, *[replace(made, dtype=None)] * (count - 1)] if op != "Split" else [made] * count
        )

    def call(
        self, function: FunctionProto, node: NodeProto, inputs: list[Value], depth: int
    ) -> list[Value]:
        bound = self.bindings(node)
        texts = tuple((n, attr and attr.SerializeToString()) for n, attr in bound.items())
        key = (key_of(function), tuple(inputs), texts)
        if key not in self.memo:
            if depth > 100:  # spare Python's stack
                return [Value()] * len(function.output)
            scope = self.function_scope(function, inputs)
            body = self.inferred_body(function, bind(function, bound), inputs)
            scope.types |= graph_types(body)
            self.nodes(body.node, scope, depth + 1, False)
            # A call is not an Identity or Transpose, so its result is not a direct constant.
            found = map(scope.find, function.output)
            made = [replace(value, direct=False, behind="passed") for value in found]
            self.memo[key] = made
        return self.memo[key]


def shape_status(node: NodeProto, value: Value) -> str:
    shape = value.shape or ()
    if node.op_type == "Shape":
        start, end = setting(node, "start", 0), setting(node, "end", len(shape))
        shape = () if start is None or end is None else shape[int(start) : int(end)]
    return DYNAMIC if any(isinstance(dim, str) for dim in shape) else UNKNOWN


def training_status(layer: Layer) -> str | None:
    """Return the status of a Dropout's result in training, None at inference (data passes on)."""
    first, training, inference = layer.input(0), layer.input(2), True
    if layer.scope.opset < 7:
        inference = bool(setting(layer.node, "is_test", 0))
    elif layer.scope.opset >= 12:
        inference = training.absent or training.flag is False
    if inference:
        return None
    random = training.flag and attribute(layer.node, "seed") is None
    return DYNAMIC if random else worst(first, training, Value())


def known_entries(first: Shape | None, second: Shape | None) -> Shape | None:
    """Merge two descriptions of a shape: each entry is a number, else a symbol, else None."""
    if first is None or second is None or len(first) != len(second):
        return second if first is None else first
    pairs = zip(first, second, strict=True)
    return tuple(
        b if a is None or (isinstance(b, int) and isinstance(a, str)) else a for a, b in pairs
    )


def holds_float16(message: Any) -> bool:
    """Return whether a tensor or type anywhere in a protobuf message is Float16."""
    for descriptor, value in message.ListFields():
        if descriptor.name in ("data_type", "elem_type") and value == FLOAT16:
            return True
        if descriptor.message_type:
            items = value if isinstance(value, Sequence) else [value]
            if any(holds_float16(item) for item in items):
                return True
    to = ("to", "dtype", "output_dtype", "output_datatype")
    return isinstance(message, AttributeProto) and message.name in to and message.i == FLOAT16


def float16_rule(reader: Reader, release: Release) -> bool | None:
    """Return whether the Float16 rule fires, None = unknown (docs/reading.md, "Float16")."""
    graph = reader.model.graph
    names = {tensor.name for tensor in graph.initializer}
    names |= {tensor.values.name for tensor in graph.sparse_initializer}
    untyped = False
    for info in graph.input:
        kind = reader.main.types[info.name][0]
        if kind == FLOAT16 and info.name in reader.main.read - names:
            return True
        untyped |= kind is None and info.name not in names
    for layer in reader.layers:
        if layer.has_weight(release) and len(layer.inputs) > 1 and layer.node.input[1]:
            weight = layer.input(1)
            port = {weight.dtype} if weight.dtype is not None else layer.types()
            if layer.scope is reader.main and port == {FLOAT16} == weight.stored:
                return True
            untyped |= not port
    between = any(value.dtype == FLOAT16 for layer in reader.layers for value in layer.outputs)
    return None if untyped or between or reader.holds_float16 else False


def rank_of_weight(layer: Layer) -> int | None:
    """Return the weight's rank, None = unknown (docs/reading.md, "Defaults and ports")."""
    weight, data = layer.input(1).shape, layer.input(0).shape
    if weight is not None:
        return len(weight)
    for name in ("kernel_shape", "dilations"):
        given = setting(layer.node, name, [])
        if given:
            return len(given) + 2
    return None if data is None else len(data)


def judge(
    layer: Layer,
    release: Release,
    fires: bool | None,
    shared: bool,
    names: Iterable[Key],
    done: Done,
) -> Verdict:
    """Return what a release says of a layer: `fires` is about Float16, `shared` about its weight,
    and `names` are those of the local functions.
    """
    node, op, domain = layer.node, layer.node.op_type, domain_of(layer.node.domain)
    found = Verdict()
    if not release.has_table(done.table, "onnx"):
        found.open("the release does not show this table")
        return found
    if domain != "":
        unlisted(found, release, done, "onnx", f"{domain}::{op}")
        return found
    if key_of(node) in names:
        found.open("a local function has the name of this operator")
    if layer.scope.where:
        found.open("the layer is in a nested graph or a function")
    if not layer.types():
        found.open("the type of its data is not known")
    if layer.types() - {FLOAT, FLOAT16}:
        found.open("its data is neither Float32 nor Float16")
    if shared:
        found.open("another layer shares its weight")
    if op in WEIGHTED and not layer.input(2).absent and layer.input(2).status != CONSTANT:
        found.open("its bias is not constant")
    if op == "Gemm" and (setting(node, "alpha", 1.0) != 1.0 or setting(node, "beta", 1.0) != 1.0):
        found.open("alpha or beta is not 1")
    if done.table == "uniform":
        uniform(layer, release, fires, done, found)
    elif done.table == "nonuniform":
        nonuniform(layer, release, done, found)
    else:
        weight_only(layer, release, fires, done, found)
    return found


def uniform(layer: Layer, release: Release, fires: bool | None, done: Done, found: Verdict) -> None:
    node, op = layer.node, layer.node.op_type
    row = {"GlobalMaxPool": "MaxPool", "GlobalAveragePool": "AveragePool"}.get(op, op)
    letter = release.letter("onnx", row) if row in ROWS else "-"
    if letter == "-" or (op == "GlobalAveragePool" and letter == "G"):
        unlisted(found, release, done, "onnx", op)
        return
    english = release.english("onnx", row)
    if op == "GlobalMaxPool":
        found.open("the column does not name GlobalMaxPool")
    closes = op in ("AveragePool", "MaxPool", "Add", "GlobalMaxPool")
    if release.float16 == "products" and is_product(layer, release):
        closes = True
    if closes:
        weak = english or letter == "?" or op == "GlobalMaxPool"
        close_by_float16(found, release, fires, f"onnx/{row}", weak)
    if row in ("Gemm", "MatMul", "AveragePool") and not is_product(layer, release):
        settings(found, release, done, f"onnx/{row}", row == "AveragePool")
    if letter == "?":
        found.open("the cell was not seen")
        return

    found.weak = english or op == "GlobalMaxPool"
    prefix = f"uniform/onnx/{row}/"
    if row == "AveragePool":
        if op == "GlobalAveragePool":
            found.wrong(prefix + "global_pooling", "inferred")
        if letter == "A" and done.shift:
            found.wrong(prefix + "shift")
        if letter == "G":
            rank_of_data(layer, (4,), prefix + "data_rank_4", found)
    if op in ("AveragePool", "MaxPool") and letter == "A" and not is_flat(node):
        found.open("the rank of the pool is not known to be 4")
    if row in ("MaxPool", "Add") and done.treats_weights:
        found.wrong(prefix + "weights")
    indices = node.output[1] if op == "MaxPool" and len(node.output) > 1 else ""
    if indices and indices in layer.scope.read | layer.scope.outputs:
        found.open("its Indices output is used")
    if row == "Add" and letter == "B":
        if node.input[0] == node.input[1]:
            found.open("the page speaks of two tensors")
        elif len(set(done.inputs or ())) > 1:
            found.wrong(prefix + "one_input")
    if row == "Conv":
        conv(layer, letter, prefix, found)
    if row == "ConvTranspose":
        conv_transpose(layer, letter, prefix, found)
    if row == "Gemm":
        gemm(layer, letter, prefix, found)
    if row == "MatMul":
        matmul(layer, letter, prefix, done, found)


def is_flat(node: NodeProto) -> bool:
    return len(setting(node, "kernel_shape", []) or []) == 2


def rank_of_data(layer: Layer, ranks: Sequence[int], id_: str, found: Verdict) -> None:
    shape = layer.input(0).shape
    if shape is None:
        found.open("the rank of the data is not known")
    elif len(shape) not in ranks:
        found.wrong(id_)


def source_of_weight(layer: Layer, letter: str, prefix: str, found: Verdict) -> None:
    """Say what a cell says of the source of a weight: A forbids a dynamic one, B is silent, and the
    guide (G) wants a stored constant.
    """
    weight = layer.input(1)
    if weight.status == DYNAMIC and letter == "A":
        found.wrong(prefix + "weight_source")
    elif weight.status == DYNAMIC and letter == "G":
        found.wrong(prefix + "weight_node")
    elif weight.status != CONSTANT:
        found.open("its weight is not known to be constant")
    elif letter == "G":
        stored_itself(weight, prefix, found)


def stored_itself(weight: Value, prefix: str, found: Verdict) -> None:
    if weight.behind == "operator":
        found.wrong(prefix + "weight_node", "inferred")
    elif weight.behind != "stored":
        found.open("its weight is behind an Identity or a function")


def conv(layer: Layer, letter: str, prefix: str, found: Verdict) -> None:
    rank, dilations = rank_of_weight(layer), setting(layer.node, "dilations", [])
    source_of_weight(layer, "B" if letter == "C" else letter, prefix, found)
    if letter == "G":
        rank_of_data(layer, (4, 5), prefix + "data_rank", found)
        return
    if rank not in ((4,) if letter == "C" else (4, 5)):
        found.open("the rank of the weight is not one of the IR types'")
    if letter in ("A", "B") and rank == 5 and dilations and dilations[0] != 1:
        found.wrong(prefix + "dilation_d")
    if letter in ("A", "B") and rank in (5, None) and dilations is None:
        found.open("its dilations are not known")


def conv_transpose(layer: Layer, letter: str, prefix: str, found: Verdict) -> None:
    source_of_weight(layer, letter, prefix, found)
    if letter == "G":
        rank_of_data(layer, (4,), prefix + "data_rank_4", found)
        return
    rank, dilations = rank_of_weight(layer), setting(layer.node, "dilations", [])
    if rank is None or dilations is None:
        found.open("the rank of its weight or its dilations are not known")
    if rank not in (4, None):
        found.wrong(prefix + "weight_rank")
    if dilations is not None and any(dilation != 1 for dilation in dilations):
        found.wrong(prefix + "dilation")


def gemm(layer: Layer, letter: str, prefix: str, found: Verdict) -> None:
    transposed = setting(layer.node, "transA", 0)
    if transposed is None:
        found.open("transA is not known")
    elif transposed:
        found.wrong(prefix + "trans_a")
    source_of_weight(layer, letter, prefix, found)
    for name in ("alpha", "beta") if letter == "G" else ():
        factor = setting(layer.node, name, 1.0)
        if factor is not None and factor != 1.0:
            found.wrong(f"{prefix}{name}_1")


def matmul(layer: Layer, letter: str, prefix: str, done: Done, found: Verdict) -> None:
    second = layer.input(1)
    rank = None if second.shape is None else len(second.shape)
    if letter in ("A", "B"):
        if letter == "A" and second.status == DYNAMIC:
            found.wrong(prefix + "weight_source")
        constant_of_rank_2(second, prefix + "second_input", "stated", found)
        return
    if layer.has_two_variables:
        if done.breaks_products:
            found.wrong(prefix + "two_variables")
        return
    if second.status != CONSTANT:
        found.open("the page does not speak of a constant times a variable")
        return
    allowed, name = ((2,), "constant_rank") if letter == "D" else ((2, 3), "constant_rank_2_or_3")
    if rank is not None and rank not in allowed:
        found.wrong(prefix + name)
    elif rank is None or not second.direct:
        found.open("its second input is not known to be a stored constant of a rank")
    if letter == "G":
        stored_itself(second, prefix, found)


def constant_of_rank_2(second: Value, id_: str, basis: str, found: Verdict) -> None:
    if second.status == DYNAMIC or (second.shape is not None and len(second.shape) != 2):
        found.wrong(id_, basis)
    elif second.status == UNKNOWN or not second.direct or second.shape is None:
        found.open("its second input is not known to be a constant of rank 2")


def nonuniform(layer: Layer, release: Release, done: Done, found: Verdict) -> None:
    op = layer.node.op_type
    if release.clustered == "gone" or op not in ("Conv", "Gemm"):
        unlisted(found, release, done, "onnx", op)
        return
    found.weak = release.clustered == "english"
    if layer.input(1).status != CONSTANT:
        found.open("its weight is not known to be constant")
    if op == "Conv" and rank_of_weight(layer) != 4:
        found.open("the IR type is Conv2D")
    if op == "Gemm":
        transposed_a(layer, "nonuniform/onnx/Gemm/trans_a", "stated", found)


def transposed_a(layer: Layer, id_: str, basis: str, found: Verdict) -> None:
    transposed = setting(layer.node, "transA", 0)
    if transposed is None:
        found.open("transA is not known")
    elif transposed:
        found.wrong(id_, basis)


def weight_only(
    layer: Layer, release: Release, fires: bool | None, done: Done, found: Verdict
) -> None:
    op = layer.node.op_type
    listed = ("Gemm", "MatMul", *(["AveragePool"] if release.pools else []))
    if release.alone == "no such mode" or op not in listed:
        unlisted(found, release, done, "onnx", op)
        return
    prefix = f"weight_only/onnx/{op}/"
    if op == "AveragePool":
        close_by_float16(found, release, fires, "onnx/AveragePool", False)
        if done.treats_weights:
            found.wrong(prefix + "mode")
        return
    found.weak = release.alone == "english"
    second, letter = layer.input(1), release.letter("onnx", op)
    if second.status == DYNAMIC:
        found.wrong(prefix + "weight_source")
    elif second.status == UNKNOWN:
        found.open("its weight is not known to be constant")
    # The page of a release without the pools also shows asymmetric = false elsewhere.
    if not release.pools and done.asymmetric is False:
        found.open("the table lists true alone")
    if op == "Gemm":
        transposed = setting(layer.node, "transA", 0)
        if transposed is None or (transposed and letter == "?"):
            found.open("the cell on transA was not seen, or transA is not known")
        elif transposed:
            found.wrong(prefix + "trans_a", "inferred")
        return
    if letter == "A":
        constant_of_rank_2(second, prefix + "second_input", "inferred", found)
        return
    if second.status == CONSTANT and second.shape is not None and len(second.shape) != 2:
        if letter == "?":
            found.open("the cell on the rank was not seen")
        else:
            found.wrong(prefix + "constant_rank", "inferred")
    elif second.status == CONSTANT and (second.shape is None or not second.direct):
        found.open("its second input is not known to be a stored constant of a rank")


def opinions(
    model: ModelProto | Reader, done: Done | None = None, release: Release = DEFAULT
) -> list[Opinion]:
    """Return an opinion on every layer; a `Reader` of the model may be used again."""
    reader = model if isinstance(model, Reader) else Reader(model)
    fires, result = float16_rule(reader, release), list[Opinion]()
    roots = [layer.weight_roots(release) for layer in reader.layers]
    shares = Counter(root for several in roots for root in several)
    for layer, mine in zip(reader.layers, roots, strict=True):
        shared = any(shares[root] > 1 for root in mine)
        found = judge(layer, release, fires, shared, reader.functions, done or Done())
        node, where = layer.node, layer.scope.where
        names = where, node.op_type, domain_of(node.domain), first_output(node)
        broken = frozenset(found.broken)
        result.append(Opinion(*names, found.answer, broken, found.basis, found.why))
    return result
