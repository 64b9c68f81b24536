"""Operators on the way to a weight: each takes a matrix of 4 columns as its data, and returns one.

They are in the syntax of every opset from 13 on. None is of a type that has a row: a quantizer may
quantize those as well, and then the weight comes from integers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_amct.cases.onnx.builder import NUMBERS, GraphBuilder

Hop = Callable[[GraphBuilder, str, int, str], str]
"""Adds operators behind a matrix with a number of rows, of a dtype."""


def number(g: GraphBuilder, dtype: str, value: float) -> str:
    """Return a stored scalar."""
    return g.values(dtype, [value], ())


def cast(g: GraphBuilder, data: str, dtype: str) -> str:
    """Return a tensor as another dtype."""
    return g.node("Cast", [data], {"to": NUMBERS[dtype]})


def matrix(g: GraphBuilder, data: str, rows: int) -> str:
    """Return a tensor of as many elements as a matrix of 4 columns."""
    return g.node("Reshape", [data, g.values("int64", [rows, 4])])


def doubled(g: GraphBuilder, data: str) -> str:
    """Return the rows of a matrix twice."""
    return g.node("Concat", [data, data], {"axis": 0})


# --- data -----------------------------------------------------------------------------------------


def _unary(type_: str, **attributes: Any) -> Hop:
    return lambda g, data, rows, dtype: g.node(type_, [data], attributes)


def _with(type_: str, *values: float, at: int = 0) -> Hop:
    """Return an operator on numbers and the matrix, which is input `at`."""

    def add(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
        inputs = [number(g, dtype, value) for value in values]
        return g.node(type_, [*inputs[:at], data, *inputs[at:]])

    return add


def _rounded(type_: str) -> Hop:
    """Return an operator that rounds: on larger numbers, so that they stay different."""

    def add(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
        large = g.node("Mul", [data, number(g, dtype, 1000.0)])
        return g.node("Mul", [g.node(type_, [large]), number(g, dtype, 0.001)])

    return add


def _of(type_: str, *values: Sequence[int], **attributes: Any) -> Hop:
    """Return an operator on the matrix and lists of integers."""
    return lambda g, data, rows, dtype: g.node(
        type_, [data, *(g.values("int64", given) for given in values)], attributes
    )


def _squeeze(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    axes = g.values("int64", [0])
    return g.node("Squeeze", [g.node("Unsqueeze", [data, axes]), axes])


def _flatten(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    return g.node("Flatten", [g.node("Unsqueeze", [data, g.values("int64", [2])])])


def _turned(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    return g.node("Transpose", [g.node("Transpose", [data])])


def _slice(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    bounds = [g.values("int64", [n]) for n in (0, rows, 0, 1)]
    return g.node("Slice", [doubled(g, data), *bounds])


def _split(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    sizes = g.values("int64", [rows] * 2)
    g.node("Split", [doubled(g, data), sizes], {"axis": 0}, outputs=2)
    return str(g.graph.node[-1].output[1])


def _gather(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    return g.node("Gather", [data, g.values("int64", range(rows))])


def _gather_nd(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    return g.node("GatherND", [data, g.values("int64", range(rows), (rows, 1))])


def _gather_elements(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    columns = g.values("int64", [*range(4)] * rows, (rows, 4))
    return g.node("GatherElements", [data, columns], {"axis": 1})


def _compress(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    kept = g.node("Compress", [data, g.values("bool", [1] * rows)], {"axis": 0})
    return matrix(g, kept, rows)


def _scatter_nd(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    return g.node("ScatterND", [data, g.values("int64", [0], (1, 1)), g.initializer((1, 4), dtype)])


def _scatter_elements(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    return g.node(
        "ScatterElements", [data, g.values("int64", [0], (1, 1)), g.initializer((1, 1), dtype)]
    )


def _expand(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    return g.node("Expand", [data, g.values("int64", [rows, 4])])


def _concat_last(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    parts = [g.initializer((n, 4), dtype) for n in (1, 2)]
    bounds = [g.values("int64", [n]) for n in (3, rows + 3, 0)]
    return g.node("Slice", [g.node("Concat", [*parts, data], {"axis": 0}), *bounds])


def _where(at: int) -> Hop:
    """Return a choice of the matrix, which is input `at`, and a number."""

    def add(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
        pair = [number(g, dtype, 0.5), data] if at == 2 else [data, number(g, dtype, 0.5)]
        return g.node("Where", [g.values("bool", [at == 1], ()), *pair])

    return add


def _cast_twice(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    return cast(g, cast(g, data, "float32" if dtype == "float64" else "float64"), dtype)


def _quantized(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    given = [g.values("float32", [0.01], ()), g.values("int8", [0], ())]
    small = g.node("QuantizeLinear", [cast(g, data, "float32"), *given])
    return cast(g, g.node("DequantizeLinear", [small, *given]), dtype)


def _sequence(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    pair = g.node("SequenceConstruct", [g.initializer((rows, 4), dtype), data])
    return g.node("SequenceAt", [pair, g.values("int64", [1], ())])


def _inserted(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    empty = g.node("SequenceEmpty", [], {"dtype": NUMBERS[dtype]})
    several = g.node("SequenceInsert", [g.node("SequenceInsert", [empty, data]), data])
    whole = g.node("ConcatFromSequence", [g.node("SequenceErase", [several])], {"axis": 0})
    return matrix(g, whole, rows)


def _in_parts(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    parts = g.node("SplitToSequence", [data, g.values("int64", [rows], ())], {"axis": 0})
    return matrix(g, g.node("SequenceAt", [parts, g.values("int64", [0], ())]), rows)


def _top(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    return g.node("TopK", [data, g.values("int64", [4])], {"sorted": 0}, outputs=2)


def _einsum(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    return g.node("Einsum", [data, number(g, dtype, 1.5)], {"equation": "ij,->ij"})


def _reduced(type_: str, as_input: bool = False) -> Hop:
    """Return an operator that reduces, over an axis of one entry."""

    def add(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
        axes = g.values("int64", [0])
        stacked = g.node("Unsqueeze", [data, axes])
        if as_input:
            return g.node(type_, [stacked, axes], {"keepdims": 0})
        return g.node(type_, [stacked], {"axes": [0], "keepdims": 0})

    return add


def _summed_up(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    return g.node("CumSum", [data, g.values("int64", [1], ())])


def _reversed(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    lengths = g.values("int64", [4] * rows)
    return g.node("ReverseSequence", [data, lengths], {"batch_axis": 0, "time_axis": 1})


def _prelu(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    return g.node("PRelu", [data, number(g, dtype, 0.5)])


def _image(hop: Hop) -> Hop:
    """Return an operator on an image of 4 channels, which the matrix becomes for it."""

    def add(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
        image = g.node("Reshape", [data, g.values("int64", [1, 4, rows // 2, 2])])
        return matrix(g, hop(g, image, rows, dtype), rows)

    return add


def _depth(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    spread = g.node("DepthToSpace", [data], {"blocksize": 2})
    return g.node("SpaceToDepth", [spread], {"blocksize": 2})


def _resize(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    return g.node("Resize", [data, "", g.values("float32", [1.0] * 4)], {"mode": "nearest"})


def _channels(type_: str, *values: float) -> Hop:
    """Return a normalization, with values for each of 4 channels."""
    return lambda g, data, rows, dtype: g.node(
        type_, [data, *(g.values(dtype, [v, v + 0.1, v + 0.2, v + 0.3]) for v in values)]
    )


_ELEMENTWISE = (
    "Abs Neg Asin Asinh Atan Atanh Erf Sin Sinh Softsign Tan Tanh Elu LeakyRelu Selu"
    " HardSigmoid Exp Sigmoid Softplus Sqrt Reciprocal Cosh Acosh Log Cos Acos Relu"
).split()

HOPS: Mapping[str, Hop] = {
    **{type_.lower(): _unary(type_) for type_ in (*_ELEMENTWISE, "Identity", "Dropout")},
    **{type_.lower(): _rounded(type_) for type_ in ("Ceil", "Floor", "Round")},
    **{type_.lower(): _unary(type_) for type_ in ("Softmax", "LogSoftmax", "LpNormalization")},
    "shrink": _unary("Shrink", lambd=0.0),
    "thresholded": _unary("ThresholdedRelu", alpha=0.001),
    "clip": _with("Clip", -9.0, 9.0),
    "pow": _with("Pow", 1.0),
    "mod": lambda g, data, rows, dtype: g.node("Mod", [data, number(g, dtype, 9.0)], {"fmod": 1}),
    **{name.lower(): _with(name, 1.5) for name in ("Sub", "Mul", "Div")},
    **{f"{name.lower()}-second": _with(name, 1.5, at=1) for name in ("Sub", "Mul", "Div")},
    **{f"{name.lower()}-last": _with(name, 0.1, 0.2, at=2) for name in ("Sum", "Mean")},
    "max-last": _with("Max", -9.0, -8.0, at=2),
    "min-last": _with("Min", 9.0, 8.0, at=2),
    "mul-matrix": lambda g, data, rows, dtype: g.node(
        "Mul", [data, g.initializer((rows, 4), dtype)]
    ),
    "where": _where(1),
    "where-last": _where(2),
    "prelu": _prelu,
    "cast": _cast_twice,
    "quantize": _quantized,
    "transpose": _turned,
    "squeeze": _squeeze,
    "flatten": _flatten,
    "slice": _slice,
    "split": _split,
    "gather": _gather,
    "gather-nd": _gather_nd,
    "gather-elements": _gather_elements,
    "compress": _compress,
    "scatter-nd": _scatter_nd,
    "scatter-elements": _scatter_elements,
    "expand": _expand,
    "tile": _of("Tile", [1, 1]),
    "pad": _of("Pad", [0] * 4),
    "concat-last": _concat_last,
    "sequence": _sequence,
    "inserted": _inserted,
    "in-parts": _in_parts,
    "top": _top,
    "einsum": _einsum,
    "reduce-sum": _reduced("ReduceSum", as_input=True),
    "cumsum": _summed_up,
    "reversed": _reversed,
    "depth": _image(_depth),
    "resize": _image(_resize),
    "lp-pool": _image(_unary("LpPool", kernel_shape=[1, 1])),
    "lrn": _image(_unary("LRN", size=1)),
    "batch-normalized": _image(_channels("BatchNormalization", 0.5, 0.1, 0.2, 0.5)),
    "instance-normalized": _image(_channels("InstanceNormalization", 0.5, 0.1)),
}
"""Operators by name."""


def newer(g: GraphBuilder, data: str, rows: int, dtype: str) -> str:
    """Return a matrix behind operators that opset 13 did not have, or not with these inputs."""
    made = g.node("CastLike", [data, number(g, dtype, 1.0)])
    for type_ in ("Gelu", "Mish", "HardSwish"):
        made = g.node(type_, [made])
    made = g.node("Trilu", [made, g.values("int64", [-rows], ())])
    made = g.node("OptionalGetElement", [g.node("Optional", [made])])
    g.node("Split", [doubled(g, made)], {"axis": 0, "num_outputs": 2}, outputs=2)
    made = str(g.graph.node[-1].output[1])
    axes = g.values("int64", [0])
    for type_ in ("Mean", "Max", "Min", "Prod", "LogSumExp"):
        stacked = g.node("Unsqueeze", [made, axes])
        made = g.node(f"Reduce{type_}", [stacked, axes], {"keepdims": 0})
    bits = cast(g, g.node("Mul", [made, number(g, dtype, 100.0)]), "int32")
    for type_ in ("And", "Or", "Xor"):
        bits = g.node(f"Bitwise{type_}", [bits, g.values("int32", [63], ())])
    bits = g.node("BitwiseNot", [bits])
    made = g.node("Sub", [made, g.node("Mul", [cast(g, bits, dtype), number(g, dtype, 0.01)])])
    made = g.node("LayerNormalization", [made, g.values(dtype, [0.5, 0.6, 0.7, 0.8])])
    image = g.node("Reshape", [made, g.values("int64", [1, 4, rows // 2, 2])])
    scales = [g.values(dtype, [n, n + 0.1, n + 0.2, n + 0.3]) for n in (0.5, 0.1)]
    image = g.node("GroupNormalization", [image, *scales], {"num_groups": 2})
    sizes = g.values("int64", [1, 4, rows // 2, 2])
    return matrix(g, g.node("CenterCropPad", [image, sizes]), rows)
