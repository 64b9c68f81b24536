"""The kinds of conditions that a table file may use, with one predicate for each.

A predicate takes the layer, the ports of its row, further inputs (`Given`) and the parameters of
`require`. It returns whether the condition holds (``None``: unknown), what it observed, and the
basis of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pytest_amct.graphs import sources, walk
from pytest_amct.graphs.ends import Sharing
from pytest_amct.graphs.folding import role_of
from pytest_amct.graphs.network import UNKNOWN, Basis, Layer, Role, Tensor, Unknown
from pytest_amct.tables.model import Ports, Treatment
from pytest_amct.wording import told, word


class Seen(NamedTuple):
    """The result of a predicate: the truth value, the observation in words, the basis.

    If there are `values`, they are put into the words when somebody reads them: nobody reads most.
    """

    holds: bool | None
    words: str
    basis: Basis = "stated"
    values: tuple[object, ...] = ()

    @property
    def observed(self) -> str:
        """What was observed, in words."""
        return told(self.words, self.values)


class Given(NamedTuple):
    """The inputs of a predicate other than the layer and its ports."""

    #: what was done to the layer
    treatment: Treatment
    #: which layers share their weights
    sharing: Sharing


Parameters = Mapping[str, Any]
Predicate = Callable[[Layer, Ports, Given, Parameters], Seen]
Required = Callable[[Parameters], str]
"""Says what parameters require, in words that follow what a predicate saw."""

SCALAR = str | int | float | bool
"""The type of a value that an attribute is compared with."""

PORT = range(100)
"""The valid port numbers of a layer; also the valid ranks."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of condition, with the parameters that a table file may give it."""

    predicate: Predicate
    required: Required
    #: the types of its parameters, that of the key which names it included
    types: Mapping[str, Any]
    optional: frozenset[str]
    #: parameters of which a requirement must have exactly one
    one_of: tuple[str, ...]


KINDS: dict[str, Kind] = {}
"""The kinds by the key that names them in `require`."""


def kind_of(require: Parameters) -> Kind:
    """Return the kind of a requirement; the loader accepts only those that name one."""
    return next(KINDS[key] for key in require if key in KINDS)


def _kind(
    name: str,
    required: str | Required,
    optional: Sequence[str] = (),
    one_of: Sequence[str] = (),
    **types: Any,
) -> Callable[[Predicate], Predicate]:
    words = required if callable(required) else lambda wanted: required

    def register(predicate: Predicate) -> Predicate:
        KINDS[name] = Kind(predicate, words, types, frozenset((*optional, *one_of)), tuple(one_of))
        return predicate

    return register


def _one_of(values: Sequence[Any]) -> str:
    """Write alternatives: ``2``, ``4 or 5``."""
    return " or ".join(map(word, values)) or "nothing"


def _entry(wanted: Parameters) -> str:
    return f"entry {wanted['index']} " if "index" in wanted else ""


def _required_attribute(wanted: Parameters) -> str:
    if "every" in wanted:
        return f"every entry must be {word(wanted['every'])}"
    if "among" in wanted:
        return f"must be {_one_of(wanted['among'])}"
    return f"{_entry(wanted)}must be {word(wanted['equals'])}"


def _required_spatial(wanted: Parameters) -> str:
    which = _entry(wanted) or "every entry "
    return f"{which}of the spatial axes must be {word(wanted['equals'])}"


