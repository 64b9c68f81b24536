"""More words of weight trees in ONNX models: nested graphs, functions, sequences and optionals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from onnx import NodeProto, TypeProto, helper

from pytest_amct.cases.onnx.builder import NUMBERS, GraphBuilder
from pytest_amct.cases.onnx.steps import exact, moves, node
from pytest_amct.cases.trees import Maker, Spec, Step, is_float

FUNCTIONS = "local.weights"
"""The domain of functions that a weight passes."""


def _branch(g: GraphBuilder, s: Spec, taken: str, type_: str) -> Any:
    inner = g.nested()
    inner.output(inner.node(type_, [taken]), s.dtype)
    return inner.graph


def _if(s: Spec) -> Step | None:
    """Return one of two captured values."""

    def make(g: GraphBuilder, x: list[str]) -> str:
        branches = {
            "then_branch": _branch(g, s, x[1], "Identity"),
            "else_branch": _branch(g, s, x[2], "Identity"),
        }
        return g.node("If", [x[0]], branches)

    return Step((Spec((), "bool"), s, s), make) if moves(s) else None


def _loop(s: Spec) -> Step | None:
    """Return a carried value, to which the body adds a captured one."""

    def make(g: GraphBuilder, x: list[str]) -> str:
        body = g.nested()
        for dtype, dims in (("int64", []), ("bool", []), (s.dtype, [*s.shape])):
            body.input(dtype, dims)
        _, condition, carried = (info.name for info in body.graph.input)
        body.output(body.node("Identity", [condition]), "bool")
        body.output(body.node("Max", [carried, x[2]]), s.dtype)
        return g.node("Loop", [g.values("int64", [1], ()), x[0], x[1]], {"body": body.graph})

    fits = is_float(s)
    return Step((exact([1], (), "bool"), s, s), make) if fits else None


def _scan(s: Spec) -> Step | None:
    """Return the state that a scan leaves."""

    def make(g: GraphBuilder, x: list[str]) -> str:
        body = g.nested()
        for dims in ([*s.shape], [*s.shape]):
            body.input(s.dtype, dims)
        state, row = (info.name for info in body.graph.input)
        body.output(body.node("Max", [state, row]), s.dtype)
        return g.node("Scan", x, {"body": body.graph, "num_scan_inputs": 1})

    fits = is_float(s)
    return Step((s, s.of(2, *s.shape)), make) if fits else None


def _sequence_map(s: Spec) -> Step | None:
    def make(g: GraphBuilder, x: list[str]) -> str:
        body = g.nested()
        body.input(s.dtype, [*s.shape])
        body.output(body.node("Neg", [body.graph.input[0].name]), s.dtype)
        mapped = g.node("SequenceMap", [g.node("SequenceConstruct", x)], {"body": body.graph})
        return g.node("SequenceAt", [mapped, g.values("int64", [0], ())])

    return Step((s,), make) if is_float(s) else None


def _sequence(at: int) -> Maker:
    """Return an entry of a sequence of two tensors."""

    def make(g: GraphBuilder, x: list[str]) -> str:
        return g.node("SequenceAt", [g.node("SequenceConstruct", x[:2]), x[2]])

    def maker(s: Spec) -> Step | None:
        fits = moves(s)
        return Step((s, s, exact([at], ())), make) if fits else None

    return maker


def _inserted(s: Spec) -> Step | None:
    def make(g: GraphBuilder, x: list[str]) -> str:
        empty = g.node("SequenceEmpty", [], {"dtype": NUMBERS[s.dtype]})
        one = g.node("SequenceInsert", [empty, x[0]])
        two = g.node("SequenceInsert", [one, x[1], g.values("int64", [0], ())])
        left = g.node("SequenceErase", [two, g.values("int64", [0], ())])
        return g.node("SequenceAt", [left, g.values("int64", [0], ())])

    return Step((s, s), make) if moves(s) else None


def _split_to_sequence(s: Spec) -> Step | None:
    def make(g: GraphBuilder, x: list[str]) -> str:
        parts = g.node("SplitToSequence", x, {"axis": 0})
        return g.node("ConcatFromSequence", [parts], {"axis": 0})

    fits = moves(s) and s.shape and s.shape[0] > 1
    return Step((s, exact([1, s.shape[0] - 1])), make) if fits else None


def _optional(s: Spec) -> Step | None:
    def make(g: GraphBuilder, x: list[str]) -> str:
        made = TypeProto()
        made.CopyFrom(helper.make_tensor_type_proto(NUMBERS[s.dtype], s.shape))
        return g.node("OptionalGetElement", [g.node("Optional", x, {"type": made})])

    return Step((s,), make) if moves(s) else None


def _called(inner: str, count: int) -> Maker:
    """Return the result of a call of a function that holds that operator."""

    def make(g: GraphBuilder, x: list[str]) -> str:
        name = f"Pass{inner}"
        if (FUNCTIONS, name) not in g.functions:
            formals = [f"x{i}" for i in range(count)]
            body = [helper.make_node(inner, formals, ["y"], name="f0")]
            imports = [helper.make_opsetid("", g.opset)]
            function = helper.make_function(FUNCTIONS, name, formals, ["y"], body, imports)
            g.functions[FUNCTIONS, name] = function
        return g.node(name, x, domain=FUNCTIONS)

    def maker(s: Spec) -> Step | None:
        return Step((s,) * count, make) if is_float(s) else None

    return maker


def _function(
    g: GraphBuilder, name: str, inputs: Sequence[str], nodes: Sequence[NodeProto], **given: Any
) -> None:
    """Add a function whose result is ``y``; a second one is ``v``."""
    domain, overload = given.get("domain", FUNCTIONS), given.get("overload", "")
    outputs = ["y", "v"] if any("v" in node.output for node in nodes) else ["y"]
    imports = [helper.make_opsetid("", g.opset)]
    g.functions[domain, f"{name}:{overload}"] = helper.make_function(
        domain, name, inputs, outputs, nodes, imports, overload=overload
    )


def _neg(given: str, result: str, name: str = "f0") -> NodeProto:
    return helper.make_node("Neg", [given], [result], name=name)


def _pair(make: Callable[[GraphBuilder, list[str]], str], count: int = 2) -> Maker:
    """Return a maker of floats from floats of the same shape."""
    return lambda s: Step((s,) * count, make) if is_float(s) else None


def _call_twice(g: GraphBuilder, x: list[str]) -> str:
    """Call one function, which nothing else calls, with each of two tensors."""
    name = f"Turn{len(g.functions)}"
    _function(g, name, ["x0"], [_neg("x0", "y")])
    return g.node("Max", [g.node(name, [data], domain=FUNCTIONS) for data in x])


def _call_ports(left_out: bool) -> Callable[[GraphBuilder, list[str]], str]:
    """Call a function with two results.

    If the first is left out, return the second, else return both.
    """

    def make(g: GraphBuilder, x: list[str]) -> str:
        _function(g, "Both", ["x0", "x1"], [_neg("x0", "y"), _neg("x1", "v", "f1")])
        g.node("Both", x, domain=FUNCTIONS, outputs=2)
        first, second = g.graph.node[-1].output
        if not left_out:
            return g.node("Max", [first, second])
        g.graph.node[-1].output[0] = ""
        return str(second)

    return make


def _call_gap(g: GraphBuilder, x: list[str]) -> str:
    """Call a function without its second parameter, which it does not need."""
    most = helper.make_node("Max", ["x0", "x2"], ["y"], name="f0")
    _function(g, "Gap", ["x0", "x1", "x2"], [most])
    return g.node("Gap", [x[0], "", x[1]], domain=FUNCTIONS)


def _call_overload(g: GraphBuilder, x: list[str]) -> str:
    """Call two functions with the same name, which differ in the overload."""
    _function(g, "Pick", ["x0", "x1"], [_neg("x0", "y")], overload="first")
    _function(g, "Pick", ["x0", "x1"], [_neg("x1", "y")], overload="second")
    picked = []
    for given, overload in ((x, "second"), (x[:1] * 2, "first")):
        picked.append(g.node("Pick", given, domain=FUNCTIONS))
        g.graph.node[-1].overload = overload
    return g.node("Max", picked)


def _call_domain(g: GraphBuilder, x: list[str]) -> str:
    """Call two functions with the same name in two domains."""
    other = f"{FUNCTIONS}.other"
    _function(g, "Take", ["x0", "x1"], [_neg("x0", "y")], domain=other)
    _function(g, "Take", ["x0", "x1"], [_neg("x1", "y")])
    taken = [g.node("Take", pair, domain=of) for pair, of in ((x, FUNCTIONS), (x[:1] * 2, other))]
    return g.node("Max", taken)


def _call_namesake(g: GraphBuilder, x: list[str]) -> str:
    """Call a function whose parameter has the name of a stored constant of the graph."""
    stored = g.values("float32", [0.5], ())
    name = f"Named{len(g.functions)}"
    _function(g, name, [stored], [_neg(stored, "y")])
    return g.node(name, x, domain=FUNCTIONS)


def _dropout(s: Spec) -> Step | None:
    fits = is_float(s)
    return Step((s, exact([0.5], (), "float32")), node("Dropout", outputs=2)) if fits else None


def _dropout_mode(**seed: int) -> Maker:
    """Return a Dropout that may train."""

    def make(g: GraphBuilder, x: list[str]) -> str:
        return g.node("Dropout", [x[0], "", x[1]], seed)

    def maker(s: Spec) -> Step | None:
        fits = is_float(s)
        return Step((s, Spec((), "bool")), make) if fits else None

    return maker


def _foreign(s: Spec) -> Step | None:
    def make(g: GraphBuilder, x: list[str]) -> str:
        return g.node("Gelu", x, domain="com.microsoft")

    return Step((s,), make) if is_float(s) and s.dtype == "float32" else None


NESTED: Mapping[str, Maker] = {
    "If": _if,
    "Loop": _loop,
    "Scan": _scan,
    "SequenceMap": _sequence_map,
    "SequenceAt": _sequence(0),
    "SequenceAt-1": _sequence(1),
    "SequenceInsert": _inserted,
    "SplitToSequence": _split_to_sequence,
    "Optional": _optional,
    "call": _called("Identity", 1),
    "call-Neg": _called("Neg", 1),
    "call-Max": _called("Max", 2),
    "call-twice": _pair(_call_twice),
    "call-second": _pair(_call_ports(False)),
    "call-second-alone": _pair(_call_ports(True)),
    "call-gap": _pair(_call_gap),
    "call-overload": _pair(_call_overload),
    "call-domain": _pair(_call_domain),
    "call-namesake": _pair(_call_namesake, 1),
    "Dropout": _dropout,
    "Dropout-mode": _dropout_mode(),
    "Dropout-mode-seed": _dropout_mode(seed=7),
    "foreign": _foreign,
}
