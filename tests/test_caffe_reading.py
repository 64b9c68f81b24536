"""docs/reading.md on Caffe: examples, the conditions of every row, old nets, errors."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from pytest_amct import ModelError, Treatment, answer
from pytest_amct.graphs import sources, walk
from pytest_amct.graphs.caffe.reader import read_caffe
from pytest_amct.graphs.caffe.schema import message
from pytest_amct.graphs.network import Layer
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.loader import load_spec

INPUT = 'input: "data" input_shape { dim: 1 dim: 3 dim: 16 dim: 16 } '


def layer(type_: str, held: str = "", name: str = "target", reads: str = "data") -> str:
    """One layer as text; `reads` are its bottoms, and its top has the layer's name."""
    ends = "".join(f' bottom: "{bottom}"' for bottom in reads.split())
    return f'layer {{ name: "{name}" type: "{type_}"{ends} top: "{name}" {held} }}\n'


def read(text: str, caffemodel: bytes | None = None, name: str = "target") -> Layer:
    return read_caffe(text, caffemodel).layer(name)


def verdict(text: str, caffemodel: bytes | None = None, name: str = "target", **done: Any) -> str:
    """The verdict, its basis if inferred, and the broken or unknown conditions."""
    found = answer(read(text, caffemodel, name), Treatment(**done))
    weaker = " (inferred)" if found.basis == "inferred" else ""
    reasons = [r.condition.split("/")[-1] for r in (*found.broken, *found.unknown)]
    return " ".join([found.verdict + weaker, *reasons])


def stored(*layers: tuple[str, list[tuple[int, ...]]], float16: tuple[int, ...] = ()) -> bytes:
    """A caffemodel of layers with blobs of these dimensions; blobs in `float16` are Float16."""
    model = message("NetParameter")
    for name, shapes in layers:
        entry = model.layer.add(name=name)
        for i, shape in enumerate(shapes):
            blob = entry.blobs.add()
            blob.shape.dim.extend(shape)
            if i in float16:
                blob.raw_data_type = 2
    data: bytes = model.SerializeToString()
    return data


def conv(held: str = "kernel_size: 3", type_: str = "Convolution") -> str:
    return layer(type_, f"convolution_param {{ num_output: 4 {held} }}")


def pool(held: str) -> str:
    return layer("Pooling", f"pooling_param {{ {held} }}")


# --- the pinned examples --------------------------------------------------------------------------


def test_example_4_a_kernel_given_once_has_the_rank_of_the_data() -> None:
    assert verdict(INPUT + conv()) == "quantizable"


def test_example_9_pooling() -> None:
    assert verdict(INPUT + layer("Pooling")) == "quantizable"
    assert verdict(INPUT + layer("Pooling"), data=True, weights=False) == "quantizable"
    assert verdict(INPUT + layer("Pooling"), data=True, weights=True) == "forbidden weights"
    assert verdict(INPUT + pool("global_pooling: true")) == "quantizable"
    assert verdict(INPUT + pool("pool: AVE global_pooling: true")) == "forbidden global_pooling"
    assert verdict(INPUT + pool("pool: STOCHASTIC")) == "forbidden mode"


def test_example_9_weights_alone() -> None:
    for held in ("pool: MAX", "pool: AVE"):
        for done in ({"weights": True}, {}):
            assert verdict(INPUT + pool(held), scheme="weight_only", **done) == "forbidden mode"
    full = layer("InnerProduct", "inner_product_param { num_output: 4 }")
    assert verdict(INPUT + full, scheme="weight_only") == "forbidden (inferred) InnerProduct"
    assert verdict(INPUT + conv(), scheme="weight_only") == "forbidden (inferred) Convolution"


# --- table 1 --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "rank", "expected"),
    [
        ("", 4, "quantizable"),
        ("transpose: false axis: 1", 4, "quantizable"),
        ("transpose: true", 4, "forbidden transpose"),
        ("axis: 2", 4, "forbidden axis"),
        ("axis: 0", 4, "forbidden axis"),
        ("axis: -1", 4, "forbidden axis"),
        ("axis: -1", 2, "unspecified axis"),
        ("axis: -1", None, "unspecified axis"),
        ("axis: -3", 4, "unspecified axis"),
        ("axis: -1 transpose: true", None, "forbidden transpose axis"),
    ],
)
def test_inner_product(held: str, rank: int | None, expected: str) -> None:
    dims = "dim: 2 " * (rank or 0)
    data = 'input: "data" ' + (f"input_shape {{ {dims} }} " if rank else "")
    text = data + layer("InnerProduct", f"inner_product_param {{ num_output: 4 {held} }}")
    assert verdict(text) == expected
    assert verdict(text, scheme="nonuniform") == expected
    # The table of settings does not list its type.
    assert verdict(text, data=True, weight_channel_wise=True, weight_asymmetric=True) == expected


