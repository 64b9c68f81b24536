"""Weights that come out of functions and control flow, one builder for each name."""

from __future__ import annotations

from collections.abc import Callable

from pytest_amct.cases.tensorflow.builder import Dtype, Function, GraphBuilder
from pytest_amct.cases.tensorflow.operators import INT, Shape, call, identity

_CALL = "PartitionedCall"


def _through(g: GraphBuilder, d: str, op: str, *inputs: str) -> str:
    """Pass a tensor through a function; the others are control inputs of the call."""
    return call(g, _passing(g, d), inputs, [d], d, op)


def _passing(g: GraphBuilder, d: str, takes: int = 1) -> Function:
    """Add a function that returns its last parameter."""
    body = g.nested()
    given = body.node("Identity", [f"x{takes - 1}"], {"T": Dtype(d)}, g.name("f"))
    return g.function([d] * takes, {given: d}, body)


def _nested(g: GraphBuilder, d: str, stored: str) -> str:
    """Pass a tensor through three functions, each of which calls the next."""
    function = _passing(g, d)
    for _ in range(2):
        body = g.nested()
        types = {"Tin": [Dtype(d)], "Tout": [Dtype(d)], "f": function}
        given = body.node(_CALL, ["x0"], types, g.name("f"))
        function = g.function([d], {given: d}, body)
    return call(g, function, [stored], [d], d)


def _second(g: GraphBuilder, d: str, first: str, second: str) -> str:
    """Pass two tensors to a function that returns the second."""
    return call(g, _passing(g, d, 2), [first, second], [d, d], d)


def _in_body(g: GraphBuilder, s: Shape, d: str) -> str:
    """Call a function that contains the weight."""
    body = g.nested()
    return call(g, g.function([], {body.constant(s, d): d}, body), [], [], d)


def _called_twice(g: GraphBuilder, d: str, stored: str, other: str) -> str:
    """Call a function with a tensor, and again with another one."""
    function = _passing(g, d)
    found, spare = (call(g, function, [given], [d], d) for given in (stored, other))
    identity(g, d, spare)
    return found


def _second_output(g: GraphBuilder, d: str, first: str, second: str) -> str:
    """Pass two tensors to a function that returns both, and return its second output."""
    body = g.nested()
    gives = {body.node("Identity", [f"x{i}"], {"T": Dtype(d)}, g.name("f")): d for i in (0, 1)}
    types = {"Tin": [Dtype(d)] * 2, "Tout": [Dtype(d)] * 2}
    return g.node(_CALL, [first, second], {**types, "f": g.function([d, d], gives, body)}) + ":1"


def _sum_of_calls(g: GraphBuilder, s: Shape, d: str) -> str:
    """Call a function with a constant and with an input, and add the results."""
    function = _passing(g, d)
    calls = [call(g, function, [x], [d], d) for x in (g.constant(s, d), g.input(d, s))]
    return g.node("AddV2", calls, {"T": Dtype(d)})


def _random_body(g: GraphBuilder, s: Shape, d: str) -> Function:
    """Add a function that returns random values."""
    body = g.nested()
    sizes = f"{body.values('int32', s)}:output:0"
    drawn = body.node("RandomUniform", [sizes], {"T": INT, "dtype": Dtype(d)}, g.name("f"))
    return g.function([], {drawn: d}, body)


def _namesakes(g: GraphBuilder, s: Shape, d: str) -> str:
    """Pass an input through a function whose names also name constants of the main graph."""
    names = [g.name("n"), g.name("n")]
    constants = [g.node("Identity", [g.constant(s, d)], {"T": Dtype(d)}, name) for name in names]
    body = g.nested()
    given = body.node("Identity", names[:1], {"T": Dtype(d)}, names[1])
    function = g.function([d], {given: d}, body, names[:1])
    parts = [call(g, function, [g.input(d, s)], [d], d), *constants]
    return g.node("AddN", parts, {"T": Dtype(d), "N": len(parts)})


def _second_in_body(g: GraphBuilder, s: Shape, d: str) -> str:
    """Pass two tensors through an operator in a function that returns its second output."""
    body = g.nested()
    made = body.node("IdentityN", ["x0", "x1"], {"T": [Dtype(d)] * 2}, g.name("f"))
    function = g.function([d, d], {f"{made}:output:1": d}, body)
    return call(g, function, [g.constant(s, d), g.input(d, s)], [d, d], d)


def _many_calls(g: GraphBuilder, s: Shape, d: str) -> str:
    """Pass a weight that is in a function through calls of other kinds."""
    found = _called_twice(g, d, _in_body(g, s, d), g.input(d, s))
    return _through(g, d, f"Stateful{_CALL}", found, "^" + g.input("float32", (4,)))


def _switched(g: GraphBuilder, d: str, data: str) -> str:
    return g.node("Switch", [data, g.values("bool", [1], ())], {"T": Dtype(d)}) + ":1"


def _switch(g: GraphBuilder, s: Shape, d: str) -> str:
    return _switched(g, d, g.constant(s, d))


