"""Two independent implementations of docs/reading.md agree on TensorFlow graphs."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import product
from random import Random
from typing import Any

import pytest
from comparing import agree, answers, told
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from releases import RELEASES, Done
from second_opinion_tensorflow import Reader, opinions
from tensorflow_graphs import random_graph
from tensorflow_weight_sources import CONSTANTS, DYNAMIC
from tiny_graphs import one

import pytest_amct
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.graphs.tensorflow.schema import schema

FUZZ = int(os.environ.get("AMCT_FUZZ", "300"))
ROWS = [r.id for r in pytest_amct.load_spec().rows if r.id.startswith("uniform/tensorflow/")]


def differences(
    made: Any,
    treatments: Sequence[Done] = (Done(),),
    releases: Iterable[str] = ("cann-7.0.0",),
    seen: defaultdict[str, set[str]] | None = None,
) -> list[str]:
    """Both answers on each layer on which the two disagree."""
    network, read = read_tensorflow(made), Reader(made)
    found = []
    for release, done in product(releases, treatments):
        others = opinions(read, done, RELEASES[release])
        assert [layer.name for layer in network.layers] == [other.name for other in others]
        for layer, ours, other in answers(network.layers, others, done, release):
            if seen is not None:
                broken = {reason.condition for reason in ours.broken}
                seen[release] |= broken | {f"{ours.row} {ours.verdict}"}
            if not agree(ours, other):
                found.append(f"{release} {done}: {told(layer, ours, other)}")
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
    assert differences(random_graph(random), [Done(shift=shift)]) == []


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
