"""The TensorFlow cases behind the `CaseSource` interface."""

from __future__ import annotations

from pytest_amct.cases.plan import ModelPlan
from pytest_amct.cases.tensorflow import float16, rows
from pytest_amct.cases.tensorflow.changing import CHANGES
from pytest_amct.cases.tensorflow.grammar import FEATURES
from pytest_amct.cases.tensorflow.requests import REQUESTED
from pytest_amct.cases.tensorflow.unlisted import AROUND, UNLISTED
from pytest_amct.cases.tensorflow.variations import LAYER_VARIATIONS, VARIATIONS, VARIED, VARIED_BY
from pytest_amct.cases.tensorflow.writer import Writer


class TensorFlowSource:
    """The cases of TensorFlow, see `CaseSource`."""

    defaults = rows.DEFAULTS
    deviations = rows.DEVIATIONS
    float16 = float16.FLOAT16_ROWS
    unlisted = UNLISTED
    around = AROUND
    requested = REQUESTED
    variations = VARIATIONS
    layer_variations = LAYER_VARIATIONS
    plain_only = rows.PLAIN_ONLY
    among_others = rows.AMONG_OTHERS
    varied = VARIED
    varied_by = VARIED_BY
    has_constants = True
    features = FEATURES
    changes = CHANGES

    def writer(self, model: ModelPlan) -> Writer:
        """Return a writer for one such model."""
        return Writer(model)
