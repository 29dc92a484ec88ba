"""Training: from training data to a trained, calibrated model."""
