"""Properties of emitters in frames that are too crowded to fit emitters one by one.

``covariance`` and ``exponents`` hold the statistics of the pixels that need no detection,
``scattering`` what they should be, ``photons`` fits the one to the other, ``spots`` takes out what
does not blink, and ``crowd`` is all of it.
"""
