#!/usr/bin/env bash
# tensorflow 2.21: whether a folded layer leaves its name in a flatbuffer depends on its type.
#
# The TFLite converter folds arithmetic with constants after a Conv2D into its weight and bias. A
# flatbuffer names tensors only. A Sub, Add, BiasAdd or Relu leaves its name on the output, joined
# by semicolons with others, constants included. A Mul or a RealDiv by a constant leaves none: the
# output's name is `conv` followed by a number without a separator, so `conv2` looks like another
# layer. So a folded layer cannot be told from a removed one.
#
# Seen (name of the INT8 output of the Conv):
#   Mul: conv2
#   RealDiv: conv2
#   Sub: last;conv;last/y1
#   Add: last;conv;last/y1
#   BiasAdd: last;conv;last/bias1
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check tensorflow-cpu==2.21.0
cd "$dir"
venv/bin/python - <<'EOF'
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)
KERNEL = tf.constant(rng.normal(size=(1, 1, 8, 32)).astype(np.float32))
OTHER = tf.constant(rng.uniform(0.5, 2, size=(32,)).astype(np.float32))
ops = tf.raw_ops
FOLDED = {
    "Mul": lambda x: ops.Mul(x=x, y=OTHER, name="last"),
    "RealDiv": lambda x: ops.RealDiv(x=x, y=OTHER, name="last"),
    "Sub": lambda x: ops.Sub(x=x, y=OTHER, name="last"),
    "Add": lambda x: ops.AddV2(x=x, y=OTHER, name="last"),
    "BiasAdd": lambda x: ops.BiasAdd(value=x, bias=OTHER, name="last"),
}


def output(last) -> str:
    """The name of the only Conv's output in the INT8 flatbuffer."""

    @tf.function(input_signature=[tf.TensorSpec([1, 4, 4, 8])])
    def network(x):
        return tf.sin(last(tf.nn.conv2d(x, KERNEL, 1, "SAME", name="conv")), name="sin")

    function = network.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], network)
    batch = [rng.normal(size=(1, 4, 4, 8)).astype(np.float32)]
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: [batch] * 4
    content = converter.convert()
    plain = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = tf.lite.Interpreter(model_content=content, experimental_op_resolver_type=plain)
    tensors = {t["index"]: t for t in interpreter.get_tensor_details()}
    operators = interpreter._get_ops_details()
    assert not {o["op_name"] for o in operators} & {"MUL", "DIV", "SUB", "ADD"}, "nothing is folded"
    conv = next(o for o in operators if o["op_name"] == "CONV_2D")
    found = tensors[conv["outputs"][0]]
    assert found["dtype"] is np.int8
    return found["name"]


seen = {kind: output(last) for kind, last in FOLDED.items()}
for kind, name in seen.items():
    print(f"{kind}: {name}")
for kind, name in seen.items():
    kept = "last" in name.split(";")
    assert kept == (kind not in ("Mul", "RealDiv")), f"{kind} leaves another name now"
assert seen["Mul"] == "conv2"
EOF
