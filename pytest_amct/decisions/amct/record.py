"""AMCT's record of quantization factors in protobuf text (``scale_offset_record``)."""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import text_format  # type: ignore[import-untyped]

from pytest_amct.decisions.amct.layers import BITS, AmctDecisions, AmctLayer
from pytest_amct.decisions.amct.other_files import not_a_record
from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.names import shown
from pytest_amct.errors import OutputError
from pytest_amct.graphs.descriptors import message_classes
from pytest_amct.tables.model import DataFormat
from pytest_amct.wording import printable, written

_SCHEMA = """
Record record:1:Entry*
Entry key:1:string value:2:Factors
Factors scale_d:1:float* offset_d:2:int32* scale_w:3:float* offset_w:4:int32* shift_bit:5:uint32*
  cluster:6:int32* is_tensor_quantize:7:bool* dst_type:8:string* wts_type:9:string*
"""
"""The fields that are read for one layer. AMCT numbers them differently for each framework, so the
numbers here are arbitrary. All are repeated here, as some are repeated in one framework only."""

_MOST_SHIFT = 16


def read_record(text: str) -> AmctDecisions:
    """Read the layers from the text of a record (docs/reading.md, "What forms show").

    Unknown fields are ignored. Raises `OutputError` with line and column, or for another text.
    """
    if not isinstance(text, str):
        raise OutputError(f"the record is {written(text)}: give its text, or return its path")
    record = _message()()
    try:
        text_format.Parse(text.removeprefix("\ufeff"), record, allow_unknown_field=True)
    except text_format.ParseError as error:
        _refuse_other(text)
        line, column = error.GetLine(), error.GetColumn()
        where = f"line {line}, column {column}: " if line else ""
        # protobuf puts the place first, and may quote the whole line before the reason
        reason = str(error).removeprefix(f"{line}:{column} : ").rpartition("': ")[2].strip()
        raise OutputError(
            f"the record is not protobuf text: {where}{printable(reason[:200])}"
        ) from None
    except ValueError as error:
        reason = printable(str(error)[:200])
        raise OutputError(f"the record is not protobuf text: {reason}") from None
    except RecursionError:
        raise OutputError("the record is nested too deep: return one of AMCT's") from None
    if not record.record:
        _refuse_other(text)
    layers: dict[str, AmctLayer | None] = {}
    for i, entry in enumerate(record.record):
        if not entry.key:
            raise OutputError(f"record[{i}] has no key: each must name its layer")
        if entry.key in layers:
            raise OutputError(f"record[{i}] is the second one for {shown(entry.key)}: keep one")
        layers[entry.key] = _layer(entry.value)
    return AmctDecisions(layers)


def _refuse_other(text: str) -> None:
    """Raise `OutputError` for a text that is known to be another one than a record."""
    other = not_a_record(text)
    if other is not None:
        raise OutputError(f"the record is {other}")


def _layer(value: Any) -> AmctLayer:
    data = bool(value.scale_d or value.offset_d)
    weights = bool(value.scale_w or value.offset_w or value.cluster)
    shifts = [n for n in value.shift_bit if 1 <= n <= _MOST_SHIFT]
    fields = [name for name in ("scale_d", "scale_w", "cluster") if getattr(value, name)]
    fields += ["shift_bit"] if shifts else []
    named = [*value.wts_type, *value.dst_type]
    decision = Decision(
        weights=weights,
        weight_channel_wise=len(set(value.scale_w)) > 1 if weights else None,
        weight_asymmetric=any(value.offset_w) if weights else None,
        weight_bits=BITS.get(named[0]) if weights and named else None,
        shift=max(shifts, default=0),
        nonuniform=bool(value.cluster),
        seen=f"its record has {', '.join(fields)}" if fields else "",
    )
    single = data and any(value.is_tensor_quantize)
    bits = BITS.get(value.dst_type[0]) if value.dst_type else None
    formats = (DataFormat(0, bits, any(value.offset_d)),) if value.scale_d else ()
    return AmctLayer(decision, data and not single, {}, some_port=single, formats=formats)


@cache
def _message() -> Any:
    """Return the message class of a record."""
    return message_classes("pytest_amct/record.proto", _SCHEMA)["Record"]
