#!/usr/bin/env bash
# nncf 3.4.0: a weight that a branch of an If captures is deleted when it is quantized.
#
# In ONNX, a nested graph may use an initializer of the graph around it. nncf stores the quantized
# weight of a MatMul under another name and removes the float one, as its only reader in the main
# graph is rewritten. The branch still names it. nncf raises nothing; the result is not valid:
# onnx.checker and onnxruntime refuse it.
#
# Seen:
#   stored: scale_w_1, zero_point_w_1, q_output_w_1 (and those of x); not w
#   the branch reads: x, w
#   onnxruntime: INVALID_GRAPH
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check \
    nncf==3.4.0 onnx==1.23.2 onnxruntime==1.32.0
cd "$dir"
venv/bin/python - <<'EOF'
import nncf
import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

rng = np.random.default_rng(1)
model = onnx.parser.parse_model("""
<ir_version: 8, opset_import: ["": 17]>
g (float[8,32] x, bool c) => (float[8,32] y, float[8,32] z) {
  [product] t = MatMul (x, w)
  [activation] y = Relu (t)
  [choice] z = If (c) <
    then_branch = yes () => (float[8,32] a) { [nested] a = MatMul (x, w) },
    else_branch = no () => (float[8,32] b) { [same] b = Relu (x) }
  >
}""")
weight = rng.normal(0, 0.1, (32, 32)).astype(np.float32)
model.graph.initializer.append(numpy_helper.from_array(weight, "w"))
onnx.checker.check_model(model, full_check=True)
data = [{"x": rng.normal(size=(8, 32)).astype(np.float32), "c": np.array(True)} for _ in range(4)]
onnxruntime.InferenceSession(model.SerializeToString()).run(None, data[0])

result = nncf.quantize(model, nncf.Dataset(data), subset_size=4)
kept = [tensor.name for tensor in result.graph.initializer]
(branch,) = (
    attribute.g
    for node in result.graph.node
    if node.op_type == "If"
    for attribute in node.attribute
    if attribute.name == "then_branch"
)
read = [name for node in branch.node for name in node.input]
print("stored:", ", ".join(kept))
print("the branch reads:", ", ".join(read))
try:
    onnxruntime.InferenceSession(result.SerializeToString())
    loaded = "loads"
except Exception as error:
    loaded = "INVALID_GRAPH" if "INVALID_GRAPH" in str(error) else type(error).__name__
print("onnxruntime:", loaded)
assert "w" in read and "w" not in kept
assert loaded == "INVALID_GRAPH"
EOF
