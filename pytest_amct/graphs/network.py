"""A model as a network of layers and tensors, the same for every framework.

A reader resolves every name once: layers point at tensors and tensors at layers. Later steps (the
walk back to a weight, dtypes, the conditions) never look at names or file formats.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType
from typing import Any, Literal, Protocol

from pytest_amct.once import once
from pytest_amct.wording import cut, printable, written

Shape = tuple[int | str | None, ...]
"""The dimensions of a tensor: a number, a symbol if it can change, ``None`` if unknown."""

Basis = Literal["stated", "inferred"]
"""What an answer rests on: the document says it (`stated`), or it is argued (`inferred`)."""

Origin = Literal["layer", "input", "constant", "overridable", "carried", "parameter", "absent"]
"""Where a tensor comes from.

``layer``: an operator's output; ``input``: a network input; ``constant``: stored in the model;
``overridable``: stored, but callers may replace it; ``carried``: an input of a loop body;
``parameter``: an input of a function body; ``absent``: nothing in the model produces it.
"""


@dataclass(frozen=True, slots=True)
class Unknown:
    """An attribute whose value cannot be told, with the reason in words that follow its name."""

    why: str


UNKNOWN = Unknown("is a parameter of the function")
"""An attribute that the model does not fix: the calls of a function pass different values."""

Takes = Literal["value", "shape", "type"]
"""What an operator uses of an input: its values, only its shape, or only its element type."""


class Role(Enum):
    """What an operator does, as far as the source of its result depends on it."""

    CONSTANT = auto()  #: stores its value itself
    OPERATOR = auto()  #: constant if its inputs are
    IDENTITY = auto()  #: returns its first input
    RANDOM = auto()  #: returns another value on each run
    OPEN = auto()  #: the document does not decide (control flow, variables)
    FOREIGN = (
        auto()
    )  #: its result may change even if its inputs are constant (unknown domains, seeded random)
    CALL = auto()  #: calls a function whose body is in the model


@dataclass(slots=True, eq=False, repr=False)
class Tensor:
    """A value that flows between layers.

    `dtype` and `shape` are what the file declares. `graphs.walk` computes what follows from it.
    """

    name: str
    origin: Origin
    dtype: str | None = None
    shape: Shape | None = None
    producer: Layer | None = None
    consumers: Sequence[Layer] = ()
    is_output: bool = False
    #: the stored constant in the format's own form; its data is never loaded
    value: Any = None
    basis: Basis = "stated"
    #: the arguments that call sites pass (of a ``parameter`` or ``carried`` tensor)
    bound: Sequence[Tensor | None] = ()

    def __str__(self) -> str:
        return written(self.name)

    def read_by(self, layer: Layer) -> None:
        """Add a layer that reads the tensor, once for each of its ports."""
        # Most tensors have one reader. A list for each would take half as much memory as they do.
        if not self.consumers:
            self.consumers = (layer,)
        elif isinstance(self.consumers, list):
            self.consumers.append(layer)
        else:
            self.consumers = [*self.consumers, layer]

    def bind(self, actual: Tensor | None) -> None:
        """Add the argument of one more call site."""
        # Most tensors need no list. A list for each would slow down the garbage collector.
        if not isinstance(self.bound, list):
            self.bound = []
        self.bound.append(actual)


_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(slots=True, eq=False, repr=False)
class Layer:
    """One operator of a network; `version` is its opset version."""

    network: Network
    name: str
    type: str
    domain: str
    version: int
    #: ``""`` in the main graph, else the path of the nested graph or function
    where: str
    raw: Any
    inputs: tuple[Tensor | None, ...] = ()
    outputs: tuple[Tensor | None, ...] = ()
    #: of a call: the parameters and the results of the function's body
    parameters: tuple[Tensor, ...] = ()
    body: tuple[Tensor | None, ...] = ()
    #: in a function body: the attributes that call sites pass, by the function's names
    given: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    #: see `folding.role_of`
    role: Role | None = None

    @property
    def framework(self) -> str:
        """``onnx``, ``tensorflow`` or ``caffe``."""
        return self.network.framework

    @property
    def qualified_type(self) -> str:
        """The type as ids spell it: ``Conv``, or ``com.acme::Conv`` in a custom domain."""
        return f"{self.domain}::{self.type}" if self.domain else self.type

    def attribute(self, name: str) -> Any:
        """Return an attribute, ``None`` if absent, an `Unknown` if its value cannot be told."""
        return self.network.ops.attribute(self, name)

    def input(self, port: int) -> Tensor | None:
        """Return the tensor at an input port, ``None`` if the port is empty."""
        return self.inputs[port] if port < len(self.inputs) else None

    def output(self, port: int) -> Tensor | None:
        """Return the tensor at an output port, ``None`` if the port is empty."""
        return self.outputs[port] if port < len(self.outputs) else None

    def __str__(self) -> str:
        first = next((t.name for t in self.outputs if t is not None), "")
        label, shown = cut(self.qualified_type), repr(cut(self.name or first))
        label = f"{label} {shown}" if self.name else f"{label} (output {shown})"
        return printable(f"{label} in {cut(self.where)}" if self.where else label)


@dataclass(slots=True, eq=False)
class Function:
    """A function whose body is in the model, with its layers and its calls."""

    raw: Any
    parameters: tuple[Tensor, ...]
    body: tuple[Tensor | None, ...]
    layers: list[Layer]
    #: the named tensors of the body and of its nested graphs, as in `Network.scopes`
    scopes: list[dict[str, Tensor]]
    calls: list[Layer]
    given: Mapping[str, Any] = field(default_factory=dict)
    #: whether a call runs the body repeatedly
    loops: bool = False


class Ops(Protocol):
    """What a framework knows about its operators."""

    def attribute(self, layer: Layer, name: str) -> Any:
        """Return the attribute of a layer, see `Layer.attribute`."""

    def role(self, layer: Layer) -> Role:
        """Return the role of a layer's operator."""

    def takes(self, layer: Layer) -> Mapping[int, Takes]:
        """Return what the operator uses of each input port of which it does not use the values."""

    def keeps_rank(self, layer: Layer) -> bool:
        """Return whether the first output surely has the rank of the first input."""

    def dtype(self, layer: Layer, port: int) -> str | int | None:
        """Return the dtype of an output: its name, or the input port with the same, or ``None``."""

    def types(self, layer: Layer) -> Collection[str]:
        """Return element types that only the layer's attributes name and `dtype` cannot tell."""

    def operands(self, layer: Layer, port: int) -> Sequence[int]:
        """Return the input ports that carry an output's value (not shapes, indices or scales)."""


