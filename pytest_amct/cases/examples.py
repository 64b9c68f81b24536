"""Examples for the gate: a few cases that Hypothesis picks, the same on every run."""

from __future__ import annotations

from functools import lru_cache

from hypothesis import HealthCheck, Phase, given, settings

from pytest_amct.cases.plan import Case
from pytest_amct.cases.strategies import group_cases


@lru_cache(maxsize=1024)
def draw_examples(group: str, count: int, declared: frozenset[str] = frozenset()) -> list[Case]:
    """Return at most `count` cases of a group with variations.

    `declared` lists the schemes and settings that a quantizer supports beyond plain uniform
    quantization.
    """
    drawn: dict[str, Case] = {}

    # Fix every setting here: Hypothesis profiles of the environment (CI=true) must not change
    # the gate.
    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(group_cases(group, declared))
    def collect(case: Case) -> None:
        drawn.setdefault(case.id, case)

    collect()
    return list(drawn.values())
