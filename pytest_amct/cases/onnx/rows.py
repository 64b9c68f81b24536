"""The ONNX cases of table 1: for each row a conforming layer, and named deviations from it.

This is pure data, in the order in which the tests run. A deviation lists changes and never an
answer. Layers have 32 channels, so that every weight has at least 1,024 elements. `CaseSource`
explains each name.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_amct.cases.onnx import convolutions, pools, products
from pytest_amct.cases.onnx.float16 import FLOAT16_PLAIN
from pytest_amct.cases.onnx.weights import SOURCES_PLAIN
from pytest_amct.cases.plan import Deviations, Plan

DEFAULTS: Mapping[str, Plan] = {
    "Conv": convolutions.CONV,
    "Gemm": products.GEMM,
    "ConvTranspose": convolutions.CONV_TRANSPOSE,
    "MatMul": products.MATMUL,
    "AveragePool": pools.AVERAGE_POOL,
    "MaxPool": pools.MAX_POOL,
    "Add": pools.ADD,
}

DEVIATIONS: Mapping[str, Mapping[str, Deviations]] = {
    "Conv": convolutions.OF_CONV,
    "Gemm": products.OF_GEMM,
    "ConvTranspose": convolutions.OF_CONV_TRANSPOSE,
    "MatMul": products.OF_MATMUL,
    "AveragePool": pools.OF_AVERAGE_POOL,
    "MaxPool": pools.OF_MAX_POOL,
    "Add": pools.OF_ADD,
}

AMONG_OTHERS = frozenset(("custom-in-if",)).union(
    convolutions.CONVOLUTIONS_AMONG, products.PRODUCTS_AMONG
)
"""What is seldom wrong: the gate has it among the layers of its networks, and not alone."""

PLAIN_ONLY = frozenset((*SOURCES_PLAIN, *FLOAT16_PLAIN, "wide-kernel")).union(
    convolutions.CONVOLUTIONS_PLAIN, products.PRODUCTS_PLAIN, pools.POOLS_PLAIN
)
