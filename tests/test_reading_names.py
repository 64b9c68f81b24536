"""What a quantizer may return, and what it may not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from quantized_models import ONE, array, constant, conv_net, decisions, node, qdq_conv, quantized

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.read import read_outcome
from pytest_amct.errors import OutputError
from pytest_amct.graphs.onnx.reader import read_onnx


@pytest.mark.parametrize(
    "result",
    [["conv"], ("conv",), {"conv"}, frozenset({"conv"}), {"conv": 1}.keys()],
    ids=lambda result: type(result).__name__,
)
def test_names_are_quantized_and_the_rest_is_unknown(result: object) -> None:
    found = decisions(conv_net(), result)
    assert found["conv"] == Decision()
    assert found["sin"] is None


def test_a_generator_of_names_is_read_once() -> None:
    found = decisions(conv_net(), (name for name in ["conv", "erf"]))
    assert quantized(found["conv"]) and quantized(found["erf"])


def test_an_empty_list_of_names_leaves_all_layers_unknown() -> None:
    assert set(decisions(conv_net(), []).values()) == {None}


def test_a_mapping_says_what_was_done() -> None:
    done = Decision(inputs=(), weights=True, weight_bits=4)
    found = decisions(conv_net(), {"conv": done, "sin": False, "erf": True})
    assert found == {"conv": done, "sin": Decision.float(), "erf": Decision()}


def test_layers_are_called_by_their_output_where_no_node_has_that_name() -> None:
    original = conv_net()
    original.graph.node[1].name = ""
    assert decisions(original, ["c"])["c"] == Decision()
    original.graph.node[0].name = "c"  # now the Conv's output is also the name of a node
    outcome = read_outcome(read_onnx(original), ["c"])
    assert outcome.decisions == {0: Decision()}


def test_a_name_that_two_layers_have_leaves_both_unmatched() -> None:
    original = conv_net()
    original.graph.node[2].name = "conv"
    outcome = read_outcome(read_onnx(original), ["conv", "sin"])
    assert outcome.unmatched == {1, 2}
    assert outcome.decisions == {0: Decision()}


def test_an_error_about_an_unknown_name_suggests_the_nearest_one() -> None:
    with pytest.raises(OutputError, match=r"'conf'.*did you mean 'conv'\?"):
        decisions(conv_net(), ["conf"])


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (None, "None"),
        (7, "7 of type int"),
        (True, "True of type bool"),
        (object, "of type type"),
        ([1, 2], "1 of type int"),
        (["conv", None], "None"),
        ({"conv": 3}, "'conv' is 3 of type int"),
        ({"conv": None}, "'conv' is None"),
        ({3: True}, "3 of type int"),
        ("conv", "'conv'"),
        ("", "''"),
    ],
)
def test_nonsense_is_refused_in_one_sentence(result: object, shown: str) -> None:
    with pytest.raises(OutputError) as error:
        decisions(conv_net(), result)
    assert shown in str(error.value)
    assert "\n" not in str(error.value)


def test_a_generator_that_fails_is_an_output_error() -> None:
    with pytest.raises(OutputError, match="ZeroDivisionError"):
        decisions(conv_net(), (str(1 // n) for n in [0]))


def test_models_come_as_proto_bytes_or_path(tmp_path: Path) -> None:
    result = qdq_conv(ONE, array("wz", 0, np.int8))
    file, other = tmp_path / "result.onnx", tmp_path / "result.bin"
    onnx.save(result, file)
    onnx.save(result, other)
    data = result.SerializeToString()
    for form in (result, data, bytearray(data), file, str(file), str(other)):
        assert quantized(decisions(conv_net(), form)["conv"])


@pytest.mark.parametrize("result", [b"", b"no model at all", Path("none.onnx"), "none.onnx"])
def test_an_invalid_model_is_an_output_error(result: object) -> None:
    with pytest.raises(OutputError):
        decisions(conv_net(), result)


def test_a_missing_input_or_output_is_an_output_error() -> None:
    result = conv_net()
    result.graph.input[0].name = result.graph.node[0].input[0] = "other"
    with pytest.raises(OutputError, match="lost the graph input 'x'"):
        decisions(conv_net(), result)
    result = conv_net()
    result.graph.output[0].name = result.graph.node[-1].output[0] = "other"
    with pytest.raises(OutputError, match="lost the graph output 'y'"):
        decisions(conv_net(), result)


def test_dangling_and_doubled_tensors_are_output_errors() -> None:
    result = conv_net()
    result.graph.node[1].input[1] = "nowhere"
    with pytest.raises(OutputError, match="'nowhere', which nothing"):
        decisions(conv_net(), result)
    result = conv_net()
    result.graph.node.append(node("Neg", ["x"], ["c"]))
    with pytest.raises(OutputError, match="'c' more than once"):
        decisions(conv_net(), result)
    result = conv_net()
    result.graph.initializer.append(constant("w", 1))
    with pytest.raises(OutputError, match="'w' more than once"):
        decisions(conv_net(), result)


class _Hostile(dict):  # type: ignore[type-arg]
    """A mapping that raises in the quantizer's code."""

    def items(self) -> object:  # type: ignore[override]
        raise RuntimeError("no items")

    def __repr__(self) -> str:
        raise RuntimeError("no words")


class _Unpaired(dict):  # type: ignore[type-arg]
    def items(self) -> object:  # type: ignore[override]
        return [("conv",)]


class _NoPath:
    def __fspath__(self) -> str:
        raise RuntimeError("no path")


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (_Hostile(conv=True), "failed with RuntimeError: no items"),
        (_NoPath(), "without a path: no path"),
        ({"conv": np.array([1, 2])}, "each must be a Decision"),
        ({"conv": _Hostile()}, "of type _Hostile: each must be a Decision"),
        ({"conv": Decision(inputs=(9,))}, "has the inputs (9,), but the layer has 2"),
        ({"conv": Decision(inputs=3)}, "'conv'.inputs: 3 has the wrong type"),  # type: ignore[arg-type]
        ({"conv": Decision(inputs=(-1,))}, "'conv'.inputs: must be a list of input ports"),
        ({"conv": Decision(weights="no")}, "'conv'.weights: 'no' has the wrong type"),  # type: ignore[arg-type]
        ({"conv": Decision(weights=np.array([1]))}, "'conv'.weights: array([1]) has the"),  # type: ignore[arg-type]
        ({"conv": Decision(evidence=np.array([1]))}, "'conv'.evidence: array([1]) has the"),  # type: ignore[arg-type]
        (_Unpaired(), "failed with ValueError: not enough values to unpack"),
        ({"conv": Decision(evidence="maybe")}, "'conv'.evidence: 'maybe' has the wrong type"),  # type: ignore[arg-type]
    ],
)
def test_an_exception_in_the_quantizer_s_own_code_is_reported(result: object, words: str) -> None:
    with pytest.raises(OutputError) as caught:
        read_outcome(read_onnx(conv_net()), result)
    assert words in str(caught.value)


def test_decisions_may_hold_lists_and_numpy_s_scalars() -> None:
    for inputs in ([np.int64(0)], np.array([0])):
        given = Decision(inputs=inputs, weights=np.True_, weight_bits=np.int32(8))  # type: ignore[arg-type]
        found = decisions(conv_net(), {"conv": given})["conv"]
        assert found == Decision(inputs=(0,), weights=True, weight_bits=8)
    empty = Decision(inputs=[], weights=False)  # type: ignore[arg-type]
    assert not quantized(decisions(conv_net(), {"conv": empty})["conv"])
