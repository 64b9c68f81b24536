"""The functions of a TensorFlow graph: their calls, and what the calls pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pytest_amct.graphs.network import UNKNOWN, Function, Layer, Network
from pytest_amct.graphs.tensorflow import ops

_MOST_ENTRIES = 256
"""The most entries of a list, or characters of a text, that the calls of a function pass."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A layer that runs a function, with the attributes that it passes and its first argument."""

    layer: Layer
    attributes: Mapping[str, Any]
    first: int = 0
    loops: bool = False
    returns: bool = True


def tie(network: Network, functions: Mapping[str, Function]) -> list[Function]:
    """Connect every call to its function body, and return the functions, callers first.

    If functions are recursive, pass no attributes on and return an empty list.
    """
    calls = _calls(network, functions)
    callers: dict[str, set[str]] = {name: set() for name in functions}
    for name, found in calls.items():
        function = functions[name]
        for call in found:
            if call.layer.where:
                callers[name].add(call.layer.where.removeprefix("function:"))
        signature = function.raw.signature
        if not any(_is_list(a) for a in (*signature.input_arg, *signature.output_arg)):
            _connect(function, found)  # parameters that are lists are not followed
    try:
        order = list(TopologicalSorter(callers).static_order())
    except CycleError:
        return []
    for name in order:
        function = functions[name]
        function.given = _given(function.raw, calls[name])
        for layer in function.layers:
            layer.given = function.given
    return [functions[name] for name in order]


def _connect(function: Function, calls: Sequence[_Call]) -> None:
    """Connect the calls of a function to its body."""
    fewest = len(function.parameters)
    for call in calls:
        arguments = call.layer.inputs[call.first :]
        fewest = min(fewest, len(arguments))
        for parameter, argument in zip(function.parameters, arguments, strict=False):
            parameter.bind(argument)
        if call.returns:
            function.calls.append(call.layer)
            call.layer.parameters, call.layer.body = function.parameters, function.body
    for parameter in function.parameters[fewest:]:  # that some call leaves out
        parameter.bind(None)
    function.loops = any(call.loops for call in calls)
    if function.loops:
        # With other calls of the body, all call sites must agree on the source.
        for parameter in function.parameters:
            parameter.origin = "carried" if len(calls) == 1 else "parameter"


def _calls(network: Network, functions: Mapping[str, Function]) -> dict[str, list[_Call]]:
    """Return the layers that run each function."""
    found: dict[str, list[_Call]] = {name: [] for name in functions}
    for layer in network.layers:
        if layer.type in functions:
            found[layer.type].append(_Call(layer, layer.raw.attr))
            continue
        names, first = ops.BRANCHES.get(layer.type, ((), 0))
        loops = layer.type.endswith("While")
        for function in _named(layer, ("f",) if layer.type in ops.CALLS else names):
            if function.name in found:
                found[function.name].append(_Call(layer, function.attr, first, loops, not names))
    return found


def _named(layer: Layer, names: Iterable[str]) -> Iterable[Any]:
    for name in names:
        value = layer.raw.attr.get(name)
        if value is not None:
            yield from value.list.func if value.HasField("list") else [value.func]


def _given(body: Any, calls: Sequence[_Call]) -> dict[str, Any]:
    """Return the attributes that the calls of a function pass; `UNKNOWN` if the calls differ."""
    values: dict[str, list[Any]] = {attr.name: [] for attr in body.signature.attr}
    for call in calls:
        passed = _Attributes(call.attributes)
        for name in values.keys() & call.attributes.keys():
            value = ops.attribute(passed, name, call.layer.given)
            if value is not None:
                values[name].append(value)
    for attr in body.signature.attr:
        if len(values[attr.name]) < len(calls):
            default = _Attributes({"": attr.default_value})
            found = ops.attribute(default, "") if attr.HasField("default_value") else None
            values[attr.name].append(UNKNOWN if found is None else found)
    return {name: _agreed(found) for name, found in values.items()}


def _agreed(values: Sequence[Any]) -> Any:
    """Return what all calls pass, `UNKNOWN` if they differ.

    A long list is `UNKNOWN`, too: every layer of the function would read it again.
    """
    first = values[0] if values else UNKNOWN
    if isinstance(first, tuple | str) and len(first) > _MOST_ENTRIES:
        return UNKNOWN
    return first if all(value == first for value in values) else UNKNOWN


@dataclass(frozen=True, slots=True)
class _Attributes:
    """A map of attributes in the form of a node, as `attribute` expects it."""

    attr: Mapping[str, Any]


def _is_list(arg: Any) -> bool:
    return bool(arg.number_attr or arg.type_list_attr)
