"""Values for decisions: what a quantizer did to each layer of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from pytest_amct.graphs.network import Basis, Layer, Network
from pytest_amct.once import once
from pytest_amct.tables.model import DataFormat, Scheme, Treatment

UNMATCHED: Literal["unmatched"] = "unmatched"
"""Used instead of a decision: the layer cannot be found in the tool's result."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a quantizer did to one layer. ``None`` means unknown; unknown fields are never judged.

    `Decision()` means that the layer was quantized in an unknown way. `Decision.float()` means
    that it was left in float.
    """

    #: ports of the data inputs that were quantized; ``()`` = none
    inputs: tuple[int, ...] | None = None
    #: whether the weight was quantized; for a layer without one, whether an operand was treated so
    weights: bool | None = None
    #: whether the weight has different factors for different output channels
    weight_channel_wise: bool | None = None
    #: whether the weight offset differs from the middle of the integer range
    weight_asymmetric: bool | None = None
    #: bits of the quantized weight
    weight_bits: int | None = None
    #: shift by N, in bits; 0 = none
    shift: int | None = None
    #: whether the weights were clustered
    nonuniform: bool | None = None
    #: how the data inputs were quantized, as far as it is known
    formats: tuple[DataFormat, ...] = ()
    #: how certain the evidence is (docs/reading.md, "What forms show")
    evidence: Basis = "stated"
    #: what showed the decision, as text
    seen: str = ""

    @staticmethod
    @cache
    def float() -> Decision:
        """Return the decision to leave a layer in float."""
        return Decision(inputs=(), weights=False, nonuniform=False)

    @property
    def quantized(self) -> bool:
        """Whether any part of the layer was quantized."""
        nothing = self.inputs == () and not self.weights and not self.nonuniform
        return not nothing or bool(self.shift)

    @property
    def treatment(self) -> Treatment:
        """The decision as the tables see it. What was done selects the table."""
        scheme: Scheme = "uniform"
        if self.nonuniform:
            scheme = "nonuniform"
        elif self.weights and self.inputs == ():
            scheme = "weight_only"
        return Treatment(
            scheme,
            data=None if self.inputs is None else bool(self.inputs),
            weights=self.weights,
            weight_channel_wise=self.weight_channel_wise,
            weight_asymmetric=self.weight_asymmetric,
            shift=None if self.shift is None else self.shift != 0,
            inputs=self.inputs,
            formats=self.formats,
        )


@dataclass(frozen=True, slots=True)
class Corruption:
    """What is wrong with the weight that a result stores for a layer, or with what it reads."""

    #: ``inferred`` if a tool may have changed the weight on purpose
    basis: Basis
    words: str


Status = Literal[
    "decided", "refused", "unsupported", "errored", "invalid-output", "crashed", "timed-out"
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one call, in terms of the layers of the given model.

    `decisions` is keyed by the layer's index in ``Network.layers``. If a layer is neither in
    `decisions` nor in `unmatched`, its decision is unknown.
    """

    status: Status
    decisions: Mapping[int, Decision] = field(default_factory=dict)
    #: indices of layers that cannot be found in the result
    unmatched: frozenset[int] = frozenset()
    #: by index of a layer that was found: why the result does not show what was done to it
    untold: Mapping[int, str] = field(default_factory=dict)
    #: what is wrong with the layers of the quantized model, by index
    corrupted: Mapping[int, tuple[Corruption, ...]] = field(default_factory=dict)
    #: why the weight of a quantized layer was not compared with the given one, by index
    unchecked: Mapping[int, str] = field(default_factory=dict)
    #: why `status` is not ``decided``
    message: str = ""
    #: why the quantizer's validator could not tell whether the result is valid; "" = it could
    unvalidated: str = ""
    #: last lines of the quantizer's output and warnings
    output: str = ""

    def decision(self, index: int) -> Decision | None:
        """Return the decision on a layer, ``None`` if it is unknown."""
        return self.decisions.get(index)


def layer_index(layer: Layer) -> int:
    """Return the index of a layer in its network. `Outcome.decisions` uses it as key."""
    return once(layer.network, _indices)[layer]


def _indices(network: Network) -> dict[Layer, int]:
    return {layer: index for index, layer in enumerate(network.layers)}
