"""What TensorFlow 1, Keras 3 and ``tf.function`` write is read, and decided where tables decide."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

import pytest_amct
from pytest_amct.graphs.network import Network
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.loader import load_spec

pytestmark = pytest.mark.skipif(find_spec("tensorflow") is None, reason="needs tensorflow")

SPEC = load_spec()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of models that a separate process writes: importing TensorFlow is slow."""
    made = tmp_path_factory.mktemp("exports")
    script = Path(__file__).parent / "tools" / "real_exports.py"
    run = subprocess.run([sys.executable, str(script), str(made)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    return made


def verdicts(network: Network) -> dict[tuple[str, str], int]:
    """Return how many layers with a row have which answer, by type."""
    layers = [layer for layer in network.layers if find_row(layer, SPEC) is not None]
    return dict(Counter((layer.type, pytest_amct.answer(layer).verdict) for layer in layers))


def both(folder: Path, name: str) -> dict[tuple[str, str], int]:
    """Return the answers on a graph, which must be alike in binary form and in text."""
    binary, text = (read_tensorflow(folder / f"{name}.{suffix}") for suffix in ("pb", "pbtxt"))
    assert [str(x) for x in text.layers] == [str(x) for x in binary.layers]
    assert verdicts(text) == verdicts(binary)
    return verdicts(binary)


FIRST_GENERATION = {
    ("Add", "quantizable"): 1,
    ("AddV2", "unspecified"): 2,
    ("MaxPool", "quantizable"): 1,
}


@pytest.mark.parametrize("name", ["fed", "resource", "fixed"])
def test_switched_batch_normalization_hides_no_layer(folder: Path, name: str) -> None:
    frozen = {("Conv2D", "quantizable"): 2, ("MatMul", "quantizable"): 1}
    # The convolution of one branch only: its weight comes through Switch.
    assert both(folder, f"{name}-frozen") == {
        **FIRST_GENERATION,
        **frozen,
        ("Conv2D", "unspecified"): 1,
    }
    variables = {("Conv2D", "unspecified"): 3, ("MatMul", "unspecified"): 1}
    assert both(folder, name) == {**FIRST_GENERATION, **variables}
    for form in (f"{name}-saved", f"{name}.meta"):
        assert verdicts(read_tensorflow(folder / form)) == {**FIRST_GENERATION, **variables}


def test_frozen_models_of_keras_3_are_decided(folder: Path) -> None:
    types = ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "MatMul", "MaxPool")
    decided = {(type_, "quantizable"): 1 for type_ in types}
    for name in ("keras-frozen", "export-frozen"):
        assert both(folder, name) == {**decided, ("AddV2", "unspecified"): 5}


def test_an_exported_model_of_keras_3_is_read_in_both_forms(folder: Path) -> None:
    binary, text = (verdicts(read_tensorflow(folder / n)) for n in ("keras", "keras-text"))
    assert binary == text
    assert {verdict for _, verdict in binary} == {"unspecified"}
    assert binary["Conv2D", "unspecified"] == binary["MatMul", "unspecified"] == 1


def test_layers_in_bodies_of_functions_are_forbidden_or_unspecified(folder: Path) -> None:
    assert both(folder, "functions") == {
        ("AddV2", "unspecified"): 3,
        ("Conv2D", "unspecified"): 1,
        ("Conv2D", "forbidden"): 1,
        ("MatMul", "unspecified"): 1,
        ("MatMul", "forbidden"): 1,
    }
