"""Calls a quantizer on one model: with a private copy, recorded output, and no side effects."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import onnx

from pytest_amct.decisions.decision import Outcome
from pytest_amct.decisions.plain import described, said
from pytest_amct.decisions.read import TEXT_FORMS, is_tflite, read_outcomes
from pytest_amct.errors import AmctError, ModelError, OutputError
from pytest_amct.frameworks import BLOBS_FILE
from pytest_amct.graphs.network import Network, Tensor
from pytest_amct.graphs.reading import ModelFiles
from pytest_amct.graphs.tensorflow.files import parse_tensorflow
from pytest_amct.graphs.walk import dtype, shape
from pytest_amct.processes.temporary import prefix, private_folder
from pytest_amct.quantizers.containing import Left, contained, recorder
from pytest_amct.quantizers.protocol import (
    CaffeModel,
    Crashed,
    InputSpec,
    Quantizer,
    Refused,
    Request,
    TimedOut,
    Unsupported,
)
from pytest_amct.request_options import PLAIN, RequestOptions
from pytest_amct.tables.loader import spec_or_default
from pytest_amct.tables.model import Spec

_LAST_LINES = 16
"""The number of lines of the tool's output that a finding shows."""

_MOST_FRAMES = 3
"""The number of frames that show where a quantizer raised."""

_RETURNED = "the quantizer returned"
"""How messages about a result begin; a quantizer's attribute `returned` says it in other words."""

_MOST_SAID = 8
"""The most lines of an exception's message that are shown."""

_MOST_CAUSES = 3
"""The most causes of an exception that are shown."""

_MOST_READ = 50
"""The number of innermost frames among which they are selected."""

_OURS = frozenset(Path(__file__).with_name(f"{n}.py") for n in ("running", "loading", "programs"))

_LONGEST_LINE = 400
"""The number of characters of an exception's message that a finding shows."""


def run_quantizer(
    quantizer: Quantizer,
    model: ModelFiles,
    network: Network | None = None,
    options: RequestOptions = PLAIN,
    spec: Spec | None = None,
) -> Outcome:
    """Call the quantizer on a model and return the outcome under one release, see `ask`."""
    return ask(quantizer, model, network, options, (spec_or_default(spec),))[0]


def ask(
    quantizer: Quantizer,
    model: ModelFiles,
    network: Network | None,
    options: RequestOptions,
    specs: tuple[Spec, ...],
) -> tuple[Outcome, ...]:
    """Call the quantizer on a model and return the outcome under each release.

    `network` is the same model, if it has been read already. `options` goes into the `Request`,
    which does not name a release. A quantizer whose attribute `spec` is a release or ``None`` is
    called for each release, with the attribute set to it. Whatever the quantizer raises is in the
    outcomes. Only `KeyboardInterrupt` is passed on.
    """
    network = network or model.network()
    if not _takes_a_release(quantizer):
        return _asked(quantizer, model, network, options, specs)
    found: list[Outcome] = []
    for spec in specs:
        quantizer.spec = spec  # type: ignore[attr-defined]
        found += _asked(quantizer, model, network, options, (spec,))
    return tuple(found)


def _takes_a_release(quantizer: Quantizer) -> bool:
    """Return whether the quantizer has an attribute `spec` for a release, and not for other use."""
    return isinstance(getattr(quantizer, "spec", ""), Spec | None)


def _asked(
    quantizer: Quantizer,
    model: ModelFiles,
    network: Network,
    options: RequestOptions,
    specs: tuple[Spec, ...],
) -> tuple[Outcome, ...]:
    output = ""
    try:
        with private_folder() as folder:
            request = make_request(model, network, folder, options)
            if getattr(quantizer, "only_reads", False):
                request.show(network)
            with contained(folder):
                outcomes = _call(quantizer, request, network, specs)
        output = recorder().last_lines(_LAST_LINES)
    except OSError as error:  # usually no space
        message = f"its files could not be written: {words(error)}"
        outcomes = (Outcome("errored", message=message),) * len(specs)
    output = _repeatable(output)
    return _each(outcomes, lambda o: replace(o, message=_repeatable(o.message), output=output))


def _each(
    outcomes: tuple[Outcome, ...], change: Callable[[Outcome], Outcome]
) -> tuple[Outcome, ...]:
    """Change the outcomes under each release. Most of them are the same object."""
    changed = {id(outcome): change(outcome) for outcome in outcomes}
    return tuple(changed[id(outcome)] for outcome in outcomes)


