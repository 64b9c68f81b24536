"""The TensorFlow cases of the Float16 rule: where in a graph Float16 is, by the closed row."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.cases.deviations import (
    FLOAT16_BOTH,
    FLOAT16_FACTORS,
    FLOAT16_INPUT,
    FLOAT16_NEITHER,
    elsewhere,
)
from pytest_amct.cases.plan import Branch, Deviations

FLOAT16: Deviations = {
    **FLOAT16_INPUT,
    "input-with-default-elsewhere": elsewhere("float16", "default"),
    "iterator-elsewhere": elsewhere("float16", "iterator"),
    "weight-elsewhere": elsewhere("float16", "weight"),
    "weight-identity-elsewhere": elsewhere("float16", "weight-identity"),
    "weight-cast-elsewhere": elsewhere("float16", "weight-cast"),
    "weight-transposed-elsewhere": elsewhere("float16", "weight-transposed"),
    "conv-weight-elsewhere": elsewhere("float16", "conv-weight"),
    **FLOAT16_BOTH,
    "first-weight-of-several": {"branches": (Branch("weight", "float16"), Branch("weight"))},
    "transposed-weight-elsewhere": elsewhere("float16", "backprop-weight"),
    "second-of-iterator-elsewhere": elsewhere("float16", "iterator-second"),
    "input-unread": elsewhere("float16", "unread-input"),
    "input-that-only-controls": elsewhere("float16", "controls"),
    "weight-in-call": elsewhere("float16", "weight-in-call"),
    **FLOAT16_NEITHER,
    **{
        f"{name}-elsewhere": elsewhere("float16", name)
        for name in ("depthwise-weight", "volume-weight", "batch-weight", "weight-values")
    },
    "weight-before-bias-elsewhere": elsewhere("float16", "weight-before-bias"),
    "last-weight-of-several": {"branches": (Branch("weight"), Branch("weight", "float16"))},
    "weight-elsewhere-reversed": {
        "switches": ("reversed",),
        **elsewhere("float16", "weight-identity"),
    },
    "input-elsewhere-reversed": {"switches": ("reversed",), **elsewhere("float16", "input")},
    "input-elsewhere-ports": {"switches": ("ports",), **elsewhere("float16", "input")},
    "input-of-call-elsewhere": elsewhere("float16", "input-of-call"),
    "input-whose-shape-is-read": elsewhere("float16", "input-of-shape"),
    "scalar-input-elsewhere": elsewhere("float16", "scalar-input"),
    "iterator-sync-elsewhere": elsewhere("float16", "iterator-sync"),
}
_HELD = ("weight-split", "weight-of-call", "weight-at-port", "argument")
_OF_FORBIDDEN = ("turned-weight", "deep-weight", "dilated-weight")
RARE: Deviations = {
    f"{name}-elsewhere": elsewhere("float16", name) for name in (*_HELD, *_OF_FORBIDDEN)
}
"""Weights behind other operators, or of layers that are themselves forbidden, and an argument."""

OTHER_TYPES: Deviations = {
    "uint8-elsewhere": elsewhere("uint8", "input"),
    "bfloat16-weight-elsewhere": elsewhere("bfloat16", "weight"),
    "weight-of-loop-elsewhere": elsewhere("float32", "weight-of-loop"),
}
"""Other types, one of them of a weight whose type only the layer itself tells."""


PLAIN_ONLY = frozenset(
    {
        *RARE,
        *("scalar-input-elsewhere", "iterator-sync-elsewhere"),
        *("input-whose-shape-is-read", "input-elsewhere-ports", "input-of-call-elsewhere"),
    }
)

FLOAT16_ROWS: Mapping[str, Deviations] = {
    "AvgPool": {**FLOAT16, **RARE, **OTHER_TYPES},
    "MaxPool": FLOAT16,
    "Add": FLOAT16,
    "BatchMatMulV2": FLOAT16_FACTORS,
}
