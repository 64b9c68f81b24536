"""The content of a gate run: the ids that have a test, and the cases of each."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from pytest_amct.cases import catalog, metamorphic
from pytest_amct.cases.metamorphic import MetamorphicCase, parse_metamorphic
from pytest_amct.cases.networks import AnyCase, parse_case
from pytest_amct.cases.plan import Case
from pytest_amct.cases.quick import first_of, quick_of
from pytest_amct.errors import UsageError
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.ids import (
    NETWORKS,
    CaseId,
    ConditionId,
    is_of_cases,
    is_placed,
    is_within,
    matches,
)
from pytest_amct.options import Settings
from pytest_amct.quantizers.protocol import Quantizer
from pytest_amct.tables.model import Spec, condition_id


@dataclass(frozen=True)
class Gate:
    """The conditions and rows to test under a spec, and their cases."""

    spec: Spec
    #: schemes and settings beyond plain uniform quantization that requests may use
    declared: frozenset[str] = frozenset()
    frameworks: tuple[str, ...] = ("onnx",)
    #: patterns of the selected ids; empty = everything
    select: tuple[str, ...] = ()
    max_examples: int = 0
    #: whether Hypothesis explores networks and metamorphic pairs, too
    explores: bool = False
    #: whether only the quick cases are run, those that catch most first
    quick: bool = False

    @staticmethod
    def of(quantizer: Quantizer, spec: Spec, settings: Settings) -> Gate:
        """Return the gate for a quantizer: requests use only what it declares."""
        declared = frozenset({*quantizer.schemes, *quantizer.settings} - {"uniform"})
        frameworks = frameworks_of(quantizer, settings, spec)
        explores, quick = settings.profile == "explore", settings.profile == "quick"
        select, count = settings.select, settings.max_examples
        return Gate(spec, declared, frameworks, select, count, explores, quick)

    @cached_property
    def every_group(self) -> list[str]:
        """Every id that has a test: rows, conditions, the Float16 rule, unlisted types."""
        groups = [*self._catalogued]
        for condition, row in self.treated.items():
            if condition not in groups and row in groups:
                at = max(i for i, g in enumerate(groups) if is_within(g, row))
                groups.insert(at + 1, condition)
        # A network or pair that ended the process can be selected in any profile.
        placed = self.explores or any(map(is_placed, self.select))
        if placed or not self.quick:
            groups += [str(ConditionId(NETWORKS, f)) for f in self.frameworks]
        if placed:
            groups += [
                metamorphic.condition(change, f)
                for f in self.frameworks
                for change in metamorphic.changes(f)
            ]
        return groups

    @cached_property
    def _catalogued(self) -> list[str]:
        return catalog.groups(self.declared, self.frameworks, self.spec)

    @cached_property
    def groups(self) -> list[str]:
        """The selected ids, in the document's order.

        Raises `UsageError` if a selection matches nothing.
        """
        if not self.select:
            return sorted(self.every_group, key=first_of) if self.quick else self.every_group
        chosen: set[str] = set()
        for given, pattern in zip(self.select, self._patterns, strict=True):
            found = {g for g in self.every_group if self._matches(g, pattern)}
            if not found:
                raise UsageError(
                    f"--amct-select={given} matches no condition, row or case:"
                    " pytest --amct --collect-only -q lists the conditions"
                )
            chosen |= found
        return [g for g in self.every_group if g in chosen]

    @cached_property
    def _patterns(self) -> tuple[str, ...]:
        """The selection, in which what matches no condition means cases."""
        return tuple(self._pattern(given) for given in self.select)

    def _pattern(self, given: str) -> str:
        of_cases = "*" not in given or is_of_cases(given)
        if of_cases or any(matches(group, given) for group in self.every_group):
            return given
        return given.replace("*", "*@*", 1)

    @cached_property
    def _named(self) -> list[AnyCase | MetamorphicCase]:
        """The cases that are selected by their ids."""
        return [_parse(p) for p in self._patterns if is_of_cases(p) and "*" not in p]

    @cached_property
    def treated(self) -> Mapping[str, str]:
        """Conditions on the treatment of a layer, each with its row."""
        return {
            condition_id(row, c): row.id
            for row in self.spec.rows
            for c in row.asked
            if c.on_treatment
        }

    def asserts(self, group: str, condition: str) -> bool:
        """Return whether the test of a group asserts a condition. Network tests assert all.

        A condition on the treatment of layers has its own test, which runs the cases of its row.
        Other tests assert it for cases of other tables: of requests, of other schemes.
        """
        if condition == group or ConditionId.parse(group).is_network:
            return True
        row = self.treated.get(condition)
        return group not in self.treated and (row is None or not is_within(group, row))

    def cases(self, group: str) -> list[AnyCase]:
        """Return the selected cases of a group: enumerated ones, and others selected by id."""
        every: list[AnyCase] = [*self.enumerated(group)]
        if self.is_whole(group):
            return every
        homes = {group, *self._homes(group)}
        patterns = [p for p in self._patterns if is_of_cases(p) and "*" in p]
        found = [c for c in every if any(matches(c.id, p) for p in patterns)]
        if patterns:
            found += [c for c in self._drawn(group) if any(matches(c.id, p) for p in patterns)]
        found += [c for c in self._named if c.group in homes and not isinstance(c, MetamorphicCase)]
        return [*{c.id: c for c in found}.values()]

    def shows_twice(self, group: str) -> bool:
        """Return whether a test shows each layer in both contexts, however it was decided alone.

        Tests that assert how the layers of a row are treated do, and so does that of the row, which
        has the same cases. The same layer may be treated otherwise each time.
        """
        mine = ConditionId.parse(group)
        rows = ((c, ConditionId.parse(c)) for c in self.treated)
        asked = (c for c, id_ in rows if (id_.framework, id_.row) == (mine.framework, mine.row))
        return group in self.treated.values() or any(self.asserts(group, c) for c in asked)

    def again(self, group: str, cases: Iterable[AnyCase]) -> dict[str, AnyCase]:
        """Return those of a group's cases that show a layer again, by the id of the layer alone.

        None of them does for a test that shows each layer twice in any event, or for a user who
        selects single cases and wants to see each of them.
        """
        if not self.is_whole(group) or self.shows_twice(group):
            return {}
        given = {case.id: case for case in cases}
        chained = [c for c in given.values() if isinstance(c, Case) and c.context == "chain"]
        alone = ((str(CaseId.parse(case.id).partner), case) for case in chained)
        return {id_: case for id_, case in alone if id_ in given}

    def partners(self, group: str, cases: Iterable[AnyCase]) -> list[AnyCase]:
        """Return the same layers in the other context, for cases of a group that were selected.

        A layer counts as left in float only if it is so in both contexts.
        """
        if self.is_whole(group):
            return []
        given = {c.id: c for c in cases if isinstance(c, Case)}
        found = (_partner(case) for case in given.values())
        return [case for case in found if case is not None and case.id not in given]

    def pairs(self, group: str) -> list[MetamorphicCase]:
        """Return the metamorphic pairs of a change that were selected by id."""
        return [c for c in self._named if isinstance(c, MetamorphicCase) and c.group == group]

    def examples(self, group: str) -> list[AnyCase]:
        """Return a few varied cases of a group from Hypothesis, the same on every run."""
        return self._drawn(group) if self.is_whole(group) else []

    def _drawn(self, group: str) -> list[AnyCase]:
        if not self.max_examples or not self._homes(group):
            return []
        # Importing Hypothesis takes long, and a run without examples does not need it.
        from pytest_amct.cases.examples import draw_examples

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Hypothesis warns of draws before the collection
            return [*draw_examples(self.home(group), self.max_examples, self.declared)]

    def home(self, group: str) -> str:
        """Return the group whose deviations to draw when testing `group`."""
        return group if group in self._catalogued else self.treated[group]

    def enumerated(self, group: str) -> list[Case]:
        """Return all cases that the test of a condition or row has, none if it has no test."""
        return [case for home in self._homes(group) for case in self._gate_cases(home)]

    def _gate_cases(self, home: str) -> tuple[Case, ...]:
        found = _gate_cases(home, self.declared)
        return quick_of(found) if self.quick else found

    def _homes(self, group: str) -> list[str]:
        """Return the groups whose cases a group runs. Treatment conditions also run their row's."""
        return [g for g in (group, self.treated.get(group)) if g in self._catalogued]

    def is_whole(self, group: str) -> bool:
        """Return whether a group is selected as a whole."""
        chosen = self._patterns
        return not chosen or any(matches(group, p) for p in chosen if not is_of_cases(p))

    def _matches(self, group: str, pattern: str) -> bool:
        if not is_of_cases(pattern):
            return matches(group, pattern)
        if "*" not in pattern:
            return _parse(pattern).group in (group, *self._homes(group))
        enumerated = any(matches(c.id, pattern) for c in self.enumerated(group))
        return enumerated or any(matches(c.id, pattern) for c in self._drawn(group))


