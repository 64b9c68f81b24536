"""A second, independent reading of the tables for Caffe nets.

It is written from docs/reading.md alone, as plain if-statements on the parsed messages. It uses
only the file format of the package, so that a disagreement shows an error in one of the two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import text_format
from releases import DEFAULT, Done, Release, Verdict, close_by_float16, settings, unlisted

from pytest_amct.graphs.caffe.schema import message

FEEDS = {"Input", "Data", "ImageData", "HDF5Data", "MemoryData", "WindowData", "DummyData"}
WEIGHTED = {"Convolution", "Deconvolution", "InnerProduct"}
SAME = set(
    "ReLU Dropout LRN Softmax Split Sigmoid TanH AbsVal BNLL ELU Power PReLU Scale BatchNorm MVN"
    " Slice Permute Bias Normalize Exp Log Threshold Swish Clip Crop".split()
)
OF_FORKS = {"ReLU6", "ConvolutionDepthwise", "DepthwiseConvolution"}
ONE_RANK = {*SAME, *OF_FORKS, "Convolution", "Deconvolution", "Pooling"}
OLD_NAMES = {  # V0 and V1 names of the types that the tests write
    "conv": "Convolution",
    "innerproduct": "InnerProduct",
    "pool": "Pooling",
    "relu": "ReLU",
    "dropout": "Dropout",
    "softmax": "Softmax",
    "lrn": "LRN",
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
    "SLICE": "Slice",
    "SPLIT": "Split",
    "FLATTEN": "Flatten",
    "SOFTMAX": "Softmax",
    "LRN": "LRN",
    "DATA": "Data",
    "HDF5_DATA": "HDF5Data",
}


@dataclass(frozen=True)
class Opinion:
    name: str
    type: str
    answer: str
    broken: frozenset[str]
    basis: str
    why: str


@dataclass(eq=False)
class Blob:
    """One version of a blob: a layer in place makes another one of the same name."""

    rank: int | None = None


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
    unknown: set[str]  # fields of the layer's parameters that Caffe does not have
    reads: list[Blob] = field(default_factory=list)
    makes: list[Blob] = field(default_factory=list)

    @property
    def rank(self) -> int | None:
        return self.reads[0].rank if self.reads else None


def opinions(
    prototxt: str,
    caffemodel: bytes | None = None,
    done: Done | None = None,
    release: Release = DEFAULT,
) -> list[Opinion]:
    """Return an opinion on each layer in the TEST phase, without input layers."""
    return judged(read(prototxt, caffemodel), done or Done(), release)


def judged(layers: list[Item], done: Done, release: Release) -> list[Opinion]:
    """Return an opinion on each layer of a net that was read before."""
    fires = float16(layers, release)
    return [opinion(item, layers, fires, done, release) for item in layers]


def read(prototxt: str, caffemodel: bytes | None) -> list[Item]:
    """Return the layers of a net, with what is known of the blobs between them."""
    net = message("NetParameter")
    text_format.Parse(prototxt, net, allow_unknown_field=True)
    stored: dict[str, list[Any]] = {}
    if caffemodel is not None:
        model = message("NetParameter")
        model.ParseFromString(caffemodel)
        for layer in [*model.layer, *model.layers]:
            old = layer.DESCRIPTOR.name == "V1LayerParameter" and layer.HasField("layer")
            holder = layer.layer if old else layer
            stored[holder.name] = list(holder.blobs)
    unknown = unknown_fields(prototxt)
    items = [
        item_of(layer, stored, unknown)
        for layer in [*net.layers, *net.layer]
        if in_test(net, layer)
    ]
    connect(net, items)
    for item in items:
        follow(item)
    share_ranks(items)
    for item in items:
        follow(item)
    return [item for item in items if item.type not in FEEDS]


def unknown_fields(prototxt: str) -> dict[str, set[str]]:
    """Return the unknown fields of layers by name, for texts with one layer in each line."""
    found = {}
    for line in prototxt.splitlines():
        name = re.search(r'name: "(\w+)"', line)
        held = re.search(r"(\w+_param) \{([^{}]*)\}", line)
        known = message("LayerParameter").DESCRIPTOR.fields_by_name
        if name and held and held[1] in known:
            fields = known[held[1]].message_type.fields_by_name
            found[name[1]] = {word for word in re.findall(r"(\w+):", held[2]) if word not in fields}
    return found


def item_of(layer: Any, stored: dict[str, list[Any]], unknown: dict[str, set[str]]) -> Item:
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
    fields = unknown.get(raw.name, set())
    return Item(
        raw.name, type_, raw, list(layer.bottom), list(layer.top), shared, blobs, v0, fields
    )


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


def connect(net: Any, items: list[Item]) -> None:
    """Give every layer the versions of the blobs that it reads and makes."""
    newest: dict[str, Blob] = {}
    for i, name in enumerate(net.input):
        newest[name] = Blob()
        if len(net.input_shape) > 0:
            newest[name].rank = len(net.input_shape[i].dim)
        elif len(net.input_dim) > 0:
            newest[name].rank = 4
    for item in items:
        item.reads = [newest[name] for name in item.bottoms]
        item.makes = [Blob() for _ in item.tops]
        newest.update(zip(item.tops, item.makes, strict=True))


def follow(item: Item) -> None:
    """Set the ranks of a layer's tops, as far as its bottoms tell them."""
    for i, made in enumerate(item.makes):
        if made.rank is None:
            made.rank = fed_rank(item, i) if item.type in FEEDS else made_rank(item)


