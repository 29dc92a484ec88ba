"""The worker process: what runs beside ImageJ, where TensorFlow is."""
