"""Hand-made quantized models, for tests that read decisions from them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from pytest_amct.decisions.decision import Decision, Outcome
from pytest_amct.decisions.read import read_outcome
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.quantizers.protocol import InputSpec, Request

node = helper.make_node


IMAGE = ("x", [1, 3, 8, 8])


def constant(name: str, *shape: int, dtype: Any = np.float32, seed: int = 0) -> TensorProto:
    rng = np.random.default_rng(hash_of(name) + seed)
    return numpy_helper.from_array(np.asarray(rng.normal(0.1, 1, shape), dtype), name)


def hash_of(name: str) -> int:
    return sum(ord(letter) * 31**i for i, letter in enumerate(name)) % 2**32


def model(
    nodes: list[NodeProto],
    constants: list[TensorProto],
    inputs: list[tuple[str, list[int]]] | None = None,
    outputs: list[str] | None = None,
    dtype: int = TensorProto.FLOAT,
) -> ModelProto:
    inputs = inputs if inputs is not None else [IMAGE]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, dtype, shape) for name, shape in inputs],
        [helper.make_tensor_value_info(name, dtype, None) for name in outputs or ["y"]],
        constants,
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def decisions(original: ModelProto, result: object) -> dict[str, Decision | str | None]:
    """Decisions by layer name: ``"unmatched"``, and ``None`` for unknown."""
    network = read_onnx(original)
    outcome = read_outcome(network, result)
    assert outcome.status == "decided"
    return {
        layer.name or layer.outputs[0].name: (  # type: ignore[union-attr]
            "unmatched" if i in outcome.unmatched else outcome.decision(i)
        )
        for i, layer in enumerate(network.layers)
    }


def quantized(decision: Decision | str | None) -> bool:
    assert isinstance(decision, Decision), decision
    return decision.quantized


def conv_net() -> ModelProto:
    """Sin, Conv and Erf: a Conv between layers that no quantizer touches."""
    return model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node("Conv", ["s", "w"], ["c"], name="conv", kernel_shape=[3, 3]),
            node("Erf", ["c"], ["y"], name="erf"),
        ],
        [constant("w", 4, 3, 3, 3)],
    )


def pair(tensor: str, scale: str = "scale") -> list[NodeProto]:
    """A Q/DQ pair on a tensor; its output is called ``<tensor>_dq``."""
    return [
        node("QuantizeLinear", [tensor, scale, "zero"], [f"{tensor}_q"]),
        node("DequantizeLinear", [f"{tensor}_q", scale, "zero"], [f"{tensor}_dq"]),
    ]


def scalars(dtype: Any = np.int8, zero: int = 0) -> list[TensorProto]:
    return [
        numpy_helper.from_array(np.asarray(0.02, np.float32), "scale"),
        numpy_helper.from_array(np.asarray(zero, dtype), "zero"),
    ]


def integers(name: str, *shape: int, dtype: Any = np.int8) -> TensorProto:
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    rng = np.random.default_rng(hash_of(name))
    return numpy_helper.from_array(rng.integers(low, high, shape).astype(dtype), name)


def array(name: str, values: Any, dtype: Any) -> TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def qdq_conv(
    scale: TensorProto,
    zero: TensorProto | None,
    dtype: Any = np.int8,
    data: bool = True,
    hops: tuple[str, ...] = (),
    domain: str = "",
) -> ModelProto:
    """`conv_net` with its Conv's weight in QDQ form."""
    weight = ["wq", scale.name] + ([zero.name] if zero is not None else [])
    nodes = [
        node("Sin", ["x"], ["s"], name="sin"),
        *(pair("s") if data else []),
        node("DequantizeLinear", weight, ["w0"], axis=0, domain=domain),
    ]
    last = "w0"
    for i, type_ in enumerate(hops):
        nodes.append(node(type_, [last], [f"w{i + 1}"]))
        last = f"w{i + 1}"
    nodes += [
        node("Conv", ["s_dq" if data else "s", last], ["c"], name="conv", kernel_shape=[3, 3]),
        node("Erf", ["c"], ["y"], name="erf"),
    ]
    kept = [scale, *([zero] if zero is not None else [])]
    return model(nodes, [integers("wq", 4, 3, 3, 3, dtype=dtype), *scalars(), *kept])


