"""All cases by group: conditions, rows, the Float16 rule, types without a row.

Each framework contributes its own cases (see `CaseSource`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from types import MappingProxyType

from pytest_amct.cases.asked import is_asked
from pytest_amct.cases.caffe.source import CaffeSource
from pytest_amct.cases.deviations import STANDING
from pytest_amct.cases.drawing import (
    Features,
    base_of,
    draw_deviation,
    drawn_changes,
    is_drawn,
    smaller_names,
)
from pytest_amct.cases.onnx.source import OnnxSource
from pytest_amct.cases.plan import (
    ADDED,
    CONTEXTS,
    Built,
    Case,
    Changes,
    Context,
    Deviations,
    LayerVariation,
    ModelPlan,
    Plan,
)
from pytest_amct.cases.requests import ONCE, needs
from pytest_amct.cases.source import CaseSource
from pytest_amct.cases.tensorflow.source import TensorFlowSource
from pytest_amct.cases.writing import write_case
from pytest_amct.errors import UsageError
from pytest_amct.frameworks import FRAMEWORKS
from pytest_amct.ids import UNLISTED, CaseId, ConditionId, framework_of
from pytest_amct.tables.loader import spec_or_default
from pytest_amct.tables.model import Spec
from pytest_amct.wording import instead, written

_SOURCES: Mapping[str, CaseSource] = {
    "onnx": OnnxSource(),
    "tensorflow": TensorFlowSource(),
    "caffe": CaffeSource(),
}


@dataclass(frozen=True, slots=True)
class Group:
    """The cases of one condition (or row): the conforming layer and its deviations."""

    default: Plan
    deviations: Deviations


def source_of(framework: str) -> CaseSource:
    """Return the source of a framework's cases."""
    return _SOURCES[framework]


@cache
def _groups(framework: str) -> Mapping[str, Group]:
    if framework not in FRAMEWORKS:
        return MappingProxyType({})
    listed, found = source_of(framework), dict[str, Group]()
    for row, by_condition in listed.deviations.items():
        for condition, deviations in by_condition.items():
            id_ = ConditionId("uniform", framework, row, condition)
            found[str(id_)] = Group(listed.defaults[row], deviations)
    for row, deviations in listed.float16.items():
        id_ = ConditionId("float16", framework, row)
        found[str(id_)] = Group(listed.defaults[row], deviations)
    # A release may not list the type of a row of another.
    for name, plan in {**listed.unlisted, **listed.defaults}.items():
        with_constant = plan.second == "branch" and listed.has_constants
        constant: Deviations = {"constant": {"second": "constant"}} if with_constant else {}
        nested: Deviations = {"custom-in-if": {"inside": "if"}} if plan.domain else {}
        id_ = ConditionId("uniform", framework, UNLISTED, name)
        found[str(id_)] = Group(plan, {"plain": {}, **constant, **nested})
    for (row, condition), deviations in listed.requested.items():
        of_row = ConditionId.parse(row)
        # For a type that a table does not list, use the conforming layer of its row in table 1.
        default = listed.defaults[of_row.name if of_row.is_unlisted else of_row.row]
        found[str(replace(of_row, name=condition or of_row.name))] = Group(default, deviations)
    return MappingProxyType(found)


def groups(
    declared: Set[str] = frozenset(),
    frameworks: Sequence[str] = ("onnx",),
    spec: Spec | None = None,
) -> list[str]:
    """Return the ids of the groups that a release has cases of, in the document's order.

    `declared` lists the schemes and settings beyond plain uniform quantization that a quantizer
    supports. The default of `spec` is CANN 7.0.0.
    """
    spec = spec_or_default(spec)
    return [
        id_
        for framework in frameworks
        for id_, group in _groups(framework).items()
        if any(needs(changes) <= declared for changes in group.deviations.values())
        and is_asked(ConditionId.parse(id_), spec)
    ]


def deviations(group: str) -> Deviations:
    """Return the deviations of a group by name. Raises `UsageError` if there is no such group."""
    return _group(group).deviations


def _group(id_: str) -> Group:
    found = _groups(framework_of(id_)).get(id_)
    if found is None:
        every = [group for f in FRAMEWORKS for group in _groups(f)]
        raise UsageError(f"{written(id_)} has no cases{instead(id_, every)}")
    return found


def variations(framework: str) -> Mapping[str, Changes]:
    """Return the changes to a model that no condition speaks of, by name."""
    return source_of(framework).variations


def layer_variations(framework: str) -> Mapping[str, LayerVariation]:
    """Return the changes to a layer that no condition speaks of, by name."""
    return source_of(framework).layer_variations


def varied(plan: Plan, deviation: str, name: str, framework: str) -> Plan | None:
    """Return the plan of a deviation with a layer variation, ``None`` if it does not apply.

    None applies to drawn deviations, which spell everything in their names.
    """
    change = None if is_drawn(deviation) else layer_variations(framework)[name](plan)
    return None if change is None else plan.with_(change)


def make_case(
    group: str, deviation: str, context: Context = "plain", variations: tuple[str, ...] = ()
) -> Case:
    """Return the case of that name. Raises `UsageError` if a part of the name does not exist."""
    changes = changes_of(group, deviation)
    plan = _group(group).default
    framework = framework_of(group)
    source = source_of(framework)
    of_models, of_layers = source.variations, source.layer_variations
    for name in variations:
        if name not in of_models and name not in of_layers:
            known = ", ".join([*of_models, *of_layers])
            raise UsageError(f"{name!r} is not a variation: use one of {known}")
        # A variation never undoes the deviation: where both change a field, the deviation wins.
        variation = of_models.get(name, {}).items()
        plan = plan.with_({k: v for k, v in variation if k in ADDED or k not in changes})
    plan = plan.with_({**changes, "context": context})
    for drawn in _drawn(group, deviation):
        plan = plan.with_(drawn)
    for name in (v for v in variations if v in of_layers):
        found_plan = varied(plan, deviation, name, framework)
        if found_plan is None:
            raise UsageError(f"{name!r} does not apply to {group}@{deviation}: leave it out")
        plan = found_plan
    return Case(group, deviation, plan, partial(_write, source), context, variations)


