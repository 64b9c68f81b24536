"""Lets SIGTERM and SIGHUP end a run like Ctrl-C: results are reported and children are ended.

The process that watches the run passes these signals on, see `watch`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_KEPT = (*_ENDING, signal.SIGALRM)
"""Signals whose handlers a quantizer may not replace for longer than a call."""

_ONE = 1.0
"""Seconds within which signals count as one: terminal and parent may both send one."""


@dataclass(slots=True)
class _State:
    owner: int = 0
    #: the signal that ended the run
    name: str = ""
    at: float = 0.0
    before: dict[int, Any] = field(default_factory=dict)


_state = _State()


def install() -> None:
    """Let these signals raise `KeyboardInterrupt`, unless they are handled or ignored already."""
    uninstall()
    if threading.current_thread() is not threading.main_thread():
        return
    _state.owner, _state.name = os.getpid(), ""
    for signo in _ENDING:
        if signal.getsignal(signo) in (signal.SIG_DFL, signal.default_int_handler):
            _state.before[signo] = signal.signal(signo, _handle)


def _before_fork() -> None:
    if _state.owner == os.getpid():
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)


def _after_fork_in_parent() -> None:
    if _state.owner == os.getpid():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)


def _after_fork_in_child() -> None:
    """Restore the signals in a quantizer's fork, even for a signal that arrives at once."""
    if _state.owner:
        for signo, handler in _state.before.items():
            signal.signal(signo, handler)
        _state.owner, _state.name = 0, ""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )


def uninstall() -> None:
    """Restore the former handlers."""
    for signo, handler in _state.before.items():
        with contextlib.suppress(ValueError):
            if signal.getsignal(signo) is _handle:
                signal.signal(signo, handler)
    _state.before.clear()
    _state.owner = 0


def stopped_by() -> str:
    """Return the signal that ended the run, ``""`` if there was none or it was Ctrl-C."""
    return _state.name if _state.name != "SIGINT" else ""


def stop_again() -> None:
    """Raise `KeyboardInterrupt` again if a quantizer has caught the one that ends the run."""
    if _state.name and os.getpid() == _state.owner:
        raise KeyboardInterrupt(_state.name)


def _handle(signo: int, frame: FrameType | None) -> None:
    now = time.monotonic()
    if _state.name and (signo != signal.SIGINT or now - _state.at < _ONE):
        return
    _state.name, _state.at = signal.Signals(signo).name, now
    raise KeyboardInterrupt(_state.name)


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Restore the handlers that foreign code replaces, and cancel an alarm that it leaves."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signo: signal.getsignal(signo) for signo in _KEPT}
    alarm, _ = signal.getitimer(signal.ITIMER_REAL)
    try:
        yield
    finally:
        if not alarm and signal.getitimer(signal.ITIMER_REAL)[0]:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for signo, handler in before.items():
            if handler is not None and signal.getsignal(signo) is not handler:
                signal.signal(signo, handler)
