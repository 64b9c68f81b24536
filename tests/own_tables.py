"""Table files with a single row, for tests of a single condition."""

from __future__ import annotations


def one_row(require: str) -> str:
    """A release with a single row, Gemm, and a single condition."""
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
