"""Read Caffe nets as networks: a prototxt, and the caffemodel with its blobs if there is one.

The network has the layers of the TEST phase, in any of Caffe's formats. Blobs keep their names. An
in-place layer produces a new tensor of the same name, so that its readers and those of the old
value stay distinct.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from pytest_amct.errors import ModelError
from pytest_amct.graphs.caffe.files import (
    Prototxt,
    Stored,
    Text,
    parse_caffemodel,
    parse_prototxt,
)
from pytest_amct.graphs.caffe.ops import SOURCES, WEIGHTED, CaffeOps, parameters
from pytest_amct.graphs.caffe.schema import Message
from pytest_amct.graphs.caffe.shapes import fed_shape, infer
from pytest_amct.graphs.caffe.upgrade import by_phase, upgraded
from pytest_amct.graphs.network import Layer, Network, Shape, Tensor
from pytest_amct.wording import written

_FLOAT16 = 2
"""The number of FLOAT16 in the enum ``Type`` of NVIDIA's fork."""

_MOST_NAMES = 8
"""The most fields that a note names."""

_ROWS = (*WEIGHTED, "Pooling", "Eltwise")


def read_caffe(prototxt: Text, caffemodel: Stored | None = None, name: str = "") -> Network:
    """Read the network of a Caffe net, each file given as text, bytes or path.

    Parameters come from the prototxt, blobs from the caffemodel by layer name. What the prototxt
    has and Caffe does not is left out, and `Network.notes` names it. A convolution, a
    deconvolution and an inner product have their weight at port 1 and their bias at port 2. Without
    a caffemodel (or with empty bytes) both are constants of unknown shape. `name` is what errors
    call the prototxt. Raise `ModelError` if a file is invalid or the files do not belong together.
    """
    text = parse_prototxt(prototxt, name)
    blobs: Mapping[str, Sequence[Sequence[Message]]] = {}
    stored = ""
    if caffemodel is not None and not (isinstance(caffemodel, bytes) and not caffemodel):
        blobs, stored = parse_caffemodel(caffemodel)
    return _Reader(text, blobs, stored).network


