"""A small builder of Caffe nets of any generation, with meaningless names and distinctive blobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_amct.cases.naming import Style, plain

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Blob:
    """Values that a layer stores: the `number`-th constant of the net."""

    shape: Shape
    number: int
    dtype: str = "float32"
    #: how it is stored: ``""`` as floats, ``legacy`` with its shape in the four fields of older
    #: files, ``double``, ``raw`` as bytes, ``text`` in the prototxt
    form: str = ""


@dataclass(frozen=True, slots=True)
class CaffeLayer:
    """One layer, before it is written."""

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    parameters: Mapping[str, Any]
    blobs: tuple[Blob, ...] = ()
    #: the rules that say in which phases, levels and stages it is, as text
    rules: str = ""
    #: the names under which it shares its weight and its bias
    shares: tuple[str, ...] = ()


@dataclass(slots=True)
class NetBuilder:
    """A net in the making. Names are counted up and carry no meaning."""

    #: 2: ``layer``; 1: ``layers`` with types in capitals; 0: ``layers { layer { ... } }``
    generation: int = 2
    #: whether layers and their tops are named like those of real networks
    scopes: bool = False
    #: whether all blobs are Float16
    half: bool = False
    #: how blobs are stored, see `Blob`
    storage: str = ""
    #: the level and the stages of the net, as text
    state: str = ""
    inputs: list[tuple[str, Shape]] = field(default_factory=list)
    #: the inputs that are read from files, with the type of their layer
    files: dict[str, str] = field(default_factory=dict)
    layers: list[CaffeLayer] = field(default_factory=list)
    counter: dict[str, int] = field(default_factory=dict)
    style: Style = plain
    #: whether half of the blobs hold doubles
    doubles: bool = False

    def name(self, letter: str) -> str:
        """Return the next name with that letter."""
        number = self._next(letter)
        return _scoped(letter, number) if self.scopes else self.style(letter, number)

    def top(self, layer: str) -> str:
        """Return the name of the first top of a layer, which real networks name like the layer."""
        return layer if self.scopes else self.name("t")

    def input(self, shape: Shape, reader: str = "") -> str:
        """Add an input to the net, and return its name. A layer of the type `reader` feeds it."""
        name = self.name("t")
        self.inputs.append((name, shape))
        if reader:
            self.files[name] = reader
        return name

    def blob(self, shape: Shape, dtype: str = "float32", form: str = "") -> Blob:
        """Return a new distinctive constant."""
        # Older files always have four sizes: shorter shapes are padded in front.
        number, half = self._next("w"), self.half or dtype != "float32"
        fits = self.storage != "legacy" or len(shape) in (1, 2, 4)
        form = form or (self.storage if fits else "")
        form = form or ("double" if self.doubles and number % 2 and not half else "")
        return Blob(shape, number, "float16" if self.half else dtype, form)

    def layer(
        self,
        type_: str,
        bottoms: Sequence[str],
        parameters: Mapping[str, Any] | None = None,
        blobs: Sequence[Blob] = (),
        *,
        tops: Sequence[str] = (),
        rules: str = "",
        shares: Sequence[str] = (),
        name: str = "",
    ) -> str:
        """Add a layer, and return its first top, which is new unless `tops` are given."""
        name = name or self.name("n")
        tops = tuple(tops) or (self.top(name),)
        given, ends = parameters or {}, (tuple(bottoms), tops)
        self.layers.append(
            CaffeLayer(name, type_, *ends, given, tuple(blobs), rules, tuple(shares))
        )
        return tops[0]

    def _next(self, letter: str) -> int:
        number = self.counter.get(letter, 0)
        self.counter[letter] = number + 1
        return number


def _scoped(letter: str, number: int) -> str:
    """Return a name with scopes. Many of them start or end like another, or differ in case."""
    scope, rest = divmod(number, 6)
    inner = ("", "/x", "/x_1", "/x.0", "/X", "/x:0")[rest]
    return f"{letter}_{scope}{inner}" if scope else f"{letter}{inner}"
