"""Several quantizers in one repository: a run of pytest for each, one after the other.

A run of its own keeps their reports, their failing models and what ``--lf`` remembers apart, and
works with every other plugin. Imports nothing slow.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pytest_amct.options import quantizers_of


class Several:
    """The plugin object that runs pytest for each of several quantizers."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> int | None:
        """Run pytest for each quantizer if ``amct_quantizer`` names several."""
        option = config.getoption
        if not option("--amct") or option("help") or option("version"):
            return None
        names = quantizers_of(config)
        return None if len(names) < 2 else _run_each(config, names)


def _run_each(config: pytest.Config, names: Sequence[str]) -> int:
    """Return the status of the worst run: a usage error, else a failure, else the first one."""
    # Every run of pytest imports this module, also those without --amct.
    from pytest_amct.ids import file_name

    given = config.invocation_params
    statuses = []
    for name in names:
        own = [f"--amct-quantizer={name}", *_own_files(config, file_name(name))]
        command = [sys.executable, "-m", "pytest", *map(str, given.args), *own]
        sys.stdout.flush()
        with subprocess.Popen(command, cwd=given.dir) as run:
            try:
                statuses.append(run.wait())
            except KeyboardInterrupt:  # the run has heard it, too, and reports
                run.wait()
                return int(pytest.ExitCode.INTERRUPTED)
        if statuses[-1] == pytest.ExitCode.INTERRUPTED:
            break
    order = (pytest.ExitCode.INTERRUPTED, *sorted({*statuses} - {0, 1, 5}), 1, 0, 5)
    return next(int(status) for status in order if status in statuses)


def _own_files(config: pytest.Config, name: str) -> Iterator[str]:
    """Yield options that name files for one quantizer, in place of those that were given."""
    option = config.getoption
    if option("--amct-report") is not None:
        yield f"--amct-report={Path(option('--amct-report'), name)}"
    old = option("--amct-compare")
    if old is not None and Path(config.invocation_params.dir, old, name).is_dir():
        yield f"--amct-compare={Path(old, name)}"
    named = {flag: option(flag) for flag in ("--amct-html", "--amct-markdown", "--amct-badge")}
    named["--junitxml"] = option("xmlpath", None)
    for flag, path in named.items():
        if path:
            yield f"{flag}={Path(path).with_stem(f'{Path(path).stem}-{name}')}"
