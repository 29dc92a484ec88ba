"""Whether a model suits a stack: residuals after the fit, compared with those of simulated frames.

What was found is drawn again through the camera model and fitted once more, in the same way. That
shows what residuals look like when everything is right: with as many emitters, as crowded. What
differs then tells :mod:`~deep_storm.quality.causes` apart.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.quality.cause import Cause, CauseName
from deep_storm.quality.causes import LINES, causes, edge_of
from deep_storm.quality.residuals import BRIGHT, DIM, Residuals
from deep_storm.settings import Emitters, Psf

Values = npt.NDArray[np.float64]
MIN_EMITTERS = 10
REGIONS_OFF = 0.1
"""Share of regions that may be off for other reasons."""
NOISIER_THAN_MAPS = (
    "some pixels are much noisier than the camera maps say: the maps may be of another camera, "
    "another exposure time or another part of the chip; make them again (deep-storm "
    "measure-background --dark)"
)
LINES_DESPITE_MAPS = (
    "whole rows or columns of pixels are brighter or darker together, which the camera maps do not "
    "have: it changes from frame to frame, or the maps are of another camera or exposure time; dim "
    "localizations along them may be false. Switch on the camera's correction of rows or columns, "
    "or make the maps again (deep-storm measure-background --dark)"
)
KNOWN_BEFORE: dict[CauseName, str] = {
    "background": "the frames are brighter or darker in steps, and what the model was given is "
    "right for only some of them: reconstruct each part separately (--frames, or a movie of its "
    "own)",
    "processing": "the frames are not as a camera writes them: they were smoothed, resized, "
    "compressed, filtered over time, stretched one by one, or a background was subtracted, and "
    "nothing else can be judged; use the frames as the camera wrote them",
    "saturation": "bright values were clipped, by the camera or when the frames were exported, and "
    "PSF, photons and density cannot be judged: use less gain or a shorter exposure, or the frames "
    "as the camera wrote them",
}
"""What is said about a movie's causes that are known before."""
UNLIKE = (
    "molecules differ from the PSF and from one another, for instance because they are fixed and "
    "do not rotate: confidences and uncertainties are too optimistic for those that differ "
    "strongly, which may be found twice"
)
OVER_FIELD = (
    "the PSF changes over the field (aberrations towards the corners, a tilted or curved focal "
    "plane), and its mean is taken everywhere: where it differs most, as a rule in the corners, "
    "photons and sigma are off by 20 % or more, positions are shifted, and molecules may be missed "
    "or found twice although the confidence is high; reconstruct the middle of the field, or its "
    "parts separately (cut them out in Fiji: Image > Duplicate...)"
)
FROM_FIELD: tuple[tuple[CauseName, ...], ...] = (
    (),
    ("PSF shape",),
    ("PSF width",),
    ("depth",),
    ("unlike emitters",),
)
"""What a PSF that changes over the field may be taken for."""
CAMERA_CAUSES: dict[str, CauseName] = {
    "photons_per_adu": "photons per ADU",
    "baseline_adu": "baseline",
}


@dataclass(frozen=True, eq=False)
class ResidualPicture:
    """The frame that fits worst, and what isolated emitters have in common.

    Attributes
    ----------
    frame, corner_px
        Number of the frame (from 0), and first row and column of the part that is shown.
    seen, expected
        Photons ``(y, x)`` of the frame, and those that emitters and background explain.
    off
        Their difference over the expected standard deviation, NaN where a pixel does not count.
    worst_px
        Top, left, height and width of the region of ``off`` that fits worst.
    emitters
        Isolated emitters.
    image, common
        ``(k, k)``: their image as expected, and the mean of what is left of it, as shares of their
        light; None where too few stand alone.
    """

    frame: int
    corner_px: tuple[int, int]
    seen: Values
    expected: Values
    off: Values
    worst_px: tuple[int, int, int, int]
    emitters: int
    image: Values | None
    common: Values | None


@dataclass(frozen=True)
class Fits:
    """Whether camera, PSF and density suit a stack, in numbers and words.

    Attributes
    ----------
    chi2
        Mean squared residual over expected variance, 1 when all is right.
    chi2_dim, chi2_bright
        The same over dim and over bright pixels, over that of a drawn stack.
    neighbour_correlation
        Of the residuals, less that of a drawn stack.
    sigma_ratio
        PSF sigma of the stack over the one expected.
    density_per_um2
        Emitters found.
    frames_off, regions_off
        Share of frames and of regions (16 × 16 pixels) that do not fit.
    sentences
        What does not suit, with what to do; empty when all is well.
    causes
        Its names (see :mod:`~deep_storm.quality.causes`).
    picture
        Where the frames do not fit; None where nobody has looked.
    """

    chi2: float
    chi2_dim: float
    chi2_bright: float
    neighbour_correlation: float
    sigma_ratio: float
    density_per_um2: float
    frames_off: float
    regions_off: float
    sentences: tuple[str, ...]
    causes: tuple[CauseName, ...] = ()
    picture: ResidualPicture | None = field(default=None, compare=False, repr=False)

    def summary(self) -> str:
        """Return the verdict in words."""
        if not self.sentences:
            return f"The frames fit camera, PSF and density (reduced χ² {self.chi2:.2f})"
        frames, regions = 100 * self.frames_off, 100 * self.regions_off
        lead = (
            f"The frames do not fit (reduced χ² {self.chi2:.2f}, too large in {frames:.0f} % of "
            f"frames and {regions:.0f} % of regions): "
        )
        return "\n".join([lead + self.sentences[0], *self.sentences[1:]])

    def to_json(self) -> dict[str, Any]:
        """Return the numbers and the sentences."""
        words = ("sentences", "causes", "picture")
        values = {k: round(float(v), 4) for k, v in vars(self).items() if k not in words}
        verdict = list(self.sentences) or ["fits"]
        return {**values, "verdict": verdict, "causes": list(self.causes)}


