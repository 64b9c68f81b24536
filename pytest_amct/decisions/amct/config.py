"""AMCT's quantization configuration, the JSON of ``create_quant_config`` and its siblings.

Those of training (``create_quant_retrain_config``) and distillation (``create_distill_config``)
have other keys for the same things.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pytest_amct.decisions.amct.layers import BITS, AmctDecisions, AmctLayer
from pytest_amct.decisions.amct.other_files import not_a_configuration
from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.names import shown
from pytest_amct.errors import OutputError
from pytest_amct.tables.model import DataFormat
from pytest_amct.wording import printable, written

_NOT_LAYERS = frozenset(
    (
        "version",
        "batch_num",
        "activation_offset",
        "joint_quant",
        "do_fusion",
        "skip_fusion_layers",
        "tensor_quantize",
        # also AMCT's, although docs/reading.md, "What forms show", does not list it
        "weight_offset",
        "fakequant_precision_mode",
        "update_bn",
        "bn_update_config",
        # of distillation
        "group_size",
        "data_dump",
        "distill_group",
    )
)
"""Top-level keys that are not layers."""

_LONGEST = 200
"""The largest number of characters of a place that messages quote."""

_ENABLED = ("quant_enable", "retrain_enable")

_PARTS = ("activation_quant_params", "weight_quant_params")
"""The keys of a layer's data and of its weight."""

_TRAINED = (
    ("retrain_data_config", "retrain_weight_config"),
    ("distill_data_config", "distill_weight_config"),
)
"""The same for training and distillation. AMCT has defaults for a part that is left out."""

_NONUNIFORM = ("nuq_quantize", "snq_quantize")
_UNIFORM = (
    *("arq_quantize", "ada_quantize"),
    *("arq_retrain", "ulq_retrain", "arq_distill", "ulq_distill"),
)


def read_config(text: str) -> AmctDecisions:
    """Read the layers from the JSON text of a configuration (docs/reading.md, "What forms show").

    Raises `OutputError` with the path of the wrong key.
    """
    if not isinstance(text, str):
        raise OutputError(
            f"the configuration is {written(text)}: give its text, or return its path"
        )
    config = _object("", _parse(text))
    offset = config.get("weight_offset")
    layers: dict[str, AmctLayer | None] = {}
    for name, value in config.items():
        if name not in _NOT_LAYERS:
            layers[name] = _layer(name, _entry(name, value), offset is True)
    for name, ports in _tensors(config).items():
        said = layers.get(name)
        if said is None:
            said = AmctLayer(Decision(weights=False, nonuniform=False), False, {})
        layers[name] = AmctLayer(_quantized(said.decision), said.data, ports)
    return AmctDecisions(layers)


