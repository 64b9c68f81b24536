#!/usr/bin/env bash
# amd-quark 0.13: after one Float16 model, the default configuration fails on Float32 models.
#
# `QConfig.get_default_config` returns the same object in the whole process, and the quantizer
# modifies it. A Float16 model sets `QuantizeFP16: True`. The data for the next Float32 model is
# then cast to Float16, which the model rejects: `quantize_model` logs an error, returns None and
# writes no file. It raises nothing, and it also returns None on success. A run over many models
# loses all models after the first Float16 one, and its exit status is 0.
#
# Seen:
#   float32: returned None, file written
#   float16: returned None, file written
#   float32 again: returned None, no file
#   float32 with a copy of the configuration: returned None, file written
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check \
    amd-quark==0.13 torch==2.14.1 onnx==1.22.0 onnxruntime==1.32.0
cd "$dir"
venv/bin/python - <<'EOF'
import copy
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader
from quark.onnx import ModelQuantizer, QConfig

rng = np.random.default_rng(1)
weight = rng.normal(0, 0.1, (32, 16, 3, 3))
batches = [rng.normal(size=(1, 16, 8, 8)) for _ in range(4)]


class Reader(CalibrationDataReader):
    def __init__(self, dtype):
        self.rest = iter(batches)
        self.dtype = dtype

    def get_next(self):
        batch = next(self.rest, None)
        return None if batch is None else {"x": batch.astype(self.dtype)}


def outcome(kind: str, config: object) -> str:
    dtype = {"float": np.float32, "float16": np.float16}[kind]
    model = onnx.parser.parse_model(f"""
        <ir_version: 8, opset_import: ["": 17]>
        g ({kind}[1,16,8,8] x) => ({kind}[1,32,8,8] y) {{
          [conv] t = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (x, w)
          [tanh] y = Tanh (t)
        }}""")
    model.graph.initializer.append(numpy_helper.from_array(weight.astype(dtype), "w"))
    onnx.checker.check_model(model, full_check=True)
    Path("out.onnx").unlink(missing_ok=True)
    returned = ModelQuantizer(config).quantize_model(model, "out.onnx", Reader(dtype))
    return f"returned {returned}, {'file written' if Path('out.onnx').exists() else 'no file'}"


default = QConfig.get_default_config
fresh = copy.deepcopy(default("S8S8_AAWS"))
seen = {
    "float32": outcome("float", default("S8S8_AAWS")),
    "float16": outcome("float16", default("S8S8_AAWS")),
    "float32 again": outcome("float", default("S8S8_AAWS")),
    "float32 with a copy of the configuration": outcome("float", fresh),
}
for name, found in seen.items():
    print(f"{name}: {found}")
assert seen.pop("float32 again") == "returned None, no file", "the configuration is kept apart now"
assert set(seen.values()) == {"returned None, file written"}
EOF
