"""What `audit` says of what real tools make of whole networks. Each finding was checked by hand."""

from __future__ import annotations

from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import caffe_networks
import onnx
import pytest
from light_networks import filled, light
from tiny_models import parsed
from told import counts
from writing_keras import write_keras

from pytest_amct.audit import Audit, audit
from pytest_amct.decisions.decision import UNMATCHED
from pytest_amct.decisions.read import read_outcome
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.graphs.reading import read_files
from pytest_amct.quantizers.loading import load_quantizer
from pytest_amct.quantizers.running import make_request, private_copy
from pytest_amct.reports.auditing import Audited, sheet
from pytest_amct.request_options import RequestOptions
from pytest_amct.tables.loader import load_spec
from pytest_amct.verdicts import Policy


def audited(name: str, path: Path, folder: Path) -> tuple[Audit, Path | None]:
    """Give a model to a built-in quantizer. Return the audit, and the result if it is a file."""
    files = read_files(path)
    network, options = files.network(str(path)), RequestOptions()
    folder.mkdir()
    request = make_request(files, network, folder, options)
    made = load_quantizer(name).quantize(private_copy(request), request)
    if isinstance(made, onnx.ModelProto):
        onnx.save(made, folder / "result.onnx")
        made = folder / "result.onnx"
    spec = load_spec()
    outcome = read_outcome(network, made, spec)
    found = audit(network, outcome, spec, Policy(), lambda layer: options)
    return found, made if isinstance(made, Path) else None


def findings(found: Audit) -> dict[tuple[str, str], int]:
    """Return how many findings there are of each kind and condition."""
    return dict(Counter((f.kind, f.condition) for f in found.findings))


def decided(found: Audit, type_: str) -> dict[str, int]:
    """Return how many layers of a type were found in which way."""
    both = zip(found.network.layers, found.records, strict=True)
    return dict(Counter(record.decided for layer, record in both if layer.type == type_))


def between_integers(result: Path, type_: str) -> int:
    """Return how many nodes of a type read only what is dequantized, and are quantized again.

    Mean and variance of a normalization do not count: integer kernels take them in float.
    """
    graph = onnx.load(result, load_external_data=False).graph
    made = {name: node.op_type for node in graph.node for name in node.output}
    readers: dict[str, list[str]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node.op_type)
    count = 0
    for node in graph.node:
        if node.op_type == type_:
            given = [made.get(name) for name in node.input[:3]]
            after = readers.get(node.output[0], [])
            count += set(given) == {"DequantizeLinear"} and set(after) == {"QuantizeLinear"}
    return count


NO_ROW = "uniform/onnx/unlisted"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected", "pools"),
    [
        # Every normalization works on integers, its scale included: no neighbour explains that. So
        # does Softmax, behind which nothing stands. Before the AveragePool are Sum and Relu in
        # float. The MaxPool stands between two quantized layers.
        (
            "resnet50",
            {
                ("over-quantized", f"{NO_ROW}/BatchNormalization"): 53,
                ("over-quantized", f"{NO_ROW}/Softmax"): 1,
                ("not-quantized", "uniform/onnx/AveragePool"): 1,
            },
            {"MaxPool": counts("unknown"), "AveragePool": counts("float")},
        ),
        (
            "shufflenet",
            {
                ("over-quantized", f"{NO_ROW}/BatchNormalization"): 49,
                ("over-quantized", f"{NO_ROW}/Softmax"): 1,
                ("not-quantized", "uniform/onnx/AveragePool"): 1,
            },
            {"MaxPool": counts("unknown"), "AveragePool": counts("float, unknown 3")},
        ),
        # Softmax of opset 13 is written between Flatten and Reshape, and it is quantized. But a
        # Reshape that reads its pair goes to a pair as well: the form does not show whose it is.
        (
            "squeezenet",
            {},
            {"MaxPool": counts("unknown 3"), "GlobalAveragePool": counts("unknown")},
        ),
    ],
)
def test_onnxruntime(
    name: str,
    expected: dict[tuple[str, str], int],
    pools: dict[str, dict[str, int]],
    tmp_path: Path,
) -> None:
    pytest.importorskip("onnxruntime")
    path = tmp_path / "model.onnx"
    onnx.save(filled(name), path)
    found, result = audited("onnxruntime", path, tmp_path / "work")
    assert findings(found) == expected
    assert {type_: decided(found, type_) for type_ in pools} == pools
    for type_ in ("Conv", "Gemm"):
        assert set(decided(found, type_)) <= {"quantized"}
    assert result is not None
    accused = expected.get(("over-quantized", f"{NO_ROW}/BatchNormalization"), 0)
    assert between_integers(result, "BatchNormalization") == accused
    assert {finding.basis for finding in found.findings} <= {"stated"}


