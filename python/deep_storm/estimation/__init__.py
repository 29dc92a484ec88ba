"""What camera and molecules look like, from a stack, a table or a ground truth.

``matching`` reads it off a ground truth, ``table`` off a localization table; ``camera`` measures
baseline and noise in the dark part of a stack or a dark stack. ``stack`` finds it blind, from the
frames and the camera alone: ``blind`` from the statistics of the pixels, which need no detection,
``isolated`` from emitters that do not overlap, fitted one by one.
"""

from deep_storm.estimation.matching import Matched, match_settings
from deep_storm.estimation.stack import Estimate, estimate_stack

__all__ = ["Estimate", "Matched", "estimate_stack", "match_settings"]
