#!/usr/bin/env bash
# onnxruntime 1.32: a call of a function that has the name of an operator is quantized as the operator.
#
# The quantizers choose nodes by their type and do not look at the domain. Here a model calls its own
# function acme.MatMul, which doubles a product. `quantize_dynamic` and the QOperator form of
# `quantize_static` replace the call by an integer matrix product: the factor is lost, and neither
# raises an error or warns. The QDQ form keeps the call, so its result is right but for rounding.
#
# Seen (the largest error, divided by the largest value):
#   dynamic:   MatMulInteger      0.50
#   QOperator: QLinearMatMul      0.50
#   QDQ:       acme.MatMul        0.01
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check \
    onnxruntime==1.32.0 onnx==1.23.2
cd "$dir"
venv/bin/python - <<'EOF'
import logging

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    quantize_dynamic,
    quantize_static,
)

logging.disable(logging.WARNING)
model = onnx.parser.parse_model(
    """
    <ir_version: 8, opset_import: ["" : 17, "acme" : 1]>
    g (float[4,8] x) => (float[4,8] y) { [call] y = acme.MatMul (x, w) }
    <domain: "acme", opset_import: ["" : 17]>
    MatMul (a, b) => (c) { [product] p = MatMul (a, b) [twice] c = Add (p, p) }
    """
)
rng = np.random.default_rng(1)
weight = rng.normal(size=(8, 8)).astype(np.float32)
model.graph.initializer.append(numpy_helper.from_array(weight, "w"))
onnx.checker.check_model(model, full_check=True)
onnx.save(model, "m.onnx")
x = rng.normal(size=(4, 8)).astype(np.float32)


def outputs(path: str) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


class Calibration(CalibrationDataReader):
    def __init__(self) -> None:
        self.given = iter([{"x": x}])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.given, None)


want = outputs("m.onnx")
assert np.allclose(want, 2 * x @ weight, atol=1e-5)
quantize_dynamic("m.onnx", "dynamic.onnx")
for form in (QuantFormat.QOperator, QuantFormat.QDQ):
    quantize_static("m.onnx", f"{form}.onnx", Calibration(), quant_format=form)
errors = {}
for name in ("dynamic", "QOperator", "QDQ"):
    nodes = onnx.load(f"{name}.onnx").graph.node
    (product,) = (node for node in nodes if "MatMul" in node.op_type)
    errors[name] = float(np.abs(outputs(f"{name}.onnx") - want).max() / np.abs(want).max())
    type_ = f"{product.domain}.{product.op_type}".lstrip(".")
    print(f"{name + ':':10} {type_:18} {errors[name]:.2f}")
assert errors["dynamic"] > 0.4, "dynamic quantization keeps the function"
assert errors["QOperator"] > 0.4, "the QOperator form keeps the function"
assert errors["QDQ"] < 0.05, "the QDQ form is wrong, too"
EOF
