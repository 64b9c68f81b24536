"""Reports on a process that ended early: how it ended, in which case, and what is to blame.

A crash is blamed on the quantizer. A signal from an operator or the system is not, nor is the end
of a process in which no quantizer ran (``command:``, ``batch:``, ``amct_isolate``).
"""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_amct.options import Settings
from pytest_amct.processes.endings import accuses, cause
from pytest_amct.processes.journal import Remains, read_journal
from pytest_amct.processes.temporary import remove_all

if TYPE_CHECKING:
    from pytest_amct.results import Collected


def _worker_end(process: int) -> int | None:
    """Return how a child process of ours ended, ``None`` if unknown. Its owner still reaps it."""
    for _ in range(100):  # it may still be ending
        try:
            about = os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        except (AttributeError, OSError):
            return None
        if about is not None:
            return about.si_status if about.si_code == os.CLD_EXITED else -about.si_status
        time.sleep(0.01)
    return None


def clean_up(journal: Path, remains: Remains) -> None:
    """Remove the journal and the temporary files of a process that has ended."""
    with contextlib.suppress(OSError):
        journal.unlink(missing_ok=True)
    if remains.temporary:
        remove_all(remains.temporary)


def tell_worker(
    collected: Collected, journal: Path, quantizer: str, elsewhere: bool
) -> tuple[str, str | None]:
    """Collect the remains of an ended worker. Return the sentence that reports it, and its case."""
    remains = read_journal(journal)
    code = _worker_end(remains.process) if remains.process else None
    guilty = not elsewhere and (remains.hung or code is None or accuses(code, worker=True))
    sentence = collected.add_remains(
        remains,
        quantizer,
        "" if code is None else cause(code),
        accused=guilty,
    )
    clean_up(journal, remains)
    if guilty and remains.case is not None:
        sentence = f"{'timed-out' if remains.hung else 'crashed'}: {sentence}"
    return sentence, remains.case


def tell(
    begun: dict[str, Any],
    found: Sequence[tuple[Path, Remains]],
    child: int,
    code: int,
    *,
    stopped: str,
    reported: bool,
) -> str:
    """Write the report of a run whose process has ended. Return the sentence that reports it.

    `found` are its journals. `stopped` is the signal that ended the run before the process was
    killed.
    """
    # The waiting process stays small: it needs these only if the run has crashed.
    from pytest_amct.errors import AmctError
    from pytest_amct.options import settings_from
    from pytest_amct.quantizers.tool import Tool
    from pytest_amct.reports.assembly import assemble
    from pytest_amct.reports.forms import add_to_step_summary, wants_files, write_all
    from pytest_amct.reports.json_report import FILE_NAME
    from pytest_amct.reports.pages import with_pages
    from pytest_amct.results import Collected
    from pytest_amct.tables.loader import load_spec

    settings, quantizer = settings_from(begun["settings"]), begun["quantizer"]
    collected, cases, sentence = Collected(), [], ""
    ended = f"was killed ({cause(code)})" if code < 0 else f"ended ({cause(code)})"
    if stopped:
        ended = f"was stopped by {stopped}"
    for journal, remains in found:
        cases += [remains.case] if remains.case else []
        mine = remains.process == child and not begun["elsewhere"]
        accused = mine and (remains.hung or (not stopped and accuses(code)))
        told = collected.add_remains(remains, quantizer, cause(code), accused=accused)
        sentence = told if accused else sentence
        clean_up(journal, remains)
    if not sentence:
        during = f"during case {', '.join(cases)}, " if cases else ""
        judged = len(collected.records)
        after = "its report was written" if reported else f"{judged} cases"
        sentence = f"pytest {ended} {during}after {after}: the quantizer is not blamed"
    if not reported:
        specs = tuple(map(load_spec, settings.specs))
        tool = Tool(*begun["tool"])
        report = assemble(collected, specs, settings, quantizer, begun["selection"], tool)
        try:
            if wants_files(settings):
                write_all(with_pages(report, specs), settings, specs)
            if settings.report:
                sentence += f"; what was judged is in {settings.report / FILE_NAME}"
        except AmctError as error:
            sentence += f"; {error}"
        warning = add_to_step_summary(report)
        sentence += f"; {warning}" if warning else ""
    if len(cases) == 1:
        sentence += f"; again: {again(settings, cases[0])}"
    with contextlib.suppress(OSError):  # remove it if it was only made for the journals
        settings.scratch.rmdir()
    return sentence


def again(settings: Settings, case: str) -> str:
    """Return the command that judges a case again."""
    if settings.model:
        inside = settings.model / case  # one of the models in a folder
        path = inside if inside.exists() else settings.model
        return f"{settings.command} {shlex.quote(f'--amct-model={path}')}"
    return f"{settings.command} {shlex.quote(f'--amct-select={case}')}"
