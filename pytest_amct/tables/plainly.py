"""A fast path for layers whose conditions plainly hold.

It is enough for most layers of a network. Each check is a shortcut for the predicate of the same
name in ``kinds``. It returns true or false only if the predicate returns the same with basis
`stated`, and ``None`` for everything else. ``tests/test_answers.py`` compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_amct.graphs import walk
from pytest_amct.graphs.network import Layer, Tensor, Unknown
from pytest_amct.tables.facts import Facts
from pytest_amct.tables.model import Ports, Row

Parameters = Mapping[str, Any]
Check = Callable[[Layer, Ports, Facts, Parameters], bool | None]


def _at(layer: Layer, port: int | None) -> Tensor | None:
    inputs = layer.inputs
    return None if port is None or port >= len(inputs) else inputs[port]


def _attribute(layer: Layer, ports: Ports, facts: Facts, wanted: Parameters) -> bool | None:
    value = layer.attribute(wanted["attribute"])
    if value is None or value == ():
        value = wanted["default"]
    if isinstance(value, Unknown | tuple) or "equals" not in wanted:
        return None
    expected = wanted["equals"]
    return bool((bool(value) if isinstance(expected, bool) else value) == expected)


def _constant(layer: Layer, port: int | None) -> Tensor | None:
    tensor = _at(layer, port)
    if tensor is None or tensor.basis != "stated" or not walk.is_constant(tensor):
        return None
    return tensor


def _weight_source(layer: Layer, ports: Ports, facts: Facts, wanted: Parameters) -> bool | None:
    return True if _constant(layer, ports.weight) is not None else None


def _bias_source(layer: Layer, ports: Ports, facts: Facts, wanted: Parameters) -> bool | None:
    bias = _at(layer, ports.bias)
    return True if bias is None or _constant(layer, ports.bias) is not None else None


def _weight_rank(layer: Layer, ports: Ports, facts: Facts, wanted: Parameters) -> bool | None:
    weight = _constant(layer, ports.weight)
    if weight is None or weight.shape is None:
        return None
    return bool(len(weight.shape) in wanted["weight_rank"])


def _constant_of_rank(layer: Layer, ports: Ports, facts: Facts, wanted: Parameters) -> bool | None:
    weight = _constant(layer, ports.weight)
    if weight is None or weight.shape is None:
        return None
    return True if len(weight.shape) == wanted["constant_of_rank"] else None


def _weight_shared(layer: Layer, ports: Ports, facts: Facts, wanted: Parameters) -> bool | None:
    if ports.weight is None:
        return True
    weight = _constant(layer, ports.weight)
    return True if weight is not None and facts.sharing.is_own(weight) else None


def _dtype(layer: Layer, ports: Ports, facts: Facts, wanted: Parameters) -> bool | None:
    known = walk.known_dtypes(layer.network)
    allowed, found = wanted["dtype"], False
    for tensor in (*layer.inputs, *layer.outputs[:1]):
        if tensor is not None:
            dtype = tensor.dtype or known.get(tensor)
            if dtype not in allowed:
                return None
            found = True
    return True if found else None


def _nested(layer: Layer, ports: Ports, facts: Facts, wanted: Parameters) -> bool | None:
    return not layer.where


def _type(layer: Layer, ports: Ports, facts: Facts, wanted: Parameters) -> bool | None:
    return bool(layer.type == wanted["type"])


def _pool_rank(layer: Layer, ports: Ports, facts: Facts, wanted: Parameters) -> bool | None:
    kernel = layer.attribute("kernel_shape")
    return bool(len(kernel) + 2 == wanted["pool_rank"]) if isinstance(kernel, tuple) else None


PLAINLY: Mapping[str, Check] = {
    "attribute": _attribute,
    "type": _type,
    "weight_source": _weight_source,
    "bias_source": _bias_source,
    "weight_rank": _weight_rank,
    "constant_of_rank": _constant_of_rank,
    "weight_shared": _weight_shared,
    "pool_rank": _pool_rank,
    "dtype": _dtype,
    "nested": _nested,
}
"""The checks by the key that names the kind in `require`. Not every kind has a check."""

Step = tuple[Check, Parameters, Check | None, Parameters]
"""A check with its parameters, and its guard with the guard's parameters."""


def steps(row: Row) -> tuple[Step, ...] | None:
    """Return the checks of a row's conditions on layers, ``None`` if one of them has no check."""
    found = []
    for condition in row.conditions:
        if condition.on_treatment:
            continue
        check, guard = _check(condition.require), None
        if condition.when is not None:
            guard = _check(condition.when)
        if check is None or (condition.when is not None and guard is None):
            return None
        found.append((check, condition.require, guard, condition.when or {}))
    return tuple(found)


def hold(layer: Layer, row: Row, found: tuple[Step, ...], facts: Facts) -> bool:
    """Return whether all of a row's conditions on the layer plainly hold or are vacuous."""
    ports = row.ports
    for check, require, guard, when in found:
        if guard is not None and guard(layer, ports, facts, when) is False:
            continue
        if check(layer, ports, facts, require) is not True:
            return False
    return True


def _check(require: Mapping[str, Any]) -> Check | None:
    return next((PLAINLY[key] for key in require if key in PLAINLY), None)
