"""The repository itself: what is packaged, what the README promises, what CI runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_ci_calls_the_test_command_of_the_readme() -> None:
    commands = [
        line.strip()
        for line in (ROOT / "README.md").read_text().splitlines()
        if "venv .venv &&" in line
    ]
    assert len(commands) == 2
    assert commands[1] in (ROOT / ".ci" / "run").read_text().splitlines()


def test_every_settings_key_and_option_is_documented() -> None:
    options = (ROOT / "pytest_amct" / "options.py").read_text()
    documents = "".join(p.read_text() for p in [*ROOT.glob("docs/*.md"), *ROOT.glob("*.md")])
    names = set(re.findall(r"--amct-[a-z-]+|amct_[a-z]+", options))
    assert len(names) > 10
    assert {name for name in names if name not in documents} == set()


def _wheel(source: Path, folder: Path) -> list[str]:
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder)]
    subprocess.run([*command, str(source)], check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return sorted(zipfile.ZipFile(path).namelist())


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources: building leaves folders that a later build would include."""
    folder = tmp_path_factory.mktemp("checkout") / "source"
    left_out = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, folder, ignore=left_out)
    return folder


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return _wheel(checkout, tmp_path_factory.mktemp("wheel"))


@pytest.mark.slow
def test_the_sdist_makes_the_same_wheel(checkout: Path, wheel: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--sdist", "-o", str(tmp_path), str(checkout)]
    subprocess.run(command, check=True, capture_output=True)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "LICENSE",
        "CHANGELOG.md",
        "conformance/test_conformance.py",
        "docs/report.md",
        "fixtures/forms/config.json",
        "pytest_amct/tables/cann-7.0.0.toml",
        "tests/__snapshots__/test_output.ambr",
        "tests/tools/surviving_mutants.toml",
    } <= packed
    assert _wheel(sdist, tmp_path) == wheel


@pytest.mark.slow
def test_the_wheel_contains_suite_fixtures_tables_and_schema(wheel: list[str]) -> None:
    assert {
        "pytest_amct/py.typed",
        "pytest_amct/conformance/test_conformance.py",
        "pytest_amct/fixtures/wrong_quantizers.py",
        "pytest_amct/tables/cann-7.0.0.toml",
        "pytest_amct/reports/report.schema.json",
        "pytest_amct/fixtures/forms/config.json",
    } <= set(wheel)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel)


@pytest.mark.slow
def test_the_wheel_contains_every_module_and_nothing_else(wheel: list[str]) -> None:
    packaged = {name for name in wheel if name.endswith(".py")}
    folders = {
        "pytest_amct": "pytest_amct",
        "conformance": "pytest_amct/conformance",
        "fixtures": "pytest_amct/fixtures",
    }
    present = {
        f"{home}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, home in folders.items()
        for path in (ROOT / folder).rglob("*.py")
    }
    assert packaged == present


def test_classifiers_name_the_supported_pythons() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    minimum = project["requires-python"].removeprefix(">=")
    assert f"Programming Language :: Python :: {minimum}" in project["classifiers"]


def test_the_oldest_versions_that_ci_tests_are_those_that_are_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    allowed = [requirement.replace(">=", "==") + ".*" for requirement in project["dependencies"]]
    lines = (ROOT / ".ci" / "oldest.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == allowed


def test_the_tests_without_extras_exist() -> None:
    for line in (ROOT / ".ci" / "core_tests.txt").read_text().splitlines():
        assert (ROOT / line).is_file(), line
