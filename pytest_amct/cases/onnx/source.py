"""The ONNX cases behind the `CaseSource` interface."""

from __future__ import annotations

from pytest_amct.cases.onnx import rows
from pytest_amct.cases.onnx.changing import CHANGES
from pytest_amct.cases.onnx.float16 import FLOAT16_ROWS
from pytest_amct.cases.onnx.grammar import FEATURES
from pytest_amct.cases.onnx.requests import REQUESTED
from pytest_amct.cases.onnx.unlisted import AROUND, UNLISTED
from pytest_amct.cases.onnx.variations import LAYER_VARIATIONS, VARIATIONS, VARIED, VARIED_BY
from pytest_amct.cases.onnx.writer import Writer
from pytest_amct.cases.plan import ModelPlan


class OnnxSource:
    """The cases of ONNX, see `CaseSource`."""

    defaults = rows.DEFAULTS
    deviations = rows.DEVIATIONS
    float16 = FLOAT16_ROWS
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
