"""The TensorFlow cases of tables 2 and 3: the layers of table 1, with other requests."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.cases.deviations import some
from pytest_amct.cases.plan import Changes, Deviations
from pytest_amct.cases.requests import (
    NONUNIFORM,
    OTHER,
    PLAIN,
    WEIGHT_ONLY,
    WEIGHT_SETTINGS,
    Requested,
    asking,
    beside_skipped,
    of_schemes,
    settings_of,
)
from pytest_amct.cases.tensorflow.float16 import FLOAT16, OTHER_TYPES
from pytest_amct.cases.tensorflow.rows import DEVIATIONS
from pytest_amct.cases.tensorflow.weights import FEW_SOURCES, IN_CALL

_SIMILAR = {
    "MatMul": ("BatchMatMulV2",),
    "BatchMatMulV2": ("MatMulV2",),
    "Conv2D": ("DepthwiseConv2D", "Conv2DBackpropInput"),
    "DepthwiseConv2dNative": ("Conv2D",),
    "Conv2DBackpropInput": ("Conv2D",),
    "Conv3D": ("Conv2D",),
    "AvgPool": ("MaxPool",),
}
"""Types of the Ascend IR to skip that are not the row's own, but have a similar name."""

_NOTES = ("default", "bias", "shared-weight", "float16", "float64", "in-call", "symbolic-batch")
_SOURCES = (
    *("const", "identity", "transpose", "five-hops", "input", "input-identity", "input-five-hops"),
    *("variable", "while", "random-seeded", "input-in-call"),
)
_MORE = (
    *("many-moves", "random", "iterator", "input-many-moves", "input-many-sums"),
    *("input-call-second", "input-reversed"),
)
"""Further sources for table 3: of a weight that changes, table 2 says nothing."""
_FACTORS = (
    *("identity-transpose", "adj_y-identity", "rank-3", "rank-3-identity", "rank-3-reshaped"),
    *("rank-3-transposed", "rank-4", "rank-3-data-rank-2", "rank-3-input", "constant-first"),
    *("input-v1", "input-v3", "rank-3-v3", "rank-3-call", "input-many-moves"),
    *("input-many-sums", "input-concat-third", "input-reversed"),
)
"""Second factors besides the plainest ones."""

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


_ASKED_FOR: Deviations = {
    "default": {},
    "float16": FLOAT16["input"],
    **some(FLOAT16, "weight-elsewhere", "bfloat16-elsewhere"),
    **OTHER_TYPES,
    **some(DEVIATIONS["AvgPool"][""], "reversed", "ports", "image", "fed-by-iterator", "resized"),
}
"""Layers for which quantization is asked by name."""

_SET_ON: Mapping[str, Deviations] = {
    "MatMul": {
        **some(DEVIATIONS["MatMul"]["weight_source"], "identity"),
        **some(DEVIATIONS["MatMul"][""], "bias"),
    },
    "BatchMatMulV2": {
        **some(DEVIATIONS["BatchMatMulV2"]["second_input"], "identity"),
        **some(DEVIATIONS["BatchMatMulV2"][""], "rank-2", "adj_y"),
    },
    "AvgPool": some(DEVIATIONS["AvgPool"][""], "nchw", "padding"),
}
"""Layers with settings of the weight algorithm, besides the conforming one."""

_ASKED_OF: Mapping[str, Deviations] = {
    "MaxPool": some(DEVIATIONS["MaxPool"][""], "nchw", "no-type", "no-type-convolved"),
    "Add": some(DEVIATIONS["Add"][""], "same", "constant", "constant-first", "scalar"),
}


def _schemes() -> Requested:
    """Return the deviations by row (or unlisted type) and condition, for tables 2 and 3."""
    conv, matmul, batch = "Conv2D", "MatMul", "BatchMatMulV2"
    conv_rows = some(DEVIATIONS[conv][""], *_NOTES, "strides", "group", "nchw")
    conv_rows = {**conv_rows, **some(DEVIATIONS[conv]["weight_source"], *_SOURCES)}
    matmul_rows = some(DEVIATIONS[matmul][""], *_NOTES)
    sources = some(DEVIATIONS[matmul]["weight_source"], *_SOURCES)
    more = {**sources, **some(DEVIATIONS[matmul]["weight_source"], *_MORE)}
    turned = {name: dict(DEVIATIONS[matmul][name]) for name in ("transpose_a", "transpose_b")}
    crosswise = some(DEVIATIONS[matmul]["transpose_b"], "true", "true-square")
    crosswise = {f"transpose_b-{name}": changes for name, changes in crosswise.items()}
    batch_rows = some(DEVIATIONS[batch][""], *_NOTES, "rank-4", "adj_y", "v1", "v3")
    second = {**FEW_SOURCES, **IN_CALL, **some(DEVIATIONS[batch]["second_input"], *_FACTORS)}
    nonuniform = {
        ("nonuniform/tensorflow/Conv2D", ""): conv_rows,
        ("nonuniform/tensorflow/Conv2D", "dilation"): _DILATIONS,
        ("nonuniform/tensorflow/MatMul", ""): {**matmul_rows, **crosswise, **sources},
        ("nonuniform/tensorflow/MatMul", "transpose_a"): turned["transpose_a"],
    }
    weight_only = {
        ("weight_only/tensorflow/MatMul", ""): {**matmul_rows, **WEIGHT_SETTINGS},
        ("weight_only/tensorflow/MatMul", "weight_source"): more,
        ("weight_only/tensorflow/MatMul", "transpose_a"): turned["transpose_a"],
        ("weight_only/tensorflow/MatMul", "transpose_b"): turned["transpose_b"],
        ("weight_only/tensorflow/BatchMatMulV2", ""): {**batch_rows, **WEIGHT_SETTINGS},
        ("weight_only/tensorflow/BatchMatMulV2", "adj_x"): dict(DEVIATIONS[batch]["adj_x"]),
        ("weight_only/tensorflow/BatchMatMulV2", "second_input"): second,
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


def _settings() -> Requested:
    found = settings_of(
        "tensorflow",
        tuple(DEVIATIONS),
        ("MatMul", "BatchMatMulV2", "AvgPool"),
        {row: {**_ASKED_FOR, **_ASKED_OF[row]} for row in ("MaxPool", "Add")},
        ("Conv2DBackpropInput", "MatMul"),
    )
    for row, layers in _SET_ON.items():
        for setting in ("channel_wise", "asymmetric"):
            given = found[f"settings/tensorflow/{row}", setting]
            more: Deviations = {f"true-{n}": {**given["true"], **layers[n]} for n in layers}
            found[f"settings/tensorflow/{row}", setting] = {**given, **more}
    key = "settings/tensorflow/AvgPool", "skip_layer_types"
    found[key] = {**found[key], **beside_skipped(FLOAT16["conv-weight-elsewhere"], ("Conv2D",))}
    for row in DEVIATIONS:
        by_name, by_type = (
            (f"settings/tensorflow/{row}", f"skip_{what}") for what in ("layers", "layer_types")
        )
        found[by_name] = {
            **found[by_name],
            "this-scopes": {"options": {"skip_layers": "this"}, "switches": ("scopes",)},
            "other-scopes": {"options": OTHER, "switches": ("scopes",)},
        }
        if row in _SIMILAR:
            similar: Changes = {"options": {"skip_layer_types": _SIMILAR[row]}}
            found[by_type] = {**found[by_type], "similar": similar}
    return found


REQUESTED: Mapping[tuple[str, str], Deviations] = {**_schemes(), **_settings()}
"""Deviations by row id and condition (``""`` for the row as a whole)."""
