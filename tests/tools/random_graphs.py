"""Random ONNX networks: legal in their types and shapes, unusual in everything else.

A network is built backwards. An input of some shape and type is fed by a random operator, whose
inputs are fed in the same way. So the models are type-correct by construction, and weights come
from everywhere: constants, inputs, control flow, functions, shapes of other tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from random import Random
from typing import Any

from hypothesis import strategies as st
from onnx import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
)
from onnx.defs import onnx_opset_version
from random_tensors import MAKERS

F32, F16, F64 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE
BF16, I64, BOOL = TensorProto.BFLOAT16, TensorProto.INT64, TensorProto.BOOL
INT8, I32 = TensorProto.INT8, TensorProto.INT32
FLOATS = (F32, F32, F32, F32, F32, F16, F64, BF16)
SIZES = {F32: 4, F16: 2, F64: 8, BF16: 2, I64: 8, BOOL: 1, INT8: 1, I32: 4}
DEPTH = 4

Shape = tuple[int, ...]
Made = tuple[str, Shape, int]  # name, shape, element type


@st.composite
def random_models(draw: st.DrawFn) -> ModelProto:
    """Generate models of 1 to about 15 layers and the operators that feed them."""
    return random_model(draw(st.randoms(use_true_random=False)))


def random_model(rng: Random) -> ModelProto:
    """Return the model that these random numbers determine."""
    return Maker(rng).model()


@dataclass
class Scope:
    """A graph or a function body under construction."""

    graph: GraphProto = field(default_factory=lambda: GraphProto(name="g"))
    parent: Scope | None = None
    is_function: bool = False
    made: list[Made] = field(default_factory=list)
    parameters: list[Made] = field(default_factory=list)
    #: attribute parameters of a function: the attribute's name and a suitable value
    references: dict[str, Any] = field(default_factory=dict)

    @property
    def main(self) -> Scope | None:
        """The main graph, if its names are visible from here."""
        if self.is_function:
            return None
        return self if self.parent is None else self.parent.main


class Maker:
    def __init__(self, rng: Random) -> None:
        self.rng, self.count = rng, 0
        self.infos: dict[str, ValueInfoProto] = {}
        self.opset = rng.choice([9, 11, 12, 13, 17, 19, 21, 22, 23, onnx_opset_version()])
        self.ir = rng.choice([3, 8, 8, 10])
        self.mixed = rng.random() < 0.6  # whether types other than Float32 occur
        self.described = rng.choice([0.0, 0.3, 1.0])  # how many tensors value_info describes
        self.vague = self.chance(0.15)  # whether a description may omit the shape or the type
        self.spelled = self.chance(0.05)  # whether domain "" is sometimes written "ai.onnx"
        self.room = rng.choice([8, 15, 40])  # number of nodes left; keeps networks small
        self.functions: list[tuple[FunctionProto, Scope, Made]] = []

    def model(self) -> ModelProto:
        scope = Scope()
        for _ in range(self.rng.randint(1, 6)):
            self.layer(scope, 0)
        for name, shape, dtype in scope.made[-1:] + self.some(scope.made, 0.2):
            if all(info.name != name for info in scope.graph.output):
                scope.graph.output.append(self.info(name, shape, dtype))
        if self.mixed and self.chance(0.05):
            scope.graph.input.append(self.info(self.name(), (2,), F16))
        listed = 1.0 if self.ir < 4 else self.rng.choice([0.0, 0.0, 0.3])
        for tensor in scope.graph.initializer:
            if self.chance(listed):
                info = self.info(tensor.name, tuple(tensor.dims), tensor.data_type, exact=True)
                scope.graph.input.append(info)
        model = ModelProto(ir_version=self.ir, graph=scope.graph)
        domains = ["com.acme", "local"]
        if self.spelled:
            domains.append("ai.onnx")
        model.opset_import.append(helper.make_opsetid("", self.opset))
        model.opset_import.extend(
            helper.make_opsetid(d, self.opset if d == "ai.onnx" else 1) for d in domains
        )
        model.functions.extend(function for function, _, _ in self.functions)
        return model

    # --- small helpers ----------------------------------------------------------------------

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def some(self, items: Sequence[Any], probability: float) -> list[Any]:
        return [item for item in items if self.chance(probability)]

    def name(self) -> str:
        self.count += 1
        return f"t{self.count}"

    def info(self, name: str, shape: Shape, dtype: int, exact: bool = False) -> ValueInfoProto:
        """Return the description of a tensor: complete, with symbols, or with parts left out."""
        if name not in self.infos:
            self.infos[name] = self.new_info(name, shape, dtype, exact)
        return self.infos[name]

    def new_info(self, name: str, shape: Shape, dtype: int, exact: bool) -> ValueInfoProto:
        dims: list[int | str | None] | None = list(shape)
        if not exact:
            dims = [self.rng.choice([n, n, n, n, n, "n", None]) for n in shape]
            dims = None if self.vague and self.chance(0.2) else dims
            if self.vague and self.chance(0.06):
                return ValueInfoProto(name=name)
        return helper.make_tensor_value_info(name, dtype, dims)

    def emit(
        self,
        scope: Scope,
        type_: str,
        inputs: Sequence[str],
        outputs: Sequence[tuple[Shape, int]],
        domain: str = "",
        **attributes: Any,
    ) -> list[str]:
        """Add a node to the scope; return the names of its outputs."""
        self.room -= 1
        names = [self.name() for _ in outputs]
        node = NodeProto(op_type=type_, input=inputs, output=names, domain=domain)
        node.name = self.rng.choice(["", f"n{self.count}", "same"])
        if not domain and self.spelled and self.chance(0.5):
            node.domain = "ai.onnx"
        for key, value in attributes.items():
            if isinstance(value, AttributeProto):
                node.attribute.append(value)
            elif value is not None and value != []:
                node.attribute.append(helper.make_attribute(key, value))
        scope.graph.node.append(node)
        for name, (shape, dtype) in zip(names, outputs, strict=True):
            scope.made.append((name, shape, dtype))
            if self.chance(self.described):
                info = self.info(name, shape, dtype)
                if scope.is_function:  # its call sites determine the sizes
                    for dim in info.type.tensor_type.shape.dim:
                        dim.ClearField("dim_value")
                scope.graph.value_info.append(info)
        return names

    def constant(self, scope: Scope, shape: Shape, dtype: int, values: Any = None) -> str:
        """Add a stored constant with these values, or with random ones."""
        if values is None:
            one = b"\2" + bytes(7) if dtype == I64 else bytes([1] * SIZES[dtype])
            raw = one * prod(shape)
            tensor = TensorProto(dims=shape, data_type=dtype, raw_data=raw)
        else:
            tensor = helper.make_tensor("", dtype, shape, values)
        if not scope.is_function and self.chance(0.7):
            tensor.name = self.name()
            if values is None and self.chance(0.05):
                tensor.ClearField("raw_data")
                tensor.data_location = TensorProto.EXTERNAL
                tensor.external_data.add(key="location", value="nowhere.bin")
            scope.graph.initializer.append(tensor)
            scope.made.append((tensor.name, shape, dtype))
            return tensor.name
        if (
            values is None
            and dtype == F32
            and self.chance(0.2)
            and len(shape) < 2 <= self.opset - 10
        ):
            key, value = ("value_floats", [0.5] * shape[0]) if shape else ("value_float", 0.5)
            return self.emit(scope, "Constant", [], [(shape, dtype)], **{key: value})[0]
        return self.emit(scope, "Constant", [], [(shape, dtype)], value=tensor)[0]

    def axes(self, scope: Scope, values: Sequence[int]) -> str:
        return self.constant(scope, (len(values),), I64, values)

    # --- where tensors come from ------------------------------------------------------------

    def tensor(self, scope: Scope, shape: Shape, dtype: int, depth: int = 0) -> str:
        """Return a tensor of that shape and type that is visible in the scope."""
        if self.chance(0.25):
            found = self.visible(scope, shape, dtype)
            if found:
                return self.rng.choice(found)
        if depth >= DEPTH or self.room <= 0 or self.chance(0.3):
            return self.leaf(scope, shape, dtype)
        make = self.rng.choice(MAKERS)
        made = make(self, scope, shape, dtype, depth + 1)
        return made if made is not None else self.leaf(scope, shape, dtype)

    def visible(self, scope: Scope, shape: Shape, dtype: int) -> list[str]:
        made = [*scope.made, *(p for p in scope.parameters if "optional" not in p[0])]
        found = [n for n, s, d in made if s == shape and d == dtype]
        if scope.parent is not None:
            found += self.visible(scope.parent, shape, dtype)
        return found

    def leaf(self, scope: Scope, shape: Shape, dtype: int) -> str:
        main = scope.main
        if main is not None and self.chance(0.2):
            return self.feed(main, shape, dtype)
        if scope.is_function and self.chance(0.5):
            scope.parameters.append((self.name(), shape, dtype))
            return scope.parameters[-1][0]
        outer: Scope | None = scope
        while outer is not None and outer.parent is not None and self.chance(0.4):
            outer = outer.parent
        return self.constant(outer or scope, shape, dtype)

    def feed(self, main: Scope, shape: Shape, dtype: int) -> str:
        """Add an input to the network; return its name."""
        name = self.name()
        main.graph.input.append(self.info(name, shape, dtype))
        main.made.append((name, shape, dtype))
        return name

    def fed(self, scope: Scope, shape: Shape, dtype: int, depth: int) -> str:
        """Return a network input, or in a function any tensor, perhaps behind an operator."""
        main = scope.main
        if main is None:
            return self.tensor(scope, shape, dtype, depth)
        name = self.feed(main, shape, dtype)
        if self.chance(0.5):
            return self.emit(scope, "Abs", [name], [(shape, dtype)])[0]
        return name

    # --- the layers that are judged ---------------------------------------------------------

    def layer(self, scope: Scope, depth: int) -> str:
        """Add a layer of a random row; return its first output."""
        dtype = self.rng.choice(FLOATS) if self.mixed else F32
        if dtype == BF16 and self.opset < 22:
            dtype = F16
        made = self.rng.choice([self.conv, self.conv, self.gemm, self.matmul, self.pool, self.add])
        return made(scope, dtype, depth)

    def option(self, scope: Scope, key: str, kind: Any, value: Any) -> Any:
        """Return an attribute's value, or in functions sometimes a reference to a parameter."""
        if value is None or not scope.is_function or not self.chance(0.4):
            return value
        length = len(value) if isinstance(value, list) else ""
        reference = f"{key}{length}"
        scope.references[reference] = value
        return AttributeProto(name=key, type=kind, ref_attr_name=reference)

    def bias(self, scope: Scope, dtype: int, depth: int) -> str:
        if scope.is_function and self.chance(0.3):
            scope.parameters.append((f"{self.name()}_optional", (2,), dtype))
            return scope.parameters[-1][0]
        left_out = self.opset >= 11 and self.chance(0.3)
        return "" if left_out else self.tensor(scope, (2,), dtype, depth)

    def conv(self, scope: Scope, dtype: int, depth: int) -> str:
        type_ = self.rng.choice(["Conv", "Conv", "ConvTranspose"])
        spatial = self.rng.choice([1, 2, 2, 2, 3, 3, 4])
        data, weight = (1, 2, *[2] * spatial), (2, 2, *[1] * spatial)
        dilations = [self.rng.choice([1, 1, 2]) for _ in range(spatial)]
        inputs = [self.tensor(scope, data, dtype, depth + 1)]
        inputs.append(self.tensor(scope, weight, dtype, depth))
        if self.chance(0.4):
            inputs.append(self.bias(scope, dtype, depth + 1))
        ints = AttributeProto.INTS
        dilations_ = self.option(scope, "dilations", ints, self.rng.choice([None, dilations]))
        return self.emit(
            scope,
            type_,
            inputs,
            [(data, dtype)],
            dilations=dilations_,
            kernel_shape=self.rng.choice([None, [1] * spatial]),
            group=self.rng.choice([None, 1]),
        )[0]

    def gemm(self, scope: Scope, dtype: int, depth: int) -> str:
        dtype = self.rng.choice([dtype, dtype, dtype, I64]) if self.mixed else dtype
        inputs = [self.tensor(scope, (2, 2), dtype, depth + 1)]
        inputs.append(self.tensor(scope, (2, 2), dtype, depth))
        if self.chance(0.5) or self.opset < 11:
            inputs.append(self.bias(scope, dtype, depth + 1))
        trans_a = self.rng.choice([None, None, 0, 1])
        return self.emit(
            scope,
            "Gemm",
            inputs,
            [((2, 2), dtype)],
            transA=self.option(scope, "transA", AttributeProto.INT, trans_a),
            transB=self.rng.choice([None, 0, 1]),
            alpha=self.option(
                scope, "alpha", AttributeProto.FLOAT, self.rng.choice([None, 1.0, 0.5])
            ),
            beta=self.rng.choice([None, None, 1.0, 0.5]),
        )[0]

    def matmul(self, scope: Scope, dtype: int, depth: int) -> str:
        shapes = [((2, 2), (2, 2)), ((1, 2, 2), (2, 2)), ((1, 2, 2), (1, 2, 2)), ((2, 2), (2,))]
        data, weight = self.rng.choice([*shapes[:2], *shapes])
        if self.chance(0.2):  # a product of two variables, if a value is fed here
            inputs = [self.fed(scope, shape, dtype, depth + 1) for shape in (data, weight)]
        else:
            inputs = [self.tensor(scope, data, dtype, depth + 1)]
            inputs.append(self.tensor(scope, weight, dtype, depth))
        result = data if len(weight) > 1 else data[:-1]
        return self.emit(scope, "MatMul", inputs, [(result, dtype)])[0]

    def pool(self, scope: Scope, dtype: int, depth: int) -> str:
        type_ = self.rng.choice(["AveragePool", "MaxPool", "GlobalAveragePool", "GlobalMaxPool"])
        spatial = self.rng.choice([1, 2, 2, 3])
        shape = (1, 2, *[2] * spatial)
        data = [self.tensor(scope, shape, dtype, depth + 1)]
        if type_.startswith("Global"):
            return self.emit(scope, type_, data, [((1, 2, *[1] * spatial), dtype)])[0]
        kernel = self.option(scope, "kernel_shape", AttributeProto.INTS, [1] * spatial)
        outputs = [(shape, dtype)]
        if type_ == "MaxPool" and self.chance(0.3):
            outputs.append((shape, I64))
        return self.emit(scope, type_, data, outputs, kernel_shape=kernel)[0]

    def add(self, scope: Scope, dtype: int, depth: int) -> str:
        dtype = self.rng.choice([dtype, dtype, I64]) if self.mixed else dtype
        shape = self.rng.choice([(2,), (2, 2), (1, 2, 2, 2)])
        data = [self.tensor(scope, shape, dtype, depth + 1) for _ in range(2)]
        if self.chance(0.1):
            data[1] = data[0]
        return self.emit(scope, "Add", data, [(shape, dtype)])[0]
