"""Float16 in ONNX models, for the rows that the Float16 rule of some release closes."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.cases.deviations import (
    FLOAT16_BOTH,
    FLOAT16_FACTORS,
    FLOAT16_INPUT,
    FLOAT16_NEITHER,
    elsewhere,
)
from pytest_amct.cases.onnx.forms import within
from pytest_amct.cases.plan import Branch, Deviations

FLOAT16: Deviations = {
    **FLOAT16_INPUT,
    "weight-elsewhere": elsewhere("float16", "weight"),
    "conv-weight-elsewhere": elsewhere("float16", "conv-weight"),
    "weight-constant-elsewhere": elsewhere("float16", "weight-constant"),
    "weight-transposed-elsewhere": elsewhere("float16", "weight-transposed"),
    **FLOAT16_BOTH,
    "first-weight-of-several": {"branches": (Branch("weight", "float16"), Branch("tail"))},
    "input-unread": elsewhere("float16", "unread-input"),
    **FLOAT16_NEITHER,
    "gemm-weight-elsewhere": elsewhere("float16", "gemm-weight"),
    "deconvolution-weight-elsewhere": elsewhere("float16", "deconvolution-weight"),
    "forbidden-weight-elsewhere": elsewhere("float16", "forbidden-weight"),
    "grouped-weight-elsewhere": elsewhere("float16", "grouped-weight"),
    "weight-before": {**elsewhere("float16", "weight"), "switches": ("reversed",)},
    "conv-weight-before": {**elsewhere("float16", "conv-weight"), "switches": ("reversed",)},
    "input-before": {**elsewhere("float16", "input"), "switches": ("reversed",)},
    "sized-input-elsewhere": elsewhere("float16", "sized-input"),
    "captured-input-elsewhere": elsewhere("float16", "captured-input"),
    "input-scoped": {"dtype": "float16", "form": "scoped"},
    **within("input", {"dtype": "float16"}, "if", "loop", "function"),
}
FLOAT16_ROWS: Mapping[str, Deviations] = {
    "AveragePool": {
        **FLOAT16,
        "called-weight-elsewhere": elsewhere("float32", "called-weight"),
    },
    **dict.fromkeys(("MaxPool", "Add"), FLOAT16),
    "MatMul": FLOAT16_FACTORS,
}
FLOAT16_PLAIN = frozenset(
    (
        "gemm-weight-elsewhere",
        "conv-weight-before",
        "input-before",
        "captured-input-elsewhere",
        "input-scoped",
        "deconvolution-weight-elsewhere",
        "forbidden-weight-elsewhere",
        "grouped-weight-elsewhere",
        "sized-input-elsewhere",
    )
)
"""Those that the gate tests only in the ``plain`` context."""
