"""Models and texts made to break their reader; `fuzz_models.py` searches for more."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper
from tiny_models import FLOAT, INT64, graph, model, node, numbers, stored

import pytest_amct
from pytest_amct.api import decisions_of
from pytest_amct.decisions.read import read_outcome
from pytest_amct.graphs import sources, walk
from pytest_amct.graphs.onnx.growth import grows
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.graphs.text import network_text

CONV = node("Conv", ["x", "w"], ["y"], name="conv")
WEIGHT = (4, 4, 3, 3)
LONG = "n" * (1 << 20)


@contextmanager
def soon(seconds: float = 5.0) -> Iterator[None]:
    """Check that the body takes little processor time; a failure of these tests never ends."""
    begun = time.process_time()
    yield
    assert time.process_time() - begun < seconds


def _asked(proto: ModelProto) -> list[str]:
    network = read_onnx(proto)
    for tensors in network.scopes:
        for tensor in tensors.values():
            walk.shape(tensor), walk.dtype(tensor), sources.source(tensor)
    return [pytest_amct.answer(layer).verdict for layer in network.layers]


# --- names ----------------------------------------------------------------------------------------


def _function(name: str) -> Any:
    inside = [node("Relu", ["a"], ["r"])]
    return helper.make_function("local", name, ["a"], ["r"], inside, [helper.make_opsetid("", 21)])


def _with_info(name: str, *dims: Any) -> ModelProto:
    made = model(CONV, w=WEIGHT)
    made.graph.value_info.append(helper.make_tensor_value_info(name, FLOAT, dims))
    return made


NAMED: dict[str, Callable[[], ModelProto]] = {
    "layer": lambda: model(node("Conv", ["x", "w"], ["y"], name="NAME"), w=WEIGHT),
    "type": lambda: model(node("NAME", ["x", "w"], ["y"]), w=WEIGHT),
    "domain": lambda: model(node("Conv", ["x", "w"], ["y"], domain="NAME"), w=WEIGHT),
    "input": lambda: model(node("Conv", ["x", "NAME"], ["y"])),
    "output": lambda: model(node("Conv", ["x", "w"], ["NAME"]), w=WEIGHT),
    "attribute": lambda: model(node("Conv", ["x", "w"], ["y"], NAME=1), w=WEIGHT),
    "weight": lambda: model(CONV, NAME=WEIGHT),
    "description": lambda: _with_info("NAME"),
    "dimension": lambda: _with_info("v", "NAME"),
    "function": lambda: model(CONV, w=WEIGHT, functions=[_function("NAME")]),
    "nested": lambda: model(
        node("If", ["c"], ["r"], then_branch=graph(node("Relu", ["x"], ["NAME"]), result="NAME"))
    ),
}


@pytest.mark.parametrize("make", NAMED.values(), ids=NAMED)
def test_names_that_are_not_utf_8_are_refused(make: Callable[[], ModelProto]) -> None:
    """protobuf returns bytes for them, and Python cannot join bytes with text."""
    data = make().SerializeToString().replace(b"NAME", b"N\xffME")
    with pytest.raises(pytest_amct.ModelError, match=r"^the upload: the name .* not UTF-8"):
        read_onnx(data, "the upload")


def test_names_cannot_write_lines_or_commands_into_a_report() -> None:
    evil = "a\nFAILED everything\x1b[2J\u202e"
    network = read_onnx(model(node(evil, ["x"], [evil], name=evil, **{evil: 1}), outputs=[evil]))
    for text in (str(network.layers[0]), *network_text(network).split("\n")):
        assert text.isprintable()
    assert len(network_text(network).split("\n")) == 2


def test_long_names_make_no_long_messages() -> None:
    plain = model(CONV, w=WEIGHT)
    wrong = model(CONV, w=WEIGHT, outputs=["y", LONG])
    longer = model(node("Conv", ["x", LONG], ["y"]))
    given: list[tuple[ModelProto, Any]] = [(wrong, plain), (plain, longer), (plain, [LONG])]
    given += [(plain, pytest_amct.read_config(json.dumps({LONG: {"quant_enable": True}})))]
    for original, result in given:
        with soon(), pytest.raises(pytest_amct.OutputError) as caught:
            read_outcome(read_onnx(original), result)
        assert len(str(caught.value)) < 1000
    assert len(network_text(read_onnx(longer))) < 5000


# --- models that onnx's inference cannot take -----------------------------------------------------


def _chain(type_: str, length: int, reads: int = 2, **attributes: Any) -> ModelProto:
    """Each node reads the one before it, `reads` times."""
    nodes = [node("Shape", ["x"], ["t0"])]
    for i in range(length):
        nodes.append(node(type_, [f"t{i}"] * reads, [f"t{i + 1}"], **attributes))
    made = node("ConstantOfShape", [f"t{length}"], ["v"])
    return model(*nodes, made, node("Gemm", ["x", "v"], ["y"]))


def _many_dims(length: int) -> ModelProto:
    nodes = [node("Relu", [f"t{i}"], [f"t{i + 1}"]) for i in range(length)]
    return model(*nodes, x=None, inputs={"t0": (FLOAT, [1] * length)}, outputs=[f"t{length}"])


def _in_function(type_: str, length: int) -> ModelProto:
    names = ["a", *(f"t{i}" for i in range(length))]
    nodes = [node(type_, [names[i]] * 2, [names[i + 1]]) for i in range(length)]
    imports = [helper.make_opsetid("", 21)]
    body = helper.make_function("local", "F", ["a"], [names[-1]], nodes, imports)
    call = node("F", ["i"], ["y"], domain="local")
    return model(call, inputs={"i": (INT64, (2, 2))}, functions=[body])


def _in_branch(type_: str, length: int) -> ModelProto:
    nodes = [node(type_, [f"t{i}"] * 2, [f"t{i + 1}"]) for i in range(length)]
    branch = graph(*nodes, result=f"t{length}")
    choice = node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    return model(choice, inputs={"t0": (INT64, (2, 2)), "c": (TensorProto.BOOL, ())})


GROWING: dict[str, Callable[[], ModelProto]] = {
    "ranks": lambda: model(
        *(node("Gather", [f"t{i}"] * 2, [f"t{i + 1}"]) for i in range(45)),
        node("Gemm", ["x", "t45"], ["y"]),
        inputs={"t0": (INT64, (2, 2))},
    ),
    "ranks in a function": lambda: _in_function("Gather", 45),
    "ranks in a branch": lambda: _in_branch("Gather", 45),
    "shape vectors": lambda: _chain("Concat", 45, axis=0),
    "types": lambda: _chain("Optional", 20_000, reads=1),
    "many dimensions": lambda: _many_dims(3000),
    "a shape of a length that is declared": lambda: model(
        node("ConstantOfShape", ["s"], ["v"]),
        node("Gemm", ["x", "v"], ["y"]),
        inputs={"s": (INT64, [2**40])},
    ),
}


@pytest.mark.parametrize("make", GROWING.values(), ids=GROWING)
def test_models_that_grow_are_not_given_to_onnx(
    make: Callable[[], ModelProto], monkeypatch: pytest.MonkeyPatch
) -> None:
    proto = make()
    assert grows(proto)

    def infer(given: ModelProto, **_: Any) -> ModelProto:
        assert not grows(given)
        return given

    monkeypatch.setattr(onnx.shape_inference, "infer_shapes", infer)
    with soon():
        assert set(_asked(proto)) <= {"quantizable", "forbidden", "unspecified"}


def test_dense_networks_do_not_grow() -> None:
    """Each layer reads all earlier ones, as in DenseNet; shapes do not become longer."""
    nodes = []
    for i in range(60):
        nodes.append(node("Conv", [f"t{i}", f"w{i}"], [f"c{i}"]))
        nodes.append(node("Concat", [f"t{i}", f"c{i}"], [f"t{i + 1}"], axis=1))
    weights = {f"w{i}": (1, i + 1, 1, 1) for i in range(60)}
    given: dict[str, Any] = {"inputs": {"t0": (FLOAT, (1, 1, 8, 8))}, "outputs": ["t60"]}
    proto = model(*nodes, **given, **weights)
    assert not grows(proto)
    assert walk.shape(read_onnx(proto).outputs[0]) == (1, 61, 8, 8)


def test_long_tables_of_integers_do_not_grow() -> None:
    table = TensorProto(name="t", dims=[2**32], data_type=INT64)
    looked_up = [node("Gather", ["t", "i"], ["v"]), node("Cast", ["v"], ["y"], to=FLOAT)]
    assert not grows(model(*looked_up, inputs={"i": (INT64, (1, 8))}, constants=[table]))


def test_onnx_s_own_networks_do_not_grow() -> None:
    folder = Path(str(onnx.__file__)).parent / "backend" / "test" / "data" / "light"
    paths = sorted(folder.glob("*.onnx"))
    assert paths
    assert not [path.name for path in paths if grows(onnx.load(path))]


def test_huge_versions_are_read() -> None:
    for version in (2**62, -(2**62), 2**31):
        assert _asked(model(CONV, w=WEIGHT, opset=version)) == ["quantizable"]


# --- cost -----------------------------------------------------------------------------------------


def _sums_of_constants(length: int) -> ModelProto:
    nodes = [node("Add", [f"t{i}", f"w{i}"], [f"t{i + 1}"]) for i in range(length)]
    nodes += [node("MatMul", ["x", f"t{i}"], [f"y{i}"]) for i in range(length)]
    kept = [stored("t0", (2, 2)), *(stored(f"w{i}", (2, 2)) for i in range(length))]
    return model(*nodes, x=(2, 2), constants=kept, outputs=[])


def _many_outputs(length: int) -> ModelProto:
    return model(node("Split", ["x"], [f"y{i}" for i in range(length)]), outputs=[])


def _many_attributes(length: int) -> ModelProto:
    return model(node("Conv", ["x", "w"], ["y"], **{f"a{i}": i for i in range(length)}), w=WEIGHT)


def _attributes_of_calls(length: int) -> ModelProto:
    names = [f"a{i}" for i in range(length)]
    inside = [node("Relu", ["a"], ["r"])]
    imports = [helper.make_opsetid("", 21)]
    body = helper.make_function("local", "F", ["a"], ["r"], inside, imports, names)
    calls = [node("F", ["x"], [f"y{i}"], domain="local") for i in range(length)]
    return model(*calls, functions=[body], outputs=[])


def _doubling_functions(length: int) -> ModelProto:
    """The number of nodes after inlining has thousands of digits."""
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
    functions = [_function("F0")]
    for i in range(1, length):
        calls = [node(f"F{i - 1}", [a], [r], domain="local") for a, r in (("a", "b"), ("b", "r"))]
        functions.append(helper.make_function("local", f"F{i}", ["a"], ["r"], calls, imports))
    return model(node(f"F{length - 1}", ["x"], ["y"], domain="local"), functions=functions)


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        _sums_of_constants,
        _many_outputs,
        _many_attributes,
        _attributes_of_calls,
        _doubling_functions,
    ],
)
def test_cost_is_linear_in_length(make: Callable[[int], ModelProto]) -> None:
    proto = make(5_000)
    with soon(10):
        _asked(proto)
        assert len(network_text(read_onnx(proto))) < 1 << 17


# --- quantized models -----------------------------------------------------------------------------


def _quantized(weight: TensorProto, scale: TensorProto, zero: TensorProto) -> ModelProto:
    undone = node("DequantizeLinear", [weight.name, scale.name, zero.name], ["d"])
    return model(
        undone, node("Conv", ["x", "d"], ["y"], name="conv"), constants=[weight, scale, zero]
    )


def _numbers(name: str, array: Any) -> TensorProto:
    return onnx.numpy_helper.from_array(np.asarray(array), name)


BYTES = _numbers("w_quantized", np.ones(WEIGHT, np.int8))
ZERO = _numbers("z", np.zeros((), np.int8))
SCALES: dict[str, TensorProto] = {
    "no number": _numbers("s", np.float32(np.nan)),
    "infinite": _numbers("s", np.full(4, np.inf, np.float32)),
    "greatest": _numbers("s", np.float32(3e38)),
    "of another size": _numbers("s", np.ones(3, np.float32)),
    "empty": _numbers("s", np.ones(0, np.float32)),
    "text": helper.make_tensor("s", TensorProto.STRING, [1], [b"\xff"]),
    "without data": TensorProto(name="s", dims=[4], data_type=FLOAT),
    "of a negative size": TensorProto(name="s", dims=[-4], data_type=FLOAT),
    "of ten thousand dimensions": TensorProto(name="s", dims=[2**62] * 10_000, data_type=FLOAT),
    "of no type": TensorProto(name="s", dims=[1], data_type=99, raw_data=b"\0" * 4),
}


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_invalid_scales_show_nothing(scale: TensorProto) -> None:
    original = read_onnx(model(CONV, w=WEIGHT))
    for zero in (ZERO, helper.make_tensor("z", TensorProto.STRING, [1], [b"x"])):
        with soon():
            outcome = read_outcome(original, _quantized(BYTES, scale, zero))
        assert outcome.status == "decided"


def test_not_every_permutation_of_a_weight_is_tried() -> None:
    """Sixteen dimensions have too many permutations to try."""
    dims = [2] * 16
    before = model(node("Conv", ["x", "w"], ["y"], name="a"), constants=[_ramp("w", dims, 1)])
    after = model(node("Conv", ["x", "v"], ["y2"], name="b"), constants=[_ramp("v", dims, 1.001)])
    after.graph.output[0].name = "y"
    after.graph.node.append(node("Identity", ["y2"], ["y"]))
    with soon():
        read_outcome(read_onnx(before), after)


def _ramp(name: str, dims: list[int], factor: float) -> TensorProto:
    return _numbers(name, np.linspace(1, 2, 2**16, dtype=np.float32).reshape(dims) * factor)


@pytest.mark.parametrize(
    "type_",
    ["QuantizeLinear", "DequantizeLinear", "AscendQuant", "QLinearConv", "MatMulNBits", "QGemm"],
)
def test_helpers_without_inputs_or_outputs_are_read(type_: str) -> None:
    original = read_onnx(model(CONV, w=WEIGHT))
    for bare in (node(type_, [], ["q"]), node(type_, ["x"], []), node(type_, [], [])):
        proto = model(bare, CONV, w=WEIGHT)
        assert read_outcome(original, proto).status == "decided"
        decisions_of(proto)


def test_a_constant_in_a_function_may_have_no_output() -> None:
    idle = node("Constant", [], [], value=numbers("", [1]))
    imports = [helper.make_opsetid("", 21)]
    body = helper.make_function("local", "F", ["a"], ["a"], [idle], imports)
    assert _asked(model(node("F", ["x"], ["y"], domain="local"), functions=[body]))


# --- texts ----------------------------------------------------------------------------------------

DEEP = "[" * 900 + "]" * 900
CONFIGS = {
    "a port of thousands of digits": json.dumps({f"conv:{'9' * 5000}": {"quant_enable": True}}),
    "half a character": '{"\\ud800\\n": 3}',
    "a deep value": f'{{"conv": {{"quant_enable": {DEEP}}}}}',
    "a deeper value": "[" * 100_000,
    "a long number": f'{{"conv": {"9" * 10_000}}}',
    "a long string": json.dumps({"conv": {"quant_enable": LONG}}),
    "a key twice among many": json.dumps({f"k{i}": 0 for i in range(50_000)})[:-1]
    + ', "k49999": 1}',
}


@pytest.mark.parametrize("text", CONFIGS.values(), ids=CONFIGS)
def test_hostile_configurations_are_refused_in_one_short_line(text: str) -> None:
    with soon(), pytest.raises(pytest_amct.OutputError) as caught:
        read_outcome(read_onnx(model(CONV, w=WEIGHT)), pytest_amct.read_config(text))
    _is_short(str(caught.value))


RECORDS = {
    "a port of thousands of digits": f'record {{ key: "conv:{"9" * 5000}" value {{ scale_d: 1 }}}}',
    "a key that is not text": 'record { key: "\\377" value { scale_d: 1 } }',
    "a key of two lines": 'record { key: "a\\nb" value { scale_d: 1 } }',
    "deep nesting": "record { a {" + " b {" * 50_000,
    "a long key": f'record {{ key: "{LONG}" value {{ scale_d: 1 }} }}',
    "a long key twice": f'record {{ key: "{LONG}" }}' * 2,
    "a long word": LONG,
}


@pytest.mark.parametrize("text", RECORDS.values(), ids=RECORDS)
def test_hostile_records_are_refused_in_one_short_line(text: str) -> None:
    with soon(), pytest.raises(pytest_amct.OutputError) as caught:
        read_outcome(read_onnx(model(CONV, w=WEIGHT)), pytest_amct.read_record(text))
    _is_short(str(caught.value))


def _is_short(message: str) -> None:
    assert message.isprintable()
    assert len(message) < 1000


# --- fuzz -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_little_fuzz_finds_nothing(tmp_path: Path) -> None:
    """A longer run: ``python tests/tools/fuzz_models.py --minutes 5``."""
    pytest.importorskip("resource", reason="the limits of a child process need a POSIX system")
    from fuzz_models import Fuzz, real_files

    (tmp_path / "home").mkdir()
    fuzz = Fuzz(real_files(quick=True), 20, tmp_path / "home", tmp_path / "kept")
    fuzz.run(time.monotonic() + 120, most=60)
    assert fuzz.failures == []
    assert fuzz.count == 60
    assert fuzz.kinds["read"] > 20
