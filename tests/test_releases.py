"""Every release: hand-checked examples of what its cells say, and what a table file may extend."""

from __future__ import annotations

import os
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import tensorflow_graphs as tf
from test_caffe_reading import INPUT, conv, layer, pool, stored
from tiny_graphs import W4, one
from tiny_models import gemm, parsed

from pytest_amct import SpecError, Treatment, answer, load_spec, read_onnx
from pytest_amct.graphs.caffe.reader import read_caffe
from pytest_amct.graphs.network import Layer
from pytest_amct.graphs.tensorflow.reader import read_tensorflow
from pytest_amct.tables.answers import find_row
from pytest_amct.tables.loader import read_document, releases
from pytest_amct.tables.model import DataFormat, Ports

# --- small models ---------------------------------------------------------------------------------

WEIGHTS = (
    "<float[4, 4] w = {}, float[1, 4, 4] w3 = {}, float[4, 4, 3] k3 = {},"
    " float[4, 4, 1, 1] k4 = {}, float[4, 4, 1, 1, 1] k5 = {}>"
)


def onnx(operator: str, takes: str = "float[4, 4] x", before: str = "") -> Layer:
    """The layer that makes ``y``; `takes` are the network's inputs, `before` further layers."""
    made = parsed(f"g ({takes}) => (float y) {WEIGHTS} {{ {before} y = {operator} }}")
    return next(x for x in read_onnx(made).layers if x.outputs[0] and x.outputs[0].name == "y")


def tensorflow(op: str, *inputs: str, before: tuple[Any, ...] = (), **attrs: Any) -> Layer:
    return read_tensorflow(one(op, *inputs, before=before, **attrs)).layer("y")


def caffe(text: str, caffemodel: bytes | None = None) -> Layer:
    return read_caffe(INPUT + text, caffemodel).layer("target")


def said(release: str, judged: Layer, **done: Any) -> str:
    """The verdict, its basis if inferred, and the broken or unknown conditions."""
    found = answer(judged, Treatment(**done), load_spec(release))
    weaker = " (inferred)" if found.verdict == "forbidden" and found.basis == "inferred" else ""
    reasons = [r.condition.split("/")[-1] for r in found.broken or found.unknown]
    return " ".join([found.verdict + weaker, *reasons])


IMAGE, HALF = "float[1, 4, 8, 8] x", "float16[4, 4] q"
PAIR = "float[4, 4] x, float[4, 4] z"
CONV, GEMM = onnx("Conv(x, k4)", IMAGE), onnx("Gemm(x, w)")
POOL = onnx("AveragePool<kernel_shape = [2, 2]>(x)", IMAGE)
POOL_16 = onnx("AveragePool<kernel_shape = [2, 2]>(x)", f"{IMAGE}, {HALF}", "v = Sin(q)")
MAX = onnx("MaxPool<kernel_shape = [2, 2]>(x)", IMAGE)
MAX_16 = onnx("MaxPool<kernel_shape = [2, 2]>(x)", f"{IMAGE}, {HALF}", "v = Sin(q)")
VARIABLES = onnx("MatMul(x, z)", PAIR)
VARIABLES_16 = onnx("MatMul(x, z)", f"{PAIR}, {HALF}", "v = Sin(q)")
RELU, ADD = onnx("Relu(x)"), onnx("Add(x, z)", PAIR)

W2, W3, HALF_INPUT = tf.const("w", 4, 4), tf.const("w", 1, 4, 4), tf.fed("q", dtype="float16")
SIN_16 = (HALF_INPUT, tf.node("Sin", "v", "q", T="float16"))
Z = tf.fed("z")
BATCH = tensorflow("BatchMatMulV2", "x", "z", before=(Z,))
BATCH_16 = tensorflow("BatchMatMulV2", "x", "z", before=(Z, *SIN_16))
BATCH_RANK_2 = tensorflow("BatchMatMulV2", "x", "w", before=(W2,))
BATCH_RANK_3 = tensorflow("BatchMatMulV2", "x", "w", before=(W3,))
IDENTITY = (W4, tf.node("Identity", "i", "w", T="float32"))
RESHAPE = (tf.const("w", 144), tf.ints("s", 3, 3, 4, 4), tf.node("Reshape", "i", "w", "s", **tf.F))

