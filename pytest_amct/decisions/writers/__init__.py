"""Writers of quantized models: they write what a tool would write for given decisions."""
