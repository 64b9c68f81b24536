"""The public API for programs and property tests, and the examples of its page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from quantized_models import ONE, array, conv_net, qdq_conv

import pytest_amct
from pytest_amct import Decision, ModelError, OutputError, decisions_of, judge, requests
from pytest_amct.cases.catalog import parse_case
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import load_quantizer
from pytest_amct.quantizers.protocol import Request

PAGE = Path(__file__).parent.parent / "docs" / "api.md"


def test_the_examples_of_the_page_run() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 3
    namespace: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), namespace)


def test_every_public_name_exists_and_has_a_docstring() -> None:
    for name in pytest_amct.__all__:
        assert getattr(pytest_amct, name).__doc__, name


def quantized(form: str, case: str, folder: Path) -> tuple[bytes, Any]:
    data = parse_case(case).build().data
    quantizer = load_quantizer(f"reference-{form}")
    request = Request("onnx", data, folder)
    return data, quantizer.quantize(parse_case(case).build().model, request)


@pytest.mark.parametrize("form", ["qdq", "qoperator", "deploy"])
def test_a_quantized_model_alone_tells_what_was_quantized(form: str, tmp_path: Path) -> None:
    data, result = quantized(form, "uniform/onnx/Conv@default", tmp_path)
    with_original = {n for n, d in decisions_of(result, data).items() if d.quantized}
    alone = {n for n, d in decisions_of(result).items() if d.quantized}
    assert with_original == {"n1", "n4"}
    assert {name.removesuffix("_quant") for name in alone} == with_original


def test_layers_of_one_name_go_by_their_outputs_and_none_is_lost() -> None:
    original, result = conv_net(), qdq_conv(ONE, array("wz", 0, np.int8))
    for proto in (original, result):
        for layer in proto.graph.node:
            layer.name = "same" if layer.op_type in ("Conv", "Erf") else layer.name
    found = decisions_of(result, original)
    assert {name: d.quantized for name, d in found.items()} == {"sin": False, "c": True, "y": False}


def test_an_output_called_as_another_layer_is_spelled_out() -> None:
    original, result = conv_net(), qdq_conv(ONE, array("wz", 0, np.int8))
    for proto in (original, result):
        for layer in proto.graph.node:
            layer.name = {"Sin": "c", "Conv": ""}.get(layer.op_type, layer.name)
    found = decisions_of(result, original)
    assert {name: d.quantized for name, d in found.items()} == {
        "c": False,
        "Conv (output 'c')": True,
        "erf": False,
    }


def test_a_float_model_alone_shows_nothing_quantized() -> None:
    data = parse_case("uniform/onnx/Conv@default").build().data
    assert not any(d.quantized for d in decisions_of(data).values())


def test_judge_names_the_condition_the_owed_and_the_request() -> None:
    data = parse_case("uniform/onnx/Gemm/trans_a@1").build().data
    found = judge(data, {"n1": True, "n4": False})
    assert [(f.kind, f.condition, f.status) for f in found] == [
        ("over-quantized", "uniform/onnx/Gemm/trans_a", "failed"),
        ("missed", "uniform/onnx/Conv", "warned"),
    ]
    assert judge(data, {"n4": False}, skip_layers=("n4",)) == []
    (skipped,) = judge(data, {"n4": True}, skip_layers=("n4",))
    assert skipped.condition == "settings/onnx/Conv/skip_layers"
    assert {f.status for f in judge(data, {"n4": False}, strict=True)} == {"failed"}


def test_the_decision_picks_the_table_not_the_request() -> None:
    data = parse_case("uniform/onnx/Gemm@default").build().data
    clustered = Decision(inputs=(0,), weights=True, nonuniform=True)
    assert judge(data, {"n1": clustered}) == []
    pool = parse_case("uniform/onnx/AveragePool@default").build().data
    (finding,) = judge(pool, {"n1": Decision(inputs=(), weights=True)})
    assert finding.condition == "weight_only/onnx/AveragePool/mode"


@settings(max_examples=30, derandomize=True, database=None, deadline=None)
@given(requests())
def test_the_obedient_quantizer_conforms_under_every_request(asked: dict[str, Any]) -> None:
    data = parse_case("uniform/onnx/MatMul@default").build().data
    decisions = Reference().quantize(data, Request("onnx", data, Path(), **asked))
    assert not [f for f in judge(data, decisions, **asked) if f.kind != "missed"]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    data = parse_case("uniform/onnx/Conv@default").build().data
    with pytest.raises(ModelError, match="not an ONNX model"):
        judge(b"nonsense", [])
    with pytest.raises(OutputError, match="no such layer"):
        judge(data, ["no such layer"])
    with pytest.raises(ModelError, match=r"gone\.onnx"):
        decisions_of(tmp_path / "gone.onnx")
