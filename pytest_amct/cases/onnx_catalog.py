"""Which ONNX cases there are, by group: conditions, rows, the Float16 rule, types without a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from pytest_amct.cases.onnx_requests import REQUESTED, needs
from pytest_amct.cases.onnx_rows import DEFAULTS, DEVIATIONS, FLOAT16, UNLISTED, Changes, Deviations
from pytest_amct.cases.plan import Case, Context, Plan
from pytest_amct.errors import UsageError

_FLOAT16_ROWS = ("AveragePool", "MaxPool", "Add")

VARIATIONS: Mapping[str, Changes] = {
    "opset13": {"opset": 13},
    "opset17": {"opset": 17},
    "opset19": {"opset": 19},
    "batch": {"symbolic_batch": True},
    "clutter": {"beside": ("clutter",)},
    "tail": {"beside": ("tail",)},
}
"""Changes that concern no condition; examples combine them with any deviation."""


@dataclass(frozen=True, slots=True)
class Group:
    """The cases of one condition (or row): the conforming layer and what deviates from it."""

    default: Plan
    deviations: Deviations


@cache
def _groups() -> Mapping[str, Group]:
    found: dict[str, Group] = {}
    for row, by_condition in DEVIATIONS.items():
        for condition, deviations in by_condition.items():
            id_ = f"uniform/onnx/{row}" + (f"/{condition}" if condition else "")
            found[id_] = Group(DEFAULTS[row], deviations)
    for row in _FLOAT16_ROWS:
        found[f"float16/onnx/{row}"] = Group(DEFAULTS[row], FLOAT16)
    for name, plan in UNLISTED.items():
        found[f"uniform/onnx/unlisted/{name}"] = Group(plan, {"plain": {}})
    for (row, condition), deviations in REQUESTED.items():
        id_ = row + (f"/{condition}" if condition else "")
        found[id_] = Group(DEFAULTS[row.rpartition("/")[2]], deviations)
    return MappingProxyType(found)


def groups(declared: Set[str] = frozenset()) -> list[str]:
    """Ids that cases belong to, in the document's order.

    `declared` are the schemes and settings beyond plain uniform quantization that may be asked for.
    """
    return [
        id_
        for id_, group in _groups().items()
        if any(needs(changes) <= declared for changes in group.deviations.values())
    ]


def deviations(group: str) -> Deviations:
    """The deviations of a group by name. Raises `UsageError` if there is no such group."""
    return _group(group).deviations


def _group(id_: str) -> Group:
    if id_ not in _groups():
        raise UsageError(f"{id_!r} is no condition or row that has cases")
    return _groups()[id_]


def make_case(
    group: str, deviation: str, context: Context = "plain", variations: tuple[str, ...] = ()
) -> Case:
    """The case of that name. Raises `UsageError` if a part of it does not exist."""
    found = _group(group)
    if deviation not in found.deviations:
        known = ", ".join(found.deviations)
        raise UsageError(f"{group!r} has no case {deviation!r}: it has {known}")
    changes = found.deviations[deviation]
    plan = found.default
    for name in variations:
        if name not in VARIATIONS:
            raise UsageError(f"{name!r} is no variation: they are {', '.join(VARIATIONS)}")
        # A variation never undoes the deviation: what both change stays the deviation's.
        variation = VARIATIONS[name].items()
        plan = plan.with_({k: v for k, v in variation if k == "beside" or k not in changes})
    return Case(group, deviation, plan.with_({**changes, "context": context}), context, variations)


def gate_cases(group: str, declared: Set[str] = frozenset()) -> Iterator[Case]:
    """All enumerated cases of a group that may be asked for, in both contexts."""
    for deviation, changes in deviations(group).items():
        if needs(changes) <= declared:
            yield make_case(group, deviation)
            if not changes.get("inside") and changes.get("dtype") != "int64":
                yield make_case(group, deviation, "chain")


def parse_case(id_: str) -> Case:
    """The case of an id, as reports print it. Raises `UsageError` if it names none."""
    group, at, rest = id_.partition("@")
    if not at:
        raise UsageError(f"{id_!r} is no case id: it needs the form condition@deviation")
    name, *variations = rest.split("+")
    deviation, colon, context = name.partition(":")
    if colon and context != "chain":
        raise UsageError(f"{id_!r}: {context!r} is no context")
    return make_case(group, deviation, "chain" if colon else "plain", tuple(variations))
