"""Measure what `explain` and `--amct-model` cost on large models, in processor time and memory.

python benchmarks/models.py          # prints a table; exit status 1 if a bound is not met

Other tools are measured on the same ONNX model, if they are installed: onnx-ir, and onnxruntime's
mobile usability checker. Each figure is a ratio within one run.
"""

from __future__ import annotations

import gc
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

LARGE, SMALL, GIVEN = 99_999, 999, 49_998
"""Numbers of layers: of the large models, of the small one, of the model for ``--amct-model``."""

Line = tuple[str, float, str, float | None]
"""What was measured, the value, its unit, and its bound if it has one."""


def main() -> int:
    """Measure everything, print it, and return 1 if a bound is not met, else 0."""
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for what, value, unit, bound in measured(Path(folder)):
            met = bound is None or value <= bound
            failed |= not met
            end = "" if bound is None else f" (bound <= {bound}){'' if met else '   <-- not met'}"
            print(f"{what:<66} {value:8.2f} {unit}{end}", flush=True)
    return int(failed)


def measured(folder: Path) -> Iterator[Line]:
    """Yield the figures, one after the other."""
    large = write_onnx(folder / "large.onnx", LARGE)
    small = write_onnx(folder / "small.onnx", SMALL)
    base = median(cpu(lambda: parse_infer_and_pass(large)) for _ in range(3))
    ours = median(cpu(lambda: explained(large)) for _ in range(3))
    yield f"explain {LARGE} layers / (load + shape inference + pass)", ours / base, "", 1.2
    growth = math.log(ours / median(cpu(lambda: explained(small)) for _ in range(9)))
    yield "growth exponent of explain", growth / math.log(LARGE / SMALL), "", 1.05
    used, parse = memory("explained", large), memory("parsed", large)
    yield "peak memory of explain / of the parsed message", used / parse, "", 2.0
    for name, write, parsing in (
        ("GraphDef", write_graph, parse_graph_and_pass),
        ("prototxt", write_prototxt, parse_prototxt_and_pass),
    ):
        path = write(folder, LARGE)
        ratio = cpu(lambda p=path: explained(p)) / cpu(lambda p=path, f=parsing: f(p))  # type: ignore[misc]
        yield f"explain {LARGE} layers of a {name} / (parse + pass)", ratio, "", None
    given = write_onnx(folder / "given.onnx", GIVEN)
    yield f"--amct-model / explain, whole commands, {GIVEN} layers", given_model(given), "", 3.0
    for name, call in others():
        yield f"{name} / explain, {LARGE} layers", cpu(lambda f=call: f(large)) / ours, "", None  # type: ignore[misc]


def cpu(call: Callable[[], object]) -> float:
    """Return the processor time of a call in seconds."""
    gc.collect()
    start = time.process_time()
    call()
    return time.process_time() - start


# --- what is measured -----------------------------------------------------------------------------


def explained(path: Path) -> str:
    """Read a model, answer for each layer, and say so in a sentence."""
    from pytest_amct.explain import explain
    from pytest_amct.graphs.reading import read_model
    from pytest_amct.reports.explaining import sentence
    from pytest_amct.tables.loader import load_spec

    (found,) = explain(read_model(path), [load_spec()], name=str(path))
    return sentence(found)


def parsed(path: Path) -> object:
    """Parse an ONNX model."""
    import onnx

    return onnx.load(path)


def parse_infer_and_pass(path: Path) -> int:
    """Do what any tool has to do: parse, infer shapes, look at each node and its attributes."""
    import onnx
    from onnx import helper

    model = onnx.load(path)
    onnx.shape_inference.infer_shapes(model)
    seen = 0
    for node in model.graph.node:
        seen += len(node.name) + len(node.op_type) + len(node.input) + len(node.output)
        seen += sum(helper.get_attribute_value(a) is not None for a in node.attribute)
    return seen


def parse_graph_and_pass(path: Path) -> int:
    """Parse a GraphDef, and look at each node and its attributes."""
    from pytest_amct.graphs.tensorflow.schema import schema

    graph = schema().GraphDef()
    graph.ParseFromString(path.read_bytes())
    seen = 0
    for node in graph.node:
        seen += len(node.name) + len(node.op) + len(node.input)
        seen += sum(value.WhichOneof("value") is not None for value in node.attr.values())
    return seen


def parse_prototxt_and_pass(path: Path) -> int:
    """Parse a prototxt, and look at each layer and its fields."""
    from google.protobuf import text_format  # type: ignore[import-untyped]

    from pytest_amct.graphs.caffe.schema import message

    net = message("NetParameter")
    text_format.Parse(path.read_text(), net)
    return sum(len(field.name) for layer in net.layer for field, _ in layer.ListFields())


def memory(name: str, path: Path) -> float:
    """Return by how many MB a function of this module raises the memory of a new process."""
    code = f"import models, pathlib; models.print_memory({name!r}, pathlib.Path({str(path)!r}))"
    command = [sys.executable, "-c", code]
    here = Path(__file__).parent
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)
    return float(done.stdout)


