"""The second opinions as eager quantizers: they do to each layer as much as their opinion allows.

The models of the gate and random ones are read once. With each is kept what ran while it was read
and judged, so that a change of an opinion has to be tried on few of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from types import FrameType
from typing import Any

import accusations
import releases
import second_opinion
import second_opinion_caffe
import second_opinion_tensorflow
from caffe_nets import caffe_nets
from hypothesis import HealthCheck, Phase, given, seed, settings
from mistakes import Changeable, Mistake

from pytest_amct.cases import catalog
from pytest_amct.cases.networks import AnyCase
from pytest_amct.cases.plan import target_layers
from pytest_amct.cases.together import gate_networks
from pytest_amct.decisions.decision import Decision, Outcome
from pytest_amct.frameworks import BLOBS_FILE
from pytest_amct.graphs.network import Network
from pytest_amct.graphs.reading import ModelFiles
from pytest_amct.graphs.tensorflow.files import parse_tensorflow
from pytest_amct.request_options import PLAIN, RequestOptions
from pytest_amct.tables.loader import load_spec
from pytest_amct.verdicts import Policy, Record, judge_layer

SPEC = load_spec()
DECLARED = frozenset({"nonuniform", "weight_only", "channel_wise", "asymmetric", "tensor_quantize"})
_BLOCK = 1000

_BOTH = Decision(inputs=(0,), weights=True)
_EAGER = (
    Decision((0,), True, weight_channel_wise=True, weight_asymmetric=True, shift=3),
    Decision((0,), True, weight_channel_wise=True),
    Decision((0,), True, weight_asymmetric=True),
    Decision((0,), True, shift=3),
)
_PLAIN = (_BOTH, Decision(inputs=(0,), weights=False))
WANTED: Mapping[str, Sequence[Decision]] = {
    "uniform": (*_EAGER, *_PLAIN),
    "nonuniform": (Decision((0,), True, nonuniform=True), *_PLAIN),
    "weight_only": (Decision((), True, weight_channel_wise=True, weight_asymmetric=True),),
}
"""What the quantizers try for a request, in this order: as much as an opinion lets them do."""
REQUESTS = (PLAIN, PLAIN, PLAIN, RequestOptions("nonuniform"), RequestOptions("weight_only"))


@dataclass(frozen=True, slots=True)
class Opinionated:
    """A second opinion: how it reads a model, and what it says of what was read."""

    module: Changeable
    read: Callable[[ModelFiles], Any]
    judge: Callable[[Any, releases.Done], list[Any]]


def _read_caffe(model: ModelFiles) -> Any:
    return second_opinion_caffe.read(model.data.decode(), model.files.get(BLOBS_FILE))


def _read_onnx(model: ModelFiles) -> Any:
    return second_opinion.Reader(second_opinion.ModelProto.FromString(model.data))


OPINIONATED = {
    "onnx": Opinionated(
        Changeable(second_opinion),
        _read_onnx,
        lambda read, done: second_opinion.opinions(read, done),
    ),
    "tensorflow": Opinionated(
        Changeable(second_opinion_tensorflow),
        lambda model: second_opinion_tensorflow.Reader(parse_tensorflow(model.data)),
        lambda read, done: second_opinion_tensorflow.opinions(read, done),
    ),
    "caffe": Opinionated(
        Changeable(second_opinion_caffe),
        _read_caffe,
        lambda read, done: second_opinion_caffe.judged(read, done, releases.DEFAULT),
    ),
}
RELEASES = Changeable(releases)

Lines = frozenset[tuple[str, int]]


@dataclass(slots=True, eq=False)
class Shown:
    """A model as the quantizers see it."""

    name: str
    group: str
    model: ModelFiles
    options: RequestOptions
    network: Network
    #: indices of the layers that are judged
    targets: Sequence[int]
    read: Any = None
    #: what the original does to each layer
    decisions: list[Decision] = field(default_factory=list)
    #: lines that ran while it was read and judged
    reading: Lines = frozenset()
    judging: Lines = frozenset()

    def record(self, index: int, decision: Decision) -> Record:
        """Return the record of a layer to which that was done."""
        outcome, layer = Outcome("decided", {index: decision}), self.network.layers[index]
        return judge_layer(self.name, self.group, layer, outcome, SPEC, Policy(), self.options)


# --- models ---------------------------------------------------------------------------------------


def gate_models(framework: str) -> list[Shown]:
    """Return all cases of the gate for a quantizer that supports all schemes, read and decided."""
    found = []
    for group in catalog.groups(DECLARED, (framework,), SPEC):
        for case in catalog.gate_cases(group, DECLARED):
            found.append(_of_case(case))
    return [looked_at(framework, shown) for shown in found]


def network_models(framework: str) -> list[Shown]:
    """Return the networks of the gate, read and decided."""
    return [looked_at(framework, _of_case(case)) for case in gate_networks(framework)]


def _of_case(case: AnyCase) -> Shown:
    built = case.build()
    network = built.native.network()
    layers = [network.layers.index(layer) for layer in target_layers(network, built.targets)]
    return Shown(case.id, case.group, built.native, built.options, network, layers)


def random_models(framework: str, count: int) -> Iterator[list[Shown]]:
    """Yield blocks of random models of all kinds, of which some are asked for in other schemes."""
    rng = Random(framework)
    drawn = islice(_drawn(framework, count), count)
    while block := list(islice(drawn, _BLOCK)):
        found = []
        for name, model in block:
            network = model.network()
            every = range(len(network.layers))
            shown = Shown(name, "", model, rng.choice(REQUESTS), network, every)
            found.append(looked_at(framework, shown))
        yield found


def _drawn(framework: str, count: int) -> Iterator[tuple[str, ModelFiles]]:
    others = iter(_nets(count // 2)) if framework == "caffe" else iter(())
    for named in accusations.models(framework, 0):
        yield named
        yield from islice(others, 1)


def _nets(count: int) -> list[tuple[str, ModelFiles]]:
    """Return random Caffe nets. Layers that read files are left out: no tool could run the net."""
    found: list[tuple[str, ModelFiles]] = []

    @seed(0)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(net=caffe_nets(from_files=False))
    def collect(net: tuple[str, bytes | None]) -> None:
        files = {} if net[1] is None else {BLOBS_FILE: net[1]}
        found.append((f"random net {net[0]!r}", ModelFiles("caffe", net[0].encode(), files)))

    collect()
    return found


# --- decisions ------------------------------------------------------------------------------------


def looked_at(framework: str, shown: Shown) -> Shown:
    """Let the original read and decide, and note the lines that run."""
    look = OPINIONATED[framework]
    modules = {m.path: m.name for m in (look.module, RELEASES)}
    shown.read, shown.reading = _watched(lambda: look.read(shown.model), modules)
    shown.decisions, shown.judging = _watched(lambda: decided(look, shown, shown.read), modules)
    return shown


def _watched(call: Callable[[], Any], modules: Mapping[str, str]) -> tuple[Any, Lines]:
    seen: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        name = modules.get(frame.f_code.co_filename)
        if name is None:
            return None
        seen.add((name, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return call(), frozenset(seen)
    finally:
        sys.settrace(before)


def decided(look: Opinionated, shown: Shown, read: Any) -> list[Decision]:
    """Return the first treatment of each layer that an opinion calls quantizable, else float."""
    found: list[Decision | None] = [None] * len(shown.network.layers)
    for wanted in WANTED[shown.options.scheme]:
        opinions = look.judge(read, _done(wanted))
        for index, opinion in enumerate(opinions):
            if found[index] is None and opinion.answer == "quantizable":
                found[index] = wanted
        if len(opinions) != len(found):
            raise ValueError("it does not see all layers")
        if all(found[index] is not None for index in shown.targets):
            break  # nobody asks for the others
    return [decision or Decision.float() for decision in found]


def _done(decision: Decision) -> releases.Done:
    told = decision.treatment
    return releases.Done(
        told.scheme,
        told.data,
        told.weights,
        told.weight_channel_wise,
        told.weight_asymmetric,
        told.shift,
        told.inputs,
    )


def differences(look: Opinionated, mistake: Mistake, shown: Shown) -> dict[int, Decision] | None:
    """Return what a quantizer with a mistake does otherwise, ``None`` if no line of it ran.

    The module is changed already.
    """
    read, lines = shown.read, mistake.lines
    touched = None if lines is None else {(mistake.module, line) for line in lines}
    if touched is None or not touched.isdisjoint(shown.reading):
        read = look.read(shown.model)
    elif touched.isdisjoint(shown.judging):
        return None
    decisions = decided(look, shown, read)
    pairs = enumerate(zip(decisions, shown.decisions, strict=True))
    return {i: now for i, (now, was) in pairs if now != was and i in shown.targets}
