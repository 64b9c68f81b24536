"""Weight sources in TensorFlow graphs: one builder for each name in ``rows.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pytest_amct.cases.tensorflow.builder import Dtype, GraphBuilder
from pytest_amct.cases.tensorflow.chains import CHAINS
from pytest_amct.cases.tensorflow.flow import FLOW
from pytest_amct.cases.tensorflow.operands import OPERANDS
from pytest_amct.cases.tensorflow.operators import (
    INT,
    Shape,
    cast,
    concat,
    identity,
    iterator,
    mul,
    reshape,
    split,
    strided_slice,
    transposed,
)
from pytest_amct.cases.tensorflow.outside import OUTSIDE
from pytest_amct.cases.tensorflow.ranks import RANKS
from pytest_amct.cases.values import count
from pytest_amct.graphs.tensorflow.schema import schema

_Source = Callable[[GraphBuilder, Shape, str], str]


def build_source(name: str, graph: GraphBuilder, shape: Shape, dtype: str) -> str:
    """Add a weight of that shape and dtype, and return its tensor name."""
    return SOURCES[name](graph, shape, dtype)


def _halves(g: GraphBuilder, s: Shape, d: str) -> list[str]:
    return [g.constant((s[0] // 2, *s[1:]), d) for _ in range(2)]


def _half_fed(g: GraphBuilder, s: Shape, d: str) -> list[str]:
    half = (s[0] // 2, *s[1:])
    return [g.constant(half, d), g.input(d, half)]


def _pack(g: GraphBuilder, s: Shape, d: str, halves: list[str]) -> str:
    packed = g.node("Pack", halves, {"N": 2, "T": Dtype(d), "axis": 0})
    return reshape(g, packed, d, s)


def _fill(g: GraphBuilder, s: Shape, d: str) -> str:
    given = {"T": Dtype(d), "index_type": INT}
    return g.node("Fill", [g.values("int32", s), g.values(d, [0.05], ())], given)


def _dequantize(g: GraphBuilder, s: Shape, d: str) -> str:
    ends = [g.values("float32", [n], ()) for n in (-1.0, 1.0)]
    given = {"T": Dtype("qint8"), "mode": "SCALED", "dtype": Dtype(d)}
    return g.node("Dequantize", [g.constant(s, "int8", "qint8"), *ends], given)


def _sized(g: GraphBuilder, s: Shape, d: str, first: int, by_shape: bool) -> str:
    """Add a constant scaled by the size of another input; it is dynamic if the size is symbolic."""
    fed = g.input(d, (first, 4))
    given = {"T": Dtype(d), "out_type": INT}
    size = g.node("Shape" if by_shape else "Size", [fed], given)
    if by_shape:
        axes = {"T": INT, "Tidx": INT, "keep_dims": False}
        size = g.node("Prod", [size, g.values("int32", [0])], axes)
    return mul(g, d, g.constant(s, d), cast(g, size, "int32", d))


def _random(
    g: GraphBuilder, s: Shape, d: str, type_: str = "RandomStandardNormal", **seeds: int
) -> str:
    given = {"T": INT, "dtype": Dtype(d), **seeds}
    return g.node(type_, [g.values("int32", s)], given)


def _input_fill(g: GraphBuilder, s: Shape, d: str) -> str:
    given = {"T": Dtype(d), "index_type": INT}
    return g.node("Fill", [g.values("int32", s), g.input(d, ())], given)


def _input_dequantize(g: GraphBuilder, s: Shape, d: str) -> str:
    ends = [g.values("float32", [n], ()) for n in (-1.0, 1.0)]
    made = g.node("QuantizeV2", [g.input("float32", s), *ends], {"T": Dtype("qint8")})
    given = {"T": Dtype("qint8"), "mode": "SCALED", "dtype": Dtype(d)}
    return g.node("Dequantize", [made, f"{made}:1", f"{made}:2"], given)


def _identity_n(g: GraphBuilder, d: str, first: str, second: str, port: int) -> str:
    """Pass two tensors through one operator, and return one of them."""
    made = g.node("IdentityN", [first, second], {"T": [Dtype(d)] * 2})
    return f"{made}:{port}" if port else made


def _identity_of_many(g: GraphBuilder, s: Shape, d: str) -> str:
    """Return the last of thirteen outputs of one operator."""
    inputs = [*(g.constant((4,), d) for _ in range(12)), g.input(d, s)]
    return g.node("IdentityN", inputs, {"T": [Dtype(d)] * 13}) + ":12"


def _altered(g: GraphBuilder, s: Shape, d: str, added: str) -> str:
    """Add a Const with a control input (``control``), or with the attribute ``_class``."""
    name = g.constant(s, d)
    stored = schema().GraphDef.FromString(g.constants.pop()).node[0]
    if added == "control":
        stored.input.append("^" + g.input("float32", (4,)))
    else:
        stored.attr["_class"].list.s.append(f"loc:@{name}".encode())
    g.graph.node.append(stored)
    return name


def _filled(g: GraphBuilder, s: Shape, d: str) -> str:
    """Add a constant scaled by the mean of a filled tensor of another input's shape."""
    sizes = g.node("Shape", [g.input(d, (-1, 4))], {"T": Dtype(d), "out_type": INT})
    given = {"T": Dtype(d), "index_type": INT}
    filled = g.node("Fill", [sizes, g.values(d, [0.05], ())], given)
    axes = {"T": Dtype(d), "Tidx": INT, "keep_dims": False}
    return mul(g, d, g.constant(s, d), g.node("Mean", [filled, g.values("int32", [0, 1])], axes))


