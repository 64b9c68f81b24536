"""The parts of a run, such as the jobs of a CI matrix, become the report of one run."""

from __future__ import annotations

import filecmp
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from own_tables import one_row
from schemas import report_schemas
from syrupy.assertion import SnapshotAssertion
from toy_repository import ToyRepository

from pytest_amct import cli, timing
from pytest_amct.reports.json_report import FILE_NAME, RESULTS_NAME, schema
from pytest_amct.reports.reading import read_report
from pytest_amct.waivers import Waiver

SECOND_ROW = """
[[row]]
id = "uniform/caffe/Pooling"
types = ["Pooling"]
ir = ["Pooling"]
ports = { data = [0] }
"""

WAIVER = Waiver("uniform/onnx/Gemm", "known", "anna", place="amct-waivers.toml:1")

QUANTIZER = """
from pathlib import Path
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.tables.loader import load_spec

OBEDIENT = Reference(load_spec(Path(__file__).with_name("own.toml")))

class Both:
    name, version = "both", "1.0"
    frameworks = ("onnx", "caffe")

    def quantize(self, model, request):
        also = [x for x in request.network.layers if x.type in ("Gemm", "Add", "ReLU") and x.name]
        return OBEDIENT.quantize(model, request) | {x.name: True for x in also}
"""


class Matrix:
    """A repository whose quantizer takes two frameworks, judged by tables of two rows."""

    def __init__(self, repository: ToyRepository) -> None:
        self.repository, self.path = repository, repository.path
        self.ini()
        row = one_row('{ attribute = "transA", equals = 0, default = 0 }')
        repository.write("own.toml", row.replace('id = "c"', 'id = "trans_a"') + SECOND_ROW)
        repository.write("both.py", QUANTIZER)

    def ini(self, *lines: str) -> None:
        """Write the ini file."""
        self.repository.ini('amct_spec = ["own.toml"]', *lines, quantizer="both:Both")

    def run(self, folder: str, *arguments: str) -> Path:
        """Judge some tests and write the report to a folder."""
        given = ("--amct-max-examples=0", "-q", "--tb=no", "-pno:cacheprovider")
        run = self.repository.amct(*given, f"--amct-report={folder}", *arguments)
        assert run.code in (0, 1), run.text
        return self.path / folder

    def merge(self, *arguments: str) -> tuple[int, str]:
        """Merge reports, and return the exit status and what was printed."""
        run = self.repository.python("-m", "pytest_amct", "merge", *arguments)
        return run.code, run.text


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    path = tmp_path_factory.mktemp("matrix")
    return Matrix(ToyRepository(path, tmp_path_factory.getbasetemp() / "compiled"))


@pytest.fixture(scope="module")
def whole(matrix: Matrix) -> Path:
    matrix.ini()
    return matrix.run("whole")


@pytest.fixture(scope="module")
def shards(matrix: Matrix) -> tuple[Path, Path]:
    matrix.ini()
    return matrix.run("one", "-k", "Gemm or caffe"), matrix.run(
        "two", "-k", "not Gemm and not caffe"
    )


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != timing.FILE_NAME  # no two runs take the same time
    }


def test_the_schema_is_what_the_checks_read() -> None:
    folder = resources.files("pytest_amct.reports")
    shipped = {name: (folder / name).read_text("utf-8") for name in report_schemas()}
    assert shipped == report_schemas(), "run python tests/tools/schemas.py"


@pytest.mark.slow
def test_results_follow_their_schema(whole: Path) -> None:
    results = json.loads((whole / RESULTS_NAME).read_text())
    jsonschema.validate(results, json.loads(report_schemas()["parts.schema.json"]))
    assert set(results["done"]) == set(results["planned"])
    report = read_report(whole)
    assert len({r["case"] for r in results["results"]["records"]}) == report["cases"]


@pytest.mark.slow
def test_two_shards_are_the_whole_run(matrix: Matrix, whole: Path, shards: Any) -> None:
    report = read_report(whole)
    assert {f["condition"] for f in report["findings"]} >= {
        "uniform/onnx/Gemm/trans_a",
        "uniform/onnx/unlisted/Add",
        "uniform/caffe/unlisted/ReLU",
    }
    assert len(files_of(whole)) > 4
    code, said = matrix.merge("two", "one", "--output", "merged")
    assert (code, said.count("\n")) == (0, 1), said
    assert files_of(matrix.path / "merged") == files_of(whole)
    # Merging is associative: the merged results can be merged again.
    assert matrix.merge("merged", "--output", "again")[0] == 0
    assert files_of(matrix.path / "again") == files_of(whole)


@pytest.mark.slow
def test_a_matrix_of_frameworks_is_the_whole_run(matrix: Matrix, whole: Path) -> None:
    for name in ("onnx", "caffe"):
        matrix.ini(f'amct_frameworks = ["{name}"]')
        left = read_report(matrix.run(name))["selection"]["left_out"]
        assert left is None
    matrix.ini()
    assert matrix.merge("onnx", "caffe", "--output", "frameworks")[0] == 0
    assert files_of(matrix.path / "frameworks") == files_of(whole)


