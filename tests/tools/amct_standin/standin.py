"""What the stand-ins for AMCT's packages share: checks of calls, and decisions from file to file.

They follow the documents that docs/adapters cites: a call with an unknown or missing argument, one
of another type, or a file that is missing raises. What is quantized goes through the files, as it
does in AMCT: the simplified configuration decides the configuration, this the record once all
batches were run, and the record the saved model. The reference quantizer decides what is
quantizable. The environment variable AMCT_STANDIN_ALWAYS names one type of layer that is
quantized against the tables.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from pytest_amct.decisions.amct.config import read_config
from pytest_amct.decisions.amct.layers import read_layers
from pytest_amct.decisions.amct.record import read_record
from pytest_amct.decisions.decision import Decision, Outcome
from pytest_amct.decisions.names import unique_names
from pytest_amct.decisions.writers.forms import write_form
from pytest_amct.graphs.descriptors import message_classes
from pytest_amct.graphs.network import Layer, Network
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.protocol import Request
from pytest_amct.tables.loader import load_spec
from pytest_amct.tables.model import DataFormat

Decisions = dict[str, Decision]

ONLY_IF_NAMED = ("MaxPool", "Add", "Eltwise")
"""Types that are quantized only if tensor_quantize names the layer."""

_FIELDS = """
AMCTConfig batch_num:1:uint32=1 activation_offset:2:bool=true joint_quant:3:bool
  skip_layers:10:string* skip_layer_types:11:string* common_config:50:CalibrationConfig
  do_fusion:200:bool skip_fusion_layers:201:string*{tensors}
