"""AMCT by its command line, for all frameworks. README.md says how to use it; Python 3.7.

"Command-line options", CANN 7.0.0 and 9.0.0; the names of files: samples of AMCT, README_CN.md.
"""

import subprocess

from amct_request import BATCHES, Unsupported, ends, older, runs, simplified


def quantize(model, request):
    """Quantize the model of a request; return the deploy model, or the record if not of ONNX."""
    home, framework = request.workdir, request.framework
    (home / "asked.cfg").write_text(simplified(request), encoding="utf-8")
    words = ["--calibration_config", "asked.cfg", "--save_path", "result/model"]
    if framework == "onnx":
        words += ["--model", older(request)]
    elif framework == "tensorflow":
        words += ["--model", with_one_output(request), "--outputs", "all_outputs:0"]
    elif request.weights_path is None or request.tensor_quantize:
        raise Unsupported("a Caffe net without blobs, and tensor_quantize, are not documented")
    else:
        words += ["--model", str(request.model_path), "--weights", str(request.weights_path)]
    feeds, shapes = list(request.calibration(BATCHES)), []
    for i, (name, value) in enumerate(feeds[0].items()):
        if not value.shape or set(name) & set(":;,"):
            raise Unsupported(f"--input_shape has no form for the input {name!r}")
        shapes.append(f"{name}:{','.join(map(str, value.shape))}")
        (home / f"data{i}").mkdir()
        for j, feed in enumerate(feeds):  # in ascending order of the files' names
            feed[name].tofile(str(home / f"data{i}/batch{j}.bin"))
    words += ["--input_shape", ";".join(shapes)]
    words += ["--data_dir", ";".join(f"data{i}/" for i in range(len(shapes)))]
    words += ["--data_types", ";".join(value.dtype.name for value in feeds[0].values())]
    subprocess.run([f"amct_{framework}", "calibration", *words], cwd=str(home), check=True)
    if framework == "onnx":
        return str(home / "result/model_deploy_model.onnx")
    (record,) = home.glob("*/record.txt")  # in a folder that is named for this call
    return str(record)


def with_one_output(request):
    """Write the graph with a node that reads all outputs: --outputs is documented for one."""
    from tensorflow.compat import v1 as tf

    definition = tf.GraphDef.FromString(request.model_path.read_bytes())
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(definition, name="")
        outputs = [graph.get_tensor_by_name(f"{name}:0") for name in ends(definition.node)]
        tf.identity_n(outputs, name="all_outputs")
    runs(tf, graph, ["all_outputs:0"], request)
    (request.workdir / "given.pb").write_bytes(graph.as_graph_def().SerializeToString())
    return str(request.workdir / "given.pb")


class Amct:  # the same, with what AMCT can be asked for besides plain quantization
    name, frameworks = "AMCT (command line)", ("onnx", "tensorflow", "caffe")
    settings = ("channel_wise", "tensor_quantize", "skip_layers")
    quantize = staticmethod(quantize)
