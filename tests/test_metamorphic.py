"""Metamorphic changes leave all answers unchanged and give valid models."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pytest_amct import answer, onnx_networks
from pytest_amct.cases import metamorphic
from pytest_amct.cases.metamorphic import MetamorphicCase, parse_metamorphic
from pytest_amct.cases.networks import NetworkCase
from pytest_amct.cases.onnx.builder import write_typed
from pytest_amct.cases.onnx.changing import DATA_FILE
from pytest_amct.cases.trials import Call
from pytest_amct.errors import UsageError
from pytest_amct.explore import Explorer
from pytest_amct.given_model import check_model
from pytest_amct.graphs.onnx.reader import read_onnx
from pytest_amct.ids import Item
from pytest_amct.options import Settings
from pytest_amct.quantizers.builtin.reference import Reference
from pytest_amct.quantizers.loading import FunctionQuantizer
from pytest_amct.results import Result
from pytest_amct.runner import Runner
from pytest_amct.tables.loader import load_spec

CONV = NetworkCase((Item("uniform/onnx/Conv", "default"),))
NotImplemented_ = onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented

few = settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def explorer(quantize: Any, folder: Path, **given: Any) -> Explorer:
    settings = Settings("it", profile="explore", scratch=folder, **given)
    quantizer = quantize if isinstance(quantize, Reference) else FunctionQuantizer("it", quantize)
    return Explorer(Runner(quantizer, load_spec(), settings))


def load(call: Call, folder: Path) -> onnxruntime.InferenceSession:
    for name, data in {**call.files, "m.onnx": call.data}.items():
        (folder / name).write_bytes(data)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(folder / "m.onnx"), options)


# --- the changes --------------------------------------------------------------------------------


@pytest.mark.parametrize("change", list(metamorphic.changes()))
def test_a_change_gives_valid_models_with_the_same_answers(
    change: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, applied = tmp_path_factory.mktemp(change), []

    @few
    @given(onnx_networks(max_layers=4), st.integers(0, 99))
    def check(network: NetworkCase, seed: int) -> None:
        case = MetamorphicCase(network, change, seed)
        if change == "opset":
            case = MetamorphicCase(NetworkCase(network.items, None, ("opset13",)), change, seed)
        trial = case.build()
        if trial is None:
            return
        first, last = trial.calls[0], trial.calls[-1]
        (folder / DATA_FILE).write_bytes(last.files.get(DATA_FILE, b""))
        (folder / "m.onnx").write_bytes(last.data)
        onnx.checker.check_model(str(folder / "m.onnx"), full_check=True)
        with contextlib.suppress(NotImplemented_):  # there are types without kernels
            load(last, folder)
        networks = [read_onnx(call.data) for call in (first, last)]
        layers = [
            {t.name: x for x in n.layers if not x.where for t in x.outputs if t} for n in networks
        ]
        assert len(trial.same) >= len(network.items)
        for before, after in trial.same:
            a, b = layers[0][before], layers[1][after]
            assert answer(a).verdict == answer(b).verdict, (case.id, str(a))
        applied.append(first.data != last.data)

    check()
    assert len(applied) > 6
    assert any(applied) != (change in ("order", "twice"))


def test_storage_uses_every_form() -> None:
    forms = set()
    for seed in range(12):
        trial = MetamorphicCase(CONV, "storage", seed).build()
        assert trial is not None
        model = onnx.ModelProto.FromString(trial.calls[-1].data)
        for tensor in model.graph.initializer:
            external = tensor.data_location == onnx.TensorProto.EXTERNAL
            forms.add("external" if external else "raw" if tensor.raw_data else "typed")
            assert not (tensor.raw_data and tensor.float_data)
    assert forms == {"external", "raw", "typed"}


@pytest.mark.parametrize(
    "dtype", "float16 float64 int8 uint8 int16 uint16 int32 uint32 int64 uint64 bool".split()
)
def test_typed_fields_hold_the_values_of_every_type(dtype: str) -> None:
    stored = onnx.numpy_helper.from_array(np.array([0, 1, 3]).astype(dtype), "w")
    values = onnx.numpy_helper.to_array(stored)
    write_typed(stored, stored.raw_data)
    onnx.checker.check_tensor(stored)
    assert not stored.raw_data
    assert np.array_equal(onnx.numpy_helper.to_array(stored), values)


@pytest.mark.parametrize("seed", range(6))
def test_storage_keeps_the_values(seed: int, tmp_path: Path) -> None:
    trial = MetamorphicCase(CONV, "storage", seed).build()
    assert trial is not None
    feeds = {i.name: [[[[0.5] * 4] * 4] * 32] for i in load(trial.calls[0], tmp_path).get_inputs()}
    results = [load(call, tmp_path).run(None, feeds) for call in trial.calls]
    assert all((a == b).all() for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("change", list(metamorphic.changes()))
def test_a_pair_is_rebuilt_from_its_id(change: str) -> None:
    item = Item("uniform/onnx/Add", "default", 1, 2)
    case = MetamorphicCase(NetworkCase((*CONV.items, item), None, ("opset13", "apart")), change, 7)
    assert parse_metamorphic(case.id) == case
    assert parse_metamorphic(case.id).build() == case.build()


@pytest.mark.parametrize(
    "id_",
    [
        "metamorphic/onnx/paint@1:in(uniform/onnx/Conv@default)",
        "metamorphic/onnx/rename:in(uniform/onnx/Conv@default)",
        "metamorphic/onnx/rename@1",
        "metamorphic/onnx/rename@1:in(_)",
    ],
)
def test_an_invalid_pair_is_refused_in_one_sentence(id_: str) -> None:
    with pytest.raises(UsageError, match=r"is not a (pair|network)"):
        parse_metamorphic(id_)


# --- what they find -----------------------------------------------------------------------------


class Unstable:
    """Obeys the tables, but its decisions depend on one irrelevant detail."""

    def __init__(self) -> None:
        self.calls = 0
        self.seen: set[str] = set()

    def decide(self, model: onnx.ModelProto, request: Any) -> Mapping[str, Any]:
        return Reference().decide(read_onnx(model), request)

    def order(self, model: onnx.ModelProto, request: Any) -> object:
        self.seen |= {n.op_type for n in model.graph.node}
        return {} if "Softmax" not in self.seen else self._all(model, request)

    def twice(self, model: onnx.ModelProto, request: Any) -> object:
        self.calls += 1
        return self.decide(model, request) if self.calls % 2 else self._all(model, request)

    def rename(self, model: onnx.ModelProto, request: Any) -> object:
        plain = all(n.name.startswith(("n", "f", "")) for n in model.graph.node[:1])
        plain = plain and model.graph.node[0].name == "n0"
        return self.decide(model, request) if plain else self._all(model, request)

    def reorder(self, model: onnx.ModelProto, request: Any) -> object:
        first = model.graph.node[0].name
        return self.decide(model, request) if first == "n0" else self._all(model, request)

    def constants(self, model: onnx.ModelProto, request: Any) -> object:
        nodes = any(n.op_type == "Constant" for n in model.graph.node)
        return self._all(model, request) if nodes else self.decide(model, request)

    def storage(self, model: onnx.ModelProto, request: Any) -> object:
        typed = any(t.float_data and len(t.dims) > 1 for t in model.graph.initializer)
        if any(t.data_location for t in model.graph.initializer):
            raise FileNotFoundError("weights.bin")
        return self._all(model, request) if typed else self.decide(model, request)

    def unrelated(self, model: onnx.ModelProto, request: Any) -> object:
        more = any(n.name.startswith("branch") for n in model.graph.node)
        return self._all(model, request) if more else self.decide(model, request)

    def opset(self, model: onnx.ModelProto, request: Any) -> object:
        newer = model.opset_import[0].version > 13
        return self._all(model, request) if newer else self.decide(model, request)

    def _all(self, model: onnx.ModelProto, request: Any) -> Mapping[str, Any]:
        """Every layer left in float."""
        return dict.fromkeys(self.decide(model, request), False)


def unstable(change: str, folder: Path) -> Result:
    quantize = getattr(Unstable(), change)
    if change == "order":
        inner, state = Unstable(), {"seen": False}

        def quantize(model: onnx.ModelProto, request: Any) -> object:
            decided = inner.decide(model, request)
            after = state["seen"]
            state["seen"] = after or any(n.op_type == "Softmax" for n in model.graph.node)
            return dict.fromkeys(decided, False) if after else decided

    return explorer(quantize, folder, max_examples=40, seed=1).check_metamorphic(change)


@pytest.mark.parametrize("change", list(metamorphic.changes()))
def test_a_decision_that_changes_is_unstable_and_shown_as_a_pair(
    change: str, tmp_path: Path
) -> None:
    result = unstable(change, tmp_path)
    assert result.failure is not None
    (finding,) = {f.kind for f in result.findings if f.status == "failed"}
    assert finding == "unstable"
    assert metamorphic.changes()[change] in result.failure
    if change != "order":  # the difference exists only once
        assert "first:" in result.failure and "then:" in result.failure
        assert "\n-> " in result.failure or "Error" in result.failure
    assert "--amct-seed=1" in result.failure


def test_the_pair_is_the_smallest_network_and_is_judged_again_from_its_file(
    tmp_path: Path,
) -> None:
    result = unstable("unrelated", tmp_path)
    (finding,) = {f.case for f in result.findings}
    assert finding == f"metamorphic/onnx/unrelated@0:in({CONV.position})"
    (saved,) = {f.model for f in result.findings}
    assert saved is not None
    again = check_model(explorer(Unstable().unrelated, tmp_path).runner, tmp_path / saved)
    assert [f.message for f in again.findings] == [f.message for f in result.findings]
    fine = check_model(explorer(Reference(), tmp_path).runner, tmp_path / saved)
    assert fine.findings == () and fine.failure is None


def test_external_data_is_saved_beside_the_model(tmp_path: Path) -> None:
    seen: list[bool] = []

    def quantize(model: onnx.ModelProto, request: Any) -> object:
        onnx.load_external_data_for_model(model, str(request.workdir))
        seen.append(all(t.raw_data or not t.dims for t in model.graph.initializer))
        return Unstable().decide(onnx.load(request.model_path), request)

    result = explorer(quantize, tmp_path, max_examples=15).check_metamorphic("storage")
    assert result.findings == ()
    assert len(seen) >= 15


def test_a_decision_on_an_unspecified_layer_may_change(tmp_path: Path) -> None:
    count = {"calls": 0}

    def quantize(model: onnx.ModelProto, request: Any) -> object:
        count["calls"] += 1
        network, even = read_onnx(model), count["calls"] % 2 == 0
        decided = Unstable().decide(model, request)
        settled = {x.name for x in network.layers if answer(x).verdict != "unspecified"}
        return {n: d if n in settled else even for n, d in decided.items()}

    assert explorer(quantize, tmp_path, max_examples=40).check_metamorphic("twice").findings == ()


def test_the_obedient_quantizer_is_stable(tmp_path: Path) -> None:
    for change in metamorphic.changes():
        result = explorer(Reference(), tmp_path, max_examples=15).check_metamorphic(change)
        assert (result.failure, result.findings) == (None, ()), change
