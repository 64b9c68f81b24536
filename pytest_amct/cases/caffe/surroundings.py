"""What stands around the target of a net: layers before and behind it, and layers like it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from math import prod
from typing import Any

from pytest_amct.cases.caffe.builder import NetBuilder
from pytest_amct.cases.caffe.phases import OF_NET, STAGES, places_of
from pytest_amct.cases.caffe.rows import DEFAULTS
from pytest_amct.cases.plan import Around, Changes, Plan

STATE = 'level: 1 stage: "s"'
"""The state of nets with layers for other phases, levels and stages."""

RULE = 'include { min_level: 2 } include { phase: TEST min_level: 1 stage: "s" not_stage: "x" }'
"""The rules of the target there."""

_IN_TRAINING = "include { phase: TRAIN }"
_ELSEWHERE = (
    'include { phase: TRAIN stage: "x" }',
    'exclude { stage: "s" }',
    'include { stage: "x" }',
    'include { not_stage: "s" }',
    "include { min_level: 2 }",
    "include { max_level: 0 }",
)
"""The rules of layers that such a net does not have."""

_FORBIDDEN: Mapping[str, Changes] = {
    "Convolution": {
        "data": (1, 32, 2, 2, 2),
        "attributes": {"kernel_size": [1, 1, 1]},
        "weight": (32, 32, 1, 1, 1),
    },
    "Deconvolution": {"attributes": {"dilation": 2}},
    "InnerProduct": {"attributes": {"transpose": True}},
    "Pooling": {"attributes": {"global_pooling": True, "kernel_size": None, "stride": None}},
    "Eltwise": {"attributes": {"operation": "PROD"}},
}
"""A layer of each row that violates a condition."""

PARAMETERS = "loss_param { ignore_label: 1 } softmax_param { axis: 2 }"
"""Parameters of other layer types, which say nothing about the target."""

READERS: Mapping[Around, str] = {"hdf5": "HDF5Data", "images": "Data"}
"""The types of layers that read the data of the target from files."""

_ALIKE: Mapping[bool, tuple[str, ...]] = {
    False: ("{lower}", "{0}_1", "x/{0}", "{0}/x", "{0}.x", "{0}:0", "{words}"),
    True: ("{upper}", "{0}_2", "y/{0}", "{0}/y", "{0}.y", "{0}:1", "{dots}"),
}
"""Names like that of the target, for layers that violate a condition and for those that conform."""


def neutral(b: NetBuilder, data: str, first: bool) -> str:
    """Add a layer that no table lists, and return its result."""
    return b.layer("Sigmoid" if first else "TanH", [data])


# --- before and behind ----------------------------------------------------------------------------


def before(b: NetBuilder, plan: Plan, data: str) -> str:
    """Add what is between the producer and the target; return the data of the target."""
    for name, add in _BEFORE.items():
        if name in plan.around:
            data = add(b, data, plan)
    return data


def behind(b: NetBuilder, plan: Plan, result: str) -> str:
    """Add what comes right after the target; return the last result."""
    if "in-place" in plan.around:
        _in_place(b, result, plan)
    if "pool-behind" in plan.around:
        pool = _pool if "last" in plan.around else _pool_beside
        pool(b, result, plan)
    return result


def _in_place(b: NetBuilder, data: str, plan: Plan) -> str:
    return b.layer("ReLU", [data], tops=[data])


def _tiled(b: NetBuilder, data: str, plan: Plan) -> str:
    """Add layers of other ranks, and one whose result has a shape that few readers tell."""
    data = b.layer("Reshape", [b.layer("Flatten", [data])], {"shape": list(plan.data)})
    return b.layer("Tile", [data], {"axis": 1, "tiles": 1})


def _pool(b: NetBuilder, data: str, plan: Plan) -> str:
    return b.layer("Pooling", [data], {"pool": "MAX", "kernel_size": 1})


def _pool_beside(b: NetBuilder, data: str, plan: Plan) -> str:
    neutral(b, _pool(b, data, plan), False)
    return data


def _half_weight(b: NetBuilder, data: str, plan: Plan) -> str:
    """Add a layer with a Float16 weight, whose result has the shape of its data."""
    return _pointwise(b, data, plan.data[1], "float16")


def _pointwise(b: NetBuilder, data: str, channels: int, dtype: str = "float32") -> str:
    given = {"num_output": channels, "kernel_size": 1, "bias_term": False}
    return b.layer("Convolution", [data], given, [b.blob((channels, channels, 1, 1), dtype)])


def _deep(b: NetBuilder, data: str, plan: Plan) -> str:
    """Add more layers than a walk with a limit of about a hundred reaches."""
    data = b.layer("ReLU", [data])
    for _ in range(110):
        _in_place(b, data, plan)
    return data


def _functions(b: NetBuilder, data: str, plan: Plan) -> str:
    """Add layers of rarer types that keep the rank of their data, and take the second of two tops.

    The layer in place does so, too.
    """
    data = b.layer("Crop", [data, b.input(plan.data)], {"axis": 2})
    for type_ in ("Exp", "Log", "Threshold", "Swish"):
        data = b.layer(type_, [data])
    data = b.layer("Clip", [data], {"min": -1.0, "max": 6.0})
    data = _in_place(b, data, plan)
    copies = [b.name("t"), b.name("t")]
    neutral(b, b.layer("Split", [data], tops=copies), False)
    return copies[1]


def _scaled(b: NetBuilder, data: str, plan: Plan) -> str:
    """Add layers whose factors are an input of a lower rank than the data."""
    for type_ in ("Scale", "Bias"):
        data = b.layer(type_, [data, b.input(plan.data[:4])], {"axis": 0})
    return data


RESHAPES: Mapping[Around, Mapping[str, Any]] = {
    "reshape-axis": {"shape": [32, 2, 2, 4], "axis": 1},
    "reshape-num-axes": {"shape": [2, 2], "axis": 2, "num_axes": 1},
    "reshape-end": {"shape": [1], "axis": -1, "num_axes": 0},
    "reshape-copies": {"shape": [0, 32, 2, 2, 4]},
}
"""Parameters that turn four dimensions into five."""


def _reshaped_in_part(b: NetBuilder, data: str, plan: Plan) -> str:
    (given,) = (RESHAPES[name] for name in plan.around if name in RESHAPES)
    return b.layer("Reshape", [b.layer("Reshape", [data], {"shape": [1, 32, 4, 4]})], given)


def _by_rules(b: NetBuilder, data: str, plan: Plan) -> str:
    """Add two layers of one name and one top. The net has the one that keeps the data's shape."""
    name, top = b.name("n"), b.name("t")
    other = (1, 32, 2, 2, 4) if len(plan.data) == 4 else (1, 32, 4, 4)
    b.state = f"phase: TRAIN {STAGES}" if plan.form == OF_NET else STAGES
    for shape, rules in zip((plan.data, other), places_of(plan.form), strict=True):
        b.layer("Reshape", [data], {"shape": [*shape]}, name=name, tops=[top], rules=rules)
    return top


