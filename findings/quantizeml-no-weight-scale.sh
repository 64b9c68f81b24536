#!/usr/bin/env bash
# quantizeml 1.2.5: INT8 tensors under the names of float tensors, and no weight scales.
#
# BrainChip's quantizer replaces each layer by a call to a local function. The weight is an INT8
# initializer that a Cast turns to float, not a DequantizeLinear. The file has no weight scale: it
# is part of a factor that rescales the sum of products (M / S_out). The function returns INT8 under
# the name of the float tensor, so comparing `t0` of both files compares floats with integers. A
# result also contains the functions of the models that the same process quantized before it.
#
# Seen:
#   conv calls QuantizedInputConv2DBiasedReLUScaled: weight int8 (32, 16, 3, 3) through Cast
#   t0 is FLOAT before, INT8 after
#   functions of the first file: 3 used, 3 carried
#   functions of the second file: 3 used, 4 carried
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check \
    quantizeml==1.2.5 tensorflow==2.19.1 onnx==1.22.0 onnxruntime==1.23.2
cd "$dir"
venv/bin/python - <<'EOF'
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import onnx
from onnx import numpy_helper
from quantizeml.models import quantize

rng = np.random.default_rng(1)
data = rng.normal(size=(8, 16, 8, 8)).astype(np.float32)
weight = rng.normal(0, 0.1, (32, 16, 3, 3)).astype(np.float32)


def network(middle: str) -> onnx.ModelProto:
    model = onnx.parser.parse_model(f"""
        <ir_version: 8, opset_import: ["": 17]>
        g (float[1,16,8,8] x) => (float[1,32,8,8] y) {{
          [conv] t = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (x, w)
          {middle}
          [sin] y = Sin (t0)
        }}""")
    model.graph.initializer.append(numpy_helper.from_array(weight, "w"))
    onnx.checker.check_model(model, full_check=True)
    return quantize(model, samples=data, num_samples=8, batch_size=1)


files = {"first": network("[relu] t0 = Relu (t)"), "second": network("[same] t0 = Identity (t)")}
first = files["first"]
call = next(n for n in first.graph.node if n.name == "conv")
function = next(f for f in first.functions if f.name == call.op_type)
values = {i.name: numpy_helper.to_array(i) for i in first.graph.initializer}
inner = next(n for n in function.node if n.op_type == "Conv")
cast = next(n for n in function.node if inner.input[1] in n.output)
stored = values[call.input[list(function.input).index(cast.input[0])]]
print(f"conv calls {function.name}: weight {stored.dtype} {stored.shape} through {cast.op_type}")
assert (cast.op_type, stored.dtype.name, stored.shape) == ("Cast", "int8", weight.shape)
kinds = {v.name: v.type.tensor_type.elem_type for v in first.graph.value_info}
after = onnx.TensorProto.DataType.Name(kinds["t0"])
print(f"t0 is FLOAT before, {after} after")
assert after == "INT8" and "t0" in call.output, "t0 has another name or type now"
for name, result in files.items():
    used = {n.op_type for n in result.graph.node if n.domain}
    carried = {f.name for f in result.functions}
    print(f"functions of the {name} file: {len(used)} used, {len(carried)} carried")
    assert (carried == used) == (name == "first"), "each file has its own functions now"
EOF
