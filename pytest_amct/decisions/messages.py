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
from pytest_amct.typed import describe, is_of
from pytest_amct.wording import cut, written

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

FORMATS = "formats"
"""The one field with members of its own: a list, one entry for each port."""

FORMAT_FIELDS: Mapping[str, Any] = {"port": PORTS, "bits": range(1, 65), "asymmetric": bool}
"""What an entry of `FORMATS` may hold, with the types. `port` is needed, the others may be null."""

assert {*FIELDS, FORMATS} < {f.name for f in fields(Decision)}
assert set(FORMAT_FIELDS) == {f.name for f in fields(DataFormat)}


def read_layers_message(layers: Any, source: str) -> dict[str, Decision]:
    """Read the member ``layers`` of a message. Raises `OutputError` if it is malformed."""
    if not isinstance(layers, dict):
        raise OutputError(f"{source}: 'layers' must be an object of layer names")
    return {
        name: _decision(value, f"{source}: layers.{cut(name)}") for name, value in layers.items()
    }


def checked_decision(decision: Decision, place: str) -> Decision:
    """Return a foreign decision with checked fields. numpy scalars become plain Python values.

    Raises `OutputError` for a field of a wrong type.
    """
    values = {key: _plain(getattr(decision, key)) for key in FIELDS}
    if isinstance(values["inputs"], list | tuple | set | frozenset | np.ndarray):
        values["inputs"] = [_plain(port) for port in values["inputs"]]
    if not isinstance(decision.evidence, str) or decision.evidence not in get_args(Basis):
        raise OutputError(f"{place}.evidence: {written(decision.evidence)} has the wrong type")
    checked = _checked(values, place)
    formats = decision.formats
    if not isinstance(formats, list | tuple) or not all(isinstance(f, DataFormat) for f in formats):
        raise OutputError(f"{place}.{FORMATS}: {written(formats)} must be a list of DataFormat")
    given = [{key: _plain(getattr(f, key)) for key in FORMAT_FIELDS} for f in formats]
    found = _formats(given, checked.get("inputs"), f"{place}.{FORMATS}")
    return Decision(**checked, formats=found, evidence=decision.evidence, seen=str(decision.seen))


def _formats(value: Any, inputs: Any, place: str) -> tuple[DataFormat, ...]:
    """Return checked formats of data. Raises `OutputError` if they are wrong or contradict."""
    if not isinstance(value, list):
        raise OutputError(f"{place}: must be a list of objects, one for each port")
    found: dict[int, DataFormat] = {}
    for number, entry in enumerate(value):
        here = f"{place}[{number}]"
        if not isinstance(entry, dict) or "port" not in entry:
            raise OutputError(f"{here}: must be an object with a 'port': name the input port")
        for key, member in entry.items():
            if key not in FORMAT_FIELDS:
                raise OutputError(
                    f"{here}: {written(key)} is not a field of a format: {', '.join(FORMAT_FIELDS)}"
                )
            if is_of(member, FORMAT_FIELDS[key]) or (member is None and key != "port"):
                continue
            unless = "" if key == "port" else ", or null if it is not known"
            raise OutputError(
                f"{here}.{key}: {written(member)} must be {describe(FORMAT_FIELDS[key])}{unless}"
            )
        port = entry["port"]
        if port in found:
            raise OutputError(f"{here}.port: {port} is listed twice: give each port one format")
        if inputs is not None and port not in inputs:
            raise OutputError(
                f"{here}.port: {port} is not one of the quantized inputs {[*inputs]}: add it to"
                " inputs, or leave its format out"
            )
        found[port] = DataFormat(**entry)
    return tuple(found.values())


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _decision(value: Any, place: str) -> Decision:
    if isinstance(value, bool):
        return Decision() if value else Decision.float()
    if not isinstance(value, dict):
        raise OutputError(f"{place}: must be true, false or an object of fields")
    checked = _checked({key: v for key, v in value.items() if key != FORMATS}, place)
    if value.get(FORMATS) is None:
        return Decision(**checked)
    formats = _formats(value[FORMATS], checked.get("inputs"), f"{place}.{FORMATS}")
    return Decision(**checked, formats=formats)


def _checked(value: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    for key, found in value.items():
        if key not in FIELDS:
            raise OutputError(
                f"{place}: {written(key)} is not a field of a decision:"
                f" {', '.join((*FIELDS, FORMATS))}"
            )
        if found is None or is_of(found, FIELDS[key]):
            continue
        if key == "inputs" and isinstance(found, list):
            raise OutputError(f"{place}.inputs: must be a list of input ports")
        raise OutputError(f"{place}.{key}: {written(found)} has the wrong type")
    if value.get("inputs") is not None:
        value = {**value, "inputs": tuple(value["inputs"])}
    return value
