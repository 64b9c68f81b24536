"""``pytest-amct explain``: which layers of a model can be quantized, why not the others, cures."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jsonschema
import onnx
import pytest
from onnx import ModelProto, helper
from syrupy.assertion import SnapshotAssertion
from tensorflow_graphs import const, fed, graph
from tensorflow_graphs import node as tf_node
from tiny_models import FLOAT, FLOAT16, model, node, numbers, stored

from pytest_amct import cli, load_spec, read_caffe, read_onnx, read_tensorflow
from pytest_amct.decisions.amct.simplified import read_simplified
from pytest_amct.explain import Explanation, explain
from pytest_amct.graphs.network import Network
from pytest_amct.reports.explaining import sentence, sheet
from pytest_amct.reports.sheets import as_markdown, as_text, for_terminal

SCHEMA = Path(__file__).parents[1] / "pytest_amct" / "reports" / "explain.schema.json"


def mixed() -> ModelProto:
    """A model with a layer for each sort of reason, and nodes that are not counted as layers."""
    return model(
        node("Conv", ["x", "w"], ["c"], "conv", kernel_shape=[1, 1]),
        node("Relu", ["c"], ["r"], "relu"),
        node("Identity", ["r"], ["i"], "same"),
        node("GlobalAveragePool", ["i"], ["p"], "pool"),
        node("Reshape", ["p", "shape"], ["flat"], "flat"),
        node("Gemm", ["flat", "g"], ["q"], "turned", transA=1),
        node("Gemm", ["flat", "fed"], ["t"], "open"),
        node("Transpose", ["m"], ["mt"], "mt"),
        node("MatMul", ["flat", "mt"], ["u"], "product"),
        node("Add", ["u", "u"], ["y"], "add"),
        constants=[numbers("shape", [4, 4])],
        inputs={"fed": (FLOAT, (4, 4))},
        outputs=("y", "q", "t"),
        x=(4, 4, 8, 8),
        w=(4, 4, 1, 1),
        g=(4, 4),
        m=(4, 4),
    )


def told(network: Network, spec: str = "cann-7.0.0", scheme: Any = "uniform") -> Explanation:
    (found,) = explain(network, [load_spec(spec)], scheme, "m")
    return found


def of(made: ModelProto, **options: Any) -> Explanation:
    return told(read_onnx(made), **options)


def verdicts_of(found: Explanation) -> dict[str, str]:
    return {each.layer.name: each.verdict for each in found.layers}


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the test, which holds the mixed model; it is the current folder."""
    (tmp_path / "m.onnx").write_bytes(mixed().SerializeToString())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> int:
    return cli.main(["explain", *arguments])


# --- which layers, and what is said ---------------------------------------------------------------


def test_layers_are_what_data_passes_through() -> None:
    found = of(mixed())
    names = [each.layer.name for each in found.layers]
    assert names == "conv relu pool flat turned open product add".split()
    assert found.aside == {"Identity": 1, "Transpose": 1}


def test_nodes_of_a_graph_that_is_not_in_order_are_sorted_out_alike() -> None:
    made = mixed()
    forwards = {each.layer.name for each in of(made).layers}
    nodes = [*made.graph.node][::-1]
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    assert {each.layer.name for each in of(made).layers} == forwards


def test_the_sentence_counts_every_layer_once_and_says_why_not() -> None:
    found = of(mixed())
    text = sentence(found)
    assert text.startswith("3 of 8 layers can be quantized; ")  # conv, product, add
    counts = [
        int(n)
        for n in re.findall(
            r"(?:^|; |, )(\d+) (?:[A-Z]\w+ )?(?:of|is|are|has|have|breaks?)\b", text
        )
    ]
    assert sum(counts) == len(found.layers)
    assert "1 Gemm has a weight that an input feeds" in text
    assert "1 Gemm breaks trans_a (transA = 1, must be 0)" in text
    assert "2 are of types without a row (Relu, Reshape)" in text


