"""Quantizing operators outside ONNX, according to the documentation of the tools that write them.

Operators that are neither listed here nor defined by ONNX are strangers: their effect on a value
is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import onnx

from pytest_amct.graphs.network import Layer

_MICROSOFT = ("com.microsoft",)
_QUARK = ("com.amd.quark", "com.vai.quantize", "ai.onnx.contrib")
_TENSORRT = ("trt",)
_OPENVINO = ("org.openvinotoolkit", "")


def _listed(*entries: tuple[tuple[str, ...], str]) -> frozenset[tuple[str, str]]:
    return frozenset(
        (domain, t) for domains, types in entries for t in types.split() for domain in domains
    )


_QUANTIZE = _listed(
    (_QUARK, "ExtendedQuantizeLinear VitisQuantizeLinear"),
    (
        _TENSORRT,
        "TRT_FP8QuantizeLinear TRT_INT8QuantizeLinear TRT_INT4QuantizeLinear"
        " TRT_MXFP8QuantizeLinear TRT_MXFP8DynamicQuantize TRT_FP4DynamicQuantize",
    ),
)

_DEQUANTIZE = _listed(
    (_QUARK, "ExtendedDequantizeLinear VitisDequantizeLinear"),
    (
        _TENSORRT,
        "TRT_FP8DequantizeLinear TRT_INT8DequantizeLinear TRT_INT4DequantizeLinear"
        " TRT_MXFP8DequantizeLinear",
    ),
)

_QONNX = frozenset("Quant IntQuant BipolarQuant FloatQuant Trunc IntTrunc".split())

_FAKE = _listed(
    (
        _QUARK,
        "BFPQuantizeDequantize MXQuantizeDequantize BFPFixNeuron MXFixNeuron FixNeuron",
    ),
    (_TENSORRT, "TRT_FP4QDQ"),
    (_OPENVINO, "FakeQuantize"),
)
"""Operators that quantize and dequantize a value in one step."""

_FLOAT = _listed(
    (
        _MICROSOFT,
        "Attention BiasAdd BiasDropout BiasGelu BiasSoftmax BiasSplitGelu"
        " ConvTransposeWithDynamicPads DecoderMaskedMultiHeadAttention"
        " EmbedLayerNormalization FastGelu FusedConv FusedGemm FusedMatMul"
        " FusedMatMulActivation Gelu GroupNorm GroupQueryAttention LayerNormalization"
        " MultiHeadAttention NhwcConv NhwcFusedConv NhwcMaxPool Pad PackedAttention"
        " PackedMultiHeadAttention QuickGelu RotaryEmbedding SimplifiedLayerNormalization"
        " SkipGroupNorm SkipLayerNormalization SkipSimplifiedLayerNormalization"
        " TransposeMatMul",
    ),
    (
        _QUARK,
        "ExtendedInstanceNormalization ExtendedLSTM VitisInstanceNormalization VitisLSTM",
    ),
)
"""Operators that compute in float."""

_BITS = {"FP8": 8, "INT8": 8, "MXFP8": 8, "INT4": 4, "FP4": 4}
"""Bits by the type in the names of TensorRT's operators."""


def is_foreign_quantize(type_: str, domain: str) -> bool:
    """Return whether an operator outside ONNX's domain converts floats to a narrower type."""
    return bool(domain) and (type_ == "QuantizeLinear" or (domain, type_) in _QUANTIZE)


def is_foreign_dequantize(type_: str, domain: str) -> bool:
    """Return whether an operator outside ONNX's domain converts a narrower type back to floats."""
    return bool(domain) and (type_ == "DequantizeLinear" or (domain, type_) in _DEQUANTIZE)


def is_fake_type(type_: str, domain: str) -> bool:
    """Return whether an operator quantizes and dequantizes in one step."""
    if type_ in _QONNX:
        return domain == "onnx.brevitas" or domain.split(".")[0] in ("", "qonnx", "finn")
    return (domain, type_) in _FAKE


def is_fake(layer: Layer) -> bool:
    """Return whether the layer quantizes and dequantizes in one step: its output is quantized."""
    return is_fake_type(layer.type, layer.domain)


