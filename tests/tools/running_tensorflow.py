"""Import graphs with TensorFlow itself and run them on the CPU, whatever they contain."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # for scripts; `conftest` explains why

_HAS_ONEDNN = platform.machine() in ("x86_64", "AMD64")
_HALF = 19
"""The number of Float16 in TensorFlow's enum ``DataType``."""

_NO_KERNEL = re.compile(
    r"only supports (the )?NHWC|only supported for NHWC"
    r"|not (yet )?support dilation|only supports dilated rates of 1"
)


def lacks_kernel(error: Exception) -> bool:
    """Return whether a graph was imported and fails only because a kernel of oneDNN is missing.

    They may be switched off, and those of Float16 exist on some processors only.
    """
    off = not _HAS_ONEDNN or os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"
    if _NO_KERNEL.search(str(error)) is None:
        return False
    return off or (_may_be_of_float16(error) and not has_float16_kernels())


def _may_be_of_float16(error: Exception) -> bool:
    node = getattr(error, "node_def", None)
    if node is None:  # of a node in a function, TensorFlow tells only the name
        return "{{node" in str(error)
    return "T" in node.attr and node.attr["T"].type == _HALF


@cache
def has_float16_kernels() -> bool:
    """Return whether TensorFlow runs a Float16 convolution in NCHW on this processor."""
    import numpy as np
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        data, weight = (tf.constant(np.ones((1, 1, 1, 1)), tf.float16) for _ in range(2))
        made = tf.raw_ops.Conv2D(
            input=data, filter=weight, strides=[1] * 4, padding="VALID", data_format="NCHW"
        )
        try:
            with tf.compat.v1.Session(graph=graph) as session:
                session.run(made)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            return False
    return True


def run(data: bytes, wanted: str = "") -> tuple[int, ...]:
    """Run all final nodes of a graph, and return the actual shape of the result of node `wanted`.

    Variables, iterators, queues and stages are filled first, and arguments are fed. Raises any
    error of TensorFlow.
    """
    import numpy as np
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        tf.import_graph_def(_without_arguments(tf.compat.v1.GraphDef.FromString(data)), name="")
        nodes = graph.get_operations()
        read = {taken.op for node in nodes for taken in node.inputs}
        feeds = {
            node.outputs[0]: np.array(_fed(node.outputs[0]))
            for node in nodes
            if node.type == "Placeholder"
        }
        sinks = [node.outputs[0] for node in nodes if node.outputs and node not in read]
        filled = [made for node in nodes if (made := _filled(tf, node)) is not None]
        patience = tf.compat.v1.ConfigProto(operation_timeout_in_ms=60_000)
        with tf.compat.v1.Session(graph=graph, config=patience) as session:
            session.run(filled)
            asked = {wanted: f"{wanted}:0"} if wanted else {}
            fetched = ([sink for sink in sinks if sink not in feeds], asked)
            # Run once: a second run would wait forever on the empty queue.
            _, given = session.run(fetched, feeds)
            return np.shape(given[wanted]) if wanted else ()


def _without_arguments(graph: Any) -> Any:
    """Turn the arguments of a graph into inputs, because a session cannot feed arguments."""
    for node in graph.node:
        if node.op in ("_Arg", "_DeviceArg"):
            node.op = "Placeholder"
            node.attr["dtype"].CopyFrom(node.attr["T"])
            node.attr["shape"].shape.CopyFrom(node.attr["_output_shapes"].list.shape[0])
            for name in ("T", "index", "_output_shapes"):
                del node.attr[name]
    return graph


def _fed(placeholder: Any) -> Any:
    import numpy as np

    for reader in placeholder.consumers():
        if reader.type == "Conv2DBackpropInput" and reader.inputs[0] is placeholder:
            return np.array(_given_shape(reader), np.int32)
    if placeholder.shape.rank is None:  # that of a matrix product
        return np.ones((4, 32), placeholder.dtype.as_numpy_dtype)
    return np.ones([n or 1 for n in placeholder.shape], placeholder.dtype.as_numpy_dtype)


def _given_shape(transposed: Any) -> list[int]:
    """Return the smallest shape that a transposed convolution can have as its result."""
    weight, data = ([n or 1 for n in given.shape] for given in transposed.inputs[1:3])
    first = transposed.get_attr("data_format") == b"NCHW"
    axes = (2, 3) if first else (1, 2)
    made = [data[0], 0, 0, weight[2]] if not first else [data[0], weight[2], 0, 0]
    for axis, kernel in zip(axes, weight[:2], strict=True):
        stride, dilation = (transposed.get_attr(n)[axis] for n in ("strides", "dilations"))
        valid = transposed.get_attr("padding") == b"VALID"
        reach = dilation * (kernel - 1) + 1 if valid else 1
        made[axis] = (data[axis] - 1) * stride + reach
    return made


def _filled(tf: Any, node: Any) -> Any:
    """Return the operation that gives a stateful node its first value."""
    held = node.outputs[0] if node.outputs else None
    if node.type in ("VariableV2", "VarHandleOp"):
        value = tf.ones(_sizes(node.get_attr("shape")), node.get_attr("dtype"))
        if node.type == "VariableV2":
            return tf.raw_ops.Assign(ref=held, value=value).op
        return tf.raw_ops.AssignVariableOp(resource=held, value=value)
    if node.type in ("FIFOQueue", "FIFOQueueV2"):
        dtype = node.get_attr("component_types")[0]
        sizes = _sizes(node.get_attr("shapes")[0])
        value = tf.constant("1") if dtype == tf.string else tf.ones(sizes, dtype)
        fill = getattr(tf.raw_ops, node.type.replace("FIFOQueue", "QueueEnqueue"))
        return fill(handle=held, components=[value])
    if node.type.endswith(("Unstage", "Peek")):
        (reshape,) = held.consumers()
        value = tf.ones(tuple(reshape.outputs[0].shape), node.get_attr("dtypes")[0])
        given = {"values": [value], "shared_name": node.get_attr("shared_name")}
        if node.type in ("Unstage", "StagePeek"):
            return tf.raw_ops.Stage(**given)
        stage = getattr(tf.raw_ops, re.sub("Unstage|Peek", "Stage", node.type))
        key, indices = tf.constant(1, tf.int64), tf.constant([0])
        return stage(key=key, indices=indices, dtypes=node.get_attr("dtypes"), **given)
    if node.type in ("IteratorV2", "MultiDeviceIterator"):
        kinds = zip(node.get_attr("output_shapes"), node.get_attr("output_types"), strict=True)
        elements = tuple(tf.ones(_sizes(sizes), dtype) for sizes, dtype in kinds)
        values = tf.data.Dataset.from_tensors(elements)._variant_tensor
        if node.type == "IteratorV2":
            return tf.raw_ops.MakeIterator(dataset=values, iterator=held)
        # Its first incarnation is the one that the graph reads.
        return tf.raw_ops.MultiDeviceIteratorInit(
            dataset=values, multi_device_iterator=held, max_buffer_size=1
        )
    return None


def _sizes(shape: Any) -> Sequence[int]:
    return [dim.size for dim in shape.dim]
