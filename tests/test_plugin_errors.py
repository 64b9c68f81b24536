"""Bad input ends in one sentence; a quantizer that misbehaves is exactly one finding."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from toy_repository import CHEAP, INI_TABLES, ToyRepository

# --- bad input ----------------------------------------------------------------------------------


def test_a_run_without_a_quantizer_is_refused(repository: ToyRepository) -> None:
    repository.ini(quantizer="")
    assert repository.refused("--amct") == (
        f"--amct: no quantizer is named: set amct_quantizer in {repository.path}/pyproject.toml,"
        " or give --amct-quantizer=module:function"
    )


@pytest.mark.parametrize(
    "option", ["--amct-model", "--amct-report", "--amct-compare", "--amct-spec"]
)
def test_a_path_in_another_repository_brings_no_settings_from_there(
    option: str, repository: ToyRepository, tmp_path: Path
) -> None:
    """pytest treats a value given as a separate argument as a test path and reads its ini file.

    Another repository's quantizer would then be judged instead of this one's.
    """
    other = tmp_path / "other"
    other.mkdir()
    (other / "pyproject.toml").write_text(
        "[tool.pytest.ini_options]\namct_quantizer = 'reference'\n"
    )
    (other / "m.onnx").touch()
    told = repository.refused("--amct", option, str(other / "m.onnx"))
    assert told == (
        f"{option} {other / 'm.onnx'}: pytest treats {other / 'm.onnx'} as a test path: write"
        f" {option}={other / 'm.onnx'}"
    )


def test_a_model_that_is_cut_off(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    repository.cheap()
    (saved,) = (repository.path / "rep" / "models").glob("*trans_a@1.onnx")
    saved.write_bytes(saved.read_bytes()[:-100])
    error = repository.refused("--amct", f"--amct-model={saved}")
    assert f"{saved.name}: not an ONNX model, or cut off" in error


def test_a_report_that_cannot_be_written_in_the_end(repository: ToyRepository) -> None:
    repository.write(
        "conftest.py",
        "import pathlib, shutil\n"
        "def pytest_sessionfinish():\n"
        "    pathlib.Path('rep').write_text('in the way')\n",
    )
    run = repository.cheap()
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert "Traceback" not in run.text
    assert "rep: cannot be written to (" in run.out
    assert "name another folder" in run.out


# --- quantizers that misbehave ------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        ("return None", "invalid-output", "returned None: return names of quantized layers"),
        ("return 5", "invalid-output", "returned 5 of type int: return names"),
        ("return [1]", "invalid-output", "returned a list that holds 1 of type int"),
        ("return {'x': 3}", "invalid-output", "value for 'x' is 3 of type int"),
        ("return ['nobody']", "invalid-output", "named 'nobody', which is not a layer of"),
        ("return request.model_bytes[:-9]", "invalid-output", "not an ONNX model, or cut off"),
        ("return 'absent.onnx'", "invalid-output", "absent.onnx: cannot be read (No such file"),
        ("raise ValueError('one\\ntwo')", "errored", "raised: ValueError: one"),
        ("yield 1 / 0", "errored", "raised: ZeroDivisionError: division by zero"),
        ("sys.exit(0)", "errored", "raised: SystemExit: sys.exit(0)"),
        ("raise SystemExit", "errored", "raised: SystemExit: sys.exit(None)"),
        ("os._exit(0)", "errored", "raised: SystemExit: os._exit(0)"),
        ("leave(0)", "errored", "raised: SystemExit: os._exit(0)"),
        ("import pytest; pytest.skip('no')", "errored", "raised: Skipped: no"),
        ("import pytest; pytest.exit('no')", "errored", "raised: Exit: no"),
    ],
)
def test_nonsense_is_one_finding_and_the_run_continues(
    body: str, kind: str, told: str, repository: ToyRepository
) -> None:
    repository.quantizer(body)
    toy = repository.path / "toy.py"
    toy.write_text("from os import _exit as leave\n" + toy.read_text())
    run = repository.amct(f"--amct-select={CHEAP}@0", "--amct-report=rep", "test_own.py")
    assert run.code == 1, run.text
    first = next(f for f in repository.findings(kind) if f["case"] == f"{CHEAP}@0")
    assert told in first["message"]
    assert first["message"] in run.out
    assert first["status"] == "failed"
    assert "1 failed, 1 passed" in run.out
    assert "Traceback" not in run.text


@pytest.mark.slow
def test_ctrl_c_in_a_quantizer_ends_the_run(repository: ToyRepository) -> None:
    repository.quantizer("raise KeyboardInterrupt")
    for more in ([], ["-n2"]):
        run = repository.cheap(*more)
        assert run.code == pytest.ExitCode.INTERRUPTED
        assert "amct: " not in run.err
        assert "crashed: " not in run.out
        assert repository.report()["complete"] is False
        assert repository.report()["findings"] == []


def test_a_failure_shows_the_last_lines_of_the_quantizers_output(repository: ToyRepository) -> None:
    repository.quantizer(
        "import logging, warnings",
        "print('from print')",
        "print('from stderr', file=sys.stderr)",
        "os.write(1, b'from below\\n')",
        "os.system('echo from a child')",
        "warnings.warn('from a warning')",
        "logging.getLogger('tool').error('from the log')",
        "raise ValueError('at last')",
    )
    run = repository.cheap("-W", "error")
    words = run.out.partition("last lines of the quantizer's output:\n")[2].splitlines()
    assert [line.strip() for line in words[:6]] == [
        "from print",
        "from stderr",
        "from below",
        "from a child",
        "UserWarning: from a warning",
        "ERROR: from the log",
    ]
    assert "Captured" not in run.out


def test_what_a_quantizer_does_to_its_surroundings_is_undone(repository: ToyRepository) -> None:
    repository.quantizer(
        "import threading, logging, subprocess",
        "assert model.graph.node and os.environ.get('AMCT_TOY') is None, 'not restored'",
        "assert os.getcwd() == str(request.workdir.resolve()), os.getcwd()",
        "decisions, last = obey(model, request), is_broken(model)",
        "open('droppings', 'w').close()",
        "os.chdir('/')",
        "os.environ['AMCT_TOY'] = 'set'",
        "del os.environ['PATH']",
        "del model.graph.node[:]",
        "logging.basicConfig(force=True)",
        "threading.Thread(target=print, args=('from a thread',)).start()",
        "sys.stdout.close() if last else None",
        "return decisions",
    )
    repository.write(
        "test_zz.py",
        "import os, pathlib\n"
        "def test_after():\n"
        f"    assert os.getcwd() == {str(repository.path)!r}\n"
        "    assert 'PATH' in os.environ and 'AMCT_TOY' not in os.environ\n"
        "    assert not pathlib.Path('droppings').exists()\n",
    )
    run = repository.cheap("test_zz.py", "-W", "error")
    assert run.code == 0, run.out
    assert "from a thread" not in run.text


def test_a_fork_of_the_quantizer_does_not_continue_the_tests(repository: ToyRepository) -> None:
    repository.quantizer(
        "if os.fork() == 0: sys.exit(0)",
        "os.wait()",
        "import multiprocessing",
        "child = multiprocessing.get_context('fork').Process(target=print)",
        "child.start()",
        "child.join()",
        "assert child.exitcode == 0",
        "return obey(model, request)",
    )
    run = repository.amct(f"--amct-select={CHEAP}@0", "-s")
    assert run.code == 0, run.text
    assert run.out.count("1 passed") == 1


def test_a_quantizer_that_fails_in_the_end_is_an_error(repository: ToyRepository) -> None:
    repository.write(
        "toy.py",
        "class Tool:\n"
        "    def quantize(self, model, request): return []\n"
        "    def close(self): raise OSError('still busy')\n",
    )
    run = repository.cheap("--amct-quantizer=toy:Tool")
    assert run.code == 1
    assert "toy:Tool: close() raised OSError: still busy" in run.out
    assert "Traceback" not in run.text


# --- a quantizer without any usable result --------------------------------------------------------

NOTHING = {
    "invalid-output": "return None",
    "errored": "raise ValueError('no device')",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", NOTHING)
@pytest.mark.parametrize("more", [["-p", "no:randomly"], ["-n2"], ["-k", "Gemm"]], ids=" ".join)
def test_a_quantizer_without_any_result_is_reported_once(
    kind: str, more: list[str], repository: ToyRepository
) -> None:
    repository.quantizer(NOTHING[kind])
    run = repository.amct("--amct-max-examples=0", "--amct-report=rep", "--tb=short", *more)
    assert run.code == 1, run.text
    told = r"onnx: toy:quantize gave no usable result for any of 14 plain layers"
    told += rf" \(14 {kind}; the first: "
    assert re.search(rf"^  {told}.*\), so onnx was not judged further$", run.out, re.MULTILINE)
    (last,) = re.findall(r"^.*\d failed.*$", run.out, re.MULTILINE)
    assert int(re.findall(r"(\d+) failed", last)[0]) <= (2 if "-n2" in more else 1)
    assert int(re.findall(r"(\d+) skipped", last)[0]) > 2
    assert "passed" not in last
    assert len(run.out.splitlines()) < 60
    assert "✓" not in run.out.partition("✗ violations (")[0]
    report = repository.report()
    assert (report["complete"], report["findings"]) == (False, [])
    assert re.match(told, report["stopped"]["onnx"])
    assert not (repository.path / "rep" / "models").exists()


def test_one_framework_without_any_result_stops_no_other(
    repository: ToyRepository,
) -> None:
    repository.ini('amct_frameworks = ["onnx", "caffe"]', quantizer="toy:quantize")
    repository.quantizer("assert request.framework == 'onnx', 'no'", "return obey(model, request)")
    run = repository.amct(
        "--amct-select=uniform/*/MaxPool",
        "--amct-select=uniform/caffe/Eltwise/*",
        "--amct-select=uniform/onnx/Gemm/trans_a",
        "--amct-max-examples=0",
        "--amct-report=rep",
    )
    assert run.code == 1, run.text
    report = repository.report()
    assert [*report["stopped"]] == ["caffe"]
    assert next(c for c in report["conditions"] if c["id"] == CHEAP)["judged"]["violated_alone"]


def test_a_quantizer_that_fails_only_on_some_layers_is_judged_on_all(
    repository: ToyRepository,
) -> None:
    repository.quantizer("assert is_broken(model), 'no'", "return obey(model, request)")
    run = repository.amct(f"--amct-select={CHEAP}", "--amct-max-examples=0", "--amct-report=rep")
    assert "gave no usable result for any of 14 plain layers" in run.out
    repository.quantizer(
        "assert not any(n.op_type == 'Gemm' for n in model.graph.node), 'no'",
        "return obey(model, request)",
    )
    run = repository.amct(f"--amct-select={CHEAP}", "--amct-max-examples=0", "--amct-report=rep")
    assert repository.report()["stopped"] == {}
    assert {f["kind"] for f in repository.report()["findings"]} == {"errored"}


def test_the_time_limit_may_be_a_number_or_text_in_any_table(repository: ToyRepository) -> None:
    for file, table in INI_TABLES:
        for value in ("5", '"5"'):
            repository.write(
                file, f'[{table}]\namct_quantizer = "toy:quantize"\namct_timeout = {value}\n'
            )
            run = repository.amct(f"--amct-select={CHEAP}@0")
            assert run.code == 0, run.text
        repository.write(file, f'[{table}]\namct_quantizer = "toy:quantize"\namct_timeout = 1.5\n')
        assert "amct_timeout=1.5: must be a whole number" in repository.refused("--amct")
