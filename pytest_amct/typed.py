"""Types of values in TOML and JSON files: check a value, and describe a type in words.

A type is a Python type, a union of some, ``list[...]`` of one, a ``Literal``, or a ``range`` of
integers.
"""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

_WORDS = {
    str: ("a string", "strings"),
    int: ("an integer", "integers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "true or false"),
    dict: ("a table", "tables"),
    list: ("a list", "lists"),
    type(None): ("null", "null"),
}


def is_of(value: Any, kind: Any) -> bool:
    """Return whether a value is of a type. True and false are not integers in TOML."""
    if isinstance(kind, range):
        return is_of(value, int) and value in kind
    if get_origin(kind) is list:
        (entry,) = get_args(kind)
        return isinstance(value, list) and all(is_of(e, entry) for e in value)
    if get_origin(kind) is Literal:
        return any(type(value) is type(allowed) and value == allowed for allowed in get_args(kind))
    return isinstance(value, kind) and (kind is not int or not isinstance(value, bool))


def describe(kind: Any, table: str = "a table") -> str:
    """Describe a type in words; `table` is what the format calls a mapping."""
    if kind is dict:
        return table
    if isinstance(kind, range):
        return f"an integer from {kind[0]} to {kind[-1]}"
    if get_origin(kind) is list:
        (entry,) = get_args(kind)
        if entry in _WORDS and (entry is not dict or table == "a table"):
            return f"a list of {_WORDS[entry][1]}"
        return f"a list, each entry {describe(entry, table)}"
    allowed = get_args(kind)
    if get_origin(kind) is Literal:
        written = [str(a).lower() if isinstance(a, bool) else str(a) for a in allowed]
        return f"one of {', '.join(written)}" if len(written) > 1 else written[0]
    return " or ".join(_WORDS[k][0] for k in allowed or (kind,))


_JSON = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    dict: "object",
    list: "array",
    type(None): "null",
}


def json_schema(kind: Any) -> dict[str, Any]:
    """Return the JSON Schema of a type."""
    if isinstance(kind, range):
        return {"type": "integer", "minimum": kind[0], "maximum": kind[-1]}
    if get_origin(kind) is list:
        (entry,) = get_args(kind)
        return {"type": "array", "items": json_schema(entry)}
    if get_origin(kind) is Literal:
        return {"enum": list(get_args(kind))}
    if allowed := get_args(kind):
        return {"type": [_JSON[k] for k in allowed]}
    return {"type": _JSON[kind]}
