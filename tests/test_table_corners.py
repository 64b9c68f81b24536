"""Answers that no generated model covers: unusual tables, and values that cannot be followed."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow_graphs as tf
from own_tables import one_row
from tiny_models import gemm, parsed

from pytest_amct import SpecError, Treatment, answer, load_spec, read_onnx
from pytest_amct.graphs.network import Network
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.tables.model import Reason

SPEC = load_spec()

OWN = one_row('{ index = 2, attribute = "sizes", equals = 1, default = 1 }')


# --- tables ---------------------------------------------------------------------------------------


def test_a_missing_entry_is_unspecified(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    own = load_spec(str(path))
    assert answer(gemm("sizes = [1, 1, 1]"), spec=own).verdict == "quantizable"
    assert answer(gemm("sizes = [1, 1, 2]"), spec=own).verdict == "forbidden"
    assert answer(gemm("sizes = [1, 1]"), spec=own).verdict == "unspecified"


def test_a_scheme_without_a_table_is_unspecified(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    found = answer(gemm(), Treatment("nonuniform"), load_spec(str(path)))
    assert (found.verdict, found.row) == ("unspecified", None)
    assert found.reasons[0].observed == "no table of this release judges nonuniform"


def test_a_malformed_row_and_an_unknown_row_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("row = [3]\n" + OWN.partition("[[row]]")[0])
    with pytest.raises(SpecError, match="must be a table"):
        load_spec(str(path))
    with pytest.raises(KeyError, match="uniform/onnx/Gem"):
        SPEC.row("uniform/onnx/Gem")


def test_an_answer_does_not_equal_its_verdict() -> None:
    assert answer(gemm()) != "quantizable"


def test_layers_without_the_inputs_of_their_row_are_unspecified() -> None:
    x = tf.fed("x", 1, 8, 8, 4)
    conv = {"T": "float32", "strides": [1, 1, 1, 1], "padding": tf.Text("SAME")}
    network = read_tensorflow(
        tf.graph(
            x,
            tf.node("Conv2D", "no_weight", "x", **conv),
            tf.node("BatchMatMulV2", "no_second", "x", T="float32"),
            tf.const("f", 3, 3, 4, 4),
            tf.ints("s", 1, 8, 8, 4),
            tf.node("Conv2DBackpropInput", "short", "s", "f", "x", **conv, dilations=[2, 2]),
        )
    )
    for name in ("no_weight", "no_second", "short"):
        assert answer(network.layer(name)).verdict == "unspecified", name
    for release in ("cann-6.3.RC1", "cann-8.0.RC1", "amct-tensorflow-9.0.0.beta2"):
        for name in ("no_weight", "no_second"):
            found = answer(network.layer(name), spec=load_spec(release))
            assert found.verdict == "unspecified", (name, release)


def test_dilations_passed_to_a_function_are_unknown() -> None:
    conv = {"T": "float32", "strides": [1, 1, 1, 1], "padding": tf.Text("SAME")}
    body = [
        tf.const("f", 3, 3, 4, 4),
        tf.ints("s", 1, 8, 8, 4),
        tf.node(
            "Conv2DBackpropInput",
            "c",
            "s:output:0",
            "f:output:0",
            "a",
            **conv,
            dilations=tf.Param("d"),
        ),
    ]
    made = tf.function("b", body, {"a": "float32"}, {"r": "c:output:0"})
    network = read_tensorflow(tf.graph(tf.fed("x", 1, 8, 8, 4), functions=[made]))
    (layer,) = [x for x in network.layers if x.type == "Conv2DBackpropInput"]
    seen = {r.condition.rpartition("/")[2]: r for r in answer(layer).reasons}["dilation"]
    assert (seen.state, seen.observed) == ("unknown", "dilations is a parameter of the function")


# --- the walk -------------------------------------------------------------------------------------


def test_a_weight_in_a_partly_known_shape_is_not_quantizable() -> None:
    text = "(float[4, 32] x, float[2, 2] z) => (float[4, 32] y) <float[32, 32] w = {}>"
    body = """{ u = Unknown (z)  s = Shape (u)  c = Cast <to = 1> (s)  r = Reshape (w, c)
        [n] y = Gemm (x, r) }"""
    layer = read_onnx(parsed(f"g {text} {body}".replace("Unknown (z)", "local.Some (z)"))).layer(
        "n"
    )
    assert answer(layer).verdict in ("unspecified", "forbidden")


def weight_source(network: Network) -> Reason:
    """The reason about the weight of the layer called ``n``."""
    (layer,) = [x for x in network.layers if x.name == "n"]
    (seen,) = [r for r in answer(layer).reasons if r.condition.endswith("/weight_source")]
    return seen


@pytest.mark.parametrize(
    ("taken", "observed"),
    [("u", "which has an unknown dimension"), ("", "whose shape is unknown")],
)
def test_a_weight_made_of_a_partly_known_shape_has_an_unknown_source(
    taken: str, observed: str
) -> None:
    text = "(float[4, 32] x, float[2, 2] z) => (float[4, 32] y) <float[32, 32] w = {}>"
    body = "u = NonZero (z)  s = Shape (u)  c = Cast <to = 1> (s)  r = Add (w, c)"
    model = parsed(f"g {text} {{ {body}  [n] y = Gemm (x, r) }}")
    model.graph.node[1].input[0] = taken
    seen = weight_source(read_onnx(model))
    assert seen.state == "unknown"
    assert observed in seen.observed


def test_one_constant_passed_as_two_parameters_is_constant() -> None:
    main = (
        "g (float[4, 32] x) => (float[4, 32] y) <float[32, 32] w = {}> { y = local.outer (x, w) }"
    )
    head = '<domain: "local", opset_import: ["" : 21, "local" : 1]>'
    outer = f"{head} outer (a, b) => (c) {{ c = local.inner (a, b, b) }}"
    inner = f"{head} inner (d, e, f) => (h) {{ k = Add (e, f)  [n] h = Gemm (d, k) }}"
    seen = weight_source(read_onnx(parsed(f"{main} {outer} {inner}")))
    assert seen.state == "holds", seen.observed


def test_a_weight_from_a_missing_output_of_a_function_has_an_unknown_source() -> None:
    made = tf.function("f", [], {"a": "float32"}, {"r": "nobody:output:0"})
    taken = tf.node("MatMul", "n", "x", "w", T="float32")
    call = tf.node("f", "w", "x")
    network = read_tensorflow(tf.graph(tf.fed("x", 4, 4), call, taken, functions=[made]))
    seen = weight_source(network)
    assert seen.state == "unknown"
    assert "the result of" in seen.observed


def test_a_weight_in_a_function_without_calls_has_an_unknown_source() -> None:
    main = "g (float[4, 32] x) => (float[4, 32] y) { y = Sin (x) }"
    function = '<domain: "local", opset_import: ["" : 21]> f (a, b) => (c) { [n] c = Gemm (a, b) }'
    layer = read_onnx(parsed(f"{main} {function}")).layer("n")
    found = {r.condition: r for r in answer(layer).reasons}
    source = found["uniform/onnx/Gemm/weight_source"]
    assert source.state == "unknown"
    assert "a function that nothing calls" in source.observed
