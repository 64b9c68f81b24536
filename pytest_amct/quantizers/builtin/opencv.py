"""OpenCV's int8 quantizer for Caffe nets with its default settings."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_amct.decisions.decision import UNMATCHED, Decision
from pytest_amct.decisions.value_types import SHOWS_NOTHING_ELSEWHERE
from pytest_amct.errors import UsageError
from pytest_amct.graphs.network import Layer
from pytest_amct.graphs.walk import rank
from pytest_amct.quantizers.builtin.onnxruntime import quiet
from pytest_amct.quantizers.protocol import Request, Unsupported
from pytest_amct.quantizers.tool import installed

_SUFFIX = "Int8"
"""The suffix that OpenCV appends to the type of a layer that works on integers."""


class _OpenCV:
    """``cv2.dnn.Net.quantize``; loading adds the rest of `Quantizer`."""

    name = "opencv"
    frameworks = ("caffe",)

    @property
    def version(self) -> str | None:
        """The version of OpenCV."""
        return installed("opencv-python-headless", "opencv-python")

    def quantize(self, model: Any, request: Request) -> dict[str, Decision | str]:
        """Quantize a Caffe net. Return decisions by layer name, as the quantized types show them.

        ``unmatched`` marks a layer that OpenCV has fused or renamed. Raises what OpenCV raises.
        """
        cv2, np = _import(), importlib.import_module("numpy")
        layers = request.network.layers
        _check(layers)
        prototxt = np.frombuffer(request.model_bytes, np.uint8)
        blobs = np.frombuffer(model.caffemodel, np.uint8)
        with quiet():
            net = _read(cv2, prototxt, blobs)
            # One array for each input: more feeds would be a larger batch, and a net with fixed
            # shapes inside does not accept one.
            feed = request.calibration(1)[0]
            net.setInputsNames([spec.name for spec in request.inputs])
            # Running a net fuses its layers, so this one is not used again.
            _check_runs(_read(cv2, prototxt, blobs), feed)
            quantized = net.quantize([feed[i.name] for i in request.inputs], cv2.CV_32F, cv2.CV_32F)
        found = {name: _layer(quantized, name) for name in quantized.getLayerNames()}
        decisions = {layer.name: _found(layer, found) or UNMATCHED for layer in layers}
        passes = {layer.name for layer in layers if layer.type in SHOWS_NOTHING_ELSEWHERE}
        return {name: found for name, found in decisions.items() if name not in passes}


def opencv() -> _OpenCV:
    """Make ``opencv``: `cv2.dnn.Net.quantize`, which exists before OpenCV 5."""
    if importlib.util.find_spec("cv2") is None:
        raise UsageError("quantizer 'opencv' needs cv2: pip install pytest-amct[opencv]")
    if not hasattr(_import().dnn.Net, "quantize"):
        raise UsageError("quantizer 'opencv' needs OpenCV before version 5: install an older one")
    return _OpenCV()


def _import() -> Any:
    with quiet():
        return importlib.import_module("cv2")


def _found(layer: Layer, found: Mapping[str, Decision]) -> Decision | None:
    """Return the decision on a layer. OpenCV names it by its name or, a Convolution, by its top."""
    tops = [tensor.name for tensor in layer.outputs if tensor is not None]
    return next((found[name] for name in (layer.name, *tops) if name in found), None)


def _read(cv2: Any, prototxt: Any, blobs: Any) -> Any:
    """Return OpenCV's net. Raises `Unsupported` if OpenCV cannot read it."""
    try:
        return cv2.dnn.readNetFromCaffe(prototxt, blobs)
    except Exception as error:
        raise Unsupported(f"OpenCV does not read the float model: {_last(error)}") from None


def _check(layers: Iterable[Layer]) -> None:
    """Raise `Unsupported` for layers that crash OpenCV."""
    for layer in layers:
        data = layer.input(0)
        if data is None or rank(data) == 4:
            continue
        if layer.type == "Deconvolution":
            raise Unsupported("OpenCV supports Deconvolution only for rank 4")
        if layer.type == "Convolution" and len(layer.attribute("kernel_size") or ()) == 1:
            raise Unsupported("OpenCV reads a single kernel_size as two axes")


def _check_runs(net: Any, feed: Mapping[str, Any]) -> None:
    """Raise `Unsupported` for a model that OpenCV cannot run in float."""
    try:
        for name, values in feed.items():
            net.setInput(values, name)
        net.forward(net.getUnconnectedOutLayersNames())
    except Exception as error:
        raise Unsupported(f"OpenCV does not run the float model: {_last(error)}") from None


def _last(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


def _layer(net: Any, name: str) -> Decision:
    """Return what was done to a layer of the quantized net."""
    layer = net.getLayer(net.getLayerId(name))
    if not layer.type.endswith(_SUFFIX):
        return Decision.float()
    seen = f"{layer.type} {name!r}"
    # Blobs: weight, bias, a factor for each output channel. Other layers have a table or nothing.
    if len(layer.blobs) != 3:
        return Decision(inputs=(0,), weights=False, shift=0, nonuniform=False, seen=seen)
    factors = layer.blobs[2].ravel().tolist()
    return Decision(
        inputs=(0,),
        weights=True,
        weight_channel_wise=len(set(factors)) > 1,
        weight_asymmetric=False,
        weight_bits=8,
        shift=0,
        nonuniform=False,
        seen=seen,
    )
