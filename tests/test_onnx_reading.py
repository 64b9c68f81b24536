"""How ONNX models are read: every form of a file, legal oddities, hostile models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import AttributeProto, NodeProto, TensorProto, helper
from tiny_models import FLOAT, IMAGE, INT64, answer_of, graph, model, node, numbers, stored, verdict

import pytest_amct
from pytest_amct.graphs import calls, sources, walk
from pytest_amct.graphs.onnx.ops import _CONVOLUTIONS, _KEEP_RANK

CONV = node("Conv", ["x", "w"], ["y"], name="conv")
WEIGHT = (4, 4, 3, 3)
SMALL: dict[str, Any] = {"x": (4, 4), "w": (4, 4)}


# --- forms of a model ---------------------------------------------------------------------------


def test_bytes_paths_and_protos_are_read_alike(tmp_path: Path) -> None:
    proto = model(CONV, w=WEIGHT)
    path = tmp_path / "a.onnx"
    path.write_bytes(proto.SerializeToString())
    forms: list[Any] = [proto, proto.SerializeToString(), path, str(path)]
    for form in forms:
        network = pytest_amct.read_onnx(form)
        assert [layer.name for layer in network.layers] == ["conv"]
        assert pytest_amct.answer(network.layer("conv")).verdict == "quantizable"


def test_a_proto_is_only_read() -> None:
    inside = graph(node("Conv", ["x", "w"], ["a"]), result="a")
    choice = node("If", ["c"], ["y"], then_branch=inside, else_branch=inside, domain="ai.onnx")
    shape = [node("Shape", ["x"], ["s"]), node("ConstantOfShape", ["s"], ["w"])]
    given: Any = {"inputs": {"c": (TensorProto.BOOL, ())}, "x": (None, 4, 3, 3)}
    proto = model(*shape, choice, **given)
    before = proto.SerializeToString(deterministic=True)
    for layer in pytest_amct.read_onnx(proto).layers:
        pytest_amct.answer(layer)
    assert proto.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize("opset", [1, 6, 7, 9, 11, 13, 17, 21, 23])
def test_every_opset_is_read(opset: int) -> None:
    assert verdict(CONV, w=WEIGHT, opset=opset) == "quantizable"


def test_an_opset_from_the_future_is_read() -> None:
    assert verdict(CONV, w=WEIGHT, opset=9999) == "quantizable"


def test_dropout_before_opset_7_says_itself_whether_it_is_in_test_mode() -> None:
    for attributes, expected in (({"is_test": 1}, "quantizable"), ({}, "unspecified")):
        dropped = [node("Dropout", ["w"], ["v"], **attributes), node("Conv", ["x", "v"], ["y"])]
        assert verdict(*dropped, w=WEIGHT, opset=6) == expected


def test_attributes_without_a_type_are_read_by_their_values() -> None:
    layer = node("Conv", ["x", "w"], ["y"], dilations=[2, 1, 1])
    layer.attribute[0].ClearField("type")
    assert verdict(layer, x=(1, 4, 8, 8, 8), w=(4, 4, 2, 2, 2)) == "forbidden"
    gemm = node("Gemm", ["x", "w"], ["y"], transA=1)
    gemm.attribute[0].ClearField("type")
    assert verdict(gemm, **SMALL) == "forbidden"
    branch = graph(node("Identity", ["w"], ["a"]), result="a")
    choice = node("If", ["c"], ["v"], then_branch=branch, else_branch=branch)
    for attribute in choice.attribute:
        attribute.ClearField("type")
    assert verdict(choice, node("Gemm", ["x", "v"], ["y"]), c=(), **SMALL) == "unspecified"


SPARSE = helper.make_sparse_tensor(stored("", (2,)), numbers("", [0, 5]), [4, 4])


@pytest.mark.parametrize(
    "attributes",
    [{"value": stored("", (4, 4))}, {"sparse_value": SPARSE}],
    ids=["value", "sparse_value"],
)
def test_constants_of_rank_2_in_every_form(attributes: dict[str, Any]) -> None:
    made = [node("Constant", [], ["w"], **attributes), node("MatMul", ["x", "w"], ["y"])]
    assert verdict(*made, x=(4, 4)) == "quantizable"


@pytest.mark.parametrize(
    "attributes",
    [{"value_float": 1.0}, {"value_floats": [1.0] * 4}, {"value_int": 1}, {"value_ints": [1] * 4}],
    ids=lambda given: next(iter(given)),
)
def test_constants_of_other_ranks_in_every_form(attributes: dict[str, Any]) -> None:
    made = [node("Constant", [], ["w"], **attributes), node("MatMul", ["x", "w"], ["y"])]
    assert verdict(*made, x=(4, 4)) == "forbidden"


def test_sparse_initializers_are_constants() -> None:
    proto = model(node("MatMul", ["x", "w"], ["y"]), x=(4, 4))
    proto.graph.sparse_initializer.add().CopyFrom(SPARSE)
    proto.graph.sparse_initializer[0].values.name = "w"
    assert answer_of(proto).verdict == "quantizable"


def test_external_data_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.bin")  # opening it would block
    for location in ("pipe.bin", "nowhere.bin"):
        tensor = TensorProto(name="w", dims=WEIGHT, data_type=FLOAT)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
        behind = [node("Mul", ["w", "w"], ["v"]), node("Conv", ["x", "v"], ["y"])]
        path = tmp_path / "m.onnx"
        path.write_bytes(model(*behind, constants=[tensor]).SerializeToString())
        layers = pytest_amct.read_onnx(path).layers
        assert pytest_amct.answer(layers[-1]).verdict == "quantizable"


def test_unnamed_and_equally_named_layers_are_told_apart() -> None:
    names = ["same", "same", ""]
    chain = ["x", "a", "b", "y"]
    nodes = [
        node("Gemm", [chain[i], f"w{i}"], [chain[i + 1]], name=names[i], transA=i) for i in range(3)
    ]
    weights = {f"w{i}": (4, 4) for i in range(3)}
    network = pytest_amct.read_onnx(model(*nodes, x=(4, 4), **weights))
    verdicts = [pytest_amct.answer(layer).verdict for layer in network.layers]
    assert verdicts == ["quantizable", "forbidden", "forbidden"]
    assert len({str(layer) for layer in network.layers[1:]}) == 2
    with pytest.raises(KeyError, match="2 layers are named 'same'"):
        network.layer("same")


# --- scopes -------------------------------------------------------------------------------------


def _branch_of(weight: str, *described: Any) -> NodeProto:
    inside = graph(node("Conv", ["x", weight], ["y"]), result="y")
    inside.value_info.extend(described)
    return node("If", ["c"], ["r"], then_branch=inside, else_branch=inside)


def test_a_branch_may_describe_what_it_captures() -> None:
    described = helper.make_tensor_value_info("v", FLOAT, [4, 4, 3, 3])
    nodes = [node("Identity", ["x"], ["v"]), _branch_of("v", described)]
    given: Any = {"inputs": {"c": (TensorProto.BOOL, ())}, "outputs": ["r"], "x": WEIGHT}
    network = pytest_amct.read_onnx(model(*nodes, **given))
    inside = [layer for layer in network.layers if layer.type == "Conv"]
    assert [pytest_amct.answer(layer).verdict for layer in inside] == ["forbidden"] * 2


def test_a_value_that_a_loop_carries_is_not_constant() -> None:
    info = helper.make_tensor_value_info
    takes = [info("i", INT64, []), info("on", TensorProto.BOOL, []), info("carried", FLOAT, None)]
    body = graph(
        node("Identity", ["on"], ["on2"]), node("MatMul", ["x", "carried"], ["y"]), result="on2"
    )
    body.input.extend(takes)
    body.output.append(info("y", FLOAT, None))
    loop = node("Loop", ["", "", "w"], ["r"], body=body)
    assert verdict(loop, **SMALL, outputs=["r"]) == "unspecified"
    fed = node("Loop", ["", "", "x"], ["r"], body=body)
    assert verdict(fed, x=(4, 4), outputs=["r"]) == "forbidden"


def _function(name: str, *nodes: NodeProto, domain: str = "local", **given: Any) -> Any:
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]
    return helper.make_function(domain, name, ["a"], ["r"], list(nodes), imports, **given)


@pytest.mark.parametrize("domain", ["local", ""])
def test_values_are_followed_through_functions(domain: str) -> None:
    same = _function("Same", node("Identity", ["a"], ["r"]), domain=domain)
    for weight, expected in (("w", "quantizable"), ("x", "forbidden")):
        nodes = [node("Same", [weight], ["v"], domain=domain), node("Conv", ["x", "v"], ["y"])]
        assert verdict(*nodes, x=WEIGHT, w=WEIGHT, functions=[same]) == expected


def test_call_sites_that_differ_keep_their_own_values() -> None:
    same = _function("Same", node("Identity", ["a"], ["r"]))
    nodes = [
        node("Same", ["w"], ["v"], domain="local"),
        node("Same", ["x"], ["z"], domain="local"),
        node("Gemm", ["x", "v"], ["y"]),
        node("Gemm", ["x", "z"], ["y2"]),
    ]
    proto = model(*nodes, **SMALL, functions=[same])
    assert answer_of(proto).verdict == "quantizable"
    assert answer_of(proto, made="y2").verdict == "forbidden"


def test_what_a_call_passes_for_an_attribute_counts_in_the_body() -> None:
    inside = node("Gemm", ["a", "a"], ["r"])
    inside.attribute.append(
        AttributeProto(name="transA", type=AttributeProto.INT, ref_attr_name="t")
    )
    block = _function("Block", inside, attributes=["t"])
    calls = [node("Block", ["w"], [f"y{t}"], domain="local", t=t) for t in (1, 0)]
    alone, both = (model(*calls[:n], **SMALL, functions=[block]) for n in (1, 2))
    assert answer_of(alone, made="r").verdict == "forbidden"
    assert answer_of(both, made="r").verdict == "unspecified"


def test_parameters_beyond_the_bound_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each tensor of a function holds a bit for each parameter; the rest shares one."""
    add = node("Add", ["p0", "p2"], ["r"])
    names, imports = ["p0", "p1", "p2"], [helper.make_opsetid("", 21)]
    sums = helper.make_function("f", "sums", names, ["r"], [add], imports)
    held: dict[str, Any] = dict.fromkeys("xabc", WEIGHT) | {"functions": [sums]}
    of_constants, of_data = (
        [node("sums", ["a", "b", third], ["w"], domain="f"), node("Conv", ["x", "w"], ["y"])]
        for third in ("c", "x")
    )
    assert verdict(*of_constants, **held) == "quantizable"
    assert verdict(*of_data, **held) == "forbidden"
    monkeypatch.setattr(calls, "_MOST", 2)
    assert verdict(*of_constants, **held) == "unspecified"
    assert verdict(*of_data, **held) == "forbidden"  # the argument of a single call is known


