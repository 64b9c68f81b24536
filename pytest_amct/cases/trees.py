"""Weight sources as expression trees, spelled in prefix notation: ``Mul.Transpose.x.w``.

Each word is a step, the name of an operator (or a few) in the framework's module `steps`. A step
says what operands it needs for a tensor, so that trees are legal by construction. ``w``, a stored
constant, is the first of the leaves, and words that are missing at the end are ``w``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

from pytest_amct.cases.choices import Choices

Shape = tuple[int, ...]
STORED = "w"
"""The leaf that is a stored constant."""
FED = "x"
"""The leaf that is an input of the model."""
CHANGED = "plus-nothing"
"""The step that adds 0 times any number to exact values."""
_LENGTHS = (0, 1, 1, 2, 1, 2, 3, 2, 3, 4, 6, 9, 14, 22, 36, 60)
"""Numbers of steps from the root of a tree to its chosen leaf."""
_ASIDE = 5
"""One in so many of the other operands is a tree, too."""
_MOST = 20_000
"""Elements of the largest tensor in a tree."""
_STRIDE = 101
_DEEPEST = 5
"""Dimensions of a tensor in a tree, unless its result has more: operators have limits."""


class Spec(NamedTuple):
    """A tensor that a tree has to make."""

    shape: Shape
    dtype: str
    #: the values that it must have, one for all or one for each element; ``None`` = any
    values: tuple[float, ...] | None = None

    def of(self, *shape: int) -> Spec:
        """Return a tensor of another shape with any values."""
        return Spec(shape, self.dtype)


FLOATS = ("float32", "float16", "float64")
"""Element types that nearly all operators take."""


def is_float(spec: Spec) -> bool:
    """Return whether a tensor holds any floats, of a type that nearly all operators take."""
    return spec.dtype in FLOATS and spec.values is None


class Step(NamedTuple):
    """How to make a tensor: what it needs, and a function that adds the operator to a graph."""

    operands: tuple[Spec, ...]
    make: Callable[[Any, list[str]], str]


Maker = Callable[[Spec], Step | None]
"""Returns the step to a tensor, ``None`` if the operator cannot make it."""


@dataclass(frozen=True)
class Language:
    """The words of a framework's trees."""

    leaves: Mapping[str, Maker]
    steps: Mapping[str, Maker]
    #: the least version of the operators for words that need a new one
    since: Mapping[str, int]
    #: words with an operand on which the result does not depend
    aside: frozenset[str] = frozenset()

    def step(self, word: str, spec: Spec) -> Step | None:
        """Return the step that a word means for a tensor, ``None`` if it does not fit."""
        maker = self.leaves.get(word) or self.steps.get(word)
        return None if maker is None else maker(spec)

    def version(self, text: str) -> int:
        """Return the least version of the operators that a tree needs, 0 for any."""
        return max((self.since.get(word, 0) for word in text.split(".")), default=0)

    def check(self, text: str, spec: Spec) -> None:
        """Raise `ValueError` unless the text is a tree that makes the tensor."""
        rest = iter(text.split("."))
        open_ = [spec]
        while open_:
            wanted = open_.pop()
            word = next(rest, STORED)
            step = self.step(word, wanted)
            if step is None:
                raise ValueError(f"{word!r} does not make {wanted.dtype} of {wanted.shape}")
            open_ += step.operands[::-1]
        if (word := next(rest, "")) != "":
            raise ValueError(f"{word!r} is one too many")

    def whole(self, text: str, spec: Spec) -> str:
        """Return a tree with the constants at its end, so that others can follow it."""
        return ".".join(_words(self._read(iter(text.split(".")), spec)))

    def smaller(self, text: str, spec: Spec) -> Iterator[str]:
        """Yield trees of fewer words that make the same tensor, the smallest ones first."""
        words = text.split(".")
        whole = self._read(iter(words), spec)
        found = {_trimmed(tree) for tree in _cut(whole)}
        for tree in sorted(found - {_trimmed(_words(whole))}, key=lambda tree: (len(tree), tree)):
            with contextlib.suppress(ValueError):
                self.check(tree, spec)
                yield tree

    def _read(self, rest: Iterator[str], spec: Spec) -> _Node:
        word = next(rest, STORED)
        step = self.step(word, spec)
        assert step is not None  # it was checked
        return _Node(word, spec, tuple(self._read(rest, operand) for operand in step.operands))

    def build(self, text: str, graph: Any, spec: Spec) -> str:
        """Add a tree to a graph, and return the name of its tensor."""
        return self._build(iter(text.split(".")), graph, spec)

    def _build(self, rest: Iterator[str], graph: Any, spec: Spec) -> str:
        step = self.step(next(rest, STORED), spec)
        assert step is not None  # it was checked
        return step.make(graph, [self._build(rest, graph, operand) for operand in step.operands])

    def ways(self, spec: Spec) -> Iterator[str]:
        """Yield small trees: each word from constants, and with an input as each of its operands.

        A word that does not make such a tensor is an operand of the first word that takes it.
        """
        hosts = {"": spec}
        for word, maker in self.steps.items():
            step = None if word in self.aside else maker(spec)
            for at, operand in enumerate(step.operands if step else ()):
                hosts.setdefault(".".join([word, *[STORED] * at]), operand)
        for word, maker in self.steps.items():
            fitting = ((host, step) for host, wanted in hosts.items() if (step := maker(wanted)))
            host, step = next(fitting, ("", Step((), lambda graph, inputs: "")))
            before = [*host.split("."), word] if host else [word]
            for at in range(len(step.operands) + 1):  # the last: none of them
                leaf = self._input(step.operands[at]) if at < len(step.operands) else []
                text = _trimmed([*before, *[STORED] * at, *leaf])
                with contextlib.suppress(ValueError):  # some values cannot come from an input
                    self.check(text, spec)
                    yield text

    def _input(self, operand: Spec) -> list[str]:
        return [FED] if self.leaves[FED](operand) else [CHANGED, STORED, FED]

    def draw(self, choices: Choices, spec: Spec, newest: int) -> str:
        """Return a tree: a path of steps to a leaf, with leaves and small trees aside."""
        path, leaf = choices.of(_LENGTHS), choices.of((STORED, FED, FED, FED, *self.leaves))
        words = self._draw(choices, spec, newest, path, leaf)
        return _trimmed(words)

    def _draw(self, choices: Choices, spec: Spec, newest: int, path: int, leaf: str) -> list[str]:
        before, after = list[str](), list[str]()
        for _ in range(path):
            if choices.are_used_up:
                break
            word, step = self._fitting(choices, spec, newest)
            if not step.operands:
                return [*before, word, *after]
            at = choices.of(_ways(step.operands))
            before.append(word)
            others = [self._aside(choices, s, newest) for s in _without(step.operands, at)]
            before += [w for words in others[:at] for w in words]
            after = [*(w for words in others[at:] for w in words), *after]
            spec = step.operands[at]
        if leaf != STORED and self.leaves[leaf](spec) is None:
            changed = self.step(CHANGED, spec)
            if changed is None or self.leaves[leaf](changed.operands[1]) is None:
                leaf = STORED
            else:
                before += [CHANGED, STORED]
        return [*before, leaf, *after]

    def _aside(self, choices: Choices, spec: Spec, newest: int) -> list[str]:
        if choices.number(_ASIDE) < _ASIDE - 1:
            return [STORED]
        path, leaf = choices.number(3), choices.of((*self.leaves,))
        return self._draw(choices, spec, newest, path, leaf)

    def _fitting(self, choices: Choices, spec: Spec, newest: int) -> tuple[str, Step]:
        """Return a word that fits, another one if the drawn one does not."""
        words = (*self.steps,)
        first = choices.number(len(words))
        for number in range(len(words)):  # far apart, so that no neighbour is preferred
            word = words[(first + number * _STRIDE) % len(words)]
            if self.since.get(word, 0) <= newest:
                step = self.steps[word](spec)
                deepest = max(_DEEPEST, len(spec.shape))
                if step is not None and all(_is_small(s, deepest) for s in step.operands):
                    return word, step
        return STORED, Step((), lambda graph, inputs: "")


