"""Reads the operators and tensors of a TensorFlow Lite model.

The file is a flatbuffer of the public schema ``schema.fbs``. The package ``tflite`` holds the
accessors that are generated from it. They check nothing, so everything is counted before it is
read, and whatever they raise means that the file is damaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_amct.errors import OutputError

IDENTIFIER = b"TFL3"
"""The bytes 4 to 8 of each file."""

BITS: Mapping[str, int] = {"INT4": 4, "INT8": 8, "UINT8": 8, "INT16": 16}
"""The types that hold quantized values, with their width."""

FLOATS = frozenset(("FLOAT16", "BFLOAT16", "FLOAT32", "FLOAT64"))
"""The types that hold real numbers."""

_TIMES = 4
"""How many times its own size may be read of a file. An honest file is read less than once."""


@dataclass(slots=True, eq=False)
class Tensor:
    """A tensor of the converted model. Its name joins the names of several layers by semicolons."""

    name: str
    #: as the schema spells it: ``INT8``; ``type 99`` if the schema does not know the number
    type: str
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    #: whether its values are those of each call: an input of the graph, or a variable
    fed: bool = False
    producer: Operator | None = field(default=None, repr=False)

    @property
    def quantized(self) -> bool:
        """Whether it holds integers that represent real numbers."""
        return self.type in BITS and bool(self.scales)

    @property
    def bits(self) -> int | None:
        """The width of quantized values."""
        return BITS.get(self.type)

    @property
    def asymmetric(self) -> bool:
        """Whether a zero point differs from the middle of the integer range."""
        middle = 128 if self.type == "UINT8" else 0
        return any(point != middle for point in self.zero_points)


@dataclass(slots=True, eq=False)
class Operator:
    """An operator of the converted model. All custom operators have the type ``CUSTOM``."""

    type: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]

    def input(self, port: int) -> Tensor | None:
        """Return the tensor at an input port, ``None`` if the port is empty."""
        return self.inputs[port] if port < len(self.inputs) else None


def read_operators(data: bytes) -> list[Operator]:
    """Return the operators of the main subgraph, in the order of the file.

    Other subgraphs are the bodies of control flow, or other entry points. Raises `OutputError` if
    the file is damaged, or if the package ``tflite`` is not installed.
    """
    schema = _schema()
    try:
        return _Reader(schema, data).operators()
    except Exception as error:  # the accessors read numbers and offsets from anywhere
        why = f"{type(error).__name__}: {error}"
        raise OutputError(
            "the quantizer returned a model of TensorFlow Lite that cannot be read"
            f" ({why[:200]}): return the file as the converter wrote it"
        ) from None


def _schema() -> Any:
    try:
        import tflite
    except ImportError:
        raise OutputError(
            "the quantizer returned a model of TensorFlow Lite, but the package that reads it is"
            " not installed: pip install pytest-amct[tflite]"
        ) from None
    return tflite


class _Reader:
    """One pass over a file, with a limit on what it may read."""

    def __init__(self, schema: Any, data: bytes) -> None:
        self.model = schema.Model.GetRootAs(data, 0)
        self.left = _TIMES * len(data)
        self.types = _names(schema.TensorType)
        self.codes = _names(schema.BuiltinOperator)

    def operators(self) -> list[Operator]:
        """Return the operators of the first subgraph."""
        count = self._count(self.model.OperatorCodesLength(), 4)
        codes = [self._code(self.model.OperatorCodes(i)) for i in range(count)]
        if not self._count(self.model.SubgraphsLength(), 4):
            raise ValueError("there is no subgraph")
        graph = self.model.Subgraphs(0)
        count = self._count(graph.TensorsLength(), 4)
        tensors = [self._tensor(graph.Tensors(i)) for i in range(count)]
        for tensor in self._at(tensors, graph, "Inputs"):
            if tensor is not None:
                tensor.fed = True
        return [*self._operators(graph, codes, tensors)]

    def _operators(self, graph: Any, codes: list[str], tensors: list[Tensor]) -> Iterator[Operator]:
        for i in range(self._count(graph.OperatorsLength(), 4)):
            found = graph.Operators(i)
            made = Operator(
                codes[found.OpcodeIndex()],
                tuple(self._at(tensors, found, "Inputs")),
                tuple(t for t in self._at(tensors, found, "Outputs") if t is not None),
            )
            for tensor in made.outputs:
                if tensor.producer is not None or tensor.fed:
                    raise ValueError(f"tensor {tensor.name[:40]!r} has two sources")
                tensor.producer = made
            yield made

    def _code(self, found: Any) -> str:
        # Files of old converters have the number in the other, narrower field.
        number = max(found.BuiltinCode(), found.DeprecatedBuiltinCode())
        return self.codes.get(number, f"operator {number}")

    def _tensor(self, found: Any) -> Tensor:
        kind = found.Type()
        name = found.Name() or b""
        self._count(len(name), 1)
        held = found.Quantization()
        return Tensor(
            name.decode("utf-8", "replace"),
            self.types.get(kind, f"type {kind}"),
            () if held is None else self._numbers(held, "Scale", 4),
            () if held is None else self._numbers(held, "ZeroPoint", 8),
            fed=bool(found.IsVariable()),
        )

    def _at(self, tensors: list[Tensor], owner: Any, name: str) -> list[Tensor | None]:
        """Return the tensors that a vector of indices names; -1 is an input that is left out."""
        indices = self._numbers(owner, name, 4)
        if any(not -1 <= index < len(tensors) for index in indices):
            raise ValueError(f"{name} names a tensor that does not exist")
        return [tensors[index] if index >= 0 else None for index in indices]

    def _numbers(self, owner: Any, name: str, size: int) -> tuple[Any, ...]:
        """Return a vector of numbers of `size` bytes."""
        if not self._count(getattr(owner, f"{name}Length")(), size):
            return ()
        return tuple(getattr(owner, f"{name}AsNumpy")().tolist())

    def _count(self, count: int, size: int) -> int:
        """Return the number of entries of a vector. Raise `ValueError` if the limit is reached.

        Vectors may claim any length, and many tables may share one long vector.
        """
        self.left -= count * size
        if self.left < 0:
            raise ValueError("its vectors are longer than the file")
        return count


def _names(numbers: type) -> dict[int, str]:
    return {number: name for name, number in vars(numbers).items() if isinstance(number, int)}
