"""Cases as values: the conforming layer of a row, one named deviation, a context, variations.

The id contains all of this, so that a case can be rebuilt from its id alone:
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
    "at-input",
    "at-output",
    "bias-add",
    "bias-plus",
    "crossed",
    "deep",
    "functions",
    "hdf5",
    "images",
    "parameters",
    "reshape-axis",
    "reshape-copies",
    "reshape-end",
    "reshape-num-axes",
    "rules",
    "scaled",
    "relu",
    "in-place",
    "identity",
    "control",
    "alone",
    "in-place-before",
    "half-weight",
    "last",
    "layers",
    "lookalikes",
    "normalized",
    "phases",
    "pool-before",
    "pool-beside",
    "pool-behind",
    "product",
    "ranks",
    "read-twice",
    "reshaped",
    "regions",
    "positions",
    "sum-beside",
    "flat",
    "tiled",
]
"""Surroundings of the target; ``at-input`` means that it has no producer, ``last`` no consumer.

``alone`` means that no network has the layer besides its target: many tools cannot run it.
"""

Switch = Literal[
    "all-float16",
    "control-first",
    "device",
    "reversed",
    "input-fields",
    "input-dims",
    "one-input",
    "dummy-data",
    "dummy-dims",
    "dummy-joined",
    "joined",
    "quoted",
    "legacy-blobs",
    "double-blobs",
    "raw-blobs",
    "old-blobs",
    "oldest-blobs",
    "whole-layers",
    "scopes",
    "alike",
    "ports",
    "dense",
    "lines",
    "scoped",
    "dotted",
    "digits",
    "capitals",
    "longer",
    "shorter",
    "dots",
    "typed",
]
"""Ways to write the whole model; ``all-float16`` means that every tensor is Float16.

``typed`` means that half of the constants are stored in another way, and `naming` lists ways to
name things.
"""

USUAL_OPSET = 21
"""The opset of ONNX models unless a deviation or a variation names another."""

_NONE: Mapping[str, Any] = MappingProxyType({})


class Changes(TypedDict, total=False):
    """Fields of a `Plan` whose values differ from those of the conforming layer."""

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
"""Changes by the name of the deviation."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A disconnected extra branch of a model: what it contains, and the element type."""

    holds: str
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a writer needs to build the model of a case."""

    type: str
    #: shape of the data input
    data: tuple[int, ...]
    domain: str = ""
    #: attributes of the target, as its format spells them
    attributes: Mapping[str, Any] = field(default_factory=lambda: _NONE)
    #: shape of the weight, ``None`` for a layer without one
    weight: tuple[int, ...] | None = None
    #: where the weight comes from, a name in the framework's module `sources`
    source: str = "initializer"
    #: ``""`` = none, else a source as for the weight
    bias: str = ""
    #: what feeds the second data input of a layer with two: ``branch``, ``same``, ``constant``
    second: str = ""
    #: further inputs: constants by dtype and values
    extra: tuple[tuple[str, tuple[float, ...]], ...] = ()
    #: dtype of the target's data and weight
    dtype: str = "float32"
    #: dtype of the graph input that feeds it, if it differs; it is cast at once
    fed_as: str = ""
    #: disconnected extra branches of the model
    branches: tuple[Branch, ...] = ()
    #: what is right before and after the target
    around: tuple[Around, ...] = ()
    #: ways to write the model
    switches: tuple[Switch, ...] = ()
    #: number of outputs; the consumer reads the first, and the others are used as well
    outputs: int = 1
    #: where the target is: ``""`` = main graph, ``if`` = a branch, ``function``
    inside: str = ""
    context: Context = "plain"
    #: whether the first dimension of the data is symbolic
    symbolic_batch: bool = False
    #: forms that are legal, but unusual: ``unnamed``, ``shared-weight`` ...
    form: str = ""
    #: what is requested besides plain uniform quantization, see `requests`
    options: Mapping[str, Any] = field(default_factory=lambda: _NONE)
    opset: int = USUAL_OPSET
    ir_version: int = 10

    def with_(self, changes: Mapping[str, Any]) -> Plan:
        """Return the plan with changes.

        ``attributes`` are merged (``None`` removes one), and the fields in `ADDED` are extended.
        """
        added = {k: (*getattr(self, k), *changes[k]) for k in ADDED if k in changes}
        changes = {**changes, **added}
        if "attributes" in changes:
            merged = {**self.attributes, **changes["attributes"]}
            merged = {k: v for k, v in merged.items() if v is not None}
            changes["attributes"] = MappingProxyType(merged)
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """Properties of a whole model."""

    opset: int = USUAL_OPSET
    ir_version: int = 10
    form: str = ""
    switches: tuple[Switch, ...] = ()
    #: whether layers with weights of the same shape share one
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A layer in a network, and where its data comes from (as in `Item`)."""

    #: layers with the same name are identical
    name: str
    plan: Plan = field(compare=False)
    back: int = 0
    second: int = 0


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """Everything that a writer needs to build the model of a network."""

    layers: tuple[Placed, ...]
    model: ModelPlan
    #: index of the only layer that is judged, ``None`` = all of them
    target: int | None = None
    #: disconnected extra branches besides those of its layers
    branches: tuple[Branch, ...] = ()
    #: whether the first dimension of its inputs is symbolic
    symbolic_batch: bool = False
    #: whether there is an operator that no quantizer touches between layers
    apart: bool = False


