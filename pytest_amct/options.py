"""Options and ini values of the plugin, and their validated form. Imports nothing slow."""

from __future__ import annotations

import contextlib
import random
import shlex
import tempfile
import uuid
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from glob import has_magic
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_amct.errors import UsageError
from pytest_amct.frameworks import FRAMEWORKS

if TYPE_CHECKING:
    from pytest_amct.waivers import Waiver

PROFILES = ("gate", "quick", "explore")
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
    "--amct-compare",
    "--amct-only-new",
    "--amct-html",
    "--amct-markdown",
    "--amct-badge",
    "--amct-strict",
    "--amct-write-waivers",
)


WAIVERS = "amct-waivers.toml"
"""The file of waivers beside the ini file; ``amct_waivers`` gives it another name."""

_PATHS = (
    *("--amct-model", "--amct-report", "--amct-compare", "--amct-spec"),
    *("--amct-html", "--amct-markdown", "--amct-badge"),
)
"""Options whose values are paths."""

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
    #: the report of an earlier run, with which this one is compared
    compare: Path | None = None
    #: whether violations of that run fail no test
    only_new: bool = False
    #: other forms of the report: absolute paths of files
    html: Path | None = None
    markdown: Path | None = None
    badge: Path | None = None
    strict: bool = False
    frameworks: tuple[str, ...] = ()
    required_rows: tuple[str, ...] = ()
    float_rows: tuple[str, ...] = ()
    #: accepted findings
    waivers: tuple[Waiver, ...] = ()
    #: the file that lists them, as an absolute path; it need not exist
    waivers_file: Path = Path(WAIVERS)
    #: whether to add this run's violations to that file
    write_waivers: bool = False
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
    from pytest_amct.waivers import Waiver

    kinds: dict[str, Callable[[Any], Any]] = {
        **dict.fromkeys(
            ("select", "frameworks", "required_rows", "float_rows", "more_specs"), tuple
        ),
        **dict.fromkeys(("model", "report", "compare", "html", "markdown", "badge"), Path),
        **dict.fromkeys(("database", "rootdir", "scratch", "waivers_file"), Path),
        "waivers": lambda several: tuple(Waiver(**one) for one in several),
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
    add("--amct-profile", metavar="PROFILE", help="gate (the default), quick, or explore")
    add(
        "--amct-max-examples",
        metavar="N",
        help="Hypothesis examples per condition (default: gate 10, quick 0, explore 100)",
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
    add("--amct-compare", metavar="OLD", help="say what changed since this amct-report.json")
    add("--amct-only-new", action="store_true", help="only what is worse than in OLD fails")
    add("--amct-html", metavar="FILE", help="write the report as one HTML page")
    add("--amct-markdown", metavar="FILE", help="write the report as Markdown")
    add("--amct-badge", metavar="FILE.svg", help="write a badge, also as FILE.json for shields.io")
    add("--amct-strict", action="store_true", help="warnings fail, too")
    add(
        "--amct-write-waivers",
        action="store_true",
        help=f"add a waiver for each violation to {WAIVERS}; it counts once it has a reason",
    )
    ini = parser.addini
    ini(
        "amct_quantizer",
        "the quantizer to judge: module:attribute, or an installed one; or several",
    )
    ini("amct_spec", "releases or .toml files of tables; the first decides", "linelist")
    ini("amct_frameworks", "frameworks to judge, if not all that the quantizer declares", "args")
    ini("amct_required_rows", "rows that must be quantized: leaving one in float fails", "linelist")
    ini("amct_float_rows", "rows that are left in float on purpose", "linelist")
    for old, new in _RENAMED.items():
        ini(old, f"renamed: {new}", "linelist")
    ini("amct_waivers", f"the file of accepted findings ({WAIVERS})")
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
    quantizer = (*quantizers_of(config), "")[0]
    if not quantizer:
        place = config.inipath or f"an ini file (there is none for {config.rootpath})"
        raise pytest.UsageError(
            f"--amct: no quantizer is named: set amct_quantizer in {place}, or give"
            " --amct-quantizer=module:function"
        )
    profile = option("--amct-profile") or PROFILES[0]
    if profile not in PROFILES:
        raise pytest.UsageError(
            f"--amct-profile={profile}: there is no such profile, use {', '.join(PROFILES)}"
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
    compare = option("--amct-compare")
    if compare is not None and model is not None:
        raise pytest.UsageError("--amct-compare does nothing with --amct-model: give one of them")
    if option("--amct-only-new"):
        _check_only_new(compare, explores)
    waivers_file = _waivers_file(config)
    return Settings(
        quantizer=quantizer,
        spec=specs[0],
        more_specs=tuple(dict.fromkeys(specs[1:])),
        all_must_pass=option("--amct-spec-all-must-pass"),
        profile=profile,
        max_examples=_number(
            "--amct-max-examples",
            option("--amct-max-examples"),
            100 if explores else 0 if recorded or profile == "quick" else 10,
            least=1 if explores else 0,
        ),
        seed=_seed(config) if explores else 0,
        database=_database(config) if explores else None,
        select=tuple(option("--amct-select") or ()),
        model=Path(model).absolute() if model else None,
        report=_folder(report) if report is not None else None,
        compare=Path(compare).absolute() if compare is not None else None,
        only_new=option("--amct-only-new"),
        html=_file("--amct-html", config),
        markdown=_file("--amct-markdown", config),
        badge=_file("--amct-badge", config),
        strict=option("--amct-strict"),
        frameworks=_frameworks(config.getini("amct_frameworks")),
        required_rows=tuple(config.getini("amct_required_rows")),
        float_rows=tuple(config.getini("amct_float_rows")),
        waivers=_own_waivers(config, waivers_file, quantizer),
        waivers_file=waivers_file,
        write_waivers=option("--amct-write-waivers"),
        timeout=_number("amct_timeout", str(_as_written(config, "amct_timeout")), 300, least=1),
        isolate=_isolate(config),
        rootdir=config.rootpath,
        scratch=_scratch(config),
        command=shlex.join(["pytest", "--amct", *_given(config)]),
    )


def quantizers_of(config: pytest.Config) -> list[str]:
    """Return the names of the quantizers to judge: that of the option, else those of the ini file.

    Raises `pytest.UsageError` for a name that comes twice.
    """
    named = config.getoption("--amct-quantizer")
    return [named] if named is not None else listed_quantizers(config)


def listed_quantizers(config: pytest.Config) -> list[str]:
    """Return the names of the quantizers in the ini file, see `quantizers_of`."""
    listed = _as_written(config, "amct_quantizer")
    lines = listed.splitlines() if isinstance(listed, str) else [str(name) for name in listed]
    names = [line.strip() for line in lines if line.strip()]
    for name in names:
        if names.count(name) > 1:
            raise pytest.UsageError(f"amct_quantizer: {name!r} is listed twice: keep one")
    return names


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
        if name in _PATHS:
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
    flags = ("--amct-strict", "--amct-spec-all-must-pass")
    found += [name for name in flags if config.getoption(name)]
    for given in config.getoption("override_ini") or []:
        found += ["-o", given] if given.startswith("amct_") else []
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


def _as_written(config: pytest.Config, name: str) -> Any:
    """Return an ini value as the file has it: text, or what pytest takes no text for.

    That is a list, of which pytest warns, and anything but text in pytest's own TOML table.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return config.getini(name)
    except (TypeError, pytest.UsageError):
        import tomllib

        assert config.inipath is not None
        values = tomllib.loads(config.inipath.read_text("utf-8"))
        return values.get("pytest", values.get("tool", {}).get("pytest", {}))[name]


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


def _check_only_new(compare: str | None, explores: bool) -> None:
    """Raise `pytest.UsageError` if nothing says what is new."""
    if compare is None:
        raise pytest.UsageError(
            "--amct-only-new does nothing alone: name an earlier report with --amct-compare, or"
            " drop it"
        )
    if explores:
        raise pytest.UsageError(
            "--amct-only-new does nothing in the profile explore, which draws other examples in"
            " each run: drop one of them"
        )


def _file(name: str, config: pytest.Config) -> Path | None:
    """Return the file that an option names, as an absolute path. It is written at the end."""
    given = config.getoption(name)
    if given == "":
        raise pytest.UsageError(f"{name}=: it is empty: name a file")
    return Path(given).absolute() if given else None


def _frameworks(names: list[str]) -> tuple[str, ...]:
    for name in names:
        if name not in FRAMEWORKS:
            raise pytest.UsageError(
                f"amct_frameworks: {name!r} is not a framework: use {', '.join(FRAMEWORKS)}"
            )
    return tuple(names)


def _waivers_file(config: pytest.Config) -> Path:
    """Return the file of waivers. It must exist if it is named, unless it is to be written."""
    named = _as_written(config, "amct_waivers")
    folder = config.inipath.parent if config.inipath else config.rootpath
    path = Path(folder, named if isinstance(named, str) and named else WAIVERS)
    listed = not isinstance(named, str) or len(named.split()) > 1
    if listed and not path.exists():
        from pytest_amct.waivers import FORM

        raise pytest.UsageError(
            f'amct_waivers names a file now: write amct_waivers = "{WAIVERS}", and in that file'
            f" one table for each waiver:\n\n{FORM}"
        )
    if named and not path.exists() and not config.getoption("--amct-write-waivers"):
        raise pytest.UsageError(
            f"amct_waivers: {path}: no such file: create it, or let --amct-write-waivers do so"
        )
    return path


def _own_waivers(config: pytest.Config, path: Path, quantizer: str) -> tuple[Waiver, ...]:
    """Return the waivers that are about a quantizer, see `waivers.own_waivers`."""
    from pytest_amct.waivers import own_waivers

    unfinished = config.getoption("--amct-write-waivers")
    try:
        return own_waivers(path, listed_quantizers(config), quantizer, unfinished=unfinished)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


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
    waivers: tuple[Waiver, ...]


def read_declared(folder: Path) -> Declared:
    """Return what the ini file says that pytest finds for a folder; no conftest.py is imported.

    Raises `pytest.UsageError`, or `UsageError` for the file of waivers, with one sentence.
    """
    from pytest_amct.waivers import read_waivers

    arguments = [str(folder), "--noconftest", "-p", "no:cacheprovider"]
    config = pytest.Config.fromdictargs({}, arguments)
    return Declared(
        file=str(config.inipath or ""),
        required_rows=tuple(config.getini("amct_required_rows")),
        float_rows=tuple(config.getini("amct_float_rows")),
        waivers=read_waivers(_waivers_file(config)),
    )
