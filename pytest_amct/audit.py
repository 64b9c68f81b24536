"""Judges a given model (``--amct-model``) and counts how much of it could be judged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_amct.cases.plan import target_layers
from pytest_amct.decisions.decision import Outcome
from pytest_amct.failures import MOST_SHOWN, last_words, sentence
from pytest_amct.graphs.network import Layer
from pytest_amct.graphs.reading import read_files
from pytest_amct.request_options import RequestOptions
from pytest_amct.results import Result
from pytest_amct.runner import Runner
from pytest_amct.saved import read_note
from pytest_amct.stability import check_pair
from pytest_amct.tables.answers import answer, find_row
from pytest_amct.tables.model import Spec
from pytest_amct.verdicts import Record, requested_treatment

_CURES = (
    (r"^in function:", "inline the functions"),
    (r"network variable|Variable|VarHandle|ReadVariable", "freeze the variables"),
    (r"initializer", "take the initializers out of the graph's inputs"),
    (r"is shared with", "give each layer its own weight"),
    (r"parameter", "inline the functions"),
)
"""Cures for models that could not be judged in full, by a pattern of the reason."""


def check_model(runner: Runner, path: Path) -> Result:
    """Judge one model: the layers that its JSON note names, else all layers."""
    model = read_files(path)
    network = model.network(str(path))
    note = read_note(path)
    if note.calls:
        return check_pair(runner, path, note)
    outcome = runner.run(note.case, model, network, note.options)
    layers = network.layers
    broke = outcome.status not in ("decided", "refused")
    if note.targets:
        layers = target_layers(network, note.targets)
    elif broke:
        layers = [x for x in layers if runner.is_judged(x)] or layers
    records = tuple(
        runner.judge_layer(note.case, note.condition, layer, outcome, note.options)
        for layer in layers
    )
    if broke and not note.targets:
        records = runner.broken(network, records)
    told = _account(path.name, layers, records, outcome, runner.spec, note.options)
    told["notes"] = list(network.notes)
    findings = [f for r in records for f in r.findings]
    failed = [f for f in findings if f.status == "failed"]
    if not failed:
        return Result(records, tuple(findings), model=told)
    lines = [sentence(f) for f in failed[:MOST_SHOWN]]
    failure = "\n".join([*lines, *last_words(outcome)])
    return Result(records, tuple(findings), failure, model=told)


def _account(
    name: str,
    layers: Sequence[Layer],
    records: Sequence[Record],
    outcome: Outcome,
    spec: Spec,
    options: RequestOptions,
) -> dict[str, Any]:
    """Count the listed layers that were judged, and group the others by reason."""
    listed = judged = 0
    groups: dict[str, dict[str, Any]] = {}
    for layer, record in zip(layers, records, strict=True):
        if record.row is None:
            continue
        listed += 1
        reason = "" if record.findings else _why_not(layer, record, outcome, spec, options)
        if not reason:
            judged += 1
            continue
        group = groups.setdefault(
            _without_names(reason), {"reason": reason, "first": str(layer), "layers": 0}
        )
        group["layers"] += 1
    # The sort is stable: equal counts stay in the order of the model.
    others = sorted(groups.values(), key=lambda g: -g["layers"])
    return {"name": name, "layers": listed, "judged": judged, "not_judged": others}


def _why_not(
    layer: Layer, record: Record, outcome: Outcome, spec: Spec, options: RequestOptions
) -> str:
    """Return why a layer was not judged, "" if it was."""
    if record.verdict == "unspecified":
        row = find_row(layer, spec)
        unknown = answer(layer, requested_treatment(options, row), spec).unknown
        words = unknown[0].observed if unknown else "the document does not decide it"
        nameless = _without_names(words)
        cures = (cure for pattern, cure in _CURES if re.search(pattern, nameless))
        return ": ".join([words, *cures][:2])
    if record.is_known:
        return ""
    if outcome.status != "decided":
        return f"{outcome.status}: {outcome.message}" if outcome.message else outcome.status
    if record.decided == "unmatched":
        return "it was not found in what the quantizer returned"
    return record.untold or "what the quantizer returned does not say what was done to it"


def _without_names(reason: str) -> str:
    """Return a reason without what it quotes. Reasons that differ only in names are one."""
    return re.sub(r"'[^']*'", "", reason)
