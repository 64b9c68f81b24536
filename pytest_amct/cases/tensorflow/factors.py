"""The conditions of BatchMatMulV2 on its second factor and on `adj_x`, and deviations from them."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.cases.deviations import FACTORS, attributes, some
from pytest_amct.cases.plan import Changes, Deviations
from pytest_amct.cases.tensorflow.ranks import RANKS
from pytest_amct.cases.tensorflow.weights import (
    IN_CALL,
    MORE_SOURCES,
    PLACED,
    VARIABLE,
    WEIGHT_SOURCES,
)

V1: Changes = {"type": "BatchMatMul", "data": (4, 32)}
V3: Changes = {"type": "BatchMatMulV3"}
_ADJOINT: Changes = {"data": (1, 32, 4), "attributes": {"adj_x": True}}

_RANKS: Deviations = {
    **{
        f"rank-3-{name}": {"weight": (1, 32, 32), "source": name}
        for name in (
            *("identity-twelve", "expanded", "stacked", "call"),
            *("reshape-splat", "reshape-content", "reshape-long-content"),
        )
    },
    **{f"rank-3-{name}": {"weight": (1, 32, 32), "source": name} for name in RANKS},
    "rank-5": {"data": (1, 1, 2, 4, 32), "weight": (1, 1, 2, 32, 32)},
    "rank-3-reversed": {"weight": (1, 32, 32), "switches": ("reversed",)},
    "rank-3-in-call": {"weight": (1, 32, 32), "inside": "call"},
}
"""Constant second factors whose rank is not 2, in other forms."""

AMONG_OTHERS = frozenset(f"rank-3-{name}" for name in RANKS)

_SECOND_FACTORS = (
    *("input-concat-third", "input-indices", "input-condition", "input-bound"),
    *("random-shuffle", "iterator-sync"),
)
"""Further sources of a second factor."""

FACTORS_BY_CONDITION: Mapping[str, Deviations] = {
    "adj_x": {
        "false": {},
        "absent": attributes(adj_x=None),
        "false-adj_y": attributes(adj_x=False, adj_y=True),
        "true": _ADJOINT,
        "true-square": {"data": (1, 32, 32), "attributes": {"adj_x": True}},
        "true-identity": {
            "data": (1, 32, 4),
            "attributes": {"adj_x": True},
            "source": "identity",
        },
        "true-adj_y": {"data": (1, 32, 4), "attributes": {"adj_x": True, "adj_y": True}},
        "true-v1": {**V1, "data": (32, 4), "attributes": {"adj_x": True}},
        "true-v3": {**V3, "data": (1, 32, 4), "attributes": {"adj_x": True}},
        "true-rank-2": {"data": (32, 4), "attributes": {"adj_x": True}},
        "true-reversed": {**_ADJOINT, "switches": ("reversed",)},
        "true-in-call": {**_ADJOINT, "inside": "call"},
    },
    "second_input": {
        **WEIGHT_SOURCES,
        **IN_CALL,
        **some(PLACED, "input-reversed", "input-identity-scopes", "input-split-ports"),
        **some(FACTORS, "identity-transpose"),
        "adj_y-identity": {**attributes(adj_y=True), "source": "identity"},
        **some(FACTORS, "rank-3", "rank-3-identity", "rank-3-reshaped", "rank-3-transposed"),
        **some(FACTORS, "rank-4", "rank-3-data-rank-2", "rank-3-input", "constant-first"),
        "input-v1": {**V1, "source": "input"},
        "input-v3": {**V3, "source": "input"},
        "rank-3-v3": {**V3, "weight": (1, 32, 32)},
        **_RANKS,
        **some(MORE_SOURCES, *_SECOND_FACTORS),
    },
    "constant_rank": {
        **some(WEIGHT_SOURCES, "const", "const-values", "identity", "transpose", "mul"),
        **some(WEIGHT_SOURCES, "variable", "switch", "random-seeded"),
        **some(FACTORS, "identity-transpose"),
        "adj_y-identity": {**attributes(adj_y=True), "source": "identity"},
        **some(FACTORS, "rank-3", "rank-3-identity", "rank-3-reshaped", "rank-3-transposed"),
        **some(FACTORS, "rank-4", "rank-3-data-rank-2", "constant-first"),
        "rank-3-v1": {**V1, "data": (1, 4, 32), "weight": (1, 32, 32)},
        "rank-3-v3": {**V3, "weight": (1, 32, 32)},
        **_RANKS,
    },
    "two_variables": {
        **some(WEIGHT_SOURCES, *VARIABLE, "input-many-moves", "input-many-sums", "queue"),
        **some(WEIGHT_SOURCES, "input-default", "input-call-nested", "shape-symbolic"),
        **some(MORE_SOURCES, "input-concat-third", "input-indices", "iterator-sync"),
        **some(PLACED, "input-reversed", "input-identity-scopes"),
        **some(FACTORS, "rank-3-input"),
        "adj_y": {"weight": (64, 32), "attributes": {"adj_y": True}, "source": "input"},
        "rank-4-input": {"data": (1, 2, 4, 32), "weight": (1, 2, 32, 32), "source": "input"},
        "input-v1": {**V1, "source": "input"},
        "input-v3": {**V3, "source": "input"},
    },
}