CalibrationConfig arq_quantize:13:ARQuantize
ARQuantize channel_wise:1:bool quant_bits:10:uint32
TensorQuantize layer_name:1:string input_index:2:uint32
"""


# --- arguments ------------------------------------------------------------------------------------


def a_file(**paths: Any) -> None:
    """Check arguments that name files to read."""
    for name, path in _texts(paths):
        if not os.path.isfile(path):
            raise FileNotFoundError(f"{name}: there is no file {path!r}")


def a_place(**paths: Any) -> None:
    """Check arguments that name files to write."""
    for name, path in _texts(paths):
        if not os.path.isdir(os.path.dirname(path) or "."):
            raise FileNotFoundError(f"{name}: there is no folder for {path!r}")


def _texts(paths: dict[str, Any]) -> list[tuple[str, str]]:
    for name, path in paths.items():
        if not isinstance(path, str):
            raise TypeError(f"{name}: must be a string, not {path!r}")
    return list(paths.items())


# --- from the simplified configuration to the configuration ---------------------------------------


@dataclass(frozen=True)
class Asked:
    """What create_quant_config is asked for."""

    batch_num: int
    offset: bool
    skip_layers: tuple[str, ...] = ()
    channel_wise: bool | None = None
    tensors: tuple[tuple[str, int], ...] = ()


def asked_for(
    framework: str, skip_layers: Any, batch_num: Any, activation_offset: Any, path: Any
) -> Asked:
    """Check and return the settings. With a simplified configuration, the arguments do not count.

    An unknown field of that file raises.
    """
    if skip_layers is not None and not isinstance(skip_layers, list):
        raise TypeError(f"skip_layers: must be a list, not {skip_layers!r}")
    if isinstance(batch_num, bool) or not isinstance(batch_num, int) or batch_num < 1:
        raise TypeError(f"batch_num: must be an integer above 0, not {batch_num!r}")
    if not isinstance(activation_offset, bool):
        raise TypeError(f"activation_offset: must be a bool, not {activation_offset!r}")
    if path is None:
        return Asked(batch_num, activation_offset, tuple(skip_layers or ()))
    a_file(config_defination=path)
    tensors = "" if framework == "caffe" else " tensor_quantize:202:TensorQuantize*"
    fields = _FIELDS.replace("{tensors}", tensors)
    config = message_classes(f"standin/{framework}.proto", fields)["AMCTConfig"]()
    text_format.Parse(Path(path).read_text(encoding="utf-8"), config)
    if config.skip_layer_types:
        raise NotImplementedError("skip_layer_types: the stand-in does not know these types")
    weights = config.common_config.arq_quantize
    named = getattr(config, "tensor_quantize", ())
    return Asked(
        batch_num=config.batch_num,
        offset=config.activation_offset,
        skip_layers=tuple(config.skip_layers),
        channel_wise=weights.channel_wise if weights.HasField("channel_wise") else None,
        tensors=tuple((tensor.layer_name, tensor.input_index) for tensor in named),
    )


def write_config(network: Network, asked: Asked, config_file: str) -> None:
    """Write the configuration of what the reference quantizer quantizes, and of the mistake."""
    config = json.loads(write_form("config", network, _decide(network, asked)))
    config |= {"batch_num": asked.batch_num, "activation_offset": asked.offset}
    Path(config_file).write_text(json.dumps(config, indent=4), encoding="utf-8")


def _decide(network: Network, asked: Asked) -> Decisions:
    settings = {} if asked.channel_wise is None else {"channel_wise": asked.channel_wise}
    request = Request(
        network.framework, b"", Path(), settings=settings, skip_layers=asked.skip_layers
    )
    always, named = os.environ.get("AMCT_STANDIN_ALWAYS"), dict(asked.tensors)
    layers = dict(zip(unique_names(network), network.layers, strict=True))
    found: Decisions = {}
    for name, decision in Reference().decide(network, request).items():
        layer = layers.get(name)
        if layer is not None and layer.type == always:
            decision = Decision((0,), True, weight_channel_wise=False, weight_asymmetric=False)
        elif layer is not None and _only_if_named(layer, decision):
            port = named.get(name)
            decision = Decision.float() if port is None else replace(decision, inputs=(port,))
        if decision.quantized:
            formats = tuple(DataFormat(port, 8, asked.offset) for port in decision.inputs or ())
            found[name] = replace(decision, formats=formats)
    return found


def _only_if_named(layer: Layer, decision: Decision) -> bool:
    whole_pool = layer.type == "Pooling" and layer.attribute("pool") in (None, "MAX", 0)
    return decision.quantized and (layer.type in ONLY_IF_NAMED or whole_pool)


# --- from the configuration to the record ---------------------------------------------------------


@dataclass
class Job:
    """A model that is being calibrated."""

    network: Network
    decisions: Decisions
    record_file: str
    left: int

    @classmethod
    def start(cls, network: Network, config_file: str, record_file: str) -> Job:
        """Read the configuration, and write a record with the factors of the weights alone."""
        text = Path(config_file).read_text(encoding="utf-8")
        decisions = _by_name(network, read_layers(network, read_config(text), load_spec()))
        job = cls(network, decisions, record_file, int(json.loads(text)["batch_num"]))
        job._write({n: replace(d, inputs=()) for n, d in decisions.items() if d.weights})
        return job

    def ran(self) -> None:
        """Count a batch. The last one completes the record."""
        self.left -= 1
        if self.left == 0:
            self._write(self.decisions)

    def finish(self, record_file: str) -> Decisions:
        """Return what the record says, as it is read for the saved model."""
        if self.left > 0:
            raise RuntimeError(f"{self.left} batches were not run: the record lacks factors")
        found = read_record(Path(record_file).read_text(encoding="utf-8"))
        return _by_name(self.network, read_layers(self.network, found, load_spec()))

    def _write(self, decisions: Decisions) -> None:
        text = write_form("record", self.network, decisions)
        Path(self.record_file).write_text(text, encoding="utf-8")


def _by_name(network: Network, outcome: Outcome) -> Decisions:
    assert outcome.decisions is not None
    names = unique_names(network)
    return {names[i]: found for i, found in outcome.decisions.items() if found.quantized}


# --- the command line -----------------------------------------------------------------------------


def command_folder() -> Path:
    """Make the folder of one call in the working directory, as the command line does."""
    folder = Path(f"{os.getpid()}_20260101000000")
    folder.mkdir()
    return folder


def plain_path(name: str, value: str) -> None:
    """Check the characters of a path on the command line."""
    if not re.fullmatch(r"[\w./-]+", value):
        raise SystemExit(f"--{name}: {value!r} has characters that paths must not have")


def each_batch(sizes: Sequence[int], folders: Sequence[str], count: int) -> None:
    """Check that each input has at least `count` files of its size."""
    for size, folder in zip(sizes, folders, strict=True):
        files = sorted(Path(folder).iterdir())
        if len(files) < count:
            raise SystemExit(f"--data_dir: {folder} has {len(files)} files for {count} batches")
        for file in files[:count]:
            if file.stat().st_size != size:
                raise SystemExit(f"--data_dir: {file} must have {size} bytes")
