"""What `explain` says of whole networks with numbers counted by hand.

The numbers follow from the table that docs/reading.md reads, that of CANN 7.0.0 unless a test names
another release. Comments say why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import caffe_networks
import pytest
import transformer_networks
from light_networks import light
from tensorflow_graphs import F, Text, const, fed, graph, node
from told import counts, explained, reasons, types

from pytest_amct.choosing import releases_for
from pytest_amct.explain import explain
from pytest_amct.graphs.caffe.reader import read_caffe
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.graphs.reading import read_model
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.reports.explaining import sentence
from pytest_amct.tables.loader import load_spec

FOLD = "fold it into the layer before it"

# --- the light models of the onnx package ---------------------------------------------------------

# Every weight is a ConstantOfShape of a stored shape: constant, so all convolutions and Gemms can
# be quantized (these have transA = 0). So can all pools that are not global, and Add. BatchNorm-
# alization, activations, Concat, Sum, LRN, Reshape and Softmax have no row. Dropout is Identity,
# and what computes weights alone (ConstantOfShape, Unsqueeze, one Reshape) is not counted.
LIGHT: Mapping[str, tuple[dict[str, int], dict[str, int], str]] = {
    "bvlc_alexnet": (
        counts("Conv 5, MaxPool 3, Gemm 3"),
        counts("Relu 7, LRN 2, Reshape, Softmax"),
        "",
    ),
    "zfnet512": (
        counts("Conv 5, MaxPool 3, Gemm 3"),
        counts("Relu 7, LRN 2, Reshape, Softmax"),
        "",
    ),
    # 16 convolutions and three Gemms, each with a ReLU but the last.
    "vgg19": (
        counts("Conv 16, MaxPool 5, Gemm 3"),
        counts("Relu 18, Reshape, Softmax"),
        "",
    ),
    # Eight fire modules of three convolutions, and two more; the average at the end is global.
    "squeezenet": (
        counts("Conv 26, MaxPool 3"),
        counts("Relu 26, Concat 8, Softmax, GlobalAveragePool"),
        "",
    ),
    # Nine blocks of six convolutions, and three before; the Gemm's weight is reshaped.
    "inception_v1": (
        counts("Conv 57, MaxPool 13, AveragePool, Gemm"),
        counts("Relu 57, Concat 9, LRN 2, Reshape, Softmax"),
        "",
    ),
    # Each convolution is followed by BatchNormalization, Mul, Add and Relu.
    "inception_v2": (
        counts("Conv 69, Add 69, MaxPool 5, AveragePool 8, Gemm"),
        counts("BatchNormalization 69, Mul 69, Relu 69, Concat 10, Reshape, Softmax"),
        FOLD,
    ),
    # 16 residual blocks of three convolutions, four of them with a projection, and the first one.
    "resnet50": (
        counts("Conv 53, MaxPool, AveragePool, Gemm"),
        counts("BatchNormalization 53, Relu 49, Sum 16, Reshape, Softmax"),
        FOLD,
    ),
    # 16 units of three convolutions, in groups; two Reshapes and a Transpose shuffle each.
    "shufflenet": (
        counts("Conv 49, MaxPool, AveragePool 4, Gemm"),
        counts(
            "BatchNormalization 49, Relu 33, Reshape 33, Transpose 16, Sum 13, Concat 3, Softmax"
        ),
        FOLD,
    ),
    # The first convolution, two in each of 58 layers, three between the blocks, and the classifier.
    "densenet121": (
        counts("Conv 121, Add 121, MaxPool, AveragePool 3"),
        counts("BatchNormalization 121, Mul 121, Relu 121, Concat 58, GlobalAveragePool"),
        FOLD,
    ),
}


@pytest.mark.parametrize("name", LIGHT)
def test_the_light_models(name: str) -> None:
    able, forbidden, cure = LIGHT[name]
    found = explained(read_model(light(name)))
    assert types(found, "quantizable") == able
    assert types(found, "forbidden") == forbidden
    assert types(found, "unspecified") == {}
    global_ = forbidden.get("GlobalAveragePool", 0)
    unlisted = sum(forbidden.values()) - global_
    expected = {"unlisted": (unlisted, "forbidden", cure)}
    if global_:
        wide = "write it as an AveragePool whose kernel covers the map"
        expected["uniform/onnx/AveragePool/global_pooling"] = (1, "forbidden", wide)
    assert reasons(found) == expected


def test_the_basis_is_inferred_if_stored_tensors_are_listed_as_inputs() -> None:
    """As in all files of ir_version 3. Pools and types without a row have no weight."""
    found = explained(read_model(light("vgg19")))
    bases = {(told.layer.type, told.answer.basis) for told in found.layers}
    assert {type_ for type_, basis in bases if basis == "inferred"} == {"Conv", "Gemm"}
    assert {type_ for type_, basis in bases if basis == "stated"} == {
        *("MaxPool", "Relu", "Reshape", "Softmax")
    }


def test_a_normalization_that_cannot_be_folded_has_no_cure() -> None:
    """Most of DenseNet's stand behind a Concat or a pool."""
    found = explained(read_model(light("densenet121")))
    cures = Counter(t.cure for t in found.layers if t.layer.type == "BatchNormalization")
    # Behind a convolution: the first of all, and the second one in each of 58 layers.
    assert cures == {FOLD: 59, "": 62}


