"""Mistakes by machine: small changes to the plain if-statements of a second opinion.

The changes are Cosmic Ray's, as in `mutants`, and some of our own. A member of a list is left out
or added. A statement, an operand or a named argument is dropped. Arguments are swapped. Another
attribute is read. A branch is always or never taken, a comparison always or never holds. A loop
takes only its first step, or leaves out its first or its last. One constant stands for another.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from random import Random
from types import FunctionType, ModuleType
from typing import Any, TypeVar

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from mutants import OPERATORS

INSTEAD = {"CONSTANT": "UNKNOWN", "UNKNOWN": "DYNAMIC", "DYNAMIC": "CONSTANT"}
INSTEAD |= {"FLOAT": "FLOAT16", "FLOAT16": "FLOAT", "any": "all", "all": "any"}
INSTEAD |= {"min": "max", "max": "min"}
"""Names that a mistake takes for each other."""

PLAIN = (set, list, dict, tuple, int, str)
"""Types of the values of a module that can be changed."""

ANYWHERE = None
"""The lines of a mistake that may concern every model."""

_Edit = tuple[Any, str]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Mistake:
    """A change of one function or statement of a module."""

    module: str
    #: name of the changed function, ``""`` if something else is changed
    function: str
    line: int
    was: str
    now: str
    source: str
    #: lines of which one must run before the change has any effect, `ANYWHERE` = every model
    lines: frozenset[int] | None

    def __str__(self) -> str:
        return f"{self.module}.py:{self.line}\n  - {self.was}\n  + {self.now}"


class Changeable:
    """A module that can be changed in memory and back."""

    def __init__(self, module: ModuleType) -> None:
        self.module, self.name = module, module.__name__
        self.path = str(Path(str(module.__file__)).resolve())
        self.source = Path(self.path).read_text(encoding="utf-8")
        self.tree = ast.parse(self.source)

    @cached_property
    def mistakes(self) -> list[Mistake]:
        """All mistakes in the module, each once."""
        found: list[Mistake] = []
        for function, part in self._parts():
            text, users = self._text(part), None if function else self._users(part)
            known = {_parsed(text), ""}
            for changed in (*_by_cosmic_ray(text), *self._by_ourselves(part, text)):
                key = _parsed(changed)
                if key not in known:
                    known.add(key)
                    found.append(self._mistake(function, part, changed, users))
        return found

    def _parts(self) -> Iterator[tuple[str, ast.stmt]]:
        """Yield functions and methods by name, and other statements that run on import."""
        imports = (ast.Import, ast.ImportFrom, ast.Expr)
        for node in (n for n in self.tree.body if not isinstance(n, imports)):
            if isinstance(node, ast.FunctionDef):
                yield node.name, node
            elif isinstance(node, ast.ClassDef):
                for inner in node.body:
                    is_function = isinstance(inner, ast.FunctionDef)
                    yield f"{node.name}.{inner.name}" if is_function else "", inner
            elif all(isinstance(vars(self.module).get(name, ""), PLAIN) for name in _set_in(node)):
                yield "", node

    def _text(self, part: ast.stmt) -> str:
        """Return the lines of a part without their common indent."""
        lines = self.source.splitlines(keepends=True)[part.lineno - 1 : part.end_lineno]
        return textwrap.dedent("".join(lines))

    def _by_ourselves(self, part: ast.stmt, text: str) -> Iterator[str]:
        starts = [0]
        for line in text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        for node, instead in edits(part, self._attributes, self._lists):
            begin = starts[node.lineno - part.lineno] + node.col_offset - part.col_offset
            last = (node.end_lineno or node.lineno) - part.lineno
            end = starts[last] + (node.end_col_offset or 0) - part.col_offset
            yield text[:begin] + instead + text[end:]

    @cached_property
    def _attributes(self) -> list[str]:
        """The names of attributes that the module reads."""
        calls = [node for node in ast.walk(self.tree) if _is_setting(node)]
        return list(dict.fromkeys(ast.literal_eval(call.args[1]) for call in calls))

    @cached_property
    def _lists(self) -> list[list[str]]:
        """The lists of words that the module holds as text."""
        texts = [n.value for n in ast.walk(self.tree) if isinstance(n, ast.Constant)]
        split = [text.split() for text in texts if isinstance(text, str)]
        return [words for words in split if _is_list(words)]

    def _mistake(
        self, function: str, part: ast.stmt, changed: str, users: frozenset[int] | None
    ) -> Mistake:
        before, first = self.source.splitlines(), part.lineno - 1
        inside = textwrap.indent(changed, " " * part.col_offset).splitlines()
        after = [*before[:first], *inside, *before[part.end_lineno :]]
        pairs = zip_longest(before, after, fillvalue="")
        line = next(i for i, (a, b) in enumerate(pairs, 1) if a != b)
        lines = self._reach(part, line) if function else users
        was, now = before[line - 1].strip(), after[line - 1].strip()
        source = "\n".join(after) + "\n"
        return Mistake(self.name, function, line, was, now, source, lines)

    def _reach(self, part: ast.AST, line: int) -> frozenset[int]:
        """Return the lines of the innermost statement around a line, without what is inside it."""
        found = [n for n in ast.walk(part) if isinstance(n, ast.stmt) and n.lineno <= line]
        node = max((n for n in found if line <= (n.end_lineno or 0)), key=lambda n: n.lineno)
        body = getattr(node, "body", None)
        last = max(node.lineno, body[0].lineno - 1, line) if body else node.end_lineno or line
        if isinstance(node, ast.FunctionDef):
            last = node.end_lineno or line
        return frozenset(range(node.lineno, last + 1))

    def _users(self, part: ast.stmt) -> frozenset[int] | None:
        """Return the lines that read what a statement sets, directly or through other names."""
        if part not in self.tree.body:  # a default of a class
            return ANYWHERE
        names = _set_in(part)
        for node in self.tree.body:
            if isinstance(node, (ast.Assign, ast.AugAssign)) and _names(node) & names:
                names |= _set_in(node)
        for outer in (n for n in self.tree.body if isinstance(n, ast.ClassDef)):
            fields = [n for n in outer.body if not isinstance(n, ast.FunctionDef)]
            if any(_names(n) & names for n in fields):  # read on import
                return ANYWHERE
        users = [n for n in ast.walk(self.tree) if isinstance(n, ast.Name) and n.id in names]
        return frozenset().union(*(self._reach(self.tree, user.lineno) for user in users))

    @contextmanager
    def changed(self, mistake: Mistake) -> Iterator[None]:
        """Change the module in place, so that what it made before can be used again."""
        new: dict[str, Any] = {"__name__": self.name, "__file__": self.path}
        with ExitStack() as undo:
            exec(compile(mistake.source, self.path, "exec", dont_inherit=True), new)
            if mistake.function:
                _swap_code(undo, _function(vars(self.module), mistake), _function(new, mistake))
            else:
                self._swap_values(undo, new)
            yield

    def _swap_values(self, undo: ExitStack, new: dict[str, Any]) -> None:
        old = vars(self.module)
        for name, value in new.items():
            if isinstance(value, type) and value.__module__ == self.name:
                for key in ("__init__", *getattr(value, "__dataclass_fields__", ())):
                    if key in vars(value):
                        _set(undo, old[name], key, vars(value)[key])
            elif isinstance(value, PLAIN) and name[:2] != "__" and old[name] != value:
                _set(undo, self.module, name, value)


def _swap_code(undo: ExitStack, old: FunctionType, new: FunctionType) -> None:
    for key in ("__code__", "__defaults__"):
        _set(undo, old, key, getattr(new, key))


def _set(undo: ExitStack, owner: Any, key: str, value: Any) -> None:
    undo.callback(setattr, owner, key, getattr(owner, key))
    setattr(owner, key, value)


def _function(names: dict[str, Any], mistake: Mistake) -> FunctionType:
    outer, _, inner = mistake.function.partition(".")
    found = vars(names[outer])[inner] if inner else names[outer]
    return found.fget if isinstance(found, property) else found


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _set_in(node: ast.AST) -> set[str]:
    names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
    return {n.id for n in names if isinstance(n.ctx, ast.Store)}


def _parsed(text: str) -> str:
    """Return what Python makes of a text, ``""`` if it is not valid."""
    try:
        return ast.dump(ast.parse(text))
    except SyntaxError:
        return ""


def _is_setting(node: Any) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("setting", "attribute")
        and isinstance(node.args[1], ast.Constant)
    )


def _by_cosmic_ray(text: str) -> Iterator[str]:
    for name in (name for name in operator_names() if name in OPERATORS):
        number = 0
        while (changed := mutate_code(text, get_operator(name)(), number)) is not None:
            number += 1
            yield changed


# --- our own changes ------------------------------------------------------------------------------


DROPPED = (ast.Expr, ast.AugAssign, ast.If, ast.For, ast.Return, ast.Assign)


EDGES = (-1, 0, 1, 2, 100)
"""Numbers that a mistake puts in the place of others."""


def edits(part: ast.stmt, attributes: list[str], lists: list[list[str]]) -> Iterator[_Edit]:
    """Yield nodes of a part, each with a text to put in its place.

    `attributes` and `lists` are what the whole module reads and holds.
    """
    words = {id(n) for c in ast.walk(part) if _is_telling(c) for n in ast.walk(c)}
    for node in ast.walk(part):
        if isinstance(node, (ast.arguments, ast.arg)) or getattr(node, "annotation", None):
            words |= {id(n) for n in ast.walk(getattr(node, "annotation", None) or node)}
    for node in ast.walk(part):
        if node is not part and isinstance(node, ast.stmt):
            yield from _statements(node)
        elif id(node) not in words:
            yield from _expressions(node, attributes)
            yield from _constants(node, attributes, lists)
            yield from _loops(node)


def _is_telling(node: ast.AST) -> bool:
    """Return whether a node only makes a text: a reason, an id, the docstring."""
    call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    told = call and node.func.attr in ("open", "wrong")  # type: ignore[attr-defined]
    doc = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return told or doc or isinstance(node, ast.JoinedStr)


def _statements(node: ast.stmt) -> Iterator[_Edit]:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    if isinstance(node, DROPPED) and not is_text:
        yield node, "pass"
    if isinstance(node, ast.If):
        yield node.test, "True"
        yield node.test, "False"
    if isinstance(node, ast.For):
        yield from _steps(node.iter)


def _loops(node: ast.AST) -> Iterator[_Edit]:
    for loop in getattr(node, "generators", ()):
        yield from _steps(loop.iter)
        yield from ((test, "True") for test in loop.ifs)


def _steps(values: ast.expr) -> Iterator[_Edit]:
    """Yield the values of a loop without the others, without the first, without the last."""
    every = f"[*{ast.unparse(values)}]"
    yield from ((values, f"{every}{part}") for part in ("[:1]", "[1:]", "[:-1]"))


def _constants(node: ast.AST, attributes: list[str], lists: list[list[str]]) -> Iterator[_Edit]:
    if not isinstance(node, ast.Constant):
        return
    value = node.value
    if type(value) is int:
        yield from ((node, f"({edge})") for edge in EDGES if abs(edge - value) > 1)
    if not isinstance(value, str):
        return
    parts = value.split()
    for at in range(len(parts) if len(parts) > 1 else 0):
        yield node, repr(" ".join([*parts[:at], *parts[at + 1 :]]))
    if value in attributes:
        yield node, repr(attributes[(attributes.index(value) + 1) % len(attributes)])
    if len(parts) == 1:
        yield node, repr("other")
    if _is_list(parts):
        others = lists[(lists.index(parts) + 1) % len(lists)]
        yield from ((node, repr(f"{value} {other}")) for other in others if other not in parts)


def _is_list(words: list[str]) -> bool:
    """Return whether words are a list and not a sentence: types, operators, attributes."""
    return len(words) > 1 and all(word.isidentifier() for word in words)


def _expressions(node: ast.AST, attributes: list[str]) -> Iterator[_Edit]:
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)) and len(node.elts) > 1:
        for left_out in node.elts:
            kept = [x for x in node.elts if x is not left_out]
            yield node, ast.unparse(type(node)(elts=kept, ctx=ast.Load()))  # type: ignore[call-arg]
    elif isinstance(node, ast.Dict) and len(node.keys) > 1:
        for at in range(len(node.keys)):
            keys, values = [*node.keys], [*node.values]
            del keys[at], values[at]
            yield node, ast.unparse(ast.Dict(keys, values))
    elif isinstance(node, ast.Compare):
        yield node, "True"
        yield node, "False"
    elif isinstance(node, ast.BoolOp):
        for dropped in node.values:
            rest = [x for x in node.values if x is not dropped]
            yield node, f"({ast.unparse(ast.BoolOp(node.op, rest) if rest[1:] else rest[0])})"
    elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitOr, ast.BitAnd, ast.Sub)):
        yield node, f"({ast.unparse(node.left)})"
        yield node, f"({ast.unparse(node.right)})"
    elif isinstance(node, ast.IfExp):
        yield node, f"({ast.unparse(node.body)})"
        yield node, f"({ast.unparse(node.orelse)})"
    elif isinstance(node, ast.Name) and node.id in INSTEAD:
        yield node, INSTEAD[node.id]
    elif isinstance(node, ast.Call):
        for at in range(len(node.args) - 1):
            args = [*node.args]
            args[at], args[at + 1] = args[at + 1], args[at]
            yield node, ast.unparse(ast.Call(node.func, args, node.keywords))
        for named in node.keywords:
            kept = [other for other in node.keywords if other is not named]
            yield node, ast.unparse(ast.Call(node.func, node.args, kept))
        if _is_setting(node) and len(node.args) > 2:
            yield node.args[2], {"[]": "[2]", "None": "1"}.get(ast.unparse(node.args[2]), "None")


def sampled(every: list[_T], count: int) -> list[_T]:
    """Return that many at random, the same for the same list; 0 = all."""
    return Random(0).sample(every, min(count, len(every))) if count else every
