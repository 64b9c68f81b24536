"""Cases as values: the conforming layer of a row, one named deviation, a context, variations.

An id spells all of it, so that a case can be built again from its id alone:
``uniform/onnx/Conv/dilation_d@d2-h1-w1:chain+opset17``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, TypedDict

from onnx import ModelProto

from pytest_amct.graphs.network import Layer, Network
from pytest_amct.graphs.reading import ModelFiles
from pytest_amct.ids import CHAIN, CaseId, framework_of
from pytest_amct.request_options import PLAIN, RequestOptions

Context = Literal["plain", "chain"]
CONTEXTS: tuple[Context, ...] = ("plain", "chain")
"""``plain``: neighbours that no quantizer touches; ``chain``: quantizable neighbours."""

Around = Literal[
    "at-input", "at-output", "bias-add", "bias-plus", "relu", "in-place", "identity", "control"
]
"""What stands around the target, or does not: ``at-input`` is one without a producer."""

Switch = Literal["all-float16", "device", "reversed", "input-fields", "legacy-blobs"]
"""How a model is written as a whole: ``all-float16`` is one that holds nothing but Float16."""

_NONE: Mapping[str, Any] = MappingProxyType({})


class Changes(TypedDict, total=False):
    """Fields of a `Plan` with other values than the conforming layer has."""

    type: str
    data: tuple[int, ...]
    attributes: Mapping[str, Any]
    weight: tuple[int, ...]
    source: str
    bias: str
    second: str
    dtype: str
    fed_as: str
    branches: tuple[Branch, ...]
    around: tuple[Around, ...]
    switches: tuple[Switch, ...]
    outputs: int
    inside: str
    context: Context
    symbolic_batch: bool
    form: str
    options: Mapping[str, Any]
    opset: int
    ir_version: int


Deviations = Mapping[str, Changes]
"""Changes by the name of the deviation that they make."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of its own in a model, which touches no other: what it holds, and of which type."""

    holds: str
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a writer needs to build the model of a case."""

    type: str
    #: shape of the data input
    data: tuple[int, ...]
    domain: str = ""
    #: attributes of the target, in its format's spelling
    attributes: Mapping[str, Any] = field(default_factory=lambda: _NONE)
    #: shape of the weight, ``None`` for a layer without one
    weight: tuple[int, ...] | None = None
    #: how the weight comes about, a name of the framework's module `sources`
    source: str = "initializer"
    #: ``""`` = none, else a source as for the weight
    bias: str = ""
    #: what stands at the other data input of a layer with two: ``branch``, ``same``, ``constant``
    second: str = ""
    #: further inputs: constants by dtype and values
    extra: tuple[tuple[str, tuple[float, ...]], ...] = ()
    #: dtype of the target's data and weight
    dtype: str = "float32"
    #: dtype of the graph input that feeds it; another one is cast at once
    fed_as: str = ""
    #: what else the model holds
    branches: tuple[Branch, ...] = ()
    #: what stands right before and behind the target
    around: tuple[Around, ...] = ()
    #: how the model is written
    switches: tuple[Switch, ...] = ()
    #: which output the consumer reads, and whether others are outputs of the network
    outputs: int = 1
    #: where the target stands: ``""`` = main graph, ``if`` = a branch, ``function``
    inside: str = ""
    context: Context = "plain"
    #: whether the first dimension of the data is symbolic
    symbolic_batch: bool = False
    #: forms that are legal, but unusual: ``unnamed``, ``shared-weight`` ...
    form: str = ""
    #: what is asked for besides plain uniform quantization, see `requests`
    options: Mapping[str, Any] = field(default_factory=lambda: _NONE)
    opset: int = 21
    ir_version: int = 10

    def with_(self, changes: Mapping[str, Any]) -> Plan:
        """The plan with changes; ``attributes`` are merged (``None`` removes one), `ADDED` too."""
        added = {k: (*getattr(self, k), *changes[k]) for k in ADDED if k in changes}
        changes = {**changes, **added}
        if "attributes" in changes:
            merged = {**self.attributes, **changes["attributes"]}
            merged = {k: v for k, v in merged.items() if v is not None}
            changes["attributes"] = MappingProxyType(merged)
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """What concerns a model as a whole."""

    opset: int = 21
    ir_version: int = 10
    form: str = ""
    switches: tuple[Switch, ...] = ()
    #: whether layers with weights of the same shape share one
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A layer in a network, and where its data comes from, as an `Item` says it."""

    #: layers of the same name are alike
    name: str
    plan: Plan = field(compare=False)
    back: int = 0
    second: int = 0


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """Everything that a writer needs to build the model of a network."""

    layers: tuple[Placed, ...]
    model: ModelPlan
    #: index of the only layer that is asserted, ``None`` = all of them
    target: int | None = None
    #: what it holds besides that of its layers
    branches: tuple[Branch, ...] = ()
    #: whether the first dimension of its inputs is symbolic
    symbolic_batch: bool = False
    #: whether an operator that no quantizer touches stands between layers
    apart: bool = False


ADDED = ("branches", "around", "switches")
"""Fields of a `Plan` that changes add to; of others they take the place."""

LayerVariation = Callable[[Plan], Changes | None]
"""Makes the changes to a layer that concern no condition; ``None`` where they do not go with it."""


@dataclass(frozen=True, slots=True)
class Case:
    """A condition (or row) id and a deviation from its conforming layer, in a context.

    It carries no answer: what the tables say is always derived from the model's own bytes.
    """

    group: str
    deviation: str
    plan: Plan = field(compare=False)
    #: writes a model of its framework
    write: Callable[[Plan], Built] = field(compare=False)
    context: Context = "plain"
    variations: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The case as a path; public, and enough to build it again."""
        context = CHAIN if self.context == CHAIN else ""
        return str(CaseId(self.group, self.deviation, context, "", self.variations))

    @property
    def framework(self) -> str:
        """``onnx``, ``tensorflow`` or ``caffe``."""
        return framework_of(self.group)

    def build(self) -> Built:
        """The case's model, the same bytes on every run and machine."""
        return self.write(self.plan)

    def __repr__(self) -> str:
        return f"<case {self.id}>"


@dataclass(frozen=True, slots=True)
class Built:
    """The model of a case: its bytes, and the output tensors of the layers that are asserted."""

    #: an ONNX model, a GraphDef, or the text of a prototxt
    data: bytes
    targets: tuple[str, ...]
    #: what the quantizer is asked for besides plain uniform quantization
    options: RequestOptions = PLAIN
    #: what belongs to the model in files of its own: ``model.caffemodel``
    files: Mapping[str, bytes] = field(default_factory=lambda: _NONE)
    framework: str = "onnx"

    @property
    def native(self) -> ModelFiles:
        """The model in its native format."""
        return ModelFiles(self.framework, self.data, self.files)

    @property
    def model(self) -> ModelProto:
        """An ONNX model as a proto of the caller's own."""
        model = ModelProto()
        model.ParseFromString(self.data)
        return model


def target_layers(network: Network, targets: tuple[str, ...]) -> list[Layer]:
    """The layers that are known by one of these names."""
    wanted = set(targets)
    return [layer for layer in network.layers if not wanted.isdisjoint(known_as(layer))]


def known_as(layer: Layer) -> list[str]:
    """What asserted layers are called by: their outputs; of Caffe, where several layers in place
    give one output, their names."""
    if layer.framework == "caffe":
        return [layer.name]
    return [tensor.name for tensor in layer.outputs if tensor is not None]
