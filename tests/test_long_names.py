"""Names in a file may have any length: no message and no line of a report repeats them whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tiny_models import model, node

import pytest_amct
from pytest_amct.api import decisions_of
from pytest_amct.decisions.messages import read_layers_message
from pytest_amct.errors import AmctError
from pytest_amct.graphs.caffe.reader import read_caffe
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.graphs.tensorflow.schema import schema
from pytest_amct.graphs.text import network_text

LONG = "n" * 1_000_000
MOST = 5000


def tensorflow_dangling() -> object:
    graph = schema().GraphDef()
    graph.node.add(name="first", op="Placeholder")
    graph.node.add(name=LONG, op="Relu", input=["x" + LONG])
    return read_tensorflow(graph.SerializeToString())


def caffe_dangling() -> object:
    name = LONG[:900_000]
    return read_caffe(f"layer {{ name: '{name}' type: 'ReLU' bottom: 'x' top: 'y' }}".encode())


def program() -> object:
    return read_layers_message({LONG: 5}, "the program's answer")


def python_result() -> object:
    return decisions_of({LONG: True}, model(node("Relu", ["x"], ["y"], name="r")))


@pytest.mark.parametrize("wrong", [tensorflow_dangling, caffe_dangling, program, python_result])
def test_an_error_names_the_start_of_a_long_name(wrong: Callable[[], object]) -> None:
    with pytest.raises(AmctError) as caught:
        wrong()
    assert "nnnnnnnn" in str(caught.value)
    assert len(str(caught.value)) < MOST


def test_an_answer_and_its_drawing_are_short() -> None:
    made = model(
        node("Cast", [LONG], ["w" + LONG], to=1, name=LONG),
        node("Conv", ["x", "w" + LONG], ["y"], name="c" + LONG),
        node(LONG, ["y"], ["z"], domain=LONG),
        **{LONG: (4, 4, 3, 3)},
        outputs=("z",),
    )
    network = read_onnx(made.SerializeToString())
    for layer in network.layers:
        told = pytest_amct.answer(layer)
        assert all(len(f"{r.condition}{r.observed}{r.required}") < MOST for r in told.reasons)
        assert len(str(layer)) < MOST
    assert len(network_text(network)) < 10 * MOST
