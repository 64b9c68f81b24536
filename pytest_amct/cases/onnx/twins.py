"""Two layers that have a constant in common which is not the weight of either."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.cases.onnx.builder import GraphBuilder
from pytest_amct.cases.onnx.sources import build_source
from pytest_amct.cases.plan import Plan
from pytest_amct.cases.values import count

TWINS: Mapping[str, str] = {
    "twin-bias": "their bias",
    "twin-data": "a factor of their data",
    "twin-scale": "a number that scales their weights",
    "twin-shape": "the shape of their weights",
    "twin-part": "the weight of the first, which the second multiplies by an input",
}
"""What the layers have in common, by `Plan.form`."""


def twin_inputs(g: GraphBuilder, plan: Plan, data: tuple[str, str]) -> list[list[str]]:
    """Return the inputs of two layers with that data, which have one constant in common."""
    shape, dtype = plan.weight or (), plan.dtype
    if plan.form == "twin-data":
        factor = g.initializer(plan.data[-1:], dtype)
        data = (g.node("Mul", [data[0], factor]), g.node("Mul", [data[1], factor]))
    if plan.form == "twin-shape":
        dims, flat = g.values("int64", shape), (count(shape),)
        weights = [g.node("Reshape", [g.initializer(flat, dtype), dims]) for _ in data]
    elif plan.form == "twin-part":
        weight = build_source(plan.source, g, shape, dtype)
        weights = [weight, g.node("Mul", [weight, g.input(dtype, shape)])]
    else:
        weights = [build_source(plan.source, g, shape, dtype) for _ in data]
    if plan.form == "twin-scale":
        scale = g.values(dtype, [1.5], ())
        weights = [g.node("Mul", [weight, scale]) for weight in weights]
    bias = [build_source(plan.bias, g, (32,), dtype)] if plan.bias else []
    return [[*pair, *bias] for pair in zip(data, weights, strict=True)]
