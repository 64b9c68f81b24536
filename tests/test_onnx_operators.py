"""Operators that newer opsets of ONNX add: on the way to a weight, and as layers without a row."""

from __future__ import annotations

from typing import Any

import pytest
from onnx import TensorProto, defs
from tiny_models import FLOAT, FLOAT16, answer_of, model, node, numbers, stored, verdict

import pytest_amct

ADDED: dict[str, tuple[int, list[str], dict[str, Any]]] = {
    "Attention": (23, ["DATA", "q", "q"], {"q_num_heads": 2, "kv_num_heads": 2}),
    "RMSNormalization": (23, ["DATA", "v"], {}),
    "RotaryEmbedding": (23, ["DATA", "c", "c"], {"num_heads": 1}),
    "Swish": (24, ["DATA"], {}),
    "TensorScatter": (24, ["DATA", "q"], {}),
    "CumProd": (26, ["DATA", "axis"], {}),
    "CausalConvWithState": (27, ["DATA", "k"], {}),
    "LinearAttention": (27, ["DATA", "q", "q"], {"q_num_heads": 2, "kv_num_heads": 2}),
    "SwiGLU": (28, ["DATA", "q"], {}),
}
"""The opset that added each operator, its inputs (``DATA`` of rank 3) and its attributes."""

CONSTANTS = [
    stored("q", (1, 4, 4)),
    stored("k", (4, 1, 2)),
    stored("v", (4,)),
    stored("c", (1, 4, 2)),
    numbers("axis", [1]),
]


INVALID = node("Loop", ["x"], ["z"])
"""A loop without a body: nothing is inferred in a model that holds it."""


def needs(type_: str, opset: int) -> None:
    if defs.onnx_opset_version() < opset:
        pytest.skip(f"onnx has no {type_}")


@pytest.mark.parametrize("type_", ADDED)
@pytest.mark.parametrize(("data", "expected"), [("q", "quantizable"), ("z", "forbidden")])
def test_what_a_newer_operator_makes_is_constant_if_its_inputs_are(
    type_: str, data: str, expected: str
) -> None:
    opset, inputs, attributes = ADDED[type_]
    needs(type_, opset)
    made = node(type_, [data if name == "DATA" else name for name in inputs], ["m"], **attributes)
    conv = [made, node("Unsqueeze", ["m", "last"], ["w"]), node("Conv", ["x", "w"], ["y"])]
    given: Any = {"x": (1, 4, 8, 8), "inputs": {"z": (FLOAT, (1, 4, 4))}}
    constants = [*CONSTANTS, numbers("last", [3])]
    assert verdict(*conv, **given, constants=constants, opset=opset) == expected


@pytest.mark.parametrize("type_", ADDED)
def test_a_newer_operator_has_no_row(type_: str) -> None:
    opset, inputs, attributes = ADDED[type_]
    needs(type_, opset)
    made = node(type_, ["x" if name == "DATA" else name for name in inputs], ["y"], **attributes)
    answer = answer_of(model(made, x=(1, 4, 4), constants=CONSTANTS, opset=opset))
    assert (answer.verdict, answer.row, answer.basis) == ("forbidden", None, "stated")


@pytest.mark.parametrize("type_", ADDED)
def test_what_a_newer_operator_makes_has_a_known_type(type_: str) -> None:
    """The type follows from the operator, even if onnx infers nothing."""
    opset, inputs, attributes = ADDED[type_]
    needs(type_, opset)
    made = node(type_, ["x" if name == "DATA" else name for name in inputs], ["m"], **attributes)
    add = node("Add", ["m", "m"], ["y"])
    proto = model(made, add, INVALID, x=(1, 4, 4), constants=CONSTANTS, opset=opset)
    assert answer_of(proto).verdict == "quantizable"


def bits(source: str, to: int) -> list[Any]:
    return [node("BitCast", [source], ["v"], to=to), node("Conv", ["x", "v"], ["y"])]


INT32, INT16 = TensorProto.INT32, TensorProto.INT16
KERNEL = (4, 4, 3, 3)


def integers(dtype: int) -> TensorProto:
    width = {INT32: 4, INT16: 2}[dtype]
    return TensorProto(name="w", dims=KERNEL, data_type=dtype, raw_data=b"\1" * (width * 144))


def test_a_weight_whose_bits_are_stored_as_integers_is_constant() -> None:
    needs("BitCast", 26)
    answer = answer_of(model(*bits("w", FLOAT), constants=[integers(INT32)], opset=26))
    assert (answer.verdict, answer.basis) == ("quantizable", "stated")


@pytest.mark.parametrize(("to", "expected"), [(FLOAT, "quantizable"), (INT32, "unspecified")])
def test_bits_have_the_type_that_they_are_read_as(to: int, expected: str) -> None:
    needs("BitCast", 26)
    casts = [node("BitCast", ["x"], ["b"], to=INT32), node("BitCast", ["b"], ["v"], to=to)]
    add = node("Add", ["v", "v"], ["y"])
    assert verdict(*casts, add, INVALID, opset=26) == expected


def test_the_bits_of_a_network_input_are_dynamic() -> None:
    needs("BitCast", 26)
    fed: Any = {"inputs": {"z": (INT32, KERNEL)}}
    assert verdict(*bits("z", FLOAT), **fed, opset=26) == "forbidden"


def test_float16_that_is_stored_as_integers_leaves_the_float16_rule_open() -> None:
    """Only the tensor at the port is Float16, not the constant."""
    needs("BitCast", 26)
    pool = node("MaxPool", ["x"], ["p"], kernel_shape=[2, 2], name="pool")
    cast = node("Cast", ["x"], ["h"], to=FLOAT16)
    conv = node("Conv", ["h", "v"], ["y"])
    proto = model(pool, cast, bits("w", FLOAT16)[0], conv, constants=[integers(INT16)], opset=26)
    network = pytest_amct.read_onnx(proto)
    assert pytest_amct.answer(network.layer("pool")).verdict == "unspecified"


@pytest.mark.parametrize(("dims", "expected"), [((4, 4), "unspecified"), ((1, 4, 4), "forbidden")])
def test_a_matrix_behind_a_bit_cast_has_the_rank_of_its_bits(
    dims: tuple[int, ...], expected: str
) -> None:
    needs("BitCast", 26)
    matrix = TensorProto(name="w", dims=dims, data_type=INT32, raw_data=b"\1" * 64)
    product = [bits("w", FLOAT)[0], node("MatMul", ["x", "v"], ["y"])]
    assert verdict(*product, x=(4, 4), constants=[matrix], opset=26) == expected
