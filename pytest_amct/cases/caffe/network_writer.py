"""Writes the net of a network: its items, what connects them, one plain layer beside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import gcd, prod

from pytest_amct.cases.caffe.builder import Blob, Shape
from pytest_amct.cases.caffe.extras import add_branch
from pytest_amct.cases.caffe.rows import VARIATIONS
from pytest_amct.cases.caffe.writer import (
    behind,
    blobs_of,
    builder,
    companion,
    finished,
    focal_layer,
    give,
    neutral,
    operands,
    result_shape,
    shape_of,
)
from pytest_amct.cases.networks import NetworkCase
from pytest_amct.cases.plan import Branch, Built, Plan
from pytest_amct.cases.requests import asked_of

_OLDER = ("v1", "v0")
"""Forms that concern a net as a whole."""


def build_network(case: NetworkCase) -> Built:
    """The net of a network. Deterministic: the same bytes on every run and machine."""
    return _Writer(case).built()


class _Writer:
    def __init__(self, case: NetworkCase) -> None:
        self.case = case
        self.b = builder(case.variations)
        #: the blob that each item gives, and the name of the layer itself
        self.results: list[str] = []
        self.focal: list[str] = []
        self.read: set[int] = set()
        #: what items may have in common: blobs, and the name of the weight among them
        self.stored: dict[tuple[object, ...], tuple[tuple[Blob, ...], str]] = {}
        each = tuple(a for v in case.variations for a in VARIATIONS.get(v, {}).get("around", ()))
        self.plans = [
            replace(
                plan,
                form="" if plan.form in _OLDER else plan.form,
                around=(*plan.around, *each),
            )
            for plan in map(case.plan, case.items)
        ]

    def built(self) -> Built:
        b, focal = self.b, self.case.focal
        for i, plan in enumerate(self.plans):
            self._item(i, plan)
        for i, plan in enumerate(self.plans):
            if i not in self.read:
                give(b, plan, self.results[i])
        other = companion(b)
        for branch in dict.fromkeys(self._branches()):
            add_branch(branch, b)
        if focal is None:
            return finished(b, tuple(self.focal), {})
        named = {"this": self.focal[focal], "other": other}
        return finished(b, (self.focal[focal],), asked_of(self.plans[focal], named))

    def _branches(self) -> Iterator[Branch]:
        for plan in self.plans:
            yield from plan.branches
        for name in self.case.variations:
            yield from VARIATIONS.get(name, {}).get("branches", ())

    def _item(self, i: int, plan: Plan) -> None:
        b, item = self.b, self.case.items[i]
        data = self._data(i, item.back, plan)
        bottoms = operands(b, plan, data, lambda: self._data(i, item.second, plan))
        key = (plan.weight, plan.source, plan.dtype, plan.bias)
        twice = plan.form == "shared-weight"
        shared = plan.weight is not None and ("shared" in self.case.variations or twice)
        found = self.stored.get(key) if shared else None
        if found is None:
            found = blobs_of(b, plan), b.name("p") if shared else ""
        if "shared" in self.case.variations:
            self.stored[key] = found
        result, name = focal_layer(b, plan, bottoms, *found)
        if twice:
            again = b.layer("Sigmoid", [b.input(shape_of(plan))])
            neutral(b, focal_layer(b, plan, [again], *found)[0], False)
        self.results.append(behind(b, plan, result))
        self.focal.append(name)

    def _data(self, i: int, back: int, plan: Plan) -> str:
        """Data for the `i`-th item: the result of another one, made to fit, or a new input."""
        b, maker = self.b, i - back
        if not 0 < back <= i:
            data = b.input(shape_of(plan))
            return data if "at-input" in plan.around else neutral(b, data, True)
        self.read.add(maker)
        data = self._moved(self.results[maker], result_shape(self.plans[maker]), shape_of(plan))
        return neutral(b, data, True) if "apart" in self.case.variations else data

    def _moved(self, data: str, shape: Shape, wanted: Shape) -> str:
        """The values of a result in the shape that is wanted: repeated or cut off if need be."""
        b = self.b
        if shape == wanted:
            return data
        have, need = prod(shape), prod(wanted)
        if have != need:
            # As a table with the common part in each line: lines are repeated, or left out.
            line = gcd(have, need)
            data, lines = self._reshaped(data, (1, have // line, line)), have // line
            while lines < need // line:
                data, lines = b.layer("Concat", [data, data], {"axis": 1}), 2 * lines
            if lines > need // line:
                tops = [b.name("t"), b.name("t")]
                cut = {"axis": 1, "slice_point": need // line}
                data = b.layer("Slice", [data], cut, tops=tops)
        return self._reshaped(data, wanted)

    def _reshaped(self, data: str, shape: Shape) -> str:
        return self.b.layer("Reshape", [data], {"shape": list(shape)})
