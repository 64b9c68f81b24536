"""Which layers of a model can be quantized, and why the others cannot: the tables' answers.

An answer rests on the model alone; no quantizer is run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pytest_amct.cures import cure_of
from pytest_amct.decisions.amct.ascend import is_ascend
from pytest_amct.decisions.onnx.foreign import is_fake
from pytest_amct.decisions.onnx.qoperator import is_qoperator
from pytest_amct.decisions.onnx.quantized_constants import is_dequantize, is_quantize
from pytest_amct.graphs import sources, walk
from pytest_amct.graphs.collecting import uncollected
from pytest_amct.graphs.folding import role_of
from pytest_amct.graphs.network import Basis, Layer, Network, Role, Tensor
from pytest_amct.graphs.tensorflow.ops import is_network_input
from pytest_amct.ids import ConditionId
from pytest_amct.tables.answers import answer, find_row, ir_types
from pytest_amct.tables.model import Answer, Reason, Scheme, Spec, Treatment, Verdict
from pytest_amct.tables.rows import takes_data_only

_NOT_COMPUTING = frozenset({Role.CONSTANT, Role.IDENTITY, Role.CALL})
"""Roles of nodes that compute nothing themselves; the layers of a function stand for its calls."""

_ON_VARIABLES = frozenset(
    "Assign ReadVariableOp RestoreV2 ShardedFilename StaticRegexFullMatch StringJoin".split()
)
"""TensorFlow's operators that read, write and load variables, and name the files of checkpoints."""


