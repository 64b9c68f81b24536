"""How soon exploring finds a defect, and how small the example is.

AMCT_QUALITY_SEEDS=30 measures with more seeds, and every wrong quantizer.
"""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median

import pytest
from pytest_amct.fixtures.misreadings import WrongQuantizer
from pytest_amct.fixtures.wrong_quantizers import WRONG

from pytest_amct.cases.plan import Case
from pytest_amct.explore import Explorer, Search
from pytest_amct.options import Settings
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec

SEEDS = int(os.environ.get("AMCT_QUALITY_SEEDS", "3"))
NAMES = (
    "depth-dilation-ignored",
    "walk-ends-at-cast",
    "trans-a-true-only-if-1",
    "matmul-of-two-activations",
    "float16-rule-forgets-add",
)
ALL = [w.name for w in WRONG.values() if w.kind == "over-quantized" and not w.warned]


def search(wrong: WrongQuantizer, seed: int, folder: Path) -> Search[object]:
    settings = Settings("it", profile="explore", max_examples=100, seed=seed, scratch=folder)
    quantizer = FunctionQuantizer(wrong.name, wrong.quantize, wrong)
    explorer = Explorer(Runner(quantizer, load_spec(), settings), explained=False)
    found: Search[object] = explorer.search(wrong.caught_by)  # type: ignore[assignment]
    return found


@pytest.mark.parametrize("name", NAMES if SEEDS <= 3 else ALL)
def test_a_defect_is_found_soon_and_shown_on_one_layer(name: str, tmp_path: Path) -> None:
    wrong = WRONG[name]
    found = [search(wrong, seed, tmp_path) for seed in range(SEEDS)]
    needed = sorted(s.first or 1000 for s in found)
    assert median(needed) <= 35, needed
    assert needed[int(0.95 * SEEDS)] <= 200, needed
    for one in found:
        if one.shrunk is not None:
            assert isinstance(one.shrunk, Case), one.shrunk
            assert one.shrunk.variations == ()
            assert {f.condition for f in one.findings if f.status == "failed"} == {wrong.caught_by}
