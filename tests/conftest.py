"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from toy_repository import ToyRepository

pytest_plugins = ["pytester"]


@pytest.fixture
def repository(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> ToyRepository:
    """A repository of its own for each test."""
    return ToyRepository(tmp_path, tmp_path_factory.getbasetemp() / "compiled")


# Under CI pytest prints whole failures twice; tests that are about CI set it themselves.
for name in ("CI", "BUILD_NUMBER"):
    os.environ.pop(name, None)