PROD = layer("Eltwise", "eltwise_param { operation: PROD }", reads="data data")
AVE = pool("pool: AVE")
HALVED = layer("InnerProduct", "inner_product_param { num_output: 4 }", "other")
AVE_16 = caffe(AVE + HALVED, stored(("other", [(4, 768), (4,)]), float16=(0,)))
INT8 = tuple(DataFormat(port, 8, False) for port in (0, 1))

BOTH = {"data": True, "inputs": (0, 1)}
PER_CHANNEL = {"data": True, "weights": True, "weight_channel_wise": True}
WITH_OFFSET = {"data": True, "weights": True, "weight_asymmetric": True}
ALONE = {"scheme": "weight_only"}
CLUSTERED = {"scheme": "nonuniform"}


Example = tuple[Layer, dict[str, Any], str]

EXAMPLES: dict[str, list[Example]] = {
    "cann-6.0.1": [
        # Conv names Conv2D alone as IR type, and does not speak of the weight's source
        (onnx("Conv(x, k5)", "float[1, 4, 8, 8, 8] x"), {}, "unspecified weight_rank"),
        (onnx("Conv(x, z)", f"{IMAGE}, float[4, 4, 1, 1] z"), {}, "unspecified weight_source"),
        # these rows are absent, and the page was seen whole
        (onnx("MatMul(x, w)"), {}, "forbidden MatMul"),
        (POOL, {}, "forbidden AveragePool"),
        # DepthwiseConv2dNative: dilation 1
        (
            tensorflow("DepthwiseConv2dNative", "x", "w", before=(W4,), dilations=[1, 2, 2, 1]),
            {},
            "forbidden dilation",
        ),
        # Convolution: dilation 1
        (caffe(conv("kernel_size: 3 dilation: 2")), {}, "forbidden dilation"),
        # there is no table 2 on the page, and table 3 was not seen
        (GEMM, CLUSTERED, "forbidden (inferred) Gemm"),
        (GEMM, ALONE, "unspecified scheme"),
    ],
    "cann-6.3.RC1": [
        # Conv2D: the weight's node can only be a Const
        (tensorflow("Conv2D", "x", "w", before=(W4,)), {}, "quantizable"),
        (tensorflow("Conv2D", "x", "i", before=IDENTITY), {}, "unspecified weight_node"),
        (tensorflow("Conv2D", "x", "i", before=RESHAPE), {}, "forbidden (inferred) weight_node"),
        (
            tensorflow("Conv2D", "x", "f", before=(tf.fed("f", 3, 3, 4, 4),)),
            {},
            "forbidden weight_node weight_source",
        ),
        # Pooling: mode 1 alone
        (caffe(pool("pool: MAX")), {}, "forbidden average"),
        (caffe(AVE), {"shift": True}, "forbidden shift"),
        # a Float16 rule is not on the page
        (POOL_16, {}, "unspecified AveragePool"),
        # a rank-2 constant is asked for, and nothing is said of the weight's source
        (VARIABLES, {}, "forbidden second_input"),
        (onnx("Gemm(x, z)", PAIR), {}, "unspecified weight_source"),
        (ADD, {}, "forbidden Add"),
    ],
    "cann-6.3.RC2": [
        # Eltwise: any operation, data only
        (caffe(PROD), {}, "quantizable"),
        (caffe(PROD), {"weights": True}, "forbidden weights"),
        # the page breaks off in AveragePool
        (MAX, {}, "unspecified seen"),
        (MAX_16, {}, "forbidden (inferred) MaxPool"),
        (RELU, {}, "unspecified Relu"),
        (tensorflow("Relu", "x"), {}, "forbidden Relu"),
        # MaxPool: the cell is empty
        (tensorflow("MaxPool", "x"), {"weights": True}, "forbidden (inferred) weights"),
        # table 3 was not seen
        (GEMM, PER_CHANNEL, "unspecified channel_wise"),
        (CONV, PER_CHANNEL, "quantizable"),
    ],
    "cann-7.0.0": [
        (caffe(PROD), {}, "forbidden operation"),
        (GEMM, PER_CHANNEL, "forbidden channel_wise"),
        (VARIABLES, {}, "forbidden second_input weight_source"),
        (VARIABLES_16, {}, "forbidden second_input weight_source"),
        (ADD, BOTH, "quantizable"),
        (POOL, ALONE, "forbidden mode"),
    ],
    "cann-8.0.RC1": [
        # BatchMatMulV2: two variable inputs, INT8 without an offset
        (BATCH, {}, "quantizable"),
        (BATCH, BOTH | {"formats": INT8}, "quantizable"),
        (BATCH, {"data": True, "inputs": (0,)}, "forbidden two_variables"),
        (BATCH, {"weights": True}, "forbidden two_variables"),
        (BATCH, {"formats": (DataFormat(1, 4),)}, "forbidden two_variables"),
        (BATCH_16, {}, "forbidden BatchMatMulV2"),
        # a constant second input must have rank 2
        (BATCH_RANK_3, {}, "forbidden constant_rank"),
        (tensorflow("BatchMatMulV2", "w", "x", before=(W2,)), {}, "unspecified constant_rank"),
        # the ONNX row MatMul was not seen, and the Float16 rule names BatchMatMulV2
        (VARIABLES, {}, "unspecified seen"),
        (VARIABLES_16, {}, "forbidden (inferred) MatMul"),
        # table 2: only its note was seen
        (GEMM, CLUSTERED, "unspecified scheme"),
    ],
    "cann-8.0.0": [
        # Add: one input at most
        (tensorflow("Add", "x", "z", before=(Z,)), {"inputs": (1,)}, "quantizable"),
        (tensorflow("Add", "x", "z", before=(Z,)), BOTH, "forbidden one_input"),
        (tensorflow("Add", "x", "x"), BOTH, "unspecified two_tensors"),
        # seen in English only
        (ADD, BOTH, "forbidden (inferred) one_input"),
        (POOL, {"shift": True}, "forbidden (inferred) shift"),
        (POOL_16, {}, "forbidden (inferred) AveragePool"),
        (RELU, {}, "forbidden (inferred) Relu"),
        (onnx("ConvTranspose(x, k4)", IMAGE), {}, "unspecified seen"),
    ],
    "cann-8.5.0": [
        # the ONNX rows were not seen, tables 2 and 3 in English
        (GEMM, {}, "unspecified seen"),
        (GEMM, PER_CHANNEL, "forbidden (inferred) channel_wise"),
        (GEMM, CLUSTERED, "quantizable"),
        (gemm("transA = 1"), CLUSTERED, "forbidden (inferred) trans_a"),
        (GEMM, ALONE, "quantizable"),
        (onnx("Gemm(x, z)", PAIR), ALONE, "forbidden (inferred) weight_source"),
        # what table 1 says of transA was not seen
        (gemm("transA = 1"), ALONE, "unspecified trans_a"),
        # table 3 lists asymmetric = true alone, and no pool
        (GEMM, ALONE | {"weight_asymmetric": False}, "unspecified asymmetric"),
        (GEMM, ALONE | {"weight_asymmetric": True}, "quantizable"),
        (tensorflow("AvgPool", "x"), ALONE, "forbidden (inferred) AvgPool"),
        (tensorflow("AvgPool", "x"), PER_CHANNEL, "unspecified channel_wise"),
    ],
    "cann-9.0.0": [
        # the page breaks off behind BatchMatMulV2
        (tensorflow("AvgPool", "x"), {}, "unspecified seen"),
        (tensorflow("AvgPool", "x", before=SIN_16), {}, "forbidden (inferred) AvgPool"),
        (tensorflow("Relu", "x"), {}, "unspecified Relu"),
        (BATCH, {"formats": (DataFormat(0, 8, True),)}, "forbidden two_variables"),
        (BATCH_RANK_2, PER_CHANNEL, "unspecified channel_wise"),
        (caffe(layer("ReLU")), {}, "forbidden ReLU"),
    ],
    "cann-9.2.0.beta1": [
        # MatMul: two variable inputs, INT8 without an offset
        (VARIABLES, BOTH | {"formats": INT8}, "quantizable"),
        (VARIABLES, {"inputs": (1,)}, "forbidden two_variables"),
        (VARIABLES_16, {}, "forbidden MatMul"),
        (onnx("MatMul(x, w3)"), {}, "forbidden constant_rank"),
        (ADD, BOTH, "forbidden one_input"),
        # table 2 is gone
        (CONV, CLUSTERED, "forbidden (inferred) Conv"),
        # table 3 names no pool, and asymmetric = true alone
        (POOL, PER_CHANNEL, "unspecified channel_wise"),
        (POOL, ALONE, "forbidden (inferred) AveragePool"),
        (VARIABLES, ALONE, "forbidden weight_source"),
        (onnx("MatMul(x, w)"), ALONE | {"weight_asymmetric": False}, "unspecified asymmetric"),
        (gemm("transA = 1"), ALONE, "forbidden (inferred) trans_a"),
    ],
    "ge-2026-08": [
        # the cells of CANN 9.2.0.beta1
        (onnx("MatMul(x, w3)"), {}, "forbidden constant_rank"),
        (tensorflow("Add", "x", "z", before=(Z,)), BOTH, "forbidden one_input"),
        (GEMM, WITH_OFFSET, "forbidden asymmetric"),
        (caffe(conv()), CLUSTERED, "forbidden (inferred) Convolution"),
    ],
    "ge-2026-08-ipv350": [
        # one ONNX row, four of TensorFlow
        (CONV, {}, "forbidden Conv"),
        (onnx("ConvTranspose(x, k4)", IMAGE), {}, "quantizable"),
        (tensorflow("AvgPool", "x"), {}, "forbidden AvgPool"),
        (caffe(AVE), {}, "quantizable"),
        # no weight-only mode, and table 3's other columns
        (tensorflow("MatMul", "x", "w", before=(W2,)), ALONE, "forbidden MatMul"),
        (tensorflow("MatMul", "x", "w", before=(W2,)), WITH_OFFSET, "forbidden asymmetric"),
    ],
    "amct-caffe-8.5.0": [
        # Pooling: AVE and not global; nothing on a shift
        (caffe(AVE), {"shift": True}, "quantizable"),
        (caffe(pool("pool: AVE global_pooling: true")), {}, "forbidden global_pooling"),
        (caffe(pool("pool: MAX")), {}, "forbidden (inferred) average"),
        # the list is closed, and a Float16 rule is not on the page
        (caffe(PROD), {}, "forbidden (inferred) Eltwise"),
        (AVE_16, {}, "unspecified Pooling"),
        (RELU, {}, "unspecified Relu"),
    ],
    "amct-tensorflow-9.0.0.beta2": [
        # BatchMatMul has a row; a constant of another rank than 2 is data
        (tensorflow("BatchMatMul", "x", "w", before=(W2,)), {}, "quantizable"),
        (BATCH_RANK_3, {}, "quantizable"),
        (BATCH_RANK_3, BOTH, "quantizable"),
        (BATCH, {"inputs": (0,)}, "forbidden two_variables"),
        (BATCH_16, {}, "quantizable"),
        (tensorflow("BatchMatMulV2", "w", "x", before=(W2,)), {}, "unspecified second_source"),
        (tensorflow("BatchMatMulV2", "x", "w", before=(W2,), adj_x=True), {}, "forbidden adj_x"),
        # Conv3D: the weight's node can only be a Const
        (
            tensorflow("Conv3D", "x", "f", before=(tf.fed("f", 3, 3, 3, 4, 4),)),
            {},
            "forbidden weight_node weight_source",
        ),
        # AvgPool: no condition; MatMul: nothing on the weight's source
        (tensorflow("AvgPool", "x"), {"shift": True}, "quantizable"),
        (tensorflow("MatMul", "x", "z", before=(Z,)), {}, "unspecified weight_source"),
        (tensorflow("Relu", "x"), {}, "forbidden (inferred) Relu"),
    ],
    "amct-onnx-9.0.0": [
        # Conv: data of rank 4 or 5, and a stored weight; dilations are free
        (onnx("Conv(x, k3)", "float[1, 4, 8] x"), {}, "forbidden data_rank"),
        (
            onnx("Conv<dilations = [2, 2, 2]>(x, k5)", "float[1, 4, 8, 8, 8] x"),
            {},
            "quantizable",
        ),
        (onnx("Conv(x, v)", IMAGE, "v = Identity(k4)"), {}, "unspecified weight_node"),
        (onnx("Conv(x, v)", IMAGE, "v = Abs(k4)"), {}, "forbidden (inferred) weight_node"),
        (onnx("Conv(x, z)", f"{IMAGE}, float[4, 4, 1, 1] z"), {}, "forbidden weight_node"),
        # Gemm: alpha and beta 1
        (gemm("alpha = 0.5"), {}, "forbidden alpha_1"),
        # MatMul: a constant of rank 2 or 3, or two variable inputs
        (onnx("MatMul(x, w3)"), {}, "quantizable"),
        (onnx("MatMul(x, k4)"), {}, "forbidden constant_rank_2_or_3"),
        (VARIABLES, {"formats": (DataFormat(0, 16),)}, "forbidden two_variables"),
        # a shift is not a condition; GlobalAveragePool has no row; the page lacks a Float16 rule
        (POOL, {"shift": True}, "quantizable"),
        (POOL_16, {}, "unspecified AveragePool"),
        (onnx("GlobalAveragePool(x)", IMAGE), {}, "forbidden (inferred) GlobalAveragePool"),
        (GEMM, PER_CHANNEL, "unspecified channel_wise"),
    ],
}  # fmt: skip
"""What each release says: a layer, a treatment and the answer. The comments name the statements."""


