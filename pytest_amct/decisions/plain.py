"""Handles foreign values safely: text without foreign code, files that reading cannot hang on."""

from __future__ import annotations

import os
import stat

from pytest_amct.errors import OutputError

_LARGEST = 1 << 31
"""The largest result that is read, in bytes (the limit of protobuf)."""


def described(value: object) -> str:
    """Return the ``repr`` of a foreign object, even if its own ``__repr__`` fails."""
    try:
        return str.__str__(repr(value))
    except KeyboardInterrupt:
        raise
    except BaseException:
        return object.__repr__(value)


def said(error: BaseException) -> str:
    """Return the message of a foreign exception, ``""`` if its ``__str__`` fails."""
    try:
        return str.__str__(str(error))  # a subclass of str may override __str__
    except KeyboardInterrupt:
        raise
    except BaseException:
        return ""


def refuse_special(about: os.stat_result, what: str, cure: str) -> None:
    """Refuse anything but a regular file: reading a pipe or a device may never end.

    Raises `OutputError`: "`what`, which is not a regular file: `cure`".
    """
    if not stat.S_ISREG(about.st_mode):
        raise OutputError(f"{what}, which is not a regular file: {cure}")
    if about.st_size > _LARGEST:
        raise OutputError(f"{what}, which is too large ({about.st_size} bytes): {cure}")
