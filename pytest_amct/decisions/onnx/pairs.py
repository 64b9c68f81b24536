"""Finds QuantizeLinear / DequantizeLinear pairs on the paths of a network.

Operators with the same effect count as pairs: those of other domains, one-node quantizers, and a
Cast from integers.
"""

from __future__ import annotations

from typing import NamedTuple

from pytest_amct.decisions.onnx.foreign import is_fake, is_stranger
from pytest_amct.decisions.onnx.integers import (
    ROUNDS,
    casts_from_integers,
    casts_to_integers,
    scaled_operand,
)
from pytest_amct.decisions.onnx.qoperator import is_qoperator
from pytest_amct.decisions.onnx.quantized_constants import (
    elements,
    is_dequantize,
    is_quantize,
    stored,
)
from pytest_amct.decisions.value_types import HANDS_ON, SHOWS_NOTHING
from pytest_amct.graphs.network import Layer, Network, Tensor
from pytest_amct.once import once

_QGEMM_SCALE = 7
"""The input port of QGemm's optional output scale."""

VISITS = 128
"""The largest number of tensors to visit around one layer."""

_NESTING = ("If", "Loop", "Scan", "SequenceMap")

_NEARBY = 32
"""The largest number of tensors to visit through types that show nothing."""


class Trace(NamedTuple):
    """The path back from a tensor to the producer of its value, through types that move values."""

    #: dequantizing layers on the path, the nearest first
    pairs: tuple[Layer, ...]
    #: whether one more is hidden by a type that clips or joins values: the form does not show it
    maybe: bool
    #: layers between the tensor and the nearest dequantizing layer, the nearest first
    hops: tuple[Layer, ...]
    #: what may have quantized the value in another way: an unknown operator, a rounding, or a
    #: Cast from integers
    doubt: Layer | None = None


def quantizes(layer: Layer) -> bool:
    """Return whether the layer converts floats to integers, with a static or dynamic scale."""
    if is_quantize(layer) or layer.type == "DynamicQuantizeLinear":
        return True
    return casts_to_integers(layer)


def dequantizes(layer: Layer) -> bool:
    """Return whether the layer's output is a quantized value converted back to float."""
    if is_dequantize(layer) or is_fake(layer):
        return True
    return casts_from_integers(layer) and is_pair(layer)


def is_unknown(layer: Layer) -> bool:
    """Return whether the effect of the operator is unknown."""
    return is_stranger(layer) and not is_qoperator(layer)


def trace(tensor: Tensor | None) -> Trace:
    """Return the path back from a tensor. The result is cached in the network."""
    layer = tensor.producer if tensor is not None else None
    if tensor is None or layer is None:
        return _walk_back(tensor) if tensor is not None and tensor.bound else Trace((), False, ())
    known = once(layer.network, _traces)
    if tensor not in known:
        known[tensor] = _walk_back(tensor)
    return known[tensor]


def _traces(network: Network) -> dict[Tensor, Trace]:
    return {}


def _walk_back(tensor: Tensor) -> Trace:
    pairs: list[Layer] = []
    hops: list[Layer] = []
    current: Tensor | None = tensor
    for _ in range(VISITS):
        layer = current.producer if current is not None else None
        if layer is None:
            break
        if dequantizes(layer):
            pairs.append(layer)
        elif layer.type in HANDS_ON and not layer.domain:
            if not pairs and _doubtful(layer):
                break
            if not pairs:
                hops.append(layer)
        elif not quantizes(layer):
            break
        current = layer.input(0)
    if pairs:
        return Trace(tuple(pairs), False, tuple(hops))
    maybe, doubt = _behind(current)
    doubt = doubt or next((layer for layer in hops if _looks_up(layer)), None)
    return Trace((), maybe, tuple(hops), doubt)


def _doubtful(layer: Layer) -> bool:
    """Return whether a layer may quantize in an unknown way, or shows that another one did."""
    if casts_from_integers(layer):
        return is_pair(layer) or not _is_sum(layer.input(0))
    return (layer.type in ROUNDS and not layer.domain) or is_unknown(layer)


def _looks_up(layer: Layer) -> bool:
    """Return whether a layer gathers values from a table that is smaller than its output."""
    if not layer.type.startswith("Gather"):
        return False
    table, indices = (stored(layer.input(port)) for port in (0, 1))
    if table is None or indices is None:
        return False
    return (elements(table) or 0) < (elements(indices) or 0)


def _is_sum(tensor: Tensor | None) -> bool:
    """Return whether a tensor holds the sums of an integer operator."""
    for _ in range(VISITS):
        layer = tensor.producer if tensor is not None else None
        if layer is None or layer.domain or layer.type not in (*HANDS_ON, "Add"):
            return layer is not None and is_qoperator(layer)
        tensor = layer.input(0)
    return False


