"""The weight trees of TensorFlow graphs: all words together."""

from __future__ import annotations

from math import prod

from pytest_amct.cases.tensorflow.builder import GraphBuilder
from pytest_amct.cases.tensorflow.computing import COMPUTING
from pytest_amct.cases.tensorflow.moving import MOVING
from pytest_amct.cases.tensorflow.nested import NESTED
from pytest_amct.cases.tensorflow.operators import Shape, cast, reshape
from pytest_amct.cases.tensorflow.single import EVERY, SINGLE, tree_of
from pytest_amct.cases.tensorflow.sources import SOURCES, build_source
from pytest_amct.cases.tensorflow.steps import KEEPING, LEAVES
from pytest_amct.cases.tensorflow.typed import TYPED
from pytest_amct.cases.trees import Language, Spec

LANGUAGE = Language(
    LEAVES,
    {**MOVING, **COMPUTING, **TYPED, **NESTED, **KEEPING},
    {},
    frozenset(("IdentityN", "IdentityN-1", "Identity-control")),
)


def build_weight(source: str, graph: GraphBuilder, shape: Shape, dtype: str) -> str:
    """Add a weight from a named source or a tree, and return its tensor name."""
    if source in SOURCES:
        return build_source(source, graph, shape, dtype)
    if source not in (EVERY, *SINGLE):
        return LANGUAGE.build(source, graph, Spec(shape, dtype))
    # Some of these operators want four dimensions, and some take Float32 alone.
    spec = Spec((prod(shape) // 16, 2, 2, 4), "float32")
    made = LANGUAGE.build(tree_of(source, LANGUAGE, spec), graph, spec)
    made = made if dtype == "float32" else cast(graph, made, "float32", dtype)
    return reshape(graph, made, dtype, shape)
