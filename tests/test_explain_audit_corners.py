"""Corners of the answers for whole models, of cures, of what was asked and of what is judged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from onnx import ModelProto, helper
from tensorflow_graphs import fed, graph
from tensorflow_graphs import node as tf_node
from test_answers import TREATMENTS, contradictions
from tiny_models import FLOAT, FLOAT16, model, node
from tiny_models import graph as nested

from pytest_amct import Decision, cli, load_spec, read_caffe, read_onnx, read_tensorflow
from pytest_amct.asking import asked_by, check_names
from pytest_amct.audit import audit, grouped, not_judged
from pytest_amct.decisions.amct.config import read_config
from pytest_amct.decisions.amct.simplified import Simplified, read_simplified, skipping
from pytest_amct.decisions.belonging import check_belongs
from pytest_amct.decisions.read import read_outcome
from pytest_amct.errors import OutputError, UsageError
from pytest_amct.explain import LayerAnswer, explain
from pytest_amct.graphs.finding import models_in
from pytest_amct.request_options import PLAIN, RequestOptions
from pytest_amct.tables.answers import answer
from pytest_amct.tables.model import Treatment
from pytest_amct.verdicts import NEIGHBOURS, Finding, Policy

SPEC = load_spec()


def told(made: ModelProto, name: str = "n", spec: str = "cann-7.0.0") -> LayerAnswer:
    (found,) = explain(read_onnx(made), [load_spec(spec)])
    (one,) = (each for each in found.layers if each.layer.name == name)
    return one


def convolutions() -> ModelProto:
    return model(
        node("Conv", ["x", "w"], ["c"], "first", kernel_shape=[1, 1]),
        node("Conv", ["c", "v"], ["y"], "second", kernel_shape=[1, 1]),
        w=(4, 4, 1, 1),
        v=(4, 4, 1, 1),
    )


def product(**attributes: float) -> ModelProto:
    return model(node("Gemm", ["x", "w"], ["y"], "n", **attributes), x=(4, 4), w=(4, 4))


# --- answers --------------------------------------------------------------------------------------


def overridden() -> ModelProto:
    """A model that defines Conv itself."""
    body = helper.make_function(
        "", "Conv", ["a", "b"], ["r"], [node("Sin", ["a"], ["r"])], [helper.make_opsetid("", 21)]
    )
    conv = node("Conv", ["x", "w"], ["y"], "n", kernel_shape=[1, 1])
    return model(conv, functions=[body], w=(4, 4, 1, 1))


PLAIN_BUT = {
    "float16 input": model(
        node("AveragePool", ["x"], ["y"], "n", kernel_shape=[1, 1]), dtype=FLOAT16
    ),
    "function": overridden(),
    "alpha": product(alpha=2.0),
    "nothing": product(),
}
"""Models whose layer would take the fast path if it were not for one thing."""


@pytest.mark.parametrize("name", PLAIN_BUT)
def test_the_fast_path_says_what_all_conditions_say(name: str) -> None:
    network = read_onnx(PLAIN_BUT[name])
    assert contradictions(network, SPEC) == []
    verdicts = {answer(network.layers[0], treatment, SPEC).verdict for treatment in TREATMENTS[:2]}
    assert ("quantizable" in verdicts) == (name == "nothing")


def test_shared_answers_are_those_of_the_type_the_table_and_the_release() -> None:
    made = model(
        node("Sin", ["x"], ["s"], "plain"),
        node("Sin", ["s"], ["t"], "again"),
        node("Sin", ["t"], ["y"], "custom", domain="com.acme"),
    )
    made.opset_import.add(domain="com.acme", version=1)
    network = read_onnx(made)
    plain, again, custom = network.layers
    assert answer(plain, spec=SPEC) is answer(again, spec=SPEC)
    conditions = [
        answer(layer, Treatment(scheme), SPEC).reasons[0].condition
        for layer in (plain, custom)
        for scheme in ("uniform", "nonuniform", "weight_only")
    ]
    assert len(set(conditions)) == 6
    assert conditions[0].startswith("uniform/")
    assert "com.acme::Sin" in conditions[3]
    verdicts = [
        answer(plain, spec=load_spec(name)).verdict for name in ("cann-7.0.0", "amct-caffe-8.5.0")
    ]
    assert verdicts == ["forbidden", "unspecified"]


# --- explain --------------------------------------------------------------------------------------


def test_a_forbidden_layer_of_a_data_only_row_has_no_note() -> None:
    found = told(PLAIN_BUT["float16 input"])
    assert (found.answer.verdict, found.note) == ("forbidden", "")


def test_inputs_of_tensorflow_are_not_layers() -> None:
    (found,) = explain(read_tensorflow(graph(fed(), tf_node("Relu", "r", "x"))), [SPEC])
    assert [each.layer.name for each in found.layers] == ["r"]


@pytest.mark.parametrize(
    ("type_", "domain"),
    [("FakeQuantize", "org.openvinotoolkit"), ("AscendQuant", ""), ("QLinearConv", "")],
)
def test_operators_of_quantizers_are_seen(type_: str, domain: str) -> None:
    made = model(node(type_, ["x"], ["y"], "q", domain=domain))
    made.opset_import.add(domain=domain or "a", version=1)
    (found,) = explain(read_onnx(made), [SPEC])
    assert f"{type_} 'q'" in found.quantized


def test_operators_of_quantizers_are_seen_in_caffe() -> None:
    text = (
        'input: "x" input_shape { dim: 1 } layer { name: "q" type: "Quant" bottom: "x" top: "y" }'
    )
    (found,) = explain(read_caffe(text), [SPEC])
    assert "Quant 'q'" in found.quantized


# --- cures ----------------------------------------------------------------------------------------


def test_beta_has_a_cure() -> None:
    made = model(node("Gemm", ["x", "w", "b"], ["y"], "n", beta=2.0), x=(4, 4), w=(4, 4), b=(4,))
    assert told(made).cure == "multiply the bias by beta, and set beta to 1"


def test_a_cure_does_not_depend_on_names() -> None:
    made = model(
        node("MatMul", ["x", "Variable parameter"], ["y"], "n"),
        inputs={"Variable parameter": (FLOAT, (4, 4))},
        x=(4, 4),
    )
    assert told(made).cure.startswith("store the weight in the model")


def test_layers_of_branches_have_no_cure() -> None:
    inner = node("Conv", ["x", "w"], ["t"], "n", kernel_shape=[1, 1])
    branch = nested(inner, result="t")
    other = nested(node("Identity", ["x"], ["u"]), result="u")
    made = model(
        node("If", ["go"], ["y"], "if", then_branch=branch, else_branch=other),
        inputs={"go": (9, ())},
        w=(4, 4, 1, 1),
    )
    assert (told(made).answer.verdict, told(made).cure) == ("unspecified", "")


def test_float16_elsewhere_has_no_cure() -> None:
    made = model(
        node("Cast", ["x"], ["h"], "cast", to=FLOAT16),
        node("Cast", ["h"], ["f"], "back", to=FLOAT),
        node("MaxPool", ["f"], ["y"], "n", kernel_shape=[1, 1]),
    )
    found = told(made)
    assert found.answer.verdict == "unspecified"
    assert found.reason is not None
    assert found.reason.condition.startswith("float16/")
    assert found.cure == ""


# --- audit ----------------------------------------------------------------------------------------


def test_rows_left_in_float_on_purpose_have_no_finding() -> None:
    network = read_onnx(convolutions())
    outcome = read_outcome(network, {"first": False, "second": False})
    for rows, count in ((), 2), (("uniform/onnx/Conv",), 0):
        policy = Policy(float_rows=rows)
        assert len(audit(network, outcome, SPEC, policy, lambda layer: PLAIN).findings) == count


def reasons(made: ModelProto, result: Any, options: RequestOptions = PLAIN) -> list[str]:
    network = read_onnx(made)
    outcome = read_outcome(network, result)
    found = audit(network, outcome, SPEC, Policy(), lambda layer: options)
    open_ = not_judged(network.layers, found.records, outcome, SPEC, lambda layer: options)
    return [group.reason for group in open_]


def test_what_is_not_judged_has_a_reason_and_a_cure() -> None:
    assert reasons(product(alpha=2.0), {"n": True}) == [
        "alpha = 2.0: multiply the weight by alpha, and set alpha to 1"
    ]
    unmatched = reasons(convolutions(), {"first": "unmatched", "second": True})
    assert unmatched == ["it was not found in what the quantizer returned"]
    inferred = Decision(evidence="inferred")
    assert reasons(convolutions(), {"first": inferred, "second": True}) == [NEIGHBOURS]
    deep = model(
        node("Conv", ["x", "w"], ["y"], "n", kernel_shape=[1, 1, 1]),
        x=(1, 4, 8, 8, 8),
        w=(4, 4, 1, 1, 1),
    )
    (why,) = reasons(deep, {"n": True}, RequestOptions(scheme="nonuniform"))
    assert "rank 5" in why or "rank = 5" in why


def test_a_layer_with_a_finding_was_judged() -> None:
    network = read_onnx(product(alpha=2.0))
    outcome = read_outcome(network, {"n": True})
    (record,) = audit(network, outcome, SPEC, Policy(), lambda layer: PLAIN).records
    wrong = Finding("corrupted", "c", "", record.layer, "failed", "it is wrong")
    record = replace(record, findings=(wrong,))
    assert not_judged(network.layers, [record], outcome, SPEC, lambda layer: PLAIN) == []


def test_reasons_that_differ_in_names_are_one() -> None:
    (one,) = grouped([("it reads 'a'", "A"), ("", "B"), ("it reads 'b'", "C")])
    assert (one.reason, one.first, one.layers) == ("it reads 'a'", "A", 2)


# --- what was asked -------------------------------------------------------------------------------


def configuration(tmp_path: Path, text: str) -> Simplified:
    (tmp_path / "a.cfg").write_text(text, encoding="utf-8")
    return read_simplified(tmp_path / "a.cfg")


def test_each_layer_is_asked_what_its_part_of_the_configuration_says(tmp_path: Path) -> None:
    network = read_onnx(convolutions())
    given = configuration(
        tmp_path,
        "\ufeff"  # as some editors write it
        """
        common_config { weight_compress_only: true arq_quantize { channel_wise: true } }
        override_layer_types {
          layer_type: "Conv2D"
          calibration_config { arq_quantize { channel_wise: false } }
        }
        override_layer_configs {
          layer_name: "second"
          calibration_config { weight_compress_only: false arq_quantize { channel_wise: true } }
        }
        tensor_quantize { layer_name: "first" input_index: 0 }
        tensor_quantize { layer_name: "first" input_index: 1 }
        """,
    )
    assert given.tensor_quantize == ("first",)
    first, second = map(asked_by(given, PLAIN, network, SPEC), network.layers)
    assert (first.scheme, first.settings) == ("weight_only", {"channel_wise": False})
    assert (second.scheme, second.settings) == ("uniform", {"channel_wise": True})
    options = RequestOptions(settings={"channel_wise": False})  # further options decide
    assert asked_by(given, options, network, SPEC)(network.layers[1]).settings == options.settings


def test_layers_that_differ_in_settings_alone(tmp_path: Path) -> None:
    network = read_onnx(convolutions())
    only = "calibration_config { arq_quantize { channel_wise: true } }"
    given = configuration(tmp_path, f'override_layer_configs {{ layer_name: "first" {only} }}')
    first, second = map(asked_by(given, PLAIN, network, SPEC), network.layers)
    assert (first.settings, second.settings) == ({"channel_wise": True}, {})


def test_a_configuration_names_types_of_the_tables(tmp_path: Path) -> None:
    given = configuration(tmp_path, 'override_layer_types { layer_type: "Conv" }')
    with pytest.raises(UsageError, match="override_layer_types: 'Conv' is not an Ascend IR type"):
        asked_by(given, PLAIN, read_onnx(convolutions()), SPEC)


def test_layers_of_training_may_be_named() -> None:
    text = """
        layer { name: "d" type: "Input" top: "x" input_param { shape { dim: 1 } } }
        layer { name: "loss" type: "Softmax" bottom: "x" top: "l" include { phase: TRAIN } }
        layer { name: "r" type: "ReLU" bottom: "x" top: "y" }
    """
    check_names(RequestOptions(skip_layers=("loss",)), read_caffe(text), SPEC)


def test_layers_without_a_name_are_not_skipped() -> None:
    assert skipping(["", "a"], ["", "b"], "m").count("skip_layers") == 2


# --- which model, which files ---------------------------------------------------------------------


def test_one_strange_name_does_not_mean_another_model() -> None:
    network = read_onnx(convolutions())
    check_belongs(network, ["frist"])  # the reader says that it is a mistake
    with pytest.raises(OutputError, match="belongs to another model"):
        check_belongs(network, ["a", "b"])


def test_inputs_that_a_configuration_names_are_not_strange() -> None:
    quantized = {"quant_enable": True, "activation_quant_params": {}}
    config = {"version": 1, "first:0": quantized, "second:0": quantized}
    check_belongs(read_onnx(convolutions()), read_config(json.dumps(config)))


def test_what_lies_in_a_saved_model_is_not_another_model(tmp_path: Path) -> None:
    assets = tmp_path / "some" / "saved" / "assets"
    assets.mkdir(parents=True)
    (assets.parent / "saved_model.pb").touch()
    (assets / "m.onnx").touch()
    assert models_in([str(tmp_path)]) == [assets.parent]


def test_a_file_is_named_by_its_name_even_if_that_is_a_pattern(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m[1].onnx").write_bytes(convolutions().SerializeToString())
    Path("m1.onnx").touch()
    assert models_in(["m[1].onnx"]) == [Path("m[1].onnx")]
    assert cli.main(["explain", "m[1].onnx"]) == 0


def test_a_product_of_two_inputs_is_never_expected() -> None:
    made = model(node("MatMul", ["x", "v"], ["y"], "n"), inputs={"v": (FLOAT, (4, 4))}, x=(4, 4))
    network, spec = read_onnx(made), load_spec("cann-9.2.0.beta1")
    assert answer(network.layers[0], spec=spec).verdict == "quantizable"
    outcome = read_outcome(network, {"n": False}, spec)
    (record,) = audit(network, outcome, spec, Policy(), lambda layer: PLAIN).records
    assert (record.decided, record.expected, record.findings) == ("float", False, ())
