#!/usr/bin/env bash
# onnx-neural-compressor 1.0: dynamic quantization leaves a dense layer with a bias in Float32.
#
# `quantize` first runs onnxruntime's basic optimizations, which fuse MatMul and Add into a Gemm
# (with a Reshape on either side if the data have rank 3). The dynamic quantizer supports MatMul but
# not Gemm. So a layer with a bias becomes a Float32 Gemm of another name, while the same layer
# without a bias becomes a MatMulInteger. Neither call raises an error or a warning. onnxruntime's
# own `quantize_dynamic` quantizes both.
#
# Seen:
#   with a bias: Gemm
#   without a bias: Cast, DynamicQuantizeLinear, MatMulInteger, Mul
#   with a bias, onnxruntime: Add, Cast, DynamicQuantizeLinear, MatMulInteger, Mul
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check \
    onnx-neural-compressor==1.0 prettytable==3.18.0 scipy==1.17.1 onnx==1.23.2 onnxruntime==1.32.0
cd "$dir"
venv/bin/python - <<'EOF'
import numpy as np
import onnx
from onnx import numpy_helper
from onnx_neural_compressor.quantization import config, quantize
from onnxruntime.quantization import quantize_dynamic

rng = np.random.default_rng(1)
constants = {"w": rng.normal(size=(32, 64)), "b": rng.normal(size=64)}
WITH = "[matmul] t = MatMul (x, w) [add] s = Add (t, b)"
WITHOUT = "[matmul] s = MatMul (x, w)"


def types(name: str, layer: str, tool) -> list[str]:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[6,32] x) => (float[6,64] y) '
        f"{{ {layer} [tanh] y = Tanh (s) }}"
    )
    for key, values in constants.items():
        if key in {i for n in model.graph.node for i in n.input}:
            model.graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), key))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, f"{name}.onnx")
    tool(f"{name}.onnx", f"{name}.out.onnx")
    nodes = onnx.load(f"{name}.out.onnx", load_external_data=False).graph.node
    return sorted({n.op_type for n in nodes} - {"Tanh"})


def compressor(source: str, target: str) -> None:
    quantize(source, target, config.DynamicQuantConfig())


seen = {
    "with a bias": types("with", WITH, compressor),
    "without a bias": types("without", WITHOUT, compressor),
    "with a bias, onnxruntime": types("other", WITH, quantize_dynamic),
}
for name, found in seen.items():
    print(f"{name}: {', '.join(found)}")
assert seen["with a bias"] == ["Gemm"], "the layer with a bias is quantized now"
assert "MatMulInteger" in seen["without a bias"]
assert "MatMulInteger" in seen["with a bias, onnxruntime"]
EOF
