"""Reads a table file. Every error names the file, the row and the key."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pytest_amct.errors import SpecError, UsageError
from pytest_amct.graphs.files import regular_bytes
from pytest_amct.graphs.network import Basis
from pytest_amct.tables.extending import Document, whole_document
from pytest_amct.tables.fields import WHOLE, Fields
from pytest_amct.tables.kinds import KINDS, PORT
from pytest_amct.tables.model import Condition, Form, Ports, Row, Spec
from pytest_amct.tables.seen import Page, as_seen, unmatched
from pytest_amct.typed import describe, is_of
from pytest_amct.wording import instead, written

DEFAULT_RELEASE = "cann-7.0.0"

LATEST = "latest"
"""The name that stands for `LATEST_RELEASE`."""

LATEST_RELEASE = "ge-2026-08"
"""The newest page that was seen whole; a test fails if a newer one was."""

_FRAMEWORKS = ("onnx", "tensorflow", "caffe")
_TABLES = ("uniform", "nonuniform", "weight_only")
_CONDITION = re.compile(r"[\w.-]+|settings/[\w.-]+/[\w.-]+/[\w.-]+")
"""The form of a condition's id: one word, or the full id of a setting."""


@cache
def releases() -> tuple[str, ...]:
    """Return the names of the releases that come with this package."""
    folder = resources.files("pytest_amct.tables")
    files = (file.name for file in folder.iterdir())
    return tuple(sorted(f.removesuffix(".toml") for f in files if f.endswith(".toml")))


def published() -> list[str]:
    """Return `releases` in the order of publication; the guides of single frameworks come last."""
    return sorted(releases(), key=_publication)


def _publication(name: str) -> tuple[bool, list[int]]:
    """Return the place of a release: ``RC1`` and ``beta1`` come before the release itself."""
    version = re.sub("RC", "-1.", re.sub("beta", "-2.", name.replace("-", ".")))
    numbers = [int(part) for part in version.split(".") if re.fullmatch("-?[0-9]+", part)]
    return name.startswith("amct-"), [*numbers, 0]


def load_spec(name: str | os.PathLike[str] = DEFAULT_RELEASE) -> Spec:
    """Return the tables of a release, by its name (``cann-7.0.0``) or the path of a TOML file.

    ``latest`` is the newest release whose page was seen whole.
    Return the same object again for the same release and for a file that has not changed. Raise
    `UsageError` if there is no such release or file, `SpecError` if the file is invalid.
    """
    if not isinstance(name, str | os.PathLike):
        raise UsageError(f"spec {written(name)}: must be the name of a release or a path")
    text = os.fsdecode(name)
    if not text.endswith(".toml"):
        return _published(LATEST_RELEASE if text == LATEST else text)
    try:
        return _load(_chain(_own(Path(text), text)))
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            f"spec {text!r}: no such file: correct the path, or name a release"
        ) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"spec {text!r}: cannot be read ({why}): name another file") from None


@cache
def _published(name: str) -> Spec:
    return _load(_chain(_release(name)))


def spec_or_default(spec: Spec | None) -> Spec:
    """Return the given tables, or those of the default release for ``None``.

    Raise `UsageError` for anything else.
    """
    if isinstance(spec, Spec):
        return spec
    if spec is None:
        return load_spec()
    raise UsageError(f"spec {written(spec)}: is not a Spec: give what load_spec(name) returns")


# --- files and the files that they extend ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _File:
    """A table file as it is now."""

    #: what errors call it
    name: str
    #: where it is, ``None`` if it comes with the package
    path: Path | None = None
    changed: int = 0
    size: int = 0


def _release(name: str) -> _File:
    known = releases()
    if name not in known:
        close = get_close_matches(name, [LATEST, *known])
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise UsageError(
            f"spec {name!r} is not a known release: use one of {', '.join([LATEST, *known])}, "
            f"or the path of a .toml file{hint}"
        )
    return _File(f"{name}.toml")


def _own(path: Path, name: str) -> _File:
    """Return a file of a user. Raise `OSError` if there is none that can be read."""
    path = path.resolve()
    changed = path.stat()
    file = _File(name, path, changed.st_mtime_ns, changed.st_size)
    _parsed(file)
    return file


@cache
def _parsed(file: _File) -> Document:
    if file.path is not None:
        return _document(regular_bytes(file.path), file.name)
    return _document((resources.files("pytest_amct.tables") / file.name).read_bytes(), file.name)


def _document(data: bytes, source: str) -> Document:
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{source}: not a TOML file: {error}") from None
    except RecursionError:
        raise SpecError(f"{source}: not a table file: it is nested too deeply") from None


