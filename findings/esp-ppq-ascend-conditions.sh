#!/usr/bin/env bash
# esp-ppq 1.3.12: its Ascend quantizer applies a Caffe condition to ONNX and skips another one.
#
# Platform ASC_INT8 writes records for Huawei's AMCT. Its check of a Gemm requires an attribute
# `axis` of 1: a field of Caffe's InnerProduct that no ONNX Gemm has. So every Gemm raises KeyError.
# Its check that a ConvTranspose has dilation 1 never runs, because the layer is already a Conv (see
# esp-ppq-conv-transpose.sh): one with dilation 2, which AMCT's tables forbid, gets a record.
#
# Seen:
#   Gemm: KeyError, Operation layer is supposed to have a value of attribute axis.
#   ConvTranspose, dilation 1: record for layer
#   ConvTranspose, dilation 2: record for layer
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check \
    esp-ppq==1.3.12 torch==2.14.1 onnx==1.19.1 onnxruntime==1.32.0
cd "$dir"
venv/bin/python - <<'EOF'
from pathlib import Path

import numpy as np
import onnx
import torch
from esp_ppq.api import export_ppq_graph, quantize_onnx_model
from esp_ppq.core import TargetPlatform
from onnx import numpy_helper

rng = np.random.default_rng(1)
CASES = {
    "Gemm": ([4, 32], [4, 64], "Gemm (x, w)", (32, 64)),
    "ConvTranspose, dilation 1": (
        [1, 16, 8, 8],
        [1, 16, 10, 10],
        "ConvTranspose <kernel_shape = [3, 3], group = 1, dilations = [1, 1]> (x, w)",
        (16, 16, 3, 3),
    ),
    "ConvTranspose, dilation 2": (
        [1, 16, 8, 8],
        [1, 16, 12, 12],
        "ConvTranspose <kernel_shape = [3, 3], group = 1, dilations = [2, 2]> (x, w)",
        (16, 16, 3, 3),
    ),
}


def outcome(before: list[int], after: list[int], layer: str, weight: tuple[int, ...]) -> str:
    shape = ["float[" + ",".join(map(str, sizes)) + "]" for sizes in (before, after)]
    model = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["": 17]> g ({shape[0]} x) => ({shape[1]} y) '
        f"{{ [layer] t = {layer} [sigmoid] y = Sigmoid (t) }}"
    )
    values = rng.normal(0, 0.1, weight).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(values, "w"))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "float.onnx")
    data = [torch.from_numpy(rng.normal(size=before).astype(np.float32)) for _ in range(8)]
    platform = TargetPlatform.ASC_INT8
    try:
        graph = quantize_onnx_model("float.onnx", data, 8, before, platform, device="cpu")
    except KeyError as error:
        return f"KeyError, {error.args[0].strip()}"
    export_ppq_graph(graph, platform, "out.onnx", "out.json")
    return "record for layer" if 'key: "layer"' in Path("out.txt").read_text() else "no record"


seen = {name: outcome(*case) for name, case in CASES.items()}
for name, found in seen.items():
    print(f"{name}: {found}")
assert "attribute axis" in seen["Gemm"], "the Gemm passes now"
assert seen["ConvTranspose, dilation 1"] == "record for layer"
assert seen["ConvTranspose, dilation 2"] == "record for layer", "dilation 2 is refused now"
EOF
