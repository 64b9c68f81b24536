"""Metamorphic changes of TensorFlow graphs and Caffe nets leave all answers unchanged."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from toy_repository import ToyRepository
from validity import random_network

from pytest_amct import answer
from pytest_amct.cases import metamorphic
from pytest_amct.cases.metamorphic import MetamorphicCase, parse_metamorphic
from pytest_amct.cases.networks import NetworkCase
from pytest_amct.cases.plan import known_as
from pytest_amct.cases.trials import Call
from pytest_amct.decisions.decision import Decision
from pytest_amct.errors import UsageError
from pytest_amct.explore import Explorer
from pytest_amct.given_model import check_model
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.graphs.reading import ModelFiles
from pytest_amct.ids import Item
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec

CHANGES = [(f, c) for f in ("tensorflow", "caffe") for c in metamorphic.changes(f)]
SIMPLE = {
    "tensorflow": Item("uniform/tensorflow/Conv2D", "default"),
    "caffe": Item("uniform/caffe/Convolution", "default"),
}


def explorer(quantize: Any, framework: str, folder: Path, **given: Any) -> Explorer:
    settings = Settings(
        "it", profile="explore", scratch=folder, frameworks=(framework,), seed=1, **given
    )
    quantizer = quantize if isinstance(quantize, Reference) else FunctionQuantizer("it", quantize)
    return Explorer(Runner(quantizer, load_spec(), settings))


def named(network: Network) -> dict[str, Layer]:
    return {known_as(x)[0]: x for x in network.layers if not x.where and known_as(x)}


def read(framework: str, call: Call) -> Network:
    return ModelFiles(framework, call.data, call.files).network()


@pytest.mark.parametrize(("framework", "change"), CHANGES)
def test_a_change_keeps_the_answers(framework: str, change: str) -> None:
    rng, applied, same = Random(3), [], 0
    for seed in range(12):
        case = MetamorphicCase(random_network(framework, rng, 4), change, seed)
        trial = case.build()
        if trial is None:
            continue
        first, last = trial.calls[0], trial.calls[-1]
        before, after = (named(read(framework, call)) for call in (first, last))
        for one, other in trial.same:
            if one in before:
                verdicts = answer(before[one]).verdict, answer(after[other]).verdict
                assert verdicts[0] == verdicts[1], (case.id, one)
                same += 1
        applied.append((first.data, first.files) != (last.data, last.files))
    assert len(applied) > 2 and same > 10
    assert any(applied) != (change in ("order", "twice"))


@pytest.mark.parametrize(("framework", "change"), CHANGES)
def test_a_pair_is_rebuilt_from_its_id(framework: str, change: str) -> None:
    case = MetamorphicCase(NetworkCase((SIMPLE[framework],)), change, 7)
    assert case.id.startswith(f"metamorphic/{framework}/{change}@7:in(")
    assert parse_metamorphic(case.id) == case
    assert parse_metamorphic(case.id).build() == case.build()


@pytest.mark.parametrize(
    "id_",
    [
        "metamorphic/caffe/opset@1:in(uniform/caffe/Convolution@default)",
        "metamorphic/caffe/rename@1:in(uniform/onnx/Conv@default)",
        "metamorphic/torch/rename@1:in(uniform/onnx/Conv@default)",
    ],
)
def test_an_invalid_pair_is_refused(id_: str) -> None:
    with pytest.raises(UsageError, match="is not a pair"):
        parse_metamorphic(id_)


@pytest.mark.parametrize("framework", ["tensorflow", "caffe"])
def test_the_obedient_quantizer_is_stable(framework: str, tmp_path: Path) -> None:
    for change in metamorphic.changes(framework):
        mine = explorer(Reference(), framework, tmp_path, max_examples=12)
        result = mine.check_metamorphic(change, framework)
        assert (result.failure, result.findings) == (None, ()), change


def _by_names(model: Any, request: Any) -> Any:
    """Leaves everything in float if no layer has one of our own names."""
    decisions = Reference().decide(request.network, request)
    known = any(layer.name == "n0" for layer in request.network.layers)
    return decisions if known else dict.fromkeys(decisions, Decision.float())


@pytest.mark.parametrize("framework", ["tensorflow", "caffe"])
def test_a_decision_that_depends_on_names_is_shown_and_judged_again(
    framework: str, tmp_path: Path
) -> None:
    mine = explorer(_by_names, framework, tmp_path, max_examples=40)
    result = mine.check_metamorphic("rename", framework)
    assert {f.kind for f in result.findings if f.status == "failed"} == {"unstable"}
    assert result.failure is not None and "although only names changed" in result.failure
    (saved,) = {f.model for f in result.findings if f.model}
    again = check_model(explorer(_by_names, framework, tmp_path).runner, tmp_path / saved)
    assert [f.message for f in again.findings] == [f.message for f in result.findings]
    fine = check_model(explorer(Reference(), framework, tmp_path).runner, tmp_path / saved)
    assert fine.findings == () and fine.failure is None


@pytest.mark.slow
def test_the_changes_have_tests(repository: ToyRepository) -> None:
    run = repository.amct(
        "--amct-profile=explore",
        "--amct-quantizer=reference",
        "--amct-select=metamorphic/*",
        "--amct-max-examples=2",
        "-rA",
    )
    assert "test_metamorphic[rename]" in run.out
    assert "test_metamorphic[caffe/rename]" in run.out
    assert "test_metamorphic[tensorflow/layout]" in run.out
