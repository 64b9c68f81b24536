"""Shape inference for a Caffe net, from its inputs through the layer types with a rule.

The output shapes of other layer types are unknown, and so is everything that depends on them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from pytest_amct.graphs.caffe.ops import parameters
from pytest_amct.graphs.caffe.ranks import ELEMENTWISE, fill_ranks
from pytest_amct.graphs.caffe.schema import Message
from pytest_amct.graphs.network import Layer, Network, Shape

_Rule = Callable[[Message, Shape], Shape | None]
_OfAll = Callable[[Message, Sequence[Shape | None]], Shape | None]
_Dim = int | str | None

_IMAGES = frozenset("AnnotatedData Data ImageData MemoryData VideoData WindowData".split())


def infer(network: Network) -> None:
    """Fill in the shapes of the layers' outputs. Never raise."""
    _forward(network)
    if fill_ranks(network):
        _forward(network)


def _forward(network: Network) -> None:
    for layer in network.layers:
        bottoms = [t.shape for t in layer.inputs if t is not None and t.origin != "constant"]
        for port, shape in enumerate(_shapes(layer, bottoms)):
            top = layer.output(port)
            if top is not None and top.shape is None:
                top.shape = shape


def _shapes(layer: Layer, bottoms: Sequence[Shape | None]) -> Sequence[Shape | None]:
    count = len(layer.outputs)
    if layer.type in _ALIKE:
        return [_ALIKE[layer.type](layer.raw, bottoms)] * count
    first = bottoms[0] if bottoms else None
    if first is None:
        return []
    if layer.type in ELEMENTWISE:
        return [first] * count
    if layer.type == "Slice":
        return _slice(layer.raw, first, count)
    rule = _RULES.get(layer.type)
    if rule is None:
        return []
    if layer.type in ("Convolution", "Deconvolution"):  # as many tops as bottoms
        return [None if bottom is None else rule(layer.raw, bottom) for bottom in bottoms]
    return [rule(layer.raw, first)]


def _axis(axis: int, rank: int) -> int | None:
    """Return the axis counted from the front, ``None`` if it is out of range for the rank."""
    axis = axis + rank if axis < 0 else axis
    return axis if 0 <= axis < rank else None