ADDED = ("branches", "around", "switches")
"""Fields of a `Plan` that changes extend; all other fields are replaced."""

LayerVariation = Callable[[Plan], Changes | None]
"""Returns changes to a layer that no condition speaks of, ``None`` if they do not apply to it."""


@dataclass(frozen=True, slots=True)
class Case:
    """A condition (or row) id and a deviation from its conforming layer, in a context.

    It contains no answer: answers are always derived from the bytes of the model.
    """

    group: str
    deviation: str
    plan: Plan = field(compare=False)
    #: writes a model for its framework
    write: Callable[[Plan], Built] = field(compare=False)
    context: Context = "plain"
    variations: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The id of the case, as a path. It is public, and enough to rebuild the case."""
        context = CHAIN if self.context == CHAIN else ""
        return str(CaseId(self.group, self.deviation, context, "", self.variations))

    @property
    def framework(self) -> str:
        """``onnx``, ``tensorflow`` or ``caffe``."""
        return framework_of(self.group)

    def build(self) -> Built:
        """Return the case's model, the same bytes on every run and machine."""
        return self.write(self.plan)

    def __repr__(self) -> str:
        return f"<case {self.id}>"


@dataclass(frozen=True, slots=True)
class Built:
    """The model of a case: its bytes, and the output tensors of the layers that are judged."""

    #: an ONNX model, a GraphDef, or the text of a prototxt
    data: bytes
    targets: tuple[str, ...]
    #: what is requested besides plain uniform quantization
    options: RequestOptions = PLAIN
    #: further files of the model: ``model.caffemodel``
    files: Mapping[str, bytes] = field(default_factory=lambda: _NONE)
    framework: str = "onnx"

    @property
    def native(self) -> ModelFiles:
        """The model in its native format."""
        return ModelFiles(self.framework, self.data, self.files)

    @property
    def model(self) -> ModelProto:
        """An ONNX model as a proto, a private copy for the caller."""
        model = ModelProto()
        model.ParseFromString(self.data)
        return model


def target_layers(network: Network, targets: tuple[str, ...]) -> list[Layer]:
    """Return the layers with one of these names."""
    wanted = set(targets)
    return [layer for layer in network.layers if not wanted.isdisjoint(known_as(layer))]


def known_as(layer: Layer) -> list[str]:
    """Return the names by which `Built.targets` refers to a layer.

    These are its outputs. For Caffe it is the layer's name, because several in-place layers share
    one output.
    """
    if layer.framework == "caffe":
        return [layer.name]
    return [tensor.name for tensor in layer.outputs if tensor is not None]
