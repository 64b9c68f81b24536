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
"""Bytes on disk of what a quantizer prints in one call."""


@cache
def prefix() -> str:
    """How all temporary files of this process begin, the folder included."""
    return os.path.join(tempfile.gettempdir(), f"amct-{secrets.token_hex(8)}-")


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """A new folder, removed with whatever was left in it."""
    folder, name = os.path.split(prefix())
    made = tempfile.mkdtemp(prefix=name, dir=folder)
    try:
        yield Path(made)
    finally:
        remove_tree(made)


@contextlib.contextmanager
def noted(group: int) -> Iterator[None]:
    """Note a process group of ours by an empty file, so that it is ended if this process is."""
    note = f"{prefix()}group-{group}"
    with contextlib.suppress(OSError):
        open(note, "x").close()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(note)


def remove_all(beginning: str) -> None:
    """Remove the temporary files of a process that is gone, by its `prefix`; end its children."""
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
    """Cut what is being printed to a file without end; who writes to it appends."""
    with contextlib.suppress(OSError):
        if os.stat(path).st_size > _LONGEST:
            os.truncate(path, 0)


def remove_tree(folder: str) -> None:
    """Remove a folder as far as possible, however deep it is and whoever may not write to it.

    Folders are moved to the top before they are emptied: neither Python's stack nor the length of
    a path nor the number of open files limits the depth.
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
