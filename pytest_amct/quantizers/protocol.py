"""The interface between this package and a quantizer: requests, refusals, the protocol."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pytest_amct.frameworks import BLOBS_FILE, MAIN_FILE
from pytest_amct.graphs.dtypes import np_dtype
from pytest_amct.graphs.network import Network
from pytest_amct.graphs.reading import ModelFiles
from pytest_amct.request_options import SCHEMES
from pytest_amct.tables.model import Scheme

if TYPE_CHECKING:
    from numpy.typing import NDArray


SETTINGS = ("channel_wise", "asymmetric", "tensor_quantize", "skip_layers", "skip_layer_types")
"""The settings that a quantizer may declare."""


EVERYTHING = frozenset({*SCHEMES, *SETTINGS})
"""All that a quantizer may declare."""


class Refused(Exception):
    """Raise this to refuse a request. It conforms if the tables forbid what is requested."""


class Unsupported(Exception):
    """Raise this for a model or a request that the quantizer does not support.

    It is counted, never judged.
    """


class Crashed(Exception):
    """A quantizer's program ended without a result: by a signal, or too early."""


class TimedOut(Exception):
    """A quantizer's program exceeded its time limit and was killed."""


class CaffeModel(NamedTuple):
    """A Caffe net as given to quantizers."""

    #: the text of the prototxt
    prototxt: str
    #: the bytes of the caffemodel, empty if the net has no blobs
    caffemodel: bytes


@dataclass(frozen=True, slots=True)
class InputSpec:
    """A network input for calibration: its numpy dtype name and a shape without unknowns."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(slots=True, eq=False)
class Request:
    """What is requested from a quantizer. It decides what is expected, never which table judges.

    `settings` are those of the weight algorithm, true or false: ``channel_wise``, ``asymmetric``.
    """

    framework: str
    #: the model: an ONNX model, a GraphDef or a prototxt; `model_path` is the same as a file
    model_bytes: bytes
    #: a folder that is private to this call and empty at its start
    workdir: Path
    inputs: tuple[InputSpec, ...] = ()
    scheme: Scheme = "uniform"
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    #: names of data-only layers to quantize
    tensor_quantize: tuple[str, ...] = ()
    #: names of layers to leave in float
    skip_layers: tuple[str, ...] = ()
    #: Ascend IR types of layers to leave in float
    skip_layer_types: tuple[str, ...] = ()
    _model_path: Path | None = None
    #: the bytes of the caffemodel, empty if the net has no blobs
    _blobs: bytes = b""
    _network: Network | None = None

    @property
    def model_path(self) -> Path:
        """The model as a file in `workdir`, written on first use, for Caffe with its blobs."""
        if self._model_path is None:
            self._model_path = self._written(MAIN_FILE[self.framework], self.model_bytes)
            if self._blobs:
                self._written(BLOBS_FILE, self._blobs)
        return self._model_path

    @property
    def weights_path(self) -> Path | None:
        """The caffemodel in `workdir`, ``None`` for other frameworks and nets without blobs."""
        return self.model_path.with_name(BLOBS_FILE) if self._blobs else None

    def _written(self, name: str, content: bytes) -> Path:
        self.workdir.mkdir(parents=True, exist_ok=True)
        path = self.workdir / name
        path.write_bytes(content)
        return path

    @property
    def native(self) -> ModelFiles:
        """The model in its native format, with the files that belong to it."""
        files = {BLOBS_FILE: self._blobs} if self._blobs else {}
        return ModelFiles(self.framework, self.model_bytes, files)

    @property
    def network(self) -> Network:
        """The model as this suite reads it. Do not change it: changes are not judged."""
        if self._network is None:
            self._network = self.native.network()
        return self._network

    def show(self, network: Network) -> None:
        """Show the network that is judged, to a quantizer that surely does not change it."""
        self._network = network

    def calibration(self, n: int = 8) -> list[dict[str, NDArray[Any]]]:
        """Return `n` feeds of seeded values in (-1, 1), by input name, equal for equal models."""
        return [{spec.name: _values(spec, i).copy() for spec in self.inputs} for i in range(n)]


@lru_cache(maxsize=256)
def _values(spec: InputSpec, i: int) -> NDArray[Any]:
    import numpy as np

    seed = hashlib.sha256(f"{spec.name}/{spec.shape}/{i}".encode()).digest()[:8]
    rng = np.random.default_rng(int.from_bytes(seed, "little"))
    if spec.dtype == "bool":
        drawn: Any = rng.random(spec.shape) < 0.5
    elif spec.dtype.startswith(("int", "uint")):
        drawn = rng.integers(0, 4, spec.shape)
    else:
        drawn = rng.uniform(-1, 1, spec.shape)
    # A scalar draw is not an array: np.asarray converts it.
    return np.asarray(drawn, dtype=np_dtype(spec.dtype))


class Quantizer(Protocol):
    """A quantizer as the suite calls it. Loading makes one from a function or a class."""

    @property
    def name(self) -> str:
        """The name in reports."""

    @property
    def frameworks(self) -> tuple[str, ...]:
        """The frameworks that it supports, empty if it does not say."""

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        """The schemes that may be requested."""

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings that may be requested: ``channel_wise``, ``asymmetric``,
        ``tensor_quantize``, ``skip_layers``, ``skip_layer_types``."""

    def quantize(self, model: Any, request: Request) -> Any:
        """Quantize `model`, a private copy, and return a form that shows the decisions."""

    @property
    def quantize_batch(self) -> Callable[[Sequence[Request]], Sequence[Any]] | None:
        """A call for many requests that returns a result or an exception for each, or ``None``."""

    def validate(self, path: Path) -> None:
        """Raise if the quantized model at `path` is broken. May do nothing.

        It proves nothing if it raises for the given model too, or onnxruntime's `NotImplemented`.
        """

    def close(self) -> None:
        """Release resources. Called once at the end."""
