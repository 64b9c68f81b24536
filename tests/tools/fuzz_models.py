"""Fuzz all readers of files that other programs wrote.

    python tests/tools/fuzz_models.py --minutes 5
    python tests/tools/fuzz_models.py --cost

Real files are mutated and read in a child process. It may use 1 GiB of memory, write no file, and
open only files of the package. Only errors of `pytest_amct.errors` may be raised, each with a
message of one line, within two seconds. A failing file is saved with its seed: run it again with
``--seed S --only N``.

With ``--cost``, large models that have many of one thing are made, and what reading them costs is
compared with parsing them (see ``cost``). ``--cost 0.1`` makes them a tenth as large.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import pickle
import random
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cost
import mutations
import onnx
from onnx import ModelProto

from pytest_amct import fixtures
from pytest_amct.api import decisions_of
from pytest_amct.cases import catalog
from pytest_amct.decisions.amct.config import read_config
from pytest_amct.decisions.amct.record import read_record
from pytest_amct.decisions.decision import Decision
from pytest_amct.decisions.read import read_outcome
from pytest_amct.decisions.writers.forms import write_form
from pytest_amct.errors import AmctError, OutputError
from pytest_amct.graphs import sources, walk
from pytest_amct.graphs.ends import stored_types
from pytest_amct.graphs.network import Network
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.graphs.text import network_text
from pytest_amct.quantizers.builtin.onnxruntime import dynamic, qoperator, static
from pytest_amct.quantizers.protocol import Request
from pytest_amct.quantizers.running import input_spec
from pytest_amct.request_options import PLAIN
from pytest_amct.tables.answers import answer
from pytest_amct.tables.loader import load_spec
from pytest_amct.tables.model import Treatment
from pytest_amct.verdicts import Policy, judge_layer

SECONDS = 2.0
"""Processor time that one example may take, and the number of bytes that add another second."""

BYTES_PER_SECOND = 250_000

HANGS = 30.0
"""Time after which an unresponsive child is killed."""

MEMORY = 1 << 30
"""Bytes of memory that reading may take on top of the imported libraries."""

_TREATMENTS = (
    Treatment(),
    Treatment("weight_only", data=False, weights=True, weight_channel_wise=True),
    Treatment("nonuniform", data=True, weights=True, weight_asymmetric=True, shift=True),
    Treatment("tensor", data=True, weights=False),
)
_MOST_WALKED = 60


class Source(NamedTuple):
    """A real file, and its float model."""

    name: str
    data: bytes
    original: bytes


class Example(NamedTuple):
    """One mutated file."""

    kind: str
    source: Source
    data: bytes


# --- examples -------------------------------------------------------------------------------------


def real_files(quick: bool = False) -> list[Source]:
    """Return real files: gate models, onnx's own, their quantized forms, the forms of AMCT."""
    groups = [g for g in catalog.groups() if not g.startswith("uniform/onnx/unlisted")]
    cases = [catalog.make_case(g, d) for g in groups for d in catalog.deviations(g)]
    found = []
    for case in cases[:: 40 if quick else 8]:
        data = case.build().data
        found.append(Source(case.id, data, data))
        found += _quantized(case.id, data)
    folder = Path(str(fixtures.__file__)).parent / "forms"
    plain, graph = ((folder / f"float.{suffix}").read_bytes() for suffix in ("onnx", "pb"))
    for path in folder.iterdir():
        if path.suffix not in (".md", ".pb"):
            original = graph if path.suffix == ".tflite" else plain
            found.append(Source(path.name, path.read_bytes(), original))
    found += _quantized("float.onnx", plain)
    if not quick:
        light = Path(str(onnx.__file__)).parent / "backend" / "test" / "data" / "light"
        found += [Source(p.name, p.read_bytes(), p.read_bytes()) for p in light.glob("*.onnx")]
        found += _onnxruntime(plain)
    return sorted(found)


def _quantized(name: str, data: bytes) -> Iterator[Source]:
    model = ModelProto.FromString(data)
    decisions = {x.name: Decision(inputs=None) for x in read_onnx(data).layers if x.name}
    for form in ("qdq", "qoperator", "deploy"):
        made = write_form(form, read_onnx(model), decisions)
        yield Source(f"{name}:{form}", made.SerializeToString(), data)


def _onnxruntime(data: bytes) -> Iterator[Source]:
    inputs = tuple(input_spec(tensor) for tensor in read_onnx(data).inputs)
    for make in (static, qoperator, dynamic):
        quantizer = make()
        with tempfile.TemporaryDirectory() as folder:
            path = quantizer.quantize(None, Request("onnx", data, Path(folder), inputs))
            yield Source(quantizer.name, path.read_bytes(), data)