@pytest.mark.parametrize(
    ("held", "rank", "expected"),
    [
        ("kernel_size: 3", 4, "quantizable"),
        ("kernel_size: 3", 5, "forbidden weight_rank"),
        ("kernel_size: 3", 3, "forbidden weight_rank"),
        ("kernel_size: 3", None, "unspecified weight_rank"),
        ("kernel_size: 3 kernel_size: 3", None, "quantizable"),
        ("kernel_size: 3 kernel_size: 3 kernel_size: 3", None, "forbidden weight_rank"),
        ("kernel_h: 3 kernel_w: 1", None, "quantizable"),
        ("kernel_size: 3 dilation: 2 group: 4 stride: 2 pad: 1", 4, "quantizable"),
        ("kernel_size: 3 axis: 2", 5, "quantizable"),
        ("kernel_size: 3 axis: 2", 4, "forbidden weight_rank"),
        ("kernel_size: 3 axis: -3", 5, "quantizable"),
        ("kernel_size: 3 axis: -3", 4, "quantizable"),
        ("kernel_size: 3 axis: 7", 4, "unspecified weight_rank"),
        ("kernel_size: 3 axis: 2", None, "unspecified weight_rank"),
    ],
)
def test_convolution(held: str, rank: int | None, expected: str) -> None:
    dims = "dim: 8 " * (rank or 0)
    data = 'input: "data" ' + (f"input_shape {{ {dims} }} " if rank else "")
    assert verdict(data + conv(held)) == expected
    assert verdict(data + conv(held), data=True, weight_channel_wise=True) == expected
    if "dilation" not in held:
        assert verdict(data + conv(held, "Deconvolution")) == expected


@pytest.mark.parametrize(
    ("dilation", "broken"),
    [("", False), ("dilation: 1", False), ("dilation: 2", True), ("dilation: 1 dilation: 2", True)],
)
def test_dilation(dilation: str, broken: bool) -> None:
    """Table 1 restricts it for Deconvolution only, table 2 for Convolution."""
    held = f"kernel_size: 3 {dilation}"
    expected = "forbidden dilation" if broken else "quantizable"
    assert verdict(INPUT + conv(held, "Deconvolution")) == expected
    assert verdict(INPUT + conv(held)) == "quantizable"
    assert verdict(INPUT + conv(held), scheme="nonuniform") == expected
    clustered = verdict(INPUT + conv(held, "Deconvolution"), scheme="nonuniform")
    assert clustered == "forbidden Deconvolution"


def test_the_blob_decides_on_the_rank_before_the_kernel_and_the_data() -> None:
    once, unknown = conv(), 'input: "data" '
    for rank, expected in ((4, "quantizable"), (5, "forbidden weight_rank")):
        model = stored(("target", [(4, 3, *[3] * (rank - 2)), (4,)]))
        assert verdict(unknown + once, model) == expected
        assert verdict(INPUT + once, model) == expected


def test_four_legacy_fields_are_a_rank_of_four() -> None:
    model = message("NetParameter")
    blob = model.layer.add(name="target").blobs.add(num=4, channels=3, height=3, width=3)
    assert not blob.HasField("shape")
    text = 'input: "data" ' + conv("kernel_size: 3 bias_term: false")
    found = read(text, model.SerializeToString())
    weight = found.input(1)
    assert weight is not None and weight.shape == (4, 3, 3, 3) and found.input(2) is None
    assert answer(found).verdict == "quantizable"


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ("", "quantizable"),
        ("operation: SUM", "quantizable"),
        ("operation: 1 coeff: 1 coeff: 1", "quantizable"),
        ("operation: PROD", "forbidden operation"),
        ("operation: 0", "forbidden operation"),
        ("operation: MAX", "forbidden operation"),
        ("coeff: 1 coeff: -1", "unspecified coeff"),
        ("operation: PROD coeff: 0.5", "forbidden operation coeff"),
    ],
)
def test_eltwise(held: str, expected: str) -> None:
    text = INPUT + layer("Eltwise", f"eltwise_param {{ {held} }}", reads="data data")
    assert verdict(text) == expected
    if expected == "quantizable":
        assert verdict(text, data=True, weights=True) == "forbidden weights"


