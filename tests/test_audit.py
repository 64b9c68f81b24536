"""``pytest-amct audit`` and `assert_conforms`: is what a tool made of a model within the tables?"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import onnx
import pytest
import quantized_models
from onnx import ModelProto
from syrupy.assertion import SnapshotAssertion
from tiny_models import FLOAT, model, node
from toy_repository import ToyRepository

import pytest_amct
from pytest_amct import Decision, assert_conforms, cli
from pytest_amct.decisions.amct.simplified import read_simplified
from pytest_amct.decisions.writers.forms import write_form
from pytest_amct.errors import OutputError, UsageError
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.quantizers.builtin import reference

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "pytest_amct" / "reports" / "audit.schema.json"
FORMS = ROOT / "fixtures" / "forms"


def network() -> ModelProto:
    """Two convolutions, a product that the tables forbid, an Add."""
    return model(
        node("Conv", ["x", "w"], ["c"], "conv", kernel_shape=[1, 1]),
        node("Sin", ["c"], ["s"], "sin"),
        node("Conv", ["s", "v"], ["d"], "second", kernel_shape=[1, 1]),
        node("MatMul", ["d", "fed"], ["e"], "product"),
        node("Cos", ["e"], ["f"], "cos"),
        node("Add", ["f", "x"], ["y"], "add"),
        inputs={"fed": (FLOAT, (8, 8))},
        w=(4, 4, 1, 1),
        v=(4, 4, 1, 1),
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "m.onnx").write_bytes(network().SerializeToString())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def returned(*names: str) -> str:
    """Write names of quantized layers to a file; return its name."""
    Path("names.json").write_text(json.dumps(names))
    return "names.json"


def run(*arguments: str) -> int:
    return cli.main(["audit", "m.onnx", *arguments])


def document(capsys: Any) -> Any:
    (found,) = json.loads(capsys.readouterr().out)["audits"]
    return found


# --- what is judged -------------------------------------------------------------------------------


def test_a_result_within_the_tables_passes(folder: Path, capsys: Any) -> None:
    config = {
        "version": 1,
        "conv": {"quant_enable": True, "weight_quant_params": {}, "activation_quant_params": {}},
        "second": {"quant_enable": True, "weight_quant_params": {}, "activation_quant_params": {}},
    }
    Path("config.json").write_text(json.dumps(config))
    assert run("config.json") == 0
    text = capsys.readouterr().out
    assert "0 violations, 0 warnings; 2 of 3 quantizable layers quantized" in text
    assert run("config.json", "--strict") == 0


def test_a_violation_fails(folder: Path, capsys: Any) -> None:
    assert run(returned("conv", "product")) == 1
    text = capsys.readouterr().out
    assert "1 violation, 0 warnings" in text
    assert "uniform/onnx/MatMul/second_input" in text


def test_text_says_all(folder: Path, capsys: Any, snapshot: SnapshotAssertion) -> None:
    assert run(returned("conv", "product")) == 1
    assert capsys.readouterr().out == snapshot


def test_a_quantized_model_is_a_result(folder: Path, capsys: Any) -> None:
    made = reference.qdq().quantize(network(), _request(folder))
    Path("q.onnx").write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    assert run("q.onnx", "--format=json") == 0
    found = document(capsys)
    assert found["totals"]["violations"] == 0
    assert {layer["name"]: layer["got"] for layer in found["layers"]}["conv"] == "quantized"


def _request(folder: Path) -> Any:
    from pytest_amct.graphs.reading import read_files
    from pytest_amct.quantizers.running import make_request
    from pytest_amct.request_options import PLAIN

    files = read_files(folder / "m.onnx")
    (folder / "home").mkdir()
    return make_request(files, files.network(), folder / "home", PLAIN)


@pytest.mark.parametrize("name", ["config.json", "record.txt", "deploy.onnx"])
def test_forms_of_amct_are_results(capsys: Any, name: str) -> None:
    assert cli.main(["audit", str(FORMS / "float.onnx"), str(FORMS / name)]) in (0, 1)
    text = capsys.readouterr().out
    assert re.search(r"[1-9]\d* of \d+ quantizable layers? quantized", text)


def test_decisions_as_programs_write_them_are_a_result(folder: Path, capsys: Any) -> None:
    decisions = {
        "format": "pytest-amct-decisions/2",
        "layers": {"conv": {"weights": True, "inputs": [0]}, "second": False},
    }
    Path("d.json").write_text(json.dumps(decisions))
    assert run("d.json", "--format=json") == 0
    found = document(capsys)
    assert {x["name"]: x["got"] for x in found["layers"]}["conv"] == "quantized"
    assert [f["kind"] for f in found["findings"]] == ["not-quantized"]  # second


def test_every_release_is_judged_and_the_first_decides(folder: Path, capsys: Any) -> None:
    names = returned("conv", "product")
    assert run(names, "--spec=cann-9.2.0.beta1", "--spec=cann-7.0.0", "--format=json") in (0, 1)
    found = json.loads(capsys.readouterr().out)["audits"]
    assert [one["release"] for one in found] == ["cann-9.2.0.beta1", "cann-7.0.0"]
    assert found[1]["totals"]["violations"] == 1


def test_a_result_in_which_nothing_is_quantized_says_so(folder: Path, capsys: Any) -> None:
    assert run("m.onnx") == 0
    assert "\nNothing is quantized in the result.\n" in capsys.readouterr().out
    assert run(returned("conv")) == 0
    assert "Nothing is quantized" not in capsys.readouterr().out


# --- what the result computes ---------------------------------------------------------------------


def convolutions(tmp_path: Path) -> tuple[Path, Path]:
    """A model of two convolutions, and the same model in QDQ form."""
    float_model = quantized_models.model(
        [node("Conv", ["x", "w"], ["c"], "first"), node("Conv", ["c", "v"], ["y"], "second")],
        [quantized_models.constant("w", 8, 3, 3, 3), quantized_models.constant("v", 8, 8, 3, 3)],
    )
    (tmp_path / "m.onnx").write_bytes(float_model.SerializeToString())
    made = reference.qdq().quantize(float_model, _request(tmp_path))
    (tmp_path / "q.onnx").write_bytes(made.SerializeToString())
    return tmp_path / "m.onnx", tmp_path / "q.onnx"


def test_a_run_says_what_was_compared(tmp_path: Path, capsys: Any) -> None:
    source, result = convolutions(tmp_path)
    assert cli.main(["audit", str(source), str(result), "--run", "--strict"]) == 0
    assert "--run: 2 layers were run and compared" in capsys.readouterr().out


def test_a_corrupted_weight_fails(tmp_path: Path, capsys: Any) -> None:
    source, result = convolutions(tmp_path)
    network = read_onnx(source)
    channel_wise = Decision(inputs=(0,), weights=True, weight_channel_wise=True)
    both = {"first": channel_wise, "second": channel_wise}
    made = write_form("qdq", network, both, pytest_amct.load_spec())
    for each in made.graph.node:
        if each.op_type == "DequantizeLinear" and each.input[0].startswith("v"):
            (axis,) = each.attribute
            axis.i = 1 - axis.i  # the scales of the outputs, applied to the inputs
    onnx.save(made, result)
    assert cli.main(["audit", str(source), str(result), "--format=json"]) == 1
    (finding,) = document(capsys)["findings"]
    assert (finding["kind"], finding["layer"]) == ("corrupted", "Conv 'second'")
    assert cli.main(["audit", str(source), str(result), "--run", "--format=json"]) == 1
    assert {f["kind"] for f in document(capsys)["findings"]} == {"corrupted"}


def test_only_models_can_be_run(folder: Path, capsys: Any) -> None:
    assert run(returned("conv"), "--run") == 4
    assert "--run: only quantized ONNX models are run: drop it" in capsys.readouterr().err


def test_a_result_that_does_not_run_says_so(tmp_path: Path, capsys: Any) -> None:
    source, result = convolutions(tmp_path)
    made = onnx.load(result)
    made.ir_version = 99  # no onnxruntime loads it
    onnx.save(made, result)
    assert cli.main(["audit", str(source), str(result), "--run"]) == 0
    assert "--run: the result could not be run: " in capsys.readouterr().out


# --- what was asked -------------------------------------------------------------------------------


def test_rows_that_are_required_and_rows_left_in_float(folder: Path, capsys: Any) -> None:
    Path("d.json").write_text(
        json.dumps({"format": "pytest-amct-decisions/2", "layers": {"conv": True, "second": False}})
    )
    assert run("d.json") == 0
    assert "0 violations, 1 warning" in capsys.readouterr().out
    assert run("d.json", "--required", "uniform/onnx/*") == 1
    assert run("d.json", "--strict") == 1
    assert run("d.json", "--float-rows", "uniform/onnx/Conv") == 0
    text = capsys.readouterr().out.rpartition("m.onnx (onnx")[2]
    assert "although uniform/onnx/Conv is declared as a float row" in text


def test_what_the_configuration_skips_must_stay_in_float(folder: Path, capsys: Any) -> None:
    Path("a.cfg").write_text('skip_layers: "second"\nbatch_num: 2\n')
    assert run(returned("conv", "second"), "--config=a.cfg") == 1
    assert "the request skips it" in capsys.readouterr().out
    assert run(returned("conv"), "--config=a.cfg") == 0
    Path("b.cfg").write_text('skip_layer_types: "Conv2D"\n')
    assert run(returned("conv"), "--config=b.cfg") == 1
    assert run(returned("conv"), "--skip-layers", "conv") == 1
    assert run(returned("conv"), "--skip-layer-types", "Conv2D") == 1


def test_a_tensor_that_the_configuration_names_is_expected(folder: Path, capsys: Any) -> None:
    Path("a.cfg").write_text('tensor_quantize { layer_name: "add" input_index: 0 }\n')
    Path("d.json").write_text(
        json.dumps({"format": "pytest-amct-decisions/2", "layers": {"add": False}})
    )
    assert run("d.json", "--required", "uniform/onnx/Add") == 0
    assert run("d.json", "--required", "uniform/onnx/Add", "--config=a.cfg") == 1
    assert run("d.json", "--required", "uniform/onnx/Add", "--tensor-quantize", "add") == 1
    assert "Add 'add' was left in float" in capsys.readouterr().out


def test_parts_of_a_configuration_override_each_other(tmp_path: Path) -> None:
    (tmp_path / "a.cfg").write_text(
        """
        activation_offset: true
        common_config { arq_quantize { channel_wise: true quant_bits: 8 } }
        override_layer_types {
          layer_type: "Conv2D"
          calibration_config { arq_quantize { channel_wise: false } }
        }
        override_layer_configs {
          layer_name: "second"
          calibration_config { weight_compress_only: true arq_quantize { asymmetric: true } }
        }
        """
    )
    found = read_simplified(tmp_path / "a.cfg")
    assert found.asked("g", ["MatMulV2"]).settings == {"channel_wise": True}
    assert found.asked("conv", ["Conv2D"]).settings == {"channel_wise": False}
    assert found.asked("conv", ["Conv2D", "Conv3D"]).settings == {"channel_wise": True}
    second = found.asked("second", ["Conv2D"])
    assert second.settings == {"channel_wise": False, "asymmetric": True}
    assert second.scheme == "weight_only"
    assert found.asked("conv", ["Conv2D"]).scheme is None


def test_a_setting_that_the_tables_forbid_excuses_float(folder: Path, capsys: Any) -> None:
    made = model(node("Gemm", ["x", "w"], ["y"], "n"), x=(4, 4), w=(4, 4))
    Path("m.onnx").write_bytes(made.SerializeToString())
    Path("d.json").write_text(
        json.dumps({"format": "pytest-amct-decisions/2", "layers": {"n": False}})
    )
    Path("a.cfg").write_text("common_config { arq_quantize { channel_wise: true } }")
    assert run("d.json", "--required", "uniform/onnx/Gemm") == 1
    assert run("d.json", "--required", "uniform/onnx/Gemm", "--config=a.cfg") == 0
    assert (
        "what was asked for: the data is quantized, the weight has several factors"
        in capsys.readouterr().out
    )


# --- what is wrong with the files -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('skip_layers: "secnd"', "skip_layers: 'secnd' is not a layer of the model, did you mean"),
        ('skip_layer_types: "Conv"', "skip_layer_types: 'Conv' is not an Ascend IR type"),
        ('skip_layer_types: "MatMul"', "CANN 7.0.0, did you mean 'BatchMatMulV2'?"),
        ('override_layer_types { layer_type: "Gemm" }', "CANN 7.0.0: use one of MatMulV2"),
        (
            'skip_layer: "second"',
            "simplified configuration has no field 'skip_layer'",
        ),
        ('batch_num: 1 bogus { skip_layers: "{" }', "has no field 'bogus'"),
        ("skip_layers {", "a.cfg: not AMCT's simplified configuration (protobuf text)"),
        (
            'override_layer_configs { layer_name: "z" }',
            "override_layer_configs: 'z' is not a layer",
        ),
    ],
)
def test_a_configuration_that_does_not_fit(
    folder: Path, capsys: Any, written: str, words: str
) -> None:
    Path("a.cfg").write_text(written)
    assert run(returned("conv"), "--config=a.cfg") == 4
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gone.onnx",), "gone.onnx: there is no such file: name what the tool made"),
        (
            (".",),
            ".: looked for *_deploy_model.onnx, a record (.txt or .record) or a configuration"
            " (.json) of AMCT, and found none: name the file that AMCT wrote",
        ),
        (("names.json", "-o", "names.json"), "-o names.json: this file is read: name another file"),
        (("names.json", "-o", "m.onnx"), "-o m.onnx: this file is read: name another file"),
        (("names.json", "--config=gone.cfg"), "gone.cfg: cannot be read"),
        (("names.json", "--required", "uniform/onnx/Cnv"), "--required: 'uniform/onnx/Cnv' is not"),
        (
            ("names.json", "--required", "uniform/onnx/Conv", "--float-rows", "uniform/*"),
            "uniform/onnx/Conv is given to --required and --float-rows",
        ),
        (("names.json", "--skip-layers", "cnv"), "skip_layers: 'cnv' is not a layer of the model"),
    ],
)
def test_arguments_that_do_not_fit(
    folder: Path, capsys: Any, arguments: Sequence[str], words: str
) -> None:
    returned("conv")
    assert run(*arguments) == 4
    assert words in capsys.readouterr().err


def test_a_list_of_other_things_than_names(folder: Path, capsys: Any) -> None:
    Path("names.json").write_text("[1, 2]")
    assert run("names.json") == 4
    assert "names.json: a list must hold names of quantized layers" in capsys.readouterr().err


def test_a_result_of_another_model_says_so_with_the_names(folder: Path, capsys: Any) -> None:
    assert run(returned("conv", "res1", "res2", "res3")) == 4
    message = capsys.readouterr().err
    assert "the result belongs to another model: 3 of 4 layers that it names" in message
    assert "'res1', 'res2', 'res3'" in message
    other = model(
        node("Conv", ["image", "k"], ["class"], "first", kernel_shape=[1, 1]),
        inputs={"image": (FLOAT, (1, 4, 8, 8))},
        outputs=("class",),
        k=(4, 4, 1, 1),
    )
    del other.graph.input[0]
    Path("q.onnx").write_bytes(other.SerializeToString())
    assert run("q.onnx") == 4
    message = capsys.readouterr().err
    assert "it has none of the inputs and outputs of the given one ('x', 'fed', 'y')" in message


def test_one_strange_name_among_many_is_a_mistake_in_the_name(folder: Path, capsys: Any) -> None:
    assert run(returned("conv", "second", "produkt")) == 4
    message = capsys.readouterr().err
    assert "the result names 'produkt', which is not a layer" in message
    assert "did you mean 'product'?; is the result made of this model?" in message


def test_a_result_in_which_most_layers_are_missing_asks_about_the_model(
    folder: Path, capsys: Any
) -> None:
    other = model(
        node("Neg", ["x"], ["n"], "neg"),
        node("Sum", ["n", "fed"], ["y"], "sum"),
        inputs={"fed": (FLOAT, (8, 8))},
    )
    Path("q.onnx").write_bytes(other.SerializeToString())
    assert run("q.onnx") == 2
    assert "are not in the result (Conv 'conv'" in capsys.readouterr().out
    assert run("q.onnx", "--format=json") == 2
    assert "was it made of this model?" in document(capsys)["notes"][0]


# --- formats --------------------------------------------------------------------------------------


def test_json_follows_its_schema(folder: Path, capsys: Any) -> None:
    assert run(returned("conv", "product"), "--format=json", "--spec=all") == 1
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, json.loads(SCHEMA.read_text()))
    assert found["audits"][0]["release"] == "cann-7.0.0"


def test_markdown_goes_to_a_file(folder: Path, capsys: Any) -> None:
    assert run(returned("conv", "product"), "--format=markdown", "-o", "a.md") == 1
    assert "| violation | over-quantized |" in Path("a.md").read_text()
    assert capsys.readouterr().out == ""


# --- in tests of one's own ------------------------------------------------------------------------


def test_assert_conforms_lists_each_wrong_layer(snapshot: SnapshotAssertion) -> None:
    assert_conforms(network(), ["conv", "second"])
    with pytest.raises(AssertionError) as caught:
        assert_conforms(network(), {"conv": True, "product": Decision(), "add": False})
    assert str(caught.value) == snapshot


def test_assert_conforms_takes_a_release_rows_and_options() -> None:
    left = {"conv": False, "second": True}
    assert_conforms(network(), left)
    with pytest.raises(AssertionError, match="expected  quantized\n  got       float"):
        assert_conforms(network(), left, required_rows=("uniform/onnx/Conv",))
    with pytest.raises(AssertionError, match="1 layer violates the tables"):
        assert_conforms(network(), left, strict=True)
    with pytest.raises(AssertionError, match="the request skips it"):
        assert_conforms(network(), ["conv"], skip_layers=["conv"])
    with pytest.raises(AssertionError, match=r"the tables of CANN 6\.0\.1"):
        assert_conforms(network(), ["product"], spec=pytest_amct.load_spec("cann-6.0.1"))
    with pytest.raises(UsageError, match="'skip_layer' is not a request option, did you mean"):
        assert_conforms(network(), ["conv"], skip_layer=["conv"])
    with pytest.raises(OutputError, match="'cnv', which is not a layer of the model"):
        assert_conforms(network(), ["cnv"])


TESTS = """
import onnx
import pytest
from pytest_amct import assert_conforms

