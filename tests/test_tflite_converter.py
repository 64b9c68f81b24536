"""What TensorFlow's converter makes of one graph, by its options, is read from the file."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from tflite_network import FILES, FORMS, convert, float_graph

from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.read import read_outcome
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.tables.model import DataFormat

tensorflow = pytest.importorskip("tensorflow")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

NETWORK = read_tensorflow(float_graph())
LOW_BITS = {"_experimental_low_bit_qat": True, "_experimental_reduce_type_precision": True}
"""What makes the converter store weights of fake-quantized layers as INT4."""

WEIGHTED = ("conv", "wider", "depthwise", "matmul", "batch")
DATA_ONLY = ("avgpool", "maxpool", "add")


@cache
def converted(mode: str) -> bytes:
    return convert(mode, float_graph())


def shown(data: bytes, untold: Mapping[str, str] = {}) -> dict[str, Decision]:
    outcome = read_outcome(NETWORK, data)
    assert {NETWORK.layers[i].name: why for i, why in outcome.untold.items()} == untold
    assert [NETWORK.layers[i].name for i in outcome.unmatched] == ["bias"]
    return {NETWORK.layers[i].name: found for i, found in outcome.decisions.items()}


@pytest.mark.parametrize("name", FILES)
def test_the_stored_files_are_what_the_converter_writes(name: str) -> None:
    assert shown((FORMS / f"{name}.tflite").read_bytes()) == shown(converted(name))


@pytest.mark.parametrize("mode", ["float", "float16"])
def test_float16_weights_are_float(mode: str) -> None:
    assert set(shown(converted(mode)).values()) == {Decision.float()}


def test_16_bit_data_with_8_bit_weights() -> None:
    # A type without an integer kernel, which the converter leaves behind the integers of an input.
    found = shown(converted("int16x8"), {"sine": "SIN works on INT16 and FLOAT32"})
    for name in WEIGHTED:
        assert (found[name].weights, found[name].weight_bits) == (True, 8)
        assert found[name].inputs == ((2,) if name == "wider" else (0,))
    assert all(found[name].inputs for name in DATA_ONLY)
    assert found["both"].formats == (DataFormat(0, 16, False), DataFormat(1, 16, False))
    assert found["batch_first"].formats == (DataFormat(0, 8, False), DataFormat(1, 16, False))
    assert found["conv3"] == found["elu"] == Decision.float()


def test_integers_at_the_borders_of_a_model() -> None:
    types = {"inference_input_type": tensorflow.int8, "inference_output_type": tensorflow.int8}
    assert shown(convert("int8", float_graph(), **types)) == shown(converted("int8"))


def test_weights_of_four_bits() -> None:
    found = shown(convert("dynamic", float_graph(4), **LOW_BITS))
    assert (found["conv"].inputs, found["conv"].weights) == ((0,), True)
    assert found["conv"].weight_bits == 4


def test_a_weight_that_is_rounded_in_front_of_a_float_operator() -> None:
    found = shown(convert("float", float_graph(8)))
    conv = found.pop("conv")
    assert (conv.inputs, conv.weights, conv.weight_bits) == ((), True, 8)
    assert conv.seen == "the weight of CONV_2D comes from UINT8 through DEQUANTIZE"
    assert set(found.values()) == {Decision.float()}


def test_weights_alone() -> None:
    found = shown(weights_alone(converted("float16")))
    for name in (*WEIGHTED, "conv3"):
        about = found[name]
        assert (about.inputs, about.weights, about.weight_bits) == ((), True, 8), name
        assert about.weight_channel_wise is False
    assert (found["first"].inputs, found["first"].weights) == ((0,), False)
    assert found["batch_first"].inputs == (0,)
    assert all(found[name] == Decision.float() for name in (*DATA_ONLY, "both", "elu"))


def weights_alone(data: bytes) -> bytes:
    """Make the Float16 weights of a file INT8. They stay behind their DEQUANTIZE."""
    tool: Any = importlib.import_module("tensorflow.lite.tools.flatbuffer_utils")
    schema: Any = importlib.import_module("tensorflow.lite.python.schema_py_generated")
    model = tool.convert_bytearray_to_object(bytearray(data))
    for tensor in model.subgraphs[0].tensors:
        if tensor.type != schema.TensorType.FLOAT16 or len(tensor.shape) < 2:
            continue
        buffer = model.buffers[tensor.buffer]
        values = np.frombuffer(bytes(buffer.data), np.float16).astype(np.float32)
        scale = float(np.abs(values).max()) / 127
        buffer.data = np.frombuffer(np.round(values / scale).astype(np.int8).tobytes(), np.uint8)
        tensor.type = schema.TensorType.INT8
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [0]
    made = bytes(tool.convert_object_to_bytearray(model))
    kernels = tensorflow.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = tensorflow.lite.Interpreter(
        model_content=made, experimental_op_resolver_type=kernels
    )
    interpreter.allocate_tensors()
    interpreter.invoke()  # the file is one that can run
    return made
