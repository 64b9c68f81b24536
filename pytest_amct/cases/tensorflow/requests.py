"""The TensorFlow cases of tables 2 and 3: the layers of table 1, with other requests."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.cases.deviations import some
from pytest_amct.cases.plan import Deviations
from pytest_amct.cases.requests import (
    NONUNIFORM,
    PLAIN,
    WEIGHT_ONLY,
    WEIGHT_SETTINGS,
    Requested,
    asking,
    of_schemes,
    settings_of,
)
from pytest_amct.cases.tensorflow.rows import DEVIATIONS, FLOAT16

_NOTES = ("default", "bias", "shared-weight", "float16", "float64", "in-call", "symbolic-batch")
_SOURCES = (
    *("const", "identity", "transpose", "five-hops", "input", "input-identity", "input-five-hops"),
    *("variable", "while", "random-seeded", "input-in-call"),
)
_DILATIONS: Deviations = {
    name: {**changes, "source": "const"}
    for name, changes in DEVIATIONS["Conv2DBackpropInput"]["dilation"].items()
}
"""Dilations for Conv2D: table 2 asks of it what table 1 asks only of Conv2DBackpropInput."""

_UNLISTED = {
    "nonuniform": ("DepthwiseConv2dNative", "Conv2DBackpropInput", "BatchMatMulV2", "Conv3D"),
    "weight_only": (
        *("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "Conv3D"),
        *("MaxPool", "Add"),
    ),
}


def _schemes() -> Requested:
    """Return the deviations by row (or unlisted type) and condition, for tables 2 and 3."""
    conv, matmul, batch = "Conv2D", "MatMul", "BatchMatMulV2"
    conv_rows = some(DEVIATIONS[conv][""], *_NOTES, "strides", "group", "nchw")
    conv_rows = {**conv_rows, **some(DEVIATIONS[conv]["weight_source"], *_SOURCES)}
    matmul_rows = some(DEVIATIONS[matmul][""], *_NOTES)
    sources = some(DEVIATIONS[matmul]["weight_source"], *_SOURCES)
    turned = {name: dict(DEVIATIONS[matmul][name]) for name in ("transpose_a", "transpose_b")}
    crosswise = some(DEVIATIONS[matmul]["transpose_b"], "true", "true-square")
    crosswise = {f"transpose_b-{name}": changes for name, changes in crosswise.items()}
    batch_rows = some(DEVIATIONS[batch][""], *_NOTES, "rank-4", "adj_y", "v1", "v3")
    nonuniform = {
        ("nonuniform/tensorflow/Conv2D", ""): conv_rows,
        ("nonuniform/tensorflow/Conv2D", "dilation"): _DILATIONS,
        ("nonuniform/tensorflow/MatMul", ""): {**matmul_rows, **crosswise, **sources},
        ("nonuniform/tensorflow/MatMul", "transpose_a"): turned["transpose_a"],
    }
    weight_only = {
        ("weight_only/tensorflow/MatMul", ""): {**matmul_rows, **WEIGHT_SETTINGS},
        ("weight_only/tensorflow/MatMul", "weight_source"): sources,
        ("weight_only/tensorflow/MatMul", "transpose_a"): turned["transpose_a"],
        ("weight_only/tensorflow/MatMul", "transpose_b"): turned["transpose_b"],
        ("weight_only/tensorflow/BatchMatMulV2", ""): {**batch_rows, **WEIGHT_SETTINGS},
        ("weight_only/tensorflow/BatchMatMulV2", "adj_x"): dict(DEVIATIONS[batch]["adj_x"]),
        ("weight_only/tensorflow/BatchMatMulV2", "second_input"): dict(
            DEVIATIONS[batch]["second_input"]
        ),
        ("weight_only/tensorflow/BatchMatMulV2", "weight_source"): sources,
        ("weight_only/tensorflow/BatchMatMulV2", "constant_rank"): DEVIATIONS[batch][
            "constant_rank"
        ],
        ("weight_only/tensorflow/AvgPool", "mode"): PLAIN,
    }
    found = of_schemes(nonuniform, weight_only)
    for scheme, types in _UNLISTED.items():
        options = NONUNIFORM if scheme == "nonuniform" else WEIGHT_ONLY
        for type_ in types:
            found[f"{scheme}/tensorflow/unlisted/{type_}", ""] = asking(options, PLAIN)
    return found


REQUESTED: Mapping[tuple[str, str], Deviations] = {
    **_schemes(),
    **settings_of(
        "tensorflow",
        tuple(DEVIATIONS),
        ("MatMul", "BatchMatMulV2", "AvgPool"),
        {row: {"default": {}, "float16": FLOAT16["input"]} for row in ("MaxPool", "Add")},
        ("Conv2DBackpropInput", "MatMul"),
    ),
}
"""Deviations by row id and condition (``""`` for the row as a whole)."""
