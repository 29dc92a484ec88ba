"""Simulated camera frames with a known truth.

``structures`` says where emitters may be, ``emitters`` draws them, ``psf`` spreads their light
over pixels, ``noise`` is the camera. ``frames`` puts these together to movies of any length,
``patches`` to the endless batches that networks are trained on.
"""
