"""Calls a quantizer on one model: a private copy, recorded output, nothing leaks either way."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx

from pytest_amct.errors import AmctError, ModelError, OutputError
from pytest_amct.graphs.network import Network, Tensor
from pytest_amct.graphs.onnx_reader import read_onnx
from pytest_amct.graphs.walk import dtype, shape
from pytest_amct.quantizers.containing import Left, contained, recorder
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

_LONGEST_LINE = 400
"""Characters of an exception's message that a finding shows."""


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
        with contained(request.workdir):
            outcome = _call(quantizer, request, network)
    message = _without_paths(outcome.message)
    output = _without_paths(recorder().last_lines(_LAST_LINES))
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
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Outcome("errored", message=words(error))
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
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return words(error)
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


def words(error: BaseException) -> str:
    """An exception in one line: its type, and the first line of what it says."""
    if isinstance(error, SystemExit):
        return f"SystemExit: sys.exit({error.code!r})"
    if isinstance(error, Left):
        return f"SystemExit: {error}"
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # of another's making: it may not even print
        lines = []
    first = lines[0][:_LONGEST_LINE] if lines else ""
    if first and isinstance(error, AmctError):
        return first
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def input_spec(tensor: Tensor) -> InputSpec:
    """What calibration data for a network input looks like; symbolic dimensions count as 1."""
    entries = shape(tensor) or ()
    return InputSpec(
        tensor.name,
        dtype(tensor) or "float32",
        tuple(n if n and isinstance(n, int) else 1 for n in entries),
    )
