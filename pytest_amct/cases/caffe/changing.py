"""Changes to Caffe nets that no table distinguishes.

Nets come from our own builder, which writes each layer on a line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random
from typing import Any

from pytest_amct.cases.plan import Built
from pytest_amct.cases.trials import Call, Change, Trial
from pytest_amct.frameworks import BLOBS_FILE
from pytest_amct.graphs.caffe.schema import message

_NAMED = re.compile(r'(\b(?:name|bottom|top|input): )"([^"]*)"')
_RARE = re.compile(r"""['\\]""")
"""What strings have that the changes do not understand: other quotes, and escapes."""
_LAYER = re.compile(r"^layers? \{")
_LAYER_NAME = re.compile(r'\bname: "([^"]*)"')
_DEFAULTS = (
    *(" axis: 1", " transpose: false", " global_pooling: false", " group: 1", " dilation: 1"),
    *(" operation: SUM", " pool: MAX", " pad: 0", " stride: 1"),
)
"""Parameters that mean the same if they are left out."""
_WRITTEN = {
    "convolution_param": " group: 1",
    "inner_product_param": " axis: 1",
    "pooling_param": " global_pooling: false",
    "eltwise_param": " operation: SUM",
}
"""A parameter with its default value for each kind of layer."""
_SPELLED = (
    (": true", (": 1", ": t", ": True")),
    (": false", (": 0", ": f", ": False")),
    (" pool: MAX", (" pool: 0",)),
    (" pool: AVE", (" pool: 1",)),
    (" operation: SUM", (" operation: 1",)),
    (" operation: PROD", (" operation: 0",)),
    (" operation: MAX", (" operation: 2",)),
)


def _lines(built: Built) -> list[str]:
    return built.data.decode().splitlines()


def _stored(built: Built) -> Any:
    return message("StoredNet").FromString(built.files[BLOBS_FILE])


def _names(lines: list[str]) -> list[str]:
    found = (_LAYER_NAME.search(line) for line in lines if _LAYER.match(line))
    return [name[1] for name in found if name]


def _trial(
    built: Built, lines: list[str], blobs: Any = None, names: Mapping[str, str] | None = None
) -> Trial:
    stored = (
        built.files[BLOBS_FILE] if blobs is None else blobs.SerializeToString(deterministic=True)
    )
    changed = Call(("\n".join(lines) + "\n").encode(), {**built.files, BLOBS_FILE: stored})
    same = tuple((name, (names or {}).get(name, name)) for name in _names(_lines(built)))
    return Trial((Call(built.data, built.files), changed), same)


def _rename(built: Built, rng: Random) -> Trial:
    names: dict[str, str] = {}

    def renamed(name: str) -> str:
        scope = rng.choice(("x", "Model", "model/block", "layer.1", "conv-2"))
        return names.setdefault(
            name, f"{scope}{rng.choice('/._')}{rng.randrange(10**6)}_{len(names)}"
        )

    lines = [_NAMED.sub(lambda m: f'{m[1]}"{renamed(m[2])}"', line) for line in _lines(built)]
    blobs = _stored(built)
    for layer in blobs.layer:
        layer.name = renamed(layer.name)
    return _trial(built, lines, blobs, names)


def _reorder(built: Built, rng: Random) -> Trial:
    """Write the layers in another order; those that share a blob keep theirs."""
    lines = _lines(built)
    head = [line for line in lines if not _LAYER.match(line)]
    waiting = [line for line in lines if _LAYER.match(line)]
    touched = [{m[2] for m in _NAMED.finditer(line) if "name" not in m[1]} for line in waiting]
    order: list[int] = []
    left = [*range(len(waiting))]
    while left:
        free = [i for i in left if not any(touched[i] & touched[j] for j in left if j < i)]
        at = rng.choice(free)
        left.remove(at)
        order.append(at)
    return _trial(built, [*head, *(waiting[i] for i in order)])


def _spelling(built: Built, rng: Random) -> Trial:
    """Spell values in another way, break lines and add comments."""
    lines = []
    for line in _lines(built):
        for old, others in _SPELLED:
            if rng.random() < 0.7:
                line = re.sub(re.escape(old) + r"\b", rng.choice(others), line)
        if rng.random() < 0.5:
            line = line.replace(" { ", " {\n  ").replace(" }", "\n}")
        if rng.random() < 0.3:
            lines.append("# layer { name: 'x' }")
        lines.append(line)
    return _trial(built, lines)


def _defaults(built: Built, rng: Random) -> Trial | None:
    """Leave out parameters that have their default value, or write them."""
    lines = []
    for line in _lines(built):
        for held, given in _WRITTEN.items():
            missing = f"{held} {{" in line and given.partition(":")[0] not in line
            if missing and rng.random() < 0.5:
                line = line.replace(f"{held} {{", f"{held} {{{given}")
        for given in _DEFAULTS:
            name = given.partition(":")[0]
            several = len(re.findall(rf"{name}: ", line)) > 1  # a list: all entries count
            other = name == " axis" and "inner_product_param" not in line
            if rng.random() < 0.7 and not several and not other:
                line = re.sub(re.escape(given) + r"(?= )", "", line)
        lines.append(line)
    return _trial(built, lines) if lines != _lines(built) else None


def _blobs(built: Built, rng: Random) -> Trial:
    """Store the layers of the caffemodel in another order, and their blobs as doubles or floats."""
    blobs = _stored(built)
    layers = [*blobs.layer]
    rng.shuffle(layers)
    del blobs.layer[:]
    blobs.layer.extend(layers)
    for layer in blobs.layer:
        for blob in layer.blobs:
            if blob.data and rng.random() < 0.5:
                blob.double_data.extend(blob.data)
                blob.ClearField("data")
    return _trial(built, _lines(built), blobs)


def _unrelated(built: Built, rng: Random) -> Trial | None:
    """Add a branch with a separate input."""
    lines = _lines(built)
    if any(line.startswith(("layers {", "input:")) for line in lines):
        return None  # older formats have no layer for inputs
    label = f"branch{rng.randrange(1000)}"
    held = "input_param { shape { dim: 4 dim: 32 } }"
    lines.append(f'layer {{ name: "{label}.in" type: "Input" top: "{label}.in" {held} }}')
    last = f"{label}.in"
    for i, type_ in enumerate(
        rng.choice((("Sigmoid", "TanH"), ("AbsVal", "Power"), ("Exp", "BNLL")))
    ):
        lines.append(
            f'layer {{ name: "{label}.{i}" type: "{type_}" bottom: "{last}" top: "{label}.{i}" }}'
        )
        last = f"{label}.{i}"
    return _trial(built, lines)


def _of_usual(change: Change) -> Change:
    """Return a change that leaves nets alone that are written or stored in a rarer way."""

    def changed(built: Built, rng: Random) -> Trial | None:
        lines = _lines(built)
        whole = all(line.count("{") == line.count("}") and not _RARE.search(line) for line in lines)
        usual = whole and len(lines) > 1 and not _stored(built).layers
        return change(built, rng) if usual else None

    return changed


CHANGES: Mapping[str, tuple[str, Change]] = {
    "rename": ("names changed", _of_usual(_rename)),
    "reorder": ("its layers are in another order", _of_usual(_reorder)),
    "spelling": ("its text is spelled in another way", _of_usual(_spelling)),
    "defaults": (
        "parameters with their default values were left out or written",
        _of_usual(_defaults),
    ),
    "blobs": ("its blobs are stored in another way", _of_usual(_blobs)),
    "unrelated": ("an unrelated branch was added", _of_usual(_unrelated)),
}
