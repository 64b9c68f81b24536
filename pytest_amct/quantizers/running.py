"""Calls a quantizer on one model: a private copy, recorded output, nothing leaks either way."""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx

from pytest_amct.errors import AmctError, ModelError, OutputError
from pytest_amct.graphs.network import Network, Tensor
from pytest_amct.graphs.onnx_reader import read_onnx
from pytest_amct.graphs.walk import dtype, shape
from pytest_amct.quantizers.protocol import (
    InputSpec,
    Outcome,
    Quantizer,
    Refused,
    Request,
    Unsupported,
)
from pytest_amct.quantizers.reading import read_outcome

_LAST_LINES = 12
"""Lines of the tool's output that a finding shows."""


class _Exit(BaseException):
    """Stands in for the end of the process while a quantizer runs."""


def run_quantizer(
    quantizer: Quantizer, data: bytes, network: Network | None = None, **asked: Any
) -> Outcome:
    """What the quantizer decides on the model in `data`.

    `network` is the same model, if it has been read already; `asked` goes into the `Request`.
    Never raises for what the quantizer does: that is in the outcome. Ctrl-C passes.
    """
    network = network or read_onnx(data)
    with tempfile.TemporaryDirectory(prefix="amct-", ignore_cleanup_errors=True) as folder:
        request = Request(
            framework="onnx",
            model_bytes=data,
            workdir=Path(folder),
            inputs=tuple(input_spec(tensor) for tensor in network.inputs),
            **asked,
        )
        recorded = io.StringIO()
        with _contained(recorded, request.workdir):
            outcome = _call(quantizer, request, network)
    lines = recorded.getvalue().strip().splitlines()[-_LAST_LINES:]
    message, output = _without_paths(outcome.message), _without_paths("\n".join(lines))
    return replace(outcome, message=message, output=output)


def _without_paths(text: str) -> str:
    """Temporary folders have another name in each run; what is told of a case must not."""
    return re.sub(re.escape(tempfile.gettempdir()) + r"[/\\][^/\\\s]+", "<tmp>", text)


def _call(quantizer: Quantizer, request: Request, network: Network) -> Outcome:
    model = onnx.ModelProto()
    model.ParseFromString(request.model_bytes)
    try:
        result = quantizer.quantize(model, request)
        if isinstance(result, Iterator):  # a generator does its work only now
            result = list(result)
    except Refused as refusal:
        return Outcome("refused", message=str(refusal))
    except Unsupported as error:
        return Outcome("unsupported", message=str(error))
    except _Exit as error:
        return Outcome("errored", message=f"called {error}")
    except SystemExit as error:
        return Outcome("errored", message=f"called sys.exit({error.code!r})")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Outcome("errored", message=_words(error))
    try:
        return _read(quantizer, request, network, result)
    except (OutputError, ModelError) as error:
        return Outcome("invalid-output", message=str(error))


def _read(quantizer: Quantizer, request: Request, network: Network, result: Any) -> Outcome:
    outcome = read_outcome(network, result)
    path = _as_file(result, request.workdir)
    rejected = _rejection(quantizer, path) if path is not None else None
    # A validator that refuses the model that was given, too, has no kernel for it: no proof.
    if rejected is not None and _rejection(quantizer, request.model_path) is None:
        raise OutputError(f"the quantized model does not load: {rejected}")
    return outcome


def _rejection(quantizer: Quantizer, path: Path) -> str | None:
    """Why the quantizer's own validation refuses a file, ``None`` if it does not."""
    try:
        quantizer.validate(path)
    except Exception as error:
        return _words(error)
    return None


def _as_file(result: Any, folder: Path) -> Path | None:
    """The file of a quantized model, ``None`` if what was returned is none."""
    if isinstance(result, onnx.ModelProto):
        result = result.SerializeToString()
    if isinstance(result, bytes):
        path = folder / "quantized.onnx"
        path.write_bytes(result)
        return path
    if isinstance(result, (str, os.PathLike)):
        return Path(folder, result)
    return None


def _words(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    if lines and isinstance(error, AmctError):
        return lines[0]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def input_spec(tensor: Tensor) -> InputSpec:
    """What calibration data for a network input looks like; symbolic dimensions count as 1."""
    entries = shape(tensor) or ()
    return InputSpec(tensor.name, dtype(tensor) or "float32", tuple(n or 1 for n in entries))


@contextlib.contextmanager
def _contained(recorded: io.StringIO, folder: Path) -> Iterator[None]:
    """Record output and warnings; restore the working directory, the environment, `os._exit`."""
    home, environment = os.getcwd(), dict(os.environ)
    leave = os._exit

    def no_exit(code: int) -> None:
        raise _Exit(f"os._exit({code})")

    os._exit = no_exit  # type: ignore[assignment]
    try:
        with (
            contextlib.redirect_stdout(recorded),
            contextlib.redirect_stderr(recorded),
            warnings.catch_warnings(record=True) as caught,
        ):
            warnings.simplefilter("always")
            os.chdir(folder)
            yield
        for warning in caught:
            recorded.write(f"\n{warning.category.__name__}: {warning.message}")
    finally:
        os._exit = leave
        os.chdir(home)
        _restore(os.environ, environment)


def _restore(environment: os._Environ[str], saved: Mapping[str, str]) -> None:
    if dict(environment) != saved:
        environment.clear()
        environment.update(saved)