def is_stranger(layer: Layer) -> bool:
    """Return whether the layer's effect on a value is unknown.

    Quantizing operators are known. The caller checks for integer operators that replace a layer.
    """
    if layer.type.startswith("Ascend"):
        return False
    if not layer.domain:
        return not (_is_onnx(layer.type) or is_fake(layer))
    type_, domain = layer.type, layer.domain
    known = is_foreign_quantize(type_, domain) or is_foreign_dequantize(type_, domain)
    return not (known or is_fake(layer) or (domain, type_) in _FLOAT)


@lru_cache(4096)
def _is_onnx(type_: str) -> bool:
    return bool(onnx.defs.has(type_))


def bits_by_name(type_: str) -> int | None:
    """Return the bits in a TensorRT operator's name, ``None`` for any other operator."""
    if not type_.startswith("TRT_"):
        return None
    name = type_.removeprefix("TRT_")
    return next((bits for key, bits in _BITS.items() if name.startswith(key)), None)


def has_block_scales(type_: str) -> bool:
    """Return whether an operator has one scale for each block, across output channels."""
    return type_.startswith(("TRT_MX", "TRT_FP4"))


# --- what one-node quantizers show: (several factors, offset, bits) -----------------------------

Shown = tuple[bool | None, bool | None, int | None]
Values = Callable[[int], Any]
"""Returns the stored values at an input port, ``None`` if they are not in the file."""


def shown_by_fake(layer: Layer, at: Values) -> Shown:
    """Return what the constants of a one-node quantizer show about its output."""
    read = _READ.get(layer.type)
    if read is None:
        return None, None, None
    with np.errstate(all="ignore"):
        return read(layer, at)


def _quant(layer: Layer, at: Values) -> Shown:
    bits = _whole(at(3))
    zero, middle = at(2), 0
    if layer.attribute("signed") == 0:
        if bits is None:
            return _differ(at(1)), None, None
        middle = 1 << (bits - 1)
    asymmetric = None if zero is None else bool((np.asarray(zero) != middle).any())
    return _any_differ(at(1), zero), asymmetric, bits


def _whole(found: Any) -> int | None:
    """Return the number of bits on which all entries agree, ``None`` if they do not."""
    if found is None or not found.size or (found != found.flat[0]).any():
        return None
    bits = float(found.flat[0])
    return int(bits) if 1 <= bits <= 64 and bits.is_integer() else None


def _fake_quantize(layer: Layer, at: Values) -> Shown:
    """Read OpenVINO's FakeQuantize: `levels` values between a lowest and a highest value."""
    levels = layer.attribute("levels")
    low, high = at(3), at(4)
    if low is None or high is None:
        low, high = at(1), at(2)
    if not isinstance(levels, int) or not 2 <= levels <= 1 << 32 or low is None or high is None:
        return None, None, None
    asymmetric: bool | None = None
    try:
        low, high = np.broadcast_arrays(low.astype(np.float64), high.astype(np.float64))
        zero = -low * (levels - 1) / (high - low)
        if np.isfinite(zero).all():
            # An even number of levels has two middles.
            asymmetric = bool((np.abs(zero - levels // 2) > 0.6).any())
    except (TypeError, ValueError):
        return None, None, None
    return _any_differ(low, high), asymmetric, (levels - 1).bit_length()


def _bipolar(layer: Layer, at: Values) -> Shown:
    return _differ(at(1)), False, 1


def _float_quant(layer: Layer, at: Values) -> Shown:
    return _differ(at(1)), False, None


def _block(layer: Layer, at: Values) -> Shown:
    return None, False, None


_READ: Mapping[str, Callable[[Layer, Values], Shown]] = {
    "Quant": _quant,
    "IntQuant": _quant,
    "BipolarQuant": _bipolar,
    "FloatQuant": _float_quant,
    "FakeQuantize": _fake_quantize,
    "BFPQuantizeDequantize": _block,
    "MXQuantizeDequantize": _block,
    "BFPFixNeuron": _block,
    "MXFixNeuron": _block,
    "TRT_FP4QDQ": _block,
}


def _differ(found: Any) -> bool | None:
    return None if found is None or not found.size else bool((found != found.flat[0]).any())


def _any_differ(*found: Any) -> bool | None:
    told = [_differ(one) for one in found]
    return True if True in told else None if None in told else False
