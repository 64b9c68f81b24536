"""The quantizer of nncf with its default settings."""

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
from pytest_amct.quantizers.tool import installed

_OLDEST_OPSET = 10
_TELEMETRY = "openvino_telemetry"


class _Nncf:
    """``nncf.quantize`` on ONNX; loading adds the rest of `Quantizer`."""

    name = "nncf"
    frameworks = ("onnx",)

    @property
    def version(self) -> str | None:
        """The version of nncf."""
        return installed("nncf")

    def quantize(self, model: Any, request: Request) -> Any:
        """Quantize the proto and return nncf's result in QDQ form."""
        _check(model, request)
        tool = _import()
        try:
            with quiet(), _no_progress():
                return tool.quantize(model, tool.Dataset(request.calibration()))
        except Exception:
            _check_runs(request)
            raise

    def validate(self, path: Path) -> None:
        """Load the model into a session. Raises `OutputError` with the first line of the error."""
        load_session(path)


def nncf() -> _Nncf:
    """Make ``nncf``: `nncf.quantize`, QDQ form."""
    for needed in ("nncf", "onnxruntime"):
        if importlib.util.find_spec(needed) is None:
            raise UsageError(f"quantizer 'nncf' needs {needed}: pip install pytest-amct[nncf]")
    return _Nncf()


def _check(model: Any, request: Request) -> None:
    """Raise `Unsupported` for documented limits of nncf and for data that cannot be fed."""
    if any(i.dtype == "bfloat16" for i in request.inputs):
        raise Unsupported("onnxruntime, which calibrates for nncf, does not accept bfloat16 arrays")
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx") and opset.version < _OLDEST_OPSET:
            raise Unsupported(
                f"nncf accepts ONNX models of opset {_OLDEST_OPSET} and newer, not {opset.version}"
            )


def _check_runs(request: Request) -> None:
    """Raise `Unsupported` for a model that onnxruntime cannot run: it cannot be calibrated."""
    try:
        load_session(request.model_path)
    except OutputError as error:
        raise Unsupported(
            f"onnxruntime, which calibrates for nncf, does not run the model: {error}"
        ) from None


def _import() -> Any:
    """Import the package without its effects on the rest of the process.

    It sets the class of every later logger, and sets up telemetry, which writes to the home folder.
    It works without telemetry if the telemetry package is missing.
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
    """Hide nncf's progress bars, which it draws on the console that all users of rich share."""
    console = importlib.import_module("rich").get_console()
    before, console.quiet = console.quiet, True
    try:
        yield
    finally:
        console.quiet = before
