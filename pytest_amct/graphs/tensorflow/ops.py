"""TensorFlow's operators: their roles on the walk to a weight, their dtypes and attributes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any

from pytest_amct.graphs.network import UNKNOWN, Layer, Role, Takes
from pytest_amct.graphs.tensorflow.schema import DTYPES
from pytest_amct.graphs.tensorflow.signatures import DETERMINISTIC, NO_OUTPUT, OTHERS

CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
"""The operators that call the function in their attribute ``f``."""

BRANCHES: Mapping[str, tuple[tuple[str, ...], int]] = {
    "If": (("then_branch", "else_branch"), 1),
    "StatelessIf": (("then_branch", "else_branch"), 1),
    "Case": (("branches",), 1),
    "StatelessCase": (("branches",), 1),
    "While": (("cond", "body"), 0),
    "StatelessWhile": (("cond", "body"), 0),
}
"""Functional control flow: the attributes that name functions, and the first input they get."""

NETWORK_INPUTS = frozenset(
    {"Placeholder", "PlaceholderV2", "PlaceholderWithDefault", "_Arg", "_DeviceArg"}
)
"""The operators whose output callers feed."""

_ITERATES = re.compile(r"Iterator.*GetNext")
_QUEUES = re.compile(
    r"Iterator|Queue|^Barrier|^InfeedDequeue|^(OrderedMap|Map)?Unstage"
    r"|^(OrderedMap|Map|Stage)Peek|^ReaderRead"
)

_CONSTANTS = frozenset({"Const", "HostConst", "ImmutableConst"})
_VALUES: Mapping[int, Takes] = MappingProxyType({})
_SHAPE_OF_FIRST: Mapping[int, Takes] = MappingProxyType({0: "shape"})
_SHAPE_OF_SECOND: Mapping[int, Takes] = MappingProxyType({1: "shape"})
#: the length of a list counts as its shape
_TAKES: Mapping[str, Mapping[int, Takes]] = {
    **dict.fromkeys(
        """Shape ShapeN Size Rank ZerosLike OnesLike Conv2DBackpropInputV2 Conv3DBackpropInput
        VariableShape TensorListLength TensorListElementShape""".split(),
        _SHAPE_OF_FIRST,
    ),
    **dict.fromkeys(
        """Conv2DBackpropFilterV2 Conv3DBackpropFilter ResizeBilinearGrad
        ResizeBicubicGrad""".split(),
        _SHAPE_OF_SECOND,
    ),
}
_RANDOM = frozenset(
    {
        "RandomUniform",
        "RandomUniformInt",
        "RandomStandardNormal",
        "TruncatedNormal",
        "ParameterizedTruncatedNormal",
        "RandomGamma",
        "RandomPoisson",
        "RandomPoissonV2",
        "RandomShuffle",
        "RandomCrop",
        "NonDeterministicInts",
        "Multinomial",
        "FractionalAvgPool",
        "FractionalMaxPool",
        "SampleDistortedBoundingBox",
        "SampleDistortedBoundingBoxV2",
        "AllCandidateSampler",
        "FixedUnigramCandidateSampler",
        "LearnedUnigramCandidateSampler",
        "LogUniformCandidateSampler",
        "ThreadUnsafeUnigramCandidateSampler",
        "UniformCandidateSampler",
    }
)
_OPEN = frozenset(
    {
        *("Variable", "VariableV2", "TemporaryVariable", "VarHandleOp", "AutoReloadVariable"),
        *("Switch", "RefSwitch", "Merge", "RefMerge", "Enter", "RefEnter", "Exit", "RefExit"),
        *("NextIteration", "RefNextIteration", "LoopCond", "_If", "_While", "_SwitchN", "For"),
        *BRANCHES,
    }
)
#: operators whose value comes from the first input alone, whatever types the others have
_FIRST_OPERAND = frozenset(
    {
        *("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV3", "QuantizeAndDequantizeV4"),
        *("FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel"),
        *("ClipByValue", "Pad", "PadV2", "Pow", "Dequantize", "QuantizeV2", "Cast"),
    }
)


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a signature: `type` is a dtype or the attribute that holds it."""

    name: str
    type: str
    default: str | None = None
    #: the attribute that holds the number of tensors
    count: str = ""
    #: whether `type` is an attribute that lists a type for each tensor
    listed: bool = False


#: a bound above the outputs of any operator
_MOST = 1 << 14
#: the most types whose kind is cached: a hostile model may have any number of types
_REMEMBERED = 4096
_MOST_UNREAD = 64

