"""Shape inference for TensorFlow, as far as the tables need it: ranks and symbolic dimensions.

A symbolic dimension (one that callers choose) stays symbolic. A dimension that an operator computes
from numbers often stays unknown. That is less exact, but never wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from pytest_amct.graphs import walk
from pytest_amct.graphs.network import UNKNOWN, Layer, Network, Shape, Tensor
from pytest_amct.graphs.tensorflow.schema import DTYPES

_Entry = int | str | None

_MOST = 64
"""The most entries of a constant that is read as a shape; no tensor has more dimensions."""


def infer(order: Sequence[Layer], network: Network) -> None:
    """Fill in the shapes that the file does not declare; `order` lists producers first."""
    for _ in range(2 if network.functions else 1):  # a second time for the results of calls
        for function in network.functions:
            if not function.loops:  # a loop may change the shape of what it carries
                for parameter in function.parameters:
                    _agree(parameter)
        for layer in order:
            for port, made in enumerate(layer.outputs):
                if made is not None and made.producer is not None:
                    found = _output(made.producer, port if made.producer is layer else 0)
                    made.shape = _merged(made.shape, found)


def _output(layer: Layer, port: int) -> Shape | None:
    if layer.body:
        body = layer.body[port] if port < len(layer.body) else None
        return body.shape if body else None
    rule = _RULES.get(layer.type)
    if rule is None or layer.parameters or (port and layer.type not in _EVERY_PORT):
        return None
    return rule(layer)


def _merged(declared: Shape | None, found: Shape | None) -> Shape | None:
    """Return the better of both for each dimension: a number, else a symbol, else ``None``."""
    if declared is None or found is None or len(declared) != len(found):
        return found if declared is None else declared
    return tuple(
        d if isinstance(d, int) else f if isinstance(f, int) else d or f
        for d, f in zip(declared, found, strict=True)
    )


def _agree(parameter: Tensor) -> None:
    """Give a function's parameter the shape on which all call sites agree."""
    shapes = [t.shape if t else None for t in parameter.bound]
    known = [shape for shape in shapes if shape is not None]
    if not known or len(known) < len(shapes) or len({len(shape) for shape in known}) > 1:
        return
    columns = zip(*known, strict=True)
    found = tuple(c[0] if len(set(c)) == 1 else None for c in columns)
    parameter.shape = _merged(parameter.shape, found)


def _shape(layer: Layer, port: int) -> Shape | None:
    tensor = layer.input(port)
    return tensor.shape if tensor else None


def const_ints(tensor: Tensor | None) -> tuple[int, ...] | None:
    """Return the entries of a small integer constant, also behind Identity, or ``None``."""
    value = walk.origin(tensor).value if tensor is not None else None
    if value is None or DTYPES.get(value.dtype) not in ("int32", "int64"):
        return None
    count = prod(dim.size for dim in value.tensor_shape.dim)
    is_long = DTYPES[value.dtype] == "int64"
    if not 0 <= count <= _MOST:
        return None
    if value.tensor_content:
        size = 8 if is_long else 4
        data = value.tensor_content
        if len(data) != size * count:
            return None
        parts = (data[i : i + size] for i in range(0, len(data), size))
        return tuple(int.from_bytes(part, "little", signed=True) for part in parts)
    entries = list(value.int64_val if is_long else value.int_val)
    if len(entries) > count:
        return None
    return tuple(entries + [entries[-1] if entries else 0] * (count - len(entries)))


# --- rules ------------------------------------------------------------------------------------


def _first(layer: Layer) -> Shape | None:
    return _shape(layer, 0)


def _first_rank(layer: Layer) -> Shape | None:
    """Return the rank of the first input; symbolic dimensions stay symbolic."""
    shape = _shape(layer, 0)
    return None if shape is None else tuple(n if isinstance(n, str) else None for n in shape)


def _broadcast(layer: Layer) -> Shape | None:
    shapes = [t.shape for t in layer.inputs if t is not None]
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes) or not known:
        return None
    return _spread(known)


def _spread(shapes: Sequence[Shape]) -> Shape:
    """Return the shape that results from broadcasting these shapes."""
    most = max(map(len, shapes))
    padded = [(1,) * (most - len(shape)) + shape for shape in shapes]
    return tuple(_together(column) for column in zip(*padded, strict=True))


