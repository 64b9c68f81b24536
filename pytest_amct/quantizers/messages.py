"""What passes between this package and programs: requests and decisions as JSON files.

``request.schema.json`` and ``decisions.schema.json`` ship with the package.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import numpy as np

from pytest_amct.decisions.decision import Decision
from pytest_amct.errors import OutputError
from pytest_amct.graphs.dtypes import np_dtype
from pytest_amct.graphs.network import Basis
from pytest_amct.nearest import written
from pytest_amct.quantizers.protocol import Refused, Request, Unsupported

REQUEST = "pytest-amct-request/1"
DECISIONS = "pytest-amct-decisions/1"

_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "inputs": list,
    "weights": bool,
    "weight_channel_wise": bool,
    "weight_asymmetric": bool,
    "weight_bits": int,
    "shift": int,
    "nonuniform": bool,
}
"""Fields of a decision that a message may hold, by their JSON type."""

assert set(_KINDS) < {f.name for f in fields(Decision)}


def request_message(request: Request) -> dict[str, Any]:
    """A request as JSON; it names no case and no answer."""
    return {
        "format": REQUEST,
        "framework": request.framework,
        "scheme": request.scheme,
        "settings": dict(request.settings),
        "tensor_quantize": list(request.tensor_quantize),
        "skip_layers": list(request.skip_layers),
        "skip_layer_types": list(request.skip_layer_types),
        "inputs": [
            {"name": i.name, "dtype": i.dtype, "shape": list(i.shape)} for i in request.inputs
        ],
    }


def write_calibration(request: Request, folder: Path, n: int = 8) -> None:
    """Write `n` feeds as ``0.npz`` ...: arrays by input name, bfloat16 as float32."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = {i.name: i.dtype for i in request.inputs if i.dtype == "bfloat16"}
    for number, feed in enumerate(request.calibration(n)):
        arrays = {k: v.astype(np_dtype("float32")) if k in plain else v for k, v in feed.items()}
        np.savez(folder / f"{number}.npz", allow_pickle=False, **arrays)


def read_decisions_message(text: str, source: str) -> dict[str, Decision] | None:
    """The decisions in a JSON text, ``None`` if it is of another format.

    Raises `Refused` or `Unsupported` if it says so, `OutputError` for what is no such message.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise OutputError(f"{source}: not JSON: {error}") from None
    if not isinstance(message, dict) or message.get("format") != DECISIONS:
        return None
    if "refused" in message:
        raise Refused(str(message["refused"]))
    if "unsupported" in message:
        raise Unsupported(str(message["unsupported"]))
    return read_layers_message(message.get("layers"), source)


def read_layers_message(layers: Any, source: str) -> dict[str, Decision]:
    """The decisions of the member ``layers`` of a message. Raises `OutputError`."""
    if not isinstance(layers, dict):
        raise OutputError(f"{source}: 'layers' must be an object of layer names")
    return {name: _decision(value, f"{source}: layers.{name}") for name, value in layers.items()}


def checked_decision(decision: Decision, place: str) -> Decision:
    """A decision that was made elsewhere, its fields of their types; numpy's scalars become plain.

    Raises `OutputError` for one that has others.
    """
    if decision is Decision.float():  # by far the most
        return decision
    values = {key: _plain(getattr(decision, key)) for key in _KINDS}
    if isinstance(values["inputs"], list | tuple | set | frozenset | np.ndarray):
        values["inputs"] = [_plain(port) for port in values["inputs"]]
    if not isinstance(decision.evidence, str) or decision.evidence not in get_args(Basis):
        raise OutputError(f"{place}.evidence: {written(decision.evidence)} is not of its type")
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
                f"{place}: {written(key)} is no field of a decision: {', '.join(_KINDS)}"
            )
        is_number = _KINDS[key] is int and isinstance(found, bool)
        if found is not None and (is_number or not isinstance(found, _KINDS[key])):
            raise OutputError(f"{place}.{key}: {written(found)} is not of its type")
    inputs = value.get("inputs")
    if inputs is not None:
        if not all(isinstance(port, int) and not isinstance(port, bool) for port in inputs):
            raise OutputError(f"{place}.inputs: must be a list of input ports")
        value = {**value, "inputs": tuple(inputs)}
    return value
