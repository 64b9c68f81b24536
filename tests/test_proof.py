"""Small versions of what ``tests/tools/prove.py`` measures."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.util import find_spec

import accusations
import blindness
import determinism
import prove
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
    assert told["passed"] > 150


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
    assert "**survives**" in capsys.readouterr().out