def test_the_float16_rule_is_told_with_what_turns_it_on() -> None:
    made = model(
        node("MaxPool", ["x"], ["p"], "pool", kernel_shape=[1, 1]),
        node("Cast", ["p"], ["h"], "cast", to=FLOAT16),
        node("Conv", ["h", "w7"], ["y"], "fc1"),
        constants=[stored("w7", (4, 4, 1, 1), FLOAT16)],
    )
    text = sentence(of(made))
    assert "1 MaxPool is closed by the Float16 rule, turned on by weight 'w7' of Conv 'fc1'" in text


def test_the_sentence_tells_one_reason_of_several_rows_once() -> None:
    made = model(
        node("MaxPool", ["x"], ["m"], "max", kernel_shape=[1, 1]),
        node("Add", ["m", "m"], ["y"], "add"),
        dtype=FLOAT16,
    )
    assert sentence(of(made)) == (
        "0 of 2 layers can be quantized; 2 MaxPool or Add are closed by the Float16 rule, turned on"
        " by network input 'x'"
    )


def test_the_sentence_stays_short_where_there_are_many_reasons() -> None:
    broken = model(
        node("Relu", ["x"], ["r"], "relu"),
        node("Gemm", ["r", "w"], ["a"], "turned", transA=1),
        node("Gemm", ["a", "v"], ["b"], "alpha", alpha=2.0),
        node("Gemm", ["b", "u"], ["c"], "beta", beta=2.0),
        node("Gemm", ["c", "fed"], ["d"], "fed"),
        node("MatMul", ["d", "d"], ["e"], "product"),
        node("Gemm", ["e", "own", "d"], ["y"], "bias"),
        inputs={"fed": (FLOAT, (4, 4))},
        x=(4, 4),
        w=(4, 4),
        v=(4, 4),
        u=(4, 4),
        own=(4, 4),
    )
    found = of(broken)
    assert sentence(found).startswith("0 of 7 layers can be quantized; 1 ")
    assert sentence(found).endswith(", 2 are not quantizable for other reasons")
    assert len(as_text(sheet([found])).split("Reasons\n")[1].split("\n\n")[0].splitlines()) == 8


def test_a_model_without_layers_says_so() -> None:
    made = model(node("Identity", ["x"], ["y"], "same"))
    assert sentence(of(made)) == "m: it has no layer that data passes through"


def test_a_model_that_is_quantized_already_says_so() -> None:
    made = model(
        node("QuantizeLinear", ["x", "s"], ["q"], "quant"),
        node("DequantizeLinear", ["q", "s"], ["d"], "dequant"),
        node("Relu", ["d"], ["y"], "relu"),
        constants=[helper.make_tensor("s", FLOAT, [], [1.0])],
    )
    first, *_ = sheet([of(made)]).sentences
    assert first == (
        "It seems to be quantized already: it holds 2 quantizing operators, the first is"
        " QuantizeLinear 'quant'"
    )
    assert of(mixed()).quantized == ""
    graph_def = graph(fed(), tf_node("FakeQuantWithMinMaxArgs", "f", "x"))
    assert "FakeQuantWithMinMaxArgs 'f'" in told(read_tensorflow(graph_def)).quantized


def test_data_only_layers_say_that_they_must_be_named() -> None:
    found = {each.layer.name: each for each in of(mixed()).layers}
    assert found["add"].note == "data only, if tensor_quantize names it"
    assert found["conv"].note == ""


def test_average_pools_of_caffe_are_not_data_only() -> None:
    found = told(
        read_caffe(
            """
            input: "x" input_shape { dim: 1 dim: 4 dim: 8 dim: 8 }
            layer { name: "ave" type: "Pooling" bottom: "x" top: "a"
                    pooling_param { pool: AVE kernel_size: 2 } }
            layer { name: "max" type: "Pooling" bottom: "a" top: "y"
                    pooling_param { pool: MAX kernel_size: 2 } }
            """
        )
    )
    assert {each.layer.name: each.note for each in found.layers} == {
        "ave": "",
        "max": "data only, if tensor_quantize names it",
    }


