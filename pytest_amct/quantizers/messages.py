"""The JSON files between this package and programs: requests and decisions.

``request.schema.json`` and ``decisions.schema.json`` ship with the package.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.messages import read_layers_message
from pytest_amct.errors import OutputError
from pytest_amct.graphs.dtypes import np_dtype
from pytest_amct.quantizers.protocol import Refused, Request, Unsupported

REQUEST = "pytest-amct-request/1"
DECISIONS = "pytest-amct-decisions/2"


def request_message(request: Request) -> dict[str, Any]:
    """Return a request as JSON. It reveals neither the case nor the answer."""
    return {
        "format": REQUEST,
        "framework": request.framework,
        "scheme": request.scheme,
        "settings": dict(request.settings),
        "tensor_quantize": list(request.tensor_quantize),
        "skip_layers": list(request.skip_layers),
        "skip_layer_types": list(request.skip_layer_types),
        "inputs": [
            {"name": i.name, "dtype": i.dtype, "shape": list(i.shape)} for i in request.inputs
        ],
    }


def write_calibration(request: Request, folder: Path, n: int = 8) -> None:
    """Write `n` feeds as ``0.npz`` and so on: arrays by input name, bfloat16 as float32."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = {i.name: i.dtype for i in request.inputs if i.dtype == "bfloat16"}
    for number, feed in enumerate(request.calibration(n)):
        arrays = {k: v.astype(np_dtype("float32")) if k in plain else v for k, v in feed.items()}
        np.savez(folder / f"{number}.npz", allow_pickle=False, **arrays)


def read_decisions_message(text: str, source: str) -> dict[str, Decision] | None:
    """Read the decisions from a JSON text. Return ``None`` if it has another format.

    Raises `Refused` or `Unsupported` if the message says so, and `OutputError` for a malformed
    message.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise OutputError(f"{source}: not JSON: {error}") from None
    if not isinstance(message, dict) or message.get("format") != DECISIONS:
        return None
    if "refused" in message:
        raise Refused(str(message["refused"]))
    if "unsupported" in message:
        raise Unsupported(str(message["unsupported"]))
    return read_layers_message(message.get("layers"), source)
