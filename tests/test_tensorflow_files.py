"""The forms in which a TensorFlow model is given: objects, bytes, files and folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow_graphs import const, fed, graph, node
from tiny_graphs import W4, one
from toy_repository import ToyRepository

import pytest_amct
from pytest_amct import ModelError
from pytest_amct.graphs.reading import read_files
from pytest_amct.graphs.tensorflow import text
from pytest_amct.graphs.tensorflow.files import parse_tensorflow
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.graphs.tensorflow.schema import schema


def small() -> Any:
    return one("Conv2D", "x", "w", before=(W4,))


def saved_model() -> Any:
    """A SavedModel whose first MetaGraph holds the small graph."""
    saved = schema().SavedModel(saved_model_schema_version=1)
    saved.meta_graphs.add().graph_def.CopyFrom(small())
    saved.meta_graphs.add().graph_def.CopyFrom(graph(fed("other")))
    return saved


def written(message: Any) -> str:
    return str(text_format.MessageToString(message))


def forms(folder: Path) -> list[Any]:
    """Return the small graph in every form, files and folders below `folder` included."""
    saved, meta = saved_model(), schema().MetaGraphDef(graph_def=small())
    files = {
        "model.pb": small().SerializeToString(),
        "text.pb": written(small()).encode(),
        "binary.pbtxt": small().SerializeToString(),
        "model.pbtxt": written(small()).encode(),
        "model.ckpt.meta": meta.SerializeToString(),
        "meta.pbtxt": written(meta).encode(),
        "binary/saved_model.pb": saved.SerializeToString(),
        "text/saved_model.pbtxt": f"\ufeff# a comment\n{written(saved)}".encode(),
    }
    for name, data in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    paths = [*(folder / name for name in files), folder / "binary", folder / "text"]
    objects = [small(), saved]
    return [
        *objects,
        *(made.SerializeToString() for made in objects),
        *(written(made).encode() for made in (*objects, meta)),
        *paths,
        str(paths[0]),
    ]


def test_every_form_is_read_alike(tmp_path: Path) -> None:
    for form in forms(tmp_path):
        assert [layer.name for layer in read_tensorflow(form).layers] == ["x", "w", "y"]


def test_every_file_is_a_model_to_judge(tmp_path: Path) -> None:
    paths = [form for form in forms(tmp_path) if isinstance(form, Path)]
    for path in paths:
        assert read_files(path).data == small().SerializeToString(deterministic=True), path
        assert pytest_amct.judge(path, {"y": True}) == [], path
    assert len(paths) == 10


def test_a_saved_model_in_text_is_judged_on_the_command_line(repository: ToyRepository) -> None:
    repository.write("saved/saved_model.pbtxt", written(saved_model()))
    run = repository.amct("--amct-quantizer=reference", "--amct-model=saved")
    assert "uniform/tensorflow/Conv2D  1 of 1 quantized" in run.out


def message(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_tensorflow(path)
    said = str(caught.value)
    assert str(path) in said and "\n" not in said
    return said


def test_files_that_are_not_graphs_are_refused(tmp_path: Path) -> None:
    data, path = small().SerializeToString(), tmp_path / "model.pb"
    assert "cannot be read" in message(path)
    path.write_bytes(b"")
    assert "empty" in message(path)
    path.write_bytes(data[: len(data) - 20])
    assert "cut off" in message(path)
    path.write_text("hello { }")
    assert "not the text of a GraphDef" in message(path)
    path.write_bytes(b"\x22\x03\x08\x9a\x0e")
    assert "no node" in message(path)
    path.write_bytes(b"\x08\x01\x10\x01")  # a tensor that was saved alone begins like this
    assert "neither a GraphDef nor a SavedModel" in message(path)
    (tmp_path / "folder").mkdir()
    assert "saved_model.pb" in message(tmp_path / "folder")
    with pytest.raises(ModelError, match=r"folder: not a model: name a SavedModel's folder, or "):
        read_files(tmp_path / "folder")


def test_an_error_in_text_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "model.pbtxt"
    path.write_text('node {\n  name: "x"\n  opp: "Placeholder"\n}\n')
    assert "line 3" in message(path) and "opp" in message(path)
    path.write_text('node {\n  name: "x"\n')
    assert "line" in message(path)
    path.write_bytes(b'node { name: "\xff" }')
    assert "is not text in UTF-8" in message(path)
    path.write_text("  \n")
    assert "empty" in message(path)
    path.write_text("node { " + 'attr { key: "a" value { func { ' * 3000)
    assert "nested too deep" in message(path)
    loud = tmp_path / "MODEL.PBTXT"
    loud.write_text('\ufeffnode { name: "x" op: "Placeholder" }')
    assert read_tensorflow(loud).layer("x").type == "Placeholder"


def test_arguments_that_are_not_models_are_refused() -> None:
    with pytest.raises(ModelError, match=r"a\\x00b: not the path"):
        read_tensorflow("a\0b")
    with pytest.raises(ModelError, match="a dict is not a model: give a GraphDef"):
        read_tensorflow({})


def test_where_nodes_come_from_may_be_part_of_the_text() -> None:
    told = """
    debug_info {
      files: "net.py"
      frames_by_id { key: 7 value { file_index: 0 line: 12 col: 4 func: "call" code: "conv(x)" } }
      traces_by_id { key: 9 value { frame_id: [7, 7] } }
      traces { key: "y" value { file_line_cols { line: 12 } } }
      name_to_trace_id { key: "y" value: 9 }
    }
    """
    made = parse_tensorflow((written(small()) + told).encode())
    assert [n.name for n in made.node] == ["x", "w", "y"]
    assert made.debug_info.traces_by_id[9].frame_id == [7, 7]
    assert parse_tensorflow(made.SerializeToString()).debug_info == made.debug_info


# --- long values ---------------------------------------------------------------------------------


def stored(values: bytes) -> Any:
    """A graph whose weight has these values, in the main graph and in an attribute of a call."""
    weight = const("w", len(values) // 4)
    tensor = weight.attr["value"].tensor
    del tensor.float_val[:]
    tensor.tensor_content = values
    made = graph(weight, node("Relu", "y", "w"))
    made.node[1].attr["f"].func.attr["inner"].list.tensor.add().CopyFrom(tensor)
    return made


VALUES = bytes(range(256)) * 64
"""Every byte, and more of them than are parsed as a string."""


def test_values_of_weights_are_read_from_text_as_they_are() -> None:
    for values in (VALUES, VALUES[:64], b"\0" * 8):
        made = stored(values)
        assert parse_tensorflow(written(made).encode()) == made


def test_values_are_found_beside_comments_and_other_strings() -> None:
    lines = written(stored(VALUES)).splitlines()
    quoted = [line for line in lines if "tensor_content" in line]
    assert len(quoted) == 2
    before = """# don't "\nnode { name: 'a"#b' op: "say \\"'" }\n"""
    made = parse_tensorflow((before + "\n".join(lines)).encode())
    assert [n.name for n in made.node] == ['a"#b', "w", "y"]
    assert made.node[1].attr["value"].tensor.tensor_content == VALUES


def test_long_values_never_reach_the_parser_of_text(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = 0

    def noting(given: str, *rest: Any, **options: Any) -> Any:
        nonlocal longest
        longest = max(longest, *map(len, given.splitlines()))
        return parse(given, *rest, **options)

    parse = text_format.Parse
    monkeypatch.setattr(text_format, "Parse", noting)
    made = stored(VALUES)
    assert parse_tensorflow(written(made).encode()) == made
    assert 0 < longest < 100


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("end", ["{}", ""])
def test_other_strings_are_bounded(quote: str, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "_LONGEST", 100)
    long = quote + "a" * 100 + end.format(quote)
    with pytest.raises(ModelError, match=r"the model: line 2: a string of 10\d characters: save"):
        parse_tensorflow(f"node {{\n name: {long}".encode())
