"""Decisions in QOperator form, and in models that the real onnxruntime writes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from quantized_models import (
    IMAGE,
    ONE,
    SEVERAL,
    array,
    ask,
    by_name,
    constant,
    decisions,
    integers,
    model,
    node,
    pair,
    pooled_net,
    qlinear_net,
    quantized,
    real_net,
    scalars,
)

from pytest_amct import load_spec, read_onnx
from pytest_amct.audit import audit
from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.read import read_outcome
from pytest_amct.decisions.writers.forms import write_form
from pytest_amct.errors import OutputError, UsageError
from pytest_amct.quantizers.builtin import onnxruntime as builtin_onnxruntime
from pytest_amct.quantizers.loading import load_quantizer
from pytest_amct.request_options import RequestOptions
from pytest_amct.verdicts import Policy


@pytest.mark.parametrize(
    ("scale", "zero", "channel_wise", "asymmetric"),
    [(ONE, 0, False, False), (SEVERAL, 0, True, False), (ONE, 7, False, True)],
)
def test_qlinear_conv_shows_data_weights_and_settings(
    scale: TensorProto, zero: int, channel_wise: bool, asymmetric: bool
) -> None:
    found = decisions(pooled_net(), qlinear_net(scale, zero))
    conv = found["conv"]
    assert isinstance(conv, Decision)
    assert (conv.inputs, conv.weights, conv.weight_bits) == ((0,), True, 8)
    assert (conv.weight_channel_wise, conv.weight_asymmetric) == (channel_wise, asymmetric)
    assert found["erf"] == Decision.float()


def test_a_pool_that_now_works_on_integers_is_quantized() -> None:
    pool = decisions(pooled_net(), qlinear_net())["pool"]
    assert isinstance(pool, Decision)
    assert (pool.inputs, pool.weights, pool.evidence) == ((0,), False, "stated")


def test_a_float_layer_between_integer_operators_is_float() -> None:
    """QOperator form leaves a layer in float by dequantizing its data."""
    original = model(
        [
            node("Conv", ["x", "w"], ["a"], name="one"),
            node("Exp", ["a"], ["b"], name="exp"),
            node("Conv", ["b", "w2"], ["y"], name="two"),
        ],
        [constant("w", 3, 3, 1, 1), constant("w2", 3, 3, 1, 1)],
    )
    rest = ["scale", "zero"]
    conv = [*rest, "wq", *rest, *rest]
    result = model(
        [
            node("QuantizeLinear", ["x", *rest], ["x_q"]),
            node("QLinearConv", ["x_q", *conv], ["a_q"], name="one"),
            node("DequantizeLinear", ["a_q", *rest], ["a"]),
            node("Exp", ["a"], ["b"], name="exp"),
            node("QuantizeLinear", ["b", *rest], ["b_q"]),
            node("QLinearConv", ["b_q", *conv], ["y_q"], name="two"),
            node("DequantizeLinear", ["y_q", *rest], ["y"]),
        ],
        [integers("wq", 3, 3, 1, 1), *scalars()],
    )
    found = decisions(original, result)
    assert found["exp"] == Decision.float()
    assert quantized(found["one"]) and quantized(found["two"])


@pytest.mark.parametrize("side", ["before", "behind"])
def test_a_float_layer_next_to_one_integer_operator_is_float(side: str) -> None:
    rest = ["scale", "zero"]
    linear = [*rest, "wq", *rest, *rest]
    conv = ["x", "w"] if side == "before" else ["e", "w"]
    exp = ["c"] if side == "before" else ["x"]
    if side == "before":
        original = [node("Conv", conv, ["c"], name="conv"), node("Exp", exp, ["e"], name="exp")]
        nodes = [
            node("QuantizeLinear", ["x", *rest], ["x_q"]),
            node("QLinearConv", ["x_q", *linear], ["c_q"], name="conv_quant"),
            node("DequantizeLinear", ["c_q", *rest], ["c"]),
            node("Exp", ["c"], ["e"], name="exp"),
            *pair("e"),
            node("Erf", ["e_dq"], ["y"], name="erf"),
        ]
        last = "e"
    else:
        original = [node("Exp", exp, ["e"], name="exp"), node("Conv", conv, ["c"], name="conv")]
        nodes = [
            *pair("x"),
            node("Exp", ["x_dq"], ["e"], name="exp"),
            node("QuantizeLinear", ["e", *rest], ["e_q"]),
            node("QLinearConv", ["e_q", *linear], ["c_q"], name="conv_quant"),
            node("DequantizeLinear", ["c_q", *rest], ["c"]),
            node("Erf", ["c"], ["y"], name="erf"),
        ]
        last = "c"
    plain = model([*original, node("Erf", [last], ["y"], name="erf")], [constant("w", 3, 3, 1, 1)])
    found = decisions(plain, model(nodes, [integers("wq", 3, 3, 1, 1), *scalars()]))
    assert found["exp"] == Decision.float()
    assert quantized(found["conv"])


def test_an_activations_zero_point_is_not_a_weight_offset() -> None:
    inputs = [("p", [4, 8]), ("q", [8, 5])]
    original = model([node("MatMul", ["p", "q"], ["y"], name="matmul")], [], inputs)
    rest = ["scale", "zero"]
    result = model(
        [
            node("QuantizeLinear", ["p", *rest], ["p_q"]),
            node("QuantizeLinear", ["q", *rest], ["q_q"]),
            node(
                "QLinearMatMul", ["p_q", *rest, "q_q", *rest, *rest], ["y_q"], name="matmul_quant"
            ),
            node("DequantizeLinear", ["y_q", *rest], ["y"]),
        ],
        scalars(zero=9),
        inputs,
    )
    matmul = decisions(original, result)["matmul"]
    assert isinstance(matmul, Decision)
    assert (matmul.inputs, matmul.weights, matmul.weight_asymmetric) == ((0,), True, None)


@pytest.mark.parametrize(
    ("given", "type_", "inputs", "expected"),
    [
        ("AveragePool", "QLinearAveragePool", (0,), (0,)),
        ("GlobalAveragePool", "QLinearGlobalAveragePool", (0,), (0,)),
        ("Sigmoid", "QLinearSigmoid", (0,), (0,)),
        ("LeakyRelu", "QLinearLeakyRelu", (0,), (0,)),
        ("Softmax", "QLinearSoftmax", (0,), (0,)),
        ("Add", "QLinearAdd", (0, 1), (0, 1)),
        ("Mul", "QLinearMul", (0, 1), (0, 1)),
    ],
)
def test_onnxruntimes_integer_operators_replace_layers_without_weights(
    given: str, type_: str, inputs: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    operands = ["a", "k"][: len(inputs)]
    plain = [node("Sin", ["x"], ["a"], name="sin"), node("Cos", ["x"], ["k"], name="cos")]
    original = model([*plain, node(given, operands, ["y"], name="target")], [])
    rest = ["scale", "zero"]
    linear = [part for name in operands for part in (f"{name}_q", *rest)] + rest
    result = model(
        [
            *plain,
            node("QuantizeLinear", ["a", *rest], ["a_q"]),
            node("QuantizeLinear", ["k", *rest], ["k_q"]),
            node(type_, linear, ["y_q"], name="target_quant", domain="com.microsoft"),
            node("DequantizeLinear", ["y_q", *rest], ["y"]),
        ],
        scalars(),
    )
    decision = decisions(original, result)["target"]
    assert isinstance(decision, Decision)
    assert (decision.inputs, decision.weights, decision.evidence) == (expected, False, "stated")


def test_packed_weights_are_weights_only() -> None:
    original = model(
        [node("MatMul", ["x", "w"], ["y"], name="matmul")], [constant("w", 32, 4)], [("x", [2, 32])]
    )
    packed = node(
        "MatMulNBits",
        ["x", "b", "bs"],
        ["y"],
        name="matmul_Q4",
        domain="com.microsoft",
        K=32,
        N=4,
        bits=4,
        block_size=32,
    )
    scales = array("bs", [0.1, 0.2, 0.3, 0.4], np.float32)
    result = model([packed], [integers("b", 4, 1, 16, dtype=np.uint8), scales], [("x", [2, 32])])
    matmul = decisions(original, result)["matmul"]
    assert isinstance(matmul, Decision)
    assert (matmul.inputs, matmul.weights, matmul.weight_bits) == ((), True, 4)
    assert (matmul.weight_channel_wise, matmul.weight_asymmetric) == (True, False)


@pytest.mark.parametrize("form", ["static", "qoperator"])
def test_onnxruntimes_static_quantizers_are_read(form: str, tmp_path: Path) -> None:
    quantizer = getattr(builtin_onnxruntime, form)()
    path, outcome = ask(quantizer, real_net(), tmp_path)
    quantizer.validate(path)
    found = by_name(real_net(), outcome)
    for name in ("conv", "gemm", "matmul"):
        decision = found[name]
        assert decision is not None, name
        assert (decision.inputs, decision.weights, decision.evidence) == ((0,), True, "stated")
        assert (decision.weight_channel_wise, decision.weight_asymmetric) == (False, False)
    for name in ("maxpool", "avgpool", "add", "global"):
        decision = found[name]
        assert decision is not None and decision.inputs, name
        assert decision.weights is False
    assert found["sin"] == found["erf"] == Decision.float()
    assert outcome.unmatched == {2}  # the Relu was fused into the Conv
    assert found["flatten"] is None


def test_onnxruntimes_dynamic_quantizer_is_read(tmp_path: Path) -> None:
    quantizer = builtin_onnxruntime.dynamic()
    path, outcome = ask(quantizer, real_net(), tmp_path)
    quantizer.validate(path)
    found = by_name(real_net(), outcome)
    for name in ("conv", "gemm", "matmul"):
        decision = found[name]
        assert decision is not None, name
        assert (decision.inputs, decision.weights, decision.weight_bits) == ((0,), True, 8)
    for name in ("maxpool", "avgpool", "add", "global", "erf"):
        assert found[name] == Decision.float(), name
    assert not outcome.unmatched


@pytest.mark.parametrize("form", ["static", "qoperator", "dynamic"])
def test_onnxruntimes_results_are_read_without_any_names(form: str, tmp_path: Path) -> None:
    proto = real_net()
    for layer in proto.graph.node:
        layer.name = ""
    _, outcome = ask(getattr(builtin_onnxruntime, form)(), proto, tmp_path)
    for index in (1, 8, 9):  # Conv, Gemm, MatMul
        decision = outcome.decision(index)
        assert decision is not None and decision.weights, index


def test_excluding_a_pool_between_quantized_layers_leaves_inferred_evidence(
    tmp_path: Path,
) -> None:
    from onnxruntime.quantization import quantize_static

    class Feeds:
        left = 2

        def get_next(self) -> dict[str, Any] | None:
            self.left -= 1
            return {"x": np.ones(IMAGE[1], np.float32) * self.left} if self.left >= 0 else None

    onnx.save(real_net(), tmp_path / "in.onnx")
    out = tmp_path / "out.onnx"
    quantize_static(
        tmp_path / "in.onnx", out, Feeds(), per_channel=True, nodes_to_exclude=["avgpool", "gemm"]
    )
    found = decisions(real_net(), out)
    pool, conv = found["avgpool"], found["conv"]
    assert isinstance(pool, Decision) and isinstance(conv, Decision)
    assert pool.evidence == "inferred"
    assert conv.weight_channel_wise is True
    assert found["gemm"] == Decision.float()


def test_a_second_quantization_finds_nothing_new_in_what_was_quantized(tmp_path: Path) -> None:
    path, _ = ask(builtin_onnxruntime.static(), real_net(), tmp_path)
    once = onnx.load(path)
    found = decisions(once, once)
    assert not any(isinstance(d, Decision) and d.quantized for d in found.values())


def test_the_callers_model_stays_whole_and_the_log_quiet(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    proto = real_net()
    before = proto.SerializeToString()
    for quantizer in (builtin_onnxruntime.static(), builtin_onnxruntime.dynamic()):
        ask(quantizer, proto, tmp_path)
    assert proto.SerializeToString() == before
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_names_and_reach_of_the_built_in_quantizers() -> None:
    names = ["onnxruntime", "onnxruntime-qoperator", "onnxruntime-dynamic"]
    made = [load_quantizer(name) for name in names]
    assert [quantizer.name for quantizer in made] == names
    assert {(quantizer.frameworks, quantizer.schemes) for quantizer in made} == {
        (("onnx",), ("uniform",))
    }


def test_a_model_that_no_session_takes_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.onnx"
    onnx.save(model([node("Sin", ["nowhere"], ["y"])], []), path)
    with pytest.raises(OutputError) as error:
        builtin_onnxruntime.static().validate(path)
    assert "\n" not in str(error.value)
    assert "nowhere" in str(error.value)


def test_without_onnxruntime_the_error_names_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UsageError, match=r"pip install pytest-amct\[onnxruntime\]"):
        builtin_onnxruntime.static()


@pytest.mark.parametrize("scaled", [True, False])
def test_a_qgemm_without_a_scale_of_its_output_gives_floats(scaled: bool) -> None:
    original = model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node("Gemm", ["s", "w"], ["g"], name="gemm"),
            node("Erf", ["g"], ["y"], name="erf"),
        ],
        [constant("w", 8, 8)],
    )
    operands = ["sq", "scale", "zero", "wq", "scale", "zero", ""]
    operands += ["scale", "zero"] if scaled else []
    result = model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node("QuantizeLinear", ["s", "scale", "zero"], ["sq"]),
            node("QGemm", operands, ["g"], name="gemm", domain="com.microsoft"),
            node("Erf", ["g"], ["y"], name="erf"),
        ],
        [integers("wq", 8, 8), *scalars()],
    )
    found = decisions(original, result)
    assert quantized(found["gemm"])
    assert quantized(found["erf"]) is scaled


@pytest.mark.parametrize("form", ["qdq", "qoperator"])
def test_a_weight_that_a_quantized_layer_makes_of_constants_is_not_a_decision(form: str) -> None:
    """The pair belongs to the Add. The Gemm may be float."""
    original = model(
        [
            node("Add", ["u", "v"], ["w"], "add"),
            node("Gemm", ["x", "w"], ["y"], "gemm", alpha=0.5),
        ],
        [constant("u", 4, 4), constant("v", 4, 4)],
        [("x", [4, 4])],
    )
    network = read_onnx(original)
    both = {"add": Decision(inputs=(0, 1), weights=False), "gemm": Decision.float()}
    result = write_form(form, network, both, load_spec())
    assert any("QuantizeLinear" in each.op_type for each in result.graph.node)
    outcome = read_outcome(network, result)
    gemm = outcome.decision(1)
    assert gemm is None or not gemm.quantized or gemm.evidence == "inferred"
    spec = load_spec("amct-onnx-9.0.0")
    assert audit(network, read_outcome(network, result, spec), spec, Policy(), asked).failed == []


def asked(layer: object) -> RequestOptions:
    return RequestOptions()
