"""Nets of Caffe's forks: fields, values and types that Caffe does not have; ranks; equal names."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_amct import ModelError, Treatment, answer
from pytest_amct.graphs import walk
from pytest_amct.graphs.caffe.reader import read_caffe
from pytest_amct.graphs.caffe.schema import message
from pytest_amct.graphs.network import Layer, Network

INPUT = 'input: "data" input_dim: 1 input_dim: 3 input_dim: 16 input_dim: 16\n'
PYTHON = 'layer { name: "in" type: "Python" top: "data" top: "rois" }\n'


def layer(type_: str, held: str = "", name: str = "target", reads: str = "data") -> str:
    ends = "".join(f' bottom: "{bottom}"' for bottom in reads.split())
    return f'layer {{ name: "{name}" type: "{type_}"{ends} top: "{name}" {held} }}\n'


def conv(held: str = "", type_: str = "Convolution", reads: str = "data") -> str:
    held = f"convolution_param {{ num_output: 4 kernel_size: 3 {held} }}"
    return layer(type_, held, reads=reads)


def verdict(text: str, **done: Any) -> str:
    found = answer(read_caffe(text).layer("target"), Treatment(**done))
    return " ".join([found.verdict, *(r.condition.split("/")[-1] for r in found.unknown)])


def told(layer_: Layer) -> str:
    return " ".join(reason.observed for reason in answer(layer_).unknown)


# --- fields and values ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "name"),
    [
        ("smooth_l1_loss_param { sigma: 1 }", "layer.smooth_l1_loss_param"),
        ("quantization_param < bits: 8 inner { deep: [1, 2] } >", "layer.quantization_param"),
        ('transform_param { mirror: true resize_param { prob: 1 resize_mode: "WARP } {" } }',
         "transform_param.resize_param"),
        ("data_param { batch_size: 1 shuffle: true }", "data_param.shuffle"),
        ("dropout_param { scale_train: false; dropout_ratio: .5 }", "dropout_param.scale_train"),
        ("detection_output_param { visualize: true }", "detection_output_param.visualize"),
        ('bn_param { slope_filler { type: "constant" "two" } }', "layer.bn_param"),
        ("roi_pooling_param { spatial_scale_h: 1e-1, pooled_h: 7 }",
         "roi_pooling_param.spatial_scale_h"),
        ("relu_param { engine: MKL2017 }", "relu_param.engine = MKL2017"),
        ("softmax_param { engine: 7 }", "softmax_param.engine = 7"),
        ("[vendor.extension] { of: 1 }", "layer.["),
        ("pooling_param { kernel_size: [2, 2, 2] }", "pooling_param.kernel_size = [...]"),
    ],
)  # fmt: skip
def test_what_no_row_reads_is_left_out_and_named_once(held: str, name: str) -> None:
    text = INPUT + layer("Reverse", held) + layer("ReLU", held, "other", "target")
    network = read_caffe(text + layer("Pooling", name="pool", reads="other"))
    assert network.notes == [f"fields that Caffe does not have: {name}"]
    assert [x.type for x in network.layers] == ["Reverse", "ReLU", "Pooling"]
    assert answer(network.layer("pool")).verdict == "quantizable"


def test_only_some_names_are_shown() -> None:
    held = " ".join(f"of{i}: {i}" for i in range(12))
    (note,) = read_caffe(INPUT + layer("ReLU", held)).notes
    assert note.endswith("layer.of7 and 4 more")


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ("hole: 2", "quantizable"),
        ("pad_l: 1 stride_d: 2 ceil_mode: true", "quantizable"),
        ("engine: NNPACK", "quantizable"),
        ("weight_filler { type: 'msra' of: 3 }", "quantizable"),
        ("mystery: 2", "unspecified weight_rank"),
        ("mystery: 2 axis: 1", "unspecified weight_rank"),
    ],
)
def test_a_field_of_a_convolution_opens_what_it_may_change(held: str, expected: str) -> None:
    assert verdict(INPUT + conv(held)) == expected


def test_the_blob_decides_on_the_rank_all_the_same() -> None:
    model = message("NetParameter")
    weight = model.layer.add(name="target").blobs.add()
    weight.shape.dim.extend((4, 3, 5, 5))  # the field may change the kernel
    network = read_caffe(INPUT + conv("mystery: 2"), model.SerializeToString())
    assert answer(network.layer("target")).verdict == "quantizable"


def test_a_hole_is_a_dilation() -> None:
    deconvolution = INPUT + conv("hole: 1", "Deconvolution")
    assert verdict(deconvolution) == "unspecified dilation"
    assert "dilation may depend on 'hole'" in told(read_caffe(deconvolution).layer("target"))
    assert verdict(INPUT + conv("hole: 2"), scheme="nonuniform") == "unspecified dilation"


@pytest.mark.parametrize(
    ("type_", "held", "expected"),
    [
        ("InnerProduct", "normalize: true", "unspecified transpose axis"),
        ("InnerProduct", "normalize: true transpose: true", "unspecified transpose axis"),
        ("Pooling", "ceil_mode: false", "quantizable"),
        ("Pooling", "pad_type: 1", "quantizable"),
        ("Pooling", "pool: AVE_EXC_PAD", "unspecified mode"),
        ("Pooling", "engine: MKL2017 pool: AVE", "quantizable"),
        ("Pooling", "mystery: 1", "unspecified mode global_pooling"),
        ("Pooling", "pool: STOCHASTIC ceil_mode: false", "forbidden"),
        ("Eltwise", "operation: MIN", "unspecified operation"),
        ("Eltwise", "mystery: 1", "unspecified operation coeff"),
    ],
)
def test_a_field_of_other_rows_opens_their_conditions(type_: str, held: str, expected: str) -> None:
    names = {"InnerProduct": "inner_product_param"}
    name = names.get(type_, f"{type_.lower()}_param")
    assert verdict(INPUT + layer(type_, f"{name} {{ {held} }}")) == expected


def test_an_open_condition_does_not_hide_a_broken_one() -> None:
    text = INPUT + conv("mystery: 1", "Deconvolution").replace("kernel_size: 3", "")
    model = message("NetParameter")
    model.layer.add(name="target").blobs.add().shape.dim.extend((3, 4, 3))
    found = answer(read_caffe(text, model.SerializeToString()).layer("target"))
    assert found.verdict == "forbidden"
    assert [r.condition for r in found.broken] == ["uniform/caffe/Deconvolution/weight_rank"]


def test_sizes_that_a_field_may_change_are_unknown() -> None:
    network = read_caffe(INPUT + layer("Pooling", "pooling_param { kernel_size: 2 ceil_mode: 1 }"))
    assert walk.shape(network.layer("target").outputs[0]) == (1, 3, None, None)


def test_the_schemas_own_fields_cannot_be_set() -> None:
    network = read_caffe(INPUT + conv('unknown_fields: "ceil_mode" bias_term: false'))
    assert network.notes == ["fields that Caffe does not have: convolution_param.unknown_fields"]
    assert answer(network.layer("target")).verdict == "unspecified"


# --- older generations and phases -----------------------------------------------------------------


def test_old_types_of_forks_have_no_row() -> None:
    old = "".join(
        f'layers {{ name: "{name}" type: {name} bottom: "data" top: "{name}" }}\n'
        for name in ("CROP", "PYTHON", "MULTI_STAGE_MEANFIELD")
    )
    pool = 'layers { name: "pool" type: POOLING bottom: "CROP" top: "pool" pooling_param {of: 1} }'
    network = read_caffe(INPUT + old + pool)
    assert [x.type for x in network.layers] == ["Crop", "Python", "MultiStageMeanfield", "Pooling"]
    assert answer(network.layers[0]).verdict == "forbidden"
    assert answer(network.layer("pool")).verdict == "unspecified"


def test_a_field_of_the_oldest_layers_is_kept() -> None:
    text = 'layers { layer { name: "target" type: "conv" num_output: 4 kernelsize: 3 of: 2 }'
    assert verdict(INPUT + text + ' bottom: "data" top: "target" }') == "unspecified weight_rank"


def test_an_unknown_phase_is_not_the_phase_of_tests() -> None:
    text = INPUT + layer("ReLU", "include { phase: DEPLOY }", "a") + layer("ReLU", name="b")
    assert [x.name for x in read_caffe(text).layers] == ["b"]


def test_a_net_for_training_is_read_with_what_its_data_tell() -> None:
    source = 'layer { name: "in" type: "ImageData" top: "data" include { phase: TRAIN } }\n'
    network = read_caffe(source + conv())
    assert network.notes == ["blobs that no layer of the TEST phase produces: data"]
    assert answer(network.layer("target")).verdict == "quantizable"
    label = 'layer { name: "l" type: "SoftmaxWithLoss" bottom: "target" bottom: "label" }'
    with pytest.raises(ModelError, match="'label'"):
        read_caffe(source + conv() + label)


# --- equal names ----------------------------------------------------------------------------------


def twice(second: str, *blobs: tuple[int, ...]) -> Network:
    model = message("NetParameter")
    for shape in blobs:
        entry = model.layer.add(name="target", type="Convolution")
        entry.blobs.add().shape.dim.extend(shape)
        entry.blobs.add().shape.dim.extend(shape[:1])
    other = layer(second, "convolution_param { num_output: 4 kernel_size: 3 }")
    other = other.replace('top: "target"', 'top: "second"')
    return read_caffe(INPUT + conv() + other, model.SerializeToString() if blobs else None)


def test_layers_of_one_name_have_their_own_weights() -> None:
    found = [answer(x).verdict for x in twice("Convolution").layers]
    assert found == ["quantizable", "quantizable"]  # not: a weight that two layers share


def test_layers_of_one_name_have_their_blobs_in_order() -> None:
    network = twice("Convolution", (4, 3, 3, 3), (4, 3, 3))
    assert [answer(x).verdict for x in network.layers] == ["quantizable", "forbidden"]


def test_the_only_layer_with_a_weight_has_the_blobs() -> None:
    network = twice("ReLU", (4, 3, 3))
    assert [answer(x).verdict for x in network.layers] == ["forbidden", "forbidden"]
    assert network.layers[0].inputs[1].shape == (4, 3, 3)  # type: ignore[union-attr]


def test_blobs_that_fit_no_layer_alone_are_not_used() -> None:
    network = twice("Convolution", (4, 3, 3))
    assert [answer(x).verdict for x in network.layers] == ["quantizable", "quantizable"]


# --- ranks ----------------------------------------------------------------------------------------

FED = {
    "memory": ("MemoryData", "memory_data_param { batch_size: 1 channels: 3 height: 8 width: 8 }"),
    "data": ("Data", "data_param { batch_size: 1 }"),
    "images": ("ImageData", ""),
    "windows": ("WindowData", ""),
    "dummy": ("DummyData", "dummy_data_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } }"),
    "dummy for each": (
        "DummyData",
        "dummy_data_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } shape { dim: 1 } }",
    ),
    "old dummy": ("DummyData", "dummy_data_param { num: 1 channels: 3 height: 8 width: 8 }"),
}


@pytest.mark.parametrize(("type_", "held"), FED.values(), ids=FED)
def test_the_first_top_of_a_data_layer_has_rank_4(type_: str, held: str) -> None:
    source = f'layer {{ name: "in" type: "{type_}" top: "data" top: "label" {held} }}\n'
    assert verdict(source + conv()) == "quantizable"
    labels = verdict(source + conv(reads="label"))
    expected = {"dummy": "quantizable", "old dummy": "quantizable", "dummy for each": "forbidden"}
    key = next(key for key, value in FED.items() if value == (type_, held))
    assert labels == expected.get(key, "unspecified weight_rank")


def test_dummies_count_their_dimensions() -> None:
    held = "dummy_data_param { shape { dim: 1 dim: 3 dim: 8 } }"
    text = f'layer {{ name: "in" type: "DummyData" top: "data" {held} }}\n' + conv()
    assert verdict(text) == "forbidden"


@pytest.mark.parametrize("type_", ["HDF5Data", "Python", "DenseImageData"])
def test_other_sources_have_no_known_rank(type_: str) -> None:
    text = f'layer {{ name: "in" type: "{type_}" top: "data" }}\n' + conv()
    assert verdict(text) == "unspecified weight_rank"


@pytest.mark.parametrize("type_", ["ROIPooling", "PSROIPooling"])
def test_pooled_regions_have_rank_4(type_: str) -> None:
    regions = layer(type_, name="regions", reads="data rois")
    assert verdict(PYTHON + regions + conv(reads="regions")) == "quantizable"


def test_a_pool_tells_the_rank_of_what_layers_connect_with_it() -> None:
    before = conv() + layer("ReLU", name="relu", reads="target")
    assert verdict(PYTHON + before) == "unspecified weight_rank"
    pool = layer("Pooling", name="pool", reads="relu")
    assert verdict(PYTHON + before + pool) == "quantizable"
    mystery = layer("Mystery", name="mystery", reads="relu")
    assert verdict(PYTHON + before + mystery + pool.replace("relu", "mystery")) == (
        "unspecified weight_rank"
    )


def test_what_contradicts_a_pool_is_not_overruled() -> None:
    five = 'input: "data" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 dim: 8 }\n'
    pool = layer("Pooling", name="pool", reads="target")
    assert verdict(five + conv() + pool) == "forbidden"
    other = five.replace('"data"', '"other"')
    added = layer("Eltwise", name="sum", reads="target other") + layer("Pooling", "", "p", "sum")
    assert verdict(PYTHON + other + conv() + added) == "unspecified weight_rank"


# --- texts that are not well-formed ---------------------------------------------------------------


@pytest.mark.parametrize(
    "rest",
    ["of", "of:", "of {", "of { ] }", "of: [1", "[of", ": 1", "type: ", "5: 1", "of: ,", "of: 1 1"],
)
def test_an_unknown_field_must_be_well_formed(rest: str) -> None:
    with pytest.raises(ModelError, match=r"^the prototxt: line \d, column \d+: "):
        read_caffe(f"{INPUT}layer {{\n {rest} }}")
    with pytest.raises(ModelError, match=r"^the prototxt: line \d, column \d+: "):
        read_caffe(f"{INPUT}layer {{\n {rest}")


def test_a_string_without_end_is_refused_before_it_is_parsed() -> None:
    text = INPUT + layer("ReLU", f'of: "{"x" * (1 << 20)}"')
    with pytest.raises(ModelError, match=r"line 2, column \d+: a string of 1048578 characters"):
        read_caffe(text)


def test_an_error_repeats_little_of_the_text() -> None:
    with pytest.raises(ModelError) as caught:
        read_caffe(INPUT + f"layer {{ name: {'x' * 100_000} }}")
    assert len(str(caught.value)) < 500


def test_errors_behind_an_unknown_field_name_their_line() -> None:
    text = INPUT + layer("ReLU", "of { a: 1\n\n b: 2 }") + "layer {\n name: 3 }"
    with pytest.raises(ModelError, match="line 6"):
        read_caffe(text)
