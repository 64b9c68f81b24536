"""The adapters for AMCT in docs/adapters, with stand-ins for AMCT's packages and commands."""

from __future__ import annotations

import ast
import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from onnx import ModelProto
from toy_repository import Run, ToyRepository

from pytest_amct import __version__
from pytest_amct.cases import catalog
from pytest_amct.decisions.amct.simplified import read_simplified
from pytest_amct.quantizers.folders import write_folder
from pytest_amct.quantizers.protocol import Request, Unsupported
from pytest_amct.quantizers.replay import load_recorded
from pytest_amct.quantizers.running import make_request

ROOT = Path(__file__).parents[1]
ADAPTERS = ROOT / "docs" / "adapters"
STANDIN = ROOT / "tests" / "tools" / "amct_standin"
FILES = sorted(ADAPTERS.glob("*.py"))

BROKEN = {
    "onnx": ("ConvTranspose", "h2-w2", "h1-w1"),
    "tensorflow": ("Conv2DBackpropInput", "h2-w2", "h1-w1"),
    "caffe": ("Deconvolution", "2", "1"),
}
"""A type of layer that the wrong stand-in always quantizes, also with a dilation, which forbids it;
a case that breaks this condition, and one that satisfies it."""

ALSO = {
    "onnx": ("uniform/onnx/Gemm/trans_a", "settings/onnx/*/channel_wise", "settings/onnx/Add/*"),
    "tensorflow": (
        "uniform/tensorflow/Conv3D/dilation_d",
        "settings/tensorflow/MatMul/channel_wise",
        "settings/tensorflow/MaxPool/*",
    ),
    "caffe": ("uniform/caffe/InnerProduct/axis", "settings/caffe/InnerProduct/skip_layers"),
}
"""Further conditions, some with settings."""


def condition_of(framework: str) -> str:
    """The condition that the wrong stand-in breaks."""
    return f"uniform/{framework}/{BROKEN[framework][0]}/dilation"


def cases_of(framework: str) -> tuple[str, ...]:
    """Two cases of it."""
    return tuple(f"{condition_of(framework)}@{case}" for case in BROKEN[framework][1:])


@pytest.fixture
def adopted(repository: ToyRepository) -> ToyRepository:
    """A repository with the adapters, on a machine with the stand-ins."""
    adopt(repository)
    return repository


def adopt(repository: ToyRepository) -> None:
    """Add the adapters and the stand-ins."""
    for file in FILES:
        shutil.copy(file, repository.path)
    commands = repository.path / "bin"
    commands.mkdir()
    for framework in BROKEN:
        command = commands / f"amct_{framework}"
        command.write_text(
            f'#!/bin/sh\nexec {sys.executable} {STANDIN / "command.py"} {framework} "$@"\n'
        )
        command.chmod(0o755)
    environment = repository.environment
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (STANDIN, STANDIN / "engines")))
    environment["PATH"] = f"{commands}{os.pathsep}{environment['PATH']}"


def suite(repository: ToyRepository, adapter: str, selected: Iterable[str]) -> Run:
    """Run the suite on an adapter as its README says, on the selected conditions."""
    repository.ini('pythonpath = ["."]', quantizer=f"{adapter}:Amct")
    select = [f"--amct-select={id_}" for id_ in selected]
    return repository.amct("--amct-max-examples=0", "--amct-report=rep", *select)


def only_that(report: Any, condition: str) -> bool:
    """Whether a report has findings, and all are that the condition is broken."""
    return {(f["kind"], f["condition"]) for f in report["findings"]} == {
        ("over-quantized", condition)
    }


# --- the files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_adapter_is_short_and_runs_on_python_3_7(file: Path) -> None:
    text = file.read_text()
    tree = ast.parse(text, feature_version=(3, 7))
    assert len(text.splitlines()) < (60 if file.stem.startswith("adapt_") else 80)
    imported = {
        module.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [n.name for n in node.names]
        )
    }
    amct = {"amct_onnx", "amct_tensorflow", "amct_caffe", "onnx", "onnxruntime", "tensorflow"}
    allowed = {*sys.stdlib_module_names, *amct, "caffe", "numpy", "amct_request", "pytest_amct"}
    assert imported <= allowed
    if "pytest_amct" in imported:  # where it cannot be imported, the adapter works without it
        assert file.stem == "amct_request"


