"""Variations of TensorFlow graphs that no table speaks of, and the deviations that the gate varies.

`CaseSource` explains each name.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.cases.deviations import STANDING, half
from pytest_amct.cases.plan import Branch, Changes, LayerVariation, Plan
from pytest_amct.cases.tensorflow.sizes import channels_first

VARIATIONS: Mapping[str, Changes] = {
    "batch": {"symbolic_batch": True},
    "clutter": {"branches": (Branch("clutter"),)},
    "control": {"around": ("control",)},
    "device": {"switches": ("device",)},
    "identity": {"around": ("identity",)},
    "reversed": {"switches": ("reversed",)},
    "scoped": {"switches": ("scoped",)},
    "dotted": {"switches": ("dotted",)},
    "digits": {"switches": ("digits",)},
    "typed": {"switches": ("typed",)},
    "scopes": {"switches": ("scopes",)},
    "ports": {"switches": ("ports",)},
}

_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "Conv3D")
_WITH_WEIGHT = (*_CONVOLUTIONS, "MatMul", "BatchMatMulV2")
_OF_HALVES = ("pack", "concat", "input-pack", "input-concat", "input-concat-axis")
"""Weight sources that join two halves."""


def _same(plan: Plan) -> Changes | None:
    valid = plan.type in _CONVOLUTIONS and plan.attributes.get("padding") == "VALID"
    return {"attributes": {"padding": "SAME"}} if valid else None


def _strided(plan: Plan) -> Changes | None:
    if plan.type not in _CONVOLUTIONS or set(plan.attributes["strides"]) != {1}:
        return None
    twos = [2] * (len(plan.data) - 2)
    return {"attributes": {"strides": [1, 1, *twos] if channels_first(plan) else [1, *twos, 1]}}


def _thin(plan: Plan) -> Changes | None:
    """Return a change to a kernel of size 1, if the weight stays large enough for quantizers."""
    if plan.type not in ("Conv2D", "Conv2DBackpropInput") or plan.weight is None:
        return None
    wide = plan.weight[2] * plan.weight[3] >= 1024
    wide &= plan.source not in _OF_HALVES
    return {"weight": (1, 1, *plan.weight[2:])} if wide else None


def _turned(plan: Plan) -> Changes | None:
    square = plan.weight == (32, 32) and plan.attributes.get("adj_y") is False
    return {"attributes": {"adj_y": True}} if square else None


def _biased(plan: Plan) -> Changes | None:
    fits = plan.type in _WITH_WEIGHT and "bias-add" not in plan.around and plan.dtype == "float32"
    # TensorFlow 2.21 with oneDNN cannot run all of these.
    fits &= plan.attributes.get("padding") != "EXPLICIT"
    return {"around": ("bias-add",)} if fits and not plan.inside else None


LAYER_VARIATIONS: Mapping[str, LayerVariation] = {
    "bias-add": _biased,
    "same": _same,
    "strides": _strided,
    "thin": _thin,
    "float16": half(*_WITH_WEIGHT),
    "adj_y": _turned,
    **STANDING,
}

VARIED: Mapping[str, tuple[str, ...]] = {
    "uniform/tensorflow/MatMul/transpose_a": ("true",),
    "uniform/tensorflow/MatMul/transpose_b": ("true-square",),
    "uniform/tensorflow/MatMul/weight_source": ("input", "input-mul-second"),
    "uniform/tensorflow/Conv2D/weight_source": ("input", "input-mul-second"),
    "uniform/tensorflow/DepthwiseConv2dNative/weight_source": ("input",),
    "uniform/tensorflow/Conv2DBackpropInput/dilation": ("h2-w1", "nchw-h1-w2"),
    "uniform/tensorflow/Conv2DBackpropInput/weight_source": ("input",),
    "uniform/tensorflow/BatchMatMulV2/adj_x": ("true",),
    "uniform/tensorflow/BatchMatMulV2/second_input": ("rank-3", "input"),
    "uniform/tensorflow/BatchMatMulV2/constant_rank": ("rank-3",),
    "uniform/tensorflow/BatchMatMulV2/two_variables": ("input",),
    "uniform/tensorflow/Conv3D/dilation_d": ("d2-h1-w1", "ncdhw-d2-h1-w1"),
    "float16/tensorflow/AvgPool": ("input",),
    "float16/tensorflow/MaxPool": ("input",),
    "float16/tensorflow/Add": ("input",),
    "float16/tensorflow/BatchMatMulV2": ("input",),
}

VARIED_BY: tuple[str, ...] = ("control",)