def _together(entries: tuple[_Entry, ...]) -> _Entry:
    larger = [n for n in entries if n != 1]
    numbers = [n for n in larger if isinstance(n, int)]
    if numbers or not larger:
        return numbers[0] if numbers else 1
    return next((n for n in larger if isinstance(n, str)), None) if None not in larger else None


def _transpose(layer: Layer) -> Shape | None:
    shape, order = _shape(layer, 0), const_ints(layer.input(1))
    if shape is None:
        return None
    if order is None or sorted(order) != list(range(len(shape))):
        return (None,) * len(shape)
    return tuple(shape[i] for i in order)


def _reshape(layer: Layer) -> Shape | None:
    wanted, old = const_ints(layer.input(1)), _shape(layer, 0)
    if wanted is None:
        return _of_length(_shape(layer, 1))
    rest: int | str | None = None
    if old is not None and any(isinstance(n, str) for n in old):
        rest = f"{layer.name}.rest"
    numbers = [n for n in old or () if isinstance(n, int)]
    if old is not None and len(numbers) == len(old):
        others = prod(n for n in wanted if n >= 0)
        rest = prod(numbers) // others if others else None
    return tuple(n if n >= 0 else rest for n in wanted)


def _given(port: int) -> Callable[[Layer], Shape | None]:
    """Return a rule: the shape is the value of a constant input, else only its rank is known."""

    def rule(layer: Layer) -> Shape | None:
        entries = const_ints(layer.input(port))
        if entries is not None:
            return entries
        return _of_length(_shape(layer, port))

    return rule


def _of_length(vector: Shape | None) -> Shape | None:
    """Return the shape that a vector of this shape contains; only its rank is known."""
    if vector is None or len(vector) != 1 or not isinstance(vector[0], int):
        return None
    return (None,) * vector[0] if vector[0] <= _MOST else None


def _expand_dims(layer: Layer) -> Shape | None:
    shape, axis = _shape(layer, 0), const_ints(layer.input(1))
    if shape is None:
        return None
    if not axis or not -len(shape) - 1 <= axis[0] <= len(shape):
        return (None,) * (len(shape) + 1)
    at = axis[0] if axis[0] >= 0 else axis[0] + len(shape) + 1
    return (*shape[:at], 1, *shape[at:])


def _squeeze(layer: Layer) -> Shape | None:
    shape, axes = _shape(layer, 0), layer.attribute("squeeze_dims") or ()
    if shape is None or not isinstance(axes, tuple) or not all(isinstance(a, int) for a in axes):
        return None
    if not axes:
        known = all(isinstance(n, int) for n in shape)
        return tuple(n for n in shape if n != 1) if known else None
    gone = {a % len(shape) for a in axes} if shape else set()
    return tuple(n for i, n in enumerate(shape) if i not in gone)


def _alike(shapes: Sequence[Shape | None]) -> Shape | None:
    """Merge shapes that must be equal: a number that one of them has holds for all."""
    known = [shape for shape in shapes if shape is not None]
    if not known or len({len(shape) for shape in known}) > 1:
        return None
    if len(known) < len(shapes):
        return (None,) * len(known[0])
    return tuple(_the_same(column) for column in zip(*known, strict=True))


def _the_same(entries: tuple[_Entry, ...]) -> _Entry:
    number = next((n for n in entries if isinstance(n, int)), None)
    return number if number is not None or None in entries else entries[0]


def _pack(layer: Layer) -> Shape | None:
    axis = layer.attribute("axis") or 0
    shape = _alike([_shape(layer, port) for port in range(len(layer.inputs))])
    if shape is None or not isinstance(axis, int):
        return None
    at = axis if axis >= 0 else axis + len(shape) + 1
    return (*shape[:at], len(layer.inputs), *shape[at:])


def _unpack(layer: Layer) -> Shape | None:
    shape, axis = _shape(layer, 0), layer.attribute("axis") or 0
    if not shape or not isinstance(axis, int):
        return None
    at = axis % len(shape)
    return (*shape[:at], *shape[at + 1 :])


