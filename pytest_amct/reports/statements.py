"""What conditions say, as short sentences made of the words of their kinds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_amct.tables.comparing import Said
from pytest_amct.tables.kinds import KINDS, kind_of
from pytest_amct.tables.model import Condition

SUBJECTS: Mapping[str, str] = {
    "axis": "axis",
    "bias_source": "the bias",
    "constant_of_rank": "the second input",
    "constant_source": "the second input",
    "data_rank": "the rank of the data",
    "dtype": "the element type",
    "nested": "the layer",
    "not_seen_in": "the cell",
    "output_used": "output {output_used}",
    "type": "the type",
    "weight_node": "the weight",
    "weight_rank": "the rank of the weight",
    "weight_shared": "the weight",
    "weight_source": "the weight",
}
"""What the words of a kind are about; the words of the other kinds say it themselves."""

_TREATED = {
    "data": "the data",
    "shift": "the result",
    "weight_asymmetric": "the weight",
    "weight_channel_wise": "the weight",
    "weights": "a weight",
}
"""What the words of the kind `treatment` are about."""

_FACTS = (
    ("all inputs must be variable", "both inputs are variable"),
    (r"\bmust not be\b", "is not"),
    (r"\bmust belong\b", "belongs"),
    (r"\bmust have\b", "has"),
    (r"^the inputs must be\b", "the inputs are"),
    (r"\bmust be\b", "is"),
    (r"\bmay be\b", "is"),
)
"""How a requirement becomes a fact."""


def requirement(require: Mapping[str, Any]) -> str:
    """Return what a requirement asks for: ``the weight must be constant``."""
    name = next(key for key in require if key in KINDS)
    words = kind_of(require).required(require)
    if name == "treatment":
        return f"{_TREATED[require['treatment']]} {words}"
    if name in SUBJECTS:
        return f"{SUBJECTS[name].format(**require)} {words}"
    if name in ("attribute", "spatial"):
        entries, must, value = words.rpartition("must")
        if "of the spatial axes " in entries:
            entries = entries.replace("of the spatial axes ", "").replace("entry", "spatial entry")
        of = f"{entries}of " if entries else ""
        return f"{of}{require[name]} {must}{value}"
    return words


def fact(require: Mapping[str, Any]) -> str:
    """Return a requirement as a fact: ``the weight is constant``."""
    words = requirement(require)
    for pattern, instead in _FACTS:
        words, count = re.subn(pattern, instead, words)
        if count:
            break
    return words


def statement(condition: Condition) -> str:
    """Return what a condition says, with its guard and its basis."""
    guard = f"if {fact(condition.when)}, " if condition.when else ""
    if condition.open:
        return f"{guard}not decided unless {fact(condition.require)}"
    basis = " (inferred)" if condition.basis == "inferred" and not condition.english else ""
    seen = " (inferred: seen in English only)" if condition.english else ""
    return f"{guard}{requirement(condition.require)}{basis}{seen}"


def reading(said: Sequence[Said]) -> str:
    """Return what a release says under the id of one condition."""
    return "; ".join(map(_part, said))


def _part(said: Said) -> str:
    if said.form:
        return f"if {fact(said.form)}: {statement(said.condition)}"
    if said.but:
        return f"unless {' or '.join(map(fact, said.but))}: {statement(said.condition)}"
    return statement(said.condition)
