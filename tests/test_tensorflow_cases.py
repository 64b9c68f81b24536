"""The gate's TensorFlow graphs: judged as the document says, legal, without hints at labels."""

from __future__ import annotations

import hashlib
import math
import os
import platform
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from running_tensorflow import lacks_kernel, run
from second_opinion_tensorflow import opinions
from styled_names import OF_STYLE

import pytest_amct
from pytest_amct import Answer, Treatment
from pytest_amct.cases import catalog, networks
from pytest_amct.cases.catalog import gate_cases, groups, make_case, parse_case
from pytest_amct.cases.examples import draw_examples
from pytest_amct.cases.naming import STYLES, style_of
from pytest_amct.cases.networks import NetworkCase
from pytest_amct.cases.plan import Built, Case, target_layers
from pytest_amct.cases.strategies import networks as drawn_networks
from pytest_amct.cases.tensorflow import float16
from pytest_amct.cases.tensorflow.rows import DEFAULTS
from pytest_amct.cases.tensorflow.single import SINGLE
from pytest_amct.cases.tensorflow.sizes import PADDED, result_shape
from pytest_amct.cases.tensorflow.unlisted import UNLISTED
from pytest_amct.graphs.dtypes import np_dtype
from pytest_amct.graphs.network import Layer
from pytest_amct.graphs.tensorflow.files import parse_tensorflow
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.graphs.tensorflow.schema import NUMBERS
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.model import Condition, Row, condition_id
from pytest_amct.verdicts import requested_treatment

SCHEMES = {"nonuniform", "weight_only"}
SETTINGS = {"channel_wise", "asymmetric", "skip_layers", "skip_layer_types", "tensor_quantize"}
EVERYTHING = frozenset(SCHEMES | SETTINGS)
GROUPS = groups(EVERYTHING, ("tensorflow",))
CASES = [case for group in GROUPS for case in gate_cases(group, EVERYTHING)]
ROWS = [row for row in pytest_amct.load_spec().rows if row.framework == "tensorflow"]


def target(built: Built) -> Layer:
    (found,) = target_layers(built.native.network(), built.targets)
    return found


def answered(case: Case) -> Answer:
    """The answer on the target under the case's request."""
    built = case.build()
    layer = target(built)
    row = find_row(layer, pytest_amct.load_spec())
    return pytest_amct.answer(layer, requested_treatment(built.options, row))


# --- judged as the document says ------------------------------------------------------------------


def differences(data: bytes) -> list[str]:
    """The layers on which table 1 and the second opinion disagree."""
    network, others = read_tensorflow(data), opinions(parse_tensorflow(data))
    assert [layer.name for layer in network.layers] == [other.name for other in others]
    found = []
    for layer, other in zip(network.layers, others, strict=True):
        ours = pytest_amct.answer(layer)
        broken = {reason.condition for reason in ours.broken}
        if (ours.verdict, broken) != (other.answer, other.broken):
            why = [f"{r.condition}: {r.observed}" for r in ours.reasons if r.state != "holds"]
            found.append(f"{layer}: {ours.verdict} {why}, but {other.answer}: {other.why}")
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_two_implementations_of_table_1_agree_on_every_layer(group: str) -> None:
    for case in gate_cases(group, EVERYTHING):
        assert differences(case.build().data) == [], case.id