def test_an_inferred_answer_says_what_it_is_inferred_from() -> None:
    found = {each.layer.name: each for each in of(mixed()).layers}
    assert found["product"].note == "inferred, as second input 'mt' is a constant of rank 2"


def test_other_schemes_are_answered_by_their_tables() -> None:
    verdicts = {each.layer.name: each.verdict for each in of(mixed(), scheme="nonuniform").layers}
    assert verdicts["conv"] == "quantizable"
    assert verdicts["product"] == "forbidden"  # no row of table 2 lists MatMul
    verdicts = {each.layer.name: each.verdict for each in of(mixed(), scheme="weight_only").layers}
    assert verdicts["product"] == "quantizable"
    assert verdicts["conv"] == "forbidden"


def test_text_markdown_and_terminal_say_the_same(snapshot: SnapshotAssertion) -> None:
    told_of = sheet([of(mixed())])
    assert as_text(told_of) == snapshot(name="text")
    assert as_markdown(told_of) == snapshot(name="markdown")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", for_terminal(told_of, 120, 100))
    for line in as_text(told_of).splitlines():
        assert all(word in plain for word in line.split())


def test_a_terminal_gets_few_rows_and_is_told_how_many_are_left_out() -> None:
    text = for_terminal(sheet([of(mixed())]), 120, 3)
    assert "... and 5 more: write to a file (-o FILE) or a pipe to see all" in text


def test_several_releases_have_a_sentence_each_and_say_where_they_differ(
    saved: Path, capsys: Any
) -> None:
    assert (
        run("m.onnx", "--spec=cann-7.0.0", "--spec=cann-9.2.0.beta1", "--spec=amct-onnx-9.0.0") == 0
    )
    text = capsys.readouterr().out
    for title in ("CANN 7.0.0: 3 of 8", "CANN 9.2.0.beta1: ", "AMCT for ONNX 9.0.0: "):
        assert title in text
    (line,) = (
        line for line in text.splitlines() if line.split()[:2] == ["pool", "GlobalAveragePool"]
    )
    assert "forbidden" in line


def test_all_stands_for_the_releases_that_speak_of_the_framework(saved: Path, capsys: Any) -> None:
    assert run("m.onnx", "--spec=all", "--format=json") == 0
    releases = [m["release"] for m in json.loads(capsys.readouterr().out)["models"]]
    assert releases[0] == "cann-7.0.0"
    assert "amct-onnx-9.0.0" in releases
    assert not any("caffe" in release for release in releases)


# --- cures ----------------------------------------------------------------------------------------


def turned(**attributes: int) -> ModelProto:
    return model(node("Gemm", ["x", "w"], ["y"], "n", **attributes), x=(4, 4), w=(4, 4))


def behind(*before: onnx.NodeProto, weight: str, **options: Any) -> ModelProto:
    return model(*before, node("MatMul", ["x", weight], ["y"], "n"), x=(4, 4), **options)


