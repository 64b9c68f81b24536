"""Options and ini values of the plugin, and their validated form. Imports nothing slow."""

from __future__ import annotations

import contextlib
import random
import shlex
import tempfile
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from glob import has_magic
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pytest_amct.frameworks import FRAMEWORKS

PROFILES = ("gate", "explore")
_DEFAULT_SPEC = "cann-7.0.0"
_OPTIONS = (
    "--amct-quantizer",
    "--amct-spec",
    "--amct-spec-all-must-pass",
    "--amct-profile",
    "--amct-max-examples",
    "--amct-seed",
    "--amct-select",
    "--amct-model",
    "--amct-report",
    "--amct-strict",
)


_RENAMED = {"amct_claims": "amct_required_rows", "amct_skips": "amct_float_rows"}
"""Old ini keys and their new names."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The validated settings of a run."""

    quantizer: str
    #: the release that decides
    spec: str = _DEFAULT_SPEC
    #: further releases, each a section of the report
    more_specs: tuple[str, ...] = ()
    #: whether violations under those fail, too
    all_must_pass: bool = False
    profile: str = "gate"
    max_examples: int = 10
    #: seed of explore
    seed: int = 0
    #: where explore keeps failing examples; ``None`` = nowhere
    database: Path | None = None
    select: tuple[str, ...] = ()
    #: models to judge instead of the suite: a file, a folder or a pattern, as an absolute path
    model: Path | None = None
    report: Path | None = None
    strict: bool = False
    frameworks: tuple[str, ...] = ()
    required_rows: tuple[str, ...] = ()
    float_rows: tuple[str, ...] = ()
    #: reasons by condition or case pattern
    waivers: Mapping[str, str] = field(default_factory=dict)
    #: seconds after which a call counts as hung
    timeout: int = 300
    #: whether a function runs in its own process
    isolate: bool = False
    rootdir: Path = Path()
    scratch: Path = Path()
    #: the command that repeats the run with the same quantizer and tables; selections follow it
    command: str = "pytest --amct"

    @property
    def specs(self) -> tuple[str, ...]:
        """The releases to judge by, as named; the first decides."""
        return (self.spec, *self.more_specs)

    @property
    def folder(self) -> Path:
        """The folder for failing models."""
        return self.report or self.scratch


def settings_from(values: Mapping[str, Any]) -> Settings:
    """Return the settings from their JSON form (``dataclasses.asdict``, paths as text)."""
    kinds: dict[str, Callable[[Any], Any]] = {
        **dict.fromkeys(
            ("select", "frameworks", "required_rows", "float_rows", "more_specs"), tuple
        ),
        **dict.fromkeys(("model", "report", "database", "rootdir", "scratch"), Path),
    }
    return Settings(
        **{k: kinds[k](v) if k in kinds and v is not None else v for k, v in values.items()}
    )


def add_options(parser: pytest.Parser) -> None:
    """Register the command line and ini options."""
    group = parser.getgroup("amct", "conformance of a quantizer (pytest-amct)")
    add = group.addoption
    add("--amct", action="store_true", help="judge the quantizer against the tables")
    add("--amct-quantizer", metavar="NAME", help="module:attribute, or an installed quantizer")
    add(
        "--amct-spec",
        metavar="SPEC",
        action="append",
        help=f"release or .toml file of tables ({_DEFAULT_SPEC}); the first of several decides;"
        " latest, all",
    )
    add(
        "--amct-spec-all-must-pass",
        action="store_true",
        help="violations of the other releases fail, too",
    )
    add("--amct-profile", metavar="PROFILE", help="gate (the default), or explore")
    add(
        "--amct-max-examples",
        metavar="N",
        help="Hypothesis examples per condition (default: gate 10, explore 100)",
    )
    add("--amct-seed", metavar="N", help="seed of explore (default: random)")
    add(
        "--amct-select",
        metavar="ID",
        action="append",
        help="judge only these conditions, rows or cases (ids; * matches anything)",
    )
    add(
        "--amct-model",
        metavar="FILE",
        action="append",
        help="judge only this model; of a folder or a pattern, each model is a test",
    )
    add("--amct-report", metavar="DIR", help="write amct-report.json and failing models there")
    add("--amct-strict", action="store_true", help="warnings fail, too")
    ini = parser.addini
    ini("amct_quantizer", "the quantizer to judge: module:attribute, or an installed one")
    ini("amct_spec", "releases or .toml files of tables; the first decides", "linelist")
    ini("amct_frameworks", "frameworks to judge, if not all that the quantizer declares", "args")
    ini("amct_required_rows", "rows that must be quantized: leaving one in float fails", "linelist")
    ini("amct_float_rows", "rows that are left in float on purpose", "linelist")
    for old, new in _RENAMED.items():
        ini(old, f"renamed: {new}", "linelist")
    ini("amct_waivers", "accepted findings: a condition or case id, then the reason", "linelist")
    ini("amct_isolate", "run the function in its own process: a crash costs one case", "bool")
    ini("amct_timeout", "seconds after which a call of the quantizer counts as hung (300)")


