"""Runs a quantized model and compares each quantized layer with the float layer by itself.

Each layer gets the data that it has in the quantized model: errors of earlier layers do not count.
The difference that rounding explains is computed, not guessed: see `_bound`.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from pytest_amct.decisions.matching import match_layers
from pytest_amct.decisions.onnx.moved import NotReadable, array_of, float_constant
from pytest_amct.decisions.onnx.quantized_constants import is_dequantize, is_quantize
from pytest_amct.decisions.onnx.results import read_result
from pytest_amct.decisions.stored_weights import StoredWeight, stored_weights
from pytest_amct.errors import AmctError
from pytest_amct.graphs import walk
from pytest_amct.graphs.dtypes import np_dtype
from pytest_amct.graphs.network import Layer, Network, Tensor
from pytest_amct.graphs.onnx.external import outside
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.loader import spec_or_default
from pytest_amct.tables.model import Spec
from pytest_amct.verdicts import Finding
from pytest_amct.wording import written

_SILENT = 4
_FOLDER = "session.model_external_initializers_file_folder_path"

_MOST_SECONDS = 600.0
"""After this time, a run is ended: a loop may be endless."""

_MOST_LAYERS = 256
"""The most layers of a model that are compared."""

_MOST_INPUT = 1 << 24
"""The most elements of the inputs with which a model is run."""

_QLINEAR = {"QLinearConv": (1, 2, 6, 7), "QLinearMatMul": (1, 2, 6, 7), "QGemm": (1, 2, 7, 8)}
"""Scale and zero point of the data, and scale and zero point of the output."""

_STEPS = 1.0
"""Steps of the output that are allowed: half a step for rounding, and rounding of the factors."""

_ENDS = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767), "uint16": (0, 65535)}


_Factors = tuple[float, float]
"""A scale and a zero point."""


class Ran(NamedTuple):
    """What a run showed, and what was not compared."""

    findings: list[Finding]
    #: by layer: why it was not compared
    unchecked: dict[str, str]
    #: how many layers were compared
    compared: int = 0
    #: why the model could not be run, "" if it could
    failed: str = ""
    #: for each finding, the index of its layer in the original: layers may share a name
    at: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Compared:
    """A quantized layer, and the tensors of the result that show what it computes."""

    weight: StoredWeight
    after: Layer
    #: its data; of an integer operator, the integers
    data: Tensor
    output: Tensor
    #: of an integer operator: scale and zero point of its data and of its output
    integers: tuple[_Factors, _Factors] | None
    #: lowest and highest integer of its output
    ends: tuple[int, int]
    #: the bias of the given layer
    bias: NDArray[np.float32] | None
    #: the difference of a bias that rounding explains
    of_bias: float


def check_run(original: Network, result: Any, spec: Spec | None = None, seed: int = 0) -> Ran:
    """Run a quantized ONNX model on random data and compare its layers with those of `original`.

    The layers are the convolutions and matrix products with constant weights that are in QDQ form,
    or replaced by QLinearConv, QLinearMatMul or QGemm. Symbolic dimensions are 1. A difference that
    rounding does not explain is `corrupted`, a warning: a tool may change a layer on purpose.
    Raises `OutputError` for a result that cannot be read. It needs onnxruntime.
    """
    spec = spec_or_default(spec)
    read, calls = read_result(original, result)
    counterparts = match_layers(original, read, spec, calls)
    unchecked: dict[str, str] = {}
    layers: list[_Compared] = []
    for weight in stored_weights(original, read, counterparts):
        layer = original.layers[weight.index]
        try:
            if not isinstance(weight, StoredWeight):
                raise NotReadable(weight.why)
            if len(layers) >= _MOST_LAYERS:
                raise NotReadable(f"{_MOST_LAYERS} layers were compared before it")
            layers.append(_compared(weight, counterparts[weight.index]))
        except NotReadable as error:
            shown = str(layer)
            unchecked[f"{shown} (layer {weight.index})" if shown in unchecked else shown] = str(
                error
            )
    if not layers:
        return Ran([], unchecked)
    try:
        values = _run(read, layers, seed, _home(read, result))
        floats = _run_floats(original, layers, values)
    except _CannotRun as error:
        return Ran([], unchecked, failed=str(error))
    found = {}
    for number, compared in enumerate(layers):
        words = _difference(compared, values, floats[number])
        if words is not None:
            found[compared.weight.index] = _finding(compared.weight.layer, words, spec)
    return Ran([*found.values()], unchecked, len(layers), at=tuple(found))


class _CannotRun(AmctError):
    """Raised if a model cannot be run, with the reason in words."""


def _finding(layer: Layer, words: str, spec: Spec) -> Finding:
    row = find_row(layer, spec)
    message = f"{layer} computes other values in the quantized model: {words}"
    message += "; a warning, as a tool may change a layer on purpose"
    id_ = row.id if row is not None else ""
    return Finding("corrupted", id_, "", str(layer), "warned", message, "inferred", id_ or None)


# --- what is compared -------------------------------------------------------------------------


def _compared(weight: StoredWeight, after: Layer) -> _Compared:
    """Return how to compare a layer. Raises `NotReadable`."""
    data, output = after.input(0), after.output(0)
    if after.where or data is None or output is None:
        raise NotReadable("it is in a nested graph")
    if any(attribute.ref_attr_name for attribute in weight.layer.raw.attribute):
        raise NotReadable("its attributes are parameters of a function")
    if walk.dtype(weight.layer.input(0)) != "float32":
        raise NotReadable("its data is not Float32")
    given = weight.layer.input(2)
    bias = None if given is None else float_constant(given)[1]
    ports = _QLINEAR.get(after.type)
    if ports is None:
        if after.type != weight.layer.type or after.domain:
            raise NotReadable(f"{after} replaces it")
        of_bias = _bias_step(after.input(2))
        return _Compared(weight, after, data, output, None, (0, 0), bias, of_bias)
    ends = _ENDS.get(walk.dtype(after.input(ports[3])) or "")
    if ends is None:
        raise NotReadable("its output is not of integers of 8 or 16 bits")
    factors = (
        _written(data) or _factors(after, ports[0]),
        _read(output) or _factors(after, ports[2]),
    )
    # The scale of its bias is the product of the other two.
    of_bias = abs(factors[0][0]) * float(np.abs(weight.scale).max())
    return _Compared(weight, after, data, output, factors, ends, bias, of_bias)


def _bias_step(bias: Tensor | None) -> float:
    """Return the largest step of a bias, 0 if it is float."""
    maker = bias.producer if bias is not None else None
    if maker is None or not is_dequantize(maker):
        return 0.0
    return float(np.abs(array_of(maker.input(1))).max())


def _written(data: Tensor) -> _Factors | None:
    """Return the factors with which integers were written, ``None`` if they are not known."""
    maker = data.producer
    if maker is None:
        return None
    port = 1 if is_quantize(maker) else None
    if maker.type in _QLINEAR:
        port = _QLINEAR[maker.type][2]
    return None if port is None else _factors(maker, port)


def _read(output: Tensor) -> _Factors | None:
    """Return the factors with which integers are read, ``None`` if nothing dequantizes them."""
    reader = next(filter(is_dequantize, output.consumers), None)
    return None if reader is None else _factors(reader, 1)


def _factors(layer: Layer, port: int) -> _Factors:
    scale, zero = (array_of(layer.input(p)) for p in (port, port + 1))
    if scale.size != 1 or zero.size != 1:
        raise NotReadable("its data has several scales")
    return float(scale.reshape(())), float(zero.reshape(()))


# --- running ----------------------------------------------------------------------------------


def _home(read: Network, result: Any) -> Path:
    """Return the folder of a result's external data, of which none may lie elsewhere."""
    home = Path(result).parent if isinstance(result, str | os.PathLike) else None
    elsewhere = next(outside(home, read.raw), None)
    if elsewhere is not None:
        raise _CannotRun(f"{written(elsewhere)}, a file of its data, is not in its folder")
    return home or Path()


