"""Finds the row of a table that judges a layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_amct.graphs.ends import Sharing
from pytest_amct.graphs.network import Layer
from pytest_amct.tables.kinds import Given, Seen, kind_of
from pytest_amct.tables.model import Row, Spec, Treatment

_SHOWN_NOTHING = Given(Treatment(), Sharing(()))


def find_row(layer: Layer, spec: Spec, table: str = "uniform") -> Row | None:
    """Return the row that lists a layer's type, ``None`` if no row of the table does.

    If the layer has one of the row's forms, return what the row says of that form.
    """
    row = spec.by_type.get((table, layer.framework, layer.qualified_type))
    if row is None or not row.forms:
        return row
    forms = (form for form in row.forms if see(layer, row, form.when, _SHOWN_NOTHING).holds)
    form = next(forms, None)
    return row if form is None else form.row


def takes_data_only(layer: Layer, row: Row) -> bool:
    """Return whether a layer's row allows to quantize its data only, and nothing like a weight."""
    found = [c for c in row.conditions if c.require.get("treatment") == "weights"]
    guards = [c.when for c in found if c.when is not None]
    if len(guards) < len(found):
        return True
    return any(see(layer, row, guard, _SHOWN_NOTHING).holds is not False for guard in guards)


def see(layer: Layer, row: Row, require: Mapping[str, Any], given: Given) -> Seen:
    """Return what the predicate of a requirement says of a layer."""
    return kind_of(require).predicate(layer, row.ports, given, require)
