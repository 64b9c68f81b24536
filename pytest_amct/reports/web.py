"""What HTML pages of this package share: templates, colours, and what a page may load."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib import resources
from typing import Any

from pytest_amct.errors import UsageError

_LONGEST = 4000
"""The most characters of a line on a page."""


def render(package: str, template: str, style: str, script: str, **values: Any) -> str:
    """Return a page of a template, with its only style sheet and its only script inside.

    `template` and `style` are files of `package`, `script` is text. Names in `values` are escaped.
    Raise `UsageError` if jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined
    except ModuleNotFoundError:
        raise missing("jinja2") from None
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    sheet = resource("colours.css") + resource(style, package)
    return environment.from_string(resource(template, package)).render(
        **values,
        script=script,
        style=sheet,
        script_hash=_hash(script),
        style_hash=_hash(sheet),
    )


def shown(value: Any) -> Any:
    """Return a JSON value whose texts a page may show: of printable lines that are not too long."""
    if isinstance(value, str):
        return "\n".join(map(_line, value.split("\n")))
    if isinstance(value, list):
        return [*map(shown, value)]
    if isinstance(value, dict):
        return {shown(key): shown(part) for key, part in value.items()}
    return value


def _line(text: str) -> str:
    text = text[:_LONGEST]
    return text if text.isprintable() else "".join(map(_character, text))


def _character(text: str) -> str:
    return text if text.isprintable() else ascii(text)[1:-1]


def missing(module: str) -> UsageError:
    """Return the error for a module of the extra that is not installed."""
    return UsageError(f"HTML pages need {module}: pip install pytest-amct[html]")


def resource(name: str, package: str = __package__) -> str:
    """Return the text of a file of a package."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return a hash as a content security policy writes it."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
