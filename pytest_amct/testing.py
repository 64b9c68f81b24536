"""Judging in tests of one's own: `assert_conforms`, and what the fixture ``amct`` gives."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_amct.api import Model, audited
from pytest_amct.asking import check_names
from pytest_amct.audit import Audit, audit
from pytest_amct.choosing import with_releases
from pytest_amct.errors import UsageError
from pytest_amct.graphs.network import Network
from pytest_amct.graphs.reading import ModelFiles, read_files
from pytest_amct.options import Settings
from pytest_amct.quantizers.loading import load_quantizer
from pytest_amct.quantizers.protocol import Quantizer
from pytest_amct.quantizers.running import make_request, private_copy, run_quantizer
from pytest_amct.reports.auditing import how
from pytest_amct.request_options import RequestOptions
from pytest_amct.results import policy_of
from pytest_amct.tables.loader import load_spec, spec_or_default
from pytest_amct.tables.model import Spec
from pytest_amct.verdicts import Finding, Policy, Record

_MOST_SHOWN = 20
"""The most layers that a failed assertion shows."""


def assert_conforms(
    model: Model,
    result: Any,
    *,
    spec: Spec | None = None,
    strict: bool = False,
    required_rows: tuple[str, ...] = (),
    float_rows: tuple[str, ...] = (),
    **options: Any,
) -> None:
    """Fail if what a quantizer made of a model violates the tables of a release.

    `model` is the float model, `result` whatever a quantizer may return, see `judge`. The message
    lists each wrong layer with what was expected, what was found, and why. `required_rows` and
    `float_rows` are patterns of row ids, as in the settings. `options` are those of the request.
    Raise `AssertionError`, or another error of `judge` if something cannot be read.
    """
    __tracebackhide__ = True
    request = RequestOptions.of(options, others=("spec", "strict", "required_rows", "float_rows"))
    spec = spec_or_default(spec)
    policy = Policy(strict, tuple(required_rows), tuple(float_rows))
    found = audited(model, result, request, spec, policy)
    if found.failed:
        raise AssertionError(difference(found))


def difference(found: Audit) -> str:
    """Return what fails, layer by layer: what was expected, what was found, and why."""
    wrong = [
        (layer, record)
        for layer, record in zip(found.network.layers, found.records, strict=True)
        if any(f.status == "failed" for f in record.findings)
    ]
    noun = "layer violates" if len(wrong) == 1 else "layers violate"
    lines = [f"{len(wrong)} {noun} the tables of {found.spec.title}"]
    for layer, record in wrong[:_MOST_SHOWN]:
        failed = [f for f in record.findings if f.status == "failed"]
        details = how(found.decision(layer))
        lines += ["", record.layer, f"  expected  {_expected(record, failed[0])}"]
        lines.append(f"  got       {record.decided}{f': {details}' if details else ''}")
        lines += [f"  why       {f.condition}: {f.message}" for f in failed]
    if len(wrong) > _MOST_SHOWN:
        lines += ["", f"... and {len(wrong) - _MOST_SHOWN} more layers"]
    return "\n".join(lines)


def _expected(record: Record, finding: Finding) -> str:
    if finding.kind == "not-quantized":
        return "quantized"
    return "float" if record.verdict == "forbidden" else "another way of quantizing it, or float"


@dataclass(slots=True)
class Amct:
    """The configured quantizer, for tests of one's own (fixture ``amct``)."""

    quantizer: Quantizer
    spec: Spec
    policy: Policy
    #: a folder of the test, for the files of its calls
    folder: Path
    _calls: Iterator[int] = field(default_factory=itertools.count)

    def quantize(self, model: Model, **options: Any) -> Any:
        """Return what the quantizer returns for a model, as it is.

        `options` are those of the request. What the quantizer raises is passed on.
        """
        files, network, request = self._given(model, options)
        home = self.folder / f"call{next(self._calls)}"
        home.mkdir()
        made = make_request(files, network, home, request)
        return self.quantizer.quantize(private_copy(made), made)

    def audit(self, model: Model, **options: Any) -> Audit:
        """Give a model to the quantizer and judge each layer of what comes back.

        What the quantizer raises is in the findings. ``Audit.failed`` are the violations.
        """
        files, network, request = self._given(model, options)
        outcome = run_quantizer(self.quantizer, files, network, request, self.spec)
        return audit(network, outcome, self.spec, self.policy, lambda layer: request)

    def assert_conforms(self, model: Model, **options: Any) -> None:
        """Give a model to the quantizer, and fail if what comes back violates the tables."""
        __tracebackhide__ = True
        found = self.audit(model, **options)
        if found.failed:
            raise AssertionError(difference(found))

    def _given(
        self, model: Model, options: dict[str, Any]
    ) -> tuple[ModelFiles, Network, RequestOptions]:
        request = RequestOptions.of(options)
        files = _files_of(model)
        network = files.network()
        check_names(request, network, self.spec)
        return files, network, request


def configured(settings: Settings, folder: Path) -> Amct:
    """Return the quantizer and the policy that a repository's settings name.

    Raise `UsageError` if there is no such quantizer or release.
    """
    quantizer = load_quantizer(settings.quantizer, settings.rootdir, settings.timeout)
    spec = with_releases(settings, quantizer).spec
    return Amct(quantizer, load_spec(spec), policy_of(settings), folder)


def _files_of(model: Model) -> ModelFiles:
    """Return a model with its files. Raise `UsageError` for a network, which has no file."""
    if isinstance(model, str | os.PathLike):
        return read_files(model)
    if isinstance(model, Network):
        raise UsageError("a network has no file to give to a quantizer: give the model's path")
    data = model if isinstance(model, bytes) else model.SerializeToString()
    return ModelFiles("onnx", data)