@pytest.mark.slow
def test_onnxruntime_on_weights_that_an_operator_makes(tmp_path: Path) -> None:
    """Such a weight is quantized like data, with an offset: a Gemm must not have one."""
    pytest.importorskip("onnxruntime")
    found, _ = audited("onnxruntime", light("resnet50"), tmp_path / "work")
    assert findings(found) == {
        ("over-quantized", f"{NO_ROW}/BatchNormalization"): 53,
        ("over-quantized", f"{NO_ROW}/Softmax"): 1,
        ("over-quantized", "settings/onnx/Gemm/asymmetric"): 1,
        ("not-quantized", "uniform/onnx/AveragePool"): 1,
    }
    assert decided(found, "Conv") == counts("quantized 53")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # nncf has a factor for each channel of a Gemm's weight. Its normalizations stay in float.
        ("resnet50", {("over-quantized", "settings/onnx/Gemm/channel_wise"): 1}),
        # It dequantizes the data of normalizations behind convolutions in groups. In front of a
        # Sum their output is quantized, too. But that Sum may be quantized with its Relu: its
        # pairs and those of the convolution explain the same file.
        ("shufflenet", {("over-quantized", "settings/onnx/Gemm/channel_wise"): 1}),
    ],
)
def test_nncf(name: str, expected: dict[tuple[str, str], int], tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    path = tmp_path / "model.onnx"
    onnx.save(filled(name), path)
    found, _ = audited("nncf", path, tmp_path / "work")
    assert findings(found) == expected
    assert set(decided(found, "Conv")) == {"quantized"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # OpenCV names the type of each layer: SoftmaxInt8, BatchNormInt8, ScaleInt8, PoolingInt8.
        # It has none for LRN, Normalize, PriorBox and DetectionOutput.
        ("alexnet", {"unlisted/Softmax": 1}),
        ("vgg", {"unlisted/Softmax": 1}),
        (
            "resnet",
            {
                "unlisted/BatchNorm": 6,
                "unlisted/Scale": 6,
                "unlisted/Softmax": 1,
                "Pooling/global_pooling": 1,
            },
        ),
        ("mobilenet", {"unlisted/BatchNorm": 5, "unlisted/Scale": 5, "unlisted/Softmax": 1}),
        ("ssd", {"unlisted/Softmax": 1}),
        ("inception", {"unlisted/Softmax": 1}),
        ("old", {"unlisted/Softmax": 1, "Eltwise/operation": 1}),
    ],
)
def test_opencv(name: str, expected: dict[str, int], tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    prototxt = caffe_networks.NETS[name]()
    (tmp_path / "net.prototxt").write_text(prototxt, encoding="utf-8")
    (tmp_path / "net.caffemodel").write_bytes(caffe_networks.caffemodel(prototxt))
    found, _ = audited("opencv", tmp_path / "net.prototxt", tmp_path / "work")
    assert findings(found) == {
        ("over-quantized", f"uniform/caffe/{condition}"): n for condition, n in expected.items()
    }
    able = [record.decided for record in found.records if record.verdict == "quantizable"]
    assert set(able) == {"quantized"}


@pytest.mark.slow
@pytest.mark.skipif(find_spec("tensorflow") is None, reason="needs tensorflow")
def test_tflite(tmp_path: Path) -> None:
    """MEAN works on INT8, and FULLY_CONNECTED has a factor for each of its eight outputs.

    The converter folds normalizations, so their additions are not in the result. That does not
    mean that it was made of another model. It renames the last layer, Softmax.
    """
    write_keras(tmp_path / "keras", "MobileNetV2")
    path = tmp_path / "keras" / "MobileNetV2-frozen.pb"
    with pytest.warns(UserWarning, match="Statistics for quantized inputs"):
        found, _ = audited("tflite", path, tmp_path / "work")
    assert findings(found) == {
        ("over-quantized", "uniform/tensorflow/unlisted/Mean"): 1,
        ("over-quantized", "settings/tensorflow/MatMul/channel_wise"): 1,
    }
    for type_ in ("Conv2D", "DepthwiseConv2dNative", "MatMul"):
        assert set(decided(found, type_)) == {"quantized"}
    # The residuals; of each normalization, two additions are folded.
    assert decided(found, "AddV2") == counts("quantized 10, unmatched 104")
    assert decided(found, "Softmax") == counts("unmatched")
    told = sheet(Audited("model", "result", found, lambda layer: RequestOptions()))
    assert not any("was it made of this model" in said for said in told.sentences)


@pytest.mark.parametrize(("lost", "asked"), [("sum", False), ("conv", True)])
def test_layers_with_a_weight_tell_whether_it_is_the_same_model(
    lost: str, asked: bool, tmp_path: Path
) -> None:
    made = parsed(
        """g (float[1, 4, 8, 8] x) => (float[1, 4, 8, 8] y)
        <float[4, 4, 1, 1] w = {}, float[1] k = {1.0}>
        { [conv] c = Conv (x, w) [sum0] a = Add (c, k)
        [sum1] b = Add (a, k) [sum2] y = Add (b, k) }"""
    )
    network, options = read_onnx(made), RequestOptions()
    told = {layer.name: UNMATCHED for layer in network.layers if layer.name.startswith(lost)}
    outcome = read_outcome(network, told)
    found = audit(network, outcome, load_spec(), Policy(), lambda layer: options)
    said = sheet(Audited("model", "result", found, lambda layer: options)).sentences
    assert any("was it made of this model" in one for one in said) is asked
