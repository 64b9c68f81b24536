"""Each quantized layer, run by itself, against the float layer on the same data."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from quantized_models import array, constant, model, node

from pytest_amct import layerwise
from pytest_amct.errors import OutputError
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.layerwise import Ran, check_run
from pytest_amct.quantizers.loading import load_quantizer
from pytest_amct.quantizers.protocol import InputSpec, Request

pytest.importorskip("onnxruntime")


def net() -> ModelProto:
    padded = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    return model(
        [
            node("Sin", ["x"], ["s"], name="sin"),
            node("Conv", ["s", "w", "b"], ["a"], name="conv", **padded),
            node("Relu", ["a"], ["r"], name="relu"),
            node("Conv", ["r", "v"], ["c"], name="other", **padded),
            node("Reshape", ["c", "shape"], ["f"], name="reshape"),
            node("MatMul", ["f", "u"], ["y"], name="product"),
        ],
        [
            constant("w", 8, 3, 3, 3), constant("b", 8), constant("v", 4, 8, 3, 3),
            constant("u", 64, 16), array("shape", [4, 64], np.int64),
        ],
        [("x", [1, 3, 8, 8])],
    )  # fmt: skip


def quantized(original: ModelProto, form: str, folder: Path) -> ModelProto:
    spec = InputSpec("x", "float32", (1, 3, 8, 8))
    request = Request("onnx", original.SerializeToString(), folder, (spec,))
    quantizer = load_quantizer(form, folder)
    return ModelProto.FromString(Path(quantizer.quantize(original, request)).read_bytes())


def run(original: ModelProto, result: ModelProto) -> Ran:
    return check_run(read_onnx(original), result)


def layers(original: ModelProto, result: ModelProto) -> list[str]:
    ran = run(original, result)
    assert ran.failed == ""
    assert {(f.kind, f.status, f.basis) for f in ran.findings} <= {
        ("corrupted", "warned", "inferred")
    }
    return [f.layer for f in ran.findings]


def first(proto: ModelProto, type_: str) -> NodeProto:
    return next(n for n in proto.graph.node if n.op_type == type_)


def change(proto: ModelProto, name: str, values: Any) -> None:
    tensor = next(t for t in proto.graph.initializer if t.name == name)
    before = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array(np.asarray(values(before), before.dtype), name))


FORMS = ("onnxruntime", "onnxruntime-qoperator")


@pytest.mark.parametrize("form", FORMS)
def test_right_layers_differ_by_rounding_alone(form: str, tmp_path: Path) -> None:
    result = quantized(net(), form, tmp_path)
    assert run(net(), result) == Ran([], {}, compared=3)


@pytest.mark.parametrize("form, type_", [(FORMS[0], "Conv"), (FORMS[1], "QLinearConv")])
def test_an_attribute_that_changed(form: str, type_: str, tmp_path: Path) -> None:
    result = quantized(net(), form, tmp_path)
    conv = first(result, type_)
    for attribute in conv.attribute:
        if attribute.name == "pads":
            attribute.ints[:] = [2, 2, 2, 2]
    conv.attribute.append(copy.deepcopy(node("Conv", [], [], dilations=[2, 2]).attribute[0]))
    assert layers(net(), result) == ["Conv 'conv'"]
    message = run(net(), result).findings[0].message
    assert "Conv 'conv' computes other values in the quantized model: entry [0, " in message
    assert "from the same data; rounding explains" in message


def test_an_output_of_another_shape(tmp_path: Path) -> None:
    original = net()
    result = quantized(original, "onnxruntime", tmp_path)
    for attribute in first(original, "Conv").attribute:
        if attribute.name == "pads":
            attribute.ints[:] = [0, 0, 0, 0]
    ran = run(original, result)
    assert [f.layer for f in ran.findings] == ["Conv 'conv'"]
    assert "the shape [1, 8, 8, 8] in place of [1, 8, 6, 6]" in ran.findings[0].message


def test_data_that_is_read_with_another_scale(tmp_path: Path) -> None:
    result = quantized(net(), "onnxruntime-qoperator", tmp_path)
    conv = first(result, "QLinearConv")
    result.graph.initializer.append(array("own", 0.001, np.float32))
    conv.input[1] = "own"
    assert layers(net(), result) == ["Conv 'conv'"]


def test_an_output_that_is_read_with_another_scale(tmp_path: Path) -> None:
    result = quantized(net(), "onnxruntime-qoperator", tmp_path)
    last = first(result, "QLinearMatMul")
    reader = next(n for n in result.graph.node if n.input[:1] == last.output[:1])
    result.graph.initializer.append(array("own", 5.0, np.float32))
    reader.input[1] = "own"
    assert layers(net(), result) == ["MatMul 'product'"]


def test_data_of_a_symbolic_size_from_the_input_itself(tmp_path: Path) -> None:
    original = model(
        [node("MatMul", ["x", "u"], ["y"], name="product")], [constant("u", 64, 16)], [("x", [4])]
    )
    shape = original.graph.input[0].type.tensor_type.shape
    shape.dim[0].dim_param = "n"
    shape.dim.add().dim_value = 64
    result = copy.deepcopy(original)
    result.graph.initializer.extend(
        [array("q", np.ones((64, 16)), np.int8), array("s", 0.5, np.float32)]
    )
    result.graph.node.insert(0, node("DequantizeLinear", ["q", "s"], ["d"]))
    result.graph.node[1].input[1] = "d"
    assert run(original, result) == Ran([], {}, compared=1)
    shape.dim[1].dim_value = result.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1 << 25
    assert run(original, result).failed == "its inputs have more than 16777216 elements"


def test_another_bias_for_each_channel_is_not_an_error(tmp_path: Path) -> None:
    """Tools correct the bias on purpose."""
    result = quantized(net(), "onnxruntime", tmp_path)
    change(result, "b_quantized", lambda b: b + np.arange(8) * 20_000)
    assert layers(net(), result) == []


def test_models_that_cannot_be_run(tmp_path: Path) -> None:
    result = quantized(net(), "onnxruntime", tmp_path)
    first(result, "Sin").domain = "com.acme"
    ran = run(net(), result)
    assert ran.findings == []
    assert ran.failed.startswith("onnxruntime cannot run it: ")
    with pytest.raises(OutputError):
        check_run(read_onnx(net()), b"\x08")


def with_external(proto: ModelProto, location: str) -> ModelProto:
    """Add a constant to a model whose data are in another file."""
    given = proto.graph.initializer.add(name="given", dims=[4], data_type=TensorProto.FLOAT)
    given.data_location = TensorProto.EXTERNAL
    given.external_data.add(key="location", value=location)
    proto.graph.node.append(node("Identity", ["given"], ["copy"]))
    proto.graph.output.add(name="copy")
    return proto


@pytest.mark.parametrize("location", ["../data.bin", "{}/data.bin", "pipe", "gone.bin"])
def test_data_outside_the_folder_of_the_result_is_not_read(location: str, tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(bytes(16))
    home = tmp_path / "result"
    home.mkdir()
    os.mkfifo(home / "pipe")
    made = with_external(quantized(net(), "onnxruntime", home), location.format(tmp_path))
    (home / "q.onnx").write_bytes(made.SerializeToString())
    failed = check_run(read_onnx(net()), str(home / "q.onnx")).failed
    assert failed == f"{location.format(tmp_path)!r}, a file of its data, is not in its folder"


def test_data_in_the_folder_of_the_result_is_read(tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(bytes(16))
    made = with_external(quantized(net(), "onnxruntime", tmp_path), "data.bin")
    (tmp_path / "q.onnx").write_bytes(made.SerializeToString())
    assert check_run(read_onnx(net()), str(tmp_path / "q.onnx")) == Ran([], {}, compared=3)
    # It is not known where the data of bytes are.
    assert run(net(), made).failed == "'data.bin', a file of its data, is not in its folder"


def test_an_endless_run_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layerwise, "_MOST_SECONDS", 0.1)
    result = quantized(net(), "onnxruntime", tmp_path)
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [node("Identity", ["more"], ["again"]), node("Identity", ["given"], ["kept"])],
        "body",
        [info("i", TensorProto.INT64, []), info("more", TensorProto.BOOL, [])]
        + [info("given", TensorProto.FLOAT, [])],
        [info("again", TensorProto.BOOL, []), info("kept", TensorProto.FLOAT, [])],
    )
    constants = [array("times", 1 << 62, np.int64), array("go", True, np.bool_)]
    result.graph.initializer.extend([*constants, array("one", 1, np.float32)])
    result.graph.node.append(node("Loop", ["times", "go", "one"], ["end"], body=body))
    result.graph.output.add(name="end")
    assert "terminate flag" in run(net(), result).failed


def test_findings_say_which_of_the_layers_they_mean_whose_names_are_cut(tmp_path: Path) -> None:
    original = net()
    for each in original.graph.node:
        each.name = "same" * 300 + each.name
    result = quantized(original, "onnxruntime-qoperator", tmp_path)
    last = next(n for n in reversed(result.graph.node) if n.op_type == "QLinearConv")
    result.graph.initializer.append(array("own", 0.001, np.float32))
    last.input[1] = "own"
    ran = run(original, result)
    assert len({f.layer for f in ran.findings}) == 1
    assert ran.at == (3,)


def test_layers_that_are_not_compared(tmp_path: Path) -> None:
    result = quantized(net(), "onnxruntime-dynamic", tmp_path)
    ran = run(net(), result)
    assert ran.findings == []
    assert "MatMul 'product'" in ran.unchecked


def test_onnxruntime_is_loaded_only_when_it_is_needed() -> None:
    code = "import sys, pytest_amct.layerwise; sys.exit('onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
