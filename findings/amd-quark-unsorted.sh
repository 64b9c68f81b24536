#!/usr/bin/env bash
# amd-quark 0.13: XINT8 replaces Sigmoid and writes an unsorted graph.
#
# The configuration XINT8 targets hardware without a sigmoid. It replaces the node by a HardSigmoid
# of the same name and a Mul, which compute a different function. It also adds a Mul after an
# AveragePool. The new nodes are at the end of the list, after their consumers. ONNX requires sorted
# nodes: onnx.checker rejects the file, while onnxruntime sorts the nodes itself and runs it. A
# reader that walks the nodes once in file order meets consumers before their producers.
#
# Seen:
#   sigmoid is a HardSigmoid
#   out of order: y_QuantizeLinear before its producer y_QuantizeLinear_Input_Mul
#   checker: Nodes in a graph must be topologically sorted
#   onnxruntime runs it
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check \
    amd-quark==0.13 torch==2.14.1 onnx==1.22.0 onnxruntime==1.32.0
cd "$dir"
venv/bin/python - <<'EOF'
import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader
from quark.onnx import ModelQuantizer, QConfig

rng = np.random.default_rng(1)
model = onnx.parser.parse_model("""
<ir_version: 8, opset_import: ["": 17]>
g (float[1,16,8,8] x) => (float[1,32,8,8] y) {
  [conv] t = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (x, w)
  [sigmoid] y = Sigmoid (t)
}""")
values = rng.normal(0, 0.1, (32, 16, 3, 3)).astype(np.float32)
model.graph.initializer.append(numpy_helper.from_array(values, "w"))
onnx.checker.check_model(model, full_check=True)
data = [{"x": rng.normal(size=(1, 16, 8, 8)).astype(np.float32)} for _ in range(4)]


class Reader(CalibrationDataReader):
    def __init__(self):
        self.rest = iter(data)

    def get_next(self):
        return next(self.rest, None)


quantizer = ModelQuantizer(QConfig.get_default_config("XINT8"))
quantizer.quantize_model(model, "out.onnx", Reader())
result = onnx.load("out.onnx")
kinds = {n.name: n.op_type for n in result.graph.node}
print("sigmoid is a", kinds["sigmoid"])
assert kinds["sigmoid"] == "HardSigmoid", "the Sigmoid is kept now"

made = {name: (i, n) for i, n in enumerate(result.graph.node) for name in n.output}
early = [
    (n.name, made[name][1].name)
    for i, n in enumerate(result.graph.node)
    for name in n.input
    if name in made and made[name][0] > i
]
for consumer, producer in early:
    print(f"out of order: {consumer} before its producer {producer}")
assert early, "the nodes are sorted now"
try:
    onnx.checker.check_model(result)
except onnx.checker.ValidationError as error:
    print("checker:", str(error).split(",")[0])
else:
    raise AssertionError("the checker accepts the file now")
onnxruntime.InferenceSession("out.onnx").run(None, data[0])
print("onnxruntime runs it")
EOF
