"""Semantics-preserving model changes (metamorphic tests).

A `MetamorphicCase` is a network, a change and a seed. Its `Trial` lists the models that the
quantizer gets one after the other, and pairs the layers of the first and the last. No change may
alter a decision.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from pytest_amct.cases import catalog
from pytest_amct.cases.networks import NetworkCase, parse_network
from pytest_amct.cases.plan import Built, known_as
from pytest_amct.cases.trials import Call, Change, Trial
from pytest_amct.errors import UsageError
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.ids import METAMORPHIC, CaseId, ConditionId


@dataclass(frozen=True, slots=True)
class MetamorphicCase:
    """A network, a change to it, and the seed of the change's random choices."""

    network: NetworkCase
    change: str
    seed: int

    @property
    def framework(self) -> str:
        """``onnx``, ``tensorflow`` or ``caffe``."""
        return self.network.framework

    @property
    def group(self) -> str:
        """The id of the change, as a path."""
        return condition(self.change, self.framework)

    @property
    def id(self) -> str:
        """The id of the pair, as a path. It is public, and enough to rebuild the pair."""
        network = self.network
        return str(CaseId(self.group, str(self.seed), "", network.position, network.variations))

    def build(self) -> Trial | None:
        """Return the calls, ``None`` if the change does not apply to this network."""
        built = self.network.build()
        return _changes(self.framework)[self.change][1](built, Random(self.seed))


def condition(change: str, framework: str = "onnx") -> str:
    """Return the id under which a change is tested: ``metamorphic/onnx/<change>``."""
    return str(ConditionId(METAMORPHIC, framework, change))


def changes(framework: str = "onnx") -> dict[str, str]:
    """Return the changes by name, each with words that complete "although only ...".

    Changes that need a quantizer in its initial state come first.
    """
    return {name: words for name, (words, _) in _changes(framework).items()}


def _changes(framework: str) -> Mapping[str, tuple[str, Change]]:
    if framework not in FRAMEWORKS:
        return {}
    return {**_REPEATED, **catalog.source_of(framework).changes}


def parse_metamorphic(id_: str) -> MetamorphicCase:
    """Return the pair of an id from a report. Raises `UsageError` if there is no such pair."""
    case, id_of = None, ConditionId("", "")
    with contextlib.suppress(ValueError):
        case = CaseId.parse(id_)
        id_of = ConditionId.parse(case.condition)
    known = changes(id_of.framework)
    if case is None or id_of.row not in known or not (case.deviation.isdigit() and case.position):
        known = known or changes()
        example = condition("change", id_of.framework if id_of.framework in FRAMEWORKS else "onnx")
        raise UsageError(
            f"{id_!r} is not a pair of models: use {example}@seed:in(...) with one of"
            f" the changes {', '.join(known)}"
        )
    network = parse_network(case, None)
    if network.framework != id_of.framework:
        raise UsageError(f"{id_!r} is not a pair of models: its layers are of another framework")
    return MetamorphicCase(network, id_of.row, int(case.deviation))


# --- changes that leave the model as it is --------------------------------------------------------

_BETWEEN: Mapping[str, tuple[str, ...]] = {
    "onnx": (
        "float16/onnx/MaxPool@input",
        "uniform/onnx/Gemm/trans_a@1",
        "uniform/onnx/Conv@in-if",
        "uniform/onnx/unlisted/Softmax@plain",
    ),
    "tensorflow": (
        "float16/tensorflow/MaxPool@input",
        "uniform/tensorflow/MatMul/transpose_a@true",
        "uniform/tensorflow/Conv2D@in-call",
        "uniform/tensorflow/unlisted/Softmax@plain",
    ),
    "caffe": (
        "float16/caffe/Pooling@weight-elsewhere",
        "uniform/caffe/InnerProduct/transpose@true",
        "uniform/caffe/Convolution/dilation@2",
        "uniform/caffe/unlisted/Concat@plain",
    ),
}
"""Models that the quantizer gets between the first and the last call."""


def _order(built: Built, rng: Random) -> Trial:
    between = rng.sample(_BETWEEN[built.framework], 2)
    others = tuple(_call(catalog.parse_case(id_).build()) for id_ in between)
    return Trial((_call(built), *others, _call(built)), _same(built))


def _twice(built: Built, rng: Random) -> Trial:
    return Trial((_call(built), _call(built)), _same(built))


def _call(built: Built) -> Call:
    return Call(built.data, built.files)


def _same(built: Built) -> tuple[tuple[str, str], ...]:
    network = built.native.network()
    names = (name for layer in network.layers if not layer.where for name in known_as(layer)[:1])
    return tuple((name, name) for name in names)


_REPEATED: Mapping[str, tuple[str, Change]] = {
    "order": ("other models were quantized in between", _order),
    "twice": ("it was called once more", _twice),
}
