"""Writes the net of a case: producer, focal layer, consumer, and one plain layer beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_amct.cases.caffe.builder import Blob, NetBuilder, Shape
from pytest_amct.cases.caffe.extras import add_branch
from pytest_amct.cases.plan import Branch, Built, Case, Plan
from pytest_amct.cases.requests import asked_of
from pytest_amct.graphs.reading import BLOBS_FILE

WEIGHTED = ("Convolution", "Deconvolution", "InnerProduct")


def build(case: Case) -> Built:
    """The net of a case. Deterministic: the same bytes on every run and machine."""
    plan = case.plan
    b = builder(plan.switches, {"v1": 1, "v0": 0}.get(plan.form, 2))
    data = _producer(b, plan, b.input(shape_of(plan)))
    bottoms = operands(b, plan, data, lambda: _producer(b, plan, b.input(shape_of(plan))))
    shares = b.name("p") if plan.form == "shared-weight" else ""
    result, focal = focal_layer(b, plan, bottoms, shares=shares)
    if plan.form == "shared-weight":
        again = _producer(b, plan, b.input(shape_of(plan)))
        _consumer(b, plan, focal_layer(b, plan, [again], shares=shares)[0])
    _consumer(b, plan, behind(b, plan, result))
    other = companion(b)
    for branch in plan.branches:
        if branch != Branch("train-layers") or plan.form != "v0":  # V0 nets have no phases
            add_branch(branch, b)
    return finished(b, (focal,), asked_of(plan, {"this": focal, "other": other}))


def finished(b: NetBuilder, focal: tuple[str, ...], asked: dict[str, Any]) -> Built:
    """The two files of a net."""
    return Built(b.prototxt(), focal, asked, {BLOBS_FILE: b.caffemodel()}, "caffe")


def builder(switches: tuple[str, ...], generation: int = 2) -> NetBuilder:
    """A builder, as `switches` want it."""
    legacy = "legacy-blobs" in switches
    return NetBuilder(generation, input_fields="input-fields" in switches, legacy=legacy)


def shape_of(plan: Plan) -> Shape:
    """The shape of a plan's data."""
    return tuple(int(n) for n in plan.data)


def neutral(b: NetBuilder, data: str, first: bool) -> str:
    """A layer that no table lists."""
    return b.layer("Sigmoid" if first else "TanH", [data])


def quantizable(b: NetBuilder, data: str, shape: Shape, give: int = 0) -> str:
    """A layer that the tables plainly allow, on data of that shape; it gives `give` channels (as
    many as it takes)."""
    if len(shape) == 2:
        given = {"num_output": give or shape[1], "bias_term": False}
        return b.layer("InnerProduct", [data], given, [b.blob((give or shape[1], shape[1]))])
    if len(shape) == 4:
        given = {"num_output": give or shape[1], "kernel_size": 1, "bias_term": False}
        return b.layer("Convolution", [data], given, [b.blob((give or shape[1], shape[1], 1, 1))])
    return b.layer("Eltwise", [data, data], {"operation": "SUM"})


def _producer(b: NetBuilder, plan: Plan, data: str) -> str:
    if "at-input" in plan.around:
        return data
    if plan.context == "plain":
        return neutral(b, data, True)
    return quantizable(b, data, shape_of(plan))


def _consumer(b: NetBuilder, plan: Plan, result: str) -> None:
    if plan.context == "chain":
        result = quantizable(b, result, result_shape(plan))
    give(b, plan, result)


def give(b: NetBuilder, plan: Plan, result: str) -> None:
    """Let nothing but a layer that no table lists stand behind a result."""
    if "at-output" not in plan.around:
        neutral(b, result, False)


def companion(b: NetBuilder) -> str:
    """A plainly quantizable layer on an input of its own, for tools that need one; its name."""
    shape = (1, 32, 4, 4)
    made = quantizable(b, neutral(b, b.input(shape), True), shape)
    name = b.layers[-1].name
    neutral(b, made, False)
    return name


