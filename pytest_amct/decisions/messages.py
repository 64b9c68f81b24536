"""Reads decisions from JSON and checks the types of foreign decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

import numpy as np

from pytest_amct.decisions.decision import Decision
from pytest_amct.errors import OutputError
from pytest_amct.graphs.network import Basis
from pytest_amct.wording import written

_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "inputs": list,
    "weights": bool,
    "weight_channel_wise": bool,
    "weight_asymmetric": bool,
    "weight_bits": int,
    "shift": int,
    "nonuniform": bool,
}
"""JSON types of the fields of a decision, by name."""

assert set(_KINDS) < {f.name for f in fields(Decision)}


def read_layers_message(layers: Any, source: str) -> dict[str, Decision]:
    """Read the member ``layers`` of a message. Raises `OutputError` if it is malformed."""
    if not isinstance(layers, dict):
        raise OutputError(f"{source}: 'layers' must be an object of layer names")
    return {name: _decision(value, f"{source}: layers.{name}") for name, value in layers.items()}


def checked_decision(decision: Decision, place: str) -> Decision:
    """Return a foreign decision with checked fields. numpy scalars become plain Python values.

    Raises `OutputError` for a field of a wrong type.
    """
    if decision is Decision.float():  # the most frequent decision by far
        return decision
    values = {key: _plain(getattr(decision, key)) for key in _KINDS}
    if isinstance(values["inputs"], list | tuple | set | frozenset | np.ndarray):
        values["inputs"] = [_plain(port) for port in values["inputs"]]
    if not isinstance(decision.evidence, str) or decision.evidence not in get_args(Basis):
        raise OutputError(f"{place}.evidence: {written(decision.evidence)} has the wrong type")
    checked = _checked(values, place)
    return Decision(**checked, evidence=decision.evidence, seen=str(decision.seen))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _decision(value: Any, place: str) -> Decision:
    if isinstance(value, bool):
        return Decision() if value else Decision.float()
    if not isinstance(value, dict):
        raise OutputError(f"{place}: must be true, false or an object of fields")
    return Decision(**_checked(value, place))


def _checked(value: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    for key, found in value.items():
        if key not in _KINDS:
            raise OutputError(
                f"{place}: {written(key)} is not a field of a decision: {', '.join(_KINDS)}"
            )
        is_number = _KINDS[key] is int and isinstance(found, bool)
        if found is not None and (is_number or not isinstance(found, _KINDS[key])):
            raise OutputError(f"{place}.{key}: {written(found)} has the wrong type")
    inputs = value.get("inputs")
    if inputs is not None:
        if not all(isinstance(port, int) and not isinstance(port, bool) for port in inputs):
            raise OutputError(f"{place}.inputs: must be a list of input ports")
        value = {**value, "inputs": tuple(inputs)}
    return value