@_kind(
    "attribute",
    _required_attribute,
    optional=["index"],
    one_of=["equals", "every", "among"],
    attribute=str,
    equals=SCALAR,
    every=SCALAR,
    among=list[SCALAR],
    index=int,
    default=SCALAR,
)
def attribute(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check an attribute, one entry of it (`index`) or `every` entry; absent means `default`.

    `equals` and `every` take the required value, `among` a list of allowed values.
    """
    name = wanted["attribute"]
    value = layer.attribute(name)
    if isinstance(value, Unknown):
        return Seen(None, f"{name} {value.why}")
    words = "{} = {}"
    if value is None or value == ():
        value, words = wanted["default"], "{} absent = {}"
    said = (name, value)
    entries = value if isinstance(value, tuple) else (value,)
    if "every" in wanted:
        holds = all(e == wanted["every"] for e in entries)
        return Seen(holds, words, values=said)
    if "among" in wanted:
        return Seen(value in wanted["among"], words, values=said)
    index = wanted.get("index", 0) if isinstance(value, tuple) else 0
    if not -len(entries) <= index < len(entries):
        return Seen(None, words, values=said)
    expected = wanted["equals"]
    entry = bool(entries[index]) if isinstance(expected, bool) else entries[index]
    return Seen(entry == expected, words, values=said)


@_kind("axis", lambda wanted: f"must be {wanted['axis']}", axis=int, default=int)
def axis(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check the attribute ``axis``. A negative axis violates the condition or is unknown."""
    value = layer.attribute("axis")
    if isinstance(value, Unknown):
        return Seen(None, f"axis {value.why}")
    shown = f"axis absent = {wanted['default']}" if value is None else f"axis = {value}"
    value = wanted["default"] if value is None else value
    if value >= 0:
        return Seen(value == wanted["axis"], shown)
    data = _at(layer, ports.data[0])
    rank = None if data is None else walk.rank(data)
    if rank is None:
        return Seen(None, f"{shown} of data of unknown rank")
    return Seen(None if value + rank == wanted["axis"] else False, f"{shown} of rank {rank}")


@_kind(
    "spatial",
    _required_spatial,
    optional=["index"],
    spatial=str,
    index=int,
    equals=int,
    default=int,
)
def spatial(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check the spatial entries, or one of them, of a list with an entry for each axis.

    ``data_format`` tells which axes are spatial. Without it the channels are the last axis.
    """
    name, layout = wanted["spatial"], layer.attribute("data_format")
    value = layer.attribute(name)
    if isinstance(value, Unknown):
        return Seen(None, f"{name} {value.why}")
    if value is None or value == ():
        shown = f"{name} absent = {word(wanted['default'])}"
        return Seen(wanted["default"] == wanted["equals"], shown)
    if not isinstance(value, tuple) or len(value) < 3:
        return Seen(None, f"{name} = {word(value)}")
    first = {True} if isinstance(layout, str) and layout.startswith("NC") else {False}
    first = {True, False} if layout is UNKNOWN else first
    found = {_meets(value[2:] if front else value[1:-1], wanted) for front in first}
    shown = f"{name} = {word(value)}" + (f", {layout}" if isinstance(layout, str) else "")
    return Seen(found.pop() if len(found) == 1 else None, shown)


def _meets(entries: tuple[object, ...], wanted: Parameters) -> bool:
    chosen = entries[wanted["index"] :][:1] if "index" in wanted else entries
    return all(entry == wanted["equals"] for entry in chosen)


@_kind("type", lambda wanted: f"must be {wanted['type']}", type=str)
def type_(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check that the layer is of this type and not of another type of the row."""
    return Seen(layer.type == wanted["type"], f"the layer is a {layer.type}")


@_kind("weight_source", "must be constant", weight_source=Literal["constant"])
def weight_source(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check that nothing behind the weight can change (docs/reading.md, "Weight source")."""
    weight = _at(layer, ports.weight)
    if weight is None:
        return Seen(None, "no weight")
    return _source(weight, "weight")


_NO_BIAS = Seen(True, "no bias")


@_kind("bias_source", "must be constant", bias_source=Literal["constant"])
def bias_source(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check that the bias is constant or absent."""
    bias = _at(layer, ports.bias)
    if bias is None:
        return _NO_BIAS
    return _source(bias, "bias")


_CONSTANT: Mapping[str, bool | None] = {"constant": True, "dynamic": False, "unknown": None}


def _source(tensor: Tensor, noun: str) -> Seen:
    found = sources.source(tensor)
    holds = _CONSTANT[found.kind]
    return Seen(holds, noun + " {} comes from {}", found.basis, (tensor, found))


@_kind(
    "weight_rank", lambda wanted: f"must be {_one_of(wanted['weight_rank'])}", weight_rank=list[int]
)
def weight_rank(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check that the weight has one of these ranks (docs/reading.md, "Defaults and ports")."""
    rank, how, values = weight_rank_of(layer, ports)
    if rank is None:
        return Seen(None, how)
    holds = rank in wanted["weight_rank"]
    return Seen(holds, f"weight rank {{}} ({how})", values=(rank, *values))


def weight_rank_of(layer: Layer, ports: Ports) -> tuple[int | None, str, tuple[object, ...]]:
    """Return the rank of a layer's weight, ``None`` if unknown, and how the rank was found.

    The last two are words and the values in them, as in `Seen`.
    """
    weight = _at(layer, ports.weight)
    if weight is not None and (rank := walk.rank(weight)) is not None:
        return rank, "dims of {}", (weight,)
    for name in ("kernel_shape", "dilations"):
        entries = layer.attribute(name)
        if isinstance(entries, tuple) and entries:
            return len(entries) + 2, "from {}", (name,)
    data = _at(layer, ports.data[0])
    if data is not None and (rank := walk.rank(data)) is not None:
        # A Caffe convolution may name another axis than 1 as its channel axis.
        axis = layer.attribute("axis")
        if isinstance(axis, Unknown):
            return None, f"the rank of the weight is unknown: axis {axis.why}", ()
        axis = axis + rank if isinstance(axis, int) and axis < 0 else axis
        if axis is None or axis == 1:
            return rank, "like the data {}", (data,)
        if 0 <= axis < rank:
            return rank - axis + 1, "like the data {} from axis {} on", (data, axis)
    return None, "the rank of the weight is unknown", ()


@_kind(
    "constant_of_rank",
    lambda wanted: f"must be a constant of rank {wanted['constant_of_rank']}",
    constant_of_rank=int,
)
def constant_of_rank(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check that the second input is a constant of this rank, perhaps behind Identity, Transpose.

    A constant behind one of them holds with basis `inferred`.
    """
    second = _at(layer, ports.weight)
    if second is None:
        return Seen(None, "no second input")
    found, where = sources.source(second), "second input {} comes from {}"
    if found.kind == "dynamic":
        return Seen(False, where, found.basis, (second, found))
    rank = walk.rank(second)
    if rank is not None and rank != wanted["constant_of_rank"]:
        return Seen(False, "second input {} has rank {}", values=(second, rank))
    origin = walk.origin(second)
    if found.kind == "unknown" or rank is None or not walk.is_constant(origin):
        return Seen(None, where, values=(second, found))
    basis: Basis = "inferred" if origin is not second or found.basis == "inferred" else "stated"
    return Seen(True, "second input {} is a constant of rank {}", basis, (second, rank))


_NO_STORED_WEIGHT = Seen(True, "no stored weight")


@_kind("weight_shared", "must belong to this layer alone", weight_shared=Literal[False])
def weight_shared(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check that no other layer has the same tensor or stored constant at its weight port."""
    weight = _at(layer, ports.weight)
    if weight is None or sources.source(weight).kind != "constant":
        return _NO_STORED_WEIGHT
    found = given.sharing.other(layer, weight)
    if found is not None:
        return Seen(False, "weight {} is shared with {}", values=found)
    return Seen(True, "weight {} is the layer's own", values=(weight,))


@_kind("pool_rank", lambda wanted: f"the pool must have rank {wanted['pool_rank']}", pool_rank=int)
def pool_rank(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check the rank of a pool's data: the length of kernel_shape + 2, else the data's rank."""
    kernel = layer.attribute("kernel_shape")
    if isinstance(kernel, tuple):
        return Seen(len(kernel) + 2 == wanted["pool_rank"], "kernel_shape = {}", values=(kernel,))
    data = _at(layer, ports.data[0])
    rank = None if data is None else walk.rank(data)
    if rank is None:
        return Seen(None, "the rank of the pool is unknown")
    return Seen(rank == wanted["pool_rank"], f"data of rank {rank}")


@_kind("dtype", lambda wanted: f"must be {_one_of(wanted['dtype'])}", dtype=list[str])
def dtype(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check that the inputs and the output have one of these element types."""
    seen = element_types(layer, ports)
    if not seen:
        return Seen(None, "the type of the data is unknown")
    one = next(iter(seen)) if len(seen) == 1 else ", ".join(sorted(seen))
    return Seen(seen.issubset(wanted["dtype"]), "{} data", values=(one,))


def element_types(layer: Layer, ports: Ports) -> set[str]:
    """Return the known element types of a layer's data, weight, bias and output.

    Every format requires one type for all of them, so one known type is enough.
    """
    known, inputs = walk.known_dtypes(layer.network), layer.inputs
    taken = [inputs[p] for p in ports.every if p < len(inputs)]
    found = set()
    for tensor in (*taken, *layer.outputs[:1]):
        if tensor is not None:
            dtype = tensor.dtype or known.get(tensor) or walk.dtype(tensor)
            if dtype is not None:
                found.add(dtype)
    return found


_IN_MAIN = Seen(True, "in the main graph")


@_kind("nested", "must be in the main graph", nested=Literal[False])
def nested(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check that the layer is in the main graph."""
    return Seen(False, "in {}", values=(layer.where,)) if layer.where else _IN_MAIN


@_kind(
    "output_used",
    lambda wanted: "must be used" if wanted["equals"] else "must not be used",
    output_used=PORT,
    equals=bool,
)
def output_used(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check whether this output of the layer is read or is a network output."""
    output = layer.output(wanted["output_used"])
    used = output is not None and (output.is_output or bool(output.consumers))
    words = "is used" if used else "is not used"
    return Seen(used == wanted["equals"], f"output {wanted['output_used']} {words}")


_DONE: Mapping[tuple[str, bool], tuple[str, str]] = {
    ("data", True): ("the data is quantized", "must be quantized"),
    ("data", False): ("the data is in float", "must be in float"),
    ("shift", True): ("the result is shifted", "must be shifted"),
    ("shift", False): ("the result is not shifted", "must not be shifted"),
    ("weight_asymmetric", True): ("the weight has an offset", "must have an offset"),
    ("weight_asymmetric", False): ("the weight has no offset", "must have no offset"),
    ("weight_channel_wise", True): (
        "the weight has several factors",
        "must have a factor for each channel",
    ),
    ("weight_channel_wise", False): (
        "the weight has one factor",
        "must have one factor for all channels",
    ),
    ("weights", True): ("a weight is quantized", "must be quantized"),
    ("weights", False): ("no weight is quantized", "must not be quantized"),
}
"""For each value of a field of a treatment: the words when it is so, and when it must be so."""


@_kind(
    "treatment",
    lambda wanted: _DONE[wanted["treatment"], wanted["equals"]][1],
    treatment=Literal["data", "weights", "weight_channel_wise", "weight_asymmetric", "shift"],
    equals=bool,
)
def treated(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check a field of the treatment. A field that the decision does not show is unknown."""
    name = wanted["treatment"]
    value = getattr(given.treatment, name)
    if value is None:
        return Seen(None, f"{name}: not visible")
    return Seen(value == wanted["equals"], _DONE[name, value][0])


@_kind(
    "most_inputs",
    lambda wanted: f"at most {wanted['most_inputs']} input may be quantized",
    most_inputs=PORT,
)
def most_inputs(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check how many of the layer's data inputs were quantized."""
    quantized = given.treatment.inputs
    if quantized is None:
        return Seen(None, "the quantized inputs: not visible")
    count = len(set(quantized))
    words = f"inputs {', '.join(map(str, sorted(set(quantized))))}" if count else "no input"
    return Seen(count <= wanted["most_inputs"], f"{words} quantized")


@_kind(
    "int8_symmetric",
    lambda wanted: (
        f"inputs {_one_of(wanted['int8_symmetric'])} must be INT8 without an offset".replace(
            " or ", " and "
        )
    ),
    int8_symmetric=list[int],
)
def int8_symmetric(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check that all of these inputs were quantized to INT8 without an offset."""
    named = wanted["int8_symmetric"]
    quantized = given.treatment.inputs
    if given.treatment.weights:
        return Seen(False, "an input is quantized as a weight")
    for found in given.treatment.formats:
        if found.bits not in (None, 8):
            return Seen(False, f"input {found.port} has {found.bits} bits")
        if found.asymmetric:
            return Seen(False, f"input {found.port} has an offset")
    if quantized is None:
        return Seen(None, "the quantized inputs: not visible")
    left = [port for port in named if port not in quantized]
    if quantized and left:
        return Seen(False, f"input {left[0]} is float")
    known = {f.port for f in given.treatment.formats if f.bits == 8 and f.asymmetric is False}
    return Seen(True if known.issuperset(named) else None, "INT8, as far as it is visible")


@_kind("weight_node", "must be a stored constant itself", weight_node=Literal["constant"])
def weight_node(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check that the weight is stored and not computed (docs/reading.md, "Other releases").

    A constant behind Identity alone is unknown, because freezing writes it, and so is one that a
    function gets or returns. One behind any other operator violates the condition with basis
    `inferred`.
    """
    weight = _at(layer, ports.weight)
    if weight is None:
        return Seen(None, "no weight")
    if walk.is_constant(weight):
        return Seen(True, f"weight {weight} is stored", weight.basis)
    found = sources.source(weight)
    where = f"weight {weight} comes from {found.why}"
    if found.kind == "dynamic":
        return Seen(False, where, found.basis)
    behind = f"{where}, behind {weight.producer}" if weight.producer else where
    maker = walk.copied(weight).producer
    computed = maker is not None and role_of(maker) is Role.OPERATOR
    if found.kind == "unknown" or not computed:
        return Seen(None, behind)
    return Seen(False, behind, "inferred")


@_kind("both_variable", "all inputs must be variable", both_variable=list[int])
def both_variable(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check that the values at all of these ports can change."""
    return _all_variable(layer, wanted["both_variable"])


@_kind(
    "constant_source",
    lambda wanted: (
        f"must be constant, of another rank than {wanted['not_of_rank']}"
        if "not_of_rank" in wanted
        else "must be constant"
    ),
    optional=["not_of_rank"],
    constant_source=PORT,
    not_of_rank=PORT,
)
def constant_source(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check that the value at a port cannot change, and that its rank is not `not_of_rank`."""
    tensor = _at(layer, wanted["constant_source"])
    if tensor is None:
        return Seen(None, "no such input")
    seen = _source(tensor, "input")
    if not seen.holds or "not_of_rank" not in wanted:
        return seen
    rank = walk.rank(tensor)
    other = None if rank is None else rank != wanted["not_of_rank"]
    return Seen(other, f"{seen.observed}, rank {'unknown' if rank is None else rank}", seen.basis)


@_kind("distinct_inputs", "the inputs must be different tensors", distinct_inputs=Literal[True])
def distinct_inputs(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check that no tensor is at two data ports."""
    read = [t for port in ports.data if (t := layer.input(port)) is not None]
    if len(set(read)) == len(read):
        return Seen(True, "the inputs are different tensors")
    return Seen(False, f"{read[0]} is read twice")


def _all_variable(layer: Layer, ports: Sequence[int]) -> Seen:
    kinds = []
    for port in ports:
        tensor = _at(layer, port)
        kinds.append("unknown" if tensor is None else sources.source(tensor).kind)
    shown = f"inputs are {' and '.join(kinds)}"
    if "constant" in kinds:
        return Seen(False, shown)
    return Seen(None if "unknown" in kinds else True, shown)


@_kind("data_rank", lambda wanted: f"must be {_one_of(wanted['data_rank'])}", data_rank=list[int])
def data_rank(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check the rank of the layer's data."""
    data = _at(layer, ports.data[0])
    rank = None if data is None else walk.rank(data)
    if data is None or rank is None:
        return Seen(None, "the rank of the data is unknown")
    return Seen(rank in wanted["data_rank"], f"data {data} of rank {rank}")


@_kind(
    "constant_rank",
    lambda wanted: f"a constant must have rank {_one_of(wanted['constant_rank'])}",
    constant_rank=list[int],
)
def constant_rank(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Check the rank of the second input if it is constant. Another source is unknown.

    As for `constant_of_rank`, a constant behind Identity or Transpose holds with basis `inferred`.
    """
    second = _at(layer, ports.weight)
    if second is None:
        return Seen(None, "no second input")
    found, rank = sources.source(second), walk.rank(second)
    where = f"second input {second} comes from {found.why}"
    if found.kind != "constant" or rank is None:
        return Seen(None, where)
    if rank not in wanted["constant_rank"]:
        return Seen(False, f"second input {second} has rank {rank}")
    origin = walk.origin(second)
    if not walk.is_constant(origin):
        return Seen(None, where)
    basis: Basis = "inferred" if origin is not second or found.basis == "inferred" else "stated"
    return Seen(True, f"second input {second} is a constant of rank {rank}", basis)


@_kind("not_seen_in", "must be read in another release", not_seen_in=str)
def not_seen_in(layer: Layer, ports: Ports, given: Given, wanted: Parameters) -> Seen:
    """Hold for no layer: the cell of its row was not seen in this release."""
    return Seen(None, f"this cell was not seen in {wanted['not_seen_in']}")


def _at(layer: Layer, port: int | None) -> Tensor | None:
    return None if port is None else layer.input(port)
