"""A progress bar for commands that read many models, or large ones."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

_PATIENCE = 1.0
"""Seconds after which a progress bar is shown."""


Step = Callable[[str], None]
"""Says what is done next, for the progress bar."""


@contextlib.contextmanager
def progress(total: int) -> Iterator[Step]:
    """Show a progress bar on a terminal if the work takes longer than a second (needs rich)."""
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        yield lambda name: None
        return
    if not sys.stderr.isatty():
        yield lambda name: None
        return
    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=total)
    timer = threading.Timer(_PATIENCE, bar.start)
    timer.daemon = True
    timer.start()
    done = -1

    def step(name: str) -> None:
        nonlocal done
        done += 1
        bar.update(task, description=name, completed=done)

    try:
        yield step
    finally:
        timer.cancel()
        timer.join()
        bar.stop()
