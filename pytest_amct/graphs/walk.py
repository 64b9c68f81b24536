"""What follows from a network for one tensor: source, dtype, shape, stored constants.

All walks go backwards from the tensor, without recursion. They cache their results, so that
walking from every weight of a network is linear in its size. A cycle, which no format allows,
gives `unknown`. What an operator does, its `Role`, is in ``graphs/<framework>/ops.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pytest_amct.graphs.network import Basis, Layer, Network, Role, Shape, Tensor

V = TypeVar("V")
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


def is_fed(tensor: Tensor) -> bool:
    """Return whether data of a network input reaches a tensor. Its shape alone is not data."""
    memo: dict[Tensor, bool] = _memo(tensor, "fed")

    def combine(t: Tensor, found: Sequence[bool]) -> bool:
        return t.origin == "input" or any(found)

    return _fold(tensor, memo, _data_needs, combine, False)


def _data_needs(tensor: Tensor) -> Sequence[Tensor]:
    layer = tensor.producer
    if layer is None:
        return [t for t in tensor.bound if t is not None]
    return _present(layer, _value_ports(layer))


def _value_ports(layer: Layer) -> Collection[int]:
    ports = range(len(layer.inputs))
    takes = layer.network.ops.takes(layer)
    return [p for p in ports if p not in takes] if takes else ports


def dtype(tensor: Tensor | None) -> str | None:
    """Return the element type (``float32``, ``int64`` ...), declared or implied by operators."""
    if tensor is None:
        return None
    if tensor.dtype is not None:
        return tensor.dtype
    found: str | None = _fold(tensor, _memo(tensor, "dtype"), _dtype_needs, _dtype_of, None)
    if found is None and _infer(tensor):
        found = _fold(tensor, _memo(tensor, "dtype"), _dtype_needs, _dtype_of, None)
    return found


def note_dtypes(network: Network) -> None:
    """Cache the element types of all outputs. In document order, most need a single step."""
    memo: dict[Tensor, str | None] = network.memo.setdefault("dtype", {})
    for layer in network.layers:
        calls = bool(layer.body or layer.parameters)
        for port, tensor in enumerate(layer.outputs):
            if tensor is None or tensor.dtype is not None:
                continue
            rule = None if calls else network.ops.dtype(layer, port)
            if isinstance(rule, int):
                source = layer.input(rule)
                rule = None if source is None else source.dtype or memo.get(source)
            if isinstance(rule, str):
                memo[tensor] = rule
            else:
                dtype(tensor)


def shape(tensor: Tensor | None) -> Shape | None:
    """Return the declared shape, else the one that the format's inference finds, else ``None``."""
    if tensor is None:
        return None
    if tensor.shape is None or not all(isinstance(n, int) for n in tensor.shape):
        _infer(tensor)
    return tensor.shape


def rank(tensor: Tensor) -> int | None:
    """Return the rank of a tensor, ``None`` if unknown.

    If the tensor's own rank is unknown, look behind Identity, Transpose and function calls.
    """

    def needs(t: Tensor) -> Sequence[Tensor]:
        if shape(t) is not None:
            return ()
        return _returned_by(t) if _is_call(t) else _handed_on(t)

    def combine(t: Tensor, found: Sequence[int | None]) -> int | None:
        entries = shape(t)
        return found[0] if found else None if entries is None else len(entries)

    memo: dict[Tensor, int | None] = _memo(tensor, "rank")
    return _fold(tensor, memo, needs, combine, None)


def origin(tensor: Tensor) -> Tensor:
    """Return the tensor behind any number of Identity and Transpose, perhaps the tensor itself."""

    def combine(t: Tensor, found: Sequence[Tensor]) -> Tensor:
        return found[0] if found else t

    memo: dict[Tensor, Tensor] = _memo(tensor, "origin")
    return _fold(tensor, memo, _handed_on, combine, tensor)


def _handed_on(tensor: Tensor) -> Sequence[Tensor]:
    layer = tensor.producer
    if layer is None or layer.domain:
        return ()
    same = layer.network.ops.role(layer) is Role.IDENTITY or layer.type == "Transpose"
    return _present(layer, (0,)) if same else ()


