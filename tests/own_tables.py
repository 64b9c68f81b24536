"""Table files of a single row, for tests of what one condition says."""

from __future__ import annotations


def one_row(require: str) -> str:
    """A release whose one row lists Gemm, under one condition."""
    return f"""
release = "0.1"
title = "One row"
[lists]
uniform = "stated"
[float16]
closed = []
basis = "stated"
[[row]]
id = "uniform/onnx/Gemm"
types = ["Gemm"]
ir = ["MatMulV2"]
ports = {{ data = [0], weight = 1 }}
[[row.condition]]
id = "c"
require = {require}
basis = "stated"
"""
