"""The writer of Caffe nets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import gcd, prod
from typing import Any

from pytest_amct.cases.caffe import surroundings
from pytest_amct.cases.caffe.builder import Blob, NetBuilder, Shape
from pytest_amct.cases.caffe.caffemodel import caffemodel
from pytest_amct.cases.caffe.extras import add_branch
from pytest_amct.cases.caffe.prototxt import prototxt
from pytest_amct.cases.caffe.spelling import SPELLINGS, tree
from pytest_amct.cases.caffe.surroundings import neutral
from pytest_amct.cases.naming import style_of
from pytest_amct.cases.plan import Branch, Built, ModelPlan, Placed, Plan, Switch
from pytest_amct.cases.writing import Made
from pytest_amct.frameworks import BLOBS_FILE
from pytest_amct.request_options import RequestOptions

WEIGHTED = ("Convolution", "Deconvolution", "InnerProduct")


class Writer:
    """A writer of one net, see `ModelWriter`."""

    def __init__(self, model: ModelPlan) -> None:
        self.model = model
        self.b = NetBuilder(
            {"v1": 1, "v0": 0}.get(model.form, 2),
            scopes="scopes" in model.switches,
            half="all-float16" in model.switches,
            storage=self._chosen(_STORAGE),
            style=style_of(model.switches),
            doubles="typed" in model.switches,
        )
        #: what layers may share: blobs, and the name of their weight
        self.stored: dict[tuple[object, ...], tuple[tuple[Blob, ...], str]] = {}

    def _chosen(self, names: Mapping[Switch, str]) -> str:
        return next((name for switch, name in names.items() if switch in self.model.switches), "")

    def fed(self, plan: Plan) -> str:
        reader = next((surroundings.READERS.get(name, "") for name in plan.around), "")
        return self.b.input(plan.data, reader)

    def input(self, plan: Plan) -> str:
        return self.b.input(plan.data)

    def neutral(self, plan: Plan, data: str, first: bool) -> str:
        return neutral(self.b, data, first)

    def quantizable(self, plan: Plan, data: str, first: bool) -> str:
        return quantizable(self.b, data, plan.data if first else result_shape(plan))

    def layer(self, plan: Plan, data: str, second: Callable[[], str], name: str = "") -> Made:
        b = self.b
        bottoms = operands(b, plan, surroundings.before(b, plan, data), second)
        twice = plan.form == "shared-weight"
        shares = plan.weight is not None and (self.model.shared or twice)
        key = (plan.weight, plan.source, plan.dtype, plan.bias)
        found = self.stored.get(key) if shares else None
        if found is None:
            found = blobs_of(b, plan), b.name("p") if shares else ""
        if self.model.shared:
            self.stored[key] = found
        blobs, weight = found
        result, label = target_layer(b, plan, bottoms, blobs, weight)

        def again(data: str) -> str:
            # In a case, the second layer stores separate blobs under the shared name.
            stored = blobs if name else blobs_of(b, plan)
            return target_layer(b, plan, [data], stored, weight)[0]

        return Made(result, label, label, again)

    def behind(self, plan: Plan, result: str) -> str:
        return surroundings.behind(self.b, plan, result)

    def give(self, plan: Plan, result: str) -> None:
        if "at-output" not in plan.around:
            neutral(self.b, result, False)

    def control(self) -> str:
        b, shape, switches = self.b, (1, 32, 4, 4), self.model.switches
        others = len(b.layers)
        data = b.inputs[0][0] if "one-input" in switches else b.input(shape)
        made = quantizable(b, neutral(b, data, True), shape)
        name = b.layers[-1].name
        neutral(b, made, False)
        if "control-first" in switches:
            b.layers = [*b.layers[others:], *b.layers[:others]]
        return name

    def branch(self, branch: Branch) -> None:
        if branch != Branch("train-layers") or self.b.generation:  # the oldest format has no phases
            add_branch(branch, self.b)

    def fitted(self, data: str, maker: Placed, made: Plan, plan: Plan) -> str:
        b, shape, wanted = self.b, result_shape(made), plan.data
        if shape == wanted:
            return data
        have, need = prod(shape), prod(wanted)
        if have != need:
            # Reshape to lines of the greatest common divisor, then repeat or drop lines.
            line = gcd(have, need)
            data, lines = self._reshaped(data, (1, have // line, line)), have // line
            while lines < need // line:
                data, lines = b.layer("Concat", [data, data], {"axis": 1}), 2 * lines
            if lines > need // line:
                tops = [b.name("t"), b.name("t")]
                cut = {"axis": 1, "slice_point": need // line}
                data = b.layer("Slice", [data], cut, tops=tops)
        return self._reshaped(data, wanted)

    def _reshaped(self, data: str, shape: Shape) -> str:
        return self.b.layer("Reshape", [data], {"shape": list(shape)})

    def built(self, target: tuple[str, ...], options: RequestOptions) -> Built:
        files = {BLOBS_FILE: caffemodel(self.b, self._chosen(_STORED))}
        if "reversed" in self.model.switches:
            self.b.inputs.reverse()
        text = prototxt(self.b, self._chosen(_FEEDS))
        spelled = SPELLINGS.get(self._chosen(_SPELLED))
        data = spelled(tree(text)) if spelled else text
        return Built(data.encode(), target, options, files, "caffe")


_FEEDS: Mapping[Switch, str] = {
    "input-fields": "fields",
    "input-dims": "dims",
    "joined": "joined",
    "dummy-joined": "dummy-joined",
    "dummy-data": "dummy",
    "dummy-dims": "dummy-dims",
}
_STORAGE: Mapping[Switch, str] = {
    "legacy-blobs": "legacy",
    "double-blobs": "double",
    "raw-blobs": "raw",
}
_STORED: Mapping[Switch, str] = {
    "old-blobs": "old",
    "oldest-blobs": "oldest",
    "whole-layers": "whole",
}
_SPELLED: Mapping[Switch, str] = {"dense": "dense", "lines": "lines", "quoted": "quoted"}
"""What the switches mean to those who write the parts of a net."""


def quantizable(b: NetBuilder, data: str, shape: Shape, give: int = 0) -> str:
    """Add a layer that is quantizable without doubt, and return its result.

    Its data has that `shape`. Its result has `give` channels, by default as many as its data.
    """
    if len(shape) == 2:
        given = {"num_output": give or shape[1], "bias_term": False}
        return b.layer("InnerProduct", [data], given, [b.blob((give or shape[1], shape[1]))])
    if len(shape) == 4:
        given = {"num_output": give or shape[1], "kernel_size": 1, "bias_term": False}
        return b.layer("Convolution", [data], given, [b.blob((give or shape[1], shape[1], 1, 1))])
    return b.layer("Eltwise", [data, data], {"operation": "SUM"})


def operands(b: NetBuilder, plan: Plan, data: str, second: Callable[[], str]) -> list[str]:
    """Return the target's bottoms; `second` adds the data for its second operand.

    A recurrent layer has a second one that marks where its sequences begin, the ``steps``.
    """
    if not plan.second:
        return [data]
    if plan.second == "same":
        return [data, data]
    if plan.second == "steps":
        return [data, b.input(plan.data[:2])]
    more = [second()] if plan.second == "three" else []
    return [data, second(), *more]


def target_layer(
    b: NetBuilder,
    plan: Plan,
    bottoms: list[str],
    blobs: tuple[Blob, ...],
    shares: str,
) -> tuple[str, str]:
    """Add the target layer, and return its first top and its name.

    `shares` is the name under which layers share a weight.
    """
    given = dict(plan.attributes)
    if plan.type in WEIGHTED:
        given = {"num_output": 32, **given} | ({} if plan.bias else {"bias_term": False})
    name, named = b.name("n"), [shares] if shares else []
    if plan.form in _NAMED:
        named = [*_NAMED[plan.form], b.name("p")]
    if plan.form == "shared-bias":
        stored = blobs_of(b, plan)
        neutral(b, b.layer(plan.type, bottoms, given, stored, shares=named), False)
    if plan.form == "twin":  # the layer in its place in the TRAIN phase
        other = {**given, **_OTHERWISE.get(plan.type, {})}
        made = b.layer(plan.type, bottoms, other, rules="include { phase: TRAIN }")
    name = surroundings.like(name) if "lookalikes" in plan.around else name
    first = b.name("t") if "crossed" in plan.around else b.top(name)
    tops = [first, *(b.name("t") for _ in range(plan.outputs - 1))]
    rule = ""
    if plan.form == "twin":
        tops, rule = [made], "include { phase: TEST }"
    elif "parameters" in plan.around:
        rule = surroundings.PARAMETERS
    elif "phases" in plan.around:
        b.state, rule = surroundings.STATE, surroundings.RULE
    if "crossed" in plan.around:
        surroundings.crossed(b, plan, name, tops[0])
    _others(b, plan, bottoms, name, tops[0], False)
    b.layer(plan.type, bottoms, given, blobs, tops=tops, name=name, shares=named, rules=rule)
    _others(b, plan, bottoms, name, tops[0], True)
    for top in tops[1:]:  # tools count only the tops that a layer reads
        neutral(b, top, False)
    return tops[0], name


def _others(b: NetBuilder, plan: Plan, bottoms: list[str], name: str, top: str, fit: bool) -> None:
    if "lookalikes" in plan.around:
        surroundings.lookalikes(b, plan, name, fit)
    if "phases" in plan.around:
        surroundings.in_its_place(b, plan, bottoms, name, top, fit)


_NAMED: Mapping[str, tuple[str, ...]] = {"named-weight": (), "shared-bias": ("",)}
"""Names of what comes before the named one among the blobs of the target."""

_OTHERWISE: Mapping[str, Mapping[str, Any]] = {
    "Convolution": {"kernel_size": [1, 1, 1]},
    "Deconvolution": {"dilation": 2},
    "InnerProduct": {"transpose": True},
    "Pooling": {"pool": "STOCHASTIC"},
    "Eltwise": {"operation": "PROD"},
}
"""Parameters that would violate a condition."""


_FORMS: Mapping[str, str] = {name: name for name in ("legacy", "double", "raw", "text")}
"""How a weight is stored, by its source."""


def blobs_of(b: NetBuilder, plan: Plan) -> tuple[Blob, ...]:
    """Return the blobs of the target."""
    found = [b.blob((len(values),)) for _, values in plan.extra]
    if plan.weight is not None and plan.source != "none":
        found.append(b.blob(plan.weight, plan.dtype, _FORMS.get(plan.source, "")))
        if plan.bias:
            dtype = "float16" if plan.bias == "float16" else plan.dtype
            # A layer has all of its blobs in one file.
            found.append(b.blob((32,), dtype, "text" if plan.source == "text" else ""))
    return tuple(found)


def result_shape(plan: Plan) -> Shape:
    """Return the shape of the target's result."""
    flat = not surroundings.FLATTENS.isdisjoint(plan.around)
    batch, *rest = plan.data[:2] if flat else plan.data
    given = plan.attributes
    if plan.type == "InnerProduct":
        axis = given.get("axis", 1)
        return (*plan.data[: axis if axis >= 0 else axis + len(plan.data)], 32)
    if plan.type == "Flatten":
        return (batch, prod(rest))
    if plan.type == "Embed":
        return (*plan.data, 32)
    if plan.type == "Concat":
        return (batch, 2 * rest[0], *rest[1:])
    if plan.type == "Upsample":
        return (*plan.data[:2], *(given["scale"] * size for size in plan.data[2:]))
    if plan.type == "Slice":
        return (batch, rest[0] // 2, *rest[1:])
    if plan.type not in ("Convolution", "Deconvolution", "Pooling"):
        return tuple(given["shape"]) if plan.type == "Reshape" else plan.data
    sizes = [_spatial(plan, i, size) for i, size in enumerate(rest[1:])]
    channels = rest[0] if plan.type == "Pooling" else given.get("num_output", 32)
    return (batch, channels, *sizes)


def _spatial(plan: Plan, i: int, size: int) -> int:
    if plan.attributes.get("global_pooling"):
        return 1
    kernel = _entry(plan, "kernel", i, 1)
    stride, pad = _entry(plan, "stride", i, 1), _entry(plan, "pad", i, 0)
    reach = _entry(plan, "dilation", i, 1) * (kernel - 1) + 1
    if plan.type == "Deconvolution":
        return stride * (size - 1) + reach - 2 * pad
    room = size + 2 * pad - reach
    return (-(-room // stride) if plan.type == "Pooling" else room // stride) + 1


def _entry(plan: Plan, name: str, i: int, default: int) -> int:
    """Return the value for a spatial axis, in any spelling of prototxts."""
    given = plan.attributes
    if i < 2 and f"{name}_h" in given:
        return int(given[f"{name}_{'hw'[i]}"])
    found = given.get("kernel_size" if name == "kernel" else name, default)
    entries = found if isinstance(found, list | tuple) else [found]
    return int(entries[i] if i < len(entries) else entries[-1])
