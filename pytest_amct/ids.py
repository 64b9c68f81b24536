"""Ids of rows, conditions and cases as values. No other module takes one apart.

Ids are paths. They are public, and their meaning never changes:

- A row: ``uniform/onnx/Conv`` is table, framework, row.
- A condition: ``uniform/onnx/Conv/dilation_d``. A finding about the row as a whole has the row's
  id. Other forms are ``uniform/onnx/unlisted/<type>`` for a type without a row,
  ``float16/onnx/MaxPool`` for the Float16 rule, ``settings/onnx/Gemm/channel_wise`` for a setting,
  ``networks/onnx`` for tests of whole networks, and ``metamorphic/onnx/<change>``.
- A case: ``uniform/onnx/Conv/dilation_d@d2-h1-w1:chain+opset17`` is a condition, a deviation, a
  context, a position in a network (``:in(...)``) and variations. A deviation that is drawn and not
  listed spells its changes: ``default~layer=0.2~source=Mul.w.x`` (see `cases.drawing`).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

UNLISTED = "unlisted"
"""The row part of an id about a type that no row lists."""

NETWORKS = "networks"
"""The table part of ids about whole networks."""

METAMORPHIC = "metamorphic"
"""The table part of ids about semantics-preserving changes."""

CHAIN = "chain"
"""The context of a case whose neighbours are quantizable."""

_LONGEST_NAME = 120
"""Characters of an id that a file name keeps."""

_NUMBER = re.compile(r"[0-9]{1,4}")

_OF_UNIFORM = ("float16", "settings")
"""Tables whose conditions restrict the rows of table 1."""


@dataclass(frozen=True, slots=True, order=True)
class RowId:
    """A row of a table: ``uniform/onnx/Conv``."""

    table: str
    framework: str
    name: str

    def __str__(self) -> str:
        return "/".join(filter(None, (self.table, self.framework, self.name)))

    @staticmethod
    @lru_cache(maxsize=1024)
    def parse(text: str) -> RowId:
        """Parse the id of a row. Raise `ValueError` if the text is not one."""
        parts = text.split("/")
        if len(parts) != 3 or not all(parts):
            raise ValueError(f"{text!r} is not a row id: write table/framework/row")
        return RowId(*parts)


@dataclass(frozen=True, slots=True, order=True)
class ConditionId:
    """A condition, or anything else that is tested like one. The module lists the forms."""

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
        """Parse the id of a condition. Parts missing at the end are empty. Never raise."""
        table, framework, row, name = [*text.split("/", 3), "", "", ""][:4]
        return ConditionId(table, framework, row, name)

    @property
    def is_unlisted(self) -> bool:
        """Whether the id is about a type that no row lists."""
        return self.row == UNLISTED

    @property
    def is_row(self) -> bool:
        """Whether the id names a row of the document's tables and not a single condition."""
        return not self.name and bool(self.row) and self.table not in (*_OF_UNIFORM, METAMORPHIC)

    @property
    def is_network(self) -> bool:
        """Whether the id is about whole networks."""
        return self.table == NETWORKS

    @property
    def is_metamorphic(self) -> bool:
        """Whether the id is about a semantics-preserving change; `row` then names the change."""
        return self.table == METAMORPHIC

    @property
    def restricts(self) -> RowId:
        """The row under which reports list it; the Float16 rule and settings restrict table 1."""
        table = "uniform" if self.table in _OF_UNIFORM else self.table
        return RowId(table, self.framework, self.row)

    @property
    def short(self) -> str:
        """The short name that reports use in the row's line."""
        return self.table if self.table == "float16" else self.name or self.row or self.framework


@dataclass(frozen=True, slots=True)
class CaseId:
    """The id of a case: condition, deviation, context, position in a network, variations."""

    condition: str
    deviation: str
    #: ``chain``, or ``""`` if the neighbours are layers that no quantizer touches
    context: str = ""
    #: the network that holds the layer, as ids spell it between ``in(`` and ``)``
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
        """Parse the id of a case. Raise `ValueError` if the text is not one."""
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

    @property
    def partner(self) -> CaseId:
        """The same layer in the other context."""
        context = "" if self.context else CHAIN
        return CaseId(self.condition, self.deviation, context, self.position, self.variations)

    @property
    def items(self) -> tuple[Item, ...]:
        """The layers of the network at this position. Raises `ValueError` if it has none."""
        return tuple(Item.parse(spelled) for spelled in self.position.split(","))


@dataclass(frozen=True, slots=True)
class Item:
    """A layer of a network: ``uniform/onnx/Add@default<1``, or ``_<1`` for the target.

    ``<1`` means that the item reads the result of the previous item; ``<1<2`` means that its second
    operand is the result of the item before that. Without ``<``, it reads a separate input.
    """

    #: the condition or row, ``""`` for the target
    group: str
    deviation: str
    #: how many items back its data comes from; 0, or a number past the first item = a new input
    back: int = 0
    #: the same for the second operand of a layer that has two
    second: int = 0

    def __str__(self) -> str:
        return f"{self.group}@{self.deviation}{self.wires}" if self.group else f"_{self.wires}"

    @property
    def wires(self) -> str:
        """Where the data comes from, as written in ids."""
        if self.second:
            return f"<{self.back}<{self.second}"
        return f"<{self.back}" if self.back else ""

    @staticmethod
    def parse(text: str) -> Item:
        """Parse a layer of a network. Raise `ValueError` if the text is not one."""
        name, *wires = text.split("<")
        group, at, deviation = name.partition("@")
        spelled = name == "_" or (group not in ("", "_") and deviation and "@" not in deviation)
        if not spelled or len(wires) > 2 or not all(_NUMBER.fullmatch(n) for n in wires):
            raise ValueError(f"{text!r} is not a layer of a network")
        back, second = [*map(int, wires), 0, 0][:2]
        return Item(group if at else "", deviation, back, second)


def is_placed(text: str) -> bool:
    """Return whether an id (or a pattern of ids) names a position in a network."""
    return ":in(" in text


def condition_of(text: str) -> str:
    """Return the condition of a case's id; the id itself if it is that of a condition."""
    return text.partition("@")[0]


def framework_of(text: str) -> str:
    """Return the framework that the id of a condition or case names, ``""`` if there is none."""
    return ConditionId.parse(condition_of(text)).framework


def is_case(text: str) -> bool:
    """Return whether an id (or a pattern of ids) means cases."""
    return "@" in text


def is_of_cases(pattern: str) -> bool:
    """Return whether a pattern of ids means cases: only their ids have an ``@`` or a ``+``."""
    return is_case(pattern) or "+" in pattern


def is_varied(text: str) -> bool:
    """Return whether the id of a case names variations."""
    return is_case(text) and bool(CaseId.parse(text).variations)


def is_within(text: str, row: str) -> bool:
    """Return whether the id of a condition or row is that row's, or one of its conditions'."""
    return text == row or text.startswith(f"{row}/")


def matches(text: str, pattern: str) -> bool:
    """Return whether an id matches a pattern: ``*`` stands for anything."""
    return fnmatchcase(text, pattern)


def file_name(id_: str) -> str:
    """Return an id as a file name. Long names are cut and get a digest."""
    name = re.sub(r"[^\w.@+-]+", "-", id_)
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}-{hashlib.sha256(id_.encode()).hexdigest()[:12]}"
