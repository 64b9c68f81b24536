"""Calls a quantizer on one model: a private copy, recorded output, nothing leaks either way."""

from __future__ import annotations

import os
import re
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import onnx

from pytest_amct.decisions.decision import Outcome
from pytest_amct.decisions.read import TEXT_FORMS, read_outcome
from pytest_amct.errors import AmctError, ModelError, OutputError
from pytest_amct.frameworks import BLOBS_FILE
from pytest_amct.graphs.network import Network, Tensor
from pytest_amct.graphs.reading import ModelFiles
from pytest_amct.graphs.walk import dtype, shape
from pytest_amct.quantizers.containing import Left, contained, recorder
from pytest_amct.quantizers.protocol import (
    CaffeModel,
    InputSpec,
    Lost,
    Quantizer,
    Refused,
    Request,
    Unsupported,
)

_LAST_LINES = 12
"""Lines of the tool's output that a finding shows."""

_MOST_FRAMES = 3
"""Lines that tell where a quantizer raised."""

_OURS = frozenset(Path(__file__).with_name(f"{n}.py") for n in ("running", "loading", "programs"))

_LONGEST_LINE = 400
"""Characters of an exception's message that a finding shows."""


def run_quantizer(
    quantizer: Quantizer, model: ModelFiles, network: Network | None = None, **asked: Any
) -> Outcome:
    """What the quantizer decides on a model.

    `network` is the same model, if it has been read already; `asked` goes into the `Request`.
    Never raises for what the quantizer does: that is in the outcome. Ctrl-C passes.
    """
    network = network or model.network()
    with tempfile.TemporaryDirectory(prefix="amct-", ignore_cleanup_errors=True) as folder:
        request = make_request(model, network, Path(folder), asked)
        with contained(request.workdir):
            outcome = _call(quantizer, request, network)
    message = _without_paths(outcome.message)
    output = _without_paths(recorder().last_lines(_LAST_LINES))
    return replace(outcome, message=message, output=output)


def run_batch(
    quantizer: Quantizer, models: Sequence[tuple[ModelFiles, Mapping[str, Any]]]
) -> list[Outcome]:
    """The outcomes of one call with many models, in their order; none if it failed as a whole."""
    networks = [model.network() for model, _ in models]
    with tempfile.TemporaryDirectory(prefix="amct-", ignore_cleanup_errors=True) as folder:
        requests = []
        for i, (network, (model, asked)) in enumerate(zip(networks, models, strict=True)):
            home = Path(folder, str(i))
            home.mkdir()
            requests.append(make_request(model, network, home, asked))
        assert quantizer.quantize_batch is not None
        with contained(Path(folder)):
            try:
                results = list(quantizer.quantize_batch(requests))
            except Exception:
                return []
            if len(results) != len(requests):
                return []
            found = [
                _outcome(quantizer, request, network, partial(_give, result))
                for request, network, result in zip(requests, networks, results, strict=True)
            ]
    return [replace(o, message=_without_paths(o.message)) for o in found]


def make_request(
    model: ModelFiles, network: Network, folder: Path, asked: Mapping[str, Any]
) -> Request:
    """The request for a model; what belongs to the model stands in the folder already."""
    for name, content in model.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    inputs = tuple(input_spec(tensor) for tensor in network.inputs)
    return Request(model.framework, model.data, folder, inputs, _network=network, **asked)


def _give(result: Any) -> Any:
    if isinstance(result, Exception):
        raise result
    return result


def _without_paths(text: str) -> str:
    """Temporary folders have another name in each run; what is told of a case must not."""
    drawn = r"([^/\\\s]*[._-]|tmp)[a-z0-9_]{8}(?![^/\\\s])"  # as Python's tempfile draws names
    names = rf"[/\\](amct-[^/\\\s]+|{drawn})"
    return re.sub(re.escape(tempfile.gettempdir()) + names, "<tmp>", text)


def _call(quantizer: Quantizer, request: Request, network: Network) -> Outcome:
    model = _private_copy(request)
    return _outcome(quantizer, request, network, lambda: quantizer.quantize(model, request))


def _private_copy(request: Request) -> Any:
    """The model as quantizers get it: a proto of ONNX or TensorFlow's form, Caffe's two files."""
    if request.framework == "tensorflow":
        from pytest_amct.graphs.tensorflow.files import parse_tensorflow

        return parse_tensorflow(request.model_bytes)
    if request.framework == "caffe":
        blobs = request.native.files.get(BLOBS_FILE, b"")
        return CaffeModel(request.model_bytes.decode("utf-8"), blobs)
    model = onnx.ModelProto()
    model.ParseFromString(request.model_bytes)
    return model


def _outcome(
    quantizer: Quantizer, request: Request, network: Network, quantize: Callable[[], Any]
) -> Outcome:
    try:
        result = quantize()
        if isinstance(result, Iterator):  # a generator does its work only now
            result = list(result)
    except Refused as refusal:
        return Outcome("refused", message=str(refusal))
    except Unsupported as error:
        return Outcome("unsupported", message=str(error))
    except Lost as error:
        return Outcome("lost", message=str(error))
    except OutputError as error:
        return Outcome("invalid-output", message=str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        _print_place(error)
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
        path = Path(folder, result)
        return path if path.suffix.lower() not in TEXT_FORMS else None
    return None


def _print_place(error: BaseException) -> None:
    """Where the quantizer raised, among what it printed last: innermost last."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [f for f in frames if Path(f.filename) not in _OURS and f.filename[:1] != "<"]
    for frame in theirs[-_MOST_FRAMES:]:
        print(f"at {frame.filename}:{frame.lineno}, in {frame.name}")


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
