"""TensorFlow graphs of any size whose reading may cost too much, by what they have many of."""

from __future__ import annotations

from typing import Any

from cost_kinds import CALLED, WALKED, Kinds, registering

from pytest_amct.graphs.tensorflow.schema import NUMBERS, schema

KINDS: Kinds = {}
"""The makers of graphs by kind, each with the size at which it is measured.

They return a GraphDef, or the text of one.
"""

kind = registering(KINDS)

FLOAT = NUMBERS["float32"]


def _graph() -> Any:
    made = schema().GraphDef()
    made.versions.producer = 1000
    _add(made.node, "Placeholder", "x", dtype=FLOAT)
    return made


def _add(nodes: Any, op: str, name: str, *inputs: str, **types: int) -> Any:
    node = nodes.add(op=op, name=name, input=inputs)
    for key, number in types.items():
        node.attr[key].type = number
    return node


def _const(nodes: Any, name: str, *dims: int) -> None:
    value = _add(nodes, "Const", name, dtype=FLOAT).attr["value"].tensor
    value.dtype = FLOAT
    for size in dims or (4, 4):
        value.tensor_shape.dim.add(size=size)
    value.float_val.append(0.5)


def _product(nodes: Any, name: str, first: str, second: str) -> None:
    _add(nodes, "MatMul", name, first, second, T=FLOAT)


def _function(made: Any, name: str) -> Any:
    body = made.library.function.add()
    body.signature.name = name
    body.signature.input_arg.add(name="a", type=FLOAT)
    body.signature.output_arg.add(name="r", type=FLOAT)
    return body


# --- graphs that are merely large -----------------------------------------------------------------


