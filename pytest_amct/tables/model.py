"""The values that a table file is made of, and the answers that come out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

from pytest_amct.errors import UsageError
from pytest_amct.graphs.network import Basis
from pytest_amct.ids import RowId
from pytest_amct.wording import instead, written

Verdict = Literal["quantizable", "forbidden", "unspecified"]
State = Literal["holds", "broken", "unknown", "vacuous"]
Scheme = Literal["uniform", "tensor", "nonuniform", "weight_only"]
_SCHEMES: tuple[str, ...] = get_args(Scheme)
_SHOWN = ("data", "weights", "weight_channel_wise", "weight_asymmetric", "shift")


@dataclass(frozen=True, slots=True)
class Treatment:
    """What was done to one layer. ``None`` is not known, and the unknown is never judged."""

    scheme: Scheme = "uniform"
    #: whether data was quantized
    data: bool | None = None
    #: whether a weight was quantized (on a data-only row: whether something was treated as one)
    weights: bool | None = None
    #: several weight factors, one for each output channel
    weight_channel_wise: bool | None = None
    #: a weight offset other than the middle of the range
    weight_asymmetric: bool | None = None
    #: the layer's result is shifted by N bits
    shift: bool | None = None

    def __post_init__(self) -> None:
        """The schemes of tables 2 and 3 are about weights: by their names those were quantized.

        Raises `UsageError` for a scheme or a value that there is not.
        """
        if type(self.scheme) is not str or self.scheme not in _SCHEMES:
            raise UsageError(
                f"Treatment: {written(self.scheme)} is no scheme{instead(self.scheme, _SCHEMES)}"
            )
        for name in _SHOWN:
            value = getattr(self, name)
            if value is not None and type(value) is not bool:
                raise UsageError(
                    f"Treatment: {name} is {written(value)}: it must be True, False or None"
                )
        if self.weights is None and self.scheme in ("nonuniform", "weight_only"):
            object.__setattr__(self, "weights", True)


@dataclass(frozen=True, slots=True)
class Reason:
    """One condition of an answer: `state`, what was `observed`, and what is `required` instead.

    The two read as one sentence: ``transA = 1``, ``must be 0``.
    """

    condition: str
    state: State
    observed: str
    required: str
    basis: Basis
    row: str


@dataclass(slots=True, eq=False, repr=False)
class Answer:
    """Whether a layer may be treated so: the verdict, its basis, and every condition looked at.

    `row` is the id of the table row, or ``None`` where no row lists the type.
    """

    verdict: Verdict
    basis: Basis
    row: str | None
    #: the reasons, or what works them out: most answers are never asked for theirs
    explained: tuple[Reason, ...] | Callable[[], tuple[Reason, ...]]

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Every condition that was looked at, with the value that was seen."""
        if not isinstance(self.explained, tuple):
            self.explained = self.explained()
        return self.explained

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Answer):
            return NotImplemented
        mine, theirs = (self.verdict, self.basis, self.row), (other.verdict, other.basis, other.row)
        return mine == theirs and self.reasons == other.reasons

    def __hash__(self) -> int:
        return hash((self.verdict, self.basis, self.row, self.reasons))

    def __repr__(self) -> str:
        return f"Answer({self.verdict!r}, {self.basis!r}, {self.row!r}, {self.reasons!r})"

    @property
    def broken(self) -> tuple[Reason, ...]:
        """The conditions that do not hold, `stated` ones first."""
        found = [r for r in self.reasons if r.state == "broken"]
        return tuple(sorted(found, key=lambda r: r.basis != "stated"))

    @property
    def unknown(self) -> tuple[Reason, ...]:
        """What the document (or the model) leaves open about this layer."""
        return tuple(r for r in self.reasons if r.state == "unknown")


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a row; `open` ones make an answer `unspecified` instead of `forbidden`."""

    id: str
    require: Mapping[str, Any]
    when: Mapping[str, Any] | None = None
    basis: Basis = "stated"
    implied_by: str | None = None
    unobservable: str | None = None
    open: bool = False

    @property
    def on_treatment(self) -> bool:
        """Whether it is about what was done, not about the layer."""
        return "treatment" in self.require


def condition_id(row: Row, condition: Condition) -> str:
    """The public id of a condition; one with a slash stands in another table of its own."""
    return condition.id if "/" in condition.id else f"{row.id}/{condition.id}"


@dataclass(frozen=True, slots=True)
class Ports:
    """Input ports of a row's layers: data, weight, bias."""

    data: tuple[int, ...]
    weight: int | None = None
    bias: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: the layer types it lists and its conditions."""

    id: str
    types: tuple[str, ...]
    spellings: tuple[str, ...]
    ir: tuple[str, ...]
    ports: Ports
    conditions: tuple[Condition, ...]
    #: which of the `ir` types a layer is of, by the rank of its weight, where the row has several
    ir_of_rank: Mapping[int, str] = field(default_factory=dict)

    @property
    def table(self) -> str:
        """The table that it is in: ``uniform``, ``nonuniform`` or ``weight_only``."""
        return RowId.parse(self.id).table

    @property
    def framework(self) -> str:
        """``onnx``, ``tensorflow`` or ``caffe``."""
        return RowId.parse(self.id).framework

    @property
    def name(self) -> str:
        """The row as the document prints it, without table and framework."""
        return RowId.parse(self.id).name


@dataclass(frozen=True)
class Spec:
    """The tables of one release."""

    release: str
    title: str
    float16_closed: frozenset[str]
    float16_basis: Basis
    rows: tuple[Row, ...]
    #: the tables that are closed lists, by scheme, and on which basis a missing type is forbidden
    lists: Mapping[str, Basis] = field(default_factory=lambda: {"uniform": "stated"})
    source: str = field(default="", compare=False)
    #: what `tables` has worked out for each row
    memo: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    @cached_property
    def by_type(self) -> Mapping[tuple[str, str, str], Row]:
        """Rows by scheme, framework and layer type (spellings included)."""
        return {
            (row.table, row.framework, name): row
            for row in self.rows
            for name in (*row.types, *row.spellings)
        }

    def row(self, id: str) -> Row:
        """The row of that id. Raises `KeyError` if the release has none."""
        for row in self.rows:
            if row.id == id:
                return row
        raise KeyError(id)