PAIRS: dict[str, tuple[str, ModelProto, ModelProto]] = {
    "transA": (
        "transpose the data in a layer before it, and set transA to 0",
        turned(transA=1),
        model(
            node("Transpose", ["x"], ["t"], "t"),
            node("Gemm", ["t", "w"], ["y"], "n"),
            x=(4, 4),
            w=(4, 4),
        ),
    ),
    "a weight from an input": (
        "store the weight in the model instead of computing it from a network input",
        behind(weight="v", inputs={"v": (FLOAT, (4, 4))}),
        behind(weight="v", v=(4, 4)),
    ),
    "listed initializer": (
        "take the initializer out of the graph's inputs",
        behind(weight="v", v=(4, 4), listed=("v",)),
        behind(weight="v", v=(4, 4)),
    ),
    "rank": (
        "drop the leading dimensions of the second input, if all of them are 1",
        behind(weight="v", v=(1, 4, 4)),
        behind(weight="v", v=(4, 4)),
    ),
    "constant first": (
        "swap the inputs, both transposed, so that the constant is the second",
        model(node("MatMul", ["v", "x"], ["y"], "n"), x=(4, 4), v=(4, 4)),
        model(
            node("Transpose", ["x"], ["t"], "t"),
            node("MatMul", ["t", "v"], ["u"], "n"),
            node("Transpose", ["u"], ["y"], "back"),
            x=(4, 4),
            v=(4, 4),
        ),
    ),
    "shared": (
        "give each layer its own copy of the weight",
        model(
            node("Gemm", ["x", "w"], ["a"], "n"),
            node("Gemm", ["a", "w"], ["y"], "o"),
            x=(4, 4),
            w=(4, 4),
        ),
        model(
            node("Gemm", ["x", "w"], ["a"], "n"),
            node("Gemm", ["a", "v"], ["y"], "o"),
            x=(4, 4),
            w=(4, 4),
            v=(4, 4),
        ),
    ),
    "bias": (
        "store the bias in the model instead of computing it from a network input",
        model(
            node("Gemm", ["x", "w", "b"], ["y"], "n"),
            x=(4, 4),
            w=(4, 4),
            inputs={"b": (FLOAT, (4,))},
        ),
        model(node("Gemm", ["x", "w", "b"], ["y"], "n"), x=(4, 4), w=(4, 4), b=(4,)),
    ),
    "global": (
        "write it as an AveragePool whose kernel covers the map",
        model(node("GlobalAveragePool", ["x"], ["y"], "n")),
        model(node("AveragePool", ["x"], ["y"], "n", kernel_shape=[8, 8])),
    ),
    "float16 input": (
        "make all network inputs and weights Float32",
        model(node("MaxPool", ["x"], ["y"], "n", kernel_shape=[1, 1]), dtype=FLOAT16),
        model(node("MaxPool", ["x"], ["y"], "n", kernel_shape=[1, 1])),
    ),
    "alpha": (
        "multiply the weight by alpha, and set alpha to 1",
        model(node("Gemm", ["x", "w"], ["y"], "n", alpha=2.0), x=(4, 4), w=(4, 4)),
        turned(),
    ),
}
"""By name: the cure, a model that needs it, and the model after it. The layer is called ``n``."""


@pytest.mark.parametrize("name", PAIRS)
def test_a_cure_makes_the_layer_quantizable(name: str) -> None:
    cure, ill, well = PAIRS[name]
    (before,) = (each for each in of(ill).layers if each.layer.name == "n")
    (after,) = (each for each in of(well).layers if each.layer.name == "n")
    assert before.verdict != "quantizable"
    assert before.cure == cure
    assert after.verdict == "quantizable"
    assert after.cure == ""


def test_cures_of_tensorflow_and_caffe() -> None:
    variable = graph(
        fed("x", 4, 4),
        tf_node("VarHandleOp", "v", dtype="float32"),
        tf_node("ReadVariableOp", "r", "v", dtype="float32"),
        tf_node("MatMul", "y", "x", "r", T="float32"),
    )
    (found,) = (each for each in told(read_tensorflow(variable)).layers if each.layer.name == "y")
    assert (found.verdict, found.cure) == ("unspecified", "freeze the variables")
    frozen = graph(fed("x", 4, 4), const("r", 4, 4), tf_node("MatMul", "y", "x", "r", T="float32"))
    (found,) = (each for each in told(read_tensorflow(frozen)).layers if each.layer.name == "y")
    assert found.verdict == "quantizable"
    pool = 'input: "x" input_dim: 1 input_dim: 4 input_dim: 8 input_dim: 8 layer {{ name: "p" type:'
    pool += ' "Pooling" bottom: "x" top: "p" pooling_param {{ pool: AVE {} }} }}'
    (found,) = told(read_caffe(pool.format("global_pooling: true"))).layers
    assert found.cure == "write the size of the map as kernel_size instead of global_pooling"
    (found,) = told(read_caffe(pool.format("kernel_size: 8"))).layers
    assert found.verdict == "quantizable"


