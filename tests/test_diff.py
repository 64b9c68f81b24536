"""The releases side by side: what each holds, what differs between two, the page of a condition."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import jsonschema
import pages as generator
import pytest
from own_tables import one_row
from second_opinion import opinions
from syrupy.assertion import SnapshotAssertion

from pytest_amct import cli
from pytest_amct.cases.catalog import parse_case
from pytest_amct.errors import UsageError
from pytest_amct.ids import ConditionId
from pytest_amct.options import Declared, read_declared
from pytest_amct.reports import history, releases, statements
from pytest_amct.reports.pages import ids, page, tools
from pytest_amct.tables import comparing
from pytest_amct.tables.comparing import compare, row_ids, variants
from pytest_amct.tables.kinds import KINDS
from pytest_amct.tables.loader import LATEST_RELEASE, load_spec, published, read_document
from pytest_amct.tables.model import Spec
from pytest_amct.waivers import Waiver

ROOT = Path(__file__).parents[1]
NOTHING = Declared("", (), (), {})
SPECS = {name: load_spec(name) for name in published()}


def run(*arguments: str) -> int:
    return cli.main([*arguments])


def schema(name: str) -> Any:
    return json.loads((ROOT / "pytest_amct" / "reports" / f"{name}.schema.json").read_text())


# --- names and order ------------------------------------------------------------------------------


def test_releases_come_in_the_order_of_publication() -> None:
    assert published() == [
        "cann-6.0.1",
        "cann-6.3.RC1",
        "cann-6.3.RC2",
        "cann-7.0.0",
        "cann-8.0.RC1",
        "cann-8.0.0",
        "cann-8.5.0",
        "cann-9.0.0",
        "cann-9.2.0.beta1",
        "ge-2026-08",
        "ge-2026-08-ipv350",
        "amct-caffe-8.5.0",
        "amct-tensorflow-9.0.0.beta2",
        "amct-onnx-9.0.0",
    ]


def test_latest_is_the_newest_page_that_was_seen_whole() -> None:
    assert load_spec("latest") is load_spec(LATEST_RELEASE)
    whole = [name for name, spec in SPECS.items() if comparing.is_whole(spec)]
    # A table of one product is not what a release says of all.
    assert [name for name in whole if not name.endswith("-ipv350")][-1] == LATEST_RELEASE
    assert "cann-9.0.0" not in whole


def test_the_listing(capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion) -> None:
    assert run("specs") == 0
    assert capsys.readouterr().out == snapshot


# --- differences ----------------------------------------------------------------------------------

BATCH, ADD = "uniform/tensorflow/BatchMatMulV2", "uniform/tensorflow/Add"


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        # docs/reading.md, "Other releases". Read by hand, row by row.
        (
            "cann-6.3.RC2",
            "cann-7.0.0",
            {
                "uniform/caffe/Eltwise/operation": "appeared",
                # An empty cell: data alone was only argued.
                "uniform/tensorflow/MaxPool/weights": "changed",
            },
        ),
        (
            "cann-7.0.0",
            "cann-8.0.0",
            {
                f"{BATCH}/second_input": "went",
                f"{BATCH}/weight_source": "went",
                f"{BATCH}/constant_rank": "appeared",
                f"{BATCH}/two_variables": "appeared",
                "float16/tensorflow/BatchMatMulV2": "appeared",
                f"{ADD}/one_input": "appeared",
                f"{ADD}/two_tensors": "appeared",
                "uniform/onnx/Add/one_input": "appeared",
                "uniform/onnx/Add/two_tensors": "appeared",
            },
        ),
        # The rows of ONNX were not seen in 8.5.0, so only table 2 is known to have gone.
        ("cann-8.5.0", "ge-2026-08", {}),
    ],
)
def test_what_changes_in_three_upgrades(
    before: str, after: str, changes: dict[str, str], snapshot: SnapshotAssertion
) -> None:
    found = compare(load_spec(before), load_spec(after))
    conditions = {
        c.id: c.change for row in found.rows if row.change == "changed" for c in row.conditions
    }
    assert {**conditions, **found.float16} == changes
    gone = {row.id for row in found.rows if row.change != "changed"}
    assert {ConditionId.parse(id_).table for id_ in gone} == set(found.tables)
    assert releases.as_text(*releases.difference(found, NOTHING)) == snapshot


SEEN = {
    # The variants of the cells of table 1 as they were noted when the pages were read, a letter for
    # each release up to ge-2026-08; "-": no such row, "?": not seen.
    "uniform/caffe/InnerProduct": "AAAAAAAAAA",
    "uniform/caffe/Convolution": "BBAAAAAAAA",
    "uniform/caffe/Deconvolution": "-AAAAAAAAA",
    "uniform/caffe/Pooling": "-BAAAAAAAA",
    "uniform/caffe/Eltwise": "--BAAAAAAA",
    "uniform/tensorflow/MatMul": "BBAAAAAAAA",
    "uniform/tensorflow/Conv2D": "BBAAAAAAAA",
    "uniform/tensorflow/DepthwiseConv2dNative": "CBAAAAAAAA",
    "uniform/tensorflow/Conv2DBackpropInput": "-BAAAAAAAA",
    "uniform/tensorflow/BatchMatMulV2": "-BAADDDDDD",
    "uniform/tensorflow/AvgPool": "-AAAAAA?AA",
    "uniform/tensorflow/Conv3D": "-AAAAAA?AA",
    "uniform/tensorflow/MaxPool": "--BAAAA?AA",
    "uniform/tensorflow/Add": "--AAABB?BB",
    "uniform/onnx/Conv": "CBAAAA??AA",
    "uniform/onnx/Gemm": "BBAAAA??AA",
    "uniform/onnx/ConvTranspose": "-BAA????AA",
    "uniform/onnx/MatMul": "-BAA????DD",
    "uniform/onnx/AveragePool": "-A?A?A??AA",
    "uniform/onnx/MaxPool": "--?A?A??AA",
    "uniform/onnx/Add": "--?A?B??BB",
}


@pytest.mark.parametrize("id_", SEEN)
def test_the_history_has_the_variants_of_the_pages(id_: str) -> None:
    specs = [*SPECS.values()][:10]
    signs = {"absent": "-", "unseen": "?"}
    found = [signs.get(seen, number) for seen, number in variants(specs, id_)]
    pairs = set(zip(SEEN[id_], found, strict=True))
    assert len({noted for noted, _ in pairs}) == len(pairs) == len({told for _, told in pairs})
    assert {noted == told for noted, told in pairs if noted in "-?" or told in ("-", "?")} <= {True}


@pytest.mark.parametrize("name", SPECS)
def test_a_release_does_not_differ_from_itself(name: str) -> None:
    found = compare(SPECS[name], SPECS[name])
    assert (found.rows, found.tables, found.float16) == ([], {}, {})
    text = releases.as_text(*releases.difference(found, NOTHING))
    assert "Nothing: no row, table, rule or note differs" in text


@pytest.mark.parametrize(("before", "after"), [*pairwise(SPECS)])
def test_going_back_undoes_each_change(before: str, after: str) -> None:
    there, back = (compare(SPECS[a], SPECS[b]) for a, b in ((before, after), (after, before)))
    undone = {"appeared": "went", "went": "appeared", "changed": "changed"}

    def changes(found: comparing.Comparison) -> dict[str, str]:
        conditions = {c.id: c.change for row in found.rows for c in row.conditions}
        return {**{row.id: row.change for row in found.rows}, **conditions, **found.float16}

    assert {id_: undone[change] for id_, change in changes(there).items()} == changes(back)
    assert {id_: undone[c] for id_, c in there.tables.items()} == dict(back.tables)


def test_what_was_not_seen_is_not_a_change() -> None:
    for before, after in product(SPECS.values(), SPECS.values()):
        found = compare(before, after)
        changed = {row.id for row in found.rows}
        for id_ in changed:
            assert id_ not in found.unseen
        unseen = {row.id for spec in (before, after) for row in spec.rows if row.seen == "no"}
        assert unseen.isdisjoint(changed)
        for row in found.rows:
            if not {"weight_only"} <= set(before.lists) & set(after.lists):
                assert not row.id.startswith("settings/")


def test_settings_of_a_row_that_was_not_seen_are_compared_without_its_forms() -> None:
    """8.5.0 shows table 3 but not the ONNX row MatMul, so its forms are unknown there."""
    assert "settings/onnx/MatMul" not in {
        row.id for row in compare(SPECS["cann-8.5.0"], SPECS["ge-2026-08"]).rows
    }
    changed = compare(SPECS["cann-7.0.0"], SPECS["cann-8.5.0"])
    assert "settings/onnx/AveragePool" in {row.id for row in changed.rows}


def test_the_json_form_follows_its_schema() -> None:
    declared = Declared("x.ini", ("uniform/*",), ("*",), (Waiver("uniform/onnx/Conv", "known"),))
    validator = jsonschema.Draft202012Validator(schema("diff"))
    fixed = (load_spec("latest"), load_spec())
    for before, after in [*product(fixed, SPECS.values()), *product(SPECS.values(), fixed)]:
        form = releases.difference_json(compare(before, after), declared)
        validator.validate(json.loads(json.dumps(form)))


def test_the_history_as_json_follows_its_schema() -> None:
    form = json.loads(json.dumps(history.history_json(SPECS)))
    jsonschema.validate(form, schema("history"))
    assert [release["name"] for release in form["releases"]] == published()
    assert all(len(row["releases"]) == len(SPECS) for row in form["rows"])


def test_the_history_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("diff", "--all") == 0
    told = capsys.readouterr().out.splitlines()
    (matmul,) = (line.split() for line in told if line.startswith("uniform/onnx/MatMul "))
    assert matmul == ["uniform/onnx/MatMul", *"- A B B ? ? ? ? C C - . . D".split()]
    (rule,) = (line.split()[2:] for line in told if line.startswith("Float16 rule"))
    assert rule == ["no"] * 2 + ["yes"] * 9 + ["no"] * 3
    assert run("diff", "--all", "--format", "markdown") == 0
    assert capsys.readouterr().out == (ROOT / "docs" / "history.md").read_text("utf-8")
    assert run("diff", "--all", "--format=json") == 0
    assert json.loads(capsys.readouterr().out)["format"] == history.HISTORY


# --- tables of one's own --------------------------------------------------------------------------


def own(text: str, *changes: tuple[str, str]) -> Spec:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return read_document(tomllib.loads(text), "own.toml")


CELL = one_row('{ attribute = "transA", equals = 0, default = 0 }')


def test_a_row_that_may_be_on_the_part_that_was_not_seen_is_not_gone() -> None:
    more = CELL + CELL[CELL.index("[[row]]") :].replace("Gemm", "Conv")
    paged = '[[page]]\nurl = "u"\nrows = ["*"]\n[lists]'
    cut = own(
        CELL,
        ('release = "0.1"', 'release = "0.2"\nunseen = ["uniform/onnx/Gemm"]'),
        ("[lists]", paged),
    )
    found = compare(own(more), cut)
    assert found.rows == []
    assert found.unseen["uniform/onnx/Conv"] == ("whole", "unseen")
    assert found.touched == {"uniform/onnx/Gemm": "not seen", "uniform/onnx/Conv": "not seen"}


def test_a_row_that_went_and_types_that_changed() -> None:
    types = own(CELL, ('types = ["Gemm"]', 'types = ["Gemm", "Sum"]'))
    (row,) = compare(own(CELL), types).rows
    assert (row.id, row.change, row.conditions) == ("uniform/onnx/Gemm", "changed", [])
    gone = compare(types, own(CELL.replace("Gemm", "Conv")))
    assert gone.touched == {
        "uniform/onnx/Conv": "appeared",
        "uniform/onnx/Conv/c": "appeared",
        "uniform/onnx/unlisted/Conv": "went",
        "uniform/onnx/Gemm": "went",
        "uniform/onnx/Gemm/c": "went",
        "uniform/onnx/unlisted/Gemm": "appeared",
        "uniform/onnx/unlisted/Sum": "appeared",
    }
    text = releases.as_text(*releases.difference(gone, NOTHING))
    assert "  - row: lists Gemm, Sum, forbidden without it (stated)" in text
    assert "  + c: transA must be 0" in text


def test_a_list_that_is_closed_on_another_basis() -> None:
    found = compare(own(CELL), own(CELL, ('uniform = "stated"', 'uniform = "inferred"')))
    assert found.tables == {"uniform": "changed"}
    text = releases.as_text(*releases.difference(found, NOTHING))
    assert "One row: a type without a row must stay in float (inferred)" in text


def test_a_table_that_was_seen_in_english_is_not_closed_on_another_basis() -> None:
    old, new = SPECS["cann-7.0.0"], SPECS["cann-8.5.0"]
    assert (old.lists["nonuniform"], new.lists["nonuniform"]) == ("stated", "inferred")
    assert "nonuniform" not in compare(old, new).tables


# --- what the repository declares -----------------------------------------------------------------

INI = """
[tool.pytest.ini_options]
addopts = "--no-such-option"
amct_required_rows = ["uniform/onnx/*"]
amct_float_rows = ["uniform/tensorflow/Add", "uniform/caffe/*"]
amct_waivers = "accepted.toml"
"""

WAIVERS = """
[[waiver]]
id = "uniform/onnx/MatMul/second_input"
reason = "the tool has no other kernel"
owner = "anna"

