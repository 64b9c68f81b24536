"""The gate's models: legal for independent parsers, reproducible, without hints at labels."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields
from random import Random

import numpy as np
import onnx
import pytest
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper
from styled_names import OF_STYLE
from validity import PARSERS

import pytest_amct
from pytest_amct.cases.catalog import deviations, gate_cases, groups, make_case, parse_case
from pytest_amct.cases.naming import style_of
from pytest_amct.cases.onnx.rows import DEFAULTS
from pytest_amct.cases.plan import ADDED, Changes, Plan
from pytest_amct.cases.strategies import every_deviation

SCHEMES = {"nonuniform", "weight_only"}
SETTINGS = {"channel_wise", "asymmetric", "skip_layers", "skip_layer_types", "tensor_quantize"}
EVERYTHING = frozenset(SCHEMES | SETTINGS)
CASES = [case for group in groups(EVERYTHING) for case in gate_cases(group, EVERYTHING)]
IDS = [case.id for case in CASES]


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)


def _constants(model: ModelProto) -> Iterator[TensorProto]:
    yield from model.graph.initializer
    for node in _nodes(model.graph):
        if node.op_type == "Constant":
            yield from (attribute.t for attribute in node.attribute if attribute.HasField("t"))


# --- legal ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", groups(EVERYTHING))
def test_the_onnx_checker_accepts_every_model(group: str) -> None:
    for case in gate_cases(group, EVERYTHING):
        model = case.build().model
        onnx.checker.check_model(model, full_check=True)


@pytest.mark.parametrize("group", ["uniform/onnx/Add", "uniform/onnx/MatMul"])
def test_the_onnx_checker_accepts_drawn_cases(group: str) -> None:
    for seed in range(4):
        for _, case in every_deviation(group, frozenset(), Random(seed)):
            onnx.checker.check_model(case.build().model, full_check=True)


NO_KERNEL = re.compile(r"NOT_IMPLEMENTED.*Could not find an implementation for (\w+)")
CONVOLUTIONS = {"Conv", "ConvTranspose"}
WITHOUT_KERNEL = {
    # No neighbour has a kernel for bfloat16, and no convolution one for float64.
    "bfloat16": {"plain": DEFAULTS.keys(), "chain": DEFAULTS.keys()},
    "float64": {
        "plain": {*CONVOLUTIONS, "AveragePool"},
        "chain": {*CONVOLUTIONS, "AveragePool", "MaxPool", "Add"},
    },
    # It has none for Bernoulli in the opset that these need.
    "bernoulli": {"plain": {"weight_source", "second_input"}},
    "input-bernoulli": {"plain": {"weight_source"}},
}
"""Groups whose cases onnxruntime does not run on CPU, by deviation and context."""


def test_onnxruntime_runs_every_model_that_it_has_kernels_for() -> None:
    without, failed, seen = set(), {}, set()
    for case in CASES:
        built = case.build()
        if built.data in seen:
            continue
        seen.add(built.data)
        try:
            PARSERS["onnx"](built)
        except Exception as error:
            if NO_KERNEL.search(str(error)):
                without.add((case.deviation, case.context, case.group.split("/")[-1]))
            else:
                failed[case.id] = str(error)
    assert failed == {}
    assert without == {
        (deviation, context, row)
        for deviation, contexts in WITHOUT_KERNEL.items()
        for context, rows in contexts.items()
        for row in rows
    }


def test_onnxruntime_runs_models_whose_batch_callers_choose() -> None:
    """Only the batch may be open, never the dimension that a product sums over."""
    for group in groups(EVERYTHING):
        for deviation in deviations(group):
            if deviation not in WITHOUT_KERNEL:
                PARSERS["onnx"](make_case(group, deviation, "plain", ("batch",)).build())


def test_no_model_has_unused_layers() -> None:
    """Tools remove unused layers; the only unused input is that of the case ``input-unread``."""
    for case in CASES:
        network = pytest_amct.read_onnx(case.build().data)
        for layer in network.layers:
            made = [tensor for tensor in layer.outputs if tensor is not None]
            assert any(t.consumers or t.is_output for t in made), f"{case.id}: {layer}"
        unread = [tensor.name for tensor in network.inputs if not tensor.consumers]
        assert len(unread) == (case.deviation == "input-unread"), case.id
        initializers = {tensor.name for tensor in case.build().model.graph.initializer}
        read = {name for node in _nodes(case.build().model.graph) for name in node.input}
        assert initializers <= read, case.id


# --- reproducible ---------------------------------------------------------------------------------


def test_ids_are_unique_and_build_the_same_bytes_again() -> None:
    assert len(set(IDS)) == len(IDS) > 300
    for case in CASES:
        again = parse_case(case.id)
        assert again == case
        assert again.build() == case.build(), case.id


def test_ids_with_variations_build_the_same_bytes_again() -> None:
    case = make_case("uniform/onnx/Conv/dilation_d", "d2-h1-w1", "chain", ("batch", "opset17"))
    assert case.id == "uniform/onnx/Conv/dilation_d@d2-h1-w1:chain+batch+opset17"
    assert parse_case(case.id).build() == case.build()


CONV = "uniform/onnx/Conv"


@pytest.mark.parametrize(
    "id_",
    [
        CONV,
        f"{CONV}@nothing",
        f"{CONV}v@default",
        f"{CONV}@default:ring",
        f"{CONV}@default+nothing",
    ],
)
def test_an_invalid_case_id_is_explained(id_: str) -> None:
    with pytest.raises(pytest_amct.UsageError, match=r"nothing|Convv|ring|condition@deviation"):
        parse_case(id_)


DIGEST = """
import hashlib
from pytest_amct.cases.catalog import gate_cases, groups
digest = hashlib.sha256()
for group in groups():
    for case in gate_cases(group):
        digest.update(case.id.encode() + case.build().data)
