"""From training data to a trained, calibrated model."""
