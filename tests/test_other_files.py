"""Texts and files that show no decisions are named for what they are, with the cure."""

from __future__ import annotations

from pathlib import Path

import pytest
from forms_network import float_model
from tensorflow_graphs import fed, graph

import pytest_amct
from pytest_amct.decisions.amct.config import read_config
from pytest_amct.decisions.amct.record import read_record
from pytest_amct.decisions.read import read_outcome
from pytest_amct.errors import OutputError
from pytest_amct.graphs.network import Network
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.graphs.tensorflow.reader import read_tensorflow

ONNX = read_onnx(float_model())
TENSORFLOW = read_tensorflow(graph(fed()))

SIMPLIFIED = {
    "calibration": '# for all layers\n\nactivation_offset : true\nskip_layers: "conv"\n',
    "calibration of all": "common_config : { arq_quantize : { channel_wise : true } }",
    "clustering": "\ufeffnuq_config { nuq_quantize { num_steps: 32 } }",
    "training": "retrain_data_quant_config { ulq_quantize { dst_type: INT8 } }",
    "distillation": 'group_size: 1 distill_group { start_layer_name: "conv" }',
    "cache": "kv_cache_quant_config { quant_layers: 'MatMul_1' }",
    "pruning": "prune_config { filter_pruner {} }",
    "search of ratios": "compress_ratio: 1.25\nascend_optimized: true\n",
}
ASKS = "AMCT's simplified configuration .*only asks for quantization: return the configuration"


@pytest.mark.parametrize("text", SIMPLIFIED.values(), ids=SIMPLIFIED)
def test_the_text_of_a_simplified_configuration_is_named(text: str) -> None:
    with pytest.raises(OutputError, match=f"^the configuration is {ASKS}"):
        read_config(text)
    with pytest.raises(OutputError, match=f"^the record is {ASKS}"):
        read_record(text)


@pytest.mark.parametrize("network", [ONNX, TENSORFLOW], ids=["onnx", "tensorflow"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("quant.cfg", f"quant.cfg', {ASKS} .* or the record"),
        ("QUANT.CFG", f"QUANT.CFG', {ASKS}"),
        (
            "net.ckpt.meta",
            r"meta', a graph of TensorFlow .*: return AMCT's configuration \(.json\)",
        ),
        ("net.ckpt", "'.*net.ckpt', a checkpoint, which shows no decisions: return AMCT's"),
        ("net.om", "'.*net.om', an offline model, which is not read: return AMCT's"),
    ],
)
def test_a_file_is_named_by_its_suffix(
    name: str, message: str, network: Network, tmp_path: Path
) -> None:
    (tmp_path / name).write_text("batch_num: 1")
    for path in (tmp_path / name, str(tmp_path / name)):
        with pytest.raises(OutputError, match=message) as raised:
            read_outcome(network, path)
        assert "\n" not in str(raised.value)
        with pytest.raises(OutputError, match=message):
            pytest_amct.decisions_of(path)


def test_configuration_and_record_are_told_apart() -> None:
    with pytest.raises(OutputError, match=r"is AMCT's record: name its file \.txt, or read"):
        read_config('record { key: "conv" value { scale_d: 1 } }')
    with pytest.raises(OutputError, match=r"is JSON, as AMCT's .*: name its file \.json, or read"):
        read_record('\n{"conv": {"quant_enable": true}}')


def test_another_text_is_not_a_record_of_nothing() -> None:
    with pytest.raises(OutputError, match="is another text, which begins with 'node': return the"):
        read_record('# a graph\nnode { name: "x" }')
    for nothing in ("", "# nothing\n", "prune_record { producer { name: 'conv' } }"):
        assert read_record(nothing).layers == {}


def test_models_show_decisions_on_models_of_onnx_only(tmp_path: Path) -> None:
    (tmp_path / "quantized.pb").write_bytes(graph(fed()).SerializeToString())
    for result in (tmp_path / "quantized.pb", graph(fed()).SerializeToString()):
        with pytest.raises(OutputError, match=r"only models of ONNX are read: .* of tensorflow"):
            read_outcome(TENSORFLOW, result)
