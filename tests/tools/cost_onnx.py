"""ONNX models of any size whose reading may cost too much, by what they have many of."""

from __future__ import annotations

from typing import Any

from cost_kinds import CALLED, WALKED, Kinds, registering
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper

KINDS: Kinds = {}
"""The makers of models by kind, each with the size at which it is measured."""

kind = registering(KINDS)

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
LOCAL = "local"


def _model() -> tuple[ModelProto, GraphProto]:
    made = ModelProto(ir_version=10)
    made.opset_import.add(domain="", version=21)
    made.opset_import.add(domain=LOCAL, version=1)
    _declare(made.graph.input.add(), "x", (1, 4, 8, 8))
    return made, made.graph


def _declare(info: Any, name: str, dims: Any, dtype: int = FLOAT) -> None:
    info.CopyFrom(helper.make_tensor_value_info(name, dtype, dims))


def _weight(graph: GraphProto, name: str, *dims: int) -> None:
    graph.initializer.add(name=name, dims=dims or (4, 4), data_type=FLOAT, raw_data=b"\1" * 4)


def _add(holder: Any, type_: str, taken: list[str], made: list[str], **given: Any) -> NodeProto:
    node: NodeProto = holder.node.add(op_type=type_, input=taken, output=made)
    for name, value in given.items():
        if name in ("name", "domain"):
            setattr(node, name, value)
        else:
            node.attribute.add().CopyFrom(helper.make_attribute(name, value))
    return node


def _function(made: ModelProto, name: str, names: tuple[str, ...] = ()) -> Any:
    body = made.functions.add(domain=LOCAL, name=name, input=["a"], output=["r"], attribute=names)
    body.opset_import.add(domain="", version=21)
    body.opset_import.add(domain=LOCAL, version=1)
    return body


# --- networks that are merely large ---------------------------------------------------------------


