"""Changes to TensorFlow graphs that no table distinguishes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import numpy as np

from pytest_amct.cases.plan import Built
from pytest_amct.cases.trials import Call, Change, Trial
from pytest_amct.graphs.tensorflow.schema import NUMBERS, schema

_FLOAT, _HALF, _DOUBLE = (NUMBERS[name] for name in ("float32", "float16", "float64"))
_LISTED = {_FLOAT: ("float_val", "<f4"), _HALF: ("half_val", "<u2"), _DOUBLE: ("double_val", "<f8")}
_DEFAULTS: Mapping[str, Any] = {
    **dict.fromkeys(("transpose_a", "transpose_b", "adj_x", "adj_y"), False),
    "data_format": (b"NHWC", b"NDHWC"),
}
"""Attributes that mean the same if they are left out."""
_LAYOUTS = {b"NHWC": b"NCHW", b"NCHW": b"NHWC"}
_TURNED = ("Conv2D", "DepthwiseConv2dNative", "MaxPool", "AvgPool")
_LISTS = ("strides", "dilations", "ksize")


def _graph(built: Built) -> Any:
    return schema().GraphDef.FromString(built.data)


def _trial(built: Built, changed: Any, names: Mapping[str, str] | None = None) -> Trial:
    same = [node.name for node in _graph(built).node]
    pairs = tuple((name, (names or {}).get(name, name)) for name in same)
    return Trial((Call(built.data), Call(changed.SerializeToString(deterministic=True))), pairs)


def _base(given: str) -> str:
    """Return the node that an input names."""
    return given.removeprefix("^").partition(":")[0]


def _rename(built: Built, rng: Random) -> Trial:
    graph = _graph(built)
    scopes = ("x", "Model", "model/block", "layer.1")
    names = {
        node.name: f"{rng.choice(scopes)}{rng.choice('/._')}{rng.randrange(10**6)}_{i}"
        for i, node in enumerate(graph.node)
    }
    for node in graph.node:
        node.name = names[node.name]
        node.input[:] = [
            given.replace(_base(given), names[_base(given)], 1) for given in node.input
        ]
    return _trial(built, graph, names)


def _reorder(built: Built, rng: Random) -> Trial:
    """Shuffle the nodes: a GraphDef has no order."""
    graph = _graph(built)
    nodes = [*graph.node]
    rng.shuffle(nodes)
    del graph.node[:]
    graph.node.extend(nodes)
    return _trial(built, graph)


def _identities(built: Built, rng: Random) -> Trial | None:
    """Put an Identity behind constants, as freezing does."""
    graph, behind = _graph(built), dict[str, str]()
    for node in [*graph.node]:
        if node.op == "Const" and node.attr["dtype"].type in _LISTED and rng.random() < 0.7:
            behind[node.name] = f"{node.name}/read"
            made = graph.node.add(name=behind[node.name], op="Identity", input=[node.name])
            made.attr["T"].type = node.attr["dtype"].type
    return _read_behind(built, graph, behind)


def _read_behind(built: Built, graph: Any, behind: Mapping[str, str]) -> Trial | None:
    """Let all nodes read what was put behind a node, by its name, but for what was put there."""
    added = {*behind.values()}
    for node in graph.node:
        if node.name not in added:
            node.input[:] = [behind.get(given, given) for given in node.input]
    return _trial(built, graph) if behind else None


def _storage(built: Built, rng: Random) -> Trial:
    """Store each constant as bytes, or list its values one by one, at random."""
    graph = _graph(built)
    for node in graph.node:
        tensor = node.attr["value"].tensor if node.op == "Const" else None
        if tensor is None or tensor.dtype not in _LISTED:
            continue
        label, seen_as = _LISTED[tensor.dtype]
        listed = getattr(tensor, label)
        raw = np.array(listed, seen_as).tobytes() if listed else tensor.tensor_content
        tensor.ClearField("tensor_content")
        tensor.ClearField(label)
        if rng.random() < 0.5:
            tensor.tensor_content = raw
        else:
            getattr(tensor, label).extend(np.frombuffer(raw, seen_as).tolist())
    return _trial(built, graph)


def _defaults(built: Built, rng: Random) -> Trial | None:
    """Leave out attributes that have their default value."""
    graph, gone = _graph(built), 0
    for node in graph.node:
        for name, value in _DEFAULTS.items():
            found = node.attr.get(name)
            if found is not None and _is_default(found, value) and rng.random() < 0.7:
                del node.attr[name]
                gone += 1
        dilations = node.attr.get("dilations")
        if dilations is not None and set(dilations.list.i) == {1} and rng.random() < 0.7:
            del node.attr["dilations"]
            gone += 1
    return _trial(built, graph) if gone else None


def _is_default(found: Any, value: Any) -> bool:
    kind = found.WhichOneof("value")
    return (
        (kind == "s" and found.s in value)
        if isinstance(value, tuple)
        else kind == "b" and not found.b
    )


def _unrelated(built: Built, rng: Random) -> Trial:
    """Add a branch with a separate input."""
    graph, label = _graph(built), f"branch{rng.randrange(1000)}"
    given = graph.node.add(name=f"{label}/in", op="Placeholder")
    given.attr["dtype"].type = _FLOAT
    for size in (4, 32):
        given.attr["shape"].shape.dim.add(size=size)
    last = given.name
    for i, op in enumerate(rng.choice((("Sin", "Cos"), ("Abs", "Sqrt"), ("Exp", "Neg")))):
        node = graph.node.add(name=f"{label}/{i}", op=op, input=[last])
        node.attr["T"].type = _FLOAT
        last = node.name
    return _trial(built, graph)


def _layout(built: Built, rng: Random) -> Trial | None:
    """Write layers for images in the other layout, between two Transposes."""
    graph, behind = _graph(built), dict[str, str]()
    for node in [*graph.node]:
        if node.op not in _TURNED or "T" not in node.attr or rng.random() < 0.3:
            continue
        if node.attr["padding"].s == b"EXPLICIT":
            continue
        found = node.attr["data_format"].s or b"NHWC"
        there, back = ((0, 3, 1, 2), (0, 2, 3, 1))[:: 1 if found == b"NHWC" else -1]
        dtype = node.attr["T"].type
        node.input[0] = _transposed(graph, f"{node.name}/before", node.input[0], there, dtype)
        behind[node.name] = _transposed(graph, f"{node.name}/after", node.name, back, dtype)
        node.attr["data_format"].s = _LAYOUTS[found]
        for name in _LISTS:
            if name in node.attr:
                entries = [*node.attr[name].list.i]
                node.attr[name].list.i[:] = [entries[axis] for axis in there]
    return _read_behind(built, graph, behind)


def _transposed(graph: Any, name: str, data: str, order: Sequence[int], dtype: int) -> str:
    """Add a Transpose with a constant order, and return its name."""
    stored = graph.node.add(name=f"{name}/order", op="Const")
    stored.attr["dtype"].type = NUMBERS["int32"]
    tensor = stored.attr["value"].tensor
    tensor.dtype = NUMBERS["int32"]
    tensor.tensor_shape.dim.add(size=4)
    tensor.int_val.extend(order)
    node = graph.node.add(name=name, op="Transpose", input=[data, stored.name])
    node.attr["T"].type = dtype
    node.attr["Tperm"].type = NUMBERS["int32"]
    return name


CHANGES: Mapping[str, tuple[str, Change]] = {
    "rename": ("names changed", _rename),
    "reorder": ("its nodes are in another order", _reorder),
    "identities": ("constants were read through an Identity", _identities),
    "storage": ("constants are stored in another way", _storage),
    "defaults": ("attributes with their default values were left out", _defaults),
    "unrelated": ("an unrelated branch was added", _unrelated),
    "layout": ("layers were written in the other layout, between Transposes", _layout),
}
