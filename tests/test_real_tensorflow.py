"""The reader and the schema against TensorFlow itself."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(find_spec("tensorflow") is None, reason="needs tensorflow")


def quietly(code: str) -> None:
    """Run Python code in a separate process: importing TensorFlow is slow and prints warnings."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    environment["PYTHONPATH"] = str(Path(__file__).parent / "tools")
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert run.returncode == 0, run.stderr[-3000:]


def test_the_schema_agrees_with_that_of_tensorflow() -> None:
    quietly(
        """
from tensorflow.core.protobuf import saved_model_pb2
from pytest_amct.graphs.tensorflow.schema import schema

def compare(ours, theirs, seen):
    if ours.full_name in seen:
        return
    seen.add(ours.full_name)
    assert ours.name == theirs.name or ours.full_name.count(".") == 1, ours.full_name
    for field in ours.fields:
        other = theirs.fields_by_number[field.number]
        assert (field.name, field.type) == (other.name, other.type)
        if field.message_type:
            compare(field.message_type, other.message_type, seen)
        if field.enum_type:
            values = {v.name: v.number for v in other.enum_type.values}
            assert {v.name: v.number for v in field.enum_type.values}.items() <= values.items()
    if ours.name not in ("SavedModel", "MetaGraphDef"):  # the text of a GraphDef is read strictly
        assert {f.name for f in theirs.fields} == {f.name for f in ours.fields}, ours.full_name

theirs = saved_model_pb2.SavedModel.DESCRIPTOR
compare(schema().SavedModel.DESCRIPTOR, theirs, set())
"""
    )


def test_tensorflow_imports_what_the_schema_writes() -> None:
    quietly(
        """
import tensorflow as tf
from tensorflow_graphs import *
S = {"strides": [1, 1, 1, 1], "padding": Text("SAME"), "T": "float32"}
pool = {**S, "ksize": [1, 2, 2, 1]}
inside = node("Conv2D", "conv", "a", "b", **S)
body = function("f", [inside], {"a": "float32", "b": "float32"}, {"r": "conv:output:0"})
types = {"Tin": ["float32"] * 2, "Tout": ["float32"]}
made = graph(
    fed("x", -1, 8, 8, 4), const("w", 3, 3, 4, 4), node("Identity", "i", "w", T="float32"),
    node("Conv2D", "c", "x", "i", "^w", dilations=[1, 2, 2, 1], **S),
    node("DepthwiseConv2dNative", "d", "c", "i", **S), ints("s", 1, 8, 8, 4),
    node("Conv2DBackpropInput", "e", "s", "i", "x", **S),
    node("AvgPool", "avg", "x", **pool), node("MaxPool", "max", "x", **pool),
    node("Add", "add", "avg", "max", T="float32"), const("m", 4, 4),
    node("BatchMatMulV2", "b", "x", "m", adj_y=True, T="float32"),
    fed("h", 2, 4, dtype="float16"), const("k", 4, 4, dtype="float16"),
    node("MatMul", "mm", "h", "k", transpose_b=True, T="float16"),
    node("PartitionedCall", "call", "x", "w", f=Func("f"), **types),
    functions=[body],
)
theirs = tf.compat.v1.GraphDef.FromString(made.SerializeToString())
with tf.Graph().as_default() as g:
    tf.import_graph_def(theirs, name="")
    assert g.get_tensor_by_name("b:0").shape.rank == 4
"""
    )


def test_a_frozen_keras_application_is_read() -> None:
    quietly(
        """
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
import pytest_amct
from pytest_amct.graphs import sources, walk
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
model = tf.keras.applications.MobileNetV2(weights=None, input_shape=(96, 96, 3), alpha=0.35)
call = tf.function(lambda x: model(x, training=False))
concrete = call.get_concrete_function(tf.TensorSpec([None, 96, 96, 3]))
network = read_tensorflow(convert_variables_to_constants_v2(concrete).graph.as_graph_def())
weighted = {"Conv2D": 35, "DepthwiseConv2dNative": 17, "MatMul": 1}
for type_, count in weighted.items():
    layers = [layer for layer in network.layers if layer.type == type_]
    assert len(layers) == count
    for layer in layers:
        assert layer.inputs[1].producer.type == "Identity"
        assert sources.source(layer.inputs[1]).kind == "constant"
        assert pytest_amct.answer(layer).verdict == "quantizable", layer
adds = [layer for layer in network.layers if layer.type == "AddV2"]
assert adds and {pytest_amct.answer(layer).verdict for layer in adds} == {"unspecified"}
assert walk.shape(network.layer("x").outputs[0]) == ("x.0", 96, 96, 3)
"""
    )


def test_a_saved_model_of_tensorflow_is_read(tmp_path: Path) -> None:
    quietly(
        f"""
import tensorflow as tf
import pytest_amct
from pytest_amct.graphs.tensorflow.reader import read_tensorflow

class Net(tf.Module):
    def __init__(self):
        self.w = tf.Variable(tf.random.normal((3, 3, 4, 4)))

    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 4))])
    def __call__(self, x):
        return tf.nn.conv2d(x, self.w, 1, "SAME")

tf.saved_model.save(Net(), {str(tmp_path)!r})
network = read_tensorflow({str(tmp_path)!r})
layers = [layer for layer in network.layers if layer.type == "Conv2D"]
assert layers and all(layer.where.startswith("function:") for layer in layers)
assert {{pytest_amct.answer(layer).verdict for layer in layers}} == {{"unspecified"}}
"""
    )