def ask_batch(
    quantizer: Quantizer,
    models: Sequence[tuple[ModelFiles, RequestOptions]],
    specs: tuple[Spec, ...],
) -> list[tuple[Outcome, ...]]:
    """Call the quantizer once on many models. Return their outcomes under each release, in order.

    The outcomes are empty if there is no result. The list is empty if the whole call failed. The
    caller then retries these models one at a time.
    """
    if _takes_a_release(quantizer) and len(specs) > 1:
        return []  # each release needs a call of its own
    networks = [model.network() for model, _ in models]
    assert quantizer.quantize_batch is not None
    try:
        with private_folder() as folder:
            requests = []
            for i, (network, (model, options)) in enumerate(zip(networks, models, strict=True)):
                home = folder / str(i)
                home.mkdir()
                requests.append(make_request(model, network, home, options))
            with contained(folder):
                results = list(quantizer.quantize_batch(requests))
                if len(results) != len(requests):
                    return []
                found = [
                    ()
                    if result is None
                    else _outcomes(quantizer, request, network, specs, partial(_give, result))
                    for request, network, result in zip(requests, networks, results, strict=True)
                ]
    except KeyboardInterrupt:
        raise
    except BaseException:  # the retry reports it
        return []
    return [_each(under, lambda o: replace(o, message=_repeatable(o.message))) for under in found]


def make_request(
    model: ModelFiles, network: Network, folder: Path, options: RequestOptions
) -> Request:
    """Return the request for a model, and write its external data to `folder`.

    `Request.network` is read separately, so changes that a quantizer makes to it are not judged.
    """
    for name, content in model.files.items():
        if name != BLOBS_FILE:  # few quantizers need that file: the request writes it
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    return request_for(model, network, folder, options)


def request_for(
    model: ModelFiles, network: Network, folder: Path, options: RequestOptions
) -> Request:
    """Return the request for a model without writing anything, see `make_request`."""
    blobs = model.files.get(BLOBS_FILE, b"")
    inputs = tuple(input_spec(tensor) for tensor in network.inputs)
    return Request(model.framework, model.data, folder, inputs, **options.given, _blobs=blobs)


def _give(result: Any) -> Any:
    if isinstance(result, Exception):
        raise result
    return result


def _repeatable(text: str) -> str:
    """Replace temporary folders and addresses, which differ in each run."""
    drawn = r"([^/\\\s]*[._-]|tmp)[a-z0-9_]{8}(?![^/\\\s])"  # as Python's tempfile draws names
    names = rf"[/\\](amct-[\w-]+|{drawn})"
    text = re.sub(re.escape(os.path.dirname(prefix())) + names, "<tmp>", text)
    return re.sub(r"\bat 0x[0-9a-fA-F]+", "at 0x...", text)


def _call(
    quantizer: Quantizer, request: Request, network: Network, specs: tuple[Spec, ...]
) -> tuple[Outcome, ...]:
    model = private_copy(request)
    quantize = partial(quantizer.quantize, model, request)
    return _outcomes(quantizer, request, network, specs, quantize)


def private_copy(request: Request) -> Any:
    """Return the model as given to quantizers: an ONNX or TensorFlow proto or a `CaffeModel`."""
    if request.framework == "tensorflow":
        return parse_tensorflow(request.model_bytes)
    if request.framework == "caffe":
        return CaffeModel(
            request.model_bytes.decode("utf-8"), request.native.files.get(BLOBS_FILE, b"")
        )
    model = onnx.ModelProto()
    model.ParseFromString(request.model_bytes)
    return model


def _outcomes(
    quantizer: Quantizer,
    request: Request,
    network: Network,
    specs: tuple[Spec, ...],
    quantize: Callable[[], Any],
) -> tuple[Outcome, ...]:
    result = _result(quantize)
    if isinstance(result, Outcome):
        return (result,) * len(specs)
    read = _read(quantizer, request, network, specs, result)
    return (read,) * len(specs) if isinstance(read, Outcome) else read


