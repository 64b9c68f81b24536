"""The contents of AMCT's two text forms, configuration and record, before a model is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pytest_amct.decisions.decision import Decision, Outcome
from pytest_amct.decisions.names import layers_by_name, unknown_name
from pytest_amct.decisions.onnx.qdq import data_ports
from pytest_amct.errors import OutputError
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.model import DataFormat, Spec
from pytest_amct.wording import printable

BITS: Mapping[str | None, int] = {"INT4": 4, "INT6": 6, "INT7": 7, "INT8": 8, "INT16": 16}
"""The bits of the types that both texts name."""

_DIGITS = 9
"""The largest number of digits of an input port."""


@dataclass(frozen=True, slots=True)
class AmctLayer:
    """What a text form says about one layer. Only the model tells which input ports are data."""

    #: the decision without the inputs
    decision: Decision
    #: whether all of its data was quantized, ``None`` if the text does not say
    data: bool | None
    #: input ports that were quantized individually, with the place in the text that says so
    ports: Mapping[int, str]
    #: whether one input was quantized, but the text does not say which
    some_port: bool = False
    #: how its data was quantized: an entry for each input, or one for all
    formats: tuple[DataFormat, ...] = ()


@dataclass(frozen=True, slots=True)
class AmctDecisions:
    """The result of `read_config` and `read_record`. A quantizer may return it.

    Such a text lists every quantized layer, so the other layers were left in float. ``None``
    marks a layer that is listed without saying what was done to it.
    """

    #: by name; ``name:port`` is a single input in a record
    layers: Mapping[str, AmctLayer | None]


def read_layers(original: Network, found: AmctDecisions, spec: Spec) -> Outcome:
    """Return the decisions on the layers of `original`.

    Raises `OutputError` for a name or a port that the model does not have.
    """
    known = layers_by_name(original)
    by_index: dict[int, AmctLayer | None] = {}
    unmatched: set[int] = set()
    for name, said in found.layers.items():
        base, port = _split(name, known)
        indices = known.get(base)
        if indices is None:
            raise unknown_name(name, original)
        if len(indices) != 1:
            unmatched.update(indices)
            continue
        if said is not None and port is not None:
            said = replace(said, ports={port: name}, some_port=False, data=False)
        (index,) = indices
        by_index[index] = _merge(by_index.get(index), said)
    decisions = {}
    for index, layer in enumerate(original.layers):
        if index in by_index:
            told = by_index[index]
            if told is not None:
                decisions[index] = _decision(layer, told, spec)
        elif index not in unmatched and not layer.where:
            decisions[index] = Decision.float()
    return Outcome("decided", decisions, frozenset(unmatched))


def decisions_by_name(found: AmctDecisions) -> dict[str, Decision]:
    """Return the decisions of a text without its model. "All data" then means input 0."""
    decisions = {}
    for name, said in found.layers.items():
        if said is not None:
            data = () if said.data is False else (0,)
            known = said.data is not None or bool(said.ports)
            inputs = tuple(sorted({*data, *said.ports})) if known else None
            decisions[name] = replace(said.decision, inputs=inputs)
    return decisions


def _split(name: str, known: Mapping[str, object]) -> tuple[str, int | None]:
    """Split ``name:port`` into a name of the model and the port, ``None`` without a port."""
    base, colon, port = name.rpartition(":")
    if (
        name not in known
        and colon
        and base in known
        and port.isascii()
        and port.isdigit()
        and len(port) < _DIGITS
    ):
        return base, int(port)
    return name, None


def _merge(first: AmctLayer | None, second: AmctLayer | None) -> AmctLayer | None:
    """Merge two entries of one layer: a record has one for each of its inputs."""
    if first is None or second is None:
        return second or first
    kept = first if first.decision.weights else second
    return replace(kept, ports={**first.ports, **second.ports}, data=first.data or second.data)


def _decision(layer: Layer, said: AmctLayer, spec: Spec) -> Decision:
    for port, place in said.ports.items():
        if port >= len(layer.inputs):
            raise OutputError(
                f"{printable(place[:200])}: {layer} has no input {port}: "
                f"it has {len(layer.inputs)}, counted from 0"
            )
    if said.data is None:
        return said.decision
    data = data_ports(layer, find_row(layer, spec)) if said.data or said.some_port else ()
    if (said.data and not data) or (said.some_port and len(data) != 1):
        return said.decision
    inputs = tuple(sorted({*data, *said.ports}))
    return replace(said.decision, inputs=inputs, formats=_formats(said.formats, inputs))


def _formats(said: tuple[DataFormat, ...], inputs: tuple[int, ...]) -> tuple[DataFormat, ...]:
    """Return the format of each quantized input."""
    if len(said) == 1:
        return tuple(replace(said[0], port=port) for port in inputs)
    return tuple(found for found in said if found.port in inputs)
