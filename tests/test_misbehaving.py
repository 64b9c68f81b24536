"""Faulty and hostile quantizers in the test process: each costs one case, never the run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tiny_models import model, node
from toy_repository import BROKEN, CHEAP, ToyRepository

from pytest_amct.decisions.decision import Outcome
from pytest_amct.graphs.reading import ModelFiles
from pytest_amct.processes.temporary import remove_unused
from pytest_amct.quantizers.protocol import Refused, Unsupported
from pytest_amct.quantizers.running import run_quantizer
from pytest_amct.reports.json_report import write_report

GEMM = ModelFiles(
    "onnx", model(node("Gemm", ["x", "w"], ["y"], name="g"), w=(4, 4)).SerializeToString()
)


class Quantizer:
    """A function as a quantizer."""

    name, frameworks, schemes, settings, quantize_batch = "it", ("onnx",), ("uniform",), (), None

    def __init__(self, function: Any) -> None:
        self.quantize = function

    def validate(self, path: Path) -> None: ...
    def close(self) -> None: ...


def outcome(function: Any) -> Outcome:
    return run_quantizer(Quantizer(function), GEMM)  # type: ignore[arg-type]


class Fatal(BaseException):
    """An exception that ``except Exception`` does not catch."""


def fail(*_: Any, **__: Any) -> Any:
    raise Fatal("on purpose")


def hostile(base: type, *names: str) -> Any:
    """An object whose class fails in these methods."""
    made = type("Hostile", (base,), dict.fromkeys(names, fail))
    return made("x") if base in (str, Refused, Unsupported, OSError) else made()


def raising(error: BaseException) -> Any:
    def quantize(model: Any, request: Any) -> Any:
        raise error

    return quantize


RETURNED = {
    "str.__str__": lambda: [hostile(str, "__str__", "__repr__", "__format__")],
    "str.__hash__": lambda: [hostile(str, "__hash__", "__eq__")],
    "str as path": lambda: hostile(str, "endswith", "__str__", "__getitem__", "__fspath__"),
    "dict.items": lambda: hostile(dict, "items"),
    "list.__iter__": lambda: hostile(list, "__iter__"),
    "__repr__": lambda: [hostile(object, "__repr__")],
    "__fspath__": lambda: hostile(object, "__fspath__"),
    "__class__": lambda: hostile(object, "__getattribute__"),
    "value": lambda: {"g": hostile(object, "__repr__", "__eq__", "__bool__")},
    "str value": lambda: {"g": hostile(str, "__eq__", "__hash__", "__repr__")},
}


@pytest.mark.parametrize("make", RETURNED.values(), ids=RETURNED)
def test_objects_that_raise_when_they_are_looked_at(make: Any) -> None:
    assert outcome(lambda model, request: make()).status in ("errored", "invalid-output")


RAISED: dict[str, tuple[BaseException, str]] = {
    "refusal": (hostile(Refused, "__str__"), "refused"),
    "unsupported": (hostile(Unsupported, "__str__"), "unsupported"),
    "error": (hostile(OSError, "__str__"), "errored"),
    "exit": (SystemExit(hostile(object, "__repr__")), "errored"),
    "fatal": (Fatal(), "errored"),
}


@pytest.mark.parametrize(("error", "status"), RAISED.values(), ids=RAISED)
def test_exceptions_that_cannot_be_shown(error: BaseException, status: str) -> None:
    assert outcome(raising(error)).status == status


def test_a_message_is_plain_text() -> None:
    class Text(str):
        def splitlines(self, *_: Any) -> Any:
            raise Fatal

        strip = __len__ = __getitem__ = splitlines

    class Error(Exception):
        def __str__(self) -> str:
            return Text("why")

    class Refusal(Error, Refused):
        pass

    assert outcome(raising(Error())).message == "Error: why"
    assert type(outcome(raising(Refusal())).message) is str


def test_ctrl_c_passes_through_everything() -> None:
    class Interrupting:
        def __repr__(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outcome(lambda model, request: [Interrupting()])


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda p: os.symlink("/dev/zero", p)], ids=["fifo", "device"]
)
@pytest.mark.parametrize("name", ["m.onnx", "m.json", "m.txt"])
def test_paths_that_are_not_regular_files_are_invalid_output(make: Any, name: str) -> None:
    def quantize(model: Any, request: Any) -> Path:
        make(request.workdir / name)
        return request.workdir / name  # type: ignore[no-any-return]

    found = outcome(quantize)
    assert found.status == "invalid-output"
    assert "which is not a regular file: return the path of one" in found.message


def test_a_folder_of_any_depth_is_removed() -> None:
    made = []

    def quantize(model: Any, request: Any) -> list[str]:
        made.append(request.workdir)
        (request.workdir / "closed").mkdir()
        (request.workdir / "closed" / "file").touch()
        os.symlink("/", request.workdir / "link")
        os.chmod(request.workdir / "closed", 0)
        for _ in range(1200):
            os.mkdir("deep")
            os.chdir("deep")
        return ["g"]

    assert outcome(quantize).status == "decided"
    assert [path.exists() for path in made] == [False]


def test_memory_addresses_are_not_printed() -> None:
    def quantize(model: Any, request: Any) -> Any:
        print("here is", object())
        raise ValueError(f"no {object()!r}")

    found = outcome(quantize)
    assert found.message == "ValueError: no <object object at 0x...>"
    assert "here is <object object at 0x...>" in found.output
    assert outcome(lambda model, request: object()).message.count(" at 0x... ") <= 1
    assert "0x7" not in outcome(lambda model, request: [object()]).message


def test_the_state_of_the_process_is_restored(tmp_path: Path) -> None:
    import sys

    limit, home = sys.getrecursionlimit(), os.getcwd()
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    try:

        def quantize(model: Any, request: Any) -> list[str]:
            sys.setrecursionlimit(120)
            os.rmdir(gone)
            return ["g"]

        assert outcome(quantize).status == "decided"
        assert outcome(lambda model, request: ["g"]).status == "decided"  # from a deleted folder
    finally:
        os.chdir(home)
    assert sys.getrecursionlimit() == limit


def test_a_pending_alarm_does_not_go_off_in_another_case() -> None:
    import signal

    def quantize(model: Any, request: Any) -> list[str]:
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.alarm(1000)
        return ["g"]

    assert outcome(quantize).status == "decided"
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


def test_a_quantizer_cannot_change_the_network_that_is_judged(
    repository: ToyRepository,
) -> None:
    repository.quantizer(
        "decisions = obey(model, request)",
        "request.network.layers.clear()",
        "return decisions",
    )
    assert repository.cheap().code == 0
    assert repository.report()["findings"] == []
    assert repository.report()["cases"] > 20


# --- a full disk ----------------------------------------------------------------------------------

FULL = OSError(28, "No space left on device")


def no_space(*_: Any, **__: Any) -> Any:
    raise FULL


@pytest.mark.parametrize("where", ["folder", "model", "output"])
def test_a_full_disk_costs_one_case(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        if where == "folder":
            remove_unused()
            patch.setattr("tempfile.mkdtemp", no_space)
        elif where == "model":
            patch.setattr("pathlib.Path.write_bytes", no_space)
        else:
            patch.setattr("os.ftruncate", no_space)
        found = outcome(lambda model, request: str(request.model_path))
    assert found.status == "errored"
    assert "No space left on device" in found.message
    assert outcome(lambda model, request: ["g"]).status == "decided"


def test_a_full_disk_under_a_whole_run(repository: ToyRepository) -> None:
    """Writing beyond the limit raises `OSError` each time, as on a full disk."""
    repository.quantizer(
        "import resource, signal",
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)",
        "if is_broken(model):",
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, resource.RLIM_INFINITY))",
        "    print('x' * 10**6)",
        "return obey(model, request)",
    )
    repository.environment["PYTHONDONTWRITEBYTECODE"] = (
        "1"  # the output of the others would be cut off
    )
    run = repository.cheap()
    assert "crashed" not in run.text
    assert len(repository.report()["findings"]) > 1
    assert {f["kind"] for f in repository.report()["findings"]} == {"errored"}
    assert all("File too large" in f["message"] for f in repository.report()["findings"])
    decided = {r["id"]: r["quantized"] for r in repository.report()["rows"]}
    assert decided["uniform/onnx/Gemm"] > 0


@pytest.mark.parametrize("isolated", [False, True])
def test_endless_output_does_not_fill_the_disk(isolated: bool, repository: ToyRepository) -> None:
    home = repository.temporary()
    repository.ini(f"amct_isolate = {str(isolated).lower()}")
    repository.quantizer(
        f"home = {str(home)!r}",
        "import glob",
        "large, seen = [], 0",
        "while is_broken(model):",
        "    os.write(1, b'much ' * (1 << 18))",
        "    for path in glob.glob(home + '/**/*output', recursive=True):",
        "        size = os.stat(path).st_size",
        "        if size < seen:",
        "            raise ValueError('was cut')",
        "        seen = size",
        "    time.sleep(0.02)",
        "return obey(model, request)",
    )
    repository.amct(f"--amct-select={BROKEN}", "--amct-max-examples=0", "--amct-report=rep")
    assert [f["message"] for f in repository.findings("errored")]
    assert all("was cut" in f["message"] for f in repository.findings("errored"))


# --- the report -----------------------------------------------------------------------------------


def test_a_report_is_not_written_through_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / "rep"
    folder.mkdir()
    (folder / ".amct-report.json.part").symlink_to(victim)
    (folder / "amct-report.json").symlink_to(victim)
    path = write_report({"format": "x"}, folder)
    assert victim.read_text() == "precious"
    assert path.read_text() == '{\n  "format": "x"\n}\n'
    assert [p.name for p in folder.iterdir()] == ["amct-report.json"]


def test_a_partial_report_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(Fatal):
        write_report({}, tmp_path)
    assert [*tmp_path.iterdir()] == []


# --- a separate process ---------------------------------------------------------------------------


def test_an_isolated_function_is_found_where_pytest_finds_it(repository: ToyRepository) -> None:
    repository.ini("amct_isolate = true", 'pythonpath = ["src"]', quantizer="kept:quantize")
    repository.write("src/kept.py", "from toy import obey\nimport beside\nquantize = obey\n")
    repository.write("src/beside.py", "")
    run = repository.cheap()
    assert run.code == 0, run.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("raise ImportError('not here')", "ImportError: not here"),
        ("import ctypes; ctypes.string_at(0)", "the process ended with SIGSEGV"),
        ("import ctypes; ctypes.CDLL(None).exit(0)", "the process ended with exit status 0"),
    ],
)
def test_an_isolated_function_that_cannot_be_loaded_is_one_usage_error(
    broken: str, told: str, repository: ToyRepository
) -> None:
    repository.ini("amct_isolate = true")
    toy = repository.path / "toy.py"
    first = f"import sys\nif sys.argv[0].endswith('isolation.py'):\n    {broken}\n"
    toy.write_text(first + toy.read_text())
    for more in ([], ["-n2"]):
        run = repository.cheap(*more)
        assert run.code == pytest.ExitCode.USAGE_ERROR, run.text
        errors = [line for line in run.err.splitlines() if line.startswith("ERROR: ")]
        assert len(errors) == 1
        assert (
            "amct_isolate: quantizer 'toy:quantize' cannot be loaded in a separate process"
            in errors[0]
        )
        assert told in errors[0]


# --- batches --------------------------------------------------------------------------------------


def test_a_batch_that_kills_the_process_is_reported(repository: ToyRepository) -> None:
    repository.write(
        "toy.py",
        "import ctypes\n"
        "class Tool:\n"
        "    def quantize(self, model, request): return []\n"
        "    def quantize_batch(self, requests): ctypes.CDLL(None).exit(0)\n",
    )
    run = repository.cheap("--amct-quantizer=toy:Tool")
    assert run.code == 1
    assert f"toy:Tool ended the process (exit status 0) in case {CHEAP}, after 0" in run.err
    (finding,) = repository.findings("crashed")
    assert finding["condition"] == CHEAP