def fed_rank(item: Item, i: int) -> int | None:
    """Images have four dimensions; labels come behind them."""
    if item.type == "Input":
        shapes = item.raw.input_param.shape
        return len(shapes[i if len(shapes) > 1 else 0].dim) if len(shapes) else None
    if item.type == "DummyData":
        held = item.raw.dummy_data_param
        if len(held.shape):
            return len(held.shape[i if len(held.shape) > 1 else 0].dim)
        return 4 if len(held.width) else None
    return 4 if i == 0 and item.type != "HDF5Data" else None


def made_rank(item: Item) -> int | None:
    before = [blob.rank for blob in item.reads]
    known = [rank for rank in before if rank is not None]
    if item.type in ("ROIPooling", "PSROIPooling"):
        return 4
    if item.type == "Eltwise":
        return known[0] if known else None
    if item.type == "Concat":
        return known[0] if known and known[0] >= 2 and len(set(known)) == 1 else None
    return rank_of_top(item, before[0]) if before and before[0] is not None else None


def share_ranks(items: list[Item]) -> None:
    """Blobs that layers connect have one rank, if all that is known of them agrees on it."""
    beside: dict[Blob, list[Blob]] = {}
    pooled = {blob for item in items if item.type == "Pooling" for blob in item.reads[:1]}
    for item in items:
        together = [*item.reads[:1], *item.makes] if item.type in ONE_RANK else []
        if item.type in ("Eltwise", "Concat"):
            together = [*item.reads, *item.makes]
        for blob in together:
            beside.setdefault(blob, []).extend(together)
    done: set[Blob] = set()
    for start in beside:
        group, todo = set[Blob](), [start]
        while todo and start not in done:
            blob = todo.pop()
            if blob not in group:
                group.add(blob)
                todo += beside[blob]
        done |= group
        ranks = {blob.rank for blob in group if blob.rank is not None}
        ranks |= {4} if group & pooled else set()
        for blob in group if len(ranks) == 1 else ():
            blob.rank = min(ranks)


def rank_of_top(item: Item, rank: int) -> int | None:
    """Return the rank of the result, None if the layer is illegal or not of Caffe's own types."""
    if item.type in SAME:
        return rank
    if item.type == "Reshape":
        held = item.raw.reshape_param
        first = held.axis if held.axis >= 0 else held.axis + rank + 1
        last = rank if held.num_axes == -1 else first + held.num_axes
        in_range = 0 <= first <= last <= rank
        return rank - (last - first) + len(held.shape.dim) if in_range else None
    if item.type in ("Convolution", "Deconvolution"):
        return rank if rank >= 2 else None
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


def may_change(item: Item, name: str) -> bool:
    """Whether an unknown field may stand for this attribute."""
    harmless = {"ceil_mode"}
    dilation = {"hole"}
    others = {f for f in item.unknown - harmless - dilation if not f.startswith(("pad", "stride"))}
    return bool(others) or (name == "dilation" and bool(item.unknown & dilation))


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
    if may_change(item, "kernel"):
        return None
    held = item.raw.convolution_param
    if held.HasField("kernel_h") or held.HasField("kernel_w"):
        return 4
    if len(held.kernel_size) >= 2:
        return len(held.kernel_size) + 2
    if item.rank is None:
        return None
    channels = held.axis if held.axis >= 0 else held.axis + item.rank
    return 2 + item.rank - (channels + 1) if 0 <= channels < item.rank else None


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


def has_weight(item: Item, release: Release) -> bool:
    return item.type in WEIGHTED and release.letter("caffe", item.type) != "-"


def float16(layers: list[Item], release: Release) -> bool | None:
    """Return whether the rule fires, None for Float16 in places that the document ignores."""
    found: bool | None = False
    for item in layers:
        for i, blob in enumerate(item.blobs):
            if is_float16(blob):
                if i == 0 and has_weight(item, release):
                    return True
                found = None
    return found


# --- the tables -----------------------------------------------------------------------------------


