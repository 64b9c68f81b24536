"""The reference quantizer: it quantizes what the tables allow and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_amct import __version__
from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.names import name_of
from pytest_amct.decisions.writers.forms import FORMS, MODELS, write_form
from pytest_amct.errors import UsageError
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.quantizers.protocol import SETTINGS, Request
from pytest_amct.tables.answers import answer, find_row, ir_types
from pytest_amct.tables.loader import load_spec
from pytest_amct.tables.model import DataFormat, Row, Scheme, Spec


class Reference:
    """Obeys a release of the tables. Leaves in float what the document does not decide."""

    name = "reference"
    frameworks: tuple[str, ...] = FRAMEWORKS
    schemes: tuple[Scheme, ...] = ("uniform", "nonuniform", "weight_only")
    settings = SETTINGS
    quantize_batch = None
    only_reads = True
    version = __version__

    def __init__(self, spec: Spec | None = None, form: str = "decisions") -> None:
        if form not in FORMS:
            raise UsageError(f"{form!r} is not a form: use one of {', '.join(FORMS)}")
        self.spec, self.form = spec or load_spec(), form
        if form != "decisions":
            self.name = f"reference-{form}"
        if form in MODELS:
            self.frameworks = ("onnx",)

    def quantize(self, model: Any, request: Request) -> Any:
        """Return a decision for each layer with a name or a named output, in the quantizer's form.

        Text forms are written to the request's folder, and their path is returned.
        """
        network = request.network
        written = write_form(self.form, network, self.decide(network, request), self.spec)
        if not isinstance(written, str):
            return written
        path = request.workdir / ("config.json" if self.form == "config" else "record.txt")
        path.write_text(written, encoding="utf-8")
        return path

    def decide(self, network: Network, request: Request | None = None) -> dict[str, Decision]:
        """Return the decisions on a network, by name, or by first output if it is not unique."""
        names = Counter(layer.name for layer in network.layers)
        decisions = {}
        for layer in network.layers:
            name = layer.name if names[layer.name] == 1 else ""
            name = name or next((t.name for t in layer.outputs if t is not None), "")
            if name and not layer.where:
                decisions[name] = self.decision(layer, request)
        return decisions

    def decision(self, layer: Layer, request: Request | None = None) -> Decision:
        """Return the decision nearest to the request that the tables allow, else float."""
        row = find_row(layer, self.spec)
        if row is None or (request is not None and _skipped(layer, row, request)):
            return Decision.float()
        scheme = request.scheme if request is not None else "uniform"
        settings = request.settings if request is not None else {}
        has_weight = row.ports.weight is not None
        inputs = () if scheme == "weight_only" else row.ports.data
        wanted = Decision(
            inputs=inputs,
            formats=tuple(DataFormat(port, 8, False) for port in inputs),
            weights=has_weight or scheme == "weight_only",
            weight_channel_wise=has_weight and bool(settings.get("channel_wise")),
            weight_asymmetric=has_weight and bool(settings.get("asymmetric")),
            weight_bits=8 if has_weight else None,
            shift=0,
            nonuniform=scheme == "nonuniform",
        )
        any_offset = "asymmetric" not in settings
        allowed = (d for d in _milder(wanted, any_offset) if self.allows(layer, d))
        return next(allowed, Decision.float())

    def allows(self, layer: Layer, decision: Decision) -> bool:
        """Return whether the tables certainly allow this treatment of a layer."""
        return answer(layer, decision.treatment, self.spec).verdict == "quantizable"

    def validate(self, path: Path) -> None:
        """Do nothing: its output is correct by construction, and this project's tests load it."""

    def close(self) -> None:
        """Do nothing: it holds no resources."""


def _milder(wanted: Decision, any_offset: bool) -> Iterator[Decision]:
    """Yield the wanted decision and milder ones, in the order in which they are tried.

    Weight-only is not replaced by uniform with data, as that is not milder. It may need an offset,
    which a request allows (`any_offset`) if it does not speak of one.
    """
    yield wanted
    if wanted.weight_channel_wise or wanted.weight_asymmetric:
        wanted = replace(wanted, weight_channel_wise=False, weight_asymmetric=False)
        yield wanted
    if wanted.nonuniform:
        wanted = replace(wanted, nonuniform=False)
        yield wanted
    if wanted.inputs and len(wanted.inputs) > 1:
        yield replace(wanted, inputs=wanted.inputs[:1], formats=wanted.formats[:1])
    if any_offset and wanted.inputs == ():
        yield replace(wanted, weight_asymmetric=True)


def names() -> Reference:
    """Make ``reference-names``: the reference, returning the names of quantized layers."""
    return Reference(form="names")


def config() -> Reference:
    """Make ``reference-config``: the reference, returning AMCT's configuration."""
    return Reference(form="config")


def record() -> Reference:
    """Make ``reference-record``: the reference, returning AMCT's record."""
    return Reference(form="record")


def deploy() -> Reference:
    """Make ``reference-deploy``: the reference, returning AMCT's deploy model."""
    return Reference(form="deploy")


def qdq() -> Reference:
    """Make ``reference-qdq``: the reference, returning a model in QDQ form."""
    return Reference(form="qdq")


def qoperator() -> Reference:
    """Make ``reference-qoperator``: the reference, returning a model in QOperator form."""
    return Reference(form="qoperator")


def _skipped(layer: Layer, row: Row, request: Request) -> bool:
    by_type = not set(ir_types(layer, row)).isdisjoint(request.skip_layer_types)
    return by_type or name_of(layer) in request.skip_layers
