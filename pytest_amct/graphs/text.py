"""A network as text, short enough for a failure message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from pytest_amct.graphs.caffe.ops import parameters
from pytest_amct.graphs.network import Layer, Network, Tensor, Unknown
from pytest_amct.graphs.walk import dtype
from pytest_amct.wording import cut, printable

_MOST_LINES = 40
_MOST_ATTRIBUTES = 30
_MOST_OPERANDS = 100
"""The most inputs, outputs, dimensions and list entries that a line shows."""


def network_text(network: Network, marked: frozenset[Layer] = frozenset()) -> str:
    """Return a line for each input and layer, with an arrow at `marked` layers.

    Cut long networks, around the first arrow if there is one.
    """
    shown: Sequence[Tensor | Layer] = [*network.inputs, *network.layers]
    count, cut_line = len(shown), []
    if count > _MOST_LINES:
        first = next((i for i, item in enumerate(shown) if item in marked), 0)
        start = max(0, min(first - _MOST_LINES // 2, count - _MOST_LINES))
        cut_line = [f"   ... {count - _MOST_LINES} of {count} lines left out ..."]
        shown = shown[start : start + _MOST_LINES]
    return "\n".join(map(printable, [*cut_line, *(_line(item, marked) for item in shown)]))


def layer_line(layer: Layer) -> str:
    """Return a layer as one line: its name, outputs, type, inputs and attributes."""
    return printable(_line(layer, frozenset()))


def _line(item: Tensor | Layer, marked: frozenset[Layer]) -> str:
    if isinstance(item, Tensor):
        return f"   input {_typed(item)}"
    given = ", ".join(_operand(t) for t in islice(item.inputs, _MOST_OPERANDS))
    made = ", ".join(cut(t.name) if t else "_" for t in islice(item.outputs, _MOST_OPERANDS))
    name = f"{cut(item.name)}: " if item.name else ""
    where = f"[{cut(item.where)}] " if item.where else ""
    call = f"{cut(item.qualified_type)}({given}){_attributes(item)}"
    return f"{'->' if item in marked else '  '} {where}{name}{made} = {call}"


def _operand(tensor: Tensor | None) -> str:
    if tensor is None:
        return "_"
    return _typed(tensor) if tensor.origin in ("constant", "overridable") else cut(tensor.name)


def _typed(tensor: Tensor) -> str:
    entries = (tensor.shape or ())[:_MOST_OPERANDS]
    dims = "x".join("?" if n is None else str(n) for n in entries)
    return f"{cut(tensor.name)}<{dtype(tensor) or '?'} {'?' if tensor.shape is None else dims}>"


def _attributes(layer: Layer) -> str:
    shown = []
    for name in islice(_names(layer), _MOST_ATTRIBUTES):
        value = layer.attribute(name)
        if isinstance(value, tuple):
            value = list(value[:_MOST_OPERANDS])
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
