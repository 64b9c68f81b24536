"""Weight sources in TensorFlow graphs: one builder for each name in ``rows.py``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytest_amct.cases.tensorflow.builder import Dtype, Function, GraphBuilder
from pytest_amct.cases.values import count

Shape = tuple[int, ...]
_Source = Callable[[GraphBuilder, Shape, str], str]

_INT = Dtype("int32")


def build_source(name: str, graph: GraphBuilder, shape: Shape, dtype: str) -> str:
    """Add a weight of that shape and dtype, and return its tensor name."""
    return _SOURCES[name](graph, shape, dtype)


def identity(g: GraphBuilder, dtype: str, *inputs: str) -> str:
    """Add an Identity of the first input; the others are control inputs."""
    return g.node("Identity", inputs, {"T": Dtype(dtype)})


def cast(g: GraphBuilder, data: str, old: str, new: str) -> str:
    """Cast the data to another element type."""
    return g.node("Cast", [data], {"SrcT": Dtype(old), "DstT": Dtype(new)})


def reshape(g: GraphBuilder, data: str, dtype: str, shape: Shape) -> str:
    """Reshape the data."""
    given = {"T": Dtype(dtype), "Tshape": _INT}
    return g.node("Reshape", [data, g.values("int32", shape)], given)


def split(g: GraphBuilder, whole: str, dtype: str) -> str:
    """Return the second half of a tensor: the second output of an operator."""
    given = {"T": Dtype(dtype), "num_split": 2}
    return g.node("Split", [g.values("int32", [0], ()), whole], given) + ":1"


def strided_slice(g: GraphBuilder, data: str, dtype: str, end: int) -> str:
    """Return the first entries of a tensor."""
    bounds = [g.values("int32", [n]) for n in (0, end, 1)]
    return g.node("StridedSlice", [data, *bounds], {"T": Dtype(dtype), "Index": _INT})


def iterator(g: GraphBuilder, dtype: str, shape: Shape) -> str:
    """Add an iterator over a data set, and return its next element."""
    given = {"output_types": [Dtype(dtype)], "output_shapes": [shape]}
    handle = g.node("IteratorV2", [], {**given, "shared_name": "", "container": ""})
    return g.node("IteratorGetNext", [handle], given)


def call(
    g: GraphBuilder, function: Function, inputs: Sequence[str], takes: Sequence[str], gives: str
) -> str:
    """Call a function that returns one tensor."""
    types = {"Tin": [Dtype(t) for t in takes], "Tout": [Dtype(gives)]}
    return g.node("PartitionedCall", inputs, {**types, "f": function})


def _transposed(g: GraphBuilder, s: Shape, d: str, stored: str) -> str:
    order = g.values("int32", range(len(s))[::-1])
    return g.node("Transpose", [stored, order], {"T": Dtype(d), "Tperm": _INT})


def _mul(g: GraphBuilder, d: str, first: str, second: str = "") -> str:
    return g.node("Mul", [first, second or g.values(d, [1.5], ())], {"T": Dtype(d)})


def _halves(g: GraphBuilder, s: Shape, d: str) -> list[str]:
    return [g.constant((s[0] // 2, *s[1:]), d) for _ in range(2)]


def _half_fed(g: GraphBuilder, s: Shape, d: str) -> list[str]:
    half = (s[0] // 2, *s[1:])
    return [g.constant(half, d), g.input(d, half)]


def _concat(g: GraphBuilder, d: str, halves: list[str]) -> str:
    given = {"N": 2, "T": Dtype(d), "Tidx": _INT}
    return g.node("ConcatV2", [*halves, g.values("int32", [0], ())], given)


def _pack(g: GraphBuilder, s: Shape, d: str, halves: list[str]) -> str:
    packed = g.node("Pack", halves, {"N": 2, "T": Dtype(d), "axis": 0})
    return reshape(g, packed, d, s)


def _fill(g: GraphBuilder, s: Shape, d: str) -> str:
    given = {"T": Dtype(d), "index_type": _INT}
    return g.node("Fill", [g.values("int32", s), g.values(d, [0.05], ())], given)


def _dequantize(g: GraphBuilder, s: Shape, d: str) -> str:
    ends = [g.values("float32", [n], ()) for n in (-1.0, 1.0)]
    given = {"T": Dtype("qint8"), "mode": "SCALED", "dtype": Dtype(d)}
    return g.node("Dequantize", [g.constant(s, "int8", "qint8"), *ends], given)


def _five_hops(g: GraphBuilder, s: Shape, d: str, stored: str) -> str:
    found = reshape(g, identity(g, d, stored), d, s[::-1])
    return identity(g, d, _mul(g, d, _transposed(g, s, d, found)))


def _through_call(g: GraphBuilder, s: Shape, d: str, stored: str) -> str:
    body = g.nested()
    given = body.node("Identity", ["x0"], {"T": Dtype(d)}, g.name("f"))
    return call(g, g.function([d], {given: d}, body), [stored], [d], d)


def _sized(g: GraphBuilder, s: Shape, d: str, first: int, by_shape: bool) -> str:
    """Add a constant scaled by the size of another input; it is dynamic if the size is symbolic."""
    fed = g.input(d, (first, 4))
    given = {"T": Dtype(d), "out_type": _INT}
    size = g.node("Shape" if by_shape else "Size", [fed], given)
    if by_shape:
        axes = {"T": _INT, "Tidx": _INT, "keep_dims": False}
        size = g.node("Prod", [size, g.values("int32", [0])], axes)
    return _mul(g, d, g.constant(s, d), cast(g, size, "int32", d))


def _random(
    g: GraphBuilder, s: Shape, d: str, type_: str = "RandomStandardNormal", **seeds: int
) -> str:
    given = {"T": _INT, "dtype": Dtype(d), **seeds}
    return g.node(type_, [g.values("int32", s)], given)


def _input_fill(g: GraphBuilder, s: Shape, d: str) -> str:
    given = {"T": Dtype(d), "index_type": _INT}
    return g.node("Fill", [g.values("int32", s), g.input(d, ())], given)


def _input_dequantize(g: GraphBuilder, s: Shape, d: str) -> str:
    ends = [g.values("float32", [n], ()) for n in (-1.0, 1.0)]
    made = g.node("QuantizeV2", [g.input("float32", s), *ends], {"T": Dtype("qint8")})
    given = {"T": Dtype("qint8"), "mode": "SCALED", "dtype": Dtype(d)}
    return g.node("Dequantize", [made, f"{made}:1", f"{made}:2"], given)


def _identity_n(g: GraphBuilder, s: Shape, d: str) -> str:
    both = [g.input(d, s), g.constant((4,), d)]
    return g.node("IdentityN", both, {"T": [Dtype(d)] * 2})


def _filled(g: GraphBuilder, s: Shape, d: str) -> str:
    """Add a constant scaled by the mean of a filled tensor of another input's shape."""
    sizes = g.node("Shape", [g.input(d, (-1, 4))], {"T": Dtype(d), "out_type": _INT})
    given = {"T": Dtype(d), "index_type": _INT}
    filled = g.node("Fill", [sizes, g.values(d, [0.05], ())], given)
    axes = {"T": Dtype(d), "Tidx": _INT, "keep_dims": False}
    return _mul(g, d, g.constant(s, d), g.node("Mean", [filled, g.values("int32", [0, 1])], axes))


