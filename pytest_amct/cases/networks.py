"""Networks of many layers as values: each item is a layer of the catalogue and what feeds it.

An id describes the whole network, as a case's id describes a case. A network in which one layer is
judged: ``uniform/onnx/Conv/dilation_d@d2-h1-w1:in(uniform/onnx/Add@default,_<1)+opset17``. A
network in which all layers are judged:
``networks/onnx@all:in(uniform/onnx/Conv@default,uniform/onnx/Add@default<1<1)``.
``_`` is the target. `ids.Item` says what ``<1`` means.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from functools import lru_cache

from pytest_amct.cases import catalog
from pytest_amct.cases.drawing import is_drawn
from pytest_amct.cases.plan import (
    USUAL_OPSET,
    Around,
    Built,
    Case,
    Changes,
    LayerVariation,
    ModelPlan,
    NetworkPlan,
    Placed,
    Plan,
    known_as,
    target_layers,
)
from pytest_amct.cases.requests import needs
from pytest_amct.cases.writing import write_network
from pytest_amct.errors import UsageError
from pytest_amct.graphs.network import Network
from pytest_amct.ids import NETWORKS, UNLISTED, CaseId, ConditionId, Item, framework_of

_WHOLE = "all"
_ROWS, _OTHERS = 13, 19
"""The oldest opsets with the syntax that we write: for all rows, and for types without a row."""


def variations(framework: str) -> Mapping[str, Changes | LayerVariation]:
    """Return the variations of a whole network, by name."""
    return {
        **catalog.variations(framework),
        **catalog.layer_variations(framework),  # for each layer that they apply to
        "apart": {},  # an operator that no quantizer touches between the items
        "shared": {},  # layers with weights of the same shape share one
    }


@dataclass(frozen=True, slots=True)
class NetworkCase:
    """A network, and which of its layers are judged. It has the interface of a `Case`."""

    items: tuple[Item, ...]
    #: index of the only item that is judged, ``None`` = all of them
    target: int | None = None
    variations: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The condition or row of the target, else the group of whole networks."""
        if self.target is None:
            return str(ConditionId(NETWORKS, self.framework))
        return self.items[self.target].group

    @property
    def deviation(self) -> str:
        """The target's deviation."""
        return _WHOLE if self.target is None else self.items[self.target].deviation

    @property
    def id(self) -> str:
        """The id of the network, as a path. It is public, and enough to rebuild the network."""
        return str(CaseId(self.group, self.deviation, "", self.position, self.variations))

    @property
    def position(self) -> str:
        """The part of the id that lists the layers of the network."""
        return ",".join(
            f"_{item.wires}" if i == self.target else str(item) for i, item in enumerate(self.items)
        )

    @property
    def framework(self) -> str:
        """``onnx``, ``tensorflow`` or ``caffe``."""
        return framework_of(self.items[0].group)

    def plan(self, item: Item) -> Plan:
        """Return the plan of an item with the variations that apply to it."""
        return _varied(item.group, item.deviation, self.of_layers)

    @property
    def of_layers(self) -> tuple[str, ...]:
        """The variations that change single layers."""
        known = catalog.layer_variations(self.framework)
        return tuple(v for v in self.variations if v in known)

    @property
    def of_model(self) -> tuple[Changes, ...]:
        """The changes to the network as a whole."""
        known = catalog.variations(self.framework)
        return tuple(known[v] for v in self.variations if v in known)

    @property
    def opset(self) -> int:
        """The opset of an ONNX model: that of a variation, if all items allow it."""
        named = [changes["opset"] for changes in self.of_model if "opset" in changes]
        given = [n for item in self.items if (n := _plan(item).opset) < USUAL_OPSET]
        least = max(_least_opset(item) for item in self.items)
        return max(least, *named[:1], *given[:1]) if named or given else max(least, USUAL_OPSET)

    def build(self) -> Built:
        """Return the network's model, the same bytes on every run and machine."""
        network = self._planned()
        return write_network(network, catalog.source_of(self.framework).writer(network.model))

    def _planned(self) -> NetworkPlan:
        """The network as plans, for the writers."""
        changes = self.of_model
        around = tuple(name for change in changes for name in change.get("around", ()))
        switches = tuple(name for change in changes for name in change.get("switches", ()))
        return NetworkPlan(
            tuple(self._placed(item, around) for item in self.items),
            ModelPlan(self.opset, switches=switches, shared="shared" in self.variations),
            self.target,
            tuple(branch for change in changes for branch in change.get("branches", ())),
            any(change.get("symbolic_batch") for change in changes),
            "apart" in self.variations,
        )

    def _placed(self, item: Item, around: tuple[Around, ...]) -> Placed:
        name = f"{item.group}@{item.deviation}" + "".join(f"+{v}" for v in self.of_layers)
        plan = self.plan(item)
        plan = plan.with_({"around": around}) if around else plan
        return Placed(name, plan, item.back, item.second)

    def __repr__(self) -> str:
        return f"<network {self.id}>"


AnyCase = Case | NetworkCase
Place = tuple[str, str]
"""A group and a deviation."""


def places(case: AnyCase, built: Built, network: Network) -> dict[str, Place]:
    """Return the deviation of each target of a case, by the layer's text."""
    if not isinstance(case, NetworkCase) or case.target is not None:
        return {str(x): (case.group, case.deviation) for x in target_layers(network, built.targets)}
    items = dict(zip(built.targets, case.items, strict=True))
    return {
        str(layer): (items[name].group, items[name].deviation)
        for layer in target_layers(network, built.targets)
        for name in known_as(layer)
        if name in items
    }