def _concat(layer: Layer) -> Shape | None:
    last = len(layer.inputs) - 1
    ports = range(1, last + 1) if layer.type == "Concat" else range(last)
    shapes = [_shape(layer, port) for port in ports]
    alike, axis = _alike(shapes), const_ints(layer.input(0 if layer.type == "Concat" else last))
    if alike is None:
        return None
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes):
        return alike
    columns = [*zip(*known, strict=True)]
    if not axis or not -len(alike) <= axis[0] < len(alike):
        # The axis is unknown. A dimension is surely symbolic only if it is in every input.
        return tuple(c[0] if all(isinstance(n, str) for n in c) else None for c in columns)
    at = axis[0] % len(alike)
    numbers = [n for n in columns[at] if isinstance(n, int)]
    symbol = next((n for n in columns[at] if isinstance(n, str)), None)
    whole = sum(numbers) if len(numbers) == len(shapes) else symbol
    return (*alike[:at], whole, *alike[at + 1 :])


def _split_rank(port: int) -> Callable[[Layer], Shape | None]:
    def rule(layer: Layer) -> Shape | None:
        shape = _shape(layer, port)
        return None if shape is None else (None,) * len(shape)

    return rule


def _reduce(layer: Layer) -> Shape | None:
    shape, axes = _shape(layer, 0), const_ints(layer.input(1))
    if shape is None:
        return None
    keeps = layer.attribute("keep_dims")
    if axes is None:
        return (None,) * len(shape) if keeps is True else None
    gone = {a % len(shape) for a in axes} if shape else set()
    if keeps:
        return tuple(1 if i in gone else n for i, n in enumerate(shape)) if keeps is True else None
    return tuple(n for i, n in enumerate(shape) if i not in gone)


def _matmul(layer: Layer) -> Shape | None:
    a, b = _shape(layer, 0), _shape(layer, 1)
    if layer.type == "MatMul" and (a is None or b is None or len(a) != 2 or len(b) != 2):
        return (None, None)  # MatMul takes only matrices
    if a is None or b is None or len(a) < 2 or len(b) < 2:
        return None
    across = layer.attribute("transpose_a") or layer.attribute("adj_x")
    down = layer.attribute("transpose_b") or layer.attribute("adj_y")
    batch = _spread([a[:-2], b[:-2]])
    return (*batch, a[-1] if across is True else a[-2], b[-2] if down is True else b[-1])


def _windows(layer: Layer) -> Shape | None:
    """Return the shape after a convolution or pool: the batch stays, the rest is computed."""
    shape = _shape(layer, 0)
    if shape is None:
        return None
    kept = tuple(n if i == 0 or isinstance(n, str) else None for i, n in enumerate(shape))
    if layer.type in ("AvgPool", "AvgPool3D", "MaxPool", "MaxPool3D", "MaxPoolV2"):
        return kept
    weight = _shape(layer, 1)
    made = weight[-1] if weight and layer.type != "DepthwiseConv2dNative" else None
    return _with_channels(layer, kept, (made,))


def _for_each_channel(layer: Layer) -> Shape | None:
    """Return the shape after BiasAdd or batch normalization; port 1 has the channels."""
    shape, numbers = _shape(layer, 0), _shape(layer, 1)
    if shape is None:
        return None
    return _with_channels(layer, shape, numbers or (None,), keeps=True)


def _with_channels(layer: Layer, shape: Shape, told: Shape, keeps: bool = False) -> Shape:
    """Return a shape with its channel entry replaced by `told`; with `keeps`, merge the two."""
    layout = layer.attribute("data_format")
    if layout is UNKNOWN or not shape:
        return tuple(None if i else n for i, n in enumerate(shape))
    at = 1 if isinstance(layout, str) and layout.startswith("NC") else len(shape) - 1
    channels = _the_same((*shape[at : at + 1], *told) if keeps else told)
    return (*shape[:at], channels, *shape[at + 1 :])


def _ensure_shape(layer: Layer) -> Shape | None:
    """Return the dimensions of the attribute, and those of the input where it leaves them open."""
    wanted = layer.attribute("shape")
    if not isinstance(wanted, tuple):
        return _shape(layer, 0)
    return _merged(tuple(n if n >= 0 else None for n in wanted), _shape(layer, 0))


def _gather(layer: Layer) -> Shape | None:
    data, indices = _shape(layer, 0), _shape(layer, 1)
    if data is None or indices is None or layer.attribute("batch_dims"):
        return None
    return (None,) * (len(data) - 1 + len(indices))


