"""Reads a table file. Every error names the file, the row and the key."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pytest_amct.errors import SpecError, UsageError
from pytest_amct.tables.kinds import KINDS
from pytest_amct.tables.model import Condition, Ports, Row, Spec

DEFAULT_RELEASE = "cann-7.0.0"

_BASES = ("stated", "inferred")
_PARTS = ("weights", "data", "factor")
_FRAMEWORKS = ("onnx", "tensorflow", "caffe")


def releases() -> list[str]:
    """The names of the releases that come with this package."""
    folder = resources.files("pytest_amct.tables")
    return sorted(
        f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")
    )


@cache
def load_spec(name: str = DEFAULT_RELEASE) -> Spec:
    """The tables of a release by its name (``cann-7.0.0``) or by the path of a TOML file.

    Raises `UsageError` if there is no such release, `SpecError` if the file is broken.
    """
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise UsageError(f"spec {name!r}: no such file")
        return parse_spec(path.read_bytes(), name)
    if name not in releases():
        raise UsageError(
            f"spec {name!r} is not a known release: use one of {', '.join(releases())}, "
            "or the path of a .toml file"
        )
    text = (resources.files("pytest_amct.tables") / f"{name}.toml").read_bytes()
    return parse_spec(text, f"{name}.toml")


def parse_spec(data: bytes, source: str) -> Spec:
    """The tables in a TOML text; `source` names the file in errors. Raises `SpecError`."""
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{source}: not a TOML file: {error}") from None
    top = _Table(document, source, "the file")
    lists = top.get("lists", dict)
    if not set(lists.values()) <= set(_BASES):
        raise SpecError(f"{source}: [lists]: values must be one of {', '.join(_BASES)}")
    float16 = _Table(top.get("float16", dict), source, "[float16]")
    shared = [_condition(entry, source, "[[open]]", True) for entry in top.tables("open")]
    spec = Spec(
        release=top.get("release", str),
        title=top.get("title", str),
        float16_closed=frozenset(float16.get("closed", list)),
        float16_basis=float16.choice("basis", _BASES),
        rows=tuple(_row(entry, source, shared) for entry in top.tables("row")),
        lists=lists,
        source=source,
    )
    top.done()
    float16.done()
    ids = [row.id for row in spec.rows]
    taken: dict[tuple[str, str, str], str] = {}
    for row in spec.rows:
        if ids.count(row.id) > 1:
            raise SpecError(f"{source}: row {row.id}: another row has the same 'id'")
        table, framework, _ = row.id.split("/")
        if table not in lists or framework not in _FRAMEWORKS:
            raise SpecError(
                f"{source}: row {row.id}: 'id' must begin with a table of [lists]"
                f" ({', '.join(lists)}) and one of {', '.join(_FRAMEWORKS)}"
            )
        for type_ in (*row.types, *row.spellings):
            other = taken.setdefault((table, framework, type_), row.id)
            if other != row.id:
                raise SpecError(f"{source}: row {row.id}: {type_} is a type of {other} already")
    return spec


class _Table:
    """One TOML table; remembers what was asked for, so that a misspelt key is an error."""

    def __init__(self, values: Mapping[str, Any], source: str, place: str) -> None:
        if not isinstance(values, dict):
            raise SpecError(f"{source}: {place}: must be a table")
        self.values, self.source, self.place = values, source, place
        self.asked: set[str] = set()

    def get(self, key: str, kind: type, default: Any = ...) -> Any:
        self.asked.add(key)
        value = self.values.get(key, default)
        if value is ...:
            raise SpecError(f"{self.source}: {self.place}: {key!r} is missing")
        if value is not default and not isinstance(value, kind):
            raise SpecError(f"{self.source}: {self.place}: {key!r} must be a {kind.__name__}")
        return value

    def choice(self, key: str, values: tuple[str, ...]) -> Any:
        value = self.get(key, str)
        if value not in values:
            raise SpecError(
                f"{self.source}: {self.place}: {key!r} must be one of {', '.join(values)}"
            )
        return value

    def tables(self, key: str) -> list[Mapping[str, Any]]:
        return list(self.get(key, list, []))

    def all_of(self, key: str, kind: type, default: Any = ...) -> tuple[Any, ...]:
        """A list of which every entry is of one kind."""
        found = self.get(key, list, default)
        if not all(type(entry) is kind for entry in found):
            raise SpecError(
                f"{self.source}: {self.place}: {key!r} must be a list of {kind.__name__}"
            )
        return tuple(found)

    def done(self) -> None:
        extra = sorted(set(self.values) - self.asked)
        if extra:
            raise SpecError(f"{self.source}: {self.place}: {extra[0]!r} is not a key of this table")


def _row(values: Mapping[str, Any], source: str, shared: list[Condition]) -> Row:
    name = values.get("id", "?") if isinstance(values, dict) else "?"
    table = _Table(values, source, f"row {name}")
    id_ = table.get("id", str)
    if len(id_.split("/")) != 3:
        raise SpecError(f"{source}: row {id_}: 'id' must be scheme/framework/name")
    ports = _Table(table.get("ports", dict), source, f"row {id_}: ports")
    quantizes = table.get("quantizes", list)
    if not set(quantizes) <= set(_PARTS):
        raise SpecError(f"{source}: row {id_}: 'quantizes' takes {', '.join(_PARTS)}")
    own = [_condition(c, source, f"row {id_}", False) for c in table.tables("condition")]
    own += [_condition(c, source, f"row {id_}", True) for c in table.tables("open")]
    names = {c.id for c in own}
    for condition in own:
        if sum(c.id == condition.id for c in own) > 1:
            raise SpecError(f"{source}: row {id_}: two conditions have the id {condition.id!r}")
    for condition in own:
        if condition.implied_by and condition.implied_by not in names:
            raise SpecError(
                f"{source}: row {id_}: condition {condition.id}: "
                "'implied_by' names no condition of the row"
            )
    row = Row(
        id=id_,
        types=table.all_of("types", str),
        spellings=table.all_of("spellings", str, []),
        ir=table.all_of("ir", str),
        quantizes=tuple(quantizes),
        ports=Ports(
            data=ports.all_of("data", int),
            weight=ports.get("weight", int, None),
            bias=ports.get("bias", int, None),
        ),
        conditions=(*own, *shared),
        ir_of_rank={_rank(k, source, id_): v for k, v in table.get("ir_of_rank", dict, {}).items()},
    )
    if not set(row.ir_of_rank.values()) <= set(row.ir):
        raise SpecError(f"{source}: row {id_}: 'ir_of_rank' names a type that 'ir' does not")
    table.done()
    ports.done()
    return row


def _rank(key: str, source: str, row: str) -> int:
    if not key.isdecimal():
        raise SpecError(f"{source}: row {row}: 'ir_of_rank' takes ranks, not {key!r}")
    return int(key)


def _condition(values: Mapping[str, Any], source: str, place: str, is_open: bool) -> Condition:
    name = values.get("id", "?") if isinstance(values, dict) else "?"
    place = f"{place}: condition {name}"
    table = _Table(values, source, place)
    condition = Condition(
        id=table.get("id", str),
        require=_requirement(table.get("require", dict), source, place),
        when=_requirement(table.get("when", dict), source, place) if "when" in values else None,
        basis="stated" if is_open else table.choice("basis", _BASES),
        implied_by=table.get("implied_by", str, None),
        unobservable=table.get("unobservable", str, None),
        open=is_open,
    )
    table.done()
    return condition


def _requirement(values: Mapping[str, Any], source: str, place: str) -> Mapping[str, Any]:
    kinds = [key for key in values if key in KINDS]
    if len(kinds) != 1:
        raise SpecError(f"{source}: {place}: a requirement names one of {', '.join(sorted(KINDS))}")
    extra = sorted(set(values) - {kinds[0]} - KINDS[kinds[0]][1])
    if extra:
        raise SpecError(f"{source}: {place}: {extra[0]!r} is not a parameter of {kinds[0]!r}")
    if type(values.get("index", 0)) is not int:
        raise SpecError(f"{source}: {place}: 'index' must be an int")
    return values