print(digest.hexdigest())
"""


def test_the_bytes_do_not_depend_on_the_hash_seed() -> None:
    digest = hashlib.sha256()
    for group in groups():
        for case in gate_cases(group):
            digest.update(case.id.encode() + case.build().data)
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", DIGEST]
    other = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest.hexdigest()


# --- no hints at labels ---------------------------------------------------------------------------

MEANINGLESS = re.compile(r"[a-z]\d+|[gxyv]||Net/[ntw]\.\d+(/Part|/part|\.0|_1|)(:\d)?")
FIXED = {"Block", "local.block", "", "com.acme", "com.microsoft", "ai.onnx"}
FIXED |= {"ai.onnx.more"}


def _names(model: ModelProto) -> Iterator[str]:
    yield from (model.producer_name, model.doc_string, model.graph.name, model.graph.doc_string)
    for node in _nodes(model.graph):
        yield from (node.name, node.doc_string, *node.input, *node.output)
    yield from (tensor.name for tensor in _constants(model))
    yield from (info.name for info in (*model.graph.input, *model.graph.output))
    for function in model.functions:
        yield function.doc_string
        yield from (*function.input, *function.output, *(node.name for node in function.node))


def test_no_name_reveals_what_a_model_tests() -> None:
    for case in CASES:
        known = [MEANINGLESS, *(OF_STYLE[name] for name in case.plan.switches if name in OF_STYLE)]
        names = _names(case.build().model)
        telling = [name for name in names if not any(p.fullmatch(name) for p in known)]
        assert telling == [], case.id


def test_domains_are_neutral() -> None:
    for case in CASES:
        model = case.build().model
        assert {node.domain for node in _nodes(model.graph)} <= FIXED, case.id


def test_models_of_one_structure_have_the_same_names_in_it() -> None:
    """Then no name distinguishes a conforming layer from a deviating one."""
    found = defaultdict(set)
    for case in CASES:
        nodes = [*_nodes(case.build().model.graph)]
        naming = case.plan.form if case.plan.form in ("unnamed", "scoped") else ""
        style = style_of(case.plan.switches)
        structure = (*((n.op_type, len(n.input)) for n in nodes), naming, style)
        found[structure].add(tuple(node.name for node in nodes))
    assert {structure: names for structure, names in found.items() if len(names) > 1} == {}


# --- weights that carry evidence ------------------------------------------------------------------


def _stored(model: ModelProto) -> Iterator[np.ndarray]:
    for tensor in _constants(model):
        if tensor.data_type != TensorProto.INT64 and len(tensor.dims) > 1:
            yield numpy_helper.to_array(tensor).astype(np.float64)


def test_weights_hold_no_zero_and_differ_by_channel() -> None:
    for case in CASES:
        for values in _stored(case.build().model):
            assert np.all(values != 0), case.id
            if values.size >= 1024:
                assert abs(values.mean()) > 0.01, case.id
            if values.shape[0] > 1:
                ranges = np.abs(values).reshape(values.shape[0], -1).max(axis=1)
                assert len(set(ranges)) > 1, case.id


def test_weights_of_judged_layers_are_large_enough_to_be_quantized() -> None:
    small = set()
    for case in CASES:
        built = case.build()
        for layer in pytest_amct.read_onnx(built.data).layers:
            weight = layer.input(1)
            if layer.type in ("Conv", "ConvTranspose", "Gemm", "MatMul") and weight:
                shape = [n for n in weight.shape or () if isinstance(n, int)]
                judged = layer.outputs[0] is not None and layer.outputs[0].name in built.targets
                if judged and shape and np.prod(shape) < 1024:
                    small.add(case.id.partition(":")[0])
    ends = ("", "-constant", "-float16", "-scoped")
    assert {id_.partition("@")[2] for id_ in small} == {f"rank-1{end}" for end in ends}


def test_changes_name_fields_of_a_plan() -> None:
    known = {field.name for field in fields(Plan)}
    assert set(Changes.__annotations__) == known - {"domain", "extra"}
    assert set(ADDED) <= known
