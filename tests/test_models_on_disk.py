"""Model files of any framework, with the files beside them."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from toy_repository import ToyRepository

from pytest_amct.cases.catalog import parse_case
from pytest_amct.errors import ModelError
from pytest_amct.graphs.reading import read_files

_LOADS = (
    "import onnx",
    "onnx.checker.check_model(onnx.load(request.model_path), full_check=True)",
    "assert onnx.numpy_helper.to_array(",
    "    onnx.load(request.model_path).graph.initializer[0]).any()",
    "return [n.name for n in model.graph.node]",
)


def external(path: Path, location: str) -> Path:
    """A model whose first weight is stored in another file of this name."""
    model = parse_case("uniform/onnx/Gemm/trans_a@1").build().model
    tensor = model.graph.initializer[0]
    raw = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    path.write_bytes(model.SerializeToString())
    (path.parent / location).parent.mkdir(parents=True, exist_ok=True)
    (path.parent / location).write_bytes(raw)
    return path


def test_external_data_is_read_with_the_model(repository: ToyRepository) -> None:
    repository.quantizer(*_LOADS)
    path = external(repository.path / "mine.onnx", "parts/weights.bin")
    run = repository.amct(f"--amct-model={path}")
    assert "over-quantized: Gemm" in run.out, run.text
    assert "errored" not in run.out


def test_external_data_outside_of_the_folder_is_never_opened(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "link.bin").symlink_to(tmp_path / "secret.bin")
    for location in ("../secret.bin", str(tmp_path / "secret.bin"), "sub/../../secret.bin"):
        model = external(home / "model.onnx", location)
        assert not read_files(model).files, location
    (tmp_path / "secret.bin").write_bytes(b"secret")
    proto = onnx.load(home / "model.onnx", load_external_data=False)
    proto.graph.initializer[0].external_data[0].value = "link.bin"
    (home / "model.onnx").write_bytes(proto.SerializeToString())
    assert not read_files(home / "model.onnx").files


def test_external_data_of_nested_graphs_is_read_with_the_model(tmp_path: Path) -> None:
    tensor = TensorProto(name="w", dims=[1], data_type=1, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="w.bin")
    inner = helper.make_graph([], "inner", [], [], [tensor])
    constant = helper.make_node("Constant", [], ["c"], value=tensor)
    node = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    for nodes in ([node], [constant]):
        model = helper.make_model(helper.make_graph(nodes, "g", [], []))
        (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
        (tmp_path / "w.bin").write_bytes(b"\0\0\0\0")
        assert read_files(tmp_path / "m.onnx").files == {"w.bin": b"\0\0\0\0"}


def test_a_file_with_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"x")
    with pytest.raises(ModelError, match="not a model: "):
        read_files(tmp_path / "model.h5")


def test_a_model_of_a_framework_that_the_quantizer_does_not_take_is_refused(
    repository: ToyRepository,
) -> None:
    repository.write("net.prototxt", 'layer { name: "d" type: "Input" top: "x" }')
    told = repository.refused("--amct", "--amct-model=net.prototxt")
    assert told.startswith(
        "--amct-model=net.prototxt: a model of caffe, but toy:quantize is judged"
    )