@dataclass(slots=True, eq=False, repr=False)
class Network:
    """A model: its layers in document order, with nested graphs after the layer that owns them."""

    framework: str
    ops: Ops
    raw: Any
    #: fills in the shapes that the file does not declare; never raises
    infer_shapes: Callable[[Network], None]
    layers: list[Layer] = field(default_factory=list)
    #: the tensors that callers feed, without initializers and constants
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    #: the named tensors of each graph in document order; functions have their own scopes
    scopes: list[dict[str, Tensor]] = field(default_factory=list)
    #: the functions, each before the functions that it calls
    functions: list[Function] = field(default_factory=list)
    #: what the file holds and the reader does not know, in words
    notes: list[str] = field(default_factory=list)
    #: what was computed of the network, see `pytest_amct.once`
    memo: dict[Callable[[Any], Any], Any] = field(default_factory=dict)

    def layer(self, name: str) -> Layer:
        """Return the layer of this name. Raise `KeyError` if there is not exactly one."""
        found = once(self, _by_name).get(name, [])
        if len(found) != 1:
            raise KeyError(f"{len(found)} layers are named {written(name)}")
        return found[0]


def _by_name(network: Network) -> dict[str, list[Layer]]:
    found: dict[str, list[Layer]] = {}
    for layer in network.layers:
        found.setdefault(layer.name, []).append(layer)
    return found
