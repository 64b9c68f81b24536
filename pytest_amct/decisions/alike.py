"""Releases that are alike for a model: the same decisions are read from a result under each.

Reading depends on little of a release: which types have a row, and where their layers have data
and a weight. The readers get that part only, so they cannot depend on anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pytest_amct.decisions.onnx.inputs import OF_INPUTS
from pytest_amct.graphs.network import Network
from pytest_amct.once import once
from pytest_amct.tables.model import Condition, Row, Spec


def alike(specs: Sequence[Spec], networks: Iterable[Network]) -> list[tuple[Spec, list[int]]]:
    """Group releases that say the same for the layers of some networks, as far as reading goes.

    Return for each group what reading needs of it, and the positions of its releases.
    """
    types = {(n.framework, layer.qualified_type) for n in networks for layer in n.layers}
    found: list[tuple[list[Row | None], Spec, list[int]]] = []
    for position, spec in enumerate(specs):
        part = once(spec, _part)
        rows = [part.by_type.get(("uniform", *type_)) for type_ in types]
        same = next((places for others, _, places in found if others == rows), None)
        if same is None:
            found.append((rows, part, [position]))
        else:
            same.append(position)
    return [(part, positions) for _, part, positions in found]


def _part(spec: Spec) -> Spec:
    """Return the part of a release that reading depends on."""
    rows = tuple(_row(row) for row in spec.rows if row.table == "uniform")
    return Spec("", spec.title, frozenset(), "open", rows, {}, source=spec.source)


def _row(row: Row) -> Row:
    kinds = OF_INPUTS.intersection(kind for c in row.conditions for kind in c.require)
    forms = tuple(replace(form, row=_row(form.row)) for form in row.forms)
    conditions = tuple(Condition(kind, {kind: ...}) for kind in sorted(kinds))
    return Row(row.id, row.types, row.spellings, (), row.ports, conditions, forms=forms)
