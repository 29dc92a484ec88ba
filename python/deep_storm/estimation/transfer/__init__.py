"""Photon transfer: what the noise of a movie says about the camera that took it.

``curve`` measures noise against brightness, ``gain`` reads gain and baseline off it, ``check``
holds a camera that was entered against them.
"""
