"""The quick profile: few cases of the gate that catch what the gate catches."""

from __future__ import annotations

import pytest
from eager_quantizers import gate_models
from machine_mistakes import mistakes_of
from quick import Wanted, by_machine, choose, conditions, names, shows, wanted_of
from toy_repository import CHEAP, ToyRepository

from pytest_amct.alive import plain_cases
from pytest_amct.cases import catalog, quick
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.gate import Gate
from pytest_amct.ids import condition_of
from pytest_amct.reports.badge import badge
from pytest_amct.tables.loader import load_spec

CASES = frozenset(quick.ranks())
EVERY = [(framework, name) for framework in FRAMEWORKS for name in names(framework)]
PART = EVERY[len(EVERY) % 12 :: 12]


def enumerated(framework: str, declared: frozenset[str] = frozenset()) -> set[str]:
    groups = catalog.groups(declared, (framework,))
    return {case.id for group in groups for case in catalog.gate_cases(group, declared)}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_it_is_at_most_a_sixth_of_the_gate(framework: str) -> None:
    every = enumerated(framework)
    assert 0 < len(every & CASES) <= len(every) / 6


def test_the_list_names_cases_of_the_gate_once() -> None:
    declared = frozenset(
        "nonuniform weight_only channel_wise asymmetric tensor_quantize skip_layers"
        " skip_layer_types".split()
    )
    known = set[str]().union(*(enumerated(framework, declared) for framework in FRAMEWORKS))
    assert known >= CASES
    listed = quick.LIST.read_text("utf-8").split()
    assert len(listed) == len(set(listed))


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_each_condition_is_kept_and_violated(framework: str) -> None:
    missing = [want.name for want in conditions(framework) if not want.is_shown(CASES)]
    assert missing == []


@pytest.mark.slow
@pytest.mark.parametrize(("framework", "name"), PART, ids=[name for _, name in PART])
def test_a_wrong_quantizer_is_caught(framework: str, name: str) -> None:
    want = wanted_of(framework, name)
    assert want.ways and want.is_shown(CASES)


@pytest.mark.slow
def test_mistakes_by_machine_are_caught() -> None:
    caught = by_machine("caffe", 60)
    shown = [want for want in caught if want.is_shown(CASES)]
    assert len(caught) >= 12
    assert len(shown) >= 0.9 * len(caught)


@pytest.mark.slow
def test_a_layer_that_is_left_in_float_is_shown_in_both_contexts() -> None:
    (mistake,) = (
        m
        for m in mistakes_of("caffe")
        if (m.was, m.now) == ("together = [*item.reads, *item.makes]", "together = [*item.reads]")
    )
    ways = [*shows("caffe", mistake, gate_models("caffe"))]
    assert ways
    for way in ways:
        plain, other = sorted(way)
        assert other == f"{plain}:chain"


def wanted(name: str, *ways: str) -> Wanted:
    return Wanted(name, tuple(frozenset(way.split()) for way in ways))


def test_the_choice_shows_everything_then_mistakes_by_machine_then_all_once_more() -> None:
    whole = frozenset("abcdefghijklmnopqr")  # of which a sixth is 3
    first = [wanted("x", "a", "b"), wanted("y", "b"), wanted("in float", "c d")]
    machine = [wanted("m", "e"), wanted("n", "f g", "e"), wanted("o", "h")]
    assert choose(first, machine, whole) == ["b", "c", "d"]
    twice = whole | {case.upper() for case in whole}
    assert choose(first, machine, twice) == ["b", "c", "d", "e", "h", "a"]
    assert choose(first, [], twice) == ["b", "c", "d", "a"]


def test_what_catches_most_comes_first() -> None:
    gate = Gate(load_spec(), quick=True)
    first = [quick.first_of(group) for group in gate.groups]
    assert first == sorted(first) and len(set(first)) > 10
    assert sorted([*gate.groups, "networks/onnx"]) == sorted(Gate(load_spec()).groups)
    for group in gate.groups:
        places = [quick.ranks()[case.id] for case in gate.enumerated(group)]
        assert places == sorted(places)


def test_a_wrong_quantizer_fails_in_a_quick_run(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    run = repository.amct("--amct-profile=quick", "--amct-report=rep", "--tb=no")
    assert run.code == 1
    report = repository.report()
    assert report["profile"] == "quick"
    assert badge(report)["message"].startswith("incomplete")
    assert " cases of the quick profile" in run.out
    failed = {f["condition"] for f in report["findings"]}
    assert CHEAP in failed and all("/Gemm" in condition for condition in failed)
    plain = {case.id for case in plain_cases("onnx")}  # shown first: does anything come back?
    listed = enumerated("onnx") & CASES | plain
    again = {id_ for id_ in listed if id_.removesuffix(":chain") in listed - {id_}}
    assert len(listed) - len(again) < report["cases"] < len(listed)
    shown = {f["case"] for f in report["findings"]}
    assert shown <= CASES and {condition_of(case) for case in shown} == failed
    repository.ini()
    assert repository.amct("--amct-profile=quick", "--tb=no").code == 0