def test_where_nothing_helps_there_is_no_cure() -> None:
    made = model(node("Softmax", ["x"], ["y"], "n"))
    (found,) = of(made).layers
    assert (found.verdict, found.cure) == ("forbidden", "")


# --- one layer ------------------------------------------------------------------------------------


def test_a_layer_is_shown_with_the_way_from_its_weight_to_the_source(
    saved: Path, capsys: Any, snapshot: SnapshotAssertion
) -> None:
    assert run("m.onnx", "--layer=product") == 0
    assert capsys.readouterr().out == snapshot


def test_the_way_follows_the_input_that_decides(tmp_path: Path, capsys: Any) -> None:
    made = behind(
        node("Add", ["v", "k"], ["s"], "sum"),
        node("Relu", ["s"], ["r"], "relu"),
        weight="r",
        inputs={"v": (FLOAT, (4, 4))},
        k=(4, 4),
    )
    path = tmp_path / "m.onnx"
    path.write_bytes(made.SerializeToString())
    assert run(str(path), "--layer", "n") == 0
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("the weight 'r' comes from network input 'v':")
    assert [line.split(" = ")[0].strip() for line in lines[at + 1 : at + 4]] == [
        "relu: r",
        "sum: s",
        "network input 'v'",
    ]


def test_a_long_way_is_cut_in_the_middle(tmp_path: Path, capsys: Any) -> None:
    chain = [node("Neg", [f"v{i}"], [f"v{i + 1}"], f"neg{i}") for i in range(500)]
    path = tmp_path / "m.onnx"
    path.write_bytes(behind(*chain, weight="v500", v0=(4, 4)).SerializeToString())
    assert run(str(path), "--layer", "n") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("operators left out ..." in line for line in lines)
    assert any(line.strip().startswith("neg499") for line in lines)
    assert "   stored constant 'v0'" in lines
    assert len(lines) < 70


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("prodct", "m.onnx has no layer 'prodct', did you mean 'product'?"),
        ("same", "Identity 'same' is not counted as a layer"),
    ],
)
def test_a_layer_that_is_not_there(saved: Path, capsys: Any, name: str, words: str) -> None:
    assert run("m.onnx", f"--layer={name}") == 4
    assert words in capsys.readouterr().err


def test_layers_that_share_a_name_can_be_asked_for_as_they_are_listed(
    tmp_path: Path, capsys: Any
) -> None:
    made = model(
        node("Gemm", ["x", "w"], ["a"], "n"),
        node("Gemm", ["a", "v"], ["y"], "n", transA=1),
        x=(4, 4),
        w=(4, 4),
        v=(4, 4),
    )
    path = tmp_path / "m.onnx"
    path.write_bytes(made.SerializeToString())
    assert run(str(path), "--layer=y") == 0
    assert "transA = 1, must be 0" in capsys.readouterr().out
    assert run(str(path), "--layer=n") == 0
    assert capsys.readouterr().out.count("Gemm 'n' of") == 2
    assert run(str(path), "--layer=gone") == 4
    assert "use one of a, y" in capsys.readouterr().err


def test_a_layer_of_one_of_several_models(saved: Path, capsys: Any) -> None:
    (saved / "other.onnx").write_bytes(turned().SerializeToString())
    assert run("m.onnx", "other.onnx", "--layer=n", "--format=json") == 0
    (found,) = json.loads(capsys.readouterr().out)["models"]
    assert found["model"] == "other.onnx"
    assert {c["condition"] for c in found["conditions"]} > {"uniform/onnx/Gemm/trans_a"}


