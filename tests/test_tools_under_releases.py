"""What real tools violate under each release: each request is made once, and judged by all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pytest_amct.calls import Calls
from pytest_amct.choosing import with_releases
from pytest_amct.options import Settings
from pytest_amct.quantizers.loading import load_quantizer
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec

pytestmark = pytest.mark.slow

ONNX = (
    "uniform/onnx/Conv",
    "uniform/onnx/Conv/dilation_d",
    "uniform/onnx/Conv/data_rank",
    "uniform/onnx/Gemm/trans_a",
    "uniform/onnx/Gemm/alpha_1",
    "uniform/onnx/MatMul/second_input",
    "uniform/onnx/MatMul/constant_rank",
    "uniform/onnx/MatMul/two_variables",
    "uniform/onnx/Add/one_input",
    "float16/onnx/Add",
    "uniform/onnx/unlisted/Sigmoid",
)
FEW = ("uniform/onnx/MatMul/two_variables", "uniform/onnx/Add/one_input")
CAFFE = (
    "uniform/caffe/Convolution",
    "uniform/caffe/Convolution/dilation",
    "uniform/caffe/Pooling/global_pooling",
    "uniform/caffe/Pooling/average",
    "uniform/caffe/Eltwise/operation",
    "uniform/caffe/unlisted/ReLU",
)

TENSORFLOW = (
    "uniform/tensorflow/Conv2D/weight_source",
    "uniform/tensorflow/Conv2D/weight_node",
    "uniform/tensorflow/DepthwiseConv2dNative",
    "uniform/tensorflow/DepthwiseConv2dNative/dilation",
    "uniform/tensorflow/MatMul/transpose_a",
    "settings/tensorflow/MatMul/channel_wise",
    "uniform/tensorflow/BatchMatMulV2/second_input",
    "uniform/tensorflow/BatchMatMulV2/constant_rank",
    "uniform/tensorflow/BatchMatMulV2/two_variables",
    "uniform/tensorflow/Add/one_input",
    "float16/tensorflow/Add",
    "float16/tensorflow/BatchMatMulV2",
    "uniform/tensorflow/unlisted/BiasAdd",
    "uniform/tensorflow/unlisted/AvgPool",
    "uniform/tensorflow/unlisted/Add",
)


def violated(name: str, folder: Path, groups: Iterable[str]) -> dict[str, list[str]]:
    """The conditions that a tool violates, by release; those that only warn have a ``~``."""
    tool = load_quantizer(name)
    settings = Settings(name, spec="all", max_examples=0, scratch=folder)
    settings = with_releases(settings, tool)
    specs = tuple(map(load_spec, settings.specs))
    calls = Calls(tool, specs, settings)
    found = {}
    for spec in specs:
        runner = Runner(tool, spec, settings, None, calls)
        asked = [group for group in groups if group in runner.gate.every_group]
        over = {
            f.condition + ("~" if f.status == "warned" else "")
            for group in asked
            for f in runner.check(group).findings
            if f.kind == "over-quantized"
        }
        found[spec.source] = sorted(over)
    return found


def test_onnxruntime(tmp_path: Path, snapshot: Any) -> None:
    assert violated("onnxruntime", tmp_path, ONNX) == snapshot


def test_onnxruntimes_integer_operators(tmp_path: Path, snapshot: Any) -> None:
    assert violated("onnxruntime-qoperator", tmp_path, ONNX) == snapshot


def test_nncf(tmp_path: Path, snapshot: Any) -> None:
    pytest.importorskip("nncf")
    assert violated("nncf", tmp_path, FEW) == snapshot


def test_opencv(tmp_path: Path, snapshot: Any) -> None:
    pytest.importorskip("cv2")
    assert violated("opencv", tmp_path, CAFFE) == snapshot


def test_tflite(tmp_path: Path, snapshot: Any) -> None:
    pytest.importorskip("tensorflow")
    assert violated("tflite", tmp_path, TENSORFLOW) == snapshot
