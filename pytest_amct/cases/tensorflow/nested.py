"""Words of weight trees in TensorFlow graphs: functions and branches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_amct.cases.tensorflow.builder import Dtype, Function, GraphBuilder
from pytest_amct.cases.tensorflow.operators import call
from pytest_amct.cases.tensorflow.steps import moves
from pytest_amct.cases.trees import Maker, Spec, Step, is_float

_BOOL = Dtype("bool")


def _body(
    g: GraphBuilder, s: Spec, op: str, taken: Sequence[str], takes: Sequence[str]
) -> Function:
    body = g.nested()
    found = body.node(op, taken, {"T": Dtype(s.dtype)}, g.name("f"))
    return g.function(takes, {found: s.dtype}, body)


def _called(op: str, count: int) -> Maker:
    def maker(s: Spec) -> Step | None:
        def make(g: GraphBuilder, x: list[str]) -> str:
            takes = [s.dtype] * count
            function = _body(g, s, op, [f"x{i}" for i in range(count)], takes)
            return call(g, function, x, takes, s.dtype)

        return Step((s,) * count, make) if is_float(s) else None

    return maker


def _if(s: Spec) -> Step | None:
    def make(g: GraphBuilder, x: list[str]) -> str:
        takes = [s.dtype] * 2
        then, other = (_body(g, s, "Identity", [f"x{i}"], takes) for i in (0, 1))
        types = {"Tcond": _BOOL, "Tin": [Dtype(s.dtype)] * 2, "Tout": [Dtype(s.dtype)]}
        return g.node("StatelessIf", x, {**types, "then_branch": then, "else_branch": other})

    return Step((Spec((), "bool"), s, s), make) if moves(s) else None


def _switched(s: Spec) -> Step | None:
    """Return a value that a Merge takes from one side of a Switch."""

    def make(g: GraphBuilder, x: list[str]) -> str:
        taken = g.node("Switch", x, {"T": Dtype(s.dtype)})
        sides = [g.node("Identity", [t], {"T": Dtype(s.dtype)}) for t in (taken, f"{taken}:1")]
        return g.node("Merge", sides, {"T": Dtype(s.dtype), "N": 2})

    return Step((s, Spec((), "bool")), make) if moves(s) else None


NESTED: Mapping[str, Maker] = {
    "call": _called("Identity", 1),
    "call-Neg": _called("Neg", 1),
    "call-Maximum": _called("Maximum", 2),
    "StatelessIf": _if,
    "Merge": _switched,
}
