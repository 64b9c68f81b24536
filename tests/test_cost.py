"""What reading and answering cost grows with a model, and no faster.

The short form of ``tests/tools/fuzz_models.py --cost``. It counts calls of functions and the peak
of memory, which are the same on every machine. Both may grow half as much again as the file does.
"""

from __future__ import annotations

import contextlib
import tracemalloc
from cProfile import Profile
from pathlib import Path

import cost
import pytest

from pytest_amct.errors import ModelError
from pytest_amct.graphs.caffe import files

KINDS = {f"{kind.framework}: {kind.name}": kind for kind in cost.kinds()}
FEW = 120
"""The smaller number of things; fewer where each of them comes with as many others."""


def read(path: Path) -> None:
    with contextlib.suppress(ModelError):  # to refuse a model costs no more
        cost.read(path)


def calls(path: Path) -> int:
    profile = Profile()
    profile.enable()
    read(path)
    profile.disable()
    return sum(entry.callcount for entry in profile.getstats())


def peak(path: Path) -> int:
    tracemalloc.start()
    read(path)
    _, found = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_cost_grows_with_the_model(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_SMALL", 0)  # the parts of small nets are kept
    paths = []
    smaller = min(FEW, KINDS[name].size // 10)
    for number in (1, smaller, 4 * smaller):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths.append(cost.write(KINDS[name].make(number), folder))
    one, few, many = paths
    read(one), read(few)  # fill the caches of the process
    allowed = 1.5 * max(4, cost.length(many) / cost.length(few))
    assert calls(many) <= allowed * calls(few)
    assert peak(many) <= allowed * peak(few)
