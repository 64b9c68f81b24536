"""What `explain` says of networks of Keras, frozen and not, with numbers counted by hand.

The numbers follow from the table that docs/reading.md reads, that of CANN 7.0.0 unless a test names
another release. Comments say why.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import pytest
from told import counts, explained, reasons, types
from writing_keras import write_keras

from pytest_amct.graphs import walk
from pytest_amct.graphs.tensorflow.reader import read_tensorflow

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("tensorflow") is None, reason="needs tensorflow"),
]

FREEZE = "freeze the variables"
INLINE = "inline the functions"
NAMED_ADD = "write it as Add"

# Keras writes a BatchNormalization as x * scale + shift: one Mul and one AddV2 of data, besides an
# AddV2 of the variance and a constant, and others of weights alone. The document names Add, not
# AddV2. Pooling over the whole map is Mean. Swish is Sigmoid, Mul and IdentityN.
KERAS: Mapping[str, tuple[dict[str, int], dict[str, int], int]] = {
    # 52 normalizations and 10 residuals.
    "MobileNetV2": (
        counts("Conv2D 35, DepthwiseConv2dNative 17, MatMul"),
        counts("Mul 52, Relu6 35, Pad 4, Mean, BiasAdd, Softmax"),
        52 + 10,
    ),
    # 53 normalizations and 16 residuals; every convolution has a bias.
    "ResNet50": (
        counts("Conv2D 53, MaxPool, MatMul"),
        counts("Mul 53, BiasAdd 54, Relu 49, Pad 2, Mean, Softmax"),
        53 + 16,
    ),
    # 49 normalizations, 9 residuals, and a shift of the image. 16 blocks squeeze and excite.
    "EfficientNetB0": (
        counts("Conv2D 65, DepthwiseConv2dNative 16, MatMul"),
        counts(
            "Mul 164, Sigmoid 65, IdentityN 49, BiasAdd 33, Mean 17, Reshape 16, Pad 5, Sub"
            ", RealDiv, Softmax"
        ),
        49 + 9 + 1,
    ),
    "InceptionV3": (
        counts("Conv2D 94, AvgPool 9, MaxPool 4, MatMul"),
        counts("Mul 94, Relu 94, ConcatV2 15, Mean, BiasAdd, Softmax"),
        94,
    ),
    "DenseNet121": (
        counts("Conv2D 120, AvgPool 3, MaxPool, MatMul"),
        counts("Mul 121, Relu 121, ConcatV2 58, Pad 2, Mean, BiasAdd, Softmax"),
        121,
    ),
}


@pytest.fixture
def keras_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for the models of one network; it is removed, as they have up to 200 MB."""
    yield tmp_path / "keras"
    shutil.rmtree(tmp_path / "keras", ignore_errors=True)


def check_data(path: Path) -> None:
    """Check that data is followed in one step as it is from each tensor."""
    one, other = (read_tensorflow(path) for _ in range(2))
    fed = walk.note_fed(one)
    for layer, twin in zip(one.layers, other.layers, strict=True):
        for made, same in zip(layer.outputs, twin.outputs, strict=True):
            assert made is None or same is None or fed[made] == walk.is_fed(same), str(layer)


@pytest.mark.parametrize("name", KERAS)
def test_applications_of_keras(name: str, keras_folder: Path) -> None:
    write_keras(keras_folder, name)
    able, forbidden, adds = KERAS[name]
    weighted = {t: n for t, n in able.items() if t not in ("AvgPool", "MaxPool")}
    pools = {t: n for t, n in able.items() if t not in weighted}
    spelling = "uniform/tensorflow/Add/spelling"

    frozen = explained(read_tensorflow(keras_folder / f"{name}-frozen.pb"))
    assert types(frozen, "quantizable") == able
    assert types(frozen, "forbidden") == forbidden
    assert types(frozen, "unspecified") == {"AddV2": adds}
    assert reasons(frozen) == {
        "unlisted": (sum(forbidden.values()), "forbidden", ""),
        spelling: (adds, "unspecified", NAMED_ADD),
    }

    check_data(keras_folder / f"{name}-frozen.pb")
    check_data(keras_folder / name)

    # Variables: nothing is known of the weights, nor of the additions of their variances.
    variances = forbidden["Mul"] if name != "EfficientNetB0" else 49
    of_weights = {
        f"uniform/tensorflow/{t}/weight_source": (n, "unspecified", FREEZE)
        for t, n in weighted.items()
    }
    captured = explained(read_tensorflow(keras_folder / f"{name}-variables.pb"))
    assert types(captured, "quantizable") == pools
    assert reasons(captured) == {
        "unlisted": (sum(forbidden.values()), "forbidden", ""),
        spelling: (adds + variances, "unspecified", NAMED_ADD),
        **of_weights,
    }

    # As exported, all is in the body of a function, too. What saves and restores is not counted.
    # Nor are the gradients of swish: EfficientNetB0 holds 49 AddV2 in functions that nothing calls.
    exported = explained(read_tensorflow(keras_folder / name))
    assert types(exported, "quantizable") == {}
    assert types(exported, "forbidden") == forbidden
    assert reasons(exported) == {
        "unlisted": (sum(forbidden.values()), "forbidden", ""),
        spelling: (adds + variances, "unspecified", NAMED_ADD),
        **of_weights,
        **{f"uniform/tensorflow/{t}/nested": (n, "unspecified", INLINE) for t, n in pools.items()},
    }


def test_a_transformer_of_keras(keras_folder: Path) -> None:
    write_keras(keras_folder, "transformer")
    found = explained(read_tensorflow(keras_folder / "transformer-frozen.pb"))
    assert types(found, "quantizable") == counts("MatMul 2")  # the two layers behind the attention
    # Keras multiplies the data by a Reshape of each kernel of the attention. The document does not
    # decide such a chain. The products of computed values are Einsum, which has no row.
    assert types(found, "unspecified") == counts("BatchMatMulV2 4, AddV2 11")
    assert types(found, "forbidden")["Einsum"] == 2
    fold = "fold the operators behind the second input into a stored constant"
    name = "uniform/tensorflow/BatchMatMulV2/second_input"
    assert reasons(found)[name] == (4, "unspecified", fold)
    exported = explained(read_tensorflow(keras_folder / "transformer"))
    assert reasons(exported)[name] == (4, "unspecified", FREEZE)
