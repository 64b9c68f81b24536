"""Hostile changes to real files: to their bytes, to the parsed proto, to AMCT's texts."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

from google.protobuf.message import DecodeError
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper

HUGE = (2**62, 2**63 - 1, -(2**63), -1, 0, 1, 2**31, 2**40)
"""Numbers that overflow, divide by zero or request all memory."""

FIFO = "pipe.bin"
"""A named pipe in the working directory: opening it would block forever."""

_PLACES = (
    "../../etc/passwd",
    "/etc/passwd",
    FIFO,
    "/dev/zero",
    "\0",
    ".",
    "C:\\x",
    "https://localhost:9/x",
)
_MOST_GRAFTED = 1 << 20


# --- bytes ----------------------------------------------------------------------------------------


def mutate_bytes(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return the bytes with one to four blind changes; `other` is another file to splice in."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(found) + 1)
        end = min(len(found), at + rng.choice((1, 2, 8, 64, 1024)))
        match rng.randrange(7):
            case 0:
                if at < len(found):
                    found[at] ^= 1 << rng.randrange(8)
            case 1:
                found[at:at] = rng.randbytes(rng.choice((1, 4, 64)))
            case 2:
                del found[at:end]
            case 3:
                start = rng.randrange(len(other) + 1)
                found[at:end] = other[start : start + rng.choice((8, 256, 4096))]
            case 4:
                del found[at:]
            case 5:
                found[at:at] = found[at:end] * rng.choice((1, 2, 100))
            case _:
                found[at:end] = rng.choice((b"\xff", b"\x00", b"\x80")) * (end - at)
    return bytes(found)


# --- texts ----------------------------------------------------------------------------------------


def mutate_text(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return the text with a change that keeps most of the syntax, or with a change of bytes."""
    words = data.decode("utf-8", "replace").split('"')
    at = rng.randrange(len(words))
    match rng.randrange(6):
        case 0:
            words[at] += rng.choice((":" + "9" * 5000, "\\ud800", "\\n", "x" * (1 << 20), "\0"))
        case 1:
            words[at] = words[rng.randrange(len(words))]
        case 2:
            words[at] += rng.choice(("[", '{"a":', "{ value {")) * rng.choice((10, 990, 100_000))
        case 3:
            numbers = ("1e999", "NaN", "-" + "1" * 5000, "true", "null", "[]", str(2**64), "-1")
            words[at] = f": {rng.choice(numbers)}, "
        case 4:
            words[at:at] = words[at : at + 20] * 50
        case _:
            return mutate_bytes(data, other, rng)
    return '"'.join(words).encode("utf-8", "replace")


# --- protos ---------------------------------------------------------------------------------------


def mutate_proto(data: bytes, other: bytes, rng: random.Random) -> tuple[bytes, str]:
    """Make a few changes to the parsed content; return the bytes and the names of the changes."""
    model = ModelProto.FromString(data)
    names = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        change = rng.choice(CHANGES)
        try:
            change(model, rng)
        except (IndexError, ValueError, DecodeError):  # nothing to change, or too deep
            continue
        names.append(change.__name__.strip("_"))
    return model.SerializeToString(), "+".join(names)


def _nodes(model: ModelProto) -> list[NodeProto]:
    return [*model.graph.node, *(n for f in model.functions for n in f.node)]


def _tensors(model: ModelProto) -> list[TensorProto]:
    return [
        *model.graph.initializer,
        *(a.t for n in _nodes(model) for a in n.attribute if a.t.dims),
    ]


def _names(model: ModelProto) -> list[str]:
    graph = model.graph
    found = [t.name for t in (*graph.initializer, *graph.input, *graph.output)]
    return [*found, *(name for n in graph.node for name in (*n.input, *n.output)), "", "nowhere"]


def _swapped_names(model: ModelProto, rng: random.Random) -> None:
    first, second = rng.choice(model.graph.node), rng.choice(model.graph.node)
    first.name, second.name = second.name, first.name
    first.op_type, second.op_type = second.op_type, first.op_type


def _rewired(model: ModelProto, rng: random.Random) -> None:
    node, names = rng.choice(model.graph.node), _names(model)
    node.input[rng.randrange(len(node.input))] = rng.choice(names)


