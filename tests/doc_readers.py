"""What the reader of a page has before the first command of the page."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from doc_pages import blocks
from light_networks import light
from onnx import numpy_helper
from test_adapters import adopt, cases_of, exported
from toy_repository import ToyRepository

_NETWORK = """
<ir_version: 10, opset_import: ["" : 21]>
g (float[1, 8, 6, 4, 4] volume, float[64, 16] other) => (float[64, 8] y, float[64, 16] z)
<int64[2] shape = {16, 64}>
{
   [first] a = Conv (volume, w_first)
   b = Relu (a)
   [dilated] c = Conv <dilations = [2, 1, 1]> (b, w_dilated)
   d = Identity (c)
   e = Reshape (d, shape)
   [turned] f = Gemm <transA = 1> (e, w_turned)
   [second] y = Gemm (f, w_second)
   g = Transpose <perm = [1, 0]> (other)
   [product] z = MatMul (other, g)
}
"""
_WEIGHTS = {
    "w_first": (8, 8, 1, 1, 1),
    "w_dilated": (16, 8, 3, 1, 1),
    "w_turned": (16, 16),
    "w_second": (16, 8),
}


def prepare(page: str, reader: ToyRepository) -> None:
    """Make the files that the commands of a page need."""
    _NEEDED.get(page, lambda reader: None)(reader)


def tutorial_quantizer() -> dict[str, Any]:
    """The names of the tutorial's first quantizer, the one with a mistake."""
    code = next(b.text for b in blocks("docs/tutorial.md") if b.title == "quantizer.py")
    names: dict[str, Any] = {}
    exec(code, names)
    return names


def _readme(reader: ToyRepository) -> None:
    shutil.copy(light("squeezenet"), reader.path / "squeezenet.onnx")
    reader.ini(quantizer="")


def _models(reader: ToyRepository) -> None:
    model, rng = onnx.parser.parse_model(_NETWORK), np.random.default_rng(0)
    for name, shape in _WEIGHTS.items():
        values = rng.normal(0, 1, shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    onnx.save(model, reader.path / "model.onnx")
    onnx.save(tutorial_quantizer()["quantize"](model, None), reader.path / "quantized.onnx")


_TOOL = """
from toy import obey

class Tool:
    name = "mytool"
    version = "VERSION"
    frameworks = ("onnx", "tensorflow", "caffe")
    def quantize(self, model, request):
        nodes = model.graph.node if request.framework == "onnx" else []
        wrong = {n.name: True for n in nodes if n.op_type in WRONG}
        return obey(model, request) | wrong
"""


def _tool(reader: ToyRepository, version: str, *wrong: str) -> None:
    """A tool that obeys the tables except for these types of ONNX layers."""
    reader.write("mytool.py", _TOOL.replace("VERSION", version).replace("WRONG", repr(wrong)))


def _report(reader: ToyRepository) -> None:
    reader.ini('addopts = "--amct-max-examples=0"', quantizer="mytool:Tool")
    _tool(reader, "1.2", "Sigmoid", "Softmax")
    for framework in ("onnx", "tensorflow", "caffe"):
        part = f"--amct-report={framework}", "-o", f"amct_frameworks={framework}"
        _amct(reader, "--amct-select=uniform/*/unlisted/S*", *part)
    _amct(reader, "--amct-report=old")
    _tool(reader, "1.3", "Sigmoid", "Tanh")
    _amct(reader, "--amct-report=new")
    shutil.copytree(reader.path / "new", reader.path / "amct-report")


def _amct(reader: ToyRepository, *arguments: str) -> None:
    """Run the suite, whatever it finds."""
    run = reader.amct(*arguments)
    assert run.code in (0, 1), run.text


def _releases(reader: ToyRepository) -> None:
    reader.ini('amct_required_rows = ["uniform/tensorflow/*"]')
    waiver = (
        ("id", "uniform/tensorflow/BatchMatMulV2/weight_source"),
        ("reason", "x"),
        ("owner", "me"),
    )
    lines = [f'{key} = "{value}"' for key, value in waiver]
    reader.write("amct-waivers.toml", "\n".join(["[[waiver]]", *lines, ""]))


def _elsewhere(reader: ToyRepository) -> None:
    reader.write("mytool.py", _LAYERS)


_LAYERS = """
import onnx

def quantized_layers(path):
    nodes = onnx.load(path).graph.node
    return {node.name: node.op_type == "Conv" for node in nodes if node.name}
"""


def _adapters(reader: ToyRepository) -> None:
    adopt(reader)
    exported(reader.path, "onnx")
    select = " ".join(f"--amct-select={case}" for case in cases_of("onnx"))
    reader.ini(f'addopts = "{select}"', quantizer="")


_NEEDED: dict[str, Callable[[ToyRepository], None]] = {
    "README.md": _readme,
    "docs/adapters/README.md": _adapters,
    "docs/elsewhere.md": _elsewhere,
    "docs/models.md": _models,
    "docs/releases.md": _releases,
    "docs/report.md": _report,
}
