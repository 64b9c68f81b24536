"""AMCT (Caffe) by its Python API. README.md says how to use it; Python 3.7.

create_quant_config, quantize_model: "AMCT (Caffe)", CANN 7.0.0. init, save_model: CANN 6.0.1,
8.0.RC3 and 9.0.0. The inference with pycaffe: samples of "AMCT (Caffe)".
"""

import amct_caffe as amct
import caffe
from amct_request import BATCHES, Unsupported, simplified


def quantize(model, request):
    """Quantize the model of a request and return AMCT's record.

    The record has the factors that calibration found, and save_model refuses one that lacks any.
    The configuration is only what AMCT intends to do. The deploy net cannot be read back.
    """
    if request.weights_path is None:
        raise Unsupported("AMCT asks for a caffemodel, and the net has no blobs")
    if request.tensor_quantize:
        raise Unsupported("no document was seen that has tensor_quantize for Caffe")
    home = request.workdir
    net, weights = str(request.model_path), str(request.weights_path)
    config, record, asked = (str(home / n) for n in ("config.json", "record.txt", "asked.cfg"))
    changed, blobs = str(home / "modified.prototxt"), str(home / "modified.caffemodel")
    (home / "asked.cfg").write_text(simplified(request), encoding="utf-8")
    # With config_defination the other settings of this call have no effect.
    amct.create_quant_config(
        config_file=config, model_file=net, weights_file=weights, config_defination=asked
    )
    graph = amct.init(
        config_file=config,
        model_file=net,
        weights_file=weights,
        scale_offset_record_file=record,
    )
    amct.quantize_model(graph=graph, modified_model_file=changed, modified_weights_file=blobs)
    caffe.set_mode_cpu()
    calibrated = caffe.Net(changed, blobs, caffe.TEST)
    for feed in request.calibration(BATCHES):
        calibrated.forward(**feed)
    amct.save_model(graph=graph, save_type="Both", save_path=str(home / "model"))
    return record


class Amct:
    """The same, and what AMCT can be asked for besides plain quantization."""

    name = "AMCT (Caffe)"
    frameworks = ("caffe",)
    settings = ("channel_wise", "skip_layers")
    quantize = staticmethod(quantize)
