"""Options and ini values of the plugin, and their validated form. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PROFILES = ("gate",)
_DEFAULT_SPEC = "cann-7.0.0"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user asked for."""

    quantizer: str
    spec: str = _DEFAULT_SPEC
    profile: str = "gate"
    max_examples: int = 10
    select: tuple[str, ...] = ()
    model: Path | None = None
    report: Path | None = None
    strict: bool = False
    frameworks: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    skips: tuple[str, ...] = ()
    #: reasons by condition or case pattern
    waivers: Mapping[str, str] = field(default_factory=dict)
    #: seconds after which a call counts as hung
    timeout: float = 300.0
    rootdir: Path = Path()
    scratch: Path = Path()


def add_options(parser: pytest.Parser) -> None:
    """Register the command line and ini options."""
    group = parser.getgroup("amct", "conformance of a quantizer (pytest-amct)")
    add = group.addoption
    add("--amct", action="store_true", help="judge the quantizer against the tables")
    add("--amct-quantizer", metavar="NAME", help="module:attribute, or an installed quantizer")
    add("--amct-spec", metavar="SPEC", help=f"release or .toml file of tables ({_DEFAULT_SPEC})")
    add("--amct-profile", metavar="PROFILE", default="gate", help="gate (the default)")
    add(
        "--amct-max-examples",
        metavar="N",
        default="10",
        help="Hypothesis examples for each condition besides the enumerated cases (10)",
    )
    add(
        "--amct-select",
        metavar="ID",
        action="append",
        default=[],
        help="judge these conditions, rows or cases only (ids, * matches anything)",
    )
    add("--amct-model", metavar="FILE", help="judge this one model and nothing else")
    add("--amct-report", metavar="DIR", help="write amct-report.json and failing models there")
    add("--amct-strict", action="store_true", help="warnings fail, too")
    ini = parser.addini
    ini("amct_quantizer", "the quantizer to judge: module:attribute, or an installed one")
    ini("amct_spec", "release or .toml file of tables")
    ini("amct_frameworks", "frameworks to judge, if not all that the quantizer declares", "args")
    ini("amct_claims", "rows that the quantizer promises to quantize: missed ones fail", "linelist")
    ini("amct_skips", "rows left in float on purpose", "linelist")
    ini("amct_waivers", "accepted findings: a condition or case id, then the reason", "linelist")
    ini("amct_timeout", "seconds after which a call of the quantizer counts as hung (300)")


def read_settings(config: pytest.Config) -> Settings:
    """The validated settings. Raises `pytest.UsageError` in one sentence."""
    quantizer = config.getoption("--amct-quantizer") or config.getini("amct_quantizer")
    if not quantizer:
        raise pytest.UsageError(
            "--amct: no quantizer is named: set amct_quantizer in the ini file, or give"
            " --amct-quantizer=module:function"
        )
    profile = config.getoption("--amct-profile")
    if profile not in PROFILES:
        raise pytest.UsageError(
            f"--amct-profile {profile!r}: there is no such profile, use {' or '.join(PROFILES)}"
        )
    model = config.getoption("--amct-model")
    if model and not Path(model).is_file():
        raise pytest.UsageError(f"--amct-model {model!r}: no such file")
    report = config.getoption("--amct-report")
    if report and Path(report).exists() and not Path(report).is_dir():
        raise pytest.UsageError(f"--amct-report {report!r} is a file: name a folder")
    return Settings(
        quantizer=quantizer,
        spec=config.getoption("--amct-spec") or config.getini("amct_spec") or _DEFAULT_SPEC,
        profile=profile,
        max_examples=_number("--amct-max-examples", config.getoption("--amct-max-examples")),
        select=tuple(config.getoption("--amct-select")),
        model=Path(model).absolute() if model else None,
        report=Path(report).absolute() if report else None,
        strict=config.getoption("--amct-strict"),
        frameworks=_frameworks(config.getini("amct_frameworks")),
        claims=tuple(config.getini("amct_claims")),
        skips=tuple(config.getini("amct_skips")),
        waivers=dict(_waiver(line) for line in config.getini("amct_waivers")),
        timeout=float(_number("amct_timeout", config.getini("amct_timeout") or "300")),
        rootdir=config.rootpath,
        scratch=_scratch(config),
    )


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise pytest.UsageError(f"{name} {text!r}: must be a whole number, 0 or more")
    return int(text)


def _frameworks(names: list[str]) -> tuple[str, ...]:
    for name in names:
        if name != "onnx":
            raise pytest.UsageError(f"amct_frameworks: {name!r} is not judged here, use onnx")
    return tuple(names)


def _waiver(line: str) -> tuple[str, str]:
    pattern, _, reason = line.partition(" ")
    if not reason.strip():
        raise pytest.UsageError(
            f"amct_waivers: {line!r} gives no reason: write the id, a space, and why it is accepted"
        )
    return pattern, reason.strip()


def _scratch(config: pytest.Config) -> Path:
    """Where journals and failing models go that no report folder takes."""
    cache = getattr(config, "cache", None)
    if cache is not None:
        return Path(cache.mkdir("amct"))
    return config.rootpath / ".amct"
