"""The real nncf: what it does to a handful of layers, checked by hand on the raw protos.

Every finding here was checked without the product's code. Each earlier false finding has a test
that it does not return.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from second_opinion import opinions

from pytest_amct.cases.catalog import parse_case
from pytest_amct.errors import UsageError
from pytest_amct.options import Settings
from pytest_amct.quantizers.loading import FunctionQuantizer, load_quantizer
from pytest_amct.quantizers.running import run_quantizer
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec
from pytest_amct.verdicts import NEIGHBOURS, Record

if importlib.util.find_spec("nncf") is None:  # importing it here would change the process
    pytest.skip("nncf is not installed", allow_module_level=True)

WEIGHTED = {"Conv", "ConvTranspose", "Gemm", "MatMul"}


class Judge:
    """Judges cases by id, each once, and keeps the quantized models."""

    def __init__(self, folder: Path) -> None:
        built_in = load_quantizer("nncf")
        self.quantizer = FunctionQuantizer("nncf", self._quantize, built_in)
        settings = Settings("nncf", max_examples=0, scratch=folder)
        self.runner = Runner(self.quantizer, load_spec(), settings)
        self.seen: dict[str, tuple[Record, Any]] = {}
        self._built_in, self._result = built_in, None

    def _quantize(self, model: Any, request: Any) -> Any:
        self._result = self._built_in.quantize(model, request)
        return self._result

    def __call__(self, case: str) -> Record:
        if case not in self.seen:
            self._result = None
            record = self.runner.record(parse_case(case))
            self.seen[case] = (record, self._result)
        return self.seen[case][0]

    def raw(self, case: str) -> tuple[onnx.ModelProto, onnx.NodeProto, onnx.NodeProto]:
        """The quantized model of a case, and its target node before and after."""
        self(case)
        built, quantized = parse_case(case).build(), self.seen[case][1]
        (before,) = [n for n in built.model.graph.node if built.targets[0] in n.output]
        (after,) = [n for n in quantized.graph.node if n.name == before.name]
        return quantized, before, after


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return Judge(tmp_path_factory.mktemp("nncf"))


def dequantize_at(model: onnx.ModelProto, node: onnx.NodeProto, port: int) -> Any:
    """The DequantizeLinear that makes an input of a node, or None."""
    found = [n for n in model.graph.node if node.input[port] in n.output]
    return found[0] if found and found[0].op_type == "DequantizeLinear" else None


def constant(model: onnx.ModelProto, name: str) -> Any:
    (found,) = [t for t in model.graph.initializer if t.name == name]
    return numpy_helper.to_array(found)


BROKEN = {
    "uniform/onnx/Conv/dilation_d@d2-h1-w1": "failed",
    "uniform/onnx/Conv/dilation_d@d2-h1-w1-transposed:chain": "failed",
    "uniform/onnx/Gemm/trans_a@1": "failed",
    "uniform/onnx/Gemm/weight_source@input": "failed",
    "uniform/onnx/ConvTranspose/dilation@h2-w2": "failed",
    "uniform/onnx/ConvTranspose/weight_rank@3": "failed",
    "uniform/onnx/MatMul/second_input@rank-3": "failed",
}

EXPLAINED = (
    "uniform/onnx/AveragePool/global_pooling@true:chain",
    "uniform/onnx/unlisted/Mul@plain:chain",
)
"""Forbidden layers between quantized ones; the pairs around them prove nothing."""


@pytest.mark.parametrize(("case", "status"), BROKEN.items())
def test_what_it_breaks_is_seen_on_the_raw_model(judge: Judge, case: str, status: str) -> None:
    condition = case.partition("@")[0]
    found = [f for f in judge(case).findings if f.condition == condition]
    assert [(f.kind, f.status) for f in found] == [("over-quantized", status)]
    quantized, before, after = judge.raw(case)
    assert before.op_type in WEIGHTED
    assert dequantize_at(quantized, after, 1)
    model = parse_case(case).build().model
    opinion = next(o for o in opinions(model) if o.output == before.output[0])
    assert opinion.answer == "forbidden"
    assert condition in opinion.broken


@pytest.mark.parametrize("case", EXPLAINED)
def test_what_its_neighbours_explain_cannot_be_told(judge: Judge, case: str) -> None:
    record = judge(case)
    assert (record.decided, record.untold, record.findings) == ("unknown", NEIGHBOURS, ())
    quantized, _, after = judge.raw(case)
    assert dequantize_at(quantized, after, 0)
    readers = [n.op_type for n in quantized.graph.node if after.output[0] in n.input]
    assert readers == ["QuantizeLinear"]


@pytest.mark.parametrize("row", ["Gemm", "MatMul"])
def test_its_products_have_a_scale_for_each_channel_beside_quantized_data(
    judge: Judge, row: str
) -> None:
    case = f"uniform/onnx/{row}@default"
    found = [(f.kind, f.condition, f.status) for f in judge(case).findings]
    assert found == [("over-quantized", f"settings/onnx/{row}/channel_wise", "failed")]
    quantized, _, after = judge.raw(case)
    assert dequantize_at(quantized, after, 0)
    scale, zero = dequantize_at(quantized, after, 1).input[1:3]
    assert len(np.unique(constant(quantized, scale))) > 1
    assert not constant(quantized, zero).any()  # and int8: symmetric, no finding


@pytest.mark.parametrize("row", ["Conv", "ConvTranspose"])
def test_its_plain_convolutions_conform(judge: Judge, row: str) -> None:
    record = judge(f"uniform/onnx/{row}@default")
    assert (record.decided, record.findings) == ("quantized", ())


def test_data_only_layers_in_chains_cannot_be_told(judge: Judge) -> None:
    """It adds no pair behind a layer for that layer's sake, but "What forms show" requires one."""
    assert judge("uniform/onnx/AveragePool@default").decided == "float"
    quantized, _, after = judge.raw("uniform/onnx/AveragePool@default")
    assert dequantize_at(quantized, after, 0)
    chained = judge("uniform/onnx/AveragePool@default:chain")
    assert (chained.decided, chained.untold) == ("unknown", NEIGHBOURS)


