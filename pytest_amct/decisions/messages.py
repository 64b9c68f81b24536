"""Reads decisions from JSON and checks the types of foreign decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

import numpy as np

from pytest_amct.decisions.decision import Decision
from pytest_amct.errors import OutputError
from pytest_amct.graphs.network import Basis
from pytest_amct.tables.model import DataFormat
from pytest_amct.typed import is_of
from pytest_amct.wording import written

PORTS = range(2**31)
"""Input ports of a layer."""

FIELDS: Mapping[str, Any] = {
    "inputs": list[PORTS],  # type: ignore[valid-type]
    "weights": bool,
    "weight_channel_wise": bool,
    "weight_asymmetric": bool,
    "weight_bits": int,
    "shift": int,
    "nonuniform": bool,
}
"""The fields of a decision that a message may hold, with their types. Each may be null."""

assert set(FIELDS) < {f.name for f in fields(Decision)}


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
    values = {key: _plain(getattr(decision, key)) for key in FIELDS}
    if isinstance(values["inputs"], list | tuple | set | frozenset | np.ndarray):
        values["inputs"] = [_plain(port) for port in values["inputs"]]
    if not isinstance(decision.evidence, str) or decision.evidence not in get_args(Basis):
        raise OutputError(f"{place}.evidence: {written(decision.evidence)} has the wrong type")
    checked = _checked(values, place)
    formats = _formats(decision.formats, f"{place}.formats")
    return Decision(**checked, formats=formats, evidence=decision.evidence, seen=str(decision.seen))


def _formats(value: Any, place: str) -> tuple[DataFormat, ...]:
    """Return checked formats of data. Raises `OutputError` for anything else."""
    if not isinstance(value, list | tuple) or not all(isinstance(f, DataFormat) for f in value):
        raise OutputError(f"{place}: {written(value)} must be a list of DataFormat")
    found = [DataFormat(_plain(f.port), _plain(f.bits), _plain(f.asymmetric)) for f in value]
    for each in found:
        known = is_of(each.port, PORTS) and (each.bits is None or is_of(each.bits, int))
        if not known or not (each.asymmetric is None or is_of(each.asymmetric, bool)):
            raise OutputError(f"{place}: {written(each)} has a field of a wrong type")
    return tuple(found)


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
        if key not in FIELDS:
            raise OutputError(
                f"{place}: {written(key)} is not a field of a decision: {', '.join(FIELDS)}"
            )
        if found is None or is_of(found, FIELDS[key]):
            continue
        if key == "inputs" and isinstance(found, list):
            raise OutputError(f"{place}.inputs: must be a list of input ports")
        raise OutputError(f"{place}.{key}: {written(found)} has the wrong type")
    if value.get("inputs") is not None:
        value = {**value, "inputs": tuple(value["inputs"])}
    return value
