"""TensorFlow Lite models as a form: the stored files, decisions on operators, damaged files.

The stored files are made by `tflite_network`. Nothing here needs TensorFlow.
"""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from forms_network import float_model
from tflite_files import File
from tflite_network import FILES, FORMS, float_graph

from pytest_amct import decisions_of, judge
from pytest_amct.cases.tensorflow.builder import Dtype, GraphBuilder
from pytest_amct.decisions.decision import Decision, Outcome
from pytest_amct.decisions.read import read_outcome, read_outcomes
from pytest_amct.decisions.tflite.decisions import decide
from pytest_amct.decisions.tflite.form import read_tflite
from pytest_amct.decisions.tflite.reader import Operator, Tensor, read_operators
from pytest_amct.errors import OutputError, UsageError
from pytest_amct.graphs.network import Layer
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.graphs.reading import ModelFiles
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.quantizers.protocol import Request
from pytest_amct.quantizers.running import run_quantizer
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.loader import load_spec, published
from pytest_amct.tables.model import DataFormat

NETWORK = read_tensorflow(float_graph())
SPEC = load_spec()

FLOAT = Decision.float()


def stored(name: str) -> bytes:
    return (FORMS / f"{name}.tflite").read_bytes()


def by_name(outcome: Outcome) -> dict[str, Decision]:
    return {NETWORK.layers[i].name: found for i, found in outcome.decisions.items()}


# --- the stored files -----------------------------------------------------------------------------

PLAIN = ("elu", "conv3", "sine", "end", "end3")
"""Layers for which the converter has no integer operator."""

Brief = tuple[tuple[int, ...] | None, bool | None, bool | None, int | None]


def brief(found: Decision) -> Brief:
    return found.inputs, found.weights, found.weight_channel_wise, found.weight_bits


def test_an_int8_file_shows_data_and_weights() -> None:
    outcome = read_outcome(NETWORK, stored("int8"))
    found = by_name(outcome)
    assert {name: brief(d) for name, d in found.items() if d != FLOAT} == {
        "conv": ((0,), True, True, 8),
        "avgpool": ((0,), False, None, None),
        "maxpool": ((0,), False, None, None),
        "add": ((0, 1), False, None, None),
        "wider": ((2,), True, True, 8),
        "depthwise": ((0,), True, True, 8),
        "matmul": ((0,), True, True, 8),
        "batch": ((0,), True, True, 8),
        # The constant is the first input: it is data, and its factors are not the weight's.
        "first": ((0,), True, None, None),
        "both": ((0, 1), False, None, None),
        "batch_first": ((0, 1), False, None, None),
    }
    assert found["both"].formats == (DataFormat(0, 8, True), DataFormat(1, 8, False))
    assert found["batch_first"].formats == (DataFormat(0, 8, False), DataFormat(1, 8, True))
    assert all(found[name] == FLOAT for name in PLAIN)
    assert [NETWORK.layers[i].name for i in outcome.unmatched] == ["bias"]
    assert outcome.untold == {}


def test_data_that_is_quantized_at_run_time_counts_as_quantized() -> None:
    found = by_name(read_outcome(NETWORK, stored("dynamic")))
    assert {name: brief(d) for name, d in found.items() if d != FLOAT} == {
        "conv": ((0,), True, True, 8),
        "wider": ((2,), True, True, 8),
        "depthwise": ((0,), True, True, 8),
        "matmul": ((0,), True, True, 8),
        "batch": ((0,), True, True, 8),
        "first": ((0,), True, None, None),
        "batch_first": ((0, 1), False, None, None),
    }
    assert found["batch_first"].formats == (DataFormat(0, 8, False),)
    assert all(found[name] == FLOAT for name in (*PLAIN, "both", "avgpool", "maxpool", "add"))


def test_the_stored_graph_is_the_one_that_was_converted() -> None:
    assert (FORMS / "float.pb").read_bytes() == float_graph()
    found = decisions_of(FORMS / "int8.tflite", FORMS / "float.pb")
    assert found == by_name(read_outcome(NETWORK, stored("int8")))


@pytest.mark.parametrize("name", FILES)
def test_a_file_and_its_bytes_are_the_same_result(name: str, tmp_path: Path) -> None:
    data = stored(name)
    path = tmp_path / "MODEL.TFLITE"
    path.write_bytes(data)
    expected = read_outcome(NETWORK, data)
    for result in (path, str(path), bytearray(data), memoryview(data)):
        assert read_outcome(NETWORK, result) == expected
    assert decisions_of(path, NETWORK) == by_name(expected)