def test_a_function_with_the_name_of_an_operator_is_judged_as_neither() -> None:
    """Runtimes decide which of the two it is; the document does not say."""
    gemm, relu = (_function(t, node("Identity", ["a"], ["r"]), domain="") for t in ("Gemm", "Relu"))
    assert verdict(node("Gemm", ["x", "w"], ["y"]), **SMALL, functions=[gemm]) == "unspecified"
    through = [node("Relu", ["w"], ["v"]), node("Conv", ["x", "v"], ["y"])]
    assert verdict(*through, x=IMAGE, w=WEIGHT, functions=[relu]) == "unspecified"


def test_nested_calls_keep_the_arguments_of_outer_calls_separate() -> None:
    """The inner function has one call, but the outer one is called with two weights."""
    inner = _function("Inner", node("Dropout", ["a"], ["r"]))
    outer = _function("Outer", node("Inner", ["a"], ["r"], domain="local"))
    nodes = [
        node("Outer", ["w"], ["v"], domain="local"),
        node("Outer", ["x"], ["z"], domain="local"),
        node("Gemm", ["x", "v"], ["y"]),
        node("Gemm", ["x", "z"], ["y2"]),
    ]
    proto = model(*nodes, **SMALL, functions=[inner, outer])
    assert answer_of(proto).verdict == "quantizable"
    assert answer_of(proto, made="y2").verdict == "forbidden"


