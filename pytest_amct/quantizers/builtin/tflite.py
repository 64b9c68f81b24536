"""TensorFlow's converter to TensorFlow Lite, int8, with the usual settings."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterator
from typing import Any

from pytest_amct.errors import UsageError
from pytest_amct.quantizers.builtin.onnxruntime import quiet
from pytest_amct.quantizers.protocol import Request, Unsupported
from pytest_amct.quantizers.tool import installed


class _TfLite:
    """``tf.lite.TFLiteConverter``; loading adds the rest of `Quantizer`."""

    name = "tflite"
    frameworks = ("tensorflow",)

    @property
    def version(self) -> str | None:
        """The version of TensorFlow."""
        return installed("tensorflow", "tensorflow-cpu")

    def quantize(self, model: Any, request: Request) -> bytes:
        """Return the converted model.

        Raises `Unsupported` for graphs with types or operators that TensorFlow Lite does not have.
        """
        tf = _import()
        with quiet():
            return _convert(tf, request)


def tflite() -> _TfLite:
    """Make ``tflite``: `tf.lite.TFLiteConverter`, int8 with a representative dataset."""
    for package in ("tensorflow", "tflite"):
        if importlib.util.find_spec(package) is None:
            raise UsageError(
                f"quantizer 'tflite' needs {package}: pip install pytest-amct[tensorflow]"
            )
    return _TfLite()


def _import() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet():
        return importlib.import_module("tensorflow")


def _convert(tf: Any, request: Request) -> bytes:
    """Return the converted model: int8 where the converter supports it, float elsewhere."""
    graph = tf.compat.v1.GraphDef.FromString(request.model_bytes)
    fed = [f"{spec.name}:0" for spec in request.inputs]
    read = {name for node in graph.node for name in _data_inputs(node)}
    made = [
        n.name for n in graph.node if n.name not in read and n.op not in ("Placeholder", "NoOp")
    ]
    try:
        wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
        pruned = wrapped.prune(fed, [f"{name}:0" for name in made])
        converter = tf.lite.TFLiteConverter.from_concrete_functions([pruned], pruned)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        names = [tensor.name.split(":")[0] for tensor in pruned.inputs]
        converter.representative_dataset = lambda: _feeds(request, names)
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
            tf.lite.OpsSet.TFLITE_BUILTINS,
        ]
        converted: bytes = converter.convert()
    except Exception as error:
        words = (str(error).strip().splitlines() or [""])[0]
        raise Unsupported(f"TensorFlow Lite: {type(error).__name__}: {words[:200]}") from None
    return converted


def _data_inputs(node: Any) -> Iterator[str]:
    for name in node.input:
        if not name.startswith("^"):
            yield name.split(":")[0]


def _feeds(request: Request, names: list[str]) -> Iterator[list[Any]]:
    for feed in request.calibration():
        yield [feed[name] for name in names]
