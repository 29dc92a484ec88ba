"""The PSF of a simulation: a Gaussian, or the table in the file that its settings name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deep_storm.camera import Camera
from deep_storm.settings import Psf

if TYPE_CHECKING:
    from deep_storm.psf.table import PsfTable

SIGMA_AGREES = 0.02


def psf_with_table(psf: Psf, camera: Camera) -> tuple[Psf, PsfTable | None]:
    """Return PSF settings and the table that they name.

    The sigma of the settings becomes that of the Gaussian that fits the table best.

    Parameters
    ----------
    psf
        As given.
    camera
        Its pixel size must be that of the table.

    Raises
    ------
    SettingsError, PsfError
        The file is missing or damaged, or belongs to another pixel size.
    """
    if not psf.psf_file:
        return psf, None
    # brings compiled loops, which --help can do without
    from deep_storm.io.psf_sources import load_psf  # numba, scipy

    table = load_psf(psf.psf_file, camera.pixel_size_nm)
    # A record of the run may lie elsewhere.
    psf = psf.model_copy(update={"psf_file": str(Path(psf.psf_file).resolve())})
    sigma_nm = table.effective_sigma_nm
    if abs(sigma_nm / psf.sigma_nm - 1.0) > SIGMA_AGREES:
        psf = psf.model_copy(update={"sigma_nm": round(sigma_nm, 3)})
    return psf, table
