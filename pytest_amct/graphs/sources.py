"""Where a value comes from: whether a weight is constant, with the reason in words.

The walk goes backwards from the tensor and through calls of functions. docs/reading.md, "Weight
source", says what each end of the walk means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pytest_amct.graphs.calls import (
    Place,
    Reach,
    arguments,
    places,
    positions,
    returned_by,
    taken_apart,
)
from pytest_amct.graphs.folding import fold, is_call, network_of, present, role_of, sibling
from pytest_amct.graphs.network import Basis, Layer, Network, Role, Tensor
from pytest_amct.graphs.walk import shape
from pytest_amct.once import once
from pytest_amct.wording import told

Kind = Literal["constant", "dynamic", "unknown"]

_RANK: dict[Kind, int] = {"constant": 0, "unknown": 1, "dynamic": 2}


class Source(NamedTuple):
    """Where a value comes from (docs/reading.md, "Weight source")."""

    kind: Kind
    words: str
    basis: Basis = "stated"
    #: what is put into the words when somebody reads them: nobody reads most
    values: tuple[object, ...] = ()

    @property
    def why(self) -> str:
        """The reason in words."""
        return told(self.words, self.values)

    def __str__(self) -> str:
        return self.why


def source(tensor: Tensor) -> Source:
    """Return the source of a tensor. In a function body, all call sites must agree on it."""
    if tensor.origin == "constant":  # nearly all weights
        return _leaf(tensor)
    layer = tensor.producer
    if layer is not None and role_of(layer) is Role.CONSTANT:
        return Source("constant", "constant {}", values=(tensor,))
    known = _known(tensor).sources
    return known[tensor] if tensor in known else fold(tensor, known, _needs, _source_of, _CYCLE)


@dataclass(slots=True)
class _Known:
    """The answers that are known in one network."""

    reach: Reach
    sources: dict[Place, Source] = field(default_factory=dict)
    #: whether the parameters of functions with several calls matter for a tensor
    open: dict[Tensor, bool] = field(default_factory=dict)


def _nothing_known(network: Network) -> _Known:
    return _Known(Reach(_values_behind, positions(network)))


def _known(tensor: Tensor) -> _Known:
    network = network_of(tensor)
    return _Known(Reach(_values_behind, {})) if network is None else once(network, _nothing_known)


_CYCLE = Source("unknown", "a cycle")


def _only_argument(tensor: Tensor) -> Tensor | None:
    """Return the argument for a parameter of a function that has a single call."""
    single = tensor.origin == "parameter" and len(tensor.bound) == 1
    return tensor.bound[0] if single else None


def _needs(place: Place) -> Sequence[Place]:
    tensor, inside = taken_apart(place)
    layer = tensor.producer
    if layer is None:
        if inside and tensor.origin == "parameter" and _only_argument(tensor) is None:
            return ()
        inside = inside or tensor.origin == "carried"
        return places((t for t in tensor.bound if t is not None), inside)
    role = role_of(layer)
    if role is Role.OPERATOR or role is Role.FOREIGN:
        if (other := sibling(layer, tensor)) is not None:
            return places((other,), inside)
        takes = layer.network.ops.takes(layer)
        if not takes:
            return places((t for t in layer.inputs if t is not None), inside)
        return [(t,) if inside or takes.get(p) == "shape" else t for p, t in _that_matter(layer)]
    if role is Role.IDENTITY:
        return places(present(layer, (0,)), inside)
    body = returned_by(tensor) if role is Role.CALL else None
    if body is None:
        return ()
    passed = arguments(layer, _known(tensor).reach.of(body))
    return [(body,), *places((t for t in passed if t is not None), inside)]


def _that_matter(layer: Layer) -> Iterable[tuple[int, Tensor]]:
    """Yield the inputs whose values or shapes the operator uses; a type is always constant."""
    takes = layer.network.ops.takes(layer)
    for port, tensor in enumerate(layer.inputs):
        if tensor is not None and takes.get(port) != "type":
            yield port, tensor


def _values_behind(tensor: Tensor) -> Sequence[Tensor]:
    """Return the tensors of which a tensor is computed; not those of which only the shape is."""
    layer = tensor.producer
    role = role_of(layer) if layer is not None else None
    if layer is None or role not in (Role.OPERATOR, Role.FOREIGN, Role.IDENTITY):
        return ()
    if role is Role.IDENTITY:
        return present(layer, (0,))
    if (other := sibling(layer, tensor)) is not None:
        return [other]
    takes = layer.network.ops.takes(layer)
    return [t for p, t in _that_matter(layer) if takes.get(p) != "shape"]


_LEAVES: dict[str, tuple[Kind, str]] = {
    "input": ("dynamic", "network input {}"),
    "constant": ("constant", "stored constant {}"),
    "overridable": ("unknown", "initializer {} that is also a graph input"),
    "carried": ("unknown", "loop-carried value {}"),
    "absent": ("unknown", "tensor {} without a producer"),
    "parameter": ("constant", "parameter {}"),
}


def _leaf(tensor: Tensor) -> Source:
    kind, words = _LEAVES[tensor.origin]
    return Source(kind, words, tensor.basis, (tensor,))


def _source_of(place: Place, found: Sequence[Source]) -> Source:
    tensor, inside = taken_apart(place)
    layer = tensor.producer
    if layer is None:
        if tensor.origin == "parameter" and not (inside and _only_argument(tensor) is None):
            return _argument(tensor, found)
        carried = tensor.origin == "carried" and any(s.kind == "dynamic" for s in found)
        return _join(found) if carried else _leaf(tensor)
    role = role_of(layer)
    if role is Role.CONSTANT:
        return Source("constant", "constant {}", values=(tensor,))
    if role is Role.RANDOM:
        return Source("dynamic", "random values of {}", values=(layer,))
    if role is Role.OPEN or (role is Role.CALL and not found):
        return Source("unknown", "the result of {}", values=(layer,))
    if role is Role.CALL:
        return _call(tensor, layer, found)
    if sibling(layer, tensor) is not None:
        return found[0]
    joined = _join(_taken(layer, found) if layer.network.ops.takes(layer) else found)
    if role is Role.FOREIGN and joined.kind == "constant":
        why = "the result of {}, which may change even on constant inputs"
        return Source("unknown", why, values=(layer,))
    return joined


def _argument(parameter: Tensor, found: Sequence[Source]) -> Source:
    """Return the source of a function's parameter, given those of its arguments."""
    if not parameter.bound:
        why = "parameter {} of a function that nothing calls"
        return Source("unknown", why, values=(parameter,))
    if None in parameter.bound:
        left_out = Source("unknown", "function parameter {}, left out", values=(parameter,))
        found = [*found, left_out]
    if len({s.kind for s in found}) > 1:
        why = "function parameter {}, whose call sites differ"
        return Source("unknown", why, values=(parameter,))
    return found[0]