@pytest.mark.slow
def test_processes_and_other_ways_to_leave_tests_out(matrix: Matrix, whole: Path) -> None:
    test = "amct/test_conformance.py::test_condition[uniform/onnx/Gemm/trans_a]"
    matrix.run("most", f"--deselect={test}", "-n2")
    matrix.run("least", test)
    assert matrix.merge("most/amct-report.json", "least", "--output", "joined")[0] == 0
    assert files_of(matrix.path / "joined") == files_of(whole)


@pytest.mark.slow
def test_several_releases_are_merged(matrix: Matrix) -> None:
    also = "--amct-spec=own.toml", "--amct-spec=cann-7.0.0"
    matrix.run("r-whole", *also, "-kGemm or something")
    matrix.run("r-one", *also, "-kGemm")
    matrix.run("r-two", *also, "-ksomething")
    assert matrix.merge("r-one", "r-two", "--output", "r-merged", "--partial")[0] == 0
    merged, wanted = (matrix.repository.report(name) for name in ("r-merged", "r-whole"))
    assert merged["releases"][0]["findings"]
    for report in (merged, wanted):
        selection = report.pop("selection")
        assert selection["left_out"].pop("by")
    assert merged == wanted


@pytest.mark.slow
def test_a_partial_report_names_what_is_missing(
    matrix: Matrix, shards: Any, snapshot: SnapshotAssertion
) -> None:
    code, said = matrix.merge("one", "--output", "none")
    assert code == 4 and not (matrix.path / "none").exists()
    assert said == snapshot(name="refused")
    code, said = matrix.merge("one", "--output", "part", "--partial")
    assert (code, said) == (0, snapshot(name="partial"))
    merged, alone = (matrix.repository.report(name) for name in ("part", "one"))
    jsonschema.validate(merged, schema())
    assert merged["selection"]["left_out"].pop("by") == ["a missing part"]
    alone["selection"]["left_out"].pop("by")
    assert merged == alone


@pytest.mark.slow
def test_models_are_copied_from_the_parts(matrix: Matrix, shards: Any) -> None:
    one = matrix.path / "no-models"
    shutil.copytree(matrix.path / "one", one)
    shutil.rmtree(one / "models")
    code, said = matrix.merge("no-models", "two", "--output", "lacking")
    assert code == 0
    assert "failing models cannot be copied, the first is models/" in said
    copied, there = (files_of(matrix.path / name) for name in ("lacking", "two"))
    assert {n for n in copied if n.startswith("models/")} == {
        n for n in there if n.startswith("models/")
    }


@pytest.mark.slow
def test_a_path_that_leads_elsewhere_is_not_copied(matrix: Matrix, shards: Any) -> None:
    secret = matrix.repository.write("secret.onnx", "a secret")
    folder = changed(matrix, "hostile", lambda text: text)
    document = json.loads((folder / RESULTS_NAME).read_text())
    for finding in document["results"]["findings"]:
        finding["model"] = f"models/../../{secret.name}"
    (folder / RESULTS_NAME).write_text(json.dumps(document))
    code, said = matrix.merge("hostile", "two", "--output", "safe")
    assert code == 0 and "cannot be copied" in said
    assert b"a secret" not in files_of(matrix.path / "safe").values()


@pytest.mark.slow
def test_a_part_that_did_not_complete_or_ran_elsewhere_shows(matrix: Matrix, shards: Any) -> None:
    changed(matrix, "cut-short", lambda text: text.replace('"complete":true', '"complete":false'))
    changed(matrix, "elsewhere", lambda text: text.replace('"python":"', '"python":"9.'))
    found = {}
    for name in ("one", "cut-short", "elsewhere"):
        assert matrix.merge(name, "two", "--output", f"with-{name}")[0] == 0
        found[name] = matrix.repository.report(f"with-{name}")
    assert found["cut-short"] == {**found["one"], "complete": False}
    python = found["one"]["versions"]["python"]
    both = {**found["one"]["versions"], "python": f"{python}, 9.{python}"}
    assert found["elsewhere"] == {**found["one"], "versions": both}
    again = json.loads((matrix.path / "with-elsewhere" / RESULTS_NAME).read_text())
    assert again["versions"] == both


# --- refusals -----------------------------------------------------------------------------------


def changed(matrix: Matrix, name: str, change: Callable[[str], str]) -> Path:
    """A copy of the first shard, with its results changed."""
    folder = matrix.path / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(matrix.path / "one", folder)
    results = folder / RESULTS_NAME
    results.write_text(change(results.read_text()))
    return folder


