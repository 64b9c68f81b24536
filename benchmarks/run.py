"""Measure the cost of judging. All figures are ratios within one run, which noise affects less.

python benchmarks/run.py            # prints a table; exit status 1 if a bound is not met
"""

from __future__ import annotations

import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from measured import Measured, show

if TYPE_CHECKING:
    from pytest_amct.graphs.network import Layer
    from pytest_amct.tables.model import Spec


def main() -> int:
    """Measure everything, print it, and return 1 if a bound is not met, else 0."""
    measured = [pytest_start(), *case_cost(), reference_gate(), share_of_onnxruntime()]
    return show([*measured, *releases(), imports()])


def pytest_start() -> Measured:
    """Measure what the plugin adds to an empty pytest run without ``--amct``."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_nothing.py").write_text("def test_nothing():\n    pass\n")
        plain = ["-p", "no:hypothesispytest", "-p", "no:randomly", "-p", "no:xdist"]
        command = [sys.executable, "-B", "-m", "pytest", "-q", *plain]
        # Interleaved, so that a busy machine slows both alike.
        with_us, without = [], []
        for _ in range(15):
            with_us.append(_seconds(lambda: _run(command, folder)))
            without.append(_seconds(lambda: _run([*command, "-p", "no:amct"], folder)))
    ratio = median(sorted(with_us)[:8]) / median(sorted(without)[:8])
    return Measured("empty pytest run, with the plugin / without", ratio, 1.03)


def case_cost() -> list[Measured]:
    """Measure our time for a case relative to onnxruntime's `quantize_static` on its model."""
    from onnxruntime.quantization import QuantFormat, quantize_static

    from pytest_amct.cases.catalog import make_case
    from pytest_amct.cases.plan import target_layers
    from pytest_amct.decisions.read import read_outcome
    from pytest_amct.graphs.onnx.reader import read_onnx
    from pytest_amct.quantizers.builtin.onnxruntime import _Feeds, quiet
    from pytest_amct.request_options import PLAIN
    from pytest_amct.tables.loader import load_spec
    from pytest_amct.verdicts import Policy, judge_layer

    found = []
    for group in ("uniform/onnx/Conv", "uniform/onnx/MatMul", "float16/onnx/MaxPool"):
        name = "default" if group.startswith("uniform") else "input-elsewhere"
        case = make_case(group, name, "chain")
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "m.onnx"), Path(folder, "q.onnx")
            source.write_bytes(case.build().data)
            from pytest_amct.quantizers.protocol import Request
            from pytest_amct.quantizers.running import input_spec

            network = read_onnx(source)
            inputs = tuple(input_spec(t) for t in network.inputs)
            request = Request("onnx", b"", Path(folder), inputs)

            def tool(source: Path = source, target: Path = target, r: Request = request) -> None:
                with quiet():
                    feeds = _Feeds(r.calibration())
                    quantize_static(source, target, feeds, quant_format=QuantFormat.QDQ)

            def ours(case=case, target: Path = target) -> None:  # type: ignore[no-untyped-def]
                built = case.build()
                network = read_onnx(built.data)
                (layer,) = target_layers(network, built.targets)
                outcome = read_outcome(network, target)
                judge_layer(case.id, case.group, layer, outcome, load_spec(), Policy(), PLAIN)

            tool()
            ratios = [_seconds(ours) / _seconds(tool) for _ in range(30)]
        found.append(Measured(f"ours / quantize_static, {group}", median(ratios), 0.125))
    return found


def reference_gate() -> Measured:
    """Measure the ONNX gate with the reference, relative to checking and writing its models."""
    import onnx

    from pytest_amct.cases import catalog
    from pytest_amct.options import Settings
    from pytest_amct.quantizers.loading import load_quantizer
    from pytest_amct.runner import Runner
    from pytest_amct.tables.loader import load_spec

    spec, reference = load_spec(), load_quantizer("reference")
    settings = Settings("reference", max_examples=0, frameworks=("onnx",))
    whole = Runner(reference, spec, settings).gate
    groups, declared = whole.groups, whole.declared
    cases = [c for g in catalog.groups(declared) for c in catalog.gate_cases(g, declared)]
    models = [case.build().model for case in cases]

    def gate() -> None:
        runner = Runner(reference, spec, settings)
        for group in groups:
            assert runner.check(group).failure is None

    def check() -> None:
        for model in models:
            onnx.checker.check_model(model.SerializeToString(), full_check=True)

    ratio = median(_processor(gate) / _processor(check) for _ in range(3))
    return Measured("gate with the reference / onnx's checks of its models", ratio, 4.0)


