"""What passes between this package and a quantizer: requests, decisions, refusals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from pytest_amct.frameworks import BLOBS_FILE, MAIN_FILE
from pytest_amct.graphs.network import Basis, Layer, Network
from pytest_amct.graphs.reading import ModelFiles
from pytest_amct.tables.model import Scheme, Treatment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


SETTINGS = ("channel_wise", "asymmetric", "tensor_quantize", "skip_layers", "skip_layer_types")
"""What a quantizer may declare that it can be asked for, besides schemes."""


UNTRACEABLE: Literal["untraceable"] = "untraceable"
"""In place of a decision: the layer cannot be found again in what the tool made."""


class Refused(Exception):
    """Raise it to refuse a request: conforming where the tables forbid what was asked for."""


class Unsupported(Exception):
    """Raise it for a model or a request that is not your business: counted, never judged."""


class Lost(Exception):
    """A program that a quantizer runs in was killed or timed out: one case is lost."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a quantizer did to one layer. ``None`` is not known, and the unknown is never judged.

    A decision without any field says: quantized, how is not known. `Decision.float()` says: left
    in float.
    """

    #: ports of the data inputs that were quantized; ``()`` = none
    inputs: tuple[int, ...] | None = None
    #: whether the weight was quantized (of a layer without one: whether something was as if)
    weights: bool | None = None
    #: several weight factors that differ, one for each output channel
    weight_channel_wise: bool | None = None
    #: a weight offset other than the middle of the integer range
    weight_asymmetric: bool | None = None
    #: bits of the quantized weight
    weight_bits: int | None = None
    #: shift by N, in bits; 0 = none
    shift: int | None = None
    #: weights were clustered
    nonuniform: bool | None = None
    #: how sure the form shows it (READING.md section 9)
    evidence: Basis = "stated"
    #: what showed it, in words
    seen: str = ""

    @staticmethod
    @cache
    def float() -> Decision:
        """The decision to leave a layer in float."""
        return Decision(inputs=(), weights=False, nonuniform=False)

    @property
    def quantized(self) -> bool:
        """Whether anything of the layer was quantized."""
        nothing = self.inputs == () and not self.weights and not self.nonuniform
        return not nothing or bool(self.shift)

    @property
    def treatment(self) -> Treatment:
        """The decision as the tables see it; it picks the table by what was done."""
        scheme: Scheme = "uniform"
        if self.nonuniform:
            scheme = "nonuniform"
        elif self.weights and self.inputs == ():
            scheme = "weight_only"
        return Treatment(
            scheme,
            data=None if self.inputs is None else bool(self.inputs),
            weights=self.weights,
            weight_channel_wise=self.weight_channel_wise,
            weight_asymmetric=self.weight_asymmetric,
            shift=None if self.shift is None else self.shift != 0,
        )


class CaffeModel(NamedTuple):
    """A Caffe net as quantizers get it."""

    #: the text of the prototxt
    prototxt: str
    #: the bytes of the caffemodel; none, if the net has no blobs
    caffemodel: bytes


@dataclass(frozen=True, slots=True)
class InputSpec:
    """A network input that calibration data is made for: numpy dtype name, shape with no gaps."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(slots=True, eq=False)
