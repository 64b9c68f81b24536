"""A stand-in for AMCT (TensorFlow): see standin.py. It works with TensorFlow and its stand-in."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import standin
import tensorflow

from pytest_amct.graphs.network import Network
from pytest_amct.graphs.tensorflow.reader import read_tensorflow

_jobs: dict[str, standin.Job] = {}


def create_quant_config(
    config_file: Any,
    graph: Any,
    skip_layers: Any = None,
    batch_num: Any = 1,
    activation_offset: Any = True,
    config_defination: Any = None,
) -> None:
    """Write the configuration of a graph."""
    standin.a_place(config_file=config_file)
    asked = standin.asked_for(
        "tensorflow", skip_layers, batch_num, activation_offset, config_defination
    )
    standin.write_config(_network(graph), asked, config_file)


def quantize_model(
    graph: Any, config_file: Any, record_file: Any, calib_outputs: Any = None
) -> list[Any]:
    """Change the graph, and with it the list of its outputs; return the added variables."""
    standin.a_file(config_file=config_file)
    standin.a_place(record_file=record_file)
    if not isinstance(calib_outputs, list):
        raise TypeError(f"calib_outputs: must be a list, not {calib_outputs!r}")
    job = standin.Job.start(_network(graph), config_file, record_file)
    _jobs[record_file] = job

    def search_n(value: Any) -> Any:
        job.ran()
        return value

    with graph.as_default():
        last = graph.get_tensor_by_name(f"{calib_outputs[0]}:0")
        ended = tensorflow.numpy_function(search_n, [last], last.dtype, name="search_n_quant")
        calib_outputs[0] = ended.op.name
    return []


def save_model(pb_model: Any, outputs: Any, record_file: Any, save_path: Any) -> None:
    """Write the quantized graph and the map of its nodes."""
    standin.a_file(pb_model=pb_model, record_file=record_file)
    standin.a_place(save_path=save_path)
    job = _jobs.pop(record_file)
    known = {layer.name for layer in job.network.layers}
    if not isinstance(outputs, list) or not known.issuperset(outputs):
        raise ValueError(f"outputs: must be a list of operators of the graph, not {outputs!r}")
    job.finish(record_file)
    shutil.copyfile(pb_model, f"{save_path}_quantized.pb")
    Path(f"{save_path}_quant.json").write_text("{}")


def _network(graph: Any) -> Network:
    if not isinstance(graph, tensorflow.Graph):
        raise TypeError(f"graph: must be a tf.Graph, not {graph!r}")
    return read_tensorflow(graph.as_graph_def().SerializeToString())
