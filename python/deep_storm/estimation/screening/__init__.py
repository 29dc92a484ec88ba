"""Invalid frames and pixels of a movie, found before anything is estimated from it.

``frames`` tells dark, flashing and repeated frames from the others, ``pixels`` hot, dead, noisy and
covered pixels, ``transients`` cosmic rays; ``examination`` looks at a movie with all of them, and
``stream`` is the movie without what they found.
"""

from deep_storm.estimation.screening.examination import Examination, examine
from deep_storm.estimation.screening.stream import ScreenedFrames, Screening

__all__ = ["Examination", "ScreenedFrames", "Screening", "examine"]
