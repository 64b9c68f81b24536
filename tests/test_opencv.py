"""The built-in quantizer `opencv`, the real one: what it decides, and findings checked by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_amct.cases import catalog
from pytest_amct.cases.plan import target_layers
from pytest_amct.decisions.decision import Decision
from pytest_amct.options import Settings
from pytest_amct.quantizers.loading import load_quantizer
from pytest_amct.quantizers.protocol import Quantizer
from pytest_amct.quantizers.running import run_quantizer
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec
from pytest_amct.verdicts import layer_index

pytest.importorskip("cv2")
C = "uniform/caffe"


@pytest.fixture
def opencv() -> Quantizer:
    return load_quantizer("opencv")


def decided(opencv: Quantizer, group: str, deviation: str) -> Decision | None:
    built = catalog.make_case(group, deviation).build()
    network = built.native.network()
    (target,) = target_layers(network, built.targets)
    outcome = run_quantizer(opencv, built.native, network)
    assert outcome.status == "decided", outcome.message
    return outcome.decision(layer_index(target))


def test_a_convolution_is_quantized_with_a_factor_for_each_channel(opencv: Quantizer) -> None:
    found = decided(opencv, f"{C}/Convolution", "default")
    assert found is not None
    assert (found.inputs, found.weights, found.weight_channel_wise) == ((0,), True, True)
    assert found.seen.startswith("ConvolutionInt8 ")


def test_a_pool_has_no_weight(opencv: Quantizer) -> None:
    found = decided(opencv, f"{C}/Pooling", "default")
    assert found is not None
    assert (found.inputs, found.weights) == ((0,), False)


def test_a_transposed_convolution_stays_in_float(opencv: Quantizer) -> None:
    assert decided(opencv, f"{C}/Deconvolution", "default") == Decision.float()


@pytest.mark.parametrize(
    ("group", "deviation"),
    [
        # docs/reading.md, "Table 1: uniform": a global AVE pooling is forbidden.
        (f"{C}/Pooling/global_pooling", "true"),
        # The same: SUM is the only listed operation of Eltwise.
        (f"{C}/Eltwise/operation", "prod"),
        # The same: an InnerProduct must start at axis 1.
        (f"{C}/InnerProduct/axis", "2"),
        # "Float16": one Float16 weight closes Pooling and Eltwise in the whole network.
        ("float16/caffe/Pooling", "weight-elsewhere"),
        # A type without a row.
        (f"{C}/unlisted/Sigmoid", "plain"),
    ],
)
def test_findings_that_were_checked_by_hand(
    group: str, deviation: str, opencv: Quantizer, tmp_path: Path
) -> None:
    runner = Runner(opencv, load_spec(), Settings("opencv", scratch=tmp_path))
    record = runner.record(catalog.make_case(group, deviation))
    assert record.decided == "quantized"
    assert [(f.kind, f.condition, f.status) for f in record.findings] == [
        ("over-quantized", group, "failed")
    ]


@pytest.mark.parametrize(
    ("group", "deviation", "words"),
    [
        (f"{C}/Pooling/mode", "stochastic", "does not run the float model"),
        (f"{C}/Convolution", "twin", "does not read the float model"),
        (f"{C}/Deconvolution/weight_rank", "5", "only for rank 4"),
    ],
)
def test_layers_that_opencv_lacks_are_unsupported(
    group: str, deviation: str, words: str, opencv: Quantizer
) -> None:
    outcome = run_quantizer(opencv, catalog.make_case(group, deviation).build().native)
    assert outcome.status == "unsupported"
    assert words in outcome.message


def test_layers_of_the_train_phase_are_not_decided(opencv: Quantizer) -> None:
    case = catalog.make_case(f"{C}/Convolution", "default", "plain", ("train-layers",))
    assert run_quantizer(opencv, case.build().native).status == "decided"


@pytest.mark.parametrize("type_", ["ReLU", "Concat", "Flatten", "Reshape", "Slice", "Dropout"])
def test_layers_that_only_pass_integers_through_show_nothing(type_: str, opencv: Quantizer) -> None:
    assert decided(opencv, f"{C}/unlisted/{type_}", "plain") is None
