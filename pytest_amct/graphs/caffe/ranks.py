"""Ranks of a Caffe net's blobs that follow from the layers around them.

Many nets are fed by layers whose tops the prototxt does not describe, such as Python layers. Most
layers keep the rank of their bottom, and Caffe pools only blobs of rank 4. So a pool tells the rank
of all blobs that such layers connect with it.
"""

from __future__ import annotations

from pytest_amct.graphs.network import Layer, Network, Tensor

ELEMENTWISE = frozenset(
    "AbsVal BatchNorm Bias BNLL Clip Dropout ELU Exp Log LRN MVN Normalize Power PReLU ReLU Scale"
    " Sigmoid Softmax Split Swish TanH Threshold".split()
)
"""The layer types whose tops have the shape of the first bottom."""

_OF_FORKS = frozenset(
    "BN Bn ConvolutionDepthwise DepthwiseConvolution Interp Mish Reorg ReLU6 ShuffleChannel"
    " Upsample".split()
)
"""Types of forks: normalization, activation, depthwise convolution, resizing."""

_OF_CAFFE = frozenset("Convolution Crop Deconvolution Permute Pooling Slice".split())

_KEEPS = ELEMENTWISE | _OF_CAFFE | _OF_FORKS
"""The layer types whose tops have the rank of the first bottom."""

_ALL_ALIKE = frozenset(("Concat", "Eltwise"))
"""The layer types whose bottoms and top have one rank."""

_POOLED = 4
"""The rank of what a Pooling layer takes (docs/reading.md, "Defaults and ports")."""


def fill_ranks(network: Network) -> bool:
    """Give blobs of unknown shape a shape with unknown dimensions. Return whether any got one."""
    groups = _Groups()
    ranks: dict[Tensor, set[int]] = {}
    tensors: dict[Tensor, None] = {}
    pooled: list[Tensor] = []
    for layer in network.layers:
        alike = _alike(layer)
        for tensor in alike:
            groups.join(alike[0], tensor)
        tensors |= dict.fromkeys(alike)
        if layer.type == "Pooling":
            pooled += alike
    for tensor in tensors:
        if tensor.shape is not None:
            ranks.setdefault(groups.root(tensor), set()).add(len(tensor.shape))
    for tensor in pooled:
        ranks.setdefault(groups.root(tensor), set()).add(_POOLED)
    filled = False
    for tensor in tensors:
        found = ranks.get(groups.root(tensor), ())
        if tensor.shape is None and len(found) == 1:
            tensor.shape, filled = (None,) * next(iter(found)), True
    return filled


def _alike(layer: Layer) -> list[Tensor]:
    """Return blobs of a layer that have one rank."""
    bottoms = [t for t in layer.inputs if t is not None and t.origin != "constant"]
    tops = [t for t in layer.outputs if t is not None]
    if layer.type in _ALL_ALIKE:
        return [*bottoms, *tops]
    return [*bottoms[:1], *tops] if layer.type in _KEEPS else []


class _Groups:
    """Disjoint sets of blobs."""

    def __init__(self) -> None:
        self._above: dict[Tensor, Tensor] = {}

    def root(self, tensor: Tensor) -> Tensor:
        """Return the blob that stands for the set of a blob."""
        path = []
        while (above := self._above.get(tensor, tensor)) is not tensor:
            path.append(tensor)
            tensor = above
        self._above.update(dict.fromkeys(path, tensor))
        return tensor

    def join(self, one: Tensor, other: Tensor) -> None:
        """Make one set of the sets of two blobs."""
        self._above[self.root(other)] = self.root(one)
