"""What can be drawn of a layer in an ONNX model besides the deviations of ``rows.py``.

The numbers of a layer count from what its plan has, so that no numbers mean no change. Sizes of
the data follow from them, and every layer keeps 32 channels for its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from pytest_amct.cases.choices import Choices
from pytest_amct.cases.drawing import Feature, Numbers, Tree, around, branches
from pytest_amct.cases.onnx.extras import HOLDS
from pytest_amct.cases.onnx.language import language
from pytest_amct.cases.plan import USUAL_OPSET, Around, Changes, Plan
from pytest_amct.cases.trees import Spec

_CONVOLUTIONS = ("Conv", "ConvTranspose")
_POOLS = ("AveragePool", "MaxPool")
_LEAST = 1024
"""Elements of the smallest weight: tools skip smaller ones."""
_MOST_AXES = 4


def _is_new(plan: Plan) -> bool:
    """Return whether a plan leaves room: it is of ai.onnx, and not of an older form."""
    older = plan.opset < USUAL_OPSET or plan.ir_version < 4
    return not (older or plan.domain or plan.form or "all-float16" in plan.switches)


# --- the layer itself -----------------------------------------------------------------------------


def _layer(plan: Plan, n: Choices) -> Changes | None:
    decode = _LAYERS.get(plan.type)
    fits = decode is not None and _is_new(plan) and plan.dtype != "int64" and plan.outputs == 1
    return decode(plan, n) if decode is not None and fits else None


def _entry(values: Sequence[int] | None, axis: int, default: int) -> int:
    return values[axis] if values is not None and axis < len(values) else default


def _sizes(n: Choices, reach: Sequence[int]) -> list[int]:
    return [max(4, r) + n.number(3) for r in reach]


def _convolution(plan: Plan, n: Choices) -> Changes:
    given, old = plan.attributes, (plan.weight or ())[2:]
    axes = 1 + (len(plan.data) - 3 + n.number(_MOST_AXES)) % _MOST_AXES
    wide = 4 if axes < 3 else 2  # longer kernels and dilations would make the data large
    dilations = [around(n, _entry(given.get("dilations"), i, 1), wide + 1) for i in range(axes)]
    kernel = [around(n, min(_entry(old, i, 2), wide), wide) for i in range(axes)]
    strides = [around(n, _entry(given.get("strides"), i, 1), 3) for i in range(axes)]
    deepest = 2 if plan.type == "ConvTranspose" else 3  # its pads make the result smaller
    pads = [n.number(deepest) for _ in range(2 * axes)]
    groups = [g for g in (1, 2, 4, 8, 16, 32) if _LEAST * prod(kernel) >= _LEAST * g]
    group = n.of(groups)
    values: dict[str, Any] = {
        "kernel_shape": kernel,
        "dilations": dilations,
        "strides": strides,
        "pads": pads,
        "group": group,
        "auto_pad": None,
    }
    auto = n.of(("", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"))
    if auto and (not auto.startswith("SAME") or set(dilations) == {1}):
        values |= {"auto_pad": auto, "pads": None}
    if plan.type == "ConvTranspose":
        more = [n.number(s) for s in strides]
        values["output_padding"] = more if any(more) and not auto else None
    defaults = {"dilations": 1, "strides": 1, "pads": 0, "group": 1}
    for name in ("kernel_shape", *defaults):
        if n.number(2) and (name == "kernel_shape" or _is_all(values[name], defaults[name])):
            values[name] = None  # the default is the same
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    data = (*plan.data[:1], 32, *_sizes(n, reach))
    return {"data": data, "weight": (32, 32 // group, *kernel), "attributes": values}


def _is_all(value: Any, default: int) -> bool:
    return set(value if isinstance(value, list) else [value]) == {default}


def _gemm(plan: Plan, n: Choices) -> Changes:
    given = plan.attributes
    flags = (0, 1, -1, 2, 3, 255, None)
    across, down = (
        (given.get(name), *(f for f in flags if f != given.get(name)))[n.number(len(flags))]
        for name in ("transA", "transB")
    )
    rows, inner = 4 + n.number(3), n.of((32, 48, 64))
    values: dict[str, Any] = {"transA": across, "transB": down}
    for name in ("alpha", "beta"):
        values[name] = n.of((given.get(name), 1.0, 0.5, 2.0, 0.0, -1.0))
    data = (inner, rows) if across else (rows, inner)
    weight = (32, inner) if down else (inner, 32)
    return {"data": data, "weight": weight, "attributes": values}


def _matmul(plan: Plan, n: Choices) -> Changes:
    weight = plan.weight or ()
    batch = [1] * ((len(plan.data) - 2 + n.number(4)) % 4)
    rank = 1 + (len(weight) - 1 + n.number(5)) % 5
    rows, inner = 4 + n.number(3), n.of((32, 48, 64))
    most = max(len(batch), rank - 2)
    sizes = [1 + n.number(2) for _ in range(most)]
    stretched = n.number(2)  # whether the batch of the weight is stretched
    own = [1] * most if stretched else sizes
    data = (*sizes[most - len(batch) :], rows, inner)
    return {
        "data": data,
        "weight": (inner,) if rank == 1 else (*own[most - rank + 2 :], inner, 32),
    }


def _pool(plan: Plan, n: Choices) -> Changes:
    given = plan.attributes
    axes = 1 + (len(plan.data) - 3 + n.number(3)) % 3
    kernel = [around(n, _entry(given.get("kernel_shape"), i, 2), 4) for i in range(axes)]
    strides = [around(n, _entry(given.get("strides"), i, 2), 3) for i in range(axes)]
    dilations = [around(n, _entry(given.get("dilations"), i, 1), 3) for i in range(axes)]
    pads = [n.number(kernel[i % axes]) for i in range(2 * axes)]
    values: dict[str, Any] = {"kernel_shape": kernel, "strides": strides, "pads": pads}
    values |= {"auto_pad": None, "dilations": None}
    if set(dilations) != {1}:
        values["dilations"] = dilations
    auto = n.of(("", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"))
    if auto and set(dilations) == {1}:
        values |= {"auto_pad": auto, "pads": None}
    if n.number(2) and set(strides) == {1}:
        values["strides"] = None
    if n.number(2) and not any(pads):
        values["pads"] = None
    values["ceil_mode"] = n.of((given.get("ceil_mode"), 1, 0))
    other = "count_include_pad" if plan.type == "AveragePool" else "storage_order"
    values[other] = n.of((given.get(other), 1, 0))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    return {"data": (*plan.data[:1], 32, *_sizes(n, reach)), "attributes": values}


def _add(plan: Plan, n: Choices) -> Changes:
    axes = 1 + (len(plan.data) - 3 + n.number(3)) % 3
    kinds = ("branch", "constant", "constant-first", "scalar", "vector", "same")
    second = n.of((plan.second, *(kind for kind in kinds if kind != plan.second)))
    return {"data": (*plan.data[:1], 32, *_sizes(n, [4] * axes)), "second": second}


_LAYERS = {
    **dict.fromkeys(_CONVOLUTIONS, _convolution),
    **dict.fromkeys(_POOLS, _pool),
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Add": _add,
}

# --- where it is ----------------------------------------------------------------------------------


_AROUND: Sequence[tuple[Around, ...]] = ((), ("at-input",), ("at-output",), ("relu",))


def _place(plan: Plan, n: Choices) -> Changes | None:
    if not _is_new(plan) or plan.inside or plan.outputs > 1 or plan.dtype == "int64":
        return None
    inside = n.of(("", "if", "function"))
    changes: Changes = {"inside": inside, "symbolic_batch": bool(n.number(2))}
    return changes if inside else {**changes, "around": n.of(_AROUND)}


_TYPES: Sequence[Changes] = (
    {},
    {"dtype": "float16"},
    {"fed_as": "float16"},
    {"dtype": "float64"},
    {"dtype": "bfloat16", "opset": 22},
    {"fed_as": "float64"},
)


def _type(plan: Plan, n: Choices) -> Changes | None:
    fits = plan.type in _LAYERS and plan.dtype == "float32" and not plan.fed_as
    fits &= _is_new(plan) and plan.source not in ("dequantize", "input-dequantize", "foreign")
    return n.of(_TYPES) if fits else None


def _elsewhere(plan: Plan, n: Choices) -> Changes | None:
    return {"branches": branches(n, [*HOLDS])} if _is_new(plan) else None


# --- where its weight comes from ------------------------------------------------------------------


def _weight(plan: Plan) -> Spec | None:
    fits = _is_new(plan) and plan.source == "initializer" and plan.weight is not None
    return Spec(plan.weight or (), plan.dtype) if fits else None


def _bias(plan: Plan) -> Spec | None:
    fits = _is_new(plan) and plan.type in (*_CONVOLUTIONS, "Gemm") and not plan.bias
    return Spec((32,), plan.dtype) if fits else None


def _opset(plan: Plan, version: int) -> int:
    return max(plan.opset, version)


FEATURES: Mapping[str, Feature] = {
    "layer": Numbers(_layer, 24),
    "type": Numbers(_type, 1),
    "place": Numbers(_place, 3),
    "elsewhere": Numbers(_elsewhere, 3),
    "source": Tree(language, _weight, lambda p, text, v: {"source": text, "opset": _opset(p, v)}),
    "bias": Tree(language, _bias, lambda p, text, v: {"bias": text, "opset": _opset(p, v)}),
}