def test_every_release_has_examples() -> None:
    assert tuple(sorted(EXAMPLES)) == releases()
    assert min(map(len, EXAMPLES.values())) >= 3


@pytest.mark.parametrize(
    ("release", "number"), [(r, n) for r, several in EXAMPLES.items() for n in range(len(several))]
)
def test_an_example(release: str, number: int) -> None:
    judged, done, expected = EXAMPLES[release][number]
    assert said(release, judged, **done) == expected


@pytest.mark.parametrize("release", releases())
def test_a_release_says_where_it_was_read(release: str) -> None:
    spec = load_spec(release)
    assert all(row.page.startswith("https://") or row.seen == "no" for row in spec.rows)
    assert {row.framework for row in spec.rows} == set(spec.frameworks)
    assert spec.title and spec.source == f"{release}.toml"


@pytest.mark.parametrize("between", ["Identity(w)", "Transpose(w)"])
def test_a_constant_of_the_right_rank_behind_another_layer_holds_by_inference(between: str) -> None:
    stored_at_the_port = onnx("MatMul(x, w)")
    behind = onnx("MatMul(x, v)", before=f"v = {between}")
    found = [answer(x, spec=load_spec("cann-9.2.0.beta1")) for x in (stored_at_the_port, behind)]
    assert [(a.verdict, a.basis) for a in found] == [
        ("quantizable", "stated"),
        ("quantizable", "inferred"),
    ]


