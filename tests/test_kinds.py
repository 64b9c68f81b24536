"""Each kind of condition at its edge cases, and the reasons it gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow_graphs as tf
from onnx import AttributeProto, ModelProto, helper, parser
from own_tables import one_row

from pytest_amct import Treatment, answer, load_spec, read_caffe, read_onnx
from pytest_amct.graphs.network import Layer
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.reports.statements import statement
from pytest_amct.tables.model import Reason


def onnx(text: str, functions: str = "") -> ModelProto:
    head = '<ir_version: 10, opset_import: ["" : 21, "local" : 1, "com.acme" : 1]>'
    model: ModelProto = parser.parse_model(f"{head} g {text} {functions}")
    return model


def layer(text: str, name: str = "n") -> Layer:
    return read_onnx(onnx(text)).layer(name)


def reason(judged: Layer, condition: str, **done: Any) -> Reason:
    """The reason about one condition, given the last part of its id."""
    (found,) = [
        r for r in answer(judged, Treatment(**done)).reasons if r.condition.endswith(condition)
    ]
    return found


def said(judged: Layer, condition: str) -> tuple[str, str]:
    found = reason(judged, condition)
    return found.state, found.observed


# --- requirements in words ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("require", "words"),
    [
        ('{ attribute = "a", equals = 0, default = 0 }', "must be 0"),
        ('{ attribute = "a", equals = false, default = false }', "must be false"),
        ('{ attribute = "a", equals = 1, index = 0, default = 1 }', "entry 0 must be 1"),
        ('{ attribute = "a", every = 1, default = 1 }', "every entry must be 1"),
        ('{ attribute = "a", among = ["X", "Y", "Z"], default = "X" }', "must be X or Y or Z"),
        ("{ axis = 1, default = 1 }", "must be 1"),
        (
            '{ spatial = "s", equals = 1, default = 1 }',
            "every entry of the spatial axes must be 1",
        ),
        (
            '{ spatial = "s", index = 0, equals = 1, default = 1 }',
            "entry 0 of the spatial axes must be 1",
        ),
        ('{ type = "Gemm" }', "must be Gemm"),
        ('{ weight_source = "constant" }', "must be constant"),
        ('{ bias_source = "constant" }', "must be constant"),
        ("{ weight_rank = [4] }", "must be 4"),
        ("{ weight_rank = [4, 5] }", "must be 4 or 5"),
        ("{ weight_rank = [] }", "must be nothing"),
        ("{ constant_of_rank = 2 }", "must be a constant of rank 2"),
        ("{ weight_shared = false }", "must belong to this layer alone"),
        ("{ pool_rank = 4 }", "the pool must have rank 4"),
        ('{ dtype = ["float32", "float16"] }', "must be float32 or float16"),
        ("{ nested = false }", "must be in the main graph"),
        ("{ output_used = 1, equals = false }", "must not be used"),
        ("{ output_used = 1, equals = true }", "must be used"),
        ('{ treatment = "shift", equals = false }', "must not be shifted"),
    ],
)
def test_a_reason_says_what_is_required(require: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(one_row(require), encoding="utf-8")
    judged = layer("(float[1,2] a, float[2,2] w) => (float[1,2] b) { [n] b = Gemm(a, w) }")
    (found,) = answer(judged, spec=load_spec(path)).reasons
    assert found.required == words


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("data", True, "the data is in float, must be quantized"),
        ("data", False, "the data is quantized, must be in float"),
        ("shift", True, "the result is not shifted, must be shifted"),
        ("shift", False, "the result is shifted, must not be shifted"),
        ("weights", True, "no weight is quantized, must be quantized"),
        ("weights", False, "a weight is quantized, must not be quantized"),
        ("weight_asymmetric", True, "the weight has no offset, must have an offset"),
        ("weight_asymmetric", False, "the weight has an offset, must have no offset"),
        (
            "weight_channel_wise",
            True,
            "the weight has one factor, must have a factor for each channel",
        ),
        (
            "weight_channel_wise",
            False,
            "the weight has several factors, must have one factor for all channels",
        ),
    ],
)
def test_what_was_done_is_told_in_words(
    field: str, value: bool, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "own.toml"
    path.write_text(one_row(f'{{ treatment = "{field}", equals = {str(value).lower()} }}'))
    judged = layer("(float[1,2] a, float[2,2] w) => (float[1,2] b) { [n] b = Gemm(a, w) }")
    spec = load_spec(path)
    (found,) = answer(judged, Treatment(**{field: not value}), spec).reasons
    assert f"{found.observed}, {found.required}" == sentence
    (condition,) = spec.rows[0].conditions
    assert statement(condition).endswith(sentence.rpartition(", must ")[2])


# --- attributes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "sizes", "expected"),
    [
        ("index = -2, ", "[1, 2]", "quantizable"),
        ("index = -2, ", "[2, 1]", "forbidden"),
        ("index = -2, ", "[1]", "unspecified"),
        ("index = 1, ", "[2, 1]", "quantizable"),
        ("index = 1, ", "[1]", "unspecified"),
        ("", "[1, 2]", "quantizable"),
        ("", "[2, 1]", "forbidden"),
        ("index = 1, ", "1", "quantizable"),  # not a list: the index does not apply
        ("index = 1, ", "2", "forbidden"),
    ],
)
def test_an_entry_of_an_attribute(index: str, sizes: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    require = f'{{ {index}attribute = "sizes", equals = 1, default = 1 }}'
    path.write_text(one_row(require))
    text = "(float[4, 32] x) => (float[4, 32] y) <float[32, 32] w = {}>"
    gemm = layer(f"{text} {{ [n] y = Gemm <sizes = {sizes}> (x, w) }}")
    assert answer(gemm, spec=load_spec(str(path))).verdict == expected


@pytest.mark.parametrize(
    ("given", "rank", "expected"),
    [
        ("", None, ("holds", "axis absent = 1")),
        ("axis: 1", None, ("holds", "axis = 1")),
        ("axis: 0", None, ("broken", "axis = 0")),
        ("axis: 0", 1, ("broken", "axis = 0")),
        ("axis: -1", None, ("unknown", "axis = -1 of data of unknown rank")),
        ("axis: -1", 2, ("unknown", "axis = -1 of rank 2")),
        ("axis: -2", 2, ("broken", "axis = -2 of rank 2")),
    ],
)
def test_the_axis_of_an_inner_product(given: str, rank: int | None, expected: Any) -> None:
    shape = f"input_shape {{ {'dim: 2 ' * rank}}} " if rank else ""
    net = f'input: "x" {shape}layer {{ name: "n" type: "InnerProduct" bottom: "x" top: "y" '
    net += f"inner_product_param {{ num_output: 4 {given} }} }}"
    assert said(read_caffe(net).layer("n"), "/axis") == expected


@pytest.mark.parametrize(
    ("given", "rank", "observed"),
    [
        ("", 4, "weight rank 4 (like the data 'x')"),
        ("axis: 1", 4, "weight rank 4 (like the data 'x')"),
        ("axis: 0", 3, "weight rank 4 (like the data 'x' from axis 0 on)"),
        ("axis: 2", 4, "weight rank 3 (like the data 'x' from axis 2 on)"),
        ("axis: -1", 4, "weight rank 2 (like the data 'x' from axis 3 on)"),
        ("axis: -4", 4, "weight rank 5 (like the data 'x' from axis 0 on)"),
        ("axis: 4", 4, "the rank of the weight is unknown"),
        ("axis: -5", 4, "the rank of the weight is unknown"),
    ],
)
def test_the_rank_of_a_weight_whose_kernel_is_given_once(
    given: str, rank: int, observed: str
) -> None:
    net = f'input: "x" input_shape {{ {"dim: 8 " * rank}}} '
    net += 'layer { name: "n" type: "Convolution" bottom: "x" top: "y" '
    net += f"convolution_param {{ num_output: 4 kernel_size: 1 {given} }} }}"
    assert said(read_caffe(net).layer("n"), "/weight_rank")[1] == observed


# --- spatial entries ------------------------------------------------------------------------------


def backprop(dilations: list[int], layout: Any) -> Layer:
    """A Conv2DBackpropInput in a function; two calls set data_format if it is a list."""
    conv = {"T": "float32", "strides": [1, 1, 1, 1], "padding": tf.Text("SAME")}
    given = {"data_format": tf.Param("f") if isinstance(layout, list) else tf.Text(layout)}
    inputs = ("s:output:0", "w:output:0", "a")
    node = tf.node("Conv2DBackpropInput", "n", *inputs, **conv, dilations=dilations, **given)
    body = [tf.const("w", 3, 3, 4, 4), tf.ints("s", 1, 8, 8, 4), node]
    made = tf.function("b", body, {"a": "float32"}, {"r": "n:output:0"})
    layouts = layout if isinstance(layout, list) else [layout]
    calls = [tf.node("b", f"c{i}", "x", f=tf.Text(text)) for i, text in enumerate(layouts)]
    network = read_tensorflow(tf.graph(tf.fed("x", 1, 8, 8, 4), *calls, functions=[made]))
    return network.layer("n")


@pytest.mark.parametrize(
    ("dilations", "layout", "state"),
    [
        ([1, 1, 1, 1], "NHWC", "holds"),
        ([2, 1, 1, 2], "NHWC", "holds"),
        ([1, 1, 1, 2], "NCHW", "broken"),
        ([1, 2, 1], "NHWC", "broken"),
        ([1, 1, 1], "NHWC", "holds"),
        ([2, 2], "NHWC", "unknown"),
        ([1, 1, 1, 1], ["NHWC", "NCHW"], "holds"),
        ([1, 2, 1, 1], ["NHWC", "NCHW"], "unknown"),
        ([1, 1, 1, 2], ["NHWC", "NCHW"], "unknown"),
        ([1, 1, 2, 1], ["NHWC", "NCHW"], "broken"),
    ],
)
def test_spatial_dilations(dilations: list[int], layout: Any, state: str) -> None:
    found = reason(backprop(dilations, layout), "/dilation")
    assert found.state == state
    if len(dilations) > 2:
        assert found.observed.endswith(f", {layout}" if isinstance(layout, str) else "]")


# --- where things come from -----------------------------------------------------------------------


def test_a_second_input_of_no_known_rank_is_unknown() -> None:
    constant = tf.const("k", 4, 4)
    constant.attr["value"].tensor.ClearField("tensor_shape")
    constant.attr["value"].tensor.tensor_shape.unknown_rank = True
    made = tf.graph(
        tf.fed("x", 1, 4, 4), constant, tf.node("BatchMatMulV2", "n", "x", "k", T="float32")
    )
    assert said(read_tensorflow(made).layer("n"), "/second_input")[0] == "unknown"


def test_a_kernel_that_calls_choose_leaves_the_rank_unknown() -> None:
    conv = helper.make_node("Conv", ["a", "w"], ["b"], name="n")
    kernel = AttributeProto(name="kernel_shape", ref_attr_name="k", type=AttributeProto.INTS)
    conv.attribute.append(kernel)
    made = helper.make_function(
        "local", "F", ["a", "w"], ["b"], [conv], [helper.make_opsetid("", 21)], ["k"]
    )
    calls = "c = local.F <k = [3, 3]> (x, v)  y = local.F <k = [3, 3, 3]> (x, v)"
    model = onnx(f"(float x, float v) => (float y) {{ {calls} }}")
    for info in model.graph.input:
        info.type.tensor_type.ClearField("shape")
    model.functions.append(made)
    assert said(read_onnx(model).layer("n"), "Conv/weight_rank") == (
        "unknown",
        "the rank of the weight is unknown",
    )


@pytest.mark.parametrize(
    ("scale", "shared"), [("[1] s", False), ("[1, 1] s", False), ("[2] s", True)]
)
def test_a_number_that_scales_several_weights_is_not_a_weight(scale: str, shared: bool) -> None:
    text = "(float[4, 2] x) => (float[4, 2] y, float[4, 2] z) "
    text += f"<float[2, 2] a = {{}}, float[2, 2] b = {{}}, float{scale} = {{}}>"
    body = "{ v = Mul (a, s)  w = Mul (b, s)  [n] y = Gemm (x, v)  [m] z = Gemm (x, w) }"
    network = read_onnx(onnx(f"{text} {body}"))
    expected = ("unknown", "weight 's' is shared with Gemm 'm'")
    assert (said(network.layer("n"), "/shared_weight") == expected) is shared
    if not shared:
        assert said(network.layer("n"), "/shared_weight")[0] == "holds"


# --- pools ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dims", "expected"),
    [
        ("[1, 4, 8, 8]", ("holds", "data of rank 4")),
        ("[1, 4, 8]", ("unknown", "data of rank 3")),
        ("", ("unknown", "the rank of the data is not known")),
    ],
)
def test_the_rank_of_a_pool_without_a_kernel(dims: str, expected: tuple[str, str]) -> None:
    model = onnx(f"(float{dims or '[1]'} x) => (float y) {{ [n] y = GlobalMaxPool (x) }}")
    if not dims:
        model.graph.input[0].type.tensor_type.ClearField("shape")
    state, observed = said(read_onnx(model).layer("n"), "/pool_rank")
    assert state == expected[0] and (not dims or observed == expected[1])


@pytest.mark.parametrize("used", [True, False])
def test_the_indices_of_a_pool(used: bool) -> None:
    more = ", int64[1, 4, 8, 8] i" if used else ""
    text = f"(float[1, 4, 8, 8] x) => (float[1, 4, 8, 8] y{more})"
    pool = layer(f"{text} {{ [n] y, i = MaxPool <kernel_shape = [1, 1]> (x) }}")
    expected = ("unknown", "output 1 is used") if used else ("holds", "output 1 is not used")
    assert said(pool, "/indices") == expected


@pytest.mark.parametrize("nested", [True, False])
def test_where_a_layer_stands(nested: bool) -> None:
    inner = "[n] a = Gemm (x, w)"
    branch = f"(float[4, 4] a) {{ {inner} }}"
    body = f"[if] y = If (c) <then_branch = t () => {branch}, else_branch = e () => {branch}>"
    text = "(float[4, 4] x, bool c) => (float[4, 4] y) <float[4, 4] w = {}>"
    model = onnx(f"{text} {{ {body if nested else inner.replace('a =', 'y =')} }}")
    found = next(x for x in read_onnx(model).layers if x.type == "Gemm")
    where = ("unknown", "in if.then_branch") if nested else ("holds", "in the main graph")
    assert said(found, "/nested") == where


# --- the Float16 rule -----------------------------------------------------------------------------


def test_inputs_and_weights_of_no_known_type_leave_the_rule_open() -> None:
    pool = "[n] y = MaxPool <kernel_shape = [1, 1]> (x)"
    text = "(float[1, 4, 8, 8] x, float k) => (float[1, 4, 8, 8] y, float z)"
    plain = onnx(f"{text} {{ {pool}  z = Neg (k) }}")
    plain.graph.input[1].ClearField("type")
    plain.graph.output[1].ClearField("type")
    found = said(read_onnx(plain).layer("n"), "float16/onnx/MaxPool")
    assert found == ("unknown", "the type of network input 'k' is unknown")
    made = "a = com.acme.F (x)  b = com.acme.G (x)  z = MatMul (a, b)"
    odd = onnx(f"{text.replace(', float k', '')} {{ {pool}  {made} }}")
    odd.graph.output[1].ClearField("type")
    found = said(read_onnx(odd).layer("n"), "float16/onnx/MaxPool")
    assert found == ("unknown", "the type of weight 'b' is unknown")
