"""External programs and isolated functions as quantizers: a crash costs one case."""

from __future__ import annotations

import json
import re
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_amct.cases.catalog import parse_case
from pytest_amct.decisions.decision import Decision
from pytest_amct.errors import OutputError
from pytest_amct.options import Settings
from pytest_amct.quantizers.loading import load_quantizer
from pytest_amct.quantizers.messages import DECISIONS, read_decisions_message, request_message
from pytest_amct.quantizers.protocol import InputSpec, Request
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec
from pytest_amct.tables.model import DataFormat
from pytest_amct.verdicts import Record

PLAIN, BROKEN = "uniform/onnx/Gemm/trans_a@0", "uniform/onnx/Gemm/trans_a@1"

TOOL = '''
import json, os, signal, sys, time
import onnx

def decide(path):
    """Quantizes every Gemm; MODE says what happens to a transposed one."""
    model = onnx.load(path)
    transposed = any(a.name == "transA" and a.i for n in model.graph.node for a in n.attribute)
    MODE
    return {n.name: True for n in model.graph.node if n.op_type == "Gemm"}

def message(path):
    return {"format": "pytest-amct-decisions/2", "layers": decide(path)}

model, request, calibration, output = sys.argv[1:]
if os.path.isdir(model):
    manifest = json.load(open(request))
    for entry in manifest["models"]:
        found = message(os.path.join(model, entry["model"]))
        json.dump(found, open(os.path.join(output, entry["id"] + ".json"), "w"))
else:
    assert json.load(open(request))["format"] == "pytest-amct-request/1"
    assert sorted(os.listdir(calibration)) == [f"{i}.npz" for i in range(8)]
    json.dump(message(model), open(output + ".json", "w"))
'''

FUNCTION = """
import ctypes, os, signal, sys, time

def quantize(model, request):
    transposed = any(a.name == "transA" and a.i for n in model.graph.node for a in n.attribute)
    MODE
    return [n.name for n in model.graph.node if n.op_type == "Gemm"]
"""


def program(folder: Path, mode: str, prefix: str = "command", timeout: float = 60) -> Runner:
    (folder / "tool.py").write_text(TOOL.replace("MODE", mode or "pass"))
    line = f"{prefix}: {sys.executable} tool.py {{model}} {{request}} {{calibration}} {{output}}"
    settings = Settings(line, max_examples=0, scratch=folder, rootdir=folder)
    return Runner(load_quantizer(line, folder, timeout), load_spec(), settings)


def record(runner: Runner, case: str) -> Record:
    return runner.record(parse_case(case))


@pytest.mark.parametrize("prefix", ["command", "batch"])
def test_a_program_is_judged_as_a_function_is(prefix: str, tmp_path: Path) -> None:
    runner = program(tmp_path, "", prefix)
    assert record(runner, PLAIN).decided == "quantized"
    (finding,) = record(runner, BROKEN).findings
    assert (finding.kind, finding.condition) == ("over-quantized", "uniform/onnx/Gemm/trans_a")


@pytest.mark.parametrize(
    ("mode", "status", "words"),
    [
        ("if transposed: os.kill(os.getpid(), signal.SIGKILL)", "crashed", "SIGKILL"),
        ("if transposed: os.kill(os.getpid(), signal.SIGRTMIN + 1)", "crashed", "by signal "),
        ("if transposed: os.abort()", "crashed", "SIGABRT"),
        ("if transposed: print('not this'); sys.exit(64)", "refused", ""),
        ("if transposed: print('no space'); sys.exit(3)", "errored", "exit status 3: no space"),
        ("if transposed: sys.exit(0)", "invalid-output", "wrote nothing"),
        ("if transposed: open(output, 'w').write('{}')", "invalid-output", "wrote"),
    ],
)
def test_a_failure_of_a_program_concerns_one_case(
    mode: str, status: str, words: str, tmp_path: Path
) -> None:
    runner = program(tmp_path, mode)
    found = record(runner, BROKEN)
    assert found.status == status
    assert all(words in finding.message for finding in found.findings)
    assert bool(found.findings) == (status != "refused")
    assert record(runner, PLAIN).decided == "quantized"


def test_a_program_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    child = "if transposed: import subprocess; subprocess.run(['sleep', '1000'])"
    runner = program(tmp_path, child, timeout=3)
    assert record(runner, BROKEN).status == "timed-out"
    assert record(runner, PLAIN).status == "decided"


