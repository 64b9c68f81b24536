"""Why a result does not show what was done to a layer: what else may have quantized its values."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_amct.decisions.onnx.integers import ROUNDS, holds_whole_numbers
from pytest_amct.decisions.onnx.pairs import is_unknown, trace
from pytest_amct.decisions.onnx.quantized_constants import is_operator
from pytest_amct.decisions.value_types import HANDS_ON, SHOWS_NOTHING
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.once import once
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.model import Spec

_PASSES = HANDS_ON | {"Relu", "Clip", "Add", "MaxPool", "AveragePool", "Min", "Max"}
_VISITS = 16


def doubt_at(before: Layer, after: Layer, port: int, what: str) -> str | None:
    """Return what may have quantized the value at a port, as text, ``None`` if nothing may.

    An operator that the given model already has there is not a doubt. `what` names the value:
    weight or data.
    """
    found = trace(after.input(port)).doubt
    if found is None:
        return None
    if is_unknown(found):
        if found.qualified_type in once(before.network, _types):
            if found.body and _functions_changed(before.network, after.network):
                return f"{found} makes its {what}, and functions of the model have changed"
            return None
        return f"{found}, which this suite does not know, makes its {what}"
    held = trace(before.input(port)).doubt
    if held is not None and held.qualified_type == found.qualified_type:
        return None
    if found.type in ROUNDS and not found.domain:
        return f"{found} rounds its {what}, which stays float: give the deploy model"
    if found.type.startswith("Gather"):
        return f"{found} looks its {what} up in a table"
    return f"{found} makes its {what} from integers whose scale is not known"


def unknown_reader(before: Layer, after: Layer) -> str | None:
    """Return the operator that reads a layer's output and may quantize it, as text."""
    known = once(before.network, _types)
    for output in after.outputs:
        for reader in output.consumers if output is not None else ():
            if is_unknown(reader) and reader.qualified_type not in known:
                return f"{reader}, which this suite does not know, reads its output"
    return None


def sums_at(after: Layer, port: int, spec: Spec) -> str | None:
    """Return which layer's sums of integers, not yet multiplied by factors, reach a port, as text.

    Layers that such sums pass are not decisions, as in the deploy form.
    """
    tensor = after.input(port)
    for _ in range(_VISITS):
        layer = tensor.producer if tensor is not None else None
        if layer is None:
            return None
        if _sums_up(layer, spec):
            return f"it works on sums of integers that {layer} makes"
        if layer.domain or layer.type not in _PASSES:
            return None
        tensor = layer.input(0)
    return None


def _sums_up(layer: Layer, spec: Spec) -> bool:
    """Return whether a layer multiplies integers, and later layers apply their factors."""
    if layer.type in ("ConvInteger", "MatMulInteger"):
        return not layer.domain
    row = find_row(layer, spec)
    if row is None or row.ports.weight is None:
        return False
    weight = layer.input(row.ports.weight)
    found = trace(weight)
    if found.pairs:
        return is_operator(found.pairs[0], "Cast")
    rounded = trace(layer.input(row.ports.data[0])).doubt
    return rounded is not None and rounded.type in ROUNDS and bool(holds_whole_numbers(weight))


def in_place_of(original: Network, result: Network, missing: Iterable[int]) -> dict[int, str]:
    """Return what replaces layers without a counterpart, as text, by layer index.

    The replacement is an unknown operator that has the layer's name or produces its output.
    """
    known = once(original, _types)
    named: dict[tuple[str, str], list[Layer]] = {}
    for layer in result.layers:
        if is_unknown(layer) and layer.qualified_type not in known:
            names = {layer.name, *(t.name for t in layer.outputs if t is not None)} - {""}
            for name in names:
                named.setdefault((layer.where, name), []).append(layer)
    found: dict[int, str] = {}
    for index in missing if named else ():
        before = original.layers[index]
        output = before.output(0)
        if not before.domain and before.type in SHOWS_NOTHING:
            continue
        for name in (before.name, output.name if output is not None else ""):
            there = named.get((before.where, name), [])
            if len(there) == 1 and index not in found:
                what = "a function that is too large to inline"
                why = what if there[0].body else "which this suite does not know"
                found[index] = f"{there[0]}, {why}, replaces it"
    return found


def _functions_changed(original: Network, result: Network) -> bool:
    """Return whether a function of the given model has a different body in the result."""
    had = once(original, _functions)
    has = once(result, _functions)
    return any(had.get(key, nodes) != nodes for key, nodes in has.items())


def _functions(network: Network) -> dict[tuple[str, str, str], list[bytes]]:
    return {
        (f.domain, f.name, f.overload): [node.SerializeToString() for node in f.node]
        for f in network.raw.functions
    }


def _types(network: Network) -> frozenset[str]:
    return frozenset(layer.qualified_type for layer in network.layers)