@pytest.mark.parametrize("name", FILES)
def test_each_release_shows_what_it_shows_alone(name: str) -> None:
    specs = tuple(map(load_spec, published()))
    under = read_tflite(NETWORK, stored(name))
    found = read_outcomes(NETWORK, stored(name), specs)
    assert [under(spec) for spec in specs] == list(found)
    assert len({repr(outcome) for outcome in found}) > 1


def test_findings_of_a_file() -> None:
    found = {f.condition for f in judge(NETWORK, FORMS / "int8.tflite") if f.status == "failed"}
    assert found >= {"settings/tensorflow/MatMul/channel_wise"}
    assert "uniform/tensorflow/unlisted/Elu" not in found


@pytest.mark.parametrize("as_path", [True, False])
def test_a_quantizer_may_return_a_file(as_path: bool) -> None:
    class Owner:
        frameworks = ("tensorflow",)
        validated: list[str] = []  # noqa: RUF012

        def validate(self, path: Path) -> None:
            self.validated.append(path.name)

    def quantize(model: Any, request: Request) -> Any:
        if not as_path:
            return stored("int8")
        Path("made.tflite").write_bytes(stored("int8"))
        return "made.tflite"

    model = ModelFiles("tensorflow", float_graph())
    found = run_quantizer(FunctionQuantizer("files", quantize, Owner()), model, NETWORK)
    assert (found.status, found.message) == ("decided", "")
    assert found.decisions == read_outcome(NETWORK, stored("int8")).decisions
    assert Owner.validated == ["made.tflite" if as_path else "quantized.tflite"]


# --- decisions on single operators ----------------------------------------------------------------


def made_of(given: Tensor, type_: str, kind: str, name: str = "") -> Tensor:
    """The output of an operator on a tensor; integers have one scale."""
    after = Tensor(name, kind, () if kind.startswith("FLOAT") else (0.1,), ())
    after.producer = Operator(type_, (given,), (after,))
    return after


def data(kind: str, scales: tuple[float, ...] = (0.1,), point: int = 0) -> Tensor:
    return Tensor("x", kind, () if kind.startswith("FLOAT") else scales, (point,), fed=True)


def weight(kind: str, scales: tuple[float, ...] = (0.1, 0.2), point: int = 0) -> Tensor:
    return Tensor("w", kind, () if kind.startswith("FLOAT") else scales, (point,) * len(scales))


def dequantized(given: Tensor) -> Tensor:
    return made_of(given, "DEQUANTIZE", "FLOAT32")


def rounded(given: Tensor, kind: str = "UINT8") -> Tensor:
    return dequantized(made_of(given, "QUANTIZE", kind))


def turned(given: Tensor) -> Tensor:
    return made_of(given, "TRANSPOSE", given.type)


def decided(
    name: str, type_: str, *inputs: Tensor | None, output: str = "FLOAT32"
) -> Decision | str:
    after = Tensor(name, output, () if output.startswith("FLOAT") else (0.1,), ())
    layer = NETWORK.layer(name)
    return decide(layer, Operator(type_, inputs, (after,)), find_row(layer, SPEC))


F = "FLOAT32"
CONV = ("conv", "CONV_2D")
MATMUL = ("matmul", "FULLY_CONNECTED")
FIRST = ("first", "FULLY_CONNECTED")
SOLID = ("conv3", "CONV_3D")


