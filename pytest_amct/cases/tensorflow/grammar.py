"""What can be drawn of a layer in a TensorFlow graph besides the deviations of ``rows.py``.

The numbers of a layer count from what its plan has, so that no numbers mean no change. Sizes of
the data follow from them, and layers keep their channels for their neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from pytest_amct.cases.choices import Choices
from pytest_amct.cases.drawing import Feature, Numbers, Tree, around, branches
from pytest_amct.cases.plan import Around, Changes, Plan
from pytest_amct.cases.tensorflow.extras import HOLDS
from pytest_amct.cases.tensorflow.language import LANGUAGE
from pytest_amct.cases.tensorflow.sizes import channels_first
from pytest_amct.cases.trees import Spec

_LAYOUTS = {2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}
_LEAST = 1024
"""Elements of the smallest weight: tools skip smaller ones."""


def _is_plain(plan: Plan) -> bool:
    """Return whether a plan leaves room for changes."""
    forms = ("", "sizes-shape", "sizes-input", "sizes-pack")
    return plan.form in forms and plan.dtype != "int64" and "all-float16" not in plan.switches


# --- the layer itself -----------------------------------------------------------------------------


def _layer(plan: Plan, n: Choices) -> Changes | None:
    decode = _LAYERS.get(plan.type)
    return decode(plan, n) if decode is not None and _is_plain(plan) else None


def _laid_out(first: bool, outer: Sequence[int], inner: Sequence[int]) -> list[int]:
    """Return entries for batch and channels, and those of the spatial axes, in their order."""
    return [*outer, *inner] if first else [outer[0], *inner, outer[1]]


def _spatial(plan: Plan, name: str, count: int) -> list[int]:
    """Return the spatial entries of an attribute, 1 if it is absent."""
    given = plan.attributes.get(name) or [1] * (count + 2)
    return [*(given[2:] if channels_first(plan) else given[1:-1])]


def _convolution(plan: Plan, n: Choices) -> Changes:
    axes, deep = len(plan.data) - 2, plan.type == "DepthwiseConv2dNative"
    first = bool((channels_first(plan) + n.number(2)) % 2)
    dilations = [around(n, d, 4 if axes < 3 else 3) for d in _spatial(plan, "dilations", axes)]
    strides = [around(n, s, 3) for s in _spatial(plan, "strides", axes)]
    strides = strides[:1] * axes if deep else strides
    kernel, channels = _kernel(plan, n)
    values: dict[str, Any] = {
        "dilations": _laid_out(first, (1, 1), dilations),
        "strides": _laid_out(first, (1, 1), strides),
        "padding": n.of((plan.attributes["padding"], "SAME", "VALID")),
        "data_format": _LAYOUTS[axes][first],
        "explicit_paddings": None,
    }
    if values["padding"] == "EXPLICIT":
        values["padding"] = "VALID"
    if n.number(2) and set(dilations) == {1}:
        values["dilations"] = None
    if n.number(2) and not first:
        values["data_format"] = None
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=False)]
    sizes = [max(4, r) + n.number(3) for r in reach]
    data = (*_laid_out(first, (plan.data[0], channels), sizes),)
    return {"data": data, "weight": kernel, "attributes": values}


def _kernel(plan: Plan, n: Choices) -> tuple[tuple[int, ...], int]:
    """Return the shape of a kernel, and the channels of the data."""
    weight = plan.weight or ()
    channels = plan.data[1 if channels_first(plan) else -1]
    if plan.type == "DepthwiseConv2dNative":
        kernels = [weight, (2, 2, 32, 8), (3, 3, 64, 2), (1, 4, 64, 4), (5, 4, 64, 1)]
        chosen = n.of(kernels)
        return chosen, chosen[2]
    axes = len(weight) - 2
    sizes = [around(n, k, 4 if axes < 3 else 2) for k in weight[:axes]]
    while prod(sizes) * weight[-1] * weight[-2] < _LEAST:
        sizes[sizes.index(min(sizes))] += 1
    groups = [1, 2, 4] if plan.type == "Conv2D" and weight[-2] == channels else [1]
    fits = [g for g in groups if prod(sizes) * weight[-1] * weight[-2] >= _LEAST * g]
    return (*sizes, weight[-2] // n.of(fits), weight[-1]), channels


def _flag(plan: Plan, name: str, n: Choices) -> bool | None:
    """Return a flag of a matrix product, ``None`` to leave it out."""
    given = plan.attributes.get(name)
    return n.of((given, *(flag for flag in (False, True, None) if flag is not given)))


def _matmul(plan: Plan, n: Choices) -> Changes:
    across, down = (_flag(plan, f"transpose_{side}", n) for side in "ab")
    rows, inner = 4 + n.number(3), n.of((32, 48, 64))
    return {
        "data": (inner, rows) if across else (rows, inner),
        "weight": (32, inner) if down else (inner, 32),
        "attributes": {"transpose_a": across, "transpose_b": down},
    }


def _batch_matmul(plan: Plan, n: Choices) -> Changes:
    across, down = (_flag(plan, f"adj_{side}", n) for side in "xy")
    batches = (len(plan.data) - 2 + n.number(3)) % 3
    rank = 2 + (len(plan.weight or ()) - 2 + n.number(4)) % 4
    rows, inner = 4 + n.number(3), n.of((32, 48, 64))
    if plan.type == "BatchMatMul":  # the first version does not stretch a batch
        rank = 2 + batches
    sizes = [1 + n.number(2) for _ in range(max(batches, rank - 2))]
    return {
        "data": (*sizes[len(sizes) - batches :], *((inner, rows) if across else (rows, inner))),
        "weight": (*sizes[len(sizes) - rank + 2 :], *((32, inner) if down else (inner, 32))),
        "attributes": {"adj_x": across, "adj_y": down},
    }


def _pool(plan: Plan, n: Choices) -> Changes:
    first = bool((channels_first(plan) + n.number(2)) % 2)
    kernel = [around(n, k, 4) for k in _spatial(plan, "ksize", 2)]
    strides = [around(n, s, 3) for s in _spatial(plan, "strides", 2)]
    values: dict[str, Any] = {
        "ksize": _laid_out(first, (1, 1), kernel),
        "strides": _laid_out(first, (1, 1), strides),
        "padding": n.of((plan.attributes["padding"], "SAME", "VALID")),
        "data_format": _LAYOUTS[2][first],
    }
    if n.number(2) and not first:
        values["data_format"] = None
    sizes = [max(4, k) + n.number(3) for k in kernel]
    return {"data": (*_laid_out(first, (plan.data[0], 32), sizes),), "attributes": values}


def _add(plan: Plan, n: Choices) -> Changes:
    shapes = ((1, 4, 4, 32), (1, 5, 3, 32), (1, 4, 4, 4, 32), (1, 4, 32), (4, 32))
    kinds = ("branch", "constant", "constant-first", "scalar", "vector", "same")
    second = n.of((plan.second, *(kind for kind in kinds if kind != plan.second)))
    type_ = n.of((plan.type, "AddV2", "Add"))
    return {"data": n.of(shapes), "second": second, "type": type_}


_LAYERS = {
    **dict.fromkeys(
        ("Conv2D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "Conv3D"), _convolution
    ),
    "MatMul": _matmul,
    **dict.fromkeys(("BatchMatMulV2", "BatchMatMulV3", "BatchMatMul"), _batch_matmul),
    **dict.fromkeys(("AvgPool", "MaxPool"), _pool),
    **dict.fromkeys(("Add", "AddV2"), _add),
}

# --- where it is ----------------------------------------------------------------------------------

_AROUND: Sequence[tuple[Around, ...]] = (
    (),
    ("at-input",),
    ("at-output",),
    ("relu",),
    ("identity",),
    ("control",),
)


def _place(plan: Plan, n: Choices) -> Changes | None:
    if plan.type not in _LAYERS or not _is_plain(plan) or plan.inside or plan.form:
        return None
    inside = n.of(("", "call", "function", "if"))
    changes: Changes = {"inside": inside, "symbolic_batch": bool(n.number(2))}
    return changes if inside else {**changes, "around": n.of(_AROUND)}


_TYPES: Sequence[Changes] = (
    {},
    {"dtype": "float16"},
    {"fed_as": "float16"},
    {"dtype": "float64"},
    {"dtype": "bfloat16"},
    {"fed_as": "float64"},
)


def _type(plan: Plan, n: Choices) -> Changes | None:
    fits = plan.type in _LAYERS and plan.dtype == "float32" and not plan.fed_as
    fits &= _is_plain(plan) and plan.source not in ("dequantize", "input-dequantize")
    return n.of(_TYPES) if fits else None


def _elsewhere(plan: Plan, n: Choices) -> Changes | None:
    return {"branches": branches(n, [*HOLDS])} if _is_plain(plan) else None


def _weight(plan: Plan) -> Spec | None:
    fits = _is_plain(plan) and plan.source == "const" and plan.weight is not None
    return Spec(plan.weight or (), plan.dtype) if fits else None


FEATURES: Mapping[str, Feature] = {
    "layer": Numbers(_layer, 16),
    "type": Numbers(_type, 1),
    "place": Numbers(_place, 3),
    "elsewhere": Numbers(_elsewhere, 3),
    "source": Tree(lambda: LANGUAGE, _weight, lambda plan, text, version: {"source": text}),
}
