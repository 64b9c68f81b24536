"""Reports are read back and compared: what is new, fixed, changed, lost; and what is refused."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from own_tables import one_row
from syrupy.assertion import SnapshotAssertion
from toy_repository import Run, ToyRepository

from pytest_amct import cli
from pytest_amct.errors import UsageError
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.quantizers.tool import Tool
from pytest_amct.reports import reading
from pytest_amct.reports.assembly import assemble
from pytest_amct.reports.changes import compare_reports, violations_of
from pytest_amct.reports.json_report import FILE_NAME, schema, write_report
from pytest_amct.reports.reading import read_report
from pytest_amct.results import Collected
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec
from pytest_amct.typed import json_schema
from pytest_amct.verdicts import Key
from pytest_amct.waivers import Waiver

Quantize = Callable[[Any, Any], Any]
Report = dict[str, Any]

ROW, CONDITION = "uniform/onnx/Gemm", "uniform/onnx/Gemm/trans_a"
GROUPS = (ROW, CONDITION, "uniform/onnx/unlisted/Mul", "uniform/onnx/unlisted/Sin")


def obeys(model: Any, request: Any) -> Any:
    return Reference().quantize(model, request)


def quantizes(*types: str) -> Quantize:
    """A quantizer that quantizes all layers of these types, besides what the tables allow."""

    def quantize(model: Any, request: Any) -> Any:
        found = {n.name: True for n in model.graph.node if n.op_type in types and n.name}
        return obeys(model, request) | found

    return quantize


def leaves_gemms_in_float(model: Any, request: Any) -> Any:
    gemms = [n for n in model.graph.node if n.op_type == "Gemm"]
    return obeys(model, request) | {n.name or n.output[0]: False for n in gemms}


def report_on(
    quantize: Quantize, folder: Path, version: str = "1.0", spec: str = "cann-7.0.0", **given: Any
) -> Report:
    """The report of a run over a few groups, as if it were a whole one."""
    settings = Settings("mine", max_examples=0, scratch=folder, **given)
    runner = Runner(FunctionQuantizer("mine", quantize), load_spec(spec), settings)
    collected = Collected(complete=True)
    for group in GROUPS:
        collected.add(json.loads(runner.check(group).to_json()))
    selection = {"select": [], "keyword": "", "markers": "", "model": None, "left_out": None}
    tool = Tool("mine", version)
    return assemble(collected, (load_spec(spec),), settings, "mine", selection, tool)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    folder = tmp_path_factory.mktemp("reports")
    return {
        "obeys": report_on(obeys, folder),
        "gemms": report_on(quantizes("Gemm"), folder),
        "more": report_on(quantizes("Gemm", "Mul"), folder, "1.1"),
        "float": report_on(leaves_gemms_in_float, folder, "2.0"),
    }


def save(report: Report, folder: Path, **changed: Any) -> Path:
    """Write a report to a folder and return the folder."""
    write_report({**report, **changed}, folder)
    return folder


def keys(findings: Any) -> set[tuple[str, str]]:
    return {(f["condition"], f["case"]) for f in findings}


# --- reading ------------------------------------------------------------------------------------


def test_a_report_is_read_from_a_file_or_a_folder(reports: Any, tmp_path: Path) -> None:
    folder = save(reports["gemms"], tmp_path / "rep")
    assert read_report(folder) == read_report(folder / FILE_NAME) == reports["gemms"]


BROKEN: dict[str, Callable[[str], str | bytes]] = {
    "no JSON": lambda text: "no report",
    "cut off in a string": lambda text: text[: text.index('"tool"') + 3],
    "cut off between members": lambda text: text[: text.index('"tool"')],
    "cut off in a word": lambda text: text[: text.index("true,") + 2],
    "cut off before the end": lambda text: text.rstrip()[:-1],
    "garbled": lambda text: text.replace('"tool":', '"tool"', 1),
    "empty": lambda text: "",
    "no text": lambda text: b"\xff\xfe\x00",
    "a list": lambda text: "[1]",
    "nested too deep": lambda text: "[" * 200_000,
    "another format": lambda text: text.replace("amct-report/4", "amct-diff/1"),
    "an older format": lambda text: text.replace("amct-report/4", "amct-report/3"),
    "a newer format": lambda text: text.replace("amct-report/4", "amct-report/12"),
    "no findings": lambda text: text.replace('"findings"', '"found"', 1),
    "no tool": lambda text: text.replace('"version": "1.0"', '"version": 1', 1),
    "a wrong status": lambda text: text.replace('"failed"', '"broken"', 1),
    "a wrong count": lambda text: text.replace('"quantized": ', '"quantized": -0.', 1),
    "a wrong number of tests": lambda text: text.replace('"left_out": null', '"left_out": 5'),
    "a wrong row": lambda text: text.replace('"rows": [', '"rows": [7, ', 1),
}


def test_a_file_that_is_not_a_report_is_refused(
    reports: Any, tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    text = (save(reports["gemms"], tmp_path) / FILE_NAME).read_text()
    told = {}
    for name, broken in BROKEN.items():
        data = broken(text)
        assert data != text, name
        path = tmp_path / "report.json"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        with pytest.raises(UsageError) as caught:
            read_report(path)
        told[name] = str(caught.value).replace(str(tmp_path), "DIR")
    assert told == snapshot


def test_places_without_a_report_are_refused(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").mkdir()
    told = {}
    for name in ("absent", "empty", "pipe", "absent/amct-report.json"):
        with pytest.raises(UsageError) as caught:
            read_report(tmp_path / name)
        told[name] = str(caught.value).replace(str(tmp_path), "DIR")
    assert told == snapshot


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_report_that_is_cut_anywhere_is_refused_as_such(
    cut: int, reports: Any, tmp_path: Path
) -> None:
    text = (save(reports["obeys"], tmp_path) / FILE_NAME).read_text().rstrip()
    path = tmp_path / "cut.json"
    path.write_text(text[: len(text) * cut // 40])
    with pytest.raises(UsageError, match="it is cut off after"):
        read_report(path)


def schema_of(*path: str) -> Any:
    found: Any = schema()
    for name in path:
        found = found[name]
        if "$ref" in found:
            found = schema()["$defs"][found["$ref"].rpartition("/")[2]]
    return found


@pytest.mark.parametrize(
    ("members", "place"),
    [
        (reading.REPORT_MEMBERS, ()),
        (reading.SPEC_MEMBERS, ("properties", "spec")),
        (reading.TOOL_MEMBERS, ("properties", "tool")),
        (reading.ROW_MEMBERS, ("properties", "rows", "items")),
        (reading.FINDING_MEMBERS, ("properties", "findings", "items")),
        (reading.CONDITION_MEMBERS, ("properties", "conditions", "items")),
        (reading.LEFT_OUT_MEMBERS, ("properties", "selection", "properties", "left_out")),
    ],
)
def test_what_is_read_is_what_the_schema_says(members: Any, place: tuple[str, ...]) -> None:
    written = schema_of(*place)
    assert set(members) <= set(written["required"]) | {"stopped"}
    for name, kind in members.items():
        told, said = json_schema(kind), schema_of(*place, "properties", name)
        assert said.get("enum") == told.get("enum"), name
        assert said.get("type") == told.get("type"), name


# --- comparing ----------------------------------------------------------------------------------


def test_a_report_compared_with_itself_shows_no_change(reports: Any) -> None:
    changes = compare_reports(reports["gemms"], reports["gemms"])
    assert (changes.new, changes.fixed, changes.changed) == ([], [], [])
    assert changes.unchanged == len(reports["gemms"]["findings"]) > 0
    assert not changes.is_worse


def test_findings_are_new_one_way_and_fixed_the_other(reports: Any) -> None:
    there = compare_reports(reports["gemms"], reports["more"])
    back = compare_reports(reports["more"], reports["gemms"])
    more = keys(reports["more"]["findings"]) - keys(reports["gemms"]["findings"])
    assert keys(there.new) == keys(back.fixed) == more
    assert {condition for condition, _ in more} == {"uniform/onnx/unlisted/Mul"}
    assert (there.fixed, back.new) == ([], [])
    assert there.is_worse and not back.is_worse
    assert len(there.new_violations) == len(more)


def test_another_status_or_message_is_a_change(reports: Any, tmp_path: Path) -> None:
    old = reports["gemms"]
    waived = report_on(quantizes("Gemm"), tmp_path, waivers=(Waiver(CONDITION, "known"),))
    changes = compare_reports(old, waived)
    assert {c.before["status"] for c in changes.changed} == {"failed"}
    assert {c.after["status"] for c in changes.changed} == {"waived"}
    assert (changes.new, changes.fixed, changes.is_worse) == ([], [], False)
    # A waiver was removed: what it covered is a new violation.
    assert len(compare_reports(waived, old).new_violations) == len(changes.changed) > 0
    warned = copy.deepcopy(waived)
    for finding in warned["findings"]:
        finding["status"] = "warned"
    assert compare_reports(waived, warned).changed
    assert not compare_reports(waived, warned).new_violations
    other = copy.deepcopy(old)
    other["findings"][0]["message"] = "in other words"
    (change,) = compare_reports(old, other).changed
    assert change.after["message"] == "in other words"
    assert not compare_reports(old, other).is_worse


def test_a_row_that_is_no_longer_quantized_is_lost(reports: Any, tmp_path: Path) -> None:
    changes = compare_reports(reports["obeys"], reports["float"])
    assert changes.rows_lost == [ROW]
    assert changes.is_worse and not changes.new_violations
    assert compare_reports(reports["float"], reports["float"]).rows_lost == []
    on_purpose = report_on(leaves_gemms_in_float, tmp_path, float_rows=(ROW,))
    assert compare_reports(reports["obeys"], on_purpose).rows_lost == []


def test_a_required_row_of_which_more_is_left_in_float_is_worse(tmp_path: Path) -> None:
    def leaves(*opsets: int) -> Report:
        """The report on a quantizer that leaves the Gemms of some opsets in float."""

        def quantize(model: Any, request: Any) -> Any:
            old = model.opset_import[0].version in opsets
            return (leaves_gemms_in_float if old else obeys)(model, request)

        return report_on(quantize, tmp_path, required_rows=(ROW,))

    one, two = leaves(13), leaves(13, 17)
    (finding,) = (f for f in one["findings"] if f["kind"] == "not-quantized")
    assert finding["status"] == "failed"
    assert compare_reports(one, two).rows_worse == [ROW]
    assert compare_reports(one, two).rows_lost == []
    assert compare_reports(one, two).is_worse
    assert compare_reports(two, one).rows_worse == []
    assert not compare_reports(two, one).is_worse
    # As many as before, of another number of layers.
    reworded = copy.deepcopy(one)
    for found in reworded["findings"]:
        found["message"] = "in other words"
    assert len(compare_reports(one, reworded).changed) == len(one["findings"])
    assert compare_reports(one, reworded).rows_worse == []


def test_conditions_that_are_no_longer_judged_are_named(reports: Any, tmp_path: Path) -> None:
    def tells_nothing(model: Any, request: Any) -> Any:
        return []

    silent = report_on(tells_nothing, tmp_path)
    changes = compare_reports(reports["obeys"], silent)
    assert CONDITION in changes.unjudged
    assert compare_reports(silent, reports["obeys"]).unjudged == []


def test_what_is_absent_from_a_partial_report_is_not_fixed(reports: Any) -> None:
    left = {"tests": 1, "of": 2, "by": ["-k"], "first": []}
    partial = {**reports["obeys"], "selection": {"left_out": left}, "rows": []}
    changes = compare_reports(reports["gemms"], partial)
    assert (changes.fixed, changes.rows_lost, changes.unjudged) == ([], [], [])


def test_another_release_loses_no_row_that_it_does_not_have(reports: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(one_row('{ attribute = "transA", equals = 0, default = 0 }'))
    other = report_on(obeys, tmp_path, spec=str(own))
    wide = {**reports["obeys"], "rows": [*reports["obeys"]["rows"]]}
    wide["rows"] += [{**wide["rows"][0], "id": "uniform/onnx/Other", "quantized": 5}]
    changes = compare_reports(wide, other)
    assert changes.rows_lost == []
    assert CONDITION not in changes.unjudged  # the table has another condition
    same = {**other, "spec": wide["spec"]}
    assert "uniform/onnx/Other" in compare_reports(wide, same).rows_lost


# --- the command --------------------------------------------------------------------------------


def compare(old: Path, new: Path, capsys: Any, *more: str) -> tuple[int, str]:
    code = cli.main(["compare", str(old), str(new), *more])
    said = capsys.readouterr()
    return code, said.out + said.err


@pytest.mark.parametrize("form", ["text", "markdown"])
@pytest.mark.parametrize(
    ("old", "new"), [("gemms", "more"), ("more", "float"), ("more", "gemms"), ("obeys", "obeys")]
)
def test_what_the_command_says(
    old: str, new: str, form: str, reports: Any, tmp_path: Path, capsys: Any, snapshot: Any
) -> None:
    folders = (save(reports[name], tmp_path / name) for name in (old, new))
    _, text = compare(*folders, capsys, f"--format={form}")
    assert text == snapshot


def test_waivers_and_other_words_in_text(
    reports: Any, tmp_path: Path, capsys: Any, snapshot: SnapshotAssertion
) -> None:
    waived = report_on(quantizes("Gemm"), tmp_path, waivers=(Waiver(f"{CONDITION}@1", "known"),))
    waived["findings"][-1]["message"] = "in other words"
    folders = save(reports["gemms"], tmp_path / "old"), save(waived, tmp_path / "new")
    assert compare(*folders, capsys)[1] == snapshot


def test_the_json_form_follows_its_schema(reports: Any, tmp_path: Path, capsys: Any) -> None:
    folders = [save(reports[name], tmp_path / name) for name in ("more", "float")]
    _, text = compare(*folders, capsys, "--format=json")
    found = json.loads(text)
    ours = resources.files("pytest_amct.reports") / "comparison.schema.json"
    jsonschema.validate(found, json.loads(ours.read_text()))
    assert found["before"]["tool"] == {"name": "mine", "version": "1.1"}
    assert found["worse"] and found["rows_lost"] == [ROW]
    assert keys(found["fixed"]) == keys(reports["more"]["findings"])


@pytest.mark.parametrize(
    ("old", "new", "more", "code"),
    [
        ("obeys", "obeys", (), 0),
        ("gemms", "gemms", (), 1),
        ("gemms", "gemms", ("--only-new",), 0),
        ("gemms", "more", ("--only-new",), 1),
        ("more", "gemms", ("--only-new",), 0),
        ("obeys", "float", (), 0),
        ("obeys", "float", ("--only-new",), 1),
    ],
)
def test_the_exit_status(
    old: str, new: str, more: tuple[str, ...], code: int, reports: Any, tmp_path: Path, capsys: Any
) -> None:
    folders = [save(reports[name], tmp_path / name) for name in (old, new)]
    assert compare(*folders, capsys, *more)[0] == code


def test_reports_that_cannot_be_compared_are_refused(
    reports: Any, tmp_path: Path, capsys: Any, snapshot: SnapshotAssertion
) -> None:
    old = reports["gemms"]
    left = {"tests": 3, "of": 60, "by": ["-k"], "first": ["uniform/onnx/Conv"]}
    spec = {**old["spec"], "release": "8.0", "title": "CANN 8.0"}
    rows = [{**row, "id": row["id"].replace("onnx", "caffe")} for row in old["rows"]]
    other: dict[str, dict[str, Any]] = {
        "incomplete": {"complete": False},
        "stopped": {"complete": False, "stopped": {"onnx": "why"}},
        "selected": {"selection": {"select": [ROW], "left_out": None}},
        "of a model": {"selection": {"select": [], "model": "a.onnx", "left_out": None}},
        "left out": {"selection": {"select": [], "left_out": left}},
        "another tool": {"tool": {"name": "another", "version": None}},
        "another profile": {"profile": "explore"},
        "another seed": {"profile": "explore", "selection": {"seed": 8}},
        "another release": {"spec": spec},
        "other frameworks": {"rows": rows},
    }
    told = {}
    for name, changed in other.items():
        more = {"profile": "explore", "selection": {"seed": 7}} if name == "another seed" else {}
        folders = save(old, tmp_path / "old", **more), save(old, tmp_path / "new", **changed)
        code, text = compare(*folders, capsys)
        assert (code, text.count("\n")) == (4, 1), name
        told[name] = text.replace(str(tmp_path), "DIR")
    assert told == snapshot
    folders = save(old, tmp_path / "old"), save(old, tmp_path / "new", spec=spec)
    assert compare(*folders, capsys, "--across", "--only-new")[0] == 0


# --- what is known ------------------------------------------------------------------------------


def runner_of(
    quantize: Quantize, folder: Path, known: frozenset[Key] = frozenset(), **given: Any
) -> Runner:
    settings = Settings("mine", max_examples=0, scratch=folder, **given)
    return Runner(FunctionQuantizer("mine", quantize), load_spec(), settings, known=known)


def test_known_violations_fail_no_test(tmp_path: Path) -> None:
    first = runner_of(quantizes("Gemm"), tmp_path).check(CONDITION)
    keys = [finding.key for finding in first.findings]
    assert first.failure and len(keys) > 5
    same = runner_of(quantizes("Gemm"), tmp_path, frozenset(keys)).check(CONDITION)
    assert (same.failure, same.findings) == (None, first.findings)
    new = first.findings[3]
    one = runner_of(quantizes("Gemm"), tmp_path, frozenset(keys) - {new.key}).check(CONDITION)
    assert one.failure is not None
    assert one.failure.startswith(f"over-quantized: {new.message}")
    assert f"case       {new.case}\n" in one.failure
    assert f"more of {CONDITION}" not in one.failure


def test_a_required_row_that_was_left_in_float_is_known_in_every_test(tmp_path: Path) -> None:
    required: dict[str, Any] = {"required_rows": (ROW,)}
    old = report_on(leaves_gemms_in_float, tmp_path, **required)
    (known,) = violations_of(old).values()
    assert len(known) == 1
    for group in (ROW, CONDITION):
        assert runner_of(leaves_gemms_in_float, tmp_path, **required).check(group).failure
        again = runner_of(leaves_gemms_in_float, tmp_path, known, **required).check(group)
        assert again.failure is None
        assert [f.status for f in again.findings] == ["failed"]


def test_only_violations_of_the_same_release_are_known(reports: Any, tmp_path: Path) -> None:
    waived = report_on(quantizes("Gemm"), tmp_path, waivers=(Waiver(CONDITION, "known"),))
    other = {**waived, "spec": {**waived["spec"], "title": "Another release"}}
    found = violations_of({**reports["gemms"], "releases": [other]})
    title = reports["gemms"]["spec"]["title"]
    here, there = found["7.0.0", title], found["7.0.0", "Another release"]
    assert {condition for _, condition, _, _ in here - there} == {CONDITION}
    assert there < here


# --- runs ---------------------------------------------------------------------------------------

TWO = """
from pathlib import Path
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.tables.loader import load_spec

