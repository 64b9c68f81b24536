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

    Inputs with a stored value come after the others. Layers that share no tensor with a marked one,
    not even by way of others, are called unrelated. Cut long networks, around the first arrow if
    there is one.
    """
    fed = dict.fromkeys(t for layer in network.layers for t in layer.inputs if _is_overridable(t))
    shown: Sequence[Tensor | Layer] = [*network.inputs, *filter(None, fed), *network.layers]
    apart = _unrelated(network, marked)
    count, cut_line = len(shown), []
    if count > _MOST_LINES:
        first = next((i for i, item in enumerate(shown) if item in marked), 0)
        start = max(0, min(first - _MOST_LINES // 2, count - _MOST_LINES))
        cut_line = [f"   ... {count - _MOST_LINES} of {count} lines left out ..."]
        shown = shown[start : start + _MOST_LINES]
    return "\n".join(map(printable, [*cut_line, *(_line(item, marked, apart) for item in shown)]))


def _is_overridable(tensor: Tensor | None) -> bool:
    return tensor is not None and tensor.origin == "overridable"


def _unrelated(network: Network, marked: frozenset[Layer]) -> frozenset[Layer]:
    """Return the layers that are not connected with a marked one; none where that is not plain."""
    if not marked or any(layer.where for layer in network.layers):
        return frozenset()  # bodies are connected in more ways than by their tensors
    users: dict[Tensor, list[Layer]] = {}
    for layer in network.layers:
        for tensor in _tensors(layer):
            users.setdefault(tensor, []).append(layer)
    related, waiting = {*marked}, [*marked]
    while waiting:
        for tensor in _tensors(waiting.pop()):
            for other in users.pop(tensor, ()):
                if other not in related:
                    related.add(other)
                    waiting.append(other)
    return frozenset(network.layers) - related


def _tensors(layer: Layer) -> Iterator[Tensor]:
    yield from (t for t in (*layer.inputs, *layer.outputs) if t is not None)


def layer_line(layer: Layer) -> str:
    """Return a layer as one line: its name, outputs, type, inputs and attributes."""
    return printable(_line(layer, frozenset()))


def _line(
    item: Tensor | Layer, marked: frozenset[Layer], apart: frozenset[Layer] = frozenset()
) -> str:
    if isinstance(item, Tensor):
        stored = ", with a stored value" if _is_overridable(item) else ""
        return f"   input {typed(item)}{stored}"
    given = ", ".join(_operand(t) for t in islice(item.inputs, _MOST_OPERANDS))
    made = ", ".join(cut(t.name) if t else "_" for t in islice(item.outputs, _MOST_OPERANDS))
    name = f"{cut(item.name)}: " if item.name else ""
    where = f"[{cut(item.where)}] " if item.where else ""
    call = f"{cut(item.qualified_type)}({given}){_attributes(item)}"
    note = "  (unrelated)" if item in apart else ""
    return f"{'->' if item in marked else '  '} {where}{name}{made} = {call}{note}"


def _operand(tensor: Tensor | None) -> str:
    if tensor is None:
        return "_"
    return typed(tensor) if tensor.origin == "constant" else cut(tensor.name)


def typed(tensor: Tensor) -> str:
    """Return a tensor with its element type and shape: ``t0<float32 1x32x4x4>``."""
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
