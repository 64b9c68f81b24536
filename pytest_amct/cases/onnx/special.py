"""Weights from operators that are special: random ones, Dropout in training, calls of functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from onnx import FunctionProto, NodeProto, TensorProto, helper

from pytest_amct.cases.onnx.builder import NUMBERS, GraphBuilder
from pytest_amct.cases.onnx.places import BLOCKS
from pytest_amct.cases.onnx.ways import cast, number
from pytest_amct.cases.values import count

Shape = tuple[int, ...]


# --- random operators -----------------------------------------------------------------------------


def _scaled(g: GraphBuilder, shape: Shape, dtype: str, factor: str) -> str:
    return g.node("Mul", [g.initializer(shape, dtype), factor])


def _like(g: GraphBuilder, shape: Shape, dtype: str, type_: str, **seed: float) -> str:
    return g.node(type_, [g.initializer(shape, dtype)], seed)


def _of_symbolic(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    """Return a constant scaled by seeded random values, of which the caller picks the number."""
    drawn = g.node("RandomUniformLike", [g.input(dtype, ["n", 4])], {"seed": 7.0})
    return _scaled(g, shape, dtype, g.node("ReduceMax", [drawn], {"keepdims": 0}))


def _eye(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    ones = g.node("EyeLike", [g.input(dtype, ["n", 4])])
    return _scaled(g, shape, dtype, g.node("ReduceMax", [ones], {"keepdims": 0}))


def _bernoulli(g: GraphBuilder, shape: Shape, dtype: str, chances: str, **seed: float) -> str:
    return g.node("Sub", [g.initializer(shape, dtype), g.node("Bernoulli", [chances], seed)])


def _multinomial(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    chances = g.initializer((1, 4), dtype)
    drawn = g.node("Multinomial", [chances], {"sample_size": 1})
    flat = g.node("Reshape", [cast(g, drawn, dtype), g.values("int64", [1])])
    return g.node("Sub", [g.initializer(shape, dtype), flat])


def _second(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    drawn = g.node("RandomUniform", [], {"shape": list(shape), "dtype": NUMBERS[dtype]})
    return _scaled(g, shape, dtype, drawn)


# --- Dropout --------------------------------------------------------------------------------------


def _dropout(
    g: GraphBuilder, shape: Shape, dtype: str, ratio: str, training: str, **seed: int
) -> str:
    return g.node("Dropout", [g.initializer(shape, dtype), ratio, training], seed)


def _ratio(g: GraphBuilder, dtype: str) -> str:
    """Return a ratio that the caller determines."""
    return g.node("Mul", [g.input(dtype, ()), number(g, dtype, 0.5)])


def _flag(g: GraphBuilder, value: bool) -> str:
    return g.values("bool", [value], ())


# --- functions ------------------------------------------------------------------------------------


def call(g: GraphBuilder, inputs: Sequence[str], nodes: Sequence[NodeProto]) -> str:
    """Call a new local function of these nodes, which read x0, x1 ... and make ``y``."""
    name = _function(g, [f"x{i}" for i in range(len(inputs))], nodes)
    return g.node(name, inputs, domain=BLOCKS)


def _function(
    g: GraphBuilder, parameters: Sequence[str], nodes: Sequence[NodeProto], name: str = ""
) -> str:
    """Add a local function that returns ``y``, and return its name."""
    name = name or f"Part{len(g.functions)}"
    g.functions[BLOCKS, name] = FunctionProto(
        domain=BLOCKS, name=name, input=parameters, output=["y"], node=nodes
    )
    return name


def _negated(g: GraphBuilder, shape: Shape, dtype: str, data: str) -> str:
    return call(g, [data], _two("Neg", "Identity"))


def _two(first: str, second: str, domain: str = "") -> list[NodeProto]:
    """Return two operators of one input, of which the second may be a function."""
    return [
        helper.make_node(first, ["x0"], ["v0"], name="f0"),
        helper.make_node(second, ["v0"], ["y"], name="f1", domain=domain),
    ]


def _nested_call(g: GraphBuilder, shape: Shape, dtype: str, data: str) -> str:
    """Return the result of a function that calls another one."""
    _negated(g, shape, dtype, data)
    del g.graph.node[-1]
    _, inner = [*g.functions][-1]
    return call(g, [data], _two("Abs", inner, BLOCKS))


def _call_without_inputs(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    stored = g.constant(shape, dtype)
    return call(g, [], [helper.make_node("Constant", [], ["y"], name="f0", value=stored)])


def _second_parameter(g: GraphBuilder, shape: Shape, dtype: str, data: str) -> str:
    """Return the product of a constant and a tensor that a function gets as its second input."""
    product = helper.make_node("Mul", ["x0", "x1"], ["y"], name="f0")
    return call(g, [g.initializer(shape, dtype), data], [product])


def named_parameter(g: GraphBuilder, name: str) -> str:
    """Add a function whose parameter has that name, and return the name of the function."""
    node = helper.make_node("Neg", [name], ["y"], name="f0")
    return _function(g, [name], [node])


def named_constant(g: GraphBuilder, name: str, value: TensorProto) -> str:
    """Add a function in which a constant has that name, and return the name of the function."""
    nodes = [
        helper.make_node("Constant", [], [name], name="f0", value=value),
        helper.make_node("Mul", ["x0", name], ["y"], name="f1"),
    ]
    return _function(g, ["x0"], nodes)


def namesake(g: GraphBuilder, type_: str, arity: int) -> str:
    """Add a function that has the name of a type of another domain, and return that name."""
    node = helper.make_node("Neg", ["x0"], ["y"], name="f0")
    return _function(g, [f"x{i}" for i in range(arity)], [node], type_)


# --- an operator of old opsets --------------------------------------------------------------------


def _upsample(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    """Return a constant with factors that are 1, but computed from an input of the model."""
    none = g.node("Mul", [g.input("float32", ()), number(g, "float32", 0.0)])
    scales = g.node("Add", [g.values("float32", [1.0] * len(shape)), none])
    return g.node("Upsample", [g.initializer(shape, dtype), scales])


# --- other layers ---------------------------------------------------------------------------------


def _product(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    """Return a weight that a layer with a weight of its own computes."""
    square = g.initializer((32, 32), dtype)
    made = g.node("MatMul", [g.input(dtype, (count(shape) // 32, 32)), square])
    return g.node("Reshape", [made, g.values("int64", shape)])


def _foreign(g: GraphBuilder, shape: Shape, dtype: str) -> str:
    return g.node("Gelu", [g.input(dtype, shape)], domain="com.microsoft")


def _cast_like(g: GraphBuilder, shape: Shape, dtype: str, *, fed: bool) -> str:
    """Return a constant or an input of the type of the other."""
    stored, given = g.initializer((1,) if fed else shape, dtype), g.input(dtype, shape)
    return g.node("CastLike", [given, stored] if fed else [stored, given])


SPECIAL: Mapping[str, Any] = {
    "random-uniform-like": lambda g, s, d: _like(g, s, d, "RandomUniformLike"),
    "random-second": _second,
    "random-symbolic": _of_symbolic,
    "eye-symbolic": _eye,
    "bernoulli": lambda g, s, d: _bernoulli(g, s, d, number(g, d, 0.5)),
    "input-bernoulli": lambda g, s, d: _bernoulli(g, s, d, g.input(d, s), seed=7.0),
    "multinomial": _multinomial,
    "dropout-inference": lambda g, s, d: _dropout(g, s, d, number(g, d, 0.5), _flag(g, False)),
    "dropout-ratio": lambda g, s, d: _dropout(g, s, d, _ratio(g, d), _flag(g, False)),
    "dropout-no-mode": lambda g, s, d: g.node("Dropout", [g.initializer(s, d), _ratio(g, d)]),
    "dropout-training": lambda g, s, d: _dropout(g, s, d, number(g, d, 0.5), _flag(g, True)),
    "dropout-fed": lambda g, s, d: _dropout(g, s, d, number(g, d, 0.5), g.input("bool", ())),
    "dropout-fed-seeded": lambda g, s, d: _dropout(g, s, d, "", g.input("bool", ()), seed=7),
    "call": lambda g, s, d: _negated(g, s, d, g.initializer(s, d)),
    "call-without-inputs": _call_without_inputs,
    "call-of-call": lambda g, s, d: _nested_call(g, s, d, g.initializer(s, d)),
    "input-call": lambda g, s, d: _negated(g, s, d, g.input(d, s)),
    "input-call-of-call": lambda g, s, d: _nested_call(g, s, d, g.input(d, s)),
    "input-call-second": lambda g, s, d: _second_parameter(g, s, d, g.input(d, s)),
    "input-upsample": _upsample,
    "input-product": _product,
    "input-foreign": _foreign,
    "cast-like": lambda g, s, d: _cast_like(g, s, d, fed=False),
    "input-cast-like": lambda g, s, d: _cast_like(g, s, d, fed=True),
}
"""Builders of sources by name."""
