"""The operators of the installed onnx: their roles on the walk to a weight, and their dtypes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import onnx
from onnx import AttributeProto, TensorProto, defs

from pytest_amct.graphs.network import UNKNOWN, Layer, Role, Takes, Tensor

DTYPES: dict[int, str] = {
    number: {"FLOAT": "float32", "DOUBLE": "float64"}.get(name, name.lower())
    for name, number in TensorProto.DataType.items()
    if name != "UNDEFINED"
}
"""The numpy names of element types by their number in ``TensorProto.DataType``."""

_NAMED: dict[str, str] = {n: DTYPES[i] for n, i in TensorProto.DataType.items() if i in DTYPES}

NUMBERS: dict[str, int] = {name: number for number, name in DTYPES.items()}
"""The numbers of element types by their numpy name."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_A = AttributeProto
_FIELDS = {
    _A.INT: "i",
    _A.FLOAT: "f",
    _A.STRING: "s",
    _A.INTS: "ints",
    _A.FLOATS: "floats",
    _A.STRINGS: "strings",
    _A.TENSOR: "t",
    _A.SPARSE_TENSOR: "sparse_tensor",
    _A.GRAPH: "g",
}

_IDENTITIES = {"Identity", "Dropout"}
_VALUES: Mapping[int, Takes] = MappingProxyType({})
_SHAPE_OF_FIRST: Mapping[int, Takes] = MappingProxyType({0: "shape"})
#: the length of a sequence counts as its shape
_TAKES: Mapping[str, Mapping[int, Takes]] = {
    **dict.fromkeys(("Shape", "Size", "EyeLike", "SequenceLength"), _SHAPE_OF_FIRST),
    **dict.fromkeys(("RandomNormalLike", "RandomUniformLike"), _SHAPE_OF_FIRST),
    "CastLike": MappingProxyType({1: "type"}),
}
#: listed by name because in a function their graphs may be attributes of the call
_CONTROL_FLOW = {"If", "Loop", "Scan", "SequenceMap"}
#: operators that return another value on each run unless the attribute ``seed`` is set
_RANDOM = {
    "RandomNormal",
    "RandomUniform",
    "RandomNormalLike",
    "RandomUniformLike",
    "Multinomial",
    "Bernoulli",
}
#: operators whose value comes from the first input alone, whatever types the others have
_FIRST_OPERAND = {"DequantizeLinear", "QuantizeLinear", "Cast", "CastLike", "Clip", "Pad", "Pow"}
#: the most steps back to a flag, so that the cost of a long chain is not quadratic
_KEEP_RANK = frozenset(
    "Abs Acos Acosh Asin Asinh Atan Atanh AveragePool BatchNormalization Cast Ceil Celu Clip Cos"
    " Cosh Elu Erf Exp Floor Gelu GlobalAveragePool GlobalMaxPool HardSigmoid HardSwish"
    " InstanceNormalization IsInf IsNaN LRN LeakyRelu Log LogSoftmax MaxPool Mish Neg Not"
    " Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softmax Softplus Softsign Sqrt Tan"
    " Tanh ThresholdedRelu".split()
)
_CONVOLUTIONS = ("Conv", "ConvTranspose")

_FLAG_HOPS = 100
#: the largest version that onnx accepts; files may name a larger one
_LAST_VERSION = 2**31 - 1
#: the most types whose schema is cached: a hostile model may have any number of types
_REMEMBERED = 4096
#: the attribute that names an output's dtype, and the default (None: that of the first input)
_DTYPE_ATTRIBUTE: dict[str, tuple[str, str | None]] = {
    "Cast": ("to", None),
    "BitCast": ("to", None),
    "RandomNormal": ("dtype", "float32"),
    "RandomUniform": ("dtype", "float32"),
    "RandomNormalLike": ("dtype", None),
    "RandomUniformLike": ("dtype", None),
    "Bernoulli": ("dtype", None),
    "EyeLike": ("dtype", None),
    "Multinomial": ("dtype", "int32"),
    "HannWindow": ("output_datatype", "float32"),
    "HammingWindow": ("output_datatype", "float32"),
    "BlackmanWindow": ("output_datatype", "float32"),
}


