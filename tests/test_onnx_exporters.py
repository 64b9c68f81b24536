"""Graphs as exporters write them: torch's two exporters, tf2onnx, paddle2onnx.

The models are our own. They have the names and the operators that the exporters write around the
layers that are judged.
"""

from __future__ import annotations

from math import prod

import pytest
from onnx import ModelProto, checker, parser

import pytest_amct
from pytest_amct import Answer

IMAGE = "float[1, 3, 8, 8] x"
KERNELS = "float[8, 3, 3, 3] a_weight = {}, float[8, 3, 3, 3] b_weight = {}"


def parsed(text: str, opset: int = 18, functions: str = "", listed: int = 0) -> ModelProto:
    """A valid model of this text; `listed` is the IR version if weights are also inputs."""
    head = f'<ir_version: {listed or 10}, opset_import: ["" : {opset}, "pkg" : 1]>'
    model: ModelProto = parser.parse_model(f"{head} {text} {functions}")
    for tensor in model.graph.initializer:
        if not tensor.int64_data:
            tensor.raw_data = bytes(4 * prod(tensor.dims))
    checker.check_model(model)
    return model


def answers(model: ModelProto) -> dict[str, Answer]:
    """The answers by the name of a layer's first output, for the types that have a row."""
    types = {row_type for row in pytest_amct.load_spec().rows for row_type in row.types}
    return {
        output.name: pytest_amct.answer(layer)
        for layer in pytest_amct.read_onnx(model).layers
        if layer.type in types and (output := layer.output(0)) is not None
    }


def verdicts(text: str, opset: int = 18, functions: str = "", listed: int = 0) -> dict[str, str]:
    """The verdicts by the name of a layer's first output, for the types that have a row."""
    found = answers(parsed(text, opset, functions, listed))
    return {name: answer.verdict for name, answer in found.items()}


# --- torch's dynamo exporter --------------------------------------------------------------------

NO_BIAS = """
    val_0 = Shape <start = 0, end = 1> (WEIGHT)
    val_1 = Constant <value_ints = [1]> ()
    val_2 = Expand (val_0, val_1)
    val_3 = Constant <value_float = 0.0> ()
    val_4 = CastLike (val_3, x)
    val_5 = Expand (val_4, val_2)
    conv2d = Conv <kernel_shape = [3, 3]> (x, WEIGHT, val_5)
"""
"""A convolution without a bias: before it is optimized, the model computes one of zeros."""


def test_a_bias_of_zeros_of_the_weights_size_is_constant() -> None:
    text = f"g ({IMAGE}) => (float[1, 8, 6, 6] conv2d) <{KERNELS}> {{{NO_BIAS}}}"
    (answer,) = answers(parsed(text.replace("WEIGHT", "a_weight"))).values()
    assert (answer.verdict, answer.basis) == ("quantizable", "stated")


@pytest.mark.parametrize("size", ["8", "n"])
def test_a_bias_of_zeros_is_as_dynamic_as_the_weights_size(size: str) -> None:
    given = f"{IMAGE}, float[{size}, 3, 3, 3] w"
    text = f"g ({given}) => (float[1, {size}, 6, 6] conv2d) {{{NO_BIAS}}}".replace("WEIGHT", "w")
    (answer,) = answers(parsed(text)).values()
    assert answer.verdict == "forbidden"
    assert [reason.condition for reason in answer.broken] == ["uniform/onnx/Conv/weight_source"]
    assert [reason.condition for reason in answer.unknown] == ["uniform/onnx/Conv/bias_source"]


UNSQUEEZE = """
<domain: "pkg", opset_import: ["" : 18]>
aten_unsqueeze <dim> (self) => (return_val) {
    dim = Constant <value_int: int = @dim> ()
    dim_0 = Cast <to = 7> (dim)
    return_val = Unsqueeze (self, dim_0)
}
"""
TURN = """
<domain: "pkg", opset_import: ["" : 18]>
aten_t (self) => (return_val) {
    shape = Shape (self)
    rank = Size (shape)
    two = Constant <value_int = 2> ()
    is_matrix = Equal (rank, two)
    return_val = If (is_matrix) <
        then_branch = then_ () => (turned) { turned = Transpose <perm = [1, 0]> (self) },
        else_branch = else_ () => (same) { same = Identity (self) }
    >
}
"""
LINEAR = """
<domain: "pkg", opset_import: ["" : 18]>
Linear (x, weight, bias) => (linear) {
    turned = Transpose <perm = [1, 0]> (weight)
    product = MatMul (x, turned)
    linear = Add (product, bias)
}
"""


