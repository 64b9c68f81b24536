"""``pytest --amct`` behaves like pytest."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from toy_repository import CHEAP, ToyRepository

SUITE = "amct/test_conformance.py"
CHEAP_TEST = f"{SUITE}::test_condition[{CHEAP}]"
WEIGHTS = "uniform/onnx/Gemm/weight_source"


def outcomes(text: str) -> dict[str, int]:
    """The counts of pytest's last line."""
    last = next(line for line in reversed(text.splitlines()) if re.search(r" in \d", line))
    return {word: int(count) for count, word in re.findall(r"(\d+) ([a-z]+)", last)}


# --- what is collected --------------------------------------------------------------------------


def test_without_paths_it_collects_only_the_suite_under_stable_ids(
    repository: ToyRepository,
) -> None:
    repository.quantizer("raise AssertionError('judged')")
    run = repository.amct("--collect-only", "-q", "-p", "no:randomly", "--amct-report=rep")
    assert run.code == 0
    ids = [line for line in run.out.splitlines() if "::" in line]
    assert ids[0] == f"{SUITE}::test_quantizes_something[onnx]"
    assert all(i.startswith(f"{SUITE}::test_condition[") for i in ids[1:-1])
    assert ids[-1] == f"{SUITE}::test_together[onnx]"
    assert {
        CHEAP_TEST,
        f"{SUITE}::test_condition[uniform/onnx/Conv]",
        f"{SUITE}::test_condition[uniform/onnx/Conv/dilation_d]",
        f"{SUITE}::test_condition[uniform/onnx/AveragePool/shift]",
        f"{SUITE}::test_condition[float16/onnx/MaxPool]",
        f"{SUITE}::test_condition[uniform/onnx/unlisted/com.acme::Conv]",
    } <= set(ids)
    assert not (repository.path / "rep").exists()


def test_with_paths_it_also_runs_the_tests_there(repository: ToyRepository) -> None:
    run = repository.cheap("-v", "test_own.py")
    assert run.code == 0
    assert outcomes(run.out) == {"passed": 2}
    assert CHEAP_TEST in run.out


def test_a_test_is_picked_by_the_id_that_pytest_prints(repository: ToyRepository) -> None:
    run = repository.amct(CHEAP_TEST, "--amct-max-examples=0", "-v")
    assert run.code == 0
    assert outcomes(run.out) == {"passed": 1}


def test_without_the_option_nothing_changes_and_nothing_heavy_is_imported(
    repository: ToyRepository,
) -> None:
    repository.write(
        "test_own.py",
        "import sys\n"
        "def test_own():\n"
        "    assert 'pytest_amct.plugin' in sys.modules\n"
        "    heavy = {'onnx', 'hypothesis', 'numpy', 'google.protobuf', 'pytest_amct.session'}\n"
        "    assert {m for m in heavy if m in sys.modules} == set()\n",
    )
    run = repository.pytest("-v", "-p", "no:hypothesispytest", "-p", "no:randomly")
    assert run.code == 0, run.out
    assert outcomes(run.out) == {"passed": 1}
    assert "amct/" not in run.out


def test_without_the_option_no_tests_are_still_no_tests(repository: ToyRepository) -> None:
    (repository.path / "test_own.py").unlink()
    assert repository.pytest().code == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_run_that_collects_nothing_of_the_suite_fails(repository: ToyRepository) -> None:
    repository.write(
        "conftest.py",
        "def pytest_collection_modifyitems(items):\n"
        "    items[:] = [i for i in items if i.nodeid.startswith('test_own')]\n",
    )
    for more in ([], ["-n2"], ["--ff"]):
        run = repository.amct(".", *more)
        assert run.code == pytest.ExitCode.USAGE_ERROR
        assert outcomes(run.out) == {"passed": 1}
        assert "amct: no conformance test ran, so nothing was judged" in run.out


def test_a_quantizer_that_loads_in_no_worker_fails_the_run(repository: ToyRepository) -> None:
    toy = repository.path / "toy.py"
    toy.write_text(toy.read_text() + "assert 'PYTEST_XDIST_WORKER' not in os.environ, 'alone'\n")
    run = repository.cheap("-n1", "--max-worker-restart=0", "-q")
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert "nothing was judged" in run.out
    assert "importing 'toy' failed at" in run.out