def test_average_pooling_is_data_and_a_scalar_factor_without_a_shift() -> None:
    text = INPUT + pool("pool: AVE kernel_size: 2")
    assert verdict(text, data=True, weights=True) == "quantizable"
    assert verdict(text, data=True, weights=False) == "quantizable"
    assert verdict(text, data=True, shift=True) == "forbidden shift"
    assert verdict(INPUT + pool("kernel_size: 2"), data=True, shift=True) == "quantizable"
    assert verdict(INPUT + conv(), data=True, shift=True) == "quantizable"


@pytest.mark.parametrize("mode", ["MAX", "AVE"])
def test_the_settings_of_pooling(mode: str) -> None:
    text = INPUT + pool(f"pool: {mode}")
    assert verdict(text, data=True, weight_channel_wise=True) == "forbidden channel_wise"
    assert verdict(text, data=True, weight_asymmetric=True) == "forbidden asymmetric"
    assert verdict(text, data=True, weight_asymmetric=False) == "quantizable"


def test_a_type_without_a_row_is_forbidden() -> None:
    assert verdict(INPUT + layer("ConvolutionDepthwise")) == "forbidden ConvolutionDepthwise"


def test_the_rows_have_their_ir_types() -> None:
    spec = load_spec()
    found = {
        row.name: row.ir[0] for row in spec.rows if row.id.startswith("uniform/caffe/") and row.ir
    }
    assert found == {
        "InnerProduct": "FullyConnection",
        "Convolution": "Conv2D",
        "Deconvolution": "Deconvolution",
        "Pooling": "Pooling",
        "Eltwise": "Eltwise",
    }
    assert find_row(read(INPUT + conv()), spec) == spec.row("uniform/caffe/Convolution")


def test_a_weight_that_two_layers_share_is_unspecified() -> None:
    shared = 'param { name: "w" } convolution_param { num_output: 4 kernel_size: 3 }'
    text = INPUT + layer("Convolution", shared) + layer("Convolution", shared, "twin")
    assert verdict(text) == "unspecified shared_weight"
    first, second = (read(text, name=name).input(1) for name in ("target", "twin"))
    assert first is not None and second is not None and first.name == second.name == "w"
    unnamed = text.replace('name: "w"', "lr_mult: 1")
    assert verdict(unnamed) == "quantizable"
    lone = INPUT + layer("Convolution", shared)
    assert verdict(lone) == "quantizable"


# --- the Float16 rule -----------------------------------------------------------------------------

SEVERAL = (
    INPUT
    + layer("Convolution", "convolution_param { num_output: 4 kernel_size: 3 }", "conv")
    + layer("Pooling", "pooling_param { pool: AVE kernel_size: 2 }", "ave")
    + layer("Pooling", "", "max")
    + layer("Eltwise", "", "sum", "data data")
)


@pytest.mark.parametrize(
    ("float16", "expected"), [((), "quantizable"), ((0,), "forbidden"), ((1,), "unspecified")]
)
def test_a_float16_weight_closes_pooling_and_eltwise(
    float16: tuple[int, ...], expected: str
) -> None:
    """A weight triggers the rule; a bias alone leaves it open. Convolutions are unaffected."""
    model = stored(("conv", [(4, 3, 3, 3), (4,)]), float16=float16)
    network = read_caffe(SEVERAL, model)
    found = {x.name: answer(x) for x in network.layers}
    assert found["conv"].verdict == "quantizable"
    for name in ("ave", "max", "sum"):
        assert found[name].verdict == expected
        row = "Eltwise" if name == "sum" else "Pooling"
        assert {r.condition for r in found[name].broken} <= {f"float16/caffe/{row}"}


def test_blobs_without_a_name_are_those_of_the_layer_without_one() -> None:
    """Caffe compares names, and the empty name is one."""
    model = stored(("", [(4, 3, 3, 3), (4,)]), float16=(0,))
    unnamed = SEVERAL.replace('name: "conv"', 'name: ""')
    assert verdict(unnamed, model, "max") == "forbidden Pooling"
    assert verdict(SEVERAL, model, "max") == "quantizable"


