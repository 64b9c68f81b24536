"""Property tests over the tables: a quantizer's decisions against what may be quantized."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_amct.audit import check_model
from pytest_amct.results import Result
from pytest_amct.runner import Runner

if TYPE_CHECKING:
    from pytest_amct.explore import Explorer

Report = Callable[[Result], None]


@pytest.fixture(scope="session")
def amct(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """Runs cases through the quantizer, one for all tests of a process."""
    with _suite(request).running() as runner:
        yield runner


@pytest.fixture
def explorer(amct: Runner, request: pytest.FixtureRequest) -> Explorer:
    """Lets Hypothesis explore; shows how far it is."""
    from pytest_amct.explore import Explorer

    return Explorer(amct, _suite(request).progress)


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Hands a result to the report, and fails the test if there is a reason."""
    return partial(_suite(request).hand_over, request.node)


def _suite(request: pytest.FixtureRequest) -> Any:
    return request.config.pluginmanager.get_plugin("amct-suite")


def test_quantizes_something(amct: Runner, report: Report, framework: str) -> None:
    """A quantizer that quantizes nothing keeps every rule; it is not what anybody wants."""
    report(amct.check_alive(framework))


def test_metamorphic(explorer: Explorer, report: Report, change: str) -> None:
    """What the tables do not speak of moves no decision."""
    report(explorer.check_metamorphic(change))


def test_explore(explorer: Explorer, report: Report, condition: str) -> None:
    """As `test_condition`, on what Hypothesis draws: alone and in networks."""
    report(explorer.check(condition))


def test_networks(explorer: Explorer, report: Report, framework: str) -> None:
    """In networks of many layers no layer is quantized that the tables forbid."""
    report(explorer.check_networks(framework))


def test_condition(amct: Runner, report: Report, condition: str) -> None:
    """No layer that the condition forbids is quantized; none that is owed is left in float."""
    report(amct.check(condition))


def test_model(amct: Runner, report: Report, model: str) -> None:
    """One model, judged as it is."""
    report(check_model(amct, Path(model)))
