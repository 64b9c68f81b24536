"""Times one version of the suite, in a process of its own, see `against`.

    python benchmarks/worker.py WHAT FRAMEWORK FILE

``gate`` judges the cases that the file lists with a quantizer that follows the tables, and
``explore`` explores with one that does nothing. Both print what was done and the seconds.
Only names that both versions have are used.
"""

from __future__ import annotations

import gc
import json
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_amct.cases import catalog
from pytest_amct.options import Settings
from pytest_amct.quantizers.loading import FunctionQuantizer, load_quantizer
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec

EXPLORED = {
    "onnx": ("uniform/onnx/Conv/weight_source", "uniform/onnx/Gemm", "float16/onnx/MaxPool"),
    "tensorflow": (
        "uniform/tensorflow/Conv2D/weight_source",
        "uniform/tensorflow/MatMul",
        "uniform/tensorflow/Add",
    ),
    "caffe": ("uniform/caffe/Convolution", "uniform/caffe/InnerProduct", "uniform/caffe/Pooling"),
}
EXAMPLES = 300

_LAYER = re.compile(r"\blayers?[\s:]*[{<](?:\s*layer[\s:]*[{<])?")
"""The start of a layer in a prototxt of any generation and spelling."""


@dataclass(frozen=True, slots=True)
class Takes:
    """The declaration of a quantizer for these frameworks."""

    frameworks: tuple[str, ...]


def ids(framework: str) -> list[str]:
    """Return the ids of the gate's cases for a quantizer that declares nothing."""
    groups = catalog.groups(frameworks=(framework,))
    return [case.id for group in groups for case in catalog.gate_cases(group)]


def gate(framework: str, names: list[str]) -> tuple[int, float]:
    """Judge cases; return their number, and the seconds that it took."""
    spec = load_spec()
    settings = Settings("reference", max_examples=0, frameworks=(framework,))
    cases = [catalog.parse_case(name) for name in names]
    runner = Runner(load_quantizer("reference"), spec, settings)
    gc.collect()
    start = time.perf_counter()
    for case in cases:
        assert not any(f.status == "failed" for f in runner.record(case).findings)
    return len(cases), time.perf_counter() - start


def explore(framework: str) -> tuple[int, float]:
    """Explore; return the number of nodes in all models, and the seconds of processor time."""
    from pytest_amct.explore import Explorer

    sizes: list[int] = []

    def idle(model: object, request: object) -> list[object]:
        sizes.append(_size(framework, model))
        return []

    spent = 0.0
    known = catalog.groups(frameworks=(framework,))
    for group in EXPLORED[framework]:
        assert group in known, group
        settings = Settings(
            "idle", profile="explore", max_examples=EXAMPLES, seed=1, frameworks=(framework,)
        )
        runner = Runner(FunctionQuantizer("idle", idle, Takes((framework,))), load_spec(), settings)
        gc.collect()
        start = time.process_time()
        Explorer(runner).check(group)
        spent += time.process_time() - start
    return sum(sizes), spent


def _size(framework: str, model: Any) -> int:
    """Return the number of nodes of a model, with those of functions and of nested graphs."""
    if framework == "caffe":
        return len(_LAYER.findall(model.prototxt))
    if framework == "tensorflow":
        return len(model.node) + sum(len(one.node_def) for one in model.library.function)
    return _nodes(model.graph.node) + sum(_nodes(one.node) for one in model.functions)


def _nodes(nodes: Any) -> int:
    return len(nodes) + sum(_nodes(a.g.node) for n in nodes for a in n.attribute if a.type == 5)


def main() -> None:
    """Do what the arguments say."""
    what, framework, file = sys.argv[1:]
    if what == "ids":
        Path(file).write_text("\n".join(ids(framework)), encoding="utf-8")
        return
    names = Path(file).read_text(encoding="utf-8").splitlines()
    done = explore(framework) if what == "explore" else gate(framework, names)
    print(json.dumps(done))


if __name__ == "__main__":
    main()
