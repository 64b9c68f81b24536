#!/usr/bin/env bash
# amd-quark 0.13: each configuration writes quantization with different operators.
#
# XINT8 writes ONNX's QuantizeLinear and DequantizeLinear. A8W8 (8 bits) and A16W8 (16 bits) write
# com.microsoft operators of the same names. BF16 also writes pairs, but in the domain
# com.amd.quark, and they quantize to a float type. BFP16 and MX9 (block floating point) write a
# single node without a scale. The first three store weights as integers, the others as Float32. A
# reader that only checks operator names mistakes a bfloat16 cast for INT8.
#
# Seen (in front of the weight of the Conv, and the weight as stored):
#   XINT8: ai.onnx DequantizeLinear, int8
#   A8W8: com.microsoft DequantizeLinear, int8
#   A16W8: com.microsoft DequantizeLinear, int8
#   BF16: com.amd.quark ExtendedDequantizeLinear, float32
#   BFP16: com.amd.quark BFPQuantizeDequantize, float32
#   MX9: com.amd.quark BFPQuantizeDequantize, float32
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
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader
from quark.onnx import ModelQuantizer, QConfig

rng = np.random.default_rng(1)
model = onnx.parser.parse_model("""
<ir_version: 8, opset_import: ["": 17]>
g (float[1,16,8,8] x) => (float[1,32,8,8] y) {
  [conv] t = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (x, w)
  [relu] y = Relu (t)
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


seen = {}
for name in ("XINT8", "A8W8", "A16W8", "BF16", "BFP16", "MX9"):
    quantizer = ModelQuantizer(QConfig.get_default_config(name))
    quantizer.quantize_model(model, f"{name}.onnx", Reader())
    graph = onnx.load(f"{name}.onnx").graph
    conv = next(n for n in graph.node if n.name == "conv")
    producer = next(n for n in graph.node if conv.input[1] in n.output)
    shaped = (numpy_helper.to_array(i) for i in graph.initializer if list(i.dims) == [32, 16, 3, 3])
    seen[name] = (producer.domain or "ai.onnx", producer.op_type, next(shaped).dtype.name)
    print("{}: {} {}, {}".format(name, *seen[name]))
assert seen == {
    "XINT8": ("ai.onnx", "DequantizeLinear", "int8"),
    "A8W8": ("com.microsoft", "DequantizeLinear", "int8"),
    "A16W8": ("com.microsoft", "DequantizeLinear", "int8"),
    "BF16": ("com.amd.quark", "ExtendedDequantizeLinear", "float32"),
    "BFP16": ("com.amd.quark", "BFPQuantizeDequantize", "float32"),
    "MX9": ("com.amd.quark", "BFPQuantizeDequantize", "float32"),
}
EOF
