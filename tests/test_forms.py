"""Every form that the reference writes is read back as the same decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import ModelProto
from pytest_amct.fixtures.misreadings import WrongQuantizer
from pytest_amct.fixtures.wrong_quantizers import WRONG

from pytest_amct.api import judge
from pytest_amct.cases import catalog
from pytest_amct.cases.plan import Case
from pytest_amct.decisions.amct.config import read_config
from pytest_amct.decisions.amct.record import read_record
from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.names import layers_by_name
from pytest_amct.decisions.read import read_outcome
from pytest_amct.decisions.value_types import SHOWS_NOTHING
from pytest_amct.decisions.writers.forms import FORMS, write_form
from pytest_amct.errors import OutputError, UsageError
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.graphs.sources import source
from pytest_amct.graphs.walk import dtype, is_constant
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import GROUP, FunctionQuantizer, load_quantizer
from pytest_amct.runner import Runner
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.loader import load_spec
from pytest_amct.tables.model import DataFormat

SPEC = load_spec()
MODELS = ("deploy", "qdq", "qoperator")


def readable(form: str, written: Any) -> Any:
    read: Mapping[str, Callable[[str], object]] = {"config": read_config, "record": read_record}
    return read.get(form, lambda result: result)(written)


@cache
def gate() -> tuple[Case, ...]:
    return tuple(c for g in catalog.groups() for c in catalog.gate_cases(g))


# --- what each form can express ------------------------------------------------------------------


def shown(form: str, layer: Layer, decision: Decision) -> Decision | None:
    """The part of a `Reference` decision that a form can show; ``None`` = nothing."""
    decision = replace(decision, seen="", formats=())
    if form == "decisions":
        return decision
    if form == "names":
        return Decision() if decision.quantized else None
    if form in MODELS and not layer.domain and layer.type in SHOWS_NOTHING:
        return None
    if form in MODELS and (
        layer.parameters or layer.body
    ):  # a decision on a layer in a function shows in the body
        return None
    left = form == "qoperator" and not has_integer_operator(layer)
    if not decision.quantized or left or (form in MODELS and not on_floats(form, layer)):
        # a weight behind a DequantizeLinear of the given model shows nothing by a second one
        again = form in ("qdq", "qoperator") and dequantized_before(layer, form)
        return None if again else Decision.float()
    if not decision.weights:
        decision = replace(decision, weight_channel_wise=None, weight_asymmetric=None)
    if form == "config" or form in ("qdq", "qoperator"):
        decision = replace(decision, shift=None)
    if form == "deploy" and layer.type in ("Add", "MaxPool"):
        decision = replace(decision, shift=None)
    return replace(decision, nonuniform=None) if form in MODELS else decision


def has_integer_operator(layer: Layer) -> bool:
    types = ("Conv", "Gemm", "MatMul", "AveragePool", "MaxPool", "Add")
    bias = layer.input(2)  # stored as INT32, so it must be stored
    plain = layer.type not in ("Conv", "Gemm") or bias is None or is_constant(bias)
    return layer.type in types and layer.version >= 12 and plain


def dequantized_before(layer: Layer, form: str) -> bool:
    row = find_row(layer, SPEC)
    weight = None if row is None or row.ports.weight is None else layer.input(row.ports.weight)
    producer = None if weight is None else weight.producer
    # Once quantized, an Add before it also gives such a weight, and an integer product does.
    types = (
        "DequantizeLinear",
        "Add",
        *(["MatMul", "Gemm", "Conv"] if form == "qoperator" else []),
    )
    return producer is not None and producer.type in types


def has_computed_weight(layer: Layer) -> bool:
    row = find_row(layer, SPEC)
    weight = None if row is None or row.ports.weight is None else layer.input(row.ports.weight)
    computed = weight is not None and weight.producer is not None
    return computed and (source(weight).kind == "constant" or weight.producer.type == "Reshape")


def on_floats(form: str, layer: Layer) -> bool:
    if form == "deploy":
        return True
    float16 = dtype(layer.input(0)) == "float16"
    return layer.version >= (19 if float16 else 10) and not (float16 and form == "qoperator")


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_what_the_reference_writes_is_read_as_it_decided(form: str) -> None:
    reference, seen = Reference(), 0
    for case in gate():
        built = case.build()
        network = read_onnx(built.data)
        decided = reference.decide(network)
        outcome = read_outcome(network, readable(form, write_form(form, network, decided)))
        assert (outcome.status, outcome.unmatched) == ("decided", frozenset()), case.id
        for index, decision in by_index(network, decided):
            layer = network.layers[index]
            found = outcome.decision(index)
            found = None if found is None else replace(found, seen="", formats=())
            expected = shown(form, layer, decision)
            if found is None and expected == Decision.float() and has_computed_weight(layer):
                continue  # what a constant is computed of may be quantized
            assert found == expected, (case.id, str(layer))
            seen += found is not None and found.quantized
    assert seen > 1000


def by_index(network: Network, decided: Mapping[str, Decision]) -> Iterator[tuple[int, Decision]]:
    known = layers_by_name(network)
    for name, decision in decided.items():
        (index,) = known[name]
        yield index, decision


# --- two operands ---------------------------------------------------------------------------------

NEWER = load_spec("cann-9.2.0.beta1")
OF_OPERANDS = ("uniform/onnx/MatMul/two_variables", "uniform/onnx/Add", "float16/onnx/MatMul")


@pytest.mark.parametrize("form", FORMS)
def test_the_reference_has_no_findings_for_layers_with_two_operands(
    form: str, tmp_path: Path
) -> None:
    quantizer: Any = Reference(NEWER, form)
    runner = Runner(quantizer, NEWER, Settings("it", max_examples=0, scratch=tmp_path))
    for group in (*OF_OPERANDS, "uniform/onnx/MatMul/constant_rank", "uniform/onnx/Add/one_input"):
        result = runner.check(group)
        assert (result.failure, result.findings) == (None, ()), group


def product() -> ModelProto:
    return catalog.make_case("uniform/onnx/MatMul/two_variables", "input-identity").build().model


EACH_INT8 = (DataFormat(0, 8, False), DataFormat(1, 8, False))


@pytest.mark.parametrize("form", ["decisions", "config", "record", "qdq", "qoperator"])
def test_both_operands_of_a_product_are_read_as_they_were_written(form: str) -> None:
    network = read_onnx(product())
    decided = Reference(NEWER).decide(network)
    written = write_form(form, network, decided, NEWER)
    (index,) = [i for i, layer in enumerate(network.layers) if layer.type == "MatMul"]
    found = read_outcome(network, readable(form, written), NEWER).decision(index)
    assert found is not None
    assert (found.inputs, found.weights, found.formats) == ((0, 1), False, EACH_INT8)


@pytest.mark.parametrize("form", ["config", "record", "qdq"])
@pytest.mark.parametrize("second", [DataFormat(1, 8, True), DataFormat(1, 16, False)], ids=str)
def test_another_format_of_the_second_operand_is_written(form: str, second: DataFormat) -> None:
    network = read_onnx(product())
    decided = {
        name: replace(d, formats=(DataFormat(0, 8, False), second)) if d.inputs == (0, 1) else d
        for name, d in Reference(NEWER).decide(network).items()
    }
    result = readable(form, write_form(form, network, decided, NEWER))
    conditions = [f.condition for f in judge(product(), result, spec=NEWER)]
    assert conditions == ["uniform/onnx/MatMul/two_variables"]


@pytest.mark.parametrize("form", ["qdq", "qoperator"])
def test_products_and_sums_of_two_operands_can_be_loaded(form: str) -> None:
    pytest.importorskip("onnxruntime")
    for group in OF_OPERANDS[:2]:
        for case in catalog.gate_cases(group):
            model = case.build().model
            decided = Reference(NEWER).decide(read_onnx(model))
            written = write_form(form, read_onnx(model), decided, NEWER)
            reason = refusal(written)
            assert not reason or refusal(model), (case.id, reason)


# --- validity ------------------------------------------------------------------------------------


def refusal(model: ModelProto) -> str:
    """Why onnx's checker or onnxruntime refuses a model; ``""`` if both accept it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    try:
        onnx.checker.check_model(model, full_check=True)
        data, providers = model.SerializeToString(), ["CPUExecutionProvider"]
        onnxruntime.InferenceSession(data, options, providers=providers)
    except Exception as error:
        return str(error)
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("form", ["qdq", "qoperator"])
def test_what_the_reference_writes_can_be_loaded(form: str) -> None:
    pytest.importorskip("onnxruntime")
    reference = Reference()
    for case in gate():
        model = case.build().model
        before = model.SerializeToString()
        written = write_form(form, read_onnx(model), reference.decide(read_onnx(model)))
        assert model.SerializeToString() == before, "the model that was given is not changed"
        reason = refusal(written)
        assert not reason or refusal(model), (case.id, reason)


