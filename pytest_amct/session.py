"""The suite inside pytest: its tests, their results across processes, the report, the summary.

It is one plugin object, registered only under ``--amct``. Each test puts its result on the report
object as one JSON value, which pytest-xdist carries to the controller. There are no globals.
"""

from __future__ import annotations

import contextlib
import fnmatch
import importlib.util
import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import pytest

from pytest_amct.calls import Calls
from pytest_amct.choosing import groups_of, with_releases
from pytest_amct.errors import AmctError, UsageError
from pytest_amct.files import take_all
from pytest_amct.gate import frameworks_of
from pytest_amct.given_model import check_readable, models_by_name
from pytest_amct.ids import ConditionId
from pytest_amct.last_failures import OURS, keep_failures, recall_failures
from pytest_amct.losses import again, clean_up, tell_worker
from pytest_amct.options import Settings, listed_quantizers
from pytest_amct.processes.journal import Journal, read_journal
from pytest_amct.processes.signals import install, stopped_by, uninstall
from pytest_amct.processes.temporary import prefix
from pytest_amct.quantizers.containing import recorder
from pytest_amct.quantizers.isolation import Isolated
from pytest_amct.quantizers.loading import load_quantizer
from pytest_amct.quantizers.programs import PREFIXES
from pytest_amct.quantizers.protocol import Quantizer
from pytest_amct.quantizers.running import words
from pytest_amct.quantizers.tool import tool_of
from pytest_amct.reports.assembly import assemble, versions
from pytest_amct.reports.baseline import Baseline, read_baseline
from pytest_amct.reports.changes import About, comparison_of
from pytest_amct.reports.changes_text import lost_sentence, summary
from pytest_amct.reports.forms import add_to_step_summary, prepare, wants_files, write_all
from pytest_amct.reports.json_report import (
    FILE_NAME,
    remove_report,
    write_results,
    write_times,
)
from pytest_amct.reports.junit import add_suite_properties, test_properties
from pytest_amct.reports.pages import with_pages
from pytest_amct.reports.parts import part_of
from pytest_amct.reports.phrases import seen
from pytest_amct.reports.terminal import TABLE, coloured, in_ascii, summary_lines
from pytest_amct.reports.waived import stale
from pytest_amct.results import Collected, Result, policy_of
from pytest_amct.runner import Runner
from pytest_amct.saved import remove_saved
from pytest_amct.selection import Attendance, options_given
from pytest_amct.tables.loader import load_spec
from pytest_amct.tables.model import Spec
from pytest_amct.timing import Clock, Left, told
from pytest_amct.verdicts import Key
from pytest_amct.waivers import add_waivers
from pytest_amct.waiving import check_waivers
from pytest_amct.watch import LINK
from pytest_amct.wording import number

MODULE = "test_conformance.py"
"""The suite's module. Its test ids are ``amct/test_conformance.py::...``, wherever it is."""

_RESULT = pytest.StashKey[str | dict[str, Any]]()


class SuiteModule(pytest.Module):
    """A module of the suite. It is collected whatever naming rules a repository has."""

    def funcnamefilter(self, name: str) -> bool:
        """Return whether a name is that of a test of this run."""
        return name in cast(Suite, self.config.pluginmanager.get_plugin("amct-suite")).tests

    def classnamefilter(self, name: str) -> bool:
        """Return false: the suite has no classes."""
        return False


