"""Folders of models for tools that run outside pytest, and how their results are judged."""

from __future__ import annotations

import ast
import copy
import json
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import numpy as np
import pytest
from doc_pages import blocks
from schemas import schemas
from toy_repository import ToyRepository

from pytest_amct import __version__, cli, quantizers
from pytest_amct.cases import catalog
from pytest_amct.decisions.decision import Outcome
from pytest_amct.errors import UsageError
from pytest_amct.graphs.reading import read_files
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.folders import write_folder
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.quantizers.replay import RESULTS, load_recorded
from pytest_amct.quantizers.running import make_request, run_quantizer
from pytest_amct.request_options import PLAIN

SCHEMAS = Path(str(quantizers.__file__)).parent
DOCS = Path(__file__).parent.parent / "docs"
GATE = ("uniform/onnx/Gemm", "uniform/caffe/Eltwise", "uniform/tensorflow/MaxPool")


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text())


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elsewhere") / "cases"
    assert cli.main(["export", str(folder), "--framework=onnx", "--setting=skip_layers"]) == 0
    return folder


def manifest_of(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_text())


def results_of(folder: Path, **changed: Any) -> dict[str, Any]:
    """The results of the obedient quantizer on the models of a folder."""
    manifest, models = manifest_of(folder), {}
    for entry in manifest["models"]:
        network = read_files(folder / entry["model"]).network()
        models[entry["id"]] = {
            "layers": {n: d.quantized for n, d in Reference().decide(network).items()}
        }
    results = {"format": "pytest-amct-results/2", "export": manifest["export"], "models": models}
    return {**results, **changed}


def test_schemas_are_what_the_checks_read() -> None:
    shipped = {name: (SCHEMAS / name).read_text("utf-8") for name in schemas()}
    assert shipped == schemas(), "run python tests/tools/schemas.py"


def test_a_folder_follows_its_schemas(exported: Path) -> None:
    manifest = manifest_of(exported)
    jsonschema.validate(manifest, schema("manifest"))
    assert len(manifest["models"]) > 500
    for entry in manifest["models"][::50]:
        request = json.loads((exported / entry["request"]).read_text())
        jsonschema.validate(request, schema("request"))
        network = read_files(exported / entry["model"]).network()
        feeds = [np.load(path) for path in (exported / entry["calibration"]).iterdir()]
        assert len(feeds) == 8
        assert {t.name for t in network.inputs} == set(feeds[0].files)


@pytest.mark.slow
@pytest.mark.parametrize("framework", ["onnx", "tensorflow", "caffe"])
def test_every_export_of_a_case_is_the_same(framework: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert cli.main(["export", str(tmp_path / name), f"--framework={framework}"]) == 0
    files = [
        {p.relative_to(d): p.read_bytes() for p in d.rglob("*") if p.is_file()}
        for d in (tmp_path / "one", tmp_path / "two")
    ]
    assert files[0] == files[1]
    models = {data for path, data in files[0].items() if path.stem == "model"}
    for group in catalog.groups(frameworks=(framework,)):
        for case in catalog.gate_cases(group):
            assert case.build().data in models, case.id


def test_a_folder_reveals_no_labels(exported: Path) -> None:
    text = (exported / "manifest.json").read_text()
    assert not re.search(r"Conv|Gemm|dilation|trans|forbid|quantizable", text)
    ids = [entry["id"] for entry in manifest_of(exported)["models"]]
    assert ids == sorted(ids)


@pytest.mark.slow
def test_results_are_judged_as_a_live_run(exported: Path, repository: ToyRepository) -> None:
    results = results_of(exported)
    # A tool that quantizes every Gemm and ignores the layers to skip.
    for entry in manifest_of(exported)["models"]:
        network = read_files(exported / entry["model"]).network()
        gemms = {x.name: True for x in network.layers if x.type == "Gemm" and not x.where}
        results["models"][entry["id"]]["layers"] |= {n: v for n, v in gemms.items() if n}
    jsonschema.validate(results, schema("results"))
    repository.write("results.json", json.dumps(results))
    repository.ini('filterwarnings = "error"')
    recorded = repository.python(
        "-m", "pytest_amct", "judge", str(exported), "results.json", "--amct-report=rep"
    )
    assert recorded.code == 1, recorded.text
    found = repository.report()
    repository.write(
        "live.py",
        "from toy import obey\n"
        "class Live:\n"
        "    settings = ('skip_layers',)\n"
        "    def quantize(self, model, request):\n"
        "        plain = type(request)(request.framework, request.model_bytes, request.workdir)\n"
        "        found = {n: d.quantized for n, d in obey(model, plain).items()}\n"
        "        return found | {n.name: True for n in model.graph.node\n"
        "                        if n.op_type == 'Gemm' and n.name}\n",
    )
    live = repository.amct(
        "--amct-quantizer=live:Live", "--amct-max-examples=0", "--amct-report=rep"
    )
    assert live.code == 1
    wanted = repository.report()
    assert wanted["findings"] and wanted["complete"]
    for key in ("findings", "conditions", "rows", "cases", "complete"):
        assert found[key] == wanted[key], key
    assert re.findall(r"\d+ failed, \d+ passed", recorded.out) == re.findall(
        r"\d+ failed, \d+ passed", live.out
    )


@pytest.mark.slow
def test_a_tool_may_report_its_own_status(exported: Path, repository: ToyRepository) -> None:
    results = results_of(exported, quantizer="my tool 1.2")
    says = {"refused": "no", "unsupported": "old", "errored": "ValueError: x", "timed-out": "hung"}
    for id_, (key, why) in zip(sorted(results["models"]), says.items(), strict=False):
        results["models"][id_] = {key: why}
    repository.write("results.json", json.dumps(results))
    repository.ini(quantizer=f"results: {exported} results.json")
    run = repository.amct("--amct-report=rep")
    report = repository.report()
    assert report["quantizer"] == "my tool 1.2"
    kinds = {f["kind"] for f in report["findings"] if f["status"] != "waived"}
    assert {"errored", "timed-out"} <= kinds, run.text


# --- files that somebody else wrote --------------------------------------------------------------

VALUES: Mapping[str, Any] = {
    "gone": ...,
    "null": None,
    "string": "x",
    "lone surrogate": "\ud800",
    "several lines": "a\nb",
    "integer": 7,
    "float": 1.5,
    "true": True,
    "list": [],
    "list of strings": ["x"],
    "list of lists": [[]],
    "list of objects": [{}],
    "object": {},
    "object of objects": {"x": {}},
    "object with a lone surrogate": {"\ud800": {"layers": {}}},
}
CASE = catalog.make_case("uniform/onnx/Gemm", "default")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Any, Any]:
    """A manifest with one model, and matching results."""
    built = CASE.build()
    home = tmp_path / "request"
    home.mkdir()
    request = make_request(built.native, built.native.network(), home, PLAIN)
    about = {"version": __version__, "frameworks": ["onnx"], "schemes": ["uniform"], "settings": []}
    (id_,) = write_folder(tmp_path, [request], about, calibration=False)
    manifest = manifest_of(tmp_path)
    models = {id_: {"layers": {"n1": {"weights": True}}}}
    results = {"format": RESULTS, "export": manifest["export"], "models": models}
    return manifest, {**results, "quantizer": "mine"}


