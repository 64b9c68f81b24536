"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from toy_repository import ToyRepository

pytest_plugins = ["pytester", "browsing"]


@pytest.fixture
def repository(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> ToyRepository:
    """A separate repository for each test."""
    return ToyRepository(tmp_path, tmp_path_factory.getbasetemp() / "compiled")


# Under CI pytest prints whole failures twice; tests that are about CI set it themselves. What tests
# run does not belong into the summary of a CI step.
for name in ("CI", "BUILD_NUMBER", "GITHUB_STEP_SUMMARY"):
    os.environ.pop(name, None)

# TensorFlow enables its oneDNN kernels by default on some processors only. Without them it has no
# kernel for NCHW or for dilations of some operators, and legal graphs fail when they run. It reads
# the variable at import. A user who sets 0 runs fewer graphs, see `running_tensorflow`.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