def _stateless(g: GraphBuilder, s: Shape, d: str) -> str:
    given = {"T": _INT, "Tseed": _INT, "dtype": Dtype(d)}
    inputs = [g.values("int32", s), g.values("int32", [3, 7])]
    return g.node("StatelessRandomNormal", inputs, given)


def _default(g: GraphBuilder, s: Shape, d: str) -> str:
    given = {"dtype": Dtype(d), "shape": s}
    return g.node("PlaceholderWithDefault", [g.constant(s, d)], given, g.name("t"))


def _queue(g: GraphBuilder, s: Shape, d: str) -> str:
    types = {"component_types": [Dtype(d)]}
    queue = g.node("FIFOQueueV2", [], {**types, "shapes": [s], "capacity": 4})
    return g.node("QueueDequeueV2", [queue], types)


def _variable(g: GraphBuilder, s: Shape, d: str) -> str:
    return identity(g, d, g.node("VariableV2", [], {"dtype": Dtype(d), "shape": s}))


def _resource(g: GraphBuilder, s: Shape, d: str) -> str:
    name = g.name("v")
    handle = g.node("VarHandleOp", [], {"dtype": Dtype(d), "shape": s, "shared_name": name})
    return g.node("ReadVariableOp", [handle], {"dtype": Dtype(d)})


