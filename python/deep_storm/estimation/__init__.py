"""Camera, PSF and emitter properties, estimated from a stack, a table or a ground truth.

The entry is :func:`estimate_stack` (``stack``). First ``screening`` leaves out what is no
measurement; ``transfer`` reads the camera off the noise, ``camera`` off dark frames and dark
parts. Molecules: ``blind`` from the statistics of pixels, which need no localization, ``isolated``
and ``sparse`` from those that stand alone, ``psf`` the whole shape from a crowded movie or beads,
``zstack`` over depth from beads, ``density`` where they are. ``table`` and ``matching`` read all
that off a localization table and a ground truth, ``combined`` compares them. Whether to believe it:
``trust``, ``plausibility``.
"""

from deep_storm.estimation.matching import Matched, match_settings
from deep_storm.estimation.stack import Estimate, estimate_stack

__all__ = ["Estimate", "Matched", "estimate_stack", "match_settings"]
