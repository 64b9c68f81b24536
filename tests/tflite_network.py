"""A TensorFlow graph, and what TensorFlow's converter makes of it with various options.

    python tests/tflite_network.py

makes ``float.pb``, ``int8.tflite`` and ``dynamic.tflite`` of `fixtures/forms` again. It needs
TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pytest_amct.cases.tensorflow.builder import Dtype, GraphBuilder

FORMS = Path(__file__).parent.parent / "fixtures" / "forms"

FILES = ("int8", "dynamic")
"""The conversions that are stored in `FORMS`."""

_FLOAT = Dtype("float32")
_T = {"T": _FLOAT}
_PLAIN = {"strides": [1] * 4, "padding": "SAME", "data_format": "NHWC", "dilations": [1] * 4} | _T
_POOL = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "VALID"} | _T
_MATMUL = {"transpose_a": False, "transpose_b": False} | _T
_BATCH = {"adj_x": False, "adj_y": False} | _T


def float_graph(rounded: int | None = None) -> bytes:
    """Return a graph with a layer of each row, and some that have none.

    If `rounded` is a number of bits, the weight of ``conv`` passes a fake quantization of as many
    bits, as quantization-aware training leaves it.
    """
    made = GraphBuilder()
    image = made.node("Placeholder", [], {"dtype": _FLOAT, "shape": (1, 8, 8, 8)}, "image")
    weight = made.constant((3, 3, 8, 16), "float32", "")
    if rounded is not None:
        ends = [made.values("float32", (end,), ()) for end in (-1.0, 1.0)]
        bits = {"num_bits": rounded, "narrow_range": True}
        weight = made.node("FakeQuantWithMinMaxVars", [weight, *ends], bits, "rounded")
    last = made.node("Conv2D", [image, weight], _PLAIN, "conv")
    bias = made.values("float32", [0.1 * n for n in range(16)])
    last = made.node("BiasAdd", [last, bias], {"data_format": "NHWC"} | _T, "bias")
    last = made.node("Relu", [last], _T, "relu")
    last = made.node(
        "AddV2", [_pool(made, "AvgPool", last), _pool(made, "MaxPool", last)], _T, "add"
    )
    last = made.node("Elu", [last], _T, "elu")
    sizes = made.values("int32", (1, 8, 8, 16))
    filter_ = made.constant((2, 2, 16, 16), "float32", "")
    spread = _PLAIN | {"strides": [1, 2, 2, 1], "padding": "VALID"}
    last = made.node("Conv2DBackpropInput", [sizes, filter_, last], spread, "wider")
    depth = made.constant((8, 8, 16, 1), "float32", "")
    last = made.node("DepthwiseConv2dNative", [last, depth], _PLAIN, "depthwise")
    made.node("Sin", [last], _T, "end")
    _solid(made)
    _products(made)
    return made.serialize()


def _pool(made: GraphBuilder, type_: str, given: str) -> str:
    return made.node(type_, [given], _POOL | {"data_format": "NHWC"}, type_.lower())


def _solid(made: GraphBuilder) -> None:
    solid = made.node("Placeholder", [], {"dtype": _FLOAT, "shape": (1, 4, 4, 4, 8)}, "solid")
    weight = made.constant((2, 2, 2, 8, 4), "float32", "")
    about = {"strides": [1] * 5, "padding": "VALID", "data_format": "NDHWC", "dilations": [1] * 5}
    made.node("Sin", [made.node("Conv3D", [solid, weight], about | _T, "conv3")], _T, "end3")


def _products(made: GraphBuilder) -> None:
    table = made.node("Placeholder", [], {"dtype": _FLOAT, "shape": (32, 32)}, "table")
    tables = made.node("Placeholder", [], {"dtype": _FLOAT, "shape": (2, 4, 32)}, "tables")
    sine = made.node("Sin", [table], _T, "sine")
    weights = [made.constant((32, 32), "float32", "") for _ in range(4)]
    for name, type_, about, inputs in (
        ("matmul", "MatMul", _MATMUL, [table, weights[0]]),
        ("first", "MatMul", _MATMUL, [weights[1], table]),
        ("both", "BatchMatMulV2", _BATCH, [tables, sine]),
        ("batch", "BatchMatMulV2", _BATCH, [tables, weights[2]]),
        ("batch_first", "BatchMatMulV2", _BATCH, [weights[3], table]),
    ):
        made.node("Sin", [made.node(type_, inputs, about, name)], _T, f"end_{name}")


def convert(mode: str, data: bytes, **options: Any) -> bytes:
    """Return what TensorFlow's converter makes of a graph.

    `mode` is ``float``, ``float16``, ``dynamic``, ``int8`` or ``int16x8``; `options` are attributes
    of the converter.
    """
    import tensorflow as tf

    lite, drawn = tf.lite, np.random.default_rng(0)
    graph = tf.compat.v1.GraphDef.FromString(data)
    fed = [f"{node.name}:0" for node in graph.node if node.op == "Placeholder"]
    ends = [f"{node.name}:0" for node in graph.node if node.name.startswith("end")]
    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    pruned = wrapped.prune(fed, ends)

    def feeds() -> Iterator[list[Any]]:
        for _ in range(4):
            yield [drawn.normal(size=t.shape).astype(np.float32) for t in pruned.inputs]

    converter = lite.TFLiteConverter.from_concrete_functions([pruned], pruned)
    if mode != "float":
        converter.optimizations = [lite.Optimize.DEFAULT]
    if mode == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if mode in ("int8", "int16x8"):
        wide = lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        kernels = wide if mode == "int16x8" else lite.OpsSet.TFLITE_BUILTINS_INT8
        converter.target_spec.supported_ops = [kernels, lite.OpsSet.TFLITE_BUILTINS]
        converter.representative_dataset = feeds
    for name, value in options.items():
        setattr(converter, name, value)
    made: bytes = converter.convert()
    return made


if __name__ == "__main__":
    (FORMS / "float.pb").write_bytes(float_graph())
    for mode in FILES:
        (FORMS / f"{mode}.tflite").write_bytes(convert(mode, float_graph()))