Signature = tuple[tuple[Argument, ...], tuple[Argument, ...]]


@cache
def _signatures() -> Mapping[str, tuple[Signature, bool]]:
    found: dict[str, tuple[Signature, bool]] = {}
    for text, deterministic in ((OTHERS, False), (DETERMINISTIC, True)):
        for line in text.replace("\\\n  ", "").strip().splitlines():
            arguments, _, names = line.partition(": ")
            taken, _, given = arguments.partition(">")
            signature = (_arguments(taken), _arguments(given))
            found |= dict.fromkeys(names.split(), (signature, deterministic))
    return found


def _arguments(text: str) -> tuple[Argument, ...]:
    return tuple(_argument(entry) for entry in text.split(",") if entry)


def _argument(text: str) -> Argument:
    name, _, kind = text.rpartition(":")
    kind, _, default = kind.partition("=")
    count, _, kind = kind.rpartition("*")
    return Argument(name, kind.strip("[]"), default or None, count, kind.startswith("["))


def signature(type_: str) -> Signature | None:
    """Return the inputs and outputs of an operator, ``None`` if it is unknown."""
    known = _signatures().get(type_)
    return known[0] if known else None


def attribute(node: Any, name: str, given: Mapping[str, Any] | None = None) -> Any:
    """Return the value of a node's attribute as a Python value, ``None`` if it is absent.

    Types become names (``float32``), lists and shapes tuples (an unknown dimension is -1). `given`
    holds the attributes that the calls of the enclosing function pass.
    """
    found = node.attr.get(name)  # `attr[name]` would create an entry
    return None if found is None else _value(found, given or {})


def _value(found: Any, given: Mapping[str, Any]) -> Any:
    kind = found.WhichOneof("value")
    if kind is None:
        return None
    if kind == "placeholder":
        return given.get(found.placeholder, UNKNOWN)
    if kind == "list":
        entries, of = _entries(found)
        return tuple(_plain(of, value) for value in entries)
    return _plain(kind, getattr(found, kind))


def _entries(found: Any) -> tuple[Sequence[Any], str]:
    """Return the entries of a list as protobuf has them, and their kind."""
    field = next(iter(found.list.ListFields()), None)
    return ((), "") if field is None else (field[1], field[0].name)


def _plain(kind: str, value: Any) -> Any:
    if kind == "s":
        return value.decode("utf-8", "replace")
    if kind == "type":
        return DTYPES.get(value)
    if kind == "shape":
        return None if value.unknown_rank else tuple(dim.size for dim in value.dim)
    return value


def entry(layer: Layer, name: str, index: int) -> Any:
    """Return one entry of a list, ``None`` if there is none; any other attribute as it is.

    `attribute` would convert the whole list, again for each output.
    """
    found = layer.raw.attr.get(name)
    if found is None or found.WhichOneof("value") != "list":
        whole = layer.attribute(name)
        if not isinstance(whole, tuple):
            return whole
        return whole[index] if index < len(whole) else None
    entries, of = _entries(found)
    return _plain(of, entries[index]) if index < len(entries) else None


def _length(argument: Argument, layer: Layer) -> int | None:
    """Return how many ports an argument has, ``None`` if the attributes do not tell."""
    if not argument.listed and not argument.count:  # nearly all arguments
        return 1
    if not argument.listed:
        count = layer.attribute(argument.count)
    else:
        found = layer.raw.attr.get(argument.type)
        if found is not None and found.WhichOneof("value") == "list":
            count = len(_entries(found)[0])
        else:
            types = layer.attribute(argument.type)
            count = len(types) if isinstance(types, tuple) else None
    return count if isinstance(count, int) and 0 <= count < _MOST else None


def _ranges(arguments: Sequence[Argument], layer: Layer) -> Iterator[tuple[Argument, range]]:
    """Yield the ports of each argument. One of unknown length has `_MOST`."""
    start = 0
    for argument in arguments:
        length = _length(argument, layer)
        stop = start + (_MOST if length is None else length)
        yield argument, range(start, stop)
        start = stop


def port_named(layer: Layer, name: str, index: int) -> int | None:
    """Return the port of ``node:name:index``, ``None`` if a known operator has no such output."""
    known = signature(layer.type)
    for argument, ports in _ranges(known[1], layer) if known else ():
        if known and (argument.name == name or len(known[1]) == 1) and index < len(ports):
            return ports[index]
    return None