def refuse_alone(config: pytest.Config) -> None:
    """Raise `pytest.UsageError` if an option of ours is given without ``--amct``."""
    for name in _OPTIONS:
        if config.getoption(name):
            raise pytest.UsageError(f"{name} does nothing without --amct: add --amct, or drop it")


def read_settings(config: pytest.Config) -> Settings:
    """Return the validated settings. Raises `pytest.UsageError` with one sentence."""
    option = config.getoption
    _refuse_apart(config)
    for old, new in _RENAMED.items():
        if config.getini(old):
            raise pytest.UsageError(f"{old} is now called {new}: rename it in {config.inipath}")
    quantizer = option("--amct-quantizer")
    if quantizer is None:
        quantizer = config.getini("amct_quantizer")
    if not quantizer:
        place = config.inipath or f"an ini file (there is none for {config.rootpath})"
        raise pytest.UsageError(
            f"--amct: no quantizer is named: set amct_quantizer in {place}, or give"
            " --amct-quantizer=module:function"
        )
    profile = option("--amct-profile") or PROFILES[0]
    if profile not in PROFILES:
        raise pytest.UsageError(
            f"--amct-profile={profile}: there is no such profile, use {' or '.join(PROFILES)}"
        )
    explores = profile == "explore"
    recorded = quantizer.startswith("results:")
    if explores and recorded:
        raise pytest.UsageError(
            f"--amct-profile=explore: recorded results ({quantizer!r}) cannot be re-run: drop the"
            " option"
        )
    if option("--amct-seed") and not explores:
        raise pytest.UsageError(
            "--amct-seed does nothing in this profile: add --amct-profile=explore, or drop it"
        )
    specs = option("--amct-spec") or config.getini("amct_spec") or [_DEFAULT_SPEC]
    if option("--amct-spec-all-must-pass") and len(specs) < 2 and specs != ["all"]:
        raise pytest.UsageError(
            "--amct-spec-all-must-pass does nothing with one release: name several, or drop it"
        )
    models, report = option("--amct-model") or [], option("--amct-report")
    if len(models) > 1:
        raise pytest.UsageError(
            "--amct-model is given twice: name a folder, or a pattern that matches both"
        )
    model = models[0] if models else None
    if model is not None and not Path(model).exists() and not has_magic(model):
        raise pytest.UsageError(f"--amct-model={model}: no such file: name a model")
    if model is not None and option("--amct-select"):
        raise pytest.UsageError("--amct-select does nothing with --amct-model: give one of them")
    return Settings(
        quantizer=quantizer,
        spec=specs[0],
        more_specs=tuple(dict.fromkeys(specs[1:])),
        all_must_pass=option("--amct-spec-all-must-pass"),
        profile=profile,
        max_examples=_number(
            "--amct-max-examples",
            option("--amct-max-examples"),
            100 if explores else 0 if recorded else 10,
            least=1 if explores else 0,
        ),
        seed=_seed(config) if explores else 0,
        database=_database(config) if explores else None,
        select=tuple(option("--amct-select") or ()),
        model=Path(model).absolute() if model else None,
        report=_folder(report) if report is not None else None,
        strict=option("--amct-strict"),
        frameworks=_frameworks(config.getini("amct_frameworks")),
        required_rows=tuple(config.getini("amct_required_rows")),
        float_rows=tuple(config.getini("amct_float_rows")),
        waivers=_waivers(config.getini("amct_waivers")),
        timeout=_number("amct_timeout", config.getini("amct_timeout"), 300, least=1),
        isolate=_isolate(config),
        rootdir=config.rootpath,
        scratch=_scratch(config),
        command=shlex.join(["pytest", "--amct", *_given(config)]),
    )


def _refuse_apart(config: pytest.Config) -> None:
    """Raise `pytest.UsageError` for a path that pytest has treated as a test path.

    pytest parses paths before it knows our options, and may then read the ini file of that folder,
    which may name another quantizer.
    """
    if hasattr(config, "workerinput") or config.getoption("inifilename"):
        return
    given, here = config.invocation_params.args, config.invocation_params.dir.resolve()
    strange = config.inipath is None or not here.is_relative_to(config.inipath.parent.resolve())
    for name, value in pairwise(map(str, given)):
        if name in ("--amct-model", "--amct-report", "--amct-spec"):
            path = Path(here, value).resolve()
            if path.exists() and (strange or not path.is_relative_to(here)):
                raise pytest.UsageError(
                    f"{name} {value}: pytest treats {value} as a test path: write {name}={value}"
                )


