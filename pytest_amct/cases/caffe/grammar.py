"""What can be drawn of a layer in a Caffe net besides the deviations of ``rows.py``.

The numbers of a layer count from what its plan has, so that no numbers mean no change. Sizes of
the data follow from them, and layers keep 32 channels for their neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from pytest_amct.cases.caffe.extras import HOLDS
from pytest_amct.cases.caffe.variations import is_old
from pytest_amct.cases.choices import Choices
from pytest_amct.cases.drawing import Feature, Numbers, around, branches
from pytest_amct.cases.plan import Around, Changes, Plan

_CONVOLUTIONS = ("Convolution", "Deconvolution")
_LEAST = 1024
"""Elements of the smallest weight: tools skip smaller ones."""
_OF_IMAGES = {"positions", "regions"}
"""Surroundings that make images."""
_SPELLED = ("kernel", "stride", "pad", "dilation")


def _is_plain(plan: Plan) -> bool:
    """Return whether a plan leaves room for changes."""
    return plan.form in ("", "v1") and plan.outputs == 1


# --- the layer itself -----------------------------------------------------------------------------


def _layer(plan: Plan, n: Choices) -> Changes | None:
    decode = _LAYERS.get(plan.type)
    return decode(plan, n) if decode is not None and _is_plain(plan) else None


def _given(plan: Plan, name: str, axes: int, default: int) -> list[int]:
    """Return the value of an attribute for each axis, however it is spelled."""
    values = plan.attributes
    if f"{name}_h" in values:
        return [*(values[f"{name}_{axis}"] for axis in "hw"), *[default] * (axes - 2)][:axes]
    found = values.get("kernel_size" if name == "kernel" else name, default)
    entries = list(found) if isinstance(found, list | tuple) else [found]
    return [entries[min(i, len(entries) - 1)] for i in range(axes)]


def _cleared() -> dict[str, Any]:
    """Return changes that remove every spelling of the sizes of a window."""
    names = [f"{name}{axis}" for name in _SPELLED for axis in ("", "_h", "_w")]
    return {**dict.fromkeys(names), "kernel_size": None}


def _written(
    name: str, values: Sequence[int], n: Choices, default: int | None, listed: bool = True
) -> dict[str, Any]:
    """Return a spelling of the values of an attribute: once, for each axis, or by letters.

    `listed`: whether the attribute is a list.
    """
    label = "kernel_size" if name == "kernel" else name
    same, image = len(set(values)) == 1, len(values) == 2
    forms: list[dict[str, Any]] = [{label: [*values]}] if listed else []
    if same and image:  # one value would be legal for other data, but OpenCV rejects it
        forms = [{label: values[0]}, *forms]
        forms += [{}] if values[0] == default else []
    if image and name != "dilation":
        forms.append({f"{name}_h": values[0], f"{name}_w": values[1]})
    return n.of(forms)


def _convolution(plan: Plan, n: Choices) -> Changes:
    axes = 1 + (len(plan.data) - 3 + n.number(3)) % 3
    if plan.source == "legacy" or not _OF_IMAGES.isdisjoint(plan.around):
        axes = 2  # older files always have four sizes, and images two axes
    kernel = [around(n, k, 4 if axes < 3 else 2) for k in _given(plan, "kernel", axes, 2)]
    stride = [around(n, s, 3) for s in _given(plan, "stride", axes, 1)]
    dilation = [around(n, d, 4 if axes < 3 else 2) for d in _given(plan, "dilation", axes, 1)]
    deepest = 3 if plan.type == "Convolution" else 2  # its pads make the result smaller
    pad = [n.number(deepest) for _ in range(axes)]
    group = n.of([g for g in (1, 2, 4, 8) if prod(kernel) >= g])
    values = {
        **_cleared(),
        **_written("kernel", kernel, n, None),
        **_written("stride", stride, n, 1),
        **_written("dilation", dilation, n, 1),
        **_written("pad", pad, n, 0),
        "group": group if group > 1 or n.number(2) else None,
    }
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    data = (*plan.data[:1], 32, *(max(4, r) + n.number(3) for r in reach))
    changes: Changes = {"data": data, "weight": (32, 32 // group, *kernel), "attributes": values}
    return {**changes, "bias": n.of((plan.bias, "initializer"))}


def _product(plan: Plan, n: Choices) -> Changes:
    shapes = {
        1: ((1, 32, 1, 1), (1, 32), (1, 2, 4, 4), (1, 4, 8), (4, 32, 2), (2, 32)),
        2: ((1, 4, 8, 4), (1, 2, 32), (1, 1, 32, 1), (1, 8, 32)),
        3: ((1, 2, 4, 32), (1, 1, 8, 32)),
    }
    axis = plan.attributes.get("axis", 1)
    axis = axis if axis > 0 else len(plan.data) + axis
    axis = 1 + (axis - 1 + n.number(3)) % 3
    kept = plan.data if plan.attributes.get("axis", 1) in (axis, axis - len(plan.data)) else None
    data = n.of((*((kept,) if kept else ()), *shapes[axis]))
    inner = prod(data[axis:])
    spelled = n.of((axis, axis - len(data), *((None,) if axis == 1 else ())))
    turned = n.of((plan.attributes.get("transpose"), True, False, None))
    values = {"axis": spelled, "transpose": turned}
    weight = (inner, 32) if turned else (32, inner)
    bias = n.of((plan.bias, "initializer"))
    return {"data": data, "weight": weight, "attributes": values, "bias": bias}


def _pool(plan: Plan, n: Choices) -> Changes:
    mode = plan.attributes.get("pool")
    modes = (mode, *(m for m in ("AVE", "MAX", None, 0, 1) if m != mode))
    is_global = plan.attributes.get("global_pooling")
    values: dict[str, Any] = {**_cleared(), "pool": n.of(modes)}
    if n.of((is_global, not is_global)):
        flag = {"global_pooling": True}
        return {"attributes": {**values, **flag}}
    kernel = [around(n, k, 4) for k in _given(plan, "kernel", 2, 2)]
    stride = [around(n, s, 3) for s in _given(plan, "stride", 2, 1)]
    pad = [n.number(min(3, k)) for k in kernel]
    values |= {
        **_written("kernel", kernel, n, None, listed=False),
        **_written("stride", stride, n, 1, listed=False),
        **_written("pad", pad, n, 0, listed=False),
        "global_pooling": n.of((None, False)),
    }
    data = (*plan.data[:2], *(max(4, k) + n.number(3) for k in kernel))
    return {"data": data, "attributes": values}


def _eltwise(plan: Plan, n: Choices) -> Changes:
    operation = plan.attributes.get("operation")
    operations = ("SUM", "PROD", "MAX", None, 0, 1, 2)
    chosen = n.of((operation, *(o for o in operations if o != operation)))
    second = n.of((plan.second, *(s for s in ("branch", "same", "three") if s != plan.second)))
    values: dict[str, Any] = {"operation": chosen, "coeff": None}
    coefficients = n.of((None, (1.0, 1.0, 1.0), (1.0, -1.0, 1.0), (0.5, 0.5, 0.5), (1.0, 1.0, 2.0)))
    if coefficients and chosen in ("SUM", None, 1):
        values["coeff"] = [*coefficients[: 3 if second == "three" else 2]]
    data = n.of((plan.data, (1, 32, 5, 3), (1, 32), (1, 32, 6, 6)))
    return {"data": data, "second": second, "attributes": values}


_LAYERS = {
    **dict.fromkeys(_CONVOLUTIONS, _convolution),
    "InnerProduct": _product,
    "Pooling": _pool,
    "Eltwise": _eltwise,
}

# --- where it is ----------------------------------------------------------------------------------

_AROUND: Sequence[tuple[Around, ...]] = ((), ("at-input",), ("at-output",), ("in-place",))


def _place(plan: Plan, n: Choices) -> Changes | None:
    if not _is_plain(plan) or plan.type not in _LAYERS:
        return None
    return {"around": n.of(_AROUND), "form": n.of((plan.form, "v1" if is_old(plan) else ""))}


def _elsewhere(plan: Plan, n: Choices) -> Changes | None:
    holds = [b for b in HOLDS if not plan.form or b.holds != "scale"]  # v1 has no Scale layers
    return {"branches": branches(n, holds)} if _is_plain(plan) else None


def _stored(plan: Plan, n: Choices) -> Changes | None:
    """Change how the blobs are stored: in Float16, or with the four sizes of older files."""
    if not _is_plain(plan) or plan.weight is None or plan.type not in _LAYERS:
        return None
    if plan.source in ("none", "text"):  # these cases are about the place of the blobs
        return None
    old = ("legacy",) if len(plan.weight) in (1, 2, 4) else ()
    return {
        "dtype": n.of((plan.dtype, "float16")),
        "source": n.of((plan.source, *old)),
        "bias": n.of((plan.bias, "initializer", "float16")),
    }


FEATURES: Mapping[str, Feature] = {
    "layer": Numbers(_layer, 16),
    "place": Numbers(_place, 2),
    "stored": Numbers(_stored, 3),
    "elsewhere": Numbers(_elsewhere, 3),
}
