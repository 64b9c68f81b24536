"""Caffe nets of any size whose reading may cost too much, by what they have many of."""

from __future__ import annotations

from typing import Any

from cost_kinds import Kinds, registering

from pytest_amct.graphs.caffe.schema import message

KINDS: Kinds = {}
"""The makers of nets by kind, each with the size at which it is measured.

They return the prototxt, and the caffemodel if there is one.
"""

kind = registering(KINDS)

INPUT = 'input: "x" input_shape { dim: 1 dim: 4 dim: 8 dim: 8 }\n'
CONV = "convolution_param { num_output: 4 kernel_size: 1 }"


def _layer(type_: str, name: str, bottom: str, top: str, more: str = "") -> str:
    ends = f'bottom: "{bottom}" top: "{top}"'
    return f'layer {{ name: "{name}" type: "{type_}" {ends} {more} }}\n'


def _net(*lines: str) -> tuple[str, bytes]:
    return INPUT + "".join(lines), b""


@kind(10_000)
def a_plain_net(n: int) -> tuple[str, bytes]:
    lines = []
    for i in range(n // 2):
        lines.append(_layer("Convolution", f"c{i}", f"r{i - 1}" if i else "x", f"c{i}", CONV))
        lines.append(_layer("ReLU", f"r{i}", f"c{i}", f"r{i}"))
    return _net(*lines)


@kind(20_000)
def bare_layers(n: int) -> tuple[str, bytes]:
    return _net(*('layer{type:"A"}' for _ in range(n)))


@kind(10_000)
def layers_in_place(n: int) -> tuple[str, bytes]:
    return _net(*(_layer("ReLU", f"r{i}", "x", "x") for i in range(n)))


@kind(10_000)
def convolutions_in_place(n: int) -> tuple[str, bytes]:
    return _net(*(_layer("Convolution", f"c{i}", "x", "x", CONV) for i in range(n)))


@kind(10_000)
def layers_that_share_a_weight(n: int) -> tuple[str, bytes]:
    shared = f'{CONV} param {{ name: "w" }} param {{ name: "b" }}'
    return _net(*(_layer("Convolution", f"c{i}", "x", f"c{i}", shared) for i in range(n)))


@kind(10_000)
def readers_of_one_blob(n: int) -> tuple[str, bytes]:
    return _net(*(_layer("ReLU", f"r{i}", "x", f"r{i}") for i in range(n)))


@kind(50_000)
def a_layer_of_many_tops(n: int) -> tuple[str, bytes]:
    tops = " ".join(f'top: "t{i}"' for i in range(n))
    layer = f'layer {{ name: "s" type: "Slice" bottom: "x" {tops} }}\n'
    return _net(layer, _layer("ReLU", "r", f"t{n - 1}", "y"))


@kind(50_000)
def a_layer_of_many_bottoms(n: int) -> tuple[str, bytes]:
    bottoms = 'bottom: "x" ' * n
    return _net(f'layer {{ name: "s" type: "Concat" {bottoms} top: "y" }}\n')


@kind(300)
def layers_of_many_bottoms_and_tops(n: int) -> tuple[str, bytes]:
    lines = []
    for k in range(n):
        tops = " ".join(f'top: "t{k}.{i}"' for i in range(n // 4))
        lines.append(f'layer {{ name: "s{k}" type: "Split" bottom: "x" {tops} }}\n')
        bottoms = " ".join(f'bottom: "t{k}.{i}"' for i in range(n // 4))
        lines.append(f'layer {{ name: "e{k}" type: "Eltwise" {bottoms} top: "e{k}" }}\n')
    return _net(*lines)


@kind(50_000)
def inputs(n: int) -> tuple[str, bytes]:
    return _net("".join(f'input: "x{i}" input_shape {{ dim: 1 }}\n' for i in range(n)))


@kind(50_000)
def layers_of_the_training_phase(n: int) -> tuple[str, bytes]:
    rules = "include { phase: TRAIN } " * 5
    lines = [_layer("ReLU", f"r{i}", "x", "x", rules) for i in range(n // 10)]
    return _net(*lines, _layer("ReLU", "r", "x", "y"))


@kind(100_000)
def rules_and_stages(n: int) -> tuple[str, bytes]:
    stages = " ".join(f'stage: "s{i}"' for i in range(n // 100))
    rules = 'include { stage: "t" } ' * (n // 100)
    lines = [_layer("ReLU", f"r{i}", "x", "x", rules) for i in range(5)]
    return _net(f"state {{ {stages} }}\n", *lines, _layer("ReLU", "r", "x", "y"))


@kind(10_000)
def layers_of_the_old_format(n: int) -> tuple[str, bytes]:
    lines = []
    for i in range(n):
        ends = f'bottom: "{f"c{i - 1}" if i else "x"}" top: "c{i}"'
        lines.append(f'layers {{ name: "c{i}" type: CONVOLUTION {ends} {CONV} }}\n')
    return _net(*lines)


@kind(10_000)
def layers_of_the_oldest_format(n: int) -> tuple[str, bytes]:
    lines = []
    for i in range(n // 2):
        last = f"c{i - 1}" if i else "x"
        inner = f'layer {{ name: "p{i}" type: "padding" pad: 1 }}'
        lines.append(f'layers {{ {inner} bottom: "{last}" top: "p{i}" }}\n')
        inner = f'layer {{ name: "c{i}" type: "conv" num_output: 4 kernelsize: 1 }}'
        lines.append(f'layers {{ {inner} bottom: "p{i}" top: "c{i}" }}\n')
    return _net(*lines)


@kind(200_000)
def a_long_list(n: int) -> tuple[str, bytes]:
    entries = "dilation: 1 " * n
    given = f"convolution_param {{ num_output: 4 kernel_size: 1 {entries} }}"
    return _net(_layer("Convolution", "c", "x", "c", given))


@kind(50_000)
def slices(n: int) -> tuple[str, bytes]:
    given = f"slice_param {{ {' '.join(f'slice_point: {i + 1}' for i in range(n - 1))} }}"
    tops = " ".join(f'top: "t{i}"' for i in range(n))
    return _net(f'layer {{ name: "s" type: "Slice" bottom: "x" {tops} {given} }}\n')


@kind(200_000)
def an_input_of_many_dimensions(n: int) -> tuple[str, bytes]:
    lines = [f'input: "z" input_shape {{ {"dim: 1 " * (n // 20)} }}\n']
    for i in range(100):
        last = f"r{i - 1}" if i else "z"
        lines.append(_layer(("ReLU", "Softmax", "Pooling")[i % 3], f"r{i}", last, f"r{i}"))
    return _net(*lines)


@kind(200_000)
def permutations(n: int) -> tuple[str, bytes]:
    dims = n // 40
    orders = " ".join(f"order: {i}" for i in reversed(range(dims)))
    given = f"permute_param {{ {orders} }}"
    lines = [f'input: "z" input_shape {{ {"dim: 1 " * dims} }}\n']
    lines.append(_layer("Permute", "p", "z", "p", given))
    lines.append(_layer("Pooling", "q", "p", "q"))
    return _net(*lines)


@kind(500_000)
def comments(n: int) -> tuple[str, bytes]:
    return _net("# no\n" * (n // 5), _layer("ReLU", "r", "x", "y"))


@kind(50_000)
def strings(n: int) -> tuple[str, bytes]:
    lines = [_layer("Convolution", "é" * (n // 20), "x", "y", CONV)]
    return _net(*lines, *(_layer("ReLU", f"r{i}" * (n // 200), "x", "x") for i in range(10)))


@kind(1_000_000)
def long_strings(n: int) -> tuple[str, bytes]:
    return _net(_layer("ReLU", "n" * n, "x", "y"))


@kind(1_000_000)
def escapes(n: int) -> tuple[str, bytes]:
    return _net(_layer("ReLU", "\\n" * (n // 2), "x", "y"))


@kind(2_000_000)
def blobs(n: int) -> tuple[str, bytes]:
    stored = message("NetParameter")
    blob = stored.layer.add(name="c", type="Convolution").blobs.add()
    blob.shape.dim.extend([4, n // 4, 1, 1])
    blob.data.extend([1.0] * (n // 4 * 4))
    given = "convolution_param { num_output: 4 kernel_size: 1 bias_term: false }"
    return INPUT + _layer("Convolution", "c", "x", "y", given), stored.SerializeToString()


@kind(10_000)
def small_blobs(n: int) -> tuple[str, bytes]:
    stored, lines = message("NetParameter"), []
    for i in range(n):
        layer = stored.layer.add(name=f"c{i}", type="Convolution")
        for dims in ([4, 4, 1, 1], [4]):
            blob = layer.blobs.add()
            blob.shape.dim.extend(dims)
            blob.data.extend([1.0] * (16 if len(dims) > 1 else 4))
        lines.append(_layer("Convolution", f"c{i}", "x", "x", CONV))
    return INPUT + "".join(lines), stored.SerializeToString()


@kind(1_000_000)
def blobs_of_the_old_format(n: int) -> tuple[str, bytes]:
    """The prototxt itself has the blobs, which the upgrade must not copy again and again."""
    stored: Any = message("NetParameter")
    layer = stored.layers.add(name="c", type=4, bottom=["x"], top=["y"])
    layer.convolution_param.num_output = 4
    layer.convolution_param.kernel_size.append(1)
    layer.convolution_param.bias_term = False
    blob = layer.blobs.add(num=4, channels=n // 80, height=1, width=1)
    blob.data.extend([1.0] * (n // 80 * 4))
    return INPUT + str(stored), b""
