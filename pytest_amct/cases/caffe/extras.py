"""Disconnected extra branches that the net of a case may contain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pytest_amct.cases.caffe.builder import NetBuilder
from pytest_amct.cases.plan import Branch

_SHAPE = (1, 32, 4, 4)
_CONV = {"num_output": 32, "kernel_size": 1}
_TRAIN = "include { phase: TRAIN }"


def add_branch(branch: Branch, b: NetBuilder) -> None:
    """Add a branch to the model."""
    _BRANCHES[branch](b)


def _data(b: NetBuilder) -> str:
    return b.layer("Sigmoid", [b.input(_SHAPE)])


def _weight(b: NetBuilder) -> None:
    given = {**_CONV, "bias_term": False}
    b.layer("Convolution", [_data(b)], given, [b.blob((32, 32, 1, 1), "float16")])


def _inner_product(b: NetBuilder) -> None:
    data = b.layer("Sigmoid", [b.input((1, 32, 1, 1))])
    given = {"num_output": 32, "bias_term": False}
    b.layer("InnerProduct", [data], given, [b.blob((32, 32), "float16")])


def _deconvolution(b: NetBuilder) -> None:
    given = {**_CONV, "bias_term": False}
    b.layer("Deconvolution", [_data(b)], given, [b.blob((32, 32, 1, 1), "float16")])


def _weight_alone(b: NetBuilder) -> None:
    b.layer("Convolution", [_data(b)], _CONV, [b.blob((32, 32, 1, 1), "float16"), b.blob((32,))])


def _legacy_weight(b: NetBuilder) -> None:
    given = {**_CONV, "bias_term": False}
    b.layer("Convolution", [_data(b)], given, [b.blob((32, 32, 1, 1), "float16", "legacy")])


def _bias(b: NetBuilder) -> None:
    b.layer("Convolution", [_data(b)], _CONV, [b.blob((32, 32, 1, 1)), b.blob((32,), "float16")])


def _scale(b: NetBuilder) -> None:
    b.layer("Scale", [_data(b)], {"axis": 1}, [b.blob((32,), "float16")])


def _train_weight(b: NetBuilder) -> None:
    """Add a layer with a Float16 weight that is not part of the TEST phase."""
    given = {**_CONV, "bias_term": False}
    blobs = [b.blob((32, 32, 1, 1), "float16")]
    b.layer("Convolution", [_data(b)], given, blobs, rules=_TRAIN)


def _volume(b: NetBuilder) -> None:
    data = b.layer("Sigmoid", [b.input((1, 32, 2, 2, 2))])
    given = {"num_output": 32, "kernel_size": [1, 1, 1], "bias_term": False}
    b.layer("Convolution", [data], given, [b.blob((32, 32, 1, 1, 1), "float16")])


def _transposed(b: NetBuilder) -> None:
    data = b.layer("Sigmoid", [b.input((1, 32, 1, 1))])
    given = {"num_output": 32, "bias_term": False, "transpose": True}
    b.layer("InnerProduct", [data], given, [b.blob((32, 32), "float16")])


def _dilated(b: NetBuilder) -> None:
    given = {**_CONV, "bias_term": False, "dilation": 2}
    b.layer("Deconvolution", [_data(b)], given, [b.blob((32, 32, 1, 1), "float16")])


def _depthwise(b: NetBuilder) -> None:
    data = b.layer("Sigmoid", [b.input((1, 32, 8, 8))])
    given = {"num_output": 32, "kernel_size": 6, "group": 32, "bias_term": False}
    b.layer("Convolution", [data], given, [b.blob((32, 1, 6, 6), "float16")])


def _namesakes(b: NetBuilder) -> None:
    """Add two layers of one name with Float16 weights."""
    given, name = {**_CONV, "bias_term": False}, b.name("n")
    for _ in range(2):
        weight, tops = b.blob((32, 32, 1, 1), "float16"), [b.name("t")]
        b.layer("Convolution", [_data(b)], given, [weight], name=name, tops=tops)


def _gradients(b: NetBuilder) -> None:
    """Add a layer with a weight of integers that had Float16 gradients."""
    given = {**_CONV, "bias_term": False}
    b.layer("Convolution", [_data(b)], given, [b.blob((32, 32, 1, 1), "int32")])


def _clutter(b: NetBuilder) -> None:
    b.layer("TanH", [_data(b)])


def _tail(b: NetBuilder) -> None:
    made = b.layer("Convolution", [_data(b)], _CONV, [b.blob((32, 32, 1, 1)), b.blob((32,))])
    b.layer("TanH", [b.layer("ReLU", [made])])


def _train_layers(b: NetBuilder) -> None:
    data = _data(b)
    b.layer("Eltwise", [data, data], {"operation": "PROD"}, rules=_TRAIN)
    b.layer("Dropout", [data])


_BRANCHES: Mapping[Branch, Callable[[NetBuilder], None]] = {
    Branch("weight", "float16"): _weight,
    Branch("inner-product", "float16"): _inner_product,
    Branch("deconvolution", "float16"): _deconvolution,
    Branch("weight-alone", "float16"): _weight_alone,
    Branch("legacy-weight", "float16"): _legacy_weight,
    Branch("bias", "float16"): _bias,
    Branch("scale", "float16"): _scale,
    Branch("train-weight", "float16"): _train_weight,
    **{
        Branch(holds, "float16"): add
        for holds, add in {
            "volume": _volume,
            "transposed": _transposed,
            "dilated": _dilated,
            "depthwise": _depthwise,
            "namesakes": _namesakes,
            "gradients": _gradients,
        }.items()
    },
    Branch("clutter"): _clutter,
    Branch("tail"): _tail,
    Branch("train-layers"): _train_layers,
}

HOLDS: Sequence[Branch] = tuple(branch for branch in _BRANCHES if branch.holds != "gradients")
"""All branches that OpenCV can run."""
