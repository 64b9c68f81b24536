"""The network of fixtures/forms, in float and as AMCT saves it: run this to write both files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from pytest_amct.decisions.amct.ascend import pack_factors

FORMS = Path(__file__).parent.parent / "fixtures" / "forms"

_SCALE = 1 / 64


def node(type_: str, inputs: list[str], output: str, name: str, **attributes: Any) -> NodeProto:
    return helper.make_node(type_, inputs, [output], name, **attributes)


def _weights() -> dict[str, Any]:
    rng = np.random.default_rng(7)
    shapes = {
        "wa": (4, 4, 3, 3),
        "wb": (4, 4, 1, 1),
        "wc": (4, 4, 1, 1),
        "wd": (4, 4, 1, 1),
        "wm": (64, 8),
        "bm": (8,),
        "wg": (6, 8),
        "bg": (6,),
    }
    return {n: rng.normal(0.1, 0.5, shape).astype(np.float32) for n, shape in shapes.items()}


def _model(nodes: list[NodeProto], constants: dict[str, Any]) -> ModelProto:
    graph = helper.make_graph(
        nodes,
        "forms",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 8, 8])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in OUTPUTS.items()],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


OUTPUTS = {"y": [1, 6], "d": [1, 4, 8, 8]}


def float_model() -> ModelProto:
    """A small network with every trap of the deploy form."""
    nodes = [
        node("Conv", ["x", "wa"], "a", "conv_a", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("Relu", ["a"], "r", "relu"),
        node("Conv", ["r", "wb"], "b", "conv_b", kernel_shape=[1, 1]),
        node("Conv", ["r", "wc"], "c", "conv_c", kernel_shape=[1, 1]),
        node("Conv", ["r", "wd"], "d", "conv_d", kernel_shape=[1, 1]),
        node("Add", ["b", "c"], "s", "add"),
        node(
            "AveragePool",
            ["s"],
            "p",
            "pool",
            kernel_shape=[2, 2],
            strides=[2, 2],
            pads=[0, 0, 1, 1],
            count_include_pad=1,
        ),
        node("MaxPool", ["p"], "q", "max", kernel_shape=[1, 1]),
        node("Reshape", ["q", "flat"], "f", "reshape"),
        node("MatMul", ["f", "wm"], "m", "matmul"),
        node("Add", ["m", "bm"], "n", "bias"),
        node("Gemm", ["n", "wg", "bg"], "y", "gemm", transB=1),
    ]
    return _model(nodes, {**_weights(), "flat": np.asarray([1, 64], np.int64)})


def _integers(values: Any, several: bool = False) -> tuple[Any, Any]:
    axes = tuple(range(1, values.ndim)) if several else None
    scales = np.abs(values).max(axis=axes) / 127
    steps = scales.reshape(-1, *[1] * (values.ndim - 1)) if several else scales
    return np.rint(values / steps).astype(np.int8), np.atleast_1d(scales).astype(np.float32)


def deploy_model() -> ModelProto:
    """The same network as AMCT saves it, quantized except for conv_d, add and max."""
    held = {**_weights(), "flat": np.asarray([1, 64], np.int64)}
    held["pads"] = np.asarray([0, 0, 0, 0, 0, 0, 1, 1], np.int64)
    factors = {"pool": np.ones(1, np.float32)}
    for name, layer in (("wa", "conv_a"), ("wb", "conv_b"), ("wc", "conv_c"), ("wm", "matmul")):
        held[name], factors[layer] = _integers(held[name], several=layer == "conv_a")
    held["wg"], factors["gemm"] = _integers(np.ascontiguousarray(held["wg"].T))
    for layer, scales in factors.items():
        held[f"{layer}.dequant.param"] = pack_factors(scales * np.float32(_SCALE))

    def quant(tensor: str, layer: str) -> NodeProto:
        given = {"scale": 1 / _SCALE, "offset": 0.0, "dst_type": "INT8"}
        return node("AscendQuant", [tensor], f"{layer}.quant.output0", f"{layer}.quant", **given)

    def dequant(tensor: str, layer: str, output: str = "") -> NodeProto:
        inputs = [tensor, f"{layer}.dequant.param"]
        output = output or f"{layer}.dequant.output0"
        return node("AscendDequant", inputs, output, f"{layer}.dequant", dtype=0)

    nodes = [
        quant("x", "conv_a"),
        node(
            "Conv",
            ["conv_a.quant.output0", "wa"],
            "a",
            "conv_a",
            kernel_shape=[3, 3],
            pads=[1, 1, 1, 1],
        ),
        dequant("a", "conv_a"),
        node("Relu", ["conv_a.dequant.output0"], "r", "relu"),
        # one AscendQuant for two layers of one scale, and an AscendDequant for a third
        quant("r", "conv_b"),
        node("Conv", ["conv_b.quant.output0", "wb"], "b", "conv_b", kernel_shape=[1, 1]),
        dequant("b", "conv_b"),
        node("Conv", ["conv_b.quant.output0", "wc"], "c", "conv_c", kernel_shape=[1, 1]),
        dequant("c", "conv_c"),
        node(
            "AscendAntiQuant",
            ["conv_b.quant.output0"],
            "conv_d.anti_quant.output0",
            "conv_d.anti_quant",
            scale=_SCALE,
            offset=0.0,
            dst_type="INT8",
        ),
        node("Conv", ["conv_d.anti_quant.output0", "wd"], "d", "conv_d", kernel_shape=[1, 1]),
        node("Add", ["conv_b.dequant.output0", "conv_c.dequant.output0"], "s", "add"),
        # the pool's padding became a separate operator, which passes integers through
        quant("s", "pool"),
        node("Pad", ["pool.quant.output0", "pads"], "pool_pad.output0", "pool_pad"),
        node(
            "AveragePool",
            ["pool_pad.output0"],
            "p",
            "pool",
            kernel_shape=[2, 2],
            strides=[2, 2],
            count_include_pad=1,
        ),
        dequant("p", "pool"),
        node("MaxPool", ["pool.dequant.output0"], "q", "max", kernel_shape=[1, 1]),
        quant("q", "matmul"),
        node("Reshape", ["matmul.quant.output0", "flat"], "f", "reshape"),
        node("MatMul", ["f", "wm"], "m", "matmul"),
        node("Add", ["m", "bm"], "n", "bias"),
        dequant("n", "matmul"),
        quant("matmul.dequant.output0", "gemm"),
        node("Gemm", ["gemm.quant.output0", "wg", "bg"], "gemm_output0", "gemm", transB=0),
        dequant("gemm_output0", "gemm", "y"),
    ]
    return _model(nodes, held)


if __name__ == "__main__":
    (FORMS / "float.onnx").write_bytes(float_model().SerializeToString(deterministic=True))
    (FORMS / "deploy.onnx").write_bytes(deploy_model().SerializeToString(deterministic=True))