def _cycle(model: ModelProto, rng: random.Random) -> None:
    node = rng.choice(model.graph.node)
    source = rng.choice([n for n in model.graph.node if n.output])
    node.input[rng.randrange(len(node.input))] = rng.choice((node, source)).output[0]


def _doubled_output(model: ModelProto, rng: random.Random) -> None:
    node = rng.choice(model.graph.node)
    node.output[rng.randrange(len(node.output))] = rng.choice(_names(model))


def _lost_ports(model: ModelProto, rng: random.Random) -> None:
    node = rng.choice(_nodes(model))
    ports = rng.choice((node.input, node.output))
    del ports[rng.randrange(len(ports)) :]


def _more_ports(model: ModelProto, rng: random.Random) -> None:
    node = rng.choice(_nodes(model))
    ports = rng.choice((node.input, node.output))
    ports.extend([rng.choice(_names(model))] * rng.choice((1, 5, 3000)))


def _huge_dims(model: ModelProto, rng: random.Random) -> None:
    tensor = rng.choice(_tensors(model))
    if rng.random() < 0.2:
        tensor.dims.extend([rng.choice((1, 2, 2**62))] * rng.choice((3, 30, 100_000)))
    elif tensor.dims:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(HUGE)


def _many_small_dims(model: ModelProto, rng: random.Random) -> None:
    tensor = rng.choice(_tensors(model))
    del tensor.dims[:]
    tensor.dims.extend([2] * rng.choice((8, 12, 16, 20)))
    size = math.prod(tensor.dims) * (4 if tensor.data_type == TensorProto.FLOAT else 1)
    tensor.raw_data = rng.choice((b"\1", b"\0")) * size


def _huge_declared(model: ModelProto, rng: random.Random) -> None:
    graph = model.graph
    info = rng.choice([*graph.input, *graph.output, *graph.value_info])
    dims = info.type.tensor_type.shape.dim
    match rng.randrange(4):
        case 0:
            dims.add().dim_value = rng.choice(HUGE)
        case 1:
            rng.choice(dims).dim_value = rng.choice(HUGE)
        case 2:
            rng.choice(dims).dim_param = rng.choice(("", "n" * (1 << 20), "unk__0", "\0"))
        case _:
            dims.extend([dims[0]] * 1000)


def _odd_types(model: ModelProto, rng: random.Random) -> None:
    number = rng.choice((0, -1, 8, 16, 22, 23, 24, 99, 2**31 - 1, -(2**31)))
    if rng.random() < 0.5:
        rng.choice(_tensors(model)).data_type = number
    else:
        rng.choice([*model.graph.input, *model.graph.output]).type.tensor_type.elem_type = number


def _other_kinds(model: ModelProto, rng: random.Random) -> None:
    kind = rng.choice([*model.graph.input, *model.graph.output, *model.graph.value_info]).type
    for _ in range(rng.choice((1, 20, 40))):
        match rng.randrange(3):
            case 0:
                kind = kind.sequence_type.elem_type
            case 1:
                kind = kind.optional_type.elem_type
            case _:
                kind.map_type.key_type = 7
                kind = kind.map_type.value_type
    kind.tensor_type.elem_type = 1


def _odd_attribute(model: ModelProto, rng: random.Random) -> None:
    attribute = rng.choice([a for n in _nodes(model) for a in n.attribute])
    match rng.randrange(5):
        case 0:
            attribute.i = rng.choice(HUGE)
        case 1:
            attribute.ints[:] = [rng.choice(HUGE) for _ in range(rng.choice((0, 1, 2, 4, 100_000)))]
        case 2:
            attribute.f = rng.choice((math.nan, math.inf, -0.0))
        case 3:
            attribute.s = rng.choice((b"\xff\xfe", b"x" * (1 << 20), b"\0", b""))
        case _:
            attribute.type = rng.randrange(15)


def _more_attributes(model: ModelProto, rng: random.Random) -> None:
    node = rng.choice(_nodes(model))
    for name in ("axis", "group", "strides", "dilations", "kernel_shape", "blocksize", "to"):
        value = rng.choice((rng.choice(HUGE), [rng.choice(HUGE)] * rng.choice((1, 2, 3)), "no"))
        node.attribute.append(helper.make_attribute(name, value))


