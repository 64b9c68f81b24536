"""A second, independent reading of the tables for Caffe nets.

It is written from docs/reading.md alone, as plain if-statements on the parsed messages. It uses
only the file format of the package, so that a disagreement shows an error in one of the two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from google.protobuf import text_format

from pytest_amct.graphs.caffe.schema import message

FEEDS = {"Input", "Data", "ImageData", "HDF5Data", "MemoryData", "WindowData", "DummyData"}
WEIGHTED = {"Convolution", "Deconvolution", "InnerProduct"}
OLD_NAMES = {  # V0 and V1 names of the types that `caffe_nets` writes
    "conv": "Convolution",
    "innerproduct": "InnerProduct",
    "pool": "Pooling",
    "relu": "ReLU",
    "sigmoid": "Sigmoid",
    "tanh": "TanH",
    "SIGMOID": "Sigmoid",
    "TANH": "TanH",
    "CONVOLUTION": "Convolution",
    "DECONVOLUTION": "Deconvolution",
    "INNER_PRODUCT": "InnerProduct",
    "POOLING": "Pooling",
    "ELTWISE": "Eltwise",
    "RELU": "ReLU",
    "DROPOUT": "Dropout",
    "CONCAT": "Concat",
    "FLATTEN": "Flatten",
    "SOFTMAX": "Softmax",
    "LRN": "LRN",
    "DATA": "Data",
}


@dataclass(frozen=True)
class Done:
    """The treatment of a layer beyond quantization; ``None`` = not shown."""

    scheme: str = "uniform"
    data: bool | None = None
    weights: bool | None = None
    channel_wise: bool | None = None
    asymmetric: bool | None = None
    shift: bool | None = None


@dataclass(frozen=True)
class Opinion:
    name: str
    type: str
    answer: str
    broken: frozenset[str]
    basis: str
    why: str


@dataclass
class Item:
    """A layer of any generation, in the terms of the newest."""

    name: str
    type: str
    raw: Any  # the message with the layer's parameters
    bottoms: list[str]
    tops: list[str]
    weight_name: str  # name under which layers share their weight
    blobs: list[Any]
    v0: bool
    rank: int | None = None  # of the first bottom


@dataclass
class Verdict:
    broken: dict[str, str] = field(default_factory=dict)  # id -> basis
    unknown: list[str] = field(default_factory=list)

    def wrong(self, id_: str, basis: str = "stated") -> None:
        self.broken[id_] = basis

    def open(self, why: str) -> None:
        self.unknown.append(why)


def opinions(
    prototxt: str, caffemodel: bytes | None = None, done: Done | None = None
) -> list[Opinion]:
    """Return an opinion on each layer in the TEST phase, without input layers."""
    net = message("NetParameter")
    text_format.Parse(prototxt, net)
    stored: dict[str, list[Any]] = {}
    if caffemodel is not None:
        model = message("NetParameter")
        model.ParseFromString(caffemodel)
        for layer in [*model.layer, *model.layers]:
            old = layer.DESCRIPTOR.name == "V1LayerParameter" and layer.HasField("layer")
            holder = layer.layer if old else layer
            stored[holder.name] = list(holder.blobs)
    items = [item_of(layer, stored) for layer in [*net.layers, *net.layer] if in_test(net, layer)]
    ranks = first_ranks(net)
    for item in items:
        follow(item, ranks)
    layers = [item for item in items if item.type not in FEEDS]
    rule = float16(layers)
    return [opinion(item, layers, rule, done or Done()) for item in layers]


def item_of(layer: Any, stored: dict[str, list[Any]]) -> Item:
    v1 = layer.DESCRIPTOR.name == "V1LayerParameter"
    v0 = v1 and layer.HasField("layer")
    raw = layer.layer if v0 else layer
    type_ = raw.type
    if v1 and not v0:
        type_ = layer.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[raw.type].name
    if v1:
        type_ = OLD_NAMES[type_]
    shared = ""
    if v1 and not v0 and len(layer.param) > 0:
        shared = layer.param[0]
    elif not v1 and len(layer.param) > 0:
        shared = layer.param[0].name
    blobs = stored.get(raw.name) or list(raw.blobs)
    return Item(raw.name, type_, raw, list(layer.bottom), list(layer.top), shared, blobs, v0)


def in_test(net: Any, layer: Any) -> bool:
    def holds(rule: Any) -> bool:
        if rule.HasField("phase") and rule.phase == 0:  # TRAIN
            return False
        if rule.HasField("min_level") and net.state.level < rule.min_level:
            return False
        if rule.HasField("max_level") and net.state.level > rule.max_level:
            return False
        if any(stage not in net.state.stage for stage in rule.stage):
            return False
        return all(stage not in net.state.stage for stage in rule.not_stage)

    if len(layer.include) > 0:
        return any(holds(rule) for rule in layer.include)
    return not any(holds(rule) for rule in layer.exclude)


# --- ranks ----------------------------------------------------------------------------------------


def first_ranks(net: Any) -> dict[str, int | None]:
    ranks: dict[str, int | None] = {}
    for i, name in enumerate(net.input):
        ranks[name] = None
        if len(net.input_shape) > 0:
            ranks[name] = len(net.input_shape[i].dim)
        elif len(net.input_dim) > 0:
            ranks[name] = 4
    return ranks


def follow(item: Item, ranks: dict[str, int | None]) -> None:
    """Set the rank of a layer's first bottom, and those of its tops."""
    if item.type in FEEDS:
        shapes = item.raw.input_param.shape if item.type == "Input" else []
        for i, top in enumerate(item.tops):
            ranks[top] = None
            if len(shapes) == 1:
                ranks[top] = len(shapes[0].dim)
            elif len(shapes) > 1:
                ranks[top] = len(shapes[i].dim)
        return
    before = [ranks.get(name) for name in item.bottoms]
    item.rank = before[0] if before else None
    rank = None
    if before and None not in before:
        rank = rank_of_top(item, [known for known in before if known is not None])
    for top in item.tops:
        ranks[top] = rank


