"""Writers of quantized ONNX models: what a tool would have written for given decisions."""
