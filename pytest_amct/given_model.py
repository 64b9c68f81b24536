"""Judges a given model (``--amct-model``) and counts how much of it could be judged."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from pytest_amct.audit import not_judged
from pytest_amct.cases.plan import target_layers
from pytest_amct.decisions.decision import Outcome
from pytest_amct.errors import ModelError, UsageError
from pytest_amct.failures import MOST_SHOWN, last_words, sentence
from pytest_amct.gate import frameworks_of
from pytest_amct.graphs.finding import models_in
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.graphs.reading import ModelFiles, framework_of, is_model_file, read_files
from pytest_amct.quantizers.protocol import Quantizer
from pytest_amct.request_options import RequestOptions
from pytest_amct.results import Result
from pytest_amct.runner import Runner
from pytest_amct.saved import Note, read_note
from pytest_amct.stability import check_pair
from pytest_amct.tables.model import Spec
from pytest_amct.verdicts import Finding, Record
from pytest_amct.wording import cut


def models_by_name(named: Path) -> dict[str, Path]:
    """Return the models that a file, a folder or a pattern names, by what reports call them.

    That is the file's name, or for several models the path from their common folder on. Raise
    `UsageError` if there is none.
    """
    found = models_in([str(named)])
    if len(found) == 1:
        return {found[0].name: found[0]}
    common = Path(os.path.commonpath([path.parent for path in found]))
    return {path.relative_to(common).as_posix(): path for path in found}


@lru_cache(maxsize=1)
def _read(path: Path) -> tuple[ModelFiles, Network, Note]:
    """Read a model and its note, once for the check and for all releases."""
    model = read_files(path)
    return model, model.network(str(path)), read_note(path)


def check_readable(path: Path, quantizer: Quantizer, frameworks: Sequence[str]) -> None:
    """Raise an error if the only model cannot be read, or if the quantizer does not take it."""
    model, network, _ = _read(path)
    if model.framework not in frameworks:
        raise UsageError(
            f"--amct-model={path.name}: {_not_taken(model.framework, quantizer.name, frameworks)}:"
            " set amct_frameworks, or name another model"
        )
    if not network.layers:
        raise UsageError(
            f"--amct-model={path.name}: has no layer that can be judged: name another model"
        )


def not_taken(runner: Runner, path: Path) -> str:
    """Return why the quantizer does not take a model, ``""`` if it does or if it is not a model."""
    frameworks = [*frameworks_of(runner.quantizer, runner.settings, runner.spec)]
    framework = framework_of(path) if is_model_file(path) else ""
    if framework in ("", *frameworks):
        return ""
    return _not_taken(framework, runner.quantizer.name, frameworks)


def _not_taken(framework: str, quantizer: str, frameworks: Sequence[str]) -> str:
    return f"a model of {framework}, but {quantizer} is judged on {', '.join(frameworks)}"


def check_model(runner: Runner, path: Path, name: str = "") -> Result:
    """Judge one model: the layers that its JSON note names, else all layers.

    `name` is what reports call the model. A model that cannot be read fails in one sentence.
    """
    try:
        model, network, note = _read(path)
    except ModelError as error:
        return Result((), failure=str(error))
    if note.calls:
        return check_pair(runner, path, note)
    case = note.case if note.targets or not name else name
    outcome = runner.run(case, model, network, note.options)
    layers = network.layers
    broke = outcome.status not in ("decided", "refused")
    if note.targets:
        layers = target_layers(network, note.targets)
    elif broke:
        layers = [x for x in layers if runner.is_judged(x)] or layers
    records = tuple(
        runner.judge_layer(case, note.condition, layer, outcome, note.options) for layer in layers
    )
    if broke and not note.targets:
        records = runner.broken(network, records)
    told = _account(name or path.name, layers, records, outcome, runner.spec, note.options)
    told["notes"] = list(network.notes)
    findings = [f for r in records for f in r.findings]
    failed = [f for f in findings if f.status == "failed"]
    if not failed:
        return Result(records, tuple(findings), model=told)
    failure = "\n".join([*_grouped(failed), *last_words(outcome)])
    return Result(records, tuple(findings), failure, model=told)


def _grouped(failed: Sequence[Finding]) -> Iterator[str]:
    """Yield the findings, by kind and condition: the number of layers, and the first ones."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in failed:
        groups.setdefault((finding.kind, finding.condition), []).append(finding)
    for (kind, condition), found in groups.items():
        if len(found) == 1:
            yield sentence(found[0])
            continue
        yield f"{kind}: {len(found)} layers, {condition}:"
        yield from (f"  {finding.message}" for finding in found[:MOST_SHOWN])
        if len(found) > MOST_SHOWN:
            left = [finding.layer for finding in found[MOST_SHOWN:]]
            yield f"  and of {len(left)} more: {cut(', '.join(left))}"


def _account(
    name: str,
    layers: Sequence[Layer],
    records: Sequence[Record],
    outcome: Outcome,
    spec: Spec,
    options: RequestOptions,
) -> dict[str, Any]:
    """Count the listed layers that were judged, and group the others by reason."""
    listed = sum(record.row is not None for record in records)
    others = not_judged(layers, records, outcome, spec, lambda layer: options)
    judged = listed - sum(group.layers for group in others)
    return {
        "name": name,
        "layers": listed,
        "judged": judged,
        "not_judged": [asdict(group) for group in others],
    }