# --- a file that extends another ------------------------------------------------------------------

OWN = """
release = "own"
title = "Own"
extends = "cann-7.0.0"

[lists]
uniform = "stated"
"""

STRICTER = """
[[row]]
id = "uniform/onnx/Gemm"

[[row.condition]]
id = "trans_b"
require = { attribute = "transB", equals = 0, default = 0 }
basis = "stated"
"""


def write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return str(path)


def test_a_file_of_a_user_extends_a_release(tmp_path: Path) -> None:
    own = write(tmp_path, "own.toml", OWN + STRICTER)
    assert said(own, gemm("transB = 1")) == "forbidden trans_b"
    assert said(own, gemm("transA = 1")) == "forbidden trans_a"
    assert said(own, gemm("transA = 1"), **CLUSTERED) == "unspecified scheme"
    assert said("cann-7.0.0", gemm("transB = 1")) == "quantizable"


def test_a_file_without_pages_takes_them_from_its_base(tmp_path: Path) -> None:
    text = OWN.replace("cann-7.0.0", "cann-8.5.0").partition("[lists]")[0]
    own = write(tmp_path, "own.toml", text)
    assert load_spec(own).notes == load_spec("cann-8.5.0").notes != ()
    for judged, done, expected in EXAMPLES["cann-8.5.0"]:
        assert said(own, judged, **done) == expected
    # The base's patterns may match nothing here.
    own = write(tmp_path, "own.toml", text + 'absent = ["*/onnx/*"]\n[lists]\nuniform = "stated"\n')
    assert said(own, GEMM) == "forbidden Gemm"


