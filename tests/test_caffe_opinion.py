"""Two independent implementations of docs/reading.md must agree on Caffe nets."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from itertools import count

import pytest
from caffe_nets import caffe_nets
from comparing import DECLARED, EVERY, Pair, Seen, agree, compared, few, nowhere, told, unseen
from hypothesis import HealthCheck, given, settings
from releases import RELEASES
from second_opinion_caffe import judged, read

from pytest_amct.cases.catalog import gate_cases, groups
from pytest_amct.frameworks import BLOBS_FILE
from pytest_amct.graphs.caffe.reader import read_caffe

OLDEST = [pair for pair in EVERY if pair[0] == "cann-7.0.0"]
FUZZ = int(os.environ.get("AMCT_FUZZ", "400"))


def differences(
    prototxt: str, caffemodel: bytes | None, pairs: Iterable[Pair], seen: Seen | None = None
) -> list[str]:
    """Both answers on each layer on which the two disagree."""
    network, layers = read_caffe(prototxt, caffemodel), read(prototxt, caffemodel)
    assert [(x.name, x.type) for x in network.layers] == [(x.name, x.type) for x in layers]
    found = []
    for pair in pairs:
        release, done = pair
        others = judged(layers, done, RELEASES[release])
        for layer, ours, other in compared(network.layers, others, pair, seen):
            if not agree(ours, other):
                found.append(told(pair, layer, ours, other))
    return found


def seen_in_nets(every: bool) -> Seen:
    """Compare the two on many nets, under all releases or some; return what was seen."""
    seen: Seen = defaultdict(set)
    numbers = count()

    @settings(
        max_examples=FUZZ,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(net=caffe_nets())
    def agree(net: tuple[str, bytes | None]) -> None:
        pairs = EVERY if every else [*OLDEST, *few(next(numbers))]
        assert differences(*net, pairs, seen) == [], net[0]

    agree()
    return seen


@pytest.mark.slow
def test_drawn_nets_are_worth_comparing_under_every_release() -> None:
    assert unseen(seen_in_nets(True), "caffe") == set()


def test_drawn_nets_are_worth_comparing() -> None:
    """Each condition is violated, and each row has each verdict that it can have."""
    assert nowhere(seen_in_nets(False), "caffe") == set()


@pytest.mark.slow
@pytest.mark.parametrize("group", groups(DECLARED, ("caffe",)))
def test_gate_cases(group: str) -> None:
    for number, case in enumerate(gate_cases(group, DECLARED)):
        built = case.build()
        blobs = built.files[BLOBS_FILE]
        assert differences(built.data.decode(), blobs, few(number)) == [], case.id
