#!/usr/bin/env bash
# onnxruntime 1.32.0: an AveragePool that is excluded from quantization keeps its Q/DQ pairs.
#
# `quantize_static(nodes_to_exclude=["pool"])` on Conv -> AveragePool -> Conv returns the same nodes
# as without the exclusion: both Convs need quantized data, so the pool is between the same two
# pairs. Only the scale differs. A quantized pool runs on integers and shares the scale of its
# input. An excluded pool has its own output scale. A reader that only checks the operators mistakes
# an excluded pool for a quantized one.
#
# Seen:
#   excluded = []: 13 nodes, behind the pool: t0_scale (0.0333)
#   excluded = ['pool']: 13 nodes, behind the pool: t1_scale (0.0159)
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
from onnxruntime.quantization import CalibrationDataReader, quantize_static

rng = np.random.default_rng(1)
model = onnx.parser.parse_model("""
<ir_version: 8, opset_import: ["": 17]>
g (float[1,16,8,8] x) => (float[1,32,4,4] y) {
  [conv0] t0 = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (x, w0)
  [pool] t1 = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (t0)
  [conv1] y = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (t1, w1)
}""")
for name, channels in (("w0", 16), ("w1", 32)):
    values = rng.normal(0, 0.1, (32, channels, 3, 3)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(values, name))
onnx.checker.check_model(model, full_check=True)
onnx.save(model, "float.onnx")
data = [{"x": rng.normal(size=(1, 16, 8, 8)).astype(np.float32)} for _ in range(4)]


class Reader(CalibrationDataReader):
    def __init__(self):
        self.rest = iter(data)

    def get_next(self):
        return next(self.rest, None)


kinds, scales = [], []
for excluded in ([], ["pool"]):
    quantize_static("float.onnx", "out.onnx", Reader(), nodes_to_exclude=excluded)
    graph = onnx.load("out.onnx").graph
    values = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    behind = next(n for n in graph.node if n.op_type == "QuantizeLinear" and n.input[0] == "t1")
    kinds.append([(n.name, n.op_type) for n in graph.node])
    scales.append(behind.input[1])
    print(f"excluded = {excluded}: {len(graph.node)} nodes, "
          f"behind the pool: {behind.input[1]} ({values[behind.input[1]]:.4f})")
assert kinds[0] == kinds[1], "the exclusion changes the nodes now"
assert scales == ["t0_scale", "t1_scale"], "the scales no longer tell the two apart"
EOF
