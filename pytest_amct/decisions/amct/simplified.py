"""AMCT's simplified configuration (``.cfg``, protobuf text): what is asked of a quantizer.

The names of fields are those of AMCT's ``calibration_config_*.proto`` files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from google.protobuf import text_format  # type: ignore[import-untyped]

from pytest_amct.decisions.amct.other_files import SIMPLIFIED_FIELDS
from pytest_amct.errors import UsageError
from pytest_amct.graphs.descriptors import message_classes
from pytest_amct.graphs.files import regular_bytes
from pytest_amct.tables.model import Scheme
from pytest_amct.wording import instead, printable, written

_SCHEMA = """
AMCTConfig skip_layers:1:string* skip_layer_types:2:string* common_config:3:Calibration
  override_layer_types:4:OverrideType* override_layer_configs:5:OverrideLayer*
  tensor_quantize:6:Tensor*
Calibration arq_quantize:1:Weights weight_compress_only:2:bool
Weights channel_wise:1:bool asymmetric:2:bool
OverrideType layer_type:1:string calibration_config:2:Calibration
OverrideLayer layer_name:1:string calibration_config:2:Calibration
Tensor layer_name:1:string input_index:2:uint32
"""
"""The fields that are read. The numbers are arbitrary, as the text names fields."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for some of the layers: the scheme and the settings of the weights."""

    #: ``None`` if a part of the file says nothing
    scheme: Scheme | None = None
    settings: Mapping[str, bool] = field(default_factory=dict)

    def over(self, other: Asked) -> Asked:
        """Return what is asked if this part overrides another one."""
        return Asked(self.scheme or other.scheme, {**other.settings, **self.settings})


@dataclass(frozen=True, slots=True)
class Simplified:
    """What a simplified configuration asks for."""

    skip_layers: tuple[str, ...] = ()
    #: Ascend IR types
    skip_layer_types: tuple[str, ...] = ()
    #: the layers of which single inputs are quantized
    tensor_quantize: tuple[str, ...] = ()
    #: for every layer
    common: Asked = Asked()
    #: by Ascend IR type
    types: Mapping[str, Asked] = field(default_factory=dict)
    #: by layer name
    layers: Mapping[str, Asked] = field(default_factory=dict)

    def asked(self, name: str, ir: Sequence[str]) -> Asked:
        """Return what is asked for a layer: its own part, that of its type, the common one."""
        of_type = self.types.get(ir[0], Asked()) if len(ir) == 1 else Asked()
        return self.layers.get(name, Asked()).over(of_type.over(self.common))


def read_simplified(path: str | os.PathLike[str]) -> Simplified:
    """Read the file of a simplified configuration; fields that decide nothing here are ignored.

    Raise `UsageError` with line and column.
    """
    try:
        text = regular_bytes(path).decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}): name another file") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text: name AMCT's simplified configuration") from None
    config = _message()()
    try:
        text_format.Parse(text.removeprefix("\ufeff"), config, allow_unknown_field=True)
    except (text_format.ParseError, ValueError, RecursionError) as error:
        words = printable(str(error).splitlines()[0][:200]) if str(error) else "nested too deep"
        raise UsageError(
            f"{path}: not AMCT's simplified configuration (protobuf text): {words}"
        ) from None
    for name in _top_fields(text):
        if name not in SIMPLIFIED_FIELDS:
            raise UsageError(
                f"{path}: AMCT's simplified configuration has no field"
                f" {written(name)}{instead(name, sorted(SIMPLIFIED_FIELDS))}"
            )
    return Simplified(
        skip_layers=tuple(config.skip_layers),
        skip_layer_types=tuple(config.skip_layer_types),
        tensor_quantize=tuple(dict.fromkeys(t.layer_name for t in config.tensor_quantize)),
        common=_asked(config.common_config),
        types={o.layer_type: _asked(o.calibration_config) for o in config.override_layer_types},
        layers={o.layer_name: _asked(o.calibration_config) for o in config.override_layer_configs},
    )


_TOKEN = re.compile(
    r"""(?P<passed>\#[^\n]*|"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+')"""
    r"""|(?P<brace>[{}<>])|(?P<name>[A-Za-z_]\w*)(?=\s*+[:{<])"""
)
"""What is passed over (comments, strings), the braces of messages, the names of fields."""


def _top_fields(text: str) -> Iterator[str]:
    """Yield the names of the fields of a protobuf text that parses, without those of messages."""
    depth = 0
    for found in _TOKEN.finditer(text):
        if found["brace"]:
            depth += 1 if found["brace"] in "{<" else -1
        elif found["name"] and not depth:
            yield found["name"]


def _asked(config: Any) -> Asked:
    weights, settings = config.arq_quantize, {}
    for name in ("channel_wise", "asymmetric"):
        if weights.HasField(name):
            settings[name] = bool(getattr(weights, name))
    scheme: Scheme | None = None
    if config.HasField("weight_compress_only"):
        scheme = "weight_only" if config.weight_compress_only else "uniform"
    return Asked(scheme, settings)


def skipping(names: Iterable[str], undecided: Iterable[str], about: str) -> str:
    """Return the text of a configuration that skips layers, each name once.

    The undecided ones are comments.
    """
    names, undecided = dict.fromkeys(names), dict.fromkeys(undecided)
    lines = [f"# Layers of {printable(about)}", "# that must stay in float:"]
    lines += [_skip(name) for name in names if name] or ["# none"]
    left = [f"# {_skip(name)}" for name in undecided if name]
    if left:
        lines += ["# The tables do not decide these. Remove a '#' to skip the layer, too.", *left]
    return "\n".join(lines) + "\n"


def _skip(name: str) -> str:
    asked = _message()(skip_layers=[name])
    return str(text_format.MessageToString(asked, as_utf8=True)).strip()


@cache
def _message() -> Any:
    """Return the message class of a simplified configuration."""
    return message_classes("pytest_amct/simplified.proto", _SCHEMA)["AMCTConfig"]
