"""Hand-written TensorFlow graphs for tests: the judged layer is called ``y``."""

from __future__ import annotations

from typing import Any

from tensorflow_graphs import const, fed, graph, node

import pytest_amct
from pytest_amct import Answer, Treatment
from pytest_amct.graphs.tensorflow.reader import read_tensorflow

W2, W4, W5 = const("w", 4, 4), const("w", 3, 3, 4, 4), const("w", 3, 3, 3, 4, 4)


def answer(made: Any, name: str = "y", scheme: Any = "uniform", **treatment: Any) -> Answer:
    layer = read_tensorflow(made).layer(name)
    return pytest_amct.answer(layer, Treatment(scheme=scheme, **treatment))


def one(op: str, *inputs: str, before: tuple[Any, ...] = (), **attrs: Any) -> Any:
    """A graph of input ``x``, the nodes given and the operator as ``y``."""
    return graph(fed(), *before, node(op, "y", *inputs, **{"T": "float32", **attrs}))


def verdict(op: str, *inputs: str, before: tuple[Any, ...] = (), **attrs: Any) -> str:
    return answer(one(op, *inputs, before=before, **attrs)).verdict


def broken(found: Answer) -> set[str]:
    return {reason.condition.rpartition("/")[2] for reason in found.broken}
