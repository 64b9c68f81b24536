"""Variations of ONNX models that no table speaks of, and the deviations that the gate varies.

`CaseSource` explains each name.
"""

from __future__ import annotations

from collections.abc import Mapping

from onnx.defs import onnx_opset_version

from pytest_amct.cases.deviations import STANDING, half
from pytest_amct.cases.plan import USUAL_OPSET, Branch, Changes, LayerVariation, Plan

VARIATIONS: Mapping[str, Changes] = {
    "opset13": {"opset": 13},
    "opset17": {"opset": 17},
    "opset19": {"opset": 19},
    # For explore alone, which draws no opset that the quantizer does not handle.
    **{f"opset{n}": {"opset": n} for n in range(USUAL_OPSET + 1, onnx_opset_version() + 1)},
    "batch": {"symbolic_batch": True},
    "clutter": {"branches": (Branch("clutter"),)},
    "tail": {"branches": (Branch("tail"),)},
    "scoped": {"switches": ("scoped",)},
    "dotted": {"switches": ("dotted",)},
    "digits": {"switches": ("digits",)},
    "typed": {"switches": ("typed",)},
}

_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_CONVOLUTIONS = ("Conv", "ConvTranspose")


def _spatial(plan: Plan) -> int:
    return len(plan.data) - 2


def _bias(plan: Plan) -> Changes | None:
    fits = plan.type in (*_CONVOLUTIONS, "Gemm") and not plan.bias and plan.form != "custom"
    return {"bias": "initializer"} if fits else None


def _has_kernel(plan: Plan) -> bool:
    """Return whether a layer is a convolution whose weight can have another shape."""
    fixed = plan.weight is None or plan.form == "own-data"
    return plan.type in _CONVOLUTIONS and not plan.domain and not fixed


def _grouped(plan: Plan) -> Changes | None:
    if not _has_kernel(plan) or plan.weight is None:
        return None
    if plan.attributes.get("group", 1) != 1 or plan.weight[1] != 32:
        return None
    return {"weight": (32, 8, *plan.weight[2:]), "attributes": {"group": 4}}


def _of_convolution(**given: int) -> LayerVariation:
    """Return a variation of attributes, with that many entries for each spatial axis.

    ``strides=1`` gives one 2 for each axis, ``pads=2`` gives two 1s.
    """

    def change(plan: Plan) -> Changes | None:
        if plan.type not in _CONVOLUTIONS or plan.domain or "auto_pad" in plan.attributes:
            return None
        value = {"strides": 2, "pads": 1}
        lists = {name: [value[name]] * (n * _spatial(plan)) for name, n in given.items()}
        return {"attributes": lists}

    return change


def _thin(plan: Plan) -> Changes | None:
    """Return a change to a kernel of size 1, if the weight stays large enough for quantizers."""
    if not _has_kernel(plan) or plan.weight is None:
        return None
    if plan.weight[0] * plan.weight[1] < 1024:
        return None
    ones = [1] * _spatial(plan)
    kernel = {"kernel_shape": ones} if "kernel_shape" in plan.attributes else {}
    return {"weight": (*plan.weight[:2], *ones), "attributes": kernel}


def _valid(plan: Plan) -> Changes | None:
    if plan.type not in _CONVOLUTIONS or plan.domain or set(plan.attributes.get("pads", [1])) > {0}:
        return None
    return {"attributes": {"pads": None, "auto_pad": "VALID"}}


def _in_constant(plan: Plan) -> Changes | None:
    stored = plan.weight is not None and plan.source == "initializer" and plan.ir_version > 3
    return {"source": "constant"} if stored else None


def _turned(plan: Plan) -> Changes | None:
    square = plan.weight == (32, 32) and plan.attributes.get("transB") == 0
    return {"attributes": {"transB": 1}} if plan.type == "Gemm" and square else None


LAYER_VARIATIONS: Mapping[str, LayerVariation] = {
    "bias": _bias,
    "group": _grouped,
    "strides": _of_convolution(strides=1),
    "pads": _of_convolution(pads=2),
    "valid": _valid,
    "thin": _thin,
    "float16": half(*_WEIGHTED),
    "constant": _in_constant,
    "trans_b": _turned,
    **STANDING,
}

VARIED: Mapping[str, tuple[str, ...]] = {
    "uniform/onnx/Conv/dilation_d": ("d2-h1-w1",),
    "uniform/onnx/Conv/weight_source": ("input", "input-mul-second"),
    "uniform/onnx/Gemm/trans_a": ("1",),
    "uniform/onnx/Gemm/weight_source": ("input", "input-mul-second"),
    "uniform/onnx/ConvTranspose/dilation": ("h2-w1",),
    "uniform/onnx/ConvTranspose/weight_rank": ("5",),
    "uniform/onnx/ConvTranspose/weight_source": ("input", "input-mul-second"),
    "uniform/onnx/MatMul/second_input": ("rank-3", "input"),
    "uniform/onnx/MatMul/constant_rank": ("rank-3",),
    "uniform/onnx/MatMul/two_variables": ("input",),
    "uniform/onnx/AveragePool/global_pooling": ("true",),
    "float16/onnx/AveragePool": ("input",),
    "float16/onnx/MaxPool": ("input",),
    "float16/onnx/Add": ("input",),
    "float16/onnx/MatMul": ("input",),
}

VARIED_BY: tuple[str, ...] = ("opset13",)