def loaded(folder: Path, manifest: Any, results: Any) -> Outcome:
    """Return the outcome of the one model; check that a refusal is one printable sentence."""
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "results.json").write_text(json.dumps(results))
    recorded = load_recorded("results: . results.json", folder)
    recorded.name.encode()
    outcome = run_quantizer(FunctionQuantizer("it", recorded.quantize), CASE.build().native)
    assert "Traceback" not in outcome.message
    return outcome


def changes(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document: its container and key."""
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key
        if isinstance(value, dict | list):
            yield from changes(value)


@pytest.mark.parametrize("which", [0, 1], ids=["manifest", "results"])
def test_a_value_of_any_type_works_or_is_refused_in_one_sentence(
    which: int, pair: tuple[Any, Any], tmp_path: Path
) -> None:
    assert loaded(tmp_path, *pair).status == "decided"
    refused = 0
    for holder, key in changes(pair[which]):
        kept = copy.deepcopy(holder[key])
        for name, value in VALUES.items():
            if value is ... and isinstance(holder, list):
                continue
            if value is ...:
                del holder[key]
            else:
                holder[key] = value
            try:
                loaded(tmp_path, *pair)
            except UsageError as error:
                refused += 1
                assert str(error).startswith(str(tmp_path)), (key, name)
                assert str(error).isprintable(), (key, name)
        holder[key] = kept
    assert refused > 50


@pytest.mark.parametrize("file", ["a\0b", "../out.onnx", "gone.onnx", ".", "\ud800"])
def test_a_model_file_outside_the_results_folder_is_invalid_output(
    file: str, pair: tuple[Any, Any], tmp_path: Path
) -> None:
    pair[1]["models"] = {id_: {"file": file} for id_ in pair[1]["models"]}
    outcome = loaded(tmp_path, *pair)
    assert outcome.status == "invalid-output"
    assert "is not a file in the folder of the results" in outcome.message


def test_unclosed_quotes_are_refused() -> None:
    with pytest.raises(UsageError, match="No closing quotation: write results: FOLDER FILE"):
        load_recorded("results: 'cases results.json", None)


def test_the_command_prints_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        cli.main(["--version"])
    assert raised.value.code == 0
    assert capsys.readouterr().out == f"pytest-amct {__version__}, tables of CANN 7.0.0\n"


def test_a_folder_that_cannot_be_used(
    repository: ToyRepository, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("results.json", "{")
    repository.ini(quantizer=f"results: {tmp_path} results.json")
    assert "manifest.json: cannot be read" in repository.refused("--amct")
    repository.ini(quantizer=f"results: {exported} results.json")
    assert "results.json: not JSON" in repository.refused("--amct")
    repository.ini(quantizer="results: one")
    assert "write results: FOLDER FILE" in repository.refused("--amct")
    assert cli.main(["export", str(exported)]) == 4
    assert "already exists and is not empty" in capsys.readouterr().err
    assert cli.main(["export", "/proc/cases", "--framework", "caffe"]) == 4
    assert capsys.readouterr().err.startswith("pytest-amct: /proc/cases: cannot be written (")


def test_the_loop_of_the_docs_runs(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = (b.text for b in blocks("docs/elsewhere.md") if b.language == "python")
    assert len([line for line in code.splitlines() if line]) <= 11
    ast.parse(code, feature_version=(3, 7))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["loop.py", str(exported)])
    monkeypatch.setitem(sys.modules, "mytool", SimpleNamespace(quantized_layers=_layers))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the short loop does not handle these
        exec(compile(code, "loop.py", "exec"), {})
    results = json.loads((tmp_path / "results.json").read_text())
    jsonschema.validate(results, schema("results"))
    assert set(results["models"]) == {e["id"] for e in manifest_of(exported)["models"]}
    assert any("errored" in r for r in results["models"].values())


def _layers(path: str) -> dict[str, bool]:
    network = read_files(path).network()
    if any(layer.type == "Softmax" for layer in network.layers):
        raise ValueError("no Softmax")
    return {layer.name: False for layer in network.layers if layer.name}