@pytest.mark.parametrize(
    ("layer", "given", "held", "found"),
    [
        (CONV, data("INT8"), weight("INT8"), ((0,), True, True, 8)),
        (CONV, data("INT16"), weight("INT8"), ((0,), True, True, 8)),
        (CONV, data("INT8"), weight("INT8", (0.5, 0.5)), ((0,), True, False, 8)),
        (CONV, data("INT8"), weight("INT4"), ((0,), True, True, 4)),
        (CONV, data(F), weight("INT4"), ((0,), True, True, 4)),
        (CONV, data(F), weight("INT8"), ((0,), True, True, 8)),
        (MATMUL, data(F), weight("INT8"), ((0,), True, True, 8)),
        # Weights alone: the operator works on real numbers.
        (CONV, data(F), dequantized(weight("INT8")), ((), True, True, 8)),
        (SOLID, data(F), dequantized(weight("INT8")), ((), True, True, 8)),
        (MATMUL, data(F), turned(dequantized(weight("INT4"))), ((), True, True, 4)),
        (CONV, data(F), rounded(weight(F)), ((), True, False, 8)),
        # Float data that was integers before: another layer made it so, or this one.
        (CONV, dequantized(data("INT8")), dequantized(weight("INT8")), (None, True, True, 8)),
        (CONV, rounded(data(F)), rounded(weight(F)), (None, True, False, 8)),
        # The first input is constant: it is the operator's weight, and data of the layer.
        (FIRST, turned(data("INT8")), weight("INT8"), ((0,), True, None, None)),
        (FIRST, data(F), weight("INT8"), ((0,), True, None, None)),
        (FIRST, data(F), dequantized(weight("INT8")), ((0,), False, None, None)),
        (FIRST, dequantized(data("INT8")), dequantized(weight("INT8")), ((0,), None, None, None)),
    ],
)
def test_a_layer_with_a_weight(
    layer: tuple[str, str], given: Tensor, held: Tensor, found: Brief
) -> None:
    shown = decided(*layer, given, held)
    assert isinstance(shown, Decision), shown
    assert brief(shown) == found


@pytest.mark.parametrize(
    ("kind", "point", "asymmetric"),
    [("INT8", 0, False), ("INT8", 3, True), ("UINT8", 128, False), ("UINT8", 0, True)],
)
def test_an_offset_is_seen_from_the_middle_of_the_range(
    kind: str, point: int, asymmetric: bool
) -> None:
    shown = decided(*CONV, data(kind), weight(kind, point=point))
    assert isinstance(shown, Decision)
    assert shown.weight_asymmetric is asymmetric


@pytest.mark.parametrize(
    ("layer", "given", "held"),
    [
        (CONV, data(F), weight(F)),
        (CONV, data("FLOAT16"), weight("FLOAT16")),
        (CONV, data(F), dequantized(weight("FLOAT16"))),
        (SOLID, dequantized(data("INT8")), weight(F)),
        (FIRST, data(F), weight(F)),
        (FIRST, data(F), dequantized(weight("FLOAT16"))),
        (("both", "BATCH_MATMUL"), data(F), dequantized(data("INT8"))),
        (("batch_first", "BATCH_MATMUL"), weight(F), data(F)),
    ],
)
def test_what_is_float(layer: tuple[str, str], given: Tensor, held: Tensor) -> None:
    assert decided(*layer, given, held) == FLOAT


@pytest.mark.parametrize(
    ("layer", "given", "held", "why"),
    [
        # No kernel of this operator quantizes its data.
        (SOLID, data(F), weight("INT8"), "CONV_3D works on FLOAT32 and INT8"),
        (CONV, data("FLOAT16"), weight("INT8"), "CONV_2D works on FLOAT16 and INT8"),
        (CONV, data("INT8"), weight(F), "CONV_2D works on INT8 and FLOAT32"),
        (CONV, data("INT8"), weight("INT8", ()), "INT8 and INT8 without scales"),
        (CONV, data(F), weight("type 99", ()), "FLOAT32 and type 99 without scales"),
        (CONV, data(F), dequantized(weight("INT8", ())), "and INT8 without scales"),
        (CONV, rounded(data(F)), weight(F), "UINT8 through DEQUANTIZE and FLOAT32"),
        (CONV, data(F), made_of(weight("INT8"), "CAST", F), "is not a stored constant"),
        (CONV, data(F), data(F), "is not a stored constant"),
        (CONV, data("INT8", ()), dequantized(weight("INT8")), "INT8 without scales and INT8 thr"),
        (FIRST, data("INT8", ()), dequantized(weight("INT8")), "INT8 without scales and INT8 thr"),
        (FIRST, rounded(data(F)), weight(F), "FULLY_CONNECTED works on UINT8 through DEQUANTIZE"),
        (("both", "BATCH_MATMUL"), data("INT8"), data(F), "works on INT8 and FLOAT32"),
        (("both", "BATCH_MATMUL"), data(F), rounded(data(F)), "UINT8 through DEQUANTIZE"),
        (("both", "BATCH_MATMUL"), data(F), data("INT32"), "INT32 without scales"),
    ],
)
def test_what_cannot_be_told(layer: tuple[str, str], given: Tensor, held: Tensor, why: str) -> None:
    shown = decided(*layer, given, held)
    assert isinstance(shown, str), shown
    assert why in shown


