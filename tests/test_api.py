"""The public API for programs and property tests, and the examples of its page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from toy_repository import ToyRepository

import pytest_amct
from pytest_amct import (
    Decision,
    ModelError,
    OutputError,
    UsageError,
    decisions_of,
    judge,
    read_caffe,
    requests,
)
from pytest_amct.cases.catalog import parse_case
from pytest_amct.cases.networks import Item, NetworkCase
from pytest_amct.cases.neutral import NeutralCase
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin_reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer, load_quantizer
from pytest_amct.quantizers.protocol import Request
from pytest_amct.request_options import RequestOptions
from pytest_amct.runner import Runner
from pytest_amct.saved import read_note
from pytest_amct.stability import check_pairs
from pytest_amct.tables.loader import load_spec

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


GEMM = parse_case("uniform/onnx/Gemm@default").build().data


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"skip_layers": "n1"}, "^skip_layers: 'n1' is a single string: give a list of names$"),
        ({"skip_layers": 7}, "skip_layers: 7 is no list"),
        ({"skip_layers": np.zeros((2, 2))}, "skip_layers: array.* is no list"),
        ({"skip_layers": [7]}, "skip_layers: 7 is no name"),
        ({"skip_layers": ["n11"]}, "skip_layers: 'n11' is no layer of the model, did you mean 'n1"),
        ({"tensor_quantize": ["?"]}, "tensor_quantize: '\\?' is no layer of the model: use one of"),
        (
            {"skip_layers": ["t1"]},
            "skip_layers: 't1' is an output of Sin 'n0': name the layer, 'n0'",
        ),
        ({"skip_layer": ["n1"]}, "'skip_layer' cannot be asked for, did you mean 'skip_layers'"),
        ({"stric": True}, "'stric' cannot be asked for, did you mean 'strict'"),
        ({"skip_layer_types": ["Conv"]}, "skip_layer_types: 'Conv' is no Ascend IR type of CANN"),
        ({"skip_layer_types": ["MatMul"]}, "did you mean 'MatMulV2'"),
        ({"skip_layer_types": {"MatMulV2": 1}}, "skip_layer_types: {'MatMulV2': 1} is no list"),
        ({"scheme": "int4"}, "scheme: 'int4' is no scheme: use one of uniform, nonuniform"),
        ({"scheme": "unifrom"}, "scheme: 'unifrom' is no scheme, did you mean 'uniform'"),
        ({"scheme": []}, r"scheme: \[\] is no scheme"),
        ({"settings": {"chanel_wise": True}}, "'chanel_wise' is no setting, did you mean 'channel"),
        (
            {"settings": {"channel_wise": "yes"}},
            "'channel_wise' is 'yes': it must be True or False",
        ),
        ({"settings": ["channel_wise"]}, "settings: .* is no mapping"),
    ],
)
def test_what_cannot_be_asked_for_is_told(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told) as raised:
        judge(GEMM, {}, **asked)
    assert "\n" not in str(raised.value)


def test_what_can_be_asked_for_may_be_any_list() -> None:
    for names in (["n1"], ("n1",), {"n1"}, frozenset({"n1"})):
        (finding,) = judge(GEMM, {"n1": True}, skip_layers=names)
        assert finding.condition == "settings/onnx/Gemm/skip_layers"


def test_layers_of_a_net_that_do_not_run_at_inference_may_be_named() -> None:
    net = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 1 dim: 4 } } }'
    net += 'layer { name: "r" type: "ReLU" bottom: "x" top: "y" }'
    assert judge(read_caffe(net), {}, skip_layers=["in"]) == []


@pytest.mark.parametrize("schemes", [["int4"], "uniform", [], 7, [["uniform"]]])
def test_requests_are_of_schemes_that_exist(schemes: Any) -> None:
    with pytest.raises(UsageError, match="uniform, nonuniform, weight_only"):
        requests(schemes=schemes)


def test_options_are_what_differs_from_plain_uniform_quantization() -> None:
    assert RequestOptions().asked == {}
    given: dict[str, Any] = {"settings": {"channel_wise": False}, "skip_layers": ["n1"]}
    assert RequestOptions.of(given).asked == {**given, "skip_layers": ("n1",)}


@pytest.mark.parametrize(
    "request_", [{"scheme": "int4"}, {"skip_layers": "n1"}, {"shceme": "uniform"}, [], 7]
)
def test_a_note_that_asks_for_what_does_not_exist(request_: Any, tmp_path: Path) -> None:
    note = {"case": "c", "condition": "c", "focal": [], "request": request_}
    (tmp_path / "m.json").write_text(json.dumps(note))
    with pytest.raises(ModelError, match=r"m\.json: not a note of this suite"):
        read_note(tmp_path / "m.onnx")


def test_a_report_folder_that_failing_models_cannot_go_to(repository: ToyRepository) -> None:
    repository.write("rep/models", "a file")
    told = repository.refused("--amct", "--amct-report=rep")
    assert "rep/models is a file, where failing models go: remove it, or name another" in told


@pytest.mark.parametrize("kind", ["model", "pair"])
def test_a_finding_counts_though_its_model_cannot_be_saved(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "models").write_text("a file that came while the run went on")

    calls = []

    def at_first(model: Any, request: Any) -> Any:
        """Takes all convolutions and products; of a pair, those of the first model."""
        calls.append(model)
        takes = ("Gemm", "Conv") if kind == "model" or len(calls) == 1 else ()
        return {x.name: x.type in takes for x in request.network.layers if not x.where}

    chosen = Settings("it", report=tmp_path)
    runner = Runner(FunctionQuantizer("it", at_first), load_spec(), chosen)
    if kind == "model":
        result = runner.check("uniform/onnx/Gemm/trans_a")
    else:
        network = NetworkCase((Item("uniform/onnx/Conv", "default"),))
        result = check_pairs(runner, [NeutralCase(network, "twice", 0)])
    assert result.failure is not None and "case  " in result.failure
    assert "again  " not in result.failure
    assert {f.model for f in result.findings} == {None}
    assert "the failing model is not saved: " in caplog.text


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