[[waiver]]
id = "uniform/tensorflow/BatchMatMulV2/weight_source@input:chain"
reason = "known"
owner = "anna"
until = 2001-01-01

[[waiver]]
id = "uniform/onnx/Gemm/trans_a"
reason = "known"
owner = "anna"
"""


@pytest.fixture
def declaring(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(INI)
    (tmp_path / "accepted.toml").write_text(WAIVERS)
    (tmp_path / "conftest.py").write_text("raise SystemExit('imported')")
    return tmp_path


def test_which_settings_a_change_concerns(
    declaring: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("diff", "cann-7.0.0", "cann-8.0.0", f"--rootdir={declaring}") == 0
    told = capsys.readouterr().out.partition("Your settings in ")[2].splitlines()
    assert told == [
        str(declaring / "pyproject.toml"),
        "  amct_waivers uniform/onnx/MatMul/second_input:"
        " uniform/onnx/MatMul not seen in CANN 8.0.0",
        f"  amct_waivers {BATCH}/weight_source@input:chain: {BATCH}/weight_source went",
        "  amct_required_rows uniform/onnx/*: uniform/onnx/ConvTranspose not seen in CANN 8.0.0,"
        " uniform/onnx/MatMul not seen in CANN 8.0.0, uniform/onnx/Add changed",
        "  amct_float_rows uniform/tensorflow/Add: uniform/tensorflow/Add changed",
    ]
    monkeypatch.chdir(declaring)  # the folder is the default
    assert run("diff", "cann-7.0.0", "latest", "--format=json") == 0
    form = json.loads(capsys.readouterr().out)
    assert form["settings"][0] == {
        "key": "amct_waivers",
        "pattern": "uniform/onnx/MatMul/second_input",
        "ids": {"uniform/onnx/MatMul/second_input": "went"},
    }


def test_a_folder_without_an_ini_file_declares_nothing(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    assert read_declared(tmp_path) == Declared(str(tmp_path / "pytest.ini"), (), (), ())


def test_markdown(capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion) -> None:
    assert run("diff", "cann-7.0.0", "cann-8.0.0", "--format=markdown", "--rootdir=/") == 0
    assert capsys.readouterr().out == snapshot


# --- words ----------------------------------------------------------------------------------------


def test_every_kind_has_words_of_its_own() -> None:
    used = [
        require
        for spec in SPECS.values()
        for row in (r for row in spec.rows for r in (row, *(form.row for form in row.forms)))
        for c in row.conditions
        for require in (c.require, c.when)
        if require
    ]
    used += [form.when for spec in SPECS.values() for row in spec.rows for form in row.forms]
    assert {key for require in used for key in require if key in KINDS} == set(KINDS)
    for require in used:
        words, fact = statements.requirement(require), statements.fact(require)
        assert re.match(r"(?!must|be )[A-Za-z]", words), words
        assert re.search(r"\b(must|may)\b", words), words
        assert not re.search(r"\b(must|may)\b", fact), fact


# --- the page of a condition ----------------------------------------------------------------------


def test_the_pages_are_up_to_date() -> None:
    assert generator.written() == generator.pages(), "run python tests/tools/pages.py"


def test_rule_prints_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    id_ = "uniform/onnx/Conv/dilation_d"
    assert run("rule", f"{id_}@d2-h1-w1:chain") == 0
    assert capsys.readouterr().out == (ROOT / f"docs/conditions/{id_}.md").read_text("utf-8")


def test_rule_explains_what_has_no_page(snapshot: SnapshotAssertion) -> None:
    asked = ("uniform/onnx/Conv", "uniform/onnx/unlisted/Add", "settings/onnx/Conv/skip_layers")
    assert "\n\n".join(page(id_, SPECS) for id_ in asked) == snapshot
    assert "not decided unless the layer is in the main graph" in page(
        "uniform/onnx/Conv/nested", SPECS
    )


def test_rule_reads_tables_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.toml").write_text(CELL)
    assert run("rule", "uniform/onnx/Gemm/c", f"--spec={tmp_path / 'own.toml'}") == 0
    assert "- One row: transA must be 0" in capsys.readouterr().out


SHOWN = re.compile(
    r"## A (conforming layer|layer that is forbidden) \(CANN 7.0.0\)\n\nCase `(\S+)`"
)


def shown(path: Path) -> list[tuple[str, str]]:
    return SHOWN.findall(path.read_text("utf-8"))


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "conditions" / "uniform" / "onnx").rglob("*.md")), ids=str
)
def test_the_layers_of_the_pages_are_what_they_are_said_to_be(path: Path) -> None:
    """Judged by the second opinion, which shares no code with the package."""
    id_ = path.relative_to(ROOT / "docs" / "conditions").with_suffix("").as_posix()
    for word, case in shown(path):
        built = parse_case(case).build()
        (opinion,) = (o for o in opinions(built.model) if o.output in built.targets)
        if word == "conforming layer":
            assert opinion.answer == "quantizable", case
        elif not ConditionId.parse(id_).is_unlisted and id_ not in ON_TREATMENT:
            assert (opinion.answer, id_ in opinion.broken) == ("forbidden", True), case


ON_TREATMENT = {
    f"uniform/onnx/{name}"
    for name in ("AveragePool/shift", "MaxPool/weights", "Add/weights", "Add/one_input")
}


def test_pages_show_layers() -> None:
    """The test above would pass on pages without layers."""
    every = [shown(path) for path in (ROOT / "docs" / "conditions").rglob("*.md")]
    assert sum(map(len, every)) > 100


def test_facts_about_tools_are_about_conditions_that_a_test_names() -> None:
    known = {*ids(SPECS)}
    for tool in tools():
        text = (ROOT / tool["tests"]).read_text()
        for condition in tool["conditions"]:
            assert condition in known
            parts = ConditionId.parse(condition)
            assert f"/{parts.row}" in text or f'"{parts.row}"' in text, condition


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["diff", "cann-7.0.0"], "diff: name two releases, or give --all alone"),
        (["diff", "cann-7.0.0", "--all"], "diff: name two releases, or give --all alone"),
        (["diff", "cann-7.0.0", "cann-8.0.1"], "(did you mean 'cann-8.0."),
        (["diff", "cann-7.0.0", "lastest"], "(did you mean 'latest'?)"),
        (
            ["diff", "latest", "cann-7.0.0", "--rootdir=/nowhere"],
            "--rootdir=/nowhere: no such folder",
        ),
        (["rule", "uniform/onnx/Conv/dilation"], "did you mean 'uniform/onnx/Conv/dilation_d'?"),
        (["rule", "networks/onnx"], "rule: 'networks/onnx' is not a condition"),
        (["rule", "uniform/torch/unlisted/X"], "is not a condition"),
    ],
)
def test_errors_are_one_sentence_with_the_nearest(
    arguments: Sequence[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 4
    told = capsys.readouterr().err
    assert message in told
    assert told.startswith("pytest-amct: ") and told.count("\n") == 1


@pytest.mark.parametrize(
    ("ini", "message"),
    [
        ("amct_waivers = accepted.toml", "no such file: create it"),
        ("minversion = 99", "requires pytest-99"),
    ],
)
def test_an_ini_file_that_cannot_be_used(
    ini: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pytest.ini").write_text(f"[pytest]\n{ini}\n")
    assert run("diff", "cann-7.0.0", "latest", f"--rootdir={tmp_path}") == 4
    assert message in capsys.readouterr().err


def test_an_unknown_id_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="did you mean 'float16/onnx/MaxPool'"):
        page("float16/onnx/Maxpool", SPECS)


def test_every_row_of_every_release_is_in_the_history() -> None:
    every = row_ids([*SPECS.values()])
    assert len(every) == len(set(every))
    assert {row.id for spec in SPECS.values() for row in spec.rows} <= set(every)