def test_operators_that_lack_an_input() -> None:
    for inputs in ([], [None], [data(F)], [data(F), None], [None, weight("INT8")]):
        for layer in (CONV, MATMUL, ("both", "BATCH_MATMUL")):
            assert isinstance(decided(*layer, *inputs), str)
    assert decided("maxpool", "MAX_POOL_2D") == FLOAT


def test_a_product_of_two_variables_has_formats() -> None:
    shown = decided("both", "BATCH_MATMUL", data("INT16"), data("UINT8", point=7), output="INT16")
    assert isinstance(shown, Decision)
    assert shown.formats == (DataFormat(0, 16, False), DataFormat(1, 8, True))
    alone = decided("batch_first", "FULLY_CONNECTED", data(F), dequantized(weight("INT8")))
    assert isinstance(alone, Decision)
    assert (alone.inputs, alone.formats) == ((0,), (DataFormat(0, 8, False),))


def test_a_layer_without_a_weight() -> None:
    pool = ("maxpool", "MAX_POOL_2D")
    full = decided(*pool, data("INT8"), output="INT8")
    assert isinstance(full, Decision)
    assert brief(full) == ((0,), False, None, None)
    assert decided(*pool, data(F)) == FLOAT
    assert decided(*pool, dequantized(data("INT8"))) == FLOAT
    for given, output in ((data("INT8"), F), (data(F), "INT8"), (rounded(data(F)), F)):
        assert isinstance(decided(*pool, given, output=output), str)
    assert isinstance(decided("add", "ADD", data("INT8"), data(F), output="INT8"), str)
    assert isinstance(decided("add", "ADD", data(F), dequantized(weight("INT8"))), str)
    assert decided("add", "ADD", data("INT32"), data("INT32"), output="INT32") == FLOAT
    # What makes no data may use no more than the shape.
    shown = decided("elu", "SHAPE", data("INT8"), output="INT32")
    assert shown == "SHAPE reads INT8, but makes no data"
    # The converter gave the layer an input that is not its own.
    wider = decided("elu", "MUL", data("INT8"), weight("INT8"), output="INT8")
    assert isinstance(wider, Decision)
    assert wider.inputs == (0,)
    # A type without a row whose operator has a weight: it was quantized, ports are not known.
    hybrid = decided("elu", "FULLY_CONNECTED", data(F), weight("INT8"))
    assert hybrid == Decision(
        weights=True,
        nonuniform=False,
        seen="FULLY_CONNECTED with an input of INT8 on data of FLOAT32",
    )


def graph_of(type_: str, *shapes: tuple[int, ...], constant: bool) -> Layer:
    """A layer of two inputs, of which the second may be constant."""
    built = GraphBuilder()
    first = built.input("float32", shapes[0])
    second = (
        built.constant(shapes[1], "float32", "") if constant else built.input("float32", shapes[1])
    )
    built.node(type_, [first, second], {"T": Dtype("float32")}, "made")
    return read_tensorflow(built.serialize()).layer("made")


@pytest.mark.parametrize(
    ("given", "held", "found"),
    [
        (data("INT8"), data("INT8"), ((0,), True, False, 8)),
        (data(F), data(F), FLOAT),
        (data(F), dequantized(data("INT8")), FLOAT),
        (data(F), rounded(data(F)), "FULLY_CONNECTED works on FLOAT32 and UINT8 through DEQUANT"),
        (data(F), data("INT8"), "FULLY_CONNECTED works on FLOAT32 and INT8"),
    ],
)
def test_a_weight_that_changes(given: Tensor, held: Tensor, found: object) -> None:
    layer = graph_of("MatMul", (4, 32), (32, 32), constant=False)
    shown = decide(layer, Operator("FULLY_CONNECTED", (given, held), ()), find_row(layer, SPEC))
    if isinstance(shown, str):
        assert isinstance(found, str)
        assert shown.startswith(found)
    else:
        assert found in (shown, brief(shown))