# --- files, folders, patterns ---------------------------------------------------------------------


def test_a_folder_gives_a_result_for_each_model_and_a_sentence_for_each_broken_file(
    tmp_path: Path, capsys: Any
) -> None:
    data = turned().SerializeToString()
    for number in range(197):
        home = tmp_path / f"{number % 7}"
        home.mkdir(exist_ok=True)
        (home / f"m{number}.onnx").write_bytes(data)
    (tmp_path / "cut.onnx").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.pb").write_bytes(b"")
    (tmp_path / "words.prototxt").write_text("these are not layers")
    (tmp_path / "README.md").write_text("not a model")
    assert run(str(tmp_path), "--format=json") == 2
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert len(document["models"]) == 197
    assert len(document["errors"]) == len(shown.err.splitlines()) == 3
    for name in ("cut.onnx", "empty.pb", "words.prototxt"):
        assert sum(name in error for error in document["errors"]) == 1


def test_several_models_come_with_an_overview(saved: Path, capsys: Any) -> None:
    (saved / "other.onnx").write_bytes(turned().SerializeToString())
    assert run("*.onnx") == 0
    text = capsys.readouterr().out
    assert text.startswith("2 models, CANN 7.0.0\n")
    assert text.count("\nLayers\n") == 2


def test_the_folder_of_a_saved_model_is_one_model(tmp_path: Path, capsys: Any) -> None:
    home = tmp_path / "models" / "net"
    (home / "variables").mkdir(parents=True)
    frozen = graph(fed("x", 4, 4), const("w", 4, 4), tf_node("MatMul", "y", "x", "w", T="float32"))
    from pytest_amct.graphs.tensorflow.schema import schema

    saved = schema().SavedModel()
    saved.saved_model_schema_version = 1
    saved.meta_graphs.add().graph_def.ParseFromString(frozen.SerializeToString())
    (home / "saved_model.pb").write_bytes(saved.SerializeToString())
    for named in (home, home.parent):
        assert run(str(named), "--format=json") == 0
        (found,) = json.loads(capsys.readouterr().out)["models"]
        assert found["framework"] == "tensorflow"
        assert found["model"] == str(home)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("*.pb", "*.pb: nothing matches this pattern: name files with a suffix of .onnx"),
        ("*.txt", "*.txt: no match of this pattern is a model"),
        ("empty", "empty: the folder holds no model"),
        ("", "an empty name is not a model"),
    ],
)
def test_names_that_give_no_model(saved: Path, capsys: Any, named: str, words: str) -> None:
    (saved / "empty").mkdir()
    (saved / "a.txt").touch()
    assert run(named) == 4
    assert words in capsys.readouterr().err


def test_a_file_that_is_not_a_model(saved: Path, capsys: Any) -> None:
    (saved / "a.txt").touch()
    assert run("a.txt", "m.onnx") == 2
    shown = capsys.readouterr()
    assert "a.txt: not a model" in shown.err
    assert "3 of 8 layers can be quantized" in shown.out
    assert run("gone.onnx") == 2
    assert "gone.onnx: cannot be read (No such file or directory)" in capsys.readouterr().err


def test_external_data_is_never_opened(tmp_path: Path, capsys: Any) -> None:
    made = turned(transA=1)
    (weight,) = made.graph.initializer
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="weights.bin")
    os.mkfifo(tmp_path / "weights.bin")  # opening it would block for ever
    path = tmp_path / "m.onnx"
    path.write_bytes(made.SerializeToString())
    assert run(str(path)) == 0
    assert "trans_a" in capsys.readouterr().out


# --- formats, skips -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more", [(), ("--layer=product",), ("--spec=all",), ("--scheme=weight_only",)]
)
def test_json_follows_its_schema(saved: Path, capsys: Any, more: Iterable[str]) -> None:
    assert run("m.onnx", "--format=json", *more) == 0
    jsonschema.validate(json.loads(capsys.readouterr().out), json.loads(SCHEMA.read_text()))


