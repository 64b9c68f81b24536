"""Two independent implementations of docs/reading.md must agree on every layer."""

from __future__ import annotations

import os
import warnings
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from random import Random

import onnx
import pytest
from comparing import DECLARED, PLAIN, Pair, Seen, agree, compared, few, nowhere, told, unseen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import ModelProto
from random_graphs import random_model, random_models
from releases import RELEASES
from second_opinion import Reader, opinions

import pytest_amct
from pytest_amct.cases.catalog import gate_cases, groups

LIGHT = sorted(Path(onnx.__file__).parent.glob("backend/test/data/light/*.onnx"))
ROWS = [row.id for row in pytest_amct.load_spec().rows if row.id.startswith("uniform/onnx/")]
FUZZ = int(os.environ.get("AMCT_FUZZ", "300"))


def differences(
    model: ModelProto, pairs: Iterable[Pair] = PLAIN, seen: Seen | None = None
) -> list[str]:
    """Both answers on each layer on which the two disagree.

    One difference is allowed: if several layers call a function, the product may know less than an
    opinion that follows each call separately. It must never claim to know more.
    """
    network, read = pytest_amct.read_onnx(model), Reader(model)
    assert [layer.type for layer in network.layers] == [layer.node.op_type for layer in read.layers]
    called_twice = any(len(function.calls) > 1 for function in network.functions)
    found = []
    for pair in pairs:
        release, done = pair
        others = opinions(read, done, RELEASES[release])
        for layer, ours, other in compared(network.layers, others, pair, seen):
            if agree(ours, other):
                continue
            broken = {reason.condition for reason in ours.broken}
            less = broken < other.broken or (not broken and not other.broken)
            if called_twice and less and ours.verdict in (other.answer, "unspecified"):
                continue
            found.append(told(pair, layer, ours, other))
    return found


@pytest.mark.parametrize("group", groups())
def test_gate_cases(group: str) -> None:
    for number, case in enumerate(gate_cases(group)):
        assert differences(case.build().model, [*PLAIN, few(number)[0]]) == [], case.id


@pytest.mark.slow
@pytest.mark.parametrize("group", groups(DECLARED))
def test_gate_cases_under_every_release(group: str) -> None:
    for number, case in enumerate(gate_cases(group, DECLARED)):
        assert differences(case.build().model, few(number)) == [], case.id


@pytest.mark.parametrize("row", ROWS)
def test_drawn_cases(row: str) -> None:
    @settings(max_examples=60, derandomize=True, database=None, deadline=None)
    @given(pytest_amct.onnx_cases(row=row))
    def agree(case: pytest_amct.Case) -> None:
        assert differences(case.build().model) == [], case.id

    agree()


@pytest.mark.slow
def test_the_node_cases_of_onnx() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # onnx computes the data of its cases when it collects them
        from onnx.backend.test.case.node import collect_testcases

        cases = [case for case in collect_testcases(None) if case.model is not None]
    assert len(cases) > 1000
    found = {case.name: differences(case.model) for case in cases}
    assert {name: several for name, several in found.items() if several} == {}


@pytest.mark.parametrize("path", LIGHT, ids=lambda path: path.stem)
def test_whole_networks_of_the_onnx_wheel(path: Path) -> None:
    assert differences(onnx.load(path)) == []


def test_the_onnx_wheel_contains_networks() -> None:
    assert len(LIGHT) >= 5


def test_two_symbols_in_a_function_are_not_taken_for_one() -> None:
    """The size of the sum of a vector of n and one of m numbers is not known: one may be 1."""
    model = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["": 17, "local": 1]>
        g (float[1, 3, 8, 8] x, float[n] a, float[m] b) => (float y) { y = local.f (x, a, b) }
        <domain: "local", opset_import: ["": 17]>
        f (x, a, b) => (y) {
            sum = Add (a, b)
            size = Shape (sum)
            weight = ConstantOfShape (size)
            y = Conv (x, weight)
        }""")
    for number in range(7):
        assert differences(model, few(number)) == [], number


@pytest.mark.slow
@settings(
    max_examples=FUZZ,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(random_models(), st.integers(0, 6))
def test_random_networks(model: ModelProto, number: int) -> None:
    assert differences(model, few(number)) == []


def compared_networks(count: int) -> Seen:
    seen: Seen = defaultdict(set)
    for seed in range(count):
        assert differences(random_model(Random(seed)), [*PLAIN, *few(seed)], seen) == [], seed
    return seen


def test_random_networks_are_worth_comparing() -> None:
    """Among a few, each condition is violated, and each row has each verdict that it can have."""
    assert nowhere(compared_networks(150), "onnx") == set()


@pytest.mark.slow
def test_random_networks_are_worth_comparing_under_every_release() -> None:
    assert unseen(compared_networks(400), "onnx") == set()