def test_rounding_that_the_given_graph_holds_is_not_a_decision() -> None:
    layer = read_tensorflow(float_graph(8)).layer("conv")
    given = Operator("CONV_2D", (data(F), rounded(weight(F))), ())
    shown = decide(layer, given, find_row(layer, SPEC))
    assert shown == "CONV_2D works on FLOAT32 and UINT8 through DEQUANTIZE"
    full = Operator("CONV_2D", (data("INT8"), weight("INT8")), ())
    assert brief(decide(layer, full, find_row(layer, SPEC))) == ((0,), True, True, 8)


def test_a_release_may_call_a_constant_data() -> None:
    layer = graph_of("BatchMatMulV2", (2, 4, 32), (2, 32, 32), constant=True)
    operator = Operator("BATCH_MATMUL", (data("INT8"), weight("INT8", (0.1,))), ())
    shown = [
        decide(layer, operator, find_row(layer, load_spec(release)))
        for release in ("cann-7.0.0", "amct-tensorflow-9.0.0.beta2")
    ]
    briefs = [brief(found) for found in shown if isinstance(found, Decision)]
    assert briefs == [((0,), True, False, 8), ((0, 1), False, None, None)]


def test_only_products_have_exchanged_inputs() -> None:
    """The first input of this type is a constant shape, and this weight comes from a loop."""
    built = GraphBuilder()
    sizes, kernel = (
        built.values("int32", (1, 8, 8, 16)),
        built.constant((2, 2, 16, 16), "float32", ""),
    )
    given = {"T": Dtype("float32")}
    merged = built.node("Merge", [kernel, kernel], given | {"N": 2})
    image = built.input("float32", (1, 4, 4, 16))
    built.node("Conv2DBackpropInput", [sizes, merged, image], given, "wider")
    layer = read_tensorflow(built.serialize()).layer("wider")
    operator = Operator("TRANSPOSE_CONV", (data("INT32"), weight("INT8"), data("INT8")), ())
    shown = decide(layer, operator, find_row(layer, SPEC))
    assert isinstance(shown, Decision)
    assert brief(shown) == ((2,), True, True, 8)


def test_operators_in_a_circle_end() -> None:
    tensor = data(F)
    tensor.fed = False
    tensor.producer = Operator("TRANSPOSE", (tensor,), (tensor,))
    assert isinstance(decided(*CONV, data(F), tensor), str)


# --- files that cannot be used --------------------------------------------------------------------


