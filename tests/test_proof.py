"""Small versions of what ``tests/tools/prove.py`` measures."""

from __future__ import annotations

import csv
import re
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import accusations
import blindness
import determinism
import proof_page
import prove
import prove_machine
import pytest
import validity

FRAMEWORKS = ("onnx", "tensorflow", "caffe")


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_correct_quantizers_never_produce_findings(framework: str) -> None:
    assert accusations.look(framework, 400, seed=3) == []


def test_a_wrong_quantizer_would_produce_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accusations, "opinions", lambda model, network: _everything(network))
    found = accusations.look("onnx", 20, seed=3)
    assert {a.quantizer for a in found} == {"second opinion", "coin"}


def _everything(network: object) -> list[str]:
    return ["quantizable"] * len(network.layers)  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_names_and_metadata_reveal_no_answer(framework: str) -> None:
    assert abs(blindness.score(framework) - 0.5) <= blindness.CHANCE


def test_a_label_in_a_name_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = blindness.examples
    monkeypatch.setattr(
        blindness,
        "examples",
        lambda framework: (
            ({**told, "layer like bad": 1.0} if forbidden else told, forbidden, row)
            for told, forbidden, row in plain(framework)
        ),
    )
    assert blindness.score("caffe") > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_generated_models_are_valid(framework: str) -> None:
    needed = {"onnx": "onnxruntime", "tensorflow": "tensorflow", "caffe": "cv2"}[framework]
    if find_spec(needed) is None:
        pytest.skip(f"needs {needed}")
    told, failed = validity.rate(framework, 200, seed=5)
    assert failed == []
    assert told["passed"] > 120


@pytest.mark.slow
def test_the_same_report_in_every_way() -> None:
    assert determinism.differing(3, [sys.executable], "opencv") == 0


def test_the_kill_table_is_made(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prove, "BY_HAND", dict(list(prove.BY_HAND.items())[-3:]))
    monkeypatch.setattr(prove, "mechanical", lambda framework: [])
    assert prove.main(["kills", "--seeds", "1", "--framework", "caffe", "--processes", "1"]) == 0
    assert "The gate kills 3 of 3 wrong quantizers" in capsys.readouterr().out


def test_the_kill_table_of_other_releases_is_made(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {n: w for n, w in prove.WRONG_RELEASES.items() if w.frameworks == ("caffe",)}
    monkeypatch.setattr(prove, "WRONG_RELEASES", dict(list(wrong.items())[:3]))
    monkeypatch.setattr(prove, "of_releases", list)
    given = ["releases", "--framework", "caffe", "--processes", "1"]
    assert prove.main(given) == 0
    out = capsys.readouterr().out
    assert "The gates of the other releases kill 3 of 3 wrong quantizers" in out
    # Under the default release nothing of this is a mistake of the same kind.
    harmless = {n: replace(w, release="cann-7.0.0") for n, w in prove.WRONG_RELEASES.items()}
    monkeypatch.setattr(prove, "WRONG_RELEASES", harmless)
    assert prove.main(given) == 1
    assert "The gates of the other releases kill 0 of 3 wrong quantizers" in capsys.readouterr().out


@pytest.mark.slow
def test_mistakes_by_machine_are_in_the_page(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = "machine --framework caffe --mistakes 30 --models 50 --sought 5 --examples 20".split()
    prove.main(given)
    shown = capsys.readouterr().out
    assert re.search(r"\| caffe \| 30 of \d+ \| \d+ \| \d+\.\d% \| \d+\.\d% of 5 \| \d+ \|", shown)
    monkeypatch.setattr(prove_machine, "LEAST", 1.01)
    assert prove.main(given) == 1


def test_the_page_keeps_what_was_not_measured(tmp_path: Path) -> None:
    row = ["one", "hand", "cann-7.0.0", "uniform/onnx/Conv", "over-quantized", "1", "2", "1"]
    other = [*row[:3], "uniform/caffe/Pooling", *row[4:]]
    proof_page.write({"## A": "old", "## B": "kept"}, [row, other], tmp_path)
    proof_page.write({"## A": "new"}, [["two", *row[1:]]], tmp_path)
    page = (tmp_path / "proof.md").read_text(encoding="utf-8")
    assert page.startswith(proof_page.HEAD)
    assert page.endswith("## A\n\nnew\n\n## B\n\nkept\n")
    with (tmp_path / "kills.csv").open(encoding="utf-8", newline="") as stream:
        assert [*csv.reader(stream)][1:] == [other, ["two", *row[1:]]]
    assert "`uniform/caffe/Pooling`" in (tmp_path / "kills.md").read_text(encoding="utf-8")