def test_all_settings_of_weights_can_be_loaded() -> None:
    pytest.importorskip("onnxruntime")
    for case in gate():
        if case.deviation not in ("default", "trans_b", "group", "opset-13", "bias", "identity"):
            continue
        model = case.build().model
        decided = {
            name: replace(d, weight_channel_wise=True, weight_asymmetric=True) if d.weights else d
            for name, d in Reference().decide(read_onnx(model)).items()
        }
        for form in ("qdq", "qoperator"):
            written = write_form(form, read_onnx(model), decided)
            assert refusal(written) == "", (case.id, form)
            outcome = read_outcome(read_onnx(model), written)
            for decision in outcome.decisions.values():
                assert decision.weight_channel_wise is decision.weight_asymmetric is not False


def of_opset(case: Case, opset: int) -> ModelProto:
    return replace(case, plan=case.plan.with_({"opset": opset})).build().model


@pytest.mark.parametrize(("opset", "written"), [(9, False), (10, True), (11, True), (12, True)])
def test_old_opsets_get_pairs_of_onnxruntimes_domain(opset: int, written: bool) -> None:
    pytest.importorskip("onnxruntime")
    model = of_opset(catalog.make_case("uniform/onnx/Conv", "default"), opset)
    decided = Decision(inputs=(0,), weights=True, weight_channel_wise=True)
    result = write_form("qdq", read_onnx(model), {"n1": decided})
    assert refusal(result) == ""
    found = read_outcome(read_onnx(model), result).decision(1)
    assert found is not None
    assert found.weight_channel_wise is (True if written else None)
    assert found.quantized is written