ONE = array("ws", 0.01, np.float32)


SEVERAL = array("ws", [0.01, 0.02, 0.03, 0.04], np.float32)


def shared_weight(dedicated: bool) -> tuple[ModelProto, ModelProto]:
    constants = [constant("w", 4, 3, 3, 3)]
    ends = [node("Add", ["a", "b"], ["y"], name="add")]
    convs = [node("Conv", ["x", "w"], [out], name=f"conv_{out}") for out in "ab"]
    original = model(convs + ends, constants)
    result = copy.deepcopy(original)
    dequantize = [node("DequantizeLinear", ["wq", "scale", "zero"], [f"w{i}"]) for i in "ab"]
    for conv, weight in zip(result.graph.node, ("wa", "wb" if dedicated else "wa"), strict=False):
        conv.input[1] = weight
    for extra in dequantize if dedicated else dequantize[:1]:
        result.graph.node.insert(0, extra)
    result.graph.initializer.pop()
    result.graph.initializer.extend([integers("wq", 4, 3, 3, 3), *scalars()])
    return original, result


def product(left: str, right: str, first: str, last: str) -> ModelProto:
    """MatMul of two tensors that the network computes, between two layers of given types."""
    nodes = [
        node(first, ["p"], ["a"], name="first"),
        node(first, ["q"], ["b"], name="second"),
        *(pair("a") if left == "a_dq" else []),
        *(pair("b") if right == "b_dq" else []),
        node("MatMul", [left, right], ["m"], name="matmul"),
        node(last, ["m"], ["y"], name="last"),
    ]
    return model(nodes, scalars(), [("p", [4, 8]), ("q", [8, 5])])


def quantized_matmul(data: str, weight: str, out: str) -> list[NodeProto]:
    """A MatMul whose weight, ``<weight>q``, is quantized."""
    source = [f"{weight}q", "scale", "zero"]
    return [
        node("DequantizeLinear", source, [weight]),
        node("MatMul", [data, weight], [out], name=f"matmul_{out}"),
    ]


def between(
    before: str, target: list[NodeProto], after: str, pairs: bool, port: str = "a"
) -> ModelProto:
    """A layer from ``a`` to ``b`` between two layers, with or without Q/DQ.

    A Conv as neighbour is quantized if `pairs` is set.
    """
    nodes: list[NodeProto] = []
    kept = scalars()
    for i, (type_, source, out) in enumerate([(before, "x", "a"), ("", "", ""), (after, "b", "y")]):
        if not type_:
            target = copy.deepcopy(target)
            if pairs:
                for layer in target:
                    layer.input[:] = ["a_dq" if name == "a" else name for name in layer.input]
            nodes += (pair("a") if pairs else []) + target + (pair("b") if pairs else [])
            continue
        source = "b_dq" if pairs and source == "b" else source
        if type_ != "Conv":
            nodes.append(node(type_, [source], [out], name=f"n{i}"))
            continue
        if pairs and source == "x":
            nodes += pair("x")
            source = "x_dq"
        weight = constant(f"w{i}", 3, 3, 1, 1)
        kept += [integers(f"w{i}q", 3, 3, 1, 1)] if pairs else [weight]
        if pairs:
            nodes.append(node("DequantizeLinear", [f"w{i}q", "scale", "zero"], [f"w{i}"]))
        nodes.append(node("Conv", [source, f"w{i}"], [out], name=f"n{i}"))
    return model(nodes, kept)


POOL = [node("AveragePool", ["a"], ["b"], name="target", kernel_shape=[2, 2])]


EXP = [node("Exp", ["a"], ["b"], name="target")]


def qlinear_net(weight_scale: TensorProto = ONE, weight_zero: int = 0) -> ModelProto:
    """Sin, QLinearConv, MaxPool on int8, Erf."""
    zeros = array("wz", np.full(weight_scale.dims, weight_zero), np.int8)
    conv = ["s_q", "scale", "zero", "wq", "ws", "wz", "scale", "zero"]
    return model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node("QuantizeLinear", ["s", "scale", "zero"], ["s_q"]),
            node("QLinearConv", conv, ["c_q"], name="conv_quant", kernel_shape=[3, 3]),
            node("MaxPool", ["c_q"], ["p_q"], name="pool", kernel_shape=[2, 2]),
            node("DequantizeLinear", ["p_q", "scale", "zero"], ["p"]),
            node("Erf", ["p"], ["y"], name="erf"),
        ],
        [integers("wq", 4, 3, 3, 3), weight_scale, zeros, *scalars()],
    )


