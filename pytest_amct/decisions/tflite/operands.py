"""What an operator of a TensorFlow Lite model reads at a port: integers, or real numbers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple

from pytest_amct.decisions.tflite.reader import FLOATS, Tensor

_MOVES = frozenset(("TRANSPOSE", "RESHAPE", "EXPAND_DIMS", "SQUEEZE", "DENSIFY"))
"""Operators whose output holds the values of their first input, in another place or shape."""

_PAIR = frozenset(("QUANTIZE", "DEQUANTIZE"))

_MOST_STEPS = 16
"""The largest number of operators behind a port; a file may connect operators in a circle."""

Kind = Literal["integers", "dequantized", "rounded", "float", "unknown"]
"""``dequantized``: real numbers from integers that another operator made; ``rounded``: real
numbers that were made integers and back, or a stored constant of integers; ``float``: neither.
"""


class Operand(NamedTuple):
    """What an operator reads at a port."""

    kind: Kind
    #: the tensor of integers, for real numbers the tensor at the port
    held: Tensor
    #: whether the values are stored in the file
    constant: bool

    @property
    def is_float(self) -> bool:
        """Whether the operator reads real numbers that were not rounded for it."""
        return self.kind in ("float", "dequantized")

    @property
    def is_float32(self) -> bool:
        """Whether these are real numbers of 32 bits, as DEQUANTIZE makes them."""
        return self.kind == "dequantized" or (self.kind, self.held.type) == ("float", "FLOAT32")

    def __str__(self) -> str:
        return f"{self.held.type} without scales" if self.kind == "unknown" else self.held.type


def operand(tensor: Tensor) -> Operand:
    """Return what an operator reads from a tensor."""
    constant = is_constant(tensor)
    if tensor.quantized:
        return Operand("integers", tensor, constant)
    if tensor.type not in FLOATS:
        return Operand("unknown", tensor, constant)
    nearest = _behind(tensor, _MOVES)
    maker = nearest.producer
    if maker is None or maker.type != "DEQUANTIZE":
        return Operand("float", tensor, constant)
    held = maker.input(0)
    if held is None or (held.type not in FLOATS and not held.quantized):
        return Operand("unknown", held or tensor, constant)
    if held.type in FLOATS:  # constants that are stored as Float16
        return Operand("float", tensor, constant)
    pair = held.producer is not None and held.producer.type == "QUANTIZE"
    return Operand("rounded" if constant or pair else "dequantized", held, constant)


def is_constant(tensor: Tensor) -> bool:
    """Return whether the values of a tensor are stored, in whatever shape and type."""
    first = _behind(tensor, _MOVES | _PAIR)
    return first.producer is None and not first.fed


def _behind(tensor: Tensor, kinds: Collection[str]) -> Tensor:
    """Return the tensor before the operators of some types that lead to a tensor."""
    for _ in range(_MOST_STEPS):
        before = tensor.producer
        given = before.input(0) if before is not None and before.type in kinds else None
        if given is None:
            break
        tensor = given
    return tensor
