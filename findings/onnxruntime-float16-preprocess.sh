#!/usr/bin/env bash
# onnxruntime 1.32.0: `quant_pre_process` makes `quantize_static` treat Float16 weights as data.
#
# onnxruntime logs the advice to run `quant_pre_process` before `quantize_static`. In a Float16
# model, it inserts Casts to Float32 around the Conv, one of them after the weight. The quantizer
# then does not see a constant and calibrates the weight like an activation: UINT8 with a zero point
# and one scale for all channels, although INT8 weights per channel were requested. The Float16
# weight stays in the file. Without the preprocessing, the same settings give INT8 per channel.
#
# Seen:
#   float16.onnx: weight stored as int8, 32 scales, int8 zero points [0]
#   prepared.onnx: weight stored as float16, 1 scales, uint8 zero points [124]
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check \
    onnx==1.23.2 onnxruntime==1.32.0 sympy==1.14.0
cd "$dir"
venv/bin/python - <<'EOF'
import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

rng = np.random.default_rng(1)
model = onnx.parser.parse_model("""
<ir_version: 10, opset_import: ["": 21]>
g (float16[1,16,8,8] x) => (float16[1,32,8,8] y) {
  [conv] t = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (x, w)
  [sin] y = Sin (t)
}""")
weight = rng.normal(0, 0.1, (32, 16, 3, 3)).astype(np.float16)
model.graph.initializer.append(numpy_helper.from_array(weight, "w"))
onnx.checker.check_model(model, full_check=True)
onnx.save(model, "float16.onnx")
quant_pre_process("float16.onnx", "prepared.onnx")
data = [{"x": rng.normal(size=(1, 16, 8, 8)).astype(np.float16)} for _ in range(4)]


class Reader(CalibrationDataReader):
    def __init__(self):
        self.rest = iter(data)

    def get_next(self):
        return next(self.rest, None)


seen = {}
for source in ("float16.onnx", "prepared.onnx"):
    asked = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
    quantize_static(source, "out.onnx", Reader(), per_channel=True, **asked)
    graph = onnx.load("out.onnx").graph
    values = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    conv = next(n for n in graph.node if n.op_type == "Conv")
    dequantize = next(n for n in graph.node if conv.input[1] in n.output)
    stored = next(v.dtype.name for v in values.values() if v.shape == weight.shape)
    scale, zero = (values[name] for name in dequantize.input[1:])
    seen[source] = (stored, scale.size, zero.dtype.name, np.unique(zero).tolist())
    print(f"{source}: weight stored as {stored}, {scale.size} scales, "
          f"{zero.dtype} zero points {np.unique(zero)}")
assert seen["float16.onnx"] == ("int8", 32, "int8", [0])
assert seen["prepared.onnx"][:3] == ("float16", 1, "uint8"), "the weight is treated as one now"
assert seen["prepared.onnx"][3] != [0]
EOF
