"""Comparing the answers of the package with a second opinion, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from releases import Done

from pytest_amct import Answer, Treatment, answer, load_spec
from pytest_amct.graphs.network import Layer
from pytest_amct.tables.model import DataFormat

BOTH = (0, 1)
TREATMENTS = [
    Done(),
    Done("nonuniform"),
    Done("weight_only", data=False, weights=True),
    Done("weight_only", asymmetric=False),
    Done("weight_only", channel_wise=True, asymmetric=True),
    Done(data=True, weights=True, shift=True),
    Done(data=True, weights=False, channel_wise=True),
    Done(data=True, asymmetric=True, shift=False),
    Done("tensor", data=True, weights=False, inputs=(0,)),
    Done(data=True, inputs=BOTH),
    Done(data=True, inputs=BOTH, formats=((0, 8, False), (1, 8, False))),
    Done(data=True, inputs=BOTH, formats=((0, 8, False), (1, 4, None))),
    Done(data=True, inputs=(1,), formats=((1, None, True),)),
]
"""Treatments of every kind that some condition of some release is about."""


def treatment(done: Done) -> Treatment:
    return Treatment(
        scheme=done.scheme,  # type: ignore[arg-type]
        data=done.data,
        weights=done.weights,
        weight_channel_wise=done.channel_wise,
        weight_asymmetric=done.asymmetric,
        shift=done.shift,
        inputs=done.inputs,
        formats=tuple(DataFormat(*given) for given in done.formats),
    )


def answers(
    layers: Iterable[Layer], others: Iterable[Any], done: Done, release: str
) -> list[tuple[Layer, Answer, Any]]:
    """Return each layer with the package's answer and the second opinion."""
    spec, treated = load_spec(release), treatment(done)
    return [
        (layer, answer(layer, treated, spec), other)
        for layer, other in zip(layers, others, strict=True)
    ]


def agree(ours: Answer, other: Any) -> bool:
    """Return whether the two agree on the verdict, on what is violated, and on its basis."""
    broken = {reason.condition for reason in ours.broken}
    if (ours.verdict, broken) != (other.answer, other.broken):
        return False
    return ours.verdict != "forbidden" or ours.basis == other.basis


def told(layer: Layer, ours: Answer, other: Any) -> str:
    """Return what each of the two says of a layer."""
    why = [f"{r.condition} {r.state}: {r.observed}" for r in ours.reasons if r.state != "holds"]
    mine = f"{ours.verdict} ({ours.basis}) {why}"
    return f"{layer}: {mine}, but {other.answer} ({other.basis}): {other.why}"
