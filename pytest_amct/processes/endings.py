"""How a process ended, in words, and whether that is the quantizer's doing."""

from __future__ import annotations

import signal

_OPERATORS = frozenset(
    getattr(signal, f"SIG{name}", None)
    for name in ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "XCPU")
)


def cause(code: int) -> str:
    """How a process ended, in words; negative = by that signal."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:  # a real-time signal has no name
        return f"signal {-code}"


def accuses(code: int, *, worker: bool = False) -> bool:
    """Whether such an end is the quantizer's doing.

    SIGKILL may come from an operator, or for lack of memory; only of a worker, which nobody kills
    by hand, is it held against the quantizer.
    """
    return (worker and code == -signal.SIGKILL) or -code not in {*_OPERATORS, signal.SIGKILL}
