"""Label blindness: check that nothing but the network itself reveals the answer to a quantizer.

A classifier gets the names, their order and the metadata of the gate's models, and has to
distinguish forbidden from quantizable cases. It must do no better than chance.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from pytest_amct.cases import catalog
from pytest_amct.cases.plan import target_layers
from pytest_amct.graphs import walk
from pytest_amct.graphs.network import Network, Role
from pytest_amct.tables.answers import answer

CHANCE = 0.1
"""The largest difference from 0.5 that chance explains, with a few hundred models."""


def features(network: Network) -> dict[str, float]:
    """Return features of the names, their order and the metadata.

    Names are counted relative to their kind, because absolute numbers describe the network itself.
    """
    named: dict[str, list[str]] = {}
    for layer in network.layers:
        stores = layer.network.ops.role(layer) is Role.CONSTANT
        kind = "constant" if stores else "input" if layer.type == "Placeholder" else "layer"
        named.setdefault(kind, []).append(layer.name)
    for tensor in (tensor for scope in network.scopes for tensor in scope.values()):
        stored = walk.is_constant(tensor)
        kind = "stored" if stored else "fed" if tensor.origin == "input" else "tensor"
        if tensor.producer is None or network.framework == "onnx":  # else named by its producer
            named.setdefault(kind, []).append(tensor.name)
    found: dict[str, float] = {}
    for kind, names in named.items():
        patterns = Counter(re.sub(r"\d+", "0", name) for name in names)
        found |= {f"{kind} like {p}": n / len(names) for p, n in patterns.items()}
        found[f"{kind} doubled"] = float(len(set(names)) < len(names))
        if kind != "tensor":  # output tensors are declared first
            numbers = [int(n) for name in names for n in re.findall(r"\d+", name)]
            found[f"{kind} out of order"] = float(numbers != sorted(numbers))
    for field in ("producer_name", "producer_version", "doc_string", "domain", "name"):
        found[f"{field} {getattr(network.raw, field, '')}"] = 1.0
    return found


def examples(framework: str) -> Iterator[tuple[dict[str, float], bool, str]]:
    """Yield for each target of the gate: its features, whether it is forbidden, and its row."""
    for group in catalog.groups(frameworks=(framework,)):
        for case in catalog.gate_cases(group):
            built = case.build()
            network = built.native.network()
            (target, *_) = target_layers(network, built.targets)
            verdict = answer(target).verdict
            if verdict != "unspecified":
                yield features(network), verdict == "forbidden", "/".join(group.split("/")[:3])


def score(framework: str) -> float:
    """Return the probability that the classifier ranks a forbidden case above a quantizable one.

    0.5 is chance. The classifier is tested on rows that it was not trained on.
    """
    found = [*examples(framework)]
    forbidden = np.array([e[1] for e in found])
    rows = [e[2] for e in found]
    told = DictVectorizer(sparse=False).fit_transform([e[0] for e in found])
    scores = []
    for known, asked in GroupKFold(5).split(told, forbidden, rows):
        model = RandomForestClassifier(200, random_state=0).fit(told[known], forbidden[known])
        scores.append(roc_auc_score(forbidden[asked], model.predict_proba(told[asked])[:, 1]))
    return float(np.mean(scores))


if __name__ == "__main__":
    for framework in catalog.FRAMEWORKS:
        print(framework, round(score(framework), 3))
