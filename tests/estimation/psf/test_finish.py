"""Whether a finished fit is believed."""

from types import SimpleNamespace

import numpy as np
import pytest

from deep_storm.errors import PsfError
from deep_storm.estimation.psf.finish import measured
from deep_storm.estimation.psf.spline import Spline


class Dented(Spline):
    """A spline whose values have a negative ring."""

    def values(self, coefficients, samples_per_px=8):
        values = super().values(coefficients, samples_per_px)
        middle = len(values) // 2
        y, x = np.mgrid[: len(values), : len(values)] - middle
        ring = (np.hypot(y, x) > 0.5 * middle) & (np.hypot(y, x) < 0.6 * middle)
        return np.where(ring, -0.1 * values.sum() / ring.sum(), values)


def test_a_psf_that_is_negative_is_refused():
    spline = Dented.for_sigma(1.1, 32)
    state = SimpleNamespace(
        spline=spline,
        coefficients=spline.gaussian(1.1),
        scenes=SimpleNamespace(efficiency=1.0),
    )
    with pytest.raises(PsfError, match="11% of the PSF's light below zero"):
        measured(SimpleNamespace(state=state, error=None), "measured", 0.01)
