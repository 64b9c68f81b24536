#!/usr/bin/env bash
# esp-ppq 1.3.12: a ConvTranspose comes back as a Conv with the same node name.
#
# Its ONNX quantizers decompose every ConvTranspose before anything else. The layer `deconv` is a
# Conv afterwards, with its weight transposed and flipped. For strides above 1, an InsertZeros
# precedes it. No ONNX version defines this operator, so onnx.checker and onnxruntime reject the
# file. The Identity at the end is dropped, so the graph's output has another name. The AMCT record
# for platform ASC_INT8 describes the Conv: `height: 15` for a layer that reads a map of 8 x 8. A
# tool that matches layers by name must also compare their types.
#
# Seen:
#   before: conv Conv, deconv ConvTranspose, sigmoid Sigmoid, identity Identity; output y
#   after:  conv Conv, PPQ_Operation_0 InsertZeros, deconv Conv, sigmoid Sigmoid; output t2
#   record: "conv" 8, "deconv" 15
#   checker: No Op registered for InsertZeros with domain_version of 17
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check \
    esp-ppq==1.3.12 torch==2.14.1 onnx==1.19.1 onnxruntime==1.32.0
cd "$dir"
venv/bin/python - <<'EOF'
import re
from pathlib import Path

import numpy as np
import onnx
import torch
from esp_ppq.api import export_ppq_graph, quantize_onnx_model
from esp_ppq.core import TargetPlatform
from onnx import numpy_helper

rng = np.random.default_rng(1)
model = onnx.parser.parse_model("""
<ir_version: 8, opset_import: ["": 17]>
g (float[1,16,8,8] x) => (float[1,16,16,16] y) {
  [conv] t0 = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1], group = 1, dilations = [1, 1]>
    (x, w0)
  [deconv] t1 = ConvTranspose
    <kernel_shape = [2, 2], strides = [2, 2], group = 1, dilations = [1, 1]> (t0, w1)
  [sigmoid] t2 = Sigmoid (t1)
  [identity] y = Identity (t2)
}""")
for name, shape in {"w0": (32, 16, 3, 3), "w1": (32, 16, 2, 2)}.items():
    values = rng.normal(0, 0.1, shape).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(values, name))
onnx.checker.check_model(model, full_check=True)
onnx.save(model, "float.onnx")
data = [torch.from_numpy(rng.normal(size=(1, 16, 8, 8)).astype(np.float32)) for _ in range(8)]
platform = TargetPlatform.ASC_INT8
graph = quantize_onnx_model("float.onnx", data, 8, [1, 16, 8, 8], platform, device="cpu")
export_ppq_graph(graph, platform, "out.onnx", "out.json")

result = onnx.load("out.onnx")
for when, seen in (("before", model), ("after", result)):
    layers = ", ".join(f"{n.name} {n.op_type}" for n in seen.graph.node)
    print(f"{when}: {layers}; output {seen.graph.output[0].name}")
heights = re.findall(r'key: ("\w+").*?height: (\d+)', Path("out.txt").read_text(), re.DOTALL)
print("record:", ", ".join(" ".join(found) for found in heights))
assert {"deconv": "Conv", "PPQ_Operation_0": "InsertZeros"}.items() <= {
    n.name: n.op_type for n in result.graph.node
}.items(), "the ConvTranspose is kept now"
assert result.graph.output[0].name == "t2"
assert ('"deconv"', "15") in heights
try:
    onnx.checker.check_model(result)
except onnx.checker.ValidationError as error:
    print("checker:", str(error).splitlines()[0])
else:
    raise AssertionError("the checker accepts InsertZeros now")
EOF
