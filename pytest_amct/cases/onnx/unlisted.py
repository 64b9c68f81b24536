"""ONNX types without a row, with names or uses similar to those of the rows.

`CaseSource` explains each name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pytest_amct.cases.onnx.own import IMAGE, OWN
from pytest_amct.cases.onnx.rows import DEFAULTS
from pytest_amct.cases.plan import Plan

_2D = (1, 32, 4, 4)

UNLISTED: Mapping[str, Plan] = {
    **{
        t: Plan(t, _2D, second="branch")
        for t in ("Mul", "Sub", "Div", "Sum", "Max", "PRelu", "Min")
    },
    "Concat": Plan("Concat", _2D, attributes={"axis": 2}, second="branch"),
    **{
        t: Plan(t, _2D)
        for t in ("Relu", "Sigmoid", "Tanh", "HardSwish", "Softmax", "LeakyRelu", "Softplus")
    },
    **{t: Plan(t, _2D) for t in ("Elu", "Clip")},
    "Gather": Plan("Gather", _2D, attributes={"axis": 2}, extra=(("int64", (3.0, 2.0, 1.0, 0.0)),)),
    "Pad": Plan("Pad", _2D, extra=(("int64", (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0)),)),
    "Resize": Plan("Resize", _2D, extra=(("float32", ()), ("float32", (1.0, 1.0, 2.0, 2.0)))),
    "Pow": Plan("Pow", _2D, extra=(("float32", (2.0,)),)),
    "ReduceMean": Plan("ReduceMean", _2D, extra=(("int64", (2.0, 3.0)),)),
    "LpPool": replace(DEFAULTS["MaxPool"], type="LpPool"),
    "GlobalLpPool": Plan("GlobalLpPool", _2D),
    "GlobalAveragePool": Plan("GlobalAveragePool", _2D),  # a type of a row in most releases
    "BatchNormalization": Plan("BatchNormalization", _2D, extra=(("float32", (0.5,) * 32),) * 4),
    "InstanceNormalization": Plan(
        "InstanceNormalization", _2D, extra=(("float32", (0.5,) * 32), ("float32", (0.1,) * 32))
    ),
    "LayerNormalization": Plan(
        "LayerNormalization", _2D, extra=(("float32", (0.5, 0.6, 0.7, 0.8)),)
    ),
    "Einsum": Plan("Einsum", (4, 32), attributes={"equation": "ij,jk->ik"}, weight=(32, 32)),
    **{type_: Plan(type_, IMAGE, form="own-inputs") for type_ in OWN},
    "MaxRoiPool": Plan("MaxRoiPool", IMAGE, attributes={"pooled_shape": [4, 4]}, form="own-inputs"),
    "MaxUnpool": Plan("MaxUnpool", IMAGE, attributes={"kernel_shape": [1, 1]}, form="own-inputs"),
    "com.acme::Conv": replace(DEFAULTS["Conv"], domain="com.acme", form="custom"),
    "com.acme::MatMul": replace(DEFAULTS["MatMul"], domain="com.acme", form="custom"),
    "com.acme::MaxPool": replace(DEFAULTS["MaxPool"], domain="com.acme", form="custom"),
    "com.acme::Add": replace(DEFAULTS["Add"], domain="com.acme", form="custom"),
    "ai.onnx.more::Conv": replace(DEFAULTS["Conv"], domain="ai.onnx.more", form="custom"),
}

AROUND: tuple[str, ...] = (
    "Sigmoid",
    "Mul",
    "Softmax",
    "ReduceMean",
    "LayerNormalization",
    "Einsum",
)
