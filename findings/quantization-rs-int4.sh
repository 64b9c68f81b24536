#!/usr/bin/env bash
# quantization-rs 0.10.0: four-bit weights look like eight bits, and the file is not smaller.
#
# `quantize(bits=4)` stores each weight as INT8 with values from -8 to 7, unless `native_int4=True`
# is given. The type in the file shows eight bits. Only a metadata entry of the model says four. A
# reader that takes the bit width from the tensor's type reports INT8 for a weight with 16 levels.
# The file is as large as with bits=8.
#
# Seen:
#   bits=8: INT8, 184 levels from -120 to 127, metadata 8, 2302 bytes
#   bits=4: INT8, 15 levels from -7 to 7, metadata 4, 2302 bytes
#   bits=4, native_int4: INT4, 15 levels from -7 to 7, metadata 4, 1278 bytes
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check quantization-rs==0.10.0 onnx==1.23.2
cd "$dir"
venv/bin/python - <<'EOF'
import os

import numpy as np
import onnx
import quantize_rs
from onnx import numpy_helper

rng = np.random.default_rng(1)
model = onnx.parser.parse_model("""
<ir_version: 10, opset_import: ["": 21]>
g (float[6,32] x) => (float[6,64] y) {
  [matmul] t = MatMul (x, w)
  [tanh] y = Tanh (t)
}""")
values = rng.normal(size=(32, 64)).astype(np.float32)
model.graph.initializer.append(numpy_helper.from_array(values, "w"))
onnx.checker.check_model(model, full_check=True)
onnx.save(model, "float.onnx")

WAYS = {
    "bits=8": {"bits": 8},
    "bits=4": {"bits": 4},
    "bits=4, native_int4": {"bits": 4, "native_int4": True},
}
seen = {}
for name, options in WAYS.items():
    quantize_rs.quantize("float.onnx", "out.onnx", symmetric=True, **options)
    result = onnx.load("out.onnx")
    stored = next(i for i in result.graph.initializer if list(i.dims) == [32, 64])
    levels = np.unique(numpy_helper.to_array(stored).astype(int))
    kind = onnx.TensorProto.DataType.Name(stored.data_type)
    noted = {p.key: p.value for p in result.metadata_props}["quantize_rs.bits.w"]
    size = os.path.getsize("out.onnx")
    seen[name] = (kind, len(levels) <= 16, noted, size)
    print(f"{name}: {kind}, {len(levels)} levels from {levels[0]} to {levels[-1]}, "
          f"metadata {noted}, {size} bytes")
assert seen["bits=4"][:3] == ("INT8", True, "4"), "four bits have a type of their own now"
assert seen["bits=8"][:3] == ("INT8", False, "8")
assert seen["bits=4, native_int4"][:3] == ("INT4", True, "4")
assert seen["bits=4"][3] == seen["bits=8"][3] > seen["bits=4, native_int4"][3]
EOF
