"""The sections of `prove` on mistakes by machine and on speed."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from pathlib import Path

import explore_rate
from machine_mistakes import Tried, mistakes_of, rate, told, try_all
from mistakes import Mistake, sampled

LEAST = 0.99
"""The part of the mistakes that count which the gate must catch."""

LEAST_EXPLORED = 0.95
"""The part of those that the gate catches which explore must find."""

_ROOT = Path(__file__).parents[2]


def by_machine(given: argparse.Namespace) -> Iterator[str]:
    """Yield the table of mistakes that a machine makes in the second opinions."""
    yield "## Mistakes by machine"
    yield ""
    yield (
        "Each changes one place of another reading of the document. It counts if a case of the gate"
        f" or one of {given.models} random models shows a wrong decision. Easy ones, which raise"
        " errors or change many decisions, do not count. Explore draws at most"
        f" {given.examples} examples for each test."
    )
    yield ""
    yield "| framework | tried | count | the gate catches | explore finds of these | easy |"
    yield "|---|---|---|---|---|---|"
    for framework in given.framework:
        every = mistakes_of(framework)
        found = _tried(framework, sampled(every, given.mistakes), given)
        kinds = Counter(tried.kind for tried in found)
        count = kinds["killed"] + kinds["survivor"]
        killed = [tried for tried in found if tried.kind == "killed"]
        sought = sampled(killed, given.sought)
        explored = _explored(framework, sought, given)
        yield (
            f"| {framework} | {len(found)} of {len(every)} | {count} | {rate(found):.1%}"
            f" | {explored:.1%} of {len(sought)} | {kinds['easy']} |"
        )
        print(told(framework, found), file=sys.stderr)
        given.failed |= rate(found) < LEAST or explored < LEAST_EXPLORED


def _tried(framework: str, mistakes: Sequence[Mistake], given: argparse.Namespace) -> list[Tried]:
    parts = [mistakes[start :: given.processes] for start in range(given.processes)]
    with ProcessPoolExecutor(given.processes) as pool:
        n = len(parts)
        return [*chain(*pool.map(try_all, [framework] * n, parts, [given.models] * n))]


def _explored(framework: str, killed: Sequence[Tried], given: argparse.Namespace) -> float:
    sought = explore_rate.look_for(framework, killed, given.examples)
    for one in sought:
        if one.found is None:
            print(f"explore does not find {one.tried.mistake}", file=sys.stderr)
    return sum(one.found is not None for one in sought) / max(1, len(sought))


def speed(given: argparse.Namespace) -> Iterator[str]:
    """Yield the ratios of times between this version and an older one."""
    yield "## Speed"
    yield ""
    command = [sys.executable, str(_ROOT / "benchmarks" / "against.py")]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    yield from ("```", *run.stdout.splitlines(), "```")
    given.failed |= run.returncode != 0