SOURCES_OPEN = """variable resource switch merge frames while if shape-static size-static
random-seeded random-seeded-second random-stateless"""
SOURCES_FED = """input input-default input-identity input-transpose input-cast input-split input-mul
input-mul-second input-call input-five-hops input-in-call shape-symbolic size-symbolic random
iterator queue"""
MORE_FED = """input-ten-hops input-concat input-pack input-fill input-dequantize
input-strided-slice input-stop-gradient input-identity-n filled-symbolic random-uniform
random-truncated"""
LONG_FED = """input-forty-hops input-many-moves input-many-sums input-call-nested input-call-second
input-call-twice random-zero-seeds"""
FEW_PLACED = "input-in-nested input-reversed input-identity-scopes"
PLACED_FED = f"""{FEW_PLACED} input-in-function input-mul-second-in-if input-five-hops-reversed
input-split-ports input-scoped input-alike"""
ONE_FED = """input-order input-concat-third input-concat-axis input-split-axis
input-indices input-gather-axis input-condition input-else input-begin input-size input-steps
input-multiples input-paddings input-fill-shape input-broadcast-shape input-bound
input-last-of-three input-times-variable input-dequantize-range
input-identity-n-second input-call-output input-random-shape input-random-seed
input-identity-twelve input-fake-quant input-default-identity input-call-stateful
input-call-control ones-symbolic zeros-symbolic iterator-sync iterator-mul queue-identity
random-integers random-gamma random-poisson random-parameterized random-multinomial
random-shuffle"""
DILATED = """h2-w2 h1-w2 h2-w1 h1-w3 h2-w1-absent-layout h2-w2-identity nchw-h2-w2 nchw-h2-w1
nchw-h1-w2 h2-w1-sizes-shape h2-w2-1x1 h1-w16-1x1 h2-w1-reversed h2-w1-in-call
nchw-h1-w2-in-function"""
FEW_FED, FEW_OPEN = "input input-identity input-five-hops", "variable while random-seeded"
FEW_NOTES, PLACES = "shared-weight float64 in-call", "in-call in-function in-if"
TURNED = (
    "true true-square true-transpose_b true-reversed true-in-call true-in-nested",
    "",
)
CROSSWISE = ("true true-square true-identity true-reversed true-in-call", "")
ADJOINT = (
    """true true-square true-identity true-adj_y true-v1 true-v3 true-rank-2 true-reversed
    true-in-call""",
    "",
)
FACTORS = """rank-3 rank-3-identity rank-3-reshaped rank-3-transposed rank-4
rank-3-data-rank-2 rank-3-input constant-first input-v1 input-v3 rank-3-v3 rank-3-call"""
OPEN_FACTORS = f"""{SOURCES_OPEN} reshape cast mul concat split pack fill dequantize strided-slice
call five-hops"""
SECOND = (
    f"""{SOURCES_FED} {LONG_FED} {FACTORS} input-reversed input-identity-scopes
    input-split-ports rank-3-identity-twelve rank-3-expanded rank-3-stacked rank-3-reshape-splat
    rank-3-reshape-content rank-3-reshape-long-content rank-5 rank-3-reversed rank-3-in-call
    input-concat-third input-indices input-condition input-bound random-shuffle
    iterator-sync""",
    f"{OPEN_FACTORS} forty-hops many-moves many-sums call-nested call-second",
)
FEW_SECOND = (
    f"""{SOURCES_FED} {FACTORS} input-many-moves input-many-sums input-concat-third
    input-reversed""",
    OPEN_FACTORS,
)
FIRES = (
    """input input-cast-at-once input-elsewhere input-with-default-elsewhere iterator-elsewhere
    weight-elsewhere weight-identity-elsewhere weight-transposed-elsewhere conv-weight-elsewhere
    input-and-weight-elsewhere input-here-weight-elsewhere everything first-weight-of-several
    transposed-weight-elsewhere second-of-iterator-elsewhere depthwise-weight-elsewhere
    volume-weight-elsewhere batch-weight-elsewhere weight-values-elsewhere
    weight-before-bias-elsewhere last-weight-of-several weight-elsewhere-reversed
    input-elsewhere-reversed input-elsewhere-ports input-of-call-elsewhere
    input-whose-shape-is-read scalar-input-elsewhere iterator-sync-elsewhere""",
    """weight-cast-elsewhere input-unread input-that-only-controls weight-in-call bias-elsewhere
    scalar-elsewhere between-elsewhere output-elsewhere stored-elsewhere""",
)

