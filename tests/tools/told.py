"""What `explain` says of a network, as numbers by type and by reason, for tests that pin them."""

from __future__ import annotations

from collections import Counter

from pytest_amct.explain import Explanation, explain, groups
from pytest_amct.graphs.network import Network
from pytest_amct.tables.loader import load_spec


def explained(network: Network, release: str = "cann-7.0.0") -> Explanation:
    """Return what one release says of a network."""
    (found,) = explain(network, [load_spec(release)])
    return found


def counts(text: str) -> dict[str, int]:
    """Return numbers by name: ``Conv 53, MaxPool`` is 53 and one."""
    pairs = (entry.split() for entry in text.split(",") if entry.strip())
    return {name: int(*number) if number else 1 for name, *number in pairs}


def types(found: Explanation, verdict: str) -> dict[str, int]:
    """Return how many layers of each type have a verdict."""
    layers = (told.layer.type for told in found.layers if told.answer.verdict == verdict)
    return dict(Counter(layers))


def reasons(found: Explanation) -> dict[str, tuple[int, str, str]]:
    """Return how many layers have each reason, with the verdict and the cure of the first."""
    return {g.condition: (g.count, g.verdict, g.first.cure) for g in groups(found)}
