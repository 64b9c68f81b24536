"""False findings: check that three correct quantizers never produce one, on models of every kind.

`reference` obeys the tables. The second opinion implements docs/reading.md without knowledge of
the code that reads the tables. The coin quantizes what the second opinion calls quantizable, and
decides at random wherever the answer is `unspecified`, as a correct tool may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import second_opinion
import second_opinion_caffe
import second_opinion_tensorflow
from random_graphs import random_model
from tensorflow_graphs import random_graph
from validity import random_case, random_network

from pytest_amct.cases import catalog
from pytest_amct.cases.strategies import every_deviation
from pytest_amct.decisions.decision import Decision, Outcome
from pytest_amct.frameworks import BLOBS_FILE
from pytest_amct.graphs.network import Network
from pytest_amct.graphs.reading import ModelFiles
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.request_options import PLAIN
from pytest_amct.tables.loader import load_spec
from pytest_amct.verdicts import Policy, judge_layer

SPEC = load_spec()
_MOST_ITEMS = 12

Opinions = list[str]
"""The answer for each layer, in the order of the network."""


@dataclass(frozen=True, slots=True)
class FalseFinding:
    """A finding against a correct quantizer."""

    model: str
    quantizer: str
    message: str


def models(framework: str, seed: int) -> Iterator[tuple[str, ModelFiles]]:
    """Yield cases, networks and random graphs without end, the same for the same seed."""
    rng = Random(f"{seed}/{framework}")
    groups = catalog.groups(frameworks=(framework,))
    while True:
        for _, case in every_deviation(rng.choice(groups), frozenset(), rng):
            yield case.id, case.build().native
        for _ in range(10):
            network = random_network(framework, rng, _MOST_ITEMS)
            yield network.id, network.build().native
        for _ in range(30):
            drawn = random_case(rng.choice(groups), rng)
            yield drawn.id, drawn.build().native
        if framework in _RANDOM:
            for _ in range(10):
                state = rng.getrandbits(64)
                data = _RANDOM[framework](Random(state)).SerializeToString()
                yield f"random graph {state}", ModelFiles(framework, data)


_RANDOM: Mapping[str, Callable[[Random], Any]] = {
    "onnx": random_model,
    "tensorflow": random_graph,
}


def opinions(model: ModelFiles, network: Network) -> Opinions:
    """Return the second opinion on each layer."""
    found: list[Any]
    if model.framework == "onnx":
        found = second_opinion.opinions(network.raw)
    elif model.framework == "tensorflow":
        found = second_opinion_tensorflow.opinions(network.raw)
    else:
        found = second_opinion_caffe.opinions(model.data.decode(), model.files.get(BLOBS_FILE))
    assert len(found) == len(network.layers)
    return [opinion.answer for opinion in found]


def false_findings(name: str, model: ModelFiles, rng: Random) -> list[FalseFinding]:
    """Return the findings of a model against the three quantizers."""
    network = model.network()
    answers = opinions(model, network)
    reference = Reference(SPEC)
    decided: dict[str, dict[int, Decision]] = {
        "reference": {i: reference.decision(x) for i, x in enumerate(network.layers)},
        "second opinion": {i: _as(a == "quantizable") for i, a in enumerate(answers)},
        "coin": {
            i: _as(a == "quantizable" or (a == "unspecified" and rng.random() < 0.5))
            for i, a in enumerate(answers)
        },
    }
    found = []
    for who, decisions in decided.items():
        outcome = Outcome("decided", decisions)
        for layer in network.layers:
            record = judge_layer(name, "", layer, outcome, SPEC, Policy(strict=True), PLAIN)
            found += [FalseFinding(name, who, f.message) for f in record.findings]
            if record.expected and record.decided == "float":
                found.append(FalseFinding(name, who, f"not-quantized: {layer}"))
    return found


def _as(quantized: bool) -> Decision:
    return Decision() if quantized else Decision.float()


def look(framework: str, count: int, seed: int) -> list[FalseFinding]:
    """Return the false findings in `count` models of a framework."""
    rng, found = Random(seed), list[FalseFinding]()
    for (name, model), _ in zip(models(framework, seed), range(count), strict=False):
        found += false_findings(name, model, rng)
    return found