def _window(layer: Message, bottom: Shape) -> Shape | None:
    """Return the output shape of a Convolution or Deconvolution."""
    held = parameters(layer)
    axis = _axis(held.axis, len(bottom))
    if axis is None:
        return None
    count = len(bottom) - axis - 1
    kernel = _each(held, "kernel_size", "kernel_h", "kernel_w", count, None)
    pad = _each(held, "pad", "pad_h", "pad_w", count, 0)
    stride = _each(held, "stride", "stride_h", "stride_w", count, 1)
    dilation = _each(held, "dilation", "", "", count, 1)
    sizes: list[_Dim] = []
    for entry, k, p, s, d in zip(bottom[axis + 1 :], kernel, pad, stride, dilation, strict=True):
        if not isinstance(entry, int) or k is None or p is None or not s or not d:
            sizes.append(None)
            continue
        extent = d * (k - 1) + 1
        if layer.type == "Deconvolution":
            sizes.append(s * (entry - 1) + extent - 2 * p)
        else:
            sizes.append((entry + 2 * p - extent) // s + 1)
    channels = held.num_output if held.HasField("num_output") else None
    return (*bottom[:axis], channels, *_told(held, sizes))


def _each(
    held: Message, name: str, first: str, second: str, count: int, default: int | None
) -> list[int | None]:
    """Return an entry for each spatial axis: given once, for each axis, or as ``_h`` and ``_w``."""
    if first and (held.HasField(first) or held.HasField(second)):
        return [getattr(held, first), getattr(held, second)] if count == 2 else [None] * count
    given = list(getattr(held, name)) or [default]
    return given * count if len(given) == 1 else given if len(given) == count else [None] * count


def _pooling(layer: Message, bottom: Shape) -> Shape | None:
    held = layer.pooling_param
    if len(bottom) != 4:
        return None
    if held.global_pooling:
        return (*bottom[:2], 1, 1)
    sizes: list[_Dim] = []
    for entry, suffix in zip(bottom[2:], "hw", strict=True):
        k = held.kernel_size if held.HasField("kernel_size") else getattr(held, f"kernel_{suffix}")
        given = held.HasField(f"stride_{suffix}")
        s = getattr(held, f"stride_{suffix}") if given else held.stride
        p = getattr(held, f"pad_{suffix}") if held.HasField(f"pad_{suffix}") else held.pad
        if not isinstance(entry, int) or not k or not s:
            sizes.append(None)
            continue
        down = held.DESCRIPTOR.fields_by_name["round_mode"].default_value != held.round_mode
        reach = entry + 2 * p - k
        size = (reach // s if down else -(-reach // s)) + 1
        # The last window must start inside the image or its front padding.
        sizes.append(size - 1 if p and (size - 1) * s >= entry + p else size)
    return (*bottom[:2], *_told(held, sizes))


def _told(held: Message, sizes: Sequence[_Dim]) -> Sequence[_Dim]:
    """Return the sizes, all ``None`` if fields that the schema lacks may change them."""
    return [None] * len(sizes) if held.unknown_fields else sizes


def _inner_product(layer: Message, bottom: Shape) -> Shape | None:
    held = layer.inner_product_param
    axis = _axis(held.axis, len(bottom))
    if axis is None:
        return None
    return (*bottom[:axis], held.num_output if held.HasField("num_output") else None)


def _eltwise(layer: Message, bottoms: Sequence[Shape | None]) -> Shape | None:
    return next((shape for shape in bottoms if shape is not None), None)


def _concat(layer: Message, bottoms: Sequence[Shape | None]) -> Shape | None:
    held = layer.concat_param
    known = [shape for shape in bottoms if shape is not None]
    if not known or any(len(shape) != len(known[0]) for shape in known):
        return None
    axis = _axis(held.concat_dim if held.HasField("concat_dim") else held.axis, len(known[0]))
    if axis is None:
        return None
    if len(known) < len(bottoms):
        return (None,) * len(known[0])  # all bottoms have one rank
    return (*known[0][:axis], _total([shape[axis] for shape in known]), *known[0][axis + 1 :])


def _total(entries: Sequence[_Dim]) -> int | None:
    numbers = [entry for entry in entries if isinstance(entry, int)]
    return sum(numbers) if len(numbers) == len(entries) else None


def _product(entries: Sequence[_Dim]) -> int | None:
    numbers = [entry for entry in entries if isinstance(entry, int)]
    return math.prod(numbers) if len(numbers) == len(entries) else None


def _slice(layer: Message, bottom: Shape, count: int) -> Sequence[Shape | None]:
    held = layer.slice_param
    named = held.slice_dim if held.HasField("slice_dim") else held.axis
    axis = _axis(named, len(bottom))
    if axis is None:
        return []
    entry, points = bottom[axis], list(held.slice_point)
    sizes: list[_Dim] = [None] * count
    if isinstance(entry, int) and not points and count and entry % count == 0:
        sizes = [entry // count] * count
    elif isinstance(entry, int) and len(points) == count - 1:
        sizes = [b - a for a, b in zip([0, *points], [*points, entry], strict=True)]
    return [(*bottom[:axis], size, *bottom[axis + 1 :]) for size in sizes]


def _flatten(layer: Message, bottom: Shape) -> Shape | None:
    held = layer.flatten_param
    first, last = _axis(held.axis, len(bottom)), _axis(held.end_axis, len(bottom))
    if first is None or last is None or last < first:
        return None
    return (*bottom[:first], _product(bottom[first : last + 1]), *bottom[last + 1 :])


def _reshape(layer: Message, bottom: Shape) -> Shape | None:
    held = layer.reshape_param
    first = held.axis + len(bottom) + 1 if held.axis < 0 else held.axis
    last = len(bottom) if held.num_axes < 0 else first + held.num_axes
    if not 0 <= first <= last <= len(bottom):
        return None
    replaced = bottom[first:last]
    made: list[_Dim] = []
    for i, entry in enumerate(held.shape.dim):
        copied = replaced[i] if i < len(replaced) else None
        made.append(copied if entry == 0 else entry if entry > 0 else None)
    if list(held.shape.dim).count(-1) == 1:
        at = list(held.shape.dim).index(-1)
        whole, others = _product(replaced), _product(made[:at] + made[at + 1 :])
        made[at] = whole // others if whole is not None and others else None
    return (*bottom[:first], *made, *bottom[last:])


def _permute(layer: Message, bottom: Shape) -> Shape | None:
    order = list(layer.permute_param.order)
    order += [i for i in range(len(bottom)) if i not in order]
    return tuple(bottom[i] for i in order) if sorted(order) == list(range(len(bottom))) else None


def _crop(layer: Message, bottoms: Sequence[Shape | None]) -> Shape | None:
    first, second = (*bottoms, None, None)[:2]
    axis = None if first is None else _axis(layer.crop_param.axis, len(first))
    if first is None or axis is None:
        return None
    if second is None or len(first) != len(second):
        return (*first[:axis], *(None for _ in first[axis:]))
    return (*first[:axis], *second[axis:])


def _of_regions(layer: Message, bottoms: Sequence[Shape | None]) -> Shape | None:
    """Return the shape of what pools regions: regions, channels, height, width."""
    return (None,) * 4


_ALIKE: dict[str, _OfAll] = {
    "Eltwise": _eltwise,
    "Concat": _concat,
    "Crop": _crop,
    "ROIPooling": _of_regions,
    "PSROIPooling": _of_regions,
}
"""Rules that need not know all bottoms."""

_RULES: dict[str, _Rule] = {
    "Convolution": _window,
    "Deconvolution": _window,
    "Pooling": _pooling,
    "InnerProduct": _inner_product,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
}


def fed_shape(layer: Message, port: int) -> Shape | None:
    """Return the shape of a top of a data layer, ``None`` if the prototxt does not tell it.

    The first top of a layer that reads images has four dimensions. Other tops are labels.
    """
    if layer.type == "DummyData":
        return _dummy(layer.dummy_data_param, port)
    if port or layer.type not in _IMAGES:
        return None
    held = layer.memory_data_param
    if layer.type == "MemoryData" and held.HasField("channels"):
        return (held.batch_size, held.channels, held.height, held.width)
    return (None,) * 4


def _dummy(held: Message, port: int) -> Shape | None:
    """Return a shape that is given once for all tops, or once for each, in either spelling."""
    if held.shape:
        chosen = held.shape[port if len(held.shape) > 1 else 0] if _has(held.shape, port) else None
        return None if chosen is None else tuple(chosen.dim)
    columns = (held.num, held.channels, held.height, held.width)
    if not all(_has(column, port) for column in columns):
        return None
    return tuple(column[port if len(column) > 1 else 0] for column in columns)


def _has(given: Sequence[object], port: int) -> bool:
    return len(given) == 1 or port < len(given)