def test_files_that_are_something_else(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    with pytest.raises(OutputError, match=r"model\.tflite', which cannot be read \(No such file"):
        read_outcome(NETWORK, path)
    path.write_bytes(b"not a model")
    with pytest.raises(OutputError, match="which is not a model of TensorFlow Lite: return the"):
        read_outcome(NETWORK, path)
    with pytest.raises(OutputError, match="which cannot be read"):
        read_outcome(NETWORK, "a\0b.tflite")
    with pytest.raises(OutputError, match=r"a TensorFlow Lite model \(\.tflite\), or"):
        read_outcome(NETWORK, b"not a model")


def test_other_frameworks_have_no_such_form() -> None:
    message = "for a model of onnx return names of layers or a mapping"
    with pytest.raises(OutputError, match=message):
        read_outcome(read_onnx(float_model()), stored("int8"))


def test_decisions_need_the_float_model() -> None:
    with pytest.raises(UsageError, match="give the float model as second argument"):
        decisions_of(FORMS / "int8.tflite")
    with pytest.raises(UsageError, match="give the float model as second argument"):
        decisions_of(stored("int8"))


def test_without_the_package_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tflite", None)
    with pytest.raises(OutputError, match=r"not installed: pip install pytest-amct\[tflite]$"):
        read_outcome(NETWORK, stored("int8"))


# --- damaged files --------------------------------------------------------------------------------

CONVERTED = File(
    tensors=[
        ("x", "INT8", [0.1], [0]),
        ("w", "INT8", [0.1, 0.2], [0, 0]),
        ("conv", "INT8", [0.1], [0]),
        (None, "FLOAT32", [], []),
        ("elu", 99, [], []),
    ],
    operators=[("CONV_2D", [0, 1, -1], [2]), ("CUSTOM", [2], [3]), ("ELU", [3], [4])],
    inputs=[0],
)


ELUS = [*CONVERTED.tensors[:4], ("elu", "FLOAT32", [], [])]


def test_what_a_file_may_hold() -> None:
    """Operators of their own, tensors without a name, types and operators that are not known."""
    read = read_operators(CONVERTED.write())
    assert [operator.type for operator in read] == ["CONV_2D", "CUSTOM", "ELU"]
    outcome = read_outcome(NETWORK, CONVERTED.write())
    assert {name: brief(d) for name, d in by_name(outcome).items()} == {
        "conv": ((0,), True, True, 8)
    }
    assert {NETWORK.layers[i].name: why for i, why in outcome.untold.items()} == {
        "elu": "ELU works on FLOAT32 and type 99 without scales"
    }
    assert {NETWORK.layers[i].name for i in outcome.unmatched} >= {"bias", "add", "matmul"}


def test_a_variable_is_not_a_stored_constant() -> None:
    outcome = read_outcome(NETWORK, replace(CONVERTED, variables=["w"]).write())
    assert "the weight of CONV_2D is not a stored constant" in outcome.untold.values()


def test_layers_in_functions_are_not_those_of_the_graph() -> None:
    built = GraphBuilder()
    inner = built.nested()
    inner.node("Elu", ["x0"], {"T": Dtype("float32")}, "elu")
    called = built.function(["float32"], {"elu": "float32"}, inner)
    outer = built.node("Elu", [built.input("float32", (4, 4))], {"T": Dtype("float32")}, "elu")
    built.node(called, [outer], {}, "call")
    network = read_tensorflow(built.serialize())
    outcome = read_outcome(network, replace(CONVERTED, tensors=ELUS).write())
    assert [network.layers[i].name for i in outcome.unmatched] == ["call"]
    ((index, found),) = outcome.decisions.items()
    assert (network.layers[index].name, network.layers[index].where, found) == ("elu", "", FLOAT)


def test_only_the_first_subgraph_is_the_graph() -> None:
    twice = replace(CONVERTED, subgraphs=2).write()
    assert read_outcome(NETWORK, twice) == read_outcome(NETWORK, CONVERTED.write())


@pytest.mark.parametrize(
    "damaged",
    [
        replace(CONVERTED, subgraphs=0),
        replace(CONVERTED, operators=[("CONV_2D", [0, 5], [2])]),
        replace(CONVERTED, operators=[("CONV_2D", [0, -2], [2])]),
        replace(CONVERTED, operators=[("CONV_2D", [0, 1], [2]), (7, [0], [4])]),
        replace(CONVERTED, operators=[("CONV_2D", [0, 1], [2]), ("ELU", [0], [2])]),
        replace(CONVERTED, operators=[("CONV_2D", [1, 1], [0])]),
        replace(CONVERTED, inputs=[9]),
        # Each entry is the same tensor, so that a small file claims millions of numbers.
        replace(CONVERTED, tensors=[("x", "INT8", [0.1] * 5000, [])], times=5000),
    ],
)
def test_contradictions_are_one_sentence(damaged: File) -> None:
    with pytest.raises(OutputError, match=r"cannot be read \(.*\): return the file as the conv"):
        read_outcome(NETWORK, damaged.write())


def test_truncated_files_are_one_sentence() -> None:
    whole = stored("int8")
    for end in range(8, len(whole), 997):
        readable(whole[:end])


def readable(content: bytes) -> bool:
    """Whether a file is read; if it is not, it must be one sentence."""
    try:
        read_outcome(NETWORK, content)
    except OutputError as error:
        assert "\n" not in str(error)
        return False
    return True


def test_damaged_bytes_never_break_reading() -> None:
    drawn = random.Random(0)
    whole = CONVERTED.write()
    results = set()
    for _ in range(1500):
        content = bytearray(whole)
        for _ in range(drawn.choice((1, 1, 2, 8))):
            content[drawn.choice([*range(4), *range(8, len(whole))])] = drawn.choice(
                (0, 1, 4, 127, 128, 255, drawn.randrange(256))
            )
        results.add(readable(bytes(content)))
    assert results == {True, False}


def test_vectors_that_claim_any_length_end() -> None:
    whole = CONVERTED.write()
    results = set()
    for word in (0xFFFFFFFF, 0x7FFFFFFF, 0x40000000, 1 << 16, len(whole)):
        for at in [0, *range(8, len(whole) - 3, 4)]:
            damaged = whole[:at] + word.to_bytes(4, "little") + whole[at + 4 :]
            results.add(readable(damaged))
    assert results == {True, False}
