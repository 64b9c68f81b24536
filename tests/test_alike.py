"""Releases that are alike for a model: each shows the decisions that it would show alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from pytest_amct.cases.catalog import groups, make_case
from pytest_amct.decisions.alike import alike
from pytest_amct.decisions.amct.ascend import is_deploy
from pytest_amct.decisions.amct.config import read_config
from pytest_amct.decisions.amct.deploy import read_deploy
from pytest_amct.decisions.amct.layers import AmctDecisions, read_layers
from pytest_amct.decisions.amct.record import read_record
from pytest_amct.decisions.matching import match_layers
from pytest_amct.decisions.onnx.layers import read_decisions
from pytest_amct.decisions.onnx.results import read_result
from pytest_amct.decisions.read import read_outcomes
from pytest_amct.decisions.writers.forms import write_form
from pytest_amct.graphs.network import Network
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.tables.loader import load_spec, published

SPECS = tuple(map(load_spec, published()))
ROWS = [id_ for id_ in groups() if id_.startswith("uniform/") and id_.count("/") == 2]
CASES = [
    *((row, "default") for row in ROWS),
    ("uniform/onnx/Add", "same"),
    ("uniform/onnx/MatMul", "bias-add"),
    ("uniform/onnx/MatMul/second_input", "input"),
    ("uniform/onnx/MatMul/second_input", "rank-3-input"),
]
TEXTS: Mapping[str, Callable[[str], AmctDecisions]] = {"config": read_config, "record": read_record}


def network_of(group: str, deviation: str) -> Network:
    return make_case(group, deviation, "chain").build().native.network()


@pytest.mark.parametrize("form", ["qdq", "qoperator", "deploy", *TEXTS])
@pytest.mark.parametrize("release", ["cann-7.0.0", "cann-9.2.0.beta1"])
def test_each_release_shows_what_it_shows_alone(form: str, release: str) -> None:
    """A release as a whole gives the readers more than the part that they should depend on."""
    shown = set()
    for group, deviation in CASES:
        network = network_of(group, deviation)
        written = write_form(form, network, Reference(load_spec(release)).decide(network))
        given = TEXTS[form](written) if form in TEXTS else written
        found = read_outcomes(network, given, SPECS)
        shown.add(len({repr(outcome) for outcome in found}))
        for spec, outcome in zip(SPECS, found, strict=True):
            if isinstance(given, AmctDecisions):
                assert outcome == read_layers(network, given, spec), (group, spec.title)
                continue
            result, calls = read_result(network, given)
            counterparts = match_layers(network, result, spec, calls)
            read = read_deploy if is_deploy(result) else read_decisions
            told = read(network, counterparts, spec)
            assert outcome.decisions == told.decisions, (group, spec.title)
            assert outcome.untold == told.untold, (group, spec.title)
    assert max(shown) > 1 or form == "config"  # some releases show other decisions than others


def test_releases_with_the_same_rows_of_a_type_are_alike() -> None:
    network = network_of("uniform/onnx/Conv", "default")
    names = [spec.source for spec in SPECS]
    found = [{names[i] for i in positions} for _, positions in alike(SPECS, [network])]
    assert sorted(name for group in found for name in group) == sorted(names)
    (first,) = (group for group in found if "cann-7.0.0.toml" in group)
    assert {"cann-6.3.RC1.toml", "cann-9.2.0.beta1.toml"} <= first
    assert len(found) <= 3


def test_conditions_on_single_inputs_tell_releases_apart() -> None:
    """They make readers look at each input of a sum."""
    old, new = load_spec("cann-7.0.0"), load_spec("cann-9.2.0.beta1")
    sums, pools = (network_of(f"uniform/onnx/{type_}", "default") for type_ in ("Add", "MaxPool"))
    assert [positions for _, positions in alike([old, new], [sums])] == [[0], [1]]
    assert [positions for _, positions in alike([old, new, old], [pools])] == [[0, 1, 2]]
