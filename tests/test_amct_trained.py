"""AMCT's configurations of quantization-aware training and of distillation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from forms_network import float_model

from pytest_amct.decisions.amct.config import read_config
from pytest_amct.decisions.amct.layers import decisions_by_name
from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.read import read_outcome
from pytest_amct.errors import OutputError
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.tables.model import DataFormat

NETWORK = read_onnx(float_model())

RETRAIN = {"version": 1, "batch_num": 1, "fakequant_precision_mode": "DEFAULT"}
DISTILL = {
    "version": 1,
    "batch_num": 1,
    "group_size": 1,
    "data_dump": False,
    "distill_group": [["conv_a", "relu"], ["conv_b"]],
}
KINDS = pytest.mark.parametrize(
    ("whole", "enabled", "kind"),
    [(RETRAIN, "retrain_enable", "retrain"), (DISTILL, "quant_enable", "distill")],
    ids=["training", "distillation"],
)


def decisions(whole: dict[str, Any], **layers: Any) -> dict[str, Decision | None]:
    outcome = read_outcome(NETWORK, read_config(json.dumps({**whole, **layers})))
    return {layer.name: outcome.decision(i) for i, layer in enumerate(NETWORK.layers)}


@KINDS
def test_data_and_weights_are_read(whole: dict[str, Any], enabled: str, kind: str) -> None:
    layer = {
        enabled: True,
        f"{kind}_data_config": {"algo": "ulq_quantize", "dst_type": "INT8"},
        f"{kind}_weight_config": {
            "algo": f"arq_{kind}",
            "channel_wise": True,
            "dst_type": "INT4",
        },
    }
    found = decisions(whole, conv_a=layer, conv_b={enabled: False})
    assert found["conv_a"] == Decision(
        inputs=(0,),
        weights=True,
        weight_channel_wise=True,
        weight_bits=4,
        nonuniform=False,
        formats=(DataFormat(0, bits=8),),
        seen=f"the configuration has {kind}_data_config and {kind}_weight_config",
    )
    assert found["conv_b"] == found["conv_c"] == Decision.float()


@KINDS
@pytest.mark.parametrize("algorithm", ["arq", "ulq"])
def test_no_algorithm_of_training_clusters(
    whole: dict[str, Any], enabled: str, kind: str, algorithm: str
) -> None:
    weights = {"algo": f"{algorithm}_{kind}"}
    found = decisions(whole, conv_a={enabled: True, f"{kind}_weight_config": weights})["conv_a"]
    assert found is not None and found.nonuniform is False


@KINDS
def test_a_part_that_is_left_out_is_not_known(
    whole: dict[str, Any], enabled: str, kind: str
) -> None:
    data, weights = ({enabled: True, f"{kind}_{part}_config": {}} for part in ("data", "weight"))
    found = decisions(whole, conv_a=data, conv_b=weights, conv_c={enabled: True})
    parts = {name: (d.inputs, d.weights) if d else None for name, d in found.items()}
    assert parts["conv_a"] == ((0,), None)
    assert parts["conv_b"] == (None, True)
    assert parts["conv_c"] == (None, None)
    assert found["conv_c"] == Decision(seen=f"{enabled} is true")
    by_name = decisions_by_name(read_config(json.dumps({**whole, "conv_b": weights})))
    assert by_name["conv_b"].inputs is None


def test_layers_that_are_only_pruned_are_not_known() -> None:
    layer = {"regular_prune_enable": True, "regular_prune_config": {"prune_ratio": 0.3}}
    assert decisions(RETRAIN, conv_a=layer)["conv_a"] is None


@KINDS
def test_a_wrong_value_is_named_with_its_place(
    whole: dict[str, Any], enabled: str, kind: str
) -> None:
    with pytest.raises(OutputError, match=f"conv_a.{enabled} is 1: it must be true or false"):
        decisions(whole, conv_a={enabled: 1})
    weights = {f"{kind}_weight_config": {"channel_wise": "yes"}}
    message = f'conv_a.{kind}_weight_config.channel_wise is "yes": it must be true or false'
    with pytest.raises(OutputError, match=message):
        decisions(whole, conv_a={enabled: True, **weights})
