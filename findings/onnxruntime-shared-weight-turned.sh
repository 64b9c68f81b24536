#!/usr/bin/env bash
# onnxruntime 1.32.0: a weight that two Gemm share, one of them with transB, has the wrong scales.
#
# In QOperator form with per_channel, the weight is quantized once, with a scale for each output
# channel of the first Gemm. The output channels of the second one lie along the other axis of the
# stored weight, because it has transB = 1. Both get the same integers and the same scales. If the
# weight is square, everything fits: the checker passes, a session loads and runs, and the second
# result is wrong. QDQ form names an axis, and is right.
#
# Seen (largest error, relative to the largest value):
#   QOperator, per tensor: 0.02 and 0.03
#   QOperator, per channel: 0.01 and 1.56
#   QDQ, per channel: 0.01 and 0.01
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0
cd "$dir"
venv/bin/python - <<'EOF'
import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime import InferenceSession
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

rng = np.random.default_rng(1)
model = onnx.parser.parse_model("""
<ir_version: 8, opset_import: ["": 17]>
g (float[8,32] x) => (float[8,32] y, float[8,32] z) {
  [plain] y = Gemm (x, w)
  [turned] z = Gemm <transB = 1> (x, w)
}""")
# The columns have different ranges, the rows do not.
weight = (rng.normal(0, 0.1, (32, 32)) * np.geomspace(0.05, 5, 32)).astype(np.float32)
model.graph.initializer.append(numpy_helper.from_array(weight, "w"))
onnx.checker.check_model(model, full_check=True)
onnx.save(model, "float.onnx")
data = [{"x": rng.normal(size=(8, 32)).astype(np.float32)} for _ in range(8)]
exact = InferenceSession("float.onnx").run(None, data[0])


class Reader(CalibrationDataReader):
    def __init__(self):
        self.rest = iter(data)

    def get_next(self):
        return next(self.rest, None)


def errors(form: QuantFormat, per_channel: bool) -> list[float]:
    options = {"quant_format": form, "per_channel": per_channel, "weight_type": QuantType.QInt8}
    quantize_static("float.onnx", "out.onnx", Reader(), **options)
    onnx.checker.check_model(onnx.load("out.onnx"), full_check=True)
    found = InferenceSession("out.onnx").run(None, data[0])
    return [float(np.abs(a - b).max() / np.abs(a).max()) for a, b in zip(exact, found)]


seen = {
    "QOperator, per tensor": errors(QuantFormat.QOperator, False),
    "QOperator, per channel": errors(QuantFormat.QOperator, True),
    "QDQ, per channel": errors(QuantFormat.QDQ, True),
}
for how, (first, second) in seen.items():
    print(f"{how}: {first:.2f} and {second:.2f}")
assert max(*seen["QOperator, per tensor"], *seen["QDQ, per channel"]) < 0.1
assert seen["QOperator, per channel"][0] < 0.1 and seen["QOperator, per channel"][1] > 0.5
EOF
