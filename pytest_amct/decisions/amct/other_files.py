"""Texts and files that show no decisions: what each one is, and what to return in its place.

The names of fields are those of AMCT's ``.proto`` files.
"""

from __future__ import annotations

import re
from pathlib import PurePath

_SIMPLIFIED = (
    "AMCT's simplified configuration (.cfg), which only asks for quantization: return the"
    " configuration (.json) that AMCT makes of it, or the record (.txt)"
)

_IN_PLACE = "return AMCT's configuration (.json) or record (.txt)"

_BY_SUFFIX = {
    ".cfg": _SIMPLIFIED,
    ".meta": f"a graph of TensorFlow without its weights, which shows no decisions: {_IN_PLACE}",
    ".ckpt": f"a checkpoint, which shows no decisions: {_IN_PLACE}",
    ".om": f"an offline model, which is not read: {_IN_PLACE}",
}

_RECORD_FIELDS = ("record", "prune_record")

SIMPLIFIED_FIELDS = frozenset(
    """
    version batch_num activation_offset joint_quant do_fusion skip_fusion_layers skip_layers
    skip_layer_types fakequant_precision_mode common_config tensor_quantize nuq_config
    override_layer_types override_layer_configs kv_cache_quant_config override_layers_configs
    retrain_data_quant_config retrain_weight_quant_config quant_skip_layers quant_skip_types
    prune_config regular_prune_skip_layers regular_prune_skip_types
    group_size data_dump distill_group distill_data_quant_config distill_weight_quant_config
    distill_override_layers distill_override_layer_types quant_skip_layer_types
    compress_ratio ascend_optimized max_prune_ratio test_iteration override_prune_cfg
    """.split()
)

"""The fields at the top of AMCT's simplified configurations, those of training included."""

_FIRST_FIELD = re.compile(r"(?:\s++|#[^\n]*+)*+(\w+)\s*+[:{<]")


def other_file(path: str) -> str | None:
    """Return what the file of this name is, with the cure, ``None`` if its suffix does not say."""
    return _BY_SUFFIX.get(PurePath(path).suffix.lower())


def not_a_configuration(text: str) -> str | None:
    """Return what a text that is not JSON is, with the cure, ``None`` if that is not known."""
    first = first_field(text)
    if first in _RECORD_FIELDS:
        return "AMCT's record: name its file .txt, or read it with read_record"
    return _SIMPLIFIED if first in SIMPLIFIED_FIELDS else None


def not_a_record(text: str) -> str | None:
    """Return what a text without records is, with the cure, ``None`` if it may be a record."""
    first = first_field(text)
    if text.lstrip().startswith("{"):
        return "JSON, as AMCT's configuration is: name its file .json, or read it with read_config"
    if first in SIMPLIFIED_FIELDS:
        return _SIMPLIFIED
    if first and first not in _RECORD_FIELDS:
        return f"another text, which begins with {first!r}: return the one that AMCT writes"
    return None


def first_field(text: str) -> str:
    """Return the name of the first field of a protobuf text, ``""`` if there is none."""
    found = _FIRST_FIELD.match(text.removeprefix("\ufeff"))
    return found[1][:40] if found else ""