def test_a_number_that_each_call_of_a_function_chooses_has_a_known_type() -> None:
    text = """g (float[4, 4] x) => (float[1, 4, 4, 1] add) {
        one = pkg.aten_unsqueeze <dim = 0> (x)
        two = pkg.aten_unsqueeze <dim = 3> (one)
        add = Add (two, two)
    }"""
    assert verdicts(text, functions=UNSQUEEZE) == {"add": "quantizable"}
    several = UNSQUEEZE.replace("value_int: int ", "value_ints: ints ")
    text = text.replace("dim = 0", "dim = [0]").replace("dim = 3", "dim = [3]")
    assert verdicts(text, functions=several) == {"add": "quantizable"}


def test_a_weight_out_of_a_function_with_control_flow_is_not_decided() -> None:
    text = """g (float[4, 4] x) => (float[4, 4] y) <float[4, 4] w = {}> {
        turned = pkg.aten_t (w)
        y = MatMul (x, turned)
    }"""
    assert verdicts(text, functions=TURN) == {"y": "unspecified"}


@pytest.mark.parametrize(("weight", "product"), [("w", "unspecified"), ("x", "forbidden")])
def test_a_module_that_is_a_function_is_not_decided(weight: str, product: str) -> None:
    text = f"""g (float[4, 4] x) => (float[4, 4] y)
    <float[4, 4] w = {{}}, float[4] b = {{}}> {{ y = pkg.Linear (x, {weight}, b) }}"""
    assert verdicts(text, functions=LINEAR) == {"product": product, "linear": "unspecified"}


@pytest.mark.parametrize(
    ("layer", "expected"),
    [("Gemm <transB = 1> (mean, w)", "quantizable"), ("MatMul (mean, mean_t)", "forbidden")],
)
def test_a_head_on_the_mean_of_dynamic_dimensions(layer: str, expected: str) -> None:
    text = f"""g (float[b, 8, h, h] x) => (float[b, n] y) <float[4, 8] w = {{}}> {{
        axes = Constant <value_ints = [-1, -2]> ()
        mean = ReduceMean <keepdims = 0> (x, axes)
        mean_t = Transpose <perm = [1, 0]> (mean)
        y = {layer}
    }}"""
    assert verdicts(text, 20) == {"y": expected}


def test_a_weight_norm_of_constants_is_constant() -> None:
    text = f"""g ({IMAGE}) => (float[1, 8, 6, 6] y)
    <float[8, 3, 3, 3] v = {{}}, float[8, 1, 1, 1] g = {{}}> {{
        axes = Constant <value_ints = [1, 2, 3]> ()
        norm = ReduceL2 <keepdims = 1> (v, axes)
        factor = Div (g, norm)
        w = Mul (v, factor)
        y = Conv (x, w)
    }}"""
    assert verdicts(text) == {"y": "quantizable"}


# --- torch's jit exporter -------------------------------------------------------------------------


def test_branches_of_a_scripted_module_are_not_decided() -> None:
    branch = "{0}_branch = {0} () => (float[1, 8, 6, 6] {0}_out) {{ {0}_out = Conv (x, {1}) }}"
    text = f"""g ({IMAGE}, float[8, 3, 3, 3] w) => (float[1, 4] out) <{KERNELS},
    float[4, 8] f_weight = {{}}, float[4] f_bias = {{}}> {{
        sum = ReduceSum <keepdims = 0> (x)
        zero = Constant <value_float = 0.0> ()
        greater = Greater (sum, zero)
        cond = Cast <to = 9> (greater)
        chosen = If (cond) <{branch.format("then", "a_weight")}, {branch.format("else", "w")}>
        mean = ReduceMean <axes = [2, 3], keepdims = 0> (chosen)
        out = Gemm <transB = 1> (mean, f_weight, f_bias)
    }}"""
    expected = {"then_out": "unspecified", "else_out": "forbidden", "out": "quantizable"}
    assert verdicts(text, 17) == expected


def test_a_weight_that_an_if_chooses_is_not_decided() -> None:
    text = f"""g ({IMAGE}, bool cond) => (float[1, 8, 6, 6] y) <{KERNELS}> {{
        chosen = If (cond) <
            then_branch = then () => (float[8, 3, 3, 3] one) {{ one = Identity (a_weight) }},
            else_branch = else () => (float[8, 3, 3, 3] two) {{ two = Identity (b_weight) }}
        >
        y = Conv (x, chosen)
    }}"""
    assert verdicts(text, 17) == {"y": "unspecified"}


