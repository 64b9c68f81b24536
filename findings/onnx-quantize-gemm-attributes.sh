#!/usr/bin/env bash
# onnx-quantize 0.2.0: alpha, beta and transA of a quantized Gemm are dropped silently.
#
# A quantized Gemm becomes a call to a local function (`quant::QGemmWeightsOnly` and others) whose
# body is a plain Gemm or MatMulInteger. The call passes no attributes, and the rewrite only checks
# transB. The result is a valid model that computes x @ w + b, whatever the attributes of the Gemm
# are. There is no error or warning, and the output is wrong in every mode. With a square input,
# even the shapes fit.
#
# Seen (relative error of the output):
#   plain weights 0.009, dynamic 0.011, static 0.011
#   {'alpha': 0.5} weights 0.96, dynamic 0.96, static 0.96
#   {'transA': 1} weights 1.41, dynamic 1.41, static 1.41
#   {'beta': 0.0} weights 0.19, dynamic 0.19, static 0.19
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check \
    onnx-quantize==0.2.0 onnx==1.23.2 onnxruntime==1.32.0
cd "$dir"
venv/bin/python - <<'EOF'
import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnx_quantize import QConfig, quantize

rng = np.random.default_rng(0)
x, w = (rng.normal(size=(32, 32)).astype(np.float32) for _ in range(2))
MODES = {
    "weights": {"weights_only": True},
    "dynamic": {"is_static": False},
    "static": {"calibration_data": x},
}


def gemm(attributes: dict) -> onnx.ModelProto:
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], "gemm", **attributes)
    ends = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [32, 32]) for n in "xy"]
    constants = [numpy_helper.from_array(w, "w"), numpy_helper.from_array(w[0], "b")]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def run(model: onnx.ModelProto) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]


def errors(attributes: dict) -> dict[str, float]:
    exact = run(gemm(attributes))
    results = {m: run(quantize(gemm(attributes), QConfig(**o))) for m, o in MODES.items()}
    return {m: float(abs(r - exact).mean() / abs(exact).mean()) for m, r in results.items()}


plain = errors({})
print("plain", ", ".join(f"{mode} {error:.3f}" for mode, error in plain.items()))
assert max(plain.values()) < 0.05
for attributes in ({"alpha": 0.5}, {"transA": 1}, {"beta": 0.0}):
    seen = errors(attributes)
    print(attributes, ", ".join(f"{mode} {error:.2f}" for mode, error in seen.items()))
    assert min(seen.values()) > 0.1, f"{attributes} is kept now"
EOF
