"""A network as text, short enough for a failure message."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from pytest_amct.graphs.caffe.ops import parameters
from pytest_amct.graphs.network import Layer, Network, Tensor, Unknown
from pytest_amct.graphs.walk import dtype
from pytest_amct.wording import printable

_MOST_LINES = 40
_MOST_ATTRIBUTES = 30


def network_text(network: Network, marked: frozenset[Layer] = frozenset()) -> str:
    """Return a line for each input and layer, with an arrow at `marked` layers.

    Cut long networks, around the first arrow if there is one.
    """
    lines = [*_inputs(network), *(_line(layer, layer in marked) for layer in network.layers)]
    if len(lines) > _MOST_LINES:
        first = next((i for i, line in enumerate(lines) if line.startswith("->")), 0)
        start = max(0, min(first - _MOST_LINES // 2, len(lines) - _MOST_LINES))
        cut = len(lines) - _MOST_LINES
        lines = [
            f"   ... {cut} of {len(lines)} lines left out ...",
            *lines[start : start + _MOST_LINES],
        ]
    return "\n".join(map(printable, lines))


def _inputs(network: Network) -> Iterator[str]:
    for tensor in network.inputs:
        yield f"   input {_typed(tensor)}"


def _line(layer: Layer, marked: bool) -> str:
    given = ", ".join(_operand(t) for t in layer.inputs)
    made = ", ".join(t.name if t else "_" for t in layer.outputs)
    name = f"{layer.name}: " if layer.name else ""
    where = f"[{layer.where}] " if layer.where else ""
    call = f"{layer.qualified_type}({given}){_attributes(layer)}"
    return f"{'->' if marked else '  '} {where}{name}{made} = {call}"


def _operand(tensor: Tensor | None) -> str:
    if tensor is None:
        return "_"
    return _typed(tensor) if tensor.origin in ("constant", "overridable") else tensor.name


def _typed(tensor: Tensor) -> str:
    dims = (
        "?"
        if tensor.shape is None
        else "x".join("?" if n is None else str(n) for n in tensor.shape)
    )
    return f"{tensor.name}<{dtype(tensor) or '?'} {dims}>"


def _attributes(layer: Layer) -> str:
    shown = []
    for name in islice(_names(layer), _MOST_ATTRIBUTES):
        value = layer.attribute(name)
        if isinstance(value, tuple):
            value = list(value)
        if isinstance(value, (int, float, str, list)) and len(str(value)) < 60:
            shown.append(f"{name}={value}")
        else:
            shown.append(f"{name}={'?' if isinstance(value, Unknown) else '...'}")
    return f" {{{', '.join(shown)}}}" if shown else ""


def _names(layer: Layer) -> Iterator[str]:
    """Yield the names of the attributes in the file's order; TensorFlow's are sorted by name."""
    if layer.framework == "tensorflow":
        yield from sorted(layer.raw.attr)
    elif layer.framework == "caffe":
        held = parameters(layer.raw)
        yield from () if held is None else (field.name for field, _ in held.ListFields())
    else:
        yield from (found.name for found in layer.raw.attribute)
