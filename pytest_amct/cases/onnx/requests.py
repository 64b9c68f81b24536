"""The ONNX cases of tables 2 and 3: the layers of table 1, with other requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_amct.cases.deviations import some
from pytest_amct.cases.onnx.float16 import FLOAT16
from pytest_amct.cases.onnx.pools import MORE_POOLS
from pytest_amct.cases.onnx.products import PRODUCTS_PLAIN, TRANS_A_PLAIN
from pytest_amct.cases.onnx.rows import DEVIATIONS
from pytest_amct.cases.onnx.weights import CHANGING, INPUT_CHAINS, STORED
from pytest_amct.cases.plan import Changes, Deviations
from pytest_amct.cases.requests import (
    OTHER,
    PLAIN,
    WEIGHT_SETTINGS,
    Requested,
    asking,
    beside_skipped,
    of_schemes,
    settings_of,
)
from pytest_amct.tables.loader import load_spec

_NOTES = ("default", "bias", "bias-input", "shared-weight", "float16", "in-if", "float64")
_SOURCES = ("initializer", "constant", "transpose", "input", "input-identity", "if", "overridable")
_CONSTANTS = ("cast", "dropout-inference", "moved")
_VARIABLES = (
    *("input-bias", "input-mul-second", "input-combined", "input-at-factors", "dropout-fed"),
    "input-call",
)

_LEFT_OUT = {*STORED, *INPUT_CHAINS, *CHANGING, *PRODUCTS_PLAIN}
"""Second factors that are tested in the cases of table 1 alone."""

_TRANS_A: Deviations = {
    name: changes
    for name, changes in DEVIATIONS["Gemm"]["trans_a"].items()
    if name not in TRANS_A_PLAIN and "inside" not in changes
}
_TRANS_A_NESTED = some(DEVIATIONS["Gemm"]["trans_a"], "1-in-if", "1-in-function-by-name")


def _schemes() -> Requested:
    """Return the deviations by row (or unlisted type) and condition, for tables 2 and 3."""
    conv, gemm, matmul = (DEVIATIONS[row] for row in ("Conv", "Gemm", "MatMul"))
    conv_rows: Deviations = {
        **some(conv[""], *_NOTES, "rank-3", "dilation-2d", "group"),
        **some(conv[""], "strides"),
        **some(conv["dilation_d"], "d1-h1-w1", "d2-h1-w1"),
        **some(conv["weight_source"], *_SOURCES, *_CONSTANTS),
    }
    gemm_rows: Deviations = {
        **some(gemm[""], *_NOTES, "trans_b", "alpha", "beta"),
        **some(gemm[""], "explicit"),
    }
    sources = some(gemm["weight_source"], *_SOURCES, *_CONSTANTS)
    variables = some(gemm["weight_source"], *_VARIABLES)
    second = {
        name: changes
        for name, changes in matmul["second_input"].items()
        if name not in _LEFT_OUT and "inside" not in changes
    }
    nonuniform = {
        ("nonuniform/onnx/Conv", ""): conv_rows,
        ("nonuniform/onnx/Gemm", ""): {**gemm_rows, **sources},
        ("nonuniform/onnx/Gemm", "trans_a"): {**_TRANS_A, **_TRANS_A_NESTED},
        ("nonuniform/onnx/unlisted/MatMul", ""): PLAIN,
        ("nonuniform/onnx/unlisted/ConvTranspose", ""): PLAIN,
    }
    weight_only = {
        ("weight_only/onnx/Gemm", ""): {**gemm_rows, **WEIGHT_SETTINGS},
        ("weight_only/onnx/Gemm", "weight_source"): {**sources, **variables},
        ("weight_only/onnx/Gemm", "trans_a"): {**_TRANS_A, **_TRANS_A_NESTED},
        ("weight_only/onnx/MatMul", ""): {
            **some(matmul[""], "default", "shared-weight", "float16"),
            **some(matmul[""], "rank-4", "scoped", "bias-add", "twin-data"),
            **WEIGHT_SETTINGS,
        },
        ("weight_only/onnx/MatMul", "second_input"): second,
        ("weight_only/onnx/MatMul", "weight_source"): sources,
        ("weight_only/onnx/MatMul", "constant_rank"): matmul["constant_rank"],
        ("weight_only/onnx/AveragePool", "mode"): PLAIN,
        ("weight_only/onnx/unlisted/Conv", ""): PLAIN,
        ("weight_only/onnx/unlisted/ConvTranspose", ""): PLAIN,
        ("weight_only/onnx/unlisted/MaxPool", ""): PLAIN,
    }
    return of_schemes(nonuniform, weight_only)


def _tensors() -> Mapping[str, Deviations]:
    """Return layers of which only data can be quantized, for requests that name them."""
    names = ("default", "scoped")
    pools = ("whole-map", "ceil_mode")
    kept = {
        "MaxPool": {**some(DEVIATIONS["MaxPool"][""], *names, *pools), **MORE_POOLS},
        "Add": some(DEVIATIONS["Add"][""], *names, "same", "constant", "constant-first", "scalar"),
    }
    return {row: {**each, "float16": FLOAT16["input"]} for row, each in kept.items()}


def _settings() -> Requested:
    """Return the deviations for settings."""
    rows, weighted = tuple(DEVIATIONS), ("Gemm", "MatMul", "AveragePool")
    found = settings_of("onnx", rows, weighted, _tensors(), ("ConvTranspose", "Gemm"))
    listed = (r for r in load_spec().rows if (r.table, r.framework) == ("uniform", "onnx"))
    ir = {row.name: row.ir for row in listed}
    for row in rows:
        others = tuple(type_ for other in rows if other != row for type_ in ir[other])
        types, layers = ((f"settings/onnx/{row}", f"skip_layer{s}") for s in ("_types", "s"))
        found[types] = {**found[types], "others": {"options": {"skip_layer_types": others}}}
        found[layers] = {
            **found[layers],
            "this-scoped": {"options": {"skip_layers": "this"}, "form": "scoped"},
            "other-scoped": {"options": OTHER, "form": "scoped"},
        }
    key = "settings/onnx/AveragePool", "skip_layer_types"
    found[key] = {**found[key], **beside_skipped(FLOAT16["conv-weight-elsewhere"], ir["Conv"])}
    for row, names in (("Gemm", ("wide", "trans_b", "bias")), ("MatMul", ("wide",))):
        for setting in WEIGHT_SETTINGS:
            key = f"settings/onnx/{row}", setting
            found[key] = {**found[key], **_asked(row, setting, names)}
    return found


def _asked(row: str, setting: str, names: Sequence[str]) -> Deviations:
    """Return layers with a setting of the weight algorithm, and one with both settings."""
    options = {"settings": {setting: True}}
    shown = {f"true-{n}": c for n, c in some(DEVIATIONS[row][""], *names).items()}
    both: Changes = {"options": {"settings": dict.fromkeys(WEIGHT_SETTINGS, True)}}
    return {**asking(options, shown), "true-both": both}


REQUESTED: Mapping[tuple[str, str], Deviations] = {**_schemes(), **_settings()}
"""Deviations by row id and condition (``""`` for the row as a whole)."""