@kind(30_000)
def a_plain_graph(n: int) -> Any:
    made = _graph()
    last = "x"
    for i in range(n // 4):
        _const(made.node, f"w{i}", 3, 3, 4, 4)
        conv = _add(made.node, "Conv2D", f"c{i}", last, f"w{i}", T=FLOAT)
        conv.attr["strides"].list.i.extend([1, 1, 1, 1])
        conv.attr["padding"].s = b"SAME"
        _add(made.node, "Relu", f"r{i}", f"c{i}", T=FLOAT)
        _add(made.node, "AddV2", f"a{i}", f"r{i}", last, T=FLOAT)
        last = f"a{i}"
    return made


@kind(50_000)
def bare_nodes(n: int) -> Any:
    made = _graph()
    for i in range(n):
        made.node.add(name=f"n{i}")
    return made


@kind(50_000)
def types_of_their_own(n: int) -> Any:
    made = _graph()
    for i in range(n):
        _add(made.node, f"T{i}", f"n{i}", "x")
    return made


@kind(50_000)
def placeholders(n: int) -> Any:
    made = _graph()
    for i in range(n):
        _add(made.node, "Placeholder", f"p{i}", dtype=FLOAT)
    return made


@kind(30_000, WALKED)
def nodes_listed_backwards(n: int) -> Any:
    made = _graph()
    for i in range(n, 0, -1):
        _product(made.node, f"t{i}", f"t{i - 1}" if i > 1 else "x", "w")
    _const(made.node, "w")
    return made


@kind(20_000)
def the_text_of_a_graph(n: int) -> Any:
    return str(a_plain_graph(n))


# --- lists and ports ------------------------------------------------------------------------------


@kind(20_000)
def lists_without_their_attribute(n: int) -> Any:
    made = _graph()
    for i in range(n):
        op = ("IteratorGetNext", "Split", "IdentityN", "Unpack", "PyFunc")[i % 5]
        made.node.add(op=op, name=f"n{i}", input=["x"])
        _add(made.node, "Relu", f"r{i}", f"n{i}", T=FLOAT)
    return made


@kind(20_000)
def far_ports(n: int) -> Any:
    """Each second node reads the last port that any operator can have."""
    made = _graph()
    for i in range(n // 2):
        made.node.add(op=("Mystery", "Split", "PyFunc")[i % 3], name=f"n{i}", input=["x"])
        _add(made.node, "Relu", f"r{i}", f"n{i}:16383", T=FLOAT)
    return made


@kind(10_000)
def far_ports_by_name(n: int) -> Any:
    made = _graph()
    body = _function(made, "F")
    for i in range(n // 2):
        body.node_def.add(op=("Mystery", "Split", "PyFunc")[i % 3], name=f"n{i}", input=["a"])
        _add(body.node_def, "Relu", f"r{i}", f"n{i}:output:16383", T=FLOAT)
    body.ret["r"] = "r0:activations:0"
    _add(made.node, "F", "y", "x")
    return made


@kind(10_000)
def far_ports_of_calls(n: int) -> Any:
    made = _graph()
    _function(made, "F").ret["r"] = "a"
    body = _function(made, "G")
    for i in range(n // 2):
        body.node_def.add(op="F", name=f"n{i}", input=["a"])
        _add(body.node_def, "Relu", f"r{i}", f"n{i}:r:100000", T=FLOAT)
    body.ret["r"] = "a"
    _add(made.node, "G", "y", "x")
    return made


@kind(16_000, WALKED)
def one_node_of_many_outputs(n: int) -> Any:
    made = _graph()
    _add(made.node, "Const", "axis", dtype=NUMBERS["int32"])
    _const(made.node, "w")
    split = _add(made.node, "Split", "s", "axis", "w", T=FLOAT)
    split.attr["num_split"].i = n
    for i in range(n):
        _product(made.node, f"t{i}", "x", f"s:{i}" if i else "s")
    return made


@kind(16_000, WALKED)
def one_node_of_many_types(n: int) -> Any:
    made = _graph()
    many = _add(made.node, "IdentityN", "s", *["x"] * n)
    many.attr["T"].list.type.extend([FLOAT] * n)
    for i in range(n):
        _product(made.node, f"t{i}", "x", f"s:{i}" if i else "s")
    return made


@kind(8_000, WALKED)
def many_outputs_by_name(n: int) -> Any:
    made = _graph()
    body = _function(made, "F")
    many = _add(body.node_def, "IdentityN", "s", *["a"] * n)
    many.attr["T"].list.type.extend([FLOAT] * n)
    for i in range(n):
        _product(body.node_def, f"t{i}", "a", f"s:output:{i}")
    body.ret["r"] = "t0:product:0"
    _add(made.node, "F", "y", "x")
    return made


@kind(8_000, WALKED)
def many_types_in_and_out(n: int) -> Any:
    made = _graph()
    _const(made.node, "w")
    call = _add(made.node, "PyFuncStateless", "s", *["w"] * n)
    for name in ("Tin", "Tout"):
        call.attr[name].list.type.extend([FLOAT] * n)
    for i in range(n):
        _product(made.node, f"t{i}", "x", f"s:{i}" if i else "s")
    return made


@kind(100_000, WALKED)
def one_node_of_many_inputs(n: int) -> Any:
    made = _graph()
    _const(made.node, "w")
    _add(made.node, "AddN", "s", *["w"] * n, T=FLOAT).attr["N"].i = n
    _product(made.node, "y", "x", "s")
    return made


@kind(100_000)
def control_inputs(n: int) -> Any:
    made = _graph()
    for i in range(100):
        _add(made.node, "NoOp", f"n{i}", *(f"^n{k % i}" if i else "^x" for k in range(n // 100)))
    return made


@kind(100_000)
def attributes_of_one_node(n: int) -> Any:
    made = _graph()
    _const(made.node, "w")
    node = _add(made.node, "MatMul", "y", "x", "w", T=FLOAT)
    for i in range(n):
        node.attr[f"a{i}"].i = 1
    return made


@kind(1_000_000)
def a_long_list(n: int) -> Any:
    made = _graph()
    _const(made.node, "w", 3, 3, 4, 4)
    for op in ("Conv2D", "Conv2DBackpropInput", "DepthwiseConv2dNative"):
        node = _add(made.node, op, f"y{op}", "x", "w", "x", T=FLOAT)
        node.attr["dilations"].list.i.extend([1] * n)
    return made


@kind(100_000)
def a_stored_shape_of_many_dimensions(n: int) -> Any:
    made = _graph()
    _const(made.node, "w", *[1] * n)
    for i in range(100):
        _product(made.node, f"y{i}", "x", "w")
    return made


@kind(100_000)
def declared_shapes(n: int) -> Any:
    made = _graph()
    node = _add(made.node, "IdentityN", "s", *["x"] * 100)
    node.attr["T"].list.type.extend([FLOAT] * 100)
    for _ in range(n):
        node.attr["_output_shapes"].list.shape.add().dim.add(size=1)
    return made


@kind(200_000)
def long_names(n: int) -> Any:
    made = _graph()
    long = "n" * n
    _const(made.node, long)
    for i in range(20):
        _product(made.node, f"{long}{i}", "x", long)
    return made


@kind(2_000_000, WALKED)
def a_long_name_that_others_quote(n: int) -> Any:
    made = _graph()
    _const(made.node, "w")
    _product(made.node, "é" * (n // 2), "x", "w")
    _add(made.node, "RandomUniform", "r", "x", T=FLOAT, dtype=FLOAT)
    for i in range(2000):
        _product(made.node, f"y{i}", "x", "w")
    return made


# --- one tensor, many layers ----------------------------------------------------------------------


@kind(30_000, WALKED)
def layers_that_share_a_weight(n: int) -> Any:
    made = _graph()
    _const(made.node, "w")
    for i in range(n):
        _product(made.node, f"t{i}", f"t{i - 1}" if i else "x", "w")
    return made


@kind(30_000, WALKED)
def layers_that_share_a_read_variable(n: int) -> Any:
    made = _graph()
    _add(made.node, "VarHandleOp", "v", dtype=FLOAT)
    for i in range(n // 2):
        _add(made.node, "ReadVariableOp", f"r{i}", "v", dtype=FLOAT)
        _product(made.node, f"t{i}", "x", f"r{i}")
    return made


@kind(4_000, WALKED)
def products_with_one_joined_weight(n: int) -> Any:
    made = _graph()
    for i in range(250):
        _const(made.node, f"w{i}")
    _add(made.node, "Const", "axis", dtype=NUMBERS["int32"])
    joined = _add(made.node, "ConcatV2", "c", *(f"w{i}" for i in range(250)), "axis", T=FLOAT)
    joined.attr["N"].i = 250
    for i in range(n):
        _product(made.node, f"t{i}", "x", "c")
    return made


@kind(30_000, WALKED)
def a_weight_through_identities(n: int) -> Any:
    made = _graph()
    _const(made.node, "w0")
    for i in range(n // 2):
        _add(made.node, "Identity", f"w{i + 1}", f"w{i}", T=FLOAT)
        _product(made.node, f"t{i}", "x", f"w{i + 1}")
    return made


@kind(30_000, WALKED)
def sums_of_constants(n: int) -> Any:
    made = _graph()
    _const(made.node, "t0")
    for i in range(n // 3):
        _const(made.node, f"w{i}")
        _add(made.node, "AddV2", f"t{i + 1}", f"t{i}", f"w{i}", T=FLOAT)
        _product(made.node, f"y{i}", "x", f"t{i + 1}")
    return made


@kind(30_000)
def a_weight_computed_from_data(n: int) -> Any:
    made = _graph()
    for i in range(n // 2):
        last = f"v{i - 1}" if i else "x"
        _add(made.node, "Sin", f"v{i}", last, T=FLOAT)
        _product(made.node, f"t{i}", last, f"v{i}")
    return made


@kind(30_000)
def switches_and_merges(n: int) -> Any:
    made = _graph()
    _add(made.node, "Placeholder", "c", dtype=NUMBERS["bool"])
    for i in range(n // 3):
        last = f"m{i - 1}" if i else "x"
        _add(made.node, "Switch", f"s{i}", last, "c", T=FLOAT)
        _product(made.node, f"t{i}", f"s{i}", f"s{i}:1")
        _add(made.node, "Merge", f"m{i}", f"t{i}", f"s{i}:1", T=FLOAT).attr["N"].i = 2
    return made


# --- functions ------------------------------------------------------------------------------------


@kind(5_000, CALLED)
def a_chain_of_functions(n: int) -> Any:
    made = _graph()
    for i in range(n):
        body = _function(made, f"F{i}")
        _add(body.node_def, "Identity", "b", "a", T=FLOAT)
        _product(body.node_def, "m", "a", "b:output:0")
        _add(body.node_def, f"F{i - 1}" if i else "Relu", "c", "b:output:0")
        body.ret["r"] = "c:r:0" if i else "c:activations:0"
    _const(made.node, "w")
    _add(made.node, f"F{n - 1}", "v", "w")
    _product(made.node, "y", "x", "v")
    return made


@kind(10_000, CALLED)
def calls_of_one_function(n: int) -> Any:
    made = _graph()
    body = _function(made, "F")
    _product(body.node_def, "m", "a", "a")
    body.ret["r"] = "m:product:0"
    for i in range(n):
        _const(made.node, f"w{i}")
        _add(made.node, "PartitionedCall", f"v{i}", f"w{i}").attr["f"].func.name = "F"
        _product(made.node, f"y{i}", "x", f"v{i}")
    return made


@kind(300)
def attributes_of_calls(n: int) -> Any:
    made = _graph()
    body = _function(made, "F")
    for i in range(n):
        body.signature.attr.add(name=f"a{i}", type="int")
    _product(body.node_def, "m", "a", "a")
    for i in range(n):
        body.node_def[0].attr[f"a{i}"].placeholder = f"a{i}"
    body.ret["r"] = "m:product:0"
    for i in range(n):
        call = made.node.add(op="F", name=f"y{i}", input=["x"])
        for k in range(n):
            call.attr[f"a{k}"].i = i
    return made


@kind(100_000)
def attributes_that_no_call_passes(n: int) -> Any:
    made = _graph()
    body = _function(made, "F")
    for i in range(n // 50):
        body.signature.attr.add(name=f"a{i}", type="int")
    body.ret["r"] = "a"
    for i in range(n // 50):
        made.node.add(op="F", name=f"y{i}", input=["x"])
    return made


@kind(100_000)
def a_long_list_that_a_call_passes(n: int) -> Any:
    made = _graph()
    body = _function(made, "F")
    body.signature.attr.add(name="dilations", type="list(int)")
    for i in range(200):
        _add(body.node_def, "Conv2D", f"t{i}", "a", "a", T=FLOAT).attr[
            "dilations"
        ].placeholder = "dilations"
    body.ret["r"] = "a"
    made.node.add(op="F", name="y", input=["x"]).attr["dilations"].list.i.extend([1] * n)
    return made


@kind(20_000, CALLED)
def functions_that_nobody_calls(n: int) -> Any:
    made = _graph()
    for i in range(n):
        body = _function(made, f"F{i}")
        _product(body.node_def, "m", "a", "a")
        body.ret["r"] = "m:product:0"
    return made


@kind(10_000)
def branches(n: int) -> Any:
    made = _graph()
    _add(made.node, "Placeholder", "c", dtype=NUMBERS["bool"])
    for i in range(n // 2):
        body = _function(made, f"F{i}")
        _product(body.node_def, "m", "a", "a")
        body.ret["r"] = "m:product:0"
        node = _add(made.node, "StatelessIf", f"t{i}", "c", f"t{i - 1}" if i else "x")
        for name in ("then_branch", "else_branch"):
            node.attr[name].func.name = f"F{i}"
        for name in ("Tin", "Tout"):
            node.attr[name].list.type.append(FLOAT)
    return made


@kind(10_000, CALLED)
def loops(n: int) -> Any:
    made = _graph()
    for i in range(n // 2):
        body = _function(made, f"F{i}")
        _product(body.node_def, "m", "a", "a")
        body.ret["r"] = "m:product:0"
        node = _add(made.node, "StatelessWhile", f"t{i}", f"t{i - 1}" if i else "x")
        for name in ("cond", "body"):
            node.attr[name].func.name = f"F{i}"
        node.attr["T"].list.type.append(FLOAT)
    return made


@kind(5_000, CALLED)
def a_case_of_many_branches(n: int) -> Any:
    made = _graph()
    node = _add(made.node, "Case", "y", "x", *["x"] * 50)
    for name in ("Tin", "Tout"):
        node.attr[name].list.type.extend([FLOAT] * 50)
    for i in range(n):
        body = _function(made, f"F{i}")
        _product(body.node_def, "m", "a", "a")
        body.ret["r"] = "m:product:0"
        node.attr["branches"].list.func.add(name=f"F{i}")
    return made


@kind(300, CALLED)
def calls_with_many_arguments(n: int) -> Any:
    made = _graph()
    body = made.library.function.add()
    body.signature.name = "F"
    for i in range(n):
        body.signature.input_arg.add(name=f"a{i}", type=FLOAT)
        body.signature.output_arg.add(name=f"r{i}", type=FLOAT)
        _product(body.node_def, f"m{i}", f"a{i}", "a0")
        body.ret[f"r{i}"] = f"m{i}:product:0"
    for i in range(n):
        made.node.add(op="F", name=f"v{i}", input=["x"] * n)
        _product(made.node, f"y{i}", "x", f"v{i}:{n - 1}")
    return made


@kind(1_000_000)
def strings_in_text(n: int) -> Any:
    return f'node {{ name: "{"n" * n}" op: "NoOp" }}'


@kind(1_000_000)
def escapes_in_text(n: int) -> Any:
    escaped = "\\n" * (n // 2)
    return f'node {{ name: "n" op: "NoOp" attr {{ key: "a" value {{ s: "{escaped}" }} }} }}'