class _Reader:
    """Builds one network; it is discarded afterwards."""

    def __init__(
        self,
        text: Prototxt,
        stored: Mapping[str, Sequence[Sequence[Message]]],
        stored_name: str,
    ) -> None:
        self.name, self.stored_name = text.name, stored_name
        net = upgraded(text.net, self.error)
        self.network = Network("caffe", CaffeOps(), net, infer)
        if text.unknown:
            self.network.notes.append(f"fields that Caffe does not have: {_listed(text.unknown)}")
        #: the newest tensor of each name
        self.tensors: dict[str, Tensor] = {}
        #: weights and biases, by their shared name or by layer and number
        self.parameters: dict[str, Tensor] = {}
        self.layers, others = by_phase(net, self.error)
        #: what produces the blobs that the TEST phase lacks: the layer and the number of its top
        self.elsewhere = {name: (raw, i) for raw in others for i, name in enumerate(raw.top)}
        #: such blobs that are read
        self.absent: list[str] = []
        self.named = Counter(raw.name for raw in self.layers)
        self.inputs(net)
        for raw, blobs in zip(self.layers, _assigned(self.layers, stored), strict=True):
            if raw.type in SOURCES:
                self.source(raw)
            else:
                self.layer(raw, blobs)
        if self.absent:
            names = _listed(self.absent)
            self.network.notes.append(f"blobs that no layer of the TEST phase produces: {names}")
        self.network.scopes = [self.tensors, self.parameters]
        self.network.inputs = [t for t in self.network.inputs if t.origin == "input"]
        for tensor in self.tensors.values():
            if not tensor.consumers and tensor.origin == "layer":
                tensor.is_output = True
                self.network.outputs.append(tensor)

    def error(self, sentence: str) -> ModelError:
        return ModelError(f"{self.name}: {sentence}")

    def inputs(self, net: Message) -> None:
        """Read the inputs that are fields of the net, as in nets without an Input layer."""
        names, shapes, dims = list(net.input), list(net.input_shape), list(net.input_dim)
        if shapes and len(shapes) != len(names):
            raise self.error(f"{len(names)} inputs, but {len(shapes)} input_shape: give each one")
        if not shapes and dims and len(dims) != 4 * len(names):
            raise self.error(
                f"{len(names)} inputs, but {len(dims)} input_dim: give each four, or input_shape"
            )
        for i, name in enumerate(names):
            entries = shapes[i].dim if shapes else dims[4 * i : 4 * i + 4] if dims else None
            self.input(name, None if entries is None else tuple(entries))

    def source(self, raw: Message) -> None:
        """Read an Input layer or a data layer."""
        shapes = list(raw.input_param.shape) if raw.type == "Input" else []
        if len(shapes) > 1 and len(shapes) != len(raw.top):
            raise self.error(
                f"layer {written(raw.name)} has {len(raw.top)} tops and {len(shapes)} shapes: "
                "give one for each, or one for all"
            )
        for i, name in enumerate(raw.top):
            entries = shapes[i if len(shapes) > 1 else 0].dim if shapes else None
            shape = fed_shape(raw, i) if entries is None else tuple(entries)
            self.input(name, shape)

    def input(self, name: str, shape: Shape | None) -> None:
        if name in self.tensors:
            raise self.error(f"blob {written(name)} is produced twice: give each a different name")
        tensor = Tensor(name, "input", "float32", shape)
        self.tensors[name] = tensor
        self.network.inputs.append(tensor)

    def layer(self, raw: Message, stored: Sequence[Message] | None) -> None:
        if not raw.type:
            raise self.error(f"layer {written(raw.name)} has no type: give it one")
        layer = Layer(self.network, raw.name, raw.type, "", 0, "", raw)
        bottoms = [self.bottom(raw, name) for name in raw.bottom]
        if not bottoms and raw.type in _ROWS:
            raise self.error(f"layer {written(raw.name)} of type {raw.type} has no bottom")
        held = self.blobs(raw, stored)
        layer.inputs = (*bottoms[:1], *held, *bottoms[1:])
        for tensor in layer.inputs:
            if tensor is not None:
                tensor.read_by(layer)
        layer.outputs = tuple(self.top(layer, i, name) for i, name in enumerate(raw.top))
        self.network.layers.append(layer)

    def bottom(self, raw: Message, name: str) -> Tensor:
        if name in self.tensors:
            return self.tensors[name]
        maker = next((later for later in self.layers if name in later.top), None)
        if maker is None and name in self.elsewhere:
            return self.missing(name)
        if maker is None:
            why = "which nothing in the TEST phase produces: correct the name"
        elif maker is raw:
            why = "which it produces itself: a net must not have cycles"
        else:
            later = written(maker.name)
            why = f"which only the later layer {later} produces: reorder them, remove cycles"
        raise self.error(f"layer {written(raw.name)} reads blob {written(name)}, {why}")

    def missing(self, name: str) -> Tensor:
        """Return a blob that only a layer of another phase produces, as in a net for training."""
        self.absent.append(name)
        tensor = Tensor(name, "absent", "float32", fed_shape(*self.elsewhere[name]))
        self.tensors[name] = tensor
        return tensor

    def top(self, layer: Layer, port: int, name: str) -> Tensor:
        bottoms = layer.raw.bottom
        if name in self.tensors and (port >= len(bottoms) or bottoms[port] != name):
            raise self.error(
                f"layer {written(layer.name)} produces blob {written(name)}, which another layer"
                " already produces: rename one"
            )
        tensor = Tensor(name, "layer", "float32", producer=layer)
        self.tensors[name] = tensor
        return tensor

    def blobs(self, raw: Message, stored: Sequence[Message] | None) -> tuple[Tensor | None, ...]:
        """Read a layer's blobs. Return the weight and the bias of a layer type that has them."""
        blobs = raw.blobs if stored is None else stored
        where = self.name if stored is None else self.stored_name
        shapes = [_shape(blob) for blob in blobs]
        why = _misfit(raw, blobs, shapes)
        if why:
            raise ModelError(f"{where}: layer {written(raw.name)}: {why}: is it from another net?")
        held: list[Tensor | None] = [
            self.parameter(raw, i, blob, shape)
            for i, (blob, shape) in enumerate(zip(blobs, shapes, strict=True))
        ]
        if raw.type not in WEIGHTED:
            return ()
        if not held:
            bias = self.parameter(raw, 1, None, None) if parameters(raw).bias_term else None
            held = [self.parameter(raw, 0, None, None), bias]
        return (*held, None)[:2]

    def parameter(
        self, raw: Message, number: int, blob: Message | None, shape: Shape | None
    ) -> Tensor:
        """Return a weight or bias; layers that give it the same name share it."""
        shared = raw.param[number].name if number < len(raw.param) else ""
        label = raw.name or next(iter(raw.top), raw.type)
        name = shared or f"{label}.blobs[{number}]"
        # Layers of one name do not share their blobs.
        alone = not shared and (not raw.name or self.named[raw.name] > 1)
        tensor = None if alone else self.parameters.get(name)
        if tensor is None:
            tensor = self.parameters[name] = Tensor(name, "constant", "float32", shape)
        elif shape is not None and tensor.value is not None and tensor.shape is not None:
            # PERMISSIVE sharing: the same numbers in another shape.
            tensor.shape = shape if len(shape) == len(tensor.shape) else None
        elif shape is not None:
            tensor.shape = shape
        if blob is not None and tensor.value is None:
            tensor.value = blob
            tensor.dtype = "float16" if _is_float16(blob) else "float32"
        return tensor