def _sum_beside(b: NetBuilder, data: str, plan: Plan) -> str:
    other = neutral(b, b.input(plan.data), True)
    neutral(b, b.layer("Eltwise", [data, other], {"operation": "SUM"}), False)
    return data


def _regions(b: NetBuilder, data: str, plan: Plan) -> str:
    given = {"pooled_h": plan.data[2], "pooled_w": plan.data[3], "spatial_scale": 1.0}
    return b.layer("ROIPooling", [data, b.input((1, 5))], given)


def _positions(b: NetBuilder, data: str, plan: Plan) -> str:
    given = {"output_dim": plan.data[1], "group_size": 1, "spatial_scale": 1.0}
    data = b.layer("PSROIPooling", [data, b.input((1, 5))], given)
    # It has one pixel for each place of the group.
    given = {"num_output": plan.data[1], "kernel_size": plan.data[2], "bias_term": False}
    held = [b.blob((plan.data[1], plan.data[1], plan.data[2], plan.data[2]))]
    return b.layer("Deconvolution", [data], given, held)


def _layers(b: NetBuilder, data: str, plan: Plan) -> str:
    """Add about 40 layers, of each type whose result has the rank of its data."""
    if b.generation < 2:
        return _old_layers(b, data, plan)
    channels, axes = plan.data[1], len(plan.data) - 2
    for type_ in (*["ReLU"] * 20, "Dropout", "Softmax", "Sigmoid", "TanH", "AbsVal", "BNLL", "ELU"):
        data = b.layer(type_, [data])
    data = b.layer("Power", [data], {"power": 2.0})
    data = b.layer("PReLU", [data], blobs=[b.blob((channels,))])
    data = b.layer("Scale", [data], {"axis": 1}, [b.blob((channels,))])
    held = [b.blob((channels,)), b.blob((channels,)), b.blob((1,))]
    data = b.layer("BatchNorm", [data], {"use_global_stats": True}, held)
    data = _same_rank(b, data, channels, axes)
    data = b.layer("Bias", [data], {"axis": 1}, [b.blob((channels,))])
    each = {"across_spatial": False, "channel_shared": False}
    data = b.layer("Normalize", [data], each, [b.blob((channels,))])
    data = b.layer("Permute", [data], {"order": [*range(len(plan.data))]})
    if len(plan.data) != 4:
        return data
    data = b.layer("ReLU6", [data])
    given = {"num_output": channels, "kernel_size": 1, "bias_term": False}
    for type_ in ("ConvolutionDepthwise", "DepthwiseConvolution"):
        data = b.layer(type_, [data], given, [b.blob((channels, 1, 1, 1))])
    if "tiled" not in plan.around:  # else it would tell the rank
        data = b.layer("Pooling", [data], {"pool": "MAX", "kernel_size": 1})
    return b.layer("MVN", [b.layer("LRN", [data], {"local_size": 3})])


