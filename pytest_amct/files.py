"""Files for people and programs, each written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pytest_amct.errors import UsageError


def replace_file(path: Path, text: str) -> None:
    """Write a file under a temporary name next to it, and rename that. Raise `OSError`.

    A link at `path` is replaced and never followed.
    """
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        # "x" never follows a link. Names of layers may hold characters that UTF-8 has none for.
        with part.open("x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def take_all(*steps: Callable[[], object]) -> None:
    """Take all steps, although some raise `UsageError`. The first of these is raised at the end."""
    errors = []
    for step in steps:
        try:
            step()
        except UsageError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def write_file(path: Path, text: str, option: str = "") -> None:
    """Write a file that a user has named. Raise `UsageError` if it cannot be written.

    A link stays a link, and a device or a pipe is written to. `option` is what named the file.
    """
    name = f"{option}{path}"
    if os.path.isdir(path):
        raise UsageError(f"{name}: cannot be written (it is a folder): name a file")
    try:
        # Replacing a device would remove it.
        if os.path.exists(path) and not os.path.isfile(path):
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
        else:
            replace_file(path.resolve(), text)
    except OSError as error:
        raise UsageError(
            f"{name}: cannot be written ({error.strerror}): name another file"
        ) from None