@cache
def _gate_cases(home: str, declared: frozenset[str]) -> tuple[Case, ...]:
    """Return the enumerated cases of a group, which are the same for each release."""
    return tuple(catalog.gate_cases(home, declared))


def frameworks_of(quantizer: Quantizer, settings: Settings, spec: Spec) -> tuple[str, ...]:
    """Return the frameworks to judge: those of the quantizer, the user and the release.

    Raises `UsageError` if none is left.
    """
    found = wanted_frameworks(quantizer, settings)
    spoken = tuple(f for f in found if f in spec.frameworks)
    if not spoken:
        raise UsageError(
            f"amct_spec: {spec.title} does not speak of {', '.join(found)}: name another release"
        )
    return spoken


def wanted_frameworks(quantizer: Quantizer, settings: Settings) -> tuple[str, ...]:
    """Return the frameworks that the quantizer declares and the user wants.

    The default of a quantizer that declares none is ONNX, or what the user names. Raises
    `UsageError` if none is left.
    """
    declared, wanted = quantizer.frameworks, settings.frameworks
    found = tuple(f for f in FRAMEWORKS if f in (declared or wanted or ("onnx",)))
    found = tuple(f for f in found if not wanted or f in wanted)
    if not found:
        raise UsageError(
            f"amct_frameworks: {quantizer.name} takes {', '.join(declared)}, not"
            f" {', '.join(wanted)}: name one that it takes"
        )
    return found


def _partner(case: Case) -> AnyCase | None:
    """Return the same layer in the other context, ``None`` if it has only one."""
    try:
        return parse_case(str(CaseId.parse(case.id).partner))
    except UsageError:
        return None


def _parse(id_: str) -> AnyCase | MetamorphicCase:
    return parse_metamorphic(id_) if ConditionId.parse(id_).is_metamorphic else parse_case(id_)
