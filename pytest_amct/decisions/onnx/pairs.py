"""Where QuantizeLinear / DequantizeLinear pairs stand on the ways of a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pytest_amct.decisions.onnx.qoperator import is_qoperator
from pytest_amct.decisions.onnx.quantized_constants import is_dequantize, is_quantize
from pytest_amct.decisions.value_types import HANDS_ON, SHOWS_NOTHING
from pytest_amct.graphs.network import Layer, Tensor

_QGEMM_SCALE = 7
"""The input port of QGemm's optional output scale."""

VISITS = 128
"""Tensors looked at around one layer."""


class Trace(NamedTuple):
    """The way back from a tensor to what makes its value, over types that hand values on."""

    #: DequantizeLinear layers on the way, the nearest first
    pairs: tuple[Layer, ...]
    #: behind a type that clips or joins values there is another one: the form does not tell
    maybe: bool
    #: layers that the nearest one's value passes on its way, nearest first
    hops: tuple[Layer, ...]


def quantizes(layer: Layer) -> bool:
    """Whether the layer turns floats into integers, with a stored scale or one of run time."""
    return is_quantize(layer) or layer.type == "DynamicQuantizeLinear"


def trace(tensor: Tensor | None) -> Trace:
    """The way back from a tensor, remembered for each tensor of its network."""
    layer = tensor.producer if tensor is not None else None
    if tensor is None or layer is None:
        return Trace((), False, ())
    memo: dict[Tensor, Trace] = layer.network.memo.setdefault("dequantized", {})
    if tensor not in memo:
        memo[tensor] = _walk_back(tensor)
    return memo[tensor]


def _walk_back(tensor: Tensor) -> Trace:
    pairs: list[Layer] = []
    hops: list[Layer] = []
    current: Tensor | None = tensor
    for _ in range(VISITS):
        layer = current.producer if current is not None else None
        if layer is None:
            break
        if is_dequantize(layer):
            pairs.append(layer)
        elif layer.type in HANDS_ON and not layer.domain:
            if not pairs:
                hops.append(layer)
        elif not quantizes(layer):
            break
        current = layer.input(0)
    maybe = not pairs and _dequantized_behind(current)
    return Trace(tuple(pairs), maybe, tuple(hops))


def _dequantized_behind(tensor: Tensor | None) -> bool:
    """Whether values that were dequantized reach a tensor through types that show nothing."""

    def shows_nothing(layer: Layer) -> bool:
        return not layer.domain and (layer.type in SHOWS_NOTHING or layer.type.endswith("MaxPool"))

    return _comes_dequantized(tensor, shows_nothing, 32)


def is_dequantized_somewhere(tensor: Tensor | None) -> bool:
    """Whether a value is computed, in whatever way, from one that was dequantized."""
    return _comes_dequantized(tensor, lambda _: True, VISITS)


def _comes_dequantized(
    tensor: Tensor | None, goes_through: Callable[[Layer], bool], left: int
) -> bool:
    """Whether a tensor may come from a dequantized one: it does, or `left` visits do not tell."""
    stack = [tensor]
    while stack and left:
        left -= 1
        layer = current.producer if (current := stack.pop()) is not None else None
        if layer is None:
            continue
        if is_dequantize(layer):
            return True
        if goes_through(layer):
            stack.extend(layer.inputs)
    return bool(stack)


def is_pair(dequantize: Layer) -> bool:
    """Whether it undoes a QuantizeLinear or stands on a constant.

    Behind an integer operator it only goes back to float: that layer's work is not quantized.
    """
    source = dequantize.input(0)
    if source is None:
        return False
    for _ in range(VISITS):
        layer = source.producer if source is not None else None
        if layer is None or source is None:
            return source is not None and source.origin != "input"
        if quantizes(layer):
            return True
        if layer.domain or layer.type not in HANDS_ON:
            return layer.type == "Constant"
        source = layer.input(0)
    return False


def goes_to_pairs(layer: Layer) -> bool:
    """Whether every output that is used goes to QuantizeLinear with a DequantizeLinear behind."""
    used = [t for t in layer.outputs if t is not None and (t.consumers or t.is_output)]
    if not used or any(t.is_output for t in used):
        return False
    for consumer in (c for t in used for c in t.consumers):
        if not is_quantize(consumer) or (output := consumer.output(0)) is None:
            return False
        if any(is_qoperator(reader) for reader in output.consumers):
            return False  # it goes over to integer operators: this layer itself is float
    return True


def holds_integers(tensor: Tensor | None) -> bool:
    """Whether a tensor carries quantized integers, by the operator that they come from."""
    for _ in range(VISITS):
        layer = tensor.producer if tensor is not None else None
        if tensor is None or layer is None:
            return False
        if quantizes(layer):
            return True
        if is_qoperator(layer):
            if layer.type == "QGemm":  # without a scale of its own its output is float
                return layer.input(_QGEMM_SCALE) is not None
            return layer.type.startswith("QLinear")
        if layer.domain or (layer.type not in SHOWS_NOTHING and layer.type != "MaxPool"):
            return False
        if is_dequantize(layer):
            return False
        tensor = layer.input(0)
    return False
