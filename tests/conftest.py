"""Fixtures for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_repository import ToyRepository

pytest_plugins = ["pytester"]


@pytest.fixture
def repository(tmp_path: Path) -> ToyRepository:
    """A repository of its own for each test."""
    return ToyRepository(tmp_path)
