"""Decisions read from AMCT's deploy model."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import onnx
import pytest
from forms_network import FORMS, deploy_model, float_model
from onnx import ModelProto, TensorProto, helper, numpy_helper

from pytest_amct.decisions.amct.ascend import pack_factors, unpack_factors
from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.read import read_outcome
from pytest_amct.errors import OutputError
from pytest_amct.graphs.onnx.reader import read_onnx


def decisions(result: object, original: ModelProto | None = None) -> dict[str, Any]:
    """Decisions by layer name; ``None`` is unknown."""
    network = read_onnx(original or float_model())
    outcome = read_outcome(network, result)
    return {
        layer.name: "unmatched" if i in outcome.unmatched else outcome.decision(i)
        for i, layer in enumerate(network.layers)
    }


def node_of(model: ModelProto, name: str) -> Any:
    (found,) = [n for n in model.graph.node if n.name == name]
    return found


def store(model: ModelProto, name: str, values: Any) -> None:
    (found,) = [t for t in model.graph.initializer if t.name == name]
    found.CopyFrom(numpy_helper.from_array(np.asarray(values), name))


def weights(channel_wise: bool) -> Decision:
    return Decision(
        inputs=(0,),
        weights=True,
        weight_channel_wise=channel_wise,
        weight_asymmetric=False,
        weight_bits=8,
        shift=0,
        seen="its weight holds integers and AscendQuant precedes it",
    )


EXPECTED = {
    "conv_a": weights(True),
    "relu": None,
    "conv_b": weights(False),
    "conv_c": weights(False),
    "conv_d": Decision.float(),
    "add": Decision.float(),
    "pool": Decision(inputs=(0,), weights=False, shift=0, seen="AscendQuant precedes it"),
    "max": Decision.float(),
    "reshape": None,
    "matmul": weights(False),
    "bias": None,
    "gemm": weights(False),
}


def test_the_fixtures_are_what_their_script_writes() -> None:
    for name, made in (("float", float_model()), ("deploy", deploy_model())):
        assert onnx.load(FORMS / f"{name}.onnx") == made
    onnx.checker.check_model(float_model(), full_check=True)


def test_the_form_is_read_although_the_onnx_checker_refuses_it() -> None:
    with pytest.raises(onnx.checker.ValidationError, match="AscendQuant"):
        onnx.checker.check_model(deploy_model())
    assert decisions(FORMS / "deploy.onnx") == EXPECTED


def _without_names(model: ModelProto) -> None:
    for node in model.graph.node:
        node.name = ""


def _with_other_outputs(model: ModelProto) -> None:
    """Layers can be matched only by their weights, and by neighbours matched before."""
    kept = {info.name for info in model.graph.output}
    for node in model.graph.node:
        node.name = ""
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                stored = any(t.name == name for t in model.graph.initializer)
                if name and name not in kept and name != "x" and not stored:
                    names[i] = f"{name}, renamed"


def _in_a_domain(model: ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("amct.customop", 1))
    for node in model.graph.node:
        if node.op_type.startswith("Ascend"):
            node.domain = "amct.customop"


@pytest.mark.parametrize("change", [_without_names, _in_a_domain])
def test_neither_names_nor_domains_decide(change: Callable[[ModelProto], None]) -> None:
    model = deploy_model()
    change(model)
    assert decisions(model) == EXPECTED


def test_layers_are_found_by_the_names_of_their_integer_weights() -> None:
    model = deploy_model()
    _with_other_outputs(model)
    found = decisions(model)
    for name in ("conv_a", "conv_b", "conv_c", "matmul", "gemm", "conv_d"):
        assert found[name] == EXPECTED[name], name


def test_dequantized_data_is_float() -> None:
    model = deploy_model()
    assert decisions(model)["conv_d"] == Decision.float()
    node_of(model, "conv_d").input[0] = "conv_b.quant.output0"
    assert decisions(model)["conv_d"].inputs == (0,)


@pytest.mark.parametrize("type_", ["Relu", "Identity", "Concat", "Transpose", "Clip"])
def test_integers_pass_through_layers_that_move_or_clip_them(type_: str) -> None:
    model = deploy_model()
    given = {"axis": 1} if type_ == "Concat" else {}
    extra = helper.make_node(type_, ["conv_b.quant.output0"], ["passed"], "extra", **given)
    at = [n.name for n in model.graph.node].index("conv_b")
    model.graph.node.insert(at, extra)
    node_of(model, "conv_b").input[0] = "passed"
    assert decisions(model)["conv_b"] == EXPECTED["conv_b"]


def test_a_concat_with_floats_is_not_integer_data() -> None:
    model = deploy_model()
    extra = helper.make_node("Concat", ["conv_b.quant.output0", "r"], ["passed"], "extra", axis=1)
    model.graph.node.insert([n.name for n in model.graph.node].index("conv_b"), extra)
    node_of(model, "conv_b").input[0] = "passed"
    assert decisions(model)["conv_b"].inputs == ()


def test_a_bias_is_a_decision_if_its_data_is_quantized_again() -> None:
    model = deploy_model()
    at = [n.name for n in model.graph.node].index("bias")
    again = helper.make_node("AscendDequant", ["m", "matmul.dequant.param"], ["m0"], "d0")
    quant = helper.make_node("AscendQuant", ["m0"], ["m1"], "q0", scale=64.0, offset=0.0)
    model.graph.node.insert(at, again)
    model.graph.node.insert(at + 1, quant)
    node_of(model, "bias").input[0] = "m1"
    assert decisions(model)["bias"].inputs == (0,)


# --- pools and additions -----------------------------------------------------------------------


def _quantize_max(model: ModelProto) -> None:
    """The quantizer of `matmul` moves before `max`."""
    node_of(model, "matmul.quant").input[0] = "pool.dequant.output0"
    node_of(model, "max").input[0] = "matmul.quant.output0"
    node_of(model, "reshape").input[0] = "q"
    names = [n.name for n in model.graph.node]
    moved = model.graph.node[names.index("matmul.quant")]
    copy = onnx.NodeProto()
    copy.CopyFrom(moved)
    del model.graph.node[names.index("matmul.quant")]
    model.graph.node.insert(names.index("max"), copy)


def test_a_max_pool_on_integers_that_a_layer_behind_it_asked_for_is_inferred() -> None:
    model = deploy_model()
    _quantize_max(model)
    found = decisions(model)
    assert (found["max"].inputs, found["max"].evidence) == ((0,), "inferred")
    assert found["matmul"] == EXPECTED["matmul"]


def test_a_max_pool_with_a_way_back_to_floats_is_stated() -> None:
    model = deploy_model()
    _quantize_max(model)
    at = [n.name for n in model.graph.node].index("reshape")
    back = helper.make_node("AscendAntiQuant", ["q"], ["q0"], "back", scale=0.1, offset=0.0)
    model.graph.node.insert(at, back)
    node_of(model, "reshape").input[0] = "q0"
    found = decisions(model)
    assert (found["max"].inputs, found["max"].evidence) == ((0,), "stated")
    assert found["matmul"].inputs == ()


def test_an_add_may_have_one_quantized_input() -> None:
    model = deploy_model()
    at = [n.name for n in model.graph.node].index("add")
    dequant = node_of(model, "add").input[0]
    quant = helper.make_node("AscendQuant", [dequant], ["one"], "one", scale=64.0, offset=0.0)
    model.graph.node.insert(at, quant)
    node_of(model, "add").input[0] = "one"
    assert decisions(model)["add"].inputs == (0,)


# --- weights and factors -----------------------------------------------------------------------


def _weight_quant(model: ModelProto, offset: int, dst_type: str) -> None:
    held = numpy_helper.from_array(np.asarray([offset], np.int8), "offset")
    model.graph.initializer.append(held)
    extra = helper.make_node(
        "AscendWeightQuant", ["wb", "offset"], ["wb_q"], "wq", dst_type=dst_type
    )
    model.graph.node.insert([n.name for n in model.graph.node].index("conv_b"), extra)
    node_of(model, "conv_b").input[1] = "wb_q"


@pytest.mark.parametrize(("offset", "asymmetric"), [(0, False), (-2, True)])
def test_a_weight_quantizer_shows_offset_and_bits(offset: int, asymmetric: bool) -> None:
    model = deploy_model()
    _weight_quant(model, offset, "INT4")
    found = decisions(model)["conv_b"]
    assert (found.weights, found.weight_asymmetric, found.weight_bits) == (True, asymmetric, 4)


def test_a_weight_quantizer_on_floats_counts() -> None:
    model = deploy_model()
    store(model, "wb", np.ones((4, 4, 1, 1), np.float32))
    assert decisions(model)["conv_b"].weights is False
    _weight_quant(model, 0, "INT8")
    assert decisions(model)["conv_b"].weights is True


def test_weights_alone_leave_the_data_in_float() -> None:
    model = deploy_model()
    node_of(model, "conv_a").input[0] = "x"
    node_of(model, "relu").input[0] = "a"
    found = decisions(model)["conv_a"]
    assert (found.inputs, found.weights) == ((), True)
    assert found.treatment.scheme == "weight_only"


def test_data_alone_leaves_the_weight_in_float() -> None:
    model = deploy_model()
    store(model, "wa", np.ones((4, 4, 3, 3), np.float32))
    found = decisions(model)["conv_a"]
    assert (found.inputs, found.weights) == ((0,), False)


SCALES = np.asarray([0.5, 0.25], np.float32)


def test_factors_are_packed_as_published() -> None:
    words = pack_factors(SCALES, offset=-2, shift=5)
    assert [hex(word) for word in words] == ["0xfe053f000000", "0xfe053e800000"]


@pytest.mark.parametrize(
    ("offset", "shift", "asymmetric", "shown"),
    [(0, 0, False, 0), (7, 0, True, 0), (7, 3, True, 3), (0, 3, None, None)],
)
def test_factors_show_offset_and_shift_where_they_cannot_be_mixed_up(
    offset: int, shift: int, asymmetric: bool | None, shown: int | None
) -> None:
    found = unpack_factors(pack_factors(SCALES, offset, shift))
    assert found.scales.tolist() == SCALES.tolist()
    assert (found.asymmetric, found.shift) == (asymmetric, shown)


def test_factors_of_another_kind_show_nothing() -> None:
    model = deploy_model()
    store(model, "conv_a.dequant.param", np.ones(4, np.float32))
    found = decisions(model)["conv_a"]
    assert (found.weight_channel_wise, found.weight_asymmetric, found.shift) == (None, None, None)


# --- broken models -----------------------------------------------------------------------------


def test_a_deploy_model_must_be_whole() -> None:
    model = deploy_model()
    node_of(model, "conv_b").input[0] = "gone"
    with pytest.raises(OutputError, match="reads tensor 'gone', which nothing in it produces"):
        decisions(model)


def test_ten_thousand_operators_that_integers_pass_are_read() -> None:
    model = deploy_model()
    at = [n.name for n in model.graph.node].index("conv_b")
    names = ["conv_b.quant.output0", *(f"passed{i}" for i in range(10_000))]
    nodes = list(model.graph.node)
    nodes[at:at] = [helper.make_node("Relu", [a], [b]) for a, b in pairwise(names)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    node_of(model, "conv_b").input[0] = names[-1]
    assert decisions(model)["conv_b"] == EXPECTED["conv_b"]


def test_constants_that_are_not_in_the_file_show_nothing() -> None:
    model = deploy_model()
    (held,) = [t for t in model.graph.initializer if t.name == "conv_a.dequant.param"]
    held.data_location = TensorProto.EXTERNAL
    assert decisions(model)["conv_a"].weight_channel_wise is None


def test_the_output_of_another_layer_is_not_a_weight_of_a_float_layer() -> None:
    """Scores of two activations: the second operand is the output of an integer product."""
    text = """(float[2, 32] x) => (float[2, 2] y) <{}>
    {{ {}  kt = Transpose <perm = [1, 0]> (k)  s = MatMul (x, kt)  y = Erf (s) }}"""
    head = '<ir_version: 10, opset_import: ["" : 21]> g '
    plain = head + text.format("float[32, 32] w = {}", "k = MatMul (x, w)")
    ways = ("k = AscendDequant (kq, f)", "d = AscendDequant (kq, f)  q = AscendQuant (d)"
            "  k = AscendAntiQuant (q)")  # fmt: skip
    for way in ways:
        made = f"xq = AscendQuant (x)  kq = MatMul (xq, w)  {way}"
        given = "int8[32, 32] w = {}, uint64[1] f = {1}"
        original, result = (
            onnx.parser.parse_model(t) for t in (plain, head + text.format(given, made))
        )
        for proto in (original, result):
            for i, one in enumerate(proto.graph.node):
                one.name = {"s": "scores"}.get(one.output[0], f"{one.op_type}{i}")
        for t in result.graph.initializer:
            t.raw_data = bytes(32 * 32) if t.name == "w" else np.uint64([1]).tobytes()
        assert decisions(result, original)["scores"] == Decision.float()


def test_integers_that_are_resized_on_their_way_leave_the_data_unknown() -> None:
    text = "(float[1, 4, 8, 8] x) => (float[1, 4, 16, 16] y) <{}, float[4] sizes = {{1, 1, 2, 2}}>"
    body = "{{ {}r = Resize ({}, , sizes)  {} = Conv (r, w){} }}"
    head = '<ir_version: 10, opset_import: ["" : 21]> g '
    given = "int8[4, 4, 1, 1] w = {}, uint64[1] f = {1}"
    plain = head + text.format("float[4, 4, 1, 1] w = {}") + body.format("", "x", "y", "")
    quantized = head + text.format(given)
    quantized += body.format("q = AscendQuant (x)  ", "q", "c", "  y = AscendDequant (c, f)")
    original, result = onnx.parser.parse_model(plain), onnx.parser.parse_model(quantized)
    for proto in (original, result):
        for one in proto.graph.node:
            one.name = one.op_type
        for t in proto.graph.initializer:
            size = {"sizes": 16, "f": 8}.get(t.name, 16 * (4 if proto is original else 1))
            t.raw_data = t.raw_data or bytes(size)
    found = decisions(result, original)["Conv"]
    assert (found.inputs, found.weights) == (None, True)


def test_a_deploy_model_alone_shows_weights() -> None:
    from pytest_amct import decisions_of

    alone = decisions_of(FORMS / "deploy.onnx")
    beside = decisions_of(FORMS / "deploy.onnx", FORMS / "float.onnx")
    assert {n for n, d in alone.items() if d.weights} == {n for n, d in beside.items() if d.weights}


@pytest.mark.parametrize(
    "back", ["DequantizeLinear (q, s)", "Cast <to = 1> (q)", "TopK <axis = 1> (q, k)"]
)
def test_layers_behind_what_ends_integers_show_nothing(back: str) -> None:
    text = "(float[4, 32] x) => (float[4, 32] y) "
    text += "<float[32, 32] w = {}, float s = {1.0}, int64[1] k = {32}>"
    last = "r = Cast <to = 1> (d)  y = Gemm <transA = 1> (r, w)"
    taken = "v, d" if back.startswith("TopK") else "d"
    body = f"{{ q = AscendQuant (x)  {taken} = {back}  {last} }}"
    plain = "{ r = Cast <to = 1> (x)  y = Gemm <transA = 1> (r, w) }"
    head = '<ir_version: 10, opset_import: ["" : 21]> g '
    original, result = (onnx.parser.parse_model(f"{head}{text} {b}") for b in (plain, body))
    for proto in (original, result):
        proto.graph.node[-1].name = "gemm"
        proto.graph.initializer[0].raw_data = bytes(4 * 32 * 32)
    found = decisions(result, original)["gemm"]
    assert found is None or not found.quantized