def _stateless(g: GraphBuilder, s: Shape, d: str) -> str:
    given = {"T": INT, "Tseed": INT, "dtype": Dtype(d)}
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


def _of_constant(g: GraphBuilder, s: Shape, d: str) -> str:
    """Add a constant scaled by the length of another one."""
    given = {"T": Dtype(d), "out_type": INT}
    length = g.node("Shape", [g.constant((4,), d)], given)
    return mul(g, d, g.constant(s, d), cast(g, length, "int32", d))


def _like(g: GraphBuilder, s: Shape, d: str, op: str) -> str:
    """Add a constant and the mean of a tensor that takes another input's symbolic shape."""
    made = g.node(op, [g.input(d, (-1, 4))], {"T": Dtype(d)})
    axes = {"T": Dtype(d), "Tidx": INT, "keep_dims": False}
    mean = g.node("Mean", [made, g.values("int32", [0, 1])], axes)
    return g.node("AddV2", [g.constant(s, d), mean], {"T": Dtype(d)})


def _reshaped(g: GraphBuilder, s: Shape, d: str, kind: str, form: str) -> str:
    """Reshape a constant by numbers of a type that are stored in a form."""
    sizes = g.values(kind, s, None, form)
    given = {"T": Dtype(d), "Tshape": Dtype(kind)}
    return g.node("Reshape", [g.constant((count(s),), d), sizes], given)


def _many_forms(g: GraphBuilder, s: Shape, d: str) -> str:
    """Add constants that are stored, reshaped and scaled in different ways."""
    parts = [
        identity(g, d, g.constant(s, d, "values")),
        _reshaped(g, s, d, "int32", "splat"),
        _reshaped(g, s, d, "int32", "content"),
        _reshaped(g, s, d, "int64", "values"),
        _of_constant(g, s, d),
    ]
    return g.node("AddN", parts, {"T": Dtype(d), "N": len(parts)})


def _expanded(g: GraphBuilder, s: Shape, d: str) -> str:
    """Put an axis before those of a constant; the first axis of the shape has length 1."""
    inputs = [g.constant(s[1:], d), g.values("int32", [0], ())]
    return g.node("ExpandDims", inputs, {"T": Dtype(d), "Tdim": INT})


def _wide(s: Shape) -> Shape:
    return (2 * s[0], *s[1:])


def _other(d: str) -> str:
    return "float32" if d == "float64" else "float64"