def test_float16_in_blobs_of_a_type_without_a_row_leaves_the_rule_open() -> None:
    text = SEVERAL + layer("Scale", "", "scale")
    model = stored(("scale", [(3,)]), float16=(0,))
    assert verdict(text, model, "max") == "unspecified Pooling"
    assert verdict(SEVERAL, model, "max") == "quantizable", "the layer is not in the net"


def test_caffes_own_blobs_are_never_float16() -> None:
    model = message("NetParameter")
    weight = model.layer.add(name="conv").blobs.add(double_data=[0.5] * 108)
    weight.shape.dim.extend((4, 3, 3, 3))
    model.layer[0].blobs.add(data=[0.0] * 4).shape.dim.append(4)
    network = read_caffe(SEVERAL, model.SerializeToString())
    found = network.layer("conv").input(1)
    assert walk.dtype(found) == "float32"
    assert answer(network.layer("max")).verdict == "quantizable"


# --- the view -------------------------------------------------------------------------------------


def test_a_layer_in_place_makes_a_tensor_of_the_same_name() -> None:
    relu = 'layer { name: "relu" type: "ReLU" bottom: "target" top: "target" }'
    network = read_caffe(INPUT + conv() + relu + layer("Pooling", "", "pool", "target"))
    before, relu_, after = network.layers
    first, second = before.outputs[0], relu_.outputs[0]
    assert first is not None and second is not None and first is not second
    assert first.name == second.name == "target"
    assert relu_.inputs == (first,) and after.inputs == (second,)
    assert [*first.consumers] == [relu_] and [*second.consumers] == [after]
    assert second.producer is relu_ and first.producer is before
    assert [t.name for t in network.outputs] == ["pool"]


def test_what_feeds_a_net_is_an_input_and_not_a_layer() -> None:
    shape = "input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } }"
    text = f'layer {{ name: "in" type: "Input" top: "data" {shape} }}\n'
    text += 'layer { name: "db" type: "Data" top: "extra" top: "label" }\n' + layer("Pooling")
    network = read_caffe(text)
    assert [x.name for x in network.layers] == ["target"]
    assert [(t.name, t.dtype, t.shape) for t in network.inputs] == [
        ("data", "float32", (1, 3, 8, 8)),
        ("extra", "float32", (None,) * 4),
        ("label", "float32", None),
    ]


@pytest.mark.parametrize(
    ("rule", "present"),
    [
        ("", True),
        ("include { phase: TEST }", True),
        ("include { phase: TRAIN }", False),
        ("include { phase: TRAIN } include { phase: TEST }", True),
        ("exclude { phase: TEST }", False),
        ("exclude { phase: TRAIN }", True),
        ('include { stage: "deploy" }', False),
        ('exclude { not_stage: "deploy" }', False),
        ("include { min_level: 1 }", False),
        ("exclude { max_level: 0 }", False),
    ],
)
def test_the_net_is_the_one_of_the_test_phase(rule: str, present: bool) -> None:
    network = read_caffe(INPUT + layer("Pooling", rule) + layer("ReLU", "", "other"))
    assert [x.name for x in network.layers] == (["target"] if present else []) + ["other"]
    train = 'state { phase: TRAIN level: 1 stage: "deploy" } '
    if "stage" in rule or "level" in rule:
        assert read(train + INPUT + layer("Pooling", rule)).name == "target"


def test_parameters_come_from_the_prototxt_and_blobs_from_the_caffemodel() -> None:
    model = message("NetParameter")
    entry = model.layer.add(name="target", type="Pooling")
    entry.pooling_param.pool = 1
    entry.convolution_param.dilation.append(7)
    entry.blobs.add(data=[1.0] * 36).shape.dim.extend((4, 1, 3, 3))
    text = INPUT + conv("kernel_size: 3 dilation: 2 group: 3 bias_term: false")
    found = read(text, model.SerializeToString())
    assert found.type == "Convolution" and found.attribute("dilation") == (2,)
    assert found.attribute("stride") is None and found.attribute("bias_term") is False
    weight = found.input(1)
    assert weight is not None and list(weight.value.data) == [1.0] * 36
    assert sources.source(weight).kind == "constant"


