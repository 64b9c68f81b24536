"""Decisions that change under semantics-preserving model changes: kind ``unstable``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path

from pytest_amct.calls import Given
from pytest_amct.cases import metamorphic
from pytest_amct.cases.metamorphic import MetamorphicCase
from pytest_amct.cases.onnx.changing import DATA_FILE
from pytest_amct.cases.plan import known_as
from pytest_amct.cases.trials import Call, Trial
from pytest_amct.decisions.decision import Decision, Outcome, layer_index
from pytest_amct.errors import ModelError
from pytest_amct.failures import last_words, sentence
from pytest_amct.frameworks import BLOBS_FILE
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.graphs.reading import ModelFiles
from pytest_amct.graphs.text import network_text
from pytest_amct.ids import ConditionId, framework_of
from pytest_amct.request_options import PLAIN
from pytest_amct.results import Result
from pytest_amct.runner import Runner
from pytest_amct.saved import Note, save_pair
from pytest_amct.tables.answers import answer, find_row, unlisted_id
from pytest_amct.tables.model import Answer
from pytest_amct.verdicts import Finding, requested_treatment, untold

_BLOBS = Path(BLOBS_FILE).suffix

_TOLD = ("seen", "evidence")
"""Fields that say how a decision is known, not what it is."""


def look(runner: Runner, case: str, change: str, trial: Trial, given: Given) -> list[Finding]:
    """Give the models of a trial to the quantizer; return findings on the first and the last."""
    networks, outcomes = _calls(runner, case, trial, given)
    return _compared(runner, case, change, trial, networks, outcomes)


def check_pairs(runner: Runner, pairs: list[MetamorphicCase], given: Given) -> Result:
    """Judge selected pairs of models, save those that fail, and report the first."""
    findings: list[Finding] = []
    text: list[str] = []
    for case in pairs:
        trial = case.build()
        if trial is None:
            continue
        networks, outcomes = _calls(runner, case.id, trial, given)
        found = _compared(runner, case.id, case.change, trial, networks, outcomes)
        if any(f.status == "failed" for f in found):
            saved = save_pair(case, trial, runner.settings.folder)
            found = [replace(f, model=saved) for f in found]
            if not text:
                text = _told(found, trial, networks)
                if saved is not None:
                    path = runner.settings.folder / saved
                    text += ["", f"models     {path.parent}", f"again      {runner.again(path)}"]
                text += last_words(outcomes[-1])
        findings += found
    return Result((), tuple(findings), "\n".join(text) or None)


def check_pair(runner: Runner, path: Path, note: Note) -> Result:
    """Judge a saved pair of models. Raises `ModelError` if a part of it is missing."""
    try:
        calls = [_saved_call(path.parent / name) for name in note.calls]
    except OSError as error:
        raise ModelError(f"{path}: a model of the pair cannot be read: {error}") from None
    trial = Trial(tuple(calls), note.same)
    networks, outcomes = _calls(runner, note.case, trial, {})
    change = ConditionId.parse(note.condition).row
    found = _compared(runner, note.case, change, trial, networks, outcomes)
    failed = any(f.status == "failed" for f in found)
    lines = [*_told(found, trial, networks), *last_words(outcomes[-1])] if failed else []
    return Result((), tuple(found), "\n".join(lines) or None)


def _saved_call(path: Path) -> Call:
    """Return a saved model of a pair with the files that belong to it."""
    beside = {DATA_FILE: path.parent / DATA_FILE, BLOBS_FILE: path.with_suffix(_BLOBS)}
    files = {name: file.read_bytes() for name, file in beside.items() if file.is_file()}
    return Call(path.read_bytes(), files)


def _calls(
    runner: Runner, case: str, trial: Trial, given: Given
) -> tuple[list[Network], list[Outcome]]:
    models = [ModelFiles(framework_of(case), call.data, call.files) for call in trial.calls]
    networks = [model.network() for model in models]
    outcomes = [
        runner.call(case, model, network, PLAIN, given, number)
        for number, (model, network) in enumerate(zip(models, networks, strict=True))
    ]
    return networks, outcomes


def _compared(
    runner: Runner,
    case: str,
    change: str,
    trial: Trial,
    networks: list[Network],
    outcomes: list[Outcome],
) -> list[Finding]:
    framework = networks[0].framework
    words = metamorphic.changes(framework).get(change, "nothing that matters changed")
    first, last = outcomes[0], outcomes[-1]
    layers = [*_layers(runner, trial, networks)]
    if "unsupported" in (first.status, last.status) or not layers:
        return []
    findings = []
    broken = [not _came_back(outcome) for outcome in (first, last)]
    if broken == [False, False]:
        for before, after, told in layers:
            moved = _moved(before, after, first, last)
            if moved is not None:
                message = f"{before} was {moved}, although only {words}"
                findings.append(_finding(runner, case, before, told, message))
    elif broken[0] != broken[1]:
        ways = [f"{o.status} ({o.message})" if o.message else o.status for o in (first, last)]
        message = f"the model was {ways[0]} at first, then {ways[1]}, although only {words}"
        group = metamorphic.condition(change, framework)
        findings.append(Finding("unstable", group, case, "", "failed", message))
    return [runner.policy.apply(f) for f in findings]


def _layers(
    runner: Runner, trial: Trial, networks: list[Network]
) -> Iterator[tuple[Layer, Layer, Answer]]:
    """Yield the shared layers of the first and last model whose answer is not unspecified."""
    before, after = (_by_name(network) for network in (networks[0], networks[-1]))
    for one, other in trial.same:
        if one not in before or other not in after:
            continue
        a, b = before[one], after[other]
        if not runner.is_judged(a) or a.qualified_type != b.qualified_type:
            continue
        told, again = _answer(runner, a), _answer(runner, b)
        if told.verdict == again.verdict != "unspecified":
            yield a, b, told


def _by_name(network: Network) -> Mapping[str, Layer]:
    layers = (layer for layer in network.layers if not layer.where)
    return {name: layer for layer in layers for name in known_as(layer)[:1]}


def _answer(runner: Runner, layer: Layer) -> Answer:
    row = find_row(layer, runner.spec)
    return answer(layer, requested_treatment(PLAIN, row), runner.spec)


def _came_back(outcome: Outcome) -> bool:
    return outcome.status in ("decided", "refused")


def _moved(before: Layer, after: Layer, first: Outcome, last: Outcome) -> str | None:
    """Return how the decision on a layer differs. What is unknown never differs."""
    a, b = _decision(before, first), _decision(after, last)
    if a is None or b is None:
        return None
    if a.quantized != b.quantized:
        return f"{_state(a)} at first, then {_state(b)}"
    for field in fields(Decision):
        x, y = getattr(a, field.name), getattr(b, field.name)
        if field.name not in _TOLD and x is not None and y is not None and x != y:
            return f"quantized with {field.name} = {x} at first, then with {y}"
    return None


def _decision(layer: Layer, outcome: Outcome) -> Decision | None:
    if outcome.status == "refused":
        return Decision.float()
    index = layer_index(layer)
    decision = outcome.decision(index)
    return None if untold(outcome, index, decision) else decision


def _state(decision: Decision) -> str:
    return "quantized" if decision.quantized else "left in float"


def _finding(runner: Runner, case: str, layer: Layer, told: Answer, message: str) -> Finding:
    row = find_row(layer, runner.spec)
    condition = row.id if row else unlisted_id("uniform", layer)
    return Finding("unstable", condition, case, str(layer), "failed", message, row=told.row)


def _told(findings: list[Finding], trial: Trial, networks: list[Network]) -> list[str]:
    """Return the text of the first finding and of both models, the layer marked in each."""
    first = next(f for f in findings if f.status == "failed")
    lines = [sentence(first), "", f"case       {first.case}", f"row        {first.condition}"]
    before, after = networks[0], networks[-1]
    marked = {x for x in before.layers if str(x) == first.layer}
    same = dict(trial.same)
    names = {same.get(name) for x in marked for name in known_as(x)}
    also = {x for x in after.layers if not names.isdisjoint(known_as(x))}
    lines += ["", "first:", network_text(before, frozenset(marked))]
    return [*lines, "", "then:", network_text(after, frozenset(also))]
