"""Words of weight trees in ONNX models: operators from which weights seldom come.

What an operator takes as a number of another type is an integer with exact values that is cast, so
that an input can be part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from pytest_amct.cases.onnx.builder import NUMBERS, GraphBuilder
from pytest_amct.cases.onnx.steps import exact, moves, node
from pytest_amct.cases.onnx.ways import cast
from pytest_amct.cases.trees import Maker, Spec, Step, is_float

ML = "ml"
"""The word of an operator of ai.onnx.ml."""
_HIDDEN = 64
"""The largest state of a recurrent operator."""


def _shaped(g: GraphBuilder, data: str, s: Spec) -> str:
    return g.node("Reshape", [data, g.values("int64", s.shape)])


def _less(g: GraphBuilder, data: str, numbers: str, dtype: str) -> str:
    """Return a tensor minus the sum of some numbers."""
    total = g.node("ReduceSum", [cast(g, numbers, dtype)], {"keepdims": 0})
    return g.node("Sub", [data, total])


def _images(make: Callable[[Spec], Step | None], last: int = 0) -> Maker:
    """Return a maker of floats of four dimensions, of which the last one may be given."""

    def maker(s: Spec) -> Step | None:
        fits = is_float(s) and len(s.shape) == 4 and last in (0, s.shape[3])
        return make(s) if fits else None

    return maker


# --- recurrent operators --------------------------------------------------------------------------


def _recurrent(type_: str, gates: int, biases: int, states: int, peepholes: int = 0) -> Maker:
    """Return the last state of a sequence of one step, as the weight."""

    def maker(s: Spec) -> Step | None:
        if not is_float(s) or not s.shape or s.shape[-1] > _HIDDEN:
            return None
        hidden = s.shape[-1]
        batch = prod(s.shape) // hidden

        def make(g: GraphBuilder, x: list[str]) -> str:
            given = [*x[:4], cast(g, x[4], "int32"), *x[5:]]
            state = node(type_, {"hidden_size": hidden}, 3 if states > 1 else 2, 1)(g, given)
            return _shaped(g, state, s)

        operands = [s.of(1, batch, 2), s.of(1, gates * hidden, 2), s.of(1, gates * hidden, hidden)]
        operands += [s.of(1, biases * hidden), exact([1], (batch,))]
        operands += [s.of(1, batch, hidden)] * states
        operands += [s.of(1, peepholes * hidden)] if peepholes else []
        return Step(tuple(operands), make)

    return maker


# --- integers -------------------------------------------------------------------------------------

_SCALE, _ZERO = Spec((), "float32"), exact([0], ())


def _scaled(g: GraphBuilder, pair: list[str]) -> list[str]:
    """Return a scale and a zero point."""
    return [g.node("Sigmoid", pair[:1]), cast(g, pair[1], "int8")]


def _quantize(s: Spec) -> Step | None:
    def make(g: GraphBuilder, x: list[str]) -> str:
        return g.node("QuantizeLinear", [x[0], *_scaled(g, x[1:])])

    fits = s.values is None and s.dtype == "int8"
    return Step((Spec(s.shape, "float32"), _SCALE, _ZERO), make) if fits else None


def _factors(s: Spec, convolution: bool) -> tuple[Spec, Spec] | None:
    """Return the integers whose product or convolution has that shape."""
    if convolution:
        if not 3 <= len(s.shape) <= 5:
            return None
        first, second = (s.shape[0], 3, *s.shape[2:]), (s.shape[1], 3, *[1] * (len(s.shape) - 2))
    else:
        if len(s.shape) < 2:
            return None
        first, second = (*s.shape[:-1], 3), (3, s.shape[-1])
    return Spec(first, "int8"), Spec(second, "int8")


def _quantized(type_: str) -> Maker:
    """Return a product or convolution of quantized tensors, which is quantized, too."""
    convolution = type_ == "QLinearConv"

    def make(g: GraphBuilder, x: list[str]) -> str:
        pairs = [[x[0], *_scaled(g, x[1:3])], [x[3], *_scaled(g, x[4:6])], _scaled(g, x[6:8])]
        return g.node(type_, [*(name for pair in pairs for name in pair), *x[8:]])

    def maker(s: Spec) -> Step | None:
        factors = _factors(s, convolution) if s.values is None and s.dtype == "int8" else None
        if factors is None:
            return None
        operands = [factors[0], _SCALE, _ZERO, factors[1], _SCALE, _ZERO, _SCALE, _ZERO]
        return Step((*operands, *[Spec(s.shape[1:2], "int32")] * convolution), make)

    return maker


def _of_integers(type_: str) -> Maker:
    """Return a product or convolution of integers as floats."""

    def make(g: GraphBuilder, x: list[str], dtype: str) -> str:
        zeros = [cast(g, zero, "int8") for zero in x[2:]]
        made = cast(g, g.node(type_, [*x[:2], *zeros]), "float32")
        return cast(g, g.node("Sin", [made]), dtype)

    def maker(s: Spec) -> Step | None:
        factors = _factors(s, type_ == "ConvInteger") if is_float(s) else None
        return factors and Step((*factors, _ZERO, _ZERO), lambda g, x: make(g, x, s.dtype))

    return maker


def _dynamic(s: Spec) -> Step | None:
    def make(g: GraphBuilder, x: list[str]) -> str:
        g.node("DynamicQuantizeLinear", x, outputs=3)
        return g.node("DequantizeLinear", [str(name) for name in g.graph.node[-1].output])

    fits = is_float(s) and s.dtype == "float32"
    return Step((s,), make) if fits else None


def _bits(type_: str, count: int) -> Maker:
    def maker(s: Spec) -> Step | None:
        bits = Spec(s.shape, "int8")
        return (
            Step((bits,) * count, lambda g, x: cast(g, g.node(type_, x), s.dtype))
            if is_float(s)
            else None
        )

    return maker


def _shifted(s: Spec) -> Step | None:
    def make(g: GraphBuilder, x: list[str]) -> str:
        bits = [cast(g, data, "uint8") for data in x]
        return cast(g, g.node("BitShift", bits, {"direction": "RIGHT"}), s.dtype)

    return Step((Spec(s.shape, "int8"), exact([1], ())), make) if is_float(s) else None


# --- images ---------------------------------------------------------------------------------------


def _resize_scales(s: Spec) -> Step | None:
    def make(g: GraphBuilder, x: list[str]) -> str:
        return g.node("Resize", [x[0], "", cast(g, x[1], "float32")], {"mode": "nearest"})

    return Step((s, exact([1], (len(s.shape),))), make) if is_float(s) and s.shape else None


def _resize_region(s: Spec) -> Step:
    how = {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize"}

    def make(g: GraphBuilder, x: list[str]) -> str:
        return g.node("Resize", [x[0], cast(g, x[1], "float32"), "", x[2]], how)

    return Step((s, exact([0] * 4 + [1] * 4), exact(s.shape)), make)


def _grid_sample(s: Spec) -> Step:
    return Step((s, s.of(s.shape[0], *s.shape[2:], 2)), node("GridSample"))


def _affine_grid(s: Spec) -> Step:
    size = exact([s.shape[0], 3, *s.shape[1:3]])
    return Step((s.of(s.shape[0], 2, 3), size), node("AffineGrid"))


def _roi_align(s: Spec) -> Step:
    count, channels, height, width = s.shape
    operands = (s.of(2, channels, 4, 4), s.of(count, 4), exact([1], (count,)))
    return Step(operands, node("RoiAlign", {"output_height": height, "output_width": width}))


def _max_roi_pool(s: Spec) -> Step:
    def make(g: GraphBuilder, x: list[str]) -> str:
        given = [x[0], cast(g, x[1], s.dtype)]
        return g.node("MaxRoiPool", given, {"pooled_shape": [*s.shape[2:]]})

    return Step((s.of(1, s.shape[1], 4, 4), exact([0], (s.shape[0], 5))), make)


def _max_unpool(s: Spec) -> Step:
    places = exact(range(prod(s.shape)), s.shape)
    return Step((s, places, exact(s.shape)), node("MaxUnpool", {"kernel_shape": [1, 1]}))


def _col2im(s: Spec) -> Step:
    *outer, height, width = s.shape
    return Step(
        (s.of(*outer, height * width), exact([height, width]), exact([1, 1])), node("Col2Im")
    )


def _deform(s: Spec) -> Step:
    count, channels, height, width = s.shape
    operands = [s.of(count, 3, height, width), s.of(channels, 3, 1, 1)]
    operands += [s.of(count, 2, height, width), s.of(channels), s.of(count, 1, height, width)]

    def make(g: GraphBuilder, x: list[str]) -> str:
        return g.node("Tanh", [g.node("DeformConv", x, {"kernel_shape": [1, 1]})])

    return Step(tuple(operands), make)


def _boxes(s: Spec) -> Step | None:
    """Return a tensor minus the sum of the indices of the boxes that remain."""

    def make(g: GraphBuilder, x: list[str]) -> str:
        given = [*x[1:4], g.node("Sigmoid", x[4:5]), x[5]]
        return _less(g, x[0], g.node("NonMaxSuppression", given), s.dtype)

    boxes = [Spec(shape, "float32") for shape in ((1, 6, 4), (1, 2, 6))]
    return Step((s, *boxes, exact([3], ()), _SCALE, _SCALE), make) if is_float(s) else None


# --- signals, losses, attention -------------------------------------------------------------------


def _fourier(s: Spec) -> Step | None:
    fits = is_float(s) and len(s.shape) > 2 and s.shape[-1] == 2
    operands = (s, exact(s.shape[-2:-1], ()), exact([-2], ()))
    return Step(operands, node("DFT")) if fits else None


def _short_fourier(s: Spec) -> Step:
    count, frames, length, _ = s.shape
    signal = s.of(count, frames + length - 1, 1)
    operands = (signal, exact([1], ()), s.of(length), exact([length], ()))
    return Step(operands, node("STFT", {"onesided": 0}))


def _window(type_: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        fits = is_float(s) and len(s.shape) == 1
        made = node(type_, {"output_datatype": NUMBERS[s.dtype]})
        return Step((exact(s.shape, ()),), made) if fits else None

    return maker


def _mel(s: Spec) -> Step | None:
    if not is_float(s) or len(s.shape) != 2 or s.shape[0] < 2:
        return None

    def make(g: GraphBuilder, x: list[str]) -> str:
        edges = [cast(g, edge, "float32") for edge in x[3:]]
        how = {"output_datatype": NUMBERS[s.dtype]}
        return g.node("MelWeightMatrix", [*x[:3], *edges], how)

    numbers = (s.shape[1], 2 * s.shape[0] - 2, 16000, 0, 4000)
    return Step(tuple(exact([n], ()) for n in numbers), make)


def _loss(type_: str) -> Maker:
    def maker(s: Spec) -> Step | None:
        if not is_float(s) or not s.shape:
            return None
        scores = s.of(s.shape[0], 3, *s.shape[1:])
        made = node(type_, {"reduction": "none"})
        return Step((scores, exact([1], s.shape), s.of(3)), made)

    return maker


def _attention(s: Spec) -> Step:
    *outer, queries, size = s.shape
    keys, past = s.of(*outer, 3, size), s.of(*outer, 2, size)
    operands = (s, keys, keys, s.of(queries, 5), past, past)
    return Step(operands, node("Attention", outputs=3))


def _rotary(s: Spec) -> Step:
    angles, places = s.of(3, s.shape[3] // 2), exact([1], (s.shape[0], s.shape[2]))
    return Step((s, angles, angles, places), node("RotaryEmbedding"))


def _tensor_scatter(s: Spec) -> Step | None:
    fits = is_float(s) and len(s.shape) > 2
    update = s.of(*s.shape[:-2], 1, *s.shape[-1:])
    return Step((s, update, exact([0], s.shape[:1])), node("TensorScatter")) if fits else None


# --- others ---------------------------------------------------------------------------------------


def _pad_axes(s: Spec) -> Step | None:
    if not is_float(s) or not s.shape or s.shape[0] < 2:
        return None
    fewer = s.of(s.shape[0] - 1, *s.shape[1:])
    return Step((fewer, exact([0, 1]), s.of(), exact([0])), node("Pad"))


def _unsqueeze_first(s: Spec) -> Step | None:
    fits = moves(s) and s.shape[:1] == (1,)
    return Step((s.of(*s.shape[1:]), exact([0])), node("Unsqueeze")) if fits else None


def _reshape_up(s: Spec) -> Step | None:
    fits = moves(s) and s.shape[:1] == (1,) and len(s.shape) > 1
    return Step((s.of(*s.shape[1:]), exact(s.shape)), node("Reshape")) if fits else None


def _mul_one(s: Spec) -> Step | None:
    """Return a product with a tensor of one element."""
    return Step((s, s.of(1)), node("Mul")) if is_float(s) and s.shape else None


def _mul_twice(s: Spec) -> Step | None:
    """Return the greater of two products with the same first factor."""

    def make(g: GraphBuilder, x: list[str]) -> str:
        return g.node("Tanh", [g.node("Max", [g.node("Mul", [x[0], y]) for y in x[1:]])])

    return Step((s, s, s), make) if is_float(s) else None


def _determinants(s: Spec) -> Step | None:
    fits = is_float(s) and len(s.shape) > 2
    return Step((s.of(*s.shape, 2, 2),), node("Det")) if fits else None


def _counted(type_: str) -> Maker:
    """Return a tensor minus the sum of what has no certain size."""

    def maker(s: Spec) -> Step | None:
        def make(g: GraphBuilder, x: list[str]) -> str:
            return _less(g, x[0], g.node(type_, x[1:]), s.dtype)

        return Step((s, Spec((4,), "float32")), make) if is_float(s) else None

    return maker


def _ml(s: Spec) -> Step | None:
    def make(g: GraphBuilder, x: list[str]) -> str:
        return _shaped(g, g.node("Normalizer", x, {"norm": "MAX"}, "ai.onnx.ml"), s)

    fits = is_float(s) and s.dtype == "float32" and s.shape
    return Step((s.of(prod(s.shape[:-1]), *s.shape[-1:]),), make) if fits else None


SELDOM: Mapping[str, Maker] = {
    "LSTM": _recurrent("LSTM", 4, 8, 2, 3),
    "GRU": _recurrent("GRU", 3, 6, 1),
    "RNN": _recurrent("RNN", 1, 2, 1),
    "QuantizeLinear-scale": _quantize,
    "QLinearMatMul": _quantized("QLinearMatMul"),
    "QLinearConv": _quantized("QLinearConv"),
    "MatMulInteger": _of_integers("MatMulInteger"),
    "ConvInteger": _of_integers("ConvInteger"),
    "DynamicQuantizeLinear": _dynamic,
    **{f"Bitwise{name}": _bits(f"Bitwise{name}", 2) for name in ("And", "Or", "Xor")},
    "BitwiseNot": _bits("BitwiseNot", 1),
    "BitShift": _shifted,
    "Resize-scales": _resize_scales,
    "Resize-roi": _images(_resize_region),
    "GridSample": _images(_grid_sample),
    "AffineGrid": _images(_affine_grid, 2),
    "RoiAlign": _images(_roi_align),
    "MaxRoiPool": _images(_max_roi_pool),
    "MaxUnpool": _images(_max_unpool),
    "Col2Im": _images(_col2im),
    "DeformConv": _images(_deform),
    "NonMaxSuppression": _boxes,
    "DFT": _fourier,
    "STFT": _images(_short_fourier, 2),
    **{f"{name}Window": _window(f"{name}Window") for name in ("Hann", "Hamming", "Blackman")},
    "MelWeightMatrix": _mel,
    "SoftmaxCrossEntropyLoss": _loss("SoftmaxCrossEntropyLoss"),
    "NegativeLogLikelihoodLoss": _loss("NegativeLogLikelihoodLoss"),
    "Attention": _images(_attention),
    "RotaryEmbedding": _images(_rotary, 2),
    "TensorScatter": _tensor_scatter,
    "Pad-axes": _pad_axes,
    "Unsqueeze-first": _unsqueeze_first,
    "Reshape-up": _reshape_up,
    "Mul-one": _mul_one,
    "Mul-twice": _mul_twice,
    "Det": _determinants,
    "NonZero": _counted("NonZero"),
    "Unique": _counted("Unique"),
    ML: _ml,
}

SINCE: Mapping[str, int] = {"Attention": 23, "RotaryEmbedding": 23, "TensorScatter": 24}