OBEDIENT = Reference(load_spec(Path(__file__).with_name("own.toml")))

class Two:
    name, version = "two", "VERSION"

    def quantize(self, model, request):
        also = [n for n in model.graph.node if n.op_type in TYPES and not n.domain]
        return OBEDIENT.quantize(model, request) | {n.name or n.output[0]: VALUE for n in also}
"""

SECOND_ROW = """
[[row]]
id = "uniform/onnx/MatMul"
types = ["MatMul"]
ir = ["MatMulV2"]
ports = { data = [0], weight = 1 }
"""


class Compared:
    """A repository whose quantizer changes, judged as a whole by tables of two rows."""

    def __init__(self, repository: ToyRepository) -> None:
        self.repository = repository
        row = one_row('{ attribute = "transA", equals = 0, default = 0 }')
        repository.write("own.toml", row.replace('id = "c"', 'id = "trans_a"') + SECOND_ROW)

    def run(
        self,
        *arguments: str,
        version: str = "1.0",
        types: tuple[str, ...] = (),
        quantized: bool = True,
    ) -> Run:
        """Judge the quantizer of this version, which quantizes all of these types, or none."""
        text = TWO.replace("VERSION", version).replace("TYPES", repr(types))
        self.repository.write("two.py", text.replace("VALUE", repr(quantized)))
        return self.repository.amct(
            "--amct-quantizer=two:Two",
            "--amct-spec=own.toml",
            "--amct-max-examples=0",
            "-q",
            "--tb=line",
            *arguments,
        )


@pytest.fixture
def compared(repository: ToyRepository) -> Compared:
    return Compared(repository)


def shown(out: str) -> str:
    """What the summary says after the table."""
    start = out.index("  compared with ")
    lines = out[start:].partition("\n=")[0].splitlines()
    return "\n".join(line for line in lines if not re.search(r"\d+ passed", line))


@pytest.mark.slow
def test_a_run_fails_on_new_findings_alone(compared: Compared, snapshot: SnapshotAssertion) -> None:
    assert compared.run("--amct-report=old", types=("Gemm", "Add")).code == 1
    only_new = ("--amct-compare=old", "--amct-only-new")
    plain = compared.run("--amct-report=plain", types=("Gemm", "Add"))
    same = compared.run(*only_new, "--amct-report=same", types=("Gemm", "Add"))
    assert (plain.code, same.code) == (1, 0), same.text
    # What is known fails no test, and is a violation in the report all the same.
    report = compared.repository.report("same")
    jsonschema.validate(report, schema())
    comparison = report.pop("comparison")
    assert comparison["old"] == "old" and not comparison["new"] and not comparison["fixed"]
    assert report == compared.repository.report("plain")
    assert shown(same.out) == snapshot(name="nothing new")
    more = compared.run(*only_new, "--amct-report=more", version="1.1", types=("Gemm", "Sigmoid"))
    assert more.code == 1
    assert "1 failed" in more.out
    assert "unlisted/Sigmoid" in more.out.partition("short test summary")[2]
    assert shown(more.out) == snapshot(name="something new")
    found = compared.repository.report("more")["comparison"]
    assert {f["condition"] for f in found["new"]} == {"uniform/onnx/unlisted/Sigmoid"}
    assert {f["condition"] for f in found["fixed"]} == {"uniform/onnx/unlisted/Add"}
    # Without the option, all violations fail, and the comparison is only shown.
    shows = compared.run("--amct-compare=old/amct-report.json", types=("Gemm", "Add"))
    assert shows.code == 1
    assert "compared with old: 0 new" in shows.out and "failed no test" not in shows.out


@pytest.mark.slow
def test_many_processes_compare_alike(compared: Compared) -> None:
    compared.run("--amct-report=old", types=("Gemm",))
    for folder, way in (("one", "-pno:xdist"), ("many", "-n2")):
        given = (f"--amct-report={folder}", "--amct-compare=old", "--amct-only-new", way)
        run = compared.run(*given, version="1.1", types=("Gemm", "Add"))
        assert (run.code, "1 failed" in run.out) == (1, True), run.text
    one, many = (compared.repository.path / name / FILE_NAME for name in ("one", "many"))
    assert one.read_bytes() == many.read_bytes()


@pytest.mark.slow
def test_a_lost_row_fails_the_run(compared: Compared, snapshot: SnapshotAssertion) -> None:
    compared.run("--amct-report=old")
    given = ("--amct-compare=old", "--amct-only-new")
    lost = compared.run(*given, types=("Gemm",), quantized=False)
    assert lost.code == 1, lost.out
    assert " failed" not in lost.out
    assert "amct: uniform/onnx/Gemm is no longer quantized (compared with old)" in lost.out
    partial = compared.run(*given, "-k", "trans_a", types=("Gemm",), quantized=False)
    assert partial.code == 0, partial.text
    assert shown(partial.out) == snapshot


def test_runs_that_cannot_be_compared_are_refused(
    compared: Compared, reports: Any, snapshot: SnapshotAssertion
) -> None:
    repository = compared.repository
    save(reports["gemms"], repository.path / "other")
    save(reports["gemms"], repository.path / "partial", complete=False)
    tool = {"name": "toy:quantize", "version": None}
    save(reports["gemms"], repository.path / "fine", tool=tool)
    repository.write("model.onnx", "")
    lines = {
        "alone": ["--amct-only-new"],
        "absent": ["--amct-compare=absent"],
        "another tool": ["--amct-compare=other"],
        "another release": ["--amct-compare=fine", "--amct-spec=latest"],
        "another profile": ["--amct-compare=fine", "--amct-profile=explore"],
        "partial": ["--amct-compare=partial"],
        "over itself": ["--amct-compare=fine", "--amct-report=fine"],
        "over its file": ["--amct-compare=fine/amct-report.json", "--amct-report=fine"],
        "a model": ["--amct-compare=fine", "--amct-model=model.onnx"],
        "explore": ["--amct-compare=fine", "--amct-only-new", "--amct-profile=explore"],
    }
    told = repository.all_refused({name: ["--amct", *line] for name, line in lines.items()})
    assert told == snapshot
