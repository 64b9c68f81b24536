"""Files that are not models, and models on which a careless reader hangs or raises."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper
from tiny_models import FLOAT, graph, model, node, numbers

import pytest_amct

CONV = node("Conv", ["x", "w"], ["y"], name="conv")
WEIGHT = (4, 4, 3, 3)
SMALL: dict[str, Any] = {"x": (4, 4), "w": (4, 4)}


def _function(name: str, *nodes: NodeProto) -> Any:
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
    return helper.make_function("local", name, ["a"], ["r"], list(nodes), imports)


# --- files that are not models --------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"", b"# not a model\n", b"\x00" * 64, model(CONV, w=WEIGHT).SerializeToString()[:-20]],
    ids=["empty", "text", "zeros", "truncated"],
)
def test_a_file_that_is_not_a_model_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(pytest_amct.ModelError) as caught:
        pytest_amct.read_onnx(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(pytest_amct.ModelError, match="the upload"):
        pytest_amct.read_onnx(content, "the upload")


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.onnx", tmp_path):
        with pytest.raises(pytest_amct.ModelError, match=path.name):
            pytest_amct.read_onnx(path)


def test_an_empty_proto_is_not_a_model() -> None:
    with pytest.raises(pytest_amct.ModelError, match="holds no graph"):
        pytest_amct.read_onnx(ModelProto())


# --- hostile models -------------------------------------------------------------------------------


def _nested(depth: int) -> ModelProto:
    """Built from the outside in, because protobuf cannot copy a message this deep."""
    made = model(w=WEIGHT, inputs={"c": (TensorProto.BOOL, ())}, outputs=["r0"])
    innermost = made.graph
    for i in range(depth):
        choice = innermost.node.add(op_type="If", input=["c"], output=[f"r{i}"])
        branch = choice.attribute.add(name="then_branch", type=AttributeProto.GRAPH)
        innermost = branch.g
        innermost.output.add(name=f"r{i + 1}")
    innermost.node.add().CopyFrom(CONV)
    return made


def _doubling_functions(depth: int, nested: bool) -> ModelProto:
    functions = [_function("F0", node("Add", ["a", "a"], ["r"]))]
    for i in range(1, depth):
        first = node(f"F{i - 1}", ["a"], ["b"], domain="local")
        second = node(f"F{i - 1}", ["b"], ["r"], domain="local")
        if nested:
            inside = graph(node(f"F{i - 1}", ["b"], ["z"], domain="local"), result="z")
            second = node("If", ["a"], ["r"], then_branch=inside, else_branch=inside)
        functions.append(_function(f"F{i}", first, second))
    call = node(f"F{depth - 1}", ["w"], ["v"], domain="local")
    nodes = [call, node("Shape", ["v"], ["s"]), node("Gemm", ["x", "v"], ["y"])]
    return model(*nodes, **SMALL, functions=functions)


def _recursive() -> ModelProto:
    even = _function("Even", node("Odd", ["a"], ["r"], domain="local"))
    odd = _function("Odd", node("Even", ["a"], ["r"], domain="local"))
    nodes = [node("Even", ["w"], ["v"], domain="local"), node("Gemm", ["x", "v"], ["y"])]
    return model(*nodes, **SMALL, functions=[even, odd])


HOSTILE: dict[str, Callable[[], ModelProto]] = {
    "cycle": lambda: model(
        node("Sin", ["v"], ["u"]), node("Cos", ["u"], ["v"]), node("Gemm", ["x", "v"], ["y"])
    ),
    "layer of itself": lambda: model(node("Gemm", ["x", "y"], ["y"])),
    "recursive functions": _recursive,
    "exponential functions": lambda: _doubling_functions(60, nested=False),
    "exponential functions in branches": lambda: _doubling_functions(60, nested=True),
    "huge dimensions": lambda: model(
        node("ConstantOfShape", ["s"], ["v"]),
        node("Gemm", ["x", "v"], ["y"]),
        x=(2**62, 2**62),
        constants=[numbers("s", [2**62, 2**62])],
    ),
    "huge weight": lambda: model(
        node("Gemm", ["x", "w"], ["y"]),
        constants=[TensorProto(name="w", dims=[2**62, 2**62], data_type=FLOAT)],
    ),
    "deep branches": lambda: _nested(60),
    "outputs made twice": lambda: model(
        node("Gemm", ["x", "w"], ["y"]), node("Gemm", ["y", "w"], ["y"]), **SMALL
    ),
    "dangling inputs": lambda: model(node("Gemm", ["x", "nowhere"], ["y"])),
    "no inputs at all": lambda: model(
        *(node(t, [], ["y"]) for t in ("Gemm", "Conv", "MatMul", "Add", "MaxPool"))
    ),
    "no outputs": lambda: model(node("Gemm", ["x", "w"], []), node("Constant", [], []), **SMALL),
    "output without a producer": lambda: model(outputs=["z"]),
    "odd attributes": lambda: model(
        node("Conv", ["x", "w"], ["y"], dilations="no", kernel_shape=1.5),
        node("AveragePool", ["x"], ["z"], kernel_shape="no"),
        node("Shape", ["x"], ["s"], start="no", end=9**9),
        w=WEIGHT,
    ),
}  # fmt: skip


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_hostile_models_are_read_or_refused(make: Callable[[], ModelProto]) -> None:
    """A careless reader hangs or raises on each of them."""
    try:
        network = pytest_amct.read_onnx(make())
    except pytest_amct.ModelError as refused:
        assert "\n" not in str(refused)
        return
    for layer in network.layers:
        assert pytest_amct.answer(layer).verdict in ("quantizable", "forbidden", "unspecified")


def test_branches_deeper_than_any_file_are_refused() -> None:
    with pytest.raises(pytest_amct.ModelError, match="nested more than"):
        pytest_amct.read_onnx(_nested(90))


# --- cost -----------------------------------------------------------------------------------------


def _chain(length: int) -> ModelProto:
    nodes = [node("Sin", [f"t{i}"], [f"t{i + 1}"]) for i in range(length - 1)]
    nodes[0].input[0] = "x"
    for i in range(9, length - 1, 10):
        nodes[i] = node("MatMul", [f"t{i}", f"t{i - 1}"], [f"t{i + 1}"])
    return model(*nodes, node("MatMul", ["x", f"t{length - 1}"], ["y"]), x=(4, 4))


def _residual(length: int) -> ModelProto:
    """Each third layer multiplies with the sum of all earlier layers."""
    nodes = []
    for i in range(length // 3):
        nodes.append(node("MatMul", [f"t{i}", "w"], [f"a{i}"]))
        nodes.append(node("Add", [f"a{i}", f"t{i}"], [f"b{i}"]))
        nodes.append(node("MatMul", [f"b{i}", f"t{i}"], [f"t{i + 1}"]))
    nodes[0].input[0] = nodes[1].input[1] = nodes[2].input[1] = "x"
    return model(*nodes, **SMALL, outputs=[f"t{length // 3}"])


def _handed_on(length: int) -> ModelProto:
    """A weight that passes through many layers and is read at every step."""
    nodes = []
    for i in range(length // 2):
        nodes.append(node("Identity" if i % 2 else "Transpose", [f"w{i}"], [f"w{i + 1}"]))
        nodes.append(node("MatMul", ["x", f"w{i + 1}"], [f"y{i}"]))
    return model(*nodes, x=(4, 4), w0=(4, 4), outputs=[])


def _cost(proto: ModelProto) -> float:
    begun = time.process_time()
    network = pytest_amct.read_onnx(proto)
    for layer in network.layers:
        pytest_amct.answer(layer)
    return time.process_time() - begun


@pytest.mark.slow
@pytest.mark.parametrize("make", [_chain, _residual, _handed_on])
def test_cost_grows_with_the_size_and_no_faster(make: Callable[[int], ModelProto]) -> None:
    small, large = make(5_000), make(50_000)
    assert len(large.graph.node) > 49_000
    # With ten times the layers, a quadratic walk would take a hundred times as long.
    assert _cost(large) < 30 * min(_cost(small), _cost(small))
