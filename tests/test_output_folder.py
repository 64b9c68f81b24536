"""The folder into which AMCT writes: which of its files is judged."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from onnx import ModelProto
from tiny_models import model, node

from pytest_amct import cli
from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.read import read_outcome
from pytest_amct.decisions.writers.forms import write_form
from pytest_amct.errors import OutputError
from pytest_amct.graphs.onnx.reader import read_onnx

QUANTIZED = Decision(inputs=(0,), weights=True, weight_channel_wise=False, weight_asymmetric=False)


def float_model() -> ModelProto:
    return model(
        node("Conv", ["x", "w"], ["c"], "conv", kernel_shape=[1, 1]),
        node("Sin", ["c"], ["s"], "sin"),
        node("Conv", ["s", "v"], ["y"], "second", kernel_shape=[1, 1]),
        w=(4, 4, 1, 1),
        v=(4, 4, 1, 1),
    )


def write(folder: Path, form: str, name: str, *layers: str) -> Path:
    """Write what AMCT would write of these quantized layers."""
    decisions = dict.fromkeys(layers, QUANTIZED)
    written = write_form(form, read_onnx(float_model()), decisions)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(written, ModelProto):
        path.write_bytes(written.SerializeToString())
    else:
        path.write_text(written)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "m.onnx").write_bytes(float_model().SerializeToString())
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    (out / "model_quant.json").write_text('{"version": 1, "batch_num": 1}')
    (out / "amct_log.txt").write_text("a log: not a record")
    return out


def audit(capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.main(["audit", "m.onnx", "out"]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["audit", *(arguments or ("m.onnx", "out"))]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line.removeprefix("pytest-amct: ")


def test_the_deploy_model_tells_most(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, "deploy", "model_deploy_model.onnx", "conv")
    write(folder, "record", "tmp/record.txt", "conv", "second")
    write(folder, "config", "tmp/config.json", "conv", "second")
    text = audit(capsys)
    assert "1 of 2 quantizable layers quantized" in text
    assert "Judged model_deploy_model.onnx, the deploy model: it is the model that runs" in text
    assert text.startswith("out/model_deploy_model.onnx made of m.onnx")


def test_the_record_tells_more_than_the_configuration(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "record", "tmp/scale_offset.record", "conv")
    write(folder, "config", "tmp/config.json", "conv", "second")
    text = audit(capsys)
    assert "1 of 2 quantizable layers quantized" in text
    assert "Judged tmp/scale_offset.record, the record" in text


def test_an_empty_record_says_that_nothing_was_quantized(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "record.txt").write_text("")
    write(folder, "config", "config.json", "conv", "second")
    assert "0 of 2 quantizable layers quantized" in audit(capsys)


def test_the_configuration_is_judged_if_there_is_nothing_else(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "config", "config.json", "conv", "second")
    text = audit(capsys)
    assert "2 of 2 quantizable layers quantized" in text
    assert "Judged config.json, the configuration: it lists what AMCT meant to quantize" in text


def test_the_reason_is_in_the_json_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder, "record", "record.txt", "conv")
    assert cli.main(["audit", "m.onnx", "out", "--format=json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["audits"]
    assert found["result"] == "out/record.txt"
    assert any(note.startswith("Judged record.txt") for note in found["notes"])


def test_several_files_of_a_form_are_not_guessed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "deploy", "a_deploy_model.onnx", "conv")
    write(folder, "deploy", "b_deploy_model.onnx", "second")
    write(folder, "record", "record.txt", "conv")
    assert refused(capsys) == (
        "out: has 2 deploy models (a_deploy_model.onnx, b_deploy_model.onnx): name one of them"
    )


def test_a_folder_with_nothing_of_amct(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys) == (
        "out: looked for *_deploy_model.onnx, a record (.txt or .record) or a configuration"
        " (.json) of AMCT, and found none: name the file that AMCT wrote"
    )


def test_a_deploy_model_of_caffe_needs_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.prototxt").write_text(
        'layer { name: "data" type: "Input" top: "x" input_param { shape { dim: [1, 4, 8, 8] } } }'
        ' layer { name: "pool" type: "Pooling" bottom: "x" top: "y"'
        " pooling_param { pool: AVE kernel_size: 2 } }"
    )
    for name in ("n_deploy_model.prototxt", "n_deploy_weights.caffemodel", "n_quant.json"):
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / name).write_bytes(b"")
    assert refused(capsys, "m.prototxt", "out") == (
        "out: has n_deploy_weights.caffemodel, which is not read, but not a record (.txt or"
        " .record) or a configuration (.json) of AMCT: name the record of the same run"
    )
    (tmp_path / "out" / "record.txt").write_text(
        'record { key: "pool" value { scale_d: 0.1 offset_d: 0 scale_w: 1.0 offset_w: 0 } }'
    )
    assert cli.main(["audit", "m.prototxt", "out"]) == 0
    assert "1 of 1 quantizable layer quantized" in capsys.readouterr().out


def test_too_many_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pytest_amct.decisions.amct.output_folder._MOST_FILES", 1)
    assert refused(capsys) == ("out: holds more than 1 files: name the file that AMCT wrote")


def test_only_files_near_the_top_are_looked_at(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(folder / "record.txt")
    write(folder, "record", "a/b/c/d/record.txt", "conv")
    write(folder, "record", ".hidden/record.txt", "conv")
    assert "and found none" in refused(capsys)
    write(folder, "record", "a/b/c/record.txt", "conv")
    assert "Judged a/b/c/record.txt" in audit(capsys)


def test_a_quantizer_may_return_the_folder(folder: Path) -> None:
    network = read_onnx(float_model())
    write(folder, "record", "record.txt", "conv")
    outcome = read_outcome(network, folder)
    assert [outcome.decision(i).quantized for i in (0, 2)] == [True, False]  # type: ignore[union-attr]
    (folder / "record.txt").unlink()
    with pytest.raises(OutputError, match="and found none"):
        read_outcome(network, str(folder))
