"""TensorFlow types without a row, with names or uses similar to those of the rows.

TensorFlow can import and run each of them. `CaseSource` explains each name.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.cases.plan import Plan
from pytest_amct.cases.tensorflow.builder import Dtype

_2D, _3D = (1, 4, 4, 32), (1, 4, 4, 4, 16)
_CONV = {"strides": [1] * 4, "padding": "VALID", "dilations": [1] * 4}
_CONV3 = {"strides": [1] * 5, "padding": "VALID", "dilations": [1] * 5, "data_format": "NDHWC"}
_POOL = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "VALID"}
_POOL3 = {"ksize": [1, 2, 2, 2, 1], "strides": [1, 2, 2, 2, 1], "padding": "VALID"}
_NORM = {"epsilon": 0.001, "is_training": False, "data_format": "NHWC", "U": Dtype("float32")}
_FUSED = {"num_args": 1, "fused_ops": ["BiasAdd"], "TArgs": [Dtype("float32")]}
_INT = Dtype("int32")
_ONES, _TENTHS = ("float32", (0.5,) * 32), ("float32", (0.1,) * 32)

UNLISTED: Mapping[str, Plan] = {
    "BiasAdd": Plan("BiasAdd", _2D, extra=(_TENTHS,), attributes={"data_format": "NHWC"}),
    **{
        t: Plan(t, _2D, second="branch")
        for t in ("Mul", "Sub", "RealDiv", "Maximum", "SquaredDifference", "Minimum")
    },
    "ConcatV2": Plan(
        "ConcatV2",
        _2D,
        second="branch",
        extra=(("int32", (-1.0,)),),
        attributes={"N": 2, "Tidx": _INT},
    ),
    "AddN": Plan("AddN", _2D, second="branch", attributes={"N": 2}),
    **{
        t: Plan(t, _2D)
        for t in (
            *("Relu", "Relu6", "Sigmoid", "Tanh", "Softmax", "LeakyRelu", "Elu", "Selu"),
            *("Softplus", "LogSoftmax", "Exp", "Sqrt", "Rsqrt", "Abs"),
        )
    },
    **{
        t: Plan(
            t,
            _2D,
            extra=(("int32", (1.0, 2.0)),),
            attributes={"keep_dims": False, "Tidx": _INT},
        )
        for t in ("Mean", "Sum", "Max")
    },
    "Reshape": Plan("Reshape", _2D, extra=(("int32", _2D),)),
    "Transpose": Plan("Transpose", _2D, extra=(("int32", (0.0, 2.0, 1.0, 3.0)),)),
    "Slice": Plan(
        "Slice",
        _2D,
        extra=(("int32", (0,) * 4), ("int32", _2D)),
        attributes={"Index": Dtype("int32")},
    ),
    **{
        t: Plan(t, _2D, extra=(("int32", (4.0, 4.0)),))
        for t in ("ResizeBilinear", "ResizeNearestNeighbor")
    },
    "MaxPoolV2": Plan(
        "MaxPoolV2",
        _2D,
        extra=(("int32", (1.0, 2.0, 2.0, 1.0)),) * 2,
        attributes={"padding": "VALID", "data_format": "NHWC"},
    ),
    "MaxPoolWithArgmax": Plan("MaxPoolWithArgmax", _2D, attributes=_POOL),
    "AvgPool3D": Plan("AvgPool3D", _3D, attributes=_POOL3),
    "MaxPool3D": Plan("MaxPool3D", _3D, attributes=_POOL3),
    "FusedBatchNormV3": Plan(
        "FusedBatchNormV3", _2D, extra=(_ONES, _TENTHS, _TENTHS, _ONES), attributes=_NORM
    ),
    "FusedBatchNorm": Plan(
        "FusedBatchNorm",
        _2D,
        extra=(_ONES, _TENTHS, _TENTHS, _ONES),
        attributes={"epsilon": 0.001, "is_training": False, "data_format": "NHWC"},
    ),
    "_FusedMatMul": Plan(
        "_FusedMatMul",
        (4, 32),
        weight=(32, 32),
        source="const",
        extra=(_TENTHS,),
        attributes={"num_args": 1, "fused_ops": ["BiasAdd"]},
    ),
    "_FusedConv2D": Plan(
        "_FusedConv2D",
        _2D,
        weight=(2, 2, 32, 32),
        source="const",
        extra=(_TENTHS,),
        attributes={**_CONV, **_FUSED},
    ),
    "_FusedDepthwiseConv2dNative": Plan(
        "_FusedDepthwiseConv2dNative",
        (1, 4, 4, 64),
        weight=(4, 4, 64, 1),
        source="const",
        extra=(("float32", (0.1,) * 64),),
        attributes={**_CONV, "padding": "SAME", "num_args": 1, "fused_ops": ["BiasAdd"]},
    ),
    **{
        t: Plan(
            t,
            _2D,
            weight=(2, 2, 32, 32),
            source="const",
            attributes={"strides": [1] * 4, "padding": "VALID", "mode": "REFLECT"},
        )
        for t in ("FusedPadConv2D", "FusedResizeAndPadConv2D")
    },
    "Conv": Plan(
        "Conv",
        _2D,
        weight=(2, 2, 32, 32),
        source="const",
        attributes={**_CONV, "groups": 1},
    ),
    "Conv3DBackpropInputV2": Plan(
        "Conv3DBackpropInputV2", _3D, attributes=_CONV3, weight=(2, 2, 2, 16, 16), source="const"
    ),
    "DepthwiseConv2dNativeBackpropInput": Plan(
        "DepthwiseConv2dNativeBackpropInput",
        (1, 4, 4, 64),
        attributes={**_CONV, "padding": "SAME"},
        weight=(4, 4, 64, 1),
        source="const",
    ),
    "Dilation2D": Plan(
        "Dilation2D",
        (1, 8, 8, 32),
        attributes={"strides": [1] * 4, "rates": [1] * 4, "padding": "SAME"},
        weight=(6, 6, 32),
        source="const",
    ),
    **{
        t: Plan(t, _2D, attributes={"pooling_ratio": [1.0] * 4})
        for t in ("FractionalAvgPool", "FractionalMaxPool")
    },
    "SparseMatMul": Plan("SparseMatMul", (4, 32), weight=(32, 32), source="const"),
    "Einsum": Plan(
        "Einsum",
        (4, 32),
        attributes={"N": 2, "equation": "ij,jk->ik"},
        weight=(32, 32),
        source="const",
    ),
}

AROUND: tuple[str, ...] = ("Sigmoid", "Mul", "Softmax", "BiasAdd", "FusedBatchNormV3", "Mean")
