"""The schema and the reader against an independent parser: OpenCV's importer of Caffe nets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_amct.graphs import walk
from pytest_amct.graphs.caffe.reader import read_caffe
from pytest_amct.graphs.caffe.schema import message

cv2 = pytest.importorskip("cv2")

WEIGHT = np.random.default_rng(1).normal(size=(4, 3, 3, 3)).astype(np.float32)
BIAS = np.arange(4, dtype=np.float32)
DATA = np.random.default_rng(2).normal(size=(1, 3, 11, 13)).astype(np.float32)

INPUT = 'input: "data" input_shape { dim: 1 dim: 3 dim: 11 dim: 13 }'
CURRENT = (
    INPUT
    + """
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 4 kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool"
        pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
layer { name: "max" type: "Pooling" bottom: "pool" top: "max"
        pooling_param { kernel_h: 3 kernel_w: 2 stride: 1 pad: 1 } }
layer { name: "up" type: "Deconvolution" bottom: "pool" top: "up"
        convolution_param { num_output: 2 kernel_h: 3 kernel_w: 2 stride: 2 bias_term: false } }
layer { name: "sum" type: "Eltwise" bottom: "pool" bottom: "pool" top: "sum" }
layer { name: "cat" type: "Concat" bottom: "sum" bottom: "pool" top: "cat" }
layer { name: "flat" type: "Flatten" bottom: "cat" top: "flat" }
layer { name: "fc" type: "InnerProduct" bottom: "cat" top: "fc"
        inner_product_param { num_output: 5 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""
)
V1 = """
input: "data" input_dim: 1 input_dim: 3 input_dim: 11 input_dim: 13
layers { name: "conv" type: CONVOLUTION bottom: "data" top: "conv"
         convolution_param { num_output: 4 kernel_size: 3 stride: 2 pad: 1 } }
layers { name: "relu" type: RELU bottom: "conv" top: "conv" }
layers { name: "pool" type: POOLING bottom: "conv" top: "pool"
         pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
"""
V0 = """
input: "data" input_dim: 1 input_dim: 3 input_dim: 11 input_dim: 13
layers { layer { name: "conv" type: "conv" num_output: 4 kernelsize: 3 stride: 2 pad: 1 }
         bottom: "data" top: "conv" }
layers { layer { name: "relu" type: "relu" } bottom: "conv" top: "conv" }
layers { layer { name: "pool" type: "pool" kernelsize: 2 stride: 2 pool: AVE }
         bottom: "conv" top: "pool" }
"""


def fill(blob: Any, values: np.ndarray, form: str) -> None:
    if form == "legacy":
        blob.num, blob.channels, blob.height, blob.width = [1] * (4 - values.ndim) + [*values.shape]
    else:
        blob.shape.dim.extend(values.shape)
    if form == "float16":
        blob.raw_data_type, blob.raw_data = 2, values.astype(np.float16).tobytes()
    else:
        blob.data.extend(values.ravel().tolist())


def caffemodel(generation: int, form: str) -> bytes:
    net = message("NetParameter")
    if generation == 2:
        conv = net.layer.add(name="conv", type="Convolution")
        up = net.layer.add(name="up", type="Deconvolution")
        fill(up.blobs.add(), np.ones((4, 2, 3, 2), np.float32), form)
        fc = net.layer.add(name="fc", type="InnerProduct")
        fill(fc.blobs.add(), np.ones((5, 8 * 3 * 4), np.float32), form)
        fill(fc.blobs.add(), np.zeros(5, np.float32), form)
    else:  # OpenCV does not find blobs of V0: nets of V0 get a caffemodel of V1
        conv = net.layers.add(name="conv", type=4)
    fill(conv.blobs.add(), WEIGHT, form)
    fill(conv.blobs.add(), BIAS, form)
    data: bytes = net.SerializeToString()
    return data


def imported(prototxt: str, model: bytes) -> Any:
    def as_array(data: bytes) -> np.ndarray:
        return np.frombuffer(data, np.uint8)

    net = cv2.dnn.readNetFromCaffe(as_array(prototxt.encode()), as_array(model))
    net.enableFusion(False)
    net.setInput(DATA)
    return net


@pytest.mark.parametrize("form", ["shape", "legacy", "float16"])
@pytest.mark.parametrize("generation", [2, 1, 0])
def test_opencv_finds_the_blobs_that_the_reader_finds(generation: int, form: str) -> None:
    prototxt = (V0, V1, CURRENT)[generation]
    model = caffemodel(generation, form)
    net = imported(prototxt, model)
    weight, bias = net.getParam("conv", 0), net.getParam("conv", 1)
    network = read_caffe(prototxt, model)
    ours, ours_bias = network.layer("conv").inputs[1:3]
    assert ours is not None and ours_bias is not None
    assert ours.shape == weight.shape == WEIGHT.shape
    assert ours.dtype == ("float16" if form == "float16" else "float32")
    if form == "float16":
        held = np.frombuffer(ours.value.raw_data, np.float16).astype(np.float32)
    else:
        held = np.array(ours.value.data, np.float32)
    assert np.array_equal(held, weight.ravel())
    assert np.allclose(weight, WEIGHT, atol=1e-2)
    assert np.array_equal(bias.ravel(), BIAS)


@pytest.mark.parametrize("generation", [2, 1, 0])
def test_opencv_runs_the_layers_that_the_reader_finds(generation: int) -> None:
    prototxt = (V0, V1, CURRENT)[generation]
    model = caffemodel(generation, "shape")
    network = read_caffe(prototxt, model)
    names = [layer.name for layer in network.layers]
    net = imported(prototxt, model)
    assert list(net.getLayerNames()) == names
    for layer in network.layers:
        assert layer.outputs[0] is not None
        made = imported(prototxt, model).forward(layer.name)
        assert walk.shape(layer.outputs[0]) == made.shape, layer.name
    assert np.isfinite(net.forward()).all()


def test_shapes_are_those_that_opencv_finds() -> None:
    text = (
        INPUT
        + """
layer { name: "slice" type: "Slice" bottom: "data" top: "a" top: "b"
        slice_param { slice_point: 1 } }
layer { name: "max" type: "Pooling" bottom: "b" top: "max"
        pooling_param { kernel_size: 3 stride: 2 } }
layer { name: "crop" type: "Crop" bottom: "b" bottom: "max" top: "crop"
        crop_param { axis: 2 offset: 1 } }
layer { name: "permute" type: "Permute" bottom: "crop" top: "permute"
        permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "reshape" type: "Reshape" bottom: "permute" top: "reshape"
        reshape_param { shape { dim: 0 dim: -1 dim: 2 } } }
layer { name: "flat" type: "Flatten" bottom: "crop" top: "flat" flatten_param { axis: 2 } }
layer { name: "cat" type: "Concat" bottom: "a" bottom: "b" bottom: "data" top: "cat"
        concat_param { axis: 1 } }
layer { name: "all" type: "Pooling" bottom: "cat" top: "all"
        pooling_param { pool: MAX global_pooling: true } }
"""
    )
    network = read_caffe(text)
    for layer in network.layers:
        first = layer.outputs[0]
        assert first is not None
        loaded = cv2.dnn.readNetFromCaffe(np.frombuffer(text.encode(), np.uint8))
        loaded.setInput(DATA)
        assert walk.shape(first) == loaded.forward(layer.name).shape, layer.name


def test_opencv_computes_with_the_blobs_that_the_schema_writes() -> None:
    made = imported(CURRENT, caffemodel(2, "shape")).forward("conv")
    padded = np.pad(DATA[0], ((0, 0), (1, 1), (1, 1)))
    here = (padded[:, 2:5, 4:7] * WEIGHT[3]).sum() + BIAS[3]
    assert np.isclose(made[0, 3, 1, 2], here, atol=1e-4)


@pytest.mark.parametrize("kernels", [1, 2, 3])
def test_a_convolution_is_of_three_dimensions_where_opencv_says_so(kernels: int) -> None:
    """Compare the rank of a weight, from n values of kernel_size, with OpenCV's layer."""
    sizes = " ".join(["kernel_size: 3"] * kernels)
    spatial = 3 if kernels == 3 else 2
    dims = " ".join(f"dim: {n}" for n in (1, 3, *[8] * spatial))
    held = f"convolution_param {{ num_output: 4 {sizes} bias_term: false }}"
    text = f'input: "data" input_shape {{ {dims} }}\n'
    text += f'layer {{ name: "conv" type: "Convolution" bottom: "data" top: "conv" {held} }}'
    net = message("NetParameter")
    weight = np.ones((4, 3, *[3] * spatial), np.float32)
    fill(net.layer.add(name="conv", type="Convolution").blobs.add(), weight, "shape")
    loaded = imported(text, net.SerializeToString())
    loaded.setInput(np.ones((1, 3, *[8] * spatial), np.float32))
    made = loaded.forward()
    bare = read_caffe(text).layer("conv")
    assert walk.shape(bare.outputs[0]) == made.shape
    assert bare.attribute("kernel_shape") == ((3,) * kernels if kernels > 1 else None)