def test_the_ports_of_a_form(tmp_path: Path) -> None:
    guide = load_spec("amct-tensorflow-9.0.0.beta2")
    for judged, ports in ((BATCH_RANK_2, Ports((0,), 1)), (BATCH_RANK_3, Ports((0, 1)))):
        row = find_row(judged, guide)
        assert row is not None and row.ports == ports
    pages = '[[page]]\nurl = "https://x"\nlanguage = "en"\nrows = ["*"]\n'
    english = OWN.replace("cann-7.0.0", "cann-9.2.0.beta1").replace("[lists]", f"{pages}[lists]")
    own = write(tmp_path, "own.toml", english)
    assert said(own, VARIABLES, inputs=(0,)) == "forbidden (inferred) two_variables"


def test_a_path_begins_at_the_folder_of_the_file_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a", "base.toml", OWN + STRICTER)
    extends = OWN.replace("cann-7.0.0", "../a/base.toml")
    own = write(tmp_path / "b", "own.toml", extends)
    assert said(own, gemm("transB = 1")) == "forbidden trans_b"
    monkeypatch.chdir(tmp_path / "a")
    assert said("../b/own.toml", gemm("transB = 1")) == "forbidden trans_b"


def test_a_change_of_the_file_that_is_extended_is_noticed(tmp_path: Path) -> None:
    base = tmp_path / "base.toml"
    base.write_text(OWN + STRICTER)
    own = write(tmp_path, "own.toml", OWN.replace("cann-7.0.0", "base.toml"))
    assert load_spec(own) is load_spec(own)
    assert said(own, gemm("transB = 1")) == "forbidden trans_b"
    base.write_text(OWN)
    os.utime(base, ns=(0, 0))
    assert said(own, gemm("transB = 1")) == "quantizable"


