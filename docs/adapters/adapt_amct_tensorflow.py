"""AMCT (TensorFlow) by its Python API. README.md says how to use it; Python 3.7.

create_quant_config, save_model: "AMCT (TensorFlow)", CANN 7.0.0.
quantize_model with calib_outputs: CANN 6.2.RC1, 8.1.RC1 to 9.0.0.
"""

import amct_tensorflow as amct
import tensorflow
from amct_request import BATCHES, ends, runs, simplified

tf = tensorflow.compat.v1


def quantize(model, request):
    """Quantize the model of a request and return AMCT's record.

    The record has the factors that calibration found, and save_model refuses one that lacks any.
    The configuration is only what AMCT intends to do. The quantized graph cannot be read back.
    """
    home = request.workdir
    given, record = str(request.model_path), str(home / "record.txt")
    config, asked = str(home / "config.json"), str(home / "asked.cfg")
    (home / "asked.cfg").write_text(simplified(request), encoding="utf-8")
    definition = tf.GraphDef.FromString(request.model_path.read_bytes())
    names = ends(definition.node)
    feeds = [{n + ":0": v for n, v in f.items()} for f in request.calibration(BATCHES)]
    with tensorflow.Graph().as_default() as graph:
        tf.import_graph_def(definition, name="")
        runs(tf, graph, [name + ":0" for name in names], request)
        amct.create_quant_config(config_file=config, graph=graph, config_defination=asked)
        outputs = list(names)  # quantize_model changes it if it changes the graph's ends
        amct.quantize_model(
            graph=graph, config_file=config, record_file=record, calib_outputs=outputs
        )
        with tf.Session(graph=graph) as session:
            session.run(tf.global_variables_initializer())
            for feed in feeds:
                session.run([n if ":" in n else n + ":0" for n in outputs], feed)
    amct.save_model(
        pb_model=given, outputs=names, record_file=record, save_path=str(home / "model")
    )
    return record


class Amct:
    """The same, and what AMCT can be asked for besides plain quantization."""

    name, frameworks = "AMCT (TensorFlow)", ("tensorflow",)
    settings = ("channel_wise", "tensor_quantize", "skip_layers")
    quantize = staticmethod(quantize)
