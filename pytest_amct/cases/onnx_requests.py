"""The ONNX cases of tables 2 and 3: layers as in table 1, with requests that go beyond it.

`asked` is what the quantizer is asked for besides plain uniform quantization: ``scheme``, settings
of the weight algorithm, or settings that name layers (``this`` is the focal layer, ``other`` the
one beside it) or Ascend IR types. They go only to quantizers that declare them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_amct.cases.onnx_rows import DEVIATIONS, FLOAT16, Changes, Deviations
from pytest_amct.tables.loader import load_spec

Asked = Mapping[str, Any]


def _asking(asked: Asked, deviations: Deviations) -> Deviations:
    return {name: {**changes, "asked": asked} for name, changes in deviations.items()}


def _some(row: str, condition: str, *names: str) -> Deviations:
    found = DEVIATIONS[row][condition]
    return {name: found[name] for name in names}


_NONUNIFORM: Asked = {"scheme": "nonuniform"}
_WEIGHT_ONLY: Asked = {"scheme": "weight_only"}
_NOTES = ("default", "bias", "bias-input", "shared-weight", "float16", "in-if", "float64")
_SOURCES = ("initializer", "constant", "transpose", "input", "input-identity", "if", "overridable")
_IR = {row.name: row.ir for row in load_spec().rows if row.id.startswith("uniform/onnx/")}
_PLAIN: Deviations = {"default": {}}
_TRANS_A: Deviations = dict(DEVIATIONS["Gemm"]["trans_a"])


def _schemes() -> Mapping[tuple[str, str], Deviations]:
    """Deviations by row (or unlisted type) and condition, for the schemes of tables 2 and 3."""
    conv, gemm, matmul = "Conv", "Gemm", "MatMul"
    conv_rows = _some(conv, "", *_NOTES, "rank-3", "dilation-2d", "group")
    conv_rows = {**conv_rows, **_some(conv, "dilation_d", "d1-h1-w1", "d2-h1-w1")}
    conv_rows = {**conv_rows, **_some(conv, "weight_source", *_SOURCES)}
    gemm_rows = _some(gemm, "", *_NOTES, "trans_b", "alpha", "beta")
    sources = _some(gemm, "weight_source", *_SOURCES)
    second = DEVIATIONS[matmul]["second_input"]
    settings = {
        name: {"asked": {**_WEIGHT_ONLY, "settings": {setting: True}}}
        for name, setting in (("channel_wise", "channel_wise"), ("asymmetric", "asymmetric"))
    }
    nonuniform = {
        ("nonuniform/onnx/Conv", ""): conv_rows,
        ("nonuniform/onnx/Gemm", ""): {**gemm_rows, **sources},
        ("nonuniform/onnx/Gemm", "trans_a"): _TRANS_A,
        ("nonuniform/onnx/unlisted/MatMul", ""): _PLAIN,
        ("nonuniform/onnx/unlisted/ConvTranspose", ""): _PLAIN,
    }
    weight_only = {
        ("weight_only/onnx/Gemm", ""): gemm_rows,
        ("weight_only/onnx/Gemm", "weight_source"): sources,
        ("weight_only/onnx/Gemm", "trans_a"): _TRANS_A,
        ("weight_only/onnx/MatMul", ""): _some(matmul, "", "default", "shared-weight", "float16"),
        ("weight_only/onnx/MatMul", "second_input"): second,
        ("weight_only/onnx/AveragePool", "mode"): _PLAIN,
        ("weight_only/onnx/unlisted/Conv", ""): _PLAIN,
        ("weight_only/onnx/unlisted/ConvTranspose", ""): _PLAIN,
        ("weight_only/onnx/unlisted/MaxPool", ""): _PLAIN,
    }
    found = {key: _asking(_NONUNIFORM, deviations) for key, deviations in nonuniform.items()}
    found |= {key: _asking(_WEIGHT_ONLY, deviations) for key, deviations in weight_only.items()}
    for row in ("weight_only/onnx/Gemm", "weight_only/onnx/MatMul"):
        found[row, ""] = {**found[row, ""], **settings}
    return found


def _settings() -> Mapping[tuple[str, str], Deviations]:
    """Settings of the weight algorithm with data quantized too, and those that name layers."""
    found: dict[tuple[str, str], Deviations] = {}
    for row in ("Gemm", "MatMul", "AveragePool"):
        for setting in ("channel_wise", "asymmetric"):
            found[f"settings/onnx/{row}", setting] = {
                "true": {"asked": {"settings": {setting: True}}},
                "false": {"asked": {"settings": {setting: False}}},
            }
    for row in DEVIATIONS:
        found[f"settings/onnx/{row}", "skip_layers"] = {
            name: {"asked": {"skip_layers": name}} for name in ("this", "other")
        }
        other = _IR["Gemm"] if row == "ConvTranspose" else _IR["ConvTranspose"]
        found[f"settings/onnx/{row}", "skip_layer_types"] = {
            "this": {"asked": {"skip_layer_types": _IR[row]}},
            "other": {"asked": {"skip_layer_types": other}},
        }
    for row in ("MaxPool", "Add"):
        layers = {"default": {}, "float16": FLOAT16["input"]}
        asked = {"tensor_quantize": "this"}
        found[f"settings/onnx/{row}", "tensor_quantize"] = _asking(asked, layers)
    return found


REQUESTED: Mapping[tuple[str, str], Deviations] = {**_schemes(), **_settings()}
"""Deviations by row id and condition (``""`` for what concerns the row as a whole)."""


def needs(changes: Changes) -> frozenset[str]:
    """What a quantizer must declare to be asked for a deviation: schemes and settings."""
    asked = changes.get("asked", {})
    names = set(asked.get("settings", ())) | (set(asked) - {"settings", "scheme"})
    return frozenset(names | ({asked["scheme"]} if "scheme" in asked else set()))
