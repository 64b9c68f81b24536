"""The quantizer that obeys the tables: it quantizes what they allow and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.names import name_of
from pytest_amct.decisions.writers.forms import FORMS, MODELS, write_form
from pytest_amct.errors import UsageError
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.quantizers.protocol import SETTINGS, Request
from pytest_amct.tables.answers import answer, find_row, ir_types
from pytest_amct.tables.loader import load_spec
from pytest_amct.tables.model import Row, Scheme, Spec


class Reference:
    """Obeys a release of the tables; leaves in float whatever the document does not decide."""

    name = "reference"
    frameworks: tuple[str, ...] = FRAMEWORKS
    schemes: tuple[Scheme, ...] = ("uniform", "nonuniform", "weight_only")
    settings = SETTINGS
    quantize_batch = None

    def __init__(self, spec: Spec | None = None, form: str = "decisions") -> None:
        if form not in FORMS:
            raise UsageError(f"{form!r} is no form: they are {', '.join(FORMS)}")
        self.spec, self.form = spec or load_spec(), form
        if form != "decisions":
            self.name = f"reference-{form}"
        if form in MODELS:
            self.frameworks = ("onnx",)

    def quantize(self, model: Any, request: Request) -> Any:
        """A decision for each layer that has a name or a named output, in the quantizer's form.

        Text forms are written into the request's folder; their path is returned.
        """
        network = request.network
        written = write_form(self.form, network, self.decide(network, request), self.spec)
        if not isinstance(written, str):
            return written
        path = request.workdir / ("config.json" if self.form == "config" else "record.txt")
        path.write_text(written, encoding="utf-8")
        return path

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
        """What the tables allow of what was asked for, else the nearest to it, else float."""
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
        allowed = (d for d in _milder(wanted) if self.allows(layer, d))
        return next(allowed, Decision.float())

    def allows(self, layer: Layer, decision: Decision) -> bool:
        """Whether the tables allow to treat a layer so, without any doubt."""
        return answer(layer, decision.treatment, self.spec).verdict == "quantizable"

    def validate(self, path: Path) -> None:
        """What it writes is right by construction; this project's tests load it."""

    def close(self) -> None:
        """It holds nothing."""


def _milder(wanted: Decision) -> Iterator[Decision]:
    """What was asked for, and what asks for less, in the order in which it is tried.

    Weights alone are not made uniform with data: that is another thing than what was asked.
    """
    yield wanted
    if wanted.weight_channel_wise or wanted.weight_asymmetric:
        wanted = replace(wanted, weight_channel_wise=False, weight_asymmetric=False)
        yield wanted
    if wanted.nonuniform:
        yield replace(wanted, nonuniform=False)


def names() -> Reference:
    """``reference-names``: the reference, returning the names of quantized layers."""
    return Reference(form="names")


def config() -> Reference:
    """``reference-config``: the reference, returning AMCT's configuration."""
    return Reference(form="config")


def record() -> Reference:
    """``reference-record``: the reference, returning AMCT's record."""
    return Reference(form="record")


def deploy() -> Reference:
    """``reference-deploy``: the reference, returning AMCT's deploy model."""
    return Reference(form="deploy")


def qdq() -> Reference:
    """``reference-qdq``: the reference, returning a model in QDQ form."""
    return Reference(form="qdq")


def qoperator() -> Reference:
    """``reference-qoperator``: the reference, returning a model in QOperator form."""
    return Reference(form="qoperator")


def _skipped(layer: Layer, row: Row, request: Request) -> bool:
    by_type = not set(ir_types(layer, row)).isdisjoint(request.skip_layer_types)
    return by_type or name_of(layer) in request.skip_layers
