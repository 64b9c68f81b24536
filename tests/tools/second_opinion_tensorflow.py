"""A second, independent reading of the tables and the Float16 rule for TensorFlow graphs.

It is written from docs/reading.md alone, as plain if-statements on a parsed GraphDef. It shares
only the field numbers with the package. Values are followed forwards, from producers to consumers.
It knows the operators that the tests generate; all others are unknown operators.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from releases import DEFAULT, Done, Release, Verdict, close_by_float16, settings, unlisted

CONSTANT, UNKNOWN, DYNAMIC = "constant", "unknown", "dynamic"  # docs/reading.md, "Weight source"
FLOAT, INT32, INT64, FLOAT16, RESOURCE = 1, 3, 9, 19, 20
NOT_STORED = -1
Shape = tuple[Any, ...]  # a number, "symbolic", or None = not determined

WEIGHT_PORT = {"Conv2D", "DepthwiseConv2dNative", "Conv3D", "MatMul", "BatchMatMulV2"}
WEIGHT_PORT |= {"Conv2DBackpropInput", "BatchMatMul", "BatchMatMulV3"}
ROW = {name: name for name in WEIGHT_PORT | {"AvgPool", "MaxPool", "Add"}}
ROW |= {"AddV2": "Add", "BatchMatMul": "BatchMatMulV2", "BatchMatMulV3": "BatchMatMulV2"}
SPELLED = {"AddV2", "BatchMatMul", "BatchMatMulV3"}
FED = {"Placeholder", "PlaceholderWithDefault", "_Arg", "_DeviceArg"}
ITERATED = {"IteratorGetNext", "IteratorGetNextSync", "MultiDeviceIteratorGetNextFromShard"}
DEQUEUED = {"QueueDequeueV2", "QueueDequeue", "QueueDequeueMany", "QueueDequeueUpTo"}
OUTSIDE = FED | ITERATED | DEQUEUED | {"IteratorV2", "MultiDeviceIterator", "OneShotIterator"}
OUTSIDE |= {"Unstage", "MapUnstage", "OrderedMapUnstage", "StagePeek", "MapPeek", "OrderedMapPeek"}
OUTSIDE |= {"Barrier", "BarrierTakeMany"}  # which gives indices and keys first
for _kind in ("FIFOQueue", "PaddingFIFOQueue", "PriorityQueue", "RandomShuffleQueue"):
    OUTSIDE |= {_kind, f"{_kind}V2"}
DRAWN = {"RandomUniform", "RandomStandardNormal", "TruncatedNormal"}  # input 0 is their shape
RANDOM = DRAWN | {"RandomUniformInt", "RandomGamma", "RandomPoissonV2", "RandomShuffle"}
RANDOM |= {"ParameterizedTruncatedNormal", "Multinomial", "NonDeterministicInts"}
RANDOM |= {"UniformCandidateSampler", "LogUniformCandidateSampler"}
UNDECIDED = {"VariableV2", "VarHandleOp", "Switch", "Merge", "Enter", "Exit", "NextIteration"}
UNDECIDED |= {"If", "StatelessIf", "While", "StatelessWhile"}
CALLS = {"PartitionedCall", "StatefulPartitionedCall"}
SAME_SHAPE = set(
    """Identity Relu Sin Cast StopGradient Softmax BiasAdd Snapshot PreventGradient CheckNumerics
    EnsureShape ReverseV2 Neg Abs Square Sqrt Sigmoid Tanh Elu Relu6 Softplus Exp Rsqrt Reciprocal
    Log1p Cos Erf LogSoftmax LeakyRelu ClipByValue FakeQuantWithMinMaxVars
    FakeQuantWithMinMaxVarsPerChannel QuantizeAndDequantizeV2""".split()
)
ELEMENTWISE = set(
    """Add AddV2 Mul Sub Maximum Minimum RealDiv Div SquaredDifference Pow AddN SelectV2""".split()
)
SAME_SHAPE |= set(
    """
    Acos Acosh Asin Asinh Atan Atanh BesselI0e BesselI1e Ceil Cosh Cumprod Cumsum DeepCopy Digamma
    Erfc Expm1 FakeQuantWithMinMaxArgs Floor GuaranteeConst Inv LRN Lgamma Log MatrixBandPart
    QuantizeAndDequantizeV2 Rint Roll Round Selu Sign Sinh Softsign Tan TensorScatterAdd
    TensorScatterUpdate
    """.split()
)
ELEMENTWISE |= {"Atan2", "DivNoNan", "FloorDiv", "FloorMod", "MulNoNan", "Xdivy", "Xlogy"}
REDUCING = {"EuclideanNorm", "Max", "Mean", "Min", "Prod", "Sum"}
FIRST_ALONE = set(  # whose other inputs are positions, sizes or bounds
    """Reshape Transpose Pad Dequantize StridedSlice Slice Tile BroadcastTo ExpandDims ReverseV2
    Gather GatherV2 SplitV ClipByValue Pow FakeQuantWithMinMaxVars
    FakeQuantWithMinMaxVarsPerChannel QuantizeAndDequantizeV2 BatchToSpaceND SpaceToBatchND
    ResizeBilinear UnsortedSegmentSum""".split()
)
KNOWN = SAME_SHAPE | ELEMENTWISE | FIRST_ALONE | WEIGHT_PORT
KNOWN |= {"AvgPool", "MaxPool", "MaxPoolV2", "ConcatV2", "Pack", "Unpack", "Fill", "Split"}
KNOWN |= {"Squeeze", "Prod", "Mean"}
COUNTED = {"Split": "num_split", "SplitV": "num_split", "Unpack": "num"}  # number of outputs
# Operators that compute their values of all operands.
KNOWN |= set(
    """
    Abs AccumulateNV2 Acos Acosh AddN ArgMax ArgMin Asin Asinh Atan Atan2 Atanh BesselI0e BesselI1e
    BroadcastTo Ceil ClipByValue Concat ConjugateTranspose Cos Cosh Cumprod Cumsum DeepCopy
    DepthToSpace Digamma Div DivNoNan DynamicStitch Einsum Elu EnsureShape Equal Erf Erfc
    EuclideanNorm Exp ExpandDims Expm1 FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars Floor
    FloorDiv FloorMod FusedBatchNormV3 Gather GatherNd GatherV2 Greater GreaterEqual GuaranteeConst
    IdentityN Inv IsFinite IsInf IsNan LRN LeakyRelu Less LessEqual Lgamma LinSpace Log Log1p
    LogSoftmax LogicalAnd LogicalNot LogicalOr MatrixBandPart Max Maximum Mean Min Minimum MirrorPad
    MulNoNan Neg NotEqual OneHot PadV2 Pow PreventGradient Prod QuantizeAndDequantizeV2 QuantizeV2
    Range RealDiv Reciprocal Relu6 ReverseV2 Rint Roll Round Rsqrt ScatterNd Select SelectV2 Selu
    Sigmoid Sign Sinh Slice Snapshot Softplus Softsign SpaceToDepth SplitV Sqrt Square
    SquaredDifference Squeeze Sum Tan Tanh TensorScatterAdd TensorScatterUpdate Tile TopKV2 Unpack
    Xdivy Xlogy
    """.split()
)


@dataclass(frozen=True)
class Opinion:
    where: str
    name: str
    type: str
    answer: str
    broken: frozenset[str]
    basis: str
    why: str


@dataclass(frozen=True)
class Value:
    status: str = UNKNOWN
    dtype: int | None = None
    shape: Shape | None = None
    direct: bool = False
    behind: str = "operator"  # a constant is "stored", behind an Identity or operator, or "passed"
    kinds: frozenset[int] = frozenset({NOT_STORED})
    roots: frozenset[str] = frozenset()
    ints: tuple[int, ...] | None = None


@dataclass
class Place:
    where: str
    nodes: dict[str, Any]
    values: dict[str, Value] = field(default_factory=dict)
    inputs: dict[str, list[Value]] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)


def order(nodes: dict[str, Any]) -> list[str]:
    """Sort producers before consumers; only a NextIteration may come after its consumer."""
    done: list[str] = []
    state: dict[str, int] = {}
    for start in nodes:
        stack = [start]
        while stack:
            name = stack[-1]
            if state.get(name, 0):
                stack.pop()
                if state[name] == 1:
                    state[name] = 2
                    done.append(name)
                continue
            state[name] = 1
            for text in nodes[name].input:
                source = text.lstrip("^").split(":")[0]
                if source in nodes and not state.get(source, 0):
                    stack.append(source)
    return done


def numbers(tensor: Any) -> tuple[int, ...] | None:
    """Return the entries of a stored integer tensor, in whatever form it is stored."""
    if tensor.dtype not in (INT32, INT64):
        return None
    size = 1
    for dim in tensor.tensor_shape.dim:
        size *= dim.size
    width, content = (4 if tensor.dtype == INT32 else 8), tensor.tensor_content
    if content:
        starts = range(0, width * size, width)
        return tuple(int.from_bytes(content[i : i + width], "little", signed=True) for i in starts)
    listed = list(tensor.int_val if tensor.dtype == INT32 else tensor.int64_val)
    return tuple(listed + listed[-1:] * (size - len(listed)))


def setting(node: Any, name: str, default: Any) -> Any:
    if name not in node.attr:
        return default
    value = node.attr[name]
    if value.HasField("list"):
        return list(value.list.i) or default
    if value.HasField("s"):
        return value.s.decode()
    for kind in ("b", "i", "type"):
        if value.HasField(kind):
            return getattr(value, kind)
    return default


def worst(values: list[Value]) -> str:
    found = [value.status for value in values]
    return DYNAMIC if DYNAMIC in found else UNKNOWN if UNKNOWN in found else CONSTANT


def merged(values: list[Value]) -> Value:
    """Return a parameter of a function: the properties that all of its calls agree on."""
    if not values:
        return Value()
    first = values[0]
    if len({value.status for value in values}) > 1:
        first = replace(first, status=UNKNOWN)
    dtype = first.dtype if len({value.dtype for value in values}) == 1 else None
    kinds = frozenset[int]().union(*(value.kinds for value in values))
    roots = frozenset[str]().union(*(value.roots for value in values))
    shapes = [value.shape for value in values if value.shape is not None]
    shape = None
    if len(shapes) == len(values) and len({len(shape) for shape in shapes}) == 1:
        columns = zip(*shapes, strict=True)
        shape = tuple(column[0] if len(set(column)) == 1 else None for column in columns)
    direct = len(values) == 1 and first.direct
    ints = first.ints if len(values) == 1 else None
    return Value(first.status, dtype, shape, direct, "passed", kinds, roots, ints)


class Reader:
    def __init__(self, graph: Any) -> None:
        self.bodies = {body.signature.name: body for body in graph.library.function}
        self.calls: dict[str, list[list[Value]]] = {name: [] for name in self.bodies}
        self.loops: set[str] = set()
        self.main = Place("", {node.name: node for node in graph.node})
        self.places = [self.main]
        self.follow(self.main, True)
        waiting = list(self.bodies)
        while waiting:  # callers first
            name = next(
                name
                for name in waiting
                if not any(self.runs(o, name) for o in waiting if o != name)
            )
            waiting.remove(name)
            body = self.bodies[name]
            place = Place(f"function:{name}", {node.name: node for node in body.node_def})
            for index, arg in enumerate(body.signature.input_arg):
                value = merged([call[index] for call in self.calls[name]])
                if name in self.loops:  # loop-carried values may change, and so may their shape
                    status = DYNAMIC if value.status == DYNAMIC else UNKNOWN
                    value = Value(status, value.dtype)
                place.values[arg.name] = replace(value, dtype=arg.type or value.dtype)
            self.follow(place, True)
            self.places.append(place)

    def runs(self, caller: str, callee: str) -> bool:
        for node in self.bodies[caller].node_def:
            for value in node.attr.values():
                if value.HasField("func") and value.func.name == callee:
                    return True
            if node.op == callee:
                return True
        return False

    def given(self, place: Place, name: str, port: int) -> Value:
        found = place.inputs[name]
        return found[port] if port < len(found) else Value()

    def has_two_variables(self, place: Place, name: str) -> bool:
        return all(self.given(place, name, port).status == DYNAMIC for port in (0, 1))

    def is_product(self, place: Place, name: str, release: Release) -> bool:
        """Return whether a release takes this layer for a product of two variables."""
        of_row = ROW.get(place.nodes[name].op) == "BatchMatMulV2"
        letter = release.letter("tensorflow", "BatchMatMulV2")
        return of_row and letter in ("D", "G") and self.has_two_variables(place, name)

    def has_weight(self, place: Place, name: str, release: Release) -> bool:
        op = place.nodes[name].op
        if op not in WEIGHT_PORT or len(place.inputs[name]) < 2:
            return False
        if release.letter("tensorflow", ROW[op]) == "-" or self.is_product(place, name, release):
            return False
        return not (release.guide and self.takes_two_tensors(place, name))

    def takes_two_tensors(self, place: Place, name: str) -> bool:
        """Return whether the second input is a constant that the guide treats as data."""
        second = self.given(place, name, 1)
        if ROW.get(place.nodes[name].op) != "BatchMatMulV2" or second.status != CONSTANT:
            return False
        return second.shape is not None and len(second.shape) != 2

    def weight_roots(self, place: Place, name: str, release: Release) -> frozenset[str]:
        if not self.has_weight(place, name, release):
            return frozenset()
        weight = place.inputs[name][1]
        if weight.status != CONSTANT:
            return frozenset()
        port = place.nodes[name].input[1].removesuffix(":0")
        return weight.roots | {f"{place.where}:{port}"}

    def follow(self, place: Place, keep: bool) -> None:
        for name in order(place.nodes):
            node = place.nodes[name]
            given = []
            for text in node.input:
                if text.startswith("^"):
                    continue
                parts = text.split(":")
                port = int(parts[-1]) if len(parts) > 1 else 0
                key = f"{parts[0]}:{port}" if port else parts[0]
                given.append(place.values.get(key, Value()))
                if keep:
                    place.read.add(parts[0])
            place.inputs[name] = given
            made = self.make(node, given, place)
            for port, value in enumerate(made):
                place.values[f"{name}:{port}" if port else name] = value

    def make(self, node: Any, given: list[Value], place: Place) -> list[Value]:
        """Return the outputs of a node (docs/reading.md, "Weight source")."""
        op, first = node.op, given[0] if given else Value()
        dtype = setting(node, "dtype", setting(node, "T", None))
        if op == "Const":
            tensor = node.attr["value"].tensor
            shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
            key = f"{place.where}#{node.name}"
            one = all(n == 1 for n in shape)
            ints = numbers(tensor)
            roots = frozenset() if one else frozenset({key})
            kinds = frozenset({tensor.dtype})
            return [Value(CONSTANT, tensor.dtype, shape, True, "stored", kinds, roots, ints)]
        if op in OUTSIDE:
            shape_ = None
            if op == "BarrierTakeMany":
                types = [9, 7, *node.attr["component_types"].list.type]
                return [Value(DYNAMIC, kind, None) for kind in types]
            if op in ITERATED | DEQUEUED:
                types = (
                    node.attr["output_types"].list.type or node.attr["component_types"].list.type
                )
                return [Value(DYNAMIC, kind, None) for kind in types]
            if "shape" in node.attr and not node.attr["shape"].shape.unknown_rank:
                dims = node.attr["shape"].shape.dim
                shape_ = tuple(d.size if d.size >= 0 else "symbolic" for d in dims)
            # A handle from the caller refers to a variable.
            return [Value(UNKNOWN if dtype == RESOURCE else DYNAMIC, dtype, shape_)]
        for name, loops, start in self.run(node):
            self.calls[name].append(given[start:])
            if loops:
                self.loops.add(name)
        if op in CALLS or op in self.bodies:
            name = op if op in self.bodies else node.attr["f"].func.name
            return self.inside(name, given)
        if op in UNDECIDED:
            return [Value(UNKNOWN, dtype)] * 2
        if op == "Identity":
            return [replace(first, behind="identity") if first.behind == "stored" else first]
        if op in ("Shape", "Size", "ZerosLike", "OnesLike"):  # depends only on a shape
            status = first.status
            if status != CONSTANT:
                status = DYNAMIC if "symbolic" in (first.shape or ()) else UNKNOWN
            if op.endswith("Like"):
                kind, key = dtype or first.dtype, f"{place.where}#{node.name}"
                return [Value(status, kind, first.shape, roots=frozenset({key}))]
            length = (len(first.shape),) if first.shape is not None else (None,)
            return [Value(status, 3, length if op == "Shape" else ())]
        if op == "Rank":  # of a shape, only its length
            return [Value(CONSTANT if first.status == CONSTANT else UNKNOWN, 3, ())]
        status = worst(given)
        if op in RANDOM and not setting(node, "seed", 0) and not setting(node, "seed2", 0):
            return [Value(DYNAMIC, dtype, given[0].ints if op in DRAWN else None)]
        if op not in KNOWN:  # including seeded random operators
            status = DYNAMIC if status == DYNAMIC else UNKNOWN
            drawn = op in DRAWN or op == "StatelessRandomUniform"
            shape = given[0].ints if drawn else None
            return [Value(status, dtype if drawn or op == "ReadVariableOp" else None, shape)] * 2
        data = given
        if op in FIRST_ALONE:
            data = given[:1]
        if op in ("ConcatV2",):
            data = given[:-1]
        if op in ("Fill", "Split", "SelectV2"):
            data = given[1:]
        if op == "Conv2DBackpropInput":
            data = given[1:]
        kinds = frozenset[int]().union(*(value.kinds for value in data))
        roots = frozenset[str]().union(*(value.roots for value in data))
        if op == "Cast":
            dtype = setting(node, "DstT", None)
        if op == "Dequantize":
            dtype = setting(node, "dtype", FLOAT)
        if op == "BatchMatMulV3":
            dtype = setting(node, "Tout", None)
        if dtype is None and data:
            dtype = data[0].dtype
        made = Value(status, dtype, self.shape(node, given), kinds=kinds, roots=roots)
        if op == "Transpose":
            made = replace(made, direct=first.direct)
        if op == "IdentityN":  # each output is the input of the same number
            return [replace(value, direct=False, behind="operator") for value in given]
        fixed = 3 if op == "QuantizeV2" else 1
        return [made] * (setting(node, COUNTED[op], 1) if op in COUNTED else fixed)

    def shape(self, node: Any, given: list[Value]) -> Shape | None:
        op, first = node.op, given[0].shape if given else None
        if op in SAME_SHAPE:
            return first
        if op in REDUCING and first is not None and given[1].ints is not None:
            gone = {axis % max(1, len(first)) for axis in given[1].ints}
            kept = [i for i in range(len(first)) if i not in gone]
            return None if setting(node, "keep_dims", 0) else tuple(first[i] for i in kept)
        if op == "Unpack" and first is not None and not setting(node, "axis", 0):
            return first[1:]
        if op == "Squeeze" and first is not None and [*node.attr["squeeze_dims"].list.i] == [0]:
            return first[1:]
        if op == "Transpose" and first is not None:
            perm = given[1].ints
            return tuple(first[i] for i in perm) if perm else (None,) * len(first)
        if op == "Reshape":
            wanted = given[1].ints
            if wanted is None:
                length = given[1].shape
                return (None,) * length[0] if length and length[0] is not None else None
            rest = "symbolic" if "symbolic" in (first or ()) else None
            return tuple(n if n >= 0 else rest for n in wanted)
        if op in ELEMENTWISE:
            if any(value.shape is None for value in given):
                return None
            longest = max(len(value.shape or ()) for value in given)
            columns = []
            for axis in range(-longest, 0):
                column = [v.shape[axis] for v in given if v.shape and -axis <= len(v.shape)]
                numbers = [n for n in column if isinstance(n, int) and n != 1]
                open_ = [n for n in column if not isinstance(n, int)]
                one = "symbolic" if "symbolic" in open_ and None not in open_ else None
                columns.append(numbers[0] if numbers else one if open_ else 1)
            return tuple(columns)
        if op in ("AvgPool", "MaxPool", "Conv2D", "Conv3D", "DepthwiseConv2dNative", "MaxPoolV2"):
            if first is None:
                return None
            return (first[0], *("symbolic" if n == "symbolic" else None for n in first[1:]))
        if op in ("Fill", "Conv2DBackpropInput"):
            length = first[0] if first and len(first) == 1 else None
            return given[0].ints or (None if length is None else (None,) * length)
        if op == "MatMul":
            across = setting(node, "transpose_a", 0)
            return (None if across or first is None else first[0], None)
        if op == "BroadcastTo":
            return given[1].ints
        if op == "GatherV2" and first is not None and given[1].shape is not None:
            return (None,) * (len(first) - 1 + len(given[1].shape))
        if op == "StridedSlice" and first is not None and setting(node, "new_axis_mask", 0) == 1:
            return (1, *first)
        if op.startswith("BatchMatMul"):
            ranks = [len(v.shape) for v in given[:2] if v.shape is not None]
            return (None,) * max(ranks) if len(ranks) == 2 and min(ranks) > 1 else None
        if op == "Split" and given[1].shape is not None:
            return (None,) * len(given[1].shape)
        if op == "Pack" and first is not None:
            return (len(given), *first)
        if op == "ExpandDims" and first is not None:
            return (None,) * (len(first) + 1)
        if op == "Squeeze" and first is not None:
            gone = setting(node, "squeeze_dims", [])
            return (None,) * (len(first) - len(gone)) if gone else None
        return None

    def run(self, node: Any) -> list[tuple[str, bool, int]]:
        if node.op in self.bodies:
            return [(node.op, False, 0)]
        start = 1 if node.op in ("If", "StatelessIf") else 0
        loops = node.op in ("While", "StatelessWhile")
        named = [v.func.name for v in node.attr.values() if v.HasField("func")]
        return [(name, loops, start) for name in named if name in self.bodies]

    def inside(self, name: str, given: list[Value]) -> list[Value]:
        """Return the results of one call of a function."""
        body = self.bodies[name]
        place = Place(f"function:{name}", {node.name: node for node in body.node_def})
        for arg, value in zip(body.signature.input_arg, given, strict=True):
            place.values[arg.name] = value
        calls, self.calls = self.calls, {name: [] for name in self.bodies}
        self.follow(place, False)
        self.calls = calls
        made = []
        for arg in body.signature.output_arg:
            parts = body.ret[arg.name].split(":")
            key = parts[0] if len(parts) < 3 or parts[2] == "0" else f"{parts[0]}:{parts[2]}"
            # A call is not an Identity or Transpose.
            found = place.values.get(key, Value())
            made.append(replace(found, direct=False, behind="passed", ints=None))
        return made


def types_of(reader: Reader, place: Place, name: str) -> set[int]:
    node, given = place.nodes[name], place.inputs[name]
    data = given[1:] if node.op == "Conv2DBackpropInput" else given[:2]
    if node.op in ("AvgPool", "MaxPool"):
        data = given[:1]
    values = [*data, place.values.get(name, Value())]
    return {value.dtype for value in values if value.dtype is not None}


def float16(reader: Reader, release: Release) -> bool | None:
    """Return whether the Float16 rule fires, None = not decided (docs/reading.md, "Float16")."""
    doubt = False
    for name, node in reader.main.nodes.items():
        if node.op in FED | ITERATED:
            count = len(node.attr["output_types"].list.type) if node.op in ITERATED else 1
            for port in range(count):
                kind = reader.main.values[f"{name}:{port}" if port else name].dtype
                if kind == FLOAT16:
                    wanted = {name, f"{name}:0"} if not port else {f"{name}:{port}"}
                    if any(wanted & set(other.input) for other in reader.main.nodes.values()):
                        return True
                doubt |= kind in (None, FLOAT16)
        doubt |= node.op == "IteratorGetNextAsOptional"  # an iterator's output without a type
    for place in reader.places:
        for name in place.nodes:
            if reader.has_weight(place, name, release):
                weight = place.inputs[name][1]
                port = {weight.dtype} - {None} or types_of(reader, place, name)
                if port == {FLOAT16} and weight.kinds == {FLOAT16} and place is reader.main:
                    return True
                doubt |= not port
        doubt |= any(value.dtype == FLOAT16 for value in place.values.values())
    return None if doubt else False


def spatial(node: Any) -> list[int]:
    dilations, layout = setting(node, "dilations", []), setting(node, "data_format", "N...C")
    return dilations[2:] if layout[1] == "C" else dilations[1:-1]


def judge(
    reader: Reader,
    place: Place,
    name: str,
    fires: bool | None,
    shared: bool,
    done: Done,
    release: Release,
) -> Verdict:
    """Return what a release says of a layer; `shared` is about its weight."""
    node, found = place.nodes[name], Verdict()
    op = node.op
    if not release.has_table(done.table, "tensorflow"):
        found.open("the release does not show this table")
        return found
    if op in SPELLED:
        found.open("the column does not name it")
    if op in reader.bodies:
        found.open("a function has its name")
    if place.where:
        found.open("it is in a function")
    types = types_of(reader, place, name)
    if not types or types - {FLOAT, FLOAT16}:
        found.open("its data is not known to be Float32 or Float16")
    if shared:
        found.open("another layer has the same weight")
    if done.table == "uniform":
        uniform(reader, place, name, fires, done, release, found)
    elif done.table == "nonuniform":
        nonuniform(reader, place, name, done, release, found)
    else:
        weight_only(reader, place, name, fires, done, release, found)
    return found


def uniform(
    reader: Reader,
    place: Place,
    name: str,
    fires: bool | None,
    done: Done,
    release: Release,
    found: Verdict,
) -> None:
    node = place.nodes[name]
    row = ROW.get(node.op, "")
    letter = release.letter("tensorflow", row) if row else "-"
    if letter == "-":
        unlisted(found, release, done, "tensorflow", node.op)
        return
    # The guide has a row for BatchMatMul, too.
    named = node.op not in SPELLED or (release.guide and node.op == "BatchMatMul")
    if node.op in SPELLED and named:
        found.unknown.remove("the column does not name it")
    is_product = reader.is_product(place, name, release)
    if row in ("AvgPool", "MaxPool", "Add") or (is_product and release.float16 == "products"):
        weak = letter == "?" or not named
        close_by_float16(found, release, fires, f"tensorflow/{row}", weak)
    found.weak = not named
    two_tensors = is_product or (release.guide and reader.takes_two_tensors(place, name))
    if row in ("MatMul", "BatchMatMulV2", "AvgPool") and not two_tensors:
        settings(found, release, done, f"tensorflow/{row}", row == "AvgPool")
    if letter == "?":
        found.open("the cell was not seen")
        return

    prefix = f"uniform/tensorflow/{row}/"
    weight = reader.given(place, name, 1)
    if row == "AvgPool" and letter == "A" and done.shift:
        found.wrong(prefix + "shift")
    if row in ("MaxPool", "Add") and done.treats_weights:
        found.wrong(
            prefix + "weights", "inferred" if row == "MaxPool" and letter == "B" else "stated"
        )
    if row == "Add" and letter == "B":
        if node.input[0] == node.input[1]:
            found.open("the page speaks of two tensors")
        elif len(set(done.inputs or ())) > 1:
            found.wrong(prefix + "one_input")
    if row == "MatMul":
        turned(node, ("transpose_a", "transpose_b"), prefix, "stated", found)
        source_of_weight(weight, "A" if letter == "A" else "silent", prefix, found)
    if row in ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput"):
        says = {"A": "A", "B": "node", "C": "silent"}[letter]
        source_of_weight(weight, says, prefix, found)
    if (row, letter) == ("DepthwiseConv2dNative", "C") or row == "Conv2DBackpropInput":
        flat(node, prefix, found)
    if row == "Conv3D":
        source_of_weight(weight, "node" if letter == "G" else "silent", prefix, found)
        if spatial(node)[:1] not in ([], [1]):
            found.wrong(prefix + "dilation_d")
    if row == "BatchMatMulV2":
        turned(node, ("adj_x",), prefix, "stated", found)
        batch_matmul(weight, letter, is_product, prefix, done, found)


def turned(node: Any, names: tuple[str, ...], prefix: str, basis: str, found: Verdict) -> None:
    for name in names:
        if setting(node, name, False):
            found.wrong(prefix + name, basis)


def flat(node: Any, prefix: str, found: Verdict) -> None:
    if any(n != 1 for n in spatial(node)):
        found.wrong(prefix + "dilation")


def source_of_weight(weight: Value, says: str, prefix: str, found: Verdict) -> None:
    """Say what a cell says of a weight: A forbids a dynamic one, "node" wants a Const, too."""
    if weight.status == DYNAMIC and says != "silent":
        found.wrong(prefix + "weight_source")
        if says == "node":
            found.wrong(prefix + "weight_node")
    elif weight.status != CONSTANT:
        found.open("its weight is not known to be constant")
    elif says == "node" and weight.behind == "operator":
        found.wrong(prefix + "weight_node", "inferred")
    elif says == "node" and weight.behind != "stored":
        found.open("its weight is behind an Identity or a function")


def batch_matmul(
    second: Value, letter: str, is_product: bool, prefix: str, done: Done, found: Verdict
) -> None:
    if letter in ("A", "B"):
        if letter == "A" and second.status == DYNAMIC:
            found.wrong(prefix + "weight_source")
        constant_of_rank_2(second, prefix + "second_input", "stated", found)
    elif is_product:
        if done.breaks_products:
            found.wrong(prefix + "two_variables")
    elif second.status != CONSTANT:
        found.open("the page does not speak of a constant times a variable")
    elif letter == "D" and second.shape is not None and len(second.shape) != 2:
        found.wrong(prefix + "constant_rank")
    elif letter == "D" and (second.shape is None or not second.direct):
        found.open("its second input is not known to be a constant of rank 2")


def constant_of_rank_2(second: Value, id_: str, basis: str, found: Verdict) -> None:
    if second.status == DYNAMIC or (second.shape is not None and len(second.shape) != 2):
        found.wrong(id_, basis)
    elif second.status == UNKNOWN or second.shape is None or not second.direct:
        found.open("its second input is not known to be a constant of rank 2")


def nonuniform(
    reader: Reader, place: Place, name: str, done: Done, release: Release, found: Verdict
) -> None:
    node = place.nodes[name]
    if release.clustered == "gone" or node.op not in ("Conv2D", "MatMul"):
        unlisted(found, release, done, "tensorflow", node.op)
        return
    found.weak = release.clustered == "english"
    if reader.given(place, name, 1).status != CONSTANT:
        found.open("its weight is not known to be constant")
    if node.op == "Conv2D":
        flat(node, "nonuniform/tensorflow/Conv2D/", found)
    else:
        turned(node, ("transpose_a",), "nonuniform/tensorflow/MatMul/", "stated", found)


def weight_only(
    reader: Reader,
    place: Place,
    name: str,
    fires: bool | None,
    done: Done,
    release: Release,
    found: Verdict,
) -> None:
    node = place.nodes[name]
    row = ROW.get(node.op, "")
    listed = ("MatMul", "BatchMatMulV2", *(["AvgPool"] if release.pools else []))
    if release.alone == "no such mode" or row not in listed:
        unlisted(found, release, done, "tensorflow", node.op)
        return
    prefix = f"weight_only/tensorflow/{row}/"
    if row == "AvgPool":
        close_by_float16(found, release, fires, "tensorflow/AvgPool", False)
        if done.treats_weights:
            found.wrong(prefix + "mode")
        return
    found.weak = release.alone == "english" or node.op in SPELLED
    source_of_weight(reader.given(place, name, 1), "A", prefix, found)
    # The page of a release without the pools also shows asymmetric = false elsewhere.
    if not release.pools and done.asymmetric is False:
        found.open("the table lists true alone")
    if row == "MatMul":
        turned(node, ("transpose_a", "transpose_b"), prefix, "inferred", found)
        return
    turned(node, ("adj_x",), prefix, "inferred", found)
    second = reader.given(place, name, 1)
    if release.letter("tensorflow", row) == "A":
        constant_of_rank_2(second, prefix + "second_input", "inferred", found)
    elif second.status == CONSTANT:
        constant_of_rank_2(second, prefix + "constant_rank", "inferred", found)


def opinions(graph: Any, done: Done | None = None, release: Release = DEFAULT) -> list[Opinion]:
    """Return an opinion on each node, those of the main graph first, in document order.

    A `Reader` of the graph may be used again.
    """
    reader = graph if isinstance(graph, Reader) else Reader(graph)
    fires = float16(reader, release)
    by_where = {place.where: place for place in reader.places}
    places = [by_where[""], *(by_where[f"function:{name}"] for name in reader.bodies)]
    layers = [(place, name) for place in places for name in place.nodes]
    roots = [reader.weight_roots(place, name, release) for place, name in layers]
    shares = Counter(root for several in roots for root in several)
    opinions = []
    for (place, name), mine in zip(layers, roots, strict=True):
        shared = any(shares[root] > 1 for root in mine)
        found = judge(reader, place, name, fires, shared, done or Done(), release)
        names = place.where, name, place.nodes[name].op
        broken = frozenset(found.broken)
        opinions.append(Opinion(*names, found.answer, broken, found.basis, found.why))
    return opinions
