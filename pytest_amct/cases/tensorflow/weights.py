"""Deviations by weight source: one for each name in `sources`, and which of them are alike."""

from __future__ import annotations

from pytest_amct.cases.deviations import sources
from pytest_amct.cases.plan import Deviations
from pytest_amct.cases.tensorflow.outside import OF_EACH_KIND

FEW_SOURCES: Deviations = sources(
    # constant, in every form
    *("const", "const-values", "const-splat"),
    *("identity", "identity-twice", "identity-twelve", "identity-control"),
    *("transpose", "reshape", "cast", "mul", "concat", "split", "pack", "fill", "dequantize"),
    *("strided-slice", "call", "five-hops"),
    # dynamic
    *("input", "input-default", "input-identity", "input-transpose", "input-cast", "input-split"),
    *("input-mul", "input-mul-second", "input-call", "input-five-hops"),
    *("shape-symbolic", "size-symbolic", "random", "iterator", "queue"),
    # not decided by the document
    *("variable", "resource", "switch", "merge", "frames", "while", "if"),
    *("shape-static", "size-static", "random-seeded", "random-seeded-second", "random-stateless"),
)
"""Sources of every kind."""

_CHAINS: Deviations = sources(
    *("forty-hops", "many-moves", "many-sums", "call-nested", "call-second"),
    *("input-forty-hops", "input-many-moves", "input-many-sums"),
    *("input-call-nested", "input-call-second", "input-call-twice", "random-zero-seeds"),
)
WEIGHT_SOURCES: Deviations = {**FEW_SOURCES, **_CHAINS}
"""Sources of every kind, and long ways from them."""

_OLDER: Deviations = sources(
    *("input-ten-hops", "input-concat", "input-pack", "input-fill", "input-dequantize"),
    *("input-strided-slice", "input-stop-gradient", "input-identity-n", "filled-symbolic"),
    *("random-uniform", "random-truncated"),
)
_RARE: Deviations = sources(
    # constant
    *("const-control", "const-colocated"),
    # dynamic
    *("queue-many", "queue-up-to", "unstage", "optional", "reader", "argument"),
    *("shape-symbolic-last", "shape-symbolic-second", "shape-symbolic-relu"),
    *("shape-symbolic-product", "input-identity-n-last", "input-call-sum"),
    *("input-call-namesakes", "input-call-identity-n", "random-call", "random-function"),
    *("input-many-hops", *OF_EACH_KIND),
)
_RARELY_PLACED: Deviations = {
    f"input-in-{place}": {"inside": place, "source": "input"} for place in ("while", "if-many")
}
AMONG_OTHERS = frozenset({**_RARE, **_RARELY_PLACED})
"""Rare ways from a weight, which the gate has only in its networks."""

MORE_SOURCES: Deviations = {
    **_OLDER,
    **_RARE,
    **sources(
        # constant
        *("many-forms", "many-calls", "mul-control", "fake-quant", "identity-n-second"),
        "call-output",
        # dynamic by one operand
        *("input-order", "input-concat-third", "input-concat-axis"),
        *("input-split-axis", "input-indices", "input-gather-axis", "input-condition"),
        *("input-else", "input-begin", "input-size", "input-steps", "input-multiples"),
        *("input-paddings", "input-fill-shape", "input-broadcast-shape", "input-bound"),
        *("input-last-of-three", "input-times-variable", "input-random-shape"),
        *("input-random-seed", "input-dequantize-range"),
        # dynamic in other ways
        *("input-identity-twelve", "input-fake-quant", "input-default-identity"),
        *("input-identity-n-second", "input-call-output", "input-call-stateful"),
        *("input-call-control", "ones-symbolic", "zeros-symbolic"),
        *("iterator-sync", "iterator-mul", "queue-identity"),
        *("random-integers", "random-gamma", "random-poisson", "random-parameterized"),
        *("random-multinomial", "random-shuffle"),
    ),
}
"""Further ways in which a weight can change, or not."""

PLAIN_ONLY = frozenset(
    {
        *_OLDER,
        *("input-size", "input-steps", "input-multiples", "input-paddings", "input-fill-shape"),
        *("input-gather-axis", "input-split-axis", "input-concat-axis", "input-broadcast-shape"),
        *("input-random-seed", "ones-symbolic", "zeros-symbolic", "iterator-mul"),
        *("queue-identity", "input-call-stateful", "input-dequantize-range", "input-begin"),
        *("random-integers", "random-gamma", "random-poisson", "random-parameterized"),
        *("input-else", "input-call-control", "input-random-shape", "input-five-hops-reversed"),
        *("random-multinomial", "random-shuffle", "input-identity-n-second"),
        *("input-identity-twelve", "input-default-identity", "iterator-sync"),
    }
)
"""Forbidden ones: that a layer is left in float is only reported in two contexts."""

VARIABLE = ("input", "input-identity", "input-transpose", "input-mul", "iterator", "random")
"""Sources of a second factor in products of two variables."""

IN_CALL: Deviations = {"input-in-call": {"inside": "call", "source": "input"}}

_WRITTEN: Deviations = {
    "transpose-reversed": {"source": "transpose", "switches": ("reversed", "ports")},
    "input-reversed": {"source": "input", "switches": ("reversed",)},
    "input-identity-scopes": {
        "source": "input-identity",
        "switches": ("scopes", "reversed"),
    },
}
FEW_PLACED: Deviations = {
    **IN_CALL,
    "input-in-nested": {"inside": "nested", "source": "input"},
    **_WRITTEN,
}
PLACED: Deviations = {
    **IN_CALL,
    **{
        f"{name}-in-{place}": {"inside": place, "source": name}
        for place, name in (
            ("function", "input"),
            ("if", "input-mul-second"),
            ("nested", "input"),
        )
    },
    **_RARELY_PLACED,
    **_WRITTEN,
    "input-scoped": {"source": "input", "switches": ("scoped",)},
    "input-alike": {"source": "input", "switches": ("alike", "reversed")},
    "input-five-hops-reversed": {"source": "input-five-hops", "switches": ("reversed",)},
    "input-split-ports": {"source": "input-split", "switches": ("ports",)},
}
"""Weights of layers in functions, and in files that are written in other ways."""
