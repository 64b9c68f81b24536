"""Weights behind single operators, as trees: the operators that no other source of the gate has.

Each tree has one way to the input ``x``. Its operator needs every operand, so that the weight can
change with any of them. With a constant in the place of the input, all of them are constant.
"""

from __future__ import annotations

from pytest_amct.cases.deviations import sources
from pytest_amct.cases.plan import Deviations
from pytest_amct.cases.trees import FED, STORED, Language, Spec

_DATA = """
    AccumulateNV2 Acos Acosh Asin Asinh Atan Atan2 Atanh BesselI0e BesselI1e Ceil ConjugateTranspose
    Cosh Cumprod Cumsum DeepCopy DepthToSpace Digamma DivNoNan Erfc EuclideanNorm Expm1
    FakeQuantWithMinMaxArgs Floor FloorDiv FloorMod GatherNd GuaranteeConst Inv LRN Lgamma Log Max
    MatrixBandPart Min MulNoNan OneHot Rint Roll Round Select Sign Sinh Softsign SpaceToDepth Tan
    TopKV2 Xdivy Xlogy BiasAdd.w.LinSpace BiasAdd.w.MirrorPad BiasAdd.w.PadV2 Roll.w.ArgMax
    Roll.w.ArgMin
"""
"""Operators whose first operand is the input."""

_FLAGS = """
    Equal GreaterEqual IsFinite IsInf IsNan Less LessEqual LogicalAnd LogicalNot LogicalOr NotEqual
"""
"""Operators whose result is the condition of a choice."""

_OTHERS = """
    AccumulateNV2.w Concat.w ConjugateTranspose.w.plus-nothing.w Cumsum.w.plus-nothing.w
    DynamicStitch.plus-nothing.w DynamicStitch.w FusedBatchNormV3.w FusedBatchNormV3.w.w.w.w
    GatherNd.w.plus-nothing.w BiasAdd.w.LinSpace.w BiasAdd.w.PadV2.w.w
    MatrixBandPart.w.plus-nothing.w MatrixBandPart.w.w.plus-nothing.w MulNoNan.w
    OneHot.w.w OneHot.w.w.w Roll.w Roll.w.w.plus-nothing.w ScatterNd.plus-nothing.w ScatterNd.w
    Select.w.w TensorScatterAdd.w.plus-nothing.w TensorScatterAdd.w.w TensorScatterUpdate.w.w
    TopKV2.w.plus-nothing.w Xdivy.w
"""
"""Further operands of operators."""

_WAYS = (*_DATA.split(), *(f"Select.{flag}" for flag in _FLAGS.split()), *_OTHERS.split())

EVERY = "every-operator"
"""The source that is the sum of all these ways, each from a constant."""

SINGLE: Deviations = sources(*(f"tree-{way}.{FED}" for way in _WAYS))
"""A weight behind each operator, that an input changes."""


def tree_of(source: str, language: Language, spec: Spec) -> str:
    """Return the tree of one of these sources, for a tensor of four dimensions of floats."""
    if source != EVERY:
        return source.removeprefix("tree-")
    return ".".join(f"AddV2.{language.whole(f'{way}.{STORED}', spec)}" for way in _WAYS)
