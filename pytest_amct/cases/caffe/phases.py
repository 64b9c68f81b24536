"""The rules by which a net has layers or not, in its TEST phase and with its stages."""

from __future__ import annotations

from collections.abc import Mapping

STAGES = 'stage: "s" stage: "t"'
"""The state of nets with such rules."""

_MET: Mapping[str, tuple[str, ...]] = {
    "phase": ("phase: TEST",),
    "phase-by-number": ("phase: 1",),
    "stage": ('stage: "s"',),
    "stages": ('stage: "s" stage: "t"',),
    "not-stage": ('not_stage: "u"',),
    "not-stages": ('not_stage: "u" not_stage: "v"',),
    "min-level": ("min_level: 0",),
    "max-level": ("max_level: 0",),
    "no-phase": ("",),
    "all-at-once": ('phase: TEST min_level: 0 max_level: 0 stage: "t" not_stage: "u"',),
    "first-of-two": ('stage: "s"', "phase: TRAIN"),
    "last-of-two": ("phase: TRAIN", 'stage: "s"'),
    "first-of-three": ("min_level: 0", 'stage: "u"', "max_level: -1"),
}
"""Rules of which at least one is met."""

_UNMET: Mapping[str, tuple[str, ...]] = {
    "train": ("phase: TRAIN",),
    "train-and-stage": ('phase: TRAIN stage: "s"',),
    "other-stage": ('stage: "u"',),
    "test-and-other-stage": ('phase: TEST stage: "u"',),
    "one-of-stages": ('stage: "u" stage: "s"',),
    "one-of-not-stages": ('not_stage: "u" not_stage: "s"',),
    "not-these-stages": ('not_stage: "s" not_stage: "u"',),
    "higher-level": ("min_level: 1",),
    "lower-level": ("max_level: -1",),
    "none-of-two": ('phase: TRAIN stage: "s"', 'phase: TEST not_stage: "t"'),
}
"""Rules of which none is met."""

_FIELD = "phase-of-layer"
"""The field of layers that Caffe fills in itself, and which is not a rule."""

OF_NET = "phase-of-net"
"""The name of rules in a net whose state names the other phase, which says nothing either."""

RULES: tuple[str, ...] = (*_MET, *_UNMET, _FIELD)
"""Kinds of rules by name."""


def places_of(name: str) -> tuple[str, str]:
    """Return the rules of a layer that the net has, and those of one that it does not have."""
    if name == _FIELD:
        return "phase: TRAIN include { phase: TEST }", "phase: TEST include { phase: TRAIN }"
    rules = _MET["phase" if name == OF_NET else name] if name not in _UNMET else ()
    if rules:
        return _rules("include", rules), _rules("exclude", rules)
    return _rules("exclude", _UNMET[name]), _rules("include", _UNMET[name])


def _rules(word: str, rules: tuple[str, ...]) -> str:
    return " ".join(f"{word} {{ {rule} }}" for rule in rules)
