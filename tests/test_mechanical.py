"""Every mechanical misreading of a condition is caught by the test of that condition.

AMCT_PROOF=full tries all of them; otherwise a subset, which depends on their number.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kills import excuse, kill
from pytest_amct.fixtures.mechanical import WAYS, Mutant, mechanical

FULL = os.environ.get("AMCT_PROOF") == "full"
EVERY = [m for f in ("onnx", "tensorflow", "caffe") for m in mechanical(f)]
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


def test_there_is_a_wrong_quantizer_for_each_way() -> None:
    assert {m.way for m in EVERY} == set(WAYS)
