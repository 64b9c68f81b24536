"""Decisions on single inputs: products of two variable tensors, and sums of which one input counts.

Releases from 8.0.0 on speak of them (docs/reading.md, "Other releases").
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from pytest_amct import judge, load_spec, read_config, read_record
from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.read import read_outcome
from pytest_amct.errors import OutputError
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.tables.model import DataFormat

SPEC = load_spec("cann-9.2.0.beta1")
HEAD = '<ir_version: 10, opset_import: ["" : 21]> g (float[2,4] x, float[4,4] z) => (float[2,4] y)'
PRODUCT = f"{HEAD} {{ a = Sin (x) [n] b = Cos (z) y = MatMul (a, b) }}"
SUM = f"{HEAD.replace('4,4', '2,4')} {{ a = Sin (x) b = Cos (z) y = Add (a, b) }}"


def parsed(text: str) -> onnx.ModelProto:
    return onnx.parser.parse_model(text.replace(" [n]", ""))


def quantized(text: str, *ports: str, zeros: dict[str, Any] | None = None) -> onnx.ModelProto:
    """The model with Q/DQ pairs on the named inputs of its last layer."""
    model = parsed(text)
    layer = model.graph.node[-1]
    for name in ports:
        zero = np.asarray((zeros or {}).get(name, np.int8(0)))
        for part, value in (("scale", np.float32(0.1)), ("zero", zero)):
            model.graph.initializer.append(numpy_helper.from_array(value, f"{name}_{part}"))
        ends = [f"{name}_scale", f"{name}_zero"]
        pair = [
            onnx.helper.make_node("QuantizeLinear", [name, *ends], [f"{name}_q"]),
            onnx.helper.make_node("DequantizeLinear", [f"{name}_q", *ends], [f"{name}_dq"]),
        ]
        for node in pair:
            model.graph.node.insert(len(model.graph.node) - 1, node)
        layer.input[:] = [f"{name}_dq" if given == name else given for given in layer.input]
    return model


def decided(text: str, result: Any) -> Decision | str | None:
    network = read_onnx(parsed(text))
    outcome = read_outcome(network, result, SPEC)
    index = len(network.layers) - 1
    return outcome.untold.get(index) or outcome.decision(index)


def found(text: str, result: Any) -> list[tuple[str, str]]:
    return [(f.kind, f.condition) for f in judge(parsed(text), result, spec=SPEC)]


def test_both_inputs_of_a_product_of_variables_are_data() -> None:
    decision = decided(PRODUCT, quantized(PRODUCT, "a", "b"))
    assert isinstance(decision, Decision)
    assert (decision.inputs, decision.weights) == ((0, 1), False)
    assert decision.formats == (DataFormat(0, 8, False), DataFormat(1, 8, False))
    assert found(PRODUCT, quantized(PRODUCT, "a", "b")) == []


@pytest.mark.parametrize(
    "zero", [np.int8(3), np.uint8(0), np.int16(0), np.uint16(1 << 15)], ids=str
)
def test_only_int8_without_an_offset_conforms(zero: Any) -> None:
    result = quantized(PRODUCT, "a", "b", zeros={"b": zero})
    assert found(PRODUCT, result) == [("over-quantized", "uniform/onnx/MatMul/two_variables")]


def test_uint8_around_the_middle_has_no_offset() -> None:
    assert found(PRODUCT, quantized(PRODUCT, "a", "b", zeros={"a": np.uint8(128)})) == []


def test_one_input_of_a_product_alone_is_a_violation() -> None:
    assert found(PRODUCT, quantized(PRODUCT, "a")) == [
        ("over-quantized", "uniform/onnx/MatMul/two_variables")
    ]


def test_a_product_of_variables_may_stay_in_float() -> None:
    assert decided(PRODUCT, parsed(PRODUCT)) == Decision.float()
    assert found(PRODUCT, parsed(PRODUCT)) == []


def test_a_constant_second_input_is_a_weight_as_before() -> None:
    text = PRODUCT.replace("b = Cos (z)", "b = Constant <value = float[4,4] {"
                           + ",".join(["1"] * 16) + "}> ()")  # fmt: skip
    decision = decided(text, quantized(text, "a", "b"))
    assert isinstance(decision, Decision) and decision.weights


def test_an_integer_operator_shows_both_formats() -> None:
    text = f"""{HEAD} <float sa = {{0.1}}, float sb = {{0.1}}, float sy = {{0.1}},
        int8 za = {{0}}, int8 zb = {{5}}, int8 zy = {{0}}> {{
        a = Sin (x) b = Cos (z)
        p = QuantizeLinear (a, sa, za) q = QuantizeLinear (b, sb, zb)
        r = QLinearMatMul (p, sa, za, q, sb, zb, sy, zy) y = DequantizeLinear (r, sy, zy) }}"""
    result = onnx.parser.parse_model(text)
    decision = decided(PRODUCT, result)
    assert isinstance(decision, Decision)
    assert decision.formats == (DataFormat(0, 8, False), DataFormat(1, 8, True))
    assert found(PRODUCT, result) == [("over-quantized", "uniform/onnx/MatMul/two_variables")]


@pytest.mark.parametrize(
    ("params", "wrong"),
    [
        ({"num_bits": 8, "asymmetric": False}, False),
        ({"num_bits": 8, "asymmetric": True}, True),
        ({"num_bits": 16, "asymmetric": False}, True),
        ({}, False),
        ([{"num_bits": 8, "asymmetric": False}, {"num_bits": 8, "asymmetric": True}], True),
        ([{"num_bits": 8, "asymmetric": False}] * 2, False),
    ],
)
def test_a_configuration_shows_formats(params: Any, wrong: bool) -> None:
    config = {"y": {"quant_enable": True, "activation_quant_params": params}}
    expected = [("over-quantized", "uniform/onnx/MatMul/two_variables")] if wrong else []
    assert found(PRODUCT, read_config(json.dumps(config))) == expected


@pytest.mark.parametrize(("offset", "wrong"), [(0, False), (4, True)])
def test_a_record_shows_offsets(offset: int, wrong: bool) -> None:
    record = f'record {{ key: "y" value {{ scale_d: 0.1 offset_d: {offset} dst_type: "INT8" }} }}'
    expected = [("over-quantized", "uniform/onnx/MatMul/two_variables")] if wrong else []
    assert found(PRODUCT, read_record(record)) == expected


@pytest.mark.parametrize(("offset", "wrong"), [(0.0, False), (3.0, True)])
def test_a_deploy_model_shows_offsets(offset: float, wrong: bool) -> None:
    result = parsed(PRODUCT)
    product = result.graph.node[-1]
    for name, value in (("a", 0.0), ("b", offset)):
        made = onnx.helper.make_node(
            "AscendQuant", [name], [f"{name}_q"], scale=9.0, offset=value, dst_type="INT8"
        )
        result.graph.node.insert(len(result.graph.node) - 1, made)
        product.input[:] = [f"{name}_q" if given == name else given for given in product.input]
    product.output[:] = ["sums"]
    result.graph.initializer.append(numpy_helper.from_array(np.uint64([1 << 24]), "factors"))
    result.graph.node.append(onnx.helper.make_node("AscendDequant", ["sums", "factors"], ["y"]))
    decision = decided(PRODUCT, result)
    assert isinstance(decision, Decision)
    assert decision.formats == (DataFormat(0, 8, False), DataFormat(1, 8, wrong))
    expected = [("over-quantized", "uniform/onnx/MatMul/two_variables")] if wrong else []
    assert found(PRODUCT, result) == expected


# --- sums -----------------------------------------------------------------------------------------


def test_one_input_of_a_sum_may_be_quantized() -> None:
    decision = decided(SUM, quantized(SUM, "a"))
    assert isinstance(decision, Decision) and decision.inputs == (0,)
    assert found(SUM, quantized(SUM, "a")) == []


def test_two_inputs_of_a_sum_may_not() -> None:
    one_input = [("over-quantized", "uniform/onnx/Add/one_input")]
    assert found(SUM, quantized(SUM, "a", "b")) == one_input
    assert judge(parsed(SUM), quantized(SUM, "a", "b")) == []  # CANN 7.0.0 does not say so


def test_a_constant_operand_counts_as_an_input() -> None:
    text = SUM.replace("b = Cos (z)", "b = Constant <value = float[2,4] {1,2,3,4,5,6,7,8}> ()")
    assert found(text, quantized(text, "a", "b")) == [
        ("over-quantized", "uniform/onnx/Add/one_input")
    ]


def test_a_sum_of_a_tensor_with_itself_is_unspecified() -> None:
    text = SUM.replace("Add (a, b)", "Add (a, a)")
    assert found(text, quantized(text, "a")) == []


def test_an_input_behind_a_quantized_layer_cannot_be_told() -> None:
    weight = "<float[4,4] w = {" + ",".join(["0.5"] * 16) + "}>"
    text = SUM.replace(" { a = Sin (x)", f" {weight} {{ c = MatMul (x, w) a = Relu (c)")
    result = quantized(text, "a", "b")
    product = result.graph.node[0]
    for part, value in (("scale", np.float32(0.1)), ("zero", np.int8(0))):
        result.graph.initializer.append(numpy_helper.from_array(value, f"w_{part}"))
    ends = ["w_scale", "w_zero"]
    for made in (
        onnx.helper.make_node("QuantizeLinear", ["w", *ends], ["w_q"]),
        onnx.helper.make_node("DequantizeLinear", ["w_q", *ends], ["w_dq"]),
    ):
        result.graph.node.insert([*result.graph.node].index(product), made)
    product.input[1] = "w_dq"
    decision = decided(text, result)
    assert isinstance(decision, Decision)
    assert decision.inputs is None and decision.quantized
    assert found(text, result) == []


@pytest.mark.parametrize(
    ("formats", "words"),
    [
        ("INT8", "must be a list of DataFormat"),
        ([8], "must be a list of DataFormat"),
        ([DataFormat("a", 8, False)], r"formats\[0\].port: 'a' must be an integer"),  # type: ignore[arg-type]
        ([DataFormat(0, "8", False)], r"formats\[0\].bits: '8' must be an integer"),  # type: ignore[arg-type]
        ([DataFormat(0, 8, 1)], r"formats\[0\].asymmetric: 1 must be true or false"),  # type: ignore[arg-type]
        ([DataFormat(True, 8, None)], r"formats\[0\].port: True must be an integer"),
        ([DataFormat(2, 8, None)], r"port: 2 is not one of the quantized inputs \[0, 1\]"),
    ],
)
def test_formats_of_a_decision_are_checked(formats: Any, words: str) -> None:
    with pytest.raises(OutputError, match=words):
        decided(PRODUCT, {"y": Decision(inputs=(0, 1), formats=formats)})


def test_a_format_names_an_input_that_the_layer_has() -> None:
    with pytest.raises(OutputError, match=r"has the inputs \(2,\), but the layer has 2"):
        decided(PRODUCT, {"y": Decision(formats=(DataFormat(2, 8),))})


def test_a_decision_shows_its_formats() -> None:
    formats = [DataFormat(np.int64(0), 8, np.False_), DataFormat(1, np.int32(16), None)]  # type: ignore[arg-type]
    decision = decided(PRODUCT, {"y": Decision(inputs=(0, 1), formats=formats)})  # type: ignore[arg-type]
    assert isinstance(decision, Decision)
    assert decision.formats == (DataFormat(0, 8, False), DataFormat(1, 16, None))