def _chain(file: _File) -> tuple[_File, ...]:
    """Return a file, the one that it extends, and so on. Raise `SpecError` for a circle."""
    files = [file]
    while (base := _base(_parsed(files[-1]), files[-1])) is not None:
        circle = any(known.path == base.path is not None for known in files)
        files.append(base)
        if circle:
            names = " -> ".join(known.name for known in files)
            raise SpecError(f"{file.name}: 'extends' leads back to a file: {names}")
    return tuple(files)


def _base(document: Document, file: _File) -> _File | None:
    """Return the file that a document extends: a release, or a path from the document's folder."""
    if "extends" not in document:
        return None
    name: str = Fields(document, file.name, WHOLE).get("extends", str)
    if file.path is not None and name.endswith(".toml"):
        try:
            return _own(file.path.parent / name, os.path.join(os.path.dirname(file.name), name))
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise SpecError(
                f"{file.name}: 'extends' names {written(name)}, which cannot be read ({why}):"
                " correct the path, which begins at the folder of this file"
            ) from None
    known = releases()
    if name not in known:
        raise SpecError(
            f"{file.name}: 'extends' names {written(name)}, which is not a release"
            f"{instead(name, known)}"
        )
    return _File(f"{name}.toml")


@cache
def _load(files: tuple[_File, ...]) -> Spec:
    bases = files[1:]
    if bases and bases[0].path is not None:
        _load(bases)  # an error in a base names the base
    return _read([(_parsed(file), file.name) for file in files])


def read_document(document: Document, source: str) -> Spec:
    """Read the tables from a parsed TOML file, which may extend a release; `source` names the file
    in errors. Raise `SpecError`.
    """
    base = _base(document, _File(source))
    bases = _chain(base) if base is not None else ()
    return _read([(document, source), *((_parsed(file), file.name) for file in bases)])


# --- tables ---------------------------------------------------------------------------------------


def _read(chain: Sequence[tuple[Document, str]]) -> Spec:
    """Read the tables of a document, given with the documents that it extends."""
    document, source = whole_document(chain), chain[0][1]
    top = Fields(document, source, WHOLE)
    pages = [_page(entry, source) for entry in top.get("page", list, [])]
    unseen = top.get("unseen", list[str], [])
    lists, float16 = top.table("lists"), top.table("float16")
    shared = [_condition(c, source, "[[open]]", True) for c in top.get("open", list, [])]
    spec = Spec(
        release=top.get("release", str),
        title=top.get("title", str),
        float16_closed=frozenset(float16.get("closed", list[str])),
        float16_basis=float16.get("basis", Literal["stated", "inferred", "open"]),
        rows=tuple(_row(entry, source, shared) for entry in top.get("row", list, [])),
        lists={name: lists.get(name, Basis) for name in _TABLES if name in lists.values},
        frameworks=tuple(top.get("frameworks", list[str], list(_FRAMEWORKS))),
        notes=tuple(top.get("notes", list[str], [])),
        source=source,
    )
    if not set(spec.frameworks) <= set(_FRAMEWORKS):
        raise top.error(f"'frameworks' must be some of {', '.join(_FRAMEWORKS)}")
    for key, patterns in (("unseen", unseen), *(("page", page.rows) for page in pages)):
        if key in chain[0][0] and (left := unmatched(spec, patterns)):
            raise top.error(f"{key!r} names {left!r}, which is not a row of the tables")
    spec = as_seen(spec, pages, unseen, top)
    for table in (top, float16, lists):
        table.done()
    _check_rows(spec, source)
    return spec


def _check_rows(spec: Spec, source: str) -> None:
    """Raise `SpecError` if rows contradict each other, or if there are no rows."""
    if not spec.rows:
        raise SpecError(f"{source}: {WHOLE}: it has no [[row]]: add one")
    ids = [row.id for row in spec.rows]
    taken: dict[tuple[str, str, str], str] = {}
    for row in spec.rows:
        if ids.count(row.id) > 1:
            raise SpecError(f"{source}: row {row.id}: another row has the same 'id'")
        table, framework = row.table, row.framework
        if table not in spec.lists or framework not in _FRAMEWORKS:
            raise SpecError(
                f"{source}: row {row.id}: 'id' must begin with a table of [lists]"
                f" ({', '.join(spec.lists)}) and one of {', '.join(_FRAMEWORKS)}"
            )
        for type_ in (*row.types, *row.spellings):
            other = taken.setdefault((table, framework, type_), row.id)
            if other != row.id:
                raise SpecError(f"{source}: row {row.id}: {type_} is already a type of {other}")


