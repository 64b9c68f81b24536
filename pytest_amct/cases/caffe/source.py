"""The Caffe cases behind the `CaseSource` interface."""

from __future__ import annotations

from pytest_amct.cases.caffe import rows
from pytest_amct.cases.caffe.changing import CHANGES
from pytest_amct.cases.caffe.grammar import FEATURES
from pytest_amct.cases.caffe.requests import REQUESTED
from pytest_amct.cases.caffe.unlisted import AROUND, UNLISTED
from pytest_amct.cases.caffe.variations import LAYER_VARIATIONS, VARIATIONS, VARIED, VARIED_BY
from pytest_amct.cases.caffe.writer import Writer
from pytest_amct.cases.plan import ModelPlan


class CaffeSource:
    """The cases of Caffe, see `CaseSource`."""

    defaults = rows.DEFAULTS
    deviations = rows.DEVIATIONS
    float16 = rows.FLOAT16_ROWS
    unlisted = UNLISTED
    around = AROUND
    requested = REQUESTED
    variations = VARIATIONS
    layer_variations = LAYER_VARIATIONS
    plain_only = rows.PLAIN_ONLY
    among_others = rows.AMONG_OTHERS
    varied = VARIED
    varied_by = VARIED_BY
    has_constants = False
    features = FEATURES
    changes = CHANGES

    def writer(self, model: ModelPlan) -> Writer:
        """Return a writer for one such model."""
        return Writer(model)
