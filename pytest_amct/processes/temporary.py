"""Temporary folders, named so that another process can remove them after a crash."""

from __future__ import annotations

import atexit
import contextlib
import glob
import os
import secrets
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
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
    """Lend an empty folder that nobody else uses; remove it at the end with what is in it.

    A folder that nobody has touched is lent again: to make and remove one for each call takes a
    fifth of the time of a gate.
    """
    made = _taken() or _made()
    try:
        yield Path(made.path)
    finally:
        if made.is_untouched:
            _unused.append(made)
        else:
            remove_tree(made.path)


@dataclass(frozen=True, slots=True)
class _Folder:
    path: str
    #: of the process that made it; a fork must not use it
    owner: int
    stat: tuple[int, int, int]

    @property
    def is_untouched(self) -> bool:
        """Whether it is the folder that was made, as it was made, and ours."""
        with contextlib.suppress(OSError):
            same = self.owner == os.getpid() and self.stat == _stat(self.path)
            return same and not os.listdir(self.path)
        return False


_unused: list[_Folder] = []


def _stat(path: str) -> tuple[int, int, int]:
    found = os.lstat(path)
    return found.st_dev, found.st_ino, found.st_mode


def _taken() -> _Folder | None:
    while _unused:
        folder = _unused.pop()
        if folder.is_untouched:  # nothing that an earlier call left running wrote to it
            return folder
        if folder.owner == os.getpid():
            remove_tree(folder.path)
    return None


def _made() -> _Folder:
    folder, name = os.path.split(prefix())
    path = tempfile.mkdtemp(prefix=name, dir=folder)
    return _Folder(path, os.getpid(), _stat(path))


@atexit.register
def remove_unused() -> None:
    """Remove the folders that wait to be lent again."""
    while _unused:
        folder = _unused.pop()
        if folder.owner == os.getpid():
            remove_tree(folder.path)


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
