"""Layers, values and attributes in the functions of TensorFlow graphs."""

from __future__ import annotations

from typing import Any

import pytest
from tensorflow_graphs import Func, Param, const, fed, function, graph, node
from tensorflow_weight_sources import VARIABLE
from tiny_graphs import W2, W4, answer, broken, one

import pytest_amct
from pytest_amct.graphs import walk
from pytest_amct.graphs.tensorflow.reader import read_tensorflow


def called(op: str, weight: Any, **attrs: Any) -> Any:
    """A Conv2D in a function ``f`` that an operator of this type calls."""
    inside = node("Conv2D", "conv", "data", "filter", T="float32")
    passes = node("Identity", "out", "conv:output:0", T="float32")
    takes = {"data": "float32", "filter": "float32"}
    body = function("f", [inside, passes], takes, {"result": "out:output:0"})
    given = ["x", "w"] if op not in ("If", "StatelessIf") else ["c", "x", "w"]
    types = {"Tin": ["float32"] * 2, "Tout": ["float32"]}
    caller = node(op, "y", *given, **types, **attrs)
    last = node("Relu", "z", "y", T="float32")
    return graph(fed(), const("c"), weight, caller, last, functions=[body])


CALLERS: list[tuple[str, dict[str, Any]]] = [
    ("PartitionedCall", {"f": Func("f")}),
    ("StatefulPartitionedCall", {"f": Func("f")}),
    ("f", {}),
    ("If", {"then_branch": Func("f"), "else_branch": Func("f")}),
    ("StatelessIf", {"then_branch": Func("f"), "else_branch": Func("f")}),
    ("While", {"cond": Func("g"), "body": Func("f")}),
    ("StatelessWhile", {"cond": Func("g"), "body": Func("f")}),
]


@pytest.mark.parametrize(("op", "attrs"), CALLERS, ids=[op for op, _ in CALLERS])
def test_layers_in_functions(op: str, attrs: dict[str, Any]) -> None:
    network = read_tensorflow(called(op, W4, **attrs))
    assert network.layer("conv").where == "function:f"
    assert pytest_amct.answer(network.layer("conv")).verdict == "unspecified"
    dynamic = called(op, fed("w", 3, 3, 4, 4), **attrs)
    assert broken(answer(dynamic, "conv")) == {"weight_source"}


READS = node("ReadVariableOp", "r", "a", dtype="float32")


@pytest.mark.parametrize("handle", [VARIABLE, node("Placeholder", "v", dtype="resource")])
@pytest.mark.parametrize(("op", "attrs"), CALLERS, ids=[op for op, _ in CALLERS])
def test_a_variable_that_is_passed_to_a_function_is_undecided(
    op: str, attrs: dict[str, Any], handle: Any
) -> None:
    inside = node("Conv2D", "conv", "b", "r:value:0", T="float32")
    takes = {"a": "resource", "b": "float32"}
    body = function("f", [READS, inside], takes, {"y": "conv:output:0", "w": "r:value:0"})
    given = ["c", "v", "x"] if op in ("If", "StatelessIf") else ["v", "x"]
    types = {"Tin": ["resource", "float32"], "Tout": ["float32"] * 2}
    if op.endswith("While"):
        types = {"T": ["resource", "float32"]}
    caller = node(op, "k", *given, **types, **attrs)
    behind = node("Conv2D", "y", "x", "k:1", T="float32")
    made = graph(fed(), const("c"), handle, caller, behind, functions=[body])
    for name in ("conv", "y"):
        found = answer(made, name)
        assert (found.verdict, broken(found)) == ("unspecified", set())


def test_a_variable_in_a_function_without_calls_is_undecided() -> None:
    inside = node("Conv2D", "conv", "b", "r:value:0", T="float32")
    takes = {"a": "resource", "b": "float32"}
    body = function("f", [READS, inside], takes, {"y": "conv:output:0"})
    made = graph(fed(), node("Relu", "y", "x", T="float32"), functions=[body])
    assert answer(made, "conv").verdict == "unspecified"


def test_a_resource_handle_that_is_fed_is_not_data() -> None:
    nodes = (fed(), node("Placeholder", "v", dtype="resource"))
    read = node("ReadVariableOp", "r", "v", dtype="float32")
    last = node("Add", "y", "x", "r", T="float32")
    network = read_tensorflow(graph(*nodes, read, last))
    assert [t.name for t in network.inputs] == ["x"]
    assert [walk.is_fed(t) for t in network.layer("y").inputs] == [True, False]


def test_values_go_through_calls() -> None:
    body = function(
        "f",
        [node("IdentityN", "n", "a", "b", T=["float32", "float32"])],
        {"a": "float32", "b": "float32"},
        {"first": "n:output:0", "second": "n:output:1"},
    )
    call = node("PartitionedCall", "c", "x", "w", f=Func("f"), Tout=["float32", "float32"])
    for port, expected in (("c", "forbidden"), ("c:1", "quantizable")):
        made = graph(fed(), W4, call, node("Conv2D", "y", "x", port, T="float32"), functions=[body])
        assert answer(made).verdict == expected
        network = read_tensorflow(made)
        second = network.layer("c").outputs[1]
        assert walk.shape(second) == (3, 3, 4, 4)
        assert walk.dtype(second) == "float32"


def test_attributes_of_functions_are_what_calls_pass() -> None:
    inside = node("MatMul", "inner", "a", "b", transpose_a=Param("flip"), T=Param("T"))
    takes = {"a": "float32", "b": "float32"}
    body = function("f", [inside], takes, {"r": "inner:product:0"})
    for name in ("flip", "T"):
        body.signature.attr.add(name=name)
    calls = [node("f", n, "x", "w", flip=flip, T="float32") for n, flip in (("a", True), ("b", 0))]
    first, second = calls
    second.attr["flip"].b = False
    network = read_tensorflow(graph(fed(), W2, first, functions=[body]))
    assert network.layer("inner").attribute("transpose_a") is True
    assert broken(pytest_amct.answer(network.layer("inner"))) == {"transpose_a"}
    network = read_tensorflow(graph(fed(), W2, first, second, functions=[body]))
    assert pytest_amct.answer(network.layer("inner")).verdict == "unspecified"


def test_functions_that_call_themselves_are_read() -> None:
    body = function(
        "f", [node("PartitionedCall", "c", "a", f=Func("f"))], {"a": "float32"}, {"r": "c:output:0"}
    )
    made = graph(fed(), node("f", "c", "x"), node("Conv2D", "y", "x", "c"), functions=[body])
    assert answer(made).verdict in ("unspecified", "forbidden")


def test_a_function_with_the_name_of_an_operator_is_unspecified() -> None:
    body = function(
        "Conv2D", [node("Relu", "r", "a")], {"a": "float32", "b": "float32"}, {"r": "r:x:0"}
    )
    made = one("Conv2D", "x", "w", before=(W4,))
    made.library.function.append(body)
    assert answer(made).verdict == "unspecified"