def output_count(layer: Layer) -> int:
    """Return the number of a layer's outputs, 1 if it is unknown.

    Only the first `_MOST_UNREAD` of many are counted: others exist if a layer reads them.
    """
    if layer.type in NO_OUTPUT:
        return 0
    known = signature(layer.type)
    if known is None:
        return 1
    total = 0
    for argument in known[1]:
        length = _length(argument, layer)
        if length is None:
            return 1
        total += length
    return min(total, _MOST_UNREAD)


class TensorflowOps:
    """The operators of TensorFlow (see `Ops`)."""

    def attribute(self, layer: Layer, name: str) -> Any:
        """Return the attribute of a layer, see `Layer.attribute`."""
        if layer.type == "Rank" and name == "end":  # Rank uses no entry of the shape
            return 0
        return attribute(layer.raw, name, layer.given)

    def role(self, layer: Layer) -> Role:
        """Return the role of a layer's operator (docs/reading.md, "Weight source")."""
        type_ = layer.type
        known = _signatures().get(type_)
        if layer.body or layer.parameters:
            # If a function has the name of a standard operator, the runtime picks one of them.
            return Role.FOREIGN if known and type_ not in CALLS else Role.CALL
        if type_ in _CONSTANTS:
            return Role.CONSTANT
        if type_ == "Identity":
            return Role.IDENTITY
        if type_ in _RANDOM:
            seeds = layer.attribute("seed"), layer.attribute("seed2")
            return Role.FOREIGN if any(seeds) else Role.RANDOM
        if type_ in _OPEN:
            return Role.OPEN
        if type_.startswith("Stateless") or known is None or not known[1]:
            return Role.FOREIGN
        return Role.OPERATOR

    def takes(self, layer: Layer) -> Mapping[int, Takes]:
        """Return the input ports of which the operator uses only the shape."""
        return _TAKES.get(layer.type, _VALUES)

    def keeps_rank(self, layer: Layer) -> bool:
        """Return false: shapes are inferred in one go."""
        return False

    def dtype(self, layer: Layer, port: int) -> str | int | None:
        """Return the dtype of an output, by the operator's signature and attributes."""
        known = signature(layer.type)
        found = _nth(known[1], layer, port) if known else None
        if known is None or found is None:
            return None
        argument, index = found
        if argument.type in _DTYPE_NAMES:
            return argument.type
        value = entry(layer, argument.type, index)
        if value is UNKNOWN or isinstance(value, str):
            return value if isinstance(value, str) else None
        if argument.default:
            return argument.default
        return next(iter(_ports_of(known[0], argument, layer)), None)

    def types(self, layer: Layer) -> Collection[str]:
        """Return the types in all attributes; operators without a signature give no others."""
        found: set[str] = set()
        for value in layer.raw.attr.values():
            kind = value.WhichOneof("value")
            if kind == "type":
                found.add(DTYPES.get(value.type, ""))
            elif kind == "list":
                found.update(DTYPES.get(number, "") for number in value.list.type)
        return found

    def operands(self, layer: Layer, port: int) -> Sequence[int]:
        """Return the input ports that carry an output's value: those of its type, else port 0."""
        known = signature(layer.type)
        found = _nth(known[1], layer, port) if known else None
        if known is None or found is None or layer.type in _FIRST_OPERAND:
            return (0,)
        return _ports_of(known[0], found[0], layer) or (0,)


_DTYPE_NAMES = frozenset(DTYPES.values())


def _nth(arguments: Sequence[Argument], layer: Layer, port: int) -> tuple[Argument, int] | None:
    """Return the argument of a port, and the index in it."""
    found = ((a, port - r.start) for a, r in _ranges(arguments, layer) if port in r)
    return next(found, None)


def _ports_of(arguments: Sequence[Argument], wanted: Argument, layer: Layer) -> Sequence[int]:
    """Return the input ports whose arguments have the same type as an output's."""
    found = [r for a, r in _ranges(arguments, layer) if a.type == wanted.type]
    cut = [range(r.start, min(r.stop, len(layer.inputs))) for r in found]
    return cut[0] if len(cut) == 1 else tuple(port for ports in cut for port in ports)


@lru_cache(_REMEMBERED)
def is_dynamic(type_: str) -> bool:
    """Return whether an operator's values come from outside: fed, from iterators or queues."""
    return type_ in NETWORK_INPUTS or _QUEUES.search(type_) is not None


@lru_cache(_REMEMBERED)
def is_network_input(type_: str) -> bool:
    """Return whether the document counts an operator's output as a network input."""
    return type_ in NETWORK_INPUTS or _ITERATES.search(type_) is not None
