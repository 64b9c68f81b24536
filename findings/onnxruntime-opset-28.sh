#!/usr/bin/env bash
# onnx 1.23.2 and onnxruntime 1.32.0: a float model of opset 28 runs, its quantized form does not.
#
# onnx 1.23 knows opset 28, which has new versions of QuantizeLinear and DequantizeLinear.
# onnxruntime 1.32 loads models of opset 28 and runs operators that opset 28 did not change, but it
# has no kernel for these two. onnx.checker accepts the file with its full check. A quantizer may
# thus calibrate without an error and then write a file that no session loads.
#
# Seen:
#   opset 27: float runs, quantized runs
#   opset 28: float runs, quantized: Could not find an implementation for QuantizeLinear(28)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0
cd "$dir"
venv/bin/python - <<'EOF'
import re

import numpy as np
import onnx
import onnxruntime

onnxruntime.set_default_logger_severity(4)
FLOAT = "[relu] y = Relu (x)"
QUANTIZED = """
  scale = Constant <value = float {0.5}> ()
  zero = Constant <value = int8 {0}> ()
  [quantize] a = QuantizeLinear (x, scale, zero)
  [dequantize] b = DequantizeLinear (a, scale, zero)
  [relu] y = Relu (b)"""


def outcome(opset: int, body: str) -> str:
    model = onnx.parser.parse_model(
        f'<ir_version: 13, opset_import: ["": {opset}]> g (float[4] x) => (float[4] y) {{ {body} }}'
    )
    onnx.checker.check_model(model, full_check=True)
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString())
    except Exception as error:
        found = re.search(r"Could not find an implementation for \w+\(\d+\)", str(error))
        return found.group() if found else str(error)
    session.run(None, {"x": np.arange(4, dtype=np.float32)})
    return "runs"


seen = {opset: (outcome(opset, FLOAT), outcome(opset, QUANTIZED)) for opset in (27, 28)}
for opset, (floating, quantized) in seen.items():
    print(f"opset {opset}: float {floating}, quantized: {quantized}")
assert seen[27] == ("runs", "runs")
assert seen[28][0] == "runs", "the float model of opset 28 is refused, too"
assert seen[28][1] == "Could not find an implementation for QuantizeLinear(28)"
EOF
