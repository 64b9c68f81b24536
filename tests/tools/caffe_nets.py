"""Small Caffe nets for tests, drawn by Hypothesis, in all three generations of the format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from pytest_amct.graphs.caffe.schema import message

V1 = {
    "Convolution": "CONVOLUTION",
    "Deconvolution": "DECONVOLUTION",
    "InnerProduct": "INNER_PRODUCT",
    "Pooling": "POOLING",
    "Eltwise": "ELTWISE",
    "ReLU": "RELU",
    "Dropout": "DROPOUT",
    "Concat": "CONCAT",
    "Flatten": "FLATTEN",
    "Softmax": "SOFTMAX",
}
V0 = {"Convolution": "conv", "InnerProduct": "innerproduct", "Pooling": "pool", "ReLU": "relu"}
PHASES = [""] * 8 + [
    "include { phase: TEST }",
    "exclude { phase: TRAIN }",
    "include { phase: TRAIN } include { phase: TEST }",
    'exclude { stage: "deploy" }',
]
ELSEWHERE = [
    "include { phase: TRAIN }",
    "exclude { phase: TEST }",
    'include { phase: TEST stage: "x" }',
]


@dataclass
class Net:
    """A prototxt in the making, with its blobs."""

    generation: int
    text: list[str] = field(default_factory=list)
    model: Any = field(default_factory=lambda: message("NetParameter"))
    blobs: list[str] = field(default_factory=list)

    @property
    def prototxt(self) -> str:
        return "\n".join(self.text)


@st.composite
def caffe_nets(draw: st.DrawFn, from_files: bool = True) -> tuple[str, bytes | None]:
    """Generate a prototxt and its caffemodel (if any): readable nets with answers of any kind.

    `from_files`: whether some of them have layers that read their data from files.
    """
    net = Net(draw(st.sampled_from([0, 1, 2, 2, 2])))
    _inputs(draw, net, from_files)
    for i in range(draw(st.integers(1, 6))):
        types = sorted(V0 if net.generation == 0 else V1)
        if net.generation == 2:
            types += ["Mystery", "ROIPooling"]
        _layer(draw, net, draw(st.sampled_from(types)), f"layer{i}")
    return net.prototxt, net.model.SerializeToString() if len(net.model.layer) else None


def _inputs(draw: st.DrawFn, net: Net, from_files: bool) -> None:
    dims = {n: " ".join(["dim: 2", "dim: 8", *["dim: 12"] * (n - 2)][:n]) for n in range(1, 6)}
    rank = draw(st.sampled_from([4, 4, 4, 2, 3, 5, 1]))
    styles = ["dims", "shape", "none", "layer", "dummy", "data"]
    if not from_files:
        styles = styles[:-1] if net.generation == 2 else styles[:3]
    style = draw(st.sampled_from(styles))
    net.blobs.append("data")
    if style == "dims" or net.generation == 0:
        four = " ".join(f"input_dim: {n}" for n in (2, 8, 12, 12))
        net.text.append(f'input: "data" {four}')
    elif style == "shape":
        net.text.append(f'input: "data" input_shape {{ {dims[rank]} }}')
    elif style == "none":
        net.text.append('input: "data"')
    elif style == "layer" and net.generation == 2:
        shape = f"input_param {{ shape {{ {dims[rank]} }} }}"
        net.text.append(f'layer {{ name: "in" type: "Input" top: "data" {shape} }}')
    elif style == "dummy" and net.generation == 2:
        four = " ".join(f"{name}: 8" for name in ("num", "channels", "height", "width"))
        held = draw(st.sampled_from([f"shape {{ {dims[rank]} }}", four]))
        rest = f'type: "DummyData" top: "data" dummy_data_param {{ {held} }}'
        net.text.append(f'layer {{ name: "in" {rest} }}')
    else:
        new = draw(st.sampled_from(["Data", "HDF5Data"]))
        word, type_ = ("layer", f'"{new}"') if net.generation == 2 else ("layers", "HDF5_DATA")
        for phase in ("TRAIN", "TEST"):
            rule = f"include {{ phase: {phase} }}"
            net.text.append(f'{word} {{ name: "in" type: {type_} top: "data" {rule} }}')


def _layer(draw: st.DrawFn, net: Net, type_: str, name: str) -> None:
    count = 2 if type_ in ("Eltwise", "Concat") else 1
    bottoms = [draw(st.sampled_from(net.blobs)) for _ in range(count)]
    in_place = type_ in ("ReLU", "Dropout") and draw(st.booleans())
    top = bottoms[0] if in_place else name
    ends = " ".join(f'bottom: "{b}"' for b in bottoms) + f' top: "{top}"'
    if net.generation == 0:
        fields = _old_fields(draw, type_)
        inner = f'name: "{name}" type: "{V0[type_]}" {fields}'
        net.text.append(f"layers {{ layer {{ {inner} }} {ends} }}")
        net.blobs.append(top)
        if type_ in ("Convolution", "InnerProduct") and draw(st.booleans()):
            _stored(draw, net, name, type_, 4, None)
        return
    shared = type_ in ("Convolution", "InnerProduct") and draw(st.integers(0, 5)) == 0
    held, rank = _fields(draw, type_)
    elsewhere = not in_place and draw(st.integers(0, 9)) == 0
    rule = draw(st.sampled_from(ELSEWHERE if elsewhere else PHASES))
    if net.generation == 1:
        held = "" if type_ == "Flatten" else held  # this generation has no parameters for Flatten
        param = 'param: "shared"' if shared else ""
        net.text.append(
            f'layers {{ name: "{name}" type: {V1[type_]} {ends} {held} {rule} {param} }}'
        )
    else:
        param = 'param { name: "shared" }' if shared else ""
        net.text.append(f'layer {{ name: "{name}" type: "{type_}" {ends} {held} {rule} {param} }}')
    if not elsewhere and top not in net.blobs:
        net.blobs.append(top)
    if rank is not None and not shared and draw(st.booleans()):
        _stored(draw, net, name, type_, rank, "bias_term: false" not in held)


def _old_fields(draw: st.DrawFn, type_: str) -> str:
    if type_ == "Convolution":
        return "num_output: 4 kernelsize: 3"
    if type_ == "InnerProduct":
        return "num_output: 4"
    if type_ == "Pooling":
        return "kernelsize: 2 " + draw(st.sampled_from(["", "pool: MAX", "pool: AVE", "pool: 2"]))
    return ""


def _fields(draw: st.DrawFn, type_: str) -> tuple[str, int | None]:
    """Return a layer's parameters, and the rank of the blob that fits them (if it has one)."""

    def some(*choices: str) -> str:
        return draw(st.sampled_from(choices))

    bias = some("", "", "bias_term: true", "bias_term: false")
    foreign = some(*[""] * 15, "ceil_mode: false", "hole: 2", "pad_l: 1", "mystery: 1", "of: A")
    if type_ in ("Convolution", "Deconvolution"):
        kernel = some(*["kernel_size: 3"] * 3, "kernel_h: 3 kernel_w: 3", *_repeated_kernels())
        dilation = some(*[""] * 3, "dilation: 1", "dilation: 2", "dilation: 1 dilation: 2")
        several = kernel.count("kernel_size") + 2
        rank = 4 if "kernel_h" in kernel else several if several > 3 else draw(st.integers(3, 5))
        return f"convolution_param {{ num_output: 4 {kernel} {dilation} {bias} {foreign} }}", rank
    if type_ == "InnerProduct":
        transpose = some("", "", "transpose: true", "transpose: false")
        axis = some("", "", "axis: 1", "axis: -1", "axis: 2", "axis: 0", "axis: -2")
        rank = 2 if transpose else draw(st.sampled_from([2, 4]))
        return f"inner_product_param {{ num_output: 4 {transpose} {axis} {bias} {foreign} }}", rank
    if type_ == "Pooling":
        mode = some("", "pool: MAX", "pool: AVE", "pool: 1", "pool: STOCHASTIC")
        whole = some("kernel_size: 2", "global_pooling: true", "global_pooling: false")
        return some(f"pooling_param {{ {mode} {whole} {foreign} }}", ""), None
    if type_ == "Eltwise":
        operation = some("", "operation: SUM", "operation: 0", "operation: 1", "operation: MAX")
        coefficients = some("", "", "coeff: 1 coeff: 1", "coeff: 1 coeff: -1", "coeff: 0.5")
        return f"eltwise_param {{ {operation} {coefficients} {foreign} }}", None
    if type_ == "Flatten":
        return some("", "flatten_param { axis: 2 }", "flatten_param { end_axis: -2 }"), None
    return "", None


def _repeated_kernels() -> tuple[str, ...]:
    return tuple(" ".join(["kernel_size: 3"] * n) for n in (2, 3))


def _stored(draw: st.DrawFn, net: Net, name: str, type_: str, rank: int, bias: bool | None) -> None:
    layer = net.model.layer.add(name=name)
    weight = layer.blobs.add()
    dims = [4, 4, *[3] * (rank - 2)] if type_ != "InnerProduct" else [*[1] * (rank - 2), 4, 4]
    if rank == 4 and draw(st.booleans()):
        weight.num, weight.channels, weight.height, weight.width = dims
    else:
        weight.shape.dim.extend(dims)
    if draw(st.integers(0, 2)) == 0:
        weight.raw_data_type = 2
    if bias is not False:
        second = layer.blobs.add()
        second.shape.dim.append(4)
        if draw(st.integers(0, 5)) == 0:
            second.raw_data_type = 2
