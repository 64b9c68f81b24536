"""Table files: what the loader refuses, and that the gate's cases reach every condition."""

from __future__ import annotations

import os
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import pytest_amct
from pytest_amct import Answer, Treatment
from pytest_amct.cases import catalog
from pytest_amct.cases.catalog import gate_cases, groups, parse_case
from pytest_amct.cases.networks import NetworkCase
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.ids import Item
from pytest_amct.tables.loader import read_document
from pytest_amct.tables.model import Condition, Ports, Row, Spec, condition_id

SMALL = """
release = "0.1"
title = "A table of one row"

[lists]
uniform = "stated"

[float16]
closed = ["Add"]
basis = "stated"

[[open]]
id = "nested"
require = { nested = false }

[[row]]
id = "uniform/onnx/Gemm"
types = ["Gemm"]
ir = ["MatMulV2"]
ports = { data = [0], weight = 1, bias = 2 }

[[row.condition]]
id = "trans_a"
require = { attribute = "transA", equals = false, default = false }
basis = "stated"
"""


# --- the loader ---------------------------------------------------------------------------------


def test_the_tables_of_the_package_load() -> None:
    spec = pytest_amct.load_spec()
    assert spec == pytest_amct.load_spec("cann-7.0.0")
    assert spec.release == "7.0.0"
    names = {row.name for row in spec.rows if row.id.startswith("uniform/onnx/")}
    assert names == {"Conv", "Gemm", "ConvTranspose", "MatMul", "AveragePool", "MaxPool", "Add"}


def test_a_release_may_be_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(SMALL)
    spec = pytest_amct.load_spec(str(path))
    assert [row.id for row in spec.rows] == ["uniform/onnx/Gemm"]
    network = pytest_amct.read_onnx(next(gate_cases("uniform/onnx/Conv")).build().data)
    conv = next(layer for layer in network.layers if layer.type == "Conv")
    assert pytest_amct.answer(conv).verdict == "quantizable"
    assert pytest_amct.answer(conv, spec=spec).verdict == "forbidden"


def test_an_error_about_an_unknown_release_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(pytest_amct.UsageError, match=r"'6\.9'.*cann-7\.0\.0"):
        pytest_amct.load_spec("6.9")
    missing = str(tmp_path / "missing.toml")
    with pytest.raises(pytest_amct.UsageError, match=r"missing\.toml.*no such file"):
        pytest_amct.load_spec(missing)


def test_a_folder_is_refused_with_the_words_of_the_system(tmp_path: Path) -> None:
    folder = tmp_path / "own.toml"
    folder.mkdir()
    with pytest.raises(pytest_amct.UsageError, match=r"cannot be read \(Is a directory\): name an"):
        pytest_amct.load_spec(str(folder))


def test_a_path_is_read_where_it_leads_to_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "own.toml").write_text(SMALL.replace("A table of one row", name))
        monkeypatch.chdir(tmp_path / name)
        assert pytest_amct.load_spec("own.toml").title == name
        assert pytest_amct.load_spec("own.toml") is pytest_amct.load_spec("own.toml")
    path = tmp_path / "two" / "own.toml"
    path.write_text(SMALL.replace("A table of one row", "changed"))
    os.utime(path, ns=(0, 0))  # a change within one clock tick is noticed, too
    assert pytest_amct.load_spec(path).title == "changed"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("cann-7.0.1", r"did you mean 'cann-7\.0\.0'\?"),
        ("gone/own.toml", "no such file"),
        ("a\0.toml", "cannot be read"),
        (7, "must be the name of a release or a path"),
        (None, "must be the name of a release or a path"),
    ],
)
def test_an_invalid_release_is_refused(name: Any, told: str) -> None:
    with pytest.raises(pytest_amct.UsageError, match=told) as raised:
        pytest_amct.load_spec(name)
    assert "\n" not in str(raised.value)


