"""What both engines of TensorRT-LLM share: options by version, installation, engine configuration, models."""
