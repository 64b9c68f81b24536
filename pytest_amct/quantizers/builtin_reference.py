"""The quantizer that obeys the tables: it quantizes what they allow and nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from pytest_amct.graphs.network import Layer, Network
from pytest_amct.graphs.onnx_reader import read_onnx
from pytest_amct.quantizers.protocol import Decision, Request
from pytest_amct.tables.answers import answer, find_row
from pytest_amct.tables.loader import load_spec
from pytest_amct.tables.model import Scheme, Spec, Treatment


class Reference:
    """Obeys a release of the tables; leaves in float whatever the document does not decide."""

    name = "reference"
    frameworks = ("onnx",)
    schemes: tuple[Scheme, ...] = ("uniform",)

    def __init__(self, spec: Spec | None = None) -> None:
        self.spec = spec or load_spec()

    def quantize(self, model: Any, request: Request) -> dict[str, Decision]:
        """A decision for each layer that has a name or a named output."""
        return self.decide(read_onnx(model))

    def decide(self, network: Network) -> dict[str, Decision]:
        """The decisions on a network, by name, or by first output where a name is not unique."""
        names = Counter(layer.name for layer in network.layers)
        decisions = {}
        for layer in network.layers:
            name = layer.name if names[layer.name] == 1 else ""
            name = name or next((t.name for t in layer.outputs if t is not None), "")
            if name and not layer.where:
                decisions[name] = self.decision(layer)
        return decisions

    def decision(self, layer: Layer) -> Decision:
        """What the tables allow for a layer: weights and data, or data alone, or float."""
        row = find_row(layer, self.spec)
        if row is None:
            return Decision.float()
        weights = not row.data_only
        treatment = Treatment(weights=weights, shift=False)
        if answer(layer, treatment, self.spec).verdict != "quantizable":
            return Decision.float()
        return Decision(
            inputs=row.ports.data,
            weights=weights,
            weight_channel_wise=False,
            weight_asymmetric=False,
            weight_bits=8 if weights else None,
            shift=0,
            nonuniform=False,
        )

    def validate(self, path: Path) -> None:
        """It returns decisions, no file."""

    def close(self) -> None:
        """It holds nothing."""