ROW = "uniform/onnx/Gemm"
MISTAKES: dict[str, tuple[str, str, list[str]]] = {
    "no TOML": ("[[row]]", "[[row]", ["TOML"]),
    "tables in tables": ("[lists]", "a = " + "[" * 10_000 + "\n[lists]", ["nested too deep"]),
    "release missing": ('release = "0.1"', "", ["'release'", "missing"]),
    "unknown key": ("[lists]", "colour = 1\n[lists]", ["'colour'"]),
    "basis of a list": ('uniform = "stated"', 'uniform = "perhaps"', ["[lists]", "inferred"]),
    "basis of the Float16 rule": (
        'closed = ["Add"]\nbasis = "stated"',
        'closed = ["Add"]\nbasis = "perhaps"',
        ["[float16]", "'basis'", "stated"],
    ),
    "id of two parts": (f'id = "{ROW}"', 'id = "onnx/Gemm"', ["onnx/Gemm", "'id'"]),
    "types missing": ('types = ["Gemm"]', "", [ROW, "'types'", "missing"]),
    "types no list": ('types = ["Gemm"]', 'types = "Gemm"', [ROW, "'types'", "list"]),
    "misspelt key": ("types =", "spelings = []\ntypes =", [ROW, "'spelings'", "'spellings'"]),
    "misspelt port": ("bias = 2", "bais = 2", [ROW, "ports", "'bais'"]),
    "unknown kind": ("attribute =", "attribut =", [ROW, "trans_a", "weight_rank"]),
    "unknown parameter": ("equals = false", "equal = false", [ROW, "trans_a", "'equal'"]),
    "condition without basis": (
        'default = false }\nbasis = "stated"',
        "default = false }",
        [ROW, "trans_a", "'basis'"],
    ),
    "unknown table": (f'id = "{ROW}"', 'id = "odd/onnx/Gemm"', ["odd/onnx/Gemm", "[lists]"]),
    "unknown framework": (f'id = "{ROW}"', 'id = "uniform/x/Gemm"', ["uniform/x/Gemm", "onnx"]),
    "type that is not text": ('types = ["Gemm"]', "types = [7]", [ROW, "'types'", "list of str"]),
    "port that is not an int": ("data = [0]", 'data = ["x"]', [ROW, "ports", "'data'", "integer"]),
    "index that is not an int": ("equals = false,", 'equals = false, index = "a",', ["'index'"]),
    "rank of another type": (
        'ir = ["MatMulV2"]',
        'ir = ["MatMulV2"]\nir_of_rank = { 2 = "MatMul" }',
        [ROW, "'ir_of_rank'"],
    ),
    "rank that is not an int": (
        'ir = ["MatMulV2"]',
        'ir = ["MatMulV2"]\nir_of_rank = { two = "MatMulV2" }',
        [ROW, "'ir_of_rank'", "'two'"],
    ),
    "two conditions of one id": (
        '[[row.condition]]\nid = "trans_a"',
        '[[row.open]]\nid = "trans_a"\nrequire = { nested = false }\n'
        '[[row.condition]]\nid = "trans_a"',
        [ROW, "two conditions", "'trans_a'"],
    ),
    "closed by a table": ('closed = ["Add"]', "closed = [{}]", ["[float16]", "'closed'"]),
    "unknown list": ("[lists]", '[lists]\nunifrom = "stated"', ["[lists]", "'unifrom'"]),
    "port that is true": ("weight = 1", "weight = true", [ROW, "ports", "'weight'", "integer"]),
    "port below 0": ("weight = 1", "weight = -1", [ROW, "ports", "'weight'", "from 0"]),
    "no data": ("data = [0]", "data = []", [ROW, "ports", "'data'"]),
    "no default": (", default = false", "", [ROW, "trans_a", "'default'"]),
    "nothing to compare with": ("equals = false, ", "", [ROW, "trans_a", "every"]),
    "requirement that is always met": ("nested = false", "nested = true", ["'nested'", "false"]),
    "id with a space": ('id = "trans_a"', 'id = "trans a"', [ROW, "trans a", "one word"]),
    "implied by an unknown condition": (
        'default = false }\nbasis = "stated"',
        'default = false }\nbasis = "stated"\nimplied_by = "nobody"',
        [ROW, "trans_a", "'implied_by'"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "told"), MISTAKES.values(), ids=MISTAKES)
def test_an_error_names_file_row_and_key(
    tmp_path: Path, before: str, after: str, told: list[str]
) -> None:
    assert before in SMALL
    path = tmp_path / "own.toml"
    path.write_text(SMALL.replace(before, after))
    with pytest.raises(pytest_amct.SpecError) as caught:
        pytest_amct.load_spec(str(path))
    message = str(caught.value)
    assert [part for part in [str(path), *told] if part not in message] == []
    assert "\n" not in message


VALUES: Mapping[str, Any] = {
    "string": "x",
    "empty string": "",
    "integer": 7,
    "negative": -1,
    "float": 1.5,
    "true": True,
    "false": False,
    "date": date(2026, 1, 1),
    "list": [],
    "list of strings": ["x"],
    "list of integers": [1],
    "list of tables": [{}],
    "table": {},
    "table of tables": {"x": {}},
}
"""A value of each TOML type."""


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a document."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def shipped() -> Any:
    return tomllib.loads((resources.files("pytest_amct.tables") / "cann-7.0.0.toml").read_text())


def _each_kind_of_place() -> dict[str, tuple[Any, ...]]:
    """One of all places that differ only in the numbers of rows and conditions."""
    document, found = shipped(), {}
    for path in places(document):
        holder: Any = document
        for key in path[:-1]:
            holder = holder[key]
        kinds = "".join(sorted(holder)) if isinstance(holder, dict) and "require" in path else ""
        found[".".join("*" if isinstance(k, int) else k for k in path) + kinds] = path
    return found


PLACES = _each_kind_of_place()


@pytest.fixture(scope="module")
def layers() -> list[Layer]:
    """A conforming layer of each row, and the layers around it."""
    found: list[Layer] = []
    for framework in ("onnx", "tensorflow", "caffe"):
        rows = [f"uniform/{framework}/{row}" for row in catalog.source_of(framework).defaults]
        network = NetworkCase(tuple(Item(row, "default") for row in rows))
        found += network.build().native.network().layers
    return found


@pytest.mark.parametrize("path", PLACES.values(), ids=PLACES)
def test_a_value_of_any_type_works_or_is_refused_in_one_sentence(
    path: tuple[Any, ...], layers: list[Layer]
) -> None:
    document = shipped()
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    for name, value in VALUES.items():
        holder[path[-1]] = value
        try:
            spec = read_document(document, "own.toml")
        except pytest_amct.SpecError as error:
            assert str(error).startswith("own.toml: "), name
            assert "\n" not in str(error), name
            continue
        for layer in layers:
            for scheme in ("uniform", "weight_only"):
                treatment = Treatment(scheme, data=True, weights=True, shift=True)  # type: ignore[arg-type]
                assert pytest_amct.answer(layer, treatment, spec).reasons, name


def test_two_rows_of_one_id_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(SMALL + SMALL[SMALL.index("[[row]]") :])
    with pytest.raises(pytest_amct.SpecError, match=rf"own\.toml: row {ROW}: .*same 'id'"):
        pytest_amct.load_spec(str(path))


def test_a_type_has_one_row(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    second = SMALL[SMALL.index("[[row]]") :].replace(ROW, "uniform/onnx/Other")
    path.write_text(SMALL + second)
    with pytest.raises(pytest_amct.SpecError, match=f"Other: Gemm is already a type of {ROW}"):
        pytest_amct.load_spec(str(path))
    path.write_text(SMALL + second.replace('types = ["Gemm"]', 'types = []\nspellings = ["Gemm"]'))
    with pytest.raises(pytest_amct.SpecError, match=f"Other: Gemm is already a type of {ROW}"):
        pytest_amct.load_spec(str(path))


# --- several releases and one network -----------------------------------------------------------

SPEC = pytest_amct.load_spec()


def without_weight(row: str) -> Spec:
    """The same tables from the same file, but a row's layers have no weight."""
    rows = [replace(r, ports=Ports((0,))) if r.id == row else r for r in SPEC.rows]
    return replace(SPEC, rows=tuple(rows))


def network_of(case: str) -> Network:
    return parse_case(case).build().native.network()


def answers(network: Network, spec: Spec) -> list[Answer]:
    return [pytest_amct.answer(layer, spec=spec) for layer in network.layers]


@pytest.mark.parametrize(
    ("case", "other"),
    [
        ("uniform/onnx/Conv@shared-weight", without_weight("uniform/onnx/Conv")),
        ("uniform/onnx/Gemm@shared-weight", without_weight("uniform/onnx/Gemm")),
        ("float16/onnx/Add@conv-weight-elsewhere", without_weight("uniform/onnx/Conv")),
        ("uniform/onnx/unlisted/Relu@plain", replace(SPEC, lists={"uniform": "inferred"})),
    ],
    ids=["shared", "shared by Gemms", "float16", "unlisted"],
)
def test_answers_do_not_depend_on_tables_used_before(case: str, other: Spec) -> None:
    first, second = answers(network_of(case), SPEC), answers(network_of(case), other)
    assert first != second
    network = network_of(case)
    assert answers(network, other) == second
    assert answers(network, SPEC) == first
    assert answers(network, other) == second


# --- every condition is exercised both ways -------------------------------------------------------


def _conditions() -> list[tuple[Row, Condition]]:
    return [
        (row, condition)
        for row in pytest_amct.load_spec().rows
        if row.framework == "onnx"
        for condition in row.conditions
        if not (condition.implied_by or condition.unobservable or condition.on_treatment)
        if not (row.ports.weight is None and "weight_shared" in condition.require)
        if not (row.ports.bias is None and "bias_source" in condition.require)
    ]


@cache
def _seen() -> dict[str, set[str]]:
    """The states that cases show, by condition id; only that condition is broken or unknown."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    spec = pytest_amct.load_spec()
    implied = {condition_id(r, c) for r in spec.rows for c in r.conditions if c.implied_by}
    for case in (case for group in groups() for case in gate_cases(group)):
        built = case.build()
        for layer in pytest_amct.read_onnx(built.data).layers:
            if layer.outputs[0] is None or layer.outputs[0].name not in built.targets:
                continue
            for scheme in ("uniform", "nonuniform", "weight_only"):
                answer = pytest_amct.answer(layer, Treatment(scheme=scheme))  # type: ignore[arg-type]
                for reason in answer.reasons:
                    if reason.state == "holds":
                        found[reason.condition].add("holds")
                for state, several in (("broken", answer.broken), ("unknown", answer.unknown)):
                    ids = {reason.condition for reason in several} - implied
                    if len(ids) == 1:
                        found[ids.pop()].add(state)
    return found


@pytest.mark.parametrize(
    ("row", "condition"), _conditions(), ids=[condition_id(r, c) for r, c in _conditions()]
)
def test_every_condition_is_exercised_both_ways(row: Row, condition: Condition) -> None:
    not_met = "unknown" if condition.open else "broken"
    assert _seen()[condition_id(row, condition)] >= {"holds", not_met}


@pytest.mark.parametrize("name", ["AveragePool", "MaxPool", "Add"])
def test_cases_satisfy_violate_and_leave_open_the_float16_rule(name: str) -> None:
    assert _seen()[f"float16/onnx/{name}"] == {"holds", "broken", "unknown"}
