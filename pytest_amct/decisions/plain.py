"""Foreign values as plain ones: text that runs no foreign code, files that reading ends."""

from __future__ import annotations

import os
import stat

from pytest_amct.errors import OutputError

_LARGEST = 1 << 31
"""Bytes of a result that is read (what protobuf itself can hold)."""


def described(value: object) -> str:
    """A foreign object as Python shows it, whatever its own ``__repr__`` does."""
    try:
        return str.__str__(repr(value))
    except KeyboardInterrupt:
        raise
    except BaseException:
        return object.__repr__(value)


def said(error: BaseException) -> str:
    """What a foreign exception says; nothing if it cannot even do that."""
    try:
        return str.__str__(str(error))  # without what a subclass makes of it
    except KeyboardInterrupt:
        raise
    except BaseException:
        return ""


def refuse_special(about: os.stat_result, what: str, cure: str) -> None:
    """Refuse what is no plain file: reading a pipe or a device may never end.

    Raises `OutputError`: "`what`, which is no plain file: `cure`".
    """
    if not stat.S_ISREG(about.st_mode):
        raise OutputError(f"{what}, which is no plain file: {cure}")
    if about.st_size > _LARGEST:
        raise OutputError(f"{what}, which has {about.st_size} bytes: too many, {cure}")
