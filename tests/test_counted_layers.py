"""Which nodes `explain` counts as layers, and the cures that depend on what is around a layer."""

from __future__ import annotations

from typing import Any

import pytest
from onnx import NodeProto
from tensorflow_graphs import F, Func, Text, const, fed, function, graph
from tensorflow_graphs import node as tf_node
from tiny_models import model, node, parsed
from told import counts, explained, types

from pytest_amct.graphs import walk
from pytest_amct.graphs.caffe.reader import read_caffe
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.reports.explaining import sentence

CONV = {"strides": [1, 1, 1, 1], "padding": Text("SAME"), "T": "float32"}


def aside(network: Any) -> dict[str, int]:
    return dict(explained(network).aside)


def tf_conv(weight: str) -> Any:
    return tf_node("Conv2D", "conv", "x", weight, **CONV)


# --- what is counted ------------------------------------------------------------------------------


def test_types_without_a_row_count_in_tensorflow_if_data_passes_through_them() -> None:
    nodes = [const("k", 4), tf_node("Sqrt", "root", "k", **F), tf_node("Relu", "relu", "x", **F)]
    network = read_tensorflow(graph(fed(), *nodes, tf_node("Mul", "y", "relu", "root", **F)))
    assert types(explained(network), "forbidden") == counts("Relu, Mul")
    assert aside(network) == counts("Placeholder, Const, Sqrt")


def test_each_output_may_return_another_input() -> None:
    both = tf_node("IdentityN", "both", "x", "k", T=["float32", "float32"])
    after = [tf_node("Relu", "data", "both:0", **F), tf_node("Relu", "none", "both:1", **F)]
    made = graph(fed(), const("k", 4), both, *after)
    one, other = read_tensorflow(made), read_tensorflow(made)
    memo = walk.note_fed(one)
    fed_now = [memo[t] for layer in one.layers for t in layer.outputs if t is not None]
    assert fed_now == [walk.is_fed(t) for layer in other.layers for t in layer.outputs if t]
    assert types(explained(read_tensorflow(made)), "forbidden") == counts("IdentityN, Relu")


def test_an_output_that_is_left_out_is_no_data() -> None:
    made = parsed(
        """g (float[2, 4] x) => (float[1, 4] y) <int64[2] s = {1, 1}>
        { , a = Split <axis = 0> (x, s) y = Sin (a) }"""
    )
    network = read_onnx(made)
    assert len(network.layers[0].outputs) == 2 and network.layers[0].outputs[0] is None
    assert types(explained(network), "forbidden") == counts("Split, Sin")
    network = read_onnx(model(node("Cos", ["x"], [""]), node("Sin", ["x"], ["y"])))
    assert types(explained(network), "forbidden") == counts("Sin")


def test_calls_of_functions_are_not_layers_but_what_they_do_is() -> None:
    body = function(
        "f", [tf_node("Relu", "r", "a", **F)], {"a": "float32"}, {"b": "r:activations:0"}
    )
    given = {"Tin": ["float32"], "Tout": ["float32"]}
    call = tf_node("PartitionedCall", "call", "x", f=Func("f"), **given)
    network = read_tensorflow(graph(fed(), call, functions=[body]))
    assert types(explained(network), "forbidden") == counts("Relu")
    assert aside(network) == counts("Placeholder, PartitionedCall")


def test_what_saves_and_restores_variables_is_not_counted() -> None:
    name = fed("file", 1, dtype="string")
    text = {"N": 2, "separator": Text("")}
    nodes = [
        tf_node("StringJoin", "joined", "file", "file", **text),
        tf_node("StaticRegexFullMatch", "match", "file", pattern=Text("s3")),
        tf_node("Select", "chosen", "match", "joined", "file", T="string"),
        tf_node("RestoreV2", "restored", "chosen", "file", "file", dtypes=["float32"]),
        tf_node("VariableV2", "v", dtype="float32", shape=(4,)),
        tf_node("Assign", "set", "v", "restored", T="float32"),
    ]
    network = read_tensorflow(graph(fed(), name, *nodes, tf_node("Relu", "y", "x", **F)))
    assert types(explained(network), "forbidden") == counts("Relu")


@pytest.mark.parametrize(
    ("second", "counted"), [("k", {}), ("v", counts("Add"))], ids=["constant", "variable"]
)
def test_a_listed_layer_counts_unless_it_is_surely_a_constant(
    second: str, counted: dict[str, int]
) -> None:
    """Folding removes an addition of constants. What a variable holds is not known."""
    nodes = [const("k", 4), tf_node("VariableV2", "v", dtype="float32", shape=(4,))]
    made = [*nodes, tf_node("Add", "sum", "k", second, **F), tf_node("Mul", "y", "x", "sum", **F)]
    found = explained(read_tensorflow(graph(fed(), *made)))
    both = types(found, "quantizable") | types(found, "unspecified")
    assert both == counted


# --- the sentence ---------------------------------------------------------------------------------


def test_clauses_name_the_types() -> None:
    x = "(float[1, 4, 8, 8] x)"
    made = parsed(
        f"g {x} => (float[] y) {{ a = GlobalMaxPool (x) b = GlobalAveragePool (a) y = Add (b, a) }}"
    )
    said = sentence(explained(read_onnx(made)))
    assert said == (
        "1 of 3 layers can be quantized; 1 GlobalMaxPool is not decided (the document names"
        " MaxPool, not GlobalMaxPool, must be a named type), 1 GlobalAveragePool breaks"
        " global_pooling (the layer is a GlobalAveragePool, must be AveragePool)"
    )