def test_attributes_are_those_that_the_prototxt_sets() -> None:
    found = read(INPUT + pool("pool: AVE kernel_size: 2"))
    assert [found.attribute(n) for n in ("pool", "kernel_size", "global_pooling", "axis")] == [
        "AVE",
        2,
        None,
        None,
    ]
    assert read(INPUT + layer("Eltwise", "eltwise_param { coeff: 2 }")).attribute("coeff") == (2.0,)
    assert read(INPUT + layer("Mystery")).attribute("pool") is None


def test_files_may_be_given_by_their_paths(tmp_path: Path) -> None:
    text, model = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    text.write_text(INPUT + conv())
    model.write_bytes(stored(("target", [(4, 3, 3, 3), (4,)])))
    for given in (text, str(text), text.read_bytes()):
        for blobs in (model, str(model), model.read_bytes()):
            weight = read_caffe(given, blobs).layer("target").input(1)
            assert weight is not None and weight.shape == (4, 3, 3, 3)


# --- older generations ----------------------------------------------------------------------------

V1 = """
name: "old" input: "data" input_dim: 1 input_dim: 3 input_dim: 16 input_dim: 16
layers { name: "conv" type: CONVOLUTION bottom: "data" top: "conv" param: "w" param: "b"
         blobs_lr: 1 blobs_lr: 2 convolution_param { num_output: 4 kernel_size: 3 } }
layers { name: "relu" type: RELU bottom: "conv" top: "conv" }
layers { name: "pool" type: POOLING bottom: "conv" top: "pool" pooling_param { pool: AVE } }
layers { name: "sum" type: ELTWISE bottom: "pool" bottom: "pool" top: "sum"
         eltwise_param { operation: PROD } }
layers { name: "fc" type: INNER_PRODUCT bottom: "sum" top: "fc"
         inner_product_param { num_output: 2 } }
layers { name: "loss" type: SOFTMAX_LOSS bottom: "fc" bottom: "data" include: { phase: TRAIN } }
layers { name: "prob" type: SOFTMAX bottom: "fc" top: "prob" }
"""

V0 = """
name: "older" input: "data" input_dim: 1 input_dim: 3 input_dim: 16 input_dim: 16
layers { layer { name: "pad" type: "padding" pad: 1 } bottom: "data" top: "padded" }
layers { layer { name: "conv" type: "conv" num_output: 4 kernelsize: 3 biasterm: false }
         bottom: "padded" top: "conv" }
layers { layer { name: "relu" type: "relu" } bottom: "conv" top: "conv" }
layers { layer { name: "pool" type: "pool" kernelsize: 2 stride: 2 pool: AVE }
         bottom: "conv" top: "pool" }
layers { layer { name: "fc" type: "innerproduct" num_output: 2 } bottom: "pool" top: "fc" }
"""


def test_v1_nets_upgrade_to_the_same_rows() -> None:
    network = read_caffe(V1)
    assert [(x.name, x.type) for x in network.layers] == [
        ("conv", "Convolution"),
        ("relu", "ReLU"),
        ("pool", "Pooling"),
        ("sum", "Eltwise"),
        ("fc", "InnerProduct"),
        ("prob", "Softmax"),
    ]
    weight = network.layer("conv").input(1)
    assert weight is not None and weight.name == "w"
    found = {x.name: answer(x).verdict for x in network.layers if x.name not in ("relu", "prob")}
    assert found == {
        "conv": "quantizable",
        "pool": "quantizable",
        "sum": "forbidden",
        "fc": "quantizable",
    }


def test_v0_nets_upgrade_to_the_same_rows() -> None:
    network = read_caffe(V0)
    conv_, relu, pool_, fc = network.layers
    assert (conv_.type, relu.type, pool_.type, fc.type) == (
        "Convolution",
        "ReLU",
        "Pooling",
        "InnerProduct",
    )
    assert conv_.inputs[0] is network.inputs[0] and conv_.input(2) is None
    assert (conv_.attribute("pad"), conv_.attribute("kernel_size")) == ((1,), (3,))
    assert (pool_.attribute("pool"), pool_.attribute("stride")) == ("AVE", 2)
    assert walk.shape(pool_.outputs[0]) == (1, 4, 8, 8)
    assert {answer(x).verdict for x in (conv_, pool_, fc)} == {"quantizable"}


