"""Ids of rows, conditions and cases as values. No other module takes an id apart.

Ids are paths and public, and they never change meaning:

- a row, ``uniform/onnx/Conv``: table, framework, row;
- a condition, ``uniform/onnx/Conv/dilation_d``. What concerns a row as a whole has the row's id. A
  type that no row lists has ``uniform/onnx/unlisted/<type>``, the Float16 rule
  ``float16/onnx/MaxPool``, a setting ``settings/onnx/Gemm/channel_wise``; tests of whole networks
  have ``networks/onnx``, metamorphic ones ``metamorphic/onnx/<change>``;
- a case, ``uniform/onnx/Conv/dilation_d@d2-h1-w1:chain+opset17``: a condition, a deviation, a
  context, a position in a network (``:in(...)``), variations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache

UNLISTED = "unlisted"
"""Stands in place of the row for types that no row lists."""

NETWORKS = "networks"
"""The table of ids that concern whole networks."""

METAMORPHIC = "metamorphic"
"""The table of ids of semantics-preserving changes."""

CHAIN = "chain"
"""The context of a case whose neighbours are quantizable."""

_OF_UNIFORM = ("float16", "settings")
"""Tables whose conditions restrict the rows of table 1."""


@dataclass(frozen=True, slots=True, order=True)
class RowId:
    """A row of a table: ``uniform/onnx/Conv``."""

    table: str
    framework: str
    name: str

    def __str__(self) -> str:
        return f"{self.table}/{self.framework}/{self.name}"

    @staticmethod
    @lru_cache(maxsize=1024)
    def parse(text: str) -> RowId:
        """Return the row of an id. Raises `ValueError` if it is not one."""
        parts = text.split("/")
        if len(parts) != 3 or not all(parts):
            raise ValueError(f"{text!r} is not a row id: write table/framework/row")
        return RowId(*parts)


@dataclass(frozen=True, slots=True, order=True)
class ConditionId:
    """A condition, or what is tested like one; see the module for its forms."""

    table: str
    framework: str
    #: the row's name, `UNLISTED`, or ``""`` for whole networks
    row: str = ""
    #: the condition's name, the type without a row, or ``""`` for the row as a whole
    name: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.table, self.framework, self.row, self.name)))

    @staticmethod
    @lru_cache(maxsize=4096)
    def parse(text: str) -> ConditionId:
        """Return the condition of an id; what is missing at its end is empty. Never raises."""
        table, framework, row, name = [*text.split("/", 3), "", "", ""][:4]
        return ConditionId(table, framework, row, name)

    @property
    def is_unlisted(self) -> bool:
        """Whether it is about a type that no row lists."""
        return self.row == UNLISTED

    @property
    def is_row(self) -> bool:
        """Whether it is the id of a row of a table: no condition, no other table."""
        return not self.name and bool(self.row) and self.table not in (*_OF_UNIFORM, METAMORPHIC)

    @property
    def is_network(self) -> bool:
        """Whether it is about whole networks."""
        return self.table == NETWORKS

    @property
    def is_metamorphic(self) -> bool:
        """Whether it is about a semantics-preserving change; `row` is then the change."""
        return self.table == METAMORPHIC

    @property
    def restricts(self) -> RowId:
        """The row in whose line reports tell of it: the Float16 rule restricts rows of table 1."""
        table = "uniform" if self.table in _OF_UNIFORM else self.table
        return RowId(table, self.framework, self.row)

    @property
    def short(self) -> str:
        """How reports call it in its row's line."""
        return self.table if self.table == "float16" else self.name or self.row or self.framework


@dataclass(frozen=True, slots=True)
class CaseId:
    """A case: a condition, a deviation, a context, a position in a network, variations."""

    condition: str
    deviation: str
    #: ``chain``, or ``""`` for neighbours that no quantizer touches
    context: str = ""
    #: the network that it stands in, as ids spell it between ``in(`` and ``)``
    position: str = ""
    variations: tuple[str, ...] = ()

    def __str__(self) -> str:
        context = f":{self.context}" if self.context else ""
        position = f":in({self.position})" if self.position else ""
        varied = "".join(f"+{name}" for name in self.variations)
        return f"{self.condition}@{self.deviation}{context}{position}{varied}"

    @staticmethod
    @lru_cache(maxsize=1024)
    def parse(text: str) -> CaseId:
        """Return the case of an id. Raises `ValueError` if it is not one."""
        head, placed, rest = text.partition(":in(")
        position, tail = "", ""
        if placed:
            position, closed, tail = rest.rpartition(")")
            if not closed or not position or (tail and not tail.startswith("+")):
                raise ValueError(f"{text!r} is not a case id: ':in(' needs layers and a ')'")
        condition, at, spelled = head.partition("@")
        if not at or not condition or not spelled:
            raise ValueError(f"{text!r} is not a case id: write condition@deviation")
        spelled, *variations = f"{spelled}{tail}".split("+")
        deviation, _, context = spelled.partition(":")
        if context not in ("", CHAIN):
            raise ValueError(f"{text!r} is not a case id: {context!r} is not a context")
        return CaseId(condition, deviation, context, position, tuple(variations))

    @property
    def plain(self) -> CaseId:
        """The same deviation without context and variations, in the same position."""
        return CaseId(self.condition, self.deviation, "", self.position)

    def with_variations(self, *names: str) -> CaseId:
        """Return the case under these variations instead of its own."""
        return replace(self, variations=names)


def condition_of(text: str) -> str:
    """Return the condition of a case's id; the id itself if it is that of a condition."""
    return text.partition("@")[0]


def framework_of(text: str) -> str:
    """Return the framework that an id names, of a condition or a case; ``""`` if none."""
    return ConditionId.parse(condition_of(text)).framework


def is_case(text: str) -> bool:
    """Return whether an id (or a pattern of ids) is that of a case."""
    return "@" in text


def is_within(text: str, row: str) -> bool:
    """Return whether the id of a condition or row is that row's, or one of its conditions'."""
    return text == row or text.startswith(f"{row}/")


def matches(text: str, pattern: str) -> bool:
    """Return whether an id matches a pattern: ``*`` stands for anything."""
    return fnmatchcase(text, pattern)