def example(files: list[Source], seed: int, number: int) -> Example:
    """Return the example of that number, the same on every run."""
    rng = random.Random(f"{seed}/{number}")
    texts = [file for file in files if not _is_model(file)]
    source, other = rng.choice(texts if rng.random() < 0.1 else files), rng.choice(files)
    if not _is_model(source):
        return Example("text", source, mutations.mutate_text(source.data, other.data, rng))
    if _is_tflite(source) or rng.random() < 0.3:
        return Example("bytes", source, mutations.mutate_bytes(source.data, other.data, rng))
    data, kind = mutations.mutate_proto(source.data, other.data, rng)
    return Example(kind, source, data)


def _is_model(source: Source) -> bool:
    return not source.name.endswith((".json", ".txt"))


def _is_tflite(source: Source) -> bool:
    return source.name.endswith(".tflite")


# --- reading --------------------------------------------------------------------------------------


def look(made: Example) -> str:
    """Pass an example to all of our readers; return what they made of it, in a few words."""
    if not _is_model(made.source):
        return _look_at_text(made)
    if _is_tflite(made.source):
        return _judged(read_tensorflow(made.source.original), made.data)
    try:
        network = read_onnx(made.data, "hostile.onnx")
    except AmctError as refused:
        return _told(refused)
    _ask(network)
    outcomes = [
        _outcome(made.source.original, made.data),
        _outcome(made.data, made.data),
        _outcome(made.data, made.source.data),
    ]
    try:
        decisions_of(made.data)
    except AmctError as refused:
        _told(refused)
    return " ".join(("read", *outcomes))