def test_a_constant_of_a_function_tells_whether_dropout_is_training() -> None:
    true = helper.make_tensor("", TensorProto.BOOL, [], [True])
    flag = _function("Flag", node("Constant", [], ["r"], value=true))
    nodes = [
        node("Flag", ["w"], ["t"], domain="local"),
        node("Dropout", ["w", "", "t"], ["v"]),
        node("Gemm", ["x", "v"], ["y"]),
    ]
    assert verdict(*nodes, **SMALL, functions=[flag]) == "forbidden"


def test_each_value_that_a_loop_carries_has_its_own_type() -> None:
    info = helper.make_tensor_value_info
    body = graph(node("Identity", ["on"], ["on2"]), result="on2", dtype=TensorProto.BOOL)
    body.node.extend([node("Identity", ["n"], ["n2"]), node("Identity", ["f"], ["f2"])])
    body.input.extend([info("i", INT64, []), info("on", TensorProto.BOOL, [])])
    body.input.extend([info("n", INT64, [1]), info("f", FLOAT, [4, 4])])
    body.output.extend([info("n2", INT64, [1]), info("f2", FLOAT, [4, 4])])
    loop = node("Loop", ["", "", "one", "x"], ["a", "b"], body=body)
    add = node("Add", ["b", "b"], ["y"])
    assert verdict(loop, add, x=(4, 4), constants=[numbers("one", [1])]) == "quantizable"