def _long_strings(model: ModelProto, rng: random.Random) -> None:
    long = rng.choice(("x", "\n", "é", "\0", "%s{}")) * (1 << 20)
    node = rng.choice(model.graph.node)
    match rng.randrange(5):
        case 0:
            node.name = long
        case 1:
            node.op_type = rng.choice((long, "Ascend" + long, "QLinear" + long, "QLinear"))
        case 2:
            node.domain = rng.choice((long, "com.microsoft", "ai.onnx", "ai.onnx.ml"))
        case 3:
            old = node.output[0]
            for each in model.graph.node:
                each.input[:] = [long if name == old else name for name in each.input]
            node.output[0] = long
        case _:
            model.producer_name = model.doc_string = node.doc_string = long


def _versions(model: ModelProto, rng: random.Random) -> None:
    rng.choice(model.opset_import).version = rng.choice((*HUGE, 5, 10, 13, 9999))
    model.ir_version = rng.choice((*HUGE, 3, 10))


def _no_opset(model: ModelProto, rng: random.Random) -> None:
    del model.opset_import[:]


def _nested(model: ModelProto, rng: random.Random) -> None:
    """Nest copies of the graph inside one of its nodes, some levels deep."""
    copy = GraphProto()
    copy.CopyFrom(model.graph)
    if copy.ByteSize() > _MOST_GRAFTED // 16:
        del copy.node[5:], copy.initializer[:]
    for level in range(rng.choice((1, 2, 4))):
        outer = GraphProto()
        outer.CopyFrom(copy)
        for name in rng.choice((("then_branch", "else_branch"), ("body",))):
            rng.choice(outer.node).attribute.append(helper.make_attribute(name, copy))
        rng.choice(outer.node).op_type = rng.choice(("If", "Loop", "Scan", "SequenceMap", "Conv"))
        copy = outer
        if level > 1 and copy.ByteSize() > _MOST_GRAFTED:
            break
    model.graph.CopyFrom(copy)


def _deep(model: ModelProto, rng: random.Random) -> None:
    innermost = model.graph
    for _ in range(rng.choice((10, 29, 30, 33))):
        type_ = rng.choice(("If", "Loop"))
        first = innermost.node.add(op_type=type_, input=["", "", *_names(model)[:1]], output=["r"])
        name = "then_branch" if type_ == "If" else "body"
        innermost = first.attribute.add(name=name, type=AttributeProto.GRAPH).g
        innermost.output.add(name="r")


def _functions(model: ModelProto, rng: random.Random) -> None:
    """Add functions that call each other or themselves, or have the names of operators."""
    count = rng.choice((1, 2, 12, 40, 200))
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
    recursive = rng.random() < 0.3
    for i in range(count):
        callee = rng.randrange(count) if recursive else max(i - 1, 0)
        nodes = [
            helper.make_node(
                f"F{callee}" if i else "Identity", ["a"], ["b"], domain="local" * (i > 0)
            ),
            helper.make_node(rng.choice(("Constant", "Gemm", "Shape", "If")), ["a", "b"], ["c"]),
            helper.make_node(f"F{callee}", ["b"], ["r"], domain="local" if i else ""),
        ]
        if rng.random() < 0.1:
            del nodes[1].output[:]
        takes = ["a"] * rng.choice((1, 1, 2))
        made = helper.make_function(
            "local", f"F{i}", takes, ["r", "r"][: rng.choice((1, 2))], nodes, imports, ["alpha"]
        )
        model.functions.append(made)
    node = rng.choice(model.graph.node)
    node.domain, node.op_type = "local", f"F{count - 1}"
    if rng.random() < 0.3:
        model.functions[-1].domain, model.functions[-1].name = "", rng.choice(("Conv", "Gemm"))


def _parameters(model: ModelProto, rng: random.Random) -> None:
    for attribute in rng.choice(_nodes(model)).attribute:
        attribute.ref_attr_name = rng.choice(("alpha", "", attribute.name))


def _external(model: ModelProto, rng: random.Random) -> None:
    for tensor in _tensors(model):
        if rng.random() < 0.5:
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value=rng.choice(_PLACES))
            tensor.external_data.add(key="length", value=str(rng.choice(HUGE)))
            if rng.random() < 0.7:
                tensor.ClearField("raw_data")


