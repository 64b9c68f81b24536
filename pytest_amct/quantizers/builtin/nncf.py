"""The quantizer of nncf with the settings that it has by default."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_amct.errors import OutputError, UsageError
from pytest_amct.quantizers.builtin.onnxruntime import load_session, quiet
from pytest_amct.quantizers.protocol import Request, Unsupported

_OLDEST_OPSET = 10
_TELEMETRY = "openvino_telemetry"


class _Nncf:
    """``nncf.quantize`` on ONNX; loading adds the rest of `Quantizer`."""

    name = "nncf"
    frameworks = ("onnx",)

    def quantize(self, model: Any, request: Request) -> Any:
        """Quantize the proto and return the one that nncf makes of it (QDQ form)."""
        _check(model, request)
        tool = _import()
        try:
            with quiet(), _no_progress():
                return tool.quantize(model, tool.Dataset(list(request.calibration())))
        except Exception:
            _check_runs(request)
            raise

    def validate(self, path: Path) -> None:
        """Load the model into a session. Raises `OutputError` with the first line of the reason."""
        load_session(path)


def nncf() -> _Nncf:
    """``nncf``: `nncf.quantize`, QDQ form."""
    for needed in ("nncf", "onnxruntime"):
        if importlib.util.find_spec(needed) is None:
            raise UsageError(f"quantizer 'nncf' needs {needed}: pip install pytest-amct[nncf]")
    return _Nncf()


def _check(model: Any, request: Request) -> None:
    """Raise `Unsupported` for what nncf says it does not take, and for data that cannot be fed."""
    if any(i.dtype == "bfloat16" for i in request.inputs):
        raise Unsupported("onnxruntime, which nncf calibrates with, takes no arrays of bfloat16")
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx") and opset.version < _OLDEST_OPSET:
            raise Unsupported(
                f"nncf takes ONNX models of opset {_OLDEST_OPSET} and newer, not {opset.version}"
            )


def _check_runs(request: Request) -> None:
    """Raise `Unsupported` for a model that onnxruntime cannot run: nobody could calibrate it."""
    try:
        load_session(request.model_path)
    except OutputError as error:
        raise Unsupported(
            f"onnxruntime, which nncf calibrates with, does not run the model: {error}"
        ) from None


def _import() -> Any:
    """The package, without what importing it does to the rest of the process.

    It makes its own class that of every later logger, and sets up telemetry, which writes into the
    home folder; where the telemetry's package is missing it goes without.
    """
    if "nncf" in sys.modules:
        return sys.modules["nncf"]
    loggers, absent = logging.getLoggerClass(), _TELEMETRY not in sys.modules
    if absent:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("nncf")
    finally:
        logging.setLoggerClass(loggers)
        if absent:
            del sys.modules[_TELEMETRY]


@contextmanager
def _no_progress() -> Iterator[None]:
    """Keep the bars, which nncf draws on the console that all users of rich share, off it."""
    console = importlib.import_module("rich").get_console()
    before, console.quiet = console.quiet, True
    try:
        yield
    finally:
        console.quiet = before