def test_a_run_that_skips_all_of_the_suite_fails(repository: ToyRepository) -> None:
    repository.write(
        "conftest.py",
        "import pytest\n"
        "def pytest_collection_modifyitems(items):\n"
        "    for item in items: item.add_marker(pytest.mark.skip)\n",
    )
    run = repository.cheap()
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert repository.report()["complete"] is False


def test_a_test_that_ends_without_a_result_leaves_the_report_incomplete(
    repository: ToyRepository,
) -> None:
    repository.write("breaking.py", "def pytest_runtest_setup(item):\n    assert 0, 'broken'\n")
    assert repository.cheap("-p", "breaking").code == 1
    assert repository.report()["complete"] is False


# --- picking tests ------------------------------------------------------------------------------


def test_keyword_and_marker_pick_tests(repository: ToyRepository) -> None:
    by_keyword = repository.amct("-k", "trans_a", "--amct-max-examples=0", "--amct-report=rep")
    assert (by_keyword.code, outcomes(by_keyword.out)["passed"]) == (0, 1)
    assert repository.report()["selection"]["keyword"] == "trans_a"
    by_marker = repository.cheap("test_own.py", "-m", "amct", "--strict-markers")
    assert outcomes(by_marker.out) == {"passed": 1, "deselected": 1}


@pytest.mark.slow
def test_deselecting_the_suite_by_hand_is_not_an_error(repository: ToyRepository) -> None:
    for more in ([], ["-n2"]):
        run = repository.cheap("test_own.py", "-m", "not amct", *more)
        assert run.code == 0
        assert "nothing was judged" not in run.text
    nothing = repository.cheap("-k", "no_such_name")
    assert nothing.code == pytest.ExitCode.NO_TESTS_COLLECTED


def test_last_failed_runs_only_the_failed_conditions(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    picked = ["--amct-select=uniform/onnx/Gemm/*", "--amct-select=uniform/onnx/Conv/dilation_d"]
    options = ["--amct-max-examples=0", "-p", "no:randomly", *picked]
    first = repository.amct(*options)
    assert first.code == 1
    again = repository.amct(*options, "--lf", "-v")
    assert outcomes(again.out)["failed"] == outcomes(first.out)["failed"]
    assert "passed" not in outcomes(again.out)
    assert "dilation_d] " not in again.out


def test_last_failed_finds_the_suite_when_tests_beside_it_failed_too(
    repository: ToyRepository,
) -> None:
    repository.ini(quantizer="toy:gemm_always")
    repository.write("test_own.py", "def test_own():\n    assert False\n")
    repository.write("test_fine.py", "def test_fine():\n    pass\n")
    assert outcomes(repository.cheap(".").out) == {"failed": 2, "passed": 1}
    again = repository.cheap(".", "--lf", "-v")
    assert outcomes(again.out) == {"failed": 2}
    assert CHEAP_TEST in again.out


@pytest.mark.slow
def test_it_stops_at_the_first_failure_if_asked_to(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    for more in (["-p", "no:randomly"], ["-n2"]):
        run = repository.amct(
            "--amct-select=uniform/onnx/Gemm*", "--amct-max-examples=0", "-x", *more
        )
        assert run.code in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)
        assert "stopping after 1 failures" in run.out
        assert "did not complete" in run.out


# --- odd surroundings ---------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["-p", "no:hypothesispytest"],
        ["-p", "no:cacheprovider"],
        ["-p", "no:randomly"],
        ["-p", "no:terminal"],
        ["-p", "no:xdist", "-p", "no:logging", "-s"],
        ["--capture=sys", "-v"],
        ["--import-mode=importlib"],
        ["-W", "error"],
        ["-o", "filterwarnings=error"],
        ["-o", "python_files=check_*.py", "-o", "python_functions=check_*"],
        ["-o", "python_classes=R* T*"],
        ["-o", "testpaths=tests", "--strict-config"],
        ["-q", "--tb=no"],
        ["-n2", "--dist=loadscope"],
        ["--doctest-modules"],
    ],
    ids=" ".join,
)
def test_pytest_options_do_not_change_verdicts(
    arguments: list[str], repository: ToyRepository
) -> None:
    repository.quantizer(
        "import warnings",
        "warnings.warn('look out')",
        "return gemm_always(model, request) if request.workdir.is_dir() else None",
    )
    toy = repository.path / "toy.py"
    toy.write_text(toy.read_text() + "import warnings\nwarnings.warn('at import')\n")
    repository.write("tests/test_there.py", "def test_there():\n    pass\n")
    run = repository.cheap(*arguments)
    assert run.code == 1, run.text
    if "no:terminal" not in arguments:
        assert outcomes(run.out) == {"failed": 1}
    assert {f["kind"] for f in repository.report()["findings"]} == {"over-quantized"}
    assert repository.report()["complete"] is True
    left = {p.name for p in repository.path.iterdir()} - {"__pycache__", ".pytest_cache"}
    assert left == {"pyproject.toml", "rep", "test_own.py", "tests", "toy.py"}


