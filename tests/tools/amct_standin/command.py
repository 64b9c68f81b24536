"""A stand-in for AMCT's command line: ``amct_FRAMEWORK calibration ...``, see standin.py."""

from __future__ import annotations

import argparse
import importlib
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import standin

MAIN = {"onnx": ".onnx", "tensorflow": ".pb", "caffe": ".prototxt"}


def main(framework: str, words: list[str]) -> None:
    """Run a command. A wrong one ends with a message, and without a result."""
    given = _parse(framework, words)
    names, shapes = _input_shape(given.input_shape)
    types = given.data_types.split(";")
    folders = given.data_dir.split(";")
    if not len(names) == len(types) == len(folders):
        raise SystemExit("--input_shape, --data_types and --data_dir name different numbers")
    sizes = [math.prod(s) * np.dtype(t).itemsize for s, t in zip(shapes, types, strict=True)]
    asked = standin.asked_for(framework, None, 1, True, given.calibration_config)
    standin.each_batch(sizes, folders, asked.batch_num)
    Path(given.save_path).parent.mkdir(parents=True, exist_ok=True)
    home = standin.command_folder()
    _HOW[framework](given, home, names, asked.batch_num)


def _parse(framework: str, words: list[str]) -> argparse.Namespace:
    program = argparse.ArgumentParser(prog=f"amct_{framework}", allow_abbrev=False)
    commands = program.add_subparsers(required=True)
    parser = commands.add_parser("calibration", allow_abbrev=False)
    required = ["model", "save_path", "input_shape", "data_dir", "data_types"]
    required += {"caffe": ["weights"], "tensorflow": ["outputs"]}.get(framework, [])
    for name in required:
        parser.add_argument(f"--{name}", required=True)
    # Only one of the two may be given.
    one = parser.add_mutually_exclusive_group(required=True)
    one.add_argument("--calibration_config")
    one.add_argument("--batch_num", type=int)
    given = program.parse_args(words)
    if not given.model.endswith(MAIN[framework]):
        raise SystemExit(f"--model: {given.model} does not end with {MAIN[framework]}")
    for name in ("model", "save_path", "calibration_config", "weights"):
        if getattr(given, name, None) is not None:
            standin.plain_path(name, getattr(given, name))
    for name in ("model", "calibration_config", "weights"):
        if getattr(given, name, None) is not None:
            standin.a_file(**{name: getattr(given, name)})
    return given


def _input_shape(text: str) -> tuple[list[str], list[list[int]]]:
    parts = [part.rpartition(":") for part in text.split(";")]
    return [name for name, _, _ in parts], [[*map(int, s.split(","))] for _, _, s in parts]


def _onnx(given: Any, home: Path, names: list[str], batches: int) -> None:
    amct = importlib.import_module("amct_onnx")
    config, modified, record = (
        str(home / name) for name in ("config.json", "modified_model.onnx", "record.txt")
    )
    amct.create_quant_config(config, given.model, config_defination=given.calibration_config)
    amct.quantize_model(config, given.model, modified, record)
    _run(amct._jobs[modified], names, batches)
    amct.save_model(modified, record, given.save_path)


def _tensorflow(given: Any, home: Path, names: list[str], batches: int) -> None:
    amct = importlib.import_module("amct_tensorflow")
    tensorflow = importlib.import_module("tensorflow")
    config, record = str(home / "config.json"), str(home / "record.txt")
    output, _, port = given.outputs.rpartition(":")
    if not port.isdigit():
        raise SystemExit(f"--outputs: {given.outputs} is not <op_name>:<output_index>")
    v1 = tensorflow.compat.v1
    with tensorflow.Graph().as_default() as graph:
        v1.import_graph_def(v1.GraphDef.FromString(Path(given.model).read_bytes()), name="")
    amct.create_quant_config(config, graph, config_defination=given.calibration_config)
    amct.quantize_model(graph, config, record, [output])
    _run(amct._jobs[record], names, batches)
    amct.save_model(given.model, [output], record, given.save_path)


def _caffe(given: Any, home: Path, names: list[str], batches: int) -> None:
    amct = importlib.import_module("amct_caffe")
    config, record = str(home / "config.json"), str(home / "record.txt")
    amct.create_quant_config(
        config, given.model, given.weights, config_defination=given.calibration_config
    )
    graph = amct.init(config, given.model, given.weights, record)
    changed = str(home / "modified_model.prototxt"), str(home / "modified_model.caffemodel")
    amct.quantize_model(graph, *changed)
    _run(graph.job, names, batches)
    amct.save_model(graph, "Both", given.save_path)


def _run(job: standin.Job, names: list[str], batches: int) -> None:
    inputs = {tensor.name for tensor in job.network.inputs}
    if set(names) != inputs:
        raise SystemExit(f"--input_shape: names {names}, but the inputs are {sorted(inputs)}")
    for _ in range(batches):
        job.ran()


_HOW = {"onnx": _onnx, "tensorflow": _tensorflow, "caffe": _caffe}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