@pytest.mark.parametrize(("opset", "written"), [(17, False), (19, True)])
def test_float16_gets_pairs_from_opset_19_on(opset: int, written: bool) -> None:
    pytest.importorskip("onnxruntime")
    model = of_opset(catalog.make_case("uniform/onnx/Conv", "float16"), opset)
    result = write_form("qdq", read_onnx(model), {"n1": Decision(inputs=(0,), weights=True)})
    assert refusal(result) == ""
    found = read_outcome(read_onnx(model), result).decision(1)
    assert found is not None
    assert found.quantized is written


# --- verdicts ------------------------------------------------------------------------------------


def runner_of(quantizer: object, scratch: Path, profile: str = "gate") -> Runner:
    settings = Settings("it", profile=profile, max_examples=0, scratch=scratch)
    return Runner(quantizer, SPEC, settings)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_the_reference_has_no_findings_in_any_form(form: str, tmp_path: Path) -> None:
    runner = runner_of(Reference(form=form), tmp_path)
    for group in runner.gate.groups:
        result = runner.check(group)
        assert (result.failure, result.findings) == (None, ()), group
    assert runner.check_alive("onnx").failure is None


ON_DATA_ONLY = ("settings/onnx/AveragePool/*", "weight_only/onnx/AveragePool/mode")
CALLS = ("uniform/onnx/unlisted/com.acme::Conv",)