def _row(values: Any, source: str, shared: list[Condition]) -> Row:
    row = Fields(values, source, f"row {_name(values)}")
    id_ = row.get("id", str)
    if not re.fullmatch(r"([\w.-]+/){2}[\w.-]+", id_):
        raise row.error(f"'id' is {id_!r}: it must be scheme/framework/name")
    made = Row(
        id=id_,
        types=_texts(row, "types"),
        spellings=_texts(row, "spellings", []),
        ir=_texts(row, "ir"),
        ports=_ports(row),
        conditions=(*_conditions(row), *shared),
        ir_of_rank=_ir_of_rank(row),
    )
    forms = row.get("form", list, [])
    made = replace(made, forms=tuple(_form(entry, source, made, shared) for entry in forms))
    if not set(made.ir_of_rank.values()) <= set(made.ir):
        raise row.error("'ir_of_rank' names a type that 'ir' does not")
    row.done()
    return made


def _form(values: Any, source: str, row: Row, shared: list[Condition]) -> Form:
    form = Fields(values, source, f"row {row.id}: form")
    when = _requirement(form, "when")
    made = replace(
        row,
        ports=_ports(form),
        conditions=(*_conditions(form), *shared),
        float16=form.get("float16", bool, None),
    )
    form.done()
    return Form(when, made)


def _ports(row: Fields) -> Ports:
    ports = row.table("ports")
    made = Ports(
        data=tuple(ports.get("data", list[PORT])),  # type: ignore[valid-type]
        weight=ports.get("weight", PORT, None),
        bias=ports.get("bias", PORT, None),
    )
    if not made.data:
        raise ports.error("'data' is empty: name at least one port")
    ports.done()
    return made


def _conditions(row: Fields) -> list[Condition]:
    """Return the conditions of a row or a form, those that the document leaves open last."""
    own = [_condition(c, row.source, row.place, False) for c in row.get("condition", list, [])]
    own += [_condition(c, row.source, row.place, True) for c in row.get("open", list, [])]
    names = [c.id for c in own]
    for condition in own:
        if names.count(condition.id) > 1:
            raise row.error(f"two conditions have the id {condition.id!r}")
        if condition.implied_by is not None and condition.implied_by not in names:
            raise row.error(f"condition {condition.id}: 'implied_by' names no condition of the row")
    return own


def _page(values: Any, source: str) -> Page:
    page = Fields(values, source, "[[page]]")
    made = Page(
        url=page.get("url", str),
        rows=tuple(page.get("rows", list[str])),
        english=page.get("language", Literal["zh", "en"], "zh") == "en",
    )
    page.done()
    return made


def _texts(row: Fields, key: str, default: Any = ...) -> tuple[str, ...]:
    return tuple(row.get(key, list[str], default))


def _ir_of_rank(row: Fields) -> dict[int, str]:
    named = row.table("ir_of_rank", {})
    ranks = {str(rank): rank for rank in PORT}
    for key in named.values:
        if key not in ranks:
            raise row.error(f"'ir_of_rank' takes ranks, not {key!r}")
    return {ranks[key]: named.get(key, str) for key in named.values}


def _name(values: Any) -> str:
    """Return what errors call a row or a condition, even if its id is invalid."""
    name = values.get("id") if isinstance(values, dict) else None
    return name if isinstance(name, str) else "?"


def _condition(values: Any, source: str, place: str, is_open: bool) -> Condition:
    table = Fields(values, source, f"{place}: condition {_name(values)}")
    condition = Condition(
        id=table.get("id", str),
        require=_requirement(table, "require"),
        when=_requirement(table, "when") if "when" in table.values else None,
        basis="stated" if is_open else table.get("basis", Basis),
        implied_by=table.get("implied_by", str, None),
        unobservable=table.get("unobservable", str, None),
        open=is_open,
    )
    if not _CONDITION.fullmatch(condition.id):
        raise table.error("'id' must be one word, or settings/framework/row/name")
    table.done()
    return condition


def _requirement(condition: Fields, key: str) -> Mapping[str, Any]:
    values: Mapping[str, Any] = condition.get(key, dict)
    kinds = [k for k in values if k in KINDS]
    if len(kinds) != 1:
        raise condition.error(f"a requirement must name one of {', '.join(sorted(KINDS))}")
    (name,) = kinds
    kind = KINDS[name]
    for parameter, value in values.items():
        if parameter not in kind.types:
            raise condition.error(f"{parameter!r} is not a parameter of {name!r}")
        if not is_of(value, kind.types[parameter]):
            raise condition.error(f"{parameter!r} must be {describe(kind.types[parameter])}")
    for parameter in kind.types:
        if parameter not in values and parameter not in kind.optional:
            raise condition.error(f"{name!r} also needs {parameter!r}")
    if kind.one_of and sum(p in values for p in kind.one_of) != 1:
        raise condition.error(f"{name!r} needs one of {', '.join(kind.one_of)}")
    return values
