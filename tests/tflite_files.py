"""Small TensorFlow Lite files, written table by table: what a converter would never write, too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
import tflite

TYPES = {name: n for name, n in vars(tflite.TensorType).items() if isinstance(n, int)}
CODES = {name: n for name, n in vars(tflite.BuiltinOperator).items() if isinstance(n, int)}


@dataclass
class File:
    """A file in the making. `operators` are a type or a code, inputs and outputs."""

    #: name (``None``: none), type, scales, zero points
    tensors: Sequence[tuple[str | None, str | int, Sequence[float], Sequence[int]]]
    operators: Sequence[tuple[str | int, Sequence[int], Sequence[int]]]
    inputs: Sequence[int] = ()
    #: the names of tensors that keep their values from call to call
    variables: Sequence[str] = ()
    #: how many subgraphs: each is the same
    subgraphs: int = 1
    #: how many times each tensor is listed
    times: int = 1

    def write(self) -> bytes:
        """Return the bytes of the file."""
        made = flatbuffers.Builder(0)
        tensors = [self._tensor(made, *tensor) for tensor in self.tensors] * self.times
        kinds = sorted({code for code, *_ in self.operators if isinstance(code, str)})
        operators = [
            self._operator(made, kinds.index(code) if isinstance(code, str) else code, *ends)
            for code, *ends in self.operators
        ]
        graph = {
            "Tensors": _offsets(made, tensors),
            "Operators": _offsets(made, operators),
            "Inputs": _numbers(made, self.inputs, made.PrependInt32, 4),
        }
        subgraph = _table(made, tflite.SubGraphStart, "SubGraph", graph, tflite.SubGraphEnd)
        codes = [self._code(made, kind) for kind in kinds]
        model = {
            "OperatorCodes": _offsets(made, codes),
            "Subgraphs": _offsets(made, [subgraph] * self.subgraphs),
        }
        made.Finish(_table(made, tflite.ModelStart, "Model", model, tflite.ModelEnd), b"TFL3")
        return bytes(made.Output())

    def _tensor(
        self,
        made: Any,
        name: str | None,
        kind: str | int,
        scales: Sequence[float],
        points: Sequence[int],
    ) -> int:
        held = {
            "Scale": _numbers(made, scales, made.PrependFloat32, 4),
            "ZeroPoint": _numbers(made, points, made.PrependInt64, 8),
        }
        start, end = tflite.QuantizationParametersStart, tflite.QuantizationParametersEnd
        fields = {"Quantization": _table(made, start, "QuantizationParameters", held, end)}
        if name is not None:
            fields["Name"] = made.CreateString(name)
        fields["IsVariable"] = name in self.variables
        fields["Type"] = TYPES[kind] if isinstance(kind, str) else kind
        return _table(made, tflite.TensorStart, "Tensor", fields, tflite.TensorEnd)

    def _operator(self, made: Any, code: int, inputs: Sequence[int], outputs: Sequence[int]) -> int:
        fields = {
            "Inputs": _numbers(made, inputs, made.PrependInt32, 4),
            "Outputs": _numbers(made, outputs, made.PrependInt32, 4),
            "OpcodeIndex": code,
        }
        return _table(made, tflite.OperatorStart, "Operator", fields, tflite.OperatorEnd)

    def _code(self, made: Any, kind: str) -> int:
        fields = {"DeprecatedBuiltinCode": min(CODES[kind], 127), "BuiltinCode": CODES[kind]}
        start, end = tflite.OperatorCodeStart, tflite.OperatorCodeEnd
        return _table(made, start, "OperatorCode", fields, end)


def _table(
    made: Any, start: Callable[..., Any], name: str, fields: dict[str, int], end: Callable[..., Any]
) -> int:
    start(made)
    for field, value in fields.items():
        getattr(tflite, f"{name}Add{field}")(made, value)
    return int(end(made))


def _numbers(made: Any, numbers: Sequence[float], add: Callable[[Any], None], size: int) -> int:
    made.StartVector(size, len(numbers), size)
    for number in reversed(numbers):
        add(number)
    return int(made.EndVector())


def _offsets(made: Any, offsets: Iterable[int]) -> int:
    listed = [*offsets]
    made.StartVector(4, len(listed), 4)
    for offset in reversed(listed):
        made.PrependUOffsetTRelative(offset)
    return int(made.EndVector())
