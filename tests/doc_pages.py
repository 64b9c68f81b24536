"""The documentation as tests see it: its blocks of code, its command lines, and what they do.

- ``console``: lines ``$ command``, then the output; ``...`` in it stands for anything.
- any other block with ``title="file"`` is that file. A ``diff`` changes the file of its title.
"""

from __future__ import annotations

import doctest
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from toy_repository import ToyRepository

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "CONTRIBUTING.md") + tuple(
    sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
)
LANGUAGES = ("console", "diff", "json", "python", "toml", "yaml")

NOT_RUN = {
    "pytest-amct export cases --framework onnx --setting channel_wise --setting skip_layers": (
        "each of its 1500 models takes a process; a folder of few models stands for it"
    ),
}
"""Commands that are only parsed, with the reason. Those that install are not run, either."""

_FENCE = re.compile(
    r'^```(?P<language>\S*)(?: title="(?P<title>[^"\n]+)")?\n(?P<text>.*?)^```$', re.M | re.S
)
_SPAN = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
_INSTALLS = re.compile(r"\b(pip install|-m venv|apt-get|git clone|playwright install)\b")
_OURS = re.compile(r"(?:\.venv/bin/)?(pytest(?= .*--amct)|pytest-amct) .*")


@dataclass(frozen=True)
class Block:
    """A fenced block of code."""

    place: str
    language: str
    title: str
    text: str

    def commands(self) -> Iterator[tuple[str, str]]:
        """Yield each command of a console block with the output below it."""
        for part in re.split(r"^\$ ", self.text, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def text_of(page: str) -> str:
    """Return the text of a page, by its path in the repository."""
    return (ROOT / page).read_text("utf-8")


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of a page."""
    text = text_of(page)
    return [
        Block(
            f"{page}:{text.count(chr(10), 0, found.start()) + 1}",
            found["language"],
            found["title"] or "",
            found["text"],
        )
        for found in _FENCE.finditer(text)
    ]


def spans(page: str) -> list[str]:
    """Return what is set as code in the running text of a page, each on one line."""
    prose = _FENCE.sub("", text_of(page))
    return [re.sub(r"\s+", " ", span.replace("\\|", "|")) for span in _SPAN.findall(prose)]


def command_lines(page: str) -> list[str]:
    """Return every command line of ``pytest --amct`` and ``pytest-amct`` that a page shows."""
    found = spans(page) + re.findall(r"^    (\S.*)", _FENCE.sub("", text_of(page)), re.M)
    for block in blocks(page):
        if block.language == "console":
            found += [command for command, _ in block.commands()]
        elif block.language == "yaml":
            found += _texts(yaml.safe_load(block.text))
    lines = (line.strip() for text in found for line in re.split(r"\n|&&", text))
    return [line for line in lines if _OURS.fullmatch(line)]


def _texts(value: object) -> list[str]:
    """Every text in a YAML document."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return [text for one in inner for text in _texts(one)]
    return [value] if isinstance(value, str) else []


def run_page(page: str, reader: ToyRepository) -> None:
    """Do what a page tells its reader, and fail where something else comes out."""
    for block in blocks(page):
        if block.language == "console":
            for command, output in block.commands():
                _run(block.place, command, output, reader)
        elif block.language == "diff":
            _change(block, reader.path / block.title)
        elif block.title:
            reader.write(block.title, block.text)


def _run(place: str, command: str, expected: str, reader: ToyRepository) -> None:
    if _INSTALLS.search(command) or command in NOT_RUN:
        return
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=reader.path,
        env=reader.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
        check=False,
    )
    # With findings, a command ends with 1. A page shows them, or the command has none.
    allowed = (0, 1) if expected else (0,)
    assert done.returncode in allowed, f"{place}: {command}: {done.returncode}\n{done.stdout}"
    if "onnxruntime" in command:  # what it counts differs between its versions
        expected, printed = (re.sub(r"\d+", "N", text) for text in (expected, done.stdout))
    else:
        printed = done.stdout
    if expected and not _matches(expected, printed):
        lines = expected.splitlines(keepends=True)
        fine = (
            n for n in range(len(lines)) if not _matches("".join(lines[: n + 1]) + "...", printed)
        )
        wrong = lines[next(fine, len(lines) - 1)]
        raise AssertionError(f"{place}: {command} does not print {wrong!r}:\n{done.stdout}")


def _matches(expected: str, output: str) -> bool:
    how = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(expected, output, how)


def _change(block: Block, path: Path) -> None:
    """Change a file as a diff says, whose old lines must be in it once."""
    old, new = (
        "".join(line[1:] for line in block.text.splitlines(True) if line[0] != left_out)
        for left_out in "+-"
    )
    assert path.read_text().count(old) == 1, f"{block.place}: {block.title} has not once {old!r}"
    path.write_text(path.read_text().replace(old, new))