def _parse(text: str) -> Any:
    try:
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_pairs)
    except json.JSONDecodeError as error:
        other = not_a_configuration(text)
        if other is not None:
            raise OutputError(f"the configuration is {other}") from None
        raise OutputError(
            f"the configuration is not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    except ValueError as error:  # a number with thousands of digits
        raise OutputError(f"the configuration is not JSON: {error}") from None
    except RecursionError:
        raise OutputError("the configuration is nested too deep: return one of AMCT's") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                break
            seen.add(name)
        raise OutputError(
            f"the configuration has the key {shown(name)} twice: names must be unique"
        )
    return found


def _layer(name: str, value: Mapping[str, Any], offset: bool) -> AmctLayer | None:
    key = next((key for key in _ENABLED if value.get(key) is not None), None)
    if key is None:
        return None
    if not _typed(f"{name}.{key}", value[key], bool):
        return AmctLayer(Decision.float(), False, {})
    parts = next((each for each in _TRAINED if any(part in value for part in each)), _PARTS)
    data, weights = (_params(f"{name}.{part}", value) for part in parts)
    if data is None and weights is None:
        return AmctLayer(Decision(seen=f"{key} is true"), None, {})
    formats = _formats(f"{name}.{parts[0]}", value)
    seen = "the configuration has " + " and ".join(part for part in parts if part in value)
    left_out = False if parts is _PARTS else None
    told = left_out if data is None else True
    decision = Decision(weights=left_out, nonuniform=left_out, seen=seen)
    if weights is not None:
        decision = _weighted(f"{name}.{parts[1]}", weights, offset, seen)
    return AmctLayer(decision, told, {}, formats=formats)


def _weighted(path: str, params: Mapping[str, Any], offset: bool, seen: str) -> Decision:
    algorithm = _one(f"{path}.wts_algo", params, str) or _one(f"{path}.algo", params, str)
    known = algorithm in _NONUNIFORM + _UNIFORM
    asymmetric = _one(f"{path}.asymmetric", params, bool)
    return Decision(
        weights=True,
        weight_channel_wise=_one(f"{path}.channel_wise", params, bool),
        weight_asymmetric=True if asymmetric is None and offset else asymmetric,
        weight_bits=_bits(path, params),
        nonuniform=algorithm in _NONUNIFORM if known else None,
        seen=seen,
    )


def _quantized(decision: Decision) -> Decision:
    """Return a layer's decision, given that one of its inputs is quantized."""
    return decision if decision.seen else Decision(weights=False, nonuniform=False, seen=_TENSOR)


_TENSOR = "the configuration's tensor_quantize names it"


def _tensors(config: Mapping[str, Any]) -> dict[str, dict[int, str]]:
    """Return the input ports that ``tensor_quantize`` lists, by layer name, with their places."""
    found: dict[str, dict[int, str]] = {}
    listed = config.get("tensor_quantize")
    for i, entry in enumerate([] if listed is None else _typed("tensor_quantize", listed, list)):
        path = f"tensor_quantize[{i}]"
        item = _object(path, entry)
        for key in ("layer_name", "input_index"):
            if key not in item:
                raise OutputError(f"{path}.{key} is missing: name a layer and one of its inputs")
        name = _typed(f"{path}.layer_name", item["layer_name"], str)
        port = _typed(f"{path}.input_index", item["input_index"], int)
        if port < 0:
            raise OutputError(f"{path}.input_index is {port}: inputs are counted from 0")
        found.setdefault(name, {})[port] = f"{path}.input_index"
    return found


# --- types -----------------------------------------------------------------------------------


def _params(path: str, value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the parameters of one kind, those of the first input if there are several."""
    return next(iter(_each(path, value)), None)


def _each(path: str, value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the parameters of one kind. Some tools write a list with an entry for each input."""
    found = value.get(path.rpartition(".")[2])
    if isinstance(found, list):
        return [_object(f"{path}[{i}]", entry) for i, entry in enumerate(found)]
    return [] if found is None else [_object(path, found)]


def _formats(path: str, value: Mapping[str, Any]) -> tuple[DataFormat, ...]:
    """Return how the data was quantized, as far as the parameters tell."""
    found = []
    for port, params in enumerate(_each(path, value)):
        asymmetric = _one(f"{path}.asymmetric", params, bool)
        found.append(DataFormat(port, _bits(path, params), asymmetric))
    return tuple(found)


def _bits(path: str, params: Mapping[str, Any]) -> int | None:
    """Return the bits of a part, which configurations of training give as a type."""
    bits: int | None = _one(f"{path}.num_bits", params, int)
    return BITS.get(_one(f"{path}.dst_type", params, str)) if bits is None else bits


def _one(path: str, params: Mapping[str, Any], kind: type) -> Any:
    """Return the parameter at the end of a path, ``None`` if it is left out."""
    found = params.get(path.rpartition(".")[2])
    return None if found is None else _typed(path, found, kind)


def _entry(name: str, value: object) -> Mapping[str, Any]:
    """Return the entry of a layer. Raises `OutputError` if it can only be a setting."""
    if isinstance(value, dict):
        return value
    raise OutputError(
        f"{printable(name[-_LONGEST:])} is {_shortly(value)}: AMCT has no setting of this name, and"
        " the entry of a layer must be an object"
    )


def _object(path: str, value: object) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _typed(path, value, dict)
    return found


_WORDS = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "true or false",
    int: "an integer",
}


def _typed(path: str, value: Any, kind: type) -> Any:
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    place = printable(path[-_LONGEST:]) or "the configuration"
    raise OutputError(f"{place} is {_shortly(value)}: it must be {_WORDS[kind]}")


def _shortly(value: object) -> str:
    """Return a value as messages quote it."""
    # Nested values may be too deep for json.dumps.
    told = _WORDS[type(value)] if value and isinstance(value, dict | list) else json.dumps(value)
    return told if len(told) <= 40 else f"{told[:40]}..."
