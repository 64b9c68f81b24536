"""A stand-in for pycaffe: it checks what a net is fed, and computes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pytest_amct.graphs.caffe.reader import read_caffe
from pytest_amct.graphs.walk import shape

TEST = 1

ran: dict[str, Callable[[], None]] = {}
"""What to call after a net of this file ran."""


def set_mode_cpu() -> None:
    """Do nothing."""


class Net:
    """A net with its weights."""

    def __init__(self, model: str, weights: str, phase: int) -> None:
        assert phase == TEST
        network = read_caffe(Path(model).read_text(), Path(weights).read_bytes())
        self.inputs = {tensor.name: shape(tensor) for tensor in network.inputs}
        self._ran = ran.get(model, lambda: None)

    def forward(self, **feed: Any) -> dict[str, Any]:
        """Check the inputs."""
        if feed.keys() != self.inputs.keys():
            raise ValueError(f"the net has the inputs {sorted(self.inputs)}, not {sorted(feed)}")
        for name, value in feed.items():
            if not isinstance(value, np.ndarray) or value.shape != self.inputs[name]:
                raise ValueError(f"{name}: must be an array of shape {self.inputs[name]}")
        self._ran()
        return {}
