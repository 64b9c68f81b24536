"""An answer and its reasons, which are put into words only when somebody reads them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from accusations import models
from onnx import parser

from pytest_amct import Answer, Treatment, answer, read_onnx
from pytest_amct.cases import catalog
from pytest_amct.cases.plan import target_layers
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.tables.facts import facts_of
from pytest_amct.tables.loader import load_spec, releases
from pytest_amct.tables.model import DataFormat, Reason, Spec
from pytest_amct.tables.plainly import hold, steps

TREATMENTS = (
    Treatment(),
    Treatment(shift=False),
    Treatment("weight_only", data=False, weights=True, weight_channel_wise=True),
    Treatment("nonuniform", data=True, weights=True, weight_asymmetric=True, shift=True),
    Treatment("tensor", data=True, weights=False),
    Treatment(inputs=(0, 1)),
    Treatment(formats=(DataFormat(0, 16, True),)),
)


def follows(reasons: Iterable[Reason]) -> tuple[str, str]:
    """The verdict and the basis that follow from reasons: Kleene's three-valued logic."""
    states = {(reason.state, reason.basis) for reason in reasons}
    for basis in ("stated", "inferred"):
        if ("broken", basis) in states:
            return "forbidden", basis
    if {("unknown", "stated"), ("unknown", "inferred")} & states:
        return "unspecified", "stated"
    return "quantizable", "inferred" if ("holds", "inferred") in states else "stated"


def contradictions(network: Network, spec: Spec) -> list[tuple[str, Treatment, Answer]]:
    found = []
    for treatment in TREATMENTS:
        for layer in network.layers:
            told = answer(layer, treatment, spec)
            if (told.verdict, told.basis) != follows(told.reasons):
                found.append((str(layer), treatment, told))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("framework", ["onnx", "tensorflow", "caffe"])
def test_an_answer_follows_from_its_reasons(framework: str) -> None:
    """The verdict is decided without the words, and stops at what forbids the treatment."""
    for group in catalog.groups(frameworks=(framework,)):
        for case in catalog.gate_cases(group):
            assert contradictions(case.build().native.network(), load_spec()) == [], case.id
    for (name, model), number in zip(models(framework, 11), range(300), strict=False):
        release = releases()[number % len(releases())]
        found = contradictions(model.network(), load_spec(release))
        assert found == [], f"{name} under {release}"


ALWAYS_LONG = {"onnx/ConvTranspose", "caffe/Deconvolution", "caffe/Eltwise", "caffe/InnerProduct"}
ALWAYS_LONG |= {
    "onnx/MaxPool",
    "caffe/Pooling",
    "tensorflow/Conv2DBackpropInput",
    "tensorflow/Conv3D",
}
"""Rows with a kind of condition that has no fast path."""


def test_every_plain_layer_takes_the_fast_path() -> None:
    spec, taken = load_spec(), set()
    for row in (row for row in spec.rows if row.id.startswith("uniform/")):
        for deviation in {"default", "bias", "rank-5"} & set(catalog.deviations(row.id)):
            built = catalog.make_case(row.id, deviation).build()
            network = built.native.network()
            (layer, *_) = target_layers(network, built.targets)
            plain, checks = answer(layer).verdict == "quantizable", steps(row)
            if plain and checks is not None and hold(layer, row, checks, facts_of(network, spec)):
                taken.add(f"{row.id} {deviation}")
            else:
                assert not plain or row.id.removeprefix("uniform/") in ALWAYS_LONG, row.id
    assert "uniform/onnx/Conv bias" in taken
    assert not any(id_.split()[0].removeprefix("uniform/") in ALWAYS_LONG for id_ in taken)


def test_an_answer_compares_by_what_it_says() -> None:
    built = catalog.make_case("uniform/onnx/Conv", "default").build()
    first, second = ([answer(x) for x in built.native.network().layers] for _ in range(2))
    assert first == second
    assert {*first} == {*second}
    assert first[0] != first[1]
    assert "weight_source" in repr(first[1])


def test_types_without_a_row_share_an_answer_unless_their_names_are_long() -> None:
    """A spec lives as long as the process: it must not keep whatever files hold."""
    for name, shared in (("Acme", True), ("A" * 150, False)):
        made = [parsed_layer(name) for _ in range(2)]
        first, second = map(answer, made)
        assert first == second and first.verdict == "forbidden"
        assert (first is second) is shared


def parsed_layer(type_: str) -> Layer:
    text = '<ir_version: 10, opset_import: ["": 21, "com.acme": 1]> g (float[4] x) => (float[4] y)'
    return read_onnx(parser.parse_model(f"{text} {{ y = com.acme.{type_} (x) }}")).layers[0]