def test_quantized_data_alone_is_not_a_decision_on_a_product(judge: Judge) -> None:
    """A computed weight stays in float; its data is quantized."""
    case = "uniform/onnx/Gemm/weight_source@mul"
    assert judge(case).decided == "float"
    quantized, _, after = judge.raw(case)
    assert dequantize_at(quantized, after, 0)
    assert not dequantize_at(quantized, after, 1)


def test_it_writes_models_of_mixed_types_for_float16(judge: Judge) -> None:
    case = "uniform/onnx/Conv@float16"
    (finding,) = judge(case).findings
    assert (finding.kind, finding.status) == ("invalid-output", "failed")
    quantized, _, after = judge.raw(case)
    scale = dequantize_at(quantized, after, 1).input[1]
    assert constant(quantized, scale).dtype == np.float32  # so is the weight; the data is float16
    with pytest.raises(onnx.shape_inference.InferenceError, match="inconsistent type"):
        onnx.checker.check_model(quantized, full_check=True)


def test_a_model_that_only_the_session_optimizers_refuse_is_not_invalid_output(
    judge: Judge,
) -> None:
    """onnxruntime 1.32 optimizes a MaxPool between Q/DQ and a Conv into what it then rejects."""
    case = "uniform/onnx/MaxPool@default:chain"
    assert (judge(case).status, judge(case).findings) == ("decided", ())
    quantized, _, _ = judge.raw(case)
    onnx.checker.check_model(quantized, full_check=True)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    onnxruntime.InferenceSession(quantized.SerializeToString(), options)


def test_its_result_in_an_opset_for_which_onnxruntime_has_no_kernels_is_read(judge: Judge) -> None:
    """onnxruntime 1.32 loads float models of opset 28, but has no Q/DQ of that opset."""
    newest = onnx.defs.onnx_opset_version()
    record = judge(f"uniform/onnx/Conv@default+opset{newest}")
    assert (record.status, record.decided, record.findings) == ("decided", "quantized", ())
    quantized, _, _ = judge.raw(record.case)
    onnx.checker.check_model(quantized, full_check=True)
    try:
        onnxruntime.InferenceSession(quantized.SerializeToString())
        runs = True
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:
        runs = False
    assert bool(record.unvalidated) is not runs


@pytest.mark.parametrize(
    ("case", "status"),
    [
        ("uniform/onnx/Conv@bias-constant", "failed"),  # a bias from a Constant node
        ("uniform/onnx/Conv/weight_source@mul", "failed"),
        ("uniform/onnx/Conv/weight_source@input", "warned"),  # forbidden: it may refuse
    ],
)
def test_it_raises_on_legal_models(judge: Judge, case: str, status: str) -> None:
    assert [(f.kind, f.status) for f in judge(case).findings] == [("errored", status)]
    model = parse_case(case).build().model
    onnx.checker.check_model(model, full_check=True)
    onnxruntime.InferenceSession(model.SerializeToString())


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("uniform/onnx/Conv@bfloat16", "does not accept bfloat16 arrays"),
        ("uniform/onnx/Conv/weight_source@listed-ir3", "opset 10 and newer"),
        ("uniform/onnx/AveragePool@float64", "does not run the model"),
    ],
)
def test_models_that_it_cannot_take_are_unsupported(judge: Judge, case: str, reason: str) -> None:
    built = parse_case(case).build()
    outcome = run_quantizer(judge.quantizer, built.native)
    assert outcome.status == "unsupported"
    assert reason in outcome.message
    assert judge(case).findings == ()


def test_it_is_silent_and_leaves_the_process_as_it_was(judge: Judge) -> None:
    before = logging.getLoggerClass(), "openvino_telemetry" in sys.modules
    built = parse_case("uniform/onnx/Conv@default").build()
    outcome = run_quantizer(judge.quantizer, built.native)
    assert (outcome.status, outcome.output) == ("decided", "")
    assert (logging.getLoggerClass(), "openvino_telemetry" in sys.modules) == before
    assert logging.getLoggerClass().__module__ != "nncf.common.logging.logger"


@pytest.mark.parametrize("missing", ["nncf", "onnxruntime"])
def test_without_its_packages_it_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else real(name)
    )
    with pytest.raises(UsageError, match=rf"needs {missing}: pip install pytest-amct\[nncf\]$"):
        load_quantizer("nncf")