def _assigned(
    layers: Sequence[Message], stored: Mapping[str, Sequence[Sequence[Message]]]
) -> list[Sequence[Message] | None]:
    """Return the blobs that a caffemodel has for each layer, ``None`` if it has none.

    Layers of one name have theirs in the order of the net, if as many are stored.
    """
    named: dict[str, list[int]] = {}
    for i, raw in enumerate(layers):
        if raw.name in stored and raw.type not in SOURCES:
            named.setdefault(raw.name, []).append(i)
    found: list[Sequence[Message] | None] = [None] * len(layers)
    for name, group in named.items():
        if len(group) != len(stored[name]):
            group = [i for i in group if layers[i].type in WEIGHTED]
        if len(group) == len(stored[name]):
            for i, blobs in zip(group, stored[name], strict=True):
                found[i] = blobs
    return found


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _is_float16(blob: Message) -> bool:
    """Return whether a blob is Float16, as only NVIDIA's fork of Caffe stores it."""
    return blob.raw_data_type == _FLOAT16 and not (blob.data or blob.double_data)


def _shape(blob: Message) -> Shape | None:
    """Return the dimensions of a blob: ``shape``, or the four fields of older files."""
    if blob.HasField("shape"):
        return tuple(blob.shape.dim)
    legacy = ("num", "channels", "height", "width")
    if any(blob.HasField(name) for name in legacy):
        return tuple(getattr(blob, name) for name in legacy)
    return None


def _misfit(raw: Message, blobs: Sequence[Message], shapes: Sequence[Shape | None]) -> str:
    """Return what is wrong with the blobs of a layer, ``""`` if they fit."""
    for i, (blob, shape) in enumerate(zip(blobs, shapes, strict=True)):
        sizes = (len(blob.data), len(blob.double_data), _raw_count(blob))
        count = next((size for size in sizes if size), None)
        numbers = [n for n in shape or () if isinstance(n, int)]
        if any(n < 0 for n in numbers):
            return f"blob {i} has a negative dimension"
        if count is not None and shape is not None and math.prod(numbers) != count:
            return f"blob {i} is {_words(shape)}, but contains {count} numbers"
    if raw.type not in WEIGHTED or not blobs:
        return ""
    held = parameters(raw)
    if held.unknown_fields:  # they may change what fits
        return ""
    wanted = 2 if held.bias_term else 1
    if len(blobs) != wanted:
        return f"has {len(blobs)} blobs, but the net needs {wanted}"
    weight = shapes[0]
    if weight is None:
        return ""
    outputs = _outputs(raw, weight)
    if outputs is None:
        return f"the weight is {_words(weight)}, which is not a weight of a {raw.type}"
    if held.HasField("num_output") and outputs != held.num_output:
        return f"the weight is {_words(weight)}, but num_output is {held.num_output}"
    return "" if raw.type == "InnerProduct" else _kernel_misfit(held, weight)


def _outputs(raw: Message, weight: Shape) -> int | None:
    """Return the number of outputs of a weight, ``None`` if it has too few dimensions."""
    if len(weight) < 2:
        return None
    if raw.type == "InnerProduct":
        entry = weight[-1] if raw.inner_product_param.transpose else weight[-2]
    else:
        entry = weight[0] if raw.type == "Convolution" else weight[1]
    assert isinstance(entry, int)
    return entry * raw.convolution_param.group if raw.type == "Deconvolution" else entry


def _kernel_misfit(held: Message, weight: Shape) -> str:
    both = held.HasField("kernel_h") or held.HasField("kernel_w")
    kernel = [held.kernel_h, held.kernel_w] if both else list(held.kernel_size)
    if len(kernel) == 1:
        kernel *= len(weight) - 2
    if kernel and list(weight[2:]) != kernel:
        return f"the weight is {_words(weight)}, but the kernel is {_words(kernel)}"
    return ""


def _raw_count(blob: Message) -> int:
    """Return how many numbers ``raw_data`` contains, by ``raw_data_type``."""
    size = {0: 8, 1: 4, 2: 2, 3: 4, 4: 4}[blob.raw_data_type]
    return len(blob.raw_data) // size


def _words(shape: Sequence[int | str | None]) -> str:
    return "x".join(map(str, shape)) or "a scalar"
