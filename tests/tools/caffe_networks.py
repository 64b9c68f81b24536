"""Caffe nets of our own, shaped like the public ones: builders of prototxts, and of their blobs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pytest_amct.graphs.caffe.reader import read_caffe
from pytest_amct.graphs.caffe.schema import message
from pytest_amct.graphs.walk import shape


class Net:
    """A prototxt in the making. Each method adds a layer and returns its top."""

    def __init__(self, side: int, channels: int = 3) -> None:
        dims = " ".join(f"dim: {n}" for n in (1, channels, side, side))
        self.text = [f'name: "net" input: "data" input_shape {{ {dims} }}']

    def add(self, type_: str, name: str, bottoms: str | Sequence[str], given: str = "") -> str:
        """Add a layer that makes a blob of its own name."""
        listed = [bottoms] if isinstance(bottoms, str) else bottoms
        ends = " ".join(f'bottom: "{b}"' for b in listed)
        self.text.append(f'layer {{ name: "{name}" type: "{type_}" {ends} top: "{name}" {given} }}')
        return name

    def in_place(self, type_: str, name: str, blob: str, given: str = "") -> str:
        """Add a layer that works in place."""
        ends = f'bottom: "{blob}" top: "{blob}"'
        self.text.append(f'layer {{ name: "{name}" type: "{type_}" {ends} {given} }}')
        return blob

    def conv(self, name: str, bottom: str, count: int, kernel: int, given: str = "") -> str:
        """Add a Convolution."""
        held = f"num_output: {count} kernel_size: {kernel} {given}"
        return self.add("Convolution", name, bottom, f"convolution_param {{ {held} }}")

    def conv_relu(self, name: str, bottom: str, count: int, kernel: int, given: str = "") -> str:
        """Add a Convolution and a ReLU in place."""
        top = self.conv(name, bottom, count, kernel, given)
        return self.in_place("ReLU", f"{name}/relu", top)

    def conv_norm(self, name: str, bottom: str, count: int, kernel: int, given: str = "") -> str:
        """Add a Convolution without bias, and a BatchNorm and a Scale in place."""
        top = self.conv(name, bottom, count, kernel, f"bias_term: false {given}")
        self.in_place("BatchNorm", f"{name}/bn", top)
        return self.in_place("Scale", f"{name}/scale", top, "scale_param { bias_term: true }")

    def pool(self, name: str, bottom: str, mode: str, given: str) -> str:
        """Add a Pooling."""
        return self.add("Pooling", name, bottom, f"pooling_param {{ pool: {mode} {given} }}")

    def inner(self, name: str, bottom: str, count: int) -> str:
        """Add an InnerProduct."""
        return self.add(
            "InnerProduct", name, bottom, f"inner_product_param {{ num_output: {count} }}"
        )

    @property
    def prototxt(self) -> str:
        """The text of the net."""
        return "\n".join(self.text) + "\n"


def alexnet() -> str:
    """Five convolutions, two of them in groups, two LRN, three InnerProducts with Dropout."""
    net, norm = Net(67), "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }"
    half = "kernel_size: 3 stride: 2"
    top = net.conv_relu("conv1", "data", 16, 11, "stride: 4")
    top = net.pool("pool1", net.add("LRN", "norm1", top, norm), "MAX", half)
    top = net.conv_relu("conv2", top, 32, 5, "pad: 2 group: 2")
    top = net.pool("pool2", net.add("LRN", "norm2", top, norm), "MAX", half)
    top = net.conv_relu("conv3", top, 32, 3, "pad: 1")
    top = net.conv_relu("conv4", top, 32, 3, "pad: 1 group: 2")
    top = net.conv_relu("conv5", top, 16, 3, "pad: 1")
    for name in ("fc6", "fc7"):
        top = net.in_place("ReLU", f"{name}/relu", net.inner(name, top, 32))
        net.in_place("Dropout", f"{name}/drop", top, "dropout_param { dropout_ratio: 0.5 }")
    net.add("Softmax", "prob", net.inner("fc8", top, 10))
    return net.prototxt


def vgg() -> str:
    """Two stages of two convolutions, each with a pool, and two InnerProducts."""
    net, top = Net(32), "data"
    for stage, count in (("1", 8), ("2", 16)):
        for part in "12":
            top = net.conv_relu(f"conv{stage}_{part}", top, count, 3, "pad: 1")
        top = net.pool(f"pool{stage}", top, "MAX", "kernel_size: 2 stride: 2")
    top = net.in_place("ReLU", "relu6", net.inner("fc6", top, 32))
    net.add("Softmax", "prob", net.inner("fc7", top, 10))
    return net.prototxt


def resnet() -> str:
    """A stem and two residual blocks, the second with a projection; a global average at the end."""
    net = Net(32)
    top = net.in_place("ReLU", "conv1/relu", net.conv_norm("conv1", "data", 8, 3, "pad: 1"))
    top = net.pool("pool1", top, "MAX", "kernel_size: 3 stride: 2")
    for block, count, stride in (("a", 8, 1), ("b", 16, 2)):
        side = top
        if stride > 1:
            side = net.conv_norm(f"{block}/projection", top, count, 1, f"stride: {stride}")
        within = net.conv_norm(f"{block}/first", top, count, 3, f"pad: 1 stride: {stride}")
        within = net.in_place("ReLU", f"{block}/first/relu", within)
        within = net.conv_norm(f"{block}/second", within, count, 3, "pad: 1")
        top = net.add("Eltwise", f"{block}/sum", [side, within], "eltwise_param { operation: SUM }")
        top = net.in_place("ReLU", f"{block}/relu", top)
    top = net.pool("pool5", top, "AVE", "global_pooling: true")
    net.add("Softmax", "prob", net.inner("fc", top, 10))
    return net.prototxt


def mobilenet() -> str:
    """Depthwise convolutions, written as groups, between pointwise ones."""
    net, count = Net(32), 8
    top = net.in_place("ReLU", "conv1/relu", net.conv_norm("conv1", "data", count, 3, "stride: 2"))
    for block in ("2", "3"):
        deep = net.conv_norm(f"conv{block}/dw", top, count, 3, f"pad: 1 group: {count}")
        deep = net.in_place("ReLU", f"conv{block}/dw/relu", deep)
        count *= 2
        top = net.conv_norm(f"conv{block}/sep", deep, count, 1)
        top = net.in_place("ReLU", f"conv{block}/sep/relu", top)
    top = net.pool("pool6", top, "AVE", "kernel_size: 15")
    net.add("Softmax", "prob", net.conv("fc7", top, 10, 1))
    return net.prototxt


def ssd() -> str:
    """A detector: a dilated convolution, and two heads whose boxes are permuted and joined."""
    net = Net(32)
    first = net.conv_relu("conv4", "data", 16, 3, "pad: 1 stride: 2")
    top = net.pool("pool5", first, "MAX", "kernel_size: 3 stride: 1 pad: 1")
    second = net.conv_relu("fc6", top, 16, 3, "pad: 6 dilation: 6")
    second = net.conv_relu("conv6", second, 16, 3, "pad: 1 stride: 2")
    first = net.add("Normalize", "conv4/norm", first, "norm_param { scale_filler { value: 20 } }")
    parts: dict[str, list[str]] = {"loc": [], "conf": [], "priorbox": []}
    for source in (first, second):
        # Three boxes at each place: four coordinates, and scores for three classes.
        for kind, count in (("loc", 12), ("conf", 9)):
            name = f"{source}/{kind}"
            head = net.conv(name, source, count, 3, "pad: 1")
            order = "permute_param { order: 0 order: 2 order: 3 order: 1 }"
            head = net.add("Permute", f"{name}/perm", head, order)
            parts[kind].append(net.add("Flatten", f"{name}/flat", head))
        boxes = "prior_box_param { min_size: 10 aspect_ratio: 2 flip: true variance: 0.1 }"
        parts["priorbox"].append(net.add("PriorBox", f"{source}/prior", [source, "data"], boxes))
    loc, conf, prior = (
        net.add("Concat", f"mbox/{kind}", found, f"concat_param {{ axis: {axis} }}")
        for (kind, found), axis in zip(parts.items(), (1, 1, 2), strict=True)
    )
    dims = "reshape_param { shape { dim: 0 dim: -1 dim: 3 } }"
    conf = net.add("Reshape", "conf/reshape", conf, dims)
    conf = net.add("Softmax", "conf/softmax", conf, "softmax_param { axis: 2 }")
    conf = net.add("Flatten", "conf/flat", conf)
    made = "num_classes: 3 share_location: true background_label_id: 0 keep_top_k: 10"
    made = f"{made} code_type: CENTER_SIZE nms_param {{ nms_threshold: 0.45 top_k: 40 }}"
    ends = [loc, conf, prior]
    net.add("DetectionOutput", "detection", ends, f"detection_output_param {{ {made} }}")
    return net.prototxt


def inception() -> str:
    """A block of four branches, joined by Concat, and an average over the whole map."""
    net = Net(16)
    top = net.conv_relu("conv1", "data", 8, 3, "pad: 1")
    ends = [net.conv_relu("i/1x1", top, 4, 1)]
    for kernel in (3, 5):
        within = net.conv_relu(f"i/{kernel}x{kernel}/reduce", top, 4, 1)
        ends.append(net.conv_relu(f"i/{kernel}x{kernel}", within, 4, kernel, f"pad: {kernel // 2}"))
    within = net.pool("i/pool", top, "MAX", "kernel_size: 3 stride: 1 pad: 1")
    ends.append(net.conv_relu("i/pool/proj", within, 4, 1))
    top = net.pool("pool5", net.add("Concat", "i/output", ends), "AVE", "kernel_size: 16 stride: 1")
    top = net.in_place("Dropout", "drop", top)
    net.add("Softmax", "prob", net.inner("loss/classifier", top, 10))
    return net.prototxt


def old() -> str:
    """A net of the generation before: ``layers``, types without quotes, a mean that is PROD."""
    layers = [
        ("CONVOLUTION", "conv1", ["data"], "convolution_param { num_output: 8 kernel_size: 5 }"),
        ("POOLING", "pool1", ["conv1"], "pooling_param { kernel_size: 2 stride: 2 }"),
        ("RELU", "relu1", ["pool1"], ""),
        ("CONVOLUTION", "a", ["relu1"], "convolution_param { num_output: 8 kernel_size: 1 }"),
        ("CONVOLUTION", "b", ["relu1"], "convolution_param { num_output: 8 kernel_size: 1 }"),
        ("ELTWISE", "sum", ["a", "b"], ""),
        ("ELTWISE", "product", ["sum", "b"], "eltwise_param { operation: PROD }"),
        ("POOLING", "pool2", ["product"], "pooling_param { pool: AVE kernel_size: 2 stride: 2 }"),
        ("INNER_PRODUCT", "ip", ["pool2"], "inner_product_param { num_output: 10 }"),
        ("SOFTMAX", "prob", ["ip"], ""),
    ]
    text = ['name: "old" input: "data" input_dim: 1 input_dim: 3 input_dim: 28 input_dim: 28']
    for type_, name, bottoms, given in layers:
        ends = " ".join(f'bottom: "{b}"' for b in bottoms)
        text.append(f'layers {{ name: "{name}" type: {type_} {ends} top: "{name}" {given} }}')
    return "\n".join(text) + "\n"


NETS: dict[str, Callable[[], str]] = {
    net.__name__: net for net in (alexnet, vgg, resnet, mobilenet, ssd, inception, old)
}


# --- blobs ----------------------------------------------------------------------------------------


def caffemodel(prototxt: str) -> bytes:
    """Return seeded blobs for a net, all different, by the shapes of its blobs."""
    rng, stored = np.random.default_rng(0), message("NetParameter")
    for layer in read_caffe(prototxt).layers:
        data = layer.input(0)
        made = None if data is None else _blobs(layer, shape(data), rng)
        if made:
            entry = stored.layer.add(name=layer.name, type=layer.type)
            for values in made:
                blob = entry.blobs.add(data=values.ravel().tolist())
                blob.shape.dim.extend(values.shape)
    return stored.SerializeToString()


def _blobs(layer: Any, given: Any, rng: Any) -> list[Any]:
    def drawn(*dims: int) -> Any:
        return rng.normal(0, 1 / math.sqrt(max(1, math.prod(dims[1:]))), dims)

    channels = given[1] if given and len(given) > 1 else None
    if layer.type == "Convolution":
        held = layer.raw.convolution_param
        kernel = held.kernel_size[0]
        dims = (held.num_output, channels // held.group, kernel, kernel)
        return [drawn(*dims), *([drawn(held.num_output)] if held.bias_term else [])]
    if layer.type == "InnerProduct":
        count = layer.raw.inner_product_param.num_output
        return [drawn(count, math.prod(given[1:])), drawn(count)]
    if layer.type == "BatchNorm":
        return [drawn(channels), abs(drawn(channels)) + 0.5, np.ones(1)]
    if layer.type == "Scale":
        return [drawn(channels) + 1, drawn(channels)]
    return []