def test_what_a_scan_slices_has_the_shape_of_its_slices() -> None:
    """The body declares ``n`` where its caller passes known dimensions."""
    info = helper.make_tensor_value_info
    nodes = [node("Shape", ["a"], ["s"]), node("ConstantOfShape", ["s"], ["v"])]
    body = graph(*nodes, node("Gemm", ["a", "v"], ["y"]), result="y")
    body.input.append(info("a", FLOAT, ["n", 4]))
    scan = node("Scan", ["x"], ["r"], body=body, num_scan_inputs=1)
    assert verdict(scan, x=(3, 4, 4), outputs=["r"]) == "unspecified"
    assert verdict(scan, x=(3, "m", 4), outputs=["r"]) == "forbidden"


def test_the_shape_of_a_constant_is_constant_in_a_function_too() -> None:
    body = [node("Shape", ["a"], ["s"]), node("ConstantOfShape", ["s"], ["r"])]
    filled = _function("Filled", *body)
    nodes = [node("Filled", ["w"], ["v"], domain="local"), node("Gemm", ["x", "v"], ["y"])]
    assert verdict(*nodes, **SMALL, functions=[filled]) == "quantizable"
    nodes[0].input[0] = "x"
    assert verdict(*nodes, x=("n", 4), functions=[filled]) == "forbidden"
    nodes.append(node("Filled", ["w"], ["z"], domain="local"))
    assert verdict(*nodes, x=("n", 4), w=(4, 4), functions=[filled]) == "unspecified"


def test_an_output_may_describe_an_initializer_anew() -> None:
    nodes = [
        node("RandomNormalLike", ["w"], ["d"], seed=1.0),
        node("Shape", ["d"], ["s"]),
        node("ConstantOfShape", ["s"], ["v"]),
        node("Gemm", ["x", "v"], ["y"]),
    ]
    proto = model(*nodes, **SMALL)
    proto.graph.output.append(helper.make_tensor_value_info("w", FLOAT, ["n", "n"]))
    assert answer_of(proto).verdict == "unspecified"


def test_what_a_function_passes_on_to_another_counts_in_its_body() -> None:
    def passing(inside: NodeProto, parameter: str, attribute: str) -> NodeProto:
        kind = AttributeProto.INT
        inside.attribute.add(name=attribute, type=kind, ref_attr_name=parameter)
        return inside

    inner = passing(node("Gemm", ["a", "a"], ["r"]), "t", "transA")
    outer = passing(node("Inner", ["a"], ["r2"], domain="local"), "u", "t")
    functions = [
        _function("Inner", inner, attributes=["t"]),
        _function("Outer", outer, node("Identity", ["r2"], ["r"]), attributes=["u"]),
    ]
    for given, expected in (({"u": 1}, "forbidden"), ({"u": 0}, "unspecified")):
        call = node("Outer", ["w"], ["y"], domain="local", **given)
        network = pytest_amct.read_onnx(model(call, **SMALL, functions=functions))
        (layer,) = [layer for layer in network.layers if layer.type == "Gemm"]
        assert pytest_amct.answer(layer).verdict == expected


# --- what breaks readers --------------------------------------------------------------------------


