"""Reports of real runs for the tests of what people read."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from functools import cache, partial
from operator import methodcaller
from pathlib import Path
from typing import Any

import onnx

from pytest_amct.calls import Calls
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.reports.assembly import assemble
from pytest_amct.reports.pages import with_pages
from pytest_amct.results import Collected
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec
from pytest_amct.waivers import Waiver

GROUPS = (
    "uniform/onnx/Conv/dilation_d",
    "uniform/onnx/Gemm/trans_a",
    "uniform/onnx/MaxPool",
    "uniform/onnx/unlisted/Mul",
)
"""What the runs judge: one test each."""

ALL = {"select": [], "model": None, "left_out": None}
"""The selection of a run of the whole suite."""


def quantize(model: onnx.ModelProto, request: Any) -> Any:
    """Quantize every Gemm and Mul, raise for dilations of depth: each has another verdict."""
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "dilations" and len(attribute.ints) == 3:
                raise ValueError("no kernel for three dimensions")
    wrong = {n.name: True for n in model.graph.node if n.op_type in ("Gemm", "Mul")}
    return {**Reference().decide(read_onnx(model), request), **wrong}


def report(groups: Sequence[str] = GROUPS, *others: str, **changed: Any) -> dict[str, Any]:
    """Return the report of a run, with another value for some keys; `others` are more releases."""
    made: dict[str, Any] = json.loads(_report(tuple(groups), others))
    return {**made, **changed}


@cache
def _report(groups: tuple[str, ...], others: tuple[str, ...]) -> str:
    with tempfile.TemporaryDirectory() as folder:  # for the failing models
        return _run(groups, others, Path(folder))


def _run(groups: tuple[str, ...], others: tuple[str, ...], folder: Path) -> str:
    specs = tuple(map(load_spec, ("cann-7.0.0", *others)))
    settings = Settings(
        "it",
        report=folder,
        max_examples=0,
        waivers=(Waiver("uniform/onnx/unlisted/Mul", "agreed with <the customer>", "Ann"),),
        more_specs=others,
    )
    quantizer = FunctionQuantizer("acme:quantize", quantize)
    calls = Calls(quantizer, specs, settings, None)
    judge = partial(Runner, quantizer, settings=settings, calls=calls)
    first = judge(spec=specs[0], others=tuple(judge(spec=spec) for spec in specs[1:]))
    collected = Collected(complete=True)
    for group in groups:
        result = first.everywhere(methodcaller("check", group), group)
        collected.add(json.loads(result.to_json()))
    made = assemble(collected, specs, settings, quantizer.name, ALL)
    return json.dumps(with_pages({**made, "versions": {"python": "3.11", "onnx": "1.18"}}, specs))