# Answers to requests, from docs/reading.md ("Weight source" to "Table 3: settings"): the forbidden
# and the unspecified deviations of a group. All others are quantizable.
PINNED = {
    **{
        f"uniform/tensorflow/{row}": ("", f"{PLACES} shared-weight float64 bfloat16")
        for row in ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput")
    },
    "uniform/tensorflow/Conv2D/weight_source": (
        f"""{SOURCES_FED} {MORE_FED} {LONG_FED} {ONE_FED} {PLACED_FED} input-nchw input-group
        {" ".join(SINGLE)}""",
        SOURCES_OPEN,
    ),
    "uniform/tensorflow/DepthwiseConv2dNative/weight_source": (
        f"{SOURCES_FED} {LONG_FED} {FEW_PLACED} input-nchw",
        SOURCES_OPEN,
    ),
    "uniform/tensorflow/MatMul": ("", f"{PLACES} shared-weight float64 bfloat16 int64"),
    "uniform/tensorflow/MatMul/transpose_a": TURNED,
    "uniform/tensorflow/MatMul/transpose_b": CROSSWISE,
    "uniform/tensorflow/MatMul/weight_source": (
        f"{SOURCES_FED} {MORE_FED} {LONG_FED} {ONE_FED} {PLACED_FED} constant-first",
        SOURCES_OPEN,
    ),
    "uniform/tensorflow/Conv2DBackpropInput/dilation": (DILATED, ""),
    "uniform/tensorflow/Conv2DBackpropInput/weight_source": (
        f"{SOURCES_FED} {LONG_FED} {FEW_PLACED} input-sizes-shape input-nchw",
        SOURCES_OPEN,
    ),
    "uniform/tensorflow/BatchMatMulV2": (
        "",
        f"{PLACES} shared-weight float64 bfloat16 int64 v1 v3",
    ),
    "uniform/tensorflow/BatchMatMulV2/adj_x": ADJOINT,
    "uniform/tensorflow/BatchMatMulV2/second_input": SECOND,
    "uniform/tensorflow/AvgPool": ("", f"{PLACES} float64 bfloat16"),
    "uniform/tensorflow/Conv3D": (
        "",
        f"""{PLACES} shared-weight float64 bfloat16 weight-input weight-input-identity
        weight-input-mul-second weight-random weight-variable weight-resource weight-switch
        weight-while weight-random-seeded""",
    ),
    "uniform/tensorflow/Conv3D/dilation_d": (
        """d2-h1-w1 d2-h2-w2 d3-h1-w1 d2-h1-w1-absent-layout d2-h1-w1-identity d2-h1-w1-input
        ncdhw-d2-h1-w1 ncdhw-d2-h2-w2 d2-h1-w1-1x1x1 d16-h1-w1-1x1x1 d2-h1-w1-reversed
        d2-h1-w1-in-call ncdhw-d2-h1-w1-in-function""",
        "",
    ),
    "uniform/tensorflow/MaxPool": ("", f"{PLACES} float64 bfloat16"),
    "uniform/tensorflow/Add": (
        "v2-float16 constant-float16",
        f"{PLACES} float64 bfloat16 int64 v2 v2-constant",
    ),
    **{f"float16/tensorflow/{row}": FIRES for row in ("MaxPool", "Add")},
    "float16/tensorflow/AvgPool": (" ".join((FIRES[0], *float16.RARE)), FIRES[1]),
    "nonuniform/tensorflow/Conv2D": (
        "",
        f"{FEW_NOTES} {FEW_FED} {FEW_OPEN} input-in-call",
    ),
    "nonuniform/tensorflow/Conv2D/dilation": (DILATED, ""),
    "nonuniform/tensorflow/MatMul": (
        "",
        f"{FEW_NOTES} {FEW_FED} {FEW_OPEN} input-in-call",
    ),
    "nonuniform/tensorflow/MatMul/transpose_a": TURNED,
    "weight_only/tensorflow/MatMul": ("", FEW_NOTES),
    "weight_only/tensorflow/MatMul/weight_source": (
        f"""{FEW_FED} input-in-call random iterator input-many-moves input-many-sums
        input-call-second input-reversed""",
        FEW_OPEN,
    ),
    "weight_only/tensorflow/MatMul/transpose_a": TURNED,
    "weight_only/tensorflow/MatMul/transpose_b": CROSSWISE,
    "weight_only/tensorflow/BatchMatMulV2": ("", f"{FEW_NOTES} v1 v3"),
    "weight_only/tensorflow/BatchMatMulV2/adj_x": ADJOINT,
    "weight_only/tensorflow/BatchMatMulV2/second_input": FEW_SECOND,
    "weight_only/tensorflow/AvgPool/mode": ("default", ""),
    **{
        f"settings/tensorflow/{row}/{setting}": (f"true both {also}", "")
        for row, also in (
            ("MatMul", "true-identity true-bias"),
            ("BatchMatMulV2", "true-identity true-rank-2 true-adj_y"),
            ("AvgPool", "true-nchw true-padding"),
        )
        for setting in ("channel_wise", "asymmetric")
    },
    "settings/tensorflow/MaxPool/tensor_quantize": ("float16 weight-elsewhere", ""),
    "settings/tensorflow/Add/tensor_quantize": ("float16 weight-elsewhere", ""),
    **{
        f"settings/tensorflow/{row}/{setting}": ("", "")
        for row in DEFAULTS
        for setting in ("skip_layers", "skip_layer_types")
    },
    "settings/tensorflow/AvgPool/skip_layer_types": ("beside-skipped", ""),
}


