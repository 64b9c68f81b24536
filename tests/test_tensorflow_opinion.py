"""Two independent implementations of docs/reading.md agree on TensorFlow graphs."""

from __future__ import annotations

import os
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from second_opinion_tensorflow import opinions
from tensorflow_graphs import (
    random_graph,
)
from tensorflow_weight_sources import CONSTANTS, DYNAMIC
from tiny_graphs import one

import pytest_amct
from pytest_amct import Treatment
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.graphs.tensorflow.schema import schema

FUZZ = int(os.environ.get("AMCT_FUZZ", "300"))
ROWS = [r.id for r in pytest_amct.load_spec().rows if r.id.startswith("uniform/tensorflow/")]


def differences(made: Any, **treatment: Any) -> list[str]:
    network, others = read_tensorflow(made), opinions(made, **treatment)
    assert [layer.name for layer in network.layers] == [other.name for other in others]
    found = []
    for layer, other in zip(network.layers, others, strict=True):
        ours = pytest_amct.answer(layer, Treatment(**treatment))
        theirs = {reason.condition for reason in ours.broken}
        if (ours.verdict, theirs) != (other.answer, other.broken):
            why = [f"{r.condition}: {r.observed}" for r in ours.reasons if r.state != "holds"]
            found.append(f"{layer}: {ours.verdict} {why}, but {other.answer}: {other.why}")
    return found


@settings(
    max_examples=FUZZ,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.randoms(use_true_random=False), st.sampled_from([None, True]))
def test_two_implementations_agree_on_drawn_graphs(random: Random, shift: bool | None) -> None:
    assert differences(random_graph(random), shift=shift) == []


def test_two_implementations_agree_on_random_graphs_of_every_verdict() -> None:
    seen = set()
    for seed in range(400):
        made = random_graph(Random(seed))
        assert differences(made) == [], seed
        answers = map(pytest_amct.answer, read_tensorflow(made).layers)
        seen |= {(found.row, found.verdict) for found in answers}
    verdicts = ("quantizable", "forbidden", "unspecified")
    assert {(row, verdict) for row in ROWS for verdict in verdicts} - seen == set()


@pytest.mark.parametrize(
    "made",
    [
        one("Conv2D", "x", "w", before=before)
        for sources in (CONSTANTS, DYNAMIC)
        for name, before in sources.items()
        if name not in ("IdentityN beside what is fed",)
    ],
    ids=lambda made: made.node[-2].op,
)
def test_two_implementations_agree_on_weight_sources(made: Any) -> None:
    if {node.op for node in made.node} & {"Neg", "Size"}:
        made = schema().GraphDef.FromString(made.SerializeToString())
        for part in made.node:
            part.op = {"Neg": "Relu", "Size": "Shape"}.get(part.op, part.op)
    assert differences(made) == []
