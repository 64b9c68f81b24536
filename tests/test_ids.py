"""Ids as values: a printed id parses back to the same value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_amct.cases import catalog
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.ids import CaseId, ConditionId, Item, RowId, is_case
from pytest_amct.quantizers.protocol import SETTINGS
from pytest_amct.tables.loader import load_spec

DECLARED = frozenset({"nonuniform", "weight_only", *SETTINGS})


def test_every_row_of_the_tables_reads_back() -> None:
    for row in load_spec().rows:
        assert str(RowId.parse(row.id)) == row.id


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_id_of_the_catalogue_reads_back(framework: str) -> None:
    for group in catalog.groups(DECLARED, (framework,)):
        condition = ConditionId.parse(group)
        assert str(condition) == group
        assert condition.framework == framework
        for case in catalog.gate_cases(group, DECLARED):
            parsed = CaseId.parse(case.id)
            assert str(parsed) == case.id
            assert (parsed.condition, parsed.deviation) == (case.group, case.deviation)
            assert (parsed.context == "chain") == (case.context == "chain")
            assert parsed.variations == case.variations
            assert str(parsed.plain) == f"{group}@{case.deviation}"


@pytest.mark.parametrize(
    ("id_", "row", "short"),
    [
        ("uniform/onnx/Conv", "uniform/onnx/Conv", "Conv"),
        ("uniform/onnx/Conv/dilation_d", "uniform/onnx/Conv", "dilation_d"),
        ("float16/onnx/MaxPool", "uniform/onnx/MaxPool", "float16"),
        ("settings/onnx/Gemm/channel_wise", "uniform/onnx/Gemm", "channel_wise"),
        ("uniform/onnx/unlisted/com.acme::Conv", "uniform/onnx/unlisted", "com.acme::Conv"),
        ("networks/onnx", "networks/onnx", "onnx"),
        ("model", "model", ""),
        ("metamorphic/onnx/rename", "metamorphic/onnx/rename", "rename"),
    ],
)
def test_a_condition_has_a_row_and_a_short_name_in_reports(id_: str, row: str, short: str) -> None:
    condition = ConditionId.parse(id_)
    assert (str(condition), str(condition.restricts), condition.short) == (id_, row, short)


def test_a_condition_says_what_it_is_about() -> None:
    ids = {
        "uniform/onnx/Conv": "row",
        "uniform/onnx/Conv/dilation_d": "",
        "float16/onnx/MaxPool": "",
        "uniform/onnx/unlisted/a/b": "unlisted",
        "networks/onnx": "network",
        "metamorphic/onnx/rename": "metamorphic",
    }
    for id_, about in ids.items():
        condition = ConditionId.parse(id_)
        said = {
            "row": condition.is_row,
            "unlisted": condition.is_unlisted,
            "network": condition.is_network,
            "metamorphic": condition.is_metamorphic,
        }
        assert {name for name, true in said.items() if true} == ({about} if about else set())


def test_a_network_reads_back() -> None:
    id_ = "uniform/onnx/Conv@d2:in(uniform/onnx/Add@default,_<1)+opset17+bias"
    case = CaseId.parse(id_)
    assert case == CaseId(
        "uniform/onnx/Conv", "d2", "", "uniform/onnx/Add@default,_<1", ("opset17", "bias")
    )
    assert str(case) == id_
    assert case.items == (Item("uniform/onnx/Add", "default"), Item("", "", 1))


@pytest.mark.parametrize(
    "text",
    ["", "uniform/onnx/Conv", "@d2", "uniform/onnx/Conv@", "a@b:ring", "a@b:in(", "a@b:in()x"],
)
def test_what_is_not_a_case_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a case id"):
        CaseId.parse(text)


@pytest.mark.parametrize("text", ["", "uniform", "uniform/onnx", "uniform//Conv", "a/b/c/d"])
def test_what_is_not_a_row_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a row id"):
        RowId.parse(text)


@given(st.text())
def test_any_text_reads_back_as_a_condition_or_less(text: str) -> None:
    assert len(str(ConditionId.parse(text))) <= len(text)
    assert is_case(text) == ("@" in text)


@pytest.mark.parametrize(
    "text", ["", "_@d2", "uniform/onnx/Add", "@d2", "a@b@c", "_<", "_<x", "_<1<2<3", "_<-1", "_ "]
)
def test_what_is_not_an_item_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a layer of a network"):
        Item.parse(text)


@pytest.mark.parametrize("text", ["_", "_<1", "_<0<2", "uniform/onnx/Add@default<1<1", "a@b"])
def test_an_item_reads_back(text: str) -> None:
    assert str(Item.parse(text)) == text