def refused(path: str) -> str:
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_that_extends_a_missing_file_is_refused(tmp_path: Path) -> None:
    own = write(tmp_path, "own.toml", OWN.replace("cann-7.0.0", "gone.toml"))
    told = f"{own}: 'extends' names 'gone.toml', which cannot be read (No such file or directory)"
    assert refused(own).startswith(told)
    own = write(tmp_path, "own.toml", OWN.replace("cann-7.0.0", "cann-7.0.1"))
    assert refused(own).startswith(f"{own}: 'extends' names 'cann-7.0.1', which is not a release")
    assert "'cann-7.0.0'" in refused(own)


def test_a_circle_is_refused(tmp_path: Path) -> None:
    own = write(tmp_path, "a.toml", OWN.replace("cann-7.0.0", "b.toml"))
    other = write(tmp_path, "b.toml", OWN.replace("cann-7.0.0", "c/c.toml"))
    third = write(tmp_path / "c", "c.toml", OWN.replace("cann-7.0.0", "../b.toml"))
    last = os.path.join(os.path.dirname(third), "../b.toml")
    circle = f"{own} -> {other} -> {third} -> {last}"
    assert refused(own) == f"{own}: 'extends' leads back to a file: {circle}"
    itself = write(tmp_path, "d.toml", OWN.replace("cann-7.0.0", "d.toml"))
    assert refused(itself) == f"{itself}: 'extends' leads back to a file: {itself} -> {itself}"