def test_it_runs_where_the_cache_cannot_be_written(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    repository.write(".pytest_cache", "a file")
    run = repository.amct(f"--amct-select={CHEAP}", "--amct-max-examples=0", "-W", "ignore")
    assert run.code == 1
    (saved,) = re.findall(r"^model +(\S+)", run.out, re.MULTILINE)
    assert Path(saved).is_file()


@pytest.mark.slow
def test_xdist_gives_the_same_report_and_adds_no_tests(repository: ToyRepository) -> None:
    # The quantizer imports a module that the controller lacks: versions must not depend on it.
    repository.quantizer("import onnxruntime", "return gemm_always(model, request)")
    alone = repository.amct("--amct-select=uniform/onnx/Gemm/*", "--amct-report=one")
    spread = repository.amct("--amct-select=uniform/onnx/Gemm/*", "--amct-report=two", "-n4")
    assert alone.code == spread.code == 1
    assert outcomes(alone.out) == outcomes(spread.out)
    assert "test_own" not in spread.out
    one, two = (repository.path / name / "amct-report.json" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.slow
def test_the_whole_suite_gives_the_same_report_in_any_order_and_number_of_processes(
    repository: ToyRepository,
) -> None:
    alone = repository.amct("-p", "no:randomly", "-p", "no:hypothesispytest", "--amct-report=one")
    spread = repository.amct("-n2", "--amct-report=two")
    assert (alone.code, spread.code) == (0, 0), alone.text
    one, two = (repository.path / name / "amct-report.json" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert repository.report("one")["complete"] is True


# --- what pytest shows --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["-n2"]], ids=["one process", "xdist"])
def test_junit_xml_has_our_properties(more: list[str], repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    run = repository.cheap("--junitxml=junit.xml", "-W", "error", *more)
    assert run.code == 1
    tree = ElementTree.parse(repository.path / "junit.xml")
    properties = {p.get("name"): p.get("value") for p in tree.iter("property")}
    assert properties["amct_findings"] == "over-quantized"
    assert int(properties["amct_cases"] or 0) == repository.report()["cases"]
    (failure,) = tree.iter("failure")
    assert "over-quantized: " in (failure.text or "")


def test_help_names_each_option(repository: ToyRepository) -> None:
    shown = repository.pytest("--help").out
    options = [
        "quantizer",
        "spec",
        "profile",
        "max-examples",
        "select",
        "model",
        "report",
        "strict",
    ]
    assert all(f"--amct-{option}" in shown for option in options)
    assert repository.amct("--help").code == repository.amct("--version").code == 0


def test_quiet_runs_still_show_the_verdict(repository: ToyRepository) -> None:
    repository.ini(quantizer="toy:gemm_always")
    quiet = repository.cheap("-q", "--tb=no")
    assert "over-quantized: " not in quiet.out
    assert re.search(r"^\d+ violations?, ", quiet.out, re.MULTILINE)
    assert f"FAILED {CHEAP_TEST}" in quiet.out
