"""Exploring: drawn networks are valid and rebuildable; runs are reproducible; failures shrink."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from pytest_amct.fixtures.wrong_quantizers import WRONG
from toy_repository import ToyRepository

from pytest_amct import answer, onnx_networks
from pytest_amct.cases import catalog
from pytest_amct.cases.networks import NetworkCase, everything, parse_case
from pytest_amct.cases.plan import target_layers
from pytest_amct.decisions.decision import Decision
from pytest_amct.errors import AmctError, UsageError
from pytest_amct.explore import Explorer
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.given_model import check_model
from pytest_amct.graphs import sources
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.ids import Item
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.reports.json_report import schema
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec
from pytest_amct.verdicts import Finding

NotImplemented_ = onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented
TRANS_A = "uniform/onnx/Gemm/trans_a"


def drawn(count: int, **given_: int) -> list[NetworkCase]:
    found: list[NetworkCase] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(onnx_networks(**given_))
    def collect(case: NetworkCase) -> None:
        found.append(case)

    collect()
    return found


def explorer(quantize: Any, folder: Path, **given_: Any) -> Explorer:
    chosen = Settings("it", profile="explore", scratch=folder, **given_)
    quantizer = quantize if isinstance(quantize, Reference) else FunctionQuantizer("it", quantize)
    return Explorer(Runner(quantizer, load_spec(), chosen))


# --- networks -----------------------------------------------------------------------------------


def test_drawn_networks_are_valid() -> None:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    loaded = 0
    for case in drawn(60):
        data = case.build().data
        onnx.checker.check_model(data, full_check=True)
        with contextlib.suppress(NotImplemented_):  # there are types without kernels
            onnxruntime.InferenceSession(data, options)
            loaded += 1
    assert loaded > 30


def test_every_deviation_can_occur_in_a_network() -> None:
    conv = Item("uniform/onnx/Conv", "default")
    for group, deviation in everything("onnx"):
        case = NetworkCase((conv, Item(group, deviation, 1, 1), Item(*TO_ADD, 1, 2)), None, ())
        onnx.checker.check_model(case.build().data, full_check=True)


TO_ADD = ("uniform/onnx/Add", "default")


@pytest.mark.slow
def test_networks_have_the_structures_of_real_ones() -> None:
    cases = drawn(500)
    networks = [read_onnx(case.build().data) for case in cases]
    sizes = {len(case.items) for case in cases}
    layers = [layer for network in networks for layer in network.layers]
    assert min(sizes) == 1 and max(sizes) > 20
    assert {case.opset for case in cases} >= {13, 17, 19, 21}
    assert any(len(t.consumers) > 1 for x in layers for t in x.outputs if t)  # branches
    adds = [x for x in layers if x.type == "Add" and len(x.inputs) == 2]
    dynamic = [[sources.source(t).kind == "dynamic" for t in x.inputs if t] for x in adds]
    assert any(all(kinds) for kinds in dynamic)  # residual additions
    weights = [x.inputs[1] for x in layers if x.type == "Conv" and x.inputs[1]]
    assert any(len(t.consumers) > 1 for t in weights)  # shared weights
    assert any("then_branch" in x.where for x in layers)
    assert any(x.where.startswith("function:") for x in layers)
    verdicts = {answer(x).verdict for x in layers}
    assert verdicts == {"quantizable", "forbidden", "unspecified"}


def test_the_same_layer_in_a_function_is_a_function_that_is_called_twice() -> None:
    item = Item("uniform/onnx/Conv", "in-function")
    case = NetworkCase((item, Item("uniform/onnx/MaxPool", "in-function", 1), item))
    network = read_onnx(case.build().data)
    assert [len(f.calls) for f in network.functions] == [2, 1]


def test_a_network_is_rebuilt_from_its_id() -> None:
    for case in drawn(40):
        assert parse_case(case.id) == case
        assert parse_case(case.id).build() == case.build()


def test_a_case_may_be_part_of_a_network() -> None:
    id_ = (
        f"{TRANS_A}@1:in(uniform/onnx/Conv@default,_<1,uniform/onnx/Add@default<1<2)+opset17+apart"
    )
    case = parse_case(id_)
    assert (case.id, case.group, case.deviation) == (id_, TRANS_A, "1")
    built = case.build()
    (layer,) = target_layers(read_onnx(built.data), built.targets)
    assert layer.type == "Gemm"
    assert answer(layer).verdict == "forbidden"


@pytest.mark.parametrize(
    "id_",
    [
        "networks/onnx@all:in(uniform/onnx/Conv@default",
        "networks/onnx@all:in(uniform/onnx/Conv@default)+loud",
        "networks/onnx@all:in(uniform/onnx/Conv@default<x)",
        "networks/onnx@all:in(_)",
        "networks/onnx@all:in(uniform/onnx/Conv@nothing)",
        "networks/onnx@all:in(uniform/onnx/Conv@unnamed)",
        f"{TRANS_A}@1:in(uniform/onnx/Conv@default)",
        f"{TRANS_A}@1:in(_,_)",
    ],
)
def test_an_invalid_network_id_is_explained(id_: str) -> None:
    with pytest.raises(UsageError):
        parse_case(id_)


@pytest.mark.parametrize("size", [0, -1, 2.5, "many"])
def test_the_strategy_wants_a_number_of_layers(size: Any) -> None:
    with pytest.raises(UsageError, match="max_layers"):
        onnx_networks(max_layers=size)


# --- exploring ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_obedient_quantizer_has_no_findings(tmp_path: Path) -> None:
    found = explorer(Reference(), tmp_path, max_examples=60)
    networks = found.check_networks("onnx")
    assert (networks.failure, networks.findings) == (None, ())
    groups = [g for g in catalog.groups() if g.count("/") == 3 and "unlisted" not in g]
    for group in (*groups, "float16/onnx/Add", "uniform/onnx/Conv", "uniform/onnx/MaxPool"):
        result = found.check(group)
        assert (result.failure, result.findings, result.examples > 20) == (None, (), True), group


def test_a_defect_that_a_gate_case_shows_is_reported_with_that_case(tmp_path: Path) -> None:
    wrong = WRONG["trans-a-ignored"]
    result = explorer(wrong.quantize, tmp_path, seed=1, max_examples=99).check(TRANS_A)
    cases = [f.case for f in result.findings]
    assert len(cases) > 1  # it continues: one defect does not hide another
    assert all(re.fullmatch(TRANS_A + r"@[\w-]+(:chain)?", c) for c in cases)
    assert result.failure is not None
    assert result.failure.startswith("over-quantized: Gemm 'n1' was quantized")
    assert f"--amct-seed=1 --amct-max-examples=99 --amct-select={TRANS_A}" in result.failure
    networks = explorer(wrong.quantize, tmp_path, seed=4, max_examples=99).check_networks("onnx")
    failed = [f for f in networks.findings if f.status == "failed"]
    assert failed and all(f.case.startswith(f"{TRANS_A}@") for f in failed)


def after_pool(model: Any, request: Any) -> Any:
    """Quantizes every Sigmoid that reads a MaxPool, which no gate case contains."""
    network = read_onnx(model)
    decisions = Reference().decide(network, request)
    for layer in network.layers:
        made = layer.inputs[0].producer if layer.inputs and layer.inputs[0] else None
        if layer.type == "Sigmoid" and made is not None and made.type in ("MaxPool", "Reshape"):
            decisions[layer.name] = Decision()
    return decisions


def test_a_defect_that_no_gate_case_shows_is_shrunk_and_saved(tmp_path: Path) -> None:
    group = "uniform/onnx/unlisted/Sigmoid"
    found = explorer(after_pool, tmp_path, max_examples=200, seed=2)
    result = found.check(group)
    (finding,) = result.findings
    assert (finding.kind, finding.condition) == ("over-quantized", group)
    shrunk = parse_case(finding.case)
    assert isinstance(shrunk, NetworkCase)
    assert len(shrunk.items) == 2 and shrunk.variations == ()
    assert finding.model is not None
    again = check_model(found.runner, tmp_path / finding.model)
    assert [f.message for f in again.findings] == [finding.message]
    assert result.failure is not None and "\n-> " in result.failure
    networks = explorer(after_pool, tmp_path, max_examples=200, seed=2).check_networks("onnx")
    assert {f.condition for f in networks.findings if f.status == "failed"} == {group}


def test_a_failing_network_comes_first_the_next_time(tmp_path: Path) -> None:
    group = "uniform/onnx/unlisted/Sigmoid"
    first = explorer(after_pool, tmp_path, max_examples=200, seed=2, database=tmp_path / "db")
    assert first.search(group).shrunk is not None
    other = explorer(after_pool, tmp_path, max_examples=200, seed=3, database=tmp_path / "db")
    assert other.search(group).first == 1
    # Saved failures of one condition are not replayed for another.
    fine = explorer(after_pool, tmp_path, max_examples=5, seed=3, database=tmp_path / "db")
    assert fine.check("uniform/onnx/unlisted/Tanh").findings == ()


def test_the_same_seed_draws_the_same_and_another_one_does_not(tmp_path: Path) -> None:
    def calls(seed: int) -> list[bytes]:
        seen: list[bytes] = []

        def quantize(model: Any, request: Any) -> Any:
            seen.append(request.model_bytes)
            return []

        explorer(quantize, tmp_path, max_examples=30, seed=seed).check(TRANS_A)
        return seen

    assert calls(5) == calls(5)
    assert calls(5) != calls(6)


def test_a_quantizer_that_changes_its_mind_is_reported(tmp_path: Path) -> None:
    count = {"calls": 0}

    def once(model: Any, request: Any) -> Any:
        network = read_onnx(model)
        decisions = Reference().decide(network, request)
        tanh = {x.name: Decision() for x in network.layers if x.type == "Tanh"}
        count["calls"] += bool(tanh)
        if count["calls"] == 9:
            decisions |= tanh
        return decisions

    result = explorer(once, tmp_path, seed=1).check("uniform/onnx/unlisted/Tanh")
    assert {f.kind for f in result.findings} == {"unstable"}
    assert result.failure is not None and "not reproduced" in result.failure


def test_a_network_with_a_layer_that_may_be_refused_may_be_refused(tmp_path: Path) -> None:
    def strict(model: Any, request: Any) -> Any:
        network = read_onnx(model)
        if any(x.type == "Softmax" for x in network.layers):
            raise ValueError("Softmax")
        return Reference().decide(network, request)

    found = explorer(strict, tmp_path, max_examples=80, seed=1)
    result = found.check("uniform/onnx/Conv")
    assert result.failure is None
    assert {(f.kind, f.status) for f in result.findings} == {("errored", "warned")}


def test_layers_left_in_float_in_networks_are_reported_as_in_the_gate(tmp_path: Path) -> None:
    wrong = WRONG["conv-transpose-filter-4-by-4"]
    is_required = explorer(wrong.quantize, tmp_path, required_rows=("uniform/onnx/ConvTranspose",))
    result = is_required.check("uniform/onnx/ConvTranspose")
    assert {f.kind for f in result.findings if f.status == "failed"} == {"not-quantized"}


def test_a_not_quantized_finding_names_a_case_that_can_be_rebuilt(tmp_path: Path) -> None:
    def no_calls(model: Any, request: Any) -> Any:
        """Leaves layers in float whose weight comes from a function."""
        decisions = Reference().decide(request.network, request)
        for layer in request.network.layers:
            made = layer.inputs[1].producer if len(layer.inputs) > 1 and layer.inputs[1] else None
            if made is not None and made.type == "PartitionedCall":
                decisions[layer.name] = Decision.float()
        return decisions

    required_rows = ("uniform/tensorflow/*",)
    for seed in (1, 2):
        found = explorer(
            no_calls,
            tmp_path,
            seed=seed,
            max_examples=100,
            required_rows=required_rows,
            frameworks=FRAMEWORKS,
        )
        for row in ("MatMul", "Conv2D"):
            result = found.check(f"uniform/tensorflow/{row}/weight_source")
            assert result.failure is not None
            (finding,) = [f for f in result.findings if f.status == "failed"]
            assert finding.kind == "not-quantized"
            assert parse_case(finding.case).id == finding.case
            assert f"case       {finding.case}\n" in result.failure


def test_a_drawn_case_that_was_not_saved_can_be_explained(tmp_path: Path) -> None:
    runner = explorer(Reference(), tmp_path).runner
    case = "uniform/onnx/Gemm@default:in(uniform/onnx/Conv@default,_<1)+opset17"
    finding = Finding(
        "not-quantized", "uniform/onnx/Gemm", case, "Gemm", "failed", "it was left in float"
    )
    failure = runner.result("uniform/onnx/Gemm", [], [finding]).failure
    assert failure is not None and f"case       {case}\n" in failure


def test_a_case_that_leaves_no_record_is_an_error(tmp_path: Path) -> None:
    """Its test would pass although nothing was judged."""
    case = catalog.make_case("uniform/onnx/Gemm", "default")
    targetless = replace(case, write=lambda plan: replace(case.write(plan), targets=("none",)))
    with pytest.raises(AmctError, match=r"^uniform/onnx/Gemm@default: its model holds no layer"):
        explorer(Reference(), tmp_path).runner.records(targetless)


# --- in pytest ----------------------------------------------------------------------------------


def explored(repository: ToyRepository, *arguments: str, name: str = "rep") -> Any:
    return repository.amct(
        "--amct-profile=explore",
        f"--amct-report={name}",
        "--amct-select=uniform/onnx/Gemm/*",
        "--amct-select=networks/onnx",
        "--amct-select=metamorphic/onnx/rename",
        "--amct-max-examples=20",
        *arguments,
    )


def test_a_run_prints_its_seed_and_writes_a_report(repository: ToyRepository) -> None:
    repository.quantizer("return gemm_always(model, request)")
    run = explored(repository, "--amct-seed=11", "-rA")
    assert run.code == pytest.ExitCode.TESTS_FAILED
    assert "amct: explore, 20 examples a test, --amct-seed=11" in run.out
    assert "test_conformance.py::test_explore[uniform/onnx/Gemm/trans_a]" in run.out
    assert "test_conformance.py::test_networks[onnx]" in run.out
    assert "test_conformance.py::test_metamorphic[rename]" in run.out
    assert "test_condition" not in run.out
    report = repository.report()
    jsonschema.validate(report, schema())
    assert (report["profile"], report["selection"]["seed"]) == ("explore", 11)
    assert report["examples"] >= 60
    assert {f["condition"] for f in report["findings"] if f["status"] == "failed"} >= {TRANS_A}


@pytest.mark.slow
def test_parallel_runs_report_the_same_also_on_ci(
    repository: ToyRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.quantizer("return gemm_always(model, request)")
    explored(repository, "--amct-seed=11")
    monkeypatch.setenv("CI", "true")
    explored(repository, "--amct-seed=11", "-n2", name="other")
    assert repository.report() == repository.report("other")
    assert os.environ["CI"] == "true"


def test_a_first_run_without_a_seed_draws_examples(repository: ToyRepository) -> None:
    """pytest's cache holds no failing example yet: Hypothesis calls that a test to skip."""
    repository.quantizer("return {}")
    run = repository.amct(
        "--amct-profile=explore",
        "--amct-max-examples=5",
        f"--amct-select={TRANS_A}",
        "--amct-report=rep",
    )
    assert run.code == pytest.ExitCode.OK, run.out
    assert repository.report()["examples"] == 5


