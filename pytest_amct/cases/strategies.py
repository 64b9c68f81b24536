"""Hypothesis strategies for cases: any deviation of a row, with variations that must not matter."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

from hypothesis import strategies as st

from pytest_amct.cases import onnx_catalog
from pytest_amct.cases.onnx_networks import (
    AnyCase,
    Item,
    NetworkCase,
    everything,
    neighbours,
    surrounded,
)
from pytest_amct.cases.onnx_requests import needs
from pytest_amct.cases.plan import CONTEXTS, Case
from pytest_amct.errors import UsageError

_OPSETS = tuple(name for name in onnx_catalog.VARIATIONS if name.startswith("opset"))
_OTHERS = tuple(name for name in onnx_catalog.VARIATIONS if not name.startswith("opset"))


def onnx_cases(*, row: str, condition: str | None = None) -> st.SearchStrategy[Case]:
    """ONNX cases of a table row, such as ``uniform/onnx/Conv``: its conforming layer with at most
    one deviation, in either context, under any variation that concerns no condition.

    `condition` (its last part, such as ``dilation_d``) narrows the deviations to one condition.
    Shrinks towards the conforming layer without variations. Raises `UsageError` for an unknown row.
    """
    prefix = row if condition is None else f"{row}/{condition}"
    groups = [
        g
        for g in onnx_catalog.groups()
        if g == prefix or (condition is None and g.startswith(f"{row}/"))
    ]
    if not groups:
        raise UsageError(f"{prefix!r} has no cases: rows are named like 'uniform/onnx/Conv'")
    return st.one_of([group_cases(group) for group in groups])


def group_cases(group: str, declared: Set[str] = frozenset()) -> st.SearchStrategy[Case]:
    """Cases of one condition or row id, see `onnx_cases`."""
    found = onnx_catalog.deviations(group)
    opsets = () if "/unlisted/" in group else _OPSETS
    return st.builds(
        lambda deviation, context, opset, others: onnx_catalog.make_case(
            group, deviation, context, (*opset, *sorted(others))
        ),
        st.sampled_from([n for n, c in found.items() if needs(c) <= declared]),
        st.sampled_from(CONTEXTS),
        _one_opset(opsets),
        st.sets(st.sampled_from(_OTHERS)),
    )


def onnx_networks(*, max_layers: int = 30) -> st.SearchStrategy[NetworkCase]:
    """ONNX networks of up to `max_layers` layers (and what connects them).

    Chains, branches, residual additions, shared weights, nested graphs, local functions, opsets 13
    to 22; conforming layers and deviations of every row, and types without a row. What the tables
    say of a layer is never part of it: ask `answer`. Shrinks towards one conforming layer. Raises
    `UsageError` unless `max_layers` is a number from 1 on.
    """
    if not isinstance(max_layers, int) or max_layers < 1:
        raise UsageError(f"onnx_networks(max_layers={max_layers!r}): give a number, 1 or more")
    layers = st.one_of(_items(neighbours()), _items(everything()))
    # Left to itself a list is short: large ones are asked for.
    least = st.sampled_from((1, 1, 1, max(1, max_layers // 2)))
    return st.builds(
        lambda items, opset, others: NetworkCase(tuple(items), None, (*opset, *sorted(others))),
        least.flatmap(lambda size: st.lists(layers, min_size=size, max_size=max_layers)),
        _one_opset(_OPSETS),
        st.sets(st.sampled_from((*_OTHERS, "apart", "shared"))),
    )


def explored_cases(group: str, declared: Set[str] = frozenset()) -> st.SearchStrategy[AnyCase]:
    """Cases of one condition or row id, alone or among up to six conforming layers.

    Three draws, each of another kind: Hypothesis would copy what is drawn alike from one place to
    the other, and so spend most examples on deviations that it has just seen.
    """
    found = onnx_catalog.deviations(group)
    opsets = ("", "", *(() if "/unlisted/" in group else _OPSETS))

    def make(deviation: str, around: bytes, options: int) -> AnyCase:
        rest, choice = divmod(options, len(opsets))
        bits = [bool(rest >> n & 1) for n in range(len(_OTHERS) + 2)]
        variations = [name for name, chosen in zip(_OTHERS, bits, strict=False) if chosen]
        variations[:0] = [name for name in (opsets[choice],) if name]
        case = onnx_catalog.make_case(group, deviation, CONTEXTS[bits[-1]], tuple(variations))
        at, back, second, *_ = _bits(rest >> len(bits), 3, 2, 2)
        wires = Item(group, deviation, back, second)
        made = surrounded(case, wires, _unpacked(around), at)
        if isinstance(made, NetworkCase) and bits[-2]:
            return NetworkCase(made.items, made.focal, (*made.variations, "apart"))
        return made

    return st.builds(
        make,
        st.sampled_from([n for n, c in found.items() if needs(c) <= declared]),
        st.binary(max_size=_MOST_AROUND),
        st.integers(0, len(opsets) * 2 ** (len(_OTHERS) + 2 + 7) - 1),
    )


_MOST_AROUND = 6


def _unpacked(packed: bytes) -> tuple[Item, ...]:
    """A layer for each byte."""
    items = []
    for byte in packed:
        kind, back, second, _ = _bits(byte, 4, 2, 2)
        group, deviation = neighbours()[kind % len(neighbours())]
        items.append(Item(group, deviation, back, second))
    return tuple(items)


def _bits(number: int, *widths: int) -> list[int]:
    """The lowest bits of a number, by their widths, and what is left of it."""
    found = []
    for width in widths:
        found.append(number & (1 << width) - 1)
        number >>= width
    return [*found, number]


_BACK = st.integers(0, 3)


def _items(pairs: Sequence[tuple[str, str]]) -> st.SearchStrategy[Item]:
    return st.builds(
        lambda pair, back, second: Item(pair[0], pair[1], back, second),
        st.sampled_from(pairs),
        _BACK,
        _BACK,
    )


def _one_opset(names: Sequence[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.sampled_from([(), *((name,) for name in names)])


def requests(
    *, schemes: Sequence[str] = ("uniform", "nonuniform", "weight_only")
) -> st.SearchStrategy[dict[str, Any]]:
    """What a quantizer may be asked for: keywords of `judge` and `Request`.

    Shrinks towards plain uniform quantization, the first of `schemes`.
    """
    settings = st.fixed_dictionaries(
        {}, optional={"channel_wise": st.booleans(), "asymmetric": st.booleans()}
    )
    return st.fixed_dictionaries({"scheme": st.sampled_from(list(schemes)), "settings": settings})
