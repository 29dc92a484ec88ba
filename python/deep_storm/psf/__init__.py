"""The point spread function as an object.

``table`` is a PSF whatever its shape: a table finer than a pixel. ``gaussian`` and ``pupil`` make
one from theory, ``random`` draws one to train a general model with. ``kernels`` spreads the light
of emitters over pixels, and ``code`` says in a few numbers how a PSF differs from a Gaussian.
"""
