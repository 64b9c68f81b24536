"""The networks of the gate: what they hold, and what only they show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_amct.cases.networks import everything
from pytest_amct.cases.together import LAYERS, gate_networks
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.results import Result
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec
from pytest_amct.together import check_networks

Quantize = Callable[[Any, Any], Any]


def judged(quantize: Quantize, folder: Path) -> Result:
    settings = Settings("mine", max_examples=0, scratch=folder)
    runner = Runner(FunctionQuantizer("mine", quantize), load_spec(), settings)
    return check_networks(runner, "onnx")


def obey(model: Any, request: Any) -> dict[str, Any]:
    found: dict[str, Any] = Reference().quantize(model, request)
    return found


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_each_layer_that_can_be_part_of_a_network_is_in_one(framework: str) -> None:
    networks = gate_networks(framework)
    held = {(item.group, item.deviation) for case in networks for item in case.items}
    assert held >= {*everything(framework)}
    assert max(len(case.items) for case in networks) <= LAYERS


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_reference_obeys(framework: str) -> None:
    settings = Settings("reference", max_examples=0, frameworks=(framework,))
    result = check_networks(Runner(Reference(), load_spec(), settings), framework)
    assert (result.failure, result.findings, result.records) == (None, (), ())


def test_an_operator_on_the_way_that_no_single_case_has_is_told_alone(tmp_path: Path) -> None:
    """The quantizer takes what Trilu makes for a constant."""

    def quantize(model: Any, request: Any) -> dict[str, Any]:
        found = obey(model, request)
        made = {n.output[0] for n in model.graph.node if n.op_type == "Trilu"}
        behind = {n.name for n in model.graph.node if made & {*n.input[1:2]}}
        return {**found, **dict.fromkeys(behind & {*found}, True)}

    result = judged(quantize, tmp_path)
    assert result.failure is not None
    told = {f.condition: f.case for f in result.findings if f.kind == "over-quantized"}
    assert told
    for condition, case in told.items():
        assert condition.endswith(("/weight_source", "/second_input"))
        assert case.startswith("uniform/onnx/")
        assert "~source=Trilu" in case


def test_what_is_carried_over_between_layers_is_told_of_two(tmp_path: Path) -> None:
    """The quantizer does not check the Gemm behind one that it has refused."""

    def quantize(model: Any, request: Any) -> dict[str, Any]:
        found, refused = obey(model, request), False
        for node in model.graph.node:
            if node.op_type == "Gemm" and node.name in found:
                allowed = found[node.name].quantized
                found[node.name] = refused or allowed
                refused = not allowed
        return found

    result = judged(quantize, tmp_path)
    assert result.failure is not None
    (told,) = [f for f in result.findings if f.condition == "uniform/onnx/Gemm/trans_a"]
    assert told.case.startswith("networks/onnx@all:in(")
    assert told.case.count("@") == 1 + 2


def test_what_the_gate_tells_is_not_told_again(tmp_path: Path) -> None:
    def quantize(model: Any, request: Any) -> dict[str, Any]:
        gemms = [n.name for n in model.graph.node if n.op_type == "Gemm" and n.name]
        return {**obey(model, request), **dict.fromkeys(gemms, True)}

    result = judged(quantize, tmp_path)
    assert not [f for f in result.findings if f.condition == "uniform/onnx/Gemm/trans_a"]


def test_a_network_that_is_not_handled_is_a_warning(tmp_path: Path) -> None:
    def quantize(model: Any, request: Any) -> dict[str, Any]:
        if any(n.op_type == "Trilu" for n in model.graph.node):
            raise RuntimeError("no Trilu")
        return obey(model, request)

    result = judged(quantize, tmp_path)
    assert result.failure is None
    assert {f.kind for f in result.findings} == {"errored"}
    assert {f.status for f in result.findings} == {"warned"}
    assert len(result.findings) <= 5