def test_the_readme_names_every_file() -> None:
    text = (ADAPTERS / "README.md").read_text()
    assert [file.name for file in FILES if f"`{file.name}`" not in text] == []


# --- what is asked for ----------------------------------------------------------------------------


@pytest.fixture
def simplified(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ADAPTERS))
    import amct_request  # type: ignore[import-not-found]

    return amct_request.simplified


def test_settings_become_a_simplified_configuration(simplified: Any, tmp_path: Path) -> None:
    request = Request(
        "onnx",
        b"",
        tmp_path,
        settings={"channel_wise": True},
        skip_layers=('a "b"', "ü\\c"),
        tensor_quantize=("add",),
    )
    path = tmp_path / "asked.cfg"
    path.write_text(simplified(request), encoding="utf-8")
    found = read_simplified(path)
    assert found.skip_layers == ('a "b"', "ü\\c")
    assert found.tensor_quantize == ("add",)
    assert found.common.settings == {"channel_wise": True}
    plain = simplified(Request("onnx", b"", tmp_path))
    assert "arq_quantize" not in plain
    assert "batch_num : 2" in plain


@pytest.mark.parametrize(
    "options",
    [
        {"scheme": "weight_only"},
        {"scheme": "nonuniform"},
        {"settings": {"asymmetric": True}},
        {"skip_layer_types": ("Conv2D",)},
    ],
    ids=str,
)
def test_what_amct_has_no_documented_field_for_is_unsupported(
    simplified: Any, tmp_path: Path, options: Any
) -> None:
    with pytest.raises(Unsupported):
        simplified(Request("onnx", b"", tmp_path, **options))


# --- the stand-in ---------------------------------------------------------------------------------

WRONG_CALLS = """
import json, pathlib, amct_onnx as amct, onnxruntime
model, cfg = "model.onnx", "asked.cfg"
pathlib.Path("wrong.cfg").write_text("weight_compress_only : true")
pathlib.Path("words.txt").write_text("batch_num : many")
def half():
    amct.create_quant_config("c.json", model)
    amct.quantize_model("c.json", model, "modified.onnx", "record.txt")
def no_batches():
    half()
    amct.save_model("modified.onnx", "record.txt", "out")
def no_operators():
    half()
    onnxruntime.InferenceSession("modified.onnx")
calls = {
    "unknown argument": lambda: amct.create_quant_config("c.json", model, scheme="uniform"),
    "missing argument": lambda: amct.quantize_model("c.json", model, "modified.onnx"),
    "wrong type": lambda: amct.create_quant_config(pathlib.Path("c.json"), model),
    "wrong list": lambda: amct.create_quant_config("c.json", model, skip_layers="n0"),
    "no batch": lambda: amct.create_quant_config("c.json", model, batch_num=0),
    "missing file": lambda: amct.create_quant_config("c.json", "gone.onnx"),
    "missing folder": lambda: amct.create_quant_config("gone/c.json", model),
    "unknown field": lambda: amct.create_quant_config(
        "c.json", model, config_defination="wrong.cfg"),
    "wrong field": lambda: amct.create_quant_config(
        "c.json", model, config_defination="words.txt"),
    "not calibrated": no_batches,
    "without the operators": no_operators,
}
raised = {}
for name, call in calls.items():
    try:
        call()
    except Exception as error:
        raised[name] = type(error).__name__
print(json.dumps(raised))
"""


