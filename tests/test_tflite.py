"""The built-in quantizer `tflite`, the real converter: decisions, and findings checked by hand."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pytest_amct.cases import catalog
from pytest_amct.cases.plan import target_layers
from pytest_amct.cases.tensorflow.builder import Dtype, GraphBuilder
from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.tflite.matching import matched
from pytest_amct.decisions.tflite.reader import Operator, Tensor
from pytest_amct.errors import UsageError
from pytest_amct.given_model import check_model
from pytest_amct.graphs.network import Network
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.options import Settings
from pytest_amct.quantizers.loading import load_quantizer
from pytest_amct.quantizers.running import run_quantizer
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec
from pytest_amct.tables.model import DataFormat
from pytest_amct.verdicts import layer_index

T = "uniform/tensorflow"
WITH_TENSORFLOW = pytest.mark.skipif(find_spec("tensorflow") is None, reason="needs tensorflow")


def decided(group: str, deviation: str) -> Decision | None:
    built = catalog.make_case(group, deviation).build()
    network = built.native.network()
    (target,) = target_layers(network, built.targets)
    outcome = run_quantizer(load_quantizer("tflite"), built.native, network)
    assert outcome.status == "decided", outcome.message
    return outcome.decision(layer_index(target))


@WITH_TENSORFLOW
@pytest.mark.parametrize(
    ("group", "ports", "weights", "channel_wise"),
    [
        (f"{T}/Conv2D", (0,), True, True),
        (f"{T}/DepthwiseConv2dNative", (0,), True, True),
        (f"{T}/Conv2DBackpropInput", (2,), True, True),
        (f"{T}/MatMul", (0,), True, True),
        (f"{T}/AvgPool", (0,), False, None),
        (f"{T}/MaxPool", (0,), False, None),
        (f"{T}/Add", (0, 1), False, None),
    ],
)
def test_what_int8_conversion_does_to_plain_layers(
    group: str, ports: tuple[int, ...], weights: bool, channel_wise: bool | None
) -> None:
    found = decided(group, "default")
    assert found is not None
    assert (found.inputs, found.weights, found.weight_channel_wise) == (
        ports,
        weights,
        channel_wise,
    )


@WITH_TENSORFLOW
def test_both_inputs_of_a_product_of_variables_are_data() -> None:
    """Some releases allow it if both are INT8 without an offset (docs/reading.md)."""
    found = decided(f"{T}/BatchMatMulV2/two_variables", "input")
    assert found is not None
    assert (found.inputs, found.weights) == ((0, 1), False)
    assert found.formats == (DataFormat(0, 8, True), DataFormat(1, 8, False))
    constant = decided(f"{T}/BatchMatMulV2", "default")
    assert constant is not None
    assert (constant.inputs, constant.weights, constant.formats) == ((0,), True, ())


@WITH_TENSORFLOW
def test_what_stays_in_float_and_what_is_folded() -> None:
    assert decided(f"{T}/Conv3D", "default") == Decision.float()
    assert decided(f"{T}/unlisted/Elu", "plain") == Decision.float()
    assert decided(f"{T}/unlisted/FusedBatchNormV3", "plain") is None  # unmatched
    assert decided(f"{T}/unlisted/Relu6", "plain") is None  # only passes integers through


@WITH_TENSORFLOW
@pytest.mark.parametrize(
    ("group", "deviation", "condition"),
    [
        # docs/reading.md, "Table 3: settings": MatMulV2 with data and weights has one factor.
        (f"{T}/MatMul", "default", "settings/tensorflow/MatMul/channel_wise"),
        # "Table 1: uniform": the weight of a Conv2D must not come from a placeholder.
        (f"{T}/Conv2D/weight_source", "input", f"{T}/Conv2D/weight_source"),
        # "Float16": a Float16 input closes AvgPool, even in another branch.
        ("float16/tensorflow/AvgPool", "input-elsewhere", "float16/tensorflow/AvgPool"),
        # A type without a row: BiasAdd is not Add.
        (f"{T}/unlisted/BiasAdd", "plain", f"{T}/unlisted/BiasAdd"),
    ],
)
def test_findings_that_were_checked_by_hand(
    group: str, deviation: str, condition: str, tmp_path: Path
) -> None:
    settings = Settings("tflite", scratch=tmp_path)
    runner = Runner(load_quantizer("tflite"), load_spec(), settings)
    record = runner.record(catalog.make_case(group, deviation))
    assert record.decided == "quantized"
    assert condition in {f.condition for f in record.findings if f.status == "failed"}


# --- networks, and the names in them --------------------------------------------------------------


def small_network(keras: Any) -> Any:
    """A typical Keras model: biases, batch normalization before and behind convolutions."""
    layers = keras.layers
    given = layers.Input((8, 8, 3), batch_size=1)
    first = layers.Conv2D(32, 3, padding="same", activation="relu", name="c1")(given)
    data = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="c11")(first)
    data = layers.ReLU(6.0)(layers.BatchNormalization(name="b1")(data))
    data = layers.Conv2D(32, 1, use_bias=False, name="c111")(data)
    data = layers.Add(name="a1")([first, layers.BatchNormalization(name="b11")(data)])
    data = layers.ReLU()(layers.BatchNormalization(name="b111")(layers.MaxPooling2D(2)(data)))
    return keras.Model(given, layers.Dense(8, name="d1")(layers.Flatten()(data)))


def frozen(model: Any) -> bytes:
    """A Keras model as one frozen graph whose constants all differ."""
    import numpy as np
    import tensorflow as tf
    from tensorflow.python.framework import convert_to_constants

    drawn = np.random.default_rng(0)
    for variable in model.variables:
        variable.assign(drawn.uniform(0.5, 1.5, variable.shape))
    given = tf.TensorSpec(model.inputs[0].shape, tf.float32)
    traced = tf.function(lambda x: model(x, training=False)).get_concrete_function(given)
    made = convert_to_constants.convert_variables_to_constants_v2(traced)
    return bytes(made.graph.as_graph_def().SerializeToString())


@WITH_TENSORFLOW
@pytest.mark.filterwarnings("ignore")
def test_a_layer_that_was_folded_into_a_neighbour_is_not_reported(tmp_path: Path) -> None:
    import keras

    keras.backend.clear_session()
    path = tmp_path / "model.pb"
    path.write_bytes(frozen(small_network(keras)))
    runner = Runner(load_quantizer("tflite"), load_spec(), Settings("tflite", scratch=tmp_path))
    result = check_model(runner, path)
    quantized = [r.layer.partition("/")[2] for r in result.records if r.decided == "quantized"]
    assert [name.rstrip("'") for name in quantized] == [
        "c1_1/convolution",
        "c11_1/depthwise",
        "c111_1/convolution",
        "a1_1/Add",
        "max_pooling2d_1/MaxPool2d",
        "b111_1/batchnorm/mul_1",
        "b111_1/batchnorm/add_1",
        "d1_1/MatMul",
    ]
    # Checked by hand: an operator MUL on INT8 follows the pooling, and the weight of the
    # FULLY_CONNECTED has a factor for each channel. Nothing else.
    assert sorted(f.condition for f in result.findings if f.status == "failed") == [
        "settings/tensorflow/MatMul/channel_wise",
        f"{T}/unlisted/Mul",
    ]


def graph(*nodes: tuple[str, str]) -> Network:
    """A chain of layers behind an input; each also reads a separate constant."""
    built = GraphBuilder()
    before = built.input("float32", (1, 4, 4, 32))
    for name, type_ in nodes:
        constant = built.constant((1, 1, 32, 32), "float32")
        before = built.node(type_, [before, constant], {"T": Dtype("float32")}, name)
    return read_tensorflow(built.serialize())


def operator(type_: str, output: str, weight: str = "w") -> Operator:
    x, w, y = (Tensor(name, "INT8", (0.1,), (0,)) for name in ("x", weight, output))
    return Operator(type_, (x, w), (y,))


@pytest.mark.parametrize(
    ("nodes", "operators", "found"),
    [
        # A tensor belongs to the longest of the names that it begins with.
        ("c1:Conv2D c11:Conv2D", [("CONV_2D", "c111")], {"c11": 0}),
        ("c1:Conv2D c11:Mul", [("CONV_2D", "c111")], {}),
        ("c1:Conv2D c11:Conv2D", [("CONV_2D", "c1"), ("CONV_2D", "c11")], {"c1": 0, "c11": 1}),
        ("c1:Conv2D", [("CONV_2D", "c17"), ("CONV_2D", "c18")], {}),
        # A layer that was folded into an operator gives it its name, but is not that operator.
        ("c1:Conv2D b1:BiasAdd", [("CONV_2D", "b1;c1")], {"c1": 0}),
        ("c1:Conv2D m1:Mul s1:Sub", [("CONV_2D", "s1;m1;c1")], {"c1": 0}),
        ("c1:Conv2D n1:FusedBatchNormV3", [("MUL", "n1"), ("CONV_2D", "c1")], {"c1": 1}),
        ("m1:Mul", [("MUL", "m1")], {"m1": 0}),
        ("r1:RealDiv", [("MUL", "r1")], {"r1": 0}),
        # Two layers of one type in one operator: the decision on each is unknown.
        ("m1:Mul m2:Mul", [("MUL", "m1;m2")], {}),
        ("b1:BiasAdd a1:AddV2", [("ADD", "b1;a1")], {}),
        # A weight has the name of its layer if the output does not; other layers have no weight.
        ("c1:Conv2D", [("CONV_2D", "y", "c1")], {"c1": 0}),
        ("b1:BiasAdd", [("CONV_2D", "y", "b1")], {}),
        ("m1:Mul", [("MUL", "y", "m1")], {}),
        ("e1:Einsum", [("FULLY_CONNECTED", "y", "e1")], {}),
        ("c1:Conv2D c2:Conv2D", [("CONV_2D", "c2", "c1")], {"c2": 0}),
        ("c1:Conv2D c2:Conv2D", [("CONV_2D", "c1"), ("CONV_2D", "y", "c1")], {"c1": 0}),
    ],
)
def test_an_operator_belongs_to_one_layer_that_it_can_have_been(
    nodes: str, operators: list[tuple[str, ...]], found: dict[str, int]
) -> None:
    pairs = [node.split(":") for node in nodes.split()]
    made = [operator(*texts) for texts in operators]
    became = matched(graph(*((name, type_) for name, type_ in pairs)), made)
    assert {layer.name: made.index(one) for layer, one in became.items()} == found


def test_layers_computed_from_constants_do_not_match_an_operator() -> None:
    built = GraphBuilder()
    w = [built.constant((32,), "float32") for _ in range(2)]
    given = {"T": Dtype("float32")}
    scale = built.node("Mul", w, given, "m2")
    built.node("Mul", [built.input("float32", (4, 32)), scale], given, "m1")
    made = operator("MUL", "m1;m2")
    network = read_tensorflow(built.serialize())
    assert matched(network, [made]) == {network.layer("m1"): made}


@WITH_TENSORFLOW
def test_layers_that_tensorflow_lite_lacks_are_unsupported() -> None:
    built = catalog.make_case(f"{T}/unlisted/MaxPoolV2", "plain").build()
    outcome = run_quantizer(load_quantizer("tflite"), built.native)
    assert outcome.status == "unsupported"
    assert "tf.MaxPoolV2" in outcome.message


@pytest.mark.skipif(find_spec("tensorflow") is not None, reason="has tensorflow")
def test_without_tensorflow_it_says_what_to_install() -> None:
    with pytest.raises(UsageError, match=r"needs tensorflow: pip install pytest-amct\[tensorflow]"):
        load_quantizer("tflite")
