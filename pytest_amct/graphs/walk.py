"""What follows from a network for one tensor: dtype, shape, the constants behind it.

All walks go backwards from the tensor, without recursion. They cache their results, so that
walking from every weight of a network is linear in its size. A cycle, which no format allows,
gives `unknown`. What an operator does, its `Role`, is in ``graphs/<framework>/ops.py``. Where a
value comes from is in `sources`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pytest_amct.graphs.folding import fold, is_call, network_of, port_of, present, value_ports
from pytest_amct.graphs.network import Network, Role, Shape, Tensor
from pytest_amct.once import once

_End = Tensor | str | None
"""The end of a path: the parameter of a function, or the value that the caller's `name` gives."""


@dataclass(slots=True)
class _Known:
    """The answers that are known in one network."""

    fed: dict[Tensor, bool] = field(default_factory=dict)
    dtypes: dict[Tensor, str | None] = field(default_factory=dict)
    ranks: dict[Tensor, int | None] = field(default_factory=dict)
    origins: dict[Tensor, Tensor] = field(default_factory=dict)
    stored: dict[Tensor, frozenset[_End]] = field(default_factory=dict)
    stored_types: dict[Tensor, frozenset[_End]] = field(default_factory=dict)
    #: whether the format's shape inference has run
    inferred: bool = False


def _nothing_known(network: Network) -> _Known:
    return _Known()


def _known(tensor: Tensor) -> _Known:
    network = network_of(tensor)
    return _Known() if network is None else once(network, _nothing_known)


def is_fed(tensor: Tensor) -> bool:
    """Return whether data of a network input reaches a tensor. Its shape alone is not data."""

    def combine(t: Tensor, found: Sequence[bool]) -> bool:
        return t.origin == "input" or any(found)

    return fold(tensor, _known(tensor).fed, _data_needs, combine, False)


def _data_needs(tensor: Tensor) -> Sequence[Tensor]:
    layer = tensor.producer
    if layer is None:
        return [t for t in tensor.bound if t is not None]
    return present(layer, value_ports(layer))


def dtype(tensor: Tensor | None) -> str | None:
    """Return the element type (``float32``, ``int64`` ...), declared or implied by operators."""
    if tensor is None:
        return None
    if tensor.dtype is not None:
        return tensor.dtype
    dtypes = _known(tensor).dtypes
    found = fold(tensor, dtypes, _dtype_needs, _dtype_of, None)
    if found is None and _infer(tensor):
        found = fold(tensor, dtypes, _dtype_needs, _dtype_of, None)
    return found


def known_dtypes(network: Network) -> Mapping[Tensor, str | None]:
    """Return the element types that are known without a walk, besides those that are declared."""
    return once(network, _nothing_known).dtypes


def note_dtypes(network: Network) -> None:
    """Cache the element types of all outputs. In document order, most need a single step."""
    memo = once(network, _nothing_known).dtypes
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
        return _returned_by(t) if is_call(t) else _handed_on(t)

    def combine(t: Tensor, found: Sequence[int | None]) -> int | None:
        entries = shape(t)
        return found[0] if found else None if entries is None else len(entries)

    return fold(tensor, _known(tensor).ranks, needs, combine, None)


def origin(tensor: Tensor) -> Tensor:
    """Return the tensor behind any number of Identity and Transpose, perhaps the tensor itself."""

    def combine(t: Tensor, found: Sequence[Tensor]) -> Tensor:
        return found[0] if found else t

    return fold(tensor, _known(tensor).origins, _handed_on, combine, tensor)


def copied(tensor: Tensor) -> Tensor:
    """Return the tensor behind any number of Identity alone, perhaps the tensor itself."""
    seen: set[Tensor | None] = {None}
    while tensor not in seen:
        seen.add(tensor)
        layer = tensor.producer
        copies = layer and not layer.domain and layer.network.ops.role(layer) is Role.IDENTITY
        tensor = (layer.input(0) if layer and copies else None) or tensor
    return tensor


def _handed_on(tensor: Tensor) -> Sequence[Tensor]:
    layer = tensor.producer
    if layer is None or layer.domain:
        return ()
    same = layer.network.ops.role(layer) is Role.IDENTITY or layer.type == "Transpose"
    return present(layer, (0,)) if same else ()


