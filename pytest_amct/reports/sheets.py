"""What a command says about a model, before a format is chosen: sentences and tables."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_amct.wording import printable

_WIDEST = 60
"""The most characters to which plain text aligns a column."""

_GAP = "  "


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its title, the heads of its columns, its rows. The last column may be long."""

    title: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    #: columns of numbers, which are aligned to the right
    numbers: frozenset[int] = frozenset()
    #: a line below the table
    footer: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is said about one model, in the order of reading."""

    title: str
    sentences: tuple[str, ...]
    tables: tuple[Table, ...] = ()
    #: lines that are shown as they are, such as the path from a weight to its source
    lines: tuple[str, ...] = ()


def as_text(sheet: Sheet) -> str:
    """Return a sheet as plain text: aligned columns, each row on one line."""
    parts = ["\n".join([*map(printable, (sheet.title, *sheet.sentences))])]
    parts += ["\n".join(sheet.lines)] if sheet.lines else []
    parts += ["\n".join(_text(table)) for table in sheet.tables if table.rows]
    return "\n\n".join(parts) + "\n"


def as_markdown(sheet: Sheet) -> str:
    """Return a sheet as Markdown."""
    parts = [f"## {escaped(sheet.title)}", *map(escaped, sheet.sentences)]
    parts += ["\n".join(f"    {line}" for line in sheet.lines)] if sheet.lines else []
    parts += ["\n".join(_markdown(table)) for table in sheet.tables if table.rows]
    return "\n\n".join(parts) + "\n"


def for_terminal(sheet: Sheet, width: int, most_rows: int) -> str:
    """Return a sheet for a terminal, with colours; cut tables after `most_rows` and say so.

    Uses rich, if it is installed; otherwise return plain text.
    """
    try:
        from rich.console import Console, Group
        from rich.table import Table as RichTable
        from rich.text import Text
    except ImportError:
        return as_text(_cut(sheet, most_rows))
    sheet = _cut(sheet, most_rows)
    parts: list[Any] = [Text(printable(sheet.title), style="bold")]
    parts += [Text(printable(sentence)) for sentence in sheet.sentences]
    parts += ["", *map(Text, sheet.lines)] if sheet.lines else []
    for table in sheet.tables:
        if not table.rows:
            continue
        made = RichTable(
            title=table.title,
            title_justify="left",
            title_style="bold",
            box=None,
            caption=table.footer or None,
            caption_justify="left",
        )
        for at, head in enumerate(table.heads):
            right = at in table.numbers
            made.add_column(head, justify="right" if right else "left", overflow="fold")
        for row in table.rows:
            made.add_row(*(Text(printable(cell), style=_STYLES.get(cell, "")) for cell in row))
        parts += ["", made]
    console = Console(file=io.StringIO(), width=width, force_terminal=True)
    with console.capture() as captured:
        console.print(Group(*parts))
    return captured.get()


_STYLES = {
    "quantizable": "green",
    "quantized": "green",
    "forbidden": "red",
    "violation": "bold red",
    "warning": "yellow",
    "unspecified": "yellow",
}
"""The styles of the words that are verdicts."""


def _cut(sheet: Sheet, most: int) -> Sheet:
    tables = []
    for table in sheet.tables:
        left = len(table.rows) - most
        if left > 0:
            footer = f"... and {left} more: write to a file (-o FILE) or a pipe to see all"
            table = replace(table, rows=table.rows[:most], footer=footer)
        tables.append(table)
    return replace(sheet, tables=tuple(tables))


def _text(table: Table) -> Iterator[str]:
    rows = [table.heads, *(tuple(map(printable, row)) for row in table.rows)]
    last = len(table.heads) - 1
    aligned = range(last + (last in table.numbers))  # the text of the last column may be long
    widths = [max(min(len(row[at]), _WIDEST) for row in rows) for at in aligned]
    yield table.title
    for row in rows:
        yield f"{_GAP}{_aligned(row, widths, table.numbers)}".rstrip()
    if table.footer:
        yield f"{_GAP}{table.footer}"


def _aligned(row: Sequence[str], widths: Sequence[int], numbers: Iterable[int]) -> str:
    cells = [
        cell.rjust(width) if at in numbers else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(row, widths, strict=False))
    ]
    return _GAP.join([*cells, *row[len(cells) :]])


def _markdown(table: Table) -> Iterator[str]:
    yield f"**{escaped(table.title)}**\n"
    yield f"| {' | '.join(table.heads)} |"
    rules = ("---:" if at in table.numbers else "---" for at in range(len(table.heads)))
    yield f"| {' | '.join(rules)} |"
    for row in table.rows:
        yield f"| {' | '.join(map(escaped, row))} |"


_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#|"})


def escaped(text: str) -> str:
    """Return a text as one line of Markdown that shows it as it is."""
    return printable(text).translate(_SPECIAL)


def coded(text: str) -> str:
    """Return a text as a code span of Markdown, on one line. In a table, `|` needs a backslash."""
    text = printable(text)
    longest = max(map(len, re.findall("`+", text)), default=0)  # only as long a fence ends it
    fence = "`" * (longest + 1)
    space = " " if longest or not text.strip() else ""
    return f"{fence}{space}{text}{space}{fence}"