def rank_of_top(item: Item, before: list[int]) -> int | None:
    """Return the rank of the result, None if the layer is illegal or not of Caffe's own types."""
    rank = before[0]
    same = "ReLU Dropout LRN Softmax Eltwise Split Sigmoid TanH AbsVal BNLL ELU Power PReLU Scale"
    if item.type in (*same.split(), "BatchNorm", "MVN", "Slice"):
        return rank
    if item.type == "Reshape":
        held = item.raw.reshape_param
        return len(held.shape.dim) if held.axis == 0 and held.num_axes == -1 else None
    if item.type in ("Convolution", "Deconvolution"):
        return rank if rank >= 2 else None
    if item.type == "Concat":
        return rank if rank >= 2 and set(before) == {rank} else None
    if item.type == "Pooling":
        return 4 if rank == 4 else None
    if item.type == "InnerProduct":
        axis = 1 if item.v0 else item.raw.inner_product_param.axis
        axis = axis if axis >= 0 else axis + rank
        return axis + 1 if 0 <= axis < rank else None
    if item.type == "Flatten":
        if not hasattr(item.raw, "flatten_param"):  # older formats keep only the first axis
            return 2 if rank >= 2 else None
        held = item.raw.flatten_param
        first = held.axis if held.axis >= 0 else held.axis + rank
        last = held.end_axis if held.end_axis >= 0 else held.end_axis + rank
        return rank - (last - first) if 0 <= first <= last < rank else None
    return None


def weight_rank(item: Item, layers: list[Item]) -> int | None:
    """Return the weight's rank.

    It comes from the blob, else from kernel_h and kernel_w, else from several kernel_size entries,
    else from the bottom.
    """
    for blobs in [item.blobs, *(other.blobs for other in sharers(item, layers))]:
        if blobs and blobs[0].HasField("shape"):
            return len(blobs[0].shape.dim)
        if blobs and any(blobs[0].HasField(n) for n in ("num", "channels", "height", "width")):
            return 4
    if item.v0:  # V0 has one kernelsize for both axes
        return item.rank
    held = item.raw.convolution_param
    if held.HasField("kernel_h") or held.HasField("kernel_w"):
        return 4
    if len(held.kernel_size) >= 2:
        return len(held.kernel_size) + 2
    return item.rank


def sharers(item: Item, layers: list[Item]) -> list[Item]:
    if item.type not in WEIGHTED or not item.weight_name:
        return []
    return [
        other
        for other in layers
        if other is not item and other.type in WEIGHTED and other.weight_name == item.weight_name
    ]


# --- the Float16 rule -----------------------------------------------------------------------------


def is_float16(blob: Any) -> bool:
    return bool(blob.raw_data_type == 2 and not len(blob.data) and not len(blob.double_data))


def float16(layers: list[Item]) -> str:
    """Return ``fires``, ``free`` or ``unknown`` (Float16 in places that the document ignores)."""
    found = "free"
    for item in layers:
        for i, blob in enumerate(item.blobs):
            if is_float16(blob):
                if i == 0 and item.type in WEIGHTED:
                    return "fires"
                found = "unknown"
    return found


# --- the tables -----------------------------------------------------------------------------------


