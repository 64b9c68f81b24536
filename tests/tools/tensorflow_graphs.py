"""GraphDefs for tests, built with the schema of the package and never with TensorFlow."""

from __future__ import annotations

from random import Random
from typing import Any

from pytest_amct.graphs.tensorflow.schema import NUMBERS, schema

F = {"T": "float32"}


class Text(str):
    """A bytes attribute; a plain string is the name of an element type."""


class Func(str):
    """An attribute that names a function."""


class Param(str):
    """An attribute that refers to an attribute of the enclosing function."""


def set_attr(value: Any, given: Any) -> None:
    if isinstance(given, Text):
        value.s = given.encode()
    elif isinstance(given, Func):
        value.func.name = given
    elif isinstance(given, Param):
        value.placeholder = given
    elif isinstance(given, str):
        value.type = NUMBERS[given]
    elif isinstance(given, bool):
        value.b = given
    elif isinstance(given, int):
        value.i = given
    elif isinstance(given, float):
        value.f = given
    elif isinstance(given, tuple):
        value.shape.SetInParent()
        for size in given:
            value.shape.dim.add(size=size)
    elif given is None:
        value.shape.unknown_rank = True
    elif isinstance(given, list):
        value.list.SetInParent()
        for entry in given:
            if isinstance(entry, str):
                value.list.type.append(NUMBERS[entry])
            elif isinstance(entry, tuple):
                shape = value.list.shape.add()
                for size in entry:
                    shape.dim.add(size=size)
            else:
                value.list.i.append(entry)
    else:
        value.tensor.CopyFrom(given)


def node(op: str, name: str, *inputs: str, **attrs: Any) -> Any:
    made = schema().NodeDef(op=op, name=name, input=inputs)
    for key, given in attrs.items():
        set_attr(made.attr[key], given)
    return made


def const(name: str, *shape: int, dtype: str = "float32") -> Any:
    """Return a Const of that shape; only its first entry is stored, and all others repeat it."""
    tensor = schema().TensorProto(dtype=NUMBERS[dtype])
    tensor.tensor_shape.SetInParent()
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    if dtype == "float16":
        tensor.half_val.append(0x3800)
    elif dtype == "int32":
        tensor.int_val.append(1)
    else:
        tensor.float_val.append(0.5)
    return node("Const", name, dtype=dtype, value=tensor)


def ints(name: str, *entries: int) -> Any:
    tensor = schema().TensorProto(dtype=NUMBERS["int32"], int_val=entries)
    tensor.tensor_shape.dim.add(size=len(entries))
    return node("Const", name, dtype="int32", value=tensor)


def fed(name: str = "x", *shape: int, dtype: str = "float32") -> Any:
    return node("Placeholder", name, dtype=dtype, shape=tuple(shape) or (1, 8, 8, 4))


def function(name: str, nodes: list[Any], takes: dict[str, str], gives: dict[str, str]) -> Any:
    """Return a function; `takes` maps parameters to types, `gives` maps outputs to references."""
    made = schema().FunctionDef(node_def=nodes)
    made.signature.name = name
    for parameter, dtype in takes.items():
        made.signature.input_arg.add(name=parameter, type=NUMBERS[dtype])
    for output, reference in gives.items():
        made.signature.output_arg.add(name=output, type=NUMBERS["float32"])
        made.ret[output] = reference
    return made


def graph(*nodes: Any, functions: list[Any] | None = None) -> Any:
    made = schema().GraphDef(node=nodes)
    made.versions.producer = 1882
    made.library.function.extend(functions or [])
    return made


# --- random graphs ------------------------------------------------------------------------------

ROWS = ["Conv2D", "DepthwiseConv2dNative", "Conv3D", "MatMul", "BatchMatMulV2"]
WEIGHTED = [*ROWS, "BatchMatMul", "BatchMatMulV3", "Conv2DBackpropInput"]
OTHERS = ["AvgPool", "MaxPool", "Add", "AddV2", "BiasAdd", "MaxPoolV2", "Relu", "Sin"]
SOURCES = (
    "const const const identity identity transpose reshape cast mul scale fed default arg variable "
    "resource queue iterator random seeded stateless symbolic static switch enter foreign split "
    "foreign_fed shared shared half cast_half"
).split()


