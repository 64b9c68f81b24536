"""One abstract network in all three formats: where the tables agree, the answers agree.

Rows correspond by the document's IR types. `RIGHTLY_DIFFERENT` lists layers that exist in all
frameworks but whose tables differ, each with the rows that say so.
"""

from __future__ import annotations

from random import Random

import pytest

from pytest_amct.cases.networks import NetworkCase
from pytest_amct.cases.plan import known_as
from pytest_amct.ids import Item
from pytest_amct.tables.answers import answer
from pytest_amct.tables.model import Treatment

#: a layer's row and deviation in ONNX, TensorFlow and Caffe; ``None`` = cannot be expressed
SAME: dict[str, tuple[str | None, str | None, str | None]] = {
    "convolution": ("Conv@default", "Conv2D@default", "Convolution@default"),
    "convolution, strides": ("Conv@strides", "Conv2D@strides", "Convolution@stride"),
    "convolution, dilation 2": ("Conv@dilation-2d", "Conv2D@dilation", "Convolution@dilation"),
    "convolution, groups": ("Conv@group", "Conv2D@group", "Convolution@group"),
    "convolution, shared weight": (
        "Conv@shared-weight",
        "Conv2D@shared-weight",
        "Convolution@shared-weight",
    ),
    "convolution, weight from an input": (
        "Conv/weight_source@input",
        "Conv2D/weight_source@input",
        None,
    ),
    "convolution, weight behind a Cast of an input": (
        "Conv/weight_source@input-cast",
        "Conv2D/weight_source@input-cast",
        None,
    ),
    "volume, dilation 1": (
        "Conv/dilation_d@d1-h1-w1",
        "Conv3D/dilation_d@d1-h1-w1",
        "Convolution/weight_rank@5",
    ),
    "volume, depth dilation 2": (
        "Conv/dilation_d@d2-h1-w1",
        "Conv3D/dilation_d@d2-h1-w1",
        None,
    ),
    "volume, weight from an input": (
        "Conv/dilation_d@d2-h1-w1-input",
        "Conv3D/dilation_d@d2-h1-w1-input",
        None,
    ),
    "transposed convolution": (
        "ConvTranspose@default",
        "Conv2DBackpropInput@default",
        "Deconvolution@default",
    ),
    "transposed convolution, dilation 2": (
        "ConvTranspose/dilation@h2-w2",
        "Conv2DBackpropInput/dilation@h2-w2",
        "Deconvolution/dilation@2-2",
    ),
    "product": ("Gemm@default", "MatMul@default", "InnerProduct@default"),
    "product, second operand transposed": (
        "Gemm@trans_b",
        "MatMul/transpose_b@true",
        "InnerProduct/transpose@true",
    ),
    "product, first operand transposed": ("Gemm/trans_a@1", "MatMul/transpose_a@true", None),
    "batch product": ("MatMul@default", "BatchMatMulV2@default", None),
    "batch product of a batch": (
        "MatMul/second_input@rank-3",
        "BatchMatMulV2/second_input@rank-3",
        None,
    ),
    "average pool": ("AveragePool@default", "AvgPool@default", "Pooling@default"),
    "average pool of the whole map": (
        "AveragePool@whole-map",
        "AvgPool@whole-map",
        "Pooling@whole-map",
    ),
    "global average pool": (
        "AveragePool/global_pooling@true",
        None,
        "Pooling/global_pooling@true",
    ),
    "maximum pool": ("MaxPool@default", "MaxPool@default", "Pooling/mode@max"),
    "global maximum pool": ("MaxPool@global", None, "Pooling/global_pooling@true-max"),
    "sum": ("Add@default", "Add@default", "Eltwise@default"),
    "sum of one with itself": ("Add@same", "Add@same", "Eltwise@same"),
    "softmax": ("unlisted/Softmax@plain", "unlisted/Softmax@plain", "unlisted/Softmax@plain"),
    "sigmoid": ("unlisted/Sigmoid@plain", "unlisted/Sigmoid@plain", "unlisted/Sigmoid@plain"),
}

FRAMEWORKS = ("onnx", "tensorflow", "caffe")

RIGHTLY_DIFFERENT: dict[str, tuple[dict[str, str], str]] = {
    "volume, dilation 1": (
        {"onnx": "quantizable", "tensorflow": "quantizable", "caffe": "forbidden"},
        "caffe/Convolution wants a weight of rank 4; onnx/Conv and tensorflow/Conv3D take rank 5",
    ),
    "product, second operand transposed": (
        {"onnx": "quantizable", "tensorflow": "forbidden", "caffe": "forbidden"},
        "onnx/Gemm asks for transA alone; tensorflow/MatMul and caffe/InnerProduct for theirs",
    ),
    "global maximum pool": (
        {"onnx": "unspecified", "caffe": "quantizable"},
        "GlobalMaxPool is a spelling that onnx/MaxPool does not name; caffe/Pooling MAX has none",
    ),
}


def verdicts(names: list[str], wires: list[tuple[int, int]], framework: str) -> list[str]:
    """The answers on the layers of an abstract network, written in a framework's format."""
    at = FRAMEWORKS.index(framework)
    items = []
    for name, (back, second) in zip(names, wires, strict=True):
        row, _, deviation = str(SAME[name][at]).partition("@")
        items.append(Item(f"uniform/{framework}/{row}", deviation, back, second))
    built = NetworkCase(tuple(items), None).build()
    layers = {n: layer for layer in built.native.network().layers for n in known_as(layer)}
    return [answer(layers[target], Treatment()).verdict for target in built.targets]


@pytest.mark.parametrize("name", SAME)
def test_a_layer_is_answered_alike_in_all_formats(name: str) -> None:
    found = {
        framework: verdicts([name], [(0, 0)], framework)[0]
        for framework, spelled in zip(FRAMEWORKS, SAME[name], strict=True)
        if spelled
    }
    if name in RIGHTLY_DIFFERENT:
        wanted, why = RIGHTLY_DIFFERENT[name]
        assert found == wanted, why
    else:
        assert len(set(found.values())) == 1, found


def test_networks_are_answered_alike_in_all_formats() -> None:
    rng = Random(5)
    everywhere = [
        name
        for name, spelled in SAME.items()
        if all(spelled) and name not in RIGHTLY_DIFFERENT and "shared" not in name
    ]
    for _ in range(40):
        names = [rng.choice(everywhere) for _ in range(rng.randint(2, 8))]
        wires = [(rng.randint(0, 3), rng.randint(0, 3)) for _ in names]
        found = [verdicts(names, wires, framework) for framework in FRAMEWORKS]
        assert found[0] == found[1] == found[2], (names, wires)


def test_what_differs_is_listed_once_and_does_differ() -> None:
    assert set(RIGHTLY_DIFFERENT) <= set(SAME)
    for wanted, why in RIGHTLY_DIFFERENT.values():
        assert len(set(wanted.values())) > 1, why
