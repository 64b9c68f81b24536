"""Weights in the ONNX cases: what is on the way to them, and how models store them."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import defs, numpy_helper

import pytest_amct
from pytest_amct.cases.catalog import make_case
from pytest_amct.cases.onnx import chains
from pytest_amct.cases.onnx.builder import GraphBuilder
from pytest_amct.cases.onnx.chains import CHAIN_SOURCES
from pytest_amct.cases.onnx.derived import DERIVED
from pytest_amct.cases.onnx.operands import OPERANDS
from pytest_amct.cases.onnx.sources import build_source
from pytest_amct.cases.onnx.special import SPECIAL
from pytest_amct.cases.onnx.storage import STORED
from pytest_amct.cases.onnx.ways import HOPS
from pytest_amct.cases.plan import target_layers
from pytest_amct.graphs.walk import is_constant

SHAPE = (32, 32, 2, 2)
CHAINS = ("elementwise", "moved", "combined", "derived", "at-shapes", "at-indices", "at-factors")


def verdict(case_id: str) -> str:
    condition, _, deviation = case_id.partition("@")
    built = make_case(condition, deviation).build()
    (layer,) = target_layers(built.native.network(), built.targets)
    return pytest_amct.answer(layer).verdict


@pytest.mark.parametrize("chain", CHAINS)
def test_what_is_behind_a_chain_decides(chain: str) -> None:
    assert verdict(f"uniform/onnx/Conv/weight_source@{chain}") == "quantizable"
    assert verdict(f"uniform/onnx/Conv/weight_source@input-{chain}") == "forbidden"


@pytest.mark.parametrize("name", [*HOPS, *OPERANDS])
def test_one_operator_hides_no_input(name: str) -> None:
    g = GraphBuilder()
    kind = "at" if name in OPERANDS else "through"
    made = CHAIN_SOURCES[f"input-{kind}-{name}"](g, SHAPE, "float32")
    reached = {made}
    for node in reversed(g.graph.node):
        if reached & {*node.output}:
            reached |= {*node.input}
    assert g.graph.input[0].name in reached


def test_each_operator_is_part_of_a_chain() -> None:
    of_data = {*chains.ELEMENTWISE, *chains.MOVED, *chains.COMBINED}
    others = {*chains.AT_SHAPES, *chains.AT_INDICES, *chains.AT_FACTORS}
    assert HOPS.keys() == of_data
    assert OPERANDS.keys() == others
    assert not {*HOPS} & {*OPERANDS}
    assert DERIVED


@pytest.mark.parametrize("name", OPERANDS)
def test_an_operand_is_not_the_first_input(name: str) -> None:
    """Who follows only the first input of each operator sees a constant alone."""
    g = GraphBuilder()
    made = CHAIN_SOURCES[f"input-at-{name}"](g, SHAPE, "float32")
    makers = {output: node for node in g.graph.node for output in node.output}
    while made in makers and makers[made].input:
        made = makers[made].input[0]
    first_inputs = ("condition", "top-indices")
    assert (made == g.graph.input[0].name) == (name in first_inputs)


ELSEWHERE = (
    # the document leaves open what these return
    "Scan SequenceMap"
    # of strings, images and sounds, or of losses in training
    " ImageDecoder RegexFullMatch StringConcat StringNormalizer StringSplit TfIdfVectorizer STFT"
    " MelWeightMatrix BlackmanWindow HammingWindow HannWindow DFT NegativeLogLikelihoodLoss"
    " SoftmaxCrossEntropyLoss"
    # types that have a row, and products of integers: tools quantize them as well
    " Conv ConvTranspose Gemm AveragePool MaxPool MatMulInteger DynamicQuantizeLinear"
    # of regions of images
    " AffineGrid Col2Im DeformConv GridSample MaxRoiPool MaxUnpool RoiAlign"
    # onnx infers no shape of one of these, and the other has no Float16
    " Celu MeanVarianceNormalization"
    # of a length or a presence alone, or of integers like others that are there
    " SequenceLength OptionalHasElement ConvInteger QLinearConv QLinearMatMul"
).split()


def test_every_operator_of_onnx_is_on_the_way_to_some_weight() -> None:
    used: set[str] = set()
    for name in {**CHAIN_SOURCES, **SPECIAL, **STORED, **dict.fromkeys(("if", "loop"))}:
        g = GraphBuilder()
        build_source(name, g, SHAPE, "float32")
        used |= {node.op_type for node in g.graph.node}
        used |= {node.op_type for function in g.functions.values() for node in function.node}
    used |= {"RandomNormal", "RandomNormalLike", "Shape", "Size"}
    every = {s.name for s in defs.get_all_schemas() if not s.domain and not s.deprecated}
    old = {s.name for s in defs.get_all_schemas_with_history() if s.since_version <= 22}
    assert (every & old) - used == {*ELSEWHERE} & every


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_constant_has_one_shape_and_type_however_it_is_stored(name: str, dtype: str) -> None:
    changes = {"source": name, "dtype": dtype}
    case = make_case("uniform/onnx/Conv/weight_source", "initializer")
    built = case.write(case.plan.with_(changes))
    (layer,) = target_layers(built.native.network(), built.targets)
    weight = layer.input(1)
    assert weight is not None
    assert (pytest_amct.answer(layer).verdict, weight.dtype or dtype) == ("quantizable", dtype)


def test_typed_fields_hold_the_values_of_raw_ones() -> None:
    stored = {}
    for name in ("initializer", "typed"):
        g = GraphBuilder()
        build_source(name, g, SHAPE, "float16")
        stored[name] = g.graph.initializer[0]
    assert not stored["typed"].raw_data and stored["initializer"].raw_data
    typed, raw = (numpy_helper.to_array(stored[name]) for name in ("typed", "initializer"))
    assert np.array_equal(typed, raw)


def test_a_twin_shares_no_weight() -> None:
    for name in ("twin-scale", "twin-shape"):
        assert verdict(f"uniform/onnx/Conv/weight_source@{name}") == "quantizable"
    assert verdict("uniform/onnx/Conv@shared-weight") == "unspecified"


def test_a_weight_that_is_the_layers_data_is_no_constant() -> None:
    built = make_case("uniform/onnx/Gemm/weight_source", "own-data").build()
    (layer,) = target_layers(built.native.network(), built.targets)
    assert layer.inputs[0] is layer.inputs[1]
    assert layer.inputs[1] is not None and not is_constant(layer.inputs[1])