class Drawn:
    """A random graph in the making: always readable, but not always legal for TensorFlow."""

    def __init__(self, random: Random) -> None:
        self.random, self.count = random, 0
        self.nodes: list[Any] = []
        self.functions: list[Any] = []
        self.data: list[str] = []
        self.dtype = random.choice(["float32"] * 6 + ["float16", "float64"])
        self.ranks = {"Conv3D": 5, "MatMul": 2, "BatchMatMulV2": 2}
        self.ranks |= {"BatchMatMul": 2, "BatchMatMulV3": 2}

    def add(self, made: Any) -> str:
        self.nodes.append(made)
        name: str = made.name
        return name

    def name(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def graph(self) -> Any:
        batch = self.random.choice([1, -1])
        dtype = self.dtype if self.random.random() < 0.8 else "float32"
        self.data.append(self.add(fed("x", batch, 8, 8, 4, dtype=dtype)))
        for _ in range(self.random.randint(1, 5)):
            self.layer()
        if self.random.random() < 0.5:
            self.random.shuffle(self.nodes)  # a GraphDef has no order
        return graph(*self.nodes, functions=self.functions)

    def layer(self) -> None:
        if self.random.random() < 0.4:
            op = self.random.choice(OTHERS)
            given = [self.random.choice(self.data)]
            if op in ("Add", "AddV2", "BiasAdd"):
                other = self.random.choice([self.weight(1), *self.data])
                given.append(other)
            self.data.append(self.add(node(op, self.name(), *given, T=self.dtype)))
            return
        op = self.random.choice(WEIGHTED)
        weight = self.weight(self.ranks.get(op, 4))
        attrs = self.attributes(op)
        data = self.random.choice(self.data)
        given = [data, weight]
        if self.random.random() < 0.05:
            given.reverse()
        if op == "Conv2DBackpropInput":
            sizes = self.random.choice([ints(self.name(), 1, 8, 8, 4), None])
            first = self.add(sizes or node("Shape", self.name(), data, T=self.dtype))
            given = [first, weight, data]
        elif self.random.random() < 0.2:
            self.call(op, attrs, given)
            return
        self.data.append(self.add(node(op, self.name(), *given, **attrs)))

    def attributes(self, op: str) -> dict[str, Any]:
        choose, attrs = self.random.choice, dict[str, Any]()
        if op == "BatchMatMulV3":
            attrs |= {"Ta": self.dtype, "Tb": self.dtype, "Tout": self.dtype}
        else:
            attrs["T"] = self.dtype
        if op == "MatMul":
            attrs |= {side: True for side in ("transpose_a", "transpose_b") if choose([0, 0, 1])}
        elif op.startswith("BatchMatMul"):
            attrs |= {side: choose([True, False]) for side in ("adj_x", "adj_y") if choose([0, 1])}
        elif choose([0, 1]):
            last = choose([True, False])
            axes = [choose([1, 1, 2]) for _ in range(3 if op == "Conv3D" else 2)]
            attrs["dilations"] = [1, *axes, 1] if last else [1, 1, *axes]
            name = ("NDHWC", "NCDHW") if op == "Conv3D" else ("NHWC", "NCHW")
            attrs["data_format"] = Text(name[0 if last else 1])
        return attrs

    def call(self, op: str, attrs: dict[str, Any], given: list[str]) -> None:
        """Put the layer into a new function, and run the function in one of the possible ways."""
        name = f"f{len(self.functions)}"
        inside = [node(op, "layer", "a", "b", **attrs)]
        back = "layer:product:0" if op == "MatMul" else "layer:output:0"
        takes = {"a": self.dtype, "b": self.dtype}
        self.functions.append(function(name, inside, takes, {"r": back}))
        way = self.random.choice(
            ["PartitionedCall", "StatefulPartitionedCall", name, "If", "While"]
        )
        types = [self.dtype] * len(given)
        if way == "If":
            cond = self.add(const(self.name(), dtype="float32"))
            branches = {"then_branch": Func(name), "else_branch": Func(name)}
            made = node("If", self.name(), cond, *given, Tin=types, Tout=[self.dtype], **branches)
        elif way == "While":
            made = node("While", self.name(), *given, T=types, cond=Func("none"), body=Func(name))
        elif way == name:
            made = node(name, self.name(), *given)
        else:
            made = node(way, self.name(), *given, f=Func(name), Tin=types, Tout=[self.dtype])
        self.data.append(self.add(made))
        if self.random.random() < 0.3:  # a second call, which may agree with the first
            other = [given[0], self.weight(4)]
            again = node("PartitionedCall", self.name(), *other, f=Func(name), Tout=[self.dtype])
            self.data.append(self.add(again))

    def weight(self, rank: int) -> str:
        kind, dtype = self.random.choice(SOURCES), self.dtype
        if self.random.random() < 0.1:
            rank += self.random.choice([-1, 1])
        shape = [4] * max(rank, 0)
        if kind in ("half", "cast_half"):
            half = self.add(const(self.name(), *shape, dtype="float16"))
            if kind == "half":
                return half
            return self.add(node("Cast", self.name(), half, SrcT="float16", DstT=dtype))
        if kind == "shared":
            old = [n.name for n in self.nodes if n.op in ("Const", "Identity") and "keep" in n.name]
            return self.random.choice(old) if old else self.stored(f"keep_{self.name()}", shape)
        source = getattr(self, f"_{kind}", None)
        return source(shape) if source else self.stored(self.name(), shape)

    def stored(self, name: str, shape: list[int]) -> str:
        return self.add(const(name, *shape, dtype=self.dtype))

    def chain(self, op: str, dims: list[int], /, *more: Any, **attrs: Any) -> str:
        first = self.stored(self.name(), dims)
        return self.add(node(op, self.name(), first, *more, **(attrs or {"T": self.dtype})))

    def _identity(self, shape: list[int]) -> str:
        name = self.chain("Identity", shape)
        for _ in range(self.random.randint(0, 2)):
            name = self.add(node("Identity", self.name(), name, "^x", T=self.dtype))
        return name

    def _transpose(self, shape: list[int]) -> str:
        perm = self.add(ints(self.name(), *reversed(range(len(shape)))))
        return self.chain("Transpose", shape, perm)

    def _reshape(self, shape: list[int]) -> str:
        return self.chain("Reshape", [4 ** len(shape)], self.add(ints(self.name(), *shape)))

    def _cast(self, shape: list[int]) -> str:
        return self.chain("Cast", shape, SrcT=self.dtype, DstT=self.dtype)

    def _mul(self, shape: list[int]) -> str:
        return self.chain("Mul", shape, self.stored(self.name(), shape))

    def _scale(self, shape: list[int]) -> str:
        return self.chain("Mul", shape, self.stored(self.name(), []))

    def _fed(self, shape: list[int]) -> str:
        return self.add(fed(self.name(), *shape, dtype=self.dtype))

    def _default(self, shape: list[int]) -> str:
        return self.chain("PlaceholderWithDefault", shape, dtype=self.dtype, shape=tuple(shape))

    def _arg(self, shape: list[int]) -> str:
        return self.add(node("_Arg", self.name(), T=self.dtype, index=0))

    def _variable(self, shape: list[int]) -> str:
        made = node("VariableV2", self.name(), dtype=self.dtype, shape=tuple(shape))
        return self.add(node("Identity", self.name(), self.add(made), T=self.dtype))

    def _resource(self, shape: list[int]) -> str:
        handle = self.add(node("VarHandleOp", self.name(), dtype=self.dtype, shape=tuple(shape)))
        return self.add(node("ReadVariableOp", self.name(), handle, dtype=self.dtype))

    def _queue(self, shape: list[int]) -> str:
        queue = self.add(node("FIFOQueueV2", self.name(), component_types=[self.dtype]))
        return self.add(node("QueueDequeueV2", self.name(), queue, component_types=[self.dtype]))

    def _iterator(self, shape: list[int]) -> str:
        types = [self.dtype, self.dtype]
        handle = self.add(node("IteratorV2", self.name(), output_types=types))
        made = self.add(node("IteratorGetNext", self.name(), handle, output_types=types))
        return f"{made}:1" if self.random.random() < 0.5 else made

    def _random(self, shape: list[int]) -> str:
        sizes = self.add(ints(self.name(), *shape))
        return self.add(node("RandomUniform", self.name(), sizes, T="int32", dtype=self.dtype))

    def _seeded(self, shape: list[int]) -> str:
        sizes, kind = self.add(ints(self.name(), *shape)), {"T": "int32", "dtype": self.dtype}
        return self.add(node("RandomStandardNormal", self.name(), sizes, seed2=3, **kind))

    def _stateless(self, shape: list[int]) -> str:
        sizes, seed = self.add(ints(self.name(), *shape)), self.add(ints(self.name(), 1, 2))
        made = node("StatelessRandomUniform", self.name(), sizes, seed, dtype=self.dtype)
        return self.add(made)

    def _shape_of(self, entries: tuple[int, ...]) -> str:
        source = self.add(fed(self.name(), *entries))
        passed = self.add(node("Relu", self.name(), source, T="float32"))
        sizes = self.add(node("Shape", self.name(), passed, T="float32", out_type="int32"))
        return self.add(node("Cast", self.name(), sizes, SrcT="int32", DstT=self.dtype))

    def _symbolic(self, shape: list[int]) -> str:
        return self._shape_of((-1, 4))

    def _static(self, shape: list[int]) -> str:
        return self._shape_of((4, 4))

    def _switch(self, shape: list[int]) -> str:
        made = self.chain("Switch", shape, self.add(const(self.name(), dtype="float32")))
        return f"{made}:1"

    def _enter(self, shape: list[int]) -> str:
        return self.chain("Enter", shape)

    def _foreign(self, shape: list[int]) -> str:
        return self.chain("AcmeScale", shape)

    def _foreign_fed(self, shape: list[int]) -> str:
        return self.add(node("AcmeScale", self.name(), "x", T=self.dtype))

    def _split(self, shape: list[int]) -> str:
        axis = self.add(const(self.name(), dtype="int32"))
        value = self.stored(self.name(), shape)
        made = node("Split", self.name(), axis, value, T=self.dtype, num_split=2)
        return f"{self.add(made)}:1"


def random_graph(random: Random) -> Any:
    return Drawn(random).graph()
