"""The view of a model that the tables speak about, the same for every framework.

A reader resolves every name once: layers point at tensors and tensors at layers. What follows
(the walk back to a weight, dtypes, the conditions) never looks at names or at file formats.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Literal, Protocol

from pytest_amct.wording import printable

Shape = tuple[int | str | None, ...]
"""Dimensions of a tensor: a number, the symbol of one that can change, ``None`` = not known."""

Basis = Literal["stated", "inferred"]
"""Whether the document says it (`stated`) or it is argued from the document (`inferred`)."""

Origin = Literal["layer", "input", "constant", "overridable", "carried", "parameter", "absent"]
"""Where a tensor comes from.

``layer``: an operator's output; ``input``: a network input; ``constant``: stored in the model;
``overridable``: stored, but callers may replace it; ``carried``: an input of a loop body;
``parameter``: an input of a function body; ``absent``: nothing in the model produces it.
"""


class Unknown(Enum):
    """An attribute whose value the model does not fix (a function's attribute parameter)."""

    UNKNOWN = auto()


UNKNOWN = Unknown.UNKNOWN


Takes = Literal["value", "shape", "type"]
"""What an operator takes from an input: its values, or nothing but its shape or element type."""


class Role(Enum):
    """What an operator means for the value that comes out of it."""

    CONSTANT = auto()  #: stores its value itself
    OPERATOR = auto()  #: as constant as its inputs are
    IDENTITY = auto()  #: hands on its first input
    RANDOM = auto()  #: another value on each run
    OPEN = auto()  #: the document does not decide (control flow, variables, seeded random)
    FOREIGN = auto()  #: of a domain that is not known: constant inputs prove nothing
    CALL = auto()  #: calls a function whose body is in the model


@dataclass(slots=True, eq=False, repr=False)
class Tensor:
    """A value that flows between layers.

    `dtype` and `shape` are what the file declares; ask `graphs.walk` for what follows from it.
    """

    name: str
    origin: Origin
    dtype: str | None = None
    shape: Shape | None = None
    producer: Layer | None = None
    consumers: list[Layer] = field(default_factory=list)
    is_output: bool = False
    #: the stored constant as the format holds it, its data never loaded
    value: Any = None
    basis: Basis = "stated"
    #: of a ``parameter``: what the call sites pass in
    bound: Sequence[Tensor | None] = ()

    def bind(self, actual: Tensor | None) -> None:
        """Note what one more call site passes in."""
        # A list for each of all tensors would be a fifth of what the collector has to look at.
        if not isinstance(self.bound, list):
            self.bound = []
        self.bound.append(actual)


@dataclass(slots=True, eq=False, repr=False)
class Layer:
    """One operator of a network, with defaults of its opset `version` behind `attribute`."""

    network: Network
    name: str
    type: str
    domain: str
    version: int
    #: ``""`` in the main graph, else the path of the nested graph or function that holds it
    where: str
    raw: Any
    inputs: tuple[Tensor | None, ...] = ()
    outputs: tuple[Tensor | None, ...] = ()
    #: of a ``CALL``: what the function's body takes and gives
    parameters: tuple[Tensor, ...] = ()
    body: tuple[Tensor | None, ...] = ()
    #: of a function's body: the attributes that its call sites pass, by the function's names
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def framework(self) -> str:
        """``onnx``, ``tensorflow`` or ``caffe``."""
        return self.network.framework

    @property
    def qualified_type(self) -> str:
        """The type as condition ids spell it: ``Conv``; ``com.acme::Conv`` of a custom domain."""
        return f"{self.domain}::{self.type}" if self.domain else self.type

    def attribute(self, name: str) -> Any:
        """The attribute's value, ``None`` if absent, `UNKNOWN` if the model does not fix it."""
        return self.network.ops.attribute(self, name)

    def input(self, port: int) -> Tensor | None:
        """The tensor at an input port, ``None`` if nothing stands there."""
        return self.inputs[port] if port < len(self.inputs) else None

    def output(self, port: int) -> Tensor | None:
        """The tensor at an output port, ``None`` if it is left out."""
        return self.outputs[port] if port < len(self.outputs) else None

    def __str__(self) -> str:
        first = next((t.name for t in self.outputs if t is not None), "")
        label = f"{self.qualified_type} {self.name!r}" if self.name else self.qualified_type
        label = label if self.name else f"{label} (output {first!r})"
        return printable(f"{label} in {self.where}" if self.where else label)


@dataclass(slots=True, eq=False)
class Function:
    """A function whose body is in the model, with the layers that call it."""

    raw: Any
    parameters: tuple[Tensor, ...]
    body: tuple[Tensor | None, ...]
    layers: list[Layer]
    #: named tensors of the body and of the graphs nested in it, as in `Network.scopes`
    scopes: list[dict[str, Tensor]]
    calls: list[Layer]
    given: Mapping[str, Any] = field(default_factory=dict)


class Ops(Protocol):
    """What a framework knows about its operators."""

    def attribute(self, layer: Layer, name: str) -> Any:
        """The attribute of a layer, see `Layer.attribute`."""

    def role(self, layer: Layer) -> Role:
        """What the operator means for its output's value."""

    def takes(self, layer: Layer) -> Mapping[int, Takes]:
        """The input ports from which the operator does not take the values, and what it takes."""

    def dtype(self, layer: Layer, port: int) -> str | int | None:
        """Dtype of an output: its name, or the input port that it follows, or ``None``."""

    def types(self, layer: Layer) -> Collection[str]:
        """Element types that its attributes name and no output's dtype tells."""

    def operands(self, layer: Layer, port: int) -> Sequence[int]:
        """Input ports that carry the value of an output (not shapes, indices or scales)."""


@dataclass(slots=True, eq=False, repr=False)
class Network:
    """A model: its layers in document order, nested graphs and functions behind their owners."""

    framework: str
    ops: Ops
    raw: Any
    #: fills in the shapes that the file does not declare; never raises
    infer_shapes: Callable[[Network], None]
    layers: list[Layer] = field(default_factory=list)
    #: what callers feed: initializers and constants are not among them
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    #: every named tensor, one dict for each graph in document order; functions have their own
    scopes: list[dict[str, Tensor]] = field(default_factory=list)
    #: callers before those that they call
    functions: list[Function] = field(default_factory=list)
    #: what `graphs.walk` and `tables` have already worked out
    memo: dict[str, Any] = field(default_factory=dict)

    def layer(self, name: str) -> Layer:
        """The layer of that name. Raises `KeyError` if there is none or more than one."""
        found = [layer for layer in self.layers if layer.name == name]
        if len(found) != 1:
            raise KeyError(f"{len(found)} layers are named {name!r}")
        return found[0]
