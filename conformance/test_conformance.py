"""The conformance tests: a quantizer's decisions against the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_amct.given_model import check_model, not_taken
from pytest_amct.ids import METAMORPHIC, NETWORKS, ConditionId
from pytest_amct.results import Result
from pytest_amct.runner import Runner
from pytest_amct.together import check_networks

if TYPE_CHECKING:
    from pytest_amct.explore import Explorer

Report = Callable[[Result], None]


@pytest.fixture(scope="session")
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    """Return the runner of this process, which all tests share."""
    with _suite(request).running() as runner:
        yield runner


@pytest.fixture
def explorer(runner: Runner, request: pytest.FixtureRequest) -> Explorer:
    """Return an explorer, which draws examples with Hypothesis and shows its progress."""
    from pytest_amct.explore import Explorer

    return Explorer(runner, _suite(request).progress)


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Return a function that stores a test's result and fails the test if the result says so."""
    return partial(_suite(request).hand_over, request.node)


def _suite(request: pytest.FixtureRequest) -> Any:
    return request.config.pluginmanager.get_plugin("amct-suite")


def test_quantizes_something(runner: Runner, report: Report, framework: str) -> None:
    """The quantizer quantizes at least one plain layer. Otherwise it would violate nothing."""
    report(runner.check_alive(framework))


def test_metamorphic(explorer: Explorer, report: Report, change: str) -> None:
    """A change that no table distinguishes changes no decision."""
    framework, _, name = change.rpartition("/")
    group = str(ConditionId(METAMORPHIC, framework or "onnx", name))
    check = lambda mine: mine.check_metamorphic(name, framework or "onnx")  # noqa: E731
    report(explorer.everywhere(check, group))


def test_explore(explorer: Explorer, report: Report, condition: str) -> None:
    """`test_condition` on examples from Hypothesis: single layers and networks."""
    report(explorer.everywhere(lambda mine: mine.check(condition), condition))


def test_networks(explorer: Explorer, report: Report, framework: str) -> None:
    """In networks of many layers, no layer that the tables forbid is quantized."""
    group = str(ConditionId(NETWORKS, framework))
    report(explorer.everywhere(lambda mine: mine.check_networks(framework), group))


def test_condition(runner: Runner, report: Report, condition: str) -> None:
    """No layer that the condition forbids is quantized, and no expected layer is float."""
    report(runner.everywhere(lambda mine: mine.check(condition), condition))


def test_together(runner: Runner, report: Report, framework: str) -> None:
    """`test_networks` on the layers of the gate, side by side in a few networks."""
    group = str(ConditionId(NETWORKS, framework))
    report(runner.everywhere(lambda mine: check_networks(mine, framework), group))


def test_model(runner: Runner, report: Report, request: pytest.FixtureRequest, model: str) -> None:
    """The quantizer treats the layers of the given model as the tables allow."""
    path = _suite(request).models[model]
    if why := not_taken(runner, path):
        pytest.skip(why)
    report(runner.everywhere(lambda mine: check_model(mine, path, model)))