def opinion(
    item: Item, layers: list[Item], fires: bool | None, done: Done, release: Release
) -> Opinion:
    found = Verdict()
    if not release.has_table(done.table, "caffe"):
        found.open("the release does not show this table")
    elif done.table == "uniform":
        uniform(item, layers, fires, done, release, found)
    elif done.table == "nonuniform":
        nonuniform(item, layers, done, release, found)
    else:
        weight_only(item, fires, done, release, found)
    if item.type in WEIGHTED and sharers(item, layers):
        found.open("a weight that two layers share")
    broken = frozenset(found.broken)
    return Opinion(item.name, item.type, found.answer, broken, found.basis, found.why)


def uniform(
    item: Item,
    layers: list[Item],
    fires: bool | None,
    done: Done,
    release: Release,
    found: Verdict,
) -> None:
    row = f"uniform/caffe/{item.type}"
    rows = (*WEIGHTED, "Pooling", "Eltwise")
    letter = release.letter("caffe", item.type) if item.type in rows else "-"
    if letter == "-":
        unlisted(found, release, done, "caffe", item.type)
    elif item.type == "InnerProduct":
        inner_product(item, row, found)
    elif item.type == "Convolution":
        if letter == "B":
            dilation_of_one(item, row, found)
        rank_of_four(item, layers, row, found)
    elif item.type == "Deconvolution":
        dilation_of_one(item, row, found)
        rank_of_four(item, layers, row, found)
    elif item.type == "Pooling":
        close_by_float16(found, release, fires, "caffe/Pooling", False)
        settings(found, release, done, "caffe/Pooling", True)
        pooling(item, letter, row, done, found)
    elif item.type == "Eltwise":
        close_by_float16(found, release, fires, "caffe/Eltwise", False)
        held = item.raw.eltwise_param
        if may_change(item, "operation"):
            found.open("a field that Caffe does not have")
        elif letter == "A" and held.HasField("operation") and held.operation != 1:
            found.wrong(f"{row}/operation")
        if any(c != 1 for c in held.coeff):
            found.open("coefficients other than 1")
        if done.treats_weights:
            found.wrong(f"{row}/weights")


def pooling(item: Item, letter: str, row: str, done: Done, found: Verdict) -> None:
    """Say what the cell says: A has a line for each of two modes, B and the guide's that of AVE."""
    if item.v0:
        mode, covers_all = item.raw.pool if item.raw.HasField("pool") else 0, False
    else:
        held = item.raw.pooling_param
        mode = held.pool if held.HasField("pool") else 0
        covers_all = held.HasField("global_pooling") and held.global_pooling
    if may_change(item, "mode"):
        found.open("a field that Caffe does not have")
    elif mode == 1:
        if covers_all:
            found.wrong(f"{row}/global_pooling")
        if done.shift and letter != "G":
            found.wrong(f"{row}/shift")
    elif letter != "A":
        found.wrong(f"{row}/average", "inferred" if letter == "G" else "stated")
    elif mode == 0:
        if done.treats_weights:
            found.wrong(f"{row}/weights")
    else:
        found.wrong(f"{row}/mode")


def inner_product(item: Item, row: str, found: Verdict) -> None:
    if item.v0:
        return
    if may_change(item, "transpose and axis"):
        found.open("a field that Caffe does not have")
        return
    held = item.raw.inner_product_param
    if held.HasField("transpose") and held.transpose:
        found.wrong(f"{row}/transpose")
    if held.HasField("axis") and held.axis < 0:
        if item.rank is not None and item.rank + held.axis != 1:
            found.wrong(f"{row}/axis")
        else:
            found.open("an axis counted from the end")
    elif held.HasField("axis") and held.axis != 1:
        found.wrong(f"{row}/axis")


def rank_of_four(item: Item, layers: list[Item], row: str, found: Verdict) -> None:
    rank = weight_rank(item, layers)
    if rank is None:
        found.open("the rank of the weight")
    elif rank != 4:
        found.wrong(f"{row}/weight_rank")


def dilation_of_one(item: Item, row: str, found: Verdict) -> None:
    if may_change(item, "dilation"):
        found.open("a field that Caffe does not have")
    elif not item.v0 and any(d != 1 for d in item.raw.convolution_param.dilation):
        found.wrong(f"{row}/dilation")


def nonuniform(
    item: Item, layers: list[Item], done: Done, release: Release, found: Verdict
) -> None:
    row = f"nonuniform/caffe/{item.type}"
    if release.clustered == "gone" or item.type not in ("Convolution", "InnerProduct"):
        unlisted(found, release, done, "caffe", item.type)
        return
    found.weak = release.clustered == "english"
    if item.type == "Convolution":
        dilation_of_one(item, row, found)
        rank_of_four(item, layers, row, found)
    else:
        inner_product(item, row, found)


def weight_only(
    item: Item, fires: bool | None, done: Done, release: Release, found: Verdict
) -> None:
    if item.type == "Pooling" and release.pools:
        close_by_float16(found, release, fires, "caffe/Pooling", False)
        if done.treats_weights:
            found.wrong("weight_only/caffe/Pooling/mode")
    else:
        unlisted(found, release, done, "caffe", item.type)
