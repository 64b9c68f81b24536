"""What follows from a network for one tensor: dtype, shape, rank.

All walks go backwards from the tensor, without recursion. They cache their results, so that
walking from every weight of a network is linear in its size. A cycle, which no format allows,
gives `unknown`. What an operator does, its `Role`, is in ``graphs/<framework>/ops.py``. Where a
value comes from is in `sources`, which constants are part of it in `ends`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_amct.graphs.calls import returned_by
from pytest_amct.graphs.folding import (
    fold,
    is_call,
    network_of,
    port_of,
    present,
    role_of,
    sibling,
    value_ports,
)
from pytest_amct.graphs.network import Network, Role, Shape, Tensor
from pytest_amct.once import once

_STORED = ("constant", "overridable")
"""Origins of tensors that no data of a network input reaches."""


@dataclass(slots=True)
class _Known:
    """The answers that are known in one network."""

    fed: dict[Tensor, bool] = field(default_factory=dict)
    dtypes: dict[Tensor, str | None] = field(default_factory=dict)
    ranks: dict[Tensor, int | None] = field(default_factory=dict)
    origins: dict[Tensor, Tensor] = field(default_factory=dict)
    copied: dict[Tensor, Tensor] = field(default_factory=dict)
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


def note_fed(network: Network) -> Mapping[Tensor, bool]:
    """Return for the output of each layer whether it `is_fed`. In document order it is one step."""
    memo, takes = once(network, _nothing_known).fed, network.ops.takes
    for layer in network.layers:
        if len(layer.outputs) > 1:  # each of them may return another input
            memo.update((made, is_fed(made)) for made in layer.outputs if made is not None)
            continue
        unused, fed = takes(layer), False
        for port, given in enumerate(layer.inputs):
            if given is not None and given.origin not in _STORED and port not in unused:
                known = memo.get(given)
                if is_fed(given) if known is None else known:
                    fed = True
                    break
        for made in layer.outputs:
            if made is not None:  # an operator of TensorFlow makes the network's inputs
                memo[made] = fed or made.origin == "input"
    return memo


def _data_needs(tensor: Tensor) -> Sequence[Tensor]:
    layer = tensor.producer
    if layer is None:
        return [t for t in tensor.bound if t is not None]
    other = sibling(layer, tensor)
    return present(layer, value_ports(layer)) if other is None else [other]


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

    If the file does not declare it, look behind function calls and operators that keep it first.
    """
    if tensor.shape is not None:
        return len(tensor.shape)
    ranks = _known(tensor).ranks
    found = fold(tensor, ranks, _rank_needs, _rank_of, None)
    if found is None and _infer(tensor):
        found = fold(tensor, ranks, _rank_needs, _rank_of, None)
    return found


def _rank_needs(tensor: Tensor) -> Sequence[Tensor]:
    if tensor.shape is not None:
        return ()
    layer = tensor.producer
    if layer is not None and is_call(tensor):
        body = returned_by(tensor)
        return [body] if body is not None else ()
    kept = layer is not None and tensor is layer.outputs[0] and layer.network.ops.keeps_rank(layer)
    return present(layer, (0,)) if layer is not None and kept else _handed_on(tensor)


def _rank_of(tensor: Tensor, found: Sequence[int | None]) -> int | None:
    if tensor.shape is not None:
        return len(tensor.shape)
    return found[0] if found else None


def origin(tensor: Tensor) -> Tensor:
    """Return the tensor behind any number of Identity and Transpose, perhaps the tensor itself."""

    def combine(t: Tensor, found: Sequence[Tensor]) -> Tensor:
        return found[0] if found else t

    if tensor.producer is None:  # nearly all weights
        return tensor
    return fold(tensor, _known(tensor).origins, _handed_on, combine, tensor)


def copied(tensor: Tensor) -> Tensor:
    """Return the tensor behind any number of Identity alone, perhaps the tensor itself."""

    def needs(t: Tensor) -> Sequence[Tensor]:
        layer = t.producer
        same = layer is not None and not layer.domain and role_of(layer) is Role.IDENTITY
        return present(layer, (0,)) if layer is not None and same else ()

    def combine(t: Tensor, found: Sequence[Tensor]) -> Tensor:
        return found[0] if found else t

    return fold(tensor, _known(tensor).copied, needs, combine, tensor)


def _handed_on(tensor: Tensor) -> Sequence[Tensor]:
    layer = tensor.producer
    if layer is None or layer.domain:
        return ()
    same = role_of(layer) is Role.IDENTITY or layer.type == "Transpose"
    return present(layer, (0,)) if same else ()


def _infer(tensor: Tensor) -> bool:
    """Run the format's shape inference, once for a network. Return whether it ran just now."""
    network, known = network_of(tensor), _known(tensor)
    if network is None or known.inferred:
        return False
    known.inferred = True
    network.infer_shapes(network)
    known.dtypes.clear()
    known.ranks.clear()
    return True


def is_constant(tensor: Tensor) -> bool:
    """Return whether the tensor itself is stored in the model: an initializer or a Constant."""
    producer = tensor.producer
    return tensor.origin == "constant" or (
        producer is not None and role_of(producer) is Role.CONSTANT
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
    if role_of(layer) is Role.CALL:
        body = returned_by(tensor)
        return [body] if body is not None else ()
    rule = layer.network.ops.dtype(layer, port_of(layer, tensor))
    return present(layer, (rule,)) if isinstance(rule, int) else ()


def _dtype_of(tensor: Tensor, found: Sequence[str | None]) -> str | None:
    if tensor.dtype is not None:
        return tensor.dtype
    if found:
        return found[0] if len(set(found)) == 1 else None
    layer = tensor.producer
    rule = layer.network.ops.dtype(layer, port_of(layer, tensor)) if layer else None
    return rule if isinstance(rule, str) else None