def _session(runtime: Any, model: ModelProto, home: Path) -> Any:
    options = runtime.SessionOptions()
    options.add_session_config_entry(_FOLDER, str(home.resolve()))
    options.log_severity_level = _SILENT
    options.intra_op_num_threads = 1
    # Optimizers fuse what is to be compared.
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    data = model.SerializeToString()
    return runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _outputs(
    model: ModelProto, names: Sequence[str], feeds: Mapping[str, Any], home: Path = Path()
) -> dict[str, Any]:
    """Return the values of tensors. Raises `_CannotRun` with the first line of the error."""
    try:
        runtime = importlib.import_module("onnxruntime")
        quietly = runtime.RunOptions()
        quietly.log_severity_level = _SILENT
        session = _session(runtime, model, home)
        with _ended(quietly):
            found = session.run(list(names), dict(feeds), quietly)
    except Exception as error:  # onnxruntime's exceptions have no common base
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise _CannotRun(f"onnxruntime cannot run it: {first}") from error
    return dict(zip(names, found, strict=True))


@contextlib.contextmanager
def _ended(options: Any) -> Iterator[None]:
    """End a run with these options if it takes too long."""
    timer = threading.Timer(_MOST_SECONDS, setattr, (options, "terminate", True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _run(read: Network, layers: Sequence[_Compared], seed: int, home: Path) -> dict[str, Any]:
    """Return the values of the compared tensors in the quantized model, by name."""
    model = ModelProto()
    model.CopyFrom(read.raw)
    wanted = dict.fromkeys(t.name for c in layers for t in (c.data, c.output))
    known = {output.name for output in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=n) for n in wanted if n not in known)
    return _outputs(model, [*wanted], _feeds(read, seed), home)


def _feeds(read: Network, seed: int) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(seed)
    feeds: dict[str, NDArray[Any]] = {}
    total = 0
    for tensor in read.inputs:
        entries, dtype = walk.shape(tensor), walk.dtype(tensor)
        if entries is None or dtype is None or dtype == "string":
            raise _CannotRun(f"the shape or type of the input {tensor} is not known")
        shape = [n if isinstance(n, int) else 1 for n in entries]
        total += prod(shape)
        if total > _MOST_INPUT:
            raise _CannotRun(f"its inputs have more than {_MOST_INPUT} elements")
        try:
            feeds[tensor.name] = rng.normal(0, 1, shape).astype(np_dtype(dtype))
        except (KeyError, TypeError, ValueError):
            raise _CannotRun(f"the input {tensor} has the type {dtype}") from None
    return feeds


class _Float(NamedTuple):
    """The output of a float layer, and the difference that its rounded weight explains."""

    output: NDArray[np.float32]
    bound: NDArray[np.float32]


def _run_floats(
    original: Network, layers: Sequence[_Compared], values: Mapping[str, Any]
) -> list[_Float]:
    """Return what the float layers compute from the data of the quantized ones."""
    nodes: list[NodeProto] = []
    constants: list[TensorProto] = []
    infos, names = [], []
    feeds: dict[str, NDArray[np.float32]] = {}
    for i, compared in enumerate(layers):
        factors = compared.integers[0] if compared.integers is not None else None
        data = _floats(values[compared.data.name], factors)
        difference = np.abs(compared.weight.given - compared.weight.values)
        size = compared.weight.given.size
        rounding = np.abs(compared.weight.given) * np.float32(size * 2.0**-23)
        feeds[f"x{i}"], feeds[f"a{i}"] = data, np.abs(data)
        constants.append(numpy_helper.from_array(compared.weight.given, f"w{i}"))
        constants.append(numpy_helper.from_array(difference + rounding, f"d{i}"))
        biases = [f"b{i}"] if compared.bias is not None else []
        if compared.bias is not None:
            constants.append(numpy_helper.from_array(compared.bias, f"b{i}"))
        nodes.append(_node(compared, [f"x{i}", f"w{i}", *biases], f"y{i}"))
        nodes.append(_node(compared, [f"a{i}", f"d{i}"], f"e{i}"))
        names += [f"y{i}", f"e{i}"]
    for name, part in feeds.items():
        infos.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, part.shape))
    outputs = [onnx.ValueInfoProto(name=name) for name in names]
    graph = helper.make_graph(nodes, "layers", infos, outputs, constants)
    model = helper.make_model(graph, ir_version=10)
    del model.opset_import[:]
    model.opset_import.extend(original.raw.opset_import)
    found = _outputs(model, names, feeds)
    return [_Float(found[f"y{i}"], np.abs(found[f"e{i}"])) for i in range(len(layers))]


