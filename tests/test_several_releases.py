"""One run judged by several releases: the first decides, the others are sections of the report."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from toy_repository import CHEAP, ToyRepository

from pytest_amct import cli
from pytest_amct.calls import Calls
from pytest_amct.cases.networks import NetworkCase, parse_case
from pytest_amct.decisions.decision import Decision
from pytest_amct.explore import Explorer
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.reports.json_report import schema
from pytest_amct.results import Result
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec

ADD = "uniform/onnx/Add/one_input"
OLD, NEW = "cann-7.0.0", "cann-9.2.0.beta1"
BOTH_INPUTS = """
    from pytest_amct.decisions.decision import Decision
    with open("ASKED", "a") as log:
        print(model.graph.name or "model", file=log)
    return {n.name: Decision(inputs=(0, 1), weights=False)
            for n in model.graph.node if n.op_type == "Add" and n.name}
"""


@pytest.fixture
def adds(repository: ToyRepository) -> ToyRepository:
    """A repository whose quantizer quantizes both inputs of each Add, and logs its calls."""
    repository.quantizer(BOTH_INPUTS.replace("ASKED", str(repository.path / "asked")))
    return repository


def test_the_first_release_decides(adds: ToyRepository) -> None:
    select = f"--amct-select={ADD}"
    run = adds.amct(
        f"--amct-spec={OLD}",
        f"--amct-spec={NEW}",
        select,
        "--amct-report=rep",
        "--amct-max-examples=0",
    )
    assert run.code == 0, run.text
    assert "against CANN 7.0.0" in run.out
    assert "  by CANN 9.2.0.beta1: " in run.out and f"{ADD} (" in run.out
    report = adds.report()
    jsonschema.validate(report, schema())
    assert not any(f["status"] == "failed" for f in report["findings"])
    (other,) = report["releases"]
    assert other["spec"]["release"] == "9.2.0.beta1"
    assert {f["condition"] for f in other["findings"] if f["status"] == "failed"} == {ADD}
    assert "at most 1 input may be quantized" in report["pages"][ADD]
    swapped = adds.amct(f"--amct-spec={NEW}", f"--amct-spec={OLD}", select)
    assert swapped.code == 1, swapped.text
    assert "  by CANN 7.0.0: no violations" in swapped.out


def test_all_releases_must_pass_if_asked(adds: ToyRepository) -> None:
    select = f"--amct-select={ADD}"
    both = (f"--amct-spec={OLD}", f"--amct-spec={NEW}", select)
    run = adds.amct(*both, "--amct-spec-all-must-pass")
    assert run.code == 1, run.text
    assert "by CANN 9.2.0.beta1: " in run.out
    alone = adds.refused("--amct", "--amct-spec-all-must-pass")
    assert "--amct-spec-all-must-pass does nothing with one release" in alone


def test_a_request_is_made_once_for_all_releases(adds: ToyRepository) -> None:
    asked = adds.path / "asked"
    counts = []
    for specs in ([OLD], [OLD, NEW, "cann-8.0.0"]):
        asked.unlink(missing_ok=True)
        adds.amct(*(f"--amct-spec={name}" for name in specs), f"--amct-select={CHEAP}")
        counts.append(len(asked.read_text().splitlines()))
    assert counts[0] == counts[1]


def test_a_quantizer_that_declares_a_release_is_asked_for_each(adds: ToyRepository) -> None:
    asked = adds.path / "releases"
    adds.write(
        "toy.py",
        f"""
class Toy:
    spec = None
    def quantize(self, model, request):
        with open({str(asked)!r}, "a") as log:
            print(self.spec.release, file=log)
        return []
