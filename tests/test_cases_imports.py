"""The package `cases` has no circle of imports, and no import that hides one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text("utf-8"))
    for path in sorted((ROOT / "pytest_amct" / "cases").rglob("*.py"))
    if path.name != "__init__.py"
}


def imported(tree: ast.Module) -> Iterator[str]:
    """The modules of `cases` that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            yield from (name for name in names if name in MODULES)


def test_imports_go_one_way() -> None:
    graph = {name: {*imported(tree)} for name, tree in MODULES.items()}
    assert graph["pytest_amct.cases.catalog"] >= {"pytest_amct.cases.plan"}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' imports '.join(reversed(error.args[1]))}")


@pytest.mark.parametrize("name", MODULES)
def test_nothing_of_the_package_is_imported_inside_a_function_or_by_its_name(name: str) -> None:
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.FunctionDef):
            assert not [*imported(ast.Module(node.body, []))], node.name
        assert not (isinstance(node, ast.Name) and node.id == "import_module")


def test_frameworks_know_nothing_of_the_catalogue() -> None:
    for name, tree in MODULES.items():
        if len(name.split(".")) == 4:  # pytest_amct.cases.onnx.rows
            above = {f"pytest_amct.cases.{n}" for n in ("catalog", "networks", "neutral")}
            assert not above & {*imported(tree)}, name
