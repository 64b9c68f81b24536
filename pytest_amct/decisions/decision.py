"""Decisions as values: what a quantizer did to each layer of one model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from pytest_amct.graphs.network import Basis, Layer
from pytest_amct.tables.model import Scheme, Treatment

UNMATCHED: Literal["unmatched"] = "unmatched"
"""In place of a decision: the layer cannot be found again in what the tool made."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a quantizer did to one layer. ``None`` is not known, and the unknown is never judged.

    A decision without any field says: quantized, how is not known. `Decision.float()` says: left
    in float.
    """

    #: ports of the data inputs that were quantized; ``()`` = none
    inputs: tuple[int, ...] | None = None
    #: whether the weight was quantized (of a layer without one: whether something was as if)
    weights: bool | None = None
    #: several weight factors that differ, one for each output channel
    weight_channel_wise: bool | None = None
    #: a weight offset other than the middle of the integer range
    weight_asymmetric: bool | None = None
    #: bits of the quantized weight
    weight_bits: int | None = None
    #: shift by N, in bits; 0 = none
    shift: int | None = None
    #: weights were clustered
    nonuniform: bool | None = None
    #: how sure the form shows it (READING.md section 9)
    evidence: Basis = "stated"
    #: what showed it, in words
    seen: str = ""

    @staticmethod
    @cache
    def float() -> Decision:
        """The decision to leave a layer in float."""
        return Decision(inputs=(), weights=False, nonuniform=False)

    @property
    def quantized(self) -> bool:
        """Whether anything of the layer was quantized."""
        nothing = self.inputs == () and not self.weights and not self.nonuniform
        return not nothing or bool(self.shift)

    @property
    def treatment(self) -> Treatment:
        """The decision as the tables see it; it picks the table by what was done."""
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
        )


Status = Literal[
    "decided", "refused", "unsupported", "errored", "invalid-output", "crashed", "timed-out"
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one call, in terms of the layers of the model that was given.

    `decisions` is keyed by the layer's index in ``Network.layers``. A layer that is neither there
    nor in `untraceable` was not mentioned: unknown.
    """

    status: Status
    decisions: Mapping[int, Decision] = field(default_factory=dict)
    #: indices of layers that cannot be found in what was returned
    unmatched: frozenset[int] = frozenset()
    #: by index: why what was returned cannot tell what was done to a layer that was found in it
    untold: Mapping[int, str] = field(default_factory=dict)
    #: why it is not ``decided``
    message: str = ""
    #: what the quantizer printed and warned, its last lines
    output: str = ""

    def decision(self, index: int) -> Decision | None:
        """The decision on a layer, ``None`` if it is not known."""
        return self.decisions.get(index)


def layer_index(layer: Layer) -> int:
    """The index of a layer in its network, as `Outcome.decisions` uses it."""
    index = layer.network.memo.get("index")
    if index is None:
        index = {known: i for i, known in enumerate(layer.network.layers)}
        layer.network.memo["index"] = index
    return int(index[layer])
