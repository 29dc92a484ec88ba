"""Camera, PSF and emitter properties, estimated from a stack, a table or a ground truth.

The entry is :func:`estimate_stack` (``stack``). First ``screening`` leaves out what is no
measurement; ``transfer`` derives the camera from the noise, ``camera`` from dark frames and dark
parts. Molecules: ``blind`` from the statistics of pixels, which need no localization, ``isolated``
and ``sparse`` from isolated ones, ``psf`` the whole shape from a crowded movie or beads, ``zstack``
over depth from beads, ``density`` where they are; ``assembly`` makes an estimate of it. ``table``
and ``matching`` derive all that from a localization table and a ground truth, ``combined`` compares
them. Whether to believe it: ``trust``, ``plausibility``.
"""

from deep_storm.estimation.matching import Matched, match_settings
from deep_storm.estimation.result import Estimate
from deep_storm.estimation.stack import estimate_stack

__all__ = ["Estimate", "Matched", "estimate_stack", "match_settings"]