def judge(
    seen: Residuals,
    drawn: Residuals,
    camera: Camera,
    psf: Psf,
    emitters: Emitters,
    camera_agrees: bool = False,
    estimated: Collection[str] = (),
) -> Fits | None:
    """Compare a stack with simulated frames of its emitters.

    Parameters
    ----------
    seen, drawn
        Residuals of the stack, and of the drawn one.
    camera, psf, emitters
        What the model was trained for.
    camera_agrees
        Whether the noise of the frames, looked at without any model, agrees with the camera.
    estimated
        What of that was estimated from the movie, see :func:`~deep_storm.quality.causes.causes`.

    Returns
    -------
    The verdict; None when there are too few emitters to say.
    """
    if min(seen.emitters, drawn.emitters) < MIN_EMITTERS:
        return None
    density = seen.emitters / seen.area_um2
    dim = seen.chi2(0.0, DIM) / drawn.chi2(0.0, DIM)
    regions = float((seen.regions > _limit(drawn.regions)).mean())
    found = causes(seen, drawn, camera, psf, emitters, camera_agrees, estimated)
    if not found and (edge := edge_of(seen, drawn)) is not None:
        found = (edge,)
    if not found and regions > REGIONS_OFF:
        where = (
            f"{100 * regions:.0f} % of the regions contain light that neither emitters nor a "
            "smooth background explain: look at them in the preview"
        )
        found = (Cause("unknown", where),)
    return Fits(
        chi2=float(seen.squared.mean()),
        chi2_dim=dim,
        chi2_bright=seen.chi2(BRIGHT, 1.0) / drawn.chi2(BRIGHT, 1.0),
        neighbour_correlation=seen.neighbours - drawn.neighbours,
        sigma_ratio=seen.sigma,
        density_per_um2=density,
        frames_off=float((seen.frames > _limit(drawn.frames)).mean()),
        regions_off=regions,
        sentences=tuple(cause.sentence for cause in found),
        causes=tuple(cause.name for cause in found),
    )


def blamed_on_camera(fits: Fits, setting: str, sentence: str) -> Fits:
    """Return a verdict whose cause is the camera, where something does not fit.

    The noise from pixel to pixel contradicts the camera without any model: what else seems to be
    off may follow from that. But where it may be the read noise, and some pixels are much noisier
    than others, those are why.

    Parameters
    ----------
    fits
        The verdict.
    setting
        Of the camera; empty where it may be the baseline or the read noise.
    sentence
        What contradicts it, with advice.
    """
    if not fits.causes or (fits.causes == ("pixel noise",) and not setting):
        return fits
    return replace(fits, sentences=(sentence,), causes=(CAMERA_CAUSES.get(setting, "baseline"),))


def blamed_on(fits: Fits, cause: CauseName, *, whatever: bool = False) -> Fits:
    """Return a verdict whose cause is known before, where something does not fit.

    ``whatever``: also where all seems to fit.

    What else seems to be off follows from it: from light that changes in steps (``background``);
    from what was done to the frames (``processing``: no camera makes such frames, and so no
    simulation is like them); or from bright values that were cut off (``saturation``: bright
    emitters are then lower and wider than the others).
    """
    if not fits.causes and not whatever:
        return fits
    return replace(fits, sentences=(KNOWN_BEFORE[cause],), causes=(cause,))


def with_unlike_emitters(fits: Fits) -> Fits:
    """Return the verdict on emitters that are not like the PSF: that is no fit, if all else is.

    What their images leave over is taken for further emitters, and so is not among the residuals.
    """
    if fits.causes:
        return fits
    return replace(fits, sentences=(UNLIKE,), causes=("unlike emitters",))


def with_psf_over_field(fits: Fits) -> Fits:
    """Return the verdict on a PSF that changes over the field, unless the light says otherwise."""
    if fits.causes[:1] not in FROM_FIELD:
        return fits
    return replace(fits, sentences=(OVER_FIELD,), causes=("PSF over the field",))


def with_cause(fits: Fits, cause: CauseName, sentence: str) -> Fits:
    """Return a verdict with a cause that the table tells: light that passes, or that stands.

    Such light has been explained by emitters, and so is not among the residuals.
    """
    return replace(fits, sentences=(sentence,), causes=(cause,))


def despite_maps(fits: Fits) -> Fits:
    """Return the verdict on frames whose pixels' noise is known: not to give maps once more."""
    if fits.causes != ("pixel noise",):
        return fits
    said = LINES_DESPITE_MAPS if fits.sentences == (LINES,) else NOISIER_THAN_MAPS
    return replace(fits, sentences=(said,))


def _limit(usual: Values) -> float:
    """Return the largest χ² of a frame or region that fits."""
    return float(usual.mean() + max(4.0 * usual.std(), 0.1))
