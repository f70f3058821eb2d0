"""Engine ``silero``: voice activity by Silero's ONNX model, for the prepare stage."""
