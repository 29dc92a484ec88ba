"""What camera and molecules look like, from a stack, a table or a ground truth.

``matching`` reads it off a ground truth, ``background`` off the dark part of a stack or a dark
stack, ``table`` off a localization table. ``stack`` finds it blind, from the frames and the camera
alone: ``covariance`` and ``exponents`` hold the statistics of the pixels that need no detection,
``scattering`` what they should be, ``photons`` fits the one to the other, ``isolated`` fits
emitters one by one where they do not overlap.
"""

from deep_storm.estimation.matching import Matched, match_settings
from deep_storm.estimation.stack import Estimate, estimate_stack

__all__ = ["Estimate", "Matched", "estimate_stack", "match_settings"]
