"""How long the calls of a quantizer take: for the summary, a file, and the time that is left."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

FORMAT = "pytest-amct-times/1"
"""Name and version of the format of the file."""

FILE_NAME = "amct-times.json"
"""The file beside the report. The report itself has no times, so that equal runs are equal."""

_MOST_LISTED = 20
"""The slowest calls that the file lists."""

_WORTH_TELLING = 10.0
"""Seconds of all calls from which on the summary reports them."""

_PATIENCE = 2.0
"""Seconds of a test after which the time that is left is shown."""

_BETWEEN = 0.5
"""Seconds between two lines of progress."""


class Clock:
    """Measures the calls of one process."""

    def __init__(self, called: Callable[[int], None] | None = None) -> None:
        self._seconds: dict[str, float] = {}
        self._count, self._called = 0, called

    @contextmanager
    def measuring(self, *cases: str) -> Iterator[None]:
        """Measure a call on these cases. Its time is divided among them."""
        start = time.perf_counter()
        try:
            yield
        finally:
            each = (time.perf_counter() - start) / len(cases)
            for case in cases:
                self._seconds[case] = self._seconds.get(case, 0.0) + each
            self._count += len(cases)
            if self._called is not None:
                self._called(self._count)

    def take(self) -> dict[str, float]:
        """Return the seconds by case since the last time that this was asked."""
        taken, self._seconds = self._seconds, {}
        return taken


class Left:
    """Says during a long test how much of the run is left."""

    def __init__(self, show: Callable[[str], None], total: Callable[[], int]) -> None:
        self._show, self._total = show, total
        self._planned = 0
        self._start = self._test = self._last = time.monotonic()

    def called(self, count: int) -> None:
        """Show the progress, if the test has taken long: `count` calls have returned."""
        now = time.monotonic()
        if now - self._test < _PATIENCE or now - self._last < _BETWEEN:
            return
        self._last = now
        self._planned = self._planned or self._total()
        left = max(0, self._planned - count)
        seconds = (now - self._start) / count * left
        self._show(f"{count} of about {self._planned} calls, about {_duration(seconds)} left")

    def next_test(self) -> None:
        """Remove the progress, as a test has ended."""
        self._test = time.monotonic()
        self._show("")


def times(seconds: Mapping[str, float]) -> dict[str, Any]:
    """Return the form of the file: number of calls, seconds of all, their median, the slowest."""
    slowest = sorted(seconds.items(), key=lambda item: (-item[1], item[0]))[:_MOST_LISTED]
    return {
        "format": FORMAT,
        "calls": len(seconds),
        "seconds": round(sum(seconds.values()), 3),
        "median": round(statistics.median(seconds.values()), 4) if seconds else None,
        "slowest": [{"case": case, "seconds": round(took, 3)} for case, took in slowest],
    }


def told(seconds: Mapping[str, float]) -> str:
    """Return the line of the summary, ``""`` if the calls took no time worth telling."""
    found = times(seconds)
    if found["seconds"] < _WORTH_TELLING:
        return ""
    first = found["slowest"][0]
    return (
        f"{found['calls']} calls took {_duration(found['seconds'])}, {found['median']:.2g} s each"
        f" (median); the slowest {first['seconds']:.2g} s: {first['case']}"
    )


def _duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