@kind(30_000)
def a_plain_network(n: int) -> ModelProto:
    made, graph = _model()
    last = "x"
    for i in range(n // 3):
        _weight(graph, f"w{i}", 4, 4, 1, 1)
        kernel: dict[str, Any] = {"kernel_shape": [1, 1], "dilations": [1, 1], "group": 1}
        _add(graph, "Conv", [last, f"w{i}"], [f"c{i}"], name=f"conv{i}", **kernel)
        _add(graph, "Relu", [f"c{i}"], [f"r{i}"], name=f"relu{i}")
        _add(graph, "Add", [f"r{i}", last], [f"a{i}"], name=f"add{i}")
        last = f"a{i}"
    _declare(graph.output.add(), last, (1, 4, 8, 8))
    return made


@kind(150_000)
def empty_nodes(n: int) -> ModelProto:
    made, graph = _model()
    for _ in range(n):
        graph.node.add()
    return made


@kind(100_000)
def nodes_without_attributes(n: int) -> ModelProto:
    made, graph = _model()
    for i in range(n):
        graph.node.add(op_type="Relu", input=["x"], output=[f"{i}"])
    return made


@kind(30_000)
def matrix_products(n: int) -> ModelProto:
    made, graph = _model()
    for i in range(n):
        _weight(graph, f"w{i}")
        _add(graph, "MatMul", [f"t{i}" if i else "x", f"w{i}"], [f"t{i + 1}"])
    return made


@kind(60_000, WALKED)
def pools_of_unknown_rank(n: int) -> ModelProto:
    made, graph = _model()
    graph.input[0].type.tensor_type.ClearField("shape")
    for i in range(n):
        _add(graph, "MaxPool", [f"t{i}" if i else "x"], [f"t{i + 1}"])
    return made


@kind(50_000)
def types_of_their_own(n: int) -> ModelProto:
    made, graph = _model()
    for i in range(n):
        _add(graph, f"T{i}", ["x"], [f"t{i}"])
    return made


@kind(50_000)
def domains_of_their_own(n: int) -> ModelProto:
    made, graph = _model()
    for i in range(n):
        made.opset_import.add(domain=f"d{i}", version=1)
        _add(graph, "Conv", ["x"], [f"t{i}"], domain=f"d{i}")
    return made


@kind(50_000)
def constant_nodes(n: int) -> ModelProto:
    made, graph = _model()
    value = TensorProto(dims=(4, 4), data_type=FLOAT, raw_data=b"\1" * 64)
    for i in range(n // 2):
        _add(graph, "Constant", [], [f"w{i}"], value=value)
        _add(graph, "MatMul", ["x", f"w{i}"], [f"t{i}"])
    return made


@kind(200_000)
def stored_tensors_that_nobody_reads(n: int) -> ModelProto:
    made, graph = _model()
    for i in range(n):
        _weight(graph, f"w{i}")
    _add(graph, "MatMul", ["x", "w0"], ["y"])
    return made


@kind(100_000)
def inputs_that_nobody_reads(n: int) -> ModelProto:
    made, graph = _model()
    for i in range(n):
        _declare(graph.input.add(), f"x{i}", (1, None), TensorProto.FLOAT16 if i % 2 else FLOAT)
    _add(graph, "Relu", ["x"], ["y"])
    return made


@kind(50_000)
def declarations(n: int) -> ModelProto:
    made, graph = _model()
    for i in range(n):
        _declare(graph.value_info.add(), f"t{i}", (1, 4, 8, 8))
    _add(graph, "Relu", ["x"], ["y"])
    return made


# --- one tensor, many layers ----------------------------------------------------------------------


@kind(60_000)
def layers_that_share_a_weight(n: int) -> ModelProto:
    made, graph = _model()
    _weight(graph, "w", 4, 4, 1, 1)
    for i in range(n):
        _add(graph, "Conv", [f"t{i}" if i else "x", "w"], [f"t{i + 1}"])
    return made


@kind(30_000)
def layers_that_share_a_computed_weight(n: int) -> ModelProto:
    made, graph = _model()
    _weight(graph, "w")
    for i in range(n):
        _add(graph, "Identity", ["w"], [f"w{i}"])
        _add(graph, "MatMul", ["x", f"w{i}"], [f"t{i}"])
    return made


@kind(60_000, WALKED)
def products_with_one_joined_weight(n: int) -> ModelProto:
    made, graph = _model()
    for i in range(250):
        _weight(graph, f"w{i}")
    _add(graph, "Concat", [f"w{i}" for i in range(250)], ["w"], axis=0)
    for i in range(n):
        _add(graph, "MatMul", ["x", "w"], [f"t{i}"])
    return made


@kind(30_000, WALKED)
def products_with_joined_weights(n: int) -> ModelProto:
    """Each weight joins the same constants, in a node of its own."""
    made, graph = _model()
    for i in range(250):
        _weight(graph, f"w{i}")
    _add(graph, "Concat", [f"w{i}" for i in range(250)], ["c"], axis=0)
    for i in range(n):
        _add(graph, "Relu", ["c"], [f"r{i}"])
        _add(graph, "MatMul", ["x", f"r{i}"], [f"t{i}"])
    return made


@kind(100_000)
def readers_of_one_tensor(n: int) -> ModelProto:
    made, graph = _model()
    for i in range(n):
        _add(graph, "Add", ["x", "x"], [f"t{i}"])
    return made


@kind(1_000)
def readers_of_many_outputs(n: int) -> ModelProto:
    """Each reader takes all outputs of one node, so the edges grow with the square."""
    made, graph = _model()
    names = [f"s{i}" for i in range(n)]
    _add(graph, "Split", ["x"], names)
    for i in range(n):
        _add(graph, "Sum", names, [f"t{i}"])
        _add(graph, "MatMul", ["x", f"t{i}"], [f"y{i}"])
    return made


@kind(2_000_000)
def a_node_of_many_inputs(n: int) -> ModelProto:
    made, graph = _model()
    _weight(graph, "w")
    _add(graph, "Concat", ["w"] * n, ["c"], axis=0)
    _add(graph, "MatMul", ["x", "c"], ["y"])
    return made


@kind(1_000_000)
def a_node_of_many_outputs(n: int) -> ModelProto:
    made, graph = _model()
    _add(graph, "Split", ["x"], [f"s{i}" for i in range(n)])
    _add(graph, "Relu", [f"s{n - 1}"], ["y"])
    return made


@kind(50_000, WALKED)
def weights_from_one_split(n: int) -> ModelProto:
    made, graph = _model()
    _weight(graph, "w", n, 4)
    _add(graph, "Split", ["w"], [f"s{i}" for i in range(n)])
    for i in range(n):
        _add(graph, "MatMul", ["x", f"s{i}"], [f"y{i}"])
    return made


# --- long ways back -------------------------------------------------------------------------------


def _handed_on(n: int, *types: str) -> ModelProto:
    made, graph = _model()
    _weight(graph, "w0")
    for i in range(n // 2):
        type_ = types[i % len(types)]
        given = {"to": FLOAT} if type_ == "Cast" else {}
        _add(graph, type_, [f"w{i}"], [f"w{i + 1}"], **given)
        _add(graph, "MatMul", ["x", f"w{i + 1}"], [f"t{i}"])
    return made


@kind(40_000)
def a_weight_through_identities(n: int) -> ModelProto:
    return _handed_on(n, "Identity")


@kind(40_000, WALKED)
def a_weight_through_casts(n: int) -> ModelProto:
    return _handed_on(n, "Cast")


@kind(40_000)
def a_weight_through_transposes(n: int) -> ModelProto:
    return _handed_on(n, "Identity", "Transpose")


@kind(20_000, WALKED)
def a_weight_through_dropouts(n: int) -> ModelProto:
    """Each asks for its flag behind a chain."""
    made, graph = _model()
    graph.initializer.add(name="f0", data_type=BOOL, raw_data=b"\0")
    _weight(graph, "w0")
    for i in range(200):
        _add(graph, "Identity", [f"f{i}"], [f"f{i + 1}"])
    for i in range(n):
        _add(graph, "Dropout", [f"w{i}", "", "f200"], [f"w{i + 1}"])
        _add(graph, "MatMul", ["x", f"w{i + 1}"], [f"t{i}"])
    return made


@kind(40_000)
def a_weight_computed_from_data(n: int) -> ModelProto:
    made, graph = _model()
    for i in range(n // 2):
        last = f"v{i}" if i else "x"
        _add(graph, "Sin", [last], [f"v{i + 1}"])
        _add(graph, "MatMul", [last, f"v{i + 1}"], [f"t{i}"])
    return made


@kind(20_000, WALKED)
def sums_of_constants(n: int) -> ModelProto:
    made, graph = _model()
    _weight(graph, "t0")
    for i in range(n):
        _weight(graph, f"w{i}")
        _add(graph, "Add", [f"t{i}", f"w{i}"], [f"t{i + 1}"])
        _add(graph, "MatMul", ["x", f"t{i + 1}"], [f"y{i}"])
    return made


@kind(40_000, WALKED)
def nodes_listed_backwards(n: int) -> ModelProto:
    made, graph = _model()
    _weight(graph, f"w{n}")
    for i in range(n - 1, -1, -1):
        _add(graph, "MatMul", ["x", f"w{i}"], [f"y{i}"])
        _add(graph, "Relu", [f"w{i + 1}"], [f"w{i}"])
    return made


@kind(40_000)
def shapes_of_shapes(n: int) -> ModelProto:
    made, graph = _model()
    for i in range(n // 2):
        _add(graph, "Shape", [f"s{i}" if i else "x"], [f"s{i + 1}"])
        _add(graph, "MatMul", ["x", f"s{i + 1}"], [f"t{i}"])
    return made


# --- attributes and names -------------------------------------------------------------------------


@kind(100_000)
def a_node_of_many_attributes(n: int) -> ModelProto:
    made, graph = _model()
    _weight(graph, "w", 4, 4, 1, 1)
    node = _add(graph, "Conv", ["x", "w"], ["y"])
    for i in range(n):
        node.attribute.add(name=f"a{i}", type=AttributeProto.INT, i=1)
    return made


@kind(20_000)
def nodes_of_many_attributes(n: int) -> ModelProto:
    made, graph = _model()
    _weight(graph, "w", 4, 4, 1, 1)
    for i in range(n // 20):
        node = _add(graph, "Conv", ["x", "w"], [f"t{i}"])
        for k in range(100):
            node.attribute.add(name=f"a{k}", type=AttributeProto.INT, i=1)
    return made


@kind(2_000_000)
def a_long_list(n: int) -> ModelProto:
    made, graph = _model()
    _weight(graph, "w", 4, 4, 1, 1)
    for name in ("kernel_shape", "dilations"):
        _add(graph, "Conv", ["x", "w"], [f"y{name}"], **{name: [2] * n})
    return made


@kind(400_000)
def lists_of_a_kernel(n: int) -> ModelProto:
    made, graph = _model()
    _weight(graph, "w", 4, 4, 1, 1)
    for i in range(20):
        given = {
            name: [2] * (n // 20 + 1) for name in ("kernel_shape", "dilations", "strides", "pads")
        }
        _add(graph, "Conv", ["x", "w"], [f"y{i}"], **given)
        _add(graph, "MaxPool", ["x"], [f"z{i}"], **given)
    return made


@kind(20_000)
def a_stored_shape_of_many_dimensions(n: int) -> ModelProto:
    made, graph = _model()
    _weight(graph, "w", *[1] * n)
    for i in range(n // 100):
        _add(graph, "Conv", ["x", "w"], [f"y{i}"])
        _add(graph, "MatMul", ["x", "w"], [f"z{i}"])
    return made


@kind(1_000_000)
def long_names(n: int) -> ModelProto:
    """Twenty layers with names of this length share a weight of such a name."""
    made, graph = _model()
    long = "n" * n
    _weight(graph, long, 4, 4, 1, 1)
    for i in range(20):
        _add(graph, "Conv", ["x", long], [f"{long}{i}"], name=f"{long}{i}")
    return made


@kind(20_000_000)
def a_long_name_that_others_quote(n: int) -> ModelProto:
    made, graph = _model()
    _weight(graph, "w", 4, 4, 1, 1)
    _add(graph, "Conv", ["x", "w"], ["y"], name="é" * (n // 2))
    _add(graph, "RandomNormal", [], ["r"], name="é" * (n // 2), shape=[4, 4, 1, 1])
    for i in range(n // 2000):
        _add(graph, "Conv", ["x", "w"], [f"y{i}"])
        _add(graph, "Identity", ["r"], [f"r{i}"])
        _add(graph, "Conv", ["x", f"r{i}"], [f"z{i}"])
    return made


@kind(5_000_000)
def a_long_type(n: int) -> ModelProto:
    made, graph = _model()
    for i in range(4):
        for domain in ("", "d" * n):
            _add(graph, "T" * n, ["x"], [f"y{i}{domain[:1]}"], domain=domain)
    return made


# --- graphs in graphs -----------------------------------------------------------------------------


def _branch(node: NodeProto, name: str) -> GraphProto:
    branch: GraphProto = node.attribute.add(name=name, type=AttributeProto.GRAPH).g
    branch.name = "b"
    return branch


@kind(15_000, WALKED)
def many_branches(n: int) -> ModelProto:
    made, graph = _model()
    _declare(graph.input.add(), "c", (), BOOL)
    _weight(graph, "w")
    for i in range(n // 2):
        node = _add(graph, "If", ["c"], [f"t{i}"])
        for name in ("then_branch", "else_branch"):
            branch = _branch(node, name)
            _add(branch, "MatMul", ["x", "w"], ["z"])
            branch.output.add(name="z")
    return made


@kind(20_000)
def large_branches(n: int) -> ModelProto:
    made, graph = _model()
    _declare(graph.input.add(), "c", (), BOOL)
    for i in range(10):
        node = _add(graph, "If", ["c"], [f"t{i}"])
        for name in ("then_branch", "else_branch"):
            branch = _branch(node, name)
            for k in range(n // 20):
                _weight(branch, f"w{k}")
                _add(branch, "MatMul", ["x", f"w{k}"], [f"z{k}"])
            branch.output.add(name="z0")
    return made


@kind(50_000)
def deep_branches(n: int) -> ModelProto:
    """The innermost of 30 graphs reads names of the outermost one."""
    made, graph = _model()
    _declare(graph.input.add(), "c", (), BOOL)
    _weight(graph, "w")
    inner = graph
    for i in range(29):
        node = _add(inner, "If", ["c"], [f"t{i}"], name=f"n{i}")
        inner = _branch(node, "then_branch")
        inner.output.add(name=f"t{i + 1}")
    for i in range(n):
        _add(inner, "MatMul", ["x", "w"], [f"y{i}"])
    return made


@kind(20_000_000)
def long_names_of_deep_graphs(n: int) -> ModelProto:
    made, graph = _model()
    _weight(graph, "w")
    inner = graph
    for i in range(29):
        node = _add(inner, "If", ["c"], [f"t{i}"], name="n" * (n // 29))
        inner = _branch(node, "then_branch")
        _add(inner, "MatMul", ["x", "w"], [f"y{i}"])
    return made


@kind(10_000_000)
def a_long_name_of_many_graphs(n: int) -> ModelProto:
    made, graph = _model()
    node = _add(graph, "Choose", ["x"], ["y"], name="n" * n)
    held = node.attribute.add(name="graphs", type=AttributeProto.GRAPHS)
    for i in range(n // 200):
        _add(held.graphs.add(), "Relu", ["x"], [f"y{i}"])
    return made


@kind(100_000)
def empty_graphs(n: int) -> ModelProto:
    made, graph = _model()
    held = _add(graph, "Choose", ["x"], ["y"]).attribute.add(
        name="graphs", type=AttributeProto.GRAPHS
    )
    for _ in range(n):
        held.graphs.add()
    return made


@kind(15_000, WALKED)
def loops(n: int) -> ModelProto:
    made, graph = _model()
    _weight(graph, "w")
    for i in range(n // 2):
        node = _add(graph, "Loop", ["", "", "x", "w"], [f"a{i}", f"b{i}"])
        body = _branch(node, "body")
        for name in ("i", "c", "a", "b"):
            body.input.add(name=name)
        _add(body, "MatMul", ["a", "b"], ["r"])
        for name in ("c", "r", "b"):
            body.output.add(name=name)
    return made


@kind(30_000, WALKED)
def a_loop_that_carries_much(n: int) -> ModelProto:
    made, graph = _model()
    names = [f"a{i}" for i in range(n)]
    _weight(graph, "w")
    body = _branch(_add(graph, "Loop", ["", "", *["w"] * n], [f"y{i}" for i in range(n)]), "body")
    for name in ("i", "c", *names):
        body.input.add(name=name)
    for name in names:
        _add(body, "MatMul", ["a0", name], [f"r{name}"])
    for name in ("c", *names):
        body.output.add(name=name)
    return made


# --- functions ------------------------------------------------------------------------------------


@kind(30_000, CALLED)
def a_chain_of_functions(n: int) -> ModelProto:
    made, graph = _model()
    for i in range(n):
        body = _function(made, f"F{i}")
        if i:
            _add(body, f"F{i - 1}", ["a"], ["r"], domain=LOCAL)
        else:
            _add(body, "Relu", ["a"], ["r"])
    _weight(graph, "w")
    _add(graph, f"F{n - 1}", ["w"], ["v"], domain=LOCAL)
    _add(graph, "MatMul", ["x", "v"], ["y"])
    return made


@kind(15_000, CALLED)
def a_chain_of_products_in_functions(n: int) -> ModelProto:
    """Each function multiplies with its argument, and hands it on to the next one."""
    made, graph = _model()
    for i in range(n):
        body = _function(made, f"F{i}")
        _add(body, "Identity", ["a"], ["b"])
        _add(body, "MatMul", ["a", "b"], ["m"])
        _add(body, f"F{i - 1}" if i else "Relu", ["b"], ["r"], domain=LOCAL if i else "")
    _weight(graph, "w")
    _add(graph, f"F{n - 1}", ["w"], ["v"], domain=LOCAL)
    _add(graph, "MatMul", ["x", "v"], ["y"])
    return made


@kind(20_000, CALLED)
def calls_of_one_function(n: int) -> ModelProto:
    made, graph = _model()
    body = _function(made, "F")
    _add(body, "MatMul", ["a", "a"], ["r"])
    for i in range(n):
        _weight(graph, f"w{i}")
        _add(graph, "F", [f"w{i}"], [f"v{i}"], domain=LOCAL)
        _add(graph, "MatMul", ["x", f"v{i}"], [f"y{i}"])
    return made


@kind(20_000, CALLED)
def large_functions_with_many_calls(n: int) -> ModelProto:
    made, graph = _model()
    body = _function(made, "F")
    for i in range(n):
        _add(body, "MatMul", ["a", f"t{i}" if i else "a"], [f"t{i + 1}"])
    _add(body, "Relu", [f"t{n}"], ["r"])
    for i in range(n):
        _add(graph, "F", [f"y{i}" if i else "x"], [f"y{i + 1}"], domain=LOCAL)
    return made


@kind(400, CALLED)
def attributes_of_calls(n: int) -> ModelProto:
    """As many calls as attributes that each of them passes on."""
    made, graph = _model()
    names = tuple(f"a{i}" for i in range(n))
    body = _function(made, "F", names)
    node = _add(body, "Conv", ["a", "a"], ["r"])
    for name in names:
        node.attribute.add(name=name, ref_attr_name=name, type=AttributeProto.INT)
    for i in range(n):
        call = _add(graph, "F", ["x"], [f"y{i}"], domain=LOCAL)
        for name in names:
            call.attribute.add(name=name, type=AttributeProto.INT, i=i)
    return made


@kind(50_000)
def attributes_that_no_call_passes(n: int) -> ModelProto:
    made, graph = _model()
    names = tuple(f"a{i}" for i in range(n))
    body = _function(made, "F", names)
    _add(body, "Relu", ["a"], ["r"])
    for i in range(n):
        _add(graph, "F", ["x"], [f"y{i}"], domain=LOCAL)
    return made


@kind(2_000_000)
def a_long_list_that_a_call_passes(n: int) -> ModelProto:
    made, graph = _model()
    body = _function(made, "F", ("kernel_shape", "dilations"))
    for i in range(n // 200):
        node = _add(body, "Conv", ["a", "a"], [f"t{i}"])
        for name in ("kernel_shape", "dilations"):
            node.attribute.add(name=name, ref_attr_name=name, type=AttributeProto.INTS)
    _add(body, "Relu", ["a"], ["r"])
    _add(graph, "F", ["x"], ["y"], domain=LOCAL, kernel_shape=[2] * n, dilations=[2] * n)
    return made


@kind(20_000, CALLED)
def functions_that_nobody_calls(n: int) -> ModelProto:
    made, graph = _model()
    for i in range(n):
        _add(_function(made, f"F{i}"), "MatMul", ["a", "a"], ["r"])
    _add(graph, "Relu", ["x"], ["y"])
    return made


@kind(30_000, CALLED)
def calls_without_arguments(n: int) -> ModelProto:
    """Calls of a function that has as many parameters, all of them left out."""
    made, graph = _model()
    body = _function(made, "F")
    body.input.extend(f"a{i}" for i in range(n))
    _add(body, "MatMul", ["a", "a0"], ["r"])
    for i in range(n):
        _add(graph, "F", [], [f"y{i}"], domain=LOCAL)
    return made


@kind(30_000, CALLED)
def a_function_that_adds_its_parameters(n: int) -> ModelProto:
    made, graph = _model()
    body = _function(made, "F")
    body.input.extend(f"a{i}" for i in range(n))
    last = "a"
    for i in range(n):
        _add(body, "Add", [last, f"a{i}"], [f"t{i}"])
        _add(body, "MatMul", ["a", f"t{i}"], [f"m{i}"])
        last = f"t{i}"
    _add(body, "Relu", [last], ["r"])
    _weight(graph, "w")
    for i in range(2):
        _add(graph, "F", ["w"] * n, [f"v{i}"], domain=LOCAL)
        _add(graph, "MatMul", ["x", f"v{i}"], [f"y{i}"])
    return made


@kind(20_000, CALLED)
def weights_that_a_function_gets(n: int) -> ModelProto:
    """Layers in a function have its parameter as their weight, from as many calls."""
    made, graph = _model()
    body = _function(made, "F")
    for i in range(n):
        _add(body, "MatMul", ["b", "a"], [f"t{i}"])
    _add(body, "Relu", ["a"], ["r"])
    for i in range(n):
        _weight(graph, f"w{i}")
        _add(graph, "F", [f"w{i}"], [f"v{i}"], domain=LOCAL)
    return made


@kind(1_000)
def calls_with_many_arguments(n: int) -> ModelProto:
    """A function of many parameters that many layers call, each with all arguments."""
    made, graph = _model()
    body = _function(made, "F")
    del body.input[:]
    body.input.extend(f"a{i}" for i in range(n))
    for i in range(n):
        _add(body, "MatMul", ["a0", f"a{i}"], [f"m{i}"])
    _add(body, "Sum", [f"m{i}" for i in range(n)], ["r"])
    for i in range(n):
        _add(graph, "F", ["x"] * n, [f"y{i}"], domain=LOCAL)
        _add(graph, "MatMul", ["x", f"y{i}"], [f"z{i}"])
    return made


@kind(1_000, CALLED)
def functions_of_many_results(n: int) -> ModelProto:
    made, graph = _model()
    body = _function(made, "F")
    del body.output[:]
    body.output.extend(f"r{i}" for i in range(n))
    for i in range(n):
        _add(body, "Relu", ["a"], [f"r{i}"])
    for i in range(n):
        _add(graph, "F", ["x"], [f"y{i}.{k}" for k in range(n)], domain=LOCAL)
        _add(graph, "MatMul", ["x", f"y{i}.0"], [f"z{i}"])
    return made
