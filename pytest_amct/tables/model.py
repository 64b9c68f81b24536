"""The contents of a table file as values, and the answers that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol, get_args

from pytest_amct.errors import UsageError
from pytest_amct.graphs.network import Basis
from pytest_amct.ids import RowId
from pytest_amct.wording import instead, written

Verdict = Literal["quantizable", "forbidden", "unspecified"]
State = Literal["holds", "broken", "unknown", "vacuous"]
Scheme = Literal["uniform", "tensor", "nonuniform", "weight_only"]
_SCHEMES: tuple[str, ...] = get_args(Scheme)
_NOTHING = (None, None, None, None)
_SHOWN = ("data", "weights", "weight_channel_wise", "weight_asymmetric", "shift")


@dataclass(frozen=True, slots=True)
class DataFormat:
    """How the data at one input port was quantized. ``None`` means unknown."""

    port: int
    bits: int | None = None
    #: whether it has an offset other than the middle of the integer range
    asymmetric: bool | None = None


@dataclass(frozen=True, slots=True)
class Treatment:
    """What was done to one layer. ``None`` means unknown; the unknown is never judged."""

    scheme: Scheme = "uniform"
    #: whether data was quantized
    data: bool | None = None
    #: whether a weight was quantized (on a data-only row: whether an input was treated as one)
    weights: bool | None = None
    #: whether the weight has several factors, one for each output channel
    weight_channel_wise: bool | None = None
    #: whether the weight has an offset other than the middle of the range
    weight_asymmetric: bool | None = None
    #: whether the layer's result is shifted by N bits
    shift: bool | None = None
    #: the ports of the data inputs that were quantized
    inputs: tuple[int, ...] | None = None
    #: how they were quantized, as far as it is known
    formats: tuple[DataFormat, ...] = ()

    def __post_init__(self) -> None:
        """Check the values, and set `weights` for the schemes that imply quantized weights.

        Raise `UsageError` for an unknown scheme or a value of another type.
        """
        if type(self.scheme) is not str or self.scheme not in _SCHEMES:
            raise UsageError(
                f"Treatment: {written(self.scheme)} is not a scheme{instead(self.scheme, _SCHEMES)}"
            )
        for name in _SHOWN:
            value = getattr(self, name)
            if value is not None and type(value) is not bool:
                raise UsageError(
                    f"Treatment: {name} is {written(value)}: it must be True, False or None"
                )
        ports = self.inputs
        if ports is not None and not (
            isinstance(ports, tuple) and all(type(port) is int for port in ports)
        ):
            raise UsageError(
                f"Treatment: inputs is {written(ports)}: it must be a tuple of ports or None"
            )
        formats = self.formats
        if not isinstance(formats, tuple) or not all(isinstance(f, DataFormat) for f in formats):
            raise UsageError(
                f"Treatment: formats is {written(formats)}: it must be a tuple of DataFormat"
            )
        if self.weights is None and self.scheme in ("nonuniform", "weight_only"):
            object.__setattr__(self, "weights", True)

    @property
    def shows_something(self) -> bool:
        """Whether anything is known. Conditions on what is not known are vacuous."""
        shown = (self.data, self.weights, self.weight_channel_wise, self.weight_asymmetric)
        known = self.shift is not None or self.inputs is not None or bool(self.formats)
        return known or shown != _NOTHING


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


class Why(Protocol):
    """What an answer rests on, worked out when somebody asks."""

    def reasons(self) -> tuple[Reason, ...]:
        """Return the reasons, in words."""

    def states(self) -> Mapping[str, State]:
        """Return the state of each condition, without words."""


@dataclass(slots=True, eq=False, repr=False)
class Answer:
    """Whether a treatment is allowed for a layer: the verdict, its basis and its reasons.

    `row` is the id of the table row, or ``None`` if no row lists the type.
    """

    verdict: Verdict
    basis: Basis
    row: str | None
    #: the reasons, or what builds them: most answers are never asked for reasons
    explained: tuple[Reason, ...] | Why

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Every condition that was checked, with the observed value."""
        if not isinstance(self.explained, tuple):
            self.explained = self.explained.reasons()
        return self.explained

    @property
    def states(self) -> Mapping[str, State]:
        """The state of every condition that was checked, by its id."""
        if isinstance(self.explained, tuple):
            return {reason.condition: reason.state for reason in self.explained}
        return self.explained.states()

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
        """The conditions that the document or the model leaves undecided for this layer."""
        return tuple(r for r in self.reasons if r.state == "unknown")


