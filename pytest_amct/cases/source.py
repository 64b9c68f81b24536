"""The interface for a framework's cases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pytest_amct.cases.drawing import Features
from pytest_amct.cases.plan import Changes, Deviations, LayerVariation, ModelPlan, Plan
from pytest_amct.cases.trials import Change
from pytest_amct.cases.writing import ModelWriter


class CaseSource(Protocol):
    """The cases of a framework for every release: rows as data, and a writer of its models.

    A release takes the cases of the conditions that it has.
    """

    #: the conforming layer of each row
    defaults: Mapping[str, Plan]
    #: deviations by row and condition (``""`` for what concerns the row as a whole)
    deviations: Mapping[str, Mapping[str, Deviations]]
    #: deviations by row, for the rows that the Float16 rule of some release closes
    float16: Mapping[str, Deviations]
    #: layers of types without a row
    unlisted: Mapping[str, Plan]
    #: names of those that networks put around a target
    around: tuple[str, ...]
    #: deviations with a request, by row id and condition
    requested: Mapping[tuple[str, str], Deviations]
    #: changes to a model that no condition speaks of; examples combine them with any deviation
    variations: Mapping[str, Changes]
    #: such changes to a layer, each ``None`` where it does not apply
    layer_variations: Mapping[str, LayerVariation]
    #: deviations that the gate tests only in the ``plain`` context
    plain_only: frozenset[str]
    #: deviations that the gate tests only among the layers of its networks, see `together`
    among_others: frozenset[str]
    #: deviations by group that the gate also tests with each variation of their layer
    varied: Mapping[str, tuple[str, ...]]
    #: variations of whole models with which it also tests them
    varied_by: tuple[str, ...]
    #: whether an operand of a layer can be a constant
    has_constants: bool
    #: what drawn deviations change, see `drawing`
    features: Features
    #: changes that no table distinguishes, by name; each with words that complete "although only"
    changes: Mapping[str, tuple[str, Change]]

    def writer(self, model: ModelPlan) -> ModelWriter:
        """Return a writer for one such model."""
