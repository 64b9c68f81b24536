"""Writes what `prove` measures: a short page, and the long table as data with its own page."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"

HEAD = """\
# What the suite proves about itself

- **Kills** tell which mistakes the gate notices: those that people made, those that rules make from
  the tables, and those that a machine makes in other readings of the document.
- **False findings** tell how often correct quantizers are accused. There must be none.
- **Both ways** tells whether the gate shows each condition satisfied, and violated alone.
- **Explore** tells which mistakes random examples find, and **speed** what a run costs.
- **Not proved**: that the tables read the document right ([reading.md](reading.md) gives the
  reasons), that mistakes of another kind are noticed, that each form is read as its tool means it.

`python tests/tools/prove.py all --write` writes this page and [all wrong quantizers](kills.md)."""

KILLS_HEAD = """\
# All wrong quantizers

Each has one mistake. `gate` is the finding of the gate, or why the mistake cannot be seen. Explore
ran with several seeds: the median and the 95th percentile of the examples that it needed, and the
layers of the smallest network that shows the mistake. The data is in [kills.csv](kills.csv)."""

COLUMNS = ("quantizer", "made by", "release", "condition", "gate", "median", "95 %", "layers")


def write(sections: Mapping[str, str], rows: Sequence[Sequence[str]], docs: Path = DOCS) -> None:
    """Write sections in place of those with the same title, and rows in place of their kind.

    A kind is who made a wrong quantizer, and for which release or framework.
    """
    page = docs / "proof.md"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    known = re.split(r"^(## .*)$", text, flags=re.MULTILINE)
    old = dict(zip(known[1::2], (body.strip() for body in known[2::2]), strict=True))
    parts = [f"{name}\n\n{body}" for name, body in {**old, **sections}.items()]
    page.write_text("\n\n".join([HEAD, *parts]) + "\n", encoding="utf-8")
    if rows:
        _write_rows(rows, docs)


def _write_rows(rows: Sequence[Sequence[str]], docs: Path) -> None:
    data = docs / "kills.csv"
    found: list[Sequence[str]] = []
    if data.is_file():
        with data.open(encoding="utf-8", newline="") as stream:
            found = [*csv.reader(stream)][1:]
    kinds = {_kind(row) for row in rows}
    every = [*(row for row in found if _kind(row) not in kinds), *rows]
    with data.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([COLUMNS, *every])
    table = "\n".join(f"| {' | '.join(row)} |" for row in [COLUMNS, _line(), *map(_cells, every)])
    (docs / "kills.md").write_text(f"{KILLS_HEAD}\n\n{table}\n", encoding="utf-8")


def _kind(row: Sequence[str]) -> tuple[str, str, str]:
    return row[1], row[2], row[3].split("/")[1]


def _line() -> Sequence[str]:
    return ["---"] * len(COLUMNS)


def _cells(row: Sequence[str]) -> Iterable[str]:
    return (*row[:3], f"`{row[3]}`", row[4] or "**survives**", *row[5:])