def test_the_body_of_a_scripted_loop_is_not_decided() -> None:
    text = """g (float[2, 4] x, int64 n) => (float[2, 4] y)
    <float[4, 4] w = {}, float[4, 4] f = {}> {
        true = Constant <value = bool {1}> ()
        last = Loop (n, true, x) <body = body (int64 i, bool on, float[2, 4] h)
            => (bool go_on, float[2, 4] step) {
                step = Gemm (h, w)
                go_on = Identity (true)
            }>
        y = Gemm (last, f)
    }"""
    assert verdicts(text, 17) == {"step": "unspecified", "y": "quantizable"}


@pytest.mark.parametrize(("version", "expected"), [(3, "quantizable"), (8, "unspecified")])
def test_initializers_that_are_kept_as_inputs(version: int, expected: str) -> None:
    text = f"""g ({IMAGE}, float[8, 3, 3, 3] w) => (float[1, 8, 6, 6] y)
    <float[8, 3, 3, 3] w = {{}}> {{ y = Conv (x, w) }}"""
    assert verdicts(text, 8 if version == 3 else 17, listed=version) == {"y": expected}


# --- tf2onnx --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kernel", "expected"), [("k", "quantizable"), ("w", "forbidden")])
def test_kernels_that_tf2onnx_transposes(kernel: str, expected: str) -> None:
    text = f"""g (float[n, 8, 8, 3] x, float[3, 3, 3, 8] w) => (float[n, 6, 6, 8] y)
    <float[3, 3, 3, 8] k = {{}}> {{
        data = Transpose <perm = [0, 3, 1, 2]> (x)
        turned = Transpose <perm = [3, 2, 0, 1]> ({kernel})
        conv = Conv <kernel_shape = [3, 3]> (data, turned)
        y = Transpose <perm = [0, 2, 3, 1]> (conv)
    }}"""
    assert verdicts(text, 13) == {"conv": expected}


def test_depthwise_kernels_that_tf2onnx_reshapes_are_constant() -> None:
    text = """g (float[n, 8, 8, 8] x) => (float[n, 8, 6, 6] y)
    <float[3, 3, 8, 1] k = {}, int64[4] shape = {3, 3, 1, 8}> {
        reshaped = Reshape (k, shape)
        turned = Transpose <perm = [3, 2, 0, 1]> (reshaped)
        y = Conv <group = 8> (x, turned)
    }"""
    assert verdicts(text, 13) == {"y": "quantizable"}


def test_shape_arithmetic_of_tf2onnx_is_not_decided() -> None:
    text = """g (float[n, 4] x) => (float[m, 4] y) <int64[1] four = {4}> {
        shape = Shape (x)
        cast = Cast <to = 6> (shape)
        back = Cast <to = 7> (cast)
        size = Add (back, four)
        y = Expand (x, size)
    }"""
    assert verdicts(text, 13) == {"size": "unspecified"}


def test_the_output_shape_of_a_transposed_convolution_is_not_its_weight() -> None:
    """tf2onnx cuts what it cannot say in pads away behind the layer, by a dynamic Slice."""
    text = """g (float[n, 4, h, h] x) => (float[n, 3, m, m] y)
    <float[4, 3, 3, 3] k = {}, int64[2] zero = {0, 0}, int64[2] axes = {2, 3}> {
        conv = ConvTranspose <kernel_shape = [3, 3], strides = [2, 2]> (x, k)
        shape = Shape (x)
        size = Gather (shape, axes)
        y = Slice (conv, zero, size, axes)
    }"""
    assert verdicts(text, 13) == {"conv": "quantizable"}


# --- paddle2onnx ----------------------------------------------------------------------------------


def test_a_bias_that_paddle2onnx_reshapes_and_adds_is_not_expected() -> None:
    text = """g (float[n, 8, 8, 8] x) => (float[n, 8, 8, 8] y)
    <float[8, 1, 3, 3] w = {}, float[8] b = {}, int64[4] shape = {1, 8, 1, 1}> {
        reshaped = Reshape (b, shape)
        conv = Conv <group = 8, pads = [1, 1, 1, 1]> (x, w)
        same = Identity (conv)
        biased = Add (same, reshaped)
        dropped = Identity (biased)
        y = Add (x, dropped)
    }"""
    model = parsed(text, 13)
    assert verdicts(text, 13) == dict.fromkeys(("conv", "biased", "y"), "quantizable")
    found = pytest_amct.judge(model, {}, tensor_quantize=["biased", "y"])
    assert [finding.layer for finding in found] == []
    floats = dict.fromkeys(("conv", "biased", "y"), False)
    found = pytest_amct.judge(model, floats, tensor_quantize=["biased", "y"])
    assert [finding.layer for finding in found] == [
        "Conv (output 'conv')",
        "Add (output 'y')",
    ]
