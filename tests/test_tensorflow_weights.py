"""Where the weight of a TensorFlow layer comes from, and what that says of the layer."""

from __future__ import annotations

from typing import Any

import pytest
from tensorflow_graphs import Text, const, fed, graph, node
from tensorflow_weight_sources import CONSTANTS, DYNAMIC, UNDECIDED
from tiny_graphs import W4, answer, broken, one, verdict


@pytest.mark.parametrize("before", CONSTANTS.values(), ids=CONSTANTS)
def test_constant_weights(before: tuple[Any, ...]) -> None:
    assert verdict("Conv2D", "x", "w", before=before) == "quantizable"


@pytest.mark.parametrize("before", DYNAMIC.values(), ids=DYNAMIC)
def test_dynamic_weights(before: tuple[Any, ...]) -> None:
    found = answer(one("Conv2D", "x", "w", before=before))
    assert (found.verdict, found.basis) == ("forbidden", "stated")
    assert broken(found) == {"weight_source"}


@pytest.mark.parametrize("before", UNDECIDED.values(), ids=UNDECIDED)
def test_undecided_weights(before: tuple[Any, ...]) -> None:
    found = answer(one("Conv2D", "x", "w", before=before))
    assert found.verdict == "unspecified"
    assert "weight_source" in {r.condition.rpartition("/")[2] for r in found.unknown}


def test_tensorflow_1_loops_are_read() -> None:
    frame = {"T": "float32", "frame_name": Text("loop")}
    made = graph(
        fed(),
        const("w", 3, 3, 4, 4),
        const("stop", dtype="int32"),
        node("Enter", "enter", "w", **frame),
        node("Merge", "merge", "enter", "next", T="float32", N=2),
        node("Switch", "switch", "merge", "stop", T="float32"),
        node("NextIteration", "next", "switch:1", T="float32"),
        node("Exit", "exit", "switch", T="float32"),
        node("Conv2D", "y", "x", "exit", T="float32"),
    )
    assert answer(made).verdict == "unspecified"


def test_a_weight_that_two_layers_share_is_unspecified() -> None:
    made = graph(
        fed(),
        W4,
        node("Identity", "i", "w", T="float32"),
        node("Conv2D", "y", "x", "i", T="float32"),
        node("Conv2D", "z", "x", "w", T="float32"),
    )
    assert answer(made).verdict == answer(made, "z").verdict == "unspecified"


def test_data_that_is_not_float_is_unspecified() -> None:
    for dtype in ("int64", "string", "float64", "bfloat16"):
        made = graph(fed("x", 4, dtype=dtype), node("Add", "y", "x", "x", T=dtype))
        assert answer(made).verdict == "unspecified"
