"""Read files that a user names: reading a pipe or a device could never end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from pytest_amct.errors import ModelError
from pytest_amct.wording import printable

_LARGEST = 1 << 31
"""The largest file that is read, in bytes (the limit of protobuf)."""


def regular_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a regular file.

    Raise `OSError`, also for any other kind of file and for one of more than 2 GiB. Raise
    `ValueError` for what is not a path.
    """
    about = os.stat(path)
    if not stat.S_ISREG(about.st_mode) and not stat.S_ISDIR(about.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
    if about.st_size > _LARGEST:
        raise OSError(errno.EFBIG, "larger than 2 GiB", os.fspath(path))
    return Path(path).read_bytes()


def path_of(model: object, what: str) -> str:
    """Return the path that a caller gives for a model. Raise `ModelError` if it is not a path.

    `what` tells the user what is allowed.
    """
    if isinstance(model, str | os.PathLike):
        return os.fsdecode(model)
    raise ModelError(f"an object of type {type(model).__name__} is not a model: give {what}")


def read_bytes(path: str | os.PathLike[str], name: str) -> bytes:
    """Return the bytes of a file; `name` is what errors call it. Raise `ModelError`."""
    try:
        return regular_bytes(path)
    except OSError as error:
        raise ModelError(f"{name}: cannot be read ({error.strerror})") from None
    except ValueError:  # a null byte, half a surrogate pair
        raise ModelError(f"{printable(name)}: not the path of a file") from None
