"""The cases of Gemm and MatMul in table 1."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.cases.deviations import FACTORS, SHARED, attributes, some
from pytest_amct.cases.onnx.forms import (
    ALL_DTYPES,
    BEHIND,
    BIAS,
    BY_NAME,
    FORMS,
    MAIN,
    NAMED,
    NAMESAKE,
    OLD_OPSETS,
    PLACES,
    READ_TWICE,
    TWINS,
    WEIGHT_TWINS,
    merged,
    within,
)
from pytest_amct.cases.onnx.weights import (
    CALLED,
    CHANGING,
    CONSTANT_CHAINS,
    INPUT_CHAINS,
    LISTED,
    MORE_SOURCES,
    NODE_SOURCES,
    PASSED,
    SOME_CHANGING,
    STORED,
    THROUGH,
    WEIGHT_SOURCES,
)
from pytest_amct.cases.plan import Changes, Deviations, Plan

_TURNED: Changes = {"data": (32, 4), "attributes": {"transA": 1}}

VARIABLE = ("input", "input-identity", "input-transpose", "input-mul", "size-symbolic", "random")
"""Sources of a second factor in products of two variables."""

_CONSTANT_FACTORS: Deviations = {
    **some(WEIGHT_SOURCES, "initializer", "constant", "identity", "transpose", "cast", "mul"),
    **some(WEIGHT_SOURCES, "if", "foreign", "overridable"),
    **some(FACTORS, "identity-transpose"),
    **some(STORED, "typed", "constant-sparse"),
    "rank-1": {"weight": (32,)},
    "rank-3-call": {"weight": (1, 32, 32), "source": "call"},
    **some(FACTORS, "rank-3", "rank-3-identity", "rank-3-transposed", "rank-3-reshaped"),
    **some(FACTORS, "rank-3-data-rank-2", "rank-4", "constant-first"),
    "rank-4-identity": {**FACTORS["rank-4"], "source": "identity"},
}
"""Kinds of constant second factor, and of those whose source is not certain."""

GEMM = Plan("Gemm", (4, 32), attributes={"transA": 0, "transB": 0}, weight=(32, 32))
MATMUL = Plan("MatMul", (1, 4, 32), weight=(32, 32))

OF_GEMM: Mapping[str, Deviations] = {
    "": {
        **MAIN,
        **BEHIND,
        **some(NAMED, "named-in-function"),
        **NAMESAKE,
        "trans_b": attributes(transB=1),
        "alpha": attributes(alpha=0.5),
        "beta": {"bias": "initializer", "attributes": {"beta": 0.5}},
        **BIAS,
        **SHARED,
        **TWINS,
        **READ_TWICE,
        "wide": {"data": (4, 48), "weight": (48, 32)},
        **ALL_DTYPES,
        **FORMS,
        "opset-11": {"opset": 11},
        "no-attributes": attributes(transA=None, transB=None),
        "explicit": attributes(alpha=1.0, beta=1.0),
        "trans_b-2": attributes(transB=2),
        "trans_b-bias": {"bias": "initializer", "attributes": {"transB": 1}},
    },
    "trans_a": {
        "0": {},
        "absent": attributes(transA=None),
        "absent-trans_b": attributes(transA=None, transB=1),
        "1": {"data": (32, 4), "attributes": {"transA": 1}},
        "1-trans_b": {"data": (32, 4), "attributes": {"transA": 1, "transB": 1}},
        "1-square": {"data": (32, 32), "attributes": {"transA": 1}},
        "2": {"data": (32, 4), "attributes": {"transA": 2}},
        "1-alpha": {"data": (32, 4), "attributes": {"transA": 1, "alpha": 0.5}},
        "minus-1": {"data": (32, 4), "attributes": {"transA": -1}},
        "3": {"data": (32, 4), "attributes": {"transA": 3}},
        "256": {"data": (32, 4), "attributes": {"transA": 256}},
        "1-bias": {**_TURNED, "bias": "initializer"},
        "1-moved": {**_TURNED, "source": "moved"},
        "1-call": {**_TURNED, "source": "call"},
        "1-overridable": {**_TURNED, "source": "overridable"},
        "1-input": {**_TURNED, "source": "input"},
        "1-scoped": {**_TURNED, "form": "scoped"},
        **within("1", _TURNED, *PLACES, *BY_NAME),
        "1-column": {"data": (32, 1), "attributes": {"transA": 1}},
        "1-row": {"data": (1, 32), "weight": (1, 32), "attributes": {"transA": 1}},
        "2-to-the-32": {"data": (32, 32), "attributes": {"transA": 1 << 32}},
        "1-beta-0": {**_TURNED, "bias": "initializer", "attributes": {"transA": 1, "beta": 0.0}},
        "1-reversed": {
            **_TURNED,
            "form": "attributes-reversed",
            "bias": "initializer",
            "attributes": {"transA": 1, "alpha": 1.0, "beta": 1.0},
        },
        **merged("1", _TURNED, "behind-transpose", "behind-flatten", "read-twice"),
    },
    "weight_source": {
        **WEIGHT_SOURCES,
        **MORE_SOURCES,
        "listed-ir3": {**LISTED, "bias": "initializer"},
        "own-data": {"form": "own-data", "data": (32, 32)},
        "input-bias": {"source": "input", "bias": "initializer"},
        "input-scoped": {"source": "input-mul-second", "form": "scoped"},
        "input-named-in-function": {"source": "input", "form": "named-in-function"},
        "constant-first": FACTORS["constant-first"],
        **CONSTANT_CHAINS,
        **some(PASSED, "dropout-inference"),
        **some(CALLED, "call"),
        **WEIGHT_TWINS,
        **INPUT_CHAINS,
        **some(CHANGING, *SOME_CHANGING),
        **THROUGH,
        **within("input", {"source": "input"}, "if", "loop-carried", "function"),
        **within("input", {"source": "input"}, "scan-carried", "if-in-if"),
        **merged("input", {"source": "input"}, "behind-flatten", "read-twice"),
    },
    "alpha_1": {
        "absent": {},
        "1": attributes(alpha=1.0),
        "half": attributes(alpha=0.5),
        "2": attributes(alpha=2.0),
        "2-trans_b": attributes(alpha=2.0, transB=1),
        "minus-1": attributes(alpha=-1.0),
        "0": attributes(alpha=0.0),
        "nearly-1": attributes(alpha=1.0009765625),
    },
    "beta_1": {
        "absent": {"bias": "initializer"},
        "1": {"bias": "initializer", "attributes": {"beta": 1.0}},
        "half": {"bias": "initializer", "attributes": {"beta": 0.5}},
        "2": {"bias": "initializer", "attributes": {"beta": 2.0}},
        "0": {"bias": "initializer", "attributes": {"beta": 0.0}},
        "minus-1": {"bias": "initializer", "attributes": {"beta": -1.0}},
    },
    "weight_node": NODE_SOURCES,
}

OF_MATMUL: Mapping[str, Deviations] = {
    "": {
        **MAIN,
        **BEHIND,
        **NAMESAKE,
        "rank-2": {"data": (4, 32)},
        "rank-4": {"data": (1, 2, 4, 32)},
        "bias-add": {"around": ("bias-add",)},
        "twin-data": {"form": "twin-data"},
        **SHARED,
        **READ_TWICE,
        "wide": {"data": (1, 4, 48), "weight": (48, 32)},
        **ALL_DTYPES,
        **FORMS,
        **OLD_OPSETS,
    },
    "second_input": {
        **WEIGHT_SOURCES,
        **MORE_SOURCES,
        "listed-ir3": LISTED,
        **some(FACTORS, "identity-transpose"),
        "rank-1": {"weight": (32,)},
        **some(FACTORS, "rank-3"),
        "rank-3-constant": {"weight": (1, 32, 32), "source": "constant"},
        **some(FACTORS, "rank-3-reshaped", "rank-3-identity", "rank-3-transposed"),
        **some(FACTORS, "rank-3-data-rank-2", "rank-4", "rank-3-input", "constant-first"),
        "own-data": {"form": "own-data", "data": (32, 32)},
        "rank-1-constant": {"weight": (32,), "source": "constant"},
        "rank-1-identity": {"weight": (32,), "source": "identity"},
        "rank-1-scoped": {"weight": (32,), "form": "scoped"},
        "rank-1-float16": {"weight": (32,), "dtype": "float16"},
        "constant-first-float16": {**FACTORS["constant-first"], "dtype": "float16"},
        "constant-first-bias-add": {**FACTORS["constant-first"], "around": ("bias-add",)},
        "constant-first-rank-3": {**FACTORS["constant-first"], "data": (1, 32, 32)},
        "rank-4-identity": {**FACTORS["rank-4"], "source": "identity"},
        "rank-5": {"data": (1, 1, 2, 4, 32), "weight": (1, 1, 2, 32, 32)},
        "rank-3-moved": {"weight": (1, 32, 32), "source": "moved"},
        "rank-3-mul": {"weight": (1, 32, 32), "source": "mul"},
        "rank-3-call": {"weight": (1, 32, 32), "source": "call"},
        "rank-3-overridable": {"weight": (1, 32, 32), "source": "overridable"},
        "rank-3-bias-add": {"weight": (1, 32, 32), "around": ("bias-add",)},
        "rank-3-scoped": {"weight": (1, 32, 32), "form": "scoped"},
        "input-scoped": {"source": "input", "form": "scoped"},
        **some(STORED, "typed", "constant-typed", "constant-sparse"),
        **PASSED,
        **INPUT_CHAINS,
        **some(CHANGING, "bernoulli", "dropout-fed", "input-call", "input-product"),
        **within("rank-3", {"weight": (1, 32, 32)}, "if", "loop", "function"),
        **within("input", {"source": "input"}, "else", "scan", "function-in-function"),
        **within("input", {"source": "input"}, "scan-carried", "if-in-if"),
        **merged("input", {"source": "input"}, "read-twice"),
        "rank-3-constant-sparse": {"weight": (1, 32, 32), "source": "constant-sparse"},
        "rank-3-unsqueezed": {"weight": (1, 32, 32), "source": "Unsqueeze-first"},
        "rank-3-reshaped-up": {"weight": (1, 32, 32), "source": "Reshape-up"},
        "rank-3-cast": {"weight": (1, 32, 32), "source": "Unsqueeze-first.Cast"},
        "rank-1-constant-floats": {"weight": (32,), "source": "constant-floats"},
    },
    "constant_rank": _CONSTANT_FACTORS,
    "constant_rank_2_or_3": _CONSTANT_FACTORS,
    "weight_node": {**NODE_SOURCES, **some(FACTORS, "rank-3", "rank-3-reshaped")},
    "two_variables": {
        **some(WEIGHT_SOURCES, *VARIABLE),
        **some(INPUT_CHAINS, "input-moved", "input-combined", "input-at-indices"),
        **some(CHANGING, "dropout-fed", "input-call", "input-product"),
        **some(FACTORS, "rank-3-input"),
        "rank-4-input": {"data": (1, 2, 4, 32), "weight": (1, 2, 32, 32), "source": "input"},
    },
}

TRANS_A_PLAIN = frozenset(
    ("3", "256", "1-bias", "1-moved", "1-call", "1-overridable", "1-input", "1-scoped")
)
"""Transposed data that the gate tests only in the ``plain`` context, in the cases of table 1."""
PRODUCTS_AMONG = frozenset(
    (
        *("1-column", "1-row", "2-to-the-32", "1-beta-0", "1-reversed", "1-behind-transpose"),
        *("1-behind-flatten", "1-read-twice", "input-behind-flatten", "input-read-twice"),
        *("input-in-scan-carried", "input-in-if-in-if", "rank-3-constant-sparse"),
        *("rank-3-unsqueezed", "rank-3-reshaped-up", "rank-3-cast", "rank-1-constant-floats"),
    )
)
"""Those that the gate tests only among other layers."""
PRODUCTS_PLAIN = TRANS_A_PLAIN | frozenset(
    f"{start}-{end}"
    for start in ("rank-1", "rank-3", "constant-first")
    for end in ("moved", "mul", "call", "overridable", "bias-add", "scoped", "float16", "rank-3")
)
"""Those that the gate tests only in the ``plain`` context."""
