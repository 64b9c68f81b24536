"""What users read, pinned by snapshots: failures, summaries, usage errors.

``pytest --snapshot-update tests/test_output.py`` writes them anew; the diff is what changes for
users.
"""

from __future__ import annotations

import importlib.resources
import json
import re
import sys
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import onnx
import pytest
from pytest_amct.fixtures.wrong_quantizers import WRONG
from syrupy.assertion import SnapshotAssertion
from toy_repository import BROKEN, CHEAP, ToyRepository

from pytest_amct import Decision, Refused, __version__
from pytest_amct.cases import catalog
from pytest_amct.explore import Explorer
from pytest_amct.given_model import check_model
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.folders import write_folder
from pytest_amct.quantizers.loading import FunctionQuantizer, load_quantizer
from pytest_amct.quantizers.protocol import Quantizer
from pytest_amct.quantizers.replay import RESULTS
from pytest_amct.quantizers.running import make_request
from pytest_amct.reports.assembly import assemble
from pytest_amct.reports.terminal import summary_lines
from pytest_amct.request_options import PLAIN
from pytest_amct.results import Collected, Result
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec
from pytest_amct.waivers import Waiver

SPEC = load_spec()
DAY = date(2026, 1, 30)
ENDING = Waiver(f"{CHEAP}@0", "unused", link="https://issues/7", until="2026-01-31", place="FILE:8")
ROW, MUL = "uniform/onnx/Gemm", "uniform/onnx/unlisted/Mul"


# --- quantizers ---------------------------------------------------------------------------------


def obeys(model: Any, request: Any) -> Any:
    return Reference().decide(read_onnx(model), request)


def quantizes_every_gemm(model: Any, request: Any) -> Any:
    gemms = [n.name for n in model.graph.node if n.op_type == "Gemm" and n.name]
    return obeys(model, request) | dict.fromkeys(gemms, True)


def leaves_all_in_float(model: Any, request: Any) -> Any:
    return dict.fromkeys(obeys(model, request), False)


def raises(model: Any, request: Any) -> Any:
    print("looking at", len(model.graph.node), "nodes")
    raise ValueError("no kernel for this")


def raises_over_transposed(model: Any, request: Any) -> Any:
    if any(a.name == "transA" and a.i for n in model.graph.node for a in n.attribute):
        raise ValueError("transA is not supported")
    return obeys(model, request)


def returns_a_number(model: Any, request: Any) -> Any:
    return 5


def names_nobody(model: Any, request: Any) -> Any:
    return ["nobody"]


def cannot_tell(model: Any, request: Any) -> Any:
    return dict.fromkeys(obeys(model, request), Decision(evidence="inferred"))


def refuses(model: Any, request: Any) -> Any:
    raise Refused("not this one")


def runner_of(quantize: Callable[[Any, Any], Any], folder: Path, **given: Any) -> Runner:
    settings = Settings("mine", max_examples=given.pop("max_examples", 0), scratch=folder, **given)
    return Runner(FunctionQuantizer("mine", quantize), SPEC, settings)


def program(line: str, folder: Path, timeout: int = 60) -> Runner:
    """A program that is one line of Python."""
    (folder / "tool.py").write_text(f"import os, sys, time\n{line}\n")
    name = f"command: {sys.executable} tool.py {{model}} {{output}}"
    quantizer: Quantizer = load_quantizer(name, folder, timeout)
    settings = Settings(
        name,
        max_examples=0,
        select=(f"{CHEAP}@0",),
        report=folder,
        rootdir=folder,
        timeout=timeout,
    )
    return Runner(quantizer, SPEC, settings)


def plain(text: str | None, folder: Path) -> str:
    """A text without the paths of this machine."""
    assert text is not None
    text = (
        text.replace(sys.executable, "python")
        .replace(str(folder), "DIR")
        .replace(str(Path(__file__).parent), "TESTS")
    )
    return re.sub(r"(\.py):\d+", r"\1:LINE", text)


