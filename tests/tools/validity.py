"""Check with other parsers that generated models are valid.

    python tests/tools/validity.py --framework onnx --models 10000

It runs cases and networks, drawn as in explore, in onnxruntime (after onnx.checker), TensorFlow or
OpenCV, and prints how many pass. `EXCEPTIONS` lists legal models that a parser does not support,
with the reason. Every other failure is an error.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

import numpy as np
import onnx
from onnx.defs import onnx_opset_version
from running_tensorflow import lacks_kernel, run

from pytest_amct.cases import catalog, networks
from pytest_amct.cases.naming import STYLES
from pytest_amct.cases.networks import NetworkCase
from pytest_amct.cases.plan import Built, Case
from pytest_amct.cases.requests import needs
from pytest_amct.cases.strategies import every_deviation
from pytest_amct.frameworks import BLOBS_FILE
from pytest_amct.ids import Item

_MOST_ITEMS = 8


def drawn(framework: str, seed: int) -> Iterator[tuple[str, Built]]:
    """Yield single cases and networks without end, the same for the same seed."""
    rng = Random(f"{seed}/{framework}")
    groups = catalog.groups(frameworks=(framework,))
    while True:
        for _, case in every_deviation(rng.choice(groups), frozenset(), rng):
            yield case.id, case.build()
        for _ in range(5):
            case = random_network(framework, rng, _MOST_ITEMS)
            yield case.id, case.build()
        for _ in range(20):
            drawn_case = random_case(rng.choice(groups), rng)
            yield drawn_case.id, drawn_case.build()


def random_case(group: str, rng: Random) -> Case:
    """Return a random case of a group whose deviation is drawn."""
    listed = [n for n, c in catalog.deviations(group).items() if not needs(c)]
    base = rng.choice((listed[0], rng.choice(listed)))
    numbers = rng.randbytes(rng.choice((6, 12, 24, 48, 80)))
    deviation = catalog.draw(group, base, numbers, onnx_opset_version())
    varied = tuple(rng.sample((*STYLES, "typed"), rng.choice((0, 0, 1))))
    return catalog.make_case(group, deviation, rng.choice(catalog.contexts(group, base)), varied)


def random_network(framework: str, rng: Random, most: int) -> NetworkCase:
    """Return a random network of up to `most` layers of the catalogue."""
    everything = networks.everything(framework)
    items = tuple(
        Item(*rng.choice(everything), rng.randint(0, 3), rng.randint(0, 3))
        for _ in range(rng.randint(1, most))
    )
    some = rng.sample([*networks.variations(framework)], rng.randint(0, 2))
    return NetworkCase(items, None, tuple(v for v in some if not v.startswith("opset")))


def _onnx(built: Built) -> None:
    """Run a model once, in a session without optimizations."""
    import onnxruntime

    onnx.checker.check_model(built.data, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(built.data, options, providers=["CPUExecutionProvider"])
    feeds = {given.name: _fed(onnxruntime, given) for given in session.get_inputs()}
    session.run_with_ort_values(None, feeds)


def _fed(onnxruntime: Any, given: Any) -> Any:
    """Return ones; open dimensions are 1."""
    dtype = given.type.removeprefix("tensor(").removesuffix(")")
    sizes = [n if isinstance(n, int) else 1 for n in given.shape]
    if dtype == "bfloat16":  # numpy has no bfloat16
        ones = np.full(sizes, 0x3F80, np.uint16)
        number = onnx.TensorProto.BFLOAT16
        return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(ones, number)
    ones = np.ones(sizes, {"float": "float32", "double": "float64"}.get(dtype, dtype))
    return onnxruntime.OrtValue.ortvalue_from_numpy(ones)


def _tensorflow(built: Built) -> None:
    try:
        run(built.data)
    except Exception as error:
        if lacks_kernel(error):
            raise RuntimeError(f"oneDNN is off: {error}") from None
        raise


def _caffe(built: Built) -> None:
    import cv2

    from pytest_amct.graphs.walk import shape

    cv2.utils.logging.setLogLevel(0)
    net = cv2.dnn.readNetFromCaffe(
        np.frombuffer(built.data, np.uint8), np.frombuffer(built.files[BLOBS_FILE], np.uint8)
    )
    for tensor in built.native.network().inputs:
        sizes = [n if isinstance(n, int) else 1 for n in shape(tensor) or ()]
        net.setInput(np.full(sizes, 0.5, np.float32), tensor.name)
    net.forward(net.getUnconnectedOutLayersNames())


def _caffe_apart(built: Built) -> None:
    """Run a net in a separate process, because OpenCV may crash on what it does not support."""
    receive, send = os.pipe()
    child = os.fork()
    if not child:
        os.close(receive)
        faulthandler.disable()  # the exit status shows a crash
        try:
            _caffe(built)
        except Exception as error:
            os.write(send, str(error).encode()[-2000:])
        os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as pipe:
        said = pipe.read().decode("utf-8", "replace").replace("\n", " ")
    _, status = os.waitpid(child, 0)
    if said or status:
        raise RuntimeError(said or f"status {status}")


PARSERS: Mapping[str, Callable[[Built], None]] = {
    "onnx": _onnx,
    "tensorflow": _tensorflow,
    "caffe": _caffe_apart,
}

EXCEPTIONS: Mapping[str, Mapping[str, str]] = {
    "onnx": {
        r"NOT_IMPLEMENTED|No Op registered|is not a registered": (
            "onnxruntime has no CPU kernel for the type, or no such domain"
        ),
    },
    "tensorflow": {
        r"oneDNN is off": "TensorFlow's own kernels do not support NCHW and most dilations",
        r"~.*(only supports (the )?NHWC|support dilation|dilated rates of 1)": (
            "oneDNN has no kernel for the element type, or in a function"
        ),
    },
    "caffe": {
        r"stochastic.*Not implemented": "OpenCV does not support STOCHASTIC pooling",
        r"(true-absent|~layer).*Cannot determine pooling type": (
            "OpenCV requires `pool` in a global Pooling"
        ),
        r"(twin|phases).*(Duplicate|already)": "OpenCV reads the layers of every phase",
        r"dummy.*not found": "OpenCV does not know DummyData",
        r"hdf5.*not found": "OpenCV does not know HDF5Data",
        r"gradients.*blobFromProto": "OpenCV reads no blobs of integers",
        r"LSTM.*blobs": "OpenCV requires the blobs of an LSTM",
        r"among-parameters": "OpenCV mixes the parameters of a layer with those of other types",
        r"dilation@.*zero.*dilations": "OpenCV refuses a dilation of zero",
        r"@text.*blobs": "OpenCV reads blobs from the caffemodel alone",
        r"unlisted.*Can't create layer": "OpenCV does not have the type",
        r"inputs\[0\].size\(\) >= 2": "OpenCV's Eltwise does not take one dimension",
        r"Tile: repeats": "OpenCV does not run Caffe's Tile",
        r"@(5-axis-0|4-axis-2)": "OpenCV ignores the axis of a convolution",
        r"pads.*dense.*Failed to parse": (
            "OpenCV reads no comma behind a field that it does not know"
        ),
        r"pads.*kernel": "OpenCV loses the fields of a layer that has one which it does not know",
        r"no-blobs": "OpenCV does not support a convolution without blobs",
        r"has_raw_data": "OpenCV does not read blobs of doubles",
        r"Convolution/weight_rank@5-kernel-once": "OpenCV reads a single kernel_size as two axes",
        r"Deconvolution/weight_rank@[35]|Deconvolution.*~layer.*(unsupported|dims ==)": (
            "OpenCV's Deconvolution supports only images"
        ),
        r"Deconvolution.*(~layer|/dilation@).*(maskTotal|channels|shape)": (
            "OpenCV's Deconvolution ignores the dilation, so that the next layer gets another size"
        ),
    },
}
"""Known limits of parsers: the reason, by a pattern of the case's id and the parser's message."""


def rate(framework: str, count: int, seed: int) -> tuple[Counter[str], list[tuple[str, str]]]:
    """Return how many passed or failed for each known reason, and the unexplained failures."""
    told: Counter[str] = Counter()
    failed = []
    for (name, built), _ in zip(drawn(framework, seed), range(count), strict=False):
        try:
            PARSERS[framework](built)
        except Exception as error:
            text = f"{name}: {error}".replace("\n", " ")
            known = (why for p, why in EXCEPTIONS[framework].items() if re.search(p, text))
            why = next(known, "")
            if not why:
                failed.append((name, str(error)))
            told[why or "failed"] += 1
        else:
            told["passed"] += 1
    return told, failed


def main() -> None:
    """Run the models, print the rates, and fail if there is an unexplained failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--framework", choices=PARSERS, required=True)
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    told, failed = rate(given.framework, given.models, given.seed)
    for name, error in failed[:10]:
        print(f"FAILED {name}\n  {error[:300]}")
    excused = sum(n for why, n in told.items() if why not in ("passed", "failed"))
    judged = given.models - excused
    print(f"{given.framework}: {told['passed']} of {judged} valid, {excused} not supported")
    for why, number in told.most_common():
        print(f"  {number:6} {why}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