@pytest.mark.parametrize("group", GROUPS)
def test_requests_are_answered_as_the_document_says(group: str) -> None:
    forbidden, open_ = PINNED.get(group) or ("default plain constant", "")
    assert group in PINNED or "/unlisted/" in group
    for case in gate_cases(group, EVERYTHING):
        expected = "quantizable"
        if case.deviation in forbidden.split():
            expected = "forbidden"
        elif case.deviation in open_.split():
            expected = "unspecified"
        assert answered(case).verdict == expected, case.id


def test_every_deviation_that_is_pinned_exists() -> None:
    for group, names in PINNED.items():
        pinned = set(" ".join(names).split())
        assert pinned <= set(catalog.deviations(group)), group


@pytest.mark.parametrize("type_", UNLISTED)
def test_types_without_a_row_are_forbidden(type_: str) -> None:
    id_ = f"uniform/tensorflow/unlisted/{type_}"
    for case in gate_cases(id_):
        found = answered(case)
        assert (found.verdict, [r.condition for r in found.broken]) == ("forbidden", [id_])
        assert target(case.build()).type == type_


# --- every condition is exercised both ways -------------------------------------------------------


def _conditions(on_treatment: bool) -> list[tuple[Row, Condition]]:
    return [
        (row, condition)
        for row in ROWS
        for condition in row.conditions
        if condition.on_treatment == on_treatment
        if not (condition.implied_by or condition.unobservable)
        if not (row.ports.weight is None and "weight_shared" in condition.require)
        if not (row.ports.bias is None and "bias_source" in condition.require)
    ]


def _ids(pairs: list[tuple[Row, Condition]]) -> list[str]:
    return [condition_id(row, condition) for row, condition in pairs]


