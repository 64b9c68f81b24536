"""The forms of a report for people, as files: HTML, Markdown, badge; the summary of a CI step."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pytest_amct.errors import UsageError
from pytest_amct.files import take_all, write_file
from pytest_amct.options import Settings
from pytest_amct.reports.badge import badge_json, badge_svg
from pytest_amct.reports.json_report import FILE_NAME, write_report
from pytest_amct.reports.summary import summary
from pytest_amct.reports.web import missing
from pytest_amct.tables.model import Spec

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable that names the file for the summary of a CI step."""

_HTML_NEEDS = {
    "jinja2": "jinja2",
    "fast_sugiyama": "fast-sugiyama",
    "markdown_it": "markdown-it-py",
}
"""The modules that HTML needs, and the names of their packages."""


@dataclass(frozen=True, slots=True)
class Forms:
    """The files to write; ``None`` = not wanted."""

    html: Path | None = None
    markdown: Path | None = None
    #: the picture; the data for shields.io goes to the same name with ``.json``
    badge: Path | None = None
    #: what comes before the names of the options that name them
    prefix: str = "--amct-"

    @staticmethod
    def of(settings: Settings) -> Forms:
        """Return the forms that the settings of a run name."""
        return Forms(settings.html, settings.markdown, settings.badge)

    @property
    def files(self) -> list[tuple[Path, str]]:
        """The files, each with the option that names it."""
        data = self.badge.with_suffix(".json") if self.badge else None
        named = (
            *(("html", self.html), ("markdown", self.markdown)),
            *(("badge", self.badge), ("badge", data)),
        )
        return [(path, f"{self.prefix}{name}=") for name, path in named if path]


def check_forms(forms: Forms, kept: Iterable[Path] = ()) -> None:
    """Raise `UsageError` for a file that cannot be written, or that is one of those to keep.

    Raise it also if a package is missing: a run would otherwise find out at its end.
    """
    if forms.badge is not None and forms.badge.suffix != ".svg":
        raise UsageError(f"{forms.prefix}badge={forms.badge}: must end in .svg: name such a file")
    taken = [other.resolve() for other in kept]
    for path, option in forms.files:
        if path.resolve() in taken:
            raise UsageError(
                f"{option}{path}: {path.name} is the report, or another form of it: name another"
                " file"
            )
        taken.append(path.resolve())
        if os.path.isdir(path):
            raise UsageError(f"{option}{path}: it is a folder: name a file")
        above = next(p for p in path.absolute().parents if os.path.exists(p))
        try:
            tempfile.TemporaryFile(dir=above).close()
        except OSError as error:
            raise UsageError(
                f"{option}{path}: {above} cannot be written to ({error.strerror}): name another"
                " file"
            ) from None
    if forms.html is not None:
        for module, package in _HTML_NEEDS.items():
            if importlib.util.find_spec(module) is None:
                raise missing(package)


def prepare(settings: Settings) -> None:
    """Check the forms of a run and remove those of an older one. Raise `UsageError`."""
    forms = Forms.of(settings)
    check_forms(forms, [settings.report / FILE_NAME] if settings.report else [])
    for path, option in forms.files:
        try:
            if os.path.isfile(path):
                path.resolve().unlink()  # a link stays
        except OSError as error:
            raise UsageError(
                f"{option}{path}: cannot be replaced ({error.strerror}): name another file"
            ) from None


def write_forms(report: dict[str, Any], forms: Forms, specs: Sequence[Spec] = ()) -> None:
    """Write the forms of a report, none of them before all are made. Raise `UsageError`.

    If one cannot be written, the others still are.
    """
    options = dict(forms.files)

    def write(path: Path, text: str) -> None:
        with contextlib.suppress(OSError):  # what follows says why
            path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, text, options[path])

    take_all(*[partial(write, path, text) for path, text in _made(report, forms, specs)])


def _made(
    report: dict[str, Any], forms: Forms, specs: Sequence[Spec]
) -> Iterator[tuple[Path, str]]:
    if forms.html is not None:
        # Only this form needs packages that may be missing, and builds models.
        from pytest_amct.reports.html.page import report_page

        yield forms.html, report_page(report, specs)
    if forms.markdown is not None:
        yield forms.markdown, summary(report)
    if forms.badge is not None:
        yield forms.badge, badge_svg(report)
        yield forms.badge.with_suffix(".json"), badge_json(report)


def write_all(report: dict[str, Any], settings: Settings, specs: Sequence[Spec]) -> None:
    """Write the JSON report and the other forms that a run wants.

    Raise `UsageError` if a file cannot be written. The others still are.
    """
    folder = settings.report
    in_json = [partial(write_report, report, folder)] if folder else []
    take_all(*in_json, partial(write_forms, report, Forms.of(settings), specs))


def wants_files(settings: Settings) -> bool:
    """Return whether a run writes its report to a file, in any form."""
    return bool(settings.report or Forms.of(settings).files)


def add_to_step_summary(report: dict[str, Any]) -> str:
    """Append the Markdown form to the summary of the CI step, if there is one.

    Return a sentence if it cannot be written, ``""`` otherwise: this never fails a run.
    """
    name = os.environ.get(STEP_SUMMARY)
    if not name:
        return ""
    try:
        with open(name, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(summary(report))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        return f"amct: the summary of the CI step is not written: {STEP_SUMMARY}={name} ({why})"
    return ""
