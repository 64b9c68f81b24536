"""What the reader of TensorFlow graphs returns, and the files that it reads or refuses."""

from __future__ import annotations

import subprocess
import sys
from random import Random
from typing import Any

import pytest
from tensorflow_graphs import (
    Func,
    Text,
    const,
    fed,
    function,
    graph,
    ints,
    node,
    random_graph,
)
from tiny_graphs import W4, answer, one

import pytest_amct
from pytest_amct import ModelError
from pytest_amct.graphs import walk
from pytest_amct.graphs.tensorflow.reader import read_tensorflow

CONV = {"T": "float32", "strides": [1, 1, 1, 1], "padding": Text("SAME")}

# --- what the reader returns ----------------------------------------------------------------------


def test_names_attributes_and_outputs() -> None:
    network = read_tensorflow(
        graph(
            fed("x", -1, 8),
            node("TopKV2", "top", "x:0", "k", "^k", T="float32"),
            const("k", dtype="int32"),
            node("Relu", "y", "top", T="float32"),
            node("Neg", "z", "top:1", T="int32"),
        )
    )
    assert [layer.name for layer in network.layers] == ["x", "top", "k", "y", "z"]
    assert [t.name for t in network.layer("top").outputs if t] == ["top", "top:1"]
    assert [t.name for t in network.layer("top").inputs if t] == ["x", "k"]
    assert [t.name for t in network.inputs] == ["x"]
    assert [t.name for t in network.outputs] == ["y", "z"]
    assert network.inputs[0].shape == ("x.0", 8)
    assert walk.dtype(network.layer("top").outputs[1]) == "int32"
    made = one("Conv2D", "x", "w", before=(W4,), dilations=[1, 2, 2, 1], **CONV)
    layer = read_tensorflow(made).layer("y")
    assert layer.attribute("dilations") == (1, 2, 2, 1)
    assert layer.attribute("T") == "float32"
    assert layer.attribute("padding") == "SAME"
    assert layer.attribute("data_format") is None
    assert layer.framework == "tensorflow"


def test_switched_batch_normalization_hides_no_layer() -> None:
    flag = node("Placeholder", "flag", dtype="bool", shape=())
    scale = const("c", 4)
    switch = node("Switch", "s", "x", "flag", T="float32")
    branches = [
        node("FusedBatchNormV3", name, port, "c", "c", "c", "c", T="float32", is_training=trains)
        for name, port, trains in (("a", "s:1", True), ("b", "s", False))
    ]
    merge = node("Merge", "m", "b", "a", T="float32", N=2)
    conv = node("Conv2D", "y", "m", "w", **CONV)
    made = graph(fed(), flag, W4, scale, switch, *branches, merge, conv)
    assert answer(made).verdict == "quantizable"
    network = read_tensorflow(made)
    assert [t.name for t in network.inputs] == ["x", "flag"]
    data = network.layer("y").inputs[0]
    assert data is not None and walk.is_fed(data) and walk.dtype(data) == "float32"


X = fed("x", -1, 4)
SHAPES: list[tuple[Any, tuple[Any, ...], Any]] = [
    (node("Transpose", "y", "w", "p", T="float32"), (ints("p", 3, 2, 0, 1),), (5, 4, 2, 3)),
    (node("Reshape", "y", "w", "p", T="float32"), (ints("p", -1, 5),), (24, 5)),
    (node("ExpandDims", "y", "w", "p", T="float32"), (ints("p", -1),), (2, 3, 4, 5, 1)),
    (node("Squeeze", "y", "q", T="float32"), (const("q", 1, 3, 1),), (3,)),
    (node("Mean", "y", "w", "p", T="float32"), (ints("p", 1, 2),), (2, 5)),
    (node("Pack", "y", "w", "w", T="float32", N=2), (), (2, 2, 3, 4, 5)),
    (node("Unpack", "y", "w", T="float32", num=2), (), (3, 4, 5)),
    (node("Mul", "y", "w", "q", T="float32"), (const("q", 5),), (2, 3, 4, 5)),
    (node("MatMul", "y", "q", "q", T="float32"), (const("q", 4, 4),), (4, 4)),
    (node("Fill", "y", "p", "q", T="float32"), (ints("p", 6, 7), const("q")), (6, 7)),
    (
        node("StridedSlice", "y", "w", "p", "p", "p", T="float32", shrink_axis_mask=1),
        (ints("p", 1, 1),),
        (None,) * 3,
    ),
    (node("Gather", "y", "w", "p", Tparams="float32"), (ints("p", 1, 1),), (None,) * 4),
    (node("AcmeOp", "y", "w", _output_shapes=[(2, -1)]), (), (2, None)),
    (node("ConcatV2", "y", "w", "w", "p", N=2), (ints("p", -1),), (2, 3, 4, 10)),
    (node("ConcatV2", "y", "w", "w", "x", N=2), (fed("x", dtype="int32"),), (None,) * 4),
    (
        node("ConcatV2", "y", "x", "u", "p", N=2),
        (X, fed("p", dtype="int32"), node("Placeholder", "u", dtype="float32", shape=None)),
        (None, None),
    ),
    (node("Concat", "y", "p", "x", "q", N=2), (X, const("q", 3, 4), ints("p", 1)), (3, 8)),
    (node("Concat", "y", "p", "x", "q", N=2), (X, const("q", 3, 4), ints("p", 0)), ("x.0", 4)),
    (node("Pack", "y", "x", "q", N=2), (X, const("q", 3, 4)), (2, 3, 4)),
    (node("Max", "y", "x", "p", keep_dims=True), (X, ints("p", 0)), (1, 4)),
    (node("EnsureShape", "y", "x", shape=(2, -1)), (X,), (2, 4)),
    (node("BiasAdd", "y", "v", "q"), (fed("v", 2, -1), const("q", 8)), (2, 8)),
    (
        node("FusedBatchNormV3", "y", "v", "q", data_format=Text("NCHW")),
        (fed("v", -1, -1, 4, 4), const("q", 8)),
        ("v.0", 8, 4, 4),
    ),
    (
        node("Conv2D", "y", "v", "q"),
        (fed("v", 1, 8, -1, -1), const("q", 3, 3, 4, 6)),
        (1, None, "v.2", 6),
    ),
    (
        node("DepthwiseConv2dNative", "y", "v", "q"),
        (fed("v", 1, 8, 8, -1), const("q", 3, 3, 4, 6)),
        (1, None, None, None),
    ),
    (node("MaxPool", "y", "v"), (fed("v", 1, 8, 8, -1),), (1, None, None, "v.3")),
    (
        node("BatchMatMulV2", "y", "v", "q"),
        (fed("v", -1, 2, 4), const("q", 3, 4, 5)),
        (3, 2, 5),
    ),
]