@cache
def _seen() -> dict[str, set[str]]:
    """The states that cases show, by condition id; only that condition is broken or unknown."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    implied = {condition_id(r, c) for r in ROWS for c in r.conditions if c.implied_by}
    for case in CASES:
        layer = target(case.build())
        for scheme in ("uniform", "nonuniform", "weight_only"):
            answer = pytest_amct.answer(layer, Treatment(scheme=scheme))  # type: ignore[arg-type]
            for reason in answer.reasons:
                if reason.state == "holds":
                    found[reason.condition].add("holds")
            for state, several in (("broken", answer.broken), ("unknown", answer.unknown)):
                ids = {reason.condition for reason in several} - implied
                if len(ids) == 1 and (state == "unknown" or not answer.unknown):
                    found[ids.pop()].add(state)
    return found


@pytest.mark.parametrize(("row", "condition"), _conditions(False), ids=_ids(_conditions(False)))
def test_every_condition_is_exercised_both_ways(row: Row, condition: Condition) -> None:
    not_met = "unknown" if condition.open else "broken"
    assert _seen()[condition_id(row, condition)] >= {"holds", not_met}


@pytest.mark.parametrize("name", ["AvgPool", "MaxPool", "Add"])
def test_cases_satisfy_violate_and_leave_open_the_float16_rule(name: str) -> None:
    assert _seen()[f"float16/tensorflow/{name}"] == {"holds", "broken", "unknown"}


@pytest.mark.parametrize(("row", "condition"), _conditions(True), ids=_ids(_conditions(True)))
def test_a_forbidden_treatment_is_all_that_forbids_a_layer(row: Row, condition: Condition) -> None:
    layer = target(make_case(f"uniform/tensorflow/{row.name}", "default").build())
    done = {"data": True, condition.require["treatment"]: True}
    found = pytest_amct.answer(layer, Treatment(**done))
    assert [r.condition for r in found.broken] == [condition_id(row, condition)]
    done = {"data": True, condition.require["treatment"]: False}
    assert pytest_amct.answer(layer, Treatment(**done)).verdict == "quantizable"


# --- the layers around the target ------------------------------------------------------------


@pytest.mark.parametrize("row", DEFAULTS)
def test_neighbours_are_of_the_kind_that_the_context_says(row: str) -> None:
    for context, verdicts in (("plain", {"forbidden"}), ("chain", {"quantizable"})):
        case = make_case(f"uniform/tensorflow/{row}", "default", context)  # type: ignore[arg-type]
        layer = target(case.build())
        port = 2 if row == "Conv2DBackpropInput" else 0
        before = layer.inputs[port].producer if layer.inputs[port] else None
        around = [before, *(layer.outputs[0].consumers if layer.outputs[0] else [])]
        found = [pytest_amct.answer(one).verdict for one in around if one is not None]
        assert len(found) == 2 and set(found) == verdicts


def test_every_model_has_a_plainly_quantizable_control_layer() -> None:
    for case in CASES:
        built = case.build()
        besides = [
            layer
            for layer in built.native.network().layers
            if layer.type == "Conv2D" and layer.name not in built.targets and _fed_apart(layer)
        ]
        assert "quantizable" in [pytest_amct.answer(one).verdict for one in besides], case.id


def _fed_apart(layer: Layer) -> bool:
    """Return whether a network input arrives through one operator and feeds nothing else."""
    before = layer.inputs[0].producer if layer.inputs[0] else None
    source = before.inputs[0] if before and before.inputs else None
    return source is not None and source.origin == "input" and len(source.consumers) == 1


def test_a_request_names_layers_that_are_there() -> None:
    named = 0
    for case in CASES:
        built = case.build()
        names = {layer.name for layer in built.native.network().layers}
        for setting in ("skip_layers", "tensor_quantize"):
            given = getattr(built.options, setting)
            assert set(given) <= names, case.id
            named += len(given)
            if "this" in (case.plan.options.get(setting), case.deviation):
                assert set(given) <= set(built.targets)
    assert named > 40


def test_a_graph_may_list_consumers_before_producers() -> None:
    case = make_case("uniform/tensorflow/Conv2D", "default", "chain", ("reversed",))
    names = [node.name for node in parse_tensorflow(case.build().data).node]
    plain = parse_tensorflow(make_case(case.group, "default", "chain").build().data).node
    assert names == [node.name for node in plain][::-1]


@pytest.mark.slow
@pytest.mark.parametrize("name", catalog.variations("tensorflow"))
def test_variations_change_the_graph_and_no_answer(name: str) -> None:
    changed = 0
    for group in GROUPS:
        for deviation in catalog.deviations(group):
            plain, varied = (make_case(group, deviation, "plain", v) for v in ((), (name,)))
            changed += plain.build().data != varied.build().data
            ours, theirs = answered(plain), answered(varied)
            states = [
                {reason.condition: reason.state for reason in found.reasons}
                for found in (ours, theirs)
            ]
            assert (ours.verdict, states[0]) == (theirs.verdict, states[1]), varied.id
    assert changed > 500


def test_no_bias_follows_layers_that_make_tensorflow_abort() -> None:
    group = "uniform/tensorflow/DepthwiseConv2dNative"
    with pytest.raises(pytest_amct.UsageError, match="'bias-add' does not apply to"):
        make_case(group, "padding-explicit", "plain", ("bias-add",))


# --- reproducible ---------------------------------------------------------------------------------


def test_ids_are_unique_and_build_the_same_bytes_again() -> None:
    ids = [case.id for case in CASES]
    assert len(set(ids)) == len(ids) > 1000
    for case in CASES:
        again = parse_case(case.id)
        assert again == case
        assert again.build() == case.build(), case.id


DIGEST = """
import hashlib, sys
from pytest_amct.cases.catalog import gate_cases, groups
digest = hashlib.sha256()
for group in groups(frameworks=("tensorflow",)):
    for case in gate_cases(group):
        digest.update(case.id.encode() + case.build().data)