def _join(found: Sequence[Source]) -> Source:
    """Return the source of a value computed from all of these: the most dynamic one decides."""
    if len(found) == 1:
        return found[0]
    if not found:
        return Source("constant", "constants only")
    worst = max(found, key=lambda s: (_RANK[s.kind], s.basis == "stated"))
    if worst.kind == "constant" and any(s.basis == "inferred" for s in found):
        return worst._replace(basis="inferred")
    return worst


def _taken(layer: Layer, found: Sequence[Source]) -> list[Source]:
    """Return the sources of what an operator uses, given the sources of its inputs' values."""
    takes = layer.network.ops.takes(layer)
    taken = [
        _shape_of(layer, tensor, value) if takes.get(port) == "shape" else value
        for (port, tensor), value in zip(_that_matter(layer), found, strict=True)
    ]
    if any(what == "shape" and layer.input(port) is None for port, what in takes.items()):
        taken.append(_shape_of(layer, None, Source("unknown", "an input that is left out")))
    return taken


def _shape_of(layer: Layer, tensor: Tensor | None, value: Source) -> Source:
    if value.kind == "constant":
        if tensor is None or not _is_open(tensor):
            return value
        why = "{} of a function argument, whose shape depends on the call"
        return Source("unknown", why, values=(layer,))
    entries = shape(tensor)
    if tensor is None or entries is None:
        return Source("unknown", "{} of a tensor whose shape is unknown", values=(layer,))
    first, last = layer.attribute("start"), layer.attribute("end")
    used = entries[first if isinstance(first, int) else 0 : last if isinstance(last, int) else None]
    kind: Kind = "unknown"
    if any(isinstance(entry, str) for entry in used):
        kind, why = "dynamic", "{} of {}, which has a symbolic dimension"
    elif None in used:
        why = "{} of {}, which has an unknown dimension"
    elif used != entries:
        why = "{} of the static entries of {}"
    else:
        why = "{} of {}, whose shape is static"
    return Source(kind, why, values=(layer, tensor))


def _is_open(tensor: Tensor) -> bool:
    """Return whether a tensor depends on parameters of a function that has several calls."""
    known = _known(tensor)

    def needs(t: Tensor) -> Sequence[Tensor]:
        only, layer = _only_argument(t), t.producer
        if only is not None or layer is None or not is_call(t):
            return [only] if only is not None else _values_behind(t)
        body = returned_by(t)
        passed = arguments(layer, known.reach.of(body)) if body is not None else ()
        return [a for a in passed if a is not None]

    def combine(t: Tensor, found: Sequence[bool]) -> bool:
        return any(found) or (t.origin == "parameter" and not found)

    return fold(tensor, known.open, needs, combine, False)


def _call(tensor: Tensor, layer: Layer, found: Sequence[Source]) -> Source:
    """Return the source of a call's output, from those of the body's result and its arguments."""
    body = returned_by(tensor)
    assert body is not None
    if None in arguments(layer, _known(tensor).reach.of(body)):
        left_out = Source("unknown", "an input that {} leaves out", values=(layer,))
        found = [*found, left_out]
    return _join(found)