def _result(quantize: Callable[[], Any]) -> Any:
    """Return what the quantizer returns, as an `Outcome` if it returns nothing."""
    try:
        result = quantize()
        # A generator runs the quantizer's code only now.
        return list(result) if isinstance(result, Iterator) else result
    except Refused as refusal:
        return Outcome("refused", message=said(refusal))
    except Unsupported as error:
        return Outcome("unsupported", message=said(error))
    except Crashed as error:
        return Outcome("crashed", message=said(error))
    except TimedOut as error:
        return Outcome("timed-out", message=said(error))
    except OutputError as error:
        return Outcome("invalid-output", message=said(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        _print_place(error)
        return Outcome("errored", message=words(error))


def _read(
    quantizer: Quantizer, request: Request, network: Network, specs: tuple[Spec, ...], result: Any
) -> tuple[Outcome, ...] | Outcome:
    """Return what a result means under each release, one outcome if it cannot be used."""
    try:
        outcomes = read_outcomes(network, result, specs)
        why = _validate(quantizer, request, result)
        return _each(outcomes, lambda outcome: replace(outcome, unvalidated=why))
    except (OutputError, ModelError) as error:
        returned = getattr(quantizer, "returned", _RETURNED)
        message = said(error).replace(_RETURNED, returned, 1)
        return Outcome("invalid-output", message=message)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # usually from an object of the quantizer
        _print_place(error)
        return Outcome("errored", message=f"reading what it returned failed: {words(error)}")


def _validate(quantizer: Quantizer, request: Request, result: Any) -> str:
    """Raise `OutputError` if the quantizer's validator refuses a model that was returned.

    Return why the validator proves nothing, ``""`` if it accepts the model.
    """
    path = _as_file(result, request.workdir)
    rejected = _rejection(quantizer, path) if path is not None else None
    if rejected is None:
        return ""
    if _lacks_a_kernel(rejected):
        # Without names, so that equal reasons are one in the report.
        why = re.sub(r"( node with name)? '[^']*'", "", words(rejected))
        return f"the validator cannot run it: {why}"
    if _rejection(quantizer, request.model_path) is not None:
        return "the validator also rejects the given model"
    raise OutputError(f"the quantized model does not load: {words(rejected)}")


def _rejection(quantizer: Quantizer, path: Path) -> BaseException | None:
    """Return what the quantizer's validator raises for a file, ``None`` if it accepts it."""
    try:
        quantizer.validate(path)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return error
    return None


def _lacks_a_kernel(rejected: BaseException) -> bool:
    """Return whether onnxruntime raised an error because it does not implement an operator.

    It checks a model before it looks for kernels, so the error says nothing about the model.
    """
    # By name: the validator may use onnxruntime, which this package does not need.
    kinds = [type(error) for error in (rejected, rejected.__cause__ or rejected.__context__)]
    return any(
        kind.__name__ == "NotImplemented" and kind.__module__.startswith("onnxruntime.")
        for kind in kinds
    )


def _as_file(result: Any, folder: Path) -> Path | None:
    """Return the file of a quantized model, ``None`` if the result is not a model."""
    if isinstance(result, onnx.ModelProto):
        result = result.SerializeToString()
    if isinstance(result, bytes):
        path = folder / ("quantized.tflite" if is_tflite(result) else "quantized.onnx")
        path.write_bytes(result)
        return path
    if isinstance(result, (str, os.PathLike)):
        path = Path(folder, result)
        return path if path.suffix.lower() not in TEXT_FORMS else None
    return None


def _print_place(error: BaseException) -> None:
    """Print to the quantizer's output why and where it raised, the innermost frame last.

    The finding has the first line of the message, and the output the others.
    """
    for line in said(error).strip().splitlines()[1:_MOST_SAID]:
        print(line[:_LONGEST_LINE])
    cause = error
    for _ in range(_MOST_CAUSES):
        if (behind := _cause(cause)) is None:
            break
        cause = behind
        print(f"caused by {words(cause)}")
    # Only the last frames: a recursion may have millions.
    frames = traceback.extract_tb(error.__traceback__, limit=-_MOST_READ)
    theirs = [f for f in frames if Path(f.filename) not in _OURS and f.filename[:1] != "<"]
    for frame in theirs[-_MOST_FRAMES:]:
        print(f"at {frame.filename}:{frame.lineno}, in {frame.name}")


def _cause(error: BaseException) -> BaseException | None:
    """Return the exception that led to another one, as tracebacks show it."""
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def words(error: BaseException) -> str:
    """Return an exception in one line: its type and the first line of its message."""
    if isinstance(error, SystemExit):
        return f"SystemExit: sys.exit({described(error.code)})"
    if isinstance(error, Left):
        return f"SystemExit: {error}"
    lines = said(error).strip().splitlines()
    first = lines[0][:_LONGEST_LINE] if lines else ""
    if first and isinstance(error, AmctError):
        return first
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def input_spec(tensor: Tensor) -> InputSpec:
    """Return the calibration spec of a network input. Symbolic dimensions count as 1."""
    # Inference adds nothing to what an input declares, and costs seconds for large models.
    entries = tensor.shape if tensor.shape is not None else shape(tensor) or ()
    return InputSpec(
        tensor.name,
        dtype(tensor) or "float32",
        tuple(n if n and isinstance(n, int) else 1 for n in entries),
    )