def _infer(tensor: Tensor) -> bool:
    """Run the format's shape inference, once for a network. Return whether it ran just now."""
    network, known = network_of(tensor), _known(tensor)
    if network is None or known.inferred:
        return False
    known.inferred = True
    network.infer_shapes(network)
    known.dtypes.clear()
    return True


def stored(tensor: Tensor) -> frozenset[Tensor]:
    """Return the tensors at the ends of all value paths behind a tensor (constants, inputs ...).

    The walk does not follow shapes, indices and scales: they are not part of the weight.
    """
    if tensor.origin == "constant":  # nearly all weights
        return frozenset((tensor,))
    return frozenset(
        t for t in _ends(tensor, _known(tensor).stored, lambda end: end) if isinstance(t, Tensor)
    )


def stored_types(tensor: Tensor) -> frozenset[str | None]:
    """Return the element types of `stored`, with ``None`` for tensors that the file lacks."""
    if tensor.origin == "constant":
        return frozenset((tensor.dtype,))
    ends = _ends(tensor, _known(tensor).stored_types, _stored_type)
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


# --- dtype ------------------------------------------------------------------------------------


def _dtype_needs(tensor: Tensor) -> Sequence[Tensor]:
    if tensor.dtype is not None:
        return ()
    layer = tensor.producer
    if layer is None:
        return [t for t in tensor.bound if t is not None]
    port = port_of(layer, tensor)
    if layer.network.ops.role(layer) is Role.CALL:
        body = layer.body[port] if port < len(layer.body) else None
        return [body] if body else ()
    rule = layer.network.ops.dtype(layer, port)
    return present(layer, (rule,)) if isinstance(rule, int) else ()


def _dtype_of(tensor: Tensor, found: Sequence[str | None]) -> str | None:
    if tensor.dtype is not None:
        return tensor.dtype
    if found:
        return found[0] if len(set(found)) == 1 else None
    layer = tensor.producer
    rule = layer.network.ops.dtype(layer, port_of(layer, tensor)) if layer else None
    return rule if isinstance(rule, str) else None


# --- stored constants -------------------------------------------------------------------------

_MOST_ENDS = 256
"""The most ends of a tensor. One with more counts as an end: a long sum reaches half a network."""


def _ends(
    tensor: Tensor, memo: dict[Tensor, frozenset[_End]], name: Callable[[Tensor], _End]
) -> frozenset[_End]:
    """Return the ends of all value paths, with function parameters replaced by arguments."""

    def combine(t: Tensor, found: Sequence[frozenset[_End]]) -> frozenset[_End]:
        ends = frozenset[_End]()
        if found:
            ends = _returned(t, found) if is_call(t) else ends.union(*found)
        if found and len(ends) <= _MOST_ENDS:
            return ends
        return frozenset({t if t.origin == "parameter" else name(t)})

    ends, seen, waiting = set[_End](), set[Tensor](), [tensor]
    while waiting:
        for end in fold(waiting.pop(), memo, _value_needs, combine, frozenset()):
            if not isinstance(end, Tensor) or end.origin != "parameter":
                ends.add(end)
            elif end not in seen:
                seen.add(end)
                waiting.extend(actual for actual in end.bound if actual)
    return frozenset(ends)


def _value_needs(tensor: Tensor) -> Sequence[Tensor]:
    layer = tensor.producer
    if layer is None:
        return ()
    role = layer.network.ops.role(layer)
    if role is Role.IDENTITY:
        return present(layer, (0,))
    if role is Role.OPERATOR:
        values = value_ports(layer)
        operands = layer.network.ops.operands(layer, port_of(layer, tensor))
        return present(layer, (port for port in operands if port in values))
    body = _returned_by(tensor) if role is Role.CALL else ()
    return [*body, *present(layer, range(len(layer.inputs)))] if body else ()


def _returned_by(tensor: Tensor) -> Sequence[Tensor]:
    """Return the tensor of the called function's body that becomes this output of the call."""
    layer = tensor.producer
    port = port_of(layer, tensor) if layer else 0
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