def test_the_stand_in_refuses_calls_that_are_not_documented(adopted: ToyRepository) -> None:
    data = catalog.make_case("uniform/onnx/Conv", "default").build().native.data
    model = ModelProto.FromString(data)
    model.opset_import[0].version, model.ir_version = 13, 7
    (adopted.path / "model.onnx").write_bytes(model.SerializeToString())
    run = adopted.python("-c", WRONG_CALLS)
    assert run.code == 0, run.text
    assert json.loads(run.out) == {
        "unknown argument": "TypeError",
        "missing argument": "TypeError",
        "wrong type": "TypeError",
        "wrong list": "TypeError",
        "no batch": "TypeError",
        "missing file": "FileNotFoundError",
        "missing folder": "FileNotFoundError",
        "unknown field": "ParseError",
        "wrong field": "ParseError",
        "not calibrated": "RuntimeError",
        "without the operators": "RuntimeError",
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("{model} {asked}", "are required: --input_shape, --data_dir, --data_types"),
        ("{model} {data}", "one of the arguments --calibration_config --batch_num is required"),
        ("{model} {data} {asked} --batch_num 1", "not allowed with argument --calibration_config"),
        ("{model} {data} {asked} --data_type float32", "unrecognized arguments: --data_type"),
        ("--model gone.onnx --save_path out/m {data} {asked}", "there is no file 'gone.onnx'"),
        ("--model model.onnx --save_path out/a*b {data} {asked}", "'out/a*b' has characters"),
        ("{model} {data};int64 {asked}", "name different numbers"),
        ("{model} {data} {asked}", "data has 1 files for 2 batches"),
    ],
)
def test_the_stand_in_refuses_commands_that_are_not_documented(
    adopted: ToyRepository, words: str, said: str
) -> None:
    adopted.write("model.onnx", "")
    adopted.write("asked.cfg", "batch_num : 2")
    adopted.write("data/one.bin", "1234")
    given = words.format(
        model="--model model.onnx --save_path out/model",
        asked="--calibration_config asked.cfg",
        data="--input_shape x:1,1 --data_dir data --data_types float32",
    )
    run = adopted.python(str(STANDIN / "command.py"), "onnx", "calibration", *given.split())
    assert run.code != 0
    assert said in run.err, run.text
    assert not (adopted.path / "out").exists()


# --- in pytest ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("framework", BROKEN)
def test_an_adapter_of_a_right_tool_has_no_finding(adopted: ToyRepository, framework: str) -> None:
    run = suite(adopted, f"adapt_amct_{framework}", (condition_of(framework), *ALSO[framework]))
    assert run.code == 0, run.text
    report = adopted.report()
    assert report["findings"] == []
    assert sum(any(c.get("judged", {}).values()) for c in report["conditions"]) > 2


@pytest.mark.slow
@pytest.mark.parametrize("framework", BROKEN)
def test_an_adapter_shows_what_the_tool_did_wrong(adopted: ToyRepository, framework: str) -> None:
    condition = condition_of(framework)
    adopted.environment["AMCT_STANDIN_ALWAYS"] = BROKEN[framework][0]
    run = suite(adopted, f"adapt_amct_{framework}", (condition, ALSO[framework][0]))
    assert run.code == 1, run.text
    assert only_that(adopted.report(), condition), run.text


@pytest.mark.slow
def test_with_tensorflow_itself(adopted: ToyRepository) -> None:
    pytest.importorskip("tensorflow")
    adopted.environment |= {"PYTHONPATH": str(STANDIN), "TF_CPP_MIN_LOG_LEVEL": "3"}
    condition, case = condition_of("tensorflow"), cases_of("tensorflow")
    also = "settings/tensorflow/MaxPool/skip_layers"
    run = suite(adopted, "adapt_amct_tensorflow", (*case, also))
    assert run.code == 0, run.text
    assert "unsupported" not in run.out
    run = suite(adopted, "adapt_amct_command", case[1:])
    assert run.code == 0, run.text
    assert "unsupported" not in run.out
    adopted.environment["AMCT_STANDIN_ALWAYS"] = BROKEN["tensorflow"][0]
    assert suite(adopted, "adapt_amct_tensorflow", case).code == 1
    assert only_that(adopted.report(), condition)


@pytest.mark.slow
@pytest.mark.parametrize("framework", BROKEN)
def test_the_command_line_shows_the_same(adopted: ToyRepository, framework: str) -> None:
    run = suite(adopted, "adapt_amct_command", cases_of(framework))
    assert run.code == 0, run.text
    adopted.environment["AMCT_STANDIN_ALWAYS"] = BROKEN[framework][0]
    run = suite(adopted, "adapt_amct_command", cases_of(framework))
    assert run.code == 1, run.text
    assert only_that(adopted.report(), condition_of(framework)), run.text


# --- where pytest cannot run ----------------------------------------------------------------------


