#!/usr/bin/env bash
# nncf 3.4.0 and onnxruntime 1.32.0: weights of matrix products per channel and per tensor.
#
# With default settings, nncf writes one weight scale for each output channel of Gemm, MatMul and
# Conv. onnxruntime writes a single scale for each layer. Some targets need a single weight factor
# for a matrix product: AMCT's tables forbid `channel_wise` for a fully quantized MatMul or Gemm.
# They can run only one of the two results. nncf's `per_channel=False` does not help: it applies to
# the whole model, so every Conv loses its scales per channel as well.
#
# Seen (number of weight scales):
#   onnxruntime: conv 1, gemm 1, matmul 1
#   nncf: conv 32, gemm 24, matmul 40
#   nncf, per_channel=False: conv 1, gemm 1, matmul 1
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
from nncf.quantization.advanced_parameters import QuantizationParameters
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, quantize_static

rng = np.random.default_rng(1)
model = onnx.parser.parse_model("""
<ir_version: 8, opset_import: ["": 17]>
g (float[1,16,8,8] x) => (float[1,40] y) {
  [conv] t0 = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1], group = 1> (x, w0)
  [flatten] t1 = Flatten (t0)
  [gemm] t2 = Gemm (t1, w1, b1)
  [matmul] y = MatMul (t2, w2)
}""")
for name, shape in {"w0": (32, 16, 3, 3), "w1": (2048, 24), "b1": (24,), "w2": (24, 40)}.items():
    values = rng.normal(0, 0.1, shape).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(values, name))
onnx.checker.check_model(model, full_check=True)
onnx.save(model, "float.onnx")
data = [{"x": rng.normal(size=(1, 16, 8, 8)).astype(np.float32)} for _ in range(8)]


class Reader(CalibrationDataReader):
    def __init__(self):
        self.rest = iter(data)

    def get_next(self):
        return next(self.rest, None)


def scales(result: onnx.ModelProto) -> dict[str, int]:
    values = {i.name: numpy_helper.to_array(i) for i in result.graph.initializer}
    producers = {name: n for n in result.graph.node for name in n.output}
    layers = [n for n in result.graph.node if n.name in ("conv", "gemm", "matmul")]
    return {n.name: values[producers[n.input[1]].input[1]].size for n in layers}


quantize_static("float.onnx", "out.onnx", Reader())
seen = {"onnxruntime": scales(onnx.load("out.onnx"))}
one = nncf.AdvancedQuantizationParameters(
    weights_quantization_params=QuantizationParameters(per_channel=False)
)
for tool, options in {"nncf": None, "nncf, per_channel=False": one}.items():
    result = nncf.quantize(model, nncf.Dataset(data), subset_size=8, advanced_parameters=options)
    seen[tool] = scales(result)
for tool, found in seen.items():
    print(f"{tool}:", ", ".join(f"{layer} {count}" for layer, count in found.items()))
assert seen["onnxruntime"] == {"conv": 1, "gemm": 1, "matmul": 1}
assert seen["nncf"] == {"conv": 32, "gemm": 24, "matmul": 40}
assert seen["nncf, per_channel=False"] == {"conv": 1, "gemm": 1, "matmul": 1}
EOF
