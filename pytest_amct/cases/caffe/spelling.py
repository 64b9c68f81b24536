"""Other spellings of a prototxt: the same net, written in other words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from pytest_amct.graphs.caffe.schema import message

Tree = Sequence[tuple[str, "str | Tree"]]
"""The fields of a message by name, in their order."""

_TOKEN = re.compile(r'"[^"]*"|[{}]|\[[^\]]*\]|[^\s{}]+')
_LISTS = frozenset(("bottom", "coeff", "dilation", "dim", "top"))
"""Fields that may have several values."""

_ENUMS: Mapping[str, str] = {
    "operation": "EltwiseParameter",
    "phase": "NetStateRule",
    "pool": "PoolingParameter",
    "type": "V1LayerParameter",
}
"""Fields whose values have numbers, and a message that has the field."""

_WORDS = {"true": "t", "false": "f"}

_COMMENTS: Mapping[str, tuple[str, str]] = {
    "pooling_param": ("pool: STOCHASTIC", "pool: AVE global_pooling: false"),
    "eltwise_param": ("operation: PROD", "operation: SUM"),
    "convolution_param": ("dilation: 2 kernel_size: 1", "dilation: 1"),
    "inner_product_param": ("transpose: true axis: 2", "transpose: false axis: 1"),
}
"""What comments say before and after the parameters of a layer. They are the same for all."""


_MARKS = "5' 11\""
"""What comments say first and last there: these marks begin no string."""

_EMPTY: Mapping[str, str] = {"convolution_param": "dilation", "eltwise_param": "coeff"}
"""Lists that parameters can have. An empty one means the same as none."""


def tree(text: str) -> Tree:
    """Return the fields of a text that `prototxt` wrote."""
    return [*_fields(iter(_TOKEN.findall(text)))]


def _fields(tokens: Iterator[str]) -> Iterator[tuple[str, str | Tree]]:
    for token in tokens:
        if token == "}":
            return
        name, value = token.removesuffix(":"), next(tokens)
        yield name, [*_fields(tokens)] if value == "{" else value


def dense(fields: Tree, nested: bool = False) -> str:
    """Return fields without line breaks, in the rarer spelling of everything that has two."""
    return "".join(
        _dense(name, [value for _, value in group], nested)
        for name, group in groupby(fields, lambda field: field[0])
    )


def _dense(name: str, values: Sequence[str | Tree], nested: bool) -> str:
    opening, closing = "<>" if nested else "{}"
    messages = [value for value in values if not isinstance(value, str)]
    if messages:
        held = [dense(one, True) + _empty(name, one) for one in messages]
        return "".join(f"{name}:{opening}{one}{closing}" for one in held)
    words = [_word(name, value) for value in values if isinstance(value, str)]
    if name in _LISTS or len(words) > 1:
        return f"{name}:[{','.join(words)}];"
    return f"{name}:{words[0]},"


def _empty(name: str, fields: Tree) -> str:
    """Return an empty list for parameters that have no such list."""
    empty = _EMPTY.get(name)
    return "" if empty is None or any(name == empty for name, _ in fields) else f"{empty}:[]"


def _word(name: str, value: str) -> str:
    if value[0] == '"':
        return f"'{value[1:-1]}'"
    if name in _ENUMS and value.isupper():
        field = message(_ENUMS[name]).DESCRIPTOR.fields_by_name[name]
        return str(field.enum_type.values_by_name[value].number)
    if value.isdecimal() and name not in _ENUMS and int(value) > 1:  # else it may be a truth value
        return hex(int(value))
    return _WORDS.get(value, value)


def lines(fields: Tree, indent: str = "") -> str:
    """Return fields one in each line, with comments, those that usually come first at the end."""
    names = list(dict.fromkeys(name for name, _ in fields))
    parts = []
    for name, value in sorted(fields, key=lambda field: -names.index(field[0])):
        before, after = (f"{indent}# {word}\n" for word in _COMMENTS.get(name, ("", "")))
        if isinstance(value, str):
            parts.append(f"{indent}{name}: {value}\n")
        else:
            inner = lines(value, f"{indent}  ")
            known = name in _COMMENTS
            marks = f"{indent}  # {_MARKS}\n"
            inner = f"{marks}  {before}{inner}  {after}{marks}" if known else inner
            parts.append(f"{indent}{name} {{\n{inner}{indent}}}\n")
    return "".join(parts)


def quoted(fields: Tree, end: str = "\n") -> str:
    """Return fields whose strings have an escaped character at the end, types in two parts."""
    parts = []
    for name, value in fields:
        if isinstance(value, str):
            parts.append(f"{name}: {_escaped(value, name == 'type')}{end}")
        else:
            parts.append(f"{name} {{ {quoted(value, ' ')}}}{end}")
    return "".join(parts)


def _escaped(value: str, in_parts: bool) -> str:
    between = '" "' if in_parts else ""
    return f'{value[:-2]}{between}\\{ord(value[-2]):03o}"' if value[0] == '"' else value


SPELLINGS: Mapping[str, Callable[[Tree], str]] = {"dense": dense, "lines": lines, "quoted": quoted}
"""Spellings by name."""
