"""The public API for programs and property tests, and the examples of its page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from quantized_models import ONE, array, conv_net, qdq_conv
from toy_repository import ToyRepository

import pytest_amct
from pytest_amct import (
    AmctError,
    CaffeModel,
    Decision,
    ModelError,
    OutputError,
    Treatment,
    UsageError,
    answer,
    caffe_cases,
    decisions_of,
    judge,
    load_spec,
    onnx_cases,
    onnx_networks,
    quantization_requests,
    read_caffe,
    read_config,
    read_onnx,
    read_record,
    read_tensorflow,
    tensorflow_cases,
)
from pytest_amct.cases.catalog import parse_case
from pytest_amct.cases.metamorphic import MetamorphicCase
from pytest_amct.cases.networks import NetworkCase
from pytest_amct.ids import Item
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer, load_quantizer
from pytest_amct.quantizers.protocol import Request
from pytest_amct.request_options import RequestOptions
from pytest_amct.runner import Runner
from pytest_amct.saved import read_note
from pytest_amct.stability import check_pairs

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
def test_a_quantized_model_alone_shows_what_was_quantized(form: str, tmp_path: Path) -> None:
    data, result = quantized(form, "uniform/onnx/Conv@default", tmp_path)
    with_original = {n for n, d in decisions_of(result, data).items() if d.quantized}
    alone = {n for n, d in decisions_of(result).items() if d.quantized}
    assert with_original == {"n1", "n4"}
    assert {name.removesuffix("_quant") for name in alone} == with_original


def test_layers_that_share_a_name_are_listed_by_their_outputs() -> None:
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


def test_judge_reports_violations_float_layers_and_ignored_options() -> None:
    data = parse_case("uniform/onnx/Gemm/trans_a@1").build().data
    found = judge(data, {"n1": True, "n4": False})
    assert [(f.kind, f.condition, f.status) for f in found] == [
        ("over-quantized", "uniform/onnx/Gemm/trans_a", "failed"),
        ("not-quantized", "uniform/onnx/Conv", "warned"),
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
        ({"skip_layers": 7}, "skip_layers: 7 is not a list"),
        ({"skip_layers": np.zeros((2, 2))}, "skip_layers: array.* is not a list"),
        ({"skip_layers": [7]}, "skip_layers: 7 is not a name"),
        (
            {"skip_layers": ["n11"]},
            "skip_layers: 'n11' is not a layer of the model, did you mean 'n1",
        ),
        (
            {"tensor_quantize": ["?"]},
            "tensor_quantize: '\\?' is not a layer of the model: use one of",
        ),
        (
            {"skip_layers": ["t1"]},
            "skip_layers: 't1' is an output of Sin 'n0': name the layer, 'n0'",
        ),
        (
            {"skip_layer": ["n1"]},
            "'skip_layer' is not a request option, did you mean 'skip_layers'",
        ),
        ({"stric": True}, "'stric' is not a request option, did you mean 'strict'"),
        (
            {"skip_layer_types": ["Conv"]},
            "skip_layer_types: 'Conv' is not an Ascend IR type of CANN",
        ),
        ({"skip_layer_types": ["MatMul"]}, "did you mean 'BatchMatMulV2'"),
        ({"skip_layer_types": {"MatMulV2": 1}}, "skip_layer_types: {'MatMulV2': 1} is not a list"),
        ({"scheme": "int4"}, "scheme: 'int4' is not a scheme: use one of uniform, nonuniform"),
        ({"scheme": "unifrom"}, "scheme: 'unifrom' is not a scheme, did you mean 'uniform'"),
        ({"scheme": []}, r"scheme: \[\] is not a scheme"),
        ({"settings": {"chanel_wise": True}}, "'chanel_wise' is not a setting, did you mean 'ch"),
        (
            {"settings": {"channel_wise": "yes"}},
            "'channel_wise' is 'yes': it must be True or False",
        ),
        ({"settings": ["channel_wise"]}, "settings: .* is not a mapping"),
    ],
)
def test_an_invalid_request_is_refused(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told) as raised:
        judge(GEMM, {}, **asked)
    assert "\n" not in str(raised.value)


def test_options_take_any_kind_of_list() -> None:
    for names in (["n1"], ("n1",), {"n1"}, frozenset({"n1"})):
        (finding,) = judge(GEMM, {"n1": True}, skip_layers=names)
        assert finding.condition == "settings/onnx/Gemm/skip_layers"


def test_layers_of_a_net_that_do_not_run_at_inference_may_be_named() -> None:
    net = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 1 dim: 4 } } }'
    net += 'layer { name: "r" type: "ReLU" bottom: "x" top: "y" }'
    assert judge(read_caffe(net), {}, skip_layers=["in"]) == []


@pytest.mark.parametrize("schemes", [["int4"], "uniform", [], 7, [["uniform"]]])
def test_a_request_names_an_existing_scheme(schemes: Any) -> None:
    with pytest.raises(UsageError, match="uniform, nonuniform, weight_only"):
        quantization_requests(schemes=schemes)


def test_options_are_what_differs_from_plain_uniform_quantization() -> None:
    assert RequestOptions().given == {}
    given: dict[str, Any] = {"settings": {"channel_wise": False}, "skip_layers": ["n1"]}
    assert RequestOptions.of(given).given == {**given, "skip_layers": ("n1",)}


@pytest.mark.parametrize(
    "request_", [{"scheme": "int4"}, {"skip_layers": "n1"}, {"shceme": "uniform"}, [], 7]
)
def test_a_note_with_an_invalid_request_is_refused(request_: Any, tmp_path: Path) -> None:
    note = {"case": "c", "condition": "c", "targets": [], "request": request_}
    (tmp_path / "m.json").write_text(json.dumps(note))
    with pytest.raises(ModelError, match=r"m\.json: not a note of this suite"):
        read_note(tmp_path / "m.onnx")


# --- wrong arguments ------------------------------------------------------------------------------

CONV = read_onnx(parse_case("uniform/onnx/Conv@default").build().data).layer("n1")
NET = 'layer { name: "r" type: "ReLU" bottom: "x" top: "y" }'
WRONG: dict[str, Any] = {
    "none": None,
    "true": True,
    "integer": 7,
    "float": 1.5,
    "string": "x",
    "empty string": "",
    "lone surrogate": "\ud800",
    "null byte": "a\0b.onnx",
    "name of a file": "x.json",
    "bytes": b"x",
    "model": GEMM,
    "list": [],
    "list of integers": [1],
    "tuple": (1, 2),
    "set": {1},
    "mapping": {},
    "mapping of integers": {1: 2},
    "object": object(),
    "array": np.zeros((2, 2)),
    "path": Path("gone.onnx"),
    "folder": Path(),
    "type": Decision,
    "function": len,
    "layer": CONV,
    "network": CONV.network,
    "spec": load_spec(),
    "treatment": Treatment(),
    "decision": Decision(),
    "Caffe model": CaffeModel(NET, b""),
}
CALLS: dict[str, Callable[[Any], Any]] = {
    "judge": lambda x: judge(x, []),
    "judge decisions": lambda x: judge(GEMM, x),
    "judge spec": lambda x: judge(GEMM, [], spec=x),
    "decisions_of": lambda x: decisions_of(x),
    "decisions_of original": lambda x: decisions_of(GEMM, x),
    "answer": lambda x: answer(x),
    "answer treatment": lambda x: answer(CONV, x).reasons,
    "answer spec": lambda x: answer(CONV, Treatment(), x),
    "load_spec": load_spec,
    "read_onnx": read_onnx,
    "read_tensorflow": read_tensorflow,
    "read_caffe": read_caffe,
    "read_caffe blobs": lambda x: read_caffe(NET, x),
    "read_config": read_config,
    "read_record": read_record,
    "onnx_cases": lambda x: onnx_cases(row=x),
    "onnx_cases condition": lambda x: onnx_cases(row="uniform/onnx/Conv", condition=x),
    "tensorflow_cases": lambda x: tensorflow_cases(row=x),
    "caffe_cases": lambda x: caffe_cases(row=x),
    "onnx_networks": lambda x: onnx_networks(max_layers=x),
    "requests": lambda x: quantization_requests(schemes=x),
    **{
        f"judge {name}": lambda x, name=name: judge(GEMM, [], **{name: x})
        for name in (f.name for f in fields(RequestOptions))
    },
    **{
        f"Treatment {f.name}": lambda x, name=f.name: answer(CONV, Treatment(**{name: x})).reasons
        for f in fields(Treatment)
    },
    **{
        f"Decision {f.name}": lambda x, name=f.name: judge(GEMM, {"n1": Decision(**{name: x})})
        for f in fields(Decision)
    },
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_argument_of_any_type_works_or_is_refused_in_one_sentence(
    call: Callable[[Any], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in WRONG.items():
        try:
            call(value)
        except AmctError as error:
            assert "\n" not in str(error) and len(str(error)) < 700, name


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: answer("n1"), "answer: 'n1' is not a layer: take one of a network's layers"),  # type: ignore[arg-type]
        (lambda: judge(GEMM, [], spec="7.0.0"), "spec '7.0.0': is not a Spec: give what load_spec"),  # type: ignore[arg-type]
        (
            lambda: Treatment("nonunifrom"),
            "Treatment: 'nonunifrom' is not a scheme, did you mean 'non",
        ),  # type: ignore[arg-type]
        (lambda: Treatment(data="yes"), "data is 'yes': it must be True, False or None"),  # type: ignore[arg-type]
        (lambda: onnx_cases(row="uniform/onnx/Cnov"), "did you mean 'uniform/onnx/Conv'"),
        (
            lambda: onnx_cases(row="uniform/onnx/Conv", condition="dilation"),
            "condition: uniform/onnx/Conv has no cases of 'dilation', did you mean 'dilation_d'",
        ),
        (
            lambda: parse_case("uniform/onnx/Conv/dilation@d2"),
            "mean 'uniform/onnx/Conv/dilation_d'",
        ),
    ],
)
def test_an_error_about_an_argument_names_a_valid_one(call: Callable[[], Any], told: str) -> None:
    with pytest.raises(UsageError) as raised:
        call()
    assert told in str(raised.value)


def test_a_report_folder_that_failing_models_cannot_go_to(repository: ToyRepository) -> None:
    repository.write("rep/models", "a file")
    told = repository.refused("--amct", "--amct-report=rep")
    assert "rep/models is a file, but failing models go there: remove it, or name another" in told


@pytest.mark.parametrize("kind", ["model", "pair"])
def test_a_finding_counts_though_its_model_cannot_be_saved(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "models").write_text("a file that came while the run went on")

    calls = []

    def at_first(model: Any, request: Any) -> Any:
        """Quantizes all convolutions and products; in a pair, only those of the first model."""
        calls.append(model)
        takes = ("Gemm", "Conv") if kind == "model" or len(calls) == 1 else ()
        return {x.name: x.type in takes for x in request.network.layers if not x.where}

    chosen = Settings("it", report=tmp_path)
    runner = Runner(FunctionQuantizer("it", at_first), load_spec(), chosen)
    if kind == "model":
        result = runner.check("uniform/onnx/Gemm/trans_a")
    else:
        network = NetworkCase((Item("uniform/onnx/Conv", "default"),))
        result = check_pairs(runner, [MetamorphicCase(network, "twice", 0)], {})
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
@given(quantization_requests())
def test_the_obedient_quantizer_conforms_under_every_request(asked: dict[str, Any]) -> None:
    data = parse_case("uniform/onnx/MatMul@default").build().data
    decisions = Reference().quantize(data, Request("onnx", data, Path(), **asked))
    assert not [f for f in judge(data, decisions, **asked) if f.kind != "not-quantized"]


def test_unreadable_input_is_refused(tmp_path: Path) -> None:
    data = parse_case("uniform/onnx/Conv@default").build().data
    with pytest.raises(ModelError, match="not an ONNX model"):
        judge(b"nonsense", [])
    with pytest.raises(OutputError, match="no such layer"):
        judge(data, ["no such layer"])
    with pytest.raises(ModelError, match=r"gone\.onnx"):
        decisions_of(tmp_path / "gone.onnx")