# --- cures ----------------------------------------------------------------------------------------


def cure(network: Any, name: str) -> str:
    (told,) = [told for told in explained(network).layers if told.layer.name == name]
    return told.cure


def normal(given: str, made: str = "y", name: str = "n") -> NodeProto:
    return node("BatchNormalization", [given, "k", "k", "k", "k"], [made], name=name)


FOLD = "fold it into the layer before it"


@pytest.mark.parametrize(
    ("nodes", "wanted"),
    [
        ([node("Conv", ["x", "w"], ["c"]), normal("c")], FOLD),
        ([node("Relu", ["x"], ["c"]), normal("c")], ""),
        ([normal("x")], ""),
        # The Relu would read the normalized data.
        ([node("Conv", ["x", "w"], ["c"]), node("Relu", ["c"], ["z"]), normal("c")], ""),
    ],
)
def test_a_normalization_is_folded_where_it_can_be(nodes: list[NodeProto], wanted: str) -> None:
    made = model(*nodes, x=(1, 4, 8, 8), w=(4, 4, 1, 1), k=(4,))
    assert cure(read_onnx(made), "n") == wanted


def test_a_normalization_of_caffe_in_place_is_folded() -> None:
    shape = 'input: "x" input_shape { dim: 1 dim: 4 dim: 8 dim: 8 }'
    conv = 'layer { name: "c" type: "Convolution" bottom: "x" top: "c" convolution_param {'
    conv += " num_output: 4 kernel_size: 1 } }"
    norm = 'layer { name: "n" type: "BatchNorm" bottom: "c" top: "c" }'
    assert cure(read_caffe(f"{shape} {conv} {norm}"), "n") == FOLD


def test_a_normalization_of_tensorflow_is_folded_behind_a_bias() -> None:
    bias = tf_node("BiasAdd", "biased", "conv", "b", **F)
    norm = tf_node("FusedBatchNormV3", "n", "biased", "b", "b", "b", "b", T="float32", U="float32")
    nodes = [const("w", 3, 3, 4, 4), const("b", 4), tf_conv("w"), bias, norm]
    assert cure(read_tensorflow(graph(fed(), *nodes)), "n") == FOLD


@pytest.mark.parametrize(
    ("inputs", "wanted"), [(["x", "x"], "write it as Add"), (["x", "x", "x"], ""), (["x"], "")]
)
def test_a_sum_of_two_is_written_as_an_add(inputs: list[str], wanted: str) -> None:
    assert cure(read_onnx(model(node("Sum", inputs, ["y"], name="s"))), "s") == wanted


def test_a_spelling_is_replaced() -> None:
    made = model(node("GlobalMaxPool", ["x"], ["y"], name="p"))
    assert cure(read_onnx(made), "p") == "write it as a MaxPool whose kernel covers the map"
    network = read_tensorflow(graph(fed(), tf_node("AddV2", "y", "x", "x", **F)))
    assert cure(network, "y") == "write it as Add"


def test_a_captured_variable_is_frozen() -> None:
    handle = tf_node("Placeholder", "h", dtype="resource", shape=())
    read = tf_node("ReadVariableOp", "w", "h", dtype="float32")
    network = read_tensorflow(graph(fed(), handle, read, tf_conv("w")))
    assert cure(network, "conv") == "freeze the variables"


def test_a_product_of_computed_values_has_no_weight_to_store() -> None:
    made = parsed("g (float[4, 4] x) => (float[4, 4] y) { s = Sin (x) [m] y = MatMul (x, s) }")
    assert cure(read_onnx(made), "m") == ""


def test_a_second_input_behind_an_operator_is_folded() -> None:
    made = parsed(
        """g (float[4, 4] x) => (float[4, 4] y) <float[16] w = {}, int64[2] s = {4, 4}>
        { r = Reshape (w, s) [m] y = MatMul (x, r) }"""
    )
    wanted = "fold the operators behind the second input into a stored constant"
    assert cure(read_onnx(made), "m") == wanted


def test_a_weight_of_a_symbolic_shape_needs_a_fixed_one() -> None:
    made = parsed(
        """g (float[N, 4] x) => (float[N, N] y) <float[4, 1] k = {}, int64[1] four = {4},
        int64[1] at = {0}>
        { s = Shape (x) n = Gather (s, at) c = Concat <axis = 0> (four, n) w = Expand (k, c)
        [g] y = Gemm (x, w) }"""
    )
    assert cure(read_onnx(made), "g") == (
        "fix the shapes of the network inputs, and fold what is computed from them"
    )


def test_functions_that_nothing_calls_are_not_counted() -> None:
    """Graphs of training leave the gradients of activations in the library."""
    body = [
        tf_node("Relu", "relu", "a", **F),
        tf_node("MaxPool", "pool", "relu:activations:0", **F),
    ]
    dead = function("dead", body, {"a": "float32"}, {"r": "pool:output:0"})
    made = graph(fed(), tf_node("Relu", "y", "x", **F), functions=[dead])
    assert types(explained(read_tensorflow(made)), "forbidden") == counts("Relu")
    assert aside(read_tensorflow(made)) == counts("Placeholder, Relu, MaxPool")