ON_TREATMENT = frozenset(("treatment", "most_inputs", "int8_symmetric"))
"""The kinds of requirements that are about the treatment and not about the layer."""

SeenAs = Literal["whole", "english", "no"]
"""How a row was seen: in the original, in English only, or not at all."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a row. Violating an `open` one is `unspecified`, not `forbidden`."""

    id: str
    require: Mapping[str, Any]
    when: Mapping[str, Any] | None = None
    basis: Basis = "stated"
    implied_by: str | None = None
    unobservable: str | None = None
    open: bool = False
    #: whether it was seen in English only; its basis is then `inferred`
    english: bool = False

    @property
    def on_treatment(self) -> bool:
        """Whether the condition is about the treatment and not about the layer."""
        return not ON_TREATMENT.isdisjoint(self.require)


def condition_id(row: Row, condition: Condition) -> str:
    """Return the public id of a condition; an id with a slash belongs to another table as is."""
    return condition.id if "/" in condition.id else f"{row.id}/{condition.id}"


@dataclass(frozen=True)
class Ports:
    """The input ports of a row's layers: data, weight, bias."""

    data: tuple[int, ...]
    weight: int | None = None
    bias: int | None = None

    @cached_property
    def every(self) -> tuple[int, ...]:
        """All of these ports."""
        return tuple(p for p in (*self.data, self.weight, self.bias) if p is not None)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: the layer types it lists and its conditions."""

    id: str
    types: tuple[str, ...]
    spellings: tuple[str, ...]
    ir: tuple[str, ...]
    ports: Ports
    conditions: tuple[Condition, ...]
    #: the `ir` type by the rank of the weight, for a row with several types
    ir_of_rank: Mapping[int, str] = field(default_factory=dict)
    #: what the row says of layers of another form; the first whose guard holds counts
    forms: tuple[Form, ...] = ()
    #: how much of the row was seen in this release
    seen: SeenAs = "whole"
    #: the address of the page that it was read from
    page: str = ""
    #: whether the Float16 rule closes its types, ``None``: as `Spec.float16_closed` says
    float16: bool | None = None

    @property
    def asked(self) -> tuple[Condition, ...]:
        """What the row asks of layers of any form: its conditions by id, without `open` ones."""
        every = (c for row in (self, *(form.row for form in self.forms)) for c in row.conditions)
        return tuple({c.id: c for c in every if not c.open}.values())

    @property
    def table(self) -> str:
        """The table of the row: ``uniform``, ``nonuniform`` or ``weight_only``."""
        return RowId.parse(self.id).table

    @property
    def framework(self) -> str:
        """``onnx``, ``tensorflow`` or ``caffe``."""
        return RowId.parse(self.id).framework

    @property
    def name(self) -> str:
        """The name of the row as the document prints it, without table and framework."""
        return RowId.parse(self.id).name


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a row's layers, such as a product of two variable inputs."""

    when: Mapping[str, Any]
    #: the conditions and ports of such layers; its id and types are those of the row
    row: Row


@dataclass(frozen=True)
class Spec:
    """The tables of one release."""

    release: str
    title: str
    float16_closed: frozenset[str]
    #: ``open``: the release has no such rule, so the document does not decide
    float16_basis: Basis | Literal["open"]
    rows: tuple[Row, ...]
    #: the tables that are closed lists, with the basis on which a missing type is forbidden
    lists: Mapping[str, Basis] = field(default_factory=lambda: {"uniform": "stated"})
    #: the frameworks that the page speaks of
    frameworks: tuple[str, ...] = ("onnx", "tensorflow", "caffe")
    #: how the last row of each framework in table 1 was seen: a missing type is forbidden only if
    #: the list was seen to its end
    ends: Mapping[str, SeenAs] = field(default_factory=dict)
    #: what the page says besides, in our words
    notes: tuple[str, ...] = ()
    source: str = field(default="", compare=False)
    #: what was computed of the spec, see `pytest_amct.once`
    memo: dict[Callable[[Any], Any], Any] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    @cached_property
    def by_type(self) -> Mapping[tuple[str, str, str], Row]:
        """The rows by table, framework and layer type, spellings included."""
        return {
            (row.table, row.framework, name): row
            for row in self.rows
            for name in (*row.types, *row.spellings)
        }

    def row(self, id: str) -> Row:
        """Return the row with this id. Raise `KeyError` if the release has none."""
        for row in self.rows:
            if row.id == id:
                return row
        raise KeyError(id)
