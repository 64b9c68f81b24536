"""The quantizers of onnxruntime with their default settings."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pytest_amct.errors import OutputError, UsageError
from pytest_amct.quantizers.protocol import Request, Unsupported
from pytest_amct.quantizers.tool import installed

_Form = Literal["QDQ", "QOperator", "dynamic"]

_SILENT = 4
"""The log severity of onnxruntime that logs only fatal errors."""


@dataclass(frozen=True, slots=True)
class _Onnxruntime:
    """One of onnxruntime's quantizers; loading adds the rest of `Quantizer`."""

    name: str
    form: _Form
    frameworks: tuple[str, ...] = ("onnx",)

    @property
    def version(self) -> str | None:
        """The version of onnxruntime."""
        return installed("onnxruntime", "onnxruntime-gpu")

    def quantize(self, model: Any, request: Request) -> Path:
        """Quantize the model's file, as onnxruntime modifies protos. Return the result's path."""
        tool = importlib.import_module("onnxruntime.quantization")
        if self.form != "dynamic" and any(i.dtype == "bfloat16" for i in request.inputs):
            raise Unsupported(
                "onnxruntime does not accept bfloat16 arrays, so nothing can be calibrated"
            )
        source, target = request.model_path, request.workdir / "quantized.onnx"
        with quiet():
            if self.form == "dynamic":
                tool.quantize_dynamic(source, target)
            else:
                form = tool.QuantFormat[self.form]
                feeds = _Feeds(request.calibration())
                tool.quantize_static(source, target, feeds, quant_format=form)
        return target

    def validate(self, path: Path) -> None:
        """Load the model into a session. Raises `OutputError` with the first line of the error."""
        load_session(path)


def static() -> _Onnxruntime:
    """Make ``onnxruntime``: `quantize_static`, QDQ form."""
    return _make("onnxruntime", "QDQ")


def qoperator() -> _Onnxruntime:
    """Make ``onnxruntime-qoperator``: `quantize_static`, QOperator form."""
    return _make("onnxruntime-qoperator", "QOperator")


def dynamic() -> _Onnxruntime:
    """Make ``onnxruntime-dynamic``: `quantize_dynamic`, data quantized at run time."""
    return _make("onnxruntime-dynamic", "dynamic")


class _Feeds:
    """Calibration data as onnxruntime reads it. Its ABC requires only this method."""

    def __init__(self, feeds: Iterable[Mapping[str, Any]]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> Mapping[str, Any] | None:
        """Return the next feed, ``None`` at the end."""
        return next(self._feeds, None)


def _make(name: str, form: _Form) -> _Onnxruntime:
    if importlib.util.find_spec("onnxruntime") is None:
        raise UsageError(
            f"quantizer {name!r} needs onnxruntime: pip install pytest-amct[onnxruntime]"
        )
    return _Onnxruntime(name, form)


def load_session(path: Path) -> None:
    """Load a model into a session. Raises `OutputError` with the first line of the error.

    The optimizers of a session break some good models: those of onnxruntime 1.32 write a
    QuantizeLinear that they then refuse. So a session without optimizers decides.
    """
    runtime = importlib.import_module("onnxruntime")
    levels = runtime.GraphOptimizationLevel
    raised: Exception | None = None
    for level in (levels.ORT_ENABLE_ALL, levels.ORT_DISABLE_ALL):
        options = runtime.SessionOptions()
        options.log_severity_level = _SILENT
        options.intra_op_num_threads = 1
        options.graph_optimization_level = level
        try:
            runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            return
        except Exception as error:  # onnxruntime's exceptions have no common base
            raised = error
    raise OutputError((str(raised).strip().splitlines() or [type(raised).__name__])[0]) from raised


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress logged advice. `logging.warning` would also add a permanent root handler."""
    root, before = logging.getLogger(), logging.root.manager.disable
    handler = logging.NullHandler()
    root.addHandler(handler)
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
        root.removeHandler(handler)
