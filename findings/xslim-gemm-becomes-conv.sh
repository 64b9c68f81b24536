#!/usr/bin/env bash
# xslim 2.1.2: a Gemm after a Flatten becomes a Conv of the same name, per channel.
#
# xslim (a relative of PPQ, for SpacemiT processors) folds Flatten and Gemm into a Conv whose kernel
# covers the whole map. The node is still called `gemm`; the node `flatten` moves after it. The
# granularity changes with the type: this product has one weight scale for each channel, the MatMul
# after it a single one. The opset becomes 24, whatever the input's opset is. Neither the names nor
# the number of layers shows any of this.
#
# Seen:
#   before: conv Conv, flatten Flatten, gemm Gemm, matmul MatMul, sigmoid Sigmoid; opset 17
#   after:  conv Conv, gemm Conv, flatten Flatten, matmul MatMul, sigmoid Sigmoid; opset 24
#   weight scales: conv 32, gemm 24, matmul 1
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check \
    xslim==2.1.2 torch==2.14.1 torchvision==0.29.1 onnx==1.21.0
cd "$dir"
venv/bin/python - <<'EOF'
import numpy as np
import onnx
import xslim
from onnx import numpy_helper

rng = np.random.default_rng(1)
model = onnx.parser.parse_model("""
<ir_version: 8, opset_import: ["": 17]>
g (float[1,16,4,4] x) => (float[1,64] y) {
  [conv] t0 = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1], group = 1, dilations = [1, 1]>
    (x, w0)
  [flatten] t1 = Flatten <axis = 1> (t0)
  [gemm] t2 = Gemm (t1, w1, b1)
  [matmul] t3 = MatMul (t2, w2)
  [sigmoid] y = Sigmoid (t3)
}""")
for name, shape in {"w0": (32, 16, 3, 3), "w1": (512, 24), "b1": (24,), "w2": (24, 64)}.items():
    values = rng.normal(0, 0.1, shape).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(values, name))
onnx.checker.check_model(model, full_check=True)
files = [f"{i}.npy" for i in range(10)]
for name in files:
    np.save(name, rng.normal(size=(1, 16, 4, 4)).astype(np.float32))
with open("files.txt", "w") as listing:
    listing.write("\n".join(files))
source = {"input_name": "x", "input_shape": [1, 16, 4, 4], "file_type": "npy"}
config = {
    "model_parameters": {"output_prefix": "out", "working_dir": "."},
    "calibration_parameters": {
        "calibration_step": 10,
        "calibration_device": "cpu",
        "calibration_type": "minmax",
        "input_parameters": [source | {"data_list_path": "./files.txt"}],
    },
    "quantization_parameters": {"finetune_level": 0, "analysis_enable": False},
}
result = xslim.quantize_onnx_model(config, model)

layers = {}
for when, seen in (("before", model), ("after", result)):
    named = [(n.name, n.op_type) for n in seen.graph.node if not n.op_type.endswith("tizeLinear")]
    layers[when] = named
    listed = ", ".join(" ".join(pair) for pair in named)
    print(f"{when}: {listed}; opset {seen.opset_import[0].version}")
values = {i.name: numpy_helper.to_array(i) for i in result.graph.initializer}
producers = {name: n for n in result.graph.node for name in n.output}
products = [n for n in result.graph.node if n.op_type in ("Conv", "Gemm", "MatMul")]
scales = {n.name: values[producers[n.input[1]].input[1]].size for n in products}
print("weight scales:", ", ".join(f"{name} {count}" for name, count in scales.items()))
assert layers["after"][1:3] == [("gemm", "Conv"), ("flatten", "Flatten")], "the Gemm is kept now"
assert scales == {"conv": 32, "gemm": 24, "matmul": 1}
EOF