def _infer(tensor: Tensor) -> bool:
    """Run the format's shape inference, once for a network. Return whether it ran just now."""
    network = _network(tensor)
    if network is None or network.memo.get("inferred"):
        return False
    network.memo["inferred"] = True
    network.infer_shapes(network)
    network.memo.pop("dtype", None)
    return True


def stored(tensor: Tensor) -> frozenset[Tensor]:
    """Return the tensors at the ends of all value paths behind a tensor (constants, inputs ...).

    The walk does not follow shapes, indices and scales: they are not part of the weight.
    """
    if tensor.origin == "constant":  # nearly all weights
        return frozenset((tensor,))
    return frozenset(t for t in _ends(tensor, "stored", lambda end: end) if isinstance(t, Tensor))


def stored_types(tensor: Tensor) -> frozenset[str | None]:
    """Return the element types of `stored`, with ``None`` for tensors that the file lacks."""
    if tensor.origin == "constant":
        return frozenset((tensor.dtype,))
    ends = _ends(tensor, "stored types", _stored_type)
    return frozenset(end for end in ends if not isinstance(end, Tensor))


def _stored_type(end: Tensor) -> str | None:
    return dtype(end) if is_stored(end) else None


def is_constant(tensor: Tensor) -> bool:
    """Return whether the tensor itself is stored in the model: an initializer or a Constant."""
    producer = tensor.producer
    return tensor.origin == "constant" or (
        producer is not None and producer.network.ops.role(producer) is Role.CONSTANT
    )


def is_stored(tensor: Tensor) -> bool:
    """Return whether the file holds the tensor's values, even if callers may replace them."""
    return tensor.origin == "overridable" or is_constant(tensor)


def _network(tensor: Tensor) -> Network | None:
    layer = tensor.producer or next(iter(tensor.consumers), None)
    return layer.network if layer else None


def _memo(tensor: Tensor, key: str) -> dict[Tensor, Any]:
    network = _network(tensor)
    memo: dict[Tensor, Any] = {} if network is None else network.memo.setdefault(key, {})
    return memo


def _fold(
    root: Tensor,
    memo: dict[Tensor, V],
    needs: Callable[[Tensor], Sequence[Tensor]],
    combine: Callable[[Tensor, Sequence[V]], V],
    cyclic: V,
) -> V:
    """Combine values in post-order over the tensors behind `root`, and return that of `root`.

    A tensor that needs itself has the value `cyclic`.
    """
    if root in memo:
        return memo[root]
    needed = needs(root)
    if all(t in memo for t in needed):  # usual if the layers are visited in document order
        found = memo[root] = combine(root, [memo[t] for t in needed])
        return found
    stack: list[tuple[Tensor, Sequence[Tensor] | None]] = [(root, None)]
    open_: set[Tensor] = set()
    while stack:
        tensor, asked = stack.pop()
        if asked is not None:
            memo[tensor] = combine(tensor, [memo.get(t, cyclic) for t in asked])
            open_.discard(tensor)
        elif tensor not in memo and tensor not in open_:
            open_.add(tensor)
            asked = needs(tensor)
            stack.append((tensor, asked))
            stack.extend((t, None) for t in asked if t not in memo)
    return memo[root]


def _port(layer: Layer, tensor: Tensor) -> int:
    if layer.outputs[0] is tensor:
        return 0
    ports: dict[Tensor, int] = layer.network.memo.setdefault("ports", {})
    if tensor not in ports:
        ports.update((t, i) for i, t in enumerate(layer.outputs) if t is not None)
    return ports[tensor]


def _present(layer: Layer, ports: Iterable[int]) -> list[Tensor]:
    return [t for p in ports if (t := layer.input(p)) is not None]


# --- source -----------------------------------------------------------------------------------

_CYCLE = Source("unknown", "a cycle")


def _summary(tensor: Tensor) -> Source:
    memo: dict[Tensor, Source] = _memo(tensor, "source")
    return _fold(tensor, memo, _source_needs, _source_of, _CYCLE)


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
    memo: dict[Tensor, Source] = _memo(parameter, "parameter")
    return _fold(parameter, memo, _parameter_needs, _parameter_of, _CYCLE)


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
        return _present(layer, _ports_that_matter(layer))
    if role is Role.IDENTITY:
        return _present(layer, (0,))
    if role is Role.CALL:
        port = _port(layer, tensor)
        body = layer.body[port] if port < len(layer.body) else None
        return [*([body] if body else []), *_present(layer, range(len(layer.inputs)))]
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
    if len(found) == len(_present(layer, range(len(layer.inputs)))):
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


