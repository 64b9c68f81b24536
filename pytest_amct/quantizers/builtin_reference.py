"""The quantizer that obeys the tables: it quantizes what they allow and nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_amct.graphs.network import Layer, Network
from pytest_amct.graphs.onnx_reader import read_onnx
from pytest_amct.quantizers.protocol import SETTINGS, Decision, Request
from pytest_amct.tables.answers import answer, find_row
from pytest_amct.tables.loader import load_spec
from pytest_amct.tables.model import Row, Scheme, Spec


class Reference:
    """Obeys a release of the tables; leaves in float whatever the document does not decide."""

    name = "reference"
    frameworks = ("onnx",)
    schemes: tuple[Scheme, ...] = ("uniform", "nonuniform", "weight_only")
    settings = SETTINGS

    def __init__(self, spec: Spec | None = None) -> None:
        self.spec = spec or load_spec()

    def quantize(self, model: Any, request: Request) -> dict[str, Decision]:
        """A decision for each layer that has a name or a named output."""
        return self.decide(read_onnx(model), request)

    def decide(self, network: Network, request: Request | None = None) -> dict[str, Decision]:
        """The decisions on a network, by name, or by first output where a name is not unique."""
        names = Counter(layer.name for layer in network.layers)
        decisions = {}
        for layer in network.layers:
            name = layer.name if names[layer.name] == 1 else ""
            name = name or next((t.name for t in layer.outputs if t is not None), "")
            if name and not layer.where:
                decisions[name] = self.decision(layer, request)
        return decisions

    def decision(self, layer: Layer, request: Request | None = None) -> Decision:
        """What the tables allow of what was asked for, else the nearest that they allow, else float."""
        row = find_row(layer, self.spec)
        if row is None or (request is not None and _skipped(layer, row, request)):
            return Decision.float()
        scheme = request.scheme if request is not None else "uniform"
        settings = request.settings if request is not None else {}
        has_weight = row.ports.weight is not None
        wanted = Decision(
            inputs=() if scheme == "weight_only" else row.ports.data,
            weights=has_weight or scheme == "weight_only",
            weight_channel_wise=has_weight and bool(settings.get("channel_wise")),
            weight_asymmetric=has_weight and bool(settings.get("asymmetric")),
            weight_bits=8 if has_weight else None,
            shift=0,
            nonuniform=scheme == "nonuniform",
        )
        one_factor = replace(wanted, weight_channel_wise=False, weight_asymmetric=False)
        uniform = replace(one_factor, nonuniform=False)
        # Weights alone are not made uniform with data: that is another thing than what was asked.
        tried = (wanted, one_factor, uniform)
        allowed = (d for d in tried if self._allows(layer, d))
        return next(allowed, Decision.float())

    def _allows(self, layer: Layer, decision: Decision) -> bool:
        return answer(layer, decision.treatment, self.spec).verdict == "quantizable"

    def validate(self, path: Path) -> None:
        """It returns decisions, no file."""

    def close(self) -> None:
        """It holds nothing."""


def _skipped(layer: Layer, row: Row, request: Request) -> bool:
    by_type = not set(row.ir).isdisjoint(request.skip_layer_types)
    return by_type or layer.name in request.skip_layers