class Request:
    """What the quantizer is asked for. It decides what is owed, never which table judges.

    `settings` are those of the weight algorithm: ``channel_wise``, ``asymmetric``, true or false.
    """

    framework: str
    #: the model: an ONNX model, a GraphDef, a prototxt; `model_path` is the same as a file
    model_bytes: bytes
    #: private to this call, empty at its start
    workdir: Path
    inputs: tuple[InputSpec, ...] = ()
    scheme: Scheme = "uniform"
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    #: names of data-only layers that shall be quantized
    tensor_quantize: tuple[str, ...] = ()
    #: names of layers that shall stay in float
    skip_layers: tuple[str, ...] = ()
    #: Ascend IR types of layers that shall stay in float
    skip_layer_types: tuple[str, ...] = ()
    _model_path: Path | None = None
    _network: Network | None = None

    @property
    def model_path(self) -> Path:
        """The model as a file in `workdir`, written on first use."""
        if self._model_path is None:
            self.workdir.mkdir(parents=True, exist_ok=True)
            self._model_path = self.workdir / MAIN_FILE[self.framework]
            self._model_path.write_bytes(self.model_bytes)
        return self._model_path

    @property
    def weights_path(self) -> Path | None:
        """The caffemodel in `workdir`, ``None`` if the model is of another framework."""
        path = self.workdir / BLOBS_FILE
        return path if self.framework == "caffe" and path.is_file() else None

    @property
    def native(self) -> ModelFiles:
        """The model in its native format, with the files that stand beside it."""
        blobs = self.weights_path
        files = {BLOBS_FILE: blobs.read_bytes()} if blobs else {}
        return ModelFiles(self.framework, self.model_bytes, files)

    @property
    def network(self) -> Network:
        """The model as this suite reads it and judges by it: only to be read."""
        if self._network is None:
            self._network = self.native.network()
        return self._network

    def calibration(self, n: int = 8) -> Iterator[dict[str, NDArray[Any]]]:
        """`n` feeds of seeded values in (-1, 1), by input name; the same for the same model."""
        for i in range(n):
            yield {spec.name: _values(spec, i).copy() for spec in self.inputs}


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
    # A scalar's draw is no array: np.asarray makes it one.
    return np.asarray(drawn, dtype=np_dtype(spec.dtype))


def np_dtype(name: str) -> np.dtype[Any]:
    """The numpy dtype of that name, ``bfloat16`` and the like included (ml_dtypes)."""
    import ml_dtypes
    import numpy as np

    return np.dtype(getattr(ml_dtypes, name) if hasattr(ml_dtypes, name) else name)


class Quantizer(Protocol):
    """A quantizer as the suite calls it; loading makes one out of a function or a class."""

    @property
    def name(self) -> str:
        """How reports call it."""

    @property
    def frameworks(self) -> tuple[str, ...]:
        """Which frameworks' models it takes; none = it does not say."""

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        """Which schemes it may be asked for."""

    @property
    def settings(self) -> tuple[str, ...]:
        """Which settings it may be asked for: ``channel_wise``, ``asymmetric``,
        ``tensor_quantize``, ``skip_layers``, ``skip_layer_types``."""

    def quantize(self, model: Any, request: Request) -> Any:
        """Quantize `model`, a private copy, and return what shows the decisions."""

    @property
    def quantize_batch(self) -> Callable[[Sequence[Request]], Sequence[Any]] | None:
        """Takes many requests at once; gives a result or an exception for each; or ``None``."""

    def validate(self, path: Path) -> None:
        """Raise if the quantized model in `path` is broken. May do nothing."""

    def close(self) -> None:
        """Called once at the end."""


Status = Literal["decided", "refused", "unsupported", "errored", "invalid-output", "lost"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one call, in terms of the layers of the model that was given.

    `decisions` is keyed by the layer's index in ``Network.layers``. A layer that is neither there
    nor in `untraceable` was not mentioned: unknown.
    """

    status: Status
    decisions: Mapping[int, Decision] = field(default_factory=dict)
    #: indices of layers that cannot be found in what was returned
    untraceable: frozenset[int] = frozenset()
    #: by index: why what was returned cannot tell what was done to a layer that was found in it
    untold: Mapping[int, str] = field(default_factory=dict)
    #: why it is not ``decided``
    message: str = ""
    #: what the quantizer printed and warned, its last lines
    output: str = ""

    def decision(self, index: int) -> Decision | None:
        """The decision on a layer, ``None`` if it is not known."""
        return self.decisions.get(index)


def layer_index(layer: Layer) -> int:
    """The index of a layer in its network, as `Outcome.decisions` uses it."""
    index = layer.network.memo.get("index")
    if index is None:
        index = {known: i for i, known in enumerate(layer.network.layers)}
        layer.network.memo["index"] = index
    return int(index[layer])