MODEL = "m.onnx"


def test_the_result(amct):
    assert amct.quantize(MODEL) == ["conv", "product"]
    assert amct.quantize(onnx.load(MODEL)) == ["conv", "product"]


def test_the_audit(amct):
    found = amct.audit(MODEL)
    assert [f.condition for f in found.failed] == ["uniform/onnx/MatMul/second_input"]


def test_options_reach_the_quantizer(amct):
    with pytest.raises(RuntimeError, match="asked"):
        amct.quantize(MODEL, skip_layers=["conv"])


def test_a_tool_that_raises_gives_one_finding(amct):
    found = amct.audit(MODEL, skip_layers=["conv"])
    assert [(f.kind, f.status) for f in found.findings] == [("errored", "warned")]


def test_it_conforms(amct):
    amct.assert_conforms(MODEL)
"""

QUANTIZER = """
def quantize(model, request):
    if request.skip_layers:
        raise RuntimeError("asked")
    return ["conv", "product"]
"""


def test_the_fixture_gives_the_configured_quantizer(repository: ToyRepository) -> None:
    (repository.path / "m.onnx").write_bytes(network().SerializeToString())
    repository.write("toy.py", QUANTIZER)
    repository.write("test_mine.py", TESTS)
    found = repository.pytest("test_mine.py")
    assert "1 failed, 4 passed" in found.out
    assert "MatMul 'product'" in found.out
    assert "expected  float" in found.out


def test_the_fixture_without_a_quantizer_says_what_to_set(repository: ToyRepository) -> None:
    repository.write("test_mine.py", "def test_it(amct):\n    pass\n")
    repository.ini(quantizer="")
    found = repository.pytest("test_mine.py")
    assert "no quantizer is named: set amct_quantizer in" in found.out