def test_json_has_the_totals_of_the_sentence(saved: Path, capsys: Any) -> None:
    assert run("m.onnx", "--format=json") == 0
    (found,) = json.loads(capsys.readouterr().out)["models"]
    assert found["totals"] == {"layers": 8, "quantizable": 3, "forbidden": 5, "unspecified": 0}
    assert sum(reason["layers"] for reason in found["reasons"]) == 5
    assert sum(type_["layers"] for type_ in found["types"]) == 8


def test_a_file_is_written_whole_or_not_at_all(saved: Path, capsys: Any) -> None:
    assert run("m.onnx", "-o", "report.md", "--format=markdown") == 0
    assert capsys.readouterr().out == ""
    assert (saved / "report.md").read_text().startswith("## m.onnx")
    assert run("m.onnx", "-o", "gone/report.md") == 4
    assert "-o gone/report.md: there is no such folder" in capsys.readouterr().err
    (saved / "folder").mkdir()
    assert run("m.onnx", "-o", "folder") == 4
    assert "folder: cannot be written" in capsys.readouterr().err
    assert sorted(p.name for p in saved.iterdir()) == ["folder", "m.onnx", "report.md"]


@pytest.mark.parametrize("option", ["-o", "--write-skips"])
def test_a_model_is_never_overwritten(saved: Path, capsys: Any, option: str) -> None:
    before = (saved / "m.onnx").read_bytes()
    (saved / "same.onnx").symlink_to("m.onnx")
    for name in ("m.onnx", "same.onnx"):
        assert run("m.onnx", option, name) == 4
        message = f"{option} {name}: this file is read: name another file"
        assert message in capsys.readouterr().err
    assert (saved / "m.onnx").read_bytes() == before


@pytest.mark.parametrize("option", ["-o", "--write-skips"])
def test_a_folder_is_not_a_file_to_write(saved: Path, capsys: Any, option: str) -> None:
    assert run("m.onnx", option, ".") == 4
    assert ".: cannot be written (it is a folder): name a file" in capsys.readouterr().err


