"""Photon transfer: camera properties from the noise of a movie.

``curve`` measures noise against brightness, ``gain`` reads gain and baseline off it, ``check``
holds a camera that was entered against them.
"""