def _switch(g: GraphBuilder, s: Shape, d: str) -> str:
    inputs = [g.constant(s, d), g.values("bool", [1], ())]
    return g.node("Switch", inputs, {"T": Dtype(d)}) + ":1"


def _merge(g: GraphBuilder, s: Shape, d: str) -> str:
    taken = _switch(g, s, d)
    sides = [identity(g, d, taken.removesuffix(":1")), identity(g, d, taken)]
    return g.node("Merge", sides, {"T": Dtype(d), "N": 2})


def _frames(g: GraphBuilder, s: Shape, d: str) -> str:
    """Add a loop in the form of TensorFlow 1 that passes the weight on once."""
    frame = g.name("l")

    def enter(name: str, type_: str, stays: bool = False) -> str:
        given = {"frame_name": frame, "is_constant": stays, "parallel_iterations": 10}
        return g.node("Enter", [name], {"T": Dtype(type_), **given})

    one, zero = (enter(g.values("int32", [n], ()), "int32", True) for n in (1, 0))
    entered = [
        (enter(g.values("int32", [1], ()), "int32"), "int32"),
        (enter(g.constant(s, d), d), d),
    ]
    again = [g.name("n"), g.name("n")]
    merged = [
        g.node("Merge", [start, back], {"T": Dtype(type_), "N": 2})
        for (start, type_), back in zip(entered, again, strict=True)
    ]
    goes_on = g.node("LoopCond", [g.node("Greater", [merged[0], zero], {"T": _INT})])
    number, value = (
        g.node("Switch", [m, goes_on], {"T": Dtype(type_)})
        for m, (_, type_) in zip(merged, entered, strict=True)
    )
    less = g.node("Sub", [f"{number}:1", one], {"T": _INT})
    g.node("NextIteration", [less], {"T": _INT}, again[0])
    g.node("NextIteration", [f"{value}:1"], {"T": Dtype(d)}, again[1])
    return g.node("Exit", [value], {"T": Dtype(d)})


def _while(g: GraphBuilder, s: Shape, d: str) -> str:
    goes_on, body = g.nested(), g.nested()
    zero = goes_on.values("int32", [0], ())
    more = goes_on.node("Greater", ["x0", f"{zero}:output:0"], {"T": _INT}, g.name("f"))
    one = body.values("int32", [1], ())
    less = body.node("Sub", ["x0", f"{one}:output:0"], {"T": _INT}, g.name("f"))
    takes = ["int32", d]
    given = {
        "T": [Dtype(t) for t in takes],
        "cond": g.function(takes, {more: "bool"}, goes_on),
        "body": g.function(takes, {less: "int32", "x1": d}, body),
    }
    inputs = [g.values("int32", [1], ()), g.constant(s, d)]
    return g.node("StatelessWhile", inputs, given) + ":1"


def _if(g: GraphBuilder, s: Shape, d: str) -> str:
    def branch(taken: str) -> Function:
        body = g.nested()
        found = body.node("Identity", [taken], {"T": Dtype(d)}, g.name("f"))
        return g.function([d, d], {found: d}, body)

    inputs = [g.values("bool", [1], ()), g.constant(s, d), g.constant(s, d)]
    types = {"Tcond": Dtype("bool"), "Tin": [Dtype(d)] * 2, "Tout": [Dtype(d)]}
    branches = {"then_branch": branch("x0"), "else_branch": branch("x1")}
    return g.node("StatelessIf", inputs, {**types, **branches})


def _wide(s: Shape) -> Shape:
    return (2 * s[0], *s[1:])


def _other(d: str) -> str:
    return "float32" if d == "float64" else "float64"


