"""Measure the cost of judging. Most figures are ratios within one run, which noise affects less.

python benchmarks/run.py            # prints a table; exit status 1 if a bound is not met
"""

from __future__ import annotations

import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pytest_amct.graphs.network import Layer
    from pytest_amct.tables.model import Spec

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure and its bound."""

    what: str
    value: float
    bound: float
    unit: str
    at_least: bool = False

    @property
    def kept(self) -> bool:
        """Whether the bound holds."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def main() -> int:
    """Measure everything, print it, and return 1 if a bound is not met, else 0."""
    measured = [pytest_start(), *case_cost(), *reference_gates(), share_of_onnxruntime()]
    measured += [explored(), *releases(), imports()]
    width = max(len(m.what) for m in measured)
    for m in measured:
        sign = ">=" if m.at_least else "<="
        kept = "" if m.kept else "   <-- not met"
        print(f"{m.what:<{width}}  {m.value:8.3f} {m.unit:<3} (bound {sign} {m.bound}){kept}")
    return 0 if all(m.kept for m in measured) else 1


def pytest_start() -> Measured:
    """Measure the milliseconds that the plugin adds to an empty pytest run without ``--amct``."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_nothing.py").write_text("def test_nothing():\n    pass\n")
        plain = ["-p", "no:hypothesispytest", "-p", "no:randomly", "-p", "no:xdist"]
        command = [sys.executable, "-B", "-m", "pytest", "-q", *plain]
        # Interleaved, so that a busy machine slows both alike.
        with_us, without = [], []
        for _ in range(15):
            with_us.append(_seconds(lambda: _run(command, folder)))
            without.append(_seconds(lambda: _run([*command, "-p", "no:amct"], folder)))
        differences = [a - b for a, b in zip(sorted(with_us), sorted(without), strict=True)]
    return Measured("added to pytest's start", 1000 * median(differences[:8]), 5.0, "ms")


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
        found.append(Measured(f"ours / quantize_static, {group}", median(ratios), 0.25, ""))
    return found


def reference_gates() -> list[Measured]:
    """Measure the seconds of the enumerated gates with the reference quantizer."""
    from pytest_amct.frameworks import FRAMEWORKS
    from pytest_amct.options import Settings
    from pytest_amct.quantizers.builtin.reference import Reference
    from pytest_amct.quantizers.loading import FunctionQuantizer
    from pytest_amct.runner import Runner
    from pytest_amct.tables.loader import load_spec

    spec = load_spec()

    def gate(framework: str) -> None:
        settings = Settings("reference", max_examples=0, frameworks=(framework,))
        # Use the requests that every quantizer gets, not those that the reference declares as well.
        plain = FunctionQuantizer("reference", Reference(spec).quantize, _Takes((framework,)))
        runner = Runner(plain, spec, settings)
        for group in runner.gate.groups:
            assert runner.check(group).failure is None

    found = []
    for framework in FRAMEWORKS:
        least = min(_seconds(partial(gate, framework)) for _ in range(3))
        found.append(Measured(f"enumerated gate, {framework}", least, 2.0, "s"))
    return found


@dataclass(frozen=True, slots=True)
class _Takes:
    """The declaration of a quantizer for these frameworks."""

    frameworks: tuple[str, ...]


def imports() -> Measured:
    """Measure the milliseconds that TensorFlow and Caffe support adds to the import for ONNX."""
    ours = "import pytest_amct.graphs.onnx.reader"
    more = "import pytest_amct.graphs.tensorflow.reader as t, pytest_amct.graphs.caffe.reader as c"
    made = "from pytest_amct.graphs.tensorflow.schema import schema"
    made += "; from pytest_amct.graphs.caffe.schema import message"
    used = f"{made}; schema(); message('NetParameter')"
    timed = f"{ours}; import time; s = time.perf_counter(); {more}; {used}"
    code = f"{timed}; print(time.perf_counter() - s)"
    found = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(7)
    ]
    return Measured("import of TensorFlow and Caffe", 1000 * min(found), 60.0, "ms")


def _cpu(call: Callable[[], T]) -> tuple[float, T]:
    """Return the least processor time of three calls, and the result of the last one."""
    times = []
    for _ in range(3):
        start = time.process_time()
        found = call()
        times.append(time.process_time() - start)
    return min(times), found


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
    return Measured("time inside onnxruntime / gate", spent / whole, 0.8, "", at_least=True)


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
        Measured(f"{len(specs)} releases / one, with onnxruntime", median(asked), 1.15, ""),
        Measured("answering a further release / the first", median(answered), 0.15, ""),
    ]


def explored() -> Measured:
    """Measure the examples that one core explores in a second with an idle quantizer."""
    from pytest_amct.explore import Explorer
    from pytest_amct.options import Settings
    from pytest_amct.quantizers.loading import FunctionQuantizer
    from pytest_amct.runner import Runner
    from pytest_amct.tables.loader import load_spec

    idle = FunctionQuantizer("idle", lambda model, request: [])
    rates = []
    for group in ("uniform/onnx/Conv/weight_source", "uniform/onnx/Gemm", "float16/onnx/MaxPool"):
        settings = Settings("idle", profile="explore", max_examples=500, seed=1)
        explorer = Explorer(Runner(idle, load_spec(), settings))
        # Measure the time of this process only, not that of other processes on the machine.
        start = time.process_time()
        examples = explorer.check(group).examples
        rates.append(examples / (time.process_time() - start))
    return Measured("explored examples a second, one core", min(rates), 200, "/s", at_least=True)


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
