"""Ways to produce a tensor of a wanted shape and type, for `random_graphs`."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

from onnx import FunctionProto, TensorProto, helper

if TYPE_CHECKING:
    from random_graphs import Maker, Scope, Shape

F32, I64, BOOL, INT8 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.INT8
F16, BF16, F64, I32 = (
    TensorProto.FLOAT16,
    TensorProto.BFLOAT16,
    TensorProto.DOUBLE,
    TensorProto.INT32,
)
NOT_FLOAT = (I64, BOOL, INT8, I32)
SAME_WIDTH = {F32: I32, F64: I64, I64: F64, F16: BF16, BF16: F16}

DEEP = 99  # at this depth a tensor is a constant or an input

MAKERS: list[Callable[[Maker, Scope, Shape, int, int], str | None]] = []


def maker(weight: int) -> Any:
    def register(function: Any) -> Any:
        MAKERS.extend([function] * weight)
        return function

    return register


@maker(2)
def identity(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    return m.emit(g, "Identity", [m.tensor(g, shape, dtype, depth)], [(shape, dtype)])[0]


@maker(2)
def transpose(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    perm = list(range(len(shape)))
    m.rng.shuffle(perm)
    before = [0] * len(shape)
    for axis, source in enumerate(perm):
        before[source] = shape[axis]
    data = m.tensor(g, tuple(before), dtype, depth)
    if perm == list(range(len(shape)))[::-1] and m.chance(0.5):
        return m.emit(g, "Transpose", [data], [(shape, dtype)])[0]
    return m.emit(g, "Transpose", [data], [(shape, dtype)], perm=perm)[0]


@maker(2)
def reshape(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    before = m.rng.choice([(prod(shape),), (1, *shape), shape])
    data = m.tensor(g, before, dtype, depth)
    stored = m.chance(0.7) or set(shape) != {2}  # int64 constants contain only 2s
    target = m.axes(g, shape) if stored else m.tensor(g, (len(shape),), I64, depth)
    return m.emit(g, "Reshape", [data, target], [(shape, dtype)])[0]


@maker(2)
def cast(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    if m.opset >= 26 and dtype in SAME_WIDTH and m.chance(0.5):
        bits = m.tensor(g, shape, SAME_WIDTH[dtype], depth)
        return m.emit(g, "BitCast", [bits], [(shape, dtype)], to=dtype)[0]
    others = [F32, I64] + ([F16] if m.mixed else [])
    before = m.rng.choice([t for t in others if t != dtype])
    data = m.tensor(g, shape, before, depth)
    if m.opset >= 15 and m.chance(0.2):
        like = m.tensor(g, (), dtype, depth)
        return m.emit(g, "CastLike", [data, like], [(shape, dtype)])[0]
    return m.emit(g, "Cast", [data], [(shape, dtype)], to=dtype)[0]


@maker(1)
def split(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    if not shape:
        return None
    data = m.tensor(g, (2 * shape[0], *shape[1:]), dtype, depth)
    sizes = [shape[0]] * 2
    which = m.rng.randrange(2)
    if m.opset < 13:
        return m.emit(g, "Split", [data], [(shape, dtype)] * 2, split=sizes, axis=0)[which]
    inputs = [data, m.axes(g, sizes)] if m.opset < 18 or m.chance(0.5) else [data]
    count = 2 if len(inputs) == 1 else None
    return m.emit(g, "Split", inputs, [(shape, dtype)] * 2, axis=0, num_outputs=count)[which]


@maker(1)
def concat(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    if not shape or shape[0] < 2:
        return None
    parts = [m.tensor(g, (n, *shape[1:]), dtype, depth) for n in (1, shape[0] - 1)]
    return m.emit(g, "Concat", parts, [(shape, dtype)], axis=0)[0]


@maker(3)
def arithmetic(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    if dtype in (BOOL, INT8):
        return None
    type_ = m.rng.choice(["Mul", "Mul", "Sub", "Div", "Sum", "Max", "Pow", "Add"])
    other = m.rng.choice([(), (), (1,), shape])
    operands = [m.tensor(g, shape, dtype, depth), m.tensor(g, other, dtype, depth)]
    m.rng.shuffle(operands)
    return m.emit(g, type_, operands, [(shape, dtype)])[0]


@maker(1)
def where(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    condition = m.tensor(g, m.rng.choice([(), shape]), BOOL, depth)
    choices = [m.tensor(g, shape, dtype, depth), m.tensor(g, (), dtype, depth)]
    m.rng.shuffle(choices)
    return m.emit(g, "Where", [condition, *choices], [(shape, dtype)])[0]


@maker(1)
def gather(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    index = m.rng.choice([(), (1,)])
    before = (3, *shape) if index == () else (3, *shape[1:])
    if index and (not shape or shape[0] != 1):
        return None
    inputs = [m.tensor(g, before, dtype, depth), m.tensor(g, index, I64, depth)]
    return m.emit(g, "Gather", inputs, [(shape, dtype)])[0]


@maker(3)
def shape_of(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    """Return shape arithmetic; for types other than int64 with a Cast."""
    if len(shape) > 1 or shape > (6,):
        return None
    of = (2,) * m.rng.choice([1, 2, 4]) if not shape else (2,) * shape[0]
    type_ = "Shape" if shape else "Size"
    bounds: dict[str, Any] = {}
    if shape and m.opset >= 15 and m.chance(0.3):
        of, bounds = (*of, 2), m.rng.choice([{"start": 1}, {"end": -1}, {"start": -shape[0]}])
    data = m.tensor(g, of, m.rng.choice([F32, I64]), depth)
    made = m.emit(g, type_, [data], [(shape, I64)], **bounds)[0]
    return made if dtype == I64 else m.emit(g, "Cast", [made], [(shape, dtype)], to=dtype)[0]


@maker(2)
def filled(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    """Return a ConstantOfShape or Expand; its shape is constant or another tensor's."""
    if m.chance(0.5):
        target = m.axes(g, shape)
    else:
        target = m.emit(g, "Shape", [m.tensor(g, shape, F32, depth)], [((len(shape),), I64)])[0]
    if m.chance(0.4):
        data = m.tensor(g, (), dtype, depth)
        return m.emit(g, "Expand", [data, target], [(shape, dtype)])[0]
    value = None if dtype == F32 and m.chance(0.5) else helper.make_tensor("v", dtype, [1], [1])
    return m.emit(g, "ConstantOfShape", [target], [(shape, dtype)], value=value)[0]