_SOURCES: dict[str, _Source] = {
    "const": lambda g, s, d: g.constant(s, d),
    "const-values": lambda g, s, d: g.constant(s, d, "values"),
    "identity": lambda g, s, d: identity(g, d, g.constant(s, d)),
    "identity-twice": lambda g, s, d: identity(g, d, identity(g, d, g.constant(s, d))),
    "identity-control": lambda g, s, d: identity(
        g, d, g.constant(s, d), "^" + g.input("float32", (4,))
    ),
    "transpose": lambda g, s, d: _transposed(g, s, d, g.constant(s[::-1], d)),
    "identity-transpose": lambda g, s, d: identity(
        g, d, _transposed(g, s, d, g.constant(s[::-1], d))
    ),
    "reshape": lambda g, s, d: reshape(g, g.constant((count(s),), d), d, s),
    "cast": lambda g, s, d: cast(g, g.constant(s, _other(d)), _other(d), d),
    "mul": lambda g, s, d: _mul(g, d, g.constant(s, d)),
    "concat": lambda g, s, d: _concat(g, d, _halves(g, s, d)),
    "split": lambda g, s, d: split(g, g.constant(_wide(s), d), d),
    "pack": lambda g, s, d: _pack(g, s, d, _halves(g, s, d)),
    "fill": _fill,
    "dequantize": _dequantize,
    "strided-slice": lambda g, s, d: strided_slice(g, g.constant(_wide(s), d), d, s[0]),
    "call": lambda g, s, d: _through_call(g, s, d, g.constant(s, d)),
    "five-hops": lambda g, s, d: _five_hops(g, s, d, g.constant(s, d)),
    "input": lambda g, s, d: g.input(d, s),
    "input-default": _default,
    "input-identity": lambda g, s, d: identity(g, d, g.input(d, s)),
    "input-transpose": lambda g, s, d: _transposed(g, s, d, g.input(d, s[::-1])),
    "input-cast": lambda g, s, d: cast(g, g.input(_other(d), s), _other(d), d),
    "input-split": lambda g, s, d: split(g, g.input(d, _wide(s)), d),
    "input-mul": lambda g, s, d: _mul(g, d, g.input(d, s)),
    "input-mul-second": lambda g, s, d: _mul(g, d, g.constant(s, d), g.input(d, s)),
    "input-call": lambda g, s, d: _through_call(g, s, d, g.input(d, s)),
    "input-five-hops": lambda g, s, d: _five_hops(g, s, d, g.input(d, s)),
    "input-ten-hops": lambda g, s, d: _five_hops(g, s, d, _five_hops(g, s, d, g.input(d, s))),
    "input-concat": lambda g, s, d: _concat(g, d, _half_fed(g, s, d)),
    "input-pack": lambda g, s, d: _pack(g, s, d, _half_fed(g, s, d)),
    "input-fill": _input_fill,
    "input-dequantize": _input_dequantize,
    "input-strided-slice": lambda g, s, d: strided_slice(g, g.input(d, _wide(s)), d, s[0]),
    "input-stop-gradient": lambda g, s, d: g.node("StopGradient", [g.input(d, s)], {"T": Dtype(d)}),
    "input-identity-n": _identity_n,
    "filled-symbolic": _filled,
    "random-uniform": lambda g, s, d: _random(g, s, d, "RandomUniform"),
    "random-truncated": lambda g, s, d: _random(g, s, d, "TruncatedNormal"),
    "shape-symbolic": lambda g, s, d: _sized(g, s, d, -1, True),
    "size-symbolic": lambda g, s, d: _sized(g, s, d, -1, False),
    "random": lambda g, s, d: _random(g, s, d),
    "iterator": lambda g, s, d: iterator(g, d, s),
    "queue": _queue,
    "variable": _variable,
    "resource": _resource,
    "switch": _switch,
    "merge": _merge,
    "frames": _frames,
    "while": _while,
    "if": _if,
    "shape-static": lambda g, s, d: _sized(g, s, d, 2, True),
    "size-static": lambda g, s, d: _sized(g, s, d, 2, False),
    "random-seeded": lambda g, s, d: _random(g, s, d, seed=7),
    "random-seeded-second": lambda g, s, d: _random(g, s, d, seed2=7),
    "random-stateless": _stateless,
}