def test_gigabytes_of_output_fill_no_pipe_and_no_memory(tmp_path: Path) -> None:
    mode = "[sys.stdout.write('x' * 10**6) for _ in range(200)]; print('the end')"
    runner = program(tmp_path, mode)
    assert record(runner, PLAIN).decided == "quantized"


@pytest.mark.slow
def test_a_batch_that_dies_is_retried_one_model_at_a_time(tmp_path: Path) -> None:
    runner = program(tmp_path, "if transposed: os.kill(os.getpid(), signal.SIGKILL)", "batch")
    result = runner.check("uniform/onnx/Gemm/trans_a")
    by_status = {r.status for r in result.records if re.search(r"@[12](:|\+|$)", r.case)}
    assert by_status == {"crashed"}
    assert {r.status for r in result.records if "@0" in r.case} == {"decided"}


@pytest.mark.slow
def test_models_that_a_batch_left_out_are_retried_one_at_a_time(tmp_path: Path) -> None:
    """The batch ended half-way with status 0."""
    mode = "if transposed and len(manifest['models']) > 1: sys.exit(0)"
    runner = program(tmp_path, mode, "batch")
    result = runner.check("uniform/onnx/Gemm/trans_a")
    assert {r.status for r in result.records} == {"decided"}


@pytest.mark.slow
def test_a_batch_that_hangs_is_retried_one_model_at_a_time(tmp_path: Path) -> None:
    """A batch may take any time as long as new results appear."""
    runner = program(tmp_path, "if transposed: time.sleep(1000)", "batch", timeout=3)
    cases = [parse_case(name) for name in (PLAIN, f"{PLAIN}:chain", BROKEN)]
    runner.calls.batch(cases)
    assert runner.calls.known == {}  # the batch failed
    assert [record(runner, c.id).status for c in cases] == ["decided", "decided", "timed-out"]


@pytest.mark.parametrize(
    "mode",
    [
        "os.mkfifo(output + '.json'); sys.exit(0)",
        "os.symlink('/dev/zero', output + '.onnx'); sys.exit(0)",
        "os.mkdir(output + '.onnx'); sys.exit(0)",
    ],
)
def test_only_regular_files_are_read(mode: str, tmp_path: Path) -> None:
    found = record(program(tmp_path, f"output = sys.argv[4]; {mode}"), PLAIN)
    assert found.status == "invalid-output"
    assert "which is not a regular file" in found.findings[0].message


def test_a_batch_is_one_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    mode = f"open({str(log)!r}, 'a').write(str(os.getpid()) + chr(10))"
    program(tmp_path, mode, "batch").check("uniform/onnx/Gemm/trans_a")
    pids = log.read_text().split()
    assert len(pids) > 5
    assert len(set(pids)) == 1


# --- messages ---------------------------------------------------------------------------------


def schema(name: str) -> Any:
    folder = resources.files("pytest_amct.quantizers")
    return json.loads((folder / f"{name}.schema.json").read_text("utf-8"))


def test_the_request_follows_its_schema(tmp_path: Path) -> None:
    inputs = (InputSpec("x", "float32", (1, 4)),)
    request = Request("onnx", b"", tmp_path, inputs, "weight_only", {"channel_wise": True})
    jsonschema.validate(request_message(request), schema("request"))


def message(**layers: Any) -> str:
    return json.dumps({"format": DECISIONS, "layers": layers})


def test_decisions_are_read_by_field() -> None:
    fields = {"inputs": [0], "weights": True, "weight_channel_wise": None, "shift": 3}
    text = message(conv=fields, pool=False, gemm=True)
    jsonschema.validate(json.loads(text), schema("decisions"))
    found = read_decisions_message(text, "it")
    assert found is not None
    assert (found["conv"].inputs, found["conv"].shift) == ((0,), 3)
    assert [found[name].quantized for name in ("conv", "pool", "gemm")] == [True, False, True]


def test_decisions_say_how_data_was_quantized() -> None:
    formats = [{"port": 1, "bits": 8, "asymmetric": True}, {"port": 0, "bits": None}]
    text = message(both={"inputs": [0, 1], "formats": formats}, unknown={"formats": [{"port": 3}]})
    jsonschema.validate(json.loads(text), schema("decisions"))
    found = read_decisions_message(text, "it")
    assert found is not None
    assert found["both"].formats == (DataFormat(1, 8, True), DataFormat(0))
    assert found["unknown"].formats == (DataFormat(3),)
    assert found["unknown"].inputs is None
    silent = read_decisions_message(message(conv={"inputs": [0], "formats": None}), "it")
    assert silent == {"conv": Decision(inputs=(0,))}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        (message(conv=3), "layers.conv"),
        (message(conv={"weigths": True}), "'weigths' is not a field"),
        (message(conv={"weights": 1}), "layers.conv.weights"),
        (message(conv={"shift": True}), "layers.conv.shift"),
        (message(conv={"inputs": ["0"]}), "layers.conv.inputs"),
        (json.dumps({"format": DECISIONS}), "'layers'"),
    ],
)
def test_a_broken_message_names_the_place(text: str, words: str) -> None:
    with pytest.raises(OutputError, match=words):
        read_decisions_message(text, "it")