def _merge(g: GraphBuilder, s: Shape, d: str) -> str:
    taken = _switch(g, s, d)
    sides = [identity(g, d, taken.removesuffix(":1")), identity(g, d, taken)]
    return g.node("Merge", sides, {"T": Dtype(d), "N": 2})


def _frames(g: GraphBuilder, s: Shape, d: str) -> str:
    """Add a loop in the form of TensorFlow 1 that passes the weight on once."""
    frame = g.name("l")

    def enter(name: str, type_: str, stays: bool = False) -> str:
        given = {"frame_name": frame, "is_constant": stays, "parallel_iterations": 10}
        return g.node("Enter", [name], {"T": Dtype(type_), **given})

    one, zero = (enter(g.values("int32", [n], ()), "int32", True) for n in (1, 0))
    entered = [
        (enter(g.values("int32", [1], ()), "int32"), "int32"),
        (enter(g.constant(s, d), d), d),
    ]
    again = [g.name("n"), g.name("n")]
    merged = [
        g.node("Merge", [start, back], {"T": Dtype(type_), "N": 2})
        for (start, type_), back in zip(entered, again, strict=True)
    ]
    goes_on = g.node("LoopCond", [g.node("Greater", [merged[0], zero], {"T": INT})])
    number, value = (
        g.node("Switch", [m, goes_on], {"T": Dtype(type_)})
        for m, (_, type_) in zip(merged, entered, strict=True)
    )
    less = g.node("Sub", [f"{number}:1", one], {"T": INT})
    g.node("NextIteration", [less], {"T": INT}, again[0])
    g.node("NextIteration", [f"{value}:1"], {"T": Dtype(d)}, again[1])
    return g.node("Exit", [value], {"T": Dtype(d)})


def _while(g: GraphBuilder, s: Shape, d: str) -> str:
    goes_on, body = g.nested(), g.nested()
    zero = goes_on.values("int32", [0], ())
    more = goes_on.node("Greater", ["x0", f"{zero}:output:0"], {"T": INT}, g.name("f"))
    one = body.values("int32", [1], ())
    less = body.node("Sub", ["x0", f"{one}:output:0"], {"T": INT}, g.name("f"))
    takes = ["int32", d]
    given = {
        "T": [Dtype(t) for t in takes],
        "cond": g.function(takes, {more: "bool"}, goes_on),
        "body": g.function(takes, {less: "int32", "x1": d}, body),
    }
    inputs = [g.values("int32", [1], ()), g.constant(s, d)]
    return g.node("StatelessWhile", inputs, given) + ":1"


def _if(g: GraphBuilder, s: Shape, d: str) -> str:
    def branch(taken: str) -> Function:
        body = g.nested()
        found = body.node("Identity", [taken], {"T": Dtype(d)}, g.name("f"))
        return g.function([d, d], {found: d}, body)

    inputs = [g.values("bool", [1], ()), g.constant(s, d), g.constant(s, d)]
    types = {"Tcond": Dtype("bool"), "Tin": [Dtype(d)] * 2, "Tout": [Dtype(d)]}
    branches = {"then_branch": branch("x0"), "else_branch": branch("x1")}
    return g.node("StatelessIf", inputs, {**types, **branches})


FLOW: dict[str, Callable[[GraphBuilder, Shape, str], str]] = {
    "call": lambda g, s, d: _through(g, d, _CALL, g.constant(s, d)),
    "many-calls": _many_calls,
    "call-nested": lambda g, s, d: _nested(g, d, g.constant(s, d)),
    "call-second": lambda g, s, d: _second(g, d, g.input(d, s), g.constant(s, d)),
    "input-call": lambda g, s, d: _through(g, d, _CALL, g.input(d, s)),
    "input-call-stateful": lambda g, s, d: _through(g, d, f"Stateful{_CALL}", g.input(d, s)),
    "input-call-control": lambda g, s, d: _through(
        g, d, _CALL, g.input(d, s), "^" + g.input("float32", (4,))
    ),
    "input-call-nested": lambda g, s, d: _nested(g, d, g.input(d, s)),
    "input-call-second": lambda g, s, d: _second(g, d, g.constant(s, d), g.input(d, s)),
    "call-output": lambda g, s, d: _second_output(g, d, g.input(d, s), g.constant(s, d)),
    "input-call-output": lambda g, s, d: _second_output(g, d, g.constant(s, d), g.input(d, s)),
    "input-call-twice": lambda g, s, d: _called_twice(g, d, g.input(d, s), g.constant(s, d)),
    "input-call-sum": _sum_of_calls,
    "input-call-namesakes": _namesakes,
    "input-call-identity-n": _second_in_body,
    "random-call": lambda g, s, d: call(g, _random_body(g, s, d), [], [], d, f"Stateful{_CALL}"),
    "random-function": lambda g, s, d: g.node(_random_body(g, s, d), []),
    "switch": _switch,
    "input-switch": lambda g, s, d: _switched(g, d, g.input(d, s)),
    "merge": _merge,
    "frames": _frames,
    "while": _while,
    "if": _if,
}
"""Sources by name: a function that adds a weight of a shape and element type to a graph."""
