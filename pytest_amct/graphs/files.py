"""Reading a model's file, whatever the format."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_amct.errors import ModelError
from pytest_amct.wording import printable


def path_of(model: object, what: str) -> str:
    """The path that a caller gives for a model. Raises `ModelError` for what is no path.

    `what` says what could have been given.
    """
    if isinstance(model, str | os.PathLike):
        return os.fsdecode(model)
    raise ModelError(f"an object of type {type(model).__name__} is no model: give {what}")


def read_bytes(path: str | os.PathLike[str], name: str) -> bytes:
    """What the file holds; `name` is what errors call it. Raises `ModelError`."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ModelError(f"{name}: cannot be read ({error.strerror})") from None
    except ValueError:  # a null byte, half a surrogate pair
        raise ModelError(f"{printable(name)}: no path of a file") from None
