"""What `explain` says about a model: the sentence, the totals, the layers; also as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_amct.decisions.names import unique_name
from pytest_amct.explain import Explanation, Group, LayerAnswer, groups
from pytest_amct.ids import ConditionId
from pytest_amct.reports.sheets import Sheet, Table
from pytest_amct.tables.loader import releases
from pytest_amct.tables.model import Reason, Spec
from pytest_amct.wording import cut

FORMAT = "pytest-amct-explain/1"
"""The name and version of the JSON format."""

_MOST_TYPES = 4
"""The most types that the sentence names."""

_MOST_CLAUSES = 5
"""The most reasons that the sentence names. The table of reasons has all."""

_VERDICTS = ("quantizable", "forbidden", "unspecified")


def sentence(found: Explanation) -> str:
    """Return the answer in one sentence: how many layers can be quantized, and why not the rest."""
    count, able = len(found.layers), found.verdicts.get("quantizable", 0)
    if not count:
        return f"{found.name}: it has no layer that data passes through"
    noun = "layer" if count == 1 else "layers"
    head = f"{able} of {count} {noun} can be quantized"
    if found.scheme != "uniform":
        head = f"{able} of {count} {noun} can be quantized by the scheme {found.scheme}"
    ordered = _merged(groups(found))
    clauses = [_clause(group) for group in ordered[:_MOST_CLAUSES]]
    rest = ordered[_MOST_CLAUSES:]
    if rest:
        left = sum(group.count for group in rest)
        clauses.append(f"{left} {'are' if left > 1 else 'is'} not quantizable for other reasons")
    return "; ".join([head, ", ".join(clauses)] if clauses else [head])


def sheet(found: Sequence[Explanation]) -> Sheet:
    """Return what is said about one model under one release or several; the first decides."""
    first = found[0]
    sentences = [f"It seems to be quantized already: {first.quantized}"] if first.quantized else []
    several = len(found) > 1
    decides = f"{first.spec.title} decides, {len(found)} releases" if several else first.spec.title
    sentences += [f"{f.spec.title}: {sentence(f)}" if several else sentence(f) for f in found]
    sentences += [f"Not known to the reader: {note}" for note in first.network.notes]
    if first.aside:
        sentences.append(f"Not counted: {_listed(first.aside)}")
    return Sheet(
        f"{first.name} ({first.network.framework}, {decides})",
        tuple(sentences),
        (_types(first), _reasons(first), _layers(found)),
    )


def overview(explained: Sequence[Sequence[Explanation]], broken: int) -> Sheet:
    """Return one line for each of several models, under the first release."""
    rows = [
        (
            each.name,
            each.network.framework,
            str(len(each.layers)),
            *(str(each.verdicts.get(verdict, 0)) for verdict in _VERDICTS),
        )
        for each, *_ in explained
    ]
    heads = ("model", "framework", "layers", *_VERDICTS)
    unread = f"; {broken} more cannot be read" if broken else ""
    title = f"{len(rows)} models, {explained[0][0].spec.title}{unread}"
    return Sheet(title, (), (Table("Models", heads, rows, frozenset(range(2, 6))),))


def explanation_json(found: Explanation) -> dict[str, Any]:
    """Return the answers of one release for a model as JSON values."""
    return {
        "model": found.name,
        "framework": found.network.framework,
        "release": release_name(found.spec),
        "scheme": found.scheme,
        "sentence": sentence(found),
        "quantized_already": found.quantized or None,
        "notes": list(found.network.notes),
        "totals": {
            "layers": len(found.layers),
            **{verdict: found.verdicts.get(verdict, 0) for verdict in _VERDICTS},
        },
        "types": [
            dict(zip(("type", "ir", "layers", *_VERDICTS), row, strict=True))
            for row in _type_rows(found)
        ],
        "reasons": [_group_json(group) for group in groups(found)],
        "layers": [_layer_json(told) for told in found.layers],
        "not_counted": dict(found.aside),
    }


# --- the sentence ---------------------------------------------------------------------------------


def _merged(found: Iterable[Group]) -> list[Group]:
    """Return one group for those of several rows of which the sentence says the same."""
    merged: dict[tuple[str, str], Group] = {}
    for group in found:
        key = group.verdict, group.condition
        if group.first.row is not None:
            parts = ConditionId.parse(group.condition)
            key = group.verdict, "float16" if parts.table == "float16" else parts.name
        first = merged.get(key)
        types = Counter(first.types) + Counter(group.types) if first else group.types
        merged[key] = replace(first or group, types=types)
    return sorted(merged.values(), key=lambda group: -group.count)


def _clause(group: Group) -> str:
    """Return what is said of a group in the sentence, with how many layers it has."""
    many = group.count > 1
    be, have = ("are", "have") if many else ("is", "has")
    told = group.first
    reason = told.reason
    assert reason is not None
    parts = ConditionId.parse(reason.condition)
    if parts.is_unlisted:
        what = "types without a row" if many else "a type without a row"
        if group.verdict == "unspecified":
            what = "types whose rows were not seen" if many else "a type whose row was not seen"
        return f"{group.count} {be} of {what} ({_listed(group.types, _MOST_TYPES)})"
    count = f"{group.count} {' or '.join(map(cut, group.types))}"
    if parts.table == "float16" and group.verdict == "forbidden":
        turned_on = reason.observed.removesuffix(" is Float16")
        return f"{count} {be} closed by the Float16 rule, turned on by {turned_on}"
    if parts.name == "weight_source" and "from network input" in reason.observed:
        return f"{count} {have} a weight that an input feeds"
    why = because(reason)
    if group.verdict == "unspecified":
        return f"{count} {be} not decided ({why})"
    verb = "break" if many else "breaks"
    return f"{count} {verb} {parts.short} ({why})"


def release_name(spec: Spec) -> str:
    """Return what ``--spec`` calls a release: its name, or the path of its file."""
    name = spec.source.removesuffix(".toml")
    return name if name in releases() else spec.source


def because(reason: Reason) -> str:
    """Return a reason in one clause: what was seen, and what is required."""
    return f"{reason.observed}, {reason.required}" if reason.observed else reason.required


def _listed(counts: Mapping[str, int], most: int = 12) -> str:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    named = [f"{cut(name)} {n}" if n > 1 else cut(name) for name, n in ordered[:most]]
    rest = sum(n for _, n in ordered[most:])
    return ", ".join([*named, *([f"{rest} of other types"] if rest else [])])


# --- the tables -----------------------------------------------------------------------------------


def _type_rows(found: Explanation) -> Iterator[tuple[Any, ...]]:
    counts: dict[str, Counter[str]] = {}
    ir: dict[str, dict[str, None]] = {}
    for told in found.layers:
        type_ = told.layer.qualified_type
        counts.setdefault(type_, Counter())[told.verdict] += 1
        if told.row is not None:
            ir.setdefault(type_, {}).update(dict.fromkeys(told.ir))
    for type_, verdicts in sorted(counts.items(), key=lambda item: -item[1].total()):
        ir_types = ", ".join(ir.get(type_, ()))
        yield type_, ir_types, verdicts.total(), *(verdicts[v] for v in _VERDICTS)


def _types(found: Explanation) -> Table:
    rows = [(*row[:2], *map(str, row[2:])) for row in _type_rows(found)]
    heads = ("type", "IR type", "layers", *_VERDICTS)
    return Table("Types", heads, rows, frozenset(range(2, 6)))


def _reasons(found: Explanation) -> Table:
    rows = []
    for group in groups(found):
        reason, first = group.first.reason, str(group.first.layer)
        assert reason is not None
        named = group_id(group)
        why = f"{first}: {because(reason)}"
        cure = group.first.cure
        rows.append((str(group.count), group.verdict, named, f"{why}; {cure}" if cure else why))
    heads = ("layers", "answer", "condition", "the first, and what to change")
    return Table("Reasons", heads, rows, frozenset({0}))


def group_id(group: Group) -> str:
    """Return the condition of a group; all types without a row share one."""
    reason = group.first.reason
    assert reason is not None
    parts = ConditionId.parse(reason.condition)
    if parts.is_unlisted:
        return str(ConditionId(parts.table, parts.framework, parts.row))
    return reason.condition


def _layers(found: Sequence[Explanation]) -> Table:
    several = len(found) > 1
    rows = [
        (
            unique_name(told.layer),
            told.layer.qualified_type,
            " or ".join(told.ir),
            told.verdict,
            remark(told),
            *([_elsewhere(told, rest)] if several else []),
        )
        for told, *rest in zip(*(f.layers for f in found), strict=True)
    ]
    heads = ("layer", "type", "IR type", "answer", "reason")
    return Table("Layers", (*heads, "elsewhere") if several else heads, rows)


def _elsewhere(told: LayerAnswer, others: Sequence[LayerAnswer]) -> str:
    """Return the answers of other releases that differ from the first."""
    differing: dict[str, list[str]] = {}
    for other in others:
        if other.verdict != told.verdict:
            differing.setdefault(other.verdict, []).append(other.spec.title)
    return "; ".join(f"{verdict} by {', '.join(by)}" for verdict, by in differing.items())


def remark(told: LayerAnswer) -> str:
    """Return why a layer is not quantizable and what to change, or what else is to be known."""
    if told.reason is None:
        return told.note
    basis = " (inferred)" if told.basis == "inferred" else ""
    cure = f"; {told.cure}" if told.cure else ""
    return f"{because(told.reason)}{basis}{cure}"


# --- JSON -----------------------------------------------------------------------------------------


def _group_json(group: Group) -> dict[str, Any]:
    reason = group.first.reason
    assert reason is not None
    return {
        "condition": group_id(group),
        "answer": group.verdict,
        "layers": group.count,
        "first": str(group.first.layer),
        "why": because(reason),
        "cure": group.first.cure or None,
    }


def layer_json(found: Explanation, at: int) -> dict[str, Any]:
    """Return all that one release says of a layer, with each condition, as JSON values."""
    told = found.layers[at]
    return {
        "model": found.name,
        "release": release_name(found.spec),
        "scheme": found.scheme,
        **_layer_json(told),
        "conditions": [
            {"condition": r.condition, "state": r.state, "basis": r.basis, "why": because(r)}
            for r in told.answer.reasons
        ],
    }


def _layer_json(told: LayerAnswer) -> dict[str, Any]:
    reason = told.reason
    return {
        "name": cut(unique_name(told.layer)),
        "type": cut(told.layer.qualified_type),
        "ir": list(told.ir),
        "answer": told.verdict,
        "basis": told.basis,
        "row": told.row,
        "condition": reason.condition if reason else None,
        "why": because(reason) if reason else None,
        "cure": told.cure or None,
        "note": told.note or None,
    }


def document(found: Iterable[Mapping[str, Any]], errors: Sequence[str]) -> dict[str, Any]:
    """Return the JSON document of a command: the models, and the files that cannot be read."""
    return {"format": FORMAT, "models": list(found), "errors": list(errors)}
