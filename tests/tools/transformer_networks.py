"""Networks of our own in ONNX: a block of a transformer, and a net that computes its shapes."""

from __future__ import annotations

import math

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

_HEADS, _EACH = 4, 8
_WIDTH = _HEADS * _EACH


class _Graph:
    """Nodes in the making. Every method returns the name of what it makes."""

    def __init__(self) -> None:
        self.nodes: list[object] = []
        self.stored: list[TensorProto] = []
        self.rng = np.random.default_rng(0)

    def add(self, type_: str, *inputs: str, **attributes: object) -> str:
        name = f"{type_}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(type_, [*inputs], [f"{name}_0"], name, **attributes))
        return f"{name}_0"

    def weight(self, *dims: int) -> str:
        values = self.rng.normal(0, 1 / math.sqrt(dims[0]), dims).astype(np.float32)
        return self.constant(values)

    def constant(self, values: object, dtype: object = np.float32) -> str:
        name = f"stored_{len(self.stored)}"
        self.stored.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def model(self, shape: list[int | str], last: str, made: list[int | str]) -> ModelProto:
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes,
            "net",
            [value("x", TensorProto.FLOAT, shape)],
            [value(last, TensorProto.FLOAT, made)],
            self.stored,
        )
        opsets = [helper.make_opsetid("", 17)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def transformer() -> ModelProto:
    """Return attention of four heads and two layers with Gelu, each with a residual."""
    net = _Graph()

    def normal(x: str) -> str:
        return net.add("LayerNormalization", x, net.weight(_WIDTH), net.weight(_WIDTH))

    def dense(x: str, given: int, made: int) -> str:
        return net.add("Add", net.add("MatMul", x, net.weight(given, made)), net.weight(made))

    def head(x: str, order: list[int]) -> str:
        shape = net.constant([0, 0, _HEADS, _EACH], np.int64)
        return net.add("Transpose", net.add("Reshape", x, shape), perm=order)

    x = normal("x")
    query = head(dense(x, _WIDTH, _WIDTH), [0, 2, 1, 3])
    key = head(dense(x, _WIDTH, _WIDTH), [0, 2, 3, 1])
    value = head(dense(x, _WIDTH, _WIDTH), [0, 2, 1, 3])
    scores = net.add("Mul", net.add("MatMul", query, key), net.constant(1 / math.sqrt(_EACH)))
    found = net.add("MatMul", net.add("Softmax", scores, axis=-1), value)
    joined = net.add("Transpose", found, perm=[0, 2, 1, 3])
    joined = net.add("Reshape", joined, net.constant([0, 0, _WIDTH], np.int64))
    x = net.add("Add", "x", dense(joined, _WIDTH, _WIDTH))
    within = dense(normal(x), _WIDTH, 2 * _WIDTH)
    erf = net.add("Erf", net.add("Div", within, net.constant(math.sqrt(2))))
    gelu = net.add("Mul", within, net.add("Add", erf, net.constant(1)))
    gelu = net.add("Mul", gelu, net.constant(0.5))
    last = net.add("Add", x, dense(gelu, 2 * _WIDTH, _WIDTH))
    return net.model(["N", 16, _WIDTH], last, ["N", 16, _WIDTH])


def shapes() -> ModelProto:
    """Return a convolution and two products around shapes that are computed at run time."""
    net = _Graph()
    x = net.add("Conv", "x", net.weight(8, 3, 3, 3), net.weight(8), kernel_shape=[3, 3])
    x = net.add("Relu", x)

    def size(axis: int) -> str:
        return net.add("Gather", net.add("Shape", x), net.constant(axis, np.int64))

    def entry(value: str) -> str:
        return net.add("Unsqueeze", value, net.constant([0], np.int64))

    # Flatten, as exporters write it.
    area = net.add("Mul", net.add("Mul", size(1), size(2)), size(3))
    flat = net.add("Concat", entry(size(0)), entry(area), axis=0)
    # The same size by a sum of integers.
    rest = net.add("Sub", area, net.constant(1, np.int64))
    whole = net.add("Add", rest, net.constant(1, np.int64))
    again = net.add("Concat", entry(size(0)), entry(whole), axis=0)
    first = net.add("Gemm", net.add("Reshape", x, flat), net.weight(288, 16), net.weight(16))
    # A weight of as many columns as the batch has images.
    columns = net.add("Concat", net.constant([288], np.int64), entry(size(0)), axis=0)
    wide = net.add("Expand", net.weight(288, 1), columns)
    second = net.add("MatMul", net.add("Reshape", x, again), wide)
    mean = net.add("ReduceMean", second, axes=[1], keepdims=1)
    return net.model(["N", 3, 8, 8], net.add("Add", first, mean), ["N", 16])
