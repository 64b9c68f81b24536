"""Graphs and sessions: names and feeds are checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.graphs.tensorflow.schema import schema

GraphDef = schema().GraphDef

_current: list[Graph] = []


@dataclass
class Operator:
    """A node."""

    name: str


@dataclass
class Tensor:
    """An output of a node."""

    op: Operator
    dtype: str = "float32"


class Graph:
    """A graph definition, and the functions of the nodes that were added to it."""

    def __init__(self) -> None:
        self.definition = GraphDef()
        self.functions: dict[str, Callable[[Any], Any]] = {}

    @contextmanager
    def as_default(self) -> Iterator[Graph]:
        """Make this the graph that others add to."""
        _current.append(self)
        yield self
        _current.pop()

    def as_graph_def(self) -> Any:
        """Return the definition."""
        return self.definition

    def get_tensor_by_name(self, name: str) -> Tensor:
        """Return the first output of a node."""
        node, _, port = name.partition(":")
        if port != "0":
            raise ValueError(f"{name!r} is not the name of a tensor")
        if node not in self.functions and node not in {n.name for n in self.definition.node}:
            raise KeyError(f"the graph has no {name!r}")
        return Tensor(Operator(node))


def import_graph_def(definition: Any, name: str) -> None:
    """Add a definition to the current graph."""
    assert name == "", "names get a prefix otherwise"
    _current[-1].definition.MergeFrom(definition)


def numpy_function(func: Any, inp: Sequence[Tensor], dtype: str, name: str) -> Tensor:
    """Add a node that calls a function."""
    _current[-1].functions[name] = func
    return Tensor(Operator(name))


def identity_n(inputs: Sequence[Tensor], name: str) -> None:
    """Add a node that hands its inputs on."""
    node = _current[-1].definition.node.add(name=name, op="IdentityN")
    node.input.extend(tensor.op.name for tensor in inputs)
    node.attr["T"].list.type.extend([1] * len(inputs))


def global_variables_initializer() -> None:
    """Return what sets variables to their first values."""


@dataclass
class RunOptions:
    """How a session runs."""

    timeout_in_ms: int


class Session:
    """A session of a graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        network = read_tensorflow(graph.definition.SerializeToString())
        self.inputs = {f"{tensor.name}:0" for tensor in network.inputs}

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: Any) -> None:
        pass

    def run(
        self, fetches: Any, feed_dict: Mapping[str, Any] | None = None, options: Any = None
    ) -> None:
        """Check names and feeds, and call the functions of what is fetched."""
        if fetches is None:
            return
        fed = feed_dict or {}
        if set(fed) != self.inputs or not all(isinstance(v, np.ndarray) for v in fed.values()):
            raise ValueError(f"the graph has the inputs {self.inputs}, not {set(fed)}")
        for fetch in fetches:
            name = self.graph.get_tensor_by_name(fetch).op.name
            if name in self.graph.functions:
                self.graph.functions[name](None)