def test_names_that_the_standard_output_cannot_write_are_escaped(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = model(node("Conv", ["x", "w"], ["y"], "卷积"), w=(4, 4, 1, 1))
    (saved / "u.onnx").write_bytes(made.SerializeToString())
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", narrow)
    assert run("u.onnx") == 0
    narrow.seek(0)
    assert "\\u5377\\u79ef" in narrow.read()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_told_in_a_sentence(saved: Path) -> None:
    command = [sys.executable, "-m", "pytest_amct", "explain", "m.onnx"]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 4
    assert ended.stderr == (
        "pytest-amct: the standard output cannot be written (No space left on device):"
        " add -o FILE\n"
    )


@pytest.mark.parametrize(
    "arguments",
    ["specs", "diff --all", "rule uniform/onnx/Conv/weight_source", "export new --framework=caffe"],
)
def test_a_reader_that_closes_the_pipe_is_no_error(arguments: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest_amct", *arguments.split()]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, **pipes) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_pipes_and_devices_are_not_read(saved: Path, capsys: Any) -> None:
    os.mkfifo("p.onnx")
    (saved / "z.onnx").symlink_to(os.devnull)
    assert run("p.onnx", "z.onnx") == 2
    assert capsys.readouterr().err.splitlines() == [
        f"pytest-amct: {name}: cannot be read (not a regular file)" for name in ("p.onnx", "z.onnx")
    ]


def test_links_and_pipes_are_written_to_and_stay(saved: Path, capsys: Any) -> None:
    (saved / "real.md").write_text("old")
    (saved / "link.md").symlink_to("real.md")
    assert run("m.onnx", "--format=markdown", "-o", "link.md") == 0
    assert (saved / "link.md").is_symlink()
    assert (saved / "real.md").read_text().startswith("## m.onnx")
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    assert run("m.onnx", "--format=markdown", "-o", "pipe") == 0
    assert os.read(reader, 10) == b"## m.onnx "
    os.close(reader)
    assert stat.S_ISFIFO((saved / "pipe").stat().st_mode)
    command = [sys.executable, "-m", "pytest_amct", "explain", "m.onnx", "-o", "/dev/stdout"]
    done = subprocess.run([*command, "--format=json"], capture_output=True, check=True)
    assert json.loads(done.stdout)["models"][0]["totals"]["layers"] == 8


def test_skips_name_the_listed_layers_that_must_stay_in_float(saved: Path) -> None:
    assert run("m.onnx", "--write-skips=skips.cfg") == 0
    text = (saved / "skips.cfg").read_text()
    assert read_simplified("skips.cfg").skip_layers == ("pool", "turned", "open")
    assert "relu" not in text  # of a type that AMCT does not quantize anyway


def test_skips_leave_undecided_layers_to_the_user(saved: Path) -> None:
    made = model(node("Gemm", ["x", "w"], ["y"], 'a "b"\\', alpha=2.0), x=(4, 4), w=(4, 4))
    (saved / "u.onnx").write_bytes(made.SerializeToString())
    assert run("u.onnx", "--write-skips=skips.cfg") == 0
    assert read_simplified("skips.cfg").skip_layers == ()
    text = (saved / "skips.cfg").read_text()
    (saved / "skips.cfg").write_text(text.replace("# skip_layers", "skip_layers"))
    assert read_simplified("skips.cfg").skip_layers == ('a "b"\\',)


def test_skips_name_each_name_once_and_tell_of_nodes_without_one(saved: Path) -> None:
    made = model(
        node("Gemm", ["x", "w"], ["a"], "n", transA=1),
        node("Gemm", ["a", "v"], ["b"], "n", transA=1),
        node("Gemm", ["b", "u"], ["y"], "", transA=1),
        x=(4, 4),
        w=(4, 4),
        v=(4, 4),
        u=(4, 4),
    )
    (saved / "u.onnx").write_bytes(made.SerializeToString())
    assert run("u.onnx", "--write-skips=skips.cfg") == 0
    assert read_simplified("skips.cfg").skip_layers == ("n", "y")
    assert "# A node without a name stands here" in (saved / "skips.cfg").read_text()
    assert run("m.onnx", "--write-skips=skips.cfg") == 0
    assert "without a name" not in (saved / "skips.cfg").read_text()


def test_skips_need_one_model(saved: Path, capsys: Any) -> None:
    (saved / "o.onnx").write_bytes(turned().SerializeToString())
    assert run(".", "--write-skips=skips.cfg") == 4
    assert "--write-skips: 2 models are named: name one" in capsys.readouterr().err
    assert not (saved / "skips.cfg").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--spec=cann-7.0",), "spec 'cann-7.0' is not a known release"),
        (("--spec=own.toml",), "spec 'own.toml': no such file"),
    ],
)
def test_releases_that_do_not_exist(
    saved: Path, capsys: Any, arguments: Iterable[str], words: str
) -> None:
    assert run("m.onnx", *arguments) == 4
    assert words in capsys.readouterr().err


def test_without_rich_a_terminal_gets_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "rich.console", None)
    told_of = sheet([of(mixed())])
    assert for_terminal(told_of, 120, 100) == as_text(told_of)


def test_names_cannot_break_markdown_or_a_terminal() -> None:
    hostile = "a|b`<img src=x>\x1b[31m\n# title"
    made = model(node("Conv", ["x", "w"], ["y"], hostile), w=(4, 4, 1, 1))
    told_of = sheet([of(made)])
    for text in (as_text(told_of), as_markdown(told_of)):
        assert "\x1b" not in text
        assert "\n# title" not in text
    assert "a\\|b\\`\\<img" in as_markdown(told_of)