def imports() -> Measured:
    """Measure what TensorFlow and Caffe support adds to the import for ONNX."""
    ours = "import pytest_amct.graphs.onnx.reader"
    more = "import pytest_amct.graphs.tensorflow.reader as t, pytest_amct.graphs.caffe.reader as c"
    made = "from pytest_amct.graphs.tensorflow.schema import schema"
    made += "; from pytest_amct.graphs.caffe.schema import message"
    used = f"{made}; schema(); message('NetParameter')"
    clock = "import time; start = time.perf_counter()"
    tell = "print((time.perf_counter() - middle) / (middle - start))"
    code = f"{clock}; {ours}; middle = time.perf_counter(); {more}; {used}; {tell}"
    found = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(7)
    ]
    return Measured("import of TensorFlow and Caffe / of ONNX", median(found), 0.3)


def share_of_onnxruntime() -> Measured:
    """Measure the share of the gate's time inside onnxruntime when it is the quantizer."""
    from pytest_amct.options import Settings
    from pytest_amct.quantizers.loading import load_quantizer
    from pytest_amct.runner import Runner
    from pytest_amct.tables.loader import load_spec

    spent = 0.0
    tool = load_quantizer("onnxruntime")

    class Timed:
        def __getattr__(self, name: str) -> object:
            return getattr(tool, name)

        def quantize(self, model: object, request: object) -> object:
            return self._timed(lambda: tool.quantize(model, request))  # type: ignore[arg-type]

        def validate(self, path: Path) -> None:
            self._timed(lambda: tool.validate(path))

        def _timed(self, call: Callable[[], object]) -> object:
            nonlocal spent
            start = time.perf_counter()
            try:
                return call()
            finally:
                spent += time.perf_counter() - start

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings("onnxruntime", max_examples=0, scratch=Path(folder))
        runner = Runner(Timed(), load_spec(), settings)  # type: ignore[arg-type]
        whole = _seconds(lambda: [runner.check(g) for g in runner.gate.groups])
    return Measured("time inside onnxruntime / gate", spent / whole, 0.8, at_least=True)


def releases() -> list[Measured]:
    """Measure what further releases add to a run with onnxruntime, and to answering alone.

    Both are ratios of processor times, without the waiting for files and other processes.
    """
    from pytest_amct.calls import Calls
    from pytest_amct.cases import catalog
    from pytest_amct.choosing import with_releases
    from pytest_amct.options import Settings
    from pytest_amct.quantizers.loading import load_quantizer
    from pytest_amct.runner import Runner
    from pytest_amct.tables.answers import answer
    from pytest_amct.tables.loader import load_spec

    tool = load_quantizer("onnxruntime")
    one = Settings("onnxruntime", max_examples=0, frameworks=("onnx",))
    several = with_releases(replace(one, spec="all"), tool)
    specs = tuple(map(load_spec, several.specs))
    groups = [g for g in catalog.groups() if g.startswith("uniform/onnx/Conv")]

    def each(settings: Settings) -> float:
        with tempfile.TemporaryDirectory() as folder:
            settings = replace(settings, scratch=Path(folder))
            mine = tuple(map(load_spec, settings.specs))
            calls = Calls(tool, mine, settings)
            runners = [Runner(tool, spec, settings, None, calls) for spec in mine]

            def judge() -> None:
                for group in groups:
                    for runner in runners:
                        if group in runner.gate.every_group:
                            runner.check(group)

            return _processor(judge) / len(calls.known)

    built = [c.build() for g in groups for c in catalog.gate_cases(g)]

    def ask(layers: Iterable[Layer], spec: Spec) -> bool:
        return all(answer(x, spec=spec).verdict for x in layers)  # keeps nothing, as a run does

    def first() -> float:
        return _processor(lambda: [ask(b.native.network().layers, specs[0]) for b in built])

    def further() -> float:
        networks = [b.native.network() for b in built]
        layers = [layer for network in networks for layer in network.layers]
        ask(layers, specs[0])
        return _processor(lambda: [ask(layers, spec) for spec in specs[1:]]) / len(specs[1:])

    asked = [each(several) / each(one) for _ in range(3)]
    answered = [further() / first() for _ in range(5)]
    return [
        Measured(f"{len(specs)} releases / one, with onnxruntime", median(asked), 1.15),
        Measured("answering a further release / the first", median(answered), 0.15),
    ]


def _run(command: list[str], folder: str) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _processor(call: Callable[[], object]) -> float:
    """Return the processor time of a call, which other processes on the machine hardly change."""
    gc.collect()  # what earlier calls left behind
    start = time.process_time()
    call()
    return time.process_time() - start


if __name__ == "__main__":
    sys.exit(main())