def attribute(node: onnx.NodeProto, name: str, given: Mapping[str, Any] = _NOTHING) -> Any:
    """Return the value of a node's attribute, ``None`` if it is absent.

    `given` holds the attributes that the calls of the enclosing function pass, see `Layer.given`.
    """
    for found in node.attribute:
        if found.name == name:
            if found.ref_attr_name:
                found = given.get(found.ref_attr_name, UNKNOWN)
                if not isinstance(found, AttributeProto):
                    return found
            field = _FIELDS.get(found.type) or _set_field(found)
            if field is None:
                return UNKNOWN
            value = getattr(found, field)
            if field in ("ints", "floats", "strings"):
                return tuple(value)
            return value.decode("utf-8", "replace") if field == "s" else value
    return None


def _set_field(found: AttributeProto) -> str | None:
    """Return the field that holds the value if `type` is not set, as in early IR versions."""
    for field in ("ints", "floats", "strings"):
        if getattr(found, field):
            return field
    for field in ("i", "f", "s", "t", "g", "sparse_tensor"):
        if found.HasField(field):
            return field
    return None


@lru_cache(_REMEMBERED)
def _schema(type_: str, domain: str, version: int) -> defs.OpSchema | None:
    try:
        return defs.get_schema(type_, max(0, min(version, _LAST_VERSION)), domain)
    except defs.SchemaError:
        return None


_Rule = tuple[str | int | None, tuple[int, ...]]


def _type_rule(layer: Layer, port: int) -> _Rule:
    """Return the dtype rule of an output and the input ports of the same type, by the schema."""
    rules = _rules(layer.type, layer.domain, layer.version)
    return rules[port] if port < len(rules) else rules[-1]


@lru_cache(_REMEMBERED)
def _rules(type_: str, domain: str, version: int) -> Sequence[_Rule]:
    schema = _schema(type_, domain, version)
    if schema is None or not schema.outputs:
        return [(None, (0,))]
    return [_rule(schema, formal) for formal in schema.outputs]


def _rule(schema: defs.OpSchema, formal: defs.OpSchema.FormalParameter) -> _Rule:
    if not formal.is_homogeneous:  # loops: each output has its own type
        return None, (0,)
    same = [i for i, given in enumerate(schema.inputs) if given.type_str == formal.type_str]
    if same:
        last = len(schema.inputs) - 1
        variadic = schema.inputs[last].option == defs.OpSchema.FormalParameterOption.Variadic
        if variadic and last in same:
            same.extend(range(last + 1, 1024))
        return same[0], tuple(same)
    types = list(formal.types)
    dtype = _ALIASES.get(types[0]) if len(types) == 1 else None
    return dtype, (0,)


_ALIASES = {
    f"tensor({n})": {"float": "float32", "double": "float64"}.get(n, n)
    for n in (
        "float",
        "double",
        "float16",
        "bfloat16",
        "bool",
        "string",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
    )
}