def test_a_sum_of_two_is_an_add() -> None:
    found = explained(read_model(light("resnet50")))
    assert {told.cure for told in found.layers if told.layer.type == "Sum"} == {"write it as Add"}


def test_resnet50_under_every_release() -> None:
    network = read_model(light("resnet50"))
    specs = releases_for(["all"], "onnx")
    able = {
        found.spec.release: found.verdicts.get("quantizable", 0)
        for found in explain(network, specs)
    }
    assert able == {
        "7.0.0": 56,
        "6.0.1": 54,  # lists no pool
        "6.3.RC1": 55,  # lists AveragePool, but not MaxPool
        "6.3.RC2": 54,  # the rows of the pools were not seen
        "8.0.RC1": 54,  # the same
        "8.0.0": 56,
        "9.2.0.beta1": 56,
        "2026-08": 56,
        "2026-08-ipv350": 0,  # lists ConvTranspose alone
        "9.0.0 (AMCT for ONNX)": 2,  # a weight must be stored: only the pools are left
    }
    guide = explained(network, "amct-onnx-9.0.0")
    fold = "fold the operators behind the weight into a stored constant"
    assert reasons(guide)["uniform/onnx/Conv/weight_node"] == (53, "forbidden", fold)
    assert reasons(guide)["uniform/onnx/Gemm/weight_node"] == (1, "forbidden", fold)
    seen = sentence(explained(network, "cann-6.3.RC2"))
    assert "2 MaxPool or AveragePool are not decided (this cell was not seen" in seen


# --- a block of a transformer, and shapes at run time ---------------------------------------------


def test_a_transformer() -> None:
    """Six products with stored weights, and two of computed values.

    Nine additions: six of a bias, two of a residual, one in Gelu.
    """
    network = read_onnx(transformer_networks.transformer())
    found = explained(network)
    assert types(found, "quantizable") == counts("MatMul 6, Add 9")
    assert types(found, "forbidden") == counts(
        "MatMul 2, Reshape 4, Transpose 4, Mul 3, LayerNormalization 2, Softmax, Div, Erf"
    )
    assert reasons(found) == {
        "unlisted": (16, "forbidden", ""),
        # There is no weight to store: both are computed from the input.
        "uniform/onnx/MatMul/second_input": (2, "forbidden", ""),
    }
    assert not found.aside
    # Two variable inputs are allowed later.
    assert types(explained(network, "cann-9.2.0.beta1"), "quantizable") == counts("MatMul 8, Add 9")
    assert types(explained(network, "cann-8.0.0"), "unspecified") == counts("MatMul 8")  # not seen


def test_attention_in_tensorflow() -> None:
    """Three products with a stored weight of rank 2, one with a weight of rank 3, two of data."""
    stored = [const(name, 32, 32) for name in ("q", "k", "v")] + [const("o", 1, 32, 32)]
    nodes = [
        *(node("BatchMatMulV2", f"x{name}", "x", name, **F) for name in ("q", "k", "v")),
        # The key is transposed by an attribute that no condition restricts.
        node("BatchMatMulV2", "scores", "xq", "xk", adj_y=True, **F),
        node("Softmax", "weights", "scores", **F),
        node("BatchMatMulV2", "found", "weights", "xv", **F),
        node("BatchMatMulV2", "out", "found", "o", **F),
        node("Einsum", "same", "found", "q", equation=Text("abc,cd->abd"), N=2, **F),
        node("AddV2", "sum", "out", "x", **F),
    ]
    network = read_tensorflow(graph(fed("x", 2, 16, 32), *stored, *nodes))
    found = explained(network)
    assert types(found, "quantizable") == counts("BatchMatMulV2 3")
    assert types(found, "forbidden") == counts("BatchMatMulV2 3, Softmax, Einsum")
    assert types(found, "unspecified") == counts("AddV2")
    assert {told.layer.name: told.cure for told in found.layers if told.cure} == {
        "out": "drop the leading dimensions of the second input, if all of them are 1",
        "sum": "write it as Add",
    }
    # The guide of AMCT for TensorFlow takes any other second input as data.
    guide = explained(network, "amct-tensorflow-9.0.0.beta2")
    assert types(guide, "quantizable")["BatchMatMulV2"] == 6