@pytest.mark.parametrize("generation", [0, 1, 2])
def test_blobs_are_found_by_layer_name_in_every_generation(generation: int) -> None:
    model = message("NetParameter")
    if generation == 2:
        entry = model.layer.add(name="conv")
    elif generation == 1:
        entry = model.layers.add(name="conv")
    else:
        entry = model.layers.add().layer
        entry.name = "conv"
    entry.blobs.add(num=4, channels=3, height=3, width=3, data=[0.5] * 108)
    weight = read_caffe(V0, model.SerializeToString()).layer("conv").input(1)
    assert weight is not None and weight.shape == (4, 3, 3, 3)


# --- errors ---------------------------------------------------------------------------------------

ERRORS = {
    "brace never closed": (
        "layer {\n  name: 'a'\n  pooling_param { pool: MAX\n}",
        ["line 1, column 7", "never closed"],
    ),
    "brace too many": ("layer { name: '{' } # {\n}", ["line 2, column 1", "closing brace"]),
    "number too large": (
        INPUT + "\nlayer {\n  pooling_param { pad: -1 } }",
        ["line 3, column 24", "-1", "range"],
    ),
    "wrong kind": ("layer { name: 3 }", ["line 1, column 15", "Expected string"]),
    "half a character": ("layer { name: '\ud800' }", ["line 1", "not UTF-8"]),
    "no net": ('name: "empty"', ["no layers"]),
    "no type": (INPUT + 'layer { name: "a" }', ["'a'", "no type"]),
    "missing bottom": (INPUT + layer("ReLU", reads="dota"), ["'target'", "'dota'", "nothing"]),
    "cycle of two": (
        layer("ReLU", reads="b", name="a") + layer("ReLU", reads="a", name="b"),
        ["'a'", "'b'", "cycles"],
    ),
    "cycle of one": (layer("ReLU", reads="target"), ["'target'", "itself", "cycles"]),
    "same blob name": (INPUT + layer("ReLU") + layer("TanH", name="target2").replace(
        'top: "target2"', 'top: "target"'), ["'target2'", "'target'", "already"]),
    "top of an input's name": (
        INPUT + 'layer { name: "in" type: "Data" top: "data" }', ["'data'", "twice"]
    ),
    "no bottom": ('layer { name: "a" type: "Pooling" top: "a" }', ["'a'", "no bottom"]),
    "both generations": (INPUT + layer("ReLU") + "layers { type: RELU }", ["'layer'", "'layers'"]),
    "old type": ('layers { layer { name: "a" type: "cnov" } }', ["'a'", "'cnov'"]),
    "both rules": (
        INPUT + layer("ReLU", "include { phase: TEST } exclude { phase: TRAIN }"),
        ["'target'", "'include'", "'exclude'"],
    ),
    "dimensions": ('input: "data" input_dim: 1 ' + layer("ReLU"), ["1 input_dim", "four"]),
    "shapes": (INPUT + "input_shape { dim: 1 } " + layer("ReLU"), ["1 inputs", "2 input_shape"]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "told"), ERRORS.values(), ids=ERRORS)
def test_a_broken_prototxt_is_refused_in_one_sentence(text: str, told: list[str]) -> None:
    with pytest.raises(ModelError) as caught:
        read_caffe(text)
    message_ = str(caught.value)
    assert [part for part in ["the prototxt: ", *told] if part not in message_] == []
    assert "\n" not in message_


MISFITS: dict[str, tuple[str, list[tuple[int, ...]], str]] = {
    "num_output": (conv(), [(8, 3, 3, 3), (8,)], "num_output is 4"),
    "kernel": (conv(), [(4, 3, 5, 5), (4,)], "kernel is 3x3"),
    "kernel's rank": (conv("kernel_size: 3 kernel_size: 3"), [(4, 3, 3), (4,)], "kernel is 3x3"),
    "bias that is not wanted": (conv("bias_term: false"), [(4, 3, 3, 3), (4,)], "needs 1"),
    "bias missing": (conv(), [(4, 3, 3, 3)], "needs 2"),
    "no weight at all": (conv(), [(4,), (4,)], "not a weight of a Convolution"),
    "outputs of a product": (
        layer("InnerProduct", "inner_product_param { num_output: 5 }"),
        [(4, 768), (4,)],
        "num_output is 5",
    ),
    "negative": (conv(), [(4, -3, 3, 3), (4,)], "negative"),
}