@pytest.mark.parametrize(
    ("formats", "words"),
    [
        ({"port": 0}, ": must be a list of objects, one for each port"),
        ([0], "[0]: must be an object with a 'port': name the input port"),
        ([{"bits": 8}], "[0]: must be an object with a 'port': name the input port"),
        (
            [{"port": 0, "offset": 1}],
            "[0]: 'offset' is not a field of a format: port, bits, asymmetric",
        ),
        ([{"port": None}], "[0].port: None must be an integer from 0 to 2147483647"),
        (
            [{"port": 0, "bits": "8"}],
            "[0].bits: '8' must be an integer from 1 to 64, or null if it is not known",
        ),
        (
            [{"port": 0, "asymmetric": 0}],
            "[0].asymmetric: 0 must be true or false, or null if it is not known",
        ),
        (
            [{"port": 0}, {"port": 0, "bits": 4}],
            "[1].port: 0 is listed twice: give each port one format",
        ),
        (
            [{"port": 1}],
            "[0].port: 1 is not one of the quantized inputs [0]: add it to inputs, or leave its"
            " format out",
        ),
    ],
)
def test_a_broken_format_is_one_sentence(formats: Any, words: str) -> None:
    with pytest.raises(OutputError) as error:
        read_decisions_message(message(conv={"inputs": [0], "formats": formats}), "it")
    assert str(error.value) == f"it: layers.conv.formats{words}"


def test_a_program_shows_an_offset_that_a_release_forbids(tmp_path: Path) -> None:
    """Both inputs of a product of two variables must be INT8 without an offset."""
    case = parse_case("uniform/onnx/MatMul/two_variables@input")
    found = {}
    for offset in (False, True):
        formats = [{"port": port, "bits": 8, "asymmetric": offset} for port in (0, 1)]
        product = {"inputs": [0, 1], "weights": False, "formats": formats}
        mode = f"return {{n.name: {product} for n in model.graph.node if n.op_type == 'MatMul'}}"
        made = program(tmp_path, mode)
        runner = Runner(made.quantizer, load_spec("cann-9.2.0.beta1"), made.settings)
        found[offset] = [f.condition for f in runner.record(case).findings]
    assert found == {False: [], True: ["uniform/onnx/MatMul/two_variables"]}


# --- isolation --------------------------------------------------------------------------------


def isolated(folder: Path, name: str, mode: str, timeout: int = 60) -> Runner:
    (folder / f"{name}.py").write_text(FUNCTION.replace("MODE", mode))
    settings = Settings(
        f"{name}:quantize",
        max_examples=0,
        scratch=folder,
        rootdir=folder,
        isolate=True,
        timeout=timeout,
    )
    return Runner(load_quantizer(settings.quantizer, folder), load_spec(), settings)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "mode", "words"),
    [
        ("killed_one", "if transposed: os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("crashed_one", "if transposed: ctypes.string_at(0)", "SIGSEGV"),
        ("hung_one", "while transposed: time.sleep(1)", "no answer within"),
    ],
)
def test_an_isolated_function_is_restarted_after_a_loss(
    name: str, mode: str, words: str, tmp_path: Path
) -> None:
    runner = isolated(tmp_path, name, mode, timeout=8)
    assert runner.calls.isolated is not None
    try:
        (finding,) = record(runner, BROKEN).findings
        assert finding.kind == ("timed-out" if name == "hung_one" else "crashed")
        assert words in finding.message
        assert record(runner, PLAIN).decided == "quantized"
    finally:
        runner.calls.isolated.close()


def test_an_isolated_function_keeps_its_process_and_may_print(tmp_path: Path) -> None:
    log = tmp_path / "log"
    mode = f"print('hello'); open({str(log)!r}, 'a').write(str(os.getpid()) + chr(10))"
    runner = isolated(tmp_path, "kept_one", mode)
    assert runner.calls.isolated is not None
    try:
        assert record(runner, PLAIN).decided == record(runner, BROKEN).decided == "quantized"
    finally:
        runner.calls.isolated.close()
    first, second = log.read_text().split()
    assert first == second