def test_shapes_that_are_computed_at_run_time() -> None:
    network = read_onnx(transformer_networks.shapes())
    found = explained(network)
    assert types(found, "quantizable") == counts("Conv, Gemm, Add")
    assert types(found, "forbidden") == counts("MatMul, Reshape 2, Relu, ReduceMean")
    assert types(found, "unspecified") == counts("Add")
    fix = "fix the shapes of the network inputs, and fold what is computed from them"
    assert reasons(found) == {
        "unlisted": (4, "forbidden", ""),
        "uniform/onnx/Add/dtype": (1, "unspecified", ""),  # of integers
        "uniform/onnx/MatMul/second_input": (1, "forbidden", fix),
    }
    # A shape is not data. The Add of integers has a row, and it is not surely constant.
    assert found.aside == counts("Shape 6, Gather 6, Unsqueeze 5, Concat 3, Mul 2, Sub, Expand")


# --- Caffe ----------------------------------------------------------------------------------------

WITHOUT_GLOBAL = "write the size of the map as kernel_size instead of global_pooling"
CAFFE: Mapping[str, tuple[dict[str, int], dict[str, int], dict[str, tuple[int, str, str]]]] = {
    # No condition restricts groups. Dropout is Identity, and the Pooling of AlexNet is MAX.
    "alexnet": (
        counts("Convolution 5, Pooling 2, InnerProduct 3"),
        counts("ReLU 7, LRN 2, Softmax"),
        {"unlisted": (10, "forbidden", "")},
    ),
    "vgg": (
        counts("Convolution 4, Pooling 2, InnerProduct 2"),
        counts("ReLU 5, Softmax"),
        {"unlisted": (6, "forbidden", "")},
    ),
    # The first Pooling is MAX, and may cover the map; the last is AVE and global.
    "resnet": (
        counts("Convolution 6, Pooling, Eltwise 2, InnerProduct"),
        counts("BatchNorm 6, Scale 6, ReLU 5, Softmax, Pooling"),
        {
            "unlisted": (18, "forbidden", FOLD),
            "uniform/caffe/Pooling/global_pooling": (1, "forbidden", WITHOUT_GLOBAL),
        },
    ),
    # A depthwise convolution is a Convolution. The average covers the map without being global.
    "mobilenet": (
        counts("Convolution 6, Pooling"),
        counts("BatchNorm 5, Scale 5, ReLU 5, Softmax"),
        {"unlisted": (16, "forbidden", FOLD)},
    ),
    # Table 1 has no condition on the dilation of a Convolution.
    "ssd": (
        counts("Convolution 7, Pooling"),
        counts(
            "ReLU 3, Permute 4, Flatten 5, PriorBox 2, Concat 3, Normalize, Reshape, Softmax"
            ", DetectionOutput"
        ),
        {"unlisted": (21, "forbidden", "")},
    ),
    "inception": (
        counts("Convolution 7, Pooling 2, InnerProduct"),
        counts("ReLU 7, Concat, Softmax"),
        {"unlisted": (9, "forbidden", "")},
    ),
    # No operation means SUM, no pool means MAX.
    "old": (
        counts("Convolution 3, Pooling 2, Eltwise, InnerProduct"),
        counts("ReLU, Softmax, Eltwise"),
        {
            "unlisted": (2, "forbidden", ""),
            "uniform/caffe/Eltwise/operation": (1, "forbidden", ""),
        },
    ),
}


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("name", CAFFE)
def test_caffe_nets(name: str, stored: bool) -> None:
    """The answers are the same without blobs: a kernel_size stands for both axes of an image."""
    prototxt = caffe_networks.NETS[name]()
    blobs = caffe_networks.caffemodel(prototxt) if stored else None
    found = explained(read_caffe(prototxt, blobs))
    able, forbidden, why = CAFFE[name]
    assert types(found, "quantizable") == able
    assert types(found, "forbidden") == forbidden
    assert types(found, "unspecified") == {}
    assert reasons(found) == why
    assert found.network.notes == []


def test_a_dilated_convolution_cannot_be_clustered() -> None:
    network = read_caffe(caffe_networks.ssd())
    (found,) = explain(network, [load_spec()], "nonuniform")
    assert types(found, "quantizable") == counts("Convolution 6")  # all but fc6
    assert reasons(found)["nonuniform/caffe/Convolution/dilation"][:2] == (1, "forbidden")
