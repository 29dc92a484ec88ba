"""The verdict on a run: its residuals, and what is known of the movie before."""

from __future__ import annotations

from deep_storm.inference.fits import judge_samples
from deep_storm.inference.results import Reconstructed
from deep_storm.inputs.models import ReadyModel
from deep_storm.inputs.movie import Movie
from deep_storm.quality.fits import (
    Fits,
    blamed_on,
    blamed_on_camera,
    despite_maps,
    with_cause,
    with_psf_over_field,
    with_unlike_emitters,
)
from deep_storm.quality.paired import paired_of
from deep_storm.quality.passing import passing_of
from deep_storm.quality.standing import standing_of

MAY_PASS, MAY_STAND = ((), ("unlike emitters",)), (("density",), ("unknown",))
"""First causes that the table may tell more of: residuals know what has been explained by emitters
only as emitters that are too many or unlike the PSF, or by what else is left over there."""
WITH_OWN_PSF = (("PSF width",), ("PSF shape",))
"""More of them where the movie itself gave the PSF: light that stands has spoiled it."""
FRAMES_THEMSELVES = (("processing",), ("saturation",), ("photons per ADU",), ("baseline",))
"""First causes from which anything in the table may follow."""
MUCH_CLIPPED = 0.001
"""Share of values that were cut off, with which no verdict is that the frames fit: what is left of
many molecules looks like light that others explain."""
MAX_ROWS = 50_000
"""Of the beginning of a table, in which light that passes or stands is looked for."""


def judged(done: Reconstructed, ready: ReadyModel, movie: Movie | None) -> Fits | None:
    """Judge whether camera, PSF and density suit the frames of the sample.

    Parameters
    ----------
    done
        What was found, with the sample of frames.
    ready
        The model, and whether molecules of the movie differ from its PSF.
    movie
        What was found out about the frames before; None where that was not looked for.

    Returns
    -------
    None where the sample says nothing.
    """
    fits = _judged(done, ready, movie)
    if fits is None or fits.causes[:1] in FRAMES_THEMSELVES:
        return fits
    rows = done.rows.beginning(MAX_ROWS)
    paired = None if "z_nm" in rows else paired_of(rows, ready.model.card.psf.sigma_nm)
    if paired is not None and paired.is_seen:
        return with_cause(fits, "depth", paired.sentence())
    may_stand = _may_stand(ready)
    if fits.causes[:1] not in (*MAY_PASS, *may_stand):
        return fits
    if fits.causes[:1] in may_stand:
        standing = standing_of(rows, ready.model.card.psf.sigma_nm)
        if standing is not None and standing.is_seen:
            return with_cause(fits, "standing light", standing.sentence())
        return fits
    passing = passing_of(rows)
    if passing is not None and passing.is_seen:
        return with_cause(fits, "passing light", passing.sentence())
    return fits


def _may_stand(ready: ReadyModel) -> tuple[tuple[str, ...], ...]:
    """Return the first causes behind which there may be light that stands.

    Not where somebody says that molecules lie on filaments or in clusters: in a dense movie of
    these, something is found in each place of them all the time.
    """
    given = "emitters" not in ready.estimated
    if given and ready.model.card.emitters.structure != "uniform":
        return ()
    return (*MAY_STAND, *(WITH_OWN_PSF if "psf" in ready.estimated else ()))


def _judged(done: Reconstructed, ready: ReadyModel, movie: Movie | None) -> Fits | None:
    """Judge by the sample of frames, and by what is known before."""
    looked = None if movie is None else movie.examination
    counted, agrees = None, False
    if movie is not None and looked is not None:
        counted, agrees = looked.used, movie.camera_agrees
    card, table = ready.model.card, ready.model.table
    fits = judge_samples(list(done.samples), card, table, counted, agrees, ready.estimated)
    if fits is not None and ready.mixed:
        fits = with_unlike_emitters(fits)
    if fits is not None and ready.over_field:
        fits = with_psf_over_field(fits)
    if fits is None or movie is None:
        return fits
    if movie.frames.noise is not None:
        fits = despite_maps(fits)
    transfer = None if looked is None else looked.transfer
    if transfer is not None and transfer.is_processed:
        return blamed_on(fits, "processing")
    if movie.doubt is not None:
        return blamed_on_camera(fits, movie.doubt.setting, movie.doubt.sentence())
    if looked is not None and looked.clipped is not None:
        much = looked.clipped.share >= MUCH_CLIPPED
        return blamed_on(fits, "saturation", whatever=much)
    changes = looked is not None and looked.light_changes
    return blamed_on(fits, "background") if changes else fits
