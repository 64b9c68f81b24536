#!/usr/bin/env bash
# onnx-quantize 0.2.0: static quantization per channel fails at run time on data of rank 3.
#
# The static form of a MatMul ends in a DequantizeLinear with one scale for each output channel and
# no `axis`. The default axis is 1. It is right for rank 2, but wrong for the usual [batch, tokens,
# features]. onnx.checker accepts the file with its full check and onnxruntime loads it. Only
# running it fails. With one scale for the whole tensor, or with data of rank 2, it works.
#
# Seen:
#   rank 2 per tensor: runs
#   rank 2 per channel: runs
#   rank 3 per tensor: runs
#   rank 3 per channel: loads, then fails in DequantizeLinear
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check \
    onnx-quantize==0.2.0 onnx==1.23.2 onnxruntime==1.32.0
cd "$dir"
venv/bin/python - <<'EOF'
import re

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnx_quantize import QConfig, quantize

onnxruntime.set_default_logger_severity(4)
rng = np.random.default_rng(0)
weight = rng.normal(size=(32, 64)).astype(np.float32)


def outcome(shape: tuple[int, ...], **options: object) -> str:
    sizes = ",".join(map(str, shape))
    model = onnx.parser.parse_model(f"""
        <ir_version: 8, opset_import: ["": 17]>
        g (float[{sizes},32] x) => (float[{sizes},64] y) {{
          [matmul] t = MatMul (x, w)
          [tanh] y = Tanh (t)
        }}""")
    model.graph.initializer.append(numpy_helper.from_array(weight, "w"))
    onnx.checker.check_model(model, full_check=True)
    x = rng.normal(size=(*shape, 32)).astype(np.float32)
    result = quantize(model, QConfig(calibration_data=x, **options))
    onnx.checker.check_model(result, full_check=True)
    session = onnxruntime.InferenceSession(result.SerializeToString())
    try:
        session.run(None, {"x": x})
    except Exception as error:
        found = re.search(r"while running (\w+) node", str(error))
        return f"loads, then fails in {found[1]}" if found else str(error)
    return "runs"


seen = {}
for rank, shape in ((2, (6,)), (3, (1, 6))):
    for way, options in (("per tensor", {}), ("per channel", {"group_size": -1})):
        seen[rank, way] = outcome(shape, **options)
        print(f"rank {rank} {way}: {seen[rank, way]}")
assert seen.pop((3, "per channel")) == "loads, then fails in DequantizeLinear"
assert set(seen.values()) == {"runs"}
EOF