def operands(b: NetBuilder, plan: Plan, data: str, second: Callable[[], str]) -> list[str]:
    """The focal layer's bottoms; `second` makes the data of the other operand."""
    if not plan.second:
        return [data]
    if plan.second == "same":
        return [data, data]
    more = [second()] if plan.second == "three" else []
    return [data, second(), *more]


def focal_layer(
    b: NetBuilder,
    plan: Plan,
    bottoms: list[str],
    blobs: tuple[Blob, ...] | None = None,
    shares: str = "",
) -> tuple[str, str]:
    """The layer that the plan is about: its first top and its name.

    `blobs` are ones that exist already; without them the plan's own are made. `shares` is the name
    under which layers have their weight in common.
    """
    if blobs is None:
        blobs = blobs_of(b, plan)
    given = dict(plan.attributes)
    if plan.type in WEIGHTED:
        given = {"num_output": 32, **given} | ({} if plan.bias else {"bias_term": False})
    name = b.name("n")
    if plan.form == "twin":  # what the TRAIN phase has in its place
        other = {**given, **_OTHERWISE.get(plan.type, {})}
        made = b.layer(plan.type, bottoms, other, phase="TRAIN")
    tops = [b.name("t") for _ in range(plan.outputs)]
    if plan.form == "twin":
        tops = [made]
    if plan.form == "in-place":
        tops = [bottoms[0]]
    phase = "TEST" if plan.form == "twin" else ""
    b.layer(plan.type, bottoms, given, blobs, tops=tops, name=name, shares=shares, phase=phase)
    for top in tops[1:]:  # tools count only the tops that somebody reads
        neutral(b, top, False)
    return tops[0], name


_OTHERWISE: Mapping[str, Mapping[str, Any]] = {
    "Convolution": {"kernel_size": [1, 1, 1]},
    "Deconvolution": {"dilation": 2},
    "InnerProduct": {"transpose": True},
    "Pooling": {"pool": "STOCHASTIC"},
    "Eltwise": {"operation": "PROD"},
}
"""Parameters that would break a condition."""


def blobs_of(b: NetBuilder, plan: Plan) -> tuple[Blob, ...]:
    """What the focal layer stores."""
    found = [b.blob((len(values),)) for _, values in plan.extra]
    if plan.weight is not None and plan.source != "none":
        found.append(b.blob(plan.weight, plan.dtype, plan.source == "legacy"))
        if plan.bias:
            found.append(b.blob((32,), "float16" if plan.bias == "float16" else plan.dtype))
    return tuple(found)


def behind(b: NetBuilder, plan: Plan, result: str) -> str:
    """What stands right behind the focal layer."""
    if "in-place" in plan.around:
        b.layer("ReLU", [result], tops=[result])
    return result


def result_shape(plan: Plan) -> Shape:
    """The shape of what the focal layer gives."""
    batch, *rest = shape_of(plan)
    given = plan.attributes
    if plan.type == "InnerProduct":
        axis = given.get("axis", 1)
        return (*shape_of(plan)[: axis if axis >= 0 else axis + len(plan.data)], 32)
    if plan.type == "Flatten":
        return (batch, _product(rest))
    if plan.type == "Concat":
        return (batch, 2 * rest[0], *rest[1:])
    if plan.type == "Slice":
        return (batch, rest[0] // 2, *rest[1:])
    if plan.type not in ("Convolution", "Deconvolution", "Pooling"):
        return tuple(given["shape"]) if plan.type == "Reshape" else shape_of(plan)
    sizes = [_spatial(plan, i, size) for i, size in enumerate(rest[1:])]
    return (batch, rest[0] if plan.type == "Pooling" else 32, *sizes)


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
    """The value for a spatial axis, in any of the ways that prototxts spell it."""
    given = plan.attributes
    if i < 2 and f"{name}_h" in given:
        return int(given[f"{name}_{'hw'[i]}"])
    found = given.get("kernel_size" if name == "kernel" else name, default)
    entries = found if isinstance(found, list | tuple) else [found]
    return int(entries[i] if i < len(entries) else entries[-1])


def _product(sizes: list[int]) -> int:
    found = 1
    for size in sizes:
        found *= size
    return found
