"""Hand-written ONNX models for tests: the judged layer is the one that makes ``y``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, parser

import pytest_amct
from pytest_amct import Answer, Treatment
from pytest_amct.graphs.network import Layer

node = helper.make_node
FLOAT, FLOAT16, INT64 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64
SIZES = {FLOAT: 4, FLOAT16: 2, INT64: 8, TensorProto.INT8: 1, TensorProto.BOOL: 1}
SIZES |= {TensorProto.DOUBLE: 8, TensorProto.BFLOAT16: 2}
Shape = Sequence[int | str | None]
IMAGE = (1, 4, 8, 8)


def stored(name: str, shape: Sequence[int], dtype: int = FLOAT) -> TensorProto:
    """A constant; its values never matter to an answer."""
    raw = b"\1" * (SIZES[dtype] * prod(shape))
    return TensorProto(name=name, dims=shape, data_type=dtype, raw_data=raw)


def numbers(name: str, values: Sequence[int], dtype: int = INT64) -> TensorProto:
    """A vector of given integers."""
    return helper.make_tensor(name, dtype, [len(values)], list(values))


def model(
    *nodes: NodeProto,
    x: Shape | None = IMAGE,
    dtype: int = FLOAT,
    inputs: Mapping[str, tuple[int, Shape | None]] | None = None,
    constants: Sequence[TensorProto] = (),
    outputs: Sequence[str] = ("y",),
    listed: Sequence[str] = (),
    functions: Sequence[FunctionProto] = (),
    opset: int = 21,
    ir_version: int = 10,
    **weights: Sequence[int],
) -> ModelProto:
    """A model with an input ``x``, further `inputs` by name, and `weights` by name and shape.

    Initializers in `listed` are also graph inputs.
    """
    kept = [*constants, *(stored(name, shape, dtype) for name, shape in weights.items())]
    fed = {"x": (dtype, x), **(inputs or {})}
    fed |= {t.name: (t.data_type, list(t.dims)) for t in kept if t.name in listed}
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, *given) for name, given in fed.items()],
        [helper.make_tensor_value_info(name, dtype, None) for name in outputs],
        kept,
    )
    domains = sorted({n.domain for n in nodes if n.domain not in ("", "ai.onnx")})
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(
        graph, opset_imports=imports, ir_version=ir_version, functions=functions
    )


def graph(*nodes: NodeProto, result: str, dtype: int = FLOAT, takes: Any = ()) -> GraphProto:
    """A nested graph with one output, `result`."""
    info = helper.make_tensor_value_info
    return helper.make_graph(nodes, "b", list(takes), [info(result, dtype, None)])


def answer_of(judged: ModelProto, treatment: Treatment = Treatment(), made: str = "y") -> Answer:  # noqa: B008
    """The answer for the layer whose first output is `made`."""
    network = pytest_amct.read_onnx(judged)
    (layer,) = [
        n for n in network.layers if n.outputs and n.outputs[0] and n.outputs[0].name == made
    ]
    return pytest_amct.answer(layer, treatment)


def verdict(*nodes: NodeProto, treatment: Treatment = Treatment(), **given: Any) -> str:  # noqa: B008
    """The verdict on ``y`` in a model of these nodes, see `model`."""
    return answer_of(model(*nodes, **given), treatment).verdict


def broken(*nodes: NodeProto, treatment: Treatment = Treatment(), **given: Any) -> set[str]:  # noqa: B008
    """The ids of the conditions that ``y`` breaks in a model of these nodes."""
    answer = answer_of(model(*nodes, **given), treatment)
    return {reason.condition for reason in answer.broken}


def parsed(text: str) -> ModelProto:
    """The model that this text describes, in the syntax of `onnx.parser`."""
    head = '<ir_version: 10, opset_import: ["" : 21, "local" : 1]>'
    made: ModelProto = parser.parse_model(f"{head} {text}")
    return made


def gemm(attributes: str = "transA = 0") -> Layer:
    """A Gemm called ``n`` with a constant weight and these attributes."""
    text = "(float[4, 32] x) => (float[4, 32] y) <float[32, 32] w = {}>"
    made = parsed(f"g {text} {{ [n] y = Gemm <{attributes}> (x, w) }}")
    return pytest_amct.read_onnx(made).layer("n")
