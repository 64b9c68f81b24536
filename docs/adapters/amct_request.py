"""What the adapters share; Python 3.7.

Fields: "Simplified PTQ configuration file" of AMCT (ONNX), (TensorFlow), (Caffe), CANN 8.0.0 to
9.0.0; ``layer_name`` and ``input_index``: that of ATC. Opsets 8 to 14: AMCT (ONNX), CANN 9.0.0.
"""

import json

try:
    from pytest_amct import Unsupported
except ImportError:  # run_folder.py, where pytest cannot run

    class Unsupported(Exception):
        """What AMCT cannot be asked for."""


BATCHES = 2  # the feeds that calibrate a model
OFFSET = True  # whether data gets an offset; requests leave it open, so try both


def simplified(request):
    """Return a request as the text of a simplified configuration."""
    # Only ATC documents weight_compress_only and an offset of weights.
    # nuq_config needs what ATC makes of a model that was quantized before.
    if request.scheme != "uniform" or request.settings.get("asymmetric"):
        raise Unsupported("AMCT quantizes data and weights uniformly, weights without an offset")
    if request.skip_layer_types:
        raise Unsupported("requests name types of Ascend IR, AMCT's file those of the framework")
    text = json.JSONEncoder(ensure_ascii=False).encode
    lines = [f"batch_num : {BATCHES}", f"activation_offset : {str(OFFSET).lower()}"]
    lines += [f"skip_layers : {text(name)}" for name in request.skip_layers]
    for name in request.tensor_quantize:
        lines.append(f"tensor_quantize {{ layer_name : {text(name)} input_index : 0 }}")
    if "channel_wise" in request.settings:
        value = str(request.settings["channel_wise"]).lower()
        lines.append(f"common_config {{ arq_quantize {{ channel_wise : {value} }} }}")
    return "\n".join(lines) + "\n"


def older(request):
    """Write the request's ONNX model as one of opset 13 at most, and return its path.

    The operators that the tables list are the same in opset 13 as in 21, the suite's usual one.
    """
    import onnx
    import onnxruntime

    model, path = onnx.load(str(request.model_path)), str(request.workdir / "given.onnx")
    model.ir_version = min(model.ir_version, 7)
    for used in model.opset_import:
        used.version = min(used.version, 13)
    onnx.save(model, path)
    try:
        onnx.checker.check_model(path, full_check=True)
        session = onnxruntime.InferenceSession(path)
        for feed in request.calibration(BATCHES):
            session.run(None, feed)
    except Exception as error:
        raise Unsupported(f"does not run as a model of opset 13: {error}") from error
    return path


def ends(nodes):
    """Return the names of a graph's outputs, as those of its operators that nobody reads."""
    read = {name.lstrip("^").split(":")[0] for node in nodes for name in node.input}
    names = (n.name for n in nodes if n.op not in ("Const", "Placeholder", "NoOp", "Assert"))
    return [name for name in names if name not in read]


def runs(tf, graph, outputs, request):
    """Raise Unsupported if TensorFlow lacks a kernel or waits for a queue: AMCT is not to blame."""
    try:
        with tf.Session(graph=graph) as session:
            for feed in request.calibration(BATCHES):
                fed = {f"{name}:0": value for name, value in feed.items()}
                session.run(outputs, fed, options=tf.RunOptions(timeout_in_ms=5000))
    except Exception as error:
        raise Unsupported(f"TensorFlow does not run the model: {error}") from error