toy = Toy()
""",
    )
    adds.ini(quantizer="toy:toy")
    adds.amct(f"--amct-spec={OLD}", f"--amct-spec={NEW}", f"--amct-select={CHEAP}@1")
    assert set(asked.read_text().split()) == {"7.0.0", "9.2.0.beta1"}


def test_all_names_every_release_that_speaks_of_the_framework(adds: ToyRepository) -> None:
    adds.amct("--amct-spec=all", f"--amct-select={CHEAP}", "--amct-report=rep")
    report = adds.report()
    names = [other["spec"]["source"] for other in report["releases"]]
    assert report["spec"]["source"] == f"{OLD}.toml"
    assert "cann-6.0.1.toml" in names and "amct-onnx-9.0.0.toml" in names
    assert f"{OLD}.toml" not in names and "amct-caffe-8.5.0.toml" not in names
    assert "cann-8.5.0.toml" not in names  # its rows of ONNX were not seen


def test_the_headline_says_how_much_was_seen(adds: ToyRepository) -> None:
    run = adds.amct("--amct-spec=cann-8.0.0", f"--amct-select={CHEAP}", "--amct-report=rep")
    assert "against CANN 8.0.0 (5 of 7 rows seen)" in run.out
    spec = adds.report()["spec"]
    assert (spec["seen"], spec["rows"]) == (5, 7)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("cann-8.5.0", "cann-9.2.0.beta1"), ("cann-9.0.0", "cann-9.2.0.beta1")],
)
def test_a_release_without_a_seen_row_is_refused(
    adds: ToyRepository, name: str, nearest: str
) -> None:
    told = adds.refused("--amct", f"--amct-spec={name}")
    assert "no row of onnx was seen in" in told and f"use {nearest}, the nearest" in told


def test_a_guide_of_another_framework_is_refused(adds: ToyRepository) -> None:
    told = adds.refused("--amct", "--amct-spec=amct-caffe-8.5.0")
    assert "no row of onnx was seen in AMCT for Caffe 8.5.0: use amct-onnx-9.0.0" in told


def test_the_ini_file_names_several(adds: ToyRepository) -> None:
    adds.ini(f'amct_spec = ["{NEW}", "{OLD}"]', quantizer="toy:quantize")
    run = adds.amct(f"--amct-select={ADD}")
    assert run.code == 1, run.text
    assert "against CANN 9.2.0.beta1" in run.out and "  by CANN 7.0.0: " in run.out


def test_results_of_workers_hold_every_release(adds: ToyRepository) -> None:
    both = (f"--amct-spec={OLD}", f"--amct-spec={NEW}")
    adds.amct("-n2", *both, f"--amct-select={ADD}", "--amct-report=rep")
    (other,) = adds.report()["releases"]
    assert ADD in {f["condition"] for f in other["findings"]}


# --- explore ------------------------------------------------------------------------------------


def exploring(quantize: Any, folder: Path, *names: str, **given: Any) -> Explorer:
    """An explorer for the first of these releases, with runners for the others."""
    given |= {"spec": names[0], "more_specs": names[1:]}
    settings = Settings("it", profile="explore", scratch=folder, **given)
    tool, specs = FunctionQuantizer("it", quantize), [*map(load_spec, names)]
    calls = Calls(tool, specs, settings)
    others = tuple(Runner(tool, spec, settings, None, calls) for spec in specs[1:])
    return Explorer(Runner(tool, specs[0], settings, None, calls, others))


def behind_a_reshape(model: Any, request: Any) -> Any:
    """Obeys CANN 7.0.0, but quantizes both inputs of an Add only behind a Reshape.

    No case of the gate has such a layer.
    """
    network = read_onnx(model)
    decisions = Reference().decide(network, request)
    for layer in network.layers:
        if layer.type == "Add" and layer.name in decisions and decisions[layer.name].quantized:
            makers = {t.producer.type for t in layer.inputs if t and t.producer}
            ports = (0, 1) if "Reshape" in makers else (0,)
            decisions[layer.name] = Decision(inputs=ports, weights=False)
    return decisions


def test_explore_judges_by_all_and_the_first_decides(adds: ToyRepository) -> None:
    given = (
        "--amct-profile=explore",
        "--amct-seed=1",
        "--amct-max-examples=20",
        "--amct-report=rep",
        f"--amct-select={ADD}",
        f"--amct-select={CHEAP}",
    )
    both = (f"--amct-spec={OLD}", f"--amct-spec={NEW}", *given)
    run = adds.amct(*both)
    assert run.code == 0, run.text
    assert "amct: explore, 20 examples a test under each of 2 releases, --amct-seed=1" in run.out
    assert "  by CANN 9.2.0.beta1: " in run.out and f"{ADD} (" in run.out
    report = adds.report()
    jsonschema.validate(report, schema())
    assert not any(f["status"] == "failed" for f in report["findings"])
    (other,) = report["releases"]
    assert {f["condition"] for f in other["findings"] if f["status"] == "failed"} == {ADD}
    alone = adds.amct(f"--amct-spec={NEW}", *given)
    assert alone.code == 1, alone.text
    of_new = adds.report()
    assert other["findings"] == of_new["findings"]
    assert other["rows"] == of_new["rows"]
    strict = adds.amct(*both, "--amct-spec-all-must-pass")
    assert strict.code == 1, strict.text
    assert "by CANN 9.2.0.beta1: over-quantized: Add" in strict.out


@pytest.mark.parametrize("group", ["uniform/onnx/Add", "networks/onnx", "metamorphic/onnx/twice"])
def test_explore_makes_each_call_once_for_all_releases(group: str, tmp_path: Path) -> None:
    def seen_under(*names: str) -> list[bytes]:
        seen: list[bytes] = []

        def quantize(model: Any, request: Any) -> Any:
            seen.append(request.model_bytes)
            return []

        found = exploring(quantize, tmp_path, *names, max_examples=15, seed=4)
        checks: dict[str, Callable[[Explorer], Result]] = {
            "networks/onnx": lambda mine: mine.check_networks("onnx"),
            "metamorphic/onnx/twice": lambda mine: mine.check_metamorphic("twice"),
        }
        result = found.everywhere(checks.get(group, lambda mine: mine.check(group)), group)
        assert [r.examples for r in (result, *result.others.values())] == [15] * len(names)
        return seen

    assert len(seen_under(OLD)) > 15
    assert seen_under(OLD) == seen_under(OLD, NEW, "cann-8.0.0")


def test_what_only_another_release_forbids_is_shrunk_and_saved(tmp_path: Path) -> None:
    group, both = "uniform/onnx/Add", (OLD, NEW)
    found = exploring(behind_a_reshape, tmp_path, *both, max_examples=200, seed=8)
    result = found.everywhere(lambda mine: mine.check_networks("onnx"), "networks/onnx")
    assert (result.failure, result.findings) == (None, ())
    (other,) = result.others.values()
    (finding,) = (f for f in other.findings if f.status == "failed")
    assert (finding.condition, finding.row) == (f"{group}/one_input", group)
    shrunk = parse_case(finding.case)
    assert isinstance(shrunk, NetworkCase) and len(shrunk.items) <= 3
    assert finding.model is not None and (tmp_path / finding.model).is_file()


def test_failing_examples_of_one_release_survive_a_search_under_another(tmp_path: Path) -> None:
    def examples(name: str, seed: int) -> int:
        """The number of examples until one fails."""
        given = {"seed": seed, "max_examples": 200, "database": tmp_path / "db"}
        found = exploring(behind_a_reshape, tmp_path, name, **given)
        return found.check_networks("onnx").examples

    assert 1 < examples(NEW, seed=8) < 200
    assert examples(OLD, seed=3) == 200
    assert examples(NEW, seed=3) == 1


def test_a_failure_by_a_table_file_of_the_repository_names_it(adds: ToyRepository) -> None:
    own = adds.path / "my tables.toml"
    own.write_text('release = "own"\ntitle = "Own"\nextends = "cann-7.0.0"\n')
    adds.quantizer("return {n.name: True for n in model.graph.node}")
    run = adds.amct(f"--amct-spec={own}", f"--amct-select={CHEAP}")
    assert run.code == 1, run.text
    named = shlex.quote(f"--spec={own}")
    assert f"explained  pytest-amct rule {CHEAP} {named}" in run.text
    assert cli.main(["rule", CHEAP, f"--spec={own}"]) == 0