def _node(compared: _Compared, inputs: list[str], output: str) -> NodeProto:
    node = NodeProto()
    node.CopyFrom(compared.weight.layer.raw)
    node.name = output
    node.input[:] = inputs
    node.output[:] = [output]
    return node


def _floats(values: NDArray[Any], factors: _Factors | None) -> NDArray[np.float32]:
    floats: NDArray[np.float32] = values.astype(np.float32)
    if factors is None:
        return floats
    scale, zero = factors
    return (floats - np.float32(zero)) * np.float32(scale)


# --- comparing --------------------------------------------------------------------------------


def _difference(compared: _Compared, values: Mapping[str, Any], expected: _Float) -> str | None:
    """Return the worst difference that rounding does not explain in words, ``None`` if none."""
    raw = np.asarray(values[compared.output.name])
    output, kept, step = raw.astype(np.float32), np.ones(raw.shape, bool), 0.0
    if compared.integers is not None:
        _, factors = compared.integers
        low, high = compared.ends
        output, kept, step = _floats(raw, factors), (raw > low) & (raw < high), abs(factors[0])
    if output.shape != expected.output.shape:
        shapes = f"{list(output.shape)} in place of {list(expected.output.shape)}"
        return f"its output has the shape {shapes}"
    if not np.isfinite(expected.output).all():
        return None
    difference = output - expected.output
    bound = _bound(compared, expected, step)
    # Tools correct the bias on purpose: a constant for each channel is not an error.
    difference, bound = _without_constants(difference, bound, kept, compared.weight.layer)
    beyond = np.nan_to_num(np.abs(difference) - bound, nan=np.inf)
    excess = np.where(kept, beyond, -np.inf)
    if not excess.size or excess.max() <= 0:
        return None
    at = np.unravel_index(int(excess.argmax()), excess.shape)
    place = [int(i) for i in at]
    return (
        f"entry {place} of its output is {expected.output[at]:.6g} in float and"
        f" {output[at]:.6g} in the quantized model, from the same data; rounding explains"
        f" {bound[at]:.3g}"
    )


def _bound(compared: _Compared, expected: _Float, step: float) -> NDArray[np.float32]:
    """Return the difference that rounding explains, for each entry of the output.

    It is what the layer makes of the magnitudes of the data and of the differences of the weight,
    a step of the output, and a step of the bias.
    """
    steps = step * _STEPS + compared.of_bias
    return (expected.bound + steps + np.abs(expected.output) * 1e-5).astype(np.float32)


def _without_constants(
    difference: NDArray[np.float32],
    bound: NDArray[np.float32],
    kept: NDArray[np.bool_],
    layer: Layer,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Subtract the median difference of each channel, and what it may be off."""
    axis = 1 if "Conv" in layer.type else difference.ndim - 1
    others = tuple(i for i in range(difference.ndim) if i != axis)
    inner = np.where(kept, difference, np.nan)
    counts = kept.sum(axis=others, keepdims=True)
    with np.errstate(all="ignore"):
        middle = np.nanmedian(np.where(counts > 0, inner, 0.0), axis=others, keepdims=True)
    largest = bound.max(axis=others, keepdims=True)
    return (difference - middle).astype(np.float32), (bound + largest).astype(np.float32)
