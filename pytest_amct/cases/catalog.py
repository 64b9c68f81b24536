"""Which cases there are, by group: conditions, rows, the Float16 rule, types without a row.

Each framework's are data in modules of its own: ``onnx_rows``, ``onnx_requests`` ...
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any

from pytest_amct.cases.plan import Case, Changes, Context, Deviations, Plan
from pytest_amct.cases.requests import needs
from pytest_amct.errors import UsageError
from pytest_amct.options import FRAMEWORKS


@dataclass(frozen=True, slots=True)
class Group:
    """The cases of one condition (or row): the conforming layer and what deviates from it."""

    default: Plan
    deviations: Deviations


def rows(framework: str) -> Any:
    """The module with a framework's conforming layers, deviations and variations."""
    return import_module(f"pytest_amct.cases.{framework}_rows")


def writer(framework: str) -> Any:
    """The module that writes a framework's models: `build` of a case, `build_network`."""
    return import_module(f"pytest_amct.cases.{framework}_writer")


@cache
def _groups(framework: str) -> Mapping[str, Group]:
    if framework not in FRAMEWORKS:
        return MappingProxyType({})
    listed, found = rows(framework), dict[str, Group]()
    for row, by_condition in listed.DEVIATIONS.items():
        for condition, deviations in by_condition.items():
            id_ = f"uniform/{framework}/{row}" + (f"/{condition}" if condition else "")
            found[id_] = Group(listed.DEFAULTS[row], deviations)
    for row in listed.FLOAT16_ROWS:
        found[f"float16/{framework}/{row}"] = Group(listed.DEFAULTS[row], listed.FLOAT16)
    for name, plan in listed.UNLISTED.items():
        found[f"uniform/{framework}/unlisted/{name}"] = Group(plan, {"plain": {}})
    requested = import_module(f"pytest_amct.cases.{framework}_requests").REQUESTED
    for (row, condition), deviations in requested.items():
        id_ = row + (f"/{condition}" if condition else "")
        found[id_] = Group(listed.DEFAULTS[row.rpartition("/")[2]], deviations)
    return MappingProxyType(found)


def groups(declared: Set[str] = frozenset(), frameworks: Sequence[str] = ("onnx",)) -> list[str]:
    """Ids that cases belong to, in the document's order.

    `declared` are the schemes and settings beyond plain uniform quantization that may be asked for.
    """
    return [
        id_
        for framework in frameworks
        for id_, group in _groups(framework).items()
        if any(needs(changes) <= declared for changes in group.deviations.values())
    ]


def deviations(group: str) -> Deviations:
    """The deviations of a group by name. Raises `UsageError` if there is no such group."""
    return _group(group).deviations


def _group(id_: str) -> Group:
    found = _groups(framework_of(id_)).get(id_)
    if found is None:
        raise UsageError(f"{id_!r} is no condition or row that has cases")
    return found


def framework_of(id_: str) -> str:
    """The framework that an id of a condition, row or case names, ``""`` if none."""
    return id_.split("@")[0].split("/")[1] if "/" in id_.split("@")[0] else ""


def variations(framework: str) -> Mapping[str, Changes]:
    """Changes that concern no condition, by name."""
    found: Mapping[str, Changes] = rows(framework).VARIATIONS
    return found


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
    known_variations = rows(framework_of(group)).VARIATIONS
    for name in variations:
        if name not in known_variations:
            raise UsageError(f"{name!r} is no variation: they are {', '.join(known_variations)}")
        # A variation never undoes the deviation: what both change stays the deviation's.
        variation = known_variations[name].items()
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
