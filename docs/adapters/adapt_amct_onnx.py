"""AMCT (ONNX) by its Python API. README.md says how to use it; Python 3.7.

create_quant_config, quantize_model, save_model: "AMCT (ONNX)", CANN 8.0.0 to 9.0.0.
The session with AMCT_SO: save_model, CANN 8.0.RC3. Names of files: samples of "AMCT (ONNX)".
"""

import amct_onnx as amct
import onnxruntime
from amct_request import BATCHES, older, simplified


def quantize(model, request):
    """Quantize the model of a request and return AMCT's deploy model.

    It is what runs, and it has the weights. The configuration is only what AMCT intends to do.
    The record has the factors, but not what save_model made of them.
    """
    home = request.workdir
    given, modified = older(request), str(home / "modified.onnx")
    config, record, asked = (str(home / n) for n in ("config.json", "record.txt", "asked.cfg"))
    (home / "asked.cfg").write_text(simplified(request), encoding="utf-8")
    # With config_defination the other settings of this call have no effect.
    amct.create_quant_config(config_file=config, model_file=given, config_defination=asked)
    amct.quantize_model(
        config_file=config, model_file=given, modified_onnx_file=modified, record_file=record
    )
    session = onnxruntime.InferenceSession(modified, amct.AMCT_SO)
    for feed in request.calibration(BATCHES):
        session.run(None, feed)
    amct.save_model(modified_onnx_file=modified, record_file=record, save_path=str(home / "model"))
    return str(home / "model_deploy_model.onnx")


class Amct:
    """The same, and what AMCT can be asked for besides plain quantization."""

    name = "AMCT (ONNX)"
    frameworks = ("onnx",)
    settings = ("channel_wise", "tensor_quantize", "skip_layers")
    quantize = staticmethod(quantize)
