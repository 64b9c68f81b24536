"""Temporary folders, named so that another process can remove them after a crash."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import signal
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path

_LONGEST = 1 << 23
"""The largest output of one call on disk, in bytes."""


@cache
def prefix() -> str:
    """Return the prefix of all temporary files of this process, including the folder."""
    return os.path.join(tempfile.gettempdir(), f"amct-{secrets.token_hex(8)}-")


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Make a new folder, and remove it with its contents at the end."""
    folder, name = os.path.split(prefix())
    made = tempfile.mkdtemp(prefix=name, dir=folder)
    try:
        yield Path(made)
    finally:
        remove_tree(made)


@contextlib.contextmanager
def noted(group: int) -> Iterator[None]:
    """Record one of our process groups in an empty file, so that it ends with this process."""
    note = f"{prefix()}group-{group}"
    with contextlib.suppress(OSError):
        open(note, "x").close()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(note)


def remove_all(beginning: str) -> None:
    """Remove the temporary files of an ended process, by its `prefix`, and end its children."""
    for path in glob.glob(f"{glob.escape(beginning)}*"):
        _, is_note, group = path.removeprefix(beginning).partition("group-")
        if is_note and group.isdigit():
            with contextlib.suppress(OSError):
                os.killpg(int(group), signal.SIGKILL)
        if os.path.isdir(path) and not os.path.islink(path):
            remove_tree(path)
        else:
            with contextlib.suppress(OSError):
                os.unlink(path)


def cut(path: str) -> None:
    """Truncate an output file that has grown too large. Its writers append."""
    with contextlib.suppress(OSError):
        if os.stat(path).st_size > _LONGEST:
            os.truncate(path, 0)


def remove_tree(folder: str) -> None:
    """Remove a folder of any depth as far as possible, including write-protected parts.

    Folders are moved to the top before they are emptied. So neither Python's stack nor the length
    of a path nor the number of open files limits the depth.
    """
    names = (os.path.join(folder, f"amct-{n}") for n in count())
    with contextlib.suppress(OSError):
        os.chmod(folder, 0o700)
        waiting = [folder]
        while waiting:
            emptied = waiting.pop()
            for entry in list(os.scandir(emptied)):
                with contextlib.suppress(OSError):
                    if not entry.is_dir(follow_symlinks=False):
                        os.unlink(entry.path)
                        continue
                    os.chmod(entry.path, 0o700)
                    if emptied == folder:
                        waiting.append(entry.path)
                    else:
                        moved = next(name for name in names if not os.path.lexists(name))
                        os.rename(entry.path, moved)
                        waiting.append(moved)
            if emptied != folder:
                with contextlib.suppress(OSError):
                    os.rmdir(emptied)
        os.rmdir(folder)