def _strided_slice(layer: Layer) -> Shape | None:
    shape, begin = _shape(layer, 0), _shape(layer, 1)
    masks = [layer.attribute(f"{n}_mask") or 0 for n in ("shrink_axis", "new_axis", "ellipsis")]
    if shape is None or begin is None or len(begin) != 1 or not isinstance(begin[0], int):
        return None
    if begin[0] > _MOST or not all(isinstance(mask, int) for mask in masks):
        return None
    within = (1 << begin[0]) - 1
    new = masks[1] & within & ~masks[2]
    gone = (masks[0] & within & ~new & ~masks[2]).bit_count()
    rank = len(shape) + new.bit_count() - gone
    return (None,) * rank if rank >= 0 else None


def _rank_vector(layer: Layer) -> Shape | None:
    shape = _shape(layer, 0)
    return (None,) if shape is None else (len(shape),)


_SAME = """
Abs Acos Acosh Asin Asinh Atan Atanh Cast Ceil CheckNumerics ClipByValue Cos Cosh Cumprod Cumsum
DeepCopy Dequantize Elu Erf Erfc Exp Expm1 FakeQuantWithMinMaxArgs
FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel Floor GuaranteeConst Identity IdentityN
Inv Invert IsFinite IsInf IsNan LRN LeakyRelu Log
Log1p LogSoftmax LogicalNot Neg OnesLike PreventGradient Print QuantizeAndDequantize
QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 QuantizeAndDequantizeV4 Reciprocal Relu Relu6
ReverseV2 Rint Roll Round Rsqrt Selu Sigmoid Sign Sin Sinh Snapshot Softmax Softplus Softsign Sqrt
Square StopGradient Tan Tanh ZerosLike TensorScatterUpdate TensorScatterAdd
"""
_CHANNELWISE = "BiasAdd BiasAddV1 FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3"
_ELEMENTWISE = """
Add AddN AddV2 Sub Mul Div RealDiv DivNoNan FloorDiv FloorMod Mod Maximum Minimum Pow
SquaredDifference Equal NotEqual Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr SelectV2
Atan2 Xdivy Xlogy MulNoNan TruncateDiv BitwiseAnd BitwiseOr BitwiseXor
"""
_WINDOWED = """
AvgPool AvgPool3D Conv2D Conv3D DepthwiseConv2dNative MaxPool MaxPool3D MaxPoolV2 _FusedConv2D
"""

_EVERY_PORT = frozenset({"Unpack", "Split", "SplitV", "IdentityN", "ShapeN"})

_RULES: dict[str, Callable[[Layer], Shape | None]] = {
    **dict.fromkeys(_SAME.split(), _first),
    **dict.fromkeys(_ELEMENTWISE.split(), _broadcast),
    **dict.fromkeys(_WINDOWED.split(), _windows),
    **dict.fromkeys(_CHANNELWISE.split(), _for_each_channel),
    **dict.fromkeys(("Sum", "Mean", "Max", "Min", "Prod", "All", "Any"), _reduce),
    **dict.fromkeys(("ArgMax", "ArgMin"), _reduce),
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), _matmul),
    **dict.fromkeys(("Pad", "PadV2", "MirrorPad", "Tile"), _first_rank),
    **dict.fromkeys(("ConcatV2", "Concat"), _concat),
    **dict.fromkeys(("Gather", "GatherV2"), _gather),
    **dict.fromkeys(("Shape", "ShapeN"), _rank_vector),
    **dict.fromkeys(("Size", "Rank"), lambda _: ()),
    **dict.fromkeys(("Fill", "Conv2DBackpropInput", "Conv3DBackpropInputV2"), _given(0)),
    **dict.fromkeys(("RandomUniform", "RandomStandardNormal", "TruncatedNormal"), _given(0)),
    **dict.fromkeys(("StatelessRandomNormal", "StatelessRandomUniform"), _given(0)),
    "BroadcastTo": _given(1),
    "EnsureShape": _ensure_shape,
    "ExpandDims": _expand_dims,
    "Pack": _pack,
    "Range": lambda _: (None,),
    "Reshape": _reshape,
    "Slice": _split_rank(0),
    "Split": _split_rank(1),
    "SplitV": _split_rank(0),
    "Squeeze": _squeeze,
    "StridedSlice": _strided_slice,
    "Transpose": _transpose,
    "Unpack": _unpack,
}
