"""The page of a condition: what releases say, layers that keep and break it, tools, the cure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from pytest_amct.cases import catalog
from pytest_amct.cases.plan import Case, target_layers
from pytest_amct.errors import UsageError
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.graphs.text import network_text
from pytest_amct.ids import UNLISTED, ConditionId, RowId, condition_of, is_within
from pytest_amct.quantizers.protocol import EVERYTHING
from pytest_amct.reports.statements import fact, reading
from pytest_amct.tables.answers import answer
from pytest_amct.tables.comparing import (
    SETTINGS,
    TABLES,
    Said,
    closings,
    find_row,
    presence,
    row_ids,
    statements,
)
from pytest_amct.tables.float16 import FLOAT16_REQUIRED
from pytest_amct.tables.loader import DEFAULT_RELEASE, LATEST_RELEASE, load_spec, published
from pytest_amct.tables.model import (
    Condition,
    DataFormat,
    Reason,
    Spec,
    Treatment,
    condition_id,
)
from pytest_amct.wording import instead, printable, written

FLOAT16 = "float16"
"""The first part of the ids of the Float16 rule."""

_OF_REQUESTS = ("skip_layers", "skip_layer_types", "tensor_quantize")
_TRANSPOSES = ("transA", "transpose", "transpose_a", "transpose_b", "adj_x")


def ids(specs: Mapping[str, Spec]) -> list[str]:
    """Return the ids that have a page: conditions, the Float16 rule, types without a row."""
    found: dict[str, None] = {}
    for row in row_ids([*specs.values()]):
        for spec in specs.values():
            found |= dict.fromkeys(statements(spec, row))
        if ConditionId.parse(row).table == "uniform" and any(
            (of_spec := find_row(spec, row)) and closings(spec, of_spec) for spec in specs.values()
        ):
            parts = ConditionId.parse(row)
            found[str(ConditionId(FLOAT16, parts.framework, parts.row))] = None
    unlisted = [str(RowId("uniform", framework, UNLISTED)) for framework in FRAMEWORKS]
    return [*found, *unlisted]


def page(id_: str, specs: Mapping[str, Spec]) -> str:
    """Return the page of a condition, a row or a case as Markdown.

    Raise `UsageError` for an id that none of these releases knows.
    """
    id_ = condition_of(id_)
    if not has_page(id_, specs):
        known = [*ids(specs), *row_ids([*specs.values()])]
        raise UsageError(f"rule: {written(id_)} is not a condition{instead(id_, known)}")
    parts, title = ConditionId.parse(id_), f"# {printable(id_)}"
    if _is_of_request(parts):
        return (
            f"{title}\n\nNo table says this. A request may use the option `{parts.name}`, and a"
            " quantizer that declares it must obey: see docs/quantizers.md."
        )
    if parts.is_row and any(find_row(spec, id_) for spec in specs.values()):
        return _row_page(id_, specs)
    lines = [title, "", *_says(id_, specs), "", *_layers(id_, specs)]
    if found := [*_tools(parts)]:
        lines += ["## What tools get wrong", "", *found, ""]
    return "\n".join([*lines, "## The cure", "", _cure(id_, specs)])


def has_page(id_: str, specs: Mapping[str, Spec]) -> bool:
    """Return whether one of these releases knows a condition or a row."""
    parts = ConditionId.parse(id_)
    if parts.is_row and any(find_row(spec, id_) for spec in specs.values()):
        return True
    return _is_of_request(parts) or _is_known(parts, specs)


def with_pages(report: Mapping[str, Any], judged: Sequence[Spec]) -> dict[str, Any]:
    """Return a report with the page of each condition and row that it has a finding about.

    The pages speak of all published releases, and of the releases of the run.
    """
    specs = {name: load_spec(name) for name in published()}
    specs |= {spec.source: spec for spec in judged if spec not in specs.values()}
    sections = [report, *report.get("releases", ())]
    found = sorted({f["condition"] for section in sections for f in section["findings"]})
    return {**report, "pages": {id_: page(id_, specs) for id_ in found if has_page(id_, specs)}}


def rule(id_: str, spec: Spec) -> str:
    """Return what a release says under the id of a condition, ``""`` if it says nothing."""
    spoken, words = _words(id_, spec)
    return words if spoken else ""


def _is_of_request(parts: ConditionId) -> bool:
    return parts.table == SETTINGS and parts.name in _OF_REQUESTS


def _is_known(parts: ConditionId, specs: Mapping[str, Spec]) -> bool:
    if parts.is_unlisted:
        return parts.table in TABLES and parts.framework in FRAMEWORKS
    id_ = str(parts)
    return any(_said(spec, id_) or _closes(spec, id_) for spec in specs.values())


def _row_page(id_: str, specs: Mapping[str, Spec]) -> str:
    """Return the page of a row: its readings, and the ids of its conditions."""
    found = [
        c for c in ids(specs) if is_within(c, id_) or str(ConditionId.parse(c).restricts) == id_
    ]
    lines = [f"# {id_}", "", *_says(id_, specs), "", "## Its conditions", ""]
    return "\n".join([*lines, *(f"- {condition}" for condition in found)])


# --- what the releases say ------------------------------------------------------------------------


def _says(id_: str, specs: Mapping[str, Spec]) -> list[str]:
    """Return a line for each reading, with the releases that have it; the silent ones last."""
    found: dict[tuple[bool, str], list[str]] = {}
    for spec in specs.values():
        found.setdefault(_words(id_, spec), []).append(spec.title)
    ordered = sorted(found.items(), key=lambda item: not item[0][0])
    return [f"- {', '.join(titles)}: {words}" for (_, words), titles in ordered]


def _words(id_: str, spec: Spec) -> tuple[bool, str]:
    """Return whether a release speaks of a condition or row, and what it says, in our words."""
    parts = ConditionId.parse(id_)
    if parts.is_unlisted:
        return True, _unlisted(parts, spec)
    if said := _said(spec, id_):
        return True, reading(said)
    row = id_ if parts.is_row else str(_home(parts))
    seen, found = presence(spec, row), find_row(spec, row)
    if parts.table == FLOAT16 and found is not None:
        words = _float16(spec, id_)
        return words != "not seen", words
    if parts.is_row and found is not None and seen in ("whole", "english"):
        return True, f"lists {', '.join(found.types)}"
    if seen == "absent" and parts.table != SETTINGS:
        return False, f"has no row {row}"
    silent = {"unseen": "not seen", "elsewhere": f"does not speak of {parts.framework}"}
    return False, silent.get(seen, "does not say this")


def _home(parts: ConditionId) -> RowId:
    """Return the row that holds a condition; settings are a row of their own."""
    if parts.table == SETTINGS:
        return RowId(SETTINGS, parts.framework, parts.row)
    return parts.restricts


def _said(spec: Spec, id_: str) -> Sequence[Said]:
    """Return what a release says under the id of a condition, also what every row says."""
    parts = ConditionId.parse(id_)
    own = statements(spec, str(_home(parts))).get(id_, ())
    row = find_row(spec, str(parts.restricts))
    if own or row is None or row.seen == "no":
        return own
    return [Said(c) for c in row.conditions if condition_id(row, c) == id_]


def _float16(spec: Spec, id_: str) -> str:
    row = find_row(spec, id_)
    closed = closings(spec, row) if row else []
    if "all" in closed:
        return FLOAT16_REQUIRED
    if closed:
        guards = " or ".join(fact(guard) for guard in closed if guard != "all")
        return f"if {guards}, {FLOAT16_REQUIRED}"
    if spec.float16_basis == "open":
        return "has no such rule: not decided in a network with a Float16 input or weight"
    unseen = row is not None and row.seen == "no"
    return "not seen" if unseen else "the rule does not close this row"


def _unlisted(parts: ConditionId, spec: Spec) -> str:
    if parts.framework not in spec.frameworks:
        return f"does not speak of {parts.framework}"
    if parts.table not in spec.lists:
        return "not seen"
    if row := spec.by_type.get((parts.table, parts.framework, parts.name)):
        return f"listed by {row.id}"
    if parts.table == "uniform" and spec.ends.get(parts.framework) == "no":
        return "not decided: the last rows were not seen"
    return f"a type that no row lists is forbidden ({spec.lists[parts.table]})"


# --- layers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shown:
    """A layer of a case, and what a condition says of it."""

    case: Case
    network: Network
    layer: Layer
    reason: Reason

    @property
    def lines(self) -> list[str]:
        """The model, indented, and what the condition saw."""
        text = network_text(self.network, frozenset((self.layer,)))
        model = [f"    {line}" for line in text.splitlines()]
        return [f"Case `{self.case.id}`: {self.reason.observed}", "", *model, ""]


def _layers(id_: str, specs: Mapping[str, Spec]) -> list[str]:
    """Return a layer that keeps the condition and one that breaks it, as text."""
    parts = ConditionId.parse(id_)
    if parts.is_unlisted:
        group = id_ if parts.name else f"{id_}/Sigmoid"
        return _pair(group, None, _first(specs, lambda spec: True), "forbidden")
    spec = _first(specs, lambda spec: any(not s.condition.open for s in _said(spec, id_)))
    spec = spec or _first(specs, lambda spec: bool(_said(spec, id_)) or _closes(spec, id_))
    said = _said(spec, id_) if spec else ()
    condition = said[0].condition if said else None
    if condition is not None and condition.unobservable:
        return [f"No case can show it: {condition.unobservable}.", ""]
    is_open = condition is not None and condition.open
    return _pair(id_, condition, spec, "not decided" if is_open else "forbidden")


def _closes(spec: Spec, id_: str) -> bool:
    row = find_row(spec, id_)
    is_rule = ConditionId.parse(id_).table == FLOAT16
    return is_rule and row is not None and bool(closings(spec, row))


def _first(specs: Mapping[str, Spec], fits: Any) -> Spec | None:
    """Return the first release that fits: the default, the latest, then in their order."""
    names = [n for n in (DEFAULT_RELEASE, LATEST_RELEASE) if n in specs]
    return next((specs[n] for n in [*names, *specs] if fits(specs[n])), None)


def _pair(id_: str, condition: Condition | None, spec: Spec | None, bad: str) -> list[str]:
    if spec is None:
        return []
    keeps, breaks = _treatments(condition, ConditionId.parse(id_).table)
    states = ("unknown", "broken") if bad == "not decided" else ("broken",)
    good = _find(id_, spec, keeps, ("holds",))
    wrong = _find(id_, spec, breaks, states)
    lines = []
    for shown, title, what in (
        (good, "A conforming layer", "keeps"),
        (wrong, f"A layer that is {bad}", "breaks"),
    ):
        if shown:
            lines += [f"## {title} ({spec.title})", "", *shown.lines]
        elif condition is not None or ConditionId.parse(id_).table == FLOAT16:
            lines += [f"No case of the suite {what} it under {spec.title}.", ""]
    return lines


def _treatments(condition: Condition | None, table: str) -> tuple[Treatment, Treatment]:
    """Return a treatment that keeps a condition and one that breaks it; often the same."""
    scheme: Any = table if table in ("nonuniform", "weight_only") else "uniform"
    plain = Treatment(scheme)
    if condition is None or not condition.on_treatment:
        return plain, plain
    require = condition.require
    if "treatment" in require:
        name, value = require["treatment"], require["equals"]
        data = scheme == "uniform"
        good, bad = ({name: v, "data": data} for v in (value, not value))
        return Treatment(scheme, **good), Treatment(scheme, **bad)
    if "most_inputs" in require:
        most: int = require["most_inputs"]
        return Treatment(inputs=tuple(range(most))), Treatment(inputs=tuple(range(most + 1)))
    ports: Sequence[int] = require["int8_symmetric"]
    formats = ([DataFormat(port, 8, offset) for port in ports] for offset in (False, True))
    keeps, breaks = (Treatment(inputs=tuple(ports), formats=tuple(f)) for f in formats)
    return keeps, breaks


def _find(id_: str, spec: Spec, treatment: Treatment, states: Sequence[str]) -> _Shown | None:
    """Return the first layer for which a condition is in a state, if possible it alone."""
    least = None
    for case in _cases(id_):
        network, layer = _target(case)
        found = answer(layer, treatment, spec)
        for reason in (r for r in found.reasons if r.condition == id_ and r.state in states):
            shown = _Shown(case, network, layer, reason)
            others = [r for r in found.broken if r.condition != id_]
            if not others and (reason.state != "holds" or found.verdict == "quantizable"):
                return shown
            least = least or shown
    return least


def _cases(id_: str) -> Iterator[Case]:
    """Yield the cases that may show a condition: its own, then those of its row."""
    row = str(ConditionId.parse(id_).restricts)
    groups = catalog.groups(EVERYTHING, FRAMEWORKS)
    own = [group for group in groups if group == id_]
    others = [group for group in groups if group != id_ and is_within(group, row)]
    # Cases of another type without a row never show this one.
    for group in own if ConditionId.parse(id_).is_unlisted else [*own, *others]:
        for deviation in catalog.deviations(group):
            yield catalog.make_case(group, deviation)


@cache
def _target(case: Case) -> tuple[Network, Layer]:
    built = case.build()
    network = built.native.network()
    return network, target_layers(network, built.targets)[0]


# --- tools, and the cure --------------------------------------------------------------------------


@cache
def tools() -> tuple[Mapping[str, Any], ...]:
    """Return the known faults of tools, the entries of ``tools.toml``."""
    data = (resources.files("pytest_amct.reports") / "tools.toml").read_bytes()
    return tuple(tomllib.loads(data.decode("utf-8"))["tool"])


def _tools(parts: ConditionId) -> Iterator[str]:
    wanted = str(RowId(parts.table, parts.framework, UNLISTED)) if parts.is_unlisted else str(parts)
    for tool in tools():
        if wanted in tool["conditions"]:
            yield f"- {tool['name']}: {tool['does']}."


def _cure(id_: str, specs: Mapping[str, Spec]) -> str:
    """Return what to do about a finding."""
    parts = ConditionId.parse(id_)
    if parts.table == FLOAT16:
        return "Leave the layer in float, or make the inputs and weights of the network Float32."
    said = [one.condition for spec in specs.values() for one in _said(spec, id_)]
    judged = [condition for condition in said if not condition.open]
    if said and not judged:
        return "None is needed: quantizing such a layer is never a finding, and neither is float."
    return " ".join(dict.fromkeys(map(_cure_of, judged))) or "Leave the layer in float."


_OF_TREATMENT = {
    "shift": "Do not shift the result.",
    "weight_asymmetric": "Quantize the weight without an offset.",
    "weight_channel_wise": "Use one factor for the whole weight.",
    "weights": "Quantize the data alone.",
}


def _cure_of(condition: Condition) -> str:
    require = condition.require
    if "treatment" in require:
        return _OF_TREATMENT[require["treatment"]]
    if "most_inputs" in require:
        return "Quantize one input and leave the other in float."
    if "int8_symmetric" in require:
        return "Quantize both inputs to INT8 without an offset, or leave the layer in float."
    if require.get("attribute") in _TRANSPOSES:
        return "Leave the layer in float, or put the transposition into a layer before it."
    if {"weight_source", "weight_node", "constant_of_rank"} & set(require):
        return "Leave the layer in float, or freeze the network so that the constant is stored."
    return "Leave the layer in float."