def changes_of(group: str, deviation: str) -> Changes:
    """Return the changes of a listed deviation, or of the one of which a drawn one is made.

    Raises `UsageError` if there is no such deviation.
    """
    found, base = deviations(group), base_of(deviation)
    if base not in found:
        known = ", ".join(found)
        raise UsageError(f"{group!r} has no case {base!r}: it has {known}")
    return found[base]


def _listed(group: str, deviation: str) -> Plan:
    """Return the plan of a listed deviation, or of the one of which a drawn one is made."""
    return _group(group).default.with_(changes_of(group, deviation))


def _features(group: str) -> Features:
    return source_of(framework_of(group)).features


@lru_cache(maxsize=4096)
def _drawn(group: str, deviation: str) -> tuple[Changes, ...]:
    """Return what the name of a drawn deviation changes besides."""
    if not is_drawn(deviation):
        return ()
    try:
        return tuple(drawn_changes(deviation, _listed(group, deviation), _features(group)))
    except ValueError as error:
        raise UsageError(f"{group}@{deviation} is not a case: {error}") from None


_ABOUT_SOURCES = frozenset(
    ("weight_source", "weight_node", "second_input", "constant_rank", "two_variables")
)
"""Conditions for which the weight's source is always drawn, if the listed deviation leaves it."""


def draw(group: str, base: str, numbers: Sequence[int], newest: int) -> str:
    """Return a drawn deviation, chosen by small numbers; opsets are `newest` at most.

    It is made of the listed deviation `base`, and may be that one itself.
    """
    always = "source" if ConditionId.parse(group).name in _ABOUT_SOURCES else ""
    return draw_deviation(base, _listed(group, base), _features(group), numbers, newest, always)


def smaller_deviations(group: str, deviation: str) -> Iterator[str]:
    """Yield names that spell a little less than the name of a drawn deviation does.

    Not all of them are names of deviations.
    """
    yield from smaller_names(deviation, _listed(group, deviation), _features(group))


def _write(source: CaseSource, plan: Plan) -> Built:
    """Write the model of a case, the same bytes on every run and machine."""
    model = ModelPlan(plan.opset, plan.ir_version, plan.form, plan.switches)
    return write_case(plan, source.writer(model))


def contexts(group: str, deviation: str) -> tuple[Context, ...]:
    """Return the contexts of a deviation. Integer layers have no neighbours that take floats."""
    integers = changes_of(group, deviation).get("dtype") == "int64"
    return CONTEXTS[:1] if integers else CONTEXTS


def with_variation(case: Case, name: str) -> Case | None:
    """Return the case with one more variation, ``None`` if the variation does not apply to it.

    Raises `UsageError` if a model variation makes an earlier layer variation inapplicable.
    """
    names, framework = (*case.variations, name), framework_of(case.group)
    if name not in layer_variations(framework):  # model variations apply before the deviation
        return make_case(case.group, case.deviation, case.context, names)
    plan = varied(case.plan, case.deviation, name, framework)
    return None if plan is None else replace(case, plan=plan, variations=names)


def _with_all_variations(case: Case) -> Case:
    """Return a case with all variations of its layer, but of its own type, among its neighbours."""
    for name in layer_variations(framework_of(case.group)):
        if name not in ("float16", *STANDING):
            case = with_variation(case, name) or case
    return case


def is_alone(group: str, deviation: str) -> bool:
    """Return whether the gate has a model of a deviation alone, and not only in its networks."""
    among_others = source_of(framework_of(group)).among_others
    return not is_drawn(deviation) and deviation not in among_others


def gate_cases(group: str, declared: Set[str] = frozenset()) -> Iterator[Case]:
    """Yield all enumerated cases of a group that `declared` allows, nearly all in both contexts.

    Chosen cases are repeated with each variation of their layer: a layer that violates a condition
    also violates it with a bias, with groups or with other strides. The conforming layer of a row
    is repeated in both contexts with all of them together: it still conforms.
    """
    source = source_of(framework_of(group))
    varies = source.varied.get(group, ())
    names = (*source.layer_variations, *source.varied_by)
    for deviation, changes in deviations(group).items():
        if needs(changes) <= declared and is_alone(group, deviation):
            plain = make_case(group, deviation)
            yield plain
            once = changes.get("inside") or deviation in source.plain_only or deviation in ONCE
            if not once and "chain" in contexts(group, deviation):
                yield make_case(group, deviation, "chain")
            for name in names if deviation in varies else ():
                if (case := with_variation(plain, name)) is not None:
                    yield case
    row = ConditionId.parse(group)
    if row.table == "uniform" and row.is_row:
        for context in CONTEXTS:
            case = _with_all_variations(make_case(group, next(iter(deviations(group))), context))
            if case.variations:
                yield case


def parse_case(id_: str) -> Case:
    """Return the case of an id from a report. Raises `UsageError` if there is no such case."""
    try:
        case = CaseId.parse(id_)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if case.position:
        raise UsageError(f"{written(id_)} is a network, not a single case")
    context: Context = "chain" if case.context else "plain"
    return make_case(case.condition, case.deviation, context, case.variations)
