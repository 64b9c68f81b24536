"""Operators of several outputs: what holds for all of them is worked out once, for the first.

Whether the first one is left out must not matter to the others.
"""

from __future__ import annotations

from typing import Any

import pytest
from onnx import FunctionProto, NodeProto, helper
from tiny_models import answer_of, model, node, numbers

WHOLE = (8, 4, 3, 3)


def split(whole: str, first: str) -> NodeProto:
    return node("Split", [whole, "sizes"], [first, "w1", "w2"], axis=0)


def said(*nodes: NodeProto, **given: Any) -> list[tuple[str, list[str]]]:
    """The verdicts on two layers, and the conditions that they break."""
    made = model(*nodes, constants=[numbers("sizes", [2, 3, 3])], outputs=("y", "z"), **given)
    answers = [answer_of(made, made=name) for name in ("y", "z")]
    return [(a.verdict, [r.condition for r in a.broken]) for a in answers]


def convolutions(first: str, whole: str) -> list[tuple[str, list[str]]]:
    layers = [node("Conv", ["x", "w1"], ["y"]), node("Conv", ["x", "w2"], ["z"])]
    return said(split(whole, first), *layers, inputs={"fed": (1, WHOLE)}, stored=WHOLE)


def in_a_function(first: str, whole: str) -> list[tuple[str, list[str]]]:
    """The split in a function that is called for each of the layers."""
    parts = [split("whole", first), node("Add", ["w1", "w2"], ["w"])]
    imports = [helper.make_opsetid("", 21)]
    made: FunctionProto = helper.make_function(
        "f", "Parts", ["whole", "sizes"], ["w"], parts, imports
    )
    layers = []
    for name, result in (("first", "y"), ("second", "z")):
        layers += [
            node("Parts", [whole, "sizes"], [name], domain="f"),
            node("Conv", ["x", name], [result]),
        ]
    return said(*layers, inputs={"fed": (1, WHOLE)}, stored=WHOLE, functions=[made])


def recurrent(first: str, whole: str) -> list[tuple[str, list[str]]]:
    """Two outputs that are computed of the same three inputs."""
    lstm = node("LSTM", [whole, "w", "r"], [first, "h", "c"], hidden_size=4)
    layers = [node("MatMul", ["x", "h"], ["y"]), node("MatMul", ["x", "c"], ["z"])]
    held = {"stored": (2, 4, 4), "w": (1, 16, 4), "r": (1, 16, 4)}
    return said(lstm, *layers, x=(1, 4, 4), inputs={"fed": (1, (2, 4, 4))}, **held)


@pytest.mark.parametrize("form", [convolutions, in_a_function, recurrent])
def test_a_first_output_that_is_left_out_changes_nothing(form: Any) -> None:
    of_constants, of_data = form("w0", "stored"), form("w0", "fed")
    assert form("", "stored") == of_constants
    assert form("", "fed") == of_data
    assert [verdict for verdict, _ in of_data] == ["forbidden"] * 2
    assert of_constants != of_data
