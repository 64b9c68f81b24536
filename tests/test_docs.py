"""What the documentation shows is so: its commands run and print this, its snippets work."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import sys
import tomllib
from contextlib import redirect_stdout, suppress
from functools import cache
from pathlib import Path
from typing import Any, get_args

import doc_readers
import jsonschema
import pytest
import yaml
from doc_pages import (
    LANGUAGES,
    PAGES,
    ROOT,
    Block,
    blocks,
    command_lines,
    run_page,
    spans,
    text_of,
)
from toy_repository import ToyRepository

from pytest_amct.cli import command_parser
from pytest_amct.tables.loader import load_spec
from pytest_amct.waivers import Kind, read_waivers

WRITTEN = [page for page in PAGES if not page.startswith("docs/conditions/")]
"""Pages that are written by hand; those of conditions are generated."""
SHOWN = [page for page in PAGES if blocks(page)]
FOREIGN = {"--splits": "pytest-split", "--group": "pytest-split"}
"""Options of other plugins that recipes name, and that are not installed here."""

NO_SETTINGS = re.compile("amct_(page|basis|cases|findings|condition|release|onnx|caffe|tensorflow)")
"""What JUnit files say (docs/report.md), and AMCT's commands."""

OF_SCRIPTS = {"--minutes", "--cost", "--write", "--machine"}
"""Options of the scripts in tests/tools."""


def configured(*arguments: str) -> pytest.Config:
    """pytest with these arguments, as far as it reads them; an unknown one raises an error."""
    plain = ["--noconftest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
    return pytest.Config.fromdictargs({}, [*plain, *arguments])


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_what_it_is(page: str) -> None:
    assert {block.language for block in blocks(page)} <= {*LANGUAGES}
    for block in blocks(page):
        if block.language == "console":
            assert block.text.startswith("$ "), block.place
            for _, output in block.commands():
                # Points alone would let everything pass.
                assert not output or re.search(r"[^.\s]{3}", output), block.place


@pytest.mark.parametrize("page", SHOWN)
def test_snippets_are_well_formed(page: str, tmp_path: Path) -> None:
    for block in blocks(page):
        if block.language == "python":
            compile(block.text, block.place, "exec")
        elif block.language == "toml":
            check_toml(block, tmp_path)
        elif block.language == "json":
            check_json(json.loads(block.text))
        elif block.language == "yaml":
            assert isinstance(yaml.safe_load(block.text), dict), block.place


def check_toml(block: Block, folder: Path) -> None:
    """A TOML snippet can be read as what it is: settings, waivers, or a table."""
    value = tomllib.loads(block.text)
    settings = value.get("tool", {}).get("pytest", {}).get("ini_options", {})
    for key in settings:
        configured().getini(key)
    path = folder / "snippet.toml"
    path.write_text(block.text)
    if "release" in value:
        assert load_spec(str(path)).title == value["title"]
    if "waiver" in value:
        assert len(read_waivers(path)) == len(value["waiver"])


def check_json(value: Any) -> None:
    """A JSON snippet keeps to the schema of the format that it names."""
    schemas = [json.loads(path.read_text()) for path in ROOT.glob("pytest_amct/*/*.schema.json")]
    (schema,) = (s for s in schemas if s["properties"]["format"].get("const") == value["format"])
    jsonschema.validate(value, schema)


@pytest.mark.parametrize("page", WRITTEN)
def test_command_lines_are_accepted(page: str) -> None:
    for line in command_lines(page):
        parse(re.sub(r"\$\{\{.*?\}\}", "x", line))
    for span in spans(page):
        if script := re.match(r"python (\S+/\S+\.py)", span):
            code = (ROOT / script[1]).read_text()
            assert [x for x in re.findall(r"--[a-z-]+", span) if f'"{x}"' not in code] == []


def parse(line: str) -> None:
    """Parse a command line; an unknown option or command raises an error."""
    program, *arguments = shlex.split(line)
    if program.endswith("pytest-amct"):
        if len(arguments) == 1 and not arguments[0].startswith("-"):
            arguments.append("--help")  # the name of a command alone
        try:
            arguments = getattr(command_parser().parse_args(arguments), "pytest", [])
        except SystemExit as end:
            assert end.code == 0, line
            return
    ours = [word for word in arguments if word != "--amct" and word not in FOREIGN]
    configured(*ours)


def test_an_unknown_option_or_command_is_noticed() -> None:
    assert len(command_lines("README.md")) > 10
    parse("pytest --amct --amct-strict -n 4")
    for wrong in (
        "pytest --amct --amct-stricter",
        "pytest-amct explain m.onnx --layers x",
        "pytest-amct judge cases results.json --amct-stricter",
        "pytest-amct explains",
    ):
        with pytest.raises((AssertionError, pytest.UsageError)):
            parse(wrong)


@pytest.mark.parametrize("page", WRITTEN)
def test_options_and_settings_in_the_text_exist(page: str) -> None:
    for span in spans(page):
        for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", span):
            assert option in OF_SCRIPTS or exists(option), option
        for key in re.findall(r"^(amct_[a-z_]+)(?: = .*)?$", span):
            if not NO_SETTINGS.fullmatch(key):
                configured().getini(key)


@cache
def exists(option: str) -> bool:
    """Whether pytest or a command of ours has an option."""
    if any(option in text for text in command_helps()):
        return True
    try:
        configured(f"{option}=x")
    except pytest.UsageError as error:
        return "unrecognized arguments" not in str(error)
    return True


@cache
def command_helps() -> tuple[str, ...]:
    """What each command says about its options."""
    shown = []
    for name in re.findall(r"^    ([a-z]+) ", command_parser().format_help(), re.M):
        with redirect_stdout(io.StringIO()) as text, suppress(SystemExit):
            command_parser().parse_args([name, "--help"])
        shown.append(text.getvalue())
    return tuple(shown)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_of_the_top_level_lead_somewhere(page: str) -> None:
    """`mkdocs build --strict` checks those of the other pages (tests/test_site.py)."""
    for link in re.findall(r"\]\((?!\w+:)([^)#\s]+)", text_of(page)):
        assert (ROOT / link).exists(), link


def test_the_keys_of_the_report_are_those_of_its_schema() -> None:
    schema = json.loads((ROOT / "pytest_amct" / "reports" / "report.schema.json").read_text())
    table = re.search(r"\| key \| meaning \|\n(.*?)\n\n", text_of("docs/report.md"), re.S)
    assert table is not None
    cells = "".join(line.split("|")[1] for line in table[1].splitlines())
    assert set(re.findall(r"`(\w+)`", cells)) == {*schema["properties"]}
    assert schema["properties"]["format"]["const"] in table[1]


def test_the_kinds_of_findings_are_listed() -> None:
    (table,) = re.findall(r"\| kind of finding \|.*?\n\n", text_of("docs/report.md"), re.S)
    assert set(re.findall(r"^\| `([a-z-]+)`", table, re.M)) == set(get_args(Kind))


RUN = [page for page in SHOWN if any(block.language == "console" for block in blocks(page))]


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN)
def test_a_page_does_what_it_shows(page: str, repository: ToyRepository) -> None:
    bin_ = Path(sys.executable).parent
    repository.environment |= {
        "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}",
        "PYTEST_ADDOPTS": "-p no:randomly",
        "COLUMNS": "80",
    }
    doc_readers.prepare(page, repository)
    run_page(page, repository)


