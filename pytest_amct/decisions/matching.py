"""Matches the layers of a quantized ONNX model to the layers of the given model.

The order is: by name, by output tensor name, by weight, by position between matched neighbours.
Weights match by their values, or by their name, which AMCT keeps for INT8 weights. Each result
layer matches one original layer at most. Ambiguous layers are not matched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pytest_amct.decisions.amct.ascend import is_ascend, weight_home
from pytest_amct.decisions.fingerprints import same_weights
from pytest_amct.decisions.onnx.foreign import is_fake
from pytest_amct.decisions.onnx.inlining import Call
from pytest_amct.decisions.onnx.qoperator import stands_for
from pytest_amct.decisions.onnx.quantized_constants import MICROSOFT, is_dequantize, is_quantize
from pytest_amct.decisions.value_types import SHOWS_NOTHING
from pytest_amct.graphs.network import Layer, Network, Tensor
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.model import Spec

_FUSED = {
    "Gemm": ("MatMul",),
    "MatMul": ("Gemm",),
    "FusedConv": ("Conv",),
    "NhwcFusedConv": ("Conv",),
    "FusedMatMul": ("MatMul",),
    "FusedGemm": ("Gemm",),
    "GroupNorm": ("GroupNormalization",),
}
"""Float types that tools write instead of other types."""

_NAME_SUFFIXES = (
    "_quant",
    "_quantized",
    "_MatMul_quant",
    "_MatMul",
    "/MatMulAddFusion",
    "/MatMulAddFusion_quant",
    "/MatMulAddFusion_MatMul_quant",
)
"""Suffixes that tools append to the name of the layer that they replace."""

_TENSOR_SUFFIXES = ("_quantized", "_output_quantized", "_quant", "_QuantizeLinear_Input")
"""Suffixes that tools append to the name of a tensor that they convert."""

_CLIPS = ("Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid")
_VISITS = 32
_LARGEST_BODY = 256
_LONGEST_CHAIN = 32

_Key = tuple[str, str]
_Anchors = frozenset[object]


@dataclass(slots=True)
class _Match:
    """The pairs found so far, in both directions."""

    original: Network
    result: Network
    found: dict[Layer, Layer] = field(default_factory=dict)
    taken: dict[Layer, Layer] = field(default_factory=dict)

    def bind(self, before: Layer, after: Layer) -> bool:
        if before in self.found or after in self.taken or not comparable(before, after):
            return False
        self.found[before], self.taken[after] = after, before
        return True

    def missing(self) -> list[Layer]:
        return [layer for layer in self.original.layers if layer not in self.found]

    def free(self) -> list[Layer]:
        return [layer for layer in self.result.layers if layer not in self.taken]


def match_layers(
    original: Network, result: Network, spec: Spec, calls: Iterable[Call] = ()
) -> dict[int, Layer]:
    """Return the counterparts in `result` of the layers of `original`, by layer index.

    Layers without a counterpart are left out. `calls` are the calls that were inlined in `result`.
    """
    match = _Match(original, result)
    _by_name(match)
    _by_calls(match, calls)
    if len(match.found) < len(original.layers):
        _by_output(match)
    missing = [m for m in match.missing() if m.domain or m.type not in SHOWS_NOTHING]
    if missing and (free := match.free()):
        for before, after in _same_weight_names(missing, free, spec):
            match.bind(before, after)
        for before, after in same_weights(missing, free, comparable, spec):
            match.bind(before, after)
        _by_position(match)
    found = match.found
    return {i: found[layer] for i, layer in enumerate(original.layers) if layer in found}


def comparable(before: Layer, after: Layer) -> bool:
    """Return whether a layer of the result may do the work of a layer of the original."""
    if before.type == after.type and before.domain == after.domain:
        return True
    if before.domain not in ("", MICROSOFT) or after.domain not in ("", MICROSOFT):
        return False
    if (before.type, after.type) == ("ConvTranspose", "Conv"):  # a tool flips the weight
        return _same_place(before, after)
    return before.type in stands_for(after) or before.type in _FUSED.get(after.type, ())


def _same_place(before: Layer, after: Layer) -> bool:
    """Return whether both layers have the same node name, or else the same output name."""
    if before.name:
        return before.name == after.name
    old, new = before.output(0), after.output(0)
    return old is not None and new is not None and old.name == new.name


# --- names -----------------------------------------------------------------------------------


def _by_name(match: _Match) -> None:
    named = _unique((layer.where, layer.name, layer) for layer in match.original.layers)
    results = _unique((layer.where, layer.name, layer) for layer in match.result.layers)
    renamed = []
    for key, after in results.items():
        before = named.get(key)
        if after is not None and (before is None or not match.bind(before, after)):
            renamed.append((key, after))
    for (where, name), after in renamed:
        for suffix in _NAME_SUFFIXES:
            if name.endswith(suffix):
                before = named.get((where, name.removesuffix(suffix)))
                if before is not None and match.bind(before, after):
                    break


def _unique(named: Iterable[tuple[str, str, Layer]]) -> dict[_Key, Layer | None]:
    """Return layers by graph and name, ``None`` for a name that several layers have."""
    found: dict[_Key, Layer | None] = {}
    for where, name, layer in named:
        if name:
            key = (where, name)
            found[key] = None if key in found else layer
    return found


def _by_calls(match: _Match, calls: Iterable[Call]) -> None:
    """Match layers by inlined calls.

    The call has the layer's name or produces its output. The counterpart is the only comparable
    layer in the body of the call.
    """
    named = _unique((layer.where, layer.name, layer) for layer in match.original.layers)
    made = _unique(_outputs(match.original))
    for call in calls:
        wanted = [named.get(("", call.name)), *(made.get(("", name)) for name in call.outputs)]
        body = _body(match.result, call) if any(wanted) else []
        for before in wanted:
            for layer in (before, *_biased_by(before)) if before is not None else ():
                workers = [inner for inner in body if comparable(layer, inner)]
                if len(workers) == 1 and match.bind(layer, workers[0]):
                    break


def _biased_by(layer: Layer) -> Iterator[Layer]:
    """Yield the layers to which an Add adds a bias: tools fuse both into one layer."""
    for tensor in layer.inputs if layer.type == "Add" and not layer.domain else ():
        if tensor is not None and tensor.producer is not None and len(tensor.consumers) == 1:
            yield tensor.producer


def _body(result: Network, call: Call) -> list[Layer]:
    """Return the layers between the inputs and the outputs of an inlined call."""
    found: dict[Layer, None] = {}
    stack = [result.scopes[0].get(name) for name in call.outputs if name]
    while stack and len(found) < _LARGEST_BODY:
        tensor = stack.pop()
        layer = tensor.producer if tensor is not None else None
        if layer is not None and layer not in found:
            found[layer] = None
            stack.extend(t for t in layer.inputs if t is not None and t.name not in call.inputs)
    return list(found)


def _by_output(match: _Match) -> None:
    producers = _unique(_outputs(match.result))
    for exact in (True, False):
        for before in match.missing():
            for name in _output_names(before, exact):
                after = producers.get((before.where, name))
                if after is None:
                    continue
                if match.bind(before, after) or _bind_behind(match, before, after):
                    break


def _outputs(network: Network) -> Iterator[tuple[str, str, Layer]]:
    for layer in network.layers:
        for tensor in layer.outputs:
            if tensor is not None:
                yield layer.where, tensor.name, layer


def _output_names(before: Layer, exact: bool) -> Iterator[str]:
    """Yield names that a layer's first output may have in the result.

    If the activation after the layer may have been fused, its output's names are included.
    """
    output = before.output(0)
    if output is None:
        return
    names = [output.name]
    if not exact and len(output.consumers) == 1 and not output.is_output:
        reader = output.consumers[0]
        fused = reader.output(0) if reader.type in _CLIPS and not reader.domain else None
        if fused is not None:
            names.append(fused.name)
    for name in names:
        if not exact or name != output.name:
            yield from (name + suffix for suffix in _TENSOR_SUFFIXES)
        if exact or name != output.name:
            yield name


def _bind_behind(match: _Match, before: Layer, helper: Layer) -> bool:
    """Bind the layer before `helper`, seen through the operators that tools append to a layer."""
    stack, left = [(helper, False)], _VISITS
    while stack and left:
        left -= 1
        layer, scaled = stack.pop()
        if layer is not helper and _bind_worker(match, before, layer, scaled):
            return True
        if is_dequantize(layer) or is_quantize(layer) or is_fake(layer) or layer.type == "Cast":
            inputs: tuple[Tensor | None, ...] = layer.inputs[:1]
        elif layer.type in ("Mul", "Add", "Reshape") and layer not in match.taken:
            inputs, scaled = layer.inputs, True
        else:
            continue
        stack.extend((t.producer, scaled) for t in inputs if t is not None and t.producer)
    return False


def _bind_worker(match: _Match, before: Layer, layer: Layer, scaled: bool) -> bool:
    """Bind a layer. Before scales and biases only an integer operator can be the counterpart."""
    if scaled and "Integer" not in layer.type:
        return False
    return match.bind(before, layer)


# --- weights that keep their names ------------------------------------------------------------


def _same_weight_names(
    missing: list[Layer], free: list[Layer], spec: Spec
) -> Iterator[tuple[Layer, Layer]]:
    """Yield pairs of layers whose weights have the same name: AMCT replaces floats by integers."""
    old = _unique((layer.where, _weight_name(layer, spec, False), layer) for layer in missing)
    new = _unique((layer.where, _weight_name(layer, spec, True), layer) for layer in free)
    for key, after in new.items():
        before = old.get(key)
        if before is not None and after is not None:
            yield before, after


def _weight_name(layer: Layer, spec: Spec, integers: bool) -> str:
    row = find_row(layer, spec)
    if row is None or row.ports.weight is None:
        return ""
    home, _ = weight_home(layer.input(row.ports.weight))
    if home is None or home.origin != "constant" or home.dtype is None:
        return ""
    return home.name if integers == home.dtype.startswith(("int", "uint")) else ""


# --- position --------------------------------------------------------------------------------


def _by_position(match: _Match) -> None:
    """Match chains between the same matched layers, if each model has exactly one such chain."""
    old: dict[tuple[object, _Anchors], list[list[Layer]]] = {}
    new: dict[tuple[object, _Anchors], list[list[Layer]]] = {}
    partners: dict[object, object] = dict(match.found.items())
    for start, head in _heads(match.original, match.found):
        chain, ends = _chain(head, match.found)
        if ends:
            key = partners.get(start, start), frozenset(partners.get(end, end) for end in ends)
            old.setdefault(key, []).append(chain)
    for start, head in _heads(match.result, match.taken):
        chain, ends = _chain(head, match.taken)
        if ends:
            new.setdefault((start, ends), []).append(chain)
    for key, chains in old.items():
        others = new.get(key, [])
        if len(chains) == len(others) == 1 and len(chains[0]) == len(others[0]):
            pairs = list(zip(chains[0], others[0], strict=True))
            if all(comparable(before, after) for before, after in pairs):
                for before, after in pairs:
                    match.bind(before, after)


def _heads(network: Network, known: dict[Layer, Layer]) -> Iterator[tuple[object, Layer]]:
    """Yield unmatched layers directly after a matched layer or a network input."""
    for tensor in network.inputs:
        for head in _readers(tensor):
            if head not in known:
                yield f"input {tensor.name}", head
    for layer in network.layers:
        output = layer.output(0) if layer in known else None
        for head in _readers(output) if output is not None else ():
            if head not in known:
                yield layer, head


def _chain(head: Layer, known: dict[Layer, Layer]) -> tuple[list[Layer], _Anchors]:
    """Return the chain of unmatched layers from `head` on, and the anchors where it ends.

    Layers that show no decision are left out.
    """
    chain: list[Layer] = []
    layer = head
    for _ in range(_LONGEST_CHAIN):
        if layer.domain or layer.type not in SHOWS_NOTHING:
            chain.append(layer)
        output = layer.output(0)
        if output is None:
            break
        readers = _readers(output)
        anchors: list[object] = [reader for reader in readers if reader in known]
        anchors += [f"output {name}" for name in _network_outputs(output)]
        if anchors or len(readers) != 1:
            return chain, frozenset(anchors)
        layer = readers[0]
    return chain, frozenset()


def _readers(tensor: Tensor) -> list[Layer]:
    """Return the layers that read a tensor, seen through quantizers, dequantizers and casts."""
    found: dict[Layer, None] = {}
    for consumer, _ in _flow(tensor):
        if not _is_helper(consumer):
            found[consumer] = None
    return list(found)


def _network_outputs(tensor: Tensor) -> list[str]:
    names = [tensor.name] if tensor.is_output else []
    names += [t.name for c, t in _flow(tensor) if t is not None and t.is_output and _is_helper(c)]
    return names


def _flow(tensor: Tensor) -> Iterator[tuple[Layer, Tensor | None]]:
    stack, left = [tensor], 256
    while stack and left:
        left -= 1
        for consumer in stack.pop().consumers:
            output = consumer.output(0)
            yield consumer, output
            if output is not None and _is_helper(consumer):
                stack.append(output)


def _is_helper(layer: Layer) -> bool:
    if is_quantize(layer) or is_dequantize(layer) or is_ascend(layer) or is_fake(layer):
        return True
    return layer.type in ("Cast", "DynamicQuantizeLinear") and not layer.domain