def pooled_net() -> ModelProto:
    return model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node("Conv", ["s", "w"], ["c"], name="conv", kernel_shape=[3, 3]),
            node("MaxPool", ["c"], ["p"], name="pool", kernel_shape=[2, 2]),
            node("Erf", ["p"], ["y"], name="erf"),
        ],
        [constant("w", 4, 3, 3, 3)],
    )


def renamed(proto: ModelProto) -> ModelProto:
    """The same model with new names for all nodes, inner tensors and weights."""
    proto = copy.deepcopy(proto)
    kept = {info.name for info in [*proto.graph.input, *proto.graph.output]}
    names: dict[str, str] = {}

    def new(name: str) -> str:
        if not name or name in kept:
            return name
        return names.setdefault(name, f"t{len(names)}")

    for stored in proto.graph.initializer:
        stored.name = new(stored.name)
    for i, layer in enumerate(proto.graph.node):
        layer.name = f"n{i}"
        layer.input[:] = [new(name) for name in layer.input]
        layer.output[:] = [new(name) for name in layer.output]
    del proto.graph.value_info[:]
    return proto


def two_convs(quantize: tuple[str, ...] = ()) -> ModelProto:
    """Two parallel Convs of the same shapes; the named ones get quantized weights."""
    nodes, kept = [], [*scalars()]
    for name in ("first", "second"):
        plain = constant(name, 4, 3, 3, 3)
        if name in quantize:
            values = numpy_helper.to_array(plain)
            whole = np.clip(np.round(values / 0.04), -127, 127).astype(np.int8)
            step = [f"{name}_int", f"{name}_scale", "zero"]
            nodes.append(node("DequantizeLinear", step, [name]))
            kept += [
                array(f"{name}_int", whole, np.int8),
                array(f"{name}_scale", 0.04, np.float32),
            ]
        else:
            kept.append(plain)
        nodes.append(node("Conv", ["x", name], [f"{name}_out"], name=f"conv_{name}"))
    nodes.append(node("Sub", ["first_out", "second_out"], ["y"], name="sub"))
    return model(nodes, kept)


onnxruntime = pytest.importorskip("onnxruntime")


def real_net() -> ModelProto:
    """Every row's type once, with float neighbours at both ends."""
    return model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node("Conv", ["s", "w1", "b1"], ["c"], name="conv", kernel_shape=[3, 3]),
            node("Relu", ["c"], ["r"], name="relu"),
            node("MaxPool", ["r"], ["p"], name="maxpool", kernel_shape=[2, 2]),
            node("AveragePool", ["p"], ["a"], name="avgpool", kernel_shape=[2, 2]),
            node("Add", ["a", "k"], ["d"], name="add"),
            node("GlobalAveragePool", ["d"], ["g"], name="global"),
            node("Flatten", ["g"], ["f"], name="flatten"),
            node("Gemm", ["f", "w2", "b2"], ["h"], name="gemm", transB=1),
            node("MatMul", ["h", "w3"], ["m"], name="matmul"),
            node("Erf", ["m"], ["y"], name="erf"),
        ],
        [
            constant("w1", 4, 3, 3, 3),
            constant("b1", 4),
            constant("k", 1, 4, 1, 1),
            constant("w2", 8, 4),
            constant("b2", 8),
            constant("w3", 8, 5),
        ],
    )


def ask(quantizer: Any, proto: ModelProto, folder: Path) -> tuple[Path, Outcome]:
    specs = tuple(
        InputSpec(i.name, "float32", tuple(d.dim_value for d in i.type.tensor_type.shape.dim))
        for i in proto.graph.input
    )
    request = Request("onnx", proto.SerializeToString(), folder, specs)
    path = quantizer.quantize(proto, request)
    return path, read_outcome(read_onnx(proto), path)


def by_name(proto: ModelProto, outcome: Outcome) -> dict[str, Decision | None]:
    return {layer.name: outcome.decision(i) for i, layer in enumerate(read_onnx(proto).layers)}
