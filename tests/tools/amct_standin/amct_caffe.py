"""A stand-in for AMCT (Caffe): see standin.py."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import caffe
import standin

from pytest_amct.graphs.caffe.reader import read_caffe
from pytest_amct.graphs.network import Network


class Graph:
    """What init makes of a net."""

    def __init__(self, job: standin.Job, model_file: str, weights_file: str) -> None:
        self.job, self.files, self.changed = job, (model_file, weights_file), False


def create_quant_config(
    config_file: Any,
    model_file: Any,
    weights_file: Any,
    skip_layers: Any = None,
    batch_num: Any = 1,
    activation_offset: Any = True,
    config_defination: Any = None,
) -> None:
    """Write the configuration of a net."""
    standin.a_place(config_file=config_file)
    asked = standin.asked_for("caffe", skip_layers, batch_num, activation_offset, config_defination)
    standin.write_config(_network(model_file, weights_file), asked, config_file)


def init(
    config_file: Any, model_file: Any, weights_file: Any, scale_offset_record_file: Any
) -> Graph:
    """Return the graph of a net, and make an empty record."""
    standin.a_file(config_file=config_file)
    standin.a_place(scale_offset_record_file=scale_offset_record_file)
    network = _network(model_file, weights_file)
    job = standin.Job.start(network, config_file, scale_offset_record_file)
    return Graph(job, model_file, weights_file)


def quantize_model(graph: Any, modified_model_file: Any, modified_weights_file: Any) -> None:
    """Write the net to calibrate."""
    _check(graph)
    standin.a_place(
        modified_model_file=modified_model_file, modified_weights_file=modified_weights_file
    )
    for path, to in zip(graph.files, (modified_model_file, modified_weights_file), strict=True):
        shutil.copyfile(path, to)
    caffe.ran[modified_model_file] = graph.job.ran
    graph.changed = True


def save_model(graph: Any, save_type: Any, save_path: Any) -> None:
    """Write the net to deploy, the one to simulate accuracy, and the map of their nodes."""
    _check(graph)
    if save_type not in ("Fakequant", "Deploy", "Both") or not graph.changed:
        raise ValueError(f"save_type: {save_type!r}, or quantize_model was not called")
    standin.a_place(save_path=save_path)
    graph.job.finish(graph.job.record_file)
    kinds = {"Fakequant": ["fake_quant"], "Deploy": ["deploy"], "Both": ["fake_quant", "deploy"]}
    for kind in kinds[save_type]:
        for path, end in zip(graph.files, ("model.prototxt", "weights.caffemodel"), strict=True):
            shutil.copyfile(path, f"{save_path}_{kind}_{end}")
    Path(f"{save_path}_quant.json").write_text("{}")


def _check(graph: Any) -> None:
    if not isinstance(graph, Graph):
        raise TypeError(f"graph: must be what init returned, not {graph!r}")


def _network(model_file: Any, weights_file: Any) -> Network:
    standin.a_file(model_file=model_file, weights_file=weights_file)
    return read_caffe(Path(model_file).read_text(), Path(weights_file).read_bytes())
