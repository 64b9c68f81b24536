"""Disconnected extra branches that the model of a case may contain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from onnx import helper

from pytest_amct.cases.onnx.builder import NUMBERS, GraphBuilder
from pytest_amct.cases.onnx.sources import build_source
from pytest_amct.cases.onnx.special import call
from pytest_amct.cases.plan import Branch


def add_branch(branch: Branch, graph: GraphBuilder) -> None:
    """Add a branch to the model."""
    _BRANCHES[branch](graph)


def _to(g: GraphBuilder, data: str, dtype: str) -> str:
    return g.node("Cast", [data], {"to": NUMBERS[dtype]})


def _typed_input(dtype: str) -> Callable[[GraphBuilder], None]:
    def add(g: GraphBuilder) -> None:
        g.output(g.node("Identity", [_to(g, g.input(dtype, (4, 32)), "float32")]), "float32")

    return add


def _float16_weight(source: str) -> Callable[[GraphBuilder], None]:
    def add(g: GraphBuilder) -> None:
        data = _to(g, g.input("float32", (4, 32)), "float16")
        weight = build_source(source, g, (32, 32), "float16")
        g.output(_to(g, g.node("MatMul", [data, weight]), "float32"), "float32")

    return add


def _conv_weight(g: GraphBuilder) -> None:
    data = _to(g, g.input("float32", (1, 32, 4, 4)), "float16")
    kernel = {"kernel_shape": [1, 1], "dilations": [1, 1], "group": 1}
    conv = g.node("Conv", [data, g.initializer((32, 32, 1, 1), "float16")], kernel)
    g.output(_to(g, conv, "float32"), "float32")


def _gemm_weight(g: GraphBuilder) -> None:
    data = _to(g, g.input("float32", (4, 32)), "float16")
    bias = _to(g, g.initializer((32,), "float32"), "float16")
    gemm = g.node("Gemm", [data, g.initializer((32, 32), "float16"), bias], {"transB": 1})
    g.output(_to(g, gemm, "float32"), "float32")


def _forbidden_weight(g: GraphBuilder) -> None:
    data = _to(g, g.input("float32", (32, 4)), "float16")
    bias = g.node("Constant", [], {"value": g.constant((32,), "float16")})
    made = g.node("Gemm", [data, g.initializer((32, 32), "float16"), bias], {"transA": 1})
    g.output(_to(g, made, "float32"), "float32")


def _grouped_weight(g: GraphBuilder) -> None:
    data = _to(g, g.input("float32", (1, 8, 4, 4)), "float16")
    kernel = {"kernel_shape": [3, 3], "dilations": [1, 1], "group": 8}
    made = g.node("Conv", [data, g.initializer((8, 1, 3, 3), "float16")], kernel)
    g.output(_to(g, made, "float32"), "float32")


def _deconvolution_weight(g: GraphBuilder) -> None:
    data = _to(g, g.input("float32", (1, 32, 4, 4)), "float16")
    kernel = {"kernel_shape": [1, 1], "dilations": [1, 1], "group": 1}
    made = g.node("ConvTranspose", [data, g.initializer((32, 32, 1, 1), "float16")], kernel)
    g.output(_to(g, made, "float32"), "float32")


def _sized(g: GraphBuilder) -> None:
    """Add an input of which only the shape is read."""
    sizes = _to(g, g.node("Shape", [g.input("float16", (4, 32))]), "float32")
    g.output(g.node("Cos", [g.node("Sin", [sizes])]), "float32")


def _captured(g: GraphBuilder) -> None:
    """Add an input that only a branch of an If reads."""
    data, given = g.input("float32", (4, 32)), g.input("float16", (4, 32))
    then, otherwise = g.nested(), g.nested()
    then.output(_to(then, given, "float32"), "float32")
    otherwise.output(otherwise.node("Sin", [data]), "float32")
    branches = {"then_branch": then.graph, "else_branch": otherwise.graph}
    g.output(g.node("Cos", [g.node("If", [g.input("bool", ())], branches)]), "float32")


def _unread(g: GraphBuilder) -> None:
    g.input("float16", (4, 32))


def _bias(g: GraphBuilder) -> None:
    data = g.node("Sin", [g.input("float32", (1, 32, 4, 4))])
    weight = g.initializer((32, 32, 1, 1), "float32")
    bias = _to(g, g.initializer((32,), "float16"), "float32")
    kernel = {"kernel_shape": [1, 1], "dilations": [1, 1], "group": 1}
    g.output(g.node("Conv", [data, weight, bias], kernel), "float32")


def _scalar(g: GraphBuilder) -> None:
    data = _to(g, g.input("float32", (4, 32)), "float16")
    scaled = g.node("Mul", [data, g.initializer((), "float16")])
    g.output(_to(g, scaled, "float32"), "float32")


def _between(g: GraphBuilder) -> None:
    data = _to(g, g.input("float32", (4, 32)), "float16")
    g.output(_to(g, g.node("Sin", [data]), "float32"), "float32")


def _output(g: GraphBuilder) -> None:
    data = g.node("Sin", [g.input("float32", (4, 32))])
    g.output(_to(g, data, "float16"), "float16")


def _stored(g: GraphBuilder) -> None:
    weight = _to(g, g.initializer((32, 32), "float16"), "float32")
    g.output(g.node("MatMul", [g.input("float32", (4, 32)), weight]), "float32")


def _called(g: GraphBuilder) -> None:
    """Add a product in a function that takes its weight."""
    data = g.node("Sin", [g.input("float32", (4, 32))])
    product = helper.make_node("MatMul", ["x0", "x1"], ["y"], name="f0")
    made = call(g, [data, g.initializer((32, 32), "float32")], [product])
    g.output(g.node("Cos", [made]), "float32")


def _clutter(g: GraphBuilder) -> None:
    data = g.input("float32", (4, 32))
    g.output(g.node("Cos", [g.node("Sin", [data])]), "float32")


def _tail(g: GraphBuilder) -> None:
    data = g.node("Sin", [g.input("float32", (4, 32))])
    data = g.node("MatMul", [data, g.initializer((32, 32), "float32")])
    g.output(g.node("Cos", [g.node("Relu", [data])]), "float32")


_BRANCHES: Mapping[Branch, Callable[[GraphBuilder], None]] = {
    Branch("input", "float16"): _typed_input("float16"),
    Branch("input", "bfloat16"): _typed_input("bfloat16"),
    Branch("input", "float64"): _typed_input("float64"),
    Branch("input", "int64"): _typed_input("int64"),
    Branch("weight", "float16"): _float16_weight("initializer"),
    Branch("conv-weight", "float16"): _conv_weight,
    Branch("weight-constant", "float16"): _float16_weight("constant"),
    Branch("weight-transposed", "float16"): _float16_weight("transpose"),
    Branch("gemm-weight", "float16"): _gemm_weight,
    Branch("deconvolution-weight", "float16"): _deconvolution_weight,
    Branch("forbidden-weight", "float16"): _forbidden_weight,
    Branch("grouped-weight", "float16"): _grouped_weight,
    Branch("sized-input", "float16"): _sized,
    Branch("captured-input", "float16"): _captured,
    Branch("unread-input", "float16"): _unread,
    Branch("bias", "float16"): _bias,
    Branch("scalar", "float16"): _scalar,
    Branch("between", "float16"): _between,
    Branch("output", "float16"): _output,
    Branch("stored", "float16"): _stored,
    Branch("called-weight"): _called,
    Branch("clutter"): _clutter,
    Branch("tail"): _tail,
}

HOLDS: Sequence[Branch] = tuple(_BRANCHES)
"""All branches that there are."""
