"""Hypothesis strategies for cases: any deviation of a row, with irrelevant variations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import strategies as st

from pytest_amct.cases import catalog
from pytest_amct.cases.choices import Choices
from pytest_amct.cases.naming import EXPLORED
from pytest_amct.cases.networks import (
    AnyCase,
    NetworkCase,
    everything,
    fits,
    neighbours,
    surrounded,
)
from pytest_amct.cases.plan import CONTEXTS, USUAL_OPSET, Case, Context
from pytest_amct.cases.requests import needs
from pytest_amct.errors import UsageError
from pytest_amct.ids import ConditionId, Item, framework_of
from pytest_amct.request_options import SCHEMES, WEIGHT_SETTINGS, RequestOptions
from pytest_amct.tables.model import Scheme
from pytest_amct.wording import instead, written


def _opsets(group: str, newest: int) -> tuple[str, ...]:
    """Variations that exclude each other: the opsets up to `newest`."""
    if ConditionId.parse(group).is_unlisted:
        return ()
    found = catalog.variations(framework_of(group))
    return tuple(n for n, changes in found.items() if changes.get("opset", newest + 1) <= newest)


def _others(group: str) -> tuple[str, ...]:
    framework = framework_of(group)
    found = catalog.variations(framework)
    of_model = [name for name, changes in found.items() if "opset" not in changes]
    return (*of_model, *catalog.layer_variations(framework))


def _case(
    group: str, deviation: str, context: Context, opset: tuple[str, ...], names: Collection[str]
) -> Case:
    """Return a case in that context if it fits there, with the variations that are compatible."""
    of_layers = catalog.layer_variations(framework_of(group))
    of_model = sorted(name for name in names if name not in of_layers)
    context = context if context in catalog.contexts(group, deviation) else "plain"
    case = catalog.make_case(group, deviation, context, (*opset, *of_model))
    for name in sorted(name for name in names if name in of_layers):
        case = catalog.with_variation(case, name) or case
    return case


def onnx_cases(*, row: str, condition: str | None = None) -> st.SearchStrategy[Case]:
    """Generate ONNX cases of a table row, such as ``uniform/onnx/Conv``.

    A case is the conforming layer of the row with at most one deviation, in either context, with
    any variations that no condition speaks of. `condition` (its last part, such as ``dilation_d``)
    restricts the deviations to one condition. Cases shrink towards the conforming layer without
    variations. Raises `UsageError` for an unknown row or condition.
    """
    return _cases("onnx", row, condition)


def tensorflow_cases(*, row: str, condition: str | None = None) -> st.SearchStrategy[Case]:
    """Generate TensorFlow cases of a row like ``uniform/tensorflow/Conv2D``, see `onnx_cases`."""
    return _cases("tensorflow", row, condition)


def caffe_cases(*, row: str, condition: str | None = None) -> st.SearchStrategy[Case]:
    """Generate Caffe cases of a row like ``uniform/caffe/Convolution``, see `onnx_cases`."""
    return _cases("caffe", row, condition)


def _cases(framework: str, row: str, condition: str | None) -> st.SearchStrategy[Case]:
    for name, value in (("row", row), ("condition", condition)):
        if not isinstance(value, str) and (name == "row" or value is not None):
            raise UsageError(f"{name}: {written(value)} is not an id: pass a string")
    known = catalog.groups(frameworks=(framework,))
    of_row = [g for g in known if g == row or g.startswith(f"{row}/")]
    if not of_row:
        rows = dict.fromkeys(str(replace(ConditionId.parse(g), name="")) for g in known)
        raise UsageError(f"row: {written(row)} has no cases{instead(row, rows)}")
    groups = [g for g in of_row if condition is None or g == f"{row}/{condition}"]
    if not groups:
        conditions = [g.removeprefix(f"{row}/") for g in of_row if g != row]
        hint = instead(condition, conditions) if conditions else ": it has no conditions"
        raise UsageError(f"condition: {row} has no cases of {written(condition)}{hint}")
    return st.one_of([group_cases(group) for group in groups])


def group_cases(group: str, declared: Set[str] = frozenset()) -> st.SearchStrategy[Case]:
    """Generate cases of one condition or row id, see `onnx_cases`."""
    found = catalog.deviations(group)
    return st.builds(
        lambda deviation, context, opset, others: _case(group, deviation, context, opset, others),
        st.sampled_from([n for n, c in found.items() if needs(c) <= declared]),
        st.sampled_from(CONTEXTS),
        _one_opset(_opsets(group, USUAL_OPSET)),
        st.sets(st.sampled_from([n for n in _others(group) if n not in EXPLORED])),
    )


def onnx_networks(*, max_layers: int = 30) -> st.SearchStrategy[NetworkCase]:
    """Generate ONNX networks of up to `max_layers` layers (and what connects them).

    They have chains, branches, residual additions, shared weights, nested graphs, local functions
    and opsets 13 to 22. Their layers are conforming layers and deviations of every row, and types
    without a row. They contain no answers: call `answer`. Networks shrink towards one conforming
    layer. Raises `UsageError` unless `max_layers` is a whole number of at least 1.
    """
    if type(max_layers) is not int or max_layers < 1:
        raise UsageError(f"max_layers: {written(max_layers)} must be a whole number, 1 or more")
    return networks("onnx", max_layers)


def networks(
    framework: str, max_layers: int, newest: int = USUAL_OPSET
) -> st.SearchStrategy[NetworkCase]:
    """Generate networks of a framework in opsets up to `newest`, see `onnx_networks`."""
    layers = st.one_of(
        _items(neighbours(framework)),
        *(_items(everything(framework)) for _ in range(2)),
        _drawn_items(framework, newest),
    )
    # Hypothesis prefers short lists: request some long ones.
    least = st.sampled_from((1, 1, 1, max(1, max_layers // 2)))
    any_ = f"uniform/{framework}"
    return st.builds(
        lambda items, opset, others: NetworkCase(tuple(items), None, (*opset, *sorted(others))),
        least.flatmap(lambda size: st.lists(layers, min_size=size, max_size=max_layers)),
        _one_opset(_opsets(any_, newest)),
        st.sets(st.sampled_from((*_others(any_), "apart", "shared"))),
    )


def explored_cases(
    group: str,
    declared: Set[str] = frozenset(),
    newest: int = USUAL_OPSET,
    only: str | None = None,
) -> st.SearchStrategy[AnyCase]:
    """Generate cases of one condition or row id, alone or among up to six conforming layers.

    Half of their deviations are listed, half are drawn. `only` restricts them to one listed
    deviation, and `newest` the opsets. The draws of an example are of different types on purpose:
    Hypothesis copies values between draws of the same type, and would spend most examples on
    deviations that it has just seen.
    """
    names = _allowed_deviations(group, declared)
    # Draw numbers, not names, so that an example of a narrow search can be replayed in a wide one.
    least, most = (0, len(names) - 1) if only is None else (names.index(only),) * 2
    rest = st.binary(max_size=_MOST_AROUND), _numbers(_width(group))
    listed = st.builds(
        lambda number, around, options: _explored(group, names[number], around, options, newest),
        st.integers(least, most),
        *rest,
    )
    if only is not None:
        return listed

    def drawn(number: int, numbers: Sequence[int]) -> AnyCase:
        base, wide = names[number if number < len(names) else 0], -(-_width(group) // 8)
        choices = Choices(numbers)
        options = sum(choices.number(256) << 8 * i for i in range(wide))
        count = choices.of(_AROUND)
        around = bytes(choices.number(256) for _ in range(max(_AROUND)))[:count]
        deviation = catalog.draw(group, base, choices.rest, newest)
        return _explored(group, deviation, around, options, newest)

    # Half of the drawn deviations are made of the conforming layer. All else is one draw, because
    # Hypothesis repeats an example if it can change parts of it: that makes half of the examples
    # listed ones, although they are chosen seldom.
    bases = st.integers(0, 2 * len(names) - 1)
    lengths = st.one_of([_small_numbers(n // 2, n) for n in (24, 32, 56, 112)])
    either = (listed, *[st.builds(drawn, bases, lengths)] * _OFTEN)
    return st.sampled_from(range(len(either))).flatmap(lambda chosen: either[chosen])


_OFTEN = 7
"""How much more often a drawn deviation is chosen."""

_AROUND = (0, 0, 0, 1, 2, 4)
"""Numbers of neighbours of a drawn layer."""


def _small_numbers(least: int, most: int) -> st.SearchStrategy[list[int]]:
    """Generate lists of numbers below 256, in one draw: each of them is a character."""
    first = ord("0")  # Hypothesis shrinks characters towards this one
    characters = st.characters(min_codepoint=first, max_codepoint=first + 255)
    text = st.text(characters, min_size=least, max_size=most)
    return text.map(lambda drawn: [ord(character) - first for character in drawn])


def _numbers(width: int) -> st.SearchStrategy[int]:
    """Generate numbers of `width` bits, each bit set with a probability of one half.

    They are drawn in pieces, because Hypothesis strongly prefers the small numbers of a large
    range.
    """
    pieces = st.tuples(*[st.integers(0, 127)] * -(-width // 7))
    return pieces.map(lambda drawn: sum(piece << 7 * i for i, piece in enumerate(drawn)))


def every_deviation(
    group: str, declared: Set[str], rng: Random, newest: int = USUAL_OPSET
) -> Iterator[tuple[str, AnyCase]]:
    """Yield each deviation once, in random order and with random surroundings."""
    names = _allowed_deviations(group, declared)
    for name in rng.sample(names, len(names)):
        around = rng.randbytes(rng.choice((0, 0, rng.randint(1, _MOST_AROUND))))
        yield name, _explored(group, name, around, rng.getrandbits(_width(group)), newest)


def _allowed_deviations(group: str, declared: Set[str]) -> list[str]:
    return [n for n, c in catalog.deviations(group).items() if needs(c) <= declared]


def _width(group: str) -> int:
    """Return the number of bits that choose everything but the deviation and its surroundings."""
    return len(_others(group)) + 2 + 7 + _OPSET_BITS


def _explored(group: str, deviation: str, around: bytes, options: int, newest: int) -> AnyCase:
    opsets, variable = ("", "", *_opsets(group, newest)), _others(group)
    choice, *bits, at, back, second, _ = _bits(
        options, _OPSET_BITS, *[1] * (len(variable) + 2), 3, 2, 2
    )
    chosen = [name for name, bit in zip(variable, bits, strict=False) if bit]
    opset = tuple(name for name in (opsets[choice % len(opsets)],) if name)
    context = CONTEXTS[bits[-1]]
    case = _case(group, deviation, context, opset, chosen)
    wires = Item(group, deviation, back, second)
    made = surrounded(case, wires, _unpacked(group, around), at)
    if isinstance(made, NetworkCase) and bits[-2]:
        return NetworkCase(made.items, made.target, (*made.variations, "apart"))
    return made


_MOST_AROUND = 6
_OPSET_BITS = 6
"""Bits that choose the opset: more than its number of choices needs, so that all are as likely."""
_KIN = 3
"""Weight of a layer like the target as a neighbour, if its own result fits its data."""


def _unpacked(group: str, packed: bytes) -> tuple[Item, ...]:
    """Return a neighbour for each byte: one for any layer, or one like the target."""
    kin = (group, next(iter(catalog.deviations(group))))
    kinds = [*neighbours(framework_of(group)), *[kin] * _KIN * fits(*kin)]
    items = []
    for byte in packed:
        wires, kind = divmod(byte, len(kinds))
        items.append(Item(*kinds[kind], wires % 4, wires // 4 % 4))
    return tuple(items)


def _bits(number: int, *widths: int) -> list[int]:
    """Return the lowest bits of a number in pieces of these widths, and the rest of the number."""
    found = []
    for width in widths:
        found.append(number & (1 << width) - 1)
        number >>= width
    return [*found, number]


_BACK = st.integers(0, 3)


def _drawn_items(framework: str, newest: int) -> st.SearchStrategy[Item]:
    """Generate conforming layers with drawn changes."""
    pairs = neighbours(framework)

    def drawn(number: int, numbers: Sequence[int], back: int, second: int) -> Item:
        group, base = pairs[number]
        return Item(group, catalog.draw(group, base, numbers, newest), back, second)

    numbers = _small_numbers(8, 24)
    return st.builds(drawn, st.integers(0, len(pairs) - 1), numbers, _BACK, _BACK)


def _items(pairs: Sequence[tuple[str, str]]) -> st.SearchStrategy[Item]:
    return st.builds(
        lambda pair, back, second: Item(pair[0], pair[1], back, second),
        st.sampled_from(pairs),
        _BACK,
        _BACK,
    )


def _one_opset(names: Sequence[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.sampled_from([(), *((name,) for name in names)])


def quantization_requests(
    *, schemes: Sequence[Scheme] = SCHEMES
) -> st.SearchStrategy[dict[str, Any]]:
    """Generate requests to a quantizer: keywords of `judge` and `Request`.

    Requests shrink towards the first of `schemes` without settings. Raises `UsageError` for an
    unknown scheme.
    """
    if isinstance(schemes, str) or not isinstance(schemes, Iterable) or not (names := [*schemes]):
        raise UsageError(
            f"schemes: {written(schemes)} is not a list of schemes: use {', '.join(SCHEMES)}"
        )
    for scheme in names:
        RequestOptions(scheme)
    settings = st.fixed_dictionaries({}, optional={name: st.booleans() for name in WEIGHT_SETTINGS})
    return st.fixed_dictionaries({"scheme": st.sampled_from(names), "settings": settings})