def opinion(item: Item, layers: list[Item], rule: str, done: Done) -> Opinion:
    verdict = Verdict()
    table = done.scheme
    if table == "uniform":
        uniform(item, layers, rule, done, verdict)
    elif table == "nonuniform":
        nonuniform(item, layers, verdict)
    else:
        weight_only(item, rule, done, verdict)
    if item.type in WEIGHTED and sharers(item, layers):
        verdict.open("a weight that two layers share")
    answer = "forbidden" if verdict.broken else "unspecified" if verdict.unknown else "quantizable"
    basis = "inferred" if verdict.broken and "stated" not in verdict.broken.values() else "stated"
    why = f"broken {sorted(verdict.broken)}, unknown {verdict.unknown}"
    return Opinion(item.name, item.type, answer, frozenset(verdict.broken), basis, why)


def uniform(item: Item, layers: list[Item], rule: str, done: Done, verdict: Verdict) -> None:
    row = f"uniform/caffe/{item.type}"
    if item.type == "InnerProduct":
        inner_product(item, row, verdict)
    elif item.type == "Convolution":
        rank_of_four(item, layers, row, verdict)
    elif item.type == "Deconvolution":
        dilation_of_one(item, row, verdict)
        rank_of_four(item, layers, row, verdict)
    elif item.type == "Pooling":
        closed_by_float16(item, rule, verdict)
        pooling(item, row, done, verdict)
    elif item.type == "Eltwise":
        closed_by_float16(item, rule, verdict)
        held = item.raw.eltwise_param
        if held.HasField("operation") and held.operation != 1:
            verdict.wrong(f"{row}/operation")
        if any(c != 1 for c in held.coeff):
            verdict.open("coefficients other than 1")
        if done.weights:
            verdict.wrong(f"{row}/weights")
    else:
        verdict.wrong(f"uniform/caffe/unlisted/{item.type}")


def closed_by_float16(item: Item, rule: str, verdict: Verdict) -> None:
    if rule == "fires":
        verdict.wrong(f"float16/caffe/{item.type}")
    elif rule == "unknown":
        verdict.open("Float16 that is neither an input nor a weight")


def pooling(item: Item, row: str, done: Done, verdict: Verdict) -> None:
    if item.v0:
        mode, covers_all = item.raw.pool if item.raw.HasField("pool") else 0, False
    else:
        held = item.raw.pooling_param
        mode = held.pool if held.HasField("pool") else 0
        covers_all = held.HasField("global_pooling") and held.global_pooling
    if mode == 1:
        if covers_all:
            verdict.wrong(f"{row}/global_pooling")
        if done.shift:
            verdict.wrong(f"{row}/shift")
    elif mode == 0:
        if done.weights:
            verdict.wrong(f"{row}/weights")
    else:
        verdict.wrong(f"{row}/mode")
    if done.data and done.channel_wise:
        verdict.wrong("settings/caffe/Pooling/channel_wise")
    if done.data and done.asymmetric:
        verdict.wrong("settings/caffe/Pooling/asymmetric")


def inner_product(item: Item, row: str, verdict: Verdict) -> None:
    if item.v0:
        return
    held = item.raw.inner_product_param
    if held.HasField("transpose") and held.transpose:
        verdict.wrong(f"{row}/transpose")
    if held.HasField("axis") and held.axis < 0:
        if item.rank is not None and item.rank + held.axis != 1:
            verdict.wrong(f"{row}/axis")
        else:
            verdict.open("an axis counted from the end")
    elif held.HasField("axis") and held.axis != 1:
        verdict.wrong(f"{row}/axis")


def rank_of_four(item: Item, layers: list[Item], row: str, verdict: Verdict) -> None:
    rank = weight_rank(item, layers)
    if rank is None:
        verdict.open("the rank of the weight")
    elif rank != 4:
        verdict.wrong(f"{row}/weight_rank")


def dilation_of_one(item: Item, row: str, verdict: Verdict) -> None:
    if not item.v0 and any(d != 1 for d in item.raw.convolution_param.dilation):
        verdict.wrong(f"{row}/dilation")


def nonuniform(item: Item, layers: list[Item], verdict: Verdict) -> None:
    row = f"nonuniform/caffe/{item.type}"
    if item.type == "Convolution":
        dilation_of_one(item, row, verdict)
        rank_of_four(item, layers, row, verdict)
    elif item.type == "InnerProduct":
        inner_product(item, row, verdict)
    else:
        verdict.wrong(f"nonuniform/caffe/unlisted/{item.type}")


def weight_only(item: Item, rule: str, done: Done, verdict: Verdict) -> None:
    if item.type == "Pooling":
        closed_by_float16(item, rule, verdict)
        if done.weights:
            verdict.wrong("weight_only/caffe/Pooling/mode")
    else:
        verdict.wrong(f"weight_only/caffe/unlisted/{item.type}", "inferred")
