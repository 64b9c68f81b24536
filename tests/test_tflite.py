"""The built-in quantizer `tflite`, the real converter: decisions, findings checked by hand."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from pytest_amct.cases import catalog
from pytest_amct.decisions.decision import Decision
from pytest_amct.errors import UsageError
from pytest_amct.options import Settings
from pytest_amct.quantizers.loading import load_quantizer
from pytest_amct.quantizers.running import run_quantizer
from pytest_amct.runner import Runner, focal_layers
from pytest_amct.tables.loader import load_spec
from pytest_amct.verdicts import layer_index

T = "uniform/tensorflow"
WITH_TENSORFLOW = pytest.mark.skipif(find_spec("tensorflow") is None, reason="needs tensorflow")


def decided(group: str, deviation: str) -> Decision | None:
    built = catalog.make_case(group, deviation).build()
    network = built.native.network()
    (focal,) = focal_layers(network, built.focal)
    outcome = run_quantizer(load_quantizer("tflite"), built.native, network)
    assert outcome.status == "decided", outcome.message
    return outcome.decision(layer_index(focal))


@WITH_TENSORFLOW
@pytest.mark.parametrize(
    ("group", "ports", "weights", "channel_wise"),
    [
        (f"{T}/Conv2D", (0,), True, True),
        (f"{T}/DepthwiseConv2dNative", (0,), True, True),
        (f"{T}/Conv2DBackpropInput", (2,), True, True),
        (f"{T}/MatMul", (0,), True, True),
        (f"{T}/AvgPool", (0,), False, None),
        (f"{T}/MaxPool", (0,), False, None),
        (f"{T}/Add", (0, 1), False, None),
    ],
)
def test_what_int8_conversion_does_to_plain_layers(
    group: str, ports: tuple[int, ...], weights: bool, channel_wise: bool | None
) -> None:
    found = decided(group, "default")
    assert found is not None
    assert (found.inputs, found.weights, found.weight_channel_wise) == (
        ports,
        weights,
        channel_wise,
    )


@WITH_TENSORFLOW
def test_what_stays_in_float_and_what_is_folded() -> None:
    assert decided(f"{T}/Conv3D", "default") == Decision.float()
    assert decided(f"{T}/unlisted/Elu", "plain") == Decision.float()
    assert decided(f"{T}/unlisted/FusedBatchNormV3", "plain") is None  # untraceable
    assert decided(f"{T}/unlisted/Relu6", "plain") is None  # integers merely pass


@WITH_TENSORFLOW
@pytest.mark.parametrize(
    ("group", "deviation", "condition"),
    [
        # READING.md section 5, table 3: data and weights, MatMulV2: no factor for each channel.
        (f"{T}/MatMul", "default", "settings/tensorflow/MatMul/channel_wise"),
        # Section 5, table 1: the weight of a Conv2D must not come from a placeholder.
        (f"{T}/Conv2D/weight_source", "input", f"{T}/Conv2D/weight_source"),
        # Section 4: a Float16 input, also of another branch, closes AvgPool.
        ("float16/tensorflow/AvgPool", "input-elsewhere", "float16/tensorflow/AvgPool"),
        # A type without a row: BiasAdd is not Add.
        (f"{T}/unlisted/BiasAdd", "plain", f"{T}/unlisted/BiasAdd"),
    ],
)
def test_findings_that_were_checked_by_hand(
    group: str, deviation: str, condition: str, tmp_path: Path
) -> None:
    settings = Settings("tflite", scratch=tmp_path)
    runner = Runner(load_quantizer("tflite"), load_spec(), settings)
    record = runner.record(catalog.make_case(group, deviation))
    assert record.decided == "quantized"
    assert condition in {f.condition for f in record.findings if f.status == "failed"}


@WITH_TENSORFLOW
def test_what_tensorflow_lite_has_no_operators_for_is_not_its_business() -> None:
    built = catalog.make_case(f"{T}/unlisted/MaxPoolV2", "plain").build()
    outcome = run_quantizer(load_quantizer("tflite"), built.native)
    assert outcome.status == "unsupported"
    assert "tf.MaxPoolV2" in outcome.message


@pytest.mark.skipif(find_spec("tensorflow") is not None, reason="has tensorflow")
def test_without_tensorflow_it_says_what_to_install() -> None:
    with pytest.raises(UsageError, match=r"needs tensorflow: pip install pytest-amct\[tensorflow]"):
        load_quantizer("tflite")
