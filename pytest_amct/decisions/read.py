"""Turns a quantizer's result into decisions on the layers of the given model."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from onnx import ModelProto

from pytest_amct.decisions.alike import alike
from pytest_amct.decisions.amct.ascend import is_deploy
from pytest_amct.decisions.amct.config import read_config
from pytest_amct.decisions.amct.deploy import read_deploy
from pytest_amct.decisions.amct.layers import AmctDecisions, read_layers
from pytest_amct.decisions.amct.other_files import other_file
from pytest_amct.decisions.amct.output_folder import find_result
from pytest_amct.decisions.amct.record import read_record
from pytest_amct.decisions.corrupted_weights import find_corruptions
from pytest_amct.decisions.decision import UNMATCHED, Decision, Outcome
from pytest_amct.decisions.matching import match_layers
from pytest_amct.decisions.messages import checked_decision
from pytest_amct.decisions.names import layers_by_name, unknown_name
from pytest_amct.decisions.onnx.doubts import in_place_of
from pytest_amct.decisions.onnx.layers import read_decisions
from pytest_amct.decisions.onnx.results import read_result
from pytest_amct.decisions.plain import described, refuse_special, said
from pytest_amct.decisions.tflite.form import is_tflite as is_tflite
from pytest_amct.decisions.tflite.form import read_tflite
from pytest_amct.errors import OutputError
from pytest_amct.graphs.files import regular_bytes
from pytest_amct.graphs.network import Network
from pytest_amct.once import once
from pytest_amct.tables.loader import load_spec
from pytest_amct.tables.model import Spec
from pytest_amct.wording import written

T = TypeVar("T")

_ALLOWED = (
    "return names of quantized layers (a list), a mapping of names to Decision or bool, "
    "a quantized model (ModelProto, bytes, or the path of an .onnx file, and for TensorFlow bytes "
    "or the path of a .tflite file), or AMCT's configuration or record (the path of a .json or "
    ".txt file, or read_config(text), read_record(text))"
)

TEXT_FORMS: Mapping[str, Callable[[str], AmctDecisions]] = {
    ".json": read_config,
    ".txt": read_record,
    ".record": read_record,
}
"""Readers of the text forms, by file suffix."""


def read_outcome(original: Network, result: object, spec: Spec | None = None) -> Outcome:
    """Return the decisions that `result` shows on the layers of `original`.

    `result` is one of: an iterable of names of quantized layers; a mapping of names to `Decision`,
    bool or ``"unmatched"`` (the layer cannot be found again); a quantized ONNX model (QDQ,
    QOperator or AMCT's deploy form) as proto, bytes or path; for a TensorFlow graph, a TensorFlow
    Lite model as bytes or the path of a ``.tflite`` file; AMCT's configuration or record, as a path
    or already read; the folder into which AMCT wrote. A layer's name is its node name, or else the
    name of one of its output tensors. Layers that share a name are unmatched if a result uses it.
    `spec` tells which types have weights; the default is CANN 7.0.0. Raises `OutputError` if
    `result` does not fit the model or cannot be read.
    """
    return read_outcomes(original, result, (spec or load_spec(),))[0]


def read_outcomes(
    original: Network, result: object, specs: tuple[Spec, ...]
) -> tuple[Outcome, ...]:
    """Return the decisions that `result` shows under each release, see `read_outcome`.

    The result is read once, and its layers are matched once for all releases that are alike.
    """
    networks, under = _read(original, result)
    found: dict[int, Outcome] = {}
    for part, positions in alike(specs, networks):
        found |= dict.fromkeys(positions, under(part))
    return tuple(found[position] for position in range(len(specs)))


class _Read(NamedTuple):
    """A result that was read, and what it shows under a release."""

    #: the networks whose layers the release tells apart
    networks: tuple[Network, ...]
    under: Callable[[Spec], Outcome]


def _read(original: Network, result: object) -> _Read:
    if isinstance(result, Mapping):
        given: Mapping[Any, Any] = result
        decided = _listed(lambda: [(name, decision) for name, decision in given.items()], result)
        named = _named(original, {_name(n, result): _decision(n, d) for n, d in decided})
        return _Read((), lambda spec: named)
    if isinstance(result, AmctDecisions):
        return _Read((original,), partial(read_layers, original, result))
    if isinstance(result, str | os.PathLike):
        result = _path(result)
        if os.path.isdir(result):
            result = find_result(result, original.framework).path
        text = read_text_form(result)
        if text is not None:
            return _Read((original,), partial(read_layers, original, text))
    if is_tflite(result):
        return _Read((original,), read_tflite(original, result))
    if isinstance(result, ModelProto | bytes | bytearray | memoryview | str | os.PathLike):
        return _from_model(original, _model(result))
    if isinstance(result, Iterable):
        names = _listed(lambda: result, result)
        listed = _named(original, {_name(n, result): Decision() for n in names})
        return _Read((), lambda spec: listed)
    raise OutputError(f"the quantizer returned {_described(result)}: {_ALLOWED}")


# --- files -----------------------------------------------------------------------------------


def read_text_form(path: str) -> AmctDecisions | None:
    """Read a file of a text form. Return ``None`` if its suffix is not that of a text form.

    Raises `OutputError` if it cannot be read, or if its suffix says that it shows no decisions.
    """
    read = TEXT_FORMS.get(Path(path).suffix.lower())
    if read is None:
        other = other_file(path)
        if other is not None:
            raise OutputError(f"the quantizer returned the path {path!r}, {other}")
        return None
    try:
        text = regular_bytes(path).decode("utf-8")
    except OSError as error:
        raise OutputError(
            f"the quantizer returned the path {path!r}, which cannot be read ({error.strerror})"
        ) from None
    except ValueError as error:  # not UTF-8, or not a valid path
        raise OutputError(
            f"the quantizer returned {path[:80]!r}, which is not text: {error}"
        ) from None
    try:
        return read(text)
    except OutputError as error:
        raise OutputError(f"{path}: {error}") from None


# --- models ----------------------------------------------------------------------------------


def _path(result: str | os.PathLike[str]) -> str:
    try:
        path = str.__str__(os.fsdecode(result))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # __fspath__ is foreign code
        raise OutputError(
            f"the quantizer returned a {type(result).__name__} without a path: {said(error)}"
        ) from error
    with contextlib.suppress(OSError, ValueError):  # reported when the file is read
        about = os.stat(path)
        if not stat.S_ISDIR(about.st_mode):
            cure = "return the path of one"
            refuse_special(about, f"the quantizer returned the path {path!r}", cure)
    return path


def _model(result: Any) -> bytes | str | ModelProto:
    if isinstance(result, bytearray | memoryview):
        return bytes(result)
    if isinstance(result, str) and not result.endswith(".onnx") and not os.path.isfile(result):
        raise OutputError(
            f"the quantizer returned the str {result[:80]!r}, which is not a file: a single layer "
            f"name must be in a list; {_ALLOWED}"
        )
    model: bytes | str | ModelProto = result
    return model


def _from_model(original: Network, model: bytes | str | ModelProto) -> _Read:
    if original.framework != "onnx":
        also = " a TensorFlow Lite model (.tflite)," if original.framework == "tensorflow" else ""
        raise OutputError(
            f"the quantizer returned a model, but only models of ONNX are read: for a model of"
            f" {original.framework} return names of layers, a mapping,{also} or AMCT's"
            " configuration (.json) or record (.txt)"
        )
    result, calls = read_result(original, model)
    read = read_deploy if once(result, is_deploy) else read_decisions

    def under(spec: Spec) -> Outcome:
        counterparts = match_layers(original, result, spec, calls)
        decided = read(original, counterparts, spec)
        missing = [i for i in range(len(original.layers)) if i not in counterparts]
        replaced = in_place_of(original, result, missing)
        corruptions = find_corruptions(original, result, counterparts)
        return Outcome(
            "decided",
            decisions=decided.decisions,
            unmatched=frozenset(missing) - replaced.keys(),
            untold={**decided.untold, **replaced},
            corrupted=corruptions.found,
            unchecked=corruptions.unchecked,
        )

    return _Read((original, result), under)


# --- names -----------------------------------------------------------------------------------


def _named(original: Network, decisions: Mapping[str, Decision | None]) -> Outcome:
    known = layers_by_name(original)
    found: dict[int, Decision] = {}
    unmatched: set[int] = set()
    for name, decision in decisions.items():
        indices = known.get(name)
        if indices is None:
            raise unknown_name(name, original)
        if len(indices) == 1 and decision is not None:
            ports = len(original.layers[indices[0]].inputs)
            named = decision.inputs or tuple(f.port for f in decision.formats)
            if any(not 0 <= port < ports for port in named):
                raise OutputError(
                    f"the quantizer's decision on {written(name)} has the inputs {written(named)},"
                    f" but the layer has {ports}: count them from 0"
                )
            found[indices[0]] = decision
        else:
            unmatched.update(indices)
    return Outcome("decided", found, frozenset(unmatched))


def _listed(items: Callable[[], Iterable[T]], result: object) -> list[T]:
    try:
        return list(items())
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a generator runs the quantizer's code
        raise OutputError(
            f"the quantizer returned a {type(result).__name__} that failed with "
            f"{type(error).__name__}: {said(error)}"
        ) from error


def _name(name: object, result: object) -> str:
    if isinstance(name, str):
        return str.__str__(name)  # a subclass may override __str__
    kind = type(result).__name__
    raise OutputError(f"the quantizer returned a {kind} that holds {_described(name)}: {_ALLOWED}")


def _decision(name: object, value: object) -> Decision | None:
    if value is Decision.float():  # the most frequent decision by far
        return Decision.float()
    if isinstance(value, Decision):
        return checked_decision(value, f"the quantizer's decision on {written(name)}")
    if isinstance(value, str) and value == UNMATCHED:
        return None
    if isinstance(value, bool):
        return Decision() if value else Decision.float()
    raise OutputError(
        f"the quantizer returned a mapping whose value for {written(name)} is {_described(value)}: "
        "each must be a Decision, a bool, or 'unmatched'"
    )


def _described(value: object) -> str:
    if value is None:
        return "None"
    shown = described(value)
    shown = shown if len(shown) <= 60 else f"{shown[:60]}..."
    return f"{shown} of type {type(value).__name__}"
