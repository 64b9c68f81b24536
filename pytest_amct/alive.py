"""Tries a quantizer on the plainest layers: does it return anything usable, in which opsets?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache

from pytest_amct.cases import catalog
from pytest_amct.cases.plan import USUAL_OPSET, Case
from pytest_amct.decisions.decision import Outcome
from pytest_amct.ids import ConditionId


@cache
def plain_cases(framework: str) -> tuple[Case, ...]:
    """Return the plainest case of each row of table 1, in both contexts."""
    listed = catalog.groups(frameworks=(framework,))
    rows = [g for g in listed if (id_ := ConditionId.parse(g)).is_row and id_.table == "uniform"]
    plain = [catalog.make_case(row, "default") for row in rows]
    return (*plain, *(catalog.make_case(c.group, c.deviation, "chain") for c in plain))


def came_back(outcome: Outcome) -> bool:
    """Return whether the quantizer answered. Refused and unsupported are answers, too."""
    return outcome.status in ("decided", "refused", "unsupported")


def nothing_came_back(quantizer: str, framework: str, outcomes: Iterable[Outcome]) -> str:
    """Return why the framework is not judged further, "" if any outcome is an answer."""
    seen = []
    for outcome in outcomes:
        if came_back(outcome):
            return ""
        seen.append(outcome)
    count = Counter(outcome.status for outcome in seen)
    ways = ", ".join(f"{number} {status}" for status, number in sorted(count.items()))
    return (
        f"{framework}: {quantizer} gave no usable result for any of {len(seen)} plain layers"
        f" ({ways}; the first: {seen[0].message}), so {framework} was not judged further"
    )


def newest_opset(call: Callable[[Case], Outcome]) -> int:
    """Return the newest opset in which a quantizer handles what it handles in the usual one.

    `call` gives a case to the quantizer. A tool need not know every opset that the installed onnx
    knows, and its validator must be able to run the results.
    """

    def handles(case: Case) -> bool:
        outcome = call(case)
        return outcome.status == "decided" and not outcome.unvalidated

    plain = [case for case in plain_cases("onnx") if case.context == "plain" and handles(case)]
    opsets = {c["opset"]: name for name, c in catalog.variations("onnx").items() if "opset" in c}
    for opset in sorted((n for n in opsets if plain and n > USUAL_OPSET), reverse=True):
        newer = (catalog.with_variation(case, opsets[opset]) for case in plain)
        if all(case is not None and handles(case) for case in newer):
            return opset
    return USUAL_OPSET
