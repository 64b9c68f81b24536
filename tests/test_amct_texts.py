"""AMCT's configuration and record, read without AMCT."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from forms_network import FORMS, float_model

from pytest_amct.decisions.amct.config import read_config
from pytest_amct.decisions.amct.record import read_record
from pytest_amct.decisions.decision import Decision, Outcome
from pytest_amct.decisions.read import read_outcome
from pytest_amct.errors import OutputError
from pytest_amct.graphs.onnx.reader import read_onnx

NETWORK = read_onnx(float_model())


def outcome_of(result: object) -> dict[str, Decision | None]:
    outcome = read_outcome(NETWORK, result)
    assert outcome.status == "decided"
    return {layer.name: outcome.decision(i) for i, layer in enumerate(NETWORK.layers)}


def config(**keys: Any) -> dict[str, Decision | None]:
    return outcome_of(read_config(json.dumps(keys)))


def record(name: str, fields: str) -> dict[str, Decision | None]:
    return outcome_of(read_record(f'record {{ key: "{name}" value {{ {fields} }} }}'))


def shown(decision: Decision | None) -> tuple[Any, ...]:
    assert decision is not None
    return (
        decision.inputs,
        decision.weights,
        decision.weight_channel_wise,
        decision.weight_asymmetric,
        decision.weight_bits,
        decision.shift,
        decision.nonuniform,
    )


# --- the fixtures ------------------------------------------------------------------------------


def test_the_configuration_of_the_fixtures() -> None:
    found = outcome_of(FORMS / "config.json")
    assert {name: shown(d) for name, d in found.items() if d and d.quantized} == {
        "conv_a": ((0,), True, True, None, 8, None, False),
        "conv_b": ((0,), True, None, None, 4, None, True),
        "pool": ((0,), True, False, None, 8, None, False),
        "max": ((0,), False, None, None, None, None, False),
        "matmul": ((), True, True, True, 8, None, False),
    }
    assert found["conv_c"] == found["conv_d"] == found["bias"] == Decision.float()


def test_the_record_of_the_fixtures() -> None:
    found = outcome_of(str(FORMS / "record.txt"))
    assert {name: shown(d) for name, d in found.items() if d and d.quantized} == {
        "conv_a": ((0,), True, True, False, 8, 0, False),
        "conv_b": ((0,), True, False, False, 4, 0, True),
        "pool": ((0,), True, False, False, None, 3, False),
        "max": ((0,), False, None, None, None, 0, False),
        "matmul": ((), True, False, True, None, 0, False),
    }
    assert found["conv_c"] == found["conv_d"] == Decision.float()


# --- configuration -----------------------------------------------------------------------------

PARAMS = {"activation_quant_params": {"num_bits": 8}, "weight_quant_params": {"num_bits": 8}}


def test_quant_enable_false_means_float_whatever_else_is_given() -> None:
    assert config(conv_a={"quant_enable": False, **PARAMS})["conv_a"] == Decision.float()


def test_without_quant_enable_nothing_is_known() -> None:
    assert config(conv_a=PARAMS)["conv_a"] is None


def test_quant_enable_alone_says_only_quantized() -> None:
    decision = config(conv_a={"quant_enable": True})["conv_a"]
    assert decision is not None and decision.quantized
    assert shown(decision) == (None,) * 7


def test_activations_alone_mean_data_only() -> None:
    layer = {"quant_enable": True, "activation_quant_params": {}}
    found = config(add=layer)["add"]
    assert found is not None
    assert (found.inputs, found.weights) == ((0, 1), False)


def test_activation_parameters_may_be_a_list() -> None:
    layer = {"quant_enable": True, **PARAMS, "activation_quant_params": [{"num_bits": 8}]}
    assert shown(config(conv_a=layer)["conv_a"])[:2] == ((0,), True)


@pytest.mark.parametrize(
    ("algorithm", "nonuniform"),
    [("nuq_quantize", True), ("arq_quantize", False), ("some_quantize", None)],
)
def test_the_algorithm_shows_clustering(algorithm: str, nonuniform: bool | None) -> None:
    layer = {"quant_enable": True, "weight_quant_params": {"wts_algo": algorithm}}
    decision = config(conv_a=layer)["conv_a"]
    assert decision is not None
    assert decision.nonuniform is nonuniform


@pytest.mark.parametrize(
    ("offset", "own", "asymmetric"),
    [(None, None, None), (True, None, True), (True, False, False), (False, True, True)],
)
def test_a_layers_offset_overrides_that_of_the_file(
    offset: bool | None, own: bool | None, asymmetric: bool | None
) -> None:
    layer = {"quant_enable": True, "weight_quant_params": {"asymmetric": own}}
    decision = config(weight_offset=offset, conv_a=layer)["conv_a"]
    assert decision is not None
    assert decision.weight_asymmetric is asymmetric


def test_tensor_quantize_names_single_inputs() -> None:
    tensors = [{"layer_name": "add", "input_index": 1}]
    layer = {"quant_enable": False}
    found = config(tensor_quantize=tensors, add=layer)["add"]
    assert shown(found)[:2] == ((1,), False)
    both = [*tensors, {"layer_name": "add", "input_index": 0}]
    assert shown(config(tensor_quantize=both)["add"])[:2] == ((0, 1), False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the configuration is not JSON: line 1, column 1: Expecting value"),
        ("[]", r"the configuration is \[\]: it must be an object"),
        ('{"conv_a": 5}', "conv_a is 5: AMCT has no setting of this name, and the entry of"),
        ('{"attr": [{}]}', "attr is a list: AMCT has no setting of this name"),
        ('{"a": {"quant_enable": "yes"}}', 'a.quant_enable is "yes": it must be true or false'),
        ('{"a": {}, "a": {}}', "has the key 'a' twice"),
        (
            '{"a": {"quant_enable": true, "weight_quant_params": {"num_bits": true}}}',
            "a.weight_quant_params.num_bits is true: it must be an integer",
        ),
        ('{"tensor_quantize": {}}', "tensor_quantize is {}: it must be a list"),
        (
            '{"tensor_quantize": [{"layer_name": "a"}]}',
            r"tensor_quantize\[0\].input_index is missing",
        ),
        (
            '{"tensor_quantize": [{"layer_name": "a", "input_index": -1}]}',
            r"tensor_quantize\[0\].input_index is -1: inputs are counted from 0",
        ),
        ("[" * 100_000, "nested too deep"),
        ('{"a": ' + "9" * 5000 + "}", "is not JSON: Exceeds the limit"),
    ],
)
def test_a_broken_configuration_is_refused_in_one_sentence(text: str, message: str) -> None:
    with pytest.raises(OutputError, match=message) as raised:
        read_config(text)
    assert "\n" not in str(raised.value)


# --- record ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "inputs", "weights"),
    [
        ("scale_d: 0.5 scale_w: 0.1", (0,), True),
        ("scale_d: 0.5", (0,), False),
        ("scale_w: 0.1", (), True),
        ("offset_w: 1", (), True),
        ("skip_fusion: true", (), False),
    ],
)
def test_factors_show_what_was_quantized(
    fields: str, inputs: tuple[int, ...], weights: bool
) -> None:
    assert shown(record("conv_a", fields)["conv_a"])[:2] == (inputs, weights)


@pytest.mark.parametrize(
    ("scales", "channel_wise"), [("[1, 2]", True), ("[2, 2]", False), ("2", False)]
)
def test_only_factors_that_differ_are_channel_wise(scales: str, channel_wise: bool) -> None:
    assert shown(record("conv_a", f"scale_w: {scales}")["conv_a"])[2] is channel_wise


@pytest.mark.parametrize(("offsets", "asymmetric"), [("[0, 0]", False), ("[0, 1]", True)])
def test_an_offset_other_than_0_is_asymmetric(offsets: str, asymmetric: bool) -> None:
    fields = f"scale_w: [1, 1] offset_w: {offsets}"
    assert shown(record("conv_a", fields)["conv_a"])[3] is asymmetric


@pytest.mark.parametrize(
    ("bits", "shift"), [("[]", 0), ("0", 0), ("[0, 3]", 3), ("[16, 1]", 16), ("17", 0)]
)
def test_shifts_of_1_to_16_bits_count(bits: str, shift: int) -> None:
    assert shown(record("pool", f"scale_d: 1 shift_bit: {bits}")["pool"])[5] == shift


def test_a_tensor_without_its_port_is_known_where_there_is_one_data_input() -> None:
    fields = "scale_d: 1 is_tensor_quantize: true"
    assert shown(record("max", fields)["max"])[0] == (0,)
    assert shown(record("add", fields)["add"])[0] is None


def test_records_of_two_inputs_of_a_layer_are_merged() -> None:
    one = 'record {{ key: "add:{}" value {{ scale_d: 1 is_tensor_quantize: true }} }}'
    found = outcome_of(read_record(one.format(0) + one.format(1)))
    assert shown(found["add"])[:2] == ((0, 1), False)


def test_unknown_fields_are_ignored() -> None:
    text = 'top: 1 record { key: "max" value { scale_d: 1 new { a: [1] b <c: 2> } } # note\n }'
    assert shown(outcome_of(read_record(text))["max"])[:2] == ((0,), False)


def test_an_empty_record_leaves_all_in_float() -> None:
    assert set(outcome_of(read_record("")).values()) == {Decision.float()}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", 'line 1, column 6: Expected "{".'),
        (
            'record {\n  key: "a"\n  value { scale_d: x } }',
            r"line 3, column 20: Couldn't parse float",
        ),
        (
            'record { key: "a" value { shift_bit: -1 } }',
            "line 1, column 38: Value out of range: -1",
        ),
        ('record { key: "a" key: "b" }', 'line 1, column 24: Message type "Entry" should not have'),
        ("record { value { scale_d: 1 } }", r"record\[0\] has no key"),
        ('record { key: "a" } record { key: "a" }', r"record\[1\] is the second one for 'a'"),
        ("record { key: '\\xff' }", "line 1, column 22: "),
        ("a {" * 5000, "nested too deep"),
    ],
)
def test_a_broken_record_is_refused_in_one_sentence(text: str, message: str) -> None:
    with pytest.raises(OutputError, match=message) as raised:
        read_record(text)
    assert "\n" not in str(raised.value)


# --- against the model -------------------------------------------------------------------------


def test_names_and_ports_that_the_model_does_not_have_are_refused() -> None:
    message = "'conv_x', which is not a layer of the model, did you mean"
    with pytest.raises(OutputError, match=message):
        config(conv_x={"quant_enable": True})
    with pytest.raises(OutputError, match=r"tensor_quantize\[0\].input_index: .* has no input 7"):
        config(tensor_quantize=[{"layer_name": "add", "input_index": 7}])
    with pytest.raises(OutputError, match=r"add:7: .* has no input 7"):
        record("add:7", "scale_d: 1 is_tensor_quantize: true")


def test_the_suffix_of_a_file_decides_how_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "C.JSON").write_text('\ufeff{"max": {"quant_enable": true}}', encoding="utf-8")
    (tmp_path / "factors.record").write_text('record { key: "max" value { scale_d: 1 } }')
    for name in ("C.JSON", "factors.record"):
        found = outcome_of(name)["max"]
        assert found is not None and found.quantized
        assert outcome_of(Path(name)) == outcome_of(name)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.json", None, "'gone.json', which cannot be read"),
        ("bad.txt", b"\xff", "'bad.txt', which is not text"),
        ("bad.json", b"{", "bad.json: the configuration is not JSON"),
        ("a\0.json", None, "which is not text"),
    ],
)
def test_files_that_cannot_be_read_are_refused(
    name: str, content: bytes | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(OutputError, match=message):
        outcome_of(name)


def test_two_layers_of_one_name_are_unmatched() -> None:
    model = float_model()
    model.graph.node[3].name = "conv_b"
    text = 'record { key: "conv_b" value { scale_d: 1 scale_w: 1 } }'
    outcome: Outcome = read_outcome(read_onnx(model), read_record(text))
    assert outcome.unmatched == {2, 3}
    assert outcome.decision(2) is outcome.decision(3) is None
