"""Verdicts on decisions in situations that no generated model covers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import tensorflow_graphs as tf
from onnx import helper, parser
from tiny_models import gemm, parsed

from pytest_amct import Decision, Treatment, answer, load_spec, read_onnx
from pytest_amct.decisions.decision import Outcome
from pytest_amct.graphs.caffe.reader import read_caffe
from pytest_amct.graphs.network import Layer
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.request_options import PLAIN, RequestOptions
from pytest_amct.verdicts import (
    NEIGHBOURS,
    Finding,
    Policy,
    Record,
    judge_layer,
    left_in_float,
    not_quantized,
)
from pytest_amct.waivers import Waiver

SPEC = load_spec()


def judged(layer: Layer, decision: Decision | Outcome, **asked: object) -> Record:
    index = layer.network.layers.index(layer)
    outcome = decision if isinstance(decision, Outcome) else Outcome("decided", {index: decision})
    return judge_layer("case", "group", layer, outcome, SPEC, Policy(), RequestOptions.of(asked))


def test_the_waiver_that_matches_applies() -> None:
    finding = Finding("over-quantized", "uniform/onnx/Gemm/trans_a", "case", "n", "failed", "words")
    other, mine = Waiver("uniform/onnx/Gemm", "no"), Waiver("uniform/onnx/Gemm/trans_a", "known")
    policy = Policy(waivers=(other, mine))
    assert policy.waiver(finding) == mine
    assert policy.apply(finding) == replace(finding, status="waived", reason="known")
    for nothing in (other, replace(mine, kind="errored"), replace(mine, id="uniform/onnx/Gemm/*")):
        assert Policy(waivers=(nothing,)).apply(finding) == finding
    for again in (replace(mine, kind="over-quantized"), replace(mine, id="case")):
        assert Policy(waivers=(again,)).waiver(finding) == again


def test_findings_of_several_cases_may_be_of_one_sort() -> None:
    finding = Finding("over-quantized", "uniform/onnx/Gemm/trans_a", "case", "n", "failed", "words")
    elsewhere = replace(finding, case="other", layer="m", status="waived", message="more")
    assert elsewhere.sort == finding.sort
    assert replace(finding, condition="uniform/onnx/Gemm/alpha").sort != finding.sort
    assert replace(finding, kind="under-quantized").sort != finding.sort


def test_a_violation_fails_unless_an_earlier_run_has_it() -> None:
    violation = Finding("over-quantized", "uniform/onnx/Gemm", "case", "n", "failed", "words")
    assert Policy().fails(violation)
    assert not Policy().fails(replace(violation, status="warned"))
    known = Policy(known=frozenset({violation.key}))
    assert not known.fails(replace(violation, message="other words"))
    for change in ({"kind": "errored"}, {"condition": "x"}, {"case": "x"}, {"layer": "x"}):
        assert known.fails(replace(violation, **change))
    # A row that is left in float is the same finding, whatever case shows it.
    row = replace(violation, kind="not-quantized")
    elsewhere = replace(row, case="another", layer="m")
    assert not Policy(known=frozenset({row.key})).fails(elsewhere)


def test_quantizing_a_layer_of_a_float_row_warns() -> None:
    layer = gemm()
    outcome = Outcome("decided", {0: Decision()})
    policy = Policy(float_rows=("uniform/onnx/Gemm",))
    (finding,) = judge_layer("case", "group", layer, outcome, SPEC, policy, PLAIN).findings
    assert (finding.status, finding.condition) == ("warned", "uniform/onnx/Gemm")


def test_a_finding_on_a_skipped_layer_says_what_shows_it() -> None:
    record = judged(gemm(), Decision(seen="a record"), skip_layers=("n",))
    (finding,) = record.findings
    assert finding.condition == "settings/onnx/Gemm/skip_layers"
    assert finding.message.endswith("shown by: a record")
    assert (record.verdict, record.expected) == ("forbidden", False)


def test_a_decision_under_a_nonuniform_request_is_judged_by_table_2() -> None:
    x = tf.fed("x", 4, 32)
    node = tf.node("MatMul", "m", "x", "w", T="float32", transpose_a=False, transpose_b=True)
    network = read_tensorflow(tf.graph(x, tf.const("w", 32, 32), node))
    layer = network.layer("m")
    assert judged(layer, Decision()).findings
    assert not judged(layer, Decision(), scheme="nonuniform").findings
    assert judged(layer, Decision(weights=False), scheme="nonuniform").findings
    bad = tf.node("MatMul", "m", "x", "w", T="float32", transpose_a=True)
    other = read_tensorflow(tf.graph(tf.fed("x", 32, 4), tf.const("w", 32, 32), bad)).layer("m")
    assert judged(other, Decision(), scheme="nonuniform").findings


def test_layers_with_constant_or_dequantized_data_are_not_expected() -> None:
    text = "(float[4, 32] x) => (float[4, 32] y, float[4, 32] z) "
    text += "<float[32, 32] w = {}, float[32, 32] v = {}, float[4, 32] k = {},"
    text += "int8[4, 32] q = {}, float s = {1.0}>"
    body = "{ [a] y = Gemm (k, w)  d = DequantizeLinear (q, s)  [b] z = Gemm (d, v) }"
    network = read_onnx(parsed(f"g {text} {body}"))
    for name in ("a", "b"):
        record = judged(network.layer(name), Decision.float())
        assert (record.verdict, record.expected) == ("quantizable", False), name


def test_a_constant_bias_behind_a_layer_with_weights_is_not_expected() -> None:
    text = "(float[4, 32] x) => (float[4, 32] y, float[4, 32] z) "
    text += "<float[32, 32] w = {}, float[32] k = {}>"
    body = "{ g1 = Gemm (x, w)  i = Identity (g1)  [bias] y = Add (i, k)  [sum] z = Add (g1, x) }"
    network = read_onnx(parsed(f"g {text} {body}"))
    idle = Decision.float()
    assert not judged(network.layer("bias"), idle, tensor_quantize=("bias",)).expected
    assert judged(network.layer("sum"), idle, tensor_quantize=("sum",)).expected
    assert not judged(network.layer("sum"), idle).expected  # the row lists only its data


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ("d = Sin (x)", True),
        ("d = RandomNormal <shape = [4, 32]> ()", False),
        ("d = RandomNormalLike (k)", False),
        ("s = Shape (x)  d = ConstantOfShape (s)", False),
        ("r = com.acme.F (k)  d = Identity (r)", False),
        ("r = local.f (x)  d = Sin (r)", True),
        ("i = QuantizeLinear (x, step)  q = DequantizeLinear (i, step)  d = Relu (q)", False),
        ("i = QuantizeLinear (x, step)  q = DequantizeLinear (i, step)  d = Sin (q)", True),
    ],
)
def test_whether_a_layer_is_expected_depends_on_where_its_data_comes_from(
    made: str, expected: bool
) -> None:
    text = "(float[4, 32] x) => (float[4, 32] y) <float[32, 32] w = {}, float[4, 32] k = {},"
    text += " float step = {1.0}>"
    functions = '<domain: "local", opset_import: ["" : 21]> f (a) => (b) { b = Sin (a) }'
    head = '<ir_version: 10, opset_import: ["" : 21, "local" : 1, "com.acme" : 1]>'
    body = f"g {text} {{ {made}  [n] y = Gemm (d, w) }} {functions}"
    network = read_onnx(parser.parse_model(f"{head} {body}"))
    record = judged(network.layer("n"), Decision.float())
    assert (record.verdict, record.expected) == ("quantizable", expected)


@pytest.mark.parametrize(("moves", "expected"), [(100, True), (1000, False)])
def test_a_layer_behind_very_many_identities_is_not_expected(moves: int, expected: bool) -> None:
    moved = " ".join(f"d{n} = Identity (d{n - 1})" for n in range(1, moves + 1))
    text = "(float[4, 32] d0) => (float[4, 32] y) <float[32, 32] w = {}>"
    network = read_onnx(parsed(f"g {text} {{ {moved} [n] y = Gemm (d{moves}, w) }}"))
    assert judged(network.layer("n"), Decision.float()).expected is expected


@pytest.mark.parametrize(
    ("moved", "expected"), [("Split", False), ("Concat", False), ("Neg", True)]
)
def test_data_is_followed_past_the_axis_input(moved: str, expected: bool) -> None:
    made = {
        "Split": tf.node("Split", "d", "axis", "q", T="float32", num_split=1),
        "Concat": tf.node("Concat", "d", "axis", "q", "q", T="float32", N=2),
        "Neg": tf.node("Neg", "d", "q", T="float32"),
    }[moved]
    ends = [tf.const("low"), tf.const("high"), tf.ints("axis", 0)]
    fake = tf.node("FakeQuantWithMinMaxVars", "q", "x", "low", "high")
    last = tf.node("MatMul", "n", "d", "w", T="float32")
    graph = tf.graph(tf.fed("x", 4, 32), tf.const("w", 32, 32), *ends, fake, made, last)
    assert judged(read_tensorflow(graph).layer("n"), Decision.float()).expected is expected


def test_a_listed_initializer_is_not_a_network_input() -> None:
    text = "(float[4, 32] x, float[4, 32] k) => (float[4, 32] y) "
    text += "<float[4, 32] k = {}, float[32, 32] w = {}>"
    network = read_onnx(parsed(f"g {text} {{ [n] y = Gemm (k, w) }}"))
    assert not judged(network.layer("n"), Decision.float()).expected


def conv(rank: int) -> Layer:
    dims, weight = ", ".join("8" * rank), ", ".join("3" * (rank - 2))
    text = f"(float[{dims}] x) => (float[{dims}] y) <float[8, 8, {weight}] w = {{}}>"
    return read_onnx(parsed(f"g {text} {{ [n] y = Conv (x, w) }}")).layer("n")


def test_the_rank_of_a_weight_selects_the_ir_type_of_a_layer() -> None:
    skipped = "settings/onnx/Conv/skip_layer_types"
    for rank, mine, other in ((4, "Conv2D", "Conv3D"), (5, "Conv3D", "Conv2D")):
        (finding,) = judged(conv(rank), Decision(), skip_layer_types=(mine,)).findings
        assert finding.condition == skipped
        assert not judged(conv(rank), Decision.float(), skip_layer_types=(mine,)).expected
        assert not judged(conv(rank), Decision(), skip_layer_types=(other,)).findings
        assert judged(conv(rank), Decision.float(), skip_layer_types=(other,)).expected


def test_a_layer_that_may_be_of_a_skipped_type_is_neither_expected_nor_reported() -> None:
    text = "g (float[1, 4, 8, 8] x) => (float[1, 4, 8, 8] y)"
    pool = read_onnx(parsed(f"{text} {{ [n] y = MaxPool <kernel_shape = [1, 1]> (x) }}")).layer("n")
    asked = {"tensor_quantize": ("n",), "skip_layer_types": ("MaxPool",)}
    assert not judged(pool, Decision.float(), **asked).expected
    assert not judged(pool, Decision((0,), weights=False), **asked).findings
    assert judged(pool, Decision.float(), tensor_quantize=("n",)).expected


def test_options_name_unnamed_layers_by_their_output() -> None:
    text = "g (float[1, 4, 8, 8] x) => (float[1, 4, 8, 8] y)"
    (pool,) = read_onnx(parsed(f"{text} {{ y = MaxPool <kernel_shape = [1, 1]> (x) }}")).layers
    assert judged(pool, Decision.float(), tensor_quantize=("y",)).expected
    (finding,) = judged(pool, Decision((0,), weights=False), skip_layers=("y",)).findings
    assert finding.condition == "settings/onnx/MaxPool/skip_layers"


@pytest.mark.parametrize("transposed", [0, 1])
def test_one_output_channel_does_not_show_channel_wise_weights(transposed: int) -> None:
    for outputs, found in ((1, 0), (2, 1)):
        dims = f"{outputs}, 32" if transposed else f"32, {outputs}"
        text = f"g (float[4, 32] x) => (float[4, {outputs}] y) <float[{dims}] w = {{}}>"
        layer = read_onnx(parsed(f"{text} {{ [n] y = Gemm <transB = {transposed}> (x, w) }}"))
        record = judged(layer.layer("n"), Decision((0,), True, weight_channel_wise=True))
        assert len(record.findings) == found


def test_float_data_says_nothing_about_an_unknown_weight() -> None:
    assert judged(gemm(), Decision(inputs=())).decided == "unknown"
    assert judged(gemm(), Decision(inputs=(), weights=False)).decided == "float"


def test_a_bare_name_is_judged_by_the_milder_table() -> None:
    """A name says only "quantized", so the milder of both tables judges."""
    bad = gemm("transA = 1")
    assert [f.status for f in judged(bad, Decision()).findings] == ["failed"]
    assert [f.status for f in judged(bad, Decision(), scheme="weight_only").findings] == ["warned"]
    known = Decision(inputs=(0,), weights=True)
    assert [f.status for f in judged(bad, known, scheme="weight_only").findings] == ["failed"]


def test_no_layer_is_expected_under_a_nonuniform_request() -> None:
    assert judged(gemm(), Decision.float()).expected
    assert not judged(gemm(), Decision.float(), scheme="nonuniform").expected


def test_a_row_is_skipped_if_all_its_types_are() -> None:
    (ir,) = SPEC.row("uniform/onnx/Gemm").ir
    (finding,) = judged(gemm(), Decision(), skip_layer_types=(ir,)).findings
    assert finding.condition == "settings/onnx/Gemm/skip_layer_types"
    record = judged(gemm(), Decision(), skip_layer_types=("Conv2D",))
    assert (record.findings, record.states[finding.condition]) == ((), "holds")


def test_only_settings_that_a_decision_shows_are_checked() -> None:
    shown = judged(gemm(), Decision(weight_channel_wise=False)).checked
    assert "settings/onnx/Gemm/channel_wise" in shown
    assert "settings/onnx/Gemm/channel_wise" not in judged(gemm(), Decision()).checked


def test_one_forbidden_setting_is_enough() -> None:
    """Even if the rest of the treatment is unknown."""
    for done in ({"weight_channel_wise": True}, {"weight_asymmetric": True}):
        assert answer(gemm(), Treatment(data=True, **done)).verdict == "forbidden"
        assert answer(gemm(), Treatment(**done)).verdict == "quantizable"  # weights alone?
    text = "g (float[1, 4, 8, 8] x) => (float[1, 4, 8, 8] y)"
    body = "{ [n] y = AveragePool <kernel_shape = [1, 1]> (x) }"
    pool = read_onnx(parsed(f"{text} {body}")).layer("n")
    assert answer(pool, Treatment(shift=True)).verdict == "forbidden"
    body = body.replace("Average", "Max")
    pool = read_onnx(parsed(f"{text} {body}")).layer("n")
    assert answer(pool, Treatment(weights=True)).verdict == "forbidden"


def test_a_function_without_inputs_may_also_have_the_name_of_an_operator() -> None:
    text = "g (float[4, 32] x) => (float[4, 32] y) <float[32, 32] w = {}>"
    model = parsed(f"{text} {{ [n] y = Gemm (x, w) }}")
    made = helper.make_function(
        "", "Gemm", [], ["b"], [helper.make_node("Constant", [], ["b"], value_float=1.0)], []
    )
    model.functions.append(made)
    found = answer(read_onnx(model).layer("n"))
    assert (found.verdict, [r.condition for r in found.unknown][:1]) == (
        "unspecified",
        ["uniform/onnx/Gemm/function"],
    )


def test_an_implied_condition_warns_and_says_so() -> None:
    text = "g (float[1, 4, 8, 8] x) => (float[1, 4, 1, 1] y) { [n] y = GlobalAveragePool (x) }"
    (finding,) = judged(read_onnx(parsed(text)).layer("n"), Decision()).findings
    assert (finding.row, finding.status) == ("uniform/onnx/AveragePool", "warned")
    assert finding.message.endswith("the document implies this rather than stating it")


def test_a_layer_that_is_left_in_float_only_with_a_variation_is_found() -> None:
    """If both contexts were judged with it. One alone may be float for another reason."""
    record = judged(gemm(), Decision())

    def found(*left: str) -> list[str]:
        names = ("r@one", "r@one:chain", "r@one+bias", "r@one:chain+bias", "r@one+other")
        ways = [(name, "float" if name in left else "quantized") for name in names]
        records = [replace(record, case=name, decided=way) for name, way in ways]
        return [f.message for f in not_quantized(records, Policy())]

    words = "1 of 2 quantizable layers of uniform/onnx/Gemm was left in float: one+bias"
    assert found("r@one+bias", "r@one:chain+bias") == [words]
    assert found("r@one+bias", "r@one+other") == []


def test_the_conforming_layer_is_shown_for_all_that_were_left_in_float() -> None:
    record = judged(gemm(), Decision.float())
    names = ("r@bias", "r@bias:chain", "r@default", "r@default:chain")
    (finding,) = not_quantized([replace(record, case=name) for name in names], Policy())
    assert finding.case == "r@default"
    assert finding.message == (
        "2 of 2 quantizable layers of uniform/onnx/Gemm were left in float: bias, default"
    )


def test_the_name_of_a_model_has_no_variations() -> None:
    record = replace(judged(gemm(), Decision.float()), case="a+b.onnx")
    assert left_in_float([record]) == {"uniform/onnx/Gemm": {"a+b.onnx": [record]}}


def test_layers_left_in_float_fail_in_a_required_row() -> None:
    def found(left: set[str], **policy: tuple[str, ...]) -> list[tuple[str, str]]:
        record = judged(gemm(), Decision())
        records = [
            replace(record, case=case, decided="float" if case in left else "quantized")
            for case in ("r@one", "r@one:chain", "r@two", "r@two:chain+renamed")
        ]
        return [(f.status, f.message) for f in not_quantized(records, Policy(**policy))]

    both = {"r@one", "r@one:chain"}
    words = "1 of 2 quantizable layers of uniform/onnx/Gemm was left in float: one"
    assert found(both) == [("warned", words)]
    assert found(both, required_rows=("uniform/onnx/*",)) == [("failed", words)]
    assert found(both, required_rows=("uniform/onnx/Conv",)) == [("warned", words)]
    assert found(both, float_rows=("uniform/onnx/Gemm",)) == []
    assert found({"r@one", "r@two:chain+renamed"}) == []
    assert not_quantized([judged(gemm("transA = 1"), Decision.float())], Policy()) == []


def test_not_quantized_layers_are_expected_and_decided_and_reported_by_row() -> None:
    left = judged(gemm(), Decision.float())

    def found(*names: str, **changes: object) -> list[Finding]:
        contexts = [f"{name}{context}" for name in names for context in ("", ":chain")]
        records = [replace(left, case=case, **changes) for case in contexts]
        kept = replace(left, case="a@kept", row="a/row/first", decided="quantized")
        return not_quantized([kept, replace(kept, case="a@kept:chain"), *records], Policy())

    (finding,) = found(*(f"r@d{i}" for i in range(10)))
    assert finding.case == "r@d0"
    assert finding.message.endswith(": d0, d1, d2, d3, d4, d5, d6, d7")
    assert found("r@one", expected=False) == []
    assert found("r@one", row=None) == []
    assert found("r@one", decided="unknown") == []
    assert found("r@one", decided="unknown", untold="it is hidden") == []


def test_a_layer_that_cannot_be_told_in_one_context_is_not_reported() -> None:
    left = judged(gemm(), Decision.float())
    cases = ("r@one", "r@one:chain", "r@one:chain+renamed", "r@two", "r@two:chain")
    records = [replace(left, case=case) for case in cases]
    records[2] = replace(records[2], decided="unknown", untold="it is hidden")
    (finding,) = not_quantized(records, Policy())
    assert finding.message.startswith("1 of 2 quantizable layers")
    assert finding.message.endswith(": two")


def test_an_addition_behind_a_pool_is_not_a_bias() -> None:
    text = "(float[1, 4, 8, 8] x) => (float[1, 4, 8, 8] y) <float[4, 1, 1] k = {}>"
    body = "{ p = AveragePool <kernel_shape = [1, 1]> (x)  [n] y = Add (p, k) }"
    layer = read_onnx(parsed(f"g {text} {body}")).layer("n")
    assert judged(layer, Decision.float(), tensor_quantize=("n",)).expected


def test_channel_wise_weights_without_a_row_are_one_finding() -> None:
    text = "g (float[4] x) => (float[4] y) { [n] y = Sigmoid (x) }"
    layer = read_onnx(parsed(text)).layer("n")
    (finding,) = judged(layer, Decision((0,), True, weight_channel_wise=True)).findings
    assert finding.condition == "uniform/onnx/unlisted/Sigmoid"


def test_a_layer_without_a_row_has_nothing_to_check() -> None:
    text = "g (float[4] x) => (float[4] y) { [n] y = Sigmoid (x) }"
    record = judged(read_onnx(parsed(text)).layer("n"), Decision(shift=1))
    (finding,) = record.findings
    assert finding.condition == "uniform/onnx/unlisted/Sigmoid"
    assert (record.row, record.checked, record.expected) == (None, (), False)


def test_a_refusal_counts_as_float() -> None:
    assert judged(gemm(), Outcome("refused")).decided == "float"


def test_raising_conforms_if_the_tables_forbid_the_request() -> None:
    layer = gemm("transA = 1")
    errored = Outcome("errored", message="ValueError: no")
    (finding,) = judged(layer, errored).findings
    assert finding.status == "warned"
    assert finding.message.endswith("(the layer is forbidden, so refusing it would be right)")
    assert judged(layer, errored, scheme="nonuniform").findings == ()
    (plain,) = judged(gemm(), errored).findings
    assert plain.status == "failed"


def test_a_finding_says_what_shows_it() -> None:
    (finding,) = judged(gemm("transA = 1"), Decision(seen="a record")).findings
    assert "; shown by: a record" in finding.message


@pytest.mark.parametrize("transposed", [0, 1])
def test_what_neighbours_explain_cannot_be_told(transposed: int) -> None:
    """It is unknown: no finding and nothing checked, even under ``strict``."""
    layer = gemm(f"transA = {transposed}")
    channels = Decision((0,), True, weight_channel_wise=True, evidence="inferred")
    for decision in (Decision(evidence="inferred"), channels):
        outcome = Outcome("decided", {0: decision})
        for options in (PLAIN, RequestOptions(skip_layers=("n",))):
            record = judge_layer("c", "g", layer, outcome, SPEC, Policy(strict=True), options)
            assert (record.decided, record.findings, record.checked) == ("unknown", (), ())
            assert (record.untold, record.is_known) == (NEIGHBOURS, False)


def test_a_layer_that_cannot_be_told_is_not_judged() -> None:
    words = "it is hidden in a function"
    for decisions in ({}, {0: Decision()}, {0: Decision.float()}):
        record = judged(gemm("transA = 1"), Outcome("decided", decisions, untold={0: words}))
        assert (record.decided, record.findings, record.untold) == ("unknown", (), words)
    other = judged(gemm("transA = 1"), Outcome("decided", {0: Decision()}, untold={1: words}))
    assert (other.decided, other.untold) == ("quantized", "")
    assert judged(gemm(), Outcome("refused", untold={0: words})).untold == ""


def test_a_finding_names_the_tested_condition_and_then_the_others() -> None:
    text = "(float[32, 4] x, float[32, 32] w) => (float[4, 32] y)"
    bad = read_onnx(parsed(f"g {text} {{ [n] y = Gemm <transA = 1> (x, w) }}")).layer("n")
    row = "uniform/onnx/Gemm"
    for group, other in (("trans_a", "weight_source"), ("weight_source", "trans_a")):
        outcome = Outcome("decided", {0: Decision()})
        record = judge_layer("case", f"{row}/{group}", bad, outcome, SPEC, Policy(), PLAIN)
        (finding,) = record.findings
        assert finding.condition == f"{row}/{group}"
        assert f" (and {row}/{other})" in finding.message
    (alone,) = judged(gemm("transA = 1"), Decision()).findings
    assert " (and " not in alone.message


def test_a_stated_violation_is_reported_before_an_inferred_one() -> None:
    text = "g (float[1, 4, 8, 8] x) => (float[1, 4, 1, 1] y) { [n] y = GlobalAveragePool (x) }"
    layer = read_onnx(parsed(text)).layer("n")
    found = answer(layer, Treatment(shift=True))
    assert [r.condition.rpartition("/")[2] for r in found.broken] == ["shift", "global_pooling"]
    (finding,) = judged(layer, Decision((0,), weights=False, shift=3)).findings
    assert finding.condition.endswith("/shift")


def test_answers_are_equal_if_their_reasons_are_equal() -> None:
    assert answer(gemm()) == answer(gemm())
    assert answer(gemm()) != answer(gemm("transB = 1, transA = 0, alpha = 0.5"))
    assert answer(gemm("transA = 2")) != answer(gemm("transA = 1"))  # for another reason


def test_a_finding_on_a_skipped_layer_belongs_to_its_row() -> None:
    (finding,) = judged(gemm(), Decision(), skip_layers=("n",)).findings
    assert (finding.status, finding.row) == ("failed", "uniform/onnx/Gemm")


def test_a_request_may_itself_be_forbidden() -> None:
    asked = {"settings": {"channel_wise": True}}
    assert judged(gemm(), Decision.float(), **asked).verdict == "forbidden"
    alone = judged(gemm(), Decision.float(), scheme="weight_only", **asked)
    assert alone.verdict == "quantizable"


def test_unmatched_differs_from_unknown() -> None:
    gone = Outcome("decided", unmatched=frozenset({0}))
    assert judged(gemm(), gone).decided == "unmatched"
    assert judged(gemm(), Outcome("decided")).decided == "unknown"


@pytest.mark.parametrize(
    ("pooling", "expected"), [("pool: AVE", True), ("pool: MAX", False), ("", False)]
)
def test_a_row_may_take_data_only_for_some_of_its_layers(pooling: str, expected: bool) -> None:
    """Data alone is expected of a layer only if the request names it."""
    net = 'input: "x" input_dim: 1 input_dim: 4 input_dim: 8 input_dim: 8 layer { name: "p"'
    net += ' type: "Pooling" bottom: "x" top: "p" pooling_param { kernel_size: 2 MODE } }'
    layer = read_caffe(net.replace("MODE", pooling)).layer("p")
    assert judged(layer, Decision.float()).expected is expected
    assert judged(layer, Decision.float(), tensor_quantize=("p",)).expected is True
