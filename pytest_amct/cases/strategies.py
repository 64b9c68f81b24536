"""Hypothesis strategies for cases: any deviation of a row, with variations that must not matter."""

from __future__ import annotations

from collections.abc import Set

from hypothesis import strategies as st

from pytest_amct.cases import onnx_catalog
from pytest_amct.cases.onnx_requests import needs
from pytest_amct.cases.plan import CONTEXTS, Case
from pytest_amct.errors import UsageError

_OPSETS = tuple(name for name in onnx_catalog.VARIATIONS if name.startswith("opset"))
_OTHERS = tuple(name for name in onnx_catalog.VARIATIONS if not name.startswith("opset"))


def onnx_cases(*, row: str, condition: str | None = None) -> st.SearchStrategy[Case]:
    """ONNX cases of a table row, such as ``uniform/onnx/Conv``: its conforming layer with at most
    one deviation, in either context, under any variation that concerns no condition.

    `condition` (its last part, such as ``dilation_d``) narrows the deviations to one condition.
    Shrinks towards the conforming layer without variations. Raises `UsageError` for an unknown row.
    """
    prefix = row if condition is None else f"{row}/{condition}"
    groups = [
        g
        for g in onnx_catalog.groups()
        if g == prefix or (condition is None and g.startswith(f"{row}/"))
    ]
    if not groups:
        raise UsageError(f"{prefix!r} has no cases: rows are named like 'uniform/onnx/Conv'")
    return st.one_of([group_cases(group) for group in groups])


def group_cases(group: str, declared: Set[str] = frozenset()) -> st.SearchStrategy[Case]:
    """Cases of one condition or row id, see `onnx_cases`."""
    found = onnx_catalog.deviations(group)
    opsets = () if "/unlisted/" in group else _OPSETS
    return st.builds(
        lambda deviation, context, opset, others: onnx_catalog.make_case(
            group, deviation, context, (*opset, *sorted(others))
        ),
        st.sampled_from([n for n, c in found.items() if needs(c) <= declared]),
        st.sampled_from(CONTEXTS),
        st.sampled_from([(), *((name,) for name in opsets)]),
        st.sets(st.sampled_from(_OTHERS)),
    )
