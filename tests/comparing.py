"""Comparing the answers of the package with a second opinion, for tests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import product
from typing import Any

from releases import RELEASES, Done

from pytest_amct import Answer, Treatment, answer, load_spec
from pytest_amct.graphs.network import Layer
from pytest_amct.tables.answers import closed_by_float16, float16_id
from pytest_amct.tables.model import DataFormat, Row, condition_id

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

Pair = tuple[str, Done]
"""A release, and a treatment that is asked about under it."""

DECLARED = frozenset(
    "nonuniform weight_only channel_wise asymmetric skip_layers skip_layer_types"
    " tensor_quantize".split()
)
"""What a quantizer declares to be shown every case."""

PLAIN: list[Pair] = [("cann-7.0.0", Done())]
EVERY: list[Pair] = list(product(RELEASES, TREATMENTS))
_PARTS = 7

Seen = defaultdict[str, set[str]]
"""What was seen under each release: ids of violated conditions, and a row with a verdict."""


def few(number: int) -> list[Pair]:
    """Return a part of all pairs, so that seven models in a row are asked about all of them."""
    return EVERY[number % _PARTS :: _PARTS]


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


def compared(
    layers: Iterable[Layer], others: Iterable[Any], pair: Pair, seen: Seen | None
) -> list[tuple[Layer, Answer, Any]]:
    """Return each layer with the package's answer and the second opinion; note what was seen."""
    release, done = pair
    spec, treated, found = load_spec(release), treatment(done), []
    for layer, other in zip(layers, others, strict=True):
        ours = answer(layer, treated, spec)
        if seen is not None:
            seen[release] |= {f"{ours.row} {ours.verdict}", *(r.condition for r in ours.broken)}
        found.append((layer, ours, other))
    return found


def agree(ours: Answer, other: Any) -> bool:
    """Return whether the two agree on the verdict, on what is violated, and on its basis."""
    broken = {reason.condition for reason in ours.broken}
    if (ours.verdict, broken) != (other.answer, other.broken):
        return False
    return ours.verdict != "forbidden" or ours.basis == other.basis


def told(pair: Pair, layer: Layer, ours: Answer, other: Any) -> str:
    """Return what each of the two says of a layer."""
    why = [f"{r.condition} {r.state}: {r.observed}" for r in ours.reasons if r.state != "holds"]
    mine = f"{ours.verdict} ({ours.basis}) {why}"
    return f"{pair}: {layer}: {mine}, but {other.answer} ({other.basis}): {other.why}"


# --- whether a comparison was worth while ---------------------------------------------------------


def unseen(seen: Seen, framework: str) -> set[tuple[str, str]]:
    """Return the conditions that nothing violated, and the rows that never had some verdict."""
    wanted = {(release, what) for release in RELEASES for what in _possible(release, framework)}
    return wanted - {(release, what) for release, several in seen.items() for what in several}


def nowhere(seen: Seen, framework: str) -> set[str]:
    """Return what was unseen under every release, and what was unseen under CANN 7.0.0."""
    missing, found = unseen(seen, framework), set[str]().union(*seen.values())
    return {what for release, what in missing if what not in found or release == "cann-7.0.0"}


def _possible(release: str, framework: str) -> set[str]:
    spec, found = load_spec(release), set[str]()
    for row in (row for row in spec.rows if row.framework == framework):
        broken = set().union(*(_breakable(r) for r in (row, *(form.row for form in row.forms))))
        closed = any(closed_by_float16(r, spec) for r in (row, *(form.row for form in row.forms)))
        if closed and spec.float16_basis != "open":
            broken.add(float16_id(row))
        has_no_mode = any(c.unobservable and c.id == "mode" for c in row.conditions)
        found |= broken
        found |= {f"{row.id} forbidden"} if broken or has_no_mode else set()
        found |= {f"{row.id} unspecified"} if not has_no_mode else set()
        found |= {f"{row.id} quantizable"} if row.seen != "no" and not has_no_mode else set()
    return found


def _breakable(row: Row) -> set[str]:
    return {condition_id(row, c) for c in row.conditions if not c.open and not c.unobservable}