SOURCES: Mapping[str, _Source] = {
    **CHAINS,
    **FLOW,
    **OPERANDS,
    **OUTSIDE,
    **RANKS,
    "const": lambda g, s, d: g.constant(s, d),
    "const-values": lambda g, s, d: g.constant(s, d, "values"),
    "const-splat": lambda g, s, d: g.constant(s, d, "splat"),
    "identity": lambda g, s, d: identity(g, d, g.constant(s, d)),
    "identity-twice": lambda g, s, d: identity(g, d, identity(g, d, g.constant(s, d))),
    "identity-control": lambda g, s, d: identity(
        g, d, g.constant(s, d), "^" + g.input("float32", (4,))
    ),
    "transpose": lambda g, s, d: transposed(g, s, d, g.constant(s[::-1], d)),
    "identity-transpose": lambda g, s, d: identity(
        g, d, transposed(g, s, d, g.constant(s[::-1], d))
    ),
    "reshape": lambda g, s, d: reshape(g, g.constant((count(s),), d), d, s),
    "many-forms": _many_forms,
    "mul-control": lambda g, s, d: g.node(
        "Mul",
        [g.constant(s, d), g.values(d, [1.5], ()), "^" + g.input("float32", (4,))],
        {"T": Dtype(d)},
    ),
    "reshape-splat": lambda g, s, d: _reshaped(g, s, d, "int32", "splat"),
    "reshape-content": lambda g, s, d: _reshaped(g, s, d, "int32", "content"),
    "reshape-long-content": lambda g, s, d: _reshaped(g, s, d, "int64", ""),
    "cast": lambda g, s, d: cast(g, g.constant(s, _other(d)), _other(d), d),
    "mul": lambda g, s, d: mul(g, d, g.constant(s, d)),
    "expanded": _expanded,
    "stacked": lambda g, s, d: g.node(
        "Pack",
        [g.constant(s[1:], d) for _ in range(s[0])],
        {"N": s[0], "T": Dtype(d), "axis": 0},
    ),
    "concat": lambda g, s, d: concat(g, d, _halves(g, s, d)),
    "split": lambda g, s, d: split(g, g.constant(_wide(s), d), d),
    "pack": lambda g, s, d: _pack(g, s, d, _halves(g, s, d)),
    "fill": _fill,
    "dequantize": _dequantize,
    "strided-slice": lambda g, s, d: strided_slice(g, g.constant(_wide(s), d), d, s[0]),
    "input": lambda g, s, d: g.input(d, s),
    "input-default": _default,
    "input-default-identity": lambda g, s, d: identity(g, d, _default(g, s, d)),
    "input-identity": lambda g, s, d: identity(g, d, g.input(d, s)),
    "input-transpose": lambda g, s, d: transposed(g, s, d, g.input(d, s[::-1])),
    "input-cast": lambda g, s, d: cast(g, g.input(_other(d), s), _other(d), d),
    "input-split": lambda g, s, d: split(g, g.input(d, _wide(s)), d),
    "input-mul": lambda g, s, d: mul(g, d, g.input(d, s)),
    "input-mul-second": lambda g, s, d: mul(g, d, g.constant(s, d), g.input(d, s)),
    "input-concat": lambda g, s, d: concat(g, d, _half_fed(g, s, d)),
    "input-pack": lambda g, s, d: _pack(g, s, d, _half_fed(g, s, d)),
    "input-fill": _input_fill,
    "input-dequantize": _input_dequantize,
    "input-strided-slice": lambda g, s, d: strided_slice(g, g.input(d, _wide(s)), d, s[0]),
    "input-stop-gradient": lambda g, s, d: g.node("StopGradient", [g.input(d, s)], {"T": Dtype(d)}),
    "identity-n-second": lambda g, s, d: _identity_n(g, d, g.input(d, (4,)), g.constant(s, d), 1),
    "input-identity-n": lambda g, s, d: _identity_n(g, d, g.input(d, s), g.constant((4,), d), 0),
    "input-identity-n-second": lambda g, s, d: _identity_n(
        g, d, g.constant((4,), d), g.input(d, s), 1
    ),
    "input-identity-n-last": _identity_of_many,
    "const-control": lambda g, s, d: _altered(g, s, d, "control"),
    "const-colocated": lambda g, s, d: _altered(g, s, d, "class"),
    "filled-symbolic": _filled,
    "random-uniform": lambda g, s, d: _random(g, s, d, "RandomUniform"),
    "random-truncated": lambda g, s, d: _random(g, s, d, "TruncatedNormal"),
    "ones-symbolic": lambda g, s, d: _like(g, s, d, "OnesLike"),
    "zeros-symbolic": lambda g, s, d: _like(g, s, d, "ZerosLike"),
    "shape-symbolic": lambda g, s, d: _sized(g, s, d, -1, True),
    "size-symbolic": lambda g, s, d: _sized(g, s, d, -1, False),
    "random": lambda g, s, d: _random(g, s, d),
    "iterator": lambda g, s, d: iterator(g, d, s),
    "iterator-sync": lambda g, s, d: iterator(g, d, s, "IteratorGetNextSync"),
    "iterator-mul": lambda g, s, d: mul(g, d, g.constant(s, d), iterator(g, d, s)),
    "queue": _queue,
    "queue-identity": lambda g, s, d: identity(g, d, _queue(g, s, d)),
    "variable": _variable,
    "resource": _resource,
    "shape-static": lambda g, s, d: _sized(g, s, d, 2, True),
    "size-static": lambda g, s, d: _sized(g, s, d, 2, False),
    "random-seeded": lambda g, s, d: _random(g, s, d, seed=7),
    "random-seeded-second": lambda g, s, d: _random(g, s, d, seed2=7),
    "random-stateless": _stateless,
}

FED_BY = {
    "fed-by-default": "input-default",
    "fed-by-iterator": "iterator",
    "fed-by-call": "input-call-nested",
    "fed-by-switch": "input-switch",
}
"""The sources of a layer's data, by the form of its plan."""
