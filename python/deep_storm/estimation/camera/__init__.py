"""What the camera is like: baseline and noise of dark frames and dark parts, gain from the noise.

``curve`` measures noise against brightness, ``transfer`` reads gain and baseline off it, ``check``
holds a camera that was entered against them. ``background`` and ``dark`` measure what gets no
light, ``noise`` the baseline that blinking molecules speak for.
"""