def _behind(tensor: Tensor | None) -> tuple[bool, Layer | None]:
    """Return whether dequantized values may reach a tensor, and the first layer in doubt.

    The search goes through types that show nothing. Through scaling by constants it still finds
    a rounding or a Cast from integers.
    """
    maybe = False
    stack: list[tuple[Tensor | None, bool]] = [(tensor, False)]
    left = _NEARBY
    while stack and left:
        left -= 1
        current, scaled = stack.pop()
        layer = current.producer if current is not None else None
        if layer is None or current is None:
            given = current.bound if current is not None else ()
            stack.extend((t, scaled) for t in given[:_NEARBY])  # the arguments of a nested graph
            continue
        if layer.type in _NESTING and not layer.domain:
            maybe = maybe or once(layer.network, _dequantizes_inside)
        if _doubtful(layer) and not (scaled and is_unknown(layer)):
            return maybe, layer
        operand = scaled_operand(layer)
        if dequantizes(layer):
            maybe = maybe or not scaled
        elif _shows_nothing(layer):
            stack.extend((t, scaled) for t in layer.inputs)
        elif operand is not None:
            stack.append((operand, True))
    return maybe or bool(stack), None


def _dequantizes_inside(network: Network) -> bool:
    """Return whether a nested graph contains a dequantizing layer: it may reach an output."""
    return any(layer.where and dequantizes(layer) for layer in network.layers)


def _shows_nothing(layer: Layer) -> bool:
    return not layer.domain and (layer.type in SHOWS_NOTHING or layer.type.endswith("MaxPool"))


def is_dequantized_somewhere(tensor: Tensor | None) -> bool:
    """Return whether a value is computed in any way from a dequantized value.

    Also returns ``True`` if it depends on an unknown operator, or if `VISITS` visits are not
    enough.
    """
    stack, left = [tensor], VISITS
    while stack and left:
        left -= 1
        layer = current.producer if (current := stack.pop()) is not None else None
        if layer is None:
            continue
        if dequantizes(layer) or is_unknown(layer):
            return True
        stack.extend(layer.inputs)
    return bool(stack)


def is_pair(dequantize: Layer) -> bool:
    """Return whether a dequantizing layer undoes a QuantizeLinear or reads a constant.

    After an integer operator it only converts back to float: the next layer is not quantized.
    """
    if is_fake(dequantize):
        return True
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


def goes_back_to_float(dequantize: Layer) -> bool:
    """Return whether a dequantizing layer converts the output of an integer operator to float."""
    source = dequantize.input(0)
    for _ in range(VISITS):
        layer = source.producer if source is not None else None
        if layer is None:
            return False
        if is_qoperator(layer):
            return True
        if not _shows_nothing(layer) and layer.type not in ("Add", "GlobalMaxPool"):
            return False
        source = layer.input(0)
    return False


def goes_to_pairs(layer: Layer) -> bool:
    """Return whether every used output goes to a pair or a one-node quantizer."""
    used = [t for t in layer.outputs if t is not None and (t.consumers or t.is_output)]
    if not used or any(t.is_output for t in used):
        return False
    return all(_starts_pair(consumer) for t in used for consumer in t.consumers)


def ends_in_pairs(layer: Layer) -> bool:
    """Return whether every output goes to pairs, directly or through types that show nothing.

    Many tools quantize an operator together with the activation behind it, and put the pair behind
    both. Return ``True`` if the search is cut short.
    """
    stack, left = [layer], VISITS
    while stack:
        used = [t for t in stack.pop().outputs if t is not None]
        if any(t.is_output for t in used) or not any(t.consumers for t in used):
            return False
        for consumer in (c for t in used for c in t.consumers):
            left -= 1
            if not left:
                return True
            if not _starts_pair(consumer):
                if not _shows_nothing(consumer) or is_quantize(consumer):
                    return False
                stack.append(consumer)
    return True


def _starts_pair(layer: Layer) -> bool:
    """Return whether a layer is a one-node quantizer or the first half of a pair."""
    if is_fake(layer):
        return True
    if not is_quantize(layer) or (output := layer.output(0)) is None:
        return False
    # If integer operators follow, the layer before it is float.
    return not any(is_qoperator(reader) for reader in output.consumers)


def holds_integers(tensor: Tensor | None) -> bool:
    """Return whether a tensor holds quantized integers, judged by the operator that makes them."""
    for _ in range(VISITS):
        layer = tensor.producer if tensor is not None else None
        if tensor is None or layer is None:
            return False
        if quantizes(layer):
            return True
        if is_qoperator(layer):
            if layer.type == "QGemm":  # without an output scale, its output is float
                return layer.input(_QGEMM_SCALE) is not None
            return layer.type.startswith("QLinear")
        if layer.domain or (layer.type not in SHOWS_NOTHING and layer.type != "MaxPool"):
            return False
        if is_dequantize(layer):
            return False
        tensor = layer.input(0)
    return False
