"""The words of weight trees in ONNX models: one for each operator that can be on the way.

Values stay finite: operators that grow values are followed by a Tanh, and those that accept only
some values follow a Sigmoid. An index, an axis or a shape has exact values, see `Spec`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import prod
from typing import Any

import onnx
from onnx import TensorProto, defs, helper

from pytest_amct.cases.onnx.builder import NUMBERS, GraphBuilder, value_info
from pytest_amct.cases.plan import USUAL_OPSET
from pytest_amct.cases.trees import FLOATS, STORED, Maker, Spec, Step, is_float


def exact(
    values: Sequence[float], shape: tuple[int, ...] | None = None, dtype: str = "int64"
) -> Spec:
    """Return the spec of a tensor with these values."""
    return Spec((len(values),) if shape is None else shape, dtype, tuple(values))


def moves(spec: Spec) -> bool:
    """Return whether a tensor has any values, of a type that operators move."""
    return spec.values is None and spec.dtype in (*FLOATS, "int64", "bool")


def _stored(g: GraphBuilder, spec: Spec) -> TensorProto:
    """Return a constant that is not yet part of the graph."""
    if spec.values is None and spec.dtype != "bool":
        return g.constant(spec.shape, spec.dtype)
    values = spec.values or (1,)
    if len(values) == 1:
        values = values * prod(spec.shape)
    name = g.name(2, "w")
    return helper.make_tensor(name, NUMBERS[spec.dtype], spec.shape, values)


def _w(spec: Spec) -> Step:
    def make(g: GraphBuilder, inputs: list[str]) -> str:
        tensor = _stored(g, spec)
        g.graph.initializer.append(tensor)
        return tensor.name

    return Step((), make)


def _c(spec: Spec) -> Step:
    return Step((), lambda g, _: g.node("Constant", [], {"value": _stored(g, spec)}))


def _x(spec: Spec) -> Step | None:
    return Step((), lambda g, _: g.input(spec.dtype, spec.shape)) if spec.values is None else None


def _o(spec: Spec) -> Step | None:
    def make(g: GraphBuilder, inputs: list[str]) -> str:
        tensor = _stored(g, spec)
        g.graph.initializer.append(tensor)
        g.graph.input.append(value_info(tensor.name, spec.dtype, spec.shape))
        return tensor.name

    return Step((), make) if is_float(spec) else None


def _random(type_: str, **seed: float) -> Maker:
    def maker(spec: Spec) -> Step | None:
        given = {"shape": [*spec.shape], "dtype": NUMBERS[spec.dtype], **seed}
        fits = is_float(spec) and bool(spec.shape)
        return Step((), lambda g, _: g.node(type_, [], given)) if fits else None

    return maker


LEAVES: Mapping[str, Maker] = {
    STORED: _w,
    "x": _x,
    "c": _c,
    "RandomNormal": _random("RandomNormal"),
    "RandomNormal-seed": _random("RandomNormal", seed=7.0),
    "RandomUniform": _random("RandomUniform"),
    "RandomUniform-seed": _random("RandomUniform", seed=0.0),
    "o": _o,
}
"""Stored, fed, in a Constant node, random, and a constant that is also an input."""

# --- operators that keep the shape ----------------------------------------------------------------

_NARROW = "Acos Asin Atanh Bernoulli Cosh Exp Log Pow Reciprocal Sinh Sqrt Tan"
_BEFORE: Mapping[tuple[str, int], tuple[str, ...]] = {
    **{(type_, 0): ("Sigmoid",) for type_ in _NARROW.split()},
    **dict.fromkeys([("Acosh", 0), ("Div", 1), ("Mod", 1), ("Pow", 1)], ("Sigmoid", "Exp")),
}
"""Operators on the way to an operand that must be between 0 and 1, or greater than 1."""

_AFTER = {"Mul", "Sum", "Add", "Sub", "Einsum", "MatMul", "Gemm", "PRelu", "Conv", "ConvTranspose"}
_AFTER |= {"Gelu", "LeakyRelu", "RMSNormalization", "LayerNormalization", "SwiGLU", "Swish"}
"""Operators that may grow values: a Tanh follows half of their words."""

_ATTRIBUTES: Mapping[str, Mapping[str, Any]] = {
    "LRN": {"size": 1},
    "Mod": {"fmod": 1},
}
_APART = frozenset(
    "Bernoulli CastLike Dropout DFT Einsum GroupNormalization Identity InstanceNormalization LRN"
    " OptionalGetElement RandomNormalLike RandomUniformLike Resize Squeeze TensorScatter Trilu"
    " LayerNormalization RMSNormalization Clip LpNormalization".split()
)
"""Operators that keep the shape of a plain operand, but have more to them."""
_PROBE = (4, 3, 2)


@lru_cache(1)
def _keeping() -> Mapping[str, tuple[int, ...]]:
    """Return the operators that give what they take, as onnx infers, and how many they take."""
    latest = {s.name: s for s in defs.get_all_schemas() if not s.domain and not s.deprecated}
    found: dict[str, tuple[int, ...]] = {}
    for name, schema in sorted(latest.items()):
        counts = range(max(1, schema.min_input), min(3, schema.max_input) + 1)
        fits = tuple(n for n in counts if name not in _APART and _keeps(name, n))
        if fits:
            found[name] = fits[-1:]
    return found


def _keeps(name: str, count: int) -> bool:
    version = _version(name)
    names = [f"x{i}" for i in range(count)]
    infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT16, _PROBE) for n in names]
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT16, _PROBE)
    node = helper.make_node(name, names, ["y"], **_ATTRIBUTES.get(name, {}))
    graph = helper.make_graph([node], "g", infos, [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)])
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception:  # the checker raises several types of error
        return False
    return True


def _version(name: str) -> int:
    """Return the usual opset, or the newest one for an operator that is newer."""
    known = defs.has(name, max_inclusive_version=USUAL_OPSET, domain="")
    return USUAL_OPSET if known else int(defs.get_schema(name).since_version)


def _through(g: GraphBuilder, types: Sequence[str], data: str) -> str:
    for type_ in types:
        data = g.node(type_, [data])
    return data


def _same(type_: str, shapes: Callable[[Spec], list[Spec]], bounded: bool = False) -> Maker:
    def make(g: GraphBuilder, inputs: list[str]) -> str:
        given = [_through(g, _BEFORE.get((type_, i), ()), x) for i, x in enumerate(inputs)]
        made = g.node(type_, given, _ATTRIBUTES.get(type_))
        return g.node("Tanh", [made]) if bounded else made

    def maker(spec: Spec) -> Step | None:
        fits = is_float(spec) and bool(spec.shape or type_ not in _ALONG)
        return Step(tuple(shapes(spec)), make) if fits else None

    return maker


_ALONG = frozenset(("Hardmax", "LogSoftmax", "Softmax", "SwiGLU"))
"""Operators along an axis, which a scalar does not have."""


def keeping() -> Mapping[str, Maker]:
    """Return the words of operators that keep the shape of their operands.

    ``Mul-s`` has a scalar second operand, and ``Mul-r`` a scalar first one.
    """
    found: dict[str, Maker] = {}
    for type_, (count,) in _keeping().items():
        grows = type_ in _AFTER
        found[type_] = _same(type_, lambda s, n=count: [s] * n, grows)  # type: ignore[misc]
        if count > 1 and type_ not in ("SwiGLU", "PRelu"):
            found[f"{type_}-s"] = _same(
                type_,
                lambda s, n=count: [s] * (n - 1) + [s.of()],  # type: ignore[misc]
            )
            found[f"{type_}-r"] = _same(
                type_,
                lambda s, n=count: [s.of()] + [s] * (n - 1),  # type: ignore[misc]
            )
    return found


def since() -> Mapping[str, int]:
    """Return the opset of words that need a newer one than the usual."""
    versions = {type_: _version(type_) for type_ in _keeping()}
    return {
        word: version
        for type_, version in versions.items()
        if version > USUAL_OPSET
        for word in (type_, f"{type_}-s", f"{type_}-r")
    }


def node(
    type_: str, attributes: Mapping[str, Any] | None = None, outputs: int = 1, port: int = 0
) -> Callable[[GraphBuilder, list[str]], str]:
    """Return a function that adds one operator on the operands of a step."""

    def make(g: GraphBuilder, inputs: list[str]) -> str:
        g.node(type_, inputs, attributes, outputs=outputs)
        return str(g.graph.node[-1].output[port])

    return make