@lru_cache(maxsize=2048)
def plan_of(group: str, deviation: str) -> Plan:
    """Return the plan of a deviation, without context or variations."""
    return catalog.make_case(group, deviation).plan


@lru_cache(maxsize=2048)
def _varied(group: str, deviation: str, variations: tuple[str, ...]) -> Plan:
    plan = plan_of(group, deviation)
    for name in variations:
        plan = catalog.varied(plan, deviation, name, framework_of(group)) or plan
    return plan


def _least_opset(item: Item) -> int:
    plan = _plan(item)
    if plan.opset > USUAL_OPSET or is_drawn(item.deviation):
        return plan.opset
    return _OTHERS if ConditionId.parse(item.group).is_unlisted else _ROWS


def fits(group: str, deviation: str, target: bool = False) -> bool:
    """Return whether a deviation can be part of a network.

    A deviation that changes the whole model can be part of one only as the `target`, or not at
    all.
    """
    changes = catalog.changes_of(group, deviation)
    if "ir_version" in changes or changes.get("form") == "unnamed":
        return False
    if "all-float16" in changes.get("switches", ()):
        return False
    older = changes.get("opset", USUAL_OPSET) < USUAL_OPSET
    return target or not (older or "options" in changes or "alone" in changes.get("around", ()))


@lru_cache(maxsize=8)
def neighbours(framework: str) -> tuple[tuple[str, str], ...]:
    """Return the layers for the surroundings of a target.

    They are the conforming layers of each row, and types without a row.
    """
    found = catalog.source_of(framework)
    listed = [(str(ConditionId("uniform", framework, name)), "default") for name in found.defaults]
    unlisted = [ConditionId("uniform", framework, UNLISTED, type_) for type_ in found.around]
    return (*listed, *((str(id_), "plain") for id_ in unlisted))


@lru_cache(maxsize=8)
def everything(framework: str, declared: Set[str] = frozenset()) -> tuple[tuple[str, str], ...]:
    """Return all deviations that can be anywhere in a network."""
    return tuple(
        (group, deviation)
        for group in catalog.groups(declared, (framework,))
        for deviation, changes in catalog.deviations(group).items()
        if needs(changes) <= declared and fits(group, deviation)
    )


def surrounded(case: Case, wires: Item, around: tuple[Item, ...], at: int) -> AnyCase:
    """Return a network of other items with the case's target as the `at`-th item (or the last).

    `wires` says where the target's data comes from. Return the case itself if there are no other
    items, or if it cannot be part of a network.
    """
    if not around or not fits(case.group, case.deviation, target=True):
        return case
    at = min(at, len(around))
    plan = plan_of(case.group, case.deviation)
    if plan.opset < USUAL_OPSET:  # the other items would need the syntax of that opset
        around = tuple(item for item in around if _least_opset(item) <= plan.opset)
        at = min(at, len(around))
    target = replace(wires, group=case.group, deviation=case.deviation)
    return NetworkCase((*around[:at], target, *around[at:]), at, case.variations)


# --- ids ----------------------------------------------------------------------------------------


def parse_case(id_: str) -> AnyCase:
    """Return the case or network of an id. Raises `UsageError` if there is no such case."""
    try:
        case = CaseId.parse(id_)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if not case.position:
        return catalog.parse_case(id_)
    whole = ConditionId.parse(case.condition).is_network
    network = parse_network(case, None if whole else (case.condition, case.deviation))
    if (network.target is None) != whole or network.framework != framework_of(id_):
        raise UsageError(
            f"{id_!r} must contain one target _, or start with"
            f" {NETWORKS}/{network.framework}@{_WHOLE}"
        )
    return network


def parse_network(case: CaseId, target: tuple[str, str] | None) -> NetworkCase:
    """Return the network at an id's position; ``_`` means `target`.

    Raises `UsageError` if there is no such network.
    """
    id_ = str(case)
    try:
        placed = case.items
    except ValueError as error:
        raise UsageError(f"{id_!r} is not a network: {error}") from None
    items: list[Item] = []
    at = None
    for item in placed:
        if not item.group and (target is None or at is not None):
            raise UsageError(f"{id_!r} is not a network: {str(item)!r} is not a layer of one")
        if not item.group and target is not None:
            at, (group, deviation) = len(items), target
            items.append(replace(item, group=group, deviation=deviation))
        else:
            items.append(item)
        if not fits(items[-1].group, plan_name(items[-1]), target=not item.group):
            raise UsageError(f"{id_!r} is not a network: {str(item)!r} cannot be part of one")
    network = NetworkCase(tuple(items), at, case.variations)
    for item in items:
        if framework_of(item.group) != network.framework:
            raise UsageError(f"{id_!r} is not a network: its layers are of several frameworks")
    for name in network.variations:
        if name not in variations(network.framework):
            raise UsageError(f"{id_!r} is not a network: {name!r} is not a variation")
    return network


def _plan(item: Item) -> Plan:
    return plan_of(item.group, item.deviation)


def plan_name(item: Item) -> str:
    """Return the item's deviation. Raises `UsageError` if the catalogue does not have it."""
    catalog.make_case(item.group, item.deviation)
    return item.deviation