DIFFERENT: dict[str, tuple[str, str]] = {
    "version of pytest-amct": ('"pytest-amct":"', '"pytest-amct":"9.'),
    "quantizer": ('"quantizer":"both"', '"quantizer":"other"'),
    "version of the quantizer": ('"version":"1.0"', '"version":"1.1"'),
    "release": ('"title":"One row"', '"title":"Two rows"'),
    "profile": ('"profile":"gate"', '"profile":"explore"'),
    "examples": ('"max_examples":0', '"max_examples":10'),
    "waivers": ('"waivers":[]', f'"waivers":[{json.dumps(asdict(WAIVER))}]'),
    "strict": ('"strict":false', '"strict":true'),
    "given models": ('"model":null,"profile"', '"model":"models","profile"'),
    "format": ("amct-parts/1", "amct-parts/0"),
    "no records": ('"records":', '"record":'),
    "no release": (
        '"specs":[{"name":"own.toml","release":"0.1","source":"own.toml","title":"One row"}]',
        '"specs":[]',
    ),
    "a version that is a number": ('"python":"', '"python":3,"other":"'),
    "a wrong case": ('"case":"uniform/', '"case":"@uniform/'),
    "a wrong case of a record": ('[{"case":"uniform/', '[{"case":"@uniform/'),
    "a wrong record": ('"expected":true', '"expected":1'),
    "one member too many": ('"expected":true', '"expected":true,"more":1'),
    "a wrong status": ('"status":"failed"', '"status":"broken"'),
    "a double test": (
        '"done":[',
        '"done":["test_condition[uniform/onnx/unlisted/Add]",',
    ),
}


@pytest.mark.slow
def test_parts_that_do_not_belong_together_are_refused(
    matrix: Matrix, shards: Any, capsys: Any, monkeypatch: Any, snapshot: SnapshotAssertion
) -> None:
    monkeypatch.chdir(matrix.path)
    told = {}
    for name, (old, new) in DIFFERENT.items():
        folder = changed(
            matrix, "changed", lambda text, old=old, new=new: text.replace(old, new, 1)
        )
        assert not filecmp.cmp(folder / RESULTS_NAME, matrix.path / "one" / RESULTS_NAME, False)
        told[name] = refused(["two", "changed"], capsys)
    cut = changed(matrix, "cut", lambda text: text[:5000])
    shutil.copytree("one", "reports-only", ignore=shutil.ignore_patterns(RESULTS_NAME))
    Path("empty").mkdir()
    told["cut off"] = refused(["two", cut.name], capsys)
    told["no results"] = refused(["two", "reports-only/amct-report.json"], capsys)
    told["no report"] = refused(["two", "empty"], capsys)
    told["absent"] = refused(["two", "absent/amct-report.json"], capsys)
    told["twice"] = refused(["one", "two", "one/amct-report.json"], capsys)
    told["over a part"] = refused(["one", "two"], capsys, output="two")
    told["over a file"] = refused(["one", "two"], capsys, output="own.toml")
    # The tables of the parts are not those of the file of that name here.
    tables = matrix.path / "own.toml"
    text = tables.read_text()
    tables.write_text(text.replace("One row", "Other rows"))
    told["other tables"] = refused(["one", "two"], capsys)
    tables.write_text(text)
    assert told == snapshot


def refused(parts: list[str], capsys: Any, output: str = "refused") -> str:
    """The one sentence with which a merge is refused."""
    assert cli.main(["merge", *parts, "--output", output]) == 4
    assert not Path("refused").exists()
    said: str = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.fixture(autouse=True)
def unchanged(matrix: Matrix) -> Iterator[None]:
    """The reports of the module are those that the runs wrote, whatever a test does."""
    yield
    for name in ("one", "two", "whole"):
        folder = matrix.path / name
        assert not folder.exists() or {FILE_NAME, RESULTS_NAME} <= set(files_of(folder))


def test_a_framework_that_no_part_of_a_matrix_judges_is_named(
    repository: ToyRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write("toy.py", FRAMEWORKS_TOY)
    for framework in ("onnx", "caffe"):
        run = repository.pytest(
            "--amct", "--amct-quantizer=toy:Any", "-o", f"amct_frameworks={framework}",
            "--amct-max-examples=0", "-k", "something", f"--amct-report={framework}",
        )  # fmt: skip
        assert run.code == 0, run.text
    parts = [str(repository.path / name) for name in ("onnx", "caffe")]
    whole = str(repository.path / "whole")
    assert cli.main(["merge", *parts, "--output", whole]) == 4
    assert "tensorflow: the quantizer takes it, and no part judges it" in capsys.readouterr().err
    # Shards that all judge the same frameworks have chosen them.
    assert cli.main(["merge", parts[0], "--output", whole, "--partial"]) == 0
    assert cli.main(["merge", *parts, "--output", whole, "--partial"]) == 0
    assert json.loads((Path(whole) / "amct-report.json").read_text())["complete"] is False


FRAMEWORKS_TOY = """
from pytest_amct.quantizers.builtin.reference import Reference

class Any(Reference):
    frameworks = ("onnx", "tensorflow", "caffe")
"""
