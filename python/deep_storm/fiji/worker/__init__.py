"""The worker process, which runs beside ImageJ and holds TensorFlow."""
