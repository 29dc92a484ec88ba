"""A PSF in any file that is taken for one.

==================  ===============================================================================
``NAME.toml``       a table (section ``[psf_table]``, :mod:`deep_storm.io.psf_files`) or theory
                    (section ``[pupil]``: the settings of a :class:`~deep_storm.settings.TheoryPsf`)
``NAME.yaml``       ThunderSTORM's cylindrical-lens calibration, or Picasso's 3D calibration
``NAME_3dcal.mat``  SMAP's spline (:mod:`deep_storm.io.foreign_psf`)
==================  ===============================================================================
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np

from deep_storm.errors import PsfError
from deep_storm.io.config import load_toml
from deep_storm.io.foreign_psf import read_calibration, read_smap
from deep_storm.io.psf_files import SECTION, read_psf
from deep_storm.psf.elliptical import at_focus
from deep_storm.psf.pupil import pupil_table
from deep_storm.psf.table import PsfTable
from deep_storm.settings import TheoryPsf

THEORY = "pupil"
LARGE_NM, LARGE_RADIUS_NM = 1000.0, 2000.0
"""From this reach along z on, or with a mask, light goes farther from the middle."""


def load_psf(path: str | os.PathLike[str], pixel_size_nm: float) -> PsfTable:
    """Read or compute the PSF that a file describes.

    Parameters
    ----------
    path
        The file; its ending tells what it is.
    pixel_size_nm
        Pixel size of the camera that it shall be used with.

    Raises
    ------
    SettingsError
        A description is missing, no TOML, or a value in it is unknown or out of range.
    PsfError
        The file is damaged or no PSF, or belongs to another pixel size.
    """
    file = Path(path)
    ending = file.suffix.lower()
    if ending in (".yaml", ".yml"):
        return read_calibration(file, pixel_size_nm)
    if ending == ".mat":
        return read_smap(file, pixel_size_nm)
    if ending == ".toml" and file.is_file():
        content = load_toml(file)
        if THEORY in content and SECTION not in content:
            return _computed(TheoryPsf.parse(content[THEORY], str(file)), pixel_size_nm)
    return read_psf(file, pixel_size_nm)


def read_theory(path: str | os.PathLike[str]) -> TheoryPsf:
    """Read a PSF from theory.

    Raises
    ------
    SettingsError
        The file is missing, no TOML, or a value in it is unknown or out of range.
    PsfError
        It describes another kind of PSF.
    """
    content = load_toml(path) if Path(path).suffix.lower() == ".toml" else {}
    if THEORY not in content:
        raise PsfError(
            f"{path} without a section [{THEORY}]",
            "a PSF from theory, whose aberrations can be fitted (TOML)",
            f"write numerical_aperture, wavelength_nm and astigmatism_waves under [{THEORY}]",
        )
    return TheoryPsf.parse(content[THEORY], str(path))


def _computed(theory: TheoryPsf, pixel_size_nm: float) -> PsfTable:
    """Return the PSF of a pupil over depth, with its focus at 0."""
    planes = round(theory.z_reach_nm / theory.z_step_nm)
    z_nm = theory.z_step_nm * np.arange(-planes, planes + 1, dtype=np.float64)
    masked = theory.phase_mask != "none"
    radius_px = None
    if masked or theory.z_reach_nm > LARGE_NM:
        radius_px = math.ceil(LARGE_RADIUS_NM / pixel_size_nm)
    table = pupil_table(theory, pixel_size_nm, z_nm, radius_px=radius_px, refocused=not masked)
    if masked or len(z_nm) == 1:
        return table
    return at_focus(table, centred=False)
