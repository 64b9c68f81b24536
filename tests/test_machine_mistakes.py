"""The gate catches most mistakes that a machine makes in the second opinions."""

from __future__ import annotations

import machine_mistakes
import pytest
import second_opinion_caffe
from eager_quantizers import OPINIONATED
from machine_mistakes import Tried, mistakes_of, rate, told, try_all
from mistakes import Mistake

from pytest_amct.frameworks import FRAMEWORKS

LEAST = 0.9
"""Of so few mistakes, a single one that the gate does not catch is several percent."""

pytestmark = pytest.mark.slow  # it takes seconds to make the mistakes


@pytest.fixture(scope="module")
def caffe() -> list[Mistake]:
    return mistakes_of("caffe")


def one(mistakes: list[Mistake], was: str, now: str) -> Mistake:
    (found,) = (m for m in mistakes if (m.was, m.now) == (was, now))
    return found


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_most_mistakes_are_caught(framework: str) -> None:
    found = try_all(framework, mistakes_of(framework, 60), 100, networks=False)
    assert sum(tried.kind == "killed" for tried in found) >= 8
    assert rate(found) >= LEAST, told(framework, found)


def test_each_kind_of_mistake_is_told_apart(caffe: list[Mistake]) -> None:
    wanted = {
        "killed": one(caffe, "elif mode == 0:", "elif mode == 1:"),
        "easy": one(caffe, "items = [", "pass"),
        "equivalent": one(caffe, 'if letter == "B":', "if False:"),
    }
    found = try_all("caffe", [*wanted.values()], 0)
    assert [tried.kind for tried in found] == [*wanted]


def test_a_mistake_that_no_test_catches_survives(
    caffe: list[Mistake], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_mistakes.GateTests, "finding", lambda tests, changed: "")
    mistake = one(caffe, "elif mode == 0:", "elif mode == 1:")
    found = try_all("caffe", [mistake], 0)
    assert [tried.kind for tried in found] == ["survivor"]
    assert rate(found) == 0
    assert "1 survive, which settings/caffe/Pooling/tensor_quantize@absent" in told("caffe", found)


def test_a_changed_module_is_changed_back(caffe: list[Mistake]) -> None:
    mistake = one(caffe, "elif mode == 0:", "elif mode == 1:")
    before = second_opinion_caffe.pooling.__code__
    with OPINIONATED["caffe"].module.changed(mistake):
        assert second_opinion_caffe.pooling.__code__ != before
    assert second_opinion_caffe.pooling.__code__ is before


def test_the_easy_ones_are_not_part_of_the_rate(caffe: list[Mistake]) -> None:
    kinds = ["easy: it raises", "killed: a condition", "killed: another", ""]
    found = [Tried(mistake, gate) for mistake, gate in zip(caffe, kinds, strict=False)]
    assert rate(found) == 1