@pytest.mark.parametrize(
    ("last", "before", "shape"), SHAPES, ids=[f"{i}-{n.op}" for i, (n, _, _) in enumerate(SHAPES)]
)
def test_shapes(last: Any, before: tuple[Any, ...], shape: Any) -> None:
    made = graph(const("w", 2, 3, 4, 5), *before, last)
    assert walk.shape(read_tensorflow(made).layer("y").outputs[0]) == shape


# --- graphs that are refused, or damaged ---------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (graph(fed(), fed()), ["two nodes", "'x'"]),
        (graph(node("Relu", "y", "gone")), ["'y'", "'gone'"]),
        (graph(node("Relu", "y", "^gone")), ["'y'", "'^gone'"]),
        (graph(fed(), node("Relu", "y", "x:1")), ["'y'", "'x:1'"]),
        (graph(fed(), node("Relu", "y", "x:" + "9" * 5000)), ["'y'", "'x:99"]),
        (graph(fed(), node("Relu", "y", "x:\u0661")), ["'y'"]),
        (graph(node("Relu", "a", "b"), node("Relu", "b", "a")), ["cycle", "'a'", "'b'"]),
        (graph(node("Relu", "a", "^a")), ["cycle", "'a'"]),
        (graph(fed(), functions=[function("f", [], {}, {})] * 2), ["two functions", "'f'"]),
        (
            graph(fed(), functions=[function("f", [node("Relu", "y", "n:o:0")], {}, {})]),
            ["'y'", "'n:o:0'", "function:f"],
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_graphs_that_tensorflow_cannot_load_are_refused(made: Any, words: list[str]) -> None:
    with pytest.raises(ModelError) as caught:
        read_tensorflow(made)
    assert [word for word in words if word not in str(caught.value)] == []


def test_reading_is_linear_in_depth() -> None:
    nodes = [fed(), const("n0", 4)]
    nodes += [node("Identity", f"n{i}", f"n{i - 1}", T="float32") for i in range(1, 20_000)]
    made = graph(*nodes, node("Conv2D", "y", "x", "n19999", T="float32"))
    assert answer(made).verdict == "quantizable"


def test_damaged_graphs_are_read_or_refused() -> None:
    random = Random(7)
    for seed in range(400):
        data = bytearray(random_graph(Random(seed)).SerializeToString())
        for _ in range(random.randint(1, 3)):
            data[random.randrange(len(data))] = random.randrange(256)
        try:
            network = read_tensorflow(bytes(data))
        except ModelError:
            continue
        for layer in network.layers:
            pytest_amct.answer(layer)


def test_attributes_of_the_wrong_kind_are_unknown() -> None:
    strange: list[Any] = [Text("x"), ["float32"], [1, 2], 7, True, Func("f"), (1, 2), None, 1.5]
    names = "T N shape dtype _output_shapes output_shapes squeeze_dims axis keep_dims dilations"
    operators = "Squeeze Mean Pack Unpack Split IdentityN ShapeN Conv2D StridedSlice Placeholder"
    for op in operators.split():
        for name in names.split():
            for value in strange:
                made = graph(fed(), W4, node(op, "y", "x", "w", **{name: value}))
                walk.shape(read_tensorflow(made).layer("y").output(0))
                answer(made)


def test_reading_costs_little_and_imports_no_tensorflow() -> None:
    code = (
        "import sys; before = set(sys.modules);"
        "from pytest_amct.graphs.tensorflow.reader import read_tensorflow;"
        "from pytest_amct.graphs.tensorflow.schema import schema; schema();"
        "print(*[m for m in sys.modules if m.split('.')[0] in ('tensorflow', 'onnx', 'numpy')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


def test_outputs_that_nothing_reads_are_few() -> None:
    split = node("Split", "s", "axis", "x", T="float32", num_split=5000)
    unknown = node("IdentityN", "i", "x")
    last = node("Relu", "r", "s:4000", T="float32")
    first = (fed("x", 4), ints("axis", 0))
    network = read_tensorflow(graph(*first, split, unknown, last))
    assert len(network.layer("s").outputs) == 4001
    assert len(network.layer("i").outputs) == 1
    alone = read_tensorflow(graph(*first, split))
    assert len(alone.layer("s").outputs) < 100
