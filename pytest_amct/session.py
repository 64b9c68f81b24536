"""The suite inside pytest: its tests, what crosses processes, the report and the summary.

One object, registered only under ``--amct``. Tests hand their results over as one JSON value on
the report object, which pytest-xdist carries to the controller; nothing is kept in globals.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_amct.errors import AmctError
from pytest_amct.journal import Journal, read_journal
from pytest_amct.options import Settings
from pytest_amct.quantizers.loading import load_quantizer
from pytest_amct.reports.assembly import Collected, assemble
from pytest_amct.reports.json_report import write_report
from pytest_amct.reports.terminal import summary_lines
from pytest_amct.runner import Result, Runner, selected_groups
from pytest_amct.tables.loader import load_spec
from pytest_amct.watch import Watch

_RESULT = pytest.StashKey[str]()


class SuiteModule(pytest.Module):
    """A module of the suite: found whatever a repository's naming rules for tests are."""

    def funcnamefilter(self, name: str) -> bool:
        """Whether a name is that of a test that has something to do in this run."""
        suite: Suite = self.config.pluginmanager.get_plugin("amct-suite")
        return name in suite.tests


class Suite:
    """The plugin object of a run under ``--amct``, in the controller and in each worker."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config, self.settings = config, settings
        self.worker: str = getattr(config, "workerinput", {}).get("workerid", "")
        self.spec = load_spec(settings.spec)
        self.quantizer = load_quantizer(settings.quantizer, settings.rootdir)
        self.groups = selected_groups(settings, self.spec)
        self.frameworks = [
            f for f in self.quantizer.frameworks if not settings.frameworks or f in settings.frameworks
        ]
        self.folder = _suite_folder()
        self.collected = Collected()
        self.deselected = 0
        self._add_suite()

    def _add_suite(self) -> None:
        """Collect the suite too; alone, if the command line names nothing else."""
        config, path = self.config, str(self.folder / "test_conformance.py")
        if not self.worker and config.args_source is not pytest.Config.ArgsSource.ARGS:
            config.args[:] = []
        if path not in config.args:
            config.args.append(path)

    # --- collection ---------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makemodule(
        self, module_path: Path, parent: pytest.Collector
    ) -> pytest.Module | None:
        """Give the suite's modules short ids that do not depend on where they are installed."""
        if module_path.parent != self.folder:
            return None
        module: pytest.Module = SuiteModule.from_parent(
            parent, path=module_path, nodeid=f"amct/{module_path.name}"
        )
        return module

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each condition, framework or model."""
        if isinstance(metafunc.definition.getparent(pytest.Module), SuiteModule):
            name, values = self.tests[metafunc.definition.name]
            metafunc.parametrize(name, values, ids=[Path(v).name if self.settings.model else v for v in values])

    @property
    def tests(self) -> dict[str, tuple[str, list[str]]]:
        """The tests of this run: the argument of each, and its values."""
        if self.settings.model:
            return {"test_model": ("model", [str(self.settings.model)])}
        conditions = {"test_condition": ("condition", self.groups)}
        if self.settings.select:
            return conditions
        return {"test_quantizes_something": ("framework", self.frameworks), **conditions}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Mark our tests, so that ``-m amct`` finds them."""
        for item in items:
            if isinstance(item.getparent(pytest.Module), SuiteModule):
                item.add_marker(pytest.mark.amct)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Count our tests that were deselected by hand."""
        self.deselected += sum(item.get_closest_marker("amct") is not None for item in items)

    # --- running ------------------------------------------------------------------------------

    @contextlib.contextmanager
    def running(self) -> Iterator[Runner]:
        """The runner of this process, watched, until the last test of ours is done."""
        journal = Journal(self._journal_path(self.worker))
        capture = self.config.pluginmanager.getplugin("capturemanager")
        # The watcher speaks when nobody else can: it gets the real standard error.
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            watch = Watch(journal.path, self.settings, self.quantizer.name, bool(self.worker))
        yield Runner(self.quantizer, self.spec, self.settings, journal)
        self.quantizer.close()
        watch.close()
        journal.close()

    def hand_over(self, item: pytest.Item, result: Result) -> None:
        """Take a test's result, and fail the test if there is a reason."""
        item.stash[_RESULT] = result.to_json()
        kinds = sorted({f.kind for f in result.findings if f.status == "failed"})
        item.user_properties.append(("amct_cases", len(result.records)))
        if kinds:
            item.user_properties.append(("amct_findings", ", ".join(kinds)))
        if result.failure:
            pytest.fail(result.failure, pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the result on the report, for this process or the controller."""
        report = yield
        if call.when == "call" and _RESULT in item.stash:
            report.amct_result = item.stash[_RESULT]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in a result; find out what a worker was doing that is gone."""
        result = getattr(report, "amct_result", None)
        if result is not None:
            self.collected.add(json.loads(result))
        elif report.nodeid.startswith("amct/") and report.when not in ("setup", "call", "teardown"):
            self._worker_lost(report)

    def _worker_lost(self, report: pytest.TestReport) -> None:
        node = getattr(report, "node", None)
        worker = node.gateway.id if node is not None else ""
        remains = read_journal(self._journal_path(worker))
        sentence = self.collected.add_remains(remains, self.quantizer.name)
        report.sections.append(("amct", sentence))

    def _journal_path(self, worker: str) -> Path:
        return self.settings.scratch / f"journal-{worker or 'main'}.jsonl"

    # --- the end ------------------------------------------------------------------------------

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the report; a run that tested nothing is an error."""
        if self.worker or self.config.getoption("collectonly"):
            return
        self.collected.complete = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if getattr(session, "shouldstop", False) or getattr(session, "shouldfail", False):
            self.collected.complete = False
        ran_nothing = not self.collected.tests and exitstatus in (
            pytest.ExitCode.OK,
            pytest.ExitCode.NO_TESTS_COLLECTED,
        )
        if ran_nothing and not self._deselected_by_hand():
            self.collected.complete = False
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        if self.settings.report:
            write_report(self.report(), self.settings.report)

    def report(self) -> dict[str, Any]:
        """The report as a JSON value."""
        option = self.config.getoption
        selection = {
            "select": list(self.settings.select),
            "keyword": option("keyword"),
            "markers": option("markexpr"),
            "model": self.settings.model.name if self.settings.model else None,
        }
        return assemble(self.collected, self.spec, self.settings, self.quantizer.name, selection)

    def _deselected_by_hand(self) -> bool:
        option = self.config.getoption
        names = ("keyword", "markexpr", "deselect", "lf", "failedfirst", "stepwise", "newfirst")
        return bool(self.deselected or any(option(name, None) for name in names))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show the table, a line for each row."""
        if self.worker or self.config.getoption("collectonly"):
            return
        if not self.collected.tests:
            if not self._deselected_by_hand():
                terminalreporter.write_line(
                    "amct: not one test of the suite ran: nothing was judged", red=True
                )
            return
        terminalreporter.section(f"amct: {self.quantizer.name} against {self.spec.title}")
        for line, markup in summary_lines(self.report()):
            terminalreporter.write_line(line, **dict.fromkeys(markup, True))


def _suite_folder() -> Path:
    """Where the suite's tests are, in a wheel or in an editable checkout."""
    found = importlib.util.find_spec("pytest_amct.conformance")
    if found is None or not found.submodule_search_locations:
        raise AmctError("pytest_amct.conformance is not installed: install pytest-amct again")
    return Path(found.submodule_search_locations[0])