assert "tensorflow" not in sys.modules
print(digest.hexdigest())
"""


def test_the_bytes_do_not_depend_on_the_hash_seed_and_need_no_tensorflow() -> None:
    digest = hashlib.sha256()
    for group in groups(frameworks=("tensorflow",)):
        for case in gate_cases(group):
            digest.update(case.id.encode() + case.build().data)
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", DIGEST]
    other = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest.hexdigest()


# --- no hints at labels ---------------------------------------------------------------------------

MEANINGLESS = re.compile(r"[a-z]\d+|")
SCOPED = re.compile(r"Net\.\d+/V(_1)*(_2)?|[bxy]\d+|")
STYLED = {
    "scopes": SCOPED,
    "scoped": re.compile(r"Model/block_\d+/\w+_\d+|[bfxy]\d+|"),
    "alike": re.compile(r"Model/encoder/layer_0/\w+[/_]\d+|[bfxy]\d+|"),
    **OF_STYLE,
}


def _pattern(case: Case) -> re.Pattern[str]:
    return next((STYLED[name] for name in case.plan.switches if name in STYLED), MEANINGLESS)


def _places(graph: Any) -> Iterator[Any]:
    """The lists of nodes of the graph and of its functions."""
    yield graph.node
    for body in graph.library.function:
        yield body.node_def


def _names(graph: Any) -> Iterator[str]:
    for nodes in _places(graph):
        for node in nodes:
            yield node.name
            yield from (text.lstrip("^").split(":")[0] for text in node.input)
            for key in ("shared_name", "container", "frame_name"):
                if key in node.attr:
                    yield node.attr[key].s.decode()
    for body in graph.library.function:
        signature = body.signature
        yield from (signature.name, signature.summary, signature.description)
        yield from (arg.name for arg in (*signature.input_arg, *signature.output_arg))


def test_no_name_reveals_what_a_graph_tests() -> None:
    for case in CASES:
        graph = parse_tensorflow(case.build().data)
        pattern = _pattern(case)
        assert [name for name in _names(graph) if not pattern.fullmatch(name)] == [], case.id


def test_graphs_of_one_structure_have_the_same_names_in_it() -> None:
    """Then no name distinguishes a conforming layer from a deviating one."""
    found = defaultdict(set)
    for case in CASES:
        graph = parse_tensorflow(case.build().data)
        nodes = [node for nodes in _places(graph) for node in nodes]
        bodies = {body.signature.name for body in graph.library.function}
        ops = ((n.op if n.op not in bodies else "a function", len(n.input)) for n in nodes)
        found[style_of(case.plan.switches), *ops].add(tuple(node.name for node in nodes))
    assert {structure: names for structure, names in found.items() if len(names) > 1} == {}


# --- weights that carry evidence ------------------------------------------------------------------


def _stored(layer: Layer) -> np.ndarray[Any, Any] | None:
    weight = layer.inputs[-1 if layer.type in PADDED else 1]
    tensor = weight.value if weight else None
    if tensor is None:
        return None
    dtype = {1: "float32", 2: "float64", 9: "int64", 14: "bfloat16", 19: "float16"}[tensor.dtype]
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.float_val:
        listed = np.array(tensor.float_val)
        return np.pad(listed, (0, math.prod(shape) - listed.size), "edge").reshape(shape)
    values = np.frombuffer(tensor.tensor_content, np_dtype(dtype))
    return values.astype(np.float64).reshape(shape)


def test_weights_of_judged_layers_carry_evidence() -> None:
    seen = 0
    for case in CASES:
        layer = target(case.build())
        values = _stored(layer) if len(layer.inputs) > 1 and case.plan.weight else None
        if values is None:
            continue
        seen += 1
        assert values.size >= 1024, case.id
        assert np.all(values != 0) and abs(values.mean()) > 0.01, case.id
        channels = values.shape[-1] if values.shape[-1] > 1 else values.shape[-2]
        ranges = np.abs(values).reshape(-1, channels).max(axis=0)
        assert channels > 1 and ranges.max() > 3 * ranges.min(), case.id
    assert seen > 300


def test_layers_have_weights_of_their_own() -> None:
    for case in CASES:
        if case.plan.form == "shared-weight":
            continue
        graph = parse_tensorflow(case.build().data)
        stored = [node.attr["value"].tensor for node in graph.node]
        contents = [tensor.tensor_content for tensor in stored if tensor.dtype != NUMBERS["bool"]]
        large = [content for content in contents if len(content) > 1024]
        assert len(set(large)) == len(large), case.id


ENDS = {"Cos", "Neg", "Identity", "Cast", "BiasAdd"}
"""The last operators of branches; the outputs of a graph are the tensors without readers."""


def test_no_graph_has_unused_nodes() -> None:
    """Tools remove unused nodes; an unused input exists only in the case made for it."""
    for case in CASES:
        built = case.build()
        nodes = parse_tensorflow(built.data).node
        read = {text.lstrip("^").split(":")[0] for node in nodes for text in node.input}
        ends = [node for node in nodes if node.name not in read]
        unread = [node.name for node in ends if node.op in ("Placeholder", "Const")]
        assert len(unread) == (case.deviation == "input-unread"), case.id
        for node in ends:
            given = node.name in (*built.targets, *unread) or node.op in ENDS
            # The output may be a call of the function that contains the target.
            assert given or case.plan.inside, f"{case.id}: {node.op} {node.name!r}"


# --- networks -------------------------------------------------------------------------------------


def each_drawn(count: int) -> Callable[[Callable[[NetworkCase], None]], None]:
    """Run a check on drawn networks, the same ones on every run."""

    def decorate(check: Callable[[NetworkCase], None]) -> None:
        settings(
            max_examples=count,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )(given(drawn_networks("tensorflow", 8))(check))()

    return decorate


def test_networks_are_read_judged_alike_and_built_again() -> None:
    sizes, variations = set(), set()

    @each_drawn(120)
    def check(case: NetworkCase) -> None:
        built = case.build()
        assert networks.parse_case(case.id) == case
        assert case.build() == built
        assert built.framework == "tensorflow"
        found = target_layers(built.native.network(), built.targets)
        assert len(found) == len(set(built.targets)) <= len(case.items)
        assert differences(built.data) == []
        if not STYLES.keys() & {*case.variations}:
            names = _names(parse_tensorflow(built.data))
            pattern = SCOPED if "scopes" in case.variations else MEANINGLESS
            assert [name for name in names if not pattern.fullmatch(name)] == []
        sizes.add(len(case.items))
        variations.update(case.variations)

    assert max(sizes) == 8 and len(sizes) > 4
    assert variations == {*networks.variations("tensorflow")}


def test_layers_of_a_network_feed_each_other_as_its_id_says() -> None:
    row = "uniform/tensorflow"
    case = networks.parse_case(
        f"networks/tensorflow@all:in({row}/Conv2D@default,{row}/MatMul@default<1,{row}/Add@default<1<2)"
    )
    built = case.build()
    conv, matmul, add = target_layers(built.native.network(), built.targets)
    assert [layer.type for layer in (conv, matmul, add)] == ["Conv2D", "MatMul", "Add"]
    behind = [_behind(layer, port) for layer, port in ((matmul, 0), (add, 0), (add, 1))]
    named = {conv.name, matmul.name}
    # The second operand of the addition is the output of the last item but one.
    assert [found & named for found in behind] == [{conv.name}, named, {conv.name}]


def _behind(layer: Layer, port: int) -> set[str]:
    """The names of all layers that compute an input."""
    tensor = layer.inputs[port]
    waiting, found = [tensor.producer if tensor else None], set[str]()
    while waiting:
        one = waiting.pop()
        if one is not None and one.name not in found:
            found.add(one.name)
            waiting += [taken.producer for taken in one.inputs if taken]
    return found


def test_equal_layers_share_one_function_and_shared_weights_are_one() -> None:
    item = "uniform/tensorflow/MatMul@in-call"
    one = networks.parse_case(f"networks/tensorflow@all:in({item},{item}<1)").build()
    assert len(parse_tensorflow(one.data).library.function) == 1
    item = "uniform/tensorflow/MatMul@default"
    two = networks.parse_case(f"networks/tensorflow@all:in({item},{item}<1)+shared").build()
    weights = [layer.inputs[1] for layer in target_layers(two.native.network(), two.targets)]
    assert len({id(weight) for weight in weights}) == 1 < len(weights)


# --- legal for TensorFlow -------------------------------------------------------------------------


def _failure(case: Case | NetworkCase) -> str:
    """Return what is wrong with a graph; networks rely on the shape of a layer's result."""
    built, plan = case.build(), case.plan if isinstance(case, Case) else None
    sized = plan is not None and not plan.inside and not plan.symbolic_batch
    try:
        shape = run(built.data, built.targets[0] if sized else "")
    except Exception as error:
        return "" if lacks_kernel(error) else f"{case.id}: {error}"
    counted = result_shape(plan) if plan is not None and sized else shape
    return "" if shape == counted else f"{case.id}: gives {shape}, but we count on {counted}"