@pytest.mark.slow
def test_workers_draw_by_the_seed_of_the_controller(
    repository: ToyRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    seeds = []
    for name in ("one", "two"):
        run = explored(repository, "-n1", name=name)
        seeds.append(repository.report(name)["selection"]["seed"])
        assert f"--amct-seed={seeds[-1]}" in run.out
    assert seeds[0] != seeds[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "id_",
    [
        f"{TRANS_A}@1:in(uniform/onnx/Conv@default,_<1)",
        "networks/onnx@all:in(uniform/onnx/Conv@default,uniform/onnx/Gemm/trans_a@1<1)",
        "metamorphic/onnx/rename@4:in(uniform/onnx/Gemm@default)",
    ],
)
@pytest.mark.parametrize("profile", ["gate", "explore"])
def test_a_network_is_judged_by_its_id(id_: str, profile: str, repository: ToyRepository) -> None:
    repository.quantizer(
        "named = model.graph.node[0].name == 'n0'",
        "return gemm_always(model, request) if named else {}",
    )
    run = repository.amct(f"--amct-select={id_}", f"--amct-profile={profile}", "--amct-report=rep")
    unsettled = id_.startswith("metamorphic")  # nothing is said about layers: no decision changed
    assert run.code == (pytest.ExitCode.OK if unsettled else pytest.ExitCode.TESTS_FAILED), run.out
    conditions = {f["condition"] for f in repository.report()["findings"]}
    assert conditions == (set() if unsettled else {TRANS_A})
