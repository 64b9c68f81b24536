"""Fixtures for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_repository import ToyRepository

pytest_plugins = ["pytester"]


@pytest.fixture
def repository(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> ToyRepository:
    """A repository of its own for each test."""
    return ToyRepository(tmp_path, tmp_path_factory.getbasetemp() / "compiled")
