"""How good a table or an image is: matching, scores, image comparison, calibration."""
