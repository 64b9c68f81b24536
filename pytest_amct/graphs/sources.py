"""Where a value comes from: whether a weight is constant, with the reason in words.

The walk goes backwards from the tensor and through calls of functions. docs/reading.md, "Weight
source", says what each end of the walk means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pytest_amct.graphs.folding import fold, network_of, port_of, present
from pytest_amct.graphs.network import Basis, Layer, Network, Role, Tensor
from pytest_amct.graphs.walk import shape
from pytest_amct.once import once

Kind = Literal["constant", "dynamic", "unknown"]

_RANK: dict[Kind, int] = {"constant": 0, "unknown": 1, "dynamic": 2}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from (docs/reading.md, "Weight source"), with the reason in words."""

    kind: Kind
    why: str
    basis: Basis = "stated"
    #: the parameters of enclosing functions that the value depends on
    parameters: frozenset[Tensor] = frozenset()


def source(tensor: Tensor) -> Source:
    """Return the source of a tensor. In a function body, all call sites must agree on it."""
    return _settle(_summary(tensor))


@dataclass(slots=True)
class _Known:
    """The answers that are known in one network."""

    sources: dict[Tensor, Source] = field(default_factory=dict)
    #: of the parameters of functions
    parameters: dict[Tensor, Source] = field(default_factory=dict)


def _nothing_known(network: Network) -> _Known:
    return _Known()


def _known(tensor: Tensor) -> _Known:
    network = network_of(tensor)
    return _Known() if network is None else once(network, _nothing_known)


_CYCLE = Source("unknown", "a cycle")


def _summary(tensor: Tensor) -> Source:
    return fold(tensor, _known(tensor).sources, _source_needs, _source_of, _CYCLE)


def _only_argument(tensor: Tensor) -> Tensor | None:
    """Return the argument for a parameter of a function that has a single call."""
    once = tensor.origin == "parameter" and len(tensor.bound) == 1
    return tensor.bound[0] if once else None


def _settle(summary: Source) -> Source:
    """Replace the parameters of a function by the sources of their arguments."""
    if not summary.parameters:
        return summary
    body = Source(summary.kind, summary.why, summary.basis)
    return _join([body, *(_at_call_sites(p) for p in summary.parameters)])


def _at_call_sites(parameter: Tensor) -> Source:
    return fold(parameter, _known(parameter).parameters, _parameter_needs, _parameter_of, _CYCLE)


def _parameter_needs(parameter: Tensor) -> Sequence[Tensor]:
    return [p for actual in parameter.bound if actual for p in _summary(actual).parameters]


def _parameter_of(parameter: Tensor, enclosing: Sequence[Source]) -> Source:
    found, values = [], iter(enclosing)
    for actual in parameter.bound:
        if actual is None:
            found.append(Source("unknown", f"function parameter {parameter.name!r}, left out"))
            continue
        summary = _summary(actual)
        body = Source(summary.kind, summary.why, summary.basis)
        found.append(_join([body, *(next(values) for _ in summary.parameters)]))
    if not found:
        return Source("unknown", f"parameter {parameter.name!r} of a function that nothing calls")
    if len({s.kind for s in found}) > 1:
        return Source("unknown", f"function parameter {parameter.name!r}, whose call sites differ")
    return found[0]


def _source_needs(tensor: Tensor) -> Sequence[Tensor]:
    layer = tensor.producer
    if layer is None:
        only = _only_argument(tensor)
        if only is not None:
            return [only]
        return [t for t in tensor.bound if t] if tensor.origin == "carried" else ()
    role = layer.network.ops.role(layer)
    if role in (Role.OPERATOR, Role.FOREIGN):
        return present(layer, _ports_that_matter(layer))
    if role is Role.IDENTITY:
        return present(layer, (0,))
    if role is Role.CALL:
        port = port_of(layer, tensor)
        body = layer.body[port] if port < len(layer.body) else None
        return [*([body] if body else []), *present(layer, range(len(layer.inputs)))]
    return ()


def _ports_that_matter(layer: Layer) -> Iterable[int]:
    """Return the inputs whose values or shapes the operator uses; a type is always constant."""
    ports = range(len(layer.inputs))
    takes = layer.network.ops.takes(layer)
    return [p for p in ports if takes.get(p) != "type"] if takes else ports


