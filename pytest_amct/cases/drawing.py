"""Drawn deviations: a listed one with drawn changes to its layer, spelled in its name.

``default~layer=0.2~source=Mul.w.x`` is the deviation ``default`` with another layer and another
source of its weight. Only the name is drawn. It is enough to rebuild the case, and it contains no
answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pytest_amct.cases.choices import Choices
from pytest_amct.cases.plan import Branch, Changes, Plan
from pytest_amct.cases.trees import STORED, Language, Spec

_SIGN = "~"
_FEATURES = (0, 1, 1, 1, 2, 2, 3, 6)
"""Numbers of features that a drawn deviation changes at most."""
_OFTEN = {"source": 4, "layer": 3, "elsewhere": 2}
"""How much more often some features are drawn than others."""
_NUMBERS = (1, 1, 2, 2, 3, 6, 12)
"""How many of its numbers a feature changes at most."""
_LARGEST = 15


class Feature(Protocol):
    """A part of a layer that can be drawn, and its spelling."""

    def change(self, plan: Plan, text: str) -> Changes | None:
        """Return what a text changes, ``None`` if the feature does not apply to the plan.

        Raises `ValueError` if the text is not valid.
        """

    def fits(self, plan: Plan) -> bool:
        """Return whether the feature applies to the plan."""

    def smaller(self, plan: Plan, text: str) -> Iterator[str]:
        """Yield texts that change a little less than a text for the plan does."""

    def draw(self, plan: Plan, choices: Choices, newest: int) -> str:
        """Return a text for a plan that fits, ``""`` for no change.

        `newest` is the newest version of operators to use.
        """


Features = Mapping[str, Feature]
"""Features by name, in the order in which they are applied."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A feature that is spelled as numbers: ``0.2``. Numbers that are missing at the end are 0.

    Any numbers are valid: `decode` takes each one modulo the number of its options.
    """

    decode: Callable[[Plan, Choices], Changes | None]
    count: int

    def change(self, plan: Plan, text: str) -> Changes | None:
        """See `Feature`."""
        return self.decode(plan, Choices([int(word) for word in text.split(".")]))

    def fits(self, plan: Plan) -> bool:
        """See `Feature`."""
        return self.decode(plan, Choices(())) is not None

    def smaller(self, plan: Plan, text: str) -> Iterator[str]:
        """See `Feature`."""
        numbers = [int(word) for word in text.split(".")]
        for at, number in enumerate(numbers):
            for less in range(number):
                yield _spelled([*numbers[:at], less, *numbers[at + 1 :]])

    def draw(self, plan: Plan, choices: Choices, newest: int) -> str:
        """See `Feature`."""
        numbers = [0] * self.count
        for _ in range(choices.of(_NUMBERS)):
            numbers[choices.number(self.count)] = 1 + choices.number(_LARGEST)
        # Spell what is chosen, so that options may be added later without changing the meaning.
        chosen = Choices(numbers)
        self.decode(plan, chosen)
        return _spelled(chosen.made) if any(chosen.made) else ""


def _spelled(numbers: Sequence[int]) -> str:
    """Return numbers as a text, without zeros at its end."""
    last = max((at for at, number in enumerate(numbers) if number), default=0)
    return ".".join(map(str, numbers[: last + 1]))


@dataclass(frozen=True, slots=True)
class Tree:
    """A feature that is spelled as a tree, see `trees`: where a tensor of the layer comes from.

    `spec` returns the tensor of a plan that may come from anywhere, `change` the change to its
    source.
    """

    language: Callable[[], Language]
    spec: Callable[[Plan], Spec | None]
    of: Callable[[Plan, str, int], Changes]

    def change(self, plan: Plan, text: str) -> Changes | None:
        """See `Feature`."""
        spec, language = self.spec(plan), self.language()
        if spec is None:
            return None
        language.check(text, spec)
        return self.of(plan, text, language.version(text))

    def fits(self, plan: Plan) -> bool:
        """See `Feature`."""
        return self.spec(plan) is not None

    def smaller(self, plan: Plan, text: str) -> Iterator[str]:
        """See `Feature`."""
        spec = self.spec(plan)
        return iter(()) if spec is None else self.language().smaller(text, spec)

    def draw(self, plan: Plan, choices: Choices, newest: int) -> str:
        """See `Feature`."""
        spec = self.spec(plan)
        text = "" if spec is None else self.language().draw(choices, spec, newest)
        return "" if text == STORED else text


def around(choices: Choices, value: int, options: int) -> int:
    """Return a number from 1 to `options`, `value` if the drawn number is 0."""
    return 1 + (value - 1 + choices.number(options)) % options


def branches(choices: Choices, known: Sequence[Branch]) -> tuple[Branch, ...]:
    """Return up to three different branches."""
    found = [choices.of((None, *known)) for _ in range(3)]
    return tuple(branch for branch in dict.fromkeys(found) if branch)


def base_of(deviation: str) -> str:
    """Return the listed deviation of which a drawn one is made, which may be itself."""
    return deviation.partition(_SIGN)[0]


def is_drawn(deviation: str) -> bool:
    """Return whether the name of a deviation spells drawn changes."""
    return _SIGN in deviation


def drawn_changes(deviation: str, plan: Plan, features: Features) -> Iterator[Changes]:
    """Yield the changes that the name of a drawn deviation spells, to be made one by one.

    `plan` is that of the listed deviation. Raises `ValueError` for a name that is not valid.
    """
    texts = dict[str, str]()
    for part in deviation.split(_SIGN)[1:]:
        name, _, text = part.partition("=")
        if name not in features or not text or name in texts:
            raise ValueError(f"{part!r} is not a change: use each of {', '.join(features)} once")
        texts[name] = text
    for name, feature in features.items():
        if name in texts:
            change = feature.change(plan, texts[name])
            if change is None:
                raise ValueError(f"{name!r} does not apply to it")
            plan = plan.with_(change)
            yield change


def smaller_names(deviation: str, plan: Plan, features: Features) -> Iterator[str]:
    """Yield names that spell a little less: without one part, or with a smaller one."""
    base, *parts = deviation.split(_SIGN)
    for at in range(len(parts)):
        yield _SIGN.join([base, *parts[:at], *parts[at + 1 :]])
    for name, feature in features.items():
        for at, part in enumerate(parts):
            label, _, text = part.partition("=")
            if label == name:
                for other in feature.smaller(plan, text):
                    yield _SIGN.join([base, *parts[:at], f"{name}={other}", *parts[at + 1 :]])
                change = feature.change(plan, text)
                plan = plan.with_(change or {})


def draw_deviation(
    base: str,
    plan: Plan,
    features: Features,
    numbers: Sequence[int],
    newest: int,
    always: str = "",
) -> str:
    """Return the name of a drawn deviation, which may be the listed one itself.

    `always` names a feature that is always drawn if it fits.
    """
    choices, parts = Choices(numbers), [base]
    fitting = [name for name, feature in features.items() if feature.fits(plan)]
    often = [name for name in fitting for _ in range(_OFTEN.get(name, 1))]
    chosen = {choices.of(often) for _ in range(choices.of(_FEATURES))} if often else set()
    chosen.add(always)
    for name in (name for name in fitting if name in chosen and features[name].fits(plan)):
        text = features[name].draw(plan, choices, newest)
        change = features[name].change(plan, text) if text else None
        if change is not None:
            plan = plan.with_(change)
            parts.append(f"{name}={text}")
    return _SIGN.join(parts)
