"""Hostile models and files given to ``explain`` and ``audit``: bounded time, one sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from cProfile import Profile
from pathlib import Path
from typing import Any

import pytest
from onnx import ModelProto
from tiny_models import model, node

from pytest_amct import cli, load_spec, read_onnx
from pytest_amct.asking import asked_by
from pytest_amct.audit import audit, with_findings
from pytest_amct.decisions.amct.simplified import read_simplified
from pytest_amct.decisions.read import read_outcome
from pytest_amct.errors import UsageError
from pytest_amct.graphs.finding import models_in
from pytest_amct.request_options import PLAIN, RequestOptions
from pytest_amct.verdicts import Finding, Policy

SPEC = load_spec()


def chain(count: int, name: str = "conv{}") -> ModelProto:
    """Return a chain of convolutions."""
    tensors = ["x", *(f"t{i}" for i in range(count - 1)), "y"]
    convs = [
        node("Conv", [tensors[i], "w"], [tensors[i + 1]], name.format(i), kernel_shape=[1, 1])
        for i in range(count)
    ]
    return model(*convs, w=(4, 4, 1, 1))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save(chain(3))
    return tmp_path


def save(made: ModelProto) -> None:
    Path("m.onnx").write_bytes(made.SerializeToString())


def calls(run: Callable[[], object]) -> int:
    profile = Profile()
    profile.enable()
    run()
    profile.disable()
    return sum(entry.callcount for entry in profile.getstats())


# --- files that could never end -------------------------------------------------------------------


SPECIAL = [os.mkfifo, lambda name: os.symlink("/dev/zero", name)]


@pytest.mark.parametrize("make", SPECIAL, ids=["pipe", "device"])
@pytest.mark.parametrize("name", ["s.onnx", "s.pb", "s.pbtxt", "s.meta", "s.prototxt"])
def test_a_model_that_is_not_a_regular_file(
    folder: Path, capsys: Any, make: Callable[[str], None], name: str
) -> None:
    make(name)  # reading it would block, or take all memory
    assert cli.main(["explain", name]) == 2
    assert f"{name}: cannot be read (not a regular file)" in capsys.readouterr().err


@pytest.mark.parametrize("make", SPECIAL, ids=["pipe", "device"])
@pytest.mark.parametrize("name", ["s.onnx", "s.json", "s.txt", "s.record", "s.tflite", "s"])
def test_a_result_that_is_not_a_regular_file(
    folder: Path, capsys: Any, make: Callable[[str], None], name: str
) -> None:
    make(name)
    assert cli.main(["audit", "m.onnx", name]) == 4
    assert "not a regular file" in capsys.readouterr().err


@pytest.mark.parametrize("make", SPECIAL, ids=["pipe", "device"])
@pytest.mark.parametrize("option", ["--config=s.cfg", "--spec=s.toml"])
def test_an_argument_that_is_not_a_regular_file(
    folder: Path, capsys: Any, make: Callable[[str], None], option: str
) -> None:
    make(option.partition("=")[2])
    Path("r.json").write_text("[]")
    assert cli.main(["audit", "m.onnx", "r.json", option]) == 4
    assert "cannot be read (not a regular file): name another file" in capsys.readouterr().err


def test_a_file_that_is_larger_than_any_model(folder: Path, capsys: Any) -> None:
    with open("m.onnx", "r+b") as file:
        file.truncate((1 << 31) + 1)  # a sparse file takes no room
    assert cli.main(["explain", "m.onnx"]) == 2
    assert "m.onnx: cannot be read (larger than 2 GiB)" in capsys.readouterr().err


# --- many layers of one name ----------------------------------------------------------------------


def test_layers_of_one_name_cost_no_more_than_they_are(folder: Path) -> None:
    for format_ in ("text", "json"):
        spent = []
        for count in (100, 100, 400):  # the first fills the caches of the process
            save(chain(count, "same"))
            command = ["explain", "m.onnx", "--layer=same", f"--format={format_}", "-o", "o.txt"]
            spent.append(calls(lambda: cli.main(command)))  # noqa: B023
        assert spent[2] < 6 * spent[1]


def test_text_shows_some_of_the_layers_of_one_name_and_json_all(folder: Path, capsys: Any) -> None:
    save(chain(60, "same"))
    assert cli.main(["explain", "m.onnx", "--layer=same"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("Conv 'same' of m.onnx") == 50
    assert "... and 10 more layers of this name" in shown
    assert cli.main(["explain", "m.onnx", "--layer=same", "--format=json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["models"]) == 60


def test_a_finding_is_about_one_of_the_layers_of_one_name() -> None:
    network = read_onnx(chain(3, "same"))
    outcome = read_outcome(network, {})
    found = audit(network, outcome, SPEC, Policy(), lambda layer: PLAIN)
    wrong = Finding("corrupted", "uniform/onnx/Conv", "", "Conv 'same'", "warned", "it is wrong")
    more = with_findings(found, [(1, wrong)])
    assert [wrong in record.findings for record in more.records] == [False, True, False]


# --- long configurations --------------------------------------------------------------------------


def test_a_configuration_that_names_every_layer(folder: Path) -> None:
    spent = []
    for count in (100, 100, 400):
        network = read_onnx(chain(count))
        lines = [f'skip_layers: "conv{i}"' for i in range(count)]
        Path("s.cfg").write_text("\n".join(lines))
        asked = asked_by(read_simplified("s.cfg"), PLAIN, network, SPEC)
        outcome = read_outcome(network, [])
        spent.append(calls(lambda: audit(network, outcome, SPEC, Policy(), asked)))  # noqa: B023
        assert len({id(asked(layer)) for layer in network.layers}) == 1
    assert spent[2] < 6 * spent[1]


def test_names_of_options_are_looked_up_in_sets() -> None:
    options = RequestOptions(skip_layers=("a", "b"), tensor_quantize=("c",))
    assert options.named("skip_layers") == frozenset("ab")
    assert options.named("tensor_quantize") == frozenset("c")
    assert options.given == {"skip_layers": ("a", "b"), "tensor_quantize": ("c",)}


# --- paths ----------------------------------------------------------------------------------------


LONG = "a" * 300
"""A name that no file can have."""


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["explain", f"{LONG}.onnx"], 2, "cannot be read (File name too long)"),
        (["explain", LONG], 2, "not a model"),
        (["explain", "m.onnx", f"-o{LONG}"], 4, "cannot be written (File name too long)"),
        (["explain", "m.onnx", f"-o{LONG}/a"], 4, "there is no such folder"),
        (["explain", "m.onnx", f"--write-skips={LONG}"], 4, "cannot be written (File name too"),
        (["audit", "m.onnx", f"{LONG}.json"], 4, "there is no such file"),
        (["audit", "m.onnx", LONG], 4, "there is no such file"),
    ],
)
def test_names_that_no_file_can_have(
    folder: Path, capsys: Any, arguments: list[str], status: int, words: str
) -> None:
    assert cli.main(arguments) == status
    assert words in capsys.readouterr().err


@pytest.fixture
def circles(folder: Path) -> Path:
    """A folder with models and with links that lead back to it."""
    for number in range(3):
        below = folder / "below" / str(number)
        below.mkdir(parents=True)
        (below / f"m{number}.onnx").write_bytes(Path("m.onnx").read_bytes())
        for link in range(3):
            (below / f"link{link}").symlink_to(folder)
    return folder


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("**/*.onnx", ["below/0/m0.onnx", "below/1/m1.onnx", "below/2/m2.onnx", "m.onnx"]),
        ("**/**/m*.onnx", ["below/0/m0.onnx", "below/1/m1.onnx", "below/2/m2.onnx", "m.onnx"]),
        ("below/**", ["below/0/m0.onnx", "below/1/m1.onnx", "below/2/m2.onnx"]),
        ("**/1/**/*.onnx", ["below/1/m1.onnx"]),
        ("below/?/*.onnx", ["below/0/m0.onnx", "below/1/m1.onnx", "below/2/m2.onnx"]),
        (".", ["below/0/m0.onnx", "below/1/m1.onnx", "below/2/m2.onnx", "m.onnx"]),
    ],
)
def test_links_are_not_followed_in_circles(circles: Path, named: str, found: list[str]) -> None:
    assert models_in([named]) == [Path(path) for path in found]
    absolute = [circles / path for path in found]
    assert models_in([os.path.join(circles, named)]) == absolute


@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_a_folder_that_cannot_be_read(folder: Path, mode: int) -> None:
    (folder / "closed").mkdir()
    (folder / "closed").chmod(mode)
    if os.access("closed/.", os.X_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(UsageError, match=r"closed: (cannot be read|the folder holds no model)"):
        models_in(["closed"])
    assert models_in(["."]) == [Path("m.onnx")]
