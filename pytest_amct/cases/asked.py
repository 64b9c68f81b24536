"""Which conditions a release has: the catalogue holds the cases of every release."""

from __future__ import annotations

from pytest_amct.ids import ConditionId
from pytest_amct.once import once
from pytest_amct.request_options import WEIGHT_SETTINGS
from pytest_amct.tables.answers import float16_id, may_be_closed
from pytest_amct.tables.model import Spec, condition_id


def is_asked(id_: ConditionId, spec: Spec) -> bool:
    """Return whether a release has the row, condition or setting, or lacks the unlisted type.

    A condition that another one implies can never be the only one violated, so it has no cases.
    """
    if id_.framework not in spec.frameworks:
        return False
    if id_.is_unlisted:
        cut_off = id_.table == "uniform" and spec.ends.get(id_.framework) == "no"
        listed = (id_.table, id_.framework, id_.name) in spec.by_type
        return id_.table in spec.lists and not listed and not cut_off
    if id_.table == "settings" and id_.name not in WEIGHT_SETTINGS:
        return str(id_.restricts) in once(spec, _ids)
    return str(id_) in once(spec, _ids)


def _ids(spec: Spec) -> frozenset[str]:
    """Return the ids of a release's rows, of their conditions, and of the Float16 rule."""
    asked = {condition_id(row, c) for row in spec.rows for c in row.asked if not c.implied_by}
    closed = {float16_id(row) for row in spec.rows if may_be_closed(row, spec)}
    return frozenset({*(row.id for row in spec.rows), *asked, *closed})
