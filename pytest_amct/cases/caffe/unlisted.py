"""Caffe types without a row, with names or uses similar to those of the rows.

`CaseSource` explains each name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pytest_amct.cases.plan import Plan

_2D = (1, 32, 4, 4)
_CHANNELS = ("float32", (0.5,) * 32)

_DEPTHWISE = Plan(
    "ConvolutionDepthwise",
    _2D,
    attributes={"num_output": 32, "kernel_size": 1, "bias_term": False},
    weight=(32, 1, 1, 1),
)
"""The layer of forks that is a convolution with as many groups as channels."""

UNLISTED: Mapping[str, Plan] = {
    **{t: Plan(t, _2D) for t in ("ReLU", "Sigmoid", "TanH", "AbsVal", "BNLL", "ELU", "Softmax")},
    "Dropout": Plan("Dropout", _2D),
    "Power": Plan("Power", _2D, attributes={"power": 2.0, "scale": 0.5}),
    "PReLU": Plan("PReLU", _2D, extra=(_CHANNELS,)),
    "Scale": Plan("Scale", _2D, attributes={"axis": 1}, extra=(_CHANNELS,)),
    "BatchNorm": Plan(
        "BatchNorm",
        _2D,
        attributes={"use_global_stats": True},
        extra=(_CHANNELS, _CHANNELS, ("float32", (1.0,))),
    ),
    "LRN": Plan("LRN", _2D, attributes={"local_size": 3}),
    "MVN": Plan("MVN", _2D),
    "Concat": Plan("Concat", _2D, attributes={"axis": 1}, second="branch"),
    "Slice": Plan("Slice", _2D, attributes={"axis": 1}, outputs=2),
    "Split": Plan("Split", _2D, outputs=2),
    "Flatten": Plan("Flatten", _2D),
    "Reshape": Plan("Reshape", _2D, attributes={"shape": [1, 8, 8, 8]}),
    "Bias": Plan("Bias", _2D, attributes={"axis": 1}, extra=(_CHANNELS,)),
    "Embed": Plan(
        "Embed",
        (1, 32),
        attributes={"input_dim": 32, "num_output": 32, "bias_term": False},
        weight=(32, 32),
    ),
    "Permute": Plan("Permute", _2D, attributes={"order": [0, 1, 3, 2]}),
    "Upsample": Plan("Upsample", _2D, attributes={"scale": 2}),
    "LSTM": Plan("LSTM", (4, 1, 32), attributes={"num_output": 32}, second="steps"),
    "ConvolutionDepthwise": _DEPTHWISE,
    "DepthwiseConvolution": replace(_DEPTHWISE, type="DepthwiseConvolution"),
}

AROUND: tuple[str, ...] = ("Sigmoid", "PReLU", "Scale", "LRN", "Concat")
