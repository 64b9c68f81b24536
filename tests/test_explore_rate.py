"""Explore finds the mistakes by machine that the gate catches: the rate of a small sample."""

from __future__ import annotations

import pytest
from explore_rate import Sought, groups_of, seek
from machine_mistakes import Tried, mistakes_of, try_all

pytestmark = pytest.mark.slow

EXAMPLES = 300


@pytest.fixture(scope="module")
def killed() -> list[Tried]:
    tried = try_all("caffe", mistakes_of("caffe", 16), 4)
    return [one for one in tried if one.kind == "killed"]


def test_explore_finds_what_the_gate_catches(killed: list[Tried]) -> None:
    sought = [Sought(one, groups_of("caffe", one)) for one in killed]
    assert len(sought) > 2
    seek("caffe", sought, EXAMPLES)
    missing = [one.tried.gate for one in sought if one.found is None]
    # In this sample, 7 of 8 are found: one in uniform/caffe/Convolution is not, in 300 examples.
    assert len(missing) <= 1, missing


def test_a_test_of_something_else_does_not_find_them(killed: list[Tried]) -> None:
    sought = [
        Sought(one, ["uniform/caffe/unlisted/TanH"])
        for one in killed
        if "unlisted" not in one.gate and "releases" not in one.mistake.module
    ]
    seek("caffe", sought, 40)
    found = [one.tried.gate for one in sought if one.found is not None]
    assert len(found) < len(sought), found
