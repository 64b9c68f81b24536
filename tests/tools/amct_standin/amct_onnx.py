"""A stand-in for AMCT (ONNX): see standin.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import standin

from pytest_amct.decisions.writers.forms import write_form
from pytest_amct.graphs.onnx.reader import read_onnx

AMCT_SO = onnxruntime.SessionOptions()
"""The options with AMCT's own operators, which a calibration model needs."""

NEWEST_OPSET = 14
_jobs: dict[str, standin.Job] = {}


class _Session(onnxruntime.InferenceSession):
    """A session that counts the batches of a calibration model."""

    def __init__(self, path_or_bytes: Any, sess_options: Any = None, **more: Any) -> None:
        super().__init__(path_or_bytes, sess_options, **more)
        self.job = _jobs.get(path_or_bytes) if isinstance(path_or_bytes, str) else None
        if self.job is not None and sess_options is not AMCT_SO:
            raise RuntimeError("a calibration model needs the operators of amct_onnx.AMCT_SO")

    def run(self, output_names: Any, input_feed: Any, run_options: Any = None) -> Any:
        found = super().run(output_names, input_feed, run_options)
        if self.job is not None:
            self.job.ran()
        return found


onnxruntime.InferenceSession = _Session


def create_quant_config(
    config_file: Any,
    model_file: Any,
    skip_layers: Any = None,
    batch_num: Any = 1,
    activation_offset: Any = True,
    config_defination: Any = None,
    updated_model: Any = None,
) -> None:
    """Write the configuration of a model."""
    standin.a_place(config_file=config_file)
    standin.a_file(model_file=model_file)
    if updated_model is not None:
        standin.a_place(updated_model=updated_model)
    model = onnx.load(model_file)
    for used in model.opset_import:
        if used.domain in ("", "ai.onnx") and used.version > NEWEST_OPSET:
            raise ValueError(f"opset {used.version}: opsets 8 to {NEWEST_OPSET} are supported")
    asked = standin.asked_for("onnx", skip_layers, batch_num, activation_offset, config_defination)
    standin.write_config(read_onnx(model), asked, config_file)


def quantize_model(
    config_file: Any, model_file: Any, modified_onnx_file: Any, record_file: Any
) -> None:
    """Write the calibration model and a record without factors of data."""
    standin.a_file(config_file=config_file, model_file=model_file)
    standin.a_place(modified_onnx_file=modified_onnx_file, record_file=record_file)
    model = onnx.load(model_file)
    onnx.save(model, modified_onnx_file)
    job = standin.Job.start(read_onnx(model), config_file, record_file)
    _jobs[modified_onnx_file] = job


def save_model(modified_onnx_file: Any, record_file: Any, save_path: Any) -> None:
    """Write the deploy model, the one to simulate accuracy, and the map of their nodes."""
    standin.a_file(modified_onnx_file=modified_onnx_file, record_file=record_file)
    standin.a_place(save_path=save_path)
    job = _jobs.pop(modified_onnx_file)
    decisions = job.finish(record_file)
    onnx.save(write_form("deploy", job.network, decisions), f"{save_path}_deploy_model.onnx")
    onnx.save(write_form("qdq", job.network, decisions), f"{save_path}_fake_quant_model.onnx")
    Path(f"{save_path}_quant.json").write_text("{}")
