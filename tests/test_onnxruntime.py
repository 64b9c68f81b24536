"""A real third-party quantizer: every finding is checked by other means."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from second_opinion import opinions

from pytest_amct.cases.catalog import parse_case
from pytest_amct.options import Settings
from pytest_amct.quantizers.loading import load_quantizer
from pytest_amct.quantizers.protocol import Request
from pytest_amct.quantizers.running import input_spec
from pytest_amct.results import Result
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec
from pytest_amct.verdicts import NEIGHBOURS

GROUPS = [
    "uniform/onnx/Conv",
    "uniform/onnx/Conv/dilation_d",
    "uniform/onnx/Gemm/trans_a",
    "uniform/onnx/ConvTranspose/dilation",
    "uniform/onnx/ConvTranspose/weight_rank",
    "uniform/onnx/MatMul/second_input",
    "uniform/onnx/AveragePool/global_pooling",
    "float16/onnx/MaxPool",
    "float16/onnx/Add",
    "uniform/onnx/unlisted/Sigmoid",
    "uniform/onnx/unlisted/com.acme::Conv",
]


def judge(name: str, folder: Path, groups: list[str]) -> dict[str, Result]:
    settings = Settings(name, max_examples=0, scratch=folder)
    runner = Runner(load_quantizer(name), load_spec(), settings)
    return {group: runner.check(group) for group in groups}


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return judge("onnxruntime", tmp_path_factory.mktemp("static"), GROUPS)


class Feeds(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, feeds: Iterator[dict[str, object]]) -> None:
        self.feeds = feeds

    def get_next(self) -> dict[str, object] | None:
        return next(self.feeds, None)


def quantize(case_id: str, folder: Path) -> tuple[onnx.ModelProto, onnx.ModelProto, str]:
    """The model of a case, onnxruntime's result, and the target output."""
    from pytest_amct import read_onnx

    built = parse_case(case_id).build()
    source, target = folder / "m.onnx", folder / "q.onnx"
    source.write_bytes(built.data)
    inputs = tuple(input_spec(t) for t in read_onnx(built.data).inputs)
    feeds = Feeds(iter(Request("onnx", built.data, folder, inputs).calibration()))
    quantize_static(source, target, feeds, quant_format=QuantFormat.QDQ)
    return built.model, onnx.load(target), built.targets[0]


def producers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    return {name: node for node in model.graph.node for name in node.output}


@pytest.mark.slow
def test_every_finding_holds_when_checked_by_hand(
    static: dict[str, Result], tmp_path: Path
) -> None:
    """Checked on the raw protos and by the second opinion, which the product does not use."""
    findings = [
        f for r in static.values() for f in r.findings if f.kind == "over-quantized" and f.model
    ]
    assert len({f.condition for f in findings}) >= 7
    for finding in findings:
        original, quantized, target = quantize(finding.case, tmp_path)
        opinion = next(o for o in opinions(original) if o.output == target)
        assert opinion.answer == "forbidden", finding.case
        assert finding.condition in opinion.broken, finding.case
        made_by = producers(quantized)
        (node,) = [n for n in original.graph.node if target in n.output]
        (same,) = [n for n in quantized.graph.node if n.name == node.name]
        port = 1 if node.op_type in ("Conv", "ConvTranspose", "Gemm", "MatMul") else 0
        assert made_by[same.input[port]].op_type == "DequantizeLinear", finding.case


@pytest.mark.slow
def test_what_it_is_known_to_break(static: dict[str, Result]) -> None:
    broken = {g for g, r in static.items() if r.failure}
    assert broken == {
        "uniform/onnx/Conv/dilation_d",
        "uniform/onnx/Gemm/trans_a",
        "uniform/onnx/ConvTranspose/dilation",
        "uniform/onnx/ConvTranspose/weight_rank",
        "uniform/onnx/MatMul/second_input",
        "float16/onnx/Add",
        "uniform/onnx/unlisted/Sigmoid",
    }


@pytest.mark.slow
def test_a_pool_that_its_neighbours_explain_cannot_be_told(static: dict[str, Result]) -> None:
    """It quantizes a MaxPool only between quantized layers, where nothing proves the choice."""
    result = static["float16/onnx/MaxPool"]
    assert {f.kind for f in result.findings} <= {"invalid-output"}
    pools = [r for r in result.records if "broken" in r.states.values() and r.untold]
    assert {(r.decided, r.untold) for r in pools} == {("unknown", NEIGHBOURS)}


@pytest.mark.slow
def test_its_conforming_layers_are_seen_as_quantized(static: dict[str, Result]) -> None:
    default = [r for r in static["uniform/onnx/Conv"].records if "@default" in r.case]
    assert len(default) > 1 and {r.decided for r in default} == {"quantized"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("onnxruntime-qoperator", {"uniform/onnx/Conv/dilation_d", "uniform/onnx/Gemm/trans_a"}),
        ("onnxruntime-dynamic", {"uniform/onnx/MatMul/second_input"}),
    ],
)
def test_its_other_forms_are_read(name: str, broken: set[str], tmp_path: Path) -> None:
    groups = [
        "uniform/onnx/Conv/dilation_d",
        "uniform/onnx/Gemm/trans_a",
        "uniform/onnx/MatMul/second_input",
    ]
    found = judge(name, tmp_path, groups)
    assert broken <= {
        f.condition for r in found.values() for f in r.findings if f.kind == "over-quantized"
    }
    decided = [record.decided for result in found.values() for record in result.records]
    assert decided.count("quantized") > 10