class OnnxOps:
    """The operators of ``ai.onnx`` and the other domains of the installed onnx (see `Ops`)."""

    def attribute(self, layer: Layer, name: str) -> Any:
        """Return the attribute of a layer, see `Layer.attribute`."""
        return attribute(layer.raw, name, layer.given)

    def role(self, layer: Layer) -> Role:
        """Return the role of a layer's operator (docs/reading.md, "Weight source")."""
        node, type_ = layer.raw, layer.type
        if layer.body or layer.parameters:
            # If a function has the name of a standard operator, the runtime picks one of them.
            bears_a_name = not layer.domain and _schema(type_, "", layer.version) is not None
            return Role.FOREIGN if bears_a_name else Role.CALL
        if layer.domain:
            known = _schema(type_, layer.domain, layer.version) is not None
            return Role.OPERATOR if known else Role.FOREIGN
        if type_ == "Constant":
            return Role.CONSTANT
        if type_ == "Dropout":
            return _dropout(layer)
        if type_ in _IDENTITIES:
            return Role.IDENTITY
        if type_ in _RANDOM:
            return Role.RANDOM if layer.attribute("seed") is None else Role.FOREIGN
        if type_ in _CONTROL_FLOW or any(a.HasField("g") or a.graphs for a in node.attribute):
            return Role.OPEN
        if _schema(type_, "", layer.version) is None:
            return Role.FOREIGN
        return Role.OPERATOR

    def takes(self, layer: Layer) -> Mapping[int, Takes]:
        """Return the input ports of which the operator uses only the shape or the type."""
        return _VALUES if layer.domain else _TAKES.get(layer.type, _VALUES)

    def keeps_rank(self, layer: Layer) -> bool:
        """Return whether the first output has the rank of the first input.

        Of a convolution, onnx infers it only if the shape of the weight is known.
        """
        weight = layer.input(1) if layer.type in _CONVOLUTIONS else None
        kept = layer.type in _KEEP_RANK or (weight is not None and weight.shape is not None)
        return kept and not layer.domain

    def dtype(self, layer: Layer, port: int) -> str | int | None:
        """Return the dtype of an output, by the operator's schema and attributes."""
        if layer.domain and _schema(layer.type, layer.domain, layer.version) is None:
            return None
        if not layer.domain and layer.type in _DTYPE_ATTRIBUTE and port == 0:
            name, default = _DTYPE_ATTRIBUTE[layer.type]
            value = layer.attribute(name)
            if isinstance(value, int):
                return DTYPES.get(value)
            if isinstance(value, str):  # Cast before opset 6
                return _NAMED.get(value.upper())
            return None if value is UNKNOWN or name == "to" else (default or 0)
        if layer.type == "ConstantOfShape" and not layer.domain:
            value = layer.attribute("value")
            if isinstance(value, TensorProto):
                return DTYPES.get(value.data_type)
            return None if value is UNKNOWN else "float32"
        if layer.type == "DequantizeLinear" and not layer.domain:
            to = layer.attribute("output_dtype")
            if to is UNKNOWN:
                return None
            return DTYPES.get(to, 1 if layer.version >= 19 else "float32")
        return _type_rule(layer, port)[0]

    def types(self, layer: Layer) -> Collection[str]:
        """Return no types: each type that an attribute names is the dtype of an output."""
        return ()

    def operands(self, layer: Layer, port: int) -> Sequence[int]:
        """Return the input ports that carry an output's value: those of its type, else port 0."""
        if layer.type == "ConstantOfShape":
            return ()
        if layer.type in _FIRST_OPERAND:
            return (0,)
        same = _type_rule(layer, port)[1]
        return same[: len(layer.inputs)]


def _dropout(layer: Layer) -> Role:
    """Return the role of Dropout: Identity at inference; ``is_test``, ``training_mode`` decide."""
    if layer.version < 7:
        return Role.IDENTITY if layer.attribute("is_test") else Role.FOREIGN
    mode = layer.input(2)
    training = False if mode is None else _flag(mode)
    if training is None:
        return Role.FOREIGN
    if training:
        return Role.RANDOM if layer.attribute("seed") is None else Role.FOREIGN
    return Role.IDENTITY


def _flag(tensor: Tensor) -> bool | None:
    """Return the value of a stored boolean scalar, ``None`` if the file does not hold one."""
    for _ in range(_FLAG_HOPS):
        layer = tensor.producer
        if layer and layer.type == "Identity" and not layer.domain and layer.inputs:
            passed = layer.inputs[0]
        elif layer and layer.body:
            port = next(i for i, made in enumerate(layer.outputs) if made is tensor)
            passed = layer.body[port] if port < len(layer.body) else None
        else:  # the argument, if the enclosing function has a single call
            passed = tensor.bound[0] if len(tensor.bound) == 1 else None
        if passed is None:
            break
        tensor = passed
    value = tensor.value
    if tensor.origin == "overridable" or not isinstance(value, TensorProto):
        return None
    if value.data_location == TensorProto.EXTERNAL or value.ByteSize() > 64:
        return None
    return any(value.raw_data) or any(value.int32_data)
