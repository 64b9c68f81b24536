"""Judges a quantizer's decisions against the published tables of what may be quantized.

This is the public API. Each name is imported on first use, which keeps pytest's start fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_amct.api import decisions_of as decisions_of
    from pytest_amct.api import judge as judge
    from pytest_amct.cases.plan import Case as Case
    from pytest_amct.cases.strategies import caffe_cases as caffe_cases
    from pytest_amct.cases.strategies import onnx_cases as onnx_cases
    from pytest_amct.cases.strategies import onnx_networks as onnx_networks
    from pytest_amct.cases.strategies import quantization_requests as quantization_requests
    from pytest_amct.cases.strategies import tensorflow_cases as tensorflow_cases
    from pytest_amct.decisions.amct.config import read_config as read_config
    from pytest_amct.decisions.amct.record import read_record as read_record
    from pytest_amct.decisions.decision import Decision as Decision
    from pytest_amct.errors import AmctError as AmctError
    from pytest_amct.errors import ModelError as ModelError
    from pytest_amct.errors import OutputError as OutputError
    from pytest_amct.errors import SpecError as SpecError
    from pytest_amct.errors import UsageError as UsageError
    from pytest_amct.graphs.caffe.reader import read_caffe as read_caffe
    from pytest_amct.graphs.onnx.reader import read_onnx as read_onnx
    from pytest_amct.graphs.tensorflow.reader import read_tensorflow as read_tensorflow
    from pytest_amct.quantizers.protocol import CaffeModel as CaffeModel
    from pytest_amct.quantizers.protocol import Refused as Refused
    from pytest_amct.quantizers.protocol import Request as Request
    from pytest_amct.quantizers.protocol import Unsupported as Unsupported
    from pytest_amct.tables.answers import answer as answer
    from pytest_amct.tables.loader import load_spec as load_spec
    from pytest_amct.tables.model import Answer as Answer
    from pytest_amct.tables.model import DataFormat as DataFormat
    from pytest_amct.tables.model import Reason as Reason
    from pytest_amct.tables.model import Treatment as Treatment
    from pytest_amct.testing import assert_conforms as assert_conforms
    from pytest_amct.verdicts import Finding as Finding

__version__ = "0.1.0"

_HOME = {
    "AmctError": "errors",
    "Answer": "tables.model",
    "CaffeModel": "quantizers.protocol",
    "Case": "cases.plan",
    "DataFormat": "tables.model",
    "Decision": "decisions.decision",
    "Finding": "verdicts",
    "ModelError": "errors",
    "OutputError": "errors",
    "Reason": "tables.model",
    "Refused": "quantizers.protocol",
    "Request": "quantizers.protocol",
    "SpecError": "errors",
    "Treatment": "tables.model",
    "Unsupported": "quantizers.protocol",
    "UsageError": "errors",
    "answer": "tables.answers",
    "assert_conforms": "testing",
    "caffe_cases": "cases.strategies",
    "decisions_of": "api",
    "judge": "api",
    "load_spec": "tables.loader",
    "onnx_cases": "cases.strategies",
    "onnx_networks": "cases.strategies",
    "quantization_requests": "cases.strategies",
    "read_caffe": "graphs.caffe.reader",
    "read_config": "decisions.amct.config",
    "read_onnx": "graphs.onnx.reader",
    "read_record": "decisions.amct.record",
    "read_tensorflow": "graphs.tensorflow.reader",
    "tensorflow_cases": "cases.strategies",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