def test_an_error_in_a_file_that_is_extended_names_that_file(tmp_path: Path) -> None:
    base = write(tmp_path, "base.toml", OWN + STRICTER.replace("equals", "equal"))
    own = write(tmp_path, "own.toml", OWN.replace("cann-7.0.0", "base.toml"))
    assert refused(own).startswith(f"{base}: row uniform/onnx/Gemm: condition trans_b: 'equal'")
    base = write(tmp_path, "base.toml", "[[row]")
    assert refused(own).startswith(f"{base}: not a TOML file")


ROW = '[[row]]\nid = "uniform/onnx/Gemm"\n'
CONDITION = '[[row.condition]]\nid = "trans_a"\nrequire = { nested = false }\nbasis = "stated"\n'
FORM = "[[row.form]]\nwhen = { both_variable = [0, 1] }\nports = { data = [0, 1] }\n"
TOP, END = "[lists]", 'uniform = "stated"\n'
MISTAKES = {
    "absent": (TOP, f'absent = ["uniform/onnx/Gem"]\n{TOP}', "'absent' names 'uniform/onnx/Gem'"),
    "absent, pattern": (TOP, f'absent = ["*/torch/*"]\n{TOP}', "'absent' names '*/torch/*'"),
    "absent, all": (TOP, f'absent = ["*"]\n{TOP}', "it has no [[row]]: add one"),
    "absent, type": (TOP, f"absent = 7\n{TOP}", "'absent' must be a list of strings"),
    "unseen": (TOP, f'unseen = ["uniform/onnx/Gem"]\n{TOP}', "'unseen' names 'uniform/onnx/Gem'"),
    "unseen, another table": (
        TOP, f'unseen = ["nonuniform/*"]\n{TOP}', "'unseen' names 'nonuniform/*'",
    ),
    "page": (TOP, f'[[page]]\nurl = "u"\nrows = ["*/Gem"]\n{TOP}', "'page' names '*/Gem'"),
    "page, rows left": (
        TOP, f'[[page]]\nurl = "u"\nrows = ["uniform/onnx/*"]\n{TOP}',
        "no [[page]] and no 'unseen' names the row uniform/caffe/InnerProduct",
    ),
    "page, language": (
        TOP, f'[[page]]\nurl = "u"\nrows = ["*"]\nlanguage = "de"\n{TOP}',
        "[[page]]: 'language' must be one of zh, en",
    ),
    "page, key": (
        TOP, f'[[page]]\nurl = "u"\nrows = ["*"]\nlang = "en"\n{TOP}',
        "[[page]]: 'lang' is not a key of this table, did you mean 'language'?",
    ),
    "frameworks": (TOP, f'frameworks = ["torch"]\n{TOP}', "'frameworks' must be some of onnx"),
    "notes": (TOP, f"notes = 'a'\n{TOP}", "'notes' must be a list of strings"),
    "extends": ('"cann-7.0.0"', "7", "'extends' must be a string"),
    "lists": (TOP, "lists = 7\n[other]", "'lists' must be a table"),
    "no row": (END, f'{END}[[row]]\nid = "uniform/onnx/Gem"\n', "row uniform/onnx/Gem: 'types'"),
    "row of a table that is not listed": (
        END, f'{END}[[row]]\nid = "nonuniform/onnx/Gemm"\n',
        "row nonuniform/onnx/Gemm: 'id' must begin with a table of [lists] (uniform)",
    ),
    "the same row twice": (END, END + ROW + ROW, "Gemm: another row has the same 'id'"),
    "without": (
        END, f'{END}{ROW}without = ["transA"]\n',
        "Gemm: 'without' names the condition 'transA', which its base does not have",
    ),
    "condition that the base has": (
        END, END + ROW + CONDITION,
        "Gemm: condition trans_a: its base has one of this id: list it in 'without' to replace it",
    ),
    "condition without an id": (
        END, END + ROW + CONDITION.replace('id = "trans_a"\n', ""),
        "Gemm: condition ?: 'id' is missing",
    ),
    "conditions": (END, f"{END}{ROW}condition = 7\n", "Gemm: 'condition' must be a list"),
    "form without ports": (
        END, END + ROW + FORM.replace("ports = { data = [0, 1] }\n", ""),
        "Gemm: form: 'ports' is missing",
    ),
    "form without data": (
        END, END + ROW + FORM.replace("{ data = [0, 1] }", "{ data = [] }"),
        "Gemm: form: ports: 'data' is empty",
    ),
    "form of no kind": (
        END, END + ROW + FORM.replace("both_variable", "both_variables"),
        "Gemm: form: a requirement must name one of",
    ),
    "form, key": (END, f"{END}{ROW}{FORM}float = 16\n", "form: 'float' is not a key of this table"),
    "form, twice the same condition": (
        END, END + ROW + FORM + 2 * CONDITION.replace("row.condition", "row.form.condition"),
        "Gemm: form: two conditions have the id 'trans_a'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "told"), MISTAKES.values(), ids=MISTAKES)
def test_an_error_names_file_row_and_key(
    tmp_path: Path, before: str, after: str, told: str
) -> None:
    assert before in OWN
    own = write(tmp_path, "own.toml", OWN.replace(before, after))
    message = refused(own)
    assert message.startswith(f"{own}: ")
    assert told in message


# Every key of an extending file, in one file.
EVERY_KEY: Any = {
    "release": "own",
    "title": "Own",
    "extends": "cann-7.0.0",
    "absent": ["*/caffe/*"],
    "unseen": ["uniform/onnx/Add"],
    "notes": ["A note."],
    "frameworks": ["onnx"],
    "page": [{"url": "u", "rows": ["*"], "language": "en"}],
    "lists": {"uniform": "stated"},
    "float16": {"closed": ["Add"], "basis": "open"},
    "row": [
        {
            "id": "uniform/onnx/Gemm",
            "without": ["trans_a"],
            "condition": [
                {
                    "id": "node",
                    "when": {"weight_source": "constant"},
                    "require": {"weight_node": "constant"},
                    "basis": "stated",
                }
            ],
            "open": [{"id": "rank", "require": {"constant_rank": [2]}}],
            "form": [
                {
                    "when": {"both_variable": [0, 1]},
                    "ports": {"data": [0, 1]},
                    "float16": True,
                    "condition": [
                        {"id": "two", "require": {"int8_symmetric": [0, 1]}, "basis": "stated"}
                    ],
                    "open": [{"id": "rank", "require": {"data_rank": [2]}}],
                }
            ],
        },
    ],
}
VALUES = ("x", "", 7, -1, 1.5, True, False, [], ["x"], [1], [{}], {}, {"x": {}})


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a document."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


@pytest.mark.parametrize("path", list(places(EVERY_KEY)), ids=lambda path: ".".join(map(str, path)))
def test_a_value_of_any_type_works_or_is_refused_in_one_sentence(path: tuple[Any, ...]) -> None:
    assert read_document(EVERY_KEY, "own.toml").title == "Own"
    for value in VALUES:
        document = deepcopy(EVERY_KEY)
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value
        try:
            spec = read_document(document, "own.toml")
        except SpecError as error:
            assert str(error).startswith("own.toml: "), value
            assert "\n" not in str(error), value
            continue
        for judged in (GEMM, ADD, POOL_16, onnx("Gemm(x, z)", PAIR)):
            assert answer(judged, Treatment(data=True, inputs=(0,)), spec).reasons, value