def _given(config: pytest.Config) -> list[str]:
    """Return the arguments that give the same settings again, with absolute paths."""
    here, found = config.invocation_params.dir, []
    specs = config.getoption("--amct-spec") or []
    values = [(name, config.getoption(name)) for name in ("--rootdir", "--amct-quantizer")]
    for name, value in (*values, *(("--amct-spec", spec) for spec in specs)):
        if value:
            path = Path(here, value)
            is_path = name != "--amct-quantizer" and path.exists()
            found.append(f"{name}={path if is_path else value}")
    ini = config.getoption("inifilename")
    return [*(["-c", str(Path(here, ini))] if ini else []), *found]


def _isolate(config: pytest.Config) -> bool:
    try:
        return bool(config.getini("amct_isolate"))
    except (ValueError, pytest.UsageError) as error:
        raise pytest.UsageError(f"amct_isolate: {error}: write true or false") from None


def _seed(config: pytest.Config) -> int:
    """Return the given seed, else a random one. Workers use the seed of the controller."""
    given: dict[str, str] = getattr(config, "workerinput", {})
    text = given.get("amct-seed", config.getoption("--amct-seed"))
    return _number("--amct-seed", text, random.SystemRandom().randrange(2**32), least=0)


def _database(config: pytest.Config) -> Path | None:
    """Return the folder of failing examples; none if a seed is given, which alone decides."""
    if config.getoption("--amct-seed") or getattr(config, "cache", None) is None:
        return None
    return _scratch(config) / "examples"


def _number(name: str, text: str | None, default: int, least: int) -> int:
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise pytest.UsageError(f"{name}={text}: must be a whole number, {least} or more")
    return int(text)


def _folder(name: str) -> Path:
    """Return a writable folder. It is created only when the report is written."""
    path = Path(name).absolute()
    above = next(p for p in (path, *path.parents) if p.exists())
    if not name or not above.is_dir():
        what = f"{above} is a file" if name else "it is empty"
        raise pytest.UsageError(f"--amct-report={name}: {what}: name a folder")
    models = path / "models"
    if models.exists() and not models.is_dir():
        raise pytest.UsageError(
            f"--amct-report={name}: {models} is a file, but failing models go there: remove it, or"
            " name another folder"
        )
    try:
        tempfile.TemporaryFile(dir=above).close()
    except OSError:
        raise pytest.UsageError(
            f"--amct-report={name}: {above} cannot be written to: name another folder"
        ) from None
    return path


def _frameworks(names: list[str]) -> tuple[str, ...]:
    for name in names:
        if name not in FRAMEWORKS:
            raise pytest.UsageError(
                f"amct_frameworks: {name!r} is not a framework: use {', '.join(FRAMEWORKS)}"
            )
    return tuple(names)


def _waivers(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pattern, reason in map(_waiver, lines):
        if pattern in found:
            raise pytest.UsageError(f"amct_waivers: {pattern!r} is listed twice: keep one")
        found[pattern] = reason
    return found


def _waiver(line: str) -> tuple[str, str]:
    pattern, _, reason = line.partition(" ")
    if not reason.strip():
        raise pytest.UsageError(
            f"amct_waivers: {line!r} gives no reason: write the id, a space, and why it is accepted"
        )
    return pattern, reason.strip()


def _scratch(config: pytest.Config) -> Path:
    """Return the folder for journals, and for failing models without a report folder."""
    given: dict[str, str] = getattr(config, "workerinput", {})
    if "amct-scratch" in given:
        return Path(given["amct-scratch"])
    cache = getattr(config, "cache", None)
    if cache is not None:
        with contextlib.suppress(OSError):  # the repository is read-only
            return Path(cache.mkdir("amct"))
    return Path(tempfile.gettempdir(), f"pytest-amct-{uuid.uuid4().hex[:12]}")


@dataclass(frozen=True, slots=True)
class Declared:
    """What a repository says of rows and conditions in its ini file, see `Settings`."""

    #: the ini file, ``""`` if there is none
    file: str
    required_rows: tuple[str, ...]
    float_rows: tuple[str, ...]
    waivers: Mapping[str, str]


def read_declared(folder: Path) -> Declared:
    """Return what the ini file says that pytest finds for a folder; no conftest.py is imported.

    Raises `pytest.UsageError` with one sentence.
    """
    arguments = [str(folder), "--noconftest", "-p", "no:cacheprovider"]
    config = pytest.Config.fromdictargs({}, arguments)
    return Declared(
        file=str(config.inipath or ""),
        required_rows=tuple(config.getini("amct_required_rows")),
        float_rows=tuple(config.getini("amct_float_rows")),
        waivers=_waivers(config.getini("amct_waivers")),
    )