class _Node(NamedTuple):
    word: str
    spec: Spec
    operands: tuple[_Node, ...]


def _words(node: _Node) -> list[str]:
    return [node.word, *(word for operand in node.operands for word in _words(operand))]


def _cut(node: _Node) -> Iterator[list[str]]:
    """Yield words with one node replaced by an operand, which may not fit there, or by a leaf."""
    for operand in node.operands:
        yield _words(operand)
    if node.word != STORED:
        yield [STORED]
        if node.operands and node.spec.values is None:
            yield [FED]
    for at, operand in enumerate(node.operands):
        before = [w for other in node.operands[:at] for w in _words(other)]
        after = [w for other in node.operands[at + 1 :] for w in _words(other)]
        for words in _cut(operand):
            yield [node.word, *before, *words, *after]


def _trimmed(words: Sequence[str]) -> str:
    """Return words as a text, without constants at its end."""
    last = max((at for at, word in enumerate(words) if word != STORED), default=0)
    return ".".join(words[: last + 1])


def _ways(operands: Sequence[Spec]) -> list[int]:
    """Return the operands to go on with; those with exact values are drawn less often."""
    free = [i for i, operand in enumerate(operands) if operand.values is None]
    return [*free, *free, *free, *range(len(operands))] if free else [*range(len(operands))]


def _without(operands: Sequence[Spec], at: int) -> list[Spec]:
    return [operand for i, operand in enumerate(operands) if i != at]


def _is_small(spec: Spec, deepest: int) -> bool:
    return prod(spec.shape) <= _MOST and len(spec.shape) <= deepest
