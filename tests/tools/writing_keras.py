"""Writes networks of Keras in a process of its own, as importing TensorFlow is slow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def write_keras(folder: Path, name: str) -> None:
    """Write a network into a new folder in three forms, see `keras_applications`."""
    folder.mkdir()
    script = Path(__file__).parent / "keras_applications.py"
    command = [sys.executable, str(script), str(folder), name]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
