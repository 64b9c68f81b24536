"""What a framework contributes to the cases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pytest_amct.cases.plan import Changes, Deviations, LayerVariation, ModelPlan, Plan
from pytest_amct.cases.writing import ModelWriter


class CaseSource(Protocol):
    """What a framework contributes: rows as data, and a writer of its models."""

    #: the conforming layer of each row
    defaults: Mapping[str, Plan]
    #: deviations by row and condition (``""`` for what concerns the row as a whole)
    deviations: Mapping[str, Mapping[str, Deviations]]
    #: rows whose types the Float16 rule closes, and the deviations of each
    float16_rows: tuple[str, ...]
    float16: Deviations
    #: layers of types without a row
    unlisted: Mapping[str, Plan]
    #: those of them that stand around a target in networks
    around: tuple[str, ...]
    #: deviations with a request, by row id and condition
    requested: Mapping[tuple[str, str], Deviations]
    #: changes that concern no condition, which examples combine with any deviation
    variations: Mapping[str, Changes]
    #: such changes to a layer, where they go with it
    layer_variations: Mapping[str, LayerVariation]
    #: deviations that the gate shows in one context alone
    plain_only: frozenset[str]
    #: deviations by group that the gate shows under each variation of their layer as well
    varied: Mapping[str, tuple[str, ...]]
    #: variations of whole models under which it shows them, too
    varied_by: tuple[str, ...]
    #: whether an operand of a layer can be a constant
    has_constants: bool

    def writer(self, model: ModelPlan) -> ModelWriter:
        """Return what writes one such model."""