def summary(runner: Runner, results: Iterable[Result], folder: Path) -> str:
    collected = Collected(complete=True)
    for result in results:
        collected.add(json.loads(result.to_json()))
    report = assemble(collected, (SPEC,), runner.settings, runner.quantizer.name, {"select": []})
    return plain("\n".join(line for line, _ in summary_lines(report, DAY)), folder)


# --- failures -----------------------------------------------------------------------------------


def test_over_quantized(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    runner = runner_of(WRONG["depth-dilation-ignored"].quantize, tmp_path, report=tmp_path)
    assert plain(runner.check("uniform/onnx/Conv/dilation_d").failure, tmp_path) == snapshot


@pytest.mark.parametrize(
    ("quantize", "given"),
    [
        (leaves_all_in_float, {"required_rows": (ROW,)}),
        (raises, {}),
        (returns_a_number, {}),
        (names_nobody, {}),
    ],
    ids=["not quantized on a required row", "errored", "invalid output", "unknown name"],
)
def test_failures(quantize: Any, given: Any, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    group = ROW if given else CHEAP
    runner = runner_of(quantize, tmp_path, report=tmp_path, select=(f"{group}@*",), **given)
    result = runner.check(group)
    assert plain(result.failure, tmp_path) == snapshot


@pytest.mark.parametrize(
    ("line", "timeout"),
    [
        ("print('about to end', flush=True); os.abort()", 60),
        ("time.sleep(1000)", 1),
        ("print('no space left'); sys.exit(3)", 60),
        ("pass", 60),
    ],
    ids=["crashed", "timed out", "exit status", "wrote nothing"],
)
def test_failures_of_a_program(
    line: str, timeout: int, tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    result = program(line, tmp_path, timeout).check(CHEAP)
    assert plain(result.failure, tmp_path) == snapshot


def test_unstable(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    def depends_on_the_opset(model: Any, request: Any) -> Any:
        return (leaves_all_in_float if model.opset_import[0].version > 13 else obeys)(
            model, request
        )

    runner = runner_of(depends_on_the_opset, tmp_path, profile="explore", max_examples=10, seed=1)
    assert plain(Explorer(runner).check_metamorphic("opset").failure, tmp_path) == snapshot


def test_explored(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    runner = runner_of(quantizes_every_gemm, tmp_path, profile="explore", max_examples=5, seed=1)
    assert plain(Explorer(runner).check(CHEAP).failure, tmp_path) == snapshot


def test_nothing_comes_back(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    runner = runner_of(raises, tmp_path)
    assert plain(runner.check_alive("onnx").failure, tmp_path) == snapshot


def test_nothing_is_quantized(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    runner = runner_of(leaves_all_in_float, tmp_path)
    assert plain(runner.check_alive("onnx").failure, tmp_path) == snapshot


# --- summaries ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantize", "given"),
    [
        (obeys, {}),
        (quantizes_every_gemm, {}),
        (leaves_all_in_float, {}),
        (raises_over_transposed, {}),
        (cannot_tell, {}),
        (refuses, {}),
        (leaves_all_in_float, {"float_rows": (ROW,)}),
        (quantizes_every_gemm, {"waivers": (Waiver(CHEAP, "known", "anna"), ENDING)}),
    ],
    ids=["clean", "violations", "float", "errored", "untold", "refused", "float rows", "waived"],
)
def test_summaries(quantize: Any, given: Any, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    """With the warnings, of which there is no other text."""
    runner = runner_of(quantize, tmp_path, **given)
    results = [runner.check(group) for group in (ROW, CHEAP, MUL)]
    warned = {f"{f.kind}: {f.message}" for r in results for f in r.findings if f.status == "warned"}
    told = [summary(runner, results, tmp_path), "", *(plain(w, tmp_path) for w in sorted(warned))]
    assert "\n".join(told) == snapshot


MODEL = """
<ir_version: 10, opset_import: ["" : 21]>
g (float[4, 32] x, float[32, 32] v1) => (float[4, 32] y, float[4, 32] z)
<float[32, 32] v1 = {}, float[32, 32] s = {}, float[32, 32] w = {}>
{
   [own] a = Gemm (x, w)
   [one] b = Gemm (a, v1)
   [tied1] c = Gemm (b, s)
   [tied2] y = Gemm (c, s)
   [plain] z = Sin (y)
}
"""


@pytest.mark.parametrize("quantize", [obeys, quantizes_every_gemm, raises, refuses, cannot_tell])
def test_a_model_that_was_given(quantize: Any, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(onnx.parser.parse_model(MODEL), path)
    runner = runner_of(quantize, tmp_path, model=path)
    result = check_model(runner, path)
    told = [result.failure or "no failure", summary(runner, [result], tmp_path)]
    assert plain("\n\n".join(told), tmp_path) == snapshot


# --- whole runs ---------------------------------------------------------------------------------


def test_a_run_of_explore(repository: ToyRepository, snapshot: SnapshotAssertion) -> None:
    given = ["--amct-profile=explore", "--amct-seed=7", "--amct-max-examples=9"]
    repository.ini(quantizer="toy:gemm_always")
    run = repository.amct(*given, f"--amct-select={CHEAP}", "-pno:cacheprovider", "--tb=no")
    lines = (line for line in run.out.splitlines() if line.startswith("amct: "))
    shown = run.out.partition("= amct: ")[2].partition("\n====")[0].partition("\n")[2]
    shown = shown.replace(
        f"opset {onnx.defs.onnx_opset_version()}", "opset N"
    )  # the newest one of onnx
    assert "\n".join([*lines, shown]) == snapshot


def test_a_run_that_ends_in_a_quantizer(
    repository: ToyRepository, snapshot: SnapshotAssertion
) -> None:
    repository.quantizer("os.abort() if is_broken(model) else None", "return obey(model, request)")
    run = repository.amct(f"--amct-select={BROKEN}", "--amct-report=rep")
    told = [line for line in run.err.splitlines() if line.startswith("amct: ")]
    assert plain("\n".join(told), repository.path) == snapshot


# --- usage errors -------------------------------------------------------------------------------

QUANTIZERS = {
    "needs.py": "import a_package_that_is_not_installed\n",
    "syntax.py": "def (\n",
    "raises.py": "\n1 / 0\n",
    "leaves.py": "import sys; sys.exit(0)\n",
    "ends.py": "import os; os._exit(0)\n",
    "odd.py": (
        "number = 5\n"
        "class Empty: pass\n"
        "def one(model): pass\n"
        "def three(model, request, more): pass\n"
        "class Base:\n"
        "    def quantize(self, model, request): pass\n"
        "class Needy(Base):\n"
        "    def __init__(self, path): pass\n"
        "class Broken(Base):\n"
        "    def __init__(self):\n"
        "        raise OSError('no device')\n"
        "class Keras(Base): frameworks = ('keras',)\n"
        "class Text(Base): frameworks = 'onnx'\n"
        "class Scheme(Base): schemes = ('uniformm',)\n"
        "class OneScheme(Base): schemes = 'weight_only'\n"
        "class Nothing(Base): schemes = None\n"
        "class Setting(Base): settings = ('foo',)\n"
    ),
}
NAMES = """
    absent:quantize odd.absent:quantize needs:quantize syntax:quantize raises:quantize
    leaves:quantize ends:quantize toy:quantise toy:quantize.it toy: :quantize odd:number odd:Empty
    odd:one odd:three odd:Needy odd:Broken odd:Keras odd:Text odd:Scheme odd:OneScheme odd:Nothing
    odd:Setting unheard
""".split()


def refusals(repository: ToyRepository, *lines: tuple[str, ...]) -> str:
    """What a run says to each command line, one below the other."""
    told = repository.all_refused({" ".join(line): ["--amct", *line] for line in lines})
    return "\n\n".join(
        f"{line.replace(str(repository.path), 'ROOT')}\n  {t}" for line, t in told.items()
    )


def test_quantizers_that_cannot_be_loaded(
    repository: ToyRepository, snapshot: SnapshotAssertion
) -> None:
    for name, text in QUANTIZERS.items():
        repository.write(name, text)
    told = refusals(repository, *((f"--amct-quantizer={name}",) for name in NAMES))
    # The standard library's own words and the built-in quantizers may change.
    told = re.sub(r"(SyntaxError: ).*", r"\1...", told)
    assert re.sub(r"(use one of )nncf.*", r"\1...", told) == snapshot


VALUES: list[tuple[str, ...]] = [
    ("--amct-quantizer=",),
    ("--amct-profile=fast",),
    ("--amct-profile=explore", "--amct-quantizer=results: cases results.json"),
    ("--amct-profile=explore", "--amct-seed=x"),
    ("--amct-profile=explore", "--amct-max-examples=0"),
    ("--amct-seed=4",),
    ("--amct-max-examples=few",),
    ("--amct-max-examples=-1",),
    ("--amct-spec=cann-1",),
    ("--amct-spec=absent.toml",),
    ("--amct-spec=unreadable.toml",),
    ("--amct-select=Conv",),
    (f"--amct-select={CHEAP}@x",),
    (f"--amct-select={CHEAP}@x*",),
    ("--amct-select=networks/onnx@all:in(x)",),
    ("--amct-model=absent.onnx",),
    ("--amct-model=empty.onnx",),
    ("--amct-model=text.onnx",),
    ("--amct-model=bare.onnx",),
    ("--amct-model=bare.prototxt",),
    ("--amct-model=text.onnx", "--amct-select=*"),
    ("--amct-model=noted.onnx",),
    ("--amct-report=toy.py",),
    ("--amct-report=toy.py/rep",),
    ("--amct-report=",),
    ("--amct-report=/proc/rep",),
    ("--amct-report=taken",),
    ("-o", "amct_claims=uniform/onnx/Conv"),
    ("-o", "amct_skips=uniform/onnx/Conv"),
    ("-o", "amct_timeout=0"),
    ("-o", "amct_frameworks=keras"),
    ("-o", "amct_isolate=maybe"),
    ("-o", "amct_timeout=5s"),
    ("-o", "amct_waivers=absent.toml"),
    ("-o", "amct_required_rows=uniform/onnx/Cnov"),
    ("-o", "amct_float_rows=Conv"),
    ("-o", "amct_required_rows=uniform/onnx/*", "-o", "amct_float_rows=uniform/onnx/Conv"),
    ("-o", "amct_isolate=true", "--amct-quantizer=odd:Once"),
]


def test_values_that_cannot_be_used(repository: ToyRepository, snapshot: SnapshotAssertion) -> None:
    repository.write("empty.onnx", "")
    repository.write("text.onnx", "hello")
    repository.write("bare.onnx", "\x3a\x03\x12\x01g")  # a graph with a name and nothing else
    repository.write("bare.prototxt", 'layer { name: "a" type: "ReLU" bottom: "x" top: "y" }')
    onnx.save(onnx.parser.parse_model(MODEL), repository.path / "noted.onnx")
    repository.write("noted.json", '{"layers": 5}')
    repository.write("taken/models", "a file")
    (repository.path / "unreadable.toml").mkdir()
    repository.write(
        "odd.py",
        "import os\n"
        "class Once:\n"
        "    def __init__(self):\n"
        "        assert 'ONCE' not in os.environ, 'only once'\n"
        "        os.environ['ONCE'] = '1'\n"
        "    def quantize(self, model, request): pass\n",
    )
    assert refusals(repository, *VALUES) == snapshot


OPTIONS = [
    "--amct-quantizer=toy:quantize",
    "--amct-spec=cann-7.0.0",
    "--amct-profile=gate",
    "--amct-max-examples=3",
    "--amct-seed=3",
    "--amct-select=*",
    "--amct-model=x.onnx",
    "--amct-report=rep",
    "--amct-strict",
]


def test_options_that_would_do_nothing(
    repository: ToyRepository, snapshot: SnapshotAssertion
) -> None:
    told = repository.all_refused({option: [option] for option in OPTIONS})
    assert "\n".join(told.values()) == snapshot


LINES = [
    "command: no-such-tool {model} {output}",
    "command:",
    "command: ls 'x {model} {output}",
    "command: ls {output}",
    "batch: ls {model}",
]


def test_programs_that_cannot_run(repository: ToyRepository, snapshot: SnapshotAssertion) -> None:
    told = refusals(repository, *((f"--amct-quantizer={line}",) for line in LINES))
    assert told == snapshot


TABLES = {
    "not-toml": ("", "a = ["),
    "unknown-key": ("", "oddity = 1\n"),
    "missing-key": ("title =", "tilte ="),
    "unknown-kind": ("attribute =", "atribute ="),
}


def test_tables_that_are_broken(repository: ToyRepository, snapshot: SnapshotAssertion) -> None:
    text = importlib.resources.files("pytest_amct.tables").joinpath("cann-7.0.0.toml").read_text()
    for name, (before, after) in TABLES.items():
        repository.write(f"{name}.toml", text.replace(before, after, 1))
    told = refusals(repository, *((f"--amct-spec={name}.toml",) for name in TABLES))
    # The standard library's own words may change.
    assert re.sub(r"(not a TOML file: ).*", r"\1...", told) == snapshot


CHANGES: dict[str, Callable[[Any, Any], Any]] = {
    "version": lambda manifest, results: manifest.update(version="0.0.1"),
    "scheme": lambda manifest, results: manifest.update(schemes="uniform"),
    "framework": lambda manifest, results: manifest.update(frameworks=["onnnx"]),
    "no-schemes": lambda manifest, results: manifest.pop("schemes"),
    "id": lambda manifest, results: manifest.update(models=[{"id": "x"}]),
    "list": lambda manifest, results: manifest.update(export="0" * 16),
    "format": lambda manifest, results: results.update(format="json"),
    "export": lambda manifest, results: results.update(export="0" * 16),
    "no-models": lambda manifest, results: results.pop("models"),
    "models": lambda manifest, results: results.update(models=[]),
    "missing": lambda manifest, results: results["models"].clear(),
    "unknown": lambda manifest, results: results["models"].update(x={"layers": {}}),
    "name": lambda manifest, results: results.update(quantizer=7),
    "empty": lambda manifest, results: results["models"].update({k: {} for k in results["models"]}),
    "layers": lambda manifest, results: results["models"].update(
        {k: {"layers": []} for k in results["models"]}
    ),
}


def test_results_that_do_not_fit(repository: ToyRepository, snapshot: SnapshotAssertion) -> None:
    built = catalog.make_case(ROW, "default").build()
    home = repository.path / "request"
    home.mkdir()
    request = make_request(built.native, built.native.network(), home, PLAIN)
    about = {"version": __version__, "frameworks": ["onnx"], "schemes": ["uniform"], "settings": []}
    (id_,) = write_folder(repository.path, [request], about, calibration=False)
    manifest = (repository.path / "manifest.json").read_text()
    export = json.loads(manifest)["export"]
    results = {"format": RESULTS, "export": export, "models": {id_: {"layers": {}}}}
    for name, change in CHANGES.items():
        changed = json.loads(manifest), json.loads(json.dumps(results))
        change(*changed)
        repository.write(f"{name}/manifest.json", json.dumps(changed[0]))
        repository.write(f"{name}/results.json", json.dumps(changed[1]))
    lines = [f"{name} {name}/results.json" for name in CHANGES]
    lines += [
        "absent missing/results.json",
        "missing absent.json",
        "missing toy.py",
        "missing",
        "'x",
    ]
    told = refusals(repository, *((f"--amct-quantizer=results: {line}",) for line in lines))
    ids = {id_: "ID", export: "EXPORT", __version__: "VERSION"}
    for value, name in ids.items():
        told = told.replace(value, name)
    assert told == snapshot
