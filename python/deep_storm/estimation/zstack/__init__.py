"""A PSF over depth from z-stacks of beads.

``stacks`` reads them, ``selection`` finds beads that can be used, ``scan`` checks that the planes
are a scan through focus, ``alignment`` says where each bead lies in x, y and z, and ``fit`` fits
all beads and the PSF together, with the spline of ``grid``. ``calibration`` is the way through,
``result`` what comes of it.
"""