@dataclass(slots=True, eq=False, repr=False)
class LayerAnswer:
    """The answer for one layer of a model. Reasons are worked out when somebody asks for them."""

    layer: Layer
    verdict: Verdict
    basis: Basis
    #: the id of the row, ``None`` if no row lists the type
    row: str | None
    treatment: Treatment
    spec: Spec
    _reason: Reason | None = field(default=None, init=False)

    @property
    def answer(self) -> Answer:
        """The whole answer, worked out again: large models have many, and few are asked for."""
        return answer(self.layer, self.treatment, self.spec)

    @property
    def reason(self) -> Reason | None:
        """The reason that decides, ``None`` if the layer can be quantized."""
        if self._reason is None and self.verdict != "quantizable":
            found = self.answer
            wanted = found.broken if self.verdict == "forbidden" else found.unknown
            self._reason = wanted[0]
        return self._reason

    @property
    def cure(self) -> str:
        """What to change in the model, ``""`` if nothing is known or needed."""
        return "" if self.reason is None else cure_of(self.reason, self.layer)

    @property
    def ir(self) -> tuple[str, ...]:
        """The possible Ascend IR types; none without a row."""
        row = find_row(self.layer, self.spec)
        return () if row is None else ir_types(self.layer, row)

    @property
    def note(self) -> str:
        """What else the tables say of a layer that can be quantized."""
        row = find_row(self.layer, self.spec)
        if row is None or self.verdict != "quantizable":
            return ""
        data_only = takes_data_only(self.layer, row)
        parts = ["data only, if tensor_quantize names it"] if data_only else []
        parts += [f"inferred, as {self._inferred_from}"] if self.basis == "inferred" else []
        return "; ".join(parts)

    @property
    def _inferred_from(self) -> str:
        """What was seen where the document implies that a condition holds."""
        return next(
            r.observed for r in self.answer.reasons if r.state == "holds" and r.basis == "inferred"
        )


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answers of one release for a model."""

    #: what the user calls the model
    name: str
    network: Network
    spec: Spec
    scheme: Scheme
    #: the layers that data passes through, in the order of the file
    layers: Sequence[LayerAnswer]
    #: how many nodes of each type are not counted as layers: no data passes through them
    aside: Mapping[str, int]
    #: why the model seems to be quantized already, ``""`` if it does not
    quantized: str

    @property
    def verdicts(self) -> Mapping[str, int]:
        """How many layers have each verdict."""
        return Counter(found.verdict for found in self.layers)


def explain(
    network: Network, specs: Sequence[Spec], scheme: Scheme = "uniform", name: str = ""
) -> list[Explanation]:
    """Return the answers of each release for the layers of a network."""
    with uncollected():  # the answers stay alive, so there is no garbage to collect
        layers, aside = counted(network, specs)
        quantized = quantized_already(network)
        treatment = Treatment(scheme)
        return [
            Explanation(
                name,
                network,
                spec,
                scheme,
                [_answered(layer, treatment, spec) for layer in layers],
                aside,
                quantized,
            )
            for spec in specs
        ]


def _answered(layer: Layer, treatment: Treatment, spec: Spec) -> LayerAnswer:
    found = answer(layer, treatment, spec)
    return LayerAnswer(layer, found.verdict, found.basis, found.row, treatment, spec)


def counted(network: Network, specs: Sequence[Spec]) -> tuple[Sequence[Layer], Mapping[str, int]]:
    """Return the layers that data passes through, and count the other nodes by type."""
    listed = {
        type_
        for spec in specs
        for (_, framework, type_) in spec.by_type
        if framework == network.framework
    }
    layers, aside, fed = [], Counter[str](), walk.note_fed(network)
    uncalled: set[Layer] = set()
    for function in network.functions:  # each before the functions that it calls
        if uncalled.issuperset(function.calls):
            uncalled.update(function.layers)
    for layer in network.layers:
        if not (uncalled and layer in uncalled) and _is_counted(layer, listed, fed):
            layers.append(layer)
        else:
            aside[layer.qualified_type] += 1
    return layers, aside


def _is_counted(layer: Layer, listed: Collection[str], fed: Mapping[Tensor, bool]) -> bool:
    if layer.type not in listed:
        return _computes(layer, fed)
    first = layer.outputs[0] if layer.outputs else None
    if first is not None and fed[first] and not layer.parameters and not layer.body:
        return True  # nearly all layers of listed types
    return _computes(layer, fed) or not _is_constant(layer)


def _computes(layer: Layer, fed: Mapping[Tensor, bool]) -> bool:
    """Return whether a node computes something of the data of a network input."""
    if role_of(layer) in _NOT_COMPUTING:
        return False
    if layer.framework == "tensorflow" and _is_housekeeping(layer):
        return False
    return any(t is not None and fed[t] for t in layer.outputs)


def _is_constant(layer: Layer) -> bool:
    """Return whether a node surely has no data: it computes a constant from constants."""
    return all(t is None or sources.source(t).kind == "constant" for t in layer.inputs)


def _is_housekeeping(layer: Layer) -> bool:
    """Return whether an operator of TensorFlow is an input, is about variables, or makes text."""
    if is_network_input(layer.type) or layer.type in _ON_VARIABLES:
        return True
    return layer.network.ops.dtype(layer, 0) == "string"


def quantized_already(network: Network) -> str:
    """Return why a network seems to be quantized already, ``""`` if it does not."""
    by_type: dict[tuple[str, str], bool] = {}
    found = []
    for layer in network.layers:
        type_ = layer.domain, layer.type
        if type_ not in by_type:
            by_type[type_] = _is_of_a_quantizer(layer)
        if by_type[type_]:
            found.append(layer)
    if not found:
        return ""
    return f"it holds {len(found)} quantizing operators, the first is {found[0]}"


_OF_QUANTIZERS = (
    "Quantize",
    "Dequantize",
    "FakeQuant",
    "Quantized",
    "AscendQuant",
    "AscendDequant",
    "AscendAntiQuant",
    "AscendWeightQuant",
)


def _is_of_a_quantizer(layer: Layer) -> bool:
    if layer.framework == "onnx":
        pair = is_quantize(layer) or is_dequantize(layer) or is_fake(layer)
        return pair or is_ascend(layer) or is_qoperator(layer)
    if layer.framework == "caffe":
        return layer.type in ("Quant", "DeQuant", "AntiQuant")
    return layer.type.startswith(_OF_QUANTIZERS)


# --- totals ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Group:
    """Layers that are not quantizable for the same reason."""

    #: the id of the condition; all types without a row are one group, under their `unlisted` id
    condition: str
    verdict: str
    #: the first of them
    first: LayerAnswer
    #: how many of them have each type
    types: Mapping[str, int]

    @property
    def count(self) -> int:
        """How many layers there are."""
        return sum(self.types.values())


def groups(found: Explanation) -> list[Group]:
    """Return the reasons why layers are not quantizable, the most frequent first."""
    first: dict[tuple[str, str], LayerAnswer] = {}
    types: dict[tuple[str, str], Counter[str]] = {}
    for told in found.layers:
        if told.verdict == "quantizable":
            continue
        key = told.verdict, _reason_id(told)
        first.setdefault(key, told)
        types.setdefault(key, Counter())[told.layer.qualified_type] += 1
    made = [Group(id_, verdict, first[verdict, id_], types[verdict, id_]) for verdict, id_ in first]
    # The sort is stable: equal counts stay in the order of the model.
    return sorted(made, key=lambda group: -group.count)


def _reason_id(told: LayerAnswer) -> str:
    if told.row is None:  # the usual case, and the words of each layer cost
        return "unlisted"
    assert told.reason is not None
    return str(ConditionId.parse(told.reason.condition))
