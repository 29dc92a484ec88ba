"""Quality of a table or an image: matching, scores, image comparison, calibration."""