def _odd_numbers(model: ModelProto, rng: random.Random) -> None:
    """Change scales and zero points to values that are not numbers, or to far too many."""
    small = [t for t in model.graph.initializer if math.prod(t.dims) <= 64]
    tensor = rng.choice(small)
    dims = rng.choice(([], [0], [1], [3], [1, 1], [2, 2], [2**20]))
    number = rng.choice((math.nan, math.inf, -math.inf, 0.0, -1.0, 1e-45, 3e38))
    made = helper.make_tensor(tensor.name, 1, dims, [number] * math.prod(dims))
    tensor.CopyFrom(made)


def _empty_weight(model: ModelProto, rng: random.Random) -> None:
    tensor = rng.choice(model.graph.initializer)
    tensor.CopyFrom(
        TensorProto(name=tensor.name, dims=[0, *tensor.dims[1:]], data_type=tensor.data_type)
    )


def _short_data(model: ModelProto, rng: random.Random) -> None:
    tensor = rng.choice(_tensors(model))
    tensor.raw_data = tensor.raw_data[: rng.randrange(len(tensor.raw_data) + 1)]
    if rng.random() < 0.5:
        tensor.float_data.extend([1.0] * 7)
        tensor.string_data.append(b"\xff")


def _sparse(model: ModelProto, rng: random.Random) -> None:
    tensor = rng.choice(model.graph.initializer)
    sparse = model.graph.sparse_initializer.add(dims=[rng.choice(HUGE)] * rng.choice((0, 1, 4)))
    sparse.values.CopyFrom(tensor)
    sparse.indices.CopyFrom(rng.choice(_tensors(model)))


def _growing(model: ModelProto, rng: random.Random) -> None:
    """Add chains in which ranks, shape vectors or types grow with each node."""
    made = rng.choice(
        ("Gather", "Concat", "Optional", "SequenceConstruct", "Unsqueeze", "GatherND")
    )
    name = rng.choice(_names(model))
    nodes = [helper.make_node("Shape", [name], ["g0"])]
    for i in range(rng.choice((10, 35, 500))):
        inputs = [f"g{i}"] * (1 if made == "Optional" else 2)
        nodes.append(
            helper.make_node(
                made, inputs, [f"g{i + 1}"], **({"axis": 0} if made == "Concat" else {})
            )
        )
    nodes.append(helper.make_node("ConstantOfShape", [nodes[-1].output[0]], ["grown"]))
    if rng.random() < 0.5:
        nodes[0] = helper.make_node("Cast", [name], ["g0"], to=TensorProto.INT64)
    where = rng.choice((0, len(model.graph.node)))
    kept = [*model.graph.node[:where], *nodes, *model.graph.node[where:]]
    copies = [NodeProto.FromString(n.SerializeToString()) for n in kept]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    node = rng.choice(model.graph.node)
    node.input[len(node.input) - 1] = "grown"


_HELPERS = """
QuantizeLinear DequantizeLinear DynamicQuantizeLinear QLinearConv QGemm MatMulInteger MatMulNBits
ConvInteger QLinearAdd AscendQuant AscendDequant AscendWeightQuant AscendRequant Dropout Constant
Shape
"""


def _pairs(model: ModelProto, rng: random.Random) -> None:
    """Add quantizers and integer operators in unusual places, with absent inputs."""
    node = rng.choice(model.graph.node)
    node.op_type = rng.choice(_HELPERS.split())
    node.domain = rng.choice(("", "com.microsoft", "ai.onnx"))
    del node.input[rng.randrange(len(node.input) + 1) :]


CHANGES: Sequence[Callable[[ModelProto, random.Random], None]] = (
    _swapped_names,
    _rewired,
    _cycle,
    _doubled_output,
    _lost_ports,
    _more_ports,
    _huge_dims,
    _many_small_dims,
    _huge_declared,
    _odd_types,
    _other_kinds,
    _odd_attribute,
    _more_attributes,
    _long_strings,
    _versions,
    _no_opset,
    _nested,
    _deep,
    _functions,
    _parameters,
    _external,
    _odd_numbers,
    _empty_weight,
    _short_data,
    _sparse,
    _growing,
    _pairs,
)
"""All hostile changes to a model, one function each."""
