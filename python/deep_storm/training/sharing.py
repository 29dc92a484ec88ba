"""How the light of a movie may be shared: among few bright molecules or many dim ones."""

from __future__ import annotations

import math
from typing import NamedTuple

from deep_storm.estimation.movie_psf import BLINKING
from deep_storm.settings import Background, Emitters
from deep_storm.words import rounded

SHARES, NEAR_SHARES = (0.5, 0.7, 0.9, 1.15), (0.6, 0.8, 1.0, 1.25)
SPREADS = (0.1, 0.4, 0.7, 1.0)
"""Tried: photons over those of a fit, or of an estimate; and their relative standard deviation."""
BROAD, BROAD_SPREADS = 0.6, (0.1, 0.45, 0.8, 1.2)
"""Tried where the fit's spread is broader than that: photons of molecules that are on for a part of
a frame may spread more than by an exponential distribution."""
MORE_LIGHT = 0.16
MAX_OF_BACKGROUND = 0.5
"""Light of the molecules beyond that of the fit that is tried; the background loses at most half
for it."""


class Light(NamedTuple):
    """What a movie's light is shared among."""

    emitters: Emitters
    background: Background

    @property
    def spread(self) -> float:
        """Standard deviation over mean of the photons."""
        return self.emitters.intensity_std_photon / self.emitters.intensity_photon


def sharings(
    own: Light, area_um2: float, fitted: bool, background_known: bool
) -> list[tuple[float, float, float]]:
    """Return what is tried: logarithms of share and light, and spread of photons.

    More and less light take turns, as the fields of a chessboard.

    Parameters
    ----------
    own
        As it was found.
    area_um2
        Of a pixel.
    fitted
        Whether a fit has found it, or an estimate, which is nearer.
    background_known
        Whether the background, and so the light of the emitters, is right as it is.
    """
    emitters = own.emitters
    spreads = SPREADS if own.spread <= BROAD else BROAD_SPREADS
    of_emitters = emitters.density_per_um2 * emitters.intensity_photon * area_um2
    more = min(MORE_LIGHT, MAX_OF_BACKGROUND * own.background.background_photon / of_emitters)
    if background_known:
        more = 0.0
    light = math.log1p(-more / 2.0), math.log1p(more)
    return [
        (math.log(share), spread, light[(k + n) % 2])
        for k, share in enumerate(SHARES if fitted else NEAR_SHARES)
        for n, spread in enumerate(spreads)
    ]


def shared(own: Light, share: float, spread: float, light: float, area_um2: float) -> Light:
    """Share light among molecules that are brighter by a factor, and take it from the background.

    ``share`` and ``light``: logarithms of the photons and of all light of emitters over those of
    the fit.
    """
    emitters, level = own.emitters, own.background.background_photon
    photons = math.exp(share) * emitters.intensity_photon
    density = math.exp(light - share) * emitters.density_per_um2
    of_emitters = emitters.density_per_um2 * emitters.intensity_photon * area_um2
    return Light(
        emitters.model_copy(
            update={
                "intensity_photon": rounded(photons),
                "intensity_std_photon": rounded(spread * photons, 3),
                "density_per_um2": rounded(density),
                "spread": "gamma" if spread > BLINKING else emitters.spread,
            }
        ),
        own.background.model_copy(
            update={"background_photon": rounded(level - math.expm1(light) * of_emitters)}
        ),
    )