def _old_layers(b: NetBuilder, data: str, plan: Plan) -> str:
    """Add layers of the types that the older formats have, of which none tells its rank."""
    for type_ in ("ReLU", "Dropout", "Softmax", "Sigmoid", "TanH", "LRN"):
        data = b.layer(type_, [data])
    if b.generation == 1:
        return _same_rank(b, data, plan.data[1], len(plan.data) - 2)
    return _pointwise(b, data, plan.data[1])


def _same_rank(b: NetBuilder, data: str, channels: int, axes: int) -> str:
    data = b.layer("ReLU", [data])
    for type_ in ("Convolution", "Deconvolution"):
        given = {"num_output": channels, "kernel_size": [1] * axes, "bias_term": False}
        data = b.layer(type_, [data], given, [b.blob((channels, channels, *[1] * axes))])
    parts = [b.name("t"), b.name("t")]
    b.layer("Slice", [data], {"axis": 1}, tops=parts)
    data = b.layer("Concat", parts, {"axis": 1})
    copies = [b.name("t"), b.name("t")]
    b.layer("Split", [data], tops=copies)
    return b.layer("Eltwise", copies, {"operation": "SUM"})


def _ranks(b: NetBuilder, data: str, plan: Plan) -> str:
    """Add layers whose results have other ranks than their data. The last one counts from it."""
    *rest, last = plan.data
    data = b.layer("Reshape", [data], {"shape": [*rest, 2, last // 2, 1]})
    data = _same_rank(b, data, rest[1], len(rest) + 1)
    data = b.layer("Flatten", [data], {"axis": len(rest), "end_axis": len(rest) + 1})
    data = _same_rank(b, data, rest[1], len(rest))
    data = _same_rank(b, b.layer("Flatten", [data], {"axis": -2}), rest[1], len(rest) - 1)
    given = {"num_output": last, "bias_term": False, "axis": -1}
    data = b.layer("InnerProduct", [data], given, [b.blob((last, last))])
    return _same_rank(b, data, rest[1], len(rest) - 1)


def _flat(b: NetBuilder, data: str, plan: Plan) -> str:
    return b.layer("Flatten", [data])


def _product(b: NetBuilder, data: str, plan: Plan) -> str:
    given = {"num_output": plan.data[1], "bias_term": False}
    return b.layer("InnerProduct", [data], given, [b.blob((plan.data[1], prod(plan.data[1:])))])


def _reshaped(b: NetBuilder, data: str, plan: Plan) -> str:
    return b.layer("Reshape", [data], {"shape": list(plan.data[:2])})


FLATTENS: Set[Around] = {"flat", "product", "reshaped"}
"""What leaves a batch and channels of data with images of one pixel."""

_BEFORE: Mapping[Around, Callable[[NetBuilder, str, Plan], str]] = {
    "in-place-before": _in_place,
    "tiled": _tiled,
    "half-weight": _half_weight,
    "deep": _deep,
    "functions": _functions,
    "scaled": _scaled,
    **dict.fromkeys(RESHAPES, _reshaped_in_part),
    "rules": _by_rules,
    "pool-before": _pool,
    "pool-beside": _pool_beside,
    "sum-beside": _sum_beside,
    "regions": _regions,
    "positions": _positions,
    "layers": _layers,
    "ranks": _ranks,
    "flat": _flat,
    "product": _product,
    "reshaped": _reshaped,
}

# --- layers like the target -----------------------------------------------------------------------


def in_its_place(
    b: NetBuilder, plan: Plan, bottoms: Sequence[str], name: str, top: str, fits: bool
) -> None:
    """Add layers that take the target's place in other phases. They conform if they `fit`."""
    given = {**DEFAULTS[plan.type].attributes, **({} if fits else _OTHERWISE[plan.type])}
    given |= {"num_output": 32, "bias_term": False} if plan.weight is not None else {}
    for rules in _ELSEWHERE if fits else (_IN_TRAINING, *_ELSEWHERE):
        b.layer(plan.type, bottoms, given, tops=[top], name=name, rules=rules)


_OTHERWISE = {type_: changes["attributes"] for type_, changes in _FORBIDDEN.items()}
_OTHERWISE |= {"Convolution": {"axis": 0, "kernel_size": [1, 1, 1]}}
_OTHERWISE |= {"Pooling": {"pool": "STOCHASTIC"}}


def like(name: str) -> str:
    """Return a name that `lookalikes` has many names like."""
    return f"n{name.capitalize()}/x"


def crossed(b: NetBuilder, plan: Plan, name: str, top: str) -> None:
    """Add a conforming layer: its name is the target's top, and its top has the target's name."""
    made = DEFAULTS[plan.type]
    data, given = neutral(b, b.input(made.data), True), {"num_output": 32, "bias_term": False}
    blobs = [b.blob(made.weight)] if made.weight is not None else []
    b.layer(plan.type, [data], {**given, **made.attributes}, blobs, tops=[name], name=top)
    neutral(b, name, False)


def lookalikes(b: NetBuilder, plan: Plan, name: str, fit: bool) -> None:
    """Add layers of the target's type with names like its name. They conform if they `fit`."""
    made = DEFAULTS[plan.type] if fit else DEFAULTS[plan.type].with_(_FORBIDDEN[plan.type])
    data, given = neutral(b, b.input(made.data), True), made.attributes
    bottoms = [data, data] if made.second else [data]
    if made.weight is not None:
        given = {"num_output": 32, "bias_term": False, **given}
    words, dots = name.replace("/", "_"), name.replace("/", ".")
    for pattern in _ALIKE[fit]:
        other = pattern.format(name, lower=name.lower(), upper=name.upper(), words=words, dots=dots)
        blobs = [b.blob(made.weight)] if made.weight is not None else []
        neutral(b, b.layer(plan.type, bottoms, given, blobs, name=other), False)
