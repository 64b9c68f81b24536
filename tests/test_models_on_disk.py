"""Model files of any framework, with the files beside them."""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper, parser
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


# --- folders and patterns -------------------------------------------------------------------------

GEMM = """
<ir_version: 10, opset_import: ["" : 21]>
g (float[4, 4] x) => (float[4, 4] y)
<float[4, 4] w = {WEIGHTS}>
{ [n] y = Gemm <transA = TURNED> (x, w) }
""".replace("WEIGHTS", ", ".join(["1"] * 16))


def gemm(turned: int) -> bytes:
    made: bytes = parser.parse_model(GEMM.replace("TURNED", str(turned))).SerializeToString()
    return made


@pytest.fixture
def models(repository: ToyRepository) -> ToyRepository:
    """A repository whose quantizer quantizes every Gemm, with a folder of models."""
    repository.quantizer("return gemm_always(model, request)")
    for name, data in (
        ("good.onnx", gemm(0)),
        ("sub/bad.onnx", gemm(1)),
        ("sub/cut.onnx", gemm(0)[:40]),
        ("sub/good.onnx", gemm(0)),
    ):
        path = repository.path / "nets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    repository.write("nets/net.prototxt", PROTOTXT)
    repository.write("nets/README.md", "these are models")
    return repository


PROTOTXT = 'input: "x" input_dim: 1 layer { name: "r" type: "ReLU" bottom: "x" top: "y" }'


def test_each_model_of_a_folder_is_a_test(models: ToyRepository) -> None:
    run = models.amct("--amct-model=nets", "--amct-report=rep", "-v", "-p", "no:randomly", "-rs")
    for line in (
        r"amct/test_conformance\.py::test_model\[good\.onnx\] PASSED",
        r"amct/test_conformance\.py::test_model\[net\.prototxt\] SKIPPED",
        r"amct/test_conformance\.py::test_model\[sub/bad\.onnx\] FAILED",
        r"amct/test_conformance\.py::test_model\[sub/cut\.onnx\] FAILED",
        r"amct/test_conformance\.py::test_model\[sub/good\.onnx\] PASSED",
    ):
        assert re.search(line, run.out), run.out
    assert "over-quantized: Gemm 'n' was quantized" in run.out
    assert "cut.onnx: not an ONNX model, or cut off (40 bytes): export it again" in run.out
    assert "a model of caffe, but toy:quantize is judged on onnx" in run.out
    assert "1 violation" in run.out and "3 of 3 layers judged, 3 models" in run.out
    told = models.report()
    names = [model["name"] for model in told["models"]]
    assert names == ["good.onnx", "sub/bad.onnx", "sub/good.onnx"]
    (finding,) = told["findings"]
    assert (finding["case"], finding["layer"]) == ("sub/bad.onnx", "Gemm 'n'")


def test_a_pattern_and_a_worker_make_no_difference(models: ToyRepository) -> None:
    pytest.importorskip("xdist")
    alone = models.amct("--amct-model=nets/**/*.onnx", "--amct-report=rep")
    found = models.report()
    spread = models.amct("--amct-model=nets/**/*.onnx", "--amct-report=rep", "-n", "2")
    assert alone.code == spread.code == 1
    assert models.report() == found
    assert len(found["models"]) == 3


def test_one_name_at_most(models: ToyRepository) -> None:
    told = models.refused("--amct", "--amct-model=nets", "--amct-model=nets/good.onnx")
    assert "--amct-model is given twice: name a folder, or a pattern that matches both" in told


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("*.pb", "*.pb: nothing matches this pattern"),
        ("nets/*.md", "nets/*.md: no match of this pattern is a model"),
        ("void", "void: the folder holds no model"),
    ],
)
def test_a_name_without_a_model(models: ToyRepository, named: str, words: str) -> None:
    (models.path / "void").mkdir()
    assert words in models.refused("--amct", f"--amct-model={named}")
