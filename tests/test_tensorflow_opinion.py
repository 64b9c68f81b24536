"""Two independent implementations of docs/reading.md agree on TensorFlow graphs."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest
from comparing import (
    DECLARED,
    PLAIN,
    Pair,
    Seen,
    agree,
    compared,
    few,
    nowhere,
    told,
    unseen,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from releases import RELEASES
from second_opinion_tensorflow import Reader, opinions
from tensorflow_graphs import random_graph
from tensorflow_weight_sources import CONSTANTS, DYNAMIC
from tiny_graphs import one

import pytest_amct
from pytest_amct.cases.catalog import gate_cases, groups
from pytest_amct.cases.together import gate_networks
from pytest_amct.graphs.tensorflow.files import parse_tensorflow
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.graphs.tensorflow.schema import schema

FUZZ = int(os.environ.get("AMCT_FUZZ", "300"))
ROWS = [r.id for r in pytest_amct.load_spec().rows if r.id.startswith("uniform/tensorflow/")]


def differences(made: Any, pairs: Iterable[Pair] = PLAIN, seen: Seen | None = None) -> list[str]:
    """Both answers on each layer on which the two disagree."""
    network, read = read_tensorflow(made), Reader(made)
    found = []
    for pair in pairs:
        release, done = pair
        others = opinions(read, done, RELEASES[release])
        assert [layer.name for layer in network.layers] == [other.name for other in others]
        for layer, ours, other in compared(network.layers, others, pair, seen):
            if not agree(ours, other):
                found.append(told(pair, layer, ours, other))
    return found


@pytest.mark.slow
@settings(
    max_examples=FUZZ,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.randoms(use_true_random=False), st.integers(0, 6))
def test_two_implementations_agree_on_drawn_graphs(random: Random, number: int) -> None:
    assert differences(random_graph(random), few(number)) == []


def compared_graphs(count: int) -> Seen:
    seen: Seen = defaultdict(set)
    for seed in range(count):
        assert differences(random_graph(Random(seed)), [*PLAIN, *few(seed)], seen) == [], seed
    return seen


def test_two_implementations_agree_on_random_graphs_of_every_verdict() -> None:
    """Among a few, each condition is violated, and each row has each verdict that it can have."""
    assert nowhere(compared_graphs(300), "tensorflow") == set()


@pytest.mark.slow
def test_random_graphs_have_every_verdict_under_every_release() -> None:
    assert unseen(compared_graphs(500), "tensorflow") == set()


@pytest.mark.slow
@pytest.mark.parametrize("group", groups(DECLARED, ("tensorflow",)))
def test_two_implementations_agree_on_gate_cases(group: str) -> None:
    for number, case in enumerate(gate_cases(group, DECLARED)):
        assert differences(parse_tensorflow(case.build().data), few(number)) == [], case.id


def test_two_implementations_agree_on_the_networks_of_the_gate() -> None:
    for case in gate_networks("tensorflow"):
        assert differences(parse_tensorflow(case.build().data)) == [], case.id


@pytest.mark.parametrize(
    "made",
    [
        one("Conv2D", "x", "w", before=before)
        for sources in (CONSTANTS, DYNAMIC)
        for before in sources.values()
    ],
    ids=lambda made: made.node[-2].op,
)
def test_two_implementations_agree_on_weight_sources(made: Any) -> None:
    if {node.op for node in made.node} & {"Neg", "Size"}:
        made = schema().GraphDef.FromString(made.SerializeToString())
        for part in made.node:
            part.op = {"Neg": "Relu", "Size": "Shape"}.get(part.op, part.op)
    assert differences(made) == []
