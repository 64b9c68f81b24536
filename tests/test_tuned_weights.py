"""Weights that tools change on purpose are never stated to be corrupted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from checked_weights import check_weights
from numpy.typing import NDArray
from onnx import ModelProto, numpy_helper
from quantized_models import model, node

from pytest_amct.graphs.onnx.reader import read_onnx

Weight = NDArray[np.float64]
Change = Callable[[list[Weight], np.random.Generator], list[Weight]]
SIZE = 32


def same(weights: list[Weight], rng: np.random.Generator) -> list[Weight]:
    return weights


def in_float16(weights: list[Weight], rng: np.random.Generator) -> list[Weight]:
    return [w.astype(np.float16).astype(float) for w in weights]


def equalized(weights: list[Weight], rng: np.random.Generator) -> list[Weight]:
    """The outputs of a layer are scaled down, the inputs of the next one up."""
    changed = [*weights]
    for i in range(len(weights) - 1):
        factors = rng.uniform(0.05, 20, SIZE)
        changed[i] = changed[i] / factors
        changed[i + 1] = changed[i + 1] * factors[:, None]
    return changed


def smoothed(weights: list[Weight], rng: np.random.Generator) -> list[Weight]:
    """A factor for each input, as for layers whose data has outliers."""
    return [w * rng.uniform(0.05, 20, (SIZE, 1)) for w in weights]


def pruned(weights: list[Weight], rng: np.random.Generator) -> list[Weight]:
    return [np.where(np.abs(w) < np.quantile(np.abs(w), 0.7), 0, w) for w in weights]


def without_channels(weights: list[Weight], rng: np.random.Generator) -> list[Weight]:
    """A quarter of the channels of one layer is pruned."""
    changed = [w.copy() for w in weights]
    changed[rng.integers(len(weights))][:, rng.integers(0, SIZE, SIZE // 4)] = 0
    return changed


def rotated(weights: list[Weight], rng: np.random.Generator) -> list[Weight]:
    turn, _ = np.linalg.qr(rng.normal(size=(SIZE, SIZE)))
    inner = [w if i == 0 else turn.T @ w for i, w in enumerate(weights)]
    return [w if i == len(weights) - 1 else w @ turn for i, w in enumerate(inner)]


def retrained(weights: list[Weight], rng: np.random.Generator) -> list[Weight]:
    return [w + rng.normal(size=w.shape) * 0.3 * w.std() for w in weights]


def one_scaled(weights: list[Weight], rng: np.random.Generator) -> list[Weight]:
    """A factor of the model is folded into one layer."""
    at = rng.integers(len(weights))
    return [w * rng.uniform(0.2, 5) if i == at else w for i, w in enumerate(weights)]


def nearest(steps: Weight, rng: np.random.Generator) -> Weight:
    return np.rint(steps)


def learned(steps: Weight, rng: np.random.Generator) -> Weight:
    """Up or down, as AdaRound learns it."""
    return np.floor(steps) + rng.integers(0, 2, steps.shape)


def made_up_for(steps: Weight, rng: np.random.Generator) -> Weight:
    """Later rows make up for the errors of earlier ones, as in GPTQ."""
    data = rng.normal(size=(2 * SIZE, SIZE))
    factor = np.linalg.cholesky(np.linalg.inv(data.T @ data + np.eye(SIZE))).T
    left, found = steps.copy(), np.zeros_like(steps)
    for row in range(SIZE):
        found[row] = np.rint(left[row])
        error = (left[row] - found[row]) / factor[row, row]
        left[row + 1 :] -= np.outer(factor[row, row + 1 :], error)
    return found


def net(weights: list[Weight]) -> ModelProto:
    nodes = [node("Sin", ["x"], ["h0"], name="sin")]
    for i in range(len(weights)):
        nodes.append(node("MatMul", [f"h{i}", f"w{i}"], [f"m{i}"], name=f"product{i}"))
        nodes.append(node("Relu", [f"m{i}"], [f"h{i + 1}"], name=f"relu{i}"))
    stored = [numpy_helper.from_array(w.astype(np.float32), f"w{i}") for i, w in enumerate(weights)]
    return model(nodes, stored, [("x", [2, SIZE])], [f"h{len(weights)}"])


def quantized(weights: list[Weight], rounding: Any, rng: np.random.Generator) -> ModelProto:
    """Some layers are float, some have fewer bits, and some are clipped."""
    result = net(weights)
    for i in np.flatnonzero(rng.random(len(weights)) < 0.8):
        highest = 2 ** (rng.choice([2, 3, 4, 8, 8]) - 1) - 1
        channel_wise = rng.random() < 0.7
        largest = np.abs(weights[i]).max(axis=0 if channel_wise else None)
        scale = np.maximum(largest, 1e-9) / highest * rng.choice([1, 1, 0.7])
        integers = np.clip(rounding(weights[i] / scale, rng), -highest - 1, highest)
        parts = {f"q{i}": integers.astype(np.int8), f"s{i}": np.asarray(scale, np.float32)}
        result.graph.initializer.extend(numpy_helper.from_array(a, n) for n, a in parts.items())
        result.graph.node.insert(0, node("DequantizeLinear", [*parts], [f"d{i}"], axis=1))
        next(n for n in result.graph.node if n.name == f"product{i}").input[1] = f"d{i}"
    return result


def found(change: Change, rounding: Any, seed: int) -> list[str]:
    """The basis of each finding on a random network."""
    rng = np.random.default_rng(seed)
    weights = [
        rng.normal(rng.choice([0, 0.1]), 1, (SIZE, SIZE)) * rng.uniform(0.01, 3, (1, SIZE))
        for _ in range(rng.integers(1, 5))
    ]
    if rng.random() < 0.2:
        weights[0] = np.full((SIZE, SIZE), rng.uniform(0.1, 1))
    if rng.random() < 0.2:
        weights[-1] = weights[0] * rng.uniform(0.5, 2)
    if rng.random() < 0.2:
        weights[-1] = rng.laplace(size=(SIZE, SIZE)) ** 3
    result = quantized(change(weights, rng), rounding, rng)
    return [f.basis for f in check_weights(read_onnx(net(weights)), result).findings]


ON_PURPOSE = (
    equalized, smoothed, pruned, without_channels, rotated, retrained, one_scaled, in_float16, same
)  # fmt: skip


@pytest.mark.parametrize("rounding", [nearest, learned, made_up_for], ids=lambda f: f.__name__)
@pytest.mark.parametrize("change", ON_PURPOSE, ids=lambda f: f.__name__)
def test_changes_on_purpose_are_never_stated(change: Change, rounding: Any) -> None:
    assert "stated" not in [basis for seed in range(20) for basis in found(change, rounding, seed)]


@pytest.mark.parametrize("change", [same, in_float16], ids=lambda f: f.__name__)
def test_rounding_to_nearest_is_never_a_warning(change: Change) -> None:
    assert [basis for seed in range(60) for basis in found(change, nearest, seed)] == []
