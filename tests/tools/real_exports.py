"""Write models as TensorFlow 1, Keras 3 and ``tf.function`` leave them, with TensorFlow itself.

python tests/tools/real_exports.py FOLDER
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

v1 = tf.compat.v1


def write(folder: Path, name: str, graph: Any) -> None:
    """Write a graph in binary form and in text."""
    (folder / f"{name}.pb").write_bytes(graph.SerializeToString())
    (folder / f"{name}.pbtxt").write_text(text_format.MessageToString(graph))


# --- TensorFlow 1 --------------------------------------------------------------------------------


def variable(name: str, *shape: int) -> Any:
    return v1.get_variable(name, shape, initializer=v1.ones_initializer())


def normalized(x: Any, training: Any) -> Any:
    """Batch normalization of training or of inference, as a placeholder says."""
    scale, shift, mean, variance = (variable(n, 8) for n in ("scale", "shift", "mean", "variance"))

    def trained() -> Any:
        made, now, _ = v1.nn.fused_batch_norm(x, scale, shift)
        with tf.control_dependencies([mean.assign(mean * 0.9 + now * 0.1)]):
            return tf.identity(made)

    def inferred() -> Any:
        made, _, _ = v1.nn.fused_batch_norm(x, scale, shift, mean, variance, is_training=False)
        return tf.identity(made)

    return v1.cond(training, trained, inferred)


def first_generation(folder: Path, name: str, training: Callable[[], Any], resource: bool) -> None:
    """Write a net with Switch and Merge, as it is trained and frozen."""
    with tf.Graph().as_default() as graph, v1.variable_scope("net", use_resource=resource):
        v1.disable_control_flow_v2()
        flag = training()
        x = v1.placeholder(tf.float32, [None, 8, 8, 8], name="x")
        for block in ("first", "second"):
            with v1.variable_scope(block):
                x = tf.nn.conv2d(x, variable("weights", 3, 3, 8, 8), 1, "SAME", name="conv")
                x = tf.nn.relu(normalized(x, flag))
        branch = variable("branch", 1, 1, 8, 8)
        x = v1.cond(flag, lambda: tf.nn.conv2d(x, branch, 1, "SAME", name="within"), lambda: x)
        x = tf.nn.max_pool2d(tf.raw_ops.Add(x=x, y=x), 8, 8, "VALID", name="pool")
        dense = variable("dense", 8, 4)
        tf.matmul(tf.reshape(x, [-1, 8]), dense, name="out")
        write(folder, name, graph.as_graph_def())
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            frozen = v1.graph_util.convert_variables_to_constants(
                session, graph.as_graph_def(), ["net/out"]
            )
            builder = v1.saved_model.Builder(str(folder / f"{name}-saved"))
            builder.add_meta_graph_and_variables(session, ["serve"])
            builder.save(as_text=True)
        write(folder, f"{name}-frozen", frozen)
        v1.train.export_meta_graph(str(folder / f"{name}.meta"))


# --- Keras 3 -------------------------------------------------------------------------------------


def keras_model() -> Any:
    make = keras.layers
    given = x = keras.Input((16, 16, 8))
    x = make.ReLU()(make.BatchNormalization()(make.Conv2D(8, 3, padding="same")(x)))
    x = make.BatchNormalization()(make.DepthwiseConv2D(3, padding="same")(x))
    x = make.MaxPooling2D()(make.Add()([x, given]))
    x = make.Conv2DTranspose(8, 2, strides=2)(make.Dropout(0.5)(x))
    return keras.Model(given, make.Dense(4)(make.Flatten()(x)))


def exported(folder: Path) -> None:
    """Write a model of Keras as a SavedModel in both forms, and frozen from both sides."""
    model = keras_model()
    model.export(str(folder / "keras"))
    data = (folder / "keras" / "saved_model.pb").read_bytes()
    (folder / "keras-text").mkdir()
    text = text_format.MessageToString(saved_model_pb2.SavedModel.FromString(data))
    (folder / "keras-text" / "saved_model.pbtxt").write_text(text)
    called = tf.function(lambda x: model(x, training=False))
    concrete = called.get_concrete_function(tf.TensorSpec([None, 16, 16, 8]))
    loaded = tf.saved_model.load(str(folder / "keras"))  # the variables live as long as this
    signature = loaded.signatures["serving_default"]
    for name, function in (("keras-frozen", concrete), ("export-frozen", signature)):
        graph = convert_variables_to_constants_v2(function).graph.as_graph_def()
        graph.debug_info.files.append("net.py")
        graph.debug_info.frames_by_id[1].line = 12
        graph.debug_info.traces_by_id[2].frame_id.append(1)
        graph.debug_info.name_to_trace_id[graph.node[0].name] = 2
        write(folder, name, graph)


# --- functions -----------------------------------------------------------------------------------


def functions(folder: Path) -> None:
    """Write a graph whose layers are in the bodies of functions that it calls."""
    ones = np.ones((3, 3, 8, 8), np.float32)

    @tf.function(jit_compile=True)
    def within(x: Any) -> Any:
        x = tf.nn.conv2d(x, tf.constant(ones), 1, "SAME", name="fine")
        return tf.nn.conv2d(x, x[:3, :3, :, :] * tf.ones([1, 1, 1, 8]), 1, "SAME", name="dynamic")

    @tf.function
    def outer(x: Any) -> Any:
        x = tf.matmul(tf.reshape(within(x), [-1, 8]), ones[0, 0], transpose_b=True, name="flipped")
        return tf.while_loop(lambda *_: True, lambda y: (tf.matmul(y, ones[0, 0]),), [x])[0]

    @tf.function
    def twice(x: Any) -> Any:
        return outer(x) + outer(x + 1.0)

    concrete = twice.get_concrete_function(tf.TensorSpec([8, 8, 8, 8]))
    write(folder, "functions", concrete.graph.as_graph_def())


def main(folder: Path) -> None:
    first_generation(folder, "fed", lambda: v1.placeholder(tf.bool, [], name="flag"), False)
    first_generation(folder, "resource", lambda: v1.placeholder_with_default(False, []), True)
    first_generation(folder, "fixed", lambda: tf.constant(False), False)
    v1.enable_control_flow_v2()
    exported(folder)
    functions(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
