"""What the file of ``pytest --junitxml`` says of a conformance test, and of the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from _pytest.junitxml import xml_key

from pytest_amct.ids import ConditionId
from pytest_amct.tables.model import Spec, condition_id


def test_properties(condition: str, spec: Spec) -> Iterator[tuple[str, str]]:
    """Yield the properties of the test of a condition or row under a release."""
    yield "amct_condition", condition
    basis = _basis(condition, spec)
    if basis:
        yield "amct_basis", basis
    yield "amct_release", spec.title
    yield "amct_page", f"pytest-amct rule {condition}"


def _basis(condition: str, spec: Spec) -> str | None:
    """Return what a condition rests on; ``None`` for a row, and if the release is silent."""
    parts = ConditionId.parse(condition)
    if parts.is_unlisted:
        return spec.lists.get(parts.table)
    if parts.table == "float16":
        return spec.float16_basis
    every = ((row, c) for row in spec.rows for c in (*row.conditions, *row.asked))
    return next((c.basis for row, c in every if condition_id(row, c) == condition), None)


def add_suite_properties(
    config: pytest.Config, quantizer: str, spec: Spec, versions: Mapping[str, str]
) -> None:
    """Add the properties of the run, as the fixture ``record_testsuite_property`` does.

    The fixture itself adds nothing under pytest-xdist, whose controller writes the file.
    """
    xml = config.stash.get(xml_key, None)
    if xml is None:
        return
    xml.add_global_property("amct_quantizer", quantizer)
    xml.add_global_property("amct_release", spec.title)
    for name, version in versions.items():
        xml.add_global_property(f"amct_version_{name}", version)