def test_every_block_of_python_is_run() -> None:
    """One with a title is a file, which the commands of its page run."""
    untitled = {p for p in SHOWN for b in blocks(p) if b.language == "python" and not b.title}
    assert untitled == {"docs/api.md"}  # tests/test_api.py, also with the oldest dependencies


@pytest.mark.slow
def test_the_function_of_the_readme_is_judged(repository: ToyRepository) -> None:
    eager = "{node.name: node.op_type == 'Gemm' for node in model.graph.node}"
    lines = "def my_quantizer(model, feeds):", "    assert len(feeds) == 8", f"    return {eager}"
    repository.write("mypackage/__init__.py", "\n".join(lines))
    for block in blocks("README.md"):
        if block.title:
            repository.write(block.title, block.text)
    run = repository.amct("--amct-select=uniform/onnx/Gemm/trans_a", "--amct-max-examples=0")
    assert run.code == 1 and "✗ trans_a" in run.out


@pytest.mark.parametrize(
    ("block", "fine"),
    {
        "console\n$ echo one two\none ...\n": True,
        "console\n$ echo one two\none three\n": False,
        "console\n$ echo one; false\none\n": True,
        "console\n$ echo one; exit 4\none\n": False,
        "console\n$ false\n": False,
        'diff title="test_own.py"\n-def test_own():\n+def test_mine():\n': True,
        'diff title="test_own.py"\n-def test_theirs():\n+def test_mine():\n': False,
    }.items(),
)
def test_a_stale_page_is_noticed(block: str, fine: bool, repository: ToyRepository) -> None:
    page = repository.write("page.md", f"# Page\n\n```{block}```\n")
    if fine:
        run_page(str(page), repository)
    else:
        with pytest.raises(AssertionError, match=r"page\.md:3: "):
            run_page(str(page), repository)
