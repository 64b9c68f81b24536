"""How a process ended, as text, and whether the quantizer is to blame."""

from __future__ import annotations

import signal

_OPERATORS = frozenset(
    getattr(signal, f"SIG{name}", None)
    for name in ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "XCPU")
)


def cause(code: int) -> str:
    """Return how a process ended, as text. A negative code is a signal."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:  # a real-time signal has no name
        return f"signal {-code}"


def accuses(code: int, *, worker: bool = False) -> bool:
    """Return whether the quantizer is to blame for such an end.

    SIGKILL may come from an operator or from the system when memory runs out. It counts only for a
    worker, as nobody kills workers by hand.
    """
    return (worker and code == -signal.SIGKILL) or -code not in {*_OPERATORS, signal.SIGKILL}
