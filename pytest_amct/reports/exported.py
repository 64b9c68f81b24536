"""The ids under which ``pytest-amct export`` writes the cases of a report."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pytest_amct.cases import catalog
from pytest_amct.cases.networks import AnyCase
from pytest_amct.cases.together import gate_networks
from pytest_amct.ids import ConditionId, condition_of, framework_of
from pytest_amct.quantizers.folders import model_id
from pytest_amct.quantizers.protocol import EVERYTHING
from pytest_amct.quantizers.running import request_for


@cache
def exported_id(case: str) -> str | None:
    """Return the id of a case's model in an exported folder, ``None`` if it is not exported.

    The model is built again, so ask only for the cases of findings.
    """
    found = _cases(condition_of(case)).get(case)
    if found is None:
        return None
    built = found.build()
    request = request_for(built.native, built.native.network(), Path(), built.options)
    return model_id(request)


@cache
def _cases(group: str) -> Mapping[str, AnyCase]:
    """Return the exported cases of a group by id, none if it has none.

    Whatever a quantizer declares, it is shown a part of them.
    """
    if ConditionId.parse(group).is_network:
        return {case.id: case for case in gate_networks(framework_of(group))}
    if group not in catalog.groups(EVERYTHING, (framework_of(group),)):
        return {}
    return {case.id: case for case in catalog.gate_cases(group, EVERYTHING)}