HIDES: Mapping[str, tuple[str, ...]] = {
    "names": (
        "*/shift",
        "*/weights",
        "settings/*/channel_wise",
        "settings/*/asymmetric",
        "nonuniform/*",
        "weight_only/*/weight_source",
        "weight_only/*/mode",
        "weight_only/*/unlisted/*",
    ),
    "config": ("*/shift",),
    "record": (),
    # a shift cannot be distinguished from a weight offset, and clusters do not show
    "deploy": ("*/shift", "*/MaxPool/weights", "nonuniform/*", *ON_DATA_ONLY, *CALLS),
    "qdq": ("*/shift", "*/weights", "nonuniform/*", *ON_DATA_ONLY, *CALLS),
    # onnxruntime has no integer operator for ConvTranspose and Softmax
    "qoperator": (
        "*/shift",
        "*/weights",
        "nonuniform/*",
        "weight_only/*",
        "*/ConvTranspose/*",
        "*/Softmax",
        *ON_DATA_ONLY,
        *CALLS,
    ),
}
"""Conditions whose violation a form cannot express."""


ALL_FLOAT16 = ("float16-weight-is-never-followed", "float16-only-if-mixed")
"""Quantizers whose mistake shows only on Float16 layers."""


def in_form(wrong: WrongQuantizer, form: str) -> FunctionQuantizer:
    def quantize(model: ModelProto, request: Any) -> Any:
        given = ModelProto.FromString(model.SerializeToString())
        return readable(form, write_form(form, read_onnx(model), wrong.quantize(given, request)))

    return FunctionQuantizer(wrong.name, quantize, wrong)


@pytest.mark.slow
@pytest.mark.parametrize("form", HIDES)
def test_a_broken_condition_is_caught_in_every_form_that_shows_it(
    form: str, tmp_path: Path
) -> None:
    for wrong in WRONG.values():
        if wrong.kind != "over-quantized":
            continue
        if form == "qoperator" and wrong.name in ALL_FLOAT16:
            continue  # onnxruntime's integer operators do not accept Float16
        runner = runner_of(in_form(wrong, form), tmp_path, "quick")  # it catches all of them
        result = runner.check(wrong.caught_by)
        found = {(f.condition, f.status) for f in result.findings}
        level = "warned" if wrong.warned else "failed"
        hidden = any(fnmatchcase(wrong.caught_by, pattern) for pattern in HIDES[form])
        if hidden:
            assert wrong.caught_by not in {condition for condition, _ in found}, wrong.name
        else:
            assert found == {(wrong.caught_by, level)}, wrong.name


# --- the quantizer -------------------------------------------------------------------------------


def test_every_form_is_installed_as_a_separate_quantizer() -> None:
    names = {e.name for e in metadata.entry_points(group=GROUP)}
    for form in FORMS:
        name = "reference" if form == "decisions" else f"reference-{form}"
        assert name in names
        assert load_quantizer(name).name == name


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(UsageError, match="'onx' is not a form: use one of names, decisions"):
        Reference(form="onx")
    with pytest.raises(UsageError, match="'onx' is not a form"):
        write_form("onx", read_onnx(gate()[0].build().model), {})


@pytest.mark.parametrize("form", MODELS)
def test_a_form_refuses_decisions_that_it_cannot_express(form: str) -> None:
    model = gate()[0].build().model
    with pytest.raises(OutputError, match="'n99', which is not a layer of the model"):
        write_form(form, read_onnx(model), {"n99": Decision()})
    with pytest.raises(UsageError, match="weights of 8 bits, not 4"):
        write_form(
            form, read_onnx(model), {"n1": Decision(inputs=(0,), weights=True, weight_bits=4)}
        )
