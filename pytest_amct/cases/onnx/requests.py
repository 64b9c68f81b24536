"""The ONNX cases of tables 2 and 3: the layers of table 1, with other requests."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.cases.deviations import some
from pytest_amct.cases.onnx.rows import DEVIATIONS, FLOAT16
from pytest_amct.cases.plan import Deviations
from pytest_amct.cases.requests import (
    PLAIN,
    WEIGHT_SETTINGS,
    Requested,
    of_schemes,
    settings_of,
)

_NOTES = ("default", "bias", "bias-input", "shared-weight", "float16", "in-if", "float64")
_SOURCES = ("initializer", "constant", "transpose", "input", "input-identity", "if", "overridable")
_TRANS_A: Deviations = dict(DEVIATIONS["Gemm"]["trans_a"])


def _schemes() -> Requested:
    """Return the deviations by row (or unlisted type) and condition, for tables 2 and 3."""
    conv, gemm, matmul = "Conv", "Gemm", "MatMul"
    conv_rows = some(DEVIATIONS[conv][""], *_NOTES, "rank-3", "dilation-2d", "group")
    conv_rows = {**conv_rows, **some(DEVIATIONS[conv]["dilation_d"], "d1-h1-w1", "d2-h1-w1")}
    conv_rows = {**conv_rows, **some(DEVIATIONS[conv]["weight_source"], *_SOURCES)}
    gemm_rows = some(DEVIATIONS[gemm][""], *_NOTES, "trans_b", "alpha", "beta")
    sources = some(DEVIATIONS[gemm]["weight_source"], *_SOURCES)
    second = DEVIATIONS[matmul]["second_input"]
    nonuniform = {
        ("nonuniform/onnx/Conv", ""): conv_rows,
        ("nonuniform/onnx/Gemm", ""): {**gemm_rows, **sources},
        ("nonuniform/onnx/Gemm", "trans_a"): _TRANS_A,
        ("nonuniform/onnx/unlisted/MatMul", ""): PLAIN,
        ("nonuniform/onnx/unlisted/ConvTranspose", ""): PLAIN,
    }
    weight_only = {
        ("weight_only/onnx/Gemm", ""): {**gemm_rows, **WEIGHT_SETTINGS},
        ("weight_only/onnx/Gemm", "weight_source"): sources,
        ("weight_only/onnx/Gemm", "trans_a"): _TRANS_A,
        ("weight_only/onnx/MatMul", ""): {
            **some(DEVIATIONS[matmul][""], "default", "shared-weight", "float16"),
            **WEIGHT_SETTINGS,
        },
        ("weight_only/onnx/MatMul", "second_input"): second,
        ("weight_only/onnx/MatMul", "weight_source"): sources,
        ("weight_only/onnx/MatMul", "constant_rank"): DEVIATIONS[matmul]["constant_rank"],
        ("weight_only/onnx/AveragePool", "mode"): PLAIN,
        ("weight_only/onnx/unlisted/Conv", ""): PLAIN,
        ("weight_only/onnx/unlisted/ConvTranspose", ""): PLAIN,
        ("weight_only/onnx/unlisted/MaxPool", ""): PLAIN,
    }
    return of_schemes(nonuniform, weight_only)


REQUESTED: Mapping[tuple[str, str], Deviations] = {
    **_schemes(),
    **settings_of(
        "onnx",
        tuple(DEVIATIONS),
        ("Gemm", "MatMul", "AveragePool"),
        {row: {"default": {}, "float16": FLOAT16["input"]} for row in ("MaxPool", "Add")},
        ("ConvTranspose", "Gemm"),
    ),
}
"""Deviations by row id and condition (``""`` for the row as a whole)."""
