"""A report names the judged tool with its version, and the models of findings by their export."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from toy_repository import CHEAP, ToyRepository

from pytest_amct import cli
from pytest_amct.cases import catalog
from pytest_amct.cases.together import gate_networks
from pytest_amct.errors import UsageError
from pytest_amct.quantizers.loading import load_quantizer
from pytest_amct.quantizers.replay import load_recorded
from pytest_amct.quantizers.tool import Tool, installed, tool_of
from pytest_amct.reports.exported import exported_id
from pytest_amct.reports.json_report import schema

# --- the tool -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "package"),
    [("reference-qdq", "pytest_amct"), ("onnxruntime-dynamic", "onnxruntime"), ("opencv", "cv2")],
)
def test_a_built_in_quantizer_has_the_version_of_its_package(name: str, package: str) -> None:
    tool = tool_of(load_quantizer(name))
    assert tool.name == name
    # A wheel of OpenCV counts its builds after the version of OpenCV.
    assert str(tool.version).startswith(importlib.import_module(package).__version__)


def test_a_package_that_is_not_installed_has_no_version() -> None:
    assert installed("a-package-that-is-not-installed") is None
    assert installed("a-package-that-is-not-installed", "pytest") == pytest.__version__


def test_a_class_declares_its_version(tmp_path: Path) -> None:
    body = "    def quantize(self, model, request): pass\n"
    (tmp_path / "versioned.py").write_text(
        f"class Mine:\n    name, version = 'mine', '2.1'\n{body}"
        f"class Number:\n    version = 2.1\n{body}"
        f"class Raises:\n    version = property(lambda self: 1 / 0)\n{body}"
        "def function(model, request): pass\n"
    )
    assert tool_of(load_quantizer("versioned:Mine", tmp_path)) == Tool("mine", "2.1")
    assert tool_of(load_quantizer("versioned:function", tmp_path)).version is None
    with pytest.raises(UsageError, match=r"declares the version 2\.1: make it a string"):
        load_quantizer("versioned:Number", tmp_path)
    with pytest.raises(UsageError, match=r"reading its 'version' failed .*ZeroDivisionError"):
        load_quantizer("versioned:Raises", tmp_path)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "cases"
    assert cli.main(["export", str(folder), "--framework=caffe", "--setting=skip_layers"]) == 0
    return folder


def recorded(folder: Path, **more: Any) -> Tool:
    """The tool that a file of results names."""
    manifest = json.loads((folder / "manifest.json").read_text())
    models = {entry["id"]: {"unsupported": "no"} for entry in manifest["models"]}
    file = folder.with_name("results.json")
    results = {"format": "pytest-amct-results/2", "export": manifest["export"], "models": models}
    file.write_text(json.dumps({**results, **more}))
    return tool_of(load_quantizer(f"results: {folder} {file}"))


def test_recorded_results_may_name_their_tool(exported: Path) -> None:
    named = {"name": "atc", "version": "8.0"}
    assert recorded(exported, tool=named) == Tool("atc", "8.0")
    assert recorded(exported, tool=named, quantizer="atc 8 on a board") == Tool("atc", "8.0")
    assert recorded(exported, quantizer="atc 8") == Tool("atc 8", None)
    assert load_recorded(f"results: {exported} {exported.with_name('results.json')}", None).name


@pytest.mark.parametrize(
    ("tool", "complaint"),
    [
        ("atc", "'tool' must be an object with a name and a version: give both"),
        ({"name": "atc"}, "'tool' must be an object with a name and a version: give both"),
        ({"name": "atc", "version": 8}, "tool.version must be a string: give the tool's"),
    ],
)
def test_a_tool_that_is_not_named_well_is_refused(
    tool: Any, complaint: str, exported: Path
) -> None:
    with pytest.raises(UsageError, match=complaint):
        recorded(exported, tool=tool)


# --- exported cases -----------------------------------------------------------------------------


def test_the_exported_id_of_a_case_is_that_of_its_folder(exported: Path) -> None:
    written = {
        entry["id"] for entry in json.loads((exported / "manifest.json").read_text())["models"]
    }
    declared = frozenset({"skip_layers"})
    ids = set()
    groups = catalog.groups(declared, ("caffe",))
    cases = (case for group in groups for case in catalog.gate_cases(group, declared))
    for case in (*cases, *gate_networks("caffe")):
        id_ = exported_id(case.id)
        assert id_ is not None
        ids.add(id_)
        if case.deviation in ("default", "all"):
            model = (exported / id_ / "model.prototxt").read_bytes()
            assert model == case.build().native.data
    assert ids == written


@pytest.mark.parametrize(
    "case",
    [
        f"{CHEAP}@1+opset17+batch",  # Hypothesis drew it
        f"{CHEAP}@1:in(uniform/onnx/Add@default,_<1)",
        f"{CHEAP}@nothing",
        "uniform/onnx/Gemm/of_another_release@1",
        "networks/onnx@1",
        "models/mine.onnx",
    ],
)
def test_other_cases_are_not_exported(case: str) -> None:
    assert exported_id(case) is None


def test_findings_name_the_exported_model(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    repository.cheap()
    report = repository.report()
    jsonschema.validate(report, schema())
    assert report["tool"] == {"name": "toy:gemm_always", "version": None}
    assert report["findings"]
    for finding in report["findings"]:
        assert finding["exported"] == exported_id(finding["case"]) is not None
