"""What several releases share: a case is built, shown to the quantizer and saved once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_amct.calls import KEPT, Calls
from pytest_amct.cases.catalog import make_case
from pytest_amct.cases.plan import Built, Plan
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.gate import Gate
from pytest_amct.options import Settings
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.quantizers.protocol import SETTINGS
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec, published

OLD, NEW = "cann-7.0.0", "cann-9.2.0.beta1"
BOTH = (load_spec(OLD), load_spec(NEW))
EVERYTHING = frozenset({"nonuniform", "weight_only", *SETTINGS})


def runners(folder: Path) -> list[Runner]:
    """A runner for each of two releases, with a quantizer that quantizes every layer."""

    def quantize(model: object, request: object) -> list[str]:
        return [node.name for node in model.graph.node]  # type: ignore[attr-defined]

    tool = FunctionQuantizer("every", quantize)
    settings = Settings("every", OLD, more_specs=(NEW,), max_examples=0, scratch=folder)
    calls = Calls(tool, BOTH, settings)
    return [Runner(tool, spec, settings, None, calls) for spec in BOTH]


def test_a_case_is_built_once(tmp_path: Path) -> None:
    case = make_case("uniform/onnx/Conv", "default")
    built: list[Plan] = []

    def write(plan: Plan) -> Built:
        built.append(plan)
        return case.write(plan)

    counted = replace(case, write=write)
    records = [runner.record(counted) for runner in runners(tmp_path)]
    assert len(built) == 1
    assert [r.decided for r in records] == ["quantized", "quantized"]


def test_a_failing_case_is_saved_once(tmp_path: Path) -> None:
    case = make_case("uniform/onnx/Conv/dilation_d", "d2-h1-w1")
    first, second = runners(tmp_path)
    (saved,) = {f.model for f in first.record(case).findings}
    assert saved is not None and (tmp_path / saved).is_file()
    shutil.rmtree(tmp_path / "models")
    assert {f.model for f in second.record(case).findings} == {saved}
    assert not (tmp_path / saved).exists()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_cases_of_a_test_are_kept_until_each_release_has_judged_them(framework: str) -> None:
    for spec in map(load_spec, published()):
        if framework in spec.frameworks:
            gate = Gate(spec, EVERYTHING, (framework,))
            assert all(len(gate.cases(group)) < KEPT for group in gate.every_group)
