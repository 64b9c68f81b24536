"""Drawn deviations: they are legal, named by what they are, and show what no listed one shows."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import accusations
import onnx
import pytest
from onnx import defs
from validity import PARSERS, random_case

from pytest_amct import answer
from pytest_amct.cases import catalog
from pytest_amct.cases.drawing import Numbers, base_of
from pytest_amct.cases.networks import NetworkCase, parse_case
from pytest_amct.cases.onnx.language import language
from pytest_amct.cases.plan import Case, target_layers
from pytest_amct.cases.tensorflow.language import LANGUAGE
from pytest_amct.cases.trees import Spec
from pytest_amct.decisions.decision import Decision
from pytest_amct.errors import UsageError
from pytest_amct.explore import Explorer
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.gate import Gate
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec

SOURCE = "uniform/onnx/Conv/weight_source"
WEIGHT = Spec((32, 32, 2, 2), "float32")
NEWEST = defs.onnx_opset_version()


def drawn(framework: str, count: int, seed: int = 0) -> list[Case]:
    rng, groups = Random(seed), catalog.groups(frameworks=(framework,))
    return [random_case(rng.choice(groups), rng) for _ in range(count)]


def target_of(id_: str) -> Any:
    built = parse_case(id_).build()
    return target_layers(built.native.network(), built.targets)[0]


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_drawn_case_is_rebuilt_from_its_id(framework: str) -> None:
    cases = drawn(framework, 60)
    assert sum(base_of(case.deviation) != case.deviation for case in cases) > 35
    for case in cases:
        assert parse_case(case.id) == case
        assert parse_case(case.id).build() == case.build()


def test_the_name_of_a_drawn_deviation_says_what_it_is() -> None:
    layer = target_of(f"{SOURCE}@initializer~source=Mul.Transpose.w.x")
    mul = layer.inputs[1].producer
    if mul.type == "Tanh":  # keeps products small
        mul = mul.inputs[0].producer
    assert (mul.type, mul.inputs[0].producer.type) == ("Mul", "Transpose")
    assert mul.inputs[1].origin == "input"
    assert answer(layer).verdict == "forbidden"
    stored = target_of(f"{SOURCE}@initializer~source=Mul.Transpose")
    assert answer(stored).verdict == "quantizable"


def test_numbers_count_from_the_listed_deviation() -> None:
    group = "uniform/onnx/Conv/dilation_d"
    assert target_of(f"{group}@d2-h1-w1~layer=0.0.1").attribute("dilations") == (2, 2, 1)
    assert target_of(f"{group}@d2-h1-w1~place=0.0.2").attribute("dilations") == (2, 1, 1)


@pytest.mark.parametrize(
    "deviation",
    [
        "initializer~source=Nothing",
        "initializer~source=Identity.w.w",
        "initializer~source=Flatten",  # the weight has four dimensions
        "initializer~source",
        "initializer~layer=x",
        "initializer~colour=1",
        "initializer~layer=1~layer=2",
        "input~source=x",  # it has another source already
        "nothing~source=x",
    ],
)
def test_an_invalid_name_is_explained(deviation: str) -> None:
    with pytest.raises(UsageError):
        parse_case(f"{SOURCE}@{deviation}")


def test_a_layer_of_a_network_may_be_drawn() -> None:
    id_ = "networks/onnx@all:in(uniform/onnx/Conv@default~layer=1~source=Exp.x,_<1)"
    id_ = id_.replace("_", "uniform/onnx/Gemm@default~layer=1")
    case = parse_case(id_)
    assert isinstance(case, NetworkCase) and case.id == id_
    onnx.checker.check_model(case.build().data, full_check=True)


# --- legal models -------------------------------------------------------------------------------


def test_every_word_of_onnx_makes_a_valid_model() -> None:
    """A word that does not fit the weight itself is tried behind words that need others."""
    words = language()
    behind = ("", "Cast-int.", "Cast-bool.", "Reshape.", "Reshape.w.", "Add-s.w.Cast-int.")
    behind += ("Flatten.", "Unsqueeze.", "DequantizeLinear.", "Squeeze.", "Reshape.w.Shape.")
    shapes = ((32, 32, 2, 2), (32, 32, 1, 1), (32, 32), (4,))
    for word in (*words.leaves, *words.steps):
        fitting = (
            (text, shape)
            for start in behind
            for shape in shapes
            if _fits(text := f"{start}{word}", Spec(shape, "float32"))
        )
        text, shape = next(fitting, ("", ()))
        assert text, word
        group = "uniform/onnx/Gemm" if len(shape) < 4 else "uniform/onnx/Conv"
        if (shape == WEIGHT.shape) or shape == (32, 32):
            case = catalog.make_case(group, f"default~source={text}")
            onnx.checker.check_model(case.build().data, full_check=True)


def _fits(text: str, spec: Spec) -> bool:
    try:
        language().check(text, spec)
    except ValueError:
        return False
    return True


LEFT_OUT = set(
    """
    BitCast CausalConvWithState ImageDecoder LinearAttention MeanVarianceNormalization Multinomial
    OptionalHasElement RegexFullMatch SequenceLength StringConcat StringNormalizer StringSplit
    TfIdfVectorizer
    """.split()
)
"""Operators without a word: they need strings or other shapes than weights have, or are new."""


def test_onnx_operators_have_words() -> None:
    schemas = {s.name for s in defs.get_all_schemas() if not s.domain and not s.deprecated}
    spelled = {word.partition("-")[0] for word in (*language().steps, *language().leaves)}
    helped = {"Constant", "ConcatFromSequence", "OptionalGetElement", "SequenceConstruct"}
    helped |= {"SequenceEmpty", "SequenceErase", "SequenceInsert"}
    missing = schemas - spelled - helped - LEFT_OUT
    assert len(missing) < 6, missing  # a newer onnx may have a few more


def test_trees_reach_every_depth() -> None:
    rng = Random(1)
    sizes = [
        language().draw(_choices(rng.randbytes(rng.choice((8, 80)))), WEIGHT, NEWEST).count(".")
        for _ in range(300)
    ]
    assert min(sizes) == 0 and max(sizes) > 25
    assert sorted(sizes)[150] < 8


def _choices(numbers: bytes) -> Any:
    from pytest_amct.cases.choices import Choices

    return Choices(numbers)


def test_tensorflow_has_the_same_kinds_of_leaves() -> None:
    for leaf in ("w", "x"):
        assert leaf in LANGUAGE.leaves and leaf in language().leaves


@pytest.mark.parametrize("count", [60, pytest.param(1500, marks=pytest.mark.slow)])
def test_drawn_onnx_models_are_valid(count: int) -> None:
    for case in drawn("onnx", count, seed=count):
        onnx.checker.check_model(case.build().data, full_check=True)


def combined(framework: str) -> list[Case]:
    """Return every listed deviation with each feature of numbers that applies to it."""
    features = catalog.source_of(framework).features.items()
    numbers = [name for name, feature in features if isinstance(feature, Numbers)]
    found = []
    for group in catalog.groups(frameworks=(framework,)):
        for deviation in dict.fromkeys(case.deviation for case in catalog.gate_cases(group)):
            for name, text in product(numbers, ("1", ".".join("1" * 12), ".".join("2" * 5))):
                try:
                    found.append(catalog.parse_case(f"{group}@{deviation}~{name}={text}"))
                except UsageError:  # it does not apply
                    continue
    return found


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_deviation_can_be_read_with_every_feature(framework: str) -> None:
    cases = combined(framework)
    assert len(cases) > 2000
    for case in cases:
        assert case.build().native.network().layers, case.id


@pytest.mark.slow
@pytest.mark.parametrize("framework", ["onnx", "caffe"])
def test_drawn_models_run(framework: str) -> None:
    from validity import rate

    told, failed = rate(framework, 500, 3)
    assert not failed and told["passed"] > 250


# --- what they show -----------------------------------------------------------------------------


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_correct_quantizers_are_not_accused(framework: str) -> None:
    rng = Random(5)
    for case in drawn(framework, 80, seed=5):
        assert accusations.false_findings(case.id, case.build().native, rng) == []


def _trusts_wide_kernels(model: Any, request: Any) -> Any:
    """Does not look where the weight of a wide kernel comes from: the gate has no such kernel."""
    decisions = Reference().decide(request.network, request)
    for layer in request.network.layers:
        kernel = layer.attribute("kernel_shape") if layer.type == "Conv" else None
        if kernel is not None and len(kernel) == 2 and kernel[1] == 4:
            decisions[layer.name] = Decision()
    return decisions


def _explorer(folder: Path, **given: Any) -> Explorer:
    chosen = Settings("it", profile="explore", scratch=folder, **given)
    return Explorer(Runner(FunctionQuantizer("it", _trusts_wide_kernels), load_spec(), chosen))


def test_a_mistake_that_only_a_drawn_deviation_shows_is_shrunk(tmp_path: Path) -> None:
    result = _explorer(tmp_path, max_examples=2000, seed=3).check(SOURCE)
    (finding,) = [f for f in result.findings if f.status == "failed"]
    case = parse_case(finding.case)
    assert isinstance(case, Case)
    assert re.fullmatch(r"(input|initializer)~layer=[0.]*[1-3](~source=x)?", case.deviation)
    assert (case.context, case.variations) == ("plain", ())

    # The id alone finds it again.
    gate = Gate(load_spec(), select=(finding.case,))
    assert gate.groups == [SOURCE] and [c.id for c in gate.cases(SOURCE)] == [finding.case]
    again = _explorer(tmp_path, select=(finding.case,)).check(SOURCE)
    assert [f.case for f in again.findings] == [finding.case]


def test_a_tree_is_shrunk_to_the_words_that_matter() -> None:
    tree = "Mul.Transpose.w.If.Equal.w.w.Concat.x.ReduceMax.Sigmoid.Concat.w.Exp.x"
    language().check(tree, WEIGHT)
    while True:
        smaller = [*language().smaller(tree, WEIGHT)]
        for other in smaller:
            language().check(other, WEIGHT)
        fails = (t for t in smaller if {"ReduceMax", "Exp", "x"} <= {*t.split(".")})
        found = next(fails, None)
        if found is None:
            break
        assert len(found.split(".")) <= len(tree.split("."))
        tree = found
    assert tree in ("ReduceMax.Exp.x", "Exp.ReduceMax.x")


def test_drawn_examples_have_parsers() -> None:
    assert set(PARSERS) == set(FRAMEWORKS)