_LEAVES: dict[str, tuple[Kind, str]] = {
    "input": ("dynamic", "network input {}"),
    "constant": ("constant", "stored constant {}"),
    "overridable": ("unknown", "initializer {} that is also a graph input"),
    "carried": ("unknown", "loop-carried value {}"),
    "absent": ("unknown", "tensor {} without a producer"),
}


def _source_of(tensor: Tensor, found: Sequence[Source]) -> Source:
    layer = tensor.producer
    if layer is None:
        if tensor.origin == "parameter":
            if _only_argument(tensor) is not None:
                return found[0]
            return Source("constant", f"parameter {tensor.name!r}", parameters=frozenset({tensor}))
        if tensor.origin == "carried" and any(s.kind == "dynamic" for s in found):
            return _join(found)
        kind, words = _LEAVES[tensor.origin]
        return Source(kind, words.format(repr(tensor.name)), tensor.basis)
    role = layer.network.ops.role(layer)
    if role is Role.CONSTANT:
        return Source("constant", f"constant {tensor.name!r}")
    if role is Role.RANDOM:
        return Source("dynamic", f"random values of {layer}")
    if role is Role.OPEN:
        return Source("unknown", f"the result of {layer}")
    if role is Role.CALL:
        return _call(layer, found)
    joined = _join(_taken(layer, found) if layer.network.ops.takes(layer) else found)
    if role is Role.FOREIGN and joined.kind == "constant":
        why = f"the result of {layer}, which may change even on constant inputs"
        return Source("unknown", why, parameters=joined.parameters)
    return joined


def _join(found: Sequence[Source]) -> Source:
    """Return the source of a value computed from all of these: the most dynamic one decides."""
    if not found:
        return Source("constant", "constants only")
    worst = max(found, key=lambda s: (_RANK[s.kind], s.basis == "stated"))
    basis = worst.basis
    if worst.kind == "constant" and any(s.basis == "inferred" for s in found):
        basis = "inferred"
    parameters = frozenset[Tensor]().union(*(s.parameters for s in found))
    return Source(worst.kind, worst.why, basis, parameters)


def _taken(layer: Layer, found: Sequence[Source]) -> list[Source]:
    """Return the sources of what an operator uses, given the sources of its inputs' values."""
    takes = layer.network.ops.takes(layer)
    given = [(p, t) for p in _ports_that_matter(layer) if (t := layer.input(p)) is not None]
    taken = [
        _shape_of(layer, tensor, value) if takes.get(port) == "shape" else value
        for (port, tensor), value in zip(given, found, strict=True)
    ]
    if any(what == "shape" and layer.input(port) is None for port, what in takes.items()):
        taken.append(_shape_of(layer, None, Source("unknown", "an input that is left out")))
    return taken


def _shape_of(layer: Layer, tensor: Tensor | None, value: Source) -> Source:
    if value.kind == "constant":
        if not value.parameters:
            return value
        why = f"{layer} of a function argument, whose shape depends on the call"
        return Source("unknown", why)
    entries = shape(tensor)
    if tensor is None or entries is None:
        return Source("unknown", f"{layer} of a tensor whose shape is unknown")
    where = repr(tensor.name)
    first, last = layer.attribute("start"), layer.attribute("end")
    used = entries[first if isinstance(first, int) else 0 : last if isinstance(last, int) else None]
    if any(isinstance(entry, str) for entry in used):
        return Source("dynamic", f"{layer} of {where}, which has a symbolic dimension")
    if None in used:
        return Source("unknown", f"{layer} of {where}, which has an unknown dimension")
    if used != entries:
        return Source("unknown", f"{layer} of the static entries of {where}")
    return Source("unknown", f"{layer} of {where}, whose shape is static")


def _call(layer: Layer, found: Sequence[Source]) -> Source:
    """Return the source of a call's output: the summary of the body, with the call's arguments."""
    if len(found) == len(present(layer, range(len(layer.inputs)))):
        return Source("unknown", f"the result of {layer}")
    body, arguments = found[0], iter(found[1:])
    by_port = {i: next(arguments) for i, t in enumerate(layer.inputs) if t is not None}
    left_out = Source("unknown", f"an input that {layer} leaves out")
    passed = [
        by_port.get(i, left_out) for i, p in enumerate(layer.parameters) if p in body.parameters
    ]
    # Parameters of functions further out stay open: their own calls settle them.
    further = body.parameters.difference(layer.parameters)
    return _join([Source(body.kind, body.why, body.basis, further), *passed])