def exported(folder: Path, framework: str) -> Path:
    """Write a folder of two cases, as ``pytest-amct export`` writes all of them."""
    requests = []
    for i, id_ in enumerate(cases_of(framework)):
        condition, _, case = id_.partition("@")
        built, home = catalog.make_case(condition, case).build(), folder / f"request{i}"
        home.mkdir(parents=True)
        requests.append(make_request(built.native, built.native.network(), home, built.options))
    about = {
        "version": __version__,
        "frameworks": [framework],
        "schemes": ["uniform"],
        "settings": ["channel_wise"],
    }
    cases = folder / "cases"
    cases.mkdir()
    write_folder(cases, requests, about)
    return cases


def judged(repository: ToyRepository, adapter: str, cases: Path, select: Sequence[str]) -> Run:
    """Run an adapter on a folder, and judge the results as docs/elsewhere.md says."""
    out = repository.path / "out"
    shutil.rmtree(out, ignore_errors=True)
    ran = repository.python("run_folder.py", adapter, str(cases), "out")
    assert ran.code == 0, ran.text
    chosen = [f"--amct-select={id_}" for id_ in select]
    return repository.python(
        "-m", "pytest_amct", "judge", str(cases), "out/results.json", "--amct-report=rep", *chosen
    )


@pytest.mark.slow
@pytest.mark.parametrize("framework", BROKEN)
def test_results_of_a_folder_are_judged_like_a_live_run(
    adopted: ToyRepository, framework: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    adapter, select = f"adapt_amct_{framework}", cases_of(framework)
    cases = exported(tmp_path_factory.mktemp("exported"), framework)
    run = judged(adopted, adapter, cases, select)
    assert run.code == 0, run.text
    found = adopted.report()
    assert found["findings"] == []
    assert found["quantizer"] == adapter
    assert suite(adopted, adapter, select).code == 0
    live = adopted.report()
    assert any(found["rows"]) and found["rows"] == live["rows"]
    assert found["conditions"] == live["conditions"]
    adopted.environment["AMCT_STANDIN_ALWAYS"] = BROKEN[framework][0]
    run = judged(adopted, adapter, cases, select)
    assert run.code == 1, run.text
    assert only_that(adopted.report(), condition_of(framework)), run.text


ODD = """
import os, signal
from pytest_amct import Unsupported
def quantize(model, request):
    does = os.environ["DOES"]
    if does == "abort":
        os.abort()
    if does == "hang":
        signal.pause()
    if does == "refuse":
        raise Unsupported("too old")
    if does == "raise":
        raise ValueError("what")
    if does == "exit":
        os._exit(0)
    assert len(list(request.calibration(2))) == 2 and request.weights_path is None
    path = request.workdir / "record.txt"
    path.write_text("")
    return path
"""


@pytest.mark.parametrize(
    ("does", "result"),
    {
        "abort": {"crashed": "signal 6, exit status 0"},
        "hang": {"timed-out": "after 1 s"},
        "refuse": {"unsupported": "too old"},
        "raise": {"errored": "ValueError: what"},
        "exit": {"crashed": "signal 0, exit status 0"},
        "return": {"file": "ID/record.txt"},
    }.items(),
)
def test_each_model_has_a_result_whatever_the_tool_does(
    adopted: ToyRepository, tmp_path: Path, does: str, result: dict[str, str]
) -> None:
    adopted.write("odd.py", ODD)
    cases = exported(tmp_path / "exported", "onnx")
    text = (adopted.path / "run_folder.py").read_text()
    (adopted.path / "run_folder.py").write_text(text.replace("SECONDS = 600", "SECONDS = 1"))
    adopted.environment["DOES"] = does
    run = adopted.python("run_folder.py", "odd", str(cases), "out")
    assert run.code == 0, run.text
    models = json.loads((adopted.path / "out" / "results.json").read_text())["models"]
    assert sorted(models) == [e["id"] for e in json.loads(_manifest(cases))["models"]]
    for id_, found in models.items():
        assert found == {key: text.replace("ID", id_) for key, text in result.items()}
    assert load_recorded(f"results: {cases} out/results.json", adopted.path).name == "odd"


def _manifest(cases: Path) -> str:
    return (cases / "manifest.json").read_text()
