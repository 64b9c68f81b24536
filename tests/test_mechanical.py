"""Every mechanical misreading of a condition is caught by the test of that condition.

AMCT_PROOF=full tries all of them; otherwise a subset, which depends on their number.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kills import excuse, kill, of_releases
from pytest_amct.fixtures.mechanical import WAYS, Mutant, mechanical

from pytest_amct.tables.loader import load_spec

FULL = os.environ.get("AMCT_PROOF") == "full"
EVERY = [m for f in ("onnx", "tensorflow", "caffe") for m in mechanical(f)]
NEW = of_releases()
PART_OF_NEW = NEW if FULL else NEW[len(NEW) % 6 :: 6]
PART = EVERY if FULL else EVERY[len(EVERY) % 6 :: 6]


@pytest.mark.slow
@pytest.mark.parametrize("mutant", PART, ids=lambda m: m.name)
def test_a_wrongly_implemented_condition_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    killed = kill(mutant, tmp_path)
    assert killed.others == frozenset(), "another condition was named"
    if mutant.way == "unknown-as-true":
        assert not killed.by, "what the document leaves open was counted"
    else:
        assert killed.by or excuse(mutant)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("release", "mutant"), PART_OF_NEW, ids=[f"{release}:{m.name}" for release, m in PART_OF_NEW]
)
def test_a_wrongly_implemented_condition_of_a_release_is_caught(
    release: str, mutant: Mutant, tmp_path: Path
) -> None:
    spec = load_spec(release)
    killed = kill(mutant, tmp_path, spec)
    assert killed.others == frozenset(), "another condition was named"
    if mutant.way == "unknown-as-true":
        assert not killed.by, "what the document leaves open was counted"
    else:
        assert killed.by or excuse(mutant, spec)


def test_there_is_a_wrong_quantizer_for_each_way() -> None:
    assert {m.way for m in EVERY} == set(WAYS)
