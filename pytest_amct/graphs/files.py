"""Read the file of a model of any format."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_amct.errors import ModelError
from pytest_amct.wording import printable


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
        return Path(path).read_bytes()
    except OSError as error:
        raise ModelError(f"{name}: cannot be read ({error.strerror})") from None
    except ValueError:  # a null byte, half a surrogate pair
        raise ModelError(f"{printable(name)}: not the path of a file") from None