@maker(3)
def random(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    if dtype in NOT_FLOAT:
        return None
    seed = m.rng.choice([None, 7.0])
    normal = m.rng.choice(["RandomNormal", "RandomUniform"])
    if shape and m.chance(0.5):
        to = None if dtype == F32 and m.chance(0.5) else dtype
        outputs = [(shape, dtype)]
        return m.emit(g, normal, [], outputs, shape=list(shape), dtype=to, seed=seed)[0]
    like = m.tensor(g, shape, dtype, depth)
    return m.emit(g, f"{normal}Like", [like], [(shape, dtype)], seed=seed)[0]


@maker(2)
def dropout(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    if dtype in NOT_FLOAT:
        return None
    inputs = [m.tensor(g, shape, dtype, depth)]
    if m.opset >= 12 and m.chance(0.5):
        training = m.rng.choice(["", m.constant(g, (), BOOL, [m.rng.randrange(2)])])
        inputs += ["", m.tensor(g, (), BOOL, depth) if m.chance(0.3) else training]
    outputs = [(shape, dtype), (shape, BOOL)][: m.rng.randint(1, 2)]
    return m.emit(g, "Dropout", inputs, outputs)[0]


@maker(2)
def dequantize(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    if (m.opset < 19 and dtype != F32) or dtype in NOT_FLOAT or m.opset < 10:
        return None
    data = m.tensor(g, shape, INT8, depth)
    if m.chance(0.3):
        wide = m.tensor(g, shape, dtype, depth)
        scaled = [wide, m.constant(g, (), dtype, [1]), m.constant(g, (), INT8, [0])]
        data = m.emit(g, "QuantizeLinear", scaled, [(shape, INT8)])[0]
    inputs = [data, m.tensor(g, (), dtype, depth)]
    if m.chance(0.5):
        inputs.append(m.constant(g, (), INT8, [0]))
    return m.emit(g, "DequantizeLinear", inputs, [(shape, dtype)])[0]


@maker(2)
def moved(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    """Return the result of Pad, Squeeze, Unsqueeze, Flatten, Slice or Clip."""
    data = m.tensor(g, shape, dtype, depth)
    kind = m.rng.choice(["Pad", "Unsqueeze", "Clip", "Slice", "Flatten"])
    if kind == "Unsqueeze" and shape and shape[0] == 1:
        data = m.tensor(g, shape[1:], dtype, depth)
        axes = {"axes": [0]} if m.opset < 13 else {}
        inputs = [data] if m.opset < 13 else [data, m.axes(g, [0])]
        return m.emit(g, kind, inputs, [(shape, dtype)], **axes)[0]
    if kind == "Pad" and shape and m.opset >= 11:
        pads = m.axes(g, [0] * (2 * len(shape)))
        return m.emit(g, kind, [data, pads], [(shape, dtype)])[0]
    if kind == "Slice" and shape and m.opset >= 10:
        bounds = [m.axes(g, [0]), m.axes(g, [9]), m.axes(g, [0])]
        return m.emit(g, kind, [data, *bounds], [(shape, dtype)])[0]
    if kind == "Flatten" and len(shape) == 2:
        return m.emit(g, kind, [m.tensor(g, (*shape, 1), dtype, depth)], [(shape, dtype)])[0]
    if kind == "Clip" and dtype not in (BOOL,) and m.opset >= 12:
        return m.emit(g, kind, [data, m.tensor(g, (), dtype, depth)], [(shape, dtype)])[0]
    return None


@maker(1)
def foreign(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    inputs = [m.tensor(g, shape, dtype, depth) for _ in range(m.rng.randint(0, 2))]
    type_ = m.rng.choice(["Identity", "Conv", "Gelu"])
    return m.emit(g, type_, inputs, [(shape, dtype)], "com.acme")[0]


@maker(4)
def layers(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    """Return the result of another layer of a row, if it happens to fit."""
    m.layer(g, depth)
    return None


# --- nested graphs and functions ------------------------------------------------------------------


def _nested(m: Maker, g: Scope) -> Scope:
    return type(g)(parent=g)


def _finish(m: Maker, body: Scope, name: str, shape: Shape, dtype: int) -> None:
    """Make a tensor an output of the body; one from outside must pass through an Identity."""
    if name not in {n for node in body.graph.node for n in node.output} or m.chance(0.1):
        name = m.emit(body, "Identity", [name], [(shape, dtype)])[0]
    body.graph.output.append(m.info(name, shape, dtype))


@maker(2)
def if_(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    branches = {}
    for key in ("then_branch", "else_branch"):
        body = _nested(m, g)
        if m.chance(0.6):
            m.layer(body, depth)
        _finish(m, body, m.tensor(body, shape, dtype, depth), shape, dtype)
        branches[key] = body.graph
    condition = m.tensor(g, (), BOOL, depth)
    return m.emit(g, "If", [condition], [(shape, dtype)], **branches)[0]


def _body_input(m: Maker, body: Scope, shape: Shape, dtype: int) -> str:
    name = m.name()
    body.graph.input.append(m.info(name, shape, dtype))
    body.made.append((name, shape, dtype))
    return name


@maker(2)
def loop(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    body = _nested(m, g)
    _body_input(m, body, (), I64)
    condition = _body_input(m, body, (), BOOL)
    _body_input(m, body, shape, dtype)
    if m.chance(0.6):
        m.layer(body, depth)
    _finish(m, body, condition, (), BOOL)
    _finish(m, body, m.tensor(body, shape, dtype, depth), shape, dtype)
    rounds = m.rng.choice(["", m.tensor(g, (), I64, depth)])
    inputs = [rounds, m.tensor(g, (), BOOL, depth), m.tensor(g, shape, dtype, depth)]
    outputs = [(shape, dtype)]
    if m.chance(0.4):  # a second loop-carried value
        other = m.rng.choice([F32, I64])
        carried = _body_input(m, body, (2,), other)
        _finish(m, body, carried, (2,), other)
        inputs.append(m.tensor(g, (2,), other, depth))
        outputs.append(((2,), other))
    return m.emit(g, "Loop", inputs, outputs, body=body.graph)[0]


@maker(2)
def scan(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    body = _nested(m, g)
    _body_input(m, body, shape, dtype)
    _body_input(m, body, shape, dtype)
    if m.chance(0.6):
        m.layer(body, depth)
    _finish(m, body, m.tensor(body, shape, dtype, depth), shape, dtype)
    inputs = [m.tensor(g, shape, dtype, depth), m.tensor(g, (2, *shape), dtype, depth)]
    outputs = [(shape, dtype)]
    return m.emit(g, "Scan", inputs, outputs, body=body.graph, num_scan_inputs=1)[0]


@maker(4)
def call(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> str | None:
    """Return the result of a call of an existing or a new local function."""
    if m.ir < 8:
        return None
    fitting = [made for made in m.functions if made[2][1:] == (shape, dtype)]
    if not fitting or m.chance(0.4):
        fitting = [_function(m, g, shape, dtype, depth)]
    function, body, _ = m.rng.choice(fitting)
    inputs = []
    for name, given, type_ in body.parameters:
        optional = "optional" in name and m.chance(0.5)
        inputs.append("" if optional else m.tensor(g, given, type_, depth))
    attributes = {}
    for name, value in body.references.items():
        if m.chance(0.7):
            other = [v % 2 + 1 for v in value] if isinstance(value, list) else 1 - value
            attributes[name] = m.rng.choice([value, value, other])
    outputs = [(shape, dtype)] * len(function.output)
    if m.chance(0.1):  # an unused second call with other shapes and types
        others = [
            m.tensor(g, (*given, 1), m.rng.choice([F32, t]), DEEP)
            for _, given, t in body.parameters
        ]
        g.graph.node.append(
            helper.make_node(function.name, others, [m.name()], domain=function.domain)
        )
    return m.emit(g, function.name, inputs, outputs, function.domain, **attributes)[0]


def _function(m: Maker, g: Scope, shape: Shape, dtype: int, depth: int) -> Any:
    body = type(g)(is_function=True)
    for _ in range(m.rng.randint(0, 2)):
        m.layer(body, depth)
    name = m.tensor(body, shape, dtype, depth)
    if name not in {n for node in body.graph.node for n in node.output}:
        name = m.emit(body, "Identity", [name], [(shape, dtype)])[0]
    function = FunctionProto(name=f"F{len(m.functions)}", domain=m.rng.choice(["local"] * 9 + [""]))
    function.input.extend(n for n, _, _ in body.parameters)
    function.output.append(name)
    function.node.extend(body.graph.node)
    function.value_info.extend(body.graph.value_info)
    function.opset_import.append(helper.make_opsetid("", m.opset))
    function.opset_import.extend(helper.make_opsetid(d, 1) for d in ("com.acme", "local"))
    for reference, value in body.references.items():
        if m.chance(0.3):
            function.attribute_proto.append(helper.make_attribute(reference, value))
        else:
            function.attribute.append(reference)
    m.functions.append((function, body, (name, shape, dtype)))
    return m.functions[-1]