def test_a_layer_in_a_body_that_onnx_does_not_define_is_unspecified() -> None:
    inside = graph(
        node("MatMul", ["e", "past"], ["o"], name="product"),
        result="o",
        takes=[
            helper.make_tensor_value_info(name, FLOAT, shape)
            for name, shape in (("e", (2, 3)), ("past", (3, 4)))
        ],
    )
    for domain in ("com.microsoft", "com.acme"):
        search = node(
            "GreedySearch", ["x", "x"], ["y"], name="search", decoder=inside, domain=domain
        )
        network = pytest_amct.read_onnx(model(search, x=(2, 3)))
        assert pytest_amct.answer(network.layer("product")).verdict == "unspecified"


@pytest.mark.parametrize("type_", ["If", "Loop", "Scan"])
def test_control_flow_is_known_by_its_name_too(type_: str) -> None:
    assert verdict(node(type_, ["w"], ["v"]), node("Conv", ["x", "v"], ["y"]), w=WEIGHT) == (
        "unspecified"
    )


def test_an_old_cast_names_its_type_as_text() -> None:
    pool = node("MaxPool", ["x"], ["p"], kernel_shape=[2, 2], name="pool")
    for type_, expected in (("FLOAT16", "unspecified"), ("DOUBLE", "quantizable")):
        casts = [node("Cast", ["p"], ["d"], to=type_), node("Cast", ["d"], ["y"], to="FLOAT")]
        network = pytest_amct.read_onnx(model(pool, *casts, opset=5))
        assert pytest_amct.answer(network.layer("pool")).verdict == expected


@pytest.mark.parametrize("inside", [False, True])
def test_types_that_calls_of_a_function_choose_leave_the_float16_rule_open(inside: bool) -> None:
    cast = node("Cast", ["a"], ["c" if inside else "b"])
    cast.attribute.append(AttributeProto(name="to", ref_attr_name="t", type=AttributeProto.INT))
    back = [node("Cast", ["c"], ["b"], to=FLOAT)] if inside else []
    local = helper.make_function(
        "local", "F", ["a"], ["b"], [cast, *back], [helper.make_opsetid("", 21)], ["t"]
    )
    pool = node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2])
    for types, expected in (((11, 10), "unspecified"), ((11, 11), "quantizable")):
        calls = [
            node("F", ["x"], [f"c{i}"], t=t, domain="local", name=f"f{i}")
            for i, t in enumerate(types)
        ]
        assert verdict(*calls, pool, functions=[local]) == expected


def test_what_else_calls_of_a_function_choose_leaves_no_type_open() -> None:
    leaky = node("LeakyRelu", ["a"], ["b"])
    alpha = AttributeProto(name="alpha", ref_attr_name="k", type=AttributeProto.FLOAT)
    leaky.attribute.append(alpha)
    local = helper.make_function(
        "local", "F", ["a"], ["b"], [leaky], [helper.make_opsetid("", 21)], ["k"]
    )
    calls = [node("F", ["x"], [f"c{k}"], k=k, domain="local") for k in (0.1, 0.2)]
    pool = node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2])
    assert verdict(*calls, pool, functions=[local]) == "quantizable"


def test_a_constant_whose_value_is_of_another_kind_is_read() -> None:
    for form in ("value_ints", "value_floats", "value_strings"):
        odd = node("Constant", [], ["c"])
        odd.attribute.append(helper.make_attribute(form, 3))
        assert verdict(odd, CONV, w=WEIGHT) == "quantizable"


def test_invalid_locations_of_external_data_are_ignored(tmp_path: Path) -> None:
    for place in ("a\0b", "x" * 5000, ".."):
        proto = model(CONV, w=WEIGHT)
        tensor = proto.graph.initializer[0]
        tensor.data_location = TensorProto.EXTERNAL
        tensor.ClearField("raw_data")
        tensor.external_data.add(key="location", value=place)
        path = tmp_path / "m.onnx"
        path.write_bytes(proto.SerializeToString())
        assert pytest_amct.judge(path, ["conv"]) == []
    with pytest.raises(pytest_amct.ModelError, match=r"a\\x00b: not the path"):
        pytest_amct.read_onnx("a\0b")


