"""What the tables say of a run's waivers: whether their ids exist and still read as they did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pytest_amct.cases import catalog, metamorphic
from pytest_amct.cases.metamorphic import parse_metamorphic
from pytest_amct.cases.networks import parse_case
from pytest_amct.errors import AmctError, UsageError
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.ids import NETWORKS, ConditionId, condition_of, is_case
from pytest_amct.quantizers.protocol import EVERYTHING
from pytest_amct.reports.pages import ids
from pytest_amct.reports.statements import reading
from pytest_amct.tables.comparing import compare, row_ids, statements
from pytest_amct.tables.loader import load_spec
from pytest_amct.tables.model import Spec
from pytest_amct.waivers import Waiver
from pytest_amct.wording import instead, printable


def check_waivers(waivers: Iterable[Waiver], releases: Sequence[str]) -> None:
    """Raise `UsageError` for a waiver that cannot be meant as it is.

    Its id is unknown to all of these releases, or its condition reads otherwise in the first one
    than in the release that it was written for.
    """
    known: list[str] = []
    for waiver in waivers:
        known = known or _known_ids([load_spec(name) for name in releases])
        if waiver.release:
            _check_release(waiver, releases[0])
        _check_id(waiver, known)


def _known_ids(specs: Sequence[Spec]) -> list[str]:
    """Return every id that a finding may be about, under any of these releases."""
    found = dict.fromkeys(ids({spec.source: spec for spec in specs}))
    found |= dict.fromkeys(row_ids(specs))
    for spec in specs:
        found |= dict.fromkeys(catalog.groups(EVERYTHING, FRAMEWORKS, spec))
    for framework in FRAMEWORKS:
        found[str(ConditionId(NETWORKS, framework))] = None
        for change in metamorphic.changes(framework):
            found[metamorphic.condition(change, framework)] = None
    return [*found]


def _check_id(waiver: Waiver, known: Sequence[str]) -> None:
    """Raise `UsageError` for an id that no finding can be about."""
    condition = condition_of(waiver.id)
    about = ConditionId.parse(condition)
    foreign = about.is_unlisted and "::" in about.name  # only in models that users bring
    if "*" in waiver.id:
        raise UsageError(
            f"{waiver.place}: {printable(waiver.id)} is a pattern: a waiver names one condition,"
            " row or case, so that it hides nothing new"
        )
    if condition not in known and not foreign:
        raise UsageError(
            f"{waiver.place}: {printable(waiver.id)} is not a condition{instead(condition, known)}"
        )
    if is_case(waiver.id):
        parse: Callable[[str], object] = parse_metamorphic if about.is_metamorphic else parse_case
        try:
            parse(waiver.id)
        except AmctError as error:
            raise UsageError(f"{waiver.place}: {error}") from None


def _check_release(waiver: Waiver, release: str) -> None:
    """Raise `UsageError` if the condition reads otherwise than when the waiver was written."""
    try:
        before, spec = load_spec(waiver.release), load_spec(release)
    except AmctError as error:
        raise UsageError(f"{waiver.place}: {error}") from None
    condition = condition_of(waiver.id)
    change = compare(before, spec).touched.get(condition)
    if change in (None, "not seen"):
        return
    raise UsageError(
        f"{waiver.place}: the waiver of {waiver.id} was written for {before.title}"
        f"{_as_read(before, condition)}; {spec.title} reads otherwise{_as_read(spec, condition)}:"
        f' decide again, and write release = "{release}", or remove the waiver'
    )


def _as_read(spec: Spec, condition: str) -> str:
    """Return how a release reads a condition, in brackets; ``""`` for a row as a whole."""
    if ConditionId.parse(condition).is_row:
        return ""
    for row in row_ids([spec]):
        said = statements(spec, row).get(condition)
        if said:
            return f" ({reading(said)})"
    return " (nothing about it)"
