"""Opsets beyond the usual one: explore draws those that the quantizer handles."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import onnx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from onnx import ModelProto, helper

from pytest_amct import Unsupported
from pytest_amct.cases import catalog
from pytest_amct.cases.networks import NetworkCase, parse_case
from pytest_amct.cases.plan import USUAL_OPSET, Case
from pytest_amct.cases.strategies import every_deviation, group_cases, networks
from pytest_amct.errors import OutputError
from pytest_amct.explore import Explorer
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.results import Result
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec

NEWEST = onnx.defs.onnx_opset_version()
NEWER = range(USUAL_OPSET + 1, NEWEST + 1)
BETWEEN = 23
CONV = "uniform/onnx/Conv"
PLAIN = 7
"""The number of plain layers in which an opset is tried: one of each row."""

BFLOAT16 = 22
"""The opset of the deviation bfloat16, which is the newest one of the gate."""


def opset_of(model: ModelProto) -> int:
    return next(entry.version for entry in model.opset_import if not entry.domain)


def check(model: ModelProto) -> None:
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version >= helper.find_min_ir_version_for(model.opset_import, True)


@pytest.mark.parametrize("group", [g for g in catalog.groups() if "/unlisted/" not in g])
def test_every_deviation_is_valid_in_the_newest_opset(group: str) -> None:
    for deviation, changes in catalog.deviations(group).items():
        case = catalog.make_case(group, deviation, "plain", (f"opset{NEWEST}",))
        model = case.build().model
        check(model)
        assert opset_of(model) == changes.get("opset", NEWEST)


@pytest.mark.parametrize("opset", NEWER)
def test_the_id_of_a_case_names_the_opset_of_its_model(opset: int) -> None:
    ids = f"{CONV}@default+opset{opset}", f"{CONV}@default:in(_,_<1)+opset{opset}"
    for id_ in (ids[0], ids[1].replace("_,_<1", "uniform/onnx/Add@default,_<1")):
        case = parse_case(id_)
        assert case.id == id_
        assert opset_of(case.build().model) == opset


def drawn(newest: int, count: int) -> list[NetworkCase]:
    found: list[NetworkCase] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(networks("onnx", 5, newest))
    def collect(case: NetworkCase) -> None:
        found.append(case)

    collect()
    return found


def test_networks_of_newer_opsets_are_valid_and_rebuilt_from_their_ids() -> None:
    cases = [case for case in drawn(NEWEST, 80) if case.opset > BFLOAT16]
    assert max(case.opset for case in cases) == NEWEST
    for case in cases:
        model = case.build().model
        check(model)
        assert opset_of(model) == case.opset
        assert parse_case(case.id).build() == case.build()


def test_no_opset_is_newer_than_is_wanted() -> None:
    assert {case.opset for case in drawn(BETWEEN, 60)} <= {*range(13, BETWEEN + 1)}
    cases = [case for _, case in every_deviation(CONV, frozenset(), Random(1), BETWEEN)]
    plans = [case.plan.opset if isinstance(case, Case) else case.opset for case in cases]
    assert BFLOAT16 < max(plans) <= BETWEEN


def test_the_gate_and_property_tests_stay_with_the_usual_opsets() -> None:
    cases = [case for group in catalog.groups() for case in catalog.gate_cases(group)]
    assert {case.plan.opset for case in cases if case.plan.opset > USUAL_OPSET} == {BFLOAT16}
    assert not [name for case in cases for name in case.variations if name.startswith("opset2")]
    found: list[Case] = []

    @settings(max_examples=60, derandomize=True, database=None, deadline=None)
    @given(group_cases(CONV))
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    assert max(case.plan.opset for case in found) <= BFLOAT16


# --- explore ------------------------------------------------------------------------------------


class Tool:
    """The reference, as a tool that knows only some opsets. It keeps those that it is given."""

    name = "tool"
    frameworks = ("onnx",)

    def __init__(self, refuse: Callable[[int], None], validated: int = NEWEST) -> None:
        self.refuse, self.validated, self.given = refuse, validated, list[int]()
        self.inner = Reference(form="qdq")

    def quantize(self, model: Any, request: Any) -> Any:
        self.given.append(opset_of(model))
        self.refuse(self.given[-1])
        return self.inner.quantize(model, request)

    def validate(self, path: Path) -> None:
        if opset_of(onnx.load(path)) > self.validated:
            raise OutputError("the validator does not know this opset")


def raising(known: int, error: type[Exception], opset: int) -> None:
    if opset > known:
        raise error(f"opset {opset} is newer than {known}")


def explorer_of(tool: Any, folder: Path, examples: int) -> Explorer:
    chosen = Settings("it", profile="explore", scratch=folder, seed=1, max_examples=examples)
    return Explorer(Runner(FunctionQuantizer("it", tool.quantize, tool), load_spec(), chosen))


def explored(tool: Tool, folder: Path) -> Result:
    return explorer_of(tool, folder, 30).check("uniform/onnx/Gemm/trans_a")


@pytest.mark.parametrize("error", [ValueError, Unsupported])
def test_explore_draws_only_opsets_that_the_tool_handles(
    error: type[Exception], tmp_path: Path
) -> None:
    tool = Tool(partial(raising, BETWEEN, error))
    result = explored(tool, tmp_path)
    assert (result.failure, result.newest_opset) == (None, BETWEEN)
    assert not [finding for finding in result.findings if finding.kind == "errored"]
    assert BETWEEN in tool.given
    # It was tried in each newer opset once, and not again.
    assert sorted(n for n in tool.given if n > BETWEEN) == [*range(BETWEEN + 1, NEWEST + 1)]


def test_explore_goes_up_to_the_newest_opset(tmp_path: Path) -> None:
    tool = Tool(lambda opset: None)
    assert explored(tool, tmp_path).newest_opset == NEWEST
    assert sum(opset > BFLOAT16 for opset in tool.given) > PLAIN


def test_a_tool_whose_results_cannot_be_validated_does_not_handle_an_opset(tmp_path: Path) -> None:
    assert explored(Tool(lambda opset: None, BETWEEN), tmp_path).newest_opset == BETWEEN


def test_a_tool_that_handles_no_plain_layer_is_given_no_newer_opset(tmp_path: Path) -> None:
    tool = Tool(partial(raising, 0, Unsupported))
    assert explored(tool, tmp_path).newest_opset == USUAL_OPSET
    assert max(tool.given) <= BFLOAT16


def test_metamorphic_pairs_and_networks_have_newer_opsets_too(tmp_path: Path) -> None:
    for check_all in (
        lambda explorer: explorer.check_networks("onnx"),
        lambda explorer: explorer.check_metamorphic("rename"),
    ):
        tool = Tool(lambda opset: None)
        result = check_all(explorer_of(tool, tmp_path, 15))
        assert (result.failure, result.newest_opset) == (None, NEWEST)
        assert sum(opset > BFLOAT16 for opset in tool.given) > PLAIN


def test_other_frameworks_have_no_opset(tmp_path: Path) -> None:
    result = explorer_of(Reference(), tmp_path, 3).check("uniform/caffe/InnerProduct")
    assert (result.failure, result.newest_opset) == (None, None)
