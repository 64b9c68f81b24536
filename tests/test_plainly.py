"""The fast path to an answer agrees with the full path.

A treatment with known settings takes the full path; the absence of a shift does not matter.
"""

from __future__ import annotations

import pytest
from accusations import models

from pytest_amct import Answer, Treatment, answer
from pytest_amct.cases import catalog
from pytest_amct.cases.plan import target_layers
from pytest_amct.graphs.network import Network
from pytest_amct.tables.facts import facts_of
from pytest_amct.tables.loader import load_spec, releases
from pytest_amct.tables.model import Spec
from pytest_amct.tables.plainly import hold, steps

LONG_WAY = Treatment(shift=False)
SPEC = load_spec()


def told(found: Answer) -> tuple[object, ...]:
    reasons = {r for r in found.reasons if not r.condition.endswith("/shift")}
    return found.verdict, found.basis, found.row, reasons


def differing(network: Network, spec: Spec = SPEC) -> list[str]:
    # Twice: answers about a network must not depend on earlier questions.
    for layer in network.layers:
        answer(layer, spec=spec)
    return [
        str(layer)
        for layer in network.layers
        if told(answer(layer, spec=spec)) != told(answer(layer, LONG_WAY, spec))
    ]


@pytest.mark.slow
@pytest.mark.parametrize("framework", ["onnx", "tensorflow", "caffe"])
def test_on_every_case_of_the_gate(framework: str) -> None:
    for group in catalog.groups(frameworks=(framework,)):
        for case in catalog.gate_cases(group):
            assert differing(case.build().native.network()) == [], case.id


@pytest.mark.slow
@pytest.mark.parametrize("framework", ["onnx", "tensorflow", "caffe"])
def test_on_networks_and_random_graphs(framework: str) -> None:
    for (name, model), number in zip(models(framework, 11), range(300), strict=False):
        network = model.network()
        assert differing(network) == [], name
        release = releases()[number % len(releases())]
        assert differing(network, load_spec(release)) == [], f"{name} under {release}"


def test_an_answer_compares_by_what_it_says() -> None:
    built = catalog.make_case("uniform/onnx/Conv", "default").build()
    first, second = ([answer(x) for x in built.native.network().layers] for _ in range(2))
    assert first == second
    assert {*first} == {*second}
    assert first[0] != first[1]
    assert "weight_source" in repr(first[1])


ALWAYS_LONG = {"onnx/ConvTranspose", "caffe/Deconvolution", "caffe/Eltwise", "caffe/InnerProduct"}
ALWAYS_LONG |= {
    "onnx/MaxPool",
    "caffe/Pooling",
    "tensorflow/Conv2DBackpropInput",
    "tensorflow/Conv3D",
}
"""Rows with a kind of condition that has no fast path."""


def test_every_plain_layer_takes_the_fast_path() -> None:
    taken = set()
    for row in (row for row in SPEC.rows if row.id.startswith("uniform/")):
        for deviation in {"default", "bias", "rank-5"} & set(catalog.deviations(row.id)):
            built = catalog.make_case(row.id, deviation).build()
            network = built.native.network()
            (layer, *_) = target_layers(network, built.targets)
            plain, checks = answer(layer).verdict == "quantizable", steps(row)
            if plain and checks is not None and hold(layer, row, checks, facts_of(network, SPEC)):
                taken.add(f"{row.id} {deviation}")
            else:
                assert not plain or row.id.removeprefix("uniform/") in ALWAYS_LONG, row.id
    assert "uniform/onnx/Conv bias" in taken
    assert not any(id_.split()[0].removeprefix("uniform/") in ALWAYS_LONG for id_ in taken)
