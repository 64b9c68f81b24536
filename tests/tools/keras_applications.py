"""Write applications of Keras with random weights, as Keras exports them and frozen.

python tests/tools/keras_applications.py FOLDER NAME...

Each network is written three times: ``NAME/`` as Keras exports it, ``NAME-frozen.pb`` with its
variables and its functions resolved, and ``NAME-variables.pb`` with its functions resolved alone.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

SIZES = {"InceptionV3": 75, "Xception": 71}
"""The smallest side of an image that an application takes, if it is not 32."""

SMALL = {"MobileNetV2": {"alpha": 0.35}, "MobileNet": {"alpha": 0.25}}
"""What makes an application small; the number of its layers stays as it is."""


def transformer() -> Any:
    """Return a block of a transformer: attention of four heads, and two layers with Gelu."""
    make = keras.layers
    given = keras.Input((16, 32))
    normal = make.LayerNormalization()(given)
    x = make.Add()([given, make.MultiHeadAttention(4, 8)(normal, normal)])
    within = make.Dense(64, activation="gelu")(make.LayerNormalization()(x))
    return keras.Model(given, make.Add()([x, make.Dense(32)(within)]))


def application(name: str) -> Any:
    """Return an application with random weights for small images, or `transformer`."""
    if name == "transformer":
        return transformer()
    side = SIZES.get(name, 32)
    make = getattr(keras.applications, name)
    given = {"classifier_activation": "softmax", **SMALL.get(name, {})}
    return make(weights=None, input_shape=(side, side, 3), classes=8, **given)


def main(folder: Path, names: list[str]) -> None:
    """Write the applications of these names."""
    for name in names:
        keras.utils.clear_session()  # names of layers count from one again
        model = application(name)
        model.export(str(folder / name), verbose=False)
        shutil.rmtree(folder / name / "variables")  # many megabytes that no reader opens
        called = tf.function(lambda x, model=model: model(x, training=False))
        concrete = called.get_concrete_function(tf.TensorSpec([None, *model.input_shape[1:]]))
        frozen = convert_variables_to_constants_v2(concrete).graph.as_graph_def()
        (folder / f"{name}-frozen.pb").write_bytes(frozen.SerializeToString())
        graph = concrete.graph.as_graph_def()
        (folder / f"{name}-variables.pb").write_bytes(graph.SerializeToString())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