class Suite:
    """The plugin object of a run under ``--amct``, in the controller and in each worker."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config = config
        self.worker: str = getattr(config, "workerinput", {}).get("workerid", "")
        self.quantizer = load_quantizer(settings.quantizer, settings.rootdir, settings.timeout)
        self.tool = tool_of(self.quantizer)
        self.settings = settings = with_releases(settings, self.quantizer)
        self.specs = tuple(map(load_spec, settings.specs))
        self.spec = self.specs[0]
        self.groups = groups_of(self.quantizer, self.specs, settings)
        self.frameworks = [*frameworks_of(self.quantizer, settings, self.spec)]
        _check_rows(settings, self.spec)
        check_waivers(settings.waivers, settings.specs)
        self.baseline = self._baseline()
        self.models = models_by_name(settings.model) if settings.model else {}
        if len(self.models) == 1:
            (only,) = self.models.values()
            check_readable(only, self.quantizer, self.frameworks)
        self.folder = _suite_folder()
        self.collected = Collected()
        self.lost = self.stopped = False
        self.interrupted: set[str] = set()
        self.complaint = ""
        self.deselected = 0
        self.attendance = Attendance(self._planned())
        self.narrowed_by = options_given(config.getoption, config.args)
        self._told: set[str] = set()
        self._shown = ""
        self.sentence = self.warning = ""
        # No cached property: pytest 8.2 reads every attribute of a plugin that it registers.
        self.report = cache(self._assembled)
        self._add_suite()
        recall_failures(config, self.quantizer.name)
        install()
        self.isolated: Isolated | None = None
        if settings.isolate and not self.worker:
            self.isolated = Isolated(
                settings.quantizer, settings.rootdir, settings.timeout, settings.specs
            )
            self.isolated.start()

    def _baseline(self) -> Baseline | None:
        """Return the report of an earlier run with which this one is compared, if there is one."""
        chosen, spec = self.settings, self.spec
        if chosen.compare is None:
            return None
        seed = chosen.seed if chosen.profile == "explore" else None
        run = About(
            self.tool.name,
            self.tool.version,
            chosen.profile,
            spec.release,
            spec.title,
            tuple(self.frameworks),
            seed,
        )
        return read_baseline(chosen.compare, run, chosen.report)

    def _known(self, spec: Spec) -> frozenset[Key]:
        """Return the violations under a release that fail no test."""
        if self.baseline is None or not self.settings.only_new:
            return frozenset()
        return self.baseline.violations.get((spec.release, spec.title), frozenset())

    def _add_suite(self) -> None:
        """Add the suite to the collection. It runs alone if the command line names no tests."""
        config, path = self.config, str(self.folder / MODULE)
        if config.args_source is not pytest.Config.ArgsSource.ARGS:
            config.args[:] = []
        config.args[:] = [self._installed(arg, path) for arg in config.args]
        if not any(arg.startswith(path) for arg in config.args):
            config.args.append(path)

    def _installed(self, argument: str, path: str) -> str:
        """Return an argument with the suite's path if it is an id as pytest prints it.

        In a subfolder, pytest prints ids relative to that.
        """
        file, colons, test = argument.partition("::")
        shown = Path(self.config.rootpath, "amct", MODULE)
        here = os.path.normpath(self.config.invocation_params.dir / file)
        return (
            f"{path}{colons}{test}" if file == f"amct/{MODULE}" or here == str(shown) else argument
        )

    # --- collection ---------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makemodule(
        self, module_path: Path, parent: pytest.Collector
    ) -> pytest.Module | None:
        """Give the suite's module a short id that does not depend on where it is installed."""
        if module_path.parent != self.folder:
            return None
        module: pytest.Module = SuiteModule.from_parent(
            parent, path=module_path, nodeid=f"amct/{module_path.name}"
        )
        return module

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> pytest.CollectReport | None:
        """Keep ``--lf`` from skipping our module, whose id is not its path."""
        manager = self.config.pluginmanager
        skipping = manager.get_plugin("lfplugin-collskip")
        if skipping is None or not isinstance(collector, SuiteModule):
            return None
        others = manager.subset_hook_caller("pytest_make_collect_report", [skipping, self])
        return cast(pytest.CollectReport, others(collector=collector))

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make one test for each condition, framework or model."""
        if isinstance(metafunc.definition.getparent(pytest.Module), SuiteModule):
            name, values = self.tests[metafunc.definition.name]
            metafunc.parametrize(name, values, ids=values)

    @property
    def tests(self) -> dict[str, tuple[str, list[str]]]:
        """The tests of this run: the argument of each, and its values."""
        if self.settings.model:
            return {"test_model": ("model", [*self.models])}
        conditions = self._conditions()
        if self.settings.select:
            return conditions
        return {"test_quantizes_something": ("framework", self.frameworks), **conditions}

    def _planned(self) -> frozenset[str]:
        """Return the names of the tests of this run; none if a single model is judged."""
        if self.settings.model:
            return frozenset()
        return frozenset(f"{name}[{v}]" for name, (_, vs) in self.tests.items() for v in vs)

    def _conditions(self) -> dict[str, tuple[str, list[str]]]:
        """Return the tests that are selected by id: conditions, networks, metamorphic changes."""
        pairs = [g for g in self.groups if ConditionId.parse(g).is_metamorphic]
        networks = [g for g in self.groups if ConditionId.parse(g).is_network]
        others = [g for g in self.groups if g not in networks and g not in pairs]
        explores = self.settings.profile == "explore"
        found = {
            "test_metamorphic": ("change", [_change(ConditionId.parse(g)) for g in pairs]),
            "test_explore" if explores else "test_condition": ("condition", others),
            "test_networks" if explores else "test_together": (
                "framework",
                [ConditionId.parse(g).framework for g in networks],
            ),
        }
        return {name: (argument, values) for name, (argument, values) in found.items() if values}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Mark our tests, so that ``-m amct`` finds them."""
        for item in items:
            if isinstance(item.getparent(pytest.Module), SuiteModule):
                item.add_marker(pytest.mark.amct)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Count our tests that were deselected by hand."""
        self.deselected += sum(item.get_closest_marker("amct") is not None for item in items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which of our tests are about to run."""
        self._about_to_run(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Note which of our tests a worker is about to run."""
        self._about_to_run(ids)

    def _about_to_run(self, ids: Iterable[str]) -> None:
        ours = (id_.removeprefix(f"{OURS}{MODULE}::") for id_ in ids if id_.startswith(OURS))
        self.attendance.collected.update(ours)

    # --- running ------------------------------------------------------------------------------

    def pytest_report_header(self) -> str | None:
        """Return the line with the seed, so that a run can be repeated even if it is cut off."""
        chosen = self.settings
        if chosen.profile != "explore":
            return None
        count = len(self.specs)
        each = f" under each of {count} releases" if count > 1 else ""
        return (
            f"amct: explore, {chosen.max_examples} examples a test{each}, --amct-seed={chosen.seed}"
        )

    def progress(self, text: str) -> None:
        """Show the progress of a long test on a terminal, unless ``-q`` is given."""
        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        if not self._shows_progress:
            return
        capture = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            if text or self._shown:
                reporter.ensure_newline()
                reporter.rewrite(f"  {text}" if text else "", erase=True)
            self._shown = text

    @property
    def _shows_progress(self) -> bool:
        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        return reporter is not None and reporter.isatty and reporter.verbosity >= 0

    @property
    def _elsewhere(self) -> bool:
        """Whether the quantizer runs in its own process, with its own time limit."""
        return self.settings.isolate or self.settings.quantizer.startswith(PREFIXES)

    def _tell_watch(self, **values: Any) -> None:
        """Send values to the process that watches this one, if there is one."""
        link = self.config.stash.get(LINK, None)
        if link is not None:
            link.say(**values)

    @contextlib.contextmanager
    def running(self) -> Iterator[Runner]:
        """Yield the runner of this process, with a journal, for all of our tests."""
        journal = Journal(self._journal_path(self.worker), prefix())
        left = Left(self.progress, lambda: _planned_calls(runner, self.settings))
        self.clock = clock = Clock(left.called if self._shows_progress else None)
        self._left = left
        calls = Calls(self.quantizer, self.specs, self.settings, journal, self.isolated, clock)
        judge = partial(Runner, self.quantizer, settings=self.settings, calls=calls)
        others = tuple(judge(spec=spec, known=self._known(spec)) for spec in self.specs[1:])
        known = self._known(self.spec)
        runner = judge(spec=self.spec, journal=journal, others=others, known=known)
        try:
            yield runner
        finally:
            if calls.isolated:
                calls.isolated.close()
            recorder().close()
            journal.close(arrived=not self.stopped)
        failure = _close(self.quantizer)
        if failure:
            pytest.fail(failure, pytrace=False)

    def hand_over(self, item: pytest.Item, result: Result) -> None:
        """Store a test's result, and fail the test if the result says so."""
        result = replace(result, seconds=self.clock.take())
        self._left.next_test()
        # Text crosses to the controller. In one process, text of a large model would only cost.
        item.stash[_RESULT] = result.to_json() if self.worker else result.values()
        kinds = sorted({f.kind for f in result.findings if f.status == "failed"})
        item.user_properties.append(("amct_cases", len(result.records)))
        condition = cast(pytest.Function, item).callspec.params.get("condition")
        if isinstance(condition, str):
            item.user_properties += test_properties(condition, self.spec)
        if kinds:
            item.user_properties.append(("amct_findings", ", ".join(kinds)))
        # If a framework is stopped, the first test of a process fails, and the others skip.
        if result.stopped and self._told.issuperset(result.stopped):
            pytest.skip(f"no usable result for any plain layer of {', '.join(result.stopped)}")
        self._told.update(result.stopped)
        if result.failure:
            pytest.fail(result.failure, pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the result on the report object, for this process or the controller."""
        report = yield
        if call.when == "call" and _RESULT in item.stash:
            report.amct_result = item.stash[_RESULT]  # type: ignore[attr-defined]
            crash = getattr(report.longrepr, "reprcrash", None)
            if crash is not None:  # pytest shows it in its summary, under CI=true as a whole
                crash.message = crash.message.partition("\n")[0]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect a result. If a test has none, note that the report is incomplete."""
        result = getattr(report, "amct_result", None)
        name = report.nodeid.removeprefix(f"{OURS}{MODULE}::")
        if result is not None:
            self.collected.add(json.loads(result) if isinstance(result, str) else result)
            self.attendance.done.add(name)
        elif not report.nodeid.startswith(OURS) or report.when == "teardown":
            return
        elif report.failed:
            self.lost = True
        elif report.skipped:
            self.attendance.skipped.add(name)

    # --- pytest-xdist -------------------------------------------------------------------------

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker the seed and the path of its journal."""
        node.workerinput["amct-seed"] = str(self.settings.seed)
        node.workerinput["amct-scratch"] = str(self.settings.scratch)
        node.workerinput["amct-journal"] = str(self._journal_path(node.gateway.id))

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """Find out what a crashed worker was doing."""
        worker: str = report.node.gateway.id
        self.lost = self.lost or crashitem.startswith("amct/")
        if not crashitem.startswith("amct/") or worker in self.interrupted:
            return
        sentence, case = tell_worker(
            self.collected, self._journal_path(worker), self.quantizer.name, self._elsewhere
        )
        lines = [sentence, "", str(report.longrepr)]
        if case is not None:
            lines.append(f"again      {again(self.settings, case)}")
        report.longrepr = "\n".join(lines)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Count the tests that a worker deselected, and remember how it ended."""
        if error == "keyboard-interrupt":
            self.interrupted.add(node.gateway.id)
        elif error:
            self.complaint = f" (a worker ended with {str(error).strip().splitlines()[-1]!r})"
        self.deselected += getattr(node, "workeroutput", {}).get("amct-deselected", 0)

    def _journal_path(self, worker: str) -> Path:
        given: dict[str, str] = getattr(self.config, "workerinput", {})
        if "amct-journal" in given:
            return Path(given["amct-journal"])
        return self.settings.scratch / f"journal-{os.getpid()}-{worker or 'main'}.jsonl"

    # --- the end ------------------------------------------------------------------------------

    def pytest_sessionstart(self) -> None:
        """Remove an older report, so that an interrupted run is not mistaken for a complete one."""
        if self._silent():
            return
        try:
            if self.settings.report:
                remove_report(self.settings.report)
            prepare(self.settings)
        except AmctError as error:
            raise pytest.UsageError(str(error)) from error
        add_suite_properties(self.config, self.quantizer.name, self.spec, versions())
        if not self.settings.model:  # else the model may be one of them
            remove_saved(self.settings.folder)
        begun = {
            "settings": asdict(self.settings),
            "quantizer": self.quantizer.name,
            "tool": self.tool,
            "selection": self.selection(),
            "elsewhere": self._elsewhere,
        }
        self._tell_watch(begun=begun)

    def pytest_keyboard_interrupt(self) -> None:
        """Note that a test was interrupted: its results are only in the journal."""
        self.stopped = True

    def _journals(self) -> list[Path]:
        return sorted(self.settings.scratch.glob(f"journal-{os.getpid()}-*.jsonl"))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the report. A run that tested nothing is an error."""
        if self.worker:
            self.config.workeroutput["amct-deselected"] = self.deselected  # type: ignore[attr-defined]
        if self._silent():
            return
        keep_failures(self.config, self.quantizer.name)
        fine = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        stopped = session.shouldstop or session.shouldfail
        ended = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not stopped
        for path in self._journals() if self.stopped else ():
            self.collected.add_remains(read_journal(path), self.quantizer.name, accused=False)
        self.collected.complete = ended and not self.lost and not self.attendance.unfinished
        if not self.collected.tests and exitstatus in fine and not self._deselected_by_hand():
            self.collected.complete = False
            self.sentence = (
                "amct: no conformance test ran, so nothing was judged: check why pytest did not"
                f" collect or run amct/{MODULE}{self.complaint}"
            )
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        if self.baseline is not None and self.settings.only_new and ended:
            lost = lost_sentence(self.baseline.changes(self.report()), self.baseline.name)
            if lost:
                self.sentence, session.exitstatus = lost, pytest.ExitCode.TESTS_FAILED
        if stopped_by():
            self.sentence = f"amct: stopped by {stopped_by()}: the quantizer is not blamed"
        try:
            self._write()
        except AmctError as error:
            self.sentence = str(error)
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        if self.settings.waivers and stale(self.report()) and session.exitstatus in fine:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.collected.tests:
            self.warning = add_to_step_summary(self.report())
        self._tell_watch(reported=True)

    def _write(self) -> None:
        """Write what the user wants as files. Raises `AmctError` if one cannot be written."""
        settings, folder = self.settings, self.settings.report
        steps: list[Callable[[], object]] = []
        if folder:
            steps.append(partial(write_results, self.results(), folder))
            steps.append(partial(write_times, self.collected.seconds, folder))
        if wants_files(settings):
            report = with_pages(self.report(), self.specs)
            steps.append(partial(write_all, report, settings, self.specs))
        take_all(*steps)
        if stopped_by() and folder:
            self.sentence += f"; what was judged is in {folder / FILE_NAME}"
        if settings.write_waivers:
            failed = [f for f in self.report()["findings"] if f["status"] == "failed"]
            one_of_several = len(listed_quantizers(self.config)) > 1
            about = settings.quantizer if one_of_several else ""
            file = settings.waivers_file
            added = add_waivers(file, failed, settings.spec, about) if failed else 0
            said = f"added {number(added, 'waiver')} to {file}: write a reason and an owner"
            nothing = "amct: no violation to waive: nothing was written"
            self.sentence = f"amct: {said} into each, then they count" if added else nothing

    def pytest_unconfigure(self) -> None:
        """Restore the state of the process, and remove what workers have left."""
        if self.isolated:
            self.isolated.close()
        if not self.worker:
            for path in self._journals():
                clean_up(path, read_journal(path))
            with contextlib.suppress(OSError):  # it is empty if only journals were in it
                self.settings.scratch.rmdir()
        uninstall()

    def selection(self) -> dict[str, Any]:
        """Return what the user selected from the suite, and the seed of explore."""
        explores = self.settings.profile == "explore"
        return {
            "select": list(self.settings.select),
            "keyword": self.config.getoption("keyword"),
            "markers": self.config.getoption("markexpr"),
            "model": self.settings.model.name if self.settings.model else None,
            "left_out": self.attendance.left_out(self.narrowed_by),
            **({"seed": self.settings.seed} if explores else {}),
        }

    def _assembled(self) -> dict[str, Any]:
        """Return the report as a JSON value. Only `report` calls this: once, at the end."""
        report = assemble(
            self.collected,
            self.specs,
            self.settings,
            self.quantizer.name,
            self.selection(),
            self.tool,
        )
        if self.baseline is not None:
            changes = self.baseline.changes(report)
            report["comparison"] = comparison_of(changes, self.baseline.name)
        return report

    def results(self) -> dict[str, Any]:
        """Return what the report is made of, for `pytest-amct merge`."""
        return part_of(
            self.collected,
            self.specs,
            self.settings,
            self.quantizer.name,
            self.selection(),
            self.tool,
            self.attendance,
            self.quantizer.frameworks,
        )

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show the table, one line per row."""
        if self._silent():
            return
        if self.collected.tests:
            report = self.report()
            title = f"{self.spec.title}{seen(report['spec'])}"
            terminalreporter.section(f"amct: {self.quantizer.name} against {title}")
            self._write_summary(terminalreporter, report)
            if line := told(self.collected.seconds):
                terminalreporter.write_line(f"  {line}")
            if self.baseline is not None:
                for line in summary(self.baseline, report, only_new=self.settings.only_new):
                    terminalreporter.write_line(f"  {line}")
        if self.warning:
            terminalreporter.write_line(self.warning, yellow=True)
        if self.sentence:
            terminalreporter.ensure_newline()
            terminalreporter.write_line(self.sentence, red=True)

    def _write_summary(self, reporter: Any, report: dict[str, Any]) -> None:
        """Write the table, in the terminal's width, characters and colours."""
        writer = reporter._tw
        shown: Callable[[str], str] = str
        try:
            "✗✓".encode(getattr(writer._file, "encoding", None) or "utf-8")
        except (UnicodeError, LookupError):
            shown = in_ascii
        # Files keep long lines, in which others search.
        width = writer.fullwidth if reporter.isatty else None
        for line, markup in summary_lines(report, width=width):
            parts = coloured(line) if markup == [TABLE] else [(line, markup)]
            for text, colours in parts:
                reporter.write(shown(text), **dict.fromkeys(colours, True))
            reporter.write("\n")

    def _silent(self) -> bool:
        """Return whether another process reports, or there is nothing to report."""
        return bool(self.worker or self.config.getoption("collectonly"))

    def _deselected_by_hand(self) -> bool:
        names = ("keyword", "markexpr", "deselect", "lf", "stepwise")
        return bool(self.deselected or any(self.config.getoption(n, None) for n in names))


def _planned_calls(runner: Runner, settings: Settings) -> int:
    """Return about how many models a run of the gate gives to its quantizer."""
    groups = runner.gate.groups
    listed = {case.id for group in groups for case in runner.gate.cases(group)}
    return len(listed) + settings.max_examples * len(groups)


def _close(quantizer: Quantizer) -> str:
    """Close the quantizer, and return what went wrong, "" if nothing did."""
    try:
        quantizer.close()
    except Exception as error:
        return f"{quantizer.name}: close() raised {words(error)}"
    return ""


def _check_rows(settings: Settings, spec: Spec) -> None:
    """Raise `UsageError` for a pattern that matches no row, and for a row in both lists."""
    rows = [row.id for row in spec.rows]
    for option, patterns in (
        ("amct_required_rows", settings.required_rows),
        ("amct_float_rows", settings.float_rows),
    ):
        for pattern in patterns:
            if not fnmatch.filter(rows, pattern):
                raise UsageError(
                    f"{option}: {pattern!r} is not a row of {spec.source}: use an id such"
                    f" as {rows[0]}; * matches anything"
                )
    policy = policy_of(settings)
    for row in rows:
        if policy.is_required(row) and policy.is_float_row(row):
            raise UsageError(
                f"{row} is in amct_required_rows and in amct_float_rows: remove it from one of them"
            )


def _suite_folder() -> Path:
    """Return the folder of the suite's tests, in a wheel or an editable checkout."""
    found = importlib.util.find_spec("pytest_amct.conformance")
    if found is None or not found.submodule_search_locations:
        raise AmctError("pytest_amct.conformance is not installed: install pytest-amct again")
    return Path(found.submodule_search_locations[0])


def _change(id_: ConditionId) -> str:
    """Return what tests call a metamorphic change: its name, after the framework if not ONNX."""
    return id_.row if id_.framework == "onnx" else f"{id_.framework}/{id_.row}"
