"""The quantizer's own validator: when its verdict counts, and where the report says it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper

from pytest_amct.cases import catalog
from pytest_amct.decisions.decision import Outcome
from pytest_amct.errors import OutputError
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin.onnxruntime import load_session
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.quantizers.running import run_quantizer
from pytest_amct.reports.assembly import assemble
from pytest_amct.reports.json_report import schema
from pytest_amct.reports.terminal import summary_lines
from pytest_amct.results import Collected
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec

CASE = "uniform/onnx/Conv@default"
Validator = Callable[[Path], None]


def with_branch(model: ModelProto, wrong: bool = False) -> ModelProto:
    """Add a Selu on float64, for which onnxruntime has no kernel.

    If `wrong`, it reads a tensor of another type, which no model may do.
    """
    added = helper.make_tensor_value_info("added", TensorProto.DOUBLE, None)
    (data,) = (i.name for i in model.graph.input[:1])
    to = TensorProto.INT64 if wrong else TensorProto.DOUBLE
    model.graph.node.append(helper.make_node("Cast", [data], ["wide"], to=to))
    model.graph.node.append(helper.make_node("Selu", ["wide"], ["added"]))
    model.graph.output.append(added)
    return model


class Tool:
    """Quantizes like the reference, changes the result, and has a validator."""

    name = "tool"
    frameworks = ("onnx",)

    def __init__(
        self, validate: Validator = load_session, changed: Callable[[Any], Any] = with_branch
    ) -> None:
        self.validate, self.changed, self.inner = validate, changed, Reference(form="qdq")

    def quantize(self, model: Any, request: Any) -> Any:
        return self.changed(self.inner.quantize(model, request))


def outcome_of(tool: Tool) -> Outcome:
    built = catalog.parse_case(CASE).build()
    return run_quantizer(FunctionQuantizer("tool", tool.quantize, tool), built.native)


def session(path: Path) -> None:
    onnxruntime.InferenceSession(path)


def wrapped(path: Path) -> None:
    try:
        session(path)
    except Exception as error:
        raise ValueError("it does not load") from error


@pytest.mark.parametrize("validate", [load_session, session, wrapped])
def test_a_validator_without_a_kernel_proves_nothing(validate: Validator) -> None:
    outcome = outcome_of(Tool(validate))
    assert (outcome.status, outcome.message) == ("decided", "")
    assert any(decision.quantized for decision in outcome.decisions.values())
    assert outcome.unvalidated.startswith("the validator cannot run it: ")


def test_the_words_of_the_validator_are_kept_without_names() -> None:
    told = outcome_of(Tool()).unvalidated
    assert "NOT_IMPLEMENTED" in told and "Selu(6)" in told
    assert "'" not in told


@pytest.mark.parametrize("validate", [load_session, session, wrapped])
def test_a_model_that_no_session_may_load_is_invalid_output(validate: Validator) -> None:
    outcome = outcome_of(Tool(validate, lambda model: with_branch(model, wrong=True)))
    assert (outcome.status, outcome.unvalidated) == ("invalid-output", "")
    assert "does not load" in outcome.message


NOT_IMPLEMENTED = type("NotImplemented", (Exception,), {})
"""An exception of the name of onnxruntime's."""


@pytest.mark.parametrize("error", [NOT_IMPLEMENTED, NotImplementedError, OutputError])
def test_other_errors_of_a_validator_count(error: type[Exception]) -> None:
    def validate(path: Path) -> None:
        if b"added" in path.read_bytes():
            raise error("no")

    outcome = outcome_of(Tool(validate))
    assert outcome.status == "invalid-output"


def test_a_validator_that_also_rejects_the_given_model_proves_nothing() -> None:
    def validate(path: Path) -> None:
        raise OutputError("no")

    outcome = outcome_of(Tool(validate))
    assert outcome.status == "decided"
    assert outcome.unvalidated == "the validator also rejects the given model"


def test_a_model_that_the_validator_accepts_is_validated() -> None:
    outcome = outcome_of(Tool(changed=lambda model: model))
    assert (outcome.status, outcome.unvalidated) == ("decided", "")


def test_the_report_counts_what_was_not_validated(tmp_path: Path) -> None:
    def validate(path: Path) -> None:
        if b"MaxPool" in path.read_bytes():
            raise OutputError("no")
        load_session(path)

    tool = Tool(validate)
    settings = Settings("tool", max_examples=0, scratch=tmp_path, report=tmp_path)
    runner = Runner(FunctionQuantizer("tool", tool.quantize, tool), load_spec(), settings)
    collected = Collected(complete=True)
    for group in ("uniform/onnx/Conv/dilation_d", "uniform/onnx/MaxPool"):
        collected.add(json.loads(runner.check(group).to_json()))
    report = assemble(collected, (load_spec(),), settings, "tool", {"select": []})
    jsonschema.validate(report, schema())
    (kernel, given) = report["unvalidated"]["reasons"]
    assert kernel["reason"].startswith("the validator cannot run it")
    assert given["reason"] == "the validator also rejects the given model"
    count = kernel["cases"] + given["cases"]
    assert (count, given["cases"] > 0) == (report["unvalidated"]["cases"], True)
    shown = [line for line, _ in summary_lines(report)]
    assert any(f"{count} results could not be validated: {kernel['reason']}" in s for s in shown)