ON_X86 = platform.machine() in ("x86_64", "AMD64")


def test_the_kernels_of_onednn_are_on_unless_the_user_switches_them_off() -> None:
    assert "TF_ENABLE_ONEDNN_OPTS" in os.environ
    channels_first = ValueError("The Conv2D op currently only supports the NHWC tensor format")
    for value, excused in (("0", True), ("1", not ON_X86)):
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("TF_ENABLE_ONEDNN_OPTS", value)
            assert lacks_kernel(channels_first) == excused
            assert not lacks_kernel(ValueError("NHWC"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("group", GROUPS)
def test_tensorflow_imports_and_runs_every_case(group: str) -> None:
    pytest.importorskip("tensorflow")
    cases = list(gate_cases(group, EVERYTHING)) + draw_examples(group, 4, EVERYTHING)
    failed = [_failure(case) for case in cases]
    assert [failure for failure in failed if failure] == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "id_",
    [
        # Only the batch may be open, never the dimension that a product sums over.
        "uniform/tensorflow/BatchMatMulV2/second_input@constant-first+batch",
        "uniform/tensorflow/BatchMatMulV2/second_input@constant-first+batch+adj_y+bias-add",
        "uniform/tensorflow/MatMul/weight_source@constant-first+batch",
        "uniform/tensorflow/MatMul/transpose_a@true+batch",
        "uniform/tensorflow/Conv2DBackpropInput@sizes-input+strides",
    ],
)
def test_tensorflow_runs_what_explore_draws(id_: str) -> None:
    pytest.importorskip("tensorflow")
    assert _failure(parse_case(id_)) == ""


@pytest.mark.filterwarnings("ignore")
def test_tensorflow_imports_and_runs_drawn_networks() -> None:
    pytest.importorskip("tensorflow")

    @each_drawn(60)
    def check(case: NetworkCase) -> None:
        assert _failure(case) == ""