@pytest.mark.parametrize(("text", "shapes", "told"), MISFITS.values(), ids=MISFITS)
def test_blobs_of_another_net_are_refused(
    text: str, shapes: list[tuple[int, ...]], told: str
) -> None:
    with pytest.raises(ModelError, match="the caffemodel: layer 'target': ") as caught:
        read_caffe(INPUT + text, stored(("target", shapes)))
    assert told in str(caught.value)


def test_an_incomplete_blob_is_refused() -> None:
    model = message("NetParameter")
    model.layer.add(name="target").blobs.add(data=[0.0] * 7).shape.dim.append(8)
    with pytest.raises(ModelError, match="'target': blob 0 is 8, but contains 7 numbers"):
        read_caffe(INPUT + layer("PReLU"), model.SerializeToString())


def test_a_truncated_or_foreign_caffemodel_is_refused(tmp_path: Path) -> None:
    model = message("NetParameter")
    model.layer.add(name="target").blobs.add(data=[0.5] * 500).shape.dim.extend((4, 125))
    whole = model.SerializeToString()
    text = INPUT + layer("Reshape")
    assert read(text, whole).name == "target"
    for cut in (1, 10, 1000, len(whole) - 1):
        with pytest.raises(ModelError, match=f"the caffemodel: .*cut off.*{cut} bytes"):
            read_caffe(text, whole[:cut])
    empty = tmp_path / "empty.caffemodel"
    empty.touch()
    with pytest.raises(ModelError, match="holds no layers"):
        read_caffe(text, empty)
    assert read(text, b"").name == "target"  # as in a caffemodel without blobs
    model.layer.add(name="target")
    assert read(text, model.SerializeToString()).name == "target"
    path = tmp_path / "none.caffemodel"
    with pytest.raises(ModelError, match=r"none\.caffemodel: cannot be read"):
        read_caffe(text, path)
    with pytest.raises(ModelError, match=r"none\.prototxt: cannot be read"):
        read_caffe(str(tmp_path / "none.prototxt"))
    with pytest.raises(ModelError, match="line 2: not UTF-8"):
        read_caffe(b'name: "x"\n\xff')
    for nowhere in ("a\0b", "\ud800"):
        with pytest.raises(ModelError, match=r"a\\x00b|\\ud800"):
            read_caffe(nowhere)


def test_comments_may_be_in_any_encoding() -> None:
    text = (INPUT + layer("Pooling")).encode()
    odd = '# \u5377\u79ef: "pool"\n'.encode("gbk")
    assert read_caffe(odd + text + odd).layer("target").type == "Pooling"
    kept = text.replace(b'name: "target"', b'name: "tar#get"')
    assert read_caffe(kept).layer("tar#get").type == "Pooling"


def test_sizes_too_large_for_floats_are_read() -> None:
    data = 'input: "data" input_shape { ' + "dim: 9000000000000000000 " * 24 + "} "
    flat = layer("Flatten", "flatten_param { axis: 3 }", "flat")
    pooled = layer("Pooling", "pooling_param { kernel_size: 2 }", "pooled", "flat")
    last = layer("Convolution", "convolution_param { kernel_size: 3 }", reads="pooled")
    assert verdict(data + flat + pooled + last) == "quantizable"


@pytest.mark.parametrize("seed", range(3))
def test_damaged_files_are_read_or_refused(seed: int) -> None:
    random = Random(seed)
    whole = stored(("conv", [(4, 3, 3, 3), (4,)]), float16=(0,))
    for _ in range(300):
        words, model = SEVERAL.split(), bytearray(whole)
        first, second = random.randrange(len(words)), random.randrange(len(words))
        words[first] = random.choice([words[second], "{", "}", "-1", '"', "axis:", "99999999999"])
        model[random.randrange(len(model))] = random.randrange(256)
        for text, blobs in ((" ".join(words), None), (SEVERAL, bytes(model))):
            try:
                for found in read_caffe(text, blobs).layers:
                    answer(found)
            except ModelError as error:
                assert "\n" not in str(error)


# --- the schema -----------------------------------------------------------------------------------


def test_the_schema_registers_nothing_for_others() -> None:
    from google.protobuf import descriptor_pool

    message("NetParameter")
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("caffe.NetParameter")


def test_the_schema_has_caffes_defaults() -> None:
    assert message("EltwiseParameter").operation == 1
    assert message("NetState").phase == 1
    assert message("InnerProductParameter").axis == 1
    assert message("FlattenParameter").end_axis == -1
