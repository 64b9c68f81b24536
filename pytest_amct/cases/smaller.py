"""Cases that are a little smaller than a drawn one, so that a failure can be shown on the smallest.

Hypothesis shrinks what it draws. A drawn deviation is shrunk further by its name: Hypothesis does
not know which of its numbers decide about a part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from pytest_amct.cases import catalog
from pytest_amct.cases.drawing import is_drawn
from pytest_amct.cases.networks import AnyCase, NetworkCase
from pytest_amct.errors import UsageError

_Made = Callable[[], AnyCase]


def smaller(case: AnyCase) -> Iterator[AnyCase]:
    """Yield smaller variants of a case with drawn deviations, the smallest ones first."""
    for found in _smaller(case):
        try:
            yield found()
        except UsageError:  # a change that needs another one that is gone
            continue


def _smaller(case: AnyCase) -> Iterator[_Made]:
    if isinstance(case, NetworkCase):
        yield from _of_network(case)
        return
    group, deviation, variations = case.group, case.deviation, case.variations
    if case.context != "plain":
        yield partial(catalog.make_case, group, deviation, "plain", variations)
    for name in variations:
        left = tuple(v for v in variations if v != name)
        yield partial(catalog.make_case, group, deviation, case.context, left)
    for other in catalog.smaller_deviations(group, deviation):
        yield partial(catalog.make_case, group, other, case.context, variations)


def _of_network(case: NetworkCase) -> Iterator[_Made]:
    if case.target is not None:
        target = case.items[case.target]
        yield partial(catalog.make_case, target.group, target.deviation)
    for at in range(len(case.items)):
        if at != case.target and len(case.items) > 1:
            yield partial(_without, case, at)
    for at, item in enumerate(case.items):
        for other in catalog.smaller_deviations(item.group, item.deviation):
            items = [*case.items]
            items[at] = replace(item, deviation=other)
            yield partial(_checked, replace(case, items=tuple(items)))


def _without(case: NetworkCase, at: int) -> NetworkCase:
    """Return a network without a layer. What has read its result reads an input."""

    def back(distance: int, place: int) -> int:
        maker = place - distance
        return 0 if maker == at else distance - (maker < at < place)

    items = tuple(
        replace(item, back=back(item.back, i), second=back(item.second, i))
        for i, item in enumerate(case.items)
        if i != at
    )
    target = case.target
    return replace(case, items=items, target=target - (at < target) if target is not None else None)


def _checked(case: NetworkCase) -> NetworkCase:
    for item in case.items:
        if is_drawn(item.deviation):
            catalog.make_case(item.group, item.deviation)
    return case
