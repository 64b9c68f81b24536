"""The light models that the onnx package brings along: whole networks whose weights are not stored.

Their weights come from ConstantOfShape, so that the files are small.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper, version_converter

FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


def light(name: str) -> Path:
    """Return the file of a network, for example ``resnet50``."""
    return FOLDER / f"light_{name}.onnx"


def filled(name: str) -> onnx.ModelProto:
    """Return a network of opset 13 with stored weights, seeded and all different.

    nncf takes nothing older than opset 10, and no weight that an operator makes.
    """
    model = version_converter.convert_version(onnx.load(light(name)), 13)
    graph, rng = model.graph, np.random.default_rng(0)
    stored = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "ConstantOfShape"]:
        graph.node.remove(node)
        shape = stored[node.input[0]]
        values = rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape)
        if len(shape) == 1:  # a variance is positive
            values = np.abs(values)
        tensor = numpy_helper.from_array(values.astype(np.float32), node.output[0])
        graph.initializer.append(tensor)
    # In files this old, every stored tensor is listed as an input, too.
    fed = [given for given in graph.input if given.name not in stored]
    del graph.input[:]
    graph.input.extend(fed)
    model.ir_version = 8
    return model
