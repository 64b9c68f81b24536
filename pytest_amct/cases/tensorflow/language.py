"""The weight trees of TensorFlow graphs: all words together."""

from __future__ import annotations

from pytest_amct.cases.tensorflow.builder import GraphBuilder
from pytest_amct.cases.tensorflow.computing import COMPUTING
from pytest_amct.cases.tensorflow.moving import MOVING
from pytest_amct.cases.tensorflow.nested import NESTED
from pytest_amct.cases.tensorflow.operators import Shape
from pytest_amct.cases.tensorflow.sources import SOURCES, build_source
from pytest_amct.cases.tensorflow.steps import KEEPING, LEAVES
from pytest_amct.cases.tensorflow.typed import TYPED
from pytest_amct.cases.trees import Language, Spec

LANGUAGE = Language(LEAVES, {**MOVING, **COMPUTING, **TYPED, **NESTED, **KEEPING}, {})


def build_weight(source: str, graph: GraphBuilder, shape: Shape, dtype: str) -> str:
    """Add a weight from a named source or a tree, and return its tensor name."""
    if source in SOURCES:
        return build_source(source, graph, shape, dtype)
    return LANGUAGE.build(source, graph, Spec(shape, dtype))
