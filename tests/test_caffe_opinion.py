"""Two independent implementations of docs/reading.md must agree on Caffe nets."""

from __future__ import annotations

import os
from collections import defaultdict
from functools import cache

import pytest
from caffe_nets import caffe_nets
from hypothesis import HealthCheck, given, settings
from second_opinion_caffe import Done, opinions

from pytest_amct import Treatment, answer
from pytest_amct.graphs.caffe.reader import read_caffe

FUZZ = int(os.environ.get("AMCT_FUZZ", "400"))
TREATMENTS = [
    Done(),
    Done(data=True, weights=True, shift=True),
    Done(data=True, weights=False, channel_wise=True),
    Done(data=True, asymmetric=True, shift=False),
    Done("nonuniform"),
    Done("weight_only", data=False, weights=True),
]


def differences(
    prototxt: str, caffemodel: bytes | None, done: Done, seen: defaultdict[str, set[str]]
) -> list[str]:
    """Both answers on each layer on which the two disagree."""
    network = read_caffe(prototxt, caffemodel)
    others = opinions(prototxt, caffemodel, done)
    assert [(x.name, x.type) for x in network.layers] == [(x.name, x.type) for x in others]
    treatment = Treatment(
        scheme=done.scheme,  # type: ignore[arg-type]
        data=done.data,
        weights=done.weights,
        weight_channel_wise=done.channel_wise,
        weight_asymmetric=done.asymmetric,
        shift=done.shift,
    )
    found = []
    for layer, other in zip(network.layers, others, strict=True):
        ours = answer(layer, treatment)
        broken = {reason.condition for reason in ours.broken}
        seen[layer.type].add(ours.verdict)
        seen["broken"] |= broken
        if (ours.verdict, broken) == (other.answer, other.broken) and (
            ours.verdict != "forbidden" or ours.basis == other.basis
        ):
            continue
        why = [f"{r.condition} {r.state}: {r.observed}" for r in ours.reasons]
        found.append(f"{layer}: {ours.verdict} {why}, but {other.answer}: {other.why}")
    return found


@cache
def compared() -> dict[str, set[str]]:
    """Compare the two on many nets; return verdicts and ``broken`` conditions by layer type."""
    seen: defaultdict[str, set[str]] = defaultdict(set)

    @settings(
        max_examples=FUZZ,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(net=caffe_nets())
    def agree(net: tuple[str, bytes | None]) -> None:
        for done in TREATMENTS:
            assert differences(*net, done, seen) == [], net[0]

    agree()
    return seen


@pytest.mark.slow
def test_drawn_nets() -> None:
    compared()


@pytest.mark.parametrize(
    "type_", ["InnerProduct", "Convolution", "Deconvolution", "Pooling", "Eltwise"]
)
def test_drawn_nets_are_worth_comparing(type_: str) -> None:
    assert compared()[type_] == {"quantizable", "forbidden", "unspecified"}


def test_drawn_nets_break_every_condition() -> None:
    rows = {
        "InnerProduct": ["transpose", "axis"],
        "Convolution": ["weight_rank"],
        "Deconvolution": ["dilation", "weight_rank"],
        "Pooling": ["mode", "global_pooling", "shift", "weights"],
        "Eltwise": ["operation", "weights"],
    }
    wanted = {f"uniform/caffe/{row}/{name}" for row, names in rows.items() for name in names}
    wanted |= {f"settings/caffe/Pooling/{name}" for name in ("channel_wise", "asymmetric")}
    wanted |= {"nonuniform/caffe/Convolution/dilation", "weight_only/caffe/Pooling/mode"}
    wanted |= {"float16/caffe/Pooling", "float16/caffe/Eltwise"}
    assert wanted - compared()["broken"] == set()