def test_the_rank_of_a_pool_is_unknown_or_that_of_its_data() -> None:
    pool = node("MaxPool", ["x"], ["y"])
    told = {shape: answer_of(model(pool, x=shape)) for shape in (IMAGE, None)}
    assert (told[IMAGE].verdict, told[None].verdict) == ("quantizable", "unspecified")
    assert "data of rank 4" in [r.observed for r in told[IMAGE].reasons]
    assert "the rank of the pool is unknown" in [r.observed for r in told[None].reasons]
    assert walk.dtype(None) is walk.shape(None) is None  # an input that is left out


def test_a_parameter_that_a_call_leaves_out_is_unknown() -> None:
    imports = [helper.make_opsetid("", 21)]
    conv = node("Conv", ["a", "b"], ["r"], name="inside")
    function = helper.make_function("f", "F", ["a", "b"], ["r"], [conv], imports)
    calls_ = [node("F", ["x", "w"], ["y"], domain="f"), node("F", ["x"], ["z"], domain="f")]
    for whole, expected in ((calls_[:1], "stored constant 'w'"), (calls_, "call sites differ")):
        network = pytest_amct.read_onnx(model(*whole, x=IMAGE, w=WEIGHT, functions=[function]))
        weight = network.layer("inside").input(1)
        assert weight is not None and expected in sources.source(weight).why


def test_a_shape_behind_an_inner_call_depends_on_the_outer_one() -> None:
    inner = _function("Inner", node("Identity", ["a"], ["r"]))
    body = [
        node("Inner", ["a"], ["v"], domain="local"),
        node("Shape", ["v"], ["s"]),
        node("ConstantOfShape", ["s"], ["r"]),
    ]
    outer = _function("Outer", *body)
    one = [node("Outer", ["w"], ["v"], domain="local"), node("Conv", ["x", "v"], ["y"])]
    two = [node("Outer", ["u"], ["t"], domain="local"), node("Conv", ["x", "t"], ["z"])]
    held: dict[str, Any] = {"x": IMAGE, "w": WEIGHT, "u": WEIGHT, "functions": [inner, outer]}
    assert verdict(*one, **held) == "quantizable"
    assert verdict(*one, *two, **held) == "unspecified"


def test_a_rank_behind_operators_that_keep_it_needs_no_inference() -> None:
    def inferred(network: Any) -> None:
        asked.append(network)

    asked: list[Any] = []
    kept = [node("Relu", ["x"], ["a"]), node("Conv", ["a", "w"], ["y"])]
    network = pytest_amct.read_onnx(model(*kept, x=IMAGE, w=WEIGHT))
    network.infer_shapes = inferred
    made = network.layers[-1].outputs[0]
    assert made is not None and walk.rank(made) == 4
    assert asked == []
    turned = pytest_amct.read_onnx(model(node("Flatten", ["x"], ["y"]), x=IMAGE))
    turned.infer_shapes = inferred
    flat = turned.layers[-1].outputs[0]
    assert flat is not None and walk.rank(flat) is None
    assert asked == [turned]


@pytest.mark.parametrize("type_", sorted({*_KEEP_RANK, *_CONVOLUTIONS}))
def test_onnx_agrees_on_what_keeps_the_rank(type_: str) -> None:
    """Its own inference gives the first output the rank of the first input."""
    single = onnx.defs.OpSchema.FormalParameterOption.Single
    needed = [p for p in onnx.defs.get_schema(type_).inputs if p.option == single]
    shape = WEIGHT if type_ in _CONVOLUTIONS else (4,)
    others = [stored(f"p{i}", shape) for i in range(1, len(needed))]
    dtype = TensorProto.BOOL if type_ == "Not" else FLOAT
    given: dict[str, Any] = {"Cast": {"to": FLOAT}, "LRN": {"size": 1}}.get(type_, {})
    if type_ in ("AveragePool", "MaxPool"):
        given = {"kernel_shape": [1, 1]}
    operator = node(type_, ["x", *(other.name for other in others)], ["y"], **given)
    made = model(operator, inputs={"x": (dtype, IMAGE)}, constants=others)
    del made.graph.output[:]  # it declares another type
    (info,) = onnx.shape_inference.infer_shapes(made, strict_mode=True).graph.value_info
    assert len(info.type.tensor_type.shape.dim) == len(IMAGE)
