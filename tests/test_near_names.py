"""A wrong name gets the names of the model that it may mean; PyTorch's modules have others."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from onnx import NodeProto, TensorProto, helper
from tensorflow_graphs import const, fed, graph, node

from pytest_amct.decisions.amct.config import read_config
from pytest_amct.decisions.amct.record import read_record
from pytest_amct.decisions.read import read_outcome
from pytest_amct.errors import OutputError
from pytest_amct.graphs.network import Network
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.graphs.tensorflow.reader import read_tensorflow


def network(*nodes: NodeProto) -> Network:
    """A model of nodes that read ``x`` and a stored tensor for each other input."""
    stored = dict.fromkeys(name for n in nodes for name in n.input if name != "x")
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [],
        [helper.make_tensor(name, TensorProto.FLOAT, [1], [1.0]) for name in stored],
    )
    return read_onnx(helper.make_model(made))


def conv(name: str, weight: str = "w", op: str = "Conv") -> NodeProto:
    return helper.make_node(op, ["x", weight], [f"{name}_output"], name=name)


def scoped(name: str, scopes: Sequence[str]) -> NodeProto:
    """A node with the metadata that PyTorch's newer exporter adds."""
    made = conv(name)
    made.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=repr(list(scopes)))
    return made


def hint(model: Network, result: Any) -> str:
    """Return the end of the sentence about the first name that the model does not have."""
    with pytest.raises(OutputError) as raised:
        read_outcome(model, result)
    sentence = str(raised.value)
    assert "\n" not in sentence
    return sentence.rpartition("which is not a layer of the model")[2]


RESNET = network(
    conv("/conv1/Conv"),
    conv("/layer1/layer1.0/conv1/Conv"),
    conv("/layer1/layer1.1/conv1/Conv"),
    conv("/layer1/layer1.0/downsample/downsample.0/Conv"),
    conv("/features/features.0/features.0.0/Conv"),
    conv("/layers.0/attention/query/Transpose", op="Transpose"),
    conv("/layers.0/attention/query/MatMul", op="MatMul"),
    conv("/layers.0/attention/query/Add", op="Add"),
    helper.make_node("GlobalAveragePool", ["x"], ["p"], name="/pool/GlobalAveragePool"),
    conv("/encoder/head"),
)


@pytest.mark.parametrize(
    ("module", "near"),
    [
        ("conv1", "'/conv1/Conv'"),
        ("layer1.0.conv1", "'/layer1/layer1.0/conv1/Conv'"),
        ("layer1.1.conv1", "'/layer1/layer1.1/conv1/Conv'"),
        ("layer1.0.downsample.0", "'/layer1/layer1.0/downsample/downsample.0/Conv'"),
        ("features.0.0", "'/features/features.0/features.0.0/Conv'"),
        (
            "layers.0.attention.query",
            "'/layers.0/attention/query/MatMul' or '/layers.0/attention/query/Add'",
        ),
        ("pool", "'/pool/GlobalAveragePool'"),
        ("some.deep.wrapper.of.mine.encoder.head", "'/encoder/head'"),
        ("model.layer1.1.conv1", "'/layer1/layer1.1/conv1/Conv'"),
        ("0.downsample.0", "'/layer1/layer1.0/downsample/downsample.0/Conv'"),
    ],
)
def test_a_module_is_found_by_its_path_in_the_names_of_nodes(module: str, near: str) -> None:
    assert hint(RESNET, [module]) == f", did you mean {near}?"


FORMS: list[Callable[[str], Any]] = [
    lambda name: read_record(f'record {{ key: "{name}" value {{ scale_d: 1 scale_w: 1 }} }}'),
    lambda name: read_config(json.dumps({name: {"quant_enable": True}})),
    lambda name: {name: True},
]


@pytest.mark.parametrize("form", FORMS, ids=["record", "configuration", "mapping"])
def test_every_form_that_holds_names_gets_the_near_ones(form: Callable[[str], Any]) -> None:
    expected = ", did you mean '/layer1/layer1.0/conv1/Conv'?"
    assert hint(RESNET, form("layer1.0.conv1")) == expected


def test_a_module_is_found_by_the_name_of_its_weight() -> None:
    model = network(conv("Conv_0", "layer1.0.conv1.weight"), conv("Conv_1", "conv1.weight"))
    assert hint(model, ["layer1.0.conv1"]) == ", did you mean 'Conv_0'?"
    assert hint(model, ["conv1"]) == ", did you mean 'Conv_1'?"


def test_a_module_is_found_by_the_metadata_of_nodes() -> None:
    model = network(
        scoped("node_MatMul_7", ["", "layers.0", "layers.0.query", "linear"]),
        scoped("node_MatMul_8", ["", "layers.0", "layers.0.query", "query.inner", "linear_1"]),
    )
    assert hint(model, ["layers.0.query"]) == ", did you mean 'node_MatMul_7'?"


def test_a_scope_of_tensorflow_leads_to_its_operators() -> None:
    made = graph(
        fed(),
        const("w", 3, 3, 4, 4),
        node("Conv2D", "net/block/conv/Conv2D", "x", "w", T="float32"),
        node("Relu", "net/block/Relu", "net/block/conv/Conv2D", T="float32"),
    )
    assert hint(read_tensorflow(made), ["block/conv"]) == ", did you mean 'net/block/conv/Conv2D'?"


def test_what_no_node_computes_gets_the_most_similar_name() -> None:
    assert hint(RESNET, ["/conv1/Convv"]) == ", did you mean '/conv1/Conv'?"
    assert hint(RESNET, ["nothing.like.that"]) == ": return the names of its nodes"


def test_few_names_are_suggested_and_none_without_end() -> None:
    many = network(*(conv(f"/block/fc/MatMul_{i}", op="MatMul") for i in range(9)))
    assert hint(many, ["block.fc"]).count("'/block/fc/MatMul_") == 3
    long = network(conv("/" + "a" * 300 + "/layer1/fc/Conv"), conv("b" * 300))
    for name in ("a" * 300 + ".fc", "layer1.fc", "b" * 190):
        assert hint(long, [name]) == ": return the names of its nodes"