# --- dtype ------------------------------------------------------------------------------------


def _dtype_needs(tensor: Tensor) -> Sequence[Tensor]:
    if tensor.dtype is not None:
        return ()
    layer = tensor.producer
    if layer is None:
        return [t for t in tensor.bound if t is not None]
    port = _port(layer, tensor)
    if layer.network.ops.role(layer) is Role.CALL:
        body = layer.body[port] if port < len(layer.body) else None
        return [body] if body else ()
    rule = layer.network.ops.dtype(layer, port)
    return _present(layer, (rule,)) if isinstance(rule, int) else ()


def _dtype_of(tensor: Tensor, found: Sequence[str | None]) -> str | None:
    if tensor.dtype is not None:
        return tensor.dtype
    if found:
        return found[0] if len(set(found)) == 1 else None
    layer = tensor.producer
    rule = layer.network.ops.dtype(layer, _port(layer, tensor)) if layer else None
    return rule if isinstance(rule, str) else None


# --- stored constants -------------------------------------------------------------------------

_MOST_ENDS = 256
"""The most ends of a tensor. One with more counts as an end: a long sum reaches half a network."""

_End = Tensor | str | None
"""The end of a path: the parameter of a function, or the value that the caller's `name` gives."""


def _ends(tensor: Tensor, key: str, name: Callable[[Tensor], _End]) -> frozenset[_End]:
    """Return the ends of all value paths, with function parameters replaced by arguments."""
    memo: dict[Tensor, frozenset[_End]] = _memo(tensor, key)

    def combine(t: Tensor, found: Sequence[frozenset[_End]]) -> frozenset[_End]:
        ends = frozenset[_End]()
        if found:
            ends = _returned(t, found) if _is_call(t) else ends.union(*found)
        if found and len(ends) <= _MOST_ENDS:
            return ends
        return frozenset({t if t.origin == "parameter" else name(t)})

    ends, seen, waiting = set[_End](), set[Tensor](), [tensor]
    while waiting:
        for end in _fold(waiting.pop(), memo, _value_needs, combine, frozenset()):
            if not isinstance(end, Tensor) or end.origin != "parameter":
                ends.add(end)
            elif end not in seen:
                seen.add(end)
                waiting.extend(actual for actual in end.bound if actual)
    return frozenset(ends)


def _is_call(tensor: Tensor) -> bool:
    layer = tensor.producer
    return layer is not None and layer.network.ops.role(layer) is Role.CALL


def _value_needs(tensor: Tensor) -> Sequence[Tensor]:
    layer = tensor.producer
    if layer is None:
        return ()
    role = layer.network.ops.role(layer)
    if role is Role.IDENTITY:
        return _present(layer, (0,))
    if role is Role.OPERATOR:
        values = _value_ports(layer)
        operands = layer.network.ops.operands(layer, _port(layer, tensor))
        return _present(layer, (port for port in operands if port in values))
    body = _returned_by(tensor) if role is Role.CALL else ()
    return [*body, *_present(layer, range(len(layer.inputs)))] if body else ()


def _returned_by(tensor: Tensor) -> Sequence[Tensor]:
    """Return the tensor of the called function's body that becomes this output of the call."""
    layer = tensor.producer
    port = _port(layer, tensor) if layer else 0
    body = layer.body[port] if layer and port < len(layer.body) else None
    return [body] if body else ()


def _returned(tensor: Tensor, found: Sequence[frozenset[_End]]) -> frozenset[_End]:
    """Return the ends behind a call: those of the body, with arguments for its parameters."""
    layer = tensor.producer
    assert layer is not None
    body, arguments = found[0], iter(found[1:])
    passed = [next(arguments) if given else frozenset[_End]() for given in layer.inputs]
    by_parameter = dict(zip(layer.parameters, passed, strict=False))
    ends = (by_parameter.get(e, frozenset({e})) if isinstance(e, Tensor) else {e} for e in body)
    return frozenset[_End]().union(*ends)