def _ask(network: Network) -> None:
    spec = load_spec()
    for layer in network.layers:
        for treatment in _TREATMENTS:
            found = answer(layer, treatment, spec)
            assert found.verdict in ("quantizable", "forbidden", "unspecified")
        str(layer)
    tensors = [t for scope in network.scopes for t in scope.values()]
    for tensor in tensors:
        walk.shape(tensor), walk.dtype(tensor), walk.rank(tensor), walk.origin(tensor)
        sources.source(tensor)
    for tensor in tensors[:: max(1, len(tensors) // _MOST_WALKED)]:
        stored_types(tensor)
    for tensor in network.inputs:
        input_spec(tensor)
    assert len(network_text(network, frozenset(network.layers[-1:]))) < 1 << 20


def _outcome(original: bytes, result: bytes) -> str:
    try:
        network = read_onnx(original)
    except AmctError as refused:
        return _told(refused)
    return _judged(network, result)


def _judged(network: Network, result: bytes) -> str:
    spec = load_spec()
    try:
        outcome = read_outcome(network, result, spec)
    except AmctError as refused:
        return _told(refused)
    for layer in network.layers:
        judge_layer("case", "group", layer, outcome, spec, Policy(), PLAIN)
    return "decided"


def _look_at_text(made: Example) -> str:
    text = made.data.decode("utf-8", "replace")
    network = read_onnx(made.source.original)
    told = []
    for read in (read_config, read_record):
        try:
            read_outcome(network, read(text))
            told.append("decided")
        except OutputError as refused:
            told.append(_told(refused))
    return " ".join(told)


def _told(refused: AmctError) -> str:
    """Check that an error is one sentence that every terminal can show."""
    message = str(refused)
    message.encode("utf-8")
    assert "\n" not in message and "\r" not in message, message[:200]
    assert len(message) < 10_000, message[:200]
    return "refused"


# --- the child ------------------------------------------------------------------------------------


class Watch:
    """Records everything that is opened, started or written outside the package's own files."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed
        self.touched: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            path, flags = os.path.abspath(os.fsdecode(arguments[0])), arguments[2] or 0
            if flags & (os.O_WRONLY | os.O_RDWR) or not path.startswith(self.allowed):
                self.touched.append(f"{event} {path}")
        elif event.startswith(("subprocess.", "socket.", "os.remove", "os.rename", "os.system")):
            self.touched.append(event)

    def memory(self) -> None:
        """Also record when onnx's inference exhausts the memory, because our code hides that."""
        infer = onnx.shape_inference.infer_shapes

        def noting(*given: Any, **options: Any) -> ModelProto:
            try:
                return infer(*given, **options)
            except MemoryError:
                self.touched.append("all memory in shape inference")
                raise

        onnx.shape_inference.infer_shapes = noting


def child(path: str, seed: int, start: int, home: str) -> None:
    """Read one example after the other, with limits, and print a line about each."""
    files: list[Source] = pickle.loads(Path(path).read_bytes())
    faulthandler.enable()
    os.chdir(home)
    look(Example("", files[0], files[0].data))  # trigger the late imports
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    watch = Watch((sys.prefix, sys.base_prefix, str(Path(__file__).parents[2])))
    watch.memory()
    number = start
    while True:
        made = example(files, seed, number)
        watch.touched.clear()
        begun = time.process_time()
        try:
            outcome = look(made)
            spent = time.process_time() - begun
            if spent > SECONDS + len(made.data) / BYTES_PER_SECOND:
                outcome = f"FAILED took {spent:.1f} s: {outcome}"
            if watch.touched:
                outcome = f"FAILED touched {watch.touched[:3]}"
        except BaseException as error:
            where = traceback.extract_tb(error.__traceback__)[-4:]
            steps = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(where))
            outcome = f"FAILED {type(error).__name__}: {str(error)[:200]!r} {steps}"
        print(f"{number}\t{made.kind}\t{outcome}", flush=True)
        number += 1


# --- the command ----------------------------------------------------------------------------------


class Fuzz:
    """Runs child processes until the time or the count is used up."""

    def __init__(self, files: list[Source], seed: int, home: Path, keep: Path) -> None:
        self.files, self.seed, self.home, self.keep = files, seed, home, keep
        self.count, self.kinds, self.failures = 0, Counter[str](), list[str]()
        self.pickled = home / "sources.pickle"
        self.pickled.write_bytes(pickle.dumps(files))
        (home / "work").mkdir()
        os.mkfifo(home / "work" / mutations.FIFO)

    def run(self, deadline: float, start: int = 0, most: int | None = None) -> None:
        """Read examples from `start` on until the `deadline`, or `most` of them."""
        number = start
        while time.monotonic() < deadline and (most is None or self.count < most):
            number = self._one_child(number, deadline, most)

    def _one_child(self, number: int, deadline: float, most: int | None) -> int:
        command = [
            sys.executable,
            "-W",
            "error",
            __file__,
            "--child",
            str(self.pickled),
            str(number),
        ]
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        process = subprocess.Popen(
            [*command, "--seed", str(self.seed), "--home", str(self.home / "work")],
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        assert process.stdout is not None
        try:
            while time.monotonic() < deadline and (most is None or self.count < most):
                ready, _, _ = select.select([process.stdout], [], [], HANGS)
                if not ready:
                    process.send_signal(signal.SIGABRT)
                line = process.stdout.readline().decode()
                if not line:
                    status = process.wait()
                    errors.seek(0)
                    last = errors.read().decode(errors="replace")[-1500:]
                    how = "hangs" if not ready else f"ended with {status}"
                    self._note(number, "?", f"FAILED child {how}\n{last}")
                    return number + 1
                told, kind, outcome = line.rstrip("\n").split("\t")
                assert int(told) == number
                self._note(number, kind, outcome)
                number += 1
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            errors.close()
        return number

    def _note(self, number: int, kind: str, outcome: str) -> None:
        self.count += 1
        self.kinds[outcome.split()[0]] += 1
        if outcome.startswith("FAILED"):
            made = example(self.files, self.seed, number)
            self.keep.mkdir(parents=True, exist_ok=True)
            path = self.keep / f"seed{self.seed}-{number}"
            path.write_bytes(made.data)
            text = f"seed {self.seed} number {number} ({made.kind}; {made.source.name}): {outcome}"
            self.failures.append(f"{text}\n  saved as {path}")
            print(self.failures[-1], flush=True)


def main() -> int:
    """Run the command; return 1 if an example failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--only", type=int, help="read only this example")
    parser.add_argument("--cost", type=float, nargs="?", const=1.0, metavar="SCALE")
    parser.add_argument("--kind", default="", help="with --cost: only kinds with this in the name")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir(), "amct-fuzz"))
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--home", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child[0], given.seed, int(given.child[1]), given.home)
    if given.cost is not None:
        return _cost(given.cost, given.kind)
    deadline = time.monotonic() + 60 * given.minutes
    with tempfile.TemporaryDirectory(prefix="amct-fuzz-") as home:
        fuzz = Fuzz(real_files(), given.seed, Path(home), given.keep)
        fuzz.run(deadline, given.only or 0, None if given.only is None else 1)
    counted = ", ".join(f"{n} {kind}" for kind, n in fuzz.kinds.most_common())
    print(f"seed {given.seed}: {fuzz.count} examples of {len(fuzz.files)} files: {counted}")
    return 1 if fuzz.failures else 0


def _cost(scale: float, word: str) -> int:
    found = []
    for line, over in cost.rows(scale, word):
        print(line, flush=True)
        found.append(over)
    print(f"{len(found) - 1 - sum(found)} of {len(found) - 1} kinds of models keep to their bounds")
    return 1 if any(found) else 0


if __name__ == "__main__":
    sys.exit(main())
