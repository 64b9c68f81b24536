"""Which releases a run judges by, and which tests they need together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pytest_amct.errors import UsageError
from pytest_amct.gate import Gate, wanted_frameworks
from pytest_amct.options import Settings
from pytest_amct.quantizers.protocol import Quantizer
from pytest_amct.tables.loader import DEFAULT_RELEASE, load_spec, published
from pytest_amct.tables.model import Spec

ALL = "all"
"""Stands for the default release and every other one that speaks of the quantizer's frameworks."""


def with_releases(settings: Settings, quantizer: Quantizer) -> Settings:
    """Return the settings with the names of single releases in place of ``all``.

    Raise `UsageError` for a release of which no row of the quantizer's frameworks was seen.
    """
    frameworks = wanted_frameworks(quantizer, settings)
    names: dict[str, None] = {}
    for name in settings.specs:
        if name == ALL:
            names |= dict.fromkeys(every_release(frameworks))
            continue
        spec = load_spec(name)
        if not seen(spec, frameworks)[0]:
            raise UsageError(
                f"amct_spec: no row of {', '.join(frameworks)} was seen in {spec.title}: use"
                f" {_nearest(name, frameworks)}, the nearest release that was seen whole"
            )
        names[name] = None
    first, *others = names
    return replace(settings, spec=first, more_specs=tuple(others))


def every_release(frameworks: Sequence[str]) -> list[str]:
    """Return the default release and every other one of which a row of the frameworks was seen."""
    spoken = [name for name in published() if seen(load_spec(name), frameworks)[0]]
    return [*dict.fromkeys([DEFAULT_RELEASE, *spoken])]


def releases_for(names: Sequence[str], framework: str) -> list[Spec]:
    """Return the releases to judge one model by, see `load_spec`; ``all`` stands for many."""
    found: dict[str, None] = {}
    for name in names:
        found |= dict.fromkeys(every_release([framework]) if name == ALL else [name])
    return [load_spec(name) for name in found]


def seen(spec: Spec, frameworks: Sequence[str]) -> tuple[int, int]:
    """Return how many rows of table 1 were seen in these frameworks, and how many there are."""
    rows = [r for r in spec.rows if r.table == "uniform" and r.framework in frameworks]
    return sum(row.seen != "no" for row in rows), len(rows)


def _nearest(name: str, frameworks: Sequence[str]) -> str:
    """Return the release nearest in time of which every row of the frameworks was seen."""
    order = published()
    at, guide = order.index(name) if name in order else len(order), name.startswith("amct-")
    whole = [
        other for other in order if (found := seen(load_spec(other), frameworks))[0] == found[1] > 0
    ]
    return min(
        whole, key=lambda other: (other.startswith("amct-") != guide, abs(order.index(other) - at))
    )


def groups_of(quantizer: Quantizer, specs: Sequence[Spec], settings: Settings) -> list[str]:
    """Return the ids that have a test under one of the releases, in the order of the first.

    Raise `UsageError` if a selection matches nothing under any of them.
    """
    found: dict[str, None] = {}
    refused = None
    for spec in specs:
        try:
            found |= dict.fromkeys(Gate.of(quantizer, spec, settings).groups)
        except UsageError as error:
            refused = refused or error
    if refused is not None and not found:
        raise refused
    return [*found]