def print_memory(name: str, path: Path) -> None:
    """Print by how many MB a function raises the peak memory, once its modules are imported."""
    call: Callable[[Path], object] = globals()[name]
    call(write_onnx(path.with_name("tiny.onnx"), 3))
    before = peak()
    kept = call(path)
    print(peak() - before)
    del kept


def peak() -> float:
    """Return the peak memory of this process in MB; `resource` would count that of its parent."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


QUANTIZER = "def quantize(model, request):\n    return [n.name for n in model.graph.node[:1000]]\n"


def given_model(path: Path) -> float:
    """Return how many times the processor time of explain ``--amct-model`` takes."""
    path.with_name("toy.py").write_text(QUANTIZER)
    path.with_name("pytest.ini").write_text("[pytest]\namct_quantizer = toy:quantize\n")
    pytest_ = ["-m", "pytest", "--amct", f"--amct-model={path}", "-q", "-p", "no:cacheprovider"]
    explain = ["-m", "pytest_amct", "explain", str(path)]
    return children(pytest_, path.parent) / children(explain, path.parent)


def children(arguments: list[str], folder: Path) -> float:
    """Return the processor time of a Python process, its children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def others() -> Iterator[tuple[str, Callable[[Path], object]]]:
    """Yield other tools that read a model and say something of it, as far as they are installed."""
    with suppress(ImportError):
        import onnx_ir  # type: ignore[import-not-found, unused-ignore]

        yield "onnx-ir, loading alone", onnx_ir.load
    with suppress(ImportError):
        import logging

        from onnxruntime.tools.mobile_helpers import usability_checker

        logger = logging.getLogger("usability")
        logger.setLevel(logging.ERROR)
        yield (
            "onnxruntime's usability checker",
            lambda path: usability_checker.analyze_model(path, logger=logger),
        )


# --- models ---------------------------------------------------------------------------------------


def write_onnx(path: Path, layers: int) -> Path:
    """Write a chain of residual blocks: a convolution, an activation, a sum."""
    import numpy as np
    from onnx import helper, numpy_helper

    nodes, weights, last = [], [], "x"
    for i in range(layers // 3):
        weight = np.full((4, 4, 1, 1), 1 + i % 7, np.float32)
        weights.append(numpy_helper.from_array(weight, f"w{i}"))
        kernel: dict[str, Any] = {"kernel_shape": [1, 1], "dilations": [1, 1], "group": 1}
        nodes.append(helper.make_node("Conv", [last, f"w{i}"], [f"c{i}"], f"conv{i}", **kernel))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"r{i}"], f"relu{i}"))
        nodes.append(helper.make_node("Add", [f"r{i}", last], [f"a{i}"], f"add{i}"))
        last = f"a{i}"
    infos = [helper.make_tensor_value_info(n, 1, [1, 4, 8, 8]) for n in ("x", last)]
    graph = helper.make_graph(nodes, "g", infos[:1], infos[1:], weights)
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def write_graph(folder: Path, layers: int) -> Path:
    """Write a chain of convolutions and activations as a GraphDef."""
    from pytest_amct.graphs.tensorflow.schema import schema

    graph = schema().GraphDef()
    image = graph.node.add(name="x", op="Placeholder")
    image.attr["dtype"].type = 1
    for size in (1, 8, 8, 4):
        image.attr["shape"].shape.dim.add(size=size)
    last = "x"
    for i in range(layers // 3):
        weight = graph.node.add(name=f"w{i}", op="Const")
        weight.attr["dtype"].type = weight.attr["value"].tensor.dtype = 1
        for size in (1, 1, 4, 4):
            weight.attr["value"].tensor.tensor_shape.dim.add(size=size)
        weight.attr["value"].tensor.tensor_content = bytes(64)
        conv = graph.node.add(name=f"c{i}", op="Conv2D", input=[last, f"w{i}"])
        conv.attr["T"].type = 1
        conv.attr["strides"].list.i.extend([1, 1, 1, 1])
        conv.attr["padding"].s = b"SAME"
        graph.node.add(name=f"r{i}", op="Relu", input=[f"c{i}"]).attr["T"].type = 1
        last = f"r{i}"
    path = folder / "large.pb"
    path.write_bytes(graph.SerializeToString())
    return path


def write_prototxt(folder: Path, layers: int) -> Path:
    """Write a chain of convolutions and activations as a prototxt."""
    lines, last = ['input: "x" input_dim: 1 input_dim: 4 input_dim: 8 input_dim: 8'], "x"
    for i in range(layers // 2):
        lines.append(
            f'layer {{ name: "c{i}" type: "Convolution" bottom: "{last}" top: "c{i}"'
            " convolution_param { num_output: 4 kernel_size: 1 } }"
        )
        lines.append(f'layer {{ name: "r{i}" type: "ReLU" bottom: "c{i}" top: "c{i}" }}')
        last = f"c{i}"
    path = folder / "large.prototxt"
    path.write_text("\n".join(lines))
    return path


if __name__ == "__main__":
    sys.exit(main())
