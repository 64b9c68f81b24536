"""The name and the version of the tool that is judged."""

from __future__ import annotations

from importlib import metadata
from typing import Any, NamedTuple

from pytest_amct.wording import printable


class Tool(NamedTuple):
    """A tool as reports name it. Only reports on the same tool can be compared."""

    name: str
    #: ``None`` if it is not known
    version: str | None = None


def tool_of(quantizer: Any) -> Tool:
    """Return the tool behind a loaded quantizer.

    Recorded results may name it. Otherwise it has the name of the quantizer, and the version that
    its class declares.
    """
    owner = getattr(quantizer, "owner", quantizer)
    named = getattr(owner, "tool", None)
    if isinstance(named, Tool):
        return named
    version = getattr(owner, "version", None)
    return Tool(quantizer.name, None if version is None else printable(version))


def installed(*packages: str) -> str | None:
    """Return the version of the first of these packages that is installed, ``None`` if none is."""
    for name in packages:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None
